//! Stop signals: they take effect at any point, are confirmed in one line, and lose nothing.

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bevy::prelude::*;
use common::{checkpoint_file, metrics, quick};
use entropy_arcade::agent::LearningPolicy;
use entropy_arcade::config::RunConfig;
use entropy_arcade::experiment::level::world_in;
use entropy_arcade::experiment::{Experiment, Mode};
use entropy_arcade::learner::untrained;
use entropy_arcade::run::{Summary, headless, headless_app};
use entropy_arcade::sim::{SimSystems, SimTick};

/// Trains, and stops after a number of ticks.
fn train_until(config: &RunConfig, out: &Path, resume: bool, ticks: Option<u64>) -> Summary {
    let world = world_in(config, None).unwrap();
    let policy = LearningPolicy(untrained(&world.spec().action));
    let (out, resume) = (Some(out.to_owned()), resume.then(|| out.to_owned()));
    let experiment = Experiment::at(config.clone(), world, Mode::Headless, out, resume).unwrap();
    let assignment = experiment.assignment.clone();
    let mut app = headless_app(&experiment.world, experiment.sim(), assignment, policy, 1);
    let stop = Arc::new(AtomicBool::new(false));
    let (asked, mut made) = (stop.clone(), 0);
    let count = move || {
        made += 1;
        if Some(made) == ticks {
            asked.store(true, Ordering::Relaxed);
        }
    };
    app.add_systems(SimTick, count.in_set(SimSystems::Last));
    headless::train_in(&mut app, experiment, stop, true).unwrap()
}

#[test]
fn a_run_stopped_within_periods_continues_exactly() {
    for env in ["lava-room", "paddle-duel"] {
        let folder = tempfile::tempdir().unwrap();
        let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
        let mut config = quick(env, 3, 4_000);
        // Periods of 256 steps in which learning takes longer than playing.
        (config.run.period, config.learner.gradient_steps_per_env_step) = (32, 2.0);
        assert!(!train_until(&config, &whole, false, None).interrupted);

        // In the first step of a period, within one, within the same one again, in the last step of one.
        let (mut unplayed, mut unlearned, mut resume) = (0, 0, false);
        for ticks in [65, 40, 3, 54, 96, 200] {
            assert!(train_until(&config, &parts, resume, Some(ticks)).interrupted);
            resume = true;
            let manifest: serde_json::Value =
                serde_json::from_slice(&checkpoint_file(&parts, "manifest.json")).unwrap();
            unlearned += usize::from(manifest["counters"]["credit"].as_u64().unwrap() >= 1_000_000);
            let state: serde_json::Value =
                serde_json::from_slice(&checkpoint_file(&parts, "simulation.json")).unwrap();
            unplayed += usize::from(state["open"]["played"].as_u64().is_some_and(|played| played < 32));
        }
        assert!(unplayed > 1 && unlearned > 1, "{env}: {unplayed} and {unlearned} stops within periods");
        assert!(!train_until(&config, &parts, true, None).interrupted);

        assert_eq!(metrics(&whole), metrics(&parts), "{env}");
        let episodes = |out: &Path| std::fs::read_to_string(out.join("episodes.jsonl")).unwrap();
        assert_eq!(episodes(&whole), episodes(&parts), "{env}");
        for file in ["weights.safetensors", "replay.bin"] {
            assert!(checkpoint_file(&whole, file) == checkpoint_file(&parts, file), "{env}: {file} differs");
        }
    }
}

#[cfg(unix)]
mod signals {
    use std::io::Read as _;
    use std::process::{Child, Command, Stdio};
    use std::time::{Duration, Instant};

    use super::common::program;
    use super::*;

    /// Its output is discarded, since a full pipe would block the program.
    fn start(command: &mut Command) -> Child {
        command.stdout(Stdio::null()).stderr(Stdio::piped()).env_remove("DISPLAY").spawn().unwrap()
    }

