//! Breadth-first search over the positions that pushes lead to.

use std::collections::HashMap;

use super::{OUTSIDE, Position, Push, Pushes, Puzzle};
use crate::worlds::rooms::level::{Cell, Direction};

/// The positions found, and the pushes between them.
pub(super) struct Explored {
    pub positions: Vec<Position>,
    numbers: HashMap<Position, usize>,
    /// Source, target, push.
    pub edges: Vec<(usize, usize, Push)>,
    /// By position, the edge that discovered it.
    pub found_by: Vec<Option<usize>>,
    pub won: Vec<usize>,
    pub complete: bool,
}

impl Puzzle {
    /// All positions that pushes lead to, nearest first: at most `bound`, and only `until_won` if set.
    pub(super) fn explore(&self, starts: Vec<Position>, bound: usize, until_won: bool) -> Explored {
        let mut found = Explored {
            positions: Vec::new(),
            numbers: HashMap::new(),
            edges: Vec::new(),
            found_by: Vec::new(),
            won: Vec::new(),
            complete: true,
        };
        let hopeful = starts.into_iter().filter(|start| self.hopeful(&start.crates));
        hopeful.for_each(|start| _ = found.add(start));
        let mut results = Vec::new();
        let mut number = 0;
        while number < found.positions.len() {
            let position = found.positions[number].clone();
            let reached = self.reach(&position);
            if self.wins(&position, &reached) {
                found.won.push(number);
                if until_won {
                    return found;
                }
                number += 1;
                continue;
            }
            for (&at, (way, direction)) in position
                .crates
                .iter()
                .flat_map(|at| Direction::ALL.into_iter().enumerate().map(move |way| (at, way)))
            {
                let behind = self.beside[usize::from(at)][opposite(way)];
                if behind == OUTSIDE || !reached.has(behind) {
                    continue;
                }
                self.push(&position, at, way, &mut results);
                for result in results.drain(..) {
                    if found.positions.len() >= bound && !found.numbers.contains_key(&result) {
                        found.complete = false;
                        continue;
                    }
                    let (to, new) = found.add(result);
                    if new {
                        found.found_by[to] = Some(found.edges.len());
                    }
                    found.edges.push((number, to, Push { at: self.place(at), direction }));
                }
            }
            number += 1;
        }
        found
    }

    /// Adds the positions that pushing the crate at `at` in direction number `way` leads to.
    fn push(&self, position: &Position, at: u16, way: usize, results: &mut Vec<Position>) {
        let beside = |at: u16| self.beside[usize::from(at)][way];
        let is_crate = |at: u16| position.crates.binary_search(&at).is_ok();
        let mut last = at;
        while self.pushes == Pushes::Any && is_crate(beside(last)) {
            last = beside(last);
        }
        // In a row each crate moves into the cell of the next one: only the first cell becomes free.
        let rest: Vec<u16> = position.crates.iter().copied().filter(|&own| own != at).collect();
        let mut walker = at;
        let first = results.len();
        loop {
            let to = beside(last);
            if to == OUTSIDE || matches!(self.cells[usize::from(to)], Cell::Wall | Cell::Door(_)) {
                return;
            }
            if is_crate(to) {
                // The walker would keep pushing.
                if self.pushes == Pushes::Through {
                    results.truncate(first);
                }
                return;
            }
            if self.pushes == Pushes::Through {
                results.truncate(first);
                walker = last;
            }
            last = to;
            let sinks = self.cells[usize::from(to)] == Cell::Lava && !position.filled.contains(&to);
            let (mut crates, mut filled) = (rest.clone(), position.filled.clone());
            if sinks {
                filled.push(to)
            } else {
                crates.push(to)
            }
            crates.sort_unstable();
            filled.sort_unstable();
            if self.hopeful(&crates) {
                results.push(self.settle(crates, filled, position.keys, walker));
            }
            if sinks || self.pushes == Pushes::One {
                return;
            }
        }
    }
}

impl Explored {
    /// The index of `position`, and whether it is new.
    fn add(&mut self, position: Position) -> (usize, bool) {
        if let Some(&number) = self.numbers.get(&position) {
            return (number, false);
        }
        let number = self.positions.len();
        self.numbers.insert(position.clone(), number);
        self.positions.push(position);
        self.found_by.push(None);
        (number, true)
    }
}

/// The number of the opposite of direction number `way`: they come in pairs.
fn opposite(way: usize) -> usize {
    way ^ 1
}
