//! Figures of runs and sweeps: learning curves over environment steps and seconds, final results, performance profiles and
//! probabilities of improvement, as SVG with the numbers beside it as CSV.
//!
//! `runs` reads them, `group` puts seeds together with the statistics of `stats`, `draw` has the pictures. Curves are interquartile means over seeds with 95 %
//! bootstrap bands, as Agarwal et al. 2021 recommend.

mod draw;
mod group;
mod runs;
mod stats;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::config::ConfigError;
use crate::learner::checkpoint::replace_file;
use draw::{Line, Titles, curves, intervals};
use group::{Group, POINTS};
use runs::{Over, Task};
use stats::{Estimate, interquartile_mean, mean, median, share_above};

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum FigureError {
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
    #[error("no run has a value of {metric} yet; let them run longer")]
    Empty {
        /// The key.
        metric: String,
    },
    /// A run's configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
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
/// Markdown table of final results with the paths of all files.
///
/// `metric` is the key of a metric, by default the return of greedy episodes where all runs have it at two points or more,
/// else that of training episodes.
///
/// # Errors
/// [`FigureError`] in one line.
pub fn figures(folders: &[PathBuf], metric: Option<&str>, out: &Path) -> Result<String, FigureError> {
    let tasks = runs::read(folders, metric).map_err(|error| match (error, metric) {
        (FigureError::Empty { .. }, Some(metric)) => FigureError::Metric {
            metric: metric.to_owned(),
            known: runs::keys(folders).into_iter().collect::<Vec<_>>().join(", "),
        },
        (error, _) => error,
    })?;
    let failed = |path: &Path, reason: String| FigureError::Write { path: path.to_owned(), reason };
    std::fs::create_dir_all(out).map_err(|error| failed(out, error.to_string()))?;
    let (mut text, mut written) = (String::new(), Vec::new());
    for task in &tasks {
        if !text.is_empty() {
            text.push('\n');
        }
        text += &table(task);
        for (name, content) in files(task).map_err(|error| failed(out, error.to_string()))? {
            let path = out.join(name);
            replace_file(&path, content.as_bytes()).map_err(|error| failed(&path, error.to_string()))?;
            written.push(path);
        }
    }
    text.push('\n');
    written.iter().for_each(|path| _ = writeln!(text, "{}", path.display()));
    Ok(text)
}

/// Last values of all variants as a Markdown table.
fn table(task: &Task) -> String {
    let mut text = format!(
        "| {}, final {} | seeds | interquartile mean | 95 % interval | median | mean |\n|---|---|---|---|---|---|\n",
        task.name, task.metric
    );
    for group in Group::all(task) {
        let middle = group.estimate(|values| interquartile_mean(values.to_vec()));
        let interval =
            middle.interval.map_or("–".into(), |[low, high]| format!("{} to {}", short(low), short(high)));
        let [median, mean] = [median(group.last.clone()), mean(&group.last)].map(short);
        let (name, seeds, value) = (group.name, group.last.len(), short(middle.value));
        _ = writeln!(text, "| {name} | {seeds} | {value} | {interval} | {median} | {mean} |");
    }
    text
}

fn short(value: f64) -> String {
    super::sweep::short(value)
}

/// Names and contents of the files of a task.
fn files(task: &Task) -> Result<Vec<(String, String)>, Box<dyn std::error::Error>> {
    let groups = Group::all(task);
    let stem = slug(&task.name);
    let mut files = Vec::new();
    for (over, end, axis) in
        [(Over::EnvSteps, "env-steps", "env steps"), (Over::Seconds, "seconds", "seconds")]
    {
        let lines: Vec<Line<'_>> =
            groups.iter().map(|group| Line { name: group.name, points: group.curve(over) }).collect();
        let titles = Titles { figure: &task.name, x: axis, y: &task.metric };
        files.push((format!("{stem}-{end}.svg"), curves(&titles, &lines)?));
        let rows = lines.iter().flat_map(|line| {
            line.points.iter().map(|(x, estimate)| record(&[line.name.to_owned(), x.to_string()], *estimate))
        });
        files.push((format!("{stem}-{end}.csv"), csv(&["variant", axis, "iqm", "low", "high"], rows)?));
    }
    let rows: Vec<(&str, Estimate)> = groups
        .iter()
        .map(|group| (group.name, group.estimate(|own| interquartile_mean(own.to_vec()))))
        .collect();
    let figure = format!("{}: interquartile mean at the end", task.name);
    let titles = Titles { figure: &figure, x: &task.metric, y: "" };
    files.push((format!("{stem}-final.svg"), intervals(&titles, &rows)?));
    type Statistic = fn(&[f64]) -> f64;
    let statistics: [(&str, Statistic); 3] = [
        ("iqm", |values| interquartile_mean(values.to_vec())),
        ("median", |values| median(values.to_vec())),
        ("mean", mean),
    ];
    let rows = groups.iter().flat_map(|group| {
        statistics.map(|(name, statistic)| {
            record(
                &[group.name.to_owned(), group.last.len().to_string(), name.to_owned()],
                group.estimate(statistic),
            )
        })
    });
    files.push((
        format!("{stem}-final.csv"),
        csv(&["variant", "seeds", "statistic", "value", "low", "high"], rows)?,
    ));
    let lines = profiles(&groups);
    let titles = Titles { figure: &task.name, x: &task.metric, y: "share of seeds above" };
    files.push((format!("{stem}-profile.svg"), curves(&titles, &lines)?));
    let rows = lines.iter().flat_map(|line| {
        line.points.iter().map(|(x, estimate)| record(&[line.name.to_owned(), x.to_string()], *estimate))
    });
    files.push((format!("{stem}-profile.csv"), csv(&["variant", "above", "share", "low", "high"], rows)?));
    if groups.len() > 1 {
        let header = ["variant", "better than", "probability", "low", "high"];
        files.push((format!("{stem}-improvement.csv"), csv(&header, improvements(&groups).into_iter())?));
    }
    Ok(files)
}

/// The share of each variant's seeds that end above a threshold, for all thresholds between the ends.
fn profiles<'a>(groups: &[Group<'a>]) -> Vec<Line<'a>> {
    let all = || groups.iter().flat_map(|group| &group.last).copied();
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    let threshold = |index: usize| low + (high - low) * index as f64 / (POINTS - 1) as f64;
    let share = |group: &Group<'a>, x: f64| (x, group.estimate(|values| share_above(values, x)));
    let line = |group: &Group<'a>| Line {
        name: group.name,
        points: (0..POINTS).map(|index| share(group, threshold(index))).collect(),
    };
    groups.iter().map(line).collect()
}

/// The probability that a seed of one variant ends above one of another, for all pairs.
fn improvements(groups: &[Group<'_>]) -> Vec<Vec<String>> {
    let pairs = groups.iter().flat_map(|own| groups.iter().map(move |other| (own, other)));
    let pairs = pairs.filter(|(own, other)| own.name != other.name);
    pairs
        .map(|(own, other)| {
            record(&[own.name.to_owned(), other.name.to_owned()], own.improvement_over(other))
        })
        .collect()
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

/// `name` as the beginning of a file's name.
fn slug(name: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = name.chars().map(plain).collect();
    name.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}
