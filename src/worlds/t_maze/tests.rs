//! Rules of the published maze, step by step.

use std::path::Path;

use super::*;
use crate::algo::sac::SacConfig;
use crate::config::RunConfig;
use crate::experiment::{Experiment, Mode};
use crate::mdp::{Stream, rng};
use crate::sim::bodies::still::Still;
use crate::worlds::WorldChoice;

/// Observations, rewards and whether it ended after each of `actions`, from the start with the cue `goal`.
fn play(length: u32, goal: i8, actions: &[u16]) -> Vec<([f32; 2], f32, bool)> {
    let corridor = Corridor { length };
    let mut still = Still::of(&[]);
    let mut world = TMaze { goal, ..TMaze::default() };
    let rng = &mut rng(1, Stream::Evaluation, 0);
    let mut seen = Vec::new();
    let look = |world: &TMaze, bodies: &Bodies| {
        let mut vector = [9.0; 2];
        world.observe(&corridor, bodies, 0, &mut vector, &mut []);
        vector
    };
    seen.push((look(&world, &still.bodies()), 0.0, false));
    for &action in actions {
        let batch = ActionBatch::from_iter([Action::Discrete(action)]);
        world.apply(&corridor, &mut still.bodies(), &batch, 0);
        let mut rewards = [0.0];
        let end = world.judge(&corridor, &mut still.bodies(), &mut rewards, rng);
        seen.push((look(&world, &still.bodies()), rewards[0], end == Some(EpisodeEnd::Terminated)));
    }
    seen
}

#[test]
fn the_cue_is_seen_once_and_the_walk_ends_on_time() {
    let best = play(4, -1, &[RIGHT, RIGHT, RIGHT, RIGHT, DOWN]);
    let [nothing, junction] = [[0.0, 0.0], [1.0, 0.0]];
    let expected = [
        ([0.0, -1.0], 0.0, false),
        (nothing, 0.0, false),
        (nothing, 0.0, false),
        (nothing, 0.0, false),
        (junction, 0.0, false),
        ([1.0, -1.0], 1.0, true),
    ];
    assert_eq!(best, expected);
    assert_eq!(play(4, 1, &[RIGHT, RIGHT, RIGHT, RIGHT, DOWN])[5], ([1.0, -1.0], 0.0, true));
}

/// The cue is not shown again, and every step behind the fastest walker costs a share of the way.
#[test]
fn who_comes_back_to_the_start_sees_nothing_and_is_late() {
    let seen = play(4, 1, &[RIGHT, 2, UP, RIGHT, RIGHT]);
    let cues: Vec<f32> = seen.iter().map(|step| step.0[1]).collect();
    assert_eq!(cues, [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    let rewards: Vec<f32> = seen.iter().map(|step| step.1).collect();
    assert_eq!(rewards, [0.0, 0.0, -0.25, -0.25, -0.25, 0.0]);
    assert_eq!(seen.iter().map(|step| step.2).collect::<Vec<_>>(), [false, false, false, false, false, true]);
}

#[test]
fn lengths_are_levels() {
    let spec =
        |level: Option<&str>| WorldChoice::new("t-maze", level.map(Path::new)).map(|world| world.spec());
    assert_eq!(spec(None).unwrap().episode_limit, 51);
    assert_eq!(spec(Some("1500")).unwrap().episode_limit, 1501);
    for level in ["0", "1501", "-3", "long", "5.5"] {
        let error = spec(Some(level)).unwrap_err().to_string();
        assert_eq!(error, format!("level = {level}: allowed for t-maze: a whole number from 1 to 1500"));
    }
}

/// Every length has sequences of whole episodes; 50, which the file is for, is no different by number.
#[test]
fn every_length_has_its_settings() {
    let resolve = |sets: &[String]| RunConfig::resolve(Some("t-maze"), None, sets).unwrap();
    let usual = resolve(&[]);
    for length in [1, 2, 10, 49, 50, 51, 250, 1500] {
        for level in [format!("level={length}"), format!("level=\"{length}\"")] {
            let config = resolve(std::slice::from_ref(&level));
            let sac = config.learner.algorithm.get::<SacConfig>().unwrap();
            assert_eq!(sac.sequence.learn, length + 1, "{level}");
            assert_eq!(config.learner.batch_size % (length + 1), 0, "{level}");
            let world = WorldChoice::new("t-maze", Some(Path::new(&length.to_string()))).unwrap();
            Experiment::new(config.clone(), world, Mode::Watched).unwrap();
            if length == 50 {
                assert_eq!(RunConfig { level: None, ..config }, usual);
            }
        }
    }
    let own = resolve(&["sac.sequence.learn=7", "sac.sequence.stride=7", "level=10"].map(String::from));
    assert_eq!(own.learner.algorithm.get::<SacConfig>().unwrap().sequence.learn, 7, "what is set counts");
}
