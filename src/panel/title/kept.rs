//! Kept: the sessions of all worlds that are on disk, and a way to be rid of old ones. Nothing goes without being asked
//! about.

use std::path::{Path, PathBuf};

use bevy::prelude::*;
use bevy_egui::egui::{RichText, Ui};

use crate::files;
use crate::learner::owner::is_in_use;
use crate::panel::theme::tone;
use crate::panel::widgets::{row, section};
use crate::view::palette;

/// Bytes from which on the title screen says how much is kept.
pub(super) const MUCH: u64 = 2 << 30;

/// All sessions that are kept.
#[derive(Resource, Debug, Clone, Default)]
pub struct Kept {
    worlds: Vec<OfWorld>,
    /// The world whose old sessions somebody was asked about.
    asked: Option<usize>,
    problem: Option<String>,
}

#[derive(Debug, Clone)]
struct OfWorld {
    name: String,
    /// Folders with their bytes, oldest first.
    sessions: Vec<(PathBuf, u64)>,
}

/// Whether there is something in the session at `path` to go on with: an agent that has played.
pub fn goes_on(path: &Path) -> bool {
    let latest = files::read_text(&path.join("checkpoint/latest"), 1024);
    // Checkpoints are called by their environment steps; each session begins with one of none.
    latest.is_ok_and(|name| !name.trim().bytes().all(|byte| byte == b'0'))
}

impl OfWorld {
    /// Bytes of all its sessions.
    fn bytes(&self) -> u64 {
        self.sessions.iter().map(|(_, bytes)| bytes).sum()
    }

    /// The session that stays when old ones go: the last one that can be gone on with.
    fn stays(&self) -> usize {
        self.sessions.iter().rposition(|(path, _)| goes_on(path)).unwrap_or(self.sessions.len() - 1)
    }
}

impl Kept {
    /// Of worlds by their names, folders oldest first.
    pub fn new(worlds: impl IntoIterator<Item = (String, Vec<PathBuf>)>) -> Self {
        let measured = |path: PathBuf| {
            let bytes = size(&path);
            (path, bytes)
        };
        let world = |(name, folders): (String, Vec<PathBuf>)| OfWorld {
            name,
            sessions: folders.into_iter().map(measured).collect(),
        };
        let there = worlds.into_iter().map(world).filter(|world| !world.sessions.is_empty());
        Self { worlds: there.collect(), ..Self::default() }
    }

    /// Bytes of all of them.
    pub(super) fn bytes(&self) -> u64 {
        self.worlds.iter().map(OfWorld::bytes).sum()
    }

    /// Deletes all sessions of world number `index` but the last that can be gone on with.
    fn delete_old(&mut self, index: usize) {
        let Some(world) = self.worlds.get_mut(index) else { return };
        let stays = world.sessions.remove(world.stays());
        self.problem = None;
        world.sessions.retain(|(path, _)| {
            let problem = match is_in_use(path) {
                true => Some("is in use by another window".to_owned()),
                false => {
                    std::fs::remove_dir_all(path).err().map(|error| format!("{error}; delete it by hand"))
                }
            };
            let stays = problem.is_some();
            self.problem =
                problem.map(|problem| format!("{}: {problem}", path.display())).or(self.problem.take());
            stays
        });
        world.sessions.push(stays);
    }

    /// The section of the preferences.
    pub(super) fn show(&mut self, ui: &mut Ui) {
        if self.worlds.is_empty() {
            return;
        }
        let mut deleted = None;
        section(ui, "Kept sessions", |ui| {
            let all =
                format!("{} in all. G on a world's card goes on with its last one.", words(self.bytes()));
            ui.label(RichText::new(all).small().color(tone(palette::MUTED)));
            for (index, world) in self.worlds.iter().enumerate() {
                let count = world.sessions.len();
                row(ui, &world.name, "Sessions of this world, and the room they take.", |ui| {
                    let asks = self.asked == Some(index);
                    if count > 1 && !asks && ui.button("Delete all but the last …").clicked() {
                        self.asked = Some(index);
                    }
                    let sessions = if count == 1 { "session" } else { "sessions" };
                    let text = format!("{count} {sessions}, {}", words(world.bytes()));
                    ui.label(RichText::new(text).small().color(tone(palette::INK)));
                });
                if self.asked == Some(index) {
                    ui.horizontal(|ui| {
                        let bytes = world.bytes() - world.sessions[world.stays()].1;
                        let text = format!("Delete {} for good ({})", count - 1, words(bytes));
                        if ui.button(RichText::new(text).color(tone(palette::ROSE))).clicked() {
                            deleted = Some(index);
                        }
                        if ui.button("Keep them").clicked() {
                            self.asked = None;
                        }
                    });
                }
            }
            if let Some(problem) = &self.problem {
                ui.label(RichText::new(problem).small().color(tone(palette::ROSE)));
            }
        });
        if let Some(index) = deleted {
            self.asked = None;
            self.delete_old(index);
        }
    }
}

/// Bytes of all files below `folder`.
fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let of = |entry: std::fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => size(&entry.path()),
        Ok(kind) if kind.is_file() => entry.metadata().map_or(0, |file| file.len()),
        _ => 0,
    };
    entries.map(of).sum()
}

/// `1.2 GB`, `34 MB`, `5 kB`.
pub(super) fn words(bytes: u64) -> String {
    match bytes as f64 {
        bytes if bytes >= 1e9 => format!("{:.1} GB", bytes / 1e9),
        bytes if bytes >= 1e6 => format!("{:.0} MB", bytes / 1e6),
        bytes => format!("{:.0} kB", (bytes / 1e3).ceil()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learner::owner::{Kind, Owner};

    #[test]
    fn all_but_the_last_go_and_what_cannot_go_is_said() {
        let place = tempfile::tempdir().unwrap();
        let folders: Vec<PathBuf> =
            (1..=3).map(|number| place.path().join(format!("tag-{number}"))).collect();
        for folder in &folders {
            std::fs::create_dir_all(folder.join("checkpoint")).unwrap();
            std::fs::write(folder.join("checkpoint/weights"), [0; 1500]).unwrap();
        }
        // The last one was left before anything was learned.
        std::fs::write(folders[1].join("checkpoint/latest"), "000000000400").unwrap();
        std::fs::write(folders[2].join("checkpoint/latest"), "000000000000").unwrap();
        let mut kept = Kept::new([("tag".into(), folders.clone()), ("puck".into(), vec![])]);
        assert_eq!((kept.worlds.len(), kept.bytes(), words(kept.bytes()).as_str()), (1, 4524, "5 kB"));
        // Another window plays there.
        let owner = Owner::of(&folders[0], Kind::Run).unwrap();
        kept.delete_old(0);
        assert!(folders[0].exists() && kept.problem.as_ref().unwrap().contains("in use by another window"));
        drop(owner);
        kept.delete_old(0);
        assert_eq!(folders.iter().map(|folder| folder.exists()).collect::<Vec<_>>(), [false, true, false]);
        assert!(kept.problem.is_none() && kept.bytes() == 1512);
        kept.worlds[0].sessions.insert(0, (folders[0].clone(), 0));
        kept.delete_old(0);
        let problem = kept.problem.unwrap();
        assert!(problem.contains("tag-1: ") && problem.lines().count() == 1, "{problem}");
        assert_eq!([words(2_340_000_000), words(34_000_000)], ["2.3 GB", "34 MB"]);
    }
}
