//! Takeover: human players take over slots of the watched arena and return them to their previous controllers.

pub mod saved;
#[cfg(feature = "arcade")]
pub mod window;

use bevy::prelude::*;
use serde::{Deserialize, Serialize};

use crate::agent::{Controller, ControllerAssignment};
use crate::mdp::EnvironmentSpec;

/// The role in which a human player joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlayerRole {
    /// Against the agent; with it in a cooperative world; in its place in a world with one slot.
    Opponent,
    /// In the agent's own slot, or in the last slot of a cooperative world; also for a second player.
    Agent,
}

impl PlayerRole {
    /// Both roles.
    pub const ALL: [Self; 2] = [Self::Opponent, Self::Agent];
}

/// The slots of the watched arena that human players have taken over, by [`PlayerRole`], and the controllers they
/// replaced.
#[derive(Resource, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Takeovers([Option<Takeover>; 2]);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Takeover {
    slot: usize,
    /// Slots whose controllers were replaced, and those controllers: the player's slot, and the agent's if it was added.
    #[serde(rename = "relieved")]
    replaced: Vec<(usize, Controller)>,
}

/// Adds takeovers, and their keys where there is a window.
pub(super) fn plugin(app: &mut App) {
    app.init_resource::<Takeovers>();
    #[cfg(feature = "arcade")]
    window::plugin(app);
}

impl Takeovers {
    /// Takes over the slot of `role`, or returns it to its previous controller.
    pub fn toggle(
        &mut self,
        role: PlayerRole,
        spec: &EnvironmentSpec,
        assignment: &mut ControllerAssignment,
    ) {
        if let Some(slot) = self.held_slot(role, spec, assignment) {
            let takeover = self.0[role as usize].take();
            let replaced =
                takeover.filter(|takeover| takeover.slot == slot).map(|takeover| takeover.replaced);
            for (slot, controller) in replaced.unwrap_or_else(|| vec![(slot, usual(assignment, slot))]) {
                assignment.watched[slot] = controller;
            }
            return;
        }
        let Some(slot) = self.free_slot(role, spec, assignment) else { return };
        let mut replaced = vec![(slot, std::mem::replace(&mut assignment.watched[slot], Controller::Human))];
        let agent = self.agent(spec, assignment, slot);
        if let Some(agent) = agent.filter(|_| role == PlayerRole::Opponent)
            && !matches!(assignment.watched[agent], Controller::Human)
            && !is_agent(&assignment.watched[agent])
        {
            let usual = Some(usual(assignment, agent)).filter(is_agent).unwrap_or_default();
            replaced.push((agent, std::mem::replace(&mut assignment.watched[agent], usual)));
        }
        self.0[role as usize] = Some(Takeover { slot, replaced });
    }

    /// Swaps the two sides of the watched arena, if they have the same number of slots.
    pub fn swap(&mut self, spec: &EnvironmentSpec, assignment: &mut ControllerAssignment) {
        let side = |first: bool| (0..spec.slots()).filter(move |slot| spec.on_first_side(*slot) == first);
        if side(true).count() != side(false).count() || assignment.watched.len() != spec.slots() {
            return;
        }
        let mut across = vec![0; spec.slots()];
        for (own, other) in side(true).zip(side(false)) {
            (across[own], across[other]) = (other, own);
        }
        assignment.watched = across.iter().map(|slot| assignment.watched[*slot].clone()).collect();
        for takeover in self.0.iter_mut().flatten() {
            takeover.slot = across[takeover.slot];
            takeover.replaced.iter_mut().for_each(|(slot, _)| *slot = across[*slot]);
        }
    }

    /// The slot that a human player in `role` controls and would return.
    pub fn held_slot(
        &self,
        role: PlayerRole,
        spec: &EnvironmentSpec,
        assignment: &ControllerAssignment,
    ) -> Option<usize> {
        self.slot(role, assignment).or_else(|| {
            // Also a slot that was assigned to a human player in the panel, but not that of the other role.
            let others = PlayerRole::ALL.iter().find_map(|other| self.slot(*other, assignment));
            let target = self.target(role, spec, assignment)?;
            let human = assignment.watched.get(target) == Some(&Controller::Human);
            (human && others != Some(target)).then_some(target)
        })
    }

    /// The slot that `role` would take over; `None` if there is none, or a human player controls it already.
    pub fn free_slot(
        &self,
        role: PlayerRole,
        spec: &EnvironmentSpec,
        assignment: &ControllerAssignment,
    ) -> Option<usize> {
        let target = self.target(role, spec, assignment)?;
        (assignment.watched.get(target) != Some(&Controller::Human)).then_some(target)
    }

