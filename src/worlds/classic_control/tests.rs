//! Compares the worlds with episodes recorded from Gymnasium (`tests/fixtures/classic_control`).

use bevy::prelude::*;
use serde::Deserialize;

use super::{Classic, acrobot::Acrobot, cartpole::CartPole, mountain_car::MountainCar, pendulum::Pendulum};
use crate::mdp::{Action, ActionKind, EpisodeEnd, Stream, WorldOptions};
use crate::sim::arena::ScriptSystems;
use crate::sim::{
    self, AgentSlots, Environment, EnvironmentPlugin, SimConfig, SimSystems, SimTick, run_agent_step,
};
use crate::worlds::WorldChoice;

#[derive(Deserialize)]
struct Recorded {
    state_every: usize,
    #[serde(default)]
    continuous: bool,
    episodes: Vec<Episode>,
}

#[derive(Deserialize)]
struct Episode {
    /// The exact state at regular intervals.
    states: Vec<Vec<f64>>,
    /// Numbers of discrete actions, or values of continuous ones.
    actions: Vec<f32>,
    /// After each of them.
    observations: Vec<Vec<f32>>,
    rewards: Vec<f32>,
    end: EpisodeEnd,
}

/// The slot's next action, and the result of its last step.
#[derive(Resource, Default)]
struct Step {
    action: Option<Action>,
    observation: Vec<f32>,
    reward: f32,
    end: Option<EpisodeEnd>,
}

fn act(step: Res<Step>, mut seats: Single<&mut AgentSlots>) {
    if let Some(action) = step.action {
        seats.actions.set(0, action);
    }
}

fn see(mut step: ResMut<Step>, seats: Single<&AgentSlots>) {
    step.observation.clone_from(&seats.observations.vector);
    (step.reward, step.end) = (seats.rewards[0], seats.end);
}

fn app<E: Environment<Layout = Classic>>(arenas: usize, layout: Classic) -> App {
    let config = SimConfig { arenas, seed: 1, stream: Stream::Environment };
    let mut app = App::new();
    app.add_plugins(sim::plugin).add_plugins(EnvironmentPlugin::<E> { layout, config });
    app
}

fn assert_close(ours: &[f32], theirs: &[f32], place: &str) {
    assert_eq!(ours.len(), theirs.len(), "{place}");
    for (ours, theirs) in ours.iter().zip(theirs) {
        // Both are rounded to f32, whose last bit exceeds 1e-6 above 8.
        let allowed = 1e-6 * theirs.abs().max(1.0);
        assert!((ours - theirs).abs() <= allowed, "{place}: {ours} instead of {theirs}");
    }
}

/// Plays every recorded episode through the tick schedule, from its recorded state to its end.
fn replay<E: Environment<Layout = Classic>>(json: &str, at: impl Fn(&[f64]) -> E) {
    let recorded: Recorded = serde_json::from_str(json).unwrap();
    for (number, episode) in recorded.episodes.iter().enumerate() {
        // A new app for each, so that the arena's own count of steps begins with the episode.
        let mut app = app::<E>(1, Classic { continuous: recorded.continuous });
        app.init_resource::<Step>().add_systems(
            SimTick,
            (act.in_set(SimSystems::Decide).after(ScriptSystems), see.in_set(SimSystems::Record)),
        );
        let last = episode.actions.len() - 1;
        for (index, &action) in episode.actions.iter().enumerate() {
            let place = format!("episode {number}, step {index}");
            if index % recorded.state_every == 0 {
                let mut query = app.world_mut().query::<&mut E>();
                *query.single_mut(app.world_mut()).unwrap() =
                    at(&episode.states[index / recorded.state_every]);
            }
            app.world_mut().resource_mut::<Step>().action = Some(match recorded.continuous {
                true => Action::continuous(&[action]),
                false => Action::Discrete(action as u16),
            });
            run_agent_step(app.world_mut());
            let step = app.world().resource::<Step>();
            assert_close(&step.observation, &episode.observations[index], &place);
            assert_eq!(step.reward, episode.rewards[index], "{place}");
            assert_eq!(step.end, (index == last).then_some(episode.end), "{place}");
        }
    }
}

#[test]
fn cartpole_is_gymnasiums() {
    let json = include_str!("../../../tests/fixtures/classic_control/cartpole.json");
    replay(json, |state| CartPole::at(state.try_into().unwrap()));
}

#[test]
fn acrobot_is_gymnasiums() {
    let json = include_str!("../../../tests/fixtures/classic_control/acrobot.json");
    replay(json, |state| Acrobot::at(state.try_into().unwrap()));
}

#[test]
fn mountain_car_is_gymnasiums() {
    let json = include_str!("../../../tests/fixtures/classic_control/mountain-car.json");
    replay(json, |state| MountainCar::at(state.try_into().unwrap()));
}

