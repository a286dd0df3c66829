//! Memory: the hidden state of the watched agent over the last steps, and what a transformer attends to.

use bevy::prelude::*;
use bevy_egui::egui::{self, Align2, Mesh, Rect, RichText, Sense, Shape, Stroke, TextStyle, Ui, pos2, vec2};

use super::section::{AddPanelSection as _, order};
use super::theme::{faded, tone};
use super::widgets::{bar, note, row, section};
use crate::agent::{ControllerAssignment, LearningPolicy, WatchedDecisions};
use crate::insight::memory::{GoalBelief, ID, NO_MEMORY, STEPS, WatchedMemory, strip};
use crate::insight::overlay::OverlaySettings;
use crate::insight::playback::{EpisodeHistory, Playback};
use crate::mdp::{Attention, CellAttention};
use crate::sim::arena::Spec;
use crate::view::palette::{self, Tone};

/// Most units that a strip shows.
const MOST_UNITS: usize = 96;
/// Heights in logical pixels: of the largest strip, of a chart, of one head's row.
const STRIP: f32 = 112.0;
const CHART: f32 = 34.0;
const HEAD: f32 = 7.0;

/// Colors of heads, in turn.
const HEADS: &[Tone] =
    &[palette::MINT, palette::SKY, palette::VIOLET, palette::ROSE, palette::AMBER, palette::LIME];

/// Adds the section.
pub(super) fn plugin(app: &mut App) {
    app.add_panel_section(order::MEMORY, show);
}

/// The section: every watched slot's memory.
fn show(
    InMut(ui): InMut<Ui>,
    spec: Res<Spec>,
    settings: Option<Res<OverlaySettings>>,
    decisions: Option<Res<WatchedDecisions>>,
    assignment: Option<Res<ControllerAssignment>>,
    history: Option<Res<EpisodeHistory>>,
    playback: Option<Res<Playback>>,
    memory: Option<Res<WatchedMemory>>,
    learning: Option<Res<LearningPolicy>>,
) {
    let (Some(settings), Some(decisions), Some(history), Some(memory)) =
        (settings, decisions, history, memory)
    else {
        return;
    };
    if !settings.shows(ID) {
        return;
    }
    // A recurrent memory has no end, and no attention.
    let attends = learning.is_some_and(|policy| policy.0.load().policy.reach().is_some());
    let acts = |slot: usize| assignment.as_ref().is_none_or(|all| slot < all.watched.len());
    section(ui, "Memory", |ui| {
        let remembering =
            decisions.iter().enumerate().filter(|(slot, decision)| acts(*slot) && decision.memory.is_some());
        let mut shown = 0;
        for (slot, _) in remembering {
            if spec.slots() > 1 {
                let side = super::names::slot_name(&spec.teams, slot);
                ui.label(RichText::new(side).small().color(tone(palette::MINT)));
            }
            ui.push_id(("memory", slot), |ui| {
                units(ui, &strip(&history, playback.as_deref(), slot));
                match memory.attention.get(slot) {
                    Some(Some(attention)) => look_back(ui, attention),
                    None if attends && playback.is_some() => note(
                        ui,
                        "What it attended to was not recorded: this overlay was off.",
                        palette::MUTED,
                        2,
                    ),
                    _ => {}
                }
            });
            shown += 1;
        }
        if let (Some(goals), true) = (&memory.goals, shown > 0) {
            belief(ui, goals);
        }
        if shown == 0 {
            note(ui, NO_MEMORY, palette::MUTED, 4);
        }
    });
}

/// A small heading with a value at the right edge, and a tooltip.
fn heading(ui: &mut Ui, text: &str, value: &str, explanation: &str) {
    ui.horizontal(|ui| {
        ui.label(RichText::new(text).small().color(tone(palette::INK))).on_hover_text(explanation);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.label(RichText::new(value).small().monospace().color(tone(palette::MUTED)))
                .on_hover_text(explanation);
        });
    });
}

/// Room for a picture of the full width, dark.
fn picture(ui: &mut Ui, height: f32) -> (Rect, egui::Response) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    ui.painter().rect_filled(rect, 2.0, tone(palette::NIGHT));
    (rect, response)
}

/// Labels of the time axis: the present is at the right.
fn time_axis(ui: &mut Ui, steps: usize) {
    let height = ui.text_style_height(&TextStyle::Small);
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    let (font, ink) = (TextStyle::Small.resolve(ui.style()), tone(palette::MUTED));
    let past = format!("{} steps ago", steps.saturating_sub(1));
    ui.painter().text(rect.left_top(), Align2::LEFT_TOP, past, font.clone(), ink);
    ui.painter().text(rect.right_top(), Align2::RIGHT_TOP, "now", font, ink);
}

