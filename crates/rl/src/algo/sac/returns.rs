//! Returns within sequences, and priorities of sequences.

use crate::mdp::SequenceBatch;

/// The return of one transition of a sequence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Return {
    /// Transitions `m` it sums up: the moment bootstrapped from is `m` after its own.
    pub steps: usize,
    /// `Σ_{k<m} gamma^k r_{t+k}`, without the reward scale.
    pub sum: f32,
    /// `gamma^m`, or 0 if the last of them led to a terminal state.
    pub discount: f32,
}

/// The return of transition `t` of sequence `b`, which must be unmasked, over `batch.n_step` transitions at most. It
/// ends with its episode, before a masked transition, and with the sequence.
pub(super) fn n_step_return(batch: &SequenceBatch, b: usize, t: usize, gamma: f32) -> Return {
    let row = b * batch.length;
    let (mut sum, mut factor, mut last) = (0.0, 1.0f64, t);
    loop {
        sum += factor * f64::from(batch.rewards[row + last]);
        factor *= f64::from(gamma);
        let ended = batch.terminated[row + last] != 0.0 || batch.truncated[row + last] != 0.0;
        let next = last + 1;
        let full = next - t >= batch.n_step.max(1);
        if ended || full || next == batch.length || batch.mask[row + next] == 0.0 {
            let alive = if batch.terminated[row + last] != 0.0 { 0.0 } else { 1.0 };
            return Return { steps: next - t, sum: sum as f32, discount: (factor * alive) as f32 };
        }
        last = next;
    }
}

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

    fn batch(n_step: usize) -> SequenceBatch {
        SequenceBatch {
            batch: 1,
            length: 6,
            n_step,
            rewards: vec![1.0, 2.0, 4.0, 8.0, 16.0, 32.0],
            terminated: vec![0.0, 0.0, 1.0, 0.0, 0.0, 0.0],
            truncated: vec![0.0, 0.0, 1.0, 0.0, 0.0, 0.0],
            mask: vec![1.0, 1.0, 1.0, 1.0, 0.0, 1.0],
            ..SequenceBatch::default()
        }
    }

    #[test]
    fn a_return_ends_with_episode_mask_and_sequence() {
        let found = |n, t| n_step_return(&batch(n), 0, t, 0.5);
        let expected = |steps, sum, discount| Return { steps, sum, discount };
        assert_eq!(found(1, 0), expected(1, 1.0, 0.5));
        assert_eq!(found(0, 0), expected(1, 1.0, 0.5));
        assert_eq!(found(2, 0), expected(2, 2.0, 0.25));
        assert_eq!(found(9, 0), expected(3, 3.0, 0.0));
        assert_eq!(found(9, 3), expected(1, 8.0, 0.5));
        assert_eq!(found(9, 5), expected(1, 32.0, 0.5));
        let truncated = SequenceBatch { terminated: vec![0.0; 6], ..batch(9) };
        assert_eq!(n_step_return(&truncated, 0, 1, 0.5), expected(2, 4.0, 0.25));
    }

    #[test]
    fn a_priority_lies_between_mean_and_largest_error() {
        let found = sequence_priorities(0.75, 3, [(0, 1.0), (2, 2.0), (0, 3.0), (7, 9.0)]);
        assert_eq!(found, [0.75 * 3.0 + 0.25 * 2.0, 0.0, 2.0]);
        assert!(sequence_priorities(0.75, 1, [(0, f32::NAN), (0, 1.0)])[0].is_nan());
    }
}
