//! Navigation of the title screen: what its keys do, and how a world is chosen.

use bevy::prelude::*;

use super::{Cards, Chosen, preferences};
use crate::panel::title_keys::{
    ABOVE, AFTER, BACK, BEFORE, BELOW, CONTINUE, NEXT_LEVEL, OWN_LEVEL, PREFERENCES, START, WATCH,
};
use crate::view::controls::Controls;
use crate::view::sound::{Cue, SoundEvent};

/// Arrows select a card, digits select a level, Enter starts.
pub(super) fn navigate(
    controls: Res<Controls>,
    mut cards: ResMut<Cards>,
    mut choice: MessageWriter<Chosen>,
    mut page: ResMut<preferences::PreferencesPage>,
    mut sounds: MessageWriter<SoundEvent>,
    mut exit: MessageWriter<AppExit>,
) {
    let pressed = |command| controls.just_pressed(command);
    let (selected, count, columns) = (cards.selected, cards.cards.len(), cards.columns);
    let next = if pressed(AFTER) {
        selected + 1
    } else if pressed(BEFORE) {
        selected.saturating_sub(1)
    } else if pressed(BELOW) {
        if selected + columns < count { selected + columns } else { selected }
    } else if pressed(ABOVE) {
        selected.checked_sub(columns).unwrap_or(selected)
    } else {
        selected
    };
    if next != selected && next < count {
        (cards.selected, cards.scroll, cards.problem) = (next, true, None);
        sounds.write(SoundEvent { stage: None, cue: Cue::Tick, pitch: 1.0 });
    }
    let selected = cards.selected;
    let levels = cards.cards.get(selected).map_or(0, |card| card.levels);
    if let Some(level) = controls.choice().filter(|level| *level < levels) {
        cards.levels[selected] = level + 1;
    }
    let drawn = cards.cards.get(selected).map_or(0, |card| card.drawn.len());
    if pressed(NEXT_LEVEL) && levels > 0 {
        cards.levels[selected] = cards.levels[selected] % (levels + drawn) + 1;
    }
    if pressed(OWN_LEVEL) && drawn > 0 {
        // The first one, then the next ones.
        cards.levels[selected] = levels + 1 + (cards.levels[selected].max(levels) - levels) % drawn;
    }
    if pressed(START) {
        choose(&mut cards, selected, StartMode::New, &mut choice);
    } else if pressed(CONTINUE) {
        choose(&mut cards, selected, StartMode::Continue, &mut choice);
    } else if pressed(WATCH) {
        choose(&mut cards, selected, StartMode::Trained, &mut choice);
    } else if pressed(PREFERENCES) {
        page.open = true;
    } else if pressed(BACK) {
        exit.write(AppExit::Success);
    }
}

/// How to start in a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StartMode {
    /// With a new agent.
    New,
    /// From the last session.
    Continue,
    /// Only the trained agent plays.
    Trained,
}

impl Cards {
    /// Whether the arcade ships a trained agent for the selected level.
    pub(super) fn trained(&self, index: usize) -> bool {
        let level = self.levels.get(index).map_or(0, |level| level - 1);
        self.cards.get(index).is_some_and(|card| card.trained.get(level).is_some_and(Option::is_some))
    }
}

