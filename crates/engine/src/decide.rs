//! Decide: the rule of each command, and the view of the state that rules look through.

use std::cell::Cell;

use crate::command::{Command, Context};
use crate::engine::{Decision, Engine};
use crate::error::CommandError;
use crate::keyspace::{Db, Entry, Hash, Value};
use crate::list::List;
use crate::reply::{Nesting, Reply, Scored, Shape, Strings};
use crate::set::Set;
use crate::sorted_set::SortedSet;
use crate::stream::Stream;
use crate::{group, hashes, keys, lcs, list, scan, set, sort, sorted_set, stream, strings};

/// Finds the rule of each command. One arm each; the rules live beside the state they read.
pub(crate) fn decide<'a>(
    view: &View<'_>,
    command: &Command<'a>,
) -> Result<Decision<'a>, CommandError> {
    match command {
        Command::XAdd(xadd) => stream::write::xadd(view, xadd),
        Command::XAddOnce { xadd, pid, iid } => stream::idmp::xadd_once(view, xadd, pid, *iid),
        Command::XCfgSet { key, duration_s, iids_max } => {
            stream::idmp::xcfgset(view, key, *duration_s, *iids_max)
        }
        Command::XIdmpRecord { key, pid, iid, id } => {
            stream::idmp::xidmprecord(view, key, pid, iid, *id)
        }
        Command::XLen { key } => stream::read::xlen(view, key),
        Command::XRange { key, range, count, order } => {
            stream::read::xrange(view, key, *range, *count, *order)
        }
        Command::XDel { key, ids } => stream::write::xdel(view, key, ids),
        Command::XDelEx { key, disposal } => stream::dispose::xdelex(view, key, disposal),
        Command::XAckDel { key, group, disposal } => {
            stream::dispose::xackdel(view, key, group, disposal)
        }
        Command::XTrim { key, trim } => stream::write::xtrim(view, key, *trim),
        Command::XSetId { key, last_id, entries_added, max_deleted_id } => {
            stream::write::xsetid(view, key, *last_id, *entries_added, *max_deleted_id)
        }
        Command::XRead(xread) => stream::read::xread(view, xread),
        Command::XInfoStream { key, detail } => stream::info::xinfo_stream(view, key, detail),
        Command::XReadGroup(command) => group::decide_read_group(view, command),
        Command::XAck { key, group, ids } => group::decide_ack(view, key, group, ids),
        Command::XNack { key, group, release } => group::decide_release(view, key, group, release),
        Command::XPending { key, group, range } => group::decide_pending(view, key, group, *range),
        Command::XClaim { key, group, consumer, claim } => {
            group::decide_claim(view, key, group, consumer, claim)
        }
        Command::XAutoClaim(command) => group::decide_auto_claim(view, command),
        Command::XGroupCreate { key, group, from, make_stream, entries_read } => {
            group::decide_create(view, key, group, from, *make_stream, *entries_read)
        }
        Command::XGroupSetId { key, group, from, entries_read } => {
            group::decide_set_id(view, key, group, from, *entries_read)
        }
        Command::XGroupDestroy { key, group } => group::decide_destroy(view, key, group),
        Command::XGroupCreateConsumer { key, group, consumer } => {
            group::decide_create_consumer(view, key, group, consumer)
        }
        Command::XGroupDelConsumer { key, group, consumer } => {
            group::decide_delete_consumer(view, key, group, consumer)
        }
        Command::XInfoGroups { key } => group::decide_info_groups(view, key),
        Command::XInfoConsumers { key, group } => group::decide_info_consumers(view, key, group),
        _ => decide_about_keys(view, command),
    }
}

