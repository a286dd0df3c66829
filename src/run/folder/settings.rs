//! The settings of a run one by one, for tables that compare runs.

use toml::Value;

use crate::metrics::Hparam;

/// The values of `config`, a TOML text, by key with the tables that it is in: `sac.gamma`. Lists are one text; nothing of a
/// text that cannot be read.
pub(super) fn settings(config: &str) -> Vec<(String, Hparam)> {
    let mut found = Vec::new();
    if let Ok(table) = config.parse::<toml::Table>() {
        flatten("", Value::Table(table), &mut found);
    }
    found
}

fn flatten(key: &str, value: Value, found: &mut Vec<(String, Hparam)>) {
    let setting = match value {
        Value::Table(table) => {
            let within = |name: String| if key.is_empty() { name } else { format!("{key}.{name}") };
            return table.into_iter().for_each(|(name, value)| flatten(&within(name), value, found));
        }
        Value::Integer(number) => Hparam::Number(number as f64),
        Value::Float(number) => Hparam::Number(number),
        Value::Boolean(on) => Hparam::Switch(on),
        Value::String(text) => Hparam::Text(text),
        other => Hparam::Text(other.to_string()),
    };
    found.push((key.to_owned(), setting));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_name_their_tables() {
        let text = "env = \"lander\"\nsteps = 9\n[sac]\ngamma = 0.5\nhidden = [64, 64]\n[sac.temperature]\non = true\n";
        let mut found = settings(text);
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        let expected = [
            ("env", Hparam::Text("lander".into())),
            ("sac.gamma", Hparam::Number(0.5)),
            ("sac.hidden", Hparam::Text("[64, 64]".into())),
            ("sac.temperature.on", Hparam::Switch(true)),
            ("steps", Hparam::Number(9.0)),
        ];
        assert_eq!(found, expected.map(|(key, setting)| (key.to_owned(), setting)));
        assert_eq!(settings("not toml ["), []);
    }
}
