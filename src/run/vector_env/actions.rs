//! The actions of one step, as callers give them.

use super::VectorEnvError;
use crate::mdp::ActionSpace;

/// The actions of one step, for every arena and every slot that the caller plays, arena by arena.
#[derive(Debug, Clone, Copy)]
pub enum Actions<'a> {
    /// `[envs · players]`: indices of discrete actions.
    Discrete(&'a [i64]),
    /// `[envs · players · dims]`: points of the box, in the environment's units; what lies outside is clamped to it.
    Continuous(&'a [f32]),
}

impl Actions<'_> {
    /// Those of `count` players from number `first` on, in `space`.
    pub(super) fn part(self, first: usize, count: usize, space: &ActionSpace) -> Self {
        let width = if let ActionSpace::Continuous(dimensions) = space { dimensions.len() } else { 1 };
        let own = first * width..(first + count) * width;
        match self {
            Self::Discrete(all) => Self::Discrete(&all[own]),
            Self::Continuous(all) => Self::Continuous(&all[own]),
        }
    }

    /// Checks that they are for `players` in each arena, of `space`; those of `ended` arenas may be anything.
    pub(super) fn check(
        self,
        space: &ActionSpace,
        players: usize,
        ended: &[bool],
    ) -> Result<(), VectorEnvError> {
        let rows = ended.len() * players;
        let (given, wanted) = match (self, space) {
            (Self::Discrete(all), ActionSpace::Discrete(names)) => {
                let bad = |(row, action): (usize, &i64)| {
                    let playing = !ended.get(row / players)?;
                    (playing && !(0..names.len() as i64).contains(action)).then_some((row, *action))
                };
                if let Some((row, action)) = all.iter().enumerate().find_map(bad) {
                    let (env, actions) = (row / players, names.len());
                    return Err(VectorEnvError::NoSuchAction { env, action, actions });
                }
                (all.len(), rows)
            }
            (Self::Continuous(all), ActionSpace::Continuous(dimensions)) => {
                let width = dimensions.len() * players;
                let bad = |(at, value): (usize, &f32)| {
                    let playing = !ended.get(at / width)?;
                    (playing && !value.is_finite()).then_some((at, *value))
                };
                if let Some((at, value)) = all.iter().enumerate().find_map(bad) {
                    let name = dimensions[at % dimensions.len()].name.clone();
                    return Err(VectorEnvError::NotFinite { env: at / width, name, value });
                }
                (all.len(), rows * dimensions.len())
            }
            _ => return Err(VectorEnvError::Kind(space.describe())),
        };
        if given != wanted {
            return Err(VectorEnvError::Number { given, wanted });
        }
        Ok(())
    }
}
