//! Display: one-line errors, instead of a panic, if no window can be opened.

/// No window can be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DisplayError {
    /// No display server.
    #[error(
        "no display: neither WAYLAND_DISPLAY nor DISPLAY is set; add --no-render to train without a window"
    )]
    NoDisplay,
}

/// Whether a window can be expected to open.
///
/// # Errors
/// [`DisplayError`] if there is no display.
pub fn check() -> Result<(), DisplayError> {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if cfg!(target_os = "linux") && !set("DISPLAY") && !set("WAYLAND_DISPLAY") && !set("WAYLAND_SOCKET") {
        return Err(DisplayError::NoDisplay);
    }
    Ok(())
}

/// Turns panics of window system and renderer into one-line errors that end the program. Call once, before the window
/// opens.
pub fn explain_refusals() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let Some(line) = panic.payload_as_str().and_then(explain) else { return default(panic) };
        crate::files::to_stderr(&format!("error: {line}"));
        std::process::exit(1);
    }));
}

/// The error line for a panic of winit or bevy_render about a missing display or adapter.
fn explain(panic: &str) -> Option<&'static str> {
    if panic.contains("build event loop") {
        Some("cannot connect to the display; check DISPLAY, or add --no-render to train without a window")
    } else if panic.contains("Unable to find a GPU") || panic.contains("Failed to create wgpu surface") {
        Some(
            "no usable graphics adapter; install a Vulkan driver (Debian: mesa-vulkan-drivers), \
             or add --no-render to train without a window",
        )
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_panics_become_one_line_and_others_stay() {
        for panic in ["Failed to build event loop: Os(…)", "Unable to find a GPU! Make sure you have"] {
            let line = explain(panic).unwrap();
            assert!(line.contains("--no-render") && line.lines().count() == 1);
        }
        assert_eq!(explain("index out of bounds"), None);
    }
}
