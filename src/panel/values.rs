//! Value estimates: probabilities and values of the watched agent's actions, and what came of what it expected.

use bevy_egui::egui::{self, RichText, Ui};

use super::curves;
use super::playing::{side, title};
use super::theme::tone;
use super::widgets::{bar, check, list, number, row, section};
use crate::agent::{Controller, ControllerAssignment, WatchedDecision, WatchedDecisions};
use crate::insight::values::{Expectation, MapLayer, OverlaySettings, ValueEstimates, ValueMap};
use crate::mdp::EnvironmentSpec;
use crate::view::palette::{self, Tone};

/// Which of the overlays make sense in a world, and now.
#[derive(Debug, Clone)]
pub(super) struct Offered {
    /// Maps of places.
    pub maps: bool,
    /// Ways of bodies.
    pub ways: bool,
    /// Why neither can be seen now.
    pub refused: Option<String>,
}

/// Whether the seat of `controller` has thoughts to show: a person's are those the learning agent would have there.
fn thinks(controller: &Controller, assignment: &ControllerAssignment) -> bool {
    match controller {
        Controller::Learning | Controller::Frozen(_) => true,
        Controller::Human => {
            assignment.watched.iter().chain(&assignment.others).any(|all| *all == Controller::Learning)
        }
        Controller::Scripted | Controller::Random => false,
    }
}

/// What the watched seats think. Every line is there before its value is: nothing below moves when it comes.
pub(super) fn show(
    ui: &mut Ui,
    spec: &EnvironmentSpec,
    thoughts: &WatchedDecisions,
    assignment: &ControllerAssignment,
    mind: Option<&ValueEstimates>,
    mut insight: Option<&mut OverlaySettings>,
    offered: Offered,
) {
    let seats =
        || assignment.watched.iter().enumerate().filter(|(_, controller)| thinks(controller, assignment));
    if seats().next().is_none() {
        return;
    }
    section(ui, "What the agent thinks", |ui| {
        if let Some(insight) = &mut insight {
            switches(ui, insight, &offered);
        }
        let asked = insight.as_deref().copied().unwrap_or_default();
        if let Some(layer) = asked.map {
            let landscape = mind.map(|mind| &mind.landscape);
            let there = landscape.filter(|map| map.layer == layer && !map.values.is_empty());
            legend(ui, layer, there);
        }
        for (slot, controller) in seats() {
            let color = palette::of(controller);
            let who = match controller {
                Controller::Human => "the agent, if it were in your place".to_owned(),
                agent => title(agent),
            };
            let name = if spec.slots() > 1 { format!("{}: {who}", side(&spec.teams, slot)) } else { who };
            ui.add(egui::Label::new(RichText::new(name).small().color(tone(color))).truncate());
            let expectation = mind.and_then(|mind| mind.seats.get(slot)?.as_ref());
            let actions = spec.action.names();
            let thought = thoughts.get(slot).filter(|all| all.probabilities.len() == actions.len());
            options(ui, actions, thought, expectation, color);
            let most = (actions.len() as f32).ln();
            let explanation = format!(
                "How undecided the policy is here: 0 is certain, {most:.2} a fair choice among all {} actions. A nat is the \
                 unit of entropy with the natural logarithm, 1.44 bits.",
                actions.len()
            );
            let entropy = thought.map_or("–".into(), |thought| format!("{:.2}", thought.entropy));
            number(ui, "entropy", format!("{entropy} of {most:.2} nats"), &explanation);
            if asked.values {
                let explanation = "Discounted sum of rewards that it expects from here on, mean over critics and over \
                                   its own choice of actions.";
                let expected = expectation.map_or("–".into(), |all| format!("{:+.2}", all.value));
                number(ui, "expected return", expected, explanation);
                let told = mind.and_then(|mind| mind.told.get(slot));
                let (expected, happened) = told.map_or((&[][..], &[][..]), |t| (&t.expected, &t.happened));
                curves::expected(ui, slot, expected, happened);
            }
        }
    });
}

/// What the darkest and the brightest place of the map stand for, and how far it is from the exact one.
fn legend(ui: &mut Ui, layer: MapLayer, landscape: Option<&ValueMap>) {
    let explanation = format!("On the map: {}; the darkest place and the brightest.", layer.meaning());
    let text = landscape.map_or("–".into(), |landscape| {
        let values = || landscape.values.iter().copied().filter(|value| value.is_finite());
        let least = values().fold(f32::INFINITY, f32::min);
        let most = values().fold(f32::NEG_INFINITY, f32::max);
        match layer {
            MapLayer::Visits => format!("{:.0} to {:.0} % of steps", least * 100.0, most * 100.0),
            MapLayer::Expected | MapLayer::Exact => format!("{least:+.2} to {most:+.2}"),
        }
    });
    number(ui, "dark to bright", text, &explanation);
    if layer == MapLayer::Exact {
        let explanation = "Mean difference over all places between what the agent expects and the exact solution, in \
                           reward. There is no exact solution where more than the cell of one walker matters.";
        let error = landscape.map(|landscape| landscape.error);
        let error =
            error.map_or("–".into(), |error| error.map_or("none here".into(), |e| format!("{e:.3}")));
        number(ui, "off the exact value", error, explanation);
    }
}

