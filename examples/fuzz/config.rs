//! Configurations: files and `--set` alike. Accepted ones are written and read again unchanged.

use std::path::PathBuf;

use entropy_arcade::config::{RunConfig, settings_from_toml, settings_to_toml};
use entropy_arcade::worlds::names;
use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;

use crate::{Target, mutate, refused};

const WORDS: &[&str] = &[
    "[sac]\n",
    "[learner]\n",
    "[run]\n",
    "[world]\n",
    "[learner.prioritized]\n",
    "hidden = [",
    "mode = \"conv\"\n",
    "mode = \"fixed\"\n",
    "nan",
    "inf",
    "\"\"\"",
    "'",
    "{}",
    "[[",
    "=",
    "\n",
    "\\u0000",
    "é",
    "none",
    "true",
    "layers = [{channels = 8, kernel = 3}]\n",
    "1979-05-27",
];

pub struct Configs {
    _folder: tempfile::TempDir,
    path: PathBuf,
    again: PathBuf,
    seeds: Vec<String>,
}

impl Configs {
    pub fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let seeds = names().map(|env| Ok(RunConfig::resolve(Some(env), None, &[])?.to_toml()));
        let seeds = seeds.collect::<Result<_, Box<dyn std::error::Error>>>()?;
        let [path, again] = ["fuzz.toml", "again.toml"].map(|name| folder.path().join(name));
        Ok(Self { _folder: folder, path, again, seeds })
    }

    fn resolve(&self, text: &[u8], set: Option<&str>) -> Result<RunConfig, String> {
        std::fs::write(&self.path, text).map_err(|error| error.to_string())?;
        let sets: Vec<String> = set.map(str::to_owned).into_iter().collect();
        RunConfig::resolve(None, Some(&self.path), &sets).map_err(|error| error.to_string())
    }
}

/// Separates a file from a `--set` over it.
const SET: &str = "\n--set ";

impl Target for Configs {
    fn make(&mut self, rng: &mut Pcg64Mcg) -> Vec<u8> {
        let whole = mutate::any(&self.seeds, rng);
        // A few lines of it: long files are mostly defaults.
        let kept = whole.lines().filter(|line| line.starts_with('[') || rng.random_range(0..4) == 0);
        let mut text = kept.collect::<Vec<_>>().join("\n").into_bytes();
        if rng.random_range(0..10) > 0 {
            mutate::text(&mut text, WORDS, 1 << 16, rng);
        }
        if rng.random_range(0..4) == 0 {
            let lines: Vec<&str> = whole.lines().filter(|line| line.contains('=')).collect();
            let table = mutate::any(&["sac.", "learner.", "run.", "world.", ""], rng);
            let mut set = format!("{table}{}", mutate::any(&lines, rng).replace(" = ", "=")).into_bytes();
            mutate::text(&mut set, WORDS, 4096, rng);
            text.extend_from_slice(SET.as_bytes());
            text.extend(set);
        }
        text
    }

    fn read(&mut self, input: &[u8]) -> bool {
        let whole = String::from_utf8_lossy(input);
        let (text, set) = whole.rsplit_once(SET).map_or((&*whole, None), |(text, set)| (text, Some(set)));
        // The window's text field only takes the tables of the learner.
        match settings_from_toml(text) {
            Ok(settings) => assert_eq!(settings_from_toml(&settings_to_toml(&settings)), Ok(settings)),
            Err(error) => _ = refused(&error),
        }
        let text = if set.is_none() { input } else { text.as_bytes() };
        let config = match self.resolve(text, set) {
            Ok(config) => config,
            Err(error) => return refused(&error),
        };
        let written = config.to_toml();
        assert!(std::fs::write(&self.again, &written).is_ok());
        let again = RunConfig::resolve(None, Some(&self.again), &[]);
        assert!(again.as_ref().is_ok_and(|again| again.to_toml() == written), "{again:?}\n{written}");
        true
    }
}
