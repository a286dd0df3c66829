//! Lookahead: predicted trajectories of players and balls if every slot follows its policy. Computed only while it is
//! shown, and without side effects on play.

#[cfg(feature = "arcade")]
mod draw;
#[cfg(feature = "arcade")]
mod window;

use std::sync::Arc;
use std::time::Duration;

use bevy::prelude::*;
use bevy::time::common_conditions::on_real_timer;

use super::overlay::{Overlay, OverlaySettings, shows};
use crate::agent::{ActorStates, Controller, ControllerAssignment, FrozenPolicies, LearningPolicy};
use crate::mdp::{
    ActInput, Action, ActionBatch, Fault, ObservationBatch, Policy, PolicyOutput, StateBatch, Stream, rng,
};
use crate::sim::arena::{EnvironmentHooks, Spec, Trajectories};

/// Seconds of play that are predicted.
const HORIZON: f32 = 2.0;
/// Time between two predictions.
const INTERVAL: Duration = Duration::from_millis(100);

/// Identifier of this overlay.
pub const ID: &str = "ways";

/// Predicted trajectories, as dots.
pub const OVERLAY: Overlay = Overlay {
    id: ID,
    label: "ahead",
    help: "Draws the predicted trajectories of players and balls over the next two seconds if every player follows its \
           policy.",
    choices: &[],
    needs: |world| world.get_resource::<EnvironmentHooks>().is_some_and(|hooks| hooks.predict.is_some()),
    needs_critics: false,
    plugin,
    #[cfg(feature = "arcade")]
    window: window::WINDOW,
};

/// Predicted trajectories in the watched arena. Empty until [`OVERLAY`] is shown.
#[derive(Resource, Debug, Clone, Default)]
pub struct Lookahead {
    /// The latest prediction.
    pub trajectories: Trajectories,
    /// Counts predictions, so that none is drawn twice.
    pub version: u64,
}

/// Keeps [`Lookahead`] up to date while it is shown.
fn plugin(app: &mut App) {
    app.init_resource::<Lookahead>().add_systems(
        Update,
        (
            clear.run_if(resource_changed::<OverlaySettings>),
            update.run_if(
                shows(ID).and_then(resource_exists::<EnvironmentHooks>).and_then(on_real_timer(INTERVAL)),
            ),
        )
            .chain(),
    );
    #[cfg(feature = "arcade")]
    draw::plugin(app);
}

/// Clears the prediction once the overlay is hidden.
fn clear(settings: Res<OverlaySettings>, mut lookahead: ResMut<Lookahead>) {
    if !settings.shows(ID) && lookahead.trajectories != Trajectories::default() {
        lookahead.trajectories = Trajectories::default();
        lookahead.version += 1;
    }
}

fn update(world: &mut World) {
    let Some(predict) = world.get_resource::<EnvironmentHooks>().and_then(|hooks| hooks.predict) else {
        return;
    };
    let spec = world.resource::<Spec>();
    let step = spec.ticks_per_step as f32 * spec.tick_seconds;
    let mut choose = choose(world);
    let trajectories = predict(world, (HORIZON / step).ceil() as usize, &mut choose);
    let mut lookahead = world.resource_mut::<Lookahead>();
    lookahead.trajectories = trajectories;
    lookahead.version += 1;
}

/// A player in the prediction.
enum Player {
    /// Follows a policy, with its state `[1, width]`.
    Policy(Arc<dyn Policy>, StateBatch),
    /// Follows the script.
    Script,
    /// Repeats its last action.
    Repeat,
}

impl Player {
    fn choose(
        &mut self,
        observations: &ObservationBatch,
        slot: usize,
        script: Action,
        actions: &mut ActionBatch,
    ) {
        let (vector, grid) = observations.row(slot);
        match self {
            // A policy acts at random on an invalid observation, which cannot be predicted.
            Self::Policy(..) if Fault::in_observation(vector).is_some() => {}
            Self::Policy(policy, states) => {
                let mut own = ObservationBatch::default();
                own.push(vector, grid);
                let mut decisions = PolicyOutput::default();
                // Greedy actions draw no random numbers.
                let mut rngs = [rng(0, Stream::Evaluation, 0)];
                let input = ActInput {
                    observations: &own,
                    states,
                    previous_actions: &Default::default(),
                    previous_rewards: &[],
                    is_first: &[false],
                    rngs: &mut rngs,
                    greedy: true,
                };
                policy.act(input, &mut decisions);
                actions.set(slot, decisions.actions.row(0));
            }
            Self::Script => actions.set(slot, script),
            Self::Repeat => {}
        }
    }
}

