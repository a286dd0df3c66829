//! A run's folder: what is refused, restarted and appended.

use std::fs;

use super::*;
use crate::learner::owner::{Kind, entries};

const CONFIG_TEXT: &str = "env = \"cartpole\"\n";

fn begin(path: &Path, config: &str) -> Result<Claim, String> {
    Claim::to_begin(path, config, "entropy-arcade").map_err(|error| error.to_string())
}

#[test]
fn foreign_files_stay_and_are_named() {
    for names in [&["config.toml"][..], &["summary.json"], &["episodes.jsonl", "hints.jsonl"], &["a.txt"]] {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            fs::write(folder.path().join(name), "mine\n").unwrap();
        }
        fs::create_dir(folder.path().join("checkpoint")).unwrap();
        fs::write(folder.path().join("checkpoint/latest"), "mine").unwrap();
        let error = begin(folder.path(), CONFIG_TEXT).unwrap_err();
        assert!(error.contains(names[0]) && error.contains("choose another --out"), "{error}");
        assert_eq!(entries(folder.path()).unwrap().len(), names.len() + 1);
        assert!(!Owner::has_marked(folder.path()), "not even a mark");
        // Nor does a failed start leave one.
        let elsewhere = tempfile::tempdir().unwrap();
        drop(begin(elsewhere.path(), CONFIG_TEXT).unwrap());
        fs::write(elsewhere.path().join(names[0]), "mine\n").unwrap();
        assert!(begin(elsewhere.path(), CONFIG_TEXT).unwrap_err().contains(names[0]));
        for name in names {
            assert_eq!(fs::read_to_string(folder.path().join(name)).unwrap(), "mine\n");
        }
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(begin(file.path(), CONFIG_TEXT).unwrap_err().contains("choose another --out"));
}

/// Before its first checkpoint, a killed run leaves the mark, then its configuration, then lines.
#[test]
fn both_commands_restart_a_run_that_died_before_its_first_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a run");
    drop(begin(&path, CONFIG_TEXT).unwrap());
    let again: [fn(&Path) -> Result<Claim, String>; 2] = [
        |path| begin(path, CONFIG_TEXT),
        |path| Claim::to_resume(path, CONFIG_TEXT).map_err(|error| error.to_string()),
    ];
    for again in again {
        let claim = again(&path).unwrap();
        assert!(!claim.has_checkpoint());
        let mut run = claim.open(Some(CONFIG_TEXT), None).unwrap();
        assert_eq!(run.lengths(), Lengths { hints: Some(0), ..Lengths::default() });
        run.episode(&1).unwrap();
        run.metric(&Metrics::default()).unwrap();
        fs::create_dir_all(run.checkpoints().join(".new-000000000600")).unwrap();
        fs::write(path.join(".config.toml.new"), "half").unwrap();
        assert!(again(&path).unwrap_err().contains("is in use by another entropy-arcade (process"));
    }
    let error = begin(&path, "env = \"tag\"\n").unwrap_err();
    let command = format!("continue with `entropy-arcade --resume '{}'`", path.display());
    assert!(error.contains("other settings") && error.contains(&command), "{error}");
    let run = begin(&path, CONFIG_TEXT).unwrap().open(Some(CONFIG_TEXT), None).unwrap();
    assert_eq!(entries(&path).unwrap(), ["checkpoint", "config.toml", "episodes.jsonl", "metrics.jsonl"]);
    assert_eq!(fs::read_dir(run.checkpoints()).unwrap().count(), 0);
}

#[test]
fn nothing_starts_inside_a_run_or_in_a_sweeps_folder() {
    let place = tempfile::tempdir().unwrap();
    let run = place.path().join("run");
    let open = begin(&run, CONFIG_TEXT).unwrap().open(Some(CONFIG_TEXT), None).unwrap();
    fs::create_dir(open.checkpoints()).unwrap();
    fs::write(open.checkpoints().join("latest"), "000000000000").unwrap();
    drop(open);
    let error = begin(&run.join("checkpoint"), CONFIG_TEXT).unwrap_err();
    assert!(error.contains("is inside the run folder") && error.contains("choose another"), "{error}");
    assert!(!Owner::has_marked(&run.join("checkpoint")), "not even a mark");
    let sweep = place.path().join("sweep");
    fs::create_dir_all(sweep.join("plain/seed-1")).unwrap();
    drop(Owner::of(&sweep, Kind::Sweep).unwrap());
    let error = begin(&sweep, CONFIG_TEXT).unwrap_err();
    assert!(error.contains("is the folder of a sweep"), "{error}");
    assert!(begin(&sweep.join("plain/seed-1"), CONFIG_TEXT).is_ok());
}

#[test]
fn a_folder_in_the_place_of_lines_is_refused_before_anything_is_written() {
    let path = tempfile::tempdir().unwrap();
    drop(begin(path.path(), CONFIG_TEXT).unwrap().open(Some(CONFIG_TEXT), None).unwrap());
    fs::create_dir(path.path().join("metrics.jsonl")).unwrap();
    let error = begin(path.path(), CONFIG_TEXT).unwrap_err();
    let expected = "metrics.jsonl: not a regular file; move it away, or choose another --out";
    assert!(error.contains(expected), "{error}");
}

/// A folder of an older version, without a mark, is refused without adding one.
#[test]
fn a_refused_start_leaves_no_mark_in_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("checkpoint/000000000100");
    fs::create_dir_all(&checkpoint).unwrap();
    fs::write(checkpoint.join("manifest.json"), "{}").unwrap();
    fs::write(folder.path().join("config.toml"), CONFIG_TEXT).unwrap();
    let error = begin(folder.path(), CONFIG_TEXT).unwrap_err();
    assert!(error.contains("holds a run already") && !Owner::has_marked(folder.path()), "{error}");
}

#[test]
fn only_a_run_is_resumed_and_a_folder_without_one_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.toml"), "title = \"my site\"\n").unwrap();
    let error = Claim::to_resume(folder.path(), CONFIG_TEXT).unwrap_err().to_string();
    assert!(error.contains("no checkpoint there"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn lines_of_metrics_reach_every_sink() {
    let place = tempfile::tempdir().unwrap();
    let mut run = begin(place.path(), CONFIG_TEXT).unwrap().open(Some(CONFIG_TEXT), None).unwrap();
    run.keep_events(0, "steps = 5\n").unwrap();
    let events = entries(&place.path().join(EVENTS)).unwrap();
    let size = || fs::metadata(place.path().join(EVENTS).join(&events[0])).unwrap().len();
    let before = size();
    let mut line = Metrics::default();
    line.set(ENV_STEPS, 64_u64);
    run.metric(&line).unwrap();
    assert!(events.len() == 1 && size() > before);
    let text = fs::read_to_string(place.path().join("metrics.jsonl")).unwrap();
    assert_eq!(text, "{\"env_steps\":64}\n");
}
