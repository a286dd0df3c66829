//! Saved sessions: how much disk space the sessions of every world take, and deletion of old ones after confirmation.

use std::path::{Path, PathBuf};

use bevy::prelude::*;
use bevy_egui::egui::{RichText, Ui};

use crate::files;
use crate::learner::owner::is_in_use;
use crate::panel::theme::tone;
use crate::panel::widgets::{row, section};
use crate::view::palette;

/// Size in bytes above which the title screen mentions saved sessions.
pub(super) const LARGE: u64 = 2 << 30;

/// All sessions on disk, by world.
#[derive(Resource, Debug, Clone, Default)]
pub struct SavedSessions {
    worlds: Vec<WorldSessions>,
    /// Index of the world whose deletion waits for confirmation.
    confirming: Option<usize>,
    problem: Option<String>,
}

#[derive(Debug, Clone)]
struct WorldSessions {
    name: String,
    /// Folders with their sizes in bytes, oldest first.
    sessions: Vec<(PathBuf, u64)>,
}

/// Whether the session at `path` can be continued: it has a checkpoint of an agent that has played.
pub fn can_continue(path: &Path) -> bool {
    let latest = files::read_text(&path.join("checkpoint/latest"), 1024);
    // Checkpoints are named by environment steps; a new session starts with one at 0.
    latest.is_ok_and(|name| !name.trim().bytes().all(|byte| byte == b'0'))
}

impl WorldSessions {
    /// Total size in bytes.
    fn bytes(&self) -> u64 {
        self.sessions.iter().map(|(_, bytes)| bytes).sum()
    }

    /// Index of the session to keep: the last one that can be continued.
    fn newest(&self) -> usize {
        self.sessions.iter().rposition(|(path, _)| can_continue(path)).unwrap_or(self.sessions.len() - 1)
    }
}

impl SavedSessions {
    /// From the names of worlds and their session folders, oldest first.
    pub fn new(worlds: impl IntoIterator<Item = (String, Vec<PathBuf>)>) -> Self {
        let measured = |path: PathBuf| {
            let bytes = size(&path);
            (path, bytes)
        };
        let world = |(name, folders): (String, Vec<PathBuf>)| WorldSessions {
            name,
            sessions: folders.into_iter().map(measured).collect(),
        };
        let existing = worlds.into_iter().map(world).filter(|world| !world.sessions.is_empty());
        Self { worlds: existing.collect(), ..Self::default() }
    }

    /// Total size in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.worlds.iter().map(WorldSessions::bytes).sum()
    }

    /// Deletes all sessions of world `index` except the last one that can be continued.
    fn delete_old(&mut self, index: usize) {
        let Some(world) = self.worlds.get_mut(index) else { return };
        let newest = world.sessions.remove(world.newest());
        self.problem = None;
        world.sessions.retain(|(path, _)| {
            let problem = match is_in_use(path) {
                true => Some("is in use by another window".to_owned()),
                false => {
                    std::fs::remove_dir_all(path).err().map(|error| format!("{error}; delete it by hand"))
                }
            };
            let failed = problem.is_some();
            self.problem =
                problem.map(|problem| format!("{}: {problem}", path.display())).or(self.problem.take());
            failed
        });
        world.sessions.push(newest);
    }

    /// Section of the preferences.
    pub(super) fn show(&mut self, ui: &mut Ui) {
        if self.worlds.is_empty() {
            return;
        }
        let mut deleted = None;
        section(ui, "Saved sessions", |ui| {
            let all = format!(
                "{} in total. G on a world's card continues its last session.",
                size_text(self.bytes())
            );
            ui.label(RichText::new(all).small().color(tone(palette::MUTED)));
            for (index, world) in self.worlds.iter().enumerate() {
                let count = world.sessions.len();
                row(ui, &world.name, "Sessions of this world and their size on disk.", |ui| {
                    let confirming = self.confirming == Some(index);
                    if count > 1 && !confirming && ui.button("Delete all but the last …").clicked() {
                        self.confirming = Some(index);
                    }
                    let sessions = if count == 1 { "session" } else { "sessions" };
                    let text = format!("{count} {sessions}, {}", size_text(world.bytes()));
                    ui.label(RichText::new(text).small().color(tone(palette::INK)));
                });
                if self.confirming == Some(index) {
                    ui.horizontal(|ui| {
                        let bytes = world.bytes() - world.sessions[world.newest()].1;
                        let text = format!("Delete {} permanently ({})", count - 1, size_text(bytes));
                        if ui.button(RichText::new(text).color(tone(palette::ROSE))).clicked() {
                            deleted = Some(index);
                        }
                        if ui.button("Cancel").clicked() {
                            self.confirming = None;
                        }
                    });
                }
            }
            if let Some(problem) = &self.problem {
                ui.label(RichText::new(problem).small().color(tone(palette::ROSE)));
            }
        });
        if let Some(index) = deleted {
            self.confirming = None;
            self.delete_old(index);
        }
    }
}

/// Size of all files below `folder` in bytes.
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
pub(super) fn size_text(bytes: u64) -> String {
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
    fn all_but_the_last_are_deleted_and_failures_are_shown() {
        let parent = tempfile::tempdir().unwrap();
        let folders: Vec<PathBuf> =
            (1..=3).map(|number| parent.path().join(format!("tag-{number}"))).collect();
        for folder in &folders {
            std::fs::create_dir_all(folder.join("checkpoint")).unwrap();
            std::fs::write(folder.join("checkpoint/weights"), [0; 1500]).unwrap();
        }
        // The last session was left before the agent played.
        std::fs::write(folders[1].join("checkpoint/latest"), "000000000400").unwrap();
        std::fs::write(folders[2].join("checkpoint/latest"), "000000000000").unwrap();
        let mut saved = SavedSessions::new([("tag".into(), folders.clone()), ("puck".into(), vec![])]);
        assert_eq!((saved.worlds.len(), saved.bytes(), size_text(saved.bytes()).as_str()), (1, 4524, "5 kB"));
        // Another window uses the first session.
        let owner = Owner::of(&folders[0], Kind::Run).unwrap();
        saved.delete_old(0);
        assert!(folders[0].exists() && saved.problem.as_ref().unwrap().contains("in use by another window"));
        drop(owner);
        saved.delete_old(0);
        assert_eq!(folders.iter().map(|folder| folder.exists()).collect::<Vec<_>>(), [false, true, false]);
        assert!(saved.problem.is_none() && saved.bytes() == 1512);
        saved.worlds[0].sessions.insert(0, (folders[0].clone(), 0));
        saved.delete_old(0);
        let problem = saved.problem.unwrap();
        assert!(problem.contains("tag-1: ") && problem.lines().count() == 1, "{problem}");
        assert_eq!([size_text(2_340_000_000), size_text(34_000_000)], ["2.3 GB", "34 MB"]);
    }
}
