//! Squashed Gaussian distributions over a box of actions: outputs of a network to an action, its log-density, and the
//! gradients of both (Haarnoja et al. 2018b, appendix C).
//!
//! `a = middle + half · tanh(u)`, `u = mean + std · eps`, `std = exp(clamp(s))`, with `eps` standard normal. The
//! density is in units of the box; `ln(1 − tanh²)` is written so that it is exact where `tanh` is 1 in floats.

use crate::mdp::ActionDimension;

/// `½ ln(2π)`.
const HALF_LN_TAU: f32 = 0.918_938_5;

/// The box, and how wide the distribution within it may be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Squash {
    /// `[A]`: middle of every dimension.
    middle: Vec<f32>,
    /// `[A]`: half its width.
    half: Vec<f32>,
    /// `Σ_j ln half_j`.
    log_volume: f32,
    /// `[A]`: smallest and largest value of every dimension, which rounding must not leave.
    bounds: Vec<[f32; 2]>,
    /// Smallest and largest logarithm of a standard deviation.
    log_std: [f32; 2],
}

/// A sample in one dimension.
#[derive(Debug, Clone, Copy)]
struct Sample {
    std: f32,
    /// Whether the logarithm of the standard deviation is not clamped.
    free: bool,
    u: f32,
}

impl Squash {
    /// The box of `dimensions`, which must be valid, and the range of `log_std`, the lower one first.
    pub(crate) fn new(dimensions: &[ActionDimension], log_std: [f32; 2]) -> Self {
        let half: Vec<f32> = dimensions.iter().map(|own| 0.5 * own.high - 0.5 * own.low).collect();
        let log_volume = half.iter().map(|half| half.ln()).sum();
        let middle = dimensions.iter().map(ActionDimension::middle).collect();
        let bounds = dimensions.iter().map(|own| [own.low, own.high]).collect();
        Self { middle, half, log_volume, bounds, log_std }
    }

    /// Dimensions `A`.
    pub(crate) fn dims(&self) -> usize {
        self.half.len()
    }

    /// `Σ_j ln half_j`.
    pub(crate) fn log_volume(&self) -> f32 {
        self.log_volume
    }

    /// `[4, A]`: middle, half width, lower and upper bound of every dimension, for a step elsewhere.
    #[cfg(feature = "gpu")]
    pub(crate) fn constants(&self) -> Vec<f32> {
        let [low, high] = [0, 1].map(|end| self.bounds.iter().map(move |own| own[end]));
        self.middle.iter().chain(&self.half).copied().chain(low).chain(high).collect()
    }

    /// The clamped logarithm of a standard deviation.
    pub(crate) fn log_std(&self, s: f32) -> f32 {
        // Not `f32::clamp`, which panics for bounds out of order.
        s.max(self.log_std[0]).min(self.log_std[1])
    }

    /// `tanh(u)` in units of dimension `j`.
    fn scaled(&self, j: usize, u: f32) -> f32 {
        let (value, [low, high]) = (self.middle[j] + self.half[j] * u.tanh(), self.bounds[j]);
        match value {
            _ if value < low => low,
            _ if value > high => high,
            // A number that is none stays one.
            _ => value,
        }
    }

    fn sample(&self, mean: f32, s: f32, eps: f32) -> Sample {
        // A number that is none stays one, so that the loss shows it.
        let log_std = if s.is_nan() { s } else { self.log_std(s) };
        let std = log_std.exp();
        Sample { std, free: (self.log_std[0]..=self.log_std[1]).contains(&s), u: mean + std * eps }
    }

    /// The action of `output`, `[2A]` of a network, with noise `eps`, `[A]`; writes it to `action`, `[A]`, and returns
    /// its log-density.
    pub(crate) fn act(&self, output: &[f32], eps: &[f32], action: &mut [f32]) -> f32 {
        let dims = self.dims();
        let mut log_prob = -self.log_volume;
        for j in 0..dims {
            let (s, eps) = (output[dims + j], eps[j]);
            let Sample { u, .. } = self.sample(output[j], s, eps);
            action[j] = self.scaled(j, u);
            log_prob -= 0.5 * eps * eps + self.log_std(s) + HALF_LN_TAU + log_slope(u);
        }
        log_prob
    }

