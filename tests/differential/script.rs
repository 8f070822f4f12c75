//! What is played: steps on numbered connections, printed so that `redis-cli` can replay them.

use std::fmt;

/// One argument of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Argument {
    /// These bytes.
    Bytes(Vec<u8>),
    /// The n-th generated ID that this server answered: two servers draw different ones.
    AutoId(usize),
    /// What CLIENT ID says on connection n.
    ClientId(usize),
}

/// A command and its arguments.
pub(crate) type Words = Vec<Argument>;

/// One step of a script.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Commands in one write, one after another.
    Commands(usize, Vec<Words>),
    /// One command as a line of text.
    Inline(usize, Words),
    /// SCAN, HSCAN or SSCAN from cursor 0 to its end; the words hold `0` where the cursor stands. Orders
    /// and cursors are each server's own, so the elements are compared as a set.
    Scan(usize, Words),
    /// Lets a key expire and waits until it is gone on both servers.
    Expire(usize, Vec<u8>),
    /// These bytes on a connection of their own, and all that comes until its end.
    Raw(Vec<u8>),
}

/// A script: what it needs and its steps.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// `stream-node-max-entries` of both servers.
    pub(crate) block_entries_max: u64,
    /// Connections that the steps use.
    pub(crate) connections: usize,
    /// What is played, in order.
    pub(crate) steps: Vec<Step>,
}

impl Script {
    /// Commands in all steps.
    pub(crate) fn commands(&self) -> usize {
        let count = |step: &Step| match step {
            Step::Commands(_, commands) => commands.len(),
            _ => 1,
        };
        self.steps.iter().map(count).sum()
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "CONFIG SET stream-node-max-bytes 0")?;
        writeln!(f, "CONFIG SET stream-node-max-entries {}", self.block_entries_max)?;
        let mut last = 0;
        for step in &self.steps {
            if let Step::Commands(to, _) | Step::Inline(to, _) = step
                && *to != last
            {
                writeln!(f, "# connection {to}")?;
                last = *to;
            }
            write!(f, "{step}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Commands(_, commands) => {
                if commands.len() > 1 {
                    writeln!(f, "# the next {} in one write", commands.len())?;
                }
                commands.iter().try_for_each(|words| writeln!(f, "{}", Line(words)))
            }
            Self::Inline(_, words) => writeln!(f, "{}", Line(words)),
            Self::Scan(_, words) => writeln!(f, "{}", Line(words)),
            Self::Expire(_, key) => {
                writeln!(f, "PEXPIRE \"{}\" 1", key.escape_ascii())?;
                writeln!(f, "# wait until it is gone")
            }
            Self::Raw(bytes) => writeln!(f, "# raw bytes: {}", bytes.escape_ascii()),
        }
    }
}

/// A command in the syntax of `redis-cli`, which is that of inline commands as well.
pub(crate) struct Line<'a>(pub(crate) &'a [Argument]);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, word) in self.0.iter().enumerate() {
            if at > 0 {
                write!(f, " ")?;
            }
            match word {
                Argument::Bytes(bytes) => write!(f, "{}", quoted(bytes))?,
                Argument::AutoId(number) => write!(f, "<auto-{number}>")?,
                Argument::ClientId(connection) => write!(f, "<client-id-of-{connection}>")?,
            }
        }
        Ok(())
    }
}

/// An argument as `redis-cli` and inline commands take it.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
    if !bytes.is_empty() && bytes.iter().all(is_plain) {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let escaped = |byte: &u8| match byte {
        b'"' | b'\\' => format!("\\{}", char::from(*byte)),
        b' '..=b'~' => char::from(*byte).to_string(),
        other => format!("\\x{other:02x}"),
    };
    format!("\"{}\"", bytes.iter().map(escaped).collect::<String>())
}
