//! Setup of the benchmarks; the measurements are in [`run`](crate::run).

use std::str::FromStr;

use crate::algo::sac::{SacConfig, SequenceTraining};
use crate::learner::{DeviceChoice, LearnerConfig, LearnerError, LearnerSetup, PrioritizedConfig};
use crate::mdp::{ActionKind, ActionSpace, EnvironmentSpec, ObservationSpace, WorldOptions};
use crate::nn::memory::{Memory, Recurrent, Transformer};
use crate::run::bench::{self, Work};
use crate::run::{random_app, ticks};
use crate::worlds::WorldChoice;
use crate::worlds::ball_box::{BallBox, Balls};

/// Measures a world's speed, alternating with `peers`.
///
/// # Errors
/// One line if the environment fails or a peer does not answer.
pub fn bench_env(
    world: &WorldChoice,
    arenas: usize,
    peers: &[String],
    runs: usize,
    seconds: f64,
    threads: usize,
) -> Result<Vec<bench::Line>, Box<dyn std::error::Error>> {
    let mut app = random_app(world, arenas, 1, threads);
    bench::environment(&mut app, arenas, peers, runs, seconds)
}

/// Measures the cost of a tick of `arenas` arenas of `world`, with one optimization disabled at a time.
pub fn bench_tick(world: &WorldChoice, arenas: usize, runs: usize, seconds: f64) -> Vec<bench::Line> {
    let name = format!("{}, {arenas} arenas", world.spec().name);
    ticks::savings(&|| random_app(world, arenas, 1, 0), runs, seconds, &name)
}

/// Measures the cost of a tick of 64 arenas by the number of bodies in each.
pub fn bench_bodies(runs: usize, seconds: f64) -> Vec<bench::Line> {
    let make = |balls| random_app(&WorldChoice::of::<BallBox>(Balls(balls)), 64, 1, 0);
    ticks::bodies(&make, runs, seconds)
}

/// Measures gradient steps, alternating with `peers`, at `sizes` of batch and both hidden layers: observation 8 and 4
/// discrete actions, or the shapes of HalfCheetah.
pub fn bench_learner(
    actions: ActionKind,
    sizes: &[(usize, usize)],
    prioritized: bool,
    device: DeviceChoice,
    peers: &[String],
    runs: usize,
    seconds: f64,
    threads: usize,
) -> impl Iterator<Item = Result<Vec<bench::Line>, Box<dyn std::error::Error>>> {
    sizes.iter().map(move |&(batch_size, width)| {
        let hidden = vec![width, width];
        let replay = if prioritized { ", prioritized replay" } else { "" };
        let name = format!("batch {batch_size}, hidden {hidden:?}{replay}");
        let sac = SacConfig { hidden, ..SacConfig::default() };
        let prioritized = prioritized.then(PrioritizedConfig::default);
        let algorithm = sac.into();
        let config =
            LearnerConfig { batch_size, threads, prioritized, algorithm, ..LearnerConfig::default() };
        let arguments = vec![("--batch", batch_size.to_string()), ("--hidden", width.to_string())];
        let spec = match actions {
            ActionKind::Discrete => random_spec(8, 4),
            ActionKind::Continuous => EnvironmentSpec {
                action: ActionSpace::continuous(
                    &["a", "b", "c", "d", "e", "f"].map(|name| (name, [-1.0, 1.0])),
                ),
                ..random_spec(17, 0)
            },
        };
        let setup = setup(spec, config, device);
        bench::learner(Work { setup, name, arguments, at_once: 20 }, peers, runs, seconds)
    })
}

/// Measures the matrix products of a gradient step for observation 8 and 4 discrete actions.
pub fn bench_products(batch: usize, width: usize, runs: usize, seconds: f64) -> Vec<bench::Line> {
    bench::products(8, width, 4, batch, (runs, seconds))
}

/// A memory that `bench sequences` measures, such as `lstm-64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemorySize {
    kind: &'static str,
    width: usize,
}

impl FromStr for MemorySize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, width) = text.split_once('-').unwrap_or_default();
        let kind = ["lstm", "gru", "transformer"].into_iter().find(|known| *known == kind);
        let width = width.parse().ok().filter(|width| (16..=512).contains(width) && width % 4 == 0);
        match (kind, width) {
            (Some(kind), Some(width)) => Ok(Self { kind, width }),
            _ => Err("allowed: lstm, gru or transformer, -, a multiple of 4 from 16 to 512".to_owned()),
        }
    }
}

