//! From the title screen to a world and back. A process can open one window system connection, so every screen is a
//! process of its own: this one becomes the next.

use std::process::Command;

use super::Failure;

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
    let Some(chosen) = crate::app::title(from)? else { return Ok(()) };
    let given: Vec<_> = std::env::args_os().skip(1).collect();
    let mut command = Command::new(std::env::current_exe()?);
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
pub(super) fn open_again(env: &str, level: Option<&std::path::Path>) -> Result<(), Failure> {
    let level = level.map_or(String::new(), |level| format!(":{}", level.display()));
    let count = std::env::var(GIVEN).ok().and_then(|count| count.parse().ok()).unwrap_or(0);
    let mut command = Command::new(std::env::current_exe()?);
    command
        .env_remove(GIVEN)
        .env(FROM, format!("{env}{level}"))
        .args(std::env::args_os().skip(1).take(count));
    become_it(command)
}

/// Becomes the world `env` on a level that was drawn in it.
pub(super) fn play_level(env: &str, level: &std::path::Path) -> Result<(), Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--env").arg(env).arg("--level").arg(level);
    become_it(command)
}

#[cfg(unix)]
fn become_it(mut command: Command) -> Result<(), Failure> {
    use std::os::unix::process::CommandExt as _;
    Err(format!("cannot go on: {}", command.exec()).into())
}

#[cfg(not(unix))]
fn become_it(mut command: Command) -> Result<(), Failure> {
    let status = command.status()?;
    std::process::exit(status.code().unwrap_or(1))
}
