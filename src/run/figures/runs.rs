//! Reads the runs that figures show: folders of runs and of sweeps, by task and variant.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::FigureError;
use crate::config::RunConfig;
use crate::files;
use crate::learner::owner::entries;
use crate::metrics::Metrics;
use crate::metrics::run::{ENV_STEPS, EPISODE_RETURN, EVAL_RETURN, SECONDS};

const METRICS: &str = "metrics.jsonl";

/// A point of a learning curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) env_steps: f64,
    pub(super) seconds: f64,
    pub(super) value: f64,
}

/// What a curve is drawn over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    EnvSteps,
    Seconds,
}

impl Over {
    pub(super) fn of(self, point: &Point) -> f64 {
        match self {
            Self::EnvSteps => point.env_steps,
            Self::Seconds => point.seconds,
        }
    }
}

/// The curve of a run: one or more points, whose steps and seconds never fall.
pub(super) type Curve = Vec<Point>;

/// All runs of one world and level.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Task {
    /// World and level, e.g. `lava-room level 2`.
    pub(super) name: String,
    /// The key of the metric.
    pub(super) metric: String,
    /// The curves of each variant's seeds.
    pub(super) variants: BTreeMap<String, Vec<Curve>>,
}

/// A run as it stands on disk.
struct Run {
    task: String,
    variant: String,
    lines: Vec<Metrics>,
}

/// Reads the runs in `folders`, which are runs and sweeps; `metric` is the key of the metric, by default the return of
/// greedy episodes if all runs of a task have it at two points, else that of training episodes.
pub(super) fn read(folders: &[PathBuf], metric: Option<&str>) -> Result<Vec<Task>, FigureError> {
    let mut tasks: BTreeMap<String, Vec<Run>> = BTreeMap::new();
    let several = folders.len() > 1;
    for folder in folders {
        for (variant, path) in found(folder)? {
            let name = variant.unwrap_or_else(|| folder.display().to_string());
            // Two sweeps may have variants of one name.
            let variant = match several && path != *folder {
                true => format!("{} {name}", folder.file_name().unwrap_or_default().display()),
                false => name,
            };
            let config = RunConfig::written(&path.join("config.toml"))?;
            let lines = lines(&path)
                .map_err(|error| FigureError::Read { path: path.join(METRICS), reason: error.to_string() })?;
            let run = Run { task: task_of(&config), variant, lines };
            tasks.entry(run.task.clone()).or_default().push(run);
        }
    }
    let tasks = tasks.into_iter().map(|(name, runs)| task(name, &runs, metric));
    let tasks: Vec<Task> = tasks.filter(|task| !task.variants.is_empty()).collect();
    match tasks.is_empty() {
        true => Err(FigureError::Empty { metric: metric.unwrap_or(EVAL_RETURN.key).to_owned() }),
        false => Ok(tasks),
    }
}

/// The lines of the metrics in the run folder `path`; what is no such line, like a torn last one, is left out.
fn lines(path: &Path) -> Result<Vec<Metrics>, files::ReadError> {
    let file = path.join(METRICS);
    let lines = files::lines(&file)?.filter_map(|line| serde_json::from_str(&line).ok()).collect();
    Ok(lines)
}

/// The runs in `folder` with their variants: itself, or those of a sweep.
fn found(folder: &Path) -> Result<Vec<(Option<String>, PathBuf)>, FigureError> {
    let is_run = |path: &Path| path.join(METRICS).is_file();
    if is_run(folder) {
        return Ok(vec![(None, folder.to_owned())]);
    }
    let mut runs = Vec::new();
    for variant in below(folder) {
        let name = variant.file_name().unwrap_or_default().display().to_string();
        let seeds = below(&variant).into_iter().filter(|path| is_run(path));
        runs.extend(seeds.map(|path| (Some(name.clone()), path)));
    }
    match runs.is_empty() {
        true => Err(FigureError::NoRuns { path: folder.to_owned() }),
        false => Ok(runs),
    }
}

/// The folders in `folder`, sorted.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        entries(folder).unwrap_or_default().into_iter().map(|name| folder.join(name)).collect();
    all.retain(|path| path.is_dir());
    all.sort();
    all
}

fn task_of(config: &RunConfig) -> String {
    let level = config.level.as_deref().map(files::portable);
    level.map_or_else(|| config.env.clone(), |level| format!("{} level {level}", config.env))
}

fn task(name: String, runs: &[Run], metric: Option<&str>) -> Task {
    let evaluated = |run: &Run| curve(&run.lines, EVAL_RETURN.key).len() > 1;
    let usual = if runs.iter().all(evaluated) { EVAL_RETURN } else { EPISODE_RETURN };
    let metric = metric.unwrap_or(usual.key).to_owned();
    let mut variants: BTreeMap<String, Vec<Curve>> = BTreeMap::new();
    for run in runs {
        let curve = curve(&run.lines, &metric);
        if !curve.is_empty() {
            variants.entry(run.variant.clone()).or_default().push(curve);
        }
    }
    Task { name, metric, variants }
}

/// The finite values of `metric` in `lines`.
fn curve(lines: &[Metrics], metric: &str) -> Curve {
    let value = |line: &Metrics, key: &str| {
        line.numbers().find(|(own, _)| *own == key).map(|(_, value)| value).filter(|value| value.is_finite())
    };
    let point = |line: &Metrics| {
        Some(Point {
            env_steps: line.get(ENV_STEPS)?,
            seconds: line.get(SECONDS).unwrap_or_default(),
            value: value(line, metric)?,
        })
    };
    let mut curve: Curve = lines.iter().filter_map(point).collect();
    let mut last = [f64::NEG_INFINITY; 2];
    curve.retain(|point| {
        let forward = point.env_steps > last[0] && point.seconds >= last[1];
        if forward {
            last = [point.env_steps, point.seconds];
        }
        forward
    });
    curve
}

/// Keys of all metrics in `folders` that are single numbers.
pub(super) fn keys(folders: &[PathBuf]) -> BTreeSet<String> {
    let runs = folders.iter().flat_map(|folder| found(folder).unwrap_or_default());
    let lines = runs.flat_map(|(_, path)| lines(&path).unwrap_or_default());
    lines.flat_map(|line| line.numbers().map(|(key, _)| key.to_owned()).collect::<Vec<_>>()).collect()
}
