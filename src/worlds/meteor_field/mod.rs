//! meteor-field: a ship among rocks that drift and split, in a field that wraps around.
//!
//! Rocks, shots and ships are in `field`, the scripted player in `pilot`, the drawing in `art`.
#![doc = include_str!("README.md")]

#[cfg(feature = "arcade")]
mod art;
mod field;
mod pilot;

use bevy::prelude::*;
use bevy_rapier2d::prelude::{Collider, CollisionGroups, Group};

use crate::mdp::{
    Action, ActionBatch, ActionSpace, EnvironmentSpec, EpisodeEnd, ObservationSpace, RewardTerm, Rng,
};
use crate::sim::{Bodies, BodyKind, BodySpec, Capabilities, Environment, Outcome};
#[cfg(feature = "arcade")]
use crate::worlds::WorldArt;
use crate::worlds::WorldEntry;
pub use field::{MeteorField, Rock, wrapped};
use field::{SHIELD_TICKS, met, seen_from};

/// The world.
pub const WORLD: WorldEntry = WorldEntry {
    experiment: include_str!("experiment.toml"),
    agents: &[("meteor-field.agent", include_bytes!("meteor-field.agent"))],
    #[cfg(feature = "arcade")]
    art: Some(WorldArt {
        plugin: art::plugin,
        thumbnail: include_bytes!("thumbnail.png"),
        film: include_bytes!("thumbnail.gif"),
    }),
    ..WorldEntry::new("meteor-field", module_path!(), |asked| asked.plain::<MeteorField>(Space))
};

/// Half the field's width and height; bodies that leave on one side return on the other.
pub const FIELD: Vec2 = Vec2::new(10.0, 7.0);
/// Distance of the ship's nose from its center.
pub const SHIP_NOSE: f32 = 0.55;
/// Radii of small, medium and large rocks.
pub const ROCK_RADII: [f32; 3] = [0.45, 0.8, 1.3];
/// Radius of a shot.
pub const SHOT_RADIUS: f32 = 0.12;
/// Ships per episode.
pub const SHIPS: u32 = 3;
/// Maximum number of rocks: what the large ones of the fullest wave split into.
pub const ROCKS: usize = 4 * MOST_LARGE;
/// Large rocks of the fullest wave.
const MOST_LARGE: usize = 4;
/// Maximum number of shots.
pub const SHOTS: usize = 4;
/// Body of the first rock; the ship is body 0.
pub const FIRST_ROCK: usize = 1;
/// Body of the first shot.
pub const FIRST_SHOT: usize = FIRST_ROCK + ROCKS;

const SHIP: usize = 0;
/// Collision radius of the ship: a little smaller than drawn.
const SHIP_RADIUS: f32 = 0.35;
const TURN: f32 = 2.8;
const THRUST: f32 = 9.0;
const FASTEST: f32 = 7.0;
/// Fraction of its speed the ship loses per second.
const DRAG: f32 = 0.4;
const POINTS: [u32; 3] = [100, 50, 20];
const POINT: f32 = 0.01;
const LOST: f32 = -2.0;
const TICK_SECONDS: f32 = 1.0 / 30.0;

/// Number of rocks in the observation, and values per rock.
const SEEN: usize = 6;
const OWN: [&str; 8] =
    ["speed ahead", "speed left", "heading x", "heading y", "ready", "shots left", "shield", "ships left"];
const OF_ROCK: [&str; 6] = ["there", "ahead", "left", "speed ahead", "speed left", "radius"];
/// Length that observations scale to 1, in units.
const SCALE: f32 = 5.0;

/// The actions: turn to the left, thrust, fire.
const ACTIONS: [(&str, f32, bool, bool); 10] = [
    ("wait", 0.0, false, false),
    ("left", 1.0, false, false),
    ("right", -1.0, false, false),
    ("up", 0.0, true, false),
    ("fire", 0.0, false, true),
    ("up+left", 1.0, true, false),
    ("up+right", -1.0, true, false),
    ("fire+left", 1.0, false, true),
    ("fire+right", -1.0, false, true),
    ("up+fire", 0.0, true, true),
];

/// The layout, the same for all arenas.
#[derive(Resource, Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space;

impl Environment for MeteorField {
    type Layout = Space;

    const CAPABILITIES: Capabilities<Self> = Capabilities {
        tracked_bodies: Some(Self::tracked_bodies),
        sketch: Some(|_, _, _, sketch| _ = sketch.view(Vec2::ZERO, FIELD)),
        scripted_action: Some(Self::scripted_action),
        ..Capabilities::NONE
    };

