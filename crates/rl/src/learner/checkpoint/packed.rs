//! Compression of the one large file of a checkpoint, streamed in constant memory.
//!
//! The format is gzip, which includes a checksum of the content. Older, uncompressed files are read as they
//! are.

use std::io::{BufRead, BufWriter, ErrorKind, Read, Result, Write};

use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;

/// Size of the write buffer: content arrives number by number.
const BLOCK: usize = 1 << 16;
/// The first bytes of a gzip file.
const MAGIC: [u8; 2] = [0x1F, 0x8B];

/// Writes `content` to `out`, compressed and deterministic.
pub(in crate::learner) fn pack(
    content: impl FnOnce(&mut dyn Write) -> Result<()>,
    out: &mut dyn Write,
) -> Result<()> {
    let mut packed = BufWriter::with_capacity(BLOCK, GzEncoder::new(out, Compression::fast()));
    content(&mut packed)?;
    packed.into_inner()?.finish()?;
    Ok(())
}

/// Compressed or uncompressed content.
pub(super) enum Unpacked<R: BufRead> {
    Plain(R),
    Packed(GzDecoder<R>),
}

impl<R: BufRead> Unpacked<R> {
    /// Reads a file from its beginning.
    pub(super) fn of(mut input: R) -> Result<Self> {
        let packed = input.fill_buf()?.starts_with(&MAGIC);
        Ok(if packed { Self::Packed(GzDecoder::new(input)) } else { Self::Plain(input) })
    }
}

impl<R: BufRead> Read for Unpacked<R> {
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize> {
        match self {
            Self::Plain(input) => input.read(bytes),
            Self::Packed(input) => {
                let read = input.read(bytes)?;
                // Nothing may follow the compressed content.
                if read == 0 && !bytes.is_empty() && !input.get_mut().fill_buf()?.is_empty() {
                    return Err(ErrorKind::InvalidData.into());
                }
                Ok(read)
            }
        }
    }
}
