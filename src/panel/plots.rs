//! Plots: every curve in large, beside those of earlier runs, to be looked into and taken along.

use std::path::{Path, PathBuf};

use bevy::ecs::system::SystemParam;
use bevy::prelude::*;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured};
use bevy_egui::{EguiContexts, egui};
use egui::{RichText, Ui, vec2};
use egui_plot::{Bar, BarChart, FilledArea, HoverPosition, Legend, Line, Plot, PlotPoints, VLine};

use super::earlier::Earlier;
use super::points::{running_mean, running_std};
use super::theme::{faded, tone};
use super::widgets::{count, list, measure, note};
use crate::agent::history::History;
use crate::agent::live::{Change, LiveLearner};
use crate::learner::checkpoint::replace_file;
use crate::view::palette::{self, Tone};
use crate::view::record::Pictures;
use crate::view::{Notice, Screen};

/// Names of two pictures that are no curves.
const HISTOGRAMS: [&str; 2] = ["replay/age", "replay/priority"];

/// Earlier runs that are shown at once, each in a color of its own.
const COLORS: [Tone; 5] = [palette::VIOLET, palette::SKY, palette::AMBER, palette::ROSE, palette::LIME];

/// Runs of the same world that were kept, oldest first.
#[derive(Resource, Debug, Clone, Default)]
pub struct EarlierRuns(pub Vec<PathBuf>);

/// Logical pixels that stay free around the window of curves, that its title takes, and that it needs.
const RIM: f32 = 8.0;
const TITLE: f32 = 44.0;
const LEAST: egui::Vec2 = vec2(400.0, 260.0);
/// A curve is at least so high, and scrolled to where there is less room.
const LEAST_HEIGHT: f32 = 150.0;

/// What the window shows.
#[derive(Resource, Debug, Clone)]
pub(super) struct Plots {
    /// Whether it is open.
    pub open: bool,
    shown: &'static str,
    smooth: usize,
    folder: String,
    earlier: Vec<Earlier>,
    /// What went wrong with an earlier run.
    pub problem: Option<String>,
}

impl Default for Plots {
    fn default() -> Self {
        Self {
            open: false,
            shown: "rollout/episode_return",
            smooth: 20,
            folder: String::new(),
            earlier: Vec::new(),
            problem: None,
        }
    }
}

/// What the window reads and does.
#[derive(SystemParam)]
pub(super) struct Desk<'w, 's> {
    commands: Commands<'w, 's>,
    plots: ResMut<'w, Plots>,
    history: Option<Res<'w, History>>,
    learner: Option<ResMut<'w, LiveLearner>>,
    earlier: Option<Res<'w, EarlierRuns>>,
    pictures: Res<'w, Pictures>,
    notice: ResMut<'w, Notice>,
    screen: Res<'w, Screen>,
}

pub(super) fn show(mut contexts: EguiContexts, mut desk: Desk) -> Result {
    let open = desk.plots.open;
    if let Some(learner) = &mut desk.learner {
        // Written only on change: nobody should be told of news that are none.
        let looks = open && HISTOGRAMS.contains(&desk.plots.shown);
        learner.bypass_change_detection().set_survey(looks);
    }
    if !open {
        return Ok(());
    }
    let context = contexts.ctx_mut()?;
    // Beside the panel where there is room, over it where there is none; never larger than the window.
    let whole = context.viewport_rect().shrink(RIM);
    let beside = whole.width() - desk.screen.right;
    let widest = if beside < LEAST.x { whole.width() } else { beside };
    let mut stays = true;
    let window = egui::Window::new("Curves").open(&mut stays).collapsible(false);
    window
        .default_pos(whole.min + vec2(20.0, 20.0))
        .default_size([(widest - 40.0).max(LEAST.x), whole.height() - 80.0])
        .max_size(whole.size() - vec2(0.0, TITLE))
        .constrain_to(whole)
        .show(context, |ui| {
            egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| desk.fill(ui));
        });
    desk.plots.open = stays;
    Ok(())
}

