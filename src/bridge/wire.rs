//! Messages of a worker, see `worker.py`: a byte for the kind, four for the length, the content.

use std::io::{self, Read};

use serde::{Deserialize, Serialize};

/// The largest message, in bytes: 4096 pictures of 256 × 256.
const MOST: u32 = 1 << 28;

/// What a worker says first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Hello {
    /// Names of the floats of an observation.
    pub vector: Vec<String>,
    /// Channels, height and width of its grid.
    pub grid: Option<[usize; 3]>,
    /// Parts of it that cannot be shown to an agent.
    pub dropped: Vec<String>,
    /// Names of discrete actions.
    pub actions: Vec<String>,
    /// Bounds of continuous ones.
    pub low: Vec<f32>,
    /// Upper bounds.
    pub high: Vec<f32>,
    /// Steps after which episodes are truncated.
    pub limit: Option<u32>,
    /// Return at which it counts as solved.
    pub threshold: Option<f64>,
    /// Steps per second of real time.
    pub fps: Option<f64>,
    /// Whether it can be drawn.
    pub picture: bool,
    /// Of every package that decides what it does.
    pub versions: std::collections::BTreeMap<String, String>,
}

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Message {
    /// A [`Hello`] as JSON.
    Hello(Vec<u8>),
    /// A [`Frame`].
    Step(Vec<u8>),
    /// Width, height and RGB bytes.
    Picture(Vec<u8>),
    /// Why it ends.
    Error(String),
    /// Nothing more will come.
    Closed,
    /// Something else came, in words.
    Garbled(String),
}

impl Message {
    /// Waits for the next message.
    pub fn read(from: &mut impl Read) -> Self {
        let mut head = [0; 5];
        if let Err(error) = from.read_exact(&mut head) {
            return Self::ended(&error);
        }
        let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
        let kind = head[0];
        if !b"HSPE".contains(&kind) || length > MOST {
            return Self::Garbled(format!("{length} bytes of a kind called {:?}", char::from(kind)));
        }
        let mut content = Vec::new();
        match from.take(u64::from(length)).read_to_end(&mut content) {
            Ok(read) if read == length as usize => {}
            Ok(read) => return Self::Garbled(format!("{read} of {length} bytes and ended")),
            Err(error) => return Self::ended(&error),
        }
        match kind {
            b'H' => Self::Hello(content),
            b'S' => Self::Step(content),
            b'P' => Self::Picture(content),
            _ => Self::Error(String::from_utf8_lossy(&content).trim().to_owned()),
        }
    }

    /// Takes the next message out of `from`, if all of it is there.
    #[cfg(unix)]
    pub fn whole(from: &mut &[u8]) -> Option<Self> {
        let length = from.get(1..5)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))?;
        let fits = b"HSPE".contains(&from[0]) && length <= MOST;
        (!fits || from.len() - 5 >= length as usize).then(|| Self::read(from))
    }

    fn ended(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Closed,
            _ => Self::Garbled(error.to_string()),
        }
    }
}

/// What an environment looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Drawn {
    pub width: u32,
    pub height: u32,
    /// RGB bytes.
    pub pixels: Vec<u8>,
}

impl Drawn {
    /// A picture; `None` if it is empty or not whole.
    pub fn new(mut content: Vec<u8>) -> Option<Self> {
        let number = |at: usize| content.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
        let (width, height) = (number(0)?, number(4)?);
        content.drain(..8);
        let whole = content.len() as u64 == 3 * u64::from(width) * u64::from(height);
        (whole && !content.is_empty()).then_some(Self { width, height, pixels: content })
    }
}

/// Sizes of what a worker sends of each environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// Environments.
    pub rows: usize,
    /// Floats of an observation.
    pub floats: usize,
    /// Bytes of its grid.
    pub bytes: usize,
}

/// The outcome of one step of a worker's environments.
#[derive(Debug, Clone, Default)]
pub(super) struct Frame {
    content: Vec<u8>,
    /// By row: where the first observation of the next episode is, if this one has ended.
    next: Vec<Option<usize>>,
}

/// How one environment fared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Outcome {
    pub reward: f64,
    pub terminated: bool,
    pub truncated: bool,
    pub success: bool,
}

impl Frame {
    /// A frame of `layout`, or what is wrong with it.
    pub fn new(content: Vec<u8>, layout: Layout) -> Result<Self, String> {
        let Layout { rows, floats, bytes } = layout;
        let flags = content.get(8 * rows..9 * rows).unwrap_or_default();
        let mut at = rows * (9 + 4 * floats + bytes);
        let mut next = Vec::with_capacity(rows);
        for flag in flags {
            next.push((flag & 3 != 0).then_some(at));
            at += if flag & 3 == 0 { 0 } else { 4 * floats + bytes };
        }
        if next.len() != rows || at != content.len() {
            return Err(format!("{} bytes for a step of {rows} environments", content.len()));
        }
        Ok(Self { content, next })
    }

