//! Compares the network with a plain f64 implementation of the PyTorch module that its tensors' names and
//! shapes describe.

use rand::RngExt as _;

use super::*;
use crate::mdp::{GridShape, Stream, rng};
use crate::nn::{ConvLayer, Encoder, HostTensor, Init, Inputs, Padding, TensorMap};

fn conv(channels: usize, kernel: usize, stride: usize, padding: Padding) -> ConvLayer {
    ConvLayer { channels, kernel, stride, padding }
}

fn architecture(inputs: Inputs, layers: &[ConvLayer], hidden: &[usize], layer_norm: bool) -> Architecture {
    let encoder = match layers {
        [] => Encoder::Flat,
        layers => Encoder::Conv { layers: layers.to_vec() },
    };
    encoder.validate().unwrap();
    Architecture::new(inputs, &encoder, hidden, layer_norm, Init::Uniform).unwrap()
}

/// Vectors, grids and both; every remainder of a register, strides, borders, kernels as wide as the map.
fn architectures() -> Vec<Architecture> {
    use Padding::{None as Bare, Same};
    let grid = |vector, channels, height, width| Inputs {
        vector,
        grid: Some(GridShape { channels, height, width }),
    };
    let mut all = Vec::new();
    for layer_norm in [false, true] {
        for hidden in [&[][..], &[7], &[20, 9]] {
            all.push(architecture(5.into(), &[], hidden, layer_norm));
        }
        all.push(architecture(grid(2, 2, 2, 3), &[], &[6], layer_norm));
        all.push(architecture(grid(0, 2, 4, 5), &[conv(3, 3, 1, Same)], &[6], layer_norm));
        all.push(architecture(grid(3, 3, 5, 4), &[conv(17, 3, 2, Same)], &[18], layer_norm));
        let deep = [conv(16, 2, 1, Bare), conv(5, 3, 2, Same), conv(2, 2, 1, Bare)];
        all.push(architecture(grid(1, 2, 5, 4), &deep, &[], layer_norm));
        all.push(architecture(
            grid(4, 1, 3, 3),
            &[conv(20, 3, 1, Bare), conv(4, 1, 1, Same)],
            &[5],
            layer_norm,
        ));
    }
    all
}

/// Observations within ±1; more of them than patches are built at a time.
fn observations(inputs: Inputs, count: usize) -> Vec<f32> {
    let mut source = rng(6, Stream::Environment, 0);
    (0..count * inputs.features()).map(|_| 2.0 * source.random::<f32>() - 1.0).collect()
}

fn named(network: &Network, values: &[f32]) -> TensorMap {
    let mut tensors = TensorMap::new();
    network.tensors(values, |name, tensor| drop(tensors.insert(name, tensor)));
    tensors
}

/// Values of one tensor as f64, with an epsilon added to one of them.
type Tensors<'a> = dyn Fn(&str) -> (Vec<usize>, Vec<f64>) + 'a;

fn linear(tensors: &Tensors<'_>, name: &str, input: &[f64]) -> Vec<f64> {
    let ((_, weight), (_, bias)) = (tensors(&format!("{name}.weight")), tensors(&format!("{name}.bias")));
    let row = |row: &[f64]| row.iter().zip(input).map(|(w, x)| w * x).sum::<f64>();
    weight.chunks(input.len()).zip(bias).map(|(weight, bias)| row(weight) + bias).collect()
}

fn relu(values: Vec<f64>) -> Vec<f64> {
    values.into_iter().map(|value| value.max(0.0)).collect()
}

