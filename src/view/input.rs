//! Input: commands as a player's and as a remote control's. What gives them is left to `controls`; the panel shows it.

use bevy::prelude::*;

use super::bindings::{Bindings, Command};
use super::controls::{Controls, ReadControls};
use super::taps::{Down, HOLD, tap};
use super::{Notice, Screen, editor};
use crate::agent::feedback::{Feedback, HumanFeedback};
use crate::agent::{Controller, ControllerAssignment, HumanInput};
use crate::insight::compare::{self, Comparison};
use crate::insight::playback;
use crate::insight::rounds::Rounds;
use crate::insight::seating::{Seat, Seating};
use crate::insight::values::{MapLayer, OverlaySettings};
use crate::mdp::{Action, EnvironmentSpec};
use crate::sim::arena::{EnvironmentHooks, Spec};
use crate::sim::pace::{Pace, SPEED_RANGE};
use crate::sim::worlds::rooms::Rooms;
use crate::sim::{AgentSlots, Arena};

/// Exit code of an arcade that was left for the title screen.
pub const HOME: u8 = 64;

/// Exit code of an arcade that was left for a level that was drawn in it.
pub const LEVEL: u8 = 65;

/// Adds what commands do in a world.
pub(super) fn plugin(app: &mut App) {
    app.init_resource::<Seating>().add_plugins(super::controls::plugin).add_systems(
        PreUpdate,
        (play, sit_down, say, steer_time, steer_screen).after(ReadControls).run_if(resource_exists::<Spec>),
    );
}

/// What actions are made of, and the commands of the left hand and of the right one that stand for it.
const KEYS: [(&str, [Command; 2]); 5] = [
    ("up", [Command::LeftUp, Command::RightUp]),
    ("left", [Command::LeftLeft, Command::RightLeft]),
    ("down", [Command::LeftDown, Command::RightDown]),
    ("right", [Command::LeftRight, Command::RightRight]),
    ("fire", [Command::LeftFire, Command::RightFire]),
];

/// The keys of an action by their places in [`KEYS`]: `up` has one, `up+left` two that are held together;
/// `None` for an action that has none, such as `wait`. Where both sides see a world from their own end,
/// `forward` is right for the first side and left for the `other` one, and `back` the way home.
fn keys(action: &str, other: bool) -> Option<Vec<usize>> {
    let place = |key| {
        let key = match (key, other) {
            ("forward", false) | ("back", true) => "right",
            ("forward", true) | ("back", false) => "left",
            _ => key,
        };
        KEYS.iter().position(|(name, _)| *name == key)
    };
    action.split('+').map(place).collect()
}

/// What is printed on the keys of `hand` (0 left, 1 right) that do something in this world.
pub fn labels(actions: &[String], hand: usize, bindings: &Bindings) -> impl Iterator<Item = &'static str> {
    let used: Vec<usize> = actions.iter().filter_map(|action| keys(action, false)).flatten().collect();
    let known = KEYS.iter().enumerate().filter(move |(index, _)| used.contains(index));
    known.map(move |(_, (_, commands))| bindings.label(commands[hand]))
}

/// What a person does without touching a key: the first action that has none. Where every action has
/// one, all in turn, so that they cancel out.
fn idle(actions: &[String]) -> Vec<Action> {
    let numbered = |index: usize| Action::Discrete(index as u16);
    match actions.iter().position(|name| keys(name, false).is_none()) {
        Some(index) => vec![numbered(index)],
        None => (0..actions.len()).map(numbered).collect(),
    }
}

/// Which hands play a slot: both when one person plays, one each when two do, the left hand the first slot of both.
pub fn hands(assignment: &ControllerAssignment, slot: usize) -> [bool; 2] {
    let humans = || assignment.watched.iter().enumerate().filter(|(_, seat)| **seat == Controller::Human);
    if humans().count() < 2 {
        return [true, true];
    }
    let place = humans().position(|(own, _)| own == slot);
    [place == Some(0), place == Some(1)]
}

/// Of the actions whose keys `down` tells to be down and that are `wanted` the one with most keys, the first of several.
fn chosen(
    spec: &EnvironmentSpec,
    slot: usize,
    down: impl Fn(usize) -> bool,
    wanted: impl Fn(&[usize]) -> bool,
) -> Option<(Action, Vec<usize>)> {
    let names = spec.action.names().iter().enumerate();
    let known = names.filter_map(|(index, name)| Some((index, keys(name, !spec.on_first_side(slot))?)));
    known
        .filter(|(_, keys)| keys.iter().all(|&key| down(key)) && wanted(keys))
        .max_by_key(|(index, keys)| (keys.len(), std::cmp::Reverse(*index)))
        .map(|(index, keys)| (Action::Discrete(index as u16), keys))
}

