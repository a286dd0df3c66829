//! Pokes of an arena: what a person does to its bodies, and where they can be touched.

use bevy::ecs::query::QueryData;
use bevy::math::Vec2;
use bevy_rapier2d::plugin::context::{RapierContextColliders, RapierRigidBodySet};
use bevy_rapier2d::rapier::dynamics::RigidBody;

use super::Arena;
use crate::sim::poke::{Poke, Touch, body_at, point_of};

/// An arena whose bodies a person can touch.
#[derive(QueryData)]
#[query_data(mutable)]
pub struct Pokable {
    /// The arena.
    pub arena: &'static mut Arena,
    bodies: &'static RapierRigidBodySet,
    colliders: Option<&'static RapierContextColliders>,
}

impl PokableItem<'_, '_> {
    /// See [`Arena::body_at`]; `None` in a world without physics.
    pub fn body_at(&self, point: Vec2, reach: f32) -> Option<(usize, Vec2)> {
        self.arena.body_at(self.bodies, self.colliders?, point, reach)
    }

    /// See [`Arena::position`].
    pub fn position(&self, body: usize) -> Vec2 {
        self.arena.position(self.bodies, body)
    }

    /// See [`Arena::point_of`].
    pub fn point_of(&self, body: usize, grip: Vec2) -> Vec2 {
        self.arena.point_of(self.bodies, body, grip)
    }
}

impl Arena {
    /// What a person does to a body from the next tick on; `None` lets go.
    pub fn set_touch(&mut self, touch: Option<Touch>) {
        self.touch = touch;
    }

    /// What a person does to a body.
    pub fn touch(&self) -> Option<Touch> {
        self.touch
    }

    /// What people did to bodies in the open episode, in order.
    pub fn pokes(&self) -> &[Poke] {
        &self.pokes
    }

    /// The body that a person can drag or kick at `point`, in the arena's coordinates, or at most `reach` units away: its
    /// index, and `point` in the body's own coordinates.
    pub fn body_at(
        &self,
        bodies: &RapierRigidBodySet,
        colliders: &RapierContextColliders,
        point: Vec2,
        reach: f32,
    ) -> Option<(usize, Vec2)> {
        body_at(&self.handles, &bodies.bodies, &colliders.colliders, point, reach)
    }

    fn body<'a>(&self, bodies: &'a RapierRigidBodySet, index: usize) -> Option<&'a RigidBody> {
        bodies.bodies.get(*self.handles.get(index)?)
    }

    /// Center of mass of body `index`; the origin if there is none.
    pub fn position(&self, bodies: &RapierRigidBodySet, index: usize) -> Vec2 {
        self.body(bodies, index).map_or(Vec2::ZERO, RigidBody::center_of_mass)
    }

    /// `grip`, in the coordinates of body `index`, in those of the arena.
    pub fn point_of(&self, bodies: &RapierRigidBodySet, index: usize, grip: Vec2) -> Vec2 {
        self.body(bodies, index).map_or(grip, |body| point_of(body, grip))
    }
}
