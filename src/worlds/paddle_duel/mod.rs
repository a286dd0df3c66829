//! paddle-duel: two paddles, one ball with spin, first to five. One policy plays both sides.
#![doc = include_str!("README.md")]

#[cfg(feature = "arcade")]
mod art;

use bevy::prelude::*;
use bevy_rapier2d::prelude::Collider;
use rand::RngExt as _;

use crate::mdp::{
    Action, ActionBatch, ActionRow, ActionSpace, EnvironmentSpec, EpisodeEnd, ObservationSpace, RewardTerm,
    Rng,
};
use crate::sim::{Bodies, BodyKind, BodySpec, Capabilities, Environment, Outcome, clamp_to_reach};
#[cfg(feature = "arcade")]
use crate::worlds::WorldArt;
use crate::worlds::{Screenshot, WorldEntry};

/// The world.
pub const WORLD: WorldEntry = WorldEntry {
    experiment: include_str!("experiment.toml"),
    continuous_experiment: include_str!("continuous.toml"),
    agents: &[
        ("paddle-duel.agent", include_bytes!("paddle-duel.agent")),
        // An LSTM that sees every second moment.
        ("paddle-duel-flicker.agent", include_bytes!("paddle-duel-flicker.agent")),
    ],
    screenshots: &[Screenshot {
        file: "paddle-duel.png",
        arguments: "--seed 1 --press M@1,M@40,R@42,Y@42.5,G@43 --after 45",
    }],
    #[cfg(feature = "arcade")]
    art: Some(WorldArt {
        plugin: art::plugin,
        thumbnail: include_bytes!("thumbnail.png"),
        film: include_bytes!("thumbnail.gif"),
    }),
    ..WorldEntry::new("paddle-duel", module_path!(), |asked| {
        asked.plain::<PaddleDuel>(Court { continuous: asked.continuous() })
    })
};

/// Half the court's width and height.
pub const COURT: Vec2 = Vec2::new(10.0, 6.0);
/// Half a paddle's height.
pub const PADDLE_HALF: f32 = 1.1;
/// Distance of a paddle's face from the middle line.
pub const PADDLE_X: f32 = 9.0;
/// Radius of the ball.
pub const BALL_RADIUS: f32 = 0.28;
/// Points that win a match.
pub const WINNING_SCORE: u32 = 5;
const PADDLE_SPEED: f32 = 9.0;
const SERVE_SPEED: f32 = 9.0;
const FASTEST: f32 = 18.0;
const SPEED_UP: f32 = 1.05;
const POINT: f32 = 1.0;
const TOUCH: f32 = 0.1;
const TICK_SECONDS: f32 = 1.0 / 30.0;
/// Largest gap that counts as contact: what the solver leaves between two bodies.
const TOUCHING: f32 = 0.08;

const BALL: usize = 0;
const PADDLES: [usize; 2] = [1, 2];

/// The layout, the same for all arenas.
#[derive(Resource, Debug, Clone, Copy, PartialEq, Eq)]
pub struct Court {
    /// Whether actions are continuous.
    pub continuous: bool,
}

/// State of one match.
#[derive(Component, Debug, Clone)]
pub struct PaddleDuel {
    scores: [u32; 2],
    speed: f32,
    /// Sign of the ball's horizontal velocity before the tick; a change at a paddle is a hit.
    heading: f32,
    /// Hits since the serve.
    rally: u32,
}

impl PaddleDuel {
    /// Points of the left and the right slot.
    pub fn scores(&self) -> [u32; 2] {
        self.scores
    }

    /// Hits since the serve.
    pub fn rally(&self) -> u32 {
        self.rally
    }

    fn serve(&mut self, bodies: &mut Bodies, towards: f32, rng: &mut Rng) {
        let angle: f32 = rng.random_range(-0.6..0.6);
        let height: f32 = rng.random_range(-0.5..0.5);
        bodies.place(BALL, Vec2::new(0.0, COURT.y * height));
        bodies.set_velocity(BALL, Vec2::new(towards * angle.cos(), angle.sin()) * SERVE_SPEED);
        self.speed = SERVE_SPEED;
        self.heading = towards;
        self.rally = 0;
    }
}

/// `1` for the left slot, `−1` for the right one: the factor that mirrors the court.
fn side(slot: usize) -> f32 {
    if slot == 0 { 1.0 } else { -1.0 }
}

