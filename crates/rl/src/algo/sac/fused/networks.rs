//! Critics and value network in training and the passes over them, each on its own thread where that pays. What they
//! are trained towards is left to `losses`.

use std::ops::Range;

use crate::algo::sac::TargetUpdate;
use crate::mdp::TransitionBatch;
use crate::nn::adam::follow;
use crate::nn::{Activations, Network, Trained};

/// One critic with its target network and what a step computes for it, `[B]` each.
#[derive(Debug, Clone)]
pub(super) struct Critic {
    pub(super) online: Trained,
    /// Absent where a value network is bootstrapped from.
    pub(super) target: Option<Network>,
    pub(super) target_activations: Activations,
    /// The target network at the observation itself, for `q_clip` alone.
    pub(super) anchor_activations: Activations,
    /// Soft value `v'` of the next observation.
    pub(super) next_values: Vec<f32>,
    /// Regression targets `y`.
    pub(super) targets: Vec<f32>,
    /// `Q(o, a)` before the step.
    pub(super) q_taken: Vec<f32>,
    /// The same, clipped around the target network's; empty without `q_clip`.
    pub(super) q_clipped: Vec<f32>,
    /// Signed, `Q(o, a) − y`.
    pub(super) td_errors: Vec<f32>,
    pub(super) loss: f32,
    /// `[B, A]`: `dQ/da` at the policy's continuous action.
    pub(super) slopes: Vec<f32>,
}

impl Critic {
    /// The target network, if there is one, starts as a copy.
    pub(super) fn new(network: Network, with_target: bool) -> Self {
        Self {
            target: with_target.then(|| network.clone()),
            online: Trained::new(network),
            target_activations: Activations::default(),
            anchor_activations: Activations::default(),
            next_values: Vec::new(),
            targets: Vec::new(),
            q_taken: Vec::new(),
            q_clipped: Vec::new(),
            td_errors: Vec::new(),
            loss: 0.0,
            slopes: Vec::new(),
        }
    }

    /// `y = c · R + discount · (1 − terminated) · v'` with the reward scale `c`.
    pub(super) fn bootstrap(&mut self, batch: &TransitionBatch, reward_scale: f32) {
        self.targets.clear();
        self.targets.extend(self.next_values.iter().enumerate().map(|(b, value)| {
            reward_scale * batch.n_step_returns[b] + batch.discounts[b] * (1.0 - batch.terminated[b]) * value
        }));
    }

    /// Computes the critic for `rows`, `[rows, inputs]`.
    pub(super) fn read(&mut self, rows: &[f32]) {
        self.online.network.forward(rows, &mut self.online.activations);
    }

    /// Computes the slopes of its value in those `entries` of the `size` rows that it has read.
    pub(super) fn slope(&mut self, size: usize, entries: Range<usize>) {
        let Trained { network, activations, backward, .. } = &mut self.online;
        network.output_gradient(size, backward).for_each(|gradient| gradient[0] = 1.0);
        network.input_gradient(activations, backward, entries, &mut self.slopes);
    }

    /// Computes the target network at `observations`, which `q_clip` keeps the critic near.
    pub(super) fn anchor(&mut self, observations: &[f32]) {
        if let Some(target) = &self.target {
            target.forward(observations, &mut self.anchor_activations);
        }
    }
}

/// The value network of SAC v1 with its target network and what a step computes for it, `[B]` each.
#[derive(Debug, Clone)]
pub(super) struct Value {
    pub(super) online: Trained,
    pub(super) target: Network,
    pub(super) target_activations: Activations,
    /// `V(o)` before the step.
    pub(super) estimates: Vec<f32>,
    /// What it is regressed on.
    pub(super) targets: Vec<f32>,
    pub(super) loss: f32,
}

impl Value {
    /// The target network starts as a copy.
    pub(super) fn new(network: Network) -> Self {
        Self {
            target: network.clone(),
            online: Trained::new(network),
            target_activations: Activations::default(),
            estimates: Vec::new(),
            targets: Vec::new(),
            loss: 0.0,
        }
    }
}

/// Moves the parameters of a target network after gradient step number `t`.
pub(super) fn track(update: TargetUpdate, t: u64, target: &mut [f32], online: &[f32]) {
    match update {
        TargetUpdate::Soft { tau } => follow(target, online, tau),
        TargetUpdate::Hard { interval } if t.is_multiple_of(interval) => target.copy_from_slice(online),
        TargetUpdate::Hard { .. } => {}
    }
}

/// Moves all target networks towards the online ones after gradient step number `t`.
pub(super) fn follow_online(
    update: TargetUpdate,
    t: u64,
    parallel: bool,
    critics: &mut [Critic],
    value: Option<&mut Value>,
) {
    let track = |target: &mut Network, online: &Network| {
        track(update, t, &mut target.parameters, &online.parameters);
    };
    each(critics, parallel, |critic| {
        if let Some(target) = &mut critic.target {
            track(target, &critic.online.network);
        }
    });
    if let Some(value) = value {
        track(&mut value.target, &value.online.network);
    }
}

/// Runs `work` on every critic, on two threads if `parallel`. They share nothing, so the result
/// is the same either way.
pub(super) fn each(critics: &mut [Critic], parallel: bool, work: impl Fn(&mut Critic) + Sync) {
    match critics {
        [first, second] => both(parallel, || work(first), || work(second)),
        _ => critics.iter_mut().for_each(work),
    }
}

/// The gradients of all critics.
pub(super) fn gradients(critics: &mut [Critic]) -> Vec<&mut [f32]> {
    critics.iter_mut().map(|critic| &mut critic.online.gradient[..]).collect()
}

/// What a step passes forward at first, and through which networks.
pub(super) struct ForwardPasses<'a> {
    pub(super) actor: &'a mut Trained,
    pub(super) next_activations: &'a mut Activations,
    pub(super) critics: &'a mut [Critic],
    pub(super) value: Option<&'a mut Value>,
    pub(super) observations: &'a [f32],
    pub(super) next_observations: &'a [f32],
}

impl ForwardPasses<'_> {
    /// The forward passes before the step: actor and online critics at `o`, actor and target critics
    /// at `o'`; a value network at both, which then stands for the actor and the critics at `o'`.
    pub(super) fn run(self, parallel: bool) {
        let Self { actor, next_activations, critics, value, observations, next_observations } = self;
        let critic_passes = |critic: &mut Critic| {
            if let Some(target) = &critic.target {
                target.forward(next_observations, &mut critic.target_activations);
            }
            critic.online.network.forward(observations, &mut critic.online.activations);
        };
        let (first, second) = critics.split_at_mut(1);
        let Trained { network: actor, activations, .. } = actor;
        let first_half = || {
            match value {
                None => actor.forward(next_observations, next_activations),
                Some(value) => {
                    value.target.forward(next_observations, &mut value.target_activations);
                    value.online.network.forward(observations, &mut value.online.activations);
                }
            }
            first.iter_mut().for_each(critic_passes);
        };
        let second_half = || {
            actor.forward(observations, activations);
            second.iter_mut().for_each(critic_passes);
        };
        both(parallel, first_half, second_half);
    }
}

/// Runs both, at the same time if `parallel`.
pub(super) fn both(parallel: bool, first: impl FnOnce() + Send, second: impl FnOnce() + Send) {
    if parallel {
        rayon::join(first, second);
    } else {
        first();
        second();
    }
}
