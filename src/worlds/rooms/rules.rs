//! Rules: the declaration of one world of rooms. The engine is in the parent module.

use super::{Room, Rooms};
use crate::mdp::Action;
use crate::sim::Bodies;
use crate::worlds::rooms::lava_room::{CellModel, CellModelError};
use crate::worlds::rooms::level::generate::Generator;
use crate::worlds::rooms::level::solve::Pushes;
use crate::worlds::rooms::level::{Kind, Level};

/// One world of rooms, as declared by its module.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Name on the command line and in a level's field `world`.
    pub name: &'static str,
    /// One sentence for the player.
    pub summary: &'static str,
    /// What its maps are made of.
    pub kind: Kind,
    /// File names and texts of the levels that come with it, `NAME-1.ron` first.
    pub levels: &'static [(&'static str, &'static str)],
    /// How levels are generated from seeds, if they are.
    pub generator: Option<&'static Generator>,
    /// The side of each player.
    pub teams: &'static [usize],
    /// What ends an episode in success.
    pub win: Win,
    /// Planes that its observations always have; planes of other cells come with the levels that use them.
    pub planes: &'static [Plane],
    /// Reward of success.
    pub goal: f32,
    /// Reward, negative, of lava, hazards and wrong goals.
    pub loss: f32,
    /// Reward of a crate that reaches a mark, taken back when it leaves.
    pub mark: f32,
    /// Reward of a key that is picked up.
    pub key: f32,
    /// Reward, negative, of every agent step.
    pub step: f32,
    /// Fraction of its velocity that a crate loses per second, roughly.
    pub crate_damping: f32,
    /// Its levels as tables of cells, for exact values; absent if cells do not determine the state.
    pub table: Option<fn(&Level) -> Result<CellModel, CellModelError>>,
    /// The hand-written player of one slot.
    pub scripted_action: fn(&Room, &Rooms, &Bodies, usize) -> Action,
}

impl Rules {
    /// Mass per area of a crate: light where a push must move it exactly as far as the walker, who is not
    /// slowed down.
    pub(super) fn crate_density(&self) -> f32 {
        if self.win == Win::Marks { 0.1 } else { 1.0 }
    }

    /// How crates move when pushed, for scripts that plan.
    pub(super) fn pushes(&self) -> Pushes {
        if self.win == Win::Marks { Pushes::One } else { Pushes::Through }
    }
}

/// What ends an episode in success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Win {
    /// The player stands on a goal.
    Goal,
    /// The player stands on the one of two goals that the cue named at the start of the episode.
    Cue,
    /// There is a crate on every mark.
    Marks,
    /// Every player stands on a plate of its own.
    Plates,
    /// One player chases the other; roles are random in every episode.
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
    /// The observing player, spread in the same way.
    Own,
    /// The other player, spread in the same way.
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
    /// Hazards, spread in the same way.
    Hazard,
    /// Where hazards will be half a second from now.
    HazardSoon,
}
