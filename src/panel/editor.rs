//! Editor: brushes, what is wrong with the map, and where it is kept. Every stroke is kept at once; nothing that was drawn
//! is lost by leaving. Drawing itself is left to `view`.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bevy::ecs::system::SystemParam;
use bevy::prelude::*;
use bevy_egui::egui::{self, RichText, Ui};

use super::maps::{self, MyMaps, OwnMap};
use super::theme::tone;
use super::widgets::{list, note, row, section};
use crate::sim::level::draft::Draft;
use crate::sim::level::{LARGEST_REWARD, LARGEST_SIDE};
use crate::sim::worlds::rooms::reload::WatchedLevel;
use crate::sim::worlds::rooms::winnable::Winnable;
use crate::view::input::LEVEL;
use crate::view::{editor, palette};

/// The level file to begin anew on when the window has closed with [`LEVEL`].
#[derive(Resource, Debug, Clone, Default)]
pub struct NextLevel(pub Arc<Mutex<Option<PathBuf>>>);

/// What is being written and not yet in force, and where the map is kept.
#[derive(Resource, Debug, Clone, Default)]
pub(super) struct Drafts {
    size: Option<[usize; 2]>,
    /// The map as it was last kept, or found when it was opened.
    kept: Option<Draft>,
    /// Its file; `None` while nothing was drawn on it.
    file: Option<PathBuf>,
    /// A name that is being written.
    name: Option<String>,
    /// Why it is not kept, or what else has failed.
    pub problem: Option<String>,
}

/// Adds the keeper of maps.
pub(super) fn plugin(app: &mut App) {
    app.init_resource::<Drafts>().add_systems(Last, keep.run_if(resource_exists::<editor::Editor>));
}

/// Keeps what was drawn, stroke by stroke, and the last one on the way out.
fn keep(
    mut editor: ResMut<editor::Editor>,
    maps: Option<Res<MyMaps>>,
    mut drafts: ResMut<Drafts>,
    mut watched: Option<ResMut<WatchedLevel>>,
    mut exits: MessageReader<AppExit>,
) {
    let leaves = exits.read().count() > 0;
    let folder = maps.and_then(|maps| maps.0.clone());
    if editor.is_added() && drafts.kept.as_ref().is_none_or(|kept| !kept.is_like(&editor.draft)) {
        // Another map than the one that was drawn last: one of those that are kept already, or one that comes along.
        drafts.file = folder.as_ref().and_then(|folder| maps::holding(folder, &editor.draft));
        drafts.kept = Some(editor.draft.clone());
        drafts.problem = None;
    }
    if !leaves && (editor.is_drawing() || !editor.is_changed()) {
        return;
    }
    if drafts.kept.as_ref().is_some_and(|kept| kept.is_like(&editor.draft)) {
        return;
    }
    let Some(folder) = folder else {
        drafts.problem = Some("This map is not kept: the system names no place for your data.".into());
        return;
    };
    if drafts.file.is_none() {
        let file = maps::free(&folder, editor.draft.world);
        editor.draft.name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        drafts.file = Some(file);
    }
    let Some(file) = drafts.file.clone() else { return };
    drafts.problem = maps::write(&file, &editor.draft).err();
    drafts.kept = Some(editor.draft.clone());
    if let Some(watched) = &mut watched {
        watched.knows(&file);
    }
}

/// What the section reads and writes.
#[derive(SystemParam)]
pub(super) struct Editing<'w, 's> {
    commands: Commands<'w, 's>,
    editor: Option<ResMut<'w, editor::Editor>>,
    drafts: ResMut<'w, Drafts>,
    maps: Option<Res<'w, MyMaps>>,
    winnable: Option<Res<'w, Winnable>>,
    next: Option<Res<'w, NextLevel>>,
    exit: MessageWriter<'w, AppExit>,
}

impl Editing<'_, '_> {
    /// Brushes, size, what is wrong, files; nothing while nobody draws.
    pub fn show(&mut self, ui: &mut Ui) {
        let (Some(editor), drafts) = (&mut self.editor, &mut *self.drafts) else { return };
        let doubt = self.winnable.as_ref().and_then(|winnable| winnable.doubt.as_deref());
        section(ui, "Map", |ui| {
            // Written only on change: what is drawn of it is painted anew then.
            if let Some(brush) = brushes(ui, editor) {
                editor.brush = brush;
            }
            rewards(ui, editor);
            let undone = undo(ui, editor);
            let begun = begin(ui, editor, drafts);
            if undone || begun {
                self.commands.queue(editor::play);
            }
            // What is drawn and not played cannot be judged.
            for problem in editor.problem.as_deref().or(doubt).into_iter().chain(drafts.problem.as_deref()) {
                note(ui, problem, palette::ROSE, 6);
            }
            let folder = self.maps.as_ref().and_then(|maps| maps.0.as_ref());
            name(ui, editor, drafts);
            if let Some(chosen) = folder.and_then(|folder| open(ui, folder, drafts)) {
                (drafts.file, drafts.kept) = (Some(chosen.path), Some(chosen.draft.clone()));
                (drafts.name, drafts.problem, editor.draft) = (None, None, chosen.draft);
                self.commands.queue(editor::play);
            }
            if anew(ui, editor, drafts)
                && let Some(next) = &self.next
            {
                if let Ok(mut next) = next.0.lock() {
                    *next = drafts.file.clone();
                }
                self.exit.write(AppExit::from_code(LEVEL));
            }
        });
    }
}

