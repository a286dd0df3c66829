//! Key bar: which keys do what now, in as many lines as the fullest set of keys needs, so that the worlds above stay where
//! they are when somebody takes over.

use bevy_egui::egui::{self, RichText, Ui};

use super::theme::tone;
use super::widgets::key;
use crate::view::palette;

/// Height of a line in logical pixels, and between two of them.
const LINE: f32 = 18.0;
const GAP: f32 = 5.0;
/// Between keys and words.
const BETWEEN: f32 = 6.0;
/// Share of the window's height that the bar may take; the game comes first, and the preferences list every key.
const MOST: f32 = 0.28;

/// Some keys, by what is printed on them, and what they do.
pub(super) type Help = (Vec<&'static str>, String);

/// Shows `now` in the lines that the longest of `others` needs, and no fewer than `least`, which becomes as many. Keys of
/// `refused` do nothing now. Where there is too little room, the last entries are left out, but none of the keys that `stay`.
pub(super) fn show(
    ui: &mut Ui,
    now: &[Help],
    others: &[Vec<Help>],
    stay: &[&str],
    refused: &[&'static str],
    least: &mut usize,
) {
    let needed = others.iter().map(|all| fit(ui, all, stay).1.len()).max().unwrap_or(0);
    let needed = needed.max((*least).min(most(ui)));
    let (shown, filled) = fit(ui, now, stay);
    *least = filled.len().max(needed);
    let mut rest = shown.into_iter();
    ui.spacing_mut().item_spacing = egui::vec2(BETWEEN, GAP);
    for line in 0..filled.len().max(needed) {
        ui.horizontal(|ui| {
            ui.set_min_height(LINE);
            for (keys, meaning) in rest.by_ref().take(filled.get(line).copied().unwrap_or(0)) {
                let faint = keys.iter().all(|key| refused.contains(key));
                entry(ui, keys, meaning, faint);
            }
        });
    }
}

/// Height of a bar with `all` where there is room for `ui`.
pub(super) fn height(ui: &Ui, all: &[Help]) -> f32 {
    fit(ui, all, &[]).1.len() as f32 * (LINE + GAP)
}

/// Lines that a bar may have.
fn most(ui: &Ui) -> usize {
    ((MOST * ui.ctx().viewport_rect().height() / (LINE + GAP)) as usize).max(2)
}

/// What of `all` is shown in as many lines as a bar may have, and how many entries each line holds.
fn fit<'a>(ui: &Ui, all: &'a [Help], stay: &[&str]) -> (Vec<&'a Help>, Vec<usize>) {
    let room = ui.available_width();
    let most = most(ui);
    let mut shown: Vec<(&Help, f32)> = all.iter().map(|help| (help, width(ui, help))).collect();
    loop {
        let filled = lines(&shown.iter().map(|(_, width)| *width).collect::<Vec<_>>(), room);
        let spare = shown.iter().rposition(|((keys, _), _)| !keys.iter().any(|key| stay.contains(key)));
        let Some(spare) = spare.filter(|_| filled.len() > most) else {
            return (shown.into_iter().map(|(help, _)| help).collect(), filled);
        };
        shown.remove(spare);
    }
}

fn entry(ui: &mut Ui, keys: &[&str], meaning: &str, faint: bool) {
    ui.scope(|ui| {
        if faint {
            ui.set_opacity(0.4);
        }
        keys.iter().for_each(|name| key(ui, name));
        let meaning = RichText::new(meaning).small().color(tone(palette::MUTED));
        ui.add(egui::Label::new(meaning).extend());
    });
}

/// How much of a line an entry takes, the gap to the next one included.
fn width(ui: &Ui, (keys, meaning): &Help) -> f32 {
    let font = egui::TextStyle::Small.resolve(ui.style());
    let wide = |text: &str| {
        let text = text.to_owned();
        ui.fonts_mut(|fonts| fonts.layout_no_wrap(text, font.clone(), egui::Color32::WHITE).size().x)
    };
    let gap = BETWEEN;
    // A key has five units of rim on both sides.
    keys.iter().map(|key| wide(key) + 10.0 + gap).sum::<f32>() + wide(meaning) + gap
}

/// How many entries stand in each line, where none is broken.
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
    fn entries_stay_whole_and_in_order() {
        assert_eq!(lines(&[40.0, 50.0, 30.0, 90.0, 10.0], 100.0), [2, 1, 2]);
        assert_eq!(lines(&[400.0, 10.0], 100.0), [1, 1]);
        assert_eq!(lines(&[], 100.0), [0; 0]);
    }
}
