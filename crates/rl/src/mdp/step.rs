//! Batches of steps from actors to the learner, column by column.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{ActionBatch, EnvironmentSpec, EpisodeEnd, Fault, ObservationBatch, Place, StateBatch};

/// Source of an action in the replay buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Origin {
    /// The learning policy.
    #[default]
    Policy,
    /// A person at the keyboard.
    Human,
}

fn no_states(states: &StateBatch) -> bool {
    states.values.is_empty()
}

/// Agent steps of many streams on their way to the learner, column by column.
///
/// A stream is one player slot of one arena; its steps arrive in order. The observation that follows a step
/// is the stream's next one; at the end of an episode it is the matching row of `final_observations`, taken
/// before the reset. Only step batches go from actors to the learner, so that either side can move to another
/// process.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StepBatch {
    /// Stream of every step.
    pub streams: Vec<u32>,
    /// Whether the step does not follow the stream's last recorded one, because an episode began or a
    /// controller that is not recorded played in between.
    pub starts: Vec<bool>,
    /// Observation of every action.
    pub observations: ObservationBatch,
    /// The actions.
    pub actions: ActionBatch,
    /// Reward of the step.
    pub rewards: Vec<f32>,
    /// Entropy of the behavior policy at the observation, in nats.
    pub behaviour_entropies: Vec<f32>,
    /// Gradient steps of the learning policy that acted; may be empty.
    #[serde(default)]
    pub policy_gradient_steps: Vec<u64>,
    /// Source of the action.
    pub origins: Vec<Origin>,
    /// How the episode ended with this step; `None` if it continues.
    pub ends: Vec<Option<EpisodeEnd>>,
    /// One row for every `Some` in `ends`, in the same order.
    pub final_observations: ObservationBatch,
    /// The policy state before each observation; no rows unless an algorithm requests it.
    #[serde(default, skip_serializing_if = "no_states")]
    pub states: StateBatch,
    /// Number of steps refused because of a value that cannot be learned from, see [`Fault`].
    #[serde(default)]
    pub refused: u64,
}

impl StepBatch {
    /// The first fault of step `row`, whose final observation, if any, is row `end` of `final_observations`.
    pub fn fault(&self, row: usize, end: usize) -> Option<Fault> {
        let (observation, _) = self.observations.row(row);
        let last = self.ends[row].map(|_| self.final_observations.row(end).0).unwrap_or_default();
        Fault::in_observation(observation)
            .or_else(|| Fault::first(last, Place::FinalObservation))
            .or_else(|| Fault::in_reward(self.rewards[row]))
            .or_else(|| Fault::first(&self.behaviour_entropies[row..=row], |_| Place::Entropy))
            .or_else(|| Fault::first(self.actions.vector(row), Place::Action))
            .or_else(|| Fault::first(self.state(row), Place::State))
    }

    /// Removes every faulty step, and returns their streams with the first fault of each.
    pub fn refuse(&mut self) -> Vec<(u32, Fault)> {
        let columns = [
            &self.observations.vector,
            &self.rewards,
            &self.behaviour_entropies,
            &self.final_observations.vector,
            &self.actions.continuous,
            &self.states.values,
        ];
        if columns.into_iter().flatten().all(|value| Fault::is_none_in(*value)) {
            return Vec::new();
        }
        let mut faults = Vec::new();
        self.retain(|whole, row, end| {
            let fault = whole.fault(row, end);
            faults.extend(fault.map(|fault| (whole.streams[row], fault)));
            fault.is_none()
        });
        self.refused += faults.len() as u64;
        faults
    }

    /// Keeps the steps for which `keep` returns true. It gets these steps, the row of one of them, and the row of
    /// `final_observations` that belongs to it if the episode ended with it.
    pub fn retain(&mut self, mut keep: impl FnMut(&Self, usize, usize) -> bool) {
        let whole = std::mem::take(self);
        self.refused = whole.refused;
        let mut end = 0;
        for row in 0..whole.len() {
            if keep(&whole, row, end) {
                self.push_row(&whole, row, end);
            }
            end += usize::from(whole.ends[row].is_some());
        }
    }

    /// Appends step `row` of `other`, whose final observation, if any, is row `end` there.
    fn push_row(&mut self, other: &Self, row: usize, end: usize) {
        self.streams.push(other.streams[row]);
        self.starts.push(other.starts[row]);
        let (vector, grid) = other.observations.row(row);
        self.observations.push(vector, grid);
        self.actions.push(other.actions.row(row));
        self.rewards.push(other.rewards[row]);
        self.behaviour_entropies.push(other.behaviour_entropies[row]);
        self.policy_gradient_steps.extend(other.policy_gradient_steps.get(row));
        self.origins.push(other.origins[row]);
        if other.states.rows() > 0 {
            self.states.push(other.states.row(row));
        }
        self.ends.push(other.ends[row]);
        if other.ends[row].is_some() {
            let (vector, grid) = other.final_observations.row(end);
            self.final_observations.push(vector, grid);
        }
    }

    /// Appends the steps `rows` of `other`, of whose final observations the first is row `end` there. Returns the row of
    /// the first final observation after them.
    pub fn append_rows(&mut self, other: &Self, rows: Range<usize>, mut end: usize) -> usize {
        for row in rows {
            self.push_row(other, row, end);
            end += usize::from(other.ends[row].is_some());
        }
        end
    }

    /// The policy state before step `row`; empty if not recorded.
    pub fn state(&self, row: usize) -> &[f32] {
        if self.states.values.is_empty() { &[] } else { self.states.row(row) }
    }

