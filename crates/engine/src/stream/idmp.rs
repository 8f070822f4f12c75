//! Idempotent produce (Redis 8.6): what a stream remembers of its producers' messages, so that one
//! sent twice is stored once.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Stream;
use crate::command::XAdd;
use crate::decide::View;
use crate::engine::Decision;
use crate::error::CommandError;
use crate::fields::Fields;
use crate::id::{StreamId, UnixMillis};
use crate::op::{Op, Text};
use crate::reply::Reply;

/// Seconds that an idempotent ID may be remembered.
pub const IDMP_DURATION_S_MAX: u64 = 86_400;
/// Idempotent IDs that may be remembered of one producer.
pub const IDMP_IIDS_MAX: u64 = 10_000;

/// Expired IDs of all producers are dropped so often at most, as in Redis.
const SWEEP_MS: u64 = 1000;

/// How long and how many idempotent IDs are remembered of each producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdmpSettings {
    /// `stream-idmp-duration`: seconds, 1 to [`IDMP_DURATION_S_MAX`].
    pub duration_s: u64,
    /// `stream-idmp-maxsize`: IDs, 1 to [`IDMP_IIDS_MAX`].
    pub iids_max: u64,
}

impl Default for IdmpSettings {
    fn default() -> Self {
        Self { duration_s: 100, iids_max: 100 }
    }
}

/// What one stream remembers. The age of an ID counts from its insertion; those of a producer are
/// forgotten in that order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Idmp {
    settings: IdmpSettings,
    /// Messages stored over the stream's lifetime.
    added: u64,
    /// Messages that had been stored before.
    duplicates: u64,
    swept_at: UnixMillis,
    producers: BTreeMap<Box<[u8]>, Producer>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Producer {
    known: BTreeMap<Arc<[u8]>, Known>,
    /// The same IDs, oldest first.
    ages: VecDeque<Arc<[u8]>>,
}

/// A message of a producer.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Known {
    id: StreamId,
    time: UnixMillis,
}

impl Known {
    fn is_expired(self, settings: IdmpSettings, now: UnixMillis) -> bool {
        self.time.saturating_add(settings.duration_s * 1000) <= now
    }
}

impl Idmp {
    pub(crate) fn new(settings: IdmpSettings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// What is to be remembered of each producer.
    pub(crate) fn settings(&self) -> IdmpSettings {
        self.settings
    }

    /// The entry that a message was stored as, if that is remembered.
    fn find(&self, pid: &[u8], iid: &[u8], now: UnixMillis) -> Option<StreamId> {
        let known = self.producers.get(pid)?.known.get(iid)?;
        (!known.is_expired(self.settings, now)).then_some(known.id)
    }

    /// Producers and IDs that are remembered.
    fn tracked(&self, now: UnixMillis) -> (usize, usize) {
        let left = |it: &Producer| it.ages.len() - it.expired(self.settings, now);
        let left = self.producers.values().map(left).filter(|left| *left != 0);
        left.fold((0, 0), |(pids, iids), left| (pids + 1, iids + left))
    }

    /// A message is stored at `time` as entry `id`; `is_new` counts it.
    pub(crate) fn insert(
        &mut self,
        pid: &[u8],
        iid: &[u8],
        id: StreamId,
        time: UnixMillis,
        is_new: bool,
    ) {
        self.added = self.added.saturating_add(u64::from(is_new));
        if self.swept_at.saturating_add(SWEEP_MS) <= time {
            self.sweep(time);
        }
        let iids_max = usize::try_from(self.settings.iids_max).unwrap_or(usize::MAX);
        let producer = match self.producers.get_mut(pid) {
            Some(producer) => producer,
            None => self.producers.entry(pid.into()).or_default(),
        };
        producer.forget(producer.expired(self.settings, time));
        // A clock that went back must not put the order of ages into doubt.
        let last = producer.ages.back().map(|iid| producer.known[iid].time);
        let time = last.map_or(time, |last| last.max(time));
        let iid: Arc<[u8]> = iid.into();
        producer.known.insert(Arc::clone(&iid), Known { id, time });
        producer.ages.push_back(iid);
        producer.forget(producer.ages.len().saturating_sub(iids_max));
    }

    pub(crate) fn count_duplicate(&mut self) {
        self.duplicates = self.duplicates.saturating_add(1);
    }

    /// XCFGSET with another value: all is forgotten but the counters.
    pub(crate) fn configure(&mut self, settings: IdmpSettings) {
        self.settings = settings;
        self.producers.clear();
    }

    fn sweep(&mut self, now: UnixMillis) {
        self.swept_at = now;
        let settings = self.settings;
        self.producers.retain(|_, producer| {
            producer.forget(producer.expired(settings, now));
            !producer.ages.is_empty()
        });
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let of_producer = |pid: &[u8], producer: &Producer| {
            let iids: usize = producer.ages.iter().map(|iid| iid.len() + 64).sum();
            pid.len() + size_of::<Producer>() + iids
        };
        size_of::<Self>()
            + self.producers.iter().map(|(pid, producer)| of_producer(pid, producer)).sum::<usize>()
    }

    /// The six fields of XINFO STREAM.
    pub(crate) fn info(&self, now: UnixMillis) -> [(Reply, Reply); 6] {
        let (pids, iids) = self.tracked(now);
        [
            (Reply::text("idmp-duration"), Reply::count(self.settings.duration_s)),
            (Reply::text("idmp-maxsize"), Reply::count(self.settings.iids_max)),
            (Reply::text("pids-tracked"), Reply::count(pids)),
            (Reply::text("iids-tracked"), Reply::count(iids)),
            (Reply::text("iids-added"), Reply::count(self.added)),
            (Reply::text("iids-duplicates"), Reply::count(self.duplicates)),
        ]
    }
}

impl Producer {
    /// The oldest `count` IDs go.
    fn forget(&mut self, count: usize) {
        for iid in self.ages.drain(..count) {
            self.known.remove(&iid);
        }
    }

