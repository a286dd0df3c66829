//! Checks that hold for every entry of the catalogue.

use std::collections::BTreeSet;
use std::path::Path;

use super::rooms::level::{Level, shipped};
use super::*;
use crate::learner::trained::TrainedAgent;
use crate::mdp::WorldOptions;

#[test]
fn names_are_those_of_specs_and_no_two_are_alike() {
    let mut seen = BTreeSet::new();
    for world in CATALOGUE {
        assert!(seen.insert(world.name), "{} is there twice", world.name);
        assert_eq!(WorldChoice::new(world.name, None).unwrap().spec().name, world.name);
        assert!(world.rooms.is_none_or(|rules| rules.name == world.name), "{}", world.name);
    }
}

#[test]
fn files_are_called_as_they_are_found() {
    for world in CATALOGUE {
        let name = world.name;
        for (number, (file, text)) in world.levels().iter().enumerate() {
            assert_eq!(*file, format!("{name}-{}.ron", number + 1));
            assert_eq!(Level::of_world(name, file, text).unwrap().world, name);
        }
        for (file, bytes) in world.agents {
            let level = file.strip_prefix(name).and_then(|rest| rest.strip_suffix(".agent")).unwrap();
            let levels = world.levels().len();
            let plain = TrainedAgent::read(file, bytes).unwrap().world == WorldOptions::default();
            let fits = match level.strip_prefix('-').map(str::parse::<usize>) {
                None => levels == 0,
                Some(Ok(number)) => (1..=levels).contains(&number),
                // Trained with options of the world.
                Some(Err(_)) => !plain,
            };
            assert!(fits, "{file}");
        }
        assert!((1..=world.levels().len().max(1)).contains(&world.pictured_level), "{name}");
    }
    assert_eq!(shipped().count(), std::fs::read_dir("levels").unwrap().count() - 1, "and a README");
}

/// A world supports exactly what it declares; so does one from outside the catalogue.
#[test]
fn capabilities_can_be_asked_for() {
    let probed = |name| WorldChoice::new(name, None).unwrap().capabilities().probe.is_some();
    assert_eq!(["lava-room", "tag", "lander", "cartpole"].map(probed), [true, true, false, false]);
    let predicted = |name| WorldChoice::new(name, None).unwrap().capabilities().predict.is_some();
    assert_eq!(["lava-room", "lander", "cartpole", "acrobot"].map(predicted), [true, true, false, false]);
    assert!(WorldChoice::new("tag", None).unwrap().capabilities().scripted);
    let outside = WorldChoice::of::<ball_box::BallBox>(ball_box::Balls(1));
    let can = outside.capabilities();
    assert!(can.probe.is_none() && can.predict.is_none() && !can.scripted);
    let tables: Vec<&str> =
        rooms::all().filter(|rules| rules.table.is_some()).map(|rules| rules.name).collect();
    assert_eq!(tables, ["lava-room"]);
}

#[cfg(feature = "arcade")]
#[test]
fn pictures_are_pictures() {
    for world in CATALOGUE {
        let Some(art) = world.art else { continue };
        assert!(art.thumbnail.starts_with(b"\x89PNG"), "{}", world.name);
        assert!(art.film.is_empty() || art.film.starts_with(b"GIF89a"), "{}", world.name);
    }
}

/// The README of `world`: in its folder, or in the one it shares.
fn page(world: &WorldEntry) -> String {
    let own = format!("{}/README.md", world.folder());
    if Path::new(&own).is_file() {
        return own;
    }
    let shared = Path::new(&world.folder()).parent().unwrap().join("README.md");
    assert!(shared.is_file(), "{} has no page", world.name);
    shared.display().to_string()
}

/// The line of `world` in docs/worlds.md.
fn line(world: &WorldEntry) -> String {
    let spec = WorldChoice::new(world.name, None).unwrap().spec();
    let levels = match world.levels().len() {
        0 => String::new(),
        count => format!(" {count} levels."),
    };
    format!("- [**{}**](../{}): {}{levels}", world.name, page(world), spec.summary)
}

#[test]
fn the_list_of_worlds_is_what_entries_say() {
    let text = std::fs::read_to_string("docs/worlds.md").unwrap();
    let mut listed: Vec<String> = Vec::new();
    for line in text.lines() {
        match listed.last_mut() {
            _ if line.starts_with("- [**") => listed.push(line.to_owned()),
            Some(last) if line.starts_with("  ") => *last = format!("{last} {}", line.trim()),
            _ => {}
        }
    }
    let expected: Vec<String> = CATALOGUE.iter().map(line).collect();
    for line in &expected {
        assert!(listed.contains(line), "docs/worlds.md has no line\n{line}");
    }
    assert_eq!(listed.len(), expected.len(), "docs/worlds.md lists worlds that are not there");
}
