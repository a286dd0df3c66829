//! Holds the layers, their gradients and acting to the plain `reference`, on sequences that start and go on
//! everywhere.

use rand::RngExt as _;
use rayon::prelude::*;

use super::reference::{self, Plain, Sequence, features, head, plain};
use super::*;
use crate::mdp::{GridShape, Rng, Stream, rng};
use crate::nn::{Architecture, ConvLayer, Encoder, Head, Init, Inputs, Padding, TensorMap};

const BATCH: usize = 3;
const MOMENTS: usize = 7;
const OUTPUTS: usize = 2;

struct Case {
    memory: Memory,
    inputs: Inputs,
    network: MemoryNetwork,
    /// As [`Moments`] holds them.
    rows: Vec<f32>,
    grids: Vec<f32>,
    starts: Vec<f32>,
    states: Vec<f32>,
}

fn normal(source: &mut Rng, len: usize) -> Vec<f32> {
    (0..len).map(|_| 2.0 * source.random::<f32>() - 1.0).collect()
}

impl Case {
    fn new(memory: Memory, inputs: Inputs) -> Self {
        let source = &mut rng(3, Stream::Weights, 1);
        let encoder = match &memory {
            Memory::Transformer(Transformer { spatial: Some(spatial), .. }) => {
                Encoder::Conv { layers: spatial.layers.clone() }
            }
            _ => Encoder::Flat,
        };
        let architecture = Architecture::new(inputs, &encoder, &[5], false, Init::Uniform).unwrap();
        let mut network = MemoryNetwork::outline(&memory, &architecture, 0, OUTPUTS, Head::Linear).unwrap();
        network.draw(&architecture, 1.0, source);
        // Where zeros begin something they would hide what is behind them.
        let mut tensors = named(&network);
        tensors.values_mut().flat_map(|tensor| &mut tensor.data).for_each(|value| {
            if value.abs() < 1e-9 || value.abs() == 1.0 {
                *value += 0.8 * source.random::<f32>() - 0.4;
            }
        });
        *network.parameters_mut().0 = network.flat(&tensors, str::to_owned).unwrap();
        let start = |index| f32::from(u8::from([5, 7, 15].contains(&index)));
        Self {
            rows: normal(source, MOMENTS * BATCH * inputs.vector),
            grids: normal(source, MOMENTS * BATCH * inputs.grid.map_or(0, |grid| grid.len())),
            starts: (0..MOMENTS * BATCH).map(start).collect(),
            states: normal(source, BATCH * network.state_width()),
            memory,
            inputs,
            network,
        }
    }

    /// The moments from `t` on, `count` of them.
    fn moments(&self, t: usize, count: usize) -> Moments<'_> {
        let part = |all: &'_ [f32]| -> std::ops::Range<usize> {
            let each = all.len() / MOMENTS;
            t * each..(t + count) * each
        };
        Moments {
            batch: BATCH,
            count,
            inputs: &self.rows[part(&self.rows)],
            grids: &self.grids[part(&self.grids)],
            starts: &self.starts[part(&self.starts)],
        }
    }

    fn sequence(&self, b: usize) -> Sequence {
        let wide = |values: &[f32]| -> Vec<f64> { values.iter().map(|value| f64::from(*value)).collect() };
        let row = |all: &[f32], t: usize| {
            let each = all.len() / MOMENTS / BATCH;
            wide(&all[(t * BATCH + b) * each..][..each])
        };
        let width = self.network.state_width();
        Sequence {
            inputs: (0..MOMENTS).map(|t| row(&self.rows, t)).collect(),
            grids: (0..MOMENTS).map(|t| row(&self.grids, t)).collect(),
            starts: (0..MOMENTS).map(|t| self.starts[t * BATCH + b] == 1.0).collect(),
            state: wide(&self.states[b * width..(b + 1) * width]),
        }
    }

    fn unroll(&self, from: usize) -> Unroll<'_> {
        // A transformer's state is what acting keeps, not what sequences begin with.
        let states = if matches!(self.memory, Memory::Transformer(_)) { &[][..] } else { &self.states };
        Unroll { moments: self.moments(0, MOMENTS), states, from, rows: None, beside: &[], keep: true }
    }

    /// Outputs of sequence `b` from moment `from` on.
    fn expected<'a>(&self, b: usize, from: usize, at: &dyn Fn(usize) -> &'a Plain) -> Vec<Vec<f64>> {
        let (features, _) = features(&self.memory, self.inputs.grid, &self.sequence(b), at);
        features.into_iter().enumerate().skip(from).map(|(t, row)| head(at(t), row)).collect()
    }
}

