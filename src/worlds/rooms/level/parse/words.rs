//! RON parser errors, reworded for people who draw levels.

use ron::Error;

use crate::files::in_plain_words;

/// The message for `error`, without names of Rust types.
pub(super) fn of(error: &Error) -> String {
    match error {
        Error::NoSuchStructField { expected, found, .. } => {
            format!("there is no field `{}`; the fields are {}", short(found), expected.join(", "))
        }
        Error::MissingStructField { field, .. } => format!("the field `{field}` is missing"),
        Error::DuplicateStructField { field, .. } => format!("the field `{field}` is given twice"),
        Error::InvalidValueForType { expected, found } => in_plain_words(&format!(
            "invalid type: {}, expected {expected}",
            short(&found.replace("the ", ""))
        )),
        Error::ExpectedDifferentLength { .. } => "a reward is three numbers: (column, row, reward)".into(),
        Error::UnexpectedChar(c) => format!("the character {c:?} does not belong here"),
        Error::Message(text) => in_plain_words(&short(text)),
        other => plain(other).to_owned(),
    }
}

fn plain(error: &Error) -> &'static str {
    match error {
        Error::Eof => "the file ends too early",
        Error::ExpectedArray => "`[` is missing",
        Error::ExpectedArrayEnd => "`]` is missing",
        Error::ExpectedComma => "a comma is missing",
        Error::ExpectedMapColon => "a colon is missing",
        Error::ExpectedStructLike | Error::ExpectedNamedStructLike(_) => "`(` is missing",
        Error::ExpectedStructLikeEnd | Error::ExpectedOptionEnd => "`)` is missing",
        Error::ExpectedDifferentStructName { .. } | Error::ExpectedStructName(_) => "a level begins with `(`",
        Error::ExpectedString => "text in quotes is missing",
        Error::ExpectedStringEnd => "the closing quote is missing",
        Error::ExpectedIdentifier => "the name of a field is missing",
        Error::ExpectedInteger | Error::ExpectedFloat => "a number is missing",
        Error::IntegerOutOfBounds => "a number is too large or too small",
        Error::FloatUnderscore | Error::UnderscoreAtBeginning | Error::InvalidIntegerDigit { .. } => {
            "this is not a number"
        }
        Error::InvalidEscape(_) => "`\\` is followed by an unknown letter",
        Error::UnclosedBlockComment | Error::UnclosedLineComment => "a comment is not closed",
        Error::TrailingCharacters => "something follows the closing `)`",
        Error::ExceededRecursionLimit => "brackets are nested too deeply",
        _ => "this is not how a level is written",
    }
}

/// A text shortened to fit into a message.
fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use crate::worlds::rooms::level::Level;

    #[test]
    fn no_message_speaks_of_a_parser() {
        for (text, said) in [
            ("", "`(`"),
            ("hello", "`(`"),
            ("(version: 1, nam: 3)", "there is no field `nam`; the fields are version, world, name"),
            ("(version: 1, name: \"n\")", "the field `map` is missing"),
            ("(version: 1, version: 1)", "the field `version` is given twice"),
            ("(version: one)", "a number is missing"),
            ("(version: -1)", ""),
            ("(version: 1 name: 3)", "a comma is missing"),
            ("(version: 1, name: 3)", "text in quotes is missing"),
            ("(version: 1, map: 3)", "`[` is missing"),
            ("(version: 1, map: [\"###\" \"##\"])", "a comma is missing"),
            ("(version: 99999999999)", "a number is too large"),
            ("(version: 1, rewards: [(1, 2)])", ""),
            ("(version: 1, name: \"n\", map: [\"#a.g#\"]) x", "something follows"),
            ("[]", "`(`"),
            ("{}", "`(`"),
            ("(version: 1, name: \"\\q\")", "`\\` is followed by"),
            ("/* (version: 1)", "a comment is not closed"),
        ] {
            let error = Level::parse("x.ron", text).unwrap_err().to_string();
            assert!(error.starts_with("x.ron:1:") && error.contains(said), "{text}: {error}");
            for inside in ["struct", "Expected", "expected", "u32", "usize", "tuple", "RON", "enum"] {
                assert!(!error.contains(inside), "{text}: {error}");
            }
        }
    }
}