/// Where `action` moves a paddle, as a share of its speed: 1 is up.
fn way(action: ActionRow<'_>) -> f32 {
    match action {
        ActionRow::Discrete(1) => 1.0,
        ActionRow::Discrete(2) => -1.0,
        ActionRow::Discrete(_) => 0.0,
        ActionRow::Continuous(shares) => shares.first().map_or(0.0, |share| share.clamp(-1.0, 1.0)),
    }
}

/// A paddle whose face bulges towards the middle: straight back, circular front.
pub fn paddle_outline(slot: usize) -> Vec<Vec2> {
    const BULGE: f32 = 0.32;
    let mut points: Vec<Vec2> = (0..=12)
        .map(|index| {
            let y = PADDLE_HALF * (index as f32 / 6.0 - 1.0);
            Vec2::new(side(slot) * (BULGE * (1.0 - (y / PADDLE_HALF).powi(2)) - BULGE), y)
        })
        .collect();
    points.push(Vec2::new(-side(slot) * 0.6, PADDLE_HALF));
    points.push(Vec2::new(-side(slot) * 0.6, -PADDLE_HALF));
    points
}

impl Environment for PaddleDuel {
    type Layout = Court;

    const CAPABILITIES: Capabilities<Self> = Capabilities {
        contact_free: Some(Self::contact_free),
        tracked_bodies: Some(Self::tracked_bodies),
        sketch: Some(|_, _, _, sketch| _ = sketch.view(Vec2::ZERO, COURT + 0.5)),
        scripted_action: Some(Self::scripted_action),
        ..Capabilities::NONE
    };

    fn spec(court: &Court) -> EnvironmentSpec {
        EnvironmentSpec {
            name: "paddle-duel".into(),
            summary: "Two paddles, one ball with spin, first to five.".into(),
            observation: ObservationSpace {
                vector: [
                    "own y",
                    "own vy",
                    "other y",
                    "other vy",
                    "ball x",
                    "ball y",
                    "ball vx",
                    "ball vy",
                    "ball spin",
                ]
                .map(String::from)
                .to_vec(),
                grid: None,
            },
            action: match court.continuous {
                true => ActionSpace::continuous(&[("up", [-1.0, 1.0])]),
                false => ActionSpace::discrete(&["stay", "up", "down"]),
            },
            ticks_per_step: 2,
            tick_seconds: TICK_SECONDS,
            episode_limit: 3000,
            teams: vec![0, 1],
            rewards: vec![
                RewardTerm::new("point", POINT, "the ball passes the other paddle"),
                RewardTerm::new("point against", -POINT, "the ball passes the own paddle"),
                RewardTerm::new("touch", TOUCH, "the own paddle returns the ball"),
            ],
        }
    }

    fn build(_court: &Court) -> (Self, Vec<BodySpec>) {
        let mut ball = BodySpec::new(BodyKind::Dynamic, Collider::ball(BALL_RADIUS), Vec2::ZERO);
        ball.restitution = 1.0;
        ball.friction = 0.6;
        ball.rotates = true;
        ball.continuous = true;
        let mut bodies = vec![ball];
        for slot in 0..2 {
            let collider = Collider::convex_hull(&paddle_outline(slot))
                .unwrap_or_else(|| Collider::cuboid(0.2, PADDLE_HALF));
            let position = Vec2::new(-side(slot) * PADDLE_X, 0.0);
            let mut paddle = BodySpec::new(BodyKind::Kinematic, collider, position);
            paddle.friction = 0.6;
            bodies.push(paddle);
        }
        for y in [-1.0, 1.0] {
            let collider = Collider::cuboid(COURT.x + 4.0, 0.5);
            bodies.push(BodySpec::new(BodyKind::Fixed, collider, Vec2::new(0.0, y * (COURT.y + 0.5))));
        }
        (Self { scores: [0, 0], speed: SERVE_SPEED, heading: 1.0, rally: 0 }, bodies)
    }

    fn solver_iterations(_court: &Court) -> usize {
        // One ball, which touches one body at a time.
        1
    }

    fn player(_court: &Court, slot: usize) -> Option<usize> {
        Some(PADDLES[slot])
    }

    fn reset(&mut self, _court: &Court, bodies: &mut Bodies, rng: &mut Rng) {
        self.scores = [0, 0];
        let towards = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
        self.serve(bodies, towards, rng);
    }

    fn apply(&mut self, _court: &Court, bodies: &mut Bodies, actions: &ActionBatch, _phase: u32) {
        let reach = COURT.y - PADDLE_HALF;
        for (slot, &paddle) in PADDLES.iter().enumerate() {
            let wish = way(actions.row(slot)) * PADDLE_SPEED;
            let speed = clamp_to_reach(wish, bodies.position(paddle).y, reach, TICK_SECONDS);
            bodies.set_velocity(paddle, Vec2::new(0.0, speed));
        }
        self.heading = bodies.velocity(BALL).x.signum();
    }

