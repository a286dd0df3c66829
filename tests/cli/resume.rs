//! Existing runs on the command line: resumed with other settings, refused, finished, and evaluated again.

use std::process::Command;

use super::common::{self, program};
use super::{failure, run};

/// A refused run changes nothing, for any reason of refusal, with and without a window.
#[test]
fn a_refused_resume_leaves_the_run_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    common::train(&common::quick("lava-room", 1, 600), &out, false).unwrap();
    let content = || -> Vec<Vec<u8>> {
        let latest = std::fs::read_to_string(out.join("checkpoint/latest")).unwrap();
        let manifest = format!("checkpoint/{latest}/manifest.json");
        ["config.toml", "metrics.jsonl", "episodes.jsonl", "summary.json", &manifest]
            .map(|file| std::fs::read(out.join(file)).unwrap())
            .into()
    };
    // A line after the checkpoint, which a careless resume would cut off first.
    let mut episodes = std::fs::read(out.join("episodes.jsonl")).unwrap();
    episodes.extend_from_slice(b"{}\n");
    std::fs::write(out.join("episodes.jsonl"), episodes).unwrap();
    let before = content();
    let path = out.to_str().unwrap();
    for window in [&[][..], &["--no-render"]] {
        for (arguments, message) in [
            (&["--env", "paddle-duel"][..], "it was trained on lava-room"),
            (&["--level", "2"], "level = 2: it was none when the run began"),
            (&["--set", "level=1"], "level = 1: it was none when the run began"),
            (&["--seed", "9"], "seed = 9: it was 1 when the run began"),
            (&["--set", "seed=9"], "seed = 9: it was 1 when the run began"),
            (&["--seed", "9223372036854775808"], "allowed: 0 to 9223372036854775807"),
            (&["--steps", "18446744073709551615"], "allowed: 0 to 9223372036854775807"),
            (&["--arenas", "0"], "arenas = 0: allowed: 1 to 4096"),
            (
                &["--set", "sac.hidden=[8]"],
                "sac.hidden = [8]: it was [32, 32] when training began; allowed: [32, 32]",
            ),
            (&["--set", "sac.critic_hidden=[8]"], "sac.critic_hidden = [8]: it was [32, 32]"),
            (&["--set", "sac.init=orthogonal"], "sac.init = orthogonal: it was uniform"),
            (&["--set", "sac.layer_norm=true"], "sac.layer_norm = true: it was false"),
            (
                &["--set", "sac.backup=single"],
                "it was clipped when training began; allowed: clipped, double or mean",
            ),
            (&["--set", "sac.critic_head=dueling"], "sac.critic_head = dueling: it was linear"),
            (&["--set", "sac.value_network={}"], "it was none when training began"),
            (&["--set", "sac.encoder.mode=flat"], "sac.encoder = "),
            (&["--set", "sac.initial_temperature=0.5"], "sac.initial_temperature = 0.5: it was 0.02"),
            (&["--set", "sac.gamma=1"], "sac.gamma = 1: allowed:"),
        ] {
            let text = failure(&[&["--resume", path], window, arguments].concat());
            assert!(text.contains(message) && !text.contains("damaged"), "{text}");
            assert!(content() == before, "{window:?} {arguments:?} changed the run");
        }
    }
}

/// Options that a resumed run refuses, and folders without a run.
#[test]
fn folders_that_cannot_be_resumed_have_a_remedy() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("run");
    common::train(&common::quick("cartpole", 1, 300), &out, false).unwrap();
    let path = out.to_str().unwrap();
    let resume =
        |folder: &str, more: &[&str]| failure(&[&["--no-render", "--resume", folder], more].concat());
    assert!(resume(path, &["--config", "my.toml"]).contains("leave --config out, and change single values"));
    assert!(resume(path, &["--out", "other"]).contains("continues in its own folder; leave --out out"));
    let inside = format!("{path}/checkpoint");
    let text = resume(&inside, &[]);
    assert!(text.contains("is inside a run folder; give ") && text.trim_end().ends_with(path), "{text}");
    let text = failure(&["--no-render", "--env", "cartpole", "--out", &inside]);
    assert!(text.contains("is inside the run folder"), "{text}");
    assert!(!out.join("checkpoint/.entropy-arcade").exists());
    std::fs::write(out.join("config.toml"), "# nothing\n").unwrap();
    assert!(resume(path, &[]).contains("config.toml: is empty"));
    std::fs::write(out.join("config.toml"), [0xff, 0, 0xfe]).unwrap();
    let text = resume(path, &[]);
    assert!(text.contains("config.toml: cannot be read (not UTF-8 text); restore a copy of it"), "{text}");
    std::fs::remove_file(out.join("config.toml")).unwrap();
    assert!(resume(path, &[]).contains("its config.toml is gone"));
    // Killed before it wrote anything.
    let begun = place.path().join("a run");
    std::fs::create_dir(&begun).unwrap();
    std::fs::write(begun.join(".entropy-arcade"), "process 1\nrun\n").unwrap();
    let text = resume(begun.to_str().unwrap(), &[]);
    assert!(
        text.contains("nothing was trained there") && text.contains(&format!("--out '{}'", begun.display()))
    );
    let sweep = place.path().join("sweep");
    std::fs::create_dir(&sweep).unwrap();
    std::fs::write(sweep.join(".entropy-arcade"), "process 1\nsweep\n").unwrap();
    assert!(resume(sweep.to_str().unwrap(), &[]).contains("that is a sweep's folder"));
    let text = failure(&["--no-render", "--env", "cartpole", "--out", sweep.to_str().unwrap()]);
    assert!(text.contains("is the folder of a sweep; choose another --out"), "{text}");
}

