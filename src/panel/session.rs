//! Session: what a window shows of the learner elsewhere that it has joined, and of all others who play for it.

use bevy::prelude::*;
use bevy_egui::egui::{self, RichText, Ui};

use super::section::{AddPanelSection as _, order};
use super::theme::tone;
use super::widgets::{count, note, row, section, value_label};
use crate::agent::LiveLearner;
use crate::view::palette;

/// One of those who play for the learner.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SessionActor {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// Whether it is connected.
    pub present: bool,
    /// Whether it is this window.
    pub own: bool,
    /// Steps that the learner took of it.
    pub env_steps: u64,
    /// Recent ones per second.
    pub env_steps_per_second: f32,
    /// Batches that came again, were lost, and did not fit.
    pub troubles: [u64; 3],
}

/// How a session stands that was joined. Present in such a window alone.
#[derive(Resource, Debug, Clone, Default, PartialEq)]
pub struct SessionView {
    /// The learner's address.
    pub place: String,
    /// What is wrong at the moment.
    pub problem: Option<String>,
    /// What waits for what.
    pub waits: Option<String>,
    /// Gradient steps of the policy here, and seconds since it was known to be the newest.
    pub policy: Option<(u64, f32)>,
    /// Steps of this window that the learner took, that wait, and that were dropped.
    pub steps: [u64; 3],
    /// How often a transition was drawn on average.
    pub samples_per_insert: f32,
    /// Everybody who plays.
    pub actors: Vec<SessionActor>,
    /// Other learners of the same agent: name, whether it is connected, and environment steps.
    pub replicas: Vec<(String, bool, u64)>,
}

pub(super) fn plugin(app: &mut App) {
    app.add_panel_section(order::SESSION, show);
}

fn show(InMut(ui): InMut<Ui>, view: Option<Res<SessionView>>, learner: Option<Res<LiveLearner>>) {
    let Some(view) = view else { return };
    section(ui, "Session", |ui| {
        note(ui, &format!("The learner runs at {}.", view.place), palette::MUTED, 1);
        match (&view.problem, &view.waits) {
            (Some(problem), _) => note(ui, problem, palette::ROSE, 3),
            (None, Some(waits)) => note(ui, waits, palette::AMBER, 2),
            (None, None) => {}
        }
        let (steps, age) = view.policy.unwrap_or_default();
        let explanation =
            "Gradient steps of the policy that plays here, and how long ago it was known to be the newest.";
        row(ui, "policy", explanation, |ui| {
            value_label(ui, &format!("{} · {age:.1} s", count(steps as f64)), explanation);
        });
        let [taken, waiting, dropped] = view.steps;
        let explanation =
            "Steps of this window that the learner has taken, that wait, and that were dropped.";
        row(ui, "steps sent", explanation, |ui| {
            let numbers = [taken, waiting, dropped].map(|number| count(number as f64)).join(" · ");
            value_label(ui, &numbers, explanation);
        });
        let explanation = "How often a transition has been drawn for a gradient step, on average.";
        row(ui, "samples per insert", explanation, |ui| {
            value_label(ui, &format!("{:.1}", view.samples_per_insert), explanation);
        });
        for actor in &view.actors {
            self::actor(ui, actor);
        }
        for (name, present, env_steps) in &view.replicas {
            let explanation =
                "Another learner of this agent, and the environment steps that it has learned from.";
            row(ui, &format!("learner {name}"), explanation, |ui| {
                let steps = if *present { count(*env_steps as f64) } else { "gone".into() };
                value_label(ui, &steps, explanation);
            });
        }
        if let Some(learner) = learner {
            let save = ui.add_enabled(view.problem.is_none(), egui::Button::new("Save"));
            if save.on_hover_text("Asks the learner to write a checkpoint.").clicked() {
                learner.command(crate::agent::live::save_request());
            }
        }
    });
}

fn actor(ui: &mut Ui, actor: &SessionActor) {
    let [again, lost, refused] = actor.troubles;
    let explanation = format!(
        "{} steps taken; {again} batches came again, {lost} were lost on the way, {refused} did not fit.",
        actor.env_steps
    );
    let own = if actor.own { " (this window)" } else { "" };
    row(ui, &format!("{} {}{own}", actor.number, actor.name), &explanation, |ui| {
        if actor.present {
            let rate = format!("{}/s", count(actor.env_steps_per_second.into()));
            value_label(ui, &rate, &explanation);
        } else {
            ui.label(RichText::new("gone").color(tone(palette::MUTED))).on_hover_text(&explanation);
        }
    });
}
