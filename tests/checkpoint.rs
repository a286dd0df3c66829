//! Checkpoints survive being killed at any moment, and refuse what they cannot be.

mod common;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{program, quick, train};
use entropy_arcade::learner::checkpoint::Checkpoint;
use entropy_arcade::sim::worlds::WorldChoice;

/// Kills a run that writes checkpoints without pause, again and again: there is always a good one,
/// it never goes backwards, and the next start goes on from it.
#[test]
fn killed_at_any_moment_the_last_good_one_stays() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut furthest = 0;
    for kill in 0..24u64 {
        let mut command = Command::new(program());
        command.args(["--no-render", "--device", "cpu", "--steps", "100000000"]);
        if out.join("checkpoint/latest").exists() {
            command.arg("--resume").arg(&out);
        } else {
            _ = std::fs::remove_dir_all(&out);
            command.args(["--set", "learner.checkpoint_seconds=0.001", "--set", "sac.hidden=[32]"]);
            command.args(["--set", "learner.replay_capacity=20000"]).arg("--out").arg(&out);
        }
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Wait until it is under way, then strike at a different moment each time.
        let before = std::fs::read_to_string(out.join("checkpoint/latest")).unwrap_or_default();
        let start = Instant::now();
        while std::fs::read_to_string(out.join("checkpoint/latest")).unwrap_or_default() == before {
            assert!(start.elapsed() < Duration::from_secs(60), "no checkpoint within a minute");
            assert!(child.try_wait().unwrap().is_none(), "the run ended by itself");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(kill * kill * 700));
        child.kill().unwrap();
        child.wait().unwrap();

        let checkpoint = Checkpoint::open(&out).unwrap_or_else(|error| panic!("after kill {kill}: {error}"));
        checkpoint.policy().unwrap();
        let steps = checkpoint.manifest.counters.env_steps;
        assert!(steps >= furthest, "kill {kill}: {steps} after {furthest}");
        furthest = steps;
    }
    assert!(furthest > 0);
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

    std::fs::write(place.join("manifest.json"), manifest.replacen("\"version\": 1", "\"version\": 999", 1))
        .unwrap();
    assert!(message().contains("checkpoint version 999, this program reads up to 1; use a newer program"));
    std::fs::write(place.join("manifest.json"), &original[..original.len() / 2]).unwrap();
    assert!(message().contains("damaged checkpoint"));
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

    // A folder that somebody else put beside it stays, whatever its name begins with.
    let foreign = place.parent().unwrap().join("2024-backup");
    std::fs::create_dir(&foreign).unwrap();
    train(&quick("lava-room", 1, 1_500), &folder.path().join("run"), true).unwrap();
    assert!(foreign.is_dir() && !place.exists(), "the old checkpoint goes, the foreign folder stays");
    let place = std::fs::read_to_string(foreign.with_file_name("latest")).unwrap();
    let place = foreign.with_file_name(place);

    // Whole again, but of another world.
    let checkpoint = Checkpoint::open(&place).unwrap();
    let duel = WorldChoice::new("paddle-duel", None).unwrap();
    let text = checkpoint.check_spec(&duel.spec()).unwrap_err().to_string();
    assert!(text.contains("it was trained on lava-room, this is paddle-duel"), "{text}");
    let text = Checkpoint::open(folder.path()).unwrap_err().to_string();
    assert!(text.contains("no checkpoint there"), "{text}");
}

#[test]
fn a_sweep_makes_a_run_anew_that_was_cut_off_before_its_first_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sweep.toml");
    let text = "env = \"cartpole\"\nseeds = [1]\nset = [\"steps=600\", \"run.eval_episodes=0\", \"device=cpu\"]\n\
                [[variant]]\nname = \"short\"\n";
    std::fs::write(&file, text).unwrap();
    let sweep = entropy_arcade::run::sweep::Sweep::load(&file).unwrap();
    let out = folder.path().join("out");
    let job = sweep.jobs(&out).unwrap().remove(0);
    std::fs::create_dir_all(&job.out).unwrap();
    std::fs::write(job.out.join("config.toml"), job.config.to_toml()).unwrap();
    std::fs::write(job.out.join("metrics.jsonl"), "{\"env_steps\":1}\n").unwrap();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    entropy_arcade::app::sweep(&sweep, &out, 1, &stop).unwrap();
    let metrics = std::fs::read_to_string(job.out.join("metrics.jsonl")).unwrap();
    assert!(!metrics.starts_with("{\"env_steps\":1}"), "{metrics}");
    assert!(sweep.jobs(&out).unwrap()[0].finished.is_some());
}
