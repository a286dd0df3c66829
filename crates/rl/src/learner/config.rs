//! Configuration of a learner: batches, replay and pace. The algorithm's settings are in its folder of
//! `algo`.

use serde::{Deserialize, Serialize};

use super::{ExplorationConfig, LearnerError};
use crate::algo::{AlgorithmConfig, SampleSpec};
use crate::replay::PriorityConfig;

/// Configuration of a learner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LearnerConfig {
    /// Transitions per gradient step, 1 to 65536. Larger is steadier and slower. An agent with memory gets them in
    /// `batch_size / learn` sequences, rounded up.
    pub batch_size: usize,
    /// Capacity of the replay buffer in transitions, 1000 to 50 million; memory is committed as it fills. The
    /// buffer consists of segments of 64 steps, at least four per stream (an arena's learning slot), so the
    /// number is rounded up to 256 · streams and then to a multiple of 64; a run reports the result when it
    /// starts.
    pub replay_capacity: usize,
    /// Environment steps collected before the first gradient step.
    pub learning_starts: u64,
    /// Upper limit of `learning_starts` in a watched run, where learning should start soon.
    pub live_learning_starts: u64,
    /// Upper bound of gradient steps per environment step, 0.001 to 64. Higher is more sample-efficient and
    /// slower per step.
    pub gradient_steps_per_env_step: f32,
    /// The same bound in a watched run, where simulated time is scarce and the learner would otherwise idle.
    pub live_gradient_steps_per_env_step: f32,
    /// How often a transition is drawn on average, 0.001 to 65536: `batch_size` times gradient steps per environment step,
    /// in their place where it is given (Cassirer et al. 2021, Reverb). It decides whether more actors are of use: at 32 a
    /// learner of 1000 steps/s with batches of 128 is busy with 4000 environment steps/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples_per_insert: Option<f32>,
    /// Whether actors of a session of several processes wait for a learner that has fallen behind in its gradient steps, so
    /// that a number of environment steps means as many gradient steps as in one process. Otherwise nobody waits, and new
    /// steps replace older ones that were drawn less often.
    #[serde(skip_serializing_if = "is_on")]
    pub actors_wait: bool,
    /// In a session of several learners: gradient steps between two averages over them, 1 to 1000000. 1 averages the
    /// gradients of every step, as one learner with all their batches would (Wijmans et al. 2020), more the parameters
    /// (local SGD, Stich 2019).
    #[serde(skip_serializing_if = "is_usual")]
    pub sync_every: u64,
    /// Number of rewards summed before bootstrapping (n-step returns), 1 to 16 (Sutton 1988).
    pub n_step: usize,
    /// In a watched run: gradient steps between two published policies.
    pub publish_every: u64,
    /// Threads of a CPU update, 0 for one per core.
    pub threads: usize,
    /// Fraction of a batch sampled from a human player's steps, 0 to 1; off when absent. With a memory, the fraction of
    /// sequences that such a step selects, and that so have at least one among the transitions of their loss. Not
    /// available with prioritized replay, which has its own order.
    pub human_share: Option<f32>,
    /// Fraction of every batch, or of its sequences, that is drawn from demonstrations, 0 to 1, where there are any (Ball et
    /// al. 2023, symmetric sampling); uniformly, whatever the order of the rest.
    pub demonstration_share: f32,
    /// Seconds between two checkpoints, 0 for only the last.
    pub checkpoint_seconds: f32,
    /// Random actions beside those that the policy draws, more of them in later arenas; none when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exploration: Option<ExplorationConfig>,
    /// Prioritized replay; uniform when absent.
    pub prioritized: Option<PrioritizedConfig>,
    /// The algorithm and its settings, from the table named after it.
    #[serde(skip)]
    pub algorithm: AlgorithmConfig,
}

fn is_on(on: &bool) -> bool {
    *on
}

/// Gradient steps between two averages where nothing else is said.
const SYNC_EVERY: u64 = 100;

fn is_usual(sync_every: &u64) -> bool {
    *sync_every == SYNC_EVERY
}

/// The serialized form of a configuration: includes the algorithm's, which files keep in a separate table.
pub(crate) mod whole {
    use std::borrow::Cow;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{AlgorithmConfig, LearnerConfig};

    #[derive(Serialize, Deserialize)]
    struct Whole<'a> {
        learner: Cow<'a, LearnerConfig>,
        #[serde(flatten)]
        algorithm: Cow<'a, AlgorithmConfig>,
    }

    pub fn serialize<S: Serializer>(config: &LearnerConfig, out: S) -> Result<S::Ok, S::Error> {
        Whole { learner: Cow::Borrowed(config), algorithm: Cow::Borrowed(&config.algorithm) }.serialize(out)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<LearnerConfig, D::Error> {
        let Whole { learner, algorithm } = Whole::deserialize(from)?;
        Ok(LearnerConfig { algorithm: algorithm.into_owned(), ..learner.into_owned() })
    }
}

