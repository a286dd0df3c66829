//! The gradient step differentiated by hand for the CPU, with every variant [`SacConfig`] offers.
//! Networks and their passes are in `networks`, the equations of a sample in `losses` and `actor`, how
//! tensors enter and leave in `state`; layers and matrix products are in `nn`.
//!
//! `continuous` is the step for continuous actions, `sequence` is the same for agents with memory.
//!
//! [`FusedSac::update_traced`] reads in the order of the specification's section 9: targets, critics
//! and value network, actor, temperature, target networks. Equations stand above the block that computes them.

mod actor;
mod continuous;
#[cfg(feature = "gpu")]
mod gpu;
mod losses;
mod networks;
mod policies;
mod report;
mod sequence;
mod state;
mod temperature;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod together;
mod trace;
#[cfg(test)]
mod variants;

use std::sync::Arc;

use super::fresh::Fresh;
use super::{Actions, SacConfig, batch};
use crate::algo::{AllReduce, Part, TrainError, average};
use crate::mdp::{Rng, Stream, TransitionBatch, rng};
use crate::metrics::Metrics;
use crate::nn::adam::AdamStep;
use crate::nn::{Activations, Inputs, Trained, threads_available};
use actor::{Draws, Relaxed, State, behavior_cloning, entropy_penalty};
use continuous::Continuous;
#[cfg(feature = "gpu")]
pub use gpu::GpuSac;
use losses::{Aggregate, critic_loss, mean_td_errors, soft_targets, value_loss, value_targets};
use networks::{Critic, ForwardPasses, Value, each, follow_online, gradients};
use policies::Softmax;
use report::Closing;
pub use sequence::FusedSequenceSac;
pub(super) use sequence::fresh;
use temperature::{Temperature, target_entropy};
pub use trace::Recorder;
use trace::Trace;

/// Multiply-adds of all forward passes of a step (per critic) below which a second thread costs
/// more than it gains.
const PARALLEL_WORK: usize = 1 << 20;

/// Soft Actor-Critic on the CPU.
#[derive(Debug, Clone)]
pub struct FusedSac {
    config: SacConfig,
    inputs: Inputs,
    actions: Actions,
    actor: Trained,
    critics: Vec<Critic>,
    /// Only in SAC v1.
    value: Option<Value>,
    temperature: Temperature,
    gradient_steps: u64,
    /// Names the random streams of the actor's samples, one for each gradient step: with it and
    /// `gradient_steps` a resumed run draws what an uninterrupted one would.
    seed: u64,
    draws: Draws,
    relaxed: Relaxed,
    /// `[B]`: mean over critics of `|td|` of the last step.
    td_errors: Vec<f32>,
    next_activations: Activations,
    next: Softmax,
    current: Softmax,
    continuous: Continuous,
    /// Averages gradients with other learners.
    all_reduce: Option<Arc<dyn AllReduce>>,
}

