//! Benchmarks: speed of stepping worlds, learning, acting and replay sampling, as JSON lines comparable with
//! other libraries. Learning is in `learner`.

mod learner;
mod products;

use std::time::{Duration, Instant};

use bevy::prelude::*;
use serde::Serialize;

use crate::algo::sac::{CategoricalPolicy, FusedSac, FusedSequenceSac, SacConfig, SacUpdate as _};
use crate::learner::{LearnerError, PrioritizedConfig};
use crate::mdp::{
    ActInput, Action, ActionBatch, ActionDimension, ActionSpace, EnvironmentSpec, EpisodeEnd, Origin,
    Policy as _, PolicyOutput, Rng, StateBatch, StepBatch, Stream, TransitionBatch, rng,
};
use crate::replay::{ReplayBuffer, ReplayConfig};
use crate::run::eval::still_there;
use crate::run::peers::{self, Answer};
use crate::sim::arena::Spec;
use crate::sim::run_agent_step;
pub use learner::{Work, learner, threads};
pub use products::products;
use rand::RngExt as _;

/// One benchmark line.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// The program measured.
    pub peer: String,
    /// Its version.
    pub version: String,
    /// The workload.
    pub work: String,
    /// The quantity measured.
    pub metric: &'static str,
    /// Median over the runs.
    pub value: f64,
    /// Number of runs.
    pub runs: usize,
    /// Number of threads.
    pub threads: usize,
    /// This program's value over that of the first line of the same work, or a peer's: median over the runs, in which
    /// both are measured one after the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
}

impl Line {
    pub(super) fn new(work: String, metric: &'static str, values: Vec<f64>, threads: usize) -> Self {
        Self {
            peer: "entropy-arcade".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            work,
            metric,
            runs: values.len(),
            value: median(values),
            threads,
            ratio: None,
        }
    }
}

/// The median, to three places.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let count = values.len();
    (1000.0 * (values[(count - 1) / 2] + values[count / 2]) / 2.0).round() / 1000.0
}

/// Steps the arenas of `app` (random actions, observations written, episodes reset) for `seconds` per run. An
/// agent step is one slot's: a step of an arena with two players counts as two. After each run, every command of `peers`
/// steps as many environments for the same time.
///
/// # Errors
/// One line if the environment fails or a peer does not answer.
pub fn environment(
    app: &mut App,
    arenas: usize,
    peers: &[String],
    runs: usize,
    seconds: f64,
) -> Result<Vec<Line>, Box<dyn std::error::Error>> {
    let spec = app.world().resource::<Spec>().0.clone();
    let threads = app.world().resource::<crate::sim::SimPool>().threads();
    let (mut steps_per_second, mut answers) = (Vec::new(), vec![Vec::new(); peers.len()]);
    let arguments = [("--arenas", arenas.to_string())];
    run_for(app.world_mut(), Duration::from_secs_f64(seconds / 4.0));
    for _ in 0..runs {
        let start = Instant::now();
        let steps = run_for(app.world_mut(), Duration::from_secs_f64(seconds));
        steps_per_second.push((steps * arenas as u64) as f64 / start.elapsed().as_secs_f64());
        still_there(app.world())?;
        for (peer, answers) in peers.iter().zip(&mut answers) {
            answers.push(peers::ask(peer, &arguments, seconds)?);
        }
    }
    let work = format!("{}, {arenas} arenas, random actions", spec.name);
    let own = [
        ("arena_ticks_per_second", f64::from(spec.ticks_per_step)),
        ("arena_steps_per_second", 1.0),
        ("agent_steps_per_second", spec.slots() as f64),
    ]
    .map(|(metric, each)| {
        Line::new(work.clone(), metric, steps_per_second.iter().map(|rate| rate * each).collect(), threads)
    });
    let agents: Vec<f64> = steps_per_second.iter().map(|rate| rate * spec.slots() as f64).collect();
    let others =
        answers.into_iter().map(|answers| compared(&work, "agent_steps_per_second", &agents, answers, 1));
    Ok(own.into_iter().chain(others.flatten()).collect())
}

