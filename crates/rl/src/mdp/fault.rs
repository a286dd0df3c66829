//! Faults: values that cannot be learned from, and their position in a step.

/// Position of a value in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A float of the observation, by index.
    Observation(usize),
    /// A float of an episode's final observation, by index.
    FinalObservation(usize),
    /// The reward.
    Reward,
    /// The behavior policy's entropy.
    Entropy,
    /// A dimension of a continuous action.
    Action(usize),
    /// A float of the policy's state, by index.
    State(usize),
}

/// A value that is not finite or larger than [`Fault::LARGEST`]: its step cannot be learned from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fault {
    /// Its position.
    pub place: Place,
    /// NaN, an infinity, or a number that is too large.
    pub value: f32,
}

impl Fault {
    /// Largest absolute value of a reward, and of a float of an observation.
    ///
    /// The learner computes in 32-bit floats, up to 3.4e38. With rewards up to `R`, observations up to `O`
    /// and a discount of 0.999, values reach `1e3 R`, and so do their errors; a gradient reaches `1e3 R O`,
    /// and its squared norm over a million parameters `1e12 R² O²`, 1e36 where both are a million.
    pub const LARGEST: f32 = 1e6;

    /// Whether a reward or a float of an observation can be learned from.
    pub fn is_none_in(value: f32) -> bool {
        // Also false for NaN.
        value.abs() <= Self::LARGEST
    }

    /// The fault of the first of an observation's `values` that cannot be learned from.
    pub fn in_observation(values: &[f32]) -> Option<Self> {
        Self::first(values, Place::Observation)
    }

    /// The fault of a reward that cannot be learned from.
    pub fn in_reward(reward: f32) -> Option<Self> {
        Self::first(&[reward], |_| Place::Reward)
    }

    pub(super) fn first(values: &[f32], place: impl Fn(usize) -> Place) -> Option<Self> {
        let entry = values.iter().position(|value| !Self::is_none_in(*value))?;
        Some(Self { place: place(entry), value: values[entry] })
    }

    /// Describes the fault; `entries` are the names of an observation's floats.
    pub fn describe(&self, entries: &[String]) -> String {
        let name = |entry: usize| entries.get(entry).map_or("?", String::as_str);
        let what = match self.place {
            Place::Observation(entry) => format!("observation `{}`", name(entry)),
            Place::FinalObservation(entry) => format!("final observation `{}`", name(entry)),
            Place::Reward => "reward".to_owned(),
            Place::Entropy => "entropy of the policy".to_owned(),
            Place::Action(dimension) => format!("dimension {dimension} of the action"),
            Place::State(entry) => format!("float {entry} of the policy's state"),
        };
        if self.value.is_finite() {
            return format!("{what} is {:e}, beyond ±{:e}", self.value, Self::LARGEST);
        }
        format!("{what} is {}", self.value)
    }
}
