//! How a batch of sequences becomes rows of a gradient step: inputs of every moment, returns, and the unmasked
//! transitions, which are all that heads and losses see.

use burn::tensor::activation::softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::AutodiffSac;
use super::returns::n_step_return;
use super::rows::{RowNoise, Rows, Sequences, Source, Taken, column};
use crate::algo::TrainError;
use crate::algo::sac::{Actions, SacConfig, batch};
use crate::mdp::{ActionNoise, ActionRow, SequenceBatch};
use crate::nn::device::{HostMoments, read};
use crate::nn::memory::MomentInputs;

/// An unmasked transition: `t` of sequence `b`.
type Place = (usize, usize);

/// Unmasked transitions, moment by moment.
pub(super) fn unmasked(batch: &SequenceBatch) -> Vec<Place> {
    let all = (batch.burn_in..batch.length).flat_map(|t| (0..batch.batch).map(move |b| (t, b)));
    all.filter(|(t, b)| batch.mask[b * batch.length + t] != 0.0).collect()
}

impl Rows {
    /// The rows of `batch`, which has passed its check, for networks that read `moment`.
    pub fn of_sequences(
        batch: &SequenceBatch,
        places: &[Place],
        config: &SacConfig,
        moment: &MomentInputs,
        actions: &Actions,
        noise: &ActionNoise,
        device: &Device,
    ) -> Self {
        let none = places.is_empty();
        // Some row must be there; it enters no loss.
        let places = if none { &[(batch.burn_in, 0)][..] } else { places };
        let at = |(t, b): &Place| b * batch.length + t;
        let gather = |values: &[f32]| places.iter().map(|place| values[at(place)]).collect::<Vec<_>>();
        let returns: Vec<_> = places.iter().map(|&(t, b)| n_step_return(batch, b, t, config.gamma)).collect();
        let index = |ahead: &dyn Fn(usize) -> usize| {
            let row =
                |(place, &(t, b)): (usize, &Place)| (t + ahead(place) - batch.burn_in) * batch.batch + b;
            let rows: Vec<i64> = places.iter().enumerate().map(|place| row(place) as i64).collect();
            let count = rows.len();
            Tensor::<1, Int>::from_data(TensorData::new(rows, [count]), device)
        };
        let sequences = Sequences {
            here: index(&|_| 0),
            next: index(&|place| returns[place].steps),
            states: states(batch, config, device),
            moments: moments(batch, config, moment).upload(&config.memory, moment, device),
        };
        let samples = batch.sampled_actions.len() / (batch.batch * batch.length);
        let sampled = |place| {
            let start = at(place) * samples;
            batch.sampled_actions[start..start + samples].iter().copied()
        };
        let (scale, dims) = (config.total_reward_scale(), actions.read_by_critics());
        let noise_at = |values: &[f32], ahead: &dyn Fn(usize) -> usize| {
            let rows = places.iter().enumerate().filter(|_| dims > 0).flat_map(|(place, &(t, b))| {
                &values[(b * (batch.length + 1) + t + ahead(place)) * dims..][..dims]
            });
            rows.copied().collect::<Vec<_>>()
        };
        let noise = ActionNoise {
            here: noise_at(&noise.here, &|_| 0),
            next: noise_at(&noise.next, &|place| returns[place].steps),
            sampled: Vec::new(),
        };
        let weight = |&(_, b): &Place| if none { 0.0 } else { batch.weights[b] };
        let entropies = !batch.behaviour_entropies.is_empty();
        Self {
            source: Source::Sequences(Box::new(sequences)),
            taken: Taken::upload(&batch.actions, actions, places.iter().map(at), device),
            noise: RowNoise::upload(&noise, dims, places.len(), device),
            returns: column(returns.iter().map(|own| scale * own.sum).collect(), 1, device),
            discounts: column(returns.iter().map(|own| own.discount).collect(), 1, device),
            weights: column(places.iter().map(weight).collect(), 1, device),
            behaviour_entropies: if entropies { gather(&batch.behaviour_entropies) } else { Vec::new() },
            demonstrated: Vec::new(),
            sampled_actions: places.iter().flat_map(sampled).collect(),
            none,
        }
    }
}

