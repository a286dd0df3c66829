//! Sessions of real processes: they learn, are killed and cut off, are fed garbage, and learn nothing that never happened.
//! They need the feature `distributed`.

#[path = "../common/transitions.rs"]
mod transitions;

mod processes;
mod replicas;

use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use processes::{Kept, Process, free_port, lines, program, wait_for};
use transitions::check_run;

/// Small networks and few gradient steps.
const QUICK: &[&str] = &[
    "sac.hidden=[16]",
    "learner.batch_size=16",
    "learner.learning_starts=500",
    "learner.gradient_steps_per_env_step=0.05",
    "learner.replay_capacity=50000",
    "learner.checkpoint_seconds=0.5",
    "run.eval_episodes=2",
    "device=cpu",
];

/// Environment steps of a learner that is stopped.
const ENDLESS: u64 = 1_000_000_000;

fn learner(folder: &Path, address: &str, steps: u64, more: &[&str]) -> Process {
    let out = folder.join("run");
    let out = out.to_str().unwrap();
    let steps = steps.to_string();
    let mut arguments = vec!["--no-render"];
    if folder.join("run/checkpoint/latest").exists() {
        arguments.extend(["--resume", out]);
    } else {
        arguments.extend(["--env", "cartpole", "--seed", "1", "--out", out]);
        QUICK.iter().for_each(|set| arguments.extend(["--set", set]));
    }
    arguments.extend(["--steps", &steps, "--listen", address]);
    arguments.extend(more);
    Process::start(&arguments)
}

fn actor(address: &str, more: &[&str]) -> Process {
    Process::start(&[&["actors", "--join", address], more].concat())
}

/// The last value of a metric, 0 before the first.
fn newest(folder: &Path, key: &str) -> f64 {
    let lines = lines(&folder.join("run/metrics.jsonl"));
    lines.last().and_then(|line| line[key].as_f64()).unwrap_or(0.0)
}

/// What a run has kept is whole: its transitions are cartpole's, and its lines are JSON.
fn check(folder: &Path) -> usize {
    let checked = check_run(&folder.join("run")).unwrap();
    assert_eq!(checked.impossible, 0, "of {} transitions", checked.transitions);
    checked.transitions
}

#[test]
fn actors_play_and_the_learner_learns() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("tcp/127.0.0.1:{}", free_port());
    let ratio = 1.0;
    let learner = learner(
        folder.path(),
        &address,
        30_000,
        &["--no-actors", "--set", "learner.gradient_steps_per_env_step=1"],
    );
    let actors = [actor(&address, &[]), actor(&address, &["--arenas", "3"])];
    let summary = learner.summary();
    assert_eq!((summary["env"].as_str(), summary["interrupted"].as_bool()), (Some("cartpole"), Some(false)));
    let steps = summary["env_steps"].as_u64().unwrap();
    assert!((30_000..40_000).contains(&steps), "{steps}");
    let made = summary["gradient_steps"].as_f64().unwrap();
    let allowed = (steps as f64 - 500.0) * ratio;
    assert!((made / allowed - 1.0).abs() < 0.05, "{made} gradient steps, {allowed} allowed");
    assert_eq!(summary["eval"]["episodes"], 2);
    let mut taken = 0;
    for actor in actors {
        let summary = actor.summary();
        assert_eq!(summary["ended"], "the run is complete");
        assert!(summary["policies"].as_u64().unwrap() > 3, "{summary}");
        taken += summary["taken"].as_u64().unwrap();
    }
    // The last acknowledgements may come after the end.
    assert!(taken <= steps && taken * 10 >= steps * 8, "{taken} of {steps}");
    assert!(check(folder.path()) > 20_000);
    assert_eq!(newest(folder.path(), "env_steps"), steps as f64);
    assert!(newest(folder.path(), "net/samples_per_insert") > 10.0);
    let episodes = lines(&folder.path().join("run/episodes.jsonl"));
    assert!(episodes.iter().any(|episode| episode["arena"].as_u64() >= Some(8)), "of the second actor");
}

