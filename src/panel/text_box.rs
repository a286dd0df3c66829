//! Text box: a few lines of text over the stage, laid out in every frame from the text alone, so that earlier texts cannot
//! affect the layout.

use std::sync::Arc;

use bevy_egui::egui::text::{LayoutJob, TextFormat, TextWrapping};
use bevy_egui::egui::{
    Align, Align2, Color32, Context, FontId, Galley, Id, LayerId, Order, Pos2, Rect, Vec2, pos2, vec2,
};

/// Most rows that a line is wrapped into; a longer text is truncated.
const MAX_ROWS: usize = 4;

/// Position and style of a text box.
pub(super) struct TextBox {
    /// Id of its layer.
    pub id: Id,
    /// Order of its layer.
    pub order: Order,
    /// The corner or edge that is placed at `at`.
    pub anchor: Align2,
    /// Position in logical pixels.
    pub at: Pos2,
    /// Largest width including margins, in logical pixels.
    pub widest: f32,
    /// Background color.
    pub fill: Color32,
    /// Margins around the text in logical pixels.
    pub margin: Vec2,
    /// Corner radius in logical pixels.
    pub radius: f32,
}

/// A line: its text, font size in logical pixels, and color.
pub(super) type Line = (String, f32, Color32);

impl TextBox {
    /// Draws the box with `lines` and returns its rectangle.
    pub fn show(&self, context: &Context, lines: &[Line]) -> Rect {
        let room = (self.widest - 2.0 * self.margin.x).max(1.0);
        let galleys: Vec<Arc<Galley>> = lines.iter().map(|line| layout(context, line, room)).collect();
        let width = galleys.iter().fold(0.0f32, |width, galley| width.max(galley.size().x));
        let height: f32 = galleys.iter().map(|galley| galley.size().y).sum();
        let rect = self.anchor.anchor_size(self.at, vec2(width, height) + 2.0 * self.margin);
        let painter = context.layer_painter(LayerId::new(self.order, self.id));
        painter.rect_filled(rect, self.radius, self.fill);
        let centered = self.anchor.x() == Align::Center;
        let mut top = rect.top() + self.margin.y;
        for (galley, (.., color)) in galleys.into_iter().zip(lines) {
            let slack = if centered { (width - galley.size().x) / 2.0 } else { 0.0 };
            let position = pos2(rect.left() + self.margin.x + slack, top);
            top += galley.size().y;
            painter.galley(position, galley, *color);
        }
        rect
    }
}

fn layout(context: &Context, (text, size, color): &Line, room: f32) -> Arc<Galley> {
    let mut job = LayoutJob::single_section(
        text.clone(),
        TextFormat { font_id: FontId::proportional(*size), color: *color, ..TextFormat::default() },
    );
    job.wrap = TextWrapping { max_width: room, max_rows: MAX_ROWS, ..TextWrapping::default() };
    context.fonts_mut(|fonts| fonts.layout_job(job))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::panel::testing::UiHarness;

    /// Rectangles of boxes with `texts`, shown one after the other for some frames each.
    fn shown(widest: f32, texts: &[&str]) -> Vec<Rect> {
        let mut harness = UiHarness::blank(vec2(800.0, 600.0));
        let show = |text: &&str| {
            let mut rect = Rect::NOTHING;
            for _ in 0..3 {
                harness.page(|ui| {
                    let text_box = TextBox {
                        id: Id::new("notice"),
                        order: Order::Foreground,
                        anchor: Align2::CENTER_TOP,
                        at: pos2(300.0, 12.0),
                        widest,
                        fill: Color32::BLACK,
                        margin: vec2(12.0, 6.0),
                        radius: 8.0,
                    };
                    rect = text_box.show(ui.ctx(), &[((*text).to_owned(), 13.0, Color32::WHITE)]);
                });
            }
            rect
        };
        texts.iter().map(show).collect()
    }

    #[test]
    fn the_width_depends_only_on_the_current_text() {
        let long = "the panel shows both critics' values of every action";
        let alone = shown(560.0, &[long])[0];
        let path = format!("saved /home/user/{}.png", "x".repeat(500));
        let after = shown(560.0, &["no map", "x", long, &path, "no map", long]);
        assert_eq!([after[2], after[5]], [alone; 2]);
        assert_eq!(after[0], after[4]);
        assert!(alone.height() < 1.5 * after[0].height() && alone.width() > 3.0 * after[0].width());
        // Neither too wide nor more than a few rows high.
        assert!(after[3].width() <= 560.0 && after[3].height() < 100.0, "{:?}", after[3]);
        let narrow = shown(120.0, &[long, &path]);
        assert!(narrow.iter().all(|rect| rect.width() <= 120.0 && rect.height() < 100.0), "{narrow:?}");
    }
}