    fn judge(
        &mut self,
        _court: &Court,
        bodies: &mut Bodies,
        rewards: &mut [f32],
        rng: &mut Rng,
    ) -> Option<EpisodeEnd> {
        let position = bodies.position(BALL);
        let mut velocity = bodies.velocity(BALL);
        if velocity.x.signum() != self.heading && position.x.abs() > PADDLE_X - 1.5 {
            let slot = usize::from(position.x > 0.0);
            rewards[slot] += TOUCH;
            self.rally += 1;
            self.speed = (self.speed * SPEED_UP).min(FASTEST);
        }
        // Contacts steer the ball; the rules set its speed. A minimum sideways share keeps rallies from
        // ending between the walls.
        velocity = velocity.normalize_or(Vec2::X * self.heading) * self.speed;
        let least = 0.4 * self.speed;
        if velocity.x.abs() < least {
            let rest = (self.speed * self.speed - least * least).sqrt();
            velocity = Vec2::new(least * velocity.x.signum(), rest * velocity.y.signum());
        }
        bodies.set_velocity(BALL, velocity);
        if position.x.abs() > COURT.x + BALL_RADIUS || position.y.abs() > COURT.y + 1.0 {
            let winner = usize::from(position.x < 0.0);
            self.scores[winner] += 1;
            rewards[winner] += POINT;
            rewards[1 - winner] -= POINT;
            if self.scores[winner] >= WINNING_SCORE {
                return Some(EpisodeEnd::Terminated);
            }
            // Serve to the player who lost the point.
            self.serve(bodies, -side(1 - winner), rng);
        }
        None
    }

    fn observe(&self, _court: &Court, bodies: &Bodies, slot: usize, vector: &mut [f32], _grid: &mut [u8]) {
        let mirror = side(slot);
        let (own, other) = (PADDLES[slot], PADDLES[1 - slot]);
        let (ball, velocity) = (bodies.position(BALL), bodies.velocity(BALL));
        vector.copy_from_slice(&[
            bodies.position(own).y / COURT.y,
            bodies.velocity(own).y / PADDLE_SPEED,
            bodies.position(other).y / COURT.y,
            bodies.velocity(other).y / PADDLE_SPEED,
            mirror * ball.x / COURT.x,
            ball.y / COURT.y,
            mirror * velocity.x / SERVE_SPEED,
            velocity.y / SERVE_SPEED,
            // Spin changes sign when mirrored.
            mirror * bodies.spin(BALL) / 30.0,
        ]);
    }

    fn outcome(&self, slot: usize) -> Outcome {
        let score = self.scores[slot] as f32 - self.scores[1 - slot] as f32;
        Outcome { success: self.scores[slot] >= WINNING_SCORE, score }
    }

    fn caption(&self) -> Option<String> {
        let [left, right] = self.scores;
        Some(format!("{left} : {right}, first to {WINNING_SCORE}, rally {}", self.rally))
    }

    fn points(&self) -> Option<[u32; 2]> {
        Some(self.scores)
    }
}

impl PaddleDuel {
    fn tracked_bodies(_court: &Court) -> Vec<(usize, Option<usize>)> {
        vec![(BALL, None)]
    }

    /// Follows an approaching ball and drifts back to the middle otherwise; never predicts its path.
    fn scripted_action(&self, court: &Court, bodies: &Bodies, slot: usize) -> Action {
        let (ball, velocity) = (bodies.position(BALL), bodies.velocity(BALL));
        let own = bodies.position(PADDLES[slot]).y;
        let coming = velocity.x * side(slot) < 0.0;
        let aim = if coming { ball.y } else { 0.0 };
        let slack = if coming { 0.45 } else { 1.0 };
        let (index, way) = if aim > own + slack {
            (1, 1.0)
        } else if aim < own - slack {
            (2, -1.0)
        } else {
            (0, 0.0)
        };
        if court.continuous { Action::continuous(&[way]) } else { Action::Discrete(index) }
    }

    fn contact_free(&self, _court: &Court, bodies: &Bodies) -> bool {
        let clear = Vec2::new(PADDLE_X, COURT.y) - BALL_RADIUS - TOUCHING;
        let ball = bodies.position(BALL);
        [ball, ball + bodies.velocity(BALL) * TICK_SECONDS].iter().all(|ball| ball.abs().cmplt(clear).all())
    }
}
