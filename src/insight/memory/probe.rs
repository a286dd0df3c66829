//! Linear probe: reads one bit out of features by logistic regression, fitted online (Alain & Bengio 2016, "Understanding
//! intermediate layers using linear classifier probes").

/// Step size of the normalized gradient step.
const RATE: f32 = 0.5;
/// Weights shrink by this fraction with every sample.
const DECAY: f32 = 1e-4;
/// Samples over which mean and variance of the features are taken: old ones fade, since the agent learns meanwhile.
const FADING: f32 = 2000.0;
/// A classifier with two classes.
#[derive(Debug, Clone, Default)]
pub(super) struct LinearProbe {
    weights: Vec<f32>,
    bias: f32,
    mean: Vec<f32>,
    variance: Vec<f32>,
    /// Samples it was fitted to.
    samples: usize,
}

impl LinearProbe {
    /// Probability that the label of `features` is `true`; one half before the first sample.
    pub(super) fn predict(&self, features: &[f32]) -> f32 {
        if features.len() != self.weights.len() {
            return 0.5;
        }
        let normal = (0..features.len()).map(|j| self.normal(features, j) * self.weights[j]);
        1.0 / (1.0 + (-(normal.sum::<f32>() + self.bias)).exp())
    }

    /// Feature `j` with mean 0 and variance 1, cut at ±4.
    fn normal(&self, features: &[f32], j: usize) -> f32 {
        ((features[j] - self.mean[j]) / (self.variance[j] + 1e-8).sqrt()).clamp(-4.0, 4.0)
    }

    /// One gradient step on the log loss, normalized by the length of its input.
    pub(super) fn fit(&mut self, features: &[f32], label: bool) {
        if features.len() != self.weights.len() {
            let zeros = vec![0.0; features.len()];
            *self = Self { weights: zeros.clone(), mean: zeros.clone(), variance: zeros, ..Self::default() };
        }
        self.samples += 1;
        let rate = 1.0 / (self.samples as f32).min(FADING);
        for (j, value) in features.iter().enumerate() {
            let off = value - self.mean[j];
            self.mean[j] += rate * off;
            self.variance[j] += rate * (off * (value - self.mean[j]) - self.variance[j]);
        }
        let slope = f32::from(u8::from(label)) - self.predict(features);
        let inputs: Vec<f32> = (0..features.len()).map(|j| self.normal(features, j)).collect();
        let step = RATE * slope / (1.0 + inputs.iter().map(|input| input * input).sum::<f32>());
        let weights = self.weights.iter_mut().zip(inputs);
        weights.for_each(|(weight, input)| *weight += step * input - DECAY * *weight);
        self.bias += step - DECAY * self.bias;
    }

    /// Samples it was fitted to.
    pub(super) fn samples(&self) -> usize {
        self.samples
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::*;
    use crate::mdp::{Stream, rng};

    /// Accuracy on held-out samples of 20 features, some of which say the label by `signal` standard deviations.
    fn accuracy(signal: f32, samples: usize) -> f32 {
        let (mut probe, source) = (LinearProbe::default(), &mut rng(1, Stream::Evaluation, 0));
        let (mut right, mut tests) = (0, 0);
        for sample in 0..samples {
            let label = source.random::<f32>() < 0.5;
            let sign = if label { 1.0 } else { -1.0 };
            let mut feature = |j: usize| {
                let noise = (0..12).map(|_| source.random::<f32>()).sum::<f32>() - 6.0;
                // Features differ in their scale, and by far.
                let said = if j.is_multiple_of(7) { signal * sign } else { 0.0 };
                (said + noise) * [0.01, 1.0, 20.0][j % 3] + 5.0
            };
            let features: Vec<f32> = (0..20).map(&mut feature).collect();
            if sample > samples / 2 && sample.is_multiple_of(4) {
                right += usize::from((probe.predict(&features) > 0.5) == label);
                tests += 1;
            } else {
                probe.fit(&features, label);
            }
        }
        assert_eq!(probe.samples() + tests, samples);
        right as f32 / tests as f32
    }

    #[test]
    fn what_is_there_is_found_and_what_is_not_is_not() {
        assert!(accuracy(2.0, 2000) > 0.98, "{}", accuracy(2.0, 2000));
        // Three features of one standard deviation each: at best Φ(√3) = 95.8 %.
        assert!((0.88..0.98).contains(&accuracy(1.0, 8000)), "{}", accuracy(1.0, 8000));
        assert!((0.4..0.6).contains(&accuracy(0.0, 8000)), "{}", accuracy(0.0, 8000));
    }

    #[test]
    fn it_says_nothing_before_it_has_seen_anything() {
        let mut probe = LinearProbe::default();
        assert_eq!((probe.predict(&[1.0, 2.0]), probe.samples()), (0.5, 0));
        (0..100).for_each(|_| probe.fit(&[1.0, 2.0], true));
        assert!(probe.predict(&[1.0, 2.0]) > 0.9);
        // Another agent begins anew.
        probe.fit(&[1.0], false);
        assert_eq!(probe.samples(), 1);
    }
}
