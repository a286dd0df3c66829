//! Controls: reads keyboard, mouse and gamepads through `bevy_enhanced_input` into key commands. `bindings` says which key
//! triggers which command.

mod pads;
pub(super) mod taps;

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
use bevy_state::prelude::State;

use super::bindings::Bindings;
use super::commands::{AddKeys as _, KeyCommand, KeyRegistry, KeySpec, Trigger};
use super::preferences::bind;
use super::screens::Visit;
use super::{ScreenLayout, Toast};
use crate::sim::arena::Spec;
pub use pads::buttons;
use taps::{keep_pad_taps, keep_taps};

/// Deflection from which a stick or trigger counts as pressed, 0 to 1.
pub(super) const ACTUATION: f32 = 0.5;

/// The commands that are pressed in this frame.
#[derive(Resource, Debug, Clone, Default, PartialEq)]
pub struct Controls {
    pressed: Vec<KeyCommand>,
    just_pressed: Vec<KeyCommand>,
}

impl Controls {
    /// Whether `command` is pressed.
    pub fn pressed(&self, command: KeyCommand) -> bool {
        self.pressed.contains(&command)
    }

    /// All pressed commands.
    pub(super) fn all_pressed(&self) -> &[KeyCommand] {
        &self.pressed
    }

    /// Whether `command` was pressed in this frame.
    pub fn just_pressed(&self, command: KeyCommand) -> bool {
        self.just_pressed.contains(&command)
    }

    /// All commands that were pressed in this frame.
    pub fn all_just_pressed(&self) -> &[KeyCommand] {
        &self.just_pressed
    }

    /// Removes `command`, so that nothing else reacts to it.
    pub fn consume(&mut self, command: KeyCommand) {
        self.pressed.retain(|pressed| *pressed != command);
        self.just_pressed.retain(|pressed| *pressed != command);
    }

    /// The numbered choice that was pressed in this frame, counted from 0.
    pub fn choice(&self) -> Option<usize> {
        CHOICES.iter().position(|spec| self.just_pressed(spec.command))
    }
}

/// Numbered choices of a screen.
pub const CHOICES: &[KeySpec] = &[
    KeySpec::fixed("choice_1", "", &[Trigger::Key(KeyCode::Digit1)]),
    KeySpec::fixed("choice_2", "", &[Trigger::Key(KeyCode::Digit2)]),
    KeySpec::fixed("choice_3", "", &[Trigger::Key(KeyCode::Digit3)]),
    KeySpec::fixed("choice_4", "", &[Trigger::Key(KeyCode::Digit4)]),
    KeySpec::fixed("choice_5", "", &[Trigger::Key(KeyCode::Digit5)]),
    KeySpec::fixed("choice_6", "", &[Trigger::Key(KeyCode::Digit6)]),
    KeySpec::fixed("choice_7", "", &[Trigger::Key(KeyCode::Digit7)]),
    KeySpec::fixed("choice_8", "", &[Trigger::Key(KeyCode::Digit8)]),
    KeySpec::fixed("choice_9", "", &[Trigger::Key(KeyCode::Digit9)]),
];

/// Keyboard and mouse, or a gamepad: the input context of actions.
#[derive(Component)]
struct Device;

/// A device that is a gamepad.
#[derive(Component, Debug, Clone, Copy)]
struct Pad {
    gamepad: Entity,
    /// 0 acts as the left hand's keys, 1 as the right hand's.
    hand: usize,
}

/// The action of every command; [`Bound`] says of which.
#[derive(InputAction)]
#[action_output(bool)]
struct Pressed;

/// The command of an action.
#[derive(Component, Debug, Clone, Copy)]
pub(super) struct Bound {
    command: KeyCommand,
    /// Whether the mouse triggers it, which also works while typing.
    mouse: bool,
    /// Whether it may be triggered while Ctrl is held.
    chord: bool,
}

impl Bound {
    fn new(spec: &KeySpec) -> Self {
        let mouse = spec.also.iter().any(|trigger| matches!(trigger, Trigger::Mouse(_)));
        let ctrl = spec.also.iter().any(|trigger| matches!(trigger, Trigger::Ctrl(_)));
        Self { command: spec.command, mouse, chord: mouse || ctrl }
    }
}

/// When [`Controls`] are read, in `PreUpdate`.
#[derive(SystemSet, Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReadControls;

/// When commands take effect, in `PreUpdate` after [`ReadControls`].
#[derive(SystemSet, Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObeyControls;

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
        .init_resource::<KeyRegistry>()
        .init_resource::<Bindings>()
        .init_resource::<Controls>()
        .add_keys(CHOICES)
        .add_plugins(EnhancedInputPlugin)
        .add_input_context::<Device>()
        .add_systems(
            PreUpdate,
            (
                bind.run_if(resource_changed::<KeyRegistry>),
                bind_gamepads,
                bind_keyboard.run_if(resource_changed::<Bindings>),
                keep_taps,
                keep_pad_taps,
            )
                .chain()
                .after(InputSystems)
                .before(EnhancedInputSystems::Prepare),
        )
        .configure_sets(PreUpdate, ObeyControls.after(ReadControls))
        .add_systems(
            PreUpdate,
            (
                read.after(EnhancedInputSystems::Apply).in_set(ReadControls),
                // Effects of commands need a world; other screens read `Controls` themselves.
                obey.in_set(ObeyControls)
                    .run_if(resource_exists::<Spec>.and_then(is_playing).and_then(any_just_pressed)),
            ),
        );
}

/// Executes the commands pressed in this frame.
fn obey(world: &mut World) {
    let pressed = world.resource::<Controls>().all_just_pressed().to_vec();
    for command in pressed {
        let Some(spec) = world.resource::<KeyRegistry>().get(command).copied() else { continue };
        if let Some(act) = spec.act.filter(|_| spec.applies(world)) {
            act(world);
        }
    }
}

