//! The learner itself, without a thread: steps go in, gradient steps are made, policies come out.

mod persist;
mod train;

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::memory::check_sequences;
use super::replicas::Meetings;
use super::setup::{Counters, LearnerSetup, priorities, replay_config, replay_space, sequences};
use super::snapshots::AgentSnapshot;
use super::{DeviceChoice, LearnerConfig, LearnerError, device};
use crate::algo::{Algorithm, TrainedPolicy};
use crate::mdp::{
    ActionValues, LevelRecord, PolicyId, PolicySnapshot, Rng, StateBatch, StepBatch, Stream, rng,
};
use crate::replay::{ReplayBuffer, ReplayConfig, effective_sample_size};
pub use persist::check_networks;
use train::Batches;

/// One gradient step of credit. Integers add up exactly, in any order and across checkpoints.
const CREDIT_UNIT: u64 = 1_000_000;

/// Replay buffer, algorithm and counters.
pub struct Learner {
    pub(super) setup: LearnerSetup,
    pub(super) algorithm: Box<dyn Algorithm>,
    reason: String,
    pub(super) replay: ReplayBuffer,
    /// Never overwritten, unlike what is in the replay buffer.
    demonstrations: Option<ReplayBuffer>,
    rng: Rng,
    batches: Batches,
    pub(super) counters: Counters,
    policy_lag: Option<f32>,
    /// The folder with this agent's checkpoints, and the agent's number in it.
    saved: RefCell<Option<(PathBuf, u32)>>,
    published: Option<Arc<dyn TrainedPolicy>>,
    pool: Option<rayon::ThreadPool>,
    /// With the other replicas, if it has any.
    pub(super) meetings: Option<Meetings>,
}

impl Learner {
    /// A learner with fresh networks, or resumed from `setup.resume`.
    ///
    /// # Errors
    /// [`LearnerError`] names the invalid configuration value, device or checkpoint.
    pub fn new(setup: LearnerSetup) -> Result<Self, LearnerError> {
        setup.config.validate()?;
        check_sequences(&setup.spec, &setup.config, setup.streams)?;
        let pool = pool(setup.config.threads);
        let (algorithm, reason) = open(&setup, setup.device, pool.as_ref())?;
        let mut learner = Self::with_algorithm(setup, algorithm, reason);
        learner.pool = pool;
        if let Some(folder) = learner.setup.resume.clone() {
            learner.load(&folder)?;
        }
        Ok(learner)
    }

    /// A learner with any algorithm; `reason` explains the choice of device.
    pub fn with_algorithm(setup: LearnerSetup, mut algorithm: Box<dyn Algorithm>, reason: String) -> Self {
        algorithm.begin_line(line(&setup, 0));
        let (replay, demonstrations) = (empty_replay(&setup), demonstrations(&setup));
        let rng = rng(setup.seed, Stream::Replay, 0);
        Self {
            setup,
            algorithm,
            reason,
            replay,
            demonstrations,
            rng,
            batches: Batches::default(),
            counters: Counters::default(),
            policy_lag: None,
            saved: RefCell::new(None),
            published: None,
            pool: None,
            meetings: None,
        }
    }

    /// Adds steps to the replay buffer and, while `training`, their credit for gradient steps.
    pub fn push(&mut self, steps: &StepBatch, training: bool) {
        let refused = self.replay.push(steps);
        let taken = steps.len() as u64 - refused;
        self.policy_lag = steps.policy_lag(self.counters.gradient_steps).or(self.policy_lag);
        self.counters.refused += refused + steps.refused;
        self.counters.env_steps += steps.len() as u64 + steps.refused;
        if training && self.counters.env_steps > self.setup.config.learning_starts {
            let each = f64::from(self.setup.config.most_gradient_steps_per_env_step()) * CREDIT_UNIT as f64;
            self.counters.credit += taken * each.round() as u64;
        }
    }

    /// Gradient steps that the steps received so far allow.
    pub fn credit(&self) -> u64 {
        if self.replay.is_empty() { 0 } else { self.counters.credit / CREDIT_UNIT }
    }

    /// Drops credit beyond `most` gradient steps: a learner that cannot keep up with fast play must not spend
    /// minutes training on stale data.
    pub fn limit_credit(&mut self, most: u64) {
        self.counters.credit = self.counters.credit.min(most * CREDIT_UNIT);
    }

