//! Observations, steps and batches of transitions, in the layout they travel and are stored in.

use serde::{Deserialize, Serialize};

use super::{EnvironmentSpec, EpisodeEnd, ObservationSpace};

/// What a player slot chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Action {
    /// Index into the discrete action names.
    Discrete(u16),
}

impl Action {
    /// Index of a discrete action.
    pub fn index(self) -> usize {
        let Self::Discrete(index) = self;
        usize::from(index)
    }
}

/// Who chose an action that went into replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Origin {
    /// The learning policy.
    #[default]
    Policy,
    /// A person at the keyboard.
    Human,
}

/// Several observations of one space: `vector` is `[count, vector_len]`, `grid` is `[count, grid_len]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ObservationBatch {
    /// Number of observations.
    pub count: usize,
    /// Row-major floats.
    pub vector: Vec<f32>,
    /// Row-major bytes.
    pub grid: Vec<u8>,
}

impl ObservationBatch {
    /// `count` all-zero observations of `space`.
    pub fn zeros(space: &ObservationSpace, count: usize) -> Self {
        Self { count, vector: vec![0.0; count * space.vector_len()], grid: vec![0; count * space.grid_len()] }
    }

    /// Appends all observations of `other`.
    pub fn append(&mut self, other: &Self) {
        self.count += other.count;
        self.vector.extend_from_slice(&other.vector);
        self.grid.extend_from_slice(&other.grid);
    }

    /// Removes all observations and keeps the memory.
    pub fn clear(&mut self) {
        self.count = 0;
        self.vector.clear();
        self.grid.clear();
    }

    /// Appends one observation, given as its vector and its grid.
    pub fn push(&mut self, vector: &[f32], grid: &[u8]) {
        self.count += 1;
        self.vector.extend_from_slice(vector);
        self.grid.extend_from_slice(grid);
    }

    /// Floats and bytes of one observation.
    fn widths(&self) -> (usize, usize) {
        let count = self.count.max(1);
        (self.vector.len() / count, self.grid.len() / count)
    }

    /// The vector and the grid of observation `index`.
    pub fn row(&self, index: usize) -> (&[f32], &[u8]) {
        let (v, g) = self.widths();
        (&self.vector[index * v..(index + 1) * v], &self.grid[index * g..(index + 1) * g])
    }

    /// The same row, to write to.
    pub fn row_mut(&mut self, index: usize) -> (&mut [f32], &mut [u8]) {
        let (v, g) = self.widths();
        (&mut self.vector[index * v..(index + 1) * v], &mut self.grid[index * g..(index + 1) * g])
    }

    /// Appends what a network reads of every observation to `features`, `[count, features]`:
    /// the vector, then each byte of the grid divided by 255.
    pub fn features(&self, features: &mut Vec<f32>) {
        for index in 0..self.count {
            let (vector, grid) = self.row(index);
            push_features(vector, grid, features);
        }
    }
}

/// Appends one observation's network inputs: the vector, then each byte of the grid over 255.
pub fn push_features(vector: &[f32], grid: &[u8], features: &mut Vec<f32>) {
    features.extend_from_slice(vector);
    features.extend(grid.iter().map(|&byte| f32::from(byte) * (1.0 / 255.0)));
}

/// Agent steps of many streams as they travel to the learner, column by column.
///
/// A stream is one player slot of one arena; its steps arrive in order. The observation that
/// follows a step is the stream's next one; at the end of an episode it is the matching row of
/// `final_observations`, taken before the reset. This is the one thing that crosses from actors to
/// learner, so either side may move to another process.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StepBatch {
    /// Stream of every step.
    pub streams: Vec<u32>,
    /// Whether the step does not follow the stream's last recorded one: an episode began, or steps in
    /// between were played by a controller that is not recorded.
    pub starts: Vec<bool>,
    /// Observation every action was chosen on.
    pub observations: ObservationBatch,
    /// What was chosen.
    pub actions: Vec<Action>,
    /// Reward of the step.
    pub rewards: Vec<f32>,
    /// Entropy of the behavior policy at the observation, in nats.
    pub behaviour_entropies: Vec<f32>,
    /// Gradient steps behind the learning policy when it looked at the observation; may be left empty.
    #[serde(default)]
    pub policy_gradient_steps: Vec<u64>,
    /// Who chose.
    pub origins: Vec<Origin>,
    /// How the episode ended with this step; `None` while it goes on.
    pub ends: Vec<Option<EpisodeEnd>>,
    /// One row for every `Some` in `ends`, in the same order.
    pub final_observations: ObservationBatch,
    /// Steps that were made and are left out here because of a value that nothing can be learned from, see [`Fault`].
    #[serde(default)]
    pub refused: u64,
}

/// Where in a step a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Float number so many of the observation.
    Observation(usize),
    /// The same of an episode's final observation.
    FinalObservation(usize),
    /// The reward.
    Reward,
    /// The behavior policy's entropy.
    Entropy,
}