/// Whether the player has not left the world. True without screens, as in a game of your own.
fn is_playing(visit: Option<Res<State<Visit>>>) -> bool {
    visit.is_none_or(|visit| *visit.get() == Visit::Playing)
}

/// Whether any command was pressed in this frame.
fn any_just_pressed(controls: Res<Controls>) -> bool {
    !controls.just_pressed.is_empty()
}

/// The commands of the left (0) or right (1) hand's gamepad.
fn of_hand(registry: &KeyRegistry, hand: usize) -> impl Iterator<Item = &KeySpec> {
    registry.all().iter().filter(move |spec| spec.hand.is_none_or(|own| own == hand))
}

/// Keys and mouse buttons of `spec`, which is bound to `chosen`.
fn keyboard_of(spec: &KeySpec, chosen: Option<KeyCode>) -> Vec<(Binding,)> {
    let fixed = spec.also.iter().filter_map(|trigger| match trigger {
        Trigger::Key(key) => Some((*key).into()),
        Trigger::Ctrl(key) => Some(key.with_mod_keys(ModKeys::CONTROL)),
        Trigger::Mouse(button) => Some((*button).into()),
        Trigger::Button(_) | Trigger::Stick(..) => None,
    });
    chosen.map(Binding::from).into_iter().chain(fixed).map(|binding| (binding,)).collect()
}

/// Gamepad buttons and sticks of `spec`.
fn gamepad_of(spec: &KeySpec) -> Vec<(Binding, Clamp, Down)> {
    let bound = spec.also.iter().filter_map(|trigger| match trigger {
        Trigger::Button(button) => Some((Binding::from(*button), Clamp::pos())),
        Trigger::Stick(axis, true) => Some((Binding::from(*axis), Clamp::pos())),
        Trigger::Stick(axis, false) => Some((Binding::from(*axis), Clamp::neg())),
        Trigger::Key(_) | Trigger::Ctrl(_) | Trigger::Mouse(_) => None,
    });
    bound.map(|(binding, end)| (binding, end, Down::new(ACTUATION))).collect()
}

/// Binds the keyboard.
fn bind_keyboard(
    mut commands: Commands,
    registry: Res<KeyRegistry>,
    bindings: Res<Bindings>,
    old: Query<Entity, (With<Device>, Without<Pad>)>,
) {
    old.iter().for_each(|device| commands.entity(device).despawn());
    let keys = registry.all().iter().map(|spec| {
        let chosen = spec.key.map(|_| bindings.key(spec.command));
        (*spec, keyboard_of(spec, chosen))
    });
    // A key that is held while keys are rebound triggers nothing.
    let settings = ActionSettings { require_reset: true, ..default() };
    commands.spawn((Device, GamepadDevice::None, actions(keys.collect(), settings)));
}

/// Binds newly connected gamepads, and removes disconnected ones.
fn bind_gamepads(
    mut commands: Commands,
    gamepads: Query<Entity, With<Gamepad>>,
    bound: Query<(Entity, &Pad)>,
    registry: Res<KeyRegistry>,
    toast: Option<ResMut<Toast>>,
) {
    for (device, _) in bound.iter().filter(|(_, pad)| !gamepads.contains(pad.gamepad)) {
        commands.entity(device).despawn();
    }
    let new = gamepads.iter().find(|gamepad| bound.iter().all(|(_, pad)| pad.gamepad != *gamepad));
    let Some(gamepad) = new else { return };
    // A third one acts as the left hand's keys as well.
    let free = |hand: &usize| bound.iter().all(|(_, pad)| pad.hand != *hand);
    let hand = (0..2).find(free).unwrap_or(0);
    let commands_of_hand = of_hand(&registry, hand).map(|spec| (*spec, gamepad_of(spec)));
    // No reset: a stick that rests off its center is never fully released.
    let actions = actions(commands_of_hand.collect(), ActionSettings::default());
    commands.spawn((Device, Pad { gamepad, hand }, GamepadDevice::Single(gamepad), actions));
    if let Some(mut toast) = toast {
        toast.show(format!("gamepad connected: it acts as the {} hand's keys", ["left", "right"][hand]));
    }
}

/// An action for every command with bindings.
fn actions<B: Bundle>(bindings: Vec<(KeySpec, Vec<B>)>, settings: ActionSettings) -> impl Bundle {
    let bindings = bindings.into_iter().filter(|(_, bundles)| !bundles.is_empty());
    Actions::<Device>::spawn(SpawnIter(bindings.map(move |(spec, bundles)| {
        let bound = BoundTo::spawn(SpawnIter(bundles.into_iter()));
        (Action::<Pressed>::new(), settings, Bound::new(&spec), bound)
    })))
}

/// Collects pressed commands; keys are ignored while typing, and with Ctrl unless bound with it.
pub(super) fn read(
    mut controls: ResMut<Controls>,
    keyboard: Res<ButtonInput<KeyCode>>,
    screen: Option<Res<ScreenLayout>>,
    actions: Query<(&Bound, &TriggerState, &ActionEvents)>,
) {
    let mut now = Controls::default();
    let typing = screen.is_some_and(|screen| screen.typing);
    let chord = keyboard.any_pressed([KeyCode::ControlLeft, KeyCode::ControlRight]);
    for (bound, state, events) in &actions {
        if typing && !bound.mouse {
            continue;
        }
        if *state == TriggerState::Fired {
            now.pressed.push(bound.command);
        }
        if events.contains(ActionEvents::START) && (!chord || bound.chord) {
            now.just_pressed.push(bound.command);
        }
    }
    controls.set_if_neq(now);
}

#[cfg(test)]
pub(crate) mod tests;