/// A key that is struck is one action; only one that is still down afterwards is held, for as many steps as there are.
fn play(
    controls: Res<Controls>,
    spec: Res<Spec>,
    assignment: Option<Res<ControllerAssignment>>,
    input: Option<ResMut<HumanInput>>,
    pace: Option<Res<Pace>>,
    time: Res<Time>,
    seats: Query<&AgentSlots>,
    mut down: Local<Down>,
) {
    let (Some(assignment), Some(mut input)) = (assignment, input) else { return };
    if spec.is_changed() {
        input.idle = idle(spec.action.names());
    }
    down.follow(&controls, time.delta_secs());
    let pace = pace.map_or_else(Pace::default, |pace| *pace);
    let still = pace.paused || seats.iter().any(|seats| seats.arena == 0 && seats.rests);
    let least = if pace.unlimited || pace.speed > 1.0 { HOLD } else { 0.0 };
    for slot in 0..spec.slots() {
        let hands = hands(&assignment, slot);
        let given = |key: usize, state: &dyn Fn(Command) -> bool| {
            KEYS[key].1.iter().zip(hands).any(|(command, hand)| hand && state(*command))
        };
        let struck = |key: usize| given(key, &|command| controls.struck(command));
        let human = assignment.watched.get(slot) == Some(&Controller::Human) && !pace.held;
        let held = chosen(&spec, slot, |key| given(key, &|command| down.holds(command, least)), |_| true);
        let held = held.filter(|_| human).map(|(action, _)| action);
        // Written only on change: nobody should be told of news that are none.
        if input.held[slot] != held {
            input.held[slot] = held;
        }
        let tapped = chosen(
            &spec,
            slot,
            |key| given(key, &|command| controls.held(command)),
            |keys| keys.iter().any(|&key| struck(key)),
        );
        // While nothing moves there is one next step, and the last tap is for it.
        let forgets = !human || (still && tapped.is_some());
        if forgets && !input.tapped[slot].is_empty() {
            input.tapped[slot].clear();
        }
        if let Some((action, keys)) = tapped.filter(|_| human) {
            let of = |action: Action| {
                let name = spec.action.names().get(action.index());
                name.and_then(|name| self::keys(name, !spec.on_first_side(slot))).unwrap_or_default()
            };
            tap(&mut input.tapped[slot], action, &keys, of);
        }
    }
}

/// The keys of seats, in the order of [`Seat::ALL`].
pub const SEATS: [Command; 2] = [Command::TakeFirst, Command::TakeSecond];

fn sit_down(
    controls: Res<Controls>,
    spec: Res<Spec>,
    mut seating: ResMut<Seating>,
    assignment: Option<ResMut<ControllerAssignment>>,
) {
    let Some(mut assignment) = assignment else { return };
    for (seat, command) in Seat::ALL.into_iter().zip(SEATS) {
        if !controls.struck(command) {
            continue;
        }
        let mut after = assignment.clone();
        seating.toggle(seat, &spec, &mut after);
        assignment.set_if_neq(after);
    }
}

/// Praise and blame, while their keys are held. Where no agent learns, it is told that nobody hears them.
fn say(
    controls: Res<Controls>,
    hints: Option<ResMut<HumanFeedback>>,
    assignment: Option<Res<ControllerAssignment>>,
    notice: Option<ResMut<Notice>>,
) {
    let Some(mut hints) = hints else { return };
    let learns = assignment.is_none_or(|assignment| assignment.watched.contains(&Controller::Learning));
    let struck = controls.struck(Command::Praise) || controls.struck(Command::Blame);
    if let Some(mut notice) = notice.filter(|_| struck && !learns) {
        notice.say("nobody hears that: no agent learns in this arena".into());
    }
    let held = match (controls.held(Command::Praise), controls.held(Command::Blame)) {
        (true, false) => Some(Feedback::Praise),
        (false, true) => Some(Feedback::Blame),
        _ => None,
    };
    if hints.held != held {
        hints.held = held;
    }
}

