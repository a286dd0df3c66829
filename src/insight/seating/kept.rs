//! Kept seats: who sits where as text, and back again. What is no longer possible falls back to who usually sits there.
//!
//! Where the text is kept is left to `run`.

use std::path::Path;

use bevy::prelude::*;
use serde::{Deserialize, Serialize};

use super::Seating;
use crate::agent::{Controller, ControllerAssignment, FrozenPolicies, HumanInput};
use crate::files::in_plain_words;
use crate::mdp::EnvironmentSpec;

/// Who sits where, as it is written.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptSeats {
    /// By slot: who sits there by the run's settings, in the watched arena and in the others.
    usual: [Vec<Controller>; 2],
    /// By slot: who sits in the watched arena.
    watched: Vec<Controller>,
    /// By slot: who sits in the other arenas.
    others: Vec<Controller>,
    /// Whom people relieved in the watched arena.
    people: Seating,
}

/// Who sits where, as text; `usual` is what the run's settings say.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn to_text(
    usual: &ControllerAssignment,
    assignment: &ControllerAssignment,
    seating: &Seating,
) -> Result<String, serde_json::Error> {
    let kept = KeptSeats {
        usual: [usual.watched.clone(), usual.others.clone()],
        watched: assignment.watched.clone(),
        others: assignment.others.clone(),
        people: seating.clone(),
    };
    serde_json::to_string_pretty(&kept).map(|text| text + "\n")
}

/// AgentSlots everybody in `world` as `text` says; tells in one line what could not be done. Nothing is recorded of people who
/// are seated this way until they strike a key.
///
/// # Errors
/// One line when `text` says nothing that fits; nobody has changed seats then.
pub fn restore(world: &mut World, text: &str, spec: &EnvironmentSpec) -> Result<Option<String>, String> {
    let kept: KeptSeats = serde_json::from_str(text).map_err(|error| in_plain_words(&error.to_string()))?;
    let KeptSeats { usual, mut watched, mut others, people: mut seating } = kept;
    let slots = spec.slots();
    for (key, seats) in [("watched", &watched), ("others", &others)] {
        if seats.len() != slots {
            return Err(format!("{key} names {} players, this world has {slots} seat(s)", seats.len()));
        }
    }
    let assignment = world.resource::<ControllerAssignment>();
    if usual != [assignment.watched.clone(), assignment.others.clone()] {
        return Err("the run's settings seat other players than before".to_owned());
    }
    let usual = assignment.clone();
    let mut frozen = world.get_resource_or_init::<FrozenPolicies>();
    let mut gone = Vec::new();
    for (seats, usual) in [(&mut watched, &usual.watched), (&mut others, &usual.others)] {
        for (seat, usual) in seats.iter_mut().zip(usual) {
            sit(seat, usual, &mut frozen, spec, &mut gone);
        }
    }
    let within = |slot: usize| slot < slots;
    for guest in &mut seating.0 {
        let sits = |slot: usize| within(slot) && watched[slot] == Controller::Human;
        _ = guest.take_if(|guest| !sits(guest.slot) || !guest.relieved.iter().all(|(slot, _)| within(*slot)));
        for (slot, relieved) in guest.iter_mut().flat_map(|guest| &mut guest.relieved) {
            sit(relieved, &usual.watched[*slot], &mut frozen, spec, &mut gone);
        }
    }
    let human = |seats: &[Controller], slot: usize| seats[slot] == Controller::Human;
    let mut input = world.get_resource_or_insert_with(|| HumanInput::new(slots));
    (0..slots).for_each(|slot| input.absent[slot] = human(&watched, slot) || human(&others, slot));
    world.insert_resource(ControllerAssignment { watched, others, each: usual.each });
    world.insert_resource(seating);
    gone.sort();
    gone.dedup();
    Ok((!gone.is_empty()).then(|| {
        let names: Vec<String> = gone.iter().map(|name| format!("{name:?}")).collect();
        format!("{} cannot be found any more; whoever usually plays takes its seats", names.join(", "))
    }))
}

