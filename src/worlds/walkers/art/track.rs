//! The track: marks, hills and flags that come and go at the edges of the picture, footprints, and the speed.

use bevy::prelude::*;

use super::shapes::{BIG, HALF, HILL, MIDDLE, RIM, SMALL, TrackArt};
use crate::sim::Arena;
use crate::view::digits::DIGIT_HALF;
use crate::view::drift::{Drift, scatter};
use crate::view::effects::{Art, Materials};
use crate::view::follow::Follows;
use crate::view::scroll::Scroll;
use crate::view::stage::{Detail, Stage};
use crate::worlds::bodiless::{Clock, Furnisher, Shapes, ease};
use crate::worlds::walkers::anatomy::Anatomy;
use crate::worlds::walkers::runner::Runner;

/// Distance between marks, flags and hills, m.
const MARK: f32 = 0.5;
const FLAG: f32 = 10.0;
const HILLS: f32 = 1.5;
/// Hills move by this share of what the ground moves.
const DEPTH: f32 = 0.22;
const MARKS: usize = 13;
const MOUNTAINS: usize = 5;
const PRINTS: usize = 12;
/// Columns of the speed: minus, tens, ones, point and tenths, in widths of half a digit.
const COLUMNS: [f32; 5] = [0.0, 1.6, 3.6, 4.9, 6.2];
/// Seconds until a footprint is gone.
const FADES: f32 = 4.0;
/// A foot closer to the ground than this stands on it, m.
const STANDS: f32 = 0.015;

/// The shapes of the track.
#[derive(Component)]
pub(super) struct Track {
    /// In the arena.
    inside: Entity,
    marks: Vec<Entity>,
    hills: Vec<Entity>,
    flag: Entity,
    /// Of the flag.
    digits: [Entity; 3],
    pennant: Entity,
    /// Minus, tens, ones, point and tenths; on the large stage only.
    speed: Vec<Entity>,
    shown: f32,
    /// Where the farthest episode so far ended.
    farthest: f32,
    steps: u32,
    last: f32,
    prints: Vec<(Entity, f32, f32)>,
    next: usize,
}

/// The feet, by link, and whether each stands on the ground.
#[derive(Component)]
pub(super) struct Feet(Vec<(usize, Entity, bool)>);

impl Feet {
    pub(super) fn new(feet: Vec<(usize, Entity)>) -> Self {
        Self(feet.into_iter().map(|(link, node)| (link, node, true)).collect())
    }
}

impl Track {
    /// Its shapes on the stage `entity`; those `inside` are in the arena.
    pub(super) fn spawn(on: &mut Furnisher, art: &TrackArt, entity: Entity, inside: Entity) -> Self {
        let large = on.stage.detail == Detail::Large;
        let mut hidden = |parent: Entity, art: &Art, place: Vec2, z: f32| {
            let shape = on.put(parent, art, place, z);
            on.commands.entity(shape).insert(on.inks.fade(0.0));
            shape
        };
        let marks = (0..MARKS).map(|_| hidden(inside, &art.mark, Vec2::ZERO, 0.1)).collect();
        let hill = |index: usize| hidden(entity, &art.hills[index % 3], Vec2::ZERO, 0.5);
        let hills = (0..MOUNTAINS).map(hill).collect();
        let flag = hidden(inside, &art.flag, Vec2::ZERO, 0.2);
        let digits = [(); 3].map(|()| hidden(inside, &art.digits[0], Vec2::ZERO, 0.3));
        let pennant = hidden(inside, &art.pennant, Vec2::ZERO, 0.25);
        let readout = [&art.minus, &art.digits[0], &art.digits[0], &art.dot, &art.digits[0]];
        let readout = readout.into_iter().zip(COLUMNS).filter(|_| large);
        let speed = readout.map(|(art, x)| hidden(entity, art, corner(x), 6.0)).collect();
        let prints =
            (0..PRINTS).map(|_| (hidden(inside, &art.print, Vec2::ZERO, 0.15), 0.0, FADES)).collect();
        Self {
            inside,
            marks,
            hills,
            flag,
            digits,
            pennant,
            speed,
            shown: 0.0,
            farthest: 0.0,
            steps: 0,
            last: 0.0,
            prints,
            next: 0,
        }
    }
}

/// Leaves prints and dust where feet come down, and remembers the farthest episode.
pub(super) fn step(
    anatomy: Res<Anatomy>,
    art: Res<TrackArt>,
    mut effects: Materials,
    arenas: Query<(&Arena, &Runner)>,
    followers: Query<&Transform, With<Follows>>,
    mut stages: Query<(&Stage, &mut Track, &mut Feet)>,
) {
    let seconds = effects.time.delta_secs();
    for (stage, mut track, mut feet) in &mut stages {
        let Ok((arena, runner)) = arenas.get(stage.arena) else { continue };
        let track = &mut *track;
        let begins = arena.steps() < track.steps;
        if begins {
            track.farthest = track.farthest.max(track.last);
            track.prints.iter_mut().for_each(|(_, _, age)| *age = FADES);
        }
        (track.steps, track.last) = (arena.steps(), runner.x());
        track.prints.iter_mut().for_each(|(_, _, age)| *age += seconds);
        for (link, node, stands) in &mut feet.0 {
            let Ok(foot) = followers.get(*node) else { continue };
            let link = &anatomy.links[*link];
            let ends = link.capsules.iter().flatten().map(|end| *end - link.center);
            let ends = ends.map(|end| foot.transform_point(end.extend(0.0)).truncate());
            let Some(lowest) = ends.min_by(|a, b| a.y.total_cmp(&b.y)) else { continue };
            let down = lowest.y - link.radius < STANDS;
            if down && !*stands && !begins {
                let next = track.next % track.prints.len().max(1);
                if let Some((_, x, age)) = track.prints.get_mut(next) {
                    (*x, *age) = (lowest.x, 0.0);
                }
                track.next += 1;
                let count = if stage.detail == Detail::Large { 4 } else { 0 };
                for piece in 0..count {
                    let key = 5 * track.next as u32 + piece;
                    let velocity = Vec2::new(0.7 * scatter(key), 0.25 + 0.2 * scatter(key + 400));
                    effects
                        .burst(
                            track.inside,
                            art.dust.at(stage.detail),
                            lowest.with_y(0.02).extend(0.4),
                            [0.6, 2.2],
                            0.6,
                        )
                        .insert(Drift { velocity, drag: 2.5, ..default() });
                }
            }
            *stands = down;
        }
    }
}

