//! Labels of a comparison: over each arena the agent's age, and how its round goes.

use bevy::prelude::*;
use bevy_egui::{EguiContexts, egui};
use egui::{Align2, RichText, pos2};

use super::theme::tone;
use crate::agent::compare::Comparison;
use crate::view::palette;
use crate::view::stage::{Stage, StageSize};

pub(super) fn show(
    mut contexts: EguiContexts,
    comparison: Option<Res<Comparison>>,
    size: Option<Res<StageSize>>,
    stages: Query<(&Stage, &Transform)>,
) -> Result {
    let (Some(comparison), Some(size)) = (comparison, size) else { return Ok(()) };
    let context = contexts.ctx_mut()?;
    let middle = context.viewport_rect().center();
    for (stage, place) in &stages {
        let Some(name) = comparison.names.get(stage.index) else { continue };
        let corner = place.translation.truncate() + Vec2::new(-size.0.x, size.0.y) * place.scale.x;
        let ended = comparison.outcomes[stage.index];
        let (state, color) = match ended {
            Some(true) => ("success", palette::MINT),
            Some(false) => ("over", palette::ROSE),
            None => ("", palette::INK),
        };
        egui::Area::new(egui::Id::new(("age", stage.index)))
            .fixed_pos(pos2(middle.x + corner.x + 6.0, middle.y - corner.y + 4.0))
            .pivot(Align2::LEFT_TOP)
            .interactable(false)
            .order(egui::Order::Background)
            .show(context, |ui| {
                let plate = egui::Frame::new()
                    .fill(tone(palette::NIGHT).gamma_multiply(0.82))
                    .corner_radius(6.0)
                    .inner_margin(egui::Margin::symmetric(8, 4));
                plate.show(ui, |ui| {
                    ui.label(RichText::new(name).strong().color(tone(palette::INK)));
                    let figures = format!(
                        "return {:+.2}   step {}   {state}",
                        comparison.returns[stage.index], comparison.steps[stage.index]
                    );
                    // In one line, however narrow the arena.
                    ui.add(egui::Label::new(RichText::new(figures).small().color(tone(color))).extend());
                });
            });
    }
    Ok(())
}
