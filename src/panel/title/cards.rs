//! Cards: how the worlds of the title screen are laid out and drawn.

use bevy_egui::egui::{self, CornerRadius, RichText, Sense, Stroke, StrokeKind, Ui, vec2};

use super::{Card, Cards};
use crate::learner::trained::TrainingRecord;
use crate::mdp::EnvironmentSpec;
use crate::panel::maps::OwnMap;
use crate::panel::theme::{card, faded, tone};
use crate::panel::widgets::list;
use crate::view::palette::{self, Tone};

/// Least width of a card in logical pixels; wider ones fill their row.
const LEAST_WIDTH: f32 = 208.0;
/// Height of a picture by its width.
const SHAPE: f32 = 0.625;
/// Height of a card below its picture.
const TEXT: f32 = 86.0;
const GAP: f32 = 14.0;

/// The cards; the number of the one that was clicked.
pub(super) fn grid(ui: &mut Ui, cards: &mut Cards) -> Option<usize> {
    // The scroll bar has its own room at the right.
    let room = ui.available_width() - 14.0;
    let columns = ((room + GAP) / (LEAST_WIDTH + GAP)).floor().max(1.0) as usize;
    let width = (room + GAP) / columns as f32 - GAP;
    cards.columns = columns;
    let mut begun = None;
    // Room for the frame of a lit card in the first row.
    ui.add_space(6.0);
    ui.spacing_mut().item_spacing = egui::Vec2::splat(GAP);
    for row in 0..cards.cards.len().div_ceil(columns) {
        ui.horizontal(|ui| {
            for index in row * columns..((row + 1) * columns).min(cards.cards.len()) {
                if draw(ui, cards, index, width) {
                    begun = Some(index);
                }
            }
        });
    }
    cards.seek = false;
    begun
}

/// Draws one card; whether it was clicked.
fn draw(ui: &mut Ui, cards: &mut Cards, index: usize, width: f32) -> bool {
    let Cards { cards: all, levels, pictures, maps, problem, lit, seek, film, .. } = cards;
    let Card { spec, levels: count, trained, own, .. } = &all[index];
    let (rect, response) = ui.allocate_exact_size(vec2(width, SHAPE * width + TEXT), Sense::click());
    if response.hovered() && ui.input(|input| input.pointer.is_moving()) {
        if *lit != index {
            *problem = None;
        }
        *lit = index;
    }
    if *seek && *lit == index {
        response.scroll_to_me(None);
    }
    let bright = *lit == index;
    let radius = CornerRadius::same(10);
    let painter = ui.painter();
    painter.rect_filled(rect, radius, card());
    let picture = egui::Rect::from_min_size(rect.min, vec2(width, SHAPE * width));
    let map = maps.of(index, levels[index]).map(egui::TextureHandle::id);
    if let Some(texture) = map.or(pictures[index]) {
        let whole = egui::Rect::from_min_max(egui::pos2(0.0, 0.0), egui::pos2(1.0, 1.0));
        let tint = if bright { egui::Color32::WHITE } else { egui::Color32::from_gray(190) };
        painter.image(texture, picture, whole, tint);
    }
    let films = all[index].films(levels[index]);
    if let Some((_, film)) = film.as_ref().filter(|(card, _)| *card == index && films) {
        film.paint(ui, picture);
    }
    let painter = ui.painter();
    if bright {
        let line = Stroke::new(2.0, tone(palette::MINT));
        painter.rect_stroke(rect, radius, line, StrokeKind::Outside);
        painter.rect_stroke(
            rect.expand(3.0),
            radius,
            Stroke::new(3.0, faded(palette::MINT, 0.2)),
            StrokeKind::Outside,
        );
    }
    let text = egui::Rect::from_min_max(picture.left_bottom() + vec2(10.0, 6.0), rect.max - vec2(10.0, 6.0));
    let mut inner =
        ui.new_child(egui::UiBuilder::new().max_rect(text).layout(egui::Layout::top_down(egui::Align::Min)));
    inner.spacing_mut().item_spacing = vec2(4.0, 2.0);
    inner.horizontal(|ui| {
        ui.label(RichText::new(&spec.name).size(15.0).strong().color(tone(palette::INK)));
        ui.label(RichText::new(players(spec)).small().color(tone(palette::SKY)));
    });
    let record = trained.get(levels[index] - 1).and_then(Option::as_ref);
    let (name, color, explanation) = match levels[index] > *count && *count > 0 {
        true => ("yours", palette::SKY, "A map that you have drawn.".to_owned()),
        false => difficulty(record),
    };
    let corner = egui::Rect::from_min_max(picture.min, picture.max).shrink(7.0);
    let mut pill = ui.new_child(
        egui::UiBuilder::new().max_rect(corner).layout(egui::Layout::right_to_left(egui::Align::Min)),
    );
    let frame = egui::Frame::new().fill(tone(palette::NIGHT).gamma_multiply(0.85)).corner_radius(8.0);
    let shown = frame.inner_margin(egui::Margin::symmetric(7, 1)).show(&mut pill, |ui| {
        ui.label(RichText::new(name).small().strong().color(tone(color)));
    });
    shown.response.on_hover_text(explanation);
    let drawn = levels[index].checked_sub(*count + 1).and_then(|number| own.get(number));
    let summary = drawn.map_or_else(|| spec.summary.clone(), |map| format!("Your map: {}", called(map)));
    let summary = RichText::new(summary).size(12.0).color(tone(palette::MUTED));
    inner.add(egui::Label::new(summary).wrap());
    if *count > 0 && bright {
        inner.horizontal(|ui| {
            ui.spacing_mut().button_padding = vec2(5.0, 2.0);
            ui.spacing_mut().item_spacing.x = 3.0;
            // What else there is needs the room.
            if own.is_empty() {
                ui.label(RichText::new("level").small().color(tone(palette::MUTED)));
            }
            for level in 1..=*count {
                let chosen = levels[index] == level;
                let ink = if chosen { palette::NIGHT } else { palette::INK };
                let fill =
                    if chosen { tone(palette::MINT) } else { tone(palette::SLATE.mix(palette::WALL, 0.5)) };
                let text = RichText::new(level.to_string()).small().color(tone(ink));
                if ui.add(egui::Button::new(text).fill(fill).min_size(vec2(16.0, 16.0))).clicked() {
                    levels[index] = level;
                }
            }
            if !own.is_empty() {
                my_levels(ui, own, *count, &mut levels[index]);
            }
        });
    }
    response.clicked()
}

