//! DUMP and RESTORE: every type there and back, and payloads that are no value.

use engine::*;
use proptest::prelude::*;

const NOW: u64 = 1_000_000;

/// An engine, and its log as a second engine has read it.
struct Pair {
    engine: Engine,
    twin: Engine,
    version: u64,
}

impl Pair {
    fn new() -> Self {
        let settings = Settings { block_entries_max: 4, ..Settings::default() };
        Self { engine: Engine::new(settings, 1), twin: Engine::new(settings, 2), version: 0 }
    }

    fn run(&mut self, command: &Command<'_>) -> Result<Reply, CommandError> {
        let decision = self.engine.decide(command, Context { db: 0, now: NOW })?;
        let config = bincode::config::standard();
        for op in &decision.ops {
            self.version += 1;
            let bytes = bincode::serde::encode_to_vec(op, config).unwrap();
            let (same, _): (Op<'_>, _) =
                bincode::serde::borrow_decode_from_slice(&bytes, config).unwrap();
            self.engine.apply(op, self.version);
            self.twin.apply(&same, self.version);
        }
        Ok(decision.reply)
    }

    fn ok(&mut self, command: &Command<'_>) {
        self.run(command).unwrap();
    }

    fn dump(&mut self, key: &[u8]) -> Vec<u8> {
        match self.run(&Command::Dump { key }).unwrap() {
            Reply::Bulk(bytes) => bytes.to_vec(),
            other => panic!("no payload of {}: {other:?}", key.escape_ascii()),
        }
    }

    fn restore(&mut self, key: &[u8], payload: &[u8]) -> Result<Reply, CommandError> {
        self.run(&Command::Restore(restore(key, payload)))
    }

    fn check_twins(&self) {
        let image =
            |engine: &Engine| engine.image().map(|item| format!("{item:?}")).collect::<Vec<_>>();
        assert_eq!(image(&self.engine), image(&self.twin));
    }
}

fn restore<'a>(key: &'a [u8], payload: &'a [u8]) -> Restore<'a> {
    Restore { key, ttl: Ok(0), payload, replace: true, absolute: false, idle_s: None }
}

/// Keys of every type: a stream in several blocks, with holes, groups, released entries and producers.
fn filled() -> Pair {
    let mut pair = Pair::new();
    let set = |key: &'static [u8], value: &'static [u8]| {
        let (condition, expiry) = (SetCondition::Always, SetExpiry::Clear);
        Command::Set(Set { key, value, condition, expiry, reply: SetReply::Status })
    };
    pair.ok(&set(b"string", b"text \0\r\n\xff"));
    pair.ok(&set(b"number", b"-17"));
    pair.ok(&Command::HSet { key: b"hash", pairs: &[b"a", b"1", b"b", b""], legacy_reply: false });
    let values: [&[u8]; 3] = [b"x", b"", b"x"];
    pair.ok(&Command::LPush {
        key: b"list",
        end: ListEnd::Right,
        values: &values,
        only_if_present: false,
    });
    pair.ok(&Command::SAdd { key: b"set", members: &[b"7", b"-3"] });
    pair.ok(&Command::SAdd { key: b"words", members: &[b"seven", b""] });
    pair.ok(&Command::ZAdd(ZAdd {
        key: b"sorted",
        condition: ZAddCondition::default(),
        count_changed: false,
        increment: false,
        pairs: vec![(1.5, b"a"), (f64::NEG_INFINITY, b""), (0.0, b"zero")],
    }));
    for ms in 1..=10 {
        let strings: [&[u8]; 4] = [b"f", b"value", b"", b"\xff"];
        let xadd = XAdd {
            key: b"stream",
            id: NewId::Explicit(StreamId::new(ms, 5)),
            fields: Fields::Borrowed(if ms % 3 == 0 { &strings } else { &strings[..2] }),
            no_make_stream: false,
            trim: None,
        };
        pair.ok(&Command::XAdd(xadd));
    }
    let id = |ms| StreamId::new(ms, 5);
    for group in [&b"g"[..], b"quiet"] {
        let (key, from) = (&b"stream"[..], Ok(GroupStart::After(StreamId::MIN)));
        pair.ok(&Command::XGroupCreate {
            key,
            group,
            from,
            make_stream: false,
            entries_read: None,
        });
    }
    pair.ok(&Command::XReadGroup(XReadGroup {
        group: b"g",
        consumer: b"c",
        streams: vec![(b"stream", Ok(GroupReadFrom::New))],
        limits: ReadLimits::count(Some(6)),
        block_ms: None,
        no_ack: false,
        claim_idle_min_ms: None,
    }));
    pair.ok(&Command::XNack {
        key: b"stream",
        group: b"g",
        release: Ok(Release {
            mode: ReleaseMode::Fatal,
            count: None,
            force: true,
            ids: Ok(vec![id(9), id(2)]),
        }),
    });
    pair.ok(&Command::XDel { key: b"stream", ids: Ok(vec![id(1), id(2), id(5)]) });
    pair.ok(&Command::XIdmpRecord { key: b"stream", pid: b"p", iid: b"i", id: id(4) });
    pair
}

const KEYS: [&[u8]; 8] =
    [b"string", b"number", b"hash", b"list", b"set", b"words", b"sorted", b"stream"];

/// What clients see of a key.
fn seen(pair: &mut Pair, key: &[u8]) -> String {
    let full = Command::XInfoStream { key, detail: Ok(InfoDetail::Full { count: None }) };
    let range = IdRange { start: StreamId::MIN, end: StreamId::MAX };
    let entries = Command::XRange { key, range, count: None, order: Order::Ascending };
    let mut text = String::new();
    if let Ok(Reply::Entries(range)) = pair.run(&entries) {
        let visited = range.visit(|id, pairs| {
            let pairs: Vec<_> = pairs.unwrap().map(|(n, v)| [n.to_vec(), v.to_vec()]).collect();
            text += &format!("{id} {pairs:?}\n");
        });
        visited.unwrap();
        let Ok(Reply::Map(fields)) = pair.run(&full) else { panic!("a stream") };
        let is_storage =
            |name: &Reply| matches!(name, Reply::Bulk(name) if name.starts_with(b"radix"));
        let fields = fields
            .iter()
            .filter(|(name, value)| !is_storage(name) && !matches!(value, Reply::Entries(_)));
        text += &format!("{:?}", fields.collect::<Vec<_>>());
        return text;
    }
    let db = pair.engine.image().skip_while(|item| !is_head(item, key)).skip(1);
    let parts = db.take_while(|item| !is_any_head(item));
    parts.for_each(|part| text += &format!("{part:?}"));
    format!("{:?}{text}", pair.run(&Command::Get { key }))
}

fn head_key<'a>(item: &'a Item<'_>) -> Option<&'a [u8]> {
    match item {
        Item::String { key, .. }
        | Item::Hash { key, .. }
        | Item::List { key, .. }
        | Item::Set { key, .. }
        | Item::SortedSet { key, .. }
        | Item::Stream { key, .. } => Some(key),
        _ => None,
    }
}

fn is_head(item: &Item<'_>, key: &[u8]) -> bool {
    head_key(item) == Some(key)
}

fn is_any_head(item: &Item<'_>) -> bool {
    head_key(item).is_some() || *item == Item::End
}

#[test]
fn every_type_comes_back_as_it_was() {
    let mut pair = filled();
    for key in KEYS {
        let payload = pair.dump(key);
        let before = seen(&mut pair, key);
        assert_eq!(pair.restore(b"copy", &payload), Ok(Reply::Ok));
        assert_eq!(seen(&mut pair, b"copy"), before, "{}", key.escape_ascii());
        assert_eq!(pair.dump(b"copy"), payload, "{}", key.escape_ascii());
        pair.check_twins();
    }
}

#[test]
fn a_restored_stream_lives_on() {
    let mut pair = filled();
    let payload = pair.dump(b"stream");
    pair.restore(b"s", &payload).unwrap();
    let fields = Fields::Borrowed(&[b"f", b"v"]);
    let (id, no_make_stream, trim) = (NewId::AutoSeq(10), false, None);
    let xadd = XAdd { key: b"s", id, fields, no_make_stream, trim };
    assert_eq!(pair.run(&Command::XAdd(xadd)), Ok(Reply::Id(StreamId::new(10, 6))));
    let read = Command::XReadGroup(XReadGroup {
        group: b"g",
        consumer: b"d",
        streams: vec![(b"s", Ok(GroupReadFrom::New))],
        limits: ReadLimits::default(),
        block_ms: None,
        no_ack: false,
        claim_idle_min_ms: Some(0),
    });
    let Ok(Reply::Streams(streams)) = pair.run(&read) else { panic!("entries") };
    let Reply::Claimed(entries) = &streams[0].1 else { panic!("claimed entries") };
    // 9-5 was released, 3-5, 4-5 and 6-5 are owed, the rest is new; 2-5 and 5-5 are gone.
    let mut ids = Vec::new();
    let visited = entries.visit(|id, _, _| {
        ids.push(id.ms);
        std::ops::ControlFlow::Continue(())
    });
    visited.unwrap();
    assert_eq!(ids, [9, 3, 4, 6, 7, 8, 9, 10, 10]);
    pair.check_twins();
}

#[test]
fn times_and_what_is_there_already() {
    let mut pair = filled();
    let payload = pair.dump(b"string");
    let busy = CommandError::Fixed("BUSYKEY Target key name already exists.");
    let number = CommandError::NotAnInteger;
    let base = restore(b"k", &payload);
    let check = |pair: &mut Pair, restore: Restore<'_>, expected: Result<(), CommandError>| {
        let got = pair.run(&Command::Restore(restore)).map(|reply| assert_eq!(reply, Reply::Ok));
        assert_eq!(got, expected);
    };
    let ttl = |pair: &mut Pair| {
        let (unit, form) = (TimeUnit::Millis, TtlForm::Remaining);
        pair.run(&Command::Ttl { key: b"k", unit, form }).unwrap()
    };
    check(&mut pair, Restore { replace: false, ..base.clone() }, Ok(()));
    assert_eq!(ttl(&mut pair), Reply::Integer(-1));
    let bad = Err(number.clone());
    check(&mut pair, Restore { replace: false, ttl: bad.clone(), ..base.clone() }, Err(busy));
    check(&mut pair, Restore { ttl: bad, payload: b"x", ..base.clone() }, Err(number));
    check(&mut pair, Restore { ttl: Ok(500), ..base.clone() }, Ok(()));
    assert_eq!(ttl(&mut pair), Reply::Integer(500));
    check(&mut pair, Restore { ttl: Ok(NOW + 7), absolute: true, ..base.clone() }, Ok(()));
    assert_eq!(ttl(&mut pair), Reply::Integer(7));
    check(&mut pair, Restore { ttl: Ok(u64::MAX >> 1), ..base.clone() }, Ok(()));
    check(&mut pair, Restore { ttl: Ok(NOW), absolute: true, ..base.clone() }, Ok(()));
    assert_eq!(ttl(&mut pair), Reply::Integer(-2));
    check(&mut pair, Restore { idle_s: Some(300), ..base }, Ok(()));
    let idle = Command::Object { key: b"k", what: ObjectField::IdleTime };
    assert_eq!(pair.run(&idle), Ok(Reply::Integer(300)));
    assert_eq!(pair.run(&Command::Dump { key: b"none" }), Ok(Reply::Nil));
    pair.check_twins();
}

