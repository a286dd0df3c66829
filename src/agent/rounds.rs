//! Rounds: who wins how often while a person plays against somebody, with a rest after each.

use bevy::prelude::*;

use super::{Casting, Controller};
use crate::sim::arena::Spec;
use crate::sim::pace::Pace;
use crate::sim::{Seats, SimSystems, SimTick};

/// Seconds that whoever is no person takes to react, where it plays against one: those of a quick person.
const QUICK: f32 = 0.15;

/// How late all but people act in the watched arena while a person plays there.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reaction {
    /// Agent steps between what is seen and what is done about it.
    pub steps: usize,
}

impl Reaction {
    /// Most steps that can be chosen.
    pub const MOST: usize = 20;

    /// What is fair in a world of `spec`: none where all are on one side.
    pub fn fair(spec: &crate::mdp::EnvironmentSpec) -> Self {
        let against = spec.teams.iter().any(|team| Some(team) != spec.teams.first());
        let step = spec.tick_seconds * spec.ticks_per_step as f32;
        Self { steps: if against { (QUICK / step).round() as usize } else { 0 } }
    }
}

/// Rounds of the watched arena since these players sat down.
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq)]
pub struct Rounds {
    /// Won by the first slot's side, and by the other.
    pub wins: [u32; 2],
    /// Who won the last one, while everybody rests: `Some(None)` for nobody.
    pub won: Option<Option<usize>>,
    players: Vec<Controller>,
}

/// Adds the count.
pub(super) fn plugin(app: &mut App) {
    app.init_resource::<Rounds>()
        .add_systems(SimTick, count.in_set(SimSystems::Record))
        .add_systems(Update, go_on);
}

fn count(
    seats: Query<&Seats>,
    spec: Res<Spec>,
    casting: Res<Casting>,
    pace: Option<ResMut<Pace>>,
    mut rounds: ResMut<Rounds>,
) {
    let Some(seats) = seats.iter().find(|seats| seats.arena == 0 && seats.end.is_some()) else { return };
    if rounds.players != casting.watched {
        *rounds = Rounds { players: casting.watched.clone(), ..Rounds::default() };
    }
    let against = (0..spec.slots()).any(|slot| !spec.on_first_side(slot));
    if !against || !casting.watched.contains(&Controller::Human) {
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
    if let Some(mut pace) = pace {
        rounds.won = Some(winner);
        pace.paused = true;
    }
}

/// A rest ends when time goes on.
fn go_on(pace: Option<Res<Pace>>, mut rounds: ResMut<Rounds>) {
    if rounds.won.is_some() && pace.is_some_and(|pace| !pace.paused) {
        rounds.won = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::{AgentPlugin, LearningPolicy};
    use crate::learner::untrained;
    use crate::mdp::Stream;
    use crate::sim::worlds::WorldChoice;
    use crate::sim::{SimConfig, run_agent_step};

    #[test]
    fn a_round_against_a_person_is_counted_and_rested_after() {
        let world = WorldChoice::new("paddle-duel", None).unwrap();
        let spec = world.spec();
        assert!(Reaction::fair(&spec).steps >= 1);
        assert_eq!(Reaction::fair(&WorldChoice::new("two-plates", None).unwrap().spec()).steps, 0);
        let sim = SimConfig { arenas: 1, seed: 3, stream: Stream::Environment };
        // A person who does nothing, against the script.
        let casting = Casting::all(vec![Controller::Human, Controller::Scripted]);
        let policy = LearningPolicy(untrained(spec.action.len()));
        let mut app = App::new();
        app.add_plugins(crate::sim::plugin).init_resource::<Pace>();
        world.add_to(&mut app, sim);
        app.add_plugins(AgentPlugin { spec, seed: 1, casting, policy });
        plugin(&mut app);
        while app.world().resource::<Rounds>().won.is_none() {
            run_agent_step(app.world_mut());
        }
        let rounds = app.world().resource::<Rounds>();
        assert_eq!((rounds.wins, rounds.won), ([0, 1], Some(Some(1))));
        assert!(app.world().resource::<Pace>().paused);
        app.world_mut().resource_mut::<Pace>().paused = false;
        app.update();
        assert_eq!(app.world().resource::<Rounds>().won, None);
        // Other players, another count.
        app.world_mut().resource_mut::<Casting>().watched[1] = Controller::Random;
        let before = app.world().resource::<Rounds>().wins;
        while app.world().resource::<Rounds>().won.is_none() {
            run_agent_step(app.world_mut());
        }
        assert!(app.world().resource::<Rounds>().wins.iter().sum::<u32>() <= 1, "{before:?}");
    }
}
