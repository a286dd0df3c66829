//! Unsaved: a warning over the stage while checkpoints cannot be written.

use bevy::prelude::*;
use bevy_egui::{EguiContexts, egui};
use egui::{Align2, RichText};

use super::theme::tone;
use crate::agent::live::Unsaved;
use crate::view::{ScreenLayout, palette};

pub(super) fn show(
    mut contexts: EguiContexts,
    unsaved: Option<Res<Unsaved>>,
    screen: Res<ScreenLayout>,
) -> Result {
    let Some(reason) = unsaved.and_then(|unsaved| unsaved.reason()) else { return Ok(()) };
    let context = contexts.ctx_mut()?;
    let width = (context.viewport_rect().width() - screen.right - 60.0).clamp(120.0, 620.0);
    egui::Area::new("unsaved".into())
        .anchor(Align2::CENTER_TOP, [-screen.right / 2.0, 14.0])
        .interactable(false)
        .order(egui::Order::Foreground)
        .show(context, |ui| {
            let frame = egui::Frame::new()
                .fill(tone(palette::NIGHT))
                .stroke(egui::Stroke::new(1.5, tone(palette::ROSE)))
                .corner_radius(6.0)
                .inner_margin(egui::Margin::symmetric(12, 8));
            frame.show(ui, |ui| {
                // The reason follows a long path, so nothing may be cut off.
                ui.set_width(width);
                let title = "The agent cannot be saved. Saving will be retried until it succeeds.";
                ui.label(RichText::new(title).strong().color(tone(palette::ROSE)));
                ui.label(RichText::new(reason).color(tone(palette::INK)));
            });
        });
    Ok(())
}
