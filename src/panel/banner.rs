//! Banner: how a round ended, over the stage, until people go on.

use bevy_egui::egui;

use super::plate::Plate;
use super::playing::{brief, capital, side};
use super::theme::tone;
use crate::agent::Controller;
use crate::insight::rounds::RoundEnd;
use crate::mdp::EnvironmentSpec;
use crate::view::Screen;
use crate::view::palette::{self, Tone};

/// Shows how `ended`, and what to press for the next round.
pub(super) fn banner(
    context: &egui::Context,
    screen: &Screen,
    spec: &EnvironmentSpec,
    ended: &RoundEnd,
    on: &str,
) {
    let (text, color) = verdict(spec, ended);
    let mut lines = vec![(text, 26.0, tone(color))];
    if let Some(opponent) = opponent(spec, ended) {
        lines.push((format!("against {}", brief(opponent)), 13.0, tone(palette::of(opponent))));
    }
    lines.push((on.to_owned(), 13.0, tone(palette::MUTED)));
    let size = context.viewport_rect().size();
    let plate = Plate {
        id: "round".into(),
        order: egui::Order::Foreground,
        anchor: egui::Align2::CENTER_CENTER,
        at: egui::pos2((size.x - screen.right) / 2.0, (size.y - screen.bottom) / 2.0),
        widest: size.x - screen.right - 20.0,
        fill: tone(palette::NIGHT).gamma_multiply(0.9),
        margin: egui::vec2(28.0, 16.0),
        radius: 12.0,
    };
    plate.show(context, &lines);
}

/// The slots of a side, 0 for that of the first slot.
fn slots(spec: &EnvironmentSpec, side: usize) -> impl Iterator<Item = usize> {
    (0..spec.slots()).filter(move |&slot| spec.on_first_side(slot) == (side == 0))
}

/// Whether people play on either side.
fn people(spec: &EnvironmentSpec, ended: &RoundEnd) -> [bool; 2] {
    let human = |slot: usize| ended.players.get(slot) == Some(&Controller::Human);
    [0, 1].map(|side| slots(spec, side).any(human))
}

/// Whom one person has played against; `None` where people play on both sides.
fn opponent<'a>(spec: &EnvironmentSpec, ended: &'a RoundEnd) -> Option<&'a Controller> {
    let other = match people(spec, ended) {
        [true, false] => 1,
        [false, true] => 0,
        _ => return None,
    };
    slots(spec, other).next().and_then(|slot| ended.players.get(slot))
}

/// Who won and with which score, as a person would say it who has played.
fn verdict(spec: &EnvironmentSpec, ended: &RoundEnd) -> (String, Tone) {
    let own = match people(spec, ended) {
        [true, false] => Some(0),
        [false, true] => Some(1),
        _ => None,
    };
    let player = |side: usize| slots(spec, side).next().and_then(|slot| ended.players.get(slot));
    let color = |side: usize| player(side).map_or(palette::INK, palette::of);
    let (text, first, color) = match (ended.winner, own) {
        (Some(winner), Some(own)) if winner == own => ("You win".to_owned(), own, palette::SKY),
        (Some(winner), Some(own)) => ("You lose".to_owned(), own, color(winner)),
        (Some(winner), None) => {
            let slot = slots(spec, winner).next().unwrap_or(0);
            let name = match player(winner) {
                Some(Controller::Human) | None => side(&spec.teams, slot),
                Some(player) => brief(player),
            };
            (format!("{} wins", capital(&name)), winner, color(winner))
        }
        (None, own) => ("Nobody wins".to_owned(), own.unwrap_or(0), palette::INK),
    };
    let score =
        ended.points.map_or(String::new(), |points| format!(" {} : {}", points[first], points[1 - first]));
    (text + &score, color)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::worlds::WorldChoice;
    use Controller::{Human, Learning, Scripted};

    #[test]
    fn results_are_told_as_a_person_would_who_has_played() {
        let said = |world: &str, players: &[Controller], winner, points| {
            let spec = WorldChoice::new(world, None).unwrap().spec();
            verdict(&spec, &RoundEnd { winner, points, players: players.to_vec() }).0
        };
        let duel =
            |players: &[Controller], winner, points| said("paddle-duel", players, winner, Some(points));
        for (players, winner, points, text) in [
            ([Learning, Human], Some(0), [5, 2], "You lose 2 : 5"),
            ([Learning, Human], Some(1), [3, 5], "You win 5 : 3"),
            ([Human, Scripted], Some(0), [5, 0], "You win 5 : 0"),
            ([Human, Scripted], Some(1), [4, 5], "You lose 4 : 5"),
            ([Learning, Scripted], Some(0), [5, 1], "The agent wins 5 : 1"),
            ([Learning, Scripted], Some(1), [1, 5], "The built-in bot wins 5 : 1"),
            ([Human, Human], Some(0), [5, 1], "Left wins 5 : 1"),
            ([Human, Human], Some(1), [1, 5], "Right wins 5 : 1"),
            ([Learning, Human], None, [2, 3], "Nobody wins 3 : 2"),
        ] {
            assert_eq!(duel(&players, winner, points), text);
        }
        assert_eq!(said("tag", &[Learning, Human], Some(1), None), "You win");
        let four = [Learning, Learning, Human, Scripted];
        assert_eq!(said("puck-2v2", &four, Some(0), Some([3, 1])), "You lose 1 : 3");
    }
}
