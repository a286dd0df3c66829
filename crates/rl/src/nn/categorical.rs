//! Categorical distributions over actions: logits to probabilities, probabilities to an action.

use rand::Rng as _;

use crate::mdp::Rng;

/// Turns `logits` into `ln p`, fills `policy` with `p = softmax(l)`, and returns `H = −Σ p ln p` in nats.
pub(crate) fn softmax(logits: &mut [f32], policy: &mut [f32]) -> f32 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for (logit, probability) in logits.iter_mut().zip(policy.iter_mut()) {
        *logit -= largest;
        *probability = logit.exp();
        sum += *probability;
    }
    let (log_sum, scale) = (sum.ln(), 1.0 / sum);
    let mut entropy = 0.0;
    for (logit, probability) in logits.iter_mut().zip(policy.iter_mut()) {
        *logit -= log_sum;
        *probability *= scale;
        entropy -= *probability * *logit;
    }
    entropy
}

/// Index of the largest probability, the first one on a tie.
pub(crate) fn most_probable(policy: &[f32]) -> usize {
    let mut best = 0;
    for (action, probability) in policy.iter().enumerate() {
        if *probability > policy[best] {
            best = action;
        }
    }
    best
}

/// Smallest action whose cumulative probability exceeds `uniform` from [0, 1).
pub(crate) fn sample(policy: &[f32], uniform: f32) -> usize {
    let mut cumulative = 0.0;
    let mut last_possible = 0;
    for (action, &probability) in policy.iter().enumerate() {
        cumulative += probability;
        if uniform < cumulative {
            return action;
        }
        if probability > 0.0 {
            last_possible = action;
        }
    }
    // Rounding may leave the sum just below one.
    last_possible
}

/// A standard Gumbel sample: `−ln(−ln u)` with `u` from the centers of 2²³ cells of (0, 1), which are exact
/// in f32.
pub(crate) fn gumbel(rng: &mut Rng) -> f32 {
    let u = ((rng.next_u32() >> 9) as f32 + 0.5) * (1.0 / 8_388_608.0);
    -(-u.ln()).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_and_ties_have_an_answer() {
        assert_eq!(sample(&[0.5, 0.4999, 0.0], 0.99999), 1);
        assert_eq!(most_probable(&[0.2, 0.4, 0.4]), 1);
    }

    #[test]
    fn a_softmax_sums_to_one_and_knows_its_entropy() {
        let (mut logits, mut policy) = ([1000.0, 1000.0, -1000.0], [0.0; 3]);
        let entropy = softmax(&mut logits, &mut policy);
        assert_eq!(policy, [0.5, 0.5, 0.0]);
        assert!((entropy - 2f32.ln()).abs() < 1e-6, "{entropy}");
    }
}
