//! The learner itself, without a thread: steps in, gradient steps, policies out.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io::{ErrorKind, Read as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::checkpoint::{self, Checkpoint, CheckpointError, Content, Manifest};
use super::snapshots::AgentSnapshot;
use super::{DeviceChoice, LearnerConfig, LearnerError, device};
use crate::mdp::{
    ActionSpace, ActionValues, EnvironmentSpec, LevelRecord, PolicySnapshot, Rng, StepBatch, Stream,
    TransitionBatch, WorldOptions, rng,
};
use crate::replay::{PriorityConfig, ReplayBuffer, ReplayConfig, ReplayError, effective_sample_size};
use crate::sac::{
    CategoricalPolicy, Critic, FusedSac, HostTensor, Inputs, SacConfig, SacError, SacUpdate, TensorMap,
    TrainMetrics, weights,
};

/// One gradient step of credit. Whole numbers add up the same in any order and on any disk.
const CREDIT_UNIT: u64 = 1_000_000;

/// What a learner is made from.
#[derive(Debug, Clone)]
pub struct LearnerSetup {
    /// What it learns to play.
    pub spec: EnvironmentSpec,
    /// Streams recorded at the same time, for replay to make room for: arenas times recorded slots.
    pub streams: usize,
    /// The level it learns on, if its world has levels.
    pub level: Option<LevelRecord>,
    /// How its world is varied.
    pub world: WorldOptions,
    /// How.
    pub config: LearnerConfig,
    /// Where.
    pub device: DeviceChoice,
    /// Seed of initial weights and replay sampling.
    pub seed: u64,
    /// Where checkpoints go; none are written without it.
    pub checkpoints: Option<PathBuf>,
    /// The run or checkpoint to go on from.
    pub resume: Option<PathBuf>,
}

impl LearnerSetup {
    /// Learns `spec` on whatever device suits, from seed 1, and keeps nothing on disk.
    pub fn new(spec: EnvironmentSpec, config: LearnerConfig) -> Self {
        Self {
            spec,
            streams: 64,
            level: None,
            world: WorldOptions::default(),
            config,
            device: DeviceChoice::Auto,
            seed: 1,
            checkpoints: None,
            resume: None,
        }
    }
}

/// Counters of a learner, as they stand in a checkpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    /// Steps received by this agent. A run that began again with a fresh one has made more.
    pub env_steps: u64,
    /// Gradient steps made.
    pub gradient_steps: u64,
    /// Policies published.
    pub policy_version: u64,
    /// Gradient steps that may be made now, in millionths.
    pub credit: u64,
    /// Of the environment steps, those that replay does not take because a value of theirs is not finite.
    #[serde(default)]
    pub refused: u64,
}

/// Replay, algorithm and counters.
pub struct Learner {
    setup: LearnerSetup,
    sac: Box<dyn SacUpdate>,
    reason: String,
    replay: ReplayBuffer,
    rng: Rng,
    batch: TransitionBatch,
    counters: Counters,
    policy_lag: Option<f32>,
    /// The folder that has checkpoints of this agent, and its number there.
    saved: RefCell<Option<(PathBuf, u32)>>,
    published: Option<Arc<CategoricalPolicy>>,
    pool: Option<rayon::ThreadPool>,
}

impl Learner {
    /// A learner with fresh networks, or one that goes on from `setup.resume`.
    ///
    /// # Errors
    /// [`LearnerError`] names the configuration value, device or checkpoint at fault.
    pub fn new(setup: LearnerSetup) -> Result<Self, LearnerError> {
        setup.config.validate()?;
        if matches!(setup.spec.action, ActionSpace::Continuous(_)) {
            return Err(LearnerError::ContinuousActions(setup.spec.name.clone()));
        }
        let pool = pool(setup.config.threads);
        let (sac, reason) = open(&setup, setup.device, pool.as_ref())?;
        let mut learner = Self::with_update(setup, sac, reason);
        learner.pool = pool;
        if let Some(folder) = learner.setup.resume.clone() {
            learner.load(&folder)?;
        }
        Ok(learner)
    }

    /// A learner around any gradient step.
    pub fn with_update(setup: LearnerSetup, sac: Box<dyn SacUpdate>, reason: String) -> Self {
        let replay = empty_replay(&setup);
        let rng = rng(setup.seed, Stream::Replay, 0);
        Self {
            setup,
            sac,
            reason,
            replay,
            rng,
            batch: TransitionBatch::default(),
            counters: Counters::default(),
            policy_lag: None,
            saved: RefCell::new(None),
            published: None,
            pool: None,
        }
    }

