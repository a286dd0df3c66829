//! puck's hand-written player: gets behind the puck and drives it at the goal, and guards its own against fast ones.

use bevy::prelude::*;

use super::rink::{GOAL_HALF, MALLET_RADIUS, PUCK_RADIUS, RINK};
use super::{FIRST_MALLET, PUCK, Sides, WAYS, mirror};
use crate::mdp::Action;
use crate::sim::Bodies;

/// A puck that comes faster than this is met at the goal, in units/s.
const FAST: f32 = 7.0;
/// How far behind the puck a shot is prepared.
const BEHIND: f32 = 1.5;
/// Farther to the side than this a mallet passes the puck.
const CLEAR: f32 = MALLET_RADIUS + PUCK_RADIUS;
/// A puck closer to the end than this has nobody behind it.
const LAST: f32 = 1.6 - RINK.x;
/// Closer than this to where it wants to be, a mallet rests.
const SLACK: f32 = 0.3;

/// What `slot` does.
pub fn action(sides: Sides, bodies: &Bodies, slot: usize) -> Action {
    let mirror = mirror(sides.side(slot));
    let own = mirror * bodies.position(FIRST_MALLET + slot);
    let [puck, velocity] = [bodies.position(PUCK), bodies.velocity(PUCK)].map(|vector| mirror * vector);
    let zone = sides.zone(slot);
    let keeper = sides.players == 1 || sides.role(slot) > 0;
    // What lies ahead by the time one gets there.
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
    Action::Discrete(towards(target - own))
}

/// Where to go to drive the puck at the goal: around it while it is behind, then behind it, then through it.
fn strike(own: Vec2, puck: Vec2) -> Vec2 {
    if puck.x < LAST {
        // Nothing gets behind it there: out along the wall, whose corner sends it forward.
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

/// At what height a puck passes `x`, off the side walls where it meets them; no farther out than the goal.
fn crossing(puck: Vec2, velocity: Vec2, x: f32) -> f32 {
    let y = puck.y + velocity.y * ((x - puck.x) / velocity.x).max(0.0);
    let wall = RINK.y - PUCK_RADIUS;
    let y = if y.abs() > wall { y.signum() * (2.0 * wall - y.abs()) } else { y };
    y.clamp(-GOAL_HALF, GOAL_HALF)
}

/// The action whose way leads where `wish` points.
fn towards(wish: Vec2) -> u16 {
    let sign = |part: f32| if part.abs() > SLACK { part.signum() } else { 0.0 };
    let way = Vec2::new(sign(wish.x), sign(wish.y)).normalize_or_zero();
    let nearest =
        (0..WAYS.len()).min_by(|&a, &b| WAYS[a].1.distance(way).total_cmp(&WAYS[b].1.distance(way)));
    nearest.unwrap_or(0) as u16
}
