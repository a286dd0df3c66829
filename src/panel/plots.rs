//! Plots: a window with every curve in large, those of earlier runs, and export of figures and tables.

use std::path::{Path, PathBuf};

use bevy::ecs::system::SystemParam;
use bevy::prelude::*;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured};
use bevy_egui::{EguiContexts, egui};
use egui::{RichText, Ui, vec2};
use egui_plot::{Bar, BarChart, FilledArea, HoverPosition, Legend, Line, Plot, PlotPoints, VLine};

use super::earlier_run::EarlierRun;
use super::points::{running_mean, running_std};
use super::theme::{faded, tone};
use super::widgets::{count, list, measure, metric_help, note};
use crate::agent::history::History;
use crate::agent::live::{Change, LiveLearner};
use crate::learner::checkpoint::replace_file;
use crate::learner::metrics::find;
use crate::metrics::run::EPISODE_RETURN;
use crate::view::palette::{self, Tone};
use crate::view::record::ScreenshotFolder;
use crate::view::{ScreenLayout, Toast};

/// Names of the two histograms.
const HISTOGRAMS: &[&str] = &["replay/age", "replay/priority"];

/// Colors of the earlier runs; no more runs are shown at once.
const COLORS: &[Tone] = &[palette::VIOLET, palette::SKY, palette::AMBER, palette::ROSE, palette::LIME];

/// Folders of saved runs of the same world, oldest first.
#[derive(Resource, Debug, Clone, Default)]
pub struct EarlierRuns(pub Vec<PathBuf>);

/// Margin around the window, height of its title bar, and its smallest size, in logical pixels.
const MARGIN: f32 = 8.0;
const TITLE_HEIGHT: f32 = 44.0;
const MIN_SIZE: egui::Vec2 = vec2(400.0, 260.0);
/// Smallest height of a plot in logical pixels; the window scrolls if there is less room.
const MIN_HEIGHT: f32 = 150.0;

/// State of the window.
#[derive(Resource, Debug, Clone)]
pub(super) struct Plots {
    /// Whether it is open.
    pub open: bool,
    shown: String,
    smooth: usize,
    folder: String,
    earlier: Vec<EarlierRun>,
    /// Why an earlier run could not be loaded.
    pub problem: Option<String>,
}

impl Default for Plots {
    fn default() -> Self {
        Self {
            open: false,
            shown: EPISODE_RETURN.key.to_owned(),
            smooth: 20,
            folder: String::new(),
            earlier: Vec::new(),
            problem: None,
        }
    }
}

/// What the window reads and writes.
#[derive(SystemParam)]
pub(super) struct PlotWindow<'w, 's> {
    commands: Commands<'w, 's>,
    plots: ResMut<'w, Plots>,
    history: Option<Res<'w, History>>,
    learner: Option<ResMut<'w, LiveLearner>>,
    earlier: Option<Res<'w, EarlierRuns>>,
    pictures: Res<'w, ScreenshotFolder>,
    toast: ResMut<'w, Toast>,
    screen: Res<'w, ScreenLayout>,
}

pub(super) fn show(mut contexts: EguiContexts, mut window: PlotWindow) -> Result {
    let mut open = window.plots.open;
    if let Some(learner) = &mut window.learner {
        // Does not count as a change of the learner.
        let wanted = open && HISTOGRAMS.contains(&&*window.plots.shown);
        learner.bypass_change_detection().set_survey(wanted);
    }
    if !open {
        return Ok(());
    }
    let context = contexts.ctx_mut()?;
    // Beside the panel if there is room, otherwise over it.
    let whole = context.viewport_rect().shrink(MARGIN);
    let beside = whole.width() - window.screen.right;
    let widest = if beside < MIN_SIZE.x { whole.width() } else { beside };
    egui::Window::new("Curves")
        .open(&mut open)
        .collapsible(false)
        .default_pos(whole.min + vec2(20.0, 20.0))
        .default_size([(widest - 40.0).max(MIN_SIZE.x), whole.height() - 80.0])
        .max_size(whole.size() - vec2(0.0, TITLE_HEIGHT))
        .constrain_to(whole)
        .show(context, |ui| {
            egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| window.fill(ui));
        });
    window.plots.open = open;
    Ok(())
}

