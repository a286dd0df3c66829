//! A configuration as TOML text: disabled options, single settings, layering of tables, and positions of
//! errors.

use std::ops::Range;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::{ConfigError, RunConfig};
use crate::files::{in_one_line, in_plain_words};

/// Written for a disabled option. TOML has no null, and omitting the key would let an experiment below turn
/// the option on.
const NONE: &str = "none";

/// Keys that say which variant a table is.
const TAGS: &[&str] = &["mode", "kind"];

/// The largest TOML integer, the limit for every number in a run's files.
pub(super) const MOST: u64 = i64::MAX as u64;

pub(super) fn invalid(place: &str, problem: &str) -> ConfigError {
    // Both may quote user input.
    let [place, problem] = [place, problem].map(in_one_line);
    ConfigError::Invalid { place, problem }
}

/// Parses `text` into a table, keeping disabled options as written.
pub(super) fn parse(name: &str, text: &str) -> Result<toml::Table, ConfigError> {
    let document = document(name, text)?;
    toml::Table::deserialize(Deserializer::from(document)).map_err(|error| located(name, text, &error))
}

/// Reads `text` as `T` and refuses unused keys.
pub(crate) fn read<T: Serialize + DeserializeOwned>(
    name: &str,
    text: &str,
    options: &[String],
) -> Result<T, ConfigError> {
    let mut document = document(name, text)?;
    for option in options {
        take_none(document.get_mut(), option);
    }
    let value = T::deserialize(Deserializer::from(document)).map_err(|error| located(name, text, &error))?;
    all_read(name, switch_off(parse(name, text)?, options), &value)?;
    Ok(value)
}

/// Writes `value`, with disabled options as `"none"`.
pub(super) fn write<T: Serialize>(value: &T) -> String {
    // Serializing plain values to a string cannot fail.
    let mut text = toml::to_string_pretty(value).unwrap_or_default();
    for option in absent(value) {
        let (table, key) = option.rsplit_once('.').unwrap_or(("", &option));
        let header = format!("[{table}]\n");
        let place = if table.is_empty() { Some(0) } else { text.find(&header).map(|at| at + header.len()) };
        if let Some(place) = place {
            text.insert_str(place, &format!("{key} = \"{NONE}\"\n"));
        }
    }
    text
}

/// Dotted keys of the options that are absent from `value`.
pub(super) fn absent<T: Serialize>(value: &T) -> Vec<String> {
    fn collect(value: &Json, path: &str, all: &mut Vec<String>) {
        match value {
            Json::Null => all.push(path.to_owned()),
            Json::Object(fields) => fields.iter().for_each(|(key, value)| {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                collect(value, &path, all);
            }),
            _ => {}
        }
    }
    let mut all = Vec::new();
    collect(&serde_json::to_value(value).unwrap_or_default(), "", &mut all);
    all
}

/// Removes every one of `options` that is disabled.
pub(super) fn switch_off(mut table: toml::Table, options: &[String]) -> toml::Table {
    fn within(table: &mut toml::Table, option: &str) {
        match option.split_once('.') {
            Some((first, rest)) => {
                if let Some(toml::Value::Table(inner)) = table.get_mut(first) {
                    within(inner, rest);
                }
            }
            None => {
                if table.get(option).and_then(toml::Value::as_str) == Some(NONE) {
                    table.remove(option);
                }
            }
        }
    }
    options.iter().for_each(|option| within(&mut table, option));
    table
}

/// The same in a document with source positions.
fn take_none(table: &mut DeTable, option: &str) {
    match option.split_once('.') {
        Some((first, rest)) => {
            if let Some(DeValue::Table(inner)) = table.get_mut(first).map(Spanned::get_mut) {
                take_none(inner, rest);
            }
        }
        None => {
            if table.get(option).is_some_and(|value| value.get_ref().as_str() == Some(NONE)) {
                table.remove(option);
            }
        }
    }
}

