//! Controls: which commands people give, with whatever they hold, read by `bevy_enhanced_input`. Which key gives which
//! command is left to `bindings`, what follows from it to `input` and others.

use bevy::ecs::spawn::SpawnIter;
use bevy::input::InputSystems;
use bevy::input::gamepad::{GamepadAxisChangedEvent, GamepadButtonStateChangedEvent};
use bevy::input::keyboard::KeyboardInput;
use bevy::input::mouse::MouseButtonInput;
use bevy::prelude::*;
use bevy_enhanced_input::prelude::{
    Action, ActionEvents, ActionSettings, Actions, Binding, Bindings as BoundTo, Clamp, Down,
    EnhancedInputPlugin, EnhancedInputSystems, GamepadDevice, InputAction, InputContextAppExt, InputModKeys,
    ModKeys, TriggerState,
};

use super::bindings::{Bindings, COMMANDS, Command};
use super::keys::DIGITS;
use super::taps::{keep_pad_taps, keep_taps};
use super::{Notice, Screen};

/// How far a stick or trigger must be moved to count, 0 to 1.
pub(super) const ACTUATION: f32 = 0.5;

/// The commands that are given in this frame.
#[derive(Resource, Debug, Clone, Default, PartialEq)]
pub struct Controls {
    held: Vec<Command>,
    struck: Vec<Command>,
}

impl Controls {
    /// Whether `command` is being given.
    pub fn held(&self, command: Command) -> bool {
        self.held.contains(&command)
    }

    /// All commands that are being given.
    pub(super) fn all_held(&self) -> &[Command] {
        &self.held
    }

    /// Whether `command` was begun with this frame.
    pub fn struck(&self, command: Command) -> bool {
        self.struck.contains(&command)
    }

    /// Forgets that `command` was given: it means nothing now.
    pub(super) fn take_away(&mut self, command: Command) {
        self.held.retain(|given| *given != command);
        self.struck.retain(|given| *given != command);
    }

    /// Which of what a screen offers by numbers was chosen with this frame, from 0.
    pub fn choice(&self) -> Option<usize> {
        self.struck.iter().find_map(|command| match command {
            Command::Choice(number) => Some(*number),
            _ => None,
        })
    }
}

/// Somebody's keyboard and mouse, or gamepad: the context that actions belong to.
#[derive(Component)]
struct Device;

/// A device that is a gamepad.
#[derive(Component, Debug, Clone, Copy)]
struct Pad {
    gamepad: Entity,
    /// 0 stands for the left hand's keys, 1 for the right hand's.
    hand: usize,
}

/// Any command: pressed or not. Which one it is says [`Means`].
#[derive(InputAction)]
#[action_output(bool)]
struct Given;

/// Which command an action gives.
#[derive(Component, Debug, Clone, Copy)]
pub(super) struct Means(Command);

/// When [`Controls`] are read; what acts on them in `PreUpdate` comes afterwards.
#[derive(SystemSet, Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReadControls;

/// Adds the devices.
pub fn plugin(app: &mut App) {
    app.init_resource::<ButtonInput<KeyCode>>()
        .init_resource::<ButtonInput<MouseButton>>()
        .add_message::<KeyboardInput>()
        .add_message::<MouseButtonInput>()
        .add_message::<GamepadButtonStateChangedEvent>()
        .add_message::<GamepadAxisChangedEvent>()
        .init_resource::<Time>()
        .init_resource::<Time<Real>>()
        .init_resource::<Bindings>()
        .init_resource::<Controls>()
        .add_plugins(EnhancedInputPlugin)
        .add_input_context::<Device>()
        .add_systems(
            PreUpdate,
            (adopt, lay_out.run_if(resource_changed::<Bindings>), keep_taps, keep_pad_taps)
                .chain()
                .after(InputSystems)
                .before(EnhancedInputSystems::Prepare),
        )
        .add_systems(PreUpdate, read.after(EnhancedInputSystems::Apply).in_set(ReadControls));
}

