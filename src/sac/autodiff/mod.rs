//! Discrete Soft Actor-Critic on burn tensors, for any device burn reaches.
//!
//! `step` is the gradient step, to be read beside the paper; `networks` holds the perceptrons,
//! `optimizer` Adam; here are construction and saving. Which device is worth using is the learner's
//! choice; `fused` is the same step by hand for the CPU.
//!
//! Every tensor is made on the device given at construction, never on burn's default one, and the
//! initial parameters come from the caller's generator: nothing depends on burn's global state.

mod networks;
mod optimizer;
mod step;
#[cfg(test)]
mod tests;

use burn::tensor::{Device, Tensor};

use self::networks::{Ensemble, Layout, upload};
use self::optimizer::Adam;
use super::network::tensor;
use super::{
    Backup, Head, HostTensor, Init, Inputs, SacConfig, SacError, SacUpdate, Temperature, TensorMap,
    UpdateReport,
};
use crate::mdp::{Rng, TransitionBatch};

/// Discrete Soft Actor-Critic, differentiated by burn.
///
/// # Panics
/// burn has no fallible tensor operations: a device that is lost during a step makes burn panic in
/// the thread that steps. Whoever runs the learner catches that; only failures of reading back
/// arrive as [`SacError::Device`].
pub struct AutodiffSac {
    config: SacConfig,
    features: usize,
    actions: usize,
    device: Device,
    actor: Ensemble,
    critics: Ensemble,
    target_critics: Ensemble,
    /// `[1]`.
    log_temperature: Tensor<1>,
    actor_optimizer: Adam,
    critic_optimizer: Adam,
    temperature_optimizer: Adam,
    gradient_steps: u64,
}

impl AutodiffSac {
    /// Whether this step implements what `config` asks for: the variants are `fused`'s alone so far.
    ///
    /// # Errors
    /// [`SacError::Config`] names the first choice it does not implement.
    pub fn supports(config: &SacConfig) -> Result<(), SacError> {
        let refused = if config.critic_head != Head::Linear {
            Some(("sac.critic_head", format!("{:?}", config.critic_head)))
        } else if config.value_network.is_some() {
            Some(("sac.value_network", "present".to_string()))
        } else if let Some(q_clip) = config.q_clip {
            Some(("sac.q_clip", q_clip.to_string()))
        } else if config.actor_gradient.is_sampled() {
            Some(("sac.actor_gradient", format!("{:?}", config.actor_gradient)))
        } else if let Some(penalty) = config.entropy_penalty {
            Some(("sac.entropy_penalty", penalty.to_string()))
        } else if let Temperature::Annealed { .. } = config.temperature {
            Some(("sac.temperature.mode", "annealed".to_string()))
        } else {
            None
        };
        let allowed = "only the default outside the hand-written CPU step; choose device `cpu` to have it";
        let Some((key, value)) = refused else { return Ok(()) };
        Err(SacError::Config { key, value: value.to_lowercase(), allowed })
    }

    /// Fresh networks for `inputs` and `actions` outputs on `device`; target critics start as copies.
    ///
    /// # Errors
    /// [`SacError::Config`] for a configuration out of range or beyond [`AutodiffSac::supports`] and
    /// [`AutodiffSac::builds`].
    pub fn new(
        config: SacConfig,
        inputs: impl Into<Inputs>,
        actions: usize,
        rng: &mut Rng,
        device: Device,
    ) -> Result<Self, SacError> {
        config.validate()?;
        Self::supports(&config)?;
        let inputs = inputs.into();
        Self::builds(&config, inputs)?;
        let features = inputs.features();
        let device = device.inner();
        let mut widths = vec![features];
        widths.extend(&config.hidden);
        widths.push(actions);
        let critics: &[&str] = match config.backup {
            Backup::Single => &["critic1"],
            Backup::Double | Backup::Clipped | Backup::Mean => &["critic1", "critic2"],
        };
        let mut fresh = |names: &[&str]| {
            let layout = Layout::new(names, widths.clone());
            let flat = layout.initial(rng);
            Ensemble::new(layout, flat, &device)
        };
        let (actor, critics) = (fresh(&["actor"]), fresh(critics));
        Ok(Self {
            features,
            actions,
            log_temperature: upload(vec![config.initial_temperature.ln()], &device),
            actor_optimizer: Adam::zeros(&actor.parameters()),
            critic_optimizer: Adam::zeros(&critics.parameters()),
            temperature_optimizer: Adam::zeros(&Tensor::zeros([1], &device)),
            target_critics: critics.to_target(),
            actor,
            critics,
            device,
            config,
            gradient_steps: 0,
        })
    }
}

