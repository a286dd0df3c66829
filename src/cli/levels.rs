//! Level files on the command line: generated and checked.

use std::path::{Path, PathBuf};

use super::{Failure, say};
use crate::files;
use crate::learner::checkpoint::new_file;
use crate::worlds::rooms::level::{check, generate};

/// Prints generated levels, or writes each to a file in `out`.
pub(super) fn make(
    world: &str,
    difficulty: usize,
    seeds: impl Iterator<Item = u64>,
    out: Option<&Path>,
) -> Result<(), Failure> {
    for seed in seeds {
        let level = generate::level(world, difficulty, seed).ok_or_else(|| {
            let worlds = generate::worlds().collect::<Vec<_>>().join(", ");
            format!("{world}: no levels are generated for it; choose one of {worlds}")
        })?;
        let Some(folder) = out else {
            say(level.text().trim_end());
            continue;
        };
        let path = folder.join(format!("{world}-random-{difficulty}-{seed}.ron"));
        let text = level.text();
        let written = std::fs::create_dir_all(folder).and_then(|()| new_file(&path, text.as_bytes()));
        // The file depends on the level alone.
        let there = || files::read(&path, text.len() as u64).is_ok_and(|there| there == text.as_bytes());
        if let Err(error) = written
            && !there()
        {
            let path = path.display();
            return Err(format!("{path}: cannot be written ({error}); choose another --out").into());
        }
        say(&path.display().to_string());
    }
    Ok(())
}

/// Prints a line for every file, and fails at the end if any of them is broken.
pub(super) fn check_files(files: &[PathBuf]) -> Result<(), Failure> {
    let mut broken = 0;
    for file in files {
        match check::check(file) {
            Ok(level) => say(&format!(
                "{}: {:?}, {} × {} cells, {} starts, {} crates, {} steps an episode",
                file.display(),
                level.name,
                level.width,
                level.height,
                level.spawns.len(),
                level.crates.len(),
                level.episode_limit
            )),
            Err(error) => {
                broken += 1;
                say(&error.to_string());
            }
        }
    }
    if broken > 0 { Err(format!("{broken} of {} levels are broken", files.len()).into()) } else { Ok(()) }
}
