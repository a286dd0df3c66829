//! Settings of learning on sequences: what agents with memory have in addition.

use serde::{Deserialize, Serialize};

use super::{Backup, SacConfig, ValueRescaling};
use crate::algo::TrainError;
use crate::nn::memory::{Memory, MomentInputs};
use crate::nn::{Encoder, Inputs};

/// How an agent with memory learns: lengths of its sequences, inputs of its memory, units of its critics.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SequenceTraining {
    /// Transitions of a sequence that enter the losses, 1 to 2048.
    pub learn: usize,
    /// Transitions before them that only warm up the memory, 0 to 2048 (Kapturowski et al. 2019).
    pub burn_in: usize,
    /// Transitions between the beginnings of two sequences of an episode, 1 to `learn`.
    pub stride: usize,
    /// Whether sequences begin with the actor's state as it was while acting, instead of zeros (stored state of
    /// Kapturowski et al. 2019). Only of LSTM and GRU: a transformer's window is rebuilt from the sequence's own
    /// moments. Critics begin from zeros: no critic acts.
    pub stored_state: bool,
    /// Whether gradient flows through the burn-in.
    pub burn_in_gradient: bool,
    /// Whether networks read the previous action.
    pub previous_action: bool,
    /// Whether networks read the previous reward.
    pub previous_reward: bool,
    /// Weight of the largest TD error of a sequence in its priority, beside the mean one, [0, 1] (Kapturowski et al.
    /// 2019).
    pub priority_eta: f32,
    /// `eps` of the value rescaling `h(x) = sign(x) (√(|x| + 1) − 1) + eps x`, (0, 1]: critics output `h(Q)`, which
    /// keeps large returns small (Pohlen et al. 2018); off when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_rescaling: Option<f32>,
    /// Factor of rewards where returns are formed, > 0; networks read rewards as they are.
    pub reward_scale: f32,
    /// Factor of the learning rates of all memories' parameters, > 0: a memory's output changes much over a long
    /// sequence for small changes of its parameters (Luo et al. 2024).
    pub memory_learning_rate_factor: f32,
}

impl Default for SequenceTraining {
    fn default() -> Self {
        Self {
            learn: 20,
            burn_in: 10,
            stride: 10,
            stored_state: true,
            burn_in_gradient: false,
            previous_action: true,
            previous_reward: true,
            priority_eta: 0.9,
            value_rescaling: None,
            reward_scale: 1.0,
            memory_learning_rate_factor: 1.0,
        }
    }
}

impl SequenceTraining {
    /// The rescaling of critics' outputs, if there is one.
    pub fn rescaling(&self) -> Option<ValueRescaling> {
        self.value_rescaling.map(|epsilon| ValueRescaling { epsilon })
    }

    /// Whether every setting has its default.
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Checks every range.
    ///
    /// # Errors
    /// [`TrainError::Config`] names the first value out of range.
    fn validate(&self) -> Result<(), TrainError> {
        let factor = self.memory_learning_rate_factor;
        let rescaling = self.value_rescaling.unwrap_or(1.0);
        let lengths = 1..=2048;
        let positive = |value: f32| value.is_finite() && value > 0.0;
        for (ok, key, value, allowed) in [
            (lengths.contains(&self.learn), "sac.sequence.learn", self.learn.to_string(), "1 to 2048"),
            (self.burn_in <= 2048, "sac.sequence.burn_in", self.burn_in.to_string(), "0 to 2048"),
            (
                (1..=self.learn).contains(&self.stride),
                "sac.sequence.stride",
                self.stride.to_string(),
                "1 to sac.sequence.learn",
            ),
            (
                (0.0..=1.0).contains(&self.priority_eta),
                "sac.sequence.priority_eta",
                self.priority_eta.to_string(),
                "0 to 1",
            ),
            (
                rescaling > 0.0 && rescaling <= 1.0,
                "sac.sequence.value_rescaling",
                rescaling.to_string(),
                "0 < eps ≤ 1",
            ),
            (
                positive(self.reward_scale),
                "sac.sequence.reward_scale",
                self.reward_scale.to_string(),
                "a finite number above 0",
            ),
            (
                positive(factor),
                "sac.sequence.memory_learning_rate_factor",
                factor.to_string(),
                "a finite number above 0",
            ),
        ] {
            if !ok {
                return Err(TrainError::Config { key, value, allowed });
            }
        }
        Ok(())
    }
}