    /// How many of the oldest IDs are too old.
    fn expired(&self, settings: IdmpSettings, now: UnixMillis) -> usize {
        self.ages.partition_point(|iid| self.known[iid].is_expired(settings, now))
    }
}

/// A part of what a stream remembers, in a snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum IdmpItem<'a> {
    /// First: settings and counters.
    Numbers {
        /// Settings of the stream.
        settings: IdmpSettings,
        /// Messages stored over the stream's lifetime.
        added: u64,
        /// Messages that had been stored before.
        duplicates: u64,
        /// When old IDs were last dropped.
        swept_at: UnixMillis,
    },
    /// IDs of one producer, oldest first; one with many has several such items.
    Producer {
        /// Its name.
        #[serde(borrow)]
        pid: Text<'a>,
        /// Time of insertion, entry, idempotent ID.
        #[serde(borrow)]
        iids: Vec<(UnixMillis, StreamId, Text<'a>)>,
    },
}

/// Bytes of idempotent IDs after which an item ends.
const ITEM_BYTES: usize = 256 << 10;

impl Idmp {
    pub(super) fn items(&self) -> impl Iterator<Item = IdmpItem<'_>> {
        let &Self { settings, added, duplicates, swept_at, .. } = self;
        let numbers = IdmpItem::Numbers { settings, added, duplicates, swept_at };
        let producers = self.producers.iter().flat_map(|(pid, producer)| producer.items(pid));
        std::iter::once(numbers).chain(producers)
    }

    pub(super) fn load(&mut self, item: &IdmpItem<'_>) -> Result<(), &'static str> {
        match item {
            IdmpItem::Numbers { settings, added, duplicates, swept_at } => {
                let fits = (1..=IDMP_DURATION_S_MAX).contains(&settings.duration_s)
                    && (1..=IDMP_IIDS_MAX).contains(&settings.iids_max);
                if !fits {
                    return Err("settings of idempotent produce out of bounds");
                }
                let producers = BTreeMap::new();
                let (settings, swept_at) = (*settings, *swept_at);
                *self =
                    Self { settings, added: *added, duplicates: *duplicates, swept_at, producers };
            }
            IdmpItem::Producer { pid, iids } => {
                let producer = self.producers.entry((&**pid).into()).or_default();
                for (time, id, iid) in iids {
                    let iid: Arc<[u8]> = (&**iid).into();
                    let last = producer.ages.back().map(|iid| producer.known[iid].time);
                    let known = Known { id: *id, time: *time };
                    if last.is_some_and(|last| *time < last)
                        || producer.known.insert(Arc::clone(&iid), known).is_some()
                    {
                        return Err("idempotent IDs out of order");
                    }
                    producer.ages.push_back(iid);
                }
            }
        }
        Ok(())
    }
}

impl Producer {
    fn items<'a>(&'a self, pid: &'a [u8]) -> impl Iterator<Item = IdmpItem<'a>> {
        let mut rest = self.ages.iter().peekable();
        std::iter::from_fn(move || {
            rest.peek()?;
            let mut iids = Vec::new();
            let mut bytes = 0;
            while let Some(iid) = rest.next_if(|_| bytes < ITEM_BYTES) {
                let Known { id, time } = self.known[iid];
                bytes += iid.len() + size_of::<Known>();
                iids.push((time, id, Text::Borrowed(iid)));
            }
            Some(IdmpItem::Producer { pid: Text::Borrowed(pid), iids })
        })
    }
}

/// XADD with IDMP or IDMPAUTO (`iid` is `None`): as XADD, unless the message was stored before.
pub(crate) fn xadd_once<'a>(
    view: &View<'_>,
    xadd: &XAdd<'a>,
    pid: &'a [u8],
    iid: Option<&'a [u8]>,
) -> Result<Decision<'a>, CommandError> {
    let (db, key, now) = (view.context.db, xadd.key, view.context.now);
    let stream = view.stream(key)?;
    let iid = iid.map_or_else(|| Text::Owned(hash(&xadd.fields)), Text::Borrowed);
    let known = stream.and_then(|stream| stream.idmp.as_ref()?.find(pid, &iid, now));
    if let Some(id) = known {
        return Ok(Decision::change(Reply::Id(id), Op::StreamDuplicate { db, key }));
    }
    let mut decision = super::write::xadd(view, xadd)?;
    if let Reply::Id(id) = decision.reply {
        let message = Op::StreamMessage { db, key, pid, iid, id, time: now, is_new: true };
        // Behind the entry, which makes the stream.
        decision.ops.insert(1, message);
    }
    Ok(decision)
}

