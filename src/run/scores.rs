//! Scores: one table of random, scripted and trained players, and the best person on this machine.

use std::fmt::Write as _;
use std::path::Path;

use super::sessions;
use super::sweep::{Job, Measure, Sweep, short};
use super::{RunError, Spread, evaluate_player};
use crate::agent::Controller;
use crate::experiment::level;
use crate::mdp::{EpisodeSummary, WorldOptions};

/// Baselines of a variant's trained agents.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Beside {
    /// Mean of the random player.
    random: f64,
    /// Mean of the world's hand-written player.
    scripted: f64,
    /// Best episode of a person in a session saved on this machine.
    human: Option<f64>,
}

/// All variants of `sweep` in one table: random and scripted players, `episodes` episodes each, what the runs in `out`
/// have learned, and the best person on this machine.
///
/// # Errors
/// One line for an invalid sweep or world.
pub fn scores(sweep: &Sweep, out: &Path, episodes: usize) -> Result<String, Box<dyn std::error::Error>> {
    let jobs = sweep.jobs(out)?;
    let mut beside = Vec::new();
    for index in 0..sweep.variant.len() {
        let Some(job) = jobs.iter().find(|job| job.variant == index) else { continue };
        let world = level::world_in(&job.config, None)?;
        let score = |player| -> Result<f64, RunError> {
            let summary = evaluate_player(&world, player, episodes, 1)?;
            Ok(sweep.measure.of(Some(&summary)).unwrap_or_default())
        };
        let (random, scripted) = (score(Controller::Random)?, score(Controller::Scripted)?);
        let human = best_person(&job.config.env, &job.config.world, sweep.measure);
        beside.push(Beside { random, scripted, human });
    }
    Ok(table(sweep, &jobs, &beside))
}

/// A Markdown table of all variants of `sweep`: random and scripted players (`beside`, one line per variant),
/// median, minimum and maximum over its seeds, training cost, and the best person.
fn table(sweep: &Sweep, jobs: &[Job], beside: &[Beside]) -> String {
    let name = sweep.measure.name();
    let mut text = format!(
        "| mean {name} | random | scripted | trained, median | least to most | seeds | env steps | seconds | \
         best person |\n|---|---|---|---|---|---|---|---|---|\n"
    );
    for (index, (variant, beside)) in sweep.variant.iter().zip(beside).enumerate() {
        let finished = jobs.iter().filter(|job| job.variant == index).filter_map(|job| job.finished.as_ref());
        let finished: Vec<_> = finished.collect();
        let of = |value: &dyn Fn(&super::Summary) -> Option<f64>| {
            Spread::of(finished.iter().filter_map(|summary| value(summary)).collect())
        };
        let trained = of(&|summary| sweep.measure.of(summary.eval.as_ref()));
        let human = beside.human.map_or("–".into(), short);
        let (random, scripted) = (short(beside.random), short(beside.scripted));
        _ = write!(text, "| {} | {random} | {scripted} |", variant.name);
        if finished.is_empty() {
            _ = writeln!(text, " – | – | 0 | – | – | {human} |");
            continue;
        }
        let evaluated = finished.iter().any(|summary| summary.eval.is_some());
        let (median, span) = match evaluated {
            true => (short(trained.median), format!("{} to {}", short(trained.min), short(trained.max))),
            false => ("–".into(), "–".into()),
        };
        _ = writeln!(
            text,
            " {median} | {span} | {} | {:.0} | {:.1} | {human} |",
            finished.len(),
            of(&|summary| Some(summary.env_steps as f64)).median,
            of(&|summary| Some(summary.seconds)).median,
        );
    }
    text
}

/// The best episode that a person played from beginning to end in any session of `env` saved on this machine, with the
/// same kind of actions as with `options`.
pub fn best_person(env: &str, options: &WorldOptions, measure: Measure) -> Option<f64> {
    sessions::alike(env, options)
        .iter()
        .flat_map(|session| best_in(&session.join("episodes.jsonl"), measure))
        .reduce(f64::max)
}

fn best_in(episodes: &Path, measure: Measure) -> Option<f64> {
    crate::files::lines(episodes)
        .ok()?
        .filter_map(|line| serde_json::from_str::<EpisodeSummary>(&line).ok())
        .filter(|episode| episode.controller == "human")
        .map(|episode| match measure {
            Measure::Return => f64::from(episode.episode_return),
            Measure::Score => f64::from(episode.score),
        })
        .reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_persons_whole_episodes_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("episodes.jsonl");
        let line = |controller: &str, score: f32| {
            let episode = EpisodeSummary {
                env_steps: 0,
                arena: 0,
                slot: 0,
                controller: controller.into(),
                episode_return: -score,
                episode_length: 3,
                end: crate::mdp::EpisodeEnd::Terminated,
                success: true,
                score,
            };
            serde_json::to_string(&episode).unwrap()
        };
        let lines = [line("human", 2.0), line("mixed", 9.0), line("learning", 8.0), line("human", 3.0)];
        std::fs::write(&path, lines.join("\n") + "\n{half a li").unwrap();
        assert_eq!(best_in(&path, Measure::Score), Some(3.0));
        assert_eq!(best_in(&path, Measure::Return), Some(-2.0));
        assert_eq!(best_in(&folder.path().join("none"), Measure::Score), None);
    }
}
