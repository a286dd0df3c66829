//! Builds one level's board: everything static, from the floor up, and the animated light on it.

use bevy::prelude::*;

use super::RISE;
use super::things::{emblem, key_tone, socket};
use crate::view::paint::{Paint, circle, rounded, rounded_where};
use crate::view::palette::{self, BLACK, Tone};
use crate::worlds::rooms::Patrol;
use crate::worlds::rooms::level::{Cell, Direction, Level, Place};

/// Layers of running arrows: one per chevron of a cell.
pub const ARROWS: usize = 3;

/// Slant of the gloss on ice: cells to the right per cell up.
const GLOSS_LEAN: f32 = 0.62;
/// Distance between its lines, in cells along a row.
const GLOSS_GAP: f32 = 1.7;
/// Offset, width and opacity of its lines.
const GLOSS: [(f32, f32, f32); 3] = [(0.1, 0.22, 0.1), (0.36, 0.06, 0.16), (1.05, 0.1, 0.06)];

/// Everything static, including the tracks of `patrols`.
pub fn paint_board(canvas: &mut Paint, level: &Level, patrols: &[Patrol]) {
    let half = Vec2::new(level.width as f32, level.height as f32) / 2.0;
    canvas.soft(&rounded(Vec2::new(0.0, -0.2), half - 0.1, 0.4), 0.45, BLACK.alpha(0.5));
    canvas.fill(&rounded(Vec2::ZERO, half - 0.02, 0.4), palette::FLOOR.solid());
    for center in all(level).filter(|(column, row)| (column + row) % 2 == 0).map(centers(level)) {
        canvas.fill(&rounded(center, Vec2::splat(0.46), 0.1), palette::FLOOR_ALT.solid());
    }
    paint_ice(canvas, level);
    paint_ways(canvas, level);
    paint_lava(canvas, level);
    for place in all(level) {
        let center = level.center(place.0, place.1);
        match level.cell(place.0, place.1) {
            Cell::Goal => {
                canvas.fill(&rounded(center, Vec2::splat(0.46), 0.14), palette::AMBER.alpha(0.12));
                canvas.line(&rounded(center, Vec2::splat(0.44), 0.13), 0.035, palette::AMBER.alpha(0.6));
            }
            Cell::Mark => paint_mark(canvas, center),
            Cell::Plate => {
                canvas.fill(&rounded(center, Vec2::splat(0.45), 0.14), palette::LIME.alpha(0.1));
                canvas
                    .fill(&rounded(center, Vec2::splat(0.40), 0.12), palette::NIGHT.mix(BLACK, 0.3).solid());
                canvas.line(&rounded(center, Vec2::splat(0.45), 0.14), 0.03, palette::LIME.alpha(0.55));
            }
            Cell::Gate => socket(canvas, center),
            Cell::Door(color) => {
                let tone = key_tone(color);
                canvas.fill(&rounded(center, Vec2::splat(0.46), 0.1), palette::NIGHT.solid());
                canvas.line(&rounded(center, Vec2::splat(0.46), 0.1), 0.04, tone.alpha(0.6));
                emblem(canvas, color, center, 0.17, tone.alpha(0.4));
            }
            Cell::Floor | Cell::Wall | Cell::Lava | Cell::Ice | Cell::OneWay(_) => {}
        }
    }
    for &((column, row), reward) in &level.rewards {
        paint_reward(canvas, level.center(column, row), reward);
    }
    for patrol in patrols {
        paint_lane(canvas, patrol.ends());
    }
    paint_walls(canvas, level);
}

/// The color that stands for a reward.
pub fn reward_tone(reward: f32) -> Tone {
    if reward > 0.0 { palette::LIME } else { palette::ROSE }
}

