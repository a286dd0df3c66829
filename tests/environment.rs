//! Properties of particular worlds beyond the contract of `contract.rs`, and isolation of many arenas.

mod common;

use std::path::Path;

use bevy::math::Vec2;
use bevy::prelude::{App, Entity, Messages};
use bevy_rapier2d::plugin::context::{RapierContextColliders, RapierRigidBodySet};
use common::worlds;
use entropy_arcade::agent::{ActorStates, Controller, ControllerAssignment, EpisodeFinished, LearningPolicy};
use entropy_arcade::learner::untrained;
use entropy_arcade::mdp::Stream;
use entropy_arcade::run::check::trace;
use entropy_arcade::run::{headless_app, random_app};
use entropy_arcade::sim::arena::snapshots;
use entropy_arcade::sim::physics::free_flight::FreeFlight;
use entropy_arcade::sim::{
    AgentSlots, Arena, ArenaSnapshot, Conditions, SimConfig, Touch, resume, run_agent_step,
};
use entropy_arcade::worlds::WorldChoice;

/// An arena's trajectory is bit-identical alone or among 256, on one thread or two.
#[test]
fn arenas_are_isolated() {
    for (name, world) in worlds() {
        let many = trace(&mut random_app(&world, 256, 2, 2), 40, 120);
        let alone = trace(&mut random_app(&world, 1, 2, 1), 1, 120);
        assert_eq!(alone[0], many[0], "{name}: arena 0 alone");
        let some = trace(&mut random_app(&world, 40, 2, 1), 40, 120);
        assert!(some == many, "{name}: 40 arenas or 256");
    }
}

/// Bodies are found where they are, also after ticks without contacts, which leave their colliders behind.
#[test]
fn bodies_are_touched_where_they_are() {
    for name in ["puck", "lander", "crate-yard", "tag", "hopper"] {
        let mut app = random_app(&WorldChoice::new(name, None).unwrap(), 3, 4, 1);
        for _ in 0..10 {
            trace(&mut app, 3, 1);
            let mut arenas =
                app.world_mut().query::<(&Arena, &RapierRigidBodySet, &RapierContextColliders)>();
            for (arena, bodies, colliders) in arenas.iter(app.world()) {
                // In all of them the first body is one that forces move.
                let found = arena.body_at(bodies, colliders, arena.position(bodies, 0), 0.0);
                assert_eq!(found.map(|(body, _)| body), Some(0), "{name}");
                assert_eq!(arena.body_at(bodies, colliders, Vec2::new(0.0, 500.0), 1.0), None, "{name}");
            }
        }
    }
}

