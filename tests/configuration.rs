//! Settings changed in the window are written to `config.toml` at once, and a resume uses them.

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use bevy::prelude::*;
use entropy_arcade::agent::feedback::HumanFeedback;
use entropy_arcade::agent::{ControllerAssignment, LiveLearner, LivePlugin};
use entropy_arcade::algo::sac::SacConfig;
use entropy_arcade::config::RunConfig;
use entropy_arcade::experiment::level::world_in;
use entropy_arcade::learner::checkpoint::Checkpoint;
use entropy_arcade::learner::{DeviceChoice, Health, LearnerConfig, LearnerSetup};
use entropy_arcade::mdp::Stream;
use entropy_arcade::run::live::{self, LiveRun};
use entropy_arcade::run::record::Record;
use entropy_arcade::run::{self, Claim};
use entropy_arcade::sim::SimConfig;
use entropy_arcade::sim::arena::EnvironmentHooks;

/// A watched session without its window.
fn session(config: &RunConfig, out: &Path, resume: bool) -> App {
    let world = world_in(config, None).unwrap();
    let text = config.to_toml();
    let mut from = resume.then(|| out.to_owned());
    let claim = Claim::for_run(Some(out), &mut from, &text, "entropy-arcade").unwrap().unwrap();
    let record = from.map(|from| Record::of(&Checkpoint::open(&from).unwrap()).unwrap());
    let lengths = record.as_ref().and_then(|record| record.lengths);
    let folder = claim.open((!resume).then_some(&*text), lengths).unwrap();
    let mut setup = LearnerSetup::new(world.spec(), config.learner.clone().watched());
    setup.device = config.device;
    setup.checkpoints = Some(out.join("checkpoint"));
    setup.resume = resume.then(|| out.to_owned());
    let learner = LiveLearner::start(setup);
    let mut app = App::new();
    let sim = SimConfig { arenas: config.arenas, seed: config.seed, stream: Stream::Environment };
    let assignment = ControllerAssignment::learn_against_script(&world.spec());
    run::compose::simulation(&mut app, &world, sim, assignment, learner.policy(), 1);
    app.insert_resource(learner).init_resource::<HumanFeedback>().add_plugins(LivePlugin);
    live::plugin(&mut app, LiveRun::new(folder, config.clone(), record, None));
    app.finish();
    app.cleanup();
    app
}

fn learner(app: &mut App) -> Mut<'_, LiveLearner> {
    app.world_mut().resource_mut()
}

