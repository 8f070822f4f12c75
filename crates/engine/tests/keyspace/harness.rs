//! Runs command lines against an engine, with everything that must hold for any of them.

use std::convert::Infallible;

use engine::{
    Command, CommandError, Context, Engine, ExpireCondition, ExpireTime, Extended, HashPart,
    ImageLoader, Item, Nesting, ObjectField, Op, Reply, ScanFilter, Set, SetCondition, SetExpiry,
    SetReply, Settings, Shape, TimeUnit, TtlForm, score_text,
};

use crate::sorted_command;

const SEED: u64 = 7;

/// An engine, its clock, its selected database and its log.
pub(crate) struct Run {
    pub(crate) engine: Engine,
    pub(crate) now: u64,
    pub(crate) db: u8,
    log: Vec<Vec<u8>>,
}

impl Run {
    pub(crate) fn new() -> Self {
        let engine = Engine::new(Settings::default(), SEED);
        Self { engine, now: 1_000_000, db: 0, log: Vec::new() }
    }

    /// Decides, records and applies one command line; `~` in it stands for an empty string, `_` for
    /// a blank. Answers the reply as text.
    pub(crate) fn reply(&mut self, line: &str) -> String {
        let words: Vec<Vec<u8>> = line
            .split_whitespace()
            .map(|word| if word == "~" { Vec::new() } else { word.replace('_', " ").into_bytes() })
            .collect();
        let argv: Vec<&[u8]> = words.iter().map(|word| &word[..]).collect();
        let context = Context { db: self.db, now: self.now };
        let decision = match self.engine.decide(&command(&argv), context) {
            Ok(decision) => decision,
            Err(refusal) => return String::from_utf8(refusal.text()).unwrap(),
        };
        for op in &decision.ops {
            self.log.push(encode(op));
            self.engine.apply(op, self.log.len() as u64);
        }
        render(&decision.reply)
    }

    /// One command line and its reply.
    pub(crate) fn check(&mut self, line: &str, expected: &str) {
        assert_eq!(self.reply(line), expected, "{line}");
    }

    /// Command lines and their replies, and then all that must hold whatever they were.
    pub(crate) fn table(lines: &[(&str, &str)]) {
        let mut run = Self::new();
        for (line, expected) in lines {
            run.check(line, expected);
        }
        run.check_whole();
    }

    /// Removes what has expired, as the server does between commands.
    pub(crate) fn expire(&mut self, limit: usize) {
        let expired = self.engine.expired(self.now, limit);
        for op in &expired.ops() {
            self.log.push(encode(op));
            self.engine.apply(op, self.log.len() as u64);
        }
    }

    /// Replay of the log gives the same state as live, and so does loading its image.
    pub(crate) fn check_whole(&self) {
        let live = image(&self.engine);
        let mut replayed = Engine::new(Settings::default(), SEED + 1);
        for (record, version) in self.log.iter().zip(1..) {
            replayed.apply(&decode(record), version);
        }
        assert_eq!(image(&replayed), live, "replay differs from live");
        let loaded = load(&live, self.log.len() as u64).unwrap();
        assert_eq!(image(&loaded), live, "the loaded image differs from live");
    }
}

fn encode(op: &Op<'_>) -> Vec<u8> {
    bincode::serde::encode_to_vec(op, bincode::config::standard()).unwrap()
}

fn decode(record: &[u8]) -> Op<'_> {
    bincode::serde::borrow_decode_from_slice(record, bincode::config::standard()).unwrap().0
}

/// The whole state as bytes.
pub(crate) fn image(engine: &Engine) -> Vec<Vec<u8>> {
    let config = bincode::config::standard();
    engine.image().map(|item| bincode::serde::encode_to_vec(&item, config).unwrap()).collect()
}

/// An engine from the bytes of [`image`].
pub(crate) fn load(items: &[Vec<u8>], version: u64) -> Result<Engine, String> {
    let mut loader = ImageLoader::new(SEED, version);
    for item in items {
        let config = bincode::config::standard();
        let (item, _) = bincode::serde::borrow_decode_from_slice::<Item<'_>, _>(item, config)
            .map_err(|error| error.to_string())?;
        let source = &mut |_| -> Result<_, Infallible> { unreachable!("no streams here") };
        loader.push(&item, source).map_err(|error| error.to_string())?;
    }
    loader.finish().map_err(|error| error.to_string())
}

