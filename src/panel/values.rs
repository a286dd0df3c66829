//! Policy and values: action probabilities and values of the watched agent, predicted and actual returns, and the
//! switches of the overlays.

use bevy::prelude::*;
use bevy_egui::egui::{self, RichText, Ui};

use super::curves;
use super::names::{controller_name, slot_name};
use super::section::{AddPanelSection as _, order};
use super::theme::tone;
use super::widgets::{bar, check, labeled_value, list, note, row, section};
use crate::agent::{Controller, ControllerAssignment, WatchedDecision, WatchedDecisions};
use crate::insight::overlay::window::LegendRow;
use crate::insight::overlay::{Overlay, OverlaySettings, Overlays};
use crate::insight::values::{self, PredictedVsActual, ValueEstimate, ValueEstimates};
use crate::sim::arena::Spec;
use crate::view::bindings::Bindings;
use crate::view::commands::KeyRegistry;
use crate::view::modes::Modes;
use crate::view::palette::{self, Tone};

/// Adds the section.
pub(super) fn plugin(app: &mut App) {
    app.add_panel_section(order::DECISIONS, show);
}

/// An overlay that applies to this world.
struct AvailableOverlay {
    overlay: Overlay,
    /// Why it cannot be shown now.
    unavailable: Option<String>,
    /// Label of its key.
    key: Option<&'static str>,
}

/// The overlays that apply to `world`.
fn available_overlays(world: &World) -> Vec<AvailableOverlay> {
    let Some(overlays) = world.get_resource::<Overlays>() else { return Vec::new() };
    let (registry, bindings) = (world.resource::<KeyRegistry>(), world.resource::<Bindings>());
    let available = |overlay: &Overlay| {
        let key = overlay.window.key.map(|key| key.command);
        let refusal = |command| world.resource::<Modes>().refusal(registry, command, bindings);
        let unavailable = key.and_then(refusal);
        AvailableOverlay { overlay: *overlay, unavailable, key: key.map(|key| bindings.label(key)) }
    };
    overlays.all().iter().filter(|overlay| (overlay.needs)(world)).map(available).collect()
}

/// Whether decisions exist for a slot with this controller. In a human player's slot they are what the learning agent would do.
fn has_decisions(controller: &Controller, assignment: &ControllerAssignment) -> bool {
    match controller {
        Controller::Learning | Controller::Frozen(_) => true,
        Controller::Human => {
            assignment.watched.iter().chain(&assignment.others).any(|other| *other == Controller::Learning)
        }
        Controller::Scripted | Controller::Random | Controller::External => false,
    }
}

/// The section: switches and legends of overlays, and the policy of every watched slot.
fn show(InMut(ui): InMut<Ui>, world: &mut World) {
    let (Some(spec), Some(assignment), Some(decisions)) = (
        world.get_resource::<Spec>(),
        world.get_resource::<ControllerAssignment>(),
        world.get_resource::<WatchedDecisions>(),
    ) else {
        return;
    };
    let slots = || {
        assignment.watched.iter().enumerate().filter(|(_, controller)| has_decisions(controller, assignment))
    };
    if slots().next().is_none() {
        return;
    }
    let before = world.get_resource::<OverlaySettings>();
    let mut settings = before.cloned().unwrap_or_default();
    section(ui, "Policy and values", |ui| {
        let overlays = available_overlays(world);
        if !overlays.is_empty() {
            switches(ui, &mut settings, &overlays);
        }
        let shown = |available: &&AvailableOverlay| settings.shows(available.overlay.id);
        for AvailableOverlay { overlay, .. } in overlays.iter().filter(shown) {
            for LegendRow { name, value, help } in (overlay.window.legend)(world) {
                labeled_value(ui, name, value, &help);
            }
            if let Some(why) = (overlay.window.note)(world) {
                note(ui, why, palette::MUTED, 4);
            }
        }
        let estimates = world.get_resource::<ValueEstimates>();
        for (slot, controller) in slots() {
            let name = decision_maker(spec, slot, controller);
            let color = palette::of(controller);
            ui.add(egui::Label::new(RichText::new(name).small().color(tone(color))).truncate());
            let expectation = estimates.and_then(|estimates| estimates.slots.get(slot)?.as_ref());
            let actions = spec.action.names();
            let decision =
                decisions.get(slot).filter(|decision| decision.probabilities.len() == actions.len());
            action_rows(ui, actions, decision, expectation, color);
            entropy(ui, actions, decision);
            if settings.shows(values::ID) {
                let last = estimates.and_then(|estimates| estimates.completed.get(slot));
                expected_return(ui, slot, actions, expectation, last);
            }
        }
    });
    // Written only on change, because every change is sent to the learner.
    if world.get_resource::<OverlaySettings>().is_some_and(|before| *before != settings) {
        world.insert_resource(settings);
    }
}

/// The agent whose decisions are shown for a slot.
fn decision_maker(spec: &Spec, slot: usize, controller: &Controller) -> String {
    let name = match controller {
        Controller::Human => "the agent in your place".to_owned(),
        agent => controller_name(agent),
    };
    if spec.slots() > 1 { format!("{}: {name}", slot_name(&spec.teams, slot)) } else { name }
}