fn named(network: &MemoryNetwork) -> TensorMap {
    let mut tensors = TensorMap::new();
    network.tensors(network.parameters().0, |name, tensor| _ = tensors.insert(name, tensor));
    tensors
}

fn recurrent(hidden: usize, embed: Option<usize>, skip: bool) -> Recurrent {
    Recurrent { hidden, embed, skip, timescale: None }
}

fn transformer(width: usize, heads: usize, blocks: usize, window: usize) -> Memory {
    Memory::Transformer(Transformer { width, heads, blocks, mlp: 5, window, spatial: None })
}

fn spatial(window: usize, blocks: usize, layers: Vec<ConvLayer>) -> Memory {
    let spatial = Some(Spatial { layers });
    Memory::Transformer(Transformer { width: 4, heads: 2, blocks, mlp: 3, window, spatial })
}

fn cases() -> Vec<Case> {
    let plain = Inputs::from(4);
    let grid = Some(GridShape { channels: 2, height: 3, width: 2 });
    let conv = |channels, stride, padding| ConvLayer { channels, kernel: 3, stride, padding };
    let chain = vec![conv(3, 1, Padding::Same), conv(2, 2, Padding::Same)];
    vec![
        Case::new(Memory::Lstm(recurrent(3, Some(5), true)), plain),
        Case::new(Memory::Lstm(recurrent(18, None, false)), plain),
        Case::new(Memory::Lstm(recurrent(2, None, true)), plain),
        Case::new(Memory::Gru(recurrent(3, Some(17), false)), plain),
        Case::new(Memory::Gru(recurrent(4, Some(3), true)), plain),
        Case::new(transformer(4, 2, 1, 3), plain),
        Case::new(transformer(6, 1, 2, 20), plain),
        Case::new(transformer(20, 5, 2, 1), plain),
        Case::new(transformer(9, 3, 1, 4), plain),
        Case::new(spatial(3, 1, vec![conv(3, 1, Padding::Same)]), Inputs { vector: 2, grid }),
        Case::new(spatial(2, 2, chain), Inputs { vector: 0, grid }),
        Case::new(spatial(4, 1, Vec::new()), Inputs { vector: 3, grid }),
    ]
}

#[test]
fn outputs_are_those_of_the_reference() {
    for case in cases() {
        for from in [0, 2] {
            let mut unrolled = Unrolled::default();
            case.network.forward(&case.unroll(from), &mut unrolled);
            let mut forgotten = Unrolled::default();
            case.network.forward(&Unroll { keep: false, ..case.unroll(from) }, &mut forgotten);
            assert!(unrolled.rows().eq(forgotten.rows()));
            let tensors = plain(&named(&case.network));
            for b in 0..BATCH {
                let expected = case.expected(b, from, &|_| &tensors);
                let found = unrolled.rows().skip(b).step_by(BATCH);
                assert_eq!(unrolled.rows().count(), BATCH * (MOMENTS - from));
                for (t, (found, expected)) in found.zip(expected).enumerate() {
                    for (found, expected) in found[..OUTPUTS].iter().zip(expected) {
                        let error = (f64::from(*found) - expected).abs();
                        assert!(error < 1e-5, "{:?} {b} {t}: {found} {expected}", case.memory);
                    }
                }
            }
        }
    }
}

#[test]
fn gradients_are_those_of_the_reference() {
    // Without a burn-in, with a constant one, with one that is differentiated.
    cases().par_iter().for_each(|case| {
        [[0, 0], [2, 2], [0, 2]].into_iter().for_each(|when| gradients_are_right(case, when));
    });
}

