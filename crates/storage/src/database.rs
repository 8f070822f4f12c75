//! A durable engine: decide, record, apply.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::{
    AdoptCursor, Blocked, Command, CommandError, Context, Engine, IdmpSettings, Op, Ops, Reply,
    Settings, Text, UnixMillis,
};

use crate::blocks::DamagedBlocks;
use crate::checkpoint::Adoption;
use crate::dir;
use crate::error::{Damage, StorageError};
use crate::format::codec;
use crate::format::record::{Kind, Record};
use crate::fs::{DirLock, Fs};
use crate::log::{Log, LogPosition, SegmentReader, Urgency};
use crate::options::Options;
use crate::recovery::{self, OnProgress, RecoveryReport, Replay, Scan};
use crate::snapshot::{self, Loaded};

/// An engine whose changes are recorded.
///
/// The caller serializes the methods that take `&mut self`; the log may be committed by any thread
/// meanwhile. A reply may leave once [`Executed::depends`] is durable (or written, as the policy
/// says).
#[derive(Debug)]
pub struct Database {
    engine: Engine,
    log: Arc<Log>,
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    damaged: DamagedBlocks,
    transaction: Option<Transaction>,
    /// Nobody else works in the directory while this lives.
    lock: Arc<dyn DirLock>,
}

/// What a command came to.
#[derive(Debug)]
pub struct Executed<'a> {
    /// The answer.
    pub reply: Reply,
    /// What was applied, for those who wait on keys or watch them.
    pub ops: Ops<'a>,
    /// Set by a blocking read that found nothing.
    pub wait: Option<Box<Blocked>>,
    /// The reply must not leave before this record is as durable as the policy asks.
    pub depends: u64,
}

/// A transaction that has begun: one record for all its commands.
#[derive(Debug)]
struct Transaction {
    payload: Vec<u8>,
    /// Number that the record will have.
    lsn: u64,
    now: UnixMillis,
    /// Room was made sure of beforehand: the rest of it may use the reserve.
    has_room: bool,
}

impl Database {
    /// Opens the database in `dir`, or makes one if the directory is empty or missing. `now` is
    /// recorded where opening itself changes something.
    ///
    /// # Errors
    ///
    /// `Locked`, `NotOurs`, `UnsupportedVersion`, `Corrupt`: nothing was changed. `Io`.
    pub fn open(
        fs: Arc<dyn Fs>,
        dir: &Path,
        options: Options,
        now: UnixMillis,
        progress: OnProgress<'_>,
    ) -> Result<(Self, RecoveryReport), StorageError> {
        let lock = Arc::from(dir::claim(&*fs, dir)?);
        if !dir::is_marked(&*fs, dir)? {
            initialize(&*fs, dir, &options)?;
        }
        let damaged = DamagedBlocks::default();
        let (engine, log, report) = recover(fs, dir, &options, &damaged, progress)?;
        let (fs, log, dir) = (log.fs().clone(), Arc::new(log), dir.to_path_buf());
        let mut database = Self { engine, log, fs, dir, damaged, transaction: None, lock };
        match database.configure(options.settings, options.idmp_settings, now) {
            // Whoever has filled the disk can only make room on a server that runs.
            Err(error) if error.is_space() => {
                tracing::warn!(%error, "the limits of new blocks and streams stay as they were");
            }
            other => other?,
        }
        Ok((database, report))
    }

    /// The state.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Replies that would be longer than this come as [`engine::Reply::TooLong`].
    pub fn limit_replies(&mut self, bytes_max: usize) {
        self.engine.limit_replies(bytes_max);
    }

    /// The log, to commit it.
    #[must_use]
    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// Lets sealed blocks take the bytes and places that a checkpoint gave them, about `budget`
    /// blocks from `cursor` on; returns where to go on, `None` at the end. Called slice by slice, so
    /// that nobody waits long.
    pub fn adopt_blocks(
        &mut self,
        adoption: &Adoption,
        cursor: AdoptCursor,
        budget: usize,
    ) -> Option<AdoptCursor> {
        let place = &mut |number, present| adoption.place(number, present);
        self.engine.adopt(cursor, budget, &|file| adoption.stays(file), place)
    }

