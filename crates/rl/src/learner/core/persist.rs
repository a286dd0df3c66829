//! Saving a learner to a checkpoint, and loading it.

use std::io::{ErrorKind, Read as _, Write};
use std::path::{Path, PathBuf};

use super::Learner;
use crate::algo::{AlgorithmConfig, Place, TrainError};
use crate::learner::LearnerError;
use crate::learner::checkpoint::{self, Checkpoint, CheckpointError, Content, Manifest};
use crate::mdp::{EnvironmentSpec, Stream, rng};
use crate::nn::weights;
use crate::replay::ReplayError;

impl Learner {
    /// Writes a checkpoint to `folder`, with `extra` files besides the learner's own.
    ///
    /// # Errors
    /// [`CheckpointError`] names the path and the system's reason, [`TrainError::NotFinite`] means that there
    /// is nothing worth saving; the last checkpoint stays.
    pub fn save(&self, folder: &Path, extra: Vec<(String, Vec<u8>)>) -> Result<PathBuf, LearnerError> {
        let tensors = self.algorithm.export()?;
        if tensors.values().flat_map(|tensor| &tensor.data).any(|value| !value.is_finite()) {
            let gradient_steps = self.counters.gradient_steps;
            return Err(TrainError::NotFinite { what: "a parameter", gradient_steps }.into());
        }
        let manifest = Manifest::new(
            self.setup.spec.clone(),
            self.setup.level.clone(),
            self.setup.world,
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

    /// Restores a checkpoint: weights, optimizer, temperature, counters, random state, replay buffer. Streams
    /// continue as well; if the simulation does not, call [`Learner::cut_streams`]. A fixed temperature keeps
    /// this learner's value.
    ///
    /// # Errors
    /// [`LearnerError::Checkpoint`] if it is truncated, foreign, newer, or of other networks; nothing has
    /// changed then.
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
        let begun = &checkpoint.manifest.algorithm;
        self.setup.config.algorithm.keeps_networks(begun).map_err(|error| unfit(error.to_string()))?;
        let (tensors, _) = weights::from_bytes(checkpoint.file("weights.safetensors")?)?;
        let mut stream = checkpoint.stream()?;
        let replay = self.replay.load(&mut stream).map_err(|error| match error {
            ReplayError::Io(error) => damaged(&error),
            other => unfit(other.to_string()),
        })?;
        // The checksum is at its end.
        let rest = stream.read(&mut [0]).map_err(|error| damaged(&error))?;
        if rest > 0 {
            return Err(unfit("replay: it is longer than its header says".to_owned()).into());
        }
        let (action, actions) = (usize::from(replay.largest_action()), self.setup.spec.action.len());
        if action >= actions {
            return Err(unfit(format!("replay: action {action}, there are {actions}")).into());
        }
        self.algorithm
            .import(&tensors, checkpoint.manifest.counters.gradient_steps)
            .map_err(|error| unfit(error.to_string()))?;
        self.replay = replay;
        self.rng = checkpoint.manifest.replay_rng.clone();
        self.counters = checkpoint.manifest.counters;
        self.saved.replace(Some((checkpoint.parent().to_owned(), checkpoint.manifest.agent)));
        self.begin_anew();
        Ok(())
    }
}

/// Checks that a learner of `spec` with `algorithm` can load the networks in `checkpoint`.
///
/// # Errors
/// [`TrainError::Begun`] for other network settings, [`CheckpointError`] for weights that do not match them.
pub fn check_networks(
    checkpoint: &Checkpoint,
    algorithm: &AlgorithmConfig,
    spec: &EnvironmentSpec,
) -> Result<(), LearnerError> {
    algorithm.keeps_networks(&checkpoint.manifest.algorithm)?;
    let unfit =
        |error: TrainError| CheckpointError::Unfit { path: checkpoint.path(), problem: error.to_string() };
    let (tensors, _) =
        weights::from_bytes(checkpoint.file("weights.safetensors")?).map_err(|error| unfit(error.into()))?;
    let mut fresh = algorithm.build(spec, Place::Cpu, &mut rng(1, Stream::Weights, 0))?;
    Ok(fresh.import(&tensors, 0).map_err(unfit)?)
}

/// A file with these bytes.
fn as_it_is(bytes: Vec<u8>) -> Content<'static> {
    Box::new(move |out| out.write_all(&bytes))
}

/// Whether both paths refer to the same folder.
fn is_same(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
