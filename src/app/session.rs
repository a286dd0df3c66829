//! A session: an agent in a world that people watch. Opening one refuses all that can be wrong with it; only then is
//! anything on the screen touched.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use bevy::prelude::*;

use crate::agent::live::Unsaved;
use crate::agent::reaction::ReactionDelay;
use crate::agent::{Controller, ControllerAssignment, FrozenPolicies, LiveLearner, LivePlugin, Replay};
use crate::bridge;
use crate::dataset::DatasetWriter;
use crate::experiment::Experiment;
use crate::insight::{InsightPlugin, gallery};
use crate::learner::owner::Owner;
use crate::mdp::{Policy, later_seed};
use crate::panel::drawn_levels::DrawnLevelsFolder;
use crate::run::RunError;
use crate::run::compose::simulation;
use crate::run::folder::RunFolder;
use crate::run::headless::Solved;
use crate::run::live::{self, LiveRun, Opened, Opening};
use crate::run::record::Record;
use crate::run::recording;
use crate::run::sessions;
use crate::sim::{self, SimConfig};
use crate::{panel, view, worlds};

/// Name of a trained agent among the players.
const TRAINED: &str = "trained";

/// What somebody wants to watch.
#[derive(Clone)]
pub struct SessionRequest {
    /// World, settings and folders.
    pub experiment: Experiment,
    /// A trained agent that plays wherever the learner would; nothing is learned then.
    pub player: Option<Arc<dyn Policy>>,
    /// Folder for a dataset of the episodes that a person plays.
    pub record: Option<PathBuf>,
    /// The session of a learner elsewhere, whose experiment this is.
    #[cfg(feature = "distributed")]
    pub joined: Option<crate::distributed::Joined>,
}

impl SessionRequest {
    /// A session of `experiment` in which its agent plays and learns here.
    pub fn of(experiment: Experiment) -> Self {
        Self {
            experiment,
            player: None,
            record: None,
            #[cfg(feature = "distributed")]
            joined: None,
        }
    }

    /// Whether its learner runs elsewhere.
    fn is_joined(&self) -> bool {
        #[cfg(feature = "distributed")]
        return self.joined.is_some();
        #[cfg(not(feature = "distributed"))]
        false
    }

    /// Without a folder of its own a session is kept in the user's data folder, where anything is learned.
    pub(super) fn kept(mut self) -> Self {
        if self.experiment.out.is_none() && self.player.is_none() && !self.is_joined() {
            self.experiment.out = sessions::new_folder(&self.experiment.config.env);
        }
        self
    }
}

/// A session that can begin.
pub(super) struct Session {
    experiment: Experiment,
    folder: Option<RunFolder>,
    /// The record of the run it goes on with, and what that came to.
    record: Option<Record>,
    solved: Option<Solved>,
    player: Option<Arc<dyn Policy>>,
    /// What a person plays goes there.
    dataset: Option<DatasetWriter>,
    /// A learner that is there already.
    learner: Option<LiveLearner>,
    /// What else watches it: benchmarks.
    beside: Vec<Beside>,
}

/// Adds something to a session.
type Beside = Box<dyn FnOnce(&mut App) + Send + Sync>;

impl Session {
    /// Opens what was asked for. Its folder is claimed, its checkpoint was looked at.
    ///
    /// # Errors
    /// One line when the run's folder cannot be made, is another program's, or holds what cannot be gone on with.
    pub fn open(request: SessionRequest) -> Result<Self, Box<dyn std::error::Error>> {
        let (mut experiment, player, dataset) = (request.experiment, request.player, request.record);
        // Everything is looked at before anything of the run is touched.
        let opening = Opening::of(&mut experiment, "entropy-arcade")?;
        let world = &experiment.world;
        let writer = |folder: &PathBuf| DatasetWriter::create(folder, world, Controller::Human.name());
        let dataset = dataset.as_ref().map(writer).transpose()?;
        let Opened { folder, record, solved } = opening.begin(&experiment)?;
        #[cfg(feature = "distributed")]
        if let Some(joined) = request.joined {
            let (learner, add) = joined.attach(&experiment)?;
            let (learner, beside) = (Some(learner), vec![Box::new(add) as Beside]);
            return Ok(Self { experiment, folder, record, solved, player, dataset, learner, beside });
        }
        let (learner, beside) = (None, Vec::new());
        Ok(Self { experiment, folder, record, solved, player, dataset, learner, beside })
    }

    /// The same, with what watches it.
    #[must_use]
    pub fn with(mut self, beside: impl FnOnce(&mut App) + Send + Sync + 'static) -> Self {
        self.beside.push(Box::new(beside));
        self
    }