/// <https://redis.io/commands/xcfgset>
pub(crate) fn xcfgset<'a>(
    view: &View<'_>,
    key: &'a [u8],
    duration_s: Option<u64>,
    iids_max: Option<u64>,
) -> Result<Decision<'a>, CommandError> {
    let stream = view.stream(key)?.ok_or(CommandError::NoSuchKey)?;
    let present = stream.idmp.as_ref().map_or_else(IdmpSettings::default, |idmp| idmp.settings());
    let settings = IdmpSettings {
        duration_s: duration_s.unwrap_or(present.duration_s),
        iids_max: iids_max.unwrap_or(present.iids_max),
    };
    // The values that are in force already change nothing, and nothing is forgotten.
    Ok(if settings == present {
        Decision::reply(Reply::Ok)
    } else {
        Decision::change(Reply::Ok, Op::StreamConfigure { db: view.context.db, key, settings })
    })
}

/// XIDMPRECORD: what a rewritten log of Redis says of a message.
pub(crate) fn xidmprecord<'a>(
    view: &View<'_>,
    key: &'a [u8],
    pid: &'a [u8],
    iid: &'a [u8],
    id: StreamId,
) -> Result<Decision<'a>, CommandError> {
    const GONE: CommandError =
        CommandError::Fixed("ERR The specified stream ID was deleted or doesn't exist");
    const OTHER: CommandError = CommandError::Fixed(
        "ERR The specified IDMP producer-id/idempotent-id pair maps to a different stream ID",
    );
    let (db, time) = (view.context.db, view.context.now);
    let stream = view.stream(key)?.ok_or(CommandError::NoSuchKey)?;
    match stream.idmp.as_ref().and_then(|idmp| idmp.find(pid, iid, time)) {
        Some(known) if known == id => return Ok(Decision::reply(Reply::Ok)),
        Some(_) => return Err(OTHER),
        None => {}
    }
    if !stream.contains(id).map_err(|damage| damage.of(key))? {
        return Err(GONE);
    }
    let iid = Text::Borrowed(iid);
    let op = Op::StreamMessage { db, key, pid, iid, id, time, is_new: false };
    Ok(Decision::change(Reply::Ok, op))
}

impl Stream {
    /// Applies an operation about idempotent produce.
    pub(crate) fn apply_idmp(&mut self, op: &Op<'_>) {
        let idmp = self.idmp.get_or_insert_default();
        match op {
            Op::StreamMessage { pid, iid, id, time, is_new, .. } => {
                idmp.insert(pid, iid, *id, *time, *is_new);
            }
            Op::StreamDuplicate { .. } => idmp.count_duplicate(),
            Op::StreamConfigure { settings, .. } => idmp.configure(*settings),
            _ => unreachable!("not about idempotent produce: {op:?}"),
        }
    }
}

/// 128 bits of the field/value pairs, whatever their order: the sum of the pairs' own hashes, in which
/// lengths keep names and values apart.
fn hash(fields: &Fields<'_>) -> Vec<u8> {
    let of_pair = |(name, value): (&[u8], &[u8])| {
        let mut hasher = Sha256::new();
        hasher.update((name.len() as u64).to_le_bytes());
        hasher.update(name);
        hasher.update(value);
        let digest = hasher.finalize();
        u128::from_le_bytes(*digest.first_chunk().expect("256 bits have 128"))
    };
    let sum = fields.pairs().map(of_pair).fold(0, u128::wrapping_add);
    sum.to_le_bytes().to_vec()
}
