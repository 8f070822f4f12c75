//! What the tests of several modules share.

use std::path::Path;

use engine::{Engine, Fields, Op, Settings, Text};

use crate::dir;
use crate::fs::{Fs, RealFs};

/// Bytes of the example called `name` on the format page.
pub(crate) fn hex_example(name: &str) -> Vec<u8> {
    let page = include_str!("../../../docs/on-disk-format.md");
    let start = format!("```hex {name}\n");
    let (_, example) = page.split_once(&start).expect("the page has that example");
    let (example, _) = example.split_once("```").expect("the example ends");
    let mut bytes = Vec::new();
    for line in example.lines() {
        let (offset, hex) = line.split_once("  ").expect("offset, two blanks, bytes");
        assert_eq!(usize::from_str_radix(offset, 16).unwrap(), bytes.len(), "{line}");
        bytes.extend(hex.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()));
    }
    bytes
}

/// An empty data directory on the machine's disk.
pub(crate) fn data_dir() -> tempfile::TempDir {
    let temporary = tempfile::tempdir().unwrap();
    RealFs.create_dir(&dir::blocks(temporary.path())).unwrap();
    RealFs.create_dir(&dir::snapshots(temporary.path())).unwrap();
    temporary
}

/// Writes a whole file, whatever was there.
pub(crate) fn put(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}

/// An engine that holds a string and a hash, after records 1 to 3.
pub(crate) fn small_engine() -> Engine {
    let mut engine = Engine::new(Settings::default(), 1);
    let value = Text::Borrowed(b"value");
    engine.apply(&Op::StringSet { db: 0, key: b"string", value, expire_at: Some(99) }, 1);
    let pairs = Fields::Borrowed(&[b"field", b"1", b"other", b"2"]);
    engine.apply(&Op::HashSet { db: 3, key: b"hash", pairs }, 2);
    engine
}

/// The whole state as text, to compare.
pub(crate) fn state(engine: &Engine) -> Vec<String> {
    engine.image().map(|item| format!("{item:?}")).collect()
}
