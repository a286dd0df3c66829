//! Settings: every field of the learner and the algorithm as text, with the names used in files and by `--set`.

use bevy::prelude::*;
use bevy_egui::egui::{self, RichText, Ui};

use super::theme::tone;
use super::widgets::folding;
use crate::agent::live::LiveLearner;
use crate::config;
use crate::view::palette;

/// Edited text that is not applied yet.
#[derive(Resource, Debug, Clone, Default)]
pub(super) struct PendingText {
    text: Option<String>,
    /// Why the text was rejected.
    pub problem: String,
}

/// The text and its buttons.
pub(super) fn show(ui: &mut Ui, learner: &mut LiveLearner, pending: &mut PendingText) {
    folding(ui, "All settings", false, |ui| {
        let current = config::settings_to_toml(learner.config());
        let mut text = pending.text.clone().unwrap_or_else(|| current.clone());
        let area = egui::ScrollArea::vertical().id_salt("settings").max_height(240.0);
        area.min_scrolled_height(240.0).show(ui, |ui| {
            let field = egui::TextEdit::multiline(&mut text).code_editor().desired_rows(16);
            if ui.add(field.desired_width(f32::INFINITY)).changed() {
                pending.text = Some(text.clone());
                pending.problem.clear();
            }
        });
        let changed = pending.text.as_ref().is_some_and(|text| *text != current);
        ui.horizontal(|ui| {
            let button = |ui: &mut Ui, name, explanation: &str| {
                ui.add_enabled(changed, egui::Button::new(name)).on_hover_text(explanation).clicked()
            };
            let apply = button(ui, "Apply", "Continues with the same networks and these settings.");
            let explanation =
                "Starts over with new networks; needed for network widths, heads and other settings of the architecture.";
            let restart = button(ui, "Start over", explanation);
            if button(ui, "Revert", "Discards the edits.") {
                *pending = PendingText::default();
            }
            if apply || restart {
                let parsed = config::settings_from_toml(&text).map_err(|error| error.to_string());
                let applied = parsed.and_then(|config| {
                    let result = if restart { learner.begin_anew(config) } else { learner.set_config(config) };
                    result.map_err(|error| error.to_string())
                });
                if let Err(problem) = applied {
                    return pending.problem = problem;
                }
                *pending = PendingText::default();
            }
        });
        if !pending.problem.is_empty() {
            ui.label(RichText::new(&pending.problem).small().color(tone(palette::ROSE)));
        }
    });
}
