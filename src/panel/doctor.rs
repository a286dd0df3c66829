//! Doctor: says in plain words what keeps an agent from learning, and offers the one change that may help. It is silent
//! while the agent gets better, and changes its mind slowly.

use bevy::prelude::*;
use bevy_egui::egui::{RichText, Ui};

use super::theme::tone;
use super::widgets::section;
use crate::agent::history::{History, Series};
use crate::agent::live::LiveLearner;
use crate::insight::waiting::Waiting;
use crate::learner::{Health, LearnerConfig, LearnerStatus};
use crate::sac::Temperature;
use crate::sim::arena::Spec;
use crate::sim::worlds::rooms::winnable::Winnable;
use crate::view::bindings::{Bindings, Command};
use crate::view::palette;

/// Environment steps without progress after which returns count as flat.
const FLAT_FOR: f64 = 50_000.0;
/// Share of successes above which nothing is wrong.
const GOOD: f64 = 0.9;
/// Episodes that tell how it goes lately, and as many that tell how it went before.
const LATELY: usize = 50;
/// Points of rates that are averaged: half a second each.
const RATES: usize = 20;
/// Seconds between two examinations.
const EVERY: f32 = 0.5;
/// Seconds for which something must look wrong before it is said, and right before it is taken back.
const HOLDS: f32 = 6.0;

/// What may be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nobody can win on the map that is played.
    Map,
    /// Hardly any reward has been met.
    NoReward,
    /// It explores more than it can without losing reward.
    TooCurious,
    /// Returns have not risen for long.
    Flat,
    /// Both critics say different things.
    AtOdds,
    /// The critics get worse.
    RunningAway,
    /// Far more is played than is learned from.
    TooFast,
}

/// Something that looks wrong.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finding {
    /// What it is.
    pub verdict: Verdict,
    /// One or two sentences.
    pub text: String,
    /// What a button says, and the configuration it brings.
    pub remedy: Option<(String, LearnerConfig)>,
}

impl Finding {
    fn new(verdict: Verdict, text: impl Into<String>) -> Self {
        Self { verdict, text: text.into(), remedy: None }
    }
}

/// What is said now.
#[derive(Resource, Debug, Clone, Default)]
pub(super) struct Doctor {
    /// Findings that have lasted, and for how many seconds what is not said has been found, or what is said has not.
    known: Vec<(Finding, bool, f32)>,
    since: f32,
}

impl Doctor {
    /// Hears what was found `seconds` after the last time.
    fn hear(&mut self, found: Vec<Finding>, seconds: f32) {
        for (known, said, doubt) in &mut self.known {
            let again = found.iter().find(|finding| finding.verdict == known.verdict);
            let changes = again.is_some() != *said;
            *doubt = if changes { *doubt + seconds } else { 0.0 };
            if let Some(again) = again {
                known.clone_from(again);
            }
            if *doubt >= HOLDS {
                (*said, *doubt) = (!*said, 0.0);
            }
        }
        // What was found and then was not before it was said is forgotten.
        self.known
            .retain(|(known, said, _)| *said || found.iter().any(|finding| finding.verdict == known.verdict));
        for finding in found {
            if self.known.iter().all(|(known, ..)| known.verdict != finding.verdict) {
                // A map is what it is; nothing about it passes.
                let at_once = finding.verdict == Verdict::Map;
                self.known.push((finding, at_once, 0.0));
            }
        }
    }

    /// What is to be said.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.known.iter().filter(|(_, said, _)| *said).map(|(finding, ..)| finding)
    }
}

/// Adds the doctor.
pub(super) fn plugin(app: &mut App) {
    app.init_resource::<Doctor>().add_systems(Update, examine_again.run_if(resource_exists::<LiveLearner>));
}

