//! Learning: the learner's status, curves, tuning and checkpoints.

use std::path::PathBuf;

use bevy::prelude::*;
use bevy_egui::egui::{self, RichText, Ui};

use super::names::capitalized;
use super::plots::Plots;
use super::section::{AddPanelSection as _, order};
use super::settings;
use super::theme::tone;
use super::tuning::{Edit, sliders};
use super::widgets::{chip, count, folding, list, note, row, section, toggle};
use super::{curves, learner_stats};
use crate::agent::history::History;
use crate::agent::live::{LiveLearner, RecoveryPoint};
use crate::algo::report::TEMPERATURE;
use crate::insight::waiting::Waiting;
use crate::learner::{Health, LearnerConfig, LearnerError, LearnerStatus};
use crate::view::{ScreenLayout, Toast, palette};

/// Edits that are not applied yet.
#[derive(Resource, Debug, Clone, Default)]
pub(super) struct PendingEdits {
    config: Option<LearnerConfig>,
    /// Why the last change was rejected; empty if it was not.
    pub rejected: String,
    folder: String,
    /// Whether the reset waits for confirmation.
    confirming_reset: bool,
}

impl PendingEdits {
    /// Asks for confirmation of a reset.
    #[cfg(test)]
    pub fn confirm_reset(&mut self) {
        self.confirming_reset = true;
    }
}

/// Whether the reset waits for confirmation.
pub(super) fn is_confirming_reset(world: &mut World) -> bool {
    world.get_resource::<PendingEdits>().is_some_and(|pending| pending.confirming_reset)
}

/// Cancels the reset.
pub(super) fn cancel_reset(world: &mut World) {
    world.resource_mut::<PendingEdits>().confirming_reset = false;
}

/// Adds the sections of a learner, and the notice of its failure.
pub(super) fn plugin(app: &mut App) {
    app.init_resource::<PendingEdits>()
        .init_resource::<settings::PendingText>()
        .add_systems(Update, announce_failure)
        .add_panel_section(order::LEARNING, status)
        .add_panel_section(order::CURVES, curves)
        .add_panel_section(order::TUNING, tuning)
        .add_panel_section(order::SETTINGS, all_settings)
        .add_panel_section(order::FILES, files);
}

/// Training switch, health, returns, statistics.
fn status(
    InMut(ui): InMut<Ui>,
    learner: Option<ResMut<LiveLearner>>,
    history: Option<Res<History>>,
    waiting: Option<Res<Waiting>>,
) {
    let Some(mut learner) = learner else { return };
    let status = learner.status();
    section(ui, "Learning", |ui| {
        let on = learner.training();
        let explanation =
            "Switches gradient steps on and off. The agent acts and records transitions either way.";
        // Not shown as on while no experience arrives.
        let reason = waiting.as_ref().and_then(|waiting| waiting.0).filter(|_| on);
        let label =
            reason.map_or_else(|| format!("Training is {}", if on { "on" } else { "off" }), capitalized);
        if toggle(ui, on && reason.is_none(), [label.as_str(); 2], explanation) {
            learner.set_training(!on);
        }
        ui.add_space(2.0);
        health(ui, &status, reason.is_some());
        if matches!(status.health, Health::Failed(_)) {
            recovery(ui, &mut learner);
        }
        if let Some(history) = &history {
            curves::returns(ui, history, learner.changes());
        }
        let title = RichText::new("Details").small().color(tone(palette::MUTED));
        egui::CollapsingHeader::new(title).show_unindented(ui, |ui| {
            learner_stats::show(ui, &status, history.as_deref());
            if !learner.is_remote() {
                learner_stats::device(ui, &mut learner, &status);
            }
        });
    });
}

/// Plots.
fn curves(
    InMut(ui): InMut<Ui>,
    learner: Option<Res<LiveLearner>>,
    history: Option<Res<History>>,
    mut plots: ResMut<Plots>,
) {
    let Some(history) = history else { return };
    let changes = learner.as_deref().map_or(&[][..], LiveLearner::changes);
    folding(ui, "Curves", true, |ui| {
        let explanation = "All curves in a large window: pan, zoom, compare with earlier runs, save.";
        if ui.button("Enlarge").on_hover_text(explanation).clicked() {
            plots.open = true;
        }
        curves::show(ui, &history, changes);
    });
}

/// Sliders for settings that are safe to change during training.
fn tuning(InMut(ui): InMut<Ui>, learner: Option<ResMut<LiveLearner>>, mut pending: ResMut<PendingEdits>) {
    let Some(mut learner) = learner.filter(|learner| !learner.is_remote()) else { return };
    folding(ui, "Tuning", false, |ui| {
        let mut config = pending.config.clone().unwrap_or_else(|| learner.config().clone());
        let measured = learner.status().measured().and_then(|report| report.get(TEMPERATURE));
        let measured = measured.map(|temperature| temperature as f32);
        // Shown before the first change, so that the sliders do not move.
        let explanation = learner.undoable().map_or("Nothing to undo.".to_owned(), |change| {
            format!("Undoes the last change: {}", change.what)
        });
        let undo = ui.add_enabled(learner.undoable().is_some(), egui::Button::new("Undo"));
        if undo.on_hover_text(&explanation).on_disabled_hover_text(&explanation).clicked() {
            learner.undo();
            (pending.config, pending.rejected) = (None, String::new());
            return;
        }
        if !pending.rejected.is_empty() {
            ui.label(RichText::new(&pending.rejected).small().color(tone(palette::ROSE)));
        }
        match sliders(ui, &mut config, measured) {
            Edit::None => {}
            // Sent when the slider is released, not while it moves.
            Edit::Dragging => pending.config = Some(config),
            Edit::Done => {
                pending.config = None;
                pending.rejected = error_text(learner.set_config(config));
            }
        }
    });
}

