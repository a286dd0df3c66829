//! Proportional prioritization over numbered slots: sampling probabilities and importance weights.
//!
//! Section 14 of the specification (Schaul et al. 2016). The buffer maps transitions to slots; the learner
//! supplies TD errors and anneals the importance exponent.

use serde::{Deserialize, Serialize};

use super::sum_tree::SumTree;

/// The mapping from errors to probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PriorityConfig {
    /// Exponent of the raw priority, 0 (uniform) to 1 (proportional).
    pub exponent: f64,
    /// Added to every absolute error, above 0, so that every transition can be sampled.
    pub epsilon: f64,
    /// Raw priority of new transitions before any error is known, above 0.
    pub initial: f64,
}

/// Raw priority of a slot without a sampleable transition.
const EMPTY: f64 = -1.0;

/// Raw priorities `p` of slots and the sum tree over `p^exponent`.
///
/// Memory: 16.5 bytes per slot.
#[derive(Debug, Clone, PartialEq)]
pub struct Priorities {
    config: PriorityConfig,
    raw: Vec<f64>,
    tree: SumTree,
    /// Largest raw priority ever assigned.
    largest: f64,
    filled: usize,
}

impl Priorities {
    /// `slots` empty slots.
    pub fn new(slots: usize, config: PriorityConfig) -> Self {
        Self {
            raw: vec![EMPTY; slots],
            tree: SumTree::new(slots),
            largest: config.initial,
            filled: 0,
            config,
        }
    }

    /// The mapping from errors to probabilities here.
    pub fn config(&self) -> PriorityConfig {
        self.config
    }

    /// Bytes of the priorities.
    pub fn bytes(&self) -> usize {
        size_of_val(self.raw.as_slice()) + self.tree.bytes()
    }

    /// Number of slots, empty or not.
    pub fn slots(&self) -> usize {
        self.raw.len()
    }

    /// Number of sampleable slots, `N`.
    pub fn filled(&self) -> usize {
        self.filled
    }

    /// `Σ p^exponent` over the filled slots.
    pub fn total(&self) -> f64 {
        self.tree.total()
    }

    /// Largest raw priority ever assigned; it never decreases.
    pub fn largest(&self) -> f64 {
        self.largest
    }

    /// Raw priority `p` of `slot`, `None` while it is empty.
    pub fn raw(&self, slot: usize) -> Option<f64> {
        let raw = self.raw[slot];
        (raw >= 0.0).then_some(raw)
    }

    /// Probability `P = p^exponent / Σ p^exponent` of `slot`, 0 while it is empty.
    pub fn probability(&self, slot: usize) -> f64 {
        let mass = self.tree.mass(slot);
        if mass > 0.0 { mass / self.total() } else { 0.0 }
    }

    /// Adds a new transition in `slot`, with the largest raw priority ever assigned.
    pub fn insert(&mut self, slot: usize) {
        self.filled += usize::from(self.raw[slot] < 0.0);
        self.assign(slot, self.largest);
    }

    /// Empties `slots`.
    pub fn clear(&mut self, slots: std::ops::Range<usize>) {
        for raw in &mut self.raw[slots.clone()] {
            self.filled -= usize::from(*raw >= 0.0);
            *raw = EMPTY;
        }
        self.tree.clear(slots);
    }

    /// Sets the raw priority of `slot` to `|td_error| + epsilon`. An empty slot stays empty, and an
    /// error that is not finite changes nothing.
    pub fn update(&mut self, slot: usize, td_error: f64) {
        if self.raw[slot] >= 0.0 && td_error.is_finite() {
            let raw = td_error.abs() + self.config.epsilon;
            self.largest = self.largest.max(raw);
            self.assign(slot, raw);
        }
    }

    fn assign(&mut self, slot: usize, raw: f64) {
        self.raw[slot] = raw;
        self.tree.set(slot, raw.powf(self.config.exponent));
    }

    /// The slot that stratum `index` of `count` draws with `uniform` in [0, 1): the first with
    /// `s_0 + … + s_i > (index + uniform) / count · Σ s`. O(log N).
    pub fn draw(&self, index: usize, count: usize, uniform: f64) -> usize {
        self.tree.find((index as f64 + uniform) / count as f64 * self.total())
    }

    /// Importance weights `(N · P)^(−importance_exponent)` of `slots`, divided by the largest among
    /// them; `weights` and `slots` are `[B]`, weights in (0, 1].
    pub fn importance_weights(&self, slots: &[u32], importance_exponent: f64, weights: &mut Vec<f32>) {
        // The quotient of two weights is a power of the quotient of their masses: N and Σ s cancel.
        let mass = |slot: &u32| self.tree.mass(*slot as usize);
        let smallest = slots.iter().map(mass).fold(f64::INFINITY, f64::min);
        weights.clear();
        weights.extend(slots.iter().map(|slot| (smallest / mass(slot)).powf(importance_exponent) as f32));
    }

    /// The largest raw priority ever assigned, and those of `slots` with −1 where one is empty.
    pub(super) fn stored(&self, slots: usize) -> (f64, &[f64]) {
        (self.largest, &self.raw[..slots])
    }

    /// The raw priority of every slot, −1 for empty ones; writes take effect once accepted.
    pub(super) fn raw_mut(&mut self) -> &mut [f64] {
        &mut self.raw
    }

    /// Accepts the written values if [`Priorities::stored`] can produce them. Otherwise the value must be
    /// discarded.
    pub(super) fn accept(&mut self, largest: f64) -> bool {
        let possible = |raw: &f64| *raw == EMPTY || (0.0..=largest).contains(raw);
        if !(largest > 0.0 && largest.is_finite() && self.raw.iter().all(possible)) {
            return false;
        }
        self.largest = self.largest.max(largest);
        self.rebuild();
        true
    }