/// Entropy of the policy.
fn entropy(ui: &mut Ui, actions: &[String], decision: Option<&WatchedDecision>) {
    if actions.is_empty() {
        let explanation = "Entropy of the policy, estimated from the action it takes: the lower, the narrower its \
                           choice. Continuous actions have no probabilities to show.";
        let entropy = decision.map_or("–".into(), |decision| format!("{:.2} nats", decision.entropy));
        return labeled_value(ui, "entropy", entropy, explanation);
    }
    let most = (actions.len() as f32).ln();
    let explanation = format!(
        "Entropy of the policy: 0 for a certain action, {most:.2} if all {} actions are equally likely. A nat is the unit \
         of entropy with the natural logarithm, 1.44 bits.",
        actions.len()
    );
    let entropy = decision.map_or("–".into(), |decision| format!("{:.2}", decision.entropy));
    labeled_value(ui, "entropy", format!("{entropy} of {most:.2} nats"), &explanation);
}

/// The expected return now, and predicted and actual returns of the last episode.
fn expected_return(
    ui: &mut Ui,
    slot: usize,
    actions: &[String],
    now: Option<&ValueEstimate>,
    last: Option<&PredictedVsActual>,
) {
    let explanation = match actions {
        [] => "Predicted discounted return from here on: mean over the critics, of the action taken.",
        _ => "Predicted discounted return from here on: mean over the critics and over the policy's actions.",
    };
    let value = now.map_or("–".into(), |now| format!("{:+.2}", now.value));
    labeled_value(ui, "expected return", value, explanation);
    let (predicted, actual) = last.map_or((&[][..], &[][..]), |last| (&last.predicted, &last.actual));
    curves::predicted_vs_actual(ui, slot, predicted, actual);
}

/// Switches of the overlays, three in a row.
fn switches(ui: &mut Ui, settings: &mut OverlaySettings, overlays: &[AvailableOverlay]) {
    for row in overlays.chunks(3) {
        // As high as its tallest widget, so that all are aligned.
        let size = egui::vec2(ui.available_width(), 24.0);
        ui.allocate_ui_with_layout(size, egui::Layout::left_to_right(egui::Align::Center), |ui| {
            for overlay in row {
                let why = overlay.unavailable.as_deref().unwrap_or_default();
                let enabled = overlay.unavailable.is_none();
                let switch = ui.add_enabled_ui(enabled, |ui| switch(ui, settings, overlay));
                switch.response.on_disabled_hover_text(why);
            }
        });
    }
}

/// The switch of one overlay: a check box, or a list of its choices.
fn switch(
    ui: &mut Ui,
    settings: &mut OverlaySettings,
    AvailableOverlay { overlay, key, .. }: &AvailableOverlay,
) {
    let help = key.map_or_else(|| overlay.help.to_owned(), |key| format!("{} Key: {key}", overlay.help));
    let shown = settings.choice(overlay.id);
    let mut wanted = shown;
    if overlay.choices.is_empty() {
        let mut on = shown.is_some();
        check(ui, &mut on, overlay.label).on_hover_text(help);
        wanted = on.then_some(0);
    } else {
        let none = format!("no {}", overlay.label);
        let chosen =
            shown.and_then(|index| overlay.choices.get(index)).map_or(none.as_str(), |choice| choice.name);
        let list = list(overlay.id, chosen, 78.0).show_ui(ui, |ui| {
            ui.selectable_value(&mut wanted, None, &none);
            for (index, choice) in overlay.choices.iter().enumerate() {
                ui.selectable_value(&mut wanted, Some(index), choice.name).on_hover_text(choice.help);
            }
        });
        list.response.on_hover_text(help);
    }
    if wanted != shown {
        settings.set(overlay.id, wanted);
    }
}

/// One row per action: its probability, and its value if there are estimates.
fn action_rows(
    ui: &mut Ui,
    actions: &[String],
    decision: Option<&WatchedDecision>,
    expectation: Option<&ValueEstimate>,
    color: Tone,
) {
    for (index, name) in actions.iter().enumerate() {
        let probability = decision.map(|decision| decision.probabilities[index]);
        let taken = decision.is_some_and(|decision| index == decision.action);
        let values = expectation.iter().flat_map(|expectation| &expectation.values);
        let values: Vec<f32> = values.filter_map(|values| values.get(index).copied()).collect();
        let mut explanation = format!("Probability of {name} under the policy. The action taken is bright.");
        for (critic, value) in values.iter().enumerate() {
            explanation += &format!("\nCritic {}: {value:+.3}.", critic + 1);
        }
        row(ui, name, &explanation, |ui| {
            ui.spacing_mut().item_spacing.x = 5.0;
            // Room for the longest number, so that the bars of all rows are aligned.
            let size = egui::vec2(38.0, ui.available_height());
            let right = egui::Layout::right_to_left(egui::Align::Center);
            ui.allocate_ui_with_layout(size, right, |ui| {
                ui.set_min_width(size.x);
                let percent = probability.map_or("–".into(), |share| format!("{:.0} %", share * 100.0));
                ui.label(RichText::new(percent).monospace()).on_hover_text(&explanation);
            });
            let shade = if taken { color } else { color.mix(palette::SLATE, 0.55) };
            let width = if values.is_empty() { 128.0 } else { 52.0 };
            bar(ui, width, probability.unwrap_or(0.0), shade).on_hover_text(&explanation);
            if let [first, ..] = values[..] {
                let (least, most) = values
                    .iter()
                    .fold((first, first), |(least, most), &value| (least.min(value), most.max(value)));
                let text = format!("{:+.2}", (least + most) / 2.0);
                ui.label(RichText::new(text).small().monospace()).on_hover_text(&explanation);
                let difference = format!("±{:.2}", (most - least) / 2.0);
                ui.label(RichText::new(difference).small().monospace().color(tone(palette::MUTED)))
                    .on_hover_text("Half the difference between the two critics.");
            }
        });
    }
}
