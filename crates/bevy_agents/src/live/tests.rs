//! A live learner over a link that only records commands, and over one with a thread.

use std::sync::Mutex;

use bevy::ecs::system::RunSystemOnce;

use super::*;
use crate::learner::{DeviceChoice, Health, LearnerError};
use crate::link::{Handshake, LinkError, Reply};
use crate::mdp::{Origin, PolicySnapshot, StepBatch};
use crate::testing::pole;
use entropy_rl::algo::sac::SacConfig;

fn sac(config: &mut LearnerConfig) -> &mut SacConfig {
    config.algorithm.get_mut().unwrap()
}

/// Commands that a link received, and its replies.
struct Notes {
    asked: Mutex<Vec<String>>,
    status: Mutex<LearnerStatus>,
    sent: Mutex<Result<(), LinkError>>,
}

struct Fake(Arc<Notes>, PolicySlot);

impl LearnerLink for Fake {
    fn connect(&self, _: &Handshake) -> Result<(), LinkError> {
        Ok(())
    }
    fn send(&self, steps: StepBatch) -> Result<(), LinkError> {
        self.0.asked.lock().unwrap().push(format!("{} steps", steps.len()));
        self.0.sent.lock().unwrap().clone()
    }
    fn policy(&self) -> Arc<PolicySnapshot> {
        self.1.load_full()
    }
    fn status(&self) -> Arc<LearnerStatus> {
        Arc::new(self.0.status.lock().unwrap().clone())
    }
    fn snapshots(&self) -> Arc<SnapshotHistory> {
        Arc::default()
    }
    fn command(&self, command: Command) -> Ticket {
        let text = format!("{command:?}");
        self.0.asked.lock().unwrap().push(text.split(['{', '(']).next().unwrap().trim().to_owned());
        Ticket::answered(match command {
            Command::SetDevice(_) => Err(LearnerError::Stopped("no such device".into())),
            _ => Ok(Reply::Done),
        })
    }
}

