//! Panel: the numbers and switches beside the worlds. The only place where egui is used.
//!
//! What is drawn in the worlds and what keys do is left to `view`; every section is a file.

mod banner;
mod compare;
mod curves;
mod doctor;
mod earlier;
pub mod editor;
mod figures;
mod film;
mod help;
mod hud;
mod keybar;
mod layers;
mod learning;
pub mod maps;
mod notices;
mod plate;
mod playing;
pub mod plots;
mod points;
mod preferences;
mod saliency;
mod settings;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod theme;
pub mod title;
mod tuning;
mod unsaved;
mod values;
mod widgets;

use bevy::prelude::*;
use bevy::window::PrimaryWindow;
use bevy_egui::{EguiContexts, EguiInput, EguiPlugin, EguiPreUpdateSet, EguiPrimaryContextPass, egui};

use crate::sim::arena::Spec;
use crate::view::{Screen, Signs};

/// Width of the panel in logical pixels.
const WIDTH: f32 = 336.0;

/// Adds the panel and the line of keys. Add after `view`.
pub fn plugin(app: &mut App) {
    app.add_plugins((EguiPlugin::default(), sections)).add_systems(
        PreUpdate,
        keep_tab.after(EguiPreUpdateSet::ProcessInput).before(EguiPreUpdateSet::BeginPass),
    );
}

/// All that is shown, for egui's schedule.
fn sections(app: &mut App) {
    app.add_plugins((hud::plugin, layers::plugin, doctor::plugin, editor::plugin))
        .init_resource::<learning::Drafts>()
        .init_resource::<playing::Drafts>()
        .init_resource::<settings::Draft>()
        .init_resource::<plots::Plots>()
        .init_resource::<preferences::Unkept>()
        .add_systems(Update, (learning::alarm, preferences::keep))
        .add_systems(
            EguiPrimaryContextPass,
            (theme::apply, show, hud::show, compare::show, plots::show, unsaved::show, watch_typing)
                .chain()
                .run_if(resource_exists::<Spec>),
        );
}

/// Tab opens and closes the panel; egui would use it to wander from button to button.
fn keep_tab(mut inputs: Query<&mut EguiInput>) {
    for mut input in &mut inputs {
        let tab = |event: &egui::Event| matches!(event, egui::Event::Key { key: egui::Key::Tab, .. });
        if input.events.iter().any(tab) {
            input.events.retain(|event| !tab(event));
        }
    }
}

/// Keys belong to the game except while somebody types; a button that was clicked must not keep
/// them, or the space bar would press it again.
fn watch_typing(mut contexts: EguiContexts, mut screen: ResMut<Screen>) -> Result {
    let context = contexts.ctx_mut()?;
    let typing = context.text_edit_focused();
    if !typing && let Some(focused) = context.memory(|memory| memory.focused()) {
        context.memory_mut(|memory| memory.surrender_focus(focused));
    }
    if screen.typing != typing {
        screen.typing = typing;
    }
    Ok(())
}

/// The panel's place at the right edge. Its width is given: nothing on it makes it wider.
fn column(context: &egui::Context) -> egui::Ui {
    let screen = context.viewport_rect();
    let place = egui::Rect::from_min_max(egui::pos2(screen.right() - WIDTH, screen.top()), screen.max);
    let area = egui::UiBuilder::new().layer_id(egui::LayerId::background());
    let inner =
        egui::Rect::from_min_max(place.min + egui::vec2(12.0, 10.0), place.max - egui::vec2(4.0, 8.0));
    let mut ui = egui::Ui::new(context.clone(), "panel".into(), area.max_rect(inner));
    ui.set_clip_rect(place);
    ui.painter().rect_filled(place, 0.0, theme::tone(crate::view::palette::SLATE));
    ui
}

fn show(
    mut contexts: EguiContexts,
    mut screen: ResMut<Screen>,
    window: Query<&Window, With<PrimaryWindow>>,
    spec: Res<Spec>,
    signs: Option<Res<Signs>>,
    mut learning: learning::Learning,
    mut playing: playing::Playing,
    mut editing: editor::Editing,
) -> Result {
    let context = contexts.ctx_mut()?;
    // A window too narrow for both shows the worlds alone.
    let narrow = window.single().is_ok_and(|window| window.width() < WIDTH + 200.0);
    let mut right = 0.0;
    if screen.panel && !narrow {
        let mut ui = column(context);
        widgets::title(&mut ui, &spec.name, &spec.summary, signs.map(|signs| signs.0));
        egui::ScrollArea::vertical().auto_shrink(false).show(&mut ui, |ui| {
            ui.set_max_width(WIDTH - 28.0);
            editing.show(ui);
            learning.status(ui);
            learning.doctor(ui);
            playing.time(ui);
            playing.looking_back(ui);
            playing.thoughts(ui);
            playing.players(ui);
            learning.curves(ui);
            learning.tuning(ui);
            learning.settings(ui);
            learning.files(ui);
        });
        right = WIDTH;
    }
    if screen.right != right {
        screen.right = right;
    }
    Ok(())
}
