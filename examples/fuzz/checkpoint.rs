//! Checkpoints: manifest, weights and replay buffer, with corrected sizes and checksums, so that the code
//! behind those checks is reached. Accepted ones are trained with and saved again.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use entropy_arcade::algo::sac::SacConfig;
use entropy_arcade::learner::checkpoint::Checkpoint;
use entropy_arcade::learner::{DeviceChoice, Learner, LearnerConfig, LearnerSetup, PrioritizedConfig};
use entropy_arcade::mdp::{Action, EpisodeEnd, Origin, StepBatch};
use entropy_arcade::worlds::WorldChoice;
use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;

use crate::{Target, mutate, refused};

const MANIFEST: &str = "manifest.json";
const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ",",
    "null",
    "\"level\": {\"name\": \"2\"},",
    "../",
    "/dev/zero",
    "nul",
    "\\u0000",
    "\"replay.bin\"",
    "\"x\": [1, 2],",
    "\"version\": 1,",
    "-",
];
/// How many of the accepted checkpoints are saved and loaded again.
const SAVED: u64 = 100;

pub struct Checkpoints {
    folder: tempfile::TempDir,
    learner: Learner,
    /// The files of a valid one.
    good: BTreeMap<String, Vec<u8>>,
    taken: u64,
}

impl Checkpoints {
    pub fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let mut config =
            LearnerConfig { batch_size: 8, learning_starts: 0, replay_capacity: 1000, ..Default::default() };
        config.prioritized = Some(PrioritizedConfig::default());
        config.algorithm = SacConfig { hidden: vec![8], ..SacConfig::default() }.into();
        config.threads = 1;
        let mut setup = LearnerSetup::new(WorldChoice::new("cartpole", None)?.spec(), config);
        (setup.device, setup.streams) = (DeviceChoice::Cpu, 2);
        let mut learner = Learner::new(setup)?;
        (0..5).for_each(|round| learner.push(&steps(round), true));
        learner.train(3, false)?;
        let place = learner.save(&folder.path().join("good"), Vec::new())?;
        let mut good = BTreeMap::new();
        for entry in std::fs::read_dir(&place)? {
            let entry = entry?;
            good.insert(entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path())?);
        }
        // Uncompressed, as older versions wrote it, so that the code behind the compression is reached.
        let mut replay = Vec::new();
        Checkpoint::open(&place)?.stream()?.read_to_end(&mut replay)?;
        good.insert("replay.bin".into(), replay);
        Ok(Self { folder, learner, good, taken: 0 })
    }

    fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Trains from the loaded state, and saves it now and then.
    fn go_on(&mut self) {
        self.learner.push(&steps(7), true);
        self.taken += 1;
        // Arbitrary numbers may become infinite, which is reported as well.
        if let Err(error) = self.learner.train(1, true) {
            refused(&error);
        }
        if self.taken % SAVED != 1 {
            return;
        }
        let again = self.place("again");
        match self.learner.save(&again, Vec::new()) {
            Ok(place) => {
                let loaded = self.learner.load(&place);
                assert!(loaded.is_ok(), "{loaded:?}");
                assert!(std::fs::remove_dir_all(&again).is_ok());
            }
            Err(error) => _ = refused(&error),
        }
    }
}

/// Steps of two streams, one of which ends.
fn steps(round: usize) -> StepBatch {
    let mut steps = StepBatch::default();
    for step in 0..40 {
        let ends = step == 39 && round.is_multiple_of(2);
        steps.streams.push((step % 2) as u32);
        steps.starts.push(round == 0 && step < 2);
        steps.observations.push(&[0.01 * step as f32, 0.1, -0.1, round as f32], &[]);
        steps.actions.push(Action::Discrete((step / 2 % 2) as u16));
        steps.rewards.push(1.0);
        steps.behaviour_entropies.push(0.5);
        steps.origins.push(if step % 8 == 0 { Origin::Human } else { Origin::Policy });
        steps.ends.push(ends.then_some(EpisodeEnd::Terminated));
        if ends {
            steps.final_observations.push(&[1.0; 4], &[]);
        }
    }
    steps
}

/// FNV-1a over 64-bit words, as in the manifest.
fn checksum(content: &[u8]) -> u64 {
    let (words, rest) = content.as_chunks::<8>();
    let words =
        words.iter().map(|word| u64::from_le_bytes(*word)).chain(rest.iter().map(|&byte| byte.into()));
    words.fold(0xCBF2_9CE4_8422_2325, |sum, word| (sum ^ word).wrapping_mul(0x0000_0100_0000_01B3))
}

/// An input is one file: its name, a line break, its bytes.
fn parts(input: &[u8]) -> (&str, &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    (std::str::from_utf8(&input[..end]).unwrap_or_default(), input.get(end + 1..).unwrap_or_default())
}

fn write(folder: &Path, name: &str, content: &[u8]) {
    assert!(std::fs::write(folder.join(name), content).is_ok(), "{name}");
}

impl Target for Checkpoints {
    fn make(&mut self, rng: &mut Pcg64Mcg) -> Vec<u8> {
        let names: Vec<&String> = self.good.keys().collect();
        let name = *mutate::any(&names, rng);
        let mut content = self.good[name].clone();
        if name == MANIFEST {
            mutate::text(&mut content, WORDS, 1 << 16, rng);
        } else {
            mutate::bytes(&mut content, rng);
        }
        if name == "replay.bin" && rng.random_range(0..2) == 0 {
            // The header is kept, so that the rest is read.
            let good = &self.good[name];
            let length = good.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)) as usize;
            let header = 8 + length.min(good.len() - 8);
            content.splice(..header.min(content.len()), good[..header].iter().copied());
        }
        [name.as_bytes(), b"\n", &content].concat()
    }

    fn read(&mut self, input: &[u8]) -> bool {
        let (name, content) = parts(input);
        let folder = self.place("input");
        assert!(std::fs::create_dir_all(&folder).is_ok());
        self.good.iter().for_each(|(name, good)| write(&folder, name, good));
        write(&folder, name, content);
        if name != MANIFEST {
            let manifest = String::from_utf8_lossy(&self.good[MANIFEST]);
            let manifest = serde_json::from_str::<serde_json::Value>(&manifest);
            let Ok(mut manifest) = manifest else { panic!("{manifest:?}") };
            manifest["files"][name] = serde_json::json!([content.len(), checksum(content)]);
            write(&folder, MANIFEST, manifest.to_string().as_bytes());
        }
        let loaded = self.learner.load(&folder);
        match loaded {
            Ok(()) => self.go_on(),
            Err(error) => return refused(&error),
        }
        true
    }
}
