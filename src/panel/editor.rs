//! Editor: the panel section of the level editor: brushes, problems of the level, and its file. Every stroke is saved at
//! once.

use std::path::PathBuf;

use bevy::prelude::*;
use bevy_egui::egui::{self, RichText, Ui};

use super::drawn_levels::{self, DrawnLevel, DrawnLevelsFolder};
use super::section::{AddPanelSection as _, order};
use super::theme::tone;
use super::widgets::{list, note, row, section};
use crate::view::palette;
use crate::view::screens::Leave;
use crate::worlds::rooms::editor;
use crate::worlds::rooms::level::draft::Draft;
use crate::worlds::rooms::level::{LARGEST_REWARD, LARGEST_SIDE};
use crate::worlds::rooms::reload::WatchedLevel;
use crate::worlds::rooms::winnable::Winnable;

/// Edits that are not applied yet, and the file of the level.
#[derive(Resource, Debug, Clone, Default)]
pub(super) struct EditorState {
    size: Option<[usize; 2]>,
    /// The level as it was last saved or opened.
    saved: Option<Draft>,
    /// Its file; `None` until something is drawn.
    file: Option<PathBuf>,
    /// New name while it is being typed.
    name: Option<String>,
    /// Why it could not be saved, renamed or opened.
    pub problem: Option<String>,
}

/// Adds the section, and saving of levels.
pub(super) fn plugin(app: &mut App) {
    app.init_resource::<EditorState>()
        .add_systems(Last, save.run_if(resource_exists::<editor::Editor>))
        .add_panel_section(order::EDITOR, show);
}

/// Saves after every stroke, and an unfinished stroke when the world is left.
fn save(
    mut editor: ResMut<editor::Editor>,
    folder: Option<Res<DrawnLevelsFolder>>,
    mut state: ResMut<EditorState>,
    mut watched: Option<ResMut<WatchedLevel>>,
    mut exits: MessageReader<AppExit>,
    mut left: MessageReader<Leave>,
) {
    let leaving = exits.read().count() + left.read().count() > 0;
    let folder = folder.and_then(|folder| folder.0.clone());
    if editor.is_added() && state.saved.as_ref().is_none_or(|saved| !saved.is_like(&editor.draft)) {
        // Not the level that was drawn last: an earlier drawing, or a shipped level.
        state.file = folder.as_ref().and_then(|folder| drawn_levels::find(folder, &editor.draft));
        state.saved = Some(editor.draft.clone());
        state.problem = None;
    }
    if !leaving && (editor.is_drawing() || !editor.is_changed()) {
        return;
    }
    if state.saved.as_ref().is_some_and(|saved| saved.is_like(&editor.draft)) {
        return;
    }
    let Some(folder) = folder else {
        state.problem = Some("This level is not saved: the system has no folder for user data.".into());
        return;
    };
    if state.file.is_none() {
        let file = drawn_levels::unused_path(&folder, editor.draft.world);
        editor.draft.name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        state.file = Some(file);
    }
    let Some(file) = state.file.clone() else { return };
    state.problem = drawn_levels::write(&file, &editor.draft).err();
    state.saved = Some(editor.draft.clone());
    if let Some(watched) = &mut watched {
        watched.knows(&file);
    }
}

/// The section, while the editor is open.
fn show(
    InMut(ui): InMut<Ui>,
    mut commands: Commands,
    mut editor: Option<ResMut<editor::Editor>>,
    mut state: ResMut<EditorState>,
    folder: Option<Res<DrawnLevelsFolder>>,
    winnable: Option<Res<Winnable>>,
    mut leave: MessageWriter<Leave>,
) {
    let (Some(editor), state) = (&mut editor, &mut *state) else { return };
    let doubt = winnable.as_ref().and_then(|winnable| winnable.doubt.as_deref());
    section(ui, "Level editor", |ui| {
        // Written only on change, because every change redraws the level.
        if let Some(brush) = brushes(ui, editor) {
            editor.brush = brush;
        }
        rewards(ui, editor);
        let undone = undo(ui, editor);
        let cleared = new_level(ui, editor, state);
        if undone || cleared {
            commands.queue(editor::play);
        }
        // The doubt is about the level that is played, not about an invalid drawing.
        for problem in editor.problem.as_deref().or(doubt).into_iter().chain(state.problem.as_deref()) {
            note(ui, problem, palette::ROSE, 6);
        }
        let folder = folder.as_ref().and_then(|folder| folder.0.as_ref());
        name(ui, editor, state);
        if let Some(chosen) = folder.and_then(|folder| open(ui, folder, state)) {
            (state.file, state.saved) = (Some(chosen.path), Some(chosen.draft.clone()));
            (state.name, state.problem, editor.draft) = (None, None, chosen.draft);
            commands.queue(editor::play);
        }
        if train_new_agent(ui, editor, state)
            && let Some(file) = &state.file
        {
            leave.write(Leave::Level(file.clone()));
        }
    });
}

