//! The one reader of all text files, and rules for file names.
//!
//! UTF-8 with or without a byte order mark, lines that end in LF or CRLF, regular files only, and a size
//! limit that is counted while reading, since file systems may report a wrong size. Callers parse the text.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Component, Path, PathBuf};

use directories::BaseDirs;

/// Largest configuration, sweep, preferences or summary, in bytes.
pub const LARGEST_TEXT: u64 = 4 << 20;
/// Longest word quoted in a message, in characters.
const LONGEST_WORD: usize = 80;
/// Longest line read by [`lines`], in bytes.
const LONGEST_LINE: u64 = 1 << 20;

/// Writes `line` to stderr and ignores errors: the reader may be gone, or the disk full.
pub fn to_stderr(line: &str) {
    _ = writeln!(std::io::stderr(), "{line}");
}

/// Folder of what belongs to the user, `entropy-arcade` in the system's place for data: `~/.local/share`,
/// `~/Library/Application Support` or `%LOCALAPPDATA%`. `None` if the system has no such place.
pub fn user_data() -> Option<PathBuf> {
    place("XDG_DATA_HOME", BaseDirs::data_local_dir, ".local/share")
}

/// The same for settings: `~/.config`, `~/Library/Application Support` or `%APPDATA%`.
pub fn user_settings() -> Option<PathBuf> {
    place("XDG_CONFIG_HOME", BaseDirs::config_dir, ".config")
}

/// The arcade's folder in the place that the environment variable `variable` names, or in the system's `own`. What an
/// earlier version has put into `then`, in the user's folder, or into `%APPDATA%`, stays there.
fn place(variable: &str, own: fn(&BaseDirs) -> &Path, then: &str) -> Option<PathBuf> {
    const NAME: &str = "entropy-arcade";
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(wanted) = set(variable) {
        return Some(wanted.join(NAME));
    }
    let folders = BaseDirs::new()?;
    let now = own(&folders).join(NAME);
    let before = set("APPDATA").unwrap_or_else(|| folders.home_dir().join(then)).join(NAME);
    Some(if !now.is_dir() && before.is_dir() { before } else { now })
}

/// `text` in one line, without line breaks and control characters.
pub fn in_one_line(text: &str) -> String {
    let printable = text.replace(char::is_control, " ");
    printable.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Why a file was not read. Callers add the path and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// There is no such file.
    #[error("no such file")]
    Missing,
    /// A folder, a pipe, a device or a socket.
    #[error("{0}")]
    NotAFile(&'static str),
    /// Too large.
    #[error("larger than the {0} bytes allowed")]
    TooLarge(u64),
    /// Not UTF-8 text.
    #[error("{0}")]
    NotText(&'static str),
    /// The system's message.
    #[error("{0}")]
    Io(String),
}

impl From<std::io::Error> for ReadError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::Missing,
            _ => Self::Io(error.to_string()),
        }
    }
}

/// Opens the regular file at `path`, following links. Files that could block or never end are refused.
///
/// # Errors
/// [`ReadError`] for anything that is not a regular file.
pub fn open(path: &Path) -> Result<File, ReadError> {
    // Checked before opening: opening a pipe waits for a writer.
    regular(&std::fs::metadata(path)?)?;
    let file = File::open(path)?;
    regular(&file.metadata()?)?;
    Ok(file)
}

fn regular(found: &std::fs::Metadata) -> Result<(), ReadError> {
    match found.file_type() {
        kind if kind.is_file() => Ok(()),
        kind if kind.is_dir() => Err(ReadError::NotAFile("a folder, not a file")),
        _ => Err(ReadError::NotAFile("not a regular file")),
    }
}

/// All bytes of the regular file at `path`, at most `most` of them.
///
/// # Errors
/// [`ReadError`].
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(ReadError::TooLarge(most)) } else { Ok(bytes) }
}

/// The first bytes of the regular file at `path`, at most `count`.
///
/// # Errors
/// [`ReadError`].
pub fn begins(path: &Path, count: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    open(path)?.take(count).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text of the regular file at `path`, at most `most` bytes, without byte order mark and with LF line
/// endings.
///
/// # Errors
/// [`ReadError`].
pub fn read_text(path: &Path, most: u64) -> Result<String, ReadError> {
    text(read(path, most)?)
}

/// Decodes `bytes` like [`read_text`].
///
/// # Errors
/// [`ReadError::NotText`].
pub fn text(bytes: Vec<u8>) -> Result<String, ReadError> {
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err(ReadError::NotText("UTF-16 text; save it as UTF-8"));
    }
    let text = String::from_utf8(bytes).map_err(|_| ReadError::NotText("not UTF-8 text"))?;
    let plain = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Ok(if plain.contains("\r\n") { plain.replace("\r\n", "\n") } else { plain.to_owned() })
}

