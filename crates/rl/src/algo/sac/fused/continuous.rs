//! The gradient step for continuous actions: what `super` does for discrete ones, with a squashed Gaussian policy and
//! critics that read the action (Haarnoja et al. 2018b; specification, section 12, and section 13 of its second part).
//! Densities and their gradients are in `nn::gaussian`.

use super::losses::{
    Aggregate, bootstrap_from_value, critic_loss, mean_td_errors, sampled_targets, value_loss,
};
use super::networks::{Critic, Value, both, each, follow_online, gradients};
use super::policies::Sampled;
use super::report::Closing;
use super::temperature::target_entropy;
use super::trace::Trace;
use super::{FusedSac, PARALLEL_WORK};
use crate::algo::sac::actions::action_entry;
use crate::algo::sac::draws::fill_noise;
use crate::algo::sac::{ActorGradient, SacConfig};
use crate::algo::{Part, TrainError, average};
use crate::mdp::{ActionDimension, ActionNoise, Stream, TransitionBatch, rng};
use crate::metrics::Metrics;
use crate::nn::adam::AdamStep;
use crate::nn::gaussian::Squash;
use crate::nn::{Trained, threads_available};

/// What a step for continuous actions computes beside what one for discrete ones does.
#[derive(Debug, Clone, Default)]
pub(super) struct Continuous {
    pub(super) noise: ActionNoise,
    /// The policy's actions at the observation, at the next one, and those of the score function.
    pub(super) here: Sampled,
    pub(super) next: Sampled,
    pub(super) drawn: Sampled,
    /// `[rows, D + A]`: what critics read with each of these, and with the action taken.
    here_rows: Vec<f32>,
    next_rows: Vec<f32>,
    drawn_rows: Vec<f32>,
    taken_rows: Vec<f32>,
    /// `[A]`: `dQagg/da` of one sample.
    slopes: Vec<f32>,
}

/// How rows `[o, a]` are made.
#[derive(Debug, Clone, Copy)]
struct Rows {
    features: usize,
    /// Where the action stands.
    entry: usize,
    dims: usize,
}

impl Rows {
    /// Fills `rows` with `repeat` rows for each of `observations`, one for each of `actions`.
    fn join(self, observations: &[f32], actions: &[f32], repeat: usize, rows: &mut Vec<f32>) {
        let Self { features, entry, dims } = self;
        rows.clear();
        for (index, action) in actions.chunks_exact(dims).enumerate() {
            let row = &observations[index / repeat * features..][..features];
            rows.extend_from_slice(&row[..entry]);
            rows.extend_from_slice(action);
            rows.extend_from_slice(&row[entry..]);
        }
    }
}

