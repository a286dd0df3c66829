//! Tabular MDPs: rewards and transitions of every state and action, for worlds small enough to enumerate.
//!
//! Worlds build them, `algo::sac::tabular` solves them.

/// A possible outcome of an action in a state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TabularOutcome {
    /// Probability, [0, 1].
    pub probability: f64,
    /// The state that follows; `None` after a termination. Time limits are not modeled, since truncated
    /// episodes are bootstrapped.
    pub next: Option<usize>,
}

impl TabularOutcome {
    /// A deterministic outcome.
    pub fn certain(next: Option<usize>) -> Vec<Self> {
        vec![Self { probability: 1.0, next }]
    }
}

/// An MDP of `S` states and `A` actions, with an expected reward and outcomes for each pair.
///
/// Only possible outcomes are stored, so a deterministic world has `S · A` of them.
#[derive(Debug, Clone, PartialEq)]
pub struct TabularModel {
    states: usize,
    actions: usize,
    /// `[S, A]`.
    rewards: Vec<f64>,
    /// `[S · A + 1]`: offset of the first outcome of each row, and the total.
    starts: Vec<usize>,
    outcomes: Vec<TabularOutcome>,
}

/// An invalid table, in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} = {value}: allowed: {allowed}")]
pub struct TabularError {
    /// The size, or the state, the action and the value's name.
    pub what: String,
    /// The offending value.
    pub value: String,
    /// What is allowed.
    pub allowed: String,
}

impl TabularModel {
    /// The model in which `step(state, action)` gives the expected reward and the outcomes. Probabilities
    /// must sum to 1 within 1e-5, the error of single precision.
    ///
    /// # Errors
    /// [`TabularError`] for no states or actions, a reward that is not finite, a negative probability, a sum
    /// other than 1, or a state that does not exist.
    pub fn new(
        states: usize,
        actions: usize,
        mut step: impl FnMut(usize, usize) -> (f64, Vec<TabularOutcome>),
    ) -> Result<Self, TabularError> {
        let check = |ok: bool, what: &str, value: String, allowed: String| {
            if ok { Ok(()) } else { Err(TabularError { what: what.to_owned(), value, allowed }) }
        };
        for (what, extent) in [("states", states), ("actions", actions)] {
            check(extent > 0, what, extent.to_string(), "1 or more".into())?;
        }
        let mut model = Self { states, actions, rewards: vec![], starts: vec![0], outcomes: vec![] };
        for (state, action) in (0..states).flat_map(|state| (0..actions).map(move |action| (state, action))) {
            let (reward, outcomes) = step(state, action);
            let place = |what: &str| format!("state {state}, action {action}: {what}");
            check(reward.is_finite(), &place("reward"), reward.to_string(), "a finite number".into())?;
            let mut sum = 0.0;
            for TabularOutcome { probability, next } in &outcomes {
                check(*probability >= 0.0, &place("probability"), probability.to_string(), "0 to 1".into())?;
                let next = next.unwrap_or(0);
                let allowed = format!("0 to {}", states - 1);
                check(next < states, &place("next state"), next.to_string(), allowed)?;
                sum += probability;
            }
            let allowed = "1, or within 1e-5 of it".into();
            check((sum - 1.0).abs() <= 1e-5, &place("sum of probabilities"), sum.to_string(), allowed)?;
            model.rewards.push(reward);
            model.outcomes.extend(outcomes.into_iter().filter(|outcome| outcome.probability > 0.0));
            model.starts.push(model.outcomes.len());
        }
        Ok(model)
    }

    /// The model with `P[s, a, s']` in `transition`, `[S, A, S]`, and `r[s, a]` in `reward`, `[S, A]`;
    /// none of its states is terminal.
    ///
    /// # Errors
    /// [`TabularError`] for a table of another length, and as [`TabularModel::new`].
    pub fn dense(
        [states, actions]: [usize; 2],
        transition: &[f64],
        reward: &[f64],
    ) -> Result<Self, TabularError> {
        let rows = states * actions;
        for (what, shape, found, needed) in [
            ("transition", "[S, A, S]", transition.len(), rows * states),
            ("reward", "[S, A]", reward.len(), rows),
        ] {
            if found != needed {
                let (value, allowed) = (format!("{found} numbers"), format!("{shape}, here {needed}"));
                return Err(TabularError { what: what.to_owned(), value, allowed });
            }
        }
        Self::new(states, actions, |state, action| {
            let row = state * actions + action;
            let next = transition[row * states..(row + 1) * states].iter().enumerate();
            let outcomes = next.map(|(next, &probability)| TabularOutcome { probability, next: Some(next) });
            (reward[row], outcomes.collect())
        })
    }

    /// Number of states `S`, without terminal ones.
    pub fn states(&self) -> usize {
        self.states
    }

    /// Number of actions `A`.
    pub fn actions(&self) -> usize {
        self.actions
    }

    /// `[S, A]`: expected rewards.
    pub fn rewards(&self) -> &[f64] {
        &self.rewards
    }

    /// The possible outcomes of `action` in `state`.
    pub fn outcomes(&self, state: usize, action: usize) -> &[TabularOutcome] {
        self.row(state * self.actions + action)
    }

    /// The outcomes of every state and action in the order of [`TabularModel::rewards`].
    pub fn rows(&self) -> impl Iterator<Item = &[TabularOutcome]> {
        (0..self.rewards.len()).map(|row| self.row(row))
    }

    fn row(&self, row: usize) -> &[TabularOutcome] {
        &self.outcomes[self.starts[row]..self.starts[row + 1]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(states: usize, reward: f64, outcomes: &[(f64, Option<usize>)]) -> String {
        let outcomes = outcomes.iter().map(|&(probability, next)| TabularOutcome { probability, next });
        let outcomes: Vec<_> = outcomes.collect();
        TabularModel::new(states, 1, |_, _| (reward, outcomes.clone())).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_model_is_refused_in_one_line() {
        let place = "state 0, action 0: ";
        assert_eq!(error(0, 0.0, &[]), "states = 0: allowed: 1 or more");
        assert_eq!(
            error(1, f64::NAN, &[(1.0, None)]),
            format!("{place}reward = NaN: allowed: a finite number")
        );
        let negative = error(1, 0.0, &[(-0.5, None), (1.5, None)]);
        assert_eq!(negative, format!("{place}probability = -0.5: allowed: 0 to 1"));
        let sum = "sum of probabilities = 0.9: allowed: 1, or within 1e-5 of it";
        assert_eq!(error(1, 0.0, &[(0.9, None)]), format!("{place}{sum}"));
        assert_eq!(error(2, 0.0, &[(1.0, Some(2))]), format!("{place}next state = 2: allowed: 0 to 1"));
        let short = TabularModel::dense([2, 2], &[1.0; 7], &[0.0; 4]).unwrap_err().to_string();
        assert_eq!(short, "transition = 7 numbers: allowed: [S, A, S], here 8");
    }

    #[test]
    fn only_what_can_happen_is_kept() {
        let model = TabularModel::dense([2, 1], &[0.0, 1.0, 0.25, 0.75], &[1.0, 2.0]).unwrap();
        assert_eq!(model.outcomes(0, 0), TabularOutcome::certain(Some(1)));
        assert_eq!(model.rows().map(<[_]>::len).collect::<Vec<_>>(), [1, 2]);
    }
}
