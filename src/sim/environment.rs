//! The trait of a world: it builds bodies, applies actions, computes rewards and ends, and observes.
//!
//! An [`Environment`] value is the state of one arena. `arena` and `physics` handle agent slots, physics and
//! parallelism.

use bevy::ecs::component::Mutable;
use bevy::prelude::*;

use super::capabilities::Capabilities;
use super::turn::Turn;
use super::{Bodies, BodySpec};
use crate::agent::Outcome;
use crate::mdp::{ActionBatch, EnvironmentSpec, EpisodeEnd, Rng};

/// A world: rules and bodies of one arena. All randomness comes from the generator passed to `reset` and
/// `judge`; all state that outlives a tick is in `self` or in the bodies, so that arenas share no state and
/// an episode can be replayed from its start and its actions.
pub trait Environment: Component<Mutability = Mutable> + Clone + Sized {
    /// Immutable data shared by all arenas: a level, a rule set.
    type Layout: Resource + Clone;

    /// Its optional features.
    const CAPABILITIES: Capabilities<Self> = Capabilities::NONE;

    /// Declares spaces, timing, slots and rewards.
    fn spec(layout: &Self::Layout) -> EnvironmentSpec;

    /// The state and bodies of a new arena, in the index order of `Bodies`. A world without bodies runs
    /// without physics.
    fn build(layout: &Self::Layout) -> (Self, Vec<BodySpec>);

    /// Gravity on dynamic bodies, units/s². Zero by default, for worlds seen from above.
    fn gravity(_layout: &Self::Layout) -> Vec2 {
        Vec2::ZERO
    }

    /// Iterations of the contact solver per tick, 1 or more: stacks and joints need several, pushed bodies
    /// few.
    fn solver_iterations(_layout: &Self::Layout) -> usize {
        4
    }

    /// Index of the body that marks the position of `slot`; `None` in a world whose players have none.
    fn player(layout: &Self::Layout, slot: usize) -> Option<usize> {
        let tracked = Self::CAPABILITIES.tracked_bodies?;
        tracked(layout).into_iter().find(|(_, mover)| *mover == Some(slot)).map(|(body, _)| body)
    }

    /// Begins an episode. Bodies are in their initial state, without contacts.
    fn reset(&mut self, layout: &Self::Layout, bodies: &mut Bodies, rng: &mut Rng);

    /// Begins an evaluation episode; `turn` selects its start. Worlds with finitely many starts use each once
    /// before any repeats; others draw one.
    fn reset_in_turn(&mut self, layout: &Self::Layout, bodies: &mut Bodies, rng: &mut Rng, _turn: Turn) {
        self.reset(layout, bodies, rng);
    }

    /// Before every physics tick: `actions` has one entry per slot, `phase` is the tick within the step.
    fn apply(&mut self, layout: &Self::Layout, bodies: &mut Bodies, actions: &ActionBatch, phase: u32);

    /// After every physics tick: adds to `rewards` (one per slot) and returns whether a terminal state is
    /// reached. The arena handles time limits.
    fn judge(
        &mut self,
        layout: &Self::Layout,
        bodies: &mut Bodies,
        rewards: &mut [f32],
        rng: &mut Rng,
    ) -> Option<EpisodeEnd>;

    /// Writes the observation of `slot`: `vector` and `grid` have the lengths of the declared space.
    fn observe(
        &self,
        layout: &Self::Layout,
        bodies: &Bodies,
        slot: usize,
        vector: &mut [f32],
        grid: &mut [u8],
    );

    /// The outcome of the ended episode for `slot`.
    fn outcome(&self, slot: usize) -> Outcome;

    /// State of the open episode in a few words, for display; `None` if its return is enough.
    fn caption(&self) -> Option<String> {
        None
    }

    /// Points that both sides have made in the open episode, the first slot's side first; `None` in worlds
    /// without points.
    fn points(&self) -> Option<[u32; 2]> {
        None
    }
}
