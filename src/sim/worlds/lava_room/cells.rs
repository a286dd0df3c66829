//! lava-room by its rules alone: every cell and action with what it pays and leads to, as tables.
//!
//! No physics runs here: that a body really goes from cell to cell as the tables say is the world's
//! matter, and `tests/tabular.rs` holds it to that. What the tables are worth is left to `sac::tabular`.

use super::RULES;
use crate::mdp::{TabularError, TabularModel, TabularOutcome};
use crate::sim::level::{Cell, Direction, Level, Place};
use crate::sim::worlds::rooms::{STANDS, TICKS_PER_STEP};

/// The rules of one level, with its cells as states.
#[derive(Debug, Clone, PartialEq)]
pub struct CellModel {
    /// `(column, row)` of every state: all cells of floor, row by row.
    pub cells: Vec<Place>,
    /// `S` cells, 5 actions. Lava and goal terminate; the time limit is no part of it.
    pub model: TabularModel,
}

/// Why a level cannot be told by its cells.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CellModelError {
    /// There is more to its state than the walker's cell.
    #[error(
        "level \"{level}\": where the walker stands is not all there is to know, it has {what}; take a level without"
    )]
    Moving {
        /// The level's name.
        level: String,
        /// What moves, opens or carries on.
        what: &'static str,
    },
    /// The rules make no model.
    #[error(transparent)]
    Table(#[from] TabularError),
}

impl CellModel {
    /// The rules of `level`.
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
        // A walk is cut short as soon as the body stands in the cell that ends it.
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

    /// The state that cell `(column, row)` is, if it is one.
    pub fn state(&self, cell: Place) -> Option<usize> {
        self.cells.iter().position(|&own| own == cell)
    }
}

/// The cell that action number `action` walks to from `place`, which is `place` itself when it waits and before
/// what does not let it in.
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
        // Beyond the map lies wall.
        assert_eq!(next(2), [Some(2), None, Some(2), Some(2), Some(3)]);
        // Six of eight ticks bring the body's middle to a quarter of a cell from the center.
        let paid: Vec<f32> = model.rewards()[5..10].iter().map(|&reward| reward as f32).collect();
        assert_eq!(paid, [-0.01, -1.0075, -0.01, -0.01, 0.9925]);
    }

    #[test]
    fn crates_are_refused_in_one_line() {
        let error = CellModel::new(&Level::shipped("lava-room", 3).unwrap()).unwrap_err().to_string();
        assert!(error.ends_with("it has crates; take a level without"), "{error}");
        assert_eq!(error.lines().count(), 1);
    }
}
