//! The replay buffer on disk: used segments only, little-endian, length-checked.
//!
//! Where the bytes go, and that they arrive whole, is left to the caller.

use std::io::{Read, Write};

use super::buffer::{Cursor, HUMAN, SEGMENT_ENTRIES, SEGMENT_STEPS, TERMINATED, TRUNCATED, VALID};
use super::{Priorities, ReplayBuffer};
use crate::mdp::Fault;

const MAGIC: &[u8; 8] = b"EAreplay";
/// Version 2 adds priorities; version 1 is read as if all were the largest.
const VERSION: u32 = 2;
/// More than any configuration asks for.
const MOST_SEGMENTS: u64 = 1 << 20;

/// A saved buffer cannot be taken back.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// Reading or writing failed.
    #[error("replay: {0}")]
    Io(#[from] std::io::Error),
    /// It is another file, a newer one, a damaged one, or for other observations.
    #[error("replay: {0}; it is damaged or belongs to another run")]
    Unfit(String),
}

impl From<ReplayError> for std::io::Error {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Io(error) => error,
            other => Self::other(other),
        }
    }
}

impl ReplayBuffer {
    /// Writes everything needed to go on exactly as before.
    ///
    /// # Errors
    /// [`ReplayError::Io`] when `out` fails.
    pub fn save(&self, out: &mut impl Write) -> Result<(), ReplayError> {
        let used = self.used_segments();
        out.write_all(MAGIC)?;
        for number in [
            u64::from(VERSION),
            self.space.vector_len() as u64,
            self.space.grid_len() as u64,
            self.segments as u64,
            self.begun,
            self.valid as u64,
            self.cursors.len() as u64,
        ] {
            out.write_all(&number.to_le_bytes())?;
        }
        let entries = used * SEGMENT_ENTRIES;
        write_f32(out, &self.vectors[..entries * self.space.vector_len()])?;
        out.write_all(&self.grids[..entries * self.space.grid_len()])?;
        for action in &self.actions[..entries] {
            out.write_all(&action.to_le_bytes())?;
        }
        write_f32(out, &self.rewards[..entries])?;
        write_f32(out, &self.entropies[..entries])?;
        out.write_all(&self.flags[..entries])?;
        for segment in 0..used {
            let (next, generation) = self.links[segment];
            for number in [next, generation, self.generations[segment]] {
                out.write_all(&number.to_le_bytes())?;
            }
        }
        for cursor in &self.cursors {
            let (segment, used, state) = cursor
                .map_or((0, 0, 0), |cursor| (cursor.segment, cursor.used, 1 + u32::from(cursor.pending)));
            for number in [segment, used, state] {
                out.write_all(&number.to_le_bytes())?;
            }
        }
        let priorities = self.priorities.as_ref().map(|priorities| priorities.stored(entries));
        out.write_all(&u64::from(priorities.is_some()).to_le_bytes())?;
        if let Some((largest, raw)) = priorities {
            out.write_all(&largest.to_le_bytes())?;
            for raw in raw {
                out.write_all(&raw.to_le_bytes())?;
            }
        }
        Ok(())
    }

