//! Waiting: the reason why no experience arrives, for the status line.

use bevy::prelude::*;

use super::compare::Comparison;
use super::playback::Playback;
use super::rounds::Rounds;
use crate::sim::SimConfig;
use crate::sim::pace::Pace;

/// What the learner is waiting for; `None` while experience arrives.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting(pub Option<&'static str>);

/// Keeps [`Waiting`] up to date.
pub(super) fn plugin(app: &mut App) {
    app.init_resource::<Waiting>().add_systems(Update, update);
}

fn update(
    pace: Option<Res<Pace>>,
    comparison: Option<Res<Comparison>>,
    playback: Option<Res<Playback>>,
    rounds: Res<Rounds>,
    sim: Option<Res<SimConfig>>,
    mut waiting: ResMut<Waiting>,
) {
    let alone = sim.is_none_or(|sim| sim.arenas <= 1);
    let reason = if comparison.is_some() {
        Some("waiting for you: then and now is open")
    } else if playback.is_some() {
        Some("waiting for you: playback is open")
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
    fn whatever_stops_all_arenas_is_reported() {
        let mut app = App::new();
        app.insert_resource(SimConfig { arenas: 8, seed: 1, stream: Stream::Environment })
            .init_resource::<Pace>()
            .init_resource::<Rounds>()
            .add_plugins(plugin);
        let reason = |app: &mut App| {
            app.update();
            app.world().resource::<Waiting>().0
        };
        assert_eq!(reason(&mut app), None);
        app.insert_resource(Comparison::default());
        assert!(reason(&mut app).unwrap().starts_with("waiting for you"));
        app.world_mut().remove_resource::<Comparison>();
        app.world_mut().resource_mut::<Pace>().paused = true;
        assert_eq!(reason(&mut app), Some("paused"));
        app.world_mut().resource_mut::<Pace>().paused = false;
        // The other seven arenas continue behind a result; a single one does not.
        let ended = RoundEnd { winner: None, points: None, players: Vec::new() };
        app.insert_resource(Rounds::over(ended));
        assert_eq!(reason(&mut app), None);
        app.world_mut().resource_mut::<SimConfig>().arenas = 1;
        assert!(reason(&mut app).unwrap().contains("the round is over"));
    }
}
