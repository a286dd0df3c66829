//! Sweeps: variants of one experiment over several seeds, compared in a table.
//!
//! Variants, their pending runs, and the table of results. `make` executes the runs.

mod make;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use super::{EvalSummary, RunError, Spread, Summary};
use crate::config::{ConfigError, RunConfig};
use crate::files::{self, in_plain_words};
use crate::learner::checkpoint::{self, replace_file};
use crate::learner::owner::{Kind, Owner, check_kind, check_outside, entries, foreign};
pub use make::make;

/// The file that [`Sweep::write`] writes.
const RESULTS: &str = "results.jsonl";
/// Its maximum size in bytes: some hundred thousand runs.
const LARGEST_RESULTS: u64 = 64 << 20;

/// A sweep's file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// Default world of the variants.
    pub env: String,
    /// Seeds of every variant; a claim about learning needs at least three.
    pub seeds: Vec<u64>,
    /// `key=value` settings of all variants, over the world's tuned experiment.
    #[serde(default)]
    pub set: Vec<String>,
    /// The value of a run shown in the table.
    #[serde(default)]
    pub measure: Measure,
    /// The variants.
    pub variant: Vec<Variant>,
    /// The file it was read from, for messages.
    #[serde(skip)]
    file: String,
}

/// A mean over the final greedy episodes of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Sum of rewards.
    #[default]
    Return,
    /// Points for minus points against, or 1 for a goal.
    Score,
}

impl Measure {
    /// This mean of `eval`, if it has one.
    pub fn of(self, eval: Option<&EvalSummary>) -> Option<f64> {
        let eval = eval?;
        Some(match self {
            Self::Return => eval.episode_return.mean,
            Self::Score => eval.score.mean,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Return => "return",
            Self::Score => "score",
        }
    }
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Name of the variant and of its folder: letters, digits, spaces and `-_+.`.
    pub name: String,
    /// World, if it is not the sweep's.
    pub env: Option<String>,
    /// Settings over the sweep's.
    #[serde(default)]
    pub set: Vec<String>,
}

/// One run of a sweep.
#[derive(Debug, Clone)]
pub struct Job {
    /// Index of its variant.
    pub variant: usize,
    /// The resolved configuration, including the seed.
    pub config: RunConfig,
    /// Its run folder.
    pub out: PathBuf,
    /// Whether the folder holds the beginning of this run.
    pub resume: bool,
    /// Its result, if it is finished.
    pub finished: Option<Summary>,
}

/// A line of `results.jsonl`.
#[derive(Serialize)]
struct Line<'a> {
    variant: &'a str,
    #[serde(flatten)]
    summary: &'a Summary,
}

