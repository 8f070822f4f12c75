//! Apply: what each operation does to the state. The only code that changes it.

use crate::engine::{Engine, Settings};
use crate::image::dump;
use crate::keyspace::{Hash, Value};
use crate::op::Op;
use crate::stream::{Sealer, Stream};
use crate::{group, list, set, sorted_set};

/// Fields up to which a hash keeps its insertion order when one of them goes. Beyond it the last
/// field moves into the gap, as closing the gap would cost time in proportion to the hash.
///
/// Part of the meaning of [`Op::HashDelete`]: the same log must give the same order.
pub(crate) const HASH_ORDERED_FIELDS_MAX: usize = 128;

/// Room that a growing string gets beyond its need, at most.
const STRING_ROOM_MAX: usize = 1 << 20;

/// Why a lookup in `apply` cannot fail.
pub(crate) const PRESENT: &str = "decide saw the key, and the record holds its decision";

impl Engine {
    /// Applies one operation. `version` is the number of the record that carries it, never smaller
    /// than that of an earlier one.
    ///
    /// # Panics
    ///
    /// If the operation does not fit the state: it came from another history, which is our own bug.
    pub fn apply(&mut self, op: &Op<'_>, version: u64) {
        match *op {
            Op::Configure { block_entries_max, block_bytes_max } => {
                self.settings = Settings { block_entries_max, block_bytes_max };
            }
            Op::Origin { .. } => {}
            Op::ConfigureIdmp { settings } => self.idmp_settings = settings,
            Op::LibrarySet { name, code } => {
                self.libraries.insert(name.into(), code.into());
            }
            Op::LibraryDelete { name } => {
                self.libraries.remove(name).expect(PRESENT);
            }
            Op::Delete { .. }
            | Op::Expire { .. }
            | Op::Rename { .. }
            | Op::Copy { .. }
            | Op::Flush { .. }
            | Op::SwapDb { .. }
            | Op::Restore { .. } => self.apply_to_keys(op, version),
            Op::StringSet { .. }
            | Op::StringWrite { .. }
            | Op::HashSet { .. }
            | Op::HashSetField { .. }
            | Op::HashDelete { .. } => self.apply_to_value(op, version),
            Op::GroupCreate { db, key, .. }
            | Op::GroupSetId { db, key, .. }
            | Op::GroupDestroy { db, key, .. }
            | Op::ConsumerCreate { db, key, .. }
            | Op::ConsumerDelete { db, key, .. }
            | Op::Deliver { db, key, .. }
            | Op::Redeliver { db, key, .. }
            | Op::Claim { db, key, .. }
            | Op::Ack { db, key, .. }
            | Op::Release { db, key, .. }
            | Op::StreamForget { db, key, .. } => {
                group::apply(stream(self.dbs[usize::from(db)].change(key, version)), op);
            }
            Op::ListPush { .. }
            | Op::ListPop { .. }
            | Op::ListMove { .. }
            | Op::ListSet { .. }
            | Op::ListInsert { .. }
            | Op::ListRemove { .. }
            | Op::ListTrim { .. } => list::apply::apply(self, op, version),
            Op::SetAdd { .. } | Op::SetRemove { .. } => set::apply::apply(self, op, version),
            Op::SortedSetAdd { .. }
            | Op::SortedSetRemove { .. }
            | Op::SortedSetRemoveRange { .. } => sorted_set::apply::apply(self, op, version),
            // Not recorded, so no version of the key: nobody's reply depends on it.
            Op::ConsumerSeen { db, key, .. } => {
                group::apply(stream(self.dbs[usize::from(db)].value_mut(key)), op);
            }
            _ => self.apply_to_stream(op, version),
        }
    }

    fn apply_to_keys(&mut self, op: &Op<'_>, version: u64) {
        let clock_s = self.clock_s();
        match *op {
            Op::Delete { db, key } => {
                self.dbs[usize::from(db)].remove(key, version);
            }
            Op::Expire { db, key, at } => {
                assert!(self.dbs[usize::from(db)].set_expiry(key, at, version), "{PRESENT}");
            }
            Op::Rename { db, key, new_db, new_key } => {
                let entry = self.dbs[usize::from(db)].remove(key, version).expect(PRESENT);
                self.dbs[usize::from(new_db)].insert_entry(new_key, entry, version);
            }
            Op::Copy { db, key, new_db, new_key } => {
                let entry = self.dbs[usize::from(db)].entry(key).expect(PRESENT);
                let copy = entry.duplicate(clock_s);
                self.dbs[usize::from(new_db)].insert_entry(new_key, copy, version);
            }
            Op::Restore { db, key, expire_at, accessed_s, payload } => {
                let value = dump::load(payload, self.hash_seed, self.settings, &mut self.sealer)
                    .expect("decide has loaded it, and the record holds the same bytes");
                let accessed_s = accessed_s.unwrap_or(clock_s);
                self.dbs[usize::from(db)].insert(key, value, expire_at, version, accessed_s);
            }
            Op::Flush { db: Some(db) } => self.dbs[usize::from(db)].clear(version),
            Op::Flush { db: None } => self.dbs.iter_mut().for_each(|db| db.clear(version)),
            Op::SwapDb { first, second } => {
                self.dbs.swap(usize::from(first), usize::from(second));
                for db in [first, second] {
                    self.dbs[usize::from(db)].swapped(version);
                }
            }
            _ => unreachable!("not about keys: {op:?}"),
        }
    }

