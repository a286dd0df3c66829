//! Tests of the replay buffer on disk: exact continuation, and refused files.

use super::super::{PriorityConfig, ReplayConfig, ReplaySpace};
use super::*;
use crate::mdp::{
    ActionRow, ObservationSpace, Origin, SequenceBatch, StepBatch, Stream, TransitionBatch, rng,
};
use crate::replay::index::VALID;

/// A step of one of two alternating streams, whose values encode its time.
fn step(time: u32, starts: bool) -> StepBatch {
    let mut steps = StepBatch {
        streams: vec![time % 2],
        starts: vec![starts],
        actions: vec![1].into(),
        rewards: vec![time as f32],
        behaviour_entropies: vec![0.5],
        origins: vec![Origin::Policy],
        ends: vec![None],
        ..StepBatch::default()
    };
    steps.observations.push(&[time as f32], &[]);
    steps
}

fn filled() -> ReplayBuffer {
    let space = ObservationSpace { vector: vec!["x".into()], grid: None };
    let mut buffer =
        ReplayBuffer::new(space, ReplayConfig { capacity: 200, streams: 2, n_step: 2, gamma: 0.9 });
    (0..500).for_each(|time| _ = buffer.push(&step(time, time < 2)));
    buffer
}

#[test]
fn a_saved_buffer_continues_the_same() {
    let buffer = filled();
    let mut bytes = Vec::new();
    buffer.save(&mut bytes).unwrap();
    let loaded = buffer.load(&mut bytes.as_slice()).unwrap();
    assert_eq!(loaded, buffer);
    let (mut a, mut b) = (TransitionBatch::default(), TransitionBatch::default());
    buffer.sample(32, &mut rng(1, Stream::Replay, 0), &mut a);
    loaded.sample(32, &mut rng(1, Stream::Replay, 0), &mut b);
    assert_eq!(a, b);
}

/// Records the largest single read.
struct Asked<'a>(&'a [u8], usize);

impl Read for Asked<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.1 = self.1.max(into.len());
        self.0.read(into)
    }
}

#[test]
fn saved_buffers_are_read_in_blocks() {
    let space = ObservationSpace { vector: vec!["x".into(); 40], grid: None };
    let config = ReplayConfig { capacity: 200, streams: 2, n_step: 1, gamma: 0.9 };
    let mut buffer = ReplayBuffer::new(space, config);
    for time in 0..500 {
        let mut steps = step(time, time < 2);
        steps.observations.clear();
        steps.observations.push(&[time as f32; 40], &[]);
        buffer.push(&steps);
    }
    let mut bytes = Vec::new();
    buffer.save(&mut bytes).unwrap();
    let mut input = Asked(&bytes, 0);
    assert_eq!(buffer.load(&mut input).unwrap(), buffer);
    assert!(input.1 <= 4096, "{} bytes at once", input.1);
}

const PROPORTIONAL: PriorityConfig = PriorityConfig { exponent: 0.6, epsilon: 1e-3, initial: 1.0 };

fn prioritized() -> ReplayBuffer {
    let mut buffer = filled();
    buffer.set_priorities(Some(PROPORTIONAL));
    let mut batch = TransitionBatch::default();
    for seed in 0..20 {
        buffer.sample_prioritized(16, 0.4, &mut rng(seed, Stream::Replay, 0), &mut batch);
        let errors: Vec<f32> = batch.indices.iter().map(|&index| 0.1 * (index % 31) as f32).collect();
        buffer.update_priorities(&batch.indices, &errors);
    }
    buffer
}

