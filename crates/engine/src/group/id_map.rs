//! A sorted map from entry IDs, made for lists that grow at the end and shrink anywhere.
//!
//! A pending entries list is appended to in ID order, acknowledged mostly from its front, and walked
//! from some ID on. So the map is a deque of short sorted arrays: an append fills the last array,
//! which then stays exactly full; a lookup is a binary search over first IDs and one inside an
//! array; a walk is linear in memory. IDs and values lie in separate arrays, so that a search reads
//! IDs only and a value of no size costs nothing.

use std::collections::VecDeque;

use crate::id::StreamId;

/// Most items of one chunk. Moving half a chunk of IDs (1 KiB) costs about as much as finding it.
const CHUNK_ITEMS_MAX: usize = 128;

/// Smallest capacity of a chunk that is worth giving back.
const CHUNK_SHRINK_MIN: usize = 16;

/// A sorted map from [`StreamId`] to a small `Copy` value; with `()` a sorted set.
#[derive(Debug, Clone)]
pub(crate) struct IdMap<V> {
    /// In ID order, none empty.
    chunks: VecDeque<Chunk<V>>,
    len: usize,
}

#[derive(Debug, Clone)]
struct Chunk<V> {
    /// Equal to `ids[0]`: a search over chunks need not follow a pointer into each.
    first: StreamId,
    ids: Vec<StreamId>,
    /// As long as `ids`.
    values: Vec<V>,
}

impl<V> Default for IdMap<V> {
    fn default() -> Self {
        Self { chunks: VecDeque::new(), len: 0 }
    }
}

impl<V: Copy> IdMap<V> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn first_id(&self) -> Option<StreamId> {
        self.chunks.front().map(|chunk| chunk.first)
    }

    pub(crate) fn last_id(&self) -> Option<StreamId> {
        self.chunks.back().map(Chunk::last)
    }

    pub(crate) fn contains(&self, id: StreamId) -> bool {
        self.find(id).is_some()
    }

    pub(crate) fn get(&self, id: StreamId) -> Option<V> {
        self.find(id).map(|(chunk, item)| self.chunks[chunk].values[item])
    }

    /// Every item in ID order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (StreamId, V)> + '_ {
        self.iter_from(StreamId::MIN)
    }

    /// Items from `start` on, in ID order.
    pub(crate) fn iter_from(&self, start: StreamId) -> impl Iterator<Item = (StreamId, V)> + '_ {
        let index = self.chunk_of(start);
        let skipped = match self.chunks.get(index) {
            Some(chunk) => chunk.ids.partition_point(|&id| id < start),
            None => 0,
        };
        self.chunks.range(index..).enumerate().flat_map(move |(nth, chunk)| {
            let from = if nth == 0 { skipped } else { 0 };
            chunk.ids[from..].iter().copied().zip(chunk.values[from..].iter().copied())
        })
    }

    /// Adds one item, or replaces the value of an ID that is there; returns the value replaced.
    pub(crate) fn insert(&mut self, id: StreamId, value: V) -> Option<V> {
        if self.last_id().is_none_or(|last| last < id) {
            self.append(&[id], value);
            return None;
        }
        let index = self.chunk_of(id);
        let chunk = &mut self.chunks[index];
        match chunk.ids.binary_search(&id) {
            Ok(item) => return Some(std::mem::replace(&mut chunk.values[item], value)),
            Err(item) if chunk.ids.len() < CHUNK_ITEMS_MAX => chunk.insert(item, id, value),
            // After a full chunk: no need to touch it.
            Err(CHUNK_ITEMS_MAX) => self.chunks.insert(index + 1, Chunk::of(&[id], value)),
            Err(item) => {
                let mut upper = chunk.split_off(CHUNK_ITEMS_MAX / 2);
                match item.checked_sub(CHUNK_ITEMS_MAX / 2) {
                    // On the seam it belongs to the lower half, whose first ID stays as it is.
                    None | Some(0) => chunk.insert(item, id, value),
                    Some(item) => upper.insert(item, id, value),
                }
                self.chunks.insert(index + 1, upper);
            }
        }
        self.len += 1;
        None
    }

    /// Adds `ids`, which ascend and lie above every ID of the map, all with the same value.
    pub(crate) fn append(&mut self, ids: &[StreamId], value: V) {
        let mut rest = ids;
        if let Some(chunk) = self.chunks.back_mut() {
            let fitting = rest.len().min(CHUNK_ITEMS_MAX - chunk.ids.len());
            chunk.extend(&rest[..fitting], value);
            rest = &rest[fitting..];
        }
        for part in rest.chunks(CHUNK_ITEMS_MAX) {
            self.chunks.push_back(Chunk::of(part, value));
        }
        self.len += ids.len();
    }

    /// Removes one item.
    pub(crate) fn remove(&mut self, id: StreamId) -> Option<V> {
        let (index, item) = self.find(id)?;
        let chunk = &mut self.chunks[index];
        chunk.ids.remove(item);
        let value = chunk.values.remove(item);
        self.len -= 1;
        self.tidy(index);
        Some(value)
    }

    /// Removes those of `ids` that are there, telling `removed` of each in the order of `ids`.
    ///
    /// Any order is allowed. Stretches that ascend inside one chunk are taken out in one pass over
    /// it, which makes acknowledging a whole reply cheap.
    pub(crate) fn remove_all(&mut self, ids: &[StreamId], mut removed: impl FnMut(StreamId, V)) {
        let mut rest = ids;
        while let Some(&first) = rest.first() {
            let index = self.chunk_of(first);
            let Some(chunk) = self.chunks.get_mut(index) else { return };
            let last = chunk.last();
            let ascending = rest.windows(2).take_while(|pair| pair[0] < pair[1] && pair[1] <= last);
            let (part, after) = rest.split_at(1 + ascending.count());
            let count = chunk.remove_sorted(part, &mut removed);
            if 0 < count {
                self.len -= count;
                self.tidy(index);
            }
            rest = after;
        }
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let items: usize = self
            .chunks
            .iter()
            .map(|chunk| {
                chunk.ids.capacity() * size_of::<StreamId>()
                    + if size_of::<V>() == 0 { 0 } else { chunk.values.capacity() * size_of::<V>() }
            })
            .sum();
        items + self.chunks.capacity() * size_of::<Chunk<V>>()
    }

    /// Where an ID is: its chunk and its place there.
    fn find(&self, id: StreamId) -> Option<(usize, usize)> {
        let index = self.chunk_of(id);
        let item = self.chunks.get(index)?.ids.binary_search(&id).ok()?;
        Some((index, item))
    }

    /// The chunk that an ID belongs to: the last one that begins at or below it, or the first one.
    fn chunk_of(&self, id: StreamId) -> usize {
        self.chunks.partition_point(|chunk| chunk.first <= id).saturating_sub(1)
    }

    /// Restores the rules after removals from a chunk: none is empty, and a chunk that is less than
    /// half used joins a neighbour or gives memory back.
    fn tidy(&mut self, index: usize) {
        let chunk = &mut self.chunks[index];
        let Some(&first) = chunk.ids.first() else {
            self.chunks.remove(index);
            if self.chunks.is_empty() {
                self.chunks = VecDeque::new();
            }
            return;
        };
        chunk.first = first;
        let len = chunk.ids.len();
        let capacity = chunk.ids.capacity();
        if capacity < CHUNK_SHRINK_MIN || capacity < 2 * len {
            return;
        }
        let fits = |other: Option<&Chunk<V>>| {
            other.is_some_and(|other| other.ids.len() + len <= CHUNK_ITEMS_MAX)
        };
        let lower = if fits(self.chunks.get(index + 1)) {
            Some(index)
        } else if fits(index.checked_sub(1).and_then(|before| self.chunks.get(before))) {
            Some(index - 1)
        } else {
            None
        };
        if let Some(lower) = lower
            && let Some(upper) = self.chunks.remove(lower + 1)
        {
            self.chunks[lower].join(&upper);
        }
        let chunk = &mut self.chunks[lower.unwrap_or(index)];
        if 2 * chunk.ids.len() <= chunk.ids.capacity() {
            chunk.shrink();
        }
    }
}