const FOREIGN: CommandError = CommandError::Fixed("ERR DUMP payload version or checksum are wrong");
const MALFORMED: CommandError = CommandError::Fixed("ERR Bad data format");

#[test]
fn what_is_not_ours_is_refused() {
    let mut pair = filled();
    let payload = pair.dump(b"stream");
    // What Redis 7.0 answers for DUMP of the string "hi".
    let redis = b"\x00\x02hi\x0a\x00\xf2\xd3\x86\x55\xdb\x4f\xe0\x6c";
    for bytes in [&b""[..], b"x", b"HWDUMP", &redis[..], &payload[..payload.len() - 1]] {
        assert_eq!(pair.restore(b"k", bytes), Err(FOREIGN), "{}", bytes.escape_ascii());
    }
    for at in 0..payload.len() {
        let mut damaged = payload.clone();
        damaged[at] ^= 0x10;
        assert_eq!(pair.restore(b"k", &damaged), Err(FOREIGN), "byte {at}");
    }
    assert_eq!(pair.run(&Command::Exists { keys: &[b"k"] }), Ok(Reply::Integer(0)));
}

/// The payload with other content and a checksum that fits.
fn forged(mut payload: Vec<u8>) -> Vec<u8> {
    payload.truncate(payload.len() - 4);
    let checksum = crc32fast::hash(&payload);
    payload.extend_from_slice(&checksum.to_le_bytes());
    payload
}

