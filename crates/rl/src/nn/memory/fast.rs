//! Exponential, sigmoid and tanh of whole registers: straight-line arithmetic without calls, within a few roundings of
//! the exact value. NaN stays NaN.

use pulp::Simd;

/// Added to a number below 2²², it leaves the nearest integer in the low bits.
const ROUND: f32 = 12_582_912.0;

/// `(… (c₀ · x + c₁) · x + …) · x + cₙ`.
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(simd: S, x: S::f32s, coefficients: [f32; N]) -> S::f32s {
    let mut sum = simd.splat_f32s(coefficients[0]);
    for coefficient in &coefficients[1..] {
        sum = simd.mul_add_e_f32s(sum, x, simd.splat_f32s(*coefficient));
    }
    sum
}

/// `x` within ±`bound`; the bounds are first operands, which vector units pass over where the other one is NaN.
#[inline(always)]
fn clamp<S: Simd>(simd: S, x: S::f32s, bound: f32) -> S::f32s {
    simd.max_f32s(simd.splat_f32s(-bound), simd.min_f32s(simd.splat_f32s(bound), x))
}

/// `eˣ`, relative error below 3e-7; `x` is kept within ±87, beyond which f32 ends.
#[inline(always)]
pub(super) fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let splat = |value| simd.splat_f32s(value);
    let x = clamp(simd, x, 87.0);
    // eˣ = 2ⁿ · eʳ with |r| ≤ ½ ln 2; ln 2 in two parts, so that r is exact. The polynomial is Cephes' `expf`.
    let shifted = simd.mul_add_e_f32s(x, splat(std::f32::consts::LOG2_E), splat(ROUND));
    let n = simd.sub_f32s(shifted, splat(ROUND));
    let r = simd.mul_add_e_f32s(n, splat(-0.693_359_4), x);
    let r = simd.mul_add_e_f32s(n, splat(2.121_944_4e-4), r);
    let tail = [1.987_569_1e-4, 1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];
    let tail = polynomial(simd, r, tail);
    let value = simd.add_f32s(simd.mul_add_e_f32s(tail, simd.mul_f32s(r, r), r), splat(1.0));
    let exponent = simd.add_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(127));
    let scale = simd.wrapping_dyn_shl_u32s(exponent, simd.splat_u32s(23));
    simd.mul_f32s(value, simd.transmute_f32s_u32s(scale))
}

/// `1 / (1 + e⁻ˣ)`, relative error below 4e-7.
#[inline(always)]
pub(super) fn sigmoid<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let one = simd.splat_f32s(1.0);
    simd.div_f32s(one, simd.add_f32s(one, exp(simd, simd.neg_f32s(x))))
}

/// Hyperbolic tangent, relative error below 4e-7: the quotient of two polynomials that Eigen's `tanh` uses as well.
#[inline(always)]
pub(super) fn tanh<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let x = clamp(simd, x, 7.905_311);
    let square = simd.mul_f32s(x, x);
    let odd = [
        -2.760_768_5e-16,
        2.000_188e-13,
        -8.604_672e-11,
        5.122_297e-8,
        1.485_722_4e-5,
        6.372_619_3e-4,
        4.893_524_6e-3,
    ];
    let even = [1.198_258_4e-6, 1.185_347_1e-4, 2.268_434_6e-3, 4.893_525e-3];
    simd.div_f32s(simd.mul_f32s(polynomial(simd, square, odd), x), polynomial(simd, square, even))
}

#[cfg(test)]
mod tests {
    use pulp::{Arch, WithSimd};

    use super::*;

    #[derive(Debug, Clone, Copy)]
    enum Function {
        Exp,
        Sigmoid,
        Tanh,
    }

    struct Apply<'a>(Function, &'a mut [f32]);

    impl WithSimd for Apply<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            for x in S::as_mut_simd_f32s(self.1).0 {
                *x = match self.0 {
                    Function::Exp => exp(simd, *x),
                    Function::Sigmoid => sigmoid(simd, *x),
                    Function::Tanh => tanh(simd, *x),
                };
            }
        }
    }

    fn each(function: Function, x: &[f32]) -> Vec<f32> {
        let mut values = x.to_vec();
        values.resize(x.len().next_multiple_of(16), 0.0);
        Arch::new().dispatch(Apply(function, &mut values));
        values.truncate(x.len());
        values
    }

    #[test]
    fn they_are_within_a_few_roundings_of_the_exact_value() {
        let worst = |function, exact: fn(f64) -> f64, low: f32, high: f32| {
            let x: Vec<f32> = (0..=400_000).map(|i| low + (high - low) * (i as f32 / 400_000.0)).collect();
            let pairs = each(function, &x).into_iter().zip(x);
            pairs.map(|(found, x)| (f64::from(found) / exact(f64::from(x)) - 1.0).abs()).fold(0.0, f64::max)
        };
        assert!(worst(Function::Exp, f64::exp, -86.9, 86.9) < 3e-7);
        assert!(worst(Function::Sigmoid, |x| 1.0 / (1.0 + (-x).exp()), -80.0, 80.0) < 4e-7);
        assert!(worst(Function::Tanh, f64::tanh, 1e-20, 20.0) < 4e-7);
        assert!(worst(Function::Tanh, f64::tanh, -20.0, -1e-20) < 4e-7);
    }

    #[test]
    fn they_end_where_f32_does() {
        let sigmoids = each(Function::Sigmoid, &[200.0, -1e30]);
        assert!(sigmoids[0] == 1.0 && sigmoids[1] < 1e-37);
        let tanhs = each(Function::Tanh, &[1e30, -1e30, 0.0]);
        assert!((1.0 - tanhs[0]).abs() < 4e-7 && tanhs[1] == -tanhs[0] && tanhs[2] == 0.0);
        let exps = each(Function::Exp, &[-1e30, 1e30]);
        assert!(exps[0] < 1e-37 && exps[1].is_finite());
        for function in [Function::Exp, Function::Sigmoid, Function::Tanh] {
            assert!(each(function, &[f32::NAN])[0].is_nan(), "{function:?}");
        }
    }
}
