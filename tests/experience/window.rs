//! Sessions in a window, on a virtual display: resumed, in playback, and played while the number of arenas
//! changes.
//!
//! Needs Xvfb and a Vulkan driver (Mesa's lavapipe does); skipped with a message if they are missing.

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use entropy_arcade::learner::checkpoint::Checkpoint;

use super::common::display::{Display, display};
use super::common::{program, quick, train, transitions};
use super::{assert_lived, repeated};

/// A session of `seconds` in which `keys` are pressed.
fn watch(display: &Display, out: &Path, arguments: &[&str], seconds: &str, keys: &str) {
    let home = out.parent().unwrap();
    let mut command = Command::new(program());
    command
        .args(arguments)
        .args(["--device", "cpu", "--after", seconds, "--press", keys, "--screenshot"])
        .arg(home.join("seen.png"));
    let output = display.host(&mut command, home).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The one window of a program that goes from screen to screen, steered by xdotool.
struct Visitor<'a> {
    display: &'a Display,
    program: Child,
}

impl<'a> Visitor<'a> {
    fn open(display: &'a Display, home: &Path) -> Self {
        let mut command = Command::new(program());
        command.args(["--device", "cpu", "--arenas", "4"]).stderr(Stdio::piped());
        let program = display.host(&mut command, home).spawn().unwrap();
        Self { display, program }
    }

    fn xdotool(&self, words: &str) -> String {
        let output = Command::new("xdotool")
            .args(words.split(' '))
            .env("DISPLAY", &self.display.name)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Number and geometry of the window, once it shows `screen`.
    fn shows(&mut self, screen: &str) -> (String, String) {
        let begun = Instant::now();
        let name = format!("search --onlyvisible --name {screen}$");
        loop {
            let window = self.xdotool(&name);
            if !window.is_empty() {
                let place = self.xdotool(&format!("getwindowgeometry {window}"));
                return (window, place);
            }
            if let Some(status) = self.program.try_wait().unwrap() {
                let mut said = String::new();
                self.program.stderr.take().unwrap().read_to_string(&mut said).unwrap();
                panic!("the program has ended before {screen}: {status}\n{said}");
            }
            assert!(begun.elapsed().as_secs() < 90, "{screen} is not shown");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn strike(&self, window: &str, key: &str) {
        // The new screen reads keys from its first frames on.
        std::thread::sleep(Duration::from_millis(1500));
        // Without a window manager nothing has the keyboard by itself.
        self.xdotool(&format!("windowfocus --sync {window} keydown {key} sleep 0.2 keyup {key}"));
    }
}

impl Drop for Visitor<'_> {
    fn drop(&mut self) {
        _ = self.program.kill();
        _ = self.program.wait();
    }
}

#[test]
fn one_window_goes_from_the_title_to_worlds_and_back() {
    let Some(display) = display() else { return };
    let there = Command::new("xdotool").arg("version").env("DISPLAY", &display.name).output();
    if there.is_err() {
        println!("skipped: there is no xdotool");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let mut visitor = Visitor::open(&display, home.path());
    let (window, _) = visitor.shows("worlds");
    // The window was resized.
    visitor.xdotool(&format!("windowsize {window} 1100 700 windowmove {window} 40 30"));
    std::thread::sleep(Duration::from_millis(500));
    let (_, place) = visitor.shows("worlds");
    assert!(place.contains("1100x700"), "{place}");
    for _ in 0..2 {
        visitor.strike(&window, "Return");
        assert_eq!(visitor.shows("lava-room"), (window.clone(), place.clone()), "the window is another one");
        // Long enough for something to be learned.
        std::thread::sleep(Duration::from_secs(3));
        visitor.strike(&window, "Escape");
        assert_eq!(visitor.shows("worlds"), (window.clone(), place.clone()), "the window is another one");
    }
    let sessions = home.path().join("data/entropy-arcade/sessions");
    let sessions: Vec<_> = sessions.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(sessions.len(), 2);
    for session in sessions {
        let saved = Checkpoint::open_only(&session, |_| false).unwrap();
        assert!(saved.manifest.counters.env_steps > 20 && session.join("summary.json").is_file());
        let owner = entropy_arcade::learner::owner::is_in_use(&session);
        assert!(!owner, "{} is still held", session.display());
    }
    // Esc on the title screen ends the program, and that is no error.
    visitor.strike(&window, "Escape");
    let status = visitor.program.wait().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_session_resumed_in_a_window_repeats_nothing() {
    let Some(display) = display() else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let path = out.to_str().unwrap();
    train(&quick("cartpole", 1, 1_600), &out, false).unwrap();
    let lived = transitions::check_run(&out).unwrap().transitions;
    for keys in ["M@1", "M@1,L@3,.@3.4,.@3.8,.@4.2,R@4.4,L@4.8,N@5.4,N@6,T@6.4"] {
        watch(&display, &out, &["--resume", path], "8", keys);
        let kept = transitions::replay(&out).unwrap();
        assert_lived(&kept, lived + 100);
        assert_eq!(repeated(&kept), 0);
    }
    // And without a window again.
    let steps = Checkpoint::open_only(&out, |_| false).unwrap().manifest.counters.env_steps;
    train(&quick("cartpole", 1, steps + 3_000), &out, true).unwrap();
    let kept = transitions::replay(&out).unwrap();
    assert_lived(&kept, lived + 3_000);
    assert_eq!(repeated(&kept), 0);
}
