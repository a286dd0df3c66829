//! A learner of continuous actions: it learns what its actions are worth, is saved, resumed and exported, and refuses
//! what does not go with them.

use std::path::PathBuf;

use entropy_arcade::algo::report::{ACTION_PROBABILITIES, CRITIC_LOSS, TARGET_ENTROPY};
use entropy_arcade::algo::sac::ActorGradient;
use entropy_arcade::learner::checkpoint::Checkpoint;
use entropy_arcade::learner::trained::{TrainedAgent, TrainingRecord};
use entropy_arcade::learner::{Learner, LearnerSetup, PrioritizedConfig};
use entropy_arcade::mdp::{
    ActionBatch, ActionRow, ActionSpace, EpisodeEnd, ObservationBatch, PolicyOutput, StepBatch,
};
use entropy_arcade::nn::memory::{Memory, Recurrent};

use super::{sac, setup};

/// Two dimensions, the second of which excludes zero.
fn space() -> ActionSpace {
    ActionSpace::continuous(&[("lean", [-1.0, 1.0]), ("torque", [0.5, 4.5])])
}

fn continuous(checkpoints: Option<PathBuf>) -> LearnerSetup {
    let mut setup = setup(checkpoints);
    setup.spec.action = space();
    setup
}

/// Episodes of one step, which pays the more the nearer its action is to a point of the box.
fn steps(count: usize, seed: usize) -> StepBatch {
    let mut steps = StepBatch::default();
    for step in 0..count {
        let share = |factor: usize| ((seed * 31 + step * factor) % 97) as f32 / 96.0;
        let action = [2.0 * share(37) - 1.0, 0.5 + 4.0 * share(53)];
        steps.streams.push(0);
        steps.starts.push(true);
        steps.observations.push(&[share(11), 0.5, -0.5], &[]);
        steps.actions.push(ActionRow::Continuous(&action));
        steps.rewards.push(-(action[0] - 0.6).powi(2) - (0.5 * (action[1] - 1.5)).powi(2));
        steps.behaviour_entropies.push(0.5);
        steps.origins.push(entropy_arcade::mdp::Origin::Policy);
        steps.ends.push(Some(EpisodeEnd::Terminated));
        steps.final_observations.push(&[0.0; 3], &[]);
    }
    steps
}

/// A record of a training that was none.
fn record() -> TrainingRecord {
    TrainingRecord {
        level: None,
        seed: 1,
        env_steps: 260,
        gradient_steps: 10,
        seconds: None,
        episodes: 0,
        mean_return: 0.0,
        success: 0.0,
    }
}

/// What the present policy does greedily.
fn greedy(learner: &mut Learner) -> PolicyOutput {
    let (mut observations, mut output) = (ObservationBatch::default(), PolicyOutput::default());
    observations.push(&[0.5, 0.5, -0.5], &[]);
    learner.publish(true).unwrap().policy.consider(&observations, &mut output);
    output
}

#[test]
fn actions_move_to_where_they_pay_whatever_estimates_the_gradient() {
    for actor_gradient in [ActorGradient::Expected, ActorGradient::Reinforce { samples: 8 }] {
        let mut setup = continuous(None);
        let own = sac(&mut setup.config);
        (own.actor_gradient, own.hidden) = (actor_gradient, vec![32]);
        (own.actor_learning_rate, own.critic_learning_rate) = (0.003, 0.01);
        (own.initial_temperature, own.temperature_learning_rate) = (0.05, 0.003);
        setup.config.batch_size = 64;
        let mut learner = Learner::new(setup).unwrap();
        learner.push(&steps(900, 1), true);
        let report = learner.train(1500, true).unwrap().unwrap();
        // −A + ln 1 + ln 2
        let target = report.get(TARGET_ENTROPY).unwrap();
        assert!((target - (-2.0 + f64::from(2f32.ln()))).abs() < 1e-5, "{target}");
        assert!(report.each(ACTION_PROBABILITIES).is_none());
        let output = greedy(&mut learner);
        assert!(output.actions.fits(1, &space()) && output.probabilities.is_empty());
        let found = output.actions.vector(0);
        assert!((found[0] - 0.6).abs() < 0.2 && (found[1] - 1.5).abs() < 0.4, "{actor_gradient:?} {found:?}");
        let (mut observations, mut actions) = (ObservationBatch::default(), ActionBatch::default());
        for action in [found, &[-0.9, 4.4]] {
            observations.push(&[0.5, 0.5, -0.5], &[]);
            actions.push(ActionRow::Continuous(action));
        }
        let (critics, mut values) = (learner.critics().unwrap().unwrap(), Vec::new());
        critics.values_of(&observations, &actions, &mut values);
        assert!(values[0] > values[1] && values[2] > values[3], "it pays more than elsewhere: {values:?}");
    }
}

