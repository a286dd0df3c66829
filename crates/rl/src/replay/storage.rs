//! The replay buffer on disk: a safetensors file of the used segments, written and read as a stream.
//!
//! The caller handles files, compression and checksums. `packed` reads older formats.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use super::error::{ReplayError, unfit};
use super::index::SEGMENT_ENTRIES;
use super::intake::{Head, Intake};
use super::layout::{Layout, Optional, parse};
use super::{ReplayBuffer, SequenceConfig, numbers, packed};

/// Format version; versions 1 and 2 were not safetensors.
const VERSION: u64 = 3;
/// Maximum size of a header in bytes.
const LARGEST_HEADER: u64 = 1 << 16;
const FORMAT: &str = "entropy-arcade-replay";

/// How episodes are cut into sequences, as the header of a file says it.
fn cut(config: &SequenceConfig) -> String {
    let SequenceConfig { burn_in, learn, stride } = config;
    format!("{burn_in} {learn} {stride}")
}

impl ReplayBuffer {
    /// Saves the complete state as a safetensors file.
    ///
    /// # Errors
    /// [`ReplayError::Io`] if `out` fails.
    pub fn save(&self, out: &mut impl Write) -> Result<(), ReplayError> {
        let (index, columns) = (&self.index, &self.columns);
        let used = index.used_segments();
        let entries = used * SEGMENT_ENTRIES;
        let priorities = index.priorities.as_ref().map(|priorities| priorities.stored(entries));
        let optional = Optional {
            priorities: priorities.is_some(),
            states: [columns.states.len(), columns.space.state_width],
            dense: false,
            positions: index.sequences.is_some(),
        };
        let layout = Layout::new(self, used, index.cursors.len(), optional);
        let mut about = BTreeMap::from([
            ("format", FORMAT.to_owned()),
            ("version", VERSION.to_string()),
            ("segments", index.segments.to_string()),
            ("begun", index.begun.to_string()),
            ("transitions", index.valid.to_string()),
            ("streams", index.cursors.len().to_string()),
        ]);
        if let Some((largest, _)) = priorities {
            about.insert("largest_priority", largest.to_bits().to_string());
        }
        if let Some(config) = &index.sequences {
            about.insert("sequences", cut(config));
        }
        let header = layout.header(&about).map_err(std::io::Error::from)?;
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(&header)?;
        for (name, _) in &layout.0 {
            match *name {
                "priority" => numbers::write(out, priorities.map_or(&[][..], |(_, raw)| raw))?,
                "observation.vector" => {
                    numbers::write(
                        out,
                        &columns.vectors[..entries * columns.space.observation.vector_len()],
                    )?;
                }
                "observation.grid" => {
                    out.write_all(&columns.grids[..entries * columns.space.observation.grid_len()])?;
                }
                "action" if columns.space.action_dims > 0 => {
                    numbers::write(out, &columns.continuous[..entries * columns.space.action_dims])?;
                }
                "action" => numbers::write(out, &columns.choices[..entries])?,
                "reward" => numbers::write(out, &columns.rewards[..entries])?,
                "behavior_entropy" => numbers::write(out, &columns.entropies[..entries])?,
                "state.entry" => {
                    columns.states.iter().try_for_each(|(entry, _)| numbers::write(out, &[entry as u32]))?;
                }
                "state" => columns.states.iter().try_for_each(|(_, state)| numbers::write(out, state))?,
                "position" => numbers::write(out, &index.positions[..used])?,
                "segment" => self.write_segments(out)?,
                "stream" => self.write_streams(out)?,
                _ => out.write_all(&index.flags[..entries])?,
            }
        }
        Ok(())
    }

    fn write_segments(&self, out: &mut impl Write) -> std::io::Result<()> {
        for segment in 0..self.index.used_segments() {
            let (next, generation) = self.index.links[segment];
            numbers::write(out, &[next, generation, self.index.generations[segment]])?;
        }
        Ok(())
    }

    fn write_streams(&self, out: &mut impl Write) -> std::io::Result<()> {
        for cursor in &self.index.cursors {
            let stands =
                cursor.map_or([0; 3], |cursor| [cursor.segment, cursor.used, 1 + u32::from(cursor.pending)]);
            numbers::write(out, &stands)?;
        }
        Ok(())
    }

