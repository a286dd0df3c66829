//! The chief's side of meetings, without threads and clocks: who is a member, what each has brought, and who is waited for.

use std::collections::BTreeMap;
use std::time::Duration;

use entropy_rl::algo::Part;
use entropy_rl::learner::replicas::{Share, mean};
use serde::{Deserialize, Serialize};

use super::{Answer, Ask, What, from_bytes, to_bytes};
use crate::engine::Respond;
use crate::protocol::{End, join, plain, split};

/// Members that are known at the same time; those that have gone are forgotten first.
const MOST_MEMBERS: usize = 64;

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
    status: ReplicaStatus,
    /// Waits to hear of a meeting after this one.
    watch: Option<(u64, Respond)>,
    /// Whether it has what the last meeting ended with.
    knows: bool,
    /// Whether it is waited for: it came in time the last time, or has just come.
    waited_for: bool,
    /// Whether it makes the chief's gradient steps with it.
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

impl Open<(f32, Vec<f32>)> {
    /// Whether `values` are a gradient of the same networks, and finite.
    fn fits(&self, values: &[f32]) -> bool {
        values.len() == self.mine.1.len() && values.iter().all(|value| value.is_finite())
    }
}

/// Answers that are due, for when the table is free again.
pub type Answers = Vec<(Respond, Vec<u8>)>;

/// The chief's side of all meetings.
pub struct Table {
    members: BTreeMap<u64, Member>,
    /// Number of the last meeting.
    round: u64,
    meeting: Option<Open<Share>>,
    /// The gradient that is being averaged, and which one that is or was last.
    gradient: Option<Open<(f32, Vec<f32>)>>,
    key: (u64, Part),
    /// Gradients that came before the chief had its own.
    early: BTreeMap<u64, ((u64, Part), (f32, Vec<f32>), Respond)>,
    /// The gradient step that the chief has begun, and the last it makes without a pause.
    step: u64,
    until: u64,
    /// Environment steps of members that were not fetched yet.
    env_steps: u64,
    /// Who has come since it was last asked.
    joined: Vec<(u32, String)>,
    end: Option<End>,
}

fn message(answer: &Answer, body: &[u8]) -> Vec<u8> {
    join(answer, body).unwrap_or_default()
}

impl Default for Table {
    fn default() -> Self {
        Self {
            members: BTreeMap::new(),
            round: 0,
            meeting: None,
            gradient: None,
            key: (0, Part::Actor),
            early: BTreeMap::new(),
            step: 0,
            until: 0,
            env_steps: 0,
            joined: Vec::new(),
            end: None,
        }
    }
}

