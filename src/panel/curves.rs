//! Curves: what the learner and its episodes have measured so far, as small plots.

use bevy_egui::egui::{RichText, Ui, Vec2b, vec2};
use egui_plot::{HoverPosition, Line, Plot, PlotPoints, VLine};

use super::theme::{faded, tone};
use super::widgets::measure;
use crate::agent::history::{History, Series};
use crate::agent::live::Change;
use crate::view::palette::{self, Tone};

/// Points a curve is drawn with: about one for every pixel, no more.
const POINTS: usize = 260;

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
        plot(
            ui,
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
    let main = curves.last();
    let last =
        main.and_then(|curve| curve.points.last()).map_or_else(|| "–".into(), |point| measure(point[1]));
    let color = main.map_or(palette::INK, |curve| curve.color);
    ui.horizontal(|ui| {
        ui.label(RichText::new(title).small().color(tone(color))).on_hover_text(explanation);
        ui.label(RichText::new(last).small().monospace().color(tone(palette::INK)))
            .on_hover_text(explanation);
    });
    if main.is_none_or(|curve| curve.points.len() < 2) {
        ui.label(RichText::new("nothing measured yet").small().color(tone(palette::MUTED)));
        return;
    }
    // A plot of one value alone would take an axis of any width for it.
    let room = constant(&curves).map_or([None; 2], |value| {
        let room = 0.1 * value.abs().max(1.0);
        [Some(value - room), Some(value + room)]
    });
    let hover = |position: &HoverPosition<'_>| {
        let (HoverPosition::NearDataPoint { position, .. } | HoverPosition::Elsewhere { position }) =
            position;
        Some(format!("{} at env step {:.0}", measure(position.y), position.x))
    };
    room.into_iter()
        .flatten()
        .fold(Plot::new(title), Plot::include_y)
        .height(52.0)
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
        .label_formatter(hover)
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
}

/// The one value of all points, if it is one.
fn constant(curves: &[Curve]) -> Option<f64> {
    let mut values = curves.iter().flat_map(|curve| &curve.points).map(|point| point[1]);
    let first = values.next()?;
    values.all(|value| (value - first).abs() <= 1e-9 * first.abs().max(1e-9)).then_some(first)
}

/// Means of equally long stretches, so that at most [`POINTS`] remain.
fn thin(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let stretch = points.len().div_ceil(POINTS).max(1);
    points
        .chunks(stretch)
        .map(|chunk| {
            let sum = chunk.iter().fold([0.0, 0.0], |sum, point| [sum[0] + point[0], sum[1] + point[1]]);
            sum.map(|sum| sum / chunk.len() as f64)
        })
        .collect()
}

/// The mean of every point and up to `window − 1` before it.
pub(super) fn running_mean(points: &[[f64; 2]], window: usize) -> Vec<[f64; 2]> {
    let mut sum = 0.0;
    points
        .iter()
        .enumerate()
        .map(|(index, [x, y])| {
            sum += y;
            if index >= window {
                sum -= points[index - window][1];
            }
            [*x, sum / (index + 1).min(window) as f64]
        })
        .collect()
}

/// The standard deviation of every point and up to `window − 1` before it.
pub(super) fn running_std(points: &[[f64; 2]], window: usize) -> Vec<f64> {
    let squares: Vec<[f64; 2]> = points.iter().map(|[x, y]| [*x, y * y]).collect();
    let means = running_mean(points, window);
    let of = |(mean, square): (&[f64; 2], &[f64; 2])| (square[1] - mean[1] * mean[1]).max(0.0).sqrt();
    means.iter().zip(&running_mean(&squares, window)).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_means_and_smoothing_trails() {
        let points: Vec<[f64; 2]> = (0..1000).map(|index| [f64::from(index), 2.0]).collect();
        let thin = thin(&points);
        assert!(thin.len() <= POINTS && thin.iter().all(|point| point[1] == 2.0));
        let mean = running_mean(&[[0.0, 1.0], [1.0, 3.0], [2.0, 5.0]], 2);
        assert_eq!(mean, [[0.0, 1.0], [1.0, 2.0], [2.0, 4.0]]);
        assert_eq!(running_std(&[[0.0, 1.0], [1.0, 3.0], [2.0, 5.0]], 2), [0.0, 1.0, 1.0]);
    }

    #[test]
    fn a_series_of_one_value_is_known() {
        let curve = |points| Curve { name: "", points, color: palette::INK, faint: false };
        assert_eq!(constant(&[curve(vec![[0.0, -200.0], [1.0, -200.0]])]), Some(-200.0));
        assert_eq!(constant(&[curve(vec![[0.0, -200.0], [1.0, -199.0]])]), None);
        assert_eq!(constant(&[curve(vec![[0.0, 0.0]]), curve(vec![[0.0, 1.0]])]), None);
    }
}
