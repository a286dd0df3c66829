//! Comparison: labels with the agent's age, return and step over each arena.

use bevy::prelude::*;
use bevy_egui::{EguiContexts, egui};
use egui::{Align2, pos2, vec2};

use super::text_box::TextBox;
use super::theme::tone;
use crate::insight::compare::Comparison;
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
            Some(true) => (", success", palette::MINT),
            Some(false) => (", over", palette::ROSE),
            None => ("", palette::INK),
        };
        let details = format!(
            "return {:+.2}, step {}{state}",
            comparison.returns[stage.index], comparison.steps[stage.index]
        );
        let text_box = TextBox {
            id: egui::Id::new(("age", stage.index)),
            order: egui::Order::Background,
            anchor: Align2::LEFT_TOP,
            at: pos2(middle.x + corner.x + 6.0, middle.y - corner.y + 4.0),
            // No wider than the arena.
            widest: 2.0 * size.0.x * place.scale.x - 12.0,
            fill: tone(palette::NIGHT).gamma_multiply(0.82),
            margin: vec2(8.0, 4.0),
            radius: 6.0,
        };
        text_box.show(context, &[(name.clone(), 13.0, tone(palette::INK)), (details, 11.0, tone(color))]);
    }
    Ok(())
}