#[test]
fn whoever_is_killed_comes_back_and_nothing_is_learned_that_never_happened() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("tcp/127.0.0.1:{}", free_port());
    let mut learning = learner(folder.path(), &address, ENDLESS, &[]);
    let mut actors = vec![actor(&address, &[]), actor(&address, &[])];
    let saved = folder.path().join("run/checkpoint/latest");
    wait_for("a first checkpoint", || saved.exists());
    for round in 0..6 {
        std::thread::sleep(Duration::from_millis(700 + 300 * (round % 3)));
        if round % 2 == 0 {
            actors.remove(0).kill();
            actors.push(actor(&address, &[]));
        } else {
            learning.kill();
            check(folder.path());
            std::thread::sleep(Duration::from_millis(400));
            learning = learner(folder.path(), &address, ENDLESS, &[]);
        }
    }
    // Actors that were there all the time have come back to the learner that was started last.
    let metrics = folder.path().join("run/metrics.jsonl");
    let count = lines(&metrics).len();
    wait_for("lines of the last learner with both actors", || {
        let lines = lines(&metrics);
        lines.len() > count && lines.last().is_some_and(|line| line["net/actors"].as_f64() >= Some(2.0))
    });
    std::thread::sleep(Duration::from_secs(1));
    let (alive, output) = learning.stop();
    assert!(alive, "{output}");
    for actor in actors {
        let summary = actor.summary();
        assert_eq!(summary["ended"], "the learner was stopped");
        assert!(summary["taken"].as_u64().unwrap() > 0);
    }
    assert!(check(folder.path()) > 5_000);
}

#[test]
fn an_actor_does_not_play_on_for_another_run() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("tcp/127.0.0.1:{}", free_port());
    let start = |out: &str, level: &str| {
        let out = folder.path().join(out);
        let mut arguments = vec!["--no-render", "--env", "lava-room", "--level", level, "--listen", &address];
        arguments.extend([
            "--no-actors",
            "--steps",
            "1000000000",
            "--device",
            "cpu",
            "--out",
            out.to_str().unwrap(),
        ]);
        Process::start(&arguments)
    };
    let first = start("run", "1");
    let playing = actor(&address, &[]);
    wait_for("steps", || newest(folder.path(), "net/env_steps") > 0.0);
    first.kill();
    let _second = Kept(start("other", "2"));
    let (success, output) = playing.outcome();
    assert!(!success && output.contains("error: the learner has started another run"), "{output}");
}

