//! The catalogue of algorithms: one variant each. Each algorithm's settings are in its own folder.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::sac::SacConfig;
use super::{Algorithm, SampleSpec, TrainError, TrainedPolicy};
use crate::mdp::{ActionValues, EnvironmentSpec, Rng, TabularModel};
use crate::nn::TensorMap;

/// The variants of [`AlgorithmConfig`] and what follows from them.
macro_rules! algorithms {
    ($($(#[$doc:meta])* $name:ident($settings:ty),)+) => {
        /// The algorithm and its settings. In files, a table with the algorithm's name.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum AlgorithmConfig {
            $($(#[$doc])* $name($settings),)+
        }

        impl AlgorithmConfig {
            /// All algorithms, with default settings.
            pub fn all() -> Vec<Self> {
                vec![$(Self::$name(Default::default())),+]
            }

            fn settings(&self) -> &dyn AlgorithmSettings {
                match self { $(Self::$name(settings) => settings,)+ }
            }

            fn settings_mut(&mut self) -> &mut dyn AlgorithmSettings {
                match self { $(Self::$name(settings) => settings,)+ }
            }
        }

        $(impl From<$settings> for AlgorithmConfig {
            fn from(settings: $settings) -> Self {
                Self::$name(settings)
            }
        })+
    };
}

algorithms! {
    /// Soft Actor-Critic, the table `[sac]`: of discrete or continuous actions, as the environment has them.
    Sac(SacConfig),
}

impl Default for AlgorithmConfig {
    fn default() -> Self {
        Self::Sac(SacConfig::default())
    }
}

/// The device of an algorithm.
#[derive(Debug, Clone)]
pub enum Place {
    /// On the CPU.
    Cpu,
    /// On this device, through burn.
    #[cfg(feature = "gpu")]
    Device(burn::tensor::Device),
    /// On this graphics card, in compute shaders where there are some for the algorithm, else through burn.
    #[cfg(feature = "gpu")]
    Card(burn::tensor::Device, crate::nn::Card),
}

/// The optimal policy of a small problem and its values.
#[derive(Debug, Clone, PartialEq)]
pub struct ExactValues {
    /// `[S]`: `Σ_a pi(a) Q(a)`, for comparison with learned values.
    pub values: Vec<f32>,
    /// `[S, A]`: the policy.
    pub policy: Vec<f32>,
}

/// Critics, and what the soft returns that they estimate are made of.
#[derive(Clone)]
pub struct SoftValues {
    /// The critics, without memory.
    pub critics: Arc<dyn ActionValues>,
    /// What a nat of entropy is worth, in units of reward.
    pub temperature: f32,
    /// Discount factor.
    pub gamma: f32,
}

/// The settings of an algorithm, as used by the learner.
pub trait AlgorithmSettings: Any + Debug {
    /// The algorithm's name: its variant of [`AlgorithmConfig`] in snake case, which is also its table in
    /// files.
    fn name(&self) -> &'static str;

    /// Discount factor, [0, 1).
    fn gamma(&self) -> f32;

    /// The kind of batch its gradient step needs.
    fn sample_spec(&self) -> SampleSpec {
        SampleSpec::Transitions
    }

    /// Checks every field's range.
    ///
    /// # Errors
    /// [`TrainError::Config`] names the first invalid field, its value and what is allowed.
    fn validate(&self) -> Result<(), TrainError>;

    /// Checks that the settings go with the actions of `spec`, and that sequences can be learned from its episodes, of
    /// which replay keeps at least `kept` transitions of each stream.
    ///
    /// # Errors
    /// [`TrainError::Config`] names the first setting that does not, or that makes them too long.
    fn fits(&self, _spec: &EnvironmentSpec, _kept: usize) -> Result<(), TrainError> {
        Ok(())
    }

    /// Checks that training that began with `before` can continue with these settings.
    ///
    /// # Errors
    /// [`TrainError::Begun`] names the first setting that requires fresh networks.
    fn follows(&self, before: &dyn AlgorithmSettings) -> Result<(), TrainError>;

    /// Checks that these settings describe the same networks as `begun`, with which training began.
    ///
    /// # Errors
    /// [`TrainError::Begun`] names the first setting that differs.
    fn keeps_networks(&self, begun: &dyn AlgorithmSettings) -> Result<(), TrainError>;

    /// These settings with the network settings of `begun`, with which training began.
    ///
    /// # Errors
    /// [`TrainError::Begun`] if `begun` is of another algorithm.
    fn with_networks_of(&self, begun: &dyn AlgorithmSettings) -> Result<AlgorithmConfig, TrainError>;

    /// Fresh networks for `spec`, drawn from `rng`.
    ///
    /// # Errors
    /// [`TrainError`] if these settings do not fit `spec` or `place`. For a GPU the device `auto` then takes the
    /// CPU.
    fn build(
        &self,
        spec: &EnvironmentSpec,
        place: Place,
        rng: &mut Rng,
    ) -> Result<Box<dyn Algorithm>, TrainError>;

    /// The policy for `spec` in a checkpoint's or an `.agent` file's `tensors`; other tensors are ignored.
    ///
    /// # Errors
    /// [`TrainError::Network`] names the first tensor that is missing, of another shape or not finite.
    fn policy(
        &self,
        spec: &EnvironmentSpec,
        tensors: &TensorMap,
    ) -> Result<Arc<dyn TrainedPolicy>, TrainError>;

    /// The greedy policy for `spec` in `tensors` as an ONNX model with `metadata`.
    ///
    /// # Errors
    /// As [`AlgorithmSettings::policy`], and [`TrainError::Config`] for a policy that no such model is made of.
    fn onnx(
        &self,
        spec: &EnvironmentSpec,
        tensors: &TensorMap,
        metadata: &BTreeMap<String, String>,
    ) -> Result<Vec<u8>, TrainError>;

    /// The critics among the tensors of a checkpoint; `None` for an algorithm without, and where values of later moments of
    /// an episode depend on earlier ones.
    ///
    /// # Errors
    /// As [`AlgorithmSettings::policy`].
    fn soft_values(
        &self,
        _spec: &EnvironmentSpec,
        _tensors: &TensorMap,
    ) -> Result<Option<SoftValues>, TrainError> {
        Ok(None)
    }

    /// The temperature for exact values, given the last `measured` one; 0 for an algorithm without.
    fn exact_temperature(&self, _measured: Option<f32>) -> f32 {
        0.0
    }

    /// The optimal policy of `model` under these settings at [`AlgorithmSettings::exact_temperature`]; `None`
    /// if it cannot be computed.
    fn exact(&self, _model: &TabularModel, _temperature: f32) -> Option<ExactValues> {
        None
    }
}

/// `other` as settings of the same algorithm as `ours`.
///
/// # Errors
/// [`TrainError::Begun`] if they are of another algorithm.
pub(crate) fn same_algorithm<'a, T: AlgorithmSettings>(
    ours: &T,
    other: &'a dyn AlgorithmSettings,
) -> Result<&'a T, TrainError> {
    (other as &dyn Any).downcast_ref::<T>().ok_or_else(|| TrainError::Begun {
        key: "algorithm",
        value: ours.name().to_owned(),
        before: other.name().to_owned(),
        allowed: other.name().to_owned(),
    })
}

impl AlgorithmConfig {
    /// The settings of algorithm `T`, if it is that one.
    pub fn get<T: AlgorithmSettings>(&self) -> Option<&T> {
        (self.settings() as &dyn Any).downcast_ref()
    }

    /// The same, mutable.
    pub fn get_mut<T: AlgorithmSettings>(&mut self) -> Option<&mut T> {
        (self.settings_mut() as &mut dyn Any).downcast_mut()
    }

    /// As [`AlgorithmSettings::name`].
    pub fn name(&self) -> &'static str {
        self.settings().name()
    }

    /// As [`AlgorithmSettings::gamma`].
    pub fn gamma(&self) -> f32 {
        self.settings().gamma()
    }

    /// As [`AlgorithmSettings::sample_spec`].
    pub fn sample_spec(&self) -> SampleSpec {
        self.settings().sample_spec()
    }

    /// As [`AlgorithmSettings::validate`].
    ///
    /// # Errors
    /// As there.
    pub fn validate(&self) -> Result<(), TrainError> {
        self.settings().validate()
    }

    /// As [`AlgorithmSettings::fits`].
    ///
    /// # Errors
    /// As there.
    pub fn fits(&self, spec: &EnvironmentSpec, kept: usize) -> Result<(), TrainError> {
        self.settings().fits(spec, kept)
    }

    /// As [`AlgorithmSettings::follows`].
    ///
    /// # Errors
    /// As there.
    pub fn follows(&self, before: &Self) -> Result<(), TrainError> {
        self.settings().follows(before.settings())
    }

    /// As [`AlgorithmSettings::keeps_networks`].
    ///
    /// # Errors
    /// As there.
    pub fn keeps_networks(&self, begun: &Self) -> Result<(), TrainError> {
        self.settings().keeps_networks(begun.settings())
    }

    /// As [`AlgorithmSettings::with_networks_of`]; unchanged settings of `begun` if it is another algorithm.
    #[must_use]
    pub fn with_networks_of(&self, begun: &Self) -> Self {
        self.settings().with_networks_of(begun.settings()).unwrap_or_else(|_| begun.clone())
    }

    /// As [`AlgorithmSettings::build`].
    ///
    /// # Errors
    /// As there.
    pub fn build(
        &self,
        spec: &EnvironmentSpec,
        place: Place,
        rng: &mut Rng,
    ) -> Result<Box<dyn Algorithm>, TrainError> {
        self.settings().build(spec, place, rng)
    }

    /// As [`AlgorithmSettings::policy`].
    ///
    /// # Errors
    /// As there.
    pub fn policy(
        &self,
        spec: &EnvironmentSpec,
        tensors: &TensorMap,
    ) -> Result<Arc<dyn TrainedPolicy>, TrainError> {
        self.settings().policy(spec, tensors)
    }

    /// As [`AlgorithmSettings::onnx`].
    ///
    /// # Errors
    /// As there.
    pub fn onnx(
        &self,
        spec: &EnvironmentSpec,
        tensors: &TensorMap,
        metadata: &BTreeMap<String, String>,
    ) -> Result<Vec<u8>, TrainError> {
        self.settings().onnx(spec, tensors, metadata)
    }

    /// As [`AlgorithmSettings::soft_values`].
    ///
    /// # Errors
    /// As there.
    pub fn soft_values(
        &self,
        spec: &EnvironmentSpec,
        tensors: &TensorMap,
    ) -> Result<Option<SoftValues>, TrainError> {
        self.settings().soft_values(spec, tensors)
    }

    /// As [`AlgorithmSettings::exact_temperature`].
    pub fn exact_temperature(&self, measured: Option<f32>) -> f32 {
        self.settings().exact_temperature(measured)
    }

    /// As [`AlgorithmSettings::exact`].
    pub fn exact(&self, model: &TabularModel, temperature: f32) -> Option<ExactValues> {
        self.settings().exact(model, temperature)
    }

    /// The settings as JSON, without the algorithm's name.
    ///
    /// # Errors
    /// [`serde_json::Error`] for numbers that JSON cannot represent.
    pub fn to_json(&self) -> serde_json::Result<String> {
        let named = serde_json::to_string(self)?;
        // {"name":…}
        Ok(named[self.name().len() + 4..named.len() - 1].to_owned())
    }

    /// Parses the output of [`AlgorithmConfig::to_json`] for the algorithm called `name`.
    ///
    /// # Errors
    /// [`serde_json::Error`] for an unknown name or invalid settings.
    pub fn from_json(name: &str, json: &str) -> serde_json::Result<Self> {
        serde_json::from_str(&format!("{{{}:{json}}}", serde_json::to_string(name)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdp::{ActionSpace, ObservationSpace, Stream, rng};

    #[test]
    fn settings_are_under_the_name_of_their_algorithm() {
        for config in AlgorithmConfig::all() {
            let text = serde_json::to_string(&config).unwrap();
            assert!(text.starts_with(&format!("{{\"{}\":{{", config.name())), "{text}");
            let json = config.to_json().unwrap();
            assert_eq!(AlgorithmConfig::from_json(config.name(), &json).unwrap(), config);
            assert!(AlgorithmConfig::from_json("none", &json).is_err());
            config.validate().unwrap();
            config.follows(&config).unwrap();
            assert_eq!(config.with_networks_of(&config), config);
        }
    }

    /// Every algorithm must restore its state completely, and its policy from a file.
    #[test]
    fn every_algorithm_persists() {
        let spec = EnvironmentSpec {
            name: "x".into(),
            summary: String::new(),
            observation: ObservationSpace::floats(&["x", "y"]),
            action: ActionSpace::discrete(&["a", "b", "c"]),
            ticks_per_step: 1,
            tick_seconds: 0.1,
            episode_limit: 5,
            teams: vec![0],
            rewards: Vec::new(),
        };
        for config in AlgorithmConfig::all() {
            let fresh = |seed| config.build(&spec, Place::Cpu, &mut rng(seed, Stream::Weights, 0)).unwrap();
            let (ours, mut theirs) = (fresh(1), fresh(2));
            let state = ours.export().unwrap();
            assert_ne!(theirs.export().unwrap(), state);
            theirs.import(&state, 7).unwrap();
            assert_eq!(theirs.export().unwrap(), state);
            let tensors = ours.policy().unwrap().tensors();
            assert_eq!(config.policy(&spec, &state).unwrap().tensors(), tensors);
            assert_eq!(config.policy(&spec, &tensors).unwrap().id(), ours.policy().unwrap().id());
        }
    }
}