/// What is to be seen beside probabilities.
fn switches(ui: &mut Ui, insight: &mut OverlaySettings, offered: &Offered) {
    let why = offered.refused.as_deref().unwrap_or_default();
    // As high as its highest part, so that all stand on one level.
    let size = egui::vec2(ui.available_width(), 24.0);
    ui.allocate_ui_with_layout(size, egui::Layout::left_to_right(egui::Align::Center), |ui| {
        check(ui, &mut insight.values, "values")
            .on_hover_text("Adds what both critics expect of every action, and what then came of it. Key: Q");
        let enabled = offered.refused.is_none();
        if offered.maps {
            ui.add_enabled_ui(enabled, |ui| map(ui, insight)).response.on_disabled_hover_text(why);
        }
        if offered.ways {
            let ways = ui.add_enabled_ui(enabled, |ui| {
                check(ui, &mut insight.ways, "ways").on_hover_text(
                    "Draws where players and balls would go in the next two seconds if everybody went on as they think \
                     best. Key: G",
                );
            });
            ways.response.on_disabled_hover_text(why);
        }
        check(ui, &mut insight.sight, "sight").on_hover_text(
            "Adds what the agent sees, number by number and plane by plane, and how much each part of it matters to \
             what it does now.",
        );
    });
}

/// Which map is painted.
fn map(ui: &mut Ui, insight: &mut OverlaySettings) {
    let chosen = insight.map.map_or("no map", MapLayer::name);
    let map = list("map", chosen, 78.0).show_ui(ui, |ui| {
        ui.selectable_value(&mut insight.map, None, "no map");
        for layer in MapLayer::ALL {
            let name = layer.name();
            ui.selectable_value(&mut insight.map, Some(layer), name).on_hover_text(layer.meaning());
        }
    });
    map.response.on_hover_text(
        "Paints every place it might stand at, brighter is more, draws what it would do there as arrows, and \
         dots its way from where it is on. Key: V",
    );
}

fn options(
    ui: &mut Ui,
    actions: &[String],
    thought: Option<&WatchedDecision>,
    mind: Option<&Expectation>,
    color: Tone,
) {
    for (index, name) in actions.iter().enumerate() {
        let probability = thought.map(|thought| thought.probabilities[index]);
        let taken = thought.is_some_and(|thought| index == thought.action);
        let said =
            mind.map(|mind| mind.values.iter().filter_map(|values| values.get(index).copied()).collect());
        let said: Vec<f32> = said.unwrap_or_default();
        let mut explanation = format!("Probability of {name} in the policy; the action taken is bright.");
        for (critic, value) in said.iter().enumerate() {
            explanation += &format!("\nCritic {} expects {value:+.3}.", critic + 1);
        }
        row(ui, name, &explanation, |ui| {
            ui.spacing_mut().item_spacing.x = 5.0;
            // Room for the longest figure, so that bars begin and end where all others do.
            let room = egui::vec2(38.0, ui.available_height());
            let right = egui::Layout::right_to_left(egui::Align::Center);
            ui.allocate_ui_with_layout(room, right, |ui| {
                ui.set_min_width(room.x);
                let figure = probability.map_or("–".into(), |share| format!("{:.0} %", share * 100.0));
                ui.label(RichText::new(figure).monospace()).on_hover_text(&explanation);
            });
            let shade = if taken { color } else { color.mix(palette::SLATE, 0.55) };
            let width = if said.is_empty() { 128.0 } else { 52.0 };
            bar(ui, width, probability.unwrap_or(0.0), shade).on_hover_text(&explanation);
            if let [first, ..] = said[..] {
                let (least, most) = said
                    .iter()
                    .fold((first, first), |(least, most), &value| (least.min(value), most.max(value)));
                let text = format!("{:+.2}", (least + most) / 2.0);
                ui.label(RichText::new(text).small().monospace()).on_hover_text(&explanation);
                let apart = format!("±{:.2}", (most - least) / 2.0);
                ui.label(RichText::new(apart).small().monospace().color(tone(palette::MUTED)))
                    .on_hover_text("Half the difference between the two critics.");
            }
        });
    }
}
