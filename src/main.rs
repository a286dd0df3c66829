//! The `entropy-arcade` program. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    entropy_arcade::cli::main()
}
