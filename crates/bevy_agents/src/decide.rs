//! Decide: reads the observations of all slots, runs one forward pass per policy, writes actions.

use bevy::prelude::*;

use super::actor_states::{
    ActorStates, MOST_SLOTS, PolicyBatch, SlotFault, WatchedDecision, WatchedDecisions,
};
use super::controllers::{Controller, Controllers, FrozenPolicies, HumanInput};
use super::reaction::ReactionDelay;
use super::{Greedy, LearningPolicy, Recording};
use crate::mdp::{ActInput, ActionBatch, ActionRow, Fault, Origin, Policy};
use crate::memory::Player;
use crate::{AgentSlots, Watched};

/// First collects what every policy has to look at, then lets each look once, then hands out actions.
pub fn decide(
    mut all: Query<(Entity, &mut AgentSlots, &Controllers)>,
    watched: Query<Entity, With<Watched>>,
    mut actor_states: ResMut<ActorStates>,
    mut human: ResMut<HumanInput>,
    mut thoughts: ResMut<WatchedDecisions>,
    learning: Res<LearningPolicy>,
    frozen: Res<FrozenPolicies>,
    greedy: Res<Greedy>,
    reaction: Res<ReactionDelay>,
    recording: Res<Recording>,
) {
    let actor_states = &mut *actor_states;
    let policy = learning.0.load();
    let watched = watched.single().ok();
    actor_states.learning.clear();
    actor_states.frozen.values_mut().for_each(PolicyBatch::clear);
    actor_states.pending.clear();
    actor_states.faults.clear();
    let learns = Player::of(&*policy.policy);

    for (_, mut seats, controllers) in all.iter_mut().filter(|(_, seats, _)| !seats.on_hold) {
        let seats = &mut *seats;
        for (slot, controller) in controllers.iter().enumerate() {
            let stream = seats.arena * MOST_SLOTS + slot;
            let (vector, grid) = seats.observations.row(slot);
            let fault = Fault::in_observation(vector);
            let own = actor_states.seat(stream);
            (own.sees, own.row, seats.rows[slot]) = (fault.is_none(), None, None);
            if seats.begins {
                (own.open, own.episode_return, own.episode_length) = (false, 0.0, 0);
            }
            if let Some(fault) = fault {
                let recorded = controller.is_recorded() && !recording.suspended;
                actor_states.faults.push(SlotFault { stream, fault, recorded });
                continue;
            }
            // A person's observation is looked at too: the panel shows what the agent would do.
            let looks = match controller {
                Controller::Learning | Controller::Human => Some((learns, &mut actor_states.learning)),
                Controller::Frozen(name) => {
                    if !actor_states.frozen.contains_key(name) {
                        actor_states.frozen.insert(name.clone(), PolicyBatch::default());
                    }
                    frozen
                        .0
                        .get(name)
                        .map(|policy| Player::of(&**policy))
                        .zip(actor_states.frozen.get_mut(name))
                }
                Controller::Scripted | Controller::Random => None,
            };
            let own = &mut actor_states.seats[stream];
            let Some((player, batch)) = looks else {
                own.memory.forget();
                continue;
            };
            let restarts = own.memory.prepare(player, controller, seats.begins || seats.interrupted);
            seats.rows[slot] = Some(batch.push(vector, grid, own, restarts));
        }
    }

    forward(&*policy.policy, &mut actor_states.learning, greedy.0, recording.states);
    for (name, batch) in &mut actor_states.frozen {
        if let Some(policy) = frozen.0.get(name) {
            forward(&**policy, batch, greedy.0, false);
        }
    }
    let neutral = ActionBatch::neutral(&actor_states.actions, 1);

    // On hold, the watched arena keeps its last decisions.
    let watched_on_hold = all.iter().any(|(entity, seats, _)| Some(entity) == watched && seats.on_hold);
    if !watched_on_hold {
        thoughts.clear();
    }
    for (entity, mut seats, controllers) in all.iter_mut().filter(|(_, seats, _)| !seats.on_hold) {
        let seats = &mut *seats;
        let is_watched = Some(entity) == watched;
        let played = controllers.contains(&Controller::Human);
        for (slot, controller) in controllers.iter().enumerate() {
            let stream = seats.arena * MOST_SLOTS + slot;
            let ActorStates { seats: slots, learning, frozen, actions: space, pending, warned, .. } =
                actor_states;
            let own = &mut slots[stream];
            let looked = seats.rows[slot].and_then(|row| {
                let batch = match controller {
                    Controller::Frozen(name) => frozen.get(name)?,
                    _ => &*learning,
                };
                Some((batch, row))
            });
            // Two of one number cannot be told apart: only the first is recorded.
            let again = own.row.is_some();
            if again && !std::mem::replace(warned, true) {
                let arena = seats.arena;
                tracing::warn!(
                    "arena {arena}, slot {slot}: its number is taken; give all `AgentSlots` different numbers, from 0"
                );
            }
            let mut entropy = 0.0;
            let mut thought = WatchedDecision::default();
            let actions = &mut seats.actions;
            if let Some((batch, row)) = looked {
                own.rng = batch.rngs[row].clone();
                entropy = batch.decisions.entropies[row];
                if is_watched {
                    thought.probabilities = batch.probabilities(row).to_vec();
                    thought.entropy = entropy;
                    thought.memory = (batch.states.width > 0).then(|| own.memory.clone());
                    thought.is_first = batch.is_first[row];
                    thought.features = batch.features(row).to_vec();
                }
                own.memory.write(batch.states.row(row));
            }
            actions.set(slot, neutral.row(0));
            match (controller, looked) {
                (Controller::Human, _) => actions.set(slot, human.take(slot)),
                (Controller::Scripted, _) => actions.set(slot, seats.script[slot]),
                (Controller::Learning | Controller::Frozen(_), Some((batch, row))) => {
                    actions.set(slot, batch.decisions.actions.row(row));
                }
                // A frozen policy that is gone leaves its slots standing still.
                (Controller::Frozen(_), None) if own.sees => {}
                // On what is no observation a policy acts at random, and nothing is recorded of it.
                (Controller::Random | Controller::Learning | Controller::Frozen(_), _) => {
                    own.act_at_random(space, actions, slot);
                }
            }
            // Against a person nobody acts on what has only just been seen.
            let late = reaction.steps > 0 && is_watched && *controller != Controller::Human && played;
            if seats.begins || !late {
                own.late.clear();
            }
            if late {
                own.late.push(actions.row(slot));
                actions.set(slot, human.idle.first().copied().map_or(neutral.row(0), ActionRow::from));
                while own.late.rows > reaction.steps {
                    actions.set(slot, own.late.row(0));
                    own.late.drop_first(1);
                }
            }
            if is_watched {
                thought.action = actions.index(slot);
                thoughts.push(thought);
            }
            own.memory.acts(actions.index(slot));
            let away = *controller == Controller::Human && human.absent[slot];
            let recorded = controller.is_recorded() && !recording.suspended && own.sees && !again && !away;
            if recorded {
                own.row = Some(pending.len());
                pending.streams.push(stream as u32);
                pending.starts.push(!own.open || seats.interrupted);
                let (vector, grid) = seats.observations.row(slot);
                pending.observations.push(vector, grid);
                pending.actions.push(actions.row(slot));
                pending.behaviour_entropies.push(entropy);
                pending.policy_gradient_steps.push(policy.gradient_steps);
                pending.origins.push(match controller {
                    Controller::Human => Origin::Human,
                    _ => Origin::Policy,
                });
                if let Some((batch, row)) = looked.filter(|_| recording.states) {
                    pending.states.push(batch.before.row(row));
                }
            }
            own.open = recorded || (again && own.open);
        }
        (seats.begins, seats.interrupted) = (false, false);
    }
}

fn forward(policy: &dyn Policy, batch: &mut PolicyBatch, greedy: bool, keep: bool) {
    if batch.observations.count > 0 {
        if keep {
            batch.before.clone_from(&batch.states);
        }
        let PolicyBatch { observations, states, is_first, rngs, decisions, .. } = batch;
        let (previous_actions, previous_rewards) = (&batch.previous_actions, &batch.previous_rewards[..]);
        let input =
            ActInput { observations, states, previous_actions, previous_rewards, is_first, rngs, greedy };
        policy.act(input, decisions);
    }
}

#[cfg(test)]
mod tests;
