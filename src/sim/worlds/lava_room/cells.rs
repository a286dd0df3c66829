//! lava-room by its rules alone: every cell and action with what it pays and leads to, as tables.
//!
//! No physics runs here: that a body really goes from cell to cell as the tables say is the world's
//! matter, and `tests/tabular.rs` holds it to that. What the tables are worth is left to `sac::tabular`.

use super::{GOAL, LAVA, LavaRoom, STANDS, STEP, TICKS_PER_STEP, destination};
use crate::mdp::{TabularError, TabularModel, TabularOutcome};
use crate::sim::Environment as _;
use crate::sim::level::{Cell, Level};

/// The rules of one level, with its cells as states.
#[derive(Debug, Clone, PartialEq)]
pub struct CellModel {
    /// `(column, row)` of every state: all cells of floor, row by row.
    pub cells: Vec<(usize, usize)>,
    /// `S` cells, 5 actions. Lava and goal terminate; the time limit is no part of it.
    pub model: TabularModel,
}

/// Why a level cannot be told by its cells.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CellModelError {
    /// Crates stand and slide anywhere between cells.
    #[error(
        "level \"{level}\": its {crates} crate(s) slide by physics and not from cell to cell; take a level without"
    )]
    Crates {
        /// The level's name.
        level: String,
        /// How many it has.
        crates: usize,
    },
    /// The rules make no model.
    #[error(transparent)]
    Table(#[from] TabularError),
}

impl CellModel {
    /// The rules of `level`.
    ///
    /// # Errors
    /// [`CellModelError::Crates`] for a level with crates.
    pub fn new(level: &Level) -> Result<Self, CellModelError> {
        if !level.crates.is_empty() {
            return Err(CellModelError::Crates { level: level.name.clone(), crates: level.crates.len() });
        }
        let cells = (0..level.height).flat_map(|row| (0..level.width).map(move |column| (column, row)));
        let cells: Vec<_> = cells.filter(|&(column, row)| level.cell(column, row) == Cell::Floor).collect();
        // A walk is cut short as soon as the body stands in the cell that ends it.
        let ticks = (f64::from(1.0 - STANDS) * f64::from(TICKS_PER_STEP)).ceil();
        let last = f64::from(STEP) * ticks / f64::from(TICKS_PER_STEP);
        let actions = LavaRoom::spec(level).action.len();
        let model = TabularModel::new(cells.len(), actions, |state, action| {
            let next = destination(level, cells[state], action);
            match level.cell(next.0, next.1) {
                Cell::Lava => (last + f64::from(LAVA), TabularOutcome::certain(None)),
                Cell::Goal => (last + f64::from(GOAL), TabularOutcome::certain(None)),
                Cell::Floor | Cell::Wall => {
                    let next = cells.iter().position(|&cell| cell == next);
                    (f64::from(STEP), TabularOutcome::certain(next))
                }
            }
        })?;
        Ok(Self { cells, model })
    }

    /// The state that cell `(column, row)` is, if it is one.
    pub fn state(&self, cell: (usize, usize)) -> Option<usize> {
        self.cells.iter().position(|&own| own == cell)
    }
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
        // Six of eight ticks bring the body's middle to a quarter of a cell from the centre.
        let paid: Vec<f32> = model.rewards()[5..10].iter().map(|&reward| reward as f32).collect();
        assert_eq!(paid, [-0.01, -1.0075, -0.01, -0.01, 0.9925]);
    }

    #[test]
    fn crates_are_refused_in_one_line() {
        let error = CellModel::new(&Level::shipped(3).unwrap()).unwrap_err().to_string();
        assert!(error.starts_with("level \"Mind the crates\": its 3 crate(s) slide"), "{error}");
        assert_eq!(error.lines().count(), 1);
    }
}