impl SacConfig {
    /// What networks with memory read of an observation of `inputs`, where there are `actions`, or actions of so many
    /// dimensions.
    ///
    /// # Errors
    /// [`TrainError::Network`] for a spatial memory that `inputs` have no grid or not enough room for.
    pub fn moment(&self, inputs: Inputs, actions: usize) -> Result<MomentInputs, TrainError> {
        let SequenceTraining { previous_action, previous_reward, .. } = self.sequence;
        let actions = if previous_action { actions } else { 0 };
        Ok(MomentInputs::new(&self.memory, inputs, actions, previous_reward)
            .map_err(super::config::within)?)
    }

    /// Networks that an agent has besides targets, in the order of their states: `actor`, `critic1`, `critic2`.
    pub fn network_names(&self) -> &'static [&'static str] {
        match self.backup {
            Backup::Single => &["actor", "critic1"],
            _ => &["actor", "critic1", "critic2"],
        }
    }

    /// Checks memory and sequences, and that the other choices go with them.
    ///
    /// # Errors
    /// [`TrainError`] names the first field that fails, its value and what is allowed.
    pub(super) fn validate_memory(&self) -> Result<(), TrainError> {
        self.memory.validate().map_err(super::config::within)?;
        self.sequence.validate()?;
        let refused =
            |key, value: &str, allowed| Err(TrainError::Config { key, value: value.to_owned(), allowed });
        match (self.memory.is_some(), &self.encoder) {
            (false, _) if !self.sequence.is_default() => {
                refused("sac.sequence", "set", "its defaults without sac.memory, which it belongs to")
            }
            (true, Encoder::Conv { .. }) => refused(
                "sac.encoder.mode",
                "conv",
                "auto or flat beside sac.memory, which reads the grid itself",
            ),
            (true, _) if self.value_network.is_some() => {
                refused("sac.value_network", "on", "none beside sac.memory, which needs target critics")
            }
            (true, _) if self.behavior_cloning.is_some() => {
                refused("sac.behavior_cloning", "on", "none beside sac.memory")
            }
            _ => Ok(()),
        }
    }

    /// Checks that sequences are not longer than what there is to see: episodes of at most `limit` transitions, of
    /// which replay keeps at least `kept` of each stream, and the reach of a transformer.
    ///
    /// # Errors
    /// [`TrainError::Config`] names the first length that is.
    pub(super) fn sequences_fit(&self, limit: usize, kept: usize) -> Result<(), TrainError> {
        if self.memory.is_none() {
            return Ok(());
        }
        let SequenceTraining { learn, burn_in, .. } = self.sequence;
        let reach = match &self.memory {
            Memory::Transformer(sizes) => sizes.blocks * (sizes.window - 1),
            _ => usize::MAX,
        };
        let episodes = |length: usize| format!("{length}, with episodes of at most {limit} steps");
        for (ok, key, value, allowed) in [
            (
                learn <= limit,
                "sac.sequence.learn",
                episodes(learn),
                "at most the episode limit: more is padding",
            ),
            (
                burn_in < limit,
                "sac.sequence.burn_in",
                episodes(burn_in),
                "less than the episode limit: more is padding",
            ),
            (
                burn_in <= reach,
                "sac.sequence.burn_in",
                format!("{burn_in}, with a memory that reaches back {reach} moments"),
                "at most blocks · (window − 1) of sac.memory: more is not seen",
            ),
            (
                burn_in + learn < kept,
                "sac.sequence.learn",
                format!("{learn} after a burn-in of {burn_in}, with {kept} transitions kept of each stream"),
                "a shorter sequence, or a larger learner.replay_capacity",
            ),
        ] {
            if !ok {
                return Err(TrainError::Config { key, value, allowed });
            }
        }
        Ok(())
    }

    /// Refuses a memory for networks that read single observations.
    ///
    /// # Errors
    /// [`TrainError::Config`] for a memory.
    pub(super) fn reactive(&self) -> Result<(), TrainError> {
        if self.memory.is_none() {
            return Ok(());
        }
        let (value, allowed) =
            (self.memory.kind().to_owned(), "none for networks that read single observations");
        Err(TrainError::Config { key: "sac.memory.kind", value, allowed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algo::sac::ValueNetwork;

    fn read(text: &str) -> SacConfig {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn an_agent_without_memory_is_written_as_before() {
        let text = serde_json::to_string(&SacConfig::default()).unwrap();
        assert!(!text.contains("memory") && !text.contains("sequence"), "{text}");
        let text = r#"{"memory": {"kind": "gru", "hidden": 8}, "sequence": {"burn_in": 3, "value_rescaling": 0.001}}"#;
        let config = read(text);
        config.validate().unwrap();
        assert_eq!(
            config.sequence,
            SequenceTraining { burn_in: 3, value_rescaling: Some(1e-3), ..Default::default() }
        );
        assert_eq!(read(&serde_json::to_string(&config).unwrap()), config);
    }

    #[test]
    fn impossible_choices_name_key_value_and_remedy() {
        let lstm =
            |sequence: &str| read(&format!(r#"{{"memory": {{"kind": "lstm"}}, "sequence": {sequence}}}"#));
        let value_network = Some(ValueNetwork::default());
        let layers = crate::nn::ConvLayer::STANDARD.to_vec();
        for (start, config) in [
            ("sac.memory.hidden = 0", read(r#"{"memory": {"kind": "lstm", "hidden": 0}}"#)),
            ("sac.sequence.learn = 0", lstm(r#"{"learn": 0}"#)),
            ("sac.sequence.learn = 2049", lstm(r#"{"learn": 2049}"#)),
            ("sac.sequence.burn_in = 2049", lstm(r#"{"burn_in": 2049}"#)),
            ("sac.sequence.stride = 21", lstm(r#"{"stride": 21}"#)),
            ("sac.sequence.priority_eta = 1.5", lstm(r#"{"priority_eta": 1.5}"#)),
            ("sac.sequence.value_rescaling = 0", lstm(r#"{"value_rescaling": 0}"#)),
            ("sac.sequence.reward_scale = 0", lstm(r#"{"reward_scale": 0}"#)),
            ("sac.sequence.memory_learning_rate_factor = 0", lstm(r#"{"memory_learning_rate_factor": 0}"#)),
            ("sac.sequence = set", read(r#"{"sequence": {"learn": 5, "stride": 5}}"#)),
            ("sac.value_network = on", SacConfig { value_network, ..lstm("{}") }),
            ("sac.encoder.mode = conv", SacConfig { encoder: Encoder::Conv { layers }, ..lstm("{}") }),
        ] {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.starts_with(start) && error.contains("allowed:"), "{error}");
        }
        lstm("{}").validate().unwrap();
    }

    #[test]
    fn sequences_longer_than_anything_there_is_are_refused() {
        let of = |kind: &str, sequence: &str| {
            read(&format!(r#"{{"memory": {{"kind": "{kind}"}}, "sequence": {sequence}}}"#))
        };
        let refused = |config: &SacConfig, limit, kept| {
            let error = config.sequences_fit(limit, kept).unwrap_err().to_string();
            assert_eq!(error.lines().count(), 1, "{error}");
            error
        };
        let plain = of("lstm", r#"{"learn": 20, "burn_in": 10}"#);
        plain.sequences_fit(20, 31).unwrap();
        assert!(refused(&plain, 19, 500).starts_with("sac.sequence.learn = 20, with episodes of at most 19"));
        assert!(
            refused(&plain, 20, 30).contains("with 30 transitions kept of each stream: allowed: a shorter")
        );
        let long = of("gru", r#"{"learn": 20, "burn_in": 50}"#);
        assert!(
            refused(&long, 50, 500).starts_with("sac.sequence.burn_in = 50, with episodes of at most 50")
        );
        long.sequences_fit(51, 500).unwrap();
        // A window of 32 in one block.
        let transformer = |burn_in| of("transformer", &format!(r#"{{"burn_in": {burn_in}}}"#));
        transformer(31).sequences_fit(500, 500).unwrap();
        assert!(refused(&transformer(32), 500, 500).contains("reaches back 31 moments"));
        SacConfig::default().sequences_fit(1, 1).unwrap();
    }

    #[test]
    fn another_memory_needs_fresh_networks() {
        let plain = SacConfig::default();
        let lstm = SacConfig { memory: read(r#"{"memory": {"kind": "lstm"}}"#).memory, ..plain.clone() };
        let error = lstm.follows(&plain).unwrap_err().to_string();
        assert!(error.starts_with("sac.memory = ") && error.contains("it was"), "{error}");
        let blind = SacConfig {
            sequence: SequenceTraining { previous_reward: false, ..SequenceTraining::default() },
            ..lstm.clone()
        };
        assert!(blind.follows(&lstm).unwrap_err().to_string().starts_with("sac.sequence.previous_reward"));
        let faster = SacConfig {
            sequence: SequenceTraining { learn: 30, ..SequenceTraining::default() },
            ..lstm.clone()
        };
        faster.follows(&lstm).unwrap();
        assert_eq!(plain.with_networks_of(&lstm).memory, lstm.memory);
        assert!(!faster.with_networks_of(&blind).sequence.previous_reward);
        assert_eq!(faster.with_networks_of(&plain).memory, Memory::None);
        faster.with_networks_of(&plain).validate().unwrap();
    }
}