/// The line of a peer that has answered after each of our own runs.
fn compared(
    work: &str,
    metric: &'static str,
    own: &[f64],
    answers: Vec<Answer>,
    threads: usize,
) -> Option<Line> {
    let values = answers.iter().map(|answer| answer.value).collect();
    let ratios = own.iter().zip(&answers).map(|(own, answer)| own / answer.value).collect();
    let line = Line { ratio: Some(median(ratios)), ..Line::new(work.to_owned(), metric, values, threads) };
    answers.into_iter().next().map(|Answer { peer, version, .. }| Line { peer, version, ..line })
}

fn run_for(world: &mut World, time: Duration) -> u64 {
    let start = Instant::now();
    let mut steps = 0;
    while start.elapsed() < time {
        for _ in 0..8 {
            run_agent_step(world);
            steps += 1;
        }
    }
    steps
}

/// Nanoseconds per item for uniform sampling, for prioritized sampling with weights, both in batches of 256,
/// and for updating its priority, in a buffer of `items`.
pub fn replay(spec: &EnvironmentSpec, items: usize, runs: usize, seconds: f64) -> [Line; 3] {
    const BATCH: usize = 256;
    let config = ReplayConfig { capacity: items, streams: 1, n_step: 1, gamma: 0.99 };
    let mut buffer = ReplayBuffer::new(spec.observation.clone(), config);
    let experience = random_experience(spec, 20_000);
    while buffer.len() < buffer.capacity() {
        let before = buffer.len();
        buffer.push(&experience);
        if buffer.len() <= before {
            break;
        }
    }
    let prioritized = PrioritizedConfig::default();
    buffer.set_priorities(Some(prioritized.priorities()));
    let (mut random, mut batch) = (rng(1, Stream::Replay, 98), TransitionBatch::default());
    // As after long training: priorities distributed like exponential TD errors.
    buffer.gather_all(&mut batch);
    let errors = |count, random: &mut Rng| -> Vec<f32> {
        (0..count).map(|_| -(1.0 - random.random::<f32>()).ln()).collect()
    };
    let first = errors(batch.indices.len(), &mut random);
    buffer.update_priorities(&batch.indices, &first);
    let held = buffer.len();
    let mut each = |metric, work: &mut dyn FnMut(&mut ReplayBuffer, &mut Rng, &mut TransitionBatch)| {
        let rates = (0..runs).map(|_| {
            let (start, mut batches) = (Instant::now(), 0);
            while start.elapsed().as_secs_f64() < seconds {
                for _ in 0..16 {
                    work(&mut buffer, &mut random, &mut batch);
                }
                batches += 16;
            }
            start.elapsed().as_nanos() as f64 / (batches * BATCH) as f64
        });
        let rates = rates.collect();
        Line::new(format!("{held} items, observation {}", spec.observation.features()), metric, rates, 1)
    };
    let uniform = each("nanoseconds_per_uniform_item", &mut |buffer, random, batch| {
        std::hint::black_box(buffer.sample(BATCH, random, batch));
    });
    let drawn = each("nanoseconds_per_prioritized_item", &mut |buffer, random, batch| {
        std::hint::black_box(buffer.sample_prioritized(BATCH, 0.7, random, batch));
    });
    let news = errors(BATCH, &mut rng(1, Stream::Replay, 97));
    let updated = each("nanoseconds_per_priority_update", &mut |buffer, _, batch| {
        buffer.update_priorities(&batch.indices, &news);
    });
    [uniform, drawn, updated]
}

