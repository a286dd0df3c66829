//! Soft fixed points of MDPs small enough to write down, in double precision (the specification's
//! section 15): what learned values can be held against.
//!
//! Nothing is learned or approximated here; the gradient step is `fused`'s and `autodiff`'s matter.

use super::SacError;

/// An MDP as tables, with `S` states of which none is terminal and `A` actions.
#[derive(Debug, Clone, PartialEq)]
pub struct TabularMdp {
    states: usize,
    actions: usize,
    transition: Vec<f64>,
    reward: Vec<f64>,
    gamma: f64,
    temperature: f64,
}

/// Soft values of a policy.
#[derive(Debug, Clone, PartialEq)]
pub struct SoftValues {
    /// `[S, A]`: `Q = r + gamma P V`.
    pub q: Vec<f64>,
    /// `[S]`: soft value of each state.
    pub v: Vec<f64>,
}

/// The soft-optimal policy and its values.
#[derive(Debug, Clone, PartialEq)]
pub struct SoftOptimum {
    /// Values of the policy.
    pub values: SoftValues,
    /// `[S, A]`: `exp((Q − V) / temperature)`.
    pub policy: Vec<f64>,
    /// `[S]`: entropy of the policy in nats.
    pub entropy: Vec<f64>,
}

impl TabularMdp {
    /// The MDP with `P[s, a, s']` in `transition`, `[S, A, S]` with rows that sum to 1, and `r[s, a]`
    /// in `reward`, `[S, A]`; 0 ≤ `gamma` < 1 and `temperature` > 0.
    ///
    /// # Errors
    /// [`SacError::Config`] names the first argument of another shape or out of range.
    pub fn new(
        [states, actions]: [usize; 2],
        transition: Vec<f64>,
        reward: Vec<f64>,
        gamma: f64,
        temperature: f64,
    ) -> Result<Self, SacError> {
        let table = states * actions;
        let stochastic = |rows: &[f64], width: usize| {
            rows.chunks_exact(width)
                .all(|row| row.iter().all(|&p| p >= 0.0) && (row.iter().sum::<f64>() - 1.0).abs() < 1e-5)
        };
        for (ok, key, value, allowed) in [
            (table > 0, "[states, actions]", format!("{states}, {actions}"), "1 or more of each"),
            (
                table > 0 && transition.len() == table * states && stochastic(&transition, states),
                "transition",
                format!("{} numbers", transition.len()),
                "[S, A, S] with rows that sum to 1",
            ),
            (
                reward.len() == table && reward.iter().all(|reward| reward.is_finite()),
                "reward",
                format!("{} numbers", reward.len()),
                "[S, A], finite",
            ),
            ((0.0..1.0).contains(&gamma), "gamma", gamma.to_string(), "0 ≤ gamma < 1"),
            (temperature > 0.0 && temperature.is_finite(), "temperature", temperature.to_string(), "above 0"),
        ] {
            if !ok {
                return Err(SacError::Config { key, value, allowed });
            }
        }
        Ok(Self { states, actions, transition, reward, gamma, temperature })
    }

    /// The uniform policy, `[S, A]`.
    pub fn uniform_policy(&self) -> Vec<f64> {
        vec![1.0 / self.actions as f64; self.states * self.actions]
    }

    /// Soft values of `policy`, `[S, A]` with rows that sum to 1:
    /// `V = Σ_a pi(a) (Q − temperature · ln pi(a))` (Haarnoja et al. 2018, lemma 1).
    pub fn soft_policy_evaluation(&self, policy: &[f64]) -> SoftValues {
        debug_assert_eq!(policy.len(), self.states * self.actions);
        self.fixed_point(|state, q| {
            let row = &policy[state * self.actions..(state + 1) * self.actions];
            let terms = row.iter().zip(q).filter(|(p, _)| **p > 0.0);
            terms.map(|(p, q)| p * (q - self.temperature * p.ln())).sum()
        })
    }

    /// Soft-optimal values by iterating `V = temperature · ln Σ_a exp(Q / temperature)`
    /// (Haarnoja et al. 2017, theorem 3).
    pub fn soft_value_iteration(&self) -> SoftOptimum {
        let values = self.fixed_point(|_, q| self.soft_maximum(q));
        let policy = self.softmax_policy(&values.q);
        let entropy = policy.chunks_exact(self.actions).map(entropy).collect();
        SoftOptimum { values, policy, entropy }
    }

    /// The same optimum by evaluating a policy and improving it to the softmax of its values, from
    /// the uniform policy on, until it stays (Haarnoja et al. 2018, theorem 1).
    pub fn soft_policy_iteration(&self) -> SoftOptimum {
        let mut policy = self.uniform_policy();
        let mut values = self.soft_policy_evaluation(&policy);
        loop {
            policy = self.softmax_policy(&values.q);
            let improved = self.soft_policy_evaluation(&policy);
            // Values only rise; once they rise by rounding alone, this is the optimum.
            let risen = largest_difference(&improved.v, &values.v);
            let size = improved.v.iter().fold(1.0, |size: f64, v| size.max(v.abs()));
            values = improved;
            if risen <= 1e-13 * size {
                let entropy = policy.chunks_exact(self.actions).map(entropy).collect();
                return SoftOptimum { values, policy, entropy };
            }
        }
    }

