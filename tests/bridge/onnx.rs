//! Exported models: onnxruntime computes from them what the policy does, and they play Gymnasium's own tasks.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use entropy_arcade::config::RunConfig;
use entropy_arcade::experiment::level::world_in;
use entropy_arcade::experiment::{Experiment, Mode};
use entropy_arcade::learner::checkpoint::Checkpoint;
use entropy_arcade::learner::trained::{TrainedAgent, TrainingRecord};
use entropy_arcade::mdp::{
    ActInput, ActionBatch, ActionRow, ActionSpace, ObservationBatch, PolicyOutput, StateBatch, Stream, rng,
};
use rand::RngExt as _;
use serde_json::json;

use super::gymnasium::python;

/// Steps of one episode that a model and its policy are compared over, and episodes at once.
const STEPS: usize = 12;
const ROWS: usize = 25;

/// Feeds the rows of `input.json` to `model.onnx`, step by step, and prints what comes out.
const SCRIPT: &str = r"
import json, sys
import numpy as np, onnxruntime
folder = sys.argv[1]
asked = json.load(open(folder + '/input.json'))
model = onnxruntime.InferenceSession(folder + '/model.onnx')
shapes = {i.name: i.shape for i in model.get_inputs()}
outputs = [o.name for o in model.get_outputs()]
types = {'grid': np.uint8}
state, answers = None, []
for step in asked:
    given = {}
    for name, shape in shapes.items():
        if name == 'state_ins':
            given[name] = np.zeros((len(step['previous_reward']), shape[1]), np.float32) if state is None else state
        else:
            given[name] = np.array(step[name], types.get(name, np.float32)).reshape([-1] + shape[1:])
    found = dict(zip(outputs, model.run(None, given)))
    state = found.pop('state_outs', None)
    answers.append({name: value.ravel().tolist() for name, value in found.items()})
print(json.dumps(answers))
";

/// Compares the model of `agent` with its policy over observations of all kinds.
fn compare(python: &Path, agent: &TrainedAgent) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("model.onnx"), agent.to_onnx().unwrap()).unwrap();
    let (policy, spec) = (agent.policy().unwrap(), &agent.environment);
    let mut random = rng(3, Stream::Replay, 0);
    let mut states = StateBatch::default();
    let mut previous = ActionBatch::neutral(&spec.action, ROWS);
    let mut rewards = vec![0.0; ROWS];
    let (mut asked, mut expected) = (Vec::new(), Vec::new());
    for step in 0..STEPS {
        let mut observations = ObservationBatch::default();
        for _ in 0..ROWS {
            let vector: Vec<f32> =
                (0..spec.observation.vector_len()).map(|_| random.random_range(-2.0..2.0)).collect();
            let grid: Vec<u8> = (0..spec.observation.grid_len())
                .map(|_| [0, 0, 0, 128, 255][random.random_range(0..5)])
                .collect();
            observations.push(&vector, &grid);
        }
        if step == 0 {
            (0..ROWS).for_each(|_| states.push(&vec![0.0; policy.state_width()]));
        }
        let first = vec![step == 0; ROWS];
        let mut output = PolicyOutput::default();
        let input = ActInput {
            observations: &observations,
            states: &mut states,
            previous_actions: &previous,
            previous_rewards: &rewards,
            is_first: &first,
            rngs: &mut [],
            greedy: true,
        };
        policy.act(input, &mut output);
        // One-hot, and zero where an episode begins.
        let before = |row: usize| -> Vec<f32> {
            let scale = if step == 0 { 0.0 } else { 1.0 };
            match previous.row(row) {
                ActionRow::Discrete(index) => (0..spec.action.len())
                    .map(|action| f32::from(u8::from(action == usize::from(index))) * scale)
                    .collect(),
                ActionRow::Continuous(vector) => vector.iter().map(|value| value * scale).collect(),
            }
        };
        asked.push(json!({
            "vector": observations.vector,
            "grid": observations.grid,
            "previous_action": (0..ROWS).map(before).collect::<Vec<_>>(),
            "previous_reward": rewards,
        }));
        previous = output.actions.clone();
        rewards = (0..ROWS).map(|_| random.random_range(-1.0..1.0)).collect();
        expected.push(output);
    }
    std::fs::write(folder.path().join("input.json"), serde_json::to_string(&asked).unwrap()).unwrap();
    let run = Command::new(python).args(["-c", SCRIPT]).arg(folder.path()).output().unwrap();
    let answers: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_slice(&run.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&run.stderr)));
    assert_eq!(answers.len(), STEPS);
    for (answer, output) in answers.iter().zip(&expected) {
        let numbers = |name: &str| -> Vec<f64> {
            answer[name].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
        };
        let close = |theirs: &[f64], own: &[f32], within: f64| {
            assert_eq!(theirs.len(), own.len());
            let far =
                theirs.iter().zip(own).find(|(theirs, own)| (**theirs - f64::from(**own)).abs() > within);
            assert_eq!(far, None, "{}", agent.name);
        };
        match &spec.action {
            ActionSpace::Discrete(_) => {
                close(&numbers("probabilities"), &output.probabilities, 1e-5);
                let actions: Vec<f64> =
                    output.actions.discrete.iter().map(|action| f64::from(*action)).collect();
                assert_eq!(numbers("action"), actions);
            }
            ActionSpace::Continuous(_) => close(&numbers("action"), &output.actions.continuous, 2e-5),
        }
    }
}

