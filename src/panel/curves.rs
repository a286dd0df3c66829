//! Curves: metrics of the learner and its episodes as small plots.

use bevy_egui::egui::{Align2, RichText, Sense, TextStyle, Ui, Vec2b, vec2};
use egui_plot::{Line, Plot, PlotPoint, PlotPoints, PlotResponse, VLine};

use super::names::capitalized;
use super::points::{downsample, nearest, running_mean};
use super::theme::{faded, tone};
use super::widgets::{measure, metric_help};
use crate::agent::history::History;
use crate::agent::live::Change;
use crate::algo::report::{CRITIC_LOSS, ENTROPY, TARGET_ENTROPY, TEMPERATURE};
use crate::metrics::Metric;
use crate::metrics::run::{ENV_STEPS_PER_SECOND, EPISODE_RETURN, GRADIENT_STEPS_PER_SECOND};
use crate::view::palette::{self, Tone};

/// Height of a plot in logical pixels.
const HEIGHT: f32 = 52.0;
/// Distance of the pointer, in pixels, within which the tooltip mentions a change of settings.
const NEAR: f32 = 4.0;

/// Quantity on the horizontal axis.
const ENV_STEP: &str = "env step";

/// One curve of a plot.
struct Curve {
    name: &'static str,
    points: Vec<[f64; 2]>,
    color: Tone,
    /// Whether it is drawn faintly, in the background.
    faint: bool,
}

impl Curve {
    fn of(metric: Metric, history: &History, color: Tone) -> Self {
        let points: Vec<_> = history.curve(metric).0.iter().copied().collect();
        Self { name: metric.label, points: downsample(&points), color, faint: false }
    }
}

/// Returns of episodes.
pub fn returns(ui: &mut Ui, history: &History, changes: &[Change]) {
    let returns: Vec<[f64; 2]> = history.curve(EPISODE_RETURN).0.iter().copied().collect();
    // A tenth of the episodes: smooth, but still follows changes.
    let window = (returns.len() / 10).clamp(5, 100);
    let smooth = Curve {
        name: "smoothed",
        points: downsample(&running_mean(&returns, window)),
        color: palette::MINT,
        faint: false,
    };
    let raw =
        Curve { name: EPISODE_RETURN.label, points: downsample(&returns), color: palette::MINT, faint: true };
    plot(
        ui,
        "Episode return",
        &format!("{} Bright: running mean.", metric_help(EPISODE_RETURN)),
        vec![raw, smooth],
        changes,
    );
}

/// All other plots.
pub fn show(ui: &mut Ui, history: &History, changes: &[Change]) {
    let single = |ui: &mut Ui, metric: Metric, color: Tone| {
        let curves = vec![Curve::of(metric, history, color)];
        plot(ui, &capitalized(metric.label), &metric_help(metric), curves, changes);
    };
    single(ui, CRITIC_LOSS, palette::ROSE);
    single(ui, TEMPERATURE, palette::AMBER);
    plot(
        ui,
        "Entropy and its target",
        &format!("{} Faint: the target.", metric_help(ENTROPY)),
        vec![
            Curve { faint: true, ..Curve::of(TARGET_ENTROPY, history, palette::INK) },
            Curve::of(ENTROPY, history, palette::VIOLET),
        ],
        changes,
    );
    single(ui, GRADIENT_STEPS_PER_SECOND, palette::SKY);
    single(ui, ENV_STEPS_PER_SECOND, palette::SKY);
}