    /// `softmax(Q / temperature)` of every state.
    fn softmax_policy(&self, q: &[f64]) -> Vec<f64> {
        let rows = q.chunks_exact(self.actions);
        rows.flat_map(|row| {
            let v = self.soft_maximum(row);
            row.iter().map(move |q| ((q - v) / self.temperature).exp())
        })
        .collect()
    }

    /// `temperature · ln Σ_a exp(q(a) / temperature)`, safe from overflow.
    fn soft_maximum(&self, q: &[f64]) -> f64 {
        let largest = q.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = q.iter().map(|q| ((q - largest) / self.temperature).exp()).sum();
        largest + self.temperature * sum.ln()
    }

    /// Iterates `V(s) = value(s, Q(s, ·))`, `Q = r + gamma P V` from `V = 0` to its fixed point.
    fn fixed_point(&self, value: impl Fn(usize, &[f64]) -> f64) -> SoftValues {
        let mut values = SoftValues { q: self.reward.clone(), v: vec![0.0; self.states] };
        // Each sweep shrinks the error by gamma: after this many only rounding is left of it.
        let sweeps = (40.0 / (1.0 - self.gamma)).ceil() as u64;
        for _ in 0..sweeps {
            for (state, q) in values.q.chunks_exact(self.actions).enumerate() {
                values.v[state] = value(state, q);
            }
            let mut change = 0.0f64;
            let rows = self.transition.chunks_exact(self.states);
            for ((q, reward), row) in values.q.iter_mut().zip(&self.reward).zip(rows) {
                let next: f64 = row.iter().zip(&values.v).map(|(p, v)| p * v).sum();
                let new = reward + self.gamma * next;
                change = change.max((new - *q).abs());
                *q = new;
            }
            if change == 0.0 {
                break;
            }
        }
        for (state, q) in values.q.chunks_exact(self.actions).enumerate() {
            values.v[state] = value(state, q);
        }
        values
    }
}

/// Entropy of one state's probabilities in nats.
fn entropy(probabilities: &[f64]) -> f64 {
    -probabilities.iter().filter(|p| **p > 0.0).map(|p| p * p.ln()).sum::<f64>()
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::*;
    use crate::mdp::{Stream, rng};

    fn random_mdp(states: usize, actions: usize, gamma: f64, temperature: f64) -> TabularMdp {
        let mut random = rng(5, Stream::Weights, states as u64);
        let mut transition: Vec<f64> = (0..states * actions * states).map(|_| random.random()).collect();
        for row in transition.chunks_exact_mut(states) {
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|p| *p /= sum);
        }
        let reward = (0..states * actions).map(|_| 2.0 * random.random::<f64>() - 1.0).collect();
        TabularMdp::new([states, actions], transition, reward, gamma, temperature).unwrap()
    }

    #[test]
    fn both_iterations_reach_the_same_optimum() {
        for (states, actions, gamma, temperature) in
            [(1, 1, 0.5, 1.0), (1, 3, 0.0, 0.1), (5, 3, 0.9, 0.5), (20, 4, 0.99, 0.05), (6, 2, 0.95, 10.0)]
        {
            let mdp = random_mdp(states, actions, gamma, temperature);
            let (a, b) = (mdp.soft_value_iteration(), mdp.soft_policy_iteration());
            assert!(largest_difference(&a.values.q, &b.values.q) < 1e-10);
            assert!(largest_difference(&a.policy, &b.policy) < 1e-9);
            // The optimum is no worse than what it was improved from.
            let uniform = mdp.soft_policy_evaluation(&mdp.uniform_policy());
            assert!(a.values.v.iter().zip(&uniform.v).all(|(best, other)| *best >= other - 1e-12));
        }
    }

    #[test]
    fn tables_that_are_no_mdp_are_refused() {
        for (transition, reward, gamma, temperature, key) in [
            (vec![1.0, 0.9], vec![0.0; 2], 0.9, 1.0, "transition"),
            (vec![1.0; 2], vec![0.0; 3], 0.9, 1.0, "reward"),
            (vec![1.0; 2], vec![0.0; 2], 1.0, 1.0, "gamma"),
            (vec![1.0; 2], vec![0.0; 2], 0.9, 0.0, "temperature"),
        ] {
            let error = TabularMdp::new([1, 2], transition, reward, gamma, temperature).unwrap_err();
            assert!(error.to_string().starts_with(key), "{error}");
        }
    }
}
