//! Writing checkpoints: aside, flushed and renamed, each file as a stream.
//!
//! Every file is flushed before the folder gets its name, and the folder before `latest` points to it: at any
//! time `latest` names a complete checkpoint.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::replace::{flush_folder, is_number, remove_asides};
use super::{CheckpointError, Checksum, LATEST, MANIFEST, Manifest, replace_file};
use crate::files;

/// Writes one file of a checkpoint.
pub type Content<'a> = Box<dyn FnOnce(&mut dyn Write) -> std::io::Result<()> + 'a>;

/// Prefix of the names of incomplete checkpoints.
const ASIDE: &str = ".new-";

/// Writes a checkpoint of agent number `agent` to `folder` and makes it the latest; older ones of the same
/// agent are removed. A fresh agent, `None`, gets the next number, and checkpoints of earlier agents stay.
/// Returns the path and the number.
///
/// # Errors
/// [`CheckpointError::Io`]; the last checkpoint stays, and nothing is left of this one.
pub fn write(
    folder: &Path,
    mut manifest: Manifest,
    agent: Option<u32>,
    files: Vec<(String, Content<'_>)>,
) -> Result<(PathBuf, u32), CheckpointError> {
    // A run whose folder was moved away must not create a new one in its place.
    let made = match agent {
        Some(_) if folder.is_dir() => Ok(()),
        Some(_) => fs::create_dir(folder),
        None => fs::create_dir_all(folder),
    };
    made.map_err(|error| io(folder, &error))?;
    manifest.agent = agent.unwrap_or_else(|| {
        let earlier = own(folder).filter_map(|(_, agent)| agent).max();
        earlier.map_or(0, |agent| agent.saturating_add(1))
    });
    let agent = manifest.agent;
    let name = free_name(folder, manifest.counters.env_steps);
    let (aside, place) = (folder.join(format!("{ASIDE}{name}")), folder.join(&name));
    // Half a checkpoint must not keep a full disk full.
    let gone = |left: &Path| _ = fs::remove_dir_all(left);
    write_aside(&aside, manifest, files)
        .and_then(|()| fs::rename(&aside, &place))
        .inspect_err(|_| gone(&aside))
        .and_then(|()| {
            flush_folder(folder);
            replace_file(&folder.join(LATEST), name.as_bytes()).inspect_err(|_| gone(&place))
        })
        .map_err(|error| io(folder, &error))?;
    remove_others(folder, &name, agent);
    Ok((place, agent))
}

fn write_aside(
    aside: &Path,
    mut manifest: Manifest,
    files: Vec<(String, Content<'_>)>,
) -> std::io::Result<()> {
    if aside.exists() {
        fs::remove_dir_all(aside)?;
    }
    fs::create_dir(aside)?;
    for (file, content) in files {
        let written = write_summed(&aside.join(&file), content)?;
        manifest.files.insert(file, written);
    }
    let text = serde_json::to_vec_pretty(&manifest)?;
    write_summed(&aside.join(MANIFEST), Box::new(|out| out.write_all(&text)))?;
    flush_folder(aside);
    Ok(())
}

/// Writes and flushes a file, and returns its length and checksum.
fn write_summed(path: &Path, content: Content<'_>) -> std::io::Result<(u64, u64)> {
    let mut out =
        Summing { file: BufWriter::new(File::create_new(path)?), bytes: 0, sum: Checksum::default() };
    content(&mut out)?;
    out.flush()?;
    out.file.get_ref().sync_all()?;
    Ok((out.bytes, out.sum.finish()))
}

struct Summing {
    file: BufWriter<File>,
    bytes: u64,
    sum: Checksum,
}

impl Write for Summing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.bytes += written as u64;
        self.sum.add(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// An unused name for a checkpoint at this number of environment steps.
fn free_name(folder: &Path, env_steps: u64) -> String {
    let first = format!("{env_steps:012}");
    let again = (1..).map(|again| format!("{first}-{again}"));
    std::iter::once(first.clone()).chain(again).find(|name| !folder.join(name).exists()).unwrap_or(first)
}

/// Whether a folder's name has the form that [`write`] gives: twelve digits, optionally a dash and a number.
pub(super) fn is_own_name(name: &str) -> bool {
    let (steps, again) = name.split_once('-').unwrap_or((name, "1"));
    steps.len() >= 12 && is_number(steps) && is_number(again)
}

/// Names of the checkpoints in `folder`, with the agent's number if it can be read.
pub(super) fn own(folder: &Path) -> impl Iterator<Item = (String, Option<u32>)> {
    #[derive(serde::Deserialize)]
    struct Of {
        #[serde(default)]
        agent: u32,
    }
    fs::read_dir(folder).into_iter().flatten().flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok().filter(|name| is_own_name(name))?;
        let text = files::read(&entry.path().join(MANIFEST), files::LARGEST_TEXT).ok();
        let agent = text.and_then(|text| Some(serde_json::from_slice::<Of>(&text).ok()?.agent));
        Some((name, agent))
    })
}

/// Removes incomplete checkpoints that a dead process left. Only for folders that no other process writes to.
pub fn remove_leftovers(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_str().and_then(|name| name.strip_prefix(ASIDE)).is_some_and(is_own_name) {
            _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Removes old checkpoints of the same agent. Failing to do so is harmless.
fn remove_others(folder: &Path, keep: &str, agent: u32) {
    remove_leftovers(folder);
    remove_asides(folder, &[LATEST]);
    let old = own(folder).filter(|(name, of)| *of == Some(agent) && name != keep);
    for (name, _) in old.collect::<Vec<_>>() {
        // Renamed first, so that an interrupted removal does not leave half a checkpoint.
        let aside = folder.join(format!("{ASIDE}{name}"));
        _ = fs::rename(folder.join(&name), &aside).and_then(|()| fs::remove_dir_all(&aside));
    }
}

fn io(path: &Path, error: &impl ToString) -> CheckpointError {
    CheckpointError::Io { path: path.display().to_string(), reason: error.to_string() }
}
