//! Cost of a tick: a world as shipped and with one optimization disabled at a time, and arenas with growing
//! numbers of bodies. `bench` measures whole worlds, including observations and random actions.

use std::time::Instant;

use bevy::ecs::schedule::MultiThreadedExecutor;
use bevy::prelude::*;
use bevy::tasks::{ComputeTaskPool, TaskPoolBuilder};
use bevy::transform::StaticTransformOptimizations;
use bevy::transform::systems::{mark_dirty_trees, propagate_parent_transforms, sync_simple_transforms};

use super::bench::Line;
use crate::sim::physics::Rest;
use crate::sim::{Arena, Shown, SimPool, SimSystems, SimTick, TickClock, run_agent_step};

/// Microseconds per tick and arena for each variant, measured alternately.
pub fn savings(make: &dyn Fn() -> App, runs: usize, seconds: f64, name: &str) -> Vec<Line> {
    let ways: [(&str, fn(&mut App)); 7] = [
        ("as shipped", |_| {}),
        ("on one thread", |app| _ = app.insert_resource(SimPool::new(1))),
        ("one tick at a time", |_| {}),
        ("systems handed to threads", hand_out_systems),
        ("transforms of every arena, propagated", show_everything),
        ("ticks made in which nothing moves", |app| set_rest(app, Rest::new(false))),
        ("every tick in full", |app| set_rest(app, Rest::never())),
    ];
    let mut apps = ways.map(|(way, undo)| {
        let mut app = make();
        undo(&mut app);
        let advance: fn(&mut World) =
            if way == "one tick at a time" { |world| world.run_schedule(SimTick) } else { run_agent_step };
        (way, app, advance, Vec::new())
    });
    for _ in 0..=runs {
        for (_, app, advance, costs) in &mut apps {
            costs.push(cost(app.world_mut(), *advance, seconds));
        }
    }
    apps.into_iter().map(|(way, _, _, costs)| line(format!("{name}, {way}"), costs)).collect()
}

/// Microseconds per tick of an arena with this many balls.
pub fn bodies(make: &dyn Fn(usize) -> App, runs: usize, seconds: f64) -> Vec<Line> {
    let counts = [1, 4, 16, 64];
    let mut apps = counts.map(|count| (count, make(count), Vec::new()));
    for _ in 0..=runs {
        for (_, app, costs) in &mut apps {
            costs.push(cost(app.world_mut(), run_agent_step, seconds));
        }
    }
    apps.into_iter().map(|(count, _, costs)| line(format!("{count} balls in a box"), costs)).collect()
}

/// The first run is a warm-up and not counted.
fn line(work: String, mut costs: Vec<f64>) -> Line {
    costs.remove(0);
    Line::new(work, "microseconds_per_arena_tick", costs, SimPool::default().threads())
}

fn cost(world: &mut World, advance: fn(&mut World), seconds: f64) -> f64 {
    let arenas = world.query::<&Arena>().iter(world).count() as f64;
    let (start, ticks) = (Instant::now(), world.resource::<TickClock>().ticks);
    while start.elapsed().as_secs_f64() < seconds {
        (0..8).for_each(|_| advance(world));
    }
    let ticks = (world.resource::<TickClock>().ticks - ticks) as f64;
    1e6 * start.elapsed().as_secs_f64() / (ticks * arenas)
}

/// Bevy's multi-threaded executor instead of the single-threaded one.
fn hand_out_systems(app: &mut App) {
    ComputeTaskPool::get_or_init(|| TaskPoolBuilder::new().build());
    app.edit_schedule(SimTick, |schedule| _ = schedule.set_executor(MultiThreadedExecutor::new()));
}

/// The work of drawing all arenas: transforms written after every tick, and propagated.
fn show_everything(app: &mut App) {
    let mut arenas = app.world_mut().query_filtered::<Entity, With<Arena>>();
    let arenas: Vec<Entity> = arenas.iter(app.world()).collect();
    arenas.into_iter().for_each(|arena| _ = app.world_mut().entity_mut(arena).insert(Shown));
    app.init_resource::<StaticTransformOptimizations>().add_systems(
        SimTick,
        (mark_dirty_trees, propagate_parent_transforms, sync_simple_transforms)
            .chain()
            .after(SimSystems::Last),
    );
}

/// Sets which ticks of all arenas are skipped.
pub(super) fn set_rest(app: &mut App, wanted: Rest) {
    let mut rests = app.world_mut().query::<&mut Rest>();
    rests.iter_mut(app.world_mut()).for_each(|mut rest| *rest = wanted);
}
