//! Tests of lines of metrics, records of older versions, and the table of docs/metrics.md.

use super::*;
use crate::algo::report::{ACTION_PROBABILITIES, Q, TD_ERROR, VALUE_LOSS};
use crate::learner::metrics::catalogue;
use crate::metrics::Metric;

#[test]
fn a_line_keeps_its_keys_their_order_and_their_form() {
    let mut rolling = RollingMetrics::default();
    let line = |rolling: &RollingMetrics| serde_json::to_string(&rolling.line(512, 3, 493, 0)).unwrap();
    assert_eq!(
        line(&rolling),
        r#"{"env_steps":512,"gradient_steps":3,"rollout/episode_length":null,"rollout/episode_return":null,"rollout/episodes":0,"rollout/score":null,"rollout/success":null,"train/replay":493}"#
    );
    let mut report = Metrics::default();
    report.set(Q, 0.1_f32);
    report.set(ACTION_PROBABILITIES, vec![0.5_f32, 0.5]);
    rolling.measured(Some(report), Some(7.0), Some(64.0));
    assert!(line(&rolling).ends_with(
        r#""rollout/policy_lag":64.0,"rollout/score":null,"rollout/success":null,"train/action_probabilities":[0.5,0.5],"train/effective_sample_size":7.0,"train/q":0.10000000149011612,"train/replay":493}"#
    ));
    let text = serde_json::to_string(&rolling).unwrap();
    assert_eq!(serde_json::from_str::<RollingMetrics>(&text).unwrap(), rolling);
}

#[test]
fn records_of_older_programs_are_read() {
    let text = r#"{"episodes":[],"finished":4,"report":{"critic_loss":1.5,"value_loss":0.0,"q_mean":0.1,"td_error_abs":0.25,"action_probabilities":[0.5,0.1]},"policy_lag":null}"#;
    let rolling: RollingMetrics = serde_json::from_str(text).unwrap();
    let report = rolling.report.as_ref().unwrap();
    assert_eq!(
        [Q, TD_ERROR, VALUE_LOSS].map(|metric| report.get(metric)),
        [Some(f64::from(0.1_f32)), Some(0.25), None]
    );
    assert_eq!(report.each(ACTION_PROBABILITIES), Some(&[0.5, 0.1_f32][..]));
    let line = serde_json::to_string(&rolling.line(0, 0, 0, 0)).unwrap();
    assert!(line.contains(r#""train/critic_loss":1.5,"train/q":0.10000000149011612,"#), "{line}");
    let before: RollingMetrics =
        serde_json::from_str(r#"{"episodes":[],"finished":0,"report":null}"#).unwrap();
    assert_eq!(before, RollingMetrics::default());
}

#[test]
fn the_document_lists_the_catalogue() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md")).unwrap();
    let row = |Metric { key, unit, help, .. }: &Metric| {
        format!("| `{key}` | {} | {} |", unit.name(), help.replace('|', "\\|"))
    };
    let expected: Vec<String> = catalogue().map(row).collect();
    let found: Vec<&str> = text.lines().filter(|line| line.starts_with("| `")).collect();
    assert!(found == expected, "the table of docs/metrics.md should be:\n{}", expected.join("\n"));
}
