//! The same for continuous actions.

use super::*;

/// Random configurations compared.
const CASES: u64 = 100;

/// Any combination that goes with a memory and continuous actions.
fn random_continuous_case(seed: u64) -> (SacConfig, Case) {
    let (config, case) = random_case(seed);
    let source = &mut rng(seed, Stream::Replay, 3);
    let config = SacConfig {
        critic_head: Head::Linear,
        q_clip: None,
        entropy_penalty: None,
        actor_gradient: ActorGradient::Expected,
        log_std_bounds: pick(source, &[[-20.0, 2.0], [-0.1, 0.1]]),
        reward_scale: pick(source, &[1.0, 3.0]),
        shared_std: pick(source, &[false, false, true]),
        ..config
    };
    (config, Case { actions: source.random_range(1..4), continuous: true, ..case })
}

#[test]
fn both_updates_of_continuous_actions_agree_whatever_is_combined() {
    agree(CASES, random_continuous_case);
}
