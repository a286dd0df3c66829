//! A network with a memory: the memory makes a row of features of every moment, hidden layers and head read
//! it. All parameters are in one flat buffer, the memory's first, so that gradient norm, optimizer and target update see
//! one network.

use super::config::Memory;
use super::moment::MomentInputs;
use super::moments::Moments;
use super::recurrent::{Cell, CellActivations, CellBackward, Kind};
use super::slots::{Slot, found};
use super::transformer::{Transformer, TransformerActivations, TransformerBackward};
use crate::mdp::{Attention, Rng};
use crate::nn::architecture::{Architecture, Head};
use crate::nn::buffer::{Buffer, padded};
use crate::nn::network::{Activations, Backward, Network};
use crate::nn::{HostTensor, NetworkError, TensorMap};

/// The memory itself.
#[derive(Debug, Clone)]
enum Layers {
    Recurrent(Cell),
    Transformer(Transformer),
}

/// The network. Its gradient and its Adam moments are flat buffers of the same layout.
#[derive(Debug, Clone)]
pub(crate) struct MemoryNetwork {
    memory: Layers,
    /// Parameters of the memory, which are those before the head's.
    remembered: usize,
    /// Entries that the hidden layers read beside the features: an action.
    beside: usize,
    head: Network,
}

/// Results of a forward pass, and the buffers of a backward pass, for one batch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Unrolled {
    cell: CellActivations,
    cell_backward: CellBackward,
    transformer: TransformerActivations,
    transformer_backward: TransformerBackward,
    head: Activations,
    backward: Backward,
    /// `[rows, features]`: features of the moments with an output, and what is read beside them, and the gradient with
    /// respect to all features, where only some moments have one or something is read beside them.
    gathered: Buffer,
    scattered: Buffer,
}

impl Unrolled {
    /// The network's outputs, as its last layers leave them.
    pub(crate) fn outputs(&self) -> &Activations {
        &self.head
    }

    /// Rows of the network's output with padding, `[M − from, B]` or those asked for; the first `outputs` entries are
    /// valid.
    pub(crate) fn rows(&self) -> std::slice::ChunksExact<'_, f32> {
        self.head.rows()
    }
}

/// One pass over a batch of sequences.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unroll<'a> {
    pub(crate) moments: Moments<'a>,
    /// `[B, state_width]`: states of a recurrent memory before the first moment; empty for zeros. A transformer has
    /// none but while acting.
    pub(crate) states: &'a [f32],
    /// First moment with an output: the burn-in.
    pub(crate) from: usize,
    /// Which rows of `[M − from, B]` have an output, in order; all without.
    pub(crate) rows: Option<&'a [u32]>,
    /// `[rows, beside]`: what hidden layers read beside the features of these rows.
    pub(crate) beside: &'a [f32],
    /// Whether a backward pass follows, which reads what the forward pass leaves.
    pub(crate) keep: bool,
}

impl MemoryNetwork {
    /// Its layers without allocated parameters: a `memory` over the inputs of `architecture`, and the hidden layers
    /// that it names, which read `beside` entries beside its features. `None` for [`Memory::None`].
    pub(crate) fn outline(
        memory: &Memory,
        architecture: &Architecture,
        beside: usize,
        outputs: usize,
        head: Head,
    ) -> Option<Self> {
        let mut end = 0;
        let cell = |kind, sizes, end: &mut usize| {
            Layers::Recurrent(Cell::new(kind, sizes, architecture.inputs.features(), end))
        };
        let memory = match memory {
            Memory::None => return None,
            Memory::Lstm(sizes) => cell(Kind::Lstm, sizes, &mut end),
            Memory::Gru(sizes) => cell(Kind::Gru, sizes, &mut end),
            Memory::Transformer(sizes) => {
                Layers::Transformer(Transformer::new(sizes, architecture, &mut end))
            }
        };
        let (mut width, mut rows) = match &memory {
            Layers::Recurrent(cell) => cell.features(),
            Layers::Transformer(transformer) => transformer.features(),
        };
        rows.extend((width..width + beside).map(|row| row as u32));
        width += padded(beside);
        let head = Network::dense(architecture, (width, rows), outputs, head, end);
        Some(Self { memory, remembered: end, beside, head })
    }

