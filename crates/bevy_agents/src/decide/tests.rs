//! Tests of deciding: policies with memory that are swapped, saved and resumed, and continuous actions.

use std::sync::Arc;

use bevy::prelude::*;

use crate::mdp::{
    ActInput, ActionRow, ActionSpace, EnvironmentSpec, Policy, PolicyId, PolicyOutput, PolicySnapshot,
};
use crate::tick::{SimSystems, SimTick, run_agent_step};
use crate::{
    ActorStates, ActorStatesSnapshot, AgentPlugin, AgentSlots, Controller, ControllerAssignment, Exploration,
    FrozenPolicies, LearningPolicy, Recording, Replay,
};

/// Counts its steps from its own start value, and acts by the count.
struct Counts {
    kind: &'static str,
    start: f32,
    each: f32,
}

impl Policy for Counts {
    fn id(&self) -> PolicyId {
        PolicyId::of(&["counts", self.kind])
    }

    fn state_width(&self) -> usize {
        2
    }

    fn initial_state(&self, state: &mut [f32]) {
        state.copy_from_slice(&[self.start, -1.0]);
    }

    fn act(&self, input: ActInput<'_>, output: &mut PolicyOutput) {
        output.clear();
        for row in 0..input.observations.count {
            let state = input.states.row_mut(row);
            assert!(!input.is_first[row] || state == [self.start, -1.0]);
            state[0] += self.each;
            output.actions.push(ActionRow::Discrete(state[0] as u16));
            output.entropies.push(0.0);
            output.probabilities.extend([0.0; 200]);
        }
    }
}

fn spec() -> EnvironmentSpec {
    let names: Vec<String> = (0..200).map(|action| action.to_string()).collect();
    EnvironmentSpec { action: ActionSpace::Discrete(names), ..crate::testing::pole() }
}

fn publish(policy: &LearningPolicy, version: u64, own: impl Policy + 'static) {
    let snapshot = PolicySnapshot { version, gradient_steps: version, policy: Arc::new(own), critics: None };
    policy.0.store(Arc::new(snapshot));
}

fn app(spec: EnvironmentSpec, controller: Controller) -> (App, LearningPolicy) {
    let policy = LearningPolicy::untrained(2);
    let mut app = App::new();
    let assignment = ControllerAssignment::all(vec![controller]);
    app.add_plugins((
        crate::tick::TickPlugin::default(),
        AgentPlugin::new(spec.clone(), assignment, policy.clone()).with_seed(1),
    ));
    app.add_systems(SimTick, (|| {}).in_set(SimSystems::Play));
    (0..2).for_each(|arena| _ = app.world_mut().spawn(AgentSlots::new(arena, &spec)));
    (app, policy)
}

/// The actions of arena 1 in a number of steps.
fn acts(app: &mut App, steps: usize) -> Vec<usize> {
    let act = |_| {
        run_agent_step(app.world_mut());
        let mut all = app.world_mut().query::<&AgentSlots>();
        all.iter(app.world()).find(|slots| slots.arena == 1).map_or(0, |slots| slots.actions.index(0))
    };
    (0..steps).map(act).collect()
}

#[test]
fn another_kind_of_policy_starts_afresh_and_a_newer_version_continues() {
    let (mut app, policy) = app(spec(), Controller::Learning);
    publish(&policy, 1, Counts { kind: "a", start: 10.0, each: 1.0 });
    assert_eq!(acts(&mut app, 3), [11, 12, 13]);
    publish(&policy, 2, Counts { kind: "a", start: 10.0, each: 2.0 });
    assert_eq!(acts(&mut app, 2), [15, 17], "a newer version of the same policy goes on");
    publish(&policy, 3, Counts { kind: "b", start: 50.0, each: 1.0 });
    assert_eq!(acts(&mut app, 2), [51, 52], "its numbers mean nothing to another policy of the same width");
    // Nor another policy of the same kind that was trained elsewhere.
    let other: Arc<dyn Policy> = Arc::new(Counts { kind: "b", start: 70.0, each: 1.0 });
    app.world_mut().resource_mut::<FrozenPolicies>().0.insert("other".into(), other);
    let assign = |app: &mut App, controller| {
        app.insert_resource(ControllerAssignment::all(vec![controller]));
    };
    assign(&mut app, Controller::Frozen("other".into()));
    assert_eq!(acts(&mut app, 2), [71, 72]);
    assign(&mut app, Controller::Human);
    acts(&mut app, 2);
    assign(&mut app, Controller::Learning);
    assert_eq!(acts(&mut app, 1), [53], "the policy has watched the person");
    // An arena moved to another state does not match the memory.
    let mut all = app.world_mut().query::<&mut AgentSlots>();
    all.iter_mut(app.world_mut()).for_each(|mut slots| slots.interrupted = true);
    assert_eq!(acts(&mut app, 1), [51]);
}

