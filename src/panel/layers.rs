//! Layers: what lies over a world, from the top down. `Esc` closes the topmost one, and leaves the world where none is open.

use bevy::prelude::*;
use bevy_egui::egui::Popup;
use bevy_egui::{EguiContext, PrimaryEguiContext};

use super::learning;
use super::plots::Plots;
use crate::insight::compare::{self, Comparison};
use crate::insight::playback::{self, Playback};
use crate::insight::rounds::Rounds;
use crate::insight::values::OverlaySettings;
use crate::sim::arena::Spec;
use crate::view::bindings::Command;
use crate::view::controls::Controls;
use crate::view::editor::Editor;
use crate::view::input::HOME;
use crate::view::{Screen, editor};

/// Something that lies over a world.
struct MapLayer {
    /// What `Esc` does about it, for the line of keys.
    meaning: &'static str,
    /// Whether it is open.
    open: fn(&mut World) -> bool,
    /// Closes it.
    close: fn(&mut World),
}

/// All of them, the topmost first. A text field comes before: while somebody types, `Esc` is no command.
static LAYERS: [MapLayer; 8] = [
    MapLayer { meaning: "close the list", open: list_is_open, close: close_lists },
    MapLayer { meaning: "no", open: learning::asks, close: learning::say_no },
    MapLayer {
        meaning: "close the curves",
        open: |world| world.get_resource::<Plots>().is_some_and(|plots| plots.open),
        close: |world| world.resource_mut::<Plots>().open = false,
    },
    MapLayer {
        meaning: "done with the map",
        open: |world| world.contains_resource::<Editor>(),
        close: editor::toggle,
    },
    MapLayer {
        meaning: "back to now",
        open: |world| world.contains_resource::<Playback>(),
        close: playback::toggle,
    },
    MapLayer {
        meaning: "back to one arena",
        open: |world| world.contains_resource::<Comparison>(),
        close: |world| {
            compare::toggle(world);
            world.resource_mut::<Screen>().zoomed_out = false;
        },
    },
    MapLayer {
        meaning: "next round",
        open: |world| world.get_resource::<Rounds>().is_some_and(|rounds| rounds.ended.is_some()),
        close: |world| _ = world.resource_mut::<Rounds>().go_on(),
    },
    MapLayer {
        meaning: "hide the map",
        open: |world| world.get_resource::<OverlaySettings>().is_some_and(|insight| insight.map.is_some()),
        close: |world| world.resource_mut::<OverlaySettings>().map = None,
    },
];

/// What `Esc` does now.
#[derive(Resource, Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Esc(pub &'static str);

/// Lets `Esc` close what lies over a world.
pub(super) fn plugin(app: &mut App) {
    app.insert_resource(Esc("worlds")).add_systems(Update, leave.run_if(resource_exists::<Spec>));
}

/// Whoever keeps files keeps them on every exit.
fn leave(world: &mut World) {
    let mut top = LAYERS.iter().find(|layer| (layer.open)(world));
    if world.get_resource::<Controls>().is_some_and(|controls| controls.struck(Command::Leave)) {
        match top {
            Some(layer) => {
                (layer.close)(world);
                top = LAYERS.iter().find(|layer| (layer.open)(world));
            }
            None => _ = world.write_message(AppExit::from_code(HOME)),
        }
    }
    let esc = Esc(top.map_or("worlds", |layer| layer.meaning));
    world.resource_mut::<Esc>().set_if_neq(esc);
}

/// Whether a list of choices has been opened. The same `Esc` closes it in the panel, in the same frame.
fn list_is_open(world: &mut World) -> bool {
    let mut contexts = world.query_filtered::<&mut EguiContext, With<PrimaryEguiContext>>();
    contexts.iter_mut(world).any(|mut context| Popup::is_any_open(context.get_mut()))
}

fn close_lists(world: &mut World) {
    let mut contexts = world.query_filtered::<&mut EguiContext, With<PrimaryEguiContext>>();
    contexts.iter_mut(world).for_each(|mut context| Popup::close_all(context.get_mut()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::insight::rounds::RoundEnd;
    use crate::insight::values;
    use crate::sim::worlds::WorldChoice;
    use crate::view::controls;
    use crate::view::controls::tests::{ready, strike};

    fn app() -> App {
        let mut app = App::new();
        app.init_resource::<Plots>()
            .init_resource::<OverlaySettings>()
            .init_resource::<Screen>()
            .init_resource::<learning::Drafts>()
            .insert_resource(Spec(WorldChoice::new("lava-room", None).unwrap().spec()))
            .add_message::<AppExit>()
            .add_plugins((controls::plugin, plugin));
        ready(&mut app);
        app
    }

    /// Strikes `Esc`; whether that left the world.
    fn leaves(app: &mut App) -> bool {
        let before = app.world().resource::<Messages<AppExit>>().len();
        strike(app, KeyCode::Escape);
        app.world().resource::<Messages<AppExit>>().len() > before
    }

    #[test]
    fn esc_closes_what_lies_on_top_and_only_then_leaves() {
        let mut app = app();
        let ended = RoundEnd { winner: None, points: None, players: Vec::new() };
        app.world_mut().resource_mut::<OverlaySettings>().map = Some(values::MapLayer::Expected);
        app.insert_resource(Rounds::over(ended));
        app.world_mut().resource_mut::<Plots>().open = true;
        app.world_mut().resource_mut::<learning::Drafts>().ask();
        for (esc, after) in [
            ("no", "close the curves"),
            ("close the curves", "next round"),
            ("next round", "hide the map"),
            ("hide the map", "worlds"),
        ] {
            app.update();
            assert_eq!(app.world().resource::<Esc>().0, esc);
            assert!(!leaves(&mut app), "{esc}");
            assert_eq!(app.world().resource::<Esc>().0, after);
        }
        assert!(!app.world().resource::<Plots>().open);
        assert_eq!(app.world().resource::<OverlaySettings>().map, None);
        assert_eq!(app.world().resource::<Rounds>().ended, None);
        assert!(leaves(&mut app));
    }

    #[test]
    fn who_types_does_not_leave() {
        let mut app = app();
        app.world_mut().resource_mut::<Screen>().typing = true;
        assert!(!leaves(&mut app));
        app.world_mut().resource_mut::<Screen>().typing = false;
        assert!(leaves(&mut app));
    }
}
