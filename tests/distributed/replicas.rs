//! Several learners of one agent: they average what they learn, are killed, and come back.

use super::*;

fn replica(address: &str, more: &[&str]) -> Process {
    Process::start(&[&["learner", "--join", address], more].concat())
}

#[test]
fn replicas_train_in_step_and_end_with_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("tcp/127.0.0.1:{}", free_port());
    let learner = learner(folder.path(), &address, ENDLESS, &["--set", "learner.sync_every=1"]);
    let replicas = [replica(&address, &[]), replica(&address, &["--arenas", "2"])];
    wait_for("both", || newest(folder.path(), "net/replicas") == 2.0);
    let before = newest(folder.path(), "gradient_steps");
    wait_for("steps", || newest(folder.path(), "gradient_steps") > before + 300.0);
    let status = program(&["session", "--join", &address, "status"]);
    let status: serde_json::Value = serde_json::from_str(status.output.trim()).unwrap();
    assert_eq!(status["net"]["replicas"].as_array().map(Vec::len), Some(2), "{status}");
    let refused = program(&["session", "--join", &address, "forbid", "1"]);
    assert!(!refused.success && refused.output.contains("no connected actor"), "{}", refused.output);
    assert!(program(&["session", "--join", &address, "stop"]).success);
    let summary = learner.summary();
    let made = summary["gradient_steps"].as_u64().unwrap();
    for replica in replicas {
        let summary = replica.summary();
        assert_eq!(summary["ended"], "the learner was stopped");
        let (own, steps) =
            (summary["gradient_steps"].as_u64().unwrap(), summary["env_steps"].as_u64().unwrap());
        // The last may be made by the learner alone.
        assert!(own + 600 > made && own <= made, "{own} of {made}");
        assert!(steps > 500, "{steps}");
        // When a replica joins, and every ten thousand steps.
        let most = 5 + made / 10_000;
        assert!(
            summary["meetings"].as_u64().unwrap() < most,
            "told everything once, not again and again: {summary}"
        );
    }
    let lines = lines(&folder.path().join("run/metrics.jsonl"));
    assert!(lines.iter().any(|line| line["net/replicas"] == 2.0));
    assert_eq!(newest(folder.path(), "env_steps"), summary["env_steps"].as_f64().unwrap());
    check(folder.path());
}

#[test]
fn whoever_is_killed_comes_back_to_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("tcp/127.0.0.1:{}", free_port());
    let own = format!("tcp/127.0.0.1:{}", free_port());
    let more = ["--no-actors", "--set", "learner.sync_every=20"];
    let mut learning = learner(folder.path(), &address, ENDLESS, &more);
    // The learner has no steps of its own: it learns by what its replica learns, for which an actor plays.
    let mut second = replica(&address, &["--listen", &own, "--no-actors"]);
    let playing = actor(&own, &[]);
    let trained = || newest(folder.path(), "gradient_steps");
    wait_for("gradient steps of a replica", || trained() > 40.0);
    assert!(newest(folder.path(), "net/replica_env_steps") > 500.0);
    let saved = folder.path().join("run/checkpoint/latest");
    wait_for("a checkpoint", || saved.exists());
    for _ in 0..2 {
        learning.kill();
        learning = learner(folder.path(), &address, ENDLESS, &["--no-actors"]);
        wait_for("the replica", || newest(folder.path(), "net/replicas") >= 1.0);
        let before = trained();
        wait_for("more gradient steps", || trained() > before + 40.0);
        second.kill();
        second = replica(&address, &["--listen", &own, "--no-actors"]);
        let before = trained();
        wait_for("more gradient steps of the next replica", || trained() > before + 40.0);
    }
    // An exact run and a replica have no replicas.
    let refused = program(&["learner", "--join", &own]);
    assert!(!refused.success && refused.output.contains("a replica itself"), "{}", refused.output);
    let (alive, output) = learning.stop();
    assert!(alive, "{output}");
    assert_eq!(second.summary()["ended"], "the learner was stopped");
    assert_eq!(playing.summary()["ended"], "the learner was stopped");
    check(folder.path());
}

#[test]
fn a_replica_needs_the_certificate_of_a_learner() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    let keys = keys.to_str().unwrap();
    assert!(program(&["keys", "new", keys]).success);
    let address = format!("tls/localhost:{}", free_port());
    let learner = learner(folder.path(), &address, ENDLESS, &["--keys", keys]);
    let refused = program(&["learner", "--join", &address]);
    assert!(!refused.success && refused.output.contains("keys new"), "{}", refused.output);
    let second = replica(&address, &["--keys", keys]);
    wait_for("the replica", || newest(folder.path(), "net/replica_env_steps") > 0.0);
    // An actor's certificate in its place is heard by nobody.
    let actor = folder.path().join("actor");
    std::fs::create_dir(&actor).unwrap();
    for (from, to) in [("ca.pem", "ca.pem"), ("actor.pem", "learner.pem"), ("actor.key", "learner.key")] {
        std::fs::copy(Path::new(keys).join(from), actor.join(to)).unwrap();
    }
    let other = replica(&address, &["--keys", actor.to_str().unwrap()]);
    std::thread::sleep(Duration::from_secs(3));
    assert!(newest(folder.path(), "net/replicas") < 2.0);
    let (alive, output) = learner.stop();
    assert!(alive, "{output}");
    assert!(second.summary()["meetings"].as_u64() > Some(0));
    other.kill();
}
