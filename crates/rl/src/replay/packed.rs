//! The replay file formats 1 and 2, read-only: eight numbers followed by columns.

use std::io::Read;

use super::ReplayBuffer;
use super::error::ReplayError;
use super::intake::{Head, Intake};
use super::numbers;

/// The first bytes of such a file.
pub(super) const MAGIC: &[u8; 8] = b"EAreplay";

/// Reads what follows [`MAGIC`]. Version 2 added priorities; in version 1 all get the largest.
pub(super) fn load(like: &ReplayBuffer, input: &mut impl Read) -> Result<ReplayBuffer, ReplayError> {
    let mut number = || numbers::read_one::<u64>(input);
    let version = number()?;
    if !(1..=2).contains(&version) {
        return Err(ReplayError::Unfit(format!("version {version}, this program reads 1 to 3")));
    }
    let space = &like.columns.space;
    let (v, g) = (space.observation.vector_len(), space.observation.grid_len());
    for (what, have) in [("vector length", v), ("grid length", g)] {
        let saved = number()?;
        if saved != have as u64 {
            return Err(ReplayError::Unfit(format!("{what} {saved}, this run has {have}")));
        }
    }
    if space.action_dims > 0 {
        return Err(ReplayError::Unfit("its actions are discrete, those of this run are not".into()));
    }
    let head = Head { segments: number()?, begun: number()?, valid: number()?, streams: number()? };
    let mut intake = Intake::new(like, head)?;
    intake.column(input, v, |columns| &mut columns.vectors)?;
    intake.column(input, g, |columns| &mut columns.grids)?;
    intake.column(input, 1, |columns| &mut columns.choices)?;
    intake.column(input, 1, |columns| &mut columns.rewards)?;
    intake.column(input, 1, |columns| &mut columns.entropies)?;
    intake.flags(input)?;
    intake.segments(input)?;
    intake.streams(input)?;
    let largest = if version >= 2 && numbers::read_one::<u64>(input)? != 0 {
        let largest = numbers::read_one::<f64>(input)?;
        let of_transitions = like.index.sequences.is_none();
        intake.priorities(input, of_transitions)?;
        Some(largest).filter(|_| of_transitions)
    } else {
        None
    };
    intake.finish(largest)
}