/// Parses `text` and refuses integers beyond the limit.
fn document<'text>(name: &str, text: &'text str) -> Result<Spanned<DeTable<'text>>, ConfigError> {
    fn too_large(value: &Spanned<DeValue>) -> Option<(Range<usize>, String)> {
        match value.get_ref() {
            DeValue::Integer(integer) => {
                let fits = i64::from_str_radix(integer.as_str(), integer.radix()).is_ok();
                (!fits).then(|| (value.span(), integer.as_str().to_owned()))
            }
            DeValue::Array(values) => values.iter().find_map(too_large),
            DeValue::Table(values) => values.values().find_map(too_large),
            _ => None,
        }
    }
    let document = DeTable::parse(text).map_err(|error| located(name, text, &error))?;
    match document.get_ref().values().find_map(too_large) {
        Some((span, number)) => {
            Err(at(name, text, span.start, &format!("{number}: allowed: at most {MOST}")))
        }
        None => Ok(document),
    }
}

/// Refuses a key of `given` that `value`, read from it, does not have beside a `mode` or `kind`. Serde does not report one
/// beside the tag of a variant without fields; of all others it does.
fn all_read<T: Serialize>(place: &str, given: toml::Table, value: &T) -> Result<(), ConfigError> {
    let known = toml::Table::try_from(value).map_err(|error| invalid(place, &error.to_string()))?;
    match unread(&given, &known) {
        Some(key) => Err(invalid(place, &format!("unknown field `{key}` for this `mode`"))),
        None => Ok(()),
    }
}

/// Dotted path of the first key of `given` that `known` does not have.
fn unread(given: &toml::Table, known: &toml::Table) -> Option<String> {
    given.iter().find_map(|(key, value)| match (value, known.get(key)) {
        // Elsewhere a key is absent from what is written because it has its default.
        (_, None) => TAGS.iter().any(|tag| known.contains_key(*tag)).then(|| key.clone()),
        (toml::Value::Table(given), Some(toml::Value::Table(known))) => {
            unread(given, known).map(|rest| format!("{key}.{rest}"))
        }
        _ => None,
    })
}

/// The error in `text`, with its line.
pub(crate) fn located(name: &str, text: &str, error: &toml::de::Error) -> ConfigError {
    at(name, text, error.span().map_or(0, |span| span.start), &in_plain_words(error.message()))
}

fn at(name: &str, text: &str, byte: usize, problem: &str) -> ConfigError {
    let line = 1 + text.bytes().take(byte).filter(|&byte| byte == b'\n').count();
    invalid(&format!("{name}:{line}"), problem)
}

/// `sets` in order, but `a.kind=x` or `a.mode=x` before other entries of the table `a`, which can only be read together
/// with it.
pub(super) fn kinds_first(sets: &[String]) -> Vec<&String> {
    let key = |set: &str| set.split('=').next().unwrap_or_default().trim().to_owned();
    let mut ordered: Vec<&String> = Vec::with_capacity(sets.len());
    for set in sets {
        let own = key(set);
        let parent = own.strip_suffix("kind").or_else(|| own.strip_suffix("mode"));
        let place = parent.filter(|parent| parent.ends_with('.')).map_or(ordered.len(), |parent| {
            // Not before a set of the whole table, which it changes.
            let whole = |set: &&String| parent.starts_with(&format!("{}.", key(set)));
            let after = ordered.iter().rposition(whole).map_or(0, |at| at + 1);
            let entry = |set: &&String| {
                key(set).strip_prefix(parent).is_some_and(|rest| !["kind", "mode"].contains(&rest))
            };
            ordered[after..].iter().position(entry).map_or(ordered.len(), |at| after + at)
        });
        ordered.insert(place, set);
    }
    ordered
}

