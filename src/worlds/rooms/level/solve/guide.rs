//! The next push from any state of a level, computed once per level.

use std::collections::{HashMap, VecDeque};

use super::{Answer, Position, Push, Pushes, Puzzle};
use crate::worlds::rooms::level::{Level, Place};

/// The best next push from every reachable position.
#[derive(Debug, Clone)]
pub struct Guide {
    puzzle: Puzzle,
    /// `None` for positions without a solution.
    best: HashMap<Position, Option<Push>>,
}

impl Guide {
    /// Explores at most `bound` positions of `level`.
    pub fn new(level: &Level, pushes: Pushes, bound: usize) -> Option<Self> {
        let puzzle = Puzzle::new(level, pushes)?;
        let starts = puzzle.spawns.iter().map(|&start| puzzle.begin(start)).collect();
        let found = puzzle.explore(starts, bound, false);
        let mut before = vec![Vec::new(); found.positions.len()];
        found.edges.iter().for_each(|&(from, to, push)| before[to].push((from, push)));
        let mut best = HashMap::new();
        let mut seen = vec![false; found.positions.len()];
        found.won.iter().for_each(|&won| seen[won] = true);
        let mut queue: VecDeque<usize> = found.won.iter().copied().collect();
        while let Some(to) = queue.pop_front() {
            for &(from, push) in &before[to] {
                if !std::mem::replace(&mut seen[from], true) {
                    best.insert(found.positions[from].clone(), Some(push));
                    queue.push_back(from);
                }
            }
        }
        if found.complete {
            found.positions.into_iter().for_each(|lost| _ = best.entry(lost).or_insert(None));
        }
        Some(Self { puzzle, best })
    }

    /// The next push towards the solution, given the walker's cell, the crates and the filled lava.
    ///
    /// Positions outside the table (such as crates pushed in rows) are searched, over at most `bound`
    /// positions.
    pub fn next(
        &self,
        walker: Place,
        crates: impl Iterator<Item = Place>,
        filled: impl Iterator<Item = Place>,
        bound: usize,
    ) -> Option<Push> {
        let sorted = |mut cells: Vec<u16>| {
            cells.sort_unstable();
            cells
        };
        let crates = sorted(crates.map(|at| self.puzzle.index(at)).collect());
        let filled = sorted(filled.map(|at| self.puzzle.index(at)).collect());
        let position = self.puzzle.settle(crates, filled, [false; 3], self.puzzle.index(walker));
        if let Some(push) = self.best.get(&position) {
            return *push;
        }
        match self.puzzle.solve_from(position, bound) {
            Answer::Solved(way) => way.first().copied(),
            Answer::Impossible | Answer::Unknown => None,
        }
    }
}