/// Keys, strings and hashes: the rules stand in keys.rs, scan.rs, strings.rs and
/// hashes.rs.
fn decide_about_keys<'a>(
    view: &View<'_>,
    command: &Command<'a>,
) -> Result<Decision<'a>, CommandError> {
    use Command as C;
    match *command {
        // ---- keys ----
        C::Del { keys: names } => keys::del(view, names),
        C::Exists { keys: names } => keys::exists(view, names),
        C::Touch { keys: names } => keys::touch(view, names),
        C::Type { key } => keys::type_of(view, key),
        C::Expire { key, when, condition } => keys::expire(view, key, when, condition),
        C::Ttl { key, unit, form } => keys::ttl(view, key, unit, form),
        C::Persist { key } => keys::persist(view, key),
        C::Rename { key, new_key, only_if_free } => keys::rename(view, key, new_key, only_if_free),
        C::Copy { key, new_key, new_db, replace } => {
            keys::copy(view, key, new_key, new_db, replace)
        }
        C::Dump { key } => keys::dump(view, key),
        C::Restore(ref restore) => keys::restore(view, restore),
        C::Lcs { keys: names, ref options } => lcs::lcs(view, names, options),
        C::Move { key, new_db } => keys::move_to(view, key, new_db),
        C::Keys { pattern } => scan::keys(view, pattern),
        C::Scan { cursor, pattern, count, type_name } => {
            scan::scan(view, cursor, pattern, count, type_name)
        }
        C::RandomKey { draw } => keys::random_key(view, draw),
        C::DbSize => keys::db_size(view),
        C::Flush { all } => keys::flush(view, all),
        C::SwapDb { first, second } => keys::swap_db(first, second),
        C::Object { key, what } => keys::object(view, key, what),
        C::MemoryUsage { key } => keys::memory_usage(view, key),
        // ---- strings ----
        C::Get { key } => strings::get(view, key),
        C::Set(ref set) => strings::set(view, set),
        C::GetSet { key, value } => strings::get_set(view, key, value),
        C::GetDel { key } => strings::get_del(view, key),
        C::GetEx { key, ref expiry } => strings::get_ex(view, key, expiry),
        C::MGet { keys: names } => strings::m_get(view, names),
        C::MSet { pairs, only_if_free } => strings::m_set(view, pairs, only_if_free),
        C::IncrBy { key, by } => strings::incr_by(view, key, by),
        C::IncrByFloat { key, ref by } => strings::incr_by_float(view, key, by),
        C::Append { key, value } => strings::append(view, key, value),
        C::StrLen { key } => strings::str_len(view, key),
        C::GetRange { key, start, end } => strings::get_range(view, key, start, end),
        C::SetRange { key, offset, value } => strings::set_range(view, key, offset, value),
        // ---- hashes ----
        C::HSet { key, pairs, legacy_reply } => hashes::h_set(view, key, pairs, legacy_reply),
        C::HSetNx { key, field, value } => hashes::h_set_nx(view, key, field, value),
        C::HGet { key, field } => hashes::h_get(view, key, field),
        C::HMGet { key, fields } => hashes::h_m_get(view, key, fields),
        C::HGetAll { key, part } => hashes::h_get_all(view, key, part),
        C::HDel { key, fields } => hashes::h_del(view, key, fields),
        C::HExists { key, field } => hashes::h_exists(view, key, field),
        C::HLen { key } => hashes::h_len(view, key),
        C::HStrLen { key, field } => hashes::h_str_len(view, key, field),
        C::HIncrBy { key, field, by } => hashes::h_incr_by(view, key, field, by),
        C::HIncrByFloat { key, field, by } => hashes::h_incr_by_float(view, key, field, by),
        C::HScan { key, cursor, ref filter } => scan::hash_scan(view, key, cursor, filter),
        C::HRandField { key, count, with_values, draw } => {
            hashes::h_rand_field(view, key, count, with_values, draw)
        }
        _ => decide_about_collections(view, command),
    }
}