/// `nn.Conv2d` on one map `[channels, height, width]`.
fn convolve(
    tensors: &Tensors<'_>,
    index: usize,
    layer: &ConvLayer,
    map: &[f64],
    from: [usize; 2],
) -> Vec<f64> {
    let (shape, weight) = tensors(&format!("conv.{index}.weight"));
    let (_, bias) = tensors(&format!("conv.{index}.bias"));
    let [outputs, channels, kernel, _] = shape[..] else { panic!("{shape:?}") };
    let border = if layer.padding == Padding::Same { kernel / 2 } else { 0 };
    let extent = |from: usize| (from + 2 * border - kernel) / layer.stride + 1;
    let mut made = Vec::new();
    for o in 0..outputs {
        for (y, x) in (0..extent(from[0])).flat_map(|y| (0..extent(from[1])).map(move |x| (y, x))) {
            let mut sum = bias[o];
            for c in 0..channels {
                for (ky, kx) in (0..kernel).flat_map(|ky| (0..kernel).map(move |kx| (ky, kx))) {
                    let (row, column) = (y * layer.stride + ky, x * layer.stride + kx);
                    let inside = (border..border + from[0]).contains(&row)
                        && (border..border + from[1]).contains(&column);
                    if inside {
                        let cell = (c * from[0] + row - border) * from[1] + column - border;
                        sum += weight[((o * channels + c) * kernel + ky) * kernel + kx] * map[cell];
                    }
                }
            }
            made.push(sum);
        }
    }
    made
}

/// The module's output for one observation.
fn module(architecture: &Architecture, head: Head, tensors: &Tensors<'_>, observation: &[f32]) -> Vec<f64> {
    let observation: Vec<f64> = observation.iter().map(|value| f64::from(*value)).collect();
    let (vector, mut map) =
        (&observation[..architecture.inputs.vector], observation[architecture.inputs.vector..].to_vec());
    let mut from = architecture.inputs.grid.map_or([0; 2], |grid| [grid.height, grid.width]);
    for (index, (layer, made)) in architecture.convolutions.iter().enumerate() {
        map = relu(convolve(tensors, index, layer, &map, from));
        from = *made;
    }
    let mut row = [vector, &map].concat();
    for index in 0..architecture.hidden.len() {
        row = linear(tensors, &format!("layers.{index}"), &row);
        if architecture.layer_norm {
            let count = row.len() as f64;
            let mean = row.iter().sum::<f64>() / count;
            let variance = row.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
            let (_, weight) = tensors(&format!("norms.{index}.weight"));
            let (_, bias) = tensors(&format!("norms.{index}.bias"));
            for (value, (weight, bias)) in row.iter_mut().zip(weight.iter().zip(&bias)) {
                *value = weight * (*value - mean) / (variance + 1e-5).sqrt() + bias;
            }
        }
        row = relu(row);
    }
    match head {
        Head::Linear => linear(tensors, &format!("layers.{}", architecture.hidden.len()), &row),
        Head::Dueling => {
            let (value, advantage) = (linear(tensors, "value", &row), linear(tensors, "advantage", &row));
            let mean = advantage.iter().sum::<f64>() / advantage.len() as f64;
            advantage.iter().map(|advantage| value[0] + advantage - mean).collect()
        }
        Head::Gaussian => [linear(tensors, "mean", &row), linear(tensors, "log_std", &row)].concat(),
        Head::SharedStd => [linear(tensors, "mean", &row), tensors("log_std.bias").1].concat(),
    }
}