#[test]
fn certificates_decide_who_may_do_what() {
    let folder = tempfile::tempdir().unwrap();
    let keys = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (own, foreign) = (keys("own"), keys("foreign"));
    for folder in [&own, &foreign] {
        let made = program(&["keys", "new", folder]);
        assert!(made.success && made.output.contains("actor.key"), "{}", made.output);
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(format!("{own}/actor.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "for its owner alone");
    }
    let again = program(&["keys", "new", &own]);
    assert!(!again.success && again.output.contains("already"), "{}", again.output);
    let address = format!("tls/localhost:{}", free_port());
    let learner = learner(folder.path(), &address, ENDLESS, &["--keys", &own, "--no-actors"]);
    let playing = actor(&address, &["--keys", &own]);
    // Another authority's certificate, and none.
    let refused = program(&["actors", "--join", &address, "--keys", &foreign]);
    assert!(!refused.success && refused.output.contains("nobody answers"), "{}", refused.output);
    let refused = program(&["--keys", &own, "--no-render", "--env", "cartpole"]);
    assert!(!refused.success && refused.output.contains("--listen or --join"), "{}", refused.output);
    let refused = program(&["keys", "new", &keys("bad"), "--host", "tls/foo:1"]);
    assert!(!refused.success && refused.output.contains("not a host"), "{}", refused.output);
    let refused = program(&["actors", "--join", &address]);
    assert!(!refused.success && refused.output.contains("keys new"), "{}", refused.output);
    // A watcher's certificate in an actor's place gets no steps in.
    let watcher = keys("watcher");
    std::fs::create_dir(&watcher).unwrap();
    for (from, to) in [("ca.pem", "ca.pem"), ("watcher.pem", "actor.pem"), ("watcher.key", "actor.key")] {
        std::fs::copy(format!("{own}/{from}"), format!("{watcher}/{to}")).unwrap();
    }
    let watching = actor(&address, &["--keys", &watcher]);
    wait_for("the actor", || newest(folder.path(), "net/actors") >= 1.0);
    // One that may not send steps takes no actor's place.
    std::thread::sleep(Duration::from_secs(3));
    assert!(newest(folder.path(), "net/actors") < 2.0);
    let steps = newest(folder.path(), "net/env_steps");
    wait_for("steps", || newest(folder.path(), "net/env_steps") > steps);
    let (alive, output) = learner.stop();
    assert!(alive, "{output}");
    assert!(playing.summary()["taken"].as_u64() > Some(0));
    assert_eq!(watching.summary()["taken"], 0);
    assert!(check(folder.path()) > 1_000);
}

#[test]
fn garbage_and_silence_at_the_door_disturb_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let address = format!("tcp/127.0.0.1:{port}");
    let learner = learner(folder.path(), &address, ENDLESS, &["--no-actors"]);
    let first = actor(&address, &[]);
    wait_for("the first actor", || newest(folder.path(), "net/actors") >= 1.0);
    // Half open, and kept so.
    let _silent: Vec<TcpStream> =
        (0..150).filter_map(|_| TcpStream::connect(("127.0.0.1", port)).ok()).collect();
    let mut number = 1_u64;
    for _ in 0..150 {
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
            let bytes: Vec<u8> = (0..200)
                .map(|_| {
                    number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (number >> 33) as u8
                })
                .collect();
            _ = stream.write_all(&bytes);
        }
    }
    let second = actor(&address, &[]);
    wait_for("the second actor", || newest(folder.path(), "net/actors") >= 2.0);
    std::thread::sleep(Duration::from_secs(1));
    let (alive, output) = learner.stop();
    assert!(alive, "{output}");
    for actor in [first, second] {
        assert!(actor.summary()["taken"].as_u64().unwrap() > 0, "joined in spite of it");
    }
    assert!(check(folder.path()) > 1_000);
}

#[test]
fn mistakes_are_one_line_with_a_remedy_and_touch_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let out = out.to_str().unwrap();
    let port = free_port();
    let here = format!("tcp/127.0.0.1:{port}");
    let run = ["--no-render", "--env", "cartpole", "--out", out, "--listen"];
    for (arguments, expected) in [
        (vec!["--no-render", "--env", "cartpole", "--listen", &here], "--out"),
        ([&run[..], &["tcp/0.0.0.0:7447"]].concat(), "keys new"),
        ([&run[..], &["tls/127.0.0.1:7447"]].concat(), "--keys"),
        ([&run[..], &["tls/127.0.0.1:7447", "--keys", "no-such-folder"]].concat(), "no-such-folder"),
        ([&run[..], &["7447"]].concat(), "tls/HOST:PORT"),
        ([&run[..], &[&here, "--most-actors", "0"]].concat(), "1..=1023"),
        ([&run[..], &[&here, "--set", "learner.samples_per_insert=0"]].concat(), "0.001 to 65536"),
        (vec!["actors", "--join", &here], "nobody answers"),
        (vec!["actors", "--join", &here, "--keys", out], "no actor.key"),
        (vec!["keys", "new", "/dev/null/keys"], "/dev/null/keys"),
    ] {
        let ended = program(&arguments);
        assert!(!ended.success && ended.output.contains(expected), "{arguments:?}: {}", ended.output);
        let said = ended.output.lines().filter(|line| line.starts_with("error: ")).count();
        assert_eq!(said, 1, "{arguments:?}: {}", ended.output);
        assert!(!folder.path().join("run").exists(), "{arguments:?}");
    }
    // The address is taken.
    let _taken = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let ended = program(&[&run[..], &[&here]].concat());
    assert!(!ended.success && ended.output.contains("another port"), "{}", ended.output);
    assert!(!folder.path().join("run").exists());
    // An actor that wants more arenas than there are streams for.
    let address = format!("tcp/127.0.0.1:{}", free_port());
    let learner = learner(folder.path(), &address, ENDLESS, &[]);
    let _kept = Kept(learner);
    wait_for("the learner", || {
        program(&["actors", "--join", &address, "--arenas", "17"]).output.contains("for 4 arenas")
    });
}

