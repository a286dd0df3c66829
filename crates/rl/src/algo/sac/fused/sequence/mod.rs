//! The gradient step of an agent with memory, on sequences: what `super` does with transitions, with every
//! network unrolled over all moments of its sequences at once. What a batch holds is in `inputs`, passes over networks in
//! `networks`, equations in `losses` and, for continuous actions, `continuous`, how tensors enter and leave in `state`.
//!
//! A batch is cut into micro-batches of a few sequences. Each passes through all networks by itself, so that what a pass
//! leaves is still in the cache when the next one reads it, and on any thread; gradients are summed in a fixed order. A
//! micro-batch is time-major: row `t · B + b` is moment `t` of sequence `b` behind the burn-in.

#[cfg(test)]
#[cfg(feature = "gpu")]
mod agreement;
mod continuous;
pub(in crate::algo::sac) mod fresh;
mod inputs;
mod losses;
mod networks;
mod pass;
mod passes;
mod report;
mod state;
#[cfg(test)]
mod tests;
mod trace;

use std::sync::Arc;

use rayon::iter::{IntoParallelRefMutIterator as _, ParallelIterator as _};

use super::PARALLEL_WORK;
use super::actor::Draws;
use super::networks::{both, track};
use super::report::Closing;
use super::temperature::{Temperature, target_entropy};
use super::trace::Trace;
use crate::algo::sac::draws::fill_noise;
use crate::algo::sac::{Actions, Recorder, SacConfig, batch};
use crate::algo::{AllReduce, Part, TrainError, average};
use crate::mdp::{ActionNoise, Rng, SequenceBatch, Stream, rng};
use crate::metrics::Metrics;
use crate::nn::adam::AdamStep;
use crate::nn::gaussian::Squash;
use crate::nn::memory::MomentInputs;
use crate::nn::{Inputs, threads_available};
use fresh::Fresh;
use inputs::Sequences;
use losses::priorities;
use networks::{Critic, Descent, Trained, each};
use pass::{Pass, Scratch, Shared};

/// Soft Actor-Critic with memory on the CPU.
#[derive(Debug, Clone)]
pub struct FusedSequenceSac {
    config: SacConfig,
    inputs: Inputs,
    layout: MomentInputs,
    actions: Actions,
    actor: Trained,
    critics: Vec<Critic>,
    temperature: Temperature,
    gradient_steps: u64,
    /// Names the random streams of the actor's samples, one for each gradient step.
    seed: u64,
    draws: Draws,
    noise: ActionNoise,
    sequences: Sequences,
    passes: Vec<Pass>,
    scratch: Scratch,
    /// `[N, A]`: policies of the transitions that enter the losses.
    unmasked: Vec<f32>,
    /// `[B]`: priorities of the last step's sequences.
    priorities: Vec<f32>,
    /// Averages gradients with other learners.
    all_reduce: Option<Arc<dyn AllReduce>>,
}

