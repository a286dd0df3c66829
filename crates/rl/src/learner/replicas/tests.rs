//! Means of shares, and learners that meet.

use std::sync::Mutex;

use super::*;
use crate::algo::AlgorithmConfig;
use crate::learner::{DeviceChoice, LearnerConfig, LearnerSetup};
use crate::mdp::{Action, ActionSpace, EnvironmentSpec, ObservationSpace, Origin, StepBatch};

fn share(values: &[f32], made: u64) -> Share {
    let tensor = HostTensor { shape: vec![values.len()], data: values.to_vec() };
    let tensors = TensorMap::from([("actor".to_owned(), tensor)]);
    Share { tensors, gradient_steps: 10 + made, made, ..Share::default() }
}

fn values(share: Option<Share>) -> Vec<f32> {
    share.unwrap().tensors["actor"].data.clone()
}

#[test]
fn a_mean_is_weighted_by_gradient_steps() {
    let mean = |shares: &[Share]| values(super::mean(shares));
    let (first, second) = (share(&[1.0, 2.0], 30), share(&[5.0, -2.0], 10));
    assert_eq!(mean(&[first.clone(), second.clone()]), [2.0, 1.0]);
    assert_eq!(super::mean(&[first.clone(), second.clone()]).unwrap().gradient_steps, 40);
    // One that has made no steps takes and does not give.
    assert_eq!(mean(&[first.clone(), share(&[5.0, 5.0], 0)]), [1.0, 2.0]);
    assert_eq!(mean(&[share(&[1.0, 2.0], 0), second.clone()]), [5.0, -2.0]);
    assert_eq!(super::mean(&[share(&[1.0, 2.0], 0), second.clone()]).unwrap().gradient_steps, 20);
    assert_eq!(mean(&[share(&[1.0, 2.0], 0), share(&[5.0, 5.0], 0)]), [1.0, 2.0]);
    // Nothing of before a new beginning, nothing that is no number, nothing of another shape.
    assert_eq!(mean(&[Share { anew: true, ..first.clone() }, second]), [1.0, 2.0]);
    assert_eq!(mean(&[first.clone(), share(&[f32::NAN, 1.0], 10)]), [1.0, 2.0]);
    assert_eq!(mean(&[first.clone(), share(&[1.0], 10)]), [1.0, 2.0]);
    assert_eq!(super::mean(&[]), None);
}

/// Answers with the mean of what it is given and another share.
#[derive(Default)]
struct Other {
    every: u64,
    theirs: Mutex<Option<Share>>,
    met: Mutex<Vec<Share>>,
}

impl Replicas for Other {
    fn is_due(&self, made: u64) -> bool {
        made >= self.every
    }

    fn meet(&self, share: Share) -> Option<Share> {
        self.met.lock().unwrap().push(share.clone());
        let theirs = self.theirs.lock().unwrap().clone();
        theirs.and_then(|theirs| mean(&[share, theirs]))
    }
}

fn learner(seed: u64) -> Learner {
    let spec = EnvironmentSpec {
        name: "test".into(),
        summary: String::new(),
        observation: ObservationSpace::floats(&["x"]),
        action: ActionSpace::discrete(&["a", "b"]),
        ticks_per_step: 1,
        tick_seconds: 0.1,
        episode_limit: 200,
        teams: vec![0],
        rewards: Vec::new(),
    };
    let config = LearnerConfig { batch_size: 4, learning_starts: 0, ..LearnerConfig::default() };
    let config = LearnerConfig { algorithm: AlgorithmConfig::default(), ..config };
    let setup = LearnerSetup { device: DeviceChoice::Cpu, seed, ..LearnerSetup::new(spec, config) };
    let mut learner = Learner::new(setup).unwrap();
    let mut steps = StepBatch::default();
    for step in 0..100 {
        steps.streams.push(0);
        steps.starts.push(step == 0);
        steps.observations.push(&[step as f32 / 100.0], &[]);
        steps.actions.push(Action::Discrete(step % 2));
        steps.rewards.push(1.0);
        steps.behaviour_entropies.push(0.0);
        steps.origins.push(Origin::Policy);
        steps.ends.push(None);
    }
    learner.push(&steps, true);
    learner
}

#[test]
fn a_learner_brings_what_it_has_learned_and_takes_the_mean() {
    let (mut first, mut second) = (learner(1), learner(2));
    second.train(8, false).unwrap();
    let theirs =
        Share { tensors: second.algorithm.export().unwrap(), gradient_steps: 8, made: 8, ..Share::default() };
    let other = Arc::new(Other { every: 4, theirs: Mutex::new(Some(theirs.clone())), ..Other::default() });
    first.join(other.clone()).unwrap();
    assert_eq!(first.allowed(4), 4);
    first.train(3, false).unwrap();
    assert!(!first.meet(true).unwrap(), "not yet");
    first.train(1, false).unwrap();
    let mine = first.algorithm.export().unwrap();
    assert!(first.meet(true).unwrap());
    let now = first.algorithm.export().unwrap();
    for (name, tensor) in &now {
        for (index, value) in tensor.data.iter().enumerate() {
            let [mine, theirs] = [&mine, &theirs.tensors].map(|all| f64::from(all[name].data[index]));
            let mean = (4.0 / 12.0 * mine + 8.0 / 12.0 * theirs) as f32;
            assert!((mean - value).abs() < 1e-6, "{name}: {mean}, {value}");
        }
    }
    {
        let met = other.met.lock().unwrap();
        assert_eq!((met.len(), met[0].made, met[0].gradient_steps, met[0].env_steps), (1, 4, 4, 100));
        assert!(!met[0].anew);
    }
    // Nobody is there: it goes on by itself, and brings everything the next time.
    *other.theirs.lock().unwrap() = None;
    first.train(4, false).unwrap();
    assert!(!first.meet(true).unwrap());
    first.train(4, false).unwrap();
    assert!(!first.meet(true).unwrap());
    assert_eq!(other.met.lock().unwrap()[2].made, 8);
    // After a reset nothing of before is mixed in.
    let config = first.config().clone();
    first.reset(config).unwrap();
    *other.theirs.lock().unwrap() = Some(theirs);
    first.push(&StepBatch::default(), true);
    let fresh = first.algorithm.export().unwrap();
    let other = Arc::new(Other {
        every: 0,
        theirs: Mutex::new(other.theirs.lock().unwrap().clone()),
        ..Other::default()
    });
    first.meetings.as_mut().unwrap().replicas = other;
    assert!(first.meet(true).unwrap());
    assert_eq!(first.algorithm.export().unwrap(), fresh);
}
