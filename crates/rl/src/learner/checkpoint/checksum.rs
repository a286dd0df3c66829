//! The checksum of a checkpoint's files.

/// FNV-1a over 64-bit words: detects damage, not tampering.
pub(super) struct Checksum {
    sum: u64,
    /// Bytes of the incomplete word, and their number.
    open: ([u8; 8], usize),
}

impl Default for Checksum {
    fn default() -> Self {
        Self { sum: 0xCBF2_9CE4_8422_2325, open: ([0; 8], 0) }
    }
}

impl Checksum {
    pub(super) fn add(&mut self, mut bytes: &[u8]) {
        let (word, filled) = &mut self.open;
        if *filled > 0 {
            let taken = bytes.len().min(8 - *filled);
            word[*filled..*filled + taken].copy_from_slice(&bytes[..taken]);
            (*filled, bytes) = (*filled + taken, &bytes[taken..]);
            if *filled < 8 {
                return;
            }
            self.sum = step(self.sum, u64::from_le_bytes(*word));
        }
        let (words, rest) = bytes.as_chunks::<8>();
        self.sum = words.iter().fold(self.sum, |sum, word| step(sum, u64::from_le_bytes(*word)));
        word[..rest.len()].copy_from_slice(rest);
        *filled = rest.len();
    }

    pub(super) fn finish(&self) -> u64 {
        let (word, filled) = &self.open;
        word[..*filled].iter().fold(self.sum, |sum, &byte| step(sum, u64::from(byte)))
    }
}

pub(super) fn step(sum: u64, number: u64) -> u64 {
    (sum ^ number).wrapping_mul(0x0000_0100_0000_01B3)
}
