//! Counts the transitions in a run's replay buffer, and those among them that are impossible. For cartpole
//! only, whose equations are known.
//!
//! `cargo run --example check_transitions -- RUN_FOLDER` prints `{"transitions":N,"impossible":M}` and exits
//! with 1 if M is not 0.

#[path = "../tests/common/transitions.rs"]
mod transitions;

use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("usage: check_transitions RUN_FOLDER");
        return ExitCode::from(2);
    };
    match transitions::check_run(folder.as_ref()) {
        Ok(checked) => {
            let transitions::Checked { transitions, impossible } = checked;
            println!("{{\"transitions\":{transitions},\"impossible\":{impossible}}}");
            ExitCode::from(u8::from(impossible > 0))
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}
