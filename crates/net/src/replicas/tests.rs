//! Tables by hand.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use entropy_rl::learner::replicas::{Share, mean};
use entropy_rl::nn::{HostTensor, TensorMap};

use super::table::{Answers, MOST_STEPS, Message, Table, message};
use super::*;
use crate::engine::Respond;
use crate::protocol::{join, split};

const NOW: Duration = Duration::ZERO;

fn share(value: f32, made: u64) -> Share {
    let tensors = TensorMap::from([("actor".into(), HostTensor { shape: vec![1], data: vec![value] })]);
    Share { tensors, made, gradient_steps: made, ..Share::default() }
}

/// A table, and what was answered to whom.
struct Room {
    table: Table,
    heard: Arc<Mutex<Vec<(u64, Answer, Vec<u8>)>>>,
}

impl Room {
    /// With members 1 to `members`, who have not asked for anything.
    fn with(every: u64, members: u64) -> Self {
        let mut room = Self { table: Table::new(every), heard: Arc::default() };
        for client in 1..=members {
            room.table.greet(client, "host").unwrap();
            assert_eq!(room.table.set_present(client, true).0, None, "not before it asks");
        }
        room
    }

    fn respond(&self, client: u64) -> Respond {
        let heard = self.heard.clone();
        Box::new(move |bytes| {
            let (answer, body) = split::<Answer>("answer", &bytes).unwrap();
            heard.lock().unwrap().push((client, answer, body.to_vec()));
        })
    }

    fn ask(&mut self, client: u64, gradient_steps: u64, what: What, body: &[u8]) {
        self.ask_when(true, client, gradient_steps, what, body);
    }

    fn ask_when(&mut self, ready: bool, client: u64, gradient_steps: u64, what: What, body: &[u8]) {
        let ask = Ask { client, env_steps: 0, gradient_steps, ready, what };
        let message = Message::read(&join(&ask, body).unwrap()).unwrap();
        let answers = self.table.ask(message, self.respond(client));
        send(answers);
    }

    fn watch(&mut self, client: u64, after: u64) {
        self.ask(client, 0, What::Watch(after), &[]);
    }

    fn heard(&self) -> Vec<(u64, Answer)> {
        let all = std::mem::take(&mut *self.heard.lock().unwrap());
        all.into_iter().map(|(client, answer, _)| (client, answer)).collect()
    }

    fn open(&mut self, mine: Share, now: Duration) {
        let answers = self.table.open(mine, now);
        send(answers);
    }

    fn share(&mut self, client: u64, [after, round]: [u64; 2], value: f32, made: u64) {
        let body = share(value, made).to_bytes().unwrap();
        self.ask(client, made, What::Share { round, after, made }, &body);
    }

    /// Ends a meeting; returns the mean, if anybody came, and how many did.
    fn close(&mut self, now: Duration) -> (f32, usize) {
        let gathered = self.table.close(now).unwrap();
        let mean = mean(&gathered.shares).unwrap();
        send(gathered.answers);
        send(self.table.met(mean.gradient_steps));
        let came = gathered.responds.len();
        let answer = message(&Answer::Mean { gradient_steps: mean.gradient_steps }, &[]);
        send(gathered.responds.into_iter().map(|respond| (respond, answer.clone())).collect());
        (mean.tensors["actor"].data[0], came)
    }

    /// A meeting to which everybody comes who has heard of it, without anything.
    fn meet(&mut self, mine: Share) -> f32 {
        self.heard();
        self.open(mine, NOW);
        for (client, answer) in self.heard() {
            let Answer::Open(round) = answer else { panic!("{answer:?}") };
            self.ask(client, 0, What::Share { round, after: 0, made: 0 }, &[]);
        }
        assert!(self.table.is_complete());
        self.close(NOW).0
    }
}

fn send(answers: Answers) {
    answers.into_iter().for_each(|(respond, answer)| respond(Arc::unwrap_or_clone(answer)));
}

#[test]
fn a_meeting_is_due_for_who_comes_new_and_every_so_many_steps() {
    for every in [1, 100] {
        let mut room = Room::with(every, 1);
        assert!(!room.table.is_due(1_000_000, NOW), "it has not asked yet");
        room.watch(1, 0);
        assert_eq!(room.table.take_joined(), [(1, "host".into())]);
        assert!(room.table.is_due(0, NOW));
        assert_eq!(room.meet(share(2.0, 0)), 2.0);
        assert_eq!(room.heard(), [(1, Answer::Mean { gradient_steps: 0 })]);
        room.ask(1, 100, What::Watch(1), &[]);
        assert_eq!(room.table.is_due(0, NOW), every == 100, "the member has made them");
        room.watch(1, 1);
        assert!(!room.table.is_due(99, NOW));
        assert_eq!(room.table.is_due(100, NOW), every == 100, "gradients are averaged instead");
        assert!(room.table.is_due(10_000, NOW), "rounding may differ");
        assert!(room.table.is_due(u64::MAX, NOW), "after a new beginning");
        // One that missed a meeting is told everything, and so is one that says so.
        room.watch(1, 0);
        assert!(room.table.is_due(0, NOW));
        assert_eq!(room.table.set_present(1, false).0, Some((1, "host".into())));
        assert!(!room.table.is_due(u64::MAX, NOW), "nobody is there");
        // What it sent before it was gone does not bring it back.
        room.watch(1, 0);
        assert!(!room.table.is_due(u64::MAX, NOW) && !room.table.statuses()[0].present);
        // One that goes on asking is there, although the news of that was lost.
        (0..5).for_each(|_| room.watch(1, 0));
        assert!(room.table.is_due(u64::MAX, NOW) && room.table.statuses()[0].present);
    }
}

