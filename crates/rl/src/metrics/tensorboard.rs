//! TensorBoard's event files, without its libraries: records framed as TFRecords, each a protobuf `Event`.
//!
//! A record is `length: u64`, the masked CRC-32C of those 8 bytes, the event, and the masked CRC-32C of the
//! event; all numbers are little-endian. Only the fields that scalars need are written: `Event { wall_time =
//! 1, step = 2, file_version = 3, summary = 5, session_log = 7 }` and `Summary { repeated Value { tag = 1,
//! simple_value = 2 } value = 1 }`.

use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::run::UNIX_SECONDS;
use super::{Metrics, Sink, Value};
use crate::protobuf::Message;

/// Size of the write buffer; larger than an event.
const BUFFER: usize = 1 << 16;

/// Writes scalars for TensorBoard.
#[derive(Debug)]
pub struct TensorBoard<W: Write>(BufWriter<W>);

impl TensorBoard<File> {
    /// Starts an event file in `folder`, which is created if missing. TensorBoard discards events of earlier
    /// files from `env_steps` on, as when a run resumes from a checkpoint.
    ///
    /// # Errors
    /// The system's error.
    pub fn create(folder: &Path, env_steps: u64) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let now = now();
        // TensorBoard reads files in the order of their names.
        let name = format!("events.out.tfevents.{:017.6}.entropy", now);
        let file = OpenOptions::new().write(true).create_new(true).open(folder.join(name))?;
        Self::new(file, now, env_steps)
    }
}

impl<W: Write> TensorBoard<W> {
    /// Starts events in `out` at `unix_seconds`, like [`TensorBoard::create`] in a file.
    ///
    /// # Errors
    /// The system's error.
    pub fn new(out: W, unix_seconds: f64, env_steps: u64) -> io::Result<Self> {
        let mut events = Self(BufWriter::with_capacity(BUFFER, out));
        let mut version = Message::default();
        version.bytes(3, b"brain.Event:2");
        events.event(unix_seconds, 0, &version)?;
        let (mut begins, mut log) = (Message::default(), Message::default());
        // SessionLog.START.
        log.varint(1, 1);
        begins.bytes(7, &log.0);
        events.event(unix_seconds, env_steps, &begins)?;
        events.0.flush()?;
        Ok(events)
    }

    /// Writes an event with content `what`.
    fn event(&mut self, unix_seconds: f64, step: u64, what: &Message) -> io::Result<()> {
        let mut event = Message::default();
        event.double(1, unix_seconds);
        event.varint(2, step);
        event.0.extend_from_slice(&what.0);
        let length = (event.0.len() as u64).to_le_bytes();
        let mut record = Vec::with_capacity(event.0.len() + 16);
        record.extend_from_slice(&length);
        record.extend_from_slice(&masked_crc32c(&length).to_le_bytes());
        record.extend_from_slice(&event.0);
        record.extend_from_slice(&masked_crc32c(&event.0).to_le_bytes());
        self.0.write_all(&record)
    }
}

impl<W: Write + Debug + Send + Sync> Sink for TensorBoard<W> {
    fn record(&mut self, env_steps: u64, metrics: &Metrics) -> io::Result<()> {
        let mut summary = Message::default();
        let mut scalar = |tag: &str, number: f64| {
            let mut value = Message::default();
            value.bytes(1, tag.as_bytes());
            value.float(2, number as f32);
            summary.bytes(1, &value.0);
        };
        for (key, value) in metrics.iter() {
            match value {
                Value::Each(values) => {
                    let each = values.iter().enumerate();
                    each.for_each(|(index, value)| scalar(&format!("{key}/{index}"), f64::from(*value)));
                }
                value => value.number().into_iter().for_each(|number| scalar(key, number)),
            }
        }
        let mut event = Message::default();
        event.bytes(5, &summary.0);
        self.event(metrics.get(UNIX_SECONDS).unwrap_or_else(now), env_steps, &event)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// CRC-32C (Castagnoli), masked as in TFRecord: a CRC over data that contains CRCs would be weak.
fn masked_crc32c(data: &[u8]) -> u32 {
    let crc = !data.iter().fold(!0_u32, |crc, byte| TABLE[usize::from(crc as u8 ^ byte)] ^ (crc >> 8));
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The CRC of every byte, by the reflected polynomial.
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut crc, mut bit) = (byte as u32, 0);
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests;
