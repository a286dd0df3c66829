//! A run stores its level and options. Moving, editing or deleting the original files does not affect it.

mod common;

use std::path::Path;
use std::process::{Command, Output};

use common::program;
use entropy_arcade::learner::checkpoint::Checkpoint;
use entropy_arcade::learner::trained::TrainedAgent;
use entropy_arcade::worlds::rooms::level::{Level, shipped};

const MINE: &str =
    "(version: 1, name: \"mine\", episode_limit: 40, map: [\"######\", \"#a..a#\", \"#.a.g#\", \"######\"])";

fn run_in(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.args(arguments).current_dir(folder).env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    command.output().unwrap()
}

fn good(folder: &Path, arguments: &[&str]) -> (String, String) {
    let output = run_in(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn failure(folder: &Path, arguments: &[&str]) -> String {
    let output = run_in(folder, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.trim_end().lines().count(), 1, "{arguments:?}: {text}");
    text
}

/// A run of seconds on `level`, in `out`.
fn train(folder: &Path, level: &str, out: &str, more: &[&str]) -> String {
    let short = ["--no-render", "--steps", "600", "--device", "cpu", "--set", "sac.hidden=[8]"];
    good(folder, &[&short[..], &["--level", level, "--out", out], more].concat()).1
}

fn eval(folder: &Path, what: &str) -> (String, String) {
    good(folder, &["eval", "--checkpoint", what, "--episodes", "6"])
}

fn kept(folder: &Path, run: &str) -> Level {
    let level = Checkpoint::open_only(&folder.join(run), |_| false).unwrap().manifest.level.unwrap();
    Level::parse("kept", &level.text.unwrap()).unwrap()
}

#[test]
fn a_level_is_part_of_run_checkpoint_and_agent() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let file = folder.join("mine.ron");
    std::fs::write(&file, MINE).unwrap();
    train(folder, file.to_str().unwrap(), "own", &["--set", "run.eval_episodes=4"]);
    good(folder, &["agents", "export", "own", "own.agent"]);
    let (before, said) = eval(folder, "own");
    assert_eq!(said, "");
    assert_eq!(eval(folder, "own.agent").0, before);
    // The run contains no paths of the author's folders.
    let author = folder.to_str().unwrap();
    let checkpoint = Checkpoint::open_only(&folder.join("own"), |_| false).unwrap().path();
    for file in ["own.agent", "own/config.toml", "own/level.ron", &format!("{checkpoint}/manifest.json")] {
        let text = String::from_utf8_lossy(&std::fs::read(folder.join(file)).unwrap()).into_owned();
        assert!(!text.contains(author), "{file} names {author}");
        assert!(file.ends_with(".toml") || text.contains("#a..a#"), "{file} lacks the map");
    }
    assert_eq!(std::fs::read_to_string(folder.join("own/level.ron")).unwrap(), MINE);
    let resume = ["--no-render", "--resume", "own", "--steps"];

    // Edited: one line says so, and the saved level is played.
    std::fs::write(&file, MINE.replace("#.a.g#", "#g.a.#")).unwrap();
    for what in ["own", "own.agent"] {
        let (now, said) = eval(folder, what);
        assert_eq!(now, before, "{what}");
        assert!(
            said.contains("mine.ron differs from the level") && said.lines().count() == 1,
            "{what}: {said}"
        );
    }
    // Requested explicitly, it is refused: a run keeps its own level.
    let refused = failure(folder, &["--no-render", "--resume", "own", "--level", "mine.ron"]);
    assert!(refused.contains("changed since the run in own began"), "{refused}");
    let (_, said) = good(folder, &[&resume[..], &["900"]].concat());
    assert_eq!(said.lines().filter(|line| line.contains("mine.ron differs")).count(), 1, "{said}");
    assert_eq!(kept(folder, "own"), Level::parse("mine", MINE).unwrap());

    // So is the copy in the run's folder.
    std::fs::write(&file, MINE).unwrap();
    std::fs::write(folder.join("own/level.ron"), MINE.replace("#.a.g#", "#g.a.#")).unwrap();
    let (_, said) = good(folder, &[&resume[..], &["950"], &["--level", "mine.ron"]].concat());
    assert_eq!(said.lines().filter(|line| line.contains("level.ron differs")).count(), 1, "{said}");
    std::fs::write(folder.join("own/level.ron"), MINE).unwrap();
    assert_eq!(kept(folder, "own"), Level::parse("mine", MINE).unwrap());

    // Moved together with the run.
    std::fs::rename(&file, folder.join("elsewhere.ron")).unwrap();
    std::fs::rename(folder.join("own"), folder.join("moved")).unwrap();
    assert_eq!(eval(folder, "own.agent"), (before, String::new()));
    eval(folder, "moved");
    good(folder, &["--no-render", "--resume", "moved", "--steps", "1200"]);
    assert_eq!(kept(folder, "moved"), Level::parse("mine", MINE).unwrap());

    // A run keeps its level: another one is refused, and changes nothing.
    let refused = failure(folder, &["--no-render", "--resume", "moved", "--level", "elsewhere.ron"]);
    assert!(refused.contains("level = elsewhere.ron: it was mine.ron"), "{refused}");
    assert_eq!(kept(folder, "moved"), Level::parse("mine", MINE).unwrap());
}

#[test]
fn a_shipped_level_stays_itself_whatever_lies_in_the_working_folder() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    train(folder, "2", "2", &[]);
    std::fs::write(folder.join("lava-room-2.ron"), MINE).unwrap();
    std::fs::write(folder.join("lava-room-2"), MINE).unwrap();
    let shipped = Level::shipped("lava-room", 2).unwrap();
    for (level, out) in [("2", "3"), ("lava-room-2.ron", "4"), ("lava-room-2", "5")] {
        train(folder, level, out, &[]);
        assert_eq!(kept(folder, out), shipped, "{level}");
    }
    // And when the run is used later.
    for run in ["2", "3", "4", "5"] {
        eval(folder, run);
        good(folder, &["--no-render", "--resume", run, "--steps", "800"]);
        assert_eq!(kept(folder, run), shipped);
    }
    train(folder, "./lava-room-2.ron", "6", &[]);
    assert_eq!(kept(folder, "6"), Level::parse("mine", MINE).unwrap());
    assert!(
        failure(folder, &["--no-render", "--level", "nothing"]).contains("those of lava-room are 1 to 8")
    );
    assert!(failure(folder, &["--no-render", "--level", "./2"]).contains("a folder, not a file"));
}

