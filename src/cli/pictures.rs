//! Takes the pictures of the README, each with a separate run of the program.

use std::path::Path;
use std::process::{Command, Stdio};

use super::{Failure, say};
use crate::insight::gallery;
use crate::worlds::CATALOGUE;

/// Names of all pictures, and the arguments that take each.
fn all() -> Vec<(&'static str, String)> {
    let title = ("title.png", "--after 4".to_owned());
    let of_worlds = CATALOGUE.iter().flat_map(|world| {
        world.screenshots.iter().map(|shot| (shot.file, format!("--env {} {}", world.name, shot.arguments)))
    });
    std::iter::once(title).chain(of_worlds).collect()
}

/// Takes all of them, or the one called `only`, into `folder`.
pub(super) fn take(folder: &Path, only: Option<&str>) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| format!("--out {}: {error}", folder.display()))?;
    let all = all();
    let wanted = |name: &str| only.is_none_or(|only| only == name);
    if !all.iter().any(|(name, _)| wanted(name)) {
        let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        return Err(format!("--only {}: choose one of {}", only.unwrap_or(""), names.join(", ")).into());
    }
    for (name, arguments) in all.iter().filter(|(name, _)| wanted(name)) {
        shoot(&folder.join(name), arguments)?;
    }
    Ok(())
}

/// Takes animated thumbnails of all worlds with a shipped agent, into their folders.
pub(super) fn take_thumbnails() -> Result<(), Failure> {
    for world in CATALOGUE {
        let level = (!world.levels().is_empty()).then_some(world.pictured_level);
        if gallery::record(world.name, level).is_none() {
            continue;
        }
        let (name, level) = (world.name, level.map_or(String::new(), |level| format!("--level {level}")));
        let arguments = format!(
            "--env {name} {level} --agent shipped --arenas 1 --press Tab@0.5 --after 4 --for 4 --width 230"
        );
        shoot(Path::new(&format!("{}/thumbnail.gif", world.folder())), &arguments)?;
    }
    Ok(())
}

fn shoot(path: &Path, arguments: &str) -> Result<(), Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--screenshot").arg(path).args(arguments.split_whitespace()).stdout(Stdio::null());
    if !command.status()?.success() {
        return Err(format!("{}: the picture was not taken", path.display()).into());
    }
    say(&format!("{}: entropy-arcade {arguments}", path.display()));
    Ok(())
}
