//! Outside environments: a fake worker that fails in every way, and Gymnasium itself where it is installed.
#![cfg(unix)]

#[path = "../common/mod.rs"]
mod common;
mod gymnasium;
mod minari;
mod onnx;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bevy::prelude::Messages;
use common::metrics;
use entropy_arcade::agent::{
    AgentSlots, Controller, ControllerAssignment, EpisodeFinished, LearningPolicy, Replay,
};
use entropy_arcade::config::RunConfig;
use entropy_arcade::experiment::level::world_in;
use entropy_arcade::experiment::{Experiment, Mode, Request};
use entropy_arcade::learner::untrained;
use entropy_arcade::mdp::{EpisodeEnd, StepBatch, Stream};
use entropy_arcade::run::{self, RunError, Summary, headless_app};
use entropy_arcade::sim::{Failure, SimConfig, run_agent_step};
use entropy_arcade::worlds::WorldChoice;

/// A folder with the fake interpreter; `None`, said aloud, where there is no Python to run it.
fn fake() -> Option<(tempfile::TempDir, PathBuf)> {
    if std::process::Command::new("python3").arg("--version").output().is_err() {
        gymnasium::skip("there is no python3");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("python");
    std::fs::write(&path, include_str!("fake.py")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    Some((folder, path))
}

/// A configuration of the fake environment with keyword arguments as TOML.
fn config(python: &Path, kwargs: &[&str], sets: &[&str]) -> RunConfig {
    let mut all = vec![format!("bridge.python={:?}", python.display())];
    all.extend(kwargs.iter().map(|set| format!("bridge.kwargs.{set}")));
    let small = [
        "arenas=3",
        "steps=600",
        "device=cpu",
        "sac.hidden=[8]",
        "learner.batch_size=16",
        "learner.learning_starts=64",
        "run.eval_episodes=0",
        "run.log_every=100",
    ];
    all.extend(small.iter().chain(sets).map(ToString::to_string));
    RunConfig::resolve(Some("gym:Fake-v0"), None, &all).unwrap()
}

fn world(config: &RunConfig) -> Result<WorldChoice, String> {
    world_in(config, None).map_err(|error| error.to_string())
}

fn app(config: &RunConfig, stream: Stream) -> bevy::prelude::App {
    let world = world(config).unwrap();
    let sim = SimConfig { arenas: config.arenas, seed: 1, stream };
    let players = ControllerAssignment::all(vec![Controller::Learning]);
    headless_app(&world, sim, players, LearningPolicy(untrained(&world.spec().action)), 1)
}

/// The steps that are recorded of `count` more.
fn play(app: &mut bevy::prelude::App, count: usize) -> StepBatch {
    (0..count).for_each(|_| run_agent_step(app.world_mut()));
    std::mem::take(&mut app.world_mut().resource_mut::<Replay>().staged)
}

/// Of stream 0: step and episode that are seen, whether it begins, and whether it ends.
fn of_first(steps: &StepBatch) -> Vec<(f32, f32, bool, bool)> {
    let rows = (0..steps.len()).filter(|row| steps.streams[*row] == 0);
    rows.map(|row| {
        let (seen, _) = steps.observations.row(row);
        assert_eq!(steps.rewards[row], steps.actions.index(row) as f32, "what was done is paid");
        (seen[0], seen[1], steps.starts[row], steps.ends[row] == Some(EpisodeEnd::Terminated))
    })
    .collect()
}

#[test]
fn steps_are_recorded_with_the_final_observation_and_the_next_first_one() {
    let Some((_folder, python)) = fake() else { return };
    for workers in ["bridge.workers=1", "bridge.workers=2", "bridge.workers=7"] {
        let mut app = app(&config(&python, &["length=3"], &[workers]), Stream::Environment);
        let steps = play(&mut app, 7);
        assert_eq!(steps.len(), 3 * 7);
        let expected = [
            (0.0, 0.0, true, false),
            (1.0, 0.0, false, false),
            (2.0, 0.0, false, true),
            (0.0, 1.0, true, false),
            (1.0, 1.0, false, false),
            (2.0, 1.0, false, true),
            (0.0, 2.0, true, false),
        ];
        assert_eq!(of_first(&steps), expected, "{workers}");
        let last: Vec<&[f32]> = (0..2).map(|row| &steps.final_observations.row(row).0[..2]).collect();
        assert_eq!(last, [[3.0, 0.0], [3.0, 0.0]], "the last of an episode, not the first of the next");
        let mut slots = app.world_mut().query::<&AgentSlots>();
        for slots in slots.iter(app.world()) {
            // Which worker steps it makes no difference to its row among all.
            assert_eq!(slots.observations.row(0).0[0], 1.0);
        }
    }
}

#[test]
fn frames_are_stacked_over_an_episode_and_not_over_its_end() {
    let Some((_folder, python)) = fake() else { return };
    let mut app = app(&config(&python, &["length=3"], &["world.frame_stack=3"]), Stream::Environment);
    let steps = play(&mut app, 4);
    let rows = (0..steps.len()).filter(|row| steps.streams[*row] == 0);
    let seen: Vec<[f32; 3]> =
        rows.map(|row| [0, 3, 6].map(|entry| steps.observations.row(row).0[entry])).collect();
    assert_eq!(seen, [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 0.0]]);
    assert_eq!(steps.final_observations.row(0).0[..1], [3.0]);
}

#[test]
fn after_a_crash_new_episodes_begin_and_nothing_is_recorded_across_the_gap() {
    let Some((folder, python)) = fake() else { return };
    let once = format!("once={:?}", folder.path().join("crashed").display());
    for failure in ["crash_at=3", "short_at=3"] {
        let mut app = app(&config(&python, &["length=9", failure, &once], &[]), Stream::Environment);
        let mut finished = app.world().resource::<Messages<EpisodeFinished>>().get_cursor();
        let steps = play(&mut app, 6);
        let expected = [
            (0.0, 0.0, true, false),
            (1.0, 0.0, false, false),
            // The third step is lost with the process.
            (0.0, 0.0, true, false),
            (1.0, 0.0, false, false),
            (2.0, 0.0, false, false),
        ];
        assert_eq!(of_first(&steps), expected, "{failure}");
        assert_eq!(app.world().resource::<Replay>().env_steps, 15);
        let episodes: Vec<_> = finished.read(app.world().resource::<Messages<EpisodeFinished>>()).collect();
        assert!(episodes.len() == 3 && episodes.iter().all(|it| it.controllers == ["mixed"]));
        std::fs::remove_file(folder.path().join("crashed")).unwrap();
    }
}

#[test]
fn a_process_that_does_not_answer_is_given_up() {
    let Some((_folder, python)) = fake() else { return };
    let config = config(&python, &["hang_at=2"], &["bridge.step_seconds=1"]);
    let mut app = app(&config, Stream::Evaluation);
    let began = std::time::Instant::now();
    play(&mut app, 3);
    assert_eq!(
        Failure::of(app.world()).unwrap(),
        "env = gym:Fake-v0: no answer for 1 s; allow more with bridge.step_seconds, or look at the environment"
    );
    assert!(began.elapsed().as_secs() < 30);
    // Nothing is recorded from there on.
    assert_eq!(play(&mut app, 2).len(), 0);
}

/// An app with a window's pace, in which a frame waits for half a second.
fn window(config: &RunConfig) -> bevy::prelude::App {
    let mut app = app(config, Stream::Environment);
    app.init_resource::<entropy_arcade::agent::pace::Pace>();
    app
}

#[test]
fn a_frame_does_not_wait_for_a_slow_step_and_its_reward_counts_all_the_same() {
    let Some((_folder, python)) = fake() else { return };
    let mut app = window(&config(&python, &["length=4", "slow_at=2"], &[]));
    let mut finished = app.world().resource::<Messages<EpisodeFinished>>().get_cursor();
    let first = play(&mut app, 1);
    assert_eq!(of_first(&first), [(0.0, 0.0, true, false)]);
    let began = std::time::Instant::now();
    // The second step of the episode is not there in time, nor in the frames right after.
    assert_eq!(play(&mut app, 1).len(), 0);
    assert!(began.elapsed().as_secs_f32() < 0.85, "the frame waited for it");
    // It comes, and belongs to no action of that frame; the next ones are recorded from where it led.
    let mut steps = StepBatch::default();
    for _ in 0..100 {
        steps = play(&mut app, 1);
        if !steps.is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(of_first(&steps), [(2.0, 0.0, true, false)]);
    assert_eq!(of_first(&play(&mut app, 1)), [(3.0, 0.0, false, true)]);
    let messages = app.world().resource::<Messages<EpisodeFinished>>();
    let episodes: Vec<_> = finished.read(messages).collect();
    assert_eq!(episodes.len(), 3, "one a copy");
    assert!(episodes.iter().all(|it| it.controllers == ["mixed"]), "not the agent's own");
    assert_eq!(Failure::of(app.world()), None);
}

#[test]
fn a_window_goes_on_while_a_worker_is_started_again() {
    let Some((folder, python)) = fake() else { return };
    let once = format!("once={:?}", folder.path().join("crashed").display());
    let mut app = window(&config(&python, &["length=9", "crash_at=3", &once], &[]));
    assert_eq!(play(&mut app, 2).len(), 2 * 3);
    let mut steps = StepBatch::default();
    for _ in 0..200 {
        steps = play(&mut app, 1);
        if !steps.is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(of_first(&steps), [(0.0, 0.0, true, false)], "a new episode of a new process");
    assert_eq!(of_first(&play(&mut app, 1)), [(1.0, 0.0, false, false)]);
}

#[test]
fn every_copy_has_a_seed_of_its_own_that_follows_from_the_runs() {
    let Some((_folder, python)) = fake() else { return };
    let seeds = |seed: u64, stream| {
        let config = config(&python, &[], &[]);
        let world = world(&config).unwrap();
        let sim = SimConfig { arenas: 3, seed, stream };
        let players = ControllerAssignment::all(vec![Controller::Learning]);
        let policy = LearningPolicy(untrained(&world.spec().action));
        let mut app = headless_app(&world, sim, players, policy, 1);
        let seen = |app: &mut bevy::prelude::App| -> Vec<f32> {
            let mut slots = app.world_mut().query::<&AgentSlots>();
            slots.iter(app.world()).map(|slots| slots.observations.row(0).0[2]).collect()
        };
        let first = seen(&mut app);
        // As a resumed run does.
        entropy_arcade::sim::begin_later(app.world_mut(), 600);
        [first, seen(&mut app)].concat()
    };
    let one = seeds(1, Stream::Environment);
    assert_eq!(one, seeds(1, Stream::Environment));
    let all = [one, seeds(2, Stream::Environment), seeds(1, Stream::Evaluation)].concat();
    let different: std::collections::BTreeSet<u32> = all.iter().map(|seed| *seed as u32).collect();
    assert_eq!((all.len(), different.len()), (18, 18), "{all:?}");
}

#[test]
fn what_cannot_be_played_is_refused_in_one_line() {
    let Some((_folder, python)) = fake() else { return };
    let refused = |kwargs: &[&str], sets: &[&str]| {
        let problem = world(&config(&python, kwargs, sets)).unwrap_err();
        assert!(problem.lines().count() == 1 && problem.len() < 300, "{problem}");
        problem
    };
    assert_eq!(refused(&["hello=error"], &[]), "env = gym:Fake-v0: there is no such thing");
    assert!(refused(&["hello=garbage"], &[]).contains("only the arcade's own worker"));
    let died = refused(&["hello=exit"], &[]);
    assert!(died.contains("exit status: 3") && died.ends_with("Segmentation fault, or so"), "{died}");
    assert!(refused(&["said={actions=[]}"], &[]).contains("action: 0 of them"));
    assert!(refused(&["said={actions=[],low=[1.0],high=[-1.0]}"], &[]).contains("the lower one first"));
    assert!(refused(&["said={actions=3}"], &[]).contains("a first message"));
    assert!(refused(&[], &["bridge.workers=0"]).contains("bridge.workers = 0: allowed: 1 to 64"));
    assert!(refused(&[], &["world.velocity_masked=true"]).contains("shows no velocities"));
    assert!(refused(&[], &["level=2"]).contains("has no levels"));
    let nowhere = config(Path::new("/no/such/python"), &[], &[]);
    assert!(world(&nowhere).unwrap_err().contains("/no/such/python cannot be started (no such file)"));
    let own = RunConfig::resolve(Some("cartpole"), None, &["bridge.workers=2".into()]).unwrap();
    assert!(world(&own).unwrap_err().contains("cartpole is a world of the arcade"));
}

fn train(config: &RunConfig, out: &Path, resume: bool) -> Result<Summary, RunError> {
    let (out, resume) = (Some(out.to_owned()), resume.then(|| out.to_owned()));
    let experiment =
        Experiment::at(config.clone(), world_in(config, None).unwrap(), Mode::Headless, out, resume);
    run::train(experiment.unwrap(), Arc::new(AtomicBool::new(false)), true)
}

#[test]
fn a_run_is_reproducible_and_goes_on_with_new_episodes() {
    let Some((folder, python)) = fake() else { return };
    let config = config(&python, &[], &[]);
    let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
    train(&config, &one, false).unwrap();
    let summary = train(&config, &two, false).unwrap();
    assert_eq!(metrics(&one), metrics(&two));
    assert_eq!(summary.env_steps, 600);
    let made_of = std::fs::read_to_string(one.join("outside.json")).unwrap();
    assert!(made_of.contains(r#""fake": "1""#), "{made_of}");

    // As the command line resumes it.
    let longer = Request { resume: Some(one.clone()), steps: Some(900), ..Request::default() };
    let longer = longer.resolve().unwrap();
    assert_eq!(longer.config.bridge, config.bridge);
    let summary = run::train(longer, Arc::new(AtomicBool::new(false)), true).unwrap();
    assert_eq!((summary.env_steps, summary.interrupted), (900, false));
}

#[test]
fn a_run_whose_environment_keeps_failing_ends_saved_and_can_be_resumed() {
    let Some((folder, python)) = fake() else { return };
    let config = config(&python, &["crash_at=50"], &[]);
    let out = folder.path().join("run");
    let problem = train(&config, &out, false).unwrap_err().to_string();
    assert!(problem.contains("the last line it wrote: the wheel came off"), "{problem}");
    assert!(
        problem.contains("started again 3 times within ten minutes; what was learned is saved"),
        "{problem}"
    );
    let summary: Summary =
        serde_json::from_str(&std::fs::read_to_string(out.join("summary.json")).unwrap()).unwrap();
    // Three steps of each arena are lost with every process but the last, whose are still open.
    assert!(summary.interrupted && (500..600).contains(&summary.env_steps), "{}", summary.env_steps);
    let mended = RunConfig { bridge: self::config(&python, &[], &[]).bridge, ..config };
    assert_eq!(train(&mended, &out, true).unwrap().env_steps, 600);
}

#[test]
fn an_agent_file_starts_no_process() {
    let Some((folder, python)) = fake() else { return };
    let (out, file) = (folder.path().join("run"), folder.path().join("fake.agent"));
    train(&config(&python, &[], &["steps=200"]), &out, false).unwrap();
    let arcade = |arguments: &[&str]| {
        let run = std::process::Command::new(env!("CARGO_BIN_EXE_entropy-arcade"))
            .args(arguments)
            .output()
            .unwrap();
        (run.status.success(), String::from_utf8_lossy(&run.stderr).into_owned())
    };
    let [run, agent] = [&out, &file].map(|path| path.to_str().unwrap());
    let (exported, said) = arcade(&["agents", "export", run, agent, "--episodes", "2"]);
    assert!(exported, "{said}");
    let (played, said) = arcade(&["eval", "--checkpoint", agent, "--episodes", "1"]);
    assert!(!played && said.contains("code that runs only when you name it"), "{said}");
    // The run's own configuration was named.
    let (played, said) = arcade(&["eval", "--checkpoint", run, "--episodes", "1"]);
    assert!(played, "{said}");
}
