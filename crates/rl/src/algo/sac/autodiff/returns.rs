//! Returns within sequences.

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
}
