//! Notices: messages over the stage, so that nothing moves to make room for them.

use bevy_egui::egui::{Align2, Context, Order, pos2, vec2};

use super::text_box::TextBox;
use super::theme::tone;
use crate::view::bindings::Bindings;
use crate::view::commands::KeyCommand;
use crate::view::{ScreenLayout, palette, time};

/// Margin on both sides in logical pixels.
const MARGIN: f32 = 18.0;
/// Space above a notice in logical pixels.
const TOP: f32 = 12.0;
/// Largest width of a toast in logical pixels.
const MAX_WIDTH: f32 = 640.0;

/// Width of the window without the panel in logical pixels.
fn free_width(context: &Context, screen: &ScreenLayout) -> f32 {
    context.viewport_rect().width() - screen.right
}

/// Shows `text` at the top of the stage, `top` logical pixels from the edge.
pub(super) fn show_toast(context: &Context, screen: &ScreenLayout, text: &str, top: f32) {
    let width = free_width(context, screen);
    let text_box = TextBox {
        id: "notice".into(),
        order: Order::Foreground,
        anchor: Align2::CENTER_TOP,
        at: pos2(width / 2.0, top + TOP),
        widest: (width - 2.0 * MARGIN).min(MAX_WIDTH),
        fill: tone(palette::SLATE),
        margin: vec2(12.0, 6.0),
        radius: 8.0,
    };
    text_box.show(context, &[(text.to_owned(), 13.0, tone(palette::AMBER))]);
}

/// Shows that the simulation is paused and how to resume it, or, during playback, that `back` closes it. Returns the lower
/// edge in logical pixels.
pub(super) fn show_paused(
    context: &Context,
    screen: &ScreenLayout,
    back: Option<KeyCommand>,
    bindings: &Bindings,
) -> f32 {
    let text = match back {
        Some(back) => format!("PLAYBACK ({} to close)", bindings.label(back)),
        None => format!("PAUSED ({} to resume)", bindings.label(time::PAUSE)),
    };
    let text_box = TextBox {
        id: "paused".into(),
        order: Order::Middle,
        anchor: Align2::LEFT_TOP,
        at: pos2(MARGIN, TOP),
        widest: free_width(context, screen) - 2.0 * MARGIN,
        fill: tone(palette::NIGHT).gamma_multiply(0.9),
        margin: vec2(10.0, 5.0),
        radius: 8.0,
    };
    text_box.show(context, &[(text, 13.0, tone(palette::AMBER))]).bottom()
}

#[cfg(test)]
mod tests {
    use crate::panel::testing::{arcade, run_steps};
    use crate::sim::pace::Pace;
    use crate::view::Toast;

    #[test]
    fn a_pause_is_shown_and_toasts_are_as_wide_as_their_text() {
        let mut harness = arcade("lava-room");
        run_steps(&mut harness, 3);
        assert!(harness.find("PAUSED (Space to resume)").is_none());
        harness.app.world_mut().resource_mut::<Pace>().paused = true;
        let mut widths = Vec::new();
        let long = "the panel shows both critics' values of every action";
        for text in [long, "no map", "x", long] {
            harness.app.world_mut().resource_mut::<Toast>().show(text.to_owned());
            harness.settle();
            widths.push(harness.find(text).unwrap().width());
        }
        assert!(harness.find("PAUSED (Space to resume)").is_some());
        assert!(widths[0] == widths[3] && widths[0] > 5.0 * widths[1], "{widths:?}");
    }
}
