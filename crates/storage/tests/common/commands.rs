//! Random commands of every kind that changes something, over few keys, so that they meet.

use engine::{
    Claim, ClaimTime, CombineOptions, Command, Context, Direction, Disposal, ExpireCondition,
    ExpireTime, Fields, GroupReadFrom, GroupStart, ListEnd, ListPlace, MemberRange, NewId,
    ReadLimits, References, Release, ReleaseMode, ScoreEnd, Set, SetCondition, SetExpiry,
    SetOperation, SetReply, StreamId, Trim, TrimKeep, TrimPrecision, XAdd, XAutoClaim, XReadGroup,
    ZAdd, ZAddCondition, ZCombine, ZRange,
};
use storage::fs::sim::Random;

/// Databases that random commands work in; the ledger of the simulation has its own.
const DATABASES: usize = 3;
const STREAMS: [&[u8]; 3] = [b"orders", b"mail", b"audit"];
const OTHERS: [&[u8]; 4] = [b"name", b"count", b"cart", b"orders"];
/// Lists and sets, which take each other's names now and then.
const COLLECTIONS: [&[u8]; 4] = [b"queue", b"done", b"tags", b"cart"];
/// Sorted sets.
const SCORED: [&[u8]; 3] = [b"board", b"due", b"tags"];
const GROUPS: [&[u8]; 2] = [b"g", b"h"];
const CONSUMERS: [&[u8]; 3] = [b"ann", b"bob", b"eve"];
static VALUE: [u8; 20_000] = [b'v'; 20_000];