#[test]
fn parts_that_make_no_value_are_refused() {
    let mut pair = filled();
    let whole = pair.dump(b"stream");
    let second = pair.dump(b"hash");
    let empty = [&whole[..8], &[0; 4]].concat();
    let twice = [&second[..second.len() - 4], &second[8..]].concat();
    let mixed = [&whole[..whole.len() - 4], &second[8..]].concat();
    for bytes in [empty, twice, mixed] {
        assert_eq!(pair.restore(b"k", &forged(bytes)), Err(MALFORMED));
    }
}

proptest! {
    /// Whatever bytes carry a right checksum: they are refused, or they are a value like any other.
    #[test]
    fn forged_payloads_are_refused_or_are_values(
        key in 0..KEYS.len(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..4),
    ) {
        let mut pair = filled();
        let mut payload = pair.dump(KEYS[key]);
        for (at, byte, kind) in edits {
            let at = 8 + at.index(payload.len() - 12);
            match kind {
                0 => payload[at] = byte,
                1 => payload.insert(at, byte),
                _ => _ = payload.remove(at),
            }
            if payload.len() < 16 {
                break;
            }
        }
        let payload = forged(payload);
        match pair.restore(b"k", &payload) {
            Err(refusal) => prop_assert_eq!(refusal, MALFORMED),
            Ok(reply) => {
                prop_assert_eq!(reply, Reply::Ok);
                seen(&mut pair, b"k");
                let again = pair.dump(b"k");
                prop_assert_eq!(pair.restore(b"l", &again), Ok(Reply::Ok));
                prop_assert_eq!(pair.dump(b"l"), again);
                let fields = Fields::Borrowed(&[b"f", b"v"]);
                let xadd = XAdd { key: b"k", id: NewId::Auto, fields, no_make_stream: false, trim: None };
                drop(pair.run(&Command::XAdd(xadd)));
                let ids = Ok(vec![StreamId::new(3, 5), StreamId::new(9, 5)]);
                drop(pair.run(&Command::XAck { key: b"k", group: b"g", ids }));
                pair.ok(&Command::Del { keys: &[b"k"] });
            }
        }
        pair.check_twins();
    }
}
