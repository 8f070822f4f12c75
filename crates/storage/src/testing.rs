//! What the tests of several modules share.

use std::os::unix::fs::FileExt;
use std::path::Path;

use engine::{
    Command, Context, Decision, Engine, Fields, IdRange, InfoDetail, NewId, Op, Order,
    PendingRange, References, Reply, Settings, StreamId, Text, Trim, TrimKeep, TrimPrecision, XAdd,
};

use crate::dir;
use crate::fs::{Fs, RealFs};

/// Bytes of the example called `name` on the format page.
pub(crate) fn hex_example(name: &str) -> Vec<u8> {
    let page = include_str!("../../../docs/on-disk-format.md");
    let start = format!("```hex {name}\n");
    let (_, example) = page.split_once(&start).expect("the page has that example");
    let (example, _) = example.split_once("```").expect("the example ends");
    let mut bytes = Vec::new();
    for line in example.lines() {
        let (offset, hex) = line.split_once("  ").expect("offset, two blanks, bytes");
        assert_eq!(usize::from_str_radix(offset, 16).unwrap(), bytes.len(), "{line}");
        bytes.extend(hex.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()));
    }
    bytes
}

/// An empty data directory on the machine's disk.
pub(crate) fn data_dir() -> tempfile::TempDir {
    let temporary = tempfile::tempdir().unwrap();
    RealFs.create_dir(&dir::log(temporary.path())).unwrap();
    RealFs.create_dir(&dir::blocks(temporary.path())).unwrap();
    RealFs.create_dir(&dir::snapshots(temporary.path())).unwrap();
    dir::put_mark(&RealFs, temporary.path(), dir::Mark::default()).unwrap();
    temporary
}

/// Writes a whole file, whatever was there. Not by truncating it first, which ext4 takes for a
/// reason to wait for the disk.
pub(crate) fn put(path: &Path, bytes: &[u8]) {
    let file = std::fs::OpenOptions::new().write(true).create(true).truncate(false).open(path);
    let file = file.unwrap();
    file.write_all_at(bytes, 0).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
}

/// An engine that holds a string and a hash, after records 1 to 3.
pub(crate) fn small_engine() -> Engine {
    let mut engine = Engine::new(Settings::default(), 1);
    let value = Text::Borrowed(b"value");
    engine.apply(&Op::StringSet { db: 0, key: b"string", value, expire_at: Some(99) }, 1);
    let pairs = Fields::Borrowed(&[b"field", b"1", b"other", b"2"]);
    engine.apply(&Op::HashSet { db: 3, key: b"hash", pairs }, 2);
    engine
}

/// The whole state as text, to compare.
pub(crate) fn state(engine: &Engine) -> Vec<String> {
    engine.image().map(|item| format!("{item:?}")).collect()
}

/// An engine and the operations that made it: a database whose log cannot fail.
pub(crate) struct Live {
    pub(crate) engine: Engine,
    pub(crate) log: Vec<(u64, Op<'static>)>,
}

/// Unix milliseconds at which all commands are decided.
const NOW: u64 = 1_700_000_000_000;

const CONTEXT: Context = Context { db: 0, now: NOW };

impl Live {
    /// Blocks of three entries.
    pub(crate) fn new() -> Self {
        let mut live = Self { engine: Engine::new(Settings::default(), 7), log: Vec::new() };
        live.apply(Op::Configure { block_entries_max: 3, block_bytes_max: 0 });
        live
    }

    pub(crate) fn lsn(&self) -> u64 {
        self.log.len() as u64
    }

    fn apply(&mut self, op: Op<'static>) {
        let lsn = self.lsn() + 1;
        self.engine.apply(&op, lsn);
        self.log.push((lsn, op));
    }

    /// Runs a command.
    pub(crate) fn run(&mut self, command: Command<'static>) -> Reply {
        let Decision { reply, ops, .. } = self.engine.decide(&command, CONTEXT).unwrap();
        ops.into_iter().filter(Op::is_recorded).for_each(|op| self.apply(op));
        reply
    }

    /// Appends entries with the IDs `from-0` to `to-0`.
    pub(crate) fn add(&mut self, key: &'static [u8], from: u64, to: u64) {
        for ms in from..=to {
            self.run(Command::XAdd(XAdd {
                key,
                id: NewId::Explicit(StreamId::new(ms, 0)),
                fields: Fields::Borrowed(&[b"field", b"a value of some length"]),
                no_make_stream: false,
                trim: None,
            }));
        }
    }

    /// Deletes the entry `ms-0`.
    pub(crate) fn delete(&mut self, key: &'static [u8], ms: u64) {
        self.run(Command::XDel { key, ids: Ok(vec![StreamId::new(ms, 0)]) });
    }

    /// Keeps the newest `count` entries.
    pub(crate) fn trim(&mut self, key: &'static [u8], count: u64) {
        let keep = TrimKeep::MaxLen(count);
        let trim = Trim { keep, precision: TrimPrecision::Exact, references: References::Keep };
        self.run(Command::XTrim { key, trim });
    }

    /// Brings an engine at `lsn` up to the present, as a replay of the log does.
    pub(crate) fn replay(&self, engine: &mut Engine, lsn: u64) {
        for (at, op) in self.log.iter().filter(|(at, _)| lsn < *at) {
            engine.apply(op, *at);
        }
    }
}

/// What clients can see of a stream and its group `g`.
pub(crate) fn answers(engine: &Engine, key: &'static [u8]) -> Vec<String> {
    let range = IdRange { start: StreamId::MIN, end: StreamId::MAX };
    let pending = PendingRange { range, count: 1000, consumer: None, idle_min_ms: 0 };
    [
        Command::XRange { key, range, count: None, order: Order::Ascending },
        Command::XRange { key, range, count: None, order: Order::Descending },
        Command::XInfoStream { key, detail: Ok(InfoDetail::Full { count: None }) },
        Command::XInfoStream { key, detail: Ok(InfoDetail::Summary) },
        Command::XPending { key, group: b"g", range: Some(pending) },
    ]
    .iter()
    .map(|command| match engine.decide(command, CONTEXT) {
        Ok(decision) => text(&decision.reply),
        Err(error) => error.to_string(),
    })
    .collect()
}

/// A reply with its entries read.
fn text(reply: &Reply) -> String {
    let each = |replies: &[Reply]| replies.iter().map(text).collect::<Vec<_>>().join(" ");
    match reply {
        Reply::Array(replies) => format!("[{}]", each(replies)),
        Reply::Map(pairs) => {
            let pairs =
                pairs.iter().map(|(name, value)| format!("{}: {}", text(name), text(value)));
            pairs.collect::<Vec<_>>().join("\n")
        }
        Reply::Entries(entries) | Reply::EntryOrNil(entries) => {
            let mut found = String::new();
            let visited = entries.visit(|id, pairs| {
                found += &format!("{id}");
                for (name, value) in pairs.into_iter().flatten() {
                    found += &format!(" {}={}", name.escape_ascii(), value.escape_ascii());
                }
                found += "; ";
            });
            match visited {
                Ok(_) => found,
                Err(error) => format!("{found}{error}"),
            }
        }
        other => format!("{other:?}"),
    }
}
