//! CONFIG REWRITE: the changed values put into the text of the file that the server was started with.
//! Everything else in it stays as it is, comments and order as well.

use super::directives::Directive;
use super::redis_conf::split_words;
use super::value::{Kind, memory_text};
use toml_edit::{DocumentMut, Formatted};

/// Stands before what had no place in the file.
const HEADING: &str = "# Written by CONFIG REWRITE";

/// A value as it is written in a TOML file.
pub(super) fn toml_value(directive: &Directive, text: &str) -> toml_edit::Value {
    match (directive.kind, text.parse::<i64>()) {
        (Kind::Integer { .. } | Kind::Signed { .. }, Ok(number)) => number.into(),
        (Kind::Memory { .. }, Ok(_)) => memory_text(text).into(),
        _ => toml_edit::Value::String(Formatted::new(text.to_owned())),
    }
}

/// A TOML file with changed values.
///
/// # Errors
///
/// If the text is no TOML any more.
pub(super) fn toml(text: &str, changes: &[(&Directive, &str)]) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        format!("the file is no TOML any more: {}", error.message())
    })?;
    let mut missing = Vec::new();
    for (directive, new) in changes {
        let mut value = toml_value(directive, new);
        let place = document.iter_mut().find_map(|(key, item)| {
            let is_it = key.get().eq_ignore_ascii_case(directive.name);
            is_it.then(|| item.as_value_mut()).flatten()
        });
        match place {
            Some(old) => {
                *value.decor_mut() = old.decor().clone();
                *old = value;
            }
            None => missing.push((directive.name, format!("{} = {value}", directive.name))),
        }
    }
    let mut lines: Vec<String> = document.to_string().lines().map(str::to_owned).collect();
    for (name, line) in missing {
        // The commented example has a place for every key.
        let comment = format!("#{name} =");
        match lines.iter().position(|line| line.starts_with(&comment)) {
            Some(at) => lines.insert(at + 1, line),
            None => append(&mut lines, line),
        }
    }
    Ok(joined(&lines))
}

/// A redis.conf with changed values.
pub(super) fn redis_conf(text: &str, changes: &[(&Directive, &str)]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (directive, new) in changes {
        let line = format!("{} {}", directive.name, conf_value(directive, new));
        let names_it = |line: &String| {
            let words = split_words(line).unwrap_or_default();
            words.first().is_some_and(|name| name.eq_ignore_ascii_case(directive.name))
        };
        let Some(last) = lines.iter().rposition(names_it) else {
            append(&mut lines, line);
            continue;
        };
        lines[last] = line;
        // Lines that add up are one from now on.
        let mut at = 0;
        lines.retain(|line| {
            at += 1;
            last < at || !names_it(line)
        });
    }
    joined(&lines)
}

pub(super) fn append(lines: &mut Vec<String>, line: String) {
    if !lines.iter().any(|line| line == HEADING) {
        if lines.last().is_some_and(|line| !line.is_empty()) {
            lines.push(String::new());
        }
        lines.push(HEADING.to_owned());
    }
    lines.push(line);
}

pub(super) fn joined(lines: &[String]) -> String {
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

/// A value as it is written in a redis.conf: in quotes where the line would be read differently
/// without. Lists are several words.
fn conf_value(directive: &Directive, text: &str) -> String {
    let is_list =
        matches!(directive.kind, Kind::Addresses | Kind::OutputLimits | Kind::Percentiles)
            || matches!(directive.name, "save" | "oom-score-adj-values");
    let is_plain = |c: char| c.is_ascii_graphic() && !"\"'\\#".contains(c);
    if is_list && !text.is_empty() || !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    let mut quoted = "\"".to_owned();
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::directives::find;

    fn changes<'a>(pairs: &[(&str, &'a str)]) -> Vec<(&'static Directive, &'a str)> {
        let change = |(name, value): &(&str, &'a str)| (find(name).expect("a directive"), *value);
        pairs.iter().map(change).collect()
    }

    #[test]
    fn toml_keeps_comments_order_and_spacing() {
        let text =
            "# mine\nport = 7000   # why\n\nmaxclients=5 # few\n#timeout = 0\nmaxmemory = 0\n";
        let pairs =
            [("maxclients", "50"), ("timeout", "7"), ("maxmemory", "2097152"), ("hz", "50")];
        let expected = "# mine\nport = 7000   # why\n\nmaxclients=50 # few\n#timeout = 0\n\
                        timeout = 7\nmaxmemory = \"2mb\"\n\n# Written by CONFIG REWRITE\nhz = \"50\"\n";
        let written = toml(text, &changes(&pairs)).expect("TOML");
        assert_eq!(written, expected);
        assert_eq!(toml(&written, &changes(&pairs)).as_deref(), Ok(expected), "it changes nothing");
        assert!(toml("port = ", &changes(&pairs)).is_err());
        let tricky = "a \"b' #";
        let written = toml("", &changes(&[("requirepass", tricky)])).expect("TOML");
        let read = crate::config::file::parse(std::path::Path::new("h.toml"), &written);
        assert_eq!(read.expect("TOML")[0].value, tricky, "{written}");
    }

    #[test]
    fn redis_conf_keeps_comments_and_order() {
        let text =
            "# mine\nport 7000\n  MaxClients 5\nsave 900 1\n# between\nsave 60 5\ntimeout 3\n";
        let pairs = [
            ("maxclients", "50"),
            ("save", "1 1"),
            ("requirepass", "a \"b\\ c"),
            ("latency-tracking-info-percentiles", ""),
            ("loglevel", "debug"),
        ];
        let expected = "# mine\nport 7000\nmaxclients 50\n# between\nsave 1 1\ntimeout 3\n\n\
                        # Written by CONFIG REWRITE\nrequirepass \"a \\\"b\\\\ c\"\n\
                        latency-tracking-info-percentiles \"\"\nloglevel debug\n";
        let written = redis_conf(text, &changes(&pairs));
        assert_eq!(written, expected);
        assert_eq!(redis_conf(&written, &changes(&pairs)), expected, "it changes nothing");
    }
}
