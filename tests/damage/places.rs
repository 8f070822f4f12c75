//! Where in a file the damage is, and whether a refusal says so.

use std::ops::Range;

use crate::trials::Harm;

const FILE_HEADER_BYTES: usize = 64;
const SEGMENT_HEADER_BYTES: usize = 4096;
const RECORD_HEADER_BYTES: usize = 48;
const RECORD_ALIGN: usize = 8;
const BLOCK_HEADER_BYTES: usize = 56;

/// A refusal that names the file (`{name}: damaged at offset {offset}`) must name an offset where damage
/// begins to matter: in the log that of a record which was hit, or where the file ends in its header;
/// elsewhere one that has damage at it or behind it. False if another file is named, as the successor of a lost one.
pub(crate) fn check_refusal(text: &str, name: &str, harm: &Harm) -> bool {
    let Some(offset) = number_behind(text, &format!("{name}: damaged at offset ")) else {
        return false;
    };
    let is_there = if harm.is_removed() {
        offset == 0
    } else if name.starts_with("log/") {
        let is_cut = offset == harm.left() && offset < SEGMENT_HEADER_BYTES;
        is_cut || units(harm.good()).into_iter().any(|unit| unit.start == offset && harm.hit(unit))
    } else {
        harm.hit(offset..harm.good().len())
    };
    assert!(is_there, "the damage to {name} is not at {offset}: {text}");
    true
}

/// A refusal of entries must name the offset of a block that was hit. False if the whole file is named,
/// which has damage outside its blocks.
pub(crate) fn check_block(text: &str, name: &str, harm: &Harm) -> bool {
    let Some(offset) = number_behind(text, &format!("{name} at offset ")) else { return false };
    let block = &harm.good()[offset..];
    let slots = u32_at(block, 52);
    let is_hit =
        harm.hit(0..FILE_HEADER_BYTES) || harm.hit(offset..offset + BLOCK_HEADER_BYTES + slots);
    assert!(is_hit, "the damage to {name} is not in the block at {offset}: {text}");
    true
}

/// The header of a segment and its records, each with the zeros that fill it up: a file that ends in
/// those ends before the record does.
fn units(segment: &[u8]) -> Vec<Range<usize>> {
    let mut units: Vec<_> = std::iter::once(0..FILE_HEADER_BYTES).collect();
    let mut at = SEGMENT_HEADER_BYTES;
    while at + RECORD_HEADER_BYTES <= segment.len()
        && segment[at..at + RECORD_HEADER_BYTES].iter().any(|b| *b != 0)
    {
        let end = (at + RECORD_HEADER_BYTES + u32_at(segment, at)).next_multiple_of(RECORD_ALIGN);
        units.push(at..end);
        at = end;
    }
    units
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    let bytes = bytes[at..].first_chunk().unwrap();
    usize::try_from(u32::from_le_bytes(*bytes)).unwrap()
}

fn number_behind(text: &str, words: &str) -> Option<usize> {
    let (_, rest) = text.split_once(words)?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    Some(rest[..end].parse().unwrap())
}