    /// Adds to `gradient`, `[2A]`, that of `alpha · ln π(a|o) − Q` with respect to `output`, through the
    /// reparameterized action; `slopes` is `dQ/da`, `[A]`.
    pub(crate) fn reparameterized(
        &self,
        output: &[f32],
        eps: &[f32],
        alpha: f32,
        slopes: &[f32],
        gradient: &mut [f32],
    ) {
        let dims = self.dims();
        for j in 0..dims {
            let Sample { std, free, u } = self.sample(output[j], output[dims + j], eps[j]);
            // d ln π / du = 2 tanh(u);  da / du = half · (1 − tanh²(u))
            let slope = alpha * 2.0 * u.tanh() - slopes[j] * self.half[j] * log_slope(u).exp();
            gradient[j] += slope;
            if free {
                gradient[dims + j] += slope * std * eps[j] - alpha;
            }
        }
    }

    /// Adds to `gradient`, `[2A]`, `factor` times that of `ln π(a|o)` with respect to `output`, the action constant
    /// (Williams 1992).
    pub(crate) fn score(&self, output: &[f32], eps: &[f32], factor: f32, gradient: &mut [f32]) {
        let dims = self.dims();
        for j in 0..dims {
            let Sample { std, free, .. } = self.sample(output[j], output[dims + j], eps[j]);
            gradient[j] += factor * eps[j] / std;
            if free {
                gradient[dims + j] += factor * (eps[j] * eps[j] - 1.0);
            }
        }
    }
}

/// `ln(1 − tanh²(u)) = 2 (ln 2 − |u| − ln(1 + exp(−2|u|)))`.
fn log_slope(u: f32) -> f32 {
    let far = u.abs();
    2.0 * (std::f32::consts::LN_2 - far - (-2.0 * far).exp().ln_1p())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn squash(log_std: [f32; 2]) -> Squash {
        let own = |low, high| ActionDimension { name: String::new(), low, high };
        Squash::new(&[own(-1.0, 1.0), own(0.5, 4.5)], log_std)
    }

    #[test]
    fn a_density_integrates_to_one() {
        let own = ActionDimension { name: String::new(), low: 0.5, high: 4.5 };
        let squash = Squash::new(&[own], [-20.0, 2.0]);
        // ∫ π da over actions at equal steps of the noise.
        let (output, mut last, mut sum) = ([0.4, -0.3], None, 0.0f64);
        for step in -6000..=6000 {
            let (eps, mut action) = (step as f32 / 1000.0, [0.0]);
            let log_prob = squash.act(&output, &[eps], &mut action);
            let here = (f64::from(action[0]), f64::from(log_prob).exp());
            if let Some((a, p)) = last {
                sum += 0.5 * (here.1 + p) * (here.0 - a);
            }
            last = Some(here);
        }
        assert!((sum - 1.0).abs() < 1e-3, "{sum}");
    }

    #[test]
    fn it_is_accurate_where_tanh_is_one() {
        for u in [-20.0f32, -9.0, -0.1, 0.0, 3.0, 20.0] {
            let exact = 2.0 * (1.0 / f64::from(u).cosh()).ln();
            assert!((f64::from(log_slope(u)) - exact).abs() < 1e-5 * (1.0 + exact.abs()), "{u}");
        }
    }

    #[test]
    fn gradients_are_those_of_differences() {
        let squash = squash([-1.0, 1.0]);
        let (eps, slopes, alpha) = ([0.7, -1.3], [0.6, -0.4], 0.3);
        // The first standard deviation is free, the second one is clamped.
        let output = [0.5, -0.8, 0.2, 1.5];
        let loss = |output: &[f32; 4]| {
            let mut action = [0.0; 2];
            let log_prob = squash.act(output, &eps, &mut action);
            alpha * log_prob - slopes[0] * action[0] - slopes[1] * action[1]
        };
        let mut gradient = [0.0; 4];
        squash.reparameterized(&output, &eps, alpha, &slopes, &mut gradient);
        for entry in 0..4 {
            let moved = |by: f32| {
                let mut moved = output;
                moved[entry] += by;
                loss(&moved)
            };
            let slope = (moved(1e-2) - moved(-1e-2)) / 2e-2;
            assert!((slope - gradient[entry]).abs() < 1e-3, "{entry}: {slope} {}", gradient[entry]);
        }
        assert_eq!(gradient[3], 0.0);
        let mut score = [0.0; 4];
        squash.score(&output, &eps, 2.0, &mut score);
        let expected = [2.0 * eps[0] / 0.2f32.exp(), 2.0 * eps[1] / 1f32.exp(), 2.0 * (0.49 - 1.0), 0.0];
        assert!(score.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{score:?}");
    }
}
