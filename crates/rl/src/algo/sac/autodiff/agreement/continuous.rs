//! The same for continuous actions: boxes of any bounds, clamped and free standard deviations, both estimators.

use super::*;

/// Random configurations compared.
const CASES: u64 = 150;

/// Any combination that goes with continuous actions.
pub(in crate::algo::sac) fn random_continuous_case(seed: u64) -> (SacConfig, Case) {
    let (config, case) = random_case(seed);
    let source = &mut rng(seed, Stream::Replay, 3);
    let samples = source.random_range(1..4);
    let config = SacConfig {
        critic_head: Head::Linear,
        q_clip: None,
        entropy_penalty: None,
        behavior_cloning: None,
        actor_gradient: pick(source, &[ActorGradient::Expected, ActorGradient::Reinforce { samples }]),
        // The narrow ones clamp.
        log_std_bounds: pick(source, &[[-20.0, 2.0], [-0.1, 0.1], [-3.0, 1.0]]),
        reward_scale: pick(source, &[1.0, 3.0]),
        shared_std: pick(source, &[false, false, true]),
        ..config
    };
    (config, Case { actions: source.random_range(1..5), continuous: true, ..case })
}

#[test]
fn both_updates_of_continuous_actions_agree_whatever_is_combined() {
    agree(CASES, random_continuous_case);
}

/// The comparison above would notice an update that takes one variant of continuous actions for another.
#[test]
fn one_variant_of_continuous_actions_taken_for_another_is_noticed() {
    let plain = SacConfig { hidden: vec![8], adam_epsilon: 0.01, ..SacConfig::default() };
    let case = Case { inputs: 3.into(), actions: 2, continuous: true, batch: 6, given: false, seed: 1 };
    let reinforce =
        |samples| SacConfig { actor_gradient: ActorGradient::Reinforce { samples }, ..plain.clone() };
    let learned = |fraction| SacConfig {
        temperature: Temperature::Learned { target_entropy_fraction: fraction },
        ..plain.clone()
    };
    let network =
        |learning_rate| SacConfig { value_network: Some(ValueNetwork { learning_rate }), ..plain.clone() };
    for (ours, theirs) in [
        (plain.clone(), reinforce(2)),
        (reinforce(1), reinforce(2)),
        (plain.clone(), learned(0.4)),
        (plain.clone(), SacConfig { reward_scale: 2.0, ..plain.clone() }),
        (plain.clone(), SacConfig { log_std_bounds: [-0.01, 0.01], ..plain.clone() }),
        (plain.clone(), SacConfig { shared_std: true, ..plain.clone() }),
        (plain.clone(), SacConfig { entropy_in_target: false, ..plain.clone() }),
        (plain.clone(), SacConfig { backup: Backup::Mean, ..plain.clone() }),
        (plain.clone(), SacConfig { backup: Backup::Double, ..plain.clone() }),
        (network(1e-3), network(2e-3)),
    ] {
        assert_eq!(disagreement(&ours, &ours, case), None);
        assert!(disagreement(&ours, &theirs, case).is_some(), "{ours:?}\n{theirs:?}");
    }
}
