//! A log with any damage gives the state after some record, or a refusal with file and offset; never
//! a panic, and never more memory than the files are long. Operations of any bytes are decoded or
//! refused.
//!
//! Input: a directory, then edits; or the payload of a record.

use std::sync::LazyLock;

use crate::Script;
use crate::disk::{Base, bases};
use crate::edits::damaged;
use engine::{Item, Op};
use storage::format::{codec, record};

static BASES: LazyLock<Vec<Base>> = LazyLock::new(bases);

/// Runs one input.
pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    match script.byte() % 6 {
        0 => payload(script.rest()),
        1 => any_record(script.rest()),
        number => {
            let is_log = |file: &std::path::Path| {
                !file.starts_with("/db/snapshots") && !file.starts_with("/db/blocks")
            };
            damaged(&BASES[usize::from(number) % 3], &mut script, is_log);
        }
    }
}

/// Operations come back as they were read, whatever their bytes.
fn payload(mut bytes: &[u8]) {
    while let Ok((op, taken)) = codec::decode::<Op<'_>>(bytes) {
        same_again(&op);
        bytes = &bytes[taken..];
        if taken == 0 {
            break;
        }
    }
    drop(codec::decode::<Item<'_>>(bytes));
}

fn same_again(op: &Op<'_>) {
    let mut bytes = Vec::new();
    codec::encode_into(op, &mut bytes);
    let again = codec::decode_all::<Op<'_>>(&bytes).expect("it was encoded");
    assert_eq!(format!("{again:?}"), format!("{op:?}"));
}

fn any_record(bytes: &[u8]) {
    let claimed = record::claimed_size(bytes, bytes.len() as u64);
    if let Some(record) = record::parse(bytes, 7) {
        assert_eq!(claimed, Some(record.size()).filter(|size| *size <= bytes.len()));
        payload(record.payload);
    }
}