    /// Gives the slots in `filled` the largest raw priority.
    pub(super) fn fill(&mut self, filled: impl Fn(usize) -> bool) {
        for (slot, raw) in self.raw.iter_mut().enumerate() {
            *raw = if filled(slot) { self.largest } else { EMPTY };
        }
        self.rebuild();
    }

    /// Changes the mapping from errors to probabilities and keeps the raw priorities.
    pub(super) fn set_config(&mut self, config: PriorityConfig) {
        self.config = config;
        self.rebuild();
    }

    fn rebuild(&mut self) {
        let Self { config, raw, tree, filled, .. } = self;
        *filled = raw.iter().filter(|&&raw| raw >= 0.0).count();
        tree.fill(|slot| if raw[slot] >= 0.0 { raw[slot].powf(config.exponent) } else { 0.0 });
    }
}

/// Effective sample size of `weights`: `(Σ w)² / Σ w²`, 1 to the number of weights, 0 without any (Kish
/// 1965).
pub fn effective_sample_size(weights: &[f32]) -> f32 {
    let (mut sum, mut squares) = (0.0, 0.0);
    for weight in weights.iter().map(|&weight| f64::from(weight)) {
        sum += weight;
        squares += weight * weight;
    }
    if squares > 0.0 { (sum * sum / squares) as f32 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn uneven_weights_have_a_smaller_effective_sample_size() {
        assert_eq!(effective_sample_size(&[0.5; 8]), 8.0);
        assert_eq!(effective_sample_size(&[1.0, 0.0, 0.0]), 1.0);
        assert_eq!(effective_sample_size(&[]), 0.0);
    }

    #[test]
    fn exponent_zero_is_uniform() {
        let mut priorities =
            Priorities::new(6, PriorityConfig { exponent: 0.0, epsilon: 0.01, initial: 1.0 });
        (1..5).for_each(|slot| priorities.insert(slot));
        priorities.update(2, 100.0);
        assert_eq!([1, 2, 3, 4].map(|slot| priorities.probability(slot)), [0.25; 4]);
        assert_eq!((priorities.probability(0), priorities.largest()), (0.0, 100.01));
    }

    #[test]
    fn empty_slots_and_broken_errors_change_nothing() {
        let mut priorities = Priorities::new(3, PriorityConfig { exponent: 1.0, epsilon: 0.5, initial: 1.0 });
        priorities.insert(1);
        let before = priorities.clone();
        priorities.update(0, 3.0);
        priorities.update(1, f64::NAN);
        priorities.update(1, f64::INFINITY);
        assert_eq!(priorities, before);
    }

    proptest! {
        /// The definitions of section 14, recomputed from plain lists after every change.
        #[test]
        fn it_does_what_the_definitions_say(
            slots in 1usize..300,
            changes in prop::collection::vec((0usize..300, 0u8..4, -3.0f64..3.0), 1..400),
            exponent in 0.0f64..1.0,
            importance in 0.0f64..1.0,
            uniforms in prop::collection::vec(0.0f64..1.0, 1..40),
        ) {
            let config = PriorityConfig { exponent, epsilon: 0.01, initial: 1.0 };
            let mut priorities = Priorities::new(slots, config);
            let mut raw: Vec<Option<f64>> = vec![None; slots];
            let mut largest = 1.0f64;
            for (at, kind, td_error) in changes {
                let slot = at % slots;
                match kind {
                    0 => {
                        let end = (slot + 5).min(slots);
                        priorities.clear(slot..end);
                        raw[slot..end].fill(None);
                    }
                    1 => {
                        priorities.update(slot, td_error);
                        if let Some(raw) = &mut raw[slot] {
                            *raw = td_error.abs() + 0.01;
                            largest = largest.max(*raw);
                        }
                    }
                    _ => {
                        priorities.insert(slot);
                        raw[slot] = Some(largest);
                    }
                }
            }
            let masses: Vec<f64> = raw.iter().map(|raw| raw.map_or(0.0, |raw| raw.powf(exponent))).collect();
            let total: f64 = masses.iter().sum();
            let filled = raw.iter().flatten().count();
            prop_assert_eq!((priorities.filled(), priorities.largest()), (filled, largest));
            prop_assert!((priorities.total() - total).abs() <= 1e-12 * total);
            for (slot, raw) in raw.iter().enumerate() {
                prop_assert_eq!(priorities.raw(slot), *raw);
            }
            let (of, stored) = priorities.stored(slots);
            let mut restored = Priorities::new(slots, config);
            restored.raw_mut().copy_from_slice(stored);
            prop_assert!(restored.accept(of));
            prop_assert_eq!(&restored, &priorities);
            if filled == 0 {
                return Ok(());
            }
            let mut drawn = Vec::new();
            for (k, uniform) in uniforms.iter().enumerate() {
                let slot = priorities.draw(k, uniforms.len(), *uniform);
                let target = (k as f64 + uniform) / uniforms.len() as f64 * total;
                let before: f64 = masses[..slot].iter().sum();
                prop_assert!(masses[slot] > 0.0);
                prop_assert!(before <= target + 1e-9 && target < before + masses[slot] + 1e-9);
                drawn.push(slot as u32);
            }
            let plain: Vec<f64> = drawn
                .iter()
                .map(|&slot| (filled as f64 * masses[slot as usize] / total).powf(-importance))
                .collect();
            let most = plain.iter().copied().fold(0.0, f64::max);
            let mut weights = Vec::new();
            priorities.importance_weights(&drawn, importance, &mut weights);
            for (weight, plain) in weights.iter().zip(&plain) {
                prop_assert!((f64::from(*weight) - plain / most).abs() < 1e-6);
            }
        }
    }
}
