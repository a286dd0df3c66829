//! TensorBoard's event files, without its libraries: records framed as TFRecords, each a protobuf `Event`.
//!
//! A record is `length: u64`, the masked CRC-32C of those 8 bytes, the event, and the masked CRC-32C of the
//! event; all numbers are little-endian. Only the fields that scalars and texts need are written: `Event { wall_time
//! = 1, step = 2, file_version = 3, summary = 5 }`, `Summary { repeated Value { tag = 1, simple_value = 2, tensor = 8,
//! metadata = 9 } value = 1 }`, of tensors and metadata those of a string of the plugin `text`, and of the plugin
//! `hparams` its `SessionStartInfo`.
//!
//! TensorBoard's two readers disagree about a run that went on from an earlier step: one drops what was overtaken, one
//! shows both histories, whatever marks it. So earlier files are cut where the run goes on.

use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::run::UNIX_SECONDS;
use super::{Metrics, Sink, Value};
use crate::files;
use crate::protobuf::Message;

/// Size of the write buffer; larger than an event.
const BUFFER: usize = 1 << 16;
/// Largest file that is read, in bytes.
const LARGEST: u64 = 1 << 30;
/// Extension of this program's files.
const SUFFIX: &str = "entropy";

/// A setting of a run, for the table of TensorBoard's plugin `hparams`.
#[derive(Debug, Clone, PartialEq)]
pub enum Hparam {
    /// A number.
    Number(f64),
    /// On or off.
    Switch(bool),
    /// Anything else.
    Text(String),
}

/// Writes scalars for TensorBoard.
#[derive(Debug)]
pub struct TensorBoard<W: Write>(BufWriter<W>);

impl TensorBoard<File> {
    /// Starts an event file in `folder`, which is created if missing, of a run that is at `env_steps`: earlier files of
    /// this program lose what they hold of later steps, as when a run resumes from a checkpoint.
    ///
    /// # Errors
    /// The system's error.
    pub fn create(folder: &Path, env_steps: u64) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        cut(folder, env_steps)?;
        let now = now();
        // TensorBoard reads files in the order of their names.
        let name = format!("events.out.tfevents.{:017.6}.{SUFFIX}", now);
        let file = OpenOptions::new().write(true).create_new(true).open(folder.join(name))?;
        Self::new(file, now)
    }
}

impl<W: Write> TensorBoard<W> {
    /// Starts events in `out` at `unix_seconds`, like [`TensorBoard::create`] in a file.
    ///
    /// # Errors
    /// The system's error.
    pub fn new(out: W, unix_seconds: f64) -> io::Result<Self> {
        let mut events = Self(BufWriter::with_capacity(BUFFER, out));
        let mut version = Message::default();
        version.bytes(3, b"brain.Event:2");
        events.event(unix_seconds, 0, &version)?;
        events.0.flush()?;
        Ok(events)
    }

    /// Writes `text`, Markdown, under `tag` at `env_steps`.
    ///
    /// # Errors
    /// The system's error.
    pub fn text(&mut self, tag: &str, text: &str, env_steps: u64) -> io::Result<()> {
        // DataType.DT_STRING.
        const STRING: u64 = 7;
        let mut parts: [Message; 7] = Default::default();
        let [size, shape, tensor, plugin, metadata, value, summary] = &mut parts;
        size.varint(1, 1);
        shape.bytes(2, &size.0);
        tensor.varint(1, STRING);
        tensor.bytes(2, &shape.0);
        tensor.bytes(8, text.as_bytes());
        plugin.bytes(1, b"text");
        metadata.bytes(1, &plugin.0);
        value.bytes(1, tag.as_bytes());
        value.bytes(8, &tensor.0);
        value.bytes(9, &metadata.0);
        summary.bytes(1, &value.0);
        let mut event = Message::default();
        event.bytes(5, &summary.0);
        self.event(now(), env_steps, &event)?;
        self.0.flush()
    }

    /// Writes the settings of the run by name, for the table that compares runs.
    ///
    /// # Errors
    /// The system's error.
    pub fn hparams(&mut self, settings: &[(String, Hparam)], env_steps: u64) -> io::Result<()> {
        let (time, mut session) = (now(), Message::default());
        for (name, setting) in settings {
            let [mut value, mut entry] = <[Message; 2]>::default();
            // google.protobuf.Value.
            match setting {
                Hparam::Number(number) => value.double(2, *number),
                Hparam::Text(text) => value.bytes(3, text.as_bytes()),
                Hparam::Switch(on) => value.varint(4, u64::from(*on)),
            }
            entry.bytes(1, name.as_bytes());
            entry.bytes(2, &value.0);
            session.bytes(1, &entry.0);
        }
        session.double(5, time);
        let mut parts: [Message; 6] = Default::default();
        let [data, plugin, metadata, value, summary, event] = &mut parts;
        data.bytes(3, &session.0);
        plugin.bytes(1, b"hparams");
        plugin.bytes(2, &data.0);
        metadata.bytes(1, &plugin.0);
        value.bytes(1, b"_hparams_/session_start_info");
        value.bytes(9, &metadata.0);
        summary.bytes(1, &value.0);
        event.bytes(5, &summary.0);
        self.event(time, env_steps, event)?;
        self.0.flush()
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

/// Cuts the files of this program in `folder` where they go beyond `env_steps` or are torn.
fn cut(folder: &Path, env_steps: u64) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == SUFFIX) {
            let events = files::read(&path, LARGEST).map_err(io::Error::other)?;
            let kept = kept(&events, env_steps);
            if kept < events.len() {
                OpenOptions::new().write(true).open(&path)?.set_len(kept as u64)?;
            }
        }
    }
    Ok(())
}

/// Bytes of whole records before the first one after `env_steps`.
fn kept(events: &[u8], env_steps: u64) -> usize {
    let mut at = 0;
    while let Some(length) = events.get(at..).and_then(<[u8]>::first_chunk) {
        let Ok(length) = usize::try_from(u64::from_le_bytes(*length)) else { break };
        let Some(next) = at.checked_add(length).and_then(|end| end.checked_add(16)) else { break };
        // Every event begins with the time and the step, as written above.
        let Some(step) = events.get(at + 22..next).filter(|_| length >= 11) else { break };
        if varint(step) > env_steps {
            break;
        }
        at = next;
    }
    at
}

/// The number at the start of `bytes`.
fn varint(bytes: &[u8]) -> u64 {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
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