/// The agent of a run of a few hundred steps with `sets`.
fn trained(env: &str, sets: &[&str]) -> TrainedAgent {
    let short = ["steps=400", "device=cpu", "run.eval_episodes=0", "learner.learning_starts=100", "arenas=4"];
    let sets: Vec<String> = short.iter().chain(sets).map(ToString::to_string).collect();
    let config = RunConfig::resolve(Some(env), None, &sets).unwrap();
    let (folder, world) = (tempfile::tempdir().unwrap(), world_in(&config, None).unwrap());
    let out = folder.path().join("run");
    let experiment = Experiment::at(config, world, Mode::Headless, Some(out.clone()), None).unwrap();
    entropy_arcade::run::train(experiment, Arc::new(AtomicBool::new(false)), true).unwrap();
    let checkpoint = Checkpoint::open(&out).unwrap();
    let record = TrainingRecord {
        level: None,
        seed: 1,
        env_steps: 400,
        gradient_steps: 1,
        seconds: None,
        episodes: 0,
        mean_return: 0.0,
        success: 0.0,
    };
    TrainedAgent::of(&checkpoint, record).unwrap()
}

fn shipped(path: &str) -> TrainedAgent {
    TrainedAgent::load(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/worlds").join(path)).unwrap()
}

#[test]
fn onnxruntime_computes_what_the_policy_does() {
    let Some(python) = python(&["onnxruntime", "numpy"]) else { return };
    for agent in ["lander/lander.agent", "rooms/lava_room/lava-room-5.agent", "walkers/cheetah/cheetah.agent"]
    {
        compare(&python, &shipped(agent));
    }
    let gru = "sac.memory={kind=\"gru\",hidden=9,embed=7,skip=true}";
    let lstm = "sac.memory={kind=\"lstm\",hidden=8}";
    compare(&python, &trained("memory-corridor", &[gru]));
    compare(&python, &trained("t-maze", &["level=50", lstm, "sac.sequence.previous_action=false"]));
    compare(
        &python,
        &trained("pendulum", &["sac.memory.kind=lstm", "sac.layer_norm=true", "sac.shared_std=true"]),
    );
    compare(&python, &trained("paddle-duel", &["sac.layer_norm=true", "sac.critic_head=dueling"]));
}

#[test]
fn what_no_model_is_made_of_is_refused_in_one_line() {
    let error = shipped("rooms/memory_corridor/memory-corridor-1.agent").to_onnx().unwrap_err().to_string();
    assert_eq!(error, "sac.memory.kind = transformer: allowed: none, lstm or gru for ONNX");
}

/// Plays 100 greedy episodes of a Gymnasium task with a model and prints their mean return.
const PLAY: &str = r"
import sys
import gymnasium as gym, numpy as np, onnxruntime
model = onnxruntime.InferenceSession(sys.argv[2])
env, returns = gym.make(sys.argv[1]), []
for episode in range(100):
    seen, ended, total = env.reset(seed=5000 + episode)[0], False, 0.0
    while not ended:
        action = model.run(['action'], {'vector': seen[None].astype(np.float32)})[0][0]
        seen, reward, terminated, truncated, _ = env.step(int(action))
        total, ended = total + reward, terminated or truncated
    returns.append(total)
print(np.mean(returns))
";

#[test]
fn shipped_agents_play_the_published_tasks() {
    let Some(python) = python(&["onnxruntime", "gymnasium", "Box2D"]) else { return };
    let folder = tempfile::tempdir().unwrap();
    for (task, agent, at_least) in [
        ("CartPole-v1", "classic_control/cartpole/cartpole.agent", 495.0),
        ("Acrobot-v1", "classic_control/acrobot/acrobot.agent", -90.0),
        ("MountainCar-v0", "classic_control/mountain_car/mountain-car.agent", -110.0),
        // Trained with rapier in place of Box2D.
        ("LunarLander-v3", "lander/lander.agent", 250.0),
    ] {
        let model = folder.path().join("model.onnx");
        std::fs::write(&model, shipped(agent).to_onnx().unwrap()).unwrap();
        let run = Command::new(&python).args(["-c", PLAY, task]).arg(&model).output().unwrap();
        let mean = String::from_utf8_lossy(&run.stdout).trim().parse::<f64>();
        let mean = mean.unwrap_or_else(|_| panic!("{task}: {}", String::from_utf8_lossy(&run.stderr)));
        println!("{task}: mean return {mean:.1} over 100 greedy episodes");
        assert!(mean >= at_least, "{task}: {mean}");
    }
}
