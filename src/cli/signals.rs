//! Signals that end the program, handled on a separate thread with an immediate one-line answer.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::Failure;
#[cfg(unix)]
use crate::files;

/// Signals that come this close together are one: `timeout` and terminals send some of them twice.
const TOGETHER: Duration = Duration::from_millis(250);

/// Printed when a stopped program saves.
pub(super) const SAVES: &str = "stopping: saving a checkpoint; press Ctrl-C again to quit without saving";
/// Printed when it has no folder.
pub(super) const KEEPS_NOTHING: &str =
    "stopping: nothing is saved without --out; press Ctrl-C again to quit at once";

/// Printed when a replica of a learner stops.
#[cfg(feature = "distributed")]
pub(super) const LEARNER_GOES_ON: &str = "stopping: the learner goes on; press Ctrl-C again to quit at once";

/// Printed when a process that plays for another one stops.
#[cfg(feature = "distributed")]
pub(super) const SENDS: &str = "stopping: sending the last steps; press Ctrl-C again to quit at once";

/// Printed by a window with nothing to save.
#[cfg(feature = "arcade")]
pub(super) const LEAVES: &str = "stopping; press Ctrl-C again to quit at once";

/// Reaction to the first Ctrl-C or termination signal.
struct Answer {
    /// Printed first.
    line: &'static str,
    stop: Box<dyn FnMut() + Send>,
    /// Time of the first signal.
    first: Option<Instant>,
}

/// The current reaction, if any.
static ANSWER: Mutex<Option<Answer>> = Mutex::new(None);

/// From now on the first Ctrl-C or termination signal prints `line` and calls `stop`; the next one ends the
/// program. Call after [`quit_on_stop`].
pub(super) fn on_stop(line: &'static str, stop: impl FnMut() + Send + 'static) {
    if let Ok(mut answer) = ANSWER.lock() {
        *answer = Some(Answer { line, stop: Box::new(stop), first: None });
    }
}

/// From now on Ctrl-C or a termination signal ends the program at once, with one line, until [`on_stop`] is
/// called.
pub(super) fn quit_on_stop() -> Result<(), Failure> {
    listen(|| match ANSWER.lock().ok().as_deref_mut() {
        Some(Some(Answer { line, stop, first: first @ None })) => {
            say(line);
            *first = Some(Instant::now());
            stop();
        }
        Some(Some(Answer { first: Some(at), .. })) if at.elapsed() < TOGETHER => {}
        Some(Some(_)) => exit(),
        _ => {
            say("stopped");
            exit()
        }
    })
}

/// Overwrites a progress bar, if there is one. The terminal may already be closed.
fn say(line: &str) {
    let mut out = std::io::stderr();
    let clear = if out.is_terminal() { "\r\x1b[K" } else { "" };
    _ = writeln!(out, "{clear}{line}");
}

#[cfg(unix)]
fn listen(mut heard: impl FnMut() + Send + 'static) -> Result<(), Failure> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    // Shells make background jobs ignore SIGINT; handle it anyway, so that progress is saved.
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    // `nohup` makes the program ignore SIGHUP, which must stay ignored.
    if !ignores(SIGHUP) {
        signals.add_signal(SIGHUP)?;
    }
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || signals.forever().for_each(|_| heard()))?;
    Ok(())
}

/// Whether the parent process made this program ignore `signal`. Known on Linux only; `false` elsewhere.
#[cfg(unix)]
fn ignores(signal: i32) -> bool {
    let status =
        files::read_text(std::path::Path::new("/proc/self/status"), files::LARGEST_TEXT).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}

#[cfg(not(unix))]
fn listen(mut heard: impl FnMut() + Send + 'static) -> Result<(), Failure> {
    Ok(ctrlc::set_handler(move || heard())?)
}

/// Exits like an interrupted program, as shells expect, without waiting for other threads.
fn exit() -> ! {
    #[cfg(unix)]
    signal_hook::low_level::exit(130);
    #[cfg(not(unix))]
    std::process::exit(130)
}
