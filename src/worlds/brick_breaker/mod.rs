//! brick-breaker: a ball, a paddle and a wall of fifty bricks, three balls to break them all.
#![doc = include_str!("README.md")]

#[cfg(feature = "arcade")]
mod art;

use bevy::prelude::*;
use bevy_rapier2d::prelude::Collider;
use rand::RngExt as _;

use crate::mdp::{
    Action, ActionBatch, ActionSpace, EnvironmentSpec, EpisodeEnd, GridShape, ObservationSpace, RewardTerm,
    Rng,
};
use crate::sim::{Bodies, BodyKind, BodySpec, Capabilities, Environment, Outcome, clamp_to_reach};
#[cfg(feature = "arcade")]
use crate::worlds::WorldArt;
use crate::worlds::WorldEntry;

/// The world.
pub const WORLD: WorldEntry = WorldEntry {
    experiment: include_str!("experiment.toml"),
    agents: &[("brick-breaker.agent", include_bytes!("brick-breaker.agent"))],
    #[cfg(feature = "arcade")]
    art: Some(WorldArt {
        plugin: art::plugin,
        thumbnail: include_bytes!("thumbnail.png"),
        film: include_bytes!("thumbnail.gif"),
    }),
    ..WorldEntry::new("brick-breaker", module_path!(), |asked| asked.plain::<BrickBreaker>(Rules))
};

/// Half the court's width and height.
pub const COURT: Vec2 = Vec2::new(8.0, 6.0);
/// Radius of the ball.
pub const BALL_RADIUS: f32 = 0.25;
/// Half the paddle's width.
pub const PADDLE_HALF: f32 = 1.2;
/// Height of the middle of the paddle's top.
pub const PADDLE_Y: f32 = -5.0;
/// Rows and columns of the wall, counted from the top left.
pub const WALL: [usize; 2] = [5, 10];
/// Half a brick's width and height.
pub const BRICK_HALF: Vec2 = Vec2::new(0.74, 0.29);
/// Balls per episode.
pub const BALLS: u32 = 3;

const BRICKS: usize = WALL[0] * WALL[1];
const PADDLE_SPEED: f32 = 11.0;
const SERVE_SPEED: f32 = 8.0;
const FASTEST: f32 = 14.0;
const SPEED_UP: f32 = 1.03;
/// Minimum vertical fraction of the ball's speed, so that it does not bounce between the side walls forever.
const STEEPEST: f32 = 0.35;
/// Largest gap that counts as contact with a brick: what the solver leaves between two bodies.
const TOUCHING: f32 = 0.08;
const BRICK: f32 = 0.1;
const TOUCH: f32 = 0.05;
const LOST: f32 = -1.0;
const CLEARED: f32 = 1.0;
const TICK_SECONDS: f32 = 1.0 / 30.0;

const BALL: usize = 0;
const PADDLE: usize = 1;
const FIRST_BRICK: usize = 2;

/// The layout: the same wall in every arena.
#[derive(Resource, Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules;

/// State of one game.
#[derive(Component, Debug, Clone)]
pub struct BrickBreaker {
    standing: [bool; BRICKS],
    balls: u32,
    speed: f32,
    /// The ball's velocity before the tick; a change of direction is a hit.
    before: Vec2,
    /// Returns since the serve.
    rally: u32,
}

impl BrickBreaker {
    /// Whether each brick stands, row by row from the top left.
    pub fn standing(&self) -> &[bool] {
        &self.standing
    }

    /// Balls left, including the one in play.
    pub fn balls(&self) -> u32 {
        self.balls
    }

    /// Returns since the serve.
    pub fn rally(&self) -> u32 {
        self.rally
    }

    /// Bricks broken.
    pub fn broken(&self) -> usize {
        self.standing.iter().filter(|standing| !**standing).count()
    }

    fn serve(&mut self, bodies: &mut Bodies, rng: &mut Rng) {
        let angle: f32 = rng.random_range(-0.7..0.7);
        let across: f32 = rng.random_range(-0.6..0.6);
        bodies.place(BALL, Vec2::new(COURT.x * across, 0.0));
        bodies.set_velocity(BALL, Vec2::new(angle.sin(), -angle.cos()) * SERVE_SPEED);
        self.speed = SERVE_SPEED;
        self.rally = 0;
    }
}

/// Center of brick `index`.
pub fn brick(index: usize) -> Vec2 {
    let (row, column) = (index / WALL[1], index % WALL[1]);
    let width = 2.0 * COURT.x / WALL[1] as f32;
    Vec2::new((column as f32 + 0.5) * width - COURT.x, 4.4 - 0.7 * row as f32)
}