/// Microseconds from `rows` observations to sampled actions, with a new actor of each of `configs`, measured in turn in
/// every run; ratios are to the first.
///
/// # Errors
/// [`LearnerError::Algorithm`] for an invalid network.
pub fn act(
    spec: &EnvironmentSpec,
    configs: &[SacConfig],
    rows: usize,
    runs: usize,
    seconds: f64,
) -> Result<Vec<Line>, LearnerError> {
    let (features, actions) = (spec.observation.features(), spec.action.len());
    let mut policies = Vec::new();
    for config in configs {
        let source = &mut rng(1, Stream::Weights, 0);
        let actor = match config.memory.is_some() {
            true => FusedSequenceSac::new(config.clone(), features, actions, source)?.export_actor()?,
            false => FusedSac::new(config.clone(), features, actions, source)?.export_actor()?,
        };
        policies.push(CategoricalPolicy::from_tensors(config, features, actions, &actor)?);
    }
    let mut observations = random_experience(spec, rows).observations;
    observations.count = rows;
    let mut random: Vec<Rng> = (0..rows as u64).map(|row| rng(1, Stream::Exploration, row)).collect();
    let previous_actions = ActionBatch::from(vec![0; rows]);
    let (previous_rewards, is_first) = (vec![0.5; rows], vec![false; rows]);
    let mut states: Vec<StateBatch> =
        policies.iter().map(|policy| StateBatch::zeros(policy.state_width(), rows)).collect();
    let mut decisions = PolicyOutput::default();
    let mut times = vec![Vec::new(); policies.len()];
    for (policy, place) in (0..runs).flat_map(|_| policies.iter().zip(0..)) {
        let (start, mut passes) = (Instant::now(), 0u32);
        while start.elapsed().as_secs_f64() < seconds {
            for _ in 0..16 {
                let input = ActInput {
                    observations: &observations,
                    states: &mut states[place],
                    previous_actions: &previous_actions,
                    previous_rewards: &previous_rewards,
                    is_first: &is_first,
                    rngs: &mut random,
                    greedy: false,
                };
                policy.act(input, &mut decisions);
            }
            passes += 16;
        }
        times[place].push(start.elapsed().as_secs_f64() * 1e6 / f64::from(passes));
    }
    let lines = configs.iter().zip(&times).map(|(config, own)| {
        let memory = match config.memory.features(0) {
            0 => String::new(),
            width => format!("{} {width}, ", config.memory.kind()),
        };
        let hidden = &config.hidden;
        let work = format!("{rows} observations of {features}, {memory}hidden {hidden:?}, actions {actions}");
        let ratios = own.iter().zip(&times[0]).map(|(own, first)| own / first).collect();
        let ratio = (config != &configs[0]).then(|| median(ratios));
        Line { ratio, ..Line::new(work, "microseconds_to_act", own.clone(), 1) }
    });
    Ok(lines.collect())
}

/// Random steps of one stream, in episodes of 100.
fn random_experience(spec: &EnvironmentSpec, steps: usize) -> StepBatch {
    let mut random: Rng = rng(1, Stream::Replay, 99);
    let features = spec.observation.vector_len();
    let action = |random: &mut Rng| match &spec.action {
        ActionSpace::Discrete(names) => Action::Discrete(random.random_range(0..names.len() as u16)),
        ActionSpace::Continuous(dimensions) => {
            let one = |own: &ActionDimension| random.random_range(own.low..=own.high);
            Action::continuous(&dimensions.iter().map(one).collect::<Vec<_>>())
        }
    };
    let mut batch = StepBatch::default();
    let observe = |batch: &mut crate::mdp::ObservationBatch, random: &mut Rng| {
        let row: Vec<f32> = (0..features).map(|_| random.random_range(-1.0..1.0)).collect();
        batch.push(&row, &[]);
    };
    for step in 0..steps {
        batch.streams.push(0);
        batch.starts.push(step % 100 == 0);
        observe(&mut batch.observations, &mut random);
        batch.actions.push(action(&mut random));
        batch.rewards.push(random.random_range(-1.0..1.0));
        batch.behaviour_entropies.push(1.0);
        batch.origins.push(Origin::Policy);
        let ends = step % 100 == 99;
        batch.ends.push(ends.then_some(EpisodeEnd::Terminated));
        if ends {
            observe(&mut batch.final_observations, &mut random);
        }
    }
    batch
}
