//! Gymnasium itself, where it is installed: what arrives here is what it does.

use std::path::{Path, PathBuf};
use std::process::Command;

use entropy_arcade::agent::{AgentSlots, Controller, ControllerAssignment, LearningPolicy};
use entropy_arcade::config::RunConfig;
use entropy_arcade::experiment::level::world_in;
use entropy_arcade::learner::untrained;
use entropy_arcade::mdp::{EpisodeEnd, Stream};
use entropy_arcade::run::headless_app;
use entropy_arcade::sim::{Failure, SimConfig, run_agent_step};
use entropy_arcade::worlds::WorldChoice;

/// A Python that has `packages`; `None`, said aloud, where there is none.
pub fn python(packages: &[&str]) -> Option<PathBuf> {
    let own = entropy_arcade::files::user_data().map(|data| data.join("python"));
    let folders = std::env::var_os("VIRTUAL_ENV").map(PathBuf::from).into_iter().chain(own);
    let mut all: Vec<PathBuf> = folders.map(|folder| folder.join("bin/python")).collect();
    all.push("python3".into());
    let has = |python: &PathBuf| {
        let imports = format!("import {}", packages.join(", "));
        Command::new(python).args(["-c", &imports]).output().is_ok_and(|run| run.status.success())
    };
    let found = all.into_iter().find(has);
    if found.is_none() {
        skip(&format!("no Python has {}; `entropy-arcade python` makes one", packages.join(", ")));
    }
    found
}

/// Says that a test is skipped; where the packages must be there, that is a failure.
pub fn skip(why: &str) {
    let must_run = std::env::var_os("ENTROPY_ARCADE_TESTS_NEED_PYTHON").is_some();
    assert!(!must_run, "{why}");
    eprintln!("skipped: {why}");
}

fn world(python: &Path, id: &str, sets: &[String]) -> Result<WorldChoice, String> {
    let mut all = vec![format!("bridge.python={:?}", python.display())];
    all.extend_from_slice(sets);
    let config = RunConfig::resolve(Some(&format!("gym:{id}")), None, &all).unwrap();
    world_in(&config, None).map_err(|error| error.to_string())
}

/// Two copies whose agents always do the same: the first action, the middle of a box.
fn app(world: &WorldChoice) -> bevy::prelude::App {
    let sim = SimConfig { arenas: 2, seed: 5, stream: Stream::Evaluation };
    let players = ControllerAssignment::all(vec![Controller::Scripted]);
    headless_app(world, sim, players, LearningPolicy(untrained(&world.spec().action)), 1)
}

/// A line a step of copy 1: observation, reward, and how it ended.
fn seen(app: &mut bevy::prelude::App, steps: usize) -> Vec<(Vec<f32>, f32, Option<EpisodeEnd>)> {
    let mut all = Vec::new();
    for _ in 0..steps {
        run_agent_step(app.world_mut());
        let mut slots = app.world_mut().query::<&AgentSlots>();
        let second = slots.iter(app.world()).find(|slots| slots.arena == 1).unwrap();
        all.push((second.observations.row(0).0.to_vec(), second.rewards[0], second.end));
    }
    all
}

#[test]
fn cart_pole_is_the_same_step_by_step_as_in_gymnasium() {
    let Some(python) = python(&["gymnasium", "numpy"]) else { return };
    let world = world(&python, "CartPole-v1", &[]).unwrap();
    let spec = world.spec();
    assert_eq!((spec.observation.vector_len(), spec.action.len(), spec.limit()), (4, 2, Some(500)));
    let mut app = app(&world);
    let mut slots = app.world_mut().query::<&AgentSlots>();
    let first =
        slots.iter(app.world()).find(|slots| slots.arena == 1).unwrap().observations.row(0).0.to_vec();
    // Gymnasium's own episode from there; after an end the next start is its own affair.
    let script = format!(
        "import gymnasium as gym, numpy as np, json\n\
         env = gym.make('CartPole-v1')\nenv.reset(seed=0)\n\
         env.unwrapped.state = np.array({first:?}, dtype=np.float64)\n\
         for _ in range(9):\n    o, r, t, c, _ = env.step(0)\n    print(json.dumps([o.tolist(), r, t]))\n    if t: break\n"
    );
    let run = Command::new(&python).args(["-c", &script]).output().unwrap();
    let text = String::from_utf8(run.stdout).unwrap();
    let expected: Vec<(Vec<f32>, f32, bool)> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(expected.len() >= 8, "{}", String::from_utf8_lossy(&run.stderr));
    let own = seen(&mut app, expected.len() - 1);
    for ((observation, reward, end), (theirs, paid, _)) in own.iter().zip(&expected) {
        assert_eq!((*reward, *end), (*paid, None));
        // Their state began as numbers of 64 bits, ours is what they showed of it.
        let close = observation.iter().zip(theirs).all(|(own, theirs)| (own - theirs).abs() < 1e-5);
        assert!(close, "{observation:?} {theirs:?}");
    }
}

