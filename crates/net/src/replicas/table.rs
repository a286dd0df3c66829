//! The chief's side of meetings, without threads and clocks: who is a member, what each has brought, and who is waited for.

mod gradients;
mod meeting;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use entropy_rl::algo::Part;
use entropy_rl::learner::replicas::Share;
use serde::{Deserialize, Serialize};

use super::{Answer, Ask, MOST_APART, What, from_bytes};
use crate::engine::Respond;
use crate::protocol::{End, join, plain, split};
pub use meeting::Gathered;

/// Members that are known at the same time; those that have gone are forgotten first.
const MOST_MEMBERS: usize = 64;
/// Processes whose presence is remembered.
const MOST_PRESENT: usize = 4096;
/// Questions of a process that must be there although nobody has announced it.
const MOST_UNANNOUNCED: u32 = 5;
/// Most environment steps that a member may have received between two messages.
pub(super) const MOST_STEPS: u64 = 10_000_000;
/// Where gradients are averaged, everybody gets the chief's networks again after so many steps: processors of different
/// kinds round differently.
const SAME_AGAIN: u64 = 10_000;

/// A replica as a session shows it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ReplicaStatus {
    /// Its number, from 1; the chief is 0.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// Whether it is connected.
    pub present: bool,
    /// Environment steps that it has received.
    pub env_steps: u64,
    /// Gradient steps that its networks were last trained for.
    pub gradient_steps: u64,
    /// Meetings and gradient steps that it was too late for.
    pub missed: u64,
}

/// A process that has greeted the chief.
#[derive(Default)]
struct Member {
    /// It is present once it has asked for something: whoever may greet need not be allowed to ask.
    status: ReplicaStatus,
    asked: bool,
    /// Questions since it came, if nobody has announced that.
    unannounced: u32,
    /// Waits to hear of a meeting, or of a gradient step.
    watch: Option<Respond>,
    /// Whether it has what the last meeting ended with.
    knows: bool,
    /// Whether it is waited for: it came in time the last time, or has just come.
    waited_for: bool,
    /// Whether it makes the chief's gradient steps with it, and whether it has enough to learn from.
    in_step: bool,
    ready: bool,
    /// Gradient steps at the last meeting.
    met_at: u64,
    /// How often it was too late since it last came in time, and when it is waited for again.
    tries: u32,
    retries: Duration,
}

impl Member {
    /// It was waited for and did not come: the next time is the later the more often that happens.
    fn miss(&mut self, now: Duration) {
        (self.knows, self.in_step, self.waited_for) = (false, false, false);
        self.status.missed += 1;
        self.retries = now + Duration::from_secs(1 << self.tries.min(6));
        self.tries += 1;
    }
}

/// A meeting, or the averaging of one gradient: what the chief brings, and what has come.
struct Open<T> {
    mine: T,
    brought: BTreeMap<u64, (T, Respond)>,
}

/// Samples that a gradient is a mean over, and the gradient.
type Gradient = (f32, Vec<f32>);

/// Answers that are due, for when the table is free again.
pub type Answers = Vec<(Respond, Arc<Vec<u8>>)>;

/// What a member has sent.
pub struct Message {
    ask: Ask,
    body: Body,
}

enum Body {
    Nothing,
    Share(Share),
    Gradient(Vec<f32>),
}

impl Message {
    /// Reads the message in `bytes`.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (ask, body) = split::<Ask>("meeting", bytes).ok()?;
        let body = match ask.what {
            What::Watch(_) => Body::Nothing,
            // One that brings nothing needs no tensors.
            What::Share { .. } if body.is_empty() => Body::Share(Share::default()),
            What::Share { .. } => Body::Share(Share::default().with_bytes(body).ok()?),
            What::Gradients { .. } => Body::Gradient(from_bytes(body).ok()?),
        };
        Some(Self { ask, body })
    }
}

/// An answer with a body.
pub(super) fn message(answer: &Answer, body: &[u8]) -> Arc<Vec<u8>> {
    Arc::new(join(answer, body).unwrap_or_default())
}

/// Somebody's answer without one.
fn short(respond: Respond, answer: &Answer) -> (Respond, Arc<Vec<u8>>) {
    (respond, message(answer, &[]))
}

/// The chief's side of all meetings.
pub struct Table {
    /// Gradient steps between two meetings; 1 if gradients are averaged.
    every: u64,
    members: BTreeMap<u64, Member>,
    /// Processes that are connected.
    there: BTreeSet<u64>,
    /// Number of the last meeting.
    pub(super) round: u64,
    meeting: Option<Open<Share>>,
    /// The gradient that is being averaged, and which one that is or was last.
    gradient: Option<Open<Gradient>>,
    key: (u64, Part),
    /// Gradients that came before the chief had its own.
    early: BTreeMap<u64, ((u64, Part), Gradient, Respond)>,
    /// The last gradient step that the chief makes without a pause.
    until: u64,
    /// Environment steps of members that were not fetched yet.
    env_steps: u64,
    /// Who has come since it was last asked.
    joined: Vec<(u32, String)>,
    end: Option<End>,
}

impl Table {
    /// Averages `every` so many gradient steps.
    pub fn new(every: u64) -> Self {
        Self {
            every,
            members: BTreeMap::new(),
            there: BTreeSet::new(),
            round: 0,
            meeting: None,
            gradient: None,
            key: (0, Part::Actor),
            early: BTreeMap::new(),
            until: 0,
            env_steps: 0,
            joined: Vec::new(),
            end: None,
        }
    }

