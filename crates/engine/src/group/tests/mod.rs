//! Tests of the group commands as a client sees them: lines in, replies out.

mod claims;
mod errors;
mod info;
mod lag;
mod model;
mod read_claim;
mod reading;
mod release;

use crate::command::*;
use crate::error::CommandError;
use crate::fields::Fields;
use crate::id::{StreamId, UnixMillis};
use crate::keyspace::Value;
use crate::op::Op;
use crate::stream::Stream;
use crate::{Before, Engine, Reply, Settings};

/// Three entries that Alice of the group `g` has read.
const READ: [&str; 5] = [
    "XADD s 1-0 f 1-0",
    "XADD s 2-0 f 2-0",
    "XADD s 3-0 f 3-0",
    "XGROUP CREATE s g 0",
    "XREADGROUP GROUP g Alice STREAMS s >",
];

/// An engine, its clock, and a twin that sees only what the log would hold.
struct Bench {
    engine: Engine,
    replica: Engine,
    now: UnixMillis,
    version: u64,
}

impl Bench {
    fn new() -> Self {
        let engine = || Engine::new(Settings::default(), 1);
        Self { engine: engine(), replica: engine(), now: 1_000_000, version: 0 }
    }

    /// A bench on which these lines have run without an error.
    fn after(lines: &[&str]) -> Self {
        let mut bench = Self::new();
        for line in lines {
            let reply = bench.run(line);
            assert!(!reply.starts_with(['!']), "{line}: {reply}");
        }
        bench
    }

    /// A bench after [`READ`].
    fn read() -> Self {
        Self::after(&READ)
    }

    fn check(&mut self, line: &str, expected: &str) {
        assert_eq!(self.run(line), expected, "{line}");
    }

    /// Runs one command line and writes its reply as text. A refusal begins with `!`.
    fn run(&mut self, line: &str) -> String {
        let words: Vec<&[u8]> = line.split(' ').map(unquote).collect();
        let fields = &words[words.len().min(3)..];
        let command = parse(&words, fields);
        self.execute(&command).0
    }

    /// Decides and applies; also tells whether the command would wait.
    fn execute(&mut self, command: &Command<'_>) -> (String, bool) {
        let context = Context { db: 0, now: self.now };
        let decision = match self.engine.decide(command, context) {
            Ok(decision) => decision,
            Err(error) => {
                return (format!("!{}", String::from_utf8_lossy(&error.text())), false);
            }
        };
        self.version += 1;
        // An entry range holds what it needs: it must not matter that it is read after the change.
        let reply = decision.reply;
        for op in &decision.ops {
            self.engine.apply(op, self.version);
            if op.is_recorded() {
                self.replica.apply(op, self.version);
            }
        }
        (text_of(&reply), decision.wait.is_some())
    }

    /// The operations that a line comes to, without applying them.
    fn operations(&self, line: &str) -> usize {
        let words: Vec<&[u8]> = line.split(' ').map(unquote).collect();
        let fields = &words[words.len().min(3)..];
        let context = Context { db: 0, now: self.now };
        let decision = self.engine.decide(&parse(&words, fields), context).expect("no refusal");
        decision.ops.iter().filter(|op| Op::is_recorded(op)).count()
    }
}

/// The stream `s`, if there is one.
fn stream(engine: &Engine) -> Option<&Stream> {
    match &engine.dbs[0].entry(b"s")?.value {
        Value::Stream(stream) => Some(stream),
        _ => None,
    }
}

/// The groups of the stream `s` as text.
fn groups(engine: &Engine) -> Vec<String> {
    let groups = stream(engine).into_iter().flat_map(|stream| &stream.groups);
    groups.flat_map(|(name, group)| group.items(name)).map(|item| format!("{item:?}")).collect()
}

/// `''` is the empty string.
fn unquote(word: &str) -> &[u8] {
    if word == "''" { b"" } else { word.as_bytes() }
}

