//! Checkpoints survive kills at any moment, and damaged or foreign ones are refused.

mod common;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use common::display::Display;
use common::kill::{Dice, Scene, Tally};
use common::{metrics, program, quick, train};
use entropy_arcade::learner::checkpoint::Checkpoint;
use entropy_arcade::worlds::WorldChoice;

/// A killed run resumes, and nothing is lost, invented or written twice.
fn assert_clean(tally: &Tally, kills: u64) {
    assert!(tally.problems.is_empty(), "{}", tally.problems.join("\n"));
    assert!(tally.kills >= kills && tally.impossible == 0, "{tally:?}");
}

/// A headless run that is killed again and again ends with the same bytes as one that is not.
#[test]
fn killed_at_any_moment_a_run_ends_as_if_it_had_not_been() {
    let folder = tempfile::tempdir().unwrap();
    let (program, mut tally, mut dice) = (program(), Tally::default(), Dice(7));
    let scene = Scene { program: &program, folder: folder.path(), display: None };
    let reference = scene.reference(&mut tally);
    while tally.kills < 12 && tally.problems.is_empty() {
        scene.headless(&reference, &mut dice, 12 - tally.kills, &mut tally);
    }
    assert_clean(&tally, 12);
    assert!(tally.transitions > 10_000, "{tally:?}");
}

/// The same for a sweep, whose table must be the same.
#[test]
fn killed_at_any_moment_a_sweep_ends_as_if_it_had_not_been() {
    let folder = tempfile::tempdir().unwrap();
    let (program, mut tally, mut dice) = (program(), Tally::default(), Dice(8));
    let scene = Scene { program: &program, folder: folder.path(), display: None };
    let table = scene.sweep(None, &mut dice, 0, &mut tally);
    scene.sweep(table.as_deref(), &mut dice, 4, &mut tally);
    assert_clean(&tally, 1);
}

/// Watched runs, resumed with and without a window: the record stays complete.
#[cfg(feature = "arcade")]
#[test]
fn killed_at_any_moment_a_watched_run_keeps_its_record_whole() {
    let Some(display) = Display::open() else { return println!("skipped: there is no Xvfb") };
    let folder = tempfile::tempdir().unwrap();
    let (program, mut tally, mut dice) = (program(), Tally::default(), Dice(9));
    let scene = Scene { program: &program, folder: folder.path(), display: Some(&display) };
    scene.watched(&mut dice, 4, &mut tally);
    assert_clean(&tally, 4);
}

fn trained(folder: &Path) -> std::path::PathBuf {
    let out = folder.join("run");
    train(&quick("lava-room", 1, 1_000), &out, false).unwrap();
    let latest = std::fs::read_to_string(out.join("checkpoint/latest")).unwrap();
    out.join("checkpoint").join(latest)
}

