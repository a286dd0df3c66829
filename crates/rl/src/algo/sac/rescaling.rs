//! Value rescaling: critics that output `h(Q)` instead of `Q`, so that large returns stay small (Pohlen et al. 2018).

/// `h(x) = sign(x) (√(|x| + 1) − 1) + eps x` and its inverse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ValueRescaling {
    /// `eps`, (0, 1].
    pub epsilon: f32,
}

impl ValueRescaling {
    /// `h(x)`, written without cancellation.
    pub fn apply(self, x: f32) -> f32 {
        x / ((x.abs() + 1.0).sqrt() + 1.0) + self.epsilon * x
    }

    /// `h⁻¹(x) = sign(x) (u − 1)(u + 1)` with `u = 2w / (1 + √(1 + 4 eps w))` and `w = |x| + 1 + eps`: the usual form
    /// loses three digits near zero.
    pub fn invert(self, x: f32) -> f32 {
        let w = x.abs() + 1.0 + self.epsilon;
        let u = 2.0 * w / (1.0 + (1.0 + 4.0 * self.epsilon * w).sqrt());
        ((u - 1.0) * (u + 1.0)).copysign(x)
    }

    /// `h'(x) = 1 / (2 √(|x| + 1)) + eps`.
    pub fn derivative(self, x: f32) -> f32 {
        0.5 / (x.abs() + 1.0).sqrt() + self.epsilon
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inverse_inverts() {
        for epsilon in [1e-3, 1e-2, 1.0] {
            let rescaling = ValueRescaling { epsilon };
            for x in [0.0f32, 1e-4, -0.3, 1.0, -17.0, 1e3, -1e5] {
                let back = rescaling.invert(rescaling.apply(x));
                assert!((back - x).abs() <= 1e-6 + 1e-4 * x.abs(), "{x} came back as {back}");
            }
        }
    }

    #[test]
    fn it_is_undone_and_agrees_with_the_definition() {
        for epsilon in [1e-3f32, 1e-2, 1.0] {
            let rescaling = ValueRescaling { epsilon };
            for x in [0.0f32, 1e-6, -1e-3, 0.4, -1.0, 7.5, -300.0, 12_345.0] {
                let exact = f64::from(x);
                let by_definition =
                    exact.signum() * ((exact.abs() + 1.0).sqrt() - 1.0) + f64::from(epsilon) * exact;
                let found = rescaling.apply(x);
                let near = |a: f32, b: f64| (f64::from(a) - b).abs() <= 3e-6 * b.abs();
                assert!(x == 0.0 || near(found, by_definition), "{x} {epsilon}: {found}");
                // Near zero rounding of 1 + epsilon is all that is left of eight digits.
                let back = rescaling.invert(found);
                assert!((back - x).abs() <= 1e-5 * x.abs() + 1e-6, "{x} {epsilon}: {back}");
            }
        }
    }

    #[test]
    fn known_values_come_out() {
        let rescaling = ValueRescaling { epsilon: 0.01 };
        assert!((rescaling.apply(3.0) - 1.03).abs() < 1e-6);
        assert!((rescaling.apply(-3.0) + 1.03).abs() < 1e-6);
        assert!((rescaling.derivative(3.0) - 0.26).abs() < 1e-6);
    }
}
