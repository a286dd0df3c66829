//! Recorded steps as the bytes of a safetensors file, column by column, and what is checked before they are steps again.
//!
//! A transition takes its observation and about a dozen bytes. Streams are written once where they repeat in the same
//! order, as those of arenas do, and policies as runs.

mod columns;

use entropy_rl::mdp::{
    ActionBatch, EnvironmentSpec, EpisodeEnd, ObservationBatch, Origin, StateBatch, StepBatch,
};

use crate::{NetError, malformed};
use columns::{Reader, Writer};

const WHAT: &str = "steps";
/// The most steps in a message, above what its size allows in any world.
const MOST_STEPS: usize = 4 << 20;

/// How an episode of an arena went, slot by slot; see [`EpisodeSummary`](entropy_rl::mdp::EpisodeSummary).
#[derive(Debug, Clone, PartialEq)]
pub struct Episode {
    /// The actor's number of the arena.
    pub arena: u32,
    /// How it ended.
    pub end: EpisodeEnd,
    /// `[slots]`.
    pub returns: Vec<f32>,
    /// `[slots]`: agent steps.
    pub lengths: Vec<u32>,
    /// `[slots]`.
    pub success: Vec<bool>,
    /// `[slots]`.
    pub scores: Vec<f32>,
    /// `[slots]`: index into [`CONTROLLERS`].
    pub controllers: Vec<u8>,
}

/// Names of controllers, in the order of their numbers.
pub const CONTROLLERS: [&str; 7] = ["mixed", "learning", "human", "frozen", "scripted", "random", ""];

/// Steps with the episodes that ended with them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Recorded {
    /// The steps.
    pub steps: StepBatch,
    /// The episodes.
    pub episodes: Vec<Episode>,
}

impl Recorded {
    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.steps.refused == 0 && self.episodes.is_empty()
    }
}

const START: u8 = 1;
const HUMAN: u8 = 2;
const TERMINATED: u8 = 4;
const TRUNCATED: u8 = 8;

/// Writes `recorded`.
///
/// # Errors
/// [`NetError::Malformed`] for columns of different lengths.
pub fn encode(recorded: &Recorded) -> Result<Vec<u8>, NetError> {
    let Recorded { steps, episodes } = recorded;
    let count = steps.len();
    let mut out = Writer::default();
    out.u32("streams", &steps.streams[..period(&steps.streams)]);
    let flags: Vec<u8> = (0..count)
        .map(|row| {
            let end = match steps.ends[row] {
                None => 0,
                Some(EpisodeEnd::Terminated) => TERMINATED,
                Some(EpisodeEnd::Truncated) => TRUNCATED,
            };
            let human = if steps.origins[row] == Origin::Human { HUMAN } else { 0 };
            u8::from(steps.starts[row]) | human | end
        })
        .collect();
    out.u8("flags", &flags);
    out.f32("observations.vector", &steps.observations.vector);
    out.u8("observations.grid", &steps.observations.grid);
    out.f32("final_observations.vector", &steps.final_observations.vector);
    out.u8("final_observations.grid", &steps.final_observations.grid);
    out.u16("actions.discrete", &steps.actions.discrete);
    out.f32("actions.continuous", &steps.actions.continuous);
    out.f32("rewards", &steps.rewards);
    out.f32("entropies", &steps.behaviour_entropies);
    let (policies, rows) = runs(&steps.policy_gradient_steps);
    out.u64("policies", &policies);
    out.u32("policies.rows", &rows);
    out.f32("states", &steps.states.values);
    write_episodes(&mut out, episodes);
    out.finish(steps.refused)
}

/// Reads the output of [`encode`]: steps of `spec`, with states of `state_width` floats.
///
/// # Errors
/// [`NetError::Malformed`] names what does not fit; nothing larger than the message is allocated.
pub fn decode(bytes: &[u8], spec: &EnvironmentSpec, state_width: usize) -> Result<Recorded, NetError> {
    let mut from = Reader::open(bytes)?;
    let refused = from.refused;
    let flags = from.u8("flags")?;
    let count = flags.len();
    if count > MOST_STEPS || refused > MOST_STEPS as u64 {
        return Err(malformed(
            WHAT,
            format!("{count} steps and {refused} refused ones; at most {MOST_STEPS}"),
        ));
    }
    let streams = from.u32("streams")?;
    if streams.is_empty() && count > 0 {
        return Err(malformed(WHAT, "no streams"));
    }
    let end = |flags: &u8| match flags & (TERMINATED | TRUNCATED) {
        0 => None,
        TERMINATED => Some(EpisodeEnd::Terminated),
        _ => Some(EpisodeEnd::Truncated),
    };
    let ends: Vec<Option<EpisodeEnd>> = flags.iter().map(end).collect();
    let origin = |flags: &u8| if flags & HUMAN != 0 { Origin::Human } else { Origin::Policy };
    let observations = |count, vector, grid| ObservationBatch { count, vector, grid };
    let (discrete, continuous) = (from.u16("actions.discrete")?, from.f32("actions.continuous")?);
    let actions = if spec.action.is_continuous() {
        ActionBatch { rows: count, discrete, continuous }
    } else {
        ActionBatch { continuous, ..ActionBatch::from(discrete) }
    };
    let (policies, rows) = (from.u64("policies")?, from.u32("policies.rows")?);
    let states = from.f32("states")?;
    let width = if states.is_empty() { 0 } else { state_width };
    let mut steps = StepBatch {
        streams: streams.iter().copied().cycle().take(count).collect(),
        starts: flags.iter().map(|flags| flags & START != 0).collect(),
        observations: observations(count, from.f32("observations.vector")?, from.u8("observations.grid")?),
        actions,
        rewards: from.f32("rewards")?,
        behaviour_entropies: from.f32("entropies")?,
        policy_gradient_steps: unroll(&policies, &rows, count)?,
        origins: flags.iter().map(origin).collect(),
        final_observations: observations(
            ends.iter().flatten().count(),
            from.f32("final_observations.vector")?,
            from.u8("final_observations.grid")?,
        ),
        ends,
        states: StateBatch { width, values: states },
        refused,
    };
    if steps.states.values.len() != width * count || !steps.fits(spec) {
        return Err(malformed(WHAT, format!("do not fit {}", spec.name)));
    }
    // An honest actor has refused these before.
    if let Some((stream, _)) = steps.refuse().first() {
        return Err(malformed(WHAT, format!("a value of stream {stream} is not a number to learn from")));
    }
    Ok(Recorded { steps, episodes: read_episodes(&mut from, spec.slots())? })
}

