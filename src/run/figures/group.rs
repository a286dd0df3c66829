//! The seeds of a variant together: their curve, and statistics of their results.

use super::runs::{Curve, Over, Seed, Task, value_at};
use super::stats::{Estimate, Resamples, interquartile_mean, probability_of_improvement};

/// Most points of a curve.
pub(super) const POINTS: usize = 100;

/// Seeds of a variant: their curves and results, and the resamples of a bootstrap.
pub(super) struct Group<'a> {
    pub(super) name: &'a str,
    curves: Vec<&'a Curve>,
    pub(super) results: Vec<f64>,
    resamples: Resamples,
}

impl<'a> Group<'a> {
    /// The variants of `task`.
    pub(super) fn all(task: &'a Task) -> Vec<Self> {
        let of = |(index, (name, seeds)): (usize, (&'a String, &'a Vec<Seed>))| Group {
            name,
            curves: seeds.iter().map(|seed| &seed.curve).collect(),
            results: seeds.iter().map(|seed| seed.result).collect(),
            resamples: Resamples::of(seeds.len(), index as u64),
        };
        task.variants.iter().enumerate().map(of).collect()
    }

    /// `statistic` of the results.
    pub(super) fn estimate(&self, statistic: impl Fn(&mut [f64]) -> f64) -> Estimate {
        self.resamples.estimate(&self.results, statistic)
    }

    /// The probability that the result of one of its seeds is larger than that of one of `other`'s.
    pub(super) fn improvement_over(&self, other: &Self) -> Estimate {
        let (own, others) = (&self.resamples, &other.resamples);
        own.compare(&self.results, others, &other.results, probability_of_improvement)
    }

    /// The interquartile mean of the seeds, at places where all of them have values.
    pub(super) fn curve(&self, over: Over) -> Vec<(f64, Estimate)> {
        let estimate = |x: f64| {
            let values: Vec<f64> = self.curves.iter().map(|curve| value_at(curve, over, x)).collect();
            (x, self.resamples.estimate(&values, interquartile_mean))
        };
        places(&self.curves, over).into_iter().map(estimate).collect()
    }
}

/// At most [`POINTS`] of all places where `curves` have points, from where the last one begins to where the first one
/// ends; none if one of them is empty.
fn places(curves: &[&Curve], over: Over) -> Vec<f64> {
    let ends = |curve: &&Curve| Some([over.of(curve.first()?), over.of(curve.last()?)]);
    let Some(ends) = curves.iter().map(ends).collect::<Option<Vec<_>>>() else { return Vec::new() };
    let low = ends.iter().map(|[first, _]| *first).fold(f64::NEG_INFINITY, f64::max);
    let high = ends.iter().map(|[_, last]| *last).fold(f64::INFINITY, f64::min);
    let mut all: Vec<f64> = curves.iter().copied().flatten().map(|point| over.of(point)).collect();
    all.retain(|x| (low..=high).contains(x));
    all.sort_by(f64::total_cmp);
    all.dedup();
    let last = all.len().saturating_sub(1);
    match all.len() > POINTS {
        true => (0..POINTS).map(|index| all[index * last / (POINTS - 1)]).collect(),
        false => all,
    }
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
        let all = [curve(&[(0.0, 0.0), (10.0, 10.0), (20.0, 0.0)]), curve(&[(5.0, 1.0), (15.0, 1.0)])];
        let curves: Vec<&Curve> = all.iter().collect();
        assert_eq!(places(&curves, Over::EnvSteps), [5.0, 10.0, 15.0]);
        assert_eq!(places(&curves, Over::Seconds), [10.0, 20.0, 30.0]);
        let resamples = Resamples::of(curves.len(), 0);
        let group = Group { name: "", curves, results: vec![0.0, 1.0], resamples };
        let values: Vec<f64> =
            group.curve(Over::EnvSteps).iter().map(|(_, estimate)| estimate.value).collect();
        assert_eq!(values, [3.0, 5.5, 3.0]);
        assert_eq!(group.curve(Over::EnvSteps)[1].1.interval, Some([1.0, 10.0]));
        let apart = [curve(&[(0.0, 0.0), (1.0, 0.0)]), curve(&[(5.0, 1.0)]), Curve::new()];
        assert!(places(&[&apart[0], &apart[1]], Over::EnvSteps).is_empty());
        assert!(places(&[&apart[0], &apart[2]], Over::EnvSteps).is_empty());
    }

    #[test]
    fn long_curves_keep_their_ends() {
        let points: Vec<_> = (0..1000).map(|index| (f64::from(index), 0.0)).collect();
        let places = places(&[&curve(&points)], Over::EnvSteps);
        assert_eq!((places.len(), places[0], places[POINTS - 1]), (POINTS, 0.0, 999.0));
    }
}
