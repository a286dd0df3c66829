//! An actor as an ONNX graph: what a policy computes greedily, for other programs.
//!
//! Inputs are `vector` `[batch, V]` (float) and `grid` `[batch, C, H, W]` (bytes), as far as the environment has them.
//! Outputs of discrete actions are `logits` and `probabilities` `[batch, A]` and `action` `[batch]` (int64); of a box
//! `action` `[batch, A]` in the environment's units, `mean` and `log_std` of the Gaussian before it is squashed. A
//! recurrent actor also reads `previous_action` `[batch, A]` (one-hot if discrete), `previous_reward` `[batch, 1]` and
//! `state_ins` `[batch, S]`, all zero where an episode begins, and gives `state_outs`.

use crate::algo::TrainError;
use crate::algo::sac::{Actions, SacConfig};
use crate::mdp::ActionDimension;
use crate::nn::memory::{Memory, Recurrent};
use crate::nn::onnx::{Attribute, Element, Graph};
use crate::nn::{ConvLayer, HostTensor, Inputs, TensorMap};

/// The epsilon of layer norms.
const EPSILON: f32 = 1e-5;

/// The graph of the actor of `config`, whose `tensors` a policy was made of: they are all there.
///
/// # Errors
/// [`TrainError::Config`] for a memory that is not recurrent.
pub(in crate::algo::sac) fn graph(
    config: &SacConfig,
    inputs: Inputs,
    actions: &Actions,
    tensors: &TensorMap,
) -> Result<Graph, TrainError> {
    let mut builder = Builder { graph: Graph::default(), tensors };
    let features = match &config.memory {
        Memory::None => builder.encode(inputs, config.encoder.convolutions(inputs.grid)?),
        Memory::Lstm(sizes) => builder.remember(config, inputs, actions, sizes, 4),
        Memory::Gru(sizes) => builder.remember(config, inputs, actions, sizes, 3),
        Memory::Transformer(_) => {
            let (key, value) = ("sac.memory.kind", "transformer".to_owned());
            return Err(TrainError::Config { key, value, allowed: "none, lstm or gru for ONNX" });
        }
    };
    let hidden = builder.hidden(features, config.hidden.len());
    match actions {
        Actions::Discrete(count) => builder.choose(&hidden, config.hidden.len(), *count),
        Actions::Continuous(dimensions) => builder.squash(&hidden, dimensions, config.log_std_bounds),
    }
    Ok(builder.graph)
}

struct Builder<'a> {
    graph: Graph,
    tensors: &'a TensorMap,
}