/// Sets `a.b.c=value` in `table`, a complete configuration.
pub(super) fn apply_set(table: &mut toml::Table, set: &str, options: &[String]) -> Result<(), ConfigError> {
    let place = format!("--set {}", crate::files::in_one_line(set));
    let Some((key, text)) = set.split_once('=') else {
        return Err(invalid(&place, "no `=`; write --set dotted.key=value"));
    };
    let mut parts: Vec<&str> = key.trim().split('.').collect();
    let last = parts.pop().unwrap_or_default();
    let mut alone = toml::Table::new();
    alone.insert(last.into(), value(&place, text)?);
    for part in parts.into_iter().rev() {
        let mut outer = toml::Table::new();
        outer.insert(part.into(), alone.into());
        alone = outer;
    }
    // First by itself over what is there, so that the message is about this setting.
    let mut probe = table.clone();
    let off = text.trim().trim_matches('"') == NONE && is_there(&probe, key.trim());
    merge(&mut probe, alone.clone());
    let read = toml::Value::Table(switch_off(probe, options)).try_into::<RunConfig>();
    let read = read.map_err(|error| match off {
        true => invalid(&place, "cannot be switched off; give a value, or leave it out"),
        false => {
            let problem = in_plain_words(error.message());
            let lacks = problem.starts_with("missing field");
            invalid(
                &place,
                &format!("{problem}{}", if lacks { "; give it in a --set of its own" } else { "" }),
            )
        }
    })?;
    all_read(&place, switch_off(alone.clone(), options), &read)?;
    merge(table, alone);
    Ok(())
}

/// Whether `table` has the dotted `key`.
fn is_there(table: &toml::Table, key: &str) -> bool {
    match key.split_once('.') {
        Some((first, rest)) => {
            table.get(first).and_then(toml::Value::as_table).is_some_and(|inner| is_there(inner, rest))
        }
        None => table.contains_key(key),
    }
}

/// `text` as TOML, as a number in another notation (`.98`, `5.`, `+3`), or else as a string.
fn value(place: &str, text: &str) -> Result<toml::Value, ConfigError> {
    let text = text.trim();
    if text.chars().any(|c| c.is_control() && c != '\t') {
        return Err(invalid(place, "the value has several lines; give every value in a --set of its own"));
    }
    let number = text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first));
    let digits = text.trim_start_matches(['+', '-']);
    if number && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let read = text.parse::<i64>().map(toml::Value::Integer);
        return read.map_err(|_| invalid(place, &format!("allowed: a whole number of at most {MOST}")));
    }
    match parse(place, &format!("v = {text}")) {
        Ok(mut table) => table.remove("v").ok_or_else(|| invalid(place, "no value")),
        Err(ConfigError::Invalid { problem, .. }) if text.starts_with(['{', '[', '"']) => {
            Err(invalid(place, &problem))
        }
        Err(_) => {
            let float = text.parse::<f64>().ok().filter(|_| number);
            Ok(float.map_or_else(|| toml::Value::String(text.to_owned()), toml::Value::Float))
        }
    }
}

/// A level, which may also be written as a number.
pub(super) fn name_or_number<'de, D: serde::Deserializer<'de>>(
    value: D,
) -> Result<Option<PathBuf>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "invalid type: give a level's number, name or path")]
    enum Level {
        Number(u64),
        Name(PathBuf),
    }
    let level = Option::<Level>::deserialize(value)?;
    Ok(level.map(|level| match level {
        Level::Number(number) => number.to_string().into(),
        Level::Name(name) => name,
    }))
}

/// Whether two values of a tag do not name different variants.
fn agree(below: Option<&toml::Value>, above: Option<&toml::Value>) -> bool {
    below.is_none() || above.is_none() || below == above
}

/// Merges `over` into `table`, key by key. A table with a `mode` or `kind` entirely replaces one with
/// another.
pub(super) fn merge(table: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (table.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above))
                if TAGS.iter().all(|tag| agree(below.get(*tag), above.get(*tag))) =>
            {
                merge(below, above);
            }
            (_, value) => _ = table.insert(key, value),
        }
    }
}
