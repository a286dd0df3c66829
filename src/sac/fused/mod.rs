//! The gradient step differentiated by hand for the CPU. How tensors enter and leave is in `state`,
//! matrix arithmetic in `kernel`, layers in `mlp`.
//!
//! [`FusedSac::update_traced`] reads in the order of the specification's section 9: targets, critics,
//! actor, temperature, target networks. Equations stand above the block that computes them.

mod state;
#[cfg(test)]
mod tests;
mod trace;

use super::adam::{Adam, AdamStep, clip_scale, follow, global_norm};
use super::kernel::{Buffer, threads_available};
use super::mlp::{Activations, Backward, Mlp};
use super::{Backup, CriticLoss, SacConfig, SacError, TargetUpdate, Temperature, UpdateReport};
use crate::mdp::{Rng, TransitionBatch};
pub use trace::Recorder;
use trace::Trace;

/// Range `log_temperature` is kept in: temperatures of 1e-6 to 1e3, so that neither a policy that
/// cannot reach its target entropy nor one that cannot leave it ends in zero or infinity.
pub const LOG_TEMPERATURE_RANGE: (f32, f32) = (-13.815_511, 6.907_755_4);

/// Multiply-adds of all forward passes of a step (per critic) below which a second thread costs
/// more than it gains.
const PARALLEL_WORK: usize = 1 << 21;

/// A network in training: parameters, moments, gradient, and the memory of its last pass.
#[derive(Debug, Clone)]
struct Trained {
    mlp: Mlp,
    adam: Adam,
    gradient: Buffer,
    activations: Activations,
    backward: Backward,
}

impl Trained {
    fn new(mlp: Mlp) -> Self {
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
    fn descend(&mut self, observations: &[f32], step: AdamStep, clip: Option<f32>) {
        let Self { mlp, adam, gradient, activations, backward } = self;
        mlp.backward(observations, activations, backward, gradient);
        let scale = clip.map_or(1.0, |limit| clip_scale(global_norm(gradient), limit));
        adam.step(step, &mut mlp.parameters, gradient, scale);
    }
}

/// One critic with its target network and what a step computes for it, `[B]` each.
#[derive(Debug, Clone)]
struct Critic {
    online: Trained,
    target: Mlp,
    target_activations: Activations,
    /// Soft value `v'` of the next observation.
    next_values: Vec<f32>,
    /// Regression targets `y`.
    targets: Vec<f32>,
    /// `Q(o, a)` before the step.
    q_taken: Vec<f32>,
    /// Signed, `Q(o, a) − y`.
    td_errors: Vec<f32>,
    loss: f32,
}

/// Softmax policy of a batch: `[B, A]` each, entropies `[B]` in nats.
#[derive(Debug, Clone, Default)]
struct Softmax {
    log_policy: Vec<f32>,
    policy: Vec<f32>,
    entropies: Vec<f32>,
}

impl Softmax {
    fn compute(&mut self, logits: &Activations, actions: usize) {
        self.log_policy.clear();
        self.policy.clear();
        self.entropies.clear();
        for row in logits.rows() {
            let start = self.policy.len();
            self.log_policy.extend_from_slice(&row[..actions]);
            self.policy.resize(start + actions, 0.0);
            self.entropies.push(softmax(&mut self.log_policy[start..], &mut self.policy[start..]));
        }
    }
}

/// Turns `logits` into `ln p`, fills `policy` with `p = softmax(l)`, and returns `H = −Σ p ln p` in nats.
pub(super) fn softmax(logits: &mut [f32], policy: &mut [f32]) -> f32 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for (logit, probability) in logits.iter_mut().zip(policy.iter_mut()) {
        *logit -= largest;
        *probability = logit.exp();
        sum += *probability;
    }
    let (log_sum, scale) = (sum.ln(), 1.0 / sum);
    let mut entropy = 0.0;
    for (logit, probability) in logits.iter_mut().zip(policy.iter_mut()) {
        *logit -= log_sum;
        *probability *= scale;
        entropy -= *probability * *logit;
    }
    entropy
}