impl Desk<'_, '_> {
    fn fill(&mut self, ui: &mut Ui) {
        let Some(history) = &self.history else { return };
        let plots = &mut *self.plots;
        let names = history.series().map(|(name, _)| name).into_iter().chain(HISTOGRAMS);
        ui.horizontal_wrapped(|ui| {
            for name in names {
                ui.selectable_value(&mut plots.shown, name, RichText::new(name).small());
            }
        });
        let mut taken = [false; 2];
        ui.horizontal_wrapped(|ui| {
            ui.label(RichText::new("smoothed over").small());
            ui.spacing_mut().slider_width = 100.0;
            ui.add(egui::Slider::new(&mut plots.smooth, 1..=200).logarithmic(true));
            compare(ui, plots, self.earlier.as_deref());
            let csv = ui.button("CSV").on_hover_text("Every curve of this run as a table in a file.");
            let png = ui.button("PNG").on_hover_text("This picture as a file.");
            taken = [csv.clicked(), png.clicked()];
        });
        if let Some(problem) = &plots.problem {
            note(ui, problem, palette::ROSE, 3);
        }
        let changes = self.learner.as_deref().map_or(&[][..], LiveLearner::changes);
        let drawn = match plots.shown {
            name if HISTOGRAMS.contains(&name) => {
                let survey = self.learner.as_deref().and_then(|learner| learner.status().survey.clone());
                histogram(ui, name, survey.as_deref())
            }
            name => curve(ui, plots, name, history, changes),
        };
        if taken[0] {
            let said = self.pictures.file("curves", "csv").and_then(|path| {
                let written = replace_file(&path, table(history).as_bytes());
                written.map_err(|error| format!("{}: {error}", path.display()))?;
                Ok(format!("saved {}", path.display()))
            });
            self.notice.say(said.unwrap_or_else(|problem| problem));
        }
        if taken[1] {
            match self.pictures.file("curves", "png") {
                Ok(path) => {
                    let scale = ui.ctx().pixels_per_point();
                    let part = [drawn.min.x, drawn.min.y, drawn.width(), drawn.height()];
                    let part = part.map(|length| (length * scale).round().max(0.0) as u32);
                    self.commands.spawn(Screenshot::primary_window()).observe(
                        move |captured: On<ScreenshotCaptured>, mut notice: ResMut<Notice>| {
                            let said = save_part(&captured.image, part, &path);
                            notice.say(
                                said.map_or_else(|problem| problem, |()| format!("saved {}", path.display())),
                            );
                        },
                    );
                }
                Err(problem) => self.notice.say(problem),
            }
        }
    }
}

/// Which runs to compare with.
fn compare(ui: &mut Ui, plots: &mut Plots, earlier: Option<&EarlierRuns>) {
    let text = match &plots.earlier[..] {
        [] => "compare with …".to_owned(),
        [one] => one.name.clone(),
        several => format!("{} runs", several.len()),
    };
    let mut chosen = None;
    list("earlier", text, 150.0).show_ui(ui, |ui| {
        if ui.selectable_label(plots.earlier.is_empty(), "nothing").clicked() {
            plots.earlier.clear();
        }
        for folder in earlier.iter().flat_map(|earlier| earlier.0.iter().rev()) {
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            let shown = plots.earlier.iter().any(|earlier| earlier.folder == *folder);
            if ui.selectable_label(shown, name).clicked() {
                plots.earlier.retain(|earlier| earlier.folder != *folder);
                chosen = Some(folder.clone()).filter(|_| !shown);
            }
        }
    });
    let field = egui::TextEdit::singleline(&mut plots.folder).hint_text("or a run's folder, Enter");
    if ui.add(field.desired_width(150.0)).lost_focus() && !plots.folder.trim().is_empty() {
        chosen = Some(PathBuf::from(plots.folder.trim()));
    }
    if let Some(folder) = chosen {
        match Earlier::load(&folder) {
            Ok(earlier) => {
                plots.earlier.retain(|known| known.folder != earlier.folder);
                plots.earlier.push(earlier);
                let surplus = plots.earlier.len().saturating_sub(COLORS.len());
                plots.earlier.drain(..surplus);
                plots.problem = None;
            }
            Err(problem) => plots.problem = Some(problem),
        }
    }
}

