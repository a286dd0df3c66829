//! The gradient step itself, top to bottom in the order of the specification's section 9.
//!
//! Shapes: `B` batch, `A` actions, `D` features, `C` critics. Tensors of rank 3 are
//! `[network, sample, value]`, so that both critics go through one matrix product. Batch tensors are
//! outside autodiff: constants wherever they meet a tracked tensor. Nothing is read back unless a
//! report is asked for, and then in one transfer.

use burn::tensor::{Tensor, TensorData, activation::log_softmax};

use super::{AutodiffSac, read};
use crate::mdp::TransitionBatch;
use crate::sac::fused::LOG_TEMPERATURE_RANGE;
use crate::sac::{ActorGradient, Backup, CriticLoss, SacError, TargetUpdate, Temperature, UpdateReport};

impl AutodiffSac {
    /// One gradient step (Haarnoja et al. 2018a, 2018b; Christodoulou 2019).
    ///
    /// # Errors
    /// As [`crate::sac::SacUpdate::update`].
    pub(super) fn step(
        &mut self,
        batch: &TransitionBatch,
        report: bool,
    ) -> Result<Option<UpdateReport>, SacError> {
        let (size, features, actions) = (batch.batch, self.features, self.actions);
        self.check(batch)?;
        let t = self.gradient_steps + 1;

        let observations = self.column(batch.observations.clone(), features);
        let next_observations = self.column(batch.next_observations.clone(), features);
        let returns = self.column(batch.n_step_returns.clone(), 1);
        let weights = self.column(batch.weights.clone(), 1);
        let bootstrap =
            batch.discounts.iter().zip(&batch.terminated).map(|(discount, end)| discount * (1.0 - end));
        let bootstrap = self.column(bootstrap.collect(), 1);
        // A product with a one-hot row picks Q(o, a) and its gradient without gather and scatter,
        // which are slow on GPUs.
        let mut taken = vec![0.0; size * actions];
        for (row, &action) in batch.actions.iter().enumerate() {
            taken[row * actions + usize::from(action)] = 1.0;
        }
        let taken = self.column(taken, actions);

        // 1. The temperature of the whole step: alpha ← exp(log_alpha).
        let temperature = self.log_temperature.clone().exp();
        let alpha = temperature.clone().reshape([1, 1, 1]);

        // 2. Critic targets from the pre-step actor and the target critics.
        //    v'_i = Σ_a p'(a) (q'_i(a) − alpha log p'(a)),   y_i = R + discount (1 − terminated) v'_i
        let next_log_policy = log_softmax(self.actor.forward(next_observations.clone()), 2);
        let next_q = self.backed_up(self.target_critics.forward(next_observations));
        let next_soft_q = match self.config.entropy_in_target {
            true => next_q - next_log_policy.clone() * alpha.clone(),
            false => next_q,
        };
        let next_value = (next_log_policy.exp() * next_soft_q).sum_dim(2);
        let targets = returns + bootstrap * next_value; // [C or 1, B, 1]

        // 3. Critics: loss = Σ_i mean_b w_b ell(Q_i(o, a) − y_i), one step each.
        let critics = self.critics.tracked();
        let q = (critics.forward(observations.clone()) * taken).sum_dim(2); // [C, B, 1]
        let td_error = q.clone() - targets.clone();
        let critic_loss = (self.critic_loss(td_error.clone()) * weights).sum() / size as f32;
        let gradient = critics.gradient(&critic_loss);
        let critic_norm = report.then(|| gradient.norms().mean());
        let change = self.critic_optimizer.step(
            t,
            gradient.clipped(self.config.grad_clip),
            self.config.critic_learning_rate,
            self.config.adam_epsilon,
        );
        self.critics.set_parameters(self.critics.parameters() + change);

        // 4. Actor against the updated critics: loss = mean_b Σ_a p(a) (alpha log p(a) − Q(o, a)), or
        //    mean_b alpha Σ_a t(a) (log t(a) − log p(a)) for t = softmax(Q / alpha).
        let q_updated = self.aggregated(self.critics.forward(observations.clone()));
        let actor = self.actor.tracked();
        let log_policy = log_softmax(actor.forward(observations), 2);
        let policy = log_policy.clone().exp();
        let divergence = match self.config.actor_gradient {
            ActorGradient::ForwardKl => {
                let log_target = log_softmax(q_updated / alpha.clone(), 2);
                log_target.clone().exp() * (log_target - log_policy.clone()) * alpha
            }
            _ => policy.clone() * (log_policy.clone() * alpha - q_updated),
        };
        let actor_loss = divergence.sum() / size as f32;
        let policy = policy.inner();
        let entropy = -(policy.clone() * log_policy.inner()).sum() / size as f32; // mean_b H_b
        let gradient = actor.gradient(&actor_loss);
        let actor_norm = report.then(|| gradient.norms().mean());
        let change = self.actor_optimizer.step(
            t,
            gradient.clipped(self.config.grad_clip),
            self.config.actor_learning_rate,
            self.config.adam_epsilon,
        );
        self.actor.set_parameters(self.actor.parameters() + change);

        // 5. Temperature: loss = alpha (mean_b H_b − target_entropy), which is its own gradient with
        //    respect to log_alpha.
        let mut temperature_loss = None;
        if let Some(target_entropy) = self.target_entropy() {
            let loss = temperature.clone() * (entropy.clone() - target_entropy);
            let change = self.temperature_optimizer.step(
                t,
                loss.clone(),
                self.config.temperature_learning_rate,
                self.config.adam_epsilon,
            );
            let (low, high) = LOG_TEMPERATURE_RANGE;
            self.log_temperature = (self.log_temperature.clone() + change).clamp(low, high);
            temperature_loss = Some(loss);
        }

        // 6. Target critics: target ← tau online + (1 − tau) target, or a copy every interval steps.
        self.gradient_steps = t;
        match self.config.target_update {
            TargetUpdate::Soft { tau } => {
                let tau = f64::from(tau);
                let online = self.critics.parameters() * tau;
                self.target_critics.set_parameters(online + self.target_critics.parameters() * (1.0 - tau));
            }
            TargetUpdate::Hard { interval } => {
                if t.is_multiple_of(interval) {
                    self.target_critics.set_parameters(self.critics.parameters());
                }
            }
        }

        let (Some(critic_norm), Some(actor_norm)) = (critic_norm, actor_norm) else { return Ok(None) };
        let q = q.inner();
        let spread = (q.clone() - q.clone().mean_dim(1)).square().mean_dim(1).sqrt(); // [C, 1, 1]
        let figures = vec![
            critic_loss.inner(),
            actor_loss.inner(),
            temperature_loss.unwrap_or_else(|| Tensor::zeros([1], &self.device)),
            temperature,
            entropy,
            q.clone().mean(),
            spread.mean(),
            (q.clone().max_dim(0) - q.min_dim(0)).mean(),
            targets.mean(),
            td_error.inner().abs().mean(),
            actor_norm,
            critic_norm,
            self.actor.norms().mean(),
            self.critics.norms().mean(),
            policy.mean_dim(1).flatten(0, 2), // [A]
        ];
        self.read_report(figures).map(Some)
    }

