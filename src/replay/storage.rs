//! The replay buffer on disk: used segments only, little-endian, length-checked.
//!
//! Where the bytes go, and that they arrive whole, is left to the caller.

mod places;
#[cfg(test)]
mod tests;

use std::io::{Read, Write};

use places::Places;

use super::buffer::{Cursor, HUMAN, SEGMENT_ENTRIES, SEGMENT_STEPS, VALID};
use super::{Priorities, ReplayBuffer};

const MAGIC: &[u8; 8] = b"EAreplay";
/// Version 2 adds priorities; version 1 is read as if all were the largest.
const VERSION: u32 = 2;

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

    /// Reads what [`ReplayBuffer::save`] wrote into a new buffer of the same kind as this one.
    ///
    /// A file of another capacity is carried over, the newest segments where not all fit. Transitions with a value that
    /// is not finite are left out. With priorities here and none in the file all transitions get the largest; the other
    /// way round they are left behind.
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
        let [segments, begun, saved_valid, cursors] =
            [read_u64(input)?, read_u64(input)?, read_u64(input)?, read_u64(input)?];
        if cursors > 1 << 20 {
            return Err(unfit(format!("{cursors} streams")));
        }
        let places = Places::new([segments, begun], self.segments)
            .ok_or_else(|| unfit(format!("{segments} segments, {begun} begun")))?;
        let mut buffer = Self::new(self.space.clone(), self.config);
        buffer.begun = places.begun;
        let (v, g) = (buffer.space.vector_len(), buffer.space.grid_len());
        places.read(input, &mut buffer.vectors, v, f32::from_le_bytes)?;
        places.read(input, &mut buffer.grids, g, u8::from_le_bytes)?;
        places.read(input, &mut buffer.actions, 1, u16::from_le_bytes)?;
        places.read(input, &mut buffer.rewards, 1, f32::from_le_bytes)?;
        places.read(input, &mut buffer.entropies, 1, f32::from_le_bytes)?;
        // Those of all that was saved, carried over or not, to be counted.
        let mut found = 0;
        places.read(input, &mut buffer.flags, 1, |bytes: [u8; 1]| {
            found += u64::from(bytes[0] & VALID);
            bytes[0]
        })?;
        if found != saved_valid {
            return Err(unfit(format!("{found} transitions where {saved_valid} were saved")));
        }
        for saved in 0..places.saved {
            let (next, generation, own) = (read_u32(input)?, read_u32(input)?, read_u32(input)?);
            if u64::from(next) >= segments {
                return Err(unfit(format!("segment {saved} goes on nowhere")));
            }
            let Some(place) = places.of(saved) else { continue };
            buffer.generations[place] = own;
            buffer.links[place] = places.of(u64::from(next)).map_or((0, 0), |next| (next as u32, generation));
        }
        for _ in 0..cursors {
            let (segment, used, state) = (read_u32(input)?, read_u32(input)?, read_u32(input)?);
            if u64::from(segment) >= segments
                || used as usize > SEGMENT_ENTRIES
                || (state == 2 && !(1..=SEGMENT_STEPS).contains(&(used as usize)))
            {
                return Err(unfit("a stream lies outside".into()));
            }
            let place = places.of(u64::from(segment)).filter(|_| state > 0);
            buffer.cursors.push(place.map(|place| Cursor {
                segment: place as u32,
                used,
                pending: state == 2,
            }));
        }
        let last_entries = buffer.flags.iter().skip(SEGMENT_ENTRIES - 1).step_by(SEGMENT_ENTRIES);
        if last_entries.copied().any(|flags| flags & VALID != 0) {
            return Err(unfit("a step has no next observation".into()));
        }
        let valid = (0..buffer.flags.len()).filter(|&entry| buffer.flags[entry] & VALID != 0);
        for entry in valid.collect::<Vec<_>>() {
            buffer.valid += 1;
            if buffer.flags[entry] & HUMAN != 0 {
                buffer.people.insert(entry);
            }
        }
        if version >= 2 && read_u64(input)? != 0 {
            let largest = read_f64(input)?;
            let mut raw = vec![Priorities::NONE; buffer.flags.len()];
            places.read(input, &mut raw, 1, f64::from_le_bytes)?;
            buffer.priorities = self.priorities_from(largest, &raw, &buffer.flags)?;
        } else {
            buffer.set_priorities(self.priorities.as_ref().map(Priorities::config));
        }
        buffer.forget_what_is_not_finite();
        Ok(buffer)
    }

    /// Leaves out what files from before such values were refused may hold.
    fn forget_what_is_not_finite(&mut self) {
        let v = self.space.vector_len();
        let is_finite = |buffer: &Self, entry: usize, observations: usize| {
            let seen = &buffer.vectors[entry * v..(entry + observations) * v];
            let paid = [buffer.rewards[entry], buffer.entropies[entry]];
            seen.iter().chain(&paid).all(|value| value.is_finite())
        };
        let before = self.valid;
        for entry in 0..self.flags.len() {
            if self.flags[entry] & VALID != 0 && !is_finite(self, entry, 2) {
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
            let pending = is_finite(self, cursor.last(), 1);
            self.cursors[stream] = Some(Cursor { pending, ..cursor });
        }
        if self.valid < before {
            tracing::warn!(
                "replay: {} transitions with values that are not finite are left out",
                before - self.valid
            );
        }
    }

    /// Saved raw priorities under this buffer's configuration: one for each valid entry of `flags`.
    fn priorities_from(
        &self,
        largest: f64,
        raw: &[f64],
        flags: &[u8],
    ) -> Result<Option<Priorities>, ReplayError> {
        let Some(own) = &self.priorities else { return Ok(None) };
        let mut priorities = Priorities::new(flags.len(), own.config());
        let fit = raw.iter().zip(flags).all(|(&raw, flags)| (raw >= 0.0) == (flags & VALID != 0));
        if fit && priorities.restore(largest, raw) {
            Ok(Some(priorities))
        } else {
            Err(ReplayError::Unfit("its priorities are of other transitions".into()))
        }
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
