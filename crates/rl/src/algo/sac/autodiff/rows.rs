//! What a gradient step reads of a batch, on the device: the moments that enter the losses, those bootstrapped from, and
//! what a network makes of both. Sequences become such rows in `sequences`.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::algo::sac::Actions;
use crate::mdp::{ActionBatch, ActionNoise, TransitionBatch};
use crate::nn::device::{Layers, Moments};

/// `N` transitions that enter the losses; columns are `[1, N, …]`.
pub(super) struct Rows {
    pub source: Source,
    pub taken: Taken,
    pub noise: RowNoise,
    pub returns: Tensor<3>,
    /// `discount (1 − terminated)`.
    pub discounts: Tensor<3>,
    pub weights: Tensor<3>,
    /// `[N]`, or empty.
    pub behaviour_entropies: Vec<f32>,
    /// `[N]`, or empty.
    pub demonstrated: Vec<f32>,
    /// `[N, K]`, or empty.
    pub sampled_actions: Vec<u16>,
    /// Whether no transition enters the losses; the only row then stands for none.
    pub none: bool,
}

/// The actions taken.
pub(super) enum Taken {
    /// 1 at the action taken: a product with it picks Q(o, a) and its gradient without gather and scatter,
    /// which are slow on GPUs.
    Discrete(Tensor<3>),
    /// The actions themselves, `[1, N, A]`.
    Continuous(Tensor<3>),
}

impl Taken {
    /// `rows` of `batch`.
    pub fn upload(
        batch: &ActionBatch,
        actions: &Actions,
        rows: impl Iterator<Item = usize>,
        device: &Device,
    ) -> Self {
        match actions {
            Actions::Discrete(actions) => {
                Self::Discrete(one_hot(rows.map(|row| batch.discrete[row]), *actions, device))
            }
            Actions::Continuous(dimensions) => {
                let values = rows.flat_map(|row| batch.vector(row)).copied().collect();
                Self::Continuous(column(values, dimensions.len(), device))
            }
        }
    }
}

/// Standard normal noise of continuous actions; absent where it is not used.
#[derive(Default)]
pub(super) struct RowNoise {
    /// `[1, N, A]` at the moments of the losses, and where they are bootstrapped from.
    pub here: Option<Tensor<3>>,
    pub next: Option<Tensor<3>>,
    /// `[N, K, A]`.
    pub sampled: Option<Tensor<3>>,
}

impl RowNoise {
    /// For actions of `dims` dimensions of `size` transitions.
    pub fn upload(noise: &ActionNoise, dims: usize, size: usize, device: &Device) -> Self {
        let part = |values: &Vec<f32>| {
            let samples = values.len() / (dims * size).max(1);
            (samples > 0)
                .then(|| Tensor::from_data(TensorData::new(values.clone(), [size, samples, dims]), device))
        };
        let row = |values| part(values).map(|own: Tensor<3>| own.reshape([1, size, dims]));
        Self { here: row(&noise.here), next: row(&noise.next), sampled: part(&noise.sampled) }
    }
}

/// Where networks find the moments.
pub(super) enum Source {
    /// `[1, N, D]` each.
    Observations {
        here: Box<Tensor<3>>,
        next: Box<Tensor<3>>,
    },
    Sequences(Box<Sequences>),
}

/// Sequences to unroll networks over.
pub(super) struct Sequences {
    pub moments: Moments,
    /// States before the first moment, `[members, B, state_width]`, of actor and critics.
    pub states: [Option<Tensor<3>>; 2],
    /// Rows of the moments after the burn-in, `[N]` each: those of the losses, and those bootstrapped from.
    pub here: Tensor<1, Int>,
    pub next: Tensor<1, Int>,
}

/// Whose states an unroll begins with. Targets begin with those of their online networks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Of {
    Actor,
    Critics,
}

/// What hidden layers read.
pub(super) struct Features<'a> {
    source: &'a Source,
    /// Of all moments after the burn-in.
    unrolled: Option<Tensor<3>>,
}

