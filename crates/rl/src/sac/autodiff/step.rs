//! The gradient step itself, top to bottom in the order of the specification's section 9.
//!
//! Shapes: `B` batch, `A` actions, `D` features, `C` critics. Tensors of rank 3 are
//! `[network, sample, value]`, so that both critics go through one matrix product. Batch tensors are
//! outside autodiff: constants wherever they meet a tracked tensor. Nothing is read back unless a
//! report is asked for, and then in one transfer.

use burn::tensor::{Device, Tensor, TensorData, activation::log_softmax};

use super::actor::{Estimator, Policy, entropy_penalty};
use super::losses::{aggregated, backed_up, clipped, regression, soft_values};
use super::networks::Ensemble;
use super::report::{Figures, TdErrors};
use super::{AutodiffSac, Bootstrap};
use crate::mdp::{Stream, TransitionBatch, rng};
use crate::sac::fused::LOG_TEMPERATURE_RANGE;
use crate::sac::{SacError, TargetUpdate, TrainMetrics, batch};

impl AutodiffSac {
    /// One gradient step (Haarnoja et al. 2018a, 2018b; Christodoulou 2019).
    ///
    /// # Errors
    /// As [`crate::sac::SacUpdate::update`].
    pub(super) fn step(
        &mut self,
        batch: &TransitionBatch,
        report: bool,
    ) -> Result<Option<TrainMetrics>, SacError> {
        batch::check(batch, &self.config, self.inputs.features(), self.actions)?;
        let t = self.gradient_steps + 1;
        let Self { config, actor, critics, bootstrap, device, .. } = self;
        let (size, epsilon, grad_clip) = (batch.batch, config.adam_epsilon, config.grad_clip);
        let Columns { observations, next_observations, taken, returns, discounts, weights } =
            Columns::upload(batch, self.actions, device);

        // 1. The temperature of the whole step: alpha ← exp(log_alpha).
        let temperature = self.log_temperature.clone().exp();
        let alpha = temperature.clone().reshape([1, 1, 1]);
        let target_alpha = config.entropy_in_target.then(|| alpha.clone());

        // 2. Targets from the pre-step networks.
        //    y_i = R + discount (1 − terminated) v'_i,   v'_i = Σ_a p'(a) (q'_i(a) − alpha log p'(a)) or Vbar(o')
        let next_values = match &*bootstrap {
            Bootstrap::Critics(target) => {
                let next_log_policy = log_softmax(actor.networks.forward(next_observations.clone()), 2);
                let next_q = backed_up(config.backup, target.forward(next_observations));
                soft_values(next_log_policy, next_q, target_alpha.clone())
            }
            Bootstrap::Value { target, .. } => target.forward(next_observations),
        };
        let targets = returns + discounts * next_values; // [C or 1, B, 1]
        let tracked_actor = actor.networks.tracked();
        let policy = Policy::new(log_softmax(tracked_actor.forward(observations.clone()), 2));
        let tracked_critics = critics.networks.tracked();
        let all_q = tracked_critics.forward(observations.clone()); // [C, B, A]

        // 3. Critics: loss = Σ_i mean_b w_b ell(Q_i(o, a) − y_i), with q_clip of the larger of
        //    ell(Q_i(o, a) − y_i) and ell(qc − y_i); one step each.
        let q = (all_q.clone() * taken.clone()).sum_dim(2); // [C, B, 1]
        let td_errors = q.clone() - targets.clone();
        let mut losses = regression(config.critic_loss, td_errors.clone());
        if let (Some(limit), Bootstrap::Critics(target)) = (config.q_clip, &*bootstrap) {
            let target_q = (target.forward(observations.clone()) * taken).sum_dim(2);
            let clipped = clipped(q.clone(), target_q, limit) - targets.clone();
            losses = losses.max_pair(regression(config.critic_loss, clipped));
        }
        let critic_loss = (losses * weights).sum() / size as f32;
        let gradient = tracked_critics.gradient(&critic_loss);
        let critic_norms = report.then(|| gradient.norms());
        critics.descend(t, gradient.clipped(grad_clip), config.critic_learning_rate, epsilon);

        //    V: loss = mean_b (V(o) − Σ_a p(a) (Qagg(o, a) − alpha log p(a)))², with the critics before their step.
        let mut value_loss = None;
        if let (Bootstrap::Value { online, .. }, Some(network)) = (&mut *bootstrap, config.value_network) {
            let before = aggregated(config.backup, all_q.inner());
            let value_targets = soft_values(policy.inner().log_policy, before, target_alpha);
            let value = online.networks.tracked();
            let error = value.forward(observations.clone()) - value_targets;
            let loss = (error.clone() * error).mean();
            online.descend(t, value.gradient(&loss).clipped(grad_clip), network.learning_rate, epsilon);
            value_loss = Some(loss);
        }

        // 4. Actor against the updated critics and the temperature of item 1:
        //    loss = mean_b Σ_a p(a) (alpha log p(a) − Qagg(o, a)), or what `actor` estimates it by,
        //    + (beta / 2) mean_b (H_old − H_b)².
        let updated_q = aggregated(config.backup, critics.networks.forward(observations));
        let stream = rng(self.seed, Stream::ActorGradient, t);
        let estimator = Estimator::draw(config.actor_gradient, batch, &policy.inner(), stream, device);
        let mut actor_loss = estimator.loss(alpha, policy.clone(), updated_q);
        if let Some(beta) = config.entropy_penalty {
            let behavior = column(batch.behaviour_entropies.clone(), 1, device);
            actor_loss = actor_loss + entropy_penalty(beta, behavior, policy.entropies.clone());
        }
        let gradient = tracked_actor.gradient(&actor_loss);
        let actor_norms = report.then(|| gradient.norms());
        actor.descend(t, gradient.clipped(grad_clip), config.actor_learning_rate, epsilon);

        // 5. Temperature with the entropies of the pass above: loss = alpha (mean_b H_b − target_entropy), which
        //    is its own gradient with respect to log_alpha.
        let Policy { log_policy, entropies } = policy.inner();
        let (mut temperature_loss, mut target_entropy) = (None, 0.0);
        if let Some(fraction) = config.temperature.target_entropy_fraction(t) {
            target_entropy = fraction * (self.actions as f32).ln();
            let loss = temperature.clone() * (entropies.clone().mean() - target_entropy);
            let change =
                self.temperature_optimizer.step(t, loss.clone(), config.temperature_learning_rate, epsilon);
            let (low, high) = LOG_TEMPERATURE_RANGE;
            self.log_temperature = (self.log_temperature.clone() + change).clamp(low, high);
            temperature_loss = Some(loss);
        }

        // 6. Target networks from the updated online networks.
        self.gradient_steps = t;
        match bootstrap {
            Bootstrap::Critics(target) => track(config.target_update, t, target, &critics.networks),
            Bootstrap::Value { online, target } => track(config.target_update, t, target, &online.networks),
        }

        let td_errors = td_errors.inner();
        let (Some(critic_norms), Some(actor_norms)) = (critic_norms, actor_norms) else {
            self.td_errors = TdErrors::Device(Box::new(td_errors));
            return Ok(None);
        };
        let (figures, td_errors) = Figures {
            critic_loss,
            value_loss,
            actor_loss,
            temperature_loss,
            temperature,
            target_entropy,
            entropies,
            log_policy,
            q: q.inner(),
            targets,
            td_errors,
            gradient_norms: [actor_norms, critic_norms],
            networks: [&actor.networks, &critics.networks],
        }
        .read(t)?;
        self.td_errors = TdErrors::Host(td_errors);
        Ok(Some(figures))
    }
}