    /// The current policy under the next version number, with the critics if `reveals`.
    ///
    /// # Errors
    /// [`LearnerError::Algorithm`] if it cannot be read from the device.
    pub fn publish(&mut self, reveals: bool) -> Result<PolicySnapshot, LearnerError> {
        self.counters.policy_version += 1;
        let policy = self.algorithm.policy()?;
        self.published = Some(policy.clone());
        let Counters { policy_version: version, gradient_steps, .. } = self.counters;
        let critics = if reveals { self.critics()? } else { None };
        Ok(PolicySnapshot { version, gradient_steps, policy, critics })
    }

    /// The last published policy, as written to files; `None` before the first.
    pub fn published(&self) -> Option<Arc<dyn TrainedPolicy>> {
        self.published.clone()
    }

    /// A copy of the current critics, for action values; `None` if the algorithm has none.
    ///
    /// # Errors
    /// [`LearnerError::Algorithm`] if they cannot be read from the device.
    pub fn critics(&self) -> Result<Option<Arc<dyn ActionValues>>, LearnerError> {
        Ok(self.algorithm.critics()?)
    }

    /// A snapshot of the agent, taken at an age of `seconds`.
    ///
    /// # Errors
    /// [`LearnerError::Algorithm`] if it cannot be read from the device.
    pub fn mark(&self, seconds: u64) -> Result<AgentSnapshot, LearnerError> {
        let (tensors, policy) = (self.algorithm.export()?, self.algorithm.policy()?);
        let Counters { env_steps, gradient_steps, .. } = self.counters;
        Ok(AgentSnapshot { id: 0, born: Instant::now(), seconds, env_steps, gradient_steps, policy, tensors })
    }

    /// Restores the networks of `mark`. Later experience stays in the replay buffer, and environment steps
    /// keep counting.
    ///
    /// # Errors
    /// [`LearnerError::Algorithm`] if its networks have another shape; nothing has changed then.
    pub fn rewind(&mut self, mark: &AgentSnapshot) -> Result<(), LearnerError> {
        self.algorithm.import(&mark.tensors, mark.gradient_steps)?;
        self.counters.gradient_steps = mark.gradient_steps;
        self.counters.credit = 0;
        self.begin_anew();
        Ok(())
    }

    /// Counters so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The replay buffer.
    pub fn replay(&self) -> &ReplayBuffer {
        &self.replay
    }

    /// Effective sample size of the last prioritized batch, 1 to the batch size ([`effective_sample_size`] of
    /// its importance weights); `None` for uniform replay and before the first gradient step.
    pub fn effective_sample_size(&self) -> Option<f32> {
        let weights = self.batches.weights();
        (self.setup.config.prioritized.is_some() && !weights.is_empty())
            .then(|| effective_sample_size(weights))
    }

    /// Policy lag: gradient steps the learner had made when the latest steps arrived, minus those made when
    /// the acting policy was published, averaged over the learning policy's steps in the latest
    /// [`Learner::push`] with any. In a headless run that is what one period learns; in a watched run about
    /// half of `publish_every`, and more if steps wait for the learner. 0 if the learner has been set back
    /// since; `None` before the first step.
    pub fn policy_lag(&self) -> Option<f32> {
        self.policy_lag
    }

    /// Device in use, and why it was chosen.
    pub fn device(&self) -> (String, String) {
        (self.algorithm.device(), self.reason.clone())
    }

    /// The current configuration.
    pub fn config(&self) -> &LearnerConfig {
        &self.setup.config
    }

    /// The requested device.
    pub fn device_choice(&self) -> DeviceChoice {
        self.setup.device
    }

    /// Continues with the same networks and another configuration; a resized replay buffer keeps its newest
    /// transitions.
    ///
    /// # Errors
    /// As [`LearnerConfig::follows`]; nothing has changed then.
    pub fn set_config(&mut self, config: LearnerConfig) -> Result<(), LearnerError> {
        config.follows(&self.setup.config)?;
        check_sequences(&self.setup.spec, &config, self.setup.streams)?;
        self.algorithm.configure(&config.algorithm)?;
        let (cut, state_width) = sequences(&config);
        self.replay.resize(replay_config(&config, self.setup.streams));
        self.replay.set_state_width(state_width);
        self.replay.set_sequences(cut);
        self.replay.set_priorities(priorities(&config));
        if let Some(shown) = &mut self.demonstrations {
            shown.set_returns(config.n_step, config.algorithm.gamma());
            shown.set_state_width(state_width);
            shown.set_sequences(cut);
        }
        if config.threads != self.setup.config.threads {
            self.pool = pool(config.threads);
        }
        self.setup.config = config;
        Ok(())
    }

