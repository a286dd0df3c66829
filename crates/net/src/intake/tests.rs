//! The door: whom it knows, what it takes, and whom it stops.

use entropy_rl::mdp::{Action, ActionSpace, EpisodeEnd, ObservationSpace, Origin, StepBatch};

use super::*;
use crate::protocol::join;
use crate::steps::{Episode, encode};

fn accepted() -> Accepted {
    let spec = EnvironmentSpec {
        name: "line".into(),
        summary: String::new(),
        observation: ObservationSpace::floats(&["x"]),
        action: ActionSpace::discrete(&["a", "b"]),
        ticks_per_step: 1,
        tick_seconds: 1.0,
        episode_limit: 9,
        teams: vec![0],
        rewards: Vec::new(),
    };
    Accepted { spec, state_width: 0, streams: 8, arenas: 8 }
}

fn steps(streams: &[u32]) -> Recorded {
    let mut steps = StepBatch::default();
    for stream in streams {
        steps.streams.push(*stream);
        steps.starts.push(false);
        steps.observations.push(&[0.0], &[]);
        steps.actions.push(Action::Discrete(0));
        steps.rewards.push(0.0);
        steps.behaviour_entropies.push(0.0);
        steps.origins.push(Origin::Policy);
        steps.ends.push(None);
    }
    Recorded { steps, episodes: Vec::new() }
}

fn message(client: u64, sequence: u64, previous: Option<u64>, recorded: &Recorded) -> Vec<u8> {
    join(&Envelope { client, sequence, previous }, &encode(recorded).unwrap()).unwrap()
}

const NOW: Duration = Duration::from_secs(1);

fn take(intake: &mut Intake, message: &[u8], kept: &mut Vec<StepBatch>) -> Answer {
    intake.steps(message, NOW, |_, recorded| {
        kept.push(recorded.steps);
        Ok(())
    })
}

#[test]
fn streams_are_the_actors_own_and_begin_anew_after_a_gap() {
    let mut intake = Intake::new(accepted(), 3);
    let mut kept = Vec::new();
    assert_eq!(take(&mut intake, &message(7, 1, None, &steps(&[0])), &mut kept), Answer::Unknown);
    intake.greet(5, "a", NOW).unwrap();
    intake.greet(7, "b", NOW).unwrap();
    assert_eq!(take(&mut intake, &message(5, 1, None, &steps(&[0])), &mut Vec::new()), Answer::Taken);
    let all = steps(&[0, 1, 0, 1]);
    assert_eq!(take(&mut intake, &message(7, 1, None, &all), &mut kept), Answer::Taken);
    assert_eq!(kept[0].streams, [16, 17, 16, 17]);
    assert_eq!(kept[0].starts, [true, true, false, false], "the first of a process follows nothing");
    assert_eq!(take(&mut intake, &message(7, 2, None, &all), &mut kept), Answer::Taken);
    assert_eq!(kept[1].starts, [false; 4]);
    assert_eq!(take(&mut intake, &message(7, 2, None, &all), &mut kept), Answer::Taken);
    assert_eq!(kept.len(), 2, "what came again is acknowledged and not taken");
    assert_eq!(take(&mut intake, &message(7, 5, Some(4), &all), &mut kept), Answer::Early);
    assert_eq!(take(&mut intake, &message(7, 4, None, &all), &mut kept), Answer::Taken);
    assert_eq!(kept[2].starts, [true, true, false, false], "number 3 was lost");
    assert_eq!(take(&mut intake, &message(7, 5, Some(4), &all), &mut kept), Answer::Taken);
    assert_eq!(kept[3].starts, [false; 4]);
    let actor = &intake.known()[&7];
    assert_eq!(actor.number, 2);
    assert_eq!((actor.steps, actor.batches, actor.duplicates, actor.gaps), (16, 4, 1, 1));
}

