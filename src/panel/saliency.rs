//! Saliency: the watched agent's observation, drawn, with what matters in it lit up.

use bevy_egui::egui::{self, RichText, Sense, Ui, vec2};

use super::theme::{faded, tone};
use super::widgets::{bar, row, section};
use crate::insight::saliency::{Saliency, WatchedSaliency};
use crate::mdp::{EnvironmentSpec, GridShape};
use crate::view::palette;

/// Width that pictures of planes share.
const WIDTH: f32 = 280.0;

/// What the watched seats see.
pub(super) fn show(ui: &mut Ui, spec: &EnvironmentSpec, sights: &WatchedSaliency) {
    if sights.iter().all(Option::is_none) {
        return;
    }
    section(ui, "What the agent sees", |ui| {
        for (slot, sight) in sights.iter().enumerate() {
            let Some(sight) = sight else { continue };
            if sights.len() > 1 {
                let side = super::playing::side(&spec.teams, slot);
                ui.label(RichText::new(side).small().color(tone(palette::MINT)));
            }
            numbers(ui, &spec.observation.vector, sight);
            if let Some(shape) = spec.observation.grid {
                cells(ui, shape, sight);
                planes(ui, shape, &sight.grid);
            }
        }
    });
}

fn numbers(ui: &mut Ui, names: &[String], sight: &Saliency) {
    let most = sight.matters.iter().fold(0.0f32, |most, share| most.max(*share)).max(1e-6);
    for ((name, value), share) in names.iter().zip(&sight.vector).zip(&sight.matters) {
        let explanation = format!(
            "{name} is {value:+.3}. Were it 0, {:.1} % of the policy's probability would go to other actions.",
            100.0 * share
        );
        row(ui, name, &explanation, |ui| {
            let figure = RichText::new(format!("{value:+.2}")).small().monospace();
            ui.label(figure).on_hover_text(&explanation);
            bar(ui, 90.0, share / most, palette::AMBER).on_hover_text(&explanation);
        });
    }
}

/// The room as the policy weighs it.
fn cells(ui: &mut Ui, shape: GridShape, sight: &Saliency) {
    let most = sight.cells.iter().fold(0.0f32, |most, share| most.max(*share));
    let explanation = format!(
        "Brighter cells matter more: were nothing seen in the brightest, {:.1} % of the policy's probability would go to \
         other actions.",
        100.0 * most
    );
    ui.label(RichText::new("what matters").small().color(tone(palette::MUTED))).on_hover_text(&explanation);
    let side = (0.5 * WIDTH / shape.width as f32).min(14.0);
    picture(ui, shape, side, |cell| sight.cells.get(cell).map_or(0.0, |share| share / most.max(1e-6)))
        .on_hover_text(explanation);
}

/// Every plane as it is.
fn planes(ui: &mut Ui, shape: GridShape, grid: &[u8]) {
    let explanation = "Every plane of the observation: what is bright is there.";
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
