//! Who plays the slots of a vector environment.

use std::path::Path;
use std::sync::Arc;

use super::VectorEnvError;
use crate::agent::{Controller, FrozenPolicies};
use crate::insight::gallery;
use crate::learner::CheckpointError;
use crate::learner::checkpoint::load_policy;
use crate::learner::trained::TrainedAgent;
use crate::mdp::{EnvironmentSpec, Policy};
use crate::worlds::WorldChoice;

/// Who plays each slot, and the policies of those that are trained agents.
#[derive(Clone, Default)]
pub struct Lineup {
    /// `[slots]`: [`Controller::External`] is the caller.
    pub players: Vec<Controller>,
    /// The policies of frozen controllers by name.
    pub policies: FrozenPolicies,
}

/// Why a player cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PlayerError {
    /// The world has none such.
    #[error(transparent)]
    World(#[from] VectorEnvError),
    /// Its file.
    #[error(transparent)]
    Agent(#[from] CheckpointError),
}

impl Lineup {
    /// The caller plays every slot.
    pub fn alone(spec: &EnvironmentSpec) -> Self {
        Self { players: vec![Controller::External; spec.slots()], policies: FrozenPolicies::default() }
    }

    /// The caller plays slot 0, `partner` the others of its side and `opponent` those of the other side. Each is
    /// `scripted`, `random`, `shipped` for the trained agent that comes with the world, an `.agent` file, or a run folder.
    ///
    /// # Errors
    /// [`PlayerError`] for a player that the world does not have or that cannot be read.
    pub fn against(world: &WorldChoice, partner: &str, opponent: &str) -> Result<Self, PlayerError> {
        let spec = world.spec();
        let mut lineup = Self::alone(&spec);
        for slot in 1..spec.slots() {
            let name = if spec.on_first_side(slot) { partner } else { opponent };
            lineup.players[slot] = lineup.player(name, world)?;
        }
        Ok(lineup)
    }

    fn player(&mut self, name: &str, world: &WorldChoice) -> Result<Controller, PlayerError> {
        let policy = match name {
            "scripted" => return Ok(Controller::Scripted),
            "random" => return Ok(Controller::Random),
            known if self.policies.0.contains_key(known) => return Ok(Controller::Frozen(known.to_owned())),
            "shipped" => shipped(world)?,
            path => load(Path::new(path), &world.spec())?,
        };
        self.policies.0.insert(name.to_owned(), policy);
        Ok(Controller::Frozen(name.to_owned()))
    }
}

fn shipped(world: &WorldChoice) -> Result<Arc<dyn Policy>, PlayerError> {
    let (spec, level) = (world.spec(), world.level().map(|level| level.name.as_str()));
    let agent = gallery::fitting(&spec, level, &world.options()).ok_or(VectorEnvError::NoAgent(spec.name))?;
    Ok(agent.policy()?)
}

fn load(path: &Path, spec: &EnvironmentSpec) -> Result<Arc<dyn Policy>, PlayerError> {
    if path.extension().is_none_or(|extension| extension != "agent") {
        return Ok(load_policy(path, spec)?);
    }
    let agent = TrainedAgent::load(path)?;
    agent.check_spec(spec)?;
    Ok(agent.policy()?)
}