    /// Records that training continues on `level`, for checkpoints.
    pub fn set_level(&mut self, level: LevelRecord) {
        self.setup.level = Some(level);
    }

    /// Continues with the same networks and optimizer on another device. Opening a GPU takes seconds.
    ///
    /// # Errors
    /// [`LearnerError::Device`] if there is no such device or it fails; nothing has changed then.
    pub fn set_device(&mut self, choice: DeviceChoice) -> Result<(), LearnerError> {
        let tensors = self.algorithm.export()?;
        let (mut algorithm, reason) = open(&self.setup, choice, self.pool.as_ref())?;
        algorithm.import(&tensors, self.counters.gradient_steps)?;
        (self.algorithm, self.reason, self.setup.device) = (algorithm, reason, choice);
        self.share_gradients()
    }

    /// Starts over with fresh networks and an empty replay buffer, as `config` says; counters return to 0,
    /// version numbers continue.
    ///
    /// # Errors
    /// [`LearnerError`] names the invalid value or the device; nothing has changed then.
    pub fn reset(&mut self, config: LearnerConfig) -> Result<(), LearnerError> {
        let setup = LearnerSetup { resume: None, config, ..self.setup.clone() };
        let version = self.counters.policy_version;
        let fresh = Self::new(setup)?;
        let meetings = self.meetings.take();
        *self = Self { meetings, ..fresh };
        self.counters.policy_version = version;
        self.begin_anew();
        self.share_gradients()?;
        // With the same seed these are the networks that the agent before began with, but it has learned since.
        self.algorithm.begin_line(line(&self.setup, version));
        Ok(())
    }

    /// Interrupts all streams: the simulation is not the one of the checkpoint.
    pub fn cut_streams(&mut self) {
        self.replay.cut_streams();
    }
}

/// Fresh networks on the device chosen for `choice`, and the reason for it.
fn open(
    setup: &LearnerSetup,
    choice: DeviceChoice,
    pool: Option<&rayon::ThreadPool>,
) -> Result<(Box<dyn Algorithm>, String), LearnerError> {
    let LearnerSetup { spec, config, seed, .. } = setup;
    let (size, ranked) = (config.batch_size, config.prioritized.is_some());
    let make = || Ok(device::choose(choice, &config.algorithm, spec, size, ranked, *seed)?);
    match pool {
        Some(pool) => pool.install(make),
        None => make(),
    }
}

/// Name of the line of training that fresh networks begin: by what training begins with, which includes the number of
/// policies published before, since the same seed draws the same networks.
fn line(setup: &LearnerSetup, policy_version: u64) -> u64 {
    let LearnerSetup { spec, level, world, config, seed, .. } = setup;
    // Threads and the like are not part of it: they change nothing that is learned.
    let begin = format!("{spec:?} {level:?} {world:?} {:?}", config.algorithm);
    PolicyId::of(&["line", &begin, &seed.to_string(), &policy_version.to_string()]).0
}

fn empty_replay(setup: &LearnerSetup) -> ReplayBuffer {
    let space = replay_space(&setup.spec, &setup.config);
    let mut replay = ReplayBuffer::new(space, replay_config(&setup.config, setup.streams));
    replay.set_sequences(sequences(&setup.config).0);
    replay.set_priorities(priorities(&setup.config));
    replay
}

/// The demonstrations in `setup` in a buffer of their own.
fn demonstrations(setup: &LearnerSetup) -> Option<ReplayBuffer> {
    let steps = setup.demonstrations.as_ref()?;
    let space = replay_space(&setup.spec, &setup.config);
    let own = replay_config(&setup.config, 1);
    // With room for final observations: nothing is overwritten.
    let capacity = 2 * steps.len() + 1024;
    let mut shown = ReplayBuffer::new(space, ReplayConfig { capacity, ..own });
    shown.set_sequences(sequences(&setup.config).0);
    // Nobody knows what a policy would have remembered: its memory begins empty and burns in.
    let states = StateBatch::zeros(shown.space().state_width, steps.len());
    shown.push(&StepBatch { states, ..(**steps).clone() });
    (!shown.is_empty()).then_some(shown)
}

/// A thread pool for the learner only, so that its work never waits for the simulation's.
fn pool(threads: usize) -> Option<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|index| format!("learner-{index}"))
        .build()
        .ok()
}
