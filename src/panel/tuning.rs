//! Tuning: sliders for the settings that are most often changed during training. `learning` sends them to the learner; all
//! settings are in `settings`.

use bevy_egui::egui::{self, Ui};

use super::widgets::{check, row};
use crate::algo::sac::{SacConfig, Temperature};
use crate::learner::LearnerConfig;

/// What happened to the sliders in this frame.
#[derive(PartialEq, Clone, Copy)]
pub(super) enum Edit {
    /// Nothing.
    None,
    /// One is being dragged.
    Dragging,
    /// A value was chosen.
    Done,
}

/// Sliders for `config`; `temperature` is the last measured one.
pub(super) fn sliders(ui: &mut Ui, config: &mut LearnerConfig, temperature: Option<f32>) -> Edit {
    let mut edit = Edit::None;
    let mut note = |response: egui::Response| {
        if response.drag_stopped() || (response.changed() && !response.dragged()) {
            edit = Edit::Done;
        } else if response.dragged() && edit == Edit::None {
            edit = Edit::Dragging;
        }
    };
    if let Some(sac) = config.algorithm.get_mut::<SacConfig>() {
        of_sac(ui, sac, temperature, &mut note);
    }
    of_replay(ui, config, &mut note);
    let explanation =
        "Most gradient steps per environment step. More of them learn more from each step, but take longer.";
    row(ui, "gradient/env steps", explanation, |ui| {
        ui.spacing_mut().slider_width = 96.0;
        let mut ratio = config.most_gradient_steps_per_env_step();
        let slider = egui::Slider::new(&mut ratio, 0.01..=8.0).logarithmic(true).max_decimals(2);
        let response = ui.add(slider).on_hover_text(explanation);
        if response.changed() {
            (config.gradient_steps_per_env_step, config.samples_per_insert) = (ratio, None);
        }
        note(response);
    });
    edit
}

/// Learning rates, temperature and target entropy of SAC.
fn of_sac(ui: &mut Ui, sac: &mut SacConfig, temperature: Option<f32>, note: &mut impl FnMut(egui::Response)) {
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
        "On: the temperature is learned so that the entropy meets its target. Off: it is fixed.";
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
        let explanation = "Weight of the entropy relative to the reward, in reward per nat.";
        row(ui, "temperature", explanation, |ui| {
            ui.spacing_mut().slider_width = 96.0;
            let slider = egui::Slider::new(&mut sac.initial_temperature, 1e-4..=10.0).logarithmic(true);
            note(
                ui.add(slider.custom_formatter(|value, _| format!("{value:.1e}"))).on_hover_text(explanation),
            );
        });
    }
    if let Temperature::Learned { target_entropy_fraction } = &mut sac.temperature {
        let explanation = "Target of the policy's entropy as a fraction of ln(number of actions); higher means more exploration.";
        row(ui, "target entropy", explanation, |ui| {
            ui.spacing_mut().slider_width = 96.0;
            let slider = egui::Slider::new(target_entropy_fraction, 0.02..=0.98).fixed_decimals(2);
            note(ui.add(slider).on_hover_text(explanation));
        });
    }
}

/// How transitions are drawn: the people's share, or the exponent of priorities.
fn of_replay(ui: &mut Ui, config: &mut LearnerConfig, note: &mut impl FnMut(egui::Response)) {
    if config.prioritized.is_none() {
        let explanation = "Fraction of each batch that is drawn from transitions of human players. Off: drawn like all others.";
        row(ui, "human fraction", explanation, |ui| {
            let mut on = config.human_share.is_some();
            let mut share = config.human_share.unwrap_or(0.25);
            ui.spacing_mut().slider_width = 74.0;
            let slider = egui::Slider::new(&mut share, 0.0..=1.0).fixed_decimals(2);
            let moved = ui.add_enabled(on, slider).on_hover_text(explanation);
            let ticked = check(ui, &mut on, "").on_hover_text(explanation);
            if moved.changed() || ticked.changed() {
                config.human_share = on.then_some(share);
            }
            note(moved);
            note(ticked);
        });
    }
    if let Some(prioritized) = &mut config.prioritized {
        let explanation =
            "How strongly the TD error determines how often a transition is drawn; 0 is uniform.";
        row(ui, "priority exponent", explanation, |ui| {
            ui.spacing_mut().slider_width = 96.0;
            let slider = egui::Slider::new(&mut prioritized.priority_exponent, 0.0..=1.0).fixed_decimals(2);
            note(ui.add(slider).on_hover_text(explanation));
        });
    }
}

/// `config` with its target entropy scaled by `factor`, if it has one, and the `name` of the change.
pub(super) fn scale_target_entropy(
    config: &LearnerConfig,
    factor: f32,
    name: &str,
) -> Option<(String, LearnerConfig)> {
    let mut config = config.clone();
    let temperature = &mut config.algorithm.get_mut::<SacConfig>()?.temperature;
    let Temperature::Learned { target_entropy_fraction } = temperature else { return None };
    let scaled = (*target_entropy_fraction * factor).clamp(0.02, 0.9);
    if (scaled - *target_entropy_fraction).abs() < 1e-3 {
        return None;
    }
    *target_entropy_fraction = scaled;
    Some((name.into(), config))
}

/// `config` with half the learning rate of the critics.
pub(super) fn halve_critic_rate(config: &LearnerConfig) -> Option<(String, LearnerConfig)> {
    let mut config = config.clone();
    let sac = config.algorithm.get_mut::<SacConfig>()?;
    sac.critic_learning_rate = (0.5 * sac.critic_learning_rate).max(1e-6);
    Some(("Learn more slowly".into(), config))
}
