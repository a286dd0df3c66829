//! The command line as a person uses it: every mistake is one readable line that names the remedy.

mod common;

use std::process::{Command, Output};

use common::program;

fn run(arguments: &[&str]) -> Output {
    Command::new(program())
        .args(arguments)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .unwrap()
}

fn failure(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.trim_end().lines().count(), 1, "{arguments:?}: {text}");
    text
}

#[test]
fn mistakes_are_one_line_with_a_remedy() {
    assert!(failure(&["--no-render", "--env", "pong"]).contains("choose one of lava-room, crate-yard"));
    let masked = ["--no-render", "--env", "paddle-duel", "--set", "world.velocity_masked=true"];
    assert!(failure(&masked).contains("paddle-duel has no such option; leave it out"));
    assert!(failure(&["--no-render", "--env", "acrobot", "--level", "1"]).contains("leave --level out"));
    assert!(
        failure(&["--no-render", "--level", "nowhere.ron"]).contains("give the path of a .ron level file")
    );
    assert!(failure(&["--no-render", "--env", "paddle-duel", "--level", "1"]).contains("leave --level out"));
    assert!(failure(&["--no-render", "--set", "sac.gama=1"]).contains("unknown field `gama`"));
    assert!(failure(&["--no-render", "--set", "sac.gamma=1.5"]).contains("0 ≤ gamma < 1"));
    assert!(failure(&["--no-render", "--seed", "9223372036854775808"]).contains("0 to 9223372036854775807"));
    assert!(failure(&["--no-render", "--arenas", "0"]).contains("allowed is 1 to 4096"));
    assert!(failure(&["--no-render", "--config", "none.toml"]).contains("none.toml: cannot be read"));
    assert!(failure(&["--no-render", "--resume", "nowhere"]).contains("nowhere"));
    assert!(failure(&["eval", "--checkpoint", "nowhere"]).contains("no checkpoint there"));
}

#[test]
fn a_broken_level_file_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.ron");
    std::fs::write(&path, "(\n version: 1,\n name: \"mine\",\n map: [\"###\", \"#a#\", \"#x#\"],\n)")
        .unwrap();
    let text = failure(&["--no-render", "--level", path.to_str().unwrap()]);
    assert!(
        text.contains("mine.ron:4:") && text.contains("unknown cell 'x' for lava-room; use # wall"),
        "{text}"
    );
}

#[test]
fn worlds_are_listed() {
    let output = run(&["envs"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    for word in ["lava-room", "paddle-duel", "wait, up, down, left, right", "player slot", "[x, angle]"] {
        assert!(text.contains(word), "{text}");
    }
    let output = run(&["envs", "--json"]);
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}

#[test]
fn a_headless_run_leaves_its_folder_and_is_evaluated() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let path = out.to_str().unwrap();
    let output = run(&[
        "--no-render",
        "--steps",
        "2500",
        "--device",
        "cpu",
        "--out",
        path,
        "--set",
        "run.log_every=1000",
        "--set",
        "run.eval_episodes=4",
    ]);
    assert!(output.status.success(), "{output:?}");
    for file in ["config.toml", "metrics.jsonl", "episodes.jsonl", "summary.json", "checkpoint/latest"] {
        assert!(out.join(file).exists(), "no {file}");
    }
    let read = |file: std::path::PathBuf| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
    };
    let latest = std::fs::read_to_string(out.join("checkpoint/latest")).unwrap();
    let manifest = read(out.join("checkpoint").join(latest).join("manifest.json"));
    assert_eq!(read(out.join("summary.json"))["agent_env_steps"], manifest["counters"]["env_steps"]);
    // Progress lines come first, the summary is the last one.
    let text = String::from_utf8(output.stdout).unwrap();
    let summary: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(summary["eval"]["episodes"], 4);

    let again = failure(&["--no-render", "--steps", "10", "--out", path]);
    assert!(again.contains("holds a run already"), "{again}");

    let output = run(&["eval", "--checkpoint", path, "--episodes", "7", "--seed", "3"]);
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(line["episodes"], 7);
    for figure in ["mean", "median", "std", "min", "max"] {
        assert!(line["episode_return"][figure].is_number() && line["episode_length"][figure].is_number());
    }
}