    fn spec(_space: &Space) -> EnvironmentSpec {
        let mut vector: Vec<String> = OWN.map(String::from).to_vec();
        for rock in 1..=SEEN {
            vector.extend(OF_ROCK.map(|name| format!("rock {rock} {name}")));
        }
        EnvironmentSpec {
            name: "meteor-field".into(),
            summary: "Shoot drifting rocks to pieces and stay out of their way.".into(),
            observation: ObservationSpace { vector, grid: None },
            action: ActionSpace::discrete(&ACTIONS.map(|(name, ..)| name)),
            ticks_per_step: 2,
            tick_seconds: TICK_SECONDS,
            episode_limit: 1500,
            teams: vec![0],
            rewards: vec![
                RewardTerm::new("small rock", POINTS[0] as f32 * POINT, "a shot hits a small rock"),
                RewardTerm::new("medium rock", POINTS[1] as f32 * POINT, "a shot splits a medium rock"),
                RewardTerm::new("large rock", POINTS[2] as f32 * POINT, "a shot splits a large rock"),
                RewardTerm::new("ship lost", LOST, "a rock hits the ship"),
            ],
        }
    }

    fn build(_space: &Space) -> (Self, Vec<BodySpec>) {
        // No contacts here: hits are tested by distance, across the edges too.
        let body = |kind, radius| {
            let mut body = BodySpec::new(kind, Collider::ball(radius), Vec2::ZERO);
            body.groups = CollisionGroups::new(Group::NONE, Group::NONE);
            body.rotates = true;
            body
        };
        let mut bodies = vec![body(BodyKind::Dynamic, SHIP_RADIUS)];
        bodies.extend((0..ROCKS).map(|_| body(BodyKind::Kinematic, ROCK_RADII[2])));
        bodies.extend((0..SHOTS).map(|_| body(BodyKind::Kinematic, SHOT_RADIUS)));
        let field = Self {
            rocks: [None; ROCKS],
            shots: [0; SHOTS],
            reload: 0,
            shield: 0,
            ships: SHIPS,
            points: 0,
            wave: 0,
            serial: 0,
            thrusts: false,
        };
        (field, bodies)
    }

    fn reset(&mut self, space: &Space, bodies: &mut Bodies, rng: &mut Rng) {
        (*self, _) = Self::build(space);
        for body in FIRST_ROCK..FIRST_SHOT + SHOTS {
            bodies.body_mut(body).set_enabled(false);
        }
        self.new_ship(bodies, rng);
        self.next_wave(bodies, rng);
    }

    fn apply(&mut self, _space: &Space, bodies: &mut Bodies, actions: &ActionBatch, _phase: u32) {
        let (_, turn, thrusts, fires) = ACTIONS[actions.index(0)];
        bodies.body_mut(SHIP).set_angvel(turn * TURN, true);
        let mut velocity = bodies.velocity(SHIP) * (1.0 - DRAG * TICK_SECONDS);
        if thrusts {
            velocity += Vec2::from_angle(bodies.angle(SHIP)) * THRUST * TICK_SECONDS;
        }
        bodies.set_velocity(SHIP, velocity.clamp_length_max(FASTEST));
        self.thrusts = thrusts;
        if fires && self.reload == 0 {
            self.fire(bodies);
        }
    }

    fn judge(
        &mut self,
        _space: &Space,
        bodies: &mut Bodies,
        rewards: &mut [f32],
        rng: &mut Rng,
    ) -> Option<EpisodeEnd> {
        self.reload = self.reload.saturating_sub(1);
        self.shield = self.shield.saturating_sub(1);
        for shot in 0..SHOTS {
            if self.shots[shot] == 0 {
                continue;
            }
            self.shots[shot] -= 1;
            let hit = (0..ROCKS).find(|&index| {
                let (offset, velocity) = seen_from(bodies, FIRST_SHOT + shot, index);
                self.rocks[index]
                    .is_some_and(|rock| met(offset, velocity, ROCK_RADII[rock.size] + SHOT_RADIUS))
            });
            if let Some(index) = hit {
                let points = self.split(bodies, index, rng);
                self.points += points;
                rewards[0] += points as f32 * POINT;
                self.shots[shot] = 0;
            }
            if self.shots[shot] == 0 {
                bodies.body_mut(FIRST_SHOT + shot).set_enabled(false);
            }
        }
        let hit = (0..ROCKS).find(|&index| {
            let (offset, velocity) = seen_from(bodies, SHIP, index);
            self.rocks[index].is_some_and(|rock| met(offset, velocity, ROCK_RADII[rock.size] + SHIP_RADIUS))
        });
        if let Some(index) = hit.filter(|_| self.shield == 0) {
            rewards[0] += LOST;
            self.ships -= 1;
            // The rock breaks too, for no points, so that it is not where the next ship appears.
            self.split(bodies, index, rng);
            if self.ships == 0 {
                return Some(EpisodeEnd::Terminated);
            }
            self.new_ship(bodies, rng);
        }
        if self.rocks.iter().all(Option::is_none) {
            self.next_wave(bodies, rng);
        }
        for body in SHIP..FIRST_SHOT + SHOTS {
            let position = bodies.position(body);
            if position.abs().cmpgt(FIELD).any() {
                bodies.body_mut(body).set_translation(wrapped(position), true);
            }
        }
        None
    }