impl AutodiffSac {
    /// The actor's policy at every moment of `batch` after the burn-in, `[B, T + 1 − burn_in, A]`.
    ///
    /// # Errors
    /// [`TrainError::Batch`] for an agent without memory, and for a batch that does not fit;
    /// [`crate::nn::NetworkError::Device`] when they cannot be read back.
    pub fn policies(&self, batch: &SequenceBatch) -> Result<Vec<f32>, TrainError> {
        batch::check_sequences(batch, &self.config, self.inputs.features(), &self.actions)?;
        let problem = "holds sequences, an agent without memory reads transitions".to_owned();
        let Some(moment) = &self.moment else { return Err(TrainError::Batch { problem }) };
        let moments = moments(batch, &self.config, moment).upload(&self.config.memory, moment, &self.device);
        let [state, _] = states(batch, &self.config, &self.device);
        let actor = &self.actor.networks;
        let Some(features) = actor.layers().unroll(&moments, state) else { return Ok(Vec::new()) };
        let Actions::Discrete(actions) = self.actions else {
            let problem = "holds continuous actions, which have no probabilities".to_owned();
            return Err(TrainError::Batch { problem });
        };
        let shape = [batch.length + 1 - batch.burn_in, batch.batch, actions];
        let policies = softmax(actor.forward(features), 2).reshape(shape);
        Ok(read(policies.swap_dims(0, 1).flatten(0, 2))?)
    }
}

/// `x_t` of every moment, its grid, and where episodes begin.
fn moments(batch: &SequenceBatch, config: &SacConfig, moment: &MomentInputs) -> HostMoments {
    let SequenceBatch { batch: size, length, burn_in, features, .. } = *batch;
    let mut host = HostMoments {
        batch: size,
        count: length + 1,
        burn_in,
        burn_in_gradient: config.sequence.burn_in_gradient,
        inputs: Vec::new(),
        grids: Vec::new(),
        starts: Vec::new(),
    };
    for t in 0..=length {
        for b in 0..size {
            let row = b * (length + 1) + t;
            let start = batch.is_first[row] != 0.0;
            let (vector, grid) =
                batch.observations[row * features..(row + 1) * features].split_at(moment.observation);
            host.inputs.extend_from_slice(vector);
            host.grids.extend_from_slice(if moment.grid.is_some() { grid } else { &[] });
            host.starts.push(start);
            let before = b * length + t.saturating_sub(1);
            let (action, reward) = match t {
                0 => (batch.previous_actions.row(b), batch.previous_rewards[b]),
                _ => (batch.actions.row(before), batch.rewards[before]),
            };
            let first = host.inputs.len();
            host.inputs.resize(first + moment.previous_action, 0.0);
            let entries = &mut host.inputs[first..];
            match action {
                _ if start => {}
                ActionRow::Discrete(action) => {
                    if let Some(value) = entries.get_mut(usize::from(action)) {
                        *value = 1.0;
                    }
                }
                ActionRow::Continuous(action) if !entries.is_empty() => entries.copy_from_slice(action),
                ActionRow::Continuous(_) => {}
            }
            host.inputs.extend((0..moment.previous_reward).map(|_| if start { 0.0 } else { reward }));
        }
    }
    host
}

/// States of actor and critics before the first moment; absent where they are not stored.
fn states(batch: &SequenceBatch, config: &SacConfig, device: &Device) -> [Option<Tensor<3>>; 2] {
    let (width, stored) = (config.memory.state_width(), &batch.initial_states);
    let members = config.network_names().len();
    let part = |from: usize, to: usize| {
        let enough = width > 0 && stored.rows() == batch.batch && stored.width >= to * width;
        enough.then(|| {
            let values: Vec<f32> = (from..to)
                .flat_map(|member| {
                    (0..batch.batch)
                        .flat_map(move |row| &stored.row(row)[member * width..(member + 1) * width])
                })
                .copied()
                .collect();
            Tensor::from_data(TensorData::new(values, [to - from, batch.batch, width]), device)
        })
    };
    [part(0, 1), part(1, members)]
}
