//! Saliency: the watched agent's observation, with the parts that influence its policy highlighted.

use bevy::prelude::*;
use bevy_egui::egui::{self, RichText, Sense, Ui, vec2};

use super::section::{AddPanelSection as _, order};
use super::theme::{faded, tone};
use super::widgets::{bar, row, section};
use crate::insight::saliency::{Saliency, WatchedSaliency};
use crate::mdp::{ActionSpace, GridShape};
use crate::sim::arena::Spec;
use crate::view::palette;

/// Width available to the pictures of planes, in logical pixels.
const WIDTH: f32 = 280.0;

/// Adds the section.
pub(super) fn plugin(app: &mut App) {
    app.add_panel_section(order::SALIENCY, show);
}

/// The section: observation and saliency of every watched slot.
fn show(InMut(ui): InMut<Ui>, spec: Res<Spec>, saliencies: Option<Res<WatchedSaliency>>) {
    let Some(saliencies) = saliencies else { return };
    if saliencies.iter().all(Option::is_none) {
        return;
    }
    section(ui, "Observation and saliency", |ui| {
        for (slot, saliency) in saliencies.iter().enumerate() {
            let Some(saliency) = saliency else { continue };
            if saliencies.len() > 1 {
                let side = super::names::slot_name(&spec.teams, slot);
                ui.label(RichText::new(side).small().color(tone(palette::MINT)));
            }
            let moves = moves(&spec.action);
            vector(ui, &spec.observation.vector, saliency, moves);
            if let Some(shape) = spec.observation.grid {
                cells(ui, shape, saliency, moves);
                planes(ui, shape, &saliency.grid);
            }
        }
    });
}

/// What moves, after a percentage.
fn moves(actions: &ActionSpace) -> &'static str {
    if actions.is_continuous() {
        "of its range would be between the action and the one chosen then"
    } else {
        "of the policy's probability would move to other actions"
    }
}

/// Elements of the observation vector.
fn vector(ui: &mut Ui, names: &[String], saliency: &Saliency, moves: &str) {
    let most = saliency.vector_saliency.iter().fold(0.0f32, |most, share| most.max(*share)).max(1e-6);
    for ((name, value), share) in names.iter().zip(&saliency.vector).zip(&saliency.vector_saliency) {
        let explanation = format!("{name} is {value:+.3}. If it were 0, {:.1} % {moves}.", 100.0 * share);
        row(ui, name, &explanation, |ui| {
            let number = RichText::new(format!("{value:+.2}")).small().monospace();
            ui.label(number).on_hover_text(&explanation);
            bar(ui, 90.0, share / most, palette::AMBER).on_hover_text(&explanation);
        });
    }
}

/// Saliency of every cell of the grid.
fn cells(ui: &mut Ui, shape: GridShape, saliency: &Saliency, moves: &str) {
    let most = saliency.cell_saliency.iter().fold(0.0f32, |most, share| most.max(*share));
    let explanation = format!(
        "Bright cells influence the policy most: if the brightest were empty, {:.1} % {moves}.",
        100.0 * most
    );
    ui.label(RichText::new("saliency").small().color(tone(palette::MUTED))).on_hover_text(&explanation);
    let side = (0.5 * WIDTH / shape.width as f32).min(14.0);
    picture(ui, shape, side, |cell| {
        saliency.cell_saliency.get(cell).map_or(0.0, |share| share / most.max(1e-6))
    })
    .on_hover_text(explanation);
}

/// Every plane of the observation.
fn planes(ui: &mut Ui, shape: GridShape, grid: &[u8]) {
    let explanation = "The planes of the observation; bright cells are 1.";
    ui.label(RichText::new("planes").small().color(tone(palette::MUTED))).on_hover_text(explanation);
    let side = (WIDTH / 4.0 / shape.width as f32 - 1.0).clamp(2.0, 8.0);
    let count = shape.height * shape.width;
    ui.horizontal_wrapped(|ui| {
        for (channel, plane) in grid.chunks(count.max(1)).enumerate() {
            picture(ui, shape, side, |cell| f32::from(plane[cell]) / 255.0)
                .on_hover_text(format!("plane {}", channel + 1));
        }
    });
}

fn picture(ui: &mut Ui, shape: GridShape, side: f32, light: impl Fn(usize) -> f32) -> egui::Response {
    let size = vec2(side * shape.width as f32, side * shape.height as f32);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let painter = ui.painter();
    painter.rect_filled(rect, 2.0, tone(palette::NIGHT));
    for cell in 0..shape.height * shape.width {
        let (row, column) = (cell / shape.width, cell % shape.width);
        let light = light(cell).clamp(0.0, 1.0);
        if light > 0.02 {
            let corner = rect.min + vec2(side * column as f32, side * row as f32);
            let square = egui::Rect::from_min_size(corner, egui::Vec2::splat(side));
            painter.rect_filled(square, 0.0, faded(palette::AMBER, light));
        }
    }
    response
}
