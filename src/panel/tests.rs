//! Tests of the panel, the key bar and the window of curves in every window size, without a display.

use std::sync::Arc;

use bevy::prelude::*;
use bevy_egui::egui::{pos2, vec2};

use super::testing::{UiHarness, arcade, fill_history, run_steps, window_sizes};
use super::{WIDTH, editor, players, plots, settings};
use crate::agent::{Controller, ControllerAssignment, LearningPolicy, LiveLearner};
use crate::algo::sac::{CategoricalPolicy, FusedSequenceSac, SacConfig, SacUpdate as _};
use crate::insight::memory;
use crate::insight::overlay::{OverlaySettings, Overlays};
use crate::insight::playback::EpisodeHistory;
use crate::insight::rounds::Rounds;
use crate::insight::takeover::{PlayerRole, Takeovers};
use crate::insight::values;
use crate::learner::{LearnerConfig, LearnerSetup};
use crate::mdp::{PolicySnapshot, Stream, rng};
use crate::sim::arena::Spec;
use crate::sim::pace::Pace;
use crate::view::{ScreenLayout, Toast};
use crate::worlds::WorldChoice;

/// Shows every overlay.
fn show_all(harness: &mut UiHarness) {
    let all = OverlaySettings::every(harness.app.world().resource::<Overlays>());
    harness.app.insert_resource(all);
}

#[test]
fn the_learner_panel_works_in_another_game() {
    let spec = WorldChoice::new("cartpole", None).unwrap().spec();
    let mut app = App::new();
    app.insert_resource(Spec(spec.clone()))
        .insert_resource(LiveLearner::start(LearnerSetup::new(spec, LearnerConfig::default())))
        .add_plugins(super::learner_sections);
    let mut harness = UiHarness::new(app, vec2(1280.0, 2000.0));
    harness.settle();
    for text in ["Training is on", "DOCTOR", "TUNING", "ALL SETTINGS", "Save"] {
        assert!(harness.find(text).is_some(), "{text} is missing: {:?}", harness.visible_texts());
    }
}

/// A world of rooms with everything shown.
fn everything() -> UiHarness {
    let mut harness = arcade("lava-room");
    run_steps(&mut harness, 60);
    show_all(&mut harness);
    crate::worlds::rooms::editor::toggle(harness.app.world_mut());
    run_steps(&mut harness, 3);
    fill_history(&mut harness);
    harness.resize(vec2(1280.0, 4000.0));
    harness.settle();
    for heading in ["Details", "TUNING", "ALL SETTINGS"] {
        harness.click(heading);
    }
    harness
}

