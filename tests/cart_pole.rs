//! Compares cart-pole, built from bodies, with cartpole, simulated from equations. Run with `--nocapture` for
//! values.

mod common;

use bevy::prelude::*;
use common::{train, two_at_a_time};
use entropy_arcade::config::RunConfig;
use entropy_arcade::learner::DeviceChoice;
use entropy_arcade::learner::checkpoint::Checkpoint;
use entropy_arcade::mdp::{Action, Stream};
use entropy_arcade::run;
use entropy_arcade::sim::arena::ScriptSystems;
use entropy_arcade::sim::{self, AgentSlots, SimConfig, SimSystems, SimTick, run_agent_step};
use entropy_arcade::worlds::WorldChoice;

const TWINS: [&str; 2] = ["cartpole", "cart-pole"];
const ARENAS: usize = 64;

/// The next action of every arena.
#[derive(Resource, Default)]
struct Actions(Vec<Action>);

fn app(env: &str) -> App {
    let mut app = App::new();
    app.add_plugins(sim::plugin).init_resource::<Actions>().add_systems(
        SimTick,
        (|actions: Res<Actions>, mut all: Query<&mut AgentSlots>| {
            for mut seats in &mut all {
                if let Some(action) = actions.0.get(seats.arena) {
                    seats.actions.set(0, *action);
                }
            }
        })
        .in_set(SimSystems::Decide)
        .after(ScriptSystems),
    );
    let config = SimConfig { arenas: ARENAS, seed: 1, stream: Stream::Evaluation };
    WorldChoice::new(env, None).unwrap().add_to(&mut app, config);
    app
}

/// By arena: its observation, and whether its episode continues.
fn look(app: &mut App) -> Vec<(Vec<f32>, bool)> {
    let mut seen = vec![Default::default(); ARENAS];
    for seats in app.world_mut().query::<&AgentSlots>().iter(app.world()) {
        seen[seats.arena] = (seats.observations.vector.clone(), seats.end.is_none());
    }
    seen
}

/// The control law of cartpole's hand-written player, on observations.
fn balance(seen: &[f32]) -> Action {
    let lean = seen[2] + 0.25 * seen[3] + 0.02 * seen[0] + 0.05 * seen[1];
    Action::Discrete(u16::from(lean > 0.0))
}

/// Both twins from the same starts with the same actions: those that balance the exact one.
#[test]
fn bodies_move_as_the_equations_say() {
    let [mut exact, mut bodies] = TWINS.map(app);
    let start = look(&mut exact);
    assert_eq!(look(&mut bodies), start, "starts differ");
    let (mut seen, mut going) = (start, [true; ARENAS]);
    for step in 1..=100 {
        let actions: Vec<Action> = seen.iter().map(|(seen, _)| balance(seen)).collect();
        for app in [&mut exact, &mut bodies] {
            app.world_mut().resource_mut::<Actions>().0.clone_from(&actions);
            run_agent_step(app.world_mut());
        }
        seen = look(&mut exact);
        let twins = look(&mut bodies);
        for (arena, going) in going.iter_mut().enumerate() {
            *going &= seen[arena].1 && twins[arena].1;
        }
        if ![1, 10, 50, 100].contains(&step) {
            continue;
        }
        let left: Vec<usize> = (0..ARENAS).filter(|&arena| going[arena]).collect();
        assert!(!left.is_empty(), "nobody is up after {step} steps");
        let error: Vec<f32> = (0..4)
            .map(|entry| {
                let away = |&arena: &usize| (seen[arena].0[entry] - twins[arena].0[entry]).abs();
                left.iter().map(away).sum::<f32>() / left.len() as f32
            })
            .collect();
        println!("after {step} steps, {} of {ARENAS} still up: mean error {error:.5?}", left.len());
        let allowed = match step {
            1 => 0.01,
            10 => 0.15,
            // The twins diverge: an upright pole amplifies small differences.
            _ => f32::INFINITY,
        };
        assert!(error.iter().all(|error| *error < allowed), "after {step} steps: {error:?}");
    }
}

/// A policy trained on one twin plays the other.
#[test]
#[ignore = "trains for a minute: cargo test --test cart_pole --test screenshots -- --ignored"]
fn policies_swap_slots() {
    two_at_a_time([(TWINS[0], TWINS[1]), (TWINS[1], TWINS[0])], |(trained_on, other)| {
        let folder = tempfile::tempdir().unwrap();
        let mut config = RunConfig::resolve(Some(trained_on), None, &[]).unwrap();
        config.device = DeviceChoice::Cpu;
        let out = folder.path().join("run");
        train(&config, &out, false).unwrap();
        let policy = Checkpoint::open(&out).unwrap().policy().unwrap();
        let [at_home, away] = [trained_on, other].map(|env| {
            run::evaluate(&WorldChoice::new(env, None).unwrap(), policy.clone(), 100, 1)
                .unwrap()
                .episode_return
                .mean
        });
        println!("trained on {trained_on}: {at_home:.1} there, {away:.1} on {other}");
        assert!(
            at_home > 450.0 && away > 450.0,
            "trained on {trained_on}: {at_home} there, {away} on {other}"
        );
    });
}
