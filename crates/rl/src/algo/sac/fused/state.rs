//! How trainable state enters and leaves [`FusedSac`].
//! The gradient step itself is in `mod.rs`.

use std::borrow::Cow;
use std::sync::Arc;

use super::temperature::Temperature;
use super::trace::Trace;
use super::{FusedSac, SacConfig, TrainError, TransitionBatch};
use crate::algo::AllReduce;
use crate::algo::sac::SacUpdate;
use crate::algo::sac::draws::{export_seed, import_seed};
use crate::metrics::Metrics;
use crate::nn::adam::Adam;
use crate::nn::{Network, TensorMap, Trained};

impl SacUpdate for FusedSac {
    fn update(&mut self, batch: &TransitionBatch, report: bool) -> Result<Option<Metrics>, TrainError> {
        self.step(batch, report, &mut Trace(None))
    }

    fn td_errors(&self) -> Result<Cow<'_, [f32]>, TrainError> {
        Ok(Cow::Borrowed(&self.td_errors))
    }

    fn export(&self) -> Result<TensorMap, TrainError> {
        let mut tensors = self.export_actor()?;
        let mut put = |prefix: String, network: &Network, values: &[f32], suffix: &str| {
            network.tensors(values, |name, tensor| {
                drop(tensors.insert(format!("{prefix}.{name}{suffix}"), tensor))
            });
        };
        for (index, critic) in self.critics.iter().enumerate() {
            let online = &critic.online.network;
            put(format!("critic{}", index + 1), online, &online.parameters, "");
            if let Some(target) = &critic.target {
                put(format!("target_critic{}", index + 1), target, &target.parameters, "");
            }
        }
        if let Some(value) = &self.value {
            put("value".to_owned(), &value.online.network, &value.online.network.parameters, "");
            put("target_value".to_owned(), &value.target, &value.target.parameters, "");
        }
        for (network, trained) in self.trained() {
            let prefix = format!("optimizer.{network}");
            put(prefix.clone(), &trained.network, &trained.adam.m, ".m");
            put(prefix, &trained.network, &trained.adam.v, ".v");
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
        let parameters = |network: &Network, own: &str| network.flat(tensors, |name| format!("{own}.{name}"));
        let moment = |network: &Network, own: &str, suffix: &str| {
            network.flat(tensors, |name| format!("optimizer.{own}.{name}.{suffix}"))
        };
        // Everything is read into a copy first: an error must leave this state as it was.
        let mut read = self.clone();
        let fill = |trained: &mut Trained, own: &str| -> Result<(), TrainError> {
            trained.network.parameters = parameters(&trained.network, own)?;
            trained.adam = if with_moments {
                Adam { m: moment(&trained.network, own, "m")?, v: moment(&trained.network, own, "v")? }
            } else {
                Adam::zeros(trained.network.parameters.len())
            };
            Ok(())
        };
        fill(&mut read.actor, "actor")?;
        for (index, critic) in read.critics.iter_mut().enumerate() {
            fill(&mut critic.online, &format!("critic{}", index + 1))?;
            if let Some(target) = &mut critic.target {
                target.parameters = parameters(target, &format!("target_critic{}", index + 1))?;
            }
        }
        if let Some(value) = &mut read.value {
            fill(&mut value.online, "value")?;
            value.target.parameters = parameters(&value.target, "target_value")?;
        }
        read.seed = import_seed(tensors)?.unwrap_or(read.seed);
        read.temperature = Temperature::import(tensors, with_moments)?;
        read.gradient_steps = gradient_steps;
        *self = read;
        Ok(())
    }

    fn export_actor(&self) -> Result<TensorMap, TrainError> {
        let mut tensors = TensorMap::new();
        let actor = &self.actor.network;
        actor
            .tensors(&actor.parameters, |name, tensor| drop(tensors.insert(format!("actor.{name}"), tensor)));
        Ok(tensors)
    }

    fn export_critics(&self) -> Result<TensorMap, TrainError> {
        let mut tensors = TensorMap::new();
        for (index, critic) in self.critics.iter().enumerate() {
            let network = &critic.online.network;
            network.tensors(&network.parameters, |name, tensor| {
                drop(tensors.insert(format!("critic{}.{name}", index + 1), tensor))
            });
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

impl FusedSac {
    /// The networks that have an optimizer, by name.
    fn trained(&self) -> impl Iterator<Item = (String, &Trained)> {
        let critics = self.critics.iter().enumerate();
        let critics = critics.map(|(index, critic)| (format!("critic{}", index + 1), &critic.online));
        let value = self.value.as_ref().map(|value| ("value".to_owned(), &value.online));
        std::iter::once(("actor".to_owned(), &self.actor)).chain(critics).chain(value)
    }
}
