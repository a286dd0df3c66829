//! Rules of volley, without physics.

use super::script::landing;
use super::*;
use crate::mdp::{Stream, rng};
use crate::sim::bodies::still::Still;

fn match_of(seed: u64) -> (Volley, Still, Rng) {
    let (mut game, bodies) = Volley::build(&Beach);
    let (mut still, mut rng) = (Still::of(&bodies), rng(seed, Stream::Environment, 0));
    game.reset(&Beach, &mut still.bodies(), &mut rng);
    (game, still, rng)
}

#[test]
fn the_ball_on_the_floor_costs_a_life_and_the_fifth_one_the_match() {
    let (mut game, mut still, mut rng) = match_of(1);
    for lost in 1..=LIVES {
        let mut rewards = [0.0; 2];
        still.bodies().place(BALL, Vec2::new(-5.0, FLOOR + 0.2));
        let end = game.judge(&Beach, &mut still.bodies(), &mut rewards, &mut rng);
        assert_eq!(rewards, [-POINT, POINT]);
        assert_eq!(game.lives(), [LIVES - lost, LIVES]);
        assert_eq!(end.is_some(), lost == LIVES);
    }
    assert_eq!(game.outcome(1), Outcome { success: true, score: 5.0 });
}

#[test]
fn a_fourth_touch_in_a_row_loses_the_rally_and_the_way_over_the_net_forgives_all() {
    let (mut game, mut still, mut rng) = match_of(1);
    let mut play = |game: &mut Volley, x: f32, touches: u32| {
        let mut rewards = [0.0; 2];
        still.bodies().place(BALL, Vec2::new(x, 0.0));
        for _ in 0..touches {
            game.quiet = ONE_TOUCH + 1;
            game.touch(0);
            // Still the same touch.
            game.touch(0);
        }
        game.judge(&Beach, &mut still.bodies(), &mut rewards, &mut rng);
        rewards
    };
    play(&mut game, -1.0, 0);
    assert_eq!(play(&mut game, -1.0, MOST_TOUCHES), [0.0; 2]);
    assert_eq!(play(&mut game, 1.0, 0), [RETURN, 0.0]);
    play(&mut game, -1.0, 0);
    assert_eq!(play(&mut game, -1.0, MOST_TOUCHES + 1), [-POINT, POINT]);
}

#[test]
fn serves_come_down_where_the_receiver_can_be() {
    for seed in 0..200 {
        let (game, mut still, _) = match_of(seed);
        let bodies = still.bodies();
        let place = landing(bodies.position(BALL), bodies.velocity(BALL), HEAD) * side(game.over);
        assert!((-9.0..-2.0).contains(&place), "{place}");
    }
}

#[test]
fn no_ball_rests_on_a_head() {
    let (_, mut still, _) = match_of(1);
    let mut bodies = still.bodies();
    bodies.place(BALL, Vec2::new(-5.0, HEAD));
    Volley::bounce(&mut bodies, PLAYERS[0]);
    assert!((bodies.velocity(BALL) - Vec2::Y * LEAST_BOUNCE).length() < 1e-4);
}
