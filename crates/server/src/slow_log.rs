//! The slow log: the newest commands that took long, with shortened arguments.

use std::collections::VecDeque;

use bytes::Bytes;
use engine::Reply;

use crate::secrets;

/// Arguments kept of one command; the last place tells how many more there were.
const ARGUMENTS_MAX: usize = 32;

/// Bytes kept of one argument.
const ARGUMENT_BYTES_MAX: usize = 128;

/// Commands that took long, the newest first.
#[derive(Debug, Default)]
pub(crate) struct SlowLog {
    entries: VecDeque<Entry>,
    /// Numbers go on over a reset, so that a reader sees that it has missed nothing.
    next_number: u64,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    at_seconds: u64,
    micros: u64,
    arguments: Vec<Bytes>,
    address: Bytes,
    client_name: Bytes,
}

/// A command that took long.
#[derive(Debug)]
pub(crate) struct Slow<'a> {
    /// Full name in the command table.
    pub(crate) command: &'static str,
    pub(crate) args: &'a [&'a [u8]],
    /// When it was run, Unix seconds.
    pub(crate) at_seconds: u64,
    pub(crate) micros: u64,
    pub(crate) address: &'a str,
    pub(crate) client_name: &'a [u8],
}

impl SlowLog {
    /// Notes a command, and forgets the oldest beyond `max`.
    pub(crate) fn note(&mut self, slow: &Slow<'_>, max: usize) {
        let entry = Entry {
            number: self.next_number,
            at_seconds: slow.at_seconds,
            micros: slow.micros,
            arguments: shortened(slow.command, slow.args),
            address: Bytes::copy_from_slice(slow.address.as_bytes()),
            client_name: Bytes::copy_from_slice(slow.client_name),
        };
        self.next_number += 1;
        self.entries.push_front(entry);
        self.entries.truncate(max);
    }

    /// The newest entries, at most `count`.
    pub(crate) fn newest(&self, count: Option<usize>) -> Reply {
        let entries = self.entries.iter().take(count.unwrap_or(usize::MAX));
        Reply::Array(entries.map(Entry::reply).collect())
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn clear(&mut self) {
        self.entries = VecDeque::new();
    }
}

impl Entry {
    fn reply(&self) -> Reply {
        Reply::Array(vec![
            Reply::count(self.number),
            Reply::count(self.at_seconds),
            Reply::count(self.micros),
            Reply::Array(self.arguments.iter().cloned().map(Reply::Bulk).collect()),
            Reply::Bulk(self.address.clone()),
            Reply::Bulk(self.client_name.clone()),
        ])
    }
}

/// The arguments as they are kept: few, short, and without secrets.
fn shortened(command: &str, args: &[&[u8]]) -> Vec<Bytes> {
    let kept = if args.len() <= ARGUMENTS_MAX { args.len() } else { ARGUMENTS_MAX - 1 };
    let mut shown: Vec<Bytes> = args[..kept]
        .iter()
        .enumerate()
        .map(|(at, arg)| match secrets::is_secret(command, args, at) {
            true => Bytes::from_static(secrets::REDACTED),
            false => shortened_argument(arg),
        })
        .collect();
    if kept < args.len() {
        shown.push(Bytes::from(format!("... ({} more arguments)", args.len() - kept)));
    }
    shown
}

fn shortened_argument(arg: &[u8]) -> Bytes {
    let Some(rest) = arg.len().checked_sub(ARGUMENT_BYTES_MAX).filter(|rest| 0 < *rest) else {
        return Bytes::copy_from_slice(arg);
    };
    let mut shown = arg[..ARGUMENT_BYTES_MAX].to_vec();
    shown.extend_from_slice(format!("... ({rest} more bytes)").as_bytes());
    Bytes::from(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(args: &[Bytes]) -> Vec<String> {
        args.iter().map(|arg| String::from_utf8_lossy(arg).into_owned()).collect()
    }

    #[test]
    fn arguments_are_few_and_short() {
        let many: Vec<&[u8]> = vec![b"x"; 40];
        let shown = words(&shortened("del", &many));
        assert_eq!(shown.len(), 32);
        assert_eq!(shown[31], "... (9 more arguments)");
        assert_eq!(shortened("del", &many[..32]).len(), 32);
        let long = vec![b'y'; 130];
        let shown = words(&shortened("get", &[b"get", &long]));
        assert_eq!(shown[1], format!("{}... (2 more bytes)", "y".repeat(128)));
        assert_eq!(shortened("get", &[&long[..128]])[0].len(), 128);
    }

    #[test]
    fn the_newest_are_kept_and_numbers_go_on() {
        let mut log = SlowLog::default();
        let note = |log: &mut SlowLog, micros| {
            let args: [&[u8]; 1] = [b"ping"];
            let slow = Slow {
                command: "ping",
                args: &args,
                at_seconds: 5,
                micros,
                address: "1.2.3.4:5",
                client_name: b"me",
            };
            log.note(&slow, 2);
        };
        (10..13).for_each(|micros| note(&mut log, micros));
        assert_eq!(log.len(), 2);
        let Reply::Array(entries) = log.newest(Some(1)) else { panic!("an array") };
        let expected = Reply::Array(vec![
            Reply::Integer(2),
            Reply::Integer(5),
            Reply::Integer(12),
            Reply::Array(vec![Reply::text("ping")]),
            Reply::text("1.2.3.4:5"),
            Reply::text("me"),
        ]);
        assert_eq!(entries, [expected]);
        log.clear();
        note(&mut log, 1);
        let Reply::Array(entries) = log.newest(None) else { panic!("an array") };
        let Reply::Array(entry) = &entries[0] else { panic!("an array") };
        assert_eq!(entry[0], Reply::Integer(3));
    }
}
