//! Widgets: titles, cards and numbers that explain themselves, the same in every section.

use bevy_egui::egui::{
    self, Align, Color32, CornerRadius, Frame, Layout, Margin, Response, RichText, Sense, Ui, vec2,
};

use super::theme::{card, faded, tone};
use crate::view::palette::{self, Tone};

/// The name of the world, what it is about, and what its signs stand for.
pub fn title(ui: &mut Ui, name: &str, summary: &str, signs: Option<&str>) {
    ui.horizontal(|ui| {
        ui.label(RichText::new(name).heading().strong().color(tone(palette::INK)));
    });
    ui.label(RichText::new(summary).small().color(tone(palette::MUTED)));
    if let Some(signs) = signs {
        ui.label(RichText::new(signs).small().color(tone(palette::SKY.mix(palette::MUTED, 0.5))));
    }
    ui.add_space(4.0);
}

/// A titled card.
pub fn section(ui: &mut Ui, title: &str, content: impl FnOnce(&mut Ui)) {
    boxed(ui, |ui| {
        heading(ui, title);
        content(ui);
    });
}

/// A titled card that opens and closes.
pub fn folding(ui: &mut Ui, title: &str, open: bool, content: impl FnOnce(&mut Ui)) {
    boxed(ui, |ui| {
        let title = RichText::new(title.to_uppercase()).small().strong().color(tone(palette::MUTED));
        egui::CollapsingHeader::new(title).default_open(open).show_unindented(ui, content);
    });
}

/// A card as wide as there is room. What is on it may be wider than it: that is cut, and no other card grows.
fn boxed(ui: &mut Ui, content: impl FnOnce(&mut Ui)) {
    let width = ui.available_width();
    let place = egui::Rect::from_min_size(ui.cursor().min, vec2(width, ui.available_height().max(1.0)));
    let mut inner = ui.new_child(egui::UiBuilder::new().max_rect(place).layout(Layout::top_down(Align::Min)));
    let seen = ui.clip_rect();
    inner.set_clip_rect(egui::Rect::from_x_y_ranges(place.x_range(), seen.y_range()).intersect(seen));
    Frame::new()
        .fill(card())
        .corner_radius(CornerRadius::same(10))
        .inner_margin(Margin::symmetric(12, 9))
        .show(&mut inner, |ui| {
            ui.set_width(ui.available_width());
            content(ui);
        });
    ui.allocate_space(vec2(width, inner.min_rect().height()));
    ui.add_space(3.0);
}

fn heading(ui: &mut Ui, title: &str) {
    ui.label(RichText::new(title.to_uppercase()).small().strong().color(tone(palette::MUTED)));
}

/// One line: a name, a value at the right edge, and a sentence on hover.
pub fn number(ui: &mut Ui, name: &str, value: impl Into<String>, explanation: &str) {
    row(ui, name, explanation, |ui| figure(ui, &value.into(), explanation));
}

/// A value alone, with a sentence on hover.
pub fn figure(ui: &mut Ui, value: &str, explanation: &str) {
    ui.label(RichText::new(value).monospace().color(tone(palette::INK))).on_hover_text(explanation);
}

/// One line: a name at the left, anything at the right, and a sentence on hover. What is at the right comes first: a name
/// that leaves no room for it is shortened.
pub fn row(ui: &mut Ui, name: &str, explanation: &str, content: impl FnOnce(&mut Ui)) {
    ui.horizontal(|ui| {
        // As high as the line, so that boxes and words stand on one level.
        ui.spacing_mut().button_padding.y = 1.0;
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            content(ui);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let name = RichText::new(name).color(tone(palette::INK.mix(palette::MUTED, 0.45)));
                ui.add(egui::Label::new(name).truncate()).on_hover_text(explanation);
            });
        });
    });
}

/// A message on lines of its own, `rows` of them at most; all of it on hover.
pub fn note(ui: &mut Ui, text: &str, color: Tone, rows: usize) {
    let font = egui::TextStyle::Small.resolve(ui.style());
    let mut job = egui::text::LayoutJob::simple(text.to_owned(), font, tone(color), ui.available_width());
    job.wrap.max_rows = rows;
    let galley = ui.fonts_mut(|fonts| fonts.layout_job(job));
    ui.label(galley).on_hover_text(text);
}