/// Iterates over the lines of the regular file at `path` in constant memory. Ends before the first line that
/// is not UTF-8 or longer than a megabyte.
///
/// # Errors
/// [`ReadError`] if the file cannot be opened.
pub fn lines(path: &Path) -> Result<impl Iterator<Item = String>, ReadError> {
    let mut input = BufReader::new(open(path)?);
    Ok(std::iter::from_fn(move || {
        let mut line = Vec::new();
        let length = input.by_ref().take(LONGEST_LINE + 1).read_until(b'\n', &mut line).ok()?;
        if length == 0 || length as u64 > LONGEST_LINE {
            return None;
        }
        Some(text(line).ok()?.trim_end_matches('\n').to_owned())
    }))
}

/// Whether `name` is a plain file name on every system: no separator, no `..`, no drive, no device name, no
/// unprintable characters.
pub fn is_plain_name(name: &str) -> bool {
    const DEVICES: &[&str] = &["con", "prn", "aux", "nul"];
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let numbered = |device: &str| {
        stem.strip_prefix(device).is_some_and(|rest| rest.chars().count() == 1 && !rest.starts_with('0'))
    };
    let device = DEVICES.contains(&stem.as_str()) || numbered("com") || numbered("lpt");
    let strange = |c: char| c.is_control() || "/\\:*?\"<>|".contains(c);
    !name.is_empty() && name.len() <= 255 && !device && !name.contains(strange) && !name.ends_with(['.', ' '])
}

/// The name of a file without personal information: the relative path below the working folder, the bare name
/// elsewhere.
pub fn portable(path: &Path) -> String {
    let plain = |part: Component| matches!(part, Component::Normal(_) | Component::CurDir);
    let within = path.components().all(plain);
    let name = if within { Some(path.as_os_str()) } else { path.file_name() };
    name.unwrap_or_default().to_string_lossy().into_owned()
}