impl PlotWindow<'_, '_> {
    fn fill(&mut self, ui: &mut Ui) {
        let Some(history) = &self.history else { return };
        let plots = &mut *self.plots;
        let names = history.curves().map(|(name, _)| name).chain(HISTOGRAMS.iter().copied());
        ui.horizontal_wrapped(|ui| {
            for name in names {
                let label = ui.selectable_label(plots.shown == name, RichText::new(name).small());
                let label = match find(name) {
                    Some(metric) => label.on_hover_text(metric_help(*metric)),
                    None => label,
                };
                if label.clicked() {
                    name.clone_into(&mut plots.shown);
                }
            }
        });
        let mut clicked = [false; 2];
        ui.horizontal_wrapped(|ui| {
            ui.label(RichText::new("smoothing window").small());
            ui.spacing_mut().slider_width = 100.0;
            ui.add(egui::Slider::new(&mut plots.smooth, 1..=200).logarithmic(true));
            compare(ui, plots, self.earlier.as_deref());
            let csv = ui.button("CSV").on_hover_text("Saves all curves of this run as a table.");
            let png = ui.button("PNG").on_hover_text("Saves this plot as an image.");
            clicked = [csv.clicked(), png.clicked()];
        });
        if let Some(problem) = &plots.problem {
            note(ui, problem, palette::ROSE, 3);
        }
        let changes = self.learner.as_deref().map_or(&[][..], LiveLearner::changes);
        let drawn = match &*plots.shown {
            name if HISTOGRAMS.contains(&name) => {
                let survey = self.learner.as_deref().and_then(|learner| learner.status().survey.clone());
                histogram(ui, name, survey.as_ref())
            }
            name => curve(ui, plots, name, history, changes),
        };
        if clicked[0] {
            let result = self.pictures.file("curves", "csv").and_then(|path| {
                let written = replace_file(&path, table(history).as_bytes());
                written.map_err(|error| format!("{}: {error}", path.display()))?;
                Ok(format!("saved {}", path.display()))
            });
            self.toast.show(result.unwrap_or_else(|problem| problem));
        }
        if clicked[1] {
            match self.pictures.file("curves", "png") {
                Ok(path) => {
                    let scale = ui.ctx().pixels_per_point();
                    let part = [drawn.min.x, drawn.min.y, drawn.width(), drawn.height()];
                    let part = part.map(|length| (length * scale).round().max(0.0) as u32);
                    self.commands.spawn(Screenshot::primary_window()).observe(
                        move |captured: On<ScreenshotCaptured>, mut toast: ResMut<Toast>| {
                            let result = save_part(&captured.image, part, &path);
                            toast.show(
                                result
                                    .map_or_else(|problem| problem, |()| format!("saved {}", path.display())),
                            );
                        },
                    );
                }
                Err(problem) => self.toast.show(problem),
            }
        }
    }
}

/// Choice of the runs to compare with.
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
    let field = egui::TextEdit::singleline(&mut plots.folder).hint_text("or the folder of a run");
    if ui.add(field.desired_width(150.0)).lost_focus() && !plots.folder.trim().is_empty() {
        chosen = Some(PathBuf::from(plots.folder.trim()));
    }
    if let Some(folder) = chosen {
        match EarlierRun::load(&folder) {
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
    let series = history.curves().find(|(known, _)| *known == name);
    let points: Vec<[f64; 2]> = series.map_or(Vec::new(), |(_, series)| series.0.iter().copied().collect());
    let smooth = running_mean(&points, plots.smooth);
    let spread = running_std(&points, plots.smooth);
    let xs: Vec<f64> = smooth.iter().map(|point| point[0]).collect();
    let edge = |sign: f64| -> Vec<f64> {
        smooth.iter().zip(&spread).map(|(point, std)| point[1] + sign * std).collect()
    };
    let (low, high) = (edge(-1.0), edge(1.0));
    let shown = Plot::new("large")
        .height(ui.available_height().max(MIN_HEIGHT))
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
                plot.line(line.color(tone(*color)).width(1.6));
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
        None => ("Reading the replay buffer …".to_owned(), &[][..]),
        Some(survey) if name == HISTOGRAMS[0] => (
            format!(
                "Share of sampled transitions by age: from the newest, at the left, to {} transitions ago.",
                count(survey.oldest as f64)
            ),
            &survey.ages[..],
        ),
        Some(survey) if survey.priorities.is_empty() => {
            ("Sampling is uniform: there are no priorities.".to_owned(), &[][..])
        }
        Some(survey) => (
            format!(
                "Share of transitions by priority, on a logarithmic scale from {} to {}.",
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
        .height(ui.available_height().max(MIN_HEIGHT))
        .y_axis_label("%")
        .show_x(false)
        .show_axes([false, true])
        .show_background(false);
    shown.include_y(0.0).show(ui, |plot| plot.bar_chart(chart)).response.rect
}

/// All curves as CSV with the columns metric, env_steps and value.
fn table(history: &History) -> String {
    let mut text = String::from("metric,env_steps,value\n");
    for (name, series) in history.curves() {
        for [x, y] in &series.0 {
            text += &format!("{name},{x},{y}\n");
        }
    }
    text
}

/// Writes part of a screenshot of the window.
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
    fn the_table_has_one_row_per_value() {
        let mut history = History::default();
        history.push("train/q", 64, 0.5);
        assert_eq!(table(&history), "metric,env_steps,value\ntrain/q,64,0.5\n");
    }
}
