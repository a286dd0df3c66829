//! Mutations that break parsers of text and binary data.

use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;

/// Replacements for numbers in a text.
const NUMBERS: &[&str] = &[
    "0",
    "-1",
    "1",
    "2",
    "255",
    "65536",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775809",
    "18446744073709551615",
    "1e308",
    "-0.0",
    "1e-45",
    "0.5",
    "99999999999999999999999",
];
/// Replacements for eight or four bytes.
const WORDS: &[u64] = &[
    0,
    1,
    2,
    64,
    65,
    127,
    255,
    1 << 16,
    u32::MAX as u64,
    1 << 32,
    (1 << 63) + 1,
    u64::MAX / 2,
    u64::MAX - 1,
    u64::MAX,
];

/// A random element of `all`, which is not empty.
pub fn any<'a, T>(all: &'a [T], rng: &mut Pcg64Mcg) -> &'a T {
    &all[rng.random_range(0..all.len())]
}

/// Mutates a text a few times: other numbers, cuts, repetitions, inserted `words`, moved pieces, single
/// bytes.
pub fn text(text: &mut Vec<u8>, words: &[&str], most: usize, rng: &mut Pcg64Mcg) {
    for _ in 0..rng.random_range(1..6) {
        let at = rng.random_range(0..=text.len());
        let end = (at + rng.random_range(0..40usize)).min(text.len());
        match rng.random_range(0..12) {
            0 | 1 if at < text.len() => text[at] = rng.random(),
            2 | 3 => _ = text.drain(at..end),
            4 | 5 => _ = text.splice(at..at, any(words, rng).bytes()),
            6 => {
                let part = text[at..end].repeat(rng.random_range(1..50));
                _ = text.splice(at..at, part);
            }
            7 => {
                let part = text[at..end].to_vec();
                let to = rng.random_range(0..=text.len());
                _ = text.splice(to..to, part);
            }
            8 if rng.random_range(0..20) == 0 => text.truncate(at),
            _ => number(text, at, rng),
        }
        text.truncate(most);
    }
}

/// Replaces the first number from `at` on.
fn number(text: &mut Vec<u8>, at: usize, rng: &mut Pcg64Mcg) {
    let digit = |byte: &u8| byte.is_ascii_digit();
    let Some(first) = text[at..].iter().position(digit).map(|found| at + found) else { return };
    let part = |byte: &u8| digit(byte) || matches!(byte, b'.' | b'e' | b'E' | b'_');
    let end = text[first..].iter().position(|byte| !part(byte)).map_or(text.len(), |length| first + length);
    _ = text.splice(first..end, any(NUMBERS, rng).bytes());
}

/// Mutates binary data a few times: words of eight and four bytes, single bytes, cuts.
pub fn bytes(bytes: &mut Vec<u8>, rng: &mut Pcg64Mcg) {
    for _ in 0..rng.random_range(1..6) {
        if bytes.is_empty() {
            return;
        }
        // Headers and trailers matter most to a parser.
        let within = match rng.random_range(0..4) {
            0 => 0..bytes.len(),
            1 => bytes.len().saturating_sub(400)..bytes.len(),
            _ => 0..bytes.len().min(120),
        };
        let at = rng.random_range(within);
        let word = any(WORDS, rng).to_le_bytes();
        match rng.random_range(0..8) {
            0..=2 => put(bytes, at & !7, &word),
            3 | 4 => put(bytes, at & !3, &word[..4]),
            5 => bytes[at] = rng.random(),
            6 => bytes[at] ^= 1 << rng.random_range(0..8),
            _ if rng.random_range(0..20) == 0 => bytes.truncate(at),
            _ => put(bytes, at & !3, &f32::NAN.to_le_bytes()),
        }
    }
}

fn put(bytes: &mut [u8], at: usize, word: &[u8]) {
    bytes[at..].iter_mut().zip(word).for_each(|(byte, new)| *byte = *new);
}