#[test]
fn an_actor_that_sends_nonsense_three_times_is_stopped() {
    let mut intake = Intake::new(accepted(), 3);
    intake.greet(7, "b", NOW).unwrap();
    intake.greet(8, "c", NOW).unwrap();
    let mut kept = Vec::new();
    let foreign = message(7, 1, None, &steps(&[8]));
    assert!(
        matches!(take(&mut intake, &foreign, &mut kept), Answer::Refused(why) if why.contains("stream 8"))
    );
    let mut episodes = steps(&[]);
    episodes.episodes.push(Episode {
        arena: 99,
        end: EpisodeEnd::Terminated,
        returns: vec![0.0],
        lengths: vec![1],
        success: vec![false],
        scores: vec![0.0],
        controllers: vec![1],
    });
    assert!(matches!(take(&mut intake, &message(7, 2, None, &episodes), &mut kept), Answer::Refused(_)));
    assert!(matches!(
        take(
            &mut intake,
            &join(&Envelope { client: 7, sequence: 3, previous: None }, b"?").unwrap(),
            &mut kept
        ),
        Answer::Refused(_)
    ));
    let good = message(7, 4, None, &steps(&[0]));
    assert!(matches!(take(&mut intake, &good, &mut kept), Answer::Stop(_)));
    assert!(kept.is_empty());
    assert_eq!(
        take(&mut intake, &message(8, 1, None, &steps(&[0])), &mut kept),
        Answer::Taken,
        "the others go on"
    );
}

#[test]
fn numbers_are_free_again_once_their_actors_are_gone() {
    let mut intake = Intake::new(accepted(), 2);
    let mut kept = Vec::new();
    // One that has only greeted, as those who watch, takes no number.
    for client in 1..=5 {
        intake.greet(client, "a", NOW).unwrap();
    }
    let first = |client| message(client, 1, None, &steps(&[0]));
    assert_eq!(take(&mut intake, &first(1), &mut kept), Answer::Taken);
    assert_eq!(take(&mut intake, &first(2), &mut kept), Answer::Taken);
    assert!(matches!(take(&mut intake, &first(3), &mut kept), Answer::Wait(why) if why.contains("2 actors")));
    assert!(intake.greet(9, "c", NOW).unwrap_err().contains("2 actors"));
    intake.set_present(1, false);
    assert_eq!(take(&mut intake, &first(3), &mut kept), Answer::Taken);
    // The first one comes back, and waits until another is gone: nobody saw the second one go, but it is silent for long.
    let again = message(1, 2, None, &steps(&[0]));
    assert!(matches!(take(&mut intake, &again, &mut kept), Answer::Wait(_)));
    let late = intake.steps(&again, NOW + SILENCE, |number, recorded| {
        assert_eq!((number, recorded.steps.starts[0]), (1, true), "in streams that another has used");
        Ok(())
    });
    assert_eq!(late, Answer::Taken);
}

#[test]
fn a_stream_that_a_batch_lacks_begins_anew_in_a_later_one() {
    let mut intake = Intake::new(accepted(), 3);
    intake.greet(7, "b", NOW).unwrap();
    let mut kept = Vec::new();
    for (sequence, streams) in [(1, [0, 1, 2]), (3, [0, 0, 1]), (4, [0, 2, 2]), (5, [0, 1, 2])] {
        assert_eq!(
            take(&mut intake, &message(7, sequence, None, &steps(&streams)), &mut kept),
            Answer::Taken
        );
    }
    let starts: Vec<&[bool]> = kept.iter().map(|steps| &*steps.starts).collect();
    // Number 2 was lost: its steps of stream 2 are missed by number 4 only.
    assert_eq!(
        starts,
        [[true, true, true], [true, false, true], [false, true, false], [false, false, false]]
    );
}

#[test]
fn whoever_has_not_greeted_this_learner_greets_first() {
    let mut intake = Intake::new(accepted(), 3);
    intake.greet(7, "b", NOW).unwrap();
    let mut kept = Vec::new();
    assert_eq!(take(&mut intake, &message(7, 1, None, &steps(&[0])), &mut kept), Answer::Taken);
    let taken = intake.snapshot();
    intake.restore(taken);
    assert_eq!(take(&mut intake, &message(7, 2, None, &steps(&[0])), &mut kept), Answer::Unknown);
    intake.greet(7, "b", NOW).unwrap();
    assert_eq!(take(&mut intake, &message(7, 2, None, &steps(&[0])), &mut kept), Answer::Taken);
    assert_eq!(kept[1].starts, [true]);
}
