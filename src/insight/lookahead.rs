//! Lookahead: where the watched players would go, and whatever they play with, if they went on as their policies think
//! best. Worked out only while somebody looks, on a copy: play goes on as if nobody had.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bevy::prelude::*;

use super::values::OverlaySettings;
use crate::agent::{Controller, ControllerAssignment, FrozenPolicies, LearningPolicy};
use crate::mdp::{Action, Fault, ObservationBatch, Policy, PolicyOutput, PolicyState, Stream, rng};
use crate::sim::arena::{EnvironmentHooks, Spec, Trajectories};

/// Seconds of play that are looked ahead.
const AHEAD: f32 = 2.0;
/// Time between two looks.
const EVERY: Duration = Duration::from_millis(100);

/// Where the watched bodies would go. Empty until asked for by [`OverlaySettings::ways`].
#[derive(Resource, Debug, Clone, Default)]
pub struct Lookahead {
    /// What was last trajectories.
    pub trajectories: Trajectories,
    /// Counts looks, so that nothing is drawn twice.
    pub version: u64,
}

/// Keeps the [`Lookahead`] that is asked for.
pub(super) fn plugin(app: &mut App) {
    app.init_resource::<Lookahead>().add_systems(Update, look);
}

fn look(world: &mut World, mut looked: Local<Option<Instant>>) {
    let wanted = world.get_resource::<OverlaySettings>().is_some_and(|insight| insight.ways);
    if !wanted {
        if world.resource::<Lookahead>().trajectories != Trajectories::default() {
            show(world, Trajectories::default());
        }
        return;
    }
    let hooks = world.get_resource::<EnvironmentHooks>().map(|hooks| hooks.predict);
    let Some(predict) = hooks.filter(|_| looked.is_none_or(|at| at.elapsed() >= EVERY)) else { return };
    *looked = Some(Instant::now());
    let spec = world.resource::<Spec>();
    let step = spec.ticks_per_step as f32 * spec.tick_seconds;
    let mut choose = choose(world);
    let trajectories = predict(world, (AHEAD / step).ceil() as usize, &mut choose);
    show(world, trajectories);
}

fn show(world: &mut World, trajectories: Trajectories) {
    let mut foresight = world.resource_mut::<Lookahead>();
    foresight.trajectories = trajectories;
    foresight.version += 1;
}

/// Somebody who is thought to go on.
enum Player {
    /// Asks a policy, with what it remembers on the way.
    Policy(Arc<dyn Policy>, Vec<PolicyState>),
    Script,
    /// Does what it did last.
    Holds,
}

impl Player {
    fn choose(
        &mut self,
        observations: &ObservationBatch,
        slot: usize,
        script: Action,
        last: Action,
    ) -> Action {
        let (vector, grid) = observations.row(slot);
        match self {
            // A policy acts at random on what is no observation; nobody can predict that.
            Self::Policy(..) if Fault::in_observation(vector).is_some() => last,
            Self::Policy(policy, states) => {
                let mut own = ObservationBatch::default();
                own.push(vector, grid);
                let mut decisions = PolicyOutput::default();
                // Greedy choices draw nothing, so whose luck it is does not matter.
                let mut rngs = [rng(0, Stream::Evaluation, 0)];
                policy.act(&own, states, &mut rngs, true, &mut decisions);
                decisions.actions.first().copied().unwrap_or(Action::Discrete(0))
            }
            Self::Script => script,
            Self::Holds => last,
        }
    }
}

/// Who sits in the watched seats. For a person the learning policy answers.
fn players(world: &World) -> Vec<Player> {
    let learning = world.resource::<LearningPolicy>().0.load_full().policy.clone();
    let frozen = world.resource::<FrozenPolicies>();
    let watched = &world.resource::<ControllerAssignment>().watched;
    let asks = |policy: &Arc<dyn Policy>| {
        Player::Policy(policy.clone(), vec![PolicyState(vec![0.0; policy.state_len()])])
    };
    let player = |slot: usize| match watched.get(slot) {
        Some(Controller::Learning | Controller::Human) | None => asks(&learning),
        Some(Controller::Frozen(name)) => frozen.0.get(name).map_or(Player::Holds, asks),
        Some(Controller::Scripted) => Player::Script,
        Some(Controller::Random) => Player::Holds,
    };
    (0..world.resource::<Spec>().slots()).map(player).collect()
}

/// What everybody in the watched seats would do.
fn choose(world: &World) -> impl FnMut(&ObservationBatch, &[Action], &mut [Action]) + 'static {
    let mut players = players(world);
    move |observations, scripts, actions| {
        for (slot, action) in actions.iter_mut().enumerate() {
            *action = players[slot].choose(observations, slot, scripts[slot], *action);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::AgentPlugin;
    use crate::learner::untrained;
    use crate::sim::worlds::{self, WorldChoice};
    use crate::sim::{SimConfig, SimTick, arena};

    fn app(name: &str) -> App {
        let choice = WorldChoice::new(name, None).unwrap();
        let spec = choice.spec();
        let mut app = App::new();
        app.add_plugins(crate::sim::plugin);
        choice.add_to(&mut app, SimConfig { arenas: 1, seed: 3, stream: Stream::Environment });
        let assignment = ControllerAssignment::all(vec![Controller::Scripted; spec.slots()]);
        let policy = LearningPolicy(untrained(spec.action.len()));
        app.add_plugins(AgentPlugin { spec, seed: 3, assignment, policy });
        app.finish();
        app.cleanup();
        app
    }

    /// Where the bodies of the first arena are, tick by tick.
    fn play(app: &mut App, ticks: usize, foresees: bool) -> Vec<String> {
        let mut told = Vec::new();
        for _ in 0..ticks {
            app.world_mut().run_schedule(SimTick);
            if foresees {
                let hooks = *app.world().resource::<EnvironmentHooks>();
                let mut choose = choose(app.world());
                (hooks.predict)(app.world_mut(), 12, &mut choose);
            }
            let world = app.world_mut();
            let seats = world.query::<&crate::sim::AgentSlots>().iter(world).next().unwrap().clone();
            told.push(format!("{:?} {:?}", seats, arena::snapshots(world)));
        }
        told
    }

    #[test]
    fn looking_ahead_changes_nothing() {
        for name in worlds::names() {
            let [without, with] = [false, true].map(|foresees| play(&mut app(name), 150, foresees));
            let first = without.iter().zip(&with).position(|(a, b)| a != b);
            assert_eq!(first, None, "{name}: another course from this tick on");
        }
    }

    #[test]
    fn what_is_foreseen_happens_where_nobody_changes_their_mind() {
        // Scripts of paddle-duel draw nothing at random.
        let mut app = app("paddle-duel");
        play(&mut app, 40, false);
        let hooks = *app.world().resource::<EnvironmentHooks>();
        let mut script = |_: &ObservationBatch, scripts: &[Action], actions: &mut [Action]| {
            actions.copy_from_slice(scripts);
        };
        let Trajectories { ways } = (hooks.predict)(app.world_mut(), 10, &mut script);
        let ticks = ways[0].1.len();
        let ball = |app: &mut App| {
            let hooks = *app.world().resource::<EnvironmentHooks>();
            let still = &mut |_: &ObservationBatch, _: &[Action], _: &mut [Action]| {};
            (hooks.predict)(app.world_mut(), 1, still).ways[0].1[0]
        };
        // The first tick that is trajectories now is the last but one of what was trajectories then.
        play(&mut app, ticks - 1, false);
        assert_eq!(ball(&mut app), ways[0].1[ticks - 1]);
    }
}
