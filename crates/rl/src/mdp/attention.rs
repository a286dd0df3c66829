//! Attention of a policy with memory at one moment, for overlays.

/// What the last block of a transformer attends to at one moment. All weights are from 0 to 1.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Attention {
    /// Number of heads `H`.
    pub heads: usize,
    /// `[H, M]`: weight of every moment within reach, the oldest first, the present one last; sums to 1 for every
    /// head. With `cells` the mean over these, each counted by its weight.
    pub moments: Vec<f32>,
    /// `[H, window]`: the learned bias of a moment's score by its distance, from the present moment (0) back.
    pub bias: Vec<f32>,
    /// Only for a memory with one token per cell.
    pub cells: Option<CellAttention>,
}

/// How much the cells of the encoded grid count in what the memory makes of a moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CellAttention {
    /// Rows and columns of the encoded grid.
    pub shape: [usize; 2],
    /// `[rows, columns]`: pooling weights, the mean over heads; sums to 1.
    pub weights: Vec<f32>,
    /// Where the middle of the first cell lies, in cells of the observed grid from the middle of its first one, along
    /// both axes.
    pub offset: f32,
    /// Distance of the middles of two neighbors, in cells of the observed grid.
    pub step: f32,
}

impl Attention {
    /// Number of moments `M` within reach.
    pub fn reach(&self) -> usize {
        self.moments.len() / self.heads.max(1)
    }

    /// `[M]`: weights of the moments, the mean over heads.
    pub fn mean(&self) -> Vec<f32> {
        let reach = self.reach();
        let mean = |moment| self.moments.iter().skip(moment).step_by(reach).sum::<f32>() / self.heads as f32;
        (0..reach).map(mean).collect()
    }

    /// `[window]`: biases of one head by distance.
    pub fn head_bias(&self, head: usize) -> &[f32] {
        let window = self.bias.len() / self.heads.max(1);
        self.bias.get(head * window..(head + 1) * window).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_averaged() {
        let attention = Attention {
            heads: 2,
            moments: vec![0.2, 0.3, 0.5, 0.0, 0.5, 0.5],
            bias: vec![0.0, -1.0, 0.0, -2.0],
            cells: None,
        };
        assert_eq!((attention.reach(), attention.mean()), (3, vec![0.1, 0.4, 0.5]));
        assert_eq!(attention.head_bias(1), [0.0, -2.0]);
        assert!(Attention::default().mean().is_empty() && Attention::default().head_bias(0).is_empty());
    }
}
