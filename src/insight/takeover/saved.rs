//! Saved assignment: the controller assignment and takeovers as JSON text, which `run` writes to a file. Controllers that
//! no longer exist are replaced by the default ones.

use std::path::Path;

use bevy::prelude::*;
use serde::{Deserialize, Serialize};

use super::Takeovers;
use crate::agent::{Controller, ControllerAssignment, FrozenPolicies, HumanInput};
use crate::files::in_plain_words;
use crate::mdp::EnvironmentSpec;

/// The file format.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedAssignment {
    /// `[slots]` of the watched arena and of the others: the assignment in the run's settings.
    usual: [Vec<Controller>; 2],
    /// `[slots]` of the watched arena.
    watched: Vec<Controller>,
    /// `[slots]` of the other arenas.
    others: Vec<Controller>,
    /// Slots that human players have taken over.
    #[serde(rename = "people")]
    takeovers: Takeovers,
}

/// The assignment and takeovers as text; `usual` is the assignment in the run's settings.
///
/// # Errors
/// If it cannot be written as JSON.
pub fn to_text(
    usual: &ControllerAssignment,
    assignment: &ControllerAssignment,
    takeovers: &Takeovers,
) -> Result<String, serde_json::Error> {
    let saved = SavedAssignment {
        usual: [usual.watched.clone(), usual.others.clone()],
        watched: assignment.watched.clone(),
        others: assignment.others.clone(),
        takeovers: takeovers.clone(),
    };
    serde_json::to_string_pretty(&saved).map(|text| text + "\n")
}

/// Assigns the controllers in `text`; returns a line about controllers that had to be replaced. Steps of human players
/// are not recorded until they press a key.
///
/// # Errors
/// One line if `text` cannot be read or does not fit the environment; the assignment is unchanged then.
pub fn restore(world: &mut World, text: &str, spec: &EnvironmentSpec) -> Result<Option<String>, String> {
    let saved: SavedAssignment =
        serde_json::from_str(text).map_err(|error| in_plain_words(&error.to_string()))?;
    let SavedAssignment { usual, mut watched, mut others, mut takeovers } = saved;
    let slots = spec.slots();
    for (key, assigned) in [("watched", &watched), ("others", &others)] {
        if assigned.len() != slots {
            return Err(format!("{key}: {} controllers, but this world has {slots} slot(s)", assigned.len()));
        }
    }
    let assignment = world.resource::<ControllerAssignment>();
    if usual != [assignment.watched.clone(), assignment.others.clone()] {
        return Err("the run's settings assign other controllers than before".to_owned());
    }
    let usual = assignment.clone();
    let mut frozen = world.get_resource_or_init::<FrozenPolicies>();
    let mut gone = Vec::new();
    for (controllers, usual) in [(&mut watched, &usual.watched), (&mut others, &usual.others)] {
        for (controller, usual) in controllers.iter_mut().zip(usual) {
            replace_missing(controller, usual, &mut frozen, spec, &mut gone);
        }
    }
    let within = |slot: usize| slot < slots;
    for takeover in &mut takeovers.0 {
        let human = |slot: usize| within(slot) && watched[slot] == Controller::Human;
        _ = takeover
            .take_if(|taken| !human(taken.slot) || !taken.replaced.iter().all(|(slot, _)| within(*slot)));
        for (slot, replaced) in takeover.iter_mut().flat_map(|taken| &mut taken.replaced) {
            replace_missing(replaced, &usual.watched[*slot], &mut frozen, spec, &mut gone);
        }
    }
    let human = |controllers: &[Controller], slot: usize| controllers[slot] == Controller::Human;
    let mut input = world.get_resource_or_insert_with(|| HumanInput::new(slots));
    (0..slots).for_each(|slot| input.absent[slot] = human(&watched, slot) || human(&others, slot));
    world.insert_resource(ControllerAssignment { watched, others, each: usual.each });
    world.insert_resource(takeovers);
    gone.sort();
    gone.dedup();
    Ok((!gone.is_empty()).then(|| {
        let names: Vec<String> = gone.iter().map(|name| format!("{name:?}")).collect();
        format!("{} not found; the default controller plays instead", names.join(", "))
    }))
}

