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
mod tests;
