//! TOML files, with Redis's directive names as keys.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::{Assignment, ConfigError, Origin, USER};

/// Reads a TOML file. Every key stands at the top level; values may be strings, whole numbers,
/// booleans (`yes` and `no`) or arrays of these, which are joined by blanks.
pub(super) fn parse(path: &Path, text: &str) -> Result<Vec<Assignment>, ConfigError> {
    let syntax = |at: usize, reason: String| ConfigError::Syntax {
        path: path.to_owned(),
        line: line_of(text, at),
        reason,
    };
    let table = DeTable::parse(text).map_err(|error| {
        syntax(error.span().map_or(0, |span| span.start), error.message().replace('\n', "; "))
    })?;
    let mut assignments = Vec::with_capacity(table.get_ref().len());
    for (key, value) in table.get_ref() {
        let at = key.span().start;
        let name = key.get_ref().to_string();
        if let (true, DeValue::Array(lines)) = (name.eq_ignore_ascii_case(USER), value.get_ref()) {
            for line in lines {
                let at = line.span().start;
                let DeValue::String(value) = line.get_ref() else {
                    return Err(syntax(at, "'user' is a list of strings".to_owned()));
                };
                let origin = Origin::File(path.to_owned(), line_of(text, at));
                assignments.push(Assignment {
                    name: name.clone(),
                    value: value.to_string(),
                    origin,
                });
            }
            continue;
        }
        let Some(value) = text_of(value.get_ref()) else {
            let what = value.get_ref().type_str();
            return Err(syntax(at, format!("'{}' cannot be a {what}", name.escape_debug())));
        };
        let origin = Origin::File(path.to_owned(), line_of(text, at));
        assignments.push(Assignment { name, value, origin });
    }
    Ok(assignments)
}

/// Whether a text is TOML at all.
pub(super) fn is_toml(text: &str) -> bool {
    DeTable::parse(text).is_ok()
}

fn text_of(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(|n| n.to_string())
        }
        DeValue::Boolean(true) => Some("yes".to_owned()),
        DeValue::Boolean(false) => Some("no".to_owned()),
        DeValue::Array(items) => {
            let texts = items.iter().map(|item| match item.get_ref() {
                DeValue::Array(_) => None,
                item => text_of(item),
            });
            texts.collect::<Option<Vec<_>>>().map(|texts| texts.join(" "))
        }
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

/// Line of a byte, counted from 1.
fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_type_become_text() {
        let text = "port = 7000\nappendfsync = \"no\"\nprotected-mode = false\nbind = [\"::1\", \"127.0.0.1\"]\nmaxmemory = \"1gb\"\n";
        let seen = parse(Path::new("h.toml"), text).expect("a valid file");
        let mut seen: Vec<_> = seen
            .iter()
            .map(|a| (a.origin.to_string(), a.name.as_str(), a.value.as_str()))
            .collect();
        seen.sort();
        let expected = [
            ("h.toml:1", "port", "7000"),
            ("h.toml:2", "appendfsync", "no"),
            ("h.toml:3", "protected-mode", "no"),
            ("h.toml:4", "bind", "::1 127.0.0.1"),
            ("h.toml:5", "maxmemory", "1gb"),
        ];
        assert_eq!(seen, expected.map(|(origin, name, value)| (origin.to_owned(), name, value)));
    }

    #[test]
    fn errors_name_file_and_line() {
        let check = |text: &str, expected: &str| {
            let error = parse(Path::new("h.toml"), text).expect_err("an invalid file").to_string();
            assert!(error.starts_with(expected), "{error}");
        };
        check("port = 1\nbind = \n", "h.toml:2: ");
        check("port = 1\n\n[metrics]\nx = 1\n", "h.toml:3: 'metrics' cannot be a table");
        check("port = 1.5\n", "h.toml:1: 'port' cannot be a float");
        check("port = 1\nport = 2\n", "h.toml:2: ");
    }
}
