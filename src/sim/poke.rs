//! Pokes: a person drags or kicks a body. What they do is a force on one body during one tick, kept with the actions of
//! the episode, so that the episode can be replayed.

use bevy::math::Vec2;
use bevy_rapier2d::rapier::dynamics::{RigidBody, RigidBodyHandle, RigidBodySet};
use bevy_rapier2d::rapier::geometry::ColliderSet;
use serde::{Deserialize, Serialize};

use super::Bodies;

/// Natural frequency, rad/s, and damping ratio of the spring between a dragged body and the pointer.
const SPRING: [f32; 2] = [6.0, 0.7];
/// Strongest pull, as an acceleration of everything that hangs on the body, units/s².
const STRONGEST: f32 = 150.0;
/// Longest the spring gets, units: a body that is pulled at any speed would pass through walls.
const LONGEST: f32 = 1.5;
/// Largest force and torque of a valid poke, in units of masses and units: far more than any of the above gives.
const MOST: f32 = 1e8;
/// Speed that a kick gives a free body, units/s.
const KICK: f32 = 4.0;

/// What a person does to a body of an arena.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Touch {
    /// Holds a body and pulls it, until something else is set.
    Drag {
        /// Index of the body.
        body: usize,
        /// Where it is held, in the body's own coordinates.
        grip: Vec2,
        /// Where to, in the arena's coordinates.
        target: Vec2,
    },
    /// Pushes a body, once.
    Kick {
        /// Index of the body.
        body: usize,
        /// Where it is hit, in the arena's coordinates.
        point: Vec2,
        /// The direction of the push; its length does not matter.
        direction: Vec2,
    },
}

/// A force on one body during one physics tick of an episode.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Poke {
    /// Agent steps of the episode before the one it belongs to.
    pub step: u32,
    /// The tick within that step.
    pub phase: u32,
    /// Index of the body.
    pub body: u16,
    /// Force, in mass units · units/s².
    pub force: [f32; 2],
    /// Torque around the body's center of mass, counter-clockwise, in mass units · units²/s².
    pub torque: f32,
}

impl Poke {
    /// Its place in the episode.
    pub(super) fn time(&self) -> (u32, u32) {
        (self.step, self.phase)
    }

    /// Whether its numbers are finite, and not so large that the solver's would not be.
    pub(super) fn is_valid(&self) -> bool {
        self.force.iter().chain([&self.torque]).all(|value| value.abs() <= MOST)
    }
}

/// User forces of a body, which a poke adds to for one tick.
pub(super) struct Pushed {
    body: RigidBodyHandle,
    force: Vec2,
    torque: f32,
}

impl Bodies<'_> {
    fn pokable(&self, index: usize) -> Option<&RigidBody> {
        self.set.get(*self.handles.get(index)?).filter(|body| gives_way(body))
    }

    /// The force of `touch` in a tick of `seconds`, at `time` of the episode; `None` if its body cannot be moved.
    pub(super) fn poke(&self, touch: Touch, (step, phase): (u32, u32), seconds: f32) -> Option<Poke> {
        let (Touch::Drag { body: index, .. } | Touch::Kick { body: index, .. }) = touch;
        let body = self.pokable(index)?;
        let (point, force) = match touch {
            Touch::Drag { grip, target, .. } => {
                let point = point_of(body, grip);
                let arm = point - body.center_of_mass();
                let velocity = body.linvel() + body.angvel() * arm.perp();
                let [frequency, damping] = SPRING;
                let all = self.mass_with_links(index).unwrap_or(body.mass());
                // A light link of a heavy body would be thrown to and fro between two ticks.
                let light = lightest(body, arm);
                let stiffness = (all * frequency * frequency).min(0.3 * light / (seconds * seconds));
                let friction = (2.0 * all * frequency * damping).min(0.5 * light / seconds);
                let force = stiffness * (target - point).clamp_length_max(LONGEST) - friction * velocity;
                (point, force.clamp_length_max(all * STRONGEST))
            }
            Touch::Kick { point, direction, .. } => {
                (point, direction.normalize_or_zero() * KICK * body.mass() / seconds)
            }
        };
        let torque = (point - body.center_of_mass()).perp_dot(force);
        let body = u16::try_from(index).ok()?;
        let poke = Poke { step, phase, body, force: force.into(), torque };
        Some(poke).filter(|poke| poke.is_valid() && (force != Vec2::ZERO || torque != 0.0))
    }

    /// Applies `poke` to the next tick; [`Bodies::release`] ends it.
    pub(super) fn push(&mut self, poke: Poke) -> Option<Pushed> {
        self.pokable(usize::from(poke.body))?;
        let handle = self.handles[usize::from(poke.body)];
        let body = &mut self.set[handle];
        let before = Pushed { body: handle, force: body.user_force(), torque: body.user_torque() };
        body.add_force(Vec2::from(poke.force), true);
        body.add_torque(poke.torque, true);
        Some(before)
    }

    /// Ends a poke: the forces of the environment act on.
    pub(super) fn release(&mut self, before: &Pushed) {
        let Some(body) = self.set.get_mut(before.body) else { return };
        body.reset_forces(true);
        body.reset_torques(true);
        body.add_force(before.force, true);
        body.add_torque(before.torque, true);
    }

    /// Mass of the articulated body that body `index` is a link of.
    fn mass_with_links(&self, index: usize) -> Option<f32> {
        let joints = self.articulated.as_deref()?;
        let link = joints.rigid_body_link(self.handles[index])?;
        let links = joints.get_multibody(link.multibody)?.links();
        Some(links.filter_map(|link| self.set.get(link.rigid_body_handle())).map(RigidBody::mass).sum())
    }
}

