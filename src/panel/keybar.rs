//! Key bar: what each key does now. It takes as many lines as the largest possible set of entries, so that the stage does
//! not move when a person takes over.

use bevy::prelude::*;
use bevy_egui::egui::{self, RichText, Ui};

use super::theme::tone;
use super::widgets::key;
use crate::view::bindings::Bindings;
use crate::view::commands::KeyRegistry;
use crate::view::palette;

/// Height of a line and gap between lines, in logical pixels.
const LINE: f32 = 18.0;
const GAP: f32 = 5.0;
/// Horizontal spacing of keys and texts in logical pixels.
const SPACING: f32 = 6.0;
/// Largest share of the window's height. The preferences list the keys that do not fit.
const MAX_SHARE: f32 = 0.28;

/// Labels of keys, and what they do.
pub type KeyEntry = (Vec<&'static str>, String);

/// Function that returns the current entries of human players, and those of every assignment of human players.
#[derive(Resource, Debug, Clone, Copy)]
pub struct PlayerKeys(pub fn(&World) -> (Vec<KeyEntry>, Vec<Vec<KeyEntry>>));

/// Entries of all registered keys that apply to this world, by group, and of `Esc`.
pub(super) fn commands(world: &World, esc: &str) -> Vec<KeyEntry> {
    let (registry, bindings) = (world.resource::<KeyRegistry>(), world.resource::<Bindings>());
    let mut entries = Vec::new();
    for spec in registry.all() {
        let Some(hint) = spec.hint(world) else { continue };
        let beside = registry.all().iter().filter(|other| other.beside == Some(spec.command));
        let keys = [spec].into_iter().chain(beside);
        let keys = keys.map(|spec| spec.mouse().unwrap_or_else(|| bindings.label(spec.command)));
        entries.push((keys.collect(), hint.to_owned()));
    }
    entries.push((vec!["Esc"], esc.to_owned()));
    entries
}

/// Shows the `current` entries in as many lines as the longest of `others` needs, and at least `min_lines`, which is updated.
/// Keys in `refused` are dimmed. If there is too little room, the last entries are dropped, except `essential` keys.
pub(super) fn show(
    ui: &mut Ui,
    current: &[KeyEntry],
    others: &[Vec<KeyEntry>],
    essential: &[&str],
    refused: &[&'static str],
    min_lines: &mut usize,
) {
    let needed = others.iter().map(|all| fit(ui, all, essential).1.len()).max().unwrap_or(0);
    let needed = needed.max((*min_lines).min(max_lines(ui)));
    let (shown, filled) = fit(ui, current, essential);
    *min_lines = filled.len().max(needed);
    let mut rest = shown.into_iter();
    ui.spacing_mut().item_spacing = egui::vec2(SPACING, GAP);
    for line in 0..filled.len().max(needed) {
        ui.horizontal(|ui| {
            ui.set_min_height(LINE);
            for (keys, meaning) in rest.by_ref().take(filled.get(line).copied().unwrap_or(0)) {
                let dimmed = keys.iter().all(|key| refused.contains(key));
                entry(ui, keys, meaning, dimmed);
            }
        });
    }
}

/// Height of a bar with the entries `all` in the width of `ui`, in logical pixels.
pub(super) fn height(ui: &Ui, all: &[KeyEntry]) -> f32 {
    fit(ui, all, &[]).1.len() as f32 * (LINE + GAP)
}

/// Largest number of lines.
fn max_lines(ui: &Ui) -> usize {
    ((MAX_SHARE * ui.ctx().viewport_rect().height() / (LINE + GAP)) as usize).max(2)
}

/// The entries that fit into the bar, and the number of entries in each line.
fn fit<'a>(ui: &Ui, all: &'a [KeyEntry], essential: &[&str]) -> (Vec<&'a KeyEntry>, Vec<usize>) {
    let room = ui.available_width();
    let most = max_lines(ui);
    let mut shown: Vec<(&KeyEntry, f32)> = all.iter().map(|entry| (entry, width(ui, entry))).collect();
    loop {
        let filled = lines(&shown.iter().map(|(_, width)| *width).collect::<Vec<_>>(), room);
        let spare = shown.iter().rposition(|((keys, _), _)| !keys.iter().any(|key| essential.contains(key)));
        let Some(spare) = spare.filter(|_| filled.len() > most) else {
            return (shown.into_iter().map(|(entry, _)| entry).collect(), filled);
        };
        shown.remove(spare);
    }
}

fn entry(ui: &mut Ui, keys: &[&str], meaning: &str, dimmed: bool) {
    ui.scope(|ui| {
        if dimmed {
            ui.set_opacity(0.4);
        }
        keys.iter().for_each(|name| key(ui, name));
        let meaning = RichText::new(meaning).small().color(tone(palette::MUTED));
        ui.add(egui::Label::new(meaning).extend());
    });
}

/// Width of an entry including the gap to the next one, in logical pixels.
fn width(ui: &Ui, (keys, meaning): &KeyEntry) -> f32 {
    let font = egui::TextStyle::Small.resolve(ui.style());
    let text_width = |text: &str| {
        let text = text.to_owned();
        ui.fonts_mut(|fonts| fonts.layout_no_wrap(text, font.clone(), egui::Color32::WHITE).size().x)
    };
    // A key has a margin of five pixels on both sides.
    keys.iter().map(|key| text_width(key) + 10.0 + SPACING).sum::<f32>() + text_width(meaning) + SPACING
}

/// Number of entries in each line; no entry is broken.
fn lines(widths: &[f32], room: f32) -> Vec<usize> {
    let (mut lines, mut used): (Vec<usize>, f32) = (Vec::new(), 0.0);
    for width in widths {
        match lines.last_mut().filter(|_| used + width <= room) {
            Some(line) => *line += 1,
            None => {
                lines.push(1);
                used = 0.0;
            }
        }
        used += width;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_not_broken_and_keep_their_order() {
        assert_eq!(lines(&[40.0, 50.0, 30.0, 90.0, 10.0], 100.0), [2, 1, 2]);
        assert_eq!(lines(&[400.0, 10.0], 100.0), [1, 1]);
        assert_eq!(lines(&[], 100.0), [0; 0]);
    }
}