/// What a map is called, and whether it is done.
fn called(map: &OwnMap) -> String {
    if map.level.is_some() { map.name.clone() } else { format!("{} (unfinished)", map.name) }
}

/// A list of the maps that people have drawn; `level` counts them on from those that come along.
fn my_levels(ui: &mut Ui, own: &[OwnMap], count: usize, level: &mut usize) {
    let ink = if *level > count { palette::MINT } else { palette::INK };
    let text = RichText::new("mine").small().color(tone(ink));
    let list = list("my levels", text, ui.available_width() - 8.0);
    list.truncate().show_ui(ui, |ui| {
        for (number, map) in own.iter().enumerate() {
            ui.selectable_value(level, count + 1 + number, called(map));
        }
    });
}

/// How hard a world is to learn, measured by the agent that comes with the arcade: in a word, a color and a sentence.
pub(super) fn difficulty(record: Option<&TrainingRecord>) -> (&'static str, Tone, String) {
    /// Up to these many environment steps.
    const EASY: u64 = 65_000;
    const MEDIUM: u64 = 450_000;
    let Some(record) = record else {
        return ("unsolved", palette::VIOLET, "No agent that has learned it comes with the arcade.".into());
    };
    let steps = record.env_steps;
    let (name, color) = if steps <= EASY {
        ("easy", palette::MINT)
    } else if steps <= MEDIUM {
        ("medium", palette::AMBER)
    } else {
        ("hard", palette::ROSE)
    };
    let TrainingRecord { episodes, mean_return, success, seconds, seed, .. } = record;
    let took = seconds.map_or(String::new(), |seconds| format!(" in {seconds:.0} s"));
    let told = format!(
        "The agent that comes with the arcade learned this from {} k environment steps{took} with seed {seed}. \
         In {episodes} greedy episodes its mean return is {mean_return:.2}, and it succeeds in {:.0} %.",
        steps / 1000,
        success * 100.0
    );
    (name, color, told)
}

/// Who plays, in two words.
pub(super) fn players(spec: &EnvironmentSpec) -> String {
    let sides = spec.teams.iter().collect::<std::collections::BTreeSet<_>>().len();
    match (spec.slots(), sides) {
        (1, _) => "one player".into(),
        (2, 1) => "two together".into(),
        (2, _) => "one on one".into(),
        (slots, 2) => format!("{0} on {0}", slots / 2),
        (slots, _) => format!("{slots} players"),
    }
}
