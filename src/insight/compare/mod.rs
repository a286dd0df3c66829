//! Comparison ("then and now"): the same start played by the agent at earlier ages and the current one, side by side.
//!
//! Nothing is recorded during a comparison. `view` draws it.

#[cfg(feature = "arcade")]
pub mod window;

use bevy::prelude::*;

use crate::agent::{Controller, ControllerAssignment, FrozenPolicies, LiveLearner};
use crate::mdp::EnvironmentSpec;
use crate::sim::arena::{EnvironmentHooks, Spec, SynchronizedStarts};
use crate::sim::pace::Pace;
use crate::sim::{AgentSlots, Arena, SimConfig, SimSystems, SimTick};

/// Ages in seconds that are compared with the current agent, where the snapshot history has them.
const AGES: [u64; 3] = [0, 60, 300];
/// Name of the current agent.
const NOW: &str = "now";

/// The open comparison. Exists only while it is shown.
#[derive(Resource, Debug, Clone, Default)]
pub struct Comparison {
    /// `[arenas]`: the agent's age, such as `minute 5`.
    pub names: Vec<String>,
    /// `[arenas]`: return of the first slot in this episode.
    pub returns: Vec<f32>,
    /// `[arenas]`: agent steps of this episode.
    pub steps: Vec<u32>,
    /// `[arenas]`: whether the first slot succeeded; `None` until the episode ends.
    pub outcomes: Vec<Option<bool>>,
    /// State to restore: assignment, number of arenas, pace.
    before: Option<(ControllerAssignment, usize, Option<Pace>)>,
}

/// Adds the tallies of comparisons.
pub(super) fn plugin(app: &mut App) {
    app.add_systems(SimTick, tally.in_set(SimSystems::Observe).run_if(resource_exists::<Comparison>));
    #[cfg(feature = "arcade")]
    window::plugin(app);
}

/// Starts a comparison, or ends the open one.
pub fn toggle(world: &mut World) {
    super::playback::end(world);
    let Some(populate) = world.get_resource::<EnvironmentHooks>().map(|hooks| hooks.populate) else { return };
    if let Some(comparison) = world.remove_resource::<Comparison>() {
        world.remove_resource::<SynchronizedStarts>();
        if let Some((assignment, arenas, pace)) = comparison.before {
            world.insert_resource(assignment);
            if let (Some(before), Some(mut pace)) = (pace, world.get_resource_mut::<Pace>()) {
                *pace = before;
            }
            populate(world, arenas);
        }
        return;
    }
    let Some(learner) = world.get_resource::<LiveLearner>() else { return };
    let snapshots = learner.snapshots();
    let now = learner.policy().0.load_full().policy.clone();
    let mut shown = Vec::new();
    for age in AGES {
        let then = snapshots.all().iter().find(|snapshot| snapshot.seconds == age);
        shown.extend(then.map(|snapshot| snapshot.name()));
    }
    shown.push(NOW.to_owned());
    world.resource_mut::<FrozenPolicies>().0.insert(NOW.to_owned(), now);
    let assignment = world.resource::<ControllerAssignment>().clone();
    let spec = world.resource::<Spec>().0.clone();
    let arenas = world.resource::<SimConfig>().arenas;
    let controllers = |name: &String| controllers(&spec, &assignment, name);
    world.insert_resource(ControllerAssignment {
        watched: controllers(&shown[0]),
        others: assignment.others.clone(),
        each: shown.iter().enumerate().map(|(arena, name)| (arena, controllers(name))).collect(),
    });
    let count = shown.len();
    // At most at normal speed, so that the arenas can be compared by eye.
    let pace = world.get_resource_mut::<Pace>().map(|mut pace| {
        let before = *pace;
        (pace.speed, pace.unlimited) = (pace.speed.min(1.0), false);
        before
    });
    world.insert_resource(SynchronizedStarts);
    world.insert_resource(Comparison {
        names: shown,
        returns: vec![0.0; count],
        steps: vec![0; count],
        outcomes: vec![None; count],
        before: Some((assignment, arenas, pace)),
    });
    populate(world, count);
}