/// All settings as text.
fn all_settings(
    InMut(ui): InMut<Ui>,
    learner: Option<ResMut<LiveLearner>>,
    mut text: ResMut<settings::PendingText>,
) {
    if let Some(mut learner) = learner.filter(|learner| !learner.is_remote()) {
        settings::show(ui, &mut learner, &mut text);
    }
}

/// Save, reset, rewind, load.
fn files(InMut(ui): InMut<Ui>, learner: Option<ResMut<LiveLearner>>, mut pending: ResMut<PendingEdits>) {
    let Some(mut learner) = learner.filter(|learner| !learner.is_remote()) else { return };
    let pending = &mut *pending;
    section(ui, "Agent", |ui| {
        ui.horizontal(|ui| {
            let save = ui.button("Save").on_hover_text("Writes a checkpoint to the session's folder.");
            if save.clicked() {
                learner.save();
            }
            if pending.confirming_reset {
                ui.label(RichText::new("Reset the agent?").color(tone(palette::ROSE)));
                if ui.button("Yes").clicked() {
                    learner.reset();
                    pending.confirming_reset = false;
                }
                if ui.button("No").clicked() {
                    pending.confirming_reset = false;
                }
            } else {
                let reset = ui.button("Reset agent");
                pending.confirming_reset = reset.on_hover_text("Starts over with new networks.").clicked();
            }
        });
        let snapshots = learner.snapshots();
        let explanation = "Goes back to the networks of that time. The replay buffer stays as it is, and the current networks are \
             added to the list.";
        row(ui, "rewind", explanation, |ui| {
            let chosen = list("rewind", "to …", 124.0).show_ui(ui, |ui| {
                let all = snapshots.all().iter();
                all.filter(|snapshot| {
                    let steps = count(snapshot.env_steps as f64);
                    ui.selectable_label(false, format!("{}, {steps} env steps", snapshot.name())).clicked()
                })
                .last()
            });
            chosen.response.on_hover_text(explanation);
            if let Some(snapshot) = chosen.inner.flatten() {
                learner.rewind(snapshot);
            }
        });
        ui.horizontal(|ui| {
            let field = egui::TextEdit::singleline(&mut pending.folder).hint_text("run or checkpoint folder");
            ui.add(field.desired_width(ui.available_width() - 62.0));
            let filled = !pending.folder.trim().is_empty();
            let load = ui.add_enabled(filled, egui::Button::new("Load"));
            if load.on_hover_text("Continues training from the checkpoint in this folder.").clicked() {
                learner.load(PathBuf::from(pending.folder.trim()));
            }
        });
    });
}

/// The error as text; empty without one.
pub(super) fn error_text(result: Result<(), LearnerError>) -> String {
    result.err().map(|error| error.to_string()).unwrap_or_default()
}

fn health(ui: &mut Ui, status: &LearnerStatus, waiting: bool) {
    let (text, color, explanation) = match &status.health {
        Health::Collecting | Health::Training if waiting => {
            ("waiting", palette::AMBER, "No experience arrives until you continue.")
        }
        Health::Starting => ("starting", palette::MUTED, "Choosing a device and building the networks."),
        Health::Collecting => (
            "collecting",
            palette::AMBER,
            "Filling the replay buffer; gradient steps start when there are enough transitions.",
        ),
        Health::Training => ("training", palette::MINT, "Making gradient steps."),
        Health::Paused => ("paused", palette::MUTED, "Gradient steps are switched off."),
        Health::Failed(_) => {
            ("failed", palette::ROSE, "The learner has stopped; the game continues with the last policy.")
        }
    };
    ui.horizontal(|ui| {
        chip(ui, text, color).on_hover_text(explanation);
        let version = format!("policy version {}", status.policy_version);
        ui.label(RichText::new(version).small().color(tone(palette::MUTED))).on_hover_text(
            "The learner publishes its policy at intervals; the agent plays with the latest version.",
        );
    });
    // Always two lines high, so that nothing below moves.
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

/// Opens the panel and shows a notice when the learner fails.
fn announce_failure(
    learner: Option<Res<LiveLearner>>,
    mut screen: ResMut<ScreenLayout>,
    mut toast: ResMut<Toast>,
    mut was_failed: Local<bool>,
) {
    let failed = learner.is_some_and(|learner| matches!(learner.status().health, Health::Failed(_)));
    if !std::mem::replace(&mut *was_failed, failed) && failed {
        screen.panel = true;
        toast.show("the learner has failed; the panel shows why and how to continue".into());
    }
}

/// Buttons to recover a failed learner, the best option first.
fn recovery(ui: &mut Ui, learner: &mut LiveLearner) {
    let mut chosen = None;
    for option in learner.rescues() {
        let (text, explanation) = match &option {
            RecoveryPoint::Checkpoint(seconds) => (
                format!("Continue from the checkpoint of {seconds} s ago"),
                "Restores networks, optimizer and replay buffer of that time.",
            ),
            RecoveryPoint::Mark(mark) => (
                format!("Continue from {}", mark.name()),
                "Restores networks and optimizer of that time, with an empty replay buffer.",
            ),
            RecoveryPoint::Fresh => ("Start over".to_owned(), "New networks and an empty replay buffer."),
        };
        if ui.button(text).on_hover_text(explanation).clicked() {
            chosen = Some(option);
        }
    }
    if let Some(change) = learner.undoable() {
        let text = format!("Undo: {}", change.what);
        let explanation = "The last change, which may be the cause. Undo it, then continue.";
        if ui.button(text).on_hover_text(explanation).clicked() {
            learner.undo();
        }
    }
    if let Some(option) = chosen {
        learner.rescue(&option);
    }
}
