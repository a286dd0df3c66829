//! The gradient step itself, top to bottom in the order of the specification's section 9.
//!
//! Shapes: `B` transitions that enter the losses, `A` actions, `D` features, `C` critics. Tensors of rank 3 are
//! `[network, sample, value]`, so that both critics go through one matrix product. Batch tensors are
//! outside autodiff: constants wherever they meet a tracked tensor. Nothing is read back unless a
//! report is asked for, and then in one transfer.

use burn::tensor::activation::log_softmax;

use super::actor::{Estimator, Policy, entropy_penalty};
use super::losses::{Units, aggregated, backed_up, clipped, regression, soft_values};
use super::report::{Figures, TdErrors};
use super::rows::{Of, Rows, column};
use super::{AutodiffSac, Bootstrap};
use crate::algo::TrainError;
use crate::algo::sac::TargetUpdate;
use crate::mdp::{Stream, rng};
use crate::metrics::Metrics;
use crate::nn::device::Ensemble;

/// Range of `log_alpha`: temperatures of 1e-6 to 1e3, as `Temperature` documents.
const LOG_ALPHA_RANGE: (f32, f32) = (-13.815_511, 6.907_755_4);

impl AutodiffSac {
    /// One gradient step (Haarnoja et al. 2018a, 2018b; Christodoulou 2019).
    ///
    /// # Errors
    /// As [`crate::algo::sac::SacUpdate::update`].
    pub(super) fn step(&mut self, rows: &Rows, report: bool) -> Result<Option<Metrics>, TrainError> {
        let t = self.gradient_steps + 1;
        let Self { config, actor, critics, bootstrap, device, .. } = self;
        let (size, epsilon, grad_clip) = (rows.len(), config.adam_epsilon, config.grad_clip);
        let memory_factor = config.sequence.memory_learning_rate_factor;
        let rate = |learning_rate| [learning_rate, memory_factor];
        let units = Units(config.sequence.value_rescaling);
        let Rows { taken, returns, discounts, weights, .. } = rows;

        // 1. The temperature of the whole step: alpha ← exp(log_alpha).
        let temperature = self.log_temperature.clone().exp();
        let alpha = temperature.clone().reshape([1, 1, 1]);
        let target_alpha = config.entropy_in_target.then(|| alpha.clone());

        // 2. Targets from the pre-step networks.
        //    y_i = R + discount (1 − terminated) v'_i,   v'_i = Σ_a p'(a) (q'_i(a) − alpha log p'(a)) or Vbar(o')
        //    where critics output h(Q), of h⁻¹(q'), and h of the whole.
        let tracked_actor = actor.networks.tracked();
        let seen = rows.features(&tracked_actor, Of::Actor);
        let target_seen = match &*bootstrap {
            Bootstrap::Critics(target) => rows.features(target.layers(), Of::Critics),
            Bootstrap::Value { target, .. } => rows.features(target.layers(), Of::Critics),
        };
        let next_values = match &*bootstrap {
            Bootstrap::Critics(target) => {
                let next_log_policy = log_softmax(actor.networks.forward(seen.next()), 2);
                let next_q = backed_up(config.backup, units.values(target.forward(target_seen.next())));
                soft_values(next_log_policy, next_q, target_alpha.clone())
            }
            Bootstrap::Value { target, .. } => target.forward(target_seen.next()),
        };
        let targets = units.outputs(returns.clone() + discounts.clone() * next_values); // [C or 1, B, 1]
        let policy = Policy::new(log_softmax(tracked_actor.forward(seen.here()), 2));
        let tracked_critics = critics.networks.tracked();
        let all_q = tracked_critics.forward(rows.features(&tracked_critics, Of::Critics).here()); // [C, B, A]

        // 3. Critics: loss = Σ_i mean_b w_b ell(Q_i(o, a) − y_i), with q_clip of the larger of
        //    ell(Q_i(o, a) − y_i) and ell(qc − y_i); one step each.
        let q = (all_q.clone() * taken.clone()).sum_dim(2); // [C, B, 1]
        let td_errors = q.clone() - targets.clone();
        let mut losses = regression(config.critic_loss, td_errors.clone());
        if let (Some(limit), Bootstrap::Critics(target)) = (config.q_clip, &*bootstrap) {
            let target_q = (target.forward(target_seen.here()) * taken.clone()).sum_dim(2);
            let clipped = clipped(q.clone(), target_q, limit) - targets.clone();
            losses = losses.max_pair(regression(config.critic_loss, clipped));
        }
        let critic_loss = (losses * weights.clone()).sum() / size as f32;
        let gradient = tracked_critics.gradient(&critic_loss);
        let critic_norms = report.then(|| gradient.norms());
        critics.descend(t, gradient.clipped(grad_clip), rate(config.critic_learning_rate), epsilon);

        //    V: loss = mean_b (V(o) − Σ_a p(a) (Qagg(o, a) − alpha log p(a)))², with the critics before their step.
        let mut value_loss = None;
        if let (Bootstrap::Value { online, .. }, Some(network)) = (&mut *bootstrap, config.value_network) {
            let before = aggregated(config.backup, all_q.inner());
            let value_targets = soft_values(policy.inner().log_policy, before, target_alpha);
            let value = online.networks.tracked();
            let error = value.forward(rows.features(&value, Of::Critics).here()) - value_targets;
            let loss = (error.clone() * error).mean();
            online.descend(t, value.gradient(&loss).clipped(grad_clip), rate(network.learning_rate), epsilon);
            value_loss = Some(loss);
        }

        // 4. Actor against the updated critics and the temperature of item 1:
        //    loss = mean_b Σ_a p(a) (alpha log p(a) − Qagg(o, a)), or what `actor` estimates it by,
        //    + (beta / 2) mean_b (H_old − H_b)².
        //    A memory is unrolled again: its parameters have changed.
        let updated_seen = rows.features(critics.networks.layers(), Of::Critics);
        let updated_q = units.values(critics.networks.forward(updated_seen.here()));
        let updated_q = aggregated(config.backup, updated_q);
        let stream = rng(self.seed, Stream::ActorGradient, t);
        let estimator =
            Estimator::draw(config.actor_gradient, &rows.sampled_actions, &policy.inner(), stream, device);
        let mut actor_loss = estimator.loss(alpha, policy.clone(), updated_q);
        if let Some(beta) = config.entropy_penalty {
            let behavior = column(rows.behaviour_entropies.clone(), 1, device);
            actor_loss = actor_loss + entropy_penalty(beta, behavior, policy.entropies.clone());
        }
        let actor_loss = rows.mean(actor_loss);
        let gradient = tracked_actor.gradient(&actor_loss);
        let actor_norms = report.then(|| gradient.norms());
        actor.descend(t, gradient.clipped(grad_clip), rate(config.actor_learning_rate), epsilon);

        // 5. Temperature with the entropies of the pass above: loss = alpha (mean_b H_b − target_entropy), which
        //    is its own gradient with respect to log_alpha.
        let Policy { log_policy, entropies } = policy.inner();
        let (mut temperature_loss, mut target_entropy) = (None, 0.0);
        if let Some(fraction) = config.temperature.target_entropy_fraction(t) {
            target_entropy = fraction * (self.actions as f32).ln();
            let loss = rows.mean(temperature.clone() * (entropies.clone().mean() - target_entropy));
            let change =
                self.temperature_optimizer.step(t, loss.clone(), config.temperature_learning_rate, epsilon);
            let (low, high) = LOG_ALPHA_RANGE;
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
