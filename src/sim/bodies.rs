//! Bodies: what an environment lists when it builds an arena, and how it reads and moves them afterwards.

use bevy::prelude::*;
use bevy_rapier2d::prelude::*;
use bevy_rapier2d::rapier::dynamics::{
    MultibodyJointSet, RigidBody as RapierBody, RigidBodyHandle, RigidBodySet,
};
use bevy_rapier2d::rapier::geometry::{ColliderSet, NarrowPhase, SharedShape};
use bevy_rapier2d::rapier::math::Rotation;

/// How a body moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyKind {
    /// Never.
    Fixed,
    /// By forces and contacts.
    Dynamic,
    /// By its set velocity, pushing what is in the way.
    Kinematic,
}

/// A hinge between two links of an articulated body, whose state is the angles of its hinges: links cannot come apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hinge {
    /// Index of the body it hangs on.
    pub parent: usize,
    /// Where it is while all bodies are in their initial position, in the arena's coordinates.
    pub anchor: Vec2,
    /// Smallest and largest angle of the body against its parent, rad, counter-clockwise positive. The initial one is 0.
    pub limits: [f32; 2],
    /// How the limits yield: natural frequency in Hz and damping ratio of a spring.
    pub softness: [f32; 2],
    /// Inertia of a rotor that turns with the hinge, kg·m².
    pub armature: f32,
    /// Viscous friction, N·m·s/rad.
    pub damping: f32,
    /// Stiffness of a spring towards angle 0, N·m/rad.
    pub stiffness: f32,
}

/// One body of an arena before it is spawned. Lengths in world units, density in mass per area.
#[derive(Debug, Clone)]
pub struct BodySpec {
    /// How it moves.
    pub kind: BodyKind,
    /// Its shape around its own origin.
    pub collider: Collider,
    /// Initial position.
    pub position: Vec2,
    /// Mass per area.
    pub density: f32,
    /// Mass, center and moment of inertia around it, in place of those that shape and density give.
    pub mass: Option<MassProperties>,
    /// Bounciness, 0 to 1; the larger of two touching bodies counts.
    pub restitution: f32,
    /// Coulomb friction.
    pub friction: f32,
    /// How the friction of two touching bodies is made from theirs: the average by default. Of two different rules
    /// the later one counts, in the order average, smallest, product, largest.
    pub friction_rule: CoefficientCombineRule,
    /// Fraction of velocity lost per second, roughly.
    pub linear_damping: f32,
    /// Fraction of spin lost per second, roughly.
    pub angular_damping: f32,
    /// Its collision groups; by default everything touches everything.
    pub groups: CollisionGroups,
    /// Its joint to a body earlier in the list, by index: forces hold both together.
    pub joint: Option<(usize, TypedJoint)>,
    /// Its hinge on a body earlier in the list, as a link of an articulated body. Its root is the one without a hinge,
    /// and must have its center of mass at its origin: rapier moves the one and integrates the other.
    pub hinge: Option<Hinge>,
    /// Whether it may rotate.
    pub rotates: bool,
    /// Whether it uses continuous collision detection, so that it cannot tunnel. If no body does, it is off.
    pub continuous: bool,
}

impl BodySpec {
    /// A body of `kind` with shape `collider` at `position`, density 1, no bounce, no friction.
    pub fn new(kind: BodyKind, collider: Collider, position: Vec2) -> Self {
        Self {
            kind,
            collider,
            position,
            density: 1.0,
            mass: None,
            restitution: 0.0,
            friction: 0.0,
            friction_rule: CoefficientCombineRule::Average,
            linear_damping: 0.0,
            angular_damping: 0.0,
            groups: CollisionGroups::default(),
            joint: None,
            hinge: None,
            rotates: false,
            continuous: false,
        }
    }

