//! Networks in training and the passes over them, each on its own thread where that pays. What they
//! are trained towards is left to `losses`.

use crate::sac::adam::{Adam, AdamStep, clip_scale, global_norm};
use crate::sac::buffer::Buffer;
use crate::sac::mlp::{Activations, Backward, Mlp};

/// A network in training: parameters, moments, gradient, and the memory of its last pass.
#[derive(Debug, Clone)]
pub(super) struct Trained {
    pub(super) mlp: Mlp,
    pub(super) adam: Adam,
    pub(super) gradient: Buffer,
    pub(super) activations: Activations,
    pub(super) backward: Backward,
}

impl Trained {
    pub(super) fn new(mlp: Mlp) -> Self {
        let len = mlp.parameters.len();
        Self {
            mlp,
            adam: Adam::zeros(len),
            gradient: Buffer::zeros(len),
            activations: Activations::default(),
            backward: Backward::default(),
        }
    }

    /// Gradient from the output gradient already in `backward`, clipped by its own global norm
    /// (`g ← g · min(1, c / (‖g‖ + 1e-6))`), and one Adam step.
    pub(super) fn descend(&mut self, observations: &[f32], step: AdamStep, clip: Option<f32>) {
        let Self { mlp, adam, gradient, activations, backward } = self;
        mlp.backward(observations, activations, backward, gradient);
        let scale = clip.map_or(1.0, |limit| clip_scale(global_norm(gradient), limit));
        adam.step(step, &mut mlp.parameters, gradient, scale);
    }
}

/// One critic with its target network and what a step computes for it, `[B]` each.
#[derive(Debug, Clone)]
pub(super) struct Critic {
    pub(super) online: Trained,
    pub(super) target: Mlp,
    pub(super) target_activations: Activations,
    /// Soft value `v'` of the next observation.
    pub(super) next_values: Vec<f32>,
    /// Regression targets `y`.
    pub(super) targets: Vec<f32>,
    /// `Q(o, a)` before the step.
    pub(super) q_taken: Vec<f32>,
    /// Signed, `Q(o, a) − y`.
    pub(super) td_errors: Vec<f32>,
    pub(super) loss: f32,
}

impl Critic {
    /// The target network starts as a copy.
    pub(super) fn new(mlp: Mlp) -> Self {
        Self {
            target: mlp.clone(),
            online: Trained::new(mlp),
            target_activations: Activations::default(),
            next_values: Vec::new(),
            targets: Vec::new(),
            q_taken: Vec::new(),
            td_errors: Vec::new(),
            loss: 0.0,
        }
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

/// The forward passes before the step: actor at both observations, online critics at `o`, target
/// critics at `o'`.
pub(super) fn forward_all(
    actor: &Mlp,
    [first_pass, second_pass]: [(&[f32], &mut Activations); 2],
    critics: &mut [Critic],
    observations: &[f32],
    next_observations: &[f32],
    parallel: bool,
) {
    let critic_passes = |critic: &mut Critic| {
        critic.target.forward(next_observations, &mut critic.target_activations);
        critic.online.mlp.forward(observations, &mut critic.online.activations);
    };
    let (first, second) = critics.split_at_mut(1);
    let first_half = || {
        actor.forward(first_pass.0, first_pass.1);
        first.iter_mut().for_each(critic_passes);
    };
    let second_half = || {
        actor.forward(second_pass.0, second_pass.1);
        second.iter_mut().for_each(critic_passes);
    };
    both(parallel, first_half, second_half);
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
