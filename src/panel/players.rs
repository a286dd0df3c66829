//! Players: controllers of the slots, reaction delay of opponents, and the weight of human feedback.

use std::path::Path;

use bevy::prelude::*;
use bevy_egui::egui::{self, RichText, Ui};

use super::names::{controller_name, slot_name};
use super::section::{AddPanelSection as _, order};
use super::theme::tone;
use super::widgets::{list, note, row, section, value_label};
use crate::agent::feedback::{HINT_RANGE, HumanFeedback};
use crate::agent::reaction::ReactionDelay;
use crate::agent::{Controller, ControllerAssignment, FrozenPolicies};
use crate::insight::takeover::Takeovers;
use crate::sim::arena::Spec;
use crate::view::modes::Modes;
use crate::view::palette;

/// The folder being typed, and the last error.
#[derive(Resource, Debug, Clone, Default)]
pub(super) struct PendingCheckpoint {
    folder: String,
    /// Why the checkpoint could not be loaded.
    pub error: String,
}

/// Adds the section.
pub(super) fn plugin(app: &mut App) {
    app.init_resource::<PendingCheckpoint>().add_panel_section(order::PLAYERS, show);
}

/// The section.
fn show(
    InMut(ui): InMut<Ui>,
    spec: Res<Spec>,
    modes: Res<Modes>,
    assignment: Option<ResMut<ControllerAssignment>>,
    mut takeovers: Option<ResMut<Takeovers>>,
    mut reaction: Option<ResMut<ReactionDelay>>,
    mut feedback: Option<ResMut<HumanFeedback>>,
    mut frozen: Option<ResMut<FrozenPolicies>>,
    mut pending: ResMut<PendingCheckpoint>,
) {
    let Some(mut assignment) = assignment else { return };
    let names: Vec<String> =
        frozen.iter().flat_map(|frozen| frozen.0.keys()).map(ToString::to_string).collect();
    section(ui, "Players", |ui| {
        if modes.comparing() {
            let text = "Controllers are fixed while then and now is open.";
            ui.label(RichText::new(text).small().color(tone(palette::MUTED)));
            ui.disable();
        }
        controllers(ui, &spec, &mut assignment, &names);
        if let Some(takeovers) = takeovers.as_mut().filter(|_| spec.has_sides()) {
            let explanation = "Swaps the controllers of the left and the right side.";
            if ui.button("Swap sides").on_hover_text(explanation).clicked() {
                takeovers.swap(&spec, &mut assignment);
            }
        }
        if let Some(reaction) = reaction.as_mut().filter(|_| spec.slots() > 1) {
            reaction_delay(ui, &spec, reaction);
        }
        if let Some(feedback) = &mut feedback {
            feedback_weight(ui, feedback);
        }
        if let Some(frozen) = &mut frozen {
            load(ui, &spec, frozen, &mut pending);
        }
    });
}

/// Choice of the controller of every slot.
fn controllers(ui: &mut Ui, spec: &Spec, assignment: &mut ResMut<ControllerAssignment>, names: &[String]) {
    let slots = spec.slots();
    for slot in 0..slots {
        for (watched, arena) in [(true, "watched arena"), (false, "other arenas")] {
            let all = if watched { &assignment.watched } else { &assignment.others };
            let Some(current) = all.get(slot) else { continue };
            let name = if slots > 1 {
                format!("{arena}, {}", slot_name(&spec.teams, slot))
            } else {
                arena.to_owned()
            };
            let mut chosen = current.clone();
            row(ui, &name, "Controller of this slot.", |ui| choose(ui, (slot, watched), &mut chosen, names));
            if chosen != *current {
                let all = if watched { &mut assignment.watched } else { &mut assignment.others };
                all[slot] = chosen;
            }
        }
    }
}

/// Reaction delay of the other players.
fn reaction_delay(ui: &mut Ui, spec: &Spec, reaction: &mut ResMut<ReactionDelay>) {
    let explanation = "Delay between observation and action of all other players while you play. Fast human reactions take \
                       about 0.15 s.";
    row(ui, "reaction delay", explanation, |ui| {
        let step = spec.tick_seconds * spec.ticks_per_step as f32;
        let mut steps = reaction.steps;
        ui.spacing_mut().slider_width = 74.0;
        let slider = egui::Slider::new(&mut steps, 0..=ReactionDelay::MOST);
        let slider = slider.custom_formatter(|steps, _| format!("{:.2} s", steps as f32 * step));
        if ui.add(slider).on_hover_text(explanation).changed() {
            reaction.steps = steps;
        }
    });
}

/// Weight of praise and blame.
fn feedback_weight(ui: &mut Ui, feedback: &mut ResMut<HumanFeedback>) {
    let explanation = "Reward added to every step during which you hold P (praise), and subtracted while you hold B (blame). The \
         learner uses it; displayed returns do not include it.";
    row(ui, "praise and blame", explanation, |ui| {
        let mut size = feedback.size;
        ui.spacing_mut().slider_width = 74.0;
        let slider = egui::Slider::new(&mut size, HINT_RANGE).logarithmic(true).max_decimals(2);
        if ui.add(slider).on_hover_text(explanation).changed() {
            feedback.size = size;
        }
        let [praised, blamed] = feedback.counts;
        value_label(ui, &format!("+{praised} −{blamed}"), "Praised and blamed steps.");
    });
}

/// Loads a policy from a checkpoint as a controller.
fn load(ui: &mut Ui, spec: &Spec, frozen: &mut ResMut<FrozenPolicies>, pending: &mut PendingCheckpoint) {
    ui.horizontal(|ui| {
        let field = egui::TextEdit::singleline(&mut pending.folder).hint_text("checkpoint of another agent");
        ui.add(field.desired_width(ui.available_width() - 62.0));
        let filled = !pending.folder.trim().is_empty();
        let add = ui.add_enabled(filled, egui::Button::new("Add"));
        if add.on_hover_text("Loads a policy that plays without learning. Then choose it above.").clicked() {
            pending.error.clear();
            if let Err(error) = frozen.load(Path::new(pending.folder.trim()), spec) {
                pending.error = error.to_string();
            }
        }
    });
    if !pending.error.is_empty() {
        note(ui, &pending.error, palette::ROSE, 6);
    }
}

fn choose(ui: &mut Ui, (slot, watched): (usize, bool), chosen: &mut Controller, frozen: &[String]) {
    let text = RichText::new(controller_name(chosen)).color(tone(palette::of(chosen)));
    list(("controller", slot, watched), text, 124.0).show_ui(ui, |ui| {
        let mut offer = |controller: Controller, explanation: &str| {
            let text = RichText::new(controller_name(&controller)).color(tone(palette::of(&controller)));
            ui.selectable_value(chosen, controller, text).on_hover_text(explanation);
        };
        offer(Controller::Learning, "The policy being trained; its steps go into the replay buffer.");
        if watched {
            offer(Controller::Human, "You; your steps go into the replay buffer too.");
        }
        offer(Controller::Scripted, "The world's hand-written script.");
        offer(Controller::Random, "Uniformly random actions.");
        for name in frozen {
            offer(Controller::Frozen(name.clone()), name);
        }
    });
}