#[test]
fn slopes_in_entries_of_the_vector_are_those_of_the_module() {
    let (mut seen, mut compared) = (0, 0);
    for architecture in architectures().iter().filter(|own| own.inputs.vector > 0) {
        let network = Network::new(architecture, 3, Head::Linear, 1.0, &mut rng(4, Stream::Weights, 0));
        let (input, features) = (observations(architecture.inputs, 9), architecture.inputs.features());
        let (mut activations, mut backward) = (Activations::default(), Backward::default());
        network.forward(&input, &mut activations);
        for (b, row) in network.output_gradient(9, &mut backward).enumerate() {
            row[..3].iter_mut().enumerate().for_each(|(a, value)| *value = coefficient(b, a));
        }
        let mut slopes = vec![f32::NAN];
        let entries = architecture.inputs.vector / 2..architecture.inputs.vector;
        network.input_gradient(&activations, &mut backward, entries.clone(), &mut slopes);
        assert_eq!(slopes.len(), 9 * entries.len());
        let parameters = named(&network, &network.parameters);
        let plain = |name: &str| {
            let HostTensor { shape, data } = &parameters[name];
            (shape.clone(), data.iter().map(|value| f64::from(*value)).collect())
        };
        for (b, (row, slopes)) in input.chunks(features).zip(slopes.chunks(entries.len())).enumerate() {
            for (entry, found) in entries.clone().zip(slopes) {
                let loss = |h: f32| -> f64 {
                    let mut moved = row.to_vec();
                    moved[entry] += h;
                    let outputs = module(architecture, Head::Linear, &plain, &moved);
                    outputs.iter().enumerate().map(|(a, q)| f64::from(coefficient(b, a)) * q).sum()
                };
                let [left, right] =
                    [-1.0, 1.0].map(|side: f64| side * (loss(side as f32 * 1e-3) - loss(0.0)) / 1e-3);
                seen += 1;
                // A ReLU that opens between both has no slope to compare with.
                if (left - right).abs() < 0.02 * (1.0 + left.abs()) {
                    let (error, expected) = ((f64::from(*found) - 0.5 * (left + right)).abs(), left);
                    assert!(
                        error < 0.01 * (1.0 + expected.abs()),
                        "{b} {entry}: {found}, expected {expected}"
                    );
                    compared += 1;
                }
            }
        }
    }
    assert!(10 * compared > 9 * seen, "{compared} of {seen}");
}

fn coefficient(b: usize, a: usize) -> f32 {
    ((b * 5 + a * 3) % 7) as f32 - 3.0
}