/// Replaces `controller` by `usual` if it is a frozen policy that is neither loaded nor can be.
fn replace_missing(
    controller: &mut Controller,
    usual: &Controller,
    frozen: &mut FrozenPolicies,
    spec: &EnvironmentSpec,
    gone: &mut Vec<String>,
) {
    let Controller::Frozen(name) = controller else { return };
    if frozen.0.contains_key(name) || frozen.load(Path::new(name), spec).is_ok() {
        return;
    }
    gone.push(std::mem::take(name));
    *controller = usual.clone();
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::insight::takeover::PlayerRole;
    use crate::learner::UniformPolicy;
    use crate::worlds::WorldChoice;
    use Controller::{Human, Learning, Random, Scripted};

    /// A world as at the start of a session, with one trained agent.
    fn started() -> (World, EnvironmentSpec) {
        let spec = WorldChoice::new("paddle-duel", None).unwrap().spec();
        let mut world = World::new();
        world.insert_resource(ControllerAssignment::learn_against_script(&spec));
        world.insert_resource(HumanInput::new(spec.slots()));
        world.init_resource::<Takeovers>();
        let mut frozen = FrozenPolicies::default();
        frozen.0.insert("trained".into(), Arc::new(UniformPolicy { actions: 3.into() }));
        world.insert_resource(frozen);
        (world, spec)
    }

    fn text(assignment: &ControllerAssignment, takeovers: &Takeovers) -> String {
        let (world, _) = started();
        to_text(world.resource::<ControllerAssignment>(), assignment, takeovers).unwrap()
    }

    #[test]
    fn assignment_and_takeovers_are_restored_and_can_be_undone() {
        let (mut world, spec) = started();
        let trained = Controller::Frozen("trained".into());
        let mut assignment = world.resource::<ControllerAssignment>().clone();
        assignment.watched = vec![Random, trained.clone()];
        assignment.others[1] = Learning;
        let (before, mut takeovers) = (assignment.clone(), Takeovers::default());
        takeovers.toggle(PlayerRole::Agent, &spec, &mut assignment);
        assert_eq!(assignment.watched, [Random, Human]);
        assert_eq!(restore(&mut world, &text(&assignment, &takeovers), &spec), Ok(None));
        assert_eq!(*world.resource::<ControllerAssignment>(), assignment);
        assert_eq!(*world.resource::<Takeovers>(), takeovers);
        assert_eq!(world.resource::<HumanInput>().absent, [false, true]);
        takeovers.toggle(PlayerRole::Agent, &spec, &mut assignment);
        assert_eq!(assignment, before);
    }

    #[test]
    fn missing_controllers_are_named_once_and_replaced() {
        let (mut world, spec) = started();
        let gone = Controller::Frozen("minute 5".into());
        let mut assignment = world.resource::<ControllerAssignment>().clone();
        assignment.watched = vec![gone.clone(), Human];
        assignment.others = vec![Learning, gone];
        let note = restore(&mut world, &text(&assignment, &Takeovers::default()), &spec).unwrap().unwrap();
        assert!(note.starts_with("\"minute 5\" not found"), "{note}");
        let assignment = world.resource::<ControllerAssignment>();
        assert_eq!(
            (&assignment.watched[..], &assignment.others[..]),
            (&[Learning, Human][..], &[Learning, Scripted][..])
        );
    }

    #[test]
    fn invalid_text_is_refused_in_one_line_and_changes_nothing() {
        let good = {
            let (world, _) = started();
            text(world.resource::<ControllerAssignment>(), &Takeovers::default())
        };
        let trio = good.replacen("\"others\": [", "\"others\": [\n\"random\",", 1);
        for (bad, why) in [
            (good.replace("scripted", "wizard"), "wizard"),
            (trio, "others: 3 controllers"),
            (good.replacen("learning", "random", 1), "settings"),
            (good[..good.len() / 2].to_owned(), "ends too early"),
            (String::new(), "ends too early"),
            (good.replacen('{', "{\"more\": 1,", 1), "more"),
        ] {
            let (mut world, spec) = started();
            let before = world.resource::<ControllerAssignment>().clone();
            let error = restore(&mut world, &bad, &spec).unwrap_err();
            assert!(error.contains(why) && error.lines().count() == 1, "{error}");
            assert_eq!(*world.resource::<ControllerAssignment>(), before);
        }
        // Takeovers of slots that do not exist are dropped.
        let (mut world, spec) = started();
        let wild = r#"[{"slot": 9, "relieved": [[99, "random"]]}, {"slot": 0, "relieved": [[7, "random"]]}]"#;
        let people = good.find("\"people\": ").unwrap() + "\"people\": ".len();
        let bad = format!("{}{wild}}}", &good[..people]);
        assert_eq!(restore(&mut world, &bad, &spec), Ok(None));
        assert_eq!(*world.resource::<Takeovers>(), Takeovers::default());
    }
}
