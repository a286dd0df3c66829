//! Priorities of sequences.

/// Priority of every one of `batch` sequences, `eta · max delta + (1 − eta) · mean delta` over its unmasked transitions,
/// 0 if there are none (Kapturowski et al. 2019). `deltas` are these transitions' sequences and absolute TD errors.
pub fn sequence_priorities(
    eta: f32,
    batch: usize,
    deltas: impl IntoIterator<Item = (usize, f32)>,
) -> Vec<f32> {
    // Largest one, sum and count.
    let mut all = vec![(0.0f32, 0.0f32, 0.0f32); batch];
    for (sequence, delta) in deltas {
        if let Some((largest, sum, count)) = all.get_mut(sequence) {
            // `max` would drop a delta that is no number.
            *largest = if delta > *largest || delta.is_nan() { delta } else { *largest };
            *sum += delta;
            *count += 1.0;
        }
    }
    all.into_iter().map(|(largest, sum, count)| eta * largest + (1.0 - eta) * sum / count.max(1.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_lies_between_mean_and_largest_error() {
        let found = sequence_priorities(0.75, 3, [(0, 1.0), (2, 2.0), (0, 3.0), (7, 9.0)]);
        assert_eq!(found, [0.75 * 3.0 + 0.25 * 2.0, 0.0, 2.0]);
        assert!(sequence_priorities(0.75, 1, [(0, f32::NAN), (0, 1.0)])[0].is_nan());
    }
}