impl Sweep {
    /// Reads a sweep's file.
    ///
    /// # Errors
    /// [`ConfigError`] in one line, naming the file, the line if known, and what is allowed.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let file = path.display().to_string();
        let text = files::read_text(path, files::LARGEST_TEXT)
            .map_err(|error| ConfigError::Unreadable { file: file.clone(), reason: error.to_string() })?;
        let mut sweep: Self = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            ConfigError::Invalid { place: format!("{file}:{line}"), problem: in_plain_words(error.message()) }
        })?;
        sweep.file.clone_from(&file);
        let invalid = |problem: String| Err(ConfigError::Invalid { place: file.clone(), problem });
        if sweep.seeds.is_empty() {
            return invalid("seeds = []: give at least one".into());
        }
        let mut seeds = BTreeSet::new();
        if let Some(seed) = sweep.seeds.iter().find(|seed| !seeds.insert(**seed)) {
            return invalid(format!("seeds: {seed} is listed twice"));
        }
        if sweep.variant.is_empty() {
            return invalid("variant: give at least one [[variant]]".into());
        }
        if let Err(problem) = keeps_its_own(&sweep.set, "set") {
            return invalid(problem);
        }
        let mut names = BTreeSet::new();
        for Variant { name, set, .. } in &sweep.variant {
            if let Err(problem) = keeps_its_own(set, &format!("variant {name:?}: set")) {
                return invalid(problem);
            }
            let plain = |c: char| c.is_alphanumeric() || " -_+.".contains(c);
            if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
                return invalid(format!(
                    "variant name = {name:?}: allowed: letters, digits, spaces and -_+."
                ));
            }
            if name == RESULTS {
                return invalid(format!("variant name = {name:?}: the results are written there"));
            }
            if !names.insert(name) {
                return invalid(format!("variant name = {name:?} is listed twice"));
            }
        }
        Ok(sweep)
    }

    /// All runs, variant by variant, with their folders below `out`.
    ///
    /// # Errors
    /// [`ConfigError`] for an invalid setting, [`RunError::Folder`] for a folder with a run of other
    /// settings.
    pub fn jobs(&self, out: &Path) -> Result<Vec<Job>, Box<dyn std::error::Error>> {
        let mut jobs = Vec::new();
        for (index, variant) in self.variant.iter().enumerate() {
            let sets = [&self.set[..], &variant.set].concat();
            let env = variant.env.as_ref().unwrap_or(&self.env);
            let misfit = |error: ConfigError| ConfigError::Invalid {
                place: format!("{}: variant {:?}", self.file, variant.name),
                problem: error.to_string(),
            };
            let config = RunConfig::resolve(Some(env), None, &sets).map_err(misfit)?;
            for &seed in &self.seeds {
                let config = RunConfig { seed, ..config.clone() };
                config.validate().map_err(misfit)?;
                let out = out.join(&variant.name).join(format!("seed-{seed}"));
                let begun = out.join("config.toml");
                let begun = begun.is_file().then(|| RunConfig::written(&begun)).transpose()?;
                if begun.as_ref().is_some_and(|begun| begun.to_toml() != config.to_toml()) {
                    let reason = "holds a run with other settings; choose another --out".to_owned();
                    return Err(RunError::Folder { path: out.display().to_string(), reason }.into());
                }
                let summary = files::read_text(&out.join("summary.json"), files::LARGEST_TEXT).ok();
                let summary = summary.and_then(|text| serde_json::from_str::<Summary>(&text).ok());
                jobs.push(Job {
                    variant: index,
                    resume: begun.is_some() && checkpoint::exists(&out),
                    out,
                    finished: summary.filter(|summary| is_through(summary, &config)),
                    config,
                });
            }
        }
        Ok(jobs)
    }

    /// The results as a Markdown table, one line per variant and one column per seed.
    ///
    /// A cell is the mean return or score of the last greedy episodes, in parentheses that on the training
    /// levels if others are held out, and the environment steps to the target return if it was reached.
    /// Medians are over seeds.
    pub fn table(&self, jobs: &[Job]) -> String {
        let mut text = String::from("| variant |");
        for seed in &self.seeds {
            _ = write!(text, " seed {seed} |");
        }
        let measured = |summary: &Summary| self.measure.of(summary.eval.as_ref());
        let name = self.measure.name();
        _ = write!(text, " median {name} | success | env steps | gradient steps | seconds |\n|---|");
        text += &"---|".repeat(self.seeds.len() + 5);
        text.push('\n');
        for (index, variant) in self.variant.iter().enumerate() {
            let results: Vec<_> = jobs.iter().filter(|job| job.variant == index).collect();
            _ = write!(text, "| {} |", variant.name);
            for job in &results {
                let Some(summary) = &job.finished else {
                    text += " – |";
                    continue;
                };
                match (measured(summary), summary.solved) {
                    (Some(value), Some(solved)) => {
                        _ = write!(text, " {} at {} |", short(value), solved.env_steps)
                    }
                    (Some(value), None) => {
                        let trained = self.measure.of(summary.eval_training.as_ref());
                        let trained = trained.map_or(String::new(), |value| format!(" ({})", short(value)));
                        _ = write!(text, " {}{trained} |", short(value));
                    }
                    (None, _) => text += " – |",
                }
            }
            let summaries: Vec<&Summary> = results.iter().filter_map(|job| job.finished.as_ref()).collect();
            let median = |value: &dyn Fn(&Summary) -> Option<f64>| {
                let values: Vec<f64> = summaries.iter().filter_map(|summary| value(summary)).collect();
                (!values.is_empty()).then(|| Spread::of(values).median)
            };
            let success = |summary: &Summary| Some(100.0 * summary.eval.as_ref()?.success);
            let seconds = |summary: &Summary| summary.solved.map_or(summary.seconds, |solved| solved.seconds);
            for (value, form) in [
                (median(&measured), &short as &dyn Fn(f64) -> String),
                (median(&success), &|value| format!("{value:.0} %")),
                (median(&|summary| Some(summary.env_steps as f64)), &|value| format!("{value:.0}")),
                (median(&|summary| Some(summary.gradient_steps as f64)), &|value| format!("{value:.0}")),
                (median(&|summary| Some(seconds(summary))), &|value| format!("{value:.1}")),
            ] {
                _ = write!(text, " {} |", value.map_or("–".into(), form));
            }
            text.push('\n');
        }
        if let Some(left) = unfinished(jobs) {
            _ = writeln!(text, "\n{left}");
        }
        text
    }

    /// Makes the folder `out` this sweep's own.
    ///
    /// # Errors
    /// [`RunError::Folder`] if it is in use, holds anything else or cannot be created.
    pub fn claim(&self, out: &Path) -> Result<Owner, RunError> {
        check_outside(out)?;
        check_kind(out, Kind::Sweep)?;
        let results = out.join(RESULTS);
        let others = results.symlink_metadata().is_ok() && !is_results(&results);
        let own = |name: &String| match name.as_str() {
            RESULTS => !others,
            name => self.variant.iter().any(|variant| variant.name == name),
        };
        // Other files beside an own sweep stay; foreign results would be replaced, so they are refused.
        let there = entries(out)?.into_iter().filter(|name| !own(name));
        let there: Vec<String> = there.filter(|name| !Owner::has_marked(out) || name == RESULTS).collect();
        if !there.is_empty() {
            return Err(foreign(out, &there).into());
        }
        std::fs::create_dir_all(out).map_err(|error| RunError::Folder {
            path: out.display().to_string(),
            reason: format!("{error}; choose another --out"),
        })?;
        Ok(Owner::of(out, Kind::Sweep)?)
    }

    /// Writes `results.jsonl` into `out`, one line per finished run.
    ///
    /// # Errors
    /// [`RunError::Folder`] if writing fails.
    pub fn write(&self, out: &Path, jobs: &[Job]) -> Result<(), RunError> {
        let path = out.join(RESULTS);
        let folder = |reason: String| RunError::Folder { path: path.display().to_string(), reason };
        let mut text = Vec::new();
        for job in jobs {
            if let Some(summary) = &job.finished {
                let line = Line { variant: &self.variant[job.variant].name, summary };
                serde_json::to_writer(&mut text, &line).map_err(|error| folder(error.to_string()))?;
                text.push(b'\n');
            }
        }
        replace_file(&path, &text).map_err(|error| folder(error.to_string()))
    }
}