fn text_of(reply: &Reply) -> String {
    let list = |parts: Vec<String>| format!("[{}]", parts.join(" "));
    match reply {
        Reply::Ok => "OK".to_owned(),
        Reply::Nil | Reply::NilArray => "nil".to_owned(),
        Reply::Integer(number) => number.to_string(),
        Reply::Bulk(bytes) if bytes.is_empty() => "''".to_owned(),
        Reply::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Reply::Id(id) => id.to_string(),
        Reply::Array(parts) => list(parts.iter().map(text_of).collect()),
        Reply::Map(pairs) => list(
            pairs
                .iter()
                .map(|(name, value)| format!("{}={}", text_of(name), text_of(value)))
                .collect(),
        ),
        Reply::Streams(streams) => list(
            streams
                .iter()
                .map(|(key, reply)| format!("{}:{}", String::from_utf8_lossy(key), text_of(reply)))
                .collect(),
        ),
        Reply::Entries(range) => {
            let mut parts = Vec::new();
            range
                .visit(|id, pairs| {
                    parts.push(match pairs {
                        None => format!("{id}=nil"),
                        // The tests give every entry the field `f` with its own ID as value.
                        Some(mut pairs) => {
                            let (name, value) = pairs.next().expect("a pair");
                            assert_eq!((name, value), (&b"f"[..], id.to_string().as_bytes()));
                            id.to_string()
                        }
                    });
                })
                .expect("blocks are whole");
            list(parts)
        }
        Reply::Claimed(entries) => {
            let mut parts = Vec::new();
            let visited = entries.visit(|id, _, before| {
                let Before { idle_ms, delivery_count } = before;
                parts.push(format!("{id}({idle_ms},{delivery_count})"));
                std::ops::ControlFlow::Continue(())
            });
            visited.expect("blocks are whole");
            list(parts)
        }
        Reply::Pending(rows) => list(
            rows.iter()
                .map(|row| {
                    let owner = row.owner.as_deref().map_or("''", word);
                    let idle = row.owner.as_ref().map_or(-1, |_| row.idle_ms.cast_signed());
                    format!("[{} {owner} {idle} {}]", row.id, row.delivery_count)
                })
                .collect(),
        ),
        other => panic!("no group command answers {other:?}"),
    }
}

fn word(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("test lines are UTF-8")
}

fn number(bytes: &[u8]) -> i64 {
    word(bytes).parse().expect("a number")
}

fn id(bytes: &[u8]) -> Deferred<StreamId> {
    StreamId::parse(bytes, 0).ok_or(CommandError::InvalidId)
}

fn start(bytes: &[u8]) -> Deferred<GroupStart> {
    if bytes == b"$" { Ok(GroupStart::Last) } else { id(bytes).map(GroupStart::After) }
}

fn bound(bytes: &[u8]) -> StreamId {
    match bytes {
        b"-" => StreamId::MIN,
        b"+" => StreamId::MAX,
        _ => id(bytes).expect("an ID"),
    }
}

/// The value of an option among `words`.
fn option<'a>(words: &[&'a [u8]], name: &str) -> Option<&'a [u8]> {
    let at = words.iter().position(|word| *word == name.as_bytes())?;
    words.get(at + 1).copied()
}

fn has(words: &[&[u8]], name: &str) -> bool {
    words.contains(&name.as_bytes())
}

