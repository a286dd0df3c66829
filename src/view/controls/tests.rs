//! Keyboards and gamepads as a player uses them, and the presses other tests need.

use bevy::input::ButtonState;
use bevy::input::keyboard::{Key, NativeKey};

use super::super::commands::KeyGroup;
use super::*;

/// Finishes `app` and binds its devices.
pub(crate) fn ready(app: &mut App) {
    app.finish();
    app.cleanup();
    app.update();
}

/// Presses `key` within one frame.
pub(crate) fn press(app: &mut App, key: KeyCode) {
    app.world_mut().resource_mut::<ButtonInput<KeyCode>>().press(key);
    app.update();
    let mut keyboard = app.world_mut().resource_mut::<ButtonInput<KeyCode>>();
    keyboard.release(key);
    keyboard.clear();
    app.update();
}

/// Commands of a world and of another screen, for one or for both hands' gamepads.
const KEYS: &[KeySpec] = &[
    stick("left", 0, &[Trigger::Stick(GamepadAxis::LeftStickX, false)]),
    stick("before", 2, &[Trigger::Stick(GamepadAxis::LeftStickX, false)]),
    stick("up", 1, &[Trigger::Stick(GamepadAxis::LeftStickY, true)]),
    stick("above", 2, &[Trigger::Stick(GamepadAxis::LeftStickY, true)]),
    stick("fire", 1, &[Trigger::Button(GamepadButton::South)]),
    stick("begin", 2, &[Trigger::Button(GamepadButton::South)]),
    stick("back", 2, &[Trigger::Button(GamepadButton::East)]),
    KeySpec::new("max", "maximum speed", KeyCode::KeyM, KeyGroup::Time),
];

/// A command of `hand`'s gamepad, or of both for 2.
const fn stick(id: &'static str, hand: usize, also: &'static [Trigger]) -> KeySpec {
    KeySpec { hand: if hand < 2 { Some(hand) } else { None }, ..KeySpec::fixed(id, "", also) }
}

fn app() -> App {
    let mut app = App::new();
    app.add_plugins((bevy::input::InputPlugin, plugin)).init_resource::<Toast>().add_keys(KEYS);
    ready(&mut app);
    app
}

fn pressed(app: &App) -> (Vec<KeyCommand>, Vec<KeyCommand>) {
    let controls = app.world().resource::<Controls>();
    (controls.pressed.clone(), controls.just_pressed.clone())
}

#[test]
fn taps_within_one_frame_are_seen_once_each() {
    let mut app = app();
    let event = |state| KeyboardInput {
        key_code: KeyCode::KeyM,
        logical_key: Key::Unidentified(NativeKey::Unidentified),
        state,
        text: None,
        repeat: false,
        window: Entity::PLACEHOLDER,
    };
    let mut frame = |states: &[ButtonState]| {
        states.iter().for_each(|state| _ = app.world_mut().write_message(event(*state)));
        app.update();
        let (held, tapped) = pressed(&app);
        [held, tapped].map(|commands| commands.contains(&KeyCommand("max")))
    };
    let (down, up) = (ButtonState::Pressed, ButtonState::Released);
    assert_eq!(frame(&[down, up]), [true, true]);
    assert_eq!(frame(&[]), [false, false]);
    // A second tap right after the first, and one that is held.
    assert_eq!(frame(&[down, up]), [true, true]);
    assert_eq!(frame(&[down, up]), [false, false]);
    assert_eq!(frame(&[]), [true, true]);
    assert_eq!(frame(&[down]), [false, false]);
    assert_eq!(frame(&[]), [true, true]);
    assert_eq!(frame(&[]), [true, false]);
    assert_eq!(frame(&[up]), [false, false]);
}

#[test]
fn each_gamepad_acts_as_its_own_hands_keys() {
    let mut app = app();
    let mut plug = || {
        let gamepad = app.world_mut().spawn(Gamepad::default()).id();
        app.update();
        app.update();
        gamepad
    };
    let [first, second] = [plug(), plug()];
    let tilt = |app: &mut App, entity, axis: GamepadAxis, by: f32| {
        let mut gamepad = app.world_mut().get_mut::<Gamepad>(entity).unwrap();
        gamepad.analog_mut().set(axis, by);
        app.update();
        pressed(app).0
    };
    assert_eq!(tilt(&mut app, first, GamepadAxis::LeftStickX, -0.3), []);
    assert_eq!(
        tilt(&mut app, first, GamepadAxis::LeftStickX, -0.8),
        [KeyCommand("left"), KeyCommand("before")]
    );
    assert_eq!(tilt(&mut app, first, GamepadAxis::LeftStickX, 0.0), []);
    assert_eq!(tilt(&mut app, second, GamepadAxis::LeftStickY, 0.9), [KeyCommand("up"), KeyCommand("above")]);
    assert_eq!(tilt(&mut app, second, GamepadAxis::LeftStickY, 0.0), []);
    let fire = |app: &mut App, entity| {
        let mut gamepad = app.world_mut().get_mut::<Gamepad>(entity).unwrap();
        gamepad.analog_mut().set(GamepadButton::South, 1.0);
        app.update();
        pressed(app).1
    };
    assert_eq!(fire(&mut app, second), [KeyCommand("fire"), KeyCommand("begin")]);
    let mut gamepad = app.world_mut().get_mut::<Gamepad>(first).unwrap();
    gamepad.analog_mut().set(GamepadButton::East, 1.0);
    app.update();
    assert_eq!(pressed(&app).1, [KeyCommand("back")]);
    app.world_mut().get_mut::<Gamepad>(first).unwrap().analog_mut().set(GamepadButton::East, 0.0);
    app.world_mut().despawn(second);
    app.update();
    app.update();
    assert_eq!(pressed(&app).0, []);
}
