//! Actions: a single discrete action, and batches of actions, discrete or continuous.

use serde::{Deserialize, Serialize};

use super::ActionSpace;

/// A discrete action, as chosen by scripts and people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Action {
    /// Index into the discrete action names.
    Discrete(u16),
}

impl Action {
    /// Index of a discrete action.
    pub fn index(self) -> usize {
        match self {
            Self::Discrete(index) => usize::from(index),
        }
    }
}

/// The action of one slot, as a view into an [`ActionBatch`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ActionRow<'a> {
    /// Index into the names of a discrete space.
    Discrete(u16),
    /// `[dims]`: a point of the box, in the environment's units.
    Continuous(&'a [f32]),
}

impl From<Action> for ActionRow<'_> {
    fn from(action: Action) -> Self {
        match action {
            Action::Discrete(index) => Self::Discrete(index),
        }
    }
}

/// A batch of actions of one space: `discrete` is `[rows]` and `continuous` empty for a discrete space; for a
/// box `discrete` is empty and `continuous` is `[rows, dims]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct ActionBatch {
    /// Number of actions.
    pub rows: usize,
    /// Indices into the names of the actions.
    pub discrete: Vec<u16>,
    /// Row-major floats.
    pub continuous: Vec<f32>,
}

/// The format in files: older versions wrote lists of discrete actions or of their indices.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    List(Vec<Action>),
    Indices(Vec<u16>),
    Batch { rows: usize, discrete: Vec<u16>, continuous: Vec<f32> },
}

impl From<Stored> for ActionBatch {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::List(actions) => actions.into_iter().collect(),
            Stored::Indices(indices) => indices.into(),
            Stored::Batch { rows, discrete, continuous } => Self { rows, discrete, continuous },
        }
    }
}

impl FromIterator<Action> for ActionBatch {
    fn from_iter<I: IntoIterator<Item = Action>>(actions: I) -> Self {
        actions.into_iter().map(|action| action.index() as u16).collect::<Vec<_>>().into()
    }
}

impl From<Vec<u16>> for ActionBatch {
    /// Discrete actions from their indices.
    fn from(discrete: Vec<u16>) -> Self {
        Self { rows: discrete.len(), discrete, continuous: Vec::new() }
    }
}

impl ActionBatch {
    /// `rows` times the first action of `space`, or the center of the box.
    pub fn neutral(space: &ActionSpace, rows: usize) -> Self {
        match space {
            ActionSpace::Discrete(_) => vec![0; rows].into(),
            ActionSpace::Continuous(bounds) => {
                let middle: Vec<f32> = bounds.iter().map(|[low, high]| 0.5 * low + 0.5 * high).collect();
                Self { rows, discrete: Vec::new(), continuous: middle.repeat(rows) }
            }
        }
    }

    /// Dimensions of a continuous action; 0 for discrete ones.
    pub fn dims(&self) -> usize {
        self.continuous.len() / self.rows.max(1)
    }