/// Length of the beginning of `streams` that repeats to its end.
fn period(streams: &[u32]) -> usize {
    let repeats =
        |length: usize| streams.iter().skip(length).zip(streams).all(|(later, first)| later == first);
    let first = streams.iter().skip(1).position(|stream| stream == &streams[0]).map(|at| at + 1);
    first.filter(|length| repeats(*length)).unwrap_or(streams.len())
}

/// `values` as values and how often each follows itself.
fn runs(values: &[u64]) -> (Vec<u64>, Vec<u32>) {
    let (mut kept, mut counts): (Vec<u64>, Vec<u32>) = (Vec::new(), Vec::new());
    for value in values {
        match (kept.last() == Some(value), counts.last_mut()) {
            (true, Some(count)) => *count += 1,
            _ => {
                kept.push(*value);
                counts.push(1);
            }
        }
    }
    (kept, counts)
}

/// The inverse of [`runs`], for `count` values or none.
fn unroll(values: &[u64], counts: &[u32], count: usize) -> Result<Vec<u64>, NetError> {
    let total: u64 = counts.iter().map(|count| u64::from(*count)).sum();
    if values.len() != counts.len() || (total != count as u64 && total != 0) {
        return Err(malformed(WHAT, "policies of another number of steps"));
    }
    let run = |(value, count): (&u64, &u32)| std::iter::repeat_n(*value, *count as usize);
    Ok(values.iter().zip(counts).flat_map(run).collect())
}

fn write_episodes(out: &mut Writer, episodes: &[Episode]) {
    if episodes.is_empty() {
        return;
    }
    let flat = |each: fn(&Episode) -> &[f32]| episodes.iter().flat_map(each).copied().collect::<Vec<_>>();
    out.u32("episodes.arena", &episodes.iter().map(|episode| episode.arena).collect::<Vec<_>>());
    let ends = episodes.iter().map(|episode| u8::from(episode.end.is_terminated()));
    out.u8("episodes.terminated", &ends.collect::<Vec<_>>());
    out.f32("episodes.return", &flat(|episode| &episode.returns));
    out.f32("episodes.score", &flat(|episode| &episode.scores));
    let lengths = episodes.iter().flat_map(|episode| episode.lengths.iter().copied());
    out.u32("episodes.length", &lengths.collect::<Vec<_>>());
    let success = episodes.iter().flat_map(|episode| episode.success.iter().map(|won| u8::from(*won)));
    out.u8("episodes.success", &success.collect::<Vec<_>>());
    let controllers = episodes.iter().flat_map(|episode| episode.controllers.iter().copied());
    out.u8("episodes.controller", &controllers.collect::<Vec<_>>());
}

fn read_episodes(from: &mut Reader<'_>, slots: usize) -> Result<Vec<Episode>, NetError> {
    let (arenas, ends) = (from.u32("episodes.arena")?, from.u8("episodes.terminated")?);
    let (returns, scores) = (from.f32("episodes.return")?, from.f32("episodes.score")?);
    let (lengths, success) = (from.u32("episodes.length")?, from.u8("episodes.success")?);
    let controllers = from.u8("episodes.controller")?;
    let count = arenas.len();
    let columns = [returns.len(), scores.len(), lengths.len(), success.len(), controllers.len()];
    let finite = || returns.iter().chain(&scores).all(|value| value.is_finite());
    let known = || controllers.iter().all(|number| usize::from(*number) < CONTROLLERS.len());
    if ends.len() != count || columns.iter().any(|length| *length != count * slots) || !finite() || !known() {
        return Err(malformed(WHAT, "episodes that are none"));
    }
    let episode = |index: usize| {
        let own = index * slots..(index + 1) * slots;
        Episode {
            arena: arenas[index],
            end: if ends[index] == 1 { EpisodeEnd::Terminated } else { EpisodeEnd::Truncated },
            returns: returns[own.clone()].to_vec(),
            lengths: lengths[own.clone()].to_vec(),
            success: success[own.clone()].iter().map(|won| *won == 1).collect(),
            scores: scores[own.clone()].to_vec(),
            controllers: controllers[own].to_vec(),
        }
    };
    Ok((0..count).map(episode).collect())
}

#[cfg(test)]
mod tests;
