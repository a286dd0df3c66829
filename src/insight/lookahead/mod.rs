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
use super::past::{Past, Rows, one, policy_of};
use super::playback::Playback;
use crate::agent::{
    ActorStates, AgentSlots, Controller, ControllerAssignment, FrozenPolicies, LearningPolicy, Watched,
};
use crate::mdp::{ActionBatch, Fault, Policy, PolicyOutput};
use crate::sim::arena::{EnvironmentHooks, Foreseen, Spec, Trajectories};

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
    /// Follows a policy; the rows hold its memory, the last action and the reward for it.
    Policy(Arc<dyn Policy>, Box<Rows>),
    /// Follows the script.
    Script,
    /// Repeats its last action.
    Repeat,
}

impl Player {
    fn choose(&mut self, slot: usize, known: Foreseen<'_>, actions: &mut ActionBatch) {
        let seen = known.observations.row(slot);
        match self {
            // A policy acts at random on an invalid observation, which cannot be predicted.
            Self::Policy(..) if Fault::in_observation(seen.0).is_some() => {}
            Self::Policy(policy, rows) => {
                match known.rewards {
                    Some(rewards) => rows.follow(actions.row(slot), rewards[slot], seen),
                    None => rows.show(seen),
                }
                let mut decisions = PolicyOutput::default();
                policy.act(rows.act(), &mut decisions);
                actions.set(slot, decisions.actions.row(0));
            }
            Self::Script => actions.set(slot, known.scripts[slot]),
            Self::Repeat => {}
        }
    }
}

/// `[slots]`: the players of the watched arena. The learning policy stands in for a human player.
fn players(world: &mut World) -> Vec<Player> {
    let mut arenas = world.query_filtered::<&AgentSlots, With<Watched>>();
    let Ok(slots) = arenas.single(world) else { return Vec::new() };
    let (learning, frozen) = (world.resource::<LearningPolicy>(), world.resource::<FrozenPolicies>());
    let watched = &world.resource::<ControllerAssignment>().watched;
    let states = world.get_resource::<ActorStates>();
    let memories = states.map(|states| states.memories(slots.arena)).unwrap_or_default();
    let in_playback = world.contains_resource::<Playback>();
    let player = |slot: usize| {
        let controller = watched.get(slot).unwrap_or(&Controller::Learning);
        // The prediction starts from what the policy remembers now.
        let past = Past::now(memories.get(slot), slots, in_playback);
        match (policy_of(controller, learning, frozen), controller) {
            (Some(policy), _) => {
                let rows = past.rows(&*policy, one(slots.observations.row(slot)));
                Player::Policy(policy, Box::new(rows))
            }
            (None, Controller::Scripted) => Player::Script,
            (None, _) => Player::Repeat,
        }
    };
    (0..slots.slots()).map(player).collect()
}

