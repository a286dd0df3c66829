//! Articulated bodies: links on hinges, in joint coordinates (rapier's multibodies).
//!
//! Rapier keeps the state of an articulated body in the position of its root and the angles of its hinges; the poses of
//! links follow. Rapier 0.35 does not treat them quite like other bodies:
//!
//! - The root's velocity is that of its center of mass, but it moves its origin. Unless both are one point, the body gains
//!   energy from nothing.
//! - A rotation that is set on the root is overwritten in the next tick; [`Bodies::pose`] also sets its coordinate.
//! - Impulses and velocities that are set on a link are lost: push it with a force for a tick.
//! - Velocities of links are those of the last solver iteration but one; [`Bodies::hinge`] and [`Bodies::root`] read the
//!   latest.
//! - Motors of such joints are faulty in 0.35.0 (mended in 0.35.2): [`Bodies::set_torques`] does without.

use bevy::prelude::*;
use bevy_rapier2d::rapier::dynamics::{
    Multibody, MultibodyJointSet, MultibodyLink, RevoluteJointBuilder, RigidBodyHandle, RigidBodySet,
    SpringCoefficients,
};
use bevy_rapier2d::rapier::geometry::ColliderSet;

use super::{Bodies, Hinge};

/// Axis of a rotation among rapier's joint coordinates.
const TURN: usize = 2;

/// Where the root of an articulated body is, and how it moves.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Motion {
    /// Position, in the arena's coordinates.
    pub position: Vec2,
    /// Angle in rad, counter-clockwise; full turns count.
    pub angle: f32,
    /// Velocity, units/s.
    pub velocity: Vec2,
    /// Angular velocity, rad/s.
    pub spin: f32,
}

/// Joins the bodies with `handles` by `hinges`, each with the index of the body that hangs on it, parents first.
pub(super) fn articulate(
    hinges: &[(usize, Hinge)],
    handles: &[RigidBodyHandle],
    bodies: &mut RigidBodySet,
    colliders: &ColliderSet,
    joints: &mut MultibodyJointSet,
) {
    let ends = |(own, hinge): &(usize, Hinge)| Some([*handles.get(hinge.parent)?, *handles.get(*own)?]);
    for pair @ (_, hinge) in hinges {
        let Some([parent, own]) = ends(pair) else { continue };
        let [on_parent, on_own] = [parent, own].map(|body| hinge.anchor - bodies[body].translation());
        let joint = RevoluteJointBuilder::new()
            .local_anchor1(on_parent)
            .local_anchor2(on_own)
            .limits(hinge.limits)
            .softness(SpringCoefficients::new(hinge.softness[0], hinge.softness[1]))
            .build();
        joints.insert(parent, own, joint, true);
    }
    // The numbers of coordinates are final only when all links are there.
    for pair @ (_, hinge) in hinges {
        let Some([parent, own]) = ends(pair) else { continue };
        // Rapier computes masses in the first step, which is too late for a start that is given a velocity.
        [parent, own]
            .iter()
            .for_each(|body| bodies[*body].recompute_mass_properties_from_colliders(colliders));
        let Some((multibody, link)) = link_mut(joints, own) else { continue };
        multibody.set_self_contacts_enabled(false);
        // Rapier damps every rotation a little, that of the root too.
        let root = &bodies[multibody.root().rigid_body_handle()];
        debug_assert_eq!(
            root.mass_properties().local_mprops.local_com,
            Vec2::ZERO,
            "the root's center of mass"
        );
        let root = multibody.root().assembly_id()..multibody.root().joint().ndofs();
        root.for_each(|coordinate| multibody.damping_mut()[coordinate] = 0.0);
        let Some(link) = multibody.link_mut(link) else { continue };
        link.joint.set_spring(TURN, hinge.stiffness, 0.0);
        let coordinate = link.assembly_id();
        multibody.damping_mut()[coordinate] = hinge.damping;
        multibody.armature_mut()[coordinate] = hinge.armature;
    }
}

/// The articulated body that `body` belongs to, and its number in it.
fn link_mut(joints: &mut MultibodyJointSet, body: RigidBodyHandle) -> Option<(&mut Multibody, usize)> {
    let link = *joints.rigid_body_link(body)?;
    Some((joints.get_multibody_mut(link.multibody)?, link.id))
}