impl<V: Copy> Chunk<V> {
    fn of(ids: &[StreamId], value: V) -> Self {
        Self { first: ids[0], ids: ids.to_vec(), values: vec![value; ids.len()] }
    }

    fn last(&self) -> StreamId {
        self.ids[self.ids.len() - 1]
    }

    /// Makes room by powers of two: a chunk that fills up is then exactly full, without slack.
    fn reserve(&mut self, additional: usize) {
        let needed = self.ids.len() + additional;
        if self.ids.capacity() < needed {
            let capacity = needed.next_power_of_two();
            self.ids.reserve_exact(capacity - self.ids.len());
            self.values.reserve_exact(capacity - self.values.len());
        }
    }

    fn extend(&mut self, ids: &[StreamId], value: V) {
        self.reserve(ids.len());
        self.ids.extend_from_slice(ids);
        self.values.resize(self.ids.len(), value);
    }

    fn insert(&mut self, item: usize, id: StreamId, value: V) {
        self.reserve(1);
        self.ids.insert(item, id);
        self.values.insert(item, value);
        self.first = self.ids[0];
    }

    fn split_off(&mut self, item: usize) -> Self {
        let upper = Self {
            first: self.ids[item],
            ids: self.ids.split_off(item),
            values: self.values.split_off(item),
        };
        self.shrink();
        upper
    }

    /// Takes in the items of the chunk that follows.
    fn join(&mut self, upper: &Self) {
        self.reserve(upper.ids.len());
        self.ids.extend_from_slice(&upper.ids);
        self.values.extend_from_slice(&upper.values);
    }

    fn shrink(&mut self) {
        self.ids.shrink_to_fit();
        self.values.shrink_to_fit();
    }

