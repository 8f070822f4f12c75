//! Random commands on a stream equal a sorted map.

use std::collections::BTreeMap;

use engine::*;
use proptest::prelude::*;

use crate::Pair;

#[derive(Debug, Clone)]
enum Step {
    Add {
        gap: u64,
        seq: u64,
        names: usize,
        value: Vec<u8>,
        max_len: Option<u64>,
    },
    Del {
        ids: Vec<(u64, u64)>,
    },
    TrimLen(u64),
    TrimId(u64, u64),
    TrimAbout(u64),
    Range {
        start: (u64, u64),
        end: (u64, u64),
        count: Option<i64>,
        order: Order,
    },
    ReadAfter {
        after: (u64, u64),
        count: Option<u64>,
    },
    BlockEntries(u64),
    /// Blocks go to the disk: the new ones, or all of them to another place.
    Store {
        all: bool,
        budget: usize,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let id = || (0..60u64, 0..3u64);
    let order = prop_oneof![Just(Order::Ascending), Just(Order::Descending)];
    let value = prop::collection::vec(any::<u8>(), 0..200);
    let step = prop_oneof![
        8 => (0..2u64, 0..3u64, 0..3usize, value, prop::option::weighted(0.1, 0..20u64)).prop_map(
            |(gap, seq, names, value, max_len)| Step::Add { gap, seq, names, value, max_len }
        ),
        2 => prop::collection::vec(id(), 1..5).prop_map(|ids| Step::Del { ids }),
        1 => (0..30u64).prop_map(Step::TrimLen),
        1 => id().prop_map(|(ms, seq)| Step::TrimId(ms, seq)),
        1 => (0..30u64).prop_map(Step::TrimAbout),
        3 => (id(), id(), prop::option::of(1..8i64), order)
            .prop_map(|(start, end, count, order)| Step::Range { start, end, count, order }),
        2 => (id(), prop::option::of(1..5u64))
            .prop_map(|(after, count)| Step::ReadAfter { after, count }),
        1 => (0..6u64).prop_map(Step::BlockEntries),
        2 => (any::<bool>(), 0..9usize).prop_map(|(all, budget)| Step::Store { all, budget }),
    ];
    prop::collection::vec(step, 1..160)
}

const NAMES: [&[&[u8]]; 3] = [&[b"a", b"b"], &[b"a"], &[b"b", b"a", b""]];

#[derive(Default)]
struct Model {
    entries: BTreeMap<StreamId, String>,
    last: StreamId,
}

impl Model {
    fn text(&self, ids: impl Iterator<Item = StreamId>) -> String {
        ids.map(|id| format!("{id}{}", self.entries[&id])).collect::<Vec<_>>().join(", ")
    }

    fn keep_newest(&mut self, count: u64) -> usize {
        let gone = self.entries.len().saturating_sub(usize::try_from(count).unwrap());
        (0..gone).for_each(|_| drop(self.entries.pop_first()));
        gone
    }

