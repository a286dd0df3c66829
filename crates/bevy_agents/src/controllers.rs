//! Controllers: who plays a seat, who plays by default, and what a person's hands say.
//!
//! Reading the keyboard is left to `view`; turning controllers into actions, to `select`.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;

use bevy::prelude::*;
use serde::{Deserialize, Serialize};

use crate::AgentSlots;
use crate::mdp::{Action, EnvironmentSpec, Policy};
use crate::tick::TickClock;

/// Who plays one seat.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Controller {
    /// A person, through [`HumanInput`].
    Human,
    /// The policy that is being learned.
    #[default]
    Learning,
    /// A policy from a checkpoint, by its name in [`FrozenPolicies`].
    Frozen(String),
    /// The environment's hand-written player.
    Scripted,
    /// Uniformly random actions.
    Random,
}

impl Controller {
    /// The name in episode records.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Learning => "learning",
            Self::Frozen(_) => "frozen",
            Self::Scripted => "scripted",
            Self::Random => "random",
        }
    }

    /// Whether its steps go into replay. A person's do: off-policy learning takes any experience.
    pub fn is_recorded(&self) -> bool {
        matches!(self, Self::Human | Self::Learning)
    }
}

/// The controllers of one entity's [`AgentSlots`], slot by slot.
#[derive(Component, Debug, Clone, PartialEq, Eq, Deref, DerefMut)]
pub struct Controllers(pub Vec<Controller>);

/// Default controllers by slot: of the watched arena (number 0) and of all others.
#[derive(Resource, Debug, Clone, PartialEq, Eq)]
pub struct ControllerAssignment {
    /// Arena 0.
    pub watched: Vec<Controller>,
    /// The rest.
    pub others: Vec<Controller>,
    /// Of single arenas, by number, in place of both.
    pub each: BTreeMap<usize, Vec<Controller>>,
}

impl ControllerAssignment {
    /// The same controllers everywhere.
    pub fn all(controllers: Vec<Controller>) -> Self {
        Self { watched: controllers.clone(), others: controllers, each: BTreeMap::new() }
    }

    /// The learning policy on slot 0's side, scripts on every other.
    pub fn learn_against_script(spec: &EnvironmentSpec) -> Self {
        Self::against_script(spec, &Controller::Learning)
    }

    /// Whether a person sits in `slot` of any arena.
    fn seats_person(&self, slot: usize) -> bool {
        let mut all = [&self.watched, &self.others].into_iter().chain(self.each.values());
        all.any(|seats| seats.get(slot) == Some(&Controller::Human))
    }

    /// `player` in all slots of slot 0's side, scripts on every other.
    pub fn against_script(spec: &EnvironmentSpec, player: &Controller) -> Self {
        let seat = |slot| if spec.on_first_side(slot) { player.clone() } else { Controller::Scripted };
        Self::all((0..spec.slots()).map(seat).collect())
    }
}

/// Gives controllers to seats that have none, and to all when the assignment changes.
pub(super) fn assign(
    mut commands: Commands,
    assignment: Res<ControllerAssignment>,
    mut input: ResMut<HumanInput>,
    mut seats: Query<(Entity, &AgentSlots, Option<&mut Controllers>)>,
) {
    // Whoever sits down after somebody has got up is there.
    for (slot, absent) in input.bypass_change_detection().absent.iter_mut().enumerate() {
        *absent = *absent && assignment.seats_person(slot);
    }
    for (entity, seats, controllers) in &mut seats {
        let usual = if seats.arena == 0 { &assignment.watched } else { &assignment.others };
        let wanted = assignment.each.get(&seats.arena).unwrap_or(usual);
        match controllers {
            None => _ = commands.entity(entity).insert(Controllers(wanted.clone())),
            Some(mut controllers) if assignment.is_changed() && controllers.0 != *wanted => {
                controllers.0.clone_from(wanted);
            }
            Some(_) => {}
        }
    }
}

/// Tells environments which slots want a scripted action.
pub(super) fn ask_for_scripts(clock: Res<TickClock>, mut seats: Query<(&mut AgentSlots, &Controllers)>) {
    if clock.phase != 0 {
        return;
    }
    for (mut seats, controllers) in &mut seats {
        for (wants, controller) in seats.wants_script.iter_mut().zip(&controllers.0) {
            *wants = *controller == Controller::Scripted;
        }
    }
}

/// What a person wants each slot to do.
#[derive(Resource, Debug, Clone, PartialEq, Eq)]
pub struct HumanInput {
    /// `[slots]`: the action of the keys held now; `None` while none is.
    pub held: Vec<Option<Action>>,
    /// `[slots]`: keys struck and not yet acted on, the oldest first: each is one action, however long frames and agent
    /// steps are.
    pub tapped: Vec<VecDeque<Action>>,
    /// What a slot does while no key is held: these in turn. One action that does nothing, or several
    /// that cancel out.
    pub idle: Vec<Action>,
    /// `[slots]`: whether nobody has struck a key since the session was gone on with. What such a seat does is nobody's
    /// play, and nothing is recorded of it.
    pub absent: Vec<bool>,
    /// `[slots]`: how often it was asked while idle.
    turns: Vec<usize>,
}

impl HumanInput {
    /// Nothing pressed in any of `slots`.
    pub fn new(slots: usize) -> Self {
        Self {
            held: vec![None; slots],
            tapped: vec![VecDeque::new(); slots],
            idle: vec![Action::Discrete(0)],
            absent: vec![false; slots],
            turns: vec![0; slots],
        }
    }

    /// What `slot` does in this agent step.
    pub(super) fn take(&mut self, slot: usize) -> Action {
        let struck = self.tapped[slot].pop_front().or(self.held[slot]);
        self.absent[slot] &= struck.is_none();
        struck.unwrap_or_else(|| {
            self.turns[slot] += 1;
            let turn = self.turns[slot] % self.idle.len().max(1);
            self.idle.get(turn).copied().unwrap_or(Action::Discrete(0))
        })
    }
}

/// Policies from checkpoints, by name.
#[derive(Resource, Default, Clone)]
pub struct FrozenPolicies(pub BTreeMap<String, Arc<dyn Policy>>);

impl FrozenPolicies {
    /// Loads the policy of the checkpoint or run in `folder` under its path as name, to play `spec`.
    ///
    /// # Errors
    /// The checkpoint's own error; one of another world is refused.
    pub fn load(
        &mut self,
        folder: &Path,
        spec: &EnvironmentSpec,
    ) -> Result<Controller, crate::learner::CheckpointError> {
        let name = folder.display().to_string();
        let policy = crate::learner::checkpoint::load_policy(folder, spec)?;
        self.0.insert(name.clone(), policy);
        Ok(Controller::Frozen(name))
    }
}
