//! Settings: every field of learner and algorithm as text, under the names that files and `--set` use.
//!
//! The few that people reach for while they watch have sliders in `learning`.

use bevy::prelude::*;
use bevy_egui::egui::{self, RichText, Ui};

use super::theme::tone;
use super::widgets::folding;
use crate::agent::live::LiveLearner;
use crate::config;
use crate::view::palette;

/// What is being written and not yet in force.
#[derive(Resource, Debug, Clone, Default)]
pub(super) struct Draft {
    text: Option<String>,
    /// What is wrong with the text.
    pub problem: String,
}

/// The text, and what can be done with it.
pub(super) fn show(ui: &mut Ui, learner: &mut LiveLearner, draft: &mut Draft) {
    folding(ui, "All settings", false, |ui| {
        let current = config::settings_to_toml(learner.config());
        let mut text = draft.text.clone().unwrap_or_else(|| current.clone());
        let area = egui::ScrollArea::vertical().id_salt("settings").max_height(240.0);
        area.min_scrolled_height(240.0).show(ui, |ui| {
            let field = egui::TextEdit::multiline(&mut text).code_editor().desired_rows(16);
            if ui.add(field.desired_width(f32::INFINITY)).changed() {
                draft.text = Some(text.clone());
                draft.problem.clear();
            }
        });
        let changed = draft.text.as_ref().is_some_and(|text| *text != current);
        ui.horizontal(|ui| {
            let button = |ui: &mut Ui, name, explanation: &str| {
                ui.add_enabled(changed, egui::Button::new(name)).on_hover_text(explanation).clicked()
            };
            let apply = button(ui, "Apply", "Goes on with the same networks and these settings.");
            let explanation =
                "Begins again with fresh networks: for widths, heads and all that shapes a network.";
            let anew = button(ui, "Start anew", explanation);
            if button(ui, "Revert", "Shows the settings in force.") {
                *draft = Draft::default();
            }
            if apply || anew {
                let accepted = config::settings_from_toml(&text).map_err(|error| error.to_string());
                let accepted = accepted.and_then(|config| {
                    let taken = if anew { learner.begin_anew(config) } else { learner.set_config(config) };
                    taken.map_err(|error| error.to_string())
                });
                if let Err(problem) = accepted {
                    return draft.problem = problem;
                }
                *draft = Draft::default();
            }
        });
        if !draft.problem.is_empty() {
            ui.label(RichText::new(&draft.problem).small().color(tone(palette::ROSE)));
        }
    });
}