#[test]
fn a_policy_with_memory_continues_exactly_from_a_snapshot() {
    let (mut app_before, policy) = app(spec(), Controller::Learning);
    let counts = || Counts { kind: "a", start: 10.0, each: 0.7 };
    publish(&policy, 1, counts());
    acts(&mut app_before, 5);
    let saved = serde_json::to_string(&app_before.world().resource::<ActorStates>().snapshot()).unwrap();
    let expected = acts(&mut app_before, 20);
    let (mut fresh, policy) = app(spec(), Controller::Learning);
    publish(&policy, 1, counts());
    let saved: ActorStatesSnapshot = serde_json::from_str(&saved).unwrap();
    fresh.world_mut().resource_mut::<ActorStates>().restore(&saved);
    let mut all = fresh.world_mut().query::<&mut AgentSlots>();
    all.iter_mut(fresh.world_mut()).for_each(|mut slots| slots.begins = false);
    assert_eq!(acts(&mut fresh, 20), expected);
    // Policies without memory store none, and older files have none.
    let (mut plain, _) = app(spec(), Controller::Learning);
    acts(&mut plain, 2);
    let saved = serde_json::to_string(&plain.world().resource::<ActorStates>().snapshot()).unwrap();
    assert!(!saved.contains("memories"), "{saved}");
    assert!(serde_json::from_str::<ActorStatesSnapshot>(&saved).is_ok());
}

#[test]
fn states_are_recorded_where_they_are_asked_for() {
    let (mut app, policy) = app(spec(), Controller::Learning);
    publish(&policy, 1, Counts { kind: "a", start: 10.0, each: 1.0 });
    acts(&mut app, 2);
    let taken = |app: &mut App| std::mem::take(&mut app.world_mut().resource_mut::<Replay>().staged);
    assert_eq!(taken(&mut app).states.rows(), 0);
    app.world_mut().resource_mut::<Recording>().states = true;
    acts(&mut app, 2);
    // Before the third and the fourth step of both arenas.
    assert_eq!(taken(&mut app).states.values, [12.0, -1.0, 12.0, -1.0, 13.0, -1.0, 13.0, -1.0]);
}

/// Acts on the first number of its observation.
struct Steers;

impl Policy for Steers {
    fn id(&self) -> PolicyId {
        PolicyId::of(&["steers"])
    }

    fn act(&self, input: ActInput<'_>, output: &mut PolicyOutput) {
        output.clear();
        for row in 0..input.observations.count {
            let seen = input.observations.row(row).0[0];
            output.actions.push(ActionRow::Continuous(&[seen, 0.5 * seen]));
            output.entropies.push(0.25);
        }
    }
}