    /// The disk that the database is on, for checkpoints as well: a sync of one of its directories that
    /// fails ends the log, and no other is tried.
    #[must_use]
    pub fn fs(&self) -> &Arc<dyn Fs> {
        &self.fs
    }

    /// The blocks that are known to be damaged, found by readers.
    #[must_use]
    pub fn damaged_blocks(&self) -> &DamagedBlocks {
        &self.damaged
    }

    /// The lock of the directory, to look after its file.
    #[must_use]
    pub fn lock(&self) -> &Arc<dyn DirLock> {
        &self.lock
    }

    /// The directory that the database is in.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Decides a command, records its operations and applies them.
    ///
    /// # Errors
    ///
    /// The refusal to send. A command that is refused has changed nothing; also not if the refusal
    /// is that the log cannot take it.
    pub fn execute<'a>(
        &mut self,
        command: &Command<'a>,
        context: Context,
    ) -> Result<Executed<'a>, CommandError> {
        self.execute_for(command, context, || None)
    }

    /// As [`Database::execute`]. Where a command takes something away by itself, the record also says
    /// for whom: `client` gives the words.
    ///
    /// # Errors
    ///
    /// As for [`Database::execute`].
    // Handing some 300 bytes back through one more call costs a pipelined XADD a hundredth.
    #[inline(always)]
    pub fn execute_for<'a>(
        &mut self,
        command: &Command<'a>,
        context: Context,
        client: impl FnOnce() -> Option<Vec<u8>>,
    ) -> Result<Executed<'a>, CommandError> {
        let mut decision = self.engine.decide(command, context)?;
        if !decision.ops.is_empty()
            && takes_away(command)
            && let Some(client) = client()
        {
            decision.ops.insert(0, Op::Origin { client: Text::Owned(client) });
        }
        let lsn = self
            .record_and_apply(&decision.ops, context.now, urgency(command))
            .map_err(|error| refusal(&error))?;
        Ok(Executed {
            reply: decision.reply,
            ops: decision.ops,
            wait: decision.wait,
            depends: decision.seen.max(lsn),
        })
    }

    /// Records and applies operations that no command asked for: expiry, settings. Returns the LSN,
    /// 0 if nothing had to be recorded.
    ///
    /// # Errors
    ///
    /// Those of the log; nothing was applied.
    pub fn record(&mut self, ops: &[Op<'_>], now: UnixMillis) -> Result<u64, StorageError> {
        self.record_and_apply(ops, now, Urgency::FreesSpace)
    }

    /// Sets the block limits from here on, and what new streams remember of producers, unless that is
    /// in force already.
    ///
    /// # Errors
    ///
    /// Those of the log; nothing was changed.
    pub fn configure(
        &mut self,
        settings: Settings,
        idmp_settings: IdmpSettings,
        now: UnixMillis,
    ) -> Result<(), StorageError> {
        let mut ops = Ops::new();
        if settings != self.engine.settings() {
            let Settings { block_entries_max, block_bytes_max } = settings;
            ops.push(Op::Configure { block_entries_max, block_bytes_max });
        }
        if idmp_settings != self.engine.idmp_settings() {
            ops.push(Op::ConfigureIdmp { settings: idmp_settings });
        }
        if ops.is_empty() { Ok(()) } else { self.record(&ops, now).map(|_| ()) }
    }

    /// Sets and deletes libraries of functions; one of the same name is replaced. The caller has looked
    /// at their code, and names none to be deleted that is not there.
    ///
    /// # Errors
    ///
    /// The refusal to send; nothing was changed.
    pub fn change_libraries(
        &mut self,
        ops: &[Op<'_>],
        now: UnixMillis,
    ) -> Result<u64, CommandError> {
        debug_assert!(
            ops.iter().all(|op| { matches!(op, Op::LibrarySet { .. } | Op::LibraryDelete { .. }) })
        );
        self.record_and_apply(ops, now, Urgency::Ordinary).map_err(|error| refusal(&error))
    }

    /// Begins a transaction: everything executed until [`Database::end_transaction`] stands in one
    /// record, and so survives a crash whole or not at all.
    ///
    /// # Panics
    ///
    /// If one has begun already: transactions do not nest.
    pub fn begin_transaction(&mut self, now: UnixMillis) {
        assert!(self.transaction.is_none(), "transactions do not nest");
        let lsn = self.log.hold();
        self.transaction = Some(Transaction { payload: Vec::new(), lsn, now, has_room: false });
    }

    /// As [`Database::begin_transaction`], for one that will record about `payload` bytes: refused
    /// as a whole if the log has no room for them, rather than in the middle.
    ///
    /// # Errors
    ///
    /// The refusal to send. No transaction has begun then.
    ///
    /// # Panics
    ///
    /// If one has begun already: transactions do not nest.
    pub fn begin_transaction_with_room(
        &mut self,
        now: UnixMillis,
        payload: usize,
    ) -> Result<(), CommandError> {
        assert!(self.transaction.is_none(), "transactions do not nest");
        // Before there is room: from then on the background leaves it alone.
        let lsn = self.log.hold();
        if let Err(error) = self.log.reserve(payload, Urgency::Ordinary) {
            self.log.release();
            return Err(refusal(&error));
        }
        self.transaction = Some(Transaction { payload: Vec::new(), lsn, now, has_room: true });
        Ok(())
    }

    /// Number of the newest change: of the newest record, or of the one to come while a transaction is
    /// under way that has changed something.
    #[must_use]
    pub fn recorded(&self) -> u64 {
        match &self.transaction {
            Some(transaction) if !transaction.payload.is_empty() => transaction.lsn,
            _ => self.log.last(),
        }
    }

    /// Ends the transaction and returns the LSN of its record, 0 if it changed nothing.
    ///
    /// # Errors
    ///
    /// If the record cannot be appended although there was room for it. Memory is then ahead of the
    /// log, which therefore takes nothing more.
    ///
    /// # Panics
    ///
    /// If none has begun.
    pub fn end_transaction(&mut self) -> Result<u64, StorageError> {
        let transaction = self.transaction.take().expect("end_transaction after begin_transaction");
        let Transaction { payload, lsn, now, .. } = transaction;
        if payload.is_empty() {
            self.log.release();
            return Ok(0);
        }
        let fill = |out: &mut Vec<u8>| out.extend_from_slice(&payload);
        let appended = self.log.append(Kind::Ops, now, Urgency::FreesSpace, fill);
        self.log.release();
        match appended {
            Ok(appended) => {
                assert!(appended == lsn, "record {appended} came before transaction {lsn}");
                Ok(lsn)
            }
            Err(error) => {
                self.log.poison_with(&error);
                Err(error)
            }
        }
    }

    fn record_and_apply(
        &mut self,
        ops: &[Op<'_>],
        now: UnixMillis,
        urgency: Urgency,
    ) -> Result<u64, StorageError> {
        let lsn = if !ops.iter().any(Op::is_recorded) {
            0
        } else if let Some(transaction) = &mut self.transaction {
            let before = transaction.payload.len();
            encode(ops, &mut transaction.payload);
            // The estimate may have been a little low; what has begun shall end.
            let urgency = if transaction.has_room { Urgency::FreesSpace } else { urgency };
            if let Err(error) = self.log.reserve(transaction.payload.len(), urgency) {
                transaction.payload.truncate(before);
                return Err(error);
            }
            transaction.lsn
        } else {
            self.log.append(Kind::Ops, now, urgency, |out| encode(ops, out))?
        };
        // What is not recorded (seen times) carries no version of its own.
        let version = if lsn == 0 { self.log.last() } else { lsn };
        for op in ops {
            self.engine.apply(op, version);
        }
        Ok(lsn)
    }
}

/// Appends the recorded ones of the operations, one behind the other.
fn encode(ops: &[Op<'_>], out: &mut Vec<u8>) {
    for op in ops.iter().filter(|op| op.is_recorded()) {
        codec::encode_into(op, out);
    }
}

/// Whether a command exists to make something go, so that somebody may ask later who sent it. What
/// workers do all the time (XACK, XACKDEL) and what goes by a limit (XADD MAXLEN) is not among them.
fn takes_away(command: &Command<'_>) -> bool {
    matches!(
        command,
        Command::XDel { .. }
            | Command::XDelEx { .. }
            | Command::XTrim { .. }
            | Command::XSetId { .. }
            | Command::XGroupSetId { .. }
            | Command::XGroupDestroy { .. }
            | Command::XGroupDelConsumer { .. }
            | Command::Del { .. }
            | Command::Rename { .. }
            | Command::Move { .. }
            | Command::Flush { .. }
            | Command::SwapDb { .. }
    )
}

/// Whether a command may use the last room in the log: those that give room, or end work.
fn urgency(command: &Command<'_>) -> Urgency {
    match command {
        Command::XAck { .. }
        | Command::XDel { .. }
        | Command::XDelEx { .. }
        | Command::XAckDel { .. }
        | Command::XTrim { .. }
        | Command::XGroupDestroy { .. }
        | Command::XGroupDelConsumer { .. }
        | Command::Del { .. }
        | Command::GetDel { .. }
        | Command::HDel { .. }
        | Command::LPop { .. }
        | Command::LMPop { .. }
        | Command::BLPop { .. }
        | Command::LRem { .. }
        | Command::LTrim { .. }
        | Command::SRem { .. }
        | Command::SPop { .. }
        | Command::ZRem { .. }
        | Command::ZRemRange { .. }
        | Command::ZPop { .. }
        | Command::ZMPop { .. }
        | Command::BZPop { .. }
        | Command::Flush { .. } => Urgency::FreesSpace,
        _ => Urgency::Ordinary,
    }
}

/// What a client is told when the log cannot take a command. Redis's words, as clients match them.
fn refusal(error: &StorageError) -> CommandError {
    if error.is_space() {
        return CommandError::Fixed(
            "MISCONF Errors writing to the AOF file: No space left on device",
        );
    }
    let text = match error {
        StorageError::TooLong { .. } => format!("ERR {error}"),
        _ => format!("MISCONF Errors writing to the AOF file: {error}"),
    };
    CommandError::Text(text.into_bytes().into())
}

/// Makes a directory without our mark into a database. An interrupted attempt may have left its
/// parts; a database that lost its mark is not touched.
fn initialize(fs: &dyn Fs, dir: &Path, options: &Options) -> Result<(), StorageError> {
    for part in [dir::log(dir), dir::blocks(dir), dir::snapshots(dir)] {
        fs.create_dir(&part).map_err(StorageError::io("create", &part))?;
    }
    fs.sync_dir(dir).map_err(StorageError::io("sync", dir))?;

    let segments = dir::list_segments(fs, dir)?;
    let is_begun = !segments.is_empty();
    let is_used = dir::exists(fs, &dir::clean(dir))?
        || !dir::list_ready(fs, dir)?.is_empty()
        || !dir::list_snapshots(fs, dir)?.is_empty()
        || !dir::list_block_files(fs, dir)?.is_empty()
        || (is_begun && segments != [1])
        || (is_begun && last_record(fs, dir)? != 0);
    if is_used {
        return Err(StorageError::corrupt(&dir::format(dir), 0, Damage::Missing));
    }
    for number in dir::list_spares(fs, dir)? {
        let path = dir::spare(dir, number);
        fs.remove(&path).map_err(StorageError::io("remove", &path))?;
    }
    let history = match is_begun {
        true => SegmentReader::open(fs, dir, 1)?.header().history,
        false => fs.random().max(1),
    };
    if !is_begun {
        Log::create(fs, dir, options, (1, history))?;
    }
    // An interrupted attempt may have given the segment its name without making it durable.
    dir::sync_log(fs, dir)?;
    // Last: from here on, a missing part is a lost one.
    dir::put_mark(fs, dir, dir::Mark { history, ..dir::Mark::default() })
}

/// The last record of a log without snapshots; 0 for none.
fn last_record(fs: &dyn Fs, dir: &Path) -> Result<u64, StorageError> {
    let scan = recovery::scan(fs, dir, LogPosition::behind(0), &mut |_, _, _| {}, &mut |_| {})?;
    Ok(scan.end.last)
}

/// What is on disk, in memory.
struct Replayed {
    engine: Engine,
    snapshot_lsn: u64,
    lsn_promised: u64,
    snapshots_damaged: Vec<StorageError>,
    scan: Scan,
    /// Bytes of the records since the snapshot.
    bytes: u64,
}

/// Loads the snapshot and replays the log onto it. Changes nothing on disk.
fn replay(
    fs: &dyn Fs,
    dir: &Path,
    hash_seed: u64,
    damaged: &DamagedBlocks,
    progress: OnProgress<'_>,
) -> Result<Replayed, StorageError> {
    let log_first = recovery::log_first(fs, dir)?;
    let mut voided = Vec::new();
    loop {
        let mut tell = |so_far| {
            progress(so_far);
            Ok(())
        };
        let mut loaded =
            snapshot::load_newest_telling(fs, dir, hash_seed, log_first, damaged, &mut tell)?;
        let position = loaded.log_position();
        let mut replay = Replay::new(&mut loaded.engine, &voided);
        let mut each = |record: &Record<'_>, path: &Path, at| replay.record(record, path, at);
        let scan = match recovery::scan(fs, dir, position, &mut each, progress) {
            // An older snapshot that the log does not reach to (a segment that was given up may be
            // back after a power cut, without those behind it): what matters is why the newest
            // snapshot cannot be used.
            Err(StorageError::Corrupt { .. }) if !loaded.damaged.is_empty() => {
                return Err(loaded.damaged.swap_remove(0));
            }
            other => other?,
        };
        let bytes = replay.bytes;
        if let Some(found) = replay.end()? {
            voided = found;
            continue;
        }
        let Loaded { engine, lsn: snapshot_lsn, lsn_promised, damaged, .. } = loaded;
        let snapshots_damaged = damaged;
        return Ok(Replayed { engine, snapshot_lsn, lsn_promised, snapshots_damaged, scan, bytes });
    }
}

/// From what is on disk to an engine and a log that goes on where the last one ended.
fn recover(
    fs: Arc<dyn Fs>,
    dir: &Path,
    options: &Options,
    damaged: &DamagedBlocks,
    progress: OnProgress<'_>,
) -> Result<(Engine, Log, RecoveryReport), StorageError> {
    let replayed = replay(&*fs, dir, options.hash_seed, damaged, progress)?;
    let Replayed { engine, snapshot_lsn, lsn_promised, snapshots_damaged, scan, bytes } = replayed;
    let was_clean = scan.check_promises(&*fs, dir, snapshot_lsn.max(lsn_promised))?;
    scan.settle_names(&*fs, dir)?;
    // A process that was killed may have left names that only the page cache knows: what was read
    // under them is about to be built upon.
    for part in [&dir::log(dir), &dir::blocks(dir), &dir::snapshots(dir), &dir.to_path_buf()] {
        fs.sync_dir(part).map_err(StorageError::io("sync", part))?;
    }
    if !was_clean {
        scan.settle(&*fs, dir)?;
    }
    // An interrupted checkpoint's files. That they are still there harms nobody.
    if let Err(error) = snapshot::remove_leftovers(&*fs, dir) {
        tracing::warn!(%error, "could not remove what an interrupted checkpoint left");
    }
    let report = RecoveryReport {
        snapshot_lsn,
        last_lsn: scan.end.last,
        records: scan.end.last - snapshot_lsn,
        bytes,
        was_clean,
        torn_tail: scan.torn,
        snapshots_damaged,
    };
    let log = Log::open(fs.clone(), dir, options.clone(), scan.end)?;
    if was_clean {
        // Durably gone before the first write: it must never vouch for a longer log.
        let path = dir::clean(dir);
        fs.remove(&path).map_err(StorageError::io("remove", &path))?;
        fs.sync_dir(dir).map_err(StorageError::io("sync", dir))?;
    }
    Ok((engine, log, report))
}
