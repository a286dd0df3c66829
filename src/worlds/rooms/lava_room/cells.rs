//! lava-room by its rules alone: rewards and transitions of every cell and action, as tables.
//!
//! No physics runs here; `tests/tabular.rs` checks that bodies move as the tables say. `algo::sac::tabular`
//! solves the tables.

use super::RULES;
use crate::mdp::{TabularError, TabularModel, TabularOutcome};
use crate::worlds::rooms::level::{Cell, Direction, Level, Place};
use crate::worlds::rooms::{STANDS, TICKS_PER_STEP};

/// The rules of one level, with its cells as states.
#[derive(Debug, Clone, PartialEq)]
pub struct CellModel {
    /// `(column, row)` of every state: all floor cells, row by row.
    pub cells: Vec<Place>,
    /// `S` cells, 5 actions. Lava and goal terminate; the time limit is not modeled.
    pub model: TabularModel,
}

/// Why a level cannot be modeled by its cells.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CellModelError {
    /// Its state is more than the walker's cell.
    #[error(
        "level \"{level}\": the walker's cell is not its whole state, it has {what}; choose a level without"
    )]
    Moving {
        /// The level's name.
        level: String,
        /// The things that move, open or slide.
        what: &'static str,
    },
    /// The tables are not a valid MDP.
    #[error(transparent)]
    Table(#[from] TabularError),
}

impl CellModel {
    /// The tables of `level`.
    ///
    /// # Errors
    /// [`CellModelError::Moving`] for a level with crates, hazards, gates or ice.
    pub fn new(level: &Level) -> Result<Self, CellModelError> {
        let has = |wanted: Cell| level.cells.contains(&wanted);
        let moving = [
            (!level.crates.is_empty(), "crates"),
            (!level.hazards.is_empty(), "hazards"),
            (has(Cell::Gate), "gates"),
            (has(Cell::Ice), "ice"),
        ];
        if let Some((_, what)) = moving.into_iter().find(|(there, _)| *there) {
            return Err(CellModelError::Moving { level: level.name.clone(), what });
        }
        let ends = |cell| matches!(cell, Cell::Wall | Cell::Lava | Cell::Goal);
        let cells: Vec<Place> = level.places(|cell| !ends(cell)).collect();
        // A walk ends as soon as the body is in a terminal cell.
        let ticks = (f64::from(1.0 - STANDS) * f64::from(TICKS_PER_STEP)).ceil();
        let step = f64::from(RULES.step);
        let last = step * ticks / f64::from(TICKS_PER_STEP);
        let model = TabularModel::new(cells.len(), 1 + Direction::ALL.len(), |state, action| {
            let next = destination(level, cells[state], action);
            let own = if next == cells[state] { 0.0 } else { f64::from(level.reward(next)) };
            match level.cell(next.0, next.1) {
                Cell::Lava => (last + f64::from(RULES.loss) + own, TabularOutcome::certain(None)),
                Cell::Goal => (last + f64::from(RULES.goal) + own, TabularOutcome::certain(None)),
                _ => (step + own, TabularOutcome::certain(cells.iter().position(|&cell| cell == next))),
            }
        })?;
        Ok(Self { cells, model })
    }

    /// The state of cell `(column, row)`, if it is one.
    pub fn state(&self, cell: Place) -> Option<usize> {
        self.cells.iter().position(|&own| own == cell)
    }
}

/// The cell that action number `action` leads to from `place`: `place` itself for waiting and for blocked
/// moves.
fn destination(level: &Level, place: Place, action: usize) -> Place {
    let direction = action.checked_sub(1).map(|index| Direction::ALL[index]);
    let next = direction.and_then(|direction| Some((direction.from(place)?, direction)));
    let enters = |(place, direction): &(Place, Direction)| match level.cell(place.0, place.1) {
        Cell::Wall => false,
        Cell::OneWay(only) => only == *direction,
        _ => true,
    };
    next.filter(enters).map_or(place, |(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_causeway_is_told_cell_by_cell() {
        let level = r#"(version: 1, name: "causeway", map: ["~~~~", "~a.g", "...."])"#;
        let CellModel { cells, model } = CellModel::new(&Level::parse("x.ron", level).unwrap()).unwrap();
        assert_eq!(cells[..3], [(1, 1), (2, 1), (0, 2)]);
        let next = |state| [0, 1, 2, 3, 4].map(|action| model.outcomes(state, action)[0].next);
        assert_eq!(next(0), [Some(0), None, Some(3), None, Some(1)]);
        assert_eq!(next(1), [Some(1), None, Some(4), Some(0), None]);
        // Beyond the map is wall.
        assert_eq!(next(2), [Some(2), None, Some(2), Some(2), Some(3)]);
        // After six of eight ticks the body is a quarter of a cell from the center.
        let paid: Vec<f32> = model.rewards()[5..10].iter().map(|&reward| reward as f32).collect();
        assert_eq!(paid, [-0.01, -1.0075, -0.01, -0.01, 0.9925]);
    }

    #[test]
    fn crates_are_refused_in_one_line() {
        let error = CellModel::new(&Level::shipped("lava-room", 3).unwrap()).unwrap_err().to_string();
        assert!(error.ends_with("it has crates; choose a level without"), "{error}");
        assert_eq!(error.lines().count(), 1);
    }
}
