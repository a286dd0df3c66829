//! Figures of runs and sweeps: learning curves over environment steps and seconds, results, performance profiles and
//! probabilities of improvement, as SVG with the numbers beside it as CSV.
//!
//! `runs` reads them, `group` puts seeds together with the statistics of `stats`, `draw` and `axis` have the pictures.
//! Curves are interquartile means over seeds with 95 % bootstrap bands, as Agarwal et al. 2021 recommend.

mod axis;
mod draw;
mod group;
mod runs;
mod stats;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::RunError;
use crate::learner::checkpoint::replace_file;
use draw::{Line, Titles, curves, intervals};
use group::{Group, POINTS};
use runs::{Over, Seed, Task};
use stats::{Estimate, interquartile_mean, mean, median, share_above};

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum FigureError {
    /// No such folder.
    #[error("{}: there is no such folder; give the --out folder of a run or a sweep", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// No run there.
    #[error("{}: holds no run; give the --out folder of a run or a sweep", path.display())]
    NoRuns {
        /// The folder.
        path: PathBuf,
    },
    /// No run has the metric.
    #[error("--metric {metric}: no run has it; there are {known}")]
    Metric {
        /// The key asked for.
        metric: String,
        /// Those that runs have.
        known: String,
    },
    /// Runs without any value.
    #[error(
        "no run has a value of {metric}; their metrics.jsonl are empty or damaged, or they have just begun"
    )]
    Empty {
        /// The key.
        metric: String,
    },
    /// A run's configuration that cannot be read.
    #[error(transparent)]
    Run(RunError),
    /// A run's metrics.
    #[error("{}: cannot be read ({reason}); restore a copy of it, or leave its folder out", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's message.
        reason: String,
    },
    /// A figure.
    #[error("{}: cannot be written ({reason}); check the folder, its rights and the free space", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What happened.
        reason: String,
    },
}

/// Draws the figures of the runs and sweeps in `folders` into `out`, for each world and level its own, and returns a
/// Markdown table of results, and the paths of all files; files of these names are replaced.
///
/// `metric` is the key of a metric, by default the return of greedy episodes where all runs have it at two points or
/// more, else that of training episodes. Results are those of the greedy episodes at the end if all runs of a world and
/// level are finished, else values at the last environment step that all of them have reached.
///
/// # Errors
/// [`FigureError`] in one line.
pub fn figures(
    folders: &[PathBuf],
    metric: Option<&str>,
    out: &Path,
) -> Result<(String, Vec<PathBuf>), FigureError> {
    let tasks = runs::read(folders, metric).map_err(|error| {
        let known = runs::keys(folders).into_iter().collect::<Vec<_>>().join(", ");
        match (error, metric) {
            (FigureError::Empty { metric }, Some(_)) if !known.is_empty() => {
                FigureError::Metric { metric, known }
            }
            (error, _) => error,
        }
    })?;
    let failed = |path: &Path, reason: String| FigureError::Write { path: path.to_owned(), reason };
    std::fs::create_dir_all(out).map_err(|error| failed(out, error.to_string()))?;
    let (mut text, mut written, mut stems) = (String::new(), Vec::new(), BTreeSet::new());
    for task in &tasks {
        if !task.variants.is_empty() {
            text += &table(task);
            text.push('\n');
            for (name, content) in files(task).map_err(|error| failed(out, error.to_string()))? {
                let path = out.join(format!("{}-{name}", stem(&task.name, &stems)));
                replace_file(&path, content.as_bytes()).map_err(|error| failed(&path, error.to_string()))?;
                written.push(path);
            }
            stems.insert(stem(&task.name, &stems));
        }
        for path in &task.left_out {
            _ = writeln!(text, "left out, since it has no value of {}: {}\n", task.metric, path.display());
        }
    }
    Ok((text, written))
}

/// Results of all variants as a Markdown table.
fn table(task: &Task) -> String {
    let mut text = format!(
        "| {}, {} | seeds | interquartile mean | 95 % interval | median | mean |\n|---|---|---|---|---|---|\n",
        task.name.replace('|', "\\|"),
        task.result
    );
    for group in Group::all(task) {
        let middle = group.estimate(interquartile_mean);
        let interval =
            middle.interval.map_or("–".into(), |[low, high]| format!("{} to {}", short(low), short(high)));
        let [median, mean] = [median(&mut group.results.clone()), mean(&group.results)].map(short);
        let (name, seeds) = (group.name.replace('|', "\\|"), group.results.len());
        _ = writeln!(text, "| {name} | {seeds} | {} | {interval} | {median} | {mean} |", short(middle.value));
    }
    text
}

/// About three digits.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 1e9 => format!("{value:.2e}"),
        size if size >= 0.1 || size == 0.0 => super::sweep::short(value),
        size if size >= 1e-4 => format!("{value:.*}", (2.0 - size.log10().floor()) as usize),
        _ => format!("{value:.2e}"),
    }
}

