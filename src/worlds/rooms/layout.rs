//! Rooms: the levels that the arenas of one world play, prepared once so that resets are fast.

use std::sync::{Arc, OnceLock};

use bevy::prelude::*;
use bevy_rapier2d::prelude::Collider;
use bevy_rapier2d::rapier::math::Vector as RapierVector;

use super::rules::{Plane, Rules};
use super::{HAZARD_SPEED, NOWHERE, TICK_SECONDS};
use crate::worlds::rooms::level::solve::{Guide, Pushes};
use crate::worlds::rooms::level::{Cell, Direction, KeyColor, Level, Place};

/// Search bound, in positions, of the plan that scripts compute when they first play a level.
const GUIDE_BOUND: usize = 200_000;

/// Layout shared by all arenas of one world: its rules, and the levels that episodes are drawn from.
#[derive(Resource, Clone)]
pub struct Rooms {
    /// The world.
    pub rules: &'static Rules,
    /// At least one; all of the same size.
    pub levels: Arc<[RoomPlan]>,
    /// Planes of the grid observation, in order: those of the rules and of every cell type in any level.
    pub planes: Arc<[Plane]>,
    /// The largest number of crates, barriers and hazards in any level.
    pub most: Pieces,
}

/// One level with data derived from it.
#[derive(Debug, Clone)]
pub struct RoomPlan {
    /// The level.
    pub level: Level,
    /// All walls as one shape.
    pub walls: Collider,
    /// Gates and doors, row by row.
    pub barriers: Vec<Place>,
    /// Tracks of the hazards, in the level's order.
    pub patrols: Vec<Patrol>,
    /// Whether there is ice.
    pub icy: bool,
    /// Whether there are gates.
    pub gated: bool,
    /// Goals, row by row.
    pub goals: Vec<Place>,
    /// Number of marks.
    pub marks: usize,
    /// The grid observation at the start, without moving things: `[planes, height, width]`.
    pub still: Vec<u8>,
    /// Computed on first use: few runs need it.
    guide: OnceLock<Option<Guide>>,
}

/// Body indices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pieces {
    /// Crates.
    pub crates: usize,
    /// Gates and doors.
    pub barriers: usize,
    /// Hazards.
    pub hazards: usize,
}

/// The track of one hazard: back and forth between obstacles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Patrol {
    start: Vec2,
    ahead: Vec2,
    /// Cells it can move against `ahead` and along it, from the start.
    room: [f32; 2],
}

impl Patrol {
    fn new(level: &Level, ahead: Direction, place: Place) -> Self {
        let free = |direction: Direction| {
            let next = |&(column, row): &Place| {
                direction.from((column, row)).filter(|&(column, row)| {
                    !matches!(level.cell(column, row), Cell::Wall | Cell::Gate | Cell::Door(_) | Cell::Lava)
                })
            };
            (std::iter::successors(Some(place), next).count() - 1) as f32
        };
        let start = level.center(place.0, place.1);
        Self { start, ahead: ahead.vector(), room: [free(ahead.opposite()), free(ahead)] }
    }

    /// Both ends of its track.
    pub fn ends(&self) -> [Vec2; 2] {
        let [behind, before] = self.room;
        [self.start - self.ahead * behind, self.start + self.ahead * before]
    }

    /// Its position after `ticks` of an episode.
    pub fn at(&self, ticks: u32) -> Vec2 {
        let [behind, before] = self.room;
        let span = behind + before;
        if span == 0.0 {
            return self.start;
        }
        let gone = (behind + HAZARD_SPEED * TICK_SECONDS * ticks as f32) % (2.0 * span);
        self.start + self.ahead * (gone.min(2.0 * span - gone) - behind)
    }
}

impl Rooms {
    /// Arenas of `rules` that all play `level`.
    pub fn single(rules: &'static Rules, level: Level) -> Self {
        Self::set(rules, vec![level])
    }

    /// Arenas of `rules` whose episodes each play one of `levels`, all of the same size.
    pub fn set(rules: &'static Rules, levels: Vec<Level>) -> Self {
        let used =
            |plane: Plane| rules.planes.contains(&plane) || levels.iter().any(|level| holds(level, plane));
        let mut planes = rules.planes.to_vec();
        planes.extend(every_plane().filter(|plane| !rules.planes.contains(plane) && used(*plane)));
        let levels: Arc<[RoomPlan]> = levels.into_iter().map(|level| RoomPlan::new(level, &planes)).collect();
        let most = |count: fn(&RoomPlan) -> usize| levels.iter().map(count).max().unwrap_or(0);
        let most = Pieces {
            crates: most(|plan| plan.level.crates.len()),
            barriers: most(|plan| plan.barriers.len()),
            hazards: most(|plan| plan.level.hazards.len()),
        };
        Self { rules, levels, planes: planes.into(), most }
    }

    /// The first level, whose size all others share.
    pub fn first(&self) -> &Level {
        &self.levels[0].level
    }

    /// Number of players.
    pub fn players(&self) -> usize {
        self.rules.teams.len()
    }

