//! Gallery: the trained agents that ship with the arcade.

use crate::learner::trained::{EXTENSION, TrainedAgent, TrainingRecord};
use crate::mdp::{EnvironmentSpec, WorldOptions};
use crate::worlds::{self, AgentFile, CATALOGUE};

/// Name and bytes of every agent file, in the order of the worlds.
pub fn files() -> impl Iterator<Item = AgentFile> {
    CATALOGUE.iter().flat_map(|world| world.agents).copied()
}

/// All agents, in the order of the worlds.
pub fn all() -> impl Iterator<Item = TrainedAgent> {
    // A test reads every file, so none is skipped here.
    files().filter_map(|(name, bytes)| TrainedAgent::read(name, bytes).ok())
}

/// The training record of the agent for `world`, and its level number `level` if it has levels; `None` if there is none.
pub fn record(world: &str, level: Option<usize>) -> Option<TrainingRecord> {
    let name = match level {
        Some(level) => format!("{world}-{level}.{EXTENSION}"),
        None => format!("{world}.{EXTENSION}"),
    };
    let (name, bytes) = worlds::find(world)?.agents.iter().find(|(known, _)| *known == name)?;
    TrainedAgent::read(name, bytes).ok().map(|agent| agent.record)
}

/// An agent that plays `spec`, the world with `options`: preferably one trained with these, else one trained without any;
/// and preferably one trained on `level` (level 1 by default).
pub fn fitting(spec: &EnvironmentSpec, level: Option<&str>, options: &WorldOptions) -> Option<TrainedAgent> {
    let of_world = worlds::find(&spec.name)?.agents.iter();
    let plain = WorldOptions::default();
    of_world
        .filter_map(|(name, bytes)| TrainedAgent::read(name, bytes).ok())
        .filter(|agent| agent.world == *options || agent.world == plain)
        .filter(|agent| agent.check_spec(spec).is_ok())
        // The first of those that differ least.
        .min_by_key(|agent| {
            let same_level = agent.record.level.as_deref() == level.or(Some("1"));
            (agent.world != *options, !same_level)
        })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::worlds::WorldChoice;

    #[test]
    fn every_agent_can_be_read_and_plays_its_world() {
        assert_eq!(all().count(), files().count());
        for agent in all() {
            let level = agent.record.level.clone().map(PathBuf::from);
            let env = &agent.environment.name;
            let spec = WorldChoice::with_options(env, level.as_deref(), &agent.world).unwrap().spec();
            agent.check_spec(&spec).unwrap_or_else(|error| panic!("{error}"));
            let chosen = fitting(&spec, agent.record.level.as_deref(), &agent.world).unwrap();
            assert_eq!(chosen.name, agent.name);
        }
    }
}
