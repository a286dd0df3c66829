//! The gradient step itself, top to bottom in the order of the specification's section 9.
//!
//! Shapes: `B` transitions that enter the losses, `A` actions, or 1 where critics read them, `D` features, `C` critics.
//! Tensors of rank 3 are `[network, sample, value]`, so that both critics go through one matrix product. Batch tensors
//! are outside autodiff: constants wherever they meet a tracked tensor. Nothing is read back unless a report is asked
//! for, and then in one transfer.

use burn::tensor::Tensor;

use super::actor::{Estimator, behavior_cloning, entropy_penalty};
use super::gaussian::{reparameterized, score_function};
use super::losses::{Units, aggregated, backed_up, clipped, regression};
use super::policy::{Kind, Policy};
use super::report::{Figures, TdErrors};
use super::rows::{Of, Rows, Taken, column, joined};
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
        let Self { config, actor, critics, bootstrap, device, kind, entry, .. } = self;
        let join = |features, action| joined(features, action, *entry);
        let (size, epsilon, grad_clip) = (rows.len(), config.adam_epsilon, config.grad_clip);
        let memory_factor = config.sequence.memory_learning_rate_factor;
        let rate = |learning_rate| [learning_rate, memory_factor];
        let units = Units(config.sequence.value_rescaling);
        let Rows { taken, noise, returns, discounts, weights, .. } = rows;

        // 1. The temperature of the whole step: alpha ← exp(log_alpha).
        let temperature = self.log_temperature.clone().exp();
        let alpha = temperature.clone().reshape([1, 1, 1]);
        let target_alpha = config.entropy_in_target.then(|| alpha.clone());

        // 2. Targets from the pre-step networks.
        //    y_i = R + discount (1 − terminated) v'_i,   v'_i = Σ_a p'(a) (q'_i(a) − alpha log p'(a)) or Vbar(o'),
        //    of continuous actions q'_i(a') − alpha log π(a');
        //    where critics output h(Q), of h⁻¹(q'), and h of the whole.
        let tracked_actor = actor.networks.tracked();
        let seen = rows.features(&tracked_actor, Of::Actor);
        let target_seen = match &*bootstrap {
            Bootstrap::Critics(target) => rows.features(target.layers(), Of::Critics),
            Bootstrap::Value { target, .. } => rows.features(target.layers(), Of::Critics),
        };
        let next_values = match &*bootstrap {
            Bootstrap::Critics(target) => {
                let next = kind.policy(config, actor.networks.forward(seen.next()), noise.next.as_ref());
                next.soft_values(target_alpha.clone(), |action| {
                    let next_q = target.forward(join(target_seen.next(), action));
                    backed_up(config.backup, units.values(next_q))
                })
            }
            Bootstrap::Value { target, .. } => target.forward(target_seen.next()),
        };
        let targets = units.outputs(returns.clone() + discounts.clone() * next_values); // [C or 1, B, 1]
        let policy = kind.policy(config, tracked_actor.forward(seen.here()), noise.here.as_ref());
        let tracked_critics = critics.networks.tracked();
        let read = rows.features(&tracked_critics, Of::Critics).here();
        let (all_q, q) = match taken {
            Taken::Discrete(taken) => {
                let all_q = tracked_critics.forward(read); // [C, B, A]
                (all_q.clone(), (all_q * taken.clone()).sum_dim(2)) // [C, B, 1]
            }
            Taken::Continuous(action) => {
                let q = tracked_critics.forward(join(read, Some(action.clone())));
                (q.clone(), q)
            }
        };
        //    Of V: Σ_a p(a) (Qagg(o, a) − alpha log p(a)), with the critics before their step.
        let value_targets = config.value_network.map(|_| {
            policy.inner().soft_values(target_alpha, |action| {
                let before = action.map_or(all_q.inner(), |action| {
                    let read = rows.features(critics.networks.layers(), Of::Critics).here();
                    critics.networks.forward(join(read, Some(action)))
                });
                aggregated(config.backup, before)
            })
        });

        // 3. Critics: loss = Σ_i mean_b w_b ell(Q_i(o, a) − y_i), with q_clip of the larger of
        //    ell(Q_i(o, a) − y_i) and ell(qc − y_i); one step each.
        let td_errors = q.clone() - targets.clone();
        let mut losses = regression(config.critic_loss, td_errors.clone());
        if let (Some(limit), Bootstrap::Critics(target), Taken::Discrete(taken)) =
            (config.q_clip, &*bootstrap, taken)
        {
            let target_q = (target.forward(target_seen.here()) * taken.clone()).sum_dim(2);
            let clipped = clipped(q.clone(), target_q, limit) - targets.clone();
            losses = losses.max_pair(regression(config.critic_loss, clipped));
        }
        let critic_loss = (losses * weights.clone()).sum() / size as f32;
        let gradient = tracked_critics.gradient(&critic_loss);
        let critic_norms = report.then(|| gradient.norms());
        critics.descend(t, gradient.clipped(grad_clip), rate(config.critic_learning_rate), epsilon);

        //    V: loss = mean_b (V(o) − its target)².
        let mut value_loss = None;
        if let (Bootstrap::Value { online, .. }, Some(network), Some(value_targets)) =
            (&mut *bootstrap, config.value_network, value_targets)
        {
            let value = online.networks.tracked();
            let error = value.forward(rows.features(&value, Of::Critics).here()) - value_targets;
            let loss = (error.clone() * error).mean();
            online.descend(t, value.gradient(&loss).clipped(grad_clip), rate(network.learning_rate), epsilon);
            value_loss = Some(loss);
        }

        // 4. Actor against the updated critics and the temperature of item 1:
        //    loss = mean_b Σ_a p(a) (alpha log p(a) − Qagg(o, a)), or what `actor` estimates it by,
        //    + (beta / 2) mean_b (H_old − H_b)² − cloning mean_b d_b log p(a_b);
        //    of continuous actions mean_b (alpha log π(a) − Qagg(o, a)), or a score function in place of Qagg(o, a).
        //    A memory is unrolled again: its parameters have changed.
        let updated_seen = rows.features(critics.networks.layers(), Of::Critics);
        let updated_q = |features: Tensor<3>, action: Option<Tensor<3>>| {
            aggregated(config.backup, units.values(critics.networks.forward(join(features, action))))
        };
        let mut actor_loss = match (&policy, &*kind, &noise.sampled) {
            (Policy::Gaussian(policy), Kind::Continuous(bounds), Some(noise)) => {
                let (actions, sampled) = policy.score(bounds, noise.clone());
                let ([size, samples, _], features) = (noise.dims(), updated_seen.here());
                let width = features.dims()[2];
                let features = features.reshape([size, 1, width]).repeat_dim(1, samples);
                let q = updated_q(features.reshape([1, size * samples, width]), Some(actions));
                score_function(alpha, policy.log_prob.clone(), sampled, q)
            }
            (Policy::Gaussian(policy), ..) => {
                let q = updated_q(updated_seen.here(), Some(policy.action.clone()));
                reparameterized(alpha, policy.log_prob.clone(), q)
            }
            (Policy::Categorical(policy), ..) => {
                let (stream, given) = (rng(self.seed, Stream::ActorGradient, t), &rows.sampled_actions);
                let estimator =
                    Estimator::draw(config.actor_gradient, given, &policy.inner(), stream, device);
                estimator.loss(alpha, (**policy).clone(), updated_q(updated_seen.here(), None))
            }
        };
        if let Some(beta) = config.entropy_penalty {
            let behavior = column(rows.behaviour_entropies.clone(), 1, device);
            actor_loss = actor_loss + entropy_penalty(beta, behavior, policy.entropies());
        }
        let cloning = config
            .behavior_cloning
            .and_then(|own| own.weight_at(t))
            .filter(|_| !rows.demonstrated.is_empty());
        if let (Some(weight), Policy::Categorical(policy), Taken::Discrete(taken)) = (cloning, &policy, taken)
        {
            let demonstrated = column(rows.demonstrated.clone(), 1, device);
            let log_policy = policy.log_policy.clone();
            actor_loss = actor_loss + behavior_cloning(weight, demonstrated, taken.clone(), log_policy);
        }
        let actor_loss = rows.mean(actor_loss);
        let gradient = tracked_actor.gradient(&actor_loss);
        let actor_norms = report.then(|| gradient.norms());
        actor.descend(t, gradient.clipped(grad_clip), rate(config.actor_learning_rate), epsilon);

        // 5. Temperature with the entropies of the pass above: loss = alpha (mean_b H_b − target_entropy), which
        //    is its own gradient with respect to log_alpha.
        let policy = policy.inner();
        let entropies = policy.entropies();
        let (mut temperature_loss, mut target_entropy) = (None, 0.0);
        if let Some(fraction) = config.temperature.target_entropy_fraction(t) {
            target_entropy = kind.target_entropy(fraction);
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
            log_policy: match policy {
                Policy::Categorical(policy) => Some(policy.log_policy),
                Policy::Gaussian(_) => None,
            },
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
