//! Checks a level beyond its grammar: starts and goals without a path between them.
//!
//! Both checks are necessary conditions. The first treats crates as passable, and lava where a crate could
//! fill it; the second tries all pushes if `solve` supports the level's cells and finishes within its bound.
//! A level that passes may still be too hard; one that fails cannot be solved.

use std::path::Path;

use super::parse::position;
use super::shipped::{self, Named};
use super::solve::{Answer, Pushes, Puzzle};
use super::{Cell, Level, LevelError, Place};

/// Search bound, in positions, beyond which a level counts as too large to check.
const BOUND: usize = 100_000;

/// Reads the level file at `path`, or the shipped level of that name if there is no such file, and looks for
/// starts without a path to a goal and goals without a path to a start.
///
/// # Errors
/// [`LevelError`] with file, line, column and remedy for the first problem.
pub fn check(path: &Path) -> Result<Level, LevelError> {
    // An existing file comes first; a number is never a file.
    let named = shipped::named("lava-room", path)?;
    let file = path.extension().is_some_and(|ending| ending == "ron") && path.is_file();
    let (file, text) = match named {
        Named::Shipped(name, text) if !file => (name.to_owned(), text.to_owned()),
        _ => shipped::read_file(path)?,
    };
    examine(&file, &text)
}

/// Parses the `text` of a level and checks it like [`check`]; `file` is only used in messages.
///
/// # Errors
/// As [`check`].
pub fn examine(file: &str, text: &str) -> Result<Level, LevelError> {
    let level = Level::parse(file, text)?;
    let wanted = |cell| matches!(cell, Cell::Goal | Cell::Mark | Cell::Plate);
    let goals: Vec<Place> = level.places(wanted).chain(level.keys.iter().map(|(_, place)| *place)).collect();
    let starts: Vec<Place> = level.spawns.iter().chain(&level.second_spawns).copied().collect();
    let lost = |from: &[Place], to: &[Place]| {
        let near = reachable(&level, from);
        to.iter().copied().find(|&place| !near[level.index(place)])
    };
    // Without goals there is nothing to reach.
    let complaints = [
        (lost(&goals, &starts).filter(|_| !goals.is_empty()), "no goal can be reached from this start"),
        (lost(&starts, &goals), "this goal cannot be reached from any start"),
    ];
    for (place, problem) in complaints {
        if let Some(place) = place {
            let at = position(text, place);
            return Err(at.error(file, problem.to_owned(), "open a way, or leave it out"));
        }
    }
    if let Some(start) = hopeless(&level)
        && let Some(sought) = level.places(|cell| matches!(cell, Cell::Mark | Cell::Goal)).next()
    {
        let at = position(text, start);
        let problem = format!("no way to solve it was found from the start at {}:{}", at.line, at.column);
        let remedy = "give crates more room, or open a way";
        return Err(position(text, sought).error(file, problem, remedy));
    }
    Ok(level)
}

/// A start from which all pushes were tried and none solves the level.
fn hopeless(level: &Level) -> Option<Place> {
    // Allows more than bodies do: a level that is unsolvable this way is unsolvable.
    let puzzle = Puzzle::new(level, Pushes::Any)?;
    level.spawns.iter().copied().find(|&start| puzzle.solve(start, BOUND) == Answer::Impossible)
}

/// By cell: whether it can be reached from any cell of `from` when crates are ignored.
fn reachable(level: &Level, from: &[Place]) -> Vec<bool> {
    let open = |column: usize, row: usize| match level.cell(column, row) {
        Cell::Wall => false,
        Cell::Lava => !level.crates.is_empty(),
        _ => true,
    };
    let mut seen = vec![false; level.cells.len()];
    let mut next = from.to_vec();
    while let Some((column, row)) = next.pop() {
        // Beyond the map's left and top edge subtraction wraps to cells that are wall.
        if !open(column, row) || std::mem::replace(&mut seen[row * level.width + column], true) {
            continue;
        }
        next.extend([
            (column.wrapping_sub(1), row),
            (column + 1, row),
            (column, row.wrapping_sub(1)),
            (column, row + 1),
        ]);
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(rows: &[&str]) -> Result<Level, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.ron");
        let map: String = rows.iter().map(|row| format!("  \"{row}\",\n")).collect();
        std::fs::write(&path, format!("(\n version: 1,\n name: \"n\",\n map: [\n{map} ],\n)")).unwrap();
        check(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn shipped_levels_can_be_solved_as_far_as_this_can_tell() {
        for (file, _) in super::super::shipped() {
            check(Path::new(file)).unwrap();
        }
    }

    #[test]
    fn starts_and_goals_that_are_cut_off_are_named_with_their_place() {
        let error = checked(&["#####", "#a#g#", "#####"]).unwrap_err();
        assert!(error.contains("x.ron:6:5: no goal can be reached from this start; open a way"), "{error}");
        let error = checked(&["######", "#ag#g#", "######"]).unwrap_err();
        assert!(error.contains("x.ron:6:8: this goal cannot be reached"), "{error}");
        assert!(checked(&["#####", "#a~g#", "#####"]).is_err());
        // Open maps are walled by their edges.
        assert!(checked(&["a.#", "..#", "#.g"]).is_ok());
    }

    #[test]
    fn what_no_pushes_solve_is_found_by_trying_them_all() {
        let error = checked(&["#######", "#a.o.##", "#.##~g#", "#######"]).unwrap_err();
        assert!(checked(&["#####", "#aog#", "#####"]).is_err());
        assert!(error.contains("x.ron:7:9: no way to solve it was found from the start at 6:5"), "{error}");
    }

    #[test]
    fn a_crate_may_bridge_lava_and_give_way() {
        assert!(checked(&["######", "#ao~g#", "######"]).is_ok());
        assert!(checked(&["#####", "#aog#", "#...#", "#####"]).is_ok());
    }
}
