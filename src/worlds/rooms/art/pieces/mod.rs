//! Meshes of the rooms: pieces that all levels share, and boards that are built when a level is first shown.

mod board;
mod figures;
mod picture;
mod things;

use std::collections::HashMap;

use bevy::prelude::*;

use crate::view::effects::{Art, Shimmer};
use crate::view::paint::{Paint, circle, rounded};
use crate::view::palette::{self, BLACK};
use crate::view::stage::{Detail, StageSize};
use crate::worlds::rooms::level::{Cell, KeyColor};
use crate::worlds::rooms::{CRATE_HALF, RoomPlan, Rooms, WALKER_RADIUS};
use board::ARROWS;
pub use board::{paint_reward, reward_tone};
pub use figures::Mood;
pub use picture::picture;

/// Number of cached boards, of both detail levels together; beyond it, the cache is cleared.
pub const MOST_BOARDS: usize = 64;
/// How far walls rise above the floor, as drawn.
pub const RISE: f32 = 0.14;
/// Period of a one-way cell's running arrows, in seconds.
const ARROWS_PERIOD: f32 = 1.5;

/// Meshes that do not depend on the level.
#[derive(Resource)]
pub struct RoomArt {
    pub halo: Art,
    pub gem: Art,
    pub shadow: Art,
    /// By slot and by controller color.
    pub walkers: [[Art; 5]; 2],
    pub eyes: [Art; 3],
    pub horns: Art,
    pub aura: Art,
    pub dust: Art,
    pub blade: Art,
    pub menace: Art,
    pub hub: Art,
    pub pupil: Art,
    pub crate_shadow: Art,
    pub crate_box: Art,
    pub gilded_box: Art,
    pub sunk_box: Art,
    pub patch: Art,
    /// By color.
    pub keys: [Art; 3],
    pub key_glow: Art,
    /// By color: side and top.
    pub doors: [[Art; 2]; 3],
    pub gate: [Art; 2],
    /// Free and pressed.
    pub plate: [Art; 2],
    pub plate_glow: Art,
    pub sign: Art,
    pub arrow: Art,
    pub gold: Art,
    pub ember: Art,
    pub crimson: Art,
    pub lime: Art,
    /// By color.
    pub opened: [Art; 3],
}

impl RoomArt {
    /// Builds them for stages of `rooms`' size.
    pub fn new(rooms: &Rooms, meshes: &mut Assets<Mesh>) -> Self {
        let units = rooms.first().height as f32;
        let mut art = |paint: &dyn Fn(&mut Paint)| Art::new(meshes, units, paint);
        let wood = Vec2::splat(CRATE_HALF);
        Self {
            halo: art(&|canvas| _ = canvas.soft(&circle(Vec2::ZERO, 0.22), 0.5, palette::AMBER.alpha(0.4))),
            gem: art(&things::paint_gem),
            shadow: art(&|canvas| {
                canvas.soft(&circle(Vec2::new(0.0, -0.1), WALKER_RADIUS * 0.8), 0.2, BLACK.alpha(0.45));
            }),
            walkers: [0, 1].map(|slot| {
                palette::PLAYERS.map(|tone| art(&|canvas| figures::paint_walker(canvas, tone, slot)))
            }),
            eyes: [Mood::Calm, Mood::Fierce, Mood::Alarmed]
                .map(|mood| art(&|canvas| figures::paint_eyes(canvas, mood))),
            horns: art(&figures::paint_horns),
            aura: art(&figures::paint_aura),
            dust: art(&|canvas| _ = canvas.soft(&circle(Vec2::ZERO, 0.05), 0.1, palette::MUTED.alpha(0.35))),
            blade: art(&figures::paint_blade),
            menace: art(&figures::paint_menace),
            hub: art(&figures::paint_hub),
            pupil: art(&figures::paint_pupil),
            crate_shadow: art(&|canvas| {
                canvas.soft(&rounded(Vec2::new(0.0, -0.09), wood - 0.05, 0.1), 0.18, BLACK.alpha(0.4));
            }),
            crate_box: art(&|canvas| things::paint_crate(canvas, palette::WOOD, palette::WOOD_DARK)),
            gilded_box: art(&|canvas| {
                canvas.soft(&rounded(Vec2::ZERO, wood - 0.05, 0.1), 0.32, palette::AMBER.alpha(0.5));
                things::paint_gilded(canvas);
            }),
            sunk_box: art(&|canvas| {
                let dry = [(palette::WOOD, 0.55), (palette::WOOD_DARK, 0.5)];
                let [light, dark] = dry.map(|(tone, share)| tone.mix(palette::FLOOR, share));
                things::paint_crate(canvas, light, dark);
            }),
            patch: art(&|canvas| {
                canvas.fill(&rounded(Vec2::ZERO, Vec2::splat(0.47), 0.12), palette::FLOOR_ALT.solid());
            }),
            keys: KeyColor::ALL.map(|color| art(&|canvas| things::paint_key(canvas, color))),
            key_glow: art(&|canvas| {
                canvas.soft(&circle(Vec2::ZERO, 0.15), 0.4, palette::INK.alpha(0.22));
            }),
            doors: KeyColor::ALL
                .map(|color| [false, true].map(|top| art(&|canvas| things::paint_door(canvas, color, top)))),
            gate: [false, true].map(|top| art(&|canvas| things::paint_gate(canvas, top))),
            plate: [false, true].map(|pressed| art(&|canvas| things::paint_plate(canvas, pressed))),
            plate_glow: art(&|canvas| {
                canvas.soft(&rounded(Vec2::ZERO, Vec2::splat(0.4), 0.14), 0.4, palette::LIME.alpha(0.5));
            }),
            sign: art(&things::paint_sign),
            arrow: art(&things::paint_arrow),
            gold: art(&|canvas| things::paint_burst(canvas, palette::AMBER)),
            ember: art(&|canvas| things::paint_burst(canvas, palette::EMBER)),
            crimson: art(&|canvas| things::paint_burst(canvas, palette::CRIMSON)),
            lime: art(&|canvas| things::paint_burst(canvas, palette::LIME)),
            opened: KeyColor::ALL
                .map(|color| art(&|canvas| things::paint_burst(canvas, things::key_tone(color)))),
        }
    }
}

