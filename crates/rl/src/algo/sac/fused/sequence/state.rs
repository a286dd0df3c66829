//! How trainable state enters and leaves [`FusedSequenceSac`]. The gradient step itself is in `mod.rs`.

use std::borrow::Cow;
use std::sync::Arc;

use super::FusedSequenceSac;
use super::networks::Trained;
use crate::algo::sac::draws::{export_seed, import_seed};
use crate::algo::sac::fused::temperature::Temperature;
use crate::algo::sac::fused::trace::Trace;
use crate::algo::sac::{SacConfig, SacUpdate};
use crate::algo::{AllReduce, TrainError};
use crate::mdp::{SequenceBatch, TransitionBatch};
use crate::metrics::Metrics;
use crate::nn::TensorMap;
use crate::nn::adam::Adam;
use crate::nn::memory::MemoryNetwork;

/// Adds `values`, laid out like `network`, as `prefix.….suffix`.
fn put(tensors: &mut TensorMap, network: &MemoryNetwork, values: &[f32], prefix: &str, suffix: &str) {
    network.tensors(values, |name, tensor| _ = tensors.insert(format!("{prefix}.{name}{suffix}"), tensor));
}

impl SacUpdate for FusedSequenceSac {
    fn update(&mut self, _: &TransitionBatch, _: bool) -> Result<Option<Metrics>, TrainError> {
        Err(TrainError::Batch {
            problem: "holds transitions, an agent with memory learns on sequences".to_owned(),
        })
    }

    fn update_sequences(
        &mut self,
        batch: &SequenceBatch,
        report: bool,
    ) -> Result<Option<Metrics>, TrainError> {
        self.step(batch, report, &mut Trace(None))
    }

    fn td_errors(&self) -> Result<Cow<'_, [f32]>, TrainError> {
        Ok(Cow::Borrowed(&self.priorities))
    }

    fn export(&self) -> Result<TensorMap, TrainError> {
        let mut tensors = self.export_actor()?;
        for (index, critic) in self.critics.iter().enumerate() {
            let online = &critic.online.network;
            put(&mut tensors, online, online.parameters().0, &format!("critic{}", index + 1), "");
            let name = format!("target_critic{}", index + 1);
            put(&mut tensors, &critic.target, critic.target.parameters().0, &name, "");
        }
        for (name, trained) in self.trained() {
            let prefix = format!("optimizer.{name}");
            put(&mut tensors, &trained.network, &trained.adam.m, &prefix, ".m");
            put(&mut tensors, &trained.network, &trained.adam.v, &prefix, ".v");
        }
        self.temperature.export(&mut tensors);
        if self.config.draws(&self.actions) {
            export_seed(self.seed, &mut tensors);
        }
        Ok(tensors)
    }

    fn import(&mut self, tensors: &TensorMap, gradient_steps: u64) -> Result<(), TrainError> {
        // Parameters without any moments are a network that was never trained here.
        let with_moments = tensors.keys().any(|name| name.starts_with("optimizer."));
        let read = |network: &MemoryNetwork, own: &str| network.flat(tensors, |name| format!("{own}.{name}"));
        // Everything is read into a copy first: an error must leave this state as it was.
        let mut copy = self.clone();
        let fill = |trained: &mut Trained, own: &str| -> Result<(), TrainError> {
            let network = &mut trained.network;
            *network.parameters_mut().0 = read(network, own)?;
            trained.adam = Adam::zeros(network.parameters().0.len());
            if with_moments {
                let moment =
                    |kind: &str| network.flat(tensors, |name| format!("optimizer.{own}.{name}.{kind}"));
                trained.adam = Adam { m: moment("m")?, v: moment("v")? };
            }
            Ok(())
        };
        fill(&mut copy.actor, "actor")?;
        for (index, critic) in copy.critics.iter_mut().enumerate() {
            fill(&mut critic.online, &format!("critic{}", index + 1))?;
            let target = read(&critic.target, &format!("target_critic{}", index + 1))?;
            *critic.target.parameters_mut().0 = target;
        }
        copy.seed = import_seed(tensors)?.unwrap_or(copy.seed);
        copy.temperature = Temperature::import(tensors, with_moments)?;
        copy.gradient_steps = gradient_steps;
        *self = copy;
        Ok(())
    }

    fn export_actor(&self) -> Result<TensorMap, TrainError> {
        let mut tensors = TensorMap::new();
        let actor = &self.actor.network;
        put(&mut tensors, actor, actor.parameters().0, "actor", "");
        Ok(tensors)
    }

    fn export_critics(&self) -> Result<TensorMap, TrainError> {
        let mut tensors = TensorMap::new();
        for (index, critic) in self.critics.iter().enumerate() {
            let network = &critic.online.network;
            put(&mut tensors, network, network.parameters().0, &format!("critic{}", index + 1), "");
        }
        Ok(tensors)
    }

    fn gradient_steps(&self) -> u64 {
        self.gradient_steps
    }

    fn config(&self) -> &SacConfig {
        &self.config
    }

    fn set_config(&mut self, config: SacConfig) -> Result<(), TrainError> {
        config.follows(&self.config)?;
        if let Some(temperature) = config.fixed_temperature() {
            self.temperature.log = temperature.ln();
        }
        self.config = config;
        Ok(())
    }

    fn share_gradients(&mut self, all_reduce: Option<Arc<dyn AllReduce>>) -> bool {
        self.all_reduce = all_reduce;
        true
    }

    fn device(&self) -> String {
        "cpu (fused)".to_owned()
    }
}

impl FusedSequenceSac {
    /// The networks that have an optimizer, by name.
    fn trained(&self) -> impl Iterator<Item = (String, &Trained)> {
        let critics = self.critics.iter().enumerate();
        let critics = critics.map(|(index, critic)| (format!("critic{}", index + 1), &critic.online));
        std::iter::once(("actor".to_owned(), &self.actor)).chain(critics)
    }
}
