//! The scripted player of meteor-field, which shoots the nearest rock, and the order in which a ship observes
//! rocks.

use bevy::math::Vec2;

use super::{
    ACTIONS, MeteorField, ROCK_RADII, Rock, SHIP, SHIP_RADIUS, TICK_SECONDS, TURN, field::SHOT_SPEED,
    seen_from,
};
use crate::mdp::Action;
use crate::sim::Bodies;

/// How many seconds ahead an approaching rock is avoided, and the margin to it.
const FORESIGHT: f32 = 0.9;
const ROOM: f32 = 0.25;

impl MeteorField {
    /// All rocks, nearest surface first, with offset and velocity relative to the ship.
    pub(super) fn nearest(&self, bodies: &Bodies) -> Vec<(Rock, (Vec2, Vec2))> {
        let mut rocks: Vec<_> = (self.rocks.iter().enumerate())
            .filter_map(|(index, rock)| Some(((*rock)?, seen_from(bodies, SHIP, index))))
            .collect();
        let far = |(rock, (offset, _)): &(Rock, (Vec2, Vec2))| offset.length() - ROCK_RADII[rock.size];
        rocks.sort_by(|a, b| far(a).total_cmp(&far(b)));
        rocks
    }

    /// Turns to where the nearest rock will be and fires; avoids one that comes from the side.
    pub(super) fn fly(&self, bodies: &Bodies) -> Action {
        let rocks = self.nearest(bodies);
        let heading = Vec2::from_angle(bodies.angle(SHIP));
        let comes = rocks.iter().find(|(rock, (offset, velocity))| {
            let nearest = -offset.dot(*velocity) / velocity.length_squared().max(1e-6);
            let passes = (*offset + *velocity * nearest).length();
            (0.0..FORESIGHT).contains(&nearest) && passes < ROCK_RADII[rock.size] + SHIP_RADIUS + ROOM
        });
        // A rock ahead of the nose is shot, not avoided.
        if let Some((_, (offset, _))) = comes.filter(|_| self.shield == 0)
            && heading.dot(offset.normalize_or_zero()) < 0.5
        {
            return action(0.0, true, false);
        }
        let Some((rock, (offset, velocity))) = rocks.first() else { return action(0.0, false, false) };
        let mut aim = *offset;
        for _ in 0..3 {
            aim = *offset + *velocity * (aim.length() / SHOT_SPEED);
        }
        let off = heading.angle_to(aim);
        let wide = (ROCK_RADII[rock.size] / aim.length().max(0.1)).atan();
        let turn = if off.abs() > TURN * TICK_SECONDS { off.signum() } else { 0.0 };
        action(turn, false, off.abs() < wide.max(0.05))
    }
}

/// The matching action, or waiting if there is none.
fn action(turn: f32, thrusts: bool, fires: bool) -> Action {
    let found = ACTIONS.iter().position(|&(_, left, up, fire)| (left, up, fire) == (turn, thrusts, fires));
    Action::Discrete(found.unwrap_or(0) as u16)
}
