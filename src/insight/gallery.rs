//! Gallery: the trained agents that come with the arcade, one for each world and level that has one.

use crate::learner::trained::{EXTENSION, TrainedAgent, TrainingRecord};
use crate::mdp::EnvironmentSpec;

/// Names and bytes of all files.
pub const FILES: &[(&str, &[u8])] = &[
    ("lava-room-1.agent", include_bytes!("../../assets/agents/lava-room-1.agent")),
    ("lava-room-2.agent", include_bytes!("../../assets/agents/lava-room-2.agent")),
    ("lava-room-3.agent", include_bytes!("../../assets/agents/lava-room-3.agent")),
    ("lava-room-4.agent", include_bytes!("../../assets/agents/lava-room-4.agent")),
    ("lava-room-5.agent", include_bytes!("../../assets/agents/lava-room-5.agent")),
    ("lava-room-6.agent", include_bytes!("../../assets/agents/lava-room-6.agent")),
    ("lava-room-7.agent", include_bytes!("../../assets/agents/lava-room-7.agent")),
    ("lava-room-8.agent", include_bytes!("../../assets/agents/lava-room-8.agent")),
    ("crate-yard-1.agent", include_bytes!("../../assets/agents/crate-yard-1.agent")),
    ("crate-yard-2.agent", include_bytes!("../../assets/agents/crate-yard-2.agent")),
    ("crate-yard-3.agent", include_bytes!("../../assets/agents/crate-yard-3.agent")),
    ("key-door-1.agent", include_bytes!("../../assets/agents/key-door-1.agent")),
    ("key-door-2.agent", include_bytes!("../../assets/agents/key-door-2.agent")),
    ("key-door-3.agent", include_bytes!("../../assets/agents/key-door-3.agent")),
    ("two-plates-1.agent", include_bytes!("../../assets/agents/two-plates-1.agent")),
    ("two-plates-2.agent", include_bytes!("../../assets/agents/two-plates-2.agent")),
    ("tag-1.agent", include_bytes!("../../assets/agents/tag-1.agent")),
    ("paddle-duel.agent", include_bytes!("../../assets/agents/paddle-duel.agent")),
    ("brick-breaker.agent", include_bytes!("../../assets/agents/brick-breaker.agent")),
    ("volley.agent", include_bytes!("../../assets/agents/volley.agent")),
    ("meteor-field.agent", include_bytes!("../../assets/agents/meteor-field.agent")),
    ("beam-carry.agent", include_bytes!("../../assets/agents/beam-carry.agent")),
    ("lander.agent", include_bytes!("../../assets/agents/lander.agent")),
    ("puck.agent", include_bytes!("../../assets/agents/puck.agent")),
    ("cartpole.agent", include_bytes!("../../assets/agents/cartpole.agent")),
    ("cart-pole.agent", include_bytes!("../../assets/agents/cart-pole.agent")),
    ("acrobot.agent", include_bytes!("../../assets/agents/acrobot.agent")),
    ("mountain-car.agent", include_bytes!("../../assets/agents/mountain-car.agent")),
];

/// All of them, in the order of the worlds.
pub fn all() -> impl Iterator<Item = TrainedAgent> {
    // A test reads every file, so none is left out here.
    FILES.iter().filter_map(|(name, bytes)| TrainedAgent::read(name, bytes).ok())
}

/// How the one for `world`, on its level number `level` where it has levels, came to be; `None` where there is none.
pub fn record(world: &str, level: Option<usize>) -> Option<TrainingRecord> {
    let name = match level {
        Some(level) => format!("{world}-{level}.{EXTENSION}"),
        None => format!("{world}.{EXTENSION}"),
    };
    let (name, bytes) = FILES.iter().find(|(known, _)| *known == name)?;
    TrainedAgent::read(name, bytes).ok().map(|agent| agent.record)
}

/// The one that plays `spec`, trained on `level` if there is one of that level; worlds begin on their first.
pub fn fitting(spec: &EnvironmentSpec, level: Option<&str>) -> Option<TrainedAgent> {
    let prefix = format!("{}.", spec.name);
    let numbered = format!("{}-", spec.name);
    let of_world = |name: &str| name.starts_with(&prefix) || name.starts_with(&numbered);
    let of_world = FILES.iter().filter(|(name, _)| of_world(name));
    let mut fit: Vec<TrainedAgent> = of_world
        .filter_map(|(name, bytes)| TrainedAgent::read(name, bytes).ok())
        .filter(|agent| agent.check_spec(spec).is_ok())
        .collect();
    let same = fit.iter().position(|agent| agent.record.level.as_deref() == level.or(Some("1"))).unwrap_or(0);
    (!fit.is_empty()).then(|| fit.swap_remove(same))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::sim::worlds::WorldChoice;

    #[test]
    fn every_agent_can_be_read_and_plays_its_world() {
        assert_eq!(all().count(), FILES.len());
        for agent in all() {
            let level = agent.record.level.clone().map(PathBuf::from);
            let spec = WorldChoice::new(&agent.environment.name, level.as_deref()).unwrap().spec();
            agent.check_spec(&spec).unwrap_or_else(|error| panic!("{error}"));
            let chosen = fitting(&spec, agent.record.level.as_deref()).unwrap();
            assert_eq!(chosen.name, agent.name);
        }
    }
}
