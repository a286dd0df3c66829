//! Editor: brushes, what is wrong with the map, and its file. Drawing itself is left to `view`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bevy::ecs::system::SystemParam;
use bevy::prelude::*;
use bevy_egui::egui::{self, RichText, Ui};

use super::theme::tone;
use super::widgets::{row, section};
use crate::learner::checkpoint::replace_file;
use crate::sim::level::{LARGEST_REWARD, LARGEST_SIDE, check};
use crate::view::input::LEVEL;
use crate::view::{editor, palette};

/// The level file to begin anew on when the window has closed with [`LEVEL`].
#[derive(Resource, Debug, Clone, Default)]
pub struct NextLevel(pub Arc<Mutex<Option<PathBuf>>>);

/// What is being written and not yet in force.
#[derive(Resource, Debug, Clone, Default)]
pub(super) struct Drafts {
    file: Option<String>,
    size: Option<[usize; 2]>,
    /// What came of the last attempt to save.
    said: Option<Result<String, String>>,
    /// The file that somebody was asked about because it is there already.
    replaces: Option<PathBuf>,
}

/// What the section reads and writes.
#[derive(SystemParam)]
pub(super) struct Editing<'w, 's> {
    commands: Commands<'w, 's>,
    editor: Option<ResMut<'w, editor::Editor>>,
    drafts: ResMut<'w, Drafts>,
    next: Option<Res<'w, NextLevel>>,
    exit: MessageWriter<'w, AppExit>,
}

impl Editing<'_, '_> {
    /// Brushes, size, file; nothing while nobody draws.
    pub fn show(&mut self, ui: &mut Ui) {
        let (Some(editor), drafts) = (&mut self.editor, &mut *self.drafts) else { return };
        section(ui, "Map", |ui| {
            // Written only on change: what is drawn of it is painted anew then.
            if let Some(brush) = brushes(ui, editor) {
                editor.brush = brush;
            }
            let explanation = "What a player is paid every time it walks onto a cell, beside what the world pays. Choose \
                               it and paint; the right button clears. The agent meets it at once, and so does the map.";
            row(ui, "cells pay", explanation, |ui| {
                let lit = editor.brush == editor::REWARD;
                if ui.add(egui::Button::new("Paint").selected(lit)).on_hover_text(explanation).clicked() {
                    editor.brush = editor::REWARD;
                }
                let mut reward = editor.reward;
                ui.spacing_mut().slider_width = 84.0;
                let range = -LARGEST_REWARD..=LARGEST_REWARD;
                let slider = egui::Slider::new(&mut reward, range).step_by(0.05).fixed_decimals(2);
                if ui.add(slider).on_hover_text(explanation).changed() {
                    (editor.reward, editor.brush) = (reward, editor::REWARD);
                }
            });
            ui.horizontal(|ui| {
                let [back, again] = editor.draft.changes();
                let undo = ui.add_enabled(back, egui::Button::new("Undo"));
                let undo = undo.on_hover_text("Takes the last stroke back. Ctrl+Z");
                let redo = ui.add_enabled(again, egui::Button::new("Redo"));
                let redo = redo.on_hover_text("Makes it again. Ctrl+Y");
                if (undo.clicked() && editor.draft.undo()) || (redo.clicked() && editor.draft.redo()) {
                    self.commands.queue(editor::play);
                }
            });
            let mut size = drafts.size.unwrap_or(editor.draft.size());
            let explanation = "A new, empty map of this size.";
            row(ui, "new map", explanation, |ui| {
                if ui.button("Begin").on_hover_text(explanation).clicked() {
                    editor.draft.clear(size[0], size[1]);
                    self.commands.queue(editor::play);
                }
                let [width, height] = &mut size;
                ui.add(egui::DragValue::new(height).range(5..=LARGEST_SIDE)).on_hover_text("Rows.");
                ui.label("×");
                ui.add(egui::DragValue::new(width).range(5..=LARGEST_SIDE)).on_hover_text("Cells a row.");
                drafts.size = Some(size);
            });
            if let Some(problem) = &editor.problem {
                ui.label(RichText::new(problem).small().color(tone(palette::ROSE)));
            }
            let anew = file(ui, editor, drafts);
            if let (Some(path), Some(next)) = (anew, &self.next) {
                if let Ok(mut next) = next.0.lock() {
                    *next = Some(path);
                }
                self.exit.write(AppExit::from_code(LEVEL));
            }
        });
    }
}

