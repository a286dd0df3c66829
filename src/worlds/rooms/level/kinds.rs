//! Kinds: what the levels of a world may and must contain. The shared grammar is in `parse`.

/// What the maps of one world are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Symbols allowed beside `#`, `.` and `a`.
    pub symbols: &'static str,
    /// Required symbols, their minimum number, and their meaning.
    pub needs: &'static [(char, usize, &'static str)],
}

/// Every symbol and its meaning, for messages and docs.
pub const LEGEND: &[(char, &str)] = &[
    ('#', "wall"),
    ('.', "floor"),
    ('a', "start"),
    ('b', "start of the second player"),
    ('g', "goal"),
    ('~', "lava"),
    ('o', "crate"),
    ('x', "mark"),
    ('*', "ice"),
    ('<', "one way left"),
    ('>', "one way right"),
    ('^', "one way up"),
    ('v', "one way down"),
    ('-', "hazard that goes left and right"),
    ('|', "hazard that goes up and down"),
    ('_', "pressure plate"),
    ('=', "gate"),
    ('r', "red key"),
    ('y', "yellow key"),
    ('u', "blue key"),
    ('R', "red door"),
    ('Y', "yellow door"),
    ('U', "blue door"),
];

impl Kind {
    /// The kind of `world`'s levels, if it has levels.
    pub fn of(world: &str) -> Option<&'static Self> {
        super::super::find(world).map(|rules| &rules.kind)
    }

    /// Whether its maps may contain `symbol`.
    pub fn allows(&self, symbol: char) -> bool {
        "#.a".contains(symbol) || self.symbols.contains(symbol)
    }

    /// Its legend in one line: `# wall, . floor, a start, …`.
    pub fn legend(&self) -> String {
        let known = LEGEND.iter().filter(|(symbol, _)| self.allows(*symbol));
        known.map(|(symbol, meaning)| format!("{symbol} {meaning}")).collect::<Vec<_>>().join(", ")
    }
}
