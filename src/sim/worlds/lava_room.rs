//! lava-room: a body walks from cell to cell, pushes crates that really slide, and must not step into lava.
//!
//! Levels come from `level`, their rules as tables from `cells`; drawing is left to `view`.

mod cells;

use bevy::prelude::*;
use bevy_rapier2d::prelude::Collider;
use bevy_rapier2d::rapier::math::Vector as RapierVector;
use rand::RngExt as _;

use crate::mdp::{
    Action, ActionSpace, EnvironmentSpec, EpisodeEnd, GridShape, ObservationSpace, RewardTerm, Rng,
};
use crate::sim::level::{Cell, Level};
use crate::sim::{Bodies, BodyKind, BodySpec, Environment, Outcome};

pub use cells::{CellModel, CellModelError};

/// Radius of the walker, in cells.
pub const WALKER_RADIUS: f32 = 0.34;
/// Half the side of a crate, in cells.
pub const CRATE_HALF: f32 = 0.40;
const TICKS_PER_STEP: u32 = 8;
const TICK_SECONDS: f32 = 1.0 / 60.0;
/// Cells/s: exactly one cell in the ticks of a step.
const WALK_SPEED: f32 = 1.0 / (TICKS_PER_STEP as f32 * TICK_SECONDS);
const GOAL: f32 = 1.0;
const LAVA: f32 = -1.0;
const STEP: f32 = -0.01;
const PLANES: usize = 5;
/// Where sunk crates wait: far from everything.
const NOWHERE: f32 = 1000.0;

/// How far from a cell's centre the middle of the body may be, in x and in y, to stand in the cell.
const STANDS: f32 = 0.35;

/// Columns and rows that the actions after `wait` walk.
const STEPS: [(isize, isize); 4] = [(0, -1), (0, 1), (-1, 0), (1, 0)];

/// Body 0 is the walker, body 1 all walls, crates follow in the level's order.
const WALKER: usize = 0;
const FIRST_CRATE: usize = 2;

/// State of one room.
#[derive(Component, Debug, Clone)]
pub struct LavaRoom {
    /// Cells of lava that a crate has filled in this episode, row-major.
    filled: Vec<bool>,
    /// Which crates have sunk.
    sunk: Vec<bool>,
    /// Where the walker is heading.
    target: Vec2,
    success: bool,
}

impl LavaRoom {
    /// Whether lava cell `index` (row-major) has been filled by a crate.
    pub fn is_filled(&self, index: usize) -> bool {
        self.filled[index]
    }

    /// Whether crate `index` lies in the lava.
    pub fn is_sunk(&self, index: usize) -> bool {
        self.sunk[index]
    }

    fn cell(&self, level: &Level, column: usize, row: usize) -> Cell {
        match level.cell(column, row) {
            Cell::Lava if self.filled[row * level.width + column] => Cell::Floor,
            cell => cell,
        }
    }
}

impl Environment for LavaRoom {
    type Layout = Level;

    fn spec(level: &Level) -> EnvironmentSpec {
        EnvironmentSpec {
            name: "lava-room".into(),
            summary: "Reach the goal, push what is in the way, never step into lava.".into(),
            observation: ObservationSpace {
                vector: ["walker x", "walker y", "walker vx", "walker vy"].map(String::from).to_vec(),
                grid: Some(GridShape { channels: PLANES, height: level.height, width: level.width }),
            },
            action: ActionSpace::discrete(&["wait", "up", "down", "left", "right"]),
            ticks_per_step: TICKS_PER_STEP,
            tick_seconds: TICK_SECONDS,
            episode_limit: level.episode_limit,
            teams: vec![0],
            rewards: vec![
                RewardTerm::new("goal", GOAL, "the walker stands on the goal; terminates"),
                RewardTerm::new("lava", LAVA, "the walker stands in lava; terminates"),
                RewardTerm::new("step", STEP, "every agent step"),
            ],
        }
    }

