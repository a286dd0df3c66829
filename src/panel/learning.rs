//! Learning: the learner's health and figures, its switches and its files.

use std::path::PathBuf;

use bevy::ecs::system::SystemParam;
use bevy::prelude::*;
use bevy_egui::egui::{self, RichText, Ui};

use super::playing::capital;
use super::plots::Plots;
use super::settings;
use super::theme::tone;
use super::tuning::{Edit, sliders};
use super::widgets::{chip, count, folding, list, note, row, section, toggle};
use super::{curves, doctor, figures};
use crate::agent::history::History;
use crate::agent::live::{LiveLearner, RecoveryPoint};
use crate::insight::waiting::Waiting;
use crate::learner::{Health, LearnerConfig, LearnerError, LearnerStatus};
use crate::view::{Notice, Screen, palette};

/// What is being edited and not yet in force.
#[derive(Resource, Debug, Clone, Default)]
pub(super) struct Drafts {
    config: Option<LearnerConfig>,
    /// Why the last change was refused; empty where it was not.
    refused: String,
    folder: String,
    /// Whether "reset" was pressed once.
    resetting: bool,
}

impl Drafts {
    /// Asks whether the agent shall be forgotten.
    #[cfg(test)]
    pub fn ask(&mut self) {
        self.resetting = true;
    }
}

/// Whether somebody is asked something.
pub(super) fn asks(world: &mut World) -> bool {
    world.get_resource::<Drafts>().is_some_and(|drafts| drafts.resetting)
}

/// Answers with no.
pub(super) fn say_no(world: &mut World) {
    world.resource_mut::<Drafts>().resetting = false;
}

/// What these sections read and write.
#[derive(SystemParam)]
pub(super) struct Learning<'w> {
    learner: Option<ResMut<'w, LiveLearner>>,
    history: Option<Res<'w, History>>,
    waiting: Option<Res<'w, Waiting>>,
    found: Res<'w, doctor::Doctor>,
    drafts: ResMut<'w, Drafts>,
    settings: ResMut<'w, settings::Draft>,
    plots: ResMut<'w, Plots>,
}

impl Learning<'_> {
    /// Training on or off, health, rates, device.
    pub fn status(&mut self, ui: &mut Ui) {
        let Some(learner) = &mut self.learner else { return };
        let status = learner.status();
        section(ui, "Learning", |ui| {
            let on = learner.training();
            let explanation =
                "Whether gradient steps are made; the agent goes on acting and recording either way.";
            // No green light while nothing comes in to be learned from.
            let waits = self.waiting.as_ref().and_then(|waiting| waiting.0).filter(|_| on);
            let name =
                waits.map_or_else(|| format!("Training is {}", if on { "on" } else { "off" }), capital);
            if toggle(ui, on && waits.is_none(), [name.as_str(); 2], explanation) {
                learner.set_training(!on);
            }
            ui.add_space(2.0);
            health(ui, &status, waits.is_some());
            if matches!(status.health, Health::Failed(_)) {
                rescues(ui, learner);
            }
            if let Some(history) = &self.history {
                curves::returns(ui, history, learner.changes());
            }
            let title = RichText::new("How it learns").small().color(tone(palette::MUTED));
            egui::CollapsingHeader::new(title).show_unindented(ui, |ui| {
                figures::figures(ui, &status, self.history.as_deref());
                figures::device(ui, learner, &status);
            });
        });
    }

    /// What looks wrong, and what may help.
    pub fn doctor(&mut self, ui: &mut Ui) {
        let Some(learner) = &mut self.learner else { return };
        if let Some(config) = doctor::show(ui, &self.found) {
            self.drafts.refused = refusal(learner.set_config(config));
        }
    }

    /// Plots.
    pub fn curves(&mut self, ui: &mut Ui) {
        let Some(history) = &self.history else { return };
        let changes = self.learner.as_deref().map_or(&[][..], LiveLearner::changes);
        let plots = &mut self.plots;
        folding(ui, "Curves", true, |ui| {
            let explanation = "Every curve in large: pan, zoom, compare with an earlier run, save.";
            if ui.button("Look closer").on_hover_text(explanation).clicked() {
                plots.open = true;
            }
            curves::show(ui, history, changes);
        });
    }

    /// The few values that are safe to change while it learns.
    pub fn tuning(&mut self, ui: &mut Ui) {
        let (Some(learner), drafts) = (&mut self.learner, &mut self.drafts) else { return };
        folding(ui, "Tuning", false, |ui| {
            let mut config = drafts.config.clone().unwrap_or_else(|| learner.config().clone());
            let measured = learner.status().measured().map(|report| report.temperature);
            // There before anything is changed: the slider that changes it stays where it is.
            let explanation =
                learner.undoable().map_or("Nothing has been changed yet.".to_owned(), |change| {
                    format!("Takes back the last change: {}", change.what)
                });
            let undo = ui.add_enabled(learner.undoable().is_some(), egui::Button::new("Undo"));
            if undo.on_hover_text(&explanation).on_disabled_hover_text(&explanation).clicked() {
                learner.undo();
                (drafts.config, drafts.refused) = (None, String::new());
                return;
            }
            if !drafts.refused.is_empty() {
                ui.label(RichText::new(&drafts.refused).small().color(tone(palette::ROSE)));
            }
            match sliders(ui, &mut config, measured) {
                Edit::None => {}
                // While a slider moves nothing is sent: the learner would only be kept busy.
                Edit::Going => drafts.config = Some(config),
                Edit::Made => {
                    drafts.config = None;
                    drafts.refused = refusal(learner.set_config(config));
                }
            }
        });
    }

    /// Everything else.
    pub fn settings(&mut self, ui: &mut Ui) {
        let Some(learner) = &mut self.learner else { return };
        settings::show(ui, learner, &mut self.settings);
    }

    /// Save, load, reset.
    pub fn files(&mut self, ui: &mut Ui) {
        let (Some(learner), drafts) = (&mut self.learner, &mut *self.drafts) else { return };
        section(ui, "Agent", |ui| {
            ui.horizontal(|ui| {
                let save = ui.button("Save").on_hover_text("Writes a checkpoint into the run's folder.");
                if save.clicked() {
                    learner.save();
                }
                if drafts.resetting {
                    ui.label(RichText::new("Forget everything?").color(tone(palette::ROSE)));
                    if ui.button("Yes").clicked() {
                        learner.reset();
                        drafts.resetting = false;
                    }
                    if ui.button("No").clicked() {
                        drafts.resetting = false;
                    }
                } else {
                    let reset = ui.button("Reset agent");
                    drafts.resetting = reset.on_hover_text("Begins again with fresh networks.").clicked();
                }
            });
            let marks = learner.status().marks.clone();
            let explanation = "Goes back to the networks of that age. What was experienced since stays in replay, and today's networks \
                 are kept as a mark of their own.";
            row(ui, "rewind", explanation, |ui| {
                let chosen = list("rewind", "to …", 124.0).show_ui(ui, |ui| {
                    let all = marks.all().iter();
                    all.filter(|mark| {
                        let steps = count(mark.env_steps as f64);
                        ui.selectable_label(false, format!("{}, {steps} env steps", mark.name())).clicked()
                    })
                    .last()
                });
                chosen.response.on_hover_text(explanation);
                if let Some(mark) = chosen.inner.flatten() {
                    learner.rewind(mark);
                }
            });
            ui.horizontal(|ui| {
                let field =
                    egui::TextEdit::singleline(&mut drafts.folder).hint_text("run or checkpoint folder");
                ui.add(field.desired_width(ui.available_width() - 62.0));
                let there = !drafts.folder.trim().is_empty();
                let load = ui.add_enabled(there, egui::Button::new("Load"));
                if load.on_hover_text("Goes on learning from the checkpoint in this folder.").clicked() {
                    learner.load(PathBuf::from(drafts.folder.trim()));
                }
            });
        });
    }
}

