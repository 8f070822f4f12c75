//! Databases on the simulated disk, and what they must hold.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::{Command, Context, Engine, GroupItem, IdRange, Item, Order, Settings, StreamId};
use protocol::{Request, Version};
use storage::checkpoint::Checkpointer;
use storage::fs::sim::SimFs;
use storage::{Database, Options, RecoveryReport, StorageError};

pub const DIR: &str = "/db";

/// Now and then, so that keys expire.
const NOW: u64 = 1_700_000_000_000;

/// Small segments and blocks, so that a short life has many of both.
fn options() -> Options {
    Options {
        segment_bytes: 12 << 10,
        first_segment_bytes: 12 << 10,
        reserve_bytes: 256,
        settings: Settings { block_entries_max: 4, block_bytes_max: 128 },
        hash_seed: 1,
        ..Options::default()
    }
}

pub fn open(fs: &SimFs) -> Result<(Database, RecoveryReport), StorageError> {
    Database::open(Arc::new(fs.clone()), Path::new(DIR), options(), NOW, &mut |_| {})
}

/// Runs a line of words, if it is a command of the engine.
pub fn execute(database: &mut Database, line: &str, now: u64) {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    let spec = protocol::resolve(&words);
    if let Ok(Request::Engine(command)) = spec.and_then(|spec| protocol::parse(spec, &words, 1)) {
        // A refusal changes nothing.
        drop(database.execute(&command, Context { db: 0, now }));
    }
}

/// Makes a checkpoint of what is durable, and gives back what it makes superfluous.
pub fn checkpoint(fs: &SimFs, database: &Database) -> Result<(), StorageError> {
    let mut checkpointer = Checkpointer::new(Arc::new(fs.clone()), PathBuf::from(DIR), 1);
    let report = checkpointer.run(database.log().durable())?;
    report.cleanup.clone()?;
    database.log().remove_before(report.log_needed_from)?;
    Ok(())
}

/// What an engine holds, wherever its blocks lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Everything but the bytes of sealed blocks.
    items: Vec<String>,
    /// The entries of each stream of database 0, as a reply.
    entries: Vec<Vec<u8>>,
}

impl State {
    pub fn of(engine: &Engine) -> Self {
        let (mut items, mut entries, mut blocks) = (Vec::new(), Vec::new(), Vec::new());
        for mut item in engine.image() {
            if let Item::Stream { key, .. } = &item {
                entries.push(all_entries(engine, key));
            }
            if let Item::StreamPart { part } = &item {
                let more = part.blocks().expect("an engine packs well");
                if !more.is_empty() {
                    blocks.extend(more.into_owned());
                    continue;
                }
            }
            // Which of them are packed is as little a part of the state as their place.
            for mut block in blocks.drain(..) {
                block.location = None;
                block.bytes = engine::Text::Borrowed(b"");
                items.push(format!("{block:?}"));
            }
            // A restart may forget when a consumer was seen.
            if let Item::GroupPart { part: GroupItem::Consumer { seen, .. } } = &mut item {
                *seen = 0;
            }
            items.push(format!("{item:?}"));
        }
        Self { items, entries }
    }

    /// Fails unless `engine` holds this, but for streams of which a damaged block is refused.
    pub fn expect(&self, engine: &Engine, what: &str) {
        let found = Self::of(engine);
        assert_eq!(found.items, self.items, "{what}");
        for (found, expected) in found.entries.iter().zip(&self.entries) {
            let is_refused = found.starts_with(b"-ERR damaged block");
            assert!(
                is_refused || found == expected,
                "{what}: {} instead of {}",
                found.escape_ascii(),
                expected.escape_ascii()
            );
        }
    }
}

fn all_entries(engine: &Engine, key: &[u8]) -> Vec<u8> {
    let range = IdRange { start: StreamId::MIN, end: StreamId::MAX };
    let command = Command::XRange { key, range, count: None, order: Order::Ascending };
    let mut out = Vec::new();
    if let Ok(decision) = engine.decide(&command, Context { db: 0, now: NOW }) {
        protocol::encode(&decision.reply, Version::Resp2, usize::MAX, &mut out)
            .expect("a reply without a limit");
    }
    out
}

/// A directory, and the state after each record that it has ever held.
pub struct Base {
    pub fs: SimFs,
    pub states: BTreeMap<u64, State>,
}

/// How a server went.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Killed,
    Stopped,
}

/// One segment; many segments, snapshots and block files, killed; the same, stopped.
pub fn bases() -> Vec<Base> {
    vec![
        base(12, &[], End::Killed),
        base(90, &[30, 60], End::Killed),
        base(90, &[40, 80], End::Stopped),
    ]
}

fn base(steps: u64, checkpoints: &[u64], end: End) -> Base {
    let fs = SimFs::new(7);
    let (mut database, _) = open(&fs).expect("an empty disk");
    // Without a record (all were cut, or nothing is left that tells the directory from a new one) a
    // start lays down the limits of blocks anew.
    let mut states = BTreeMap::from([(0, State::of(&Engine::new(options().settings, 1)))]);
    let mut note = |database: &Database| {
        states.insert(database.log().last(), State::of(database.engine()));
    };
    note(&database);
    for step in 0..steps {
        for line in step_lines(step) {
            execute(&mut database, &line, NOW + step);
            note(&database);
        }
        database.log().commit().expect("nothing fails");
        if checkpoints.contains(&step) {
            checkpoint(&fs, &database).expect("nothing fails");
        }
    }
    if end == End::Stopped {
        database.log().stop_cleanly(NOW).expect("nothing fails");
        note(&database);
    }
    drop(database);
    fs.kill();
    Base { fs, states }
}

/// What happens in one step: every kind of operation has its turn.
fn step_lines(step: u64) -> Vec<String> {
    let (id, old) = (step + 1, step / 2);
    let mut lines =
        vec![format!("XADD s{} {id}-1 name value{step} more {}", step % 2, "x".repeat(20))];
    lines.push(match step % 24 {
        0 => "XGROUP CREATE s0 g 0".to_owned(),
        1 => "XREADGROUP GROUP g c COUNT 3 STREAMS s0 >".to_owned(),
        2 => format!("XACK s0 g {old}-1"),
        3 => format!("XDEL s{} {old}-1", old % 2),
        4 => format!("HSET h f{step} v f v"),
        5 => format!("SET k{step} v PX 100000"),
        6 => "APPEND k more".to_owned(),
        7 => "XTRIM s1 MAXLEN 9".to_owned(),
        8 => "XAUTOCLAIM s0 g other 0 0 COUNT 2".to_owned(),
        9 => format!("RENAME k{} moved", step - 4),
        10 => "COPY s0 copy REPLACE".to_owned(),
        11 => "HDEL h f".to_owned(),
        12 => "XREADGROUP GROUP g c STREAMS s0 0".to_owned(),
        13 => "DEL moved".to_owned(),
        14 => format!("RPUSH list v{step} v w"),
        15 => "LMOVE list other LEFT RIGHT".to_owned(),
        16 => format!("SADD set {step} m"),
        17 => "LTRIM list 1 -1".to_owned(),
        18 => format!("ZADD z {step} a 1 b -inf m{step}"),
        19 => "ZUNIONSTORE z 2 z set WEIGHTS 2 0.5".to_owned(),
        20 => "ZPOPMIN z 2".to_owned(),
        21 => "ZREM z a m18".to_owned(),
        22 => "ZRANGESTORE zz z 0 -1".to_owned(),
        _ => "XSETID s1 1000-0".replace("1000", &(id + 1).to_string()),
    });
    lines
}
