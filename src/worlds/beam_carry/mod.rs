//! beam-carry: two players hold the ends of one beam and carry it through gaps that are narrower than it is long.
//!
//! The path through the gaps and the scripted pair are in `pair`, the drawing in `art`.
#![doc = include_str!("README.md")]

#[cfg(feature = "arcade")]
mod art;
mod pair;

use std::f32::consts::PI;

use bevy::prelude::*;
use bevy_rapier2d::prelude::{Collider, RevoluteJointBuilder, TypedJoint};
use rand::RngExt as _;

use crate::mdp::{
    Action, ActionBatch, ActionSpace, EnvironmentSpec, EpisodeEnd, ObservationSpace, RewardTerm, Rng,
};
use crate::sim::{Bodies, BodyKind, BodySpec, Capabilities, Environment, Outcome};
#[cfg(feature = "arcade")]
use crate::worlds::WorldArt;
use crate::worlds::WorldEntry;

/// The world.
pub const WORLD: WorldEntry = WorldEntry {
    experiment: include_str!("experiment.toml"),
    agents: &[("beam-carry.agent", include_bytes!("beam-carry.agent"))],
    #[cfg(feature = "arcade")]
    art: Some(WorldArt {
        plugin: art::plugin,
        thumbnail: include_bytes!("thumbnail.png"),
        film: include_bytes!("thumbnail.gif"),
    }),
    ..WorldEntry::new("beam-carry", module_path!(), |asked| asked.plain::<BeamCarry>(Hall))
};

/// Half the hall's width and height.
pub const HALL: Vec2 = Vec2::new(11.0, 6.0);
/// Half the beam's length and thickness.
pub const BEAM_HALF: Vec2 = Vec2::new(2.0, 0.14);
/// Radius of a player.
pub const PLAYER_RADIUS: f32 = 0.4;
/// Where the two walls stand.
pub const WALLS: [f32; 2] = [-3.5, 2.5];
/// Half a wall's thickness.
pub const WALL_HALF: f32 = 0.3;
/// Half a gap's width.
pub const GAP_HALF: f32 = 1.0;
/// Half the side of the goal zone.
pub const ZONE_HALF: f32 = 2.6;
/// Body of either player, and the beam between them.
pub const PLAYERS: [usize; 2] = [0, 2];
/// Body of the beam.
pub const BEAM: usize = 1;

const ZONE_X: f32 = 7.8;
const FIRST_PIECE: usize = 4;
/// Acceleration of a push in units/s², and the fraction of its speed that friction takes per second.
const PUSH: f32 = 26.0;
const GRIP: f32 = 5.0;
const PROGRESS: f32 = 0.1;
const GOAL: f32 = 2.0;
const STEP: f32 = -0.005;
const TICKS_PER_STEP: u32 = 2;
const TICK_SECONDS: f32 = 1.0 / 30.0;
/// Length and speed that observations scale to 1, in units and units/s.
const SCALE: f32 = 5.0;
/// Directions of the actions after `wait`.
const WAYS: [Vec2; 4] = [Vec2::Y, Vec2::NEG_X, Vec2::NEG_Y, Vec2::X];

/// The layout, the same for every hall; gaps and zone are random in every episode.
#[derive(Resource, Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hall;

/// State of one hall.
#[derive(Component, Debug, Clone)]
pub struct BeamCarry {
    /// Centers of the gaps and of the zone, in the order the beam passes them.
    stations: [Vec2; 3],
    /// Remaining path length at the start and now, in units.
    ways: [f32; 2],
    pushes: [Vec2; 2],
    success: bool,
}

impl BeamCarry {
    /// Centers of the two gaps and of the goal zone.
    pub fn stations(&self) -> [Vec2; 3] {
        self.stations
    }

    /// Where each player pushes: a unit vector or zero.
    pub fn pushes(&self) -> [Vec2; 2] {
        self.pushes
    }

    fn arrived(&self, bodies: &Bodies) -> bool {
        let inside = |&player: &usize| {
            (bodies.position(player) - self.stations[2]).abs().cmple(Vec2::splat(ZONE_HALF)).all()
        };
        PLAYERS.iter().all(inside)
    }
}

impl Environment for BeamCarry {
    type Layout = Hall;

    const CAPABILITIES: Capabilities<Self> = Capabilities {
        tracked_bodies: Some(Self::tracked_bodies),
        sketch: Some(|_, _, _, sketch| _ = sketch.view(Vec2::ZERO, HALL + 0.5)),
        scripted_action: Some(Self::scripted_action),
        ..Capabilities::NONE
    };

