//! Takeover window: its keys.

use bevy::prelude::*;

use super::{PlayerRole, Takeovers};
use crate::agent::ControllerAssignment;
use crate::sim::arena::Spec;
use crate::view::commands::{AddKeys as _, KeyGroup, KeySpec, Trigger};
use crate::view::input::TAKE_OVER;
use crate::view::modes::Mode;

const NOT_WHILE: &[(Mode, &str)] =
    &[(Mode::Compare, "only agents are compared"), (Mode::Playback, "the episode is already over")];
const BUTTON: &[Trigger] = &[Trigger::Button(GamepadButton::West)];

/// The takeover keys, in the order of [`PlayerRole::ALL`]. The key bar shows what they do now beside the keys that move.
pub const KEYS: &[KeySpec] = &[
    KeySpec {
        act: Some(|world| take_over(world, PlayerRole::Opponent)),
        also: BUTTON,
        hand: Some(0),
        not_while: NOT_WHILE,
        ..KeySpec::new(
            TAKE_OVER[0].0,
            "play against the agent, or with it",
            KeyCode::KeyT,
            KeyGroup::Takeover,
        )
    },
    KeySpec {
        act: Some(|world| take_over(world, PlayerRole::Agent)),
        also: BUTTON,
        hand: Some(1),
        not_while: NOT_WHILE,
        ..KeySpec::new(
            TAKE_OVER[1].0,
            "take over the agent's slot, or join",
            KeyCode::KeyY,
            KeyGroup::Takeover,
        )
    },
];

pub(super) fn plugin(app: &mut App) {
    app.add_keys(KEYS);
}

/// Takes over a slot, or returns it.
fn take_over(world: &mut World, role: PlayerRole) {
    let (Some(spec), Some(before)) =
        (world.get_resource::<Spec>().cloned(), world.get_resource::<ControllerAssignment>())
    else {
        return;
    };
    let mut after = before.clone();
    world.get_resource_or_init::<Takeovers>().toggle(role, &spec, &mut after);
    world.resource_mut::<ControllerAssignment>().set_if_neq(after);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Controller;
    use crate::view::controls;
    use crate::view::controls::tests::{press, ready};
    use crate::worlds::WorldChoice;

    #[test]
    fn one_key_takes_over_a_slot_and_returns_it() {
        let spec = WorldChoice::new("paddle-duel", None).unwrap().spec();
        let mut app = App::new();
        app.insert_resource(ControllerAssignment::learn_against_script(&spec))
            .insert_resource(Spec(spec))
            .add_plugins((controls::plugin, plugin));
        ready(&mut app);
        let assignment = |app: &App| app.world().resource::<ControllerAssignment>().clone();
        let before = assignment(&app);
        press(&mut app, KeyCode::KeyT);
        assert_eq!(assignment(&app).watched, [Controller::Learning, Controller::Human]);
        assert_eq!(assignment(&app).others, before.others);
        press(&mut app, KeyCode::KeyT);
        assert_eq!(assignment(&app), before);
        press(&mut app, KeyCode::KeyY);
        assert_eq!(assignment(&app).watched, [Controller::Human, Controller::Scripted]);
    }
}
