//! Your own world, skate: glide over ice to a flag that is somewhere else every time.
//!
//! `cargo run --example own_world` checks it against the environment contract, then trains an agent in it
//! without a window.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bevy::prelude::*;
use bevy_rapier2d::prelude::Collider;
use entropy_arcade::config::RunConfig;
use entropy_arcade::experiment::{Experiment, Mode};
use entropy_arcade::mdp::{
    ActionBatch, ActionSpace, EnvironmentSpec, EpisodeEnd, ObservationSpace, RewardTerm, Rng,
};
use entropy_arcade::run;
use entropy_arcade::sim::{Bodies, BodyKind, BodySpec, Environment, Outcome};
use entropy_arcade::worlds::WorldChoice;
use rand::RngExt as _;

/// Half the side of the rink.
const RINK: f32 = 5.0;
/// Distance at which the flag is reached.
const REACH: f32 = 0.8;
/// Change of velocity per push in units/s.
const PUSH: f32 = 1.5;
const SKATER: usize = 0;

/// Data shared by all arenas. Nothing here; a level would go in here.
#[derive(Resource, Clone)]
struct Rink;

/// State of one arena besides its bodies.
#[derive(Component, Clone)]
struct Skate {
    flag: Vec2,
    reached: bool,
}

impl Environment for Skate {
    type Layout = Rink;

    fn spec(_rink: &Rink) -> EnvironmentSpec {
        EnvironmentSpec {
            name: "skate".into(),
            summary: "Skate to the flag.".into(),
            observation: ObservationSpace::floats(&["x", "y", "vx", "vy", "flag x", "flag y"]),
            // Actions named after keys make it playable; any other action is the idle one.
            action: ActionSpace::discrete(&["wait", "up", "down", "left", "right"]),
            ticks_per_step: 4,
            tick_seconds: 1.0 / 60.0,
            episode_limit: 200,
            // One player; [0, 1] would be two opponents, [0, 0] two teammates.
            teams: vec![0],
            rewards: vec![
                RewardTerm::new("flag", 1.0, "the skater reaches the flag; terminates"),
                RewardTerm::new("step", -0.01, "every agent step"),
            ],
        }
    }

    fn build(_rink: &Rink) -> (Self, Vec<BodySpec>) {
        let mut skater = BodySpec::new(BodyKind::Dynamic, Collider::ball(0.4), Vec2::ZERO);
        skater.restitution = 0.8;
        skater.linear_damping = 0.3;
        let mut bodies = vec![skater];
        for side in [Vec2::X, Vec2::NEG_X, Vec2::Y, Vec2::NEG_Y] {
            // Half a unit thick, long enough to close the corners.
            let half = side.abs() * 0.5 + side.perp().abs() * (RINK + 1.0);
            let wall = Collider::cuboid(half.x, half.y);
            bodies.push(BodySpec::new(BodyKind::Fixed, wall, side * (RINK + 0.5)));
        }
        (Self { flag: Vec2::ZERO, reached: false }, bodies)
    }

    fn reset(&mut self, _rink: &Rink, bodies: &mut Bodies, rng: &mut Rng) {
        // All randomness comes from this generator, so that an episode can be replayed from its start.
        let mut anywhere = || Vec2::new(rng.random_range(-4.0..4.0), rng.random_range(-4.0..4.0));
        bodies.place(SKATER, anywhere());
        self.flag = anywhere();
        self.reached = false;
    }

    fn apply(&mut self, _rink: &Rink, bodies: &mut Bodies, actions: &ActionBatch, phase: u32) {
        // A push on the first tick of a step; it glides during the others.
        if phase == 0 {
            let way = [Vec2::ZERO, Vec2::Y, Vec2::NEG_Y, Vec2::NEG_X, Vec2::X][actions.index(0)];
            bodies.set_velocity(SKATER, (bodies.velocity(SKATER) + way * PUSH).clamp_length_max(8.0));
        }
    }

    fn judge(
        &mut self,
        _rink: &Rink,
        bodies: &mut Bodies,
        rewards: &mut [f32],
        _rng: &mut Rng,
    ) -> Option<EpisodeEnd> {
        rewards[0] -= 0.01 / 4.0;
        self.reached = bodies.position(SKATER).distance(self.flag) < REACH;
        if !self.reached {
            // Time limits are not the world's concern: `episode_limit` truncates.
            return None;
        }
        rewards[0] += 1.0;
        Some(EpisodeEnd::Terminated)
    }

    fn observe(&self, _rink: &Rink, bodies: &Bodies, _slot: usize, vector: &mut [f32], _grid: &mut [u8]) {
        let (position, velocity) = (bodies.position(SKATER) / RINK, bodies.velocity(SKATER) / 8.0);
        let flag = self.flag / RINK;
        vector.copy_from_slice(&[position.x, position.y, velocity.x, velocity.y, flag.x, flag.y]);
    }

    fn outcome(&self, _slot: usize) -> Outcome {
        Outcome::goal(self.reached)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let world = WorldChoice::of::<Skate>(Rink);
    println!("{}", serde_json::to_string(&run::check_world(&world)?)?);
    // Rewards are small here, and the flag is rarely found by chance: little entropy, many gradient steps per
    // step.
    let settings =
        ["sac.hidden=[64, 64]", "sac.initial_temperature=0.02", "learner.gradient_steps_per_env_step=1.0"];
    let mut config = RunConfig::resolve(Some("skate"), None, &settings.map(String::from))?;
    config.steps = 60_000;
    let experiment = Experiment::new(config, world, Mode::Headless)?;
    let summary = run::train(experiment, Arc::new(AtomicBool::new(false)), false)?;
    println!("{}", serde_json::to_string(&summary)?);
    Ok(())
}
