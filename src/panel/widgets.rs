//! Widgets: titles, cards, rows and values with tooltips, shared by all sections.

use bevy_egui::egui::{
    self, Align, Color32, CornerRadius, Frame, Layout, Margin, Response, RichText, Sense, Ui, vec2,
};

use super::names::capitalized;
use super::theme::{card, faded, tone};
use crate::metrics::{Metric, Unit};
use crate::view::palette::{self, Tone};

/// Name and summary of the world, and the legend of its symbols.
pub fn title(ui: &mut Ui, name: &str, summary: &str, legend: Option<&str>) {
    ui.horizontal(|ui| {
        ui.label(RichText::new(name).heading().strong().color(tone(palette::INK)));
    });
    ui.label(RichText::new(summary).small().color(tone(palette::MUTED)));
    if let Some(legend) = legend {
        ui.label(RichText::new(legend).small().color(tone(palette::SKY.mix(palette::MUTED, 0.5))));
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

/// A titled card that can be collapsed.
pub fn folding(ui: &mut Ui, title: &str, open: bool, content: impl FnOnce(&mut Ui)) {
    boxed(ui, |ui| {
        let title = RichText::new(title.to_uppercase()).small().strong().color(tone(palette::MUTED));
        egui::CollapsingHeader::new(title).default_open(open).show_unindented(ui, content);
    });
}

/// A card of the full width. Wider content is clipped, so that the panel does not grow.
fn boxed(ui: &mut Ui, content: impl FnOnce(&mut Ui)) {
    let width = ui.available_width();
    let area = egui::Rect::from_min_size(ui.cursor().min, vec2(width, ui.available_height().max(1.0)));
    let mut inner = ui.new_child(egui::UiBuilder::new().max_rect(area).layout(Layout::top_down(Align::Min)));
    let clip = ui.clip_rect();
    inner.set_clip_rect(egui::Rect::from_x_y_ranges(area.x_range(), clip.y_range()).intersect(clip));
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

/// One line: a name, a value at the right edge, and a tooltip.
pub fn labeled_value(ui: &mut Ui, name: &str, value: impl Into<String>, explanation: &str) {
    row(ui, name, explanation, |ui| value_label(ui, &value.into(), explanation));
}

/// A value with a tooltip.
pub fn value_label(ui: &mut Ui, value: &str, explanation: &str) {
    ui.label(RichText::new(value).monospace().color(tone(palette::INK))).on_hover_text(explanation);
}

/// One line: a name at the left, any content at the right, and a tooltip. The name is truncated if the content needs the
/// room.
pub fn row(ui: &mut Ui, name: &str, explanation: &str, content: impl FnOnce(&mut Ui)) {
    ui.horizontal(|ui| {
        // No higher than the line, so that widgets and text are aligned.
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

/// A message of at most `rows` lines, with its full text as the tooltip.
pub fn note(ui: &mut Ui, text: &str, color: Tone, rows: usize) {
    let font = egui::TextStyle::Small.resolve(ui.style());
    let mut job = egui::text::LayoutJob::simple(text.to_owned(), font, tone(color), ui.available_width());
    job.wrap.max_rows = rows;
    let galley = ui.fonts_mut(|fonts| fonts.layout_job(job));
    ui.label(galley).on_hover_text(text);
}

/// A drop-down list of a fixed `width`.
pub fn list(salt: impl egui::AsIdSalt, chosen: impl Into<egui::WidgetText>, width: f32) -> egui::ComboBox {
    egui::ComboBox::from_id_salt(salt).selected_text(chosen).width(width).truncate()
}

/// A bar filled to `share`, [0, 1].
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

/// A key cap.
pub fn key(ui: &mut Ui, name: &str) {
    Frame::new()
        .fill(tone(palette::SLATE.mix(palette::WALL, 0.5)))
        .corner_radius(CornerRadius::same(4))
        .inner_margin(Margin::symmetric(5, 1))
        .show(ui, |ui| {
            // No line break within the name.
            ui.add(egui::Label::new(RichText::new(name).small().strong().color(tone(palette::INK))).extend());
        });
}

/// Tooltip of a metric: its help and unit as a sentence.
pub fn metric_help(metric: Metric) -> String {
    let unit = match metric.unit {
        // The help already says it.
        Unit::Plain | Unit::Count | Unit::PerSecond => String::new(),
        Unit::Fraction | Unit::PerAction => format!("; {}", metric.unit.name()),
        unit => format!("; in {}", unit.name()),
    };
    format!("{}{unit}.", capitalized(metric.help))
}

/// A small colored pill with text.
pub fn chip(ui: &mut Ui, text: &str, color: Tone) -> Response {
    Frame::new()
        .fill(faded(color, 0.18))
        .corner_radius(CornerRadius::same(8))
        .inner_margin(Margin::symmetric(8, 2))
        // No line break within the text.
        .show(ui, |ui| {
            let text = RichText::new(text).small().strong().color(tone(color));
            ui.add(egui::Label::new(text).extend())
        })
        .response
}

/// A wide two-state button; returns whether it was clicked.
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

/// A check box with a visible outline.
pub fn check(ui: &mut Ui, on: &mut bool, text: &str) -> Response {
    ui.scope(|ui| {
        let states = &mut ui.visuals_mut().widgets;
        for state in [&mut states.inactive, &mut states.hovered, &mut states.active] {
            (state.corner_radius, state.bg_stroke) =
                (CornerRadius::same(4), egui::Stroke::new(1.0, tone(palette::MUTED)));
            state.fg_stroke = egui::Stroke::new(2.0, tone(palette::MINT));
        }
        // Otherwise the text takes the color of the check mark.
        ui.checkbox(on, RichText::new(text).color(tone(palette::INK)))
    })
    .inner
}

/// A count in a few characters: `950`, `12.3k`, `4.56M`.
pub fn count(value: f64) -> String {
    match value.abs() {
        size if size >= 1e6 => format!("{:.2}M", value / 1e6),
        size if size >= 1e4 => format!("{:.1}k", value / 1e3),
        size if size >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 1.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A measured value in a few characters.
pub fn measure(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 1.0 => format!("{value:.2}"),
        size if size >= 0.001 => format!("{value:.4}"),
        _ => format!("{value:.1e}"),
    }
}
