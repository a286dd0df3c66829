//! Checks a world against the contract that every environment keeps.
//!
//! The checks apply to every world; rules of a particular world are covered by its own tests.

use std::hash::Hasher as _;

use bevy::ecs::entity::Entities;
use bevy::prelude::*;
use serde::Serialize;

use super::compose::random_app;
use super::ticks::set_rest;
use crate::agent::{ActorStates, MOST_SLOTS};
use crate::mdp::{EnvironmentSpec, EpisodeEnd};
use crate::sim::arena::snapshots;
use crate::sim::physics::Rest;
use crate::sim::physics::free_flight::FreeFlight;
use crate::sim::{AgentSlots, Arena, SimSystems, SimTick, TickClock, run_agent_step};
use crate::worlds::WorldChoice;

/// Number of random agent steps.
const RANDOM_STEPS: usize = 100_000;
/// Number of arenas.
const ARENAS: usize = 64;
/// Number of resets in the check for leaks.
const RESETS: usize = 10_000;
/// Largest absolute observation and reward per step, unless the world publishes other bounds.
const USUAL: [f32; 2] = [10.0, 10.0];
/// Largest difference of observations within a few steps that rounding and the solver's slack, a hundredth of
/// a cell, may cause.
const STRAY: f32 = 5e-3;
/// Arenas and agent steps of the free flight check: some hundred bounces of a ball.
const FLIGHT_ARENAS: usize = 16;
const FLIGHT_STEPS: usize = 600;
/// Range of an agent step's duration, in seconds, that a person can play.
const HUMAN: [f32; 2] = [0.015, 0.3];

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{world}: {rule}: {found}")]
pub struct Violation {
    /// The world.
    pub world: String,
    /// The rule it breaks.
    pub rule: &'static str,
    /// What was observed instead.
    pub found: String,
}

/// Statistics of a world that keeps the contract.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckReport {
    /// The world.
    pub world: String,
    /// Random agent steps.
    pub random_steps: usize,
    /// Episodes that ended.
    pub episodes: usize,
    /// Those of them that terminated; the others were truncated.
    pub terminated: usize,
    /// Largest absolute value of an observation.
    pub largest_observation: f32,
    /// Smallest and largest reward per step.
    pub rewards: [f32; 2],
    /// Ticks of bodies in free flight, none of which changed a spin or speed.
    pub free_flight: u64,
    /// Resets after which no entities, bodies, colliders or joints remained.
    pub resets: usize,
    /// Duration of an agent step when a person plays, in seconds.
    pub step_seconds: f32,
}

/// Builds an app with this many arenas, seed and number of threads, and random players.
type MakeApp<'a> = &'a dyn Fn(usize, u64, usize) -> App;

/// Checks `world` against the contract.
///
/// # Errors
/// The first [`Violation`].
pub fn check_world(world: &WorldChoice) -> Result<CheckReport, Violation> {
    check(&world.spec(), &|arenas, seed, threads| random_app(world, arenas, seed, threads))
}

/// Checks the world of `spec` against the contract.
fn check(spec: &EnvironmentSpec, make: MakeApp) -> Result<CheckReport, Violation> {
    let rule = |rule: &'static str, kept: bool, found: &dyn Fn() -> String| {
        let broken = || Violation { world: spec.name.clone(), rule, found: found() };
        if kept { Ok(()) } else { Err(broken()) }
    };
    declared(spec, &rule)?;
    let mut report = play_at_random(spec, make, &rule)?;

    let steps = 300;
    let [some, again, other] = [1, 1, 2].map(|seed| trace(&mut make(4, seed, 1), 4, steps));
    rule("the same seed plays the same", some == again, &|| "two runs of seed 1 differ".into())?;
    rule("another seed plays differently", some != other, &|| "seeds 1 and 2 agree".into())?;
    rule("arenas have different random streams", some[0] != some[1], &|| "arenas 0 and 1 agree".into())?;
    let many = trace(&mut make(ARENAS, 1, 2), 4, steps);
    rule("arenas are isolated", some == many, &|| format!("4 arenas alone and among {ARENAS} differ"))?;
    let by_ticks = trace_by(&mut make(4, 1, 1), 4, steps, tick_by_tick);
    rule("single ticks play the same as whole steps", some == by_ticks, &|| "they play differently".into())?;
    let flight = free_flight(make);
    rule("free flight changes no spin and no speed", flight.broken.is_none(), &|| {
        flight.broken.clone().unwrap_or_default()
    })?;
    report.free_flight = flight.seen;
    let apart = deviation(make);
    rule("contact-free ticks move like full ticks", apart < STRAY, &|| {
        format!("observations differ by {apart} from those of full ticks")
    })?;
    rule("the final observation belongs to the ended episode", shows_its_end(make), &|| {
        "a truncated episode ends with another observation than the same one continued".into()
    })?;
    rule("a snapshot restores an arena", returns(make), &|| "the following steps differ".into())?;

    report.resets = RESETS;
    let (before, after) = growth(make);
    rule("resets leave nothing behind", before == after, &|| {
        format!("entities, bodies, colliders and joints: {before:?} became {after:?} in {RESETS} resets")
    })?;
    Ok(report)
}

