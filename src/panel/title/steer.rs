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
        (cards.lit, cards.seek, cards.problem) = (next, true, None);
        heard.write(Heard { stage: None, cue: Cue::Tick, pitch: 1.0 });
    }
    let lit = cards.lit;
    let levels = cards.cards.get(lit).map_or(0, |card| card.levels);
    if let Some(level) = controls.choice().filter(|level| *level < levels) {
        cards.levels[lit] = level + 1;
    }
    let own = cards.cards.get(lit).map_or(0, |card| card.own.len());
    if struck(Command::NextLevel) && levels > 0 {
        cards.levels[lit] = cards.levels[lit] % (levels + own) + 1;
    }
    if struck(Command::OwnLevel) && own > 0 {
        // The first of them, then one after the other.
        cards.levels[lit] = levels + 1 + (cards.levels[lit].max(levels) - levels) % own;
    }
    if struck(Command::Begin) {
        choose(&mut cards, lit, Visit::Anew, &choice, &mut exit);
    } else if struck(Command::GoOn) {
        choose(&mut cards, lit, Visit::Again, &choice, &mut exit);
    } else if struck(Command::Watch) {
        choose(&mut cards, lit, Visit::Trained, &choice, &mut exit);
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
    cards: &mut Cards,
    index: usize,
    visit: Visit,
    choice: &Choice,
    exit: &mut MessageWriter<AppExit>,
) {
    let Some(card) = cards.cards.get(index) else { return };
    let session = card.session.clone().filter(|_| visit == Visit::Again);
    let trained = visit == Visit::Trained && cards.trained(index);
    if (visit == Visit::Again && session.is_none()) || (visit == Visit::Trained && !trained) {
        let what = if visit == Visit::Again { "session" } else { "trained agent" };
        cards.problem = Some(format!("no {what} of {} yet", card.spec.name));
        return;
    }
    let number = cards.levels[index];
    let own = number.checked_sub(card.levels + 1).and_then(|own| card.own.get(own));
    if let Some(map) = own.filter(|map| map.level.is_none() && visit != Visit::Again) {
        let how = "begin another level, E, and open it under my levels";
        cards.problem = Some(format!("{} is unfinished: {how}", map.name));
        return;
    }
    let level =
        (card.levels > 0).then(|| own.map_or_else(|| number.to_string().into(), |map| map.path.clone()));
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
    use crate::panel::maps;
    use crate::sim::level::Level;
    use crate::sim::level::draft::Draft;
    use crate::view::controls::tests::strike;

    fn chosen(keys: &[KeyCode]) -> Option<Chosen> {
        let mut app = app();
        keys.iter().for_each(|key| strike(&mut app, *key));
        app.world().resource::<Choice>().0.lock().unwrap().clone()
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
        // Only where a trained agent comes along one can watch it.
        assert_eq!(chosen(&[KeyCode::KeyX]), None);
        assert!(chosen(&[KeyCode::Digit2, KeyCode::KeyX]).unwrap().trained);
        // Only where there is a session one can go on.
        assert_eq!(chosen(&[KeyCode::KeyG]), None);
        let session = chosen(&[KeyCode::ArrowRight, KeyCode::KeyG]).unwrap().session;
        assert_eq!(session, Some(PathBuf::from("kept")));
    }

    #[test]
    fn maps_that_were_drawn_stand_on_their_worlds_card() {
        let folder = tempfile::tempdir().unwrap();
        let whole = Draft::of(&Level::shipped("lava-room", 3).unwrap());
        let text = whole.text();
        let files = [("one", text.clone()), ("two", text.replace('g', ".")), ("six", text.clone())];
        for (name, text) in &files {
            std::fs::write(folder.path().join(format!("{name}.ron")), text).unwrap();
        }
        let begun = |keys: &[KeyCode]| {
            let mut app = app();
            let own = maps::list(folder.path());
            assert_eq!(own.iter().map(|map| map.name.as_str()).collect::<Vec<_>>(), ["one", "six", "two"]);
            app.world_mut().resource_mut::<Cards>().cards[0].own = own;
            keys.iter().for_each(|key| strike(&mut app, *key));
            let level = app.world().resource::<Choice>().0.lock().unwrap().clone();
            (level.and_then(|chosen| chosen.level), app.world().resource::<Cards>().problem.clone())
        };
        let file = |name: &str| Some(folder.path().join(format!("{name}.ron")));
        assert_eq!(begun(&[KeyCode::KeyM, KeyCode::Enter]), (file("one"), None));
        assert_eq!(begun(&[KeyCode::KeyM, KeyCode::KeyM, KeyCode::Enter]), (file("six"), None));
        // One that lacks its goal cannot be begun; it is said how it is drawn on.
        let (level, problem) = begun(&[KeyCode::KeyM, KeyCode::KeyM, KeyCode::KeyM, KeyCode::Enter]);
        assert_eq!(level, None);
        assert!(problem.unwrap().contains("two is unfinished"));
        let round = [KeyCode::KeyM; 4];
        assert_eq!(begun(&[&round[..], &[KeyCode::Enter]].concat()).0, file("one"));
        assert_eq!(begun(&[KeyCode::KeyM, KeyCode::Digit2, KeyCode::Enter]).0, Some("2".into()));
        // In a world without any the key does nothing.
        assert_eq!(begun(&[KeyCode::ArrowRight, KeyCode::KeyM, KeyCode::Enter]).0, None);
    }

    #[test]
    fn whoever_comes_back_from_a_drawn_map_finds_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.ron");
        std::fs::write(&path, Level::shipped("lava-room", 3).unwrap().text()).unwrap();
        let mut app = app();
        app.world_mut().resource_mut::<Cards>().cards[0].own = maps::list(folder.path());
        super::super::light(&mut app, "lava-room", path.to_str());
        assert_eq!(app.world().resource::<Cards>().levels[0], 9);
    }

    #[test]
    fn keys_that_mean_nothing_say_so() {
        let mut app = app();
        strike(&mut app, KeyCode::KeyG);
        assert_eq!(app.world().resource::<Cards>().problem.as_deref(), Some("no session of lava-room yet"));
        strike(&mut app, KeyCode::ArrowRight);
        assert_eq!(app.world().resource::<Cards>().problem, None);
        strike(&mut app, KeyCode::KeyX);
        assert_eq!(
            app.world().resource::<Cards>().problem.as_deref(),
            Some("no trained agent of paddle-duel yet")
        );
    }
}
