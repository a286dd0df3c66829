//! Metrics of a gradient step that algorithms share, and the check that values are finite. Each implementation
//! computes them itself; metrics of one algorithm alone are declared in its folder.

use super::TrainError;
use crate::metrics::Metrics;

crate::metrics! {
    /// Metrics of a gradient step. Means are over the batch; those of the critics are means over critics
    /// unless stated otherwise.
    METRICS:
    CRITIC_LOSS = {
        key: "train/critic_loss", label: "critic loss", unit: RewardSquared,
        help: "sum of the critics' mean squared errors against their soft targets; it need not fall",
    }
    VALUE_LOSS = {
        key: "train/value_loss", label: "value loss", unit: RewardSquared,
        help: "mean squared error of the value network, where there is one",
    }
    ACTOR_LOSS = {
        key: "train/actor_loss", label: "actor loss", unit: Reward,
        help: "mean of Σ π (α ln π − Q), or its estimate, plus the entropy penalty",
    }
    TEMPERATURE_LOSS = {
        key: "train/temperature_loss", label: "temperature loss", unit: Reward,
        help: "loss of α; 0 when the temperature is fixed",
    }
    TEMPERATURE = {
        key: "train/temperature", label: "temperature", unit: RewardPerNat,
        help: "α, the weight of entropy against reward; learned so that entropy meets its target",
    }
    ENTROPY = {
        key: "train/entropy", label: "entropy", unit: Nats,
        help: "how undecided the policy is: 0 is certain, ln(actions) is a coin toss",
    }
    TARGET_ENTROPY = {
        key: "train/target_entropy", label: "target entropy", unit: Nats,
        help: "what α aims for; 0 when the temperature is fixed",
    }
    ACTION_PROBABILITIES = {
        key: "train/action_probabilities", label: "action probabilities", unit: PerAction,
        help: "the policy's mean probability of every action, as an array",
    }
    Q = {
        key: "train/q", label: "mean action value", unit: Reward,
        help: "mean Q(o, a)",
    }
    Q_STD = {
        key: "train/q_std", label: "spread of action values", unit: Reward,
        help: "standard deviation of Q(o, a) over the batch",
    }
    TWIN_DISAGREEMENT = {
        key: "train/twin_disagreement", label: "twin disagreement", unit: Reward,
        help: "mean |Q₁(o, a) − Q₂(o, a)|, how unsure the critics still are; 0 with one critic",
    }
    TARGET = {
        key: "train/target", label: "mean critic target", unit: Reward,
        help: "mean target of the critics",
    }
    TD_ERROR = {
        key: "train/td_error", label: "TD error", unit: Reward,
        help: "mean |Q(o, a) − target|",
    }
    ACTOR_GRADIENT_NORM = {
        key: "train/actor_gradient_norm", label: "actor gradient", unit: Plain,
        help: "global norm of the actor's gradient before clipping; it should not keep growing",
    }
    CRITIC_GRADIENT_NORM = {
        key: "train/critic_gradient_norm", label: "critic gradient", unit: Plain,
        help: "global norm of a critic's gradient before clipping; it should not keep growing",
    }
    ACTOR_PARAMETER_NORM = {
        key: "train/actor_parameter_norm", label: "actor parameters", unit: Plain,
        help: "norm of all weights and biases of the actor, after the step",
    }
    CRITIC_PARAMETER_NORM = {
        key: "train/critic_parameter_norm", label: "critic parameters", unit: Plain,
        help: "norm of all weights and biases of a critic, after the step",
    }
}

/// Returns the `report` of step number `gradient_steps` if all its values are finite.
///
/// # Errors
/// [`TrainError::NotFinite`] names the first that is not.
pub(crate) fn finite(report: Metrics, gradient_steps: u64) -> Result<Metrics, TrainError> {
    let Some(key) = report.not_finite() else { return Ok(report) };
    let metric = METRICS.iter().find(|metric| metric.key == key);
    let what = metric.map_or("a measured value", |metric| metric.label);
    Err(TrainError::NotFinite { what, gradient_steps })
}