#[test]
fn priorities_continue_the_same() {
    let buffer = prioritized();
    let mut bytes = Vec::new();
    buffer.save(&mut bytes).unwrap();
    let mut like = filled();
    like.set_priorities(Some(PROPORTIONAL));
    let loaded = like.load(&mut bytes.as_slice()).unwrap();
    assert_eq!(loaded, buffer);
    let (mut a, mut b) = (TransitionBatch::default(), TransitionBatch::default());
    buffer.sample_prioritized(32, 0.7, &mut rng(3, Stream::Replay, 0), &mut a);
    loaded.sample_prioritized(32, 0.7, &mut rng(3, Stream::Replay, 0), &mut b);
    assert_eq!(a, b);
    // A run without priorities drops them.
    assert_eq!(filled().load(&mut bytes.as_slice()).unwrap(), filled());
    // Every truncation and damaged byte of the priorities is refused or read, without a panic.
    for position in bytes.len() - 2000..bytes.len() {
        assert!(like.load(&mut &bytes[..position]).is_err());
        let mut damaged = bytes.clone();
        damaged[position] ^= 0xff;
        _ = like.load(&mut damaged.as_slice());
    }
}

/// The formats before version 3.
fn written_before(buffer: &ReplayBuffer, version: u64) -> Vec<u8> {
    let (index, columns) = (&buffer.index, &buffer.columns);
    let used = index.used_segments();
    let entries = used * SEGMENT_ENTRIES;
    let mut out = packed::MAGIC.to_vec();
    let (v, g) = (columns.space.observation.vector_len(), columns.space.observation.grid_len());
    let head = [v as u64, g as u64, index.segments as u64, index.begun, index.valid as u64];
    numbers::write(&mut out, &[version]).unwrap();
    numbers::write(&mut out, &head).unwrap();
    numbers::write(&mut out, &[index.cursors.len() as u64]).unwrap();
    numbers::write(&mut out, &columns.vectors[..entries * v]).unwrap();
    numbers::write(&mut out, &columns.grids[..entries * g]).unwrap();
    numbers::write(&mut out, &columns.choices[..entries]).unwrap();
    numbers::write(&mut out, &columns.rewards[..entries]).unwrap();
    numbers::write(&mut out, &columns.entropies[..entries]).unwrap();
    numbers::write(&mut out, &index.flags[..entries]).unwrap();
    buffer.write_segments(&mut out).unwrap();
    buffer.write_streams(&mut out).unwrap();
    if version >= 2 {
        let priorities = index.priorities.as_ref().map(|priorities| priorities.stored(entries));
        numbers::write(&mut out, &[u64::from(priorities.is_some())]).unwrap();
        if let Some((largest, raw)) = priorities {
            numbers::write(&mut out, &[largest]).unwrap();
            numbers::write(&mut out, raw).unwrap();
        }
    }
    out
}

#[test]
fn files_without_priorities_give_everything_the_largest() {
    let mut bytes = Vec::new();
    filled().save(&mut bytes).unwrap();
    let mut expected = filled();
    expected.set_priorities(Some(PROPORTIONAL));
    for bytes in [bytes, written_before(&filled(), 2), written_before(&filled(), 1)] {
        assert_eq!(filled().load(&mut bytes.as_slice()).unwrap(), filled());
        let loaded = expected.load(&mut bytes.as_slice()).unwrap();
        assert_eq!(loaded, expected);
        let priorities = loaded.priorities().unwrap();
        assert_eq!((priorities.filled(), priorities.total()), (loaded.len(), loaded.len() as f64));
    }
}

#[test]
fn files_of_older_programs_are_read() {
    let buffer = prioritized();
    assert_eq!(buffer.load(&mut written_before(&buffer, 2).as_slice()).unwrap(), buffer);
    let newer = written_before(&buffer, 9);
    assert!(buffer.load(&mut newer.as_slice()).unwrap_err().to_string().contains("version 9"));
    let mut longer = written_before(&buffer, 2);
    longer.push(0);
    assert!(buffer.load(&mut longer.as_slice()).unwrap_err().to_string().contains("longer than its header"));
}

