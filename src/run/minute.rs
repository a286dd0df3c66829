//! The first minute: how long a watched world takes to appear, and what a person sees its agent learn in that time.

use std::sync::OnceLock;
use std::time::Instant;

use bevy::prelude::*;
use serde::Serialize;

use crate::agent::Controller;
use crate::agent::history::{History, remember};

/// When the program began; the first call tells.
pub fn began() -> Instant {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    *BEGAN.get_or_init(Instant::now)
}

/// Seconds at the beginning and at the end that are compared.
const PART: f32 = 10.0;

/// What is watched, for how long.
#[derive(Resource, Debug, Clone)]
pub struct MinuteBench {
    /// The world.
    pub env: String,
    /// Its seed.
    pub seed: u64,
    /// Seconds after the first frame.
    pub seconds: f32,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Seen {
    peer: &'static str,
    version: &'static str,
    work: &'static str,
    env: String,
    seed: u64,
    /// From the program's start until the first frame was handed over.
    first_frame_seconds: f32,
    seconds: f32,
    env_steps: u64,
    gradient_steps: u64,
    /// Episodes of learning seats that ended in the first and in the last ten seconds.
    first: Part,
    last: Part,
    /// How far the last returns lie above the first, in standard deviations of both (Cohen's d).
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
        // Of no episode there is no mean: not a number here, null in the line.
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

/// Watches, prints a JSON line and closes the app.
pub fn plugin(app: &mut App, bench: MinuteBench) {
    app.insert_resource(bench).add_systems(Update, watch.after(remember));
}

fn watch(
    bench: Res<MinuteBench>,
    history: Res<History>,
    mut frames: Local<u32>,
    mut shown: Local<Option<Instant>>,
    mut episodes: Local<Vec<(f32, f32, bool)>>,
    mut exit: MessageWriter<AppExit>,
) {
    *frames += 1;
    // Frames are drawn one behind: with the third the first has been handed over.
    if *frames < 3 {
        return;
    }
    let shown = *shown.get_or_insert_with(Instant::now);
    let now = shown.elapsed().as_secs_f32();
    let learned = history.latest.iter().filter(|episode| episode.controller == Controller::Learning.name());
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