fn refusal(result: Result<(), LearnerError>) -> String {
    result.err().map(|error| error.to_string()).unwrap_or_default()
}

fn health(ui: &mut Ui, status: &LearnerStatus, waits: bool) {
    let (text, color, explanation) = match &status.health {
        Health::Collecting | Health::Training if waits => {
            ("waiting", palette::AMBER, "Nothing comes in to be learned from until you go on.")
        }
        Health::Starting => {
            ("starting", palette::MUTED, "The learner is choosing a device and building its networks.")
        }
        Health::Collecting => (
            "collecting",
            palette::AMBER,
            "Experience is gathered; gradient steps begin when there is enough.",
        ),
        Health::Training => ("training", palette::MINT, "Gradient steps are being made."),
        Health::Paused => ("paused", palette::MUTED, "Gradient steps are switched off."),
        Health::Failed(_) => {
            ("failed", palette::ROSE, "The learner has stopped; the game goes on with the last policy.")
        }
    };
    ui.horizontal(|ui| {
        chip(ui, text, color).on_hover_text(explanation);
        let version = format!("policy version {}", status.policy_version);
        ui.label(RichText::new(version).small().color(tone(palette::MUTED))).on_hover_text(
            "Learning publishes a new version of the policy again and again; the agent plays with the last one.",
        );
    });
    // Two lines whether or not there is something to tell: nothing below moves when there is.
    let line = ui.text_style_height(&egui::TextStyle::Small);
    let room = egui::vec2(ui.available_width(), 2.0 * line);
    ui.allocate_ui_with_layout(room, egui::Layout::top_down(egui::Align::Min), |ui| {
        ui.set_min_size(room);
        note(ui, &status.message, palette::MUTED, 2);
    });
    if let Health::Failed(reason) = &status.health {
        ui.label(RichText::new(reason).small().color(tone(palette::ROSE)));
    }
}

/// Says so, and shows the ways on, when the learner fails.
pub(super) fn alarm(
    learner: Option<Res<LiveLearner>>,
    mut screen: ResMut<Screen>,
    mut notice: ResMut<Notice>,
    mut failed: Local<bool>,
) {
    let fails = learner.is_some_and(|learner| matches!(learner.status().health, Health::Failed(_)));
    if std::mem::replace(&mut *failed, fails) != fails && fails {
        screen.panel = true;
        notice.say("learning has stopped; the panel says why and offers ways on".into());
    }
}

/// Ways on for a learner that has failed, the best first.
fn rescues(ui: &mut Ui, learner: &mut LiveLearner) {
    let mut chosen = None;
    for rescue in learner.rescues() {
        let (text, explanation) = match &rescue {
            RecoveryPoint::Checkpoint(seconds) => (
                format!("Go on from the checkpoint of {seconds} s ago"),
                "Networks, optimizer and replay as they were written then.",
            ),
            RecoveryPoint::Mark(mark) => (
                format!("Go on as it was at {}", mark.name()),
                "Networks and optimizer as they were then; replay begins empty.",
            ),
            RecoveryPoint::Fresh => ("Start over".to_owned(), "Fresh networks and an empty replay."),
        };
        if ui.button(text).on_hover_text(explanation).clicked() {
            chosen = Some(rescue);
        }
    }
    if let Some(change) = learner.undoable() {
        let text = format!("Take back: {}", change.what);
        let explanation = "What was changed last, and may be the cause. Take it back, then go on.";
        if ui.button(text).on_hover_text(explanation).clicked() {
            learner.undo();
        }
    }
    if let Some(rescue) = chosen {
        learner.rescue(&rescue);
    }
}