/// Discrete Soft Actor-Critic on the CPU.
#[derive(Debug, Clone)]
pub struct FusedSac {
    config: SacConfig,
    features: usize,
    actions: usize,
    actor: Trained,
    critics: Vec<Critic>,
    log_temperature: f32,
    /// Adam's moments of `log_temperature`.
    temperature_moments: [f32; 2],
    gradient_steps: u64,
    next_activations: Activations,
    next: Softmax,
    current: Softmax,
}

impl FusedSac {
    /// Networks for `features` inputs and `actions` outputs with parameters drawn from `rng`;
    /// target networks start as copies.
    ///
    /// # Errors
    /// [`SacError::Config`] for a value out of range.
    pub fn new(config: SacConfig, features: usize, actions: usize, rng: &mut Rng) -> Result<Self, SacError> {
        config.validate()?;
        for (key, value) in [("features", features), ("actions", actions)] {
            if value == 0 || value > usize::from(u16::MAX) {
                return Err(SacError::Config { key, value: value.to_string(), allowed: "1 to 65535" });
            }
        }
        let actor = Trained::new(Mlp::new(features, &config.hidden, actions, rng));
        let count = if config.backup == Backup::Single { 1 } else { 2 };
        let critics = (0..count)
            .map(|_| {
                let online = Trained::new(Mlp::new(features, &config.hidden, actions, rng));
                Critic {
                    target: online.mlp.clone(),
                    online,
                    target_activations: Activations::default(),
                    next_values: Vec::new(),
                    targets: Vec::new(),
                    q_taken: Vec::new(),
                    td_errors: Vec::new(),
                    loss: 0.0,
                }
            })
            .collect();
        Ok(Self {
            log_temperature: config.initial_temperature.ln(),
            config,
            features,
            actions,
            actor,
            critics,
            temperature_moments: [0.0; 2],
            gradient_steps: 0,
            next_activations: Activations::default(),
            next: Softmax::default(),
            current: Softmax::default(),
        })
    }

    /// One gradient step that shows every intermediate quantity to `recorder`, named and shaped as
    /// in the specification's section 16. The same code as [`super::SacUpdate::update`].
    ///
    /// # Errors
    /// As [`super::SacUpdate::update`].
    pub fn update_traced(
        &mut self,
        batch: &TransitionBatch,
        report: bool,
        recorder: &mut Recorder<'_>,
    ) -> Result<Option<UpdateReport>, SacError> {
        self.step(batch, report, &mut Trace(Some(recorder)))
    }

