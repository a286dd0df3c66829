//! Where nobody has set XDG_RUNTIME_DIR, as in containers and cron jobs, graphics drivers that look for a Wayland socket
//! there complain on stderr. A program that needs them begins again with one set: changing its own environment is unsafe.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::learner::device::asks_drivers;

const VARIABLE: &str = "XDG_RUNTIME_DIR";

/// Begins again with the variable set, unless it is or no driver will be asked. Called before anything else is done.
pub(super) fn ensure() {
    let given = |variable: &str| std::env::var_os(variable).is_some_and(|value| !value.is_empty());
    if given(VARIABLE) || !(given("DISPLAY") || given("WAYLAND_DISPLAY") || asks_drivers()) {
        return;
    }
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    let Ok(program) = std::env::current_exe() else { return };
    // Only a failure comes back, and what drivers say then does no harm.
    _ = Command::new(program).arg0(name).args(arguments).env(VARIABLE, std::env::temp_dir()).exec();
}