#[test]
fn shares_are_weighted_and_nobody_who_is_gone_is_waited_for() {
    let mut room = Room::with(100, 3);
    (1..=3).for_each(|client| room.watch(client, 0));
    assert_eq!(room.meet(share(1.0, 0)), 1.0);
    (1..=3).for_each(|client| room.watch(client, 1));
    room.heard();
    room.open(share(1.0, 10), NOW);
    assert_eq!(room.heard().len(), 3);
    room.share(2, [1, 2], 4.0, 20);
    // The same again, as after a lost answer, counts once.
    room.share(2, [1, 2], 4.0, 20);
    assert_eq!(room.heard(), [(2, Answer::Late)]);
    room.share(1, [0, 1], 100.0, 1000);
    assert_eq!(room.heard(), [(1, Answer::Late)], "of another meeting");
    room.share(1, [1, 2], 7.0, 10);
    assert!(!room.table.is_complete());
    assert_eq!(room.table.set_present(3, false).0, Some((3, "host".into())));
    assert!(room.table.is_complete());
    assert_eq!(room.close(NOW), ((10.0 + 80.0 + 70.0) / 40.0, 2));
    // One that is there and does not come is not waited for a second time at once.
    (1..=2).for_each(|client| room.watch(client, 2));
    room.open(share(1.0, 10), NOW);
    room.share(1, [2, 3], 3.0, 10);
    assert!(!room.table.is_complete());
    assert_eq!(room.close(NOW), (2.0, 1));
    room.heard();
    assert_eq!(room.table.statuses()[1].missed, 1);
    room.watch(2, 2);
    assert!(!room.table.is_due(0, NOW));
    let later = Duration::from_secs(2);
    assert!(room.table.is_due(0, later));
    room.watch(1, 3);
    room.open(share(1.0, 10), later);
    room.share(1, [3, 4], 1.0, 0);
    assert!(!room.table.is_complete(), "it has another chance");
    // What it has learned since a meeting before the last one is of other networks.
    room.share(2, [2, 4], 300.0, 10);
    assert!(room.table.is_complete());
    assert_eq!(room.close(later), (1.0, 2));
}

#[test]
fn what_was_learned_apart_for_long_does_not_count() {
    let mut room = Room::with(100, 1);
    room.watch(1, 0);
    room.meet(share(1.0, 0));
    for (mine, theirs, expected) in [(100, 300_000, (1.0 * 100.0 + 5.0 * 264.0) / 364.0), (10_000, 100, 1.0)]
    {
        let round = room.table.round;
        room.watch(1, round);
        room.heard();
        room.open(share(1.0, mine), NOW);
        room.share(1, [round, round + 1], 5.0, theirs);
        assert_eq!(room.close(NOW), (expected, 1), "{mine}, {theirs}");
    }
}

