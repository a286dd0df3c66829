//! The worlds that come with the arcade: one module each, and one line here.

pub mod lava_room;
pub mod paddle_duel;

use std::path::Path;

use bevy::prelude::*;

use super::level::{Level, LevelError};
use super::{Environment, EnvironmentPlugin, SimConfig};
use crate::mdp::EnvironmentSpec;

/// A world chosen by name, with what its arenas share.
#[derive(Debug, Clone)]
pub enum WorldChoice {
    /// Physics gridworld.
    LavaRoom(Level),
    /// Two paddles and a ball.
    PaddleDuel(paddle_duel::Court),
}

/// No such world, or its level is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// Unknown name.
    #[error("env = {name}: no such world; choose one of {names}", name = .0, names = NAMES.join(", "))]
    Unknown(String),
    /// A level for a world that has none.
    #[error("level = {level}: {env} has no levels; leave --level out")]
    NoLevels {
        /// The world.
        env: String,
        /// The level asked for.
        level: String,
    },
    /// The level file is broken.
    #[error(transparent)]
    Level(#[from] LevelError),
}

/// Names of all worlds.
pub const NAMES: [&str; 2] = ["lava-room", "paddle-duel"];

impl WorldChoice {
    /// The world called `name`, on the level at `level` if it has levels.
    ///
    /// # Errors
    /// [`WorldError`] names what is wrong and what is there instead.
    pub fn new(name: &str, level: Option<&Path>) -> Result<Self, WorldError> {
        match (name, level) {
            ("lava-room", None) => Ok(Self::LavaRoom(Level::shipped(1)?)),
            ("lava-room", Some(path)) => Ok(Self::LavaRoom(Level::load(path)?)),
            ("paddle-duel", None) => Ok(Self::PaddleDuel(paddle_duel::Court)),
            ("paddle-duel", Some(level)) => {
                Err(WorldError::NoLevels { env: name.to_owned(), level: level.display().to_string() })
            }
            _ => Err(WorldError::Unknown(name.to_owned())),
        }
    }

    /// What it declares.
    pub fn spec(&self) -> EnvironmentSpec {
        match self {
            Self::LavaRoom(level) => lava_room::LavaRoom::spec(level),
            Self::PaddleDuel(court) => paddle_duel::PaddleDuel::spec(court),
        }
    }

    /// Adds its arenas to `app`.
    pub fn add_to(&self, app: &mut App, config: SimConfig) {
        match self {
            Self::LavaRoom(level) => {
                app.add_plugins(EnvironmentPlugin::<lava_room::LavaRoom> { layout: level.clone(), config });
            }
            Self::PaddleDuel(court) => {
                app.add_plugins(EnvironmentPlugin::<paddle_duel::PaddleDuel> { layout: *court, config });
            }
        }
    }
}
