//! A vector environment: arenas of one world whose episodes and actions are up to the caller, for programs that bring an
//! agent of their own. The Python package is made of it.

mod error;
mod opponent;
#[cfg(test)]
mod tests;

use bevy::prelude::*;

pub use error::VectorEnvError;
pub use opponent::{Lineup, PlayerError};

use crate::agent::tick::Spec;
use crate::agent::{ActorStates, AgentPlugin, Controller, ControllerAssignment, LearningPolicy};
use crate::learner::untrained;
use crate::mdp::{ActionRow, ActionSpace, EnvironmentSpec, EpisodeEnd, Stream};
use crate::sim::arena::{Begin, EnvironmentHooks, ManualReset};
use crate::sim::{self, AgentSlots, Arena, SimConfig, SimPool, run_agent_step};
use crate::worlds::WorldChoice;

/// Largest number of arenas.
pub const MOST_ENVS: usize = 65_536;

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

/// The actions of one step, for every arena and every slot that the caller plays, arena by arena.
#[derive(Debug, Clone, Copy)]
pub enum Actions<'a> {
    /// `[envs · players]`: indices of discrete actions.
    Discrete(&'a [i64]),
    /// `[envs · players · dims]`: points of the box, in the environment's units; what lies outside is clamped to it.
    Continuous(&'a [f32]),
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
    world: World,
    spec: EnvironmentSpec,
    begin: fn(&mut World, &[Begin]),
    arenas: QueryState<&'static mut AgentSlots, With<Arena>>,
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
        let Lineup { players, policies } = lineup;
        lineup_fits(&spec, &hooks, &players)?;
        spec.episode_limit = config.episode_limit.unwrap_or(spec.episode_limit);
        let played: Vec<usize> =
            (0..players.len()).filter(|slot| players[*slot] == Controller::External).collect();
        let mut app = App::new();
        app.add_plugins(sim::plugin).insert_resource(ManualReset).insert_resource(match config.threads {
            0 => SimPool::default(),
            threads => SimPool::new(threads),
        });
        world.add_to(&mut app, SimConfig { arenas: config.num_envs, seed: 0, stream: Stream::Environment });
        app.insert_resource(Spec(spec.clone()));
        // Where the caller plays every slot, nobody has to decide.
        if played.len() < players.len() {
            let policy = LearningPolicy(untrained(&spec.action));
            app.add_plugins(AgentPlugin::new(spec.clone(), ControllerAssignment::all(players), policy))
                .insert_resource(policies);
        }
        app.finish();
        app.cleanup();
        let mut world = std::mem::take(app.world_mut());
        let (envs, rows) = (config.num_envs, config.num_envs * played.len());
        Ok(Self {
            arenas: world.query_filtered(),
            world,
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
        if let Some(mut states) = self.world.get_resource_mut::<ActorStates>() {
            for (env, begin) in begins.iter().enumerate() {
                if let Begin::Seeded(seed) = begin {
                    states.reseed(env, *seed);
                }
            }
        }
        (self.begin)(&mut self.world, begins);
        for (ended, begin) in self.ended.iter_mut().zip(begins) {
            *ended &= *begin == Begin::Not;
        }
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
        self.write(actions)?;
        run_agent_step(&mut self.world);
        let Self { world, arenas, played, ended, outcome, .. } = self;
        for seats in arenas.iter(world) {
            let env = seats.arena;
            (outcome.terminated[env], outcome.truncated[env]) = match seats.end {
                Some(EpisodeEnd::Terminated) => (true, false),
                Some(EpisodeEnd::Truncated) => (false, true),
                None => (false, false),
            };
            ended[env] |= seats.end.is_some();
            for (player, slot) in played.iter().enumerate() {
                let row = env * played.len() + player;
                outcome.rewards[row] = f64::from(seats.rewards[*slot]);
                let result = seats.end.map_or_else(Default::default, |_| seats.outcomes[*slot]);
                (outcome.success[row], outcome.scores[row]) = (result.success, f64::from(result.score));
            }
        }
        Ok(outcome)
    }

    fn write(&mut self, actions: Actions<'_>) -> Result<(), VectorEnvError> {
        let Self { world, spec, arenas, played, ended, .. } = self;
        let rows = ended.len() * played.len();
        let (given, wanted) = match (actions, &spec.action) {
            (Actions::Discrete(all), ActionSpace::Discrete(names)) => {
                let bad = |(row, action): (usize, &i64)| {
                    let playing = !ended.get(row / played.len())?;
                    (playing && !(0..names.len() as i64).contains(action)).then_some((row, *action))
                };
                if let Some((row, action)) = all.iter().enumerate().find_map(bad) {
                    let (env, actions) = (row / played.len(), names.len());
                    return Err(VectorEnvError::NoSuchAction { env, action, actions });
                }
                (all.len(), rows)
            }
            (Actions::Continuous(all), ActionSpace::Continuous(dimensions)) => {
                let width = dimensions.len() * played.len();
                let bad = |(at, value): (usize, &f32)| {
                    let playing = !ended.get(at / width)?;
                    (playing && !value.is_finite()).then_some((at, *value))
                };
                if let Some((at, value)) = all.iter().enumerate().find_map(bad) {
                    let name = dimensions[at % dimensions.len()].name.clone();
                    return Err(VectorEnvError::NotFinite { env: at / width, name, value });
                }
                (all.len(), rows * dimensions.len())
            }
            _ => return Err(VectorEnvError::Kind(spec.action.describe())),
        };
        if given != wanted {
            return Err(VectorEnvError::Number { given, wanted });
        }
        for mut seats in arenas.iter_mut(world) {
            let first = seats.arena * played.len();
            for (row, slot) in (first..).zip(played.iter()) {
                match (actions, &spec.action) {
                    // An arena that stands still may be given anything.
                    (Actions::Discrete(all), ActionSpace::Discrete(names)) => {
                        let most = names.len() as i64 - 1;
                        seats.actions.set(*slot, ActionRow::Discrete(all[row].clamp(0, most) as u16));
                    }
                    (Actions::Continuous(all), ActionSpace::Continuous(dimensions)) => {
                        let own =
                            seats.actions.vector_mut(*slot).iter_mut().zip(&all[row * dimensions.len()..]);
                        for ((own, value), bounds) in own.zip(dimensions) {
                            let value = if value.is_finite() { *value } else { bounds.middle() };
                            *own = value.clamp(bounds.low, bounds.high);
                        }
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Writes what the caller's players see: `vector` is `[envs, players, entries]`, `grid` is
    /// `[envs, players, height, width, channels]`, channels last as image libraries have it.
    ///
    /// # Errors
    /// [`VectorEnvError::Number`] for arrays of another size.
    pub fn observe(&mut self, vector: &mut [f32], grid: &mut [u8]) -> Result<(), VectorEnvError> {
        let Self { world, spec, arenas, played, ended, .. } = self;
        let (entries, shape) = (spec.observation.vector_len(), spec.observation.grid);
        let (rows, cells) = (ended.len() * played.len(), spec.observation.grid_len());
        for (given, wanted) in [(vector.len(), rows * entries), (grid.len(), rows * cells)] {
            if given != wanted {
                return Err(VectorEnvError::Number { given, wanted });
            }
        }
        for seats in arenas.iter(world) {
            for (row, slot) in (seats.arena * played.len()..).zip(played.iter()) {
                let (own_vector, own_grid) = seats.observations.row(*slot);
                vector[row * entries..][..entries].copy_from_slice(own_vector);
                if let Some(shape) = shape {
                    let pixels = &mut grid[row * cells..][..cells];
                    let planes = own_grid.chunks_exact((shape.height * shape.width).max(1));
                    for (channel, plane) in planes.enumerate() {
                        for (pixel, byte) in pixels.chunks_exact_mut(shape.channels).zip(plane) {
                            pixel[channel] = *byte;
                        }
                    }
                }
            }
        }
        Ok(())
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
