//! crate-yard: push a crate onto every mark. The engine is in `rooms`, the planning in `level::solve`.
#![doc = include_str!("README.md")]

use super::{Plane, Room, Rooms, Rules, Win, way};
use crate::mdp::Action;
use crate::sim::Bodies;
#[cfg(feature = "arcade")]
use crate::worlds::WorldArt;
use crate::worlds::WorldEntry;
use crate::worlds::rooms::level::{Kind, generate};

/// The world.
pub const WORLD: WorldEntry = WorldEntry {
    experiment: include_str!("experiment.toml"),
    agents: &[
        ("crate-yard-1.agent", include_bytes!("crate-yard-1.agent")),
        ("crate-yard-2.agent", include_bytes!("crate-yard-2.agent")),
        ("crate-yard-3.agent", include_bytes!("crate-yard-3.agent")),
    ],
    rooms: Some(&RULES),
    pictured_level: 2,
    #[cfg(feature = "arcade")]
    art: Some(WorldArt {
        plugin: super::art::plugin,
        thumbnail: include_bytes!("thumbnail.png"),
        film: include_bytes!("thumbnail.gif"),
    }),
    ..WorldEntry::new(RULES.name, module_path!(), |asked| asked.room(&RULES))
};

/// Its rules.
pub const RULES: Rules = Rules {
    name: "crate-yard",
    summary: "Push a crate onto every mark, and none where it cannot be got out again.",
    kind: Kind { symbols: "ox~*", needs: &[('a', 1, "start"), ('x', 1, "mark"), ('o', 1, "crate")] },
    levels: &[
        ("crate-yard-1.ron", include_str!("../../../../levels/crate-yard-1.ron")),
        ("crate-yard-2.ron", include_str!("../../../../levels/crate-yard-2.ron")),
        ("crate-yard-3.ron", include_str!("../../../../levels/crate-yard-3.ron")),
        ("crate-yard-4.ron", include_str!("../../../../levels/crate-yard-4.ron")),
        ("crate-yard-5.ron", include_str!("../../../../levels/crate-yard-5.ron")),
        ("crate-yard-6.ron", include_str!("../../../../levels/crate-yard-6.ron")),
    ],
    generator: Some(&generate::CRATES),
    teams: &[0],
    win: Win::Marks,
    planes: &[Plane::Solid, Plane::Mark, Plane::Crate, Plane::Own],
    goal: 1.0,
    loss: -1.0,
    mark: 0.25,
    key: 0.0,
    step: -0.01,
    // A crate pushed by one cell slides the last quarter of it and stops near the center.
    crate_damping: 28.0,
    table: None,
    scripted_action,
};

/// Plays a solution with the fewest pushes, one cell each; waits if the yard cannot be solved.
fn scripted_action(room: &Room, rooms: &Rooms, bodies: &Bodies, slot: usize) -> Action {
    way::pushing(room, rooms, bodies, slot).unwrap_or(Action::Discrete(0))
}

#[cfg(test)]
mod tests {
    use bevy::prelude::Vec2;

    use super::*;
    use crate::mdp::EpisodeEnd;
    use crate::worlds::rooms::SETTLED;
    use crate::worlds::rooms::play::{DOWN, LEFT, Play, RIGHT, WAIT};

    /// The body of the first crate: the walker and the walls come before it.
    const CRATE: usize = 2;

    #[test]
    fn a_crate_pushed_one_cell_slides_a_little_and_stops_near_the_middle_of_the_next() {
        let mut play = Play::new(&RULES, &["#########", "#a.o...x#", "#########"]);
        let middle = |cell: f32| Vec2::new(cell - 4.0, 0.0);
        // The walker stops where the crate was.
        play.steps(&[RIGHT, RIGHT]);
        let pushed = play.position(CRATE);
        play.steps(&[WAIT; 4]);
        let rested = play.position(CRATE);
        assert!(rested.x - pushed.x > 0.1, "it stops dead: {pushed} {rested}");
        assert!(rested.distance(middle(4.0)) < SETTLED / 2.0, "{rested}");
        // The same holds for repeated pushes.
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
        // Whether it arrives within the step or slides on into the next.
        let (reward, end) = match play.step(RIGHT) {
            (_, None) => play.step(WAIT),
            last => last,
        };
        assert_eq!(end, Some(EpisodeEnd::Terminated));
        assert!(reward > RULES.goal + RULES.mark + 2.0 * RULES.step, "{reward}");
    }
}