/// Lists and sets: the rules stand in their folders.
fn decide_about_collections<'a>(
    view: &View<'_>,
    command: &Command<'a>,
) -> Result<Decision<'a>, CommandError> {
    use Command as C;
    use list::{moves, read, write};
    use set::{combine, random};
    match *command {
        // ---- lists ----
        C::LPush { key, end, values, only_if_present } => {
            write::push(view, key, end, values, only_if_present)
        }
        C::LPop { key, end, count } => write::pop(view, key, end, count),
        C::LLen { key } => read::l_len(view, key),
        C::LRange { key, start, stop } => read::l_range(view, key, start, stop),
        C::LIndex { key, ref index } => read::l_index(view, key, index),
        C::LSet { key, ref index, value } => write::l_set(view, key, index, value),
        C::LInsert { key, place, pivot, value } => write::l_insert(view, key, place, pivot, value),
        C::LRem { key, count, value } => write::l_rem(view, key, count, value),
        C::LTrim { key, start, stop } => write::l_trim(view, key, start, stop),
        C::LPos { key, ref search } => read::l_pos(view, key, search),
        C::LMove { key, new_key, from, to, block_ms } => {
            moves::l_move(view, key, new_key, from, to, block_ms.is_some())
        }
        C::LMPop { keys, end, count, block_ms } => {
            moves::l_m_pop(view, keys, end, count, block_ms.is_some())
        }
        C::BLPop { keys, end, .. } => moves::bl_pop(view, keys, end),
        // ---- sets ----
        C::SAdd { key, members } => set::write::s_add(view, key, members),
        C::SRem { key, members } => set::write::s_rem(view, key, members),
        C::SMembers { key } => set::read::s_members(view, key),
        C::SIsMember { key, member } => set::read::s_is_member(view, key, member),
        C::SMIsMember { key, members } => set::read::s_m_is_member(view, key, members),
        C::SCard { key } => set::read::s_card(view, key),
        C::SPop { key, count, draw } => random::s_pop(view, key, count, draw),
        C::SRandMember { key, count, draw } => random::s_rand_member(view, key, count, draw),
        C::SMove { key, new_key, member } => set::write::s_move(view, key, new_key, member),
        C::SCombine { operation, keys } => combine::combine(view, operation, keys),
        C::SCombineStore { operation, new_key, keys } => {
            combine::combine_and_store(view, operation, new_key, keys)
        }
        C::SInterCard { keys, limit } => combine::s_inter_card(view, keys, limit),
        C::SScan { key, cursor, ref filter } => scan::set_scan(view, key, cursor, filter),
        C::Sort(ref command) => sort::sort(view, command),
        _ => decide_about_sorted_sets(view, command),
    }
}

/// Sorted sets: the rules stand in their folder.
fn decide_about_sorted_sets<'a>(
    view: &View<'_>,
    command: &Command<'a>,
) -> Result<Decision<'a>, CommandError> {
    use Command as C;
    use sorted_set::{combine, pop, random, read, write};
    match *command {
        C::ZAdd(ref zadd) => write::z_add(view, zadd),
        C::ZRem { key, members } => write::z_rem(view, key, members),
        C::ZRemRange { key, ref range } => write::z_rem_range(view, key, range),
        C::ZCard { key } => read::z_card(view, key),
        C::ZScore { key, member } => read::z_score(view, key, member),
        C::ZMScore { key, members } => read::z_m_score(view, key, members),
        C::ZCount { key, ref range } => read::z_count(view, key, range),
        C::ZRank { key, member, direction, with_score } => {
            read::z_rank(view, key, member, direction, with_score)
        }
        C::ZRange(ref range) => read::z_range(view, range),
        C::ZRangeStore { new_key, ref range } => read::z_range_store(view, new_key, range),
        C::ZPop { key, end, count } => pop::z_pop(view, key, end, count),
        C::ZMPop { keys, end, count, block_ms } => {
            pop::z_m_pop(view, keys, end, count, block_ms.is_some())
        }
        C::BZPop { keys, end, .. } => pop::bz_pop(view, keys, end),
        C::ZCombine(ref command) => combine::combine(view, command),
        C::ZCombineStore { new_key, ref combine } => {
            combine::combine_and_store(view, new_key, combine)
        }
        C::ZInterCard { keys, ref limit } => combine::z_inter_card(view, keys, limit),
        C::ZRandMember { key, count, with_scores, draw } => {
            random::z_rand_member(view, key, count, with_scores, draw)
        }
        C::ZScan { key, cursor, ref filter } => scan::sorted_set_scan(view, key, cursor, filter),
        _ => Err(CommandError::Fixed("ERR not yet")),
    }
}

/// The state as one command sees it: one database, one instant, expired keys missing.
pub(crate) struct View<'e> {
    pub(crate) engine: &'e Engine,
    pub(crate) context: Context,
    /// The newest version looked at; becomes [`Decision::seen`].
    pub(crate) seen: Cell<u64>,
}

