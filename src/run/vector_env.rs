//! A vector environment: arenas of one world whose episodes and actions are up to the caller, for programs that bring an
//! agent of their own. The Python package is made of it.

mod actions;
mod error;
mod opponent;
mod shard;
#[cfg(test)]
mod tests;

use bevy::prelude::*;

pub use actions::Actions;
pub use error::VectorEnvError;
pub use opponent::{Lineup, PlayerError};

use crate::agent::Controller;
use crate::mdp::EnvironmentSpec;
use crate::run::picture::{picture, picture_size};
use crate::sim::SimPool;
use crate::sim::arena::{Begin, EnvironmentHooks, FEWEST};
use crate::worlds::WorldChoice;
use shard::{Results, Shard, Work};

/// Largest number of arenas.
pub const MOST_ENVS: usize = 65_536;

/// With fewer arenas without bodies for each thread, handing steps to others costs more than it brings.
const FEWEST_BODILESS: usize = 64;

/// How a vector environment is set up.
#[derive(Debug, Clone, Default)]
pub struct VectorEnvConfig {
    /// Number of arenas, 1 to [`MOST_ENVS`].
    pub num_envs: usize,
    /// Threads that step them; 0 for one per core.
    pub threads: usize,
    /// Agent steps after which an episode is truncated, in place of the world's own limit.
    pub episode_limit: Option<u32>,
}

/// When episodes begin by themselves, in the words of Gymnasium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Autoreset {
    /// In the step after the one that ended the last, whose action is ignored.
    NextStep,
    /// In the step that ends the last.
    SameStep,
    /// Never: [`VectorEnv::begin`] does it.
    Disabled,
}

/// What the caller's players see.
#[derive(Debug)]
pub struct Seen<'a> {
    /// `[envs, players, entries]`.
    pub vector: &'a mut [f32],
    /// `[envs, players, height, width, channels]`, channels last as image libraries have it.
    pub grid: &'a mut [u8],
}

/// What one step led to.
#[derive(Debug, Clone, Default)]
pub struct StepOutcome {
    /// `[envs · players]`: rewards.
    pub rewards: Vec<f64>,
    /// `[envs]`: whether a terminal state was reached.
    pub terminated: Vec<bool>,
    /// `[envs]`: whether the time limit ended the episode, and no terminal state did.
    pub truncated: Vec<bool>,
    /// `[envs · players]`: whether the goal was reached or the match won, where an episode has ended.
    pub success: Vec<bool>,
    /// `[envs · players]`: points for minus points against, or 1/0, where an episode has ended.
    pub scores: Vec<f64>,
}

impl StepOutcome {
    /// Whether the episode of arena `env` has ended in this step.
    pub fn ended(&self, env: usize) -> bool {
        self.terminated[env] || self.truncated[env]
    }
}

/// Arenas of one world, stepped together.
///
/// An arena whose episode has ended stands still, with its final observation, until [`VectorEnv::begin`] puts it to the
/// start of another one. An arena plays the same whatever the number of arenas and threads: begun with seed `s`, arena `i`
/// plays like the only one of an environment begun with `s`.
///
/// ```
/// use entropy_arcade::run::{Actions, Lineup, VectorEnv, VectorEnvConfig};
/// use entropy_arcade::sim::arena::Begin;
/// use entropy_arcade::worlds::WorldChoice;
///
/// let world = WorldChoice::new("cartpole", None)?;
/// let config = VectorEnvConfig { num_envs: 2, ..Default::default() };
/// let mut env = VectorEnv::new(&world, Lineup::alone(&world.spec()), &config)?;
/// env.begin(&[Begin::Seeded(7), Begin::Seeded(8)]);
/// let mut steps = 0;
/// while !env.step(Actions::Discrete(&[0, 0]))?.ended(0) {
///     steps += 1;
///     env.begin_ended();
/// }
/// assert!(steps < 15, "pushed to one side, the pole falls");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct VectorEnv {
    /// Equally many arenas each, but for the last.
    shards: Vec<Shard>,
    pool: SimPool,
    spec: EnvironmentSpec,
    begin: fn(&mut World, &[Begin]),
    /// The slots that the caller plays.
    played: Vec<usize>,
    /// `[envs]`: whether the episode has ended and no other has begun.
    ended: Vec<bool>,
    outcome: StepOutcome,
}