/// A reply as text: `[..]` around arrays, `{..}` around maps.
pub(crate) fn render(reply: &Reply) -> String {
    let list = |items: &[Reply]| items.iter().map(render).collect::<Vec<_>>().join(" ");
    let pairs = |pairs: &[(Reply, Reply)]| {
        let pairs = pairs.iter().map(|(key, value)| format!("{}={}", render(key), render(value)));
        format!("{{{}}}", pairs.collect::<Vec<_>>().join(" "))
    };
    match reply {
        Reply::Ok => "OK".to_owned(),
        Reply::Nil => "nil".to_owned(),
        Reply::Simple(text) => format!("+{text}"),
        Reply::Integer(number) => number.to_string(),
        Reply::Bulk(bytes) => bytes.escape_ascii().to_string(),
        Reply::Array(items) => format!("[{}]", list(items)),
        Reply::Map(items) | Reply::Pairs(items) => pairs(items),
        Reply::Strings(strings, shape) => {
            let words: Vec<_> = strings.iter().map(|s| s.escape_ascii().to_string()).collect();
            match shape {
                Shape::List | Shape::Set => format!("[{}]", words.join(" ")),
                Shape::Map | Shape::Pairs => {
                    let (pairs, _) = words.as_chunks::<2>();
                    let pairs: Vec<_> = pairs.iter().map(|[a, b]| format!("{a}={b}")).collect();
                    format!("{{{}}}", pairs.join(" "))
                }
            }
        }
        Reply::Double(score) => score_text(*score),
        Reply::NilArray => "nil array".to_owned(),
        Reply::Scored(scored) => {
            let pairs = scored
                .iter()
                .map(|(member, score)| format!("{}={}", member.escape_ascii(), score_text(score)));
            let pairs = pairs.collect::<Vec<_>>().join(" ");
            match scored.nesting() {
                Nesting::ByProtocol => format!("{{{pairs}}}"),
                Nesting::Always => format!("[{{{pairs}}}]"),
            }
        }
        other => panic!("no reply of a key command: {other:?}"),
    }
}

fn float(word: &[u8]) -> Result<Extended, CommandError> {
    Extended::parse(word).ok_or(CommandError::NotAFloat)
}

pub(crate) fn number<T: std::str::FromStr>(word: &[u8]) -> T {
    std::str::from_utf8(word).unwrap().parse().unwrap_or_else(|_| panic!("a number: {word:?}"))
}