/// As written before states had entries of their own and segments a position: a state for every entry.
#[test]
fn states_of_every_entry_are_skipped_and_positions_counted() {
    let mut buffer = wide();
    buffer.set_priorities(Some(PROPORTIONAL));
    let mut bytes = Vec::new();
    buffer.save(&mut bytes).unwrap();
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let (about, tensors) = parse(&bytes[8..header]).unwrap();
    let entries = buffer.index.used_segments() * SEGMENT_ENTRIES;
    let optional = Optional { priorities: true, states: [entries, 3], dense: true, positions: false };
    let layout = Layout::new(&buffer, entries / SEGMENT_ENTRIES, buffer.index.cursors.len(), optional);
    let about = about.iter().filter(|(key, _)| *key != "sequences");
    let about = about.map(|(key, value)| (key.as_str(), value.clone())).collect();
    let text = layout.header(&about).unwrap();
    let mut older = (text.len() as u64).to_le_bytes().to_vec();
    older.extend(text);
    for (name, _) in &layout.0 {
        let [from, to] = tensors[*name].data_offsets.map(|offset| header + offset as usize);
        match *name {
            "state" => older.extend(vec![0; entries * 3 * 4]),
            _ => older.extend(&bytes[from..to]),
        }
    }
    let loaded = buffer.load(&mut older.as_slice()).unwrap();
    assert_eq!((transitions_of(&loaded), loaded.states()), (transitions_of(&buffer), 0));
    // Its episodes are cut from the first step that is left of them.
    let priorities = loaded.priorities().unwrap();
    assert!(priorities.filled() > 20 && priorities.total() == priorities.filled() as f64);
    assert_eq!(loaded.index.sequences, Some(CUT));
}

#[test]
fn it_is_a_safetensors_file() {
    let buffer = prioritized();
    let mut bytes = Vec::new();
    buffer.save(&mut bytes).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let entries = buffer.index.used_segments() * SEGMENT_ENTRIES;
    assert_eq!(file.tensor("reward").unwrap().shape(), [entries]);
    let bytes_of = |name: &str| file.tensor(name).unwrap().data().to_vec();
    let rewards: Vec<u8> =
        buffer.columns.rewards[..entries].iter().flat_map(|reward| reward.to_le_bytes()).collect();
    assert_eq!(bytes_of("reward"), rewards);
    assert_eq!(bytes_of("flags"), buffer.index.flags[..entries]);
}

const CUT: SequenceConfig = SequenceConfig { burn_in: 3, learn: 6, stride: 5 };

/// A buffer of continuous actions and states with distinct values.
fn wide() -> ReplayBuffer {
    let space = ReplaySpace { observation: ObservationSpace::floats(&["x"]), action_dims: 2, state_width: 3 };
    let config = ReplayConfig { capacity: 200, streams: 2, n_step: 1, gamma: 0.9 };
    let mut buffer = ReplayBuffer::new(space, config);
    buffer.set_sequences(Some(CUT));
    for time in 0..500 {
        let mut steps = step(time, time < 2);
        let now = time as f32;
        steps.actions = Default::default();
        steps.actions.push(ActionRow::Continuous(&[now, -now]));
        steps.states.push(&[now, 0.5, 2.0 * now]);
        assert_eq!(buffer.push(&steps), 0);
    }
    buffer
}

