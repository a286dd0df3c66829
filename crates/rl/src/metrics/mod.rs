//! Metrics: declarations with key, unit and help, records of values, and sinks.
//!
//! A metric is a constant that [`metrics!`](crate::metrics!) declares in the module that measures it, and one
//! call of [`Metrics::set`]. Files, curves, tooltips and docs use the constant.

mod record;
pub mod run;
mod sink;
mod tensorboard;

pub use record::{Metrics, Value};
pub use sink::Sink;
pub use tensorboard::{Hparam, TensorBoard};

/// A declared metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name in files, e.g. `train/critic_loss`; the part before the `/` is its group.
    pub key: &'static str,
    /// Display name, e.g. `critic loss`.
    pub label: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// Explanation in one phrase, without a final period.
    pub help: &'static str,
}

/// Unit of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Dimensionless, such as a norm.
    Plain,
    /// A running total.
    Count,
    /// Reward, or a sum of rewards.
    Reward,
    /// Reward squared.
    RewardSquared,
    /// Reward per nat of entropy.
    RewardPerNat,
    /// Nats of entropy.
    Nats,
    /// Points of a world's own score.
    Points,
    /// A fraction, 0 to 1.
    Fraction,
    /// A probability for each action.
    PerAction,
    /// Agent steps.
    AgentSteps,
    /// Gradient steps.
    GradientSteps,
    /// Transitions.
    Transitions,
    /// Rate per second of real time.
    PerSecond,
    /// Seconds.
    Seconds,
}

impl Unit {
    /// Display text.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "–",
            Self::Count => "count",
            Self::Reward => "reward",
            Self::RewardSquared => "reward²",
            Self::RewardPerNat => "reward/nat",
            Self::Nats => "nats",
            Self::Points => "points",
            Self::Fraction => "0 to 1",
            Self::PerAction => "0 to 1 each",
            Self::AgentSteps => "agent steps",
            Self::GradientSteps => "gradient steps",
            Self::Transitions => "transitions",
            Self::PerSecond => "1/s",
            Self::Seconds => "s",
        }
    }

    /// Whether a curve over time is useful: totals and clocks only rise, and one value per action is not a
    /// curve.
    pub fn is_curve(self) -> bool {
        !matches!(self, Self::Count | Self::Seconds | Self::PerAction)
    }

    /// Number of decimals to display.
    pub fn decimals(self) -> usize {
        if matches!(self, Self::PerSecond | Self::Count) { 0 } else { 2 }
    }
}

/// Declares metrics, each a public constant, and a list of all of them for the catalogue.
///
/// ```
/// entropy_rl::metrics! {
///     /// What my algorithm measures.
///     METRICS:
///     ADVANTAGE = {
///         key: "train/advantage",
///         label: "advantage",
///         unit: Reward,
///         help: "mean advantage of the batch",
///     }
/// }
/// let mut report = entropy_rl::metrics::Metrics::default();
/// report.set(ADVANTAGE, 0.5_f32);
/// assert_eq!(report.get(ADVANTAGE), Some(0.5));
/// assert_eq!(METRICS, [ADVANTAGE]);
/// ```
#[macro_export]
macro_rules! metrics {
    ($(#[$about:meta])* $list:ident: $($name:ident = {
        key: $key:literal, label: $label:literal, unit: $unit:ident, help: $help:literal $(,)?
    })*) => {
        $(
            #[doc = concat!("`", $key, "`: ", $help, ".")]
            pub const $name: $crate::metrics::Metric = $crate::metrics::Metric {
                key: $key,
                label: $label,
                unit: $crate::metrics::Unit::$unit,
                help: $help,
            };
        )*
        $(#[$about])*
        pub const $list: &[$crate::metrics::Metric] = &[$($name),*];
    };
}