/// From blue for −1 through dark for 0 to amber for 1.
fn diverging(share: f32) -> egui::Color32 {
    let end = if share < 0.0 { palette::SKY } else { palette::AMBER };
    tone(palette::NIGHT.seen().mix(end.seen(), share.abs().min(1.0)))
}

/// The strip: a row for every unit, a column for every step, the newest at the right.
fn units(ui: &mut Ui, rows: &[&[f32]]) {
    let all = rows.first().map_or(0, |row| row.len());
    let count = all.min(MOST_UNITS);
    let most = rows.iter().flat_map(|row| &row[..count]).fold(0.0f32, |most, value| most.max(value.abs()));
    let which =
        if count < all { format!("the first {count} of {all} units") } else { format!("{all} units") };
    let explanation = format!(
        "The state of the memory after each of the last {STEPS} steps of this episode: {which}, one row each; the newest \
         step is at the right. Amber is positive, blue negative, dark is zero; the brightest is ±{most:.2}. A row that keeps \
         its color remembers something. At the start of an episode the memory is empty."
    );
    heading(ui, "state of the memory", &format!("±{most:.2}"), &explanation);
    let height = (3.0 * count as f32).clamp(36.0, STRIP);
    let (rect, response) = picture(ui, height);
    let cell = vec2(rect.width() / STEPS as f32, height / count.max(1) as f32);
    let left = rect.right() - cell.x * rows.len() as f32;
    let mut mesh = Mesh::default();
    for (step, row) in rows.iter().enumerate() {
        for (unit, value) in row[..count].iter().enumerate() {
            let corner = pos2(left + cell.x * step as f32, rect.top() + cell.y * unit as f32);
            mesh.add_colored_rect(Rect::from_min_size(corner, cell), diverging(value / most.max(1e-6)));
        }
    }
    ui.painter().with_clip_rect(rect).add(Shape::mesh(mesh));
    time_axis(ui, STEPS);
    let below = response.hover_pos().and_then(|pointer| {
        let (step, unit) = ((pointer.x - left) / cell.x, (pointer.y - rect.top()) / cell.y);
        let value = rows.get((step >= 0.0).then_some(step as usize)?)?[..count].get(unit.max(0.0) as usize)?;
        let ago = rows.len() - 1 - step as usize;
        Some(format!("unit {}, {ago} steps ago: {value:+.3}", unit as usize + 1))
    });
    response.on_hover_text_at_pointer(below.unwrap_or(explanation));
}

/// Which goal is right, as a probe reads it out of the memory.
fn belief(ui: &mut Ui, goals: &GoalBelief) {
    let explanation = format!(
        "Which goal is right, as a linear probe reads it out of the memory: a logistic regression on what the memory makes \
         of each moment, fitted while this is on to {} moments of all arenas at which the lamp was out. The number at the \
         right tells how often it is right in the last episodes that it was not fitted to, at most 100: a quarter of all, and \
         those of this arena. At 50 % it finds nothing. It shows what can be read there, not that the agent makes use of it.",
        goals.samples
    );
    let accuracy = match goals.accuracy {
        Some((accuracy, episodes)) => format!("{:.0} % right in {episodes}", 100.0 * accuracy),
        None => "–".into(),
    };
    heading(ui, "which goal it remembers", &accuracy, &explanation);
    let shares = goals.first.map(|first| [first, 1.0 - first]);
    for (goal, name) in goals.names.into_iter().enumerate() {
        let right = goal == goals.right;
        let name = if right { format!("{name}, the right one") } else { name.to_owned() };
        row(ui, &name, &explanation, |ui| {
            let percent = shares.map_or("lamp on".into(), |shares| format!("{:.0} %", 100.0 * shares[goal]));
            ui.label(RichText::new(percent).small().monospace()).on_hover_text(&explanation);
            let color = if right { palette::MINT } else { palette::ROSE };
            bar(ui, 90.0, shares.map_or(0.0, |shares| shares[goal]), color).on_hover_text(&explanation);
        });
    }
}

/// What a transformer attends to: moments, cells, and its learned bias.
fn look_back(ui: &mut Ui, attention: &Attention) {
    let window = (attention.bias.len() / attention.heads.max(1)).max(1);
    moments(ui, attention, window);
    habit(ui, attention, window);
    if let Some(weights) = &attention.cells {
        cells(ui, weights);
    }
}

