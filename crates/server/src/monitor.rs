//! MONITOR: every command that is executed, shown to those who ask for it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use engine::{CommandError, Reply};
use protocol::{CommandSpec, Flags, ReplyMode};

use crate::client::{Client, Socket};
use crate::core::Core;
use crate::execute::{Executor, Outcome};
use crate::push::Message;

/// What stands for a password.
const REDACTED: &[u8] = b"(redacted)";

/// Who a command came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The client itself.
    Client,
    /// A script that it runs.
    Script,
}

impl Core {
    /// A client is shown no more commands.
    pub(crate) fn stop_monitoring(&mut self, client: &Client) {
        if self.monitors.remove(&client.id).is_some() {
            client.facts.monitors.store(false, Ordering::Relaxed);
        }
        self.audience_changed();
    }
}

impl Executor<'_> {
    /// MONITOR. Asked for again, it is not answered again.
    pub(crate) fn monitor(&mut self) -> Outcome {
        if self.in_exec {
            return Outcome::from(CommandError::Fixed(
                "ERR MONITOR isn't allowed for DENY BLOCKING client",
            ));
        }
        if self.core.monitors.insert(self.client.id, Arc::clone(self.client)).is_some() {
            return Outcome::Silent;
        }
        self.client.facts.monitors.store(true, Ordering::Relaxed);
        self.receives();
        self.core.audience_changed();
        Outcome::from(Reply::Ok)
    }

    /// Whether the client is shown the commands of all.
    pub(crate) fn is_monitor(&self) -> bool {
        self.client.facts.monitors.load(Ordering::Relaxed)
    }

    /// Shows a command that was executed to all who monitor. Those of administrators are not shown, as
    /// they may hold secrets.
    pub(crate) fn show(&mut self, spec: &CommandSpec, args: &[&[u8]], source: Source) {
        let hides = spec.flags.contains(Flags::ADMIN) || spec.flags.contains(Flags::SKIP_MONITOR);
        if !hides && !self.core.monitors.is_empty() {
            self.show_to_all(spec, args, source);
        }
    }

    /// Shows a command that runs a script, before the commands of the script.
    pub(crate) fn show_script(&mut self, args: &[&[u8]]) {
        if !self.core.monitors.is_empty()
            && let Ok(spec) = protocol::resolve(args)
        {
            self.show_to_all(spec, args, Source::Client);
        }
    }

    fn show_to_all(&mut self, spec: &CommandSpec, args: &[&[u8]], source: Source) {
        let bytes: usize = args.iter().map(|arg| arg.len()).sum();
        let limit = self.shared.config.settings().output_limits.normal.hard_limit();
        let monitors: Vec<Arc<Client>> = self.core.monitors.values().cloned().collect();
        if limit < bytes {
            // Whoever is shown more than a client may be sent is cut off; it need not be made for that.
            for client in &monitors {
                crate::client_limits::cut_off(client, bytes, &self.shared.stats);
            }
            return;
        }
        let message = Message::line(self.line(spec, args, source));
        // Lines are replies: they are silenced with them (CLIENT REPLY).
        let skipped = self.session.reply_mode == ReplyMode::Skip && self.session.skip_next;
        let skipped = skipped.then_some(self.client.id);
        let hears = |client: &&Arc<Client>| {
            !client.facts.silent.load(Ordering::Relaxed) && skipped != Some(client.id)
        };
        for client in monitors.iter().filter(hears) {
            self.push(client, &message);
        }
    }

    fn line(&self, spec: &CommandSpec, args: &[&[u8]], source: Source) -> Vec<u8> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let place = match (source, &self.client.socket) {
            (Source::Script, _) => "lua".to_owned(),
            (Source::Client, Socket::Unix(_)) => {
                let path = self.client.addr.strip_suffix(":0").unwrap_or(&self.client.addr);
                format!("unix:{path}")
            }
            (Source::Client, _) => self.client.addr.clone(),
        };
        let (seconds, micros, db) = (now.as_secs(), now.subsec_micros(), self.session.db);
        let mut line = format!("+{seconds}.{micros:06} [{db} {place}]").into_bytes();
        let secrets = secrets(spec, args);
        for (at, arg) in args.iter().enumerate() {
            line.push(b' ');
            quote(if secrets.contains(&at) { REDACTED } else { arg }, &mut line);
        }
        line.extend_from_slice(b"\r\n");
        line
    }
}

/// The arguments that are passwords, and the users they belong to.
fn secrets(spec: &CommandSpec, args: &[&[u8]]) -> std::ops::Range<usize> {
    match spec.name {
        "auth" => 1..args.len(),
        "hello" => {
            let auth = args.iter().position(|arg| arg.eq_ignore_ascii_case(b"auth"));
            auth.map_or(0..0, |at| at + 1..at + 3)
        }
        _ => 0..0,
    }
}

/// Appends a string in quotes, with all that is not printable escaped.
fn quote(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x07 => out.extend_from_slice(b"\\a"),
            0x08 => out.extend_from_slice(b"\\b"),
            b' '..=b'~' => out.push(byte),
            _ => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
                out.extend_from_slice(&[b'\\', b'x', DIGITS[high], DIGITS[low]]);
            }
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_printable_is_escaped() {
        let mut out = Vec::new();
        quote(b"a \"b\" \\ \n\r\t\x07\x08\x00\xff'", &mut out);
        let expected = r#""a \"b\" \\ \n\r\t\a\b\x00\xff'""#;
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }

    #[test]
    fn passwords_are_no_part_of_a_line() {
        let check = |request: &[&[u8]], expected| {
            let spec = protocol::resolve(request).expect("a request");
            assert_eq!(secrets(spec, request), expected);
        };
        check(&[b"AUTH", b"secret"], 1..2);
        check(&[b"auth", b"user", b"secret"], 1..3);
        check(&[b"HELLO", b"3", b"AUTH", b"user", b"secret", b"SETNAME", b"x"], 3..5);
        check(&[b"HELLO", b"3"], 0..0);
        check(&[b"GET", b"auth"], 0..0);
    }
}
