//! Agents: what is taken is written and read again, and acts.

use entropy_arcade::insight::gallery;
use entropy_arcade::learner::trained::TrainedAgent;
use entropy_arcade::mdp::{ObservationBatch, PolicyOutput, Stream, rng};
use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;

use crate::{Target, mutate, refused};

const WORDS: [&str; 16] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\\"",
    ",",
    "null",
    "{\"Continuous\":[]}",
    "F64",
    "F32",
    "\\\"grid\\\":null",
    "\\\"mode\\\":\\\"conv\\\"",
    "actor.",
    "\"level\":\"(version: 1)\",",
    "\\\\u0000",
];
/// Of shipped agents, how many are changed, the smallest first, beside the one that sees a grid.
const SMALLEST: usize = 4;
/// The one that sees a grid.
const GRID: &str = "lava-room-1.agent";

pub struct Agents {
    seeds: Vec<Vec<u8>>,
}

impl Agents {
    pub fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let mut all = gallery::FILES.to_vec();
        all.sort_by_key(|(name, bytes)| (*name != GRID, bytes.len()));
        let seeds: Vec<Vec<u8>> = all.iter().take(1 + SMALLEST).map(|(_, bytes)| bytes.to_vec()).collect();
        if seeds.is_empty() { Err("no agents come with the arcade".into()) } else { Ok(Self { seeds }) }
    }
}

impl Target for Agents {
    fn make(&mut self, rng: &mut Pcg64Mcg) -> Vec<u8> {
        let seed = mutate::any(&self.seeds, rng);
        let whole = seed.split_first_chunk::<8>();
        let parts =
            whole.and_then(|(length, rest)| rest.split_at_checked(u64::from_le_bytes(*length) as usize));
        let Some((header, tensors)) = parts.filter(|_| rng.random_range(0..5) > 0) else {
            let mut bytes = seed.clone();
            mutate::bytes(&mut bytes, rng);
            return bytes;
        };
        // The header says everything; the length before it is made to fit.
        let mut header = header.to_vec();
        mutate::text(&mut header, &WORDS, 1 << 16, rng);
        [&(header.len() as u64).to_le_bytes(), &header[..], tensors].concat()
    }

    fn read(&mut self, input: &[u8]) -> bool {
        let agent = match TrainedAgent::read("fuzz.agent", input) {
            Ok(agent) => agent,
            Err(error) => return refused(&error),
        };
        let written = agent.to_bytes();
        let again = written.as_ref().map(|bytes| TrainedAgent::read("again.agent", bytes));
        // Its numbers may differ in the last digit: JSON is read fast, not exactly.
        let same = again.as_ref().is_ok_and(|again| {
            again
                .as_ref()
                .is_ok_and(|again| again.environment == agent.environment && again.world == agent.world)
        });
        assert!(same, "{again:?}");
        let policy = agent.policy();
        let Ok(policy) = policy else { panic!("{:?}", policy.err()) };
        let observations = ObservationBatch::zeros(&agent.environment.observation, 2);
        let mut decisions = PolicyOutput::default();
        let mut luck = [0, 1].map(|index| rng(1, Stream::Exploration, index));
        policy.act(&observations, &mut [], &mut luck, false, &mut decisions);
        let actions = agent.environment.action.len();
        assert!(decisions.actions.iter().all(|action| action.index() < actions));
        true
    }
}