/// Mass that a force feels at `arm` from the center of mass of a free `body`, in the direction in which it is least.
fn lightest(body: &RigidBody, arm: Vec2) -> f32 {
    let turns = arm.length_squared() * body.mass_properties().local_mprops.inv_principal_inertia;
    (body.mass().recip() + turns).recip()
}

/// The poke at `time` of the episode: one that is in `pokes` when an episode is replayed, else that of `touch`, made by
/// `poke` and added to them.
pub(super) fn poke_at(
    time: (u32, u32),
    pokes: &mut Vec<Poke>,
    touch: &mut Option<Touch>,
    poke: impl FnOnce(Touch, (u32, u32)) -> Option<Poke>,
) -> Option<Poke> {
    if let Ok(known) = pokes.binary_search_by_key(&time, Poke::time) {
        return Some(pokes[known]);
    }
    let given = (*touch)?;
    if matches!(given, Touch::Kick { .. }) {
        *touch = None;
    }
    let made = poke(given, time);
    pokes.extend(made);
    made
}

/// `grip`, in the coordinates of `body`, in those of the arena.
pub(super) fn point_of(body: &RigidBody, grip: Vec2) -> Vec2 {
    body.translation() + Vec2::from_angle(body.rotation().angle()).rotate(grip)
}

/// Whether a force moves `body`.
fn gives_way(body: &RigidBody) -> bool {
    body.is_dynamic() && body.is_enabled() && body.mass() > 0.0
}

/// Of the bodies with `handles`, the one that a force moves and that is closest to `point`, at most `reach` away: its
/// index, and `point` in its own coordinates.
pub(super) fn body_at(
    handles: &[RigidBodyHandle],
    bodies: &RigidBodySet,
    colliders: &ColliderSet,
    point: Vec2,
    reach: f32,
) -> Option<(usize, Vec2)> {
    let distance = |body: &RigidBody| {
        let shapes = body.colliders().iter().filter_map(|own| colliders.get(*own));
        let away = shapes.map(|own| {
            // Ticks without contacts move bodies and leave their colliders where they were.
            let place = own.position_wrt_parent().map_or(*own.position(), |own| *body.position() * *own);
            own.shape().distance_to_point(&place, point, true)
        });
        away.min_by(f32::total_cmp)
    };
    let near = handles.iter().enumerate().filter_map(|(index, handle)| {
        let body = bodies.get(*handle).filter(|body| gives_way(body))?;
        Some((index, body, distance(body).filter(|distance| *distance <= reach)?))
    });
    let (index, body, _) = near.min_by(|a, b| a.2.total_cmp(&b.2))?;
    let turned = Vec2::from_angle(-body.rotation().angle());
    Some((index, turned.rotate(point - body.translation())))
}
