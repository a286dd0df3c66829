//! ball-box: a box of balls without players. Not a playable world: it measures the cost of a body.

use bevy::prelude::*;
use bevy_rapier2d::prelude::Collider;
use rand::RngExt as _;

use crate::mdp::{ActionBatch, ActionSpace, EnvironmentSpec, EpisodeEnd, ObservationSpace, RewardTerm, Rng};
use crate::sim::{Bodies, BodyKind, BodySpec, Environment, Outcome};

/// Half the side of the box.
const BOX: f32 = 10.0;
const SPEED: f32 = 8.0;

/// Number of balls.
#[derive(Resource, Debug, Clone, Copy)]
pub struct Balls(pub usize);

/// One box. It has no state of its own.
#[derive(Component, Debug, Clone)]
pub struct BallBox;

impl Environment for BallBox {
    type Layout = Balls;

    fn spec(_balls: &Balls) -> EnvironmentSpec {
        EnvironmentSpec {
            name: "ball-box".into(),
            summary: "Balls fly about.".into(),
            observation: ObservationSpace::floats(&["x", "y"]),
            action: ActionSpace::discrete(&["watch", "wait"]),
            ticks_per_step: 2,
            tick_seconds: 1.0 / 60.0,
            episode_limit: 300,
            teams: vec![0],
            rewards: vec![RewardTerm::new("none", 0.0, "nothing")],
        }
    }

    fn build(balls: &Balls) -> (Self, Vec<BodySpec>) {
        let mut bodies: Vec<BodySpec> = (0..balls.0)
            .map(|_| {
                let mut ball = BodySpec::new(BodyKind::Dynamic, Collider::ball(0.5), Vec2::ZERO);
                ball.restitution = 1.0;
                ball
            })
            .collect();
        let wall = |side: Vec2| {
            let half = side.abs() * 0.5 + side.perp().abs() * (BOX + 1.0);
            (side * (BOX + 0.5), 0.0, Collider::cuboid(half.x, half.y))
        };
        let walls = [Vec2::X, Vec2::NEG_X, Vec2::Y, Vec2::NEG_Y].map(wall);
        bodies.push(BodySpec::new(BodyKind::Fixed, Collider::compound(walls.to_vec()), Vec2::ZERO));
        (Self, bodies)
    }

    fn reset(&mut self, balls: &Balls, bodies: &mut Bodies, rng: &mut Rng) {
        for ball in 0..balls.0 {
            let (column, row) = (ball % 8, ball / 8);
            bodies.place(ball, 2.2 * Vec2::new(column as f32 - 3.5, row as f32 - 3.5));
            let angle: f32 = rng.random_range(0.0..std::f32::consts::TAU);
            bodies.set_velocity(ball, SPEED * Vec2::from_angle(angle));
        }
    }

    fn apply(&mut self, _balls: &Balls, _bodies: &mut Bodies, _actions: &ActionBatch, _phase: u32) {}

    fn judge(&mut self, _: &Balls, _: &mut Bodies, _: &mut [f32], _: &mut Rng) -> Option<EpisodeEnd> {
        None
    }

    fn observe(&self, _balls: &Balls, bodies: &Bodies, _slot: usize, vector: &mut [f32], _grid: &mut [u8]) {
        vector.copy_from_slice(&(bodies.position(0) / BOX).to_array());
    }

    fn outcome(&self, _slot: usize) -> Outcome {
        Outcome::default()
    }
}