/// Options of a resume take effect and are written.
#[test]
fn every_override_of_a_resume_takes_effect() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut config = common::quick("cartpole", 1, 1_500);
    config.learner.gradient_steps_per_env_step = 0.1;
    common::train(&config, &out, false).unwrap();
    let path = out.to_str().unwrap();
    let mut steps = 1_500;
    let mut resume = |arguments: &[&str]| {
        steps += 1_000;
        let steps = steps.to_string();
        let output = run(&[&["--no-render", "--resume", path, "--steps", &steps], arguments].concat());
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        let config = entropy_arcade::config::RunConfig::written(&out.join("config.toml")).unwrap();
        let manifest = entropy_arcade::learner::checkpoint::Checkpoint::open(&out).unwrap().manifest;
        assert_eq!(
            (&manifest.algorithm, &manifest.learner.n_step),
            (&config.learner.algorithm, &config.learner.n_step)
        );
        let lines = common::metrics(&out);
        let last: serde_json::Value = serde_json::from_str(lines.last().unwrap()).unwrap();
        (config, last, lines.len())
    };
    let (config, ..) = resume(&["--arenas", "300", "--device", "auto"]);
    assert_eq!(config.arenas, 300);
    let (config, last, _) = resume(&["--arenas", "4", "--set", "learner.replay_capacity=1000"]);
    assert_eq!(config.learner.replay_capacity, 1000);
    let replay = last["train/replay"].as_f64().unwrap();
    assert!(replay > 500.0 && replay <= 1024.0, "{last}");
    let fixed = ["--set", "sac.temperature={mode=\"fixed\"}", "--set", "sac.initial_temperature=0.5"];
    let (config, last, lines) = resume(&[&fixed[..], &["--set", "learner.prioritized={}"]].concat());
    assert!(config.learner.prioritized.is_some());
    assert!((last["train/temperature"].as_f64().unwrap() - 0.5).abs() < 1e-6, "{last}");
    let (config, _, more) = resume(&["--set", "learner.prioritized=none", "--set", "run.log_every=100"]);
    assert!(config.learner.prioritized.is_none());
    assert!(more >= lines + 8, "a line every 100 steps: {lines} {more}");
}

/// A finished run says so and stays unchanged; a solved one continues only on request.
#[test]
fn a_finished_run_continues_only_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut config = common::quick("cartpole", 1, 3_000);
    config.learner.gradient_steps_per_env_step = 0.1;
    (config.run.eval_every, config.run.eval_episodes, config.run.target_return) = (500, 2, Some(1.0));
    common::train(&config, &out, false).unwrap();
    let path = out.to_str().unwrap();
    let summary = || -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(out.join("summary.json")).unwrap()).unwrap()
    };
    let begun = summary();
    let solved = begun["solved"].clone();
    assert!(solved["env_steps"].as_u64().unwrap() < 1_000, "{begun}");
    let resume = |arguments: &[&str]| {
        let output = run(&[&["--no-render", "--resume", path], arguments].concat());
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    for arguments in [&[][..], &["--steps", "2500"], &["--set", "sac.gamma=0.5"]] {
        let text = resume(arguments);
        assert!(text.starts_with("nothing to do: it was solved after"), "{text}");
        assert_eq!(summary(), begun);
        assert!(!std::fs::read_to_string(out.join("config.toml")).unwrap().contains("gamma = 0.5"));
    }
    let text = resume(&["--set", "run.target_return=none", "--steps", "2000"]);
    assert!(text.contains("solved after") && text.contains("continuing to 2000"), "{text}");
    let after = summary();
    assert_eq!((&after["solved"], after["interrupted"].as_bool()), (&solved, Some(false)));
    assert!(after["env_steps"].as_u64().unwrap() >= 2_000, "{after}");
    let text = resume(&[]);
    assert!(text.starts_with("nothing to do: the run already has 20"), "{text}");
    assert!(text.ends_with("; a larger --steps continues it\n"), "{text}");
    assert_eq!(summary(), after);
    resume(&["--set", "run.target_return=1", "--steps", "2600"]);
    assert_eq!(summary()["solved"], solved);
    assert!(summary()["env_steps"].as_u64().unwrap() >= 2_600);
}

