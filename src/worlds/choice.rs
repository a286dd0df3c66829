//! A world built from a request, ready to be added to an app.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bevy::prelude::*;

use super::rooms::level::LevelError;
use super::rooms::level::generate::{self, Asked, Split};
use super::rooms::level::kept::{self, Found};
use super::rooms::{Room, Rooms, Rules};
use super::{find, names};
use crate::bridge::{BridgeError, BridgeSettings, OutsideEnvironment};
use crate::mdp::{ActionKind, EnvironmentSpec, LevelRecord, ObservationSpace, Stream, WorldOptions};
use crate::sim::arena::EnvironmentHooks;
use crate::sim::{Environment, EnvironmentPlugin, ObservationWrapper, SimConfig};

/// A world chosen by name, with the layout its arenas share.
#[derive(Clone)]
pub struct WorldChoice {
    spec: EnvironmentSpec,
    capabilities: EnvironmentHooks,
    add: Add,
    /// What evaluations play instead, if that differs.
    test: Option<Add>,
    /// The level, in a world with levels.
    level: Option<LevelRecord>,
    /// The file of that level, if there still is one.
    file: Option<PathBuf>,
    /// What agents see of its observations.
    wrapper: ObservationWrapper,
    /// The options that it was made with.
    options: WorldOptions,
    /// What it is made of, if it is an outside environment.
    outside: Option<Arc<OutsideEnvironment>>,
}

type Add = Arc<dyn Fn(&mut App, SimConfig) + Send + Sync>;

