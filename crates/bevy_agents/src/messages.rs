//! How long messages of the tick can be read: [`EpisodeFinished`] and [`FeedbackGiven`].
//!
//! Any number of systems may read them with a [`MessageReader`], in the tick or in a frame, and each reader
//! sees every message once. In an app that draws frames they expire like all Bevy messages, after a frame or
//! two, regardless of the number of ticks in it, up to [`KEPT_STEPS`] agent steps;
//! [`pace::drive`](crate::pace::drive) runs no more. Without frames, as in a loop over
//! [`run_agent_step`](crate::tick::run_agent_step), the tick expires them every [`KEPT_STEPS`] agent steps,
//! so that they do not pile up; a reader that runs that often misses nothing.

use bevy::ecs::message::Messages;
use bevy::ecs::schedule::InternedScheduleLabel;
use bevy::prelude::*;

use crate::episode::EpisodeFinished;
use crate::feedback::FeedbackGiven;
use crate::record::record;
use crate::tick::{KEPT_STEPS, SimSystems};

/// Agent steps since messages were last updated.
#[derive(Resource, Debug, Default)]
struct StepsSinceUpdate(u32);

/// Adds the messages of the tick.
pub(super) fn add(app: &mut App, schedule: InternedScheduleLabel) {
    app.add_message::<EpisodeFinished>()
        .add_message::<FeedbackGiven>()
        .init_resource::<StepsSinceUpdate>()
        // A frame updates them itself.
        .add_systems(First, |mut steps: ResMut<StepsSinceUpdate>| steps.0 = 0)
        .add_systems(schedule, age.in_set(SimSystems::Record).before(record));
}

fn age(
    mut steps: ResMut<StepsSinceUpdate>,
    mut episodes: ResMut<Messages<EpisodeFinished>>,
    mut feedback: ResMut<Messages<FeedbackGiven>>,
) {
    if steps.0 >= KEPT_STEPS {
        steps.0 = 0;
        episodes.update();
        feedback.update();
    }
    steps.0 += 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdp::{ActionSpace, EpisodeEnd};
    use crate::testing::pole;
    use crate::tick::{SimTick, run_agent_step};
    use crate::{AgentPlugin, AgentSlots, Controller, ControllerAssignment, LearningPolicy};

    /// Episodes of one step in three arenas, the third of which continues.
    fn app() -> App {
        let spec = pole();
        assert!(matches!(spec.action, ActionSpace::Discrete(_)));
        let mut app = App::new();
        let assignment = ControllerAssignment::all(vec![Controller::Learning]);
        app.add_plugins(AgentPlugin::new(spec.clone(), assignment, LearningPolicy::untrained(2)));
        app.add_systems(
            SimTick,
            (|mut all: Query<&mut AgentSlots>| {
                for mut slots in all.iter_mut().filter(|slots| slots.arena < 2) {
                    assert_eq!(slots.actions.discrete.len(), 1);
                    slots.rewards[0] = slots.arena as f32;
                    slots.end = Some(EpisodeEnd::Terminated);
                }
            })
            .in_set(SimSystems::Play),
        );
        for arena in 0..3 {
            app.world_mut().spawn(AgentSlots::new(arena, &spec));
        }
        app
    }

    /// Episodes seen by a reader so far, by arena.
    #[derive(Resource, Default)]
    struct Seen<const READER: usize>([usize; 3]);

    fn read<const READER: usize>(mut all: MessageReader<EpisodeFinished>, mut seen: ResMut<Seen<READER>>) {
        for episode in all.read() {
            assert_eq!(episode.returns, [episode.arena as f32]);
            assert_eq!((&episode.lengths[..], &episode.controllers[..]), (&[1][..], &["learning"][..]));
            seen.0[episode.arena] += 1;
        }
    }

    #[test]
    fn every_reader_sees_every_episode_once_however_many_ticks_a_frame_has() {
        let mut app = app();
        app.init_resource::<Seen<0>>().init_resource::<Seen<1>>().init_resource::<Seen<2>>();
        app.add_systems(SimTick, read::<0>.in_set(SimSystems::Last))
            .add_systems(PreUpdate, read::<1>)
            .add_systems(Last, read::<2>);
        let mut made = 0;
        for ticks in [1, 0, 0, 3, 100, 0, 1, 1, KEPT_STEPS as usize, 0] {
            (0..ticks).for_each(|_| run_agent_step(app.world_mut()));
            made += ticks;
            app.update();
        }
        let seen = [
            app.world().resource::<Seen<0>>().0,
            app.world().resource::<Seen<1>>().0,
            app.world().resource::<Seen<2>>().0,
        ];
        assert_eq!(seen, [[made, made, 0]; 3]);
        app.update();
        app.update();
        assert!(app.world().resource::<Messages<EpisodeFinished>>().is_empty());
    }

    #[test]
    fn without_frames_a_reader_misses_nothing_and_nothing_piles_up() {
        let mut app = app();
        let mut cursor = app.world().resource::<Messages<EpisodeFinished>>().get_cursor();
        let (mut read, mut most) = (0, 0);
        for round in 1..=5 {
            (0..KEPT_STEPS).for_each(|_| run_agent_step(app.world_mut()));
            let messages = app.world().resource::<Messages<EpisodeFinished>>();
            read += cursor.read(messages).count();
            most = most.max(messages.len());
            assert_eq!(read, 2 * round * KEPT_STEPS as usize);
        }
        assert!(most <= 4 * KEPT_STEPS as usize, "{most}");
    }
}
