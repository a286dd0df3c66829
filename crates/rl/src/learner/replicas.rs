//! Replicas of a learner: several train one agent, each from a replay buffer of its own, and average what they learn,
//! parameters now and then (local SGD, Stich 2019) or the gradients of every step (DD-PPO, Wijmans et al. 2020). How they
//! reach each other is left to [`Replicas`].

use std::sync::Arc;

use super::{Learner, LearnerError};
use crate::algo::AllReduce;
use crate::nn::{HostTensor, TensorMap, weights};

/// What a replica brings to a meeting, and what all take from it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Share {
    /// Parameters, target networks and moments of the optimizer, by name.
    pub tensors: TensorMap,
    /// Gradient steps that the agent has been trained for.
    pub gradient_steps: u64,
    /// Gradient steps made since the last meeting: the weight of this share, 0 for a replica that has none to bring.
    pub made: u64,
    /// Environment steps received so far.
    pub env_steps: u64,
    /// Whether training has begun anew or was set back, so that what the others bring is of no use.
    pub anew: bool,
}

impl Share {
    /// Its tensors as the bytes of a safetensors file.
    ///
    /// # Errors
    /// [`LearnerError::Network`] if they cannot be written.
    pub fn to_bytes(&self) -> Result<Vec<u8>, LearnerError> {
        Ok(weights::to_bytes(&self.tensors, &Default::default())?)
    }

    /// This share with the tensors in `bytes`, as written by [`Share::to_bytes`].
    ///
    /// # Errors
    /// [`LearnerError::Network`] if they are no such file.
    pub fn with_bytes(self, bytes: &[u8]) -> Result<Self, LearnerError> {
        Ok(Self { tensors: weights::from_bytes(bytes)?.0, ..self })
    }
}

/// Where the replicas of a learner meet.
pub trait Replicas: Send + Sync {
    /// Whether to meet now, `made` gradient steps after the last meeting, or `u64::MAX` if training has begun anew or was
    /// set back since. Does not wait.
    fn is_due(&self, made: u64) -> bool;

    /// Brings `share` and takes the mean of all; `None` where nobody was met. Waits for the others, but not without end.
    fn meet(&self, share: Share) -> Option<Share>;

    /// Whether this replica makes the gradient steps that another one begins, whatever its own steps allow.
    fn follows(&self) -> bool {
        false
    }

    /// How many of `wanted` gradient steps may be made now, the first of which is number `next`. May wait for some
    /// milliseconds.
    fn allow(&self, wanted: u64, _next: u64) -> u64 {
        wanted
    }

    /// Averages the gradients of every step, if that is wanted.
    fn gradients(&self) -> Option<Arc<dyn AllReduce>> {
        None
    }
}

/// The mean of `shares`, weighted by the gradient steps made for each; of the first alone if none made any, or if it began
/// anew. Shares that do not have the first one's tensors, or values that are not finite, are
/// left out. `None` without any.
pub fn mean(shares: &[Share]) -> Option<Share> {
    let first = shares.first()?;
    let fits = |tensor: &HostTensor, other: &HostTensor| {
        other.shape == tensor.shape && other.data.iter().all(|value| value.is_finite())
    };
    let same = |share: &&Share| {
        let all = || first.tensors.iter();
        let fits = |(name, tensor)| share.tensors.get(name).is_some_and(|other| fits(tensor, other));
        share.tensors.len() == first.tensors.len() && all().all(fits)
    };
    let made = shares.iter().filter(same).fold(0_u64, |sum, share| sum.saturating_add(share.made));
    if first.anew || made == 0 {
        return Some(first.clone());
    }
    let weighted = shares.iter().filter(same).filter(|share| share.made > 0);
    let weighted: Vec<(f64, &Share)> =
        weighted.map(|share| (share.made as f64 / made as f64, share)).collect();
    let tensors = first.tensors.iter().map(|(name, tensor)| {
        let mut sums = vec![0.0_f64; tensor.data.len()];
        for (weight, share) in &weighted {
            let values = share.tensors.get(name).map_or(&[][..], |tensor| &tensor.data);
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += weight * f64::from(*value));
        }
        let data = sums.into_iter().map(|sum| sum as f32).collect();
        (name.clone(), HostTensor { shape: tensor.shape.clone(), data })
    });
    // The first one's own count, which its environment steps allow; if it made none, that of who made most.
    let most = shares.iter().filter(same).map(|share| share.made).max().unwrap_or(0);
    let more = if first.made > 0 { 0 } else { most };
    let gradient_steps = first.gradient_steps.saturating_add(more);
    Some(Share { tensors: tensors.collect(), gradient_steps, ..first.clone() })
}