    /// Zeroes all parameters and draws them; `output_gain` is for [`crate::nn::Init::Orthogonal`], which like every
    /// other choice concerns the layers behind the memory alone.
    pub(crate) fn draw(&mut self, architecture: &Architecture, output_gain: f32, rng: &mut Rng) {
        let mut parameters = Buffer::zeros(self.head.size());
        match &self.memory {
            Layers::Recurrent(cell) => cell.draw(&mut parameters, rng),
            Layers::Transformer(transformer) => transformer.draw(&mut parameters, rng),
        }
        self.head.parameters = parameters;
        self.head.draw(architecture.init, output_gain, rng);
    }

    /// All weights and biases, and how many of them, at the beginning, are the memory's.
    pub(crate) fn parameters(&self) -> (&Buffer, usize) {
        (&self.head.parameters, self.remembered)
    }

    /// The same, mutable.
    pub(crate) fn parameters_mut(&mut self) -> (&mut Buffer, usize) {
        (&mut self.head.parameters, self.remembered)
    }

    /// Number of entries of an output row.
    pub(crate) fn outputs(&self) -> usize {
        self.head.outputs()
    }

    /// Floats of the state that sequences begin with: none of a transformer, which looks back at their own moments.
    pub(crate) fn sequence_state_width(&self) -> usize {
        match &self.memory {
            Layers::Recurrent(cell) => cell.state_width(),
            Layers::Transformer(_) => 0,
        }
    }

    /// Floats of a state while acting.
    pub(crate) fn state_width(&self) -> usize {
        match &self.memory {
            Layers::Recurrent(cell) => cell.state_width(),
            Layers::Transformer(transformer) => transformer.state_width(),
        }
    }

    /// Multiply-adds of a forward pass for one moment.
    pub(crate) fn work(&self) -> usize {
        let memory = match &self.memory {
            Layers::Recurrent(cell) => cell.work(),
            Layers::Transformer(transformer) => transformer.work(),
        };
        memory + self.head.work()
    }

    /// Computes the outputs of all moments from `unroll.from` on that `unroll` asks for. A sequence's result does not
    /// depend on the others.
    pub(crate) fn forward(&self, unroll: &Unroll<'_>, unrolled: &mut Unrolled) {
        let Unroll { moments, states, from, rows, keep, .. } = unroll;
        let parameters = &self.head.parameters;
        match &self.memory {
            Layers::Recurrent(cell) => cell.forward(parameters, moments, states, *keep, &mut unrolled.cell),
            Layers::Transformer(transformer) => {
                transformer.forward(parameters, moments, *from, &mut unrolled.transformer)
            }
        }
        if self.beside > 0 {
            return self.joined_forward(unroll, unrolled);
        }
        self.head_forward(from * moments.batch, *rows, unrolled);
    }

    /// Width of a row of features.
    fn width(&self) -> usize {
        self.head.inputs() - padded(self.beside)
    }

    /// Hidden layers and head on features and what is read beside them.
    fn joined_forward(&self, unroll: &Unroll<'_>, unrolled: &mut Unrolled) {
        let Unrolled { cell, transformer, head, gathered, .. } = unrolled;
        let (width, all) = (self.width(), self.head.inputs());
        let features = &match &self.memory {
            Layers::Recurrent(_) => &cell.features,
            Layers::Transformer(_) => &transformer.features,
        }[unroll.from * unroll.moments.batch * width..];
        let count = unroll.rows.map_or(features.len() / width, <[u32]>::len);
        debug_assert_eq!(unroll.beside.len(), count * self.beside);
        gathered.resize(count * all);
        let rows = gathered.chunks_exact_mut(all).zip(unroll.beside.chunks_exact(self.beside)).enumerate();
        for (index, (to, beside)) in rows {
            let row = unroll.rows.map_or(index, |rows| rows[index] as usize);
            let (own, rest) = to.split_at_mut(width);
            own.copy_from_slice(&features[row * width..][..width]);
            rest[..self.beside].copy_from_slice(beside);
            rest[self.beside..].fill(0.0);
        }
        self.head.forward(gathered, head);
    }

