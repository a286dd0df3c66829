//! Holds the worlds against episodes recorded from Gymnasium (`tests/fixtures/classic_control`).

use bevy::prelude::*;
use serde::Deserialize;

use super::{Classic, acrobot::Acrobot, cartpole::CartPole, mountain_car::MountainCar};
use crate::mdp::{Action, EpisodeEnd, Stream};
use crate::sim::{
    self, AgentSlots, Environment, EnvironmentPlugin, SimConfig, SimSystems, SimTick, run_agent_step,
};

#[derive(Deserialize)]
struct Recorded {
    state_every: usize,
    episodes: Vec<Episode>,
}

#[derive(Deserialize)]
struct Episode {
    /// The exact state before every so many steps.
    states: Vec<Vec<f64>>,
    actions: Vec<u16>,
    /// After each of them.
    observations: Vec<Vec<f32>>,
    rewards: Vec<f32>,
    end: EpisodeEnd,
}

/// What the one seat does next, and what came of its last step.
#[derive(Resource, Default)]
struct Step {
    action: u16,
    observation: Vec<f32>,
    reward: f32,
    end: Option<EpisodeEnd>,
}

fn act(step: Res<Step>, mut seats: Single<&mut AgentSlots>) {
    seats.actions[0] = Action::Discrete(step.action);
}

fn see(mut step: ResMut<Step>, seats: Single<&AgentSlots>) {
    step.observation.clone_from(&seats.observations.vector);
    (step.reward, step.end) = (seats.rewards[0], seats.end);
}

fn app<E: Environment<Layout = Classic>>(rules: Classic, arenas: usize) -> App {
    let config = SimConfig { arenas, seed: 1, stream: Stream::Environment };
    let mut app = App::new();
    app.add_plugins(sim::plugin).add_plugins(EnvironmentPlugin::<E> { layout: rules, config });
    app
}

fn assert_close(ours: &[f32], theirs: &[f32], place: &str) {
    assert_eq!(ours.len(), theirs.len(), "{place}");
    for (ours, theirs) in ours.iter().zip(theirs) {
        // Both are rounded to f32, whose last bit is worth more than 1e-6 above 8.
        let allowed = 1e-6 * theirs.abs().max(1.0);
        assert!((ours - theirs).abs() <= allowed, "{place}: {ours} instead of {theirs}");
    }
}

/// Plays every recorded episode through the tick, from its recorded state on, to its end.
fn replay<E: Environment<Layout = Classic>>(json: &str, at: impl Fn(&[f64]) -> E) {
    let recorded: Recorded = serde_json::from_str(json).unwrap();
    for (number, episode) in recorded.episodes.iter().enumerate() {
        // A new app for each, so that the arena's own count of steps begins with the episode.
        let mut app = app::<E>(Classic::default(), 1);
        app.init_resource::<Step>()
            .add_systems(SimTick, (act.in_set(SimSystems::Decide), see.in_set(SimSystems::Record)));
        let last = episode.actions.len() - 1;
        for (index, &action) in episode.actions.iter().enumerate() {
            let place = format!("episode {number}, step {index}");
            if index % recorded.state_every == 0 {
                let mut query = app.world_mut().query::<&mut E>();
                *query.single_mut(app.world_mut()).unwrap() =
                    at(&episode.states[index / recorded.state_every]);
            }
            app.world_mut().resource_mut::<Step>().action = action;
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
    let json = include_str!("../../../../tests/fixtures/classic_control/cartpole.json");
    replay(json, |state| CartPole::at(state.try_into().unwrap()));
}

#[test]
fn acrobot_is_gymnasiums() {
    let json = include_str!("../../../../tests/fixtures/classic_control/acrobot.json");
    replay(json, |state| Acrobot::at(state.try_into().unwrap()));
}

#[test]
fn mountain_car_is_gymnasiums() {
    let json = include_str!("../../../../tests/fixtures/classic_control/mountain-car.json");
    replay(json, |state| MountainCar::at(state.try_into().unwrap()));
}

/// Observations of 256 fresh arenas.
fn starts<E: Environment<Layout = Classic>>(velocity_masked: bool) -> Vec<Vec<f32>> {
    let mut app = app::<E>(Classic { velocity_masked }, 256);
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
    let carts = starts::<CartPole>(false);
    (0..4).for_each(|entry| spread(&carts, entry, -0.05, 0.05));
    let links = starts::<Acrobot>(false);
    [1, 3].into_iter().for_each(|entry| spread(&links, entry, -0.1f32.sin(), 0.1f32.sin()));
    [4, 5].into_iter().for_each(|entry| spread(&links, entry, -0.1, 0.1));
    let cars = starts::<MountainCar>(false);
    spread(&cars, 0, -0.6, -0.4);
    assert!(cars.iter().all(|car| car[1] == 0.0));
}

#[test]
fn a_mask_hides_velocities_and_nothing_else() {
    fn check<E: Environment<Layout = Classic>>(kept: &[usize]) {
        let spec = |velocity_masked| E::spec(&Classic { velocity_masked });
        let keep = |all: &[f32]| kept.iter().map(|&entry| all[entry]).collect::<Vec<_>>();
        let names = spec(false).observation.vector;
        let expected: Vec<String> = kept.iter().map(|&entry| names[entry].clone()).collect();
        assert_eq!(spec(true).observation.vector, expected);
        let whole: Vec<_> = starts::<E>(false).iter().map(|start| keep(start)).collect();
        assert_eq!(starts::<E>(true), whole);
    }
    check::<CartPole>(&[0, 2]);
    check::<Acrobot>(&[0, 1, 2, 3]);
    check::<MountainCar>(&[0]);
}
