//! What a walker is made of: links, hinges and motors, rules, and the bodies they become.
//!
//! All numbers are those of the published models, measured in their start pose: x forward, y up, m, kg, N·m. Mass and
//! inertia are those of capsules in three dimensions.

use bevy::prelude::*;
use bevy_rapier2d::prelude::{CoefficientCombineRule, Collider, CollisionGroups, Group, MassProperties};

use crate::sim::{BodyKind, BodySpec, Hinge};

/// Body index of the torso, the root.
pub const TORSO: usize = 0;
/// Most joints of a walker.
pub const MOST_JOINTS: usize = 6;

/// Joint limits yield like springs of this frequency in Hz and this damping ratio. Walkers start at some of their limits,
/// where hard ones would kick.
const SOFTNESS: [f32; 2] = [16.0, 1.0];
const WALKER: Group = Group::GROUP_1;
const GROUND: Group = Group::GROUP_2;

/// A rigid part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    /// Name of the joint that moves it.
    pub name: &'static str,
    /// Axes of its capsules: from, to.
    pub capsules: &'static [[Vec2; 2]],
    /// Radius of its capsules.
    pub radius: f32,
    /// Mass, kg.
    pub mass: f32,
    /// Center of mass.
    pub center: Vec2,
    /// Moment of inertia around that, kg·m².
    pub inertia: f32,
    /// Coulomb friction on the ground.
    pub friction: f32,
    /// Whether it is a foot.
    pub foot: bool,
    /// The joint it hangs on; `None` for the torso.
    pub joint: Option<Joint>,
}

/// A hinge with a motor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Joint {
    /// Index of the link it hangs on.
    pub parent: usize,
    /// Where it is.
    pub anchor: Vec2,
    /// Least and greatest angle, rad, in the direction of [`Anatomy::turn`].
    pub limits: [f32; 2],
    /// Torque of action 1, N·m.
    pub gear: f32,
    /// Inertia of the rotor, kg·m².
    pub armature: f32,
    /// Viscous friction, N·m·s/rad.
    pub damping: f32,
    /// Stiffness of a spring towards angle 0, N·m/rad.
    pub stiffness: f32,
}

/// When a walker counts as upright: everything strictly within these bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Upright {
    /// Height of the torso, m.
    pub height: [f32; 2],
    /// Largest pitch to either side, rad.
    pub pitch: f32,
    /// Largest absolute value of pitch, joint angles and all velocities.
    pub most: f32,
}

/// The hand-written player.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Script {
    /// Holds every joint at 0 with a spring and a damper: N·m/rad and N·m·s/rad.
    Hold([f32; 2]),
    /// Swings back and front legs in turn: swings per second, and strengths of thigh, shin and foot.
    Gallop(f32, [f32; 3]),
}

/// A walker and its rules: the layout shared by all arenas.
#[derive(Resource, Debug, Clone, Copy, PartialEq)]
pub struct Anatomy {
    /// Name of the world.
    pub name: &'static str,
    /// Summary of the world.
    pub summary: &'static str,
    /// Torso first, every other after the one it hangs on, in the order of actions.
    pub links: &'static [Link],
    /// Direction of positive joint angles: 1 counter-clockwise, −1 clockwise.
    pub turn: f32,
    /// The torso's point whose motion is observed and paid.
    pub origin: Vec2,
    /// Height of that point which is observed as 0.
    pub level: f32,
    /// Duration of a tick, s.
    pub tick_seconds: f32,
    /// Ticks per agent step.
    pub ticks: u32,
    /// Solver iterations per tick: rapier divides the tick into so many parts.
    pub iterations: usize,
    /// Bound of observed velocities, if they are clipped.
    pub clip: Option<f32>,
    /// When it counts as upright: 1 for every step that ends so, and the end of the episode otherwise.
    pub upright: Option<Upright>,
    /// What the sum of squared actions costs.
    pub effort: f32,
    /// Spread of starts: of positions uniformly to either side, and of velocities.
    pub spread: [f32; 2],
    /// Whether velocities at the start are normally distributed, not uniformly.
    pub normal: bool,
    /// Return from which an episode is a success; `None` if that takes staying upright to the time limit.
    pub goal: Option<f32>,
    /// The hand-written player.
    pub script: Script,
}

impl Anatomy {
    /// Number of joints.
    pub fn joints(&self) -> usize {
        self.links.len() - 1
    }

    /// Links that hang on a joint, with their body index and that joint, in the order of actions.
    pub fn jointed(&self) -> impl Iterator<Item = (usize, &'static Link, Joint)> + use<> {
        let numbered = self.links.iter().enumerate();
        numbered.filter_map(|(index, link)| Some((index, link, link.joint?)))
    }

    /// Body indices of the feet.
    pub fn feet(&self) -> impl Iterator<Item = usize> + use<> {
        self.links.iter().enumerate().filter(|(_, link)| link.foot).map(|(index, _)| index)
    }

    /// Body index of the ground.
    pub fn ground(&self) -> usize {
        self.links.len()
    }

    /// Duration of an agent step, s.
    pub fn step_seconds(&self) -> f32 {
        self.tick_seconds * self.ticks as f32
    }

    /// The links in order, each with its origin at its center of mass, and the ground.
    pub fn bodies(&self) -> Vec<BodySpec> {
        let mut all: Vec<BodySpec> = self.links.iter().map(|link| self.body(link)).collect();
        let ground = Collider::halfspace(Vec2::Y).unwrap_or_else(|| Collider::cuboid(1e4, f32::EPSILON));
        all.push(BodySpec {
            friction_rule: CoefficientCombineRule::Max,
            groups: CollisionGroups::new(GROUND, WALKER),
            ..BodySpec::new(BodyKind::Fixed, ground, Vec2::ZERO)
        });
        all
    }

    fn body(&self, link: &Link) -> BodySpec {
        let capsule = |[from, to]: &[Vec2; 2]| {
            (Vec2::ZERO, 0.0, Collider::capsule(*from - link.center, *to - link.center, link.radius))
        };
        let mut shapes: Vec<_> = link.capsules.iter().map(capsule).collect();
        let shape = match (shapes.len(), shapes.pop()) {
            (1, Some((_, _, only))) => only,
            (_, last) => Collider::compound(shapes.into_iter().chain(last).collect()),
        };
        let hinge = link.joint.map(|joint| {
            let mut limits = joint.limits.map(|angle| self.turn * angle);
            limits.sort_by(f32::total_cmp);
            Hinge {
                parent: joint.parent,
                anchor: joint.anchor,
                limits,
                softness: SOFTNESS,
                armature: joint.armature,
                damping: joint.damping,
                stiffness: joint.stiffness,
            }
        });
        BodySpec {
            mass: Some(MassProperties {
                local_center_of_mass: Vec2::ZERO,
                mass: link.mass,
                principal_inertia: link.inertia,
            }),
            friction: link.friction,
            friction_rule: CoefficientCombineRule::Max,
            rotates: true,
            groups: CollisionGroups::new(WALKER, GROUND),
            hinge,
            ..BodySpec::new(BodyKind::Dynamic, shape, link.center)
        }
    }
}
