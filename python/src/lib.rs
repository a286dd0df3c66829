//! The native part of the Python package: a thin layer over [`VectorEnv`], with numpy arrays in and out.
//!
//! What a Python user meets is written in Python, in `entropy_arcade/`; everything here takes and gives whole batches.
//! While arenas move, other Python threads run.

use std::path::PathBuf;

use entropy_arcade::mdp::WorldOptions;
use entropy_arcade::run::vector_env::{Autoreset, Seen, StepOutcome};
use entropy_arcade::run::{self, Actions, Lineup, VectorEnv, VectorEnvConfig, VectorEnvError};
use entropy_arcade::sim::arena::Begin;
use entropy_arcade::worlds::{self, WorldChoice};
use numpy::{IntoPyArray as _, PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde_json::json;

/// As in the program: physics allocates in every step.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn refused(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// The world called `world`, with `options` as JSON.
fn choose(world: &str, level: Option<PathBuf>, options: &str) -> PyResult<WorldChoice> {
    let options: WorldOptions = serde_json::from_str(options).map_err(refused)?;
    WorldChoice::with_options(world, level.as_deref(), &options).map_err(refused)
}

/// One observation array of floats and one of bytes, both flat.
type Observations = (Vec<f32>, Vec<u8>);

/// What one step gives: observations, rewards, terminated, truncated, success, scores, and, where an episode has ended and
/// the next one has begun, the final observations.
type Step<'py> = (
    Bound<'py, PyArray1<f32>>,
    Bound<'py, PyArray1<u8>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<bool>>,
    Bound<'py, PyArray1<bool>>,
    Bound<'py, PyArray1<bool>>,
    Bound<'py, PyArray1<f64>>,
    Option<(Bound<'py, PyArray1<f32>>, Bound<'py, PyArray1<u8>>)>,
);

/// Arenas of one world, stepped together.
#[pyclass(module = "entropy_arcade._core")]
struct Arenas {
    env: VectorEnv,
    autoreset: Autoreset,
    bound: f32,
    /// The last observations of ended episodes.
    last: Observations,
}

#[pymethods]
impl Arenas {
    #[new]
    #[pyo3(signature = (world, level, held_out, options, num_envs, partner, opponent, threads, episode_limit, autoreset))]
    fn new(
        py: Python<'_>,
        world: &str,
        level: Option<PathBuf>,
        held_out: bool,
        options: &str,
        num_envs: usize,
        partner: Option<&str>,
        opponent: Option<&str>,
        threads: usize,
        episode_limit: Option<u32>,
        autoreset: &str,
    ) -> PyResult<Self> {
        let autoreset = match autoreset {
            "next_step" => Autoreset::NextStep,
            "same_step" => Autoreset::SameStep,
            "disabled" => Autoreset::Disabled,
            other => {
                return Err(refused(format!("autoreset = {other}: allowed: next_step, same_step, disabled")));
            }
        };
        let mut choice = choose(world, level, options)?;
        if held_out {
            let none = || {
                refused(
                    "split = test: only generated levels (level=\"random:DIFFICULTY\") have held-out ones",
                )
            };
            choice = choice.as_evaluated().ok_or_else(none)?;
        }
        let lineup = match (partner, opponent) {
            (Some(partner), Some(opponent)) => {
                Lineup::against(&choice, partner, opponent).map_err(refused)?
            }
            _ => Lineup::alone(&choice.spec()),
        };
        let config = VectorEnvConfig { num_envs, threads, episode_limit };
        let env = py.detach(|| VectorEnv::new(&choice, lineup, &config)).map_err(refused)?;
        let last = empty(&env);
        Ok(Self { env, autoreset, bound: worlds::largest_observation(world), last })
    }

    /// The spec as JSON, with the number of players and the largest absolute observation.
    fn spec(&self) -> PyResult<String> {
        let spec = self.env.spec();
        let said = json!({ "spec": spec, "players": self.env.players(), "bound": self.bound, "limit": spec.limit() });
        serde_json::to_string(&said).map_err(refused)
    }

