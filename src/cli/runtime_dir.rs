//! Sets XDG_RUNTIME_DIR if it is missing, as in containers and cron jobs, where graphics drivers would
//! complain on stderr. The program re-executes itself for that, since changing its own environment is unsafe.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::learner::device::asks_drivers;

const VARIABLE: &str = "XDG_RUNTIME_DIR";

/// Re-executes the program with the variable set, unless it is set or no driver will be used. Must be called
/// first.
pub(super) fn ensure() {
    let given = |variable: &str| std::env::var_os(variable).is_some_and(|value| !value.is_empty());
    if given(VARIABLE) || !(given("DISPLAY") || given("WAYLAND_DISPLAY") || asks_drivers()) {
        return;
    }
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    let Ok(program) = std::env::current_exe() else { return };
    // Only a failure returns; the drivers' complaints are then harmless.
    _ = Command::new(program).arg0(name).args(arguments).env(VARIABLE, std::env::temp_dir()).exec();
}