impl Features<'_> {
    /// Features of the moments that enter the losses, `[1 or members, N, F]`.
    pub fn here(&self) -> Tensor<3> {
        match (self.source, &self.unrolled) {
            (Source::Observations { here, .. }, _) => (**here).clone(),
            (Source::Sequences(sequences), Some(all)) => all.clone().select(1, sequences.here.clone()),
            (Source::Sequences(sequences), None) => Tensor::zeros([1, 0, 0], &sequences.here.device()),
        }
    }

    /// Those of the moments bootstrapped from, outside autodiff.
    pub fn next(&self) -> Tensor<3> {
        match (self.source, &self.unrolled) {
            (Source::Observations { next, .. }, _) => (**next).clone(),
            (Source::Sequences(sequences), Some(all)) => {
                all.clone().inner().select(1, sequences.next.clone())
            }
            (Source::Sequences(sequences), None) => Tensor::zeros([1, 0, 0], &sequences.next.device()),
        }
    }
}

impl Rows {
    /// The rows of `batch`, whose returns count `scale` times, with `noise`.
    pub fn upload(
        batch: &TransitionBatch,
        actions: &Actions,
        noise: &ActionNoise,
        scale: f32,
        device: &Device,
    ) -> Self {
        let ends = batch.discounts.iter().zip(&batch.terminated);
        Self {
            source: Source::Observations {
                here: Box::new(column(batch.observations.clone(), batch.features, device)),
                next: Box::new(column(batch.next_observations.clone(), batch.features, device)),
            },
            taken: Taken::upload(&batch.actions, actions, 0..batch.batch, device),
            noise: RowNoise::upload(noise, actions.read_by_critics(), batch.batch, device),
            returns: column(batch.n_step_returns.iter().map(|own| scale * own).collect(), 1, device),
            discounts: column(ends.map(|(discount, end)| discount * (1.0 - end)).collect(), 1, device),
            weights: column(batch.weights.clone(), 1, device),
            behaviour_entropies: batch.behaviour_entropies.clone(),
            demonstrated: batch.demonstrated.clone(),
            sampled_actions: batch.sampled_actions.clone(),
            none: false,
        }
    }

    /// Number of rows `N`, at least 1.
    pub fn len(&self) -> usize {
        self.returns.dims()[1]
    }

    /// What `layers` read at the moments. A memory is unrolled once for all of them.
    pub fn features(&self, layers: &Layers, of: Of) -> Features<'_> {
        let unrolled = match &self.source {
            Source::Observations { .. } => None,
            Source::Sequences(sequences) => {
                let state = match of {
                    Of::Actor => &sequences.states[0],
                    Of::Critics => &sequences.states[1],
                };
                layers.unroll(&sequences.moments, state.clone())
            }
        };
        Features { source: &self.source, unrolled }
    }

    /// A mean over the rows, 0 if they stand for none.
    pub fn mean(&self, mean: Tensor<1>) -> Tensor<1> {
        if self.none { mean * 0.0 } else { mean }
    }
}

/// `[o, a]` as critics of continuous actions read it: `action`, `[1, N, A]`, in `features`, `[1 or members, N, F]`,
/// from `entry` on, or behind them; without one the features alone.
pub(super) fn joined(features: Tensor<3>, action: Option<Tensor<3>>, entry: Option<usize>) -> Tensor<3> {
    let Some(mut action) = action else { return features };
    let [members, _, width] = features.dims();
    if members > 1 {
        action = action.repeat_dim(0, members);
    }
    let entry = entry.unwrap_or(width);
    let mut parts = vec![features.clone().slice_dim(2, 0..entry), action];
    if entry < width {
        parts.push(features.slice_dim(2, entry..width));
    }
    if entry == 0 {
        parts.remove(0);
    }
    // What is concatenated must be tracked alike.
    if parts.iter().any(Tensor::is_autodiff) {
        parts = parts.into_iter().map(Tensor::autodiff).collect();
    }
    Tensor::cat(parts, 2)
}

/// `values`, `[1, rows, columns]` on the device.
pub(super) fn column(values: Vec<f32>, columns: usize, device: &Device) -> Tensor<3> {
    let rows = values.len() / columns;
    Tensor::from_data(TensorData::new(values, [1, rows, columns]), device)
}

/// `[1, rows, columns]` with a 1 at the action of every row; zeros for an action that does not exist.
fn one_hot(chosen: impl Iterator<Item = u16>, columns: usize, device: &Device) -> Tensor<3> {
    let mut values = Vec::new();
    for action in chosen {
        let start = values.len();
        values.resize(start + columns, 0.0);
        if let Some(value) = values[start..].get_mut(usize::from(action)) {
            *value = 1.0;
        }
    }
    column(values, columns, device)
}
