//! The worlds that come with the arcade: one module each, and one line here.

pub mod ball_box;
pub mod beam_carry;
pub mod brick_breaker;
pub mod cart_pole;
pub mod classic_control;
pub mod crate_yard;
pub mod key_door;
pub mod lander;
pub mod lava_room;
pub mod memory_corridor;
pub mod meteor_field;
pub mod paddle_duel;
pub mod puck;
pub mod rooms;
pub mod tag;
pub mod two_plates;
pub mod volley;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use bevy::prelude::*;

use super::level::generate::{self, Asked, Split};
use super::level::{Level, LevelError};
use super::{Environment, EnvironmentPlugin, SimConfig};
use crate::mdp::{EnvironmentSpec, Stream, WorldOptions};
use beam_carry::{BeamCarry, Hall};
use brick_breaker::{BrickBreaker, Rules};
use cart_pole::{BodyCartPole, Rail};
use classic_control::{Classic, acrobot::Acrobot, cartpole::CartPole, mountain_car::MountainCar};
use lander::{Lander, Moon};
use meteor_field::{MeteorField, Space};
use paddle_duel::{Court, PaddleDuel};
use puck::{Puck, Sides};
use rooms::{Room, Rooms, Rules as RoomRules};
use volley::{Beach, Volley};

/// Every world: its name, and what makes it of what was asked for.
const WORLDS: &[(&str, Make)] = &[
    ("lava-room", |asked| asked.room(&lava_room::RULES)),
    ("crate-yard", |asked| asked.room(&crate_yard::RULES)),
    ("key-door", |asked| asked.room(&key_door::RULES)),
    ("memory-corridor", |asked| asked.room(&memory_corridor::RULES)),
    ("two-plates", |asked| asked.room(&two_plates::RULES)),
    ("tag", |asked| asked.room(&tag::RULES)),
    ("paddle-duel", |asked| asked.nothing().map(|()| WorldChoice::of::<PaddleDuel>(Court))),
    ("brick-breaker", |asked| asked.nothing().map(|()| WorldChoice::of::<BrickBreaker>(Rules))),
    ("volley", |asked| asked.nothing().map(|()| WorldChoice::of::<Volley>(Beach))),
    ("meteor-field", |asked| asked.nothing().map(|()| WorldChoice::of::<MeteorField>(Space))),
    ("beam-carry", |asked| asked.nothing().map(|()| WorldChoice::of::<BeamCarry>(Hall))),
    ("lander", |asked| asked.nothing().map(|()| WorldChoice::of::<Lander>(Moon))),
    ("puck", |asked| asked.nothing().map(|()| WorldChoice::of::<Puck>(Sides { players: 1 }))),
    ("puck-2v2", |asked| asked.nothing().map(|()| WorldChoice::of::<Puck>(Sides { players: 2 }))),
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
    add: Add,
    /// What evaluations play instead, where that is something else.
    test: Option<Add>,
}

type Add = Arc<dyn Fn(&mut App, SimConfig) + Send + Sync>;

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
    /// Generated levels that cannot be made.
    #[error("level = {level}: {problem}")]
    Generated {
        /// What was asked for.
        level: String,
        /// What is wrong, and what is allowed.
        problem: String,
    },
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
        Self { spec: E::spec(&layout), add: add::<E>(layout), test: None }
    }

    /// The environment `E` with `layout`, and with `test` of the same spaces wherever it is evaluated.
    pub fn split<E: Environment>(layout: E::Layout, test: E::Layout) -> Self {
        Self { test: Some(add::<E>(test)), ..Self::of::<E>(layout) }
    }

    /// The same world, evaluated on what it is trained on; `None` where it always is.
    pub fn as_trained(&self) -> Option<Self> {
        self.test.is_some().then(|| Self { test: None, ..self.clone() })
    }

    /// What it declares.
    pub fn spec(&self) -> EnvironmentSpec {
        self.spec.clone()
    }

    /// Adds its arenas to `app`.
    pub fn add_to(&self, app: &mut App, config: SimConfig) {
        let test = self.test.as_ref().filter(|_| config.stream == Stream::Evaluation);
        (test.unwrap_or(&self.add))(app, config);
    }
}

/// Adds arenas of `E` with `layout`.
fn add<E: Environment>(layout: E::Layout) -> Add {
    Arc::new(move |app, config| {
        app.add_plugins(EnvironmentPlugin::<E> { layout: layout.clone(), config });
    })
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
    /// For a world of rooms, the first of its levels where none is named; generated ones where they are asked for.
    fn room(&self, rules: &'static RoomRules) -> Result<WorldChoice, WorldError> {
        self.no_options()?;
        if let Some((level, asked)) = self.level.and_then(|path| {
            let level = path.display().to_string();
            Asked::parse(&level).map(|asked| (level, asked))
        }) {
            let refused = |problem| WorldError::Generated { level: level.clone(), problem };
            let split = generate::split(rules.name, asked.map_err(refused)?);
            let Split { training, test } = split.ok_or_else(|| {
                let worlds = generate::worlds().collect::<Vec<_>>().join(", ");
                refused(format!("{} has no generated levels; choose one of {worlds}", rules.name))
            })?;
            return Ok(WorldChoice::split::<Room>(Rooms::set(rules, training), Rooms::set(rules, test)));
        }
        let level =
            self.level.map_or_else(|| Level::shipped(rules.name, 1), |path| Level::load(rules.name, path))?;
        Ok(WorldChoice::of::<Room>(Rooms::single(rules, level)))
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