impl FusedSac {
    /// One gradient step, in the order of the specification's section 9.
    pub(super) fn step_continuous(
        &mut self,
        dimensions: &[ActionDimension],
        batch: &TransitionBatch,
        report: bool,
        trace: &mut Trace<'_, '_>,
    ) -> Result<Option<Metrics>, TrainError> {
        let (size, dims) = (batch.batch, dimensions.len());
        let t = self.gradient_steps + 1;
        let Self { config, actor, critics, value, continuous, next_activations, all_reduce, .. } = self;
        let Continuous { noise, here, next, drawn, here_rows, next_rows, drawn_rows, taken_rows, slopes } =
            continuous;
        let (observations, next_observations) = (&batch.observations[..], &batch.next_observations[..]);
        let parallel = size * actor.network.work() >= PARALLEL_WORK && threads_available();
        let squash = Squash::new(dimensions, config.log_std_bounds);
        let convolved = critics[0].online.network.has_encoder();
        let rows = Rows { features: batch.features, entry: action_entry(self.inputs, convolved), dims };
        let samples = match config.actor_gradient {
            ActorGradient::Reinforce { samples } => samples,
            _ => 0,
        };
        let lengths = [size, if value.is_none() { size } else { 0 }, size * samples].map(|rows| rows * dims);
        fill_noise(noise, &batch.noise, lengths, rng(self.seed, Stream::ActorGradient, t));

        // 1. temperature = exp(log_temperature), fixed until the end of the step.
        let temperature = self.temperature.log.exp();
        trace.scalar("alpha", temperature);

        // 2. Targets from pre-step networks.
        //    y = c · R + discount · (1 − terminated) · v',  v' = q'(o', a') − temperature · ln π(a'|o') or Vbar(o')
        let Trained { network, activations, .. } = &mut *actor;
        both(
            parallel,
            || network.forward(observations, activations),
            || match &mut *value {
                None => network.forward(next_observations, next_activations),
                Some(value) => {
                    value.target.forward(next_observations, &mut value.target_activations);
                    value.online.network.forward(observations, &mut value.online.activations);
                }
            },
        );
        here.sample(&squash, &actor.activations, &noise.here, 1);
        rows.join(observations, &here.actions, 1, here_rows);
        rows.join(observations, &batch.actions.continuous, 1, taken_rows);
        match value {
            None => {
                next.sample(&squash, next_activations, &noise.next, 1);
                rows.join(next_observations, &next.actions, 1, next_rows);
                each(critics, parallel, |critic| {
                    if let Some(target) = &critic.target {
                        target.forward(next_rows, &mut critic.target_activations);
                    }
                });
                sampled_targets(config, temperature, batch, &next.log_probs, critics);
            }
            Some(value) => {
                // V is regressed on Qagg(o, a) − temperature · ln π(a|o), with the critics before their step.
                each(critics, parallel, |critic| critic.read(here_rows));
                sampled_value_targets(config, temperature, &here.log_probs, critics, value);
                bootstrap_from_value(config, batch, critics, value);
            }
        }
        trace.sampled_targets(next, critics, value.as_ref(), dims);

        // 3. Critic losses, then one optimizer step each; the same for the value network. The actor below learns from
        //    the critics after their step, through the slope of their value in the action.
        let critic_step = AdamStep::new(config.critic_learning_rate, config.adam_epsilon, t);
        if samples > 0 {
            drawn.sample(&squash, &actor.activations, &noise.sampled, samples);
            rows.join(observations, &drawn.actions, samples, drawn_rows);
        }
        each(critics, parallel, |critic| {
            critic.read(taken_rows);
            critic_loss(config, batch, critic);
            critic.online.differentiate(taken_rows);
        });
        let gradients = &mut gradients(critics);
        average(all_reduce.as_deref(), (t, Part::Critics), size as f32, gradients);
        each(critics, parallel, |critic| {
            critic.online.descend(critic_step, config.grad_clip);
            match samples {
                0 => {
                    critic.read(here_rows);
                    critic.slope(size, rows.entry..rows.entry + dims);
                }
                _ => critic.read(drawn_rows),
            }
        });
        mean_td_errors(critics, &mut self.td_errors);
        trace.critics_after(critics, &self.td_errors, None, config.grad_clip);
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
        //    loss = mean_b (temperature · ln π(a|o) − Qagg(o, a)), with the gradient through a; or
        //    loss = mean_b (temperature · ln π(a|o) − mean_k ln π(a_k|o) · sg[Qagg(o, a_k)])
        trace.sampled_actor(&squash, &actor.activations, here, (drawn, samples), critics, config.backup);
        let per_sample = 1.0 / size as f32;
        let Trained { network, activations, backward, .. } = &mut *actor;
        let (mut actor_loss, mut q) = (0.0, Aggregate::rows(critics, config.backup));
        let gradients = network.output_gradient(size, backward);
        for (b, (output, gradient)) in activations.rows().zip(gradients).enumerate() {
            let (output, gradient) = (&output[..2 * dims], &mut gradient[..2 * dims]);
            let own = b * dims..(b + 1) * dims;
            let mut loss = temperature * here.log_probs[b];
            slopes.clear();
            slopes.resize(dims, 0.0);
            if samples == 0 {
                loss -= aggregated_slopes(critics, q.next(), own.clone(), slopes);
            }
            squash.reparameterized(output, &noise.here[own], temperature, slopes, gradient);
            for k in b * samples..(b + 1) * samples {
                let share = q.next().map_or(0.0, |row| row.q(0)) / samples as f32;
                loss -= drawn.log_probs[k] * share;
                squash.score(output, &noise.sampled[k * dims..(k + 1) * dims], -share, gradient);
            }
            gradient.iter_mut().for_each(|gradient| *gradient *= per_sample);
            actor_loss += loss * per_sample;
        }
        drop(q);
        let actor_step = AdamStep::new(config.actor_learning_rate, config.adam_epsilon, t);
        actor.differentiate(observations);
        let mut entropy = [-per_sample * here.log_probs.iter().sum::<f32>()];
        let together = &mut [&mut actor.gradient[..], &mut entropy];
        average(all_reduce.as_deref(), (t, Part::Actor), size as f32, together);
        let [entropy] = entropy;
        actor.descend(actor_step, config.grad_clip);
        trace.scalar("loss.actor", actor_loss);
        trace.network("actor", actor, config.grad_clip);

        // 5. Temperature loss with the log-densities of the pass above, whose mean estimates −H.
        //    loss = mean_b exp(log_temperature) · (−sg[ln π] − H_target)      (Haarnoja et al. 2018b, equation 18)
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

/// `value_target = Qagg(o, a) − e · temperature · ln π(a|o)`, with critics that have read the policy's action.
fn sampled_value_targets(
    config: &SacConfig,
    temperature: f32,
    log_probs: &[f32],
    critics: &[Critic],
    value: &mut Value,
) {
    let entropy_weight = if config.entropy_in_target { temperature } else { 0.0 };
    let rows = Aggregate::rows(critics, config.backup).zip(log_probs);
    value.targets.clear();
    value.targets.extend(rows.map(|(row, log_prob)| row.q(0) - entropy_weight * log_prob));
}

/// `Qagg(o, a)` of one sample, whose slopes stand at `own` in each critic's; fills `slopes` with `dQagg/da`.
fn aggregated_slopes(
    critics: &[Critic],
    row: Option<Aggregate<'_>>,
    own: std::ops::Range<usize>,
    slopes: &mut [f32],
) -> f32 {
    let Some(row) = row else { return 0.0 };
    let shares = row.shares(0);
    // A single critic is both the first and the last.
    for (critic, share) in [&critics[0], &critics[critics.len() - 1]].into_iter().zip(shares) {
        for (slope, own) in slopes.iter_mut().zip(&critic.slopes[own.clone()]) {
            *slope += share * own;
        }
    }
    row.q(0)
}
