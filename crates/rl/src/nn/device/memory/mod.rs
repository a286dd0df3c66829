//! Memories on burn tensors: unrolls stacked networks over a batch of sequences. Cells are in `recurrent`, attention is
//! in `transformer`, names and initial values of parameters in `parameters`.
//!
//! Rows are moments of sequences, moment by moment: row `t · B + b` is moment `t` of sequence `b`.

mod parameters;
mod recurrent;
mod transformer;

use std::collections::BTreeMap;
use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};

use self::parameters::Parameter;
use super::functions::{convolved, normalized};
use crate::mdp::Rng;
use crate::nn::HostTensor;
use crate::nn::memory::{Memory, MomentInputs, Recurrent, Transformer};

/// Added to the score of a moment that attention does not see: its weight is exactly zero.
const UNSEEN: f32 = -1e9;

/// A batch of sequences as memories read it, on the device and outside autodiff. `M` moments of `B` sequences.
pub(crate) struct Moments {
    batch: usize,
    count: usize,
    burn_in: usize,
    burn_in_gradient: bool,
    /// `x_t`, `[1, M·B, X]`; absent if `X` is 0.
    inputs: Option<Tensor<3>>,
    /// `[M·B, channels, height, width]`, only for a spatial memory.
    grids: Option<Tensor<4>>,
    /// `[1, M·B, 1]`: 0 at the first moment of an episode, else 1.
    keep: Tensor<3>,
    /// `[1, B, 1, 1, M, M]`: 0 where moment `t` sees moment `s`, [`UNSEEN`] elsewhere; only for a transformer.
    seen: Option<Tensor<6>>,
}

/// What [`Moments`] are made of.
pub(crate) struct HostMoments {
    /// Sequences `B`.
    pub batch: usize,
    /// Moments `M`.
    pub count: usize,
    /// Leading moments without an output, less than `M`.
    pub burn_in: usize,
    /// Whether gradient flows through them.
    pub burn_in_gradient: bool,
    /// `x_t`, `[M·B, X]`.
    pub inputs: Vec<f32>,
    /// `[M·B, channels · height · width]`, or empty.
    pub grids: Vec<f32>,
    /// `[M·B]`: whether it is the first moment of an episode.
    pub starts: Vec<bool>,
}

impl HostMoments {
    /// On `device`, for `memory` that reads `moment`.
    pub fn upload(self, memory: &Memory, moment: &MomentInputs, device: &Device) -> Moments {
        let Self { batch, count, burn_in, burn_in_gradient, .. } = self;
        let (rows, width) = (batch * count, moment.width());
        let seen = match memory {
            Memory::Transformer(sizes) => Some(self.seen(sizes.window, device)),
            _ => None,
        };
        let grids = moment.grid.map(|grid| {
            let shape = [rows, grid.channels, grid.height, grid.width];
            Tensor::from_data(TensorData::new(self.grids, shape), device)
        });
        let keep: Vec<f32> = self.starts.iter().map(|start| if *start { 0.0 } else { 1.0 }).collect();
        let rows_of = |values, width| Tensor::from_data(TensorData::new(values, [1, rows, width]), device);
        let inputs = (width > 0).then(|| rows_of(self.inputs, width));
        Moments { batch, count, burn_in, burn_in_gradient, inputs, grids, keep: rows_of(keep, 1), seen }
    }

    /// `t` sees `s` iff `s ≤ t`, `t − s < window`, and no episode begins in `(s, t]`.
    fn seen(&self, window: usize, device: &Device) -> Tensor<6> {
        let (batch, count) = (self.batch, self.count);
        let mut seen = vec![UNSEEN; batch * count * count];
        for b in 0..batch {
            for t in 0..count {
                for s in (0..=t).rev().take(window) {
                    seen[(b * count + t) * count + s] = 0.0;
                    if self.starts[s * batch + b] {
                        break;
                    }
                }
            }
        }
        Tensor::from_data(TensorData::new(seen, [1, batch, 1, 1, count, count]), device)
    }
}

impl Moments {
    /// Rows of `moments`.
    fn rows(&self, moments: &Range<usize>) -> Range<usize> {
        moments.start * self.batch..moments.end * self.batch
    }

    /// All of them, or those after the burn-in.
    fn all(&self) -> Range<usize> {
        0..self.count
    }

