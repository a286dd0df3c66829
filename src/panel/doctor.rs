//! Doctor: explains in plain words why an agent does not learn, and offers one change that may help. It is silent while
//! the agent improves, and its findings appear and disappear slowly.

use bevy::prelude::*;
use bevy_egui::egui::{RichText, Ui};

use super::learning;
use super::section::{AddPanelSection as _, order};
use super::theme::tone;
use super::tuning::{halve_critic_rate, scale_target_entropy};
use super::widgets::section;
use crate::agent::history::{History, Series};
use crate::agent::live::LiveLearner;
use crate::algo::report::{CRITIC_LOSS, ENTROPY, Q_STD, TARGET_ENTROPY, TEMPERATURE, TWIN_DISAGREEMENT};
use crate::insight::waiting::Waiting;
use crate::learner::{Health, LearnerConfig, LearnerStatus};
use crate::metrics::run::{ENV_STEPS_PER_SECOND, EPISODE_RETURN, GRADIENT_STEPS_PER_SECOND, SUCCESS};
use crate::sim::arena::Spec;
use crate::view::bindings::Bindings;
use crate::view::commands::KeyCommand;
use crate::view::input::TAKE_OVER;
use crate::view::palette;
use crate::worlds::rooms::winnable::Winnable;

/// Environment steps without progress after which returns count as flat.
const FLAT_FOR: f64 = 50_000.0;
/// Success rate above which nothing is wrong.
const GOOD: f64 = 0.9;
/// Number of recent episodes, which are compared with as many before them.
const RECENT: usize = 50;
/// Number of averaged points of a rate, half a second each.
const RATE_POINTS: usize = 20;
/// Seconds between two examinations.
const INTERVAL: f32 = 0.5;
/// Seconds for which a problem must be present before it is shown, and absent before it is hidden.
const CONFIRM: f32 = 6.0;

/// Kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    /// The level cannot be won.
    Unwinnable,
    /// Hardly any reward has been received.
    NoReward,
    /// The target entropy costs reward.
    TooMuchExploration,
    /// Returns have not risen for a long time.
    NoProgress,
    /// The critics disagree.
    CriticsDisagree,
    /// The critic loss grows.
    Diverging,
    /// Too few gradient steps for the number of environment steps.
    TooFewUpdates,
}

/// A problem that was found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finding {
    /// Its kind.
    pub problem: Problem,
    /// Description in one or two sentences.
    pub text: String,
    /// Label of the button, and the configuration that it applies.
    pub remedy: Option<(String, LearnerConfig)>,
}

impl Finding {
    fn new(problem: Problem, text: impl Into<String>) -> Self {
        Self { problem, text: text.into(), remedy: None }
    }
}

/// A finding, and for how long examinations have contradicted whether it is shown.
#[derive(Debug, Clone)]
struct Known {
    finding: Finding,
    shown: bool,
    /// Seconds for which it was found but is not shown, or is shown but was not found.
    contradicted: f32,
}

/// Current findings.
#[derive(Resource, Debug, Clone, Default)]
pub(super) struct Doctor {
    known: Vec<Known>,
    /// Seconds since the last examination.
    elapsed: f32,
}

impl Doctor {
    /// Updates the findings with what was `found`, `seconds` after the last update.
    fn update(&mut self, found: Vec<Finding>, seconds: f32) {
        for known in &mut self.known {
            let again = found.iter().find(|finding| finding.problem == known.finding.problem);
            let contradicted = again.is_some() != known.shown;
            known.contradicted = if contradicted { known.contradicted + seconds } else { 0.0 };
            if let Some(again) = again {
                known.finding.clone_from(again);
            }
            if known.contradicted >= CONFIRM {
                (known.shown, known.contradicted) = (!known.shown, 0.0);
            }
        }
        // A finding that disappears before it was shown is dropped.
        let present = |problem| found.iter().any(|finding| finding.problem == problem);
        self.known.retain(|known| known.shown || present(known.finding.problem));
        for finding in found {
            if self.known.iter().all(|known| known.finding.problem != finding.problem) {
                // A level is either winnable or not, so there is nothing to wait for.
                let shown = finding.problem == Problem::Unwinnable;
                self.known.push(Known { finding, shown, contradicted: 0.0 });
            }
        }
    }

    /// The findings to show.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.known.iter().filter(|known| known.shown).map(|known| &known.finding)
    }
}

/// Adds the doctor.
pub(super) fn plugin(app: &mut App) {
    app.init_resource::<Doctor>()
        .add_systems(Update, run_examination.run_if(resource_exists::<LiveLearner>))
        .add_panel_section(order::DOCTOR, show);
}

