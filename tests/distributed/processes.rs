//! Processes of the program, and what they print.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longest time of anything.
const PATIENCE: Duration = Duration::from_secs(120);

/// A program under way.
pub struct Process(Option<Child>);

/// How a program ended.
pub struct Ended {
    pub success: bool,
    /// Everything it printed.
    pub output: String,
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_entropy-arcade"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env("RAYON_NUM_THREADS", "1");
    command
}

/// Runs the program to its end.
pub fn program(arguments: &[&str]) -> Ended {
    let mut process = Process::start(arguments);
    process.end()
}

impl Process {
    pub fn start(arguments: &[&str]) -> Self {
        Self(Some(command(arguments).spawn().unwrap()))
    }

    fn end(&mut self) -> Ended {
        let child = self.0.take().unwrap();
        let (sender, ended) = std::sync::mpsc::channel();
        let id = child.id().to_string();
        std::thread::spawn(move || sender.send(child.wait_with_output()));
        let Ok(output) = ended.recv_timeout(PATIENCE) else {
            _ = Command::new("kill").args(["-9", &id]).status();
            panic!("the program has not ended after {PATIENCE:?}");
        };
        let output = output.unwrap();
        let text = [&output.stdout[..], &output.stderr[..]].concat();
        Ended { success: output.status.success(), output: String::from_utf8_lossy(&text).into_owned() }
    }

    /// Waits for its end, and reads the JSON line that it prints there.
    pub fn summary(mut self) -> Value {
        let ended = self.end();
        let line = ended.output.lines().rfind(|line| line.starts_with('{'));
        let summary = line.and_then(|line| serde_json::from_str(line).ok());
        assert!(ended.success, "{}", ended.output);
        summary.unwrap_or_else(|| panic!("no summary: {}", ended.output))
    }

    /// Waits for its end: whether it was a success, and what it printed.
    pub fn outcome(mut self) -> (bool, String) {
        let ended = self.end();
        (ended.success, ended.output)
    }

    /// Kills it without a warning.
    pub fn kill(mut self) {
        let mut child = self.0.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Stops it as Ctrl-C does. Returns whether it was still running and ended well, and what it printed.
    pub fn stop(mut self) -> (bool, String) {
        let child = self.0.as_mut().unwrap();
        let runs = child.try_wait().unwrap().is_none();
        let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        let ended = self.end();
        (runs && sent.success() && ended.success, ended.output)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            _ = child.kill();
            _ = child.wait();
        }
    }
}

/// A process that lives as long as this.
pub struct Kept(#[allow(dead_code)] pub Process);

/// A port that nobody listens at.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Waits until `done`, at most [`PATIENCE`].
pub fn wait_for(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Lines of JSON in a file that may still be written.
pub fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}
