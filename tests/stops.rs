//! Stops: heard in the middle of whatever is being done, said in one line, and nothing is lost by them.

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bevy::prelude::*;
use common::{checkpoint_file, metrics, quick};
use entropy_arcade::agent::{ControllerAssignment, LearningPolicy};
use entropy_arcade::app::{self, headless_app};
use entropy_arcade::config::RunConfig;
use entropy_arcade::learner::{LearnerSetup, untrained};
use entropy_arcade::mdp::Stream;
use entropy_arcade::run::{HeadlessSetup, Summary, headless};
use entropy_arcade::sim::{SimConfig, SimSystems, SimTick};

/// Trains, and stops after so many ticks of this part.
fn train_until(config: &RunConfig, out: &Path, resume: bool, ticks: Option<u64>) -> Summary {
    let world = app::world(config).unwrap();
    let spec = world.spec();
    let sim = SimConfig { arenas: config.arenas, seed: config.seed, stream: Stream::Environment };
    let assignment = ControllerAssignment::learn_against_script(&spec);
    let policy = LearningPolicy(untrained(spec.action.len()));
    let mut app = headless_app(&world, sim, assignment, policy, 1);
    let stop = Arc::new(AtomicBool::new(false));
    let (asked, mut made) = (stop.clone(), 0);
    let count = move || {
        made += 1;
        if Some(made) == ticks {
            asked.store(true, Ordering::Relaxed);
        }
    };
    app.add_systems(SimTick, count.in_set(SimSystems::Last));
    let learner = LearnerSetup {
        streams: config.arenas,
        level: world.level().cloned(),
        device: config.device,
        seed: config.seed,
        resume: resume.then(|| out.to_owned()),
        ..LearnerSetup::new(spec, config.learner())
    };
    let evaluate: headless::Evaluate = Box::new(|_| None);
    let setup = HeadlessSetup {
        config: config.clone(),
        learner,
        out: Some(out.to_owned()),
        stop,
        silent: true,
        evaluate,
        evaluate_training: None,
    };
    headless::train(&mut app, setup).unwrap()
}

#[test]
fn a_run_stopped_within_periods_goes_on_exactly() {
    for env in ["lava-room", "paddle-duel"] {
        let folder = tempfile::tempdir().unwrap();
        let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
        let mut config = quick(env, 3, 4_000);
        // Periods of 256 steps with more to learn than their play takes time for.
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

    /// Nobody reads what it prints, so that must go nowhere: a program waits on a pipe that is full.
    fn start(command: &mut Command) -> Child {
        command.stdout(Stdio::null()).stderr(Stdio::piped()).env_remove("DISPLAY").spawn().unwrap()
    }

    fn kill(child: &Child, signal: &str) {
        let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Exit code and what was written to stderr. A program that hears nothing is ended by force.
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

    /// Whether these tests, and so what they start, were told to ignore SIGHUP. Only Linux tells.
    fn ignores_hangups() -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
    }

    /// A run whose first period takes hours of learning, and any other too.
    fn endless(out: &Path, set: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(["--no-render", "--env", "cartpole", "--device", "cpu", "--steps", "1000000000"]);
        command.args(["--set", "sac.hidden=[16]", "--out"]).arg(out);
        set.iter().for_each(|set| _ = command.args(["--set", set]));
        command
    }

    const LONG: [&str; 5] = [
        "arenas=1024",
        "run.period=1024",
        "learner.batch_size=1024",
        "learner.learning_starts=0",
        "run.log_every=1",
    ];

    const SAID: &str = "stopping: saving a checkpoint; press Ctrl-C again to quit without saving";

    #[test]
    fn a_stop_is_heard_within_a_long_period() {
        for signal in ["-INT", "-TERM", "-HUP"] {
            if signal == "-HUP" && ignores_hangups() {
                println!("skipped {signal}: these tests run under nohup");
                continue;
            }
            let folder = tempfile::tempdir().unwrap();
            let out = folder.path().join("run");
            let child = start(&mut endless(&out, &LONG));
            wait_for(&out.join("metrics.jsonl"));
            std::thread::sleep(Duration::from_millis(500));
            kill(&child, signal);
            // As `timeout` does, which tells the program and then all of its group.
            kill(&child, signal);
            let (code, said) = end(child);
            assert_eq!((code, said.matches(SAID).count()), (Some(0), 1), "{signal}: {said}");
            assert!(out.join("summary.json").exists() && out.join("checkpoint/latest").exists());
        }
    }

    #[test]
    fn a_stop_is_heard_in_the_last_evaluation() {
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
    fn what_has_nothing_to_save_ends_at_once_and_says_so() {
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
        let Some(display) = super::common::display::display(4923) else { return };
        let folder = tempfile::tempdir().unwrap();
        // A copy, whose file goes away while it runs, as in a rebuild.
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
        // Without a window manager nothing has the keyboard by itself.
        let words = "search --onlyvisible --name Arcade windowfocus --sync key --clearmodifiers Escape";
        let key = Command::new("xdotool").args(words.split(' ')).env("DISPLAY", &display.name).status();
        let struck = key.is_ok_and(|status| status.success());
        std::thread::sleep(Duration::from_secs(6));
        if struck {
            let now = std::fs::read_to_string(format!("/proc/{}/cmdline", world.id())).unwrap_or_default();
            assert!(!now.contains("cartpole"), "Esc leads nowhere: {now}");
        } else {
            println!("Esc skipped: there is no xdotool");
        }
        assert!(world.try_wait().unwrap().is_none(), "Esc has ended the program");
        kill(&world, "-TERM");
        let (code, said) = end(world);
        assert!(code == Some(0) && said.contains("stopping") && !failed(&said), "{code:?}: {said}");
    }
}
