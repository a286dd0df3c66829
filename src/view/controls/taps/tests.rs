//! Tests: one tap is one action at every frame rate and speed.

use std::time::Duration;

use bevy::input::ButtonState::{self, Pressed, Released};
use bevy::input::InputPlugin;
use bevy::input::gamepad::{GamepadSettings, RawGamepadButtonChangedEvent, RawGamepadEvent};
use bevy::input::keyboard::{Key, KeyboardInput, NativeKey};
use bevy::prelude::*;

use crate::agent::{AgentPlugin, Controller, ControllerAssignment, LearningPolicy};
use crate::mdp::Stream;
use crate::sim::pace::{Pace, drive};
use crate::sim::{AgentSlots, SimConfig, SimSystems, SimTick};
use crate::view::ScreenLayout;
use crate::view::controls::tests::ready;
use crate::worlds::WorldChoice;

/// Agent steps in which each slot of the watched arena acted, and all its agent steps.
#[derive(Resource, Debug, Clone, Default, PartialEq)]
struct Made {
    actions: Vec<u32>,
    steps: u32,
}

fn count(slots: Query<&AgentSlots>, mut made: ResMut<Made>) {
    let Some(slots) = slots.iter().next() else { return };
    made.steps += 1;
    made.actions.resize(slots.slots(), 0);
    for (count, action) in made.actions.iter_mut().zip(&slots.actions.discrete) {
        *count += u32::from(*action != 0);
    }
}

/// `world` with human players in all slots.
fn app(world: &str) -> App {
    let world = WorldChoice::new(world, None).unwrap();
    let spec = world.spec();
    let (assignment, policy) = (
        ControllerAssignment::all(vec![Controller::Human; spec.slots()]),
        LearningPolicy::untrained(&spec.action),
    );
    let mut app = App::new();
    app.add_plugins((InputPlugin, crate::sim::plugin))
        .init_resource::<ScreenLayout>()
        .init_resource::<Made>()
        .init_resource::<Pace>()
        .add_message::<AppExit>();
    world.add_to(&mut app, SimConfig { arenas: 1, seed: 3, stream: Stream::Environment });
    app.add_plugins(AgentPlugin::new(spec, assignment, policy).with_seed(3))
        .add_plugins((crate::view::controls::plugin, crate::view::input::plugin, crate::view::time::plugin))
        .add_systems(Update, drive)
        .add_systems(SimTick, count.in_set(SimSystems::Record));
    ready(&mut app);
    app
}

/// A frame of `seconds` in which `keys` change.
fn frame(app: &mut App, seconds: f32, keys: &[(KeyCode, ButtonState)]) {
    for &(key_code, state) in keys {
        let logical_key = Key::Unidentified(NativeKey::Unidentified);
        let window = Entity::PLACEHOLDER;
        app.world_mut().write_message(KeyboardInput {
            key_code,
            logical_key,
            state,
            text: None,
            repeat: false,
            window,
        });
    }
    app.world_mut().resource_mut::<Time>().advance_by(Duration::from_secs_f32(seconds));
    app.update();
}

/// Runs frames of `seconds` without input for eight agent steps.
fn wait(app: &mut App, seconds: f32) {
    let before = app.world().resource::<Made>().steps;
    while app.world().resource::<Made>().steps < before + 8 {
        frame(app, seconds, &[]);
    }
}

const RIGHT: KeyCode = KeyCode::ArrowRight;

#[test]
fn one_tap_is_one_action_at_every_frame_rate_and_speed() {
    for speed in [0.25, 1.0, 2.0, 4.0, 16.0, f32::INFINITY] {
        for seconds in [1.0 / 144.0, 1.0 / 60.0, 0.1, 0.5] {
            let mut app = app("lava-room");
            let mut pace = app.world_mut().resource_mut::<Pace>();
            (pace.speed, pace.unlimited) = (speed.min(16.0), speed.is_infinite());
            pace.frame_budget = Duration::from_micros(300);
            let mut taps = 0;
            // Down and up within a frame, and in two frames.
            for apart in [false, true] {
                for wait_between in [true, false, true] {
                    if apart {
                        frame(&mut app, seconds, &[(RIGHT, Pressed)]);
                        frame(&mut app, seconds, &[(RIGHT, Released)]);
                    } else {
                        frame(&mut app, seconds, &[(RIGHT, Pressed), (RIGHT, Released)]);
                    }
                    frame(&mut app, seconds, &[]);
                    taps += 1;
                    if wait_between {
                        wait(&mut app, seconds);
                    }
                }
            }
            wait(&mut app, seconds);
            let made = app.world().resource::<Made>();
            assert_eq!(made.actions, [taps], "{speed} times, {seconds} s a frame, {made:?}");
        }
    }
}