/// Commands whose keys and buttons are always the same.
fn fixed() -> impl Iterator<Item = (Command, Binding)> {
    let control = |key: KeyCode| key.with_mod_keys(ModKeys::CONTROL);
    let keys = [
        (Command::Leave, KeyCode::Escape),
        (Command::Back, KeyCode::Escape),
        (Command::Faster, KeyCode::NumpadAdd),
        (Command::Slower, KeyCode::NumpadSubtract),
        (Command::Above, KeyCode::ArrowUp),
        (Command::Above, KeyCode::KeyW),
        (Command::Before, KeyCode::ArrowLeft),
        (Command::Before, KeyCode::KeyA),
        (Command::Below, KeyCode::ArrowDown),
        (Command::Below, KeyCode::KeyS),
        (Command::After, KeyCode::ArrowRight),
        (Command::After, KeyCode::KeyD),
        (Command::OwnLevel, KeyCode::KeyM),
        (Command::Begin, KeyCode::Enter),
        (Command::Begin, KeyCode::NumpadEnter),
        (Command::Begin, KeyCode::Space),
        (Command::GoOn, KeyCode::KeyG),
        (Command::Watch, KeyCode::KeyX),
        (Command::Preferences, KeyCode::KeyO),
    ];
    let others = [
        (Command::Undo, control(KeyCode::KeyZ)),
        (Command::Redo, control(KeyCode::KeyY)),
        (Command::Draw, MouseButton::Left.into()),
        (Command::Erase, MouseButton::Right.into()),
    ];
    let digits = DIGITS.into_iter().enumerate().map(|(number, key)| (Command::Choice(number), key.into()));
    keys.into_iter().map(|(command, key)| (command, key.into())).chain(others).chain(digits)
}