    fn apply_to_value(&mut self, op: &Op<'_>, version: u64) {
        let clock_s = self.clock_s();
        match *op {
            Op::StringSet { db, key, ref value, expire_at } => {
                let value = Value::String(value.to_vec());
                self.dbs[usize::from(db)].insert(key, value, expire_at, version, clock_s);
            }
            Op::StringWrite { db, key, offset, ref value } => {
                let db = &mut self.dbs[usize::from(db)];
                let make = |_| Value::String(Vec::new());
                let entry = db.change_or_insert_with(key, version, clock_s, make);
                let Value::String(string) = &mut entry.value else { unreachable!("{PRESENT}") };
                write_at(string, offset, value);
                entry.is_written_in_place = true;
            }
            Op::HashSet { db, key, ref pairs } => {
                let hash = self.hash_to_fill(db, key, version);
                pairs.pairs().for_each(|(field, value)| set_field(hash, field, value));
            }
            Op::HashSetField { db, key, field, ref value } => {
                set_field(self.hash_to_fill(db, key, version), field, value);
            }
            Op::HashDelete { db, key, ref fields } => {
                let db = &mut self.dbs[usize::from(db)];
                let Some(Value::Hash(hash)) = db.change(key, version) else {
                    unreachable!("{PRESENT}")
                };
                for field in fields {
                    remove_field(hash, field);
                }
                if hash.is_empty() {
                    db.remove(key, version);
                }
            }
            _ => unreachable!("not about a string or a hash: {op:?}"),
        }
    }

    /// The hash of a key, made where it is missing.
    fn hash_to_fill(&mut self, db: u8, key: &[u8], version: u64) -> &mut Hash {
        let clock_s = self.clock_s();
        let make = |hasher| Value::Hash(Box::new(Hash::with_hasher(hasher)));
        let db = &mut self.dbs[usize::from(db)];
        match &mut db.change_or_insert_with(key, version, clock_s, make).value {
            Value::Hash(hash) => hash,
            _ => unreachable!("{PRESENT}"),
        }
    }

    fn apply_to_stream(&mut self, op: &Op<'_>, version: u64) {
        match *op {
            Op::StreamCreate { db, key } => {
                self.stream_to_fill(db, key, version);
            }
            Op::StreamAppend { db, key, id, ref fields } => {
                let settings = self.settings;
                let (stream, sealer) = self.stream_to_fill(db, key, version);
                stream.apply_append(id, fields, settings, sealer);
            }
            Op::StreamTrim { db, key, before, front_slots, first_id } => {
                let stream = stream(self.dbs[usize::from(db)].change(key, version));
                stream.apply_trim(before, front_slots, first_id);
            }
            Op::StreamDelete { db, key, ref ids, ref slots, first_id, max_deleted_id } => {
                let stream = stream(self.dbs[usize::from(db)].change(key, version));
                stream.apply_delete(ids, slots, first_id, max_deleted_id);
            }
            Op::StreamSetId { db, key, last_id, entries_added, max_deleted_id } => {
                let stream = stream(self.dbs[usize::from(db)].change(key, version));
                stream.apply_set_id(last_id, entries_added, max_deleted_id);
            }
            Op::StreamMessage { db, key, .. }
            | Op::StreamDuplicate { db, key }
            | Op::StreamConfigure { db, key, .. } => {
                stream(self.dbs[usize::from(db)].change(key, version)).apply_idmp(op);
            }
            _ => unreachable!("not about the entries of a stream: {op:?}"),
        }
    }

    /// The stream of a key, made where it is missing.
    fn stream_to_fill(&mut self, db: u8, key: &[u8], version: u64) -> (&mut Stream, &mut Sealer) {
        let clock_s = self.clock_s();
        let idmp_settings = self.idmp_settings;
        let make = |_| Value::Stream(Box::new(Stream::new(idmp_settings)));
        let db = &mut self.dbs[usize::from(db)];
        let value = &mut db.change_or_insert_with(key, version, clock_s, make).value;
        (stream(Some(value)), &mut self.sealer)
    }
}

/// The stream that an operation changes.
fn stream(value: Option<&mut Value>) -> &mut Stream {
    match value {
        Some(Value::Stream(stream)) => stream,
        other => unreachable!("not a stream: {other:?}"),
    }
}

/// Writes `bytes` at `offset`, filling a gap before it with zeros.
fn write_at(string: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let offset = usize::try_from(offset).expect("decide keeps strings below 512 MiB");
    let end = offset + bytes.len();
    if string.capacity() < end {
        // The first write is exact; a string that grows again gets room, so that a long series of
        // APPENDs copies it seldom.
        let room = if string.is_empty() { 0 } else { end.min(STRING_ROOM_MAX) };
        string.reserve_exact(end + room - string.len());
    }
    if string.len() < end {
        string.resize(end, 0);
    }
    string[offset..end].copy_from_slice(bytes);
}

/// An overwritten field keeps its place.
fn set_field(hash: &mut Hash, field: &[u8], value: &[u8]) {
    match hash.get_mut(field) {
        Some(place) => *place = value.into(),
        None => {
            hash.insert(field.into(), value.into());
        }
    }
}

fn remove_field(hash: &mut Hash, field: &[u8]) {
    let removed = if hash.len() <= HASH_ORDERED_FIELDS_MAX {
        hash.shift_remove(field)
    } else {
        hash.swap_remove(field)
    };
    assert!(removed.is_some(), "decide saw the field, and the record holds its decision");
}
