//! A list: byte strings with two ends.

pub(crate) mod apply;
pub(crate) mod moves;
pub(crate) mod read;
pub(crate) mod write;

use std::collections::VecDeque;
use std::ops::Range;

use crate::command::ListEnd;
use crate::texts::Texts;

/// Room below which a list that shrinks keeps it.
const ROOM_KEPT: usize = 64;

/// The values of a list, first to last. Never empty while it is the value of a key.
#[derive(Debug, Clone, Default)]
pub(crate) struct List {
    values: VecDeque<Box<[u8]>>,
}

impl List {
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub(crate) fn get(&self, index: usize) -> Option<&[u8]> {
        self.values.get(index).map(|value| &**value)
    }

    /// First to last.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &[u8]> + ExactSizeIterator {
        self.values.iter().map(|value| &**value)
    }

    /// The values at these places, which exist.
    pub(crate) fn range(&self, range: Range<usize>) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.values.range(range).map(|value| &**value)
    }

    /// The value at an end.
    pub(crate) fn end(&self, end: ListEnd) -> Option<&[u8]> {
        match end {
            ListEnd::Left => self.values.front(),
            ListEnd::Right => self.values.back(),
        }
        .map(|value| &**value)
    }

    /// Up to `count` values from an end inwards.
    pub(crate) fn inwards(&self, end: ListEnd, count: usize) -> impl Iterator<Item = &[u8]> {
        let len = self.len();
        (0..count.min(len)).filter_map(move |place| match end {
            ListEnd::Left => self.get(place),
            ListEnd::Right => self.get(len - 1 - place),
        })
    }

    /// Puts values at an end, one after the other: of several at the left, the last comes first.
    pub(crate) fn push_all(&mut self, end: ListEnd, values: &Texts<'_>) {
        values.iter().for_each(|value| self.push(end, value.into()));
    }

    pub(crate) fn push(&mut self, end: ListEnd, value: Box<[u8]>) {
        match end {
            ListEnd::Left => self.values.push_front(value),
            ListEnd::Right => self.values.push_back(value),
        }
    }

    pub(crate) fn pop(&mut self, end: ListEnd) -> Option<Box<[u8]>> {
        let value = match end {
            ListEnd::Left => self.values.pop_front(),
            ListEnd::Right => self.values.pop_back(),
        };
        self.give_back_room();
        value
    }

    /// Takes away so many values at each end.
    pub(crate) fn trim(&mut self, front: usize, back: usize) {
        self.values.truncate(self.len().saturating_sub(back));
        self.values.drain(..front.min(self.len()));
        self.give_back_room();
    }

    pub(crate) fn set(&mut self, index: usize, value: Box<[u8]>) {
        self.values[index] = value;
    }

    pub(crate) fn insert(&mut self, index: usize, value: Box<[u8]>) {
        self.values.insert(index, value);
    }

    /// Takes away the values at these places, which rise.
    pub(crate) fn remove_all(&mut self, indices: &[u64]) {
        if let [index] = *indices {
            self.values.remove(place(index));
        } else {
            let mut indices = indices.iter().map(|index| place(*index)).peekable();
            let mut at = 0;
            self.values.retain(|_| {
                let is_removed = indices.next_if_eq(&at).is_some();
                at += 1;
                !is_removed
            });
        }
        self.give_back_room();
    }

    /// A queue that was long once does not keep its room for ever. Half of it goes at a time, so that
    /// the copies cost each value no more than its own way in and out.
    fn give_back_room(&mut self) {
        let room = self.values.capacity();
        if ROOM_KEPT < room && self.len() < room / 4 {
            self.values.shrink_to(room / 2);
        }
    }

    /// Bytes outside of its entry, for MEMORY USAGE.
    pub(crate) fn memory_bytes(&self) -> usize {
        let places = self.values.capacity() * size_of::<Box<[u8]>>();
        size_of::<Self>() + places + self.iter().map(<[u8]>::len).sum::<usize>()
    }
}

/// A place as an operation names it.
pub(crate) fn place(index: u64) -> usize {
    usize::try_from(index).expect("a place in a list that is in memory")
}

/// The place that a client's index means, negative from the end; `None` outside of the list.
fn resolve(index: i64, len: usize) -> Option<usize> {
    let index = if index < 0 {
        len.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?
    } else {
        usize::try_from(index).ok()?
    };
    (index < len).then_some(index)
}

/// The places from `start` to `stop`, both inclusive and negative from the end, as far as they exist.
pub(crate) fn resolve_range(start: i64, stop: i64, len: usize) -> Range<usize> {
    let from_end = |index: i64| {
        let len = i64::try_from(len).unwrap_or(i64::MAX);
        if index < 0 { index.saturating_add(len) } else { index }
    };
    let start = usize::try_from(from_end(start).max(0)).unwrap_or(usize::MAX);
    let stop = from_end(stop).saturating_add(1).max(0);
    let stop = usize::try_from(stop).unwrap_or(usize::MAX).min(len);
    if start < stop { start..stop } else { 0..0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(values: &[&'static [u8]]) -> List {
        let mut list = List::default();
        list.push_all(ListEnd::Right, &Texts::Borrowed(values));
        list
    }

    fn shown(list: &List) -> String {
        list.iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect()
    }

    #[test]
    fn values_come_and_go_at_both_ends() {
        let mut list = list(&[b"c", b"d"]);
        list.push_all(ListEnd::Left, &Texts::Borrowed(&[b"b", b"a"]));
        assert_eq!(shown(&list), "abcd");
        assert_eq!(list.end(ListEnd::Left), Some(&b"a"[..]));
        assert_eq!(list.inwards(ListEnd::Right, 2).collect::<Vec<_>>(), [b"d", b"c"]);
        assert_eq!(list.pop(ListEnd::Right).as_deref(), Some(&b"d"[..]));
        list.trim(1, 1);
        assert_eq!(shown(&list), "b");
        list.trim(5, 5);
        assert!(list.is_empty());
    }

    #[test]
    fn values_come_and_go_in_the_middle() {
        let mut list = list(&[b"a", b"b", b"c", b"d", b"e"]);
        list.remove_all(&[1]);
        assert_eq!(shown(&list), "acde");
        list.remove_all(&[0, 2]);
        assert_eq!(shown(&list), "ce");
        list.insert(1, Box::from(*b"x"));
        list.set(2, Box::from(*b"y"));
        assert_eq!(shown(&list), "cxy");
    }

    #[test]
    fn ranges_are_cut_to_what_exists() {
        let check = |start, stop, expected: Range<usize>| {
            assert_eq!(resolve_range(start, stop, 5), expected, "{start} {stop}");
        };
        check(0, -1, 0..5);
        check(-2, -1, 3..5);
        check(1, 1, 1..2);
        check(-100, 100, 0..5);
        check(3, 1, 0..0);
        check(5, 9, 0..0);
        check(i64::MIN, i64::MAX, 0..5);
        check(i64::MAX, i64::MAX, 0..0);
        check(0, i64::MIN, 0..0);
        assert_eq!(resolve(-5, 5), Some(0));
        for outside in [-6, 5, i64::MIN, i64::MAX] {
            assert_eq!(resolve(outside, 5), None, "{outside}");
        }
    }

    #[test]
    fn a_list_that_shrinks_gives_room_back() {
        let mut list = List::default();
        for _ in 0..10_000 {
            list.push(ListEnd::Right, Box::from(*b"v"));
        }
        while 10 < list.len() {
            list.pop(ListEnd::Left);
        }
        assert!(list.values.capacity() <= 2 * ROOM_KEPT, "{}", list.values.capacity());
    }
}
