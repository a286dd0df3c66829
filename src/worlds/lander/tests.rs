//! Tests the rocket against its rules: falling, engines, legs, crash and rest.

use bevy::prelude::*;
use bevy_rapier2d::plugin::context::RapierRigidBodySet;

use super::craft::{self, HULL, LEGS};
use super::{
    CORNERS, FLAGS, HALF, LEFT, Lander, MAIN_FUEL, Moon, PAD, POINT, REST_TICKS, RIGHT, SIDE_FUEL,
    TICK_SECONDS, Thrust, UP, WAIT,
};
use crate::mdp::{Action, ActionRow, EpisodeEnd, Stream};
use crate::sim::arena::ScriptSystems;
use crate::sim::bodies::still::untouched;
use crate::sim::{
    self, AgentSlots, Arena, Bodies, EnvironmentPlugin, SimConfig, SimSystems, SimTick, run_agent_step,
};

/// The slot's action in every step, and the result of the last one.
#[derive(Resource, Default)]
struct Step {
    action: Option<Action>,
    reward: f32,
    end: Option<EpisodeEnd>,
    success: bool,
    points: f32,
}

fn app() -> App {
    app_on(Moon::default())
}

fn app_on(layout: Moon) -> App {
    let config = SimConfig { arenas: 1, seed: 1, stream: Stream::Environment };
    let mut app = App::new();
    app.add_plugins(sim::plugin)
        .add_plugins(EnvironmentPlugin::<Lander> { layout, config })
        .init_resource::<Step>()
        .add_systems(
            SimTick,
            (
                (|step: Res<Step>, mut seats: Single<&mut AgentSlots>| {
                    if let Some(action) = step.action {
                        seats.actions.set(0, action);
                    }
                })
                .in_set(SimSystems::Decide)
                .after(ScriptSystems),
                (|mut step: ResMut<Step>, seats: Single<&AgentSlots>, lander: Single<&Lander>| {
                    (step.reward, step.end) = (seats.rewards[0], seats.end);
                    (step.success, step.points) = (seats.outcomes[0].success, lander.points());
                })
                .in_set(SimSystems::Record),
            ),
        );
    app
}

/// Makes `count` steps of `action`, or fewer if the episode ends, and returns the rewards.
fn play(app: &mut App, action: usize, count: usize) -> Vec<f32> {
    play_any(app, Action::Discrete(action as u16), count)
}

fn play_any(app: &mut App, action: Action, count: usize) -> Vec<f32> {
    app.world_mut().resource_mut::<Step>().action = Some(action);
    let mut rewards = Vec::new();
    for _ in 0..count {
        run_agent_step(app.world_mut());
        let step = app.world().resource::<Step>();
        rewards.push(step.reward);
        if step.end.is_some() {
            break;
        }
    }
    rewards
}

fn with_bodies<T>(app: &mut App, work: impl FnOnce(&mut Bodies) -> T) -> T {
    let mut query = app.world_mut().query::<(&Arena, &mut RapierRigidBodySet)>();
    let (arena, mut set) = query.single_mut(app.world_mut()).unwrap();
    let handles: Vec<_> = arena.entities.iter().map(|body| set.entity2body()[body]).collect();
    work(&mut untouched(&mut set.bodies, &handles))
}

/// A rocket at `height` above the pad, moving at `velocity`.
fn above_pad(height: f32, velocity: Vec2) -> App {
    let mut app = app();
    with_bodies(&mut app, |bodies| craft::place(bodies, Vec2::new(0.0, PAD + height), velocity));
    app
}

#[test]
fn the_main_engine_beats_gravity_and_side_engines_turn() {
    for (action, range) in [(WAIT, -10.01..-9.99), (UP, 5.5..9.5)] {
        let mut app = above_pad(6.0, Vec2::ZERO);
        play(&mut app, action, 40);
        let lift = with_bodies(&mut app, |bodies| bodies.velocity(HULL).y) / (40.0 * TICK_SECONDS);
        assert!(range.contains(&lift), "{action}: {lift} m/s²");
    }
    for (action, side) in [(LEFT, -1.0), (RIGHT, 1.0)] {
        let mut app = above_pad(6.0, Vec2::ZERO);
        play(&mut app, action, 10);
        let (drift, spin) = with_bodies(&mut app, |bodies| (bodies.velocity(HULL).x, bodies.spin(HULL)));
        assert!(side * drift > 0.1, "{drift} m/s");
        // To the right is clockwise.
        assert!(side * spin < -0.3, "{spin} rad/s");
    }
}

/// LunarLanderContinuous-v3: `m_power` is half of one more than the entry, `s_power` the entry.
#[test]
fn continuous_thrust_is_that_of_the_published_task() {
    for (entries, main, side) in [
        ([0.0, 0.0], 0.0, 0.0),
        ([-1.0, 0.5], 0.0, 0.0),
        ([0.2, 0.6], 0.6, 0.6),
        ([1.0, -0.75], 1.0, -0.75),
        ([3.0, -9.0], 1.0, -1.0),
    ] {
        let thrust = Thrust::of(ActionRow::Continuous(&entries));
        assert_eq!(thrust, Thrust { main, side }, "{entries:?}");
    }
    let [wait, left, up, right] =
        [WAIT, LEFT, UP, RIGHT].map(|action| Thrust::of(ActionRow::Discrete(action as u16)));
    assert_eq!([wait.main, left.main, up.main, right.main], [0.0, 0.0, 1.0, 0.0]);
    assert_eq!([wait.side, left.side, up.side, right.side], [0.0, -1.0, 0.0, 1.0]);
}

