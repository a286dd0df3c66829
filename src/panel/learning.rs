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
use super::widgets::{bar, chip, count, figure, folding, measure, row, section, toggle};
use super::{curves, doctor};
use crate::agent::history::History;
use crate::agent::live::{LiveLearner, Rescue};
use crate::agent::waiting::Waiting;
use crate::learner::{DeviceChoice, Health, LearnerConfig, LearnerError, LearnerStatus};
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
                figures(ui, &status, self.history.as_deref());
                device(ui, learner, &status);
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
            if let Some(change) = learner.undoable() {
                let explanation = format!("Takes back the last change: {}", change.what);
                if ui.button("Undo").on_hover_text(explanation).clicked() {
                    learner.undo();
                    (drafts.config, drafts.refused) = (None, String::new());
                    return;
                }
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
            let explanation = "Goes back to the networks of that age. What was lived through since stays in replay, and                                where you are now is kept as a mark of its own.";
            row(ui, "rewind", explanation, |ui| {
                let chosen = egui::ComboBox::from_id_salt("rewind").selected_text("to …").width(124.0);
                let chosen = chosen.show_ui(ui, |ui| {
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
        let version = format!("policy {}", status.policy_version);
        ui.label(RichText::new(version).small().color(tone(palette::MUTED))).on_hover_text(
            "Number of the policy that plays now; every policy the learner publishes adds one.",
        );
        if !status.message.is_empty() {
            let message = RichText::new(&status.message).small().color(tone(palette::MUTED));
            ui.add(egui::Label::new(message).truncate()).on_hover_text(&status.message);
        }
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
            Rescue::Checkpoint(seconds) => (
                format!("Go on from the checkpoint of {seconds} s ago"),
                "Networks, optimiser and replay as they were written then.",
            ),
            Rescue::Mark(mark) => (
                format!("Go on as it was at {}", mark.name()),
                "Networks and optimiser as they were then; replay begins empty.",
            ),
            Rescue::Fresh => ("Begin anew".to_owned(), "Fresh networks and an empty replay."),
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

fn figures(ui: &mut Ui, status: &LearnerStatus, history: Option<&History>) {
    row(ui, "steps/s", "Steps per second of real time, lately.", |ui| {
        if let Some(history) = history {
            figure(
                ui,
                &format!("{} env", count(history.env_step_rate.into())),
                "Agent steps recorded per second of real time, over all arenas.",
            );
        }
        figure(
            ui,
            &format!("{} gradient", count(status.gradient_steps_per_second.into())),
            "Updates of the networks per second of real time, lately.",
        );
    });
    let ratio = status.gradient_steps as f64 / (status.env_steps as f64).max(1.0);
    row(ui, "gradient : env", "How much is learned from how much play, since the start.", |ui| {
        figure(ui, &format!("= {ratio:.2}"), "Gradient steps per environment step; bounded under Tuning.");
        figure(
            ui,
            &format!("{} : {}", count(status.gradient_steps as f64), count(status.env_steps as f64)),
            "Updates of the networks made, and agent steps received, since the start.",
        );
    });
    let share = status.replay_len as f32 / status.replay_capacity.max(1) as f32;
    let replay = format!(
        "{} of {} transitions are kept for learning; the oldest make room. {:.0} % were played by a person.",
        status.replay_len,
        status.replay_capacity,
        status.human_share * 100.0,
    );
    row(ui, "replay", &replay, |ui| {
        figure(ui, &count(status.replay_len as f64), &replay);
        bar(ui, 90.0, share, palette::SKY).on_hover_text(&replay);
    });
    // Lines that are there from the start do not push others away from under the mouse.
    let report = status.measured();
    row(ui, "gradient norm", "Length of the gradient before clipping; it should not keep growing.", |ui| {
        let Some(report) = &report else { return figure(ui, "–", "Nothing has been measured yet.") };
        figure(ui, &format!("{} critic", measure(report.critic_gradient_norm.into())), "Mean over critics.");
        figure(ui, &format!("{} actor", measure(report.actor_gradient_norm.into())), "Of the actor.");
    });
    let explanation = "Mean difference of both critics about the actions taken: what they do not know yet.";
    row(ui, "twins apart", explanation, |ui| {
        let apart = report.as_ref().map_or("–".into(), |report| measure(report.twin_disagreement.into()));
        figure(ui, &apart, explanation);
    });
}

/// Where it learns, and a choice of it.
fn device(ui: &mut Ui, learner: &mut LiveLearner, status: &LearnerStatus) {
    let explanation = format!("Where gradient steps are computed. Chosen because: {}", status.device_reason);
    row(ui, "device", &explanation, |ui| {
        let mut choice = learner.device();
        egui::ComboBox::from_id_salt("device").selected_text(&status.device).width(124.0).show_ui(ui, |ui| {
            for (offer, name, explanation) in [
                (
                    DeviceChoice::Auto,
                    "auto",
                    "A GPU if a short trial finds it faster for this network, else the CPU.",
                ),
                (DeviceChoice::Cpu, "cpu", "The processor."),
                (DeviceChoice::Gpu, "gpu", "A graphics card, or a message that there is none."),
            ] {
                ui.selectable_value(&mut choice, offer, name).on_hover_text(explanation);
            }
        });
        if choice != learner.device() {
            learner.set_device(choice);
        }
    });
}
