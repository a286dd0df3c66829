//! Vector environments: the same alone and among many, and what they refuse.

use super::*;
use crate::mdp::WorldOptions;

/// An environment of `num_envs` arenas of `name`, where the caller plays slot 0 against `opponent`.
fn env(name: &str, num_envs: usize, opponent: &str) -> VectorEnv {
    let world = WorldChoice::new(name, None).unwrap();
    let lineup = Lineup::against(&world, "random", opponent).unwrap();
    let config = VectorEnvConfig { num_envs, threads: 2, episode_limit: Some(100) };
    VectorEnv::new(&world, lineup, &config).unwrap()
}

fn seen(env: &mut VectorEnv) -> (Vec<f32>, Vec<u8>) {
    let (rows, space) = (env.num_envs() * env.players(), env.spec().observation.clone());
    let (mut vector, mut grid) = (vec![0.0; rows * space.vector_len()], vec![0; rows * space.grid_len()]);
    env.observe(&mut vector, &mut grid).unwrap();
    (vector, grid)
}

/// The action of an environment in a step: anything, but the same every time.
fn action(seed: u64, step: usize, actions: usize) -> i64 {
    ((seed as usize * 7919 + step * step * 31 + step / 3) % actions) as i64
}

#[test]
fn an_environment_among_many_plays_like_one_alone() {
    for (name, opponent) in [
        ("lander", "scripted"),
        ("beam-carry", "scripted"),
        ("paddle-duel", "random"),
        ("paddle-duel", "shipped"),
        ("lava-room", "scripted"),
        ("cartpole", "scripted"),
    ] {
        let seeds = [11, 12, 13];
        let mut many = env(name, seeds.len(), opponent);
        many.begin(&seeds.map(Begin::Seeded));
        let mut alone = seeds.map(|seed| {
            let mut one = env(name, 1, opponent);
            // What happened before has no effect.
            one.step(Actions::Discrete(&[0])).unwrap();
            one.begin(&[Begin::Seeded(seed)]);
            one
        });
        let (actions, mut ends) = (many.spec().action.len(), 0);
        for step in 0..300 {
            let chosen = seeds.map(|seed| action(seed, step, actions));
            let together = many.step(Actions::Discrete(&chosen)).unwrap().clone();
            let (vector, grid) = seen(&mut many);
            for (index, one) in alone.iter_mut().enumerate() {
                let own = one.step(Actions::Discrete(&chosen[index..=index])).unwrap().clone();
                let sees = seen(one);
                let share = |whole: usize| whole / seeds.len() * index..whole / seeds.len() * (index + 1);
                assert_eq!(sees.0, vector[share(vector.len())], "{name}, step {step}");
                assert_eq!(sees.1, grid[share(grid.len())], "{name}, step {step}");
                assert_eq!(own.rewards[0], together.rewards[index], "{name}, step {step}");
                let end =
                    |outcome: &StepOutcome, env: usize| (outcome.terminated[env], outcome.truncated[env]);
                assert_eq!(end(&own, 0), end(&together, index), "{name}, step {step}");
                ends += usize::from(own.ended(0));
                one.begin_ended();
            }
            many.begin_ended();
        }
        assert!(ends > 0, "{name}: no episode ended");
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    for (name, opponent) in [
        ("lander", "scripted"),
        ("paddle-duel", "random"),
        ("paddle-duel", "shipped"),
        ("cartpole", "scripted"),
    ] {
        let world = WorldChoice::new(name, None).unwrap();
        let num_envs = if name == "cartpole" { 200 } else { 29 };
        let mut envs = [1, 2, 3].map(|threads| {
            let lineup = Lineup::against(&world, "random", opponent).unwrap();
            let config = VectorEnvConfig { num_envs, threads, episode_limit: Some(40) };
            VectorEnv::new(&world, lineup, &config).unwrap()
        });
        assert!(envs[0].shards.len() == 1 && envs[1].shards.len() == 2, "{name}");
        let actions = envs[0].spec().action.len();
        for step in 0..60 {
            let chosen: Vec<i64> = (0..num_envs).map(|env| action(env as u64, step, actions)).collect();
            // The starts of seed 0 come first, then every other arena has one of its own.
            if step == 20 {
                let seed = |env| if env % 2 == 0 { Begin::Seeded(env as u64) } else { Begin::Not };
                let begins: Vec<Begin> = (0..num_envs).map(seed).collect();
                envs.iter_mut().for_each(|env| env.begin(&begins));
            }
            let all: Vec<_> = envs
                .iter_mut()
                .map(|env| {
                    let outcome = env.step(Actions::Discrete(&chosen)).unwrap().clone();
                    let last = seen(env);
                    env.begin_ended();
                    (outcome.rewards, outcome.terminated, outcome.truncated, outcome.scores, last, seen(env))
                })
                .collect();
            assert!(all[0] == all[1] && all[0] == all[2], "{name}, step {step}");
        }
    }
}

/// The same env, stepped with a way of beginning episodes and by hand.
#[test]
fn episodes_begin_by_themselves_as_by_hand() {
    for autoreset in [Autoreset::NextStep, Autoreset::SameStep, Autoreset::Disabled] {
        let [mut own, mut hand] = [(); 2].map(|()| env("lava-room", 20, "scripted"));
        assert_eq!(own.shards.len(), 2);
        let (actions, mut ends) = (own.spec().action.len(), 0);
        for step in 0..150 {
            let chosen: Vec<i64> = (0..20).map(|env| action(env as u64, step, actions)).collect();
            let (mut now, mut last) = (seen(&mut own), seen(&mut own));
            let blank = last.clone();
            let views = [&mut now, &mut last].map(|(vector, grid)| Seen { vector, grid });
            let found = own.step_into(Actions::Discrete(&chosen), autoreset, views).unwrap().clone();
            let waited: Vec<bool> = (0..20).map(|env| hand.has_ended(env)).collect();
            let expected = hand.step(Actions::Discrete(&chosen)).unwrap().clone();
            let (rows, final_vector) = (now.0.len() / 20, seen(&mut hand).0);
            match autoreset {
                Autoreset::SameStep => hand.begin_ended(),
                Autoreset::NextStep => {
                    let next = |waited: &bool| if *waited { Begin::Next } else { Begin::Not };
                    hand.begin(&waited.iter().map(next).collect::<Vec<Begin>>());
                }
                Autoreset::Disabled if step % 40 == 39 => {
                    own.begin_ended();
                    hand.begin_ended();
                    continue;
                }
                Autoreset::Disabled => {}
            }
            assert_eq!(
                (&found.rewards, &found.terminated),
                (&expected.rewards, &expected.terminated),
                "{step}"
            );
            assert_eq!(found.truncated, expected.truncated, "{step}");
            assert_eq!(now, seen(&mut hand), "{autoreset:?}, step {step}");
            for env in 0..20 {
                let row = env * rows..(env + 1) * rows;
                let ended = autoreset == Autoreset::SameStep && expected.ended(env);
                let wanted = if ended { &final_vector[row.clone()] } else { &blank.0[row.clone()] };
                assert_eq!(&last.0[row], wanted, "{autoreset:?}, step {step}, environment {env}");
                ends += usize::from(expected.ended(env));
            }
        }
        assert!(ends > 20, "{autoreset:?}: {ends} ends");
        let before = seen(&mut own);
        let (mut vector, mut grid) = (vec![0.0; 1], Vec::new());
        let views = [(); 2].map(|()| (vec![0.0; before.0.len()], vec![0; before.1.len()]));
        let [(mut last_vector, mut last_grid), _] = views;
        let short = Seen { vector: &mut vector, grid: &mut grid };
        let whole = Seen { vector: &mut last_vector, grid: &mut last_grid };
        let said = own.step_into(Actions::Discrete(&[0; 20]), autoreset, [short, whole]).unwrap_err();
        assert!(said.to_string().contains("an array of 1 values"), "{said}");
        assert_eq!(seen(&mut own), before, "nothing has moved");
        // Arenas of the second share are drawn too.
        assert_eq!(own.picture(19).map(|(_, size)| size), own.picture(0).map(|(_, size)| size));
        assert!(own.picture(20).is_none());
    }
}

#[test]
fn an_ended_episode_stands_still_until_another_begins() {
    let mut env = env("cartpole", 2, "scripted");
    env.begin(&[Begin::Seeded(1), Begin::Seeded(2)]);
    while !env.step(Actions::Discrete(&[1, 0])).unwrap().ended(0) {
        if env.has_ended(1) {
            env.begin(&[Begin::Not, Begin::Next]);
        }
    }
    let last = seen(&mut env).0[..4].to_vec();
    assert!(env.has_ended(0) && last[2].abs() > 0.2, "{last:?} is no fallen pole");
    // Anything may be given to it, NaN or not.
    let outcome = env.step(Actions::Discrete(&[99, 0])).unwrap().clone();
    assert_eq!((outcome.rewards[0], outcome.ended(0)), (0.0, false));
    assert_eq!(seen(&mut env).0[..4], last);
    env.begin_ended();
    assert!(!env.has_ended(0) && seen(&mut env).0[2].abs() < 0.05);
}

#[test]
fn the_limit_of_episodes_is_the_one_asked_for() {
    let world = WorldChoice::new("lander", None).unwrap();
    let config = VectorEnvConfig { num_envs: 1, threads: 1, episode_limit: Some(5) };
    let mut env = VectorEnv::new(&world, Lineup::alone(&world.spec()), &config).unwrap();
    let ends: Vec<bool> = (0..5).map(|_| env.step(Actions::Discrete(&[0])).unwrap().truncated[0]).collect();
    assert_eq!(ends, [false, false, false, false, true]);
    assert_eq!(env.spec().episode_limit, 5);
}

#[test]
fn what_cannot_be_played_is_refused_in_a_line() {
    let world = WorldChoice::new("paddle-duel", None).unwrap();
    let spec = world.spec();
    let new = |players: &[Controller], num_envs: usize, episode_limit: Option<u32>| {
        let lineup = Lineup { players: players.to_vec(), ..Lineup::default() };
        let config = VectorEnvConfig { num_envs, threads: 1, episode_limit };
        VectorEnv::new(&world, lineup, &config).err().map(|error| error.to_string()).unwrap_or_default()
    };
    let both = [Controller::External, Controller::External];
    for (said, part) in [
        (new(&both, 0, None), "num_envs = 0"),
        (new(&both, MOST_ENVS + 1, None), "num_envs"),
        (new(&both, 1, Some(0)), "max_episode_steps = 0"),
        (new(&both[..1], 1, None), "1 players for 2 slots"),
        (new(&[Controller::Random, Controller::Scripted], 1, None), "no slot"),
    ] {
        assert!(said.contains(part) && !said.contains('\n'), "{said}");
    }
    let mut env =
        VectorEnv::new(&world, Lineup::alone(&spec), &VectorEnvConfig { num_envs: 1, ..Default::default() })
            .unwrap();
    for (actions, part) in [
        (Actions::Discrete(&[0]), "an array of 1 values: 2 are needed"),
        (Actions::Discrete(&[0, 99]), "environment 0: action 99"),
        (Actions::Discrete(&[-1, 0]), "action -1"),
        (Actions::Continuous(&[0.0, 0.0]), "another kind"),
    ] {
        let said = env.step(actions).unwrap_err().to_string();
        assert!(said.contains(part) && !said.contains('\n'), "{said}");
    }
    let options = WorldOptions { actions: Some(crate::mdp::ActionKind::Continuous), ..Default::default() };
    let lander = WorldChoice::with_options("lander", None, &options).unwrap();
    let config = VectorEnvConfig { num_envs: 1, ..Default::default() };
    let mut lander = VectorEnv::new(&lander, Lineup::alone(&lander.spec()), &config).unwrap();
    let said = lander.step(Actions::Continuous(&[0.5, f32::NAN])).unwrap_err().to_string();
    assert!(said.contains("environment 0") && said.contains("NaN"), "{said}");
    lander.step(Actions::Continuous(&[9.0, -9.0])).unwrap();
    for player in ["no-such.agent", "no/such/folder", "src/worlds/lander/lander.agent"] {
        let said = Lineup::against(&world, "random", player).err().unwrap().to_string();
        assert!(said.contains(player) && !said.contains('\n'), "{said}");
    }
}

#[test]
fn a_grid_has_its_channels_last() {
    let mut env = env("lava-room", 2, "scripted");
    env.begin(&[Begin::Seeded(1), Begin::Seeded(2)]);
    let (_, grid) = seen(&mut env);
    let shape = env.spec().observation.grid.unwrap();
    let own = env.shards[0].own_grids();
    assert!(own[0] != own[1] && own[0].iter().any(|byte| *byte > 0));
    for (at, byte) in grid.iter().enumerate() {
        let (channel, rest) = (at % shape.channels, at / shape.channels);
        let (column, rest) = (rest % shape.width, rest / shape.width);
        let (line, arena) = (rest % shape.height, rest / shape.height);
        assert_eq!(*byte, own[arena][(channel * shape.height + line) * shape.width + column]);
    }
}
