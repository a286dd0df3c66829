//! Soft fixed points of worlds small enough to enumerate, in double precision (the specification's
//! section 15): what learned values can be held against.
//!
//! Nothing is learned or approximated here; the gradient step is `fused`'s and `autodiff`'s matter.
//! Both operators iterated here shrink differences of values by `gamma` in the largest norm, so that
//! from the last change follows how far away the fixed point is (Haarnoja et al. 2017, theorem 3;
//! 2018, lemma 1; Puterman 1994, theorem 6.3.1).

use crate::algo::TrainError;
use crate::mdp::{TabularModel, TabularOutcome};

/// Iterations end when no value changed by more than this share of the largest one (or of 1): far
/// above rounding, which they could chase for ever.
const SMALLEST_CHANGE: f64 = 1e-13;

/// A model whose future is discounted and whose policies are paid for their entropy.
#[derive(Debug, Clone, PartialEq)]
pub struct TabularMdp {
    model: TabularModel,
    gamma: f64,
    temperature: f64,
    /// What differences of values shrink by: `gamma`, and what the probabilities exceed 1 by.
    contraction: f64,
}

/// Soft values of a policy.
#[derive(Debug, Clone, PartialEq)]
pub struct SoftValues {
    /// `[S, A]`: `Q = r + gamma P V`.
    pub q: Vec<f64>,
    /// `[S]`: soft value of each state.
    pub v: Vec<f64>,
    /// How far any entry of `q` or `v` may be from the fixed point, rounding aside.
    pub error: f64,
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
    /// `model` with 0 ≤ `gamma` < 1 and `temperature` > 0.
    ///
    /// # Errors
    /// [`TrainError::Config`] names the one that is out of range.
    pub fn new(model: TabularModel, gamma: f64, temperature: f64) -> Result<Self, TrainError> {
        let going_on = |row: &[TabularOutcome]| -> f64 {
            row.iter().filter(|outcome| outcome.next.is_some()).map(|outcome| outcome.probability).sum()
        };
        let contraction = gamma * model.rows().map(going_on).fold(1.0, f64::max);
        for (ok, key, value, allowed) in [
            (gamma >= 0.0 && contraction < 1.0, "gamma", gamma, "0 ≤ gamma < 1"),
            (temperature > 0.0 && temperature.is_finite(), "temperature", temperature, "above 0"),
        ] {
            if !ok {
                return Err(TrainError::Config { key, value: value.to_string(), allowed });
            }
        }
        Ok(Self { model, gamma, temperature, contraction })
    }

    /// What is solved.
    pub fn model(&self) -> &TabularModel {
        &self.model
    }

    /// The uniform policy, `[S, A]`.
    pub fn uniform_policy(&self) -> Vec<f64> {
        vec![1.0 / self.model.actions() as f64; self.model.rewards().len()]
    }

    /// Soft values of `policy`, `[S, A]` with rows that sum to 1 within 1e-5:
    /// `V = Σ_a pi(a) (Q − temperature · ln pi(a))` (Haarnoja et al. 2018, lemma 1).
    ///
    /// # Errors
    /// [`TrainError::Config`] for a policy of another length or whose rows are no probabilities.
    pub fn soft_policy_evaluation(&self, policy: &[f64]) -> Result<SoftValues, TrainError> {
        let is_policy = policy.len() == self.model.rewards().len()
            && policy
                .chunks_exact(self.model.actions())
                .all(|row| row.iter().all(|&p| p >= 0.0) && (row.iter().sum::<f64>() - 1.0).abs() <= 1e-5);
        if is_policy {
            return Ok(self.evaluate(policy, vec![0.0; self.model.states()]));
        }
        let allowed = "[S, A] with rows that sum to 1";
        Err(TrainError::Config { key: "policy", value: format!("{} numbers", policy.len()), allowed })
    }

    /// Soft-optimal values by iterating `V = temperature · ln Σ_a exp(Q / temperature)`
    /// (Haarnoja et al. 2017, theorem 3).
    pub fn soft_value_iteration(&self) -> SoftOptimum {
        let from = vec![0.0; self.model.states()];
        self.optimum(self.fixed_point(from, |_, q| self.soft_maximum(q)))
    }