fn curve(ui: &mut Ui, plots: &Plots, name: &str, history: &History, changes: &[Change]) -> egui::Rect {
    let series = history.series().into_iter().find(|(known, _)| *known == name);
    let points: Vec<[f64; 2]> = series.map_or(Vec::new(), |(_, series)| series.0.iter().copied().collect());
    let smooth = running_mean(&points, plots.smooth);
    let spread = running_std(&points, plots.smooth);
    let xs: Vec<f64> = smooth.iter().map(|point| point[0]).collect();
    let edge = |sign: f64| -> Vec<f64> {
        smooth.iter().zip(&spread).map(|(point, std)| point[1] + sign * std).collect()
    };
    let (low, high) = (edge(-1.0), edge(1.0));
    let shown = Plot::new("large")
        .height(ui.available_height().max(LEAST_HEIGHT))
        .legend(Legend::default())
        .label_formatter(|position| match position {
            HoverPosition::NearDataPoint { plot_name, position, .. } => {
                Some(format!("{plot_name}: {} at env step {:.0}", measure(position.y), position.x))
            }
            HoverPosition::Elsewhere { .. } => None,
        })
        .x_axis_label("env steps")
        .x_axis_formatter(|mark, _| count(mark.value))
        .y_axis_formatter(|mark, _| measure(mark.value))
        .show_background(false)
        .grid_color(faded(palette::INK, 0.14))
        .show(ui, |plot| {
            for change in changes {
                let line = VLine::new(change.what.as_str(), change.env_steps as f64);
                plot.vline(line.color(faded(palette::AMBER, 0.5)).width(1.0));
            }
            for (earlier, color) in plots.earlier.iter().zip(COLORS) {
                let line = Line::new(earlier.name.clone(), PlotPoints::from(earlier.curve(name)));
                plot.line(line.color(tone(color)).width(1.6));
            }
            if xs.len() > 1 {
                let band = FilledArea::new("± one standard deviation", &xs, &low, &high);
                plot.add(band.fill_color(faded(palette::MINT, 0.14)));
            }
            let line = Line::new(name.to_owned(), PlotPoints::from(smooth));
            plot.line(line.color(tone(palette::MINT)).width(1.8));
        });
    shown.response.rect
}

fn histogram(ui: &mut Ui, name: &str, survey: Option<&crate::agent::live::ReplayStats>) -> egui::Rect {
    let (text, bins) = match survey {
        None => ("Looking at replay …".to_owned(), &[][..]),
        Some(survey) if name == HISTOGRAMS[0] => (
            format!(
                "Share of what is learned from by its age: from just now, at the left, to {} transitions ago.",
                count(survey.oldest as f64)
            ),
            &survey.ages[..],
        ),
        Some(survey) if survey.priorities.is_empty() => {
            ("Replay is uniform: there are no priorities.".to_owned(), &[][..])
        }
        Some(survey) => (
            format!(
                "Transitions by their priority, on a logarithmic scale from {} to {}.",
                measure(survey.range[0].into()),
                measure(survey.range[1].into())
            ),
            &survey.priorities[..],
        ),
    };
    ui.label(RichText::new(text).small().color(tone(palette::MUTED)));
    let bars = bins.iter().enumerate();
    let bars = bars.map(|(index, share)| Bar::new(index as f64 + 0.5, f64::from(*share) * 100.0).width(0.94));
    let chart = BarChart::new(name.to_owned(), bars.collect()).color(tone(palette::SKY));
    let shown = Plot::new(name)
        .height(ui.available_height().max(LEAST_HEIGHT))
        .y_axis_label("%")
        .show_x(false)
        .show_axes([false, true])
        .show_background(false);
    shown.include_y(0.0).show(ui, |plot| plot.bar_chart(chart)).response.rect
}

/// Every curve as a table: a column for the name, one for environment steps, one for the value.
fn table(history: &History) -> String {
    let mut text = String::from("metric,env_steps,value\n");
    for (name, series) in history.series() {
        for [x, y] in &series.0 {
            text += &format!("{name},{x},{y}\n");
        }
    }
    text
}

/// Writes the wanted part of a picture of the window.
fn save_part(
    image: &bevy::image::Image,
    [left, top, width, height]: [u32; 4],
    path: &Path,
) -> Result<(), String> {
    let problem = |reason: String| format!("{}: {reason}", path.display());
    let picture = image.clone().try_into_dynamic().map_err(|error| problem(error.to_string()))?;
    let part = picture.crop_imm(left, top, width, height).to_rgb8();
    part.save(path).map_err(|error| problem(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_every_value() {
        let mut history = History::default();
        history.q.0.push_back([64.0, 0.5]);
        assert_eq!(table(&history), "metric,env_steps,value\ntrain/q,64,0.5\n");
    }
}