    /// Reads what [`ReplayBuffer::save`] wrote into a new buffer of this one's configuration. What was saved from one
    /// of another size is carried over, see [`ReplayBuffer::resize`].
    ///
    /// With priorities here and none in the file all transitions get the largest; the other way
    /// round they are left behind. Transitions with a value that is refused today, see [`Fault`], are left out.
    ///
    /// # Errors
    /// [`ReplayError::Unfit`] when the bytes are of another kind, version or observation;
    /// [`ReplayError::Io`] when they end early.
    pub fn load(&self, input: &mut impl Read) -> Result<Self, ReplayError> {
        let unfit = |what: String| ReplayError::Unfit(what);
        let mut magic = [0; 8];
        input.read_exact(&mut magic)?;
        if &magic != MAGIC {
            return Err(unfit("not a replay file".into()));
        }
        let version = read_u64(input)?;
        if !(1..=u64::from(VERSION)).contains(&version) {
            return Err(unfit(format!("version {version}, this program reads 1 to {VERSION}")));
        }
        for (what, have) in
            [("vector length", self.space.vector_len()), ("grid length", self.space.grid_len())]
        {
            let saved = read_u64(input)?;
            if saved != have as u64 {
                return Err(unfit(format!("{what} {saved}, this run has {have}")));
            }
        }
        let segments = read_u64(input)?;
        if !(1..=MOST_SEGMENTS).contains(&segments) {
            return Err(unfit(format!("{segments} segments")));
        }
        let mut buffer = Self::of_segments(self.space.clone(), self.config, segments as usize);
        buffer.begun = read_u64(input)?;
        buffer.valid = read_u64(input)? as usize;
        let cursors = read_u64(input)?;
        if cursors > 1 << 20 || buffer.begun > u64::MAX / 2 {
            return Err(unfit(format!("{cursors} streams, {} segments begun", buffer.begun)));
        }
        let used = buffer.used_segments();
        let entries = used * SEGMENT_ENTRIES;
        let (v, g) = (buffer.space.vector_len(), buffer.space.grid_len());
        read_f32(input, &mut buffer.vectors[..entries * v])?;
        input.read_exact(&mut buffer.grids[..entries * g])?;
        for action in &mut buffer.actions[..entries] {
            let mut bytes = [0; 2];
            input.read_exact(&mut bytes)?;
            *action = u16::from_le_bytes(bytes);
        }
        read_f32(input, &mut buffer.rewards[..entries])?;
        read_f32(input, &mut buffer.entropies[..entries])?;
        input.read_exact(&mut buffer.flags[..entries])?;
        for segment in 0..used {
            buffer.links[segment] = (read_u32(input)?, read_u32(input)?);
            buffer.generations[segment] = read_u32(input)?;
            if buffer.links[segment].0 as usize >= buffer.segments {
                return Err(unfit(format!("segment {segment} goes on nowhere")));
            }
        }
        for _ in 0..cursors {
            let (segment, used, state) = (read_u32(input)?, read_u32(input)?, read_u32(input)?);
            if segment as usize >= buffer.segments
                || used as usize > SEGMENT_ENTRIES
                || (state == 2 && !(1..=SEGMENT_STEPS).contains(&(used as usize)))
            {
                return Err(unfit("a stream lies outside".into()));
            }
            let cursor = Cursor { segment, used, pending: state == 2 };
            buffer.cursors.push((state > 0).then_some(cursor));
        }
        buffer.check_streams().map_err(unfit)?;
        let last_entries = buffer.flags.iter().skip(SEGMENT_ENTRIES - 1).step_by(SEGMENT_ENTRIES);
        if last_entries.copied().any(|flags| flags & VALID != 0) {
            return Err(unfit("a step has no next observation".into()));
        }
        let valid = buffer.flags.iter().filter(|&&flags| flags & VALID != 0).count();
        for entry in (0..entries).filter(|&entry| buffer.flags[entry] & (VALID | HUMAN) == VALID | HUMAN) {
            buffer.people.insert(entry);
        }
        if valid != buffer.valid {
            return Err(unfit(format!("{valid} transitions where {} were saved", buffer.valid)));
        }
        if version >= 2 && read_u64(input)? != 0 {
            let largest = read_f64(input)?;
            let mut failed = Ok(());
            let raw = (0..entries).map_while(|_| read_f64(input).map_err(|error| failed = Err(error)).ok());
            let priorities = self.priorities_from(largest, raw, &buffer.flags);
            failed?;
            buffer.priorities = priorities?;
        } else {
            buffer.set_priorities(self.priorities.as_ref().map(Priorities::config));
        }
        buffer.forget_what_is_refused();
        buffer.resize(self.config);
        Ok(buffer)
    }

    /// Leaves out what files from before such values were refused may hold.
    fn forget_what_is_refused(&mut self) {
        let v = self.space.vector_len();
        let is_sound = |buffer: &Self, entry: usize, observations: usize| {
            let seen = &buffer.vectors[entry * v..(entry + observations) * v];
            let paid = [buffer.rewards[entry], buffer.entropies[entry]];
            seen.iter().chain(&paid).all(|value| Fault::is_none_in(*value))
        };
        let before = self.valid;
        for entry in 0..self.flags.len() {
            if self.flags[entry] & VALID != 0 && !is_sound(self, entry, 2) {
                self.flags[entry] &= !VALID;
                self.valid -= 1;
                self.people.forget(&(entry..entry + 1));
                if let Some(priorities) = &mut self.priorities {
                    priorities.clear(entry..entry + 1);
                }
            }
        }
        for stream in 0..self.cursors.len() {
            let Some(cursor) = self.cursors[stream].filter(|cursor| cursor.pending) else { continue };
            let pending = is_sound(self, cursor.last(), 1);
            self.cursors[stream] = Some(Cursor { pending, ..cursor });
        }
        if self.valid < before {
            let left_out = before - self.valid;
            let most = Fault::LARGEST;
            tracing::warn!(
                "replay: {left_out} transitions with values that are not finite or beyond ±{most:e} are left out"
            );
        }
    }

