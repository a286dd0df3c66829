//! Painting of the rooms' meshes: once for every level, shared by all stages.

use bevy::prelude::*;

use crate::sim::level::{Cell, Level};
use crate::sim::worlds::rooms::{CRATE_HALF, Rooms, WALKER_RADIUS};
use crate::view::effects::Art;
use crate::view::paint::{Paint, circle, polygon, rounded, rounded_where};
use crate::view::palette::{self, BLACK, Tone};
use crate::view::stage::StageSize;

/// How far walls rise above the floor, as drawn.
const RISE: f32 = 0.14;

/// Meshes of one level.
#[derive(Resource)]
pub struct RoomArt {
    pub board: Art,
    pub bubbles: [Art; 2],
    pub halo: Art,
    pub gem: Art,
    pub shadow: Art,
    pub walkers: [Art; 5],
    pub eyes: Art,
    pub crate_shadow: Art,
    pub crate_box: Art,
    pub sunk_box: Art,
    pub patch: Art,
    pub gold: Art,
    pub ember: Art,
}

/// Paints the level's meshes and says how much room a stage needs.
pub fn prepare(mut commands: Commands, rooms: Res<Rooms>, mut meshes: ResMut<Assets<Mesh>>) {
    let level = rooms.first();
    let half = Vec2::new(level.width as f32, level.height as f32) / 2.0;
    commands.insert_resource(StageSize(half + Vec2::splat(RISE)));
    let units = 2.0 * half.y;
    let mut art = |paint: &dyn Fn(&mut Paint)| Art::new(&mut meshes, units, paint);
    let wood = Vec2::splat(CRATE_HALF);
    let planks = |canvas: &mut Paint, light: Tone, dark: Tone| {
        canvas.fill(&rounded(Vec2::ZERO, wood, 0.09), dark.solid());
        canvas.fill(&rounded(Vec2::new(0.0, 0.03), wood - 0.07, 0.05), light.solid());
        for y in [-0.12, 0.12] {
            canvas.fill(&rounded(Vec2::new(0.0, y + 0.03), Vec2::new(0.31, 0.014), 0.014), dark.alpha(0.7));
        }
        for corner in [Vec2::ONE, Vec2::new(-1.0, 1.0), Vec2::NEG_ONE, Vec2::new(1.0, -1.0)] {
            canvas.fill(&circle(corner * 0.26 + Vec2::new(0.0, 0.03), 0.028), dark.solid());
        }
    };
    let ring = |canvas: &mut Paint, tone: Tone| {
        canvas.soft(&circle(Vec2::ZERO, 0.2), 0.3, tone.alpha(0.35));
        canvas.line(&circle(Vec2::ZERO, 0.5), 0.06, tone.solid());
    };
    let room = RoomArt {
        board: art(&|canvas| paint_board(canvas, level)),
        bubbles: [0, 1].map(|kind| art(&|canvas| paint_bubbles(canvas, level, kind))),
        halo: art(&|canvas| {
            canvas.soft(&circle(Vec2::ZERO, 0.22), 0.5, palette::AMBER.alpha(0.4));
        }),
        gem: art(&|canvas| {
            let bright = palette::AMBER.mix(palette::INK, 0.5);
            canvas.fill(&polygon(Vec2::ZERO, 0.27, 4), palette::AMBER.solid());
            canvas.fill(&polygon(Vec2::new(0.0, 0.03), 0.15, 4), bright.solid());
        }),
        shadow: art(&|canvas| {
            canvas.soft(&circle(Vec2::new(0.0, -0.1), WALKER_RADIUS * 0.8), 0.2, BLACK.alpha(0.45));
        }),
        walkers: palette::PLAYERS.map(|tone| art(&|canvas| paint_walker(canvas, tone))),
        eyes: art(&|canvas| {
            for x in [-0.105, 0.105] {
                canvas.fill(
                    &rounded(Vec2::new(x, 0.0), Vec2::new(0.048, 0.075), 0.048),
                    palette::NIGHT.solid(),
                );
                canvas.fill(&circle(Vec2::new(x + 0.014, 0.03), 0.017), palette::INK.solid());
            }
        }),
        crate_shadow: art(&|canvas| {
            canvas.soft(&rounded(Vec2::new(0.0, -0.09), wood - 0.05, 0.1), 0.18, BLACK.alpha(0.4));
        }),
        crate_box: art(&|canvas| planks(canvas, palette::WOOD, palette::WOOD_DARK)),
        sunk_box: art(&|canvas| {
            planks(
                canvas,
                palette::WOOD.mix(palette::FLOOR, 0.55),
                palette::WOOD_DARK.mix(palette::FLOOR, 0.5),
            );
        }),
        patch: art(&|canvas| {
            canvas.fill(&rounded(Vec2::ZERO, Vec2::splat(0.47), 0.12), palette::FLOOR_ALT.solid());
        }),
        gold: art(&|canvas| ring(canvas, palette::AMBER)),
        ember: art(&|canvas| ring(canvas, palette::EMBER)),
    };
    commands.insert_resource(room);
}

fn paint_walker(canvas: &mut Paint, tone: Tone) {
    let bright = tone.mix(palette::INK, 0.35);
    let dark = tone.mix(palette::NIGHT, 0.45);
    canvas.soft(&circle(Vec2::ZERO, WALKER_RADIUS), 0.3, tone.alpha(0.22));
    canvas.fill(&circle(Vec2::ZERO, WALKER_RADIUS), dark.solid());
    canvas.shade(&circle(Vec2::new(0.0, 0.025), WALKER_RADIUS - 0.035), bright.solid(), tone.solid());
}

