//! Input: turns keys into the actions of human players. `controls` reads the keys.

#[cfg(test)]
mod tests;

use bevy::prelude::*;

use super::bindings::Bindings;
use super::commands::{AddKeys as _, KeyCommand, KeyGroup, KeySpec, Trigger};
use super::controls::taps::{Down, HOLD, tap};
use super::controls::{Controls, ObeyControls};
use crate::agent::{Controller, ControllerAssignment, HumanInput, Watched};
use crate::mdp::{Action, ActionButton, ActionDimension, ActionSpace};
use crate::sim::AgentSlots;
use crate::sim::arena::Spec;
use crate::sim::pace::Pace;

/// Adds the input of human players. Add after `controls`.
pub(super) fn plugin(app: &mut App) {
    app.add_keys(MOVE_KEYS).add_systems(PreUpdate, play.in_set(ObeyControls).run_if(resource_exists::<Spec>));
}

/// The keys that move players. The left hand's keys belong to the first of two human players, the right hand's to the
/// second.
pub const MOVE_KEYS: &[KeySpec] = &[
    hand("left_up", "left hand: up", KeyCode::KeyW, 0, &PAD[0]),
    hand("left_left", "left hand: left", KeyCode::KeyA, 0, &PAD[1]),
    hand("left_down", "left hand: down", KeyCode::KeyS, 0, &PAD[2]),
    hand("left_right", "left hand: right", KeyCode::KeyD, 0, &PAD[3]),
    hand("left_fire", "left hand: fire", KeyCode::KeyF, 0, FIRE),
    hand("right_up", "right hand: up", KeyCode::ArrowUp, 1, &PAD[0]),
    hand("right_left", "right hand: left", KeyCode::ArrowLeft, 1, &PAD[1]),
    hand("right_down", "right hand: down", KeyCode::ArrowDown, 1, &PAD[2]),
    hand("right_right", "right hand: right", KeyCode::ArrowRight, 1, &PAD[3]),
    hand("right_fire", "right hand: fire", KeyCode::Enter, 1, FIRE),
];

/// D-pad and left stick of a gamepad: up, left, down and right.
pub const PAD: [[Trigger; 2]; 4] = [
    [Trigger::Button(GamepadButton::DPadUp), Trigger::Stick(GamepadAxis::LeftStickY, true)],
    [Trigger::Button(GamepadButton::DPadLeft), Trigger::Stick(GamepadAxis::LeftStickX, false)],
    [Trigger::Button(GamepadButton::DPadDown), Trigger::Stick(GamepadAxis::LeftStickY, false)],
    [Trigger::Button(GamepadButton::DPadRight), Trigger::Stick(GamepadAxis::LeftStickX, true)],
];
const FIRE: &[Trigger] = &[Trigger::Button(GamepadButton::South)];

const fn hand(
    id: &'static str,
    meaning: &'static str,
    key: KeyCode,
    hand: usize,
    also: &'static [Trigger],
) -> KeySpec {
    KeySpec { hand: Some(hand), also, ..KeySpec::new(id, meaning, key, KeyGroup::Movement) }
}

/// Take over a slot, or return it; in the order of `PlayerRole::ALL`.
pub const TAKE_OVER: [KeyCommand; 2] = [KeyCommand("take_first"), KeyCommand("take_second")];

/// By [`ActionButton`]: its command in the left and in the right key set.
const BUTTON_COMMANDS: [[KeyCommand; 2]; 5] = [
    [MOVE_KEYS[0].command, MOVE_KEYS[5].command],
    [MOVE_KEYS[1].command, MOVE_KEYS[6].command],
    [MOVE_KEYS[2].command, MOVE_KEYS[7].command],
    [MOVE_KEYS[3].command, MOVE_KEYS[8].command],
    [MOVE_KEYS[4].command, MOVE_KEYS[9].command],
];

/// A button of a player: of either key set, or of one alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Press {
    button: ActionButton,
    hand: Option<usize>,
}

impl Press {
    /// Its commands in the key sets that a player has.
    fn commands(self, key_sets: [bool; 2]) -> impl Iterator<Item = KeyCommand> {
        let own = move |hand: &usize| key_sets[*hand] && self.hand.is_none_or(|only| only == *hand);
        (0..2).filter(own).map(move |hand| BUTTON_COMMANDS[self.button as usize][hand])
    }
}

/// Labels of the keys in key set `hand` (0 left, 1 right) that do something in this world for a player with `key_sets`.
pub fn labels(
    actions: &ActionSpace,
    key_sets: [bool; 2],
    hand: usize,
    bindings: &Bindings,
) -> impl Iterator<Item = &'static str> {
    let only = [hand == 0, hand == 1];
    let used: Vec<KeyCommand> = choices(actions, false, key_sets)
        .into_iter()
        .flat_map(|(_, presses)| presses)
        .flat_map(|press| press.commands(only))
        .collect();
    let known = BUTTON_COMMANDS.iter().map(move |commands| commands[hand]);
    known.filter(move |command| used.contains(command)).map(|command| bindings.label(command))
}

/// The middle of a box.
fn middle(actions: &ActionSpace) -> Vec<f32> {
    actions.dimensions().iter().map(ActionDimension::middle).collect()
}