/// A list to choose from, `width` wide whatever is chosen.
pub fn list(salt: impl egui::AsIdSalt, chosen: impl Into<egui::WidgetText>, width: f32) -> egui::ComboBox {
    egui::ComboBox::from_id_salt(salt).selected_text(chosen).width(width).truncate()
}

/// A bar filled to `share`.
pub fn bar(ui: &mut Ui, width: f32, share: f32, color: Tone) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(width, 8.0), Sense::hover());
    let radius = CornerRadius::same(4);
    ui.painter().rect_filled(rect, radius, tone(palette::NIGHT));
    let filled = rect.width() * share.clamp(0.0, 1.0);
    if filled > 0.5 {
        let mut part = rect;
        part.set_width(filled.max(2.0).min(rect.width()));
        ui.painter().rect_filled(part, radius, tone(color));
    }
    response
}

/// A key, as on a keyboard.
pub fn key(ui: &mut Ui, name: &str) {
    Frame::new()
        .fill(tone(palette::SLATE.mix(palette::WALL, 0.5)))
        .corner_radius(CornerRadius::same(4))
        .inner_margin(Margin::symmetric(5, 1))
        .show(ui, |ui| {
            // A key's name stays in one piece where lines are short.
            ui.add(egui::Label::new(RichText::new(name).small().strong().color(tone(palette::INK))).extend());
        });
}

/// A small colored pill with text.
pub fn chip(ui: &mut Ui, text: &str, color: Tone) -> Response {
    Frame::new()
        .fill(faded(color, 0.18))
        .corner_radius(CornerRadius::same(8))
        .inner_margin(Margin::symmetric(8, 2))
        // In one piece, where lines are short as well.
        .show(ui, |ui| {
            let text = RichText::new(text).small().strong().color(tone(color));
            ui.add(egui::Label::new(text).extend())
        })
        .response
}

/// A wide two-state button.
pub fn toggle(ui: &mut Ui, on: bool, [when_on, when_off]: [&str; 2], explanation: &str) -> bool {
    let (fill, ink): (Color32, Color32) = if on {
        (tone(palette::MINT), tone(palette::NIGHT))
    } else {
        (tone(palette::SLATE.mix(palette::WALL, 0.6)), tone(palette::INK))
    };
    let text = RichText::new(if on { when_on } else { when_off }).size(14.0).strong().color(ink);
    let button = egui::Button::new(text).fill(fill).corner_radius(CornerRadius::same(8));
    ui.add_sized(vec2(ui.available_width(), 32.0), button).on_hover_text(explanation).clicked()
}

/// A box to tick, seen whether or not it is.
pub fn check(ui: &mut Ui, on: &mut bool, text: &str) -> Response {
    ui.scope(|ui| {
        let states = &mut ui.visuals_mut().widgets;
        for state in [&mut states.inactive, &mut states.hovered, &mut states.active] {
            (state.corner_radius, state.bg_stroke) =
                (CornerRadius::same(4), egui::Stroke::new(1.0, tone(palette::MUTED)));
            state.fg_stroke = egui::Stroke::new(2.0, tone(palette::MINT));
        }
        // FlatMaterial of its text, which the state's foreground would color as well.
        ui.checkbox(on, RichText::new(text).color(tone(palette::INK)))
    })
    .inner
}

/// A count in few characters: `950`, `12.3k`, `4.56M`.
pub fn count(value: f64) -> String {
    match value.abs() {
        size if size >= 1e6 => format!("{:.2}M", value / 1e6),
        size if size >= 1e4 => format!("{:.1}k", value / 1e3),
        size if size >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 1.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A measured value in few characters.
pub fn measure(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 1.0 => format!("{value:.2}"),
        size if size >= 0.001 => format!("{value:.4}"),
        _ => format!("{value:.1e}"),
    }
}
