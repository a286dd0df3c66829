//! Curves: what the learner and its episodes have measured so far, as small plots.

use bevy_egui::egui::{Align2, RichText, Sense, TextStyle, Ui, Vec2b, vec2};
use egui_plot::{Line, Plot, PlotPoint, PlotPoints, PlotResponse, VLine};

use super::points::{nearest, running_mean, thin};
use super::theme::{faded, tone};
use super::widgets::measure;
use crate::agent::history::{History, Series};
use crate::agent::live::Change;
use crate::view::palette::{self, Tone};

/// Height of a plot in logical pixels.
const HEIGHT: f32 = 52.0;
/// Pixels around the pointer in which a change of settings is told.
const NEAR: f32 = 4.0;

/// What stands on the horizontal axis.
const ENV_STEP: &str = "env step";

/// One curve of a plot.
struct Curve {
    name: &'static str,
    points: Vec<[f64; 2]>,
    color: Tone,
    /// Whether it is drawn faintly, behind what matters.
    faint: bool,
}

impl Curve {
    fn new(name: &'static str, series: &Series, color: Tone) -> Self {
        Self { name, points: thin(&series.0.iter().copied().collect::<Vec<_>>()), color, faint: false }
    }
}

/// Whether it gets better: the returns of episodes.
pub fn returns(ui: &mut Ui, history: &History, changes: &[Change]) {
    let returns: Vec<[f64; 2]> = history.episode_return.0.iter().copied().collect();
    // A tenth of what there is: long enough to be calm, short enough to follow.
    let window = (returns.len() / 10).clamp(5, 100);
    let smooth = Curve {
        name: "smoothed",
        points: thin(&running_mean(&returns, window)),
        color: palette::MINT,
        faint: false,
    };
    let raw = Curve { name: "episode return", points: thin(&returns), color: palette::MINT, faint: true };
    plot(
        ui,
        "Episode return",
        "Sum of rewards of one episode of a learning seat, without discount; bright: mean of recent episodes.",
        vec![raw, smooth],
        changes,
    );
}

/// All other plots.
pub fn show(ui: &mut Ui, history: &History, changes: &[Change]) {
    plot(
        ui,
        "Critic loss",
        "Sum of both critics' squared errors against their soft targets, in squared reward; it need not fall.",
        vec![Curve::new("critic loss", &history.critic_loss, palette::ROSE)],
        changes,
    );
    plot(
        ui,
        "Temperature",
        "Weight of entropy against reward, in reward per nat; learned so that entropy meets its target.",
        vec![Curve::new("temperature", &history.temperature, palette::AMBER)],
        changes,
    );
    plot(
        ui,
        "Entropy and its target",
        "How undecided the policy is, in nats: 0 is certain, ln(actions) is a coin toss; faint: the target.",
        vec![
            Curve { faint: true, ..Curve::new("target", &history.target_entropy, palette::INK) },
            Curve::new("entropy", &history.entropy, palette::VIOLET),
        ],
        changes,
    );
    plot(
        ui,
        "Gradient steps/s",
        "Updates of the networks per second of real time.",
        vec![Curve::new("gradient steps/s", &history.gradient_steps_per_second, palette::SKY)],
        changes,
    );
    plot(
        ui,
        "Environment steps/s",
        "Agent steps recorded per second of real time, over all arenas.",
        vec![Curve::new("env steps/s", &history.env_steps_per_second, palette::SKY)],
        changes,
    );
}

/// What was expected in the last episode of a slot, and what happened.
pub fn expected(ui: &mut Ui, slot: usize, expected: &[f32], happened: &[f32]) {
    let curve = |name, points: &[f32], color, faint| Curve {
        name,
        points: points.iter().enumerate().map(|(step, value)| [step as f64, f64::from(*value)]).collect(),
        color,
        faint,
    };
    ui.push_id(("expected", slot), |ui| {
        plot_over(
            ui,
            "step",
            "Expected, and what happened",
            "Step by step through the last episode: the return that was expected (bright) and the one that came (faint).",
            vec![
                curve("happened", happened, palette::INK, true),
                curve("expected", expected, palette::AMBER, false),
            ],
            &[],
        );
    });
}

fn plot(ui: &mut Ui, title: &str, explanation: &str, curves: Vec<Curve>, changes: &[Change]) {
    plot_over(ui, ENV_STEP, title, explanation, curves, changes);
}