#[test]
fn a_tap_over_several_frames_is_one_action_in_fast_play() {
    // A tap lasts several frames.
    for speed in [2.0, 16.0] {
        let mut app = app("lava-room");
        app.world_mut().resource_mut::<Pace>().speed = speed;
        frame(&mut app, 0.02, &[(RIGHT, Pressed)]);
        (0..4).for_each(|_| frame(&mut app, 0.02, &[]));
        frame(&mut app, 0.02, &[(RIGHT, Released)]);
        wait(&mut app, 0.02);
        assert_eq!(app.world().resource::<Made>().actions, [1], "{speed}");
    }
}

#[test]
fn a_key_that_stays_down_is_held() {
    for speed in [1.0, 4.0] {
        for seconds in [1.0 / 60.0, 0.2] {
            let mut app = app("lava-room");
            app.world_mut().resource_mut::<Pace>().speed = speed;
            wait(&mut app, seconds);
            let before = app.world().resource::<Made>().clone();
            frame(&mut app, seconds, &[(RIGHT, Pressed)]);
            wait(&mut app, seconds);
            wait(&mut app, seconds);
            let held = app.world().resource::<Made>().clone();
            frame(&mut app, seconds, &[(RIGHT, Released)]);
            let steps = held.steps - before.steps;
            // All but those of the frame of the press, and of the first 0.15 s in fast play.
            let since = if speed > 1.0 { seconds.max(0.15) + seconds } else { seconds };
            let missed = (since * speed / 0.1).ceil() as u32;
            assert!(
                held.actions[0] + missed >= steps && held.actions[0] > 1,
                "{speed}, {seconds}: {held:?} of {steps}"
            );
            wait(&mut app, seconds);
            let after = app.world().resource::<Made>().actions[0];
            assert!(after <= held.actions[0] + 1, "released: {after} after {held:?}");
        }
    }
}

#[test]
fn taps_of_two_players_are_one_action_each() {
    for speed in [1.0, 16.0] {
        let mut app = app("two-plates");
        app.world_mut().resource_mut::<Pace>().speed = speed;
        let keys = [KeyCode::KeyD, RIGHT];
        let both = |state| keys.map(|key| (key, state));
        frame(&mut app, 0.3, &[both(Pressed), both(Released)].concat());
        wait(&mut app, 0.3);
        assert_eq!(app.world().resource::<Made>().actions, [1, 1], "{speed}");
    }
}

#[test]
fn taps_of_a_gamepad_are_one_action_each() {
    for speed in [1.0, 16.0] {
        let mut app = app("lava-room");
        app.world_mut().resource_mut::<Pace>().speed = speed;
        let gamepad = app.world_mut().spawn((Gamepad::default(), GamepadSettings::default())).id();
        frame(&mut app, 0.3, &[]);
        frame(&mut app, 0.3, &[]);
        let before = app.world().resource::<Made>().actions[0];
        for value in [1.0, 0.0] {
            let button = GamepadButton::DPadRight;
            let event = RawGamepadButtonChangedEvent { gamepad, button, value };
            app.world_mut().write_message(RawGamepadEvent::Button(event));
        }
        frame(&mut app, 0.3, &[]);
        wait(&mut app, 0.3);
        assert_eq!(app.world().resource::<Made>().actions[0] - before, 1, "{speed}");
    }
}

#[test]
fn a_single_step_is_one_step_however_long_it_takes() {
    for budget in [Duration::ZERO, Duration::from_millis(10)] {
        let mut app = app("lava-room");
        app.world_mut().resource_mut::<Pace>().frame_budget = budget;
        // In the middle of an agent step.
        frame(&mut app, 0.03, &[]);
        let space = [(KeyCode::Space, Pressed), (KeyCode::Space, Released)];
        frame(&mut app, 0.01, &space);
        let before = app.world().resource::<Made>().clone();
        let step = [(KeyCode::Period, Pressed), (KeyCode::Period, Released)];
        let right = [(RIGHT, Pressed), (RIGHT, Released)];
        for _ in 0..3 {
            // Only the last tap before a step counts.
            frame(&mut app, 0.3, &right);
            frame(&mut app, 0.3, &[]);
            frame(&mut app, 0.3, &right);
            frame(&mut app, 0.3, &[]);
            frame(&mut app, 0.3, &step);
            frame(&mut app, 0.3, &[]);
        }
        let after = app.world().resource::<Made>().clone();
        let begun = u32::from(after.steps - before.steps == 4);
        assert_eq!((after.steps - before.steps, after.actions[0]), (3 + begun, 3), "{before:?} {after:?}");
    }
}