/// Draws a command and hands it to `run` with the instant and database that it has.
pub fn random<R>(random: &mut Random, now: u64, run: impl FnOnce(&Command<'_>, Context) -> R) -> R {
    let context = Context { db: pick(random, &[0, 0, 0, 1, 2]), now };
    let value = value(random);
    let number = random.below(1000).to_string();
    let fields: [&[u8]; 4] = [b"item", number.as_bytes(), b"note", value];
    let count = 2 + 2 * random.below(2);
    let stream = pick(random, &STREAMS);
    let name = [pick(random, &OTHERS)];
    let command = match random.below(100) {
        0..34 => Command::XAdd(XAdd {
            key: stream,
            id: new_id(random, now),
            fields: Fields::Borrowed(&fields[..count]),
            no_make_stream: random.one_in(9),
            trim: random.one_in(6).then(|| trim(random, now)),
        }),
        34..60 => of_group(random, now, stream),
        60 => Command::XDelEx { key: stream, disposal: Ok(disposal(random, now)) },
        61 => Command::XAckDel {
            key: stream,
            group: pick(random, &GROUPS),
            disposal: Ok(disposal(random, now)),
        },
        62..66 => Command::XDel { key: stream, ids: Ok(ids(random, now)) },
        66..69 => Command::XTrim { key: stream, trim: trim(random, now) },
        69 => Command::XSetId {
            key: stream,
            last_id: StreamId::new(now + 2, 0),
            entries_added: random.one_in(2).then_some(1000),
            max_deleted_id: random.one_in(2).then(|| id(random, now)),
        },
        70..76 => of_string(random, name[0], value),
        76..80 => of_collection(random, &fields[..count]),
        80..82 => of_sorted_set(random, &fields[..count]),
        82..90 => match random.below(4) {
            0 => Command::HDel { key: name[0], fields: &fields[..1] },
            1 => Command::HIncrBy { key: name[0], field: b"total", by: 7 },
            _ => Command::HSet { key: name[0], pairs: &fields[..count], legacy_reply: false },
        },
        90 => Command::SwapDb { first: 0, second: one_of(random, DATABASES) },
        91 if random.one_in(4) => Command::Flush { all: false },
        91 => Command::Move { key: stream, new_db: one_of(random, DATABASES) },
        92 => Command::Del { keys: &name },
        93 => Command::Rename {
            key: pick(random, &OTHERS),
            new_key: name[0],
            only_if_free: random.one_in(3),
        },
        94 | 95 => Command::Copy {
            key: stream,
            new_key: pick(random, &STREAMS),
            new_db: Some(one_of(random, DATABASES)),
            replace: true,
        },
        96 => Command::Persist { key: name[0] },
        _ => Command::Expire {
            key: if random.one_in(3) { stream } else { name[0] },
            when: ExpireTime::In(i64::from(one_of(random, 60)) - 2),
            condition: ExpireCondition::default(),
        },
    };
    // Some messages come once more now and then, as there are few values.
    let command = match command {
        Command::XAdd(xadd) if xadd.id == NewId::Auto && random.one_in(6) => Command::XAddOnce {
            pid: pick(random, &CONSUMERS),
            iid: random.one_in(2).then_some(name[0]),
            xadd,
        },
        command => command,
    };
    run(&command, context)
}

fn of_group<'a>(random: &mut Random, now: u64, key: &'a [u8]) -> Command<'a> {
    let (group, consumer) = (pick(random, &GROUPS), pick(random, &CONSUMERS));
    match random.below(26) {
        0..4 => Command::XGroupCreate {
            key,
            group,
            from: Ok(if random.one_in(3) {
                GroupStart::Last
            } else {
                GroupStart::After(StreamId::MIN)
            }),
            make_stream: true,
            entries_read: random.one_in(3).then_some(2),
        },
        4 => Command::XGroupSetId {
            key,
            group,
            from: Ok(GroupStart::After(id(random, now))),
            entries_read: None,
        },
        5 if random.one_in(3) => Command::XGroupDestroy { key, group },
        5 => Command::XGroupCreateConsumer { key, group, consumer },
        6 => Command::XGroupDelConsumer { key, group, consumer },
        7..16 => Command::XReadGroup(XReadGroup {
            group,
            consumer,
            streams: vec![(
                key,
                Ok(if random.one_in(3) {
                    GroupReadFrom::HistoryAfter(StreamId::MIN)
                } else {
                    GroupReadFrom::New
                }),
            )],
            limits: ReadLimits::count(Some(1 + random.below(5) as u64)),
            block_ms: None,
            no_ack: random.one_in(9),
            claim_idle_min_ms: random.one_in(4).then_some(0),
        }),
        16..19 => Command::XAck { key, group, ids: Ok(ids(random, now)) },
        19..21 => Command::XNack {
            key,
            group,
            release: Ok(Release {
                mode: pick(random, &[ReleaseMode::Silent, ReleaseMode::Fail, ReleaseMode::Fatal]),
                count: random.one_in(4).then_some(5),
                force: random.one_in(3),
                ids: Ok(ids(random, now)),
            }),
        },
        21..24 => Command::XClaim {
            key,
            group,
            consumer,
            claim: Ok(Claim {
                idle_min_ms: random.below(4) as u64,
                ids: ids(random, now),
                delivery_time: pick(random, &[ClaimTime::Now, ClaimTime::Idle(3)]),
                delivery_count: random.one_in(4).then_some(9),
                force: random.one_in(2),
                just_id: random.one_in(3),
                last_id: random.one_in(6).then(|| id(random, now)),
            }),
        },
        _ => Command::XAutoClaim(XAutoClaim {
            key,
            group,
            consumer,
            idle_min_ms: random.below(4) as u64,
            start: StreamId::MIN,
            count: 1 + random.below(4) as u64,
            just_id: random.one_in(3),
        }),
    }
}

fn of_string<'a>(random: &mut Random, key: &'a [u8], value: &'a [u8]) -> Command<'a> {
    match random.below(8) {
        0 => Command::Append { key, value: &value[..value.len().min(50)] },
        1 => Command::IncrBy { key: b"count", by: 5 },
        2 => Command::SetRange { key, offset: random.below(90) as u64, value: b"range" },
        3 => Command::GetDel { key },
        4 => Command::GetSet { key, value },
        _ => Command::Set(Set {
            key,
            value,
            condition: pick(random, &[SetCondition::Always, SetCondition::IfMissing]),
            expiry: pick(
                random,
                &[SetExpiry::Clear, SetExpiry::Keep, SetExpiry::Until(ExpireTime::In(20))],
            ),
            reply: SetReply::Status,
        }),
    }
}