/// Unknown world, broken level, or an option the world does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// Unknown name.
    #[error("env = {name}: no such world; choose one of {names}", name = .0, names = all_names())]
    Unknown(String),
    /// A level for a world without levels.
    #[error("level = {level}: {env} has no levels; leave it out")]
    NoLevels {
        /// The world.
        env: String,
        /// The level asked for.
        level: String,
    },
    /// A level that is not a number the world takes.
    #[error("level = {level}: allowed for {env}: a whole number from {least} to {most}")]
    NoSuchNumber {
        /// The world.
        env: String,
        /// The level asked for.
        level: String,
        /// The smallest.
        least: u32,
        /// The largest.
        most: u32,
    },
    /// Velocities to be masked where there are none.
    #[error("world.velocity_masked = true: {0} shows no velocities; leave it out")]
    NoVelocities(String),
    /// Entries to be scaled that are.
    #[error("world.scaled = true: {0} shows its entries in about [-1, 1] anyway; leave it out")]
    NoScales(String),
    /// Actions of a kind that the world does not have.
    #[error("world.actions = {kind}: {env} has no such actions; leave it out")]
    NoActions {
        /// The world.
        env: String,
        /// The kind asked for.
        kind: ActionKind,
    },
    /// An option out of range.
    #[error("{key} = {value}: allowed: {allowed}")]
    Option {
        /// Dotted key.
        key: &'static str,
        /// The value asked for.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// An invalid request for generated levels.
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
    /// An outside environment.
    #[error(transparent)]
    Outside(#[from] BridgeError),
    /// Settings of outside environments for a world of the arcade.
    #[error("[bridge]: {0} is a world of the arcade; leave the table out, or choose a gym:… environment")]
    NotOutside(String),
}

fn all_names() -> String {
    names().collect::<Vec<_>>().join(", ")
}

impl WorldChoice {
    /// The world called `name`, on the level at `level` if it has levels.
    ///
    /// # Errors
    /// [`WorldError`] names what is wrong and what is available.
    pub fn new(name: &str, level: Option<&Path>) -> Result<Self, WorldError> {
        Self::with_options(name, level, &WorldOptions::default())
    }

    /// Like [`WorldChoice::new`], with `options`.
    ///
    /// # Errors
    /// As [`WorldChoice::new`], and when the world has no such option.
    pub fn with_options(
        name: &str,
        level: Option<&Path>,
        options: &WorldOptions,
    ) -> Result<Self, WorldError> {
        Self::in_run(name, level, options, None)
    }

    /// Like [`WorldChoice::with_options`], for a run in the folder `run`; the path of its level is stored
    /// relative to it.
    ///
    /// # Errors
    /// As [`WorldChoice::with_options`].
    pub fn in_run(
        name: &str,
        level: Option<&Path>,
        options: &WorldOptions,
        run: Option<&Path>,
    ) -> Result<Self, WorldError> {
        make(&Request { name, level: level.map(Wanted::Named), options, run })
    }

    /// The world called `name` on the level that a run or an agent has saved, whether or not its file still
    /// exists.
    ///
    /// # Errors
    /// As [`WorldChoice::with_options`].
    pub fn kept(name: &str, level: Option<&LevelRecord>, options: &WorldOptions) -> Result<Self, WorldError> {
        make(&Request { name, level: level.map(Wanted::Kept), options, run: None })
    }

    /// The environment `E` with `layout`.
    pub fn of<E: Environment>(layout: E::Layout) -> Self {
        let capabilities = EnvironmentHooks::of::<E>(&layout);
        let spec = E::spec(&layout);
        Self {
            wrapper: ObservationWrapper::new(spec.observation.clone(), &[], &WorldOptions::default()),
            options: WorldOptions::default(),
            spec,
            capabilities,
            add: add::<E>(layout),
            test: None,
            level: None,
            file: None,
            outside: None,
        }
    }

    /// The Gymnasium environment `id`, which is made once to learn its spaces.
    ///
    /// # Errors
    /// [`WorldError`] if it cannot be made, or has no such option.
    pub fn outside(
        id: &str,
        settings: &BridgeSettings,
        level: Option<&Path>,
        options: &WorldOptions,
    ) -> Result<Self, WorldError> {
        if let Some((key, value, allowed)) = settings.fault().or_else(|| options.fault()) {
            return Err(WorldError::Option { key, value, allowed });
        }
        let outside = Arc::new(OutsideEnvironment::look_at(id, settings)?);
        let spec = outside.spec().clone();
        if let Some(level) = level {
            return Err(WorldError::NoLevels { env: spec.name, level: level.display().to_string() });
        }
        let added = outside.clone();
        let choice = Self {
            wrapper: ObservationWrapper::new(spec.observation.clone(), &[], &WorldOptions::default()),
            options: WorldOptions::default(),
            spec,
            capabilities: OutsideEnvironment::hooks(),
            add: Arc::new(move |app, config| added.add_to(app, config)),
            test: None,
            level: None,
            file: None,
            outside: Some(outside),
        };
        choice.wrapped(&[], options)
    }

    /// What an outside environment is made of, as JSON; `None` for a world of the arcade.
    pub fn made_of(&self) -> Option<String> {
        self.outside.as_ref().map(|outside| outside.record())
    }

    /// The environment `E` with `layout`, and with `test`, of the same spaces, for evaluation.
    pub fn split<E: Environment>(layout: E::Layout, test: E::Layout) -> Self {
        Self { test: Some(add::<E>(test)), ..Self::of::<E>(layout) }
    }

    /// The same world with `options`; `scales` are what its entries may be divided by.
    fn wrapped(self, scales: &[f32], options: &WorldOptions) -> Result<Self, WorldError> {
        if let Some((key, value, allowed)) = options.fault() {
            return Err(WorldError::Option { key, value, allowed });
        }
        if let Some(kind) = options.actions.filter(|kind| *kind != self.spec.action.kind()) {
            return Err(WorldError::NoActions { env: self.spec.name, kind });
        }
        let names = &self.spec.observation.vector;
        if options.velocity_masked && !names.iter().any(|name| ObservationSpace::is_velocity(name)) {
            return Err(WorldError::NoVelocities(self.spec.name));
        }
        if options.scaled && scales.is_empty() {
            return Err(WorldError::NoScales(self.spec.name));
        }
        let wrapper = ObservationWrapper::new(self.spec.observation.clone(), scales, options);
        Ok(Self { spec: wrapper.spec(self.spec), wrapper, options: *options, ..self })
    }

    /// The same world, evaluated on its training layout; `None` if it always is.
    pub fn as_trained(&self) -> Option<Self> {
        self.test.is_some().then(|| Self { test: None, ..self.clone() })
    }

    /// The same world on its held-out levels; `None` if it has none.
    pub fn as_evaluated(&self) -> Option<Self> {
        self.test.clone().map(|add| Self { add, test: None, ..self.clone() })
    }

    /// The level that all its arenas play, or the name of the set they draw from; `None` in a world without
    /// levels.
    pub fn level(&self) -> Option<&LevelRecord> {
        self.level.as_ref()
    }

    /// The file its level was read from or, for a saved one, the file in which it can be edited.
    pub fn level_file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The same world, with the `file` in which its level can be edited.
    pub fn with_level_file(self, file: Option<PathBuf>) -> Self {
        Self { file, ..self }
    }

    /// The options that it was made with.
    pub fn options(&self) -> WorldOptions {
        self.options
    }

    /// Its spec.
    pub fn spec(&self) -> EnvironmentSpec {
        self.spec.clone()
    }

    /// What it supports besides being played.
    pub fn capabilities(&self) -> &EnvironmentHooks {
        &self.capabilities
    }

    /// Adds its arenas to `app`.
    pub fn add_to(&self, app: &mut App, config: SimConfig) {
        let test = self.test.as_ref().filter(|_| config.stream == Stream::Evaluation);
        app.insert_resource(self.wrapper.clone());
        (test.unwrap_or(&self.add))(app, config);
    }
}

fn make(request: &Request) -> Result<WorldChoice, WorldError> {
    let entry = find(request.name).ok_or_else(|| WorldError::Unknown(request.name.to_owned()))?;
    (entry.make)(request)?.wrapped(entry.scales, request.options)
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

/// A requested level.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    /// By number, name or path.
    Named(&'a Path),
    /// As saved by a run or an agent.
    Kept(&'a LevelRecord),
}

impl Wanted<'_> {
    /// Its name.
    fn name(&self) -> String {
        match self {
            Self::Named(path) => path.display().to_string(),
            Self::Kept(record) => record.name.clone(),
        }
    }
}

/// A request for a world. Each world takes the options it has and refuses the rest.
pub struct Request<'a> {
    name: &'a str,
    level: Option<Wanted<'a>>,
    options: &'a WorldOptions,
    run: Option<&'a Path>,
}

impl Request<'_> {
    /// A world of rooms: its first level if none is named, generated ones on request.
    ///
    /// # Errors
    /// [`WorldError`] for an unknown level.
    pub fn room(&self, rules: &'static Rules) -> Result<WorldChoice, WorldError> {
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

    /// Levels generated from seeds: a training set and a test set.
    fn generated(
        &self,
        rules: &'static Rules,
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

    /// A world whose level is a number, `layout` of it: `default` if none is requested.
    ///
    /// # Errors
    /// [`WorldError`] for anything but a whole number in `allowed`.
    pub fn numbered<E: Environment>(
        &self,
        allowed: RangeInclusive<u32>,
        default: u32,
        layout: impl FnOnce(u32) -> E::Layout,
    ) -> Result<WorldChoice, WorldError> {
        let name = self.level.map_or_else(|| default.to_string(), |level| level.name());
        let number = name.parse().ok().filter(|number| allowed.contains(number)).ok_or_else(|| {
            let (env, level) = (self.name.to_owned(), name.clone());
            WorldError::NoSuchNumber { env, level, least: *allowed.start(), most: *allowed.end() }
        })?;
        let level = Some(LevelRecord { name: number.to_string(), text: None, near: None });
        Ok(WorldChoice { level, ..WorldChoice::of::<E>(layout(number)) })
    }

    /// The kind of actions that was requested; `None` for the world's usual ones.
    pub fn actions(&self) -> Option<ActionKind> {
        self.options.actions
    }

    /// Whether continuous actions were requested.
    pub fn continuous(&self) -> bool {
        self.options.actions == Some(ActionKind::Continuous)
    }

    /// A world without levels.
    ///
    /// # Errors
    /// [`WorldError`] if one was requested.
    pub fn plain<E: Environment>(&self, layout: E::Layout) -> Result<WorldChoice, WorldError> {
        self.no_level()?;
        Ok(WorldChoice::of::<E>(layout))
    }

    fn no_level(&self) -> Result<(), WorldError> {
        let Some(level) = self.level else { return Ok(()) };
        Err(WorldError::NoLevels { env: self.name.to_owned(), level: level.name() })
    }
}
