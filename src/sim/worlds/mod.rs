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
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bevy::prelude::*;

use super::level::LevelError;
use super::level::generate::{self, Asked, Split};
use super::level::kept::{self, Found};
use super::{Environment, EnvironmentPlugin, SimConfig};
use crate::mdp::{EnvironmentSpec, LevelRecord, Stream, WorldOptions};
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
    /// The level, where it has levels.
    level: Option<LevelRecord>,
    /// The file of that level, where there is one now.
    file: Option<PathBuf>,
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
        Self::in_run(name, level, options, None)
    }

    /// As [`WorldChoice::varied`], for a run in the folder `run`, from which its level may be found again.
    ///
    /// # Errors
    /// As [`WorldChoice::varied`].
    pub fn in_run(
        name: &str,
        level: Option<&Path>,
        options: &WorldOptions,
        run: Option<&Path>,
    ) -> Result<Self, WorldError> {
        make(&Request { name, level: level.map(Wanted::Named), options, run })
    }

    /// The world called `name` on the level that a run or an agent has kept, wherever its file is now.
    ///
    /// # Errors
    /// As [`WorldChoice::varied`].
    pub fn kept(name: &str, level: Option<&LevelRecord>, options: &WorldOptions) -> Result<Self, WorldError> {
        make(&Request { name, level: level.map(Wanted::Kept), options, run: None })
    }

    /// The environment `E` with `layout`.
    pub fn of<E: Environment>(layout: E::Layout) -> Self {
        Self { spec: E::spec(&layout), add: add::<E>(layout), test: None, level: None, file: None }
    }

    /// The environment `E` with `layout`, and with `test` of the same spaces wherever it is evaluated.
    pub fn split<E: Environment>(layout: E::Layout, test: E::Layout) -> Self {
        Self { test: Some(add::<E>(test)), ..Self::of::<E>(layout) }
    }

    /// The same world, evaluated on what it is trained on; `None` where it always is.
    pub fn as_trained(&self) -> Option<Self> {
        self.test.is_some().then(|| Self { test: None, ..self.clone() })
    }

    /// The level that all its arenas play, or the name of those they draw from; `None` in a world without levels.
    pub fn level(&self) -> Option<&LevelRecord> {
        self.level.as_ref()
    }

    /// The file that its level was read from or, for one that was kept, where it may be edited.
    pub fn level_file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The same world, with the `file` in which its level may be edited.
    pub fn with_level_file(self, file: Option<PathBuf>) -> Self {
        Self { file, ..self }
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

fn make(request: &Request) -> Result<WorldChoice, WorldError> {
    match WORLDS.iter().find(|(known, _)| *known == request.name) {
        Some((_, make)) => make(request),
        None => Err(WorldError::Unknown(request.name.to_owned())),
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

/// A level as it is asked for.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    /// By number, name or path.
    Named(&'a Path),
    /// As a run or an agent has kept it.
    Kept(&'a LevelRecord),
}

impl Wanted<'_> {
    /// What it is called.
    fn name(&self) -> String {
        match self {
            Self::Named(path) => path.display().to_string(),
            Self::Kept(record) => record.name.clone(),
        }
    }
}

/// What a world is asked to be. Every world takes what it knows and refuses the rest.
struct Request<'a> {
    name: &'a str,
    level: Option<Wanted<'a>>,
    options: &'a WorldOptions,
    run: Option<&'a Path>,
}

impl Request<'_> {
    /// For a world of rooms, the first of its levels where none is named; generated ones where they are asked for.
    fn room(&self, rules: &'static RoomRules) -> Result<WorldChoice, WorldError> {
        self.no_options()?;
        let name = self.level.map(|level| level.name()).unwrap_or_default();
        if let Some(asked) = Asked::parse(&name) {
            return self.generated(rules, name, asked);
        }
        let Found { level, record, file } = match self.level {
            Some(Wanted::Kept(record)) => kept::again(rules.name, record)?,
            Some(Wanted::Named(path)) => kept::find(rules.name, path, self.run)?,
            None => kept::find(rules.name, Path::new("1"), self.run)?,
        };
        let rooms = Rooms::single(rules, level);
        Ok(WorldChoice { level: Some(record), file, ..WorldChoice::of::<Room>(rooms) })
    }

    /// Levels that are drawn from seeds: some to train on, others to test on.
    fn generated(
        &self,
        rules: &'static RoomRules,
        name: String,
        asked: Result<Asked, String>,
    ) -> Result<WorldChoice, WorldError> {
        let refused = |problem| WorldError::Generated { level: name.clone(), problem };
        let split = generate::split(rules.name, asked.map_err(refused)?);
        let Split { training, test } = split.ok_or_else(|| {
            let worlds = generate::worlds().collect::<Vec<_>>().join(", ");
            refused(format!("{} has no generated levels; choose one of {worlds}", rules.name))
        })?;
        let choice = WorldChoice::split::<Room>(Rooms::set(rules, training), Rooms::set(rules, test));
        Ok(WorldChoice { level: Some(LevelRecord { name, text: None, near: None }), ..choice })
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
        Err(WorldError::NoLevels { env: self.name.to_owned(), level: level.name() })
    }
}
