//! Models in the ONNX format (IR version 8, operator set 17): a graph is put together node by node and written as
//! protobuf. Only what networks of this library need is here.

use std::collections::BTreeMap;

use super::HostTensor;
use crate::protobuf::Message;

/// The version of the format, and of the operators, of all files: old enough for every runtime that is still kept up.
const IR_VERSION: u64 = 8;
const OPERATORS: u64 = 17;

/// Type of a tensor's elements, as ONNX numbers them.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Element {
    Float = 1,
    Byte = 2,
    Integer = 7,
}

/// An attribute of a node.
#[derive(Debug, Clone)]
pub(crate) enum Attribute {
    Float(&'static str, f32),
    Integer(&'static str, i64),
    Integers(&'static str, Vec<i64>),
}

/// A graph. The first dimension of every input and output is the batch.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    nodes: Vec<Message>,
    tensors: Vec<Message>,
    inputs: Vec<Message>,
    outputs: Vec<Message>,
}

impl Graph {
    /// Declares an input of `[batch, shape…]`.
    pub fn input(&mut self, name: &str, element: Element, shape: &[usize]) {
        self.inputs.push(value(name, element, shape));
    }

    /// Declares the value called `name` an output of `[batch, shape…]`.
    pub fn output(&mut self, name: &str, element: Element, shape: &[usize]) {
        self.outputs.push(value(name, element, shape));
    }

    /// Adds a constant of floats, and returns its name.
    pub fn constant(&mut self, name: &str, tensor: &HostTensor) -> String {
        let data: Vec<u8> = tensor.data.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.add_tensor(name, Element::Float, &tensor.shape, &data)
    }

    /// Adds a constant of integers, one after the other, and returns its name.
    pub fn integers(&mut self, name: &str, values: &[i64]) -> String {
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.add_tensor(name, Element::Integer, &[values.len()], &data)
    }

    fn add_tensor(&mut self, name: &str, element: Element, shape: &[usize], data: &[u8]) -> String {
        let mut tensor = Message::default();
        shape.iter().for_each(|extent| tensor.varint(1, *extent as u64));
        tensor.varint(2, element as u64);
        tensor.bytes(8, name.as_bytes());
        tensor.bytes(9, data);
        self.tensors.push(tensor);
        name.to_owned()
    }

    /// Adds a node that computes `output` from `inputs`, and returns the output's name.
    pub fn node(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: &[Attribute],
        output: &str,
    ) -> String {
        self.nodes_of(operator, inputs, attributes, &[output]);
        output.to_owned()
    }

    /// Adds a node with several outputs.
    pub fn nodes_of(&mut self, operator: &str, inputs: &[&str], attributes: &[Attribute], outputs: &[&str]) {
        let mut node = Message::default();
        inputs.iter().for_each(|input| node.bytes(1, input.as_bytes()));
        outputs.iter().for_each(|output| node.bytes(2, output.as_bytes()));
        node.bytes(3, format!("make {}", outputs.first().unwrap_or(&"")).as_bytes());
        node.bytes(4, operator.as_bytes());
        attributes.iter().for_each(|own| node.bytes(5, &attribute(own).0));
        self.nodes.push(node);
    }

    /// The bytes of its file, with `metadata` of the model.
    pub fn to_bytes(&self, name: &str, metadata: &BTreeMap<String, String>) -> Vec<u8> {
        let mut graph = Message::default();
        self.nodes.iter().for_each(|node| graph.bytes(1, &node.0));
        graph.bytes(2, name.as_bytes());
        self.tensors.iter().for_each(|tensor| graph.bytes(5, &tensor.0));
        self.inputs.iter().for_each(|input| graph.bytes(11, &input.0));
        self.outputs.iter().for_each(|output| graph.bytes(12, &output.0));
        let mut operators = Message::default();
        operators.bytes(1, b"");
        operators.varint(2, OPERATORS);
        let mut model = Message::default();
        model.varint(1, IR_VERSION);
        model.bytes(2, env!("CARGO_PKG_NAME").as_bytes());
        model.bytes(3, env!("CARGO_PKG_VERSION").as_bytes());
        model.bytes(7, &graph.0);
        model.bytes(8, &operators.0);
        for (key, text) in metadata {
            let mut entry = Message::default();
            entry.bytes(1, key.as_bytes());
            entry.bytes(2, text.as_bytes());
            model.bytes(14, &entry.0);
        }
        model.0
    }
}

/// The declaration of a value.
fn value(name: &str, element: Element, shape: &[usize]) -> Message {
    let mut dims = Message::default();
    let mut batch = Message::default();
    batch.bytes(2, b"batch");
    dims.bytes(1, &batch.0);
    for extent in shape {
        let mut dim = Message::default();
        dim.varint(1, *extent as u64);
        dims.bytes(1, &dim.0);
    }
    let (mut tensor, mut kind, mut value) = (Message::default(), Message::default(), Message::default());
    tensor.varint(1, element as u64);
    tensor.bytes(2, &dims.0);
    kind.bytes(1, &tensor.0);
    value.bytes(1, name.as_bytes());
    value.bytes(2, &kind.0);
    value
}

fn attribute(attribute: &Attribute) -> Message {
    // As ONNX numbers them.
    const FLOAT: u64 = 1;
    const INTEGER: u64 = 2;
    const INTEGERS: u64 = 7;
    let mut message = Message::default();
    match attribute {
        Attribute::Float(name, value) => {
            message.bytes(1, name.as_bytes());
            message.float(2, *value);
            message.varint(20, FLOAT);
        }
        Attribute::Integer(name, value) => {
            message.bytes(1, name.as_bytes());
            message.varint(3, *value as u64);
            message.varint(20, INTEGER);
        }
        Attribute::Integers(name, values) => {
            message.bytes(1, name.as_bytes());
            values.iter().for_each(|value| message.varint(8, *value as u64));
            message.varint(20, INTEGERS);
        }
    }
    message
}
