//! Episodes into a dataset: those that a script or an agent plays for it, and those that a person plays in the window.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use bevy::prelude::*;
use serde::Serialize;

use super::RunError;
use super::compose::headless_app;
use super::eval::still_there;
use crate::agent::live::Unsaved;
use crate::agent::{Controller, ControllerAssignment, FrozenPolicies, Greedy, LearningPolicy};
use crate::dataset::{self, DatasetWriter, EpisodeRecorder};
use crate::learner::untrained;
use crate::mdp::{Policy, Stream};
use crate::sim::{SimConfig, run_agent_step};
use crate::worlds::WorldChoice;

/// Most arenas that play at the same time.
const ARENAS: usize = 8;
/// Name of the policy that plays.
const PLAYER: &str = "player";

/// What was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Recorded {
    /// Episodes, of every player on the side of slot 0.
    pub episodes: u64,
    /// Steps in all of them.
    pub steps: u64,
    /// Mean, smallest and largest undiscounted return.
    pub mean_return: f64,
    /// The smallest.
    pub least_return: f64,
    /// The largest.
    pub most_return: f64,
}

/// Who plays for a dataset.
pub enum Demonstrator {
    /// A player without a policy.
    Simple(Controller),
    /// A trained agent, greedily.
    Agent(Arc<dyn Policy>),
}

/// Records `episodes` episodes of `player` in training starts of `seed`, against scripts, into `writer`. In worlds in which
/// several play on one side, all of them count.
///
/// # Errors
/// [`RunError`] if the dataset cannot be written or the environment fails; what is written so far stays.
pub fn record_episodes(
    world: &WorldChoice,
    player: Demonstrator,
    episodes: usize,
    seed: u64,
    writer: &mut DatasetWriter,
) -> Result<Recorded, RunError> {
    let spec = world.spec();
    let side = (0..spec.slots()).filter(|slot| spec.on_first_side(*slot)).count();
    let starts = episodes.div_ceil(side);
    let arenas = starts.clamp(1, ARENAS);
    let sim = SimConfig { arenas, seed, stream: Stream::Environment };
    let (controller, policy) = match player {
        Demonstrator::Simple(controller) => (controller, None),
        Demonstrator::Agent(policy) => (Controller::Frozen(PLAYER.into()), Some(policy)),
    };
    let assignment = ControllerAssignment::against_script(&spec, &controller);
    let mut app = headless_app(world, sim, assignment, LearningPolicy(untrained(&spec.action)), 1);
    if let Some(policy) = policy {
        app.world_mut().resource_mut::<FrozenPolicies>().0.insert(PLAYER.into(), policy);
    }
    app.insert_resource(Greedy(true));
    dataset::plugin(&mut app, EpisodeRecorder::new(|_, _| true));
    // Every arena contributes the same number of first episodes, so short ones are not favored.
    let quota = |arena: usize| starts / arenas + usize::from(arena < starts % arenas);
    let mut taken = vec![vec![0; spec.slots()]; arenas];
    let (mut returns, mut left) = (Vec::new(), episodes);
    while left > 0 {
        run_agent_step(app.world_mut());
        still_there(app.world())?;
        for (arena, slot, episode) in app.world_mut().resource_mut::<EpisodeRecorder>().take() {
            let wanted = spec.on_first_side(slot) && taken[arena][slot] < quota(arena) && left > 0;
            if wanted {
                taken[arena][slot] += 1;
                left -= 1;
                writer.push(&episode)?;
                returns.push(episode.rewards.iter().copied().map(f64::from).sum::<f64>());
            }
        }
    }
    Ok(Recorded {
        episodes: writer.episodes(),
        steps: writer.steps(),
        mean_return: returns.iter().sum::<f64>() / returns.len().max(1) as f64,
        least_return: returns.iter().copied().fold(f64::INFINITY, f64::min),
        most_return: returns.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    })
}

/// Writes on a thread of its own what a person has played; dropped, it waits for the last episode.
#[derive(Resource)]
struct Recording {
    to: Option<Sender<dataset::Episode>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.to = None;
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}

/// Records the episodes that a person plays from their first step to their last into `writer`.
pub fn plugin(app: &mut App, mut writer: DatasetWriter) {
    let (to, from) = channel::<dataset::Episode>();
    let unsaved = app.world().get_resource::<Unsaved>().cloned().unwrap_or_default();
    let thread = std::thread::Builder::new().name("recording".into()).spawn(move || {
        for episode in from {
            if let Err(error) = writer.push(&episode) {
                unsaved.set(0, Some(error.to_string()));
            }
        }
    });
    dataset::plugin(app, EpisodeRecorder::new(|_, controller| *controller == Controller::Human));
    app.insert_resource(Recording { to: Some(to), thread: thread.ok() }).add_systems(PostUpdate, hand_over);
}

fn hand_over(mut recorder: ResMut<EpisodeRecorder>, recording: Res<Recording>) {
    for (_, _, episode) in recorder.take() {
        if let Some(to) = &recording.to {
            // It only ends with this resource.
            _ = to.send(episode);
        }
    }
}