    /// Keeps the column of states complete: rows without a state, or with one of another width, are zeros.
    fn append_states(&mut self, other: &Self) {
        if self.states.values.is_empty() && other.states.values.is_empty() {
            return;
        }
        let before = self.len() - other.len();
        if self.states.values.is_empty() {
            self.states = StateBatch::zeros(other.states.width, before);
        }
        if self.states.width == other.states.width {
            self.states.values.extend_from_slice(&other.states.values);
        } else {
            let width = self.states.width;
            self.states.values.resize((before + other.len()) * width, 0.0);
        }
    }

    /// Number of steps.
    pub fn len(&self) -> usize {
        self.streams.len()
    }

    /// Whether there is no step.
    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// Policy lag: `gradient_steps` minus those of the acting policy, averaged over the steps of the learning
    /// policy. `None` if there are none or the acting policy was not recorded.
    pub fn policy_lag(&self, gradient_steps: u64) -> Option<f32> {
        let steps = self.origins.iter().zip(&self.policy_gradient_steps);
        let (mut count, mut sum) = (0, 0);
        for (_, behind) in steps.filter(|(origin, _)| **origin == Origin::Policy) {
            count += 1;
            sum += gradient_steps.saturating_sub(*behind);
        }
        (count > 0).then(|| (sum as f64 / f64::from(count)) as f32)
    }

    /// Removes all steps and keeps the allocation.
    pub fn clear(&mut self) {
        self.streams.clear();
        self.starts.clear();
        self.observations.clear();
        self.actions.clear();
        self.rewards.clear();
        self.behaviour_entropies.clear();
        self.policy_gradient_steps.clear();
        self.origins.clear();
        self.ends.clear();
        self.final_observations.clear();
        self.states.clear();
        self.refused = 0;
    }

    /// Appends all steps of `other` after these.
    pub fn append(&mut self, other: &StepBatch) {
        self.streams.extend_from_slice(&other.streams);
        self.starts.extend_from_slice(&other.starts);
        self.observations.append(&other.observations);
        self.actions.append(&other.actions);
        self.rewards.extend_from_slice(&other.rewards);
        self.behaviour_entropies.extend_from_slice(&other.behaviour_entropies);
        self.policy_gradient_steps.extend_from_slice(&other.policy_gradient_steps);
        self.origins.extend_from_slice(&other.origins);
        self.ends.extend_from_slice(&other.ends);
        self.append_states(other);
        self.final_observations.append(&other.final_observations);
        self.refused += other.refused;
    }
}

/// Upper limit of stream numbers in a file: more than any simulation has.
const MOST_STREAMS: u32 = 1 << 20;

impl StepBatch {
    /// Whether its columns have equal lengths and valid values for `spec`; checked for steps from files.
    pub fn fits(&self, spec: &EnvironmentSpec) -> bool {
        let count = self.len();
        let columns = [
            self.starts.len(),
            self.actions.rows,
            self.rewards.len(),
            self.behaviour_entropies.len(),
            self.origins.len(),
            self.ends.len(),
        ];
        columns.iter().all(|length| *length == count)
            && (self.policy_gradient_steps.is_empty() || self.policy_gradient_steps.len() == count)
            && self.streams.iter().all(|stream| *stream < MOST_STREAMS)
            && self.actions.fits(count, &spec.action)
            && (self.states.values.is_empty()
                || self.states.width.checked_mul(count) == Some(self.states.values.len()))
            && self.observations.fits(count, &spec.observation)
            && self.final_observations.fits(self.ends.iter().flatten().count(), &spec.observation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdp::{ActionSpace, ObservationSpace};

    #[test]
    fn steps_from_a_file_are_whole_or_refused() {
        let spec = EnvironmentSpec {
            name: "x".into(),
            summary: String::new(),
            observation: ObservationSpace::floats(&["x", "y"]),
            action: ActionSpace::discrete(&["a", "b"]),
            ticks_per_step: 1,
            tick_seconds: 0.1,
            episode_limit: 5,
            teams: vec![0],
            rewards: Vec::new(),
        };
        assert_eq!(spec.problem(), None);
        // 1e308 in a file becomes infinite here, and could not be written again.
        let pays = crate::mdp::RewardTerm::new("goal", f32::INFINITY, "never");
        assert!(EnvironmentSpec { rewards: vec![pays], ..spec.clone() }.problem().is_some());
        let mut steps = StepBatch {
            streams: vec![0, 1],
            starts: vec![true; 2],
            actions: vec![1; 2].into(),
            rewards: vec![0.0; 2],
            behaviour_entropies: vec![0.0; 2],
            origins: vec![Origin::Policy; 2],
            ends: vec![None, Some(EpisodeEnd::Terminated)],
            ..StepBatch::default()
        };
        (0..2).for_each(|_| steps.observations.push(&[0.0; 2], &[]));
        steps.final_observations.push(&[0.0; 2], &[]);
        assert!(steps.fits(&spec) && StepBatch::default().fits(&spec));
        let broken = |change: fn(&mut StepBatch)| {
            let mut broken = steps.clone();
            change(&mut broken);
            !broken.fits(&spec)
        };
        assert!(broken(|steps| _ = steps.rewards.pop()));
        assert!(broken(|steps| steps.streams[1] = u32::MAX));
        assert!(broken(|steps| steps.actions.discrete[0] = 2));
        assert!(broken(|steps| _ = steps.observations.vector.pop()));
        assert!(broken(|steps| steps.final_observations.count = usize::MAX));
        assert!(broken(|steps| steps.ends[0] = Some(EpisodeEnd::Truncated)));
        assert!(broken(|steps| steps.policy_gradient_steps = vec![0]));
    }
}
