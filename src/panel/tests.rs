//! What the panel, the key bar and the window of curves promise in every window, seen without one.

use bevy_egui::egui::{pos2, vec2};

use super::testing::{Glass, arcade, measure, play, rooms};
use super::{WIDTH, editor, playing, plots, settings};
use crate::agent::{Controller, ControllerAssignment};
use crate::insight::playback::Past;
use crate::insight::seating::{Seat, Seating};
use crate::insight::values::OverlaySettings;
use crate::sim::arena::Spec;
use crate::view::{Notice, Screen};

/// Everything that can be shown in a room, shown.
fn everything() -> Glass {
    let mut glass = arcade("lava-room");
    play(&mut glass, 60);
    glass.app.insert_resource(OverlaySettings::all());
    crate::view::editor::toggle(glass.app.world_mut());
    play(&mut glass, 3);
    measure(&mut glass);
    glass.resize(vec2(1280.0, 4000.0));
    glass.settle();
    for heading in ["How it learns", "TUNING", "ALL SETTINGS"] {
        glass.click(heading);
    }
    glass
}

#[test]
fn the_panel_and_the_curves_fit_into_every_window_at_every_size() {
    let mut glass = everything();
    let mut faults = Vec::new();
    for room in rooms().into_iter().filter(|room| room.y < 1100.0) {
        for curves in [false, true] {
            glass.app.world_mut().resource_mut::<plots::Plots>().open = curves;
            glass.resize(room);
            let at = if curves { pos2(200.0, room.y - 60.0) } else { pos2(room.x - 150.0, room.y / 2.0) };
            let found = if curves { glass.unreachable_in(at, "Curves") } else { glass.unreachable(at) };
            faults.extend(found.into_iter().map(|fault| format!("{room:?}, curves {curves}: {fault}")));
            assert_eq!(glass.app.world().resource::<Screen>().right, WIDTH);
        }
    }
    faults.truncate(40);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Where the headings of the panel's cards stand.
fn headings(glass: &Glass) -> Vec<(String, i32)> {
    let all = glass.texts().into_iter().filter(|text| text.rect.left() > glass.screen().right() - WIDTH);
    let heading = |text: &str| text.len() > 3 && text.chars().all(|c| c.is_uppercase() || c == ' ');
    all.filter(|text| heading(&text.text)).map(|text| (text.text, text.rect.top() as i32)).collect()
}

#[test]
fn no_message_widens_the_panel_or_is_cut() {
    let mut glass = everything();
    glass.resize(vec2(1280.0, 4000.0));
    glass.settle();
    let on = glass.find("Training is on").unwrap();
    for message in ["x".repeat(500), "word ".repeat(100), format!("/home/{}: no room", "folder/".repeat(70))]
    {
        let world = glass.app.world_mut();
        world.resource_mut::<editor::Drafts>().problem = Some(message.clone());
        world.resource_mut::<crate::view::editor::Editor>().problem = Some(message.clone());
        world.resource_mut::<playing::Drafts>().error.clone_from(&message);
        world.resource_mut::<settings::Draft>().problem.clone_from(&message);
        world.resource_mut::<Notice>().say(message.clone());
        world.resource_mut::<ControllerAssignment>().others[0] = Controller::Frozen(message.clone());
        glass.settle();
        assert_eq!(glass.app.world().resource::<Screen>().right, WIDTH);
        assert_eq!(glass.cut(), [""; 0]);
        let now = glass.find("Training is on").unwrap();
        assert_eq!((now.left(), now.right()), (on.left(), on.right()));
    }
}

#[test]
fn cards_stay_where_they_are_when_something_is_measured() {
    let mut glass = arcade("lava-room");
    glass.app.insert_resource(OverlaySettings { values: true, ..OverlaySettings::default() });
    glass.resize(vec2(1280.0, 3000.0));
    glass.settle();
    let before = headings(&glass);
    assert!(before.iter().any(|(text, _)| text == "LOOK BACK"), "{before:?}");
    play(&mut glass, 200);
    assert!(!glass.app.world().resource::<Past>().episodes.is_empty());
    measure(&mut glass);
    assert_eq!(headings(&glass), before);
}

#[test]
fn the_stage_keeps_its_room_when_people_sit_down() {
    for world in ["paddle-duel", "lava-room", "puck-2v2"] {
        let mut glass = arcade(world);
        for room in [vec2(1280.0, 800.0), vec2(1000.0, 700.0), vec2(640.0, 480.0), vec2(560.0, 400.0)] {
            glass.resize(room);
            play(&mut glass, 2);
            let before = glass.app.world().resource::<Screen>().bottom;
            assert!(before < 0.5 * room.y, "{world}: {before} of {room:?} are taken");
            // Both sit down, and both get up again.
            for seat in Seat::ALL.into_iter().chain(Seat::ALL) {
                let world_mut = glass.app.world_mut();
                let (spec, mut assignment) = (
                    world_mut.resource::<Spec>().0.clone(),
                    world_mut.resource::<ControllerAssignment>().clone(),
                );
                world_mut.resource_mut::<Seating>().toggle(seat, &spec, &mut assignment);
                world_mut.insert_resource(assignment);
                play(&mut glass, 2);
                let after = glass.app.world().resource::<Screen>().bottom;
                // Where the panel leaves a bar of a hand's breadth, what two people are told may take two lines more.
                let most = if room.x < 700.0 { 2.0 * 23.0 } else { 0.0 };
                assert!(
                    (before..=before + most).contains(&after),
                    "{world}, {room:?}, {seat:?}: {before} {after}"
                );
                assert_eq!(glass.cut(), [""; 0], "{world}, {room:?}");
            }
        }
    }
}

#[test]
fn keys_of_what_is_refused_are_faint() {
    let mut glass = arcade("lava-room");
    play(&mut glass, 2);
    let ink = |glass: &Glass| glass.ink("look back").unwrap();
    let before = ink(&glass);
    glass.app.insert_resource(crate::insight::compare::Comparison::default());
    glass.settle();
    assert!(ink(&glass).a() < before.a(), "{:?} {before:?}", ink(&glass));
}
