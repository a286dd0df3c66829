//! What a world is: a module that builds bodies, applies actions, judges and observes.
//!
//! An [`Environment`] value is one arena's own state. Physics, seats and parallelism are handled
//! by `arena` and `physics`.

use bevy::ecs::component::Mutable;
use bevy::prelude::*;
use bevy_rapier2d::prelude::*;
use bevy_rapier2d::rapier::dynamics::{RigidBody as RapierBody, RigidBodyHandle, RigidBodySet};
use bevy_rapier2d::rapier::geometry::{ColliderSet, NarrowPhase, SharedShape};
use bevy_rapier2d::rapier::math::Rotation;

use super::turn::Turn;
use crate::agent::Outcome;
use crate::mdp::{Action, EnvironmentSpec, EpisodeEnd, Rng};

/// How a body moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyKind {
    /// Never.
    Fixed,
    /// By forces and contacts.
    Dynamic,
    /// As its velocity says, pushing what is in the way.
    Kinematic,
}

/// One body of an arena before it is spawned. Lengths in world units, density in mass per area.
#[derive(Debug, Clone)]
pub struct BodySpec {
    /// How it moves.
    pub kind: BodyKind,
    /// Its shape around its own origin.
    pub collider: Collider,
    /// Where it stands at first.
    pub position: Vec2,
    /// Mass per area.
    pub density: f32,
    /// Bounciness, 0 to 1; the larger of two touching bodies counts.
    pub restitution: f32,
    /// Coulomb friction; the average of two touching bodies counts.
    pub friction: f32,
    /// Share of velocity lost per second, roughly.
    pub linear_damping: f32,
    /// Share of spin lost per second, roughly.
    pub angular_damping: f32,
    /// What it belongs to and what it touches; everything touches everything by default.
    pub groups: CollisionGroups,
    /// Its joint to a body earlier in the list, by number.
    pub joint: Option<(usize, TypedJoint)>,
    /// Whether it may turn.
    pub rotates: bool,
    /// Whether fast motion is swept so that it cannot tunnel. Where no body asks for it, nothing is swept.
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
            restitution: 0.0,
            friction: 0.0,
            linear_damping: 0.0,
            angular_damping: 0.0,
            groups: CollisionGroups::default(),
            joint: None,
            rotates: false,
            continuous: false,
        }
    }

    /// The components bevy_rapier2d builds the body from; its joint needs the other body's entity.
    pub(super) fn bundle(self, context: Entity) -> impl Bundle {
        (
            RapierContextEntityLink(context),
            match self.kind {
                BodyKind::Fixed => RigidBody::Fixed,
                BodyKind::Dynamic => RigidBody::Dynamic,
                BodyKind::Kinematic => RigidBody::KinematicVelocityBased,
            },
            Transform::from_translation(self.position.extend(0.0)),
            GlobalTransform::from_translation(self.position.extend(0.0)),
            self.collider,
            ColliderMassProperties::Density(self.density),
            Restitution { coefficient: self.restitution, combine_rule: CoefficientCombineRule::Max },
            Friction { coefficient: self.friction, combine_rule: CoefficientCombineRule::Average },
            Damping { linear_damping: self.linear_damping, angular_damping: self.angular_damping },
            self.groups,
            if self.rotates { LockedAxes::empty() } else { LockedAxes::ROTATION_LOCKED },
            Ccd { enabled: self.continuous },
            // A sleeping body would wake differently depending on history; arenas must not.
            Sleeping::disabled(),
        )
    }
}