impl SacUpdate for AutodiffSac {
    fn update(&mut self, batch: &TransitionBatch, report: bool) -> Result<Option<UpdateReport>, SacError> {
        self.step(batch, report)
    }

    fn export(&self) -> Result<TensorMap, SacError> {
        let mut tensors = TensorMap::new();
        for (ensemble, optimizer) in [
            (&self.actor, Some(&self.actor_optimizer)),
            (&self.critics, Some(&self.critic_optimizer)),
            (&self.target_critics, None),
        ] {
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
        Ok(tensors)
    }

    /// Accepts a map without any `optimizer.*`: the moments then start at zero.
    fn import(&mut self, tensors: &TensorMap, gradient_steps: u64) -> Result<(), SacError> {
        // Everything is checked and uploaded before anything is replaced.
        let actor = self.actor.layout.pack(tensors, "", "")?;
        let critics = self.critics.layout.pack(tensors, "", "")?;
        let target_critics = self.target_critics.layout.pack(tensors, "", "")?;
        let log_temperature = tensor(tensors, "log_alpha".to_string(), &[1])?.to_vec();
        let optimizers = match tensors.keys().any(|name| name.starts_with("optimizer.")) {
            false => [
                Adam::zeros(&self.actor.parameters()),
                Adam::zeros(&self.critics.parameters()),
                Adam::zeros(&self.log_temperature),
            ],
            true => {
                let adam = |m, v| Adam { m: upload(m, &self.device), v: upload(v, &self.device) };
                let moments = |layout: &Layout, suffix| layout.pack(tensors, "optimizer.", suffix);
                let (actor, critics) = (&self.actor.layout, &self.critics.layout);
                [
                    adam(moments(actor, ".m")?, moments(actor, ".v")?),
                    adam(moments(critics, ".m")?, moments(critics, ".v")?),
                    adam(
                        tensor(tensors, "optimizer.log_alpha.m".to_string(), &[1])?.to_vec(),
                        tensor(tensors, "optimizer.log_alpha.v".to_string(), &[1])?.to_vec(),
                    ),
                ]
            }
        };
        self.actor.set_parameters(upload(actor, &self.device));
        self.critics.set_parameters(upload(critics, &self.device));
        self.target_critics.set_parameters(upload(target_critics, &self.device));
        self.log_temperature = upload(log_temperature, &self.device);
        [self.actor_optimizer, self.critic_optimizer, self.temperature_optimizer] = optimizers;
        self.gradient_steps = gradient_steps;
        Ok(())
    }

    fn export_actor(&self) -> Result<TensorMap, SacError> {
        let mut tensors = TensorMap::new();
        self.actor.layout.unpack(&read(self.actor.parameters())?, "", "", &mut tensors);
        Ok(tensors)
    }

    fn gradient_steps(&self) -> u64 {
        self.gradient_steps
    }

    fn config(&self) -> &SacConfig {
        &self.config
    }

    fn set_config(&mut self, config: SacConfig) -> Result<(), SacError> {
        config.validate()?;
        Self::supports(&config)?;
        config.keeps_networks(&self.config)?;
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
    /// Whether this builds the networks that `config` asks for: perceptrons that read everything flat,
    /// begun as PyTorch's, are all it has so far.
    ///
    /// # Errors
    /// [`SacError::Config`] names the first choice that asks for others.
    pub fn builds(config: &SacConfig, inputs: Inputs) -> Result<(), SacError> {
        let (key, value) = if !config.encoder.convolutions(inputs.grid)?.is_empty() {
            ("sac.encoder", "convolutions over the grid".to_string())
        } else if config.layer_norm {
            ("sac.layer_norm", config.layer_norm.to_string())
        } else if config.init != Init::Uniform {
            ("sac.init", format!("{:?}", config.init).to_lowercase())
        } else {
            return Ok(());
        };
        let allowed = "mode `flat`, no layer norm and init `uniform` outside the hand-written CPU step; \
                       choose device `cpu` to have it";
        Err(SacError::Config { key, value, allowed })
    }
}

/// The values of a vector, read back from its device.
///
/// # Errors
/// [`SacError::Device`] when the device does not answer.
fn read(tensor: Tensor<1>) -> Result<Vec<f32>, SacError> {
    let data = tensor.try_into_data().map_err(|error| SacError::Device(format!("{error:?}")))?;
    data.try_into_vec::<f32>().map_err(|error| SacError::Device(format!("{error:?}")))
}