impl MemorySize {
    fn memory(self) -> Memory {
        let Self { kind, width } = self;
        let recurrent = Recurrent { hidden: width, embed: None, skip: false, timescale: None };
        match kind {
            "lstm" => Memory::Lstm(recurrent),
            "gru" => Memory::Gru(recurrent),
            _ => {
                let mlp = 2 * width;
                Memory::Transformer(Transformer {
                    width,
                    heads: 4,
                    blocks: 1,
                    mlp,
                    window: 32,
                    spatial: None,
                })
            }
        }
    }

    /// The memory in place of the first of two hidden layers.
    fn config(self) -> SacConfig {
        SacConfig { memory: self.memory(), hidden: vec![self.width], ..SacConfig::default() }
    }
}

/// Measures gradient steps of agents with memory, alternating with `peers`: 32 sequences of 80 transitions, 20 of them
/// burn-in, observation 16, actions 5.
pub fn bench_sequences(
    device: DeviceChoice,
    memories: &[MemorySize],
    peers: &[String],
    runs: usize,
    seconds: f64,
    threads: usize,
) -> impl Iterator<Item = Result<Vec<bench::Line>, Box<dyn std::error::Error>>> {
    const BATCH: usize = 32;
    const LEARN: usize = 60;
    const BURN_IN: usize = 20;
    memories.iter().map(move |memory| {
        let MemorySize { kind, width } = *memory;
        let sequence =
            SequenceTraining { learn: LEARN, burn_in: BURN_IN, stride: 10, ..SequenceTraining::default() };
        let sac = SacConfig { sequence, ..memory.config() };
        let name = format!(
            "{kind} {width}, hidden {:?}, batch {BATCH}, {} moments, {BURN_IN} of them burn-in",
            sac.hidden,
            BURN_IN + LEARN,
        );
        let arguments = vec![
            ("--memory", kind.to_owned()),
            ("--width", width.to_string()),
            ("--batch", BATCH.to_string()),
            ("--length", (BURN_IN + LEARN).to_string()),
            ("--burn-in", BURN_IN.to_string()),
            ("--threads", bench::threads(threads).to_string()),
        ];
        let batch_size = BATCH * LEARN;
        let config = LearnerConfig { batch_size, threads, algorithm: sac.into(), ..LearnerConfig::default() };
        let setup = setup(random_spec(16, 5), config, device);
        bench::learner(Work { setup, name, arguments, at_once: 4 }, peers, runs, seconds)
    })
}

/// A learner without checkpoints.
fn setup(spec: EnvironmentSpec, config: LearnerConfig, device: DeviceChoice) -> LearnerSetup {
    LearnerSetup {
        spec,
        streams: 1,
        level: None,
        world: WorldOptions::default(),
        config,
        device,
        seed: 1,
        checkpoints: None,
        resume: None,
        demonstrations: None,
    }
}

/// Measures a replay buffer with `items` transitions of 8 floats.
pub fn bench_replay(items: usize, runs: usize, seconds: f64) -> [bench::Line; 3] {
    bench::replay(&random_spec(8, 4), items, runs, seconds)
}

/// Measures the time a policy takes to act for 1, 64 and 1024 arenas, at three sizes and with three memories, relative
/// to 2×64 hidden units.
pub fn bench_act(runs: usize, seconds: f64) -> impl Iterator<Item = Result<Vec<bench::Line>, LearnerError>> {
    let reactive = |width| SacConfig { hidden: vec![width, width], ..SacConfig::default() };
    let memories = ["lstm", "gru", "transformer"].map(|kind| MemorySize { kind, width: 64 }.config());
    let configs = [[64, 128, 256].map(reactive), memories].concat();
    let spec = random_spec(8, 4);
    [1, 64, 1024].into_iter().map(move |rows| bench::act(&spec, &configs, rows, runs, seconds))
}

/// A spec of no world.
fn random_spec(features: usize, actions: usize) -> EnvironmentSpec {
    EnvironmentSpec {
        name: "random experience".into(),
        summary: String::new(),
        observation: ObservationSpace { vector: vec![String::new(); features], grid: None },
        action: ActionSpace::discrete(&["a", "b", "c", "d", "e"][..actions]),
        ticks_per_step: 1,
        tick_seconds: 1.0,
        episode_limit: 100,
        teams: vec![0],
        rewards: Vec::new(),
    }
}
