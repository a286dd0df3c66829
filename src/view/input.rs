//! Input: the keyboard as a player and as a remote control. What keys there are, the panel shows.

use bevy::prelude::*;

use super::Screen;
use crate::agent::{Casting, Controller, HumanInput};
use crate::mdp::Action;
use crate::sim::Arena;
use crate::sim::arena::Spec;
use crate::sim::pace::{Pace, SPEED_RANGE};

/// Who sat in the watched arena's slots before a person took over.
#[derive(Resource, Debug, Clone, Default)]
struct Relieved(Vec<Option<Controller>>);

/// Adds the keyboard.
pub(super) fn plugin(app: &mut App) {
    app.init_resource::<ButtonInput<KeyCode>>().init_resource::<Relieved>().add_systems(
        PreUpdate,
        (play, take_over, steer_time, steer_screen)
            .after(bevy::input::InputSystems)
            .run_if(resource_exists::<Spec>),
    );
}

/// Keys of an action by its name: those of the left hand and those of the right one.
fn keys(action: &str) -> [Option<KeyCode>; 2] {
    match action {
        "up" => [Some(KeyCode::KeyW), Some(KeyCode::ArrowUp)],
        "down" => [Some(KeyCode::KeyS), Some(KeyCode::ArrowDown)],
        "left" => [Some(KeyCode::KeyA), Some(KeyCode::ArrowLeft)],
        "right" => [Some(KeyCode::KeyD), Some(KeyCode::ArrowRight)],
        _ => [None, None],
    }
}

/// Which hands play a slot: both when one person plays, one each when two do.
pub fn hands(casting: &Casting, slot: usize) -> [bool; 2] {
    let humans = casting.watched.iter().filter(|controller| **controller == Controller::Human).count();
    if humans < 2 { [true, true] } else { [slot == 0, slot == 1] }
}

fn play(
    keyboard: Res<ButtonInput<KeyCode>>,
    screen: Res<Screen>,
    spec: Res<Spec>,
    casting: Option<Res<Casting>>,
    input: Option<ResMut<HumanInput>>,
) {
    let (Some(casting), Some(mut input)) = (casting, input) else { return };
    for slot in 0..spec.slots {
        let human = casting.watched.get(slot) == Some(&Controller::Human);
        let hands = hands(&casting, slot);
        let mut held = 0;
        let mut tapped = None;
        for (index, name) in spec.action.names().iter().enumerate() {
            for (key, hand) in keys(name).into_iter().zip(hands) {
                let Some(key) = key.filter(|_| human && hand && !screen.typing) else { continue };
                // The key struck last wins over one that is still down.
                if keyboard.just_pressed(key) {
                    tapped = Some(Action::Discrete(index as u16));
                } else if keyboard.pressed(key) && held == 0 {
                    held = index as u16;
                }
            }
        }
        // Written only on change: nobody should be told of news that are none.
        if let Some(Action::Discrete(index)) = tapped {
            held = index;
        }
        let held = Action::Discrete(held);
        if input.held[slot] != held {
            input.held[slot] = held;
        }
        if tapped.is_some() {
            input.tapped[slot] = tapped;
        } else if !human && input.tapped[slot].is_some() {
            input.tapped[slot] = None;
        }
    }
}

fn take_over(
    keyboard: Res<ButtonInput<KeyCode>>,
    screen: Res<Screen>,
    mut relieved: ResMut<Relieved>,
    casting: Option<ResMut<Casting>>,
) {
    let Some(mut casting) = casting.filter(|_| !screen.typing) else { return };
    for (slot, key) in [KeyCode::KeyT, KeyCode::KeyY].into_iter().enumerate() {
        if !keyboard.just_pressed(key) || slot >= casting.watched.len() {
            continue;
        }
        let slots = casting.watched.len().max(relieved.0.len());
        relieved.0.resize(slots, None);
        casting.watched[slot] = if casting.watched[slot] == Controller::Human {
            relieved.0[slot].take().unwrap_or_default()
        } else {
            relieved.0[slot] = Some(casting.watched[slot].clone());
            Controller::Human
        };
    }
}

