//! What a memory reads: the moments of a batch of sequences, time-major, so that everything one moment needs
//! is contiguous.

/// `M` moments of `B` sequences.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moments<'a> {
    /// Number of sequences `B`.
    pub(crate) batch: usize,
    /// Number of moments `M`.
    pub(crate) count: usize,
    /// `[M, B, inputs]`: observation vector, previous action, previous reward.
    pub(crate) inputs: &'a [f32],
    /// `[M, B, C · H · W]`: grids over 255 of a spatial memory; empty without one.
    pub(crate) grids: &'a [f32],
    /// `[M, B]`: 1 at the first moment of an episode, where what came before is forgotten.
    pub(crate) starts: &'a [f32],
}

impl Moments<'_> {
    /// `M · B`.
    pub(super) fn rows(&self) -> usize {
        self.count * self.batch
    }

    /// `[B]`: starts of moment `t`; empty behind the last moment.
    pub(super) fn starts_at(&self, t: usize) -> &[f32] {
        self.starts.get(t * self.batch..(t + 1) * self.batch).unwrap_or_default()
    }

    /// `1 − start` of sequence `b` at moment `t`; 1 behind the last moment.
    pub(super) fn keep(&self, t: usize, b: usize) -> f32 {
        self.starts.get(t * self.batch + b).map_or(1.0, |start| 1.0 - start)
    }
}