impl FusedSequenceSac {
    /// Networks for `inputs` and `actions` with parameters drawn from `rng`; target networks
    /// start as copies.
    ///
    /// # Errors
    /// [`TrainError::Config`] for a value out of range and for a configuration without memory, and for a spatial
    /// memory that does not fit `inputs`.
    pub fn new(
        config: SacConfig,
        inputs: impl Into<Inputs>,
        actions: impl Into<Actions>,
        rng: &mut Rng,
    ) -> Result<Self, TrainError> {
        let (inputs, actions) = (inputs.into(), actions.into());
        let Fresh { layout, actor, critics, seed } = Fresh::draw(&config, inputs, &actions, rng)?;
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
            noise: ActionNoise::default(),
            sequences: Sequences::default(),
            passes: Vec::new(),
            scratch: Scratch::default(),
            unmasked: Vec::new(),
            priorities: Vec::new(),
            all_reduce: None,
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
        batch::check_sequences(batch, &self.config, self.inputs.features(), &self.actions)?;
        let (t, squash) = (self.gradient_steps + 1, squash(&self.config, &self.actions));
        let Self {
            config,
            layout,
            actor,
            critics,
            draws,
            noise,
            sequences,
            passes,
            scratch,
            unmasked,
            all_reduce,
            ..
        } = self;
        let actions = critics[0].online.network.outputs();
        let scratch = &*scratch;
        passes.resize_with(Sequences::parts(batch.batch), Pass::default);
        let states = [1 + critics.len(), actor.network.sequence_state_width()];
        let parts = passes.iter_mut().map(|pass| &mut pass.input);
        sequences.read(batch, layout, [config.gamma, config.total_reward_scale()], states, parts);
        let stream = rng(self.seed, Stream::ActorGradient, t);
        if let Some(squash) = &squash {
            let (moments, dims) = (batch.length + 1, squash.dims());
            let length = batch.batch * moments * dims;
            fill_noise(noise, &batch.noise, [length, length, 0], stream.clone());
            let parts = passes.iter_mut().map(|pass| &mut pass.input);
            Sequences::read_noise(noise, moments, dims, parts);
        }
        let work = batch.batch * (batch.length + 1) * actor.network.work();
        let parallel = work >= PARALLEL_WORK && threads_available();
        let descent = |learning_rate: f32| {
            let factor = config.sequence.memory_learning_rate_factor;
            let step = |rate| AdamStep::new(rate, config.adam_epsilon, t);
            Descent { steps: [step(learning_rate * factor), step(learning_rate)], clip: config.grad_clip }
        };

        // 1. temperature = exp(log_temperature), fixed until the end of the step.
        let temperature = self.temperature.log.exp();
        trace.scalar("alpha", temperature);

        // 2. Targets from pre-step networks, all unrolled from the stored states, and critic losses.
        //    y = h(R + discount · (1 − terminated) · v'(t + m)),  v' = E_p'[q' − temperature · ln p']
        //    loss = (1/N) Σ mask · w · ell(Q(o, a) − y),  N = max(1, Σ mask)
        let shared = Shared {
            config,
            temperature,
            actor: &actor.network,
            actions,
            squash: squash.as_ref(),
            count: sequences.count,
            first: if config.sequence.burn_in_gradient { 0 } else { batch.burn_in },
            parallel,
            scratch,
        };
        over(passes, parallel, |pass| pass.descend_critics(shared, critics));
        match &squash {
            None => trace.sequence_targets(sequences, passes, actions),
            Some(squash) => trace.sampled_sequence_targets(sequences, passes, squash.dims()),
        }

        // 3. One optimizer step of each critic.
        let critic_descent = descent(config.critic_learning_rate);
        let all = &*passes;
        each(critics, parallel, |index, critic| {
            let own = || all.iter().map(|pass| &pass.critics[index]);
            critic.loss = own().map(|pass| pass.loss).sum();
            critic.online.gather(own().map(|pass| &pass.gradient));
        });
        let samples = passes.iter().map(|pass| pass.input.transitions.len()).sum::<usize>() as f32;
        let mut gradients: Vec<&mut [f32]> =
            critics.iter_mut().map(|critic| &mut critic.online.gradient[..]).collect();
        average(all_reduce.as_deref(), (t, Part::Critics), samples, &mut gradients);
        each(critics, parallel, |_, critic| critic.online.descend(critic_descent));
        self.priorities = priorities(sequences, config.sequence.priority_eta, passes);

        // 4. Actor loss with the updated critics and the temperature of item 1, without weights.
        //    loss = (1/N) Σ mask · (−(E_p[sg[Qagg]] + temperature · H) + ½ beta · (H_old − H)²)
        //    or of continuous actions (1/N) Σ mask · (temperature · ln π(a|o) − Qagg(o, a)), the gradient through a
        if squash.is_none() {
            gather_unmasked(passes, actions, unmasked);
            draws.draw(config, &sequences.sampled_actions, unmasked, actions, stream);
        }
        over(passes, parallel, |pass| pass.descend_actor(shared, critics, draws));
        trace.sequence_critics(sequences, critics, passes, &self.priorities, actions, config.grad_clip);
        match &squash {
            None => trace.sequence_actor(sequences, passes, config.backup, actions),
            Some(squash) => trace.sampled_sequence_actor(sequences, passes, config.backup, squash),
        }
        let penalty = passes.iter().map(|pass| pass.penalty).sum::<f32>();
        let actor_loss = passes.iter().map(|pass| pass.actor_loss).sum::<f32>() + penalty;
        let entropy = passes.iter().map(|pass| pass.entropy).sum::<f32>();
        actor.gather(passes.iter().map(|pass| &pass.actor_gradient));
        let mut mean = [entropy, samples / sequences.count];
        let together = &mut [&mut actor.gradient[..], &mut mean];
        average(all_reduce.as_deref(), (t, Part::Actor), samples, together);
        let [entropy, share] = mean;

        // Beside the actor's step item 6, the target networks from the updated online networks, memories included.
        self.gradient_steps = t;
        let actor_descent = descent(config.actor_learning_rate);
        let follow = |_: usize, critic: &mut Critic| {
            let (target, online) = (critic.target.parameters_mut().0, critic.online.network.parameters().0);
            track(config.target_update, t, target, online);
        };
        both(parallel, || actor.descend(actor_descent), || each(critics, false, follow));
        trace.scalar("loss.entropy_penalty", penalty);
        trace.scalar("loss.actor", actor_loss);
        trace.memory_network("actor", actor, config.grad_clip);

        // 5. Temperature loss with the entropies of the pass above.
        //    loss = (1/N) Σ mask · exp(log_temperature) · (sg[H] − H_target)
        let target = target_entropy(config, &self.actions, t);
        let temperature_loss = self.temperature.step(config, t, target, temperature, (entropy, share), trace);

        if !report {
            return Ok(None);
        }
        let closing = Closing { actor_loss, temperature_loss, temperature, entropy, target_entropy: target };
        closing.complete(self.figures(), t)
    }
}

/// The policy over continuous actions, if they are.
fn squash(config: &SacConfig, actions: &Actions) -> Option<Squash> {
    match actions {
        Actions::Discrete(_) => None,
        Actions::Continuous(dimensions) => Some(Squash::new(dimensions, config.log_std_bounds)),
    }
}

/// Runs `work` on every micro-batch, on all threads if `parallel`. They share nothing, so the result is the same either
/// way.
fn over(passes: &mut [Pass], parallel: bool, work: impl Fn(&mut Pass) + Send + Sync) {
    if parallel {
        passes.par_iter_mut().for_each(work);
    } else {
        passes.iter_mut().for_each(work);
    }
}

/// Fills `unmasked`, `[N, A]`, with the policies of all transitions in the order of the whole batch.
fn gather_unmasked(passes: &[Pass], actions: usize, unmasked: &mut Vec<f32>) {
    let count: usize = passes.iter().map(|pass| pass.input.transitions.len()).sum();
    unmasked.resize(count * actions, 0.0);
    for pass in passes {
        for transition in &pass.input.transitions {
            unmasked[transition.place * actions..][..actions]
                .copy_from_slice(&pass.policies.policy[transition.row * actions..][..actions]);
        }
    }
}
