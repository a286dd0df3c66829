//! Kinds: what the levels of each world may and must hold. The grammar they share is left to the parser.

/// What the maps of one world are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The world, as in a level's field `world`.
    pub world: &'static str,
    /// Symbols allowed beside `#`, `.` and `a`.
    pub symbols: &'static str,
    /// Symbols without which it cannot be played, how many of them at least, and what they are.
    pub needs: &'static [(char, usize, &'static str)],
}

/// All worlds with levels, in the order they came to be.
pub const KINDS: [Kind; 6] = [
    Kind { world: "lava-room", symbols: "g~o*<>^v-|_=", needs: &[('a', 1, "start"), ('g', 1, "goal")] },
    Kind {
        world: "crate-yard",
        symbols: "ox~*",
        needs: &[('a', 1, "start"), ('x', 1, "mark"), ('o', 1, "crate")],
    },
    Kind { world: "key-door", symbols: "gryuRYU~", needs: &[('a', 1, "start"), ('g', 1, "goal")] },
    Kind { world: "memory-corridor", symbols: "g", needs: &[('a', 1, "start"), ('g', 2, "goals")] },
    Kind {
        world: "two-plates",
        symbols: "b_=o~",
        needs: &[('a', 1, "start"), ('b', 1, "second start"), ('_', 2, "plates")],
    },
    Kind { world: "tag", symbols: "bo", needs: &[('a', 1, "start"), ('b', 1, "second start")] },
];

/// Every symbol, and what it stands for, as messages and documents say it.
pub const LEGEND: [(char, &str); 23] = [
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
        KINDS.iter().find(|kind| kind.world == world)
    }

    /// Whether its maps may hold `symbol`.
    pub fn allows(&self, symbol: char) -> bool {
        "#.a".contains(symbol) || self.symbols.contains(symbol)
    }

    /// Its legend in one line: `# wall, . floor, a start, …`.
    pub fn legend(&self) -> String {
        let known = LEGEND.iter().filter(|(symbol, _)| self.allows(*symbol));
        known.map(|(symbol, meaning)| format!("{symbol} {meaning}")).collect::<Vec<_>>().join(", ")
    }
}
