//! Rounds window: pause and restart start the next round while a result is shown.

use bevy::prelude::*;

use super::Rounds;
use crate::sim::pace::Pace;
use crate::view::controls::{Controls, ObeyControls, ReadControls};
use crate::view::time::{PAUSE, RESTART};

pub(super) fn plugin(app: &mut App) {
    app.add_systems(
        PreUpdate,
        next_round.after(ReadControls).before(ObeyControls).run_if(resource_exists::<Controls>),
    );
}

/// Starts the next round instead of pausing or restarting while a result is shown.
fn next_round(mut controls: ResMut<Controls>, mut rounds: ResMut<Rounds>, pace: Option<Res<Pace>>) {
    let pressed = [PAUSE, RESTART].map(|command| controls.just_pressed(command));
    if pressed.contains(&true) && pace.is_some_and(|pace| !pace.paused) && rounds.next_round() {
        controls.consume(PAUSE);
        controls.consume(RESTART);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::insight::rounds::RoundEnd;
    use crate::sim::arena::Spec;
    use crate::view::commands::AddKeys as _;
    use crate::view::controls::tests::{press, ready};
    use crate::view::{controls, time};
    use crate::worlds::WorldChoice;

    #[test]
    fn keys_start_the_next_round_without_pausing() {
        let mut app = App::new();
        app.insert_resource(Spec(WorldChoice::new("paddle-duel", None).unwrap().spec()))
            .init_resource::<Pace>()
            .init_resource::<Rounds>()
            .add_plugins((controls::plugin, plugin))
            .add_keys(time::KEYS);
        ready(&mut app);
        for key in [KeyCode::Space, KeyCode::KeyR] {
            let ended = RoundEnd { winner: Some(0), points: Some([5, 2]), players: Vec::new() };
            app.insert_resource(Rounds::over(ended));
            press(&mut app, key);
            assert!(app.world().resource::<Rounds>().ended.is_none());
            assert!(!app.world().resource::<Pace>().paused);
        }
        press(&mut app, KeyCode::Space);
        assert!(app.world().resource::<Pace>().paused);
    }
}
