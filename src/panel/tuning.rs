//! Tuning: sliders for the few values that people reach for while they watch.
//!
//! When what they say is sent to the learner is left to `learning`; every other value is in `settings`.

use bevy_egui::egui::{self, Ui};

use super::widgets::{check, row};
use crate::learner::LearnerConfig;
use crate::sac::{SacConfig, Temperature};

/// What happened to the sliders.
#[derive(PartialEq, Clone, Copy)]
pub(super) enum Edit {
    /// Nothing.
    None,
    /// One is moving.
    Going,
    /// A value was chosen.
    Made,
}

/// Sliders for `config`; `temperature` is the one last measured.
pub(super) fn sliders(ui: &mut Ui, config: &mut LearnerConfig, temperature: Option<f32>) -> Edit {
    let mut edit = Edit::None;
    let mut note = |response: egui::Response| {
        if response.drag_stopped() || (response.changed() && !response.dragged()) {
            edit = Edit::Made;
        } else if response.dragged() && edit == Edit::None {
            edit = Edit::Going;
        }
    };
    let sac = &mut config.sac;
    for (name, value, range, explanation) in [
        (
            "actor rate",
            &mut sac.actor_learning_rate,
            1e-5..=1e-2,
            "Adam step size of the actor, per gradient step.",
        ),
        (
            "critic rate",
            &mut sac.critic_learning_rate,
            1e-5..=1e-2,
            "Adam step size of the critics, per gradient step.",
        ),
        (
            "temperature rate",
            &mut sac.temperature_learning_rate,
            1e-5..=1e-2,
            "Adam step size of the logarithm of the temperature, per gradient step.",
        ),
    ] {
        row(ui, name, explanation, |ui| {
            ui.spacing_mut().slider_width = 96.0;
            let slider = egui::Slider::new(value, range).logarithmic(true);
            note(
                ui.add(slider.custom_formatter(|value, _| format!("{value:.1e}"))).on_hover_text(explanation),
            );
        });
    }
    let explanation =
        "On: the temperature is learned so that entropy meets its target. Off: it stays as it is.";
    row(ui, "temperature auto", explanation, |ui| {
        let mut learned = sac.temperature != Temperature::Fixed;
        let response = check(ui, &mut learned, "").on_hover_text(explanation);
        if response.changed() {
            sac.temperature = if learned { SacConfig::default().temperature } else { Temperature::Fixed };
            if !learned {
                sac.initial_temperature = temperature.unwrap_or(sac.initial_temperature);
            }
            note(response);
        }
    });
    if sac.temperature == Temperature::Fixed {
        let explanation = "Weight of entropy against reward, in reward per nat.";
        row(ui, "temperature", explanation, |ui| {
            ui.spacing_mut().slider_width = 96.0;
            let slider = egui::Slider::new(&mut sac.initial_temperature, 1e-4..=10.0).logarithmic(true);
            note(
                ui.add(slider.custom_formatter(|value, _| format!("{value:.1e}"))).on_hover_text(explanation),
            );
        });
    }
    if let Temperature::Learned { target_entropy_fraction } = &mut sac.temperature {
        let explanation =
            "Entropy the temperature aims for, as a share of ln(actions); more is more exploration.";
        row(ui, "target entropy", explanation, |ui| {
            ui.spacing_mut().slider_width = 96.0;
            let slider = egui::Slider::new(target_entropy_fraction, 0.02..=0.98).fixed_decimals(2);
            note(ui.add(slider).on_hover_text(explanation));
        });
    }
    if config.prioritized.is_none() {
        let explanation =
            "Share of each batch that is drawn from what people played; off, it falls as it falls.";
        row(ui, "human share", explanation, |ui| {
            let mut on = config.human_share.is_some();
            let mut share = config.human_share.unwrap_or(0.25);
            ui.spacing_mut().slider_width = 74.0;
            let slider = egui::Slider::new(&mut share, 0.0..=1.0).fixed_decimals(2);
            let slid = ui.add_enabled(on, slider).on_hover_text(explanation);
            let ticked = check(ui, &mut on, "").on_hover_text(explanation);
            if slid.changed() || ticked.changed() {
                config.human_share = on.then_some(share);
            }
            note(slid);
            note(ticked);
        });
    }
    if let Some(prioritized) = &mut config.prioritized {
        let explanation = "How much a transition's TD error decides how often it is drawn; 0 is uniform.";
        row(ui, "priority exponent", explanation, |ui| {
            ui.spacing_mut().slider_width = 96.0;
            let slider = egui::Slider::new(&mut prioritized.priority_exponent, 0.0..=1.0).fixed_decimals(2);
            note(ui.add(slider).on_hover_text(explanation));
        });
    }
    let explanation =
        "Most gradient steps made per environment step; more learns from less play and costs more time.";
    row(ui, "gradient/env steps", explanation, |ui| {
        ui.spacing_mut().slider_width = 96.0;
        let ratio = &mut config.gradient_steps_per_env_step;
        let slider = egui::Slider::new(ratio, 0.01..=8.0).logarithmic(true).max_decimals(2);
        note(ui.add(slider).on_hover_text(explanation));
    });
    edit
}