/// The reward of a cell: a coin or a bill, larger for more.
pub fn paint_reward(canvas: &mut Paint, center: Vec2, reward: f32) {
    let tone = reward_tone(reward);
    let (place, radius) = (center, 0.12 + 0.2 * reward.abs().sqrt());
    canvas.fill(&rounded(place, Vec2::splat(0.46), 0.12), tone.alpha(0.14));
    canvas.fill(&circle(place, radius), tone.alpha(0.35));
    canvas.line(&circle(place, radius), 0.04, tone.alpha(0.9));
    let arm = radius * 0.55;
    canvas.stroke(&[place - Vec2::X * arm, place + Vec2::X * arm], 0.06, palette::INK.solid());
    if reward > 0.0 {
        canvas.stroke(&[place - Vec2::Y * arm, place + Vec2::Y * arm], 0.06, palette::INK.solid());
    }
}

/// All cells, row by row.
fn all(level: &Level) -> impl Iterator<Item = Place> {
    level.places(|_| true)
}

fn centers(level: &Level) -> impl Fn(Place) -> Vec2 {
    |(column, row)| level.center(column, row)
}

/// One sheet over all connected cells of ice, with gloss across it.
fn paint_ice(canvas: &mut Paint, level: &Level) {
    let ice = |cell| cell == Cell::Ice;
    for center in level.places(ice).map(centers(level)) {
        canvas.soft(&rounded(center, Vec2::splat(0.36), 0.2), 0.4, palette::ICE.alpha(0.05));
    }
    let (body, pale) = (palette::ICE_DEEP.mix(palette::FLOOR, 0.22), palette::ICE.mix(palette::INK, 0.4));
    for (column, row) in level.places(ice) {
        let radii = corners(level, column, row, Cell::Ice, 0.2);
        let sheet = rounded_where(level.center(column, row), Vec2::splat(0.5), radii);
        canvas.fill(&sheet, body.solid());
    }
    for (column, row) in level.places(ice) {
        let center = level.center(column, row);
        let next = |way: Direction| way.from((column, row)).is_some_and(|(x, y)| ice(level.cell(x, y)));
        for (start, width, alpha) in GLOSS {
            // Strokes continue in the next cell of ice and keep a distance to the sheet's edge.
            let reach = |way: Direction| if next(way) { 0.5 } else { 0.46 - width / 2.0 };
            let [up, down, left, right] = Direction::ALL.map(reach);
            let free = Rect::from_corners(center - Vec2::new(left, down), center + Vec2::new(right, up));
            for line in -1..=1 {
                let foot = (center.x - GLOSS_LEAN * center.y - start) / GLOSS_GAP;
                let foot = (foot.round() + line as f32) * GLOSS_GAP + start;
                if let Some(ends) = within(free, foot) {
                    canvas.stroke(&ends, width, pale.alpha(alpha));
                }
            }
        }
        if !next(Direction::Up) {
            let rim = Rect::from_corners(center + Vec2::new(-0.38, 0.4), center + Vec2::new(0.38, 0.5));
            canvas.ramp(rim, palette::INK.alpha(0.45), palette::INK.alpha(0.0));
        }
        if !next(Direction::Down) {
            let rim = Rect::from_corners(center + Vec2::new(-0.4, -0.5), center + Vec2::new(0.4, -0.36));
            canvas.ramp(rim, palette::NIGHT.alpha(0.0), palette::NIGHT.alpha(0.4));
        }
    }
}

/// The part within `free` of the slanted line that crosses the x axis at `foot`.
fn within(free: Rect, foot: f32) -> Option<[Vec2; 2]> {
    let low = free.min.y.max((free.min.x - foot) / GLOSS_LEAN);
    let high = free.max.y.min((free.max.x - foot) / GLOSS_LEAN);
    let point = |y: f32| Vec2::new(foot + GLOSS_LEAN * y, y);
    (high - low > 0.02).then(|| [point(low), point(high)])
}

