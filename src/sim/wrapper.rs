//! Observation wrapper: what agents see of an environment's observations. It masks velocities, blanks moments and stacks
//! frames, in any world.

use bevy::prelude::*;

use crate::mdp::{EnvironmentSpec, GridShape, ObservationSpace, WorldOptions};

/// Turns an environment's own observations into those that agents get. Without options it changes nothing.
#[derive(Resource, Debug, Clone, PartialEq)]
pub struct ObservationWrapper {
    own: ObservationSpace,
    /// Entries of the environment's vector that are kept.
    kept: Vec<usize>,
    /// What each of them is divided by.
    scales: Vec<f32>,
    /// Probability that a moment is blank, [0, 1) (Hausknecht & Stone 2015).
    flicker: f64,
    /// Moments in an observation, at least 1; the newest comes first.
    frames: usize,
}

impl ObservationWrapper {
    /// Wraps observations of the environment's `own` space, whose entries are divided by `scales` if `options` ask for
    /// it; by 1 where there are none. Whether `options` are in range is checked by [`WorldOptions::fault`].
    pub fn new(own: ObservationSpace, scales: &[f32], options: &WorldOptions) -> Self {
        let masked =
            |index: &usize| options.velocity_masked && ObservationSpace::is_velocity(&own.vector[*index]);
        let kept: Vec<usize> = (0..own.vector_len()).filter(|index| !masked(index)).collect();
        let scale = |index: &usize| scales.get(*index).copied().filter(|_| options.scaled).unwrap_or(1.0);
        let scales = kept.iter().map(scale).collect();
        Self { kept, scales, flicker: f64::from(options.flicker), frames: options.frame_stack.max(1), own }
    }

    /// The environment's own space.
    pub fn own(&self) -> &ObservationSpace {
        &self.own
    }

    /// Whether observations stay as they are.
    pub fn is_plain(&self) -> bool {
        let scaled = self.scales.iter().any(|scale| *scale != 1.0);
        self.flicker == 0.0 && self.frames == 1 && !scaled && self.kept.len() == self.own.vector_len()
    }

    /// Whether an observation depends on earlier ones.
    pub fn stacks(&self) -> bool {
        self.frames > 1
    }

    /// The space of wrapped observations. Entries and channels of a moment `k` steps back follow those of the newer
    /// ones; their names end with `(t-k)`.
    pub fn space(&self) -> ObservationSpace {
        let names = |back: usize| {
            self.kept.iter().map(move |&index| match back {
                0 => self.own.vector[index].clone(),
                back => format!("{} (t-{back})", self.own.vector[index]),
            })
        };
        let grid = self.own.grid.map(|grid| GridShape { channels: grid.channels * self.frames, ..grid });
        ObservationSpace { vector: (0..self.frames).flat_map(names).collect(), grid }
    }

    /// The same without blank moments.
    pub(super) fn steady(&self) -> Self {
        Self { flicker: 0.0, ..self.clone() }
    }

    /// The spec of the wrapped environment.
    pub fn spec(&self, spec: EnvironmentSpec) -> EnvironmentSpec {
        EnvironmentSpec { observation: self.space(), ..spec }
    }

    /// Replaces the wrapped observation of the previous moment by that of this one; an episode's `first` moment fills
    /// all frames. A blank moment is all zeros.
    pub(crate) fn wrap(&self, own: &OwnObservation, moment: Moment, vector: &mut [f32], grid: &mut [u8]) {
        let blank = self.flicker > 0.0 && moment.uniform() < self.flicker;
        push_front(vector, self.kept.len(), moment.step == 0, |index| match blank {
            true => 0.0,
            false => own.vector[self.kept[index]] / self.scales[index],
        });
        push_front(grid, own.grid.len(), moment.step == 0, |index| if blank { 0 } else { own.grid[index] });
    }
}

/// Moves the frames of `width` in `all` back by one, writes `newest` in front and, at the `first` moment, everywhere.
fn push_front<T: Copy>(all: &mut [T], width: usize, first: bool, newest: impl Fn(usize) -> T) {
    let behind = all.len().saturating_sub(width);
    all.copy_within(..behind, width);
    all.iter_mut().take(width).enumerate().for_each(|(index, value)| *value = newest(index));
    if first {
        (width..all.len()).for_each(|index| all[index] = all[index % width]);
    }
}

/// An environment's own observation before it is wrapped.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnObservation {
    pub(crate) vector: Vec<f32>,
    pub(crate) grid: Vec<u8>,
}

impl OwnObservation {
    /// Room for one of `space`.
    pub(crate) fn of(space: &ObservationSpace) -> Self {
        Self { vector: vec![0.0; space.vector_len()], grid: vec![0; space.grid_len()] }
    }
}

/// When an observation is made, and by whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Drawn anew for every episode.
    pub(crate) episode: u64,
    /// Agent steps since the episode began.
    pub(crate) step: u32,
    pub(crate) slot: usize,
}