impl Builder<'_> {
    /// Adds the parameter `actor.name`, and returns its name.
    fn parameter(&mut self, name: &str) -> String {
        let name = format!("actor.{name}");
        match self.tensors.get(&name) {
            Some(tensor) => self.graph.constant(&name, tensor),
            // Not there: the caller has made a policy of the same tensors.
            None => name,
        }
    }

    /// Adds a constant row of `values`.
    fn row(&mut self, name: &str, values: Vec<f32>) -> String {
        self.graph.constant(name, &HostTensor { shape: vec![1, values.len()], data: values })
    }

    /// `x Wᵀ + b` of the layer called `name`.
    fn linear(&mut self, x: &str, name: &str, weight: &str, bias: &str) -> String {
        let (weight, bias) = (self.parameter(weight), self.parameter(bias));
        self.graph.node("Gemm", &[x, &weight, &bias], &[Attribute::Integer("transB", 1)], name)
    }

    fn relu(&mut self, x: &str) -> String {
        self.graph.node("Relu", &[x], &[], &format!("{x} relu"))
    }

    fn join(&mut self, parts: &[String], name: &str) -> String {
        match parts {
            [only] => only.clone(),
            _ => {
                let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
                self.graph.node("Concat", &parts, &[Attribute::Integer("axis", 1)], name)
            }
        }
    }

    /// The observation as features, through `convolutions` of its grid.
    fn encode(&mut self, inputs: Inputs, convolutions: &[ConvLayer]) -> String {
        let mut parts = Vec::new();
        if inputs.vector > 0 {
            self.graph.input("vector", Element::Float, &[inputs.vector]);
            parts.push("vector".to_owned());
        }
        if let Some(grid) = inputs.grid {
            self.graph.input("grid", Element::Byte, &[grid.channels, grid.height, grid.width]);
            let float = [Attribute::Integer("to", Element::Float as i64)];
            let mut map = self.graph.node("Cast", &["grid"], &float, "grid float");
            let full = self.graph.constant("full", &HostTensor { shape: vec![1], data: vec![255.0] });
            map = self.graph.node("Div", &[&map, &full], &[], "grid share");
            for (index, conv) in convolutions.iter().enumerate() {
                let name = format!("conv.{index}");
                let (weight, bias) =
                    (self.parameter(&format!("{name}.weight")), self.parameter(&format!("{name}.bias")));
                let pair = |value: usize| vec![value as i64; 2];
                let shape = [
                    Attribute::Integers("kernel_shape", pair(conv.kernel)),
                    Attribute::Integers("strides", pair(conv.stride)),
                    Attribute::Integers("pads", [pair(conv.border()), pair(conv.border())].concat()),
                ];
                map = self.graph.node("Conv", &[&map, &weight, &bias], &shape, &name);
                map = self.relu(&map);
            }
            let flat = [Attribute::Integer("axis", 1)];
            parts.push(self.graph.node("Flatten", &[&map], &flat, "grid features"));
        }
        self.join(&parts, "features")
    }

    /// One moment of a recurrent memory, whose cell has as many `gates`.
    fn remember(
        &mut self,
        config: &SacConfig,
        inputs: Inputs,
        actions: &Actions,
        sizes: &Recurrent,
        gates: usize,
    ) -> String {
        let mut parts = vec![self.encode(inputs, &[])];
        if config.sequence.previous_action {
            self.graph.input("previous_action", Element::Float, &[actions.count()]);
            parts.push("previous_action".to_owned());
        }
        if config.sequence.previous_reward {
            self.graph.input("previous_reward", Element::Float, &[1]);
            parts.push("previous_reward".to_owned());
        }
        let mut x = self.join(&parts, "moment");
        if sizes.embed.is_some() {
            x = self.linear(&x, "embed", "memory.embed.weight", "memory.embed.bias");
            x = self.relu(&x);
        }
        let hidden = if gates == 4 { self.lstm(&x, sizes.hidden) } else { self.gru(&x, sizes.hidden) };
        if sizes.skip { self.join(&[hidden, x], "remembered") } else { hidden }
    }

    fn lstm(&mut self, x: &str, hidden: usize) -> String {
        self.graph.input("state_ins", Element::Float, &[2 * hidden]);
        let halves = self.graph.integers("halves", &[hidden as i64; 2]);
        let axis = [Attribute::Integer("axis", 1)];
        self.graph.nodes_of("Split", &["state_ins", &halves], &axis, &["h before", "c before"]);
        let of_x = self.linear(x, "gates of x", "memory.rnn.weight_ih", "memory.rnn.bias_ih");
        let of_h = self.linear("h before", "gates of h", "memory.rnn.weight_hh", "memory.rnn.bias_hh");
        let gates = self.graph.node("Add", &[&of_x, &of_h], &[], "gates");
        let quarters = self.graph.integers("quarters", &[hidden as i64; 4]);
        let names = ["input", "forget", "cell", "output"];
        self.graph.nodes_of("Split", &[&gates, &quarters], &axis, &names);
        let [input, forget, output] = ["input", "forget", "output"]
            .map(|gate| self.graph.node("Sigmoid", &[gate], &[], &format!("{gate} gate")));
        let cell = self.graph.node("Tanh", &["cell"], &[], "cell gate");
        let kept = self.graph.node("Mul", &[&forget, "c before"], &[], "c kept");
        let added = self.graph.node("Mul", &[&input, &cell], &[], "c added");
        let c = self.graph.node("Add", &[&kept, &added], &[], "c");
        let shown = self.graph.node("Tanh", &[&c], &[], "c shown");
        let h = self.graph.node("Mul", &[&output, &shown], &[], "h");
        self.graph.node("Concat", &[&h, &c], &axis, "state_outs");
        self.graph.output("state_outs", Element::Float, &[2 * hidden]);
        h
    }

    fn gru(&mut self, x: &str, hidden: usize) -> String {
        self.graph.input("state_ins", Element::Float, &[hidden]);
        let axis = [Attribute::Integer("axis", 1)];
        let thirds = self.graph.integers("thirds", &[hidden as i64; 3]);
        let of_x = self.linear(x, "gates of x", "memory.rnn.weight_ih", "memory.rnn.bias_ih");
        let of_h = self.linear("state_ins", "gates of h", "memory.rnn.weight_hh", "memory.rnn.bias_hh");
        self.graph.nodes_of("Split", &[&of_x, &thirds], &axis, &["x r", "x z", "x n"]);
        self.graph.nodes_of("Split", &[&of_h, &thirds], &axis, &["h r", "h z", "h n"]);
        let [r, z] = ["r", "z"].map(|gate| {
            let sum = self.graph.node("Add", &[&format!("x {gate}"), &format!("h {gate}")], &[], gate);
            self.graph.node("Sigmoid", &[&sum], &[], &format!("{gate} gate"))
        });
        let reset = self.graph.node("Mul", &[&r, "h n"], &[], "h reset");
        let sum = self.graph.node("Add", &["x n", &reset], &[], "n");
        let new = self.graph.node("Tanh", &[&sum], &[], "n new");
        // (1 − z) n + z h
        let apart = self.graph.node("Sub", &["state_ins", &new], &[], "apart");
        let part = self.graph.node("Mul", &[&z, &apart], &[], "part");
        let h = self.graph.node("Add", &[&new, &part], &[], "state_outs");
        self.graph.output("state_outs", Element::Float, &[hidden]);
        h
    }

    /// The hidden layers, with layer norms where there are any.
    fn hidden(&mut self, features: String, layers: usize) -> String {
        let mut x = features;
        for index in 0..layers {
            let name = format!("layers.{index}");
            x = self.linear(&x, &name, &format!("{name}.weight"), &format!("{name}.bias"));
            let [scale, bias] = ["weight", "bias"].map(|part| format!("norms.{index}.{part}"));
            if self.tensors.contains_key(&format!("actor.{scale}")) {
                let (scale, bias) = (self.parameter(&scale), self.parameter(&bias));
                let attributes = [Attribute::Integer("axis", -1), Attribute::Float("epsilon", EPSILON)];
                let inputs = [x.as_str(), &scale, &bias];
                x = self.graph.node("LayerNormalization", &inputs, &attributes, &format!("norms.{index}"));
            }
            x = self.relu(&x);
        }
        x
    }

    /// The most probable of `count` actions.
    fn choose(&mut self, hidden: &str, layer: usize, count: usize) {
        let name = format!("layers.{layer}");
        let logits = self.linear(hidden, "logits", &format!("{name}.weight"), &format!("{name}.bias"));
        self.graph.node("Softmax", &[&logits], &[Attribute::Integer("axis", 1)], "probabilities");
        let best = [Attribute::Integer("axis", 1), Attribute::Integer("keepdims", 0)];
        self.graph.node("ArgMax", &[&logits], &best, "action");
        self.graph.output("action", Element::Integer, &[]);
        self.graph.output("logits", Element::Float, &[count]);
        self.graph.output("probabilities", Element::Float, &[count]);
    }

    /// The action of the mean, in units of `dimensions`.
    fn squash(&mut self, hidden: &str, dimensions: &[ActionDimension], [low, high]: [f32; 2]) {
        let count = dimensions.len();
        let mean = self.linear(hidden, "mean", "mean.weight", "mean.bias");
        let raw = self.linear(hidden, "log_std raw", "log_std.weight", "log_std.bias");
        let [low, high] = [("log_std low", low), ("log_std high", high)].map(|(name, value)| {
            self.graph.constant(name, &HostTensor { shape: Vec::new(), data: vec![value] })
        });
        self.graph.node("Clip", &[&raw, &low, &high], &[], "log_std");
        let half = dimensions.iter().map(|own| 0.5 * own.high - 0.5 * own.low).collect();
        let (half, middle) = (
            self.row("half", half),
            self.row("middle", dimensions.iter().map(ActionDimension::middle).collect()),
        );
        let tanh = self.graph.node("Tanh", &[&mean], &[], "squashed");
        let scaled = self.graph.node("Mul", &[&tanh, &half], &[], "scaled");
        self.graph.node("Add", &[&scaled, &middle], &[], "action");
        self.graph.output("action", Element::Float, &[count]);
        self.graph.output("mean", Element::Float, &[count]);
        self.graph.output("log_std", Element::Float, &[count]);
    }
}
