//! A directory with damaged snapshots and block files gives the whole state (but for entries whose
//! block is named as damaged), or a refusal with file and offset. A snapshot whose checksums are right
//! and whose content is anything loads or is refused, and what loads makes the same snapshot again.
//!
//! Input: edits of a directory; or the payloads of sections.

use std::path::Path;
use std::sync::LazyLock;

use crate::disk::{Base, DIR, bases, open};
use crate::edits::damaged;
use crate::{Script, play};
use storage::format::header::{FileHeader, FileKind};
use storage::fs::Fs;
use storage::fs::sim::SimFs;
use storage::{StorageError, snapshot};

static BASES: LazyLock<Vec<Base>> = LazyLock::new(bases);

/// The LSN of the snapshots that are made here.
const LSN: u64 = 9;

/// Runs one input.
pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let number = usize::from(script.byte() % 4);
    if number < 2 {
        let is_state = |file: &Path| !file.starts_with("/db/log");
        damaged(&BASES[1 + number], &mut script, is_state);
    } else {
        load(&mut script);
    }
}

/// Loads a snapshot of sections with these payloads, all of whose checksums are right.
fn load(script: &mut Script) {
    let fs = SimFs::new(1);
    let dir = Path::new(DIR);
    drop(open(&fs).expect("an empty disk"));
    let path = dir.join(format!("snapshots/{LSN:020}.snap"));
    let file = fs.create(&path).expect("a new file");
    file.write_all_at(&sections(script), 0).expect("room");
    match snapshot::load_newest(&fs, dir, 1, LSN + 1) {
        Ok(loaded) => {
            let image = play::image(&loaded.engine);
            play::read_all(&loaded.engine, b"s");
            let again = play::load(&image).expect("its own image loads");
            assert_eq!(play::image(&again), image);
        }
        Err(StorageError::Corrupt { file, offset, .. }) => {
            assert!(file == path || file.starts_with("/db/blocks"), "{}", file.display());
            assert!(offset <= fs.bytes(&path).len() as u64);
        }
        Err(error) => panic!("neither loaded nor damaged: {error}"),
    }
}

fn sections(script: &mut Script) -> Vec<u8> {
    let mut out = FileHeader::new(FileKind::Snapshot, LSN).encode().to_vec();
    let files = script.string(15);
    let mut number = 0;
    put_section(&mut out, 1, &mut number, files);
    while !script.is_empty() && number < 4 {
        let len = usize::from(script.u16());
        put_section(&mut out, 2, &mut number, script.bytes(len));
    }
    let mut trailer = Vec::new();
    trailer.extend(number.to_le_bytes());
    trailer.extend((out.len() as u64).to_le_bytes());
    trailer.extend(crc32fast::hash(&out).to_le_bytes());
    trailer.extend([0; 4]);
    put_section(&mut out, u16::MAX, &mut number, &trailer);
    out
}

fn put_section(out: &mut Vec<u8>, kind: u16, number: &mut u64, payload: &[u8]) {
    let mut header = Vec::new();
    header.extend(kind.to_le_bytes());
    header.extend(1u16.to_le_bytes());
    header.extend((payload.len() as u64).to_le_bytes());
    header.extend(number.to_le_bytes());
    header.extend(LSN.to_le_bytes());
    let mut crc = crc32fast::Hasher::new();
    crc.update(&header);
    crc.update(payload);
    out.extend(crc.finalize().to_le_bytes());
    out.extend(header);
    out.extend_from_slice(payload);
    *number += 1;
}