    /// The same optimum by evaluating a policy and improving it to the softmax of its values, from
    /// the uniform policy on, until no soft maximum exceeds the policy's value
    /// (Haarnoja et al. 2018, lemma 2 and theorem 1).
    pub fn soft_policy_iteration(&self) -> SoftOptimum {
        let mut values = self.evaluate(&self.uniform_policy(), vec![0.0; self.model.states()]);
        loop {
            let maxima: Vec<f64> = self.rows(&values.q).map(|q| self.soft_maximum(q)).collect();
            let gain = largest_difference(&maxima, &values.v);
            // The maxima are one step of value iteration away from the policy's values.
            if !self.moves(gain, &values.v) {
                let error = gain / (1.0 - self.contraction) + values.error;
                return self.optimum(SoftValues { error, ..values });
            }
            values = self.evaluate(&self.softmax_policy(&values.q), values.v);
        }
    }

    /// Iterates the values of `policy` from `from`.
    fn evaluate(&self, policy: &[f64], from: Vec<f64>) -> SoftValues {
        let bonuses: Vec<f64> = self.rows(policy).map(|row| self.temperature * entropy(row)).collect();
        self.fixed_point(from, |state, q| {
            let row = &policy[state * q.len()..(state + 1) * q.len()];
            bonuses[state] + row.iter().zip(q).map(|(p, q)| p * q).sum::<f64>()
        })
    }

    fn optimum(&self, values: SoftValues) -> SoftOptimum {
        let policy = self.softmax_policy(&values.q);
        let entropy = self.rows(&policy).map(entropy).collect();
        SoftOptimum { values, policy, entropy }
    }

    /// `softmax(Q / temperature)` of every state.
    fn softmax_policy(&self, q: &[f64]) -> Vec<f64> {
        let probabilities = |row| {
            let v = self.soft_maximum(row);
            row.iter().map(move |q| ((q - v) / self.temperature).exp())
        };
        self.rows(q).flat_map(probabilities).collect()
    }

    /// `temperature · ln Σ_a exp(q(a) / temperature)`, safe from overflow.
    fn soft_maximum(&self, q: &[f64]) -> f64 {
        let largest = q.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = q.iter().map(|q| ((q - largest) / self.temperature).exp()).sum();
        largest + self.temperature * sum.ln()
    }

    /// Iterates `Q = r + gamma P V`, `V(s) = value(s, Q(s, ·))` from `v` to its fixed point.
    fn fixed_point(&self, mut v: Vec<f64>, value: impl Fn(usize, &[f64]) -> f64) -> SoftValues {
        let mut q = vec![0.0; self.model.rewards().len()];
        let mut next = v.clone();
        loop {
            self.backup(&v, &mut q);
            for ((state, row), next) in self.rows(&q).enumerate().zip(&mut next) {
                *next = value(state, row);
            }
            let change = largest_difference(&next, &v);
            std::mem::swap(&mut v, &mut next);
            if !self.moves(change, &v) {
                let error = self.contraction / (1.0 - self.contraction) * change;
                return SoftValues { q, v, error };
            }
        }
    }

    /// `Q = r + gamma P V`; nothing follows a termination.
    fn backup(&self, v: &[f64], q: &mut [f64]) {
        for ((q, reward), row) in q.iter_mut().zip(self.model.rewards()).zip(self.model.rows()) {
            let value =
                |outcome: &TabularOutcome| outcome.next.map_or(0.0, |next| outcome.probability * v[next]);
            *q = reward + self.gamma * row.iter().map(value).sum::<f64>();
        }
    }

    /// Whether values `v` that changed by at most `change` are still on their way.
    fn moves(&self, change: f64, v: &[f64]) -> bool {
        change > SMALLEST_CHANGE * v.iter().fold(1.0, |size: f64, v| size.max(v.abs()))
    }

