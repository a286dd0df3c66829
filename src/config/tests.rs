//! Tests of configuration layers, writing and refusals.

use std::path::PathBuf;

use super::*;
use crate::nn::{ConvLayer, Encoder, Padding};

fn set(sets: &[&str]) -> Result<RunConfig, String> {
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    RunConfig::resolve(None, None, &sets).map_err(|error| error.to_string())
}

/// Writes `text` to a file and reads it as `--config` and as a run's own.
fn files(text: &str) -> [Result<RunConfig, String>; 2] {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, text).unwrap();
    [RunConfig::resolve(None, Some(&path), &[]), RunConfig::written(&path)]
        .map(|result| result.map_err(|error| error.to_string()))
}

fn sac(config: &RunConfig) -> &crate::algo::sac::SacConfig {
    config.learner.algorithm.get().unwrap()
}

#[test]
fn a_written_configuration_reads_back_the_same() {
    let off = ["learner.prioritized=none", "learner.human_share=none"];
    let on = ["sac.q_clip=0.5", "sac.grad_clip=.5", "run.target_return=1", "run.eval_every=10", "level=2"];
    let largest = ["seed=9223372036854775807", "steps=9223372036854775807"];
    for env in worlds::names() {
        let memory = ["sac.encoder.mode=auto", "learner.prioritized=none"];
        let memory = [&memory[..], &["sac.sequence.stride=10", "sac.sequence.learn=30"]].concat();
        let lstm = [&memory[..], &["sac.memory.kind=lstm", "sac.memory.embed=8"]].concat();
        let attends =
            [&memory[..], &["sac.memory={kind = \"gru\", skip = true}", "sac.memory.kind=transformer"]]
                .concat();
        for sets in [&["world.velocity_masked=true"][..], &off, &on, &largest, &lstm, &attends] {
            let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
            let config = RunConfig::resolve(Some(env), None, &sets).unwrap();
            for read in files(&config.to_toml()) {
                assert_eq!(read.unwrap(), config, "{env} {sets:?}");
            }
        }
    }
}

/// A world's experiment is tuned for one memory, and another one is a single `--set` away.
#[test]
fn every_memory_goes_with_every_world() {
    for env in worlds::names() {
        for kind in ["none", "lstm", "gru", "transformer"] {
            for level in [None, Some("2"), Some("3")] {
                let sets = [format!("sac.memory.kind={kind}")];
                let config = RunConfig::resolve_on(Some(env), level, None, &sets);
                assert!(config.is_ok(), "{env} {level:?} {kind}: {config:?}");
            }
        }
    }
    let sets = ["sac.memory.kind=none", "sac.sequence.learn=30"].map(str::to_owned);
    let asked = RunConfig::resolve(Some("t-maze"), None, &sets).unwrap_err().to_string();
    assert!(asked.contains("sac.sequence"), "{asked}");
}

/// An option can be turned off in every layer, and stays off regardless of the layers below.
#[test]
fn options_of_an_experiment_can_be_switched_off() {
    let with = |sets: &[&str]| {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        RunConfig::resolve(Some("lava-room"), None, &sets).unwrap()
    };
    assert!(with(&[]).learner.prioritized.is_some());
    let off = with(&["learner.prioritized=none"]);
    assert_eq!(off.learner.prioritized, None);
    assert_eq!(
        off,
        RunConfig { learner: LearnerConfig { prioritized: None, ..off.learner.clone() }, ..with(&[]) }
    );
    // The last one wins.
    assert!(
        with(&["learner.prioritized=none", "learner.prioritized.epsilon=0.1"]).learner.prioritized.is_some()
    );
    let files =
        files("env = \"lava-room\"\n[learner]\nprioritized = \"none\"\n[sac]\ngrad_clip = \"none\"\n");
    assert!(files.into_iter().all(|config| config.unwrap().learner.prioritized.is_none()));
    let on = with(&[
        "sac.grad_clip=1",
        "sac.value_network={}",
        "run.eval_every=5",
        "run.target_return=3",
        "level=2",
    ]);
    let again = on.with(
        &["sac.grad_clip", "sac.value_network", "run.target_return", "level"]
            .map(|key| format!("{key}=none")),
    );
    assert_eq!(again.unwrap(), with(&["run.eval_every=5"]));
    // Every option that can be absent is written explicitly.
    let text = off.to_toml();
    for key in RunConfig::options() {
        let key = key.rsplit('.').next().unwrap();
        assert!(
            text.contains(&format!("{key} = \"none\"\n")) || text.contains(&format!("{key}]\n")),
            "{key}: {text}"
        );
    }
    // Only optional values can be.
    for key in ["sac.gamma", "seed", "device", "learner.replay_capacity"] {
        let expected = format!("--set {key}=none: cannot be switched off; give a value, or leave it out");
        assert_eq!(set(&[&format!("{key}=none")]).unwrap_err(), expected);
    }
    assert!(set(&["sac.gama=none"]).unwrap_err().contains("unknown field `gama`"));
}