fn plot_over(
    ui: &mut Ui,
    axis: &str,
    title: &str,
    explanation: &str,
    curves: Vec<Curve>,
    changes: &[Change],
) {
    let main = curves.last();
    let points = main.map_or(Vec::new(), |curve| curve.points.clone());
    let (name, color) = main.map_or(("", palette::INK), |curve| (curve.name, curve.color));
    let last = points.last().map_or_else(|| "–".into(), |point| measure(point[1]));
    ui.horizontal(|ui| {
        ui.label(RichText::new(title).small().color(tone(color))).on_hover_text(explanation);
        ui.label(RichText::new(last).small().monospace().color(tone(palette::INK)))
            .on_hover_text(explanation);
    });
    if points.len() < 2 {
        // As high as the plot that comes: nothing below moves away from under the mouse.
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::hover());
        let font = TextStyle::Small.resolve(ui.style());
        let (place, ink) = (rect.left_center(), tone(palette::MUTED));
        ui.painter().text(place, Align2::LEFT_CENTER, "nothing measured yet", font, ink);
        return;
    }
    // A plot of one value alone would take an axis of any width for it.
    let room = constant(&curves).map_or([None; 2], |value| {
        let room = 0.1 * value.abs().max(1.0);
        [Some(value - room), Some(value + room)]
    });
    let shown = room
        .into_iter()
        .flatten()
        .fold(Plot::new(title), Plot::include_y)
        .height(HEIGHT)
        .show_axes(Vec2b::new(false, true))
        .y_axis_min_width(34.0)
        .y_axis_formatter(|mark, _| measure(mark.value))
        .show_grid(Vec2b::new(false, true))
        .grid_spacing(22.0..=60.0)
        .grid_color(faded(palette::INK, 0.16))
        .set_margin_fraction(vec2(0.0, 0.12))
        .show_background(false)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_axis_zoom_drag(false)
        // Not where the pointer is, but what was measured there is told.
        .show_x(false)
        .show_y(false)
        .show(ui, |plot| {
            for change in changes {
                let line = VLine::new(change.what.as_str(), change.env_steps as f64);
                plot.vline(line.color(faded(palette::AMBER, 0.5)).width(1.0));
            }
            for curve in curves {
                let stroke = if curve.faint { faded(curve.color, 0.3) } else { tone(curve.color) };
                let width = if curve.faint { 1.0 } else { 1.6 };
                plot.line(Line::new(curve.name, PlotPoints::from(curve.points)).color(stroke).width(width));
            }
        });
    tell(ui, shown, (name, axis), &points, changes, color);
}

/// SnapshotHistory the point of a curve that the pointer is over, and tells its value and where it was measured.
fn tell<R>(
    ui: &Ui,
    shown: PlotResponse<R>,
    (name, axis): (&str, &str),
    points: &[[f64; 2]],
    changes: &[Change],
    color: Tone,
) {
    let Some(pointer) = shown.response.hover_pos() else { return };
    let Some([x, y]) = nearest(points, shown.transform.value_from_position(pointer).x) else { return };
    let place = shown.transform.position_from_point(&PlotPoint::new(x, y));
    ui.painter().with_clip_rect(shown.response.rect).circle_filled(place, 3.0, tone(color));
    let mut text = format!("{name}: {} at {axis} {x:.0}", measure(y));
    let at = |change: &&Change| shown.transform.position_from_point_x(change.env_steps as f64);
    for change in changes.iter().filter(|change| (at(change) - pointer.x).abs() < NEAR) {
        text += &format!("\nchanged here: {}", change.what);
    }
    shown.response.on_hover_text_at_pointer(text);
}

/// The one value of all points, if it is one.
fn constant(curves: &[Curve]) -> Option<f64> {
    let mut values = curves.iter().flat_map(|curve| &curve.points).map(|point| point[1]);
    let first = values.next()?;
    values.all(|value| (value - first).abs() <= 1e-9 * first.abs().max(1e-9)).then_some(first)
}

#[cfg(test)]
mod tests {
    use bevy_egui::egui::{Event, pos2};

    use super::*;
    use crate::panel::testing::Glass;

    #[test]
    fn a_series_of_one_value_is_known() {
        let curve = |points| Curve { name: "", points, color: palette::INK, faint: false };
        assert_eq!(constant(&[curve(vec![[0.0, -200.0], [1.0, -200.0]])]), Some(-200.0));
        assert_eq!(constant(&[curve(vec![[0.0, -200.0], [1.0, -199.0]])]), None);
        assert_eq!(constant(&[curve(vec![[0.0, 0.0]]), curve(vec![[0.0, 1.0]])]), None);
    }

    #[test]
    fn the_pointer_is_told_what_was_measured_below_it() {
        let points = [[0.0, 1.0], [100.0, 7.5], [200.0, 2.0]];
        let mut glass = Glass::blank(vec2(320.0, 200.0));
        let curve =
            || Curve { name: "critic loss", points: points.to_vec(), color: palette::INK, faint: false };
        let mut look = |at| {
            // Tooltips wait until the pointer rests.
            for frame in 0..10 {
                let events = if frame == 0 { vec![Event::PointerMoved(at)] } else { Vec::new() };
                glass.page_with(events, |ui| plot(ui, "Critic loss", "", vec![curve()], &[]));
            }
            glass.said()
        };
        // In the middle of the plot, far above the curve and far below it.
        for y in [28.0, 66.0] {
            let said = look(pos2(180.0, y));
            assert!(said.iter().any(|text| text == "critic loss: 7.50 at env step 100"), "{said:?}");
        }
        assert!(look(pos2(180.0, 190.0)).iter().all(|text| !text.contains("at env step")));
    }

    #[test]
    fn a_plot_takes_the_same_room_before_anything_is_measured() {
        let mut glass = Glass::blank(vec2(320.0, 200.0));
        let mut height = |points: usize| {
            let points = (0..points).map(|x| [x as f64, 0.5 * x as f64]).collect();
            let curve = Curve { name: "q", points, color: palette::INK, faint: false };
            let mut height = 0.0;
            glass.page(|ui| {
                plot(ui, "Q", "", vec![curve], &[]);
                height = ui.min_rect().height();
            });
            height
        };
        assert_eq!([height(0), height(1)], [height(40); 2]);
    }
}
