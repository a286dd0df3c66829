//! Rounds: who wins how often while a person plays against somebody. The watched arena rests after each round and
//! before every serve; the others go on, and so does learning.

use std::collections::VecDeque;

use bevy::prelude::*;

use super::compare::Comparison;
use crate::agent::{Controller, ControllerAssignment, HumanInput};
use crate::sim::arena::{Points, Spec};
use crate::sim::pace::Pace;
use crate::sim::{AgentSlots, Arena, SimSystems, SimTick, TickClock};

/// Seconds of rest before a serve against a person.
const BREATH: f32 = 1.0;

/// How a round ended. Fixed when it ends: what people do afterwards changes nothing about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoundEnd {
    /// The side that won, 0 for the first slot's; `None` for nobody.
    pub winner: Option<usize>,
    /// Points of both sides, where the world counts points.
    pub points: Option<[u32; 2]>,
    /// `[slots]`: who sat where.
    pub players: Vec<Controller>,
}

/// Rounds of the watched arena since these players sat down.
#[derive(Resource, Debug, Clone, Default, PartialEq)]
pub struct Rounds {
    /// Won by the first slot's side, and by the other.
    pub wins: [u32; 2],
    /// The last round, while the watched arena rests after it.
    pub ended: Option<RoundEnd>,
    players: Vec<Controller>,
    /// Points after the last step of the open episode.
    points: Option<[u32; 2]>,
    /// Whether a person plays against somebody.
    played: bool,
    /// Seconds of rest that are left before the next serve.
    breath: f32,
}

impl Rounds {
    /// A round that has `ended`, for tests of what is done about it.
    #[cfg(test)]
    pub fn over(ended: RoundEnd) -> Self {
        Self { ended: Some(ended), ..Self::default() }
    }

    /// Lets the next round begin; whether it was waited for.
    pub fn go_on(&mut self) -> bool {
        let waited = self.ended.take().is_some();
        if waited {
            self.breath = BREATH;
        }
        waited
    }
}

/// Adds the count and the rests.
pub(super) fn plugin(app: &mut App) {
    app.init_resource::<Rounds>()
        .init_resource::<Points>()
        .add_systems(
            SimTick,
            (
                rest.in_set(SimSystems::First).run_if(|clock: Res<TickClock>| clock.phase == 0),
                count.in_set(SimSystems::Record),
            )
                .run_if(resource_exists::<Spec>),
        )
        .add_systems(Update, breathe);
}

/// Holds the watched arena while it rests. Nobody rests in a comparison, and single steps are made at once.
fn rest(
    spec: Res<Spec>,
    assignment: Res<ControllerAssignment>,
    points: Res<Points>,
    comparison: Option<Res<Comparison>>,
    pace: Option<Res<Pace>>,
    mut rounds: ResMut<Rounds>,
    mut input: ResMut<HumanInput>,
    mut seats: Query<&mut AgentSlots>,
) {
    let played = spec.has_sides() && assignment.watched.contains(&Controller::Human);
    if !played {
        rounds.breath = 0.0;
    } else if !rounds.played && points.0.is_some() {
        // Whoever has just sat down finds the keys first.
        rounds.breath = BREATH;
    }
    rounds.played = played;
    let breathes = rounds.breath > 0.0 && pace.is_none_or(|pace| !pace.paused);
    let rests = comparison.is_none() && (rounds.ended.is_some() || breathes);
    for mut seats in seats.iter_mut().filter(|seats| seats.arena == 0) {
        if seats.rests != rests {
            seats.rests = rests;
            // What was tapped while nothing moved is no move.
            input.tapped.iter_mut().for_each(VecDeque::clear);
        }
    }
}

fn count(
    arenas: Query<(&AgentSlots, Option<&Arena>)>,
    spec: Res<Spec>,
    assignment: Res<ControllerAssignment>,
    points: Res<Points>,
    mut rounds: ResMut<Rounds>,
) {
    let watched = arenas.iter().find(|(seats, _)| seats.arena == 0 && !seats.rests);
    let Some((seats, arena)) = watched else { return };
    let (before, now) = (rounds.points, points.0);
    rounds.points = if seats.end.is_some() { None } else { now };
    if seats.end.is_none() {
        if rounds.played && before.is_some() && before != now {
            rounds.breath = BREATH;
        }
        return;
    }
    if rounds.players != assignment.watched {
        *rounds = Rounds { players: assignment.watched.clone(), played: rounds.played, ..Rounds::default() };
    }
    if !rounds.played {
        return;
    }
    // Whoever wants a fresh start has no result to look at.
    if arena.is_some_and(Arena::is_cut) {
        rounds.breath = BREATH;
        return;
    }
    let side = |first: bool| {
        (0..spec.slots()).any(|slot| spec.on_first_side(slot) == first && seats.outcomes[slot].success)
    };
    let winner = match (side(true), side(false)) {
        (true, false) => Some(0),
        (false, true) => Some(1),
        _ => None,
    };
    if let Some(winner) = winner {
        rounds.wins[winner] += 1;
    }
    rounds.ended = Some(RoundEnd { winner, points: now, players: assignment.watched.clone() });
}

/// Lets the rest before a serve pass, in real time.
fn breathe(time: Option<Res<Time<Real>>>, pace: Option<Res<Pace>>, mut rounds: ResMut<Rounds>) {
    if rounds.breath > 0.0 && pace.is_none_or(|pace| !pace.paused) {
        rounds.breath -= time.map_or(BREATH, |time| time.delta_secs());
    }
}

#[cfg(test)]
mod tests;