/// The size of a stage of `rooms`.
pub fn stage_size(rooms: &Rooms) -> StageSize {
    let level = rooms.first();
    StageSize(Vec2::new(level.width as f32, level.height as f32) / 2.0 + Vec2::splat(RISE))
}

/// The meshes of one level at one detail.
#[derive(Debug, Clone)]
pub struct Board {
    /// Everything static.
    pub still: Mesh2d,
    /// The animated light on it.
    pub layers: Vec<(Mesh2d, Shimmer)>,
}

/// Boards by level and detail, built on first use.
#[derive(Resource, Default)]
pub struct Boards(HashMap<(usize, usize), Board>);

impl Boards {
    /// The board of level `index` of `rooms`.
    pub fn board(
        &mut self,
        plan: &RoomPlan,
        index: usize,
        detail: Detail,
        meshes: &mut Assets<Mesh>,
    ) -> &Board {
        let key = (index, detail.index());
        // Meshes still on show stay alive through their handles.
        if self.0.len() >= MOST_BOARDS && !self.0.contains_key(&key) {
            self.0.clear();
        }
        self.0.entry(key).or_insert_with(|| Board::new(plan, detail, meshes))
    }
}

impl Board {
    fn new(plan: &RoomPlan, detail: Detail, meshes: &mut Assets<Mesh>) -> Self {
        let level = &plan.level;
        let mut mesh = |paint: &dyn Fn(&mut Paint)| {
            let mut canvas = Paint::new(detail.feather(level.height as f32));
            paint(&mut canvas);
            Mesh2d(meshes.add(canvas.mesh()))
        };
        let still = mesh(&|canvas| board::paint_board(canvas, level, &plan.patrols));
        let mut layers = Vec::new();
        let shimmer = |opacity, period, offset| Shimmer { opacity, period, offset };
        if level.cells.contains(&Cell::Lava) {
            for kind in 0..2 {
                let bubbles = mesh(&|canvas| board::paint_bubbles(canvas, level, kind));
                layers.push((bubbles, shimmer([0.0, 1.0], 3.2, kind as f32 / 2.0)));
            }
        }
        if level.cells.contains(&Cell::Ice) && detail == Detail::Large {
            for kind in 0..2 {
                let sparkles = mesh(&|canvas| board::paint_sparkles(canvas, level, kind));
                layers.push((sparkles, shimmer([-0.6, 1.0], 2.6, kind as f32 / 2.0)));
            }
        }
        if level.cells.iter().any(|cell| matches!(cell, Cell::OneWay(_))) && detail == Detail::Large {
            for arrow in 0..ARROWS {
                let arrows = mesh(&|canvas| board::paint_arrows(canvas, level, arrow));
                // The first lights up first: later ones are offset in phase.
                let offset = 1.0 - arrow as f32 / ARROWS as f32;
                layers.push((arrows, shimmer([-0.4, 0.9], ARROWS_PERIOD, offset)));
            }
        }
        Self { still, layers }
    }
}