    /// Loads the output of [`ReplayBuffer::save`], also of older versions, into a new buffer with this one's
    /// configuration. If it does not fit, the oldest segments are dropped, see [`ReplayBuffer::resize`].
    ///
    /// If only this buffer has priorities, all transitions get the largest; if only the file has them, they
    /// are dropped. States are dropped if this buffer stores none or of another width; where the file has none,
    /// sequences begin from zeros. Priorities of sequences and states also start over if the file's episodes are cut
    /// into other sequences. Faulty transitions, see [`Fault`](crate::mdp::Fault), are skipped.
    ///
    /// # Errors
    /// [`ReplayError::Unfit`] for another file type, version or space, or trailing bytes; [`ReplayError::Io`]
    /// if they end early.
    pub fn load(&self, input: &mut impl Read) -> Result<Self, ReplayError> {
        let mut first = [0; 8];
        input.read_exact(&mut first)?;
        let buffer = if &first == packed::MAGIC {
            packed::load(self, input)?
        } else {
            self.load_tensors(u64::from_le_bytes(first), input)?
        };
        if input.read(&mut [0])? > 0 {
            return Err(unfit("it is longer than its header says".into()));
        }
        Ok(buffer)
    }

    fn load_tensors(&self, header: u64, input: &mut impl Read) -> Result<Self, ReplayError> {
        if !(1..=LARGEST_HEADER).contains(&header) {
            return Err(unfit("not a replay file".into()));
        }
        let mut text = vec![0; header as usize];
        input.read_exact(&mut text)?;
        let (about, tensors) = parse(&text)?;
        let number = |key: &str| {
            let found = about.get(key).and_then(|text| text.parse::<u64>().ok());
            found.ok_or_else(|| unfit(format!("its header has no `{key}`")))
        };
        if about.get("format").map(String::as_str) != Some(FORMAT) {
            return Err(unfit("not a replay file".into()));
        }
        let version = number("version")?;
        if version != VERSION {
            return Err(unfit(format!("version {version}, this program reads 1 to {VERSION}")));
        }
        let head = Head {
            segments: number("segments")?,
            begun: number("begun")?,
            valid: number("transitions")?,
            streams: number("streams")?,
        };
        let mut intake = Intake::new(self, head)?;
        let (used, optional) = (intake.used(), Optional::of(&tensors));
        let layout = Layout::new(self, used, head.streams as usize, optional);
        layout.check(&tensors)?;
        // States of another width or of other sequences, and priorities of others, do not invalidate the rest.
        let same = about.get("sequences").cloned() == self.index.sequences.as_ref().map(cut);
        let [states, width] = optional.states;
        let keeps_states = same && !optional.dense && width == self.columns.space.state_width;
        for (name, tensor) in &layout.0 {
            let space = &self.columns.space;
            match *name {
                "priority" => intake.priorities(input, same)?,
                "observation.vector" => {
                    intake.column(input, space.observation.vector_len(), |columns| &mut columns.vectors)?;
                }
                "observation.grid" => {
                    intake.column(input, space.observation.grid_len(), |columns| &mut columns.grids)?;
                }
                "action" if space.action_dims > 0 => {
                    intake.column(input, space.action_dims, |columns| &mut columns.continuous)?;
                }
                "action" => intake.column(input, 1, |columns| &mut columns.choices)?,
                "reward" => intake.column(input, 1, |columns| &mut columns.rewards)?,
                "behavior_entropy" => intake.column(input, 1, |columns| &mut columns.entropies)?,
                "state.entry" => intake.state_entries(input, states)?,
                "state" if keeps_states => intake.states(input)?,
                "position" => intake.positions(input)?,
                "state" => numbers::skip(input, tensor.data_offsets[1] - tensor.data_offsets[0])?,
                "segment" => intake.segments(input)?,
                "stream" => intake.streams(input)?,
                _ => intake.flags(input)?,
            }
        }
        let ranked = optional.priorities && same;
        let largest = if ranked { Some(f64::from_bits(number("largest_priority")?)) } else { None };
        intake.finish(largest)
    }
}

#[cfg(test)]
mod tests;