    /// Index of the walls' body; players come before it, crates after.
    pub fn walls_body(&self) -> usize {
        self.players()
    }

    /// Index of the body of crate `index`.
    pub fn crate_body(&self, index: usize) -> usize {
        self.players() + 1 + index
    }

    /// Index of the body of barrier `index`.
    pub fn barrier_body(&self, index: usize) -> usize {
        self.crate_body(self.most.crates) + index
    }

    /// Index of the body of hazard `index`.
    pub fn hazard_body(&self, index: usize) -> usize {
        self.barrier_body(self.most.barriers) + index
    }
}

impl RoomPlan {
    fn new(level: Level, planes: &[Plane]) -> Self {
        let barriers = level.places(|cell| matches!(cell, Cell::Gate | Cell::Door(_))).collect();
        let mut still = vec![0; planes.len() * level.cells.len()];
        for (plane, bytes) in planes.iter().zip(still.chunks_mut(level.cells.len())) {
            for (index, byte) in bytes.iter_mut().enumerate() {
                let place = (index % level.width, index / level.width);
                if shows(&level, *plane, place) {
                    *byte = 255;
                }
            }
        }
        let patrols = level.hazards.iter().map(|&(ahead, place)| Patrol::new(&level, ahead, place)).collect();
        Self {
            walls: walls(&level),
            barriers,
            patrols,
            icy: level.cells.contains(&Cell::Ice),
            gated: level.cells.contains(&Cell::Gate),
            goals: level.places(|cell| cell == Cell::Goal).collect(),
            marks: level.places(|cell| cell == Cell::Mark).count(),
            still,
            level,
            guide: OnceLock::new(),
        }
    }

    /// The next push, for this kind of push; `None` for levels that cannot be searched.
    pub(super) fn guide(&self, pushes: Pushes) -> Option<&Guide> {
        self.guide.get_or_init(|| Guide::new(&self.level, pushes, GUIDE_BOUND)).as_ref()
    }
}

/// All possible planes, in order.
fn every_plane() -> impl Iterator<Item = Plane> {
    let alone = [Plane::Solid, Plane::Lava, Plane::Goal, Plane::Crate, Plane::Own, Plane::Other, Plane::Ice];
    let more = [Plane::Mark, Plane::Plate, Plane::Gate, Plane::Hazard, Plane::HazardSoon];
    let ways = (0..Direction::ALL.len()).map(Plane::OneWay);
    let colored = (0..KeyColor::ALL.len()).flat_map(|color| [Plane::Key(color), Plane::Door(color)]);
    alone.into_iter().chain(more).chain(ways).chain(colored)
}

/// Whether `level` has anything that `plane` shows.
fn holds(level: &Level, plane: Plane) -> bool {
    match plane {
        Plane::Crate => !level.crates.is_empty(),
        Plane::Hazard | Plane::HazardSoon => !level.hazards.is_empty(),
        Plane::Own | Plane::Other | Plane::Solid => false,
        _ => (0..level.cells.len())
            .any(|index| shows(level, plane, (index % level.width, index / level.width))),
    }
}

/// Whether `plane` shows something at `place` at the beginning of an episode, moving things excluded.
fn shows(level: &Level, plane: Plane, place: Place) -> bool {
    let cell = level.cell(place.0, place.1);
    match plane {
        Plane::Solid => matches!(cell, Cell::Wall | Cell::Gate | Cell::Door(_)),
        Plane::Lava => cell == Cell::Lava,
        Plane::Goal => cell == Cell::Goal,
        Plane::Ice => cell == Cell::Ice,
        Plane::OneWay(way) => cell == Cell::OneWay(Direction::ALL[way]),
        Plane::Mark => cell == Cell::Mark,
        Plane::Plate => cell == Cell::Plate,
        Plane::Gate => cell == Cell::Gate,
        Plane::Key(color) => level.keys.contains(&(KeyColor::ALL[color], place)),
        Plane::Door(color) => cell == Cell::Door(KeyColor::ALL[color]),
        Plane::Crate | Plane::Own | Plane::Other | Plane::Hazard | Plane::HazardSoon => false,
    }
}

/// All walls as one shape: one cuboid for every horizontal run of wall cells.
fn walls(level: &Level) -> Collider {
    let mut parts = Vec::new();
    for row in 0..level.height {
        let mut column = 0;
        while column < level.width {
            if level.cell(column, row) != Cell::Wall {
                column += 1;
                continue;
            }
            let start = column;
            while column < level.width && level.cell(column, row) == Cell::Wall {
                column += 1;
            }
            let middle = (level.center(start, row) + level.center(column - 1, row)) / 2.0;
            parts.push((middle, 0.0, Collider::cuboid((column - start) as f32 / 2.0, 0.5)));
        }
    }
    if parts.is_empty() {
        // A compound shape needs at least one part; an open room gets one out of reach.
        parts.push((RapierVector::new(-NOWHERE, NOWHERE), 0.0, Collider::cuboid(0.5, 0.5)));
    }
    Collider::compound(parts)
}
