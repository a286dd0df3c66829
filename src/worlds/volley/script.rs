//! volley's hand-written player.

use bevy::prelude::*;

use super::{
    BALL, BALL_RADIUS, COURT, GRAVITY, HEAD, LEAST_BOUNCE, PLAYER_RADIUS, PLAYERS, WALL_BOUNCE, side,
};
use crate::mdp::Action;
use crate::sim::Bodies;

/// Runs to where the ball will land and stands so that it flies to the middle of the other half. Never jumps
/// and ignores the opponent's position.
pub fn action(bodies: &Bodies, slot: usize) -> Action {
    let mirror = Vec2::new(side(slot), 1.0);
    let [ball, velocity] = [bodies.position(BALL), bodies.velocity(BALL)].map(|vector| mirror * vector);
    let own = mirror.x * bodies.position(PLAYERS[slot]).x;
    let falls = landing(ball, velocity, HEAD);
    let home = -0.5 * COURT.x;
    let aim = if ball.x < 0.0 && falls < 0.5 { falls - lean(falls, velocity) } else { home };
    Action::Discrete(if aim > own + 0.28 {
        2
    } else if aim < own - 0.28 {
        1
    } else {
        0
    })
}

/// Where a ball at `position` with `velocity` descends to `height`, with bounces off the walls.
pub fn landing(position: Vec2, velocity: Vec2, height: f32) -> f32 {
    let drop = (velocity.y.powi(2) + 2.0 * GRAVITY * (position.y - height)).max(0.0);
    let x = position.x + velocity.x * (velocity.y + drop.sqrt()) / GRAVITY;
    let wall = COURT.x - BALL_RADIUS;
    if x.abs() > wall { x.signum() * (wall - (x.abs() - wall) * WALL_BOUNCE) } else { x }
}

/// How far in front of its center a player heads a ball that descends at `place` with about `velocity`, so
/// that it lands as close as possible to the middle of the other half.
fn lean(place: f32, velocity: Vec2) -> f32 {
    let speed = velocity.length().max(LEAST_BOUNCE);
    let down = -(speed * speed - velocity.x * velocity.x).max(0.0).sqrt();
    let miss = |lean: f32| {
        let across = lean / (PLAYER_RADIUS + BALL_RADIUS);
        let normal = Vec2::new(across, (1.0 - across * across).max(0.0).sqrt());
        let off = Vec2::new(velocity.x, down).reflect(normal);
        let middle = 0.5 * COURT.x;
        (landing(Vec2::new(place, HEAD), off, HEAD) - middle).abs()
    };
    let leans = (-2..=9).map(|step| 0.12 * step as f32);
    leans.min_by(|a, b| miss(*a).total_cmp(&miss(*b))).unwrap_or(0.0)
}