#[test]
fn options_of_the_world_travel_with_an_agent() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let masked = ["--no-render", "--env", "cartpole", "--steps", "600", "--device", "cpu", "--out", "masked"];
    good(
        folder,
        &[&masked[..], &["--set", "world.velocity_masked=true", "--set", "sac.hidden=[8]"]].concat(),
    );
    good(folder, &["agents", "export", "masked", "masked.agent"]);
    assert_eq!(eval(folder, "masked.agent").0, eval(folder, "masked").0);
    let agent = TrainedAgent::load(&folder.join("masked.agent")).unwrap();
    assert!(agent.world.velocity_masked);
}

#[test]
fn an_agent_is_exported_the_same_twice_and_replaces_nothing_unasked() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    train(folder, "1", "run", &["--set", "run.eval_episodes=2"]);
    for name in ["a.agent", "b.agent", "c.agent"] {
        good(folder, &["agents", "export", "run", name]);
    }
    let bytes = |name: &str| std::fs::read(folder.join(name)).unwrap();
    assert!(bytes("a.agent") == bytes("b.agent") && bytes("a.agent") == bytes("c.agent"));
    std::fs::write(folder.join("mine.agent"), "precious").unwrap();
    let refused = failure(folder, &["agents", "export", "run", "mine.agent"]);
    assert!(refused.contains("mine.agent: already exists") && refused.contains("--force"), "{refused}");
    assert_eq!(bytes("mine.agent"), b"precious");
    good(folder, &["agents", "export", "run", "mine.agent", "--force"]);
    assert_eq!(bytes("mine.agent"), bytes("a.agent"));
}

#[test]
fn a_run_without_an_evaluation_is_evaluated_when_it_is_exported() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    train(folder, "1", "run", &["--set", "run.eval_episodes=0"]);
    let (_, said) = good(folder, &["agents", "export", "run", "five.agent", "--episodes", "5"]);
    assert!(said.contains("evaluating with 5 greedy episodes"), "{said}");
    // Like a killed run, without a summary.
    std::fs::remove_file(folder.join("run/summary.json")).unwrap();
    let (_, said) = good(folder, &["agents", "export", "run", "killed.agent"]);
    assert!(said.contains("evaluating with 100 greedy episodes"), "{said}");
    let [five, killed] =
        ["five.agent", "killed.agent"].map(|name| TrainedAgent::load(&folder.join(name)).unwrap());
    assert_eq!((five.record.episodes, five.record.seconds.is_some()), (5, true));
    assert_eq!((killed.record.episodes, killed.record.seconds), (100, None));
    assert_eq!(five.record.gradient_steps, killed.record.gradient_steps);
}

