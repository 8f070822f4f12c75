//! The groups of XINFO STREAM FULL, and what a group costs in memory and in a snapshot.

use super::super::presence::Presence;
use super::super::{Group, GroupItem, full_info};
use super::{Bench, stream, text_of};
use crate::id::StreamId;
use crate::op::{Ids, Op, Text};

#[test]
fn full_info_lists_pending_entries_twice_and_cuts_each_list() {
    let mut bench = Bench::after(&[
        "XADD s 1-0 f 1-0",
        "XADD s 2-0 f 2-0",
        "XADD s 3-0 f 3-0",
        "XGROUP CREATE s g 0",
        "XGROUP CREATE s f $",
        "XGROUP CREATECONSUMER s g b",
        "XREADGROUP GROUP g a COUNT 2 STREAMS s >",
    ]);
    bench.now += 5;
    bench.run("XREADGROUP GROUP g a STREAMS s >");
    let check = |count, expected: &str| {
        let stream = stream(&bench.engine).expect("a stream");
        assert_eq!(text_of(&full_info(stream, count)), expected);
    };
    let empty = "[name=f last-delivered-id=3-0 entries-read=nil lag=0 pel-count=0 nacked-count=0 \
         pending=[] consumers=[]]";
    check(
        None,
        &format!(
            "[{empty} [name=g last-delivered-id=3-0 entries-read=3 lag=0 pel-count=3 nacked-count=0 pending=[\
             [1-0 a 1000000 1] [2-0 a 1000000 1] [3-0 a 1000005 1]] consumers=[\
             [name=a seen-time=1000005 active-time=1000005 pel-count=3 pending=[\
             [1-0 1000000 1] [2-0 1000000 1] [3-0 1000005 1]]] \
             [name=b seen-time=1000000 active-time=-1 pel-count=0 pending=[]]]]]"
        ),
    );
    check(
        Some(1),
        &format!(
            "[{empty} [name=g last-delivered-id=3-0 entries-read=3 lag=0 pel-count=3 nacked-count=0 pending=[\
             [1-0 a 1000000 1]] consumers=[\
             [name=a seen-time=1000005 active-time=1000005 pel-count=3 pending=[\
             [1-0 1000000 1]]] \
             [name=b seen-time=1000000 active-time=-1 pel-count=0 pending=[]]]]]"
        ),
    );
}

#[test]
fn a_pending_entry_takes_at_most_sixty_bytes() {
    let mut group = Group::new(StreamId::MIN, None);
    let create = Op::ConsumerCreate { db: 0, key: b"s", group: b"g", consumer: b"a", time: 1 };
    group.apply(&create);
    let count = 100_000;
    let ids: Vec<_> = (0..count).map(|seq| StreamId::new(1, seq)).collect();
    for part in ids.chunks(100) {
        group.apply(&Op::Deliver {
            db: 0,
            key: b"s",
            group: b"g",
            consumer: b"a",
            time: 2,
            ids: part.iter().copied().collect(),
            last_delivered: part[part.len() - 1],
            entries_read: None,
        });
    }
    let bytes = group.memory_bytes();
    assert!(bytes <= ids.len() * 60, "{bytes} bytes for {count} pending entries");
    group.apply(&Op::Ack { db: 0, key: b"s", group: b"g", ids: Ids::from_iter(ids) });
    assert!(group.memory_bytes() < 1024, "{} bytes for none", group.memory_bytes());
    assert_eq!(group.items(b"g").count(), 2);
}

#[test]
fn items_that_do_not_fit_are_refused() {
    let consumer = || GroupItem::Consumer { name: Text::Borrowed(b"a"), seen: 1, active: None };
    let pending = |seqs: &[u64], owners: &[u32]| GroupItem::Pending {
        ids: seqs.iter().map(|seq| StreamId::new(0, *seq)).collect(),
        owners: owners.to_vec(),
        time_differences: vec![0; seqs.len()],
        counts: vec![1; seqs.len()],
    };
    let head = GroupItem::Group {
        name: Text::Borrowed(b"g"),
        last_delivered: StreamId::MIN,
        entries_read: None,
    };
    let check = |items: &[GroupItem<'_>], expected| {
        let mut group = Group::new(StreamId::MIN, None);
        let result = items.iter().try_for_each(|item| group.load(item));
        assert_eq!(result, expected, "{items:?}");
    };
    check(&[consumer(), pending(&[1, 2], &[0, 0]), pending(&[3], &[0])], Ok(()));
    let released = |seqs: &[u64], counts: &[u64]| GroupItem::Released {
        ids: seqs.iter().map(|seq| StreamId::new(0, *seq)).collect(),
        counts: counts.to_vec(),
    };
    check(&[consumer(), pending(&[2], &[0]), released(&[3, 1], &[0, 7])], Ok(()));
    check(&[released(&[3], &[0]), released(&[1], &[0])], Ok(()));
    check(&[released(&[1], &[])], Err("lists of released entries of different length"));
    let twice = Err("a pending entry twice in one group");
    check(&[consumer(), pending(&[2], &[0]), released(&[2], &[0])], twice);
    check(&[released(&[1, 1], &[0, 0])], twice);
    check(
        &[consumer(), released(&[1], &[0]), pending(&[2], &[0])],
        Err("owned pending entries behind released ones"),
    );
    check(&[head], Err("a group inside a group"));
    check(&[consumer(), consumer()], Err("a consumer twice in one group"));
    check(
        &[consumer(), pending(&[1, 2], &[0])],
        Err("lists of pending entries of different length"),
    );
    check(&[consumer(), pending(&[1], &[1])], Err("a pending entry without owner"));
    let disorder = Err("pending entries out of order");
    check(&[consumer(), pending(&[1, 1], &[0, 0])], disorder);
    check(&[consumer(), pending(&[2], &[0]), pending(&[1], &[0])], disorder);
}

#[test]
fn presence_is_known_in_whatever_order_it_is_asked() {
    let mut bench = Bench::new();
    for ms in 1..=300 {
        bench.run(&format!("XADD s {ms}-0 f {ms}-0"));
    }
    for ms in (1..=300).filter(|ms| ms % 7 == 0 || (120..140).contains(ms)) {
        bench.run(&format!("XDEL s {ms}-0"));
    }
    let stream = stream(&bench.engine).expect("a stream");
    let check = |order: &mut dyn Iterator<Item = u64>| {
        let mut presence = Presence::new(b"s", stream);
        for ms in order {
            for id in [StreamId::new(ms, 0), StreamId::new(ms, 1)] {
                assert_eq!(presence.holds(id), Ok(matches!(stream.contains(id), Ok(true))), "{id}");
            }
        }
    };
    check(&mut (0..=310));
    check(&mut (0..=310).rev());
    check(&mut (0..=310).step_by(41));
    check(&mut (0..=310).map(|n| n * 97 % 311));
    check(&mut [300, 1, 300, u64::MAX, 150].into_iter());
}