    /// How the environment in `row` fared.
    pub fn outcome(&self, layout: Layout, row: usize) -> Outcome {
        let reward =
            self.content[8 * row..].first_chunk().map_or(f64::NAN, |bytes| f64::from_le_bytes(*bytes));
        let flags = self.content[8 * layout.rows + row];
        let terminated = flags & 1 != 0;
        Outcome { reward, terminated, truncated: !terminated && flags & 2 != 0, success: flags & 4 != 0 }
    }

    /// Copies the observation of `row`: after the end of an episode its last one.
    pub fn observation(&self, layout: Layout, row: usize, vector: &mut [f32], grid: &mut [u8]) {
        let Layout { rows, floats, bytes } = layout;
        read_floats(&self.content[9 * rows + 4 * floats * row..], vector);
        let at = rows * (9 + 4 * floats) + bytes * row;
        grid.copy_from_slice(&self.content[at..at + bytes]);
    }

    /// Copies the first observation of the next episode of `row`, if one has ended.
    pub fn next(&self, layout: Layout, row: usize, vector: &mut [f32], grid: &mut [u8]) {
        let Some(at) = self.next.get(row).copied().flatten() else { return };
        read_floats(&self.content[at..], vector);
        let at = at + 4 * layout.floats;
        grid.copy_from_slice(&self.content[at..at + layout.bytes]);
    }
}

fn read_floats(from: &[u8], to: &mut [f32]) {
    let (chunks, _) = from.as_chunks::<4>();
    to.iter_mut().zip(chunks).for_each(|(to, bytes)| *to = f32::from_le_bytes(*bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: Layout = Layout { rows: 2, floats: 1, bytes: 2 };

    /// Rewards 1 and 2; the second environment has ended, and both ends were reported.
    fn content() -> Vec<u8> {
        let mut content = [1.0f64, 2.0].map(f64::to_le_bytes).concat();
        content.extend([0, 1 | 2 | 4]);
        content.extend([0.5f32, 0.75].map(f32::to_le_bytes).concat());
        content.extend([10, 11, 20, 21]);
        content.extend(9.0f32.to_le_bytes());
        content.extend([90, 91]);
        content
    }

    #[test]
    fn a_frame_is_read_by_row() {
        let frame = Frame::new(content(), LAYOUT).unwrap();
        let first = Outcome { reward: 1.0, terminated: false, truncated: false, success: false };
        assert_eq!(frame.outcome(LAYOUT, 0), first);
        // What ends an episode by its own rules is no time limit.
        let second = Outcome { reward: 2.0, terminated: true, truncated: false, success: true };
        assert_eq!(frame.outcome(LAYOUT, 1), second);
        let (mut vector, mut grid) = ([0.0], [0, 0]);
        frame.observation(LAYOUT, 1, &mut vector, &mut grid);
        assert_eq!((vector, grid), ([0.75], [20, 21]));
        frame.next(LAYOUT, 0, &mut vector, &mut grid);
        assert_eq!((vector, grid), ([0.75], [20, 21]), "its episode goes on");
        frame.next(LAYOUT, 1, &mut vector, &mut grid);
        assert_eq!((vector, grid), ([9.0], [90, 91]));
    }

    #[test]
    fn a_frame_of_another_length_is_refused() {
        let whole = content();
        for length in 0..whole.len() {
            assert!(Frame::new(whole[..length].to_vec(), LAYOUT).is_err(), "{length}");
        }
        let longer = [whole, vec![0]].concat();
        assert!(Frame::new(longer, LAYOUT).is_err());
    }

    #[test]
    fn messages_are_told_apart_and_garbage_is_named() {
        let message = |bytes: &[u8]| Message::read(&mut &bytes[..]);
        assert_eq!(message(b"E\x03\0\0\0bad"), Message::Error("bad".into()));
        assert_eq!(message(b"H\x02\0\0\0{}"), Message::Hello(b"{}".to_vec()));
        assert_eq!(message(b""), Message::Closed);
        assert!(
            matches!(message(b"E\x03\0\0\0ba"), Message::Garbled(what) if what == "2 of 3 bytes and ended")
        );
        assert!(matches!(message(b"Hello"), Message::Garbled(_)), "a length of gigabytes");
        assert!(matches!(message(b"?\x01\0\0\0a"), Message::Garbled(_)), "an unknown kind");
        let mut two = &b"E\x03\0\0\0badE\x02\0\0\0h"[..];
        assert_eq!(Message::whole(&mut two), Some(Message::Error("bad".into())));
        assert_eq!((Message::whole(&mut two), two.len()), (None, 6), "a part stays");
        assert!(matches!(Message::whole(&mut &b"?\0\0\0\0"[..]), Some(Message::Garbled(_))));
    }
}