    /// The world's name, and its level's.
    pub fn place(&self) -> (String, Option<String>) {
        let Experiment { config, world, .. } = &self.experiment;
        (config.env.clone(), world.level().map(|level| level.name.clone()))
    }

    /// Whether leaving it saves anything.
    pub fn saves(&self) -> bool {
        self.folder.is_some()
    }

    /// Begins: everything it needs is added to `app`. What comes back tells later how it went.
    pub fn add_to(self, app: &mut App) -> Kept {
        let Self { experiment, folder, record, solved, player, dataset, learner, beside } = self;
        let checkpoints = experiment.out.as_ref().map(|out| out.join("checkpoint"));
        let learner = learner.unwrap_or_else(|| LiveLearner::start(experiment.learner_setup(checkpoints)));
        let sim = experiment.sim();
        let Experiment { config, world, assignment, out, resume, .. } = experiment;
        let spec = world.spec();
        // The simulation does not go on from where it stood, and must not live through the same starts again.
        let lived = record.as_ref().map_or(0, |record| record.env_steps);
        let seed = later_seed(config.seed, lived);
        let sim = SimConfig { seed, ..sim };
        // A watched simulation is a small part of a frame: the other cores are for the learner and the renderer.
        let threads = config.run.sim_threads.max(1);
        if world.made_of().is_some() {
            app.init_resource::<bridge::Picture>();
        }
        simulation(app, &world, sim, assignment, learner.policy(), threads);
        app.insert_resource(ReactionDelay::fair(&spec));
        app.insert_resource(learner)
            .init_resource::<sim::pace::Pace>()
            .add_plugins((LivePlugin, InsightPlugin))
            .add_systems(Update, sim::pace::drive)
            .add_plugins((view::plugin, worlds::plugin, panel::plugin));
        let earlier = sessions::alike(&config.env, &config.world)
            .into_iter()
            .filter(|session| Some(session) != out.as_ref());
        app.insert_resource(panel::plots::EarlierRuns(earlier.collect()));
        if let Some(out) = &out {
            app.insert_resource(view::record::ScreenshotFolder(out.join("pictures")));
        }
        app.world_mut().resource_mut::<Replay>().env_steps = lived;
        // A trained agent to play against or with, where one comes with the arcade.
        let level = world.level().map(|level| level.name.as_str());
        let options = config.world;
        if let Some(policy) = gallery::fitting(&spec, level, &options).and_then(|agent| agent.policy().ok()) {
            app.world_mut().resource_mut::<FrozenPolicies>().0.insert(TRAINED.into(), policy);
        }
        worlds::rooms::winnable::plugin(app);
        app.insert_resource(DrawnLevelsFolder(sessions::maps(&config.env)));
        // A level that is a file of its own can be edited while it is played.
        if let Some(path) = world.level_file() {
            worlds::rooms::reload::plugin(app, path.to_owned());
        }
        let mut kept = Kept::default();
        if let Some(folder) = folder {
            let run = LiveRun::new(folder, config, record, solved).seated_as_in(resume);
            (kept.owner, kept.broken) = (Some(run.owner()), run.broken());
            live::plugin(app, run);
            kept.unsaved = app.world().resource::<Unsaved>().clone();
        }
        if let Some(dataset) = dataset {
            recording::plugin(app, dataset);
        }
        if let Some(player) = player {
            let_play(app, player);
        }
        beside.into_iter().for_each(|add| add(app));
        kept
    }
}

/// Lets `player` play wherever the learner would, and nothing be learned.
fn let_play(app: &mut App, player: Arc<dyn Policy>) {
    let world = app.world_mut();
    world.resource_mut::<FrozenPolicies>().0.insert(TRAINED.into(), player);
    // Seats that this start alone asks for are not kept.
    live::forget_seats(world);
    let mut assignment = world.resource_mut::<ControllerAssignment>();
    let ControllerAssignment { watched, others, .. } = &mut *assignment;
    for seat in watched.iter_mut().chain(others).filter(|seat| **seat == Controller::Learning) {
        *seat = Controller::Frozen(TRAINED.into());
    }
    world.resource_mut::<LiveLearner>().set_training(false);
}

/// How a session's files stand. Its folder is let go of only when this is, once nothing of the app writes into it.
#[derive(Default)]
pub(super) struct Kept {
    owner: Option<Arc<Owner>>,
    unsaved: Unsaved,
    broken: Arc<OnceLock<String>>,
}

impl Kept {
    /// What is not on the disk though it should be.
    pub fn problem(&self) -> Option<RunError> {
        let unsaved = self.unsaved.reason().map(RunError::Unsaved);
        unsaved.or_else(|| self.broken.get().cloned().map(RunError::NotWhole))
    }
}
