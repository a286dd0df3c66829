//! Sums over the lanes of registers: sixteen lanes, halves against each other, so that the bits are the same with
//! AVX-512, where they are one register, and with AVX2, where they are two.

use pulp::Simd;

/// One register of sixteen lanes, or two narrower ones. The second one does not count where there is only one.
pub(super) type Lanes<S> = [<S as Simd>::f32s; 2];

/// How many registers of [`Lanes`] count.
#[inline(always)]
pub(super) const fn each<S: Simd>() -> usize {
    if S::F32_LANES >= 16 { 1 } else { 2 }
}

/// Their sum, in every lane.
#[inline(always)]
pub(super) fn total<S: Simd>(simd: S, [first, second]: Lanes<S>) -> S::f32s {
    let both = if each::<S>() == 2 { simd.add_f32s(first, second) } else { first };
    simd.splat_f32s(simd.reduce_sum_f32s(both))
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use pulp::WithSimd;
    use pulp::x86::{V3, V4};

    use super::*;

    struct Total<'a>(&'a [f32; 16]);

    impl WithSimd for Total<'_> {
        type Output = Vec<f32>;

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
            let mut lanes = [simd.splat_f32s(f32::NAN); 2];
            lanes[..each::<S>()].copy_from_slice(S::as_simd_f32s(self.0).0);
            let mut out = [f32::NAN; 16];
            S::as_mut_simd_f32s(&mut out).0[0] = total(simd, lanes);
            out[..S::F32_LANES].to_vec()
        }
    }

    #[test]
    fn every_lane_has_the_sum_of_halves_in_order() {
        let values: [f32; 16] = std::array::from_fn(|lane| (lane as f32 * 0.731).sin());
        let mut halves = values;
        for half in [8, 4, 2, 1] {
            for lane in 0..half {
                halves[lane] += halves[lane + half];
            }
        }
        let check = |totals: Option<Vec<f32>>, name: &str| match totals {
            Some(totals) => assert!(totals.iter().all(|total| *total == halves[0]), "{name}: {totals:?}"),
            None => println!("{name} skipped: this processor has none"),
        };
        check(V3::try_new().map(|v3| Simd::vectorize(v3, Total(&values))), "AVX2");
        check(V4::try_new().map(|v4| Simd::vectorize(v4, Total(&values))), "AVX-512");
    }
}