fn run_examination(
    learner: Res<LiveLearner>,
    history: Option<Res<History>>,
    waiting: Option<Res<Waiting>>,
    winnable: Option<Res<Winnable>>,
    spec: Option<Res<Spec>>,
    bindings: Option<Res<Bindings>>,
    time: Res<Time<Real>>,
    mut doctor: ResMut<Doctor>,
) {
    doctor.elapsed += time.delta_secs();
    if doctor.elapsed < INTERVAL {
        return;
    }
    let seconds = std::mem::take(&mut doctor.elapsed);
    let doubt = winnable
        .and_then(|winnable| winnable.doubt.clone())
        .map(|doubt| Finding::new(Problem::Unwinnable, doubt));
    let mut found: Vec<Finding> = doubt.into_iter().collect();
    if let Some(history) = history {
        // While no experience arrives, earlier findings stay.
        if waiting.is_some_and(|waiting| waiting.0.is_some()) {
            found.extend(doctor.findings().filter(|known| known.problem != Problem::Unwinnable).cloned());
        } else {
            let key = bindings.map_or("T", |bindings| bindings.label(takeover_key(spec.as_deref())));
            found.extend(examine(&history, &learner.status(), learner.config(), key));
        }
    }
    doctor.update(found, seconds);
}

/// The key with which a person plays in the agent's place.
fn takeover_key(spec: Option<&Spec>) -> KeyCommand {
    TAKE_OVER[usize::from(spec.is_some_and(|spec| spec.has_sides()))]
}

