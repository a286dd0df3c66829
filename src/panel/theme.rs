//! Theme: egui styled with the arcade's palette.

use bevy::prelude::{Local, Result};
use bevy_egui::{EguiContexts, egui};
use egui::{Color32, CornerRadius, FontFamily, FontId, Stroke, TextStyle};

use crate::view::palette::{self, Tone};

/// A palette color for egui.
pub fn tone(tone: Tone) -> Color32 {
    let Tone(red, green, blue) = tone.seen();
    Color32::from_rgb(red, green, blue)
}

/// A palette color with opacity `alpha`, [0, 1].
pub fn faded(tone: Tone, alpha: f32) -> Color32 {
    let Tone(red, green, blue) = tone.seen();
    Color32::from_rgba_unmultiplied(red, green, blue, (alpha * 255.0) as u8)
}

/// Background of the panel's cards.
pub fn card() -> Color32 {
    tone(palette::SLATE.mix(palette::WALL, 0.16))
}

/// Styles the context, once.
pub(super) fn apply(mut contexts: EguiContexts, mut applied: Local<bool>) -> Result {
    if *applied {
        return Ok(());
    }
    style(contexts.ctx_mut()?);
    *applied = true;
    Ok(())
}

/// Applies the arcade's style to `context`.
pub(super) fn style(context: &egui::Context) {
    // Ctrl with plus, minus and 0 scales the whole interface, which `view` does.
    context.options_mut(|options| options.zoom_with_keyboard = false);
    context.set_theme(egui::Theme::Dark);
    context.all_styles_mut(|style| {
        style.visuals = visuals();
        for (name, size) in [
            (TextStyle::Small, 11.0),
            (TextStyle::Body, 13.0),
            (TextStyle::Button, 13.0),
            (TextStyle::Heading, 18.0),
        ] {
            style.text_styles.insert(name, FontId::new(size, FontFamily::Proportional));
        }
        style.text_styles.insert(TextStyle::Monospace, FontId::new(12.0, FontFamily::Monospace));
        let spacing = &mut style.spacing;
        spacing.item_spacing = egui::vec2(8.0, 4.0);
        spacing.button_padding = egui::vec2(9.0, 4.0);
        spacing.slider_width = 150.0;
        spacing.interact_size.y = 18.0;
        style.interaction.tooltip_delay = 0.25;
    });
}

fn visuals() -> egui::Visuals {
    let mut visuals = egui::Visuals::dark();
    let ink = tone(palette::INK);
    let quiet = palette::SLATE.mix(palette::WALL, 0.45);
    let radius = CornerRadius::same(6);
    visuals.panel_fill = tone(palette::SLATE);
    visuals.window_fill = tone(palette::SLATE.mix(palette::WALL, 0.25));
    visuals.window_stroke = Stroke::new(1.0, tone(palette::WALL));
    visuals.window_corner_radius = CornerRadius::same(10);
    visuals.menu_corner_radius = CornerRadius::same(8);
    visuals.extreme_bg_color = tone(palette::NIGHT);
    visuals.faint_bg_color = card();
    visuals.hyperlink_color = tone(palette::SKY);
    visuals.warn_fg_color = tone(palette::AMBER);
    visuals.error_fg_color = tone(palette::ROSE);
    visuals.weak_text_color = Some(tone(palette::MUTED));
    visuals.selection.bg_fill = tone(palette::MINT.mix(palette::NIGHT, 0.6));
    visuals.selection.stroke = Stroke::new(1.0, ink);
    visuals.slider_trailing_fill = true;
    visuals.handle_shape = egui::style::HandleShape::Circle;
    visuals.interact_cursor = Some(egui::CursorIcon::PointingHand);
    for (widget, fill, line) in [
        (&mut visuals.widgets.noninteractive, card(), palette::INK.mix(palette::MUTED, 0.25)),
        (&mut visuals.widgets.inactive, tone(quiet), palette::INK),
        (&mut visuals.widgets.hovered, tone(quiet.mix(palette::INK, 0.1)), palette::INK),
        (&mut visuals.widgets.active, tone(quiet.mix(palette::INK, 0.2)), palette::INK),
        (&mut visuals.widgets.open, tone(quiet), palette::INK),
    ] {
        widget.bg_fill = fill;
        widget.weak_bg_fill = fill;
        widget.bg_stroke = Stroke::NONE;
        widget.fg_stroke = Stroke::new(1.0, tone(line));
        widget.corner_radius = radius;
        widget.expansion = 0.0;
    }
    visuals.widgets.noninteractive.bg_stroke = Stroke::new(1.0, tone(quiet));
    visuals
}
