//! View: draws the running worlds and reads keys, mouse and gamepads. Drawing changes nothing; what is read does: the
//! actions of people, the pace, who plays, when an episode ends, the map that is drawn on.
//!
//! Every drawn arena gets a [`Stage`](stage::Stage); the running world's module furnishes it with
//! shapes, lets them follow the bodies and moves what only the eye needs. Numbers and buttons are
//! left to `panel`.

mod beam_carry;
pub mod bindings;
mod brick_breaker;
mod classic_control;
pub mod controls;
mod court;
mod digits;
pub mod display;
mod drift;
pub mod editor;
mod effects;
mod feedback;
mod follow;
pub mod input;
pub mod keys;
mod lander;
mod landscape;
mod lookahead;
mod meteor_field;
pub mod modes;
mod paddle_duel;
pub mod paint;
pub mod palette;
pub mod pictures;
pub mod preferences;
mod puck;
mod raster;
pub mod record;
mod rooms;
pub mod screenshot;
pub mod sound;
pub mod stage;
mod tail;
mod taps;
mod volley;

use bevy::app::PluginGroupBuilder;
use bevy::asset::AssetEventSystems;
use bevy::camera::visibility::VisibilitySystems;
use bevy::prelude::*;
use bevy::transform::TransformSystems;
use bevy::window::{PresentMode, WindowResizeConstraints, WindowResolution};

/// What is on the screen besides the worlds, and how much room that takes. Lengths in logical pixels.
#[derive(Resource, Debug, Clone, PartialEq)]
pub struct Screen {
    /// Whether the panel is open.
    pub panel: bool,
    /// Whether a grid of many arenas is shown instead of one large and a strip.
    pub zoomed_out: bool,
    /// Room taken at the right edge.
    pub right: f32,
    /// Room taken at the bottom edge.
    pub bottom: f32,
    /// Whether somebody types into a text field, so that keys are not commands.
    pub typing: bool,
}

impl Default for Screen {
    fn default() -> Self {
        Self { panel: true, zoomed_out: false, right: 0.0, bottom: 0.0, typing: false }
    }
}

/// What is drawn in the running world and needs a word of explanation. Inserted by worlds that draw such things.
#[derive(Resource, Debug, Clone, Copy)]
pub struct Signs(pub &'static str);

/// The last thing worth telling whoever watches, for some seconds.
#[derive(Resource, Debug, Clone, Default)]
pub struct Notice(Option<(String, std::time::Instant)>);

impl Notice {
    /// Seconds for which it is shown.
    const LASTS: f32 = 6.0;

    /// Tells something.
    pub fn say(&mut self, text: String) {
        self.0 = Some((text, std::time::Instant::now()));
    }

    /// What is to be shown now.
    pub fn text(&self) -> Option<&str> {
        let told = self.0.as_ref().filter(|(_, since)| since.elapsed().as_secs_f32() < Self::LASTS);
        told.map(|(text, _)| text.as_str())
    }
}

/// What a drawn frame does, in order, before transforms are propagated.
#[derive(SystemSet, Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ViewSystems {
    /// Decides which arenas are drawn where.
    Arrange,
    /// Worlds put shapes on new stages.
    Furnish,
    /// Shapes take the poses of their bodies.
    Follow,
    /// What has no body moves: pulses, flashes, trails.
    Animate,
}

/// Draws whichever world runs. Add after `DefaultPlugins` and the environment.
pub fn plugin(app: &mut App) {
    app.init_resource::<Screen>()
        .init_resource::<Notice>()
        .insert_resource(ClearColor(Color::from(palette::NIGHT.solid())))
        .configure_sets(
            PostUpdate,
            (ViewSystems::Arrange, ViewSystems::Furnish, ViewSystems::Follow, ViewSystems::Animate)
                .chain()
                .before(TransformSystems::Propagate)
                // What appears is drawn in the same frame: a board that is exchanged must not blink.
                .before(VisibilitySystems::VisibilityPropagate)
                .before(AssetEventSystems),
        )
        .add_plugins((
            stage::plugin,
            follow::plugin,
            effects::plugin,
            (
                rooms::plugin,
                landscape::plugin,
                lookahead::plugin,
                feedback::plugin,
                editor::plugin,
                record::plugin,
            ),
            court::plugin,
            paddle_duel::plugin,
            brick_breaker::plugin,
            volley::plugin,
            meteor_field::plugin,
            beam_carry::plugin,
            drift::plugin,
            lander::plugin,
            puck::plugin,
            classic_control::plugin,
            (input::plugin, modes::plugin, sound::plugin),
        ));
}

/// Bevy's own plugins with the arcade's window.
pub fn window_plugins(world: &str) -> PluginGroupBuilder {
    DefaultPlugins.set(WindowPlugin {
        primary_window: Some(Window {
            title: format!("Entropy Arcade · {world}"),
            name: Some("entropy-arcade".to_owned()),
            resolution: WindowResolution::new(1280, 800),
            resize_constraints: WindowResizeConstraints {
                min_width: preferences::LEAST_ROOM.x,
                min_height: preferences::LEAST_ROOM.y,
                ..default()
            },
            present_mode: PresentMode::AutoVsync,
            ..default()
        }),
        ..default()
    })
}