/// Further lines of a `--set` are refused, not ignored.
#[test]
fn a_setting_is_one_line() {
    for text in ["sac.gamma=0.9\nlearner.batch_size=0", "sac.gamma=0.9\r\nx=1", "env=\"a\"\nb"] {
        let error = set(&[text]).unwrap_err();
        assert!(error.contains("has several lines") && error.lines().count() == 1, "{error}");
    }
}

#[test]
fn continuous_actions_have_settings_of_their_own() {
    let steps = |sets: &[&str], file: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, file).unwrap();
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        RunConfig::resolve(Some("lander"), Some(&path), &sets).unwrap().steps
    };
    let written = "[world]\nactions = \"continuous\"\n";
    let [discrete, continuous] = [steps(&[], ""), steps(&["world.actions=continuous"], "")];
    assert_ne!(discrete, continuous);
    assert_eq!(steps(&[], written), continuous);
    assert_eq!(steps(&["world.actions=discrete"], written), discrete);
    let table = "world={actions=\"continuous\", frame_stack=2}";
    assert_eq!(steps(&[table], ""), continuous);
    assert_eq!(steps(&[table, "world.actions=discrete"], ""), discrete);
    assert_eq!(steps(&["world={actions=\"discrete\"}"], written), discrete);
    assert_eq!(steps(&["world.actions=continuous", "steps=7"], "steps = 9"), 7);
    // Whatever a world's file says, it goes with both kinds.
    for entry in crate::worlds::CATALOGUE.iter().filter(|entry| !entry.continuous_experiment.is_empty()) {
        let set = ["world.actions=continuous".to_owned()];
        let config = RunConfig::resolve(Some(entry.name), None, &set).unwrap();
        let world = crate::experiment::level::world_in(&config, None).unwrap();
        config.learner.algorithm.fits(&world.spec(), config.learner.replay_capacity).unwrap();
    }
}

/// A run's own file is complete: an option added to the experiment later is not turned on in it.
#[test]
fn a_runs_own_file_has_no_experiment_below_it() {
    let [given, own] = files("env = \"lava-room\"\n");
    assert!(given.unwrap().learner.prioritized.is_some());
    assert_eq!(own.unwrap(), RunConfig::default());
}

#[test]
fn integers_beyond_a_files_range_are_refused_wherever_they_are_given() {
    let allowed = "9223372036854775807";
    for (key, number) in
        [("seed", "9223372036854775808"), ("steps", "18446744073709551615"), ("seed", "1e30")]
    {
        let error = set(&[&format!("{key}={number}")]).unwrap_err();
        assert!(error.starts_with(&format!("--set {key}={number}: ")), "{error}");
        assert!(error.contains(allowed) || number == "1e30", "{error}");
        for error in files(&format!("arenas = 2\n{key} = {number}\n")) {
            let error = error.unwrap_err();
            assert!(error.contains("config.toml:2: ") && error.lines().count() == 1, "{error}");
            assert!(error.contains(allowed) || number == "1e30", "{error}");
        }
    }
    let config = RunConfig { seed: 1 << 63, ..RunConfig::default() };
    assert!(config.validate().unwrap_err().to_string().contains(allowed));
}

#[test]
fn numbers_are_read_as_people_write_them() {
    for (text, gamma) in [(".98", 0.98), ("0.5", 0.5), ("+.25", 0.25), ("0", 0.0), ("0.", 0.0), (" .5 ", 0.5)]
    {
        assert_eq!(sac(&set(&[&format!("sac.gamma={text}")]).unwrap()).gamma, gamma, "{text}");
    }
    assert!(set(&["sac.gamma=-.5"]).unwrap_err().contains("sac.gamma = -0.5: allowed:"));
    assert!(set(&["sac.gamma=high"]).unwrap_err().contains("the text \"high\" where a number belongs"));
    assert!(set(&["sac.gamma=."]).unwrap_err().contains("the text \".\" where a number belongs"));
    assert_eq!(set(&["level=random:2:50"]).unwrap().level, Some(PathBuf::from("random:2:50")));
}

