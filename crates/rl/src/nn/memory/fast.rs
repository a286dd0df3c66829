//! Exponential, sigmoid and tanh for loops that the compiler turns into vector code: straight-line arithmetic
//! without calls, within a few roundings of the exact value.

/// Added to a number below 2²², it leaves the nearest integer in the low bits.
const ROUND: f32 = 12_582_912.0;

/// `eˣ`, relative error below 3e-7; `x` is kept within ±87, beyond which f32 ends.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    let x = x.clamp(-87.0, 87.0);
    // eˣ = 2ⁿ · eʳ with |r| ≤ ½ ln 2; ln 2 in two parts, so that r is exact. The polynomial is Cephes' `expf`.
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    for coefficient in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = p * r + coefficient;
    }
    let scale = f32::from_bits((shifted.to_bits().wrapping_add(127)) << 23);
    (p * r * r + r + 1.0) * scale
}

/// `1 / (1 + e⁻ˣ)`.
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// Hyperbolic tangent; near zero Cephes' polynomial, where the quotient would cancel.
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    let square = x * x;
    let mut p = -5.704_988_7e-3;
    for coefficient in [2.063_909e-2, -5.373_971_6e-2, 1.333_144_2e-1, -3.333_328e-1] {
        p = p * square + coefficient;
    }
    let near = p * square * x + x;
    let far = 1.0 - 2.0 / (exp(2.0 * x.abs()) + 1.0);
    if x.abs() < 0.625 { near } else { far.copysign(x) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_within_a_few_roundings_of_the_exact_value() {
        let worst = |ours: fn(f32) -> f32, exact: fn(f64) -> f64, low: f32, high: f32| {
            (0..=400_000)
                .map(|i| low + (high - low) * (i as f32 / 400_000.0))
                .map(|x| (f64::from(ours(x)) / exact(f64::from(x)) - 1.0).abs())
                .fold(0.0, f64::max)
        };
        assert!(worst(exp, f64::exp, -86.9, 86.9) < 3e-7);
        assert!(worst(sigmoid, |x| 1.0 / (1.0 + (-x).exp()), -80.0, 80.0) < 4e-7);
        assert!(worst(tanh, f64::tanh, 1e-20, 20.0) < 4e-7);
        assert!(worst(tanh, f64::tanh, -20.0, -1e-20) < 4e-7);
    }

    #[test]
    fn they_end_where_f32_does() {
        assert_eq!((sigmoid(200.0), tanh(1e30), tanh(-1e30), tanh(0.0)), (1.0, 1.0, -1.0, 0.0));
        assert!(sigmoid(-1e30) < 1e-37 && exp(-1e30) < 1e-37 && exp(1e30).is_finite());
        assert!(exp(f32::NAN).is_nan() && tanh(f32::NAN).is_nan());
    }
}