    /// Saved raw priorities under this buffer's configuration: one for each valid entry of `flags`.
    fn priorities_from(
        &self,
        largest: f64,
        raw: impl Iterator<Item = f64>,
        flags: &[u8],
    ) -> Result<Option<Priorities>, ReplayError> {
        let Some(own) = &self.priorities else {
            raw.for_each(drop);
            return Ok(None);
        };
        let mut priorities = Priorities::new(flags.len(), own.config());
        let mut fit = true;
        let raw = raw.zip(flags).map(|(raw, flags)| {
            fit &= (raw >= 0.0) == (flags & VALID != 0);
            raw
        });
        let restored = priorities.restore(largest, raw);
        if fit && restored {
            Ok(Some(priorities))
        } else {
            Err(ReplayError::Unfit("its priorities are of other transitions".into()))
        }
    }

    /// Whether streams and entries are as [`ReplayBuffer::push`] leaves them: each stream in a segment of its own, with
    /// nothing to sample where its next step goes.
    fn check_streams(&self) -> Result<(), String> {
        if self.flags.iter().any(|flags| flags & !(VALID | TERMINATED | TRUNCATED | HUMAN) != 0) {
            return Err("an entry is of no known kind".into());
        }
        let mut taken = vec![false; self.segments];
        for cursor in self.cursors.iter().flatten() {
            let segment = cursor.segment as usize;
            let first = segment * SEGMENT_ENTRIES;
            let open = cursor.used as usize - usize::from(cursor.pending);
            let entries = &self.flags[first + open..first + SEGMENT_ENTRIES];
            if segment >= self.used_segments() || entries.iter().any(|flags| flags & VALID != 0) {
                return Err("a stream goes on where it cannot".into());
            }
            if std::mem::replace(&mut taken[segment], true) {
                return Err("two streams are in one segment".into());
            }
        }
        Ok(())
    }

    /// The largest action stored.
    pub fn largest_action(&self) -> u16 {
        self.actions[..self.used_segments() * SEGMENT_ENTRIES].iter().copied().max().unwrap_or(0)
    }

    fn used_segments(&self) -> usize {
        self.begun.min(self.segments as u64) as usize
    }
}

/// Block by block, so that writing takes no more memory than a block.
fn write_f32(out: &mut impl Write, values: &[f32]) -> std::io::Result<()> {
    let mut block = [0; 4096];
    for values in values.chunks(1024) {
        for (bytes, value) in block.as_chunks_mut::<4>().0.iter_mut().zip(values) {
            *bytes = value.to_le_bytes();
        }
        out.write_all(&block[..values.len() * 4])?;
    }
    Ok(())
}

/// Block by block, so that reading takes no more memory than what is read and a block.
fn read_f32(input: &mut impl Read, values: &mut [f32]) -> std::io::Result<()> {
    let mut block = [0; 4096];
    for values in values.chunks_mut(1024) {
        let bytes = &mut block[..values.len() * 4];
        input.read_exact(bytes)?;
        for (value, bytes) in values.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *value = f32::from_le_bytes(*bytes);
        }
    }
    Ok(())
}

