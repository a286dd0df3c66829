//! Agents: accepted files are written and read again unchanged, and act.

use entropy_arcade::insight::gallery;
use entropy_arcade::learner::trained::TrainedAgent;
use entropy_arcade::mdp::{ActInput, ObservationBatch, PolicyOutput, StateBatch, Stream, rng};
use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;

use crate::{Target, mutate, refused};

const WORDS: &[&str] = &[
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
/// Number of shipped agents that are mutated, the smallest first, besides the one with a grid observation.
const SMALLEST: usize = 4;
/// The one with a grid observation.
const GRID: &str = "lava-room-1.agent";

pub struct Agents {
    seeds: Vec<Vec<u8>>,
}

impl Agents {
    pub fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let mut all = Vec::from_iter(gallery::files());
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
        // Only the header is mutated; the length before it is adjusted.
        let mut header = header.to_vec();
        mutate::text(&mut header, WORDS, 1 << 16, rng);
        [&(header.len() as u64).to_le_bytes(), &header[..], tensors].concat()
    }

    fn read(&mut self, input: &[u8]) -> bool {
        let agent = match TrainedAgent::read("fuzz.agent", input) {
            Ok(agent) => agent,
            Err(error) => return refused(&error),
        };
        let written = agent.to_bytes();
        let again = written.as_ref().map(|bytes| TrainedAgent::read("again.agent", bytes));
        // Its numbers may differ in the last digit: JSON is parsed fast, not exactly.
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
        let states = &mut StateBatch::zeros(policy.state_width(), 2);
        let input = ActInput {
            observations: &observations,
            states,
            previous_actions: &Default::default(),
            previous_rewards: &[],
            is_first: &[],
            rngs: &mut luck,
            greedy: false,
        };
        policy.act(input, &mut decisions);
        let actions = agent.environment.action.len();
        assert!(decisions.actions.discrete.iter().all(|action| usize::from(*action) < actions));
        true
    }
}
