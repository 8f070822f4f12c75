//! The test of the tests: in each target a fault that a server could have, in the way between the code
//! and what is asked of it. With `HEADWATER_FUZZ_PLANTED` set, each target must find its own
//! (`scripts/fuzz --planted`); `tests/planted.rs` sees that the kept corpus alone finds them.

use std::cell::Cell;
use std::path::Path;
use std::sync::LazyLock;

use storage::format::header::{HEADER_BYTES, u16_at, u32_at, u64_at};
use storage::format::record;

static IN_ENVIRONMENT: LazyLock<bool> =
    LazyLock::new(|| std::env::var_os("HEADWATER_FUZZ_PLANTED").is_some());

thread_local! {
    static HERE: Cell<bool> = const { Cell::new(false) };
}

/// Plants the faults for this thread, or removes them.
pub fn plant(is_planted: bool) {
    HERE.set(is_planted);
}

/// Whether the code under test is to be faulty.
pub fn is_planted() -> bool {
    HERE.get() || *IN_ENVIRONMENT
}

/// Where the first record of a segment stands.
const RECORDS_START: usize = 4096;
const SECTION_HEADER_BYTES: usize = 32;

/// Planted: nobody looks at the checksums of records and of sections. So each is made to fit, whatever
/// it covers now.
pub fn let_any_checksum_pass(file: &Path, bytes: &mut [u8]) {
    if bytes.len() < HEADER_BYTES {
        return;
    }
    match file.extension().and_then(|kind| kind.to_str()) {
        Some("log") => records(bytes),
        Some("snap") => sections(bytes),
        _ => {}
    }
}

fn records(bytes: &mut [u8]) {
    let salt = u32_at(bytes, 24);
    let mut at = RECORDS_START;
    while let Some(rest) = bytes.get_mut(at..) {
        let room = rest.len() as u64;
        let Some(size) = record::claimed_size(rest, room).filter(|_| u64_at(rest, 8) != 0) else {
            return;
        };
        let end = record::RECORD_HEADER_BYTES + u32_at(rest, 0) as usize;
        let mut crc = crc32fast::Hasher::new_with_initial(salt);
        crc.update(&rest[8..end]);
        rest[4..8].copy_from_slice(&crc.finalize().to_le_bytes());
        at += size;
    }
}

fn sections(bytes: &mut [u8]) {
    let mut at = HEADER_BYTES;
    while at + SECTION_HEADER_BYTES <= bytes.len() {
        let is_trailer = u16_at(bytes, at + 4) == u16::MAX;
        let Some(end) = usize::try_from(u64_at(bytes, at + 8))
            .ok()
            .and_then(|len| (at + SECTION_HEADER_BYTES).checked_add(len))
            .filter(|end| *end <= bytes.len())
        else {
            return;
        };
        if is_trailer && at + SECTION_HEADER_BYTES + 20 <= end {
            let whole = crc32fast::hash(&bytes[..at]);
            let place = at + SECTION_HEADER_BYTES + 16;
            bytes[place..place + 4].copy_from_slice(&whole.to_le_bytes());
        }
        let crc = crc32fast::hash(&bytes[at + 4..end]);
        bytes[at..at + 4].copy_from_slice(&crc.to_le_bytes());
        at = end;
    }
}
