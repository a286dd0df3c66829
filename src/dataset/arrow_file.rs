//! The one record batch of an arrow file that others may have written, or damaged.
//!
//! The reader of arrow-ipc 60 panics on lengths that are not those of its file. Here nothing is allocated by what a file
//! says of itself, and what panics is an error like any other.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::{Arc, Once};

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::{FileDecoder, read_footer_length};
use arrow_ipc::root_as_footer;

thread_local! {
    /// Whether this thread reads a file, and a panic is no news.
    static READS: Cell<bool> = const { Cell::new(false) };
}

/// The record batch of the file `bytes`.
///
/// # Errors
/// What is wrong with it, in a few words.
pub(super) fn record_batch(bytes: Vec<u8>) -> Result<RecordBatch, String> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if !READS.get() {
                before(panic);
            }
        }));
    });
    READS.set(true);
    let read = catch_unwind(AssertUnwindSafe(|| read(&Buffer::from(bytes))));
    READS.set(false);
    read.unwrap_or_else(|_| Err("damaged".to_owned()))
}

fn read(bytes: &Buffer) -> Result<RecordBatch, String> {
    let short = || "no whole arrow file".to_owned();
    let end: [u8; 10] = *bytes.last_chunk().ok_or_else(short)?;
    let until = bytes.len() - end.len();
    let footer = read_footer_length(end).map_err(|error| error.to_string())?;
    let footer = bytes.get(until.checked_sub(footer).ok_or_else(short)?..until).ok_or_else(short)?;
    let footer = root_as_footer(footer).map_err(|_| "damaged at its end".to_owned())?;
    let schema = footer.schema().ok_or("no schema")?;
    if !schema.endianness().equals_to_target_endianness() {
        return Err("of a machine with the other order of bytes".to_owned());
    }
    let schema = try_fb_to_schema(schema).map_err(|error| error.to_string())?;
    let blocks = footer.recordBatches().ok_or("no record batch")?;
    if blocks.len() != 1 {
        return Err(format!("{} record batches, expected 1", blocks.len()));
    }
    let block = blocks.get(0);
    let [offset, head, body] = [block.offset(), i64::from(block.metaDataLength()), block.bodyLength()]
        .map(|number| usize::try_from(number).ok());
    let within = offset.zip(head).zip(body).and_then(|((offset, head), body)| {
        let length = head.checked_add(body)?;
        (offset.checked_add(length)? <= bytes.len()).then_some((offset, length))
    });
    let (offset, length) = within.ok_or_else(short)?;
    let decoder = FileDecoder::new(Arc::new(schema), footer.version());
    let batch = decoder.read_record_batch(block, &bytes.slice_with_length(offset, length));
    batch.map_err(|error| error.to_string())?.ok_or_else(|| "no record batch".to_owned())
}
