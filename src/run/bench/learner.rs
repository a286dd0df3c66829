//! Gradient steps per second of a learner, measured in turn with other libraries.

use std::time::Instant;

use super::{Line, compared, random_experience};
#[cfg(feature = "gpu")]
use crate::learner::device::Counts;
use crate::learner::{Learner, LearnerSetup};
use crate::run::peers;

/// A learner to measure.
#[derive(Debug)]
pub struct Work {
    /// The learner.
    pub setup: LearnerSetup,
    /// Its batch and networks in words.
    pub name: String,
    /// The same as arguments of a peer, beside `--seconds`.
    pub arguments: Vec<(&'static str, String)>,
    /// Gradient steps between two looks at the clock.
    pub at_once: u32,
}

/// Gradient steps on random experience, including replay sampling, for `seconds` per run; after each run,
/// every command of `peers` does the same work for the same time.
///
/// # Errors
/// One line if the learner cannot be created, its device fails or a peer does not answer.
pub fn learner(
    Work { setup, name, arguments, at_once }: Work,
    peers: &[String],
    runs: usize,
    seconds: f64,
) -> Result<Vec<Line>, Box<dyn std::error::Error>> {
    let work = format!(
        "{name}, observation {}, actions {}, sampling included",
        setup.spec.observation.features(),
        setup.spec.action.len()
    );
    let threads = threads(setup.config.threads);
    let experience = random_experience(&setup.spec, 20_000);
    let mut learner = Learner::new(setup)?;
    // A report waits for a GPU, which works ahead otherwise.
    let at_once = if learner.device().0.starts_with("gpu") { 8 * at_once } else { at_once };
    learner.push(&experience, true);
    learner.train(2 * u64::from(at_once), true)?;
    let (mut rates, mut answers) = (Vec::new(), vec![Vec::new(); peers.len()]);
    let before = counts(&learner);
    for _ in 0..runs {
        let start = Instant::now();
        let mut steps = 0;
        while start.elapsed().as_secs_f64() < seconds {
            // Reading the report waits for the GPU.
            learner.train(u64::from(at_once), true)?;
            steps += at_once;
        }
        rates.push(f64::from(steps) / start.elapsed().as_secs_f64());
        for (peer, answers) in peers.iter().zip(&mut answers) {
            answers.push(peers::ask(peer, &arguments, seconds)?);
        }
    }
    const METRIC: &str = "gradient_steps_per_second";
    let (device, _) = learner.device();
    let mut lines = vec![Line::new(format!("{work}, {device}"), METRIC, rates.clone(), threads)];
    if let (Some(before), Some(after)) = (before, counts(&learner)) {
        lines.extend(
            per_step(before, after)
                .map(|(metric, value)| Line::new(format!("{work}, {device}"), metric, vec![value], threads)),
        );
    }
    lines.extend(answers.into_iter().filter_map(|answers| compared(&work, METRIC, &rates, answers, threads)));
    Ok(lines)
}

/// What was asked so far of the card that `learner` runs on.
#[cfg(feature = "gpu")]
fn counts(learner: &Learner) -> Option<Counts> {
    let (device, _) = learner.device();
    device
        .starts_with("gpu (fused")
        .then(|| crate::learner::device::card(true).ok().map(|card| card.counts()))?
}

/// Nothing without GPUs.
#[cfg(not(feature = "gpu"))]
fn counts(_: &Learner) -> Option<[u64; 5]> {
    None
}

/// What a gradient step asks of a card.
#[cfg(feature = "gpu")]
fn per_step(before: Counts, after: Counts) -> [(&'static str, f64); 4] {
    let steps = (after.steps - before.steps).max(1) as f64;
    [
        ("dispatches_per_gradient_step", after.dispatches - before.dispatches),
        ("passes_per_gradient_step", after.passes - before.passes),
        ("submissions_per_gradient_step", after.submissions - before.submissions),
        ("reads_per_gradient_step", after.reads - before.reads),
    ]
    .map(|(metric, count)| (metric, count as f64 / steps))
}

/// Nothing without GPUs.
#[cfg(not(feature = "gpu"))]
fn per_step(_: [u64; 5], _: [u64; 5]) -> [(&'static str, f64); 0] {
    []
}

/// What a number of threads means: 0 is one for each core.
pub fn threads(threads: usize) -> usize {
    match threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    }
}