/// What is asked for as random:… is remembered, and unseen levels are told from those trained on.
#[test]
fn generated_levels_are_trained_on_gone_on_with_and_evaluated() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let path = out.to_str().unwrap();
    let begin =
        ["--no-render", "--env", "key-door", "--level", "random:1:5", "--steps", "1500", "--out", path];
    let quick = ["--device", "cpu", "--set", "run.eval_episodes=4", "--set", "sac.hidden=[16]"];
    assert!(run(&[&begin[..], &quick[..]].concat()).status.success());
    let output = run(&["--no-render", "--resume", path, "--steps", "2500"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let summary: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert!(
        summary["eval"]["success"].is_number() && summary["eval_training"]["success"].is_number(),
        "{text}"
    );
    let eval = ["eval", "--checkpoint", path, "--episodes", "9"];
    let outputs = [&[][..], &["--training-levels"], &["--level", "random:1"]].map(|more| {
        let output = run(&[&eval[..], more].concat());
        assert!(output.status.success(), "{output:?}");
        output.stdout
    });
    // However many levels are trained on, the same are kept for tests.
    assert_eq!(outputs[0], outputs[2]);
    let elsewhere = failure(&["eval", "--player", "random", "--env", "lava-room", "--training-levels"]);
    assert!(elsewhere.contains("leave it out"), "{elsewhere}");
    assert!(failure(&["--no-render", "--level", "random:6"]).contains("difficulty 1 to 5"));
}

/// A generated level is a level file.
#[test]
fn generated_levels_are_printed() {
    let output = run(&["levels", "make", "lava-room", "3", "--seed", "7"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let level = entropy_arcade::sim::level::Level::parse("made", &text).unwrap();
    assert_eq!((level.width, level.height), (9, 9));
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let output = run(&["levels", "make", "crate-yard", "1", "--count", "2", "--out", out]);
    let files = String::from_utf8(output.stdout).unwrap();
    let check: Vec<&str> = ["levels", "check"].into_iter().chain(files.lines()).collect();
    assert!(files.lines().count() == 2 && run(&check).status.success(), "{files}");
    assert!(
        failure(&["levels", "make", "tag", "1"]).contains("choose one of lava-room, crate-yard, key-door")
    );
}

/// Ctrl-C saves a checkpoint and exits 0.
#[cfg(unix)]
#[test]
fn an_interrupt_saves_and_exits_well() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut child = Command::new(program())
        .args(["--no-render", "--steps", "100000000", "--device", "cpu", "--out"])
        .arg(&out)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let start = std::time::Instant::now();
    while std::fs::metadata(out.join("metrics.jsonl")).map_or(0, |file| file.len()) == 0 {
        // Lines reach the disk in blocks; the first checkpoint or a full block will do.
        if start.elapsed().as_secs() > 3 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let summary = std::fs::read_to_string(out.join("summary.json")).unwrap();
    assert!(summary.contains("\"interrupted\": true"), "{summary}");
    entropy_arcade::learner::checkpoint::Checkpoint::open(&out).unwrap();
}

/// A run that is refused changes nothing, whatever it was refused for, with a window and without.
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
    // A line after the checkpoint is what a careless resume would cut off first.
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
            (&["--seed", "9223372036854775808"], "allowed is 0 to 9223372036854775807"),
            (&["--steps", "18446744073709551615"], "allowed is 0 to 9223372036854775807"),
            (&["--arenas", "0"], "arenas = 0: allowed is 1 to 4096"),
            (
                &["--set", "sac.hidden=[8]"],
                "sac.hidden = [8]: it was [32, 32] when training began; allowed is [32, 32]",
            ),
            (&["--set", "sac.critic_hidden=[8]"], "sac.critic_hidden = [8]: it was [32, 32]"),
            (&["--set", "sac.init=orthogonal"], "sac.init = orthogonal: it was uniform"),
            (&["--set", "sac.layer_norm=true"], "sac.layer_norm = true: it was false"),
            (
                &["--set", "sac.backup=single"],
                "it was clipped when training began; allowed is clipped, double or mean",
            ),
            (&["--set", "sac.critic_head=dueling"], "sac.critic_head = dueling: it was linear"),
            (&["--set", "sac.value_network={}"], "it was none when training began"),
            (&["--set", "sac.encoder.mode=flat"], "sac.encoder = "),
            (&["--set", "sac.initial_temperature=0.5"], "sac.initial_temperature = 0.5: it was 0.02"),
            (&["--set", "sac.gamma=1"], "sac.gamma = 1: allowed is"),
        ] {
            let text = failure(&[&["--resume", path], window, arguments].concat());
            assert!(text.contains(message) && !text.contains("damaged"), "{text}");
            assert!(content() == before, "{window:?} {arguments:?} changed the run");
        }
    }
}

