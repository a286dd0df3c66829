//! From the title screen to a world and back. A process can open one window system connection, so every screen is a
//! process of its own: this one becomes the next.

use std::process::Command;

use super::Failure;
#[cfg(feature = "arcade")]
use super::signals;

/// How many arguments the title screen was opened with: what comes after them it has chosen.
const GIVEN: &str = "ENTROPY_ARCADE_ARGUMENTS";

/// The world that somebody comes back from, and its level: the card to light.
const FROM: &str = "ENTROPY_ARCADE_FROM";

/// Shows the title screen and becomes the world that is chosen there.
#[cfg(feature = "arcade")]
pub(super) fn visit() -> Result<(), Failure> {
    let from = std::env::var(FROM).ok().map(|from| match from.split_once(':') {
        Some((world, level)) => (world.to_owned(), Some(level.to_owned())),
        None => (from, None),
    });
    signals::on_stop(signals::LEAVES, crate::app::leave);
    let Some(chosen) = crate::app::title(from)? else { return Ok(()) };
    let given: Vec<_> = std::env::args_os().skip(1).collect();
    let mut command = this_program();
    command.env_remove(FROM).env(GIVEN, given.len().to_string()).args(given);
    if let Some(session) = chosen.session {
        command.arg("--resume").arg(session);
    } else {
        command.arg("--env").arg(chosen.env);
        if let Some(level) = chosen.level {
            command.arg("--level").arg(level);
        }
        if chosen.trained {
            command.arg("--agent").arg("shipped");
        }
    }
    become_it(command)
}

/// Goes back to the title screen, with the arguments it had, from the world `env` on `level`.
pub(super) fn open_again(env: &str, level: Option<&str>) -> Result<(), Failure> {
    let level = level.map_or(String::new(), |level| format!(":{level}"));
    let count = std::env::var(GIVEN).ok().and_then(|count| count.parse().ok()).unwrap_or(0);
    let mut command = this_program();
    command
        .env_remove(GIVEN)
        .env(FROM, format!("{env}{level}"))
        .args(std::env::args_os().skip(1).take(count));
    become_it(command)
}

/// Becomes the world `env` on a level that was drawn in it.
pub(super) fn play_level(env: &str, level: &std::path::Path) -> Result<(), Failure> {
    let mut command = this_program();
    command.arg("--env").arg(env).arg("--level").arg(level);
    become_it(command)
}

/// This very program, even where its file was replaced or deleted since it began, as a rebuild does.
fn this_program() -> Command {
    let there = std::env::current_exe().ok().filter(|path| path.is_file());
    // Linux keeps the running file under this name.
    Command::new(there.unwrap_or_else(|| "/proc/self/exe".into()))
}

/// Everything is saved by now: where the next screen cannot be opened, the program just ends.
fn become_it(mut command: Command) -> Result<(), Failure> {
    let reason = turn_into(&mut command);
    crate::files::to_stderr(&format!(
        "the next screen cannot be opened ({reason}); start the program again to go on"
    ));
    Ok(())
}

/// Returns only when it fails.
#[cfg(unix)]
fn turn_into(command: &mut Command) -> std::io::Error {
    use std::os::unix::process::CommandExt as _;
    command.exec()
}

#[cfg(not(unix))]
fn turn_into(command: &mut Command) -> std::io::Error {
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}