fn steer_time(
    keyboard: Res<ButtonInput<KeyCode>>,
    screen: Res<Screen>,
    pace: Option<ResMut<Pace>>,
    mut arenas: Query<&mut Arena>,
) {
    let Some(mut pace) = pace.filter(|_| !screen.typing) else { return };
    let struck = |keys: &[KeyCode]| keyboard.any_just_pressed(keys.iter().copied());
    if struck(&[KeyCode::Space]) {
        pace.paused = !pace.paused;
    }
    if struck(&[KeyCode::Period, KeyCode::NumpadDecimal]) {
        // A single step means nothing while time runs.
        if pace.paused {
            pace.single_steps += 1;
        } else {
            pace.paused = true;
        }
    }
    for (keys, factor) in
        [([KeyCode::Equal, KeyCode::NumpadAdd], 2.0), ([KeyCode::Minus, KeyCode::NumpadSubtract], 0.5)]
    {
        if struck(&keys) {
            pace.unlimited = false;
            pace.speed = (pace.speed * factor).clamp(SPEED_RANGE[0], SPEED_RANGE[1]);
        }
    }
    if struck(&[KeyCode::KeyM]) {
        pace.unlimited = !pace.unlimited;
    }
    if struck(&[KeyCode::KeyR]) {
        arenas.iter_mut().filter(|arena| arena.index == 0).for_each(|mut arena| arena.cut_episode());
        if pace.paused {
            pace.single_steps += 1;
        }
    }
}

fn steer_screen(keyboard: Res<ButtonInput<KeyCode>>, mut screen: ResMut<Screen>) {
    if screen.typing {
        return;
    }
    if keyboard.just_pressed(KeyCode::Tab) {
        screen.panel = !screen.panel;
    }
    if keyboard.just_pressed(KeyCode::KeyZ) {
        screen.zoomed_out = !screen.zoomed_out;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::worlds::WorldChoice;

    fn app(world: &str) -> Option<App> {
        let spec = WorldChoice::new(world, None).ok()?.spec();
        let mut app = App::new();
        app.init_resource::<Screen>()
            .insert_resource(HumanInput::new(spec.slots))
            .insert_resource(Casting::learn_against_script(spec.slots))
            .insert_resource(Spec(spec))
            .init_resource::<Pace>()
            .add_plugins(plugin);
        Some(app)
    }

    fn strike(app: &mut App, key: KeyCode) {
        app.world_mut().resource_mut::<ButtonInput<KeyCode>>().press(key);
        app.update();
        let mut keyboard = app.world_mut().resource_mut::<ButtonInput<KeyCode>>();
        keyboard.release(key);
        keyboard.clear();
    }

    #[test]
    fn one_key_takes_over_and_gives_back() {
        let mut app = app("paddle-duel").unwrap();
        let before = app.world().resource::<Casting>().clone();
        strike(&mut app, KeyCode::KeyY);
        assert_eq!(app.world().resource::<Casting>().watched, [Controller::Learning, Controller::Human]);
        assert_eq!(app.world().resource::<Casting>().others, before.others);
        strike(&mut app, KeyCode::KeyY);
        assert_eq!(*app.world().resource::<Casting>(), before);
    }

    #[test]
    fn keys_reach_only_human_slots_and_taps_are_kept() {
        let mut app = app("lava-room").unwrap();
        strike(&mut app, KeyCode::ArrowRight);
        assert_eq!(app.world().resource::<HumanInput>().tapped[0], None);
        strike(&mut app, KeyCode::KeyT);
        strike(&mut app, KeyCode::ArrowRight);
        app.update();
        let input = app.world().resource::<HumanInput>();
        assert_eq!((input.tapped[0], input.held[0]), (Some(Action::Discrete(4)), Action::Discrete(0)));
    }

    #[test]
    fn no_key_commands_while_somebody_types() {
        let mut app = app("lava-room").unwrap();
        app.world_mut().resource_mut::<Screen>().typing = true;
        strike(&mut app, KeyCode::Space);
        strike(&mut app, KeyCode::KeyZ);
        assert!(!app.world().resource::<Pace>().paused && !app.world().resource::<Screen>().zoomed_out);
    }
}
