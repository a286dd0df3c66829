//! Averaging the gradients of a step: who brings theirs, and the mean.

use std::collections::BTreeMap;
use std::time::Duration;

use entropy_rl::algo::Part;

use super::{Answers, Gradient, Member, Open, Table, message, short};
use crate::engine::Respond;
use crate::replicas::{Answer, to_bytes};

/// Most samples of a gradient.
const MOST_SAMPLES: f32 = 1e6;

impl Open<Gradient> {
    /// Whether `values` are a gradient of the same networks.
    fn fits(&self, values: &[f32]) -> bool {
        values.len() == self.mine.1.len()
    }
}

impl Table {
    /// Member `client` brings the gradient `key`.
    pub(super) fn bring_gradient(
        &mut self,
        client: u64,
        key: (u64, Part),
        gradient: Gradient,
        respond: Respond,
    ) -> Answers {
        let Some(member) = self.members.get_mut(&client) else { return Answers::new() };
        let (weight, values) = &gradient;
        let finite = (0.0..=MOST_SAMPLES).contains(weight) && values.iter().all(|value| value.is_finite());
        let before = match &mut self.gradient {
            Some(open) if member.in_step && finite && self.key == key && open.fits(values) => {
                open.brought.insert(client, (gradient, respond)).map(|(_, respond)| respond)
            }
            _ if member.in_step && finite && key > self.key => {
                self.early.insert(client, (key, gradient, respond)).map(|(_, _, respond)| respond)
            }
            _ => {
                (member.knows, member.in_step) = (false, false);
                Some(respond)
            }
        };
        before.map(|respond| short(respond, &Answer::Late)).into_iter().collect()
    }

    /// The chief makes gradient steps up to number `until` without a pause.
    pub fn goes_on_until(&mut self, until: u64) {
        self.until = until;
    }

    /// Begins to average the gradient of `part` of gradient step number `step`, of which the chief has `values`, a mean over
    /// `weight` samples.
    pub fn begin(&mut self, step: u64, part: Part, weight: f32, values: Vec<f32>) -> Answers {
        self.key = (step, part);
        let mut open = Open { mine: (weight, values), brought: BTreeMap::new() };
        let mut answers = Answers::new();
        for (client, (key, theirs, respond)) in std::mem::take(&mut self.early) {
            if key == self.key && open.fits(&theirs.1) {
                open.brought.insert(client, (theirs, respond));
            } else if key > self.key {
                self.early.insert(client, (key, theirs, respond));
            } else {
                if let Some(member) = self.members.get_mut(&client) {
                    (member.knows, member.in_step) = (false, false);
                }
                answers.push(short(respond, &Answer::Late));
            }
        }
        self.gradient = Some(open);
        for member in self.members.values_mut() {
            let follows = member.in_step && member.status.gradient_steps + 1 == step;
            let told = member.watch.take_if(|_| follows && part == Part::Critics);
            answers.extend(told.map(|respond| short(respond, &Answer::Step(step))));
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
        let (mut theirs, mut responds) = (Vec::new(), Vec::new());
        for (client, member) in self.in_order() {
            match brought.remove(client) {
                Some((gradient, respond)) => {
                    theirs.push(gradient);
                    responds.push(respond);
                    member.tries = 0;
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
        let mut answers: Answers =
            brought.into_values().map(|(_, respond)| short(respond, &Answer::Late)).collect();
        if !responds.is_empty() {
            let more = self.key.1 == Part::Actor && self.key.0 < self.until;
            let answer = message(&Answer::Gradients { more }, &to_bytes(&values));
            answers.extend(responds.into_iter().map(|respond| (respond, answer.clone())));
        }
        (values, answers)
    }
}