#[test]
fn a_bad_checkpoint_is_one_clear_line_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let place = trained(folder.path());
    let original = std::fs::read(place.join("manifest.json")).unwrap();
    let manifest = String::from_utf8(original.clone()).unwrap();
    let message = || {
        let text = Checkpoint::open(&place).unwrap_err().to_string();
        assert_eq!(text.lines().count(), 1, "{text}");
        text
    };

    std::fs::write(place.join("manifest.json"), manifest.replacen("\"version\": 3", "\"version\": 999", 1))
        .unwrap();
    assert!(message().contains("checkpoint version 999, this program reads up to 3; use a newer program"));
    std::fs::write(place.join("manifest.json"), &original[..original.len() / 2]).unwrap();
    let text = message();
    assert!(
        text.contains("damaged checkpoint") && text.ends_with("; restore a copy of it, or train again"),
        "{text}"
    );
    std::fs::write(place.join("manifest.json"), "{\"format\": \"tar\", \"version\": 1}").unwrap();
    assert!(message().contains("its format is"));
    std::fs::write(place.join("manifest.json"), &original).unwrap();

    let weights = std::fs::read(place.join("weights.safetensors")).unwrap();
    std::fs::write(place.join("weights.safetensors"), &weights[..weights.len() - 1]).unwrap();
    assert!(message().contains("weights.safetensors has"));
    let mut flipped = weights.clone();
    flipped[weights.len() / 2] ^= 1;
    std::fs::write(place.join("weights.safetensors"), flipped).unwrap();
    assert!(message().contains("weights.safetensors is not what was written"));
    std::fs::write(place.join("weights.safetensors"), weights).unwrap();

    // A foreign folder beside it stays, whatever its name begins with.
    let foreign = place.parent().unwrap().join("2024-backup");
    std::fs::create_dir(&foreign).unwrap();
    train(&quick("lava-room", 1, 1_500), &folder.path().join("run"), true).unwrap();
    assert!(foreign.is_dir() && !place.exists(), "the old checkpoint goes, the foreign folder stays");
    let place = std::fs::read_to_string(foreign.with_file_name("latest")).unwrap();
    let place = foreign.with_file_name(place);

    // Intact, but of another world.
    let checkpoint = Checkpoint::open(&place).unwrap();
    let duel = WorldChoice::new("paddle-duel", None).unwrap();
    let text = checkpoint.check_spec(&duel.spec()).unwrap_err().to_string();
    assert!(text.contains("it was trained on lava-room, this is paddle-duel"), "{text}");
    let text = Checkpoint::open(folder.path()).unwrap_err().to_string();
    assert!(text.contains("no checkpoint there"), "{text}");
}

/// A sweep continues after any of its runs was killed at any point.
#[test]
fn a_sweep_restarts_a_run_killed_before_its_first_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sweep.toml");
    let text = "env = \"cartpole\"\nseeds = [1]\nset = [\"steps=600\", \"run.eval_episodes=0\", \"device=cpu\"]\n\
                [[variant]]\nname = \"short\"\n";
    std::fs::write(&file, text).unwrap();
    let sweep = entropy_arcade::run::sweep::Sweep::load(&file).unwrap();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    for (state, there) in [&[][..], &["metrics.jsonl"], &["metrics.jsonl", "checkpoint/.new-000000000600"]]
        .into_iter()
        .enumerate()
    {
        let out = folder.path().join(format!("out-{state}"));
        let job = sweep.jobs(&out).unwrap().remove(0);
        std::fs::create_dir_all(&job.out).unwrap();
        std::fs::write(job.out.join("config.toml"), job.config.to_toml()).unwrap();
        for name in there {
            let path = job.out.join(name);
            match name.contains('/') {
                true => std::fs::create_dir_all(path.join("replay.bin")).unwrap(),
                false => std::fs::write(path, "{\"env_steps\":1}\n").unwrap(),
            }
        }
        entropy_arcade::run::sweep::make(&sweep, &out, 1, &stop).unwrap();
        let metrics = std::fs::read_to_string(job.out.join("metrics.jsonl")).unwrap_or_default();
        assert!(!metrics.starts_with("{\"env_steps\":1}"), "{metrics}");
        assert!(sweep.jobs(&out).unwrap()[0].finished.is_some(), "{there:?}");
        assert_eq!(std::fs::read_dir(job.out.join("checkpoint")).unwrap().count(), 2, "{there:?}");
    }
}

/// A quick headless run from the command line.
fn begin(out: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(["--no-render", "--env", "cartpole", "--device", "cpu", "--set", "run.eval_episodes=0"]);
    command.args(["--set", "sac.hidden=[16]", "--set", "learner.checkpoint_seconds=0.1"]).args(more);
    command.arg("--out").arg(out).stdin(Stdio::null());
    command
}

fn resume(out: &Path, more: &[&str]) -> Output {
    Command::new(program()).arg("--no-render").arg("--resume").arg(out).args(more).output().unwrap()
}

