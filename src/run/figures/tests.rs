//! Figures of runs and sweeps made up for the purpose.

use std::fs;

use super::*;
use crate::config::RunConfig;

/// Writes a run of `env` whose evaluations at 100, 200, … env steps return `values`.
fn run(folder: &Path, env: &str, level: Option<&str>, values: &[f32]) {
    fs::create_dir_all(folder).unwrap();
    let config = RunConfig { env: env.into(), level: level.map(PathBuf::from), ..RunConfig::default() };
    fs::write(folder.join("config.toml"), config.to_toml()).unwrap();
    let line = |(index, value): (usize, &f32)| {
        let step = 100 * (index + 1);
        format!(
            r#"{{"env_steps":{step},"eval/episode_return":{value},"rollout/episode_return":7.0,"time/seconds":{}}}"#,
            step as f32 / 10.0
        )
    };
    let lines: Vec<String> = values.iter().enumerate().map(line).collect();
    fs::write(folder.join("metrics.jsonl"), lines.join("\n") + "\n").unwrap();
}

#[test]
fn a_sweep_has_its_curves_tables_and_comparisons() {
    let folder = tempfile::tempdir().unwrap();
    let (sweep, out) = (folder.path().join("sweep"), folder.path().join("new/figures"));
    for (seed, last) in [1.0, 2.0, 6.0].into_iter().enumerate() {
        run(&sweep.join("soft").join(format!("seed-{seed}")), "hopper", None, &[0.0, last]);
        run(&sweep.join("hard").join(format!("seed-{seed}")), "hopper", None, &[0.0, last - 10.0]);
        run(&sweep.join("rooms").join(format!("seed-{seed}")), "lava-room", Some("2"), &[0.5, 0.75]);
    }
    let (text, written) = figures(std::slice::from_ref(&sweep), None, &out).unwrap();
    assert!(text.starts_with("| hopper, eval/episode_return after 200 env steps | seeds |"), "{text}");
    assert!(written.len() == 20 && written.iter().all(|path| path.is_file()), "{written:?}");
    assert!(text.contains("| hard | 3 | -7.00 | -9.00 to -4.00 | -8.00 | -7.00 |"), "{text}");
    assert!(
        text.contains("| lava-room level 2, eval/episode_return") && text.contains("| rooms | 3 | 0.75 |"),
        "{text}"
    );
    let read = |name: &str| fs::read_to_string(out.join(name)).unwrap();
    let curve = read("hopper-env-steps.csv");
    assert!(curve.starts_with("variant,env_steps,iqm,low,high\nhard,100,0,0,0\nhard,200,-7,"), "{curve}");
    assert!(read("hopper-seconds.csv").contains("\nsoft,20,3,"), "{}", read("hopper-seconds.csv"));
    let better = read("hopper-improvement.csv");
    assert!(better.contains("\nsoft,hard,1,1,1\n"), "{better}");
    for name in [
        "hopper-env-steps",
        "hopper-seconds",
        "hopper-results",
        "hopper-improvement",
        "hopper-profile",
        "lava-room-level-2-results",
    ] {
        let picture = read(&format!("{name}.svg"));
        assert!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"), "{name}: {picture}");
    }
    let seeds = read("hopper-seeds.csv");
    assert!(seeds.contains("sweep/hard/seed-2,-4\n"), "{seeds}");
    let (again, _) = figures(&[sweep], None, &out).unwrap();
    assert_eq!((again, read("hopper-env-steps.csv")), (text, curve));
}

#[test]
fn runs_stand_beside_each_other_and_torn_lines_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
    run(&one, "hopper", None, &[1.0, 2.0, 3.0]);
    run(&two, "hopper", None, &[4.0]);
    let torn = fs::read_to_string(one.join("metrics.jsonl")).unwrap() + "{\"env_steps\":40";
    fs::write(one.join("metrics.jsonl"), torn).unwrap();
    let out = folder.path().join("figures");
    // With one evaluation only, a run has no curve of them.
    let (text, _) = figures(&[one.clone(), two.clone()], None, &out).unwrap();
    assert!(
        text.contains("rollout/episode_return after 100 env steps")
            && text.contains("| 1 | 7.00 | – | 7.00 | 7.00 |"),
        "{text}"
    );
    // Runs are compared where the shortest of them ends.
    let (text, _) = figures(&[one, two], Some("eval/episode_return"), &out).unwrap();
    assert!(text.contains("| 1 | 1.00 | – |") && text.contains("| 1 | 4.00 | – |"), "{text}");
}

#[test]
fn every_run_counts_once_and_none_disappears_silently() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one/sweep", "two/sweep"].map(|name| folder.path().join(name));
    for (sweep, value) in [(&one, 1.0), (&two, 2.0)] {
        run(&sweep.join("soft/seed-1"), "hopper", None, &[0.0, value]);
    }
    let (out, of) = (folder.path().join("figures"), |text: &str| {
        text.lines().filter(|line| line.contains(" | 1 | ")).count()
    });
    let draw = |paths: &[&Path]| {
        let paths: Vec<PathBuf> = paths.iter().map(|path| path.to_path_buf()).collect();
        figures(&paths, None, &out).unwrap().0
    };
    assert_eq!(of(&draw(&[&one, &two])), 2);
    let twice = draw(&[&one, &one, &one.join("soft"), &one.join("soft/seed-1")]);
    assert_eq!(of(&twice), 1, "{twice}");
    assert!(draw(&[&one.join("soft")]).contains("| soft | 1 | 1.00 |"));
    fs::write(two.join("soft/seed-1/metrics.jsonl"), "").unwrap();
    let text = draw(&[&one, &two]);
    let said = "left out, since it has no value of rollout/episode_return: ";
    assert!(text.lines().any(|line| line.starts_with(said) && line.contains("two/sweep")), "{text}");
}