impl Moment {
    /// A number in [0, 1) that depends on nothing else, so that an episode that is played again blanks the same moments
    /// (a round of SplitMix64, Steele et al. 2014).
    fn uniform(self) -> f64 {
        let place = (u64::from(self.step) << 16) | self.slot as u64;
        let mut z = self.episode.wrapping_add(place.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapper(options: WorldOptions) -> ObservationWrapper {
        let grid = Some(GridShape { channels: 2, height: 1, width: 2 });
        let vector = ["x", "x velocity", "y", "vy", "spin", "spine"].map(String::from).to_vec();
        ObservationWrapper::new(
            ObservationSpace { vector, grid },
            &[2.0, 4.0, 8.0, 16.0, 32.0, 64.0],
            &options,
        )
    }

    fn seen(wrapper: &ObservationWrapper, moments: &[f32], episode: u64) -> (Vec<f32>, Vec<u8>) {
        let space = wrapper.space();
        let (mut vector, mut grid) = (vec![9.0; space.vector_len()], vec![9; space.grid_len()]);
        for (step, &value) in moments.iter().enumerate() {
            let own = OwnObservation { vector: vec![value; 6], grid: vec![value as u8; 4] };
            let moment = Moment { episode, step: step as u32, slot: 0 };
            wrapper.wrap(&own, moment, &mut vector, &mut grid);
        }
        (vector, grid)
    }

    #[test]
    fn without_options_nothing_changes() {
        let plain = wrapper(WorldOptions::default());
        assert!(plain.is_plain());
        assert_eq!(plain.space(), *plain.own());
        assert_eq!(seen(&plain, &[1.0, 2.0], 1), (vec![2.0; 6], vec![2; 4]));
    }

    #[test]
    fn velocities_are_masked_by_their_names() {
        let masked = wrapper(WorldOptions { velocity_masked: true, ..WorldOptions::default() });
        assert_eq!(masked.space().vector, ["x", "y", "spine"]);
        assert_eq!(seen(&masked, &[1.0], 1), (vec![1.0; 3], vec![1; 4]));
    }

    #[test]
    fn entries_are_divided_by_their_own_scales() {
        let scaled = wrapper(WorldOptions { scaled: true, ..WorldOptions::default() });
        assert!(!scaled.is_plain());
        assert_eq!(scaled.space(), *scaled.own());
        assert_eq!(seen(&scaled, &[16.0], 1), (vec![8.0, 4.0, 2.0, 1.0, 0.5, 0.25], vec![16; 4]));
        let options =
            WorldOptions { scaled: true, velocity_masked: true, frame_stack: 2, ..WorldOptions::default() };
        let (vector, grid) = seen(&wrapper(options), &[16.0, 32.0], 1);
        assert_eq!(
            (vector, grid),
            (vec![16.0, 4.0, 0.5, 8.0, 2.0, 0.25], vec![32, 32, 32, 32, 16, 16, 16, 16])
        );
    }

    #[test]
    fn frames_are_stacked_newest_first_and_filled_at_the_start() {
        let options = WorldOptions { velocity_masked: true, frame_stack: 3, ..WorldOptions::default() };
        let stacked = wrapper(options);
        assert_eq!(stacked.space().vector[3..5], ["x (t-1)", "y (t-1)"]);
        assert_eq!(stacked.space().grid.unwrap().channels, 6);
        let (vector, grid) = seen(&stacked, &[1.0], 1);
        assert_eq!((vector, grid), (vec![1.0; 9], vec![1; 12]));
        let (vector, grid) = seen(&stacked, &[1.0, 2.0], 1);
        assert_eq!(vector, [2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
        assert_eq!(grid, [2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1]);
        let (vector, _) = seen(&stacked, &[1.0, 2.0, 3.0, 4.0], 1);
        assert_eq!(vector, [4.0, 4.0, 4.0, 3.0, 3.0, 3.0, 2.0, 2.0, 2.0]);
    }

    #[test]
    fn moments_are_blanked_as_often_as_asked_and_alike_in_a_replay() {
        let flickering = wrapper(WorldOptions { flicker: 0.3, ..WorldOptions::default() });
        let blanks = |episode: u64| -> Vec<bool> {
            (1..=400).map(|last| seen(&flickering, &vec![5.0; last], episode).0[0] == 0.0).collect()
        };
        let (one, two) = (blanks(7), blanks(8));
        let count = |blanks: &[bool]| blanks.iter().filter(|blank| **blank).count();
        assert!((90..150).contains(&count(&one)) && (90..150).contains(&count(&two)));
        assert_ne!(one, two);
        assert_eq!(one, blanks(7));
        // A blank moment hides the grid as well.
        let first = one.iter().position(|blank| *blank).unwrap();
        assert_eq!(seen(&flickering, &vec![5.0; first + 1], 7), (vec![0.0; 6], vec![0; 4]));
    }
}
