//! KEEPREF, DELREF and ACKED: the acceptance vectors of the specification, and trims against a naive
//! model of what groups still need.

use std::collections::{BTreeMap, BTreeSet};

use engine::*;
use proptest::prelude::*;

use crate::Pair;

const GROUPS: [&[u8]; 3] = [b"g1", b"g2", b"g3"];

fn id(ms: u64) -> StreamId {
    StreamId::new(ms, 0)
}

fn ids(ms: &[u64]) -> Vec<StreamId> {
    ms.iter().map(|ms| id(*ms)).collect()
}

/// A stream `s` with IDs 1-0, 2-0 and so on.
fn stream(block_entries_max: u64, entries: u64) -> Pair {
    let mut pair = Pair::new(block_entries_max);
    for ms in 1..=entries {
        pair.add(b"s", NewId::Explicit(id(ms)), None);
    }
    pair
}

impl Pair {
    fn group(&mut self, group: &'static [u8], from: u64) {
        let from = Ok(GroupStart::After(id(from)));
        let create =
            Command::XGroupCreate { key: b"s", group, from, make_stream: true, entries_read: None };
        assert_eq!(self.run(&create), "OK");
    }

    fn read(&mut self, group: &'static [u8], count: u64) {
        self.run(&Command::XReadGroup(XReadGroup {
            group,
            consumer: b"c",
            streams: vec![(b"s", Ok(GroupReadFrom::New))],
            limits: ReadLimits::count(Some(count)),
            block_ms: None,
            no_ack: false,
            claim_idle_min_ms: None,
        }));
    }

    /// Both groups of the vectors have both entries pending.
    fn two_of_two() -> Self {
        let mut pair = stream(100, 2);
        for group in [b"g1", b"g2"] {
            pair.group(group, 0);
            pair.read(group, 2);
        }
        pair
    }

    fn ack(&mut self, group: &'static [u8], ms: &[u64]) -> String {
        self.run(&Command::XAck { key: b"s", group, ids: Ok(ids(ms)) })
    }

    fn xdelex(&mut self, references: References, ms: &[u64]) -> String {
        let disposal = Ok(Disposal { references, count: ms.len(), ids: Ok(ids(ms)) });
        self.run(&Command::XDelEx { key: b"s", disposal })
    }

    fn xackdel(&mut self, group: &'static [u8], references: References, ms: &[u64]) -> String {
        let disposal = Ok(Disposal { references, count: ms.len(), ids: Ok(ids(ms)) });
        self.run(&Command::XAckDel { key: b"s", group, disposal })
    }

    fn trim_by(&mut self, keep: TrimKeep, exact: bool, references: References) -> String {
        let precision = match exact {
            true => TrimPrecision::Exact,
            false => TrimPrecision::Approximate { limit: None },
        };
        self.trim(b"s", Trim { keep, precision, references })
    }

    fn pending(&mut self, group: &'static [u8]) -> String {
        self.run(&Command::XPending { key: b"s", group, range: None })
    }

    fn ids(&mut self) -> String {
        let range = IdRange { start: StreamId::MIN, end: StreamId::MAX };
        let all = Command::XRange { key: b"s", range, count: None, order: Order::Ascending };
        self.run(&all).replace("-0 f=v", "")
    }
}

const NONE: &str = "0, nil, nil, nil array";

#[test]
fn xackdel_with_acked_waits_for_the_last_group() {
    let mut pair = Pair::two_of_two();
    assert_eq!(pair.xackdel(b"g1", References::Acknowledged, &[1, 2]), "2, 2");
    assert_eq!(pair.len(b"s"), "2");
    assert_eq!(pair.xackdel(b"g2", References::Acknowledged, &[1, 2]), "1, 1");
    assert_eq!((&*pair.len(b"s"), &*pair.info(b"s", "max-deleted-entry-id")), ("0", "2-0"));
    pair.check_twins();
}

#[test]
fn xackdel_with_keepref_leaves_the_other_group_its_pending_entries() {
    let mut pair = Pair::two_of_two();
    assert_eq!(pair.xackdel(b"g1", References::Keep, &[1, 2]), "1, 1");
    assert_eq!((&*pair.len(b"s"), &*pair.pending(b"g1")), ("0", NONE));
    assert_eq!(pair.pending(b"g2"), "2, 1-0, 2-0, c, 2");
    assert_eq!(pair.xackdel(b"g2", References::Keep, &[1, 2]), "1, 1");
    pair.check_twins();
}

#[test]
fn xackdel_with_delref_takes_them_from_the_other_group() {
    let mut pair = Pair::two_of_two();
    assert_eq!(pair.xackdel(b"g1", References::Delete, &[1, 2]), "1, 1");
    assert_eq!(pair.pending(b"g2"), NONE);
    assert_eq!(pair.xackdel(b"g2", References::Delete, &[1, 2]), "-1, -1");
    pair.check_twins();
}

