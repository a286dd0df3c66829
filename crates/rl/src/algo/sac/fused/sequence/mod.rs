//! The gradient step of an agent with memory, on sequences: what `super` does with transitions, with every
//! network unrolled over all moments of its sequences at once. What a batch holds is in `inputs`, passes over networks in
//! `networks`, equations in `losses`, how tensors enter and leave in `state`.
//!
//! Everything is time-major and begins behind the burn-in: row `t · B + b` is moment `t` of sequence `b`, and transition
//! `t` leads from it to the next. `B` rows behind those of all transitions are the last moments.

#[cfg(test)]
mod agreement;
pub(in crate::algo::sac) mod fresh;
mod inputs;
mod losses;
mod networks;
mod report;
mod state;
#[cfg(test)]
mod tests;
mod trace;

use super::PARALLEL_WORK;
use super::actor::{Draws, State, entropy_penalty};
use super::losses::{Aggregate, Softmax};
use super::networks::track;
use super::temperature::Temperature;
use super::trace::Trace;
use crate::algo::TrainError;
use crate::algo::report::{ACTOR_LOSS, ENTROPY, TARGET_ENTROPY, TEMPERATURE, TEMPERATURE_LOSS, finite};
use crate::algo::sac::{Recorder, SacConfig, batch};
use crate::mdp::{Rng, SequenceBatch, Stream, rng};
use crate::metrics::Metrics;
use crate::nn::adam::AdamStep;
use crate::nn::memory::MomentInputs;
use crate::nn::{Inputs, threads_available};
use fresh::Fresh;
use inputs::Sequences;
use losses::{critic_loss, priorities, restore, soft_targets};
use networks::{Critic, Descent, Trained, distribute, each};

/// Discrete Soft Actor-Critic with memory on the CPU.
#[derive(Debug, Clone)]
pub struct FusedSequenceSac {
    config: SacConfig,
    inputs: Inputs,
    layout: MomentInputs,
    actions: usize,
    actor: Trained,
    critics: Vec<Critic>,
    temperature: Temperature,
    gradient_steps: u64,
    /// Names the random streams of the actor's samples, one for each gradient step.
    seed: u64,
    draws: Draws,
    sequences: Sequences,
    policies: Softmax,
    /// `[N, A]`: policies of the transitions that enter the losses.
    unmasked: Vec<f32>,
    /// `[B]`: priorities of the last step's sequences.
    priorities: Vec<f32>,
}

/// Stored states of a batch, `[B, width]`.
struct MemoryState<'a> {
    width: usize,
    rows: &'a [f32],
}

impl FusedSequenceSac {
    /// Networks for `inputs` and `actions` outputs with parameters drawn from `rng`; target networks
    /// start as copies.
    ///
    /// # Errors
    /// [`TrainError::Config`] for a value out of range and for a configuration without memory, and for a spatial
    /// memory that does not fit `inputs`.
    pub fn new(
        config: SacConfig,
        inputs: impl Into<Inputs>,
        actions: usize,
        rng: &mut Rng,
    ) -> Result<Self, TrainError> {
        let inputs = inputs.into();
        let Fresh { layout, actor, critics, seed } = Fresh::draw(&config, inputs, actions, rng)?;
        Ok(Self {
            layout,
            actor: Trained::new(actor),
            critics: critics.into_iter().map(Critic::new).collect(),
            seed,
            temperature: Temperature::new(config.initial_temperature),
            config,
            inputs,
            actions,
            gradient_steps: 0,
            draws: Draws::default(),
            sequences: Sequences::default(),
            policies: Softmax::default(),
            unmasked: Vec::new(),
            priorities: Vec::new(),
        })
    }

    /// One gradient step that shows every intermediate quantity to `recorder`, by the specification's names and shapes.
    ///
    /// # Errors
    /// As [`crate::algo::sac::SacUpdate::update_sequences`].
    pub fn update_sequences_traced(
        &mut self,
        batch: &SequenceBatch,
        report: bool,
        recorder: &mut Recorder<'_>,
    ) -> Result<Option<Metrics>, TrainError> {
        self.step(batch, report, &mut Trace(Some(recorder)))
    }

