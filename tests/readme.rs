//! Runs every `cargo run` command of the docs, in a form that takes seconds.
//!
//! They run in reading order, in one folder, so that later ones find the runs and files of earlier ones;
//! benchmarks run beside them.
//! Commands that open a window run on a virtual display; without one they are skipped with a message.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::display::{Display, display};
use common::{program, two_at_a_time};

/// Files and folders of docs whose commands are run.
const DOCUMENTS: &[&str] = &["README.md", "docs", "levels/README.md", "CONTRIBUTING.md"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Markdown files at `path`, a file or a folder.
fn documents(path: &Path) -> Vec<PathBuf> {
    if path.is_dir() {
        let inside = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        // Files before folders, so that the algorithms come last.
        let mut inside: Vec<PathBuf> = inside.collect();
        inside.sort_by_key(|path| (path.is_dir(), path.clone()));
        return inside.iter().flat_map(|path| documents(path)).collect();
    }
    Vec::from_iter(path.extension().is_some_and(|extension| extension == "md").then(|| path.to_owned()))
}

/// The arguments of every `cargo run` in `text`, in code blocks and in sentences.
fn commands(text: &str) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for (begin, _) in text.match_indices("cargo run") {
        let line = &text[begin..];
        // A command in a sentence may continue on the next line; one in a block ends with its line, or before
        // a comment.
        let quoted = text[..begin].ends_with('`');
        let end = line.find(if quoted { '`' } else { '\n' }).unwrap();
        let command = line[..end].split(" #").next().unwrap();
        if !command.contains("--example") {
            let arguments = command.split_once(" -- ").map_or("", |(_, arguments)| arguments);
            all.push(arguments.split_whitespace().map(String::from).collect());
        }
    }
    all
}

/// Whether the command opens a window.
fn draws(arguments: &[String]) -> bool {
    let word = |index: usize| arguments.get(index).map_or("", String::as_str);
    match word(0) {
        "" | "--env" | "--resume" | "pictures" => true,
        "bench" => matches!(word(1), "minute" | "frames"),
        _ => false,
    }
}

/// Sets or replaces option `name`.
fn set(arguments: &mut Vec<String>, name: &str, value: &str) {
    if let Some(at) = arguments.iter().position(|argument| argument == name) {
        arguments.drain(at..at + 2);
    }
    arguments.extend([name.to_owned(), value.to_owned()]);
}

/// The sweep in `file` with one seed and runs of a few hundred steps, as a file in `folder`.
fn shorten(file: &str, folder: &Path) -> String {
    let text = std::fs::read_to_string(root().join(file)).unwrap();
    let mut sweep: toml::Table = toml::from_str(&text).unwrap();
    sweep.insert("seeds".into(), toml::Value::from(vec![1]));
    for variant in sweep["variant"].as_array_mut().unwrap() {
        let variant = variant.as_table_mut().unwrap();
        let sets = variant.entry("set").or_insert_with(|| toml::Value::Array(Vec::new()));
        let short =
            ["steps=200", "run.eval_episodes=1", "learner.learning_starts=100", "run.eval_every=1000000"];
        sets.as_array_mut().unwrap().extend(short.map(toml::Value::from));
    }
    let path = folder.join(Path::new(file).file_name().unwrap());
    std::fs::write(&path, toml::to_string(&sweep).unwrap()).unwrap();
    path.display().to_string()
}

