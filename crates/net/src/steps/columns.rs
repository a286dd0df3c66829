//! Named columns of numbers in a safetensors file.

use std::collections::HashMap;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::WHAT;
use crate::protocol::{LARGEST_HEADER, LARGEST_MESSAGE};
use crate::{NetError, malformed};

const REFUSED: &str = "refused";

/// Columns to write; empty ones are left out.
#[derive(Default)]
pub(super) struct Writer {
    columns: Vec<(&'static str, Dtype, usize, Vec<u8>)>,
}

/// Reading and writing of a column of one type.
macro_rules! column {
    ($name:ident, $type:ty, $dtype:ident) => {
        impl Writer {
            pub(super) fn $name(&mut self, name: &'static str, values: &[$type]) {
                if !values.is_empty() {
                    let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                    self.columns.push((name, Dtype::$dtype, values.len(), bytes));
                }
            }
        }

        impl Reader<'_> {
            /// The column called `name`; one that is not there is empty.
            pub(super) fn $name(&mut self, name: &str) -> Result<Vec<$type>, NetError> {
                let bytes = self.bytes(name, Dtype::$dtype)?;
                let (values, _) = bytes.as_chunks::<{ size_of::<$type>() }>();
                Ok(values.iter().map(|value| <$type>::from_le_bytes(*value)).collect())
            }
        }
    };
}

column!(u8, u8, U8);
column!(u16, u16, U16);
column!(u32, u32, U32);
column!(u64, u64, U64);
column!(f32, f32, F32);

impl Writer {
    /// The bytes of the file; `refused` goes into its metadata.
    pub(super) fn finish(&self, refused: u64) -> Result<Vec<u8>, NetError> {
        let wrong = |error: safetensors::SafeTensorError| malformed(WHAT, error.to_string());
        let mut views = Vec::with_capacity(self.columns.len());
        for (name, dtype, length, bytes) in &self.columns {
            views.push((*name, TensorView::new(*dtype, vec![*length], bytes).map_err(wrong)?));
        }
        let said = HashMap::from([(REFUSED.to_owned(), refused.to_string())]);
        safetensors::serialize(views, Some(said)).map_err(wrong)
    }
}

/// Columns of a file.
pub(super) struct Reader<'a> {
    file: SafeTensors<'a>,
    pub(super) refused: u64,
}

impl<'a> Reader<'a> {
    /// Opens a file after a look at its size and at that of its header.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, NetError> {
        let header = bytes.first_chunk::<8>().map_or(u64::MAX, |length| u64::from_le_bytes(*length));
        if bytes.len() > LARGEST_MESSAGE || header > LARGEST_HEADER as u64 {
            return Err(malformed(WHAT, format!("{} bytes with a header of {header}", bytes.len())));
        }
        let wrong = |error: safetensors::SafeTensorError| malformed(WHAT, error.to_string());
        let (_, head) = SafeTensors::read_metadata(bytes).map_err(wrong)?;
        let said = head.metadata().as_ref().and_then(|said| said.get(REFUSED));
        let refused = said.and_then(|number| number.parse().ok()).unwrap_or(0);
        Ok(Self { file: SafeTensors::deserialize(bytes).map_err(wrong)?, refused })
    }

    fn bytes(&self, name: &str, dtype: Dtype) -> Result<&'a [u8], NetError> {
        let Ok(view) = self.file.tensor(name) else { return Ok(&[]) };
        if view.dtype() != dtype || view.shape().len() != 1 {
            return Err(malformed(WHAT, format!("{name} is {:?} of {:?}", view.dtype(), view.shape())));
        }
        Ok(view.data())
    }
}
