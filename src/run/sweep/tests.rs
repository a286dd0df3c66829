//! Tests of sweeps: what they run and refuse, and failing runs.

use super::super::headless::Solved;
use super::*;

fn load(text: &str) -> Result<Sweep, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sweep.toml");
    std::fs::write(&path, text).unwrap();
    Sweep::load(&path).map_err(|error| error.to_string())
}

fn summary(mean: f64, solved: Option<u64>) -> Summary {
    let episode_return = Spread { mean, ..Spread::default() };
    Summary {
        env: "x".into(),
        seed: 0,
        env_steps: 1000,
        agent_env_steps: None,
        gradient_steps: 500,
        episode_return: None,
        success: None,
        score: None,
        interrupted: false,
        device: String::new(),
        seconds: 2.0,
        eval: Some(EvalSummary {
            episodes: 1,
            starts: 1,
            episode_return,
            episode_length: Spread::default(),
            score: Spread::default(),
            success: 1.0,
        }),
        eval_training: None,
        solved: solved.map(|env_steps| Solved { env_steps, seconds: 1.0 }),
    }
}

const TWO: &str = "env = \"lava-room\"\nseeds = [1, 2, 3]\nset = [\"steps=10\"]\n
    [[variant]]\nname = \"plain\"\n[[variant]]\nname = \"slow\"\nset = [\"sac.gamma=0.9\"]\n";

#[test]
fn every_variant_runs_with_every_seed_and_results_make_a_table() {
    let sweep = load(TWO).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut jobs = sweep.jobs(folder.path()).unwrap();
    let settings = |job: &Job| (job.config.steps, job.config.learner.algorithm.gamma(), job.config.seed);
    assert_eq!(jobs.iter().map(settings).collect::<Vec<_>>()[2..4], [(10, 0.97, 3), (10, 0.9, 1)]);
    let made =
        |job: &Job| Ok(summary(job.config.seed as f64, (job.variant == 0).then_some(100 * job.config.seed)));
    run(&mut jobs, 2, &AtomicBool::new(false), made, |_, _| ()).unwrap();
    let table = sweep.table(&jobs);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 4);
    let expected = "| plain | 1.00 at 100 | 2.00 at 200 | 3.00 at 300 | 2.00 | 100 % | 1000 | 500 | 1.0 |";
    assert_eq!(lines[2], expected);
    assert_eq!(lines[3], "| slow | 1.00 | 2.00 | 3.00 | 2.00 | 100 % | 1000 | 500 | 2.0 |");
    sweep.write(folder.path(), &jobs).unwrap();
    let results = std::fs::read_to_string(folder.path().join("results.jsonl")).unwrap();
    assert_eq!(results.lines().filter(|line| line.contains("\"variant\":\"slow\"")).count(), 3);
}

#[test]
fn finished_runs_are_not_repeated_and_other_settings_are_refused() {
    let sweep = load(TWO).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let first = sweep.jobs(folder.path()).unwrap().remove(0);
    std::fs::create_dir_all(&first.out).unwrap();
    std::fs::write(first.out.join("config.toml"), first.config.to_toml()).unwrap();
    std::fs::write(first.out.join("summary.json"), serde_json::to_vec(&summary(1.0, None)).unwrap()).unwrap();
    let mut jobs = sweep.jobs(folder.path()).unwrap();
    let made = Mutex::new(0);
    let count = |_: &Job| {
        *made.lock().unwrap() += 1;
        Ok(summary(0.0, None))
    };
    run(&mut jobs, 1, &AtomicBool::new(false), count, |_, _| ()).unwrap();
    assert_eq!(made.into_inner().unwrap(), 5);
    let other = load(&TWO.replace("steps=10", "steps=20")).unwrap();
    let error = other.jobs(folder.path()).unwrap_err().to_string();
    assert!(error.contains("holds a run with other settings"), "{error}");
}

/// A run that was resumed separately, and stopped or not evaluated.
#[test]
fn unfinished_runs_of_a_sweep_are_resumed() {
    let config = RunConfig { steps: 1000, ..RunConfig::default() };
    let whole = summary(1.0, None);
    assert!(is_through(&whole, &config));
    assert!(!is_through(&Summary { eval: None, ..whole.clone() }, &config));
    assert!(!is_through(&Summary { interrupted: true, ..whole.clone() }, &config));
    assert!(!is_through(&Summary { env_steps: 999, ..whole.clone() }, &config));
    assert!(is_through(&Summary { env_steps: 999, ..summary(1.0, Some(900)) }, &config));
    let seeds = load(&TWO.replace("seeds = [1,", "seeds = [1, 1,")).unwrap_err();
    assert!(seeds.contains("1 is listed twice"), "{seeds}");
}