fn read_u64(input: &mut impl Read) -> std::io::Result<u64> {
    let mut bytes = [0; 8];
    input.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

fn read_f64(input: &mut impl Read) -> std::io::Result<f64> {
    read_u64(input).map(f64::from_bits)
}

fn read_u32(input: &mut impl Read) -> std::io::Result<u32> {
    let mut bytes = [0; 4];
    input.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::super::{PriorityConfig, ReplayConfig};
    use super::*;
    use crate::mdp::{Action, ObservationSpace, Origin, StepBatch, Stream, TransitionBatch, rng};

    /// A step of one of two streams in turn that says when it is.
    fn step(time: u32, starts: bool) -> StepBatch {
        let mut steps = StepBatch {
            streams: vec![time % 2],
            starts: vec![starts],
            actions: vec![Action::Discrete(1)],
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
    fn a_saved_buffer_goes_on_the_same() {
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

    /// Remembers the most that was ever asked for at once.
    struct Asked<'a>(&'a [u8], usize);

    impl Read for Asked<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            self.1 = self.1.max(into.len());
            self.0.read(into)
        }
    }

    #[test]
    fn what_is_saved_is_read_in_blocks() {
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
    fn priorities_go_on_the_same() {
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
        // A run without priorities leaves them behind.
        assert_eq!(filled().load(&mut bytes.as_slice()).unwrap(), filled());
        // Each cut and each damaged byte of the priorities is refused or read, never a panic.
        for position in bytes.len() - 2000..bytes.len() {
            assert!(like.load(&mut &bytes[..position]).is_err());
            let mut damaged = bytes.clone();
            damaged[position] ^= 0xff;
            _ = like.load(&mut damaged.as_slice());
        }
    }

    #[test]
    fn files_without_priorities_give_everything_the_largest() {
        let mut bytes = Vec::new();
        filled().save(&mut bytes).unwrap();
        // Version 1 ended where version 2 says whether priorities follow.
        let mut old = bytes[..bytes.len() - 8].to_vec();
        old[8] = 1;
        let mut expected = filled();
        expected.set_priorities(Some(PROPORTIONAL));
        for bytes in [bytes, old] {
            assert_eq!(filled().load(&mut bytes.as_slice()).unwrap(), filled());
            let loaded = expected.load(&mut bytes.as_slice()).unwrap();
            assert_eq!(loaded, expected);
            let priorities = loaded.priorities().unwrap();
            assert_eq!((priorities.filled(), priorities.total()), (loaded.len(), loaded.len() as f64));
        }
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
            [before as u32, u32::from(all.actions[row]), reward as u32, after as u32]
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
        let whole = transitions(&buffer);
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
            // Of the head only the numbers of segments, there and begun, can differ and leave all there is in its place.
            if position < 64 {
                assert!((32..48).contains(&position), "byte {position} of the head is not looked at");
                assert_eq!(transitions(&loaded), whole);
            }
            // What is only a value is one that can be learned from, and everything goes on.
            assert_eq!(loaded.len(), loaded.flags.iter().filter(|&&flags| flags & VALID != 0).count());
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
    fn what_is_not_finite_in_a_file_is_left_out() {
        let mut buffer = prioritized();
        let whole = transitions(&buffer);
        let valid: Vec<usize> = (0..buffer.flags.len()).filter(|&at| buffer.flags[at] & VALID != 0).collect();
        let of = |entry: usize, buffer: &ReplayBuffer| buffer.rewards[entry] as u32;
        let gone = [valid[10], valid[50], valid[90], valid[91]].map(|entry| of(entry, &buffer));
        buffer.rewards[valid[10]] = f32::NAN;
        buffer.entropies[valid[50]] = f32::INFINITY;
        // What one transition leads to is what the next begins with.
        buffer.vectors[valid[91]] = f32::NEG_INFINITY;
        for cursor in buffer.cursors.clone().into_iter().flatten() {
            buffer.rewards[cursor.last()] = f32::NAN;
        }
        let mut bytes = Vec::new();
        buffer.save(&mut bytes).unwrap();
        let mut loaded = buffer.load(&mut bytes.as_slice()).unwrap();
        let expected: Vec<_> = whole.into_iter().filter(|row| !gone.contains(&row[0])).collect();
        assert_eq!(transitions(&loaded), expected);
        let priorities = loaded.priorities().unwrap();
        assert_eq!((loaded.len(), priorities.filled()), (expected.len(), expected.len()));
        // Nor is the last step of a stream completed by what comes next.
        (500..502).for_each(|time| _ = loaded.push(&step(time, false)));
        assert_eq!(loaded.len(), expected.len());
    }

    #[test]
    fn streams_that_are_cut_are_not_gone_on_with() {
        let mut buffer = filled();
        let before = transitions(&buffer);
        buffer.cut_streams();
        (700..704).for_each(|time| _ = buffer.push(&step(time, false)));
        let mut expected = before;
        expected.extend([[700, 1, 700, 702], [701, 1, 701, 703]]);
        assert_eq!(transitions(&buffer), expected);
    }
}
