//! Help: which keys do what in a world, as things stand.

use super::keybar::Help;
use super::playing::side;
use crate::agent::{Controller, ControllerAssignment};
use crate::insight::seating::{Seat, Seating};
use crate::sim::arena::Spec;
use crate::view::bindings::{Bindings, Command};
use crate::view::{Screen, input};

/// Whether there are rooms, a comparison, an earlier episode, an editor, and ways ahead.
pub(super) type There = [bool; 5];

/// Every way in which up to two people can sit down, the present one first.
pub(super) fn seatings(
    spec: &Spec,
    assignment: &ControllerAssignment,
    seating: &Seating,
) -> Vec<(ControllerAssignment, Seating)> {
    let toggled = |seats: &[Seat]| {
        let (mut assignment, mut seating) = (assignment.clone(), seating.clone());
        seats.iter().for_each(|seat| seating.toggle(*seat, spec, &mut assignment));
        (assignment, seating)
    };
    let [first, second] = Seat::ALL;
    [&[][..], &[first], &[second], &[first, second]].map(toggled).to_vec()
}

/// What the key of `seat` does now; `None` where there is no such seat.
fn sitting(
    seat: Seat,
    spec: &Spec,
    assignment: &ControllerAssignment,
    seating: &Seating,
) -> Option<&'static str> {
    let (alone, sides) = (spec.slots() == 1, spec.has_sides());
    if seating.taken(seat, spec, assignment).is_some() {
        return Some(if alone { "give back" } else { "stop playing" });
    }
    seating.offered(seat, spec, assignment)?;
    let somebody = assignment.watched.contains(&Controller::Human);
    Some(match seat {
        Seat::Opposite if alone => "take over",
        _ if somebody => "a second person plays",
        Seat::Opposite if sides => "play against the agent",
        Seat::Opposite => "play with the agent",
        Seat::Agents if sides => "play in the agent's place",
        Seat::Agents => "play in the second seat",
    })
}

/// Keys and what they do now. `there` says whether there are rooms, a comparison, an earlier episode, an editor and ways.
pub(super) fn commands(
    spec: &Spec,
    people: Option<(&ControllerAssignment, &Seating)>,
    screen: &Screen,
    bindings: &Bindings,
    [rooms, compared, looking, editing, leads]: There,
    esc: &str,
) -> Vec<Help> {
    let mut lines = Vec::new();
    if let Some((assignment, seating)) = people {
        let human = |slot: usize| assignment.watched.get(slot) == Some(&Controller::Human);
        for slot in (0..spec.slots()).filter(|&slot| human(slot)) {
            let hands = input::hands(assignment, slot);
            let actions = spec.action.names();
            let keys = (0..2)
                .filter(|&hand| hands[hand])
                .flat_map(|hand| input::labels(actions, hand, bindings))
                .collect();
            let alone = hands == [true, true];
            lines.push((keys, if alone { "move".into() } else { side(&spec.teams, slot) }));
        }
        for (seat, command) in Seat::ALL.into_iter().zip(input::SEATS) {
            if let Some(meaning) = sitting(seat, spec, assignment, seating) {
                lines.push((vec![bindings.label(command)], meaning.to_owned()));
            }
        }
    }
    let zoom = if screen.zoomed_out { "one arena" } else { "many arenas" };
    let name = |command| bindings.label(command);
    for (keys, meaning) in [
        (vec![name(Command::Pause)], "pause"),
        (vec![name(Command::Step)], "step"),
        (vec![name(Command::Faster), name(Command::Slower)], "speed"),
        (vec![name(Command::Max)], "max"),
        (vec![name(Command::Restart)], "restart"),
        (vec![name(Command::Praise), name(Command::Blame)], "praise, blame"),
        (vec![name(Command::Compare)], if compared { "back" } else { "then and now" }),
        (vec![name(Command::Playback)], if looking { "back to now" } else { "look back" }),
        (vec![name(Command::Values)], "values"),
        (if leads { vec![name(Command::Ways)] } else { Vec::new() }, "way ahead"),
        (if rooms { vec![name(Command::Map)] } else { Vec::new() }, "values on the map"),
        (
            if rooms { vec![name(Command::Edit)] } else { Vec::new() },
            if editing { "done with the map" } else { "edit the map" },
        ),
        (vec![name(Command::Zoom)], zoom),
        (vec![name(Command::Picture)], "picture"),
        (vec![name(Command::Record)], "record"),
        (vec![name(Command::Panel)], "panel"),
        (vec!["Esc"], esc),
    ] {
        if !keys.is_empty() {
            lines.push((keys, meaning.to_owned()));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::worlds::WorldChoice;

    #[test]
    fn keys_of_seats_say_against_whom_and_with_whom_one_plays() {
        let said = |world: &str, seats: &[Seat]| {
            let spec = Spec(WorldChoice::new(world, None).unwrap().spec());
            let mut assignment = ControllerAssignment::learn_against_script(&spec);
            let mut seating = Seating::default();
            seats.iter().for_each(|seat| seating.toggle(*seat, &spec, &mut assignment));
            Seat::ALL.map(|seat| sitting(seat, &spec, &assignment, &seating))
        };
        let [against, agents] = Seat::ALL;
        let second = Some("a second person plays");
        for world in ["paddle-duel", "volley", "puck", "puck-2v2", "tag"] {
            let both = [Some("play against the agent"), Some("play in the agent's place")];
            assert_eq!(said(world, &[]), both, "{world}");
            assert_eq!(said(world, &[against]), [Some("stop playing"), second], "{world}");
            assert_eq!(said(world, &[agents]), [second, Some("stop playing")], "{world}");
        }
        assert_eq!(said("two-plates", &[]), [Some("play with the agent"), Some("play in the second seat")]);
        assert_eq!(said("lava-room", &[]), [Some("take over"), None]);
        assert_eq!(said("lava-room", &[against]), [Some("give back"), None]);
    }
}
