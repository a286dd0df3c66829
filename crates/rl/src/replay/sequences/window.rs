//! One sequence: where its loss window lies, and how its steps enter a batch.

use crate::mdp::SequenceBatch;
use crate::replay::index::{FIRST, SEGMENT_ENTRIES, TERMINATED, TRUNCATED, VALID};
use crate::replay::{ReplayBuffer, SequenceConfig};

/// A window of consecutive steps of an episode, with its burn-in.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// Entries of the steps, burn-in first.
    steps: Vec<usize>,
    /// Index of the window's first among them: the burn-in, or less at the beginning of an episode.
    first: usize,
    /// Whether the first of them is the episode's first step.
    begins: bool,
    /// The step before them in the episode.
    before: Option<usize>,
    /// Whether the window is full or ends with its episode.
    pub(super) complete: bool,
}

impl ReplayBuffer {
    /// The place of the window that the step at `entry` selects, if it is stored.
    pub(super) fn selected_by(&self, entry: usize) -> Option<usize> {
        let (index, SequenceConfig { learn, stride, .. }) = (&self.index, self.index.sequences?);
        if index.flags[entry] & VALID == 0 {
            return None;
        }
        let position = index.position(entry);
        let mut first = position / stride * stride;
        let mut place = index.before(entry, position - first)?;
        let (mut count, _) = index.steps_from(place, learn);
        // The last window of an episode ends with it; a further one would contain nothing new.
        while first > 0 && count + stride <= learn {
            (place, first, count) = (index.before(place, stride)?, first - stride, count + stride);
        }
        Some(place)
    }

    /// Finds the window at `place`; returns `false` if its burn-in is not stored.
    pub(super) fn window_at(&self, place: usize, window: &mut Window) -> bool {
        let (index, Some(SequenceConfig { burn_in, learn, .. })) = (&self.index, self.index.sequences) else {
            return false;
        };
        if !index.has_burn_in(place, burn_in) {
            return false;
        }
        let Window { steps, first, begins, before, complete } = window;
        steps.clear();
        steps.push(place);
        let mut earliest = place;
        while steps.len() <= burn_in
            && let Some(earlier) = index.preceding(earliest)
        {
            steps.push(earlier);
            earliest = earlier;
        }
        steps.reverse();
        *first = steps.len() - 1;
        (*begins, *before) = (index.flags[earliest] & FIRST != 0, index.preceding(earliest));
        let (count, ended) = index.steps_from(place, learn);
        let mut last = place;
        for _ in 1..count {
            let Some(next) = index.following(last) else { break };
            steps.push(next);
            last = next;
        }
        *complete = ended || count == learn;
        true
    }

    /// Appends `window` to `batch`.
    pub(super) fn gather_window(&self, window: &Window, batch: &mut SequenceBatch) {
        let (columns, flags) = (&self.columns, &self.index.flags);
        let Window { steps, first, begins, before, .. } = window;
        // Moment `m` of the sequence is moment `m - padding` of the stored steps.
        let padding = batch.burn_in - first;
        let moment = |m: usize| m.checked_sub(padding);
        let flag = |is: bool| f32::from(u8::from(is));
        for m in 0..=batch.length {
            let step = moment(m).filter(|step| *step <= steps.len());
            match step {
                Some(step) if step < steps.len() => {
                    columns.push_features(steps[step], &mut batch.observations)
                }
                // After the last step.
                Some(step) => columns.push_features(steps[step - 1] + 1, &mut batch.observations),
                None => batch.observations.resize(batch.observations.len() + batch.features, 0.0),
            }
            batch.is_first.push(flag(*begins && step == Some(0)));
        }
        for m in 0..batch.length {
            let Some(&entry) = moment(m).and_then(|step| steps.get(step)) else {
                columns.push_no_action(&mut batch.actions);
                let zeros = [&mut batch.rewards, &mut batch.terminated, &mut batch.truncated];
                zeros.into_iter().for_each(|column| column.push(0.0));
                batch.behaviour_entropies.push(0.0);
                batch.mask.push(0.0);
                continue;
            };
            columns.push_action(entry, &mut batch.actions);
            batch.rewards.push(columns.rewards[entry]);
            batch.terminated.push(flag(flags[entry] & TERMINATED != 0));
            batch.truncated.push(flag(flags[entry] & TRUNCATED != 0));
            batch.behaviour_entropies.push(columns.entropies[entry]);
            batch.mask.push(flag(m >= batch.burn_in));
        }
        // What precedes the first moment, if that is neither padding nor an episode's first.
        let start = (padding == 0 && !begins).then(|| steps[0]);
        match start.and(*before) {
            Some(before) => {
                columns.push_action(before, &mut batch.previous_actions);
                batch.previous_rewards.push(columns.rewards[before]);
            }
            None => {
                columns.push_no_action(&mut batch.previous_actions);
                batch.previous_rewards.push(0.0);
            }
        }
        columns.push_state(start, &mut batch.initial_states);
        batch.weights.push(1.0);
        batch.indices.push(steps[*first] as u32);
        batch.generations.push(self.index.generations[steps[*first] / SEGMENT_ENTRIES]);
        batch.batch += 1;
    }
}
