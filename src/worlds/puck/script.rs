//! puck's hand-written player: gets behind the puck and drives it at the goal, and guards its own goal
//! against fast shots.

use bevy::prelude::*;

use super::rink::{GOAL_HALF, MALLET_RADIUS, PUCK_RADIUS, RINK};
use super::{FIRST_MALLET, PUCK, Sides, WAYS, mirror};
use crate::mdp::Action;
use crate::sim::Bodies;

/// Speed in units/s above which an approaching puck is met at the goal.
const FAST: f32 = 7.0;
/// Distance behind the puck at which a shot is prepared.
const BEHIND: f32 = 1.5;
/// Sideways distance at which a mallet passes the puck.
const CLEAR: f32 = MALLET_RADIUS + PUCK_RADIUS;
/// Closer to the end than this, a mallet cannot get behind the puck.
const LAST: f32 = 1.6 - RINK.x;
/// Within this distance of its target, a mallet rests.
const SLACK: f32 = 0.3;

/// The action of `slot`.
pub fn action(sides: Sides, bodies: &Bodies, slot: usize) -> Action {
    let mirror = mirror(sides.side(slot));
    let own = mirror * bodies.position(FIRST_MALLET + slot);
    let [puck, velocity] = [bodies.position(PUCK), bodies.velocity(PUCK)].map(|vector| mirror * vector);
    let zone = sides.zone(slot);
    let keeper = sides.players == 1 || sides.role(slot) > 0;
    // The puck's position on arrival.
    let near = puck + 0.12 * velocity;
    let mine = near.x < 0.3 && near.x > zone.min.x - 1.0 && near.x < zone.max.x + 1.0;
    let target = if keeper && velocity.x < -FAST {
        Vec2::new(zone.min.x + 0.3, crossing(puck, velocity, zone.min.x + 0.3))
    } else if !mine {
        let back = if keeper { zone.min.x + 0.8 } else { zone.center().x - 0.5 };
        Vec2::new(back, 0.45 * puck.y.clamp(-3.0 * GOAL_HALF, 3.0 * GOAL_HALF))
    } else {
        strike(own, near)
    };
    let index = towards(target - own);
    match sides.continuous {
        true => Action::continuous(&WAYS[usize::from(index)].1.to_array()),
        false => Action::Discrete(index),
    }
}

/// The target position for driving the puck at the goal: around it while it is behind, then behind it, then
/// through it.
fn strike(own: Vec2, puck: Vec2) -> Vec2 {
    if puck.x < LAST {
        // No room behind it: push it along the wall, whose corner sends it forward.
        let out = puck.y.signum();
        let ready = (puck.y - own.y) * out > 0.5;
        return Vec2::new(puck.x, puck.y + out * if ready { BEHIND } else { -BEHIND });
    }
    let away = (Vec2::new(RINK.x, 0.0) - puck).normalize_or(Vec2::X);
    if own.x > puck.x - PUCK_RADIUS {
        // Around the side with more room, and back only when that is clear.
        let room = if puck.y > 0.0 { -1.0 } else { 1.0 };
        let aside = own.y - puck.y;
        let side = if aside.abs() > 0.4 { aside.signum() } else { room };
        let back = if aside.abs() > CLEAR { puck.x - BEHIND } else { own.x };
        Vec2::new(back, puck.y + 1.3 * CLEAR * side)
    } else if away.perp_dot(own - puck).abs() < 0.45 {
        puck + away * BEHIND
    } else {
        puck - away * BEHIND
    }
}

/// The height at which a puck passes `x`, with bounces off the side walls, clamped to the goal.
fn crossing(puck: Vec2, velocity: Vec2, x: f32) -> f32 {
    let y = puck.y + velocity.y * ((x - puck.x) / velocity.x).max(0.0);
    let wall = RINK.y - PUCK_RADIUS;
    let y = if y.abs() > wall { y.signum() * (2.0 * wall - y.abs()) } else { y };
    y.clamp(-GOAL_HALF, GOAL_HALF)
}

/// The action whose direction is closest to `wish`.
fn towards(wish: Vec2) -> u16 {
    let sign = |part: f32| if part.abs() > SLACK { part.signum() } else { 0.0 };
    let way = Vec2::new(sign(wish.x), sign(wish.y)).normalize_or_zero();
    let nearest =
        (0..WAYS.len()).min_by(|&a, &b| WAYS[a].1.distance(way).total_cmp(&WAYS[b].1.distance(way)));
    nearest.unwrap_or(0) as u16
}