/// Weights of the moments: the mean over heads as bars, and every head as a row below.
fn moments(ui: &mut Ui, attention: &Attention, window: usize) {
    let (mean, reach) = (attention.mean(), attention.reach());
    let explanation = format!(
        "How much each moment counts in what the agent makes of the present one: of the last block, at most {window} moments \
         back. Bars: the mean over heads; rows below: each of the {} heads, bright is much. Weights of a head sum to 100 %.",
        attention.heads
    );
    let present = format!("{:.0} % now", 100.0 * mean.last().copied().unwrap_or_default());
    heading(ui, "attention to moments", &present, &explanation);
    let (rect, response) = picture(ui, CHART + HEAD * attention.heads as f32);
    let width = rect.width() / window as f32;
    let left = rect.right() - width * reach as f32;
    let most = mean.iter().copied().fold(0.0f32, f32::max).max(1e-6);
    let mut mesh = Mesh::default();
    for (moment, weight) in mean.iter().enumerate() {
        let (x, height) = (left + width * moment as f32, (CHART - 2.0) * weight / most);
        let bar = Rect::from_min_max(
            pos2(x + 0.1 * width, rect.top() + CHART - height),
            pos2(x + 0.9 * width, rect.top() + CHART),
        );
        mesh.add_colored_rect(bar, tone(palette::AMBER));
        for head in 0..attention.heads {
            let share = attention.moments[head * reach + moment];
            let corner = pos2(x, rect.top() + CHART + HEAD * head as f32 + 1.0);
            let color = faded(HEADS[head % HEADS.len()], share.sqrt());
            mesh.add_colored_rect(Rect::from_min_size(corner, vec2(width, HEAD - 1.0)), color);
        }
    }
    ui.painter().with_clip_rect(rect).add(Shape::mesh(mesh));
    let below = response.hover_pos().and_then(|pointer| {
        let moment = (pointer.x - left) / width;
        let weight = mean.get((moment >= 0.0).then_some(moment as usize)?)?;
        let heads: Vec<String> = (0..attention.heads)
            .map(|head| format!("{:.0} %", 100.0 * attention.moments[head * reach + moment as usize]))
            .collect();
        let ago = reach - 1 - moment as usize;
        Some(format!("{ago} steps ago: {:.1} %; heads: {}", 100.0 * weight, heads.join(", ")))
    });
    response.on_hover_text_at_pointer(below.unwrap_or(explanation));
}

/// The learned bias by distance: a line for every head, the present at the right.
fn habit(ui: &mut Ui, attention: &Attention, window: usize) {
    let explanation = "The learned bias of every head by the distance of a moment, the present one at the right: where a line \
                       is high, the head looks by habit, whatever there is to see.";
    let least = attention.bias.iter().copied().fold(f32::INFINITY, f32::min);
    let most = attention.bias.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    heading(ui, "habit by distance", &format!("{least:+.1} to {most:+.1}"), explanation);
    let (rect, response) = picture(ui, CHART);
    let width = rect.width() / window as f32;
    let height = |value: f32| (value - least) / (most - least).max(1e-6) * (CHART - 6.0);
    for head in 0..attention.heads {
        let point = |(distance, value): (usize, &f32)| {
            pos2(rect.right() - width * (distance as f32 + 0.5), rect.bottom() - 3.0 - height(*value))
        };
        let line: Vec<_> = attention.head_bias(head).iter().enumerate().map(point).collect();
        ui.painter().add(Shape::line(line, Stroke::new(1.3, tone(HEADS[head % HEADS.len()]))));
    }
    response.on_hover_text(explanation);
    time_axis(ui, window);
}

/// Weights of the cells, small.
fn cells(ui: &mut Ui, cells: &CellAttention) {
    let most = cells.weights.iter().copied().fold(0.0f32, f32::max);
    let even = 1.0 / cells.weights.len().max(1) as f32;
    let explanation = format!(
        "How much each cell counts in what the agent makes of the present moment: brightest is {:.1} %, all alike would be \
         {:.1} % each. In rooms the map shows the same in violet.",
        100.0 * most,
        100.0 * even
    );
    heading(ui, "attention to cells", &format!("up to {:.1} %", 100.0 * most), &explanation);
    let [rows, columns] = cells.shape;
    let side = (0.5 * ui.available_width() / columns.max(1) as f32).min(9.0);
    let (rect, response) =
        ui.allocate_exact_size(vec2(side * columns as f32, side * rows as f32), Sense::hover());
    let mut mesh = Mesh::default();
    mesh.add_colored_rect(rect, tone(palette::NIGHT));
    for (index, weight) in cells.weights.iter().enumerate() {
        let corner = rect.min + vec2(side * (index % columns) as f32, side * (index / columns) as f32);
        let square = Rect::from_min_size(corner, egui::Vec2::splat(side));
        mesh.add_colored_rect(square, faded(palette::VIOLET, weight / most.max(1e-6)));
    }
    ui.painter().add(Shape::mesh(mesh));
    response.on_hover_text(explanation);
}
