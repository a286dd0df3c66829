//! Action buttons: the convention by which names of actions say what to press and where they lead.

use super::{ActionDimension, ActionSpace};

/// One part of an action's name. Parts are joined with `+`: `up+left` is two buttons pressed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActionButton {
    /// `up`
    Up,
    /// `left`
    Left,
    /// `down`
    Down,
    /// `right`
    Right,
    /// `fire`
    Fire,
}

impl ActionButton {
    /// All buttons; `button as usize` is the index.
    pub const ALL: [Self; 5] = [Self::Up, Self::Left, Self::Down, Self::Right, Self::Fire];

    /// The button called `part`. `forward` and `back` are right and left, or the reverse if `mirrored`.
    fn named(part: &str, mirrored: bool) -> Option<Self> {
        Some(match (part, mirrored) {
            ("up", _) => Self::Up,
            ("down", _) => Self::Down,
            ("left", _) | ("back", false) | ("forward", true) => Self::Left,
            ("right", _) | ("forward", false) | ("back", true) => Self::Right,
            ("fire", _) => Self::Fire,
            _ => return None,
        })
    }

    /// The button in the other direction; `None` for one without a direction.
    fn opposite(self) -> Option<Self> {
        match self {
            Self::Up => Some(Self::Down),
            Self::Left => Some(Self::Right),
            Self::Down => Some(Self::Up),
            Self::Right => Some(Self::Left),
            Self::Fire => None,
        }
    }

    /// `[x, y]` with x to the right and y up; `None` for a button without a direction.
    fn direction(self) -> Option<[f32; 2]> {
        match self {
            Self::Up => Some([0.0, 1.0]),
            Self::Left => Some([-1.0, 0.0]),
            Self::Down => Some([0.0, -1.0]),
            Self::Right => Some([1.0, 0.0]),
            Self::Fire => None,
        }
    }
}

/// Buttons for the low and the high bound of the first and the second dimension of a box whose names are no buttons.
const PLACED: [[ActionButton; 2]; 2] =
    [[ActionButton::Left, ActionButton::Right], [ActionButton::Down, ActionButton::Up]];

impl ActionSpace {
    /// The buttons of action `index`, read from its name. `None` for a name with any other part, such as `wait`, and
    /// for an index outside a discrete space.
    ///
    /// `up`, `left`, `down`, `right` and `fire` are buttons; `forward` is towards the other side of the arena and
    /// `back` away from it, so set `mirrored` for slots that play from right to left.
    pub fn buttons(&self, index: usize, mirrored: bool) -> Option<Vec<ActionButton>> {
        self.names().get(index)?.split('+').map(|part| ActionButton::named(part, mirrored)).collect()
    }

    /// The buttons of dimension `index` of a box, for its low and its high bound, read from its name: `right` is pushed
    /// low by left and high by right, `up` by down and up, `forward` as in [`ActionSpace::buttons`]. Where the name is
    /// none of these, the first dimension has left and right and the second down and up; `None` for the others, and for
    /// discrete actions.
    pub fn axis(&self, index: usize, mirrored: bool) -> Option<[ActionButton; 2]> {
        let high = |dimension: &ActionDimension| ActionButton::named(&dimension.name, mirrored);
        let dimensions = self.dimensions();
        if dimensions.iter().all(|dimension| high(dimension).is_none()) {
            return (index < dimensions.len()).then(|| PLACED.get(index).copied()).flatten();
        }
        let high = high(dimensions.get(index)?)?;
        Some([high.opposite()?, high])
    }

    /// The buttons of dimension `index` of a box, for its low and its high bound, in key set `hand`, where one key set has
    /// too few: in a box of more than two dimensions whose names are no buttons, `hand` 0 has the first two dimensions
    /// and `hand` 1 two from the middle on, so that each hand has a leg of a walker. `None` for all other dimensions,
    /// hands and spaces.
    pub fn axis_of_hand(&self, hand: usize, index: usize) -> Option<[ActionButton; 2]> {
        let dimensions = self.dimensions();
        let named = |dimension: &ActionDimension| ActionButton::named(&dimension.name, false).is_some();
        if dimensions.len() <= PLACED.len() || dimensions.iter().any(named) || index >= dimensions.len() {
            return None;
        }
        let first = [0, dimensions.len().div_ceil(2).max(PLACED.len())].get(hand).copied()?;
        PLACED.get(index.checked_sub(first)?).copied()
    }

