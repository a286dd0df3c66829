//! Names: displayed names of controllers and slots.

use std::path::Path;

use crate::agent::Controller;

/// Displayed name of a controller.
pub(crate) fn controller_name(controller: &Controller) -> String {
    match controller {
        Controller::Human => "you".into(),
        Controller::Learning => "the agent (learning)".into(),
        Controller::Scripted => "built-in bot".into(),
        Controller::Random => "random".into(),
        Controller::External => "code".into(),
        Controller::Frozen(name) => frozen_name(name),
    }
}

/// Name of a controller within a sentence.
pub(crate) fn name_in_sentence(controller: &Controller) -> String {
    match controller {
        Controller::Learning => "the agent".into(),
        Controller::Scripted => "the built-in bot".into(),
        Controller::Random => "the random player".into(),
        Controller::Frozen(_) => {
            let name = controller_name(controller);
            if name.starts_with("the ") { name } else { format!("the {name}") }
        }
        Controller::Human | Controller::External => controller_name(controller),
    }
}

/// Name of a frozen policy: the agent at an earlier age, the shipped trained agent, or one loaded from a folder.
fn frozen_name(name: &str) -> String {
    let age = name.strip_prefix("minute ").or_else(|| name.strip_prefix("second "));
    if age.is_some_and(|age| age.bytes().all(|byte| byte.is_ascii_digit())) {
        return format!("the agent at {name}");
    }
    let short = Path::new(name).file_name().map_or_else(|| name.into(), |short| short.to_string_lossy());
    match name {
        "now" => "the agent now".into(),
        "trained" => "trained agent".into(),
        _ => format!("agent from {short}"),
    }
}

/// `text` with its first letter in upper case.
pub(crate) fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// Displayed name of a slot, given the team of every slot: left or right, numbered if the team has several slots; only a
/// number if there is just one team.
pub(crate) fn slot_name(teams: &[usize], slot: usize) -> String {
    if teams.iter().all(|team| Some(team) == teams.first()) {
        return format!("player {}", slot + 1);
    }
    let name = if teams.get(slot) == teams.first() { "left" } else { "right" };
    let teammates = |slots: &[usize]| slots.iter().filter(|&team| teams.get(slot) == Some(team)).count();
    if teammates(teams) > 1 { format!("{name} {}", teammates(&teams[..=slot])) } else { name.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controllers_have_plain_names() {
        for (controller, name, in_sentence) in [
            (Controller::Human, "you", "you"),
            (Controller::Learning, "the agent (learning)", "the agent"),
            (Controller::Scripted, "built-in bot", "the built-in bot"),
            (Controller::Random, "random", "the random player"),
            (Controller::Frozen("minute 5".into()), "the agent at minute 5", "the agent at minute 5"),
            (Controller::Frozen("trained".into()), "trained agent", "the trained agent"),
            (Controller::Frozen("runs/lava".into()), "agent from lava", "the agent from lava"),
        ] {
            assert_eq!(
                (controller_name(&controller).as_str(), name_in_sentence(&controller).as_str()),
                (name, in_sentence)
            );
        }
    }
}