    /// Hidden layers and head on the features of all rows from `skip` on, or of `rows` of them.
    fn head_forward(&self, skip: usize, rows: Option<&[u32]>, unrolled: &mut Unrolled) {
        let Unrolled { cell, transformer, head, gathered, .. } = unrolled;
        let width = self.head.inputs();
        let features = &match &self.memory {
            Layers::Recurrent(_) => &cell.features,
            Layers::Transformer(_) => &transformer.features,
        }[skip * width..];
        let Some(rows) = rows else { return self.head.forward(features, head) };
        gathered.resize(rows.len() * width);
        for (row, to) in rows.iter().zip(gathered.chunks_exact_mut(width)) {
            to.copy_from_slice(&features[*row as usize * width..][..width]);
        }
        self.head.forward(gathered, head);
    }

    /// Acts: a pass over one moment, which replaces `states`, `[B, state_width]`, by those after it.
    pub(crate) fn act(&self, moments: &Moments<'_>, states: &mut [f32], unrolled: &mut Unrolled) {
        let parameters = &self.head.parameters;
        match &self.memory {
            Layers::Recurrent(cell) => {
                cell.forward(parameters, moments, states, false, &mut unrolled.cell);
                cell.end(moments, &unrolled.cell, states);
            }
            Layers::Transformer(transformer) => {
                transformer.act(parameters, moments, states, &mut unrolled.transformer)
            }
        }
        self.head_forward(0, None, unrolled);
    }