/// Lets `seat` be as it is where it can be: a frozen policy must be there, or be one that can be loaded.
fn sit(
    seat: &mut Controller,
    usual: &Controller,
    frozen: &mut FrozenPolicies,
    spec: &EnvironmentSpec,
    gone: &mut Vec<String>,
) {
    let Controller::Frozen(name) = seat else { return };
    if frozen.0.contains_key(name) || frozen.load(Path::new(name), spec).is_ok() {
        return;
    }
    gone.push(std::mem::take(name));
    *seat = usual.clone();
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::insight::seating::Seat;
    use crate::learner::UniformPolicy;
    use crate::sim::worlds::WorldChoice;
    use Controller::{Human, Learning, Random, Scripted};

    /// A world as a session begins, with one trained agent.
    fn begun() -> (World, EnvironmentSpec) {
        let spec = WorldChoice::new("paddle-duel", None).unwrap().spec();
        let mut world = World::new();
        world.insert_resource(ControllerAssignment::learn_against_script(&spec));
        world.insert_resource(HumanInput::new(spec.slots()));
        world.init_resource::<Seating>();
        let mut frozen = FrozenPolicies::default();
        frozen.0.insert("trained".into(), Arc::new(UniformPolicy { actions: 3 }));
        world.insert_resource(frozen);
        (world, spec)
    }

    fn text(assignment: &ControllerAssignment, seating: &Seating) -> String {
        let (world, _) = begun();
        to_text(world.resource::<ControllerAssignment>(), assignment, seating).unwrap()
    }

    #[test]
    fn everybody_finds_their_seat_again_and_gets_the_old_one_back() {
        let (mut world, spec) = begun();
        let trained = Controller::Frozen("trained".into());
        let mut assignment = world.resource::<ControllerAssignment>().clone();
        assignment.watched = vec![Random, trained.clone()];
        assignment.others[1] = Learning;
        let (before, mut seating) = (assignment.clone(), Seating::default());
        seating.toggle(Seat::Agents, &spec, &mut assignment);
        assert_eq!(assignment.watched, [Random, Human]);
        assert_eq!(restore(&mut world, &text(&assignment, &seating), &spec), Ok(None));
        assert_eq!(*world.resource::<ControllerAssignment>(), assignment);
        assert_eq!(*world.resource::<Seating>(), seating);
        assert_eq!(world.resource::<HumanInput>().absent, [false, true]);
        seating.toggle(Seat::Agents, &spec, &mut assignment);
        assert_eq!(assignment, before);
    }

    #[test]
    fn who_is_gone_is_named_once_and_replaced() {
        let (mut world, spec) = begun();
        let gone = Controller::Frozen("minute 5".into());
        let mut assignment = world.resource::<ControllerAssignment>().clone();
        assignment.watched = vec![gone.clone(), Human];
        assignment.others = vec![Learning, gone];
        let said = restore(&mut world, &text(&assignment, &Seating::default()), &spec).unwrap().unwrap();
        assert!(said.starts_with("\"minute 5\" cannot be found any more"), "{said}");
        let assignment = world.resource::<ControllerAssignment>();
        assert_eq!(
            (&assignment.watched[..], &assignment.others[..]),
            (&[Learning, Human][..], &[Learning, Scripted][..])
        );
    }

    #[test]
    fn impossible_seats_are_refused_in_one_line_and_change_nothing() {
        let good = {
            let (world, _) = begun();
            text(world.resource::<ControllerAssignment>(), &Seating::default())
        };
        let trio = good.replacen("\"others\": [", "\"others\": [\n\"random\",", 1);
        for (bad, why) in [
            (good.replace("scripted", "wizard"), "wizard"),
            (trio, "others names 3 players"),
            (good.replacen("learning", "random", 1), "settings"),
            (good[..good.len() / 2].to_owned(), "ends too early"),
            (String::new(), "ends too early"),
            (good.replacen('{', "{\"more\": 1,", 1), "more"),
        ] {
            let (mut world, spec) = begun();
            let before = world.resource::<ControllerAssignment>().clone();
            let error = restore(&mut world, &bad, &spec).unwrap_err();
            assert!(error.contains(why) && error.lines().count() == 1, "{error}");
            assert_eq!(*world.resource::<ControllerAssignment>(), before);
        }
        // Whoever stands in for somebody on a seat that is not there gets up.
        let (mut world, spec) = begun();
        let wild = r#"[{"slot": 9, "relieved": [[99, "random"]]}, {"slot": 0, "relieved": [[7, "random"]]}]"#;
        let people = good.find("\"people\": ").unwrap() + "\"people\": ".len();
        let bad = format!("{}{wild}}}", &good[..people]);
        assert_eq!(restore(&mut world, &bad, &spec), Ok(None));
        assert_eq!(*world.resource::<Seating>(), Seating::default());
    }
}
