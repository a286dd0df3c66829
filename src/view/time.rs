//! Time: keys for pace and episodes.

use bevy::prelude::*;

use super::commands::{AddKeys as _, KeyCommand, KeyGroup, KeyHint, KeySpec, Trigger};
use super::modes::{Mode, Modes};
use crate::agent::Watched;
use crate::sim::Arena;
use crate::sim::arena::EnvironmentHooks;
use crate::sim::pace::{Pace, SPEED_RANGE};

/// Pauses or continues.
pub const PAUSE: KeyCommand = KeyCommand("pause");
/// Restarts the watched episode.
pub const RESTART: KeyCommand = KeyCommand("restart");
const FASTER: KeyCommand = KeyCommand("faster");

/// The keys of this module.
pub const KEYS: &[KeySpec] = &[
    KeySpec {
        hint: KeyHint::Always("pause"),
        act: Some(|world| change(world, |pace| pace.paused = !pace.paused)),
        also: &[Trigger::Button(GamepadButton::Start)],
        ..KeySpec::new(PAUSE.0, "pause", KeyCode::Space, KeyGroup::Time)
    },
    KeySpec {
        hint: KeyHint::Always("step"),
        act: Some(|world| change(world, step)),
        ..KeySpec::new("step", "single step", KeyCode::Period, KeyGroup::Time)
    },
    KeySpec {
        hint: KeyHint::Always("speed"),
        act: Some(|world| change(world, |pace| speed(pace, 2.0))),
        also: &[Trigger::Key(KeyCode::NumpadAdd), Trigger::Button(GamepadButton::RightTrigger2)],
        ..KeySpec::new(FASTER.0, "faster", KeyCode::Equal, KeyGroup::Time)
    },
    KeySpec {
        beside: Some(FASTER),
        act: Some(|world| change(world, |pace| speed(pace, 0.5))),
        also: &[Trigger::Key(KeyCode::NumpadSubtract), Trigger::Button(GamepadButton::LeftTrigger2)],
        ..KeySpec::new("slower", "slower", KeyCode::Minus, KeyGroup::Time)
    },
    KeySpec {
        hint: KeyHint::Always("max"),
        act: Some(|world| change(world, |pace| pace.unlimited = !pace.unlimited)),
        ..KeySpec::new("max", "maximum speed", KeyCode::KeyM, KeyGroup::Time)
    },
    KeySpec {
        hint: KeyHint::Always("restart"),
        act: Some(restart),
        needs: Some(EnvironmentHooks::restore_in),
        also: &[Trigger::Button(GamepadButton::North)],
        not_while: &[(Mode::Playback, "use the slider in the panel to go to the start")],
        ..KeySpec::new(RESTART.0, "restart the episode", KeyCode::KeyR, KeyGroup::Time)
    },
];

/// Adds the keys.
pub(super) fn plugin(app: &mut App) {
    app.add_keys(KEYS);
}

fn change(world: &mut World, how: impl Fn(&mut Pace)) {
    if let Some(mut pace) = world.get_resource_mut::<Pace>() {
        how(&mut pace);
    }
}

/// Makes a single step while paused, and pauses otherwise.
fn step(pace: &mut Pace) {
    if pace.paused {
        pace.single_steps += 1;
    } else {
        pace.paused = true;
    }
}

fn speed(pace: &mut Pace, factor: f32) {
    pace.unlimited = false;
    pace.speed = (pace.speed * factor).clamp(SPEED_RANGE[0], SPEED_RANGE[1]);
}

/// Restarts the watched episode, or all episodes of a comparison.
fn restart(world: &mut World) {
    let Some(pace) = world.get_resource::<Pace>().copied().filter(|pace| !pace.held) else { return };
    let all = world.get_resource::<Modes>().is_some_and(Modes::comparing);
    let mut arenas = world.query::<(&mut Arena, Has<Watched>)>();
    for (mut arena, _) in arenas.iter_mut(world).filter(|(_, watched)| *watched || all) {
        arena.cut_episode();
    }
    if pace.paused {
        change(world, |pace| pace.single_steps += 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::arena::Spec;
    use crate::view::ScreenLayout;
    use crate::view::bindings::Bindings;
    use crate::view::controls::tests::{press, ready};
    use crate::view::{controls, stage};
    use crate::worlds::WorldChoice;

    fn app() -> App {
        let mut app = App::new();
        app.insert_resource(Spec(WorldChoice::new("lava-room", None).unwrap().spec()))
            .init_resource::<Pace>()
            .init_resource::<ScreenLayout>()
            .add_plugins((controls::plugin, plugin))
            .add_keys(stage::KEYS);
        ready(&mut app);
        app
    }

    #[test]
    fn rebound_keys_take_effect() {
        let mut app = app();
        app.world_mut().resource_mut::<Bindings>().bind(PAUSE, KeyCode::KeyK);
        press(&mut app, KeyCode::Space);
        assert!(!app.world().resource::<Pace>().paused);
        press(&mut app, KeyCode::KeyK);
        assert!(app.world().resource::<Pace>().paused);
    }

    #[test]
    fn speed_is_doubled_and_halved_and_a_step_pauses_first() {
        let mut app = app();
        let pace = |app: &App| *app.world().resource::<Pace>();
        press(&mut app, KeyCode::KeyM);
        assert!(pace(&app).unlimited);
        press(&mut app, KeyCode::NumpadAdd);
        assert_eq!((pace(&app).unlimited, pace(&app).speed), (false, 2.0));
        press(&mut app, KeyCode::Minus);
        press(&mut app, KeyCode::Minus);
        assert_eq!(pace(&app).speed, 0.5);
        press(&mut app, KeyCode::Period);
        assert_eq!((pace(&app).paused, pace(&app).single_steps), (true, 0));
        press(&mut app, KeyCode::Period);
        assert_eq!(pace(&app).single_steps, 1);
    }

    #[test]
    fn keys_are_not_commands_while_typing() {
        let mut app = app();
        app.world_mut().resource_mut::<ScreenLayout>().typing = true;
        press(&mut app, KeyCode::Space);
        press(&mut app, KeyCode::KeyZ);
        assert!(!app.world().resource::<Pace>().paused && !app.world().resource::<ScreenLayout>().zoomed_out);
    }
}
