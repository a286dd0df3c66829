//! View: draws the running worlds and reads keyboard, mouse and gamepads. Drawing has no side effects; input changes
//! human actions, pace, controllers, episodes and the edited level.
//!
//! Every drawn arena gets a [`Stage`](stage::Stage). The world's module adds shapes that follow the bodies, and
//! decorative motion. Numbers and buttons are in `panel`.

pub mod bindings;
pub mod commands;
pub mod controls;
pub mod court;
pub mod digits;
pub mod display;
pub mod drift;
pub mod effects;
pub mod feedback;
pub mod follow;
mod frame;
pub mod input;
pub mod keys;
mod layout;
mod mode;
pub mod modes;
pub mod paint;
pub mod palette;
mod poke;
pub mod preferences;
pub mod raster;
pub mod record;
pub mod screens;
pub mod screenshot;
pub mod scroll;
pub mod sound;
pub mod stage;
pub mod tail;
pub mod time;

use bevy::app::PluginGroupBuilder;
use bevy::asset::AssetEventSystems;
use bevy::camera::visibility::VisibilitySystems;
use bevy::prelude::*;
use bevy::transform::TransformSystems;
use bevy::window::{PresentMode, WindowResizeConstraints, WindowResolution};

use commands::AddKeys as _;
pub use layout::{PANEL, ScreenLayout, StageLegend, Toast};

/// Steps of a drawn frame, in order, before transforms are propagated.
#[derive(SystemSet, Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ViewSystems {
    /// Chooses and places the drawn arenas.
    Arrange,
    /// Worlds add shapes to new stages.
    Furnish,
    /// Shapes take the poses of their bodies.
    Follow,
    /// Decorative motion: pulses, flashes, trails.
    Animate,
}

/// Adds what every screen needs: camera, keys, sounds. Add after `DefaultPlugins`, once.
pub fn screen(app: &mut App) {
    app.insert_resource(ClearColor(Color::from(palette::NIGHT.solid()))).add_plugins((
        screens::plugin,
        controls::plugin,
        modes::plugin,
        sound::plugin,
        stage::camera,
        effects::material,
    ));
}

/// Draws stages. Add after [`screen`] and the environment, and before the worlds' own
/// [`plugin`](crate::worlds::plugin).
pub fn plugin(app: &mut App) {
    // Registered here, so that they are listed in the same order everywhere.
    add_keys(app);
    app.configure_sets(
        PostUpdate,
        (ViewSystems::Arrange, ViewSystems::Furnish, ViewSystems::Follow, ViewSystems::Animate)
            .chain()
            .before(TransformSystems::Propagate)
            // New shapes are drawn in the same frame: a board that is replaced must not flicker.
            .before(VisibilitySystems::VisibilityPropagate)
            .before(AssetEventSystems),
    )
    .add_plugins((
        (stage::plugin, frame::plugin),
        (follow::plugin, scroll::plugin),
        effects::plugin,
        (feedback::plugin, record::plugin),
        court::plugin,
        drift::plugin,
        (input::plugin, layout::plugin, time::plugin, poke::plugin),
    ));
}

/// Adds `plugin` once: for art that several worlds share.
pub fn add_once(app: &mut App, plugin: impl Plugin) {
    fn is_added<P: Plugin>(app: &App, _plugin: &P) -> bool {
        app.is_plugin_added::<P>()
    }
    if !is_added(app, &plugin) {
        app.add_plugins(plugin);
    }
}

/// The window's title while it shows a world or another `screen`.
pub fn window_title(screen: &str) -> String {
    format!("Entropy Arcade · {screen}")
}

/// Registers the keys of this module, for screens that list them without a world.
pub fn add_keys(app: &mut App) {
    app.add_keys(input::MOVE_KEYS)
        .add_keys(time::KEYS)
        .add_keys(poke::KEYS)
        .add_keys(feedback::KEYS)
        .add_keys(stage::KEYS)
        .add_keys(record::KEYS)
        .add_keys(layout::KEYS);
}

/// Bevy's own plugins with the arcade's window.
pub fn window_plugins(world: &str) -> PluginGroupBuilder {
    DefaultPlugins.set(WindowPlugin {
        primary_window: Some(Window {
            title: window_title(world),
            name: Some("entropy-arcade".to_owned()),
            resolution: WindowResolution::new(1280, 800),
            resize_constraints: WindowResizeConstraints {
                min_width: preferences::MIN_INTERFACE_SIZE.x,
                min_height: preferences::MIN_INTERFACE_SIZE.y,
                ..default()
            },
            present_mode: PresentMode::AutoVsync,
            ..default()
        }),
        ..default()
    })
}
