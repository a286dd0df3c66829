//! Tests of recording: steps in which something else moved an arena.

use bevy::prelude::*;

use crate::mdp::EpisodeEnd;
use crate::tick::{SimSystems, SimTick, TickPlugin, run_agent_step};
use crate::{
    AgentPlugin, AgentSlots, Controller, ControllerAssignment, EpisodeFinished, LearningPolicy, Replay,
};

/// What happens to arena 1 in the next step.
#[derive(Resource, Default)]
struct Next {
    disturbed: bool,
    end: Option<EpisodeEnd>,
}

fn happens(next: Res<Next>, mut all: Query<&mut AgentSlots>) {
    for mut slots in all.iter_mut().filter(|slots| slots.arena == 1) {
        slots.disturbed |= next.disturbed;
        slots.end = next.end;
        slots.rewards[0] += 1.0;
    }
}

/// Streams and starts of the steps that are recorded of one more step.
fn step(app: &mut App, disturbed: bool, end: Option<EpisodeEnd>) -> Vec<(u32, bool)> {
    app.insert_resource(Next { disturbed, end });
    run_agent_step(app.world_mut());
    let taken = std::mem::take(&mut app.world_mut().resource_mut::<Replay>().staged);
    assert_eq!(taken.final_observations.count, taken.ends.iter().flatten().count());
    taken.streams.into_iter().zip(taken.starts).collect()
}

#[test]
fn a_disturbed_step_is_not_recorded_and_cuts_its_stream() {
    let spec = crate::testing::pole();
    let mut app = App::new();
    let assignment = ControllerAssignment::all(vec![Controller::Learning]);
    let policy = LearningPolicy::untrained(spec.action.len());
    app.add_plugins((TickPlugin::default(), AgentPlugin::new(spec.clone(), assignment, policy)));
    app.init_resource::<Next>().add_systems(SimTick, happens.in_set(SimSystems::Play));
    (0..2).for_each(|arena| _ = app.world_mut().spawn(AgentSlots::new(arena, &spec)));

    let first = step(&mut app, false, None);
    let [other, own] = [first[0].0, first[1].0];
    assert_eq!(first, [(other, true), (own, true)]);
    assert_eq!(step(&mut app, false, None), [(other, false), (own, false)]);
    assert_eq!(step(&mut app, true, None), [(other, false)]);
    assert_eq!(step(&mut app, false, None), [(other, false), (own, true)], "nothing leads here");
    assert_eq!(step(&mut app, false, None), [(other, false), (own, false)]);

    // Nor is an end that it brought about.
    assert_eq!(step(&mut app, true, Some(EpisodeEnd::Terminated)), [(other, false)]);
    let messages = app.world().resource::<Messages<EpisodeFinished>>();
    let mut cursor = messages.get_cursor();
    let finished: Vec<_> = cursor.read(messages).collect();
    assert_eq!((finished.len(), &finished[0].lengths[..]), (1, &[6][..]));
    assert_eq!(finished[0].env_steps, 10, "of the steps that are recorded");
    assert_eq!(finished[0].controllers, ["mixed"], "not the agent's own episode");
    assert_eq!(step(&mut app, false, None), [(other, false), (own, true)]);
    assert_eq!(app.world().resource::<Replay>().env_steps, 12, "of 14");
}
