//! [`WorldEntry`]: everything the arcade knows about one world, declared once in that world's folder.

#[cfg(feature = "arcade")]
use bevy::prelude::App;

#[cfg(feature = "arcade")]
use super::CATALOGUE;
use super::rooms::Rules;
use super::{Request, WorldChoice, WorldError};

/// A trained agent that comes with a world: file name and bytes.
pub type AgentFile = (&'static str, &'static [u8]);

/// Everything about one world. Name and constructor are required; the rest is optional.
pub struct WorldEntry {
    /// Name on the command line, in files and in its spec.
    pub name: &'static str,
    /// Its module, from `module_path!()`.
    pub module: &'static str,
    /// Builds it from a request.
    pub make: fn(&Request) -> Result<WorldChoice, WorldError>,
    /// Its tuned settings, as TOML over the defaults; empty if the defaults are used.
    pub experiment: &'static str,
    /// Its tuned settings for `world.actions = "continuous"`, in place of `experiment`; empty in a world that has one
    /// kind of actions.
    pub continuous_experiment: &'static str,
    /// Settings of a level, given as in `--level`, as TOML over `experiment`; it returns `None` where they are no
    /// different.
    pub level_experiment: Option<fn(level: &str) -> Option<String>>,
    /// Trained agents: one, or one per level, named `NAME.agent` or `NAME-LEVEL.agent`; then any that were trained with
    /// options of the world.
    pub agents: &'static [AgentFile],
    /// The rules, levels and generator of a world of rooms.
    pub rooms: Option<&'static Rules>,
    /// Number of the level shown in its thumbnail and animation.
    pub pictured_level: usize,
    /// Largest absolute observation and reward per agent step, for a world that keeps published scales.
    pub published_scale: Option<[f32; 2]>,
    /// What `world.scaled` divides each entry of the observation by, in a world that keeps published scales: the largest
    /// absolute value it usually has. Empty in other worlds.
    pub scales: &'static [f32],
    /// Whether its agent steps are as short as published, though a person cannot react within one.
    pub published_pace: bool,
    /// Its pictures in the README and the docs.
    pub screenshots: &'static [Screenshot],
    /// How it is drawn.
    #[cfg(feature = "arcade")]
    pub art: Option<WorldArt>,
}

/// A picture in `assets/screenshots`.
pub struct Screenshot {
    /// File name.
    pub file: &'static str,
    /// How it is taken, besides the world's name: arguments of the program, and key presses with their times.
    pub arguments: &'static str,
}

/// How a world is drawn.
#[cfg(feature = "arcade")]
#[derive(Clone, Copy)]
pub struct WorldArt {
    /// Draws the world if it runs, and nothing otherwise. Several worlds may share one.
    pub plugin: fn(&mut App),
    /// A picture in .png.
    pub thumbnail: &'static [u8],
    /// A .gif of a trained agent playing; empty if there is none.
    pub film: &'static [u8],
}

impl WorldEntry {
    /// A world that runs and trains with default settings, without art, script or levels.
    pub const fn new(
        name: &'static str,
        module: &'static str,
        make: fn(&Request) -> Result<WorldChoice, WorldError>,
    ) -> Self {
        Self {
            name,
            module,
            make,
            experiment: "",
            continuous_experiment: "",
            level_experiment: None,
            agents: &[],
            rooms: None,
            pictured_level: 1,
            published_scale: None,
            scales: &[],
            published_pace: false,
            screenshots: &[],
            #[cfg(feature = "arcade")]
            art: None,
        }
    }

    /// Its tuned settings, as TOML, for `continuous` or for its usual actions.
    pub fn settings(&self, continuous: bool) -> &'static str {
        if continuous && !self.continuous_experiment.is_empty() {
            return self.continuous_experiment;
        }
        self.experiment
    }

    /// File names and texts of its shipped levels, in order.
    pub fn levels(&self) -> &'static [(&'static str, &'static str)] {
        self.rooms.map_or(&[], |rules| rules.levels)
    }

    /// Its folder from the root of the package.
    pub fn folder(&self) -> String {
        let module = self.module.split_once("::").map_or(self.module, |(_, module)| module);
        format!("src/{}", module.replace("::", "/"))
    }
}

/// Draws the running world, and lets the mouse edit levels. Add after [`crate::view::plugin`].
#[cfg(feature = "arcade")]
pub fn plugin(app: &mut App) {
    super::rooms::editor::plugin(app);
    super::outside::plugin(app);
    CATALOGUE.iter().filter_map(|entry| entry.art).for_each(|art| (art.plugin)(app));
}