/// Ends of names and contents of the files of a task.
fn files(task: &Task) -> Result<Vec<(String, String)>, Box<dyn std::error::Error>> {
    let groups = Group::all(task);
    let seeds = task.variants.iter().flat_map(|(name, seeds)| {
        let row = |seed: &Seed| vec![name.clone(), seed.path.display().to_string(), seed.result.to_string()];
        seeds.iter().map(row).collect::<Vec<_>>()
    });
    let mut files = vec![("seeds.csv".to_owned(), csv(&["variant", "run", "result"], seeds)?)];
    for (over, end, axis, key) in [
        (Over::EnvSteps, "env-steps", "env steps", "env_steps"),
        (Over::Seconds, "seconds", "seconds", "seconds"),
    ] {
        let line = |group: &Group<'_>| group.curve(over);
        let lines: Vec<Line<'_>> =
            groups.iter().map(|group| Line { name: group.name, points: line(group) }).collect();
        if lines.iter().any(|line| !line.points.is_empty()) {
            let titles = Titles { figure: &task.name, x: axis, y: &task.metric };
            files.push((format!("{end}.svg"), curves(&titles, &lines)?));
            files.push((format!("{end}.csv"), csv(&["variant", key, "iqm", "low", "high"], rows(&lines))?));
        }
    }
    let middles: Vec<(String, Estimate)> =
        groups.iter().map(|group| (group.name.to_owned(), group.estimate(interquartile_mean))).collect();
    let figure = format!("{}: interquartile mean", task.name);
    let titles = Titles { figure: &figure, x: &task.result, y: "" };
    files.push(("results.svg".to_owned(), intervals(&titles, &middles)?));
    type Statistic = fn(&mut [f64]) -> f64;
    let statistics: [(&str, Statistic); 3] =
        [("iqm", interquartile_mean), ("median", median), ("mean", |values| mean(values))];
    let all = groups.iter().flat_map(|group| {
        statistics.map(|(name, statistic)| {
            let cells = [group.name.to_owned(), group.results.len().to_string(), name.to_owned()];
            record(&cells, group.estimate(statistic))
        })
    });
    let header = ["variant", "seeds", "statistic", "value", "low", "high"];
    files.push(("results.csv".to_owned(), csv(&header, all)?));
    let lines = profiles(&groups);
    let titles = Titles { figure: &task.name, x: &task.result, y: "share of seeds above" };
    files.push(("profile.svg".to_owned(), curves(&titles, &lines)?));
    files.push(("profile.csv".to_owned(), csv(&["variant", "above", "share", "low", "high"], rows(&lines))?));
    if groups.len() > 1 {
        let pairs = improvements(&groups);
        let drawn: Vec<(String, Estimate)> = pairs
            .iter()
            .filter(|(own, other, _)| own < other)
            .map(|(own, other, estimate)| (format!("{own} > {other}"), *estimate))
            .collect();
        let figure = format!("{}: probability of a larger result", task.name);
        let titles = Titles { figure: &figure, x: &task.result, y: "" };
        files.push(("improvement.svg".to_owned(), intervals(&titles, &drawn)?));
        let all = pairs
            .into_iter()
            .map(|(own, other, estimate)| record(&[own.to_owned(), other.to_owned()], estimate));
        let header = ["variant", "above", "probability", "low", "high"];
        files.push(("improvement.csv".to_owned(), csv(&header, all)?));
    }
    Ok(files)
}

/// The share of each variant's results above a threshold, for thresholds from the smallest to the largest result.
fn profiles<'a>(groups: &[Group<'a>]) -> Vec<Line<'a>> {
    let all = || groups.iter().flat_map(|group| &group.results).copied();
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    let threshold = |index: usize| low + (high - low) * index as f64 / (POINTS - 1) as f64;
    let share = |group: &Group<'a>, x: f64| (x, group.estimate(|values| share_above(values, x)));
    let line = |group: &Group<'a>| Line {
        name: group.name,
        points: (0..POINTS).map(|index| share(group, threshold(index))).collect(),
    };
    groups.iter().map(line).collect()
}

/// The probability that a result of one variant is larger than one of another, for all pairs.
fn improvements<'a>(groups: &[Group<'a>]) -> Vec<(&'a str, &'a str, Estimate)> {
    let pairs = groups.iter().flat_map(|own| groups.iter().map(move |other| (own, other)));
    let pairs = pairs.filter(|(own, other)| own.name != other.name);
    pairs.map(|(own, other)| (own.name, other.name, own.improvement_over(other))).collect()
}

/// The points of `lines` as rows of a CSV file.
fn rows(lines: &[Line<'_>]) -> impl Iterator<Item = Vec<String>> {
    let of = |line: &Line<'_>| {
        let row = |(x, estimate): &(f64, Estimate)| record(&[line.name.to_owned(), x.to_string()], *estimate);
        line.points.iter().map(row).collect::<Vec<_>>()
    };
    lines.iter().flat_map(of).collect::<Vec<_>>().into_iter()
}

/// A row of a CSV file: `cells`, then the estimate and its interval.
fn record(cells: &[String], estimate: Estimate) -> Vec<String> {
    let [low, high] =
        estimate.interval.map_or([const { String::new() }; 2], |ends| ends.map(|end| end.to_string()));
    cells.iter().cloned().chain([estimate.value.to_string(), low, high]).collect()
}

fn csv(
    header: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) -> Result<String, Box<dyn std::error::Error>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header)?;
    for row in rows {
        writer.write_record(&row)?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// `name` as the beginning of the names of files, unlike those that are `taken`.
fn stem(name: &str, taken: &BTreeSet<String>) -> String {
    let plain = |c: char| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = name.chars().map(plain).collect();
    let stem = name.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    let numbered = (2..).map(|number| format!("{stem}-{number}"));
    std::iter::once(stem.clone()).chain(numbered).find(|stem| !taken.contains(stem)).unwrap_or(stem)
}
