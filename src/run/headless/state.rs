//! The part of a headless run's checkpoint besides the learner: written between two periods or within one,
//! and restored.

use std::sync::Arc;

use bevy::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Run, Solved};
use crate::agent::{ActorStates, ActorStatesSnapshot, Replay};
use crate::algo::TrainedPolicy;
use crate::files::in_plain_words;
use crate::learner::LearnerError;
use crate::learner::checkpoint::{Checkpoint, CheckpointError};
use crate::link::LockStep;
use crate::mdp::{PolicySnapshot, StepBatch};
use crate::run::RunError;
use crate::run::record::{Lengths, Record};
use crate::sim::ArenaSnapshot;
use crate::sim::arena::snapshots;

/// The simulation's part of a checkpoint, `simulation.json`.
#[derive(Serialize, Deserialize)]
pub(super) struct SimulationState {
    env_steps: u64,
    next_log: u64,
    #[serde(default)]
    next_eval: u64,
    #[serde(default)]
    solved: Option<Solved>,
    arenas: Vec<ArenaSnapshot>,
    #[serde(rename = "roster")]
    actor_states: ActorStatesSnapshot,
    staged: StepBatch,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    open: Option<OpenPeriod>,
}

/// An interrupted period. Its policy is in [`ACTING`], its recorded steps are `staged`, and its remaining
/// gradient steps are the learner's credit.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct OpenPeriod {
    /// Agent steps played so far.
    pub(super) played: u32,
    /// Policy lag measured at its beginning.
    pub(super) policy_lag: Option<f32>,
    /// Version of its policy, and its gradient steps.
    pub(super) policy: (u64, u64),
}

/// The policy of an open period, for acting and for further checkpoints.
pub(super) type Acting = (Arc<dyn TrainedPolicy>, PolicySnapshot);

/// Its file.
pub(super) const ACTING: &str = "acting.safetensors";

impl Run {
    /// Writes learner and simulation between two periods or, with the acting policy in `files`, within one.
    /// Write errors are reported and retried.
    pub(super) fn checkpoint(
        &mut self,
        world: &mut World,
        learner: &LockStep,
        mut files: Vec<(String, Vec<u8>)>,
    ) -> Result<(), RunError> {
        let seconds = self.seconds();
        let Some(folder) = &mut self.folder else { return Ok(()) };
        let lines = folder.flush().err().map(|error| error.to_string());
        let checkpoints = folder.checkpoints();
        let unwritable =
            |reason: String| RunError::Folder { path: checkpoints.display().to_string(), reason };
        let record = Record {
            lengths: Some(folder.lengths()),
            env_steps: self.env_steps,
            seconds,
            window: self.window.clone(),
        };
        let (arenas, actor_states) = match &self.players {
            Some(players) => players.state(),
            None => (snapshots(world), world.resource::<ActorStates>().snapshot()),
        };
        let state = SimulationState {
            env_steps: self.env_steps,
            next_log: self.next_log,
            next_eval: self.next_eval,
            solved: self.solved,
            arenas,
            actor_states,
            // Steps of an open period are still with the actors.
            staged: match self.open {
                Some(_) => world.resource::<Replay>().staged.clone(),
                None => self.staged.clone(),
            },
            open: self.open.clone(),
        };
        let bytes = serde_json::to_vec(&state).map_err(|error| unwritable(error.to_string()))?;
        files.push(("simulation.json".into(), bytes));
        files.push(record.to_file().map_err(|error| unwritable(error.to_string()))?);
        let lengths = folder.files();
        let write = || learner.save(checkpoints, files, lengths);
        let saved = match folder.is_there().map(|()| write()) {
            Ok(Ok(_)) => None,
            Ok(Err(LearnerError::Checkpoint(error))) => Some(error.to_string()),
            Ok(Err(error)) => return Err(error.into()),
            Err(gone) => Some(gone.to_string()),
        };
        self.saving.record_result(saved.is_none());
        self.report_problem(0, lines);
        self.report_broken();
        self.report_problem(1, saved);
        Ok(())
    }

    /// The policy of the open period.
    pub(super) fn acting(&self, checkpoint: &Checkpoint) -> Result<Option<Acting>, RunError> {
        let Some(open) = &self.open else { return Ok(None) };
        let (version, gradient_steps) = open.policy;
        let actor = checkpoint.actor(ACTING)?;
        let snapshot = PolicySnapshot { version, gradient_steps, policy: actor.clone(), critics: None };
        Ok(Some((actor, snapshot)))
    }

    /// Restores the run from a checkpoint, including the simulation if it has one: after a watched run, new
    /// episodes begin.
    pub(super) fn restore(
        &mut self,
        world: &mut World,
        checkpoint: &Checkpoint,
    ) -> Result<Option<Lengths>, RunError> {
        let record = Record::of(checkpoint)?;
        (self.env_steps, self.earlier, self.window) = (record.env_steps, record.seconds, record.window);
        let lengths = record.lengths;
        world.resource_mut::<Replay>().env_steps = self.env_steps;
        if !checkpoint.has("simulation.json") {
            crate::sim::begin_later(world, self.env_steps);
            let next = |every: u64| (self.env_steps / every.max(1) + 1).saturating_mul(every);
            (self.next_log, self.next_eval) =
                (next(self.config.run.log_every), next(self.config.run.eval_every));
            return Ok(lengths);
        }
        let state: SimulationState =
            serde_json::from_slice(checkpoint.file("simulation.json")?).map_err(|error| {
                CheckpointError::Damaged {
                    path: checkpoint.path(),
                    problem: format!("simulation.json: {}", in_plain_words(&error.to_string())),
                }
            })?;
        let spec = &checkpoint.manifest.environment;
        if !state.arenas.iter().all(|arena| arena.fits(spec)) || !state.staged.fits(spec) {
            let problem = "simulation.json: invalid steps".to_owned();
            return Err(CheckpointError::Damaged { path: checkpoint.path(), problem }.into());
        }
        crate::sim::resume(world, &state.arenas, &state.actor_states, state.env_steps);
        world.resource_mut::<Replay>().env_steps = state.env_steps;
        self.env_steps = state.env_steps;
        self.next_log = state.next_log;
        self.next_eval = state.next_eval;
        self.solved = state.solved;
        match state.open {
            Some(_) => world.resource_mut::<Replay>().staged = state.staged,
            None => self.staged = state.staged,
        }
        self.open = state.open;
        Ok(lengths)
    }
}
