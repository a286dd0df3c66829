//! One gradient step: its numbers and its batch go to the card, its figures come back if they are asked for.

use super::super::FusedSac;
use super::super::losses::mean_td_errors;
use super::super::report::Closing;
use super::super::temperature::target_entropy;
use super::GpuSac;
use super::plan::{ACTOR_RATE, CRITIC_RATE, Columns, Plan, TEMPERATURE_RATE, VALUE_RATE};
use crate::algo::TrainError;
use crate::algo::report::{
    ACTOR_GRADIENT_NORM, ACTOR_PARAMETER_NORM, CRITIC_GRADIENT_NORM, CRITIC_PARAMETER_NORM,
};
use crate::algo::sac::draws::fill_noise;
use crate::algo::sac::{Actions, ActorGradient, SacConfig, TargetUpdate, batch};
use crate::mdp::{ActionNoise, Stream, TransitionBatch, rng};
use crate::metrics::Metrics;
use crate::nn::adam::AdamStep;
use crate::nn::categorical::gumbel;
use crate::nn::gpu::{Numbers, STEPS};
use rand::RngExt as _;

impl GpuSac {
    pub(super) fn step(
        &mut self,
        batch: &TransitionBatch,
        report: bool,
    ) -> Result<Option<Metrics>, TrainError> {
        let host = self.host.get_mut();
        batch::check(batch, &host.config, host.inputs.features(), &host.actions)?;
        let t = self.gradient_steps + 1;
        let numbers = numbers(&host.config, &host.actions, t, !batch.demonstrated.is_empty());
        let drawn = drawn(host, batch, t);
        let plan = self.plan_for(batch.batch)?;
        let row = columns(&plan.columns, batch, &drawn);
        let own =
            [numbers.own[0], numbers.own[1], f32::from(u8::from(!batch.sampled_actions.is_empty())), 0.0];
        plan.program.step(Numbers { own, ..numbers }, &row)?;
        plan.begun = true;
        self.gradient_steps = t;
        if !report {
            return Ok(None);
        }
        let host = self.host.get_mut();
        let Some(plan) = self.plan.get_mut() else { return Ok(None) };
        let (report, closing) = read_figures(plan, host, t)?;
        closing.complete(report, t)
    }
}

/// What changes from step to step: number `t`, with demonstrations in its batch or none.
fn numbers(config: &SacConfig, actions: &Actions, t: u64, demonstrated: bool) -> Numbers {
    let mut rates = [0.0; 4];
    let step = |learning_rate| AdamStep::new(learning_rate, config.adam_epsilon, t);
    let target = target_entropy(config, actions, t);
    let critic = step(config.critic_learning_rate);
    rates[CRITIC_RATE as usize] = critic.rate();
    rates[ACTOR_RATE as usize] = step(config.actor_learning_rate).rate();
    if let Some(network) = config.value_network {
        rates[VALUE_RATE as usize] = step(network.learning_rate).rate();
    }
    if target.is_some() {
        rates[TEMPERATURE_RATE as usize] = step(config.temperature_learning_rate).rate();
    }
    let tau = match config.target_update {
        TargetUpdate::Soft { tau } => tau,
        TargetUpdate::Hard { interval } => f32::from(u8::from(t.is_multiple_of(interval))),
    };
    let cloning = config.behavior_cloning.filter(|_| demonstrated).and_then(|own| own.weight_at(t));
    let own = [cloning.unwrap_or(0.0), target.unwrap_or(0.0), 0.0, 0.0];
    Numbers {
        second_scale: critic.second_scale(),
        epsilon: config.adam_epsilon,
        tau,
        rates,
        own,
        slot: slot(t),
        ..Numbers::default()
    }
}

/// What gradient step `t` draws on the host: the numbers that the step on the CPU draws, or those that `batch` gives.
#[derive(Default)]
struct Drawn {
    noise: ActionNoise,
    /// For an estimator of the actor's gradient.
    estimator: Vec<f32>,
}