/// Configuration of prioritized replay, the table `[learner.prioritized]` (Schaul et al. 2016). Of an agent with
/// memory it ranks sequences, by the largest and the mean error in them (Kapturowski et al. 2019).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PrioritizedConfig {
    /// Exponent of `|td| + epsilon`, 0 to 1: 0 samples uniformly, 1 proportionally to the error (section
    /// 3.3).
    pub priority_exponent: f32,
    /// Initial exponent of the importance weights, 0 to 1: 0 leaves the bias of nonuniform sampling, 1
    /// removes it (section 3.4).
    pub importance_exponent_start: f32,
    /// Gradient steps over which that exponent is annealed linearly to 1, 0 for 1 from the start (section
    /// 3.4).
    pub importance_anneal_steps: u64,
    /// Added to every absolute error, 1e-8 to 1: higher is closer to uniform sampling (section 3.3; value of
    /// Dhariwal et al. 2017, OpenAI Baselines).
    pub epsilon: f32,
}

impl Default for PrioritizedConfig {
    fn default() -> Self {
        Self {
            priority_exponent: 0.6,
            importance_exponent_start: 0.4,
            importance_anneal_steps: 100_000,
            epsilon: 1e-6,
        }
    }
}

impl PrioritizedConfig {
    /// Exponent of the importance weights after `gradient_steps`, [start, 1].
    pub fn importance_exponent(&self, gradient_steps: u64) -> f64 {
        let start = f64::from(self.importance_exponent_start);
        if gradient_steps >= self.importance_anneal_steps {
            return 1.0;
        }
        start + (1.0 - start) * gradient_steps as f64 / self.importance_anneal_steps as f64
    }

    /// The buffer's part of the settings. The first transitions get the raw priority 1 (Schaul et al. 2016,
    /// algorithm 1).
    pub fn priorities(&self) -> PriorityConfig {
        PriorityConfig {
            exponent: f64::from(self.priority_exponent),
            epsilon: f64::from(self.epsilon),
            initial: 1.0,
        }
    }

    fn validate(&self) -> Result<(), LearnerError> {
        for (range, key, value, allowed) in [
            (0.0..=1.0, "learner.prioritized.priority_exponent", self.priority_exponent, "0 to 1"),
            (
                0.0..=1.0,
                "learner.prioritized.importance_exponent_start",
                self.importance_exponent_start,
                "0 to 1",
            ),
            (1e-8..=1.0, "learner.prioritized.epsilon", self.epsilon, "1e-8 to 1"),
        ] {
            if !range.contains(&value) {
                return Err(LearnerError::Config { key, value: value.to_string(), allowed });
            }
        }
        Ok(())
    }
}

impl Default for LearnerConfig {
    fn default() -> Self {
        Self {
            batch_size: 128,
            replay_capacity: 200_000,
            learning_starts: 1_000,
            live_learning_starts: 2_000,
            gradient_steps_per_env_step: 0.25,
            live_gradient_steps_per_env_step: 1.0,
            samples_per_insert: None,
            actors_wait: true,
            sync_every: SYNC_EVERY,
            n_step: 1,
            publish_every: 20,
            threads: 0,
            human_share: None,
            demonstration_share: 0.5,
            checkpoint_seconds: 60.0,
            exploration: None,
            prioritized: None,
            algorithm: AlgorithmConfig::default(),
        }
    }
}

impl LearnerConfig {
    /// Whether actors record their policy's states, because sequences begin with them.
    pub fn wants_states(&self) -> bool {
        self.state_width() > 0
    }

    /// Floats of such a state; 0 if none are recorded.
    pub fn state_width(&self) -> usize {
        match self.algorithm.sample_spec() {
            SampleSpec::Sequences { state_width, .. } => state_width,
            SampleSpec::Transitions => 0,
        }
    }

    /// Upper bound of gradient steps per environment step, whichever way it is given.
    pub fn most_gradient_steps_per_env_step(&self) -> f32 {
        let samples = self.samples_per_insert;
        samples.map_or(self.gradient_steps_per_env_step, |samples| samples / self.batch_size as f32)
    }

    /// The settings of a watched run: the bounds `live_…` replace the others.
    #[must_use]
    pub fn watched(self) -> Self {
        let gradient_steps_per_env_step = self.live_gradient_steps_per_env_step;
        let learning_starts = self.learning_starts.min(self.live_learning_starts);
        Self { gradient_steps_per_env_step, learning_starts, ..self }.settled()
    }

