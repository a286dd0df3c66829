//! Fits: the title screen and the preferences are held against every size of window and interface.

use bevy::prelude::*;
use bevy_egui::{EguiPrimaryContextPass, egui};

use super::tests::app;
use super::{Kept, preferences, show};
use crate::panel::testing::{Glass, middle, rooms};
use crate::view::bindings::Bindings;
use crate::view::preferences::Preferences;

fn glass() -> (Glass, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let sessions = |name: &str| {
        let paths = (0..3).map(|number| folder.path().join(format!("{name}-{number}"))).collect::<Vec<_>>();
        paths.iter().for_each(|path| std::fs::create_dir_all(path).unwrap());
        (name.to_owned(), paths)
    };
    let mut app = app();
    app.init_resource::<Bindings>()
        .init_resource::<Preferences>()
        .init_resource::<preferences::Unkept>()
        .insert_resource(Kept::new(["memory-corridor", "mountain-car"].map(sessions)))
        .add_systems(EguiPrimaryContextPass, show);
    (Glass::new(app, egui::vec2(1280.0, 800.0)), folder)
}

#[test]
fn worlds_and_preferences_fit_into_every_window_at_every_size() {
    let (mut glass, _folder) = glass();
    let mut faults = Vec::new();
    for room in rooms() {
        for preferences in [false, true] {
            glass.app.world_mut().resource_mut::<preferences::Open>().shown = preferences;
            glass.resize(room);
            let found = glass.unreachable(middle(room));
            faults.extend(found.into_iter().map(|fault| format!("{room:?}, {preferences}: {fault}")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_check_of_fitting_finds_what_does_not_fit() {
    let mut app = App::new();
    app.add_systems(EguiPrimaryContextPass, |mut contexts: bevy_egui::EguiContexts| -> Result {
        let context = contexts.ctx_mut()?.clone();
        let area = egui::UiBuilder::new().max_rect(context.viewport_rect());
        let mut ui = egui::Ui::new(context, "page".into(), area.layer_id(egui::LayerId::background()));
        ui.add_sized([900.0, 20.0], egui::Button::new("wide"));
        Ok(())
    });
    let mut glass = Glass::new(app, egui::vec2(640.0, 400.0));
    let found = glass.unreachable(middle(egui::vec2(640.0, 400.0)));
    assert!(found.iter().any(|fault| fault.contains("cannot be reached")), "{found:?}");
}