#[test]
fn an_id_named_again_sees_the_effect_of_the_first() {
    let mut pair = Pair::two_of_two();
    assert_eq!(pair.xackdel(b"g1", References::Keep, &[2, 2, 9, 1]), "1, -1, -1, 1");
    let mut pair = Pair::two_of_two();
    assert_eq!(pair.xdelex(References::Keep, &[2, 2, 9, 1]), "1, -1, -1, 1");
    pair.check_twins();
}

#[test]
fn an_entry_that_is_not_pending_here_is_not_deleted() {
    let mut pair = Pair::two_of_two();
    pair.ack(b"g1", &[1]);
    for references in [References::Keep, References::Delete, References::Acknowledged] {
        assert_eq!(pair.xackdel(b"g1", references, &[1]), "-1");
    }
    assert_eq!(pair.len(b"s"), "2");
    assert_eq!(pair.xackdel(b"none", References::Delete, &[1, 2]), "-1, -1");
}

#[test]
fn xdelex_with_acked_asks_every_group() {
    let mut pair = Pair::two_of_two();
    pair.ack(b"g1", &[1, 2]);
    pair.ack(b"g2", &[1, 2]);
    pair.group(b"g3", 0);
    assert_eq!(pair.xdelex(References::Acknowledged, &[1, 2]), "2, 2");

    let mut pair = stream(100, 3);
    pair.group(b"g1", 1);
    pair.group(b"g2", 3);
    assert_eq!(pair.xdelex(References::Acknowledged, &[1]), "1");
    assert_eq!(pair.xdelex(References::Acknowledged, &[2]), "2");
    assert_eq!(pair.run(&Command::XGroupDestroy { key: b"s", group: b"g1" }), "1");
    assert_eq!(pair.xdelex(References::Acknowledged, &[2]), "1");
    assert_eq!(pair.run(&Command::XGroupDestroy { key: b"s", group: b"g2" }), "1");
    assert_eq!(pair.xdelex(References::Acknowledged, &[3]), "1", "nobody needs it");
    pair.check_twins();
}

#[test]
fn xdelex_with_delref_also_forgets_what_is_long_gone() {
    let mut pair = Pair::two_of_two();
    pair.del(b"s", &ids(&[1]));
    assert_eq!(pair.xdelex(References::Delete, &[1, 2]), "-1, 1");
    assert_eq!((pair.pending(b"g1"), pair.pending(b"g2")), (NONE.into(), NONE.into()));
    pair.check_twins();
}

#[test]
fn trims_of_the_specification() {
    let mut pair = stream(2, 4);
    pair.group(b"g1", 0);
    pair.read(b"g1", 4);
    assert_eq!(pair.trim_by(TrimKeep::MinId(id(5)), false, References::Delete), "4");
    assert_eq!((&*pair.len(b"s"), &*pair.pending(b"g1")), ("0", NONE));
    pair.check_twins();

    let mut pair = stream(2, 5);
    pair.group(b"g1", 0);
    pair.read(b"g1", 5);
    pair.ack(b"g1", &[1, 2, 4]);
    assert_eq!(pair.trim_by(TrimKeep::MinId(id(6)), false, References::Acknowledged), "3");
    assert_eq!(pair.ids(), "3, 5");
    assert_eq!(pair.info(b"s", "max-deleted-entry-id"), "0-0", "a trim is no deletion");
    assert_eq!(pair.info(b"s", "recorded-first-entry-id"), "3-0");
    pair.check_twins();
}

#[test]
fn a_trim_with_delref_also_forgets_ghosts_below() {
    let mut pair = stream(100, 4);
    pair.group(b"g1", 0);
    pair.read(b"g1", 4);
    pair.del(b"s", &ids(&[1]));
    assert_eq!(pair.trim_by(TrimKeep::MaxLen(1), true, References::Delete), "2");
    assert_eq!(pair.pending(b"g1"), "1, 4-0, 4-0, c, 1");
    pair.check_twins();
}

#[test]
fn an_entry_may_go_in_the_xadd_that_brings_it() {
    let mut pair = stream(2, 2);
    pair.group(b"g1", 9);
    let trim = Trim {
        keep: TrimKeep::MaxLen(0),
        precision: TrimPrecision::Exact,
        references: References::Acknowledged,
    };
    assert_eq!(pair.add(b"s", NewId::Explicit(id(3)), Some(trim)), "3-0");
    assert_eq!(pair.len(b"s"), "0");
    pair.check_twins();
}