fn examine_again(
    learner: Res<LiveLearner>,
    history: Option<Res<History>>,
    waiting: Option<Res<Waiting>>,
    map: Option<Res<Winnable>>,
    spec: Option<Res<Spec>>,
    bindings: Option<Res<Bindings>>,
    time: Res<Time<Real>>,
    mut doctor: ResMut<Doctor>,
) {
    doctor.since += time.delta_secs();
    if doctor.since < EVERY {
        return;
    }
    let seconds = std::mem::take(&mut doctor.since);
    let doubt = map.and_then(|map| map.doubt.clone()).map(|doubt| Finding::new(Verdict::Map, doubt));
    let mut found: Vec<Finding> = doubt.into_iter().collect();
    if let Some(history) = history {
        // Whoever waits has nothing new to be judged by.
        if waiting.is_some_and(|waiting| waiting.0.is_some()) {
            found.extend(doctor.findings().filter(|known| known.verdict != Verdict::Map).cloned());
        } else {
            let key = bindings.map_or("T", |bindings| bindings.label(shows(spec.as_deref())));
            found.extend(examine(&history, &learner.status(), learner.config(), key));
        }
    }
    doctor.hear(found, seconds);
}

/// The command by which a person plays in the agent's place.
fn shows(spec: Option<&Spec>) -> Command {
    if spec.is_some_and(|spec| spec.has_sides()) { Command::TakeSecond } else { Command::TakeFirst }
}