    /// Begins episodes where `mask` is set, with `seeds` or with the next start.
    fn begin<'py>(
        &mut self,
        py: Python<'py>,
        mask: Vec<bool>,
        seeds: Option<Vec<Option<u64>>>,
    ) -> PyResult<(Bound<'py, PyArray1<f32>>, Bound<'py, PyArray1<u8>>)> {
        let begin = |(env, begins): (usize, &bool)| match seeds.as_ref().and_then(|seeds| *seeds.get(env)?) {
            _ if !begins => Begin::Not,
            None => Begin::Next,
            Some(seed) => Begin::Seeded(seed),
        };
        let begins: Vec<Begin> = mask.iter().enumerate().map(begin).collect();
        let env = &mut self.env;
        let (vector, grid) = py
            .detach(|| {
                env.begin(&begins);
                observe(env)
            })
            .map_err(refused)?;
        Ok((vector.into_pyarray(py), grid.into_pyarray(py)))
    }

    /// A picture of arena `env` as it is now: bytes of red, green and blue, with height and width.
    fn picture<'py>(
        &mut self,
        py: Python<'py>,
        env: usize,
    ) -> PyResult<(Bound<'py, PyArray1<u8>>, [usize; 2])> {
        let own = &mut self.env;
        let missing = || refused(format!("environment {env}: there is none such"));
        let (pixels, size) = py.detach(|| own.picture(env)).ok_or_else(missing)?;
        Ok((pixels.into_pyarray(py), size))
    }

    /// Makes a step with discrete `actions`.
    fn step_discrete<'py>(
        &mut self,
        py: Python<'py>,
        actions: PyReadonlyArray1<'py, i64>,
    ) -> PyResult<Step<'py>> {
        let actions = actions.as_slice()?.to_vec();
        self.step(py, Actions::Discrete(&actions))
    }

    /// Makes a step with continuous `actions`.
    fn step_continuous<'py>(
        &mut self,
        py: Python<'py>,
        actions: PyReadonlyArray1<'py, f32>,
    ) -> PyResult<Step<'py>> {
        let actions = actions.as_slice()?.to_vec();
        self.step(py, Actions::Continuous(&actions))
    }
}

impl Arenas {
    fn step<'py>(&mut self, py: Python<'py>, actions: Actions<'_>) -> PyResult<Step<'py>> {
        let Self { env, autoreset, last, .. } = self;
        let advanced = py.detach(|| advance(env, *autoreset, actions, last));
        let (outcome, last, seen) = advanced.map_err(refused)?;
        let StepOutcome { rewards, terminated, truncated, success, scores } = outcome;
        Ok((
            seen.0.into_pyarray(py),
            seen.1.into_pyarray(py),
            rewards.into_pyarray(py),
            terminated.into_pyarray(py),
            truncated.into_pyarray(py),
            success.into_pyarray(py),
            scores.into_pyarray(py),
            last.map(|(vector, grid)| (vector.into_pyarray(py), grid.into_pyarray(py))),
        ))
    }
}

/// A step, and the episodes that begin by themselves.
fn advance(
    env: &mut VectorEnv,
    autoreset: Autoreset,
    actions: Actions<'_>,
    last: &mut Observations,
) -> Result<(StepOutcome, Option<Observations>, Observations), VectorEnvError> {
    let mut now = empty(env);
    let seen =
        [Seen { vector: &mut now.0, grid: &mut now.1 }, Seen { vector: &mut last.0, grid: &mut last.1 }];
    let outcome = env.step_into(actions, autoreset, seen)?;
    let any = (0..outcome.terminated.len()).any(|own| outcome.ended(own));
    let last = (autoreset == Autoreset::SameStep && any).then(|| last.clone());
    Ok((outcome.clone(), last, now))
}

fn empty(env: &VectorEnv) -> Observations {
    let (rows, space) = (env.num_envs() * env.players(), &env.spec().observation);
    (vec![0.0; rows * space.vector_len()], vec![0; rows * space.grid_len()])
}

fn observe(env: &mut VectorEnv) -> Result<Observations, VectorEnvError> {
    let (mut vector, mut grid) = empty(env);
    env.observe(&mut vector, &mut grid)?;
    Ok((vector, grid))
}

/// All worlds as JSON: name, summary, teams of its slots, number of levels, whether it has a hand-written player.
#[pyfunction]
fn catalogue() -> PyResult<String> {
    let mut all = Vec::new();
    for entry in worlds::CATALOGUE {
        let world = WorldChoice::new(entry.name, None).map_err(refused)?;
        let spec = world.spec();
        all.push(json!({
            "name": entry.name,
            "id": worlds::gymnasium_id(entry.name),
            "summary": spec.summary,
            "teams": spec.teams,
            "levels": entry.levels().len(),
            "scripted": world.capabilities().scripted,
            "agents": entry.agents.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        }));
    }
    serde_json::to_string(&all).map_err(refused)
}

/// The fingerprint of a world, which is the same as that of the arcade's own tests.
#[pyfunction]
#[pyo3(signature = (world, level=None, options="{}"))]
fn fingerprint(py: Python<'_>, world: &str, level: Option<PathBuf>, options: &str) -> PyResult<String> {
    let choice = choose(world, level, options)?;
    Ok(py.detach(|| format!("{:016x}", run::fingerprint(&choice))))
}

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<Arenas>()?;
    module.add_function(wrap_pyfunction!(catalogue, module)?)?;
    module.add_function(wrap_pyfunction!(fingerprint, module)?)
}