/// An episode in which a person dragged and kicked a body and changed the physics continues from a snapshot as it was, and
/// differs from one that was left alone.
#[test]
fn poked_episodes_are_replayed() {
    for name in ["puck", "lander", "cart-pole", "crate-yard", "paddle-duel", "hopper", "cheetah"] {
        let world = WorldChoice::new(name, None).unwrap();
        let [mut app, mut twin] = [0; 2].map(|_| random_app(&world, 3, 4, 1));
        let touch = |app: &mut App, touch: Option<Touch>| {
            let mut arenas = app.world_mut().query::<&mut Arena>();
            let found = arenas.iter_mut(app.world_mut()).find(|arena| arena.index == 1);
            found.unwrap().set_touch(touch);
        };
        let pokes = |app: &mut App| {
            let mut arenas = app.world_mut().query::<&Arena>();
            arenas.iter(app.world()).find(|arena| arena.index == 1).unwrap().pokes().len()
        };
        trace(&mut app, 3, 5);
        // The first body that can be moved; in rooms players walk on to their cell, whatever pushes them.
        let target = Vec2::new(0.3, 0.4);
        let first = usize::from(name == "crate-yard");
        let mut body = first;
        while pokes(&mut app) == 0 {
            touch(&mut app, Some(Touch::Drag { body, grip: Vec2::new(0.05, 0.0), target }));
            trace(&mut app, 3, 1);
            body += 1;
            assert!(body < 60, "{name}: nothing moves");
        }
        body -= 1;
        trace(&mut app, 3, 2);
        let conditions = Conditions { gravity: 0.5, slope: 0.2, friction: 2.0 };
        if ["cart-pole", "hopper", "cheetah"].contains(&name) {
            app.insert_resource(conditions);
        }
        touch(&mut app, Some(Touch::Kick { body, point: Vec2::ZERO, direction: Vec2::new(-1.0, 1.0) }));
        trace(&mut app, 3, 3);
        let saved = snapshots(app.world_mut());
        let actor_states = app.world().resource::<ActorStates>().snapshot();
        let text = serde_json::to_string(&saved).unwrap();
        assert!(text.contains("\"pokes\""), "{name}: {text}");
        let saved: Vec<ArenaSnapshot> = serde_json::from_str(&text).unwrap();
        assert!(saved.iter().all(|arena| arena.fits(&world.spec())), "{name}");
        let expected = trace(&mut app, 3, 40);
        let mut fresh = random_app(&world, 3, 77, 1);
        fresh.insert_resource(*app.world().resource::<Conditions>());
        resume(fresh.world_mut(), &saved, &actor_states, 0);
        assert!(trace(&mut fresh, 3, 40) == expected, "{name}: replayed differently");
        trace(&mut twin, 3, 5 + (body - first + 1) + 2 + 3);
        let left_alone = trace(&mut twin, 3, 40);
        let changed = *app.world().resource::<Conditions>() == conditions;
        assert!((left_alone[0] == expected[0]) != changed && left_alone[1] != expected[1], "{name}");
        // The next episode is played in them from its first step on, and without them as ever.
        if changed {
            app.insert_resource(Conditions::default());
            let begins = |app: &mut App| {
                let mut arenas = app.world_mut().query::<&mut Arena>();
                arenas.iter_mut(app.world_mut()).for_each(|mut arena| arena.cut_episode());
                trace(app, 3, 1);
            };
            begins(&mut app);
            assert!(snapshots(app.world_mut()).iter().all(|arena| arena.fits(&world.spec())));
            let saved = serde_json::to_string(&snapshots(app.world_mut())).unwrap();
            assert!(!saved.contains("conditions") && !saved.contains("pokes"), "{saved}");
        }
    }
}

/// The free flight check distinguishes a ball that keeps its spin from one whose spin rapier clamps to π/4
/// per tick.
#[test]
fn free_flight_keeps_fast_spins() {
    let world = WorldChoice::new("paddle-duel", None).unwrap();
    let [limited, free] = [true, false].map(|limited| {
        let mut app = random_app(&world, 32, 13, 1);
        let world = app.world_mut();
        let mut arenas = world.query::<(Entity, &mut RapierRigidBodySet)>();
        let mut watched = Vec::new();
        for (arena, mut bodies) in arenas.iter_mut(world) {
            bodies.bodies.iter_mut().for_each(|(_, body)| body.set_allow_fast_rotation(!limited));
            watched.push(arena);
        }
        watched.iter().for_each(|arena| _ = world.entity_mut(*arena).insert(FreeFlight::default()));
        (0..300).for_each(|_| run_agent_step(world));
        let mut witnesses = world.query::<&FreeFlight>();
        witnesses.iter(world).fold((0, 0), |(seen, broken), witness| {
            (seen + witness.seen, broken + u32::from(witness.broken.is_some()))
        })
    });
    assert!(limited.0 > 5_000 && limited.1 > 0, "{limited:?}");
    assert!(free.0 > 5_000 && free.1 == 0, "{free:?}");
}

/// The observations of both sides of the court are mirror images.
#[test]
fn paddle_duel_views_are_mirrored() {
    let world = WorldChoice::new("paddle-duel", None).unwrap();
    let mut app = random_app(&world, 8, 4, 1);
    for _ in 0..500 {
        run_agent_step(app.world_mut());
        let mut query = app.world_mut().query::<&AgentSlots>();
        for seats in query.iter(app.world()) {
            let (left, right) = (seats.observations.row(0).0, seats.observations.row(1).0);
            let mirrored =
                [right[2], right[3], right[0], right[1], -right[4], right[5], -right[6], right[7], -right[8]];
            assert_eq!(left, mirrored);
            assert!(
                (seats.rewards[0] + seats.rewards[1]).abs() <= 0.2,
                "points are zero-sum, touches are not"
            );
        }
    }
}