#[test]
fn continuous_actions_reach_slots_and_steps() {
    let space = ActionSpace::continuous(&[("x", [-1.0, 1.0]), ("y", [0.0, 3.0])]);
    let spec = EnvironmentSpec { action: space.clone(), ..crate::testing::pole() };
    let (mut app, policy) = app(spec.clone(), Controller::Learning);
    publish(&policy, 1, Steers);
    let mut all = app.world_mut().query::<&mut AgentSlots>();
    all.iter_mut(app.world_mut()).for_each(|mut slots| {
        let seen = 0.25 * (slots.arena + 1) as f32;
        slots.observations.row_mut(0).0[0] = seen;
    });
    acts(&mut app, 1);
    let mut all = app.world_mut().query::<&AgentSlots>();
    assert!(all.iter(app.world()).all(|slots| slots.actions.vector(0)[0] == 0.25 * (slots.arena + 1) as f32));
    let staged = std::mem::take(&mut app.world_mut().resource_mut::<Replay>().staged);
    assert_eq!(staged.actions.continuous, [0.25, 0.125, 0.5, 0.25]);
    assert!(staged.fits(&spec));
    app.insert_resource(ControllerAssignment::all(vec![Controller::Random]));
    acts(&mut app, 3);
    let mut all = app.world_mut().query::<&AgentSlots>();
    assert!(all.iter(app.world()).all(|slots| slots.actions.fits(1, &space)));
}

/// Adds the previous reward and 1 to the previous action; 5 at the beginning.
struct Echoes;

impl Policy for Echoes {
    fn id(&self) -> PolicyId {
        PolicyId::of(&["echoes"])
    }

    fn state_width(&self) -> usize {
        1
    }

    fn act(&self, input: ActInput<'_>, output: &mut PolicyOutput) {
        output.clear();
        for row in 0..input.observations.count {
            let next = input.previous_actions.index(row) as f32 + input.previous_rewards[row] + 1.0;
            let next = if input.is_first[row] { 5.0 } else { next };
            output.actions.push(ActionRow::Discrete(next as u16));
            output.entropies.push(0.0);
            output.probabilities.extend([0.0; 200]);
        }
    }
}

#[test]
fn a_policy_is_told_what_was_done_before_and_what_it_earned() {
    let (mut app, policy) = app(spec(), Controller::Learning);
    publish(&policy, 1, Echoes);
    let pay = |mut all: Query<&mut AgentSlots>| all.iter_mut().for_each(|mut slots| slots.rewards[0] = 2.0);
    app.add_systems(SimTick, pay.in_set(SimSystems::Play));
    assert_eq!(acts(&mut app, 3), [5, 8, 11]);
    let saved = serde_json::to_string(&app.world().resource::<ActorStates>().snapshot()).unwrap();
    let saved: ActorStatesSnapshot = serde_json::from_str(&saved).unwrap();
    assert_eq!(acts(&mut app, 2), [14, 17]);
    app.world_mut().resource_mut::<ActorStates>().restore(&saved);
    assert_eq!(acts(&mut app, 2), [14, 17]);
}

#[test]
fn a_mixture_acts_at_random_more_in_later_arenas() {
    let (mut app, policy) = app(spec(), Controller::Learning);
    // Always action 7.
    publish(&policy, 1, Counts { kind: "a", start: 7.0, each: 0.0 });
    assert_eq!(acts(&mut app, 20), [7; 20]);
    let always = crate::learner::ExplorationConfig { epsilon: 1.0, exponent: 0.0 };
    app.insert_resource(Exploration(Some(always)));
    let random = acts(&mut app, 20);
    assert!(random.iter().filter(|action| **action == 7).count() < 5, "{random:?}");
    // What was done is what is recorded.
    let recorded = &app.world().resource::<Replay>().staged.actions;
    assert_eq!(recorded.index(recorded.rows - 1), random[19]);
    app.insert_resource(crate::Greedy(true));
    assert_eq!(acts(&mut app, 20), [7; 20]);
    app.insert_resource(crate::Greedy(false));
    // The first of two arenas explores with probability 0.5⁸, the last with 0.5.
    app.insert_resource(Exploration(Some(crate::learner::ExplorationConfig { epsilon: 0.5, exponent: 7.0 })));
    let mut other = [0, 0];
    for _ in 0..200 {
        run_agent_step(app.world_mut());
        let mut all = app.world_mut().query::<&AgentSlots>();
        all.iter(app.world())
            .for_each(|slots| other[slots.arena] += usize::from(slots.actions.index(0) != 7));
    }
    assert!(other[0] < 6 && (60..140).contains(&other[1]), "{other:?}");
}
