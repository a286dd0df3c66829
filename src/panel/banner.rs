//! Banner: the result of a round, over the stage until the next one starts.

use bevy::prelude::*;
use bevy_egui::{EguiContexts, egui};

use super::hud::{HudPart, add_hud_entry};
use super::names::{capitalized, name_in_sentence, slot_name};
use super::text_box::TextBox;
use super::theme::tone;
use crate::agent::{Controller, ControllerAssignment};
use crate::insight::rounds::{RoundEnd, Rounds};
use crate::mdp::EnvironmentSpec;
use crate::sim::arena::Spec;
use crate::view::bindings::Bindings;
use crate::view::modes::{Mode, Modes};
use crate::view::palette::{self, Tone};
use crate::view::{ScreenLayout, time};

/// Adds the rounds won to the status line. The panel adds [`show`].
pub(super) fn plugin(app: &mut App) {
    add_hud_entry(app, 30, wins);
}

/// Rounds won by each side.
fn wins(world: &World, parts: &mut Vec<HudPart>) {
    if let Some(rounds) = world.get_resource::<Rounds>().filter(|rounds| rounds.wins != [0, 0]) {
        let [left, right] = rounds.wins;
        parts.push(HudPart::Text(format!("rounds {left} : {right}")));
    }
}

/// Shows the result of the round and the key that starts the next one.
pub(super) fn show(
    mut contexts: EguiContexts,
    spec: Res<Spec>,
    rounds: Option<Res<Rounds>>,
    modes: Res<Modes>,
    assignment: Option<Res<ControllerAssignment>>,
    bindings: Res<Bindings>,
    screen: Res<ScreenLayout>,
) -> Result {
    let shown = rounds.filter(|_| !modes.on(Mode::Compare) && !modes.on(Mode::Playback));
    let Some(ended) = shown.as_ref().and_then(|rounds| rounds.ended.as_ref()) else { return Ok(()) };
    let human_plays = assignment.is_some_and(|assignment| assignment.watched.contains(&Controller::Human));
    let next =
        format!("{}: {}", bindings.label(time::PAUSE), if human_plays { "rematch" } else { "next round" });
    banner(contexts.ctx_mut()?, &screen, &spec, ended, &next);
    Ok(())
}

fn banner(
    context: &egui::Context,
    screen: &ScreenLayout,
    spec: &EnvironmentSpec,
    ended: &RoundEnd,
    next: &str,
) {
    let (text, color) = result(spec, ended);
    let mut lines = vec![(text, 26.0, tone(color))];
    if let Some(opponent) = opponent(spec, ended) {
        lines.push((format!("against {}", name_in_sentence(opponent)), 13.0, tone(palette::of(opponent))));
    }
    lines.push((next.to_owned(), 13.0, tone(palette::MUTED)));
    let size = context.viewport_rect().size();
    let text_box = TextBox {
        id: "round".into(),
        order: egui::Order::Foreground,
        anchor: egui::Align2::CENTER_CENTER,
        at: egui::pos2((size.x - screen.right) / 2.0, (size.y - screen.bottom) / 2.0),
        widest: size.x - screen.right - 20.0,
        fill: tone(palette::NIGHT).gamma_multiply(0.9),
        margin: egui::vec2(28.0, 16.0),
        radius: 12.0,
    };
    text_box.show(context, &lines);
}

/// The slots of a side, 0 for that of the first slot.
fn slots(spec: &EnvironmentSpec, side: usize) -> impl Iterator<Item = usize> {
    (0..spec.slots()).filter(move |&slot| spec.on_first_side(slot) == (side == 0))
}

/// Whether each side has a human player.
fn human_sides(spec: &EnvironmentSpec, ended: &RoundEnd) -> [bool; 2] {
    let human = |slot: usize| ended.players.get(slot) == Some(&Controller::Human);
    [0, 1].map(|side| slots(spec, side).any(human))
}

/// The opponent of a human player; `None` if both sides or neither have one.
fn opponent<'a>(spec: &EnvironmentSpec, ended: &'a RoundEnd) -> Option<&'a Controller> {
    let other = match human_sides(spec, ended) {
        [true, false] => 1,
        [false, true] => 0,
        _ => return None,
    };
    slots(spec, other).next().and_then(|slot| ended.players.get(slot))
}

/// Winner and score, from the point of view of the human player if there is one.
fn result(spec: &EnvironmentSpec, ended: &RoundEnd) -> (String, Tone) {
    let human_side = match human_sides(spec, ended) {
        [true, false] => Some(0),
        [false, true] => Some(1),
        _ => None,
    };
    let player = |side: usize| slots(spec, side).next().and_then(|slot| ended.players.get(slot));
    let color = |side: usize| player(side).map_or(palette::INK, palette::of);
    let (text, first, color) = match (ended.winner, human_side) {
        (Some(winner), Some(human)) if winner == human => ("You win".to_owned(), human, palette::SKY),
        (Some(winner), Some(human)) => ("You lose".to_owned(), human, color(winner)),
        (Some(winner), None) => {
            let slot = slots(spec, winner).next().unwrap_or(0);
            let name = match player(winner) {
                Some(Controller::Human) | None => slot_name(&spec.teams, slot),
                Some(player) => name_in_sentence(player),
            };
            (format!("{} wins", capitalized(&name)), winner, color(winner))
        }
        (None, human) => ("No winner".to_owned(), human.unwrap_or(0), palette::INK),
    };
    let score =
        ended.points.map_or(String::new(), |points| format!(" {} : {}", points[first], points[1 - first]));
    (text + &score, color)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worlds::WorldChoice;
    use Controller::{Human, Learning, Scripted};

    #[test]
    fn results_take_the_human_players_point_of_view() {
        let text_of = |world: &str, players: &[Controller], winner, points| {
            let spec = WorldChoice::new(world, None).unwrap().spec();
            result(&spec, &RoundEnd { winner, points, players: players.to_vec() }).0
        };
        let duel =
            |players: &[Controller], winner, points| text_of("paddle-duel", players, winner, Some(points));
        for (players, winner, points, text) in [
            ([Learning, Human], Some(0), [5, 2], "You lose 2 : 5"),
            ([Learning, Human], Some(1), [3, 5], "You win 5 : 3"),
            ([Human, Scripted], Some(0), [5, 0], "You win 5 : 0"),
            ([Human, Scripted], Some(1), [4, 5], "You lose 4 : 5"),
            ([Learning, Scripted], Some(0), [5, 1], "The agent wins 5 : 1"),
            ([Learning, Scripted], Some(1), [1, 5], "The built-in bot wins 5 : 1"),
            ([Human, Human], Some(0), [5, 1], "Left wins 5 : 1"),
            ([Human, Human], Some(1), [1, 5], "Right wins 5 : 1"),
            ([Learning, Human], None, [2, 3], "No winner 3 : 2"),
        ] {
            assert_eq!(duel(&players, winner, points), text);
        }
        assert_eq!(text_of("tag", &[Learning, Human], Some(1), None), "You win");
        let four = [Learning, Learning, Human, Scripted];
        assert_eq!(text_of("puck-2v2", &four, Some(0), Some([3, 1])), "You lose 1 : 3");
    }
}