#[test]
fn an_unsolvable_level_warns_once() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let shut = "(version: 1, name: \"shut\", map: [\"######\", \"#a.#g#\", \"#..###\", \"######\"])";
    std::fs::write(folder.join("shut.ron"), shut).unwrap();
    let said = train(folder, "shut.ron", "run", &[]);
    let warnings: Vec<&str> = said.lines().filter(|line| line.contains("warning")).collect();
    assert!(warnings.len() == 1 && warnings[0].contains("shut.ron:1:"), "{said}");
    assert!(!train(folder, "1", "fine", &[]).contains("warning"));
}

#[test]
fn texts_of_any_editor_are_read_and_what_is_no_text_file_is_refused_at_once() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    std::fs::write(folder.join("notepad.ron"), format!("\u{feff}{}", MINE.replace(", ", ",\r\n"))).unwrap();
    good(folder, &["levels", "check", "notepad.ron"]);
    std::fs::write(folder.join("notepad.toml"), "\u{feff}env = \"cartpole\"\r\n[sac]\r\nhidden = [8]\r\n")
        .unwrap();
    good(folder, &["--no-render", "--config", "notepad.toml", "--steps", "300", "--device", "cpu"]);
    let sweep = "\u{feff}env = \"cartpole\"\r\nseeds = [1]\r\nset = [\"steps=300\", \"device=cpu\"]\r\n[[variant]]\r\nname = \"a\"\r\n";
    std::fs::write(folder.join("notepad-sweep.toml"), sweep).unwrap();
    good(folder, &["sweep", "notepad-sweep.toml", "--out", "swept"]);
    std::fs::write(folder.join("puzzle.xsb"), "#####\n#@$.#\n#####\n").unwrap();
    let checked = run_in(folder, &["levels", "check", "puzzle.xsb"]);
    let said = String::from_utf8(checked.stdout).unwrap();
    assert!(
        !checked.status.success() && said.contains("puzzle.xsb: cannot be read (a Sokoban level"),
        "{said}"
    );
    #[cfg(unix)]
    for (odd, arguments) in [
        ("pipe.ron", &["--no-render", "--level"][..]),
        ("pipe.toml", &["--no-render", "--config"]),
        ("zero.ron", &["--no-render", "--level"]),
        ("zero.toml", &["--no-render", "--config"]),
        ("zero.agent", &["eval", "--checkpoint"]),
        ("pipe-sweep.toml", &["sweep", "--out", "x"]),
    ] {
        let path = folder.join(odd);
        if odd.starts_with("pipe") {
            assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        } else {
            std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        }
        let text = failure(folder, &[arguments, &[odd]].concat());
        assert!(text.contains(odd) && text.contains("not a regular file"), "{text}");
    }
}

#[test]
fn an_evaluation_plays_every_start_once_before_any_twice() {
    let place = tempfile::tempdir().unwrap();
    let starts = |level: &str, env: &str, episodes: &str| -> u64 {
        let play = ["eval", "--player", "scripted", "--env", env, "--level", level, "--episodes", episodes];
        let (line, _) = good(place.path(), &play);
        serde_json::from_str::<serde_json::Value>(&line).unwrap()["starts"].as_u64().unwrap()
    };
    for (file, text) in shipped().filter(|(file, _)| file.ends_with("-1.ron") || file.starts_with("two")) {
        let level = Level::parse(file, text).unwrap();
        let pairs = (level.spawns.len() * level.second_spawns.len().max(1)) as u64;
        let all = match level.world {
            "tag" | "memory-corridor" => 2 * pairs,
            _ => pairs,
        };
        assert_eq!(starts(file, level.world, &all.to_string()), all, "{file}");
        assert_eq!(starts(file, level.world, &(3 * all).to_string()), all, "{file}");
    }
    assert_eq!(starts("random:1:3", "lava-room", "200"), 200);
    assert_eq!(starts("random:1:3", "lava-room", "57"), 57);
}
