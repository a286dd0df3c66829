//! How trainable state enters and leaves [`AutodiffSac`]. The gradient step itself is in `step`.

use std::borrow::Cow;

use super::report::{Owners, TdErrors, mean_errors};
use super::rows::Rows;
use super::sequences::unmasked;
use super::{AutodiffSac, Bootstrap};
use crate::algo::TrainError;
use crate::algo::sac::draws::{export_seed, fill_noise, import_seed};
use crate::algo::sac::{ActorGradient, SacConfig, SacUpdate, batch};
use crate::mdp::{ActionNoise, SequenceBatch, Stream, TransitionBatch, rng};
use crate::metrics::Metrics;
use crate::nn::device::{Adam, Ensemble, read, upload};
use crate::nn::{HostTensor, TensorMap, tensor};

impl SacUpdate for AutodiffSac {
    fn update(&mut self, batch: &TransitionBatch, report: bool) -> Result<Option<Metrics>, TrainError> {
        if self.moment.is_some() {
            let problem = "holds transitions, an agent with memory learns from sequences".to_owned();
            return Err(TrainError::Batch { problem });
        }
        batch::check(batch, &self.config, self.inputs.features(), &self.actions)?;
        let samples = match self.config.actor_gradient {
            ActorGradient::Reinforce { samples } => samples,
            _ => 0,
        };
        let next = if self.config.value_network.is_none() { batch.batch } else { 0 };
        let noise = self.noise(&batch.noise, [batch.batch, next, batch.batch * samples]);
        let scale = self.config.total_reward_scale();
        let rows = Rows::upload(batch, &self.actions, &noise, scale, &self.device);
        self.owners = None;
        self.step(&rows, report)
    }

    fn update_sequences(
        &mut self,
        batch: &SequenceBatch,
        report: bool,
    ) -> Result<Option<Metrics>, TrainError> {
        let Some(moment) = &self.moment else {
            let problem = "holds sequences, an agent without memory learns from transitions".to_owned();
            return Err(TrainError::Batch { problem });
        };
        batch::check_sequences(batch, &self.config, self.inputs.features(), &self.actions)?;
        let (places, moments) = (unmasked(batch), batch.batch * (batch.length + 1));
        let noise = self.noise(&batch.noise, [moments, moments, 0]);
        let (config, actions) = (&self.config, &self.actions);
        let rows = Rows::of_sequences(batch, &places, config, moment, actions, &noise, &self.device);
        self.owners = Some(Owners {
            batch: batch.batch,
            sequences: places.into_iter().map(|(_, b)| b).collect(),
            eta: self.config.sequence.priority_eta,
        });
        self.step(&rows, report)
    }

    fn td_errors(&self) -> Result<Cow<'_, [f32]>, TrainError> {
        let errors = match &self.td_errors {
            TdErrors::Host(errors) => Cow::Borrowed(&errors[..]),
            TdErrors::Device(errors) => Cow::Owned(read(mean_errors((**errors).clone()))?),
        };
        Ok(match &self.owners {
            Some(owners) => Cow::Owned(owners.priorities(&errors)),
            None => errors,
        })
    }

    fn export(&self) -> Result<TensorMap, TrainError> {
        let mut tensors = TensorMap::new();
        for (ensemble, optimizer) in self.ensembles() {
            ensemble.layout.unpack(&read(ensemble.parameters())?, "", "", &mut tensors);
            if let Some(adam) = optimizer {
                ensemble.layout.unpack(&read(adam.m.clone())?, "optimizer.", ".m", &mut tensors);
                ensemble.layout.unpack(&read(adam.v.clone())?, "optimizer.", ".v", &mut tensors);
            }
        }
        for (name, tensor) in [
            ("log_alpha", &self.log_temperature),
            ("optimizer.log_alpha.m", &self.temperature_optimizer.m),
            ("optimizer.log_alpha.v", &self.temperature_optimizer.v),
        ] {
            let data = read(tensor.clone())?;
            tensors.insert(name.to_string(), HostTensor { shape: vec![1], data });
        }
        if self.config.draws(&self.actions) {
            export_seed(self.seed, &mut tensors);
        }
        Ok(tensors)
    }

    fn import(&mut self, tensors: &TensorMap, gradient_steps: u64) -> Result<(), TrainError> {
        // Everything is loaded into a copy first, which shares all tensors: an error must leave this as it was.
        let mut loaded = self.clone();
        loaded.actor.load(tensors)?;
        loaded.critics.load(tensors)?;
        match &mut loaded.bootstrap {
            Bootstrap::Critics(target) => target.load(tensors)?,
            Bootstrap::Value { online, target } => {
                online.load(tensors)?;
                target.load(tensors)?;
            }
        }
        let scalar = |name: &str| -> Result<_, TrainError> {
            Ok(upload(tensor(tensors, name.to_string(), &[1])?.to_vec(), &self.device))
        };
        loaded.log_temperature = scalar("log_alpha")?;
        loaded.temperature_optimizer = match tensors.keys().any(|name| name.starts_with("optimizer.")) {
            false => Adam::zeros(&self.log_temperature),
            true => Adam { m: scalar("optimizer.log_alpha.m")?, v: scalar("optimizer.log_alpha.v")? },
        };
        loaded.seed = import_seed(tensors)?.unwrap_or(self.seed);
        loaded.gradient_steps = gradient_steps;
        *self = loaded;
        Ok(())
    }

    fn export_actor(&self) -> Result<TensorMap, TrainError> {
        let (mut tensors, actor) = (TensorMap::new(), &self.actor.networks);
        actor.layout.unpack(&read(actor.parameters())?, "", "", &mut tensors);
        Ok(tensors)
    }

    fn export_critics(&self) -> Result<TensorMap, TrainError> {
        let (mut tensors, critics) = (TensorMap::new(), &self.critics.networks);
        critics.layout.unpack(&read(critics.parameters())?, "", "", &mut tensors);
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
            self.log_temperature = upload(vec![temperature.ln()], &self.device);
        }
        self.config = config;
        Ok(())
    }

    fn device(&self) -> String {
        #[cfg(feature = "gpu")]
        if let Some(identity) = self.device.identity() {
            return format!("gpu (burn, {})", identity.name);
        }
        "cpu (burn flex)".to_string()
    }
}

impl AutodiffSac {
    /// Noise of the next step for so many rows of continuous actions: at the moments, where they are bootstrapped from,
    /// and of the score function. The numbers are those that `fused` draws.
    fn noise(&self, given: &ActionNoise, rows: [usize; 3]) -> ActionNoise {
        let (mut noise, dims) = (ActionNoise::default(), self.actions.read_by_critics());
        let stream = rng(self.seed, Stream::ActorGradient, self.gradient_steps + 1);
        fill_noise(&mut noise, given, rows.map(|rows| rows * dims), stream);
        noise
    }

    /// All networks, with their optimizers where they have one.
    fn ensembles(&self) -> Vec<(&Ensemble, Option<&Adam>)> {
        let mut trained = vec![&self.actor, &self.critics];
        let target = match &self.bootstrap {
            Bootstrap::Critics(target) => target,
            Bootstrap::Value { online, target } => {
                trained.push(online);
                target
            }
        };
        let trained = trained.into_iter().map(|trained| (&trained.networks, Some(&trained.adam)));
        trained.chain([(target, None)]).collect()
    }
}
