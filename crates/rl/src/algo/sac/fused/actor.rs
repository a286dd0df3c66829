//! The actor's losses of one state and their gradients with respect to its logits: the equations of
//! the specification's section 7, one function for each estimator. Which one is used, and when, is
//! left to the step.
//!
//! Estimators fill `gradient`, `[A]`, zero before; the penalty adds to it. All return their loss; the
//! mean over the batch is left to the caller. Entropies are exact: `dH / dl_j = −p_j · (ln p_j + H)`.

use rand::RngExt as _;

use super::losses::Aggregate;
use crate::algo::sac::{ActorGradient, SacConfig};
use crate::mdp::Rng;
use crate::nn::categorical::{gumbel, sample, softmax};

/// One state as the actor's losses see it.
pub(super) struct State<'a> {
    /// `[A]`.
    pub(super) policy: &'a [f32],
    /// `[A]`.
    pub(super) log_policy: &'a [f32],
    /// In nats.
    pub(super) entropy: f32,
    /// `Qagg(o, ·)` after the critics' step.
    pub(super) q: Aggregate<'a>,
}

impl State<'_> {
    /// Adds `factor · dH / dl`.
    fn add_entropy_gradient(&self, factor: f32, gradient: &mut [f32]) {
        for ((gradient, policy), log_policy) in gradient.iter_mut().zip(self.policy).zip(self.log_policy) {
            *gradient -= factor * policy * (log_policy + self.entropy);
        }
    }
}

/// Random choices of one gradient step.
#[derive(Debug, Clone, Default)]
pub(super) struct Draws {
    /// `[B, K]`: actions of the score-function estimator.
    pub(super) actions: Vec<u16>,
    /// `[B, K, A]`: standard Gumbel noise.
    pub(super) gumbel: Vec<f32>,
}

/// What some estimators compute for one state, `[A]` each.
#[derive(Debug, Clone, Default)]
pub(super) struct Relaxed {
    /// Logarithm of a relaxed sample.
    log: Vec<f32>,
    /// A relaxed sample, or the policy aimed for.
    policy: Vec<f32>,
}

impl Draws {
    /// Draws what the estimator needs for `policy`, `[B, A]`; actions that are `given` are taken.
    pub(super) fn draw(
        &mut self,
        config: &SacConfig,
        given: &[u16],
        policy: &[f32],
        actions: usize,
        mut rng: Rng,
    ) {
        self.actions.clear();
        self.gumbel.clear();
        match config.actor_gradient {
            ActorGradient::Expected | ActorGradient::ForwardKl => {}
            ActorGradient::Reinforce { .. } if !given.is_empty() => self.actions.extend_from_slice(given),
            ActorGradient::Reinforce { samples } => {
                for policy in policy.chunks_exact(actions) {
                    let drawn = (0..samples).map(|_| sample(policy, rng.random()) as u16);
                    self.actions.extend(drawn);
                }
            }
            ActorGradient::Gumbel { samples, .. } => {
                self.gumbel.extend((0..policy.len() * samples).map(|_| gumbel(&mut rng)));
            }
        }
    }

    /// Loss of state number `b`, whose gradient is zero so far, with the estimator that `config` names.
    #[inline]
    pub(super) fn loss(
        &self,
        config: &SacConfig,
        temperature: f32,
        b: usize,
        state: &State<'_>,
        relaxed: &mut Relaxed,
        gradient: &mut [f32],
    ) -> f32 {
        match config.actor_gradient {
            ActorGradient::Expected => expected(temperature, state, gradient),
            ActorGradient::ForwardKl => {
                relaxed.policy.resize(state.policy.len(), 0.0);
                forward_kl(temperature, state, &mut relaxed.policy, gradient)
            }
            ActorGradient::Reinforce { samples } => {
                reinforce(temperature, state, &self.actions[b * samples..][..samples], gradient)
            }
            ActorGradient::Gumbel { samples, relaxation } => {
                let actions = state.policy.len();
                let mut loss = -temperature * state.entropy;
                state.add_entropy_gradient(-temperature, gradient);
                for noise in self.gumbel[b * samples * actions..][..samples * actions].chunks_exact(actions) {
                    relaxed.log.clear();
                    relaxed.log.extend(
                        state
                            .log_policy
                            .iter()
                            .zip(noise)
                            .map(|(log_policy, g)| (log_policy + g) / relaxation),
                    );
                    relaxed.policy.resize(actions, 0.0);
                    softmax(&mut relaxed.log, &mut relaxed.policy);
                    let weight = 1.0 / samples as f32;
                    loss += weight * straight_through(state, &relaxed.policy, weight / relaxation, gradient);
                }
                loss
            }
        }
    }
}