/// A run that has more steps than asked for says so and is left alone, whether it finished, was stopped or was
/// killed.
#[test]
fn fewer_steps_than_a_run_has_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    common::train(&common::quick("cartpole", 1, 1_200), &out, false).unwrap();
    let path = out.to_str().unwrap();
    let content = || {
        let read = |file: &str| std::fs::read(out.join(file)).unwrap_or_default();
        (
            ["config.toml", "metrics.jsonl", "summary.json"].map(read),
            common::checkpoint_file(&out, "manifest.json"),
        )
    };
    let summary = std::fs::read_to_string(out.join("summary.json")).unwrap();
    let parsed: serde_json::Value = serde_json::from_str(&summary).unwrap();
    let made = &parsed["env_steps"];
    let ask = || {
        let before = content();
        let output = run(&["--no-render", "--resume", path, "--steps", "100"]);
        assert!(output.status.success() && content() == before, "{output:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        let said =
            format!("nothing to do: the run already has {made} env steps, more than the 100 asked for");
        assert_eq!(text, format!("{said}; a larger --steps continues it\n"));
        let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(&summary["env_steps"], made);
        summary["interrupted"].as_bool()
    };
    assert_eq!(ask(), Some(false));
    let stopped = summary.replacen("\"interrupted\": false", "\"interrupted\": true", 1);
    assert_ne!(stopped, summary);
    std::fs::write(out.join("summary.json"), stopped).unwrap();
    assert_eq!(ask(), Some(true));
    std::fs::remove_file(out.join("summary.json")).unwrap();
    assert_eq!(ask(), Some(true));
}

/// Lines that are gone are reported, whether their file is shorter than it was or deleted.
#[test]
fn missing_lines_of_a_resumed_run_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    common::train(&common::quick("cartpole", 1, 1_000), &out, false).unwrap();
    let path = out.to_str().unwrap();
    let warnings = |steps: &str| {
        let output = run(&["--no-render", "--resume", path, "--steps", steps]);
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        text.lines().filter(|line| line.starts_with("warning: ")).map(str::to_owned).collect::<Vec<_>>()
    };
    let missing = |file: &str| {
        vec![format!("warning: {}: earlier lines are missing; new ones follow", out.join(file).display())]
    };
    assert_eq!(warnings("1100"), Vec::<String>::new());
    std::fs::write(out.join("metrics.jsonl"), "").unwrap();
    assert_eq!(warnings("1600"), missing("metrics.jsonl"));
    std::fs::remove_file(out.join("metrics.jsonl")).unwrap();
    assert_eq!(warnings("2100"), missing("metrics.jsonl"));
    std::fs::remove_file(out.join("episodes.jsonl")).unwrap();
    assert_eq!(warnings("2600"), missing("episodes.jsonl"));
}

/// A level given by a relative path is found again from another folder.
#[test]
fn a_run_finds_its_level_from_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("mine.ron"),
        entropy_arcade::worlds::rooms::level::shipped().next().unwrap().1,
    )
    .unwrap();
    let output = Command::new(program())
        .args(["--no-render", "--level", "mine.ron", "--steps", "300", "--device", "cpu", "--out", "run"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let output =
        run(&["eval", "--checkpoint", folder.path().join("run").to_str().unwrap(), "--episodes", "2"]);
    assert!(output.status.success(), "{output:?}");
}

/// Velocity masking is stored with the policy, and a policy never gets observations of another shape.
#[test]
fn a_masked_run_stays_masked() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut config = common::quick("cartpole", 1, 1_000);
    config.world.velocity_masked = true;
    common::train(&config, &out, false).unwrap();
    let path = out.to_str().unwrap();
    assert!(std::fs::read_to_string(out.join("config.toml")).unwrap().contains("velocity_masked = true"));
    let text = failure(&["--no-render", "--resume", path, "--set", "world.velocity_masked=false"]);
    assert!(text.contains("its observations are [x, angle], here they are [x, x velocity"), "{text}");
    let output = run(&["eval", "--checkpoint", path, "--episodes", "2"]);
    assert!(output.status.success(), "{output:?}");
}