fn drawn(host: &FusedSac, batch: &TransitionBatch, t: u64) -> Drawn {
    let mut drawn = Drawn::default();
    let (size, mut stream) = (batch.batch, rng(host.seed, Stream::ActorGradient, t));
    if host.actions.is_continuous() {
        let length = size * host.actions.read_by_critics();
        fill_noise(&mut drawn.noise, &batch.noise, [length, length, 0], stream);
        return drawn;
    }
    let given = batch.sampled_actions.iter().map(|action| f32::from(*action));
    match host.config.actor_gradient {
        ActorGradient::Expected | ActorGradient::ForwardKl => {}
        ActorGradient::Reinforce { .. } if !batch.sampled_actions.is_empty() => drawn.estimator.extend(given),
        ActorGradient::Reinforce { samples } => {
            drawn.estimator.extend((0..size * samples).map(|_| stream.random::<f32>()));
        }
        ActorGradient::Gumbel { samples, .. } => {
            let count = size * samples * host.actions.count();
            drawn.estimator.extend((0..count).map(|_| gumbel(&mut stream)));
        }
    }
    drawn
}

/// The floats of `batch`, and what is drawn for it.
fn columns(places: &Columns, batch: &TransitionBatch, drawn: &Drawn) -> Vec<f32> {
    let mut row = vec![0.0; places.len];
    let mut put = |at: usize, column: &[f32]| {
        let len = column.len();
        row[at..at + len].copy_from_slice(column);
    };
    put(places.observations, &batch.observations);
    put(places.next_observations, &batch.next_observations);
    put(places.returns, &batch.n_step_returns);
    put(places.discounts, &batch.discounts);
    put(places.terminated, &batch.terminated);
    put(places.weights, &batch.weights);
    // Two columns that a batch may lack, where nobody reads them.
    put(places.behavior_entropies, &batch.behaviour_entropies);
    put(places.demonstrated, &batch.demonstrated);
    put(places.actions, &batch.actions.continuous);
    if !batch.actions.continuous.is_empty() {
        put(places.noise_here, &drawn.noise.here);
        put(places.noise_next, &drawn.noise.next);
    }
    put(places.draws, &drawn.estimator);
    let taken = &mut row[places.actions..];
    for (place, action) in taken.iter_mut().zip(&batch.actions.discrete) {
        *place = f32::from(*action);
    }
    row
}

/// The figures of gradient step `t`, the last one.
fn read_figures(plan: &mut Plan, host: &mut FusedSac, t: u64) -> Result<(Metrics, Closing), TrainError> {
    // State comes before the temperature: reports leave it on the card.
    let start = plan.figures.log_alpha;
    let (size, figures) = (plan.batch, plan.figures);
    let outputs = size as u32 * figures.actor_width;
    let values = plan.program.report(&[start..plan.end, figures.logits..figures.logits + outputs])?;
    let own = |at: u32, index: usize| &values[(at - start) as usize + index * size..][..size];
    let per_sample = 1.0 / size as f32;
    let slot = slot(t) as usize * host.critics.len();
    for (index, critic) in host.critics.iter_mut().enumerate() {
        critic.q_taken = own(figures.q_taken, index).to_vec();
        critic.targets = own(figures.targets, index).to_vec();
        critic.td_errors = own(figures.td_errors, slot + index).to_vec();
        critic.loss = own(figures.critic_losses, index).iter().sum::<f32>() * per_sample;
    }
    if let Some(value) = &mut host.value {
        value.loss = own(figures.value_losses, 0).iter().sum::<f32>() * per_sample;
    }
    mean_td_errors(&host.critics, &mut host.td_errors);
    if !host.actions.is_continuous() {
        let width = figures.actor_width as usize;
        let logits = values[(plan.end - start) as usize..].chunks_exact(width);
        host.current.compute_rows(logits, host.actions.count());
    }
    let mut report = host.figures_of_outputs();
    let [actor_gradient, actor_parameters] = plan.actor.mean_norms(start, &values);
    let [critic_gradient, critic_parameters] = plan.critics.mean_norms(start, &values);
    report.set(ACTOR_GRADIENT_NORM, actor_gradient);
    report.set(CRITIC_GRADIENT_NORM, critic_gradient);
    report.set(ACTOR_PARAMETER_NORM, actor_parameters);
    report.set(CRITIC_PARAMETER_NORM, critic_parameters);
    let entropy = own(figures.entropies, 0).iter().sum::<f32>() * per_sample;
    let temperature = values[3];
    let target_entropy = target_entropy(&host.config, &host.actions, t);
    let closing = Closing {
        actor_loss: own(figures.actor_losses, 0).iter().sum::<f32>() * per_sample,
        temperature_loss: target_entropy.map_or(0.0, |target| temperature * (entropy - target)),
        temperature,
        entropy,
        target_entropy,
    };
    Ok((report, closing))
}

/// Where what is kept of gradient step `t` for a while stands.
pub(super) fn slot(t: u64) -> u32 {
    (t % u64::from(STEPS)) as u32
}
