//! The Python that outside environments run in: finding one that has Gymnasium, and making one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::error::BridgeError;
use crate::files;

/// Packages that [`make`] installs, with the versions that the tests use.
const REQUIREMENTS: &str = include_str!("requirements.txt");

/// The interpreter of the virtual environment in `folder`.
fn within(folder: &Path) -> PathBuf {
    // Called by its full path: only so it is the virtual environment's.
    if cfg!(windows) { folder.join("Scripts").join("python.exe") } else { folder.join("bin").join("python") }
}

/// The virtual environment that [`make`] makes: `<user data>/entropy-arcade/python`.
fn own() -> Option<PathBuf> {
    files::user_data().map(|data| data.join("python"))
}

/// The interpreter for the world `env`: the `given` one, or else the first that has Gymnasium of those of `$VIRTUAL_ENV`, of
/// the environment that [`make`] makes, and `python3`.
pub(super) fn find(env: &str, given: Option<&Path>) -> Result<PathBuf, BridgeError> {
    if let Some(python) = given {
        if may_be_started(python) {
            return Ok(python.to_owned());
        }
        let (python, reason) = (python.display().to_string(), "no such file".to_owned());
        return Err(BridgeError::Start { env: env.to_owned(), python, reason });
    }
    let active = std::env::var_os("VIRTUAL_ENV").filter(|folder| !folder.is_empty());
    let mut candidates: Vec<PathBuf> =
        active.map(PathBuf::from).into_iter().chain(own()).map(|folder| within(&folder)).collect();
    candidates.push("python3".into());
    match candidates.iter().find(|python| may_be_started(python) && has_gymnasium(python)) {
        Some(python) => Ok(python.clone()),
        None => {
            let tried: Vec<String> = candidates.iter().map(|python| python.display().to_string()).collect();
            Err(BridgeError::NoPython { env: env.to_owned(), tried: tried.join(", ") })
        }
    }
}

/// Whether `program` is a file, or a name without a folder.
fn may_be_started(program: &Path) -> bool {
    program.components().count() == 1 || program.is_file()
}

fn has_gymnasium(python: &Path) -> bool {
    let look = "import importlib.util, sys; sys.exit(importlib.util.find_spec('gymnasium') is None)";
    let run = Command::new(python).args(["-c", look]).stdin(Stdio::null()).stderr(Stdio::null()).status();
    run.is_ok_and(|status| status.success())
}

/// Makes a virtual environment below the user's data folder and installs the pinned packages into it; one that is there is
/// brought up to date. Returns its interpreter.
///
/// # Errors
/// One line that says which step failed, and what to do.
pub fn make() -> Result<PathBuf, String> {
    let folder = own().ok_or("the system has no folder for user data; set HOME")?;
    let version = "import sys; sys.exit(sys.version_info < (3, 11))";
    run("python3", &["-c", version], "install Python 3.11 or later, with its module venv, as python3")?;
    let place = folder.to_string_lossy().into_owned();
    run("python3", &["-m", "venv", &place], "install the module venv, python3-venv on Debian and Ubuntu")?;
    let requirements = folder.join("requirements.txt");
    std::fs::write(&requirements, REQUIREMENTS)
        .map_err(|error| format!("{}: cannot be written ({error})", requirements.display()))?;
    let python = within(&folder);
    let list = requirements.to_string_lossy();
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", &list];
    run(&python.to_string_lossy(), &install, "see what pip says above, and run this again")?;
    Ok(python)
}

fn run(program: &str, arguments: &[&str], remedy: &str) -> Result<(), String> {
    files::to_stderr(&format!("{program} {}", arguments.join(" ")));
    // What is printed is for the person who waits.
    match Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program} ended with {status}; {remedy}")),
        Err(error) => Err(format!("{program} cannot be started ({error}); {remedy}")),
    }
}
