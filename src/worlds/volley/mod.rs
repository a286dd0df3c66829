//! volley: two players that jump, a net, a ball. A player loses one of five lives when the ball lands on its
//! side.
#![doc = include_str!("README.md")]

#[cfg(feature = "arcade")]
mod art;
mod script;
#[cfg(test)]
mod tests;

use std::f32::consts::PI;

use bevy::prelude::*;
use bevy_rapier2d::prelude::Collider;
use rand::RngExt as _;

use crate::mdp::{
    Action, ActionBatch, ActionSpace, EnvironmentSpec, EpisodeEnd, ObservationSpace, RewardTerm, Rng,
};
use crate::sim::{Bodies, BodyKind, BodySpec, Capabilities, Environment, Outcome, clamp_to_reach};
#[cfg(feature = "arcade")]
use crate::worlds::WorldArt;
use crate::worlds::WorldEntry;

/// The world.
pub const WORLD: WorldEntry = WorldEntry {
    experiment: include_str!("experiment.toml"),
    agents: &[("volley.agent", include_bytes!("volley.agent"))],
    #[cfg(feature = "arcade")]
    art: Some(WorldArt {
        plugin: art::plugin,
        thumbnail: include_bytes!("thumbnail.png"),
        film: include_bytes!("thumbnail.gif"),
    }),
    ..WorldEntry::new("volley", module_path!(), |asked| asked.plain::<Volley>(Beach))
};

/// Half the court's width and height.
pub const COURT: Vec2 = Vec2::new(10.0, 6.0);
/// Radius of a player, a half disc standing on its flat side.
pub const PLAYER_RADIUS: f32 = 1.2;
/// Radius of the ball.
pub const BALL_RADIUS: f32 = 0.4;
/// Height of the net's round top above the floor.
pub const NET_HEIGHT: f32 = 2.6;
/// Half the net's width.
pub const NET_HALF: f32 = 0.15;
/// Consecutive touches allowed.
pub const MOST_TOUCHES: u32 = 3;
/// Lost rallies that lose the match.
pub const LIVES: u32 = 5;

const GRAVITY: f32 = 20.0;
const RUN_SPEED: f32 = 8.0;
const JUMP_SPEED: f32 = 9.0;
/// Gravity of a player in the air: stronger than the ball's, for short jumps.
const PLAYER_GRAVITY: f32 = 22.0;
/// Largest speed of the ball.
const FASTEST: f32 = 16.0;
/// Minimum speed at which the ball leaves a head, so that it never comes to rest there.
const LEAST_BOUNCE: f32 = 10.0;
/// Ticks within which repeated contacts of one player count as one touch, as between head and net.
const ONE_TOUCH: u32 = 6;
const WALL_BOUNCE: f32 = 0.9;
const NET_BOUNCE: f32 = 0.7;
/// Start of a serve above the net, and its initial upward speed.
const SERVE_HEIGHT: f32 = 0.0;
const SERVE_RISE: f32 = 8.0;
/// Sideways speeds of a serve: it lands near the middle of the receiver's half.
const SERVE_SPEEDS: std::ops::Range<f32> = 2.6..6.4;
const POINT: f32 = 1.0;
const RETURN: f32 = 0.1;
const TICK_SECONDS: f32 = 1.0 / 30.0;

const BALL: usize = 0;
const PLAYERS: [usize; 2] = [1, 2];
const FLOOR: f32 = -COURT.y;
/// Height of the ball on the head of a standing player.
const HEAD: f32 = FLOOR + PLAYER_RADIUS + BALL_RADIUS;

/// The layout, the same for all arenas.
#[derive(Resource, Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beach;

/// State of one match.
#[derive(Component, Debug, Clone)]
pub struct Volley {
    lives: [u32; 2],
    /// The slot that last touched the ball since it crossed the net.
    toucher: Option<usize>,
    /// Consecutive touches of that player.
    in_a_row: u32,
    /// Ticks since.
    quiet: u32,
    /// The slot whose half the ball is over.
    over: usize,
    touches: u32,
    rally: u32,
}

impl Volley {
    /// Rallies each slot can still lose.
    pub fn lives(&self) -> [u32; 2] {
        self.lives
    }

    /// Rallies each slot has won.
    pub fn scores(&self) -> [u32; 2] {
        [LIVES - self.lives[1], LIVES - self.lives[0]]
    }

    /// Touches since the serve.
    pub fn touches(&self) -> u32 {
        self.touches
    }

    /// Consecutive touches of each slot since the ball crossed the net.
    pub fn in_a_row(&self) -> [u32; 2] {
        [0, 1].map(|slot| if self.toucher == Some(slot) { self.in_a_row } else { 0 })
    }

    fn touch(&mut self, slot: usize) {
        let again = self.toucher == Some(slot);
        if !again || self.quiet > ONE_TOUCH {
            self.in_a_row = if again { self.in_a_row + 1 } else { 1 };
            self.touches += 1;
        }
        (self.toucher, self.quiet) = (Some(slot), 0);
    }