    /// The same bounds for watched and other runs.
    #[must_use]
    pub fn settled(self) -> Self {
        Self {
            live_gradient_steps_per_env_step: self.gradient_steps_per_env_step,
            live_learning_starts: self.learning_starts,
            ..self
        }
    }

    /// The configuration to record for a run that started with this one when a watched session uses `used`: a
    /// bound that still equals that of [`LearnerConfig::watched`] keeps both values, a changed one replaces
    /// both.
    #[must_use]
    pub fn recorded(&self, used: &Self) -> Self {
        let begun = self.clone().watched();
        let mut kept = used.clone().settled();
        if used.gradient_steps_per_env_step == begun.gradient_steps_per_env_step {
            kept.gradient_steps_per_env_step = self.gradient_steps_per_env_step;
            kept.live_gradient_steps_per_env_step = self.live_gradient_steps_per_env_step;
        }
        if used.learning_starts == begun.learning_starts {
            kept.learning_starts = self.learning_starts;
            kept.live_learning_starts = self.live_learning_starts;
        }
        kept
    }

    /// Checks that a learner configured with `before` can continue with this configuration.
    ///
    /// # Errors
    /// [`LearnerError::Config`] or [`LearnerError::Algorithm`] for the first value that is out of range or
    /// fixed once training has begun, with its previous value.
    pub fn follows(&self, before: &Self) -> Result<(), LearnerError> {
        self.validate()?;
        Ok(self.algorithm.follows(&before.algorithm)?)
    }

    /// Checks every field's range.
    ///
    /// # Errors
    /// [`LearnerError::Config`] or [`LearnerError::Algorithm`] for the first value out of range.
    pub fn validate(&self) -> Result<(), LearnerError> {
        let ratio = self.gradient_steps_per_env_step;
        for (ok, key, value, allowed) in [
            (
                (1..=65_536).contains(&self.batch_size),
                "learner.batch_size",
                self.batch_size.to_string(),
                "1 to 65536",
            ),
            (
                (1_000..=50_000_000).contains(&self.replay_capacity),
                "learner.replay_capacity",
                self.replay_capacity.to_string(),
                "1000 to 50000000",
            ),
            (
                (0.001..=64.0).contains(&ratio),
                "learner.gradient_steps_per_env_step",
                ratio.to_string(),
                "0.001 to 64",
            ),
            (
                (0.001..=64.0).contains(&self.live_gradient_steps_per_env_step),
                "learner.live_gradient_steps_per_env_step",
                self.live_gradient_steps_per_env_step.to_string(),
                "0.001 to 64",
            ),
            ((1..=16).contains(&self.n_step), "learner.n_step", self.n_step.to_string(), "1 to 16"),
            (
                (1..=1_000_000).contains(&self.sync_every),
                "learner.sync_every",
                self.sync_every.to_string(),
                "1 to 1000000",
            ),
            (self.publish_every >= 1, "learner.publish_every", self.publish_every.to_string(), "1 or more"),
            (
                (0.0..=86_400.0).contains(&self.checkpoint_seconds),
                "learner.checkpoint_seconds",
                self.checkpoint_seconds.to_string(),
                "0 to 86400",
            ),
            (
                (0.0..=1.0).contains(&self.demonstration_share),
                "learner.demonstration_share",
                self.demonstration_share.to_string(),
                "0 to 1",
            ),
            (self.threads <= 256, "learner.threads", self.threads.to_string(), "0 to 256"),
        ] {
            if !ok {
                return Err(LearnerError::Config { key, value, allowed });
            }
        }
        if let Some(samples) = self.samples_per_insert
            && !(0.001..=65_536.0).contains(&samples)
        {
            let (key, value) = ("learner.samples_per_insert", samples.to_string());
            return Err(LearnerError::Config { key, value, allowed: "0.001 to 65536" });
        }
        if let Some(share) = self.human_share {
            let (key, value) = ("learner.human_share", share.to_string());
            if !(0.0..=1.0).contains(&share) {
                return Err(LearnerError::Config { key, value, allowed: "0 to 1" });
            }
            if self.prioritized.is_some() {
                return Err(LearnerError::Config {
                    key,
                    value,
                    allowed: "a share without learner.prioritized",
                });
            }
        }
        if let Some(exploration) = &self.exploration {
            exploration.validate()?;
        }
        if let Some(prioritized) = &self.prioritized {
            prioritized.validate()?;
        }
        Ok(self.algorithm.validate()?)
    }
}
