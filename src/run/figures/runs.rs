//! Reads the runs that figures show: folders of runs and of sweeps, by task and variant.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::FigureError;
use crate::config::RunConfig;
use crate::files::{self, ReadError, in_one_line};
use crate::learner::owner::entries;
use crate::metrics::Metrics;
use crate::metrics::run::{
    ENV_STEPS, EPISODE_RETURN, EVAL_LENGTH, EVAL_RETURN, EVAL_SCORE, EVAL_SUCCESS, SECONDS,
};
use crate::run::earlier::Earlier;
use crate::run::sweep::is_through;
use crate::run::{EvalSummary, Summary};

const CONFIG: &str = "config.toml";
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

/// The curve of a run; environment steps rise and seconds never fall.
pub(super) type Curve = Vec<Point>;

/// The value of `curve` at `x`, between its points along a straight line, before and after them the nearest one's; NaN
/// without points.
pub(super) fn value_at(curve: &Curve, over: Over, x: f64) -> f64 {
    let next = curve.partition_point(|point| over.of(point) < x);
    let Some(after) = curve.get(next).or(curve.last()) else { return f64::NAN };
    let before = next.checked_sub(1).map_or(after, |index| &curve[index]);
    let (from, to) = (over.of(before), over.of(after));
    if to <= from {
        return after.value;
    }
    let share = ((x - from) / (to - from)).clamp(0.0, 1.0);
    before.value + share * (after.value - before.value)
}

/// A run of a variant.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seed {
    /// The run's folder.
    pub(super) path: PathBuf,
    /// Empty if the run has logged no value.
    pub(super) curve: Curve,
    /// Its result.
    pub(super) result: f64,
}

/// All runs of one world and level.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Task {
    /// World and level, e.g. `lava-room level 2`.
    pub(super) name: String,
    /// The key of the metric of curves.
    pub(super) metric: String,
    /// What results are: `final` and a key if all runs are finished, else a key and the environment steps that all runs
    /// have reached.
    pub(super) result: String,
    /// The seeds of each variant.
    pub(super) variants: BTreeMap<String, Vec<Seed>>,
    /// Runs without any value.
    pub(super) left_out: Vec<PathBuf>,
}

/// A run as it stands on disk.
struct Run {
    path: PathBuf,
    variant: String,
    lines: Vec<Metrics>,
    /// The evaluation at its end, if it is finished.
    evaluation: Option<EvalSummary>,
}

impl Run {
    fn read(
        path: PathBuf,
        variant: &str,
        config: &RunConfig,
        summary: Option<Summary>,
    ) -> Result<Self, FigureError> {
        let lines = lines(&path)
            .map_err(|error| FigureError::Read { path: path.join(METRICS), reason: error.to_string() })?;
        let reached = lines.last().and_then(|line| line.get(ENV_STEPS)).unwrap_or_default();
        // A run that goes on leaves the summary of its earlier part until it ends.
        let whole = |summary: &Summary| is_through(summary, config) && summary.env_steps as f64 >= reached;
        let evaluation = summary.filter(whole).and_then(|summary| summary.eval);
        Ok(Self { path, variant: in_one_line(variant), lines, evaluation })
    }

    /// `metric` of the evaluation at its end.
    fn evaluated(&self, metric: &str) -> Option<f64> {
        let evaluation = self.evaluation.as_ref()?;
        match metric {
            key if key == EVAL_RETURN.key => Some(evaluation.episode_return.mean),
            key if key == EVAL_LENGTH.key => Some(evaluation.episode_length.mean),
            key if key == EVAL_SCORE.key => Some(evaluation.score.mean),
            key if key == EVAL_SUCCESS.key => Some(evaluation.success),
            _ => None,
        }
    }
}

/// Reads the runs in `folders`, which are runs and sweeps; `metric` is the key of the metric, by default the return of
/// greedy episodes if all runs of a task have it at two points, else that of training episodes. Results are those of
/// greedy episodes at the end if all runs of a task are finished with them, else values at the last environment step that
/// all of them have reached.
pub(super) fn read(folders: &[PathBuf], metric: Option<&str>) -> Result<Vec<Task>, FigureError> {
    let mut tasks: BTreeMap<String, Vec<Run>> = BTreeMap::new();
    let mut known = BTreeSet::new();
    for folder in folders {
        for (variant, path) in found(folder)? {
            // A run that is named twice, or through a link, is one seed.
            if !known.insert(path.canonicalize().unwrap_or_else(|_| path.clone())) {
                continue;
            }
            let folder = folder.display();
            let variant = match (variant, folders.len()) {
                (None, _) => folder.to_string(),
                (Some(name), 1) => name,
                // Two sweeps may have variants of one name.
                (Some(name), _) => format!("{folder} {name}"),
            };
            let Some(Earlier { config, summary }) = Earlier::read(&path).map_err(FigureError::Run)? else {
                continue;
            };
            let run = Run::read(path, &variant, &config, summary)?;
            tasks.entry(task_of(&config)).or_default().push(run);
        }
    }
    let tasks: Vec<Task> = tasks.into_iter().map(|(name, runs)| task(name, &runs, metric)).collect();
    match tasks.iter().all(|task| task.variants.is_empty()) {
        true => Err(FigureError::Empty { metric: metric.unwrap_or(EVAL_RETURN.key).to_owned() }),
        false => Ok(tasks),
    }
}

