//! Controllers: who plays each slot, default assignments, and a human player's input.
//!
//! Reading the keyboard is up to `view`; turning controllers into actions, to `decide`.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;

use bevy::prelude::*;
use serde::{Deserialize, Serialize};

use crate::mdp::{Action, EnvironmentSpec, Policy};
use crate::tick::TickClock;
use crate::{AgentSlots, Watched};

/// Who plays a slot.
#[derive(Reflect, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Controller {
    /// A human player, through [`HumanInput`].
    Human,
    /// The learning policy.
    #[default]
    Learning,
    /// A policy from a checkpoint, by its name in [`FrozenPolicies`].
    Frozen(String),
    /// The environment's hand-written player.
    Scripted,
    /// Uniformly random actions.
    Random,
    /// Code that runs the app: it writes [`AgentSlots::actions`] before every step. Not for files.
    #[serde(skip)]
    External,
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
            Self::External => "external",
        }
    }

    /// Whether its steps are recorded. A human player's are: off-policy learning can use any experience.
    pub fn is_recorded(&self) -> bool {
        matches!(self, Self::Human | Self::Learning)
    }
}

/// The controllers of one entity's [`AgentSlots`], by slot.
#[derive(Component, Reflect, Debug, Clone, PartialEq, Eq, Deref, DerefMut)]
#[reflect(Component)]
pub struct Controllers(pub Vec<Controller>);

/// The intended controllers by slot: in the [`Watched`] arena and in all others. The current ones are in
/// [`Controllers`], which follow with the next tick or frame.
#[derive(Resource, Reflect, Debug, Clone, PartialEq, Eq)]
#[reflect(Resource)]
pub struct ControllerAssignment {
    /// The watched arena.
    pub watched: Vec<Controller>,
    /// All other arenas.
    pub others: Vec<Controller>,
    /// Of single arenas, by number, instead of both.
    pub each: BTreeMap<usize, Vec<Controller>>,
}

impl ControllerAssignment {
    /// The same controllers everywhere.
    pub fn all(controllers: Vec<Controller>) -> Self {
        Self { watched: controllers.clone(), others: controllers, each: BTreeMap::new() }
    }

    /// The learning policy on slot 0's side, scripts on every other side.
    pub fn learn_against_script(spec: &EnvironmentSpec) -> Self {
        Self::against_script(spec, &Controller::Learning)
    }

    /// Whether a human player has `slot` in any arena.
    fn has_human(&self, slot: usize) -> bool {
        let mut all = [&self.watched, &self.others].into_iter().chain(self.each.values());
        all.any(|slots| slots.get(slot) == Some(&Controller::Human))
    }

    /// `player` in all slots of slot 0's side, scripts on every other side.
    pub fn against_script(spec: &EnvironmentSpec, player: &Controller) -> Self {
        let controller = |slot| if spec.on_first_side(slot) { player.clone() } else { Controller::Scripted };
        Self::all((0..spec.slots()).map(controller).collect())
    }
}

/// Assigns controllers to slots without any, and to all slots when the assignment or the watched arena
/// changes.
pub(super) fn assign(
    mut commands: Commands,
    assignment: Res<ControllerAssignment>,
    mut input: ResMut<HumanInput>,
    mut slots: Query<(Entity, &AgentSlots, Option<&mut Controllers>)>,
    watched: Query<Entity, With<Watched>>,
    mut before: Local<Option<Entity>>,
) {
    let watched = watched.single().ok();
    let changed = std::mem::replace(&mut *before, watched) != watched || assignment.is_changed();
    // A human player who takes a slot again is present.
    for (slot, absent) in input.bypass_change_detection().absent.iter_mut().enumerate() {
        *absent = *absent && assignment.has_human(slot);
    }
    for (entity, slots, controllers) in &mut slots {
        let usual = if Some(entity) == watched { &assignment.watched } else { &assignment.others };
        let wanted = assignment.each.get(&slots.arena).unwrap_or(usual);
        match controllers {
            None => _ = commands.entity(entity).insert(Controllers(wanted.clone())),
            Some(mut controllers) if changed && controllers.0 != *wanted => {
                controllers.0.clone_from(wanted);
            }
            Some(_) => {}
        }
    }
}

/// Tells environments which slots need a scripted action.
pub(super) fn ask_for_scripts(clock: Res<TickClock>, mut slots: Query<(&mut AgentSlots, &Controllers)>) {
    if clock.phase != 0 {
        return;
    }
    for (mut slots, controllers) in &mut slots {
        for (wants, controller) in slots.wants_script.iter_mut().zip(&controllers.0) {
            *wants = *controller == Controller::Scripted;
        }
    }
}

/// Actions that the human player requests, by slot.
#[derive(Resource, Debug, Clone, PartialEq, Eq)]
pub struct HumanInput {
    /// `[slots]`: the action of the keys held now; `None` while none is held.
    pub held: Vec<Option<Action>>,
    /// `[slots]`: key taps not yet acted on, oldest first: each is one action, whatever the length of frames
    /// and agent steps.
    pub tapped: Vec<VecDeque<Action>>,
    /// Actions of a slot while no key is held, in turn: one that does nothing, or several that cancel out.
    pub idle: Vec<Action>,
    /// `[slots]`: whether no key was pressed since the session was resumed. Such a slot idles, and nothing is
    /// recorded of it.
    pub absent: Vec<bool>,
    /// `[slots]`: number of idle steps.
    turns: Vec<usize>,
}

impl HumanInput {
    /// No input in any of `slots`.
    pub fn new(slots: usize) -> Self {
        Self {
            held: vec![None; slots],
            tapped: vec![VecDeque::new(); slots],
            idle: vec![Action::Discrete(0)],
            absent: vec![false; slots],
            turns: vec![0; slots],
        }
    }

    /// The action of `slot` in this agent step.
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
    /// Loads the policy of the checkpoint or run in `folder`, with its path as name, to play `spec`.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::pole;
    use crate::tick::run_agent_step;
    use crate::{AgentPlugin, LearningPolicy, WatchedDecisions};

    #[test]
    fn controllers_and_display_follow_the_watched_arena() {
        let spec = pole();
        let (watched, others) = (vec![Controller::Human], vec![Controller::Random]);
        let assignment =
            ControllerAssignment { watched: watched.clone(), others: others.clone(), each: BTreeMap::new() };
        let mut app = App::new();
        app.add_plugins(AgentPlugin::new(spec.clone(), assignment, LearningPolicy::untrained(2)));
        let [first, second] = [0, 1].map(|arena| app.world_mut().spawn(AgentSlots::new(arena, &spec)).id());
        let plays =
            |app: &App| [first, second].map(|arena| app.world().get::<Controllers>(arena).unwrap().0.clone());
        run_agent_step(app.world_mut());
        assert_eq!(plays(&app), [others.clone(), others.clone()], "no arena is watched");
        assert!(app.world().resource::<WatchedDecisions>().is_empty());
        for (shown, expected) in [(first, [&watched, &others]), (second, [&others, &watched])] {
            app.world_mut().entity_mut(shown).insert(Watched);
            run_agent_step(app.world_mut());
            let marked: Vec<Entity> =
                app.world_mut().query_filtered::<Entity, With<Watched>>().iter(app.world()).collect();
            assert_eq!(marked, [shown]);
            assert_eq!(plays(&app), expected.map(Clone::clone));
            assert_eq!(app.world().resource::<WatchedDecisions>().len(), 1);
        }
    }
}
