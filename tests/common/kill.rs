//! Kills runs at random moments, resumes them, and checks their files.
//!
//! There are three kinds of runs: headless ones, which must end with the same bytes as one that was never
//! killed; watched ones, sometimes resumed without a window; and sweeps, whose table must be the same.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::display::Display;
use super::transitions::{Checked, check_run};

/// Small networks and few gradient steps: only the files matter.
const SETTINGS: &[&str] = &[
    "sac.hidden=[16]",
    "learner.batch_size=16",
    "learner.learning_starts=500",
    "learner.gradient_steps_per_env_step=0.05",
    "learner.replay_capacity=20000",
    "learner.checkpoint_seconds=0.15",
    "run.log_every=1000",
    "run.eval_episodes=2",
];
/// Environment steps of a headless run and of a sweep's runs.
const STEPS: [u64; 2] = [150_000, 20_000];

/// Results of the kills.
#[derive(Debug, Default)]
pub struct Tally {
    /// Number of kills.
    pub kills: u64,
    /// Number of stored transitions checked.
    pub transitions: u64,
    /// Number of them that are impossible in cartpole.
    pub impossible: u64,
    /// All problems found.
    pub problems: Vec<String>,
}

/// A random generator without a library (Steele et al. 2014, SplitMix64).
pub struct Dice(pub u64);

impl Dice {
    /// Uniform in [0, 1).
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A time between `from` and `to` seconds, biased to early ones, in which the most happens.
    fn moment(&mut self, from: f64, to: f64) -> Duration {
        Duration::from_secs_f64(from * (to / from).powf(self.roll()))
    }
}

/// Environment of the killed programs.
pub struct Scene<'a> {
    /// The program.
    pub program: &'a Path,
    /// Its folder.
    pub folder: &'a Path,
    /// Display for windows, if there is one.
    pub display: Option<&'a Display>,
}