/// A value that is not finite or larger than [`Fault::LARGEST`]: nothing can be learned from the step it stands in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fault {
    /// Where it stands.
    pub place: Place,
    /// NaN, an infinity, or a number that is too large.
    pub value: f32,
}

impl Fault {
    /// Largest size of a reward, and of a float of an observation.
    ///
    /// The learner counts in 32-bit floats, which end at 3.4e38. With rewards up to `R`, observations up to `O` and a
    /// discount of 0.999, values reach `1e3 R`, and so do their errors; a gradient reaches `1e3 R O`, and its squared
    /// norm over a million parameters `1e12 R² O²`, 1e36 where both are a million.
    pub const LARGEST: f32 = 1e6;

    /// Whether a reward or a float of an observation can be learned from.
    pub fn is_none_in(value: f32) -> bool {
        // A NaN is not within either.
        value.abs() <= Self::LARGEST
    }

    /// The first of an observation's `values` that cannot be learned from.
    pub fn in_observation(values: &[f32]) -> Option<Self> {
        Self::first(values, Place::Observation)
    }

    /// Of a reward that cannot be learned from.
    pub fn in_reward(reward: f32) -> Option<Self> {
        Self::first(&[reward], |_| Place::Reward)
    }

    fn first(values: &[f32], place: impl Fn(usize) -> Place) -> Option<Self> {
        let entry = values.iter().position(|value| !Self::is_none_in(*value))?;
        Some(Self { place: place(entry), value: values[entry] })
    }

    /// What is at fault, in words; `entries` are the names of an observation's floats.
    pub fn describe(&self, entries: &[String]) -> String {
        let name = |entry: usize| entries.get(entry).map_or("?", String::as_str);
        let what = match self.place {
            Place::Observation(entry) => format!("observation `{}`", name(entry)),
            Place::FinalObservation(entry) => format!("final observation `{}`", name(entry)),
            Place::Reward => "reward".to_owned(),
            Place::Entropy => "entropy of the policy".to_owned(),
        };
        if self.value.is_finite() {
            return format!("{what} is {:e}, beyond ±{:e}", self.value, Self::LARGEST);
        }
        format!("{what} is {}", self.value)
    }
}

impl StepBatch {
    /// The first value of step `row` that cannot be learned from, where its final observation, if it has one, is row `end` of
    /// `final_observations`.
    pub fn fault(&self, row: usize, end: usize) -> Option<Fault> {
        let (observation, _) = self.observations.row(row);
        let last = self.ends[row].map(|_| self.final_observations.row(end).0).unwrap_or_default();
        Fault::in_observation(observation)
            .or_else(|| Fault::first(last, Place::FinalObservation))
            .or_else(|| Fault::in_reward(self.rewards[row]))
            .or_else(|| Fault::first(&self.behaviour_entropies[row..=row], |_| Place::Entropy))
    }

    /// Takes out every step with a value that cannot be learned from, and tells their streams and the first fault of each.
    pub fn refuse(&mut self) -> Vec<(u32, Fault)> {
        let columns = [
            &self.observations.vector,
            &self.rewards,
            &self.behaviour_entropies,
            &self.final_observations.vector,
        ];
        if columns.into_iter().flatten().all(|value| Fault::is_none_in(*value)) {
            return Vec::new();
        }
        let whole = std::mem::take(self);
        let (mut faults, mut end) = (Vec::new(), 0);
        self.refused = whole.refused;
        for row in 0..whole.len() {
            match whole.fault(row, end) {
                Some(fault) => faults.push((whole.streams[row], fault)),
                None => self.push_row(&whole, row, end),
            }
            end += usize::from(whole.ends[row].is_some());
        }
        self.refused += faults.len() as u64;
        faults
    }