fn refusal(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!((output.status.code(), text.lines().count()), (Some(1), 1), "{text}");
    text
}

/// Everything below a folder, with its content.
fn content(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.path().is_dir() {
            true => all.extend(content(&entry.path())),
            false => all.push((entry.path(), std::fs::read(entry.path()).unwrap())),
        }
    }
    all.sort();
    all
}

/// A second process gets one line; a dead one holds no lock; readers are allowed.
#[test]
fn a_run_folder_belongs_to_one_program_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut first =
        begin(&out, &["--steps", "100000000"]).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    while Checkpoint::open(&out).is_err() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let expected = format!("run: is in use by another entropy-arcade (process {})", first.id());
    for second in [begin(&out, &["--steps", "100"]).output().unwrap(), resume(&out, &["--steps", "100"])] {
        assert!(refusal(&second).contains(&expected), "{}", refusal(&second));
    }
    for _ in 0..20 {
        let eval =
            Command::new(program()).args(["eval", "--episodes", "1", "--checkpoint"]).arg(&out).output();
        let eval = eval.unwrap();
        assert!(eval.status.success(), "{eval:?}");
    }
    assert!(first.try_wait().unwrap().is_none(), "the first one goes on");
    first.kill().unwrap();
    first.wait().unwrap();
    let more = resume(&out, &["--steps", "1"]);
    assert!(more.status.success(), "{more:?}");
    // Not even a mark is left in a foreign folder.
    let site = folder.path().join("site");
    std::fs::create_dir(&site).unwrap();
    for (name, text) in [("config.toml", "title = \"mine\"\n"), ("summary.json", "{}"), ("config.new", "x")] {
        std::fs::write(site.join(name), text).unwrap();
    }
    let before = content(&site);
    let text = refusal(&begin(&site, &["--steps", "100"]).output().unwrap());
    assert!(text.contains("holds other files (config.new, config.toml, summary.json)"), "{text}");
    assert!(!resume(&site, &[]).status.success());
    assert_eq!(content(&site), before);
}

/// The command that started a run and the one that resumes it both continue from any state left by a kill.
#[test]
fn both_commands_lead_on_from_every_state() {
    let folder = tempfile::tempdir().unwrap();
    for (state, resumes) in [(0, true), (0, false), (1, true), (1, false), (2, true), (2, false)] {
        let out = folder.path().join(format!("run-{state}-{resumes}"));
        assert!(begin(&out, &["--steps", "700"]).output().unwrap().status.success());
        // States before its first checkpoint, while writing it, and after it was complete.
        let latest = std::fs::read_to_string(out.join("checkpoint/latest")).unwrap();
        std::fs::remove_file(out.join("checkpoint/latest")).unwrap();
        std::fs::remove_file(out.join("summary.json")).unwrap();
        std::fs::write(out.join("episodes.jsonl"), "{\"arena\":0,\"sl").unwrap();
        let place = out.join("checkpoint").join(latest);
        match state {
            0 => std::fs::remove_dir_all(out.join("checkpoint")).unwrap(),
            1 => std::fs::rename(&place, place.with_file_name(".new-000000000700")).unwrap(),
            _ => {}
        }
        let output = match resumes {
            true => resume(&out, &[]),
            false => begin(&out, &["--steps", "700"]).output().unwrap(),
        };
        if state == 2 && !resumes {
            // There is something to resume: one line says how, and that command works as printed.
            let text = refusal(&output);
            let command = text.split('`').nth(1).unwrap().to_owned();
            assert_eq!(command, format!("entropy-arcade --no-render --resume {}", out.display()), "{text}");
            assert!(resume(&out, &[]).status.success());
        } else {
            assert!(output.status.success(), "{state} {resumes}: {output:?}");
        }
        let episodes = std::fs::read_to_string(out.join("episodes.jsonl")).unwrap();
        assert!(
            out.join("summary.json").is_file() && !episodes.starts_with("{\"arena\":0,\"sl"),
            "{episodes}"
        );
    }
}

