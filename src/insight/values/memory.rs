//! Memory of critics: the state that goes with the present moment of a slot, carried from step to step as acting does, or
//! made by a replay of the episode so far.

use bevy::prelude::*;

use crate::agent::WatchedDecision;
use crate::insight::past::{Past, Rows, one};
use crate::insight::playback::StepDecisions;
use crate::mdp::{ActionValues, ObservationBatch, StateBatch};

/// What the critics remember of one slot.
#[derive(Debug, Clone, Default)]
pub(super) struct CriticMemory {
    states: StateBatch,
    /// The arena, and the moments of its episode that they have seen.
    arena: Option<Entity>,
    moments: usize,
}

/// The moment whose values are wanted.
pub(super) struct PresentMoment<'a> {
    pub(super) entity: Entity,
    pub(super) slot: usize,
    pub(super) decision: &'a WatchedDecision,
    /// Of the slot alone.
    pub(super) observation: ObservationBatch,
}

impl CriticMemory {
    /// Replaces `values` by those of `present`, which comes after the steps of `past`; returns false, with values of no
    /// meaning, if these are needed but unknown.
    pub(super) fn values(
        &mut self,
        critics: &dyn ActionValues,
        present: PresentMoment<'_>,
        past: Option<&[StepDecisions]>,
        values: &mut Vec<f32>,
    ) -> bool {
        let PresentMoment { entity, slot, decision, observation } = present;
        let carried = self.arena == Some(entity)
            && self.states.width == critics.state_width()
            && past.is_some_and(|past| past.len() == self.moments);
        if !decision.is_first && !carried {
            self.arena = None;
            let Some(past) = past else { return false };
            if !self.replay(critics, slot, past, values) {
                return false;
            }
        }
        self.look(critics, Past::of(decision), observation, values);
        (self.arena, self.moments) = (Some(entity), past.map_or(0, <[_]>::len) + 1);
        true
    }

    /// Evaluates one moment and moves on.
    fn look(
        &mut self,
        critics: &dyn ActionValues,
        past: Past<'_>,
        observation: ObservationBatch,
        values: &mut Vec<f32>,
    ) {
        let mut rows = Rows::new(past.previous(), past.is_first(), observation);
        rows.states = std::mem::take(&mut self.states);
        critics.values_after(rows.evaluate(), values);
        self.states = rows.states;
    }

    /// Looks at the moments of `past` that still count, from where the policy's own memory began.
    fn replay(
        &mut self,
        critics: &dyn ActionValues,
        slot: usize,
        past: &[StepDecisions],
        values: &mut Vec<f32>,
    ) -> bool {
        let begins =
            |step: &StepDecisions| step.decisions.get(slot).is_some_and(|decision| decision.is_first);
        let Some(first) = past.iter().rposition(begins) else { return false };
        let reach = critics.reach().unwrap_or(usize::MAX);
        let first = first.max((past.len() + 1).saturating_sub(reach));
        self.states = StateBatch::default();
        for step in &past[first..] {
            let Some(decision) = step.decisions.get(slot).filter(|_| slot < step.observations.count) else {
                return false;
            };
            self.look(critics, Past::of(decision), one(step.observations.row(slot)), values);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdp::ValueInput;

    /// One critic that adds up half of what it knew, what it sees, and action and reward before.
    struct Sum {
        reach: Option<usize>,
    }

    impl ActionValues for Sum {
        fn critics(&self) -> usize {
            1
        }

        fn state_width(&self) -> usize {
            1
        }

        fn reach(&self) -> Option<usize> {
            self.reach
        }

        fn action_values(&self, _: &ObservationBatch, _: &mut Vec<f32>) {}

        fn values_after(&self, input: ValueInput<'_>, values: &mut Vec<f32>) {
            if input.states.values.is_empty() {
                *input.states = StateBatch::zeros(1, 1);
            }
            let before = match input.is_first[0] {
                true => 0.0,
                false => {
                    let (action, reward) =
                        (input.previous_actions.index(0) as f32, input.previous_rewards[0]);
                    0.5 * input.states.values[0] + 10.0 * action + reward
                }
            };
            input.states.values[0] = before + input.observations.vector[0];
            *values = vec![input.states.values[0]];
        }
    }

    /// Step `t` of an episode of which the memory begins at `start`.
    fn step(t: usize, start: usize) -> StepDecisions {
        let bits = (0.25 * t as f32).to_bits();
        let memory = format!(r#"{{"id": 1, "frozen": null, "state": [], "previous": [{}, {bits}]}}"#, t % 3);
        let memory = Some(serde_json::from_str(&memory).unwrap());
        let mut step = StepDecisions::default();
        step.decisions = vec![WatchedDecision { memory, is_first: t == start, ..default() }];
        step.observations = one((&[(t * t) as f32], &[]));
        step
    }

    /// The value of moment `t` after the steps before it.
    fn value(
        memory: &mut CriticMemory,
        critics: &Sum,
        steps: &[StepDecisions],
        t: usize,
        known: bool,
    ) -> Option<f32> {
        let decision = &steps[t].decisions[0];
        let observation = steps[t].observations.clone();
        let present = PresentMoment { entity: Entity::PLACEHOLDER, slot: 0, decision, observation };
        let (mut values, past) = (Vec::new(), known.then_some(&steps[..t]));
        memory.values(critics, present, past, &mut values).then(|| values[0])
    }

    #[test]
    fn a_replay_equals_what_is_carried_on() {
        let critics = Sum { reach: None };
        for start in [0, 3] {
            let steps: Vec<StepDecisions> = (0..9).map(|t| step(t, start)).collect();
            let mut carried = CriticMemory::default();
            for t in start..9 {
                let own = value(&mut carried, &critics, &steps, t, true).unwrap();
                let replayed = value(&mut CriticMemory::default(), &critics, &steps, t, true);
                assert_eq!(replayed, Some(own), "{start} {t}");
                let alone = (t * t) as f32;
                assert_eq!(own == alone, t == start || t == 0);
            }
            // Hidden for a while, then shown again.
            let mut paused = CriticMemory::default();
            value(&mut paused, &critics, &steps, start, true);
            assert_eq!(
                value(&mut paused, &critics, &steps, 8, true),
                value(&mut carried, &critics, &steps, 8, true)
            );
        }
    }

    #[test]
    fn only_what_is_within_reach_is_replayed_and_nothing_is_made_up() {
        let steps: Vec<StepDecisions> = (0..9).map(|t| step(t, 0)).collect();
        let from = |reach| value(&mut CriticMemory::default(), &Sum { reach }, &steps, 8, true).unwrap();
        assert_eq!(from(Some(9)), from(None));
        // Two moments: the one before without its own past, and the present one.
        let before = 49.0 + 10.0 * 1.0 + 1.75;
        assert_eq!(from(Some(2)), 0.5 * before + 10.0 * 2.0 + 2.0 + 64.0);
        let mut memory = CriticMemory::default();
        let critics = Sum { reach: None };
        assert_eq!(value(&mut memory, &critics, &steps, 5, false), None);
        assert_eq!(value(&mut memory, &critics, &steps, 0, true), Some(0.0));
    }
}