/// One-way cells: a lane with walls on both sides and a closed end, and static chevrons.
fn paint_ways(canvas: &mut Paint, level: &Level) {
    for (place, way) in ways(level) {
        let center = level.center(place.0, place.1);
        let tone = palette::SLATE.mix(palette::WALL, 0.35);
        canvas.fill(&rounded(center, Vec2::splat(0.46), 0.12), tone.solid());
        let ahead = way.vector();
        for side in [ahead.perp(), -ahead.perp()] {
            let half = (ahead.abs() * 0.42) + side.abs() * 0.035;
            canvas.fill(&rounded(center + side * 0.42, half, 0.035), palette::MUTED.alpha(0.4));
        }
        for arrow in 0..ARROWS {
            paint_chevron(canvas, center, ahead, arrow, palette::MUTED.alpha(0.45));
        }
    }
}

/// The chevrons of the one-way cells that light up together.
pub fn paint_arrows(canvas: &mut Paint, level: &Level, arrow: usize) {
    for ((column, row), way) in ways(level) {
        paint_chevron(canvas, level.center(column, row), way.vector(), arrow, palette::INK.solid());
    }
}

fn ways(level: &Level) -> impl Iterator<Item = (Place, Direction)> {
    all(level).filter_map(|(column, row)| match level.cell(column, row) {
        Cell::OneWay(way) => Some(((column, row), way)),
        _ => None,
    })
}

fn paint_chevron(canvas: &mut Paint, center: Vec2, ahead: Vec2, arrow: usize, ink: LinearRgba) {
    let tip = center + ahead * (0.27 * (arrow as f32 - 1.0) + 0.09);
    let wing = |side: f32| tip - ahead * 0.18 + ahead.perp() * side;
    canvas.stroke(&[wing(0.22), tip, wing(-0.22)], 0.075, ink);
}

fn paint_lava(canvas: &mut Paint, level: &Level) {
    let lava = |cell| cell == Cell::Lava;
    for center in level.places(lava).map(centers(level)) {
        canvas.soft(&rounded(center, Vec2::splat(0.4), 0.2), 0.6, palette::EMBER.alpha(0.1));
    }
    for (column, row) in level.places(lava) {
        let radii = corners(level, column, row, Cell::Lava, 0.2);
        let pit = rounded_where(level.center(column, row), Vec2::splat(0.5), radii);
        canvas.fill(&pit, palette::EMBER_DEEP.mix(BLACK, 0.1).solid());
    }
    for (column, row) in level.places(lava) {
        let center = level.center(column, row);
        let hot = rounded(center - Vec2::new(0.0, 0.03), Vec2::splat(0.26), 0.18);
        canvas.soft(&hot, 0.22, palette::EMBER.alpha(0.75));
        // The pit's edge throws a shadow onto the lava.
        if row > 0 && level.cell(column, row - 1) != Cell::Lava {
            let edge = Rect::from_corners(center + Vec2::new(-0.42, 0.28), center + Vec2::new(0.42, 0.49));
            canvas.ramp(edge, BLACK.alpha(0.4), BLACK.alpha(0.0));
        }
    }
}

/// A mark: four corners and a cross.
fn paint_mark(canvas: &mut Paint, center: Vec2) {
    canvas.fill(&rounded(center, Vec2::splat(0.42), 0.12), palette::AMBER.alpha(0.03));
    for corner in [Vec2::ONE, Vec2::new(-1.0, 1.0), Vec2::NEG_ONE, Vec2::new(1.0, -1.0)] {
        let at = center + corner * 0.42;
        for arm in [Vec2::X, Vec2::Y] {
            let middle = at - corner * arm * 0.1;
            canvas.fill(&rounded(middle, arm * 0.1 + 0.025, 0.025), palette::AMBER.alpha(0.85));
        }
        let cross = [center + corner * 0.04, center + corner * 0.15];
        canvas.stroke(&cross, 0.05, palette::AMBER.alpha(0.5));
    }
}