    fn serve(&mut self, bodies: &mut Bodies, receiver: usize, rng: &mut Rng) {
        let across: f32 = rng.random_range(SERVE_SPEEDS);
        bodies.place(BALL, Vec2::new(0.0, SERVE_HEIGHT));
        bodies.set_velocity(BALL, Vec2::new(-side(receiver) * across, SERVE_RISE));
        (self.toucher, self.in_a_row, self.over) = (None, 0, receiver);
        (self.touches, self.rally) = (0, 0);
    }

    /// Sends the ball off a player with at least the minimum speed, along the line between them.
    fn bounce(bodies: &mut Bodies, player: usize) {
        let apart = bodies.position(BALL) - bodies.position(player);
        // The flat side below has one direction only.
        let normal = if apart.y < 0.0 { Vec2::NEG_Y } else { apart.normalize_or(Vec2::Y) };
        let velocity = bodies.velocity(BALL);
        let leaving = (velocity - bodies.velocity(player)).dot(normal);
        bodies.set_velocity(BALL, velocity + normal * (LEAST_BOUNCE - leaving).max(0.0));
    }
}

/// `1` for the left slot, `−1` for the right one: the factor that mirrors the court.
fn side(slot: usize) -> f32 {
    if slot == 0 { 1.0 } else { -1.0 }
}

/// A player's outline around the middle of its flat side.
pub fn player_outline() -> Vec<Vec2> {
    (0..=20).map(|step| Vec2::from_angle(PI * step as f32 / 20.0) * PLAYER_RADIUS).collect()
}

impl Environment for Volley {
    type Layout = Beach;

    const CAPABILITIES: Capabilities<Self> = Capabilities {
        tracked_bodies: Some(Self::tracked_bodies),
        sketch: Some(|_, _, _, sketch| _ = sketch.view(Vec2::ZERO, COURT + 0.5)),
        scripted_action: Some(Self::scripted_action),
        ..Capabilities::NONE
    };

    fn spec(_beach: &Beach) -> EnvironmentSpec {
        let entries = ["own", "ball", "other"].iter();
        let entries = entries.flat_map(|body| ["x", "y", "vx", "vy"].map(|part| format!("{body} {part}")));
        let entries = entries.chain(["touches in a row".to_owned()]);
        EnvironmentSpec {
            name: "volley".into(),
            summary: "Jump, head the ball over the net, keep five lives.".into(),
            observation: ObservationSpace { vector: entries.collect(), grid: None },
            action: ActionSpace::discrete(&["wait", "back", "forward", "up", "up+back", "up+forward"]),
            ticks_per_step: 2,
            tick_seconds: TICK_SECONDS,
            episode_limit: 3000,
            teams: vec![0, 1],
            rewards: vec![
                RewardTerm::new("point", POINT, "the other player loses the rally"),
                RewardTerm::new("point against", -POINT, "the own player loses the rally"),
                RewardTerm::new("return", RETURN, "the own touch brings the ball over the net"),
            ],
        }
    }

    fn build(_beach: &Beach) -> (Self, Vec<BodySpec>) {
        let mut ball = BodySpec::new(BodyKind::Dynamic, Collider::ball(BALL_RADIUS), Vec2::ZERO);
        ball.continuous = true;
        let mut bodies = vec![ball];
        for slot in 0..2 {
            let dome = player_outline();
            let collider = Collider::convex_hull(&dome).unwrap_or_else(|| Collider::ball(PLAYER_RADIUS));
            let position = Vec2::new(-side(slot) * 0.5 * COURT.x, FLOOR);
            let mut player = BodySpec::new(BodyKind::Kinematic, collider, position);
            player.restitution = 1.0;
            bodies.push(player);
        }
        let wall =
            |x: f32, y: f32, half: Vec2| (Collider::cuboid(half.x, half.y), Vec2::new(x, y), WALL_BOUNCE);
        let upright = Vec2::new(0.5, COURT.y + 1.0);
        let post = Collider::capsule(Vec2::NEG_Y, Vec2::Y * (NET_HEIGHT - NET_HALF), NET_HALF);
        // Each wall is a body of its own, which the broad phase culls better than one large body.
        for (collider, position, restitution) in [
            wall(-COURT.x - 0.5, 0.0, upright),
            wall(COURT.x + 0.5, 0.0, upright),
            wall(0.0, COURT.y + 0.5, Vec2::new(COURT.x, 0.5)),
            (post, Vec2::Y * FLOOR, NET_BOUNCE),
        ] {
            let mut fixed = BodySpec::new(BodyKind::Fixed, collider, position);
            fixed.restitution = restitution;
            bodies.push(fixed);
        }
        let game =
            Self { lives: [LIVES; 2], toucher: None, in_a_row: 0, quiet: 0, over: 0, touches: 0, rally: 0 };
        (game, bodies)
    }

