//! Exact values of worlds small enough to enumerate, to compare what was learned with. `tabular` solves them.

use super::SacConfig;
use super::tabular::TabularMdp;
use crate::algo::ExactValues;
use crate::mdp::TabularModel;

/// A temperature that is as good as none.
const NONE: f32 = 1e-3;

/// What `config` pays for entropy at a temperature of `learned`.
pub(super) fn temperature(config: &SacConfig, learned: f32) -> f32 {
    if config.entropy_in_target { learned.max(NONE) } else { NONE }
}

/// Solves `model` for what `config` learns at `temperature`: the soft optimum where entropy is part of the targets, and
/// otherwise the optimum of rewards alone, as near to it as a soft one comes.
///
/// `None` where the configuration makes no problem that has a solution, such as a discount of 1.
pub(super) fn solve(model: &TabularModel, config: &SacConfig, temperature: f32) -> Option<ExactValues> {
    let temperature = self::temperature(config, temperature);
    let problem = TabularMdp::new(model.clone(), config.gamma.into(), temperature.into()).ok()?;
    let optimum = problem.soft_value_iteration();
    let actions = model.actions();
    let rows = optimum.values.q.chunks(actions).zip(optimum.policy.chunks(actions));
    let value = |(q, policy): (&[f64], &[f64])| q.iter().zip(policy).map(|(q, share)| q * share).sum::<f64>();
    Some(ExactValues {
        values: rows.map(|row| value(row) as f32).collect(),
        policy: optimum.policy.iter().map(|share| *share as f32).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdp::TabularOutcome;

    #[test]
    fn without_entropy_in_the_target_the_best_way_is_worth_its_rewards() {
        // Two states: one step to the second, one to the end; or to stay for nothing.
        let model = TabularModel::new(2, 2, |state, action| match (state, action) {
            (0, 0) => (-0.1, TabularOutcome::certain(Some(1))),
            (1, 0) => (1.0, TabularOutcome::certain(None)),
            _ => (-0.1, TabularOutcome::certain(Some(state))),
        });
        let model = model.unwrap();
        let config = SacConfig { gamma: 0.9, entropy_in_target: false, ..SacConfig::default() };
        let exact = solve(&model, &config, 0.5).unwrap();
        assert!((exact.values[1] - 1.0).abs() < 1e-3 && (exact.values[0] - 0.8).abs() < 1e-3, "{exact:?}");
        let soft = solve(&model, &SacConfig { entropy_in_target: true, ..config }, 0.5).unwrap();
        assert!(soft.policy[2] < exact.policy[2], "entropy pays for staying: {soft:?}");
    }
}