fn of_collection<'a>(random: &mut Random, values: &'a [&'a [u8]]) -> Command<'a> {
    let (key, new_key) = (pick(random, &COLLECTIONS), pick(random, &COLLECTIONS));
    let [end, to] = [(); 2].map(|()| pick(random, &[ListEnd::Left, ListEnd::Right]));
    let index = i64::from(one_of(random, 8)) - 4;
    match random.below(18) {
        0..4 => Command::LPush { key, end, values, only_if_present: false },
        4 => Command::LPop { key, end, count: random.one_in(2).then_some(2) },
        5 => Command::LSet { key, index: Ok(index), value: values[1] },
        6 => {
            let place = pick(random, &[ListPlace::Before, ListPlace::After]);
            Command::LInsert { key, place, pivot: b"item", value: values[1] }
        }
        7 => Command::LRem { key, count: index, value: values[0] },
        8 => Command::LTrim { key, start: index, stop: -2 },
        9 | 10 => Command::LMove { key, new_key, from: end, to, block_ms: None },
        11..14 => Command::SAdd { key, members: values },
        14 => Command::SRem { key, members: &values[..1] },
        15 => {
            let count = random.one_in(2).then_some(2);
            Command::SPop { key, count, draw: random.below(1 << 20) as u64 }
        }
        16 => Command::SMove { key, new_key, member: &values[..1] },
        _ => Command::SCombineStore {
            operation: pick(random, &[SetOperation::Union, SetOperation::Difference]),
            new_key,
            keys: values,
        },
    }
}

fn of_sorted_set<'a>(random: &mut Random, members: &'a [&'a [u8]]) -> Command<'a> {
    let (key, new_key) = (pick(random, &SCORED), pick(random, &SCORED));
    let end = pick(random, &[ScoreEnd::Lowest, ScoreEnd::Highest]);
    let start = i64::from(one_of(random, 8)) - 4;
    match random.below(9) {
        0..4 => Command::ZAdd(ZAdd {
            key,
            condition: ZAddCondition::default(),
            count_changed: false,
            increment: false,
            pairs: members
                .iter()
                .map(|member| (f64::from(one_of(random, 9)) - 4.5, *member))
                .collect(),
        }),
        4 => Command::ZRem { key, members: &members[..1] },
        5 => Command::ZRemRange { key, range: MemberRange::Rank { start, stop: start + 1 } },
        6 => Command::ZPop { key, end, count: random.one_in(2).then_some(2) },
        7 => Command::ZRangeStore {
            new_key,
            range: ZRange {
                key,
                range: MemberRange::Rank { start, stop: -1 },
                direction: Direction::Forward,
                limit: None,
                with_scores: false,
            },
        },
        _ => Command::ZCombineStore {
            new_key,
            combine: ZCombine {
                operation: pick(random, &[SetOperation::Union, SetOperation::Difference]),
                keys: &SCORED,
                options: Ok(CombineOptions::default()),
            },
        },
    }
}

/// Mostly short; now and then longer than a segment.
fn value(random: &mut Random) -> &'static [u8] {
    let len = match random.below(150) {
        0 => 5000 + random.below(VALUE.len() - 5000),
        1..20 => random.below(900),
        _ => random.below(90),
    };
    &VALUE[..len]
}

fn new_id(random: &mut Random, now: u64) -> NewId {
    match random.below(8) {
        0 => NewId::AutoSeq(now + 1),
        1 => NewId::Explicit(StreamId::new(now + random.below(3) as u64, random.below(3) as u64)),
        _ => NewId::Auto,
    }
}

fn trim(random: &mut Random, now: u64) -> Trim {
    let keep = if random.one_in(3) {
        TrimKeep::MinId(id(random, now))
    } else {
        TrimKeep::MaxLen(random.below(20) as u64)
    };
    let precision = if random.one_in(2) {
        TrimPrecision::Exact
    } else {
        TrimPrecision::Approximate { limit: None }
    };
    Trim { keep, precision, references: references(random) }
}

fn disposal(random: &mut Random, now: u64) -> Disposal {
    let ids = ids(random, now);
    Disposal { references: references(random), count: ids.len(), ids: Ok(ids) }
}

fn references(random: &mut Random) -> References {
    match random.below(4) {
        0 => References::Delete,
        1 => References::Acknowledged,
        _ => References::Keep,
    }
}

/// An ID from about the time when entries were added.
fn id(random: &mut Random, now: u64) -> StreamId {
    StreamId::new(now.saturating_sub(random.below(30) as u64), random.below(2) as u64)
}

fn ids(random: &mut Random, now: u64) -> Vec<StreamId> {
    (0..1 + random.below(6)).map(|_| id(random, now)).collect()
}

fn pick<T: Copy>(random: &mut Random, choices: &[T]) -> T {
    choices[random.below(choices.len())]
}

fn one_of(random: &mut Random, count: usize) -> u8 {
    u8::try_from(random.below(count)).expect("few")
}