/// The lines of the metrics in the run folder `path`, none before the first is logged; what is no such line, like a torn
/// last one, is left out.
fn lines(path: &Path) -> Result<Vec<Metrics>, ReadError> {
    let file = path.join(METRICS);
    match files::lines(&file) {
        Ok(lines) => Ok(lines.filter_map(|line| serde_json::from_str(&line).ok()).collect()),
        Err(ReadError::Missing) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The runs in `folder` with their variants: itself, runs in it, and those of a sweep. Folders called `seed-…` are seeds of
/// the folder that they are in.
fn found(folder: &Path) -> Result<Vec<(Option<String>, PathBuf)>, FigureError> {
    let is_run = |path: &Path| path.join(CONFIG).is_file();
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    if !folder.exists() {
        return Err(FigureError::Missing { path: folder.to_owned() });
    }
    if is_run(folder) {
        return Ok(vec![(None, folder.to_owned())]);
    }
    let mut runs = Vec::new();
    for path in below(folder) {
        if is_run(&path) {
            let is_seed = name(&path).is_some_and(|name| name.starts_with("seed-"));
            runs.push((if is_seed { name(folder) } else { name(&path) }, path));
            continue;
        }
        let seeds = below(&path).into_iter().filter(|seed| is_run(seed));
        runs.extend(seeds.map(|seed| (name(&path), seed)));
    }
    match runs.is_empty() {
        true => Err(FigureError::NoRuns { path: folder.to_owned() }),
        false => Ok(runs),
    }
}

/// The folders in `folder`, by name.
fn below(folder: &Path) -> Vec<PathBuf> {
    let names = entries(folder).unwrap_or_default();
    names.into_iter().map(|name| folder.join(name)).filter(|path| path.is_dir()).collect()
}

fn task_of(config: &RunConfig) -> String {
    let level = config.level.as_deref().map(files::portable);
    in_one_line(&level.map_or_else(|| config.env.clone(), |level| format!("{} level {level}", config.env)))
}

fn task(name: String, runs: &[Run], metric: Option<&str>) -> Task {
    let on_the_way = |run: &Run| curve(&run.lines, EVAL_RETURN.key).len() > 1;
    let usual = if runs.iter().all(on_the_way) { EVAL_RETURN } else { EPISODE_RETURN };
    let last = metric.unwrap_or(EVAL_RETURN.key);
    let metric = metric.unwrap_or(usual.key);
    let finished: Option<Vec<f64>> = runs.iter().map(|run| run.evaluated(last)).collect();
    let curves: Vec<Curve> = runs.iter().map(|run| curve(&run.lines, metric)).collect();
    let reached =
        curves.iter().filter_map(|curve| Some(curve.last()?.env_steps)).fold(f64::INFINITY, f64::min);
    let result = match finished {
        Some(_) => format!("final {last}"),
        None => format!("{metric} after {reached} env steps"),
    };
    let (mut variants, mut left_out): (BTreeMap<String, Vec<Seed>>, _) = (BTreeMap::new(), Vec::new());
    for (index, (run, curve)) in runs.iter().zip(curves).enumerate() {
        let result = match &finished {
            Some(results) => results[index],
            None => value_at(&curve, Over::EnvSteps, reached),
        };
        match result.is_finite() {
            true => variants.entry(run.variant.clone()).or_default().push(Seed {
                path: run.path.clone(),
                curve,
                result,
            }),
            false => left_out.push(run.path.clone()),
        }
    }
    Task { name, metric: metric.to_owned(), result, variants, left_out }
}

/// The values of `metric` in `lines` that are numbers of single precision.
fn curve(lines: &[Metrics], metric: &str) -> Curve {
    let value = |line: &Metrics| {
        let value = line.numbers().find(|(own, _)| *own == metric).map(|(_, value)| value);
        value.filter(|value| value.abs() <= f64::from(f32::MAX))
    };
    let point = |line: &Metrics| {
        Some(Point {
            env_steps: line.get(ENV_STEPS)?,
            seconds: line.get(SECONDS).unwrap_or_default(),
            value: value(line)?,
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