/// What a group knows, in the naive model.
#[derive(Debug, Clone, Default)]
struct Known {
    last: u64,
    pending: BTreeSet<u64>,
}

/// Entries that an exact trim removes from a list: the oldest ones that may go, until enough went.
fn expected(live: &[u64], keep: TrimKeep, acked: Option<&[Known]>) -> Vec<u64> {
    let may_go = |entry: &u64| {
        acked.is_none_or(|groups| {
            groups.iter().all(|known| *entry <= known.last && !known.pending.contains(entry))
        })
    };
    let mut excess = match keep {
        TrimKeep::MaxLen(max) => live.len().saturating_sub(usize::try_from(max).unwrap()),
        TrimKeep::MinId(_) => usize::MAX,
    };
    let mut gone = Vec::new();
    for entry in live {
        if matches!(keep, TrimKeep::MinId(min) if min.ms <= *entry) || excess == 0 {
            break;
        }
        if may_go(entry) {
            gone.push(*entry);
            excess -= 1;
        }
    }
    gone
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn exact_trims_agree_with_the_model(
        block_entries_max in 1..5u64,
        entries in 1..24u64,
        positions in prop::collection::vec((0..26u64, prop::collection::vec(1..24u64, 0..12)), 0..3),
        deleted in prop::collection::vec(1..24u64, 0..8),
        threshold in 0..26u64,
        by_id in any::<bool>(),
        acked in any::<bool>(),
    ) {
        let mut pair = stream(block_entries_max, entries);
        let mut groups: BTreeMap<usize, Known> = BTreeMap::new();
        for (n, (reads, acks)) in positions.iter().enumerate() {
            pair.group(GROUPS[n], 0);
            // COUNT 0 is no limit.
            if 0 < *reads {
                pair.read(GROUPS[n], *reads);
            }
            let last = (*reads).min(entries);
            pair.ack(GROUPS[n], acks);
            let pending = (1..=last).filter(|entry| !acks.contains(entry)).collect();
            groups.insert(n, Known { last, pending });
        }
        pair.del(b"s", &ids(&deleted));
        let live: Vec<u64> = (1..=entries).filter(|entry| !deleted.contains(entry)).collect();
        let keep = if by_id { TrimKeep::MinId(id(threshold)) } else { TrimKeep::MaxLen(threshold) };
        let known: Vec<Known> = groups.values().cloned().collect();
        let gone = expected(&live, keep, acked.then_some(&known).filter(|known| !known.is_empty()).map(|known| &known[..]));
        let references = if acked { References::Acknowledged } else { References::Delete };
        prop_assert_eq!(pair.trim_by(keep, true, references), gone.len().to_string());
        let left: Vec<u64> = live.iter().copied().filter(|entry| !gone.contains(entry)).collect();
        let shown: Vec<String> = left.iter().map(u64::to_string).collect();
        prop_assert_eq!(pair.ids(), shown.join(", "));
        let first = left.first().map_or("0-0".to_owned(), |first| format!("{first}-0"));
        prop_assert_eq!(pair.info(b"s", "recorded-first-entry-id"), first);
        if !acked {
            // Whatever is below the first entry that stays is forgotten, and below the threshold.
            let first = left.first().copied().unwrap_or(u64::MAX);
            let below = if by_id { first.min(threshold) } else { first };
            for (n, known) in &groups {
                let kept = known.pending.iter().filter(|entry| below <= **entry).count();
                let shown = pair.pending(GROUPS[*n]);
                prop_assert_eq!(shown.split(',').next().unwrap(), kept.to_string());
            }
        }
        pair.check_twins();
    }

    /// `~` never removes what an exact trim would keep, and without groups takes whole blocks only.
    #[test]
    fn approximate_trims_remove_a_part_of_what_exact_ones_do(
        block_entries_max in 1..5u64,
        entries in 1..24u64,
        reads in 1..26u64,
        acks in prop::collection::vec(1..24u64, 0..24),
        threshold in 0..26u64,
        by_id in any::<bool>(),
    ) {
        let keep = if by_id { TrimKeep::MinId(id(threshold)) } else { TrimKeep::MaxLen(threshold) };
        let left = |exact| {
            let mut pair = stream(block_entries_max, entries);
            pair.group(b"g1", 0);
            pair.read(b"g1", reads);
            pair.ack(b"g1", &acks);
            pair.trim_by(keep, exact, References::Acknowledged);
            pair.check_twins();
            pair.ids()
        };
        let (exact, about) = (left(true), left(false));
        let about: BTreeSet<&str> = about.split(", ").collect();
        for entry in exact.split(", ").filter(|entry| !entry.is_empty()) {
            prop_assert!(about.contains(entry), "{entry} was removed by ~ only");
        }
    }
}
