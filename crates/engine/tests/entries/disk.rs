//! A disk for sealed blocks, in memory.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use engine::*;

/// The bytes of all block files. They are numbered by where they begin.
#[derive(Debug, Default)]
pub(crate) struct Disk(Mutex<Vec<u8>>);

impl BlockSource for Disk {
    fn read(&self, offset: u64, len: usize) -> Result<Bytes, String> {
        let start = usize::try_from(offset).unwrap();
        Ok(Bytes::copy_from_slice(&self.0.lock().unwrap()[start..start + len]))
    }

    fn note_damage(&self, damaged: &DamagedBlock) {
        panic!("{damaged:?}");
    }
}

impl Disk {
    /// What a block is read from, if it lies on this disk.
    pub(crate) fn source(
        self: &Arc<Self>,
        at: BlockLocation,
    ) -> Result<Arc<dyn BlockSource>, String> {
        let end = self.0.lock().unwrap().len() as u64;
        let is_here = at.file <= at.offset && at.offset + u64::from(at.len) <= end;
        is_here.then(|| Arc::clone(self) as _).ok_or_else(|| format!("{at:?} of {end} bytes"))
    }

    /// Writes the blocks that lie in memory (or all of them, into another file), and lets the engine
    /// find them there, `budget` blocks at a time.
    pub(crate) fn store(self: &Arc<Self>, engine: &mut Engine, all: bool, budget: usize) {
        let mut places = Vec::new();
        let file = self.0.lock().unwrap().len() as u64;
        for block in engine.blocks().filter(|block| all || block.location.is_none()) {
            let bytes = block.bytes().unwrap();
            let mut disk = self.0.lock().unwrap();
            // Every third one does not follow the one before.
            if block.header.number % 3 == 0 {
                disk.push(0);
            }
            let (offset, len) = (disk.len() as u64, u32::try_from(bytes.len()).unwrap());
            places.push((block.header.number, BlockLocation { file, offset, len }));
            disk.extend_from_slice(&bytes);
        }
        let mut cursor = Some(AdoptCursor::default());
        while let Some(at) = cursor {
            cursor = engine.adopt(at, budget, &|_| false, &mut |number, _| {
                let (_, place) = places.iter().find(|(placed, _)| *placed == number)?;
                Some((Arc::clone(self) as _, *place))
            });
        }
        assert!(engine.blocks().all(|block| block.location.is_some()), "every block was visited");
    }
}

/// What an engine holds, wherever its blocks lie: items, and blocks one by one.
pub(crate) fn content(engine: &Engine) -> Vec<String> {
    let mut content = Vec::new();
    for item in engine.image() {
        let blocks = match &item {
            Item::StreamPart { part } => part.blocks().unwrap(),
            _ => Cow::default(),
        };
        if blocks.is_empty() {
            content.push(format!("{item:?}"));
        }
        for block in blocks.iter() {
            let BlockItem { number, first, last, slots, deleted, .. } = block;
            content.push(format!("{number} {first} {last} {slots} {deleted:?}"));
        }
    }
    content.extend(engine.blocks().map(|block| format!("{:?}", block.bytes().unwrap())));
    content
}
