//! Agent slots: where an environment and its players meet.
//!
//! One component for all player slots of one arena (or of your own game). The environment writes
//! observations, rewards and the end; controllers write actions.

use bevy::prelude::*;

use crate::mdp::{Action, ActionBatch, EnvironmentSpec, EpisodeEnd, ObservationBatch};

/// How an episode went for one slot.
#[derive(Reflect, Debug, Clone, Copy, Default, PartialEq)]
pub struct Outcome {
    /// Goal reached, match won.
    pub success: bool,
    /// Points for minus points against, or 1/0.
    pub score: f32,
}

impl Outcome {
    /// Of a world with a goal that is reached or not.
    pub fn goal(reached: bool) -> Self {
        Self { success: reached, score: f32::from(u8::from(reached)) }
    }
}

/// Marks the arena that people look at: its players get [`ControllerAssignment::watched`](crate::ControllerAssignment),
/// its decisions are kept for whatever shows them, and human feedback and reaction delay apply there.
///
/// At most one arena is watched: insert it on another one, and it leaves the first. A game that shows nothing needs none.
// Sparse, so that it moves no entity to another table: the order of arenas, and with it every result, stays.
#[derive(Component, Reflect, Debug, Clone, Copy, Default, PartialEq, Eq)]
#[component(storage = "SparseSet")]
#[reflect(Component, Default)]
pub struct Watched;

/// Lets [`Watched`] leave the arena that was watched until now.
pub(super) fn watch_only_one(
    added: On<Add, Watched>,
    mut commands: Commands,
    watched: Query<Entity, With<Watched>>,
) {
    for other in watched.iter().filter(|other| *other != added.entity) {
        commands.entity(other).remove::<Watched>();
    }
}

/// The player slots of one arena and what passes through them in the current agent step.
#[derive(Component, Reflect, Debug, Clone)]
#[reflect(Component, from_reflect = false)]
pub struct AgentSlots {
    /// Number of this arena among all, unlike that of any other; stream numbers and seeds derive from it.
    pub arena: usize,
    /// `[slots]` observations: the latest, to act on; after an end the final one, until the reset.
    #[reflect(ignore)]
    pub observations: ObservationBatch,
    /// `[slots]`: what each slot does now.
    #[reflect(ignore)]
    pub actions: ActionBatch,
    /// `[slots]`: reward collected since the step began.
    pub rewards: Vec<f32>,
    /// How the episode ended in this step; `None` while it goes on.
    #[reflect(ignore)]
    pub end: Option<EpisodeEnd>,
    /// Whether the next step is the first of an episode.
    pub begins: bool,
    /// Whether what is seen now does not follow from the last step: the arena was put elsewhere in between. For a game of
    /// your own to set when it loads a saved state; cleared by the next step.
    pub interrupted: bool,
    /// Whether something other than its players moved this arena in this step, such as a person who pushed a body: no
    /// action led to what is seen next, so nothing is recorded of the step. Cleared by the next step.
    pub disturbed: bool,
    /// `[slots]`: how the ended episode went.
    pub outcomes: Vec<Outcome>,
    /// `[slots]`: set by a controller that wants the environment's scripted action.
    pub wants_script: Vec<bool>,
    /// `[slots]`: the scripted action, where wanted.
    #[reflect(ignore)]
    pub script: Vec<Action>,
    /// Whether this arena is on hold: no actions, no motion and no recording, while other arenas continue. Set it between
    /// two agent steps only.
    pub on_hold: bool,
    /// `[slots]`: in this step, the row of each slot in its policy's batch.
    pub(crate) rows: Vec<Option<usize>>,
}

impl AgentSlots {
    /// Empty seats for arena number `arena` of an environment.
    pub fn new(arena: usize, spec: &EnvironmentSpec) -> Self {
        Self {
            arena,
            observations: ObservationBatch::zeros(&spec.observation, spec.slots()),
            actions: ActionBatch::neutral(&spec.action, spec.slots()),
            rewards: vec![0.0; spec.slots()],
            end: None,
            begins: true,
            interrupted: false,
            disturbed: false,
            outcomes: vec![Outcome::default(); spec.slots()],
            wants_script: vec![false; spec.slots()],
            script: vec![Action::Discrete(0); spec.slots()],
            on_hold: false,
            rows: vec![None; spec.slots()],
        }
    }

    /// Number of player slots.
    pub fn slots(&self) -> usize {
        self.actions.rows
    }

    /// Clears what the last step left behind. Called at the start of every step by [`crate::tick::TickPlugin`].
    pub(super) fn begin_step(&mut self) {
        self.begins |= self.end.take().is_some();
        self.disturbed = false;
        self.rewards.fill(0.0);
    }
}
