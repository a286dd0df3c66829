//! Player keys: the entries of human players in the key bar.

use bevy::prelude::*;

use super::keybar::{KeyEntry, PlayerKeys};
use super::names::slot_name;
use crate::agent::{Controller, ControllerAssignment};
use crate::insight::takeover::{PlayerRole, Takeovers};
use crate::sim::arena::Spec;
use crate::view::bindings::Bindings;
use crate::view::input;

/// Every assignment of up to two human players, the current one first.
fn possible_assignments(
    spec: &Spec,
    assignment: &ControllerAssignment,
    takeovers: &Takeovers,
) -> Vec<(ControllerAssignment, Takeovers)> {
    let toggled = |roles: &[PlayerRole]| {
        let (mut assignment, mut takeovers) = (assignment.clone(), takeovers.clone());
        roles.iter().for_each(|role| takeovers.toggle(*role, spec, &mut assignment));
        (assignment, takeovers)
    };
    let [first, second] = PlayerRole::ALL;
    [&[][..], &[first], &[second], &[first, second]].map(toggled).to_vec()
}

/// What the key of `role` does now; `None` if it does nothing.
fn role_hint(
    role: PlayerRole,
    spec: &Spec,
    assignment: &ControllerAssignment,
    takeovers: &Takeovers,
) -> Option<&'static str> {
    let (alone, sides) = (spec.slots() == 1, spec.has_sides());
    if takeovers.held_slot(role, spec, assignment).is_some() {
        return Some(if alone { "return control" } else { "stop playing" });
    }
    takeovers.free_slot(role, spec, assignment)?;
    let human_plays = assignment.watched.contains(&Controller::Human);
    Some(match role {
        PlayerRole::Opponent if alone => "take over",
        _ if human_plays => "add a second player",
        PlayerRole::Opponent if sides => "play against the agent",
        PlayerRole::Opponent => "play with the agent",
        PlayerRole::Agent if sides => "play in the agent's place",
        PlayerRole::Agent => "play as player 2",
    })
}

/// Keys that move the human players of the watched arena, and keys that join or leave.
fn keys(
    spec: &Spec,
    bindings: &Bindings,
    (assignment, takeovers): &(ControllerAssignment, Takeovers),
) -> Vec<KeyEntry> {
    let mut entries = Vec::new();
    let human = |slot: usize| assignment.watched.get(slot) == Some(&Controller::Human);
    for slot in (0..spec.slots()).filter(|&slot| human(slot)) {
        let hands = input::key_sets(assignment, slot);
        let actions = &spec.action;
        let keys =
            (0..2).filter(|&hand| hands[hand]).flat_map(|hand| input::labels(actions, hands, hand, bindings));
        let both_hands = hands == [true, true];
        entries.push((keys.collect(), if both_hands { "move".into() } else { slot_name(&spec.teams, slot) }));
    }
    for (role, command) in PlayerRole::ALL.into_iter().zip(input::TAKE_OVER) {
        if let Some(meaning) = role_hint(role, spec, assignment, takeovers) {
            entries.push((vec![bindings.label(command)], meaning.to_owned()));
        }
    }
    entries
}

/// Current entries, and the entries of every other assignment of human players.
fn player_keys(world: &World) -> (Vec<KeyEntry>, Vec<Vec<KeyEntry>>) {
    let (Some(spec), Some(assignment), Some(takeovers)) = (
        world.get_resource::<Spec>(),
        world.get_resource::<ControllerAssignment>(),
        world.get_resource::<Takeovers>(),
    ) else {
        return default();
    };
    let bindings = world.resource::<Bindings>();
    let all = possible_assignments(spec, assignment, takeovers);
    let all: Vec<Vec<KeyEntry>> = all.iter().map(|assignment| keys(spec, bindings, assignment)).collect();
    (all.first().cloned().unwrap_or_default(), all)
}

/// Adds the player keys to the key bar.
pub(super) fn plugin(app: &mut App) {
    app.insert_resource(PlayerKeys(player_keys));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worlds::WorldChoice;

    #[test]
    fn hints_say_whether_you_play_against_or_with_the_agent() {
        let hints = |world: &str, roles: &[PlayerRole]| {
            let spec = Spec(WorldChoice::new(world, None).unwrap().spec());
            let mut assignment = ControllerAssignment::learn_against_script(&spec);
            let mut takeovers = Takeovers::default();
            roles.iter().for_each(|role| takeovers.toggle(*role, &spec, &mut assignment));
            PlayerRole::ALL.map(|role| role_hint(role, &spec, &assignment, &takeovers))
        };
        let [opposite, agents] = PlayerRole::ALL;
        let second = Some("add a second player");
        for world in ["paddle-duel", "volley", "puck", "puck-2v2", "tag"] {
            let both = [Some("play against the agent"), Some("play in the agent's place")];
            assert_eq!(hints(world, &[]), both, "{world}");
            assert_eq!(hints(world, &[opposite]), [Some("stop playing"), second], "{world}");
            assert_eq!(hints(world, &[agents]), [second, Some("stop playing")], "{world}");
        }
        assert_eq!(hints("two-plates", &[]), [Some("play with the agent"), Some("play as player 2")]);
        assert_eq!(hints("lava-room", &[]), [Some("take over"), None]);
        assert_eq!(hints("lava-room", &[opposite]), [Some("return control"), None]);
    }
}
