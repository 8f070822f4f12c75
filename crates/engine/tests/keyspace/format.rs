//! The examples of `docs/on-disk-format.md` are what the code writes.

use engine::{Ids, Op, StreamId, Text, Texts};

#[test]
fn the_operations_of_the_format_page() {
    let page = include_str!("../../../../docs/on-disk-format.md");
    let example = page.split("```hex operations\n").nth(1).unwrap().split("```").next().unwrap();
    let expected: Vec<u8> = example
        .lines()
        .flat_map(|line| line.split('#').next().unwrap().split_whitespace())
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect();
    let ids = [StreamId::new(1_526_919_030_474, 55), StreamId::new(1_526_919_030_474, 56)];
    let ops = [
        Op::StringSet { db: 0, key: b"k", value: Text::Borrowed(b"42"), expire_at: None },
        Op::HashSetField { db: 3, key: b"h", field: b"f", value: Text::Owned(b"1".to_vec()) },
        Op::Ack { db: 0, key: b"s", group: b"g", ids: ids.into_iter().collect::<Ids>() },
        Op::SortedSetAdd { db: 0, key: b"z", scores: vec![1.5], members: Texts::Borrowed(&[b"m"]) },
    ];
    let config = bincode::config::standard();
    let written: Vec<u8> =
        ops.iter().flat_map(|op| bincode::serde::encode_to_vec(op, config).unwrap()).collect();
    assert_eq!(written, expected, "{written:02x?}");
    let mut rest = &expected[..];
    for op in ops {
        let (read, len): (Op<'_>, _) =
            bincode::serde::borrow_decode_from_slice(rest, config).unwrap();
        // A string that was computed comes back as a borrowed one.
        assert_eq!(format!("{read:?}"), format!("{op:?}"));
        rest = &rest[len..];
    }
}