/// What looks wrong by what has been measured so far; nothing while little has been, nor while it gets better. `key`
/// lets a person play in the agent's place.
fn examine(history: &History, status: &LearnerStatus, config: &LearnerConfig, key: &str) -> Vec<Finding> {
    if status.health != Health::Training || does_well(history) {
        return Vec::new();
    }
    [
        no_reward(history, status, key),
        too_curious(history, config),
        flat(history, config),
        at_odds(status, config),
        running_away(history, config),
        too_fast(history, config),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Whether it succeeds nearly always, or gets better.
fn does_well(history: &History) -> bool {
    lately(&history.success).is_some_and(|[_, now]| now.mean >= GOOD)
        || [&history.success, &history.episode_return].into_iter().any(rises)
}

/// Whether a series is higher lately than before, by more than chance explains.
fn rises(series: &Series) -> bool {
    lately(series).is_some_and(|[before, now]| {
        // Two standard errors of a difference of two means.
        let doubt = 2.0 * ((before.spread.powi(2) + now.spread.powi(2)) / LATELY as f64).sqrt();
        now.mean - before.mean > doubt.max(1e-6)
    })
}

fn no_reward(history: &History, status: &LearnerStatus, key: &str) -> Option<Finding> {
    let report = status.measured()?;
    let [_, success] = lately(&history.success)?;
    let unsure = report.target_entropy > 0.0 && report.entropy > 1.3 * report.target_entropy;
    if !unsure || report.temperature > 1e-3 || success.mean > 0.05 {
        return None;
    }
    let text = format!(
        "Whatever it does seems to be worth the same: it has hardly met a reward. Show it one: play in its place with \
         {key}."
    );
    Some(Finding::new(Verdict::NoReward, text))
}

fn too_curious(history: &History, config: &LearnerConfig) -> Option<Finding> {
    let [before, now] = halves(&history.temperature)?;
    let entropy = last(&history.entropy)?;
    let target = last(&history.target_entropy)?;
    if now < 2.0 * before || entropy > 0.97 * target {
        return None;
    }
    let text = "It is asked to try out more than it can without giving up reward.";
    let remedy = aim(config, 0.5, "Explore less");
    Some(Finding { remedy, ..Finding::new(Verdict::TooCurious, text) })
}

fn flat(history: &History, config: &LearnerConfig) -> Option<Finding> {
    let points = &history.episode_return.0;
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
    let text = format!("It has not got better for {:.0} thousand steps.", FLAT_FOR / 1000.0);
    Some(Finding { remedy: aim(config, 1.5, "Explore more"), ..Finding::new(Verdict::Flat, text) })
}

fn at_odds(status: &LearnerStatus, config: &LearnerConfig) -> Option<Finding> {
    let report = status.measured()?;
    if report.twin_disagreement < report.q_std.max(0.01) {
        return None;
    }
    let text = "Its two critics disagree about nearly everything: it learns faster than it can know.";
    Some(Finding { remedy: slower(config), ..Finding::new(Verdict::AtOdds, text) })
}

fn running_away(history: &History, config: &LearnerConfig) -> Option<Finding> {
    let [before, now] = halves(&history.critic_loss)?;
    if now < 10.0 * before.max(1e-6) {
        return None;
    }
    let text = "What it expects is further and further from what happens.";
    Some(Finding { remedy: slower(config), ..Finding::new(Verdict::RunningAway, text) })
}

fn too_fast(history: &History, config: &LearnerConfig) -> Option<Finding> {
    let mean = |series: &Series| {
        let rates: Vec<f64> = series.0.iter().rev().take(RATES).map(|point| point[1]).collect();
        (rates.len() == RATES).then(|| rates.iter().sum::<f64>() / RATES as f64)
    };
    let (played, learned) = (mean(&history.env_steps_per_second)?, mean(&history.gradient_steps_per_second)?);
    // A busy machine falls behind a little all the time.
    if played < 1.0 || learned > 0.1 * played * f64::from(config.gradient_steps_per_env_step) {
        return None;
    }
    let text = "It plays far more than it can learn from on this machine. Fewer arenas or a lower speed get more out of \
                each step.";
    Some(Finding::new(Verdict::TooFast, text))
}

/// The same with another target entropy, where there is one to change.
fn aim(config: &LearnerConfig, factor: f32, name: &str) -> Option<(String, LearnerConfig)> {
    let mut config = config.clone();
    let Temperature::Learned { target_entropy_fraction } = &mut config.sac.temperature else { return None };
    let aimed = (*target_entropy_fraction * factor).clamp(0.02, 0.9);
    if (aimed - *target_entropy_fraction).abs() < 1e-3 {
        return None;
    }
    *target_entropy_fraction = aimed;
    Some((name.into(), config))
}

fn slower(config: &LearnerConfig) -> Option<(String, LearnerConfig)> {
    let mut config = config.clone();
    config.sac.critic_learning_rate = (0.5 * config.sac.critic_learning_rate).max(1e-6);
    Some(("Learn more slowly".into(), config))
}

fn last(series: &Series) -> Option<f64> {
    series.0.back().map(|point| point[1])
}

/// Mean and standard deviation of some points.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    mean: f64,
    spread: f64,
}

/// Of the last points and of as many before them; `None` while there are few.
fn lately(series: &Series) -> Option<[Stretch; 2]> {
    let skip = series.0.len().checked_sub(2 * LATELY)?;
    let of = |skip: usize| {
        let points = || series.0.iter().skip(skip).take(LATELY).map(|point| point[1]);
        let mean = points().sum::<f64>() / LATELY as f64;
        let variance = points().map(|y| (y - mean).powi(2)).sum::<f64>() / LATELY as f64;
        Stretch { mean, spread: variance.sqrt() }
    };
    Some([of(skip), of(skip + LATELY)])
}

/// Means of the middle third and of the last one; `None` while there are few points.
fn halves(series: &Series) -> Option<[f64; 2]> {
    let third = series.0.len() / 3;
    if third < 10 {
        return None;
    }
    let mean = |skip: usize| {
        series.0.iter().skip(skip).take(third).map(|point| point[1]).sum::<f64>() / third as f64
    };
    Some([mean(third), mean(series.0.len() - third)])
}

/// Shows what was found; the configuration that somebody accepted.
pub(super) fn show(ui: &mut Ui, doctor: &Doctor) -> Option<LearnerConfig> {
    /// Room for one finding, whether or not there is one: what comes and goes must not push others away from under the
    /// mouse.
    const ROOM: f32 = 46.0;
    let mut accepted = None;
    section(ui, "Doctor", |ui| {
        let top = ui.cursor().top();
        if doctor.findings().next().is_none() {
            ui.label(RichText::new("Nothing looks wrong.").small().color(tone(palette::MUTED)));
        }
        for Finding { text, remedy, .. } in doctor.findings() {
            ui.label(RichText::new(text).small().color(tone(palette::AMBER.mix(palette::INK, 0.4))));
            if let Some((name, config)) = remedy
                && ui.button(name).on_hover_text("Undo is under Tuning.").clicked()
            {
                accepted = Some(config.clone());
            }
            ui.add_space(2.0);
        }
        ui.add_space((ROOM - (ui.cursor().top() - top)).max(0.0));
    });
    accepted
}

#[cfg(test)]
mod tests;
