//! Tests: the key table of docs/arcade.md lists the registered keys, and command ids stay the same.

use bevy::prelude::*;

use super::add_keys;
use crate::files;
use crate::view::bindings::Bindings;
use crate::view::commands::KeyRegistry;

/// The keys in the table of docs/arcade.md, in order.
fn documented() -> Vec<String> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/arcade.md");
    let text = files::read_text(&path, files::LARGEST_TEXT).unwrap();
    let table = text.split("## Keys").nth(1).unwrap().split("\n## ").next().unwrap();
    let first = |row: &str| row.strip_prefix("| ").and_then(|row| row.split(" | ").next()).map(String::from);
    let cells: Vec<String> = table.lines().filter_map(first).collect();
    cells.iter().flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(String::from).collect()
}

#[test]
fn the_key_table_of_the_docs_is_complete() {
    let mut app = App::new();
    add_keys(&mut app);
    let registry = app.world().resource::<KeyRegistry>();
    let bindings = Bindings::new(registry);
    // The table explains the keys that move players together.
    let move_keys: Vec<&str> =
        crate::view::input::MOVE_KEYS.iter().map(|spec| bindings.label(spec.command)).collect();
    let all = registry.rebindable().map(|(spec, _)| bindings.label(spec.command).replace('−', "-"));
    let keys: Vec<String> = all.filter(|key| !move_keys.contains(&key.as_str())).collect();
    let documented_keys = documented();
    for key in &keys {
        assert!(documented_keys.contains(key), "docs/arcade.md: the key table lacks `{key}`");
    }
    for key in documented_keys.iter().filter(|key| !["WASD", "Esc"].contains(&key.as_str())) {
        let known = keys.contains(key) || move_keys.contains(&key.as_str());
        assert!(known, "docs/arcade.md: no command has the key `{key}`");
    }
}

#[test]
fn command_ids_and_default_keys_do_not_change() {
    let mut app = App::new();
    add_keys(&mut app);
    let registry = app.world().resource::<KeyRegistry>();
    let bindings = Bindings::new(registry);
    let all =
        registry.rebindable().map(|(spec, _)| format!("{} {}", spec.command.0, bindings.label(spec.command)));
    let expected = [
        "left_up W",
        "left_left A",
        "left_down S",
        "left_right D",
        "left_fire F",
        "right_up ⬆",
        "right_left ⬅",
        "right_down ⬇",
        "right_right ➡",
        "right_fire Enter",
        "take_first T",
        "take_second Y",
        "pause Space",
        "step .",
        "faster +",
        "slower −",
        "max M",
        "restart R",
        "praise P",
        "blame B",
        "compare N",
        "look_back L",
        "values Q",
        "map V",
        "ways G",
        "memory H",
        "edit E",
        "zoom Z",
        "picture F12",
        "record F11",
        "panel Tab",
    ];
    assert_eq!(all.collect::<Vec<_>>(), expected);
}
