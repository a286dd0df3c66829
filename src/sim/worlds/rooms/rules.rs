//! Rules: what makes one world of rooms differ from another. How rooms work is left to the engine beside.

use super::{Room, Rooms};
use crate::mdp::Action;
use crate::sim::Bodies;
use crate::sim::level::solve::Pushes;

/// One world of rooms, as its own module declares it.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Name on the command line and in a level's field `world`.
    pub name: &'static str,
    /// One sentence for a person.
    pub summary: &'static str,
    /// By player, the side it plays for.
    pub teams: &'static [usize],
    /// What ends an episode well.
    pub win: Win,
    /// Planes that its observations always hold; those of other cells come with the levels that use them.
    pub planes: &'static [Plane],
    /// Reward of the end that is sought.
    pub goal: f32,
    /// Reward, negative, of lava, hazards and wrong goals.
    pub loss: f32,
    /// Reward of a crate that comes onto a mark, taken back when it leaves.
    pub mark: f32,
    /// Reward of a key that is picked up.
    pub key: f32,
    /// Reward, negative, of every agent step.
    pub step: f32,
    /// Share of its velocity that a crate loses per second, roughly.
    pub crate_damping: f32,
    /// The hand-written player of one slot.
    pub script: fn(&Room, &Rooms, &Bodies, usize) -> Action,
}

impl Rules {
    /// Mass per area of a crate: light where it has to go just as far as whoever pushes it, who is not held up.
    pub(super) fn crate_density(&self) -> f32 {
        if self.win == Win::Marks { 0.1 } else { 1.0 }
    }

    /// How crates answer pushes, for scripts that plan them.
    pub(super) fn pushes(&self) -> Pushes {
        if self.win == Win::Marks { Pushes::One } else { Pushes::Through }
    }
}

/// What ends an episode well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Win {
    /// The player stands on a goal.
    Goal,
    /// The player stands on the one of two goals that a cue named while the episode was young.
    Cue,
    /// There is a crate on every mark.
    Marks,
    /// Every player stands on a plate of its own.
    Plates,
    /// Somebody chases somebody: who does which is drawn for every episode.
    Catch,
}

/// One plane of a grid observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Plane {
    /// Walls, closed gates and closed doors.
    Solid,
    /// Lava that has not been filled.
    Lava,
    /// Goals.
    Goal,
    /// Crates, spread over the cells they cover.
    Crate,
    /// The observing player, spread likewise.
    Own,
    /// The other player, spread likewise.
    Other,
    /// Ice.
    Ice,
    /// One-way cells of one direction, in the order of the actions.
    OneWay(usize),
    /// Marks.
    Mark,
    /// Plates.
    Plate,
    /// Gates, open or closed.
    Gate,
    /// Keys of one color that still lie there.
    Key(usize),
    /// Doors of one color that are still closed.
    Door(usize),
    /// Hazards, spread likewise.
    Hazard,
    /// Where hazards will be half a second from now.
    HazardSoon,
}
