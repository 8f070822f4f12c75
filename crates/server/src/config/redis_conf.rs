//! Files ending in `.conf`: redis.conf as Redis reads it.

use std::path::Path;

use super::{Assignment, ConfigError, Origin};

/// Reads a redis.conf. Lines are `name value ...`; `#` starts a comment line; `"..."` knows escapes.
pub(super) fn parse(path: &Path, text: &str) -> Result<Vec<Assignment>, ConfigError> {
    let mut assignments: Vec<Assignment> = Vec::new();
    let mut saves = 0;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let origin = Origin::File(path.to_owned(), index + 1);
        let syntax = |reason: &str| ConfigError::Syntax {
            path: path.to_owned(),
            line: index + 1,
            reason: reason.to_owned(),
        };
        let words = split_words(line).ok_or_else(|| syntax("unbalanced quotes"))?;
        let [name, values @ ..] = words.as_slice() else {
            return Err(syntax("a directive is missing"));
        };
        if values.is_empty() {
            return Err(syntax(&format!("'{}' needs a value", name.escape_debug())));
        }
        let value = values.join(" ");
        // The lines of `save` add up, unlike those of any other directive.
        let is_save = name.eq_ignore_ascii_case("save");
        saves += usize::from(is_save);
        let earlier =
            assignments.iter_mut().find(|a| is_save && a.name.eq_ignore_ascii_case("save"));
        match earlier {
            Some(earlier) if 1 < saves && !value.is_empty() => {
                earlier.value = format!("{} {value}", earlier.value).trim().to_owned();
            }
            _ => assignments.push(Assignment { name: name.clone(), value, origin }),
        }
    }
    Ok(assignments)
}

/// Splits a line into words at blanks. Double quotes know `\n \r \t \b \a \" \\ \xHH`, single quotes
/// know `\'`. `None` if a quote is open at the end or a word goes on after a closing one.
fn split_words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let (word, after) = match rest.as_bytes()[0] {
            quote @ (b'"' | b'\'') => quoted_word(&rest[1..], quote)?,
            _ => {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        if !after.is_empty() && !after.starts_with(char::is_whitespace) {
            return None;
        }
        words.push(word);
        rest = after.trim_start();
    }
    Some(words)
}

/// The word up to the closing quote, and what follows it.
fn quoted_word(text: &str, quote: u8) -> Option<(String, &str)> {
    let mut word = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        match *bytes.get(at)? {
            byte if byte == quote => break,
            b'\\' if quote == b'"' => {
                let escaped = *bytes.get(at + 1)?;
                let hex = text.get(at + 2..at + 4).and_then(|hex| u8::from_str_radix(hex, 16).ok());
                let (byte, length) = match (escaped, hex) {
                    (b'x', Some(byte)) => (byte, 4),
                    (b'n', _) => (b'\n', 2),
                    (b'r', _) => (b'\r', 2),
                    (b't', _) => (b'\t', 2),
                    (b'b', _) => (8, 2),
                    (b'a', _) => (7, 2),
                    (other, _) => (other, 2),
                };
                word.push(byte);
                at += length;
            }
            b'\\' if bytes.get(at + 1) == Some(&b'\'') => {
                word.push(b'\'');
                at += 2;
            }
            byte => {
                word.push(byte);
                at += 1;
            }
        }
    }
    Some((String::from_utf8(word).ok()?, &text[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_split_as_redis_splits_them() {
        let check = |line: &str, expected: Option<&[&str]>| {
            let expected = expected.map(|words| words.iter().map(|w| (*w).to_owned()).collect());
            assert_eq!(split_words(line), expected, "{line:?}");
        };
        check("port 6379", Some(&["port", "6379"]));
        check("save \"\"", Some(&["save", ""]));
        check(r#"requirepass "a b\x41\"" "#, Some(&["requirepass", "a bA\""]));
        check(r"requirepass 'it\'s'", Some(&["requirepass", "it's"]));
        check("bind  127.0.0.1\t::1", Some(&["bind", "127.0.0.1", "::1"]));
        check("requirepass \"open", None);
        check("requirepass \"a\"b", None);
    }

    #[test]
    fn lines_become_assignments_with_their_number() {
        let text = "# comment\n\nport 7000\nsave 900 1\nsave 300 10\n";
        let seen = parse(Path::new("r.conf"), text).expect("a valid file");
        let seen: Vec<_> = seen
            .iter()
            .map(|a| (a.name.as_str(), a.value.as_str(), a.origin.to_string()))
            .collect();
        assert_eq!(
            seen,
            [
                ("port", "7000", "r.conf:3".to_owned()),
                ("save", "900 1 300 10", "r.conf:4".to_owned()),
            ]
        );
        let error = parse(Path::new("r.conf"), "\nport\n").expect_err("a value is missing");
        assert_eq!(error.to_string(), "r.conf:2: 'port' needs a value");
    }
}
