#!/usr/bin/env bash
# bevy_ecs 0.19.1: in what order a query visits archetypes changes with archetypes that have nothing to do with it.
#
# Three bodies are spawned in order, each with another component beside, so that they are of three archetypes; a query made
# afterwards visits them. With more unrelated archetypes spawned before, the same three come in another order: a new query
# collects matching archetypes from a hash map keyed by their numbers, not by age. Within one archetype the order of spawning
# is kept, which hides it in small tests.
# One expects either the order of spawning, or at least the same order in every app that spawns the same.
# It matters where a library builds something in the order of a query: bevy_rapier2d 0.36 creates rapier's bodies that way,
# their places decide the order of the solver, and a world with joints moves differently in an app that has one resource more
# (resources are entities since 0.19). Whoever wants the same simulation everywhere gives bodies one archetype, or creates
# them in several passes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "order"
version = "0.1.0"
edition = "2024"

[dependencies]
bevy_ecs = { version = "=0.19.1", default-features = false, features = ["std"] }
TOML
cat > src/main.rs <<'RS'
use bevy_ecs::prelude::*;

#[derive(Component)]
struct Body(u32);
#[derive(Component)]
struct Hinge;
#[derive(Component)]
struct Wheel;
#[derive(Component)]
struct Unrelated<const N: usize>;

fn visited(unrelated: usize) -> Vec<u32> {
    let mut world = World::new();
    for number in 0..unrelated {
        match number {
            0 => world.spawn(Unrelated::<0>),
            1 => world.spawn(Unrelated::<1>),
            2 => world.spawn(Unrelated::<2>),
            3 => world.spawn(Unrelated::<3>),
            4 => world.spawn(Unrelated::<4>),
            _ => world.spawn(Unrelated::<5>),
        };
    }
    world.spawn(Body(0));
    world.spawn((Body(1), Hinge));
    world.spawn((Body(2), Wheel));
    let mut query = world.query::<&Body>();
    query.iter(&world).map(|body| body.0).collect()
}

fn main() {
    let orders: Vec<Vec<u32>> = (0..=6).map(visited).collect();
    for (unrelated, order) in orders.iter().enumerate() {
        println!("{unrelated} unrelated archetypes before: bodies visited in the order {order:?}");
    }
    assert!(orders.iter().any(|order| *order != orders[0]), "no longer so");
}
RS
cargo run --quiet 2>log || { tail -n 5 log; exit 1; }