#[test]
fn names_of_files_are_all_different() {
    let (mut taken, names) = (BTreeSet::new(), ["a level my-b.ron", "a level my b.ron", "A level My B.ron"]);
    for (name, expected) in
        names.into_iter().zip(["a-level-my-b-ron", "a-level-my-b-ron-2", "a-level-my-b-ron-3"])
    {
        let stem = stem(name, &taken);
        assert_eq!(stem, expected);
        taken.insert(stem);
    }
}

/// A finished run's last word is its evaluation at the end, which has more episodes than those on the way.
#[test]
fn final_results_are_those_of_finished_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (sweep, out) = (folder.path().join("sweep"), folder.path().join("figures"));
    let spread = |mean: f64| format!(r#"{{"mean":{mean},"median":0,"std":0,"min":0,"max":0}}"#);
    for (seed, mean) in [("seed-1", 40.0), ("seed-2", 60.0)] {
        let path = sweep.join("soft").join(seed);
        run(&path, "hopper", None, &[1.0, 2.0]);
        let [of_return, other] = [spread(mean), spread(0.0)];
        let summary = format!(
            r#"{{"env":"hopper","seed":1,"env_steps":100000,"gradient_steps":1,"interrupted":false,"device":"cpu","seconds":1.0,
            "eval":{{"episodes":100,"episode_return":{of_return},"episode_length":{other},"score":{other},"success":0.5}}}}"#
        );
        fs::write(path.join("summary.json"), summary).unwrap();
    }
    let of = |metric: Option<&str>| figures(std::slice::from_ref(&sweep), metric, &out).unwrap().0;
    let text = of(None);
    assert!(text.contains("final eval/episode_return |") && text.contains("| soft | 2 | 50.00 |"), "{text}");
    assert!(of(Some("rollout/episode_return")).contains("| soft | 2 | 7.00 |"));
    // A short run is finished before it has logged a line.
    for seed in ["seed-1", "seed-2"] {
        let path = sweep.join("soft").join(seed).join("metrics.jsonl");
        fs::rename(&path, path.with_extension("kept")).unwrap();
    }
    let (text, written) = figures(std::slice::from_ref(&sweep), None, &out).unwrap();
    assert!(text.contains("| soft | 2 | 50.00 |") && written.len() == 5, "{text}{written:?}");
    for seed in ["seed-1", "seed-2"] {
        let path = sweep.join("soft").join(seed).join("metrics.jsonl");
        fs::rename(path.with_extension("kept"), &path).unwrap();
    }
    // A run that was stopped, goes on or has not ended yet has no final result.
    let path = sweep.join("soft/seed-2/summary.json");
    let summary = fs::read_to_string(&path).unwrap();
    for other in [summary.replace("false", "true"), summary.replace("100000", "199")] {
        fs::write(&path, other).unwrap();
        assert!(of(None).contains("| soft | 2 | 2.00 |"), "{}", of(None));
    }
    fs::write(&path, summary).unwrap();
    run(&sweep.join("soft/seed-3"), "hopper", None, &[1.0, 2.0]);
    assert!(of(None).contains("| soft | 3 | 2.00 |"), "{}", of(None));
}

#[test]
fn what_cannot_be_drawn_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let (path, out) = (folder.path().join("run"), folder.path().join("figures"));
    let error =
        |paths: &[PathBuf], metric: Option<&str>| figures(paths, metric, &out).unwrap_err().to_string();
    let missing = error(std::slice::from_ref(&path), None);
    assert!(
        missing.ends_with("run: there is no such folder; give the --out folder of a run or a sweep"),
        "{missing}"
    );
    let none = error(&[folder.path().to_owned()], None);
    assert!(none.ends_with(": holds no run; give the --out folder of a run or a sweep"), "{none}");
    run(&path, "hopper", None, &[1.0, 2.0]);
    let known = "--metric eval/returns: no run has it; there are env_steps, eval/episode_return, rollout/episode_return, time/seconds";
    assert_eq!(error(std::slice::from_ref(&path), Some("eval/returns")), known);
    assert!(!out.exists());
    fs::write(&out, "a file").unwrap();
    assert!(error(std::slice::from_ref(&path), None).contains("figures: cannot be written ("));
    fs::write(path.join("metrics.jsonl"), "").unwrap();
    let empty = "no run has a value of eval/episode_return; their metrics.jsonl are empty or damaged, or they have just begun";
    assert_eq!(error(std::slice::from_ref(&path), None), empty);
    assert_eq!(error(&[path], Some("eval/episode_return")), empty);
}