#[test]
fn mountain_car_with_continuous_actions_is_gymnasiums() {
    let json = include_str!("../../../tests/fixtures/classic_control/mountain-car-continuous.json");
    replay(json, |state| MountainCar::at(state.try_into().unwrap()));
}

#[test]
fn kinds_of_actions_that_a_world_does_not_have_are_refused() {
    let choose = |name, actions| {
        let options = WorldOptions { actions: Some(actions), ..WorldOptions::default() };
        WorldChoice::with_options(name, None, &options).map(|world| world.spec().action.kind())
    };
    let (discrete, continuous) = (ActionKind::Discrete, ActionKind::Continuous);
    assert_eq!(choose("mountain-car", continuous), Ok(continuous));
    assert_eq!(choose("mountain-car", discrete), Ok(discrete));
    for name in ["cartpole", "cart-pole", "lander", "paddle-duel", "puck", "puck-2v2"] {
        assert_eq!(
            [continuous, discrete].map(|kind| choose(name, kind)),
            [Ok(continuous), Ok(discrete)],
            "{name}"
        );
    }
    assert_eq!(choose("pendulum", continuous), Ok(continuous));
    for (name, kind) in [("pendulum", discrete), ("acrobot", continuous), ("lava-room", continuous)] {
        let error = choose(name, kind).unwrap_err().to_string();
        assert!(error.starts_with(&format!("world.actions = {kind}: {name} has no such actions")), "{error}");
    }
}

#[test]
fn entries_are_scaled_where_they_keep_published_units() {
    let options = WorldOptions { scaled: true, ..WorldOptions::default() };
    let published = |name: &str| ["cartpole", "acrobot", "mountain-car", "pendulum"].contains(&name);
    for name in crate::worlds::names() {
        let world = crate::worlds::find(name).unwrap();
        assert!(!(published(name) && world.scales.is_empty()), "{name}");
        if !world.scales.is_empty() {
            let scaled = WorldChoice::with_options(name, None, &options).unwrap();
            assert_eq!(world.scales.len(), scaled.spec().observation.vector_len(), "{name}");
            assert!(world.scales.iter().all(|scale| *scale > 0.0), "{name}");
        }
    }
    let error = WorldChoice::with_options("lava-room", None, &options).unwrap_err().to_string();
    assert!(error.starts_with("world.scaled = true: lava-room shows"), "{error}");
}

#[test]
fn pendulum_is_gymnasiums() {
    let json = include_str!("../../../tests/fixtures/classic_control/pendulum.json");
    replay(json, |state| Pendulum::at(state.try_into().unwrap()));
}

/// Observations of 256 fresh arenas of the world called `name`.
fn starts(name: &str, velocity_masked: bool) -> Vec<Vec<f32>> {
    let options = WorldOptions { velocity_masked, ..WorldOptions::default() };
    let mut app = App::new();
    app.add_plugins(sim::plugin);
    let config = SimConfig { arenas: 256, seed: 1, stream: Stream::Environment };
    WorldChoice::with_options(name, None, &options).unwrap().add_to(&mut app, config);
    let mut query = app.world_mut().query::<&AgentSlots>();
    query.iter(app.world()).map(|seats| seats.observations.vector.clone()).collect()
}

#[test]
fn starts_are_drawn_from_the_published_ranges() {
    let spread = |starts: &[Vec<f32>], entry: usize, from: f32, to: f32| {
        let values = || starts.iter().map(|start| start[entry]);
        let (least, most) = (values().fold(f32::MAX, f32::min), values().fold(f32::MIN, f32::max));
        let width = to - from;
        assert!((from..from + 0.1 * width).contains(&least), "entry {entry} from {least}");
        assert!((to - 0.1 * width..=to).contains(&most), "entry {entry} to {most}");
    };
    let carts = starts("cartpole", false);
    (0..4).for_each(|entry| spread(&carts, entry, -0.05, 0.05));
    let links = starts("acrobot", false);
    [1, 3].into_iter().for_each(|entry| spread(&links, entry, -0.1f32.sin(), 0.1f32.sin()));
    [4, 5].into_iter().for_each(|entry| spread(&links, entry, -0.1, 0.1));
    let cars = starts("mountain-car", false);
    spread(&cars, 0, -0.6, -0.4);
    assert!(cars.iter().all(|car| car[1] == 0.0));
    let rods = starts("pendulum", false);
    (0..3).for_each(|entry| spread(&rods, entry, -1.0, 1.0));
}

#[test]
fn a_mask_hides_velocities_and_nothing_else() {
    fn check(name: &str, kept: &[usize]) {
        let keep = |all: &[f32]| kept.iter().map(|&entry| all[entry]).collect::<Vec<_>>();
        let whole: Vec<_> = starts(name, false).iter().map(|start| keep(start)).collect();
        assert_eq!(starts(name, true), whole);
    }
    check("cartpole", &[0, 2]);
    check("acrobot", &[0, 1, 2, 3]);
    check("mountain-car", &[0]);
    check("pendulum", &[0, 1]);
}
