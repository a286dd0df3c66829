//! Doctor: says in plain words what keeps an agent from learning, and offers the one change that may help.

use bevy_egui::egui::{RichText, Ui};

use super::theme::tone;
use super::widgets::section;
use crate::agent::history::{History, Series};
use crate::learner::{Health, LearnerConfig, LearnerStatus};
use crate::sac::Temperature;
use crate::view::palette;

/// Environment steps without progress after which returns count as flat.
const FLAT_FOR: f64 = 50_000.0;
/// Share of successes above which nobody minds flat returns.
const GOOD: f64 = 0.9;

/// What is wrong.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finding {
    /// One or two sentences.
    pub text: String,
    /// What a button says, and the configuration it brings.
    pub remedy: Option<(String, LearnerConfig)>,
}

/// Everything that looks wrong by what has been measured so far; nothing while little has been.
pub(super) fn examine(history: &History, status: &LearnerStatus, config: &LearnerConfig) -> Vec<Finding> {
    if matches!(status.health, Health::Starting | Health::Collecting | Health::Failed(_)) {
        return Vec::new();
    }
    [
        climbing_temperature(history, config),
        undecided(history, status),
        flat_returns(history, config),
        twins_apart(status, config),
        growing_loss(history, config),
        falling_behind(history, status, config),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn climbing_temperature(history: &History, config: &LearnerConfig) -> Option<Finding> {
    let [before, now] = halves(&history.temperature)?;
    let entropy = last(&history.entropy)?;
    let target = last(&history.target_entropy)?;
    if now < 2.0 * before || entropy > 0.97 * target {
        return None;
    }
    let text = format!(
        "The temperature is climbing ({before:.3} to {now:.3}): a target entropy of {target:.2} nats cannot be reached \
         without giving up reward."
    );
    Some(Finding { text, remedy: aim(config, 0.5, "Aim for half of it") })
}

fn undecided(history: &History, status: &LearnerStatus) -> Option<Finding> {
    let report = status.measured()?;
    let success = recent(&history.success, 0.2)?;
    let unsure = report.target_entropy > 0.0 && report.entropy > 1.3 * report.target_entropy;
    if !unsure || report.temperature > 1e-3 || success > 0.5 {
        return None;
    }
    let text = "The temperature has fallen to nothing and the policy is still undecided: all it knows is worth the \
                same. It has hardly met a reward yet; show it one: take over with T.";
    Some(Finding { text: text.into(), remedy: None })
}

fn flat_returns(history: &History, config: &LearnerConfig) -> Option<Finding> {
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
    if recent(&history.success, 0.2).is_some_and(|success| success >= GOOD) {
        return None;
    }
    let mean = |all: &[f64]| all.iter().sum::<f64>() / all.len() as f64;
    let (a, b) = (mean(&before), mean(&now));
    let spread = (now.iter().map(|y| (y - b).powi(2)).sum::<f64>() / now.len() as f64).sqrt();
    if b - a > 0.1 * spread.max(1e-6) {
        return None;
    }
    let text = format!("Returns have been flat for {:.0} k steps, at {b:.2}.", FLAT_FOR / 1000.0);
    Some(Finding { text, remedy: aim(config, 1.5, "Explore more") })
}

fn twins_apart(status: &LearnerStatus, config: &LearnerConfig) -> Option<Finding> {
    let report = status.measured()?;
    if report.twin_disagreement < report.q_std.max(0.01) {
        return None;
    }
    let text = format!(
        "The twin critics disagree by {:.2}, more than values differ from each other ({:.2}): they learn faster than \
         they can know.",
        report.twin_disagreement, report.q_std
    );
    Some(Finding { text, remedy: slower(config) })
}

fn growing_loss(history: &History, config: &LearnerConfig) -> Option<Finding> {
    let [before, now] = halves(&history.critic_loss)?;
    if now < 10.0 * before.max(1e-6) {
        return None;
    }
    let text =
        format!("The critics' loss grows ({before:.3} to {now:.3}): values run away from their targets.");
    Some(Finding { text, remedy: slower(config) })
}

fn falling_behind(history: &History, status: &LearnerStatus, config: &LearnerConfig) -> Option<Finding> {
    if status.health != Health::Training || history.env_step_rate < 1.0 {
        return None;
    }
    let made = f64::from(status.gradient_steps_per_second) / f64::from(history.env_step_rate);
    let asked = f64::from(config.gradient_steps_per_env_step);
    if made > 0.5 * asked {
        return None;
    }
    let text = format!(
        "Play is faster than learning: {made:.2} gradient steps for a step of play, where {asked:.2} are allowed. \
         Fewer arenas or a lower speed learn more from each step."
    );
    Some(Finding { text, remedy: None })
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
    Some(("Halve the critics' learning rate".into(), config))
}

fn last(series: &Series) -> Option<f64> {
    series.0.back().map(|point| point[1])
}

/// Mean of the last `share` of the points.
fn recent(series: &Series, share: f64) -> Option<f64> {
    let count = ((series.0.len() as f64 * share) as usize).max(10);
    if series.0.len() < count {
        return None;
    }
    Some(series.0.iter().rev().take(count).map(|point| point[1]).sum::<f64>() / count as f64)
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
pub(super) fn show(ui: &mut Ui, findings: &[Finding]) -> Option<LearnerConfig> {
    /// Room for one finding, whether or not there is one: what comes and goes must not push others away from under the
    /// mouse.
    const ROOM: f32 = 46.0;
    let mut accepted = None;
    section(ui, "Doctor", |ui| {
        let top = ui.cursor().top();
        if findings.is_empty() {
            ui.label(RichText::new("Nothing looks wrong.").small().color(tone(palette::MUTED)));
        }
        for Finding { text, remedy } in findings {
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
mod tests {
    use super::*;
    use crate::learner::{LearnerHandle, LearnerSetup};
    use crate::mdp::{ActionSpace, EnvironmentSpec, ObservationSpace};

    fn series(values: impl Iterator<Item = (f64, f64)>) -> Series {
        Series(values.map(|(x, y)| [x, y]).collect())
    }

    /// A learner's status that means nothing yet.
    fn status() -> LearnerStatus {
        let spec = EnvironmentSpec {
            name: "none".into(),
            summary: String::new(),
            observation: ObservationSpace::floats(&["x"]),
            action: ActionSpace::discrete(&["a", "b"]),
            ticks_per_step: 1,
            tick_seconds: 1.0,
            episode_limit: 1,
            teams: vec![0],
            rewards: Vec::new(),
        };
        let handle = LearnerHandle::start(LearnerSetup::new(spec, LearnerConfig::default()));
        LearnerStatus {
            health: Health::Training,
            gradient_steps_per_second: 1000.0,
            ..(*handle.status()).clone()
        }
    }

    fn texts(history: &History, status: &LearnerStatus) -> Vec<String> {
        let findings = examine(history, status, &LearnerConfig::default());
        findings.into_iter().map(|finding| finding.text).collect()
    }

    #[test]
    fn a_healthy_agent_is_left_alone() {
        let history = History {
            episode_return: series((0..400).map(|i| (f64::from(i) * 500.0, f64::from(i) * 0.01))),
            success: series((0..400).map(|i| (f64::from(i) * 500.0, 1.0))),
            temperature: series((0..60).map(|i| (f64::from(i), 0.1))),
            critic_loss: series((0..60).map(|i| (f64::from(i), 0.1))),
            env_step_rate: 100.0,
            ..History::default()
        };
        assert_eq!(texts(&history, &status()), Vec::<String>::new());
    }

    #[test]
    fn flat_returns_are_told_unless_they_are_good() {
        let flat = |success: f64| History {
            episode_return: series((0..400).map(|i| (f64::from(i) * 500.0, f64::from(i % 7) * 0.1))),
            success: series((0..400).map(|i| (f64::from(i) * 500.0, success))),
            ..History::default()
        };
        assert!(texts(&flat(0.1), &status())[0].starts_with("Returns have been flat for 50 k steps"));
        assert_eq!(texts(&flat(1.0), &status()), Vec::<String>::new());
        let remedy = examine(&flat(0.1), &status(), &LearnerConfig::default())[0].remedy.clone().unwrap();
        let Temperature::Learned { target_entropy_fraction } = remedy.1.sac.temperature else { panic!() };
        assert!((target_entropy_fraction - 0.75).abs() < 1e-6);
        remedy.1.validate().unwrap();
    }

    #[test]
    fn a_climbing_temperature_is_told_with_its_remedy() {
        let history = History {
            temperature: series((0..90).map(|i| (f64::from(i), 0.01 * 1.05f64.powi(i)))),
            entropy: series((0..90).map(|i| (f64::from(i), 0.4))),
            target_entropy: series((0..90).map(|i| (f64::from(i), 0.68))),
            ..History::default()
        };
        let found = &examine(&history, &status(), &LearnerConfig::default())[0];
        assert!(found.text.contains("0.68 nats") && found.remedy.is_some(), "{found:?}");
    }

    #[test]
    fn quarrelling_twins_and_a_slow_learner_are_told() {
        let mut status = status();
        status.report.twin_disagreement = 0.4;
        status.report.q_std = 0.1;
        status.gradient_steps_per_second = 20.0;
        let history = History { env_step_rate: 500.0, ..History::default() };
        let texts = texts(&history, &status);
        assert!(texts[0].contains("twin critics disagree by 0.40"), "{texts:?}");
        assert!(texts[1].contains("0.04 gradient steps for a step of play"), "{texts:?}");
    }
}
