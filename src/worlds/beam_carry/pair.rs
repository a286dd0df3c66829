//! The pair of beam-carry: the beam's path through the gaps, and two simple players that follow a plan.

use bevy::math::Vec2;

use super::{BEAM_HALF, BeamCarry, PLAYERS, WALL_HALF, WALLS, WAYS};
use crate::mdp::Action;
use crate::sim::Bodies;

impl BeamCarry {
    /// Index of the next station ahead of `position`.
    pub(super) fn next(&self, position: Vec2) -> usize {
        WALLS.iter().filter(|&&wall| position.x > wall).count()
    }

    /// Path length from `position` through the gaps ahead to the center of the zone.
    fn way(&self, position: Vec2) -> f32 {
        let next = self.next(position);
        let ahead: f32 = self.stations[next..].windows(2).map(|pair| pair[0].distance(pair[1])).sum();
        position.distance(self.stations[next]) + ahead
    }

    /// Mean remaining path length of both ends. That of the middle would reward pressing the beam flat
    /// against a gap.
    pub(super) fn way_left(&self, bodies: &Bodies) -> f32 {
        PLAYERS.iter().map(|&player| self.way(bodies.position(player))).sum::<f32>() / 2.0
    }

    /// Where the script wants the front and the back end: in line before the next gap, then through it.
    fn plan(&self, front: Vec2, back: Vec2) -> [Vec2; 2] {
        const BEFORE: f32 = 0.9;
        let length = Vec2::X * 2.0 * BEAM_HALF.x;
        let Some(gap) = WALLS.iter().position(|&wall| back.x < wall + 0.5) else {
            return [self.stations[2] + length / 2.0, self.stations[2] - length / 2.0];
        };
        let middle = self.stations[gap];
        let in_line = (front.y - middle.y).abs() < 0.45 && (back.y - middle.y).abs() < 0.6;
        if in_line || front.x > middle.x - WALL_HALF {
            return [middle + length + Vec2::X, middle + Vec2::X];
        }
        let before = middle - Vec2::X * BEFORE;
        [before, before - length]
    }

    /// Pushes the player in `slot` along the longer axis towards its planned position.
    pub(super) fn carry(&self, bodies: &Bodies, slot: usize) -> Action {
        let [own, mate] = [PLAYERS[slot], PLAYERS[1 - slot]].map(|player| bodies.position(player));
        let leads = own.x > mate.x || (own.x == mate.x && slot == 0);
        let [front, back] = if leads { self.plan(own, mate) } else { self.plan(mate, own) };
        let off = if leads { front } else { back } - own;
        if off.length() < 0.2 {
            return Action::Discrete(0);
        }
        let best = (0..WAYS.len()).max_by(|&a, &b| off.dot(WAYS[a]).total_cmp(&off.dot(WAYS[b])));
        Action::Discrete(best.map_or(0, |way| way as u16 + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Hall, ZONE_X};
    use super::*;
    use crate::sim::Environment;

    #[test]
    fn the_way_leads_through_the_gaps_ahead() {
        let (mut hall, _) = BeamCarry::build(&Hall);
        hall.stations = [Vec2::new(WALLS[0], 3.0), Vec2::new(WALLS[1], -1.0), Vec2::new(ZONE_X, -1.0)];
        let behind_both = Vec2::new(WALLS[1] + 0.1, 4.0);
        assert!((hall.way(behind_both) - behind_both.distance(hall.stations[2])).abs() < 1e-5);
        let before_both = Vec2::new(WALLS[0] - 2.0, 3.0);
        let expected = 2.0 + Vec2::new(6.0, 4.0).length() + (ZONE_X - WALLS[1]);
        assert!((hall.way(before_both) - expected).abs() < 1e-5);
    }
}