/// Predicted and actual returns of every step of a slot's last episode.
pub fn predicted_vs_actual(ui: &mut Ui, slot: usize, predicted: &[f32], actual: &[f32]) {
    let curve = |name, points: &[f32], color, faint| Curve {
        name,
        points: points.iter().enumerate().map(|(step, value)| [step as f64, f64::from(*value)]).collect(),
        color,
        faint,
    };
    ui.push_id(("predicted", slot), |ui| {
        plot_over(
            ui,
            "step",
            "Predicted and actual return",
            "For every step of the last episode: the return the critics predicted (bright) and the actual discounted return (faint).",
            vec![
                curve("actual", actual, palette::INK, true),
                curve("predicted", predicted, palette::AMBER, false),
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
        // As high as the plot, so that nothing below moves when it appears.
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::hover());
        let font = TextStyle::Small.resolve(ui.style());
        let (position, ink) = (rect.left_center(), tone(palette::MUTED));
        ui.painter().text(position, Align2::LEFT_CENTER, "no data yet", font, ink);
        return;
    }
    // Without a range, the axis of a constant series is arbitrary.
    let range = constant(&curves).map_or([None; 2], |value| {
        let margin = 0.1 * value.abs().max(1.0);
        [Some(value - margin), Some(value + margin)]
    });
    let shown = range
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
        // The tooltip shows the nearest point, not the pointer's position.
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
    tooltip(ui, shown, (name, axis), &points, changes, color);
}

/// Marks the point of the curve nearest to the pointer, and shows its value and position.
fn tooltip<R>(
    ui: &Ui,
    shown: PlotResponse<R>,
    (name, axis): (&str, &str),
    points: &[[f64; 2]],
    changes: &[Change],
    color: Tone,
) {
    let Some(pointer) = shown.response.hover_pos() else { return };
    let Some([x, y]) = nearest(points, shown.transform.value_from_position(pointer).x) else { return };
    let position = shown.transform.position_from_point(&PlotPoint::new(x, y));
    ui.painter().with_clip_rect(shown.response.rect).circle_filled(position, 3.0, tone(color));
    let mut text = format!("{name}: {} at {axis} {x:.0}", measure(y));
    let marker = |change: &&Change| shown.transform.position_from_point_x(change.env_steps as f64);
    for change in changes.iter().filter(|change| (marker(change) - pointer.x).abs() < NEAR) {
        text += &format!("\nchanged here: {}", change.what);
    }
    shown.response.on_hover_text_at_pointer(text);
}

/// The value of all points, if they are equal.
fn constant(curves: &[Curve]) -> Option<f64> {
    let mut values = curves.iter().flat_map(|curve| &curve.points).map(|point| point[1]);
    let first = values.next()?;
    values.all(|value| (value - first).abs() <= 1e-9 * first.abs().max(1e-9)).then_some(first)
}

#[cfg(test)]
mod tests {
    use bevy_egui::egui::{Event, pos2};

    use super::*;
    use crate::panel::testing::UiHarness;

    #[test]
    fn a_constant_series_is_detected() {
        let curve = |points| Curve { name: "", points, color: palette::INK, faint: false };
        assert_eq!(constant(&[curve(vec![[0.0, -200.0], [1.0, -200.0]])]), Some(-200.0));
        assert_eq!(constant(&[curve(vec![[0.0, -200.0], [1.0, -199.0]])]), None);
        assert_eq!(constant(&[curve(vec![[0.0, 0.0]]), curve(vec![[0.0, 1.0]])]), None);
    }

    #[test]
    fn the_tooltip_shows_the_point_below_the_pointer() {
        let points = [[0.0, 1.0], [100.0, 7.5], [200.0, 2.0]];
        let mut harness = UiHarness::blank(vec2(320.0, 200.0));
        let curve =
            || Curve { name: "critic loss", points: points.to_vec(), color: palette::INK, faint: false };
        let mut hover = |at| {
            // Tooltips wait until the pointer rests.
            for frame in 0..10 {
                let events = if frame == 0 { vec![Event::PointerMoved(at)] } else { Vec::new() };
                harness.page_with(events, |ui| plot(ui, "Critic loss", "", vec![curve()], &[]));
            }
            harness.visible_texts()
        };
        // In the middle of the plot, far above the curve and far below it.
        for y in [28.0, 66.0] {
            let texts = hover(pos2(180.0, y));
            assert!(texts.iter().any(|text| text == "critic loss: 7.50 at env step 100"), "{texts:?}");
        }
        assert!(hover(pos2(180.0, 190.0)).iter().all(|text| !text.contains("at env step")));
    }

    #[test]
    fn a_plot_is_as_high_before_the_first_measurement() {
        let mut harness = UiHarness::blank(vec2(320.0, 200.0));
        let mut height = |points: usize| {
            let points = (0..points).map(|x| [x as f64, 0.5 * x as f64]).collect();
            let curve = Curve { name: "q", points, color: palette::INK, faint: false };
            let mut height = 0.0;
            harness.page(|ui| {
                plot(ui, "Q", "", vec![curve], &[]);
                height = ui.min_rect().height();
            });
            height
        };
        assert_eq!([height(0), height(1)], [height(40); 2]);
    }
}