/// A failed checkpoint is reported and retried, and affects nothing else; only a failure of the last one is
/// an error.
#[cfg(unix)]
#[test]
fn a_run_outlives_a_checkpoint_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    // The whole folder is gone for a while.
    let out = folder.path().join("run");
    let run =
        begin(&out, &["--steps", "100000000"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    while Checkpoint::open(&out).is_err() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    std::fs::rename(&out, folder.path().join("elsewhere")).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(600));
    assert!(!out.exists(), "nothing is written where it was");
    std::fs::rename(folder.path().join("elsewhere"), &out).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(600));
    assert!(Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap().success());
    let output = run.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("no longer exists; put it back"));
    for heals in [true, false] {
        let out = folder.path().join(format!("run-{heals}"));
        let mut run = begin(&out, &["--steps", "100000000"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        while Checkpoint::open(&out).is_err() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let (place, away) = (out.join("checkpoint"), out.join("away"));
        std::fs::rename(&place, &away).unwrap();
        std::fs::write(&place, "in the way").unwrap();
        std::thread::sleep(std::time::Duration::from_millis(800));
        assert!(run.try_wait().unwrap().is_none(), "it goes on");
        if heals {
            std::fs::remove_file(&place).unwrap();
            std::fs::rename(&away, &place).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(800));
        }
        assert!(Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap().success());
        let output = run.wait_with_output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        let warned = text.matches("warning: ").count();
        assert!((1..4).contains(&warned) && text.contains("checkpoint"), "{text}");
        assert_eq!(output.status.code(), Some(if heals { 0 } else { 1 }), "{text}");
        assert_eq!(text.contains("error: the latest progress is not saved"), !heals, "{text}");
        if heals {
            let left = std::fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().file_name());
            let left: Vec<String> = left.map(|name| name.into_string().unwrap()).collect();
            // Files being written while the folder was removed may stay until the run is opened again.
            assert!(!left.iter().any(|name| name.starts_with(".new-")), "{left:?}");
            Checkpoint::open(&out).unwrap();
        }
    }
}

/// A resume adds to a run's cost and results, and never resets them.
#[test]
fn a_finished_run_keeps_its_results() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut config = quick("cartpole", 1, 3_000);
    config.run.eval_episodes = 3;
    let first = train(&config, &out, false).unwrap();
    config.run.eval_episodes = 0;
    let second = train(&config, &out, true).unwrap();
    assert!(second.seconds >= first.seconds, "{} after {}", second.seconds, first.seconds);
    assert_eq!(second.eval, first.eval);
    let times = |out: &Path| -> Vec<f64> {
        let text = std::fs::read_to_string(out.join("metrics.jsonl")).unwrap();
        let line = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        text.lines().map(|text| line(text)["time/seconds"].as_f64().unwrap()).collect()
    };
    let episodes = std::fs::read_to_string(out.join("episodes.jsonl")).unwrap();
    assert!(episodes.lines().all(|line| line.starts_with("{\"env_steps\":")), "{episodes}");
    config.steps = 5_000;
    train(&config, &out, true).unwrap();
    assert!(times(&out).is_sorted() && *times(&out).last().unwrap() > first.seconds, "{:?}", times(&out));
    assert!(metrics(&out).len() >= 9);

    // A solved run stays solved until more is requested.
    let solved = folder.path().join("solved");
    (config.run.target_return, config.run.eval_every, config.run.eval_episodes) = (Some(5.0), 1_000, 2);
    let first = train(&config, &solved, false).unwrap();
    let again = train(&config, &solved, true).unwrap();
    assert!(first.solved.is_some() && again.solved == first.solved && again.env_steps == first.env_steps);
    config.run.target_return = Some(1e6);
    let more = train(&config, &solved, true).unwrap();
    assert!(more.solved.is_none() && more.env_steps >= 5_000);
}