/// Where the part of the speed in column `x` is.
fn corner(x: f32) -> Vec2 {
    Vec2::new(-HALF.x + RIM + 0.2 + x * BIG, HALF.y - RIM - 0.24)
}

/// How visible a shape `half` wide is at `x` of the picture: it fades out before the edge.
fn visible(x: f32, half: f32) -> f32 {
    ((HALF.x - RIM - half - x.abs()) / 0.35).clamp(0.0, 1.0)
}

/// The number of the first of `count` things `gap` apart that are centered around `middle`.
fn first(middle: f32, gap: f32, count: usize) -> i32 {
    (middle / gap).round() as i32 - count as i32 / 2
}

/// Moves everything to where the picture is.
pub(super) fn draw(
    clock: Clock,
    art: Res<TrackArt>,
    runners: Query<&Runner>,
    mut stages: Query<(&Stage, &Scroll, &mut Track)>,
    mut shapes: Shapes,
) {
    let beat = clock.beat();
    for (stage, scroll, mut track) in &mut stages {
        let Ok(runner) = runners.get(stage.arena) else { continue };
        let (track, middle) = (&mut *track, scroll.0.x);
        for (number, mark) in (first(middle, MARK, MARKS)..).zip(&track.marks) {
            let x = number as f32 * MARK;
            shapes.place(*mark, Vec2::X * x, 0.0);
            shapes.scale(*mark, Vec2::new(1.0, if number % 2 == 0 { 1.3 } else { 0.7 }));
            shapes.fade(*mark, visible(x - middle, 0.02));
        }
        let far = middle * DEPTH;
        for (number, hill) in (first(far, HILLS, MOUNTAINS)..).zip(&track.hills) {
            let stray = 0.2 * scatter(number.unsigned_abs() + 7);
            let x = number as f32 * HILLS + stray - far;
            shapes.place(*hill, Vec2::new(x, -MIDDLE), 0.0);
            shapes.wear(*hill, art.hills[number.rem_euclid(3) as usize].at(stage.detail));
            shapes.fade(*hill, visible(x, HILL));
        }
        let x = (middle / FLAG).round() * FLAG;
        // Where every episode begins, a flag would be in the way.
        let shown = if x == 0.0 { 0.0 } else { visible(x - middle, 0.36) };
        shapes.place(track.flag, Vec2::X * x, 0.0);
        shapes.fade(track.flag, shown);
        let number = x.abs() as usize;
        let count = number.max(1).ilog10() as usize + 1;
        for (index, digit) in track.digits.iter().enumerate() {
            let column = index as f32 - (count as f32 - 1.0) / 2.0;
            let value = number / 10usize.pow((count - 1).saturating_sub(index) as u32) % 10;
            shapes.wear(*digit, art.digits[value].at(stage.detail));
            shapes.place(*digit, Vec2::new(x + column * 2.2 * DIGIT_HALF.x * SMALL, 0.83), 0.0);
            shapes.scale(*digit, Vec2::splat(SMALL));
            shapes.fade(*digit, if index < count { shown } else { 0.0 });
        }
        shapes.place(track.pennant, Vec2::X * track.farthest, 0.0);
        let reached = if track.farthest > 1.0 { visible(track.farthest - middle, 0.28) } else { 0.0 };
        shapes.fade(track.pennant, reached);
        for &(print, x, age) in &track.prints {
            shapes.place(print, Vec2::X * x, 0.0);
            shapes.fade(print, (1.0 - age / FADES).max(0.0) * visible(x - middle, 0.1));
        }
        ease(&mut track.shown, runner.speed(), 0.4 * beat.frame);
        let tenths = (track.shown * 10.0).round() as i32;
        let [high, low, part] = [100, 10, 1].map(|unit| (tenths.abs() / unit % 10) as usize);
        let lit = [tenths < 0, high > 0, true, true, true];
        for (index, (shape, lit)) in track.speed.iter().zip(lit).enumerate() {
            match index {
                // Next to the first digit.
                0 => shapes.place(*shape, corner(COLUMNS[usize::from(high == 0)]), 0.0),
                1 => shapes.wear(*shape, art.digits[high].at(stage.detail)),
                2 => shapes.wear(*shape, art.digits[low].at(stage.detail)),
                4 => shapes.wear(*shape, art.digits[part].at(stage.detail)),
                _ => {}
            }
            shapes.scale(*shape, Vec2::splat(BIG));
            shapes.fade(*shape, if lit { 1.0 } else { 0.0 });
        }
    }
}
