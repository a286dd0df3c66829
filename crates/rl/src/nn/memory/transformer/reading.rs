//! Reads attention weights off the last acting pass, for overlays. They are computed anew from its queries and from the
//! keys in the state before it, so that acting itself keeps nothing.

use super::forward::TransformerActivations;
use super::{HEADER, Transformer};
use crate::mdp::Attention;

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Softmax in place.
fn softmax(scores: &mut [f32]) {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    scores.iter_mut().for_each(|score| *score = (*score - largest).exp());
    let sum: f32 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= sum);
}

impl Transformer {
    /// Moments that the state after them depends on: every block reaches `window − 1` moments further back. One more,
    /// because the first moment of a replay lacks the action before it.
    pub(in crate::nn::memory) fn reach(&self) -> usize {
        self.blocks.len() * (self.window - 1) + 2
    }

    /// What the last block attended to for the first sequence of the acting pass that left `a`: `before` is the
    /// sequence's state before it, which does not count if it was `starting`. The second result are the weights of all
    /// cells in the features, the mean over heads.
    pub(in crate::nn::memory) fn attention(
        &self,
        parameters: &[f32],
        before: &[f32],
        starting: bool,
        a: &TransformerActivations,
    ) -> (Attention, Vec<f32>) {
        let (index, room, cells) = (self.blocks.len() - 1, self.window - 1, self.tokens.cells());
        let [count, place] = if starting { [0, 0] } else { self.header(before) };
        let ring = &before[HEADER + index * room * self.kept()..][..room * self.kept()];
        let shares = match self.pool {
            None => vec![1.0],
            Some(_) => a.pooling.mean_weights(self.heads, cells),
        };
        let (width, qkv) = (self.width / self.heads, &a.blocks[index].time.qkv);
        let scale = 1.0 / (width as f32).sqrt();
        let mut attention = Attention { heads: self.heads, ..Attention::default() };
        for head in 0..self.heads {
            let bias = self.by_distance(&self.blocks[index].time, parameters, head);
            attention.bias.extend(bias);
            let slice = head * width..(head + 1) * width;
            let mut mean = vec![0.0; count + 1];
            for (u, share) in shares.iter().enumerate() {
                let row = &qkv[u * 3 * self.padded..][..3 * self.padded];
                let query = &row[slice.clone()];
                let kept = |s: usize| {
                    let at = (place + room - count + s) % room;
                    &ring[at * self.kept() + u * 2 * self.width..][slice.clone()]
                };
                let present = &row[self.padded..][slice.clone()];
                let keys = (0..count).map(kept).chain([present]);
                let scores = keys.zip(bias[..=count].iter().rev());
                let mut weights: Vec<f32> =
                    scores.map(|(key, bias)| scale * dot(query, key) + bias).collect();
                softmax(&mut weights);
                mean.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += share * weight);
            }
            attention.moments.extend(mean);
        }
        (attention, shares)
    }
}