#[test]
fn it_resumes_exactly_with_and_without_memory() {
    for memory in
        [Memory::None, Memory::Lstm(Recurrent { hidden: 4, embed: None, skip: true, timescale: None })]
    {
        let folder = tempfile::tempdir().unwrap();
        let made = |resume| {
            let mut setup = LearnerSetup { resume, ..continuous(Some(folder.path().to_owned())) };
            let own = sac(&mut setup.config);
            own.memory = memory.clone();
            if memory != Memory::None {
                (own.sequence.learn, own.sequence.stride, own.sequence.burn_in) = (3, 3, 1);
                own.sequence.stored_state = false;
            }
            setup.config.prioritized = Some(PrioritizedConfig::default());
            setup
        };
        let mut learner = Learner::new(made(None)).unwrap();
        learner.push(&steps(200, 2), true);
        assert!(learner.train(5, true).unwrap().unwrap().get(CRITIC_LOSS).unwrap() > 0.0);
        learner.save(folder.path(), Vec::new()).unwrap();
        let mut resumed = Learner::new(made(Some(folder.path().to_owned()))).unwrap();
        assert_eq!(resumed.replay(), learner.replay());
        for learner in [&mut learner, &mut resumed] {
            learner.push(&steps(60, 3), true);
            learner.train(5, false).unwrap();
        }
        assert_eq!(greedy(&mut learner), greedy(&mut resumed));

        learner.save(folder.path(), Vec::new()).unwrap();
        let checkpoint = Checkpoint::open(folder.path()).unwrap();
        let agent = TrainedAgent::of(&checkpoint, record()).unwrap();
        let read = TrainedAgent::read("own.agent", &agent.to_bytes().unwrap()).unwrap();
        assert_eq!(read.environment.action, space());
        let (mut observations, mut output) = (ObservationBatch::default(), PolicyOutput::default());
        observations.push(&[0.5, 0.5, -0.5], &[]);
        read.policy().unwrap().consider(&observations, &mut output);
        assert_eq!(output.actions, greedy(&mut learner).actions);
    }
}

#[test]
fn what_does_not_go_with_the_actions_is_one_clear_line() {
    let refused = |setup: LearnerSetup| {
        let error = Learner::new(setup).err().unwrap().to_string();
        assert_eq!(error.lines().count(), 1, "{error}");
        error
    };
    let bounds = |low: f32, high: f32| {
        let mut setup = continuous(None);
        setup.spec.action = ActionSpace::continuous(&[("torque", [low, high])]);
        refused(setup)
    };
    for (error, start) in [
        (bounds(2.0, -2.0), "actions = torque: 2 to -2: allowed: "),
        (bounds(1.0, 1.0), "actions = torque: 1 to 1: allowed: "),
        (bounds(f32::NAN, 1.0), "actions = torque: NaN to 1: allowed: "),
        (bounds(-1.0, f32::INFINITY), "actions = torque: -1 to inf: allowed: "),
    ] {
        assert!(error.starts_with(start), "{error}");
    }
    let mut clipped = continuous(None);
    sac(&mut clipped.config).q_clip = Some(0.5);
    assert!(refused(clipped).starts_with("sac.q_clip = 0.5: allowed: none for continuous actions"));

    // A checkpoint of discrete actions, and of other bounds.
    let folder = tempfile::tempdir().unwrap();
    let discrete = Learner::new(setup(Some(folder.path().to_owned()))).unwrap();
    discrete.save(folder.path(), Vec::new()).unwrap();
    let resume = Some(folder.path().to_owned());
    let error = refused(LearnerSetup { resume: resume.clone(), ..continuous(None) });
    let said =
        "its actions are discrete [a, b], here they are continuous [lean: -1 to 1, torque: 0.5 to 4.5]";
    assert!(error.contains(said) && error.contains("use a checkpoint of this environment"), "{error}");
    let own = Learner::new(continuous(Some(folder.path().to_owned()))).unwrap();
    own.save(folder.path(), Vec::new()).unwrap();
    let mut wider = LearnerSetup { resume, ..continuous(None) };
    wider.spec.action = ActionSpace::continuous(&[("lean", [-2.0, 2.0]), ("torque", [0.5, 4.5])]);
    assert!(refused(wider).contains("here they are continuous [lean: -2 to 2"));
}