    /// Action `row`.
    pub fn row(&self, row: usize) -> ActionRow<'_> {
        match self.discrete.get(row) {
            Some(index) => ActionRow::Discrete(*index),
            None => ActionRow::Continuous(self.vector(row)),
        }
    }

    /// Index of discrete action `row`; 0 if the space is a box.
    pub fn index(&self, row: usize) -> usize {
        self.discrete.get(row).map_or(0, |index| usize::from(*index))
    }

    /// Discrete action `row`; the first one if the space is a box.
    pub fn choice(&self, row: usize) -> Action {
        Action::Discrete(self.index(row) as u16)
    }

    /// `[dims]` of continuous action `row`; empty if the space is discrete.
    pub fn vector(&self, row: usize) -> &[f32] {
        if self.continuous.is_empty() {
            return &[];
        }
        let dims = self.dims();
        &self.continuous[row * dims..(row + 1) * dims]
    }

    /// The same, mutable.
    pub fn vector_mut(&mut self, row: usize) -> &mut [f32] {
        let dims = self.dims();
        &mut self.continuous[row * dims..(row + 1) * dims]
    }

    /// Appends one action of the same space.
    pub fn push<'a>(&mut self, action: impl Into<ActionRow<'a>>) {
        self.rows += 1;
        match action.into() {
            ActionRow::Discrete(index) => self.discrete.push(index),
            ActionRow::Continuous(vector) => self.continuous.extend_from_slice(vector),
        }
    }

    /// Replaces action `row`. An action of another space is ignored.
    pub fn set<'a>(&mut self, row: usize, action: impl Into<ActionRow<'a>>) {
        match action.into() {
            ActionRow::Discrete(index) => {
                if let Some(own) = self.discrete.get_mut(row) {
                    *own = index;
                }
            }
            ActionRow::Continuous(vector) if vector.len() == self.dims() => {
                self.vector_mut(row).copy_from_slice(vector);
            }
            ActionRow::Continuous(_) => {}
        }
    }

    /// Keeps at most the first `rows` actions.
    pub fn truncate(&mut self, rows: usize) {
        let (rows, dims) = (rows.min(self.rows), self.dims());
        self.discrete.truncate(rows);
        self.continuous.truncate(rows * dims);
        self.rows = rows;
    }

    /// Removes the first `rows` actions.
    pub fn drop_first(&mut self, rows: usize) {
        let (rows, dims) = (rows.min(self.rows), self.dims());
        self.discrete.drain(..rows.min(self.discrete.len()));
        self.continuous.drain(..rows * dims);
        self.rows -= rows;
    }

    /// Appends all actions of `other`.
    pub fn append(&mut self, other: &Self) {
        self.rows += other.rows;
        self.discrete.extend_from_slice(&other.discrete);
        self.continuous.extend_from_slice(&other.continuous);
    }

    /// Removes all actions and keeps the allocation.
    pub fn clear(&mut self) {
        self.rows = 0;
        self.discrete.clear();
        self.continuous.clear();
    }

    /// Whether it holds `rows` valid actions of `space`: known indices, or finite numbers within the bounds.
    pub fn fits(&self, rows: usize, space: &ActionSpace) -> bool {
        self.rows == rows
            && match space {
                ActionSpace::Discrete(names) => {
                    let known = |index: &u16| usize::from(*index) < names.len();
                    self.discrete.len() == rows
                        && self.continuous.is_empty()
                        && self.discrete.iter().all(known)
                }
                ActionSpace::Continuous(bounds) => {
                    let within = |(value, [low, high]): (&f32, &[f32; 2])| (*low..=*high).contains(value);
                    self.discrete.is_empty()
                        && rows.checked_mul(bounds.len()) == Some(self.continuous.len())
                        && self.continuous.iter().zip(bounds.iter().cycle()).all(within)
                }
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_box_are_read_written_and_dropped() {
        let space = ActionSpace::Continuous(vec![[-1.0, 1.0], [0.0, 4.0]]);
        let mut actions = ActionBatch::neutral(&space, 2);
        assert_eq!((actions.dims(), actions.row(1)), (2, ActionRow::Continuous(&[0.0, 2.0])));
        actions.set(0, ActionRow::Continuous(&[0.5, 3.0]));
        actions.set(1, Action::Discrete(1));
        actions.push(ActionRow::Continuous(&[-1.0, 0.0]));
        assert_eq!(actions.continuous, [0.5, 3.0, 0.0, 2.0, -1.0, 0.0]);
        assert!(actions.fits(3, &space) && !actions.fits(2, &space));
        let mut first = actions.clone();
        first.truncate(1);
        assert_eq!((first.rows, first.vector(0)), (1, &[0.5, 3.0][..]));
        actions.drop_first(1);
        assert_eq!((actions.rows, actions.vector(1), actions.index(1)), (2, &[-1.0, 0.0][..], 0));
        actions.continuous[0] = f32::NAN;
        assert!(!actions.fits(2, &space));
        assert!(!ActionBatch::neutral(&ActionSpace::discrete(&["a"]), 2).fits(2, &space));
    }

    #[test]
    fn lists_of_older_programs_are_read() {
        let old: ActionBatch = serde_json::from_str(r#"[{"Discrete":3},{"Discrete":0}]"#).unwrap();
        assert_eq!(old, ActionBatch::from(vec![3, 0]));
        assert_eq!(serde_json::from_str::<ActionBatch>("[3,0]").unwrap(), old);
        let text = serde_json::to_string(&old).unwrap();
        assert_eq!(serde_json::from_str::<ActionBatch>(&text).unwrap(), old);
    }
}