/// Requests the world of a card.
pub(super) fn choose(cards: &mut Cards, index: usize, mode: StartMode, choice: &mut MessageWriter<Chosen>) {
    let Some(card) = cards.cards.get(index) else { return };
    let session = card.session.clone().filter(|_| mode == StartMode::Continue);
    let trained = mode == StartMode::Trained && cards.trained(index);
    if (mode == StartMode::Continue && session.is_none()) || (mode == StartMode::Trained && !trained) {
        let missing = if mode == StartMode::Continue { "saved session" } else { "trained agent" };
        cards.problem = Some(format!("no {missing} for {} yet", card.spec.name));
        return;
    }
    let number = cards.levels[index];
    let own = number.checked_sub(card.levels + 1).and_then(|index| card.drawn.get(index));
    if let Some(level) = own.filter(|level| level.level.is_none() && mode != StartMode::Continue) {
        let remedy = "start another level, press E, and open it under my levels";
        cards.problem = Some(format!("{} is unfinished: {remedy}", level.name));
        return;
    }
    let level =
        (card.levels > 0).then(|| own.map_or_else(|| number.to_string().into(), |level| level.path.clone()));
    choice.write(Chosen { env: card.spec.name.clone(), level, session, trained });
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::tests::app;
    use super::*;
    use crate::panel::drawn_levels;
    use crate::view::controls::tests::press;
    use crate::worlds::rooms::level::Level;
    use crate::worlds::rooms::level::draft::Draft;

    fn chosen(keys: &[KeyCode]) -> Option<Chosen> {
        let mut app = app();
        keys.iter().for_each(|key| press(&mut app, *key));
        requested(&app)
    }

    /// The last request.
    fn requested(app: &App) -> Option<Chosen> {
        let messages = app.world().resource::<Messages<Chosen>>();
        messages.get_cursor().read(messages).last().cloned()
    }

    #[test]
    fn keys_choose_a_world_and_its_level() {
        let choice = |env: &str, level: Option<u8>| {
            let level = level.map(|level| level.to_string().into());
            Some(Chosen { env: env.into(), level, session: None, trained: false })
        };
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
        // Watching needs a trained agent.
        assert_eq!(chosen(&[KeyCode::KeyX]), None);
        assert!(chosen(&[KeyCode::Digit2, KeyCode::KeyX]).unwrap().trained);
        // Continuing needs a saved session.
        assert_eq!(chosen(&[KeyCode::KeyG]), None);
        let session = chosen(&[KeyCode::ArrowRight, KeyCode::KeyG]).unwrap().session;
        assert_eq!(session, Some(PathBuf::from("saved")));
    }

    #[test]
    fn drawn_levels_are_on_the_card_of_their_world() {
        let folder = tempfile::tempdir().unwrap();
        let whole = Draft::of(&Level::shipped("lava-room", 3).unwrap());
        let text = whole.text();
        let files = [("one", text.clone()), ("two", text.replace('g', ".")), ("six", text.clone())];
        for (name, text) in &files {
            std::fs::write(folder.path().join(format!("{name}.ron")), text).unwrap();
        }
        let start = |keys: &[KeyCode]| {
            let mut app = app();
            let own = drawn_levels::list(folder.path());
            assert_eq!(
                own.iter().map(|level| level.name.as_str()).collect::<Vec<_>>(),
                ["one", "six", "two"]
            );
            app.world_mut().resource_mut::<Cards>().cards[0].drawn = own;
            keys.iter().for_each(|key| press(&mut app, *key));
            let level = requested(&app);
            (level.and_then(|chosen| chosen.level), app.world().resource::<Cards>().problem.clone())
        };
        let file = |name: &str| Some(folder.path().join(format!("{name}.ron")));
        assert_eq!(start(&[KeyCode::KeyM, KeyCode::Enter]), (file("one"), None));
        assert_eq!(start(&[KeyCode::KeyM, KeyCode::KeyM, KeyCode::Enter]), (file("six"), None));
        // An unfinished level cannot be started; the message says how to continue drawing.
        let (level, problem) = start(&[KeyCode::KeyM, KeyCode::KeyM, KeyCode::KeyM, KeyCode::Enter]);
        assert_eq!(level, None);
        assert!(problem.unwrap().contains("two is unfinished"));
        let round = [KeyCode::KeyM; 4];
        assert_eq!(start(&[&round[..], &[KeyCode::Enter]].concat()).0, file("one"));
        assert_eq!(start(&[KeyCode::KeyM, KeyCode::Digit2, KeyCode::Enter]).0, Some("2".into()));
        // Without drawn levels the key does nothing.
        assert_eq!(start(&[KeyCode::ArrowRight, KeyCode::KeyM, KeyCode::Enter]).0, None);
    }

    #[test]
    fn a_drawn_level_that_was_left_is_selected() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.ron");
        std::fs::write(&path, Level::shipped("lava-room", 3).unwrap().text()).unwrap();
        let mut app = app();
        app.world_mut().resource_mut::<Cards>().cards[0].drawn = drawn_levels::list(folder.path());
        app.world_mut().resource_mut::<Cards>().select("lava-room", path.to_str());
        assert_eq!(app.world().resource::<Cards>().levels[0], 9);
    }

    #[test]
    fn unavailable_keys_say_why() {
        let mut app = app();
        press(&mut app, KeyCode::KeyG);
        assert_eq!(
            app.world().resource::<Cards>().problem.as_deref(),
            Some("no saved session for lava-room yet")
        );
        press(&mut app, KeyCode::ArrowRight);
        assert_eq!(app.world().resource::<Cards>().problem, None);
        press(&mut app, KeyCode::KeyX);
        assert_eq!(
            app.world().resource::<Cards>().problem.as_deref(),
            Some("no trained agent for paddle-duel yet")
        );
    }
}
