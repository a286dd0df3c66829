//! Statistics over the seeds of a variant, with bootstrap intervals (Agarwal et al. 2021, "Deep Reinforcement Learning at
//! the Edge of the Statistical Precipice"), as rliable computes them.

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

/// Resamples of a bootstrap.
const RESAMPLES: usize = 5_000;

/// An estimate over seeds and its 95 % percentile bootstrap interval; none with a single seed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Estimate {
    pub(super) value: f64,
    pub(super) interval: Option<[f64; 2]>,
}

/// Which seeds each resample of a bootstrap draws: the same ones for every point of a curve.
#[derive(Debug)]
pub(super) struct Resamples {
    seeds: usize,
    drawn: Vec<Vec<usize>>,
}

impl Resamples {
    /// Resamples of `seeds` runs with replacement; those of another `group` are independent.
    pub(super) fn of(seeds: usize, group: u64) -> Self {
        let mut random = Pcg64Mcg::seed_from_u64(group);
        let mut draw = || (0..seeds).map(|_| random.random_range(0..seeds)).collect();
        let count = if seeds < 2 { 0 } else { RESAMPLES };
        Self { seeds, drawn: (0..count).map(|_| draw()).collect() }
    }

    /// `statistic` of all seeds, and its interval over the resamples.
    pub(super) fn estimate(&self, statistic: impl Fn(&[usize]) -> f64) -> Estimate {
        let all: Vec<usize> = (0..self.seeds).collect();
        let drawn = self.drawn.iter().map(|drawn| statistic(drawn)).collect();
        Estimate { value: statistic(&all), interval: interval(drawn) }
    }

    /// The same of two independent groups.
    pub(super) fn compare(&self, other: &Self, statistic: impl Fn(&[usize], &[usize]) -> f64) -> Estimate {
        let [own, others] = [self, other].map(|group| (0..group.seeds).collect::<Vec<usize>>());
        let pairs = self.drawn.iter().zip(&other.drawn);
        let drawn = pairs.map(|(own, others)| statistic(own, others)).collect();
        Estimate { value: statistic(&own, &others), interval: interval(drawn) }
    }
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

/// The mean without the lowest and the highest quarter, of which `⌊n / 4⌋` values are left out each: of three seeds it is
/// the mean.
pub(super) fn interquartile_mean(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let out = values.len() / 4;
    mean(&values[out..values.len() - out])
}

/// The mean; NaN of nothing.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The middle value, or the mean of the two middle ones; NaN of nothing.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
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

/// Probability that a run of the first is better than one of the second; equal ones count half.
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

    fn picked(values: &[f64], seeds: &[usize]) -> Vec<f64> {
        seeds.iter().map(|seed| values[*seed]).collect()
    }

    fn near(estimate: Estimate, value: f64, interval: [f64; 2], tolerance: f64) {
        assert!((estimate.value - value).abs() < 1e-9, "{estimate:?}, not {value}");
        for (found, expected) in estimate.interval.unwrap().into_iter().zip(interval) {
            assert!((found - expected).abs() <= tolerance, "{estimate:?}, not {interval:?}");
        }
    }

    /// Values that rliable 1.2.0 gives for the same scores of one task, with 50 000 and 20 000 resamples. Ours are fewer,
    /// so ends of intervals may differ by a step between two means.
    #[test]
    fn estimates_are_those_of_rliable() {
        let [x, y] = [Resamples::of(X.len(), 1), Resamples::of(Y.len(), 2)];
        near(x.estimate(|own| interquartile_mean(picked(&X, own))), 330.0, [213.8, 411.6], 6.0);
        near(
            y.estimate(|own| interquartile_mean(picked(&Y, own))),
            709.0 + 1.0 / 3.0,
            [275.33, 1840.33],
            25.0,
        );
        near(x.estimate(|own| mean(&picked(&X, own))), 2239.0 / 7.0, [225.71, 406.29], 5.0);
        near(y.estimate(|own| mean(&picked(&Y, own))), 908.6, [345.4, 1591.6], 30.0);
        let better =
            |own: &[usize], other: &[usize]| probability_of_improvement(&picked(&Y, own), &picked(&X, other));
        near(y.compare(&x, better), 0.7, [0.314, 1.0], 0.03);
        for (threshold, of_x, of_y) in
            [(0.0, 1.0, 1.0), (100.0, 6.0 / 7.0, 1.0), (290.0, 4.0 / 7.0, 0.6), (1000.0, 0.0, 0.4)]
        {
            assert_eq!([share_above(&X, threshold), share_above(&Y, threshold)], [of_x, of_y]);
        }
        assert_eq!(interquartile_mean(vec![0.0, 0.0, 0.0, 10.0, 100.0]), 10.0 / 3.0);
        assert_eq!(probability_of_improvement(&[1.0, 1.0], &[1.0]), 0.5);
    }

    #[test]
    fn medians_stand_in_the_middle_and_one_seed_has_no_interval() {
        assert_eq!([median(vec![3.0, 1.0, 2.0]), median(vec![4.0, 1.0, 2.0, 3.0])], [2.0, 2.5]);
        let one = Resamples::of(1, 1).estimate(|own| mean(&picked(&[7.0], own)));
        assert_eq!(one, Estimate { value: 7.0, interval: None });
    }

    #[test]
    fn figures_are_the_same_every_time() {
        let of = |group| Resamples::of(X.len(), group).estimate(|own| mean(&picked(&X, own)));
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }
}