    /// Appends step `row` of `other`, whose final observation, if it has one, is row `end` there.
    fn push_row(&mut self, other: &Self, row: usize, end: usize) {
        self.streams.push(other.streams[row]);
        self.starts.push(other.starts[row]);
        let (vector, grid) = other.observations.row(row);
        self.observations.push(vector, grid);
        self.actions.push(other.actions[row]);
        self.rewards.push(other.rewards[row]);
        self.behaviour_entropies.push(other.behaviour_entropies[row]);
        self.policy_gradient_steps.extend(other.policy_gradient_steps.get(row));
        self.origins.push(other.origins[row]);
        self.ends.push(other.ends[row]);
        if other.ends[row].is_some() {
            let (vector, grid) = other.final_observations.row(end);
            self.final_observations.push(vector, grid);
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

    /// How many gradient steps the policy behind these steps lacks of `gradient_steps`: mean over the steps
    /// it chose itself, `None` if there are none or nobody noted which policy it was.
    pub fn policy_lag(&self, gradient_steps: u64) -> Option<f32> {
        let steps = self.origins.iter().zip(&self.policy_gradient_steps);
        let (mut count, mut sum) = (0, 0);
        for (_, behind) in steps.filter(|(origin, _)| **origin == Origin::Policy) {
            count += 1;
            sum += gradient_steps.saturating_sub(*behind);
        }
        (count > 0).then(|| (sum as f64 / f64::from(count)) as f32)
    }

    /// Removes all steps and keeps the memory.
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
        self.refused = 0;
    }

    /// Appends all steps of `other` after these.
    pub fn append(&mut self, other: &StepBatch) {
        self.streams.extend_from_slice(&other.streams);
        self.starts.extend_from_slice(&other.starts);
        self.observations.append(&other.observations);
        self.actions.extend_from_slice(&other.actions);
        self.rewards.extend_from_slice(&other.rewards);
        self.behaviour_entropies.extend_from_slice(&other.behaviour_entropies);
        self.policy_gradient_steps.extend_from_slice(&other.policy_gradient_steps);
        self.origins.extend_from_slice(&other.origins);
        self.ends.extend_from_slice(&other.ends);
        self.final_observations.append(&other.final_observations);
        self.refused += other.refused;
    }
}

/// What one gradient step reads. `B` transitions, `D` features; field by field as in the
/// specification's batch table (Haarnoja et al. 2018; Christodoulou 2019 for discrete actions).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TransitionBatch {
    /// Number of transitions `B`.
    pub batch: usize,
    /// Features `D` of an observation.
    pub features: usize,
    /// `[B, D]`: observation `o`.
    pub observations: Vec<f32>,
    /// `[B, D]`: observation `o'` after the last accumulated step.
    pub next_observations: Vec<f32>,
    /// `[B]`: action taken at `o`.
    pub actions: Vec<u16>,
    /// `[B]`: `Σ_{k<m} gamma^k r_{t+k}`.
    pub n_step_returns: Vec<f32>,
    /// `[B]`: `gamma^m` with the `m` really accumulated.
    pub discounts: Vec<f32>,
    /// `[B]`: 1 where `o'` is terminal, else 0. Truncation does not show here: it changes no target.
    pub terminated: Vec<f32>,
    /// `[B]`: importance weights, 1 for uniform replay.
    pub weights: Vec<f32>,
    /// `[B]`: entropy of the behavior policy at `o`, in nats.
    pub behaviour_entropies: Vec<f32>,
    /// `[B]`: where each transition lies in the buffer, for priorities.
    pub indices: Vec<u32>,
    /// `[B, K]`: actions for a score-function actor gradient; empty to have the update draw them
    /// from its current policy, as training does.
    pub sampled_actions: Vec<u16>,
}

impl TransitionBatch {
    /// Empties the batch, keeps its memory, and sets the number of features.
    pub fn clear(&mut self, features: usize) {
        self.batch = 0;
        self.features = features;
        self.observations.clear();
        self.next_observations.clear();
        self.actions.clear();
        self.n_step_returns.clear();
        self.discounts.clear();
        self.terminated.clear();
        self.weights.clear();
        self.behaviour_entropies.clear();
        self.indices.clear();
        self.sampled_actions.clear();
    }
}

/// Streams of a step that comes from a file, at most: more than any simulation has.
const MOST_STREAMS: u32 = 1 << 20;

impl ObservationBatch {
    /// Whether it is `count` observations of `space`.
    fn fits(&self, count: usize, space: &ObservationSpace) -> bool {
        let whole = |length: usize, each: usize| count.checked_mul(each) == Some(length);
        self.count == count
            && whole(self.vector.len(), space.vector_len())
            && whole(self.grid.len(), space.grid_len())
    }
}

impl StepBatch {
    /// Whether its columns are of one length and say what steps of `spec` can. Asked of steps that come from files.
    pub fn fits(&self, spec: &EnvironmentSpec) -> bool {
        let count = self.len();
        let columns = [
            self.starts.len(),
            self.actions.len(),
            self.rewards.len(),
            self.behaviour_entropies.len(),
            self.origins.len(),
            self.ends.len(),
        ];
        columns.iter().all(|length| *length == count)
            && (self.policy_gradient_steps.is_empty() || self.policy_gradient_steps.len() == count)
            && self.streams.iter().all(|stream| *stream < MOST_STREAMS)
            && self.actions.iter().all(|action| action.index() < spec.action.len())
            && self.observations.fits(count, &spec.observation)
            && self.final_observations.fits(self.ends.iter().flatten().count(), &spec.observation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdp::ActionSpace;

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
        // 1e308 in a file is an infinity here, and could not be written again.
        let pays = crate::mdp::RewardTerm::new("goal", f32::INFINITY, "never");
        assert!(EnvironmentSpec { rewards: vec![pays], ..spec.clone() }.problem().is_some());
        let mut steps = StepBatch {
            streams: vec![0, 1],
            starts: vec![true; 2],
            actions: vec![Action::Discrete(1); 2],
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
        assert!(broken(|steps| steps.actions[0] = Action::Discrete(2)));
        assert!(broken(|steps| _ = steps.observations.vector.pop()));
        assert!(broken(|steps| steps.final_observations.count = usize::MAX));
        assert!(broken(|steps| steps.ends[0] = Some(EpisodeEnd::Truncated)));
        assert!(broken(|steps| steps.policy_gradient_steps = vec![0]));
    }
}
