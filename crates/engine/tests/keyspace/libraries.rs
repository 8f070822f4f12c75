//! Libraries of functions: names and code, which the engine keeps and does not read.

use engine::{BlockLocation, BlockSource, Engine, ImageLoader, Item, Op, Settings, Text};
use std::sync::Arc;

fn set(engine: &mut Engine, name: &'static [u8], code: &'static [u8]) {
    engine.apply(&Op::LibrarySet { name, code }, 1);
}

fn load(items: &[Item<'_>]) -> Result<Engine, String> {
    let mut loader = ImageLoader::new(1, 9);
    let mut source = |_: BlockLocation| -> Result<Arc<dyn BlockSource>, String> {
        Err("there are no blocks".to_owned())
    };
    for item in items {
        loader.push(item, &mut source).map_err(|error| error.to_string())?;
    }
    loader.finish().map_err(|error| error.to_string())
}

#[test]
fn they_are_replaced_deleted_and_part_of_an_image() {
    let mut engine = Engine::new(Settings::default(), 1);
    set(&mut engine, b"two", b"2");
    set(&mut engine, b"one", b"0");
    set(&mut engine, b"three", b"3");
    set(&mut engine, b"one", b"1");
    engine.apply(&Op::LibraryDelete { name: b"three" }, 2);
    engine.apply(&Op::Flush { db: None }, 3);
    let expected: [(&[u8], &[u8]); 2] = [(b"one", b"1"), (b"two", b"2")];
    assert!(engine.libraries().eq(expected));
    let items: Vec<Item<'_>> = engine.image().collect();
    let loaded = load(&items).unwrap();
    assert!(loaded.libraries().eq(expected));
    assert!(loaded.image().eq(items));
}

#[test]
fn items_out_of_order_are_no_image() {
    let item = |name: &'static [u8]| Item::Library {
        name: Text::Borrowed(name),
        code: Text::Borrowed(b""),
    };
    let first = Item::Engine { block_entries_max: 1, block_bytes_max: 1, block_next: 1 };
    for (wrong, reason) in [
        (vec![item(b"a")], "the first item is not about the engine"),
        (vec![first.clone(), item(b"b"), item(b"a"), Item::End], "libraries out of order"),
        (vec![first.clone(), item(b"a"), item(b"a"), Item::End], "libraries out of order"),
        (vec![first.clone(), Item::Db { db: 0 }, item(b"a")], "a library out of place"),
    ] {
        let error = load(&wrong).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
}