/// A grammar just large enough for these tests; the real one is `protocol`'s.
fn parse<'a>(words: &[&'a [u8]], fields: &'a [&'a [u8]]) -> Command<'a> {
    let entries_read = || option(words, "ENTRIESREAD").and_then(|n| u64::try_from(number(n)).ok());
    match (word(words[0]), &words[1..]) {
        ("SET", &[key, value]) => Command::Set(Set {
            key,
            value,
            condition: SetCondition::Always,
            expiry: SetExpiry::Clear,
            reply: SetReply::Status,
        }),
        ("XADD", &[key, at, ..]) => Command::XAdd(XAdd {
            key,
            id: NewId::Explicit(id(at).expect("an ID")),
            fields: Fields::Borrowed(fields),
            no_make_stream: false,
            trim: None,
        }),
        ("XDEL", &[key, ref ids @ ..]) => {
            Command::XDel { key, ids: ids.iter().map(|text| id(text)).collect() }
        }
        ("XTRIM", &[key, b"MAXLEN", count]) => Command::XTrim {
            key,
            trim: Trim {
                keep: TrimKeep::MaxLen(number(count).unsigned_abs()),
                precision: TrimPrecision::Exact,
                references: References::Keep,
            },
        },
        ("XSETID", &[key, last, added, deleted]) => Command::XSetId {
            key,
            last_id: id(last).expect("an ID"),
            entries_added: Some(number(added).unsigned_abs()),
            max_deleted_id: Some(id(deleted).expect("an ID")),
        },
        ("XGROUP", &[b"CREATE", key, group, from, ..]) => Command::XGroupCreate {
            key,
            group,
            from: start(from),
            make_stream: has(words, "MKSTREAM"),
            entries_read: entries_read(),
        },
        ("XGROUP", &[b"SETID", key, group, from, ..]) => {
            Command::XGroupSetId { key, group, from: start(from), entries_read: entries_read() }
        }
        ("XGROUP", &[b"DESTROY", key, group]) => Command::XGroupDestroy { key, group },
        ("XGROUP", &[b"CREATECONSUMER", key, group, consumer]) => {
            Command::XGroupCreateConsumer { key, group, consumer }
        }
        ("XGROUP", &[b"DELCONSUMER", key, group, consumer]) => {
            Command::XGroupDelConsumer { key, group, consumer }
        }
        ("XREADGROUP", &[b"GROUP", group, consumer, ref rest @ ..]) => {
            let at = rest.iter().position(|word| *word == b"STREAMS").expect("STREAMS") + 1;
            let (keys, ids) = rest[at..].split_at((rest.len() - at) / 2);
            let from = |text: &[u8]| match text {
                b">" => Ok(GroupReadFrom::New),
                _ => id(text).map(GroupReadFrom::HistoryAfter),
            };
            let count = option(&rest[..at], "COUNT").map(|n| number(n).unsigned_abs());
            Command::XReadGroup(XReadGroup {
                group,
                consumer,
                streams: keys.iter().zip(ids).map(|(key, text)| (*key, from(text))).collect(),
                limits: ReadLimits::count(count),
                block_ms: option(&rest[..at], "BLOCK").map(|n| number(n).unsigned_abs()),
                no_ack: has(&rest[..at], "NOACK"),
                claim_idle_min_ms: option(&rest[..at], "CLAIM").map(|n| number(n).unsigned_abs()),
            })
        }
        ("XACK", &[key, group, ref ids @ ..]) => {
            Command::XAck { key, group, ids: ids.iter().map(|text| id(text)).collect() }
        }
        ("XNACK", &[key, group, mode, ref rest @ ..]) => {
            let end = rest.iter().position(|word| id(word).is_err()).unwrap_or(rest.len());
            let release = Release {
                mode: match mode {
                    b"SILENT" => ReleaseMode::Silent,
                    b"FAIL" => ReleaseMode::Fail,
                    _ => ReleaseMode::Fatal,
                },
                count: option(rest, "RETRYCOUNT").map(|n| number(n).unsigned_abs()),
                force: has(rest, "FORCE"),
                ids: rest[..end].iter().map(|text| id(text)).collect(),
            };
            Command::XNack { key, group, release: Ok(release) }
        }
        ("XPENDING", &[key, group]) => Command::XPending { key, group, range: None },
        ("XPENDING", &[key, group, ref rest @ ..]) => {
            let (idle_min_ms, rest) = match rest {
                [b"IDLE", ms, rest @ ..] => (number(ms).unsigned_abs(), rest),
                rest => (0, rest),
            };
            let range = Some(PendingRange {
                range: IdRange { start: bound(rest[0]), end: bound(rest[1]) },
                count: number(rest[2]),
                consumer: rest.get(3).copied(),
                idle_min_ms,
            });
            Command::XPending { key, group, range }
        }
        ("XCLAIM", &[key, group, consumer, idle, ref rest @ ..]) => {
            Command::XClaim { key, group, consumer, claim: claim(idle, rest) }
        }
        ("XAUTOCLAIM", &[key, group, consumer, idle, start, ref rest @ ..]) => {
            Command::XAutoClaim(XAutoClaim {
                key,
                group,
                consumer,
                idle_min_ms: number(idle).unsigned_abs(),
                start: bound(start),
                count: option(rest, "COUNT").map_or(100, |n| number(n).unsigned_abs()),
                just_id: has(rest, "JUSTID"),
            })
        }
        ("XINFO", &[b"GROUPS", key]) => Command::XInfoGroups { key },
        ("XINFO", &[b"CONSUMERS", key, group]) => Command::XInfoConsumers { key, group },
        (name, rest) => panic!("no grammar for {name} with {} arguments", rest.len()),
    }
}

fn claim(idle: &[u8], rest: &[&[u8]]) -> Deferred<Claim> {
    let ids = rest.iter().map_while(|text| id(text).ok()).collect();
    let delivery_time = match (option(rest, "IDLE"), option(rest, "TIME")) {
        (Some(ms), _) => ClaimTime::Idle(number(ms)),
        (None, Some(time)) => ClaimTime::At(number(time)),
        (None, None) => ClaimTime::Now,
    };
    Ok(Claim {
        idle_min_ms: number(idle).unsigned_abs(),
        ids,
        delivery_time,
        delivery_count: option(rest, "RETRYCOUNT").and_then(|n| u64::try_from(number(n)).ok()),
        force: has(rest, "FORCE"),
        just_id: has(rest, "JUSTID"),
        last_id: option(rest, "LASTID").map(|text| id(text).expect("an ID")),
    })
}
