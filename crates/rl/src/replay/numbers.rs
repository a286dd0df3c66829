//! Numbers as little-endian bytes, read and written in blocks of constant memory.

use std::io::{Read, Result, Write};

/// Bytes per block.
const BLOCK: usize = 4096;

/// A number of a column.
pub(super) trait Number: Copy + Default {
    /// Its name in safetensors.
    const TYPE: &'static str;
    /// Bytes per number.
    const BYTES: usize;
    /// Writes it to that many bytes.
    fn put(self, bytes: &mut [u8]);
    /// Reads it from that many bytes.
    fn get(bytes: &[u8]) -> Self;
}

macro_rules! number {
    ($type:ty, $name:literal) => {
        impl Number for $type {
            const TYPE: &'static str = $name;
            const BYTES: usize = size_of::<$type>();

            fn put(self, bytes: &mut [u8]) {
                bytes.copy_from_slice(&self.to_le_bytes());
            }

            fn get(bytes: &[u8]) -> Self {
                bytes.try_into().map_or(Self::default(), Self::from_le_bytes)
            }
        }
    };
}

number!(u8, "U8");
number!(u16, "U16");
number!(u32, "U32");
number!(u64, "U64");
number!(f32, "F32");
number!(f64, "F64");

pub(super) fn write<T: Number>(out: &mut impl Write, values: &[T]) -> Result<()> {
    let mut block = [0; BLOCK];
    for values in values.chunks(BLOCK / T::BYTES) {
        for (bytes, value) in block.chunks_exact_mut(T::BYTES).zip(values) {
            value.put(bytes);
        }
        out.write_all(&block[..values.len() * T::BYTES])?;
    }
    Ok(())
}

pub(super) fn read<T: Number>(input: &mut impl Read, values: &mut [T]) -> Result<()> {
    let mut block = [0; BLOCK];
    for values in values.chunks_mut(BLOCK / T::BYTES) {
        let bytes = &mut block[..values.len() * T::BYTES];
        input.read_exact(bytes)?;
        for (value, bytes) in values.iter_mut().zip(bytes.chunks_exact(T::BYTES)) {
            *value = T::get(bytes);
        }
    }
    Ok(())
}

/// One number.
pub(super) fn read_one<T: Number>(input: &mut impl Read) -> Result<T> {
    let mut one = [T::default()];
    read(input, &mut one)?;
    Ok(one[0])
}

/// Skips `bytes` bytes.
pub(super) fn skip(input: &mut impl Read, bytes: u64) -> Result<()> {
    match std::io::copy(&mut input.take(bytes), &mut std::io::sink())? {
        read if read == bytes => Ok(()),
        _ => Err(std::io::ErrorKind::UnexpectedEof.into()),
    }
}
