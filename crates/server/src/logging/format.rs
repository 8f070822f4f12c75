//! The forms of a log line.

use std::fmt::{self, Write};

use jiff::Zoned;
use tracing::Level;
use tracing::field::{Field, Visit};

use crate::config::LogFormat;

/// Message and fields of an event, as they came: nothing is escaped yet.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) message: String,
    pub(super) fields: Vec<(&'static str, String)>,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record(field, value.to_owned());
    }
}

impl Line {
    fn record(&mut self, field: &Field, value: String) {
        match field.name() {
            "message" => self.message = value,
            name => self.fields.push((name, value)),
        }
    }
}

/// How lines look on this sink.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    pub(super) format: LogFormat,
    /// The journal adds the time, and takes the priority from a prefix.
    pub(super) journal: bool,
    /// Escape codes for the level.
    pub(super) colour: bool,
}

impl Style {
    /// The line with its line feed.
    pub(super) fn render(self, level: Level, line: &Line, now: &Zoned) -> String {
        let mut out = String::with_capacity(128);
        if self.journal {
            let _ = write!(out, "<{}>", priority(level));
        }
        match self.format {
            LogFormat::Text => self.text(&mut out, level, line, now),
            LogFormat::Logfmt => logfmt(&mut out, level, line, now),
            LogFormat::Json => json(&mut out, level, line, now),
            LogFormat::Redis => redis(&mut out, level, line, now),
        }
        out.push('\n');
        out
    }

    fn text(self, out: &mut String, level: Level, line: &Line, now: &Zoned) {
        if !self.journal {
            let _ = write!(out, "{} ", now.strftime("%Y-%m-%d %H:%M:%S.%3f%:z"));
        }
        let (on, off) = if self.colour { (colour(level), "\x1b[0m") } else { ("", "") };
        let _ = write!(out, "{on}{:5}{off} ", level.as_str());
        escape(&line.message, out);
        fields(out, line);
    }
}

/// syslog(3)'s number of a level.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG | Level::TRACE => "\x1b[2m",
    }
}

fn logfmt(out: &mut String, level: Level, line: &Line, now: &Zoned) {
    let level = level.as_str().to_ascii_lowercase();
    let _ = write!(out, "ts={} level={level} msg=", now.timestamp());
    quote(&line.message, out);
    fields(out, line);
}

fn json(out: &mut String, level: Level, line: &Line, now: &Zoned) {
    let string = |text: &str| serde_json::Value::from(text);
    let _ = write!(
        out,
        "{{\"ts\":\"{}\",\"level\":\"{}\",\"msg\":{}",
        now.timestamp(),
        level.as_str().to_ascii_lowercase(),
        string(&line.message)
    );
    for (name, value) in &line.fields {
        let _ = write!(out, ",{}:{}", string(name), string(value));
    }
    out.push('}');
}

fn redis(out: &mut String, level: Level, line: &Line, now: &Zoned) {
    let mark = match level {
        Level::ERROR | Level::WARN => '#',
        Level::INFO => '*',
        Level::DEBUG => '-',
        Level::TRACE => '.',
    };
    let time = now.strftime("%d %b %Y %H:%M:%S.%3f");
    let _ = write!(out, "{}:M {time} {mark} ", std::process::id());
    escape(&line.message, out);
    fields(out, line);
}

fn fields(out: &mut String, line: &Line) {
    for (name, value) in &line.fields {
        let _ = write!(out, " {name}=");
        quote(value, out);
    }
}

/// A value in quotes where it needs them to stay one word.
fn quote(text: &str, out: &mut String) {
    let is_plain =
        |c: char| !c.is_control() && !c.is_whitespace() && c != '"' && c != '=' && c != '\\';
    if !text.is_empty() && text.chars().all(is_plain) {
        out.push_str(text);
        return;
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c => escape_char(c, out),
        }
    }
    out.push('"');
}

fn escape(text: &str, out: &mut String) {
    text.chars().for_each(|c| escape_char(c, out));
}

/// Control characters would end the line or drive the terminal; so would the separators that some
/// viewers take for line ends, and the marks that turn the direction of the text.
fn escape_char(c: char, out: &mut String) {
    let is_harmful = c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if is_harmful {
        out.extend(c.escape_default());
    } else {
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: LogFormat, journal: bool, level: Level, line: &Line, expected: &str) {
        let now: Zoned = "2026-11-20T09:43:00.457+01:00[Europe/Paris]".parse().expect("a time");
        let style = Style { format, journal, colour: false };
        let expected = expected.replace("PID", &std::process::id().to_string());
        assert_eq!(style.render(level, line, &now), format!("{expected}\n"));
    }

    #[test]
    fn each_format_has_its_form() {
        let line = Line {
            message: "Ready to accept connections".to_owned(),
            fields: vec![("port", "6379".to_owned()), ("dir", "my data".to_owned())],
        };
        check(
            LogFormat::Text,
            false,
            Level::INFO,
            &line,
            "2026-11-20 09:43:00.457+01:00 INFO  Ready to accept connections port=6379 dir=\"my data\"",
        );
        check(
            LogFormat::Text,
            true,
            Level::WARN,
            &line,
            "<4>WARN  Ready to accept connections port=6379 dir=\"my data\"",
        );
        check(
            LogFormat::Logfmt,
            false,
            Level::INFO,
            &line,
            "ts=2026-11-20T08:43:00.457Z level=info msg=\"Ready to accept connections\" port=6379 dir=\"my data\"",
        );
        check(
            LogFormat::Json,
            false,
            Level::ERROR,
            &line,
            r#"{"ts":"2026-11-20T08:43:00.457Z","level":"error","msg":"Ready to accept connections","port":"6379","dir":"my data"}"#,
        );
        check(
            LogFormat::Redis,
            false,
            Level::INFO,
            &line,
            "PID:M 20 Nov 2026 09:43:00.457 * Ready to accept connections port=6379 dir=\"my data\"",
        );
    }

    #[test]
    fn nothing_that_a_client_sends_forges_a_line_or_drives_the_terminal() {
        let line = Line {
            message: "name a\r\n1:M # all data lost\x1b[2J".to_owned(),
            fields: vec![("name", "x\" level=error\n\u{202e}".to_owned())],
        };
        for format in [LogFormat::Text, LogFormat::Logfmt, LogFormat::Json, LogFormat::Redis] {
            let style = Style { format, journal: false, colour: false };
            let text = style.render(Level::INFO, &line, &Zoned::now());
            let (line, rest) = text.split_at(text.len() - 1);
            assert_eq!(rest, "\n");
            assert!(!line.chars().any(char::is_control), "{format:?}: {line:?}");
        }
        check(
            LogFormat::Logfmt,
            false,
            Level::INFO,
            &line,
            r#"ts=2026-11-20T08:43:00.457Z level=info msg="name a\r\n1:M # all data lost\u{1b}[2J" name="x\" level=error\n\u{202e}""#,
        );
    }
}