/// The bodies of one arena in the order its environment listed them.
pub struct Bodies<'a> {
    /// Rapier's set.
    pub(super) set: &'a mut RigidBodySet,
    /// Handles in spawn order.
    pub(super) handles: &'a [RigidBodyHandle],
    /// Their shapes and contacts; there where there are bodies.
    pub(super) touch: Option<(&'a mut ColliderSet, &'a NarrowPhase)>,
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

    /// Units that body `index` would still coast by itself: infinite for one that moves and that nothing slows.
    pub fn coasts(&self, index: usize) -> f32 {
        let body = &self.set[self.handles[index]];
        let speed = body.linvel().length();
        if speed == 0.0 { 0.0 } else { speed / body.linear_damping() }
    }

    /// Rapier's own body `index`, for whatever has no shorthand here.
    pub fn body_mut(&mut self, index: usize) -> &mut RapierBody {
        &mut self.set[self.handles[index]]
    }

    /// Sets the linear velocity, units/s.
    pub fn set_velocity(&mut self, index: usize, velocity: Vec2) {
        self.body_mut(index).set_linvel(velocity, true);
    }

    /// Moves a body at once and stops it.
    pub fn place(&mut self, index: usize, position: Vec2) {
        let body = self.body_mut(index);
        body.set_translation(position, true);
        body.set_linvel(Vec2::ZERO, true);
        body.set_angvel(0.0, true);
    }

    /// Moves a body at once to `position`, turned by `angle` rad, and stops it.
    pub fn place_turned(&mut self, index: usize, position: Vec2, angle: f32) {
        self.body_mut(index).set_rotation(Rotation::from_angle(angle), true);
        self.place(index, position);
    }
}

impl Bodies<'_> {
    /// Takes body `index` out of the simulation for the rest of the episode, to wait at `position`.
    pub fn park(&mut self, index: usize, position: Vec2) {
        self.place(index, position);
        self.body_mut(index).set_enabled(false);
    }

    /// Whether bodies `a` and `b` touched in the last tick, or all but did: from 0.02 units before touch, where the
    /// solver begins to look at a pair, to where it has come apart again. That they pressed on each other is not said.
    pub fn touching(&self, a: usize, b: usize) -> bool {
        let Some((_, contacts)) = &self.touch else { return false };
        let [a, b] = [a, b].map(|index| self.set[self.handles[index]].colliders());
        a.iter().any(|&a| {
            b.iter().any(|&b| contacts.contact_pair(a, b).is_some_and(|pair| pair.has_any_active_contact()))
        })
    }

    /// Whether body `index` touched any other in the last tick, as [`Bodies::touching`] has it.
    pub fn touches_anything(&self, index: usize) -> bool {
        let Some((_, contacts)) = &self.touch else { return false };
        let colliders = self.set[self.handles[index]].colliders();
        colliders
            .iter()
            .any(|&own| contacts.contact_pairs_with(own).any(|pair| pair.has_any_active_contact()))
    }

    /// Gives body `index` another shape for the rest of the episode: ground that differs from start to start.
    pub fn set_shape(&mut self, index: usize, shape: &Collider) {
        let Some((colliders, _)) = &mut self.touch else { return };
        for &own in self.set[self.handles[index]].colliders() {
            if let Some(collider) = colliders.get_mut(own) {
                collider.set_shape(SharedShape::clone(&shape.raw));
            }
        }
    }
}

/// What remains of the velocity `wish` of something at `position` that must stay within ±`reach` after a tick of
/// `seconds`: a kinematic body is not stopped by contact.
pub fn within(wish: f32, position: f32, reach: f32, seconds: f32) -> f32 {
    let allowed = ((-reach - position) / seconds, (reach - position) / seconds);
    wish.clamp(allowed.0.min(0.0), allowed.1.max(0.0))
}

/// A world: rules and bodies of one arena. Everything random comes from the generator of `reset`
/// and `judge`; everything that outlives a tick is in `self` or in the bodies, so that arenas never
/// share state and an episode can be played again from its start and its actions.
pub trait Environment: Component<Mutability = Mutable> + Clone + Sized {
    /// What all arenas share and nobody changes: a level, a rule set.
    type Layout: Resource + Clone;

    /// Declares spaces, timing, slots and rewards.
    fn spec(layout: &Self::Layout) -> EnvironmentSpec;

    /// A new arena's state and its bodies, in the order `Bodies` numbers them. A world without bodies
    /// runs without physics.
    fn build(layout: &Self::Layout) -> (Self, Vec<BodySpec>);

    /// What pulls on every dynamic body, units/s². Worlds are seen from above unless they say otherwise.
    fn gravity(_layout: &Self::Layout) -> Vec2 {
        Vec2::ZERO
    }

    /// Iterations of the contact solver in a tick, 1 or more: stacks and joints need some, a body that is pushed
    /// about needs few.
    fn solver_iterations(_layout: &Self::Layout) -> usize {
        4
    }

