//! Meetings: when one is due, who comes, and what is taken from it.

use std::collections::BTreeMap;
use std::time::Duration;

use entropy_rl::algo::Part;
use entropy_rl::learner::replicas::Share;

use super::{Answers, Member, Open, SAME_AGAIN, Table, short};
use crate::engine::Respond;
use crate::replicas::Answer;

/// What came to a meeting.
pub struct Gathered {
    /// The chief's share, and the others' by number.
    pub shares: Vec<Share>,
    /// Who waits for the mean.
    pub responds: Vec<Respond>,
    /// Answers to who does not count any more.
    pub answers: Answers,
}

impl Table {
    /// Member `client` wants to hear of the meeting after number `after`, or of the next gradient step.
    pub(super) fn watch(&mut self, client: u64, after: u64, ready: bool, respond: Respond) -> Answers {
        let (round, key) = (self.round, self.key);
        let (meets, averages) = (self.meeting.is_some() && round > after, self.gradient.is_some());
        let Some(member) = self.members.get_mut(&client) else { return Answers::new() };
        if meets {
            return vec![short(respond, &Answer::Open(round))];
        }
        if member.in_step && averages && key == (member.status.gradient_steps + 1, Part::Critics) {
            return vec![short(respond, &Answer::Step(key.0))];
        }
        // One that has lost step, or that could not learn at the last meeting and can now, needs another one.
        member.in_step &= after == round;
        member.knows &= after == round && (member.in_step || !ready);
        member.ready = ready;
        let before = member.watch.replace(respond);
        before.map(|respond| short(respond, &Answer::Nothing)).into_iter().collect()
    }

    /// Member `client` brings `share` to meeting `round`.
    pub(super) fn bring(&mut self, client: u64, round: u64, share: Share, respond: Respond) -> Answers {
        let open = self.meeting.as_mut().filter(|_| round == self.round);
        match open {
            Some(open) => {
                let before = open.brought.insert(client, (share, respond));
                before.map(|(_, respond)| short(respond, &Answer::Late)).into_iter().collect()
            }
            None => {
                if let Some(member) = self.members.get_mut(&client) {
                    member.knows = false;
                }
                vec![short(respond, &Answer::Late)]
            }
        }
    }

    /// Whether a meeting is due at time `now`, `made` gradient steps of the chief after the last one: when it or a member has
    /// made so many as there are between two, after a new beginning (`u64::MAX`), and where a member has to be told
    /// everything.
    pub fn is_due(&self, made: u64, now: Duration) -> bool {
        let every = if self.every > 1 { self.every } else { SAME_AGAIN };
        let wants = |member: &Member| {
            let theirs = member.status.gradient_steps.saturating_sub(member.met_at);
            let enough = made >= every || theirs >= every;
            // In step with the chief it hears of a meeting when it asks for the next step.
            let hears = member.watch.is_some() || self.every == 1 && member.in_step;
            member.status.present && member.retries <= now && hears && (enough || !member.knows)
        };
        self.members.values().any(wants)
    }

    /// Opens a meeting, to which the chief brings `mine`.
    pub fn open(&mut self, mine: Share, now: Duration) -> Answers {
        self.round += 1;
        self.meeting = Some(Open { mine, brought: BTreeMap::new() });
        let mut answers = Answers::new();
        for member in self.members.values_mut() {
            member.waited_for |= member.status.present && member.retries <= now;
            answers.extend(member.watch.take().map(|respond| short(respond, &Answer::Open(self.round))));
        }
        answers
    }

    /// Whether everybody who is waited for has come.
    pub fn is_complete(&self) -> bool {
        let Some(Open { brought, .. }) = &self.meeting else { return true };
        let all = |(client, member): (&u64, &Member)| {
            !(member.status.present && member.waited_for) || brought.contains_key(client)
        };
        self.members.iter().all(all)
    }

    /// Ends the meeting at time `now`.
    pub fn close(&mut self, now: Duration) -> Option<Gathered> {
        let (every, most) = (self.every, self.most_apart());
        let Open { mine, mut brought } = self.meeting.take()?;
        // A chief that has trained alone for long has nothing to average with.
        let apart = mine.made > most;
        let mut gathered = Gathered { shares: vec![mine], responds: Vec::new(), answers: Answers::new() };
        for (client, member) in self.in_order() {
            let came = brought.remove(client);
            let missed = came.is_none() && member.status.present && member.waited_for;
            (member.knows, member.in_step) = (came.is_some(), came.is_some() && member.ready);
            if let Some((share, respond)) = came {
                let made = if apart { 0 } else { share.made };
                gathered.shares.push(Share { made, ..share });
                gathered.responds.push(respond);
                member.waited_for = true;
                // In a gradient step it has to be in time as well.
                member.tries = if every > 1 { 0 } else { member.tries };
            } else if missed {
                member.miss(now);
            }
        }
        gathered.answers.extend(brought.into_values().map(|(_, respond)| short(respond, &Answer::Late)));
        Some(gathered)
    }

    /// Takes note that all who came have been trained for as many gradient steps now.
    pub fn met(&mut self, gradient_steps: u64) -> Answers {
        // The key of the next gradient is later than any that went before.
        self.key = (gradient_steps, Part::Actor);
        self.members.values_mut().for_each(|member| member.met_at = gradient_steps);
        let early = std::mem::take(&mut self.early);
        early.into_values().map(|(_, _, respond)| short(respond, &Answer::Late)).collect()
    }
}