fn gradients_are_right(case: &Case, [first, from]: [usize; 2]) {
    let weight = |t: usize, b: usize, j: usize| ((t * 7 + b * 3 + j * 5) % 11) as f64 / 11.0 - 0.4;
    let (mut unrolled, unroll) = (Unrolled::default(), case.unroll(from));
    case.network.forward(&unroll, &mut unrolled);
    let rows = case.network.output_gradient((MOMENTS - from) * BATCH, &mut unrolled);
    for (index, row) in rows.enumerate() {
        let (t, b) = (from + index / BATCH, index % BATCH);
        (0..OUTPUTS).for_each(|j| row[j] = weight(t, b, j) as f32);
    }
    let mut gradient = vec![f32::NAN; case.network.parameters().0.len()];
    case.network.backward(&unroll, first, &mut unrolled, &mut gradient);
    let base = plain(&named(&case.network));
    let loss = |moved: &Plain| -> f64 {
        let at = |t: usize| if t < first { &base } else { moved };
        let of_sequence = |b: usize| -> f64 {
            let rows = case.expected(b, from, &at).into_iter().enumerate();
            rows.map(|(t, row)| (0..OUTPUTS).map(|j| weight(from + t, b, j) * row[j]).sum::<f64>()).sum()
        };
        (0..BATCH).map(of_sequence).sum()
    };
    let (mut wrong, mut moved) = (Vec::new(), base.clone());
    let mut held = 0;
    case.network.tensors(&gradient, |name, tensor| {
        held += tensor.data.len();
        for (index, found) in tensor.data.iter().enumerate() {
            let mut at = |h: f64| {
                moved.get_mut(&name).unwrap().1[index] = base[&name].1[index] + h;
                loss(&moved)
            };
            let expected = (at(1e-5) - at(-1e-5)) / 2e-5;
            at(0.0);
            if (f64::from(*found) - expected).abs() > 1e-4 * (1.0 + expected.abs()) {
                wrong.push(format!("{name}[{index}] = {found}, expected {expected}"));
            }
        }
    });
    assert!(wrong.is_empty(), "{:?} {first} {from}: {wrong:#?}", case.memory);
    // Padding must stay zero, or it would leak into the products.
    let zeros = gradient.iter().filter(|value| **value == 0.0).count();
    assert!(zeros >= gradient.len() - held, "{zeros} of {}", gradient.len());
}

#[test]
fn outputs_asked_for_are_those_of_a_pass_over_all() {
    const FROM: usize = 2;
    let asked: Vec<u32> = (0..(MOMENTS - FROM) as u32 * BATCH as u32).filter(|row| row % 3 != 1).collect();
    for case in cases() {
        let all = case.unroll(FROM);
        let some = Unroll { rows: Some(&asked), ..all };
        let gradient = |unroll: &Unroll<'_>, rows: &[u32]| {
            let mut unrolled = Unrolled::default();
            case.network.forward(unroll, &mut unrolled);
            let outputs: Vec<Vec<f32>> = match unroll.rows {
                Some(_) => unrolled.rows().map(<[f32]>::to_vec).collect(),
                None => rows.iter().map(|row| unrolled.rows().nth(*row as usize).unwrap().to_vec()).collect(),
            };
            let count = unrolled.rows().count();
            for (index, row) in case.network.output_gradient(count, &mut unrolled).enumerate() {
                let own = if unroll.rows.is_some() { rows[index] } else { index as u32 };
                if rows.contains(&own) {
                    row[..OUTPUTS].iter_mut().for_each(|value| *value = own as f32 / 7.0 - 1.0);
                }
            }
            let mut gradient = vec![f32::NAN; case.network.parameters().0.len()];
            case.network.backward(unroll, FROM, &mut unrolled, &mut gradient);
            (outputs, gradient)
        };
        assert_eq!(gradient(&some, &asked), gradient(&all, &asked), "{:?}", case.memory);
    }
}