    fn observe(&self, _space: &Space, bodies: &Bodies, _slot: usize, vector: &mut [f32], _grid: &mut [u8]) {
        let heading = Vec2::from_angle(bodies.angle(SHIP));
        let own = |way: Vec2| Vec2::new(heading.dot(way), heading.perp_dot(way)) / SCALE;
        let velocity = own(bodies.velocity(SHIP));
        let free = self.shots.iter().filter(|left| **left == 0).count();
        let (seen, rocks) = vector.split_at_mut(OWN.len());
        seen.copy_from_slice(&[
            velocity.x,
            velocity.y,
            heading.x,
            heading.y,
            f32::from(u8::from(self.reload == 0 && free > 0)),
            free as f32 / SHOTS as f32,
            self.shield as f32 / SHIELD_TICKS as f32,
            self.ships as f32 / SHIPS as f32,
        ]);
        rocks.fill(0.0);
        for ((rock, (offset, velocity)), entry) in
            self.nearest(bodies).into_iter().zip(rocks.chunks_exact_mut(OF_ROCK.len()))
        {
            let (offset, velocity) = (own(offset), own(velocity));
            entry.copy_from_slice(&[1.0, offset.x, offset.y, velocity.x, velocity.y, ROCK_RADII[rock.size]]);
        }
    }

    fn outcome(&self, _slot: usize) -> Outcome {
        Outcome { success: self.ships > 0, score: self.points as f32 }
    }

    fn caption(&self) -> Option<String> {
        let ships = if self.ships == 1 { "last ship".to_owned() } else { format!("{} ships", self.ships) };
        Some(format!("{} points, wave {}, {ships}", self.points, self.wave))
    }
}

impl MeteorField {
    fn tracked_bodies(_space: &Space) -> Vec<(usize, Option<usize>)> {
        vec![(SHIP, Some(0))]
    }

    fn scripted_action(&self, _space: &Space, bodies: &Bodies, _slot: usize) -> Action {
        self.fly(bodies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdp::{Stream, rng};
    use crate::sim::bodies::still::Still;

    /// A game with one rock of `size` alone at `position`, its bodies, and a generator.
    fn one_rock(size: usize, position: Vec2) -> (MeteorField, Still, Rng) {
        let (mut game, specs) = MeteorField::build(&Space);
        let mut still = Still::of(&specs);
        let mut bodies = still.bodies();
        let mut luck = rng(1, Stream::Environment, 0);
        game.reset(&Space, &mut bodies, &mut luck);
        game.rocks = [None; ROCKS];
        game.rocks[0] = Some(Rock { size, serial: 0 });
        bodies.place(FIRST_ROCK, position);
        (game, still, luck)
    }

    #[test]
    fn a_shot_splits_a_rock_and_is_paid_by_its_size() {
        for size in 0..ROCK_RADII.len() {
            let (mut game, mut still, mut luck) = one_rock(size, Vec2::new(5.0, 5.0));
            let mut bodies = still.bodies();
            game.shots[2] = 9;
            bodies.place(FIRST_SHOT + 2, Vec2::new(5.0, 5.2));
            let mut rewards = [0.0];
            assert_eq!(game.judge(&Space, &mut bodies, &mut rewards, &mut luck), None);
            assert!((rewards[0] - [1.0, 0.5, 0.2][size]).abs() < 1e-6);
            assert_eq!((game.points, game.shots[2]), ([100, 50, 20][size], 0));
            // After the last small rock was hit, the next wave has come.
            let sizes: Vec<usize> = game.rocks.iter().flatten().map(|rock| rock.size).collect();
            assert_eq!((sizes.len(), game.wave), if size == 0 { (3, 2) } else { (2, 1) });
            assert!(sizes.iter().all(|&now| now == size.checked_sub(1).unwrap_or(2)));
        }
    }

    #[test]
    fn rocks_hit_the_ship_across_edges_and_the_third_hit_ends_the_episode() {
        let (mut game, mut still, mut luck) = one_rock(2, Vec2::new(9.5, 0.0));
        let mut bodies = still.bodies();
        bodies.place(SHIP, Vec2::new(-9.5, 0.0));
        let mut rewards = [0.0];
        assert_eq!(game.judge(&Space, &mut bodies, &mut rewards, &mut luck), None);
        assert_eq!((rewards[0], game.ships()), (0.0, 3), "a shield keeps rocks away");
        (game.shield, game.ships) = (0, 1);
        let end = game.judge(&Space, &mut bodies, &mut rewards, &mut luck);
        assert_eq!((end, rewards[0]), (Some(EpisodeEnd::Terminated), LOST));
    }
}
