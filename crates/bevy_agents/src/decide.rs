//! Decide: reads the observations of all slots, runs one forward pass per policy, writes actions.

use std::collections::BTreeMap;

use bevy::prelude::*;

use super::actor_states::{
    ActorStates, MOST_SLOTS, PolicyBatch, SlotFault, SlotState, WatchedDecision, WatchedDecisions,
};
use super::controllers::{Controller, Controllers, FrozenPolicies, HumanInput};
use super::reaction::ReactionDelay;
use super::{Exploration, Greedy, LearningPolicy, Recording};
use crate::mdp::{ActInput, ActionRow, ActionSpace, AsActionRow, Fault, Origin, Policy, StepBatch};
use crate::memory::Player;
use crate::{AgentSlots, Watched};

/// What a policy found at its row of a batch.
type Looked<'a> = Option<(&'a PolicyBatch, usize)>;

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
    (reaction, recording, exploration): (Res<ReactionDelay>, Res<Recording>, Res<Exploration>),
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
        for (slot, controller) in controllers.iter().enumerate() {
            collect(&mut seats, slot, controller, actor_states, learns, &frozen, &recording);
        }
    }

    forward(&*policy.policy, &mut actor_states.learning, greedy.0, recording.states);
    for (name, batch) in &mut actor_states.frozen {
        if let Some(policy) = frozen.0.get(name) {
            forward(&**policy, batch, greedy.0, false);
        }
    }

    let exploration = exploration.0.filter(|_| !greedy.0);
    let arenas = exploration.map_or(0, |_| all.iter().count());
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
            let ActorStates {
                seats: slots, learning, frozen, actions: space, neutral, pending, warned, ..
            } = actor_states;
            let own = &mut slots[stream];
            let looked = looked(seats, slot, controller, learning, frozen);
            // Two of one number cannot be told apart: only the first is recorded.
            let again = own.row.is_some();
            if again && !std::mem::replace(warned, true) {
                warn_of_numbers(seats.arena, slot);
            }
            let thought = is_watched.then(|| think(own, looked));
            if let Some((batch, row)) = looked {
                own.rng = batch.rngs[row].clone();
                own.memory.write(batch.states.row(row));
            }
            if *controller != Controller::External {
                seats.actions.set(slot, neutral.row(0));
            }
            act(seats, slot, controller, looked, own, &mut human, space);
            let mixture = exploration.filter(|_| *controller == Controller::Learning);
            if mixture.is_some_and(|mixture| own.explores(mixture.probability(seats.arena, arenas))) {
                own.act_at_random(space, &mut seats.actions, slot);
            }
            // Against a person nobody acts on what has only just been seen.
            let late = is_watched && *controller != Controller::Human && played;
            let delay = if late { reaction.steps } else { 0 };
            let idle = human.idle.first().map_or(neutral.row(0), AsActionRow::as_row);
            hold_back(own, seats, slot, delay, idle);
            let action = seats.actions.index(slot);
            thoughts.extend(thought.map(|thought| WatchedDecision { action, ..thought }));
            own.memory.acts(seats.actions.row(slot));
            let away = *controller == Controller::Human && human.absent[slot];
            let recorded = controller.is_recorded() && !recording.suspended && own.sees && !again && !away;
            if recorded {
                own.row = Some(pending.len());
                pending.streams.push(stream as u32);
                pending.starts.push(!own.open || seats.interrupted);
                pending.policy_gradient_steps.push(policy.gradient_steps);
                stage(pending, seats, slot, controller, looked, recording.states);
            }
            own.open = recorded || (again && own.open);
        }
        (seats.begins, seats.interrupted) = (false, false);
    }
}

