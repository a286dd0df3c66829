//! Layers: what can be open over a world. `Esc` closes the topmost layer, or leaves the world if none is open.

use bevy::prelude::*;
use bevy_egui::egui::Popup;
use bevy_egui::{EguiContext, PrimaryEguiContext};

use super::learning;
use super::plots::Plots;
use crate::insight::compare::{self, Comparison};
use crate::insight::map;
use crate::insight::overlay::OverlaySettings;
use crate::insight::playback::{self, Playback};
use crate::insight::rounds::Rounds;
use crate::sim::arena::Spec;
use crate::view::commands::{AddKeys as _, KeyCommand, KeySpec, Trigger};
use crate::view::controls::Controls;
use crate::view::screens::Leave;
use crate::worlds::rooms::editor;
use crate::worlds::rooms::editor::Editor;

/// Something that can be open over a world.
struct Layer {
    /// What `Esc` does, for the key bar.
    hint: &'static str,
    /// Whether it is open.
    open: fn(&mut World) -> bool,
    /// Closes it.
    close: fn(&mut World),
}

/// All layers, topmost first. While a text field has the focus, `Esc` is not a command.
static LAYERS: &[Layer] = &[
    Layer { hint: "close the list", open: list_is_open, close: close_lists },
    Layer { hint: "cancel", open: learning::is_confirming_reset, close: learning::cancel_reset },
    Layer {
        hint: "close the curves",
        open: |world| world.get_resource::<Plots>().is_some_and(|plots| plots.open),
        close: |world| world.resource_mut::<Plots>().open = false,
    },
    Layer {
        hint: "close the editor",
        open: |world| world.contains_resource::<Editor>(),
        close: editor::toggle,
    },
    Layer {
        hint: "close playback",
        open: |world| world.contains_resource::<Playback>(),
        close: playback::toggle,
    },
    Layer {
        hint: "end the comparison",
        open: |world| world.contains_resource::<Comparison>(),
        close: compare::window::switch,
    },
    Layer {
        hint: "next round",
        open: |world| world.get_resource::<Rounds>().is_some_and(|rounds| rounds.ended.is_some()),
        close: |world| _ = world.resource_mut::<Rounds>().next_round(),
    },
    Layer {
        hint: "hide the map",
        open: |world| world.get_resource::<OverlaySettings>().is_some_and(|shown| shown.shows(map::ID)),
        close: |world| world.resource_mut::<OverlaySettings>().set(map::ID, None),
    },
];

/// What `Esc` does now, for the key bar.
#[derive(Resource, Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EscHint(pub &'static str);

/// Closes the topmost layer, or leaves the world.
const LEAVE: KeyCommand = KeyCommand("leave");

/// The key of that command.
pub const KEYS: &[KeySpec] = &[KeySpec::fixed(
    LEAVE.0,
    "title screen",
    &[Trigger::Key(KeyCode::Escape), Trigger::Button(GamepadButton::Select)],
)];

/// Lets `Esc` close layers.
pub(super) fn plugin(app: &mut App) {
    app.add_keys(KEYS)
        .insert_resource(EscHint("title screen"))
        .add_systems(Update, leave.run_if(resource_exists::<Spec>));
}

fn leave(world: &mut World) {
    let mut top = LAYERS.iter().find(|layer| (layer.open)(world));
    if world.get_resource::<Controls>().is_some_and(|controls| controls.just_pressed(LEAVE)) {
        match top {
            Some(layer) => {
                (layer.close)(world);
                top = LAYERS.iter().find(|layer| (layer.open)(world));
            }
            None => _ = world.write_message(Leave::Home),
        }
    }
    let hint = EscHint(top.map_or("title screen", |layer| layer.hint));
    world.resource_mut::<EscHint>().set_if_neq(hint);
}

/// Whether a drop-down list is open. egui closes it on the same `Esc`, in the same frame.
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
    use crate::view::ScreenLayout;
    use crate::view::controls;
    use crate::view::controls::tests::{press, ready};
    use crate::worlds::WorldChoice;

    fn app() -> App {
        let mut app = App::new();
        app.init_resource::<Plots>()
            .init_resource::<OverlaySettings>()
            .init_resource::<ScreenLayout>()
            .init_resource::<learning::PendingEdits>()
            .insert_resource(Spec(WorldChoice::new("lava-room", None).unwrap().spec()))
            .add_message::<Leave>()
            .add_plugins((controls::plugin, plugin));
        ready(&mut app);
        app
    }

    /// Presses `Esc` and returns whether that left the world.
    fn leaves(app: &mut App) -> bool {
        let before = app.world().resource::<Messages<Leave>>().len();
        press(app, KeyCode::Escape);
        app.world().resource::<Messages<Leave>>().len() > before
    }

    #[test]
    fn esc_closes_layers_from_the_top_and_then_leaves() {
        let mut app = app();
        let ended = RoundEnd { winner: None, points: None, players: Vec::new() };
        app.world_mut().resource_mut::<OverlaySettings>().set(map::ID, Some(0));
        app.insert_resource(Rounds::over(ended));
        app.world_mut().resource_mut::<Plots>().open = true;
        app.world_mut().resource_mut::<learning::PendingEdits>().confirm_reset();
        for (esc, after) in [
            ("cancel", "close the curves"),
            ("close the curves", "next round"),
            ("next round", "hide the map"),
            ("hide the map", "title screen"),
        ] {
            app.update();
            assert_eq!(app.world().resource::<EscHint>().0, esc);
            assert!(!leaves(&mut app), "{esc}");
            assert_eq!(app.world().resource::<EscHint>().0, after);
        }
        assert!(!app.world().resource::<Plots>().open);
        assert!(!app.world().resource::<OverlaySettings>().shows(map::ID));
        assert_eq!(app.world().resource::<Rounds>().ended, None);
        assert!(leaves(&mut app));
    }

    #[test]
    fn esc_does_not_leave_while_a_text_field_has_the_focus() {
        let mut app = app();
        app.world_mut().resource_mut::<ScreenLayout>().typing = true;
        assert!(!leaves(&mut app));
        app.world_mut().resource_mut::<ScreenLayout>().typing = false;
        assert!(leaves(&mut app));
    }
}