/// A shorter form of the command, with placeholders filled in.
fn short(mut arguments: Vec<String>, folder: &Path) -> Vec<String> {
    for argument in &mut arguments {
        *argument = match argument.as_str() {
            "NAME" | "ENV" => "cartpole".into(),
            "N" => "1".into(),
            "FILE…" => root().join("levels/lava-room-1.ron").display().to_string(),
            file if file.ends_with(".toml") => shorten(file, folder),
            _ => continue,
        };
    }
    let first: Vec<String> = arguments.iter().take(2).cloned().collect();
    let first: Vec<&str> = first.iter().map(String::as_str).collect();
    match first[..] {
        ["bench", what] => {
            // Other libraries are not installed.
            if let Some(peer) = arguments.iter().position(|argument| argument == "--peer") {
                arguments.truncate(peer);
            }
            set(&mut arguments, "--seconds", if what == "minute" { "2" } else { "0.05" });
            match what {
                "frames" => set(&mut arguments, "--rounds", "1"),
                "minute" => {}
                _ => set(&mut arguments, "--runs", "3"),
            }
            if what == "replay" {
                set(&mut arguments, "--items", "10000");
            }
            if what == "env" {
                set(&mut arguments, "--arenas", "64");
            }
        }
        ["check"] => set(&mut arguments, "--env", "cartpole"),
        ["scores", _] => set(&mut arguments, "--episodes", "1"),
        ["eval", _] => set(&mut arguments, "--episodes", "2"),
        ["agents", "export"] => set(&mut arguments, "--episodes", "2"),
        ["--no-render", _] => set(&mut arguments, "--steps", "3000"),
        ["pictures"] => {
            set(&mut arguments, "--only", "title.png");
            set(&mut arguments, "--out", &folder.join("pictures").display().to_string());
        }
        [] | ["--env" | "--resume", _] => {
            set(&mut arguments, "--screenshot", &folder.join("window.png").display().to_string());
            set(&mut arguments, "--after", "2");
        }
        _ => {}
    }
    arguments
}

#[test]
fn every_command_of_the_documents_works() {
    let folder = tempfile::tempdir().unwrap();
    // The level file that levels/README.md describes.
    std::fs::copy(root().join("levels/lava-room-2.ron"), folder.path().join("mine.ron")).unwrap();
    let mut all: Vec<Vec<String>> = Vec::new();
    for document in DOCUMENTS.iter().flat_map(|path| documents(&root().join(path))) {
        for command in commands(&std::fs::read_to_string(&document).unwrap()) {
            if !all.contains(&command) {
                all.push(command);
            }
        }
    }
    assert!(all.len() > 35, "{all:?}");
    let display = display();
    // Benchmarks need no file of another command: they run beside those that must keep their order.
    let (benches, others): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|arguments| arguments.first().is_some_and(|word| word == "bench"));
    two_at_a_time([benches, others], |all| {
        all.into_iter().for_each(|arguments| works(arguments, folder.path(), display.as_ref()));
    });
}

/// Whether the command needs packages of Python: `tests/bridge` plays outside environments where there are any.
fn needs_python(arguments: &[String]) -> bool {
    let names = |argument: &String| {
        let file = root().join(argument);
        argument.starts_with("gym:")
            || argument == "runs/lunar"
            || (argument.ends_with(".toml")
                && std::fs::read_to_string(file).is_ok_and(|text| text.contains("gym:")))
    };
    arguments.first().is_some_and(|word| word == "python") || arguments.iter().any(names)
}

/// Runs the short form of a command in `folder`.
fn works(arguments: Vec<String>, folder: &Path, display: Option<&Display>) {
    if needs_python(&arguments) {
        println!("{}: skipped, it needs packages of Python", arguments.join(" "));
        return;
    }
    let (asked, draws) = (arguments.join(" "), draws(&arguments));
    let arguments = short(arguments, folder);
    let mut command = Command::new(program());
    command.args(&arguments).current_dir(folder).env_remove("WAYLAND_DISPLAY");
    command.env("XDG_DATA_HOME", folder.join("data")).env("XDG_CONFIG_HOME", folder);
    match display {
        Some(display) => _ = command.env("DISPLAY", &display.name),
        None if draws => {
            println!("{asked}: skipped, there is no virtual display");
            return;
        }
        None => _ = command.env_remove("DISPLAY"),
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{asked}, as {arguments:?}: {said}");
    assert!(!said.lines().any(|line| line.starts_with("error")), "{asked}, as {arguments:?}: {said}");
    println!("{asked}: {} bytes of answer", output.stdout.len());
}

#[test]
fn a_command_ends_where_it_does() {
    let text =
        "so `cargo run -- a\nb` and\n\ncargo run\ncargo run -- c d   # why\n$ cargo run --example skate\n";
    assert_eq!(commands(text), [vec!["a", "b"], vec![], vec!["c", "d"]]);
}
