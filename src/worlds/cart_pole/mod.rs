//! cart-pole: the task of `cartpole`, with a cart, a hinge and a pole as physics bodies.
//!
#![doc = include_str!("README.md")]

use bevy::prelude::*;
use bevy_rapier2d::prelude::{Collider, CollisionGroups, Group, RevoluteJointBuilder, TypedJoint};
use bevy_rapier2d::rapier::dynamics::LockedAxes;

use super::classic_control::cartpole::{
    self, Balancing, CART_MASS, FORCE, GRAVITY, HALF_POLE, LIMIT, POLE_MASS, SECONDS, actions, balance,
    draw_start, out_of_bounds, push,
};
use crate::mdp::{Action, ActionBatch, EnvironmentSpec, EpisodeEnd, ObservationSpace, RewardTerm, Rng};
use crate::sim::{Bodies, BodyKind, BodySpec, Capabilities, Environment, Outcome, Sketch};
#[cfg(feature = "arcade")]
use crate::worlds::WorldArt;
use crate::worlds::WorldEntry;

/// The world.
pub const WORLD: WorldEntry = WorldEntry {
    experiment: include_str!("experiment.toml"),
    continuous_experiment: include_str!("continuous.toml"),
    agents: &[("cart-pole.agent", include_bytes!("cart-pole.agent"))],
    #[cfg(feature = "arcade")]
    art: Some(WorldArt {
        plugin: super::classic_control::cartpole::art::plugin::<BodyCartPole>,
        thumbnail: include_bytes!("thumbnail.png"),
        film: include_bytes!("thumbnail.gif"),
    }),
    ..WorldEntry::new("cart-pole", module_path!(), |asked| {
        asked.plain::<BodyCartPole>(Rail { continuous: asked.continuous() })
    })
};

const CART: usize = 0;
const POLE: usize = 1;
const CART_HALF: Vec2 = Vec2::new(0.25, 0.125);
/// Half the pole's width and height. Thin, so that its inertia is that of a rod.
const POLE_HALF: Vec2 = Vec2::new(0.01, HALF_POLE as f32);

/// The layout: the same rail in every arena.
#[derive(Resource, Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rail {
    /// Whether actions are continuous.
    pub continuous: bool,
}

/// State of one cart, read from its bodies after the last tick.
#[derive(Component, Debug, Clone)]
pub struct BodyCartPole {
    /// x in m, m/s, angle in rad (0 is upright, clockwise positive), rad/s.
    state: [f64; 4],
    steps: u32,
}

impl BodyCartPole {
    fn look(&mut self, bodies: &Bodies) {
        self.state =
            [bodies.position(CART).x, bodies.velocity(CART).x, -bodies.angle(POLE), -bodies.spin(POLE)]
                .map(f64::from);
    }
}

impl BodyCartPole {
    fn sketch(&self, _rail: &Rail, bodies: &Bodies, sketch: &mut Sketch) {
        let (cart, angle) = (bodies.position(CART), -bodies.angle(POLE));
        cartpole::draw(cart, angle, sketch);
    }
}

impl Balancing for BodyCartPole {
    fn x(&self) -> f32 {
        self.state[0] as f32
    }

    fn angle(&self) -> f32 {
        self.state[2] as f32
    }
}

impl Environment for BodyCartPole {
    type Layout = Rail;

    const CAPABILITIES: Capabilities<Self> = Capabilities {
        sketch: Some(Self::sketch),
        scripted_action: Some(Self::scripted_action),
        ..Capabilities::NONE
    };

    fn spec(rail: &Rail) -> EnvironmentSpec {
        EnvironmentSpec {
            name: "cart-pole".into(),
            summary: "Push the cart so that the pole hinged to it stays upright.".into(),
            observation: ObservationSpace::floats(&["x", "x velocity", "angle", "angular velocity"]),
            action: actions(rail.continuous),
            ticks_per_step: 1,
            tick_seconds: SECONDS as f32,
            episode_limit: LIMIT,
            teams: vec![0],
            rewards: vec![RewardTerm::new("balance", 1.0, "every agent step, the last one included")],
        }
    }

    fn build(_rail: &Rail) -> (Self, Vec<BodySpec>) {
        let body = |half: Vec2, mass: f64, position| BodySpec {
            density: mass as f32 / (4.0 * half.x * half.y),
            groups: CollisionGroups::new(Group::GROUP_1, Group::NONE),
            ..BodySpec::new(BodyKind::Dynamic, Collider::cuboid(half.x, half.y), position)
        };
        let hinge = RevoluteJointBuilder::new().local_anchor2(Vec2::NEG_Y * POLE_HALF.y).build();
        let pole = BodySpec {
            rotates: true,
            joint: Some((CART, TypedJoint::RevoluteJoint(hinge))),
            ..body(POLE_HALF, POLE_MASS, Vec2::Y * POLE_HALF.y)
        };
        (Self { state: [0.0; 4], steps: 0 }, vec![body(CART_HALF, CART_MASS, Vec2::ZERO), pole])
    }

    fn gravity(_rail: &Rail) -> Vec2 {
        Vec2::NEG_Y * GRAVITY as f32
    }

    fn player(_rail: &Rail, _slot: usize) -> Option<usize> {
        Some(CART)
    }

    fn reset(&mut self, _rail: &Rail, bodies: &mut Bodies, rng: &mut Rng) {
        let start = draw_start(rng);
        let [x, velocity, angle, spin] = start.map(|value| value as f32);
        let (cart, up) = (Vec2::X * x, Vec2::new(angle.sin(), angle.cos()));
        bodies.place(CART, cart);
        bodies.set_velocity(CART, Vec2::X * velocity);
        // On its rail.
        bodies
            .body_mut(CART)
            .set_locked_axes(LockedAxes::TRANSLATION_LOCKED_Y | LockedAxes::ROTATION_LOCKED, true);
        bodies.place_turned(POLE, cart + up * POLE_HALF.y, -angle);
        // Its center moves with the cart and around the hinge.
        let around = Vec2::new(up.y, -up.x) * spin * POLE_HALF.y;
        bodies.set_velocity(POLE, Vec2::X * velocity + around);
        bodies.body_mut(POLE).set_angvel(-spin, true);
        (self.state, self.steps) = (start, 0);
    }

    fn apply(&mut self, _rail: &Rail, bodies: &mut Bodies, actions: &ActionBatch, _phase: u32) {
        let force = push(actions.row(0)) * FORCE;
        let cart = bodies.body_mut(CART);
        cart.reset_forces(true);
        cart.add_force(Vec2::X * force as f32, true);
        self.steps += 1;
    }

    fn judge(
        &mut self,
        _rail: &Rail,
        bodies: &mut Bodies,
        rewards: &mut [f32],
        _rng: &mut Rng,
    ) -> Option<EpisodeEnd> {
        self.look(bodies);
        rewards[0] += 1.0;
        out_of_bounds(&self.state).then_some(EpisodeEnd::Terminated)
    }

    fn observe(&self, _rail: &Rail, _bodies: &Bodies, _slot: usize, vector: &mut [f32], _grid: &mut [u8]) {
        vector.copy_from_slice(&self.state.map(|value| value as f32));
    }

    /// Success: the pole stood for the whole episode.
    fn outcome(&self, _slot: usize) -> Outcome {
        Outcome::goal(self.steps >= LIMIT && !out_of_bounds(&self.state))
    }
}

impl BodyCartPole {
    fn scripted_action(&self, rail: &Rail, _bodies: &Bodies, _slot: usize) -> Action {
        balance(&self.state, rail.continuous)
    }
}