/// What cells pay.
fn rewards(ui: &mut Ui, editor: &mut ResMut<editor::Editor>) {
    let explanation = "What a player is paid every time it walks onto a cell, beside what the world pays. Choose it and \
                       paint; the right button clears. The agent meets it at once, and so does the map.";
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
}

/// Whether a stroke was taken back or made again.
fn undo(ui: &mut Ui, editor: &mut ResMut<editor::Editor>) -> bool {
    let clicked = ui.horizontal(|ui| {
        let [back, again] = editor.draft.changes();
        let undo = ui.add_enabled(back, egui::Button::new("Undo"));
        let redo = ui.add_enabled(again, egui::Button::new("Redo"));
        [
            undo.on_hover_text("Takes the last stroke back. Ctrl+Z").clicked(),
            redo.on_hover_text("Makes it again. Ctrl+Y").clicked(),
        ]
    });
    let [undo, redo] = clicked.inner;
    (undo && editor.draft.undo()) || (redo && editor.draft.redo())
}

/// Whether a new map was begun; the one before stays as it is kept.
fn begin(ui: &mut Ui, editor: &mut ResMut<editor::Editor>, drafts: &mut Drafts) -> bool {
    let mut size = drafts.size.unwrap_or(editor.draft.size());
    let explanation = "A new, empty map of this size. The one you have drawn is kept under its name.";
    let mut begun = false;
    row(ui, "new map", explanation, |ui| {
        if ui.button("Begin").on_hover_text(explanation).clicked() {
            editor.draft.clear(size[0], size[1]);
            (drafts.file, drafts.name, begun) = (None, None, true);
        }
        let [width, height] = &mut size;
        ui.add(egui::DragValue::new(height).range(5..=LARGEST_SIDE)).on_hover_text("Rows.");
        ui.label("×");
        ui.add(egui::DragValue::new(width).range(5..=LARGEST_SIDE)).on_hover_text("Cells a row.");
        drafts.size = Some(size);
    });
    begun
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
            if ui.add(button).on_hover_text(format!("{meaning}: {symbol} in the file")).clicked() {
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

/// What the map is called, once it is kept.
fn name(ui: &mut Ui, editor: &mut ResMut<editor::Editor>, drafts: &mut Drafts) {
    let Some(file) = drafts.file.clone() else {
        let text = "What you draw is kept at once, under my levels.";
        ui.label(RichText::new(text).small().color(tone(palette::MUTED)));
        return;
    };
    let explanation = format!("Kept as you draw, in {}", file.display());
    row(ui, "kept as", &explanation, |ui| {
        let own = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut name = drafts.name.clone().unwrap_or(own);
        let response = ui.add(egui::TextEdit::singleline(&mut name).desired_width(150.0));
        let response = response.on_hover_text(&explanation);
        if response.changed() {
            drafts.name = Some(name);
        }
        if response.lost_focus()
            && let Some(name) = drafts.name.take()
        {
            drafts.problem = rename(editor, drafts, &name).err();
        }
    });
}

fn rename(editor: &mut editor::Editor, drafts: &mut Drafts, name: &str) -> Result<(), String> {
    let Some(file) = drafts.file.clone() else { return Ok(()) };
    let to = maps::renamed(&file, name)?;
    if to != file {
        std::fs::rename(&file, &to).map_err(|error| format!("{}: {error}", to.display()))?;
        editor.draft.name = name.trim().to_owned();
        maps::write(&to, &editor.draft)?;
        drafts.file = Some(to);
    }
    Ok(())
}

/// One of the maps that were drawn before, if one is chosen.
fn open(ui: &mut Ui, folder: &std::path::Path, drafts: &Drafts) -> Option<OwnMap> {
    let explanation = "Maps that you have drawn in this world. The one you are drawing is kept.";
    let mut chosen = None;
    row(ui, "my levels", explanation, |ui| {
        let list = list("my levels", "open …", 150.0);
        let list = list.show_ui(ui, |ui| {
            let all = maps::list(folder);
            if all.is_empty() {
                ui.label(RichText::new("none yet").color(tone(palette::MUTED)));
            }
            for map in all {
                let now = drafts.file.as_ref() == Some(&map.path);
                let name =
                    if map.level.is_some() { map.name.clone() } else { format!("{} (unfinished)", map.name) };
                if ui.selectable_label(now, name).clicked() && !now {
                    chosen = Some(map);
                }
            }
        });
        list.response.on_hover_text(explanation);
    });
    chosen
}

/// Whether a new agent is to begin on the map.
fn anew(ui: &mut Ui, editor: &editor::Editor, drafts: &Drafts) -> bool {
    let ready = drafts.file.is_some() && editor.draft.level().is_ok();
    let button = ui.add_enabled(ready, egui::Button::new("Train from zero on it"));
    let explanation = "Leaves this session, which is kept, and begins with a new agent on this map: for maps of another \
                       size, or with other kinds of cells.";
    button.on_hover_text(explanation).clicked()
}

#[cfg(test)]
mod tests;