/// What the buttons of a gamepad in `hand` (0 left, 1 right) do in a world, and what they are called.
pub fn buttons(hand: usize) -> [(Command, GamepadButton, &'static str); 14] {
    let mine = |left, right| if hand == 0 { left } else { right };
    [
        (mine(Command::LeftUp, Command::RightUp), GamepadButton::DPadUp, "up, or the left stick"),
        (mine(Command::LeftLeft, Command::RightLeft), GamepadButton::DPadLeft, "left"),
        (mine(Command::LeftDown, Command::RightDown), GamepadButton::DPadDown, "down"),
        (mine(Command::LeftRight, Command::RightRight), GamepadButton::DPadRight, "right"),
        (mine(Command::LeftFire, Command::RightFire), GamepadButton::South, "bottom button"),
        (mine(Command::TakeFirst, Command::TakeSecond), GamepadButton::West, "left button"),
        (Command::Restart, GamepadButton::North, "top button"),
        (Command::Compare, GamepadButton::East, "right button"),
        (Command::Blame, GamepadButton::LeftTrigger, "left bumper"),
        (Command::Praise, GamepadButton::RightTrigger, "right bumper"),
        (Command::Slower, GamepadButton::LeftTrigger2, "left trigger"),
        (Command::Faster, GamepadButton::RightTrigger2, "right trigger"),
        (Command::Pause, GamepadButton::Start, "start"),
        (Command::Leave, GamepadButton::Select, "select"),
    ]
}

/// The same on the title screen; there it does not matter whose gamepad it is.
const TITLE_BUTTONS: [(Command, GamepadButton); 10] = [
    (Command::Above, GamepadButton::DPadUp),
    (Command::Before, GamepadButton::DPadLeft),
    (Command::Below, GamepadButton::DPadDown),
    (Command::After, GamepadButton::DPadRight),
    (Command::NextLevel, GamepadButton::RightTrigger),
    (Command::Begin, GamepadButton::South),
    (Command::Begin, GamepadButton::Start),
    (Command::GoOn, GamepadButton::West),
    (Command::Watch, GamepadButton::North),
    (Command::Back, GamepadButton::East),
];

/// Both ends of the left stick's axes, in the order of `up`, `left`, `down` and `right`.
fn stick(hand: usize) -> impl Iterator<Item = (Command, GamepadAxis, Clamp)> {
    let ends = [
        (GamepadAxis::LeftStickY, Clamp::pos()),
        (GamepadAxis::LeftStickX, Clamp::neg()),
        (GamepadAxis::LeftStickY, Clamp::neg()),
        (GamepadAxis::LeftStickX, Clamp::pos()),
    ];
    let title = [Command::Above, Command::Before, Command::Below, Command::After];
    let commands = buttons(hand).into_iter().map(|(command, ..)| command).take(4);
    let pairs = commands.zip(ends).chain(title.into_iter().zip(ends));
    pairs.map(|(command, (axis, end))| (command, axis, end))
}

/// Puts the present keys on the keyboard.
fn lay_out(
    mut commands: Commands,
    bindings: Res<Bindings>,
    old: Query<Entity, (With<Device>, Without<Pad>)>,
) {
    old.iter().for_each(|device| commands.entity(device).despawn());
    let chosen = COMMANDS.map(|(command, ..)| (command, Binding::from(bindings.key(command))));
    let keys = chosen.into_iter().chain(fixed()).map(|(command, binding)| (command, (binding,)));
    // A key that is held while keys are laid out anew gives no command.
    let settings = ActionSettings { require_reset: true, ..default() };
    commands.spawn((Device, GamepadDevice::None, actions(keys.collect(), settings)));
}

/// Gives gamepads that were plugged in to a hand, and forgets those that were pulled out.
fn adopt(
    mut commands: Commands,
    gamepads: Query<Entity, With<Gamepad>>,
    adopted: Query<(Entity, &Pad)>,
    notice: Option<ResMut<Notice>>,
) {
    for (device, _) in adopted.iter().filter(|(_, pad)| !gamepads.contains(pad.gamepad)) {
        commands.entity(device).despawn();
    }
    let new = gamepads.iter().find(|gamepad| adopted.iter().all(|(_, pad)| pad.gamepad != *gamepad));
    let Some(gamepad) = new else { return };
    // A third one shares the left hand's keys.
    let free = |hand: &usize| adopted.iter().all(|(_, pad)| pad.hand != *hand);
    let hand = (0..2).find(free).unwrap_or(0);
    let game = buttons(hand).into_iter().map(|(command, button, _)| (command, button));
    let pressed =
        game.chain(TITLE_BUTTONS).map(|(command, button)| (command, Binding::from(button), Clamp::pos()));
    let moved = stick(hand).map(|(command, axis, end)| (command, Binding::from(axis), end));
    let all =
        pressed.chain(moved).map(|(command, binding, end)| (command, (binding, end, Down::new(ACTUATION))));
    // Sticks that rest a little off their middle are never quite let go.
    let actions = actions(all.collect(), ActionSettings::default());
    commands.spawn((Device, Pad { gamepad, hand }, GamepadDevice::Single(gamepad), actions));
    if let Some(mut notice) = notice {
        notice.say(format!("a gamepad moves what the {} hand's keys move", ["left", "right"][hand]));
    }
}

/// An action for every command, each with all that gives it.
fn actions<B: Bundle>(given: Vec<(Command, B)>, settings: ActionSettings) -> impl Bundle {
    let mut by_command = std::collections::BTreeMap::<Command, Vec<B>>::new();
    for (command, bundle) in given {
        by_command.entry(command).or_default().push(bundle);
    }
    Actions::<Device>::spawn(SpawnIter(by_command.into_iter().map(move |(command, bundles)| {
        let bound = BoundTo::spawn(SpawnIter(bundles.into_iter()));
        (Action::<Given>::new(), settings, Means(command), bound)
    })))
}

/// Collects what is given; keys mean something else while somebody types, and with Ctrl.
pub(super) fn read(
    mut controls: ResMut<Controls>,
    keyboard: Res<ButtonInput<KeyCode>>,
    screen: Option<Res<Screen>>,
    actions: Query<(&Means, &TriggerState, &ActionEvents)>,
) {
    let mut now = Controls::default();
    let typing = screen.is_some_and(|screen| screen.typing);
    let chord = keyboard.any_pressed([KeyCode::ControlLeft, KeyCode::ControlRight]);
    for (Means(command), state, events) in &actions {
        let mouse = matches!(command, Command::Draw | Command::Erase);
        if typing && !mouse {
            continue;
        }
        if *state == TriggerState::Fired {
            now.held.push(*command);
        }
        let chorded = mouse || matches!(command, Command::Undo | Command::Redo);
        if events.contains(ActionEvents::START) && (!chord || chorded) {
            now.struck.push(*command);
        }
    }
    controls.set_if_neq(now);
}

#[cfg(test)]
pub(crate) mod tests {
    use bevy::input::ButtonState;
    use bevy::input::keyboard::{Key, NativeKey};

    use super::*;

    /// Finishes `app` and lets its devices be there.
    pub(crate) fn ready(app: &mut App) {
        app.finish();
        app.cleanup();
        app.update();
    }

    /// Strikes `key` within one frame.
    pub(crate) fn strike(app: &mut App, key: KeyCode) {
        app.world_mut().resource_mut::<ButtonInput<KeyCode>>().press(key);
        app.update();
        let mut keyboard = app.world_mut().resource_mut::<ButtonInput<KeyCode>>();
        keyboard.release(key);
        keyboard.clear();
        app.update();
    }

    fn app() -> App {
        let mut app = App::new();
        app.add_plugins((bevy::input::InputPlugin, plugin)).init_resource::<Notice>();
        ready(&mut app);
        app
    }

    fn given(app: &App) -> (Vec<Command>, Vec<Command>) {
        let controls = app.world().resource::<Controls>();
        (controls.held.clone(), controls.struck.clone())
    }

    #[test]
    fn taps_within_one_frame_are_struck_once_each() {
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
            let (held, struck) = given(&app);
            [held, struck].map(|commands| commands.contains(&Command::Max))
        };
        let (down, up) = (ButtonState::Pressed, ButtonState::Released);
        assert_eq!(frame(&[down, up]), [true, true]);
        assert_eq!(frame(&[]), [false, false]);
        // A second tap right after the first, and one that goes on.
        assert_eq!(frame(&[down, up]), [true, true]);
        assert_eq!(frame(&[down, up]), [false, false]);
        assert_eq!(frame(&[]), [true, true]);
        assert_eq!(frame(&[down]), [false, false]);
        assert_eq!(frame(&[]), [true, true]);
        assert_eq!(frame(&[]), [true, false]);
        assert_eq!(frame(&[up]), [false, false]);
    }

    #[test]
    fn a_gamepad_moves_the_hand_it_was_given_and_the_second_one_the_other() {
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
            given(app).0
        };
        assert_eq!(tilt(&mut app, first, GamepadAxis::LeftStickX, -0.3), []);
        assert_eq!(
            tilt(&mut app, first, GamepadAxis::LeftStickX, -0.8),
            [Command::LeftLeft, Command::Before]
        );
        assert_eq!(tilt(&mut app, first, GamepadAxis::LeftStickX, 0.0), []);
        assert_eq!(tilt(&mut app, second, GamepadAxis::LeftStickY, 0.9), [Command::RightUp, Command::Above]);
        assert_eq!(tilt(&mut app, second, GamepadAxis::LeftStickY, 0.0), []);
        let fire = |app: &mut App, entity| {
            let mut gamepad = app.world_mut().get_mut::<Gamepad>(entity).unwrap();
            gamepad.analog_mut().set(GamepadButton::South, 1.0);
            app.update();
            given(app).1
        };
        assert_eq!(fire(&mut app, second), [Command::RightFire, Command::Begin]);
        // Where cards are looked at the right button leads back; in a world it does not.
        let mut gamepad = app.world_mut().get_mut::<Gamepad>(first).unwrap();
        gamepad.analog_mut().set(GamepadButton::East, 1.0);
        app.update();
        assert_eq!(given(&app).1, [Command::Compare, Command::Back]);
        app.world_mut().get_mut::<Gamepad>(first).unwrap().analog_mut().set(GamepadButton::East, 0.0);
        app.world_mut().despawn(second);
        app.update();
        app.update();
        assert_eq!(given(&app).0, []);
    }
}
