//! The command line as a user sees it: every error is one readable line that names the remedy.

#[path = "../common/mod.rs"]
mod common;

mod resume;

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
    for (option, allowed) in
        [("flicker=1", "0 ≤ p < 1"), ("flicker=nan", "0 ≤ p < 1"), ("frame_stack=0", "1 to 16")]
    {
        let text = failure(&["--no-render", "--env", "paddle-duel", "--set", &format!("world.{option}")]);
        assert!(text.contains("world.f") && text.contains(&format!("allowed: {allowed}")), "{text}");
    }
    assert!(failure(&["--no-render", "--env", "acrobot", "--level", "1"]).contains("leave it out"));
    assert!(
        failure(&["--no-render", "--level", "nowhere.ron"]).contains("give the path of a .ron level file")
    );
    assert!(failure(&["--no-render", "--env", "paddle-duel", "--level", "1"]).contains("leave it out"));
    assert!(failure(&["--no-render", "--set", "sac.gama=1"]).contains("unknown field `gama`"));
    assert!(failure(&["--no-render", "--set", "sac.gamma=1.5"]).contains("0 ≤ gamma < 1"));
    assert!(failure(&["--no-render", "--seed", "9223372036854775808"]).contains("0 to 9223372036854775807"));
    assert!(failure(&["--no-render", "--arenas", "0"]).contains("allowed: 1 to 4096"));
    assert!(failure(&["--no-render", "--config", "none.toml"]).contains("none.toml: cannot be read"));
    assert!(failure(&["--no-render", "--resume", "nowhere"]).contains("nowhere"));
    assert!(failure(&["eval", "--checkpoint", "nowhere"]).contains("no checkpoint there"));
    let scripted = ["eval", "--player", "scripted", "--env", "cartpole", "--set"];
    let set = |set| failure(&[&scripted[..], &[set]].concat());
    assert!(set("steps=3").contains("--set steps=3: only options of the world"));
    assert!(set("world.actoins=continuous").contains("unknown field `actoins`"));
    // A checkpoint has options of its own.
    let of_checkpoint = ["eval", "--checkpoint", "cartpole.agent", "--set", "world.flicker=0.2"];
    assert_eq!(run(&of_checkpoint).status.code(), Some(2));
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

/// A random:… request is stored, and held-out levels are distinguished from training levels.
#[test]
fn generated_levels_are_trained_resumed_and_evaluated() {
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
    // The held-out levels are the same for any number of training levels.
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
    let level = entropy_arcade::worlds::rooms::level::Level::parse("made", &text).unwrap();
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

/// A signal that comes before the run has begun ends the program at once, as there is nothing to save.
#[cfg(unix)]
#[test]
fn a_stop_while_levels_are_generated_takes_effect() {
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

/// Deleted lines are reported at once and at the end, and the run continues.
#[cfg(unix)]
#[test]
fn an_incomplete_record_is_reported_once_and_at_the_end() {
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
    assert!(said.lines().last().unwrap().contains("the record of the run is incomplete"), "{said}");
    assert_eq!(output.status.code(), Some(1));
    assert!(out.join("summary.json").is_file());
}

/// Flags take precedence over `--set`, and say so.
#[test]
fn a_set_that_a_flag_overrides_is_reported() {
    let arguments = ["--no-render", "--env", "cartpole", "--set", "env=acrobot", "--steps", "10"];
    let output = run(&[&arguments[..], &["--device", "cpu", "--set", "run.eval_episodes=0"]].concat());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{text}");
    let warnings: Vec<&str> = text.lines().filter(|line| line.starts_with("warning: ")).collect();
    assert_eq!(warnings, ["warning: --env cartpole overrides --set env=acrobot"]);
}

/// A closed pipe ends the program silently.
#[cfg(unix)]
#[test]
fn a_closed_pipe_is_not_a_failure() {
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
    let player = run(&["eval", "--env", "cartpole", "--player", "random", "--values"]);
    assert_eq!(player.status.code(), Some(2), "a player has no critics: {player:?}");
    assert!(failure(&["eval", "--checkpoint", "hopper.agent", "--values"]).contains("has no critics"));
    let played = run(&["eval", "--env", "cartpole", "--player", "scripted", "--episodes", "2"]);
    assert!(String::from_utf8(played.stdout).unwrap().contains("\"mean\":500.0"));
    // An option of the world: the script chooses forces where actions are forces.
    let of_force = ["--set", "world.actions=continuous", "--episodes", "2"];
    let played = run(&[&["eval", "--env", "cartpole", "--player", "scripted"][..], &of_force].concat());
    assert!(String::from_utf8(played.stdout).unwrap().contains("\"mean\":500.0"));
}

/// The log of a run goes to a full disk, or to a closed terminal.
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
