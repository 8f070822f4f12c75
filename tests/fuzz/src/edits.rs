//! Damage at rest, as the fuzzer wishes.

use std::path::{Path, PathBuf};

use storage::fs::sim::SimFs;
use storage::{StorageError, check};

use crate::Script;
use crate::disk::{Base, DIR, open};
use crate::planted::{is_planted, let_any_checksum_pass};

const SECTOR: usize = 512;

/// Opens a copy of the base after up to eight edits of the files that `may_change`. It must hold
/// the state after some record, or be refused with the name of a file and an offset in it; and
/// `headwater check` must agree.
pub fn damaged(base: &Base, script: &mut Script, may_change: impl Fn(&Path) -> bool) {
    let fs = base.fs.fork();
    let files: Vec<PathBuf> =
        fs.files(Path::new(DIR)).into_iter().filter(|file| may_change(file)).collect();
    for _ in 0..=script.byte() % 8 {
        if script.is_empty() {
            break;
        }
        let file = &files[script.below(files.len())];
        if fs.files(Path::new(DIR)).contains(file) {
            edit(&fs, file, script);
        }
        if is_planted() && fs.files(Path::new(DIR)).contains(file) {
            fs.damage(file, |bytes| let_any_checksum_pass(file, bytes));
        }
    }
    let report = check::check(&fs.fork(), Path::new(DIR), &mut |_| {});
    match open(&fs) {
        Ok((database, report)) => {
            let what =
                format!("record {} of {:?}", report.last_lsn, base.states.keys().next_back());
            let expected = base.states.get(&report.last_lsn);
            expected.expect("a record that was written").expect(database.engine(), &what);
        }
        Err(error) => {
            named(&fs, &error);
            let sound = report.is_ok_and(|report| report.sound);
            assert!(!sound, "check finds nothing wrong with a directory that is refused: {error}");
        }
    }
}

/// A refusal says which file, and where in it.
fn named(fs: &SimFs, error: &StorageError) {
    let files = fs.files(Path::new(DIR));
    match error {
        StorageError::Corrupt { file, offset, .. } => {
            let len = if files.contains(file) { fs.bytes(file).len() as u64 } else { 0 };
            assert!(*offset <= len, "{error}: the file has {len} bytes");
        }
        StorageError::UnsupportedVersion { file, .. } => assert!(files.contains(file), "{error}"),
        StorageError::NotOurs { .. } | StorageError::NoDatabase { .. } => {}
        other => panic!("neither damage nor a stranger's: {other}"),
    }
}

/// One edit of one file.
fn edit(fs: &SimFs, file: &Path, script: &mut Script) {
    if script.byte() == 255 {
        return fs.lose(file);
    }
    fs.damage(file, |bytes| {
        if bytes.is_empty() {
            return;
        }
        let at = script.below(bytes.len());
        let sectors = bytes.len().div_ceil(SECTOR);
        match script.byte() % 8 {
            0 => bytes[at] ^= 1 << (script.byte() % 8),
            1 => bytes[at] = script.byte(),
            2 => sector(bytes, at / SECTOR).fill(0),
            3 => {
                let other = script.below(sectors);
                let copy = sector(bytes, other).to_vec();
                let here = sector(bytes, at / SECTOR);
                let len = here.len().min(copy.len());
                here[..len].copy_from_slice(&copy[..len]);
            }
            4 => bytes.truncate(at),
            5 => {
                let more = script.string(255);
                bytes.extend_from_slice(more);
            }
            6 => {
                let end = bytes.len().min(at + usize::from(script.byte()));
                bytes[at..end].fill(script.byte());
            }
            _ => {
                let new = script.string(32);
                let end = bytes.len().min(at + new.len());
                bytes[at..end].copy_from_slice(&new[..end - at]);
            }
        }
    });
}

fn sector(bytes: &mut [u8], number: usize) -> &mut [u8] {
    bytes.chunks_mut(SECTOR).nth(number).expect("a sector of the file")
}