type Rule<'a> = &'a dyn Fn(&'static str, bool, &dyn Fn() -> String) -> Result<(), Violation>;

/// The spec is consistent.
fn declared(spec: &EnvironmentSpec, rule: Rule) -> Result<(), Violation> {
    let slots = spec.slots();
    rule("it has player slots", (1..=MOST_SLOTS).contains(&slots), &|| format!("{slots} slots"))?;
    let choice = spec.action.is_continuous() || spec.action.len() >= 2;
    rule("there are actions to choose from", choice, &|| format!("{:?}", spec.action))?;
    rule("its spaces and timing are valid", spec.problem().is_none(), &|| {
        spec.problem().unwrap_or_default()
    })?;
    let unique = |names: &[String]| {
        let set: std::collections::BTreeSet<&String> = names.iter().collect();
        set.len() == names.len() && !names.iter().any(|name| name.is_empty())
    };
    rule("action names are unique", unique(spec.action.names()), &|| format!("{:?}", spec.action))?;
    let dimensions: Vec<_> = spec.action.dimensions().iter().map(|own| own.name.clone()).collect();
    rule("names of action dimensions are unique", unique(&dimensions), &|| format!("{dimensions:?}"))?;
    let vector = &spec.observation.vector;
    rule("observation names are unique", unique(vector), &|| format!("{vector:?}"))?;
    rule("observations are not empty", spec.observation.features() > 0, &|| "no observation".into())?;
    rule("it declares its rewards", !spec.rewards.is_empty(), &|| "no reward terms".into())?;
    rule("it has a time limit", spec.episode_limit > 0, &|| "no steps".into())?;
    let seconds = spec.tick_seconds * spec.ticks_per_step as f32;
    let published = crate::worlds::find(&spec.name).is_some_and(|world| world.published_pace);
    rule("a person can play it", published || (HUMAN[0]..=HUMAN[1]).contains(&seconds), &|| {
        format!("an agent step lasts {seconds} s, playable are {HUMAN:?}")
    })
}

/// Observations fit their space, rewards are finite, episodes end as declared.
fn play_at_random(spec: &EnvironmentSpec, make: MakeApp, rule: Rule) -> Result<CheckReport, Violation> {
    let published = crate::worlds::find(&spec.name).and_then(|world| world.published_scale);
    let [most_seen, most_paid] = published.unwrap_or(USUAL);
    let mut app = make(ARENAS, 5, 0);
    let mut report = CheckReport {
        world: spec.name.clone(),
        random_steps: RANDOM_STEPS.next_multiple_of(ARENAS),
        episodes: 0,
        terminated: 0,
        largest_observation: 0.0,
        rewards: [0.0; 2],
        free_flight: 0,
        resets: 0,
        step_seconds: spec.tick_seconds * spec.ticks_per_step as f32,
    };
    let mut brightest = 0;
    for _ in 0..report.random_steps / ARENAS {
        run_agent_step(app.world_mut());
        let mut query = app.world_mut().query::<(&AgentSlots, &Arena)>();
        for (agent_slots, arena) in query.iter(app.world()) {
            let seen = &agent_slots.observations;
            let sizes = (seen.count, seen.vector.len(), seen.grid.len());
            let slots = spec.slots();
            let declared =
                (slots, slots * spec.observation.vector_len(), slots * spec.observation.grid_len());
            rule("observations have the declared size", sizes == declared, &|| {
                format!("{sizes:?} instead of {declared:?}")
            })?;
            let largest = seen.vector.iter().fold(0.0f32, |most, value| most.max(value.abs()));
            let finite = seen.vector.iter().all(|value| value.is_finite());
            rule("observations stay within bounds", finite && largest <= most_seen, &|| {
                format!("{:?} where at most {most_seen} is allowed", seen.vector)
            })?;
            report.largest_observation = report.largest_observation.max(largest);
            brightest = brightest.max(seen.grid.iter().copied().max().unwrap_or(u8::MAX));
            for &reward in &agent_slots.rewards {
                let fair = reward.is_finite() && reward.abs() <= most_paid;
                rule("rewards are finite and bounded", fair, &|| {
                    format!("{reward} where at most {most_paid} is allowed")
                })?;
                report.rewards = [report.rewards[0].min(reward), report.rewards[1].max(reward)];
            }
            let steps = arena.steps();
            // The reset has already begun the next episode; the ended one reached the limit.
            let in_time = steps <= spec.episode_limit;
            rule("episodes keep to the time limit", in_time, &|| format!("{steps} steps"))?;
            if let Some(end) = agent_slots.end {
                report.episodes += 1;
                report.terminated += usize::from(end == EpisodeEnd::Terminated);
            }
        }
    }
    let (episodes, limit) = (report.episodes, spec.episode_limit as usize);
    let least = report.random_steps / limit / 2;
    rule("episodes end", episodes >= least, &|| format!("{episodes} in {} steps", report.random_steps))?;
    rule("grid planes use the full range", brightest == u8::MAX, &|| {
        format!("the brightest byte is {brightest}")
    })?;
    Ok(report)
}

/// All bits of the agent slots of the first `count` arenas over `steps` agent steps.
pub fn trace(app: &mut App, count: usize, steps: usize) -> Vec<Vec<u64>> {
    trace_by(app, count, steps, run_agent_step)
}

fn trace_by(app: &mut App, count: usize, steps: usize, advance: fn(&mut World)) -> Vec<Vec<u64>> {
    let mut all = vec![Vec::new(); count];
    for _ in 0..steps {
        advance(app.world_mut());
        let mut query = app.world_mut().query::<&AgentSlots>();
        for agent_slots in query.iter(app.world()).filter(|agent_slots| agent_slots.arena < count) {
            let track = &mut all[agent_slots.arena];
            track.extend(agent_slots.observations.vector.iter().map(|value| u64::from(value.to_bits())));
            track.extend(agent_slots.observations.grid.iter().map(|&value| u64::from(value)));
            track.extend(agent_slots.rewards.iter().map(|value| u64::from(value.to_bits())));
            track.extend(agent_slots.actions.discrete.iter().map(|action| u64::from(*action)));
            track.extend(agent_slots.actions.continuous.iter().map(|value| u64::from(value.to_bits())));
            track.push(match agent_slots.end {
                None => 0,
                Some(EpisodeEnd::Terminated) => 1,
                Some(EpisodeEnd::Truncated) => 2,
            });
        }
    }
    all
}

/// An agent step, tick by tick.
fn tick_by_tick(world: &mut World) {
    loop {
        world.run_schedule(SimTick);
        if world.resource::<TickClock>().phase == 0 {
            break;
        }
    }
}

/// A hash of the agent slots of 4 arenas over 500 random agent steps with seed 1. A different hash means that
/// the world plays differently.
pub fn fingerprint(world: &WorldChoice) -> u64 {
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    for value in trace(&mut random_app(world, 4, 1, 1), 4, 500).concat() {
        hash.write(&value.to_le_bytes());
    }
    hash.finish()
}

/// FNV-1a, which stays the same from release to release where the standard library's hash may not.
struct Fnv(u64);

impl std::hash::Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Result of the free flight check.
fn free_flight(make: MakeApp) -> FreeFlight {
    let mut app = make(FLIGHT_ARENAS, 13, 1);
    let world = app.world_mut();
    let arenas: Vec<Entity> = world.query_filtered::<Entity, With<Rest>>().iter(world).collect();
    arenas.into_iter().for_each(|arena| _ = world.entity_mut(arena).insert(FreeFlight::default()));
    (0..FLIGHT_STEPS).for_each(|_| run_agent_step(world));
    let mut witnesses = world.query::<&FreeFlight>();
    let mut all = FreeFlight::default();
    for witness in witnesses.iter(world) {
        all.seen += witness.seen;
        all.broken = all.broken.or_else(|| witness.broken.clone());
    }
    all
}

/// Largest difference of observations, after a few steps, from a run with full ticks only. A twentieth of the
/// arenas is excluded, where tiny differences decide what is hit.
fn deviation(make: MakeApp) -> f32 {
    let mut apart = Vec::new();
    for seed in 0..16 {
        let [mut some, mut full] = [0; 2].map(|_| make(8, seed, 1));
        set_rest(&mut full, Rest::never());
        let mut worst = [0.0f32; 8];
        for _ in 0..12 {
            let [some, full] = [&mut some, &mut full].map(|app| {
                run_agent_step(app.world_mut());
                let mut agent_slots = app.world_mut().query::<&AgentSlots>();
                let mut all = vec![Vec::new(); 8];
                for agent_slots in agent_slots.iter(app.world()) {
                    all[agent_slots.arena].clone_from(&agent_slots.observations.vector);
                }
                all
            });
            for (worst, (some, full)) in worst.iter_mut().zip(some.iter().zip(&full)) {
                *worst = some.iter().zip(full).fold(*worst, |most, (a, b)| most.max((a - b).abs()));
            }
        }
        apart.extend(worst);
    }
    apart.sort_by(f32::total_cmp);
    apart[apart.len() * 19 / 20]
}

/// Whether an episode truncated after some steps ends with the same observation as its continued twin at that
/// step.
fn shows_its_end(make: MakeApp) -> bool {
    #[derive(Resource, Default)]
    struct Seen(Vec<(usize, Vec<u32>, Vec<u8>)>);
    let see = |agent_slots: Query<&AgentSlots>, mut seen: ResMut<Seen>| {
        seen.0.clear();
        for agent_slots in &agent_slots {
            let vector = agent_slots.observations.vector.iter().map(|value| value.to_bits()).collect();
            seen.0.push((agent_slots.arena, vector, agent_slots.observations.grid.clone()));
        }
        seen.0.sort_unstable();
    };
    let [cut, whole] = [true, false].map(|cut| {
        let mut app = make(8, 11, 1);
        app.init_resource::<Seen>().add_systems(SimTick, see.in_set(SimSystems::Record));
        for step in 0..12 {
            if cut && step == 11 {
                let mut arenas = app.world_mut().query::<&mut Arena>();
                arenas.iter_mut(app.world_mut()).for_each(|mut arena| arena.cut_episode());
            }
            run_agent_step(app.world_mut());
        }
        std::mem::take(&mut app.world_mut().resource_mut::<Seen>().0)
    });
    !cut.is_empty() && cut == whole
}

/// Whether arenas restored in the middle of their episodes continue like uninterrupted ones.
fn returns(make: MakeApp) -> bool {
    let mut app = make(5, 9, 1);
    trace(&mut app, 5, 137);
    let saved = snapshots(app.world_mut());
    let actor_states = app.world().resource::<ActorStates>().snapshot();
    let expected = trace(&mut app, 5, 100);
    let mut fresh = make(5, 1234, 1);
    crate::sim::resume(fresh.world_mut(), &saved, &actor_states, 0);
    trace(&mut fresh, 5, 100) == expected
}

/// Entities, bodies, colliders and joints before and after many resets, one per step.
fn growth(make: MakeApp) -> ([usize; 4], [usize; 4]) {
    let mut app = make(ARENAS, 3, 0);
    let mut count = |steps: usize| {
        for _ in 0..steps {
            let mut arenas = app.world_mut().query::<&mut Arena>();
            arenas.iter_mut(app.world_mut()).for_each(|mut arena| arena.cut_episode());
            run_agent_step(app.world_mut());
        }
        let world = app.world_mut();
        let entities: &Entities = world.entities();
        let entities = entities.count_spawned() as usize;
        let physics = crate::sim::physics::sizes(world);
        [entities, physics[0], physics[1], physics[2]]
    };
    (count(10), count(RESETS.div_ceil(ARENAS)))
}
