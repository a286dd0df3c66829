//! A trained actor as a policy: batched observations in, sampled or most probable actions out.
//! Learning is left to the updates; this only holds a copy of the actor's parameters.

use std::cell::RefCell;

use rand::RngExt as _;

use super::fused::softmax;
use super::mlp::{Activations, Mlp};
use super::{Head, SacError, TensorMap};
use crate::mdp::{Action, Decisions, ObservationBatch, Policy, PolicyState, Rng};

/// Softmax policy over discrete actions.
#[derive(Debug, Clone)]
pub struct CategoricalPolicy {
    actor: Mlp,
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
    /// Reads `actor.layers.{i}.weight` and `.bias` for `i = 0, 1, …`; the layers' sizes are those
    /// of the tensors. Other tensors are ignored.
    ///
    /// # Errors
    /// [`SacError::Tensor`] names the first tensor that is missing, does not fit the one before it,
    /// or is not finite.
    pub fn from_tensors(tensors: &TensorMap) -> Result<Self, SacError> {
        let weight = |index: usize| format!("actor.layers.{index}.weight");
        let mut sizes = Vec::new();
        while let Some(found) = tensors.get(&weight(sizes.len().saturating_sub(1))) {
            let &[outputs, inputs] = &found.shape[..] else {
                let problem = format!("has shape {:?}, expected [outputs, inputs]", found.shape);
                return Err(SacError::Tensor { name: weight(sizes.len().saturating_sub(1)), problem });
            };
            // The largest network a configuration allows; more is a damaged file.
            let limit = usize::from(u16::MAX);
            if inputs == 0
                || outputs == 0
                || inputs > limit
                || outputs > limit
                || found.data.len() != outputs * inputs
            {
                let problem = format!("has {} values for shape {:?}", found.data.len(), found.shape);
                return Err(SacError::Tensor { name: weight(sizes.len().saturating_sub(1)), problem });
            }
            if sizes.is_empty() {
                sizes.push(inputs);
            }
            sizes.push(outputs);
        }
        let [inputs, hidden @ .., actions] = &sizes[..] else {
            return Err(SacError::Tensor { name: weight(0), problem: "is missing".to_owned() });
        };
        let mut actor = Mlp::zeros(*inputs, hidden, *actions, Head::Linear);
        actor.parameters = actor.flat(tensors, |name| format!("actor.{name}"))?;
        Ok(Self { actor })
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
        decisions: &mut Decisions,
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
    use crate::mdp::{Stream, rng};
    use crate::sac::{FusedSac, SacConfig, SacUpdate};

    fn policy(hidden: &[usize]) -> CategoricalPolicy {
        let config = SacConfig { hidden: hidden.to_vec(), ..SacConfig::default() };
        let sac = FusedSac::new(config, 8, 4, &mut rng(5, Stream::Weights, 0)).unwrap();
        CategoricalPolicy::from_tensors(&sac.export_actor().unwrap()).unwrap()
    }

    fn observations(count: usize) -> ObservationBatch {
        let mut source = rng(6, Stream::Environment, 0);
        let vector = (0..count * 8).map(|_| 4.0 * source.random::<f32>() - 2.0).collect();
        ObservationBatch { count, vector, grid: Vec::new() }
    }

    #[test]
    fn a_row_does_not_depend_on_its_company() {
        for hidden in [&[128, 128][..], &[64, 24], &[]] {
            let policy = policy(hidden);
            let all = observations(256);
            let fresh = || (0..256).map(|i| rng(7, Stream::Exploration, i)).collect::<Vec<_>>();
            let mut together = Decisions::default();
            policy.act(&all, &mut [], &mut fresh(), false, &mut together);
            let mut alone = Decisions::default();
            for (index, source) in fresh().iter_mut().enumerate() {
                let mut one = ObservationBatch::default();
                one.push(all.row(index).0, &[]);
                policy.act(&one, &mut [], std::slice::from_mut(source), false, &mut alone);
                assert_eq!(alone.actions[0], together.actions[index]);
                assert_eq!(alone.entropies[0].to_bits(), together.entropies[index].to_bits());
                assert_eq!(alone.probabilities[..], together.probabilities[index * 4..index * 4 + 4]);
            }
        }
    }

    #[test]
    fn sampling_follows_the_probabilities() {
        let policy = policy(&[16]);
        let mut one = ObservationBatch::default();
        one.push(&[1.0, -1.0, 2.0, 0.5, -2.0, 1.5, 0.0, 1.0], &[]);
        let mut source = [rng(8, Stream::Exploration, 0)];
        let mut decisions = Decisions::default();
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
        let config = SacConfig { hidden: vec![6, 5], ..SacConfig::default() };
        let sac = FusedSac::new(config, 3, 2, &mut rng(5, Stream::Weights, 0)).unwrap();
        let tensors = sac.export_actor().unwrap();
        let without = |name: &str| {
            let mut tensors = tensors.clone();
            tensors.remove(name);
            CategoricalPolicy::from_tensors(&tensors).unwrap_err().to_string()
        };
        assert!(without("actor.layers.0.weight").contains("actor.layers.0.weight"));
        assert!(without("actor.layers.1.bias").contains("actor.layers.1.bias"));
        let mut other = tensors.clone();
        other.get_mut("actor.layers.1.weight").unwrap().shape = vec![6, 5];
        assert!(CategoricalPolicy::from_tensors(&other).is_err());
        assert_eq!(CategoricalPolicy::from_tensors(&tensors).unwrap().actions(), 2);
    }
}