/// What a run that is gone on with cannot take, and folders in which there is none.
#[test]
fn what_cannot_be_gone_on_with_says_what_can() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("run");
    common::train(&common::quick("cartpole", 1, 300), &out, false).unwrap();
    let path = out.to_str().unwrap();
    let resume =
        |folder: &str, more: &[&str]| failure(&[&["--no-render", "--resume", folder], more].concat());
    assert!(resume(path, &["--config", "my.toml"]).contains("leave --config out, and change single values"));
    assert!(resume(path, &["--out", "other"]).contains("goes on in its own folder; leave --out out"));
    let inside = format!("{path}/checkpoint");
    let text = resume(&inside, &[]);
    assert!(text.contains("lies in the folder of a run; give ") && text.trim_end().ends_with(path), "{text}");
    let text = failure(&["--no-render", "--env", "cartpole", "--out", &inside]);
    assert!(text.contains("lies in the folder of the run"), "{text}");
    assert!(!out.join("checkpoint/.entropy-arcade").exists());
    std::fs::write(out.join("config.toml"), "# nothing\n").unwrap();
    assert!(resume(path, &[]).contains("config.toml: says nothing"));
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

/// A signal that comes before the run has begun ends the program at once, as there is nothing to save.
#[cfg(unix)]
#[test]
fn a_stop_while_levels_are_drawn_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut child = Command::new(program())
        .args(["--no-render", "--env", "key-door", "--level", "random:5:10000", "--device", "cpu", "--out"])
        .arg(&out)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(500));
    let begun = out.exists();
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let code = child.wait().unwrap().code();
    let mut said = String::new();
    std::io::Read::read_to_string(child.stderr.as_mut().unwrap(), &mut said).unwrap();
    let expected = if begun { (Some(0), "stopping: ") } else { (Some(130), "stopped") };
    assert!(code == expected.0 && said.contains(expected.1), "{code:?} {said}");
}

/// Lines that somebody deletes are told of at once, the run goes on, and its end says so.
#[cfg(unix)]
#[test]
fn a_record_that_is_not_whole_is_said_once_and_in_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let child = Command::new(program())
        .args(["--no-render", "--env", "cartpole", "--steps", "100000000", "--device", "cpu"])
        .args(["--set", "run.log_every=200", "--set", "learner.learning_starts=1000000", "--out"])
        .arg(&out)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let metrics = out.join("metrics.jsonl");
    let wait = || {
        let there = (0..3000).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            metrics.is_file()
        });
        assert!(there, "no metrics.jsonl");
    };
    wait();
    std::fs::remove_file(&metrics).unwrap();
    wait();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let warned = said.lines().filter(|line| line.starts_with("warning: ")).collect::<Vec<_>>();
    assert!(warned.len() == 1 && warned[0].contains("was deleted while the run wrote it"), "{said}");
    assert!(said.lines().last().unwrap().contains("the record of the run is not whole"), "{said}");
    assert_eq!(output.status.code(), Some(1));
    assert!(out.join("summary.json").is_file());
}