/// Bytes of a file of the latest checkpoint.
fn saved(run: &Path, name: &str) -> Vec<u8> {
    let latest = std::fs::read_to_string(run.join("checkpoint/latest")).unwrap();
    std::fs::read(run.join("checkpoint").join(latest.trim()).join(name)).unwrap()
}

/// What a run has written, without times.
fn written(run: &Path) -> (Vec<serde_json::Value>, Vec<u8>) {
    let mut metrics = lines(&run.join("metrics.jsonl"));
    for line in &mut metrics {
        line.as_object_mut().unwrap().retain(|key, _| !key.starts_with("time/"));
    }
    (metrics, std::fs::read(run.join("episodes.jsonl")).unwrap())
}

fn compare(whole: &Path, parts: &Path) {
    assert_eq!(written(parts), written(whole));
    for file in ["weights.safetensors", "replay.bin", "simulation.json"] {
        assert!(saved(parts, file) == saved(whole, file), "{file} differs");
    }
}

#[test]
fn an_exact_run_writes_the_bytes_of_one_process_whoever_plays() {
    for (env, more) in [
        ("cartpole", &[][..]),
        ("paddle-duel", &["run.self_play=true"][..]),
        (
            "memory-corridor",
            &["sac.memory={kind=\"lstm\",hidden=8,embed=8,skip=true}", "sac.encoder.mode=flat"][..],
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
        let address = format!("tcp/127.0.0.1:{}", free_port());
        let mut settings =
            vec!["--no-render", "--env", env, "--seed", "5", "--steps", "12000", "--arenas", "7"];
        for set in [
            "sac.hidden=[16]",
            "learner.batch_size=16",
            "learner.learning_starts=500",
            "device=cpu",
            "learner.gradient_steps_per_env_step=0.05",
            "run.log_every=1000",
            "run.eval_episodes=2",
        ]
        .iter()
        .chain(more)
        {
            settings.extend(["--set", set]);
        }
        let one = Process::start(&[&settings[..], &["--out", whole.to_str().unwrap()]].concat()).summary();
        assert_eq!(one["interrupted"], false);
        let exact = ["--out", parts.to_str().unwrap(), "--listen", &address, "--exact", "3"];
        let learner = Process::start(&[&settings[..], &exact].concat());
        let actors = [actor(&address, &[]), actor(&address, &["--threads", "1"])];
        let summary = learner.summary();
        assert_eq!(summary["eval"], one["eval"]);
        for actor in actors {
            assert_eq!(actor.summary()["ended"], "the run is complete");
        }
        compare(&whole, &parts);
    }
}

#[test]
fn an_exact_run_that_is_killed_everywhere_ends_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    let address = format!("tcp/127.0.0.1:{}", free_port());
    let mut settings = vec!["--no-render", "--env", "cartpole", "--seed", "5", "--steps", "60000"];
    for set in QUICK {
        settings.extend(["--set", set]);
    }
    Process::start(&[&settings[..], &["--out", whole.to_str().unwrap()]].concat()).summary();
    let out = parts.to_str().unwrap();
    let start = || {
        let here = ["--listen", &address, "--exact", "2"];
        match parts.join("checkpoint/latest").exists() {
            true => Process::start(&[&["--no-render", "--resume", out], &here[..]].concat()),
            false => Process::start(&[&settings[..], &["--out", out], &here].concat()),
        }
    };
    let mut learner = start();
    let mut actors = vec![actor(&address, &[]), actor(&address, &[])];
    wait_for("a first checkpoint", || parts.join("checkpoint/latest").exists());
    for round in 0..6 {
        std::thread::sleep(Duration::from_millis(300 + 200 * (round % 3)));
        if round % 2 == 0 {
            actors.remove(0).kill();
            actors.push(actor(&address, &[]));
        } else {
            learner.kill();
            learner = start();
        }
    }
    // One alone plays all parts to the end.
    actors.remove(0).kill();
    assert_eq!(learner.summary()["interrupted"], false);
    compare(&whole, &parts);
}