/// `path` quoted for a shell.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%,:=".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// A parser's message in one line, without names of Rust types.
pub fn in_plain_words(message: &str) -> String {
    const WORDS: &[(&str, &str)] = &[
        ("f32", "a number"),
        ("f64", "a number"),
        ("u8", "a whole number from 0"),
        ("u16", "a whole number from 0"),
        ("u32", "a whole number from 0"),
        ("u64", "a whole number from 0"),
        ("usize", "a whole number from 0"),
        ("i32", "a whole number"),
        ("i64", "a whole number"),
        ("floating point", "the number"),
        ("integer", "the number"),
        ("boolean", "the truth value"),
        ("string", "the text"),
        ("map", "a table"),
        ("sequence", "a list"),
        ("null", "nothing"),
        ("unit", "nothing"),
        ("EOF", "the end of the file"),
    ];
    // Words in a file may have any length.
    let cut = |word: &str| match word.char_indices().nth(LONGEST_WORD) {
        Some((end, _)) => format!("{}…", &word[..end]),
        None => word.to_owned(),
    };
    let line = message.split_whitespace().map(cut).collect::<Vec<_>>().join(" ");
    let word = |word: &str| WORDS.iter().find(|(known, _)| *known == word).map(|(_, plain)| *plain);
    let expected = |what: &str| match what {
        "a map" => "a table".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a string" => "text in quotes".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "value" => "a value".to_owned(),
        // One of several names, for which toml found something else.
        "string only" => "a name".to_owned(),
        what if what.starts_with("struct ") || what.contains("tagged enum ") => "a table".to_owned(),
        what if what.starts_with("a tuple of size ") => format!("a list of {} values", &what[16..]),
        what => word(what).unwrap_or(what).to_owned(),
    };
    // serde: `invalid type: string "high", expected f32 at line 1 column 2`.
    let (said, place) = match line.rsplit_once(" at line ") {
        Some((said, place)) => (said, format!(" in line {}", place.replace(" column ", ", column "))),
        None => (line.as_str(), String::new()),
    };
    let found = |found: &str| match found.split_once(' ') {
        Some(("unit", "variant")) => "no name".to_owned(),
        Some(("floating", rest)) => rest.replace("point ", "the number "),
        Some((kind, value)) if word(kind).is_some() => format!("{} {value}", word(kind).unwrap_or_default()),
        _ => word(found).unwrap_or(found).to_owned(),
    };
    let invalid = said.strip_prefix("invalid type: ").or_else(|| said.strip_prefix("invalid value: "));
    if let Some((is, wanted)) = invalid.and_then(|rest| rest.rsplit_once(", expected ")) {
        return format!("{} where {} belongs{place}", found(is), expected(wanted));
    }
    match said.split_once("EOF while parsing") {
        Some(_) => format!("the file ends too early{place}"),
        None => format!("{said}{place}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    #[test]
    fn marks_and_line_ends_are_taken_and_other_texts_refused() {
        let read = |bytes: &[u8]| {
            let (_folder, path) = file("x", bytes);
            read_text(&path, 20).map_err(|error| error.to_string())
        };
        assert_eq!(read(b"\xef\xbb\xbfa\r\nb\n").as_deref(), Ok("a\nb\n"));
        assert_eq!(read("é\r".as_bytes()).as_deref(), Ok("é\r"));
        assert!(read(b"\xff\xfea\0").unwrap_err().contains("save it as UTF-8"));
        assert_eq!(read(b"a\xff").unwrap_err(), "not UTF-8 text");
        assert_eq!(read(&[b'a'; 20]).map(|text| text.len()), Ok(20));
        assert_eq!(read(&[b'a'; 21]).unwrap_err(), "larger than the 20 bytes allowed");
        assert_eq!(read_text(Path::new("no/such"), 9), Err(ReadError::Missing));
    }

    #[test]
    fn lines_come_one_by_one_and_end_where_they_are_none() {
        let (_folder, path) = file("x", b"\xef\xbb\xbf{}\r\nsecond\nlast");
        assert_eq!(lines(&path).unwrap().collect::<Vec<_>>(), ["{}", "second", "last"]);
        let (_folder, path) = file("x", &[b"one\n".to_vec(), vec![b'x'; 2 << 20]].concat());
        assert_eq!(lines(&path).unwrap().collect::<Vec<_>>(), ["one"]);
    }

    #[cfg(unix)]
    #[test]
    fn irregular_files_are_refused_at_once_through_links_too() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        for path in [folder.path(), &pipe, &link, Path::new("/dev/zero")] {
            assert!(matches!(read(path, 10), Err(ReadError::NotAFile(_))), "{}", path.display());
            assert!(lines(path).is_err());
        }
        // A file whose size the system does not report.
        assert!(read_text(Path::new("/proc/self/status"), LARGEST_TEXT).is_ok_and(|text| !text.is_empty()));
    }

    #[test]
    fn plain_names_stay_within_their_folder_on_every_system() {
        for good in
            ["weights.safetensors", "replay.bin", "a b", "console.txt", "com10", "com0", "é.json", ".x"]
        {
            assert!(is_plain_name(good), "{good}");
        }
        for bad in [
            "", ".", "..", "a/b", "/etc", "..\\x", "c:x", "nul", "NUL.txt", "com1", "Lpt9.bin", "a\0", "x.",
            "x ",
        ] {
            assert!(!is_plain_name(bad), "{bad:?}");
        }
        assert!(!is_plain_name(&"x".repeat(256)));
    }

    #[test]
    fn names_say_nothing_of_their_author() {
        assert_eq!(portable(Path::new("/home/ann/levels/mine.ron")), "mine.ron");
        assert_eq!(portable(Path::new("../../ann/mine.ron")), "mine.ron");
        assert_eq!(portable(Path::new("maps/mine.ron")), "maps/mine.ron");
        assert_eq!(portable(Path::new("random:2:50")), "random:2:50");
    }

    #[test]
    fn parsers_are_put_into_plain_words() {
        for (said, plain) in [
            ("invalid type: string \"high\", expected f32", "the text \"high\" where a number belongs"),
            (
                "invalid type: floating point `1.5`, expected u64",
                "the number `1.5` where a whole number from 0 belongs",
            ),
            ("invalid type: map, expected a sequence\n", "a table where a list belongs"),
            (
                "invalid value: integer `-1`, expected usize",
                "the number `-1` where a whole number from 0 belongs",
            ),
            (
                "invalid type: null, expected struct Counters at line 3 column 7",
                "nothing where a table belongs in line 3, column 7",
            ),
            ("invalid type: unit variant, expected string only", "no name where a name belongs"),
            ("EOF while parsing a value at line 1 column 0", "the file ends too early in line 1, column 0"),
            (
                "unknown field `gama`, expected one of `gamma`",
                "unknown field `gama`, expected one of `gamma`",
            ),
        ] {
            assert_eq!(in_plain_words(said), plain);
        }
        assert!(in_plain_words(&format!("unknown field `{}`", "é".repeat(9000))).chars().count() < 100);
    }

    #[test]
    fn a_line_stays_one_whatever_is_quoted_in_it() {
        assert_eq!(in_one_line("keys.t\nanu:\tno\u{b} such\r\n command"), "keys.t anu: no such command");
    }
}