/// Controllers of one arena: policy `name` in place of the learning agent and human players, otherwise as in the watched
/// arena.
fn controllers(spec: &EnvironmentSpec, assignment: &ControllerAssignment, name: &str) -> Vec<Controller> {
    let controller = |slot: usize| match assignment.watched.get(slot) {
        Some(Controller::Learning | Controller::Human) if spec.on_first_side(slot) => {
            Controller::Frozen(name.to_owned())
        }
        Some(Controller::Learning | Controller::Human) | None => Controller::Scripted,
        Some(other) => other.clone(),
    };
    (0..spec.slots()).map(controller).collect()
}

fn tally(arenas: Query<(&Arena, &AgentSlots)>, mut comparison: ResMut<Comparison>) {
    let comparison = &mut *comparison;
    for (arena, slots) in &arenas {
        let index = arena.index;
        if index >= comparison.names.len() || arena.waits() {
            continue;
        }
        if arena.steps() <= 1 {
            (comparison.returns[index], comparison.outcomes[index]) = (0.0, None);
        }
        comparison.steps[index] = arena.steps();
        comparison.returns[index] += slots.rewards.first().copied().unwrap_or(0.0);
        if slots.end.is_some() {
            comparison.outcomes[index] = slots.outcomes.first().map(|outcome| outcome.success);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::{AgentPlugin, LearningPolicy, LivePlugin};
    use crate::insight::InsightPlugin;
    use crate::learner::{LearnerConfig, LearnerSetup, untrained};
    use crate::mdp::Stream;
    use crate::sim::run_agent_step;
    use crate::worlds::WorldChoice;

    #[test]
    fn arenas_start_together_and_everything_is_restored_at_the_end() {
        let world = WorldChoice::new("lava-room", None).unwrap();
        let spec = world.spec();
        let sim = SimConfig { arenas: 7, seed: 1, stream: Stream::Environment };
        let assignment = ControllerAssignment::learn_against_script(&spec);
        let policy = LearningPolicy(untrained(&spec.action));
        let mut app = App::new();
        app.add_plugins(crate::sim::plugin);
        world.add_to(&mut app, sim);
        app.add_plugins(AgentPlugin::new(spec.clone(), assignment.clone(), policy).with_seed(1))
            .insert_resource(LiveLearner::start(LearnerSetup::new(spec, LearnerConfig::default())))
            .add_plugins((LivePlugin, InsightPlugin));
        // Until the learner has published its first snapshot.
        while app.world().resource::<LiveLearner>().snapshots().all().is_empty() {
            std::thread::sleep(std::time::Duration::from_millis(20));
            app.update();
        }
        toggle(app.world_mut());
        let names = app.world().resource::<Comparison>().names.clone();
        assert_eq!(names, ["minute 0", "now"]);
        let starts = |app: &mut App| -> Vec<Vec<f32>> {
            let mut slots = app.world_mut().query::<&AgentSlots>();
            slots.iter(app.world()).map(|slots| slots.observations.vector.clone()).collect()
        };
        let mut rounds = 0;
        for _ in 0..400 {
            let all = starts(&mut app);
            let mut arenas = app.world_mut().query::<&Arena>();
            if arenas.iter(app.world()).all(|arena| arena.steps() == 0) {
                assert_eq!(all[0], all[1], "all arenas start alike");
                rounds += 1;
            }
            run_agent_step(app.world_mut());
        }
        assert!(rounds >= 3, "{rounds}");
        toggle(app.world_mut());
        assert_eq!(*app.world().resource::<ControllerAssignment>(), assignment);
        assert_eq!(app.world().resource::<SimConfig>().arenas, 7);
        assert!(!app.world().contains_resource::<Comparison>());
        let all = starts(&mut app);
        assert!(all.iter().any(|start| *start != all[0]), "independent starts again");
    }
}