impl Table {
    /// Takes note of the process `client`, and gives it the lowest free number. It is a member once it asks for something.
    ///
    /// # Errors
    /// A line if there are too many.
    pub fn greet(&mut self, client: u64, name: &str) -> Result<(), String> {
        if self.members.len() >= MOST_MEMBERS && !self.members.contains_key(&client) {
            self.members.retain(|_, member| member.status.present);
        }
        if self.members.len() >= MOST_MEMBERS {
            return Err(format!("{MOST_MEMBERS} replicas are connected already"));
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

    /// The process `client` is there or gone. Returns its number and name if that is new.
    pub fn set_present(&mut self, client: u64, present: bool) -> Option<(u32, String)> {
        let member = self.members.get_mut(&client).filter(|member| member.status.present != present)?;
        member.status.present = present;
        if !present {
            (member.knows, member.in_step, member.watch) = (false, false, None);
            self.early.remove(&client);
        }
        Some((member.status.number, member.status.name.clone()))
    }

    /// Takes what a member asks. Returns the answers that are due now.
    pub fn ask(&mut self, bytes: &[u8], respond: Respond) -> Answers {
        let Ok((Ask { client, env_steps, gradient_steps, ready, what }, body)) =
            split::<Ask>("meeting", bytes)
        else {
            return vec![(respond, message(&Answer::Late, &[]))];
        };
        let answer = |answer: Answer, respond| vec![(respond, message(&answer, &[]))];
        if let Some(end) = &self.end {
            return answer(Answer::Stop(end.clone()), respond);
        }
        let Some(member) = self.members.get_mut(&client) else { return answer(Answer::Unknown, respond) };
        // Not before: whoever may greet need not be allowed to ask.
        if !std::mem::replace(&mut member.status.present, true) {
            member.waited_for = true;
            self.joined.push((member.status.number, member.status.name.clone()));
        }
        self.env_steps += env_steps.saturating_sub(member.status.env_steps);
        (member.status.env_steps, member.status.gradient_steps) = (env_steps, gradient_steps);
        match what {
            What::Watch(after) => {
                if self.meeting.is_some() && self.round > after {
                    return answer(Answer::Open(self.round), respond);
                }
                if member.in_step
                    && self.gradient.is_some()
                    && self.key == (gradient_steps + 1, Part::Critics)
                {
                    return answer(Answer::Step(self.step), respond);
                }
                // One that has lost step, or that could not learn at the last meeting and can now, needs another one.
                member.in_step &= after == self.round;
                member.knows &= after == self.round && (member.in_step || !ready);
                member.ready = ready;
                member.watch = Some((after, respond));
                Vec::new()
            }
            What::Share { round, made } => {
                let share = Share { gradient_steps, made, env_steps, ..Share::default() };
                match (share.with_bytes(body), self.meeting.as_mut().filter(|_| round == self.round)) {
                    (Ok(share), Some(open)) => _ = open.brought.insert(client, (share, respond)),
                    _ => {
                        member.knows = false;
                        return answer(Answer::Late, respond);
                    }
                }
                Vec::new()
            }
            What::Gradients { step, part, weight } => {
                let fits = weight.is_finite() && weight >= 0.0 && member.in_step;
                let values = from_bytes(body).ok().filter(|_| fits);
                match (values, &mut self.gradient) {
                    (Some(values), Some(open)) if self.key == (step, part) && open.fits(&values) => {
                        open.brought.insert(client, ((weight, values), respond));
                    }
                    (Some(values), _) if (step, part) > self.key => {
                        self.early.insert(client, ((step, part), (weight, values), respond));
                    }
                    _ => {
                        (member.knows, member.in_step) = (false, false);
                        return answer(Answer::Late, respond);
                    }
                }
                Vec::new()
            }
        }
    }

    /// Whether a meeting is due at time `now`, `made` gradient steps of the chief after the last one: when it or a member has
    /// made `every` so many, after a new beginning (`u64::MAX`), and where a member has to be told everything.
    pub fn is_due(&self, made: u64, every: u64, now: Duration) -> bool {
        let mut present = self.members.values().filter(|member| member.status.present).peekable();
        let due = (made == u64::MAX || every > 1 && made >= every) && present.peek().is_some();
        let asks = |member: &Member| {
            let made = member.status.gradient_steps.saturating_sub(member.met_at);
            (!member.knows || every > 1 && made >= every) && member.watch.is_some() && member.retries <= now
        };
        due || present.any(asks)
    }

    /// Opens a meeting, to which the chief brings `mine`.
    pub fn open(&mut self, mine: Share, now: Duration) -> Answers {
        self.round += 1;
        self.meeting = Some(Open { mine, brought: BTreeMap::new() });
        let mut answers = Answers::new();
        for member in self.members.values_mut() {
            if let Some((_, respond)) = member.watch.take() {
                member.waited_for |= member.retries <= now;
                answers.push((respond, message(&Answer::Open(self.round), &[])));
            }
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

    /// Ends the meeting at time `now`; returns its mean and the answers to all who came, or `None` if nobody did.
    pub fn close(&mut self, now: Duration) -> (Option<Share>, Answers) {
        let Some(Open { mine, mut brought }) = self.meeting.take() else { return (None, Vec::new()) };
        let mut shares = vec![mine];
        let mut responds = Vec::new();
        // In the order of their numbers, so that sums do not depend on who came first.
        let mut members: Vec<(&u64, &mut Member)> = self.members.iter_mut().collect();
        members.sort_by_key(|(_, member)| member.status.number);
        for (client, member) in members {
            let came = brought.remove(client);
            let missed = came.is_none() && member.status.present && member.waited_for;
            (member.knows, member.in_step) = (came.is_some(), came.is_some() && member.ready);
            if let Some((share, respond)) = came {
                shares.push(share);
                responds.push(respond);
                (member.waited_for, member.tries) = (true, 0);
            } else if missed {
                member.miss(now);
            }
        }
        if responds.is_empty() {
            return (None, Vec::new());
        }
        let Some(mean) = mean(&shares) else { return (None, Vec::new()) };
        // The key of the next gradient is later than any that went before.
        self.key = (mean.gradient_steps, Part::Actor);
        self.early.clear();
        self.members.values_mut().for_each(|member| member.met_at = mean.gradient_steps);
        let bytes = mean.to_bytes().unwrap_or_default();
        let answer = message(&Answer::Mean { gradient_steps: mean.gradient_steps }, &bytes);
        (Some(mean), responds.into_iter().map(|respond| (respond, answer.clone())).collect())
    }

    /// The chief makes gradient steps up to number `until` without a pause.
    pub fn goes_on_until(&mut self, until: u64) {
        self.until = until;
    }

    /// Begins to average the gradient of `part` of gradient step number `step`, of which the chief has `values`, a mean over
    /// `weight` samples.
    pub fn begin(&mut self, step: u64, part: Part, weight: f32, values: Vec<f32>) -> Answers {
        self.key = (step, part);
        self.step = step;
        let mut open = Open { mine: (weight, values), brought: BTreeMap::new() };
        let mut answers = Answers::new();
        for (client, (key, theirs, respond)) in std::mem::take(&mut self.early) {
            if key == self.key && open.fits(&theirs.1) {
                open.brought.insert(client, (theirs, respond));
            } else if key > self.key {
                self.early.insert(client, (key, theirs, respond));
            } else {
                answers.push((respond, message(&Answer::Late, &[])));
            }
        }
        self.gradient = Some(open);
        for member in self.members.values_mut() {
            let follows = member.in_step && member.status.gradient_steps + 1 == step;
            if let Some((_, respond)) = member.watch.take_if(|_| follows) {
                answers.push((respond, message(&Answer::Step(step), &[])));
            }
        }
        answers
    }

    /// Whether everybody in step has brought that gradient.
    pub fn is_averaged(&self) -> bool {
        let Some(Open { brought, .. }) = &self.gradient else { return true };
        let all = |(client, member): (&u64, &Member)| {
            !(member.status.present && member.in_step) || brought.contains_key(client)
        };
        self.members.iter().all(all)
    }

    /// Whether anybody is in step.
    pub fn is_followed(&self) -> bool {
        self.members.values().any(|member| member.status.present && member.in_step)
    }

    /// Ends the averaging at time `now`: returns the mean, and the answers to all who have brought theirs.
    pub fn average(&mut self, now: Duration) -> (Vec<f32>, Answers) {
        let Some(Open { mine: (weight, mut values), mut brought }) = self.gradient.take() else {
            return Default::default();
        };
        let mut members: Vec<(&u64, &mut Member)> = self.members.iter_mut().collect();
        members.sort_by_key(|(_, member)| member.status.number);
        let (mut theirs, mut responds) = (Vec::new(), Vec::new());
        for (client, member) in members {
            match brought.remove(client) {
                Some((gradient, respond)) => {
                    theirs.push(gradient);
                    responds.push(respond);
                }
                None if member.in_step && member.status.present => member.miss(now),
                None => {}
            }
        }
        let total: f32 = weight + theirs.iter().map(|(weight, _)| weight).sum::<f32>();
        if total > 0.0 && !theirs.is_empty() {
            values.iter_mut().for_each(|value| *value *= weight / total);
            for (weight, gradient) in &theirs {
                values.iter_mut().zip(gradient).for_each(|(sum, value)| *sum += weight / total * value);
            }
        }
        if responds.is_empty() {
            return (values, Vec::new());
        }
        let more = self.key.1 == Part::Actor && self.step < self.until;
        let answer = message(&Answer::Gradients { more }, &to_bytes(&values));
        (values, responds.into_iter().map(|respond| (respond, answer.clone())).collect())
    }

    /// Answers everybody who waits to hear of something, so that they know that the chief is there.
    pub fn refresh(&mut self) -> Answers {
        let watches = self.members.values_mut().filter_map(|member| member.watch.take());
        watches.map(|(_, respond)| (respond, message(&Answer::Nothing, &[]))).collect()
    }

    /// Training is over.
    pub fn stop(&mut self, end: &End) -> Answers {
        self.end = Some(end.clone());
        let (meeting, gradient, early) =
            (self.meeting.take(), self.gradient.take(), std::mem::take(&mut self.early));
        let watches = self.members.values_mut().filter_map(|member| member.watch.take());
        let shares = meeting.into_iter().flat_map(|open| open.brought.into_values());
        let gradients = gradient.into_iter().flat_map(|open| open.brought.into_values());
        let responds = watches.map(|(_, respond)| respond);
        let responds = responds.chain(shares.map(|(_, respond)| respond));
        let responds = responds.chain(gradients.map(|(_, respond)| respond));
        let responds = responds.chain(early.into_values().map(|(_, _, respond)| respond));
        responds.map(|respond| (respond, message(&Answer::Stop(end.clone()), &[]))).collect()
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
        let mut all: Vec<_> = self.members.values().map(|member| member.status.clone()).collect();
        all.sort_by_key(|status| status.number);
        all
    }
}