    /// Whether ticks may be left out in which no body moves. For worlds where a body at rest stays there until it
    /// is set in motion: nothing pulls, nothing drives a joint.
    fn rests(_layout: &Self::Layout) -> bool {
        false
    }

    /// Whether no two bodies can touch in the tick to come, asked after [`Environment::apply`]: then each goes on as
    /// its velocity says, which costs a tenth of a tick in full. A world that says so may not ask what touched in
    /// that tick, and has neither gravity nor joints. `false` is always right.
    fn contact_free(&self, _layout: &Self::Layout, _bodies: &Bodies) -> bool {
        false
    }

    /// Bodies whose way is worth foreseeing, by number, with the slot that moves each where one does; none in worlds
    /// where nothing goes far.
    fn leads(_layout: &Self::Layout) -> Vec<(usize, Option<usize>)> {
        Vec::new()
    }

    /// The body that shows where `slot` is, by number; `None` in a world whose players have none.
    fn player(layout: &Self::Layout, slot: usize) -> Option<usize> {
        Self::leads(layout).into_iter().find(|(_, mover)| *mover == Some(slot)).map(|(body, _)| body)
    }

    /// Places at which a player may be thought to stand, for maps of what an agent makes of a world; none in most.
    fn places(&self, _layout: &Self::Layout) -> Vec<Vec2> {
        Vec::new()
    }

    /// Writes what `slot` would see if it stood still at `place`, one of [`Environment::places`].
    fn probe(
        &self,
        layout: &Self::Layout,
        bodies: &Bodies,
        slot: usize,
        _place: Vec2,
        vector: &mut [f32],
        grid: &mut [u8],
    ) {
        self.observe(layout, bodies, slot, vector, grid);
    }

    /// Begins an episode. Bodies stand as built, with all contacts forgotten.
    fn reset(&mut self, layout: &Self::Layout, bodies: &mut Bodies, rng: &mut Rng);

    /// Begins an episode of an evaluation, whose `turn` says which of a world's starts it has. Worlds whose starts can be
    /// counted let each come once before any comes twice; all others draw one.
    fn reset_in_turn(&mut self, layout: &Self::Layout, bodies: &mut Bodies, rng: &mut Rng, _turn: Turn) {
        self.reset(layout, bodies, rng);
    }

    /// Before every physics tick: `actions` has one entry a slot, `phase` counts the step's ticks.
    fn apply(&mut self, layout: &Self::Layout, bodies: &mut Bodies, actions: &[Action], phase: u32);

    /// After every physics tick: adds to `rewards` (one a slot) and says whether a terminal
    /// situation is reached. Time limits are not its business.
    fn judge(
        &mut self,
        layout: &Self::Layout,
        bodies: &mut Bodies,
        rewards: &mut [f32],
        rng: &mut Rng,
    ) -> Option<EpisodeEnd>;

    /// Writes all of what `slot` sees: `vector` and `grid` have the lengths of the declared space.
    fn observe(
        &self,
        layout: &Self::Layout,
        bodies: &Bodies,
        slot: usize,
        vector: &mut [f32],
        grid: &mut [u8],
    );

    /// How the episode went for `slot`, asked when it has ended.
    fn outcome(&self, slot: usize) -> Outcome;

    /// How the open episode stands, for people who watch, in a few words; `None` where its return says it all.
    fn caption(&self) -> Option<String> {
        None
    }

    /// Points that both sides have made in the open episode, the first slot's side first; `None` where sides do not
    /// play for points.
    fn points(&self) -> Option<[u32; 2]> {
        None
    }

    /// What a simple hand-written player would do in `slot`; the first action where there is none.
    fn script(&self, _layout: &Self::Layout, _bodies: &Bodies, _slot: usize) -> Action {
        Action::Discrete(0)
    }
}

/// Bodies that stand as built, for tests of rules that need no physics.
#[cfg(test)]
pub(crate) mod still {
    use super::*;
    use bevy_rapier2d::rapier::dynamics::RigidBodyBuilder;

    /// One arena's bodies.
    pub(crate) struct Still(RigidBodySet, Vec<RigidBodyHandle>);

    impl Still {
        /// What an environment has built.
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

        /// As the environment sees them: they touch nothing.
        pub(crate) fn bodies(&mut self) -> Bodies<'_> {
            Bodies { set: &mut self.0, handles: &self.1, touch: None }
        }
    }
}