    fn spec(_hall: &Hall) -> EnvironmentSpec {
        EnvironmentSpec {
            name: "beam-carry".into(),
            summary: "Two players carry one long beam through narrow gaps.".into(),
            observation: ObservationSpace::floats(&[
                "own x",
                "own y",
                "own vx",
                "own vy",
                "mate ahead x",
                "mate ahead y",
                "mate vx",
                "mate vy",
                "first gap x",
                "first gap y",
                "second gap x",
                "second gap y",
                "zone x",
                "zone y",
                "own next x",
                "own next y",
                "mate next x",
                "mate next y",
            ]),
            action: ActionSpace::discrete(&["wait", "up", "left", "down", "right"]),
            ticks_per_step: TICKS_PER_STEP,
            tick_seconds: TICK_SECONDS,
            episode_limit: 400,
            teams: vec![0, 0],
            rewards: vec![
                RewardTerm::new("progress", PROGRESS, "for every unit by which the beam's way gets shorter"),
                RewardTerm::new("goal", GOAL, "the whole beam lies in the zone"),
                RewardTerm::new("step", STEP, "every step"),
            ],
        }
    }

    fn build(_hall: &Hall) -> (Self, Vec<BodySpec>) {
        let player = || {
            let mut player = BodySpec::new(BodyKind::Dynamic, Collider::ball(PLAYER_RADIUS), Vec2::ZERO);
            player.linear_damping = GRIP;
            player
        };
        let hinge = |on_first: Vec2, on_second: Vec2| {
            let mut hinge =
                RevoluteJointBuilder::new().local_anchor1(on_first).local_anchor2(on_second).build();
            hinge.set_contacts_enabled(false);
            TypedJoint::RevoluteJoint(hinge)
        };
        let end = Vec2::X * BEAM_HALF.x;
        let mut beam =
            BodySpec::new(BodyKind::Dynamic, Collider::cuboid(BEAM_HALF.x, BEAM_HALF.y), Vec2::ZERO);
        beam.rotates = true;
        beam.density = 0.3;
        beam.linear_damping = 1.0;
        beam.angular_damping = 1.0;
        beam.joint = Some((PLAYERS[0], hinge(Vec2::ZERO, -end)));
        let (mut first, mut second) = (player(), player());
        (first.position, second.position) = (-end, end);
        second.joint = Some((BEAM, hinge(end, Vec2::ZERO)));
        let (wide, high) = (HALL.x + 1.0, HALL.y + 1.0);
        let hull = Collider::compound(vec![
            (Vec2::Y * (HALL.y + 0.5), 0.0, Collider::cuboid(wide, 0.5)),
            (Vec2::NEG_Y * (HALL.y + 0.5), 0.0, Collider::cuboid(wide, 0.5)),
            (Vec2::X * (HALL.x + 0.5), 0.0, Collider::cuboid(0.5, high)),
            (Vec2::NEG_X * (HALL.x + 0.5), 0.0, Collider::cuboid(0.5, high)),
        ]);
        let mut bodies = vec![first, beam, second, BodySpec::new(BodyKind::Fixed, hull, Vec2::ZERO)];
        for wall in WALLS {
            bodies.extend([-1.0, 1.0].map(|side| {
                let piece = Collider::cuboid(WALL_HALF, HALL.y);
                BodySpec::new(BodyKind::Fixed, piece, Vec2::new(wall, side * (GAP_HALF + HALL.y)))
            }));
        }
        let hall =
            Self { stations: [Vec2::ZERO; 3], ways: [0.0; 2], pushes: [Vec2::ZERO; 2], success: false };
        (hall, bodies)
    }

    fn reset(&mut self, _hall: &Hall, bodies: &mut Bodies, rng: &mut Rng) {
        let gap_reach = HALL.y - GAP_HALF - 0.9;
        for (gap, wall) in WALLS.into_iter().enumerate() {
            let middle = Vec2::new(wall, rng.random_range(-gap_reach..gap_reach));
            self.stations[gap] = middle;
            // As tall as the hall, so that it reaches the edge wherever the gap is.
            for (piece, side) in [-1.0, 1.0].into_iter().enumerate() {
                let aside = Vec2::Y * side * (GAP_HALF + HALL.y);
                bodies.place(FIRST_PIECE + 2 * gap + piece, middle + aside);
            }
        }
        let zone_reach = HALL.y - ZONE_HALF - 0.2;
        self.stations[2] = Vec2::new(ZONE_X, rng.random_range(-zone_reach..zone_reach));
        let middle = Vec2::new(rng.random_range(-8.5..-6.3), rng.random_range(-3.5..3.5));
        let angle = rng.random_range(-PI..PI);
        let along = Vec2::from_angle(angle) * BEAM_HALF.x;
        bodies.place_turned(BEAM, middle, angle);
        bodies.place(PLAYERS[0], middle - along);
        bodies.place(PLAYERS[1], middle + along);
        self.ways = [self.way_left(bodies); 2];
        (self.pushes, self.success) = ([Vec2::ZERO; 2], false);
    }