impl Notes {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

fn fake() -> (LiveLearner, Arc<Notes>) {
    let setup = LearnerSetup::new(pole(), LearnerConfig::default());
    let status = LearnerStatus { health: Health::Training, ..LearnerStatus::starting(&setup) };
    let notes = Arc::new(Notes { asked: Mutex::default(), status: status.into(), sent: Ok(()).into() });
    let its = notes.clone();
    (LiveLearner::start_over(setup, move |launch| Box::new(Fake(its.clone(), launch.policy))), notes)
}

#[test]
fn a_fresh_agent_waits_for_the_trained_one_to_be_saved() {
    let (mut live, notes) = fake();
    live.record();
    live.save();
    assert_eq!(notes.take(), ["SaveOnCommand"]);
    assert!(live.take_save_request() && !live.take_save_request());
    let mut config = live.config().clone();
    sac(&mut config).hidden = vec![9];
    live.begin_anew(config.clone()).unwrap();
    // Meanwhile the learner's own status is still that of the previous agent.
    live.settle();
    assert_eq!((notes.take().len(), live.config()), (0, &config.clone().settled()));
    assert!(live.take_save_request());
    let saving = live.begin_save("out".into(), Vec::new(), Vec::new());
    assert_eq!(notes.take(), ["Save", "Reset"]);
    live.finish_save(&saving).unwrap();
    notes.status.lock().unwrap().config = config.clone().settled();
    live.settle();
    assert_eq!(live.config(), &config.settled());
}

#[test]
fn refused_changes_are_not_kept() {
    let (mut live, notes) = fake();
    live.set_device(DeviceChoice::Gpu);
    assert_eq!(live.device(), DeviceChoice::Gpu, "until it is answered");
    live.settle();
    assert_eq!((live.device(), notes.take()), (DeviceChoice::Auto, vec!["SetDevice".to_owned()]));
}

#[test]
fn a_new_learner_gets_the_commands_of_the_previous_one() {
    let (mut live, notes) = fake();
    live.record();
    live.set_training(false);
    live.set_reveal(true);
    live.set_survey(true);
    live.set_survey(true);
    let told = notes.take();
    assert_eq!(told, ["SaveOnCommand", "Train", "PublishCritics", "Survey"]);
    live.rescue(&RecoveryPoint::Fresh);
    assert_eq!(notes.take(), told);
}

#[test]
fn streams_are_interrupted_when_steps_are_dropped() {
    let (live, notes) = fake();
    let mut world = World::new();
    world.insert_resource(live);
    world.init_resource::<Replay>();
    world.init_resource::<crate::Recording>();
    world.init_resource::<crate::Exploration>();
    world.insert_resource(ActorStates::new(1, &pole()));
    for (sent, open) in [(Ok(()), true), (Err(LinkError::Full { waiting: 9 }), false)] {
        *notes.sent.lock().unwrap() = sent;
        world.resource_mut::<ActorStates>().seat(0).open = true;
        world.resource_mut::<Replay>().staged.append(&step());
        world.run_system_once(feed).unwrap();
        assert_eq!(notes.take(), ["1 steps"]);
        assert_eq!(world.resource_mut::<ActorStates>().seat(0).open, open);
    }
    world.run_system_once(feed).unwrap();
    assert_eq!(notes.take().len(), 0, "nothing is sent where nothing was recorded");
}

fn step() -> StepBatch {
    let mut step = StepBatch {
        streams: vec![0],
        starts: vec![true],
        actions: vec![0].into(),
        rewards: vec![0.0],
        behaviour_entropies: vec![0.0],
        origins: vec![Origin::Policy],
        ends: vec![None],
        ..StepBatch::default()
    };
    step.observations.push(&[0.0; 4], &[]);
    step
}

/// Waits until the learner is running and every change has a reply.
fn settled(live: &mut LiveLearner) {
    let start = std::time::Instant::now();
    while !live.status().health.is_up() || !live.unsettled.is_empty() {
        assert!(start.elapsed().as_secs() < 60, "{:?}", live.status());
        std::thread::sleep(std::time::Duration::from_millis(2));
        live.settle();
    }
}

#[test]
fn a_refused_setting_changes_nothing_and_later_ones_take_effect() {
    let spec = crate::testing::pole();
    let setup = LearnerSetup::new(spec, LearnerConfig::default());
    let mut live = LiveLearner::start(LearnerSetup { device: DeviceChoice::Cpu, ..setup });
    let answered = |live: &mut LiveLearner| {
        settled(live);
        live.status()
    };
    let begun = live.config().clone();
    let mut wider = begun.clone();
    sac(&mut wider).hidden = vec![48];
    sac(&mut wider).gamma = 0.5;
    let error = live.set_config(wider.clone()).unwrap_err().to_string();
    assert!(error.contains("sac.hidden = [48]: it was [128, 128]"), "{error}");
    assert_eq!((live.config(), live.changes().len()), (&begun, 0));
    let mut tuned = begun.clone();
    (sac(&mut tuned).gamma, tuned.replay_capacity) = (0.5, 5000);
    sac(&mut tuned).temperature = serde_json::from_value(serde_json::json!({ "mode": "fixed" })).unwrap();
    live.set_config(tuned.clone()).unwrap();
    let status = answered(&mut live);
    assert_eq!((&status.config, live.config()), (&tuned.clone().settled(), &tuned.settled()));
    assert_eq!(status.replay_capacity, 16_384, "four segments for each of 64 streams");
    live.undo();
    assert_eq!((&answered(&mut live).config, live.config()), (&begun, &begun));
    // Other networks are accepted when starting over.
    live.begin_anew(wider.clone()).unwrap();
    assert_eq!((&answered(&mut live).config, live.config()), (&wider.clone().settled(), &wider.settled()));
    assert!(live.begin_anew(LearnerConfig { batch_size: 0, ..begun }).is_err());
}

#[test]
fn a_device_that_cannot_be_opened_is_not_kept() {
    let spec = crate::testing::pole();
    let setup = LearnerSetup::new(spec, LearnerConfig::default());
    let mut live = LiveLearner::start(LearnerSetup { device: DeviceChoice::Cpu, ..setup });
    live.set_device(DeviceChoice::Gpu);
    settled(&mut live);
    assert_eq!(live.device(), live.status().device_choice);
    let refused = live.status().message.contains("no GPU to learn on");
    assert_eq!(live.device(), if refused { DeviceChoice::Cpu } else { DeviceChoice::Gpu });
}