    fn after_burn_in(&self) -> Range<usize> {
        self.burn_in..self.count
    }

    /// Whether the burn-in is processed apart, without gradient.
    fn constant_burn_in(&self) -> bool {
        self.burn_in > 0 && !self.burn_in_gradient
    }
}

/// The memory of a network, the names of its parameters and their positions among the network's tensors.
#[derive(Debug)]
pub(crate) struct MemoryForm {
    kind: Kind,
    inputs: MomentInputs,
    parameters: Vec<Parameter>,
    positions: BTreeMap<String, usize>,
}

/// How a memory is unrolled.
#[derive(Debug)]
enum Kind {
    /// An LSTM, or else a GRU.
    Recurrent {
        sizes: Recurrent,
        lstm: bool,
    },
    Transformer(Transformer),
}

impl MemoryForm {
    /// `None` without a memory.
    pub fn new(memory: &Memory, inputs: MomentInputs) -> Option<Self> {
        let kind = match memory {
            Memory::None => return None,
            Memory::Lstm(sizes) => Kind::Recurrent { sizes: sizes.clone(), lstm: true },
            Memory::Gru(sizes) => Kind::Recurrent { sizes: sizes.clone(), lstm: false },
            Memory::Transformer(sizes) => Kind::Transformer(sizes.clone()),
        };
        let parameters = parameters::of(memory, &inputs);
        let positions = parameters.iter().enumerate().map(|(index, own)| (own.name.clone(), index)).collect();
        Some(Self { kind, inputs, parameters, positions })
    }

    /// Number of its tensors.
    pub fn tensors(&self) -> usize {
        self.parameters.len()
    }

    /// Number of parameters.
    pub fn len(&self) -> usize {
        self.parameters.iter().map(|own| own.shape.iter().product::<usize>()).sum()
    }

    /// Fresh parameters, `memory.…`, in order.
    pub fn draw(&self, rng: &mut Rng) -> Vec<(String, HostTensor)> {
        let drawn = |own: &Parameter| (format!("memory.{}", own.name), own.draw(rng));
        self.parameters.iter().map(drawn).collect()
    }
}

/// Parameters of the memories of stacked networks, `[members, rows, columns]` each.
pub(super) struct MemoryLayers<'a> {
    form: &'a MemoryForm,
    blocks: Vec<Tensor<3>>,
    members: usize,
}

impl<'a> MemoryLayers<'a> {
    /// The first of `blocks` are the memory's.
    pub fn new(form: &'a MemoryForm, blocks: &[Tensor<3>]) -> Self {
        let members = blocks[0].dims()[0];
        Self { form, blocks: blocks[..form.tensors()].to_vec(), members }
    }

    /// The same outside autodiff.
    fn inner(&self) -> Self {
        let blocks = self.blocks.iter().map(|block| block.clone().inner()).collect();
        Self { form: self.form, blocks, members: self.members }
    }

    /// Features of all moments from the burn-in on, `[members, (M − burn_in)·B, F]`. `state` is the state of a recurrent
    /// memory before the first moment, `[members, B, state_width]`, absent for zeros.
    pub fn unroll(&self, moments: &Moments, state: Option<Tensor<3>>) -> Tensor<3> {
        match &self.form.kind {
            Kind::Recurrent { sizes, lstm } => recurrent::unroll(self, (sizes, *lstm), moments, state),
            Kind::Transformer(sizes) => transformer::unroll(self, sizes, moments),
        }
    }

    /// The parameter called `memory.<name>`.
    fn parameter(&self, name: &str) -> Tensor<3> {
        self.blocks[self.form.positions[name]].clone()
    }

    /// `x W + b`, or `x W` for a layer without a bias.
    fn linear(&self, name: &str, x: Tensor<3>) -> Tensor<3> {
        let y = x.matmul(self.parameter(&format!("{name}.weight")));
        match self.form.positions.get(&format!("{name}.bias")) {
            Some(&bias) => y + self.blocks[bias].clone(),
            None => y,
        }
    }

    fn normalized(&self, name: &str, x: Tensor<3>) -> Tensor<3> {
        normalized(x, self.parameter(&format!("{name}.weight")), self.parameter(&format!("{name}.bias")))
    }
}
