//! The contract every world keeps: spaces, finite rewards, isolation, seeds, mirrored views.

use std::path::Path;

use entropy_arcade::agent::{Casting, Controller, Episodes, LearningPolicy};
use entropy_arcade::app::headless_app;
use entropy_arcade::learner::untrained;
use entropy_arcade::mdp::{EpisodeEnd, Stream, WorldOptions};
use entropy_arcade::sim::arena::{EnvironmentHooks, snapshots};
use entropy_arcade::sim::worlds::{WorldChoice, names};
use entropy_arcade::sim::{Arena, Seats, SimConfig, run_agent_step};

use bevy::prelude::*;

fn worlds() -> Vec<WorldChoice> {
    let mut worlds: Vec<_> = ["1", "2", "3", "4"]
        .map(|level| WorldChoice::new("lava-room", Some(Path::new(level))).unwrap())
        .into();
    worlds.extend(names().skip(1).map(|name| WorldChoice::new(name, None).unwrap()));
    let masked = WorldOptions { velocity_masked: true };
    worlds.push(WorldChoice::varied("cartpole", None, &masked).unwrap());
    worlds
}

/// Arenas in which everybody acts at random.
fn random_app(world: &WorldChoice, arenas: usize, seed: u64, threads: usize) -> App {
    let spec = world.spec();
    headless_app(
        world,
        SimConfig { arenas, seed, stream: Stream::Environment },
        Casting::all(vec![Controller::Random; spec.slots()]),
        LearningPolicy(untrained(spec.action.len())),
        threads,
    )
}

/// Everything that passes through the seats of the first `count` arenas, bit by bit.
fn trajectory(app: &mut App, count: usize, steps: usize) -> Vec<Vec<u64>> {
    let mut all = vec![Vec::new(); count];
    for _ in 0..steps {
        run_agent_step(app.world_mut());
        let mut query = app.world_mut().query::<&Seats>();
        for seats in query.iter(app.world()) {
            if seats.arena < count {
                let track = &mut all[seats.arena];
                track.extend(seats.observations.vector.iter().map(|value| u64::from(value.to_bits())));
                track.extend(seats.observations.grid.iter().map(|&value| u64::from(value)));
                track.extend(seats.rewards.iter().map(|value| u64::from(value.to_bits())));
                track.push(match seats.end {
                    None => 0,
                    Some(EpisodeEnd::Terminated) => 1,
                    Some(EpisodeEnd::Truncated) => 2,
                });
            }
        }
    }
    all
}

#[test]
fn spaces_are_respected_and_rewards_are_finite() {
    for world in worlds() {
        let spec = world.spec();
        // Acrobot keeps its published velocities, up to 9π rad/s.
        let largest = if spec.name == "acrobot" { 28.3 } else { 10.0 };
        let mut app = random_app(&world, 32, 5, 0);
        let (mut ends, mut highest) = (0, 0u8);
        for _ in 0..1500 {
            run_agent_step(app.world_mut());
            let mut query = app.world_mut().query::<(&Seats, &Arena)>();
            for (seats, arena) in query.iter(app.world()) {
                assert_eq!(seats.observations.count, spec.slots());
                assert_eq!(seats.observations.vector.len(), spec.slots() * spec.observation.vector_len());
                assert_eq!(seats.observations.grid.len(), spec.slots() * spec.observation.grid_len());
                assert!(seats.observations.vector.iter().all(|value| value.abs() < largest), "{seats:?}");
                assert!(seats.rewards.iter().all(|reward| reward.is_finite() && reward.abs() < 10.0));
                assert!(seats.actions.iter().all(|action| action.index() < spec.action.len()));
                assert!(arena.steps() <= spec.episode_limit);
                ends += usize::from(seats.end.is_some());
                highest = highest.max(seats.observations.grid.iter().copied().max().unwrap_or(255));
            }
        }
        assert!(ends > 10, "{}: only {ends} episodes ended", spec.name);
        assert_eq!(highest, 255, "a byte plane is never full");
        let episodes = app.world().resource::<Episodes>();
        assert!(episodes.0.iter().all(|episode| episode.episode_return.is_finite()));
    }
}

/// An arena's trajectory is bit-identical alone or among 256, on one thread or two.
#[test]
fn arenas_are_isolated() {
    for world in worlds() {
        for seed in [1, 2, 3] {
            let many = trajectory(&mut random_app(&world, 256, seed, 2), 40, 150);
            let alone = trajectory(&mut random_app(&world, 1, seed, 1), 1, 150);
            assert_eq!(alone[0], many[0], "{}: arena 0 alone, seed {seed}", world.spec().name);
            let some = trajectory(&mut random_app(&world, 40, seed, 1), 40, 150);
            assert!(some == many, "{}: 40 arenas or 256, seed {seed}", world.spec().name);
        }
    }
}

