//! Steering of the title screen: what commands do there, and how a world is chosen. What gives commands is left to `view`.

use bevy::prelude::*;

use super::{Cards, Choice, Chosen, preferences};
use crate::view::bindings::Command;
use crate::view::controls::Controls;
use crate::view::sound::{Cue, Heard};

/// Arrows light a card, digits turn to a level, Enter begins.
pub(super) fn steer(
    controls: Res<Controls>,
    mut cards: ResMut<Cards>,
    choice: Res<Choice>,
    mut open: ResMut<preferences::Open>,
    mut heard: MessageWriter<Heard>,
    mut exit: MessageWriter<AppExit>,
) {
    let struck = |command| controls.struck(command);
    let (lit, count, columns) = (cards.lit, cards.cards.len(), cards.columns);
    let next = if struck(Command::After) {
        lit + 1
    } else if struck(Command::Before) {
        lit.saturating_sub(1)
    } else if struck(Command::Below) {
        if lit + columns < count { lit + columns } else { lit }
    } else if struck(Command::Above) {
        lit.checked_sub(columns).unwrap_or(lit)
    } else {
        lit
    };
    if next != lit && next < count {
        (cards.lit, cards.seek) = (next, true);
        heard.write(Heard { stage: None, cue: Cue::Tick, pitch: 1.0 });
    }
    let lit = cards.lit;
    let levels = cards.cards.get(lit).map_or(0, |card| card.levels);
    if let Some(level) = controls.choice().filter(|level| *level < levels) {
        cards.levels[lit] = level + 1;
    }
    if struck(Command::NextLevel) && levels > 0 {
        cards.levels[lit] = cards.levels[lit] % levels + 1;
    }
    if struck(Command::Begin) {
        choose(&cards, lit, Visit::Anew, &choice, &mut exit);
    } else if struck(Command::GoOn) {
        choose(&cards, lit, Visit::Again, &choice, &mut exit);
    } else if struck(Command::Watch) {
        choose(&cards, lit, Visit::Trained, &choice, &mut exit);
    } else if struck(Command::Preferences) {
        open.shown = true;
    } else if struck(Command::Back) {
        exit.write(AppExit::Success);
    }
}

/// How somebody wants to visit a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visit {
    /// With a new agent.
    Anew,
    /// With the last session.
    Again,
    /// To see the trained agent play.
    Trained,
}

impl Cards {
    /// Whether a trained agent comes with the arcade for the level that is looked at.
    pub(super) fn trained(&self, index: usize) -> bool {
        let level = self.levels.get(index).map_or(0, |level| level - 1);
        self.cards.get(index).is_some_and(|card| card.trained.get(level).is_some_and(Option::is_some))
    }
}

/// Ends the app with the world of a card.
pub(super) fn choose(
    cards: &Cards,
    index: usize,
    visit: Visit,
    choice: &Choice,
    exit: &mut MessageWriter<AppExit>,
) {
    let Some(card) = cards.cards.get(index) else { return };
    let session = card.session.clone().filter(|_| visit == Visit::Again);
    let trained = visit == Visit::Trained && cards.trained(index);
    if (visit == Visit::Again && session.is_none()) || (visit == Visit::Trained && !trained) {
        return;
    }
    let level = (card.levels > 0).then(|| cards.levels[index]);
    if let Ok(mut chosen) = choice.0.lock() {
        *chosen = Some(Chosen { env: card.spec.name.clone(), level, session, trained });
    }
    exit.write(AppExit::Success);
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::tests::app;
    use super::*;
    use crate::view::controls::tests::strike;

    fn chosen(keys: &[KeyCode]) -> Option<Chosen> {
        let mut app = app();
        keys.iter().for_each(|key| strike(&mut app, *key));
        app.world().resource::<Choice>().0.lock().unwrap().clone()
    }

    #[test]
    fn keys_choose_a_world_and_its_level() {
        let choice =
            |env: &str, level| Some(Chosen { env: env.into(), level, session: None, trained: false });
        assert_eq!(chosen(&[KeyCode::Enter]), choice("lava-room", Some(1)));
        assert_eq!(chosen(&[KeyCode::Digit8, KeyCode::Enter]), choice("lava-room", Some(8)));
        assert_eq!(chosen(&[KeyCode::Digit9, KeyCode::Enter]), choice("lava-room", Some(1)));
        assert_eq!(
            chosen(&[KeyCode::ArrowRight, KeyCode::Digit2, KeyCode::Enter]),
            choice("paddle-duel", None)
        );
        assert_eq!(
            chosen(&[KeyCode::ArrowDown, KeyCode::ArrowDown, KeyCode::Enter]),
            choice("two-plates", Some(1))
        );
        assert_eq!(chosen(&[KeyCode::ArrowLeft, KeyCode::ArrowUp, KeyCode::Escape]), None);
        // Only where a trained agent comes along one can watch it.
        assert_eq!(chosen(&[KeyCode::KeyX]), None);
        assert!(chosen(&[KeyCode::Digit2, KeyCode::KeyX]).unwrap().trained);
        // Only where there is a session one can go on.
        assert_eq!(chosen(&[KeyCode::KeyG]), None);
        let session = chosen(&[KeyCode::ArrowRight, KeyCode::KeyG]).unwrap().session;
        assert_eq!(session, Some(PathBuf::from("kept")));
    }
}