    /// Takes steps into replay and, while `training`, the credit for gradient steps they bring.
    pub fn push(&mut self, steps: &StepBatch, training: bool) {
        let refused = self.replay.push(steps);
        let taken = steps.len() as u64 - refused;
        self.policy_lag = steps.policy_lag(self.counters.gradient_steps).or(self.policy_lag);
        self.counters.refused += refused + steps.refused;
        self.counters.env_steps += steps.len() as u64 + steps.refused;
        if training && self.counters.env_steps > self.setup.config.learning_starts {
            let each = f64::from(self.setup.config.gradient_steps_per_env_step) * CREDIT_UNIT as f64;
            self.counters.credit += taken * each.round() as u64;
        }
    }

    /// Gradient steps that the steps received so far allow.
    pub fn credit(&self) -> u64 {
        if self.replay.is_empty() { 0 } else { self.counters.credit / CREDIT_UNIT }
    }

    /// Forgets credit beyond `most` gradient steps: a learner that cannot keep up with fast play
    /// must not work off old debts on stale data for minutes.
    pub fn limit_credit(&mut self, most: u64) {
        self.counters.credit = self.counters.credit.min(most * CREDIT_UNIT);
    }

    /// Makes `count` gradient steps and reports the last one, if asked.
    ///
    /// # Errors
    /// [`LearnerError::Sac`] when a figure stops being finite or the device fails.
    pub fn train(&mut self, count: u64, report: bool) -> Result<Option<TrainMetrics>, LearnerError> {
        self.train_until(&AtomicBool::new(false), count, report)
    }