/// The same for volley; and a random player soon loses to the script.
#[test]
fn volley_views_are_mirrored_and_its_script_beats_chance() {
    let world = WorldChoice::new("volley", None).unwrap();
    let mut app = random_app(&world, 8, 4, 1);
    for _ in 0..500 {
        run_agent_step(app.world_mut());
        let mut query = app.world_mut().query::<&AgentSlots>();
        for seats in query.iter(app.world()) {
            let (left, right) = (seats.observations.row(0).0, seats.observations.row(1).0);
            // Own and opponent entries are swapped; horizontal entries and touches change sign.
            for (entry, other) in [8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3, 12].into_iter().enumerate() {
                let mirror = if entry % 2 == 0 { -1.0 } else { 1.0 };
                assert_eq!(left[entry], mirror * right[other], "entry {entry}");
            }
        }
    }
    let random = entropy_arcade::run::evaluate_player(&world, Controller::Random, 32, 1).unwrap();
    assert!(random.score.mean < -4.0 && random.episode_length.max < 1500.0, "{random:?}");
}

/// Random players lose to puck's script, one against one and in pairs, and no match stalls.
#[test]
fn scripts_of_puck_beat_chance() {
    for env in ["puck", "puck-2v2"] {
        let world = WorldChoice::new(env, None).unwrap();
        let random = entropy_arcade::run::evaluate_player(&world, Controller::Random, 32, 1).unwrap();
        assert!(random.score.mean < -2.0, "{env}: {random:?}");
    }
}

/// Scripted players solve lava-room's first two levels, which need no pushing, crate yards and the classic
/// control tasks, find all keys, remember the cue, and share plates.
#[test]
fn scripts_play() {
    for (env, level, steps) in [
        ("lava-room", Some("1"), 100),
        ("lava-room", Some("2"), 100),
        ("crate-yard", Some("1"), 100),
        ("crate-yard", Some("3"), 300),
        ("crate-yard", Some("4"), 300),
        ("crate-yard", Some("random:3:20"), 300),
        ("key-door", Some("1"), 100),
        ("key-door", Some("2"), 150),
        ("key-door", Some("3"), 150),
        ("key-door", Some("4"), 300),
        ("key-door", Some("random:5:20"), 200),
        ("memory-corridor", Some("1"), 60),
        ("memory-corridor", Some("2"), 60),
        ("memory-corridor", Some("3"), 100),
        ("two-plates", Some("1"), 100),
        ("two-plates", Some("2"), 100),
        ("cartpole", None, 1000),
        ("cart-pole", None, 1000),
        ("acrobot", None, 400),
        ("mountain-car", None, 400),
        ("pendulum", None, 400),
    ] {
        let world = WorldChoice::new(env, level.map(Path::new)).unwrap();
        let spec = world.spec();
        let mut app = headless_app(
            &world,
            SimConfig { arenas: 8, seed: 1, stream: Stream::Evaluation },
            ControllerAssignment::all(vec![Controller::Scripted; spec.slots()]),
            LearningPolicy(untrained(&spec.action)),
            1,
        );
        for _ in 0..steps {
            run_agent_step(app.world_mut());
        }
        let messages = app.world().resource::<Messages<EpisodeFinished>>();
        let episodes: Vec<_> =
            messages.get_cursor().read(messages).flat_map(EpisodeFinished::summaries).collect();
        assert!(episodes.len() >= 16);
        let success = episodes.iter().filter(|episode| episode.success).count();
        assert_eq!(success, episodes.len(), "{env}, level {level:?}");
    }
}