#[test]
fn acting_moment_by_moment_equals_the_batched_pass() {
    for case in cases() {
        let (mut together, mut alone) = (Unrolled::default(), Unrolled::default());
        case.network.forward(&case.unroll(0), &mut together);
        let mut states = match case.memory {
            Memory::Transformer(_) => vec![0.0; case.states.len()],
            _ => case.states.clone(),
        };
        for t in 0..MOMENTS {
            case.network.act(&case.moments(t, 1), &mut states, &mut alone);
            for (found, expected) in alone.rows().zip(together.rows().skip(t * BATCH)) {
                for (found, expected) in found[..OUTPUTS].iter().zip(expected) {
                    assert!((found - expected).abs() < 2e-6, "{:?} at {t}: {found} {expected}", case.memory);
                }
            }
        }
        if !matches!(case.memory, Memory::Transformer(_)) {
            let tensors = plain(&named(&case.network));
            for (b, state) in states.chunks(case.network.state_width()).enumerate() {
                let (_, expected) = features(&case.memory, None, &case.sequence(b), &|_| &tensors);
                let near = |(found, expected): (&f32, &f64)| (f64::from(*found) - expected).abs() < 1e-5;
                assert!(state.iter().zip(&expected).all(near), "{state:?} {expected:?}");
            }
        }
    }
}

#[test]
fn attention_is_that_of_the_reference() {
    let mut seen = 0;
    for case in cases() {
        let Memory::Transformer(sizes) = &case.memory else {
            let (mut states, mut unrolled) = (case.states.clone(), Unrolled::default());
            case.network.act(&case.moments(0, 1), &mut states, &mut unrolled);
            let layout = MomentInputs::new(&case.memory, case.inputs, 0, false).unwrap();
            assert_eq!(case.network.attention(&layout, &case.states, false, &unrolled), None);
            continue;
        };
        let layout = MomentInputs::new(&case.memory, case.inputs, 0, false).unwrap();
        let (tensors, sequence) = (plain(&named(&case.network)), case.sequence(0));
        let (_, expected) = reference::transformer(sizes, case.inputs.grid, &sequence, &|_| &tensors);
        let (mut states, mut unrolled) = (vec![0.0; case.states.len()], Unrolled::default());
        for (t, expected) in expected.iter().enumerate() {
            let before = states[..case.network.state_width()].to_vec();
            case.network.act(&case.moments(t, 1), &mut states, &mut unrolled);
            let found = case.network.attention(&layout, &before, sequence.starts[t], &unrolled).unwrap();
            let cells = expected.time[0].len();
            let shares: Vec<f64> = match &found.cells {
                None => vec![1.0],
                Some(_) => (0..cells)
                    .map(|u| expected.pool.iter().map(|head| head[u]).sum::<f64>() / sizes.heads as f64)
                    .collect(),
            };
            let near = |found: f32, expected: f64| {
                assert!((f64::from(found) - expected).abs() < 1e-5, "{sizes:?} {t}: {found} {expected}");
            };
            assert_eq!((found.heads, found.reach()), (sizes.heads, expected.time[0][0].len()));
            for (head, weights) in found.moments.chunks(found.reach()).enumerate() {
                near(weights.iter().sum(), 1.0);
                for (s, weight) in weights.iter().enumerate() {
                    near(*weight, (0..cells).map(|u| shares[u] * expected.time[head][u][s]).sum());
                }
                let bias = &tensors["memory.blocks.0.time.relative"].1;
                if sizes.blocks == 1 {
                    let bias = &bias[head * sizes.window..(head + 1) * sizes.window];
                    found.head_bias(head).iter().zip(bias).for_each(|(found, bias)| near(*found, *bias));
                }
            }
            if let Some(weighed) = &found.cells {
                assert_eq!((weighed.shape[0] * weighed.shape[1], weighed.weights.len()), (cells, cells));
                weighed.weights.iter().zip(&shares).for_each(|(found, share)| near(*found, *share));
                near(weighed.weights.iter().sum(), 1.0);
            }
            seen += found.reach();
        }
    }
    assert!(seen > 60, "{seen}");
}

