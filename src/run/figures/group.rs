//! The seeds of a variant together: their curve, and statistics of their last values.

use super::runs::{Curve, Over, Task};
use super::stats::{Estimate, Resamples, interquartile_mean, probability_of_improvement};

/// Most points of a curve.
pub(super) const POINTS: usize = 200;

/// Seeds of a variant: their last values, and the resamples of a bootstrap.
pub(super) struct Group<'a> {
    pub(super) name: &'a str,
    curves: &'a [Curve],
    pub(super) last: Vec<f64>,
    resamples: Resamples,
}

impl<'a> Group<'a> {
    /// The variants of `task`.
    pub(super) fn all(task: &'a Task) -> Vec<Self> {
        let of = |(index, (name, curves)): (usize, (&'a String, &'a Vec<Curve>))| {
            let last = curves.iter().filter_map(|curve| Some(curve.last()?.value)).collect();
            Group { name, curves, last, resamples: Resamples::of(curves.len(), index as u64) }
        };
        task.variants.iter().enumerate().map(of).collect()
    }

    /// `statistic` of the last values.
    pub(super) fn estimate(&self, statistic: impl Fn(&[f64]) -> f64) -> Estimate {
        self.resamples.estimate(|seeds| statistic(&picked(&self.last, seeds)))
    }

    /// The probability that one of its seeds ends above one of `other`'s.
    pub(super) fn improvement_over(&self, other: &Self) -> Estimate {
        self.resamples.compare(&other.resamples, |seeds, others| {
            probability_of_improvement(&picked(&self.last, seeds), &picked(&other.last, others))
        })
    }

    /// The interquartile mean of the seeds where all of them have values.
    pub(super) fn curve(&self, over: Over) -> Vec<(f64, Estimate)> {
        let places = places(self.curves, over);
        let at = |x: f64| -> Vec<f64> { self.curves.iter().map(|curve| value_at(curve, over, x)).collect() };
        let estimate = |x: f64| {
            let values = at(x);
            (x, self.resamples.estimate(|seeds| interquartile_mean(picked(&values, seeds))))
        };
        places.into_iter().map(estimate).collect()
    }
}

fn picked(values: &[f64], seeds: &[usize]) -> Vec<f64> {
    seeds.iter().map(|seed| values[*seed]).collect()
}

/// At most [`POINTS`] of all places where `curves` have points, from where the last one begins to where the first one ends.
fn places(curves: &[Curve], over: Over) -> Vec<f64> {
    let ends = |curve: &Curve| Some([over.of(curve.first()?), over.of(curve.last()?)]);
    let (low, high) = curves
        .iter()
        .filter_map(ends)
        .fold((f64::NEG_INFINITY, f64::INFINITY), |(low, high), [first, last]| {
            (low.max(first), high.min(last))
        });
    let mut all: Vec<f64> = curves.iter().flatten().map(|point| over.of(point)).collect();
    all.retain(|x| (low..=high).contains(x));
    all.sort_by(f64::total_cmp);
    all.dedup();
    let last = all.len().saturating_sub(1);
    match all.len() > POINTS {
        true => (0..POINTS).map(|index| all[index * last / (POINTS - 1)]).collect(),
        false => all,
    }
}

/// The value of `curve` at `x`, between its points along a straight line.
fn value_at(curve: &Curve, over: Over, x: f64) -> f64 {
    let next = curve.partition_point(|point| over.of(point) < x);
    let Some(after) = curve.get(next).or(curve.last()) else { return f64::NAN };
    let before = next.checked_sub(1).map_or(after, |index| &curve[index]);
    let (from, to) = (over.of(before), over.of(after));
    if to <= from {
        return after.value;
    }
    let share = ((x - from) / (to - from)).clamp(0.0, 1.0);
    before.value + share * (after.value - before.value)
}

#[cfg(test)]
mod tests {
    use super::super::runs::Point;
    use super::*;

    fn curve(points: &[(f64, f64)]) -> Curve {
        let point = |(env_steps, value): &(f64, f64)| Point {
            env_steps: *env_steps,
            seconds: 2.0 * env_steps,
            value: *value,
        };
        points.iter().map(point).collect()
    }

    #[test]
    fn curves_are_averaged_where_all_seeds_have_values() {
        let curves = [curve(&[(0.0, 0.0), (10.0, 10.0), (20.0, 0.0)]), curve(&[(5.0, 1.0), (15.0, 1.0)])];
        assert_eq!(places(&curves, Over::EnvSteps), [5.0, 10.0, 15.0]);
        assert_eq!(places(&curves, Over::Seconds), [10.0, 20.0, 30.0]);
        let group = Group {
            name: "",
            curves: &curves,
            last: vec![0.0, 1.0],
            resamples: Resamples::of(curves.len(), 0),
        };
        let values: Vec<f64> =
            group.curve(Over::EnvSteps).iter().map(|(_, estimate)| estimate.value).collect();
        assert_eq!(values, [3.0, 5.5, 3.0]);
        assert_eq!(group.curve(Over::EnvSteps)[1].1.interval, Some([1.0, 10.0]));
    }

    #[test]
    fn long_curves_keep_their_ends() {
        let points: Vec<_> = (0..1000).map(|index| (f64::from(index), 0.0)).collect();
        let places = places(&[curve(&points)], Over::EnvSteps);
        assert_eq!((places.len(), places[0], places[POINTS - 1]), (POINTS, 0.0, 999.0));
    }
}