    /// The rows of a table `[S, A]`.
    fn rows<'a>(&self, table: &'a [f64]) -> std::slice::ChunksExact<'a, f64> {
        table.chunks_exact(self.model.actions())
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
    use proptest::prelude::*;

    use super::*;
    use crate::mdp::{Rng, Stream, rng};

    /// A model in which every action leads to one to three random states or to a termination.
    fn random_model(states: usize, actions: usize, random: &mut Rng) -> TabularModel {
        TabularModel::new(states, actions, |_, _| {
            let weights: Vec<f64> =
                (0..random.random_range(1..=3)).map(|_| 0.1 + random.random::<f64>()).collect();
            let sum: f64 = weights.iter().sum();
            let outcome = |weight: f64| TabularOutcome {
                probability: weight / sum,
                next: Some(random.random_range(0..=states)).filter(|next| *next < states),
            };
            let outcomes = weights.into_iter().map(outcome).collect();
            (2.0 * random.random::<f64>() - 1.0, outcomes)
        })
        .unwrap()
    }

    fn random_mdp(seed: u64, gamma: f64, temperature: f64) -> TabularMdp {
        let mut random = rng(seed, Stream::Environment, 0);
        let (states, actions) = (random.random_range(1..=30), random.random_range(1..=5));
        TabularMdp::new(random_model(states, actions, &mut random), gamma, temperature).unwrap()
    }

    /// Rounding, which the stated errors leave out, relative to the largest values there can be.
    fn rounding(mdp: &TabularMdp) -> f64 {
        let bonus = mdp.temperature * (mdp.model.actions() as f64).ln();
        1e-14 * (1.0 + bonus) / (1.0 - mdp.contraction).powi(2)
    }

    proptest! {
        /// Theorem 1 of Haarnoja et al. 2018: both reach one optimum, within what they state.
        #[test]
        fn both_iterations_reach_the_same_optimum(
            seed in 0u64.., gamma in 0.0..0.995f64, temperature in 0.003..10.0f64
        ) {
            let mdp = random_mdp(seed, gamma, temperature);
            let (a, b) = (mdp.soft_value_iteration(), mdp.soft_policy_iteration());
            let error = a.values.error + b.values.error + rounding(&mdp);
            prop_assert!(error < 1e-7);
            prop_assert!(largest_difference(&a.values.q, &b.values.q) <= error);
            prop_assert!(largest_difference(&a.values.v, &b.values.v) <= error);
            // The policy's values are the optimum, and nobody's are higher.
            let own = mdp.soft_policy_evaluation(&a.policy).unwrap();
            prop_assert!(largest_difference(&own.q, &a.values.q) <= error + own.error);
            let uniform = mdp.soft_policy_evaluation(&mdp.uniform_policy()).unwrap();
            prop_assert!(a.values.v.iter().zip(&uniform.v).all(|(best, other)| *best >= other - error));
            prop_assert!(mdp.rows(&a.policy).all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-9));
        }

        /// The values of a policy satisfy its Bellman equation, checked without iterating.
        #[test]
        fn evaluation_solves_the_soft_bellman_equation(seed in 0u64.., gamma in 0.0..0.995f64) {
            let mdp = random_mdp(seed, gamma, 0.3);
            let policy = random_policy(&mdp, seed);
            let SoftValues { q, v, error } = mdp.soft_policy_evaluation(&policy).unwrap();
            for state in 0..mdp.model.states() {
                let mut value = 0.0;
                for action in 0..mdp.model.actions() {
                    let place = state * mdp.model.actions() + action;
                    let next = mdp.model.outcomes(state, action).iter();
                    let next: f64 = next.map(|o| o.probability * o.next.map_or(0.0, |next| v[next])).sum();
                    let expected = mdp.model.rewards()[place] + gamma * next;
                    prop_assert!((q[place] - expected).abs() <= 2.0 * error + rounding(&mdp));
                    value += policy[place] * (q[place] - mdp.temperature * policy[place].ln());
                }
                prop_assert!((v[state] - value).abs() <= rounding(&mdp));
            }
        }

        /// Both operators bring any two value tables nearer to each other by `gamma`.
        #[test]
        fn operators_contract(seed in 0u64.., gamma in 0.0..1.0f64, temperature in 0.003..10.0f64) {
            let mdp = random_mdp(seed, gamma, temperature);
            let policy = random_policy(&mdp, seed);
            let mut random = rng(seed, Stream::Weights, 1);
            let mut values = || (0..mdp.model.states()).map(|_| 20.0 * random.random::<f64>() - 10.0).collect();
            let (a, b): (Vec<f64>, Vec<f64>) = (values(), values());
            let step = |v: &[f64]| {
                let mut q = vec![0.0; mdp.model.rewards().len()];
                mdp.backup(v, &mut q);
                let soft: Vec<f64> = mdp.rows(&q).map(|q| mdp.soft_maximum(q)).collect();
                let own = mdp.rows(&q).zip(mdp.rows(&policy));
                let own: Vec<f64> = own
                    .map(|(q, policy)| policy.iter().zip(q).map(|(p, q)| p * q).sum::<f64>() + temperature * entropy(policy))
                    .collect();
                (soft, own)
            };
            let ((soft_a, own_a), (soft_b, own_b)) = (step(&a), step(&b));
            let most = gamma * largest_difference(&a, &b) + 1e-12;
            prop_assert!(largest_difference(&soft_a, &soft_b) <= most);
            prop_assert!(largest_difference(&own_a, &own_b) <= most);
        }
    }

    fn random_policy(mdp: &TabularMdp, seed: u64) -> Vec<f64> {
        let mut random = rng(seed, Stream::Weights, 0);
        let mut policy: Vec<f64> =
            mdp.uniform_policy().iter().map(|_| 0.01 + random.random::<f64>()).collect();
        for row in policy.chunks_exact_mut(mdp.model.actions()) {
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|p| *p /= sum);
        }
        policy
    }

    /// Two actions, one that goes on and one that ends: a closed form with and without the end.
    #[test]
    fn only_a_termination_stops_bootstrapping() {
        let (gamma, temperature) = (0.9f64, 0.5f64);
        let solve = |end: Option<usize>| {
            let model = TabularModel::new(1, 2, |_, action| match action {
                0 => (0.1, TabularOutcome::certain(Some(0))),
                _ => (0.4, TabularOutcome::certain(end)),
            });
            TabularMdp::new(model.unwrap(), gamma, temperature).unwrap().soft_value_iteration().values
        };
        // V = α ln(e^(0.1/α) + e^(0.4/α)) + gamma V
        let both = temperature * ((0.1 / temperature).exp() + (0.4 / temperature).exp()).ln();
        let on = solve(Some(0));
        assert!((on.v[0] - both / (1.0 - gamma)).abs() < 1e-11, "{on:?}");
        let ends = solve(None);
        assert_eq!(ends.q[1], 0.4);
        let v = ends.v[0];
        let expected =
            temperature * (((0.1 + gamma * v) / temperature).exp() + (0.4 / temperature).exp()).ln();
        assert!((v - expected).abs() < 1e-12 && v < on.v[0], "{ends:?}");
    }

    /// A corridor of thousands of states with one way out is solved, and without waiting for it.
    #[test]
    fn thousands_of_states_are_no_burden() {
        let states = 4000;
        let model = TabularModel::new(states, 4, |state, action| {
            let next = if action == 0 { state + 1 } else { state.saturating_sub(action) };
            (f64::from(u8::from(next == states)), TabularOutcome::certain((next < states).then_some(next)))
        });
        let mdp = TabularMdp::new(model.unwrap(), 0.99, 0.001).unwrap();
        let optimum = mdp.soft_value_iteration();
        assert!(optimum.values.error < 1e-10, "{}", optimum.values.error);
        assert!((optimum.values.q[4 * (states - 1)] - 1.0).abs() < 1e-12);
        assert!(mdp.rows(&optimum.policy).rev().take(100).all(|row| row[0] > 0.5));
    }

    #[test]
    fn impossible_arguments_are_refused_in_one_line() {
        let model = TabularModel::dense([1, 2], &[1.0, 1.0], &[0.0, 0.0]).unwrap();
        let error =
            |gamma, temperature| TabularMdp::new(model.clone(), gamma, temperature).unwrap_err().to_string();
        assert_eq!(error(1.0, 1.0), "gamma = 1: allowed: 0 ≤ gamma < 1");
        assert_eq!(error(f64::NAN, 1.0), "gamma = NaN: allowed: 0 ≤ gamma < 1");
        assert_eq!(error(0.9, 0.0), "temperature = 0: allowed: above 0");
        let mdp = TabularMdp::new(model, 0.9, 1.0).unwrap();
        for policy in [&[1.0][..], &[0.5, 0.4], &[-0.5, 1.5]] {
            let error = mdp.soft_policy_evaluation(policy).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("policy = {} numbers: allowed: [S, A] with rows that sum to 1", policy.len())
            );
        }
    }
}
