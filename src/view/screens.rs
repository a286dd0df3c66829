//! Screens: the states of the app and requests to change them. `app` sets screens up and tears them down.

use std::path::PathBuf;

use bevy::prelude::*;
use bevy_state::app::StatesPlugin;
use bevy_state::prelude::*;

/// What the window shows.
#[derive(States, Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AppScreen {
    /// Nothing yet: the next screen is being opened.
    #[default]
    Opening,
    /// The title screen, where a world is chosen.
    Title,
    /// One world, in which an agent learns or plays.
    World,
}

/// The stage of a visit to a world.
#[derive(SubStates, Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[source(AppScreen = AppScreen::World)]
pub enum Visit {
    /// The world runs.
    #[default]
    Playing,
    /// The player has left; the agent is being saved.
    Saving,
}

/// A request to leave a world. Everything is saved first.
#[derive(Message, Debug, Clone, PartialEq, Eq)]
pub enum Leave {
    /// To the title screen.
    Home,
    /// To a new agent in the same world, on the level in this file.
    Level(PathBuf),
}

/// Adds the states and the [`Leave`] message.
pub fn plugin(app: &mut App) {
    app.add_plugins(StatesPlugin).init_state::<AppScreen>().add_sub_state::<Visit>().add_message::<Leave>();
}