    fn keep_from(&mut self, id: StreamId) -> usize {
        let kept = self.entries.split_off(&id);
        std::mem::replace(&mut self.entries, kept).len()
    }
}

fn check(steps: &[Step]) {
    let (mut pair, mut model) = (Pair::new(4), Model::default());
    let key = b"s".as_slice();
    let id = |(ms, seq): (u64, u64)| StreamId::new(ms, seq);
    let exact = |keep| Trim { keep, precision: TrimPrecision::Exact, references: References::Keep };
    for step in steps {
        match step {
            Step::Add { gap, seq, names, value, max_len } => {
                let next = model.last.seq + 1 + seq;
                let new = StreamId::new(model.last.ms + gap, if *gap == 0 { next } else { *seq });
                let strings: Vec<&[u8]> =
                    NAMES[*names].iter().flat_map(|name| [*name, value]).collect();
                let trim = max_len.map(|max| exact(TrimKeep::MaxLen(max)));
                let (fields, id) = (Fields::Borrowed(&strings), NewId::Explicit(new));
                let xadd = XAdd { key, id, fields, no_make_stream: false, trim };
                assert_eq!(pair.run(&Command::XAdd(xadd)), new.to_string());
                let text = strings
                    .chunks(2)
                    .map(|pair| format!(" {}={}", pair[0].escape_ascii(), pair[1].escape_ascii()));
                model.entries.insert(new, text.collect());
                model.last = new;
                if let Some(max) = max_len {
                    model.keep_newest(*max);
                }
            }
            Step::Del { ids } => {
                let ids: Vec<_> = ids.iter().copied().map(id).collect();
                let gone = ids.iter().filter(|id| model.entries.remove(id).is_some()).count();
                assert_eq!(pair.del(key, &ids), gone.to_string());
            }
            Step::TrimLen(max) => {
                let gone = model.keep_newest(*max).to_string();
                assert_eq!(pair.trim(key, exact(TrimKeep::MaxLen(*max))), gone);
            }
            Step::TrimId(ms, seq) => {
                let min = id((*ms, *seq));
                let gone = model.keep_from(min).to_string();
                assert_eq!(pair.trim(key, exact(TrimKeep::MinId(min))), gone);
            }
            Step::TrimAbout(max) => {
                let precision = TrimPrecision::Approximate { limit: Some(0) };
                let keep = TrimKeep::MaxLen(*max);
                let gone: usize = pair
                    .trim(key, Trim { keep, precision, references: References::Keep })
                    .parse()
                    .unwrap();
                let left = (model.entries.len() - gone) as u64;
                assert!(gone == 0 || *max <= left, "{max} may stay, {left} did");
                model.keep_newest(left);
            }
            Step::Range { start, end, count, order } => {
                let range = IdRange { start: id(*start), end: id(*end) };
                let of = || {
                    model
                        .entries
                        .keys()
                        .copied()
                        .filter(|at| range.start <= *at && *at <= range.end)
                };
                let count_max = count.map_or(usize::MAX, |count| usize::try_from(count).unwrap());
                let expected = match order {
                    Order::Ascending => model.text(of().take(count_max)),
                    Order::Descending => {
                        let mut ids: Vec<_> = of().collect();
                        ids.reverse();
                        model.text(ids.into_iter().take(count_max))
                    }
                };
                let command = Command::XRange { key, range, count: *count, order: *order };
                assert_eq!(pair.run(&command), expected, "{step:?}");
            }
            Step::ReadAfter { after, count } => {
                let count_max = count.map_or(usize::MAX, |count| usize::try_from(count).unwrap());
                let above = model.entries.keys().copied().filter(|at| id(*after) < *at);
                let expected = match model.text(above.take(count_max)) {
                    none if none.is_empty() => "nil array".to_owned(),
                    some => format!("s: {some}"),
                };
                let streams = vec![(key, Ok(ReadFrom::After(id(*after))))];
                let xread = XRead { streams, limits: ReadLimits::count(*count), block_ms: None };
                assert_eq!(pair.run(&Command::XRead(xread)), expected, "{step:?}");
            }
            Step::BlockEntries(max) => {
                let block_bytes_max = if *max % 2 == 0 { 512 } else { 0 };
                pair.apply(&[Op::Configure { block_entries_max: *max, block_bytes_max }]);
            }
            Step::Store { all, budget } => pair.store(*all, *budget),
        }
        let first = model.entries.keys().next().copied().unwrap_or_default();
        if model.last != StreamId::MIN {
            assert_eq!(pair.info(key, "recorded-first-entry-id"), first.to_string(), "{step:?}");
            assert_eq!(pair.info(key, "length"), model.entries.len().to_string());
        }
        assert_eq!(pair.all(key), model.text(model.entries.keys().copied()), "{step:?}");
    }
    pair.check_twins();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn random_commands_equal_a_sorted_map(steps in steps()) {
        check(&steps);
    }
}
