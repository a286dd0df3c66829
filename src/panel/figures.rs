//! Figures: how fast the learner goes, what it has measured, and where it computes.

use bevy_egui::egui::Ui;

use super::widgets::{bar, count, figure, list, measure, row};
use crate::agent::history::History;
use crate::agent::live::LiveLearner;
use crate::learner::{DeviceChoice, LearnerStatus};
use crate::view::palette;

/// How fast it goes, and what was measured last.
pub(super) fn figures(ui: &mut Ui, status: &LearnerStatus, history: Option<&History>) {
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
    let explanation =
        "Mean difference between the two critics' values of the actions taken: how unsure they still are.";
    row(ui, "critics differ by", explanation, |ui| {
        let apart = report.as_ref().map_or("–".into(), |report| measure(report.twin_disagreement.into()));
        figure(ui, &apart, explanation);
    });
}

/// Where it learns, and a choice of it.
pub(super) fn device(ui: &mut Ui, learner: &mut LiveLearner, status: &LearnerStatus) {
    let explanation = format!("Where gradient steps are computed. Chosen because: {}", status.device_reason);
    row(ui, "device", &explanation, |ui| {
        let mut choice = learner.device();
        list("device", &status.device, 124.0).show_ui(ui, |ui| {
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