    fn kill(child: &Child, signal: &str) {
        let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Exit code and what was written to stderr. A program that does not react is killed.
    fn end(mut child: Child) -> (Option<i32>, String) {
        let start = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if start.elapsed() > Duration::from_secs(60) {
                child.kill().unwrap();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut text = String::new();
        child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        (child.wait().unwrap().code(), text)
    }

    fn wait_for(path: &Path) {
        let start = Instant::now();
        while !path.exists() {
            assert!(start.elapsed() < Duration::from_secs(60), "{} never came", path.display());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether these tests, and so their child processes, ignore SIGHUP. Known on Linux only.
    fn ignores_hangups() -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
    }

    /// A run in which every period takes hours of learning.
    fn endless(out: &Path, set: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(["--no-render", "--env", "cartpole", "--device", "cpu", "--steps", "1000000000"]);
        command.args(["--set", "sac.hidden=[16]", "--out"]).arg(out);
        set.iter().for_each(|set| _ = command.args(["--set", set]));
        command
    }

    const LONG: &[&str] = &[
        "arenas=1024",
        "run.period=1024",
        "learner.batch_size=1024",
        "learner.learning_starts=0",
        "run.log_every=1",
    ];

    const SAID: &str = "stopping: saving a checkpoint; press Ctrl-C again to quit without saving";

    #[test]
    fn a_stop_takes_effect_within_a_long_period() {
        for signal in ["-INT", "-TERM", "-HUP"] {
            if signal == "-HUP" && ignores_hangups() {
                println!("skipped {signal}: these tests run under nohup");
                continue;
            }
            let folder = tempfile::tempdir().unwrap();
            let out = folder.path().join("run");
            let child = start(&mut endless(&out, LONG));
            wait_for(&out.join("metrics.jsonl"));
            std::thread::sleep(Duration::from_millis(500));
            kill(&child, signal);
            // Like `timeout`, which signals the program and then its process group.
            kill(&child, signal);
            let (code, said) = end(child);
            assert_eq!((code, said.matches(SAID).count()), (Some(0), 1), "{signal}: {said}");
            assert!(out.join("summary.json").exists() && out.join("checkpoint/latest").exists());
        }
    }

    #[test]
    fn a_stop_takes_effect_in_the_last_evaluation() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("run");
        let set = ["steps=100", "sac.hidden=[16]", "run.eval_episodes=100000000"];
        let mut command = Command::new(program());
        command.args(["--no-render", "--env", "cartpole", "--device", "cpu", "--out"]).arg(&out);
        set.iter().for_each(|set| _ = command.args(["--set", set]));
        let child = start(&mut command);
        wait_for(&out.join("checkpoint/latest"));
        std::thread::sleep(Duration::from_millis(500));
        kill(&child, "-INT");
        let (code, said) = end(child);
        assert_eq!((code, said.matches(SAID).count()), (Some(0), 1), "{said}");
        let summary = std::fs::read(out.join("summary.json")).unwrap();
        let summary: Summary = serde_json::from_slice(&summary).unwrap();
        assert!(summary.interrupted && summary.eval.is_none(), "{summary:?}");
    }

    #[test]
    fn programs_with_nothing_to_save_end_at_once() {
        let sweep = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/sweeps/arcade.toml");
        let all: [&[&str]; 4] = [
            &["eval", "--player", "random", "--env", "lander", "--episodes", "100000000"],
            &["bench", "env", "--env", "cartpole", "--seconds", "1000"],
            &["check"],
            &["scores", sweep, "--out", "nowhere", "--episodes", "10000"],
        ];
        for arguments in all {
            let child = start(Command::new(program()).args(arguments));
            std::thread::sleep(Duration::from_millis(400));
            kill(&child, "-INT");
            let (code, said) = end(child);
            assert_eq!((code, said.as_str()), (Some(130), "stopped\n"), "{arguments:?}");
        }
    }

    /// `nohup` starts programs with SIGHUP ignored.
    #[test]
    fn an_ignored_hangup_stays_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("run");
        let inner = endless(&out, &["run.log_every=1"]);
        let mut command = Command::new("sh");
        command
            .args(["-c", "trap '' HUP; exec \"$@\"", "sh"])
            .arg(inner.get_program())
            .args(inner.get_args());
        let mut child = start(&mut command);
        wait_for(&out.join("metrics.jsonl"));
        kill(&child, "-HUP");
        std::thread::sleep(Duration::from_millis(1000));
        assert!(child.try_wait().unwrap().is_none(), "the hangup ended it");
        kill(&child, "-TERM");
        let (code, said) = end(child);
        assert_eq!((code, said.matches(SAID).count()), (Some(0), 1), "{said}");
    }

    /// Containers and cron jobs have no XDG_RUNTIME_DIR.
    #[test]
    fn stderr_of_a_good_run_is_clean() {
        for software in [false, true] {
            let mut command = Command::new(program());
            command.args([
                "--no-render",
                "--env",
                "cartpole",
                "--steps",
                "200",
                "--set",
                "run.eval_episodes=1",
            ]);
            command.env_remove("XDG_RUNTIME_DIR").env_remove("WAYLAND_DISPLAY");
            if software {
                command.args(["--device", "gpu"]).env("ENTROPY_ARCADE_SOFTWARE_GPU", "1");
            }
            let (code, said) = end(start(&mut command));
            if software && code == Some(1) {
                println!("skipped on a software renderer: {said}");
                continue;
            }
            assert_eq!(code, Some(0), "{said}");
            let known = ["learning on ", "replay keeps ", "nothing will be learned: "];
            let told = |line: &str| known.iter().any(|words| line.starts_with(words));
            assert!(said.lines().all(told), "{said}");
        }
    }

    #[cfg(feature = "arcade")]
    #[test]
    fn leaving_a_window_is_no_error() {
        let Some(display) = super::common::display::display() else { return };
        let folder = tempfile::tempdir().unwrap();
        // A copy whose file is deleted while it runs, as in a rebuild.
        let copy = folder.path().join("entropy-arcade");
        std::fs::copy(program(), &copy).unwrap();
        let window = |arguments: &[&str]| {
            let mut command = Command::new(&copy);
            command.args(arguments).current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::piped());
            command.env("DISPLAY", &display.name).env("XDG_DATA_HOME", folder.path().join("data"));
            command.env("XDG_CONFIG_HOME", folder.path().join("config")).env_remove("WAYLAND_DISPLAY");
            let child = command.spawn().unwrap();
            std::thread::sleep(Duration::from_secs(6));
            child
        };
        let failed = |said: &str| said.lines().any(|line| line.starts_with("error"));
        for signal in ["-INT", "-TERM"] {
            let title = window(&[]);
            kill(&title, signal);
            let (code, said) = end(title);
            assert!(code == Some(0) && said.contains("stopping") && !failed(&said), "{said}");
        }
        let mut world = window(&["--env", "cartpole", "--device", "cpu", "--out", "run"]);
        std::fs::remove_file(&copy).unwrap();
        // Without a window manager no window has the keyboard focus.
        let words = "search --onlyvisible --name Arcade windowfocus --sync key --clearmodifiers Escape";
        let key = Command::new("xdotool").args(words.split(' ')).env("DISPLAY", &display.name).status();
        let struck = key.is_ok_and(|status| status.success());
        std::thread::sleep(Duration::from_secs(6));
        if struck {
            let name = "search --onlyvisible --name Arcade getwindowname";
            let name = Command::new("xdotool").args(name.split(' ')).env("DISPLAY", &display.name).output();
            let name = name.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap();
            assert!(name.contains("worlds"), "Esc leads nowhere: {name}");
        } else {
            println!("Esc skipped: there is no xdotool");
        }
        assert!(world.try_wait().unwrap().is_none(), "Esc has ended the program");
        kill(&world, "-TERM");
        let (code, said) = end(world);
        assert!(code == Some(0) && said.contains("stopping") && !failed(&said), "{code:?}: {said}");
    }
}
