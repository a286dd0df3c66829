//! Packed content: the one large file of a checkpoint, compressed as it is streamed, in memory of fixed size.
//!
//! It is gzip, whose checksum is over the content. Files from before it are read as they are.

use std::io::{BufRead, BufWriter, Read, Result, Write};

use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;

/// Bytes that are compressed at once: content comes in single numbers.
const BLOCK: usize = 1 << 16;
/// What gzip begins with.
const MAGIC: [u8; 2] = [0x1F, 0x8B];

/// Writes `content` into `out`, compressed; the same content is the same bytes.
pub(in crate::learner) fn pack(
    content: impl FnOnce(&mut dyn Write) -> Result<()>,
    out: &mut dyn Write,
) -> Result<()> {
    let mut packed = BufWriter::with_capacity(BLOCK, GzEncoder::new(out, Compression::fast()));
    content(&mut packed)?;
    packed.into_inner()?.finish()?;
    Ok(())
}

/// What was packed, or what never was.
pub(super) enum Unpacked<R: BufRead> {
    Plain(R),
    Packed(GzDecoder<R>),
}

impl<R: BufRead> Unpacked<R> {
    /// Of a file from its beginning.
    pub(super) fn of(mut input: R) -> Result<Self> {
        let packed = input.fill_buf()?.starts_with(&MAGIC);
        Ok(if packed { Self::Packed(GzDecoder::new(input)) } else { Self::Plain(input) })
    }
}

impl<R: BufRead> Read for Unpacked<R> {
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize> {
        match self {
            Self::Plain(input) => input.read(bytes),
            Self::Packed(input) => input.read(bytes),
        }
    }
}
