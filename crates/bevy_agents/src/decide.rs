//! Decide: reads the observations of all slots, runs one forward pass per policy, writes actions.

use bevy::prelude::*;

use super::actor_states::{
    ActorStates, MOST_SLOTS, PolicyBatch, SlotFault, WatchedDecision, WatchedDecisions,
};
use super::controllers::{Controller, Controllers, FrozenPolicies, HumanInput};
use super::reaction::ReactionDelay;
use super::{Greedy, LearningPolicy, Recording};
use crate::AgentSlots;
use crate::mdp::{Action, Fault, Origin, Policy, PolicyState};

/// First collects what every policy has to look at, then lets each look once, then hands out actions.
pub fn decide(
    mut all: Query<(&mut AgentSlots, &Controllers)>,
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
    actor_states.learning.clear();
    actor_states.frozen.values_mut().for_each(PolicyBatch::clear);
    actor_states.pending.clear();
    actor_states.faults.clear();

    for (seats, controllers) in all.iter().filter(|(seats, _)| !seats.rests) {
        for (slot, controller) in controllers.iter().enumerate() {
            let stream = seats.arena * MOST_SLOTS + slot;
            let state_len = match controller {
                Controller::Frozen(name) => frozen.0.get(name).map_or(0, |policy| policy.state_len()),
                _ => policy.policy.state_len(),
            };
            let (vector, grid) = seats.observations.row(slot);
            let fault = Fault::in_observation(vector);
            let memory = actor_states.seat(stream);
            (memory.sees, memory.row) = (fault.is_none(), None);
            if seats.begins {
                (memory.open, memory.episode_return, memory.episode_length) = (false, 0.0, 0);
                memory.state = PolicyState(vec![0.0; state_len]);
            }
            // Another policy may have sat here until now.
            if memory.state.0.len() != state_len {
                memory.state = PolicyState(vec![0.0; state_len]);
            }
            if let Some(fault) = fault {
                let recorded = controller.is_recorded() && !recording.suspended;
                actor_states.faults.push(SlotFault { stream, fault, recorded });
                continue;
            }
            let (rng, state) = (memory.rng.clone(), std::mem::take(&mut memory.state));
            let batch = match controller {
                // A person's observation is looked at too: the panel shows what the agent would do.
                Controller::Learning | Controller::Human => &mut actor_states.learning,
                Controller::Frozen(name) => actor_states.frozen.entry(name.clone()).or_default(),
                Controller::Scripted | Controller::Random => continue,
            };
            batch.observations.push(vector, grid);
            batch.streams.push(stream);
            batch.states.push(state);
            batch.rngs.push(rng);
        }
    }

    forward(&*policy.policy, &mut actor_states.learning, greedy.0);
    for (name, batch) in &mut actor_states.frozen {
        if let Some(policy) = frozen.0.get(name) {
            forward(&**policy, batch, greedy.0);
        }
    }

    // Who rests goes on thinking what was thought last.
    let watched_rests = all.iter().any(|(seats, _)| seats.arena == 0 && seats.rests);
    if !watched_rests {
        thoughts.clear();
    }
    // Batches were filled in this same order, so one cursor a batch finds each seat's row again.
    let mut next_learning = 0;
    let mut next_frozen = std::collections::BTreeMap::<&str, usize>::new();
    for (mut seats, controllers) in all.iter_mut().filter(|(seats, _)| !seats.rests) {
        let seats = &mut *seats;
        let played = controllers.contains(&Controller::Human);
        for (slot, controller) in controllers.iter().enumerate() {
            let stream = seats.arena * MOST_SLOTS + slot;
            let sees = actor_states.seats[stream].sees;
            let looked = match controller {
                _ if !sees => None,
                Controller::Learning | Controller::Human => {
                    next_learning += 1;
                    Some((&actor_states.learning, next_learning - 1))
                }
                Controller::Frozen(name) => {
                    let next = next_frozen.entry(name.as_str()).or_default();
                    *next += 1;
                    actor_states.frozen.get(name).map(|batch| (batch, *next - 1))
                }
                Controller::Scripted | Controller::Random => None,
            };
            let memory = &mut actor_states.seats[stream];
            // Two of one number cannot be told apart: only the first is recorded.
            let again = memory.row.is_some();
            if again && !std::mem::replace(&mut actor_states.warned, true) {
                let arena = seats.arena;
                tracing::warn!(
                    "arena {arena}, slot {slot}: there already; number all `AgentSlots` differently, from 0"
                );
            }
            let mut entropy = 0.0;
            let mut thought = WatchedDecision::default();
            let mut chosen = Action::Discrete(0);
            let actions = actor_states.actions;
            // A frozen policy that is gone leaves its batch undecided: its seats stand still.
            if let Some((batch, row)) = looked.filter(|(batch, row)| *row < batch.decisions.actions.len()) {
                memory.rng = batch.rngs[row].clone();
                memory.state = batch.states[row].clone();
                chosen = batch.decisions.actions[row];
                entropy = batch.decisions.entropies[row];
                if seats.arena == 0 {
                    thought.probabilities =
                        batch.decisions.probabilities[row * actions..(row + 1) * actions].to_vec();
                    thought.entropy = entropy;
                }
            }
            match controller {
                // On what is no observation a policy acts at random, and nothing is recorded of it.
                Controller::Learning | Controller::Frozen(_) if !sees => chosen = memory.any_action(actions),
                Controller::Learning | Controller::Frozen(_) => {}
                Controller::Human => chosen = human.take(slot),
                Controller::Scripted => chosen = seats.script[slot],
                Controller::Random => chosen = memory.any_action(actions),
            }
            // Against a person nobody acts on what has only just been seen.
            let late = reaction.steps > 0 && seats.arena == 0 && *controller != Controller::Human && played;
            if seats.begins || !late {
                memory.late.clear();
            }
            if late {
                memory.late.push_back(chosen);
                chosen = human.idle.first().copied().unwrap_or(Action::Discrete(0));
                while memory.late.len() > reaction.steps {
                    chosen = memory.late.pop_front().unwrap_or(chosen);
                }
            }
            seats.actions[slot] = chosen;
            if seats.arena == 0 {
                thought.action = chosen.index();
                thoughts.push(thought);
            }
            let away = *controller == Controller::Human && human.absent[slot];
            let recorded = controller.is_recorded() && !recording.suspended && sees && !again && !away;
            if recorded {
                let pending = &mut actor_states.pending;
                memory.row = Some(pending.len());
                pending.streams.push(stream as u32);
                pending.starts.push(!memory.open || seats.interrupted);
                let (vector, grid) = seats.observations.row(slot);
                pending.observations.push(vector, grid);
                pending.actions.push(chosen);
                pending.behaviour_entropies.push(entropy);
                pending.policy_gradient_steps.push(policy.gradient_steps);
                pending.origins.push(match controller {
                    Controller::Human => Origin::Human,
                    _ => Origin::Policy,
                });
            }
            memory.open = recorded || (again && memory.open);
        }
        (seats.begins, seats.interrupted) = (false, false);
    }
}

fn forward(policy: &dyn Policy, batch: &mut PolicyBatch, greedy: bool) {
    if batch.observations.count > 0 {
        let PolicyBatch { observations, states, rngs, decisions, .. } = batch;
        policy.act(observations, states, rngs, greedy, decisions);
    }
}
