//! Rooms: bodies walk from cell to cell of a level, push crates that slide physically, and interact with the
//! cells.
//!
//! The shared engine of all worlds of rooms: walking, sliding, sinking, plates, keys and hazards. Each
//! world's [`Rules`] set aims and rewards; levels are in `level`, drawing is in `art`.

#[cfg(feature = "arcade")]
pub mod art;
pub mod crate_yard;
#[cfg(feature = "arcade")]
pub mod editor;
mod environment;
pub mod key_door;
pub mod lava_room;
mod layout;
pub mod level;
pub mod memory_corridor;
mod observe;
#[cfg(test)]
pub(super) mod play;
pub mod reload;
mod rules;
mod sketch;
mod start;
pub mod tag;
#[cfg(test)]
mod tests;
pub mod two_plates;
pub mod way;
pub mod winnable;

use bevy::prelude::*;

use crate::mdp::Action;
use crate::sim::Bodies;
use crate::worlds::CATALOGUE;
use crate::worlds::rooms::level::solve::Guide;
use crate::worlds::rooms::level::{Cell, Direction, KeyColor, Level, Place};

pub use layout::{Patrol, Pieces, RoomPlan, Rooms};
pub use rules::{Plane, Rules, Win};

/// The rules of all worlds of rooms.
pub fn all() -> impl Iterator<Item = &'static Rules> {
    CATALOGUE.iter().filter_map(|entry| entry.rooms)
}

/// The rules of the world of rooms called `name`; `None` if there is none.
pub fn find(name: &str) -> Option<&'static Rules> {
    all().find(|rules| rules.name == name)
}

/// Radius of a walker, in cells.
pub const WALKER_RADIUS: f32 = 0.34;
/// Half the side of a crate, in cells.
pub const CRATE_HALF: f32 = 0.40;
/// Radius of a hazard, in cells.
pub const HAZARD_RADIUS: f32 = 0.32;
pub(super) const TICKS_PER_STEP: u32 = 4;
const TICK_SECONDS: f32 = 1.0 / 30.0;
/// Cells/s: exactly one cell in the ticks of a step.
const WALK_SPEED: f32 = 1.0 / (TICKS_PER_STEP as f32 * TICK_SECONDS);
/// Speed of the runner as a fraction of a walker's.
const RUNNER_PACE: f32 = 0.85;
/// Reward per cell by which the chaser gets closer to the runner, in straight-line distance.
const NEARER: f32 = 0.05;
/// Cells/s.
const HAZARD_SPEED: f32 = 2.5;
/// Overlap of a walker and a hazard that is still tolerated, in cells.
const HAZARD_MERCY: f32 = 0.1;
/// Fraction of its velocity that a crate on ice loses per second, roughly.
const ICE_DAMPING: f32 = 0.4;
/// Largest offset of a body's center from a cell's center, in x and in y, that counts as standing in the
/// cell.
pub(super) const STANDS: f32 = 0.35;
/// The same for a crate that sinks or fills a mark.
pub const SETTLED: f32 = 0.3;
/// Distance within which a body holds a gate open, in cells in x and in y.
const IN_THE_WAY: f32 = 0.95;
/// Largest offset from the line between two cell centers at which a walker still touches no wall, in cells.
const OFF_THE_MIDDLE: f32 = 0.1;
/// Largest gap that the solver leaves between two bodies, in cells.
const SOLVERS_GAP: f32 = 0.01;
/// Parking position of bodies out of play, far from everything.
const NOWHERE: f32 = 1000.0;

/// State of one room.
#[derive(Component, Debug, Clone)]
pub struct Room {
    rules: &'static Rules,
    /// Index of the level being played.
    plan: usize,
    /// Cells of lava that a crate has filled in this episode, row-major.
    filled: Vec<bool>,
    /// Which crates have sunk.
    sunk: Vec<bool>,
    /// Which gates and doors are open.
    open: Vec<bool>,
    /// Which keys have been picked up.
    taken: Vec<bool>,
    /// Number of marks with a crate on them.
    marked: usize,
    walkers: Vec<Walker>,
    /// Physics ticks since the start of the episode.
    ticks: u32,
    /// The goal that the cue names: 0 or 1, in the map's order.
    cue: usize,
    /// Whether the cue is still visible: until the player leaves the start.
    cue_shown: bool,
    /// The slot that chases.
    chaser: usize,
    /// Distance between the centers of chaser and runner, in cells.
    gap: f32,
    won: bool,
}

/// The target of one player.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Walker {
    target: Vec2,
    /// The cell of the last decision, and the direction taken there, which ice continues.
    last: Place,
    heading: Option<Direction>,
    /// The last cell it stood in.
    stood: Place,
}

