//! Named tensors as safetensors bytes and back. Checkpoints store the bytes and interpret the metadata.

use std::collections::BTreeMap;

use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::{HostTensor, NetworkError, TensorMap};

/// Writes `tensors` as F32 with `metadata`.
///
/// # Errors
/// [`NetworkError::Tensor`] names a tensor whose values do not fill its shape.
pub fn to_bytes(tensors: &TensorMap, metadata: &BTreeMap<String, String>) -> Result<Vec<u8>, NetworkError> {
    let bytes: Vec<(&String, &HostTensor, Vec<u8>)> = tensors
        .iter()
        .map(|(name, tensor)| {
            (name, tensor, tensor.data.iter().flat_map(|value| value.to_le_bytes()).collect())
        })
        .collect();
    let views = bytes.iter().map(|(name, tensor, bytes)| {
        let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes);
        view.map(|view| (*name, view)).map_err(|error| damaged(name, error))
    });
    let views = views.collect::<Result<Vec<_>, _>>()?;
    let bytes = safetensors::serialize(views, None).map_err(|error| damaged("(file)", error))?;
    with_metadata(bytes, metadata)
}

/// Puts `metadata` first in the header of a safetensors file, in sorted order: the library writes a random
/// order, but the same state must give the same bytes.
fn with_metadata(bytes: Vec<u8>, metadata: &BTreeMap<String, String>) -> Result<Vec<u8>, NetworkError> {
    let wrong = || damaged("(file)", "its header is no table");
    let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(wrong)?;
    let (header, tensors) = rest.split_at_checked(u64::from_le_bytes(*length) as usize).ok_or_else(wrong)?;
    let header = std::str::from_utf8(header).ok().and_then(|header| header.trim_end().strip_prefix('{'));
    let header = header.ok_or_else(wrong)?;
    let metadata = serde_json::to_string(metadata).map_err(|error| damaged("(file)", error))?;
    let comma = if header == "}" { "" } else { "," };
    let mut header = format!("{{\"__metadata__\":{metadata}{comma}{header}");
    // The tensors begin at a multiple of eight bytes, as in the library.
    header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len()));
    Ok([&(header.len() as u64).to_le_bytes(), header.as_bytes(), tensors].concat())
}

/// Reads the output of [`to_bytes`].
///
/// # Errors
/// [`NetworkError::Tensor`] for bytes that are not a safetensors file, and for a tensor that is not F32.
pub fn from_bytes(bytes: &[u8]) -> Result<(TensorMap, BTreeMap<String, String>), NetworkError> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| damaged("(file)", error))?;
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| damaged("(file)", error))?;
    let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
    let mut tensors = TensorMap::new();
    for (name, view) in file.iter() {
        if view.dtype() != Dtype::F32 {
            return Err(damaged(name, format!("is {:?}, not F32", view.dtype())));
        }
        let (values, _) = view.data().as_chunks::<4>();
        let data = values.iter().map(|value| f32::from_le_bytes(*value)).collect();
        tensors.insert(name.to_owned(), HostTensor { shape: view.shape().to_vec(), data });
    }
    Ok((tensors, metadata))
}

fn damaged(name: &str, problem: impl ToString) -> NetworkError {
    NetworkError::Tensor { name: name.to_owned(), problem: problem.to_string() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn example() -> (TensorMap, BTreeMap<String, String>) {
        let tensor = |shape: &[usize]| HostTensor {
            shape: shape.to_vec(),
            data: (0..shape.iter().product::<usize>()).map(|i| i as f32 * 0.1 - 1.0).collect(),
        };
        let tensors = [("a.weight", &[2, 3][..]), ("b", &[1]), ("empty", &[0])];
        let tensors = tensors.into_iter().map(|(name, shape)| (name.to_owned(), tensor(shape))).collect();
        (tensors, BTreeMap::from([("format".to_owned(), "1".to_owned())]))
    }

    #[test]
    fn round_trip_keeps_values_and_metadata() {
        let (tensors, metadata) = example();
        let bytes = to_bytes(&tensors, &metadata).unwrap();
        assert_eq!(from_bytes(&bytes).unwrap(), (tensors, metadata));
    }

    #[test]
    fn the_same_state_is_the_same_bytes() {
        let (tensors, _) = example();
        let metadata: BTreeMap<String, String> =
            (0..20).map(|number| (format!("key {number}"), format!("\"{number}\"\n"))).collect();
        let bytes = to_bytes(&tensors, &metadata).unwrap();
        // The library writes every map in a random order.
        assert!((0..20).all(|_| to_bytes(&tensors, &metadata).unwrap() == bytes));
        assert_eq!(from_bytes(&bytes).unwrap(), (tensors, metadata));
        let none = (TensorMap::new(), BTreeMap::new());
        assert_eq!(from_bytes(&to_bytes(&none.0, &none.1).unwrap()).unwrap(), none);
    }

    #[test]
    fn wrong_shapes_are_refused() {
        let (mut tensors, metadata) = example();
        tensors.get_mut("b").unwrap().shape = vec![2];
        assert!(to_bytes(&tensors, &metadata).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = from_bytes(&bytes);
        }

        #[test]
        fn damaged_files_never_panic(place in 0usize..400, value in any::<u8>(), cut in 0usize..400) {
            let (tensors, metadata) = example();
            let mut bytes = to_bytes(&tensors, &metadata).unwrap();
            if let Some(byte) = bytes.get_mut(place) {
                *byte = value;
            }
            bytes.truncate(bytes.len().saturating_sub(cut / 4));
            let _ = from_bytes(&bytes);
        }
    }
}
