//! A trained actor as a policy: batched observations in, sampled or most probable actions out.
//! Learning is left to the updates; this only holds a copy of the actor's parameters.

use std::cell::RefCell;

use rand::RngExt as _;

use super::architecture::Architecture;
use super::fused::softmax;
use super::network::{Activations, Network};
use super::{Head, Inputs, SacConfig, SacError, TensorMap};
use crate::mdp::{Action, ObservationBatch, Policy, PolicyOutput, PolicyState, Rng};

/// Softmax policy over discrete actions.
#[derive(Debug, Clone)]
pub struct CategoricalPolicy {
    actor: Network,
}

/// Memory of one evaluation, kept by every thread so that acting allocates nothing.
#[derive(Default)]
struct Scratch {
    features: Vec<f32>,
    activations: Activations,
    log_policy: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl CategoricalPolicy {
    /// The actor of `config` for `inputs` and `actions` with the tensors called `actor.…`; others are
    /// ignored.
    ///
    /// # Errors
    /// [`SacError::Config`] when the configuration makes no such networks, [`SacError::Tensor`] names the
    /// first tensor that is missing, of another shape or not finite.
    pub fn from_tensors(
        config: &SacConfig,
        inputs: impl Into<Inputs>,
        actions: usize,
        tensors: &TensorMap,
    ) -> Result<Self, SacError> {
        config.validate()?;
        let mut actor = Network::outline(&Architecture::new(config, inputs.into())?, actions, Head::Linear);
        actor.parameters = actor.flat(tensors, |name| format!("actor.{name}"))?;
        Ok(Self { actor })
    }

    /// Its tensors `actor.…`, for [`CategoricalPolicy::from_tensors`].
    pub fn tensors(&self) -> TensorMap {
        let mut tensors = TensorMap::new();
        let actor = &self.actor;
        actor.tensors(&actor.parameters, |name, tensor| _ = tensors.insert(format!("actor.{name}"), tensor));
        tensors
    }

    /// Features `D` of an observation.
    pub fn features(&self) -> usize {
        self.actor.inputs()
    }

    /// Number of actions `A`.
    pub fn actions(&self) -> usize {
        self.actor.outputs()
    }
}

impl Policy for CategoricalPolicy {
    fn act(
        &self,
        observations: &ObservationBatch,
        _states: &mut [PolicyState],
        rngs: &mut [Rng],
        greedy: bool,
        decisions: &mut PolicyOutput,
    ) {
        debug_assert!(greedy || rngs.len() == observations.count);
        decisions.clear();
        if observations.count == 0 {
            return;
        }
        SCRATCH.with_borrow_mut(|Scratch { features, activations, log_policy }| {
            features.clear();
            observations.features(features);
            debug_assert_eq!(features.len(), observations.count * self.features());
            self.actor.forward(features, activations);
            let actions = self.actions();
            for (index, row) in activations.rows().enumerate() {
                log_policy.clear();
                log_policy.extend_from_slice(&row[..actions]);
                let start = decisions.probabilities.len();
                decisions.probabilities.resize(start + actions, 0.0);
                let policy = &mut decisions.probabilities[start..];
                decisions.entropies.push(softmax(log_policy, policy));
                let action =
                    if greedy { most_probable(policy) } else { sample(policy, rngs[index].random()) };
                decisions.actions.push(Action::Discrete(action as u16));
            }
        });
    }
}

/// Index of the largest probability, the first one on a tie.
fn most_probable(policy: &[f32]) -> usize {
    let mut best = 0;
    for (action, probability) in policy.iter().enumerate() {
        if *probability > policy[best] {
            best = action;
        }
    }
    best
}

/// Smallest action whose cumulative probability exceeds `uniform` from [0, 1).
pub(super) fn sample(policy: &[f32], uniform: f32) -> usize {
    let mut cumulative = 0.0;
    let mut last_possible = 0;
    for (action, &probability) in policy.iter().enumerate() {
        cumulative += probability;
        if uniform < cumulative {
            return action;
        }
        if probability > 0.0 {
            last_possible = action;
        }
    }
    // Rounding may leave the sum just below one.
    last_possible
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdp::{GridShape, Stream, rng};
    use crate::sac::{ConvLayer, Encoder, FusedSac, Padding, SacUpdate};

    fn policy(config: &SacConfig, inputs: Inputs) -> CategoricalPolicy {
        let sac = FusedSac::new(config.clone(), inputs, 4, &mut rng(5, Stream::Weights, 0)).unwrap();
        CategoricalPolicy::from_tensors(config, inputs, 4, &sac.export_actor().unwrap()).unwrap()
    }

    fn dense(hidden: &[usize]) -> SacConfig {
        SacConfig { hidden: hidden.to_vec(), ..SacConfig::default() }
    }

    fn observations(inputs: Inputs, count: usize) -> ObservationBatch {
        let mut source = rng(6, Stream::Environment, 0);
        let vector = (0..count * inputs.vector).map(|_| 4.0 * source.random::<f32>() - 2.0).collect();
        let bytes = count * (inputs.features() - inputs.vector);
        ObservationBatch { count, vector, grid: (0..bytes).map(|_| source.random()).collect() }
    }

    #[test]
    fn a_row_does_not_depend_on_its_company() {
        let grid = Some(GridShape { channels: 5, height: 7, width: 9 });
        let (vector, grid, both) = (8.into(), Inputs { vector: 0, grid }, Inputs { vector: 4, grid });
        let layers = [(16, 1), (20, 2)].map(|(channels, stride)| ConvLayer {
            channels,
            kernel: 3,
            stride,
            padding: Padding::Same,
        });
        let deep = Encoder::Conv { layers: layers.to_vec() };
        for (config, inputs) in [
            (dense(&[128, 128]), vector),
            (dense(&[64, 24]), vector),
            (dense(&[]), vector),
            (SacConfig { layer_norm: true, ..dense(&[64, 24]) }, vector),
            (dense(&[32]), grid),
            (dense(&[]), both),
            (SacConfig { encoder: Encoder::Flat, ..dense(&[32]) }, both),
            (SacConfig { encoder: deep, layer_norm: true, ..dense(&[33]) }, both),
        ] {
            let policy = policy(&config, inputs);
            let all = observations(inputs, 256);
            let fresh = || (0..256).map(|i| rng(7, Stream::Exploration, i)).collect::<Vec<_>>();
            let mut together = PolicyOutput::default();
            policy.act(&all, &mut [], &mut fresh(), false, &mut together);
            let mut alone = PolicyOutput::default();
            for (index, source) in fresh().iter_mut().enumerate() {
                let mut one = ObservationBatch::default();
                let (vector, grid) = all.row(index);
                one.push(vector, grid);
                policy.act(&one, &mut [], std::slice::from_mut(source), false, &mut alone);
                assert_eq!(alone.actions[0], together.actions[index]);
                assert_eq!(alone.entropies[0].to_bits(), together.entropies[index].to_bits());
                assert_eq!(alone.probabilities[..], together.probabilities[index * 4..index * 4 + 4]);
            }
            let varied =
                together.probabilities.chunks_exact(4).any(|row| row != &together.probabilities[..4]);
            assert!(varied, "every row is the same");
        }
    }

    #[test]
    fn sampling_follows_the_probabilities() {
        let policy = policy(&dense(&[16]), 8.into());
        let mut one = ObservationBatch::default();
        one.push(&[1.0, -1.0, 2.0, 0.5, -2.0, 1.5, 0.0, 1.0], &[]);
        let mut source = [rng(8, Stream::Exploration, 0)];
        let mut decisions = PolicyOutput::default();
        let mut counts = [0.0f32; 4];
        for _ in 0..20_000 {
            policy.act(&one, &mut [], &mut source, false, &mut decisions);
            counts[decisions.actions[0].index()] += 1.0 / 20_000.0;
        }
        for (count, probability) in counts.iter().zip(&decisions.probabilities) {
            assert!((count - probability).abs() < 0.015, "{counts:?} {:?}", decisions.probabilities);
        }
        assert!((decisions.probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert_eq!(sample(&[0.5, 0.4999, 0.0], 0.99999), 1);
        assert_eq!(most_probable(&[0.2, 0.4, 0.4]), 1);
    }

    #[test]
    fn layers_that_do_not_fit_are_named() {
        let config = dense(&[6, 5]);
        let sac = FusedSac::new(config.clone(), 3, 2, &mut rng(5, Stream::Weights, 0)).unwrap();
        let tensors = sac.export_actor().unwrap();
        let without = |name: &str| {
            let mut tensors = tensors.clone();
            tensors.remove(name);
            CategoricalPolicy::from_tensors(&config, 3, 2, &tensors).unwrap_err().to_string()
        };
        assert!(without("actor.layers.0.weight").contains("actor.layers.0.weight"));
        assert!(without("actor.layers.1.bias").contains("actor.layers.1.bias"));
        let mut other = tensors.clone();
        other.get_mut("actor.layers.1.weight").unwrap().shape = vec![6, 5];
        assert!(CategoricalPolicy::from_tensors(&config, 3, 2, &other).is_err());
        assert_eq!(CategoricalPolicy::from_tensors(&config, 3, 2, &tensors).unwrap().actions(), 2);
    }
}