impl<'e> View<'e> {
    /// The selected database.
    pub(crate) fn db(&self) -> &'e Db {
        &self.engine.dbs[usize::from(self.context.db)]
    }

    /// The live entry of a key in the selected database. Looking counts: the reply then depends on
    /// the key's last change, or on the last removal if the key is missing.
    pub(crate) fn entry(&self, key: &[u8]) -> Option<&'e Entry> {
        self.entry_in(self.context.db, key)
    }

    /// As [`View::entry`], in any database.
    pub(crate) fn entry_in(&self, db: u8, key: &[u8]) -> Option<&'e Entry> {
        let entry = self.peek_in(db, key);
        if let Some(entry) = entry
            && !self.engine.leaves_untouched()
        {
            entry.touch(self.engine.clock_s());
        }
        entry
    }

    /// As [`View::entry`], without counting as an access for OBJECT IDLETIME.
    pub(crate) fn peek(&self, key: &[u8]) -> Option<&'e Entry> {
        self.peek_in(self.context.db, key)
    }

    /// As [`View::peek`], in any database.
    pub(crate) fn peek_in(&self, db: u8, key: &[u8]) -> Option<&'e Entry> {
        let db = &self.engine.dbs[usize::from(db)];
        let entry = db.entry(key);
        // That a key is missing because it expired depends on the change that set its expiry.
        self.saw(entry.map_or(db.removed_version, |entry| entry.version).max(db.swapped_version));
        entry.filter(|entry| !entry.is_expired(self.context.now))
    }

    /// The stream of a key.
    pub(crate) fn stream(&self, key: &[u8]) -> Result<Option<&'e Stream>, CommandError> {
        match self.entry(key).map(|entry| &entry.value) {
            None => Ok(None),
            Some(Value::Stream(stream)) => Ok(Some(stream)),
            Some(_) => Err(CommandError::WrongType),
        }
    }

    /// The bytes of a string key.
    pub(crate) fn string(&self, key: &[u8]) -> Result<Option<&'e [u8]>, CommandError> {
        self.entry(key).map(|entry| entry.value.string()).transpose()
    }

    /// The fields of a hash key.
    pub(crate) fn hash(&self, key: &[u8]) -> Result<Option<&'e Hash>, CommandError> {
        match self.entry(key).map(|entry| &entry.value) {
            None => Ok(None),
            Some(Value::Hash(hash)) => Ok(Some(hash)),
            Some(_) => Err(CommandError::WrongType),
        }
    }

    /// The list of a key.
    pub(crate) fn list(&self, key: &[u8]) -> Result<Option<&'e List>, CommandError> {
        self.entry(key).map(|entry| entry.value.list()).transpose()
    }

    /// The set of a key.
    pub(crate) fn set(&self, key: &[u8]) -> Result<Option<&'e Set>, CommandError> {
        self.entry(key).map(|entry| entry.value.set()).transpose()
    }

    /// The sorted set of a key.
    pub(crate) fn sorted_set(&self, key: &[u8]) -> Result<Option<&'e SortedSet>, CommandError> {
        self.entry(key).map(|entry| entry.value.sorted_set()).transpose()
    }

    /// A bulk string that copies `bytes`, if a client may be sent so much.
    pub(crate) fn bulk(&self, bytes: &[u8]) -> Reply {
        if self.engine.reply_bytes_max < bytes.len() { Reply::TooLong } else { Reply::bulk(bytes) }
    }

    /// So many bytes of reply may be gathered.
    pub(crate) fn reply_bytes_max(&self) -> usize {
        self.engine.reply_bytes_max
    }

    /// Replies into an array, as long as a client may be sent so much.
    pub(crate) fn gather(&self, replies: impl Iterator<Item = Reply>) -> Reply {
        let mut left = self.engine.reply_bytes_max;
        let gathered = replies.map(|reply| {
            left = left.checked_sub(reply.bytes_min())?;
            Some(reply)
        });
        gathered.collect::<Option<_>>().map_or(Reply::TooLong, Reply::Array)
    }

    /// Strings into one reply, as long as a client may be sent so much.
    pub(crate) fn gather_strings<'s>(
        &self,
        shape: Shape,
        mut strings: impl Iterator<Item = &'s [u8]>,
    ) -> Reply {
        let mut gathered = Strings::default();
        let max = self.engine.reply_bytes_max;
        match strings.try_for_each(|string| gathered.push(string, max)) {
            Some(()) => Reply::Strings(gathered, shape),
            None => Reply::TooLong,
        }
    }

    /// Members with their scores into one reply, as long as a client may be sent so much.
    pub(crate) fn gather_scored<'s>(
        &self,
        nesting: Nesting,
        mut members: impl Iterator<Item = (&'s [u8], f64)>,
    ) -> Reply {
        let mut gathered = Scored::of(nesting, &[]);
        let max = self.engine.reply_bytes_max;
        match members.try_for_each(|(member, score)| gathered.push(member, score, max)) {
            Some(()) => Reply::Scored(gathered),
            None => Reply::TooLong,
        }
    }

    /// Notes that the reply depends on a change.
    pub(crate) fn saw(&self, version: u64) {
        self.seen.set(self.seen.get().max(version));
    }
}
