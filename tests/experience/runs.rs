//! Headless runs that are killed, resumed and changed.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bevy::prelude::*;
use entropy_arcade::agent::{AgentPlugin, Controller, ControllerAssignment, LiveLearner, LivePlugin};
use entropy_arcade::experiment::level::world_in;
use entropy_arcade::learner::{DeviceChoice, Health, LearnerSetup};
use entropy_arcade::mdp::Stream;
use entropy_arcade::sim::{self, SimConfig, run_agent_step};

use super::common::{checkpoint_file, metrics, program, quick, train, transitions};
use super::{assert_lived, repeated};

/// Starts a headless run and kills it once it has written another checkpoint.
fn killed(out: &Path, arguments: &[&str]) {
    let latest = || std::fs::read_to_string(out.join("checkpoint/latest")).unwrap_or_default();
    let before = latest();
    let mut child = Command::new(program())
        .args(["--no-render", "--device", "cpu", "--steps", "100000000"])
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while latest() == before || latest().is_empty() {
        assert!(start.elapsed() < Duration::from_secs(60), "no checkpoint within a minute");
        assert!(child.try_wait().unwrap().is_none(), "the run ended by itself");
        std::thread::sleep(Duration::from_millis(2));
    }
    std::thread::sleep(Duration::from_millis(40));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn runs_that_are_killed_and_resumed_with_other_arenas_repeat_and_invent_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let path = out.to_str().unwrap();
    let sets =
        ["--set", "learner.checkpoint_seconds=0.2", "--set", "sac.hidden=[16]", "--set", "learner.n_step=3"];
    killed(&out, &[&["--env", "cartpole", "--arenas", "8", "--out", path][..], &sets[..]].concat());
    for arenas in ["64", "3", "64", "8"] {
        killed(&out, &["--resume", path, "--arenas", arenas]);
        let kept = transitions::replay(&out).unwrap();
        assert_lived(&kept, 300);
        assert_eq!(repeated(&kept), 0, "{arenas} arenas");
    }
}

#[test]
fn a_killed_run_ends_as_if_uninterrupted() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    let path = parts.to_str().unwrap();
    let sets =
        ["sac.hidden=[32, 32]", "learner.learning_starts=200", "run.log_every=500", "run.eval_episodes=0"];
    let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
    let begin = ["--env", "cartpole", "--arenas", "8", "--seed", "3", "--out", path];
    killed(&parts, &[&begin[..], &sets[..], &["--set", "learner.checkpoint_seconds=0.1"][..]].concat());
    killed(&parts, &["--resume", path]);
    let checkpoint = entropy_arcade::learner::checkpoint::Checkpoint::open(&parts).unwrap();
    let steps = checkpoint.manifest.counters.env_steps + 1_000;
    let resumed = Command::new(program())
        .args(["--no-render", "--device", "cpu", "--steps", &steps.to_string(), "--resume", path])
        .output()
        .unwrap();
    assert!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stderr));
    train(&quick("cartpole", 3, steps), &whole, false).unwrap();
    assert_eq!(metrics(&whole), metrics(&parts));
    for file in ["weights.safetensors", "replay.bin"] {
        assert!(checkpoint_file(&whole, file) == checkpoint_file(&parts, file), "{file} differs");
    }
    assert_lived(&transitions::replay(&parts).unwrap(), 500);
}

#[test]
fn a_watched_session_resumed_headless_repeats_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    // The same seed and arenas in both.
    let config = quick("cartpole", 3, 4_000);
    let world = world_in(&config, None).unwrap();
    let spec = world.spec();
    let setup = LearnerSetup {
        seed: config.seed,
        device: DeviceChoice::Cpu,
        streams: 256,
        ..LearnerSetup::new(spec.clone(), config.learner.clone())
    };
    let learner = LiveLearner::start(setup);
    let mut app = App::new();
    app.add_plugins((sim::plugin, LivePlugin));
    world.add_to(&mut app, SimConfig { arenas: 8, seed: config.seed, stream: Stream::Environment });
    let (assignment, policy) = (ControllerAssignment::all(vec![Controller::Learning]), learner.policy());
    app.add_plugins(AgentPlugin::new(spec, assignment, policy).with_seed(config.seed))
        .insert_resource(learner);
    let starting = |app: &App| app.world().resource::<LiveLearner>().status().health == Health::Starting;
    while starting(&app) {
        std::thread::sleep(Duration::from_millis(5));
    }
    (0..150).for_each(|_| run_agent_step(app.world_mut()));
    std::fs::create_dir_all(&out).unwrap();
    app.world().resource::<LiveLearner>().save_and_wait(out.join("checkpoint")).unwrap();
    drop(app);
    std::fs::write(out.join("config.toml"), config.to_toml()).unwrap();
    train(&config, &out, true).unwrap();
    let kept = transitions::replay(&out).unwrap();
    assert_lived(&kept, 3_000);
    assert_eq!(repeated(&kept), 0);
}
