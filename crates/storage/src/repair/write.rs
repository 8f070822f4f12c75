//! Writing the repaired directory: one snapshot, its blocks, and an empty log behind it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use engine::{BlockHeader, Engine};

use crate::blocks::{BlockFiles, BlockWriter, DamagedBlocks};
use crate::checkpoint::{adopt_all, referenced_files};
use crate::dir;
use crate::error::{Damage, StorageError};
use crate::fs::Fs;
use crate::log::{Log, LogPosition};
use crate::options::Options;
use crate::snapshot::SnapshotWriter;

/// Writes the state after record `lsn` as a directory of its own.
pub(super) fn write(
    fs: &dyn Fs,
    (from, to): (&Path, &Path),
    options: &Options,
    (mut engine, lsn): (Engine, u64),
) -> Result<(), StorageError> {
    expect_empty(fs, to)?;
    let _lock = dir::claim(fs, to)?;
    for part in [dir::log(to), dir::blocks(to), dir::snapshots(to)] {
        fs.create_dir(&part).map_err(StorageError::io("create", &part))?;
    }
    if lsn != 0 {
        let open_files = write_blocks(fs, (from, to), &mut engine)?;
        let files = referenced_files(&engine.stored_blocks(), &open_files);
        let mut writer = SnapshotWriter::create(fs, to, LogPosition::behind(lsn), &files)?;
        for item in engine.image() {
            writer.item(&item)?;
        }
        writer.finish()?;
    }
    // A history of its own: what was written after record `lsn` over there is not what will be here.
    let mark = dir::Mark { history: fs.random().max(1), ..dir::Mark::default() };
    Log::create(fs, to, options, (lsn + 1, mark.history))?;
    fs.sync_dir(to).map_err(StorageError::io("sync", to))?;
    // Last: from here on it is a database.
    dir::put_mark(fs, to, mark)
}

/// Copies every block, and lets the engine find it there.
fn write_blocks(
    fs: &dyn Fs,
    (from, to): (&Path, &Path),
    engine: &mut Engine,
) -> Result<BlockFiles, StorageError> {
    let mut writer = BlockWriter::new(fs, to, 1);
    let mut done = BTreeSet::new();
    for block in engine.blocks() {
        // A copied stream shares its blocks with the original.
        if !done.insert(block.header.number) {
            continue;
        }
        let bytes = block.bytes();
        let sound = bytes.ok().filter(|bytes| BlockHeader::read(bytes) == Ok(block.header));
        let bytes = sound.ok_or_else(|| {
            // It was whole a moment ago: this disk gets worse as we watch.
            let (file, offset) = block.location.map_or((0, 0), |place| (place.file, place.offset));
            StorageError::corrupt(&dir::block_file(from, file), offset, Damage::Checksum)
        })?;
        writer.add(block.header.number, &bytes)?;
    }
    let written = writer.finish()?;
    let mut open_files = BlockFiles::new(&DamagedBlocks::default());
    for file in &written.files {
        open_files.open(fs, to, file)?;
    }
    let places: BTreeMap<_, _> = written.places.iter().copied().collect();
    adopt_all(engine, &|_| false, &mut |number, _| {
        let place = *places.get(&number)?;
        Some((open_files.source(place).expect("just written and opened"), place))
    });
    Ok(open_files)
}

fn expect_empty(fs: &dyn Fs, to: &Path) -> Result<(), StorageError> {
    if !dir::exists(fs, to)? {
        return Ok(());
    }
    let names = fs.list(to).map_err(StorageError::io("list", to))?;
    match names.into_iter().find(|name| name != "lost+found") {
        Some(name) => Err(StorageError::NotEmpty { dir: to.to_path_buf(), name }),
        None => Ok(()),
    }
}
