use bytes::Bytes;
use engine::BlockLocation;

use super::*;
use crate::dir;
use crate::error::{Damage, StorageError};
use crate::format::header::HEADER_BYTES;
use crate::fs::RealFs;
use crate::testing::{data_dir, hex_example, put};

const BLOCKS: [&[u8]; 3] = [b"the first block", b"the second", b"the third and longest block"];

/// Writes [`BLOCKS`] as numbers 10, 11 and 12 from file 7 on.
fn write(dir: &std::path::Path, file_bytes_max: u64) -> Written {
    let mut writer = BlockWriter::new(&RealFs, dir, 7);
    writer.set_file_bytes_max(file_bytes_max);
    for (number, block) in (10..).zip(BLOCKS) {
        writer.add(number, &Bytes::from_static(block)).unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn blocks_come_back_from_where_they_were_put() {
    let check = |file_bytes_max, files: &[u64]| {
        let dir = data_dir();
        let written = write(dir.path(), file_bytes_max);
        let numbers: Vec<_> = written.files.iter().map(|file| file.number).collect();
        assert_eq!(numbers, files, "at most {file_bytes_max} bytes");
        let mut open = BlockFiles::default();
        for file in &written.files {
            open.open(&RealFs, dir.path(), file).unwrap();
        }
        let read = |at: &BlockLocation| open.source(*at).unwrap().read(at.offset, at.len as usize);
        let found: Vec<_> = written.places.iter().map(|(_, at)| read(at).unwrap()).collect();
        assert_eq!(found, BLOCKS);
        let numbers: Vec<_> = written.places.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [10, 11, 12]);
    };
    check(1 << 30, &[7]);
    check(HEADER_BYTES as u64 + 25 + TRAILER_BYTES as u64, &[7, 8]);
    // A block that is longer than a file may be has one of its own.
    check(1, &[7, 8, 9]);
}

#[test]
fn the_page_shows_what_is_written() {
    let dir = data_dir();
    let mut writer = BlockWriter::new(&RealFs, dir.path(), 7);
    writer.add(1, &Bytes::from_static(b"sealed block")).unwrap();
    writer.finish().unwrap();
    let found = std::fs::read(dir::block_file(dir.path(), 7)).unwrap();
    assert_eq!(found, hex_example("block-file"));
    let trailer = Trailer::decode(found.last_chunk().unwrap()).unwrap();
    assert_eq!((trailer.blocks, trailer.bytes), (1, 12));
}

#[test]
fn a_place_outside_the_blocks_of_a_file_is_no_block() {
    let dir = data_dir();
    let written = write(dir.path(), 1 << 30);
    let mut open = BlockFiles::default();
    open.open(&RealFs, dir.path(), &written.files[0]).unwrap();
    let end = written.files[0].length - TRAILER_BYTES as u64;
    let check = |file, offset, len, is_block: bool| {
        let found = open.source(BlockLocation { file, offset, len });
        assert_eq!(found.is_some(), is_block, "{file} {offset} {len}");
    };
    check(7, 64, 15, true);
    check(7, end - 1, 1, true);
    check(7, end - 1, 2, false);
    check(7, 63, 1, false);
    check(7, u64::MAX, 1, false);
    check(7, u64::MAX - 1, u32::MAX, false);
    check(8, 64, 15, false);
}

#[test]
fn a_shortened_exchanged_or_missing_file_is_refused_by_name() {
    let dir = data_dir();
    let written = write(dir.path(), 1 << 30);
    let file = written.files[0];
    let path = dir::block_file(dir.path(), 7);
    let whole = std::fs::read(&path).unwrap();
    let open = || BlockFiles::default().open(&RealFs, dir.path(), &file).unwrap_err();
    for len in 0..whole.len() {
        put(&path, &whole[..len]);
        let expected = Damage::Length { found: len as u64, expected: file.length };
        match open() {
            StorageError::Corrupt { file, reason, .. } => {
                assert_eq!((file, reason), (path.clone(), expected));
            }
            other => panic!("{len}: {other}"),
        }
    }
    for bit in 0..HEADER_BYTES * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        put(&path, &flipped);
        let error = open();
        assert!(matches!(error, StorageError::Corrupt { .. }), "bit {bit}: {error}");
    }
    let mut other = BlockWriter::new(&RealFs, dir.path(), 8);
    BLOCKS.iter().for_each(|block| other.add(1, &Bytes::from_static(block)).unwrap());
    other.finish().unwrap();
    std::fs::rename(dir::block_file(dir.path(), 8), &path).unwrap();
    let error = open();
    let is_name = matches!(error, StorageError::Corrupt { reason: Damage::Name { found: 8 }, .. });
    assert!(is_name, "{error}");
    std::fs::remove_file(&path).unwrap();
    let error = open();
    assert!(matches!(error, StorageError::Corrupt { reason: Damage::Missing, .. }), "{error}");
}