    fn build(level: &Level) -> (Self, Vec<BodySpec>) {
        let (column, row) = level.spawns[0];
        let mut walker =
            BodySpec::new(BodyKind::Dynamic, Collider::ball(WALKER_RADIUS), level.center(column, row));
        walker.density = 4.0;
        let mut bodies = vec![walker, BodySpec::new(BodyKind::Fixed, walls(level), Vec2::ZERO)];
        for &(column, row) in &level.crates {
            let collider = Collider::round_cuboid(CRATE_HALF - 0.06, CRATE_HALF - 0.06, 0.06);
            let mut body = BodySpec::new(BodyKind::Dynamic, collider, level.center(column, row));
            body.linear_damping = 5.0;
            bodies.push(body);
        }
        let state = Self {
            filled: vec![false; level.cells.len()],
            sunk: vec![false; level.crates.len()],
            target: Vec2::ZERO,
            success: false,
        };
        (state, bodies)
    }

    fn reset(&mut self, level: &Level, bodies: &mut Bodies, rng: &mut Rng) {
        let (column, row) = level.spawns[rng.random_range(0..level.spawns.len())];
        self.target = level.center(column, row);
        bodies.place(WALKER, self.target);
        self.filled.fill(false);
        self.sunk.fill(false);
        self.success = false;
    }

    fn apply(&mut self, level: &Level, bodies: &mut Bodies, actions: &[Action], phase: u32) {
        let position = bodies.position(WALKER);
        if phase == 0 {
            let (column, row) = destination(level, level.locate(position), actions[0].index());
            self.target = level.center(column, row);
        }
        // Straight to the target; whatever stands in the way is pushed by contact alone.
        let velocity = ((self.target - position) / TICK_SECONDS).clamp_length_max(WALK_SPEED);
        bodies.set_velocity(WALKER, velocity);
    }

    fn judge(
        &mut self,
        level: &Level,
        bodies: &mut Bodies,
        rewards: &mut [f32],
        _rng: &mut Rng,
    ) -> Option<EpisodeEnd> {
        // One step's cost, spread over its ticks so that an early end costs less.
        rewards[0] += STEP / TICKS_PER_STEP as f32;
        for index in 0..self.sunk.len() {
            if self.sunk[index] {
                continue;
            }
            let position = bodies.position(FIRST_CRATE + index);
            let (column, row) = level.locate(position);
            let centered = (position - level.center(column, row)).abs().max_element() < 0.3;
            if centered && self.cell(level, column, row) == Cell::Lava {
                self.sunk[index] = true;
                self.filled[row * level.width + column] = true;
                bodies.place(FIRST_CRATE + index, Vec2::new(NOWHERE + 2.0 * index as f32, NOWHERE));
            }
        }
        let position = bodies.position(WALKER);
        let (column, row) = level.locate(position);
        // The middle of the body decides, and it must be well inside, so that grazing is forgiven.
        if (position - level.center(column, row)).abs().max_element() > STANDS {
            return None;
        }
        match self.cell(level, column, row) {
            Cell::Lava => {
                rewards[0] += LAVA;
                Some(EpisodeEnd::Terminated)
            }
            Cell::Goal => {
                rewards[0] += GOAL;
                self.success = true;
                Some(EpisodeEnd::Terminated)
            }
            Cell::Floor | Cell::Wall => None,
        }
    }

    fn observe(&self, level: &Level, bodies: &Bodies, _slot: usize, vector: &mut [f32], grid: &mut [u8]) {
        let position = bodies.position(WALKER);
        let velocity = bodies.velocity(WALKER) / WALK_SPEED;
        let half = Vec2::new(level.width as f32, level.height as f32) / 2.0;
        vector.copy_from_slice(&[position.x / half.x, position.y / half.y, velocity.x, velocity.y]);
        debug_assert_eq!(grid.len(), PLANES * level.cells.len());
        let cells = level.cells.len();
        grid.fill(0);
        for (index, &cell) in level.cells.iter().enumerate() {
            match cell {
                Cell::Wall => grid[index] = 255,
                Cell::Lava if !self.filled[index] => grid[cells + index] = 255,
                Cell::Goal => grid[2 * cells + index] = 255,
                Cell::Lava | Cell::Floor => {}
            }
        }
        for (index, &sunk) in self.sunk.iter().enumerate() {
            if !sunk {
                splat(level, bodies.position(FIRST_CRATE + index), &mut grid[3 * cells..4 * cells]);
            }
        }
        splat(level, position, &mut grid[4 * cells..]);
    }

