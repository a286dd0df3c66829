//! Names, shapes and initial values of a memory's parameters.

use rand::RngExt as _;

use crate::mdp::Rng;
use crate::nn::HostTensor;
use crate::nn::memory::{Memory, MomentInputs, Recurrent, Transformer};

/// How a parameter begins.
#[derive(Debug, Clone, Copy)]
enum Start {
    Zeros,
    Ones,
    /// Uniform in ±1/√fan-in.
    Uniform(usize),
    /// As `Uniform`, but for the gates that keep a memory for a timescale: their biases of the input, or zeros for the
    /// hidden state's.
    Gates {
        hidden: usize,
        timescale: usize,
        lstm: bool,
        input: bool,
    },
    /// `−2^(−8(h + 1)/heads) · d` for head `h` and distance `d`: a window that fades, for each head at another pace
    /// (Press et al. 2022).
    Slopes,
}

/// One parameter.
#[derive(Debug, Clone)]
pub(super) struct Parameter {
    /// Without `memory.`.
    pub name: String,
    pub shape: Vec<usize>,
    start: Start,
}

impl Parameter {
    /// Initial values.
    pub fn draw(&self, rng: &mut Rng) -> HostTensor {
        let count: usize = self.shape.iter().product();
        let data = match self.start {
            Start::Zeros => vec![0.0; count],
            Start::Ones => vec![1.0; count],
            Start::Uniform(inputs) => {
                let bound = 1.0 / (inputs.max(1) as f32).sqrt();
                (0..count).map(|_| bound * (2.0 * rng.random::<f32>() - 1.0)).collect()
            }
            Start::Gates { hidden, timescale, lstm, input } => {
                let bound = 1.0 / (hidden as f32).sqrt();
                let mut data: Vec<f32> =
                    (0..count).map(|_| bound * (2.0 * rng.random::<f32>() - 1.0)).collect();
                for unit in 0..hidden {
                    let bias = if input { Recurrent::keeping_bias(timescale, rng) } else { 0.0 };
                    data[hidden + unit] = bias;
                    if lstm {
                        data[unit] = -bias;
                    }
                }
                data
            }
            Start::Slopes => {
                let [heads, window] = [self.shape[0], self.shape[1]];
                let slope = |head: usize| (-8.0 * (head + 1) as f32 / heads as f32).exp2();
                (0..count).map(|place| -slope(place / window) * (place % window) as f32).collect()
            }
        };
        HostTensor { shape: self.shape.clone(), data }
    }
}

/// All parameters of `memory`, in the order in which they are stored.
pub(super) fn of(memory: &Memory, inputs: &MomentInputs) -> Vec<Parameter> {
    let mut list = List::default();
    match memory {
        Memory::None => {}
        Memory::Lstm(sizes) => list.recurrent(sizes, 4, inputs.width()),
        Memory::Gru(sizes) => list.recurrent(sizes, 3, inputs.width()),
        Memory::Transformer(sizes) => list.transformer(sizes, inputs),
    }
    list.0
}

#[derive(Default)]
struct List(Vec<Parameter>);

impl List {
    fn add(&mut self, name: impl Into<String>, shape: &[usize], start: Start) {
        self.0.push(Parameter { name: name.into(), shape: shape.to_vec(), start });
    }

    /// Weight and bias of a layer from `inputs` to `outputs`.
    fn linear(&mut self, name: &str, [outputs, inputs]: [usize; 2], weight: Start, bias: Start) {
        self.add(format!("{name}.weight"), &[outputs, inputs], weight);
        self.add(format!("{name}.bias"), &[outputs], bias);
    }

    fn norm(&mut self, name: &str, width: usize) {
        self.add(format!("{name}.weight"), &[width], Start::Ones);
        self.add(format!("{name}.bias"), &[width], Start::Zeros);
    }

    /// As PyTorch begins them, but for the gates that keep a memory for a timescale.
    fn recurrent(&mut self, sizes: &Recurrent, gates: usize, width: usize) {
        let all = Start::Uniform(sizes.hidden);
        if let Some(embed) = sizes.embed {
            let uniform = Start::Uniform(width);
            self.linear("embed", [embed, width], uniform, uniform);
        }
        let rows = gates * sizes.hidden;
        self.add("rnn.weight_ih", &[rows, sizes.embed.unwrap_or(width)], all);
        self.add("rnn.weight_hh", &[rows, sizes.hidden], all);
        let bias = |input| match sizes.timescale {
            Some(timescale) => Start::Gates { hidden: sizes.hidden, timescale, lstm: gates == 4, input },
            None => all,
        };
        self.add("rnn.bias_ih", &[rows], bias(true));
        self.add("rnn.bias_hh", &[rows], bias(false));
    }

    /// The last map of every branch begins at zero: a new agent reacts to the moment, its memory is learned.
    fn transformer(&mut self, sizes: &Transformer, inputs: &MomentInputs) {
        let (width, zeros) = (sizes.width, Start::Zeros);
        let uniform = Start::Uniform;
        match inputs.volume() {
            None => self.linear("embed", [width, inputs.width()], uniform(inputs.width()), zeros),
            Some([channels, rows, columns]) => {
                let mut depth = inputs.grid.map_or(0, |grid| grid.channels);
                for (index, (layer, _)) in inputs.convolutions.iter().enumerate() {
                    let shape = [layer.channels, depth, layer.kernel, layer.kernel];
                    let start = uniform(depth * layer.kernel * layer.kernel);
                    self.add(format!("conv.{index}.weight"), &shape, start);
                    self.add(format!("conv.{index}.bias"), &[layer.channels], zeros);
                    depth = layer.channels;
                }
                self.linear("embed", [width, channels], uniform(channels), zeros);
                self.add("position", &[rows * columns, width], uniform(width));
                if inputs.width() > 0 {
                    self.add("vector.weight", &[width, inputs.width()], uniform(inputs.width()));
                }
            }
        }
        for block in 0..sizes.blocks {
            self.block(&format!("blocks.{block}"), sizes);
        }
        self.norm("norm", width);
        if sizes.spatial.is_some() {
            self.add("pool", &[width], zeros);
        }
    }

    fn block(&mut self, name: &str, sizes: &Transformer) {
        let (width, zeros) = (sizes.width, Start::Zeros);
        let branches: &[&str] = if sizes.spatial.is_some() { &["time", "space"] } else { &["time"] };
        for branch in branches {
            let name = format!("{name}.{branch}");
            let (square, uniform) = ([width, width], Start::Uniform(width));
            self.norm(&format!("{name}.norm"), width);
            self.linear(&format!("{name}.query"), square, uniform, zeros);
            self.add(format!("{name}.key.weight"), &square, uniform);
            self.linear(&format!("{name}.value"), square, uniform, zeros);
            self.linear(&format!("{name}.output"), square, zeros, zeros);
            if *branch == "time" {
                self.add(format!("{name}.relative"), &[sizes.heads, sizes.window], Start::Slopes);
            }
        }
        self.norm(&format!("{name}.mlp.norm"), width);
        self.linear(&format!("{name}.mlp.up"), [sizes.mlp, width], Start::Uniform(width), zeros);
        self.linear(&format!("{name}.mlp.down"), [width, sizes.mlp], zeros, zeros);
    }
}