/// Adds what `slot` sees to the batch of the policy that looks at it, if one does.
fn collect(
    seats: &mut AgentSlots,
    slot: usize,
    controller: &Controller,
    actor_states: &mut ActorStates,
    learns: Player<'_>,
    frozen: &FrozenPolicies,
    recording: &Recording,
) {
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
        return;
    }
    // A person's observation is looked at too: the panel shows what the agent would do.
    let looks = match controller {
        Controller::Learning | Controller::Human => Some((learns, &mut actor_states.learning)),
        Controller::Frozen(name) => {
            if !actor_states.frozen.contains_key(name) {
                actor_states.frozen.insert(name.clone(), PolicyBatch::default());
            }
            let policy = frozen.0.get(name).map(|policy| Player::of(&**policy));
            policy.zip(actor_states.frozen.get_mut(name))
        }
        Controller::Scripted | Controller::Random | Controller::External => None,
    };
    let own = &mut actor_states.seats[stream];
    let Some((player, batch)) = looks else {
        own.memory.forget();
        return;
    };
    let restarts = own.memory.prepare(player, controller, seats.begins || seats.interrupted);
    seats.rows[slot] = Some(batch.push(vector, grid, own, restarts, actor_states.neutral.row(0)));
}

/// The batch that `slot` is in, and its row.
fn looked<'a>(
    seats: &AgentSlots,
    slot: usize,
    controller: &Controller,
    learning: &'a PolicyBatch,
    frozen: &'a BTreeMap<String, PolicyBatch>,
) -> Looked<'a> {
    let row = seats.rows[slot]?;
    let batch = match controller {
        Controller::Frozen(name) => frozen.get(name)?,
        _ => learning,
    };
    Some((batch, row))
}

fn warn_of_numbers(arena: usize, slot: usize) {
    tracing::warn!(
        "arena {arena}, slot {slot}: its number is taken; give all `AgentSlots` different numbers, from 0"
    );
}

/// What the policy made of the observation, for people to see; `own` is as before the decision.
fn think(own: &SlotState, looked: Looked<'_>) -> WatchedDecision {
    let Some((batch, row)) = looked else { return WatchedDecision::default() };
    WatchedDecision {
        probabilities: batch.probabilities(row).to_vec(),
        entropy: batch.decisions.entropies[row],
        memory: (batch.states.width > 0).then(|| own.memory.clone()),
        is_first: batch.is_first[row],
        features: batch.features(row).to_vec(),
        ..WatchedDecision::default()
    }
}

/// Replaces the neutral action of `slot` by the one that `controller` chooses.
fn act(
    seats: &mut AgentSlots,
    slot: usize,
    controller: &Controller,
    looked: Looked<'_>,
    own: &mut SlotState,
    human: &mut HumanInput,
    space: &ActionSpace,
) {
    let actions = &mut seats.actions;
    match (controller, looked) {
        (Controller::Human, _) => actions.set(slot, human.take(slot)),
        (Controller::External, _) => {}
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
}

/// Holds the chosen action back for `steps`: the slot does what was chosen then, and until there is that, `idle`.
fn hold_back(own: &mut SlotState, seats: &mut AgentSlots, slot: usize, steps: usize, idle: ActionRow<'_>) {
    if seats.begins || steps == 0 {
        own.late.clear();
    }
    if steps > 0 {
        let actions = &mut seats.actions;
        own.late.push(actions.row(slot));
        actions.set(slot, idle);
        while own.late.rows > steps {
            actions.set(slot, own.late.row(0));
            own.late.drop_first(1);
        }
    }
}

/// Adds what was seen and done to the step that begins.
fn stage(
    pending: &mut StepBatch,
    seats: &AgentSlots,
    slot: usize,
    controller: &Controller,
    looked: Looked<'_>,
    with_state: bool,
) {
    let (vector, grid) = seats.observations.row(slot);
    pending.observations.push(vector, grid);
    pending.actions.push(seats.actions.row(slot));
    pending.behaviour_entropies.push(looked.map_or(0.0, |(batch, row)| batch.decisions.entropies[row]));
    pending.origins.push(match controller {
        Controller::Human => Origin::Human,
        _ => Origin::Policy,
    });
    if let Some((batch, row)) = looked.filter(|_| with_state) {
        pending.states.push(batch.before.row(row));
    }
}

/// One look of `policy` at everything in `batch`; `keep` keeps the states that it looked with.
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