    fn apply(&mut self, _hall: &Hall, bodies: &mut Bodies, actions: &ActionBatch, _phase: u32) {
        for (slot, &player) in PLAYERS.iter().enumerate() {
            self.pushes[slot] = match actions.index(slot) {
                0 => Vec2::ZERO,
                way => WAYS[way - 1],
            };
            let velocity = bodies.velocity(player) + self.pushes[slot] * PUSH * TICK_SECONDS;
            bodies.set_velocity(player, velocity);
        }
    }

    fn judge(
        &mut self,
        _hall: &Hall,
        bodies: &mut Bodies,
        rewards: &mut [f32],
        _rng: &mut Rng,
    ) -> Option<EpisodeEnd> {
        let way = self.way_left(bodies);
        self.success = self.arrived(bodies);
        let goal = if self.success { GOAL } else { 0.0 };
        let paid = PROGRESS * (self.ways[1] - way) + STEP / TICKS_PER_STEP as f32 + goal;
        rewards.iter_mut().for_each(|reward| *reward += paid);
        self.ways[1] = way;
        self.success.then_some(EpisodeEnd::Terminated)
    }

    fn observe(&self, _hall: &Hall, bodies: &Bodies, slot: usize, vector: &mut [f32], _grid: &mut [u8]) {
        let [own, mate] = [PLAYERS[slot], PLAYERS[1 - slot]];
        let [own_at, mate_at] = [own, mate].map(|player| bodies.position(player));
        let near = |way: Vec2| way / SCALE;
        let [first, second, zone] = self.stations.map(|station| near(station - own_at));
        let pairs = [
            own_at / HALL,
            near(bodies.velocity(own)),
            (mate_at - own_at) / (2.0 * BEAM_HALF.x),
            near(bodies.velocity(mate)),
            first,
            second,
            zone,
            near(self.stations[self.next(own_at)] - own_at),
            near(self.stations[self.next(mate_at)] - mate_at),
        ];
        for (pair, entry) in pairs.into_iter().zip(vector.chunks_exact_mut(2)) {
            // A body squeezed between walls stays within bounds.
            entry.copy_from_slice(&pair.clamp(Vec2::splat(-9.0), Vec2::splat(9.0)).to_array());
        }
    }

    fn outcome(&self, _slot: usize) -> Outcome {
        Outcome::goal(self.success)
    }

    fn caption(&self) -> Option<String> {
        let share = 1.0 - self.ways[1] / self.ways[0].max(0.1);
        Some(format!("{:.0} % of the way", 100.0 * share.max(0.0)))
    }
}

impl BeamCarry {
    fn tracked_bodies(_hall: &Hall) -> Vec<(usize, Option<usize>)> {
        PLAYERS.into_iter().enumerate().map(|(slot, body)| (body, Some(slot))).collect()
    }

    fn scripted_action(&self, _hall: &Hall, bodies: &Bodies, slot: usize) -> Action {
        self.carry(bodies, slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdp::{Stream, rng};
    use crate::sim::bodies::still::Still;

    #[test]
    fn the_whole_beam_in_the_zone_pays_both_and_ends_the_episode() {
        let (mut hall, specs) = BeamCarry::build(&Hall);
        let mut still = Still::of(&specs);
        let mut bodies = still.bodies();
        let mut luck = rng(1, Stream::Environment, 0);
        hall.reset(&Hall, &mut bodies, &mut luck);
        let zone = hall.stations()[2];
        bodies.place(PLAYERS[0], zone - Vec2::X * (ZONE_HALF + 0.1));
        bodies.place(PLAYERS[1], zone);
        let [before, mut rewards] = [hall.ways[0], 0.0].map(|way| [way; 2]);
        assert_eq!(hall.judge(&Hall, &mut bodies, &mut rewards, &mut luck), None, "one end lies outside");
        let expected = PROGRESS * (before[0] - (ZONE_HALF + 0.1) / 2.0) + STEP / 2.0;
        assert!((rewards[0] - expected).abs() < 1e-4 && rewards[0] == rewards[1], "{rewards:?}");
        bodies.place(PLAYERS[0], zone - Vec2::X * (ZONE_HALF - 0.1));
        let mut rewards = [0.0; 2];
        let end = hall.judge(&Hall, &mut bodies, &mut rewards, &mut luck);
        assert_eq!((end, hall.outcome(1).success), (Some(EpisodeEnd::Terminated), true));
        assert!(rewards.iter().all(|reward| (reward - GOAL).abs() < 0.05), "{rewards:?}");
    }
}