/// What a player with `key_sets` can choose, with these buttons: named actions, or the bounds of those dimensions of a
/// box that have buttons.
fn choices(actions: &ActionSpace, mirrored: bool, key_sets: [bool; 2]) -> Vec<(Action, Vec<Press>)> {
    let either = |button: ActionButton| Press { button, hand: None };
    let named = |index: usize| {
        let buttons = actions.buttons(index, mirrored)?;
        Some((Action::Discrete(index as u16), buttons.into_iter().map(either).collect()))
    };
    let dimensions = actions.dimensions();
    if dimensions.is_empty() {
        return (0..actions.len()).filter_map(named).collect();
    }
    let of_hand = |index: usize, hand: usize| {
        let axis = actions.axis_of_hand(hand, index)?;
        Some(axis.map(|button| Press { button, hand: Some(hand) }))
    };
    let apart = key_sets == [true, true] && (0..dimensions.len()).any(|index| of_hand(index, 1).is_some());
    let axis = |index: usize| match apart {
        true => (0..2).find_map(|hand| of_hand(index, hand)),
        false => actions.axis(index, mirrored).map(|axis| axis.map(either)),
    };
    let mut all = vec![(middle(actions), Vec::new())];
    for (index, own) in dimensions.iter().enumerate() {
        let Some([low, high]) = axis(index) else { continue };
        for (values, presses) in all.clone() {
            for (bound, press) in [(own.low, low), (own.high, high)] {
                let (mut values, mut presses) = (values.clone(), presses.clone());
                values[index] = bound;
                presses.push(press);
                all.push((values, presses));
            }
        }
    }
    all.into_iter().skip(1).map(|(values, presses)| (Action::continuous(&values), presses)).collect()
}

/// The actions of a human player who presses nothing: the first action without a button. Where every action has one, all
/// of them in turn, so that they cancel out.
fn idle(actions: &ActionSpace) -> Vec<Action> {
    if actions.is_continuous() {
        return vec![Action::continuous(&middle(actions))];
    }
    let numbered = |index: usize| Action::Discrete(index as u16);
    match (0..actions.len()).find(|index| actions.buttons(*index, false).is_none()) {
        Some(index) => vec![numbered(index)],
        None => (0..actions.len()).map(numbered).collect(),
    }
}

/// Which key sets (left, right) control `slot`: both if there is one human player; the left set controls the first and the
/// right set the second of two.
pub fn key_sets(assignment: &ControllerAssignment, slot: usize) -> [bool; 2] {
    let humans =
        || assignment.watched.iter().enumerate().filter(|(_, controller)| **controller == Controller::Human);
    if humans().count() < 2 {
        return [true, true];
    }
    let place = humans().position(|(own, _)| own == slot);
    [place == Some(0), place == Some(1)]
}

/// The choice with the most buttons among those whose buttons are all `down` and which are `wanted`; the first one of
/// several.
fn chosen(
    choices: &[(Action, Vec<Press>)],
    down: impl Fn(Press) -> bool,
    wanted: impl Fn(&[Press]) -> bool,
) -> Option<&(Action, Vec<Press>)> {
    choices
        .iter()
        .enumerate()
        .filter(|(_, (_, presses))| presses.iter().all(|press| down(*press)) && wanted(presses))
        .max_by_key(|(index, (_, presses))| (presses.len(), std::cmp::Reverse(*index)))
        .map(|(_, choice)| choice)
}

/// A tap is one action; only a key that stays down is held, for every step until it is released.
fn play(
    controls: Res<Controls>,
    spec: Res<Spec>,
    assignment: Option<Res<ControllerAssignment>>,
    input: Option<ResMut<HumanInput>>,
    pace: Option<Res<Pace>>,
    time: Res<Time>,
    watched: Query<&AgentSlots, With<Watched>>,
    mut down: Local<Down>,
) {
    let (Some(assignment), Some(mut input)) = (assignment, input) else { return };
    if spec.is_changed() {
        input.idle = idle(&spec.action);
    }
    down.follow(&controls, time.delta_secs());
    let pace = pace.map_or_else(Pace::default, |pace| *pace);
    let paused = pace.paused || watched.iter().any(|slots| slots.on_hold);
    let least = if pace.unlimited || pace.speed > 1.0 { HOLD } else { 0.0 };
    for slot in 0..spec.slots() {
        let key_sets = key_sets(&assignment, slot);
        let choices = choices(&spec.action, !spec.on_first_side(slot), key_sets);
        let any = |press: Press, state: &dyn Fn(KeyCommand) -> bool| press.commands(key_sets).any(state);
        let human = assignment.watched.get(slot) == Some(&Controller::Human) && !pace.held;
        let held = chosen(&choices, |press| any(press, &|command| down.holds(command, least)), |_| true);
        let held = held.filter(|_| human).map(|(action, _)| *action);
        // Written only on change, for change detection.
        if input.held[slot] != held {
            input.held[slot] = held;
        }
        let tapped = chosen(
            &choices,
            |press| any(press, &|command| controls.pressed(command)),
            |presses| presses.iter().any(|press| any(*press, &|command| controls.just_pressed(command))),
        );
        // While play is paused, only the last tap counts for the next step.
        let clears = !human || (paused && tapped.is_some());
        if clears && !input.tapped[slot].is_empty() {
            input.tapped[slot].clear();
        }
        if let Some((action, presses)) = tapped.filter(|_| human) {
            let of = |action: Action| {
                let own = choices.iter().find(|(other, _)| *other == action);
                own.map(|(_, presses)| presses.clone()).unwrap_or_default()
            };
            tap(&mut input.tapped[slot], *action, presses, of);
        }
    }
}