/// The brush that was chosen just now.
fn brushes(ui: &mut Ui, editor: &editor::Editor) -> Option<char> {
    ui.label(
        RichText::new("Left button paints, right one clears. What is drawn is played at once.")
            .small()
            .color(tone(palette::MUTED)),
    );
    let all: Vec<(char, &str)> = editor.draft.brushes().collect();
    let mut chosen = None;
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = egui::vec2(4.0, 4.0);
        for (symbol, meaning) in all {
            let lit = editor.brush == symbol;
            let fill = tone(editor::tone(symbol));
            let ink = if lit { palette::NIGHT } else { palette::INK };
            let text = RichText::new(short(symbol, meaning)).small().color(tone(ink));
            let button = egui::Button::new(text)
                .fill(if lit { tone(palette::MINT) } else { tone(palette::SLATE.mix(palette::WALL, 0.4)) })
                .stroke(egui::Stroke::new(2.0, fill));
            if ui.add(button).on_hover_text(format!("{meaning}: `{symbol}` in the file")).clicked() {
                chosen = Some(symbol);
            }
        }
    });
    chosen
}

/// What stands on the brush of `symbol`, which means `meaning`.
fn short(symbol: char, meaning: &'static str) -> &'static str {
    match symbol {
        'b' => "start 2",
        '<' => "⬅",
        '>' => "➡",
        '^' => "⬆",
        'v' => "⬇",
        '-' => "hazard ⬌",
        '|' => "hazard ⬍",
        '_' => "plate",
        _ => meaning,
    }
}

/// Saves where somebody wants it; the file to begin anew on, if that is wanted.
fn file(ui: &mut Ui, editor: &editor::Editor, drafts: &mut Drafts) -> Option<PathBuf> {
    let mut name = drafts.file.clone().unwrap_or_else(|| format!("my-{}.ron", editor.draft.world));
    let field = egui::TextEdit::singleline(&mut name).hint_text("file.ron");
    if ui.add(field.desired_width(f32::INFINITY)).on_hover_text("The level file to save to.").changed() {
        drafts.file = Some(name.clone());
        (drafts.said, drafts.replaces) = (None, None);
    }
    let path = PathBuf::from(name.trim());
    let mut wanted = [false; 2];
    ui.horizontal(|ui| {
        let whole = editor.draft.level().is_ok();
        let asked = drafts.replaces.as_ref() == Some(&path);
        let save = ui.add_enabled(whole, egui::Button::new(if asked { "Replace it" } else { "Save" }));
        let anew = ui.add_enabled(whole, egui::Button::new("Save and train from zero"));
        let explanation = "Saves it and begins with a new agent on it: for maps of another size, or with other kinds of \
                           cells.";
        wanted = [save.clicked(), anew.on_hover_text(explanation).clicked()];
        if asked {
            ui.label(RichText::new("It is there already.").small().color(tone(palette::AMBER)));
        }
    });
    let mut anew = None;
    if wanted.contains(&true) {
        if path.exists() && drafts.replaces.as_ref() != Some(&path) {
            drafts.replaces = Some(path);
            return None;
        }
        drafts.replaces = None;
        drafts.said = Some(save(&path, &editor.draft.text()));
        anew = Some(path).filter(|_| wanted[1] && matches!(drafts.said, Some(Ok(_))));
    }
    match &drafts.said {
        Some(Ok(said)) => _ = ui.label(RichText::new(said).small().color(tone(palette::MINT))),
        Some(Err(said)) => _ = ui.label(RichText::new(said).small().color(tone(palette::ROSE))),
        None => {}
    }
    anew
}

/// Writes a level file whole or not at all; what is to be said about it, as `levels check` would.
fn save(path: &Path, text: &str) -> Result<String, String> {
    if path.extension().is_none_or(|extension| extension != "ron") {
        return Err(format!("{}: give a file that ends in .ron", path.display()));
    }
    let problem = |error: std::io::Error| format!("{}: {error}; choose another place", path.display());
    replace_file(path, text.as_bytes()).map_err(problem)?;
    match check::check(path) {
        Ok(_) => Ok(format!("saved {}", path.display())),
        Err(error) => Ok(format!("saved; but {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::level::Level;
    use crate::sim::level::draft::Draft;

    #[test]
    fn a_saved_map_passes_the_check_and_doubts_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let level = Level::shipped("lava-room", 2).unwrap();
        let path = folder.path().join("mine.ron");
        let said = save(&path, &Draft::of(&level).text()).unwrap();
        assert!(said.starts_with("saved ") && Level::load("lava-room", &path).unwrap() == level, "{said}");
        let walled = "(version: 1, name: \"n\", map: [\"a#g\", \".#.\", \".#.\"])";
        assert!(save(&path, walled).unwrap().contains("no goal can be reached"));
        assert!(save(Path::new("mine.txt"), "").unwrap_err().contains("ends in .ron"));
        let error = save(&folder.path().join("no/such/place.ron"), walled).unwrap_err();
        assert!(error.lines().count() == 1 && error.contains("choose another place"), "{error}");
    }
}