#[test]
fn the_panel_and_the_curves_fit_every_window_size() {
    let mut harness = everything();
    let mut faults = Vec::new();
    for size in window_sizes().into_iter().filter(|size| size.y < 1100.0) {
        for curves in [false, true] {
            harness.app.world_mut().resource_mut::<plots::Plots>().open = curves;
            harness.resize(size);
            let at = if curves { pos2(200.0, size.y - 60.0) } else { pos2(size.x - 150.0, size.y / 2.0) };
            let found = if curves { harness.unreachable_in(at, "Curves") } else { harness.unreachable(at) };
            faults.extend(found.into_iter().map(|fault| format!("{size:?}, curves {curves}: {fault}")));
            assert_eq!(harness.app.world().resource::<ScreenLayout>().right, WIDTH);
        }
    }
    faults.truncate(40);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Headings of the panel's cards and their vertical positions.
fn headings(harness: &UiHarness) -> Vec<(String, i32)> {
    let all = harness.texts().into_iter().filter(|text| text.rect.left() > harness.screen().right() - WIDTH);
    let heading = |text: &str| text.len() > 3 && text.chars().all(|c| c.is_uppercase() || c == ' ');
    all.filter(|text| heading(&text.text)).map(|text| (text.text, text.rect.top() as i32)).collect()
}

#[test]
fn long_messages_neither_widen_the_panel_nor_are_clipped() {
    let mut harness = everything();
    harness.resize(vec2(1280.0, 4000.0));
    harness.settle();
    let before = harness.find("Training is on").unwrap();
    for message in ["x".repeat(500), "word ".repeat(100), format!("/home/{}: no room", "folder/".repeat(70))]
    {
        let world = harness.app.world_mut();
        world.resource_mut::<editor::EditorState>().problem = Some(message.clone());
        world.resource_mut::<crate::worlds::rooms::editor::Editor>().problem = Some(message.clone());
        world.resource_mut::<players::PendingCheckpoint>().error.clone_from(&message);
        world.resource_mut::<settings::PendingText>().problem.clone_from(&message);
        world.resource_mut::<Toast>().show(message.clone());
        world.resource_mut::<ControllerAssignment>().others[0] = Controller::Frozen(message.clone());
        harness.settle();
        assert_eq!(harness.app.world().resource::<ScreenLayout>().right, WIDTH);
        assert_eq!(harness.clipped(), [""; 0]);
        let after = harness.find("Training is on").unwrap();
        assert_eq!((after.left(), after.right()), (before.left(), before.right()));
    }
}

#[test]
fn cards_do_not_move_when_metrics_arrive() {
    let mut harness = arcade("lava-room");
    harness.app.insert_resource(OverlaySettings::only(values::ID));
    harness.resize(vec2(1280.0, 3000.0));
    harness.settle();
    let before = headings(&harness);
    assert!(before.iter().any(|(text, _)| text == "PLAYBACK"), "{before:?}");
    run_steps(&mut harness, 200);
    assert!(!harness.app.world().resource::<EpisodeHistory>().episodes.is_empty());
    fill_history(&mut harness);
    assert_eq!(headings(&harness), before);
}

#[test]
fn the_stage_does_not_move_when_people_take_over() {
    for world in ["paddle-duel", "lava-room", "puck-2v2"] {
        let mut harness = arcade(world);
        for size in [vec2(1280.0, 800.0), vec2(1000.0, 700.0), vec2(640.0, 480.0), vec2(560.0, 400.0)] {
            harness.resize(size);
            run_steps(&mut harness, 2);
            let before = harness.app.world().resource::<ScreenLayout>().bottom;
            assert!(before < 0.5 * size.y, "{world}: {before} of {size:?} are taken");
            // Both join, and both leave again.
            for seat in PlayerRole::ALL.into_iter().chain(PlayerRole::ALL) {
                let world_mut = harness.app.world_mut();
                let (spec, mut assignment) = (
                    world_mut.resource::<Spec>().0.clone(),
                    world_mut.resource::<ControllerAssignment>().clone(),
                );
                world_mut.resource_mut::<Takeovers>().toggle(seat, &spec, &mut assignment);
                world_mut.insert_resource(assignment);
                run_steps(&mut harness, 2);
                let after = harness.app.world().resource::<ScreenLayout>().bottom;
                // In a narrow bar, the entries of two people may need two more lines.
                let most = if size.x < 700.0 { 2.0 * 23.0 } else { 0.0 };
                assert!(
                    (before..=before + most).contains(&after),
                    "{world}, {size:?}, {seat:?}: {before} {after}"
                );
                assert_eq!(harness.clipped(), [""; 0], "{world}, {size:?}");
            }
        }
    }
}

#[test]
fn the_status_line_shows_return_rounds_pause_and_playback() {
    let mut harness = arcade("lava-room");
    run_steps(&mut harness, 200);
    let shows =
        |harness: &UiHarness, part: &str| harness.visible_texts().iter().any(|text| text.starts_with(part));
    assert!(shows(&harness, "return") && !shows(&harness, "rounds") && !shows(&harness, "paused"));
    harness.app.world_mut().resource_mut::<Rounds>().wins = [2, 1];
    harness.app.world_mut().resource_mut::<Pace>().paused = true;
    harness.settle();
    assert!(shows(&harness, "rounds 2 : 1") && shows(&harness, "paused"), "{:?}", harness.visible_texts());
    crate::insight::playback::toggle(harness.app.world_mut());
    harness.settle();
    assert!(shows(&harness, "playback: step 0 of"), "{:?}", harness.visible_texts());
    assert!(shows(&harness, "PLAYBACK (L") && !shows(&harness, "return"), "{:?}", harness.visible_texts());
}

#[test]
fn unavailable_keys_are_dimmed() {
    let mut harness = arcade("lava-room");
    run_steps(&mut harness, 2);
    let color = |harness: &UiHarness| harness.text_color("playback").unwrap();
    let before = color(&harness);
    harness.app.insert_resource(crate::insight::compare::Comparison::default());
    harness.settle();
    assert!(color(&harness).a() < before.a(), "{:?} {before:?}", color(&harness));
}

/// Lets a new agent with `memory` play; parameters are so large that it uses it.
fn let_remember(harness: &mut UiHarness, memory: &str) {
    let spec = harness.app.world().resource::<Spec>().0.clone();
    let memory = serde_json::from_str(memory).unwrap();
    let config = SacConfig { hidden: vec![8], memory, ..SacConfig::default() };
    let (inputs, actions) = (&spec.observation, spec.action.len());
    let sac = FusedSequenceSac::new(config.clone(), inputs, actions, &mut rng(1, Stream::Weights, 0));
    let tensors = sac.unwrap().export_actor().unwrap();
    let policy = Arc::new(CategoricalPolicy::from_tensors(&config, inputs, actions, &tensors).unwrap());
    let snapshot = PolicySnapshot { version: 1, gradient_steps: 1, policy, critics: None };
    harness.app.world().resource::<LearningPolicy>().0.store(Arc::new(snapshot));
}

#[test]
fn the_memory_of_an_agent_is_shown_or_why_not() {
    let mut harness = arcade("memory-corridor");
    harness.app.insert_resource(OverlaySettings::only(memory::ID));
    harness.resize(vec2(1280.0, 3000.0));
    run_steps(&mut harness, 40);
    let shows =
        |harness: &UiHarness, part: &str| harness.visible_texts().iter().any(|text| text.contains(part));
    assert!(shows(&harness, memory::NO_MEMORY) && !shows(&harness, "state of the memory"));
    let recurrent = ["state of the memory", "which goal it remembers", "upper goal", "the right one"];
    let transformer =
        ["state of the memory", "attention to moments", "habit by distance", "attention to cells"];
    let spatial = r#"{"kind": "transformer", "width": 8, "heads": 2, "window": 5, "spatial": {}}"#;
    for (memory, texts) in [(r#"{"kind": "gru", "hidden": 128}"#, recurrent), (spatial, transformer)] {
        let_remember(&mut harness, memory);
        run_steps(&mut harness, 400);
        for text in texts {
            assert!(shows(&harness, text), "{memory}: {text} is missing: {:?}", harness.visible_texts());
        }
        assert!(!shows(&harness, memory::NO_MEMORY));
        assert_eq!(harness.clipped(), [""; 0]);
        harness.app.insert_resource(OverlaySettings::default());
        harness.settle();
        assert!(!shows(&harness, "MEMORY"), "{:?}", harness.visible_texts());
        harness.app.insert_resource(OverlaySettings::only(memory::ID));
    }
}

#[test]
fn overlays_say_why_they_are_empty() {
    let mut harness = arcade("lava-room");
    harness.resize(vec2(1280.0, 3000.0));
    show_all(&mut harness);
    run_steps(&mut harness, 3);
    let shows = |harness: &UiHarness| {
        harness.visible_texts().iter().any(|text| text.contains("there is no map of it"))
    };
    assert!(!shows(&harness));
    let_remember(&mut harness, r#"{"kind": "lstm", "hidden": 8}"#);
    run_steps(&mut harness, 3);
    assert!(shows(&harness), "{:?}", harness.visible_texts());
}
