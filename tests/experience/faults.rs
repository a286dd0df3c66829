//! Non-finite values: they are refused at their source, named and counted, and nothing else is lost.

use std::io::{Read, Write};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use bevy::prelude::*;
use entropy_arcade::agent::{ActorStates, Controller, EpisodeFinished, Replay};
use entropy_arcade::config::RunConfig;
use entropy_arcade::experiment::{Experiment, Mode};
use entropy_arcade::learner::DeviceChoice;
use entropy_arcade::learner::checkpoint::{Checkpoint, Content, write};
use entropy_arcade::mdp::{ActionBatch, EnvironmentSpec, EpisodeEnd, Rng};
use entropy_arcade::run::train as train_experiment;
use entropy_arcade::sim::{
    AgentSlots, Bodies, BodySpec, Environment, Outcome, SimSystems, SimTick, run_agent_step,
};
use entropy_arcade::worlds::WorldChoice;
use entropy_arcade::worlds::classic_control::cartpole::{out_of_bounds, push, step};
use rand::RngExt as _;

use super::common::transitions::{self, Checked};
use super::common::{checkpoint_file, metrics, quick, train};
use super::{assert_lived, buffer, cartpole, staged};

/// A cartpole whose sensors and rewards fail occasionally.
#[derive(Component, Clone)]
struct Failing {
    state: [f64; 4],
    steps: u32,
    luck: u32,
}

#[derive(Resource, Clone, Copy)]
struct Rail;

impl Environment for Failing {
    type Layout = Rail;

    fn spec(_rail: &Rail) -> EnvironmentSpec {
        WorldChoice::new("cartpole", None).unwrap().spec()
    }

    fn build(_rail: &Rail) -> (Self, Vec<BodySpec>) {
        (Self { state: [0.0; 4], steps: 0, luck: 0 }, Vec::new())
    }

    fn reset(&mut self, _rail: &Rail, _bodies: &mut Bodies, rng: &mut Rng) {
        let state = [(); 4].map(|()| rng.random_range(-0.05..0.05));
        *self = Self { state, steps: 0, luck: rng.random_range(0..40) };
    }

    fn apply(&mut self, _rail: &Rail, _bodies: &mut Bodies, actions: &ActionBatch, _phase: u32) {
        self.state = step(self.state, push(actions.row(0)));
        self.steps += 1;
    }

    fn judge(
        &mut self,
        _rail: &Rail,
        _bodies: &mut Bodies,
        rewards: &mut [f32],
        _rng: &mut Rng,
    ) -> Option<EpisodeEnd> {
        rewards[0] += match self.luck + self.steps {
            18 => f32::NAN,
            25 => f32::NEG_INFINITY,
            // Finite, but too large to square.
            28 => 1e30,
            _ => 1.0,
        };
        out_of_bounds(&self.state).then_some(EpisodeEnd::Terminated)
    }

    fn observe(&self, _rail: &Rail, _bodies: &Bodies, _slot: usize, vector: &mut [f32], _grid: &mut [u8]) {
        vector.copy_from_slice(&self.state.map(|value| value as f32));
        match self.luck + self.steps {
            12 => vector[2] = f32::NAN,
            30 | 31 => vector[0] = f32::INFINITY,
            34 => vector[3] = -3e37,
            // Also in final observations.
            _ if self.luck.is_multiple_of(5) && out_of_bounds(&self.state) => vector[1] = f32::NAN,
            _ => {}
        }
    }

    fn outcome(&self, _slot: usize) -> Outcome {
        let score = if self.luck.is_multiple_of(3) { f32::NAN } else { 1.0 };
        Outcome { success: false, score }
    }
}

/// The log so far.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn nan_in_a_game_is_located_and_other_steps_are_learned() {
    let log = Log::default();
    let own = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || own.clone()).finish();
    tracing::subscriber::with_default(subscriber, || {
        let mut app = cartpole(3, Controller::Learning);
        app.add_systems(
            SimTick,
            (|mut all: Query<&mut AgentSlots>, replay: Res<Replay>| {
                for mut seats in all.iter_mut().filter(|seats| seats.arena == 1) {
                    match replay.env_steps {
                        30..33 => seats.observations.row_mut(0).0[2] = f32::NAN,
                        60..63 => seats.rewards[0] = f32::NAN,
                        90..93 => seats.rewards[0] = f32::INFINITY,
                        120..123 => seats.rewards[0] = 1e30,
                        150..153 => seats.observations.row_mut(0).0[1] = -2e6,
                        _ => {}
                    }
                }
            })
            .in_set(SimSystems::Observe),
        );
        (0..400).for_each(|_| run_agent_step(app.world_mut()));
        let steps = staged(&mut app);
        assert_eq!(app.world().resource::<Replay>().env_steps, 1200);
        assert_eq!((steps.len(), steps.refused), (1195, 5));
        let kept = buffer(&steps);
        assert_lived(&kept, 1175);
        let messages = app.world().resource::<Messages<EpisodeFinished>>();
        let episodes: Vec<_> =
            messages.get_cursor().read(messages).flat_map(EpisodeFinished::summaries).collect();
        assert!(episodes.iter().all(|episode| episode.episode_return.is_finite()));
        let sums: f32 = episodes.iter().map(|episode| episode.episode_return).sum();
        let lengths: u32 = episodes.iter().map(|episode| episode.episode_length).sum();
        assert_eq!(sums, lengths as f32 - 3.0, "what is refused is no reward");
        let saved = serde_json::to_string(&app.world().resource::<ActorStates>().snapshot()).unwrap();
        assert!(!saved.contains("null"), "{saved}");
    });
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("arena")).collect();
    assert_eq!(lines.len(), 1, "one warning for the first: {text}");
    assert!(lines[0].contains("arena 1, slot 0: observation `angle` is NaN"), "{text}");
}

