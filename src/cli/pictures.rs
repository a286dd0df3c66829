//! The pictures of the README, each taken by a process of its own, as anybody could by hand.

use std::path::Path;
use std::process::{Command, Stdio};

use super::{Failure, say};
use crate::app::pictured_level;
use crate::insight::gallery;
use crate::sim::level::shipped_levels;
use crate::sim::worlds::names;

/// Files, and how each is taken.
const PICTURES: [(&str, &str); 6] = [
    ("title.png", "--after 4"),
    ("paddle-duel.png", "--env paddle-duel --seed 1 --press M@1,M@40,R@42,Y@42.5,G@43 --after 45"),
    ("mind.png", "--env lava-room --seed 1 --press V@26,Q@26 --after 34"),
    ("compare.png", "--env lander --seed 1 --press M@1,N@66 --after 71"),
    ("editor.png", "--env lava-room --level 8 --seed 1 --press E@10,V@10 --after 13"),
    ("lander.gif", "--env lander --seed 1 --press M@1,M@60 --after 62 --for 7"),
];

/// Takes all of them, or the one called `only`, into `folder`.
pub(super) fn take(folder: &Path, only: Option<&str>) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| format!("--out {}: {error}", folder.display()))?;
    let wanted = |name: &str| only.is_none_or(|only| only == name);
    if !PICTURES.iter().any(|(name, _)| wanted(name)) {
        let names: Vec<&str> = PICTURES.iter().map(|(name, _)| *name).collect();
        return Err(format!("--only {}: choose one of {}", only.unwrap_or(""), names.join(", ")).into());
    }
    for (name, arguments) in PICTURES.into_iter().filter(|(name, _)| wanted(name)) {
        shoot(&folder.join(name), arguments)?;
    }
    Ok(())
}

/// Takes moving pictures of all worlds for which a trained agent comes with the arcade.
pub(super) fn take_thumbnails() -> Result<(), Failure> {
    for world in names() {
        let level = (shipped_levels(world) > 0).then(|| pictured_level(world));
        if gallery::record(world, level).is_none() {
            continue;
        }
        let level = level.map_or(String::new(), |level| format!("--level {level}"));
        let arguments = format!(
            "--env {world} {level} --agent shipped --arenas 1 --press Tab@0.5 --after 4 --for 4 --width 230"
        );
        shoot(Path::new(&format!("assets/thumbnails/{world}.gif")), &arguments)?;
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
