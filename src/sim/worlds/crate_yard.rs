//! crate-yard: push a crate onto every mark. How rooms work is left to `rooms`, planning to `level::solve`.
#![doc = include_str!("crate_yard.md")]

use super::rooms::{Plane, Room, Rooms, Rules, Win, way};
use crate::mdp::Action;
use crate::sim::Bodies;

/// The world.
pub const RULES: Rules = Rules {
    name: "crate-yard",
    summary: "Push a crate onto every mark, and none where it cannot be got out again.",
    teams: &[0],
    win: Win::Marks,
    planes: &[Plane::Solid, Plane::Mark, Plane::Crate, Plane::Own],
    goal: 1.0,
    loss: -1.0,
    mark: 0.25,
    key: 0.0,
    step: -0.01,
    // A crate that is pushed for one cell slides the last quarter of it and stops near the middle.
    crate_damping: 28.0,
    script,
};

/// Makes the fewest pushes there are, one cell each; waits where the yard is jammed.
fn script(room: &Room, rooms: &Rooms, bodies: &Bodies, slot: usize) -> Action {
    way::pushing(room, rooms, bodies, slot).unwrap_or(Action::Discrete(0))
}

#[cfg(test)]
mod tests {
    use bevy::prelude::Vec2;

    use super::*;
    use crate::mdp::EpisodeEnd;
    use crate::sim::worlds::rooms::SETTLED;
    use crate::sim::worlds::rooms::play::{DOWN, LEFT, Play, RIGHT, WAIT};

    /// The body of the first crate: the walker and the walls come before it.
    const CRATE: usize = 2;

    #[test]
    fn a_crate_pushed_one_cell_slides_a_little_and_stops_near_the_middle_of_the_next() {
        let mut play = Play::new(&RULES, &["#########", "#a.o...x#", "#########"]);
        let middle = |cell: f32| Vec2::new(cell - 4.0, 0.0);
        // The walker comes to stand where the crate lay.
        play.steps(&[RIGHT, RIGHT]);
        let pushed = play.position(CRATE);
        play.steps(&[WAIT; 4]);
        let rested = play.position(CRATE);
        assert!(rested.x - pushed.x > 0.1, "it stops dead: {pushed} {rested}");
        assert!(rested.distance(middle(4.0)) < SETTLED / 2.0, "{rested}");
        // So it does when it is pushed on and on.
        play.steps(&[RIGHT, RIGHT, WAIT, WAIT, WAIT, WAIT]);
        let rested = play.position(CRATE);
        assert!(rested.distance(middle(6.0)) < SETTLED / 2.0, "{rested}");
    }

    #[test]
    fn marks_pay_and_take_back() {
        let mut play = Play::new(&RULES, &["######", "#a...#", "#.ox.#", "#..ox#", "#....#", "######"]);
        play.step(DOWN);
        let (onto, _) = play.steps(&[RIGHT, WAIT]);
        assert!((onto - RULES.mark - 2.0 * RULES.step).abs() < 1e-5, "{onto}");
        let (beyond, end) = play.steps(&[RIGHT, WAIT]);
        assert!((beyond + RULES.mark - 2.0 * RULES.step).abs() < 1e-5, "{beyond}");
        assert_eq!(end, None);
    }

    #[test]
    fn a_yard_is_solved_when_every_mark_has_its_crate() {
        let mut play = Play::new(&RULES, &["########", "#.aox..#", "#..ox..#", "########"]);
        assert_eq!(play.steps(&[RIGHT, WAIT]).1, None);
        play.steps(&[LEFT, DOWN]);
        // Whether it is there within the step or slides on into the next.
        let (reward, end) = match play.step(RIGHT) {
            (_, None) => play.step(WAIT),
            last => last,
        };
        assert_eq!(end, Some(EpisodeEnd::Terminated));
        assert!(reward > RULES.goal + RULES.mark + 2.0 * RULES.step, "{reward}");
    }
}