    fn step(&mut self, batch: &TransitionBatch, report: bool, trace: &mut Trace<'_, '_>) -> Result<Option<UpdateReport>, SacError> {
        self.check(batch)?;
        let (size, actions) = (batch.batch, self.actions);
        let per_sample = 1.0 / size as f32;
        let Self { config, actor, critics, next, current, next_activations, .. } = self;
        let (observations, next_observations) = (&batch.observations[..], &batch.next_observations[..]);
        let parallel = size * actor.mlp.parameters.len() >= PARALLEL_WORK && threads_available();
        let t = self.gradient_steps + 1;

        // 1. temperature = exp(log_temperature), fixed until the end of the step.
        let temperature = self.log_temperature.exp();
        trace.scalar("alpha", temperature);

        // 2. Targets from pre-step networks.
        {
            let Trained { mlp, activations, .. } = &mut *actor;
            let actor_passes = [(next_observations, &mut *next_activations), (observations, activations)];
            forward_all(mlp, actor_passes, critics, observations, next_observations, parallel);
        }
        next.compute(next_activations, actions);
        current.compute(&actor.activations, actions);
        soft_targets(config, temperature, batch, next, critics);
        trace.targets(next, critics, actions);

        // 3. Critic losses, then one optimiser step each.
        //    td = Q(o, a) − y,  loss = mean_b w_b · ell(td),  d loss / d Q(o, a) = w_b · ell'(td) / B
        let critic_step = AdamStep::new(config.critic_learning_rate, config.adam_epsilon, t);
        trace.critics_before(critics, actions);
        each(critics, parallel, |critic| {
            critic_loss(config.critic_loss, batch, critic);
            critic.online.descend(observations, critic_step, config.grad_clip);
            // The actor below learns from the critics after their step.
            critic.online.mlp.forward(observations, &mut critic.online.activations);
        });
        trace.critics_after(critics, actions, config.grad_clip);

        // 4. Actor loss with the updated critics and the temperature of item 1.
        //    loss = mean_b Σ_a p(a) · f(a),  f = temperature · ln p − sg[Qagg]
        //    d loss / d l_j = p_j · (f_j − Σ_a p(a) f(a)) / B     (Christodoulou 2019, equation 12)
        let mut actor_loss = 0.0;
        trace.actor_before(&actor.activations, current, critics, config.backup, actions);
        let policies = current.policy.chunks_exact(actions).zip(current.log_policy.chunks_exact(actions));
        let gradients = actor.mlp.output_gradient(size, &mut actor.backward);
        for ((row, gradient), (policy, log_policy)) in Aggregate::rows(critics, config.backup).zip(gradients).zip(policies) {
            let mut expectation = 0.0;
            for a in 0..actions {
                gradient[a] = temperature * log_policy[a] - row.q(a);
                expectation += policy[a] * gradient[a];
            }
            for (gradient, policy) in gradient.iter_mut().zip(policy) {
                *gradient = policy * (*gradient - expectation) * per_sample;
            }
            actor_loss += expectation * per_sample;
        }
        let actor_step = AdamStep::new(config.actor_learning_rate, config.adam_epsilon, t);
        actor.descend(observations, actor_step, config.grad_clip);
        trace.scalar("loss.actor", actor_loss);
        trace.network("actor", actor, config.grad_clip);

        // 5. Temperature loss with the entropies of the pass above.
        //    loss = mean_b exp(log_temperature) · (sg[H_b] − H_target)      (Haarnoja et al. 2018b, equation 18)
        let entropy = per_sample * current.entropies.iter().sum::<f32>();
        let (mut temperature_loss, mut target_entropy) = (0.0, 0.0);
        if let Temperature::Learned { target_entropy_fraction } = config.temperature {
            target_entropy = target_entropy_fraction * (actions as f32).ln();
            temperature_loss = temperature * (entropy - target_entropy);
            trace.scalar("loss.temperature", temperature_loss);
            // exp is its own derivative: the gradient equals the loss.
            trace.scalar("grad.log_alpha", temperature_loss);
            trace.scalar("grad_norm.log_alpha", temperature_loss.abs());
            let [m, v] = &mut self.temperature_moments;
            AdamStep::new(config.temperature_learning_rate, config.adam_epsilon, t)
                .apply(&mut self.log_temperature, m, v, temperature_loss);
            let (low, high) = LOG_TEMPERATURE_RANGE;
            self.log_temperature = self.log_temperature.clamp(low, high);
        }

        // 6. Target networks from the updated online networks.
        self.gradient_steps = t;
        each(critics, parallel, |critic| {
            let (target, online) = (&mut critic.target.parameters, &critic.online.mlp.parameters);
            match config.target_update {
                TargetUpdate::Soft { tau } => follow(target, online, tau),
                TargetUpdate::Hard { interval } if t.is_multiple_of(interval) => target.copy_from_slice(online),
                TargetUpdate::Hard { .. } => {}
            }
        });

        if !report {
            return Ok(None);
        }
        let mean = |values: fn(&Critic) -> &[f32], of: fn(f32) -> f32| -> f32 {
            let sum = |critic: &Critic| values(critic).iter().map(|&value| of(value)).sum::<f32>();
            self.critics.iter().map(sum).sum::<f32>() * per_sample / self.critics.len() as f32
        };
        self.finite(UpdateReport {
            critic_loss: self.critics.iter().map(|critic| critic.loss).sum(),
            actor_loss,
            temperature_loss,
            temperature,
            entropy,
            target_entropy,
            q_mean: mean(|critic| &critic.q_taken, |value| value),
            target_mean: mean(|critic| &critic.targets, |value| value),
            td_error_abs: mean(|critic| &critic.td_errors, f32::abs),
        })
    }
}

/// Runs `work` on every critic, on two threads if `parallel`. They share nothing, so the result
/// is the same either way.
fn each(critics: &mut [Critic], parallel: bool, work: impl Fn(&mut Critic) + Sync) {
    match critics {
        [first, second] => both(parallel, || work(first), || work(second)),
        _ => critics.iter_mut().for_each(work),
    }
}

