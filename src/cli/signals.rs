//! Signals that end the program: heard on a thread of their own, answered in one line at once.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::Failure;
#[cfg(unix)]
use crate::files;

/// Signals that come this close together are one: `timeout` and terminals send some of them twice.
const TOGETHER: Duration = Duration::from_millis(250);

/// What a stopped program still does.
pub(super) const SAVES: &str = "stopping: saving a checkpoint; press Ctrl-C again to quit without saving";
/// What it does without a folder.
pub(super) const KEEPS_NOTHING: &str =
    "stopping: nothing is saved without --out; press Ctrl-C again to quit at once";

/// What a window does that has nothing to save.
#[cfg(feature = "arcade")]
pub(super) const LEAVES: &str = "stopping; press Ctrl-C again to quit at once";

/// What is done about the first Ctrl-C, or signal to end.
struct Answer {
    /// Is said before.
    line: &'static str,
    stop: Box<dyn FnMut() + Send>,
    /// When that was.
    first: Option<Instant>,
}

/// As it was asked for last; nothing before.
static ANSWER: Mutex<Option<Answer>> = Mutex::new(None);

/// From now on the first Ctrl-C, or signal to end, says `line` and calls `stop`. The next one ends the program. Asked for
/// after [`quit_on_stop`].
pub(super) fn on_stop(line: &'static str, stop: impl FnMut() + Send + 'static) {
    if let Ok(mut answer) = ANSWER.lock() {
        *answer = Some(Answer { line, stop: Box::new(stop), first: None });
    }
}

/// From now on Ctrl-C, or a signal to end, ends the program at once, with a line that says so, until something else is
/// asked for with [`on_stop`].
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

/// Over a progress bar, if one stands there. Nobody may be left to read it.
fn say(line: &str) {
    let mut out = std::io::stderr();
    let clear = if out.is_terminal() { "\r\x1b[K" } else { "" };
    _ = writeln!(out, "{clear}{line}");
}

#[cfg(unix)]
fn listen(mut heard: impl FnMut() + Send + 'static) -> Result<(), Failure> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    // A shell that starts a job in the background has it ignore SIGINT; what it learned is saved all the same.
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    // `nohup` has the program ignore SIGHUP, which must stay so.
    if !ignores(SIGHUP) {
        signals.add_signal(SIGHUP)?;
    }
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || signals.forever().for_each(|_| heard()))?;
    Ok(())
}

/// Whether whoever started this program had it ignore `signal`. Only Linux tells; elsewhere it is not.
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

/// Ends the program as a shell expects of one that was interrupted, without waiting for any other thread.
fn exit() -> ! {
    #[cfg(unix)]
    signal_hook::low_level::exit(130);
    #[cfg(not(unix))]
    std::process::exit(130)
}