    /// Removes those of the ascending `ids` that are there, and closes the gaps in the same pass.
    /// Returns how many there were.
    fn remove_sorted(&mut self, ids: &[StreamId], removed: &mut impl FnMut(StreamId, V)) -> usize {
        let mut kept = self.ids.partition_point(|&id| id < ids[0]);
        let mut item = kept;
        for &id in ids {
            while item < self.ids.len() && self.ids[item] < id {
                self.ids[kept] = self.ids[item];
                self.values[kept] = self.values[item];
                kept += 1;
                item += 1;
            }
            if item < self.ids.len() && self.ids[item] == id {
                removed(id, self.values[item]);
                item += 1;
            }
        }
        self.ids.copy_within(item.., kept);
        self.values.copy_within(item.., kept);
        let count = item - kept;
        self.ids.truncate(self.ids.len() - count);
        self.values.truncate(self.values.len() - count);
        count
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Append(usize),
        Insert(u64),
        Remove(u64),
        RemoveAll(Vec<u64>),
        RemoveFront(usize),
        Walk(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let seq = 0..1500u64;
        proptest::collection::vec(
            prop_oneof![
                (1..300usize).prop_map(Step::Append),
                seq.clone().prop_map(Step::Insert),
                seq.clone().prop_map(Step::Remove),
                proptest::collection::vec(seq.clone(), 1..60).prop_map(Step::RemoveAll),
                (1..200usize).prop_map(Step::RemoveFront),
                seq.prop_map(Step::Walk),
            ],
            1..60,
        )
    }

    fn id(seq: u64) -> StreamId {
        StreamId::new(1, seq)
    }

    fn check_rules(map: &IdMap<u32>) {
        for chunk in &map.chunks {
            assert_eq!(chunk.first, chunk.ids[0]);
            assert_eq!(chunk.ids.len(), chunk.values.len());
            assert!(chunk.ids.len() <= CHUNK_ITEMS_MAX);
            assert!(chunk.ids.capacity() <= CHUNK_SHRINK_MIN.max(2 * chunk.ids.len()));
        }
    }

    fn remove_all(map: &mut IdMap<u32>, model: &mut BTreeMap<StreamId, u32>, ids: &[StreamId]) {
        let mut removed = Vec::new();
        map.remove_all(ids, |id, value| removed.push((id, value)));
        let expected: Vec<_> =
            ids.iter().filter_map(|id| model.remove(id).map(|value| (*id, value))).collect();
        assert_eq!(removed, expected);
    }

    proptest! {
        #[test]
        fn behaves_as_a_sorted_map(steps in steps()) {
            let mut map = IdMap::default();
            let mut model = BTreeMap::new();
            for (value, step) in (0u32..).zip(steps) {
                match step {
                    Step::Append(count) => {
                        let from = model.last_key_value().map_or(0, |(id, _): (&StreamId, _)| id.seq + 1);
                        let ids: Vec<_> = (from..).take(count).map(id).collect();
                        map.append(&ids, value);
                        model.extend(ids.into_iter().map(|id| (id, value)));
                    }
                    Step::Insert(seq) => {
                        prop_assert_eq!(map.insert(id(seq), value), model.insert(id(seq), value));
                    }
                    Step::Remove(seq) => {
                        prop_assert_eq!(map.remove(id(seq)), model.remove(&id(seq)));
                    }
                    Step::RemoveAll(seqs) => {
                        let ids: Vec<_> = seqs.into_iter().map(id).collect();
                        remove_all(&mut map, &mut model, &ids);
                    }
                    Step::RemoveFront(count) => {
                        let ids: Vec<_> = model.keys().copied().take(count).collect();
                        remove_all(&mut map, &mut model, &ids);
                    }
                    Step::Walk(seq) => {
                        prop_assert!(map.iter_from(id(seq)).eq(model.range(id(seq)..).map(|(id, value)| (*id, *value))));
                        prop_assert_eq!(map.get(id(seq)), model.get(&id(seq)).copied());
                        prop_assert_eq!(map.contains(id(seq)), model.contains_key(&id(seq)));
                    }
                }
                check_rules(&map);
                prop_assert_eq!(map.len(), model.len());
                prop_assert_eq!(map.is_empty(), model.is_empty());
                prop_assert_eq!(map.first_id(), model.keys().next().copied());
                prop_assert_eq!(map.last_id(), model.keys().next_back().copied());
                prop_assert!(map.iter().eq(model.iter().map(|(id, value)| (*id, *value))));
            }
        }
    }

    #[test]
    fn appended_ids_cost_little_more_than_themselves() {
        let ids: Vec<_> = (0..100_000).map(id).collect();
        let mut map = IdMap::default();
        for part in ids.chunks(100) {
            map.append(part, ());
        }
        assert!(map.heap_bytes() < ids.len() * 18, "{} bytes", map.heap_bytes());
        map.remove_all(&ids, |_, ()| ());
        assert_eq!(map.heap_bytes(), 0);
    }
}