/// The forward passes before the step: actor at both observations, online critics at `o`, target
/// critics at `o'`.
fn forward_all(
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
fn both(parallel: bool, first: impl FnOnce() + Send, second: impl FnOnce() + Send) {
    if parallel {
        rayon::join(first, second);
    } else {
        first();
        second();
    }
}

/// `v'_i = Σ_a p'(a) · (q'_i(a) − e · temperature · ln p'(a))`, `y_i = R + discount · (1 − terminated) · v'_i`
/// with `q'_i` as the backup chooses (specification section 4).
fn soft_targets(config: &SacConfig, temperature: f32, batch: &TransitionBatch, next: &Softmax, critics: &mut [Critic]) {
    let actions = next.policy.len() / batch.batch;
    let entropy_weight = if config.entropy_in_target { temperature } else { 0.0 };
    for index in 0..critics.len() {
        let mut values = std::mem::take(&mut critics[index].next_values);
        values.clear();
        let own = critics[index].target_activations.rows();
        let other = critics[critics.len() - 1 - index].target_activations.rows();
        let policies = next.policy.chunks_exact(actions).zip(next.log_policy.chunks_exact(actions));
        values.extend(own.zip(other).zip(policies).map(|((own, other), (policy, log_policy))| {
            let mut value = 0.0;
            for a in 0..actions {
                let q = match config.backup {
                    Backup::Single => own[a],
                    Backup::Double => other[a],
                    Backup::Clipped => own[a].min(other[a]),
                    Backup::Mean => 0.5 * (own[a] + other[a]),
                };
                value += policy[a] * (q - entropy_weight * log_policy[a]);
            }
            value
        }));
        let critic = &mut critics[index];
        critic.next_values = values;
        critic.targets.clear();
        critic.targets.extend(critic.next_values.iter().enumerate().map(|(b, value)| {
            batch.n_step_returns[b] + batch.discounts[b] * (1.0 - batch.terminated[b]) * value
        }));
    }
}

/// Loss, TD errors and output gradient of one critic.
fn critic_loss(kind: CriticLoss, batch: &TransitionBatch, critic: &mut Critic) {
    let per_sample = 1.0 / batch.batch as f32;
    let Trained { mlp, activations, backward, .. } = &mut critic.online;
    critic.q_taken.clear();
    critic.td_errors.clear();
    critic.loss = 0.0;
    for (b, (row, gradient)) in activations.rows().zip(mlp.output_gradient(batch.batch, backward)).enumerate() {
        let action = usize::from(batch.actions[b]);
        let td_error = row[action] - critic.targets[b];
        // ell and its derivative; Huber has delta = 1.
        let (loss, slope) = match kind {
            CriticLoss::Mse => (td_error * td_error, 2.0 * td_error),
            CriticLoss::Huber if td_error.abs() <= 1.0 => (0.5 * td_error * td_error, td_error),
            CriticLoss::Huber => (td_error.abs() - 0.5, td_error.signum()),
        };
        critic.loss += batch.weights[b] * loss * per_sample;
        gradient[action] = batch.weights[b] * slope * per_sample;
        critic.q_taken.push(row[action]);
        critic.td_errors.push(td_error);
    }
}

/// The online critics' outputs of one row and how they are aggregated for the actor.
struct Aggregate<'a> {
    first: &'a [f32],
    last: &'a [f32],
    backup: Backup,
}

impl<'a> Aggregate<'a> {
    fn rows(critics: &'a [Critic], backup: Backup) -> impl Iterator<Item = Self> {
        // A single critic is both the first and the last.
        let rows = |critic: &'a Critic| critic.online.activations.rows();
        let (first, last) = (rows(&critics[0]), rows(&critics[critics.len() - 1]));
        first.zip(last).map(move |(first, last)| Self { first, last, backup })
    }

    /// `Qagg(o, a)` (specification section 4).
    fn q(&self, a: usize) -> f32 {
        match self.backup {
            Backup::Single => self.first[a],
            Backup::Clipped => self.first[a].min(self.last[a]),
            Backup::Double | Backup::Mean => 0.5 * (self.first[a] + self.last[a]),
        }
    }
}
