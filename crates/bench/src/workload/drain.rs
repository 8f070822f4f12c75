//! Consumers: a group reads a stream to its end and acknowledges everything.

use anyhow::{Result, ensure};
use support::{Value, encode, encode_into, parse};

use super::fill::{self, Ids};
use super::{Run, measure};
use crate::load::{self, Traffic};
use crate::report::Row;
use crate::target::Fsync;

const KEY: &str = "drain";
const GROUP: &str = "group";
const CONSUMERS: usize = 8;
const COUNT: &str = "100";

/// Entries per second through XREADGROUP COUNT 100 and XACK, each a round trip of its own.
pub(super) fn run(run: &Run<'_>, name: &str) -> Result<Vec<Row>> {
    let (_dir, target) = run.start(Fsync::Always)?;
    let entries = run.scale.drain_entries;
    fill::one_stream(&target, KEY, entries, Ids::Known)?;
    let mut client = target.connect()?;
    client.ok(&["XGROUP", "CREATE", KEY, GROUP, "0"]);

    let mut consumers = Consumers {
        states: (0..CONSUMERS).map(|_| Consumer { acks: None, is_done: false }).collect(),
        reads: (0..CONSUMERS).map(read_request).collect(),
        acknowledged: 0,
    };
    let measured = measure(&target, || {
        let load = load::run(target.address, CONSUMERS, None, &mut consumers)?;
        Ok((entries, load.elapsed, load.latency))
    })?;

    ensure!(
        consumers.acknowledged == entries,
        "{} of {entries} entries acknowledged",
        consumers.acknowledged
    );
    let pending = client.ok(&["XPENDING", KEY, GROUP]).array();
    ensure!(pending.first() == Some(&Value::Int(0)), "entries are pending: {pending:?}");
    let groups = client.ok(&["XINFO", "GROUPS", KEY]).array();
    let last = groups[0].field("last-delivered-id").text();
    ensure!(last == fill::id_of(entries - 1), "last delivered is {last}");
    target.stop()?;
    Ok(vec![measured.row(name, "entries/s")])
}

fn read_request(consumer: usize) -> Vec<u8> {
    let consumer = format!("consumer-{consumer}");
    encode(&["XREADGROUP", "GROUP", GROUP, &consumer, "COUNT", COUNT, "STREAMS", KEY, ">"])
}

struct Consumer {
    /// The XACK for what was just read.
    acks: Option<Vec<u8>>,
    is_done: bool,
}

struct Consumers {
    states: Vec<Consumer>,
    reads: Vec<Vec<u8>>,
    acknowledged: u64,
}

impl Traffic for Consumers {
    fn batch(&mut self, connection: usize, out: &mut Vec<u8>) -> u32 {
        let consumer = &mut self.states[connection];
        if consumer.is_done {
            return 0;
        }
        match consumer.acks.take() {
            Some(acks) => out.extend_from_slice(&acks),
            None => out.extend_from_slice(&self.reads[connection]),
        }
        1
    }

    fn reply(&mut self, connection: usize, reply: &[u8]) -> Result<()> {
        let consumer = &mut self.states[connection];
        if reply[0] == b':' {
            let (value, _) = parse(reply).expect("a whole reply");
            self.acknowledged += u64::try_from(value.int())?;
            return Ok(());
        }
        let ids = entry_ids(reply);
        if ids.is_empty() {
            consumer.is_done = true;
            return Ok(());
        }
        let mut acks = Vec::with_capacity(ids.len() * 24 + 64);
        let mut arguments: Vec<&[u8]> = vec![b"XACK", KEY.as_bytes(), GROUP.as_bytes()];
        arguments.extend(ids);
        encode_into(&mut acks, &arguments);
        consumer.acks = Some(acks);
        Ok(())
    }
}

/// The IDs in an answer of XREADGROUP on one stream, found by their shape: an array of two that
/// begins with a bulk string. The reply is only walked: with a hundred entries in each, building
/// it would cost more than the server's work.
pub(super) fn entry_ids(reply: &[u8]) -> Vec<&[u8]> {
    let mut ids = Vec::with_capacity(100);
    // *1, *2, $key, *n, and then per entry *2, $id, *fields.
    let mut at = 0;
    let Some((streams, len)) = header(reply, at) else { return ids };
    if streams != 1 {
        return ids;
    }
    at += len;
    at += header(reply, at).map_or(0, |(_, len)| len);
    at += support::skip(&reply[at..]).unwrap_or(0);
    let Some((entries, len)) = header(reply, at) else { return ids };
    at += len;
    for _ in 0..entries {
        let Some((_, pair)) = header(reply, at) else { break };
        at += pair;
        let Some((id_len, prefix)) = header(reply, at) else { break };
        at += prefix;
        ids.push(&reply[at..at + id_len]);
        at += id_len + 2;
        at += support::skip(&reply[at..]).unwrap_or(0);
    }
    ids
}

/// The number behind the type byte at `at`, and the length of the line. `None` for a null.
pub(super) fn header(reply: &[u8], at: usize) -> Option<(usize, usize)> {
    let line = &reply[at + 1..];
    let end = line.iter().position(|byte| *byte == b'\r')?;
    let number = std::str::from_utf8(&line[..end]).ok()?.parse().ok()?;
    Some((number, end + 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reply: &str, expected: &[&str]) {
        let ids = entry_ids(reply.as_bytes());
        assert_eq!(ids, expected.iter().map(|id| id.as_bytes()).collect::<Vec<_>>());
    }

    #[test]
    fn ids_of_a_group_read() {
        check("*-1\r\n", &[]);
        check(
            "*1\r\n*2\r\n$1\r\nk\r\n*2\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n\
             *2\r\n$4\r\n22-1\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n",
            &["1-1", "22-1"],
        );
    }
}