#[test]
fn features_are_those_of_the_reference() {
    for case in cases() {
        let (mut states, mut unrolled) = (vec![0.0; case.states.len()], Unrolled::default());
        let tensors = plain(&named(&case.network));
        let sequence = Sequence { state: vec![0.0; case.network.sequence_state_width()], ..case.sequence(1) };
        let (expected, _) = features(&case.memory, case.inputs.grid, &sequence, &|_| &tensors);
        for (t, expected) in expected.iter().enumerate() {
            case.network.act(&case.moments(t, 1), &mut states, &mut unrolled);
            let rows: Vec<&[f32]> = case.network.features(&unrolled).collect();
            assert_eq!(rows.len(), BATCH);
            // With `skip`, the reference's go on with what the cell reads.
            for (found, expected) in rows[1].iter().zip(expected) {
                assert!((f64::from(*found) - expected).abs() < 1e-5, "{:?} {t}", case.memory);
            }
            let units = match &case.memory {
                Memory::Lstm(sizes) | Memory::Gru(sizes) => sizes.hidden,
                Memory::Transformer(sizes) => sizes.width,
                Memory::None => 0,
            };
            assert_eq!(rows[1].len(), units);
        }
    }
}

#[test]
fn tensors_round_trip_and_are_named_as_in_pytorch() {
    for case in cases() {
        let (tensors, network) = (named(&case.network), &case.network);
        assert_eq!(network.flat(&tensors, str::to_owned).unwrap()[..], network.parameters().0[..]);
        for name in tensors.keys() {
            let mut without = tensors.clone();
            without.remove(name);
            let error = network.flat(&without, |own| format!("actor.{own}")).unwrap_err();
            assert!(error.to_string().contains("is missing"), "{error}");
        }
    }
    let case = Case::new(Memory::Lstm(recurrent(3, Some(5), true)), Inputs::from(4));
    let tensors = named(&case.network);
    let shapes: Vec<_> = tensors.iter().map(|(name, tensor)| (name.as_str(), &tensor.shape[..])).collect();
    let expected = [
        ("layers.0.bias", &[5][..]),
        ("layers.0.weight", &[5, 8]),
        ("layers.1.bias", &[2]),
        ("layers.1.weight", &[2, 5]),
        ("memory.embed.bias", &[5]),
        ("memory.embed.weight", &[5, 4]),
        ("memory.rnn.bias_hh", &[12]),
        ("memory.rnn.bias_ih", &[12]),
        ("memory.rnn.weight_hh", &[12, 3]),
        ("memory.rnn.weight_ih", &[12, 5]),
    ];
    assert_eq!(shapes, expected);
}

/// A unit with a timescale of 60 forgets between half and one part in 60 in every moment; both backends begin alike.
#[test]
fn gates_begin_with_the_timescale() {
    for (lstm, gates) in [(true, 4), (false, 3)] {
        let sizes = Recurrent { timescale: Some(60), ..recurrent(32, None, false) };
        let memory = if lstm { Memory::Lstm(sizes) } else { Memory::Gru(sizes) };
        let inputs = Inputs { vector: 3, grid: None };
        let architecture = Architecture::new(inputs, &Encoder::Flat, &[5], false, Init::Uniform).unwrap();
        let mut network = MemoryNetwork::outline(&memory, &architecture, 0, OUTPUTS, Head::Linear).unwrap();
        network.draw(&architecture, 1.0, &mut rng(3, Stream::Weights, 1));
        let tensors = named(&network);
        let [input, hidden] = ["ih", "hh"].map(|kind| &tensors[&format!("memory.rnn.bias_{kind}")].data);
        assert_eq!(input.len(), gates * 32);
        let keep = &input[32..64];
        assert!(keep.iter().all(|bias| (0.0..=59.0_f32.ln()).contains(bias)), "{keep:?}");
        let mean = keep.iter().map(|bias| bias.exp()).sum::<f32>() / 32.0;
        assert!((22.0..38.0).contains(&mean), "uniform in [1, 59]: {mean}");
        assert!(hidden[32..64].iter().all(|bias| *bias == 0.0));
        if lstm {
            assert!(input[..32].iter().zip(keep).all(|(write, keep)| *write == -keep));
        }
        assert!(hidden[64..].iter().all(|bias| *bias != 0.0 && bias.abs() <= 1.0 / 32.0_f32.sqrt()));
    }
}
