//! A virtual display for programs that open a window.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A server that is stopped on drop.
pub struct Display {
    server: Child,
    /// The value of DISPLAY.
    pub name: String,
}

impl Display {
    /// A free one, once it takes windows; `None` without Xvfb.
    pub fn open() -> Option<Self> {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut number = String::new();
        // It writes its number when it is ready, however long that takes on a busy machine.
        BufReader::new(server.stdout.take()?).read_line(&mut number).ok()?;
        Some(Self { server, name: format!(":{}", number.trim()) })
    }

    /// Lets `command` open its windows here, and keep its user files in `home`.
    pub fn host<'a>(&self, command: &'a mut Command, home: &Path) -> &'a mut Command {
        command
            .env("DISPLAY", &self.name)
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("XDG_DATA_HOME", home.join("data"))
            .env_remove("WAYLAND_DISPLAY")
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        _ = self.server.kill();
        _ = self.server.wait();
    }
}

/// A display on which pictures can be drawn, or one line on why there is none.
pub fn display() -> Option<Display> {
    let driver = std::fs::read_dir("/usr/share/vulkan/icd.d").is_ok_and(|folder| folder.count() > 0);
    let display = driver.then(Display::open).flatten();
    if display.is_none() {
        println!("skipped: no Xvfb or no Vulkan driver here (Debian: xvfb, mesa-vulkan-drivers)");
    }
    display
}