/// The command of a line that is known to be well formed.
fn command<'a>(argv: &'a [&'a [u8]]) -> Command<'a> {
    let name = std::str::from_utf8(argv[0]).unwrap();
    let rest = &argv[1..];
    let key = rest.first().copied().unwrap_or_default();
    let has = |option: &str| rest.contains(&option.as_bytes());
    let value_of = |option: &str| {
        rest.windows(2).find(|pair| pair[0] == option.as_bytes()).map(|pair| pair[1])
    };
    let seconds = |word| number::<i64>(word).saturating_mul(1000);
    let expiry = || {
        let until = |when| Some(SetExpiry::Until(when));
        None.or(value_of("EX").and_then(|word| until(ExpireTime::In(seconds(word)))))
            .or(value_of("PX").and_then(|word| until(ExpireTime::In(number(word)))))
            .or(value_of("EXAT").and_then(|word| until(ExpireTime::At(seconds(word)))))
            .or(value_of("PXAT").and_then(|word| until(ExpireTime::At(number(word)))))
    };
    match name {
        "DEL" => Command::Del { keys: rest },
        "EXISTS" => Command::Exists { keys: rest },
        "TOUCH" => Command::Touch { keys: rest },
        "TYPE" => Command::Type { key },
        "EXPIRE" | "PEXPIRE" | "EXPIREAT" | "PEXPIREAT" => Command::Expire {
            key,
            when: match name {
                "EXPIRE" => ExpireTime::In(seconds(rest[1])),
                "PEXPIRE" => ExpireTime::In(number(rest[1])),
                "EXPIREAT" => ExpireTime::At(seconds(rest[1])),
                _ => ExpireTime::At(number(rest[1])),
            },
            condition: ExpireCondition {
                none_set: has("NX"),
                some_set: has("XX"),
                later: has("GT"),
                sooner: has("LT"),
            },
        },
        "TTL" => Command::Ttl { key, unit: TimeUnit::Seconds, form: TtlForm::Remaining },
        "PTTL" => Command::Ttl { key, unit: TimeUnit::Millis, form: TtlForm::Remaining },
        "EXPIRETIME" => Command::Ttl { key, unit: TimeUnit::Seconds, form: TtlForm::Instant },
        "PEXPIRETIME" => Command::Ttl { key, unit: TimeUnit::Millis, form: TtlForm::Instant },
        "PERSIST" => Command::Persist { key },
        "RENAME" => Command::Rename { key, new_key: rest[1], only_if_free: false },
        "RENAMENX" => Command::Rename { key, new_key: rest[1], only_if_free: true },
        "COPY" => Command::Copy {
            key,
            new_key: rest[1],
            new_db: value_of("DB").map(number),
            replace: has("REPLACE"),
        },
        "MOVE" => Command::Move { key, new_db: number(rest[1]) },
        "KEYS" => Command::Keys { pattern: key },
        "SCAN" => Command::Scan {
            cursor: number(key),
            pattern: value_of("MATCH"),
            count: value_of("COUNT").map_or(10, number),
            type_name: value_of("TYPE"),
        },
        "RANDOMKEY" => Command::RandomKey { draw: number(key) },
        "DBSIZE" => Command::DbSize,
        "FLUSHDB" => Command::Flush { all: false },
        "FLUSHALL" => Command::Flush { all: true },
        "SWAPDB" => Command::SwapDb { first: number(key), second: number(rest[1]) },
        "ENCODING" => Command::Object { key, what: ObjectField::Encoding },
        "IDLETIME" => Command::Object { key, what: ObjectField::IdleTime },
        "REFCOUNT" => Command::Object { key, what: ObjectField::RefCount },
        "FREQ" => Command::Object { key, what: ObjectField::Freq },
        "MEMORY" => Command::MemoryUsage { key },
        "GET" => Command::Get { key },
        "SET" => Command::Set(Set {
            key,
            value: rest[1],
            condition: match (has("NX"), has("XX")) {
                (true, _) => SetCondition::IfMissing,
                (_, true) => SetCondition::IfPresent,
                _ => SetCondition::Always,
            },
            expiry: expiry().unwrap_or(if has("KEEPTTL") {
                SetExpiry::Keep
            } else {
                SetExpiry::Clear
            }),
            reply: if has("GET") { SetReply::OldValue } else { SetReply::Status },
        }),
        "SETNX" => Command::Set(Set {
            key,
            value: rest[1],
            condition: SetCondition::IfMissing,
            expiry: SetExpiry::Clear,
            reply: SetReply::Flag,
        }),
        "GETSET" => Command::GetSet { key, value: rest[1] },
        "GETDEL" => Command::GetDel { key },
        "GETEX" => Command::GetEx {
            key,
            expiry: Ok(if has("PERSIST") { Some(SetExpiry::Clear) } else { expiry() }),
        },
        "MGET" => Command::MGet { keys: rest },
        "MSET" => Command::MSet { pairs: rest, only_if_free: false },
        "MSETNX" => Command::MSet { pairs: rest, only_if_free: true },
        "INCRBY" => Command::IncrBy { key, by: number(rest[1]) },
        "INCRBYFLOAT" => Command::IncrByFloat { key, by: float(rest[1]) },
        "APPEND" => Command::Append { key, value: rest[1] },
        "STRLEN" => Command::StrLen { key },
        "GETRANGE" => Command::GetRange { key, start: number(rest[1]), end: number(rest[2]) },
        "SETRANGE" => Command::SetRange { key, offset: number(rest[1]), value: rest[2] },
        "HSET" => Command::HSet { key, pairs: &rest[1..], legacy_reply: false },
        "HMSET" => Command::HSet { key, pairs: &rest[1..], legacy_reply: true },
        "HSETNX" => Command::HSetNx { key, field: rest[1], value: rest[2] },
        "HGET" => Command::HGet { key, field: rest[1] },
        "HMGET" => Command::HMGet { key, fields: &rest[1..] },
        "HGETALL" => Command::HGetAll { key, part: HashPart::Pairs },
        "HKEYS" => Command::HGetAll { key, part: HashPart::Fields },
        "HVALS" => Command::HGetAll { key, part: HashPart::Values },
        "HDEL" => Command::HDel { key, fields: &rest[1..] },
        "HEXISTS" => Command::HExists { key, field: rest[1] },
        "HLEN" => Command::HLen { key },
        "HSTRLEN" => Command::HStrLen { key, field: rest[1] },
        "HINCRBY" => Command::HIncrBy { key, field: rest[1], by: number(rest[2]) },
        "HINCRBYFLOAT" => {
            Command::HIncrByFloat { key, field: rest[1], by: float(rest[2]).unwrap() }
        }
        "HSCAN" => Command::HScan {
            key,
            cursor: number(rest[1]),
            filter: Ok(ScanFilter {
                pattern: value_of("MATCH"),
                count: value_of("COUNT").map_or(10, number),
                names_only: has("NOVALUES"),
            }),
        },
        "HRANDFIELD" => Command::HRandField {
            key,
            count: rest.get(1).map(|word| number(word)),
            with_values: has("WITHVALUES"),
            draw: 11,
        },
        _ => {
            crate::collections::command(name, rest).unwrap_or_else(|| sorted_command::command(argv))
        }
    }
}