/// Following the ball breaks more bricks than moving at random, and the score matches the reward.
#[test]
fn brick_breaker_pays_for_bricks_and_its_script_breaks_more_than_chance() {
    let world = WorldChoice::new("brick-breaker", None).unwrap();
    let [random, scripted] = [Controller::Random, Controller::Scripted]
        .map(|player| entropy_arcade::run::evaluate_player(&world, player, 16, 1).unwrap());
    assert!(random.score.mean < 5.0 && scripted.score.mean > 25.0, "{random:?} {scripted:?}");
    // Three lost balls, and at most one touch per brick and ball.
    let bricks = 0.1 * random.score.mean - 3.0;
    let most = bricks + 0.05 * (random.score.mean + 3.0);
    assert!((bricks..=most).contains(&random.episode_return.mean), "{random:?}");
}

/// Aiming hits more than random play, and the score matches the reward.
#[test]
fn meteor_field_pays_for_rocks_and_its_script_hits_more_than_chance() {
    let world = WorldChoice::new("meteor-field", None).unwrap();
    let [random, scripted] = [Controller::Random, Controller::Scripted]
        .map(|player| entropy_arcade::run::evaluate_player(&world, player, 16, 1).unwrap());
    assert!(random.score.mean < 2500.0 && scripted.score.mean > 6000.0, "{random:?} {scripted:?}");
    // A hundredth per point, minus two per ship; random play nearly always loses all three.
    let lost = random.score.mean / 100.0 - random.episode_return.mean;
    assert!((4.0..=6.001).contains(&lost), "{random:?}");
}

/// The scripted pair carries the beam to its zone, random players do not; and the beam's ends stay with the
/// players.
#[test]
fn beam_carry_is_carried_by_its_script_and_nobody_lets_go() {
    let world = WorldChoice::new("beam-carry", None).unwrap();
    let [random, scripted] = [Controller::Random, Controller::Scripted]
        .map(|player| entropy_arcade::run::evaluate_player(&world, player, 32, 1).unwrap());
    assert!(random.success < 0.1 && scripted.success > 0.9, "{random:?} {scripted:?}");
    let mut app = random_app(&world, 8, 4, 1);
    for _ in 0..500 {
        run_agent_step(app.world_mut());
        let mut query = app.world_mut().query::<&AgentSlots>();
        for seats in query.iter(app.world()) {
            let [one, other] = [0, 1].map(|slot| seats.observations.row(slot).0);
            let mate = Vec2::new(one[4], one[5]);
            assert!((mate.length() - 1.0).abs() < 0.05, "{mate} beams apart");
            assert_eq!(mate, -Vec2::new(other[4], other[5]));
            assert_eq!((&one[6..8], &one[2..4]), (&other[2..4], &other[6..8]));
        }
    }
}

/// The published heuristic lands between the flags more often than not; random actions crash.
#[test]
fn lander_is_landed_by_its_script_and_not_by_chance() {
    let world = WorldChoice::new("lander", None).unwrap();
    let [random, scripted] = [Controller::Random, Controller::Scripted]
        .map(|player| entropy_arcade::run::evaluate_player(&world, player, 32, 1).unwrap());
    assert!(random.score.mean < -100.0 && scripted.score.mean > 150.0, "{random:?} {scripted:?}");
    // The reward is a hundredth of the published return.
    assert!((scripted.episode_return.mean - scripted.score.mean / 100.0).abs() < 1e-3, "{scripted:?}");
}

/// Random play returns what it does in the published tasks (17 ± 17, 1.4 ± 7 and −245 ± 24), and scripts do better.
#[test]
fn walkers_return_about_what_is_published() {
    for (env, range) in [("hopper", 12.0..26.0), ("walker", -4.0..6.0), ("cheetah", -320.0..-200.0)] {
        let world = WorldChoice::new(env, None).unwrap();
        let [random, scripted] = [Controller::Random, Controller::Scripted]
            .map(|player| entropy_arcade::run::evaluate_player(&world, player, 32, 1).unwrap());
        assert!(range.contains(&random.score.mean), "{env}: {random:?}");
        assert!(scripted.score.mean > random.score.mean + 30.0, "{env}: {scripted:?}");
        assert!((random.score.mean - random.episode_return.mean).abs() < 0.1, "{env}: {random:?}");
    }
}
