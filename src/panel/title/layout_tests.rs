//! Layout tests of the title screen and the preferences, at every size of window and interface.

use bevy::prelude::*;
use bevy_egui::{EguiPrimaryContextPass, egui};

use super::tests::app;
use super::{SavedSessions, preferences, show};
use crate::panel::testing::{UiHarness, center, window_sizes};
use crate::view::bindings::Bindings;
use crate::view::commands::KeyRegistry;
use crate::view::preferences::Preferences;

fn harness() -> (UiHarness, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let sessions = |name: &str| {
        let paths = (0..3).map(|number| folder.path().join(format!("{name}-{number}"))).collect::<Vec<_>>();
        paths.iter().for_each(|path| std::fs::create_dir_all(path).unwrap());
        (name.to_owned(), paths)
    };
    let mut app = app();
    crate::insight::add_keys(&mut app);
    let bindings = Bindings::new(app.world().resource::<KeyRegistry>());
    app.insert_resource(bindings)
        .init_resource::<Preferences>()
        .init_resource::<preferences::SaveError>()
        .insert_resource(SavedSessions::new(["memory-corridor", "mountain-car"].map(sessions)))
        .add_systems(EguiPrimaryContextPass, show);
    (UiHarness::new(app, egui::vec2(1280.0, 800.0)), folder)
}

#[test]
fn worlds_and_preferences_fit_every_window_size() {
    let (mut harness, _folder) = harness();
    let mut faults = Vec::new();
    for size in window_sizes() {
        for preferences in [false, true] {
            harness.app.world_mut().resource_mut::<preferences::PreferencesPage>().open = preferences;
            harness.resize(size);
            let found = harness.unreachable(center(size));
            faults.extend(found.into_iter().map(|fault| format!("{size:?}, {preferences}: {fault}")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_layout_check_finds_an_unreachable_widget() {
    let mut app = App::new();
    app.add_systems(EguiPrimaryContextPass, |mut contexts: bevy_egui::EguiContexts| -> Result {
        let context = contexts.ctx_mut()?.clone();
        let area = egui::UiBuilder::new().max_rect(context.viewport_rect());
        let mut ui = egui::Ui::new(context, "page".into(), area.layer_id(egui::LayerId::background()));
        ui.add_sized([900.0, 20.0], egui::Button::new("wide"));
        Ok(())
    });
    let mut harness = UiHarness::new(app, egui::vec2(640.0, 400.0));
    let found = harness.unreachable(center(egui::vec2(640.0, 400.0)));
    assert!(found.iter().any(|fault| fault.contains("cannot be reached")), "{found:?}");
}
