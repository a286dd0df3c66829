//! Actions: a single action, and batches of actions, discrete or continuous.

use serde::{Deserialize, Serialize};

use super::{ActionDimension, ActionSpace};

/// An action, as chosen by scripts and people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Action {
    /// Index into the discrete action names.
    Discrete(u16),
    /// A point of a box.
    Continuous(ActionVector),
}

impl Action {
    /// A point of a box, in the environment's units; of more than [`ActionVector::MOST`] dimensions only the first.
    pub fn continuous(values: &[f32]) -> Self {
        Self::Continuous(ActionVector::new(values))
    }

    /// Index of a discrete action, 0 of a continuous one.
    pub fn index(self) -> usize {
        match self {
            Self::Discrete(index) => usize::from(index),
            Self::Continuous(_) => 0,
        }
    }
}

/// The values of a continuous action with few dimensions, compared bit by bit.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(from = "Vec<f32>", into = "Vec<f32>")]
pub struct ActionVector {
    count: usize,
    values: [f32; Self::MOST],
}

impl ActionVector {
    /// The most dimensions.
    pub const MOST: usize = 8;

    fn new(values: &[f32]) -> Self {
        let mut own = Self { count: values.len().min(Self::MOST), ..Self::default() };
        own.values.iter_mut().zip(values).for_each(|(own, value)| *own = *value);
        own
    }

    /// `[dims]`.
    pub fn values(&self) -> &[f32] {
        &self.values[..self.count]
    }

    fn bits(&self) -> (usize, [u32; Self::MOST]) {
        (self.count, self.values.map(f32::to_bits))
    }
}

impl PartialEq for ActionVector {
    fn eq(&self, other: &Self) -> bool {
        self.bits() == other.bits()
    }
}

impl Eq for ActionVector {}

impl std::hash::Hash for ActionVector {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.bits().hash(state);
    }
}

impl From<Vec<f32>> for ActionVector {
    fn from(values: Vec<f32>) -> Self {
        Self::new(&values)
    }
}

impl From<ActionVector> for Vec<f32> {
    fn from(vector: ActionVector) -> Self {
        vector.values().to_vec()
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

/// What can be written to a row of an [`ActionBatch`].
pub trait AsActionRow {
    /// It as a view.
    fn as_row(&self) -> ActionRow<'_>;
}

impl AsActionRow for ActionRow<'_> {
    fn as_row(&self) -> ActionRow<'_> {
        *self
    }
}

impl AsActionRow for Action {
    fn as_row(&self) -> ActionRow<'_> {
        match self {
            Self::Discrete(index) => ActionRow::Discrete(*index),
            Self::Continuous(vector) => ActionRow::Continuous(vector.values()),
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
        let mut batch = Self::default();
        actions.into_iter().for_each(|action| batch.push(action));
        batch
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
            ActionSpace::Continuous(dimensions) => {
                let middle: Vec<f32> = dimensions.iter().map(ActionDimension::middle).collect();
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

    /// First entry of continuous action `row`; 0 if the space is discrete.
    pub fn scalar(&self, row: usize) -> f32 {
        self.vector(row).first().copied().unwrap_or(0.0)
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
    pub fn push(&mut self, action: impl AsActionRow) {
        self.rows += 1;
        match action.as_row() {
            ActionRow::Discrete(index) => self.discrete.push(index),
            ActionRow::Continuous(vector) => self.continuous.extend_from_slice(vector),
        }
    }

    /// Replaces action `row`. An action of another space is ignored.
    pub fn set(&mut self, row: usize, action: impl AsActionRow) {
        match action.as_row() {
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
                ActionSpace::Continuous(dimensions) => {
                    let within = |(value, dimension): (&f32, &ActionDimension)| {
                        (dimension.low..=dimension.high).contains(value)
                    };
                    self.discrete.is_empty()
                        && rows.checked_mul(dimensions.len()) == Some(self.continuous.len())
                        && self.continuous.iter().zip(dimensions.iter().cycle()).all(within)
                }
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_box_are_read_written_and_dropped() {
        let space = ActionSpace::continuous(&[("x", [-1.0, 1.0]), ("y", [0.0, 4.0])]);
        let mut actions = ActionBatch::neutral(&space, 2);
        assert_eq!((actions.dims(), actions.row(1)), (2, ActionRow::Continuous(&[0.0, 2.0])));
        actions.set(0, ActionRow::Continuous(&[0.5, 3.0]));
        actions.set(1, Action::Discrete(1));
        actions.set(1, Action::continuous(&[1.0]));
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
        let point = Action::continuous(&[0.25, 1.5]);
        actions.set(0, point);
        assert_eq!((actions.vector(0), actions.scalar(0)), (&[0.25, 1.5][..], 0.25));
        assert_eq!((point.index(), point == Action::continuous(&[0.25, 1.5])), (0, true));
        assert_ne!(point, Action::continuous(&[0.25]));
        let text = serde_json::to_string(&point).unwrap();
        assert_eq!(serde_json::from_str::<Action>(&text).unwrap(), point);
        assert_eq!(Action::continuous(&[1.0; 20]), Action::continuous(&[1.0; ActionVector::MOST]));
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
