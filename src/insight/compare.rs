//! Then and now: the same start played by the agent as it was at earlier ages and as it is, side by side.
//!
//! Nothing of it is recorded: the learner waits for experience while it lasts. Drawing is left to `view`.

use bevy::prelude::*;

use crate::agent::{Controller, ControllerAssignment, FrozenPolicies, LiveLearner};
use crate::mdp::EnvironmentSpec;
use crate::sim::arena::{EnvironmentHooks, Spec, SynchronizedStarts};
use crate::sim::pace::Pace;
use crate::sim::{AgentSlots, Arena, SimConfig, SimSystems, SimTick};

/// Ages in seconds that are shown beside the present, where there are marks of them.
const AGES: [u64; 3] = [0, 60, 300];
/// Name of the agent as it was when the comparison began.
const NOW: &str = "now";

/// A comparison that is being shown. Not there otherwise.
#[derive(Resource, Debug, Clone, Default)]
pub struct Comparison {
    /// By arena: the agent's age in words.
    pub names: Vec<String>,
    /// By arena: the return of its first slot in this round.
    pub returns: Vec<f32>,
    /// By arena: agent steps of this round.
    pub steps: Vec<u32>,
    /// By arena: how the round ended for its first slot; `None` while it goes on.
    pub outcomes: Vec<Option<bool>>,
    /// What to go back to.
    before: Option<(ControllerAssignment, usize, Option<Pace>)>,
}

/// Adds the tallies of comparisons.
pub(super) fn plugin(app: &mut App) {
    app.add_systems(SimTick, tally.in_set(SimSystems::Observe).run_if(resource_exists::<Comparison>));
}

/// Begins a comparison, or ends the one that is shown.
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
    let marks = learner.status().marks.clone();
    let now = learner.policy().0.load_full().policy.clone();
    let mut shown = Vec::new();
    for age in AGES {
        shown.extend(marks.all().iter().find(|mark| mark.seconds == age).map(|mark| mark.name()));
    }
    shown.push(NOW.to_owned());
    world.resource_mut::<FrozenPolicies>().0.insert(NOW.to_owned(), now);
    let assignment = world.resource::<ControllerAssignment>().clone();
    let spec = world.resource::<Spec>().0.clone();
    let arenas = world.resource::<SimConfig>().arenas;
    let seats = |name: &String| seats(&spec, &assignment, name);
    world.insert_resource(ControllerAssignment {
        watched: seats(&shown[0]),
        others: assignment.others.clone(),
        each: shown.iter().enumerate().map(|(arena, name)| (arena, seats(name))).collect(),
    });
    let count = shown.len();
    // At a speed at which eyes can compare.
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

/// The agent called `name` wherever the learner sits in the watched arena, or a person; nobody else changes.
fn seats(spec: &EnvironmentSpec, assignment: &ControllerAssignment, name: &str) -> Vec<Controller> {
    let seat = |slot: usize| match assignment.watched.get(slot) {
        Some(Controller::Learning | Controller::Human) if spec.on_first_side(slot) => {
            Controller::Frozen(name.to_owned())
        }
        Some(Controller::Learning | Controller::Human) | None => Controller::Scripted,
        Some(other) => other.clone(),
    };
    (0..spec.slots()).map(seat).collect()
}

fn tally(arenas: Query<(&Arena, &AgentSlots)>, mut comparison: ResMut<Comparison>) {
    let comparison = &mut *comparison;
    for (arena, seats) in &arenas {
        let index = arena.index;
        if index >= comparison.names.len() || arena.waits() {
            continue;
        }
        if arena.steps() <= 1 {
            (comparison.returns[index], comparison.outcomes[index]) = (0.0, None);
        }
        comparison.steps[index] = arena.steps();
        comparison.returns[index] += seats.rewards.first().copied().unwrap_or(0.0);
        if seats.end.is_some() {
            comparison.outcomes[index] = seats.outcomes.first().map(|outcome| outcome.success);
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
    use crate::sim::worlds::WorldChoice;

    #[test]
    fn all_begin_alike_wait_for_each_other_and_what_was_comes_back() {
        let world = WorldChoice::new("lava-room", None).unwrap();
        let spec = world.spec();
        let sim = SimConfig { arenas: 7, seed: 1, stream: Stream::Environment };
        let assignment = ControllerAssignment::learn_against_script(&spec);
        let policy = LearningPolicy(untrained(spec.action.len()));
        let mut app = App::new();
        app.add_plugins(crate::sim::plugin);
        world.add_to(&mut app, sim);
        app.add_plugins(AgentPlugin { spec: spec.clone(), seed: 1, assignment: assignment.clone(), policy })
            .insert_resource(LiveLearner::start(LearnerSetup::new(spec, LearnerConfig::default())))
            .add_plugins((LivePlugin, InsightPlugin));
        // Until the learner has set its first mark.
        while app.world().resource::<LiveLearner>().status().marks.all().is_empty() {
            std::thread::sleep(std::time::Duration::from_millis(20));
            app.update();
        }
        toggle(app.world_mut());
        let names = app.world().resource::<Comparison>().names.clone();
        assert_eq!(names, ["minute 0", "now"]);
        let starts = |app: &mut App| -> Vec<Vec<f32>> {
            let mut seats = app.world_mut().query::<&AgentSlots>();
            seats.iter(app.world()).map(|seats| seats.observations.vector.clone()).collect()
        };
        let mut rounds = 0;
        for _ in 0..400 {
            let all = starts(&mut app);
            let mut arenas = app.world_mut().query::<&Arena>();
            if arenas.iter(app.world()).all(|arena| arena.steps() == 0) {
                assert_eq!(all[0], all[1], "a round begins alike");
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
        assert!(all.iter().any(|start| *start != all[0]), "other starts again");
    }
}