    /// The components bevy_rapier2d builds the body from; its joint needs the other body's entity.
    pub(super) fn bundle(self, context: Entity) -> (impl Bundle, impl Bundle) {
        let shape = (
            self.collider,
            self.mass.map_or(
                ColliderMassProperties::Density(self.density),
                ColliderMassProperties::MassProperties,
            ),
            Restitution { coefficient: self.restitution, combine_rule: CoefficientCombineRule::Max },
            Friction { coefficient: self.friction, combine_rule: self.friction_rule },
            self.groups,
        );
        let body = (
            RapierContextEntityLink(context),
            match self.kind {
                BodyKind::Fixed => RigidBody::Fixed,
                BodyKind::Dynamic => RigidBody::Dynamic,
                BodyKind::Kinematic => RigidBody::KinematicVelocityBased,
            },
            Transform::from_translation(self.position.extend(0.0)),
            GlobalTransform::from_translation(self.position.extend(0.0)),
            Damping { linear_damping: self.linear_damping, angular_damping: self.angular_damping },
            if self.rotates { LockedAxes::empty() } else { LockedAxes::ROTATION_LOCKED },
            Ccd { enabled: self.continuous },
            // A sleeping body would wake differently depending on history; arenas must not.
            Sleeping::disabled(),
        );
        (shape, body)
    }
}

/// The bodies of one arena in the order its environment listed them.
pub struct Bodies<'a> {
    /// Rapier's set.
    pub(super) set: &'a mut RigidBodySet,
    /// Handles in spawn order.
    pub(super) handles: &'a [RigidBodyHandle],
    /// Their shapes and contacts; present if there are bodies.
    pub(super) touch: Option<(&'a mut ColliderSet, &'a NarrowPhase)>,
    /// Articulated bodies; present if there are bodies.
    pub(super) articulated: Option<&'a mut MultibodyJointSet>,
}

impl Bodies<'_> {
    /// Position of body `index`.
    pub fn position(&self, index: usize) -> Vec2 {
        self.set[self.handles[index]].translation()
    }

    /// Linear velocity of body `index`, units/s.
    pub fn velocity(&self, index: usize) -> Vec2 {
        self.set[self.handles[index]].linvel()
    }

    /// Angular velocity of body `index`, rad/s.
    pub fn spin(&self, index: usize) -> f32 {
        self.set[self.handles[index]].angvel()
    }

    /// Angle of body `index`, rad.
    pub fn angle(&self, index: usize) -> f32 {
        self.set[self.handles[index]].rotation().angle()
    }

    /// Distance body `index` would still coast, in units; infinite for a moving body without damping.
    pub fn coasts(&self, index: usize) -> f32 {
        let body = &self.set[self.handles[index]];
        let speed = body.linvel().length();
        if speed == 0.0 { 0.0 } else { speed / body.linear_damping() }
    }

    /// Rapier's own body `index`, for operations without a shorthand here.
    pub fn body_mut(&mut self, index: usize) -> &mut RapierBody {
        &mut self.set[self.handles[index]]
    }

    /// Sets the linear velocity, units/s. Not for links of articulated bodies, see [`Bodies::pose`].
    pub fn set_velocity(&mut self, index: usize, velocity: Vec2) {
        debug_assert!(!self.is_link(index), "body {index} moves with its hinges");
        self.body_mut(index).set_linvel(velocity, true);
    }

    /// Teleports a body and stops it. Not for links of articulated bodies, see [`Bodies::pose`].
    pub fn place(&mut self, index: usize, position: Vec2) {
        debug_assert!(!self.is_link(index), "body {index} is placed by its hinges");
        let body = self.body_mut(index);
        body.set_translation(position, true);
        body.set_linvel(Vec2::ZERO, true);
        body.set_angvel(0.0, true);
    }

    /// Teleports a body to `position`, rotated by `angle` rad, and stops it.
    pub fn place_turned(&mut self, index: usize, position: Vec2, angle: f32) {
        self.body_mut(index).set_rotation(Rotation::from_angle(angle), true);
        self.place(index, position);
    }
}