#[test]
fn gradients_are_averaged_over_samples_of_all_who_are_in_step() {
    let mut room = Room::with(1, 2);
    (1..=2).for_each(|client| room.watch(client, 0));
    room.meet(share(1.0, 0));
    room.heard();
    let gradients = |step, part, weight| What::Gradients { step, part, weight };
    room.watch(1, 1);
    room.table.goes_on_until(2);
    send(room.table.begin(1, Part::Critics, 10.0, vec![1.0, 2.0]));
    assert_eq!(room.heard(), [(1, Answer::Step(1))]);
    // The second asks only now, and is told at once.
    room.watch(2, 1);
    assert_eq!(room.heard(), [(2, Answer::Step(1))]);
    room.ask(1, 0, gradients(1, Part::Critics, 30.0), &to_bytes(&[5.0, 6.0]));
    assert!(!room.table.is_averaged());
    room.ask(2, 0, gradients(1, Part::Critics, 0.0), &to_bytes(&[9.0, 9.0]));
    assert!(room.table.is_averaged());
    let (mean, answers) = room.table.average(NOW);
    assert_eq!(mean, [4.0, 5.0]);
    send(answers);
    let all = std::mem::take(&mut *room.heard.lock().unwrap());
    assert!(all.iter().all(|(_, answer, body)| {
        *answer == Answer::Gradients { more: false } && from_bytes(body).unwrap() == [4.0, 5.0]
    }));
    // The first is ahead of the chief; the second sends what does not fit.
    room.ask(1, 0, gradients(1, Part::Actor, 1.0), &to_bytes(&[3.0]));
    send(room.table.begin(1, Part::Actor, 1.0, vec![1.0]));
    room.ask(2, 0, gradients(1, Part::Actor, 1.0), &to_bytes(&[3.0, 4.0]));
    assert_eq!(room.heard(), [(2, Answer::Late)]);
    assert!(room.table.is_averaged());
    let (mean, answers) = room.table.average(NOW);
    assert_eq!(mean, [2.0]);
    send(answers);
    assert_eq!(room.heard(), [(1, Answer::Gradients { more: true })]);
    // It is told everything; until then nobody waits for it.
    room.ask(2, 1, What::Watch(0), &[]);
    assert!(room.table.is_due(1, NOW));
    for (weight, body) in
        [(1.0, &[f32::INFINITY][..]), (1.0, &[f32::NAN]), (-1.0, &[1.0]), (f32::MAX, &[1.0])]
    {
        let mut room = Room::with(1, 1);
        room.watch(1, 0);
        room.meet(share(1.0, 0));
        room.heard();
        room.table.begin(1, Part::Critics, 1.0, vec![1.0]);
        room.ask(1, 0, gradients(1, Part::Critics, weight), &to_bytes(body));
        assert_eq!(room.heard(), [(1, Answer::Late)]);
        assert_eq!(room.table.average(NOW).0, [1.0]);
    }
}

#[test]
fn one_that_is_never_in_time_for_a_step_is_waited_for_less_and_less() {
    let mut room = Room::with(1, 1);
    let (mut waited, mut now) = (0, NOW);
    for second in 0..60 {
        now = Duration::from_secs(second);
        room.watch(1, room.table.round);
        if room.table.is_due(0, now) {
            room.heard();
            room.open(share(1.0, 0), now);
            let round = room.table.round;
            room.ask(1, 0, What::Share { round, after: 0, made: 0 }, &[]);
            room.close(now);
        }
        room.table.begin(second + 1, Part::Critics, 1.0, vec![1.0]);
        waited += u32::from(!room.table.is_averaged());
        room.table.average(now);
    }
    assert!((3..9).contains(&waited), "{waited} of {now:?}");
}

#[test]
fn whoever_cannot_learn_yet_is_not_waited_for_in_a_gradient_step() {
    let mut room = Room::with(1, 1);
    room.ask_when(false, 1, 0, What::Watch(0), &[]);
    assert!(room.table.is_due(0, NOW), "it plays with the chief's networks meanwhile");
    room.open(share(1.0, 0), NOW);
    room.ask_when(false, 1, 0, What::Share { round: 1, after: 0, made: 0 }, &[]);
    room.close(NOW);
    room.ask_when(false, 1, 0, What::Watch(1), &[]);
    assert!(!room.table.is_due(0, NOW) && !room.table.is_followed());
    room.watch(1, 1);
    assert!(room.table.is_due(0, NOW));
    room.meet(share(1.0, 0));
    assert!(room.table.is_followed());
}

#[test]
fn steps_of_members_are_counted_once() {
    let mut room = Room::with(100, 1);
    let mut tell = |client, env_steps| {
        let ask = Ask { client, env_steps, gradient_steps: 0, ready: true, what: What::Watch(0) };
        let message = Message::read(&join(&ask, &[]).unwrap()).unwrap();
        send(room.table.ask(message, Box::new(|_| {})));
        room.table.take_env_steps()
    };
    assert_eq!([tell(1, 500), tell(1, 600), tell(1, 600), tell(1, u64::MAX)], [500, 100, 0, MOST_STEPS]);
}

#[test]
fn strangers_and_garbage_are_answered_and_the_end_reaches_all() {
    let mut room = Room::with(100, 2);
    room.watch(9, 0);
    assert_eq!(room.heard(), [(9, Answer::Unknown)]);
    assert!(Message::read(b"garbage").is_none());
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = heard.clone();
    let joined = Chief::new(1).answer(b"garbage", Box::new(move |bytes| hears.lock().unwrap().push(bytes)));
    assert!(joined.is_empty() && heard.lock().unwrap().len() == 1);
    room.watch(1, 0);
    send(room.table.refresh());
    assert_eq!(room.heard(), [(1, Answer::Nothing)]);
    room.watch(1, 0);
    let end = End { reason: "the run is complete".into(), well: true };
    send(room.table.stop(&end));
    room.watch(2, 0);
    assert_eq!(room.heard(), [(1, Answer::Stop(end.clone())), (2, Answer::Stop(end))]);
}