    /// What the memory made of every row of the last pass without burn-in: the hidden state behind it, or the output of a
    /// transformer.
    pub(crate) fn features<'a>(&self, unrolled: &'a Unrolled) -> impl Iterator<Item = &'a [f32]> {
        let (features, units) = match &self.memory {
            Layers::Recurrent(cell) => (&unrolled.cell.features, cell.units()),
            Layers::Transformer(transformer) => (&unrolled.transformer.features, transformer.units()),
        };
        features.chunks_exact(self.width()).map(move |row| &row[..units])
    }

    /// What a transformer attended to in the first row of the last call of [`MemoryNetwork::act`], of moments that
    /// `layout` describes: `before` is the state before it, `[state_width]`, which does not count if it was `starting`.
    /// `None` for a recurrent memory.
    pub(crate) fn attention(
        &self,
        layout: &MomentInputs,
        before: &[f32],
        starting: bool,
        unrolled: &Unrolled,
    ) -> Option<Attention> {
        let Layers::Transformer(transformer) = &self.memory else { return None };
        let parameters = &self.head.parameters;
        let (attention, weights) = transformer.attention(parameters, before, starting, &unrolled.transformer);
        Some(Attention { cells: layout.cell_attention(weights), ..attention })
    }

    /// Latest moments that the state after them depends on; `None` where all count.
    pub(crate) fn reach(&self) -> Option<usize> {
        match &self.memory {
            Layers::Recurrent(_) => None,
            Layers::Transformer(transformer) => Some(transformer.reach()),
        }
    }

    /// The zeroed gradient with respect to the output, one row with padding for each of it, to be filled before
    /// [`MemoryNetwork::backward`].
    pub(crate) fn output_gradient<'a>(
        &self,
        rows: usize,
        unrolled: &'a mut Unrolled,
    ) -> std::slice::ChunksExactMut<'a, f32> {
        self.head.output_gradient(rows, &mut unrolled.backward)
    }

    /// Output rows beside the gradient that [`MemoryNetwork::output_gradient`] would return.
    pub(crate) fn rows_and_gradient<'a>(
        &self,
        rows: usize,
        unrolled: &'a mut Unrolled,
    ) -> (std::slice::ChunksExact<'a, f32>, std::slice::ChunksExactMut<'a, f32>) {
        let Unrolled { head, backward, .. } = unrolled;
        (head.rows(), self.head.output_gradient(rows, backward))
    }

    /// Replaces `gradient` by the gradient with respect to the parameters. `unroll` and `unrolled` are those of the
    /// last forward pass; moments before `first` ≤ `unroll.from` are constant.
    pub(crate) fn backward(
        &self,
        unroll: &Unroll<'_>,
        first: usize,
        unrolled: &mut Unrolled,
        gradient: &mut [f32],
    ) {
        let Unrolled { cell, cell_backward, transformer, transformer_backward, head, backward, .. } =
            unrolled;
        let Unroll { moments, from, rows, .. } = unroll;
        let (parameters, when, width) = (&self.head.parameters, [first, *from], self.width());
        let skip = from * moments.batch * width;
        let features = &match &self.memory {
            Layers::Recurrent(_) => &cell.features,
            Layers::Transformer(_) => &transformer.features,
        }[skip..];
        let gathered = rows.is_some() || self.beside > 0;
        let read = if gathered { &unrolled.gathered[..] } else { features };
        let mut passed = self.head.backward_to_input(read, head, backward, gradient);
        if gathered {
            let scattered = &mut unrolled.scattered;
            scattered.resize(features.len());
            scattered.fill(0.0);
            for (index, passed) in passed.chunks_exact(self.head.inputs()).enumerate() {
                let row = rows.map_or(index, |rows| rows[index] as usize);
                scattered[row * width..][..width].copy_from_slice(&passed[..width]);
            }
            passed = scattered;
        }
        match &self.memory {
            Layers::Recurrent(layer) => {
                layer.backward(parameters, moments, when, cell, passed, cell_backward, gradient)
            }
            Layers::Transformer(layer) => {
                let scratch = transformer_backward;
                layer.backward(parameters, moments, when, transformer, passed, scratch, gradient)
            }
        }
    }

    /// Replaces `slopes`, `[rows, beside]`, by the gradient with respect to what the hidden layers read beside the
    /// features; the output's gradient is filled, parameters and features are constant.
    pub(crate) fn slopes_beside(&self, unrolled: &mut Unrolled, slopes: &mut Vec<f32>) {
        let Unrolled { head, backward, .. } = unrolled;
        let entries = self.head.entries();
        self.head.input_gradient(head, backward, entries - self.beside..entries, slopes);
    }

    fn slots(&self) -> Vec<Slot> {
        match &self.memory {
            Layers::Recurrent(cell) => cell.slots(),
            Layers::Transformer(transformer) => transformer.slots(),
        }
    }

    /// Exports `values`, a flat buffer of this network's layout, as named tensors `memory.…`, `layers.0.weight` ….
    pub(crate) fn tensors(&self, values: &[f32], mut put: impl FnMut(String, HostTensor)) {
        for slot in self.slots() {
            let tensor = slot.tensor(values);
            put(slot.name, tensor);
        }
        self.head.tensors(values, put);
    }

    /// Reads the tensors called `name("memory.rnn.weight_ih")` … into a flat buffer of this layout.
    ///
    /// # Errors
    /// [`NetworkError::Tensor`] for the first one missing, of another shape, or not finite.
    pub(crate) fn flat(
        &self,
        tensors: &TensorMap,
        name: impl Fn(&str) -> String,
    ) -> Result<Buffer, NetworkError> {
        let slots = self.slots();
        // Everything is found before memory is allocated: a file of a few bytes may declare any network.
        let found = found(&slots, tensors, &name)?;
        let mut values = self.head.flat(tensors, name)?;
        for (slot, data) in slots.iter().zip(found) {
            slot.places().zip(data).for_each(|(place, value)| values[place] = *value);
        }
        Ok(values)
    }
}