impl Bodies<'_> {
    /// Removes body `index` from the simulation for the rest of the episode and parks it at `position`.
    pub fn park(&mut self, index: usize, position: Vec2) {
        self.place(index, position);
        self.body_mut(index).set_enabled(false);
    }

    /// Whether bodies `a` and `b` touched in the last tick or were within 0.02 units, where the solver starts
    /// to consider a pair. It does not imply a contact force.
    pub fn touching(&self, a: usize, b: usize) -> bool {
        let Some((_, contacts)) = &self.touch else { return false };
        let [a, b] = [a, b].map(|index| self.set[self.handles[index]].colliders());
        a.iter().any(|&a| {
            b.iter().any(|&b| contacts.contact_pair(a, b).is_some_and(|pair| pair.has_any_active_contact()))
        })
    }

    /// Whether body `index` touched any other in the last tick, in the sense of [`Bodies::touching`].
    pub fn touches_anything(&self, index: usize) -> bool {
        let Some((_, contacts)) = &self.touch else { return false };
        let colliders = self.set[self.handles[index]].colliders();
        colliders
            .iter()
            .any(|&own| contacts.contact_pairs_with(own).any(|pair| pair.has_any_active_contact()))
    }

    /// Replaces the shape of body `index` for the rest of the episode, as for ground that differs between
    /// episodes.
    pub fn set_shape(&mut self, index: usize, shape: &Collider) {
        let Some((colliders, _)) = &mut self.touch else { return };
        for &own in self.set[self.handles[index]].colliders() {
            if let Some(collider) = colliders.get_mut(own) {
                collider.set_shape(SharedShape::clone(&shape.raw));
            }
        }
    }
}

/// The velocity `wish` of a body at `position`, clamped so that it stays within ±`reach` after a tick of
/// `seconds`: contacts do not stop a kinematic body.
pub fn clamp_to_reach(wish: f32, position: f32, reach: f32, seconds: f32) -> f32 {
    let allowed = ((-reach - position) / seconds, (reach - position) / seconds);
    wish.clamp(allowed.0.min(0.0), allowed.1.max(0.0))
}

/// Bodies in their initial state, for tests of rules without physics.
#[cfg(test)]
pub(crate) mod still {
    use super::*;
    use bevy_rapier2d::rapier::dynamics::RigidBodyBuilder;

    /// The bodies of `set` with `handles`, without contacts.
    pub(crate) fn untouched<'a>(set: &'a mut RigidBodySet, handles: &'a [RigidBodyHandle]) -> Bodies<'a> {
        Bodies { set, handles, touch: None, articulated: None }
    }

    /// The same with articulated bodies.
    pub(crate) fn articulated<'a>(
        set: &'a mut RigidBodySet,
        handles: &'a [RigidBodyHandle],
        joints: &'a mut MultibodyJointSet,
    ) -> Bodies<'a> {
        Bodies { articulated: Some(joints), ..untouched(set, handles) }
    }

    /// One arena's bodies.
    pub(crate) struct Still(RigidBodySet, Vec<RigidBodyHandle>);

    impl Still {
        /// Bodies built by an environment.
        pub(crate) fn of(specs: &[BodySpec]) -> Self {
            let mut set = RigidBodySet::new();
            let body = |spec: &BodySpec| {
                let body = match spec.kind {
                    BodyKind::Fixed => RigidBodyBuilder::fixed(),
                    BodyKind::Dynamic => RigidBodyBuilder::dynamic(),
                    BodyKind::Kinematic => RigidBodyBuilder::kinematic_velocity_based(),
                };
                set.insert(body.translation(spec.position))
            };
            let handles = specs.iter().map(body).collect();
            Self(set, handles)
        }

        /// A view of them without contacts.
        pub(crate) fn bodies(&mut self) -> Bodies<'_> {
            untouched(&mut self.0, &self.1)
        }
    }
}
