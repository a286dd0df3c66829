//! Every world with the panel, in a real window on a virtual display, as a person sees them.
//!
//! Needs Xvfb and a Vulkan driver (Mesa's lavapipe does); says so and skips where they are missing.
//! The pictures stay in `target/screenshots` to be looked at.
#![cfg(feature = "arcade")]

mod common;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::program;
use entropy_arcade::sim::worlds::names;

/// A virtual display that goes away with the value.
struct Display {
    server: Child,
    name: String,
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

fn shoot(display: &Display, env: &str) -> std::path::PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{env}.png"));
    _ = std::fs::remove_file(&path);
    let output = Command::new(program())
        .args(["--env", env, "--device", "cpu", "--after", "8", "--screenshot"])
        .arg(&path)
        .env("DISPLAY", &display.name)
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .unwrap();
    assert!(output.status.success(), "{env}: {}", String::from_utf8_lossy(&output.stderr));
    path
}

/// Colours of a picture as (r, g, b) by pixel, and its width.
fn pixels(path: &Path) -> (Vec<[u8; 3]>, usize) {
    let decoder = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(path).unwrap()));
    let mut reader = decoder.read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    let channels = info.color_type.samples();
    let pixels = bytes[..info.buffer_size()].chunks(channels).map(|p| [p[0], p[1], p[2]]).collect();
    (pixels, info.width as usize)
}

#[test]
fn every_world_and_the_panel_are_drawn() {
    let driver = std::fs::read_dir("/usr/share/vulkan/icd.d").is_ok_and(|folder| folder.count() > 0);
    let Some(display) = driver.then(|| Display::open(4917)).flatten() else {
        println!("skipped: no Xvfb or no Vulkan driver here (Debian: xvfb, mesa-vulkan-drivers)");
        return;
    };
    for env in names() {
        let path = shoot(&display, env);
        let (pixels, width) = pixels(&path);
        let height = pixels.len() / width;
        assert!(width >= 1000 && height >= 600, "{width} × {height}");
        let colours = |columns: std::ops::Range<usize>| {
            let set: std::collections::HashSet<[u8; 3]> = (0..height)
                .flat_map(|row| columns.clone().map(move |column| row * width + column))
                .map(|index| pixels[index])
                .collect();
            set.len()
        };
        // A blank or a single-coloured side would mean that nothing was drawn there.
        assert!(colours(0..width - 350) > 40, "{env}: the world is missing");
        assert!(colours(width - 320..width) > 40, "{env}: the panel is missing");
        println!("{}", path.display());
    }
}
