//! Learner statistics: rates, the replay buffer, gradient norms and the device.

use bevy_egui::egui::Ui;

use super::widgets::{bar, count, list, measure, metric_help, row, value_label};
use crate::agent::history::History;
use crate::agent::live::LiveLearner;
use crate::algo::report::{ACTOR_GRADIENT_NORM, CRITIC_GRADIENT_NORM, TWIN_DISAGREEMENT};
use crate::learner::{DeviceChoice, LearnerStatus};
use crate::metrics::run::{ENV_STEPS_PER_SECOND, GRADIENT_STEPS_PER_SECOND};
use crate::view::palette;

/// Rates, replay buffer and the latest measurements.
pub(super) fn show(ui: &mut Ui, status: &LearnerStatus, history: Option<&History>) {
    row(ui, "steps/s", "Recent steps per second of real time.", |ui| {
        if let Some(history) = history {
            value_label(
                ui,
                &format!("{} env", count(history.env_step_rate.into())),
                &metric_help(ENV_STEPS_PER_SECOND),
            );
        }
        value_label(
            ui,
            &format!("{} gradient", count(status.gradient_steps_per_second.into())),
            &metric_help(GRADIENT_STEPS_PER_SECOND),
        );
    });
    let ratio = status.gradient_steps as f64 / (status.env_steps as f64).max(1.0);
    row(ui, "gradient : env", "Gradient steps and environment steps since the start.", |ui| {
        value_label(
            ui,
            &format!("= {ratio:.2}"),
            "Gradient steps per environment step. Its upper limit is set under Tuning.",
        );
        value_label(
            ui,
            &format!("{} : {}", count(status.gradient_steps as f64), count(status.env_steps as f64)),
            "Gradient steps made, and agent steps received, since the start.",
        );
    });
    let share = status.replay_len as f32 / status.replay_capacity.max(1) as f32;
    let replay = format!(
        "The replay buffer holds {} of at most {} transitions; when it is full, the oldest are dropped. {:.0} % were \
         recorded from human players.",
        status.replay_len,
        status.replay_capacity,
        status.human_share * 100.0,
    );
    row(ui, "replay buffer", &replay, |ui| {
        value_label(ui, &count(status.replay_len as f64), &replay);
        bar(ui, 90.0, share, palette::SKY).on_hover_text(&replay);
    });
    // Shown before the first measurement, so that nothing moves later.
    let report = status.measured();
    row(ui, "gradient norm", "Norm of the gradient before clipping; it should not keep growing.", |ui| {
        let Some(report) = &report else { return value_label(ui, "–", "Not measured yet.") };
        for (metric, network) in [(CRITIC_GRADIENT_NORM, "critic"), (ACTOR_GRADIENT_NORM, "actor")] {
            if let Some(norm) = report.get(metric) {
                value_label(ui, &format!("{} {network}", measure(norm)), &metric_help(metric));
            }
        }
    });
    let explanation = metric_help(TWIN_DISAGREEMENT);
    row(ui, "critics differ by", &explanation, |ui| {
        let difference = report.as_ref().and_then(|report| report.get(TWIN_DISAGREEMENT));
        value_label(ui, &difference.map_or("–".into(), measure), &explanation);
    });
}

/// The device of the gradient steps, as a choice.
pub(super) fn device(ui: &mut Ui, learner: &mut LiveLearner, status: &LearnerStatus) {
    let explanation = format!("Device that computes the gradient steps. Reason: {}", status.device_reason);
    row(ui, "device", &explanation, |ui| {
        let mut chosen = learner.device();
        list("device", &status.device, 124.0).show_ui(ui, |ui| {
            for (choice, name, explanation) in [
                (
                    DeviceChoice::Auto,
                    "auto",
                    "A GPU if it is faster for this network in a short benchmark, otherwise the CPU.",
                ),
                (DeviceChoice::Cpu, "cpu", "Always the CPU."),
                (DeviceChoice::Gpu, "gpu", "A GPU; an error if there is none."),
            ] {
                ui.selectable_value(&mut chosen, choice, name).on_hover_text(explanation);
            }
        });
        if chosen != learner.device() {
            learner.set_device(chosen);
        }
    });
}
