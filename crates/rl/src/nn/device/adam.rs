//! Adam on one flat vector of parameters. Parameters are in `ensemble`; clipping is in `layers`.
//!
//! burn's own optimizer keeps its moments per tensor and under generated ids; here they are two vectors
//! beside the parameters, so one step is a dozen kernels for any number of layers, and moments can be saved
//! under their parameters' names.

use burn::tensor::Tensor;

use super::ensemble::{Ensemble, upload};
use crate::nn::{NetworkError, TensorMap};

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;

/// Stacked networks in training. Adam is elementwise, so every member effectively has its own moments.
#[derive(Clone)]
pub(crate) struct Trained {
    pub networks: Ensemble,
    pub adam: Adam,
}

impl Trained {
    /// No steps made yet.
    pub fn new(networks: Ensemble) -> Self {
        Self { adam: Adam::zeros(&networks.parameters()), networks }
    }

    /// Step number `t`, from 1, down `gradient`, `[P]`. The step size has a factor for the parameters of memories.
    pub fn descend(&mut self, t: u64, gradient: Tensor<1>, [learning_rate, factor]: [f32; 2], epsilon: f32) {
        let mut change = self.adam.step(t, gradient, learning_rate, epsilon);
        let (own, all) = (self.networks.memory_parameters(), change.dims()[0]);
        if own > 0 && factor != 1.0 {
            let memory = change.clone().slice_dim(0, 0..own) * factor;
            change = Tensor::cat(vec![memory, change.slice_dim(0, own..all)], 0);
        }
        self.networks.set_parameters(self.networks.parameters() + change);
    }

    /// Replaces parameters and moments by the named ones; without `optimizer.*` tensors, moments start at
    /// zero.
    ///
    /// # Errors
    /// [`NetworkError::Tensor`] for the first tensor that does not fit.
    pub fn load(&mut self, tensors: &TensorMap) -> Result<(), NetworkError> {
        self.networks.load(tensors)?;
        let zeros = Adam::zeros(&self.networks.parameters());
        self.adam = match tensors.keys().any(|name| name.starts_with("optimizer.")) {
            false => zeros,
            true => {
                let moment = |suffix| -> Result<Tensor<1>, NetworkError> {
                    let flat = self.networks.layout.pack(tensors, "optimizer.", suffix)?;
                    Ok(upload(flat, &zeros.m.device()))
                };
                Adam { m: moment(".m")?, v: moment(".v")? }
            }
        };
        Ok(())
    }
}

/// Adam's state for `P` parameters.
#[derive(Clone)]
pub(crate) struct Adam {
    /// `[P]`: running mean of the gradient.
    pub m: Tensor<1>,
    /// `[P]`: running mean of the squared gradient.
    pub v: Tensor<1>,
}

impl Adam {
    /// No steps made yet, for parameters shaped like `parameters`, `[P]`.
    pub fn zeros(parameters: &Tensor<1>) -> Self {
        Self { m: parameters.zeros_like(), v: parameters.zeros_like() }
    }

    /// The change step number `t`, from 1, adds to the parameters, `[P]` (Kingma & Ba 2015, algorithm 1):
    ///
    /// ```text
    /// m ← β1·m + (1−β1)·g        v ← β2·v + (1−β2)·g²
    /// −lr · (m / (1−β1^t)) / ( sqrt(v / (1−β2^t)) + ε )
    /// ```
    pub fn step(&mut self, t: u64, gradient: Tensor<1>, learning_rate: f32, epsilon: f32) -> Tensor<1> {
        debug_assert_eq!(self.m.dims(), gradient.dims());
        // The power is zero long before i32 overflows.
        let t = i32::try_from(t).unwrap_or(i32::MAX);
        let (correction_1, correction_2) = (1.0 - BETA_1.powi(t), 1.0 - BETA_2.powi(t));

        self.m = self.m.clone() * BETA_1 + gradient.clone() * (1.0 - BETA_1);
        self.v = self.v.clone() * BETA_2 + gradient.clone() * gradient * (1.0 - BETA_2);

        // Both corrections are host scalars, pulled out of the elementwise part in double precision.
        let denominator = self.v.clone().sqrt() * (1.0 / correction_2.sqrt()) + f64::from(epsilon);
        self.m.clone() * (-f64::from(learning_rate) / correction_1) / denominator
    }
}