/// The paddle's outline around the middle of its top: flat below, domed above.
pub fn paddle_outline() -> Vec<Vec2> {
    const BULGE: f32 = 0.36;
    let dome = |index: i32| {
        let x = PADDLE_HALF * (1.0 - index as f32 / 6.0);
        Vec2::new(x, -BULGE * (x / PADDLE_HALF).powi(2))
    };
    let mut points: Vec<Vec2> = (0..=12).map(dome).collect();
    points.extend([Vec2::new(-PADDLE_HALF, -0.6), Vec2::new(PADDLE_HALF, -0.6)]);
    points
}

impl Environment for BrickBreaker {
    type Layout = Rules;

    const CAPABILITIES: Capabilities<Self> = Capabilities {
        contact_free: Some(Self::contact_free),
        tracked_bodies: Some(Self::tracked_bodies),
        sketch: Some(|_, _, _, sketch| _ = sketch.view(Vec2::ZERO, COURT + 0.5)),
        scripted_action: Some(Self::scripted_action),
        ..Capabilities::NONE
    };

    fn spec(_rules: &Rules) -> EnvironmentSpec {
        EnvironmentSpec {
            name: "brick-breaker".into(),
            summary: "Keep the ball in play and leave no brick standing.".into(),
            observation: ObservationSpace {
                vector: ["paddle x", "paddle vx", "ball x", "ball y", "ball vx", "ball vy", "balls left"]
                    .map(String::from)
                    .to_vec(),
                grid: Some(GridShape { channels: 1, height: WALL[0], width: WALL[1] }),
            },
            action: ActionSpace::discrete(&["stay", "left", "right"]),
            ticks_per_step: 2,
            tick_seconds: TICK_SECONDS,
            episode_limit: 3000,
            teams: vec![0],
            rewards: vec![
                RewardTerm::new("brick", BRICK, "a brick breaks"),
                RewardTerm::new("touch", TOUCH, "the paddle returns the ball"),
                RewardTerm::new("ball lost", LOST, "the ball passes the paddle"),
                RewardTerm::new("cleared", CLEARED, "no brick stands"),
            ],
        }
    }

    fn build(_rules: &Rules) -> (Self, Vec<BodySpec>) {
        let mut ball = BodySpec::new(BodyKind::Dynamic, Collider::ball(BALL_RADIUS), Vec2::ZERO);
        ball.restitution = 1.0;
        ball.continuous = true;
        let collider =
            Collider::convex_hull(&paddle_outline()).unwrap_or_else(|| Collider::cuboid(PADDLE_HALF, 0.3));
        let mut bodies = vec![ball, BodySpec::new(BodyKind::Kinematic, collider, Vec2::new(0.0, PADDLE_Y))];
        bodies.extend((0..BRICKS).map(|index| {
            let collider = Collider::cuboid(BRICK_HALF.x, BRICK_HALF.y);
            BodySpec::new(BodyKind::Fixed, collider, brick(index))
        }));
        for (center, half) in [
            (Vec2::new(0.0, COURT.y + 0.5), Vec2::new(COURT.x + 1.0, 0.5)),
            (Vec2::new(COURT.x + 0.5, -2.0), Vec2::new(0.5, COURT.y + 3.0)),
            (Vec2::new(-COURT.x - 0.5, -2.0), Vec2::new(0.5, COURT.y + 3.0)),
        ] {
            bodies.push(BodySpec::new(BodyKind::Fixed, Collider::cuboid(half.x, half.y), center));
        }
        let game =
            Self { standing: [true; BRICKS], balls: BALLS, speed: SERVE_SPEED, before: Vec2::ZERO, rally: 0 };
        (game, bodies)
    }

    fn solver_iterations(_rules: &Rules) -> usize {
        // One ball, which touches one body at a time.
        1
    }

    fn player(_rules: &Rules, _slot: usize) -> Option<usize> {
        Some(PADDLE)
    }

    fn reset(&mut self, _rules: &Rules, bodies: &mut Bodies, rng: &mut Rng) {
        (self.standing, self.balls) = ([true; BRICKS], BALLS);
        self.serve(bodies, rng);
    }

    fn apply(&mut self, _rules: &Rules, bodies: &mut Bodies, actions: &ActionBatch, _phase: u32) {
        let wish = match actions.index(0) {
            1 => -PADDLE_SPEED,
            2 => PADDLE_SPEED,
            _ => 0.0,
        };
        let speed = clamp_to_reach(wish, bodies.position(PADDLE).x, COURT.x - PADDLE_HALF, TICK_SECONDS);
        bodies.set_velocity(PADDLE, Vec2::new(speed, 0.0));
        self.before = bodies.velocity(BALL);
    }

