//! Synth: generates each sound from a few tones and some noise.

use std::f32::consts::{PI, TAU};

use super::Cue;

/// Samples per second.
pub const RATE: u32 = 44_100;

/// Seconds of attack and release of a part.
const RAMP: f32 = 0.004;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Wave {
    Sine,
    Triangle,
    /// A square with rounded corners.
    Reed,
    /// Noise, low-pass filtered at the given pitch.
    Noise,
}

/// A tone that slides from one pitch to another while it fades.
#[derive(Debug, Clone, Copy)]
struct Part {
    wave: Wave,
    /// Pitch at its start and end, in Hz.
    pitch: [f32; 2],
    /// Its start and length in seconds.
    time: [f32; 2],
    /// Initial amplitude, 0 to 1.
    level: f32,
}

const fn part(wave: Wave, pitch: [f32; 2], time: [f32; 2], level: f32) -> Part {
    Part { wave, pitch, time, level }
}

/// The parts of a sound. All pitches belong to one pentatonic scale on A, so that simultaneous sounds are in tune.
fn parts(cue: Cue) -> Vec<Part> {
    use Wave::{Noise, Reed, Sine, Triangle};
    match cue {
        Cue::Hit => vec![
            part(Triangle, [660.0, 655.0], [0.0, 0.09], 0.5),
            part(Noise, [3000.0, 900.0], [0.0, 0.02], 0.25),
        ],
        Cue::Bounce => vec![part(Triangle, [330.0, 325.0], [0.0, 0.07], 0.35)],
        Cue::Point => vec![
            part(Triangle, [660.0, 660.0], [0.0, 0.16], 0.4),
            part(Triangle, [990.0, 990.0], [0.09, 0.3], 0.4),
        ],
        Cue::Lost => vec![
            part(Reed, [330.0, 220.0], [0.0, 0.22], 0.22),
            part(Reed, [220.0, 165.0], [0.14, 0.36], 0.22),
        ],
        Cue::Goal => vec![
            part(Triangle, [440.0, 440.0], [0.0, 0.2], 0.34),
            part(Triangle, [660.0, 660.0], [0.08, 0.25], 0.34),
            part(Triangle, [880.0, 880.0], [0.16, 0.5], 0.36),
            part(Sine, [1760.0, 1760.0], [0.16, 0.4], 0.12),
        ],
        Cue::Take => vec![
            part(Sine, [990.0, 990.0], [0.0, 0.1], 0.35),
            part(Sine, [1320.0, 1320.0], [0.06, 0.22], 0.35),
        ],
        Cue::Open => vec![
            part(Noise, [500.0, 1400.0], [0.0, 0.2], 0.25),
            part(Triangle, [220.0, 440.0], [0.0, 0.22], 0.35),
        ],
        Cue::Press => vec![
            part(Triangle, [220.0, 165.0], [0.0, 0.08], 0.45),
            part(Noise, [1800.0, 600.0], [0.0, 0.015], 0.2),
        ],
        Cue::Break => vec![
            part(Reed, [880.0, 660.0], [0.0, 0.1], 0.16),
            part(Noise, [5000.0, 1200.0], [0.0, 0.09], 0.4),
        ],
        Cue::Blast => {
            vec![part(Noise, [2400.0, 90.0], [0.0, 0.8], 0.35), part(Sine, [110.0, 40.0], [0.0, 0.5], 0.5)]
        }
        Cue::Shot => vec![part(Reed, [1320.0, 330.0], [0.0, 0.11], 0.14)],
        Cue::Land => {
            vec![part(Sine, [140.0, 70.0], [0.0, 0.12], 0.5), part(Noise, [900.0, 200.0], [0.0, 0.08], 0.2)]
        }
        Cue::Thrust => vec![part(Noise, [700.0, 350.0], [0.0, 0.16], 0.14)],
        Cue::Sink => {
            vec![part(Noise, [400.0, 2600.0], [0.0, 0.45], 0.35), part(Sine, [165.0, 82.0], [0.0, 0.3], 0.3)]
        }
        Cue::Praise => {
            vec![part(Sine, [660.0, 660.0], [0.0, 0.1], 0.3), part(Sine, [990.0, 990.0], [0.07, 0.2], 0.3)]
        }
        Cue::Blame => vec![
            part(Triangle, [220.0, 196.0], [0.0, 0.12], 0.32),
            part(Triangle, [165.0, 147.0], [0.09, 0.22], 0.32),
        ],
        Cue::Tick => vec![part(Sine, [880.0, 880.0], [0.0, 0.035], 0.25)],
    }
}

