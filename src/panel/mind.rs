//! Mind: probabilities and values of the watched agent's actions, and what came of what it expected.

use bevy_egui::egui::{self, RichText, Ui};

use super::curves;
use super::theme::tone;
use super::widgets::{bar, check, number, row, section};
use crate::agent::mind::{Expectation, Insight, Landscape, Layer, Mind};
use crate::agent::{Casting, Thought, Thoughts};
use crate::mdp::EnvironmentSpec;
use crate::view::palette::{self, Tone};

/// Which of the overlays make sense in a world.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offered {
    /// Maps of places.
    pub maps: bool,
    /// Ways of bodies.
    pub ways: bool,
}

/// What the watched seats think.
pub(super) fn show(
    ui: &mut Ui,
    spec: &EnvironmentSpec,
    thoughts: &Thoughts,
    casting: &Casting,
    mind: Option<&Mind>,
    insight: Option<&mut Insight>,
    offered: Offered,
) {
    let actions = spec.action.names();
    if thoughts.iter().all(|thought| thought.probabilities.is_empty()) {
        return;
    }
    section(ui, "What the agent thinks", |ui| {
        if let Some(insight) = insight {
            switches(ui, insight, offered);
        }
        if let Some(landscape) = mind.map(|mind| &mind.landscape).filter(|map| !map.values.is_empty()) {
            legend(ui, landscape);
        }
        if let Some(landscape) = mind.map(|mind| &mind.landscape).filter(|map| map.layer == Layer::Exact) {
            match landscape.error {
                Some(error) => {
                    let explanation = "Mean difference over all places between what the agent expects and the exact \
                                       solution, in reward.";
                    number(ui, "off the exact value", format!("{error:.3}"), explanation);
                }
                None => {
                    let text = "There is no exact solution here: more than the cell of one walker matters.";
                    ui.label(RichText::new(text).small().color(tone(palette::MUTED)));
                }
            }
        }
        for (slot, thought) in thoughts.iter().enumerate() {
            if thought.probabilities.len() != actions.len() {
                continue;
            }
            let color = casting.watched.get(slot).map_or(palette::MINT, palette::of);
            if thoughts.len() > 1 {
                let side = super::playing::side(&spec.teams, slot);
                ui.label(RichText::new(side).small().color(tone(color)));
            }
            let expectation = mind.and_then(|mind| mind.seats.get(slot)?.as_ref());
            options(ui, actions, thought, expectation, color);
            let explanation =
                format!("How undecided the policy is here; from 0 to ln({}) nats.", actions.len());
            number(ui, "entropy", format!("{:.2} nats", thought.entropy), &explanation);
            if let Some(expectation) = expectation {
                let explanation = "Discounted sum of rewards that it expects from here on, mean over critics and over \
                                   its own choice of actions.";
                number(ui, "expects", format!("{:+.2}", expectation.value), explanation);
            }
            let told = mind.and_then(|mind| mind.told.get(slot)).filter(|told| !told.expected.is_empty());
            if let Some(told) = told {
                curves::expected(ui, slot, &told.expected, &told.happened);
            }
        }
    });
}

/// What the darkest and the brightest place of the map stand for.
fn legend(ui: &mut Ui, landscape: &Landscape) {
    let values = || landscape.values.iter().copied().filter(|value| value.is_finite());
    let (least, most) = (values().fold(f32::INFINITY, f32::min), values().fold(f32::NEG_INFINITY, f32::max));
    let text = match landscape.layer {
        Layer::Visits => format!("{:.0} to {:.0} % of steps", least * 100.0, most * 100.0),
        Layer::Expected | Layer::Exact => format!("{least:+.2} to {most:+.2}"),
    };
    let explanation =
        format!("On the map: {}; the darkest place and the brightest.", landscape.layer.meaning());
    number(ui, "dark to bright", text, &explanation);
}

/// What is to be seen beside probabilities.
fn switches(ui: &mut Ui, insight: &mut Insight, offered: Offered) {
    // As high as its highest part, so that all stand on one level.
    let size = egui::vec2(ui.available_width(), 24.0);
    ui.allocate_ui_with_layout(size, egui::Layout::left_to_right(egui::Align::Center), |ui| {
        check(ui, &mut insight.values, "values")
            .on_hover_text("Adds what both critics expect of every action, and what then came of it. Key: Q");
        if offered.maps {
            let chosen = insight.map.map_or("no map", Layer::name);
            let map = egui::ComboBox::from_id_salt("map").selected_text(chosen).width(78.0);
            let map = map.show_ui(ui, |ui| {
                ui.selectable_value(&mut insight.map, None, "no map");
                for layer in Layer::ALL {
                    let name = layer.name();
                    ui.selectable_value(&mut insight.map, Some(layer), name).on_hover_text(layer.meaning());
                }
            });
            map.response.on_hover_text(
                "Paints every place it might stand at, brighter is more, draws what it would do there as arrows, and \
                 dots its way from where it is on. Key: V",
            );
        }
        if offered.ways {
            check(ui, &mut insight.ways, "ways").on_hover_text(
                "Draws where players and balls would go in the next two seconds if everybody went on as they think \
                 best. Key: G",
            );
        }
        check(ui, &mut insight.sight, "sight").on_hover_text(
            "Adds what the agent sees, number by number and plane by plane, and how much each part of it matters to \
             what it does now.",
        );
    });
}

fn options(ui: &mut Ui, actions: &[String], thought: &Thought, mind: Option<&Expectation>, color: Tone) {
    for (index, (name, probability)) in actions.iter().zip(&thought.probabilities).enumerate() {
        let taken = index == thought.action;
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
                let figure = RichText::new(format!("{:.0} %", probability * 100.0)).monospace();
                ui.label(figure).on_hover_text(&explanation);
            });
            let shade = if taken { color } else { color.mix(palette::SLATE, 0.55) };
            let width = if said.is_empty() { 128.0 } else { 52.0 };
            bar(ui, width, *probability, shade).on_hover_text(&explanation);
            if let [first, ..] = said[..] {
                let (least, most) = said
                    .iter()
                    .fold((first, first), |(least, most), &value| (least.min(value), most.max(value)));
                let text = format!("{:+.2}", (least + most) / 2.0);
                ui.label(RichText::new(text).small().monospace()).on_hover_text(&explanation);
                let apart = format!("±{:.2}", (most - least) / 2.0);
                ui.label(RichText::new(apart).small().monospace().color(tone(palette::MUTED)))
                    .on_hover_text("Half of what both critics differ by.");
            }
        });
    }
}