#[test]
fn other_seeds_play_differently() {
    for world in worlds() {
        let a = trajectory(&mut random_app(&world, 4, 1, 1), 4, 60);
        let b = trajectory(&mut random_app(&world, 4, 2, 1), 4, 60);
        assert_ne!(a, b);
        assert_ne!(a[0], a[1], "two arenas share their luck");
    }
}

/// A snapshot taken anywhere in an episode, restored into fresh arenas, goes on the same.
#[test]
fn snapshots_bring_arenas_back() {
    for world in worlds() {
        let mut app = random_app(&world, 5, 9, 1);
        trajectory(&mut app, 5, 137);
        let saved = snapshots(app.world_mut());
        let roster = app.world().resource::<entropy_arcade::agent::Roster>().snapshot();
        let expected = trajectory(&mut app, 5, 100);

        let mut fresh = random_app(&world, 5, 1234, 1);
        let restore = fresh.world().resource::<EnvironmentHooks>().restore;
        restore(fresh.world_mut(), &saved);
        fresh.world_mut().resource_mut::<entropy_arcade::agent::Roster>().restore(&roster);
        assert!(trajectory(&mut fresh, 5, 100) == expected, "{}", world.spec().name);
    }
}

/// Bodies and entities stay the same in number however many episodes pass.
#[test]
fn resets_leave_nothing_behind() {
    for world in worlds() {
        let mut app = random_app(&world, 8, 3, 1);
        run_agent_step(app.world_mut());
        let before = app.world().entities().count_spawned();
        trajectory(&mut app, 8, 2000);
        assert_eq!(app.world().entities().count_spawned(), before, "{}", world.spec().name);
    }
}

/// What one side of the court sees is what the other sees in a mirror.
#[test]
fn paddle_duel_views_are_mirrored() {
    let world = WorldChoice::new("paddle-duel", None).unwrap();
    let mut app = random_app(&world, 8, 4, 1);
    for _ in 0..500 {
        run_agent_step(app.world_mut());
        let mut query = app.world_mut().query::<&Seats>();
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

/// The scripted player walks the first two levels, which need no pushing, and solves what has equations.
#[test]
fn scripts_play() {
    for (env, level, steps) in [
        ("lava-room", Some("1"), 100),
        ("lava-room", Some("2"), 100),
        ("cartpole", None, 1000),
        ("cart-pole", None, 1000),
        ("acrobot", None, 400),
        ("mountain-car", None, 400),
    ] {
        let world = WorldChoice::new(env, level.map(Path::new)).unwrap();
        let spec = world.spec();
        let mut app = headless_app(
            &world,
            SimConfig { arenas: 8, seed: 1, stream: Stream::Evaluation },
            Casting::all(vec![Controller::Scripted]),
            LearningPolicy(untrained(spec.action.len())),
            1,
        );
        for _ in 0..steps {
            run_agent_step(app.world_mut());
        }
        let episodes = &app.world().resource::<Episodes>().0;
        assert!(episodes.len() >= 16);
        let success = episodes.iter().filter(|episode| episode.success).count();
        assert_eq!(success, episodes.len(), "{env}, level {level:?}");
    }
}

/// Whoever follows the ball breaks more than whoever moves at random, and what is counted is what is paid.
#[test]
fn brick_breaker_pays_for_bricks_and_its_script_breaks_more_than_chance() {
    let world = WorldChoice::new("brick-breaker", None).unwrap();
    let [random, scripted] = [Controller::Random, Controller::Scripted]
        .map(|player| entropy_arcade::app::evaluate_player(&world, player, 16, 1));
    assert!(random.score.mean < 5.0 && scripted.score.mean > 25.0, "{random:?} {scripted:?}");
    // Three balls lost and no more than one touch for every brick and ball.
    let bricks = 0.1 * random.score.mean - 3.0;
    let most = bricks + 0.05 * (random.score.mean + 3.0);
    assert!((bricks..=most).contains(&random.episode_return.mean), "{random:?}");
}

/// The published heuristic lands between the flags more often than not; whoever steers at random crashes.
#[test]
fn lander_is_landed_by_its_script_and_not_by_chance() {
    let world = WorldChoice::new("lander", None).unwrap();
    let [random, scripted] = [Controller::Random, Controller::Scripted]
        .map(|player| entropy_arcade::app::evaluate_player(&world, player, 32, 1));
    assert!(random.score.mean < -100.0 && scripted.score.mean > 150.0, "{random:?} {scripted:?}");
    // The published return is paid by the hundredth.
    assert!((scripted.episode_return.mean - scripted.score.mean / 100.0).abs() < 1e-3, "{scripted:?}");
}
