//! Files ending in `.conf`: redis.conf as Redis reads it.

use std::path::{Path, PathBuf};

use engine::pattern::{Case, glob_matches};

use super::{Assignment, ConfigError, Origin, USER};

/// Files within files that are read.
const INCLUDES_MAX: usize = 16;

/// Reads a redis.conf. Lines are `name value ...`; `#` starts a comment line; `"..."` knows escapes.
pub(super) fn parse(path: &Path, text: &str) -> Result<Vec<Assignment>, ConfigError> {
    let mut assignments = Vec::new();
    read_lines(path, text, 0, &mut assignments)?;
    Ok(assignments)
}

fn read_lines(
    path: &Path,
    text: &str,
    depth: usize,
    assignments: &mut Vec<Assignment>,
) -> Result<(), ConfigError> {
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let syntax =
            |reason: String| ConfigError::Syntax { path: path.to_owned(), line: index + 1, reason };
        let words = split_words(line).ok_or_else(|| syntax("unbalanced quotes".to_owned()))?;
        let [name, values @ ..] = words.as_slice() else {
            return Err(syntax("a directive is missing".to_owned()));
        };
        if values.is_empty() {
            return Err(syntax(format!("'{}' needs a value", name.escape_debug())));
        }
        let value = match name.eq_ignore_ascii_case(USER) {
            // It is split again in its turn, quotes and all.
            true => line[name.len()..].trim().to_owned(),
            false => values.join(" "),
        };
        if name.eq_ignore_ascii_case("include") {
            if depth == INCLUDES_MAX {
                return Err(syntax(format!("more than {INCLUDES_MAX} files within each other")));
            }
            for file in included(&value).map_err(|reason| syntax(reason.to_owned()))? {
                let text = super::sources::read(&file)?;
                read_lines(&file, &text, depth + 1, assignments)?;
            }
            continue;
        }
        let origin = Origin::File(path.to_owned(), index + 1);
        assign(Assignment { name: name.clone(), value, origin }, assignments);
    }
    Ok(())
}

/// The lines of `save` add up, unlike those of any other directive; an empty one takes them back.
fn assign(new: Assignment, assignments: &mut Vec<Assignment>) {
    let is_save = |name: &str| name.eq_ignore_ascii_case("save");
    let earlier = assignments.iter_mut().rfind(|earlier| is_save(&earlier.name));
    match earlier {
        Some(earlier) if is_save(&new.name) && !new.value.is_empty() => {
            earlier.value = format!("{} {}", earlier.value, new.value).trim().to_owned();
        }
        _ => assignments.push(new),
    }
}

/// The files of an `include`, in the order of their names where there are several. Paths are relative to
/// the directory in which the server was started, as in Redis.
fn included(path: &str) -> Result<Vec<PathBuf>, &'static str> {
    let path = Path::new(path);
    let is_pattern = |text: &str| text.contains(['*', '?', '[']);
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    if directory.is_some_and(|directory| is_pattern(&directory.to_string_lossy())) {
        return Err("a pattern can stand in the last part of the path only");
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if !is_pattern(&name) {
        return Ok(vec![path.to_owned()]);
    }
    let Ok(entries) = std::fs::read_dir(directory.unwrap_or(Path::new("."))) else {
        return Ok(Vec::new());
    };
    let matches = |entry: &std::fs::DirEntry| {
        let own = entry.file_name();
        // As in a shell, * does not name hidden files.
        let is_hidden = own.as_encoded_bytes().starts_with(b".") && !name.starts_with('.');
        !is_hidden && glob_matches(name.as_bytes(), own.as_encoded_bytes(), Case::Sensitive)
    };
    let found = entries.filter_map(Result::ok).filter(matches);
    let mut paths: Vec<_> = found.map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

/// Splits a line into words at blanks. Double quotes know `\n \r \t \b \a \" \\ \xHH`, single quotes
/// know `\'`. `None` if a quote is open at the end or a word goes on after a closing one.
pub(super) fn split_words(line: &str) -> Option<Vec<String>> {
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
        let saves = "save 900 1\nsave \"\"\nsave 60 5\nsave 7 7\n";
        let seen = parse(Path::new("r.conf"), saves).expect("a valid file");
        assert_eq!(seen.last().map(|a| a.value.as_str()), Some("60 5 7 7"));
        let error = parse(Path::new("r.conf"), "\nport\n").expect_err("a value is missing");
        assert_eq!(error.to_string(), "r.conf:2: 'port' needs a value");
    }

    #[test]
    fn included_files_are_read_in_place() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = |name: &str| dir.path().join(name).display().to_string();
        let write = |name: &str, text: &str| std::fs::write(path(name), text).expect("a file");
        write("a.conf", "timeout 1\n");
        write("b.conf", "timeout 2\nport 2\n");
        write(".c.conf", "timeout 3\n");
        write("loop.inc", &format!("include {}\n", path("loop.inc")));
        let check = |text: String, expected: Result<&str, &str>| {
            let seen = parse(Path::new("r.conf"), &text).map_err(|error| error.to_string());
            let seen = seen.map(|all| {
                let all = all.iter().map(|a| format!("{} {}", a.name, a.value));
                all.collect::<Vec<_>>().join(", ")
            });
            match (seen, expected) {
                (Err(seen), Err(expected)) => assert!(seen.contains(expected), "{seen}"),
                (seen, expected) => {
                    assert_eq!(seen, expected.map(str::to_owned).map_err(str::to_owned), "{text}");
                }
            }
        };
        let all = "hz 5, timeout 1, timeout 2, port 2, port 9";
        check(format!("hz 5\ninclude {}\nport 9\n", path("*.conf")), Ok(all));
        check(format!("include \"{}\"\n", path("a.conf")), Ok("timeout 1"));
        check(format!("include {}\nhz 1\n", path("*.nosuch")), Ok("hz 1"));
        check(format!("include {}\n", path("nosuch")), Err("cannot read the configuration file"));
        check(format!("include {}\n", path("loop.inc")), Err("more than 16 files"));
        check(format!("include {}/*/x\n", path("")), Err("in the last part of the path only"));
    }
}
