//! Peers: other programs with the workload of `bench env`, `bench learner` or `bench sequences`, measured alternately with
//! it.
//!
//! A peer is any command that ends with a line of JSON, `{"peer", "version", "value"}`, its value in steps per second. It
//! takes `--seconds S` and, of `bench env`, `--arenas N`, of `bench learner`, `--batch B --hidden W`, of `bench sequences`
//! `--memory KIND --width W --batch B --length T --burn-in M --threads N`.

use std::process::{Command, Stdio};

use serde::Deserialize;

/// Output of a peer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Answer {
    /// Its name.
    pub peer: String,
    /// Its version.
    pub version: String,
    /// Environment or gradient steps per second.
    pub value: f64,
}

/// Runs `command`, split into words as a shell does, once, with `arguments` and `--seconds`.
///
/// # Errors
/// One line naming the command and what is wrong with it or its answer.
pub fn ask(command: &str, arguments: &[(&str, String)], seconds: f64) -> Result<Answer, String> {
    let failed = |problem: String| format!("--peer {command:?}: {problem}");
    let words =
        shlex::split(command).ok_or_else(|| failed("a quotation mark is not closed; close it".into()))?;
    let mut words = words.into_iter();
    let program = words.next().ok_or_else(|| failed("is empty; give a command".into()))?;
    let output = Command::new(program)
        .args(words)
        .args(arguments.iter().flat_map(|(name, value)| [*name, value]))
        .args(["--seconds", &seconds.to_string()])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed(format!("cannot be started ({error}); check the path")))?;
    if !output.status.success() {
        return Err(failed(format!("ended with {}", output.status)));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().last().unwrap_or_default();
    serde_json::from_str(line)
        .map_err(|error| failed(format!("its last line is not a valid answer ({error}): {line:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_and_anything_else_is_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let script = |text: &str| {
            let path = folder.path().join("a peer.sh");
            std::fs::write(&path, text).unwrap();
            let arguments = [("--batch", "64".to_owned()), ("--hidden", "32".to_owned())];
            ask(&format!("sh '{}'", path.display()), &arguments, 0.5)
        };
        let answer = script("echo noise; echo '{\"peer\":\"p\",\"version\":\"1\",\"value\":'$4'}'").unwrap();
        assert_eq!((answer.peer.as_str(), answer.value), ("p", 32.0));
        for (text, problem) in
            [("echo hello", "is not a valid answer"), ("exit 3", "ended with"), ("", "is not a valid answer")]
        {
            let error = script(text).unwrap_err();
            assert!(error.contains(problem) && error.lines().count() == 1, "{error}");
        }
        assert!(ask("/no/such/program", &[], 1.0).unwrap_err().contains("cannot be started"));
        assert!(ask(" ", &[], 1.0).unwrap_err().contains("is empty"));
        assert!(ask("sh 'a", &[], 1.0).unwrap_err().contains("not closed"));
    }
}
