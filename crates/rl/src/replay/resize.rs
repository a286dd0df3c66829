//! Moves the transitions of a replay buffer to one of another size.

use super::index::{Cursor, Index, SEGMENT_ENTRIES, VALID};
use super::{Priorities, ReplayBuffer, ReplayConfig};

/// Mapping of segments between two indices: the newest that fit, in the order they were started.
pub(super) struct Moves {
    /// `[new]`: the old segment of each new one.
    pub(super) old: Vec<usize>,
    /// `[old]`: the new segment of each old one.
    pub(super) place: Vec<Option<usize>>,
    /// Number of started segments, in the new index.
    pub(super) begun: u64,
    /// Whether both have the same size, so that nothing moves.
    same: bool,
}

impl Moves {
    /// The mapping from `segments`, of which `begun` were started, to `room` segments. Between equal sizes it
    /// is the identity.
    pub(super) fn new(segments: usize, begun: u64, room: usize) -> Self {
        let used = begun.min(segments as u64);
        if segments == room {
            let old: Vec<usize> = (0..used as usize).collect();
            let place = (0..segments).map(|segment| (segment < old.len()).then_some(segment)).collect();
            return Self { old, place, begun, same: true };
        }
        let kept = used.min(room as u64);
        let old: Vec<usize> = (begun - kept..begun).map(|round| (round % segments as u64) as usize).collect();
        let mut place = vec![None; segments];
        old.iter().enumerate().for_each(|(new, &old)| place[old] = Some(new));
        Self { old, place, begun: kept, same: false }
    }

    /// A cursor mapped to the new segments; `None` if its segment is dropped.
    pub(super) fn cursor(&self, cursor: Cursor) -> Option<Cursor> {
        self.place[cursor.segment as usize].map(|segment| Cursor { segment: segment as u32, ..cursor })
    }

    /// Sets the links and generations of `index` to those of the old segments. Links to overwritten or
    /// dropped segments are removed.
    pub(super) fn relink(&self, index: &mut Index, links: &[(u32, u32)], generations: &[u32]) {
        for (segment, &from) in self.old.iter().enumerate() {
            let (next, generation) = links[from];
            let led = generations[next as usize] == generation;
            let place = self.place[next as usize].filter(|_| led);
            index.links[segment] = match place {
                _ if self.same => links[from],
                Some(next) => (next as u32, generation),
                None => (0, 0),
            };
            index.generations[segment] = generations[from];
        }
    }
}

impl ReplayBuffer {
    /// Keeps transitions, links and priorities under another configuration. If that has fewer segments, the
    /// oldest are dropped.
    pub fn resize(&mut self, config: ReplayConfig) {
        let old = &self.index;
        if config.segments() == old.segments {
            self.config = config;
            return;
        }
        let mut new = Self::new(self.columns.space.clone(), config);
        let moves = Moves::new(old.segments, old.begun, new.index.segments);
        for (segment, &from) in moves.old.iter().enumerate() {
            new.columns.copy_segment(segment, &self.columns, from);
            let flags = &old.flags[from * SEGMENT_ENTRIES..][..SEGMENT_ENTRIES];
            new.index.flags[segment * SEGMENT_ENTRIES..][..SEGMENT_ENTRIES].copy_from_slice(flags);
            new.index.positions[segment] = old.positions[from];
        }
        moves.relink(&mut new.index, &old.links, &old.generations);
        new.index.cursors =
            old.cursors.iter().map(|cursor| cursor.and_then(|cursor| moves.cursor(cursor))).collect();
        new.index.begun = moves.begun;
        new.index.sequences = old.sequences;
        new.index.valid = new.index.flags.iter().filter(|&&flags| flags & VALID != 0).count();
        new.index.priorities =
            old.priorities.as_ref().map(|priorities| priorities.moved(&moves.old, new.index.entries()));
        new.index.derive();
        // Some have lost their burn-in with a dropped segment.
        new.index.forget_lost_items();
        *self = new;
    }
}

impl Priorities {
    /// The priorities of the segments `old`, concatenated, in `slots` slots.
    fn moved(&self, old: &[usize], slots: usize) -> Self {
        let mut new = Self::new(slots, self.config());
        let (largest, raw) = self.stored(self.slots());
        for (segment, from) in old.iter().enumerate() {
            let own = &mut new.raw_mut()[segment * SEGMENT_ENTRIES..][..SEGMENT_ENTRIES];
            own.copy_from_slice(&raw[from * SEGMENT_ENTRIES..][..SEGMENT_ENTRIES]);
        }
        // They were accepted before, so they are valid.
        new.accept(largest);
        new
    }
}

#[cfg(test)]
mod tests {
    use super::super::PriorityConfig;
    use super::*;
    use crate::mdp::{ObservationSpace, Origin, StepBatch, TransitionBatch};

    const CONFIG: ReplayConfig = ReplayConfig { capacity: 1024, streams: 0, n_step: 3, gamma: 0.5 };

    /// Interleaved steps of `streams`, whose rewards encode time and stream.
    fn live(buffer: &mut ReplayBuffer, streams: u32, times: std::ops::Range<u32>) {
        for time in times {
            for stream in 0..streams {
                let mut steps = StepBatch {
                    streams: vec![stream],
                    starts: vec![time == 0],
                    actions: vec![0].into(),
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
        // More than fits, so that segments have been reused.
        live(&mut buffer, 3, 0..500);
        buffer
    }

    #[test]
    fn a_larger_buffer_keeps_all_and_continues() {
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
        // The old one has reused its oldest segments for them.
        let held = transitions(&new);
        assert!(transitions(&never_resized).iter().all(|transition| held.contains(transition)));
    }

    #[test]
    fn a_smaller_buffer_keeps_the_newest() {
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
