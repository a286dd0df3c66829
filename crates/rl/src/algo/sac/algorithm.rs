//! Soft Actor-Critic as the learner knows it: an [`Algorithm`] around either gradient step, and its settings in the
//! catalogue.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

#[cfg(feature = "gpu")]
use super::GpuSac;
use super::draws::{NUMBERS, export_line, import_line};
use super::{
    Actions, CategoricalPolicy, Critic, FusedSac, FusedSequenceSac, GaussianPolicy, SacConfig, SacUpdate,
    SequenceTraining, exact,
};
use crate::algo::{
    Algorithm, AlgorithmConfig, AlgorithmSettings, AllReduce, ExactValues, Persist, Place, SampleSpec,
    SoftValues, TrainError, TrainedPolicy, same_algorithm,
};
use crate::mdp::{
    ActionSpace, ActionValues, EnvironmentSpec, Rng, SequenceBatch, TabularModel, TransitionBatch,
};
use crate::metrics::Metrics;
use crate::nn::{HostTensor, Inputs, TensorMap};

/// One agent that learns by Soft Actor-Critic.
pub struct Sac {
    update: Box<dyn SacUpdate>,
    inputs: Inputs,
    actions: ActionSpace,
    /// The line of training, see [`PolicyId`](crate::mdp::PolicyId); 0 if it has no name.
    line: u64,
}

impl Sac {
    /// An agent that learns `spec` by the gradient step of `update`, which is made for it.
    pub fn new(update: impl SacUpdate + 'static, spec: &EnvironmentSpec) -> Self {
        let (inputs, actions) = (Inputs::from(&spec.observation), spec.action.clone());
        Self { update: Box::new(update), inputs, actions, line: 0 }
    }
}

impl Algorithm for Sac {
    fn update(&mut self, batch: &TransitionBatch, report: bool) -> Result<Option<Metrics>, TrainError> {
        self.update.update(batch, report)
    }

    fn update_sequences(
        &mut self,
        batch: &SequenceBatch,
        report: bool,
    ) -> Result<Option<Metrics>, TrainError> {
        self.update.update_sequences(batch, report)
    }

    fn sample_spec(&self) -> SampleSpec {
        AlgorithmSettings::sample_spec(self.update.config())
    }

    fn policy(&self) -> Result<Arc<dyn TrainedPolicy>, TrainError> {
        let mut tensors = self.update.export_actor()?;
        self.put_line(&mut tensors);
        read_policy(self.update.config(), self.inputs, &self.actions, &tensors)
    }

    fn critics(&self) -> Result<Option<Arc<dyn ActionValues>>, TrainError> {
        let tensors = self.update.export_critics()?;
        read_critics(self.update.config(), self.inputs, &self.actions, &tensors)
    }

    fn priorities(&self) -> Result<Option<Cow<'_, [f32]>>, TrainError> {
        self.update.td_errors().map(Some)
    }

    fn priorities_at_once(&self) -> usize {
        self.update.td_errors_at_once()
    }

    fn recent_priorities(&self, steps: usize) -> Result<Option<Cow<'_, [f32]>>, TrainError> {
        match steps {
            1 => self.priorities(),
            _ => Ok(Some(Cow::Owned(self.update.recent_td_errors(steps)?))),
        }
    }

    fn configure(&mut self, config: &AlgorithmConfig) -> Result<(), TrainError> {
        config.keeps_networks(&self.update.config().clone().into())?;
        config.get::<SacConfig>().map_or(Ok(()), |config| self.update.set_config(config.clone()))
    }

    fn begin_line(&mut self, line: u64) {
        self.line = line;
    }

    fn share_gradients(&mut self, all_reduce: Option<Arc<dyn AllReduce>>) -> bool {
        self.update.share_gradients(all_reduce)
    }

    fn device(&self) -> String {
        self.update.device()
    }
}

impl Sac {
    /// Adds the line of training of an agent with memory, whose states have a meaning of their own.
    fn put_line(&self, tensors: &mut TensorMap) {
        if self.update.config().memory.is_some() && self.line != 0 {
            export_line(self.line, tensors);
        }
    }
}

impl Persist for Sac {
    fn export(&self) -> Result<TensorMap, TrainError> {
        let mut tensors = self.update.export()?;
        self.put_line(&mut tensors);
        Ok(tensors)
    }

    fn import(&mut self, tensors: &TensorMap, gradient_steps: u64) -> Result<(), TrainError> {
        let line = import_line(tensors)?;
        match self.update.config().fixed_temperature() {
            None => self.update.import(tensors, gradient_steps)?,
            Some(temperature) => {
                // A fixed temperature is what the configuration says, whatever it was when this was written.
                let mut tensors = tensors.clone();
                let data = vec![temperature.ln()];
                tensors.insert("log_alpha".into(), HostTensor { shape: vec![1], data });
                self.update.import(&tensors, gradient_steps)?;
            }
        }
        self.line = line;
        Ok(())
    }

    fn own_tensors(&self) -> &'static [&'static str] {
        NUMBERS
    }
}

impl TrainedPolicy for CategoricalPolicy {
    fn tensors(&self) -> TensorMap {
        self.tensors()
    }
}

impl TrainedPolicy for GaussianPolicy {
    fn tensors(&self) -> TensorMap {
        self.tensors()
    }
}

