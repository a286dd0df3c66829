//! Statistics of the replay buffer: distributions of age and priority.

use serde::{Deserialize, Serialize};

use super::ReplayBuffer;
use super::index::{SEGMENT_ENTRIES, SEGMENT_STEPS, VALID};

/// Bins of a histogram.
pub const BINS: usize = 24;

/// Statistics of a replay buffer at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ReplayStats {
    /// `[BINS]`: sampling probability by age, newest first; sums to 1 unless the buffer is empty.
    pub ages: Vec<f32>,
    /// Age of the oldest stored transition, in transitions, to within a segment.
    pub oldest: u64,
    /// With prioritized replay, `[BINS]`: fractions of transitions by log priority, smallest first.
    pub priorities: Vec<f32>,
    /// Smallest and largest priority.
    pub range: [f32; 2],
}

impl ReplayBuffer {
    /// Visits every stored transition: for occasional use, not for every step.
    pub fn survey(&self) -> ReplayStats {
        let index = &self.index;
        let used = index.used_segments() as u64;
        let oldest = used * SEGMENT_STEPS as u64;
        let mut survey = ReplayStats { ages: vec![0.0; BINS], oldest, ..ReplayStats::default() };
        let bin = |share: f64| ((share * BINS as f64) as usize).min(BINS - 1);
        let entries = (0..used as usize * SEGMENT_ENTRIES).filter(|&entry| index.flags[entry] & VALID != 0);
        let mut priorities = Vec::new();
        for entry in entries {
            let segment = (entry / SEGMENT_ENTRIES) as u64;
            // Number of segments started after this one.
            let since = (index.begun - 1 - segment) % index.segments as u64;
            let probability = match &index.priorities {
                Some(known) => known.probability(entry),
                None => 1.0 / index.valid.max(1) as f64,
            };
            survey.ages[bin(since as f64 / used.max(1) as f64)] += probability as f32;
            priorities.extend(index.priorities.as_ref().and_then(|known| known.raw(entry)));
        }
        let range = priorities
            .iter()
            .fold([f64::INFINITY, 0.0f64], |[least, most], &raw| [least.min(raw), most.max(raw)]);
        if range[0] <= range[1] {
            let [least, most] = range.map(|raw| raw.max(1e-12).ln());
            survey.priorities = vec![0.0; BINS];
            for raw in &priorities {
                let share = (raw.max(1e-12).ln() - least) / (most - least).max(1e-9);
                survey.priorities[bin(share)] += 1.0 / priorities.len() as f32;
            }
            survey.range = range.map(|raw| raw as f32);
        }
        survey
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PriorityConfig, ReplayConfig};
    use super::*;
    use crate::mdp::{ObservationSpace, Origin, StepBatch};

    fn filled(steps: usize) -> ReplayBuffer {
        let space = ObservationSpace { vector: vec!["x".into()], grid: None };
        let config = ReplayConfig { capacity: 640, streams: 0, n_step: 1, gamma: 0.9 };
        let mut buffer = ReplayBuffer::new(space, config);
        for time in 0..steps {
            let mut one = StepBatch {
                streams: vec![0],
                starts: vec![time == 0],
                actions: vec![0].into(),
                rewards: vec![0.0],
                behaviour_entropies: vec![0.0],
                origins: vec![Origin::Policy],
                ends: vec![None],
                ..StepBatch::default()
            };
            one.observations.push(&[time as f32], &[]);
            buffer.push(&one);
        }
        buffer
    }

    #[test]
    fn uniform_draws_are_spread_over_all_ages() {
        assert_eq!(filled(0).survey(), ReplayStats { ages: vec![0.0; BINS], ..ReplayStats::default() });
        // More than fits, so that segments have been reused.
        let survey = filled(1500).survey();
        assert_eq!((survey.oldest, survey.priorities.len()), (640, 0));
        assert!((survey.ages.iter().sum::<f32>() - 1.0).abs() < 1e-3);
        let halves = survey.ages.chunks(BINS / 2).map(|half| half.iter().sum::<f32>());
        assert!(halves.into_iter().all(|half| (0.4..0.6).contains(&half)), "{survey:?}");
    }

    #[test]
    fn prioritized_transitions_are_sampled_more_often() {
        let mut buffer = filled(600);
        buffer.set_priorities(Some(PriorityConfig { exponent: 1.0, epsilon: 1e-3, initial: 1.0 }));
        let valid = |entry: &u32| buffer.index.flags[*entry as usize] & VALID != 0;
        let all: Vec<u32> = (0..buffer.index.flags.len() as u32).filter(valid).collect();
        // The oldest tenth has all the error.
        let errors: Vec<f32> = all.iter().map(|&entry| if entry < 60 { 1.0 } else { 0.0 }).collect();
        buffer.update_priorities(&all, &errors);
        let survey = buffer.survey();
        let old: f32 = survey.ages[BINS - 4..].iter().sum();
        assert!(old > 0.9, "{survey:?}");
        assert!((survey.priorities.iter().sum::<f32>() - 1.0).abs() < 1e-3);
        assert!(survey.priorities[0] > 0.8 && survey.range[1] > 0.9, "{survey:?}");
    }
}