/// What is asked of a resume is what happens and what is written.
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
        assert_eq!((&manifest.sac, &manifest.learner.n_step), (&config.sac, &config.learner.n_step));
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

/// A run with nothing left to do says so and stays as it is; one that was solved goes on only when asked to.
#[test]
fn a_run_that_has_ended_is_not_silently_gone_on_with() {
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
        assert!(text.starts_with("nothing is left to do: it was solved after"), "{text}");
        assert_eq!(summary(), begun);
        assert!(!std::fs::read_to_string(out.join("config.toml")).unwrap().contains("gamma = 0.5"));
    }
    let text = resume(&["--set", "run.target_return=none", "--steps", "2000"]);
    assert!(text.contains("solved after") && text.contains("going on to 2000"), "{text}");
    let after = summary();
    assert_eq!((&after["solved"], after["interrupted"].as_bool()), (&solved, Some(false)));
    assert!(after["env_steps"].as_u64().unwrap() >= 2_000, "{after}");
    let text = resume(&[]);
    assert!(
        text.starts_with("nothing is left to do: 20") && text.contains("--steps asks for more"),
        "{text}"
    );
    assert_eq!(summary(), after);
    resume(&["--set", "run.target_return=1", "--steps", "2600"]);
    assert_eq!(summary()["solved"], solved);
    assert!(summary()["env_steps"].as_u64().unwrap() >= 2_600);
}

/// A level given by a relative path is found again from another folder.
#[test]
fn a_run_finds_its_level_from_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine.ron"), entropy_arcade::sim::level::SHIPPED[0].1).unwrap();
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

/// Whether velocities were masked is remembered with the policy, and a policy never sees another world's shape.
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

/// A reader that goes away ends the program without a word.
#[cfg(unix)]
#[test]
fn a_closed_pipe_is_no_failure() {
    let command = format!("{} envs | true; {} envs | head -1", program().display(), program().display());
    let output = Command::new("sh").args(["-c", &command]).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn levels_are_checked_and_simple_players_evaluated() {
    let good = run(&["levels", "check", "1", "lava-room-4.ron"]);
    assert!(good.status.success(), "{good:?}");
    assert_eq!(String::from_utf8(good.stdout).unwrap().lines().count(), 2);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut-off.ron");
    let map = "[\"#####\", \"#a#g#\", \"#####\"]";
    std::fs::write(&path, format!("(version: 1, name: \"n\", map: {map})")).unwrap();
    let bad = run(&["levels", "check", "1", path.to_str().unwrap()]);
    assert_eq!(bad.status.code(), Some(1));
    let text = String::from_utf8(bad.stdout).unwrap();
    assert!(text.lines().nth(1).unwrap().contains("cut-off.ron:1:42: no goal can be reached"), "{text}");
    assert!(failure(&["eval", "--env", "pong", "--player", "random"]).contains("no such world"));
    let played = run(&["eval", "--env", "cartpole", "--player", "scripted", "--episodes", "2"]);
    assert!(String::from_utf8(played.stdout).unwrap().contains("\"mean\":500.0"));
}

/// Where the log of a run goes to a disk that is full, or to a terminal that has gone.
#[cfg(target_os = "linux")]
#[test]
fn a_stderr_that_takes_nothing_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let out = folder.path().join("run");
    let mut command = Command::new(program());
    command.args(["--no-render", "--env", "cartpole", "--steps", "1500", "--device", "cpu"]);
    command.args(["--set", "sac.hidden=[16]", "--set", "run.eval_episodes=1", "--out"]).arg(&out);
    assert!(command.stderr(full()).status().unwrap().success());
    assert!(out.join("summary.json").is_file());
    let failed = Command::new(program()).args(["--env", "nowhere", "--no-render"]).stderr(full()).status();
    assert_eq!(failed.unwrap().code(), Some(1));
}
