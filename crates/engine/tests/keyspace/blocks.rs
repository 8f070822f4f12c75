//! Streams beside the other keys: images of them, and the exchange of their sealed blocks.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use engine::{
    AdoptCursor, BlockLocation, BlockRef, BlockSource, DamagedBlock, Engine, Fields, ImageLoader,
    Item, Op, Settings, StreamId,
};

use crate::harness::{Run, image};

const PLACE: BlockLocation = BlockLocation { file: 3, offset: 64, len: 9 };

/// Appends `count` entries to a stream, two to a block, with a group that has one of them pending.
fn fill(engine: &mut Engine, key: &str, count: u64) {
    let (db, key) = (0, key.as_bytes());
    engine.apply(&Op::Configure { block_entries_max: 2, block_bytes_max: 0 }, 1);
    for ms in 1..=count {
        let fields = Fields::Collected(vec![b"field", b"value"]);
        engine.apply(&Op::StreamAppend { db, key, id: StreamId::new(ms, 0), fields }, 1);
    }
    let (group, consumer) = (&b"group"[..], &b"consumer"[..]);
    let last_delivered = StreamId::new(1, 0);
    let start = StreamId::MIN;
    let ops = [
        Op::GroupCreate { db, key, group, last_delivered: start, entries_read: None },
        Op::ConsumerCreate { db, key, group, consumer, time: 5 },
        Op::Deliver {
            db,
            key,
            group,
            consumer,
            time: 6,
            ids: [last_delivered].into_iter().collect(),
            last_delivered,
            entries_read: Some(1),
        },
    ];
    ops.iter().for_each(|op| engine.apply(op, 1));
}

/// One block on disk.
#[derive(Debug)]
struct Disk(Bytes);

impl Disk {
    fn of(bytes: &Bytes) -> Arc<dyn BlockSource> {
        Arc::new(Self(bytes.clone()))
    }
}

impl BlockSource for Disk {
    fn read(&self, _: u64, _: usize) -> Result<Bytes, String> {
        Ok(self.0.clone())
    }

    fn note_damage(&self, damaged: &DamagedBlock) {
        panic!("{damaged:?}");
    }
}

fn unplaced(engine: &Engine) -> impl Iterator<Item = BlockRef<'_>> {
    engine.blocks().filter(|block| block.location.is_none())
}

/// Items to bytes and back into an engine; blocks on disk come from `disk`.
fn reload(items: &[Vec<u8>], disk: &BTreeMap<u64, Bytes>) -> Result<Engine, String> {
    let mut loader = ImageLoader::new(1, 9);
    for item in items {
        let (item, _): (Item<'_>, _) =
            bincode::serde::borrow_decode_from_slice(item, bincode::config::standard()).unwrap();
        let source = &mut |at: BlockLocation| Ok::<_, Infallible>(Disk::of(&disk[&at.offset]));
        loader.push(&item, source).map_err(|error| error.to_string())?;
    }
    loader.finish().map_err(|error| error.to_string())
}

#[test]
fn streams_and_groups_survive_an_image() {
    let mut run = Run::new();
    run.check("SET before v", "OK");
    fill(&mut run.engine, "stream", 7);
    run.check("SET after v", "OK");
    run.check("PEXPIRE stream 500", "1");
    let items = image(&run.engine);
    let loaded = reload(&items, &BTreeMap::new()).unwrap();
    assert_eq!(image(&loaded), items);

    for missing in 0..items.len() {
        let mut items = items.clone();
        items.remove(missing);
        if let Ok(engine) = reload(&items, &BTreeMap::new()) {
            // What passes for an image at least makes an engine that writes the same image.
            assert_eq!(image(&engine), items, "without item {missing}");
        }
    }
    for twice in 0..items.len() {
        let mut items = items.clone();
        items.insert(twice, items[twice].clone());
        assert!(reload(&items, &BTreeMap::new()).is_err(), "item {twice} twice");
    }
}

/// Otherwise blocks of the same number, or numbers that fall, would come of it.
#[test]
fn blocks_have_numbers_below_the_next_one() {
    let mut engine = Engine::new(Settings::default(), 1);
    fill(&mut engine, "stream", 7);
    let mut items = image(&engine);
    let config = bincode::config::standard();
    for (block_next, is_good) in [(4, true), (3, false), (1, false)] {
        let first = Item::Engine { block_entries_max: 2, block_bytes_max: 0, block_next };
        items[0] = bincode::serde::encode_to_vec(&first, config).unwrap();
        assert_eq!(reload(&items, &BTreeMap::new()).is_ok(), is_good, "{block_next}");
    }
}

/// Places every unplaced block in slices of `budget`, with `meanwhile` between them.
fn place_all(engine: &mut Engine, budget: usize, mut meanwhile: impl FnMut(&mut Engine, usize)) {
    let new: BTreeMap<u64, Bytes> =
        unplaced(engine).map(|block| (block.header.number, block.bytes().unwrap())).collect();
    let mut cursor = Some(AdoptCursor::default());
    for slice in 0.. {
        assert!(slice < 10_000, "the walk does not end");
        let Some(at) = cursor else { break };
        cursor = engine.adopt(at, budget, &|_| false, &mut |number, place| {
            assert!(place.is_none() || budget != usize::MAX, "a block was visited twice");
            let place = BlockLocation { offset: number, ..PLACE };
            new.get(&number).map(|bytes| (Disk::of(bytes), place))
        });
        meanwhile(engine, slice);
    }
}

#[test]
fn every_block_is_adopted_whatever_the_slice() {
    for budget in [0, 1, 2, 3, 7, usize::MAX] {
        let mut engine = Engine::new(Settings::default(), 1);
        for key in ["a", "b", "c"] {
            fill(&mut engine, key, 9);
        }
        assert_eq!(unplaced(&engine).count(), 12);
        place_all(&mut engine, budget, |_, _| {});
        assert_eq!(unplaced(&engine).count(), 0, "budget {budget}");
        let disk =
            engine.blocks().map(|block| (block.header.number, block.bytes().unwrap())).collect();
        let items = image(&engine);
        assert_eq!(image(&reload(&items, &disk).unwrap()), items);
    }
}

#[test]
fn keys_may_go_and_come_between_slices() {
    for budget in 1..6 {
        let mut engine = Engine::new(Settings::default(), 1);
        let stay = ["s0", "s1", "s2", "s3", "s4", "s5"];
        for (number, key) in stay.iter().enumerate() {
            fill(&mut engine, &format!("go{number}"), 9);
            fill(&mut engine, key, 9);
        }
        place_all(&mut engine, budget, |engine, slice| {
            let gone = format!("go{}", slice * 5 % 6);
            engine.apply(&Op::Delete { db: 0, key: gone.as_bytes() }, 2);
            fill(engine, &format!("new{slice}"), 3);
        });
        for key in stay {
            engine.apply(
                &Op::Rename { db: 0, key: key.as_bytes(), new_db: 1, new_key: key.as_bytes() },
                3,
            );
        }
        engine.apply(&Op::Flush { db: Some(0) }, 3);
        assert_eq!((engine.blocks().count(), unplaced(&engine).count()), (24, 0));
    }
}