impl VectorEnv {
    /// Arenas of `world` played by `lineup`, at starts of seed 0.
    ///
    /// # Errors
    /// [`VectorEnvError`] for a number out of range and for a player that the world does not have.
    pub fn new(
        world: &WorldChoice,
        lineup: Lineup,
        config: &VectorEnvConfig,
    ) -> Result<Self, VectorEnvError> {
        if !(1..=MOST_ENVS).contains(&config.num_envs) {
            return Err(VectorEnvError::NumEnvs(config.num_envs));
        }
        if config.episode_limit == Some(0) {
            return Err(VectorEnvError::EpisodeLimit);
        }
        let mut spec = world.spec();
        let hooks = *world.capabilities();
        let players = &lineup.players;
        lineup_fits(&spec, &hooks, players)?;
        spec.episode_limit = config.episode_limit.unwrap_or(spec.episode_limit);
        let played: Vec<usize> =
            (0..players.len()).filter(|slot| players[*slot] == Controller::External).collect();
        let pool = match config.threads {
            0 => SimPool::default(),
            threads => SimPool::new(threads),
        };
        let (envs, rows) = (config.num_envs, config.num_envs * played.len());
        let fewest = if hooks.has_bodies { FEWEST } else { FEWEST_BODILESS };
        let each = envs.div_ceil(pool.threads().min(envs / fewest).max(1));
        let shards = (0..envs)
            .step_by(each)
            .map(|first| Shard::new(world, &lineup, &spec, first, each.min(envs - first)));
        Ok(Self {
            shards: shards.collect(),
            pool,
            spec,
            begin: hooks.begin,
            played,
            ended: vec![false; envs],
            outcome: StepOutcome {
                rewards: vec![0.0; rows],
                terminated: vec![false; envs],
                truncated: vec![false; envs],
                success: vec![false; rows],
                scores: vec![0.0; rows],
            },
        })
    }

    /// Its spec; the limit of episodes is the one that was asked for.
    pub fn spec(&self) -> &EnvironmentSpec {
        &self.spec
    }

    /// Number of arenas.
    pub fn num_envs(&self) -> usize {
        self.ended.len()
    }

    /// Number of slots that the caller plays in every arena.
    pub fn players(&self) -> usize {
        self.played.len()
    }

    /// Whether the episode of arena `env` has ended and no other has begun.
    pub fn has_ended(&self, env: usize) -> bool {
        self.ended[env]
    }

    /// Begins episodes: `begins[i]` is for arena `i`, others go on. A seed also restarts the random numbers of the players
    /// that are not the caller.
    pub fn begin(&mut self, begins: &[Begin]) {
        let (begin, each) = (self.begin, self.each());
        let mut jobs: Vec<_> = self.shards.iter_mut().zip(begins.chunks(each)).collect();
        self.pool.together(&mut jobs, |(shard, begins)| shard.begin(begin, begins));
        for (ended, begin) in self.ended.iter_mut().zip(begins) {
            *ended &= *begin == Begin::Not;
        }
    }

    /// Number of arenas in every shard but the last.
    fn each(&self) -> usize {
        self.shards.first().map_or(1, Shard::count)
    }

    /// Begins the next episode of every arena whose episode has ended.
    pub fn begin_ended(&mut self) {
        let begins = |ended: &bool| if *ended { Begin::Next } else { Begin::Not };
        let begins: Vec<Begin> = self.ended.iter().map(begins).collect();
        if begins.contains(&Begin::Next) {
            self.begin(&begins);
        }
    }

    /// Makes one agent step in every arena whose episode goes on. For the others actions are ignored and rewards are 0.
    ///
    /// # Errors
    /// [`VectorEnvError`] for actions that are not of the space; nothing has moved then.
    pub fn step(&mut self, actions: Actions<'_>) -> Result<&StepOutcome, VectorEnvError> {
        self.advance(actions, Autoreset::Disabled, None)
    }

