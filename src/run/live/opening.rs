//! The files of a run that is about to begin or to go on: all that can be wrong is found before anything is touched.

use crate::experiment::Experiment;
use crate::learner::checkpoint::Checkpoint;
use crate::run::earlier::Earlier;
use crate::run::headless::Solved;
use crate::run::record::{Lengths, Record};
use crate::run::{Claim, RunError, RunFolder};

/// A run whose folder has been looked at and is claimed, and nothing more.
pub struct Opening {
    claim: Option<Claim>,
    /// `config.toml` of a new run; that of one that goes on is written once the learner has accepted it.
    text: Option<String>,
    lengths: Option<Lengths>,
    record: Option<Record>,
    solved: Option<Solved>,
    /// The checkpoint it goes on from.
    pub checkpoint: Option<Checkpoint>,
}

/// A run that may write.
pub struct Opened {
    /// Its folder, if it has one.
    pub folder: Option<RunFolder>,
    /// The record of the run that it goes on with.
    pub record: Option<Record>,
    /// What that came to.
    pub solved: Option<Solved>,
}

impl Opening {
    /// Looks at the folder of `experiment` and claims it for `program`.
    ///
    /// # Errors
    /// One line when it cannot be made, is another program's, or holds what cannot be gone on with.
    pub fn of(experiment: &mut Experiment, program: &str) -> Result<Self, RunError> {
        let text = experiment.config.to_toml();
        let Experiment { out, resume, .. } = experiment;
        let claim = Claim::for_run(out.as_deref(), resume, &text, program)?;
        // Read here as well, so that a bad checkpoint is an error at the start and not a failed learner.
        let checkpoint = resume.as_deref().map(Checkpoint::open).transpose()?;
        let earlier = resume.as_deref().map(Earlier::read).transpose()?.flatten();
        let solved = earlier.and_then(|earlier| earlier.summary).and_then(|summary| summary.solved);
        let record = checkpoint.as_ref().map(Record::of).transpose()?;
        let lengths = record.as_ref().and_then(|record| record.lengths);
        let text = resume.is_none().then_some(text);
        Ok(Self { claim, text, lengths, record, solved, checkpoint })
    }

    /// Opens the folder and writes what a run of `experiment` consists of.
    ///
    /// # Errors
    /// [`RunError::Folder`] if it cannot be written.
    pub fn begin(self, experiment: &Experiment) -> Result<Opened, RunError> {
        let Self { claim, text, lengths, record, solved, .. } = self;
        let Experiment { world, resume, .. } = experiment;
        let folder = claim.map(|claim| claim.open(text.as_deref(), lengths)).transpose()?;
        if let (Some(folder), Some(made_of)) = (&folder, world.made_of()) {
            folder.keep_outside(&made_of)?;
        }
        if let (Some(folder), Some(text)) = (&folder, world.level().and_then(|level| level.text.as_deref())) {
            folder.keep_level(text, resume.is_none())?;
        }
        Ok(Opened { folder, record, solved })
    }
}
