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
    let text = figures(std::slice::from_ref(&sweep), None, &out).unwrap();
    assert!(text.starts_with("| hopper, final eval/episode_return | seeds |"), "{text}");
    assert!(text.contains("| hard | 3 | -7.00 | -9.00 to -4.00 | -8.00 | -7.00 |"), "{text}");
    assert!(text.contains("| lava-room level 2, final") && text.contains("| rooms | 3 | 0.75 |"), "{text}");
    let read = |name: &str| fs::read_to_string(out.join(name)).unwrap();
    let curve = read("hopper-env-steps.csv");
    assert!(curve.starts_with("variant,env steps,iqm,low,high\nhard,100,0,0,0\nhard,200,-7,"), "{curve}");
    assert!(read("hopper-seconds.csv").contains("\nsoft,20,3,"), "{}", read("hopper-seconds.csv"));
    let better = read("hopper-improvement.csv");
    assert!(better.contains("\nsoft,hard,1,1,1\n"), "{better}");
    for name in
        ["hopper-env-steps", "hopper-seconds", "hopper-final", "hopper-profile", "lava-room-level-2-final"]
    {
        let picture = read(&format!("{name}.svg"));
        assert!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"), "{name}: {picture}");
    }
    let again = figures(&[sweep], None, &out).unwrap();
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
    let text = figures(&[one.clone(), two.clone()], None, &out).unwrap();
    assert!(
        text.contains("final rollout/episode_return") && text.contains("| 1 | 7.00 | – | 7.00 | 7.00 |"),
        "{text}"
    );
    let text = figures(&[one, two], Some("eval/episode_return"), &out).unwrap();
    assert!(text.contains("| 1 | 3.00 | – |") && text.contains("| 1 | 4.00 | – |"), "{text}");
}

#[test]
fn what_cannot_be_drawn_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let (path, out) = (folder.path().join("run"), folder.path().join("figures"));
    let error =
        |paths: &[PathBuf], metric: Option<&str>| figures(paths, metric, &out).unwrap_err().to_string();
    let missing = error(std::slice::from_ref(&path), None);
    assert!(missing.ends_with("run: holds no run; give the --out folder of a run or a sweep"), "{missing}");
    run(&path, "hopper", None, &[1.0, 2.0]);
    let known = "--metric eval/returns: no run has it; there are env_steps, eval/episode_return, rollout/episode_return, time/seconds";
    assert_eq!(error(std::slice::from_ref(&path), Some("eval/returns")), known);
    assert!(!out.exists());
    fs::write(&out, "a file").unwrap();
    assert!(error(std::slice::from_ref(&path), None).contains("figures: cannot be written ("));
    fs::write(path.join("metrics.jsonl"), "").unwrap();
    assert_eq!(error(&[path], None), "no run has a value of eval/episode_return yet; let them run longer");
}
