//! The end of a watched session: its last checkpoint, configuration and summary.

use bevy::prelude::*;

use super::LiveRun;
use crate::agent::{LiveLearner, Replay};
use crate::learner::{Health, LearnerError};
use crate::link::Ticket;
use crate::run::Summary;
use crate::sim::SimConfig;

/// Saves a session that is being left, without blocking: called once per frame until it reports completion.
pub fn leave(world: &mut World) -> bool {
    if !world.contains_resource::<LiveRun>() {
        return true;
    }
    world.resource_scope(|world, mut run: Mut<LiveRun>| {
        world.resource_scope(|world, mut learner: Mut<LiveLearner>| {
            let (env_steps, arenas) =
                (world.resource::<Replay>().env_steps, world.resource::<SimConfig>().arenas);
            let saved = match run.leaving.take() {
                None => match run.begin_last(&mut learner, env_steps) {
                    Last::Nothing => return true,
                    Last::Refused(problem) => Some(Err(problem)),
                    Last::Kept => None,
                    Last::UnderWay(saving) => {
                        run.leaving = Some(saving);
                        return false;
                    }
                },
                Some(saving) => match saving.poll() {
                    None => {
                        run.leaving = Some(saving);
                        return false;
                    }
                    // A stopped learner keeps its last checkpoint.
                    Some(Err(LearnerError::Stopped(_))) => Some(Ok(())),
                    Some(result) => Some(result.map(|_| ()).map_err(|error| error.to_string())),
                },
            };
            run.end(&learner, env_steps, arenas, saved);
            true
        })
    })
}

/// Saves the session when the window closes, and waits for it.
pub(super) fn close(
    mut exits: MessageReader<AppExit>,
    mut run: ResMut<LiveRun>,
    mut learner: ResMut<LiveLearner>,
    replay: Res<Replay>,
    sim: Res<SimConfig>,
) {
    if exits.read().count() == 0 {
        return;
    }
    let saved = match run.begin_last(&mut learner, replay.env_steps) {
        Last::Nothing => return,
        Last::Refused(problem) => Some(Err(problem)),
        Last::Kept => None,
        Last::UnderWay(saving) => Some(learner.finish_save(&saving).map_err(|error| error.to_string())),
    };
    run.end(&learner, replay.env_steps, sim.arenas, saved);
}

/// State of a session's last checkpoint.
enum Last {
    /// The learner was never ready: nothing was learned or changed, and the existing summary stays.
    Nothing,
    /// A failed learner keeps its last checkpoint.
    Kept,
    /// It cannot be started, and why.
    Refused(String),
    /// It is being written.
    UnderWay(Ticket),
}

impl LiveRun {
    fn begin_last(&mut self, learner: &mut LiveLearner, env_steps: u64) -> Last {
        if !learner.is_accepted() {
            return Last::Nothing;
        }
        if matches!(learner.status().health, Health::Failed(_) | Health::Starting) {
            return Last::Kept;
        }
        match self.begin_save(learner, env_steps) {
            Ok(saving) => Last::UnderWay(saving),
            Err(problem) => Last::Refused(problem),
        }
    }

    /// Writes configuration and summary, after the result of the last checkpoint, if one was started.
    fn end(
        &mut self,
        learner: &LiveLearner,
        env_steps: u64,
        arenas: usize,
        saved: Option<Result<(), String>>,
    ) {
        if let Some(saved) = saved {
            self.record_result(env_steps, saved.err());
        }
        self.keep(learner, arenas);
        let status = learner.status();
        let mut summary = Summary {
            env: self.begun.env.clone(),
            seed: self.begun.seed,
            env_steps,
            agent_env_steps: Some(self.agent_env_steps().unwrap_or(status.env_steps)),
            gradient_steps: status.gradient_steps,
            episode_return: self.window.mean(|episode| episode.episode_return),
            success: self.window.mean(|episode| f32::from(u8::from(episode.success))),
            score: self.window.mean(|episode| episode.score),
            interrupted: env_steps < self.begun.steps && self.solved.is_none(),
            device: status.device_reason.clone(),
            seconds: self.seconds(),
            eval: self.evals.0,
            eval_training: self.evals.1,
            solved: self.solved,
        };
        if let Some(progress) = &self.progress {
            progress.finish();
        }
        if let Err(error) = self.folder.summary(&mut summary) {
            self.unsaved.set(0, Some(error.to_string()));
        }
        self.summary = Some(summary);
    }
}