    /// The slot taken over in `role`, if a human player still controls it.
    fn slot(&self, role: PlayerRole, assignment: &ControllerAssignment) -> Option<usize> {
        let slot = self.0[role as usize].as_ref()?.slot;
        (assignment.watched.get(slot) == Some(&Controller::Human)).then_some(slot)
    }

    /// The slot of `role`, preferably one without a human player.
    fn target(
        &self,
        role: PlayerRole,
        spec: &EnvironmentSpec,
        assignment: &ControllerAssignment,
    ) -> Option<usize> {
        let free = |slot: &usize| assignment.watched.get(*slot).is_some_and(|now| *now != Controller::Human);
        let all = || 0..spec.slots().min(assignment.watched.len());
        if spec.has_sides() {
            let agent = self.agent_slot(spec, assignment);
            let opposite = |slot: &usize| spec.on_first_side(*slot) != spec.on_first_side(agent);
            return match role {
                PlayerRole::Opponent => all().filter(opposite).find(free).or_else(|| all().find(opposite)),
                PlayerRole::Agent => Some(agent),
            };
        }
        // Play beside the agent: replace another controller first.
        let other = |slot: &usize| free(slot) && !is_agent(&assignment.watched[*slot]);
        match role {
            PlayerRole::Opponent => {
                let other = all().find(other).filter(|_| spec.slots() > 1);
                other.or_else(|| all().find(free)).or_else(|| all().next())
            }
            PlayerRole::Agent => all().rev().find(free).or_else(|| all().last()).filter(|_| spec.slots() > 1),
        }
    }

    /// The agent's slot, or the one it would have without human players; on the first side if it is on neither.
    fn agent_slot(&self, spec: &EnvironmentSpec, assignment: &ControllerAssignment) -> usize {
        let find = |matches: &dyn Fn(&Controller) -> bool| assignment.watched.iter().position(matches);
        let learning = find(&|controller| *controller == Controller::Learning);
        let human = |slot: &usize| assignment.watched.get(*slot) == Some(&Controller::Human);
        let taken = self.slot(PlayerRole::Agent, assignment);
        let opposite = self.slot(PlayerRole::Opponent, assignment).map(|slot| spec.on_first_side(slot));
        let across =
            (0..spec.slots()).find(|slot| opposite.is_some_and(|side| side != spec.on_first_side(*slot)));
        learning
            .or_else(|| find(&is_agent))
            .or(taken)
            .or(across)
            .or_else(|| (0..spec.slots()).find(|slot| human(slot) && is_agent(&usual(assignment, *slot))))
            .unwrap_or(0)
    }

    /// The agent's slot that a human player in `slot` plays against or with; `None` in a world with one slot.
    fn agent(&self, spec: &EnvironmentSpec, assignment: &ControllerAssignment, slot: usize) -> Option<usize> {
        let sides = spec.has_sides();
        let other = |other: &usize| {
            *other != slot && (!sides || spec.on_first_side(*other) != spec.on_first_side(slot))
        };
        let others = || (0..assignment.watched.len()).filter(other);
        others().find(|slot| is_agent(&assignment.watched[*slot])).or_else(|| others().next())
    }
}

/// Whether `controller` is a policy, learning or frozen.
fn is_agent(controller: &Controller) -> bool {
    matches!(controller, Controller::Learning | Controller::Frozen(_))
}

