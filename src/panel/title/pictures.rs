//! Pictures of the levels that cards are turned to, painted when they are first looked at.

use std::collections::BTreeMap;

use bevy_egui::egui::{self, ColorImage, TextureHandle, TextureOptions};

use super::{Card, Cards};
use crate::sim::level::Level;
use crate::view::pictures;

/// Pixels of a picture; cards are little wider, and screens twice as fine.
const SIZE: [usize; 2] = [480, 300];

/// Pictures by the number of a card and of the level it is turned to.
#[derive(Default)]
pub(super) struct Maps(BTreeMap<(usize, usize), TextureHandle>);

impl Maps {
    /// The picture of level number `level` of card number `card`.
    pub fn of(&self, card: usize, level: usize) -> Option<&TextureHandle> {
        self.0.get(&(card, level))
    }
}

impl Cards {
    /// Paints a level that a card is turned to and that has no picture yet; one a frame.
    pub(super) fn paint_maps(&mut self, context: &egui::Context) {
        let new = |(card, level): &(usize, usize)| self.maps.of(*card, *level).is_none();
        let next = self.levels.iter().copied().enumerate().filter(new);
        let level = next.filter_map(|at| Some((at, self.cards[at.0].level(at.1)?))).next();
        let Some((at, level)) = level else { return };
        let image = ColorImage::from_rgba_unmultiplied(SIZE, &pictures::map(&level, SIZE));
        let texture = context.load_texture(format!("level {} {}", at.0, at.1), image, TextureOptions::LINEAR);
        self.maps.0.insert(at, texture);
        context.request_repaint();
    }
}

impl Card {
    /// Level number `number`, from 1: one that comes along, or one that was drawn and can be played.
    fn level(&self, number: usize) -> Option<Level> {
        match number.checked_sub(self.levels + 1) {
            None => Level::shipped(&self.spec.name, number).ok(),
            Some(own) => self.own.get(own)?.level.clone(),
        }
    }

    /// Whether the moving picture shows level number `number`.
    pub(super) fn films(&self, number: usize) -> bool {
        self.levels == 0 || number == pictures::level_of(&self.spec.name)
    }
}