impl Scene<'_> {
    /// Kills one headless run `kills` times at most, lets it end, and compares it with `reference`.
    pub fn headless(&self, reference: &Path, dice: &mut Dice, kills: u64, tally: &mut Tally) {
        let (out, before) = (self.fresh("headless"), tally.problems.len());
        let mut left = kills;
        loop {
            // Before the first checkpoint, both commands must continue the run.
            let resumes = has_checkpoint(&out) || out.join("config.toml").is_file() && dice.roll() < 0.5;
            let command = if resumes { self.resume(&out, true) } else { self.begin(&out, true) };
            let life = (left > 0).then(|| dice.moment(0.05, 3.0));
            let Some(ended) = self.live(command, life, tally) else {
                left -= 1;
                inspect(&out, false, tally);
                continue;
            };
            if !ended.success() {
                tally.problems.push(format!("{}: exit {ended}", out.display()));
                return;
            }
            break;
        }
        inspect(&out, true, tally);
        for (what, same) in [
            ("metrics.jsonl", metrics(&out) == metrics(reference)),
            ("episodes.jsonl", read(&out, "episodes.jsonl") == read(reference, "episodes.jsonl")),
            ("weights", latest(&out, "weights.safetensors") == latest(reference, "weights.safetensors")),
            ("replay", latest(&out, "replay.bin") == latest(reference, "replay.bin")),
            ("simulation", latest(&out, "simulation.json") == latest(reference, "simulation.json")),
        ] {
            if !same {
                tally
                    .problems
                    .push(format!("{}: {what} differs from a run that was not killed", out.display()));
            }
        }
        self.tidy(&out, before, tally);
    }

    /// Makes the reference for headless runs.
    pub fn reference(&self, tally: &mut Tally) -> PathBuf {
        let out = self.fresh("reference");
        let ended = self.live(self.begin(&out, true), None, tally);
        if !ended.is_some_and(|ended| ended.success()) {
            tally.problems.push(format!("{}: the run that is not killed failed", out.display()));
        }
        inspect(&out, true, tally);
        out
    }

    /// Kills one watched run `kills` times, resumed with or without a window, and finally closes it.
    pub fn watched(&self, dice: &mut Dice, kills: u64, tally: &mut Tally) {
        let (out, known) = (self.fresh("watched"), tally.problems.len());
        for _ in 0..kills {
            let headless = has_checkpoint(&out) && dice.roll() < 0.3;
            let command =
                if has_checkpoint(&out) { self.resume(&out, headless) } else { self.begin(&out, false) };
            let life = if headless { dice.moment(0.05, 3.0) } else { dice.moment(0.3, 9.0) };
            if let Some(ended) = self.live(command, Some(life), tally) {
                tally.problems.push(format!("{}: ended by itself, {ended}", out.display()));
                return;
            }
            inspect(&out, false, tally);
        }
        let mut command =
            if has_checkpoint(&out) { self.resume(&out, false) } else { self.begin(&out, false) };
        let log = self.log(&mut command);
        let Ok(mut child) = command.spawn() else { return tally.problems.push("no window".into()) };
        // Long enough to play a while after the window opens.
        let begun = Instant::now();
        let mut fewest = usize::MAX;
        while begun.elapsed().as_secs() < 60 {
            let lines = metrics(&out).len();
            // At first it cuts what the killed program wrote after its last checkpoint.
            fewest = fewest.min(lines);
            if lines >= fewest + 2 {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        _ = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        match child.wait() {
            Ok(ended) if ended.success() => {}
            ended => tally.problems.push(format!("{}: closed with {ended:?}", out.display())),
        }
        complaints(&log, tally);
        inspect(&out, true, tally);
        self.tidy(&out, known, tally);
    }

    /// Kills a sweep `kills` times, lets it end, and compares its table with one that was never killed.
    pub fn sweep(
        &self,
        reference: Option<&str>,
        dice: &mut Dice,
        kills: u64,
        tally: &mut Tally,
    ) -> Option<String> {
        let (out, before) = (self.fresh("sweep"), tally.problems.len());
        let file = self.folder.join("sweep.toml");
        let settings: Vec<String> = SETTINGS.iter().map(|setting| format!("{setting:?}")).collect();
        let text = format!(
            "env = \"cartpole\"\nseeds = [1, 2]\nset = [\"steps={}\", \"device=cpu\", \"arenas=8\", {}]\n\
             [[variant]]\nname = \"plain\"\n[[variant]]\nname = \"slow\"\nset = [\"sac.gamma=0.9\"]\n",
            STEPS[1],
            settings.join(", ")
        );
        std::fs::write(&file, text).ok()?;
        let mut left = kills;
        let printed = self.folder.join("table.md");
        loop {
            let mut command = self.command();
            command.arg("sweep").arg(&file).arg("--out").arg(&out).args(["--jobs", "2"]);
            command.stdout(File::create(&printed).ok()?);
            let life = (left > 0).then(|| dice.moment(0.02, 0.5));
            match self.live(command, life, tally) {
                Some(ended) if ended.success() => break,
                Some(ended) => {
                    tally.problems.push(format!("{}: exit {ended}", out.display()));
                    return None;
                }
                None => left -= 1,
            }
            for run in ["plain/seed-1", "plain/seed-2", "slow/seed-1", "slow/seed-2"] {
                inspect(&out.join(run), false, tally);
            }
        }
        // Seconds are the last column.
        let table = std::fs::read_to_string(&printed).ok()?;
        let lines =
            table.lines().map(|line| line.trim_end_matches('|').rsplit_once('|').map_or(line, |line| line.0));
        let table = lines.collect::<Vec<_>>().join("\n");
        if reference.is_some_and(|reference| reference != table) {
            tally.problems.push(format!("{}: another table:\n{table}", out.display()));
        }
        self.tidy(&out, before, tally);
        Some(table)
    }

    /// Removes a run without new problems since there were `problems`.
    fn tidy(&self, out: &Path, before: usize, tally: &Tally) {
        if tally.problems.len() == before {
            _ = std::fs::remove_dir_all(out);
        }
    }

    /// A new folder with this name.
    fn fresh(&self, name: &str) -> PathBuf {
        let mut number = 0;
        loop {
            let out = self.folder.join(format!("{name}-{number}"));
            if !out.exists() {
                return out;
            }
            number += 1;
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        command
            .env("XDG_RUNTIME_DIR", self.folder)
            .env("XDG_CONFIG_HOME", self.folder)
            .env_remove("WAYLAND_DISPLAY");
        match self.display {
            Some(display) => command.env("DISPLAY", &display.name),
            None => command.env_remove("DISPLAY"),
        };
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    fn begin(&self, out: &Path, headless: bool) -> Command {
        let mut command = self.command();
        command.args(["--env", "cartpole", "--device", "cpu", "--seed", "1"]);
        command.args(if headless { vec!["--no-render", "--arenas", "8"] } else { vec!["--arenas", "32"] });
        command.args(["--steps", &STEPS[0].to_string()]);
        SETTINGS.iter().for_each(|setting| _ = command.args(["--set", setting]));
        command.arg("--out").arg(out);
        command
    }

    fn resume(&self, out: &Path, headless: bool) -> Command {
        let mut command = self.command();
        // A watched run may have more steps than a headless one requests.
        if headless && out.file_name().is_some_and(|name| name.to_string_lossy().starts_with("watched")) {
            command.args(["--steps", "100000000"]);
        }
        command.args(if headless { &["--no-render"][..] } else { &[] }).arg("--resume").arg(out);
        command
    }

    fn log(&self, command: &mut Command) -> PathBuf {
        let log = self.folder.join("stderr.txt");
        if let Ok(file) = File::create(&log) {
            command.stderr(file);
        }
        log
    }

    /// Lets it run for this long, or to its end. Returns its exit status, or `None` if it was killed.
    fn live(&self, mut command: Command, life: Option<Duration>, tally: &mut Tally) -> Option<ExitStatus> {
        let log = self.log(&mut command);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                tally.problems.push(format!("{}: {error}", self.program.display()));
                return Some(ExitStatus::default());
            }
        };
        let begun = Instant::now();
        let ended = loop {
            if let Ok(Some(ended)) = child.try_wait() {
                break Some(ended);
            }
            if life.is_some_and(|life| begun.elapsed() >= life) {
                _ = child.kill();
                _ = child.wait();
                tally.kills += 1;
                break None;
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        complaints(&log, tally);
        ended
    }
}

/// A run that resumes correctly prints no warnings.
fn complaints(log: &Path, tally: &mut Tally) {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let complains = |line: &&str| {
        ["error", "warning", "thread '"].iter().any(|word| line.starts_with(word)) || line.contains(" ERROR ")
    };
    tally.problems.extend(text.lines().filter(complains).map(|line| format!("said: {line}")));
}

/// Whether there is something to resume.
fn has_checkpoint(out: &Path) -> bool {
    entropy_arcade::learner::checkpoint::exists(out)
}

/// Checks the run in `out`, which has ended or was killed; a killed one may have a partial last line.
pub fn inspect(out: &Path, whole: bool, tally: &mut Tally) {
    let mut wrong = Vec::new();
    let mut last = 0;
    for line in lines(out, "metrics.jsonl", whole, &mut wrong) {
        let steps = line["env_steps"].as_u64().unwrap_or(0);
        if steps <= last {
            wrong.push(format!("metrics.jsonl: env_steps {steps} after {last}"));
        }
        last = steps;
    }
    let mut seen = HashSet::new();
    for line in lines(out, "episodes.jsonl", whole, &mut wrong) {
        let number = |key: &str| line[key].as_u64();
        if !seen.insert((number("env_steps"), number("arena"), number("slot"))) {
            wrong.push(format!("episodes.jsonl: twice {line}"));
        }
    }
    lines(out, "hints.jsonl", whole, &mut wrong);
    if has_checkpoint(out) {
        match check_run(out) {
            Ok(Checked { transitions, impossible }) => {
                tally.transitions += transitions as u64;
                tally.impossible += impossible as u64;
                if impossible > 0 {
                    wrong.push(format!("{impossible} of {transitions} stored transitions are impossible"));
                }
            }
            Err(error) => wrong.push(error.to_string()),
        }
    }
    tally.problems.extend(wrong.into_iter().map(|wrong| format!("{}: {wrong}", out.display())));
}

/// The lines of a file; for a killed run, without a partial last line.
fn lines(out: &Path, name: &str, whole: bool, wrong: &mut Vec<String>) -> Vec<Value> {
    let text = String::from_utf8(read(out, name)).unwrap_or_default();
    let end = text.rfind('\n').map_or(0, |end| end + 1);
    if whole && end < text.len() {
        wrong.push(format!("{name}: half a line at the end"));
    }
    let mut values = Vec::new();
    for line in text[..end].lines() {
        match serde_json::from_str(line) {
            Ok(value) => values.push(value),
            Err(_) => wrong.push(format!("{name}: not a line: {line}")),
        }
    }
    values
}

fn read(out: &Path, name: &str) -> Vec<u8> {
    std::fs::read(out.join(name)).unwrap_or_default()
}

/// A file of the latest checkpoint.
fn latest(out: &Path, name: &str) -> Vec<u8> {
    let place = entropy_arcade::learner::checkpoint::find(out);
    place.map(|place| read(&place, name)).unwrap_or_default()
}

/// `metrics.jsonl` without its `time/` keys, up to the last whole line.
fn metrics(out: &Path) -> Vec<Value> {
    let mut all = lines(out, "metrics.jsonl", false, &mut Vec::new());
    for line in all.iter_mut().filter_map(Value::as_object_mut) {
        line.retain(|key, _| !key.starts_with("time/"));
    }
    all
}