#[test]
fn a_limit_truncates_and_the_episodes_own_end_comes_first() {
    let Some(python) = python(&["gymnasium"]) else { return };
    // A pole that is pushed one way falls after 8 to 10 steps.
    let limited = |limit: usize| {
        let world =
            world(&python, "CartPole-v1", &[format!("bridge.kwargs.max_episode_steps={limit}")]).unwrap();
        assert_eq!(world.spec().limit(), Some(limit as u32));
        seen(&mut app(&world), 11).into_iter().position(|(_, _, end)| end.is_some()).map(|step| step + 1)
    };
    assert_eq!(limited(3), Some(3));
    let natural = limited(500).unwrap();
    let world =
        world(&python, "CartPole-v1", &[format!("bridge.kwargs.max_episode_steps={natural}")]).unwrap();
    let ends: Vec<_> = seen(&mut app(&world), natural).into_iter().filter_map(|(_, _, end)| end).collect();
    assert_eq!(ends, [EpisodeEnd::Terminated], "both are reported");
}

/// A module of the user's own: what its environments show and pay is named when it is no number.
const MODULE: &str = r"
import gymnasium as gym, numpy as np
print('noise on standard output')

class Strange(gym.Env):
    observation_space = gym.spaces.Dict({
        'camera': gym.spaces.Box(0, 255, (4, 3, 2), np.uint8),
        'arm': gym.spaces.Dict({'angle': gym.spaces.Box(-1, 1, (2,), np.float32), 'grip': gym.spaces.Discrete(2)}),
        'words': gym.spaces.Text(5),
    })
    action_space = gym.spaces.MultiDiscrete([2, 3])

    def __init__(self, bad=None):
        self.bad = bad

    def observe(self):
        camera = np.arange(24, dtype=np.uint8).reshape(4, 3, 2)
        angle = np.array([0.5, np.nan if self.bad == 'angle' and self.steps == 2 else -0.5], np.float32)
        return {'camera': camera, 'arm': {'angle': angle, 'grip': 1}, 'words': 'hi'}

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self.observe(), {}

    def step(self, action):
        assert action.shape == (2,) and action.dtype == np.int64
        self.steps += 1
        if self.bad == 'raise' and self.steps == 2:
            raise RuntimeError('a cable is loose')
        reward = float('nan') if self.bad == 'reward' and self.steps == 2 else 1.0
        return self.observe(), reward, False, False, {}

class Free(Strange):
    action_space = gym.spaces.Box(-np.inf, np.inf, (1,), np.float32)

gym.register('Strange-v0', 'own_envs:Strange')
gym.register('Free-v0', 'own_envs:Free')
";

#[test]
fn a_users_module_is_read_by_parts_and_its_faults_are_named() {
    let Some(python) = python(&["gymnasium", "numpy"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("own_envs.py"), MODULE).unwrap();
    // Workers look for modules where the arcade was started.
    let run = |id: &str, bad: &str| {
        let mut arcade = Command::new(env!("CARGO_BIN_EXE_entropy-arcade"));
        arcade.current_dir(folder.path()).args([
            "eval",
            "--player",
            "random",
            "--episodes",
            "1",
            "--seed",
            "3",
        ]);
        arcade.args([
            "--env",
            &format!("gym:own_envs:{id}"),
            "--set",
            &format!("bridge.python={:?}", python.display()),
        ]);
        if !bad.is_empty() {
            arcade.args(["--set", &format!("bridge.kwargs.bad={bad}")]);
        }
        arcade.args(["--set", "bridge.kwargs.max_episode_steps=4"]);
        let output = arcade.output().unwrap();
        let [out, said] =
            [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
        (out, said)
    };
    let (out, said) = run("Strange-v0", "");
    assert!(out.contains(r#""episode_length":{"mean":4.0"#), "{out} {said}");
    assert!(said.contains("agents do not see words"), "{said}");
    let fault = |bad| run("Strange-v0", bad).1.lines().last().unwrap_or_default().to_owned();
    let nan = fault("angle");
    assert!(
        nan.starts_with("error: env = gym:own_envs:Strange-v0: environment 0, step 2: arm angle 1 is nan"),
        "{nan}"
    );
    assert!(
        fault("reward").contains("environment 0, step 2: the reward is nan in what followed its action [")
    );
    assert_eq!(fault("raise"), "error: env = gym:own_envs:Strange-v0: a cable is loose");
    assert!(run("Free-v0", "").1.contains("its actions have no bounds"));
    assert!(run("Nothing-v0", "").1.contains("doesn't exist"));
}

#[test]
fn parts_of_an_observation_have_their_places() {
    let Some(python) = python(&["gymnasium", "minigrid", "minatar"]) else { return };
    let space = |id: &str| world(&python, id, &[]).unwrap().spec().observation;
    let breakout = space("MinAtar/Breakout-v1");
    let grid = breakout.grid.unwrap();
    assert_eq!((breakout.vector_len(), grid.channels, grid.height, grid.width), (0, 4, 10, 10));
    let rooms = space("MiniGrid-Empty-5x5-v0");
    let grid = rooms.grid.unwrap();
    assert_eq!((rooms.vector_len(), grid.channels, grid.height, grid.width), (4, 20, 7, 7));
    // One-hot planes are written with 0 and 255.
    let world = world(&python, "MiniGrid-Empty-5x5-v0", &[]).unwrap();
    let mut app = app(&world);
    run_agent_step(app.world_mut());
    let mut slots = app.world_mut().query::<&AgentSlots>();
    let slots = slots.iter(app.world()).next().unwrap();
    let (direction, planes) = slots.observations.row(0);
    assert_eq!(direction.iter().sum::<f32>(), 1.0);
    assert!(planes.iter().all(|byte| [0, 255].contains(byte)));
    assert_eq!(
        planes.iter().filter(|byte| **byte == 255).count(),
        3 * 49,
        "object, color and state of every cell"
    );
    assert_eq!(Failure::of(app.world()), None);
}