/// The samples of `cue`, -1 to 1, one channel at [`RATE`].
pub fn samples(cue: Cue) -> Vec<f32> {
    let parts = parts(cue);
    let count = |seconds: f32| (seconds * RATE as f32) as usize;
    let length = parts.iter().map(|part| count(part.time[0]) + count(part.time[1])).max().unwrap_or(0);
    let mut mixed = vec![0.0; length];
    for (index, part) in parts.iter().enumerate() {
        let [from, seconds] = part.time;
        // Each part has its own noise, the same in every run.
        let mut noise = Noise { seed: 0x9e37_79b9 ^ index as u32, smooth: 0.0 };
        let mut phase = 0.0;
        for (sample, out) in mixed[count(from)..count(from) + count(seconds)].iter_mut().enumerate() {
            let now = sample as f32 / RATE as f32;
            let share = now / seconds;
            // Pitch slides on a logarithmic scale, as it is perceived.
            let pitch = part.pitch[0] * (part.pitch[1] / part.pitch[0]).powf(share);
            phase = (phase + pitch / RATE as f32).fract();
            let wave = match part.wave {
                Wave::Sine => (TAU * phase).sin(),
                Wave::Triangle => 4.0 * (phase - 0.5).abs() - 1.0,
                Wave::Reed => ((TAU * phase).sin() * 4.0).tanh(),
                Wave::Noise => noise.below(pitch),
            };
            // Decay by 40 dB, with ramps that avoid clicks.
            let fade = 100.0_f32.powf(-share);
            let ramps = (now / RAMP).min((seconds - now) / RAMP).clamp(0.0, 1.0);
            *out += part.level * fade * (0.5 - 0.5 * (PI * ramps).cos()) * wave;
        }
    }
    mixed.iter().map(|sample: &f32| sample.clamp(-1.0, 1.0)).collect()
}

/// White noise through a first-order low-pass filter.
struct Noise {
    seed: u32,
    smooth: f32,
}

impl Noise {
    fn below(&mut self, pitch: f32) -> f32 {
        self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let white = self.seed as f32 / u32::MAX as f32 * 2.0 - 1.0;
        let pass = 1.0 - (-TAU * pitch / RATE as f32).exp();
        self.smooth += pass * (white - self.smooth);
        // Compensate for the filter, so that noise is equally loud at every cutoff.
        self.smooth * ((2.0 - pass) / pass).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sound_is_short_audible_and_free_of_clicks() {
        for &cue in Cue::ALL {
            let samples = samples(cue);
            let seconds = samples.len() as f32 / RATE as f32;
            let loudest = samples.iter().fold(0.0_f32, |most, sample| most.max(sample.abs()));
            let jump = samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0_f32, f32::max);
            assert!((0.03..1.0).contains(&seconds), "{cue:?}: {seconds} s");
            assert!((0.1..1.0).contains(&loudest), "{cue:?}: {loudest} at most");
            assert!(samples[0].abs() < 0.01 && samples[samples.len() - 1].abs() < 0.01, "{cue:?} clicks");
            assert!(jump < 0.8, "{cue:?} jumps by {jump}");
            assert_eq!(samples, super::samples(cue), "{cue:?} differs between calls");
        }
    }
}