/// Chooses the actions of all slots in the prediction.
fn choose(world: &mut World) -> impl FnMut(Foreseen<'_>, &mut ActionBatch) + 'static {
    let mut players = players(world);
    move |known, actions| {
        for (slot, player) in players.iter_mut().enumerate() {
            player.choose(slot, known, actions);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::{AgentPlugin, Greedy};
    use crate::algo::sac::{CategoricalPolicy, FusedSequenceSac, SacConfig, SacUpdate as _};
    use crate::learner::untrained;
    use crate::mdp::{PolicySnapshot, Stream, rng};
    use crate::sim::{SimConfig, SimTick, arena};
    use crate::worlds::{self, WorldChoice};

    fn app(name: &str) -> App {
        let choice = WorldChoice::new(name, None).unwrap();
        let spec = choice.spec();
        let mut app = App::new();
        app.add_plugins(crate::sim::plugin);
        choice.add_to(&mut app, SimConfig { arenas: 1, seed: 3, stream: Stream::Environment });
        let assignment = ControllerAssignment::all(vec![Controller::Scripted; spec.slots()]);
        let policy = LearningPolicy(untrained(&spec.action));
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
                let mut choose = choose(app.world_mut());
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
        let mut script = |known: Foreseen<'_>, actions: &mut ActionBatch| {
            known.scripts.iter().enumerate().for_each(|(slot, script)| actions.set(slot, *script));
        };
        let Trajectories { paths } = hooks.predict.unwrap()(app.world_mut(), 10, &mut script);
        let ticks = paths[0].1.len();
        let ball = |app: &mut App| {
            let hooks = *app.world().resource::<EnvironmentHooks>();
            let keep = &mut |_: Foreseen<'_>, _: &mut ActionBatch| {};
            hooks.predict.unwrap()(app.world_mut(), 1, keep).paths[0].1[0]
        };
        // The first tick predicted now is the last one predicted then.
        play(&mut app, ticks - 1, false);
        assert_eq!(ball(&mut app), paths[0].1[ticks - 1]);
    }

    /// An actor with a memory, with parameters so large that every input counts.
    fn remembering(memory: &str, spec: &crate::mdp::EnvironmentSpec, seed: u64) -> Arc<dyn Policy> {
        use rand::RngExt as _;
        let memory = serde_json::from_str(memory).unwrap();
        let config = SacConfig { hidden: vec![16], memory, ..SacConfig::default() };
        let (inputs, actions) = (&spec.observation, spec.action.len());
        let sac = FusedSequenceSac::new(config.clone(), inputs, actions, &mut rng(4, Stream::Weights, 0));
        let mut tensors = sac.unwrap().export_actor().unwrap();
        let source = &mut rng(seed, Stream::Weights, 1);
        let values = tensors.values_mut().flat_map(|tensor| &mut tensor.data);
        values.for_each(|value| *value += 3.0 * source.random::<f32>() - 1.5);
        Arc::new(CategoricalPolicy::from_tensors(&config, inputs, actions, &tensors).unwrap())
    }

    /// The distance that a policy with `memory` and the parameters of `seed` walks while it is predicted, in cells.
    fn distance_predicted(memory: &str, seed: u64) -> f32 {
        let mut app = app("memory-corridor");
        let spec = app.world().resource::<Spec>().0.clone();
        let policy = remembering(memory, &spec, seed);
        let snapshot = PolicySnapshot { version: 1, gradient_steps: 1, policy, critics: None };
        app.world().resource::<LearningPolicy>().0.store(Arc::new(snapshot));
        app.insert_resource(ControllerAssignment::all(vec![Controller::Learning]))
            .insert_resource(Greedy(true));
        let predict = |app: &mut App, steps| {
            let hooks = *app.world().resource::<EnvironmentHooks>();
            let mut choose = choose(app.world_mut());
            hooks.predict.unwrap()(app.world_mut(), steps, &mut choose).paths
        };
        let (ticks, mut moved, mut compared) = (spec.ticks_per_step as usize, 0.0f32, 0);
        // From the start, from the middle of a step, and from between two steps.
        for before in [0, 9, 7 * ticks] {
            play(&mut app, before, false);
            let path = predict(&mut app, 12)[0].1.clone();
            for expected in &path[1..] {
                play(&mut app, 1, false);
                // The first tick predicted after a tick is the second one predicted before it. None is once an
                // episode has ended.
                let Some((_, next)) = predict(&mut app, 1).pop() else { break };
                assert_eq!(next[0], *expected, "{memory}, seed {seed}, {before} ticks on");
                compared += 1;
            }
            moved += path.windows(2).map(|pair| pair[0].distance(pair[1])).sum::<f32>();
        }
        if compared > 60 { moved } else { 0.0 }
    }

    /// Policies that stand still would come true without any memory.
    #[test]
    fn predictions_come_true_for_a_policy_with_memory() {
        for memory in [
            r#"{"kind": "lstm", "hidden": 12}"#,
            r#"{"kind": "transformer", "width": 8, "heads": 2, "window": 6}"#,
        ] {
            let moving = (1..=20).find(|seed| distance_predicted(memory, *seed) > 1.0);
            assert!(moving.is_some(), "{memory}: no policy moves");
        }
    }
}
