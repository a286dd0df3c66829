//! Tests of keys as actions.

use std::collections::VecDeque;

use super::*;
use crate::view::commands::KeyRegistry;
use crate::view::controls::tests::{press, ready};
use crate::worlds::WorldChoice;

fn app(world: &str) -> App {
    let spec = WorldChoice::new(world, None).unwrap().spec();
    let mut app = App::new();
    app.insert_resource(HumanInput::new(spec.slots()))
        .insert_resource(ControllerAssignment::learn_against_script(&spec))
        .insert_resource(Spec(spec))
        .add_plugins((crate::view::controls::plugin, plugin));
    ready(&mut app);
    app
}

fn take_over(app: &mut App, slots: &[usize]) {
    let mut assignment = app.world_mut().resource_mut::<ControllerAssignment>();
    slots.iter().for_each(|slot| assignment.watched[*slot] = Controller::Human);
}

#[test]
fn two_human_players_have_a_key_set_each_in_any_slots() {
    let mut app = app("puck-2v2");
    take_over(&mut app, &[2]);
    let sets_of = |app: &App| {
        (0..4).map(|slot| key_sets(app.world().resource::<ControllerAssignment>(), slot)).collect::<Vec<_>>()
    };
    assert_eq!(sets_of(&app)[2], [true, true]);
    take_over(&mut app, &[0]);
    assert_eq!(sets_of(&app), [[true, false], [false, false], [false, true], [false, false]]);
}

#[test]
fn keys_reach_only_human_slots_and_taps_are_latched() {
    let mut app = app("lava-room");
    press(&mut app, KeyCode::ArrowRight);
    assert!(app.world().resource::<HumanInput>().tapped[0].is_empty());
    take_over(&mut app, &[0]);
    press(&mut app, KeyCode::ArrowRight);
    app.update();
    let input = app.world().resource::<HumanInput>();
    assert_eq!((&input.tapped[0], input.held[0]), (&VecDeque::from([Action::Discrete(4)]), None));
}

#[test]
fn keys_held_together_are_one_action() {
    let mut app = app("lava-room");
    let names = ["wait", "left", "up", "up+left", "fire"];
    app.world_mut().resource_mut::<Spec>().0.action = ActionSpace::discrete(&names);
    take_over(&mut app, &[0]);
    app.world_mut().resource_mut::<ButtonInput<KeyCode>>().press(KeyCode::KeyA);
    app.update();
    assert_eq!(app.world().resource::<HumanInput>().tapped[0], [Action::Discrete(1)]);
    press(&mut app, KeyCode::ArrowUp);
    assert_eq!(app.world().resource::<HumanInput>().tapped[0], [Action::Discrete(3)]);
    app.update();
    assert_eq!(app.world().resource::<HumanInput>().held[0], Some(Action::Discrete(1)));
    let mut registry = KeyRegistry::default();
    registry.add(MOVE_KEYS);
    let bindings = Bindings::new(&registry);
    let space = ActionSpace::discrete(&names);
    assert_eq!(labels(&space, [true, true], 0, &bindings).collect::<String>(), "WAF");
}

#[test]
fn forward_points_to_the_other_side() {
    let mut app = app("paddle-duel");
    app.world_mut().resource_mut::<Spec>().0.action = ActionSpace::discrete(&["wait", "back", "forward"]);
    take_over(&mut app, &[0, 1]);
    press(&mut app, KeyCode::KeyD);
    press(&mut app, KeyCode::ArrowRight);
    let tapped = &app.world().resource::<HumanInput>().tapped;
    assert_eq!(tapped[..2], [2, 1].map(|action| VecDeque::from([Action::Discrete(action)])));
}

#[test]
fn dimensions_of_a_box_obey_the_keys_of_their_names() {
    let mut app = app("puck");
    app.world_mut().resource_mut::<Spec>().0.action =
        ActionSpace::continuous(&[("up", [-1.0, 1.0]), ("forward", [0.0, 2.0])]);
    take_over(&mut app, &[0, 1]);
    press(&mut app, KeyCode::KeyW);
    press(&mut app, KeyCode::ArrowLeft);
    let tapped = &app.world().resource::<HumanInput>().tapped;
    let [first, second] =
        [[1.0, 1.0], [0.0, 2.0]].map(|action| VecDeque::from([Action::continuous(&action)]));
    assert_eq!(tapped[..2], [first, second]);
}

/// A lone player moves four joints of a walker's six, a leg with each hand; one key set alone moves the first two.
#[test]
fn each_hand_moves_a_leg() {
    let mut app = app("walker");
    take_over(&mut app, &[0]);
    press(&mut app, KeyCode::KeyA);
    press(&mut app, KeyCode::ArrowUp);
    let tapped = &app.world().resource::<HumanInput>().tapped[0];
    let one = |joint: usize, value: f32| {
        let mut torques = [0.0; 6];
        torques[joint] = value;
        Action::continuous(&torques)
    };
    assert_eq!(*tapped, [one(0, -1.0), one(4, 1.0)]);
    let space = &app.world().resource::<Spec>().action;
    let joints = |key_sets| {
        let moved = |index: &usize| {
            choices(space, false, key_sets)
                .iter()
                .any(|(action, _)| matches!(action, Action::Continuous(at) if at.values()[*index] != 0.0))
        };
        (0..6).filter(moved).collect::<Vec<_>>()
    };
    assert_eq!((joints([true, true]), joints([true, false])), (vec![0, 1, 3, 4], vec![0, 1]));
}

#[test]
fn an_idle_player_does_not_move() {
    for (world, expected) in [
        ("lava-room", vec![Action::Discrete(0)]),
        ("mountain-car", vec![Action::Discrete(1)]),
        ("pendulum", vec![Action::continuous(&[0.0])]),
        ("cartpole", vec![Action::Discrete(0), Action::Discrete(1)]),
    ] {
        let mut app = app(world);
        app.update();
        assert_eq!(app.world().resource::<HumanInput>().idle, expected, "{world}");
    }
}