    fn step(
        &mut self,
        batch: &SequenceBatch,
        report: bool,
        trace: &mut Trace<'_, '_>,
    ) -> Result<Option<Metrics>, TrainError> {
        batch::check_sequences(batch, &self.config, self.inputs.features(), self.actions)?;
        let (actions, from, t) = (self.actions, batch.burn_in, self.gradient_steps + 1);
        let Self { config, layout, actor, critics, draws, sequences, policies, unmasked, .. } = self;
        sequences.read(batch, layout, [config.gamma, config.sequence.reward_scale]);
        let sequences = &*sequences;
        let moments = sequences.moments();
        let state = MemoryState { width: batch.initial_states.width, rows: &batch.initial_states.values };
        distribute(&state, actor, critics);
        let work = batch.batch * (batch.length + 1) * actor.network.work();
        let parallel = work >= PARALLEL_WORK && threads_available();
        let first = if config.sequence.burn_in_gradient { 0 } else { from };
        let descent = |learning_rate: f32| {
            let factor = config.sequence.memory_learning_rate_factor;
            let step = |rate| AdamStep::new(rate, config.adam_epsilon, t);
            Descent {
                steps: [step(learning_rate * factor), step(learning_rate)],
                clip: config.grad_clip,
                first,
            }
        };

        // 1. temperature = exp(log_temperature), fixed until the end of the step.
        let temperature = self.temperature.log.exp();
        trace.scalar("alpha", temperature);

        // 2. Targets from pre-step networks, all unrolled from the stored states.
        //    y = h(R + discount · (1 − terminated) · v'(t + m)),  v' = E_p'[q' − temperature · ln p']
        let critics_pass =
            |critics: &mut [Critic]| each(critics, parallel, |critic| critic.unroll(moments, from));
        if parallel {
            rayon::join(|| actor.unroll(moments, from), || critics_pass(critics));
        } else {
            actor.unroll(moments, from);
            critics_pass(critics);
        }
        policies.compute(actor.unrolled.outputs(), actions);
        soft_targets(config, temperature, sequences, policies, critics);
        trace.sequence_targets(sequences, policies, critics, actions);

        // 3. Critic losses, then one optimizer step each.
        //    loss = (1/N) Σ mask · w · ell(Q(o, a) − y),  N = max(1, Σ mask)
        let critic_descent = descent(config.critic_learning_rate);
        each(critics, parallel, |critic| {
            critic_loss(config, sequences, critic);
            critic.online.descend(moments, from, critic_descent);
            // The actor below learns from the critics after their step, memories included.
            critic.online.unroll(moments, from);
            restore(config, critic, actions);
        });
        let (deltas, priorities) = priorities(config, sequences, critics);
        self.priorities = priorities;
        trace.sequence_critics(sequences, critics, &deltas, &self.priorities, actions, config.grad_clip);

        // 4. Actor loss with the updated critics and the temperature of item 1, without weights.
        //    loss = (1/N) Σ mask · (−(E_p[sg[Qagg]] + temperature · H) + ½ beta · (H_old − H)²)
        let share = 1.0 / sequences.count;
        let (mut actor_loss, mut penalty, mut entropy) = (0.0, 0.0, 0.0);
        trace.sequence_actor(sequences, &actor.unrolled, policies, critics, config.backup, actions);
        let transitions = sequences.mask.len();
        let stream = rng(self.seed, Stream::ActorGradient, t);
        unmasked.clear();
        let rows = policies.policy.chunks_exact(actions).zip(&sequences.mask);
        rows.filter(|(_, mask)| **mask > 0.0).for_each(|(row, _)| unmasked.extend_from_slice(row));
        draws.draw(config, &sequences.sampled_actions, unmasked, actions, stream);
        let mut place = 0;
        let rows = actor.unrolled.rows().len();
        let gradients = actor.network.output_gradient(rows, &mut actor.unrolled);
        for (at, gradient) in gradients.take(transitions).enumerate() {
            if sequences.mask[at] == 0.0 {
                continue;
            }
            let (gradient, row) = (&mut gradient[..actions], at * actions..(at + 1) * actions);
            let q = Aggregate {
                first: &critics[0].restored[row.clone()],
                last: &critics[critics.len() - 1].restored[row.clone()],
                backup: config.backup,
            };
            let (policy, log_policy) = (&policies.policy[row.clone()], &policies.log_policy[row]);
            let state = State { policy, log_policy, entropy: policies.entropies[at], q };
            actor_loss += draws.loss(config, temperature, place, &state, gradient) * share;
            if let Some(beta) = config.entropy_penalty {
                penalty += entropy_penalty(beta, sequences.behaviour_entropies[at], &state, gradient) * share;
            }
            gradient.iter_mut().for_each(|gradient| *gradient *= share);
            entropy += policies.entropies[at] * share;
            place += 1;
        }
        actor_loss += penalty;
        actor.descend(moments, from, descent(config.actor_learning_rate));
        trace.scalar("loss.entropy_penalty", penalty);
        trace.scalar("loss.actor", actor_loss);
        trace.memory_network("actor", actor, config.grad_clip);

        // 5. Temperature loss with the entropies of the pass above.
        //    loss = (1/N) Σ mask · exp(log_temperature) · (sg[H] − H_target)
        let mean = (entropy, sequences.mask.iter().sum::<f32>() * share);
        let (temperature_loss, target_entropy) =
            self.temperature.step(config, t, actions, temperature, mean, trace);

        // 6. Target networks from the updated online networks, memories included.
        self.gradient_steps = t;
        each(critics, parallel, |critic| {
            let (target, online) = (critic.target.parameters_mut().0, critic.online.network.parameters().0);
            track(config.target_update, t, target, online);
        });

        if !report {
            return Ok(None);
        }
        let mut report = self.figures();
        report.set(ACTOR_LOSS, actor_loss);
        report.set(TEMPERATURE_LOSS, temperature_loss);
        report.set(TEMPERATURE, temperature);
        report.set(ENTROPY, entropy);
        report.set(TARGET_ENTROPY, target_entropy);
        finite(report, t).map(Some)
    }
}
