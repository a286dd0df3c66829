//! A virtual display for tests that open windows.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A virtual display that is stopped on drop.
pub struct Display {
    server: Child,
    /// The value of DISPLAY.
    pub name: String,
}

impl Display {
    fn open(number: u32) -> Option<Self> {
        let name = format!(":{number}");
        let server = Command::new("Xvfb")
            .args([&name, "-screen", "0", "1280x800x24", "-nolisten", "tcp"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        std::thread::sleep(Duration::from_millis(1500));
        Some(Self { server, name })
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        _ = self.server.kill();
        _ = self.server.wait();
    }
}

/// A display, or one line on why there is none.
pub fn display(number: u32) -> Option<Display> {
    let driver = std::fs::read_dir("/usr/share/vulkan/icd.d").is_ok_and(|folder| folder.count() > 0);
    let display = driver.then(|| Display::open(number)).flatten();
    if display.is_none() {
        println!("skipped: no Xvfb or no Vulkan driver here (Debian: xvfb, mesa-vulkan-drivers)");
    }
    display
}
