//! Adam, gradient clipping and target tracking over the flat parameters of one network. The update computes
//! the gradients and decides when to step.

use pulp::Arch;

use super::buffer::Buffer;

/// Decay of the first moment.
pub(crate) const BETA1: f32 = 0.9;
/// Decay of the second moment.
pub(crate) const BETA2: f32 = 0.999;

/// The factors of one Adam step (Kingma & Ba 2015, algorithm 1).
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdamStep {
    /// `lr / (1 − beta1^t)`.
    rate: f32,
    /// `1 / sqrt(1 − beta2^t)`.
    second_scale: f32,
    epsilon: f32,
}

impl AdamStep {
    /// Step number `t`, counted from 1.
    pub(crate) fn new(learning_rate: f32, epsilon: f32, t: u64) -> Self {
        // In f64: 1 − 0.999^t loses four digits in f32.
        let exponent = i32::try_from(t).unwrap_or(i32::MAX);
        let correction = |beta: f64| 1.0 - beta.powi(exponent);
        Self {
            rate: (f64::from(learning_rate) / correction(0.9)) as f32,
            second_scale: (1.0 / correction(0.999).sqrt()) as f32,
            epsilon,
        }
    }

    /// `lr / (1 − beta1^t)`, for a step made elsewhere.
    #[cfg(feature = "gpu")]
    pub(crate) fn rate(self) -> f32 {
        self.rate
    }

    /// `1 / sqrt(1 − beta2^t)`, likewise.
    #[cfg(feature = "gpu")]
    pub(crate) fn second_scale(self) -> f32 {
        self.second_scale
    }

    /// `m ← β₁m + (1−β₁)g,  v ← β₂v + (1−β₂)g²,  θ ← θ − lr · m̂ / (√v̂ + ε)` for one parameter.
    #[inline(always)]
    pub(crate) fn apply(self, theta: &mut f32, m: &mut f32, v: &mut f32, gradient: f32) {
        *m = BETA1 * *m + (1.0 - BETA1) * gradient;
        *v = BETA2 * *v + (1.0 - BETA2) * (gradient * gradient);
        *theta -= self.rate * *m / (v.sqrt() * self.second_scale + self.epsilon);
    }
}

/// First and second moments of one network.
#[derive(Debug, Clone)]
pub(crate) struct Adam {
    /// First moment, laid out like the parameters.
    pub(crate) m: Buffer,
    /// Second moment.
    pub(crate) v: Buffer,
}

impl Adam {
    /// Zero moments for `len` parameters.
    pub(crate) fn zeros(len: usize) -> Self {
        Self { m: Buffer::zeros(len), v: Buffer::zeros(len) }
    }

    /// Applies `step` to all parameters with `scale · gradient`; `scale` is the clipping factor.
    pub(crate) fn step(&mut self, step: AdamStep, parameters: &mut [f32], gradient: &[f32], scale: f32) {
        self.step_in_parts([step, step], 0, parameters, gradient, scale);
    }

    /// The same with one step for the first `part` parameters and another one for the others.
    pub(crate) fn step_in_parts(
        &mut self,
        [first, rest]: [AdamStep; 2],
        part: usize,
        parameters: &mut [f32],
        gradient: &[f32],
        scale: f32,
    ) {
        self.step_range(first, 0..part, parameters, gradient, scale);
        self.step_range(rest, part..gradient.len(), parameters, gradient, scale);
    }

    fn step_range(
        &mut self,
        step: AdamStep,
        range: std::ops::Range<usize>,
        parameters: &mut [f32],
        gradient: &[f32],
        scale: f32,
    ) {
        let (m, v) = (&mut self.m[range.clone()], &mut self.v[range.clone()]);
        let (parameters, gradient) = (&mut parameters[range.clone()], &gradient[range]);
        Arch::new().dispatch(
            #[inline(always)]
            || {
                let moments = m.iter_mut().zip(v.iter_mut());
                for ((theta, (m, v)), gradient) in parameters.iter_mut().zip(moments).zip(gradient) {
                    step.apply(theta, m, v, scale * gradient);
                }
            },
        );
    }
}

/// Global norm `sqrt(Σ g²)` of one network's gradient.
pub(crate) fn global_norm(gradient: &[f32]) -> f32 {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            let (chunks, rest) = gradient.as_chunks::<32>();
            let mut sums = [0.0f32; 32];
            for chunk in chunks {
                for (sum, value) in sums.iter_mut().zip(chunk) {
                    *sum += value * value;
                }
            }
            let rest: f32 = rest.iter().map(|value| value * value).sum();
            (sums.iter().sum::<f32>() + rest).sqrt()
        },
    )
}

/// `sums += values`.
pub(crate) fn add(sums: &mut [f32], values: &[f32]) {
    Arch::new().dispatch(
        #[inline(always)]
        || sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value),
    );
}

/// Factor that clips a gradient of global norm `norm` to at most `limit`.
pub(crate) fn clip_scale(norm: f32, limit: f32) -> f32 {
    (limit / (norm + 1e-6)).min(1.0)
}

/// `target ← tau·online + (1 − tau)·target`.
pub(crate) fn follow(target: &mut [f32], online: &[f32], tau: f32) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for (target, online) in target.iter_mut().zip(online) {
                *target = tau * online + (1.0 - tau) * *target;
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_step_moves_by_the_learning_rate_against_the_gradient() {
        let mut adam = Adam::zeros(20);
        let mut parameters = vec![0.0f32; 20];
        let gradient: Vec<f32> = (0..20).map(|i| i as f32 - 10.0).collect();
        adam.step(AdamStep::new(0.01, 1e-8, 1), &mut parameters, &gradient, 1.0);
        for (parameter, gradient) in parameters.iter().zip(&gradient) {
            let expected = if *gradient == 0.0 { 0.0 } else { -0.01 * gradient.signum() };
            assert!((parameter - expected).abs() < 1e-6, "{parameter} for {gradient}");
        }
    }

    #[test]
    fn clipping_brings_the_norm_to_the_limit_and_leaves_small_gradients() {
        let gradient = vec![0.5f32; 100];
        let norm = global_norm(&gradient);
        assert!((norm - 5.0).abs() < 1e-5);
        assert!((norm * clip_scale(norm, 2.0) - 2.0).abs() < 1e-4);
        assert_eq!(clip_scale(1.0, 2.0), 1.0);
    }
}
