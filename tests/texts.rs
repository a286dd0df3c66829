//! Checks on-screen texts in the sources: no broken literals, no markup characters.

use std::path::{Path, PathBuf};

/// String literals of Rust `source` with their first lines, as the compiler reads them. Format arguments
/// stay.
fn literals(source: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let text: Vec<char> = source.chars().collect();
    let at = |index: usize| text.get(index).copied().unwrap_or('\0');
    let line = |index: usize| 1 + text[..index].iter().filter(|c| **c == '\n').count();
    let mut index = 0;
    while index < text.len() {
        match (at(index), at(index + 1)) {
            ('/', '/') => {
                while index < text.len() && at(index) != '\n' {
                    index += 1;
                }
            }
            // A quoted character, not a lifetime.
            ('\'', '\\') => index += 3,
            ('\'', _) if at(index + 2) == '\'' => index += 2,
            ('"', _) => {
                let (begin, mut literal) = (line(index), String::new());
                index += 1;
                while index < text.len() && at(index) != '"' {
                    if at(index) == '\\' && at(index + 1) == '\n' {
                        index += 1;
                        while at(index + 1).is_whitespace() {
                            index += 1;
                        }
                    } else if at(index) == '\\' {
                        index += 1;
                        literal.push(if at(index) == 'n' { '\n' } else { at(index) });
                    } else {
                        literal.push(at(index));
                    }
                    index += 1;
                }
                found.push((begin, literal));
            }
            _ => {}
        }
        index += 1;
    }
    found
}

/// `source` up to its tests. Those in a file of their own hide nothing, wherever they are declared.
fn without_tests(source: &str) -> &str {
    let begins = |at: &usize| source[*at..].lines().nth(1).is_some_and(|declared| declared.contains('{'));
    let mut tests = source.match_indices("#[cfg(test)]").map(|(at, _)| at);
    &source[..tests.find(begins).unwrap_or(source.len())]
}

/// Literals below `src/folder` with their positions, except in tests.
fn shown(folder: &str) -> Vec<(String, String)> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder)];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.extend(Some(path).filter(|path| path.extension().is_some_and(|e| e == "rs"))),
            }
        }
    }
    assert!(files.len() > 10, "{folder}: {files:?}");
    let of = |path: PathBuf| {
        let source = std::fs::read_to_string(&path).unwrap();
        let program = without_tests(&source).to_owned();
        let said = move |(line, literal)| (format!("{}:{line}", path.display()), literal);
        literals(&program).into_iter().map(said)
    };
    files.into_iter().flat_map(of).collect()
}

#[test]
fn literals_are_read_as_the_compiler_reads_them() {
    let source =
        "let a = 'x'; // \"no\"\nlet b = \"one \\\n        two\";\nlet c: &'static str = \"th\\\"ree\";";
    assert_eq!(literals(source), [(2, "one two".to_owned()), (4, "th\"ree".to_owned())]);
    assert_eq!(without_tests("#[cfg(test)]\nmod tests;\nlet a;"), "#[cfg(test)]\nmod tests;\nlet a;");
    assert_eq!(without_tests("let a;#[cfg(test)]\nmod tests { let b; }"), "let a;");
    let broken = "let a = \"one\n        two\";";
    assert!(literals(broken)[0].1.contains("   "));
}

#[test]
fn nothing_on_the_screen_has_runs_of_blanks_or_raw_marks() {
    for (folder, marks) in [("panel", false), ("view", false), ("worlds", true), ("insight", true)] {
        // The text of level files is not shown.
        for (place, literal) in
            shown(folder).into_iter().filter(|(place, _)| !place.contains("level/draft.rs"))
        {
            assert!(!literal.contains("   "), "{place}: a run of blanks in {literal:?}");
            // Programmers read the errors of `agent`, and know back-ticks.
            assert!(marks || !literal.contains('`'), "{place}: a back-tick is shown as it is in {literal:?}");
        }
    }
}