    /// Refuses a batch that does not fit the networks.
    fn check(&self, batch: &TransitionBatch) -> Result<(), SacError> {
        let (size, features, actions) = (batch.batch, self.features, self.actions);
        let observations = [&batch.observations, &batch.next_observations];
        let columns = [&batch.n_step_returns, &batch.discounts, &batch.terminated, &batch.weights];
        let problem = if size == 0 || batch.features != features {
            format!("holds {size} transitions of {} features, the networks read {features}", batch.features)
        } else if observations.iter().any(|rows| rows.len() != size * features)
            || columns.iter().any(|column| column.len() != size)
            || batch.actions.len() != size
        {
            "has columns of different length".to_string()
        } else if let Some(action) = batch.actions.iter().find(|action| usize::from(**action) >= actions) {
            format!("holds action {action}, there are {actions}")
        } else {
            return Ok(());
        };
        Err(SacError::Batch { problem })
    }

    /// The row of target values each critic's soft value is taken of, `[C or 1, B, A]`.
    fn backed_up(&self, target_q: Tensor<3>) -> Tensor<3> {
        match self.config.backup {
            Backup::Single => target_q,
            Backup::Double => target_q.flip([0]),
            Backup::Clipped => target_q.min_dim(0),
            Backup::Mean => target_q.mean_dim(0),
        }
    }

    /// What the actor takes of the online critics, `[C, B, A]` → `[1, B, A]`.
    fn aggregated(&self, q: Tensor<3>) -> Tensor<3> {
        match self.config.backup {
            Backup::Single => q,
            Backup::Clipped => q.min_dim(0),
            Backup::Double | Backup::Mean => q.mean_dim(0),
        }
    }

    /// Loss of every TD error.
    fn critic_loss(&self, td_error: Tensor<3>) -> Tensor<3> {
        match self.config.critic_loss {
            CriticLoss::Mse => td_error.clone() * td_error,
            // c (|d| − c/2) with c = min(|d|, 1) is ½d² inside and |d| − ½ outside, without a branch.
            CriticLoss::Huber => {
                let distance = td_error.abs();
                let inside = distance.clone().clamp_max(1.0);
                inside.clone() * (distance - inside * 0.5)
            }
        }
    }

    /// `target_entropy_fraction · ln A`, `None` when the temperature is fixed.
    fn target_entropy(&self) -> Option<f32> {
        match self.config.temperature {
            Temperature::Learned { target_entropy_fraction } => {
                Some(target_entropy_fraction * (self.actions as f32).ln())
            }
            // An annealed target is refused at the door.
            Temperature::Annealed { .. } | Temperature::Fixed => None,
        }
    }

    /// `values`, `[1, B, columns]` on the device.
    fn column(&self, values: Vec<f32>, columns: usize) -> Tensor<3> {
        let rows = values.len() / columns;
        Tensor::from_data(TensorData::new(values, [1, rows, columns]), &self.device)
    }

    /// Reads `figures` to the host in one transfer.
    fn read_report(&self, figures: Vec<Tensor<1>>) -> Result<UpdateReport, SacError> {
        let mut values = read(Tensor::cat(figures, 0))?.into_iter();
        let mut next = || values.next().unwrap_or(f32::NAN);
        let report = UpdateReport {
            critic_loss: next(),
            value_loss: 0.0,
            actor_loss: next(),
            temperature_loss: next(),
            temperature: next(),
            entropy: next(),
            target_entropy: self.target_entropy().unwrap_or(0.0),
            q_mean: next(),
            q_std: next(),
            twin_disagreement: next(),
            target_mean: next(),
            td_error_abs: next(),
            actor_gradient_norm: next(),
            critic_gradient_norm: next(),
            actor_parameter_norm: next(),
            critic_parameter_norm: next(),
            action_probabilities: values.collect(),
        };
        report.finite(self.gradient_steps)
    }
}
