//! Levels: accepted ones are read again from their own text and played.

use entropy_arcade::mdp::{LevelRecord, WorldOptions};
use entropy_arcade::run::random_app;
use entropy_arcade::sim::run_agent_step;
use entropy_arcade::worlds::WorldChoice;
use entropy_arcade::worlds::rooms::level::{LARGEST_FILE, Level, check, shipped};
use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;

use crate::{Target, mutate, refused};

const WORDS: &[&str] = &[
    "(",
    "[",
    "\"",
    "####",
    "a.g",
    "\\u{0}",
    "/*",
    "-1",
    "version",
    "map:",
    "world: \"tag\",",
    "é",
    "\r\n",
    "rewards: [(1, 1, 0.5)],",
];
/// How many of the accepted levels are played, which takes a thousand times as long as reading.
const PLAYED: u64 = 500;

pub struct Levels {
    folder: tempfile::TempDir,
    taken: u64,
}

impl Levels {
    pub fn new() -> std::io::Result<Self> {
        Ok(Self { folder: tempfile::tempdir()?, taken: 0 })
    }

    /// A level that parses must run, however odd it is.
    fn play(&self, level: &Level) -> Result<(), Box<dyn std::error::Error>> {
        let path = self.folder.path().join("level.ron");
        std::fs::write(&path, level.text())?;
        // It need not be solvable.
        _ = check::check(&path);
        assert_eq!(&Level::load(level.world, &path)?, level);
        let record = LevelRecord { name: "fuzz.ron".into(), text: Some(level.text()), near: None };
        let world = WorldChoice::kept(level.world, Some(&record), &WorldOptions::default())?;
        let mut app = random_app(&world, 1, self.taken, 1);
        (0..30).for_each(|_| run_agent_step(app.world_mut()));
        Ok(())
    }
}

impl Target for Levels {
    fn make(&mut self, rng: &mut Pcg64Mcg) -> Vec<u8> {
        let mut text = mutate::any(&Vec::from_iter(shipped()), rng).1.as_bytes().to_vec();
        if rng.random_range(0..3) == 0 {
            // Changing a cell keeps most files valid.
            for _ in 0..rng.random_range(1..9) {
                let at = rng.random_range(0..text.len());
                text[at] = *mutate::any(b"#.abgo~x*<>^v-|_=ryuRYU", rng);
            }
        } else {
            mutate::text(&mut text, WORDS, LARGEST_FILE as usize, rng);
        }
        text
    }

    fn read(&mut self, input: &[u8]) -> bool {
        let Ok(text) = entropy_arcade::files::text(input.to_vec()) else { return false };
        let level = match Level::parse("fuzz.ron", &text) {
            Ok(level) => level,
            Err(error) => return refused(&error),
        };
        assert_eq!(Level::parse("again.ron", &level.text()).as_ref(), Ok(&level), "{text}");
        self.taken += 1;
        if self.taken % PLAYED == 1 {
            let played = self.play(&level);
            assert!(played.is_ok(), "{played:?}: {text}");
        }
        true
    }
}