/// Frames until `ready`, or a failure that names `what`.
fn until(app: &mut App, what: &str, ready: impl Fn(&LiveLearner) -> bool) {
    let start = Instant::now();
    loop {
        app.update();
        let learner = app.world().resource::<LiveLearner>();
        assert!(!matches!(learner.status().health, Health::Failed(_)), "{what}: {:?}", learner.status());
        if ready(learner) {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{what} never came: {:?}", learner.status());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Until `config.toml` matches `wanted`.
fn written(app: &mut App, out: &Path, what: &str, wanted: impl Fn(&RunConfig) -> bool) -> RunConfig {
    let read = || RunConfig::written(&out.join("config.toml")).unwrap();
    until(app, what, |_| wanted(&read()));
    read()
}

fn save(app: &mut App, out: &Path) {
    learner(app).save_and_wait(out.join("checkpoint")).unwrap();
}

fn gamma(config: &RunConfig) -> f32 {
    config.learner.algorithm.gamma()
}

fn hidden(config: &RunConfig) -> &[usize] {
    &config.learner.algorithm.get::<SacConfig>().unwrap().hidden
}

fn sac(config: &mut LearnerConfig) -> &mut SacConfig {
    config.algorithm.get_mut().unwrap()
}

#[test]
fn settings_of_a_watched_run_are_written_at_once_and_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let begun = common::quick("cartpole", 1, 2_000);
    let mut app = session(&begun, &out, false);
    until(&mut app, "the learner", |learner| learner.is_accepted());
    app.update();
    let read = || RunConfig::written(&out.join("config.toml")).unwrap();
    assert_eq!(read(), begun);

    let mut tuned = learner(&mut app).config().clone();
    (sac(&mut tuned).gamma, tuned.gradient_steps_per_env_step, tuned.replay_capacity) = (0.5, 2.0, 5_000);
    learner(&mut app).set_config(tuned.clone()).unwrap();
    let config = written(&mut app, &out, "the change", |config| gamma(config) == 0.5);
    assert_eq!(config.learner.clone().watched(), *app.world().resource::<LiveLearner>().config());
    assert_eq!(config.learner.gradient_steps_per_env_step, 2.0);
    assert_eq!(config.learner.learning_starts, begun.learner.learning_starts);

    // A refused change has no effect.
    let mut wider = tuned.clone();
    (sac(&mut wider).hidden, sac(&mut wider).gamma) = (vec![48], 0.9);
    wider.gradient_steps_per_env_step = 0.1;
    assert!(learner(&mut app).set_config(wider.clone()).is_err());
    std::thread::sleep(Duration::from_millis(400));
    app.update();
    assert_eq!((read(), app.world().resource::<LiveLearner>().config()), (config, &tuned.settled()));

    // Arenas and device.
    let populate = app.world().resource::<EnvironmentHooks>().populate;
    populate(app.world_mut(), 5);
    learner(&mut app).set_device(DeviceChoice::Auto);
    written(&mut app, &out, "arenas and device", |config| {
        (config.arenas, config.device) == (5, DeviceChoice::Auto)
    });

    learner(&mut app).undo();
    let config = written(&mut app, &out, "the undo", |config| gamma(config) == gamma(&begun));
    assert_eq!(config, RunConfig { arenas: 5, device: DeviceChoice::Auto, ..begun.clone() });

    // New networks of another shape.
    learner(&mut app).begin_anew(wider.clone()).unwrap();
    let config = written(&mut app, &out, "the new start", |config| hidden(config) == [48]);
    save(&mut app, &out);
    drop(app);
    let manifest = Checkpoint::open(&out).unwrap().manifest;
    assert_eq!((&manifest.algorithm, &manifest.algorithm), (&config.learner.algorithm, &wider.algorithm));

    // Headless and in a window again, with the last settings.
    let resumed = RunConfig { steps: 1_000, ..config.clone() };
    common::train(&resumed, &out, true).unwrap();
    assert_eq!(Checkpoint::open(&out).unwrap().manifest.algorithm, wider.algorithm);
    assert_eq!(read(), resumed);
    let mut app = session(&resumed, &out, true);
    until(&mut app, "the checkpoint", |learner| learner.status().env_steps > 0);
    assert_eq!(learner(&mut app).config().algorithm, wider.algorithm);
}

/// A restart that is killed before its first checkpoint leaves the previous agent, and a run that can be
/// resumed.
#[test]
fn networks_are_those_of_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut begun = common::quick("cartpole", 1, 400);
    begun.learner.gradient_steps_per_env_step = 0.1;
    common::train(&begun, &out, false).unwrap();
    let mut anew = RunConfig { steps: 600, ..begun.clone() };
    let settings = sac(&mut anew.learner);
    (settings.hidden, settings.gamma) = (vec![48], 0.9);
    std::fs::write(out.join("config.toml"), anew.to_toml()).unwrap();
    let written = RunConfig::written(&out.join("config.toml")).unwrap();
    common::train(&written, &out, true).unwrap();
    let config = RunConfig::written(&out.join("config.toml")).unwrap();
    assert_eq!((hidden(&config), gamma(&config)), (hidden(&begun), 0.9));
    assert_eq!(Checkpoint::open(&out).unwrap().manifest.algorithm, config.learner.algorithm);
}
