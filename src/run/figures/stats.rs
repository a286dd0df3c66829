//! Statistics over the seeds of a variant, with bootstrap intervals (Agarwal et al. 2021, "Deep Reinforcement Learning
//! at the Edge of the Statistical Precipice"); all but the median as rliable computes them.

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

/// Resamples of a bootstrap.
const RESAMPLES: usize = 20_000;

/// An estimate over seeds and its 95 % percentile bootstrap interval; none with a single seed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Estimate {
    pub(super) value: f64,
    pub(super) interval: Option<[f64; 2]>,
}

/// Which seeds the resamples of a bootstrap draw: the same ones for every point of a curve.
#[derive(Debug)]
pub(super) struct Resamples {
    drawn: Vec<Vec<usize>>,
}

impl Resamples {
    /// Resamples of `seeds` runs with replacement; those of another `group` are independent.
    pub(super) fn of(seeds: usize, group: u64) -> Self {
        let mut random = Pcg64Mcg::seed_from_u64(group);
        let mut draw = || (0..seeds).map(|_| random.random_range(0..seeds)).collect();
        let count = if seeds < 2 { 0 } else { RESAMPLES };
        Self { drawn: (0..count).map(|_| draw()).collect() }
    }

    /// `statistic` of `values`, one a seed, and its interval over the resamples.
    pub(super) fn estimate(&self, values: &[f64], statistic: impl Fn(&mut [f64]) -> f64) -> Estimate {
        let mut picked = values.to_vec();
        let value = statistic(&mut picked);
        let drawn = self.drawn.iter().map(|drawn| {
            pick(values, drawn, &mut picked);
            statistic(&mut picked)
        });
        Estimate { value, interval: interval(drawn.collect()) }
    }

    /// The same of two independent groups.
    pub(super) fn compare(
        &self,
        values: &[f64],
        other: &Self,
        other_values: &[f64],
        statistic: impl Fn(&[f64], &[f64]) -> f64,
    ) -> Estimate {
        let [mut own, mut others] = [values.to_vec(), other_values.to_vec()];
        let drawn = self.drawn.iter().zip(&other.drawn).map(|(of_own, of_others)| {
            pick(values, of_own, &mut own);
            pick(other_values, of_others, &mut others);
            statistic(&own, &others)
        });
        let interval = interval(drawn.collect());
        Estimate { value: statistic(values, other_values), interval }
    }
}

/// Fills `picked` with the values of `seeds`.
fn pick(values: &[f64], seeds: &[usize], picked: &mut [f64]) {
    picked.iter_mut().zip(seeds).for_each(|(to, seed)| *to = values[*seed]);
}

/// The 2.5th and the 97.5th percentile, interpolated linearly; none of nothing.
fn interval(mut values: Vec<f64>) -> Option<[f64; 2]> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    Some([0.025, 0.975].map(|share| {
        let place = share * last as f64;
        let below = place.floor() as usize;
        let above = (below + 1).min(last);
        values[below] + (place - below as f64) * (values[above] - values[below])
    }))
}

/// The mean without the lowest and the highest quarter, of which `⌊n / 4⌋` values are left out each: of three seeds it
/// is the mean. Sorts `values`.
pub(super) fn interquartile_mean(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let out = values.len() / 4;
    mean(&values[out..values.len() - out])
}

/// The mean; NaN of nothing.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The middle value, or the mean of the two middle ones; NaN of nothing. Sorts `values`. (What rliable calls a median
/// over runs of one task is their mean.)
pub(super) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[half],
        _ => 0.5 * (values[half - 1] + values[half]),
    }
}

/// Share of values above `threshold`: a point of a performance profile.
pub(super) fn share_above(values: &[f64], threshold: f64) -> f64 {
    values.iter().filter(|value| **value > threshold).count() as f64 / values.len() as f64
}

/// Probability that a value of `first` is larger than one of `second`; equal ones count half.
pub(super) fn probability_of_improvement(first: &[f64], second: &[f64]) -> f64 {
    let won = |own: f64, other: f64| match own.partial_cmp(&other) {
        Some(std::cmp::Ordering::Greater) => 1.0,
        Some(std::cmp::Ordering::Equal) => 0.5,
        _ => 0.0,
    };
    let pairs = first.iter().flat_map(|own| second.iter().map(|other| won(*own, *other)));
    pairs.sum::<f64>() / (first.len() * second.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: [f64; 7] = [343.0, 334.0, 282.0, 290.0, 512.0, 77.0, 401.0];
    const Y: [f64; 5] = [2147.0, 1227.0, 268.0, 290.0, 611.0];

    fn near(estimate: Estimate, value: f64, interval: [f64; 2], tolerance: f64) {
        assert!((estimate.value - value).abs() < 1e-9, "{estimate:?}, not {value}");
        for (found, expected) in estimate.interval.unwrap().into_iter().zip(interval) {
            assert!((found - expected).abs() <= tolerance, "{estimate:?}, not {interval:?}");
        }
    }

    /// Values that rliable 1.2.0 gives for the same scores of one task, with 50 000 and 20 000 resamples. Ends of
    /// intervals may differ by a step between two means.
    #[test]
    fn estimates_are_those_of_rliable() {
        let [x, y] = [Resamples::of(X.len(), 1), Resamples::of(Y.len(), 2)];
        near(x.estimate(&X, interquartile_mean), 330.0, [213.8, 411.6], 8.0);
        near(y.estimate(&Y, interquartile_mean), 709.0 + 1.0 / 3.0, [275.33, 1840.33], 25.0);
        near(x.estimate(&X, |values| mean(values)), 2239.0 / 7.0, [225.71, 406.29], 5.0);
        near(y.estimate(&Y, |values| mean(values)), 908.6, [345.4, 1591.6], 30.0);
        near(y.compare(&Y, &x, &X, probability_of_improvement), 0.7, [0.314, 1.0], 0.03);
        for (threshold, of_x, of_y) in
            [(0.0, 1.0, 1.0), (100.0, 6.0 / 7.0, 1.0), (290.0, 4.0 / 7.0, 0.6), (1000.0, 0.0, 0.4)]
        {
            assert_eq!([share_above(&X, threshold), share_above(&Y, threshold)], [of_x, of_y]);
        }
        assert_eq!(interquartile_mean(&mut [0.0, 0.0, 0.0, 10.0, 100.0]), 10.0 / 3.0);
        assert_eq!(probability_of_improvement(&[1.0, 1.0], &[1.0]), 0.5);
    }

    #[test]
    fn medians_stand_in_the_middle_and_one_seed_has_no_interval() {
        assert_eq!([median(&mut [3.0, 1.0, 2.0]), median(&mut [4.0, 1.0, 2.0, 3.0])], [2.0, 2.5]);
        let one = Resamples::of(1, 1).estimate(&[7.0], |values| mean(values));
        assert_eq!(one, Estimate { value: 7.0, interval: None });
    }

    #[test]
    fn figures_are_the_same_every_time() {
        let of = |group| Resamples::of(X.len(), group).estimate(&X, |values| mean(values));
        assert_eq!(of(1), of(1));
        assert_ne!(Resamples::of(X.len(), 1).drawn, Resamples::of(X.len(), 2).drawn);
    }
}