#[test]
fn continuous_actions_and_states_round_trip() {
    let buffer = wide();
    let mut bytes = Vec::new();
    buffer.save(&mut bytes).unwrap();
    assert_eq!(buffer.load(&mut bytes.as_slice()).unwrap(), buffer);
    let mut all = TransitionBatch::default();
    buffer.gather_all(&mut all);
    assert!(all.batch > 150 && all.actions.rows == all.batch && all.actions.discrete.is_empty());
    for row in 0..all.batch {
        let seen = all.observations[row];
        assert_eq!(all.actions.vector(row), [seen, -seen]);
    }
    // A larger buffer holds the same, and a run that stores no states, or of another width, reads the rest.
    let mut larger = buffer.clone();
    larger.resize(ReplayConfig { capacity: 1000, ..buffer.config });
    assert_eq!(transitions_of(&larger), transitions_of(&buffer));
    assert_eq!(sequences_of(&larger), sequences_of(&buffer));
    let kept = buffer.states();
    assert!(kept.abs_diff(buffer.len() / CUT.stride) <= 4, "{kept} states of {} transitions", buffer.len());
    for (state_width, cut) in
        [(0, Some(CUT)), (5, Some(CUT)), (3, None), (3, Some(SequenceConfig { stride: 4, ..CUT }))]
    {
        let space = ReplaySpace { state_width, ..buffer.columns.space.clone() };
        let mut other = ReplayBuffer::new(space, buffer.config);
        other.set_sequences(cut);
        let loaded = other.load(&mut bytes.as_slice()).unwrap();
        assert_eq!((transitions_of(&loaded), loaded.states()), (transitions_of(&buffer), 0));
    }
    // One of discrete actions cannot.
    let discrete = ReplayBuffer::new(ObservationSpace::floats(&["x"]), buffer.config);
    let error = discrete.load(&mut bytes.as_slice()).unwrap_err().to_string();
    assert!(error.contains("action") && error.lines().count() == 1, "{error}");
}

/// First observation and initial state of every sequence, in time order.
fn sequences_of(buffer: &ReplayBuffer) -> Vec<[u32; 2]> {
    let mut all = SequenceBatch::default();
    buffer.gather_all_sequences(true, &mut all);
    let row = |row: usize| [all.observations[row * (all.length + 1)], all.initial_states.row(row)[0]];
    let mut rows: Vec<_> = (0..all.batch).map(|b| row(b).map(f32::to_bits)).collect();
    rows.sort_unstable();
    assert!(rows.len() > 30);
    rows
}

/// Observations and actions of everything that can be sampled, in time order.
fn transitions_of(buffer: &ReplayBuffer) -> Vec<[u32; 3]> {
    let mut all = TransitionBatch::default();
    buffer.gather_all(&mut all);
    let number = |value: f32| value.to_bits();
    let row =
        |row| [all.observations[row], all.actions.vector(row)[0], all.next_observations[row]].map(number);
    let mut rows: Vec<_> = (0..all.batch).map(row).collect();
    rows.sort_unstable();
    rows
}

/// Endless zeros behind some bytes, and how many of them were read.
struct Endless<'a>(&'a [u8], u64);

impl Read for Endless<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.0.is_empty() {
            into.fill(0);
            self.1 += into.len() as u64;
            return Ok(into.len());
        }
        self.0.read(into)
    }
}

#[test]
fn endless_files_are_read_only_to_their_declared_length() {
    let buffer = filled();
    let mut bytes = Vec::new();
    buffer.save(&mut bytes).unwrap();
    let mut input = Endless(&bytes, 0);
    assert!(buffer.load(&mut input).unwrap_err().to_string().contains("longer than its header"));
    assert!(input.1 <= 4096, "{}", input.1);
    // A header that declares more than the configuration still allocates only the configuration.
    let huge = Head { segments: 1 << 20, begun: 1 << 20, valid: 0, streams: 0 };
    let intake = Intake::new(&buffer, huge).unwrap();
    assert_eq!(intake.finish(None).unwrap().columns.rewards.len(), buffer.columns.rewards.len());
    let more = Head { segments: 1 << 21, ..huge };
    assert!(Intake::new(&buffer, more).is_err());
}

/// Observation, action, reward, next observation of everything that can be sampled, by time.
fn transitions(buffer: &ReplayBuffer) -> Vec<[u32; 4]> {
    let mut buffer = buffer.clone();
    buffer.set_returns(1, 0.5);
    let mut all = TransitionBatch::default();
    buffer.gather_all(&mut all);
    let row = |row: usize| {
        let [before, reward, after] =
            [all.observations[row], all.n_step_returns[row], all.next_observations[row]];
        [before as u32, all.actions.index(row) as u32, reward as u32, after as u32]
    };
    let mut all: Vec<_> = (0..all.batch).map(row).collect();
    all.sort_unstable();
    all
}

