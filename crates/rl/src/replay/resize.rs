//! Resize: the transitions of a replay buffer in one of another size.

use super::buffer::{Cursor, HUMAN, SEGMENT_ENTRIES, VALID};
use super::{Priorities, ReplayBuffer, ReplayConfig};

impl ReplayBuffer {
    /// Goes on with the same transitions, links and priorities under another configuration. Where that asks for fewer
    /// segments, the oldest are dropped whole.
    pub fn resize(&mut self, config: ReplayConfig) {
        if config.segments() == self.segments {
            self.config = config;
            return;
        }
        let mut new = Self::new(self.space.clone(), config);
        let kept = self.begun.min(self.segments as u64).min(new.segments as u64);
        let old: Vec<usize> =
            (self.begun - kept..self.begun).map(|round| (round % self.segments as u64) as usize).collect();
        let mut place = vec![None; self.segments];
        old.iter().enumerate().for_each(|(new, &old)| place[old] = Some(new));
        for (segment, &from) in old.iter().enumerate() {
            new.copy_segment(segment, self, from);
            let (next, generation) = self.links[from];
            // A link to a segment that was overwritten since, or is dropped now, leads nowhere.
            let led = self.generations[next as usize] == generation;
            let next = place[next as usize].filter(|_| led);
            new.links[segment] = next.map_or((0, 0), |next| (next as u32, generation));
        }
        let moved = |cursor: Cursor| {
            place[cursor.segment as usize].map(|segment| Cursor { segment: segment as u32, ..cursor })
        };
        new.cursors = self.cursors.iter().map(|cursor| cursor.and_then(moved)).collect();
        new.begun = kept;
        new.priorities = self.priorities.as_ref().map(|priorities| priorities.moved(&old, new.flags.len()));
        *self = new;
    }

    fn copy_segment(&mut self, to: usize, other: &Self, from: usize) {
        fn copy<T: Copy>(to: &mut [T], at: usize, other: &[T], from: usize, each: usize) {
            let length = SEGMENT_ENTRIES * each;
            to[at * length..][..length].copy_from_slice(&other[from * length..][..length]);
        }
        copy(&mut self.vectors, to, &other.vectors, from, self.space.vector_len());
        copy(&mut self.grids, to, &other.grids, from, self.space.grid_len());
        copy(&mut self.actions, to, &other.actions, from, 1);
        copy(&mut self.rewards, to, &other.rewards, from, 1);
        copy(&mut self.entropies, to, &other.entropies, from, 1);
        copy(&mut self.flags, to, &other.flags, from, 1);
        self.generations[to] = other.generations[from];
        for entry in to * SEGMENT_ENTRIES..(to + 1) * SEGMENT_ENTRIES {
            self.valid += usize::from(self.flags[entry] & VALID != 0);
            if self.flags[entry] & (VALID | HUMAN) == VALID | HUMAN {
                self.people.insert(entry);
            }
        }
    }
}

impl Priorities {
    /// The priorities of the segments `old`, one after the other, among `slots`.
    fn moved(&self, old: &[usize], slots: usize) -> Self {
        let mut new = Self::new(slots, self.config());
        let (largest, raw) = self.stored(self.slots());
        let raw = old
            .iter()
            .flat_map(|segment| raw[segment * SEGMENT_ENTRIES..][..SEGMENT_ENTRIES].iter().copied());
        // They were accepted before, and are again.
        new.restore(largest, raw);
        new
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
        new.resize(ReplayConfig { capacity: 4096, ..CONFIG });
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
        new.resize(ReplayConfig { capacity: 384, ..CONFIG });
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