/// A learner's end of the meetings.
pub(super) struct Meetings {
    replicas: Arc<dyn Replicas>,
    /// Gradient steps at the last one.
    met_at: u64,
    /// Whether training has begun anew or was set back since.
    anew: bool,
}

impl Learner {
    /// Trains together with `replicas` from now on.
    ///
    /// # Errors
    /// [`LearnerError::Config`] if gradients are to be averaged and the gradient step does not offer its.
    pub fn join(&mut self, replicas: Arc<dyn Replicas>) -> Result<(), LearnerError> {
        self.meetings = Some(Meetings { replicas, met_at: self.counters.gradient_steps, anew: false });
        self.share_gradients()
    }

    /// Whether it trains together with others.
    pub fn has_replicas(&self) -> bool {
        self.meetings.is_some()
    }

    /// Gives the algorithm, which may be another one now, what averages its gradients.
    pub(super) fn share_gradients(&mut self) -> Result<(), LearnerError> {
        let gradients = self.meetings.as_ref().and_then(|meetings| meetings.replicas.gradients());
        if gradients.is_some() && !self.algorithm.share_gradients(gradients) {
            let (key, value) = ("learner.sync_every", "1".to_owned());
            let allowed = "2 or more on a GPU: only the CPU step averages gradients; or device = cpu";
            return Err(LearnerError::Config { key, value, allowed });
        }
        Ok(())
    }

    /// Takes note that the networks are others than those of the last meeting.
    pub(super) fn begin_anew(&mut self) {
        if let Some(meetings) = &mut self.meetings {
            meetings.anew = true;
        }
    }

    /// How many of at most `most` gradient steps may be made now.
    pub fn allowed(&self, most: u64) -> u64 {
        let Some(Meetings { replicas, .. }) = &self.meetings else { return self.credit().min(most) };
        let wanted = match replicas.follows() {
            true if self.has_begun() => most,
            true => 0,
            false => self.credit().min(most),
        };
        replicas.allow(wanted, self.counters.gradient_steps + 1)
    }

    /// Whether there may be gradient steps to make: by its own credit, or with the one it follows.
    pub fn may_train(&self) -> bool {
        let follows = self.meetings.as_ref().is_some_and(|meetings| meetings.replicas.follows());
        if follows { self.has_begun() } else { self.credit() > 0 }
    }

    fn has_begun(&self) -> bool {
        !self.replay.is_empty() && self.counters.env_steps > self.setup.config.learning_starts
    }

    /// Meets the other replicas if that is due; while it is not `training`, its networks stay as they are. Returns whether
    /// they are others now.
    ///
    /// # Errors
    /// [`LearnerError::Algorithm`] if they cannot be read from the device.
    pub fn meet(&mut self, training: bool) -> Result<bool, LearnerError> {
        let Self { meetings: Some(meetings), algorithm, counters, .. } = self else { return Ok(false) };
        let made = counters.gradient_steps.saturating_sub(meetings.met_at);
        let made = if meetings.anew { u64::MAX } else { made };
        if !meetings.replicas.is_due(made) {
            return Ok(false);
        }
        let mut tensors = algorithm.export()?;
        // Numbers such as a seed stay each replica's own.
        let own: TensorMap =
            algorithm.own_tensors().iter().filter_map(|name| tensors.remove_entry(*name)).collect();
        let share = Share {
            tensors,
            gradient_steps: counters.gradient_steps,
            made: if meetings.anew { 0 } else { made },
            env_steps: counters.env_steps,
            anew: meetings.anew || !training,
        };
        let Some(Share { mut tensors, gradient_steps, .. }) = meetings.replicas.meet(share) else {
            return Ok(false);
        };
        tensors.extend(own);
        algorithm.import(&tensors, gradient_steps)?;
        counters.gradient_steps = gradient_steps;
        (meetings.met_at, meetings.anew) = (gradient_steps, false);
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