/// The controller of `slot` in the other arenas.
fn usual(assignment: &ControllerAssignment, slot: usize) -> Controller {
    assignment.others.get(slot).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worlds::WorldChoice;
    use Controller::{Human, Learning, Random, Scripted};

    fn spec(world: &str) -> EnvironmentSpec {
        WorldChoice::new(world, None).unwrap().spec()
    }

    /// The controllers in `world` after `roles` were toggled in turn, starting from `watched`.
    fn toggled(world: &str, watched: &[Controller], roles: &[PlayerRole]) -> Vec<Controller> {
        let spec = spec(world);
        let mut assignment = ControllerAssignment::learn_against_script(&spec);
        if !watched.is_empty() {
            assignment.watched = watched.to_vec();
        }
        let mut takeovers = Takeovers::default();
        roles.iter().for_each(|role| takeovers.toggle(*role, &spec, &mut assignment));
        assignment.watched
    }

    #[test]
    fn the_opponent_plays_against_the_agent_whatever_the_assignment() {
        let trained = Controller::Frozen("trained".into());
        let against = [PlayerRole::Opponent];
        for world in ["paddle-duel", "volley", "puck", "tag"] {
            assert_eq!(toggled(world, &[], &against), [Learning, Human], "{world}");
            for (before, after) in [
                ([Scripted, Learning], [Human, Learning]),
                ([Learning, Learning], [Learning, Human]),
                ([trained.clone(), Scripted], [trained.clone(), Human]),
                ([Learning, trained.clone()], [Learning, Human]),
                ([trained.clone(), Learning], [Human, Learning]),
                // If no agent plays, it is added.
                ([Scripted, Scripted], [Learning, Human]),
                ([Random, Random], [Learning, Human]),
            ] {
                assert_eq!(toggled(world, &before, &against), after, "{world}: {before:?}");
                let back = toggled(world, &before, &[PlayerRole::Opponent, PlayerRole::Opponent]);
                assert_eq!(back, before, "{world}: all slots are returned");
            }
        }
        let four = toggled("puck-2v2", &[], &against);
        assert_eq!(four, [Learning, Learning, Human, Scripted]);
    }

    #[test]
    fn cooperative_worlds_are_played_with_the_agent() {
        for world in ["two-plates", "beam-carry"] {
            assert_eq!(toggled(world, &[], &[PlayerRole::Opponent]), [Human, Learning], "{world}");
            assert_eq!(toggled(world, &[], &[PlayerRole::Agent]), [Learning, Human], "{world}");
            assert_eq!(
                toggled(world, &[Learning, Scripted], &[PlayerRole::Opponent]),
                [Learning, Human],
                "{world}"
            );
            assert_eq!(
                toggled(world, &[Scripted, Scripted], &[PlayerRole::Opponent]),
                [Human, Learning],
                "{world}"
            );
        }
        assert_eq!(toggled("lava-room", &[], &[PlayerRole::Opponent]), [Human]);
        assert_eq!(toggled("lava-room", &[], &[PlayerRole::Opponent, PlayerRole::Opponent]), [Learning]);
        // There is no second slot.
        assert_eq!(toggled("lava-room", &[], &[PlayerRole::Agent]), [Learning]);
    }

    #[test]
    fn a_second_player_takes_the_agents_slot_and_both_leave_in_any_order() {
        let [against, agents] = PlayerRole::ALL;
        for world in ["paddle-duel", "two-plates"] {
            for both in [[against, agents], [agents, against]] {
                assert_eq!(toggled(world, &[], &both), [Human, Human], "{world}: {both:?}");
                for back in [[against, agents], [agents, against]] {
                    let all = [both, back].concat();
                    assert_eq!(toggled(world, &[], &all), toggled(world, &[], &[]), "{world}: {all:?}");
                }
            }
        }
        assert_eq!(toggled("paddle-duel", &[], &[agents]), [Human, Scripted]);
        assert_eq!(toggled("paddle-duel", &[Scripted, Learning], &[agents]), [Scripted, Human]);
    }

    #[test]
    fn slots_are_returned_correctly_after_sides_were_swapped() {
        for (world, swapped, back) in [
            ("paddle-duel", vec![Human, Learning], vec![Scripted, Learning]),
            (
                "puck-2v2",
                vec![Human, Scripted, Learning, Learning],
                vec![Scripted, Scripted, Learning, Learning],
            ),
            ("two-plates", vec![Human, Learning], vec![Learning, Learning]),
        ] {
            let spec = spec(world);
            let mut assignment = ControllerAssignment::learn_against_script(&spec);
            let mut takeovers = Takeovers::default();
            takeovers.toggle(PlayerRole::Opponent, &spec, &mut assignment);
            takeovers.swap(&spec, &mut assignment);
            assert_eq!(assignment.watched, swapped, "{world}");
            takeovers.toggle(PlayerRole::Opponent, &spec, &mut assignment);
            assert_eq!(assignment.watched, back, "{world}");
        }
    }

    #[test]
    fn players_assigned_in_the_panel_are_respected() {
        let spec = spec("paddle-duel");
        let mut assignment = ControllerAssignment::learn_against_script(&spec);
        let mut takeovers = Takeovers::default();
        // Assigned in the panel: the same key returns the slot.
        for (chosen, role) in
            [([Learning, Human], PlayerRole::Opponent), ([Human, Scripted], PlayerRole::Agent)]
        {
            assignment.watched = chosen.to_vec();
            assert_eq!(takeovers.free_slot(role, &spec, &assignment), None);
            takeovers.toggle(role, &spec, &mut assignment);
            assert_eq!(assignment.watched, [Learning, Scripted]);
        }
        assignment.watched[1] = Scripted;
        takeovers.toggle(PlayerRole::Opponent, &spec, &mut assignment);
        assignment.watched[1] = Random;
        assert_eq!(takeovers.held_slot(PlayerRole::Opponent, &spec, &assignment), None);
        takeovers.toggle(PlayerRole::Opponent, &spec, &mut assignment);
        takeovers.toggle(PlayerRole::Opponent, &spec, &mut assignment);
        assert_eq!(assignment.watched, [Learning, Random]);
    }
}
