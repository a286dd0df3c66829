//! The first minute: the time until a watched world appears, and what its agent visibly learns in a minute.

use std::sync::OnceLock;
use std::time::Instant;

use bevy::prelude::*;
use serde::Serialize;

use crate::agent::history::{History, remember};
use crate::agent::{Controller, EpisodeFinished};

/// Start of the program: the time of the first call.
pub fn began() -> Instant {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    *BEGAN.get_or_init(Instant::now)
}

/// Length of the compared intervals at the beginning and the end, in seconds.
const PART: f32 = 10.0;

/// Settings of the measurement.
#[derive(Resource, Debug, Clone)]
pub struct MinuteBench {
    /// The world.
    pub env: String,
    /// Its seed.
    pub seed: u64,
    /// Seconds after the first frame.
    pub seconds: f32,
}

/// Measured values.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Seen {
    peer: &'static str,
    version: &'static str,
    work: &'static str,
    env: String,
    seed: u64,
    /// Time from the start of the program to the first presented frame.
    first_frame_seconds: f32,
    seconds: f32,
    env_steps: u64,
    gradient_steps: u64,
    /// Learning episodes that ended in the first and in the last ten seconds.
    first: Part,
    last: Part,
    /// Difference of the last returns to the first, in pooled standard deviations (Cohen's d).
    improvement: f32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
struct Part {
    episodes: usize,
    mean_return: f32,
    std_return: f32,
    success: f32,
}

impl Part {
    fn of(episodes: &[(f32, f32, bool)], from: f32) -> Self {
        let within = |time: f32| (from..from + PART).contains(&time);
        let part: Vec<_> = episodes.iter().filter(|(time, ..)| within(*time)).collect();
        // Without episodes the mean is NaN, written as null.
        let count = part.len() as f32;
        let mean = part.iter().map(|(_, value, _)| value).sum::<f32>() / count;
        let variance = part.iter().map(|(_, value, _)| (value - mean).powi(2)).sum::<f32>() / count;
        let success = part.iter().filter(|(.., success)| *success).count() as f32 / count;
        Self { episodes: part.len(), mean_return: mean, std_return: variance.sqrt(), success }
    }
}

impl Part {
    fn above(&self, first: &Self) -> f32 {
        let spread = ((self.std_return.powi(2) + first.std_return.powi(2)) / 2.0).sqrt();
        (self.mean_return - first.mean_return) / spread.max(1e-3)
    }
}

/// Measures, prints a JSON line and closes the app.
pub fn plugin(app: &mut App, bench: MinuteBench) {
    app.insert_resource(bench).add_systems(Update, watch.after(remember));
}

fn watch(
    bench: Res<MinuteBench>,
    history: Res<History>,
    mut finished: MessageReader<EpisodeFinished>,
    mut frames: Local<u32>,
    mut shown: Local<Option<Instant>>,
    mut episodes: Local<Vec<(f32, f32, bool)>>,
    mut exit: MessageWriter<AppExit>,
) {
    *frames += 1;
    // Rendering is pipelined: at the third frame the first has been presented.
    if *frames < 3 {
        return;
    }
    let shown = *shown.get_or_insert_with(Instant::now);
    let now = shown.elapsed().as_secs_f32();
    let all = finished.read().flat_map(EpisodeFinished::summaries);
    let learned = all.filter(|episode| episode.controller == Controller::Learning.name());
    episodes.extend(learned.map(|episode| (now, episode.episode_return, episode.success)));
    if now < bench.seconds {
        return;
    }
    let [first, last] = [0.0, bench.seconds - PART].map(|from| Part::of(&episodes, from));
    let seen = Seen {
        peer: "entropy-arcade",
        version: env!("CARGO_PKG_VERSION"),
        work: "the first minute of a window",
        env: bench.env.clone(),
        seed: bench.seed,
        first_frame_seconds: shown.duration_since(began()).as_secs_f32(),
        seconds: bench.seconds,
        env_steps: history.env_steps,
        gradient_steps: history.gradient_steps,
        improvement: last.above(&first),
        first,
        last,
    };
    println!("{}", serde_json::to_string(&seen).unwrap_or_default());
    exit.write(AppExit::Success);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_of_their_own_time() {
        let episodes = [(1.0, -1.0, false), (9.0, 1.0, true), (55.0, 3.0, true), (61.0, 9.0, true)];
        let first = Part::of(&episodes, 0.0);
        assert_eq!(first, Part { episodes: 2, mean_return: 0.0, std_return: 1.0, success: 0.5 });
        assert_eq!(Part::of(&episodes, 50.0).mean_return, 3.0);
        assert_eq!(Part::of(&episodes, 20.0).episodes, 0);
    }
}
