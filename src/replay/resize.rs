//! Resize: the transitions of a replay buffer in one of another size.

use super::{Priorities, ReplayBuffer, ReplayConfig, ReplayError};

impl ReplayBuffer {
    /// Goes on with the same transitions, links and priorities under another configuration. Where that asks for fewer
    /// segments, the oldest are dropped whole. Needs the memory of both and of what is held.
    ///
    /// # Errors
    /// As [`ReplayBuffer::load`], which takes over what is held; nothing has changed then.
    pub fn resize(&mut self, config: ReplayConfig) -> Result<(), ReplayError> {
        let mut new = Self::new(self.space.clone(), config);
        if new.segments == self.segments {
            self.config = config;
            return Ok(());
        }
        new.set_priorities(self.priorities.as_ref().map(Priorities::config));
        let mut held = Vec::new();
        self.save(&mut held)?;
        *self = new.load(&mut held.as_slice())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::PriorityConfig;
    use super::*;
    use crate::mdp::{Action, ObservationSpace, Origin, StepBatch, TransitionBatch};

    const CONFIG: ReplayConfig = ReplayConfig { capacity: 1024, streams: 0, n_step: 3, gamma: 0.5 };

    /// Steps of `streams` in turn, whose rewards say when they were made and by which stream.
    fn live(buffer: &mut ReplayBuffer, streams: u32, times: std::ops::Range<u32>) {
        for time in times {
            for stream in 0..streams {
                let mut steps = StepBatch {
                    streams: vec![stream],
                    starts: vec![time == 0],
                    actions: vec![Action::Discrete(0)],
                    rewards: vec![(1000 * stream + time) as f32],
                    behaviour_entropies: vec![0.5],
                    origins: vec![if time % 3 == 0 { Origin::Human } else { Origin::Policy }],
                    ends: vec![None],
                    ..StepBatch::default()
                };
                steps.observations.push(&[(1000 * stream + time) as f32], &[]);
                buffer.push(&steps);
            }
        }
    }

    /// Every transition as observation, return, discount and next observation, in the order of observations.
    fn transitions(buffer: &ReplayBuffer) -> Vec<[f32; 4]> {
        let mut batch = TransitionBatch::default();
        buffer.gather_all(&mut batch);
        let row = |row| {
            let TransitionBatch { observations, n_step_returns, discounts, next_observations, .. } = &batch;
            [observations[row], n_step_returns[row], discounts[row], next_observations[row]]
        };
        let mut all: Vec<_> = (0..batch.batch).map(row).collect();
        all.sort_by(|a, b| a[0].total_cmp(&b[0]));
        all
    }

    fn filled() -> ReplayBuffer {
        let space = ObservationSpace { vector: vec!["x".into()], grid: None };
        let mut buffer = ReplayBuffer::new(space, CONFIG);
        buffer.set_priorities(Some(PriorityConfig { exponent: 0.6, epsilon: 1e-3, initial: 1.0 }));
        // More than fits, so that segments have been begun again.
        live(&mut buffer, 3, 0..500);
        buffer
    }

    #[test]
    fn a_larger_buffer_holds_the_same_and_goes_on() {
        let old = filled();
        let mut new = old.clone();
        new.resize(ReplayConfig { capacity: 4096, ..CONFIG }).unwrap();
        assert_eq!(new.capacity(), 4096);
        assert_eq!((new.len(), new.human_share()), (old.len(), old.human_share()));
        assert_eq!(transitions(&new), transitions(&old));
        let masses = |buffer: &ReplayBuffer| buffer.priorities().unwrap().total();
        assert!((masses(&new) - masses(&old)).abs() < 1e-9);
        let mut never_resized = old;
        live(&mut new, 3, 500..520);
        live(&mut never_resized, 3, 500..520);
        // The old one has begun segments for them at the cost of its oldest.
        let held = transitions(&new);
        assert!(transitions(&never_resized).iter().all(|transition| held.contains(transition)));
    }

    #[test]
    fn a_smaller_buffer_keeps_the_youngest() {
        let old = filled();
        let mut new = old.clone();
        new.resize(ReplayConfig { capacity: 384, ..CONFIG }).unwrap();
        assert_eq!(new.capacity(), 384);
        assert!(new.len() > 200 && new.len() <= 384, "{}", new.len());
        let (all, kept) = (transitions(&old), transitions(&new));
        assert!(kept.iter().all(|transition| all.contains(transition)));
        let times: Vec<u32> = kept.iter().map(|transition| transition[0] as u32 % 1000).collect();
        assert!(times.iter().all(|&time| time > 300), "{times:?}");
        live(&mut new, 3, 500..800);
        let follows = |transition: &[f32; 4]| {
            let steps = (transition[2].log(0.5)).round();
            transition[3] == transition[0] + steps
        };
        assert!(transitions(&new).iter().all(follows));
        assert!(new.len() <= 384);
    }
}