/// Bounds for watched and other runs keep both values until one is changed in a watched run.
#[test]
fn changes_in_a_watched_run_apply_to_every_resume() {
    let begun = set(&["learner.gradient_steps_per_env_step=0.25", "learner.learning_starts=9000"]).unwrap();
    let used = begun.learner.clone().watched();
    assert_eq!((used.gradient_steps_per_env_step, used.learning_starts), (1.0, 2000));
    assert_eq!(begun.recorded(&used), begun);
    let mut tuned = used.clone();
    tuned.gradient_steps_per_env_step = 3.0;
    tuned.algorithm.get_mut::<crate::algo::sac::SacConfig>().unwrap().gamma = 0.5;
    let recorded = begun.recorded(&tuned);
    assert_eq!((sac(&recorded).gamma, recorded.learner.algorithm.gamma()), (0.5, 0.5));
    assert_eq!(recorded.learner.gradient_steps_per_env_step, 3.0);
    assert_eq!(recorded.learner.learning_starts, 9000);
    assert_eq!(recorded.learner.clone().watched(), tuned.settled());
    // As after an undo.
    assert_eq!(begun.recorded(&used), begun);
}

#[test]
fn every_algorithm_is_written_and_read_back() {
    for algorithm in AlgorithmConfig::all() {
        let config = RunConfig::default().with_algorithm(algorithm);
        for read in files(&config.to_toml()) {
            assert_eq!(read.unwrap(), config);
        }
        let text = settings_to_toml(&config.learner);
        assert_eq!(settings_from_toml(&text).unwrap(), config.learner.settled(), "{text}");
    }
}

#[test]
fn settings_read_back_the_same_and_mistakes_are_placed() {
    let config = set(&["sac.gamma=0.9", "learner.prioritized={}", "learner.n_step=3"]).unwrap().learner;
    let text = settings_to_toml(&config);
    assert_eq!(settings_from_toml(&text).unwrap(), config.clone().settled());
    assert!(!text.contains("live_") && text.contains("human_share = \"none\""), "{text}");
    let watched = settings_from_toml("[learner]\nlive_learning_starts = 3\n").unwrap_err().to_string();
    assert!(watched.contains("now change learner.learning_starts"), "{watched}");
    let misspelt = settings_from_toml("[sac]\ngama = 0.9\n").unwrap_err().to_string();
    assert!(misspelt.starts_with("settings:2: unknown field `gama`"), "{misspelt}");
    let foreign = settings_from_toml("seed = 3\n").unwrap_err().to_string();
    assert_eq!(foreign, "settings: seed is not a setting of the learner: allowed: [learner], [sac]");
    let high = settings_from_toml("[sac]\ngamma = 2.0\n").unwrap_err().to_string();
    assert!(high.contains("sac.gamma = 2: allowed:"), "{high}");
}

#[test]
fn an_encoder_is_set_whole_or_by_its_mode() {
    let config = set(&["sac.encoder={mode = \"conv\", layers = [{channels = 8, kernel = 3}]}"]).unwrap();
    let layer = ConvLayer { channels: 8, kernel: 3, stride: 1, padding: Padding::Same };
    assert_eq!(sac(&config).encoder, Encoder::Conv { layers: vec![layer] });
    assert!(files(&config.to_toml()).into_iter().all(|read| read.unwrap() == config));
    assert_eq!(sac(&set(&["sac.encoder.mode=flat"]).unwrap()).encoder, Encoder::Flat);
}

#[test]
fn values_are_set_by_dotted_keys() {
    let config = set(&["sac.temperature.target_entropy_fraction=0.3"]).unwrap();
    assert_eq!(
        sac(&config).temperature,
        crate::algo::sac::Temperature::Learned { target_entropy_fraction: 0.3 }
    );
    let config = set(&["sac.target_update.tau=0.01"]).unwrap();
    assert_eq!(sac(&config).target_update, crate::algo::sac::TargetUpdate::Soft { tau: 0.01 });
    let config = set(&["sac.gamma=0.9", "arenas=3", "sac.temperature={mode = \"fixed\"}"]).unwrap();
    assert_eq!((sac(&config).gamma, config.arenas), (0.9, 3));
    assert_eq!(sac(&config).temperature, crate::algo::sac::Temperature::Fixed);
    assert_eq!(config.learner.algorithm.gamma(), 0.9);
    // Setting any of its values switches prioritized replay on.
    let config = set(&["learner.prioritized.priority_exponent=0.5"]).unwrap();
    let prioritized = crate::learner::PrioritizedConfig { priority_exponent: 0.5, ..Default::default() };
    assert_eq!(config.learner.prioritized, Some(prioritized));
    assert_eq!(set(&["learner.prioritized={}"]).unwrap().learner.prioritized, Some(Default::default()));
    assert!(config.to_toml().contains("[learner.prioritized]"));
}