#[test]
fn a_world_with_failing_sensors_is_trained_saved_and_resumed() {
    let world = WorldChoice::of::<Failing>(Rail);
    let sets = ["sac.hidden=[16]", "learner.learning_starts=200", "run.log_every=500", "run.eval_episodes=2"];
    let mut config = RunConfig::resolve(Some("cartpole"), None, &sets.map(String::from)).unwrap();
    (config.arenas, config.device) = (8, DeviceChoice::Cpu);
    let folder = tempfile::tempdir().unwrap();
    let learn = |out: &std::path::Path, steps: u64, resume: bool| {
        let config = RunConfig { steps, ..config.clone() };
        let resume = resume.then(|| out.to_owned());
        let stop = Arc::new(AtomicBool::new(false));
        let experiment = Experiment::at(config, world.clone(), Mode::Headless, Some(out.to_owned()), resume);
        train_experiment(experiment.unwrap(), stop, true).unwrap()
    };
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    let summary = learn(&whole, 6_000, false);
    assert!(
        summary.gradient_steps > 1_000 && summary.episode_return.is_some_and(f32::is_finite),
        "{summary:?}"
    );
    for (part, steps) in [1_500, 3_700, 6_000].into_iter().enumerate() {
        learn(&parts, steps, part > 0);
    }
    assert_eq!(metrics(&whole), metrics(&parts), "a resume is exact here as well");
    let last: serde_json::Value = serde_json::from_str(metrics(&whole).last().unwrap()).unwrap();
    let refused = last["rollout/refused_steps"].as_u64().unwrap();
    assert!((200..3_000).contains(&refused), "{refused}");
    for out in [&whole, &parts] {
        let kept = transitions::replay(out).unwrap();
        assert_lived(&kept, 3_000);
        let text = String::from_utf8(checkpoint_file(out, "simulation.json")).unwrap();
        let state: serde_json::Value = serde_json::from_str(&text).unwrap();
        let record: serde_json::Value = serde_json::from_slice(&checkpoint_file(out, "record.json")).unwrap();
        let window = record["window"]["episodes"].to_string();
        assert!(window.len() > 100 && !window.contains("null"), "{window}");
        assert!(!state["staged"]["rewards"].to_string().contains("null"));
        assert!(!state["staged"]["observations"].to_string().contains("null"));
        assert!(!state["roster"].to_string().contains("null"));
    }
}

#[test]
fn a_run_with_nan_in_its_replay_buffer_continues_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    train(&quick("cartpole", 1, 3_000), &out, false).unwrap();
    let Checked { transitions: before, .. } = transitions::check_run(&out).unwrap();
    let checkpoint = Checkpoint::open(&out).unwrap();
    let files = ["weights.safetensors", "simulation.json", "record.json", "replay.bin"].map(|name| {
        let mut bytes = checkpoint_file(&out, name);
        if name == "replay.bin" {
            // Not compressed, as in older versions.
            bytes.clear();
            checkpoint.stream().unwrap().read_to_end(&mut bytes).unwrap();
            // Behind the header, the observation of entry 100.
            let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
            let tensors: serde_json::Value = serde_json::from_slice(&bytes[8..header]).unwrap();
            let first = tensors["observation.vector"]["data_offsets"][0].as_u64().unwrap() as usize;
            let at = header + first + 100 * 16;
            bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
        }
        let content: Content = Box::new(move |file| file.write_all(&bytes));
        (name.to_owned(), content)
    });
    let manifest = checkpoint.manifest.clone();
    write(&out.join("checkpoint"), manifest, Some(0), files.into()).unwrap();
    let Checked { transitions: left, impossible } = transitions::check_run(&out).unwrap();
    assert!(impossible == 0 && before > left && left + 2 >= before, "{before} {left}");
    let summary = train(&quick("cartpole", 1, 4_000), &out, true).unwrap();
    assert!(summary.env_steps >= 4_000 && summary.gradient_steps > 900, "{summary:?}");
    assert_lived(&transitions::replay(&out).unwrap(), 3_800);
}

#[test]
fn a_world_that_never_says_a_number_ends_all_the_same() {
    let mut app = cartpole(2, Controller::Learning);
    app.add_systems(
        SimTick,
        (|mut all: Query<&mut AgentSlots>| {
            all.iter_mut().for_each(|mut seats| seats.observations.vector.fill(f32::NAN));
        })
        .in_set(SimSystems::Last),
    );
    (0..50).for_each(|_| run_agent_step(app.world_mut()));
    // All but the first.
    let steps = staged(&mut app);
    assert_eq!((app.world().resource::<Replay>().env_steps, steps.len(), steps.refused), (100, 2, 98));
    assert_eq!(buffer(&steps).len(), 0);
}
