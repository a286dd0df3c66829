//! Sessions in a window, on a virtual display: resumed, looked back at, played while the number of arenas changes.
//!
//! Needs Xvfb and a Vulkan driver (Mesa's lavapipe does); says so and skips where they are missing.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use entropy_arcade::learner::checkpoint::Checkpoint;

use super::common::{program, quick, train, transitions};
use super::{assert_lived, repeated};

/// A virtual display that goes away with the value.
struct Display(Child, String);

impl Display {
    fn open(number: u32) -> Option<Self> {
        let driver = std::fs::read_dir("/usr/share/vulkan/icd.d").is_ok_and(|folder| folder.count() > 0);
        let name = format!(":{number}");
        let server = driver.then(|| {
            Command::new("Xvfb")
                .args([&name, "-screen", "0", "1280x800x24", "-nolisten", "tcp"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
        });
        let Some(Ok(server)) = server else {
            println!("skipped: no Xvfb or no Vulkan driver here (Debian: xvfb, mesa-vulkan-drivers)");
            return None;
        };
        std::thread::sleep(Duration::from_millis(1500));
        Some(Self(server, name))
    }

    /// A session of `seconds` in which `keys` are struck.
    fn watch(&self, out: &Path, arguments: &[&str], seconds: &str, keys: &str) {
        let home = out.parent().unwrap();
        let output = Command::new(program())
            .args(arguments)
            .args(["--device", "cpu", "--after", seconds, "--press", keys, "--screenshot"])
            .arg(home.join("seen.png"))
            .env("DISPLAY", &self.1)
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("XDG_DATA_HOME", home.join("data"))
            .env_remove("WAYLAND_DISPLAY")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

#[test]
fn a_session_resumed_in_a_window_lives_on_and_not_again() {
    let Some(display) = Display::open(4931) else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let path = out.to_str().unwrap();
    train(&quick("cartpole", 1, 1_600), &out, false).unwrap();
    let lived = transitions::check_run(&out).unwrap().transitions;
    for keys in ["M@1", "M@1,L@3,.@3.4,.@3.8,.@4.2,R@4.4,L@4.8,N@5.4,N@6,T@6.4"] {
        display.watch(&out, &["--resume", path], "8", keys);
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
