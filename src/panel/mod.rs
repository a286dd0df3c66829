//! Panel: the numbers and switches beside the worlds. The only place where egui is used.
//!
//! What is drawn in the worlds and what keys do is left to `view`; every section is a file.

mod compare;
mod curves;
mod doctor;
pub mod editor;
mod film;
mod hud;
mod learning;
mod mind;
mod playing;
pub mod plots;
mod preferences;
mod settings;
mod sight;
mod theme;
pub mod title;
mod tuning;
mod unsaved;
mod widgets;

use bevy::prelude::*;
use bevy::window::PrimaryWindow;
use bevy_egui::{EguiContexts, EguiInput, EguiPlugin, EguiPreUpdateSet, EguiPrimaryContextPass, egui};

use crate::sim::arena::Spec;
use crate::view::Screen;

/// Width of the panel in logical pixels.
const WIDTH: f32 = 336.0;

/// Adds the panel and the line of keys. Add after `view`.
pub fn plugin(app: &mut App) {
    app.add_plugins((EguiPlugin::default(), hud::plugin))
        .init_resource::<learning::Drafts>()
        .init_resource::<playing::Drafts>()
        .init_resource::<settings::Draft>()
        .init_resource::<plots::Plots>()
        .init_resource::<editor::Drafts>()
        .add_systems(Update, learning::alarm)
        .add_systems(
            PreUpdate,
            keep_tab.after(EguiPreUpdateSet::ProcessInput).before(EguiPreUpdateSet::BeginPass),
        )
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

fn show(
    mut contexts: EguiContexts,
    mut screen: ResMut<Screen>,
    window: Query<&Window, With<PrimaryWindow>>,
    spec: Res<Spec>,
    mut learning: learning::Learning,
    mut playing: playing::Playing,
    mut editing: editor::Editing,
) -> Result {
    let context = contexts.ctx_mut()?;
    // A window too narrow for both shows the worlds alone.
    let narrow = window.single().is_ok_and(|window| window.width() < WIDTH + 200.0);
    let mut right = 0.0;
    if screen.panel && !narrow {
        let area =
            egui::UiBuilder::new().layer_id(egui::LayerId::background()).max_rect(context.viewport_rect());
        let mut root = egui::Ui::new(context.clone(), "arcade".into(), area);
        let frame = egui::Frame::new().fill(theme::tone(crate::view::palette::SLATE));
        let panel = egui::Panel::right("panel")
            .exact_size(WIDTH)
            .resizable(false)
            .show_separator_line(false)
            .frame(frame.inner_margin(egui::Margin { left: 12, right: 4, top: 10, bottom: 8 }));
        let shown = panel.show(&mut root, |ui| {
            widgets::title(ui, &spec.name, &spec.summary);
            egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
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
        });
        right = shown.response.rect.width();
    }
    if screen.right != right {
        screen.right = right;
    }
    Ok(())
}
