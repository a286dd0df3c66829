//! Datasets: Minari reads what is recorded here, and what it has collected is learned from here.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::gymnasium::python;

/// Reads every dataset below the folder, and collects one of CartPole-v1 there.
const SCRIPT: &str = r#"
import json, os, sys
os.environ["MINARI_DATASETS_PATH"] = sys.argv[1]
import gymnasium as gym, minari, numpy as np
said = {}
for name in sys.argv[2:]:
    data = minari.load_dataset(name)
    episodes = list(data.iterate_episodes())
    first = episodes[0]
    def row(values, at):
        return {k: v[at] for k, v in values.items()} if isinstance(values, dict) else values[at]
    assert all(row(e.observations, at) in data.observation_space for e in episodes for at in range(len(e.rewards) + 1))
    assert all(a in data.action_space for e in episodes for a in e.actions)
    assert all(e.terminations[-1] or e.truncations[-1] for e in episodes)
    said[name] = {
        "episodes": int(data.total_episodes),
        "steps": int(data.total_steps),
        "mean_return": float(np.mean([e.rewards.sum() for e in episodes])),
        "made": data.env_spec.id,
        "sampled": len(list(data.sample_episodes(2))),
    }
# Without its collector, which needs jax.
env = gym.make("CartPole-v1")
from minari.data_collector.episode_buffer import EpisodeBuffer
from minari.dataset.minari_storage import MinariStorage
path = os.path.join(sys.argv[1], "cartpole", "collected-v0", "data")
os.makedirs(path)
kept = MinariStorage.new(path, env.observation_space, env.action_space, data_format="arrow", jpeg_encoding=False)
env.action_space.seed(1)
for seed in range(4):
    seen, ended = [env.reset(seed=seed)[0]], False
    actions, rewards, ends = [], [], ([], [])
    while not ended:
        action = env.action_space.sample()
        observation, reward, terminated, truncated, _ = env.step(action)
        ended = terminated or truncated
        seen.append(observation)
        actions.append(action)
        rewards.append(reward)
        ends[0].append(terminated)
        ends[1].append(truncated)
    episode = EpisodeBuffer(id=seed, seed=seed, observations=np.array(seen), actions=np.array(actions),
                            rewards=rewards, terminations=ends[0], truncations=ends[1])
    kept.update_episodes([episode])
print(json.dumps(said))
"#;

/// What the program says in its last line, as JSON.
fn program(arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_entropy-arcade")).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

#[test]
fn minari_reads_what_is_recorded_and_is_read() {
    let Some(python) = python(&["gymnasium", "minari", "pyarrow"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let mut recorded = Vec::new();
    for (env, name, more) in [
        ("cartpole", "cartpole/random-v0", &[][..]),
        ("lava-room", "lava-room/scripted-v2", &["--player", "scripted", "--level", "2"]),
        ("lander", "lander/random-v0", &["--set", "world.actions=continuous"]),
        ("memory-corridor", "corridor/random-v0", &["--set", "world.frame_stack=2"]),
    ] {
        let out = path(name);
        let mut arguments = vec!["record", "--env", env, "--episodes", "5", "--out", &out];
        if !more.contains(&"--player") {
            arguments.extend(["--player", "random"]);
        }
        arguments.extend(more);
        recorded.push((name, program(&arguments)));
    }
    let mut script = Command::new(&python);
    script.args(["-W", "ignore", "-c", SCRIPT]).arg(folder.path());
    let output = script.args(recorded.iter().map(|(name, _)| name)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (name, said) in &recorded {
        let found = &read[name];
        assert_eq!((&found["episodes"], &found["steps"]), (&said["episodes"], &said["steps"]), "{name}");
        let apart = found["mean_return"].as_f64().unwrap() - said["mean_return"].as_f64().unwrap();
        assert!(apart.abs() < 1e-9, "{name}: {apart}");
        assert_eq!(found["sampled"], 2);
        assert!(found["made"].as_str().unwrap().starts_with("EntropyArcade/"), "{found}");
    }
    learned(&python, &path("cartpole/collected-v0"));
}

/// A run that learns from what Minari has collected, resumes, and says what is wrong once that is gone.
fn learned(python: &Path, demos: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (out, python) = (folder.path().join("run").display().to_string(), python.display().to_string());
    let python = format!("bridge.python={python:?}");
    let sets = ["sac.hidden=[8]", "learner.learning_starts=64", "device=cpu", "run.eval_episodes=1", &python];
    let sets = sets.iter().flat_map(|set| ["--set", set]);
    let mut arguments = vec!["--no-render", "--env", "gym:CartPole-v1", "--demos", demos, "--out", &out];
    arguments.extend(["--steps", "600", "--set", "sac.behavior_cloning={weight=1.0,steps=100}"]);
    arguments.extend(sets);
    assert!(program(&arguments)["gradient_steps"].as_u64().unwrap() > 50);
    assert!(
        program(&["--no-render", "--resume", &out, "--steps", "800"])["env_steps"].as_u64().unwrap() >= 800
    );
    std::fs::remove_dir_all(demos).unwrap();
    let gone = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_entropy-arcade"));
        let output =
            command.args(["--no-render", "--resume", &out, "--steps", "900"]).args(more).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (went, said) = gone(&[]);
    assert!(!went && said.contains("metadata.json: cannot be read"), "{said}");
    let (went, said) = gone(&["--set", "run.demos=none"]);
    assert!(went, "{said}");
}