/// `target ← tau online + (1 − tau) target`, or a copy every `interval` gradient steps.
fn track(update: TargetUpdate, t: u64, target: &mut Ensemble, online: &Ensemble) {
    match update {
        TargetUpdate::Soft { tau } => {
            let tau = f64::from(tau);
            target.set_parameters(online.parameters() * tau + target.parameters() * (1.0 - tau));
        }
        TargetUpdate::Hard { interval } if t.is_multiple_of(interval) => {
            target.set_parameters(online.parameters());
        }
        TargetUpdate::Hard { .. } => {}
    }
}

/// A batch on the device, `[1, B, columns]` each.
struct Columns {
    observations: Tensor<3>,
    next_observations: Tensor<3>,
    /// 1 at the action taken: a product with it picks Q(o, a) and its gradient without gather and scatter,
    /// which are slow on GPUs.
    taken: Tensor<3>,
    returns: Tensor<3>,
    /// `discount (1 − terminated)`.
    discounts: Tensor<3>,
    weights: Tensor<3>,
}

impl Columns {
    fn upload(batch: &TransitionBatch, actions: usize, device: &Device) -> Self {
        let mut taken = vec![0.0; batch.batch * actions];
        for (row, &action) in taken.chunks_exact_mut(actions).zip(&batch.actions) {
            row[usize::from(action)] = 1.0;
        }
        let ends = batch.discounts.iter().zip(&batch.terminated);
        Self {
            observations: column(batch.observations.clone(), batch.features, device),
            next_observations: column(batch.next_observations.clone(), batch.features, device),
            taken: column(taken, actions, device),
            returns: column(batch.n_step_returns.clone(), 1, device),
            discounts: column(ends.map(|(discount, end)| discount * (1.0 - end)).collect(), 1, device),
            weights: column(batch.weights.clone(), 1, device),
        }
    }
}

/// `values`, `[1, B, columns]` on the device.
fn column(values: Vec<f32>, columns: usize, device: &Device) -> Tensor<3> {
    let rows = values.len() / columns;
    Tensor::from_data(TensorData::new(values, [1, rows, columns]), device)
}