impl Bodies<'_> {
    fn link(&self, index: usize) -> Option<(&Multibody, &MultibodyLink)> {
        let joints = self.articulated.as_deref()?;
        let link = joints.rigid_body_link(self.handles[index])?;
        let multibody = joints.get_multibody(link.multibody)?;
        Some((multibody, multibody.link(link.id)?))
    }

    /// Whether body `index` is a link of an articulated body, its root included.
    pub(super) fn is_link(&self, index: usize) -> bool {
        self.link(index).is_some()
    }

    /// Angle in rad and rate in rad/s of the hinge that body `index` hangs on, against its parent and counter-clockwise;
    /// zeros if it hangs on none. Unlike the body's own spin, the rate is that of the end of the last tick.
    pub fn hinge(&self, index: usize) -> [f32; 2] {
        let Some((multibody, link)) = self.link(index).filter(|(_, link)| !link.is_root()) else {
            return [0.0; 2];
        };
        [link.joint().coords()[TURN], multibody.generalized_velocity()[link.assembly_id()]]
    }

    /// The motion of the root of an articulated body, which is body `index`, at the end of the last tick; at rest at the
    /// origin if it is none.
    pub fn root(&self, index: usize) -> Motion {
        let Some((multibody, link)) = self.link(index).filter(|(_, link)| link.is_root()) else {
            return Motion::default();
        };
        let (place, rates) = (link.joint().coords(), multibody.generalized_velocity());
        Motion {
            position: Vec2::new(place[0], place[1]),
            angle: place[TURN],
            velocity: Vec2::new(rates[0], rates[1]),
            spin: rates[TURN],
        }
    }

    /// Sets the torques of the next ticks, in N·m and counter-clockwise, on bodies by index; each acts back on the parent
    /// of its body. They replace earlier ones.
    pub fn set_torques(&mut self, torques: &[(usize, f32)]) {
        for &(index, _) in torques {
            for body in self.ends(index).into_iter().flatten() {
                self.set[body].reset_torques(true);
            }
        }
        for &(index, torque) in torques {
            let Some([parent, own]) = self.ends(index) else { continue };
            self.set[own].add_torque(torque, true);
            self.set[parent].add_torque(-torque, true);
        }
    }

    /// The bodies that the hinge of body `index` joins, the parent first.
    fn ends(&self, index: usize) -> Option<[RigidBodyHandle; 2]> {
        let (multibody, link) = self.link(index)?;
        let parent = multibody.link(link.parent_id()?)?;
        Some([parent.rigid_body_handle(), self.handles[index]])
    }

    /// Puts an articulated body with the root `index` into a state: the root's motion, and by body angle and rate of the
    /// `hinges`. For the start of an episode, when everything is in its initial position.
    pub fn pose(&mut self, index: usize, root: Motion, hinges: &[(usize, [f32; 2])]) {
        let (set, handles) = (&mut *self.set, self.handles);
        let Some(joints) = self.articulated.as_deref_mut() else { return };
        let Some(id) = joints.rigid_body_link(handles[index]).copied() else { return };
        let coordinate = |joints: &MultibodyJointSet, body: usize| {
            let link = joints.rigid_body_link(*handles.get(body)?)?;
            Some(joints.get_multibody(link.multibody)?.link(link.id)?.assembly_id())
        };
        let own: Vec<(usize, [f32; 2])> =
            hinges.iter().filter_map(|(body, state)| Some((coordinate(joints, *body)?, *state))).collect();
        let Some(multibody) = joints.get_multibody_mut(id.multibody) else { return };
        // Takes the initial position of the root, and settles the number of coordinates.
        multibody.forward_kinematics(set, true);
        let place = multibody.root().joint().coords();
        let mut moves = vec![0.0; multibody.ndofs()];
        let mut rates = moves.clone();
        // The root's angle is a coordinate of its own: one that is only set on the body is lost in the next tick.
        moves[..3].copy_from_slice(&[
            root.position.x - place[0],
            root.position.y - place[1],
            root.angle - place[TURN],
        ]);
        rates[..3].copy_from_slice(&[root.velocity.x, root.velocity.y, root.spin]);
        let turned: Vec<(usize, f32)> =
            multibody.links().map(|link| (link.assembly_id(), link.joint().coords()[TURN])).collect();
        for (coordinate, [angle, rate]) in own {
            let before = turned.iter().find(|(own, _)| *own == coordinate).map_or(0.0, |(_, angle)| *angle);
            (moves[coordinate], rates[coordinate]) = (angle - before, rate);
        }
        multibody.apply_displacements(&moves);
        multibody.generalized_velocity_mut().copy_from_slice(&rates);
        multibody.forward_kinematics(set, false);
        for link in multibody.links() {
            set[link.rigid_body_handle()].set_position(*link.local_to_world(), true);
        }
    }
}