/// Reward of cells.
fn rewards(ui: &mut Ui, editor: &mut ResMut<editor::Editor>) {
    let explanation = "Extra reward for every step onto a cell, added to the world's rewards; negative values are costs. Click \
                       Paint, then paint cells; the right button clears.";
    row(ui, "cell reward", explanation, |ui| {
        let active = editor.brush == editor::REWARD;
        if ui.add(egui::Button::new("Paint").selected(active)).on_hover_text(explanation).clicked() {
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

/// Undo and redo; returns whether the level has changed.
fn undo(ui: &mut Ui, editor: &mut ResMut<editor::Editor>) -> bool {
    let clicked = ui.horizontal(|ui| {
        let [can_undo, can_redo] = editor.draft.changes();
        let undo = ui.add_enabled(can_undo, egui::Button::new("Undo"));
        let redo = ui.add_enabled(can_redo, egui::Button::new("Redo"));
        [
            undo.on_hover_text("Undoes the last stroke. Key: Ctrl+Z").clicked(),
            redo.on_hover_text("Redoes it. Key: Ctrl+Y").clicked(),
        ]
    });
    let [undo, redo] = clicked.inner;
    (undo && editor.draft.undo()) || (redo && editor.draft.redo())
}

/// Starts a new level; returns whether it was clicked. The file of the previous level stays.
fn new_level(ui: &mut Ui, editor: &mut ResMut<editor::Editor>, state: &mut EditorState) -> bool {
    let mut size = state.size.unwrap_or(editor.draft.size());
    let explanation = "A new, empty level of this size. The current one stays saved under its name.";
    let mut clicked = false;
    row(ui, "new level", explanation, |ui| {
        if ui.button("Create").on_hover_text(explanation).clicked() {
            editor.draft.clear(size[0], size[1]);
            (state.file, state.name, clicked) = (None, None, true);
        }
        let [width, height] = &mut size;
        ui.add(egui::DragValue::new(height).range(5..=LARGEST_SIDE)).on_hover_text("Number of rows.");
        ui.label("×");
        ui.add(egui::DragValue::new(width).range(5..=LARGEST_SIDE)).on_hover_text("Number of columns.");
        state.size = Some(size);
    });
    clicked
}

/// The brush that was clicked.
fn brushes(ui: &mut Ui, editor: &editor::Editor) -> Option<char> {
    ui.label(
        RichText::new("The left button paints, the right one clears. Changes take effect at once.")
            .small()
            .color(tone(palette::MUTED)),
    );
    let all: Vec<(char, &str)> = editor.draft.brushes().collect();
    let mut chosen = None;
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = egui::vec2(4.0, 4.0);
        for (symbol, meaning) in all {
            let active = editor.brush == symbol;
            let fill = tone(editor::tone(symbol));
            let ink = if active { palette::NIGHT } else { palette::INK };
            let text = RichText::new(brush_label(symbol, meaning)).small().color(tone(ink));
            let button = egui::Button::new(text)
                .fill(if active { tone(palette::MINT) } else { tone(palette::SLATE.mix(palette::WALL, 0.4)) })
                .stroke(egui::Stroke::new(2.0, fill));
            if ui.add(button).on_hover_text(format!("{meaning}: {symbol} in the file")).clicked() {
                chosen = Some(symbol);
            }
        }
    });
    chosen
}

/// Short label of the brush for `symbol`, which means `meaning`.
fn brush_label(symbol: char, meaning: &'static str) -> &'static str {
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

/// Name of the level, once it is saved.
fn name(ui: &mut Ui, editor: &mut ResMut<editor::Editor>, state: &mut EditorState) {
    let Some(file) = state.file.clone() else {
        let text = "Your drawing is saved at once, under my levels.";
        ui.label(RichText::new(text).small().color(tone(palette::MUTED)));
        return;
    };
    let explanation = format!("Saved as you draw, in {}", file.display());
    row(ui, "saved as", &explanation, |ui| {
        let own = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut name = state.name.clone().unwrap_or(own);
        let response = ui.add(egui::TextEdit::singleline(&mut name).desired_width(150.0));
        let response = response.on_hover_text(&explanation);
        if response.changed() {
            state.name = Some(name);
        }
        if response.lost_focus()
            && let Some(name) = state.name.take()
        {
            state.problem = rename(editor, state, &name).err();
        }
    });
}

fn rename(editor: &mut editor::Editor, state: &mut EditorState, name: &str) -> Result<(), String> {
    let Some(file) = state.file.clone() else { return Ok(()) };
    let to = drawn_levels::renamed(&file, name)?;
    if to != file {
        std::fs::rename(&file, &to).map_err(|error| format!("{}: {error}", to.display()))?;
        editor.draft.name = name.trim().to_owned();
        drawn_levels::write(&to, &editor.draft)?;
        state.file = Some(to);
    }
    Ok(())
}

/// The drawn level that was chosen.
fn open(ui: &mut Ui, folder: &std::path::Path, state: &EditorState) -> Option<DrawnLevel> {
    let explanation = "Levels that you have drawn in this world. The current one stays saved.";
    let mut chosen = None;
    row(ui, "my levels", explanation, |ui| {
        let list = list("my levels", "open …", 150.0);
        let list = list.show_ui(ui, |ui| {
            let levels = drawn_levels::list(folder);
            if levels.is_empty() {
                ui.label(RichText::new("none yet").color(tone(palette::MUTED)));
            }
            for level in levels {
                let current = state.file.as_ref() == Some(&level.path);
                let name = if level.level.is_some() {
                    level.name.clone()
                } else {
                    format!("{} (unfinished)", level.name)
                };
                if ui.selectable_label(current, name).clicked() && !current {
                    chosen = Some(level);
                }
            }
        });
        list.response.on_hover_text(explanation);
    });
    chosen
}

/// Whether to train a new agent on the level.
fn train_new_agent(ui: &mut Ui, editor: &editor::Editor, state: &EditorState) -> bool {
    let ready = state.file.is_some() && editor.draft.level().is_ok();
    let button = ui.add_enabled(ready, egui::Button::new("Train a new agent"));
    let explanation = "Saves and leaves this session, and starts a new agent on this level. Needed for levels of another size \
                       or with other kinds of cells.";
    button.on_hover_text(explanation).clicked()
}

#[cfg(test)]
mod tests;