/// The policy in `tensors`, of the kind that `actions` ask for.
fn read_policy(
    config: &SacConfig,
    inputs: Inputs,
    actions: &ActionSpace,
    tensors: &TensorMap,
) -> Result<Arc<dyn TrainedPolicy>, TrainError> {
    Ok(match actions {
        ActionSpace::Discrete(names) => {
            Arc::new(CategoricalPolicy::from_tensors(config, inputs, names.len(), tensors)?)
        }
        ActionSpace::Continuous(dimensions) => {
            Arc::new(GaussianPolicy::from_tensors(config, inputs, dimensions, tensors)?)
        }
    })
}

/// The critics in `tensors`; none of continuous actions with memory.
fn read_critics(
    config: &SacConfig,
    inputs: Inputs,
    actions: &ActionSpace,
    tensors: &TensorMap,
) -> Result<Option<Arc<dyn ActionValues>>, TrainError> {
    if actions.is_continuous() && config.memory.is_some() {
        return Ok(None);
    }
    Ok(Some(Arc::new(Critic::from_tensors(config, inputs, &actions.into(), tensors)?)))
}

impl AlgorithmSettings for SacConfig {
    fn name(&self) -> &'static str {
        "sac"
    }

    fn gamma(&self) -> f32 {
        self.gamma
    }

    fn sample_spec(&self) -> SampleSpec {
        let SequenceTraining { burn_in, learn, stride, stored_state, .. } = self.sequence;
        let state_width = if stored_state { self.memory.state_width() } else { 0 };
        match self.memory.is_some() {
            true => SampleSpec::Sequences { burn_in, learn, stride, state_width },
            false => SampleSpec::Transitions,
        }
    }

    fn validate(&self) -> Result<(), TrainError> {
        self.validate()
    }

    fn fits(&self, spec: &EnvironmentSpec, kept: usize) -> Result<(), TrainError> {
        self.goes_with(&Actions::from(&spec.action))?;
        self.sequences_fit(spec.episode_limit as usize, kept)
    }

    fn follows(&self, before: &dyn AlgorithmSettings) -> Result<(), TrainError> {
        self.follows(same_algorithm(self, before)?)
    }

    fn keeps_networks(&self, begun: &dyn AlgorithmSettings) -> Result<(), TrainError> {
        self.keeps_networks(same_algorithm(self, begun)?)
    }

    fn with_networks_of(&self, begun: &dyn AlgorithmSettings) -> Result<AlgorithmConfig, TrainError> {
        Ok(self.with_networks_of(same_algorithm(self, begun)?).into())
    }

    fn build(
        &self,
        spec: &EnvironmentSpec,
        place: Place,
        rng: &mut Rng,
    ) -> Result<Box<dyn Algorithm>, TrainError> {
        let (config, inputs, actions) = (self.clone(), Inputs::from(&spec.observation), &spec.action);
        Ok(Box::new(match place {
            Place::Cpu if self.memory.is_some() => {
                Sac::new(FusedSequenceSac::new(config, inputs, actions, rng)?, spec)
            }
            Place::Cpu => Sac::new(FusedSac::new(config, inputs, actions, rng)?, spec),
            #[cfg(feature = "gpu")]
            Place::Card(_, card) if GpuSac::knows(self, inputs, &actions.into()) => {
                Sac::new(GpuSac::new(config, inputs, actions, rng, card)?, spec)
            }
            #[cfg(feature = "gpu")]
            Place::Device(device) | Place::Card(device, _) => {
                Sac::new(super::AutodiffSac::new(config, inputs, actions, rng, device)?, spec)
            }
        }))
    }

    fn policy(
        &self,
        spec: &EnvironmentSpec,
        tensors: &TensorMap,
    ) -> Result<Arc<dyn TrainedPolicy>, TrainError> {
        read_policy(self, Inputs::from(&spec.observation), &spec.action, tensors)
    }

    fn onnx(
        &self,
        spec: &EnvironmentSpec,
        tensors: &TensorMap,
        metadata: &BTreeMap<String, String>,
    ) -> Result<Vec<u8>, TrainError> {
        let inputs = Inputs::from(&spec.observation);
        // Only tensors that make a policy make a model.
        read_policy(self, inputs, &spec.action, tensors)?;
        let graph = super::policy::onnx::graph(self, inputs, &Actions::from(&spec.action), tensors)?;
        Ok(graph.to_bytes(&spec.name, metadata))
    }

    fn soft_values(
        &self,
        spec: &EnvironmentSpec,
        tensors: &TensorMap,
    ) -> Result<Option<SoftValues>, TrainError> {
        if self.memory.is_some() {
            return Ok(None);
        }
        let critics = read_critics(self, Inputs::from(&spec.observation), &spec.action, tensors)?;
        let learned = || tensors.get("log_alpha").and_then(|tensor| tensor.data.first()).map(|log| log.exp());
        let temperature = self.fixed_temperature().or_else(learned).unwrap_or(self.initial_temperature);
        let (temperature, gamma) = (temperature / self.total_reward_scale(), self.gamma);
        Ok(critics.map(|critics| SoftValues { critics, temperature, gamma }))
    }

    fn exact_temperature(&self, measured: Option<f32>) -> f32 {
        exact::temperature(self, measured.unwrap_or(self.initial_temperature))
    }

    fn exact(&self, model: &TabularModel, temperature: f32) -> Option<ExactValues> {
        exact::solve(model, self, temperature)
    }
}