/// `Σ_a p(a) · f(a)` with `f = temperature · ln p − sg[Qagg]`; `d loss / d l_j = p_j · (f_j − Σ_a p(a) f(a))`
/// (Christodoulou 2019, equation 12).
#[inline]
fn expected(temperature: f32, state: &State<'_>, gradient: &mut [f32]) -> f32 {
    let mut expectation = 0.0;
    for (a, (f, (policy, log_policy))) in
        gradient.iter_mut().zip(state.policy.iter().zip(state.log_policy)).enumerate()
    {
        *f = temperature * log_policy - state.q.q(a);
        expectation += policy * *f;
    }
    for (gradient, policy) in gradient.iter_mut().zip(state.policy) {
        *gradient = policy * (*gradient - expectation);
    }
    expectation
}

/// `temperature · Σ_a t(a) · (ln t(a) − ln p(a))` for `t = softmax(Qagg / temperature)`;
/// `d loss / d l_j = temperature · (p_j − t_j)` (Chan et al. 2022, section 3).
fn forward_kl(temperature: f32, state: &State<'_>, target: &mut [f32], gradient: &mut [f32]) -> f32 {
    for (a, log_target) in gradient.iter_mut().enumerate() {
        *log_target = state.q.q(a) / temperature;
    }
    softmax(gradient, target);
    let mut loss = 0.0;
    let policies = state.policy.iter().zip(state.log_policy);
    for ((gradient, target), (policy, log_policy)) in gradient.iter_mut().zip(target).zip(policies) {
        loss += *target * (*gradient - log_policy);
        *gradient = temperature * (policy - *target);
    }
    temperature * loss
}

/// `−mean_k ln p(a_k) · sg[Qagg(a_k)] − temperature · H` (Williams 1992, without a baseline);
/// `d ln p(a_k) / d l_j = [j = a_k] − p_j`.
fn reinforce(temperature: f32, state: &State<'_>, sampled: &[u16], gradient: &mut [f32]) -> f32 {
    let weight = 1.0 / sampled.len() as f32;
    let (mut loss, mut pull) = (-temperature * state.entropy, 0.0);
    for action in sampled.iter().copied().map(usize::from) {
        let q = weight * state.q.q(action);
        loss -= state.log_policy[action] * q;
        gradient[action] -= q;
        pull += q;
    }
    for (gradient, policy) in gradient.iter_mut().zip(state.policy) {
        *gradient += pull * policy;
    }
    state.add_entropy_gradient(-temperature, gradient);
    loss
}

/// `−Qagg(a*)` for `a* = argmax_a y_a`, which is distributed as the policy, and in its place the
/// gradient of `−Σ_a y_a · Qagg(a)`, `y = softmax((ln p + g) / relaxation)`:
/// `−slope · y_j · (Qagg(j) − Σ_a y_a Qagg(a))` with `slope = 1 / relaxation`, here over `K` as well
/// (Jang et al. 2017).
fn straight_through(state: &State<'_>, relaxed: &[f32], slope: f32, gradient: &mut [f32]) -> f32 {
    let (mut best, mut expectation) = (0, 0.0);
    for (a, y) in relaxed.iter().enumerate() {
        expectation += y * state.q.q(a);
        if *y > relaxed[best] {
            best = a;
        }
    }
    for (a, y) in relaxed.iter().enumerate() {
        gradient[a] -= slope * y * (state.q.q(a) - expectation);
    }
    -state.q.q(best)
}

/// `−weight · ln p(a)` of a demonstrated action; `d ln p(a) / d l_j = [j = a] − p_j`.
pub(super) fn behavior_cloning(weight: f32, action: usize, state: &State<'_>, gradient: &mut [f32]) -> f32 {
    for (gradient, policy) in gradient.iter_mut().zip(state.policy) {
        *gradient += weight * policy;
    }
    gradient[action] -= weight;
    -weight * state.log_policy[action]
}

/// `(beta / 2) · (H_old − H)²` (Zhou et al. 2022); its gradient is `beta · (H − H_old) · dH / dl`.
pub(super) fn entropy_penalty(
    beta: f32,
    behaviour_entropy: f32,
    state: &State<'_>,
    gradient: &mut [f32],
) -> f32 {
    let difference = state.entropy - behaviour_entropy;
    state.add_entropy_gradient(beta * difference, gradient);
    0.5 * beta * difference * difference
}