fn steer_time(
    controls: Res<Controls>,
    pace: Option<ResMut<Pace>>,
    comparison: Option<Res<Comparison>>,
    mut rounds: Option<ResMut<Rounds>>,
    mut arenas: Query<&mut Arena>,
) {
    let Some(mut pace) = pace else { return };
    let struck = |command| controls.struck(command);
    // While a result is shown, time goes on, and what people want is the next round.
    let again = [Command::Pause, Command::Restart].into_iter().any(struck);
    if again && !pace.paused && rounds.as_mut().is_some_and(|rounds| rounds.go_on()) {
        return;
    }
    if struck(Command::Pause) {
        pace.paused = !pace.paused;
    }
    if struck(Command::Step) {
        // A single step means nothing while time runs.
        if pace.paused {
            pace.single_steps += 1;
        } else {
            pace.paused = true;
        }
    }
    for (command, factor) in [(Command::Faster, 2.0), (Command::Slower, 0.5)] {
        if struck(command) {
            pace.unlimited = false;
            pace.speed = (pace.speed * factor).clamp(SPEED_RANGE[0], SPEED_RANGE[1]);
        }
    }
    if struck(Command::Max) {
        pace.unlimited = !pace.unlimited;
    }
    // What is looked back at begins anew by being chosen again.
    if struck(Command::Restart) && !pace.held {
        // All of those that are compared begin anew together.
        let begins = |arena: &Mut<Arena>| arena.index == 0 || comparison.is_some();
        arenas.iter_mut().filter(begins).for_each(|mut arena| arena.cut_episode());
        if pace.paused {
            pace.single_steps += 1;
        }
    }
}