    fn judge(
        &mut self,
        _rules: &Rules,
        bodies: &mut Bodies,
        rewards: &mut [f32],
        rng: &mut Rng,
    ) -> Option<EpisodeEnd> {
        let (ball, mut velocity) = (bodies.position(BALL), bodies.velocity(BALL));
        if velocity.normalize_or_zero().dot(self.before.normalize_or_zero()) < 0.999 {
            for index in 0..BRICKS {
                let away = ((ball - brick(index)).abs() - BRICK_HALF).max(Vec2::ZERO);
                if self.standing[index] && away.length() < BALL_RADIUS + TOUCHING {
                    self.standing[index] = false;
                    bodies.body_mut(FIRST_BRICK + index).set_enabled(false);
                    rewards[0] += BRICK;
                }
            }
            if self.before.y < 0.0 && velocity.y > 0.0 && ball.y < PADDLE_Y + 1.0 {
                rewards[0] += TOUCH;
                self.rally += 1;
                self.speed = (self.speed * SPEED_UP).min(FASTEST);
            }
        }
        // Contacts steer the ball; the rules set its speed.
        velocity = velocity.normalize_or(Vec2::Y) * self.speed;
        let least = STEEPEST * self.speed;
        if velocity.y.abs() < least {
            let rest = (self.speed * self.speed - least * least).sqrt();
            velocity = Vec2::new(rest * velocity.x.signum(), least * velocity.y.signum());
        }
        bodies.set_velocity(BALL, velocity);
        if !self.standing.contains(&true) {
            rewards[0] += CLEARED;
            return Some(EpisodeEnd::Terminated);
        }
        let inside = ball.abs().cmplt(COURT + 1.0).all();
        if !inside || ball.y < PADDLE_Y - 0.8 {
            rewards[0] += LOST;
            self.balls -= 1;
            if self.balls == 0 {
                return Some(EpisodeEnd::Terminated);
            }
            self.serve(bodies, rng);
        }
        None
    }

    fn observe(&self, _rules: &Rules, bodies: &Bodies, _slot: usize, vector: &mut [f32], grid: &mut [u8]) {
        let (ball, velocity) = (bodies.position(BALL), bodies.velocity(BALL));
        vector.copy_from_slice(&[
            bodies.position(PADDLE).x / COURT.x,
            bodies.velocity(PADDLE).x / PADDLE_SPEED,
            ball.x / COURT.x,
            ball.y / COURT.y,
            velocity.x / SERVE_SPEED,
            velocity.y / SERVE_SPEED,
            self.balls as f32 / BALLS as f32,
        ]);
        for (byte, standing) in grid.iter_mut().zip(self.standing) {
            *byte = if standing { 255 } else { 0 };
        }
    }

    fn outcome(&self, _slot: usize) -> Outcome {
        Outcome { success: !self.standing.contains(&true), score: self.broken() as f32 }
    }

    fn caption(&self) -> Option<String> {
        let balls = if self.balls == 1 { "last ball".to_owned() } else { format!("{} balls", self.balls) };
        Some(format!("{} bricks left, {balls}, rally {}", BRICKS - self.broken(), self.rally))
    }
}

impl BrickBreaker {
    fn tracked_bodies(_rules: &Rules) -> Vec<(usize, Option<usize>)> {
        vec![(BALL, None)]
    }

    /// Stays under the ball and hits it off center, towards the side with most bricks.
    fn scripted_action(&self, _rules: &Rules, bodies: &Bodies, _slot: usize) -> Action {
        let ball = bodies.position(BALL);
        let standing = (0..BRICKS).filter(|&index| self.standing[index]).map(|index| brick(index).x);
        let middle = standing.sum::<f32>() / (BRICKS - self.broken()).max(1) as f32;
        let aim = ball.x - 0.7 * ((middle - ball.x) / 4.0).clamp(-1.0, 1.0);
        let own = bodies.position(PADDLE).x;
        Action::Discrete(if aim > own + 0.3 {
            2
        } else if aim < own - 0.3 {
            1
        } else {
            0
        })
    }

    fn contact_free(&self, _rules: &Rules, bodies: &Bodies) -> bool {
        let lowest = self.standing.iter().rposition(|standing| *standing);
        let lowest = lowest.map_or(COURT.y, |index| brick(index).y - BRICK_HALF.y);
        let clear = BALL_RADIUS + TOUCHING;
        let ball = bodies.position(BALL);
        [ball, ball + bodies.velocity(BALL) * TICK_SECONDS].into_iter().all(|ball| {
            ball.x.abs() < COURT.x - clear && ball.y > PADDLE_Y + clear && ball.y < lowest - clear
        })
    }
}
