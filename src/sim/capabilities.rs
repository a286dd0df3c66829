//! Capabilities: optional features of a world besides being played. A world declares what it has; callers
//! check before use.

use bevy::prelude::*;

use super::{Bodies, Environment, Sketch};
use crate::mdp::Action;

/// The content of [`Environment::CAPABILITIES`].
pub struct Capabilities<E: Environment> {
    /// Whether ticks without motion may be skipped. For worlds in which a body at rest stays at rest until it
    /// is set in motion: no gravity, no driven joints.
    pub can_skip: bool,
    /// Tells which ticks need no contact search.
    pub contact_free: Option<ContactFree<E>>,
    /// The bodies whose trajectories can be predicted.
    pub tracked_bodies: Option<TrackedBodies<E>>,
    /// Observations at other positions.
    pub probe: Option<Probe<E>>,
    /// Adds what has no body to a sketch of an arena, below its bodies, and says which part of it is in view.
    pub sketch: Option<AddToSketch<E>>,
    /// The hand-written player; without it, a scripted slot takes the first action.
    pub scripted_action: Option<ScriptedAction<E>>,
}

/// Whether no two bodies can touch in the next tick, asked after [`Environment::apply`]: then each moves by
/// its velocity alone, at a tenth of the cost of a full tick. Such a world has neither gravity nor joints,
/// and must not query contacts of that tick. `false` is always correct.
pub type ContactFree<E> = fn(&E, &<E as Environment>::Layout, &Bodies) -> bool;

/// Indices of bodies whose trajectories are worth predicting, each with the slot that controls it, if any.
pub type TrackedBodies<E> = fn(&<E as Environment>::Layout) -> Vec<(usize, Option<usize>)>;

/// The action of a simple hand-written player in the given slot.
pub type ScriptedAction<E> = fn(&E, &<E as Environment>::Layout, &Bodies, usize) -> Action;

/// See [`Sketch`].
pub type AddToSketch<E> = fn(&E, &<E as Environment>::Layout, &Bodies, &mut Sketch);

/// Writes the observation of a slot at rest at a position. Arguments: the slot, the position, and `vector`
/// and `grid` of the lengths of the declared space.
pub type ProbeView<E> = fn(&E, &<E as Environment>::Layout, &Bodies, usize, Vec2, &mut [f32], &mut [u8]);

/// Observations at other positions, for maps of an agent's value estimates.
pub struct Probe<E: Environment> {
    /// Possible positions of a player, in the arena's coordinates.
    pub positions: fn(&E, &E::Layout) -> Vec<Vec2>,
    /// The observation at one of them.
    pub observe: ProbeView<E>,
}

impl<E: Environment> Capabilities<E> {
    /// No capabilities.
    pub const NONE: Self = Self {
        can_skip: false,
        contact_free: None,
        tracked_bodies: None,
        probe: None,
        sketch: None,
        scripted_action: None,
    };
}