/// Problems in the metrics so far; none while there is little data or the agent improves. `key` lets a person play in the
/// agent's place.
fn examine(history: &History, status: &LearnerStatus, config: &LearnerConfig, key: &str) -> Vec<Finding> {
    if status.health != Health::Training || is_fine(history) {
        return Vec::new();
    }
    [
        no_reward(history, status, key),
        too_much_exploration(history, config),
        no_progress(history, config),
        critics_disagree(status, config),
        diverging(history, config),
        too_few_updates(history, config),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Whether it nearly always succeeds, or improves.
fn is_fine(history: &History) -> bool {
    recent(history.curve(SUCCESS)).is_some_and(|[_, now]| now.mean >= GOOD)
        || [history.curve(SUCCESS), history.curve(EPISODE_RETURN)].into_iter().any(rises)
}

/// Whether the recent points of a series are significantly higher than those before.
fn rises(series: &Series) -> bool {
    recent(series).is_some_and(|[before, now]| {
        // Two standard errors of the difference of the means.
        let margin = 2.0 * ((before.spread.powi(2) + now.spread.powi(2)) / RECENT as f64).sqrt();
        now.mean - before.mean > margin.max(1e-6)
    })
}

fn no_reward(history: &History, status: &LearnerStatus, key: &str) -> Option<Finding> {
    let report = status.measured()?;
    let [_, success] = recent(history.curve(SUCCESS))?;
    let (entropy, target) = (report.get(ENTROPY)?, report.get(TARGET_ENTROPY)?);
    let undecided = target > 0.0 && entropy > 1.3 * target;
    if !undecided || report.get(TEMPERATURE)? > 1e-3 || success.mean > 0.05 {
        return None;
    }
    let text = format!(
        "All actions look equally good to the agent, because it has hardly found a reward. Show it one: press {key} and \
         play in its place."
    );
    Some(Finding::new(Problem::NoReward, text))
}

fn too_much_exploration(history: &History, config: &LearnerConfig) -> Option<Finding> {
    let [before, now] = thirds(history.curve(TEMPERATURE))?;
    let entropy = last(history.curve(ENTROPY))?;
    let target = last(history.curve(TARGET_ENTROPY))?;
    // Target entropies of continuous actions may be negative.
    if now < 2.0 * before || entropy > target - 0.03 * target.abs() {
        return None;
    }
    let text = "The agent explores so much that it loses reward.";
    let remedy = scale_target_entropy(config, 0.5, "Explore less");
    Some(Finding { remedy, ..Finding::new(Problem::TooMuchExploration, text) })
}

fn no_progress(history: &History, config: &LearnerConfig) -> Option<Finding> {
    let points = &history.curve(EPISODE_RETURN).0;
    let end = points.back()?[0];
    let of = |from: f64, to: f64| -> Vec<f64> {
        points.iter().filter(|[x, _]| (from..to).contains(&(end - x))).map(|[_, y]| *y).collect()
    };
    let (now, before) = (of(0.0, FLAT_FOR / 2.0), of(FLAT_FOR / 2.0, FLAT_FOR));
    let began = points.front()?[0];
    if end - began < FLAT_FOR || now.len() < 20 || before.len() < 20 {
        return None;
    }
    let mean = |all: &[f64]| all.iter().sum::<f64>() / all.len() as f64;
    let (a, b) = (mean(&before), mean(&now));
    let spread = (now.iter().map(|y| (y - b).powi(2)).sum::<f64>() / now.len() as f64).sqrt();
    if b - a > 0.1 * spread.max(1e-6) {
        return None;
    }
    let text = format!("The agent has not improved for {:.0} thousand steps.", FLAT_FOR / 1000.0);
    Some(Finding {
        remedy: scale_target_entropy(config, 1.5, "Explore more"),
        ..Finding::new(Problem::NoProgress, text)
    })
}

fn critics_disagree(status: &LearnerStatus, config: &LearnerConfig) -> Option<Finding> {
    let report = status.measured()?;
    if report.get(TWIN_DISAGREEMENT)? < report.get(Q_STD)?.max(0.01) {
        return None;
    }
    let text = "The two critics disagree strongly. A lower learning rate may help.";
    Some(Finding { remedy: halve_critic_rate(config), ..Finding::new(Problem::CriticsDisagree, text) })
}

fn diverging(history: &History, config: &LearnerConfig) -> Option<Finding> {
    let [before, now] = thirds(history.curve(CRITIC_LOSS))?;
    if now < 10.0 * before.max(1e-6) {
        return None;
    }
    let text =
        "The predicted returns are getting further from the actual ones. A lower learning rate may help.";
    Some(Finding { remedy: halve_critic_rate(config), ..Finding::new(Problem::Diverging, text) })
}

fn too_few_updates(history: &History, config: &LearnerConfig) -> Option<Finding> {
    let mean = |series: &Series| {
        let rates: Vec<f64> = series.0.iter().rev().take(RATE_POINTS).map(|point| point[1]).collect();
        (rates.len() == RATE_POINTS).then(|| rates.iter().sum::<f64>() / RATE_POINTS as f64)
    };
    let (env_rate, gradient_rate) =
        (mean(history.curve(ENV_STEPS_PER_SECOND))?, mean(history.curve(GRADIENT_STEPS_PER_SECOND))?);
    // A busy machine always falls behind a little.
    if env_rate < 1.0 || gradient_rate > 0.1 * env_rate * f64::from(config.most_gradient_steps_per_env_step())
    {
        return None;
    }
    let text = "The agent collects far more experience than this machine can train on. With fewer arenas or a lower speed it \
                learns more from each step.";
    Some(Finding::new(Problem::TooFewUpdates, text))
}

fn last(series: &Series) -> Option<f64> {
    series.0.back().map(|point| point[1])
}

/// Mean and standard deviation of some points.
#[derive(Debug, Clone, Copy)]
struct Summary {
    mean: f64,
    spread: f64,
}

/// Summaries of the last [`RECENT`] points and of as many before them, as `[before, now]`; `None` if there are fewer.
fn recent(series: &Series) -> Option<[Summary; 2]> {
    let skip = series.0.len().checked_sub(2 * RECENT)?;
    let of = |skip: usize| {
        let points = || series.0.iter().skip(skip).take(RECENT).map(|point| point[1]);
        let mean = points().sum::<f64>() / RECENT as f64;
        let variance = points().map(|y| (y - mean).powi(2)).sum::<f64>() / RECENT as f64;
        Summary { mean, spread: variance.sqrt() }
    };
    Some([of(skip), of(skip + RECENT)])
}

/// Means of the middle third and the last third, as `[before, now]`; `None` if there are few points.
fn thirds(series: &Series) -> Option<[f64; 2]> {
    let third = series.0.len() / 3;
    if third < 10 {
        return None;
    }
    let mean = |skip: usize| {
        series.0.iter().skip(skip).take(third).map(|point| point[1]).sum::<f64>() / third as f64
    };
    Some([mean(third), mean(series.0.len() - third)])
}

/// The section. Applies the remedy that was clicked.
fn show(
    InMut(ui): InMut<Ui>,
    learner: Option<ResMut<LiveLearner>>,
    doctor: Res<Doctor>,
    mut edits: ResMut<learning::PendingEdits>,
) {
    let Some(mut learner) = learner else { return };
    if let Some(config) = findings(ui, &doctor) {
        edits.rejected = learning::error_text(learner.set_config(config));
    }
}

/// Shows the findings; returns the configuration of a remedy that was clicked.
fn findings(ui: &mut Ui, doctor: &Doctor) -> Option<LearnerConfig> {
    /// Height reserved for one finding, in logical pixels, so that nothing below moves when it appears.
    const HEIGHT: f32 = 46.0;
    let mut accepted = None;
    section(ui, "Doctor", |ui| {
        let top = ui.cursor().top();
        if doctor.findings().next().is_none() {
            ui.label(RichText::new("Nothing looks wrong.").small().color(tone(palette::MUTED)));
        }
        for Finding { text, remedy, .. } in doctor.findings() {
            ui.label(RichText::new(text).small().color(tone(palette::AMBER.mix(palette::INK, 0.4))));
            if let Some((name, config)) = remedy
                && ui.button(name).on_hover_text("You can undo this under Tuning.").clicked()
            {
                accepted = Some(config.clone());
            }
            ui.add_space(2.0);
        }
        ui.add_space((HEIGHT - (ui.cursor().top() - top)).max(0.0));
    });
    accepted
}

#[cfg(test)]
mod tests;