    /// As [`Learner::train`], but makes no further gradient step once `stop` is set: the credit for those is kept.
    ///
    /// # Errors
    /// As [`Learner::train`].
    pub fn train_until(
        &mut self,
        stop: &AtomicBool,
        count: u64,
        report: bool,
    ) -> Result<Option<TrainMetrics>, LearnerError> {
        let Self { sac, replay, rng, batch, pool, setup, counters, .. } = self;
        let prioritized = setup.config.prioritized;
        let size = setup.config.batch_size;
        let mut work = || {
            let mut last = None;
            for step in 0..count {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let drawn = match prioritized {
                    Some(config) => {
                        let exponent = config.importance_exponent(counters.gradient_steps);
                        replay.sample_prioritized(size, exponent, rng, batch)
                    }
                    None => match setup.config.human_share {
                        Some(share) => replay.sample_shared(size, share, rng, batch),
                        None => replay.sample(size, rng, batch),
                    },
                };
                if !drawn {
                    break;
                }
                last = sac.update(batch, report && step + 1 == count)?;
                if prioritized.is_some() {
                    replay.update_priorities(&batch.indices, &ranking(&**sac)?);
                }
                counters.gradient_steps += 1;
                counters.credit = counters.credit.saturating_sub(CREDIT_UNIT);
            }
            Ok(last)
        };
        match pool {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }

    /// The current policy under the next version number, with the critics beside it if `reveals`.
    ///
    /// # Errors
    /// [`LearnerError::Sac`] when it cannot be read from the device.
    pub fn publish(&mut self, reveals: bool) -> Result<PolicySnapshot, LearnerError> {
        self.counters.policy_version += 1;
        let EnvironmentSpec { observation, action, .. } = &self.setup.spec;
        let tensors = self.sac.export_actor()?;
        let policy = CategoricalPolicy::from_tensors(self.sac.config(), observation, action.len(), &tensors)?;
        let policy = Arc::new(policy);
        self.published = Some(policy.clone());
        let Counters { policy_version: version, gradient_steps, .. } = self.counters;
        let critics: Option<Arc<dyn ActionValues>> =
            if reveals { Some(Arc::new(self.critic()?)) } else { None };
        Ok(PolicySnapshot { version, gradient_steps, policy, critics })
    }

    /// The policy published last, to be written into a file; `None` before the first.
    pub fn published(&self) -> Option<Arc<CategoricalPolicy>> {
        self.published.clone()
    }

    /// A copy of the critics as they stand, to read action values from.
    ///
    /// # Errors
    /// [`LearnerError::Sac`] when they cannot be read from the device.
    pub fn critic(&self) -> Result<Critic, LearnerError> {
        let EnvironmentSpec { observation, action, .. } = &self.setup.spec;
        Ok(Critic::from_tensors(self.sac.config(), observation, action.len(), &self.sac.export_critics()?)?)
    }

    /// Itself as it stands, at an age of `seconds`.
    ///
    /// # Errors
    /// [`LearnerError::Sac`] when it cannot be read from the device.
    pub fn mark(&self, seconds: u64) -> Result<AgentSnapshot, LearnerError> {
        let EnvironmentSpec { observation, action, .. } = &self.setup.spec;
        let tensors = self.sac.export()?;
        let policy = CategoricalPolicy::from_tensors(self.sac.config(), observation, action.len(), &tensors)?;
        let Counters { env_steps, gradient_steps, .. } = self.counters;
        Ok(AgentSnapshot {
            born: Instant::now(),
            seconds,
            env_steps,
            gradient_steps,
            policy: Arc::new(policy),
            tensors,
        })
    }

    /// Goes back to the networks of `mark`. What was lived through since stays in replay, and environment steps go
    /// on being counted.
    ///
    /// # Errors
    /// [`LearnerError::Sac`] when it is of other networks; nothing has changed then.
    pub fn rewind(&mut self, mark: &AgentSnapshot) -> Result<(), LearnerError> {
        self.import(mark.tensors.clone(), mark.gradient_steps)?;
        self.counters.gradient_steps = mark.gradient_steps;
        self.counters.credit = 0;
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

    /// How many equally weighted transitions the last prioritized batch was worth, 1 to the batch size
    /// ([`effective_sample_size`] of its importance weights); `None` for uniform replay and before the
    /// first gradient step.
    pub fn effective_sample_size(&self) -> Option<f32> {
        let weights = &self.batch.weights;
        (self.setup.config.prioritized.is_some() && !weights.is_empty())
            .then(|| effective_sample_size(weights))
    }

    /// How many gradient steps this learner was ahead of the policy that chose the latest steps, when they
    /// arrived: gradient steps made by then less those made when that policy was published, mean over the
    /// policy's own steps of the latest [`Learner::push`] that has any. In a headless run that is what one
    /// period learns; while somebody watches, about half of `publish_every`, and more where the learner
    /// lets steps wait. 0 where the learner has gone back since; `None` before the first step.
    pub fn policy_lag(&self) -> Option<f32> {
        self.policy_lag
    }

    /// Device in use, and why it was chosen.
    pub fn device(&self) -> (String, String) {
        (self.sac.device(), self.reason.clone())
    }

    /// What it was made with, or changed to since.
    pub fn config(&self) -> &LearnerConfig {
        &self.setup.config
    }

    /// Where it was asked to learn.
    pub fn device_choice(&self) -> DeviceChoice {
        self.setup.device
    }

    /// Goes on with the same networks and another configuration; replay of another size keeps its youngest transitions.
    ///
    /// # Errors
    /// As [`LearnerConfig::follows`]; nothing has changed then.
    pub fn set_config(&mut self, config: LearnerConfig) -> Result<(), LearnerError> {
        config.follows(&self.setup.config)?;
        self.sac.set_config(config.sac.clone())?;
        self.replay.resize(replay_config(&config, self.setup.streams));
        self.replay.set_priorities(priorities(&config));
        if config.threads != self.setup.config.threads {
            self.pool = pool(config.threads);
        }
        self.setup.config = config;
        Ok(())
    }

    /// Learns on `level` from now on: what checkpoints say of it.
    pub fn set_level(&mut self, level: LevelRecord) {
        self.setup.level = Some(level);
    }

    /// Goes on with the same networks and optimizer on another device. A GPU takes seconds to open.
    ///
    /// # Errors
    /// [`LearnerError::Device`] when there is no such device or it fails; nothing has changed then.
    pub fn set_device(&mut self, choice: DeviceChoice) -> Result<(), LearnerError> {
        let (tensors, steps) = (self.sac.export()?, self.sac.gradient_steps());
        let (mut sac, reason) = open(&self.setup, choice, self.pool.as_ref())?;
        sac.import(&tensors, steps)?;
        (self.sac, self.reason, self.setup.device) = (sac, reason, choice);
        Ok(())
    }

    /// Fresh networks and an empty replay buffer, as `config` says; counters go back to 0, versions go on.
    ///
    /// # Errors
    /// [`LearnerError`] names the value or the device at fault; nothing has changed then.
    pub fn reset(&mut self, config: LearnerConfig) -> Result<(), LearnerError> {
        let setup = LearnerSetup { resume: None, config, ..self.setup.clone() };
        let version = self.counters.policy_version;
        *self = Self::new(setup)?;
        self.counters.policy_version = version;
        Ok(())
    }

    /// Writes a checkpoint into `folder`, with `extra` files beside the learner's own.
    ///
    /// # Errors
    /// [`CheckpointError`] names the path and the system's reason, [`SacError::NotFinite`] says that
    /// there is nothing worth keeping; the last checkpoint stays.
    pub fn save(&self, folder: &Path, extra: Vec<(String, Vec<u8>)>) -> Result<PathBuf, LearnerError> {
        let tensors = self.sac.export()?;
        if tensors.values().flat_map(|tensor| &tensor.data).any(|value| !value.is_finite()) {
            let gradient_steps = self.counters.gradient_steps;
            return Err(SacError::NotFinite { what: "a parameter", gradient_steps }.into());
        }
        let manifest = Manifest::new(
            self.setup.spec.clone(),
            self.setup.level.clone(),
            self.setup.world,
            self.setup.config.sac.clone(),
            self.setup.config.clone(),
            self.counters,
            self.rng.clone(),
        );
        let weights = weights::to_bytes(&tensors, &Default::default())?;
        let mut files: Vec<(String, Content<'_>)> = vec![("weights.safetensors".into(), as_it_is(weights))];
        let content = |mut out: &mut dyn Write| Ok(self.replay.save(&mut out)?);
        let replay = |out: &mut dyn Write| checkpoint::pack(content, out);
        files.push((checkpoint::STREAM.into(), Box::new(replay)));
        files.extend(extra.into_iter().map(|(name, bytes)| (name, as_it_is(bytes))));
        let mut saved = self.saved.borrow_mut();
        let agent = saved.as_ref().filter(|(at, _)| is_same(at, folder)).map(|(_, agent)| *agent);
        let (place, agent) = checkpoint::write(folder, manifest, agent, files)?;
        *saved = Some((folder.to_owned(), agent));
        Ok(place)
    }

    /// Says that no stream goes on from where it stood: the simulation is not that of the checkpoint.
    pub fn cut_streams(&mut self) {
        self.replay.cut_streams();
    }

    /// Goes on from a checkpoint: weights, optimizer, temperature, counters, random state, replay. Streams go on as well;
    /// where the simulation does not, [`Learner::cut_streams`]. A fixed temperature is this learner's own.
    ///
    /// # Errors
    /// [`LearnerError::Checkpoint`] when it is truncated, foreign, newer, or of other networks; nothing has changed then.
    pub fn load(&mut self, folder: &Path) -> Result<(), LearnerError> {
        let checkpoint = Checkpoint::open(folder)?;
        let unfit = |problem: String| CheckpointError::Unfit { path: checkpoint.path(), problem };
        let damaged = |error: &std::io::Error| {
            let problem = match error.kind() {
                ErrorKind::UnexpectedEof => "it ends too early".to_owned(),
                ErrorKind::InvalidInput | ErrorKind::InvalidData => "it is not what was written".to_owned(),
                _ => error.to_string(),
            };
            CheckpointError::Damaged {
                path: checkpoint.path(),
                problem: format!("{}: {problem}", checkpoint::STREAM),
            }
        };
        checkpoint.check_spec(&self.setup.spec)?;
        let begun = &checkpoint.manifest.sac;
        self.setup.config.sac.keeps_networks(begun).map_err(|error| unfit(error.to_string()))?;
        let (tensors, _) = weights::from_bytes(checkpoint.file("weights.safetensors")?)?;
        let mut stream = checkpoint.stream()?;
        let replay = self.replay.load(&mut stream).map_err(|error| match error {
            ReplayError::Io(error) => damaged(&error),
            other => unfit(other.to_string()),
        })?;
        // What it is compared with stands at its end.
        let rest = stream.read(&mut [0]).map_err(|error| damaged(&error))?;
        if rest > 0 {
            return Err(unfit("replay: there is more of it than it says".to_owned()).into());
        }
        let (action, actions) = (usize::from(replay.largest_action()), self.setup.spec.action.len());
        if action >= actions {
            return Err(unfit(format!("replay: action {action}, there are {actions}")).into());
        }
        self.import(tensors, checkpoint.manifest.counters.gradient_steps)
            .map_err(|error| unfit(error.to_string()))?;
        self.replay = replay;
        self.rng = checkpoint.manifest.replay_rng.clone();
        self.counters = checkpoint.manifest.counters;
        self.saved.replace(Some((checkpoint.parent().to_owned(), checkpoint.manifest.agent)));
        Ok(())
    }

    fn import(&mut self, mut tensors: TensorMap, gradient_steps: u64) -> Result<(), SacError> {
        // A fixed temperature is what the configuration says, whatever it was when this was written.
        if let Some(temperature) = self.setup.config.sac.fixed_temperature() {
            tensors.insert("log_alpha".into(), HostTensor { shape: vec![1], data: vec![temperature.ln()] });
        }
        self.sac.import(&tensors, gradient_steps)
    }
}

/// Whether a learner of `spec` under `sac` can take over the networks in `checkpoint`.
///
/// # Errors
/// [`SacError::Begun`] for another choice of networks, [`CheckpointError`] for weights that are not those.
pub fn check_networks(
    checkpoint: &Checkpoint,
    sac: &SacConfig,
    spec: &EnvironmentSpec,
) -> Result<(), LearnerError> {
    sac.keeps_networks(&checkpoint.manifest.sac)?;
    let unfit =
        |error: SacError| CheckpointError::Unfit { path: checkpoint.path(), problem: error.to_string() };
    let (tensors, _) = weights::from_bytes(checkpoint.file("weights.safetensors")?).map_err(unfit)?;
    let inputs = Inputs::from(&spec.observation);
    let mut fresh = FusedSac::new(sac.clone(), inputs, spec.action.len(), &mut rng(1, Stream::Weights, 0))?;
    Ok(fresh.import(&tensors, 0).map_err(unfit)?)
}

/// A file of these bytes.
fn as_it_is(bytes: Vec<u8>) -> Content<'static> {
    Box::new(move |out| out.write_all(&bytes))
}

/// Whether both are the same folder, however they are called.
fn is_same(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Fresh networks on the device that `choice` comes to, and why on that one.
fn open(
    setup: &LearnerSetup,
    choice: DeviceChoice,
    pool: Option<&rayon::ThreadPool>,
) -> Result<(Box<dyn SacUpdate>, String), LearnerError> {
    let LearnerSetup { spec, config, seed, .. } = setup;
    let (inputs, actions) = (Inputs::from(&spec.observation), spec.action.len());
    let (size, ranked) = (config.batch_size, config.prioritized.is_some());
    let make = || Ok(device::choose(choice, &config.sac, inputs, actions, size, ranked, *seed)?);
    match pool {
        Some(pool) => pool.install(make),
        None => make(),
    }
}

fn empty_replay(setup: &LearnerSetup) -> ReplayBuffer {
    let mut replay =
        ReplayBuffer::new(setup.spec.observation.clone(), replay_config(&setup.config, setup.streams));
    replay.set_priorities(priorities(&setup.config));
    replay
}

pub(super) fn replay_config(config: &LearnerConfig, streams: usize) -> ReplayConfig {
    let LearnerConfig { replay_capacity: capacity, n_step, sac, .. } = config;
    ReplayConfig { capacity: *capacity, streams, n_step: *n_step, gamma: sac.gamma }
}

pub(super) fn priorities(config: &LearnerConfig) -> Option<PriorityConfig> {
    config.prioritized.map(|prioritized| prioritized.priorities())
}

/// The errors of the last gradient step, which must be numbers: one that is not would rank for ever.
fn ranking(sac: &dyn SacUpdate) -> Result<Cow<'_, [f32]>, LearnerError> {
    let td_errors = sac.td_errors()?;
    if td_errors.iter().all(|td_error| td_error.is_finite()) {
        Ok(td_errors)
    } else {
        Err(SacError::NotFinite { what: "TD error", gradient_steps: sac.gradient_steps() }.into())
    }
}

/// A pool of the learner's own, so that its work never waits behind the simulation's.
fn pool(threads: usize) -> Option<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|index| format!("learner-{index}"))
        .build()
        .ok()
}