/// One line on the pending runs; `None` if all are finished.
fn unfinished(jobs: &[Job]) -> Option<String> {
    let finished = jobs.iter().filter(|job| job.finished.is_some()).count();
    (finished < jobs.len())
        .then(|| format!("{finished} of {} runs finished; rerun the command to continue", jobs.len()))
}

/// Refuses settings that a sweep has keys for, where they would have no effect.
fn keeps_its_own(sets: &[String], place: &str) -> Result<(), String> {
    for (key, value) in sets.iter().filter_map(|set| set.split_once('=')) {
        let (key, value) = (key.trim(), value.trim());
        let instead = match key {
            "seed" => format!("seeds = [{value}] at the top of the file"),
            "env" => format!("env = {:?} as a key of its own", value.trim_matches('"')),
            _ => continue,
        };
        return Err(format!("{place} = [\"{key}={value}\"]: has no effect in a sweep; write {instead}"));
    }
    Ok(())
}

/// Whether the file at `path` was written by [`Sweep::write`].
fn is_results(path: &Path) -> bool {
    let own = |line: &str| {
        let line = serde_json::from_str::<serde_json::Value>(line).unwrap_or_default();
        line.get("variant").is_some() && line.get("env_steps").is_some()
    };
    files::read_text(path, LARGEST_RESULTS).is_ok_and(|text| text.lines().all(own))
}

/// Whether a run with `config` and `summary` is finished, even if it was resumed in between.
pub(super) fn is_through(summary: &Summary, config: &RunConfig) -> bool {
    let learned = summary.solved.is_some() || summary.env_steps >= config.steps;
    learned && !summary.interrupted && (summary.eval.is_some() || config.run.eval_episodes == 0)
}

/// Runs the pending `jobs` with `make`, `at_once` at a time, and reports each to `progress`, until `stop` is
/// set.
///
/// # Errors
/// The first failure, with the run's folder in front; started runs are finished.
fn run(
    jobs: &mut [Job],
    at_once: usize,
    stop: &AtomicBool,
    make: impl Fn(&Job) -> Result<Summary, String> + Sync,
    progress: impl Fn(&Job, &Summary) + Sync,
) -> Result<(), String> {
    let queue = Mutex::new(jobs.iter_mut().filter(|job| job.finished.is_none()));
    let failure = Mutex::new(None);
    let next = || {
        if stop.load(Ordering::Relaxed) || failure.lock().is_ok_and(|failure| failure.is_some()) {
            return None;
        }
        queue.lock().ok()?.next()
    };
    std::thread::scope(|scope| {
        for _ in 0..at_once.max(1) {
            scope.spawn(|| {
                while let Some(job) = next() {
                    match make(job) {
                        Ok(summary) => {
                            progress(job, &summary);
                            job.finished = Some(summary);
                        }
                        Err(error) => {
                            if let Ok(mut failure) = failure.lock() {
                                failure.get_or_insert(format!("{}: {error}", job.out.display()));
                            }
                        }
                    }
                }
            });
        }
    });
    failure.into_inner().ok().flatten().map_or(Ok(()), Err)
}

/// About three digits.
pub(super) fn short(value: f64) -> String {
    if value.abs() >= 100.0 { format!("{value:.1}") } else { format!("{value:.2}") }
}

#[cfg(test)]
mod tests;
