//! Streams through the engine's public face: the acceptance vectors of trimming, IDs and deletion,
//! and a naive model under random commands. Every operation passes through the log's encoding into
//! a second engine, which must end in the same state; so must an engine loaded from the image.

#![expect(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

mod disk;
mod idmp;
mod model;
mod references;
mod vectors;

use std::sync::Arc;

use disk::Disk;
use engine::*;

/// An engine, its twin fed by encoded operations, and the answers as text.
pub(crate) struct Pair {
    pub(crate) engine: Engine,
    twin: Engine,
    version: u64,
    pub(crate) now: UnixMillis,
    disk: Arc<Disk>,
}

impl Pair {
    pub(crate) fn new(block_entries_max: u64) -> Self {
        let settings = Settings { block_entries_max, ..Settings::default() };
        let new = |seed| Engine::new(settings, seed);
        Self { engine: new(1), twin: new(2), version: 0, now: 1_000_000, disk: Arc::default() }
    }

    /// Runs a command; its operations go to both engines.
    pub(crate) fn run(&mut self, command: &Command<'_>) -> String {
        let decision = match self.engine.decide(command, Context { db: 0, now: self.now }) {
            Ok(decision) => decision,
            Err(refusal) => return String::from_utf8_lossy(&refusal.text()).into_owned(),
        };
        self.apply(&decision.ops);
        let text = text(&decision.reply);
        if decision.wait.is_some() { format!("wait or {text}") } else { text }
    }

    pub(crate) fn apply(&mut self, ops: &[Op<'_>]) {
        let config = bincode::config::standard();
        for op in ops {
            self.version += 1;
            let bytes = bincode::serde::encode_to_vec(op, config).unwrap();
            let (same, len) = bincode::serde::borrow_decode_from_slice(&bytes, config).unwrap();
            assert_eq!((op, len), (&same, bytes.len()));
            self.engine.apply(op, self.version);
            self.twin.apply(&same, self.version);
        }
    }

    /// Replayed and reloaded engines are the same as this one.
    pub(crate) fn check_twins(&self) {
        let items: Vec<_> = self.engine.image().collect();
        let content = disk::content(&self.engine);
        assert_eq!(content, disk::content(&self.twin), "replayed");
        let config = bincode::config::standard();
        let mut loader = ImageLoader::new(3, self.version);
        for item in &items {
            let bytes = bincode::serde::encode_to_vec(item, config).unwrap();
            let (item, _) = bincode::serde::borrow_decode_from_slice(&bytes, config).unwrap();
            loader.push(&item, &mut |at| self.disk.source(at)).unwrap();
        }
        let loaded = loader.finish().unwrap();
        assert_eq!(items, loaded.image().collect::<Vec<_>>(), "loaded");
        assert_eq!(content, disk::content(&loaded), "loaded");
    }

    /// Lets the engine find blocks on disk, `budget` at a time: those in memory, or all of them.
    pub(crate) fn store(&mut self, all: bool, budget: usize) {
        self.disk.store(&mut self.engine, all, budget);
    }

    /// `XADD key id f v`, with a trim.
    pub(crate) fn add(&mut self, key: &[u8], id: NewId, trim: Option<Trim>) -> String {
        let fields = Fields::Borrowed(&[b"f", b"v"]);
        self.run(&Command::XAdd(XAdd { key, id, fields, no_make_stream: false, trim }))
    }

    pub(crate) fn trim(&mut self, key: &[u8], trim: Trim) -> String {
        self.run(&Command::XTrim { key, trim })
    }

    pub(crate) fn del(&mut self, key: &[u8], ids: &[StreamId]) -> String {
        self.run(&Command::XDel { key, ids: Ok(ids.to_vec()) })
    }

    pub(crate) fn len(&mut self, key: &[u8]) -> String {
        self.run(&Command::XLen { key })
    }

    /// All entries, oldest first.
    pub(crate) fn all(&mut self, key: &[u8]) -> String {
        let range = IdRange { start: StreamId::MIN, end: StreamId::MAX };
        self.run(&Command::XRange { key, range, count: None, order: Order::Ascending })
    }

    /// One field of XINFO STREAM.
    pub(crate) fn info(&mut self, key: &[u8], field: &'static str) -> String {
        let command = Command::XInfoStream { key, detail: Ok(InfoDetail::Summary) };
        let decision = self.engine.decide(&command, Context { db: 0, now: self.now }).unwrap();
        let Reply::Map(pairs) = decision.reply else { panic!("a map") };
        let (_, value) = pairs.iter().find(|(name, _)| *name == Reply::text(field)).unwrap();
        text(value)
    }
}

/// A reply as one line.
fn text(reply: &Reply) -> String {
    match reply {
        Reply::Ok => "OK".into(),
        Reply::Nil => "nil".into(),
        Reply::NilArray => "nil array".into(),
        Reply::Integer(number) => number.to_string(),
        Reply::Id(id) => id.to_string(),
        Reply::Bulk(bytes) => bytes.escape_ascii().to_string(),
        Reply::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        Reply::Entries(range) | Reply::EntryOrNil(range) => entries(range),
        Reply::Streams(streams) => streams
            .iter()
            .map(|(key, entries)| format!("{}: {}", key.escape_ascii(), text(entries)))
            .collect::<Vec<_>>()
            .join("; "),
        Reply::Map(pairs) => pairs
            .iter()
            .map(|(name, value)| format!("{} {}", text(name), text(value)))
            .collect::<Vec<_>>()
            .join(", "),
        other => panic!("no reply of these commands: {other:?}"),
    }
}

/// Entries as `id f=v`, or the refusal.
pub(crate) fn entries(range: &EntryRange) -> String {
    let mut found = Vec::new();
    let visited = range.visit(|id, pairs| {
        let mut text = id.to_string();
        for (name, value) in pairs.expect("a range visits live entries only") {
            text += &format!(" {}={}", name.escape_ascii(), value.escape_ascii());
        }
        found.push(text);
    });
    match visited {
        Ok(count) => {
            assert_eq!(count, found.len() as u64);
            assert!(count <= range.count_max());
            found.join(", ")
        }
        Err(refusal) => refusal.to_string(),
    }
}