fn steer_screen(
    mut commands: Commands,
    controls: Res<Controls>,
    comparison: Option<Res<Comparison>>,
    mut screen: ResMut<Screen>,
    insight: Option<ResMut<OverlaySettings>>,
    mut notice: Option<ResMut<Notice>>,
    rooms: Option<Res<Rooms>>,
    hooks: Option<Res<EnvironmentHooks>>,
) {
    let struck = |command| controls.struck(command);
    if let Some(mut insight) = insight {
        let mut say = |text: String| notice.iter_mut().for_each(|notice| notice.say(text.clone()));
        if struck(Command::Map) && rooms.is_some() {
            insight.map = MapLayer::after(insight.map);
            let number = insight.map.and_then(|layer| MapLayer::ALL.iter().position(|known| *known == layer));
            say(match (insight.map, number) {
                (Some(layer), Some(number)) => {
                    format!("map {} of {}: {}", number + 1, MapLayer::ALL.len(), layer.meaning())
                }
                _ => "no map".into(),
            });
        }
        if struck(Command::Values) {
            insight.values = !insight.values;
            if insight.values {
                // They stand in the panel.
                screen.panel = true;
                say("in the panel: what both critics expect of every action".into());
            }
        }
        if struck(Command::Ways) && hooks.is_some_and(|hooks| hooks.leads) {
            insight.ways = !insight.ways;
            if insight.ways {
                say("dots: the way ahead, if everybody goes on as they think best".into());
            }
        }
    }
    if struck(Command::Edit) {
        commands.queue(editor::toggle);
    }
    if struck(Command::Playback) {
        commands.queue(playback::toggle);
    }
    if struck(Command::Compare) {
        // Side by side while it lasts.
        screen.zoomed_out = comparison.is_none();
        commands.queue(compare::toggle);
    }
    if struck(Command::Panel) {
        screen.panel = !screen.panel;
    }
    if struck(Command::Zoom) {
        screen.zoomed_out = !screen.zoomed_out;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::insight::rounds::RoundEnd;
    use crate::mdp::ActionSpace;
    use crate::sim::worlds::WorldChoice;
    use crate::view::controls::tests::{ready, strike};

    fn app(world: &str) -> Option<App> {
        let spec = WorldChoice::new(world, None).ok()?.spec();
        let mut app = App::new();
        app.init_resource::<Screen>()
            .insert_resource(HumanInput::new(spec.slots()))
            .insert_resource(ControllerAssignment::learn_against_script(&spec))
            .insert_resource(Spec(spec))
            .init_resource::<Pace>()
            .add_message::<AppExit>()
            .add_plugins(plugin);
        ready(&mut app);
        Some(app)
    }

    #[test]
    fn one_key_plays_against_the_agent_and_gives_the_seat_back() {
        let mut app = app("paddle-duel").unwrap();
        let before = app.world().resource::<ControllerAssignment>().clone();
        strike(&mut app, KeyCode::KeyT);
        assert_eq!(
            app.world().resource::<ControllerAssignment>().watched,
            [Controller::Learning, Controller::Human]
        );
        assert_eq!(app.world().resource::<ControllerAssignment>().others, before.others);
        strike(&mut app, KeyCode::KeyT);
        assert_eq!(*app.world().resource::<ControllerAssignment>(), before);
        strike(&mut app, KeyCode::KeyY);
        assert_eq!(
            app.world().resource::<ControllerAssignment>().watched,
            [Controller::Human, Controller::Scripted]
        );
    }

    #[test]
    fn two_people_have_a_hand_each_wherever_they_sit() {
        let mut app = app("puck-2v2").unwrap();
        strike(&mut app, KeyCode::KeyT);
        let hands_of = |app: &App| {
            (0..4).map(|slot| hands(app.world().resource::<ControllerAssignment>(), slot)).collect::<Vec<_>>()
        };
        assert_eq!(hands_of(&app)[2], [true, true]);
        strike(&mut app, KeyCode::KeyY);
        assert_eq!(hands_of(&app), [[true, false], [false, false], [false, true], [false, false]]);
    }

    #[test]
    fn a_result_is_left_for_the_next_round_and_time_goes_on_meanwhile() {
        let mut app = app("paddle-duel").unwrap();
        for key in [KeyCode::Space, KeyCode::KeyR] {
            let ended = RoundEnd { winner: Some(0), points: Some([5, 2]), players: Vec::new() };
            app.insert_resource(Rounds::over(ended));
            strike(&mut app, key);
            assert!(app.world().resource::<Rounds>().ended.is_none());
            assert!(!app.world().resource::<Pace>().paused);
        }
        strike(&mut app, KeyCode::Space);
        assert!(app.world().resource::<Pace>().paused);
    }

    #[test]
    fn praise_that_nobody_hears_is_said_to_be_so() {
        let mut app = app("lava-room").unwrap();
        app.init_resource::<HumanFeedback>().init_resource::<Notice>();
        strike(&mut app, KeyCode::KeyP);
        assert_eq!(app.world().resource::<Notice>().text(), None);
        strike(&mut app, KeyCode::KeyT);
        strike(&mut app, KeyCode::KeyP);
        assert!(app.world().resource::<Notice>().text().unwrap().contains("nobody hears that"));
    }

    #[test]
    fn keys_reach_only_human_slots_and_taps_are_kept() {
        let mut app = app("lava-room").unwrap();
        strike(&mut app, KeyCode::ArrowRight);
        assert!(app.world().resource::<HumanInput>().tapped[0].is_empty());
        strike(&mut app, KeyCode::KeyT);
        strike(&mut app, KeyCode::ArrowRight);
        app.update();
        let input = app.world().resource::<HumanInput>();
        assert_eq!((&input.tapped[0], input.held[0]), (&VecDeque::from([Action::Discrete(4)]), None));
    }

    #[test]
    fn keys_held_together_are_one_action() {
        let mut app = app("lava-room").unwrap();
        let names = ["wait", "left", "up", "up+left", "fire"];
        app.world_mut().resource_mut::<Spec>().0.action = ActionSpace::discrete(&names);
        strike(&mut app, KeyCode::KeyT);
        app.world_mut().resource_mut::<ButtonInput<KeyCode>>().press(KeyCode::KeyA);
        app.update();
        assert_eq!(app.world().resource::<HumanInput>().tapped[0], [Action::Discrete(1)]);
        strike(&mut app, KeyCode::ArrowUp);
        assert_eq!(app.world().resource::<HumanInput>().tapped[0], [Action::Discrete(3)]);
        app.update();
        assert_eq!(app.world().resource::<HumanInput>().held[0], Some(Action::Discrete(1)));
        assert_eq!(labels(&names.map(String::from), 0, &Bindings::default()).collect::<String>(), "WAF");
    }

    #[test]
    fn forward_is_where_the_other_side_is() {
        let mut app = app("paddle-duel").unwrap();
        app.world_mut().resource_mut::<Spec>().0.action = ActionSpace::discrete(&["wait", "back", "forward"]);
        strike(&mut app, KeyCode::KeyT);
        strike(&mut app, KeyCode::KeyY);
        strike(&mut app, KeyCode::KeyD);
        strike(&mut app, KeyCode::ArrowRight);
        let tapped = &app.world().resource::<HumanInput>().tapped;
        assert_eq!(tapped[..2], [2, 1].map(|action| VecDeque::from([Action::Discrete(action)])));
    }

    #[test]
    fn idle_hands_do_what_moves_nothing() {
        for (world, expected) in [
            ("lava-room", vec![Action::Discrete(0)]),
            ("mountain-car", vec![Action::Discrete(1)]),
            ("cartpole", vec![Action::Discrete(0), Action::Discrete(1)]),
        ] {
            let mut app = app(world).unwrap();
            app.update();
            assert_eq!(app.world().resource::<HumanInput>().idle, expected, "{world}");
        }
    }

    #[test]
    fn keys_do_what_they_were_bound_to() {
        let mut app = app("lava-room").unwrap();
        app.world_mut().resource_mut::<Bindings>().bind(Command::Pause, KeyCode::KeyK);
        strike(&mut app, KeyCode::Space);
        assert!(!app.world().resource::<Pace>().paused);
        strike(&mut app, KeyCode::KeyK);
        assert!(app.world().resource::<Pace>().paused);
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
