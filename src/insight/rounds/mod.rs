//! Rounds: the score over episodes while a human player has an opponent. The watched arena is on hold after each round
//! and before every serve; the other arenas continue, and so does training.

#[cfg(feature = "arcade")]
mod window;

use std::collections::VecDeque;

use bevy::prelude::*;

use super::compare::Comparison;
use crate::agent::tick::AssignSystems;
use crate::agent::{Controller, ControllerAssignment, HumanInput, Watched};
use crate::sim::arena::{Points, Spec};
use crate::sim::pace::Pace;
use crate::sim::{AgentSlots, Arena, SimSystems, SimTick, TickClock};

/// Seconds of pause before a serve in a game with a human player.
const SERVE_PAUSE: f32 = 1.0;

/// How a round ended; later changes of controllers do not affect it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoundEnd {
    /// The side that won, 0 for the first slot's; `None` for a draw.
    pub winner: Option<usize>,
    /// Points of both sides, in worlds with points.
    pub points: Option<[u32; 2]>,
    /// `[slots]`: the controllers in this round.
    pub players: Vec<Controller>,
}

/// Rounds of the watched arena since its controllers last changed.
#[derive(Resource, Debug, Clone, Default, PartialEq)]
pub struct Rounds {
    /// Rounds won by the first slot's side and by the other one.
    pub wins: [u32; 2],
    /// The last round, while its result is shown.
    pub ended: Option<RoundEnd>,
    players: Vec<Controller>,
    /// Points after the last step of the open episode.
    points: Option<[u32; 2]>,
    /// Whether a human player has an opponent.
    played: bool,
    /// Seconds until the next serve.
    until_serve: f32,
}

impl Rounds {
    /// A shown result, for tests.
    #[cfg(test)]
    pub fn over(ended: RoundEnd) -> Self {
        Self { ended: Some(ended), ..Self::default() }
    }

    /// Starts the next round; returns whether a result was shown.
    pub fn next_round(&mut self) -> bool {
        let shown = self.ended.take().is_some();
        if shown {
            self.until_serve = SERVE_PAUSE;
        }
        shown
    }
}

/// Adds the score and the pauses.
pub(super) fn plugin(app: &mut App) {
    app.init_resource::<Rounds>()
        .init_resource::<Points>()
        .add_systems(
            SimTick,
            (
                hold.in_set(SimSystems::First)
                    .after(AssignSystems)
                    .run_if(|clock: Res<TickClock>| clock.phase == 0),
                count.in_set(SimSystems::Record),
            )
                .run_if(resource_exists::<Spec>),
        )
        .add_systems(Update, count_down);
    #[cfg(feature = "arcade")]
    window::plugin(app);
}

/// Puts the watched arena on hold after rounds and before serves, except in a comparison and for single steps.
fn hold(
    spec: Res<Spec>,
    assignment: Res<ControllerAssignment>,
    points: Res<Points>,
    comparison: Option<Res<Comparison>>,
    pace: Option<Res<Pace>>,
    mut rounds: ResMut<Rounds>,
    mut input: ResMut<HumanInput>,
    mut slots: Query<(&mut AgentSlots, Has<Watched>)>,
) {
    let played = spec.has_sides() && assignment.watched.contains(&Controller::Human);
    if !played {
        rounds.until_serve = 0.0;
    } else if !rounds.played && points.0.is_some() {
        // A player who has just taken over gets a moment to find the keys.
        rounds.until_serve = SERVE_PAUSE;
    }
    rounds.played = played;
    let serve_pause = rounds.until_serve > 0.0 && pace.is_none_or(|pace| !pace.paused);
    let on_hold = comparison.is_none() && (rounds.ended.is_some() || serve_pause);
    for (mut slots, watched) in &mut slots {
        let on_hold = on_hold && watched;
        if slots.on_hold != on_hold {
            slots.on_hold = on_hold;
            // Taps during the pause are dropped.
            input.tapped.iter_mut().for_each(VecDeque::clear);
        }
    }
}

fn count(
    arenas: Query<(&AgentSlots, Option<&Arena>), With<Watched>>,
    spec: Res<Spec>,
    assignment: Res<ControllerAssignment>,
    points: Res<Points>,
    mut rounds: ResMut<Rounds>,
) {
    let watched = arenas.iter().find(|(slots, _)| !slots.on_hold);
    let Some((slots, arena)) = watched else { return };
    let (before, now) = (rounds.points, points.0);
    rounds.points = if slots.end.is_some() { None } else { now };
    if slots.end.is_none() {
        if rounds.played && before.is_some() && before != now {
            rounds.until_serve = SERVE_PAUSE;
        }
        return;
    }
    if rounds.players != assignment.watched {
        *rounds = Rounds { players: assignment.watched.clone(), played: rounds.played, ..Rounds::default() };
    }
    if !rounds.played {
        return;
    }
    // A restarted episode has no result.
    if arena.is_some_and(Arena::is_cut) {
        rounds.until_serve = SERVE_PAUSE;
        return;
    }
    let side = |first: bool| {
        (0..spec.slots()).any(|slot| spec.on_first_side(slot) == first && slots.outcomes[slot].success)
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

/// Counts down the pause before a serve, in real time.
fn count_down(time: Option<Res<Time<Real>>>, pace: Option<Res<Pace>>, mut rounds: ResMut<Rounds>) {
    if rounds.until_serve > 0.0 && pace.is_none_or(|pace| !pace.paused) {
        rounds.until_serve -= time.map_or(SERVE_PAUSE, |time| time.delta_secs());
    }
}

#[cfg(test)]
mod tests;
