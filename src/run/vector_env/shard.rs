//! A share of the arenas in an ECS world of its own: threads that step one each wait for one another once a step, and
//! every arena stays in the cache of one core.

use bevy::prelude::*;

use super::{Actions, Autoreset, Lineup, Seen};
use crate::agent::tick::Spec;
use crate::agent::{ActorStates, AgentPlugin, Controller, ControllerAssignment, LearningPolicy};
use crate::learner::untrained;
use crate::mdp::{ActionRow, ActionSpace, EnvironmentSpec, EpisodeEnd, Stream};
use crate::sim::arena::{Begin, EnvironmentHooks, FirstArena, ManualReset};
use crate::sim::{self, AgentSlots, Arena, SimConfig, SimPool, Sketch, run_agent_step};
use crate::worlds::WorldChoice;

/// Where a shard writes what a step led to; each field as in [`StepOutcome`](super::StepOutcome), for its arenas.
pub(super) struct Results<'a> {
    pub(super) ended: &'a mut [bool],
    pub(super) rewards: &'a mut [f64],
    pub(super) terminated: &'a mut [bool],
    pub(super) truncated: &'a mut [bool],
    pub(super) success: &'a mut [bool],
    pub(super) scores: &'a mut [f64],
}

/// What a step of all shards has in common, and the actions of one.
#[derive(Clone, Copy)]
pub(super) struct Work<'a> {
    pub(super) actions: Actions<'a>,
    pub(super) spec: &'a EnvironmentSpec,
    /// Slots that the actions are for.
    pub(super) played: &'a [usize],
    pub(super) autoreset: Autoreset,
    pub(super) begin: fn(&mut World, &[Begin]),
}

pub(super) struct Shard {
    world: World,
    arenas: QueryState<&'static mut AgentSlots, With<Arena>>,
    /// Number of its arenas.
    count: usize,
}

impl Shard {
    /// `count` arenas of `choice` from number `first` on, played by `lineup`.
    pub(super) fn new(
        choice: &WorldChoice,
        lineup: &Lineup,
        spec: &EnvironmentSpec,
        first: usize,
        count: usize,
    ) -> Self {
        let mut app = App::new();
        app.add_plugins(sim::plugin)
            .insert_resource(ManualReset)
            .insert_resource(SimPool::new(1))
            .insert_resource(FirstArena(first));
        choice.add_to(&mut app, SimConfig { arenas: count, seed: 0, stream: Stream::Environment });
        app.insert_resource(Spec(spec.clone()));
        let Lineup { players, policies } = lineup.clone();
        // Where the caller plays every slot, nobody has to decide.
        if players.iter().any(|player| *player != Controller::External) {
            let policy = LearningPolicy(untrained(&spec.action));
            app.add_plugins(AgentPlugin::new(spec.clone(), ControllerAssignment::all(players), policy))
                .insert_resource(policies);
            if let Some(mut states) = app.world_mut().get_resource_mut::<ActorStates>() {
                states.set_first_arena(first);
            }
        }
        app.finish();
        app.cleanup();
        let mut world = std::mem::take(app.world_mut());
        Self { arenas: world.query_filtered(), world, count }
    }

    /// Number of its arenas.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Begins episodes, see [`VectorEnv::begin`](super::VectorEnv::begin); `begins[i]` is for its arena `i`.
    pub(super) fn begin(&mut self, begin: fn(&mut World, &[Begin]), begins: &[Begin]) {
        if let Some(mut states) = self.world.get_resource_mut::<ActorStates>() {
            for (env, begin) in begins.iter().enumerate() {
                if let Begin::Seeded(seed) = begin {
                    states.reseed(env, *seed);
                }
            }
        }
        begin(&mut self.world, begins);
    }

    /// Makes a step, see [`VectorEnv::step_into`](super::VectorEnv::step_into).
    pub(super) fn step(
        &mut self,
        work: Work<'_>,
        results: &mut Results<'_>,
        seen: Option<&mut (Seen<'_>, Seen<'_>)>,
    ) {
        let Work { actions, spec, played, autoreset, begin } = work;
        let waited = results.ended.to_vec();
        self.write(actions, &spec.action, played);
        run_agent_step(&mut self.world);
        self.read(played, results);
        let Some((now, last)) = seen else { return };
        let begins = match autoreset {
            Autoreset::SameStep => {
                results.ended.iter().zip(waited).map(|(ended, waited)| *ended && !waited).collect()
            }
            Autoreset::NextStep => waited,
            Autoreset::Disabled => Vec::new(),
        };
        if begins.contains(&true) {
            if autoreset == Autoreset::SameStep {
                self.observe(spec, played, |env| begins[env], last);
            }
            let next = |begins: &bool| if *begins { Begin::Next } else { Begin::Not };
            self.begin(begin, &begins.iter().map(next).collect::<Vec<Begin>>());
            results.ended.iter_mut().zip(begins).for_each(|(ended, begins)| *ended &= !begins);
        }
        self.observe(spec, played, |_| true, now);
    }

    /// Reads what the step led to.
    fn read(&mut self, played: &[usize], results: &mut Results<'_>) {
        let Self { world, arenas, .. } = self;
        for seats in arenas.iter(world) {
            let env = seats.arena;
            (results.terminated[env], results.truncated[env]) = match seats.end {
                Some(EpisodeEnd::Terminated) => (true, false),
                Some(EpisodeEnd::Truncated) => (false, true),
                None => (false, false),
            };
            results.ended[env] |= seats.end.is_some();
            for (player, slot) in played.iter().enumerate() {
                let row = env * played.len() + player;
                results.rewards[row] = f64::from(seats.rewards[*slot]);
                let result = seats.end.map_or_else(Default::default, |_| seats.outcomes[*slot]);
                (results.success[row], results.scores[row]) = (result.success, f64::from(result.score));
            }
        }
    }

    fn write(&mut self, actions: Actions<'_>, space: &ActionSpace, played: &[usize]) {
        let Self { world, arenas, .. } = self;
        for mut seats in arenas.iter_mut(world) {
            let own = seats.arena * played.len();
            for (row, slot) in (own..).zip(played) {
                match (actions, space) {
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
    }

    /// Writes what the caller's players see in its arenas that are `wanted`.
    pub(super) fn observe(
        &mut self,
        spec: &EnvironmentSpec,
        played: &[usize],
        wanted: impl Fn(usize) -> bool,
        seen: &mut Seen<'_>,
    ) {
        let Seen { vector, grid } = seen;
        let Self { world, arenas, .. } = self;
        let (entries, cells) = (spec.observation.vector_len(), spec.observation.grid_len());
        for seats in arenas.iter(world).filter(|seats| wanted(seats.arena)) {
            for (row, slot) in (seats.arena * played.len()..).zip(played) {
                let (own_vector, own_grid) = seats.observations.row(*slot);
                vector[row * entries..][..entries].copy_from_slice(own_vector);
                if let Some(shape) = spec.observation.grid {
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
    }

    /// Its arena `env` as plain shapes; `None` where a world has no sketch.
    pub(super) fn sketch(&mut self, env: usize) -> Option<Sketch> {
        let sketch = self.world.get_resource::<EnvironmentHooks>()?.sketch?;
        sketch(&mut self.world, env)
    }

    /// Grids of slot 0 as the arenas have them.
    #[cfg(test)]
    pub(super) fn own_grids(&mut self) -> Vec<Vec<u8>> {
        let Self { world, arenas, .. } = self;
        arenas.iter(world).map(|seats| seats.observations.row(0).1.to_vec()).collect()
    }
}
