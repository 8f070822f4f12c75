//! `headwater.toml`, made from the table: every key with its sentence and its default.

use std::fmt::Write;

use super::directives::{Change, Directive, Effect, HONOURED};
use super::value::{Kind, memory_text};

/// Headings of the example file, each before the directive of that name.
const HEADINGS: &[(&str, &str)] = &[
    ("port", "Network"),
    ("requirepass", "Security"),
    ("dir", "Data"),
    ("maxmemory", "Limits"),
    ("slowlog-log-slower-than", "What was slow"),
    ("loglevel", "Log and service"),
];

/// The one key that is no directive: there may be any number of users.
const USERS: &str = "
# Users with their rules in the words of ACL SETUSER, read at start: [\"default off\",
# \"app on #<SHA-256 of the password> ~orders:* +@stream +ping\"]
#user = []
";

/// The commented example: nothing is set, so that an installation follows the defaults until somebody
/// decides otherwise.
#[must_use]
pub fn example() -> String {
    let mut out = String::from(
        "# Headwater's configuration. Every key is shown with its default; remove the # to change it.\n\
         # The names are those of redis.conf wherever the meaning is the same. Flags (--port 7000) and\n\
         # environment variables (HEADWATER_PORT=7000) go before this file; CONFIG SET goes before all.\n\
         # A key marked (live) can be changed while the server runs, by CONFIG SET, or here and then\n\
         # SIGHUP (systemctl reload headwater).\n",
    );
    for directive in HONOURED {
        if let Some((_, heading)) = HEADINGS.iter().find(|(name, _)| *name == directive.name) {
            let _ = write!(out, "\n# ---- {heading} ----\n");
        }
        write_directive(&mut out, directive);
    }
    out
}

fn write_directive(out: &mut String, directive: &Directive) {
    let is_live = directive.change == Change::Live && directive.effect == Effect::Honoured;
    let live = if is_live { " (live)" } else { "" };
    out.push('\n');
    for line in wrap(&format!("{}{live}", directive.doc), 96) {
        let _ = writeln!(out, "# {line}");
    }
    if let Kind::Choice(words) = directive.kind {
        let _ = writeln!(out, "# One of: {}", words.join(", "));
    }
    let _ = writeln!(out, "#{} = {}", directive.name, toml_value(directive));
    if directive.name == "aclfile" {
        out.push_str(USERS);
    }
}

fn toml_value(directive: &Directive) -> String {
    let text = directive.default;
    match directive.kind {
        Kind::Integer { .. } | Kind::Signed { .. } => text.to_owned(),
        Kind::Memory { .. } => format!("\"{}\"", memory_text(text)),
        _ => format!("\"{text}\""),
    }
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("it starts with one");
        if line.is_empty() {
            line.push_str(word);
        } else if line.len() + 1 + word.len() <= width {
            let _ = write!(line, " {word}");
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Sources};

    /// The file in the repository is this text; `headwater config example` writes it anew.
    #[test]
    fn the_file_in_the_repository_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/headwater.toml");
        let file =
            std::fs::read_to_string(path).expect("config/headwater.toml is in the repository");
        assert!(file == example(), "run: headwater config example > config/headwater.toml");
    }

    #[test]
    fn every_line_can_be_uncommented() {
        let uncommented: String = example()
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(key) if !key.starts_with(' ') => format!("{key}\n"),
                _ => String::new(),
            })
            .collect();
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("h.toml");
        std::fs::write(&path, &uncommented).expect("a file in it");
        let config = Config::load(Sources { file: Some(path), ..Sources::default() });
        let values = config.expect("valid TOML with known keys").values();
        for value in values.iter() {
            assert_eq!(value.text, value.directive.default, "{}", value.directive.name);
        }
        // `user` is no directive.
        assert_eq!(uncommented.lines().count(), HONOURED.len() + 1);
    }
}