impl Room {
    /// The level being played.
    pub fn level<'a>(&self, rooms: &'a Rooms) -> &'a Level {
        &self.plan(rooms).level
    }

    /// Index of the level being played.
    pub fn level_index(&self) -> usize {
        self.plan
    }

    /// Whether lava cell `index` (row-major) has been filled by a crate.
    pub fn is_filled(&self, index: usize) -> bool {
        self.filled[index]
    }

    /// Whether crate `index` has sunk in lava.
    pub fn is_sunk(&self, index: usize) -> bool {
        self.sunk[index]
    }

    /// Whether gate or door `index` of the layout's barriers is open.
    pub fn is_open(&self, index: usize) -> bool {
        self.open[index]
    }

    /// Whether key `index` has been picked up.
    pub fn is_taken(&self, index: usize) -> bool {
        self.taken[index]
    }

    /// Whether a player carries a key of `color`.
    pub fn holds(&self, level: &Level, color: KeyColor) -> bool {
        level.keys.iter().zip(&self.taken).any(|((own, _), taken)| *own == color && *taken)
    }

    /// The goal that the cue names (0 or 1 in the map's order), while it is visible.
    pub fn cue(&self) -> Option<usize> {
        self.cue_shown.then_some(self.cue)
    }

    /// The goal that was named, visible or not, for scripts, which have a memory.
    pub fn named(&self) -> usize {
        self.cue
    }

    /// The slot of the chaser, if there is one.
    pub fn chaser(&self) -> usize {
        self.chaser
    }

    /// The current cell: filled lava is floor, and so is an open gate or door.
    pub fn cell(&self, rooms: &Rooms, place: Place) -> Cell {
        let plan = self.plan(rooms);
        match plan.level.cell(place.0, place.1) {
            Cell::Lava if self.filled[plan.level.index(place)] => Cell::Floor,
            cell @ (Cell::Gate | Cell::Door(_)) => {
                let barrier = plan.barriers.iter().position(|own| *own == place);
                if barrier.is_some_and(|barrier| self.open[barrier]) { Cell::Floor } else { cell }
            }
            cell => cell,
        }
    }

    /// Whether a player can walk onto `place` in `direction` now, ignoring crates; a door counts as open for
    /// a player with its key.
    pub fn admits(&self, rooms: &Rooms, place: Place, direction: Direction) -> bool {
        match self.cell(rooms, place) {
            Cell::Wall | Cell::Gate => false,
            Cell::Door(color) => self.holds(self.level(rooms), color),
            Cell::OneWay(only) => only == direction,
            _ => true,
        }
    }

    /// The next push in the level being played, for scripts; `None` for levels that are not searched.
    pub fn guide<'a>(&self, rooms: &'a Rooms) -> Option<&'a Guide> {
        self.plan(rooms).guide(self.rules.pushes())
    }

    fn plan<'a>(&self, rooms: &'a Rooms) -> &'a RoomPlan {
        &rooms.levels[self.plan]
    }

    /// The target of `slot` from its current cell.
    fn decide(&mut self, rooms: &Rooms, bodies: &mut Bodies, slot: usize, action: Action) {
        let level = self.level(rooms);
        let here = level.locate(bodies.position(slot));
        let Walker { last, heading, stood, .. } = self.walkers[slot];
        // On ice the last step continues until something stops it.
        let slides = heading.filter(|_| level.cell(here.0, here.1) == Cell::Ice && here != last);
        let wish = slides.or_else(|| Direction::ALL.get(action.index().checked_sub(1)?).copied());
        // A cell that another player occupies or has just chosen is blocked, except for the chaser.
        let taken = |place: Place| {
            let others = (0..rooms.players()).filter(|&other| other != slot && rooms.rules.win != Win::Catch);
            others.into_iter().any(|other| {
                level.locate(bodies.position(other)) == place
                    || (other < slot && level.locate(self.walkers[other].target) == place)
            })
        };
        let way = wish
            .and_then(|direction| Some((direction.from(here)?, direction)))
            .filter(|&(place, direction)| self.admits(rooms, place, direction) && !taken(place));
        if let Some((place, _)) = way
            && let Some(barrier) = self.plan(rooms).barriers.iter().position(|own| *own == place)
        {
            self.set_open(rooms, bodies, barrier, true);
        }
        let place = way.map_or(here, |(place, _)| place);
        let target = level.center(place.0, place.1);
        let heading = way.map(|(_, direction)| direction);
        self.walkers[slot] = Walker { target, last: here, heading, stood };
    }

    fn set_open(&mut self, rooms: &Rooms, bodies: &mut Bodies, barrier: usize, open: bool) {
        if self.open[barrier] != open {
            self.open[barrier] = open;
            let plan = self.plan(rooms);
            let (column, row) = plan.barriers[barrier];
            let place = if open { away(barrier) } else { plan.level.center(column, row) };
            bodies.place(rooms.barrier_body(barrier), place);
        }
    }

    /// Crates that stop over lava sink and fill it.
    fn sink_crates(&mut self, rooms: &Rooms, bodies: &mut Bodies) {
        let level = self.level(rooms);
        for index in 0..level.crates.len() {
            let body = rooms.crate_body(index);
            if let Some(place) = settled(level, bodies, body, SETTLED)
                && !self.sunk[index]
                && self.cell(rooms, place) == Cell::Lava
            {
                self.sunk[index] = true;
                self.filled[level.index(place)] = true;
                bodies.park(body, away(index));
            }
        }
    }

    /// Gates are open while anything stands on a plate or in them.
    fn move_gates(&mut self, rooms: &Rooms, bodies: &mut Bodies) {
        let plan = self.plan(rooms);
        if !plan.gated {
            return;
        }
        let crates = (0..plan.level.crates.len()).filter(|&index| !self.sunk[index]);
        let movers = (0..rooms.players()).chain(crates.map(|index| rooms.crate_body(index)));
        let places: Vec<Vec2> = movers.map(|body| bodies.position(body)).collect();
        let pressed = places.iter().any(|&position| {
            let (column, row) = plan.level.locate(position);
            plan.level.cell(column, row) == Cell::Plate
        });
        for (barrier, &(column, row)) in plan.barriers.iter().enumerate() {
            if plan.level.cell(column, row) == Cell::Gate {
                let center = plan.level.center(column, row);
                let blocked =
                    places.iter().any(|position| (position - center).abs().max_element() < IN_THE_WAY);
                self.set_open(rooms, bodies, barrier, pressed || (blocked && self.open[barrier]));
            }
        }
    }

    /// Rewards of keys that are picked up.
    fn pick_up_keys(&mut self, rooms: &Rooms, bodies: &Bodies) -> f32 {
        let level = self.level(rooms);
        let mut reward = 0.0;
        for (index, &(_, place)) in level.keys.iter().enumerate() {
            let near = (0..rooms.players()).any(|slot| settled(level, bodies, slot, STANDS) == Some(place));
            if near && !self.taken[index] {
                self.taken[index] = true;
                reward += rooms.rules.key;
            }
        }
        reward
    }

    /// Pays the rewards of cells that players have just walked onto.
    fn pay_cells(&mut self, rooms: &Rooms, bodies: &Bodies, rewards: &mut [f32]) {
        let level = self.level(rooms);
        if level.rewards.is_empty() {
            return;
        }
        for (slot, paid) in rewards.iter_mut().enumerate() {
            if let Some(place) = settled(level, bodies, slot, STANDS)
                && std::mem::replace(&mut self.walkers[slot].stood, place) != place
            {
                *paid += level.reward(place);
            }
        }
    }

    /// Number of marks with a crate on them.
    fn count_marks(&self, rooms: &Rooms, bodies: &Bodies) -> usize {
        let level = self.level(rooms);
        let lies = |index: &usize| {
            let place = settled(level, bodies, rooms.crate_body(*index), SETTLED);
            !self.sunk[*index] && place.is_some_and(|(column, row)| level.cell(column, row) == Cell::Mark)
        };
        (0..level.crates.len()).filter(lies).count()
    }

    /// Whether the episode ends here: in success (`true`), failure, or not at all.
    fn verdict(&self, rooms: &Rooms, bodies: &Bodies) -> Option<bool> {
        let level = self.level(rooms);
        let slots = || 0..rooms.players();
        let reach = WALKER_RADIUS + HAZARD_RADIUS - HAZARD_MERCY;
        let struck = |hazard| {
            let hazard = bodies.position(rooms.hazard_body(hazard));
            slots().any(|slot| bodies.position(slot).distance(hazard) < reach)
        };
        if (0..level.hazards.len()).any(struck) {
            return Some(false);
        }
        let stands: Vec<Option<Place>> = slots().map(|slot| settled(level, bodies, slot, STANDS)).collect();
        let on = |wanted: Cell| stands.iter().flatten().any(|&place| self.cell(rooms, place) == wanted);
        if on(Cell::Lava) {
            return Some(false);
        }
        match rooms.rules.win {
            Win::Goal => on(Cell::Goal).then_some(true),
            Win::Cue => {
                let named = self.plan(rooms).goals.iter().position(|goal| stands.contains(&Some(*goal)));
                named.map(|goal| goal == self.cue)
            }
            Win::Marks => (self.marked == self.plan(rooms).marks).then_some(true),
            Win::Plates => {
                let held = |place: &Option<Place>| {
                    place.is_some_and(|(column, row)| level.cell(column, row) == Cell::Plate)
                };
                let apart = stands.iter().enumerate().all(|(slot, place)| !stands[..slot].contains(place));
                (stands.iter().all(held) && apart).then_some(true)
            }
            Win::Catch => (self.gap < 2.0 * WALKER_RADIUS + HAZARD_MERCY).then_some(true),
        }
    }
}

/// The cell that body `index` of `bodies` stands in, if its center is within `slack` of the cell's center, so
/// that grazing does not count.
fn settled(level: &Level, bodies: &Bodies, index: usize, slack: f32) -> Option<Place> {
    let position = bodies.position(index);
    let place = level.locate(position);
    ((position - level.center(place.0, place.1)).abs().max_element() <= slack).then_some(place)
}

/// Parking position of body `index` of its kind while it is out of play.
fn away(index: usize) -> Vec2 {
    Vec2::new(NOWHERE + 2.0 * index as f32, NOWHERE)
}