    /// The direction of action `index` as a unit vector `[x, y]`, x to the right and y up. `None` if its name is not
    /// made of `up`, `left`, `down`, `right`, `forward` and `back` alone, or if these cancel out.
    pub fn direction(&self, index: usize) -> Option<[f32; 2]> {
        let [mut x, mut y] = [0.0, 0.0];
        for button in self.buttons(index, false)? {
            let [dx, dy] = button.direction()?;
            (x, y) = (x + dx, y + dy);
        }
        let length = f32::hypot(x, y);
        (length > 0.0).then(|| [x / length, y / length])
    }
}

#[cfg(test)]
mod tests {
    use super::ActionButton::{Down, Fire, Left, Right, Up};
    use super::*;

    #[test]
    fn names_are_read_as_buttons() {
        let names =
            ["up", "left", "down", "right", "fire", "up+left", "up+forward", "back", "wait", "up+jump", ""];
        let space = ActionSpace::discrete(&names);
        let buttons =
            |mirrored| -> Vec<_> { (0..names.len()).map(|index| space.buttons(index, mirrored)).collect() };
        let plain = [vec![Up], vec![Left], vec![Down], vec![Right], vec![Fire], vec![Up, Left]].map(Some);
        for (mirrored, [forward, back]) in [(false, [Right, Left]), (true, [Left, Right])] {
            let buttons = buttons(mirrored);
            assert_eq!(buttons[..6], plain);
            assert_eq!(buttons[6..], [Some(vec![Up, forward]), Some(vec![back]), None, None, None]);
        }
        assert_eq!(space.buttons(names.len(), false), None);
        assert_eq!(ActionSpace::continuous(&[("left", [-1.0, 1.0])]).buttons(0, false), None);
        assert!(ActionButton::ALL.iter().enumerate().all(|(index, button)| *button as usize == index));
    }

    #[test]
    fn dimensions_have_the_buttons_of_their_names_or_places() {
        let axes = |names: &[&str], mirrored| -> Vec<_> {
            let dimensions: Vec<_> = names.iter().map(|name| (*name, [-1.0, 1.0])).collect();
            let space = ActionSpace::continuous(&dimensions);
            (0..=names.len()).map(|index| space.axis(index, mirrored)).collect()
        };
        let (across, upward) = (Some([Left, Right]), Some([Down, Up]));
        assert_eq!(axes(&["up", "right"], false), [upward, across, None]);
        assert_eq!(axes(&["forward", "up"], true), [Some([Right, Left]), upward, None]);
        assert_eq!(axes(&["down", "fire"], false), [Some([Up, Down]), None, None]);
        assert_eq!(axes(&["hip", "knee", "ankle"], false), [across, upward, None, None]);
        assert_eq!(axes(&["push"], false), [across, None]);
        assert_eq!(ActionSpace::discrete(&["up"]).axis(0, false), None);
    }

    #[test]
    fn each_hand_has_two_dimensions_where_one_hand_has_too_few() {
        let dimensions_of = |names: &[&str]| {
            let dimensions: Vec<_> = names.iter().map(|name| (*name, [-1.0, 1.0])).collect();
            let space = ActionSpace::continuous(&dimensions);
            [0, 1, 2].map(|hand| -> Vec<_> {
                let axis = |index| space.axis_of_hand(hand, index).map(|axis| (index, axis));
                (0..=names.len()).filter_map(axis).collect()
            })
        };
        let (across, upward) = ([Left, Right], [Down, Up]);
        let leg = ["thigh", "leg", "foot"];
        let first = vec![(0, across), (1, upward)];
        assert_eq!(dimensions_of(&leg), [first.clone(), vec![(2, across)], Vec::new()]);
        let second = vec![(3, across), (4, upward)];
        assert_eq!(dimensions_of(&[leg, leg].concat()), [first.clone(), second, Vec::new()]);
        let four = [first, vec![(2, across), (3, upward)], Vec::new()];
        assert_eq!(dimensions_of(&[leg.as_slice(), &["toe"]].concat()), four);
        for names in [["thigh", "leg"].as_slice(), &["up", "right", "spin"], &[]] {
            assert!(dimensions_of(names).iter().all(Vec::is_empty), "{names:?}");
        }
    }

    #[test]
    fn directions_have_length_one_and_other_actions_have_none() {
        let space =
            ActionSpace::discrete(&["left", "down", "up+right", "wait", "up+fire", "left+right", "fire"]);
        assert_eq!([0, 1].map(|index| space.direction(index)), [Some([-1.0, 0.0]), Some([0.0, -1.0])]);
        let [x, y] = space.direction(2).unwrap();
        assert!((x - 0.5f32.sqrt()).abs() < 1e-6 && (y - 0.5f32.sqrt()).abs() < 1e-6, "{x} {y}");
        assert!((3..8).all(|index| space.direction(index).is_none()));
    }
}
