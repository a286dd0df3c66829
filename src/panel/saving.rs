//! Saving: a message in the middle of the window while the session is saved on leaving a world.

use bevy::prelude::*;
use bevy_egui::{EguiContexts, egui};
use egui::{Align2, RichText};

use super::theme::tone;
use crate::view::palette;

pub(super) fn show(mut contexts: EguiContexts) -> Result {
    egui::Area::new("saving".into())
        .anchor(Align2::CENTER_CENTER, [0.0, 0.0])
        .interactable(false)
        .order(egui::Order::Foreground)
        .show(contexts.ctx_mut()?, |ui| {
            let frame = egui::Frame::new()
                .fill(tone(palette::NIGHT))
                .stroke(egui::Stroke::new(1.5, tone(palette::MINT)))
                .corner_radius(6.0)
                .inner_margin(egui::Margin::symmetric(22, 14));
            frame.show(ui, |ui| {
                ui.label(RichText::new("Saving…").size(18.0).strong().color(tone(palette::INK)));
            });
        });
    Ok(())
}
