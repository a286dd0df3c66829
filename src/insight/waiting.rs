//! Waiting: why no experience comes in although the learner is ready for it, in words for people.

use bevy::prelude::*;

use super::compare::Comparison;
use super::playback::Playback;
use super::rounds::Rounds;
use crate::sim::SimConfig;
use crate::sim::pace::Pace;

/// What the learner waits for; `None` while experience comes in.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting(pub Option<&'static str>);

/// Keeps [`Waiting`].
pub(super) fn plugin(app: &mut App) {
    app.init_resource::<Waiting>().add_systems(Update, look);
}

fn look(
    pace: Option<Res<Pace>>,
    comparison: Option<Res<Comparison>>,
    looking: Option<Res<Playback>>,
    rounds: Res<Rounds>,
    sim: Option<Res<SimConfig>>,
    mut waiting: ResMut<Waiting>,
) {
    let alone = sim.is_none_or(|sim| sim.arenas <= 1);
    let reason = if comparison.is_some() {
        Some("waiting for you: then and now is open")
    } else if looking.is_some() {
        Some("waiting for you: you are looking back")
    } else if pace.is_some_and(|pace| pace.paused) {
        Some("paused")
    } else if alone && rounds.ended.is_some() {
        Some("waiting for you: the round is over")
    } else {
        None
    };
    waiting.set_if_neq(Waiting(reason));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::insight::rounds::RoundEnd;
    use crate::mdp::Stream;

    #[test]
    fn whatever_stops_all_arenas_is_said() {
        let mut app = App::new();
        app.insert_resource(SimConfig { arenas: 8, seed: 1, stream: Stream::Environment })
            .init_resource::<Pace>()
            .init_resource::<Rounds>()
            .add_plugins(plugin);
        let said = |app: &mut App| {
            app.update();
            app.world().resource::<Waiting>().0
        };
        assert_eq!(said(&mut app), None);
        app.insert_resource(Comparison::default());
        assert!(said(&mut app).unwrap().starts_with("waiting for you"));
        app.world_mut().remove_resource::<Comparison>();
        app.world_mut().resource_mut::<Pace>().paused = true;
        assert_eq!(said(&mut app), Some("paused"));
        app.world_mut().resource_mut::<Pace>().paused = false;
        // Seven others go on behind a result; where there are no others, nothing does.
        let ended = RoundEnd { winner: None, points: None, players: Vec::new() };
        app.insert_resource(Rounds::over(ended));
        assert_eq!(said(&mut app), None);
        app.world_mut().resource_mut::<SimConfig>().arenas = 1;
        assert!(said(&mut app).unwrap().contains("the round is over"));
    }
}