#[test]
fn only_measured_values_are_shown() {
    let sweep = load(TWO).unwrap();
    let mut jobs = sweep.jobs(Path::new("nowhere")).unwrap();
    let table = sweep.table(&jobs);
    assert!(table.contains("| plain | – | – | – | – | – | – | – | – |\n"), "{table}");
    assert!(table.ends_with("\n0 of 6 runs finished; rerun the command to continue\n"), "{table}");
    // A run without an evaluation has steps and seconds, and no return.
    jobs[1].finished = Some(Summary { eval: None, ..summary(0.0, None) });
    let table = sweep.table(&jobs);
    assert!(table.contains("| plain | – | – | – | – | – | 1000 | 500 | 2.0 |\n"), "{table}");
    jobs.iter_mut().for_each(|job| job.finished = Some(summary(0.0, None)));
    assert!(unfinished(&jobs).is_none() && !sweep.table(&jobs).contains("runs finished"));
}

#[test]
fn a_sweep_owns_its_folder_and_refuses_others() {
    let sweep = load(TWO).unwrap();
    let folder = tempfile::tempdir().unwrap();
    // Like a sweep from before folders had owners.
    std::fs::create_dir(folder.path().join("plain")).unwrap();
    let results = folder.path().join("results.jsonl");
    std::fs::write(&results, "{\"mine\":1}\n").unwrap();
    let refused = || sweep.claim(folder.path()).unwrap_err().to_string();
    assert!(refused().contains("holds other files (results.jsonl)"), "{}", refused());
    let mut jobs = sweep.jobs(folder.path()).unwrap();
    jobs[0].finished = Some(summary(1.0, None));
    sweep.write(folder.path(), &jobs).unwrap();
    let owner = sweep.claim(folder.path()).unwrap();
    assert!(refused().contains("is in use by another"), "{}", refused());
    drop(owner);
    std::fs::write(folder.path().join("notes.md"), "mine").unwrap();
    sweep.claim(folder.path()).unwrap();
    // A mark does not make foreign results this program's own.
    std::fs::write(&results, "{\"mine\":1}\n").unwrap();
    assert!(refused().contains("holds other files (results.jsonl)"), "{}", refused());
    let run = tempfile::tempdir().unwrap();
    std::fs::write(run.path().join("config.toml"), "").unwrap();
    drop(Owner::of(run.path(), Kind::Run).unwrap());
    let error = sweep.claim(run.path()).unwrap_err().to_string();
    assert!(error.contains("is the folder of a run"), "{error}");
    let error = sweep.claim(&run.path().join("checkpoint")).unwrap_err().to_string();
    assert!(error.contains("is inside the run folder"), "{error}");
    assert!(!run.path().join("checkpoint").exists());
}

#[test]
fn a_failure_names_its_run_and_mistakes_their_line() {
    let sweep = load(TWO).unwrap();
    let mut jobs = sweep.jobs(Path::new("nowhere")).unwrap();
    let error =
        run(&mut jobs, 1, &AtomicBool::new(false), |_| Err("no disk".to_owned()), |_, _| ()).unwrap_err();
    assert!(error.contains("plain") && error.ends_with("no disk"), "{error}");
    assert!(load("env = 1").unwrap_err().contains("sweep.toml:1: "));
    assert!(load("env = \"x\"\nseeds = []\nvariant = []").unwrap_err().contains("at least one"));
    let named = |name: &str| format!("env = \"x\"\nseeds = [1]\n[[variant]]\nname = \"{name}\"\n");
    assert!(load(&named("../up")).unwrap_err().contains("allowed: letters"));
    let twice = named("a") + "[[variant]]\nname = \"a\"\n";
    assert!(load(&twice).unwrap_err().contains("twice"));
    let plain = named("a");
    for (text, said) in [
        (
            plain.replace("seeds", "set = [\"seed=5\"]\nseeds"),
            "set = [\"seed=5\"]: has no effect in a sweep; write seeds = [5] at the top of the file",
        ),
        (
            plain.replace("seeds", "set = [\" env = tag\"]\nseeds"),
            "set = [\"env=tag\"]: has no effect in a sweep; write env = \"tag\" as a key of its own",
        ),
        (
            plain.clone() + "set = [\"steps=9\", \"seed=5\"]\n",
            "variant \"a\": set = [\"seed=5\"]: has no effect",
        ),
        (plain.clone() + "set = [\"env=tag\"]\n", "variant \"a\": set = [\"env=tag\"]: has no effect"),
    ] {
        let error = load(&text).unwrap_err();
        assert!(error.contains("sweep.toml: ") && error.contains(said), "{error}");
    }
    let far = load(&named("a").replace("seeds = [1]", "seeds = [9223372036854775808]"));
    let far = far.and_then(|sweep| sweep.jobs(Path::new("nowhere")).map_err(|error| error.to_string()));
    assert!(far.unwrap_err().contains("9223372036854775807"));
    let unknown = load(&(named("a") + "set = [\"sac.gama=1\"]\n")).unwrap();
    let error = unknown.jobs(Path::new("nowhere")).unwrap_err().to_string();
    assert!(error.contains("sweep.toml: variant \"a\": ") && error.contains("sac.gama"), "{error}");
    let wrong = load(&(named("a") + "set = [\"sac.gamma=2\"]\n")).unwrap();
    let error = wrong.jobs(Path::new("nowhere")).unwrap_err().to_string();
    assert!(error.contains("sweep.toml: variant \"a\": ") && error.contains("sac.gamma = 2"), "{error}");
}