/// The track of a hazard.
fn paint_lane(canvas: &mut Paint, [from, to]: [Vec2; 2]) {
    let (middle, reach) = ((from + to) / 2.0, (to - from).abs() / 2.0);
    let lane = rounded(middle, reach + 0.4, 0.4);
    canvas.fill(&lane, palette::CRIMSON.alpha(0.035));
    canvas.line(&lane, 0.02, palette::CRIMSON.alpha(0.13));
    let steps = (from.distance(to) * 2.0).round() as usize;
    for step in 0..=steps {
        let at = from.lerp(to, step as f32 / steps.max(1) as f32);
        canvas.fill(&circle(at, 0.03), palette::CRIMSON.alpha(0.3));
    }
}

fn paint_walls(canvas: &mut Paint, level: &Level) {
    let wall = |cell| cell == Cell::Wall;
    for (column, row) in level.places(|cell| !wall(cell)) {
        if row > 0 && wall(level.cell(column, row - 1)) {
            let top = level.center(column, row) + Vec2::new(0.0, 0.5);
            let rect = Rect::from_corners(top + Vec2::new(-0.5, -0.42), top + Vec2::new(0.5, 0.0));
            canvas.ramp(rect, BLACK.alpha(0.38), BLACK.alpha(0.0));
        }
    }
    // All sides first, then all tops, so that no side covers a neighbor's top.
    for (offset, tone) in [(-RISE, palette::WALL_SIDE), (0.0, palette::WALL)] {
        for (column, row) in level.places(wall) {
            let radii = corners(level, column, row, Cell::Wall, 0.26);
            let center = level.center(column, row) + Vec2::new(0.0, offset);
            canvas.fill(&rounded_where(center, Vec2::splat(0.5), radii), tone.solid());
        }
    }
    let top: Tone = palette::WALL.mix(palette::INK, 0.045);
    // Tiles along the edge of walls; the inside is plain.
    let outer = |&(column, row): &Place| {
        let around = |place: usize| place.saturating_sub(1)..=place + 1;
        let mut cells = around(column).flat_map(|x| around(row).map(move |y| (x, y)));
        cells.any(|(x, y)| !wall(level.cell(x, y)))
    };
    for center in level.places(wall).filter(outer).map(centers(level)) {
        canvas.fill(&rounded(center, Vec2::splat(0.4), 0.16), top.solid());
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

/// A pseudo-random number for irregular details, so that every room of a level looks the same.
fn scatter(level: &Level, place: Place, kind: usize) -> f32 {
    (level.index(place) * 37 + kind * 61 + 11) as f32
}

/// One of two layers of bubbles that come and go in turn.
pub fn paint_bubbles(canvas: &mut Paint, level: &Level, kind: usize) {
    let hot = palette::EMBER.mix(palette::AMBER, 0.7);
    for place in level.places(|cell| cell == Cell::Lava) {
        let center = level.center(place.0, place.1);
        let scatter = scatter(level, place, kind);
        for part in 0..2 {
            let angle = scatter * 2.4 + part as f32 * 2.9;
            let at =
                center + Vec2::from_angle(angle) * (0.1 + 0.16 * (scatter * 0.73 + part as f32).sin().abs());
            let radius = 0.035 + 0.035 * (scatter * 1.31 + part as f32 * 1.7).cos().abs();
            canvas.soft(&circle(at, radius), 0.06, hot.alpha(0.85));
        }
    }
}

/// One of two layers of stars that sparkle on ice in turn.
pub fn paint_sparkles(canvas: &mut Paint, level: &Level, kind: usize) {
    for place in level.places(|cell| cell == Cell::Ice) {
        let scatter = scatter(level, place, kind);
        // Not on every cell in every layer.
        if (scatter * 0.37).sin() < -0.2 {
            continue;
        }
        let at = level.center(place.0, place.1) + Vec2::from_angle(scatter * 2.4) * 0.27;
        canvas.soft(&circle(at, 0.02), 0.1, palette::INK.alpha(0.5));
        for arm in [Vec2::X, Vec2::Y] {
            let half = arm * 0.09 + arm.yx() * 0.011;
            canvas.fill(&rounded(at, half, 0.011), palette::INK.solid());
        }
    }
}