/// `[slots]`: the players of the watched arena. The learning policy stands in for a human player.
fn players(world: &World) -> Vec<Player> {
    let learning = world.resource::<LearningPolicy>().0.load_full().policy.clone();
    let frozen = world.resource::<FrozenPolicies>();
    let watched = &world.resource::<ControllerAssignment>().watched;
    let memories = world.get_resource::<ActorStates>().map(|states| states.memories(0)).unwrap_or_default();
    // The prediction starts from the policy's current state.
    let follow = |slot: usize, policy: &Arc<dyn Policy>| {
        let mut state = StateBatch::zeros(policy.state_width(), 1);
        match memories.get(slot).and_then(|memory| memory.state(&**policy)) {
            Some(current) => state.values.copy_from_slice(current),
            None => policy.initial_state(&mut state.values),
        }
        Player::Policy(policy.clone(), state)
    };
    let player = |slot: usize| match watched.get(slot) {
        Some(Controller::Learning | Controller::Human) | None => follow(slot, &learning),
        Some(Controller::Frozen(name)) => {
            frozen.0.get(name).map_or(Player::Repeat, |policy| follow(slot, policy))
        }
        Some(Controller::Scripted) => Player::Script,
        Some(Controller::Random) => Player::Repeat,
    };
    (0..world.resource::<Spec>().slots()).map(player).collect()
}

/// Chooses the actions of all slots in the prediction.
fn choose(world: &World) -> impl FnMut(&ObservationBatch, &[Action], &mut ActionBatch) + 'static {
    let mut players = players(world);
    move |observations, scripts, actions| {
        for (slot, player) in players.iter_mut().enumerate() {
            player.choose(observations, slot, scripts[slot], actions);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::AgentPlugin;
    use crate::learner::untrained;
    use crate::sim::{SimConfig, SimTick, arena};
    use crate::worlds::{self, WorldChoice};

    fn app(name: &str) -> App {
        let choice = WorldChoice::new(name, None).unwrap();
        let spec = choice.spec();
        let mut app = App::new();
        app.add_plugins(crate::sim::plugin);
        choice.add_to(&mut app, SimConfig { arenas: 1, seed: 3, stream: Stream::Environment });
        let assignment = ControllerAssignment::all(vec![Controller::Scripted; spec.slots()]);
        let policy = LearningPolicy(untrained(spec.action.len()));
        app.add_plugins(AgentPlugin::new(spec, assignment, policy).with_seed(3));
        app.finish();
        app.cleanup();
        app
    }

    /// State of slots and bodies of the first arena, tick by tick.
    fn play(app: &mut App, ticks: usize, predicts: bool) -> Vec<String> {
        let mut states = Vec::new();
        for _ in 0..ticks {
            app.world_mut().run_schedule(SimTick);
            if predicts {
                let hooks = *app.world().resource::<EnvironmentHooks>();
                let mut choose = choose(app.world());
                if let Some(predict) = hooks.predict {
                    predict(app.world_mut(), 12, &mut choose);
                }
            }
            let world = app.world_mut();
            let slots = world.query::<&crate::sim::AgentSlots>().iter(world).next().unwrap().clone();
            states.push(format!("{:?} {:?}", slots, arena::snapshots(world)));
        }
        states
    }

    #[test]
    fn predicting_does_not_change_play() {
        for name in worlds::names() {
            let [without, with] = [false, true].map(|predicts| play(&mut app(name), 150, predicts));
            let first = without.iter().zip(&with).position(|(a, b)| a != b);
            assert_eq!(first, None, "{name}: play differs from this tick on");
        }
    }

    #[test]
    fn predictions_come_true_if_all_follow_their_policy() {
        // Scripts of paddle-duel draw no random numbers.
        let mut app = app("paddle-duel");
        play(&mut app, 40, false);
        let hooks = *app.world().resource::<EnvironmentHooks>();
        let mut script = |_: &ObservationBatch, scripts: &[Action], actions: &mut ActionBatch| {
            scripts.iter().enumerate().for_each(|(slot, script)| actions.set(slot, *script));
        };
        let Trajectories { paths } = hooks.predict.unwrap()(app.world_mut(), 10, &mut script);
        let ticks = paths[0].1.len();
        let ball = |app: &mut App| {
            let hooks = *app.world().resource::<EnvironmentHooks>();
            let keep = &mut |_: &ObservationBatch, _: &[Action], _: &mut ActionBatch| {};
            hooks.predict.unwrap()(app.world_mut(), 1, keep).paths[0].1[0]
        };
        // The first tick predicted now is the last one predicted then.
        play(&mut app, ticks - 1, false);
        assert_eq!(ball(&mut app), paths[0].1[ticks - 1]);
    }
}
