//! Preferences: accepted ones are written and read again unchanged.

use entropy_arcade::view::preferences::Preferences;
use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;

use crate::{Target, mutate, refused};

const WORDS: &[&str] = &[
    "[keys]\n",
    "pause = 'K'\n",
    "step = 'W'\n",
    "scale = ",
    "nan",
    "inf",
    "true",
    "'",
    "\"",
    "\\u0000",
    "é",
    "=",
    "\n",
    "[",
    "Escape",
    "[[keys]]\n",
];

pub struct Kept {
    seeds: Vec<String>,
}

impl Kept {
    pub fn new() -> Self {
        let mut mine = Preferences { scale: 1.5, color_blind: true, volume: 0.25, ..Preferences::default() };
        mine.keys.insert("pause".into(), "K".into());
        mine.keys.insert("take over".into(), "J".into());
        Self { seeds: vec![Preferences::default().text(), mine.text()] }
    }
}

impl Target for Kept {
    fn make(&mut self, rng: &mut Pcg64Mcg) -> Vec<u8> {
        let mut text = mutate::any(&self.seeds, rng).clone().into_bytes();
        for _ in 0..rng.random_range(1..3) {
            mutate::text(&mut text, WORDS, 1 << 16, rng);
        }
        text
    }

    fn read(&mut self, input: &[u8]) -> bool {
        let Ok(text) = entropy_arcade::files::text(input.to_vec()) else { return false };
        match Preferences::read(&text) {
            Ok(read) => assert_eq!(Preferences::read(&read.text()), Ok(read), "{text}"),
            Err(error) => return refused(&error),
        }
        true
    }
}