#[test]
fn damaged_bytes_are_refused_or_harmless() {
    let buffer = prioritized();
    let mut bytes = Vec::new();
    buffer.save(&mut bytes).unwrap();
    assert!(buffer.load(&mut &bytes[..bytes.len() / 2]).is_err());
    assert!(buffer.load(&mut &b"something else altogether"[..]).is_err());
    assert!(buffer.load(&mut &b"\x10\0\0\0\0\0\0\0{\"other\": \"text\"}"[..]).is_err());
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut refused = 0;
    for position in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[position] ^= 0xff;
        let mut loaded = match buffer.load(&mut damaged.as_slice()) {
            Ok(loaded) => loaded,
            Err(error) => {
                assert_eq!(error.to_string().lines().count(), 1, "{error}");
                refused += 1;
                continue;
            }
        };
        // Every changed byte of the header is refused.
        assert!(position >= header, "byte {position} of the header is not looked at");
        // A changed value byte gives valid values, and the buffer keeps working.
        assert_eq!(loaded.len(), loaded.index.flags.iter().filter(|&&flags| flags & VALID != 0).count());
        let mut all = TransitionBatch::default();
        loaded.gather_all(&mut all);
        let values =
            [&all.observations, &all.next_observations, &all.n_step_returns, &all.behaviour_entropies];
        assert!(values.into_iter().flatten().all(|value| value.is_finite()), "byte {position}");
        loaded.sample_prioritized(16, 0.5, &mut rng(1, Stream::Replay, 0), &mut all);
        (500..640).for_each(|time| _ = loaded.push(&step(time, false)));
    }
    assert!(refused > 500, "{refused}");
}

#[test]
fn values_in_a_file_that_are_not_finite_are_left_out() {
    let mut buffer = prioritized();
    let whole = transitions(&buffer);
    let valid: Vec<usize> =
        (0..buffer.index.flags.len()).filter(|&at| buffer.index.flags[at] & VALID != 0).collect();
    let of = |entry: usize, buffer: &ReplayBuffer| buffer.columns.rewards[entry] as u32;
    let gone = [valid[10], valid[50], valid[90], valid[91]].map(|entry| of(entry, &buffer));
    buffer.columns.rewards[valid[10]] = f32::NAN;
    buffer.columns.entropies[valid[50]] = f32::INFINITY;
    // A transition's next observation is the following one's observation.
    buffer.columns.vectors[valid[91]] = f32::NEG_INFINITY;
    for cursor in buffer.index.cursors.clone().into_iter().flatten() {
        buffer.columns.rewards[cursor.last()] = f32::NAN;
    }
    let mut bytes = Vec::new();
    buffer.save(&mut bytes).unwrap();
    let mut loaded = buffer.load(&mut bytes.as_slice()).unwrap();
    let expected: Vec<_> = whole.into_iter().filter(|row| !gone.contains(&row[0])).collect();
    assert_eq!(transitions(&loaded), expected);
    let priorities = loaded.priorities().unwrap();
    assert_eq!((loaded.len(), priorities.filled()), (expected.len(), expected.len()));
    // The last step of a stream is not completed by later steps either.
    (500..502).for_each(|time| _ = loaded.push(&step(time, false)));
    assert_eq!(loaded.len(), expected.len());
}

#[test]
fn interrupted_streams_do_not_continue() {
    let mut buffer = filled();
    let before = transitions(&buffer);
    buffer.cut_streams();
    (700..704).for_each(|time| _ = buffer.push(&step(time, false)));
    let mut expected = before;
    expected.extend([[700, 1, 700, 702], [701, 1, 701, 703]]);
    assert_eq!(transitions(&buffer), expected);
}
