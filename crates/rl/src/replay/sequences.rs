//! Sampling of sequences: windows of consecutive steps of one episode, for agents with memory.
//!
//! An episode is cut into loss windows of `learn` transitions that begin every `stride` transitions, each
//! preceded by `burn_in` transitions. In an episode whose beginning is not stored, the first window begins
//! `burn_in` transitions after the first stored one, so that the hidden state can warm up.

use super::ReplayBuffer;
use super::index::{FIRST, TERMINATED, TRUNCATED, VALID};
use crate::mdp::{Rng, SequenceBatch};

/// Number of tries to sample a window that is full or ends with its episode.
const TRIES: usize = 64;

/// Lengths of sequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SequenceConfig {
    /// Transitions before a window, to warm up the hidden state.
    pub burn_in: usize,
    /// Transitions of a window, at least 1.
    pub learn: usize,
    /// Transitions between the beginnings of two windows, 1 to `learn`.
    pub stride: usize,
}

/// A window of consecutive steps of an episode.
#[derive(Debug, Default)]
struct Window {
    /// Entries of all stored steps of the episode up to the end of the window.
    steps: Vec<usize>,
    /// Index of the window's first among them.
    first: usize,
    /// Whether the first of them is the episode's first step.
    whole: bool,
    /// Whether the window is full or ends with its episode.
    complete: bool,
}

impl SequenceConfig {
    /// Clamps the values: at least 1, and a stride of at most `learn`.
    fn sound(self) -> Self {
        let learn = self.learn.max(1);
        Self { learn, stride: self.stride.clamp(1, learn), ..self }
    }
}

impl ReplayBuffer {
    /// Replaces `batch` by `count` windows. A uniformly random transition selects the last window that begins
    /// at or before it. Windows that are neither full nor end with their episode are avoided if possible.
    ///
    /// Returns `false`, and an empty batch, while there is nothing to sample.
    pub fn sample_sequences(
        &self,
        count: usize,
        config: &SequenceConfig,
        rng: &mut Rng,
        batch: &mut SequenceBatch,
    ) -> bool {
        let config = &config.sound();
        self.begin(config, batch);
        if self.index.valid == 0 {
            return false;
        }
        let mut window = Window::default();
        let entries = self.index.used_segments() * super::index::SEGMENT_ENTRIES;
        // If only steps before any window are stored, there is nothing to sample.
        let mut missed = 0;
        while batch.batch < count && missed < TRIES * TRIES {
            for attempt in 1..=TRIES {
                let found = self.window(self.draw(entries, rng), config, &mut window);
                missed += usize::from(!found);
                if found && (window.complete || attempt == TRIES) {
                    self.gather_window(&window, config, batch);
                    break;
                }
            }
        }
        if batch.batch < count {
            self.begin(config, batch);
        }
        batch.batch == count
    }

    /// Replaces `batch` by all windows, in storage order; with `cut` including incomplete ones.
    pub fn gather_all_sequences(&self, config: &SequenceConfig, cut: bool, batch: &mut SequenceBatch) {
        let config = &config.sound();
        self.begin(config, batch);
        let mut window = Window::default();
        for entry in 0..self.index.entries() {
            let begins = self.index.flags[entry] & VALID != 0 && self.window(entry, config, &mut window);
            if begins && window.steps[window.first] == entry && (window.complete || cut) {
                self.gather_window(&window, config, batch);
            }
        }
    }

    fn begin(&self, config: &SequenceConfig, batch: &mut SequenceBatch) {
        let space = &self.columns.space;
        let features = space.observation.features();
        batch.clear(config.burn_in, config.burn_in + config.learn, features, space.state_width);
        batch.n_step = self.config.n_step;
    }

    /// Finds the window that the step at `entry` selects; returns whether there is one.
    fn window(&self, entry: usize, config: &SequenceConfig, window: &mut Window) -> bool {
        let SequenceConfig { burn_in, learn, stride } = *config;
        let (index, steps) = (&self.index, &mut window.steps);
        steps.clear();
        steps.push(entry);
        while let Some(before) = index.preceding(steps[steps.len() - 1]) {
            steps.push(before);
        }
        steps.reverse();
        window.whole = index.flags[steps[0]] & FIRST != 0;
        let earliest = if window.whole { 0 } else { burn_in };
        let own = steps.len() - 1;
        let Some(behind) = own.checked_sub(earliest) else { return false };
        window.first = earliest + behind / stride * stride;
        self.extend(steps, window.first + learn);
        // The last window of an episode ends with it; a further one would contain nothing new.
        while window.first >= earliest + stride && window.first + learn - stride >= steps.len() {
            window.first -= stride;
        }
        steps.truncate(window.first + learn);
        let last = steps[steps.len() - 1];
        let ended = index.flags[last] & (TERMINATED | TRUNCATED) != 0;
        window.complete = ended || steps.len() == window.first + learn;
        true
    }

    /// Adds the following steps, up to a total of `length`.
    fn extend(&self, steps: &mut Vec<usize>, length: usize) {
        while steps.len() < length {
            let last = steps[steps.len() - 1];
            if self.index.flags[last] & (TERMINATED | TRUNCATED) != 0 {
                return;
            }
            match self.index.following(last) {
                Some(next) => steps.push(next),
                None => return,
            }
        }
    }

    /// Appends `window` to `batch`.
    fn gather_window(&self, window: &Window, config: &SequenceConfig, batch: &mut SequenceBatch) {
        let (columns, flags) = (&self.columns, &self.index.flags);
        let Window { steps, first, .. } = window;
        // Moment `m` of the sequence is moment `m + first - burn_in` of the stored steps.
        let begin = *first as isize - config.burn_in as isize;
        let moment = |m: usize| usize::try_from(begin + m as isize).ok();
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
            batch.is_first.push(flag(window.whole && step == Some(0)));
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
            batch.mask.push(flag(m >= config.burn_in));
        }
        let start = moment(0).filter(|start| *start > 0 || !window.whole);
        match start.and_then(|start| start.checked_sub(1)) {
            Some(before) => {
                columns.push_action(steps[before], &mut batch.previous_actions);
                batch.previous_rewards.push(columns.rewards[steps[before]]);
            }
            None => {
                columns.push_no_action(&mut batch.previous_actions);
                batch.previous_rewards.push(0.0);
            }
        }
        columns.push_state(start.map(|start| steps[start]), &mut batch.initial_states);
        batch.weights.push(1.0);
        batch.indices.push(steps[*first] as u32);
        batch.batch += 1;
    }
}

#[cfg(test)]
mod tests;