    fn gravity(_beach: &Beach) -> Vec2 {
        Vec2::NEG_Y * GRAVITY
    }

    fn reset(&mut self, _beach: &Beach, bodies: &mut Bodies, rng: &mut Rng) {
        self.lives = [LIVES; 2];
        let receiver = usize::from(rng.random_bool(0.5));
        self.serve(bodies, receiver, rng);
    }

    fn apply(&mut self, _beach: &Beach, bodies: &mut Bodies, actions: &ActionBatch, _phase: u32) {
        // Players reach the net and the wall, no farther.
        let reach = (COURT.x - NET_HALF) / 2.0 - PLAYER_RADIUS;
        for (slot, &player) in PLAYERS.iter().enumerate() {
            let action = actions.index(slot);
            let wish = [0.0, -RUN_SPEED, RUN_SPEED][action % 3] * side(slot);
            let position = bodies.position(player);
            let middle = -side(slot) * (COURT.x + NET_HALF) / 2.0;
            let run = clamp_to_reach(wish, position.x - middle, reach, TICK_SECONDS);
            let rise = if position.y > FLOOR + 1e-3 {
                let falling = bodies.velocity(player).y - PLAYER_GRAVITY * TICK_SECONDS;
                falling.max((FLOOR - position.y) / TICK_SECONDS)
            } else if action >= 3 {
                JUMP_SPEED
            } else {
                0.0
            };
            bodies.set_velocity(player, Vec2::new(run, rise));
        }
    }

    fn judge(
        &mut self,
        _beach: &Beach,
        bodies: &mut Bodies,
        rewards: &mut [f32],
        rng: &mut Rng,
    ) -> Option<EpisodeEnd> {
        for (slot, &player) in PLAYERS.iter().enumerate() {
            if bodies.touching(BALL, player) {
                Self::bounce(bodies, player);
                self.touch(slot);
            }
        }
        self.quiet += 1;
        let velocity = bodies.velocity(BALL);
        if velocity.length_squared() > FASTEST * FASTEST {
            bodies.set_velocity(BALL, velocity.clamp_length_max(FASTEST));
        }
        let position = bodies.position(BALL);
        let over = usize::from(position.x > 0.0);
        if over != self.over {
            if self.toucher == Some(self.over) {
                rewards[self.over] += RETURN;
                self.rally += 1;
            }
            (self.over, self.toucher, self.in_a_row) = (over, None, 0);
        }
        let down = (position.y < FLOOR + BALL_RADIUS).then_some(over);
        let foul = self.toucher.filter(|_| self.in_a_row > MOST_TOUCHES);
        if let Some(loser) = down.or(foul) {
            self.lives[loser] -= 1;
            rewards[loser] -= POINT;
            rewards[1 - loser] += POINT;
            if self.lives[loser] == 0 {
                return Some(EpisodeEnd::Terminated);
            }
            // Served to the player who lost the rally.
            self.serve(bodies, loser, rng);
        }
        None
    }

    fn observe(&self, _beach: &Beach, bodies: &Bodies, slot: usize, vector: &mut [f32], _grid: &mut [u8]) {
        let mirror = Vec2::new(side(slot), 1.0);
        let parts = [(PLAYERS[slot], RUN_SPEED), (BALL, FASTEST), (PLAYERS[1 - slot], RUN_SPEED)];
        for (entries, (body, speed)) in vector.chunks_exact_mut(4).zip(parts) {
            let position = mirror * bodies.position(body) / COURT;
            let velocity = mirror * bodies.velocity(body) / speed;
            entries.copy_from_slice(&[position.x, position.y, velocity.x, velocity.y]);
        }
        // Own touches are positive, the opponent's negative.
        let touches = self.in_a_row().map(|touches| touches as f32 / MOST_TOUCHES as f32);
        vector[12] = touches[slot] - touches[1 - slot];
    }

    fn outcome(&self, slot: usize) -> Outcome {
        let score = self.lives[slot] as f32 - self.lives[1 - slot] as f32;
        Outcome { success: self.lives[1 - slot] == 0, score }
    }

    fn caption(&self) -> Option<String> {
        let [left, right] = self.scores();
        Some(format!("{left} : {right}, first to {LIVES}, rally {}", self.rally))
    }

    fn points(&self) -> Option<[u32; 2]> {
        Some(self.scores())
    }
}

impl Volley {
    fn tracked_bodies(_beach: &Beach) -> Vec<(usize, Option<usize>)> {
        vec![(BALL, None), (BALL + 1, Some(0)), (BALL + 2, Some(1))]
    }

    fn scripted_action(&self, _beach: &Beach, bodies: &Bodies, slot: usize) -> Action {
        script::action(bodies, slot)
    }
}