/// Everything that never moves, from the floor up.
fn paint_board(canvas: &mut Paint, level: &Level) {
    let half = Vec2::new(level.width as f32, level.height as f32) / 2.0;
    let cell_half = Vec2::splat(0.5);
    canvas.soft(&rounded(Vec2::new(0.0, -0.2), half - 0.1, 0.4), 0.45, BLACK.alpha(0.5));
    canvas.fill(&rounded(Vec2::ZERO, half - 0.02, 0.4), palette::FLOOR.solid());
    let all = || (0..level.height).flat_map(|row| (0..level.width).map(move |column| (column, row)));
    let is = |kind: Cell| move |(column, row): &(usize, usize)| level.cell(*column, *row) == kind;
    for (column, row) in all().filter(|&(column, row)| (column + row) % 2 == 0) {
        canvas.fill(&rounded(level.center(column, row), Vec2::splat(0.46), 0.1), palette::FLOOR_ALT.solid());
    }
    for (column, row) in all().filter(is(Cell::Lava)) {
        canvas.soft(
            &rounded(level.center(column, row), Vec2::splat(0.4), 0.2),
            0.6,
            palette::EMBER.alpha(0.1),
        );
    }
    for (column, row) in all().filter(is(Cell::Lava)) {
        let radii = corners(level, column, row, Cell::Lava, 0.2);
        canvas.fill(
            &rounded_where(level.center(column, row), cell_half, radii),
            palette::EMBER_DEEP.mix(BLACK, 0.1).solid(),
        );
    }
    for (column, row) in all().filter(is(Cell::Lava)) {
        let center = level.center(column, row);
        canvas.soft(
            &rounded(center - Vec2::new(0.0, 0.03), Vec2::splat(0.26), 0.18),
            0.22,
            palette::EMBER.alpha(0.75),
        );
        // The pit's edge throws a shadow onto the lava.
        if row > 0 && level.cell(column, row - 1) != Cell::Lava {
            let edge = Rect::from_corners(center + Vec2::new(-0.42, 0.28), center + Vec2::new(0.42, 0.49));
            canvas.ramp(edge, BLACK.alpha(0.4), BLACK.alpha(0.0));
        }
    }
    for (column, row) in all().filter(is(Cell::Goal)) {
        let center = level.center(column, row);
        canvas.fill(&rounded(center, Vec2::splat(0.46), 0.14), palette::AMBER.alpha(0.12));
        canvas.line(&rounded(center, Vec2::splat(0.44), 0.13), 0.035, palette::AMBER.alpha(0.6));
    }
    for (column, row) in all().filter(|&(column, row)| row > 0 && level.cell(column, row) != Cell::Wall) {
        if level.cell(column, row - 1) == Cell::Wall {
            let top = level.center(column, row) + Vec2::new(0.0, 0.5);
            let rect = Rect::from_corners(top + Vec2::new(-0.5, -0.42), top + Vec2::new(0.5, 0.0));
            canvas.ramp(rect, BLACK.alpha(0.38), BLACK.alpha(0.0));
        }
    }
    // First all sides, then all tops, so that no side covers a neighbour's top.
    for (offset, tone) in [(-RISE, palette::WALL_SIDE), (0.0, palette::WALL)] {
        for (column, row) in all().filter(is(Cell::Wall)) {
            let radii = corners(level, column, row, Cell::Wall, 0.26);
            let center = level.center(column, row) + Vec2::new(0.0, offset);
            canvas.fill(&rounded_where(center, cell_half, radii), tone.solid());
        }
    }
    for (column, row) in all().filter(is(Cell::Wall)) {
        let center = level.center(column, row);
        canvas.fill(&rounded(center, Vec2::splat(0.4), 0.16), palette::WALL.mix(palette::INK, 0.045).solid());
    }
}

/// Radii of a cell's corners: round where it borders on something else on both sides.
fn corners(level: &Level, column: usize, row: usize, kind: Cell, radius: f32) -> [f32; 4] {
    let same = |dx: i32, dy: i32| {
        let (x, y) = (column as i32 + dx, row as i32 + dy);
        let inside = (0..level.width as i32).contains(&x) && (0..level.height as i32).contains(&y);
        inside && level.cell(x as usize, y as usize) == kind
    };
    // Rows grow downwards.
    [(1, -1), (-1, -1), (-1, 1), (1, 1)].map(|(dx, dy)| if same(dx, 0) || same(0, dy) { 0.0 } else { radius })
}

/// One of two layers of bubbles that come and go in turn.
fn paint_bubbles(canvas: &mut Paint, level: &Level, kind: usize) {
    let hot = palette::EMBER.mix(palette::AMBER, 0.7);
    for (index, _) in level.cells.iter().enumerate().filter(|(_, cell)| **cell == Cell::Lava) {
        let center = level.center(index % level.width, index / level.width);
        // Scattered without luck, so that every room of a level looks alike.
        let scatter = (index * 37 + kind * 61 + 11) as f32;
        for part in 0..2 {
            let angle = scatter * 2.4 + part as f32 * 2.9;
            let at =
                center + Vec2::from_angle(angle) * (0.1 + 0.16 * (scatter * 0.73 + part as f32).sin().abs());
            let radius = 0.035 + 0.035 * (scatter * 1.31 + part as f32 * 1.7).cos().abs();
            canvas.soft(&circle(at, radius), 0.06, hot.alpha(0.85));
        }
    }
}