#[test]
fn outputs_and_gradients_are_those_of_the_module() {
    for (architecture, head) in architectures().iter().flat_map(|architecture| {
        [Head::Linear, Head::Dueling, Head::Gaussian, Head::SharedStd].map(|head| (architecture, head))
    }) {
        let outputs = if matches!(head, Head::Gaussian | Head::SharedStd) { 4 } else { 3 };
        let mut network = Network::new(architecture, outputs, head, 1.0, &mut rng(4, Stream::Weights, 0));
        // Identity norms would hide their own gradient.
        for (index, norm) in network.norms.clone().iter().enumerate() {
            for place in 0..norm.outputs {
                network.parameters[norm.weight + place] = 1.0 + 0.3 * (place as f32 + index as f32).sin();
                network.parameters[norm.bias + place] = 0.2 * (place as f32).cos();
            }
        }
        let input = observations(architecture.inputs, 9);
        let rows = || input.chunks_exact(architecture.inputs.features());
        let (mut activations, mut backward) = (Activations::default(), Backward::default());
        network.forward(&input, &mut activations);
        let parameters = named(&network, &network.parameters);
        let as_f64 =
            |tensor: &HostTensor| tensor.data.iter().map(|value| f64::from(*value)).collect::<Vec<_>>();
        let plain = |name: &str| (parameters[name].shape.clone(), as_f64(&parameters[name]));
        for (observation, found) in rows().zip(activations.rows()) {
            for (found, expected) in found.iter().zip(module(architecture, head, &plain, observation)) {
                assert!((f64::from(*found) - expected).abs() < 1e-5, "{found} {expected} {architecture:?}");
            }
        }
        for (b, row) in network.output_gradient(9, &mut backward).enumerate() {
            row[..outputs].iter_mut().enumerate().for_each(|(a, value)| *value = coefficient(b, a));
        }
        let mut gradient = vec![f32::NAN; network.parameters.len()];
        network.backward(&input, &activations, &mut backward, &mut gradient);
        let mut wrong = Vec::new();
        for (name, gradient) in named(&network, &gradient) {
            for (index, found) in gradient.data.iter().enumerate() {
                let loss = |h: f64| -> f64 {
                    let moved = |asked: &str| {
                        let (shape, mut values) = plain(asked);
                        if asked == name {
                            values[index] += h;
                        }
                        (shape, values)
                    };
                    let outputs = |(b, observation)| {
                        let outputs = module(architecture, head, &moved, observation);
                        outputs.iter().enumerate().map(|(a, q)| f64::from(coefficient(b, a)) * q).sum::<f64>()
                    };
                    rows().enumerate().map(outputs).sum()
                };
                let expected = (loss(1e-5) - loss(-1e-5)) / 2e-5;
                if (f64::from(*found) - expected).abs() > 1e-4 * (1.0 + expected.abs()) {
                    wrong.push(format!("{name}[{index}] = {found}, expected {expected}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?} {head:?} {architecture:?}");
        // Padding must stay zero, or it would leak into the products.
        let outside: usize = named(&network, &gradient).values().map(|tensor| tensor.data.len()).sum();
        let zeros = gradient.iter().filter(|value| **value == 0.0).count();
        assert!(zeros >= network.parameters.len() - outside, "{zeros} of {}", network.parameters.len());
    }
}

#[test]
fn tensors_round_trip_under_their_names() {
    for architecture in architectures() {
        for head in [Head::Dueling, Head::Linear, Head::Gaussian, Head::SharedStd] {
            let network = Network::new(&architecture, 2, head, 1.0, &mut rng(1, Stream::Weights, 0));
            let tensors = named(&network, &network.parameters);
            assert_eq!(network.flat(&tensors, str::to_owned).unwrap()[..], network.parameters[..]);
            assert_eq!(tensors.contains_key("advantage.weight"), head == Head::Dueling);
            let gaussian = matches!(head, Head::Gaussian | Head::SharedStd);
            assert_eq!(tensors.contains_key("log_std.weight"), gaussian);
            let shared = gaussian && tensors["log_std.weight"].data.iter().all(|weight| *weight == 0.0);
            assert_eq!(shared, head == Head::SharedStd);
            assert_eq!(tensors.contains_key("norms.0.weight"), !network.norms.is_empty());
            assert_eq!(tensors.contains_key("conv.0.weight"), network.encoder.is_some());
        }
    }
    let grid = Some(GridShape { channels: 2, height: 4, width: 5 });
    let layers = [conv(6, 3, 1, Padding::None), conv(4, 2, 1, Padding::None)];
    let architecture = architecture(Inputs { vector: 3, grid }, &layers, &[7], true);
    let network = Network::new(&architecture, 2, Head::Dueling, 1.0, &mut rng(1, Stream::Weights, 0));
    let mut tensors = named(&network, &network.parameters);
    let shapes = [
        ("advantage.bias", &[2][..]),
        ("advantage.weight", &[2, 7]),
        ("conv.0.bias", &[6]),
        ("conv.0.weight", &[6, 2, 3, 3]),
        ("conv.1.bias", &[4]),
        ("conv.1.weight", &[4, 6, 2, 2]),
        ("layers.0.bias", &[7]),
        ("layers.0.weight", &[7, 3 + 4 * 2]),
        ("norms.0.bias", &[7]),
        ("norms.0.weight", &[7]),
        ("value.bias", &[1]),
        ("value.weight", &[1, 7]),
    ];
    let found: Vec<_> = tensors.iter().map(|(name, tensor)| (name.as_str(), &tensor.shape[..])).collect();
    assert_eq!(found, shapes);
    tensors.get_mut("conv.1.bias").unwrap().data[0] = f32::NAN;
    let error = network.flat(&tensors, str::to_owned).unwrap_err();
    assert!(error.to_string().contains("conv.1.bias"), "{error}");
}

#[test]
fn memory_serves_several_networks_in_turn() {
    let networks: Vec<(Network, Vec<f32>)> = (architectures().iter())
        .map(|architecture| {
            let network = Network::new(architecture, 2, Head::Linear, 1.0, &mut rng(1, Stream::Weights, 0));
            (network, observations(architecture.inputs, 4))
        })
        .collect();
    let mut shared = Activations::default();
    let mut places = Vec::new();
    for round in 0..2 {
        let before = std::mem::take(&mut places);
        for (network, input) in &networks {
            let mut fresh = Activations::default();
            network.forward(input, &mut fresh);
            network.forward(input, &mut shared);
            let outputs = |activations: &Activations| {
                activations.rows().flat_map(|row| row[..2].to_vec()).collect::<Vec<_>>()
            };
            assert_eq!(outputs(&shared), outputs(&fresh));
            places.push(shared.outputs.iter().map(|output| output.as_ptr()).collect::<Vec<_>>());
        }
        assert!(round == 0 || places.last() == before.last(), "memory was not kept");
    }
}

#[test]
fn weights_begin_as_chosen() {
    let grid = Some(GridShape { channels: 3, height: 6, width: 5 });
    let mut architecture =
        architecture(Inputs { vector: 4, grid }, &[conv(20, 3, 1, Padding::Same)], &[40, 24], true);
    let mut drawn = |init: Init, head: Head, gain: f32| {
        architecture.init = init;
        let draw = |seed| {
            let network = Network::new(&architecture, 5, head, gain, &mut rng(seed, Stream::Weights, 0));
            named(&network, &network.parameters)
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1)["layers.1.weight"], draw(2)["layers.1.weight"]);
        draw(1)
    };
    for init in [Init::Uniform, Init::Orthogonal, Init::Xavier, Init::Kaiming] {
        for (head, gain) in [(Head::Linear, 0.01), (Head::Dueling, 1.0)] {
            for (name, tensor) in drawn(init, head, gain) {
                let largest = tensor.data.iter().fold(0.0f32, |most, value| most.max(value.abs()));
                let inputs: usize = tensor.shape[1..].iter().product();
                let reach: usize = tensor.shape.get(2..).map_or(1, |kernel| kernel.iter().product());
                let hidden =
                    name.starts_with("conv.") || name.starts_with("layers.0") || name.starts_with("layers.1");
                if name.starts_with("norms.") {
                    let expected = if name.ends_with("weight") { 1.0 } else { 0.0 };
                    assert!(tensor.data.iter().all(|value| *value == expected), "{name}");
                } else if init != Init::Uniform && name.ends_with("bias") {
                    assert_eq!(largest, 0.0, "{name}");
                } else if init == Init::Orthogonal {
                    let gain = if hidden { 2f64.sqrt() } else { f64::from(gain) };
                    assert_orthogonal(&tensor, inputs, gain, &name);
                } else if name.ends_with("weight") {
                    let bound = match init {
                        Init::Uniform => (1.0 / inputs as f32).sqrt(),
                        Init::Xavier => (6.0 / (inputs + tensor.shape[0] * reach) as f32).sqrt(),
                        _ => (if hidden { 6.0 } else { 3.0 } / inputs as f32).sqrt(),
                    };
                    assert!(
                        largest <= bound && largest > 0.9 * bound,
                        "{name} {init:?}: {largest} of {bound}"
                    );
                }
            }
        }
    }
}

/// Rows or columns, whichever are fewer, are orthogonal and `gain` long.
fn assert_orthogonal(tensor: &HostTensor, inputs: usize, gain: f64, name: &str) {
    let outputs = tensor.shape[0];
    let at = |line: usize, place: usize| match outputs <= inputs {
        true => f64::from(tensor.data[line * inputs + place]),
        false => f64::from(tensor.data[place * inputs + line]),
    };
    let (lines, len) = (outputs.min(inputs), outputs.max(inputs));
    for (a, b) in (0..lines).flat_map(|a| (0..=a).map(move |b| (a, b))) {
        let product: f64 = (0..len).map(|place| at(a, place) * at(b, place)).sum();
        let expected = if a == b { gain * gain } else { 0.0 };
        assert!((product - expected).abs() < 1e-5 * gain * gain, "{name}: {product} of lines {a}, {b}");
    }
}
