//! Notices: what is said over the worlds, so that nothing moves to make room for it.

use bevy_egui::egui::{Align2, Context, Order, pos2, vec2};

use super::plate::Plate;
use super::theme::tone;
use crate::view::bindings::{Bindings, Command};
use crate::view::{Screen, palette};

/// Logical pixels that stay free at either side.
const MARGIN: f32 = 18.0;
/// Logical pixels above the first one, and between two.
const TOP: f32 = 12.0;
/// Logical pixels a notice is wide at most.
const WIDEST: f32 = 640.0;

/// Logical pixels between the window's left edge and the panel.
fn room(context: &Context, screen: &Screen) -> f32 {
    context.viewport_rect().width() - screen.right
}

/// Tells `text` at the upper edge, `below` what is there already.
pub(super) fn say(context: &Context, screen: &Screen, text: &str, below: f32) {
    let room = room(context, screen);
    let plate = Plate {
        id: "notice".into(),
        order: Order::Foreground,
        anchor: Align2::CENTER_TOP,
        at: pos2(room / 2.0, below + TOP),
        widest: (room - 2.0 * MARGIN).min(WIDEST),
        fill: tone(palette::SLATE),
        margin: vec2(12.0, 6.0),
        radius: 8.0,
    };
    plate.show(context, &[(text.to_owned(), 13.0, tone(palette::AMBER))]);
}

/// Says that time stands still, and how it goes on; `looking` says whether an earlier episode is shown. How far down that
/// reaches.
pub(super) fn standing(context: &Context, screen: &Screen, looking: bool, bindings: &Bindings) -> f32 {
    let text = match looking {
        true => format!("LOOKING BACK ({} leads back to now)", bindings.label(Command::Playback)),
        false => format!("PAUSED ({} goes on)", bindings.label(Command::Pause)),
    };
    let plate = Plate {
        id: "standing".into(),
        order: Order::Middle,
        anchor: Align2::LEFT_TOP,
        at: pos2(MARGIN, TOP),
        widest: room(context, screen) - 2.0 * MARGIN,
        fill: tone(palette::NIGHT).gamma_multiply(0.9),
        margin: vec2(10.0, 5.0),
        radius: 8.0,
    };
    plate.show(context, &[(text, 13.0, tone(palette::AMBER))]).bottom()
}

#[cfg(test)]
mod tests {
    use crate::panel::testing::{arcade, play};
    use crate::sim::pace::Pace;
    use crate::view::Notice;

    #[test]
    fn a_pause_is_seen_and_notices_need_as_much_room_as_their_text() {
        let mut glass = arcade("lava-room");
        play(&mut glass, 3);
        assert!(glass.find("PAUSED (Space goes on)").is_none());
        glass.app.world_mut().resource_mut::<Pace>().paused = true;
        let mut widths = Vec::new();
        let long = "in the panel: what both critics expect of every action";
        for text in [long, "no map", "x", long] {
            glass.app.world_mut().resource_mut::<Notice>().say(text.to_owned());
            glass.settle();
            widths.push(glass.find(text).unwrap().width());
        }
        assert!(glass.find("PAUSED (Space goes on)").is_some());
        assert!(widths[0] == widths[3] && widths[0] > 5.0 * widths[1], "{widths:?}");
    }
}
