//! Display: says in one line what is missing where nothing can be drawn, instead of a panic's backtrace.

/// There is nothing to draw on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DisplayError {
    /// No display server.
    #[error(
        "no display: neither WAYLAND_DISPLAY nor DISPLAY is set; add --no-render to train without a window"
    )]
    NoDisplay,
}

/// Whether a window can be expected to open. Also arranges that the window system's and the
/// renderer's own refusals, which come later and as panics, end the program with one line.
///
/// # Errors
/// [`DisplayError`] where there is no display at all.
pub fn check() -> Result<(), DisplayError> {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if cfg!(target_os = "linux") && !set("DISPLAY") && !set("WAYLAND_DISPLAY") && !set("WAYLAND_SOCKET") {
        return Err(DisplayError::NoDisplay);
    }
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let Some(line) = panic.payload_as_str().and_then(explain) else { return usual(panic) };
        crate::files::to_stderr(&format!("error: {line}"));
        std::process::exit(1);
    }));
    Ok(())
}

/// The line for a panic of winit or bevy_render that means nothing can be drawn.
fn explain(panic: &str) -> Option<&'static str> {
    if panic.contains("build event loop") {
        Some("the display cannot be reached (is DISPLAY right?); add --no-render to train without a window")
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
    fn refusals_become_one_line_and_other_panics_stay() {
        for panic in ["Failed to build event loop: Os(…)", "Unable to find a GPU! Make sure you have"] {
            let line = explain(panic).unwrap();
            assert!(line.contains("--no-render") && line.lines().count() == 1);
        }
        assert_eq!(explain("index out of bounds"), None);
    }
}
