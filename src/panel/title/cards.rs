//! Cards: layout and drawing of the world cards.

use bevy_egui::egui::{self, CornerRadius, RichText, Sense, Stroke, StrokeKind, Ui, vec2};

use super::{Card, Cards};
use crate::learner::trained::TrainingRecord;
use crate::mdp::EnvironmentSpec;
use crate::panel::drawn_levels::DrawnLevel;
use crate::panel::theme::{card, faded, tone};
use crate::panel::widgets::list;
use crate::view::palette::{self, Tone};

/// Smallest width of a card in logical pixels; cards grow to fill their row.
const MIN_WIDTH: f32 = 208.0;
/// Height of a thumbnail relative to its width.
const ASPECT: f32 = 0.625;
/// Height of the text below a thumbnail in logical pixels.
const TEXT_HEIGHT: f32 = 86.0;
/// Gap between cards in logical pixels.
const GAP: f32 = 14.0;

/// Draws the cards; returns the index of the one that was clicked.
pub(super) fn grid(ui: &mut Ui, cards: &mut Cards) -> Option<usize> {
    // Leaves room for the scroll bar.
    let room = ui.available_width() - 14.0;
    let columns = ((room + GAP) / (MIN_WIDTH + GAP)).floor().max(1.0) as usize;
    let width = (room + GAP) / columns as f32 - GAP;
    cards.columns = columns;
    let mut clicked = None;
    // Room for the frame of a selected card.
    ui.add_space(6.0);
    ui.spacing_mut().item_spacing = egui::Vec2::splat(GAP);
    for row in 0..cards.cards.len().div_ceil(columns) {
        ui.horizontal(|ui| {
            for index in row * columns..((row + 1) * columns).min(cards.cards.len()) {
                if draw(ui, cards, index, width) {
                    clicked = Some(index);
                }
            }
        });
    }
    cards.scroll = false;
    clicked
}

/// Draws one card; returns whether it was clicked.
fn draw(ui: &mut Ui, cards: &mut Cards, index: usize, width: f32) -> bool {
    let Cards { cards: all, levels, thumbnails, previews, problem, selected, scroll, animation, .. } = cards;
    let Card { spec, levels: count, trained, drawn, .. } = &all[index];
    let (rect, response) = ui.allocate_exact_size(vec2(width, ASPECT * width + TEXT_HEIGHT), Sense::click());
    if response.hovered() && ui.input(|input| input.pointer.is_moving()) {
        if *selected != index {
            *problem = None;
        }
        *selected = index;
    }
    if *scroll && *selected == index {
        response.scroll_to_me(None);
    }
    let highlighted = *selected == index;
    let radius = CornerRadius::same(10);
    let painter = ui.painter();
    painter.rect_filled(rect, radius, card());
    let picture = egui::Rect::from_min_size(rect.min, vec2(width, ASPECT * width));
    let preview = previews.of(index, levels[index]).map(egui::TextureHandle::id);
    if let Some(texture) = preview.or(thumbnails[index]) {
        let whole = egui::Rect::from_min_max(egui::pos2(0.0, 0.0), egui::pos2(1.0, 1.0));
        let tint = if highlighted { egui::Color32::WHITE } else { egui::Color32::from_gray(190) };
        painter.image(texture, picture, whole, tint);
    }
    let animates = all[index].animates(levels[index]);
    if let Some((_, animation)) = animation.as_ref().filter(|(card, _)| *card == index && animates) {
        animation.paint(ui, picture);
    }
    let painter = ui.painter();
    if highlighted {
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
        true => ("yours", palette::SKY, "A level that you have drawn.".to_owned()),
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
    let own = levels[index].checked_sub(*count + 1).and_then(|number| drawn.get(number));
    let summary =
        own.map_or_else(|| spec.summary.clone(), |level| format!("Your level: {}", level_name(level)));
    let summary = RichText::new(summary).size(12.0).color(tone(palette::MUTED));
    inner.add(egui::Label::new(summary).wrap());
    if *count > 0 && highlighted {
        inner.horizontal(|ui| {
            ui.spacing_mut().button_padding = vec2(5.0, 2.0);
            ui.spacing_mut().item_spacing.x = 3.0;
            // The list of drawn levels needs the room.
            if drawn.is_empty() {
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
            if !drawn.is_empty() {
                my_levels(ui, drawn, *count, &mut levels[index]);
            }
        });
    }
    response.clicked()
}

/// Name of a drawn level, marked if it is unfinished.
fn level_name(drawn: &DrawnLevel) -> String {
    if drawn.level.is_some() { drawn.name.clone() } else { format!("{} (unfinished)", drawn.name) }
}

/// A list of the drawn levels; `level` numbers them after the `count` shipped ones.
fn my_levels(ui: &mut Ui, drawn: &[DrawnLevel], count: usize, level: &mut usize) {
    let ink = if *level > count { palette::MINT } else { palette::INK };
    let text = RichText::new("mine").small().color(tone(ink));
    let list = list("my levels", text, ui.available_width() - 8.0);
    list.truncate().show_ui(ui, |ui| {
        for (index, own) in drawn.iter().enumerate() {
            ui.selectable_value(level, count + 1 + index, level_name(own));
        }
    });
}

/// How hard a world is to learn, measured by the training of the shipped agent: a word, its color, and an explanation.
pub(super) fn difficulty(record: Option<&TrainingRecord>) -> (&'static str, Tone, String) {
    /// Largest numbers of environment steps.
    const EASY: u64 = 65_000;
    const MEDIUM: u64 = 450_000;
    let Some(record) = record else {
        return ("unsolved", palette::VIOLET, "The arcade ships no trained agent for it.".into());
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
    let time = seconds.map_or(String::new(), |seconds| format!(" in {seconds:.0} s"));
    let explanation = format!(
        "The shipped agent was trained for {} k environment steps{time} with seed {seed}. Over {episodes} greedy \
         episodes its mean return is {mean_return:.2} and its success rate {:.0} %.",
        steps / 1000,
        success * 100.0
    );
    (name, color, explanation)
}

/// Number of players per team.
pub(super) fn players(spec: &EnvironmentSpec) -> String {
    let sides = spec.teams.iter().collect::<std::collections::BTreeSet<_>>().len();
    match (spec.slots(), sides) {
        (1, _) => "1 player".into(),
        (2, 1) => "2 players, co-op".into(),
        (slots, 2) => format!("{0} vs {0}", slots / 2),
        (slots, _) => format!("{slots} players"),
    }
}
