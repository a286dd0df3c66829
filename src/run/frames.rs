//! Frame times: CPU time of a drawn frame on its own thread, with training on and off.
//!
//! CPU time of the frame's thread is measured instead of wall time, so that the work of other threads (the
//! learner, a software renderer) is not counted.

use std::time::{Duration, Instant};

use bevy::prelude::*;
use cpu_time::ThreadTime;

use super::bench::Line;
use crate::agent::LiveLearner;

/// Frames skipped after a switch.
const SETTLING: Duration = Duration::from_millis(500);

/// Settings of the measurement.
#[derive(Resource, Debug, Clone)]
pub struct FrameBench {
    /// Name of the workload in the output.
    pub work: String,
    /// Seconds before the first measured frame, for pipelines to compile and replay to fill.
    pub warm_up: f32,
    /// Duration of an interval with or without training, in seconds.
    pub stretch: f32,
    /// Number of intervals of each kind.
    pub rounds: usize,
    /// Minimum seconds between frames, like a display's refresh; 0 for no limit. Longer frames simulate more
    /// ticks, so only frames of equal length show the effect of training alone.
    pub apart: f32,
}

/// Bound to the frame's thread, whose CPU time it measures.
struct Measurement {
    began: Instant,
    switched: Instant,
    stretches: usize,
    /// Start of the previous frame.
    last: Instant,
    frame: Option<(ThreadTime, Instant)>,
    /// Milliseconds of CPU and wall time, by interval.
    frames: Vec<(Vec<f64>, Vec<f64>)>,
}

/// Measures frames by `bench`, prints JSON lines and closes the app.
pub fn plugin(app: &mut App, bench: FrameBench) {
    let now = Instant::now();
    app.insert_resource(bench)
        .insert_non_send(Measurement {
            began: now,
            switched: now,
            stretches: 0,
            last: now,
            frame: None,
            frames: Vec::new(),
        })
        .add_systems(First, begin_frame)
        .add_systems(Last, end_frame);
}

fn begin_frame(bench: Res<FrameBench>, mut measurement: NonSendMut<Measurement>) {
    std::thread::sleep(Duration::from_secs_f32(bench.apart).saturating_sub(measurement.last.elapsed()));
    measurement.last = Instant::now();
    measurement.frame = Some((ThreadTime::now(), Instant::now()));
}

fn end_frame(
    bench: Res<FrameBench>,
    mut measurement: NonSendMut<Measurement>,
    mut learner: ResMut<LiveLearner>,
    mut exit: MessageWriter<AppExit>,
) {
    let measurement = &mut *measurement;
    let Some((cpu, wall)) = measurement.frame.take() else { return };
    let (cpu, wall) = (cpu.elapsed().as_secs_f64() * 1e3, wall.elapsed().as_secs_f64() * 1e3);
    if measurement.began.elapsed().as_secs_f32() < bench.warm_up {
        measurement.switched = Instant::now();
        return;
    }
    if measurement.frames.is_empty() {
        learner.set_training(false);
        measurement.frames.push(default());
        measurement.switched = Instant::now();
        return;
    }
    if measurement.switched.elapsed() > SETTLING
        && let Some((cpus, walls)) = measurement.frames.last_mut()
    {
        cpus.push(cpu);
        walls.push(wall);
    }
    if measurement.switched.elapsed().as_secs_f32() < bench.stretch {
        return;
    }
    measurement.stretches += 1;
    if measurement.stretches == 2 * bench.rounds {
        for line in lines(&bench, &measurement.frames) {
            println!("{}", serde_json::to_string(&line).unwrap_or_default());
        }
        exit.write(AppExit::Success);
        return;
    }
    // Off, on, off, on: drift of the machine affects both.
    learner.set_training(measurement.stretches % 2 == 1);
    measurement.frames.push(default());
    measurement.switched = Instant::now();
}

fn lines(bench: &FrameBench, frames: &[(Vec<f64>, Vec<f64>)]) -> Vec<Line> {
    let mut lines = Vec::new();
    for (kind, offset) in [("training off", 0), ("training on", 1)] {
        let stretches = || frames.iter().skip(offset).step_by(2);
        let count: usize = stretches().map(|(cpu, _)| cpu.len()).sum();
        let work = format!("{}, {kind}, {count} frames", bench.work);
        for (metric, share, wall) in [
            ("frame_cpu_ms_p50", 0.5, false),
            ("frame_cpu_ms_p99", 0.99, false),
            ("frame_wall_ms_p50", 0.5, true),
            ("frame_wall_ms_p99", 0.99, true),
        ] {
            // One percentile per interval; the output is their median.
            let values = stretches().map(|(cpu, walls)| percentile(if wall { walls } else { cpu }, share));
            lines.push(Line::new(work.clone(), metric, values.collect(), 1));
        }
    }
    lines
}

fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get((share * sorted.len() as f64) as usize).or(sorted.last()).copied().unwrap_or(0.0)
}
