//! Previews: pictures of levels, painted when a card first shows them.

use std::collections::BTreeMap;

use bevy_egui::egui::{self, ColorImage, TextureHandle, TextureOptions};

use super::{Card, Cards};
use crate::worlds;
use crate::worlds::rooms::art::picture;
use crate::worlds::rooms::level::Level;

/// Size of a picture in pixels.
const SIZE: [usize; 2] = [480, 300];

/// Pictures by card index and level number.
#[derive(Default)]
pub(super) struct Previews(BTreeMap<(usize, usize), TextureHandle>);

impl Previews {
    /// Picture of level `level`, from 1, of card `card`.
    pub fn of(&self, card: usize, level: usize) -> Option<&TextureHandle> {
        self.0.get(&(card, level))
    }
}

impl Cards {
    /// Paints one selected level that has no picture yet; at most one per frame.
    pub(super) fn paint_previews(&mut self, context: &egui::Context) {
        let new = |(card, level): &(usize, usize)| self.previews.of(*card, *level).is_none();
        let next = self.levels.iter().copied().enumerate().filter(new);
        let level = next.filter_map(|at| Some((at, self.cards[at.0].level(at.1)?))).next();
        let Some((at, level)) = level else { return };
        let image = ColorImage::from_rgba_unmultiplied(SIZE, &picture(&level, SIZE));
        let texture = context.load_texture(format!("level {} {}", at.0, at.1), image, TextureOptions::LINEAR);
        self.previews.0.insert(at, texture);
        context.request_repaint();
    }
}

impl Card {
    /// Level `number`, from 1: a shipped one, or a playable drawn one.
    fn level(&self, number: usize) -> Option<Level> {
        match number.checked_sub(self.levels + 1) {
            None => Level::shipped(&self.spec.name, number).ok(),
            Some(index) => self.drawn.get(index)?.level.clone(),
        }
    }

    /// Whether the animation shows level `number`.
    pub(super) fn animates(&self, number: usize) -> bool {
        self.levels == 0 || worlds::find(&self.spec.name).is_some_and(|world| world.pictured_level == number)
    }
}