    /// Takes note of the process `client`, and gives it the lowest free number. It is a member once it asks for something.
    ///
    /// # Errors
    /// A line if there are too many.
    pub fn greet(&mut self, client: u64, name: &str) -> Result<(), String> {
        if self.members.len() >= MOST_MEMBERS && !self.members.contains_key(&client) {
            self.members.retain(|_, member| member.status.present);
            if self.members.len() >= MOST_MEMBERS {
                return Err(format!("{MOST_MEMBERS} replicas are connected already"));
            }
        }
        let taken = |number| self.members.values().any(|member| member.status.number == number);
        let free = (1..=u32::MAX).find(|number| !taken(*number)).unwrap_or_default();
        let member = self.members.entry(client).or_insert_with(|| Member {
            status: ReplicaStatus { number: free, ..ReplicaStatus::default() },
            ..Member::default()
        });
        member.status.name = plain(name);
        (member.knows, member.waited_for, member.in_step) = (false, false, false);
        Ok(())
    }

    /// The process `client` is there or gone. Returns its number and name if that makes a member come or go, and answers
    /// that nobody waits for any more.
    pub fn set_present(&mut self, client: u64, present: bool) -> (Option<(u32, String)>, Answers) {
        match present {
            true if self.there.len() < MOST_PRESENT => _ = self.there.insert(client),
            _ => _ = self.there.remove(&client),
        }
        let Some(member) = self.members.get_mut(&client) else { return Default::default() };
        let now = member.asked && self.there.contains(&client);
        if member.status.present == now {
            return Default::default();
        }
        (member.status.present, member.waited_for) = (now, now);
        let mut answers = Answers::new();
        if !now {
            (member.knows, member.in_step) = (false, false);
            answers.extend(member.watch.take().map(|respond| short(respond, &Answer::Nothing)));
            answers.extend(self.early.remove(&client).map(|(_, _, respond)| short(respond, &Answer::Late)));
        }
        (Some((member.status.number, member.status.name.clone())), answers)
    }

    /// Takes what a member asks. Returns the answers that are due now.
    pub fn ask(&mut self, Message { ask, body }: Message, respond: Respond) -> Answers {
        let Ask { client, env_steps, gradient_steps, ready, what } = ask;
        if let Some(end) = &self.end {
            return vec![short(respond, &Answer::Stop(end.clone()))];
        }
        let Some(member) = self.members.get_mut(&client) else {
            return vec![short(respond, &Answer::Unknown)];
        };
        self.env_steps += env_steps.saturating_sub(member.status.env_steps).min(MOST_STEPS);
        (member.status.env_steps, member.status.gradient_steps) = (env_steps, gradient_steps);
        member.asked = true;
        // The news of its coming may be lost; one that is gone has few questions under way.
        member.unannounced = if self.there.contains(&client) { 0 } else { member.unannounced + 1 };
        if member.unannounced > MOST_UNANNOUNCED && self.there.len() < MOST_PRESENT {
            self.there.insert(client);
        }
        if !member.status.present && self.there.contains(&client) {
            (member.status.present, member.waited_for) = (true, true);
            self.joined.push((member.status.number, member.status.name.clone()));
        }
        match (what, body) {
            (What::Watch(after), _) => self.watch(client, after, ready, respond),
            (What::Share { round, after, made }, Body::Share(share)) => {
                let made = if after + 1 == round && self.every > 1 { made.min(self.most_apart()) } else { 0 };
                let share = Share { gradient_steps, made, env_steps, ..share };
                self.bring(client, round, share, respond)
            }
            (What::Gradients { step, part, weight }, Body::Gradient(values)) => {
                self.bring_gradient(client, (step, part), (weight, values), respond)
            }
            _ => vec![short(respond, &Answer::Late)],
        }
    }

    /// Gradient steps after the last meeting beyond which networks have no useful mean.
    fn most_apart(&self) -> u64 {
        (MOST_APART * self.every).saturating_add(64)
    }

    /// Answers everybody who waits to hear of something, so that they know that the chief is there.
    pub fn refresh(&mut self) -> Answers {
        let watches = self.members.values_mut().filter_map(|member| member.watch.take());
        watches.map(|respond| short(respond, &Answer::Nothing)).collect()
    }

    /// Training is over.
    pub fn stop(&mut self, end: &End) -> Answers {
        self.end = Some(end.clone());
        let (meeting, gradient, early) =
            (self.meeting.take(), self.gradient.take(), std::mem::take(&mut self.early));
        let watches = self.members.values_mut().filter_map(|member| member.watch.take());
        let shares = meeting.into_iter().flat_map(|open| open.brought.into_values());
        let gradients = gradient.into_iter().flat_map(|open| open.brought.into_values());
        let responds = watches
            .chain(shares.map(|(_, respond)| respond))
            .chain(gradients.map(|(_, respond)| respond))
            .chain(early.into_values().map(|(_, _, respond)| respond));
        responds.map(|respond| short(respond, &Answer::Stop(end.clone()))).collect()
    }

    /// Members that have come since the last call, by number and name.
    pub fn take_joined(&mut self) -> Vec<(u32, String)> {
        std::mem::take(&mut self.joined)
    }

    /// Environment steps that members have received since the last call.
    pub fn take_env_steps(&mut self) -> u64 {
        std::mem::take(&mut self.env_steps)
    }

    /// The members, by number.
    pub fn statuses(&self) -> Vec<ReplicaStatus> {
        let asked = self.members.values().filter(|member| member.asked);
        let mut all: Vec<_> = asked.map(|member| member.status.clone()).collect();
        all.sort_by_key(|status| status.number);
        all
    }

    /// Members in the order of their numbers, so that sums do not depend on who came first.
    fn in_order(&mut self) -> Vec<(&u64, &mut Member)> {
        let mut members: Vec<_> = self.members.iter_mut().collect();
        members.sort_by_key(|(_, member)| member.status.number);
        members
    }
}