impl FusedSac {
    /// Networks for `inputs` and `actions` with parameters drawn from `rng`; target networks
    /// start as copies.
    ///
    /// # Errors
    /// [`TrainError::Config`] for a value out of range, for a choice that does not go with the kind of actions, and for
    /// convolutions that do not fit `inputs`.
    pub fn new(
        config: SacConfig,
        inputs: impl Into<Inputs>,
        actions: impl Into<Actions>,
        rng: &mut Rng,
    ) -> Result<Self, TrainError> {
        let (inputs, actions) = (inputs.into(), actions.into());
        let Fresh { actor, critics, value, seed, .. } = Fresh::draw(&config, inputs, &actions, rng)?;
        let with_target = value.is_none();
        Ok(Self {
            actor: Trained::new(actor),
            critics: critics.into_iter().map(|critic| Critic::new(critic, with_target)).collect(),
            value: value.map(Value::new),
            seed,
            temperature: Temperature::new(config.initial_temperature),
            config,
            inputs,
            actions,
            gradient_steps: 0,
            draws: Draws::default(),
            relaxed: Relaxed::default(),
            td_errors: Vec::new(),
            next_activations: Activations::default(),
            next: Softmax::default(),
            current: Softmax::default(),
            continuous: Continuous::default(),
            all_reduce: None,
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
    ) -> Result<Option<Metrics>, TrainError> {
        self.step(batch, report, &mut Trace(Some(recorder)))
    }

    fn step(
        &mut self,
        batch: &TransitionBatch,
        report: bool,
        trace: &mut Trace<'_, '_>,
    ) -> Result<Option<Metrics>, TrainError> {
        batch::check(batch, &self.config, self.inputs.features(), &self.actions)?;
        let actions = match &self.actions {
            Actions::Discrete(actions) => *actions,
            Actions::Continuous(dimensions) => {
                let dimensions = dimensions.clone();
                return self.step_continuous(&dimensions, batch, report, trace);
            }
        };
        let size = batch.batch;
        let per_sample = 1.0 / size as f32;
        let Self {
            config,
            actor,
            critics,
            value,
            draws,
            relaxed,
            next,
            current,
            next_activations,
            all_reduce,
            ..
        } = self;
        let (observations, next_observations) = (&batch.observations[..], &batch.next_observations[..]);
        let parallel = size * actor.network.work() >= PARALLEL_WORK && threads_available();
        let t = self.gradient_steps + 1;

        // 1. temperature = exp(log_temperature), fixed until the end of the step.
        let temperature = self.temperature.log.exp();
        trace.scalar("alpha", temperature);

        // 2. Targets from pre-step networks.
        //    y = R + discount · (1 − terminated) · v',  v' = E_p'[q' − temperature · ln p'] or Vbar(o')
        ForwardPasses {
            actor: &mut *actor,
            next_activations: &mut *next_activations,
            critics: &mut critics[..],
            value: value.as_mut(),
            observations,
            next_observations,
        }
        .run(parallel);
        current.compute(&actor.activations, actions);
        match value {
            None => {
                next.compute(next_activations, actions);
                soft_targets(config, temperature, batch, next, critics);
            }
            Some(value) => value_targets(config, temperature, batch, current, critics, value),
        }
        trace.targets(next, critics, value.as_ref(), actions);

        // 3. Critic losses, then one optimizer step each; the same for the value network.
        //    td = Q(o, a) − y,  loss = mean_b w_b · ell(td),  d loss / d Q(o, a) = w_b · ell'(td) / B
        let critic_step = AdamStep::new(config.critic_learning_rate, config.adam_epsilon, t);
        trace.critics_before(critics, actions);
        each(critics, parallel, |critic| {
            if config.q_clip.is_some() {
                critic.anchor(observations);
            }
            critic_loss(config, batch, critic);
            critic.online.differentiate(observations);
        });
        let gradients = &mut gradients(critics);
        average(all_reduce.as_deref(), (t, Part::Critics), size as f32, gradients);
        each(critics, parallel, |critic| {
            critic.online.descend(critic_step, config.grad_clip);
            // The actor below learns from the critics after their step.
            critic.online.network.forward(observations, &mut critic.online.activations);
        });
        mean_td_errors(critics, &mut self.td_errors);
        trace.critics_after(critics, &self.td_errors, Some(actions), config.grad_clip);
        if let (Some(value), Some(network)) = (&mut *value, config.value_network) {
            value_loss(value);
            let value_step = AdamStep::new(network.learning_rate, config.adam_epsilon, t);
            value.online.differentiate(observations);
            let gradient = &mut [&mut value.online.gradient[..]];
            average(all_reduce.as_deref(), (t, Part::Value), size as f32, gradient);
            value.online.descend(value_step, config.grad_clip);
            trace.value(value, config.grad_clip);
        }

        // 4. Actor loss with the updated critics and the temperature of item 1.
        //    loss = mean_b −(E_p[sg[Qagg]] + temperature · H) + ½ beta · (H_old − H)² − cloning · d_b · ln p(a_b)
        let (mut actor_loss, mut penalty) = (0.0, 0.0);
        trace.actor_before(&actor.activations, current, critics, config.backup, actions);
        let stream = rng(self.seed, Stream::ActorGradient, t);
        draws.draw(config, &batch.sampled_actions, &current.policy, actions, stream);
        let policies = current.policy.chunks_exact(actions).zip(current.log_policy.chunks_exact(actions));
        let cloning = config
            .behavior_cloning
            .and_then(|own| own.weight_at(t))
            .filter(|_| !batch.demonstrated.is_empty());
        let states = Aggregate::rows(critics, config.backup).zip(policies).zip(&current.entropies);
        let gradients = actor.network.output_gradient(size, &mut actor.backward);
        for (b, (((q, (policy, log_policy)), &entropy), gradient)) in states.zip(gradients).enumerate() {
            let gradient = &mut gradient[..actions];
            let state = State { policy, log_policy, entropy, q };
            actor_loss += draws.loss(config, temperature, b, &state, relaxed, gradient) * per_sample;
            if let Some(beta) = config.entropy_penalty {
                penalty += entropy_penalty(beta, batch.behaviour_entropies[b], &state, gradient) * per_sample;
            }
            if let Some(weight) = cloning.filter(|_| batch.demonstrated[b] > 0.0) {
                let (weight, action) = (weight * batch.demonstrated[b], batch.actions.index(b));
                actor_loss += behavior_cloning(weight, action, &state, gradient) * per_sample;
            }
            gradient.iter_mut().for_each(|gradient| *gradient *= per_sample);
        }
        actor_loss += penalty;
        let actor_step = AdamStep::new(config.actor_learning_rate, config.adam_epsilon, t);
        actor.differentiate(observations);
        let mut entropy = [per_sample * current.entropies.iter().sum::<f32>()];
        let together = &mut [&mut actor.gradient[..], &mut entropy];
        average(all_reduce.as_deref(), (t, Part::Actor), size as f32, together);
        let [entropy] = entropy;
        actor.descend(actor_step, config.grad_clip);
        trace.scalar("loss.entropy_penalty", penalty);
        trace.scalar("loss.actor", actor_loss);
        trace.network("actor", actor, config.grad_clip);

        // 5. Temperature loss with the entropies of the pass above.
        //    loss = mean_b exp(log_temperature) · (sg[H_b] − H_target)      (Haarnoja et al. 2018b, equation 18)
        let target = target_entropy(config, &self.actions, t);
        let temperature_loss = self.temperature.step(config, t, target, temperature, (entropy, 1.0), trace);

        // 6. Target networks from the updated online networks.
        self.gradient_steps = t;
        follow_online(config.target_update, t, parallel, critics, value.as_mut());

        if !report {
            return Ok(None);
        }
        let closing = Closing { actor_loss, temperature_loss, temperature, entropy, target_entropy: target };
        closing.complete(self.figures(), t)
    }
}