/// Entries of a table that only a kind has may stand before it, in any place.
#[test]
fn the_order_of_settings_only_matters_for_one_key() {
    let memory = |sets: &[&str]| {
        let flat = ["sac.encoder.mode=auto", "learner.prioritized=none"];
        sac(&set(&[&flat[..], sets].concat()).unwrap()).memory.clone()
    };
    let kind = "sac.memory.kind=gru";
    let expected = memory(&["sac.memory={kind=\"gru\",hidden=24,skip=true}"]);
    for sets in [
        [kind, "sac.memory.hidden=24", "sac.memory.skip=true"],
        ["sac.memory.hidden=24", kind, "sac.memory.skip=true"],
        ["sac.memory.hidden=24", "sac.memory.skip=true", kind],
    ] {
        assert_eq!(memory(&sets), expected, "{sets:?}");
    }
    let later = ["sac.memory={kind=\"lstm\",hidden=24}", "sac.memory.skip=true", kind];
    let other = memory(&["sac.memory={kind=\"gru\",skip=true}"]);
    assert_eq!(memory(&later), other, "the table first; another kind begins with its own defaults");
    let again = ["sac.memory.kind=lstm", "sac.memory.hidden=24", kind, "sac.memory.skip=true"];
    assert_eq!(memory(&again), expected, "the last kind counts");
    let alone = set(&["sac.memory.hidden=24"]).unwrap_err();
    assert!(alone.ends_with("hidden=24: missing field `kind`; give it in a --set of its own"), "{alone}");
}

#[test]
fn variants_of_the_algorithm_are_set_and_read_back() {
    let config = set(&[
        "sac.value_network.learning_rate=0.002",
        "sac.actor_gradient={mode = \"gumbel\", samples = 2, relaxation = 0.5}",
        "sac.temperature={mode = \"annealed\", upper_fraction = 0.9, lower_fraction = 0.2, steps = 1000}",
        "sac.critic_head=dueling",
        "sac.entropy_penalty=0.5",
    ])
    .unwrap();
    assert_eq!(sac(&config).value_network, Some(crate::algo::sac::ValueNetwork { learning_rate: 0.002 }));
    assert!(files(&config.to_toml()).into_iter().all(|read| read.unwrap() == config));
    let error = set(&["sac.q_clip=0.5", "sac.value_network.learning_rate=0.001"]).unwrap_err();
    assert!(error.contains("sac.q_clip = 0.5: allowed: absence beside sac.value_network"), "{error}");
}

/// Some settings are not written while they have their default; they can be set to it all the same.
#[test]
fn a_setting_can_be_set_to_its_default() {
    for text in ["run.tensorboard=true", "world.flicker=0", "world.frame_stack=1", "sac.sequence.learn=20"] {
        assert_eq!(set(&[text]), set(&[]), "{text}");
        let (table, rest) = text.rsplit_once('.').unwrap();
        for read in files(&format!("[{table}]\n{rest}\n")) {
            assert!(read.is_ok(), "{text}: {read:?}");
        }
    }
}

#[test]
fn mistakes_name_key_value_and_what_is_allowed() {
    assert!(set(&["sac.gama=0.9"]).unwrap_err().contains("--set sac.gama=0.9: unknown field `gama`"));
    let misspelt = set(&["sac.temperature.target_entropy_fractoin=0.9"]).unwrap_err();
    assert!(misspelt.contains("unknown field `target_entropy_fractoin`"), "{misspelt}");
    let unread = set(&["sac.encoder.mode=auto", "sac.encoder.kind=flat"]).unwrap_err();
    assert!(unread.contains("--set sac.encoder.kind=flat: unknown field `sac.encoder.kind`"), "{unread}");
    let unread = settings_from_toml("[sac.temperature]\nmode = \"fixed\"\nvalue = 3\n").unwrap_err();
    assert!(unread.to_string().contains("unknown field `sac.temperature.value`"), "{unread}");
    assert!(set(&["sac.gamma=2"]).unwrap_err().contains("sac.gamma = 2: allowed: 0 ≤ gamma < 1"));
    let error = set(&["learner.prioritized.epsilon=0"]).unwrap_err();
    assert!(error.contains("learner.prioritized.epsilon = 0: allowed: 1e-8 to 1"), "{error}");
    assert!(set(&["arenas=0"]).unwrap_err().contains("arenas = 0: allowed: 1 to 4096"));
    assert!(set(&["gamma"]).unwrap_err().contains("no `=`"));
    for (wrong, said) in [
        ("sac.gamma=abc", "the text \"abc\" where a number belongs"),
        ("sac=1", "the number `1` where a table belongs"),
        ("steps=x", "the text \"x\" where a whole number from 0 belongs"),
    ] {
        assert_eq!(set(&[wrong]).unwrap_err(), format!("--set {wrong}: {said}"));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.toml");
    std::fs::write(&path, "seed = 1\n[sac]\ngamma = \"high\"\n").unwrap();
    let error = RunConfig::resolve(None, Some(&path), &[]).unwrap_err().to_string();
    assert!(error.contains("x.toml:3: ") && error.lines().count() == 1, "{error}");
    assert!(error.ends_with("the text \"high\" where a number belongs"), "{error}");
}
