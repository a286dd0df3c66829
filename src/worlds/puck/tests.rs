//! Rules of puck, without physics.

use super::*;
use crate::mdp::{Stream, rng};
use crate::sim::bodies::still::Still;

const PAIRS: Sides = Sides { players: 2, continuous: false };

fn judged(game: &mut Puck, still: &mut Still, place: Vec2) -> (Vec<f32>, Option<EpisodeEnd>) {
    let mut rewards = vec![0.0; PAIRS.slots()];
    still.bodies().place(PUCK, place);
    let mut rng = rng(1, Stream::Environment, 0);
    let end = game.judge(&PAIRS, &mut still.bodies(), &mut rewards, &mut rng);
    (rewards, end)
}

#[test]
fn a_goal_pays_both_of_a_side_and_the_third_one_ends_the_match() {
    let (mut game, bodies) = Puck::build(&PAIRS);
    let mut still = Still::of(&bodies);
    for goal in 1..=WINNING_SCORE {
        let (rewards, end) = judged(&mut game, &mut still, Vec2::new(-10.5, 0.5));
        assert_eq!(rewards, [-GOAL, -GOAL, GOAL, GOAL]);
        assert_eq!((game.scores(), end.is_some()), ([0, goal], goal == WINNING_SCORE));
        // To the side that conceded.
        assert!(end.is_some() || still.bodies().velocity(PUCK).x < 0.0);
    }
    assert_eq!(game.outcome(3), Outcome { success: true, score: 3.0 });
    assert_eq!(game.outcome(1), Outcome { success: false, score: -3.0 });
}

#[test]
fn a_shot_is_a_puck_that_was_played_into_the_other_half() {
    let (mut game, bodies) = Puck::build(&PAIRS);
    let mut still = Still::of(&bodies);
    assert_eq!(judged(&mut game, &mut still, Vec2::X).0, [0.0; 4]);
    game.played = true;
    assert_eq!(judged(&mut game, &mut still, Vec2::NEG_X).0, [0.0, 0.0, SHOT, SHOT]);
    assert_eq!(judged(&mut game, &mut still, Vec2::X).0, [0.0; 4]);
}

#[test]
fn whoever_keeps_the_puck_gives_it_away() {
    let (mut game, bodies) = Puck::build(&PAIRS);
    let mut still = Still::of(&bodies);
    (0..LONGEST_STAY).for_each(|_| _ = judged(&mut game, &mut still, Vec2::new(-3.0, 1.0)));
    assert_eq!(still.bodies().velocity(PUCK), Vec2::ZERO);
    assert_eq!(judged(&mut game, &mut still, Vec2::new(-3.0, 1.0)).0, [0.0; 4]);
    assert!(still.bodies().velocity(PUCK).x > 0.0);
}