    fn outcome(&self, _slot: usize) -> Outcome {
        Outcome::goal(self.success)
    }

    /// Walks the shortest dry way, crates counted as walls; waits when there is none.
    fn script(&self, level: &Level, bodies: &Bodies, _slot: usize) -> Action {
        let mut blocked = vec![false; level.cells.len()];
        for (index, &sunk) in self.sunk.iter().enumerate() {
            if !sunk {
                let (column, row) = level.locate(bodies.position(FIRST_CRATE + index));
                blocked[row * level.width + column] = true;
            }
        }
        // Breadth-first from the goals; the walker then steps to any neighbour that is closer.
        let mut distance = vec![u32::MAX; level.cells.len()];
        let mut queue: std::collections::VecDeque<usize> = level
            .cells
            .iter()
            .enumerate()
            .filter(|(_, cell)| **cell == Cell::Goal)
            .map(|(index, _)| index)
            .collect();
        queue.iter().for_each(|&goal| distance[goal] = 0);
        let neighbour = |index: usize, step| {
            let (column, row) = neighbour((index % level.width, index / level.width), step)?;
            (column < level.width && row < level.height).then_some(row * level.width + column)
        };
        while let Some(index) = queue.pop_front() {
            for step in STEPS {
                let Some(next) = neighbour(index, step) else { continue };
                let cell = self.cell(level, next % level.width, next / level.width);
                if distance[next] == u32::MAX && !blocked[next] && matches!(cell, Cell::Floor | Cell::Goal) {
                    distance[next] = distance[index] + 1;
                    queue.push_back(next);
                }
            }
        }
        let (column, row) = level.locate(bodies.position(WALKER));
        let here = row * level.width + column;
        let best = (0..4)
            .filter_map(|direction| Some((distance[neighbour(here, STEPS[direction])?], direction)))
            .min()
            .filter(|(distance, _)| *distance < u32::MAX);
        Action::Discrete(best.map_or(0, |(_, direction)| direction as u16 + 1))
    }
}

/// The cell beside `(column, row)`; `None` beyond the first column or row.
fn neighbour((column, row): (usize, usize), (dx, dy): (isize, isize)) -> Option<(usize, usize)> {
    Some((column.checked_add_signed(dx)?, row.checked_add_signed(dy)?))
}

/// The cell that action number `action` walks to from `cell`, which is `cell` itself when it waits and
/// before a wall.
fn destination(level: &Level, cell: (usize, usize), action: usize) -> (usize, usize) {
    let there = action.checked_sub(1).and_then(|direction| neighbour(cell, STEPS[direction]));
    there.filter(|&(column, row)| level.cell(column, row) != Cell::Wall).unwrap_or(cell)
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
        // A compound needs a part; one out of reach leaves an open room.
        parts.push((RapierVector::new(-NOWHERE, NOWHERE), 0.0, Collider::cuboid(0.5, 0.5)));
    }
    Collider::compound(parts)
}

/// Adds a unit square at `position` to a plane of cells: every cell gets the share it covers, in 255ths.
fn splat(level: &Level, position: Vec2, plane: &mut [u8]) {
    let x = position.x + level.width as f32 / 2.0 - 0.5;
    let y = level.height as f32 / 2.0 - position.y - 0.5;
    let (left, top) = (x.floor(), y.floor());
    let (right_share, bottom_share) = (x - left, y - top);
    for (dx, dy, share) in [
        (0, 0, (1.0 - right_share) * (1.0 - bottom_share)),
        (1, 0, right_share * (1.0 - bottom_share)),
        (0, 1, (1.0 - right_share) * bottom_share),
        (1, 1, right_share * bottom_share),
    ] {
        let (column, row) = (left as i32 + dx, top as i32 + dy);
        if (0..level.width as i32).contains(&column) && (0..level.height as i32).contains(&row) {
            let cell = &mut plane[row as usize * level.width + column as usize];
            *cell = cell.saturating_add((share * 255.0).round() as u8);
        }
    }
}