    /// The same, and begins episodes as `autoreset` says. Writes what is seen then to the first of `seen`; where
    /// [`Autoreset::SameStep`] has begun an episode, the last observation of the one before to the second, which is left as
    /// it is elsewhere.
    ///
    /// # Errors
    /// [`VectorEnvError`] for actions that are not of the space, and for arrays of another size; nothing has moved then.
    pub fn step_into(
        &mut self,
        actions: Actions<'_>,
        autoreset: Autoreset,
        seen: [Seen<'_>; 2],
    ) -> Result<&StepOutcome, VectorEnvError> {
        self.advance(actions, autoreset, Some(seen))
    }

    fn advance(
        &mut self,
        actions: Actions<'_>,
        autoreset: Autoreset,
        seen: Option<[Seen<'_>; 2]>,
    ) -> Result<&StepOutcome, VectorEnvError> {
        actions.check(&self.spec.action, self.played.len(), &self.ended)?;
        let mut seen = match seen {
            Some([now, last]) => self.split(now)?.into_iter().zip(self.split(last)?).map(Some).collect(),
            None => Vec::new(),
        }
        .into_iter();
        let (each, players) = (self.each(), self.played.len());
        let Self { shards, pool, spec, begin, played, ended, outcome } = self;
        let StepOutcome { rewards, terminated, truncated, success, scores } = outcome;
        let (rows, begin) = (each * players, *begin);
        let flags = ended.chunks_mut(each).zip(terminated.chunks_mut(each)).zip(truncated.chunks_mut(each));
        let values = rewards.chunks_mut(rows).zip(success.chunks_mut(rows)).zip(scores.chunks_mut(rows));
        let results =
            flags.zip(values).map(|(((ended, terminated), truncated), ((rewards, success), scores))| {
                Results { ended, rewards, terminated, truncated, success, scores }
            });
        let jobs = shards.iter_mut().zip(results).enumerate();
        let mut jobs: Vec<_> = jobs.map(|job| (job, seen.next().flatten())).collect();
        pool.together(&mut jobs, |((index, (shard, results)), seen)| {
            let actions = actions.part(*index * rows, shard.count() * players, &spec.action);
            shard.step(Work { actions, spec, played, autoreset, begin }, results, seen.as_mut());
        });
        Ok(outcome)
    }

    /// Writes what the caller's players see.
    ///
    /// # Errors
    /// [`VectorEnvError::Number`] for arrays of another size.
    pub fn observe(&mut self, vector: &mut [f32], grid: &mut [u8]) -> Result<(), VectorEnvError> {
        let parts = self.split(Seen { vector, grid })?;
        let Self { shards, pool, spec, played, .. } = self;
        let mut jobs: Vec<_> = shards.iter_mut().zip(parts).collect();
        pool.together(&mut jobs, |(shard, seen)| shard.observe(spec, played, |_| true, seen));
        Ok(())
    }

    /// A picture of arena `env` as it is now, `[height, width, 3]` bytes of sRGB, with its height and width; `None` if there
    /// is no such arena. Its size is always the same.
    pub fn picture(&mut self, env: usize) -> Option<(Vec<u8>, [usize; 2])> {
        let each = self.each();
        let sketch = self.shards.get_mut(env / each)?.sketch(env % each)?;
        let size = picture_size(sketch.half);
        Some((picture(&sketch, size), [size[1] as usize, size[0] as usize]))
    }

    /// The part of each shard.
    fn split<'a>(&self, seen: Seen<'a>) -> Result<Vec<Seen<'a>>, VectorEnvError> {
        let Seen { mut vector, mut grid } = seen;
        let players = self.played.len();
        let (entries, cells) = (self.spec.observation.vector_len(), self.spec.observation.grid_len());
        let rows = self.ended.len() * players;
        for (given, wanted) in [(vector.len(), rows * entries), (grid.len(), rows * cells)] {
            if given != wanted {
                return Err(VectorEnvError::Number { given, wanted });
            }
        }
        let mut parts = Vec::with_capacity(self.shards.len());
        for shard in &self.shards {
            let rows = shard.count() * players;
            let own;
            (own, vector) = vector.split_at_mut(rows * entries);
            let own_grid;
            (own_grid, grid) = grid.split_at_mut(rows * cells);
            parts.push(Seen { vector: own, grid: own_grid });
        }
        Ok(parts)
    }
}

/// Checks the players of every slot against what the world has.
fn lineup_fits(
    spec: &EnvironmentSpec,
    hooks: &EnvironmentHooks,
    players: &[Controller],
) -> Result<(), VectorEnvError> {
    if players.len() != spec.slots() {
        return Err(VectorEnvError::Players { given: players.len(), slots: spec.slots() });
    }
    if !players.contains(&Controller::External) {
        return Err(VectorEnvError::NobodyPlays);
    }
    if players.contains(&Controller::Scripted) && !hooks.scripted {
        return Err(VectorEnvError::NoScript(spec.name.clone()));
    }
    Ok(())
}
