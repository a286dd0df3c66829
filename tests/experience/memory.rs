//! Policy states in replay: those that the acting policy had, whoever played.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use entropy_arcade::agent::{Controller, ControllerAssignment, LearningPolicy, Recording};
use entropy_arcade::algo::sac::{SacConfig, SequenceTraining};
use entropy_arcade::learner::{
    DeviceChoice, Learner, LearnerConfig, LearnerSetup, PrioritizedConfig, untrained,
};
use entropy_arcade::mdp::{
    ActInput, ObservationBatch, Origin, Policy, PolicyOutput, SequenceBatch, StateBatch, StepBatch, Stream,
};
use entropy_arcade::nn::memory::{Memory, Recurrent};
use entropy_arcade::run::headless_app;
use entropy_arcade::sim::{SimConfig, run_agent_step};
use entropy_arcade::worlds::WorldChoice;

use super::staged;

fn config(memory: Memory, stored_state: bool) -> LearnerConfig {
    let sequence =
        SequenceTraining { learn: 6, burn_in: 3, stride: 4, stored_state, ..SequenceTraining::default() };
    LearnerConfig {
        batch_size: 24,
        learning_starts: 20,
        gradient_steps_per_env_step: 1.0,
        prioritized: Some(PrioritizedConfig::default()),
        algorithm: SacConfig { memory, sequence, hidden: vec![8], ..SacConfig::default() }.into(),
        ..LearnerConfig::default()
    }
}

/// What one slot remembers.
#[derive(Default)]
struct Slot {
    states: StateBatch,
    action: u16,
    reward: f32,
}

/// The state before every step, from the beginnings of episodes, by the policies that acted; by observation, with
/// whether a person played the step.
fn states_before(
    steps: &StepBatch,
    policies: &BTreeMap<u64, Arc<dyn Policy>>,
) -> HashMap<Vec<u32>, (Vec<f32>, bool)> {
    let (mut slots, mut known) = (HashMap::<u32, Slot>::new(), HashMap::new());
    let mut output = PolicyOutput::default();
    for row in 0..steps.len() {
        let (policy, slot) =
            (&policies[&steps.policy_gradient_steps[row]], slots.entry(steps.streams[row]).or_default());
        if steps.starts[row] {
            slot.states = StateBatch::zeros(policy.state_width(), 1);
        }
        let seen = steps.observations.row(row).0;
        let key = seen.iter().map(|value| value.to_bits()).collect();
        known.insert(key, (slot.states.row(0).to_vec(), steps.origins[row] == Origin::Human));
        let mut observations = ObservationBatch::default();
        observations.push(seen, &[]);
        let input = ActInput {
            observations: &observations,
            states: &mut slot.states,
            previous_actions: &vec![slot.action].into(),
            previous_rewards: &[slot.reward],
            is_first: &[steps.starts[row]],
            rngs: &mut [],
            greedy: true,
        };
        policy.act(input, &mut output);
        (slot.action, slot.reward) = (steps.actions.index(row) as u16, steps.rewards[row]);
    }
    known
}

#[test]
fn sequences_begin_with_the_state_that_the_acting_policy_had() {
    let sizes = || Recurrent { hidden: 5, embed: Some(4), skip: false, timescale: None };
    for memory in [Memory::Lstm(sizes()), Memory::Gru(sizes())] {
        let world = WorldChoice::new("cartpole", None).unwrap();
        let mut setup = LearnerSetup::new(world.spec(), config(memory.clone(), true));
        setup.device = DeviceChoice::Cpu;
        let mut learner = Learner::new(setup).unwrap();
        let slot = LearningPolicy(untrained(2));
        let sim = SimConfig { arenas: 3, seed: 5, stream: Stream::Environment };
        let players = ControllerAssignment::all(vec![Controller::Learning]);
        let mut app = headless_app(&world, sim, players, slot.clone(), 1);
        app.world_mut().resource_mut::<Recording>().states = learner.config().wants_states();
        let (mut recorded, mut policies) = (StepBatch::default(), BTreeMap::<_, Arc<dyn Policy>>::new());
        for round in 0..30 {
            // The policy changes in the middle of episodes, as does the player.
            let snapshot = learner.publish(false).unwrap();
            policies.insert(snapshot.gradient_steps, snapshot.policy.clone());
            slot.0.store(Arc::new(snapshot));
            let player = if round % 3 == 1 { Controller::Human } else { Controller::Learning };
            app.world_mut().resource_mut::<ControllerAssignment>().watched = vec![player];
            (0..15).for_each(|_| run_agent_step(app.world_mut()));
            let steps = staged(&mut app);
            learner.push(&steps, true);
            recorded.append(&steps);
            learner.train(2, false).unwrap();
        }
        assert!(policies.len() > 20, "{} policies", policies.len());
        let known = states_before(&recorded, &policies);
        let mut all = SequenceBatch::default();
        learner.replay().gather_all_sequences(true, &mut all);
        let (mut compared, mut by_person) = (0, 0);
        for b in 0..all.batch {
            let row = b * (all.length + 1);
            let state = all.initial_states.row(b);
            // Every step of cartpole is rewarded, and padding is not.
            if all.rewards[b * all.length] == 0.0 || all.is_first[row] == 1.0 {
                assert!(state.iter().all(|value| *value == 0.0));
                continue;
            }
            let seen = &all.observations[row * all.features..(row + 1) * all.features];
            let key: Vec<u32> = seen.iter().map(|value| value.to_bits()).collect();
            let (expected, human) = &known[&key];
            assert_eq!(state, expected, "{memory:?}");
            assert!(state.iter().any(|value| *value != 0.0));
            compared += 1;
            by_person += usize::from(*human);
        }
        assert!(compared > 150 && by_person > 5, "{compared} states, {by_person} while a person played");
        // Not at every step, though.
        let (states, transitions) = (learner.replay().states(), learner.replay().len());
        assert!(states * 4 <= transitions && states >= compared, "{states} states of {transitions}");

        // Begun from zeros, none are left, and none are recorded.
        learner.set_config(config(memory, false)).unwrap();
        assert!(learner.replay().states() == 0 && !learner.config().wants_states());
        learner.push(&recorded, true);
        learner.train(2, false).unwrap();
        assert_eq!(learner.replay().states(), 0);
    }
}

#[test]
fn a_transformer_has_no_states_in_replay() {
    let memory: Memory = serde_json::from_str(r#"{"kind": "transformer", "width": 8, "heads": 2}"#).unwrap();
    assert!(!config(memory, true).wants_states());
}
