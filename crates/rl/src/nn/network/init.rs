//! Initialization of weights.

use rand::RngExt as _;
use rand_distr::StandardNormal;

use super::Network;
use super::tensors::Slot;
use crate::mdp::Rng;
use crate::nn::Init;

impl Network {
    /// Initializes all parameters, which must be zero.
    pub(in crate::nn) fn draw(&mut self, init: Init, output_gain: f32, rng: &mut Rng) {
        let mut parameters = std::mem::take(&mut self.parameters);
        for norm in &self.norms {
            parameters[norm.weight..norm.weight + norm.outputs].fill(1.0);
        }
        if init == Init::Uniform {
            let convs = self.encoder.iter().flat_map(|encoder| &encoder.convs).map(|conv| &conv.linear);
            for linear in convs.chain(&self.layers) {
                let bound = 1.0 / (linear.rows.len().max(1) as f32).sqrt();
                let weights = linear.rows.iter().map(|row| linear.weight + *row as usize * linear.width);
                for start in weights.chain([linear.bias]) {
                    parameters[start..start + linear.outputs]
                        .fill_with(|| bound * (2.0 * rng.random::<f32>() - 1.0));
                }
            }
        } else {
            let output = self.layers.last().map(|layer| layer.weight);
            for slot in self.slots().filter(|slot| slot.shape.len() > 1) {
                let gain = match init {
                    _ if Some(slot.start) != output => std::f32::consts::SQRT_2,
                    Init::Orthogonal => output_gain,
                    _ => 1.0,
                };
                let values = weights(&slot, init, gain, rng);
                slot.places().zip(values).for_each(|(place, value)| parameters[place] = value);
            }
        }
        self.keep_shared(&mut parameters);
        self.parameters = parameters;
    }
}

/// Weights of one tensor `[outputs, inputs…]`, row by row.
fn weights(slot: &Slot<'_>, init: Init, gain: f32, rng: &mut Rng) -> Vec<f32> {
    let (outputs, inputs) = (slot.shape[0], slot.shape[1..].iter().product::<usize>());
    // The fan-out of a convolution includes its kernel's cells.
    let reach: usize = slot.shape[2..].iter().product();
    let bound = match init {
        Init::Orthogonal => return orthogonal(outputs, inputs, gain, rng),
        Init::Xavier => (6.0 / (inputs + outputs * reach) as f32).sqrt(),
        Init::Kaiming | Init::Uniform => gain * (3.0 / inputs as f32).sqrt(),
    };
    (0..outputs * inputs).map(|_| bound * (2.0 * rng.random::<f32>() - 1.0)).collect()
}

/// `gain` times a matrix `[rows, columns]` whose shorter side is orthonormal: normal samples, orthonormalized
/// by Gram-Schmidt, twice against rounding errors.
fn orthogonal(rows: usize, columns: usize, gain: f32, rng: &mut Rng) -> Vec<f32> {
    let (count, len) = (rows.min(columns), rows.max(columns));
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(count);
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    for _ in 0..count {
        let mut vector: Vec<f64> = (0..len).map(|_| rng.sample(StandardNormal)).collect();
        for other in basis.iter().chain(&basis) {
            let share = dot(&vector, other);
            vector.iter_mut().zip(other).for_each(|(value, other)| *value -= share * other);
        }
        let scale = 1.0 / dot(&vector, &vector).sqrt();
        vector.iter_mut().for_each(|value| *value *= scale);
        basis.push(vector);
    }
    let value =
        |row: usize, column: usize| if rows <= columns { basis[row][column] } else { basis[column][row] };
    (0..rows * columns).map(|place| gain * value(place / columns, place % columns) as f32).collect()
}
