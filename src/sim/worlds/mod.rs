//! The worlds that come with the arcade: one module each, and one line here.

pub mod brick_breaker;
pub mod cart_pole;
pub mod classic_control;
pub mod lander;
pub mod lava_room;
pub mod paddle_duel;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use bevy::prelude::*;

use super::level::{Level, LevelError};
use super::{Environment, EnvironmentPlugin, SimConfig};
use crate::mdp::{EnvironmentSpec, WorldOptions};
use brick_breaker::{BrickBreaker, Rules};
use cart_pole::{BodyCartPole, Rail};
use classic_control::{Classic, acrobot::Acrobot, cartpole::CartPole, mountain_car::MountainCar};
use lander::{Lander, Moon};
use lava_room::LavaRoom;
use paddle_duel::{Court, PaddleDuel};

/// Every world: its name, and what makes it of what was asked for.
const WORLDS: &[(&str, Make)] = &[
    ("lava-room", |asked| Ok(WorldChoice::of::<LavaRoom>(asked.level()?))),
    ("paddle-duel", |asked| asked.nothing().map(|()| WorldChoice::of::<PaddleDuel>(Court))),
    ("brick-breaker", |asked| asked.nothing().map(|()| WorldChoice::of::<BrickBreaker>(Rules))),
    ("lander", |asked| asked.nothing().map(|()| WorldChoice::of::<Lander>(Moon))),
    ("cartpole", |asked| Ok(WorldChoice::of::<CartPole>(asked.classic()?))),
    ("cart-pole", |asked| asked.nothing().map(|()| WorldChoice::of::<BodyCartPole>(Rail))),
    ("acrobot", |asked| Ok(WorldChoice::of::<Acrobot>(asked.classic()?))),
    ("mountain-car", |asked| Ok(WorldChoice::of::<MountainCar>(asked.classic()?))),
];

type Make = fn(&Request) -> Result<WorldChoice, WorldError>;

/// Names of all worlds.
pub fn names() -> impl Iterator<Item = &'static str> {
    WORLDS.iter().map(|(name, _)| *name)
}

/// A world chosen by name, with what its arenas share.
#[derive(Clone)]
pub struct WorldChoice {
    spec: EnvironmentSpec,
    add: Arc<dyn Fn(&mut App, SimConfig) + Send + Sync>,
}

/// No such world, its level is broken, or it lacks what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// Unknown name.
    #[error("env = {name}: no such world; choose one of {names}", name = .0, names = all_names())]
    Unknown(String),
    /// A level for a world that has none.
    #[error("level = {level}: {env} has no levels; leave --level out")]
    NoLevels {
        /// The world.
        env: String,
        /// The level asked for.
        level: String,
    },
    /// An option that the world does not have.
    #[error("world.velocity_masked = true: {0} has no such option; leave it out")]
    NoVelocityMask(String),
    /// The level file is broken.
    #[error(transparent)]
    Level(#[from] LevelError),
}

fn all_names() -> String {
    names().collect::<Vec<_>>().join(", ")
}

impl WorldChoice {
    /// The world called `name`, on the level at `level` if it has levels.
    ///
    /// # Errors
    /// [`WorldError`] names what is wrong and what is there instead.
    pub fn new(name: &str, level: Option<&Path>) -> Result<Self, WorldError> {
        Self::varied(name, level, &WorldOptions::default())
    }

    /// As [`WorldChoice::new`], varied by `options`.
    ///
    /// # Errors
    /// As [`WorldChoice::new`], and when the world does not have such an option.
    pub fn varied(name: &str, level: Option<&Path>, options: &WorldOptions) -> Result<Self, WorldError> {
        let Some((_, make)) = WORLDS.iter().find(|(known, _)| *known == name) else {
            return Err(WorldError::Unknown(name.to_owned()));
        };
        make(&Request { name, level, options })
    }

    /// The environment `E` with `layout`.
    pub fn of<E: Environment>(layout: E::Layout) -> Self {
        let spec = E::spec(&layout);
        let add = move |app: &mut App, config| {
            app.add_plugins(EnvironmentPlugin::<E> { layout: layout.clone(), config });
        };
        Self { spec, add: Arc::new(add) }
    }

    /// What it declares.
    pub fn spec(&self) -> EnvironmentSpec {
        self.spec.clone()
    }

    /// Adds its arenas to `app`.
    pub fn add_to(&self, app: &mut App, config: SimConfig) {
        (self.add)(app, config);
    }
}

impl fmt::Debug for WorldChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.debug_tuple("WorldChoice").field(&self.spec.name).finish()
    }
}

/// What a world is asked to be. Every world takes what it knows and refuses the rest.
struct Request<'a> {
    name: &'a str,
    level: Option<&'a Path>,
    options: &'a WorldOptions,
}

impl Request<'_> {
    /// For a world with levels, the first one where none is named.
    fn level(&self) -> Result<Level, WorldError> {
        self.no_options()?;
        Ok(self.level.map_or_else(|| Level::shipped(1), Level::load)?)
    }

    /// For a world that knows nothing but itself.
    fn nothing(&self) -> Result<(), WorldError> {
        self.no_options()?;
        self.no_level()
    }

    /// For the classic control tasks.
    fn classic(&self) -> Result<Classic, WorldError> {
        self.no_level()?;
        Ok(Classic { velocity_masked: self.options.velocity_masked })
    }

    fn no_options(&self) -> Result<(), WorldError> {
        if self.options.velocity_masked {
            return Err(WorldError::NoVelocityMask(self.name.to_owned()));
        }
        Ok(())
    }

    fn no_level(&self) -> Result<(), WorldError> {
        let Some(level) = self.level else { return Ok(()) };
        Err(WorldError::NoLevels { env: self.name.to_owned(), level: level.display().to_string() })
    }
}
