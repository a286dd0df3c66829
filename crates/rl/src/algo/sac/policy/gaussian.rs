//! A trained actor of continuous actions as a policy: batched observations in, sampled actions or those of the means
//! out.

use std::cell::RefCell;

use rand::RngExt as _;
use rand_distr::StandardNormal;

use super::actor::{Actor, Scratch};
use crate::algo::TrainError;
use crate::algo::sac::{Actions, SacConfig};
use crate::mdp::{ActInput, ActionDimension, ActionRow, Attention, Policy, PolicyId, PolicyOutput};
use crate::nn::gaussian::Squash;
use crate::nn::{Inputs, TensorMap};

/// Squashed Gaussian policy over a box of actions (Haarnoja et al. 2018b, appendix C).
///
/// Greedily it takes the action of the mean. The entropy that it reports is an estimate from the action it takes, or
/// from the mean: `−ln π(a|o)`, plus the one half of every dimension by which a density at the mean exceeds its
/// average.
#[derive(Debug, Clone)]
pub struct GaussianPolicy {
    actor: Actor,
    squash: Squash,
    id: PolicyId,
}

/// Buffers kept by every thread, so that acting allocates nothing, and taken out while in use.
#[derive(Default)]
struct Buffers {
    scratch: Scratch,
    noise: Vec<f32>,
    action: Vec<f32>,
}

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

impl GaussianPolicy {
    /// The actor of `config` for `inputs` and actions of `dimensions` with the tensors called `actor.…`; others are
    /// ignored.
    ///
    /// # Errors
    /// [`TrainError::Config`] when the configuration makes no such networks, [`TrainError::Network`] names the
    /// first tensor that is missing, of another shape or not finite.
    pub fn from_tensors(
        config: &SacConfig,
        inputs: impl Into<Inputs>,
        dimensions: &[ActionDimension],
        tensors: &TensorMap,
    ) -> Result<Self, TrainError> {
        let actions = Actions::Continuous(dimensions.to_vec());
        config.goes_with(&actions)?;
        let (actor, id) = Actor::from_tensors("gaussian", config, inputs.into(), &actions, tensors)?;
        Ok(Self { actor, squash: Squash::new(dimensions, config.log_std_bounds), id })
    }

    /// Its tensors `actor.…`, and the line of training if it has a memory, for [`GaussianPolicy::from_tensors`].
    pub fn tensors(&self) -> TensorMap {
        self.actor.tensors()
    }
}

impl Policy for GaussianPolicy {
    fn id(&self) -> PolicyId {
        self.id
    }

    fn state_width(&self) -> usize {
        self.actor.state_width()
    }

    fn act(&self, mut input: ActInput<'_>, decisions: &mut PolicyOutput) {
        let (count, greedy) = (input.observations.count, input.greedy);
        debug_assert!(greedy || input.rngs.len() == count);
        decisions.clear();
        if count == 0 {
            return;
        }
        let dims = self.squash.dims();
        let mut buffers = BUFFERS.take();
        let Buffers { scratch, noise, action } = &mut buffers;
        noise.clear();
        noise.resize(dims, 0.0);
        action.resize(dims, 0.0);
        let rows = self.actor.rows(&mut input, scratch, &mut decisions.features);
        for (index, row) in rows.enumerate() {
            if !greedy {
                let rng = &mut input.rngs[index];
                noise.iter_mut().for_each(|eps| *eps = rng.sample(StandardNormal));
            }
            let log_prob = self.squash.act(row, noise, action);
            let above = if greedy { 0.5 * dims as f32 } else { 0.0 };
            decisions.entropies.push(above - log_prob);
            decisions.actions.push(ActionRow::Continuous(action));
        }
        BUFFERS.set(buffers);
    }

    fn attention(&self, input: ActInput<'_>) -> Option<Attention> {
        let mut buffers = BUFFERS.take();
        let attention = self.actor.attention(input, &mut buffers.scratch);
        BUFFERS.set(buffers);
        attention
    }

    fn reach(&self) -> Option<usize> {
        self.actor.reach()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algo::sac::{FusedSac, SacUpdate as _};
    use crate::mdp::{ActionBatch, ActionSpace, ObservationBatch, Stream, rng};

    fn space() -> ActionSpace {
        ActionSpace::continuous(&[("lean", [-1.0, 1.0]), ("torque", [0.5, 4.5])])
    }

    fn policy() -> GaussianPolicy {
        let config = SacConfig { hidden: vec![7], ..SacConfig::default() };
        let sac = FusedSac::new(config.clone(), 3, &space(), &mut rng(5, Stream::Weights, 0)).unwrap();
        let tensors = sac.export_actor().unwrap();
        assert_eq!(tensors["actor.mean.weight"].shape, [2, 7]);
        assert_eq!(tensors["actor.log_std.bias"].shape, [2]);
        let policy = GaussianPolicy::from_tensors(&config, 3, space().dimensions(), &tensors).unwrap();
        assert_eq!(policy.tensors(), tensors);
        policy
    }

    fn act(policy: &GaussianPolicy, rows: usize, greedy: bool) -> PolicyOutput {
        let mut observations = ObservationBatch::default();
        (0..rows).for_each(|_| observations.push(&[0.3, -1.0, 0.8], &[]));
        let mut rngs: Vec<_> = (0..rows).map(|row| rng(7, Stream::Replay, row as u64)).collect();
        let mut output = PolicyOutput::default();
        let input = ActInput {
            observations: &observations,
            states: &mut Default::default(),
            previous_actions: &ActionBatch::default(),
            previous_rewards: &[],
            is_first: &[],
            rngs: &mut rngs,
            greedy,
        };
        policy.act(input, &mut output);
        output
    }

    #[test]
    fn samples_lie_in_the_box_around_the_greedy_action() {
        let policy = policy();
        let (greedy, sampled) = (act(&policy, 2, true), act(&policy, 4000, false));
        assert!(greedy.actions.fits(2, &space()) && sampled.actions.fits(4000, &space()));
        assert_eq!(greedy.actions.vector(0), greedy.actions.vector(1));
        assert!(greedy.probabilities.is_empty() && sampled.probabilities.is_empty());
        let mut below = [0; 2];
        for row in 0..4000 {
            for (j, below) in below.iter_mut().enumerate() {
                *below += usize::from(sampled.actions.vector(row)[j] < greedy.actions.vector(0)[j]);
            }
        }
        // The greedy action is the median of every dimension.
        assert!(below.iter().all(|below| (1850..2150).contains(below)), "{below:?}");
        // No density on a box of volume 2 · 4 is flatter than the uniform one.
        let mean = sampled.entropies.iter().sum::<f32>() / 4000.0;
        assert!(mean < 8f32.ln() && mean > 0.0, "{mean}");
    }

    #[test]
    fn a_policy_of_other_actions_is_refused_in_one_line() {
        let config = SacConfig { hidden: vec![7], ..SacConfig::default() };
        let sac = FusedSac::new(config.clone(), 3, 2, &mut rng(5, Stream::Weights, 0)).unwrap();
        let tensors = sac.export_actor().unwrap();
        let error = GaussianPolicy::from_tensors(&config, 3, space().dimensions(), &tensors).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("tensor `actor.mean.weight`: is missing") && !text.contains('\n'), "{text}");
    }
}