/// Half the thrust is half the push and costs half the fuel.
#[test]
fn a_weaker_thrust_pushes_and_costs_less() {
    let flight = |action: Action| {
        let mut app = app_on(Moon { continuous: matches!(action, Action::Continuous(_)) });
        with_bodies(&mut app, |bodies| craft::place(bodies, Vec2::new(0.0, PAD + 6.0), Vec2::ZERO));
        let potential =
            |app: &mut App| app.world_mut().query::<&Lander>().single(app.world()).unwrap().weigh();
        let before = potential(&mut app);
        let rewards = play_any(&mut app, action, 1);
        let fuel = rewards[0] / POINT - (potential(&mut app) - before);
        (with_bodies(&mut app, |bodies| bodies.velocity(HULL)), fuel)
    };
    let (fallen, none) = flight(Action::continuous(&[0.0, 0.0]));
    let (full, full_fuel) = flight(Action::continuous(&[1.0, 0.0]));
    let (half, half_fuel) = flight(Action::continuous(&[f32::MIN_POSITIVE, 0.0]));
    assert!(none.abs() < 1e-3 && (full_fuel + 0.3).abs() < 1e-3 && (half_fuel + 0.15).abs() < 1e-3);
    assert!(((half - fallen).y / (full - fallen).y - 0.5).abs() < 1e-3, "{fallen} {half} {full}");
    let (_, both) = flight(Action::continuous(&[1.0, 1.0]));
    assert!((both + 0.33).abs() < 1e-3, "{both}");
    assert_eq!(flight(Action::Discrete(UP as u16)), (full, full_fuel));
}

#[test]
fn legs_keep_to_their_range_in_flight() {
    let mut app = above_pad(9.0, Vec2::ZERO);
    for action in [UP, LEFT, UP, RIGHT, RIGHT, UP] {
        play(&mut app, action, 10);
        let angles = with_bodies(&mut app, |bodies| LEGS.map(|leg| bodies.angle(leg) - bodies.angle(HULL)));
        assert!((-0.95..-0.35).contains(&angles[0]) && (0.35..0.95).contains(&angles[1]), "{angles:?}");
    }
}

#[test]
fn a_soft_landing_stands_and_rests() {
    let mut app = above_pad(0.7, Vec2::ZERO);
    let rewards = play(&mut app, WAIT, 300);
    let step = app.world().resource::<Step>();
    assert_eq!((step.end, step.success), (Some(EpisodeEnd::Terminated), true), "{} steps", rewards.len());
    assert_eq!(rewards.last(), Some(&1.0));
    assert!(rewards.len() > REST_TICKS as usize);
    assert!((rewards.iter().sum::<f32>() / POINT - step.points).abs() < 0.01);
}

#[test]
fn a_hard_landing_and_a_side_are_the_end() {
    for (position, velocity) in [
        (Vec2::new(0.0, PAD + 4.0), Vec2::new(0.0, -6.0)),
        (Vec2::new(HALF.x - 0.5, HALF.y), Vec2::new(4.0, 4.0)),
    ] {
        let mut app = app();
        with_bodies(&mut app, |bodies| craft::place(bodies, position, velocity));
        let rewards = play(&mut app, WAIT, 100);
        let step = app.world().resource::<Step>();
        assert_eq!((step.end, step.success), (Some(EpisodeEnd::Terminated), false), "from {position}");
        assert_eq!(rewards.last(), Some(&-1.0));
    }
}

#[test]
fn fuel_is_paid_for_and_the_way_does_not_matter() {
    // From the same start, two flights differ by the potential of their positions, and the fuel.
    let mut app = app();
    let potential = |app: &mut App| app.world_mut().query::<&Lander>().single(app.world()).unwrap().weigh();
    let before = potential(&mut app);
    let actions = [WAIT, UP, LEFT, UP, RIGHT, UP];
    let paid: f32 = actions.into_iter().flat_map(|action| play(&mut app, action, 5)).sum();
    let fuel = 15.0 * MAIN_FUEL + 10.0 * SIDE_FUEL;
    assert!((paid / POINT - (potential(&mut app) - before + fuel)).abs() < 0.01);
}

#[test]
fn ground_is_flat_between_the_flags_and_new_elsewhere() {
    let mut app = app();
    let mut grounds: Vec<[f32; CORNERS]> = Vec::new();
    for _ in 0..5 {
        play(&mut app, WAIT, 1000);
        let lander = app.world_mut().query::<&Lander>().single(app.world()).unwrap();
        for x in [-FLAGS, 0.0, FLAGS] {
            assert!((lander.ground_at(x) - PAD).abs() < 1e-5);
        }
        assert!(!grounds.contains(lander.ground()));
        grounds.push(*lander.ground());
    }
}
