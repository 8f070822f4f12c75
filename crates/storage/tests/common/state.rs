//! The whole state of an engine as bytes, wherever its blocks lie.

use engine::{
    Command, CommandError, Context, Engine, IdRange, Item, Order, Reply, StreamId, StreamItem, Text,
};
use storage::format::codec;

/// An engine's state in two parts.
#[derive(PartialEq)]
pub struct State {
    /// The image, without the bytes and places of sealed blocks.
    pub image: Vec<u8>,
    /// The entries of each stream, read as a client reads them.
    pub streams: Vec<StreamRead>,
}

/// What reading a stream from its start gave, and why it ended early.
#[derive(PartialEq)]
pub struct StreamRead {
    pub entries: Vec<Entry>,
    pub error: Option<CommandError>,
}

/// An entry: ID, then names and values.
pub type Entry = (StreamId, Vec<u8>);

impl State {
    pub fn of(engine: &Engine) -> Self {
        let (mut image, mut streams, mut db) = (Vec::new(), Vec::new(), 0);
        let mut blocks = Vec::new();
        for mut item in engine.image() {
            match &mut item {
                Item::Db { db: number } => db = *number,
                Item::Stream { key, .. } => {
                    streams.push(entries(engine, db, key));
                }
                Item::StreamPart { part } => {
                    let more = part.blocks().expect("an engine packs well");
                    if !more.is_empty() {
                        blocks.extend(more.into_owned());
                        continue;
                    }
                }
                _ => {}
            }
            // Which of them are packed is as little a part of the state as their place.
            if !blocks.is_empty() {
                for block in &mut blocks {
                    block.location = None;
                    block.bytes = Text::Borrowed(b"");
                }
                let part = StreamItem::Blocks { blocks: std::mem::take(&mut blocks) };
                codec::encode_into(&Item::StreamPart { part }, &mut image);
            }
            codec::encode_into(&item, &mut image);
        }
        Self { image, streams }
    }

    /// Whether this is `whole`, but for entries that cannot be read.
    pub fn is_within(&self, whole: &State) -> bool {
        let is_part = |(mine, theirs): (&StreamRead, &StreamRead)| match mine.error {
            None => mine.entries == theirs.entries,
            Some(_) => theirs.entries.starts_with(&mine.entries),
        };
        self.image == whole.image
            && self.streams.len() == whole.streams.len()
            && self.streams.iter().zip(&whole.streams).all(is_part)
    }
}

/// All entries of a stream that can be read, and the error that ended it.
pub fn entries(engine: &Engine, db: u8, key: &[u8]) -> StreamRead {
    let range = IdRange { start: StreamId::MIN, end: StreamId::MAX };
    let command = Command::XRange { key, range, count: None, order: Order::Ascending };
    // Before anything expires.
    let decision = match engine.decide(&command, Context { db, now: 0 }) {
        Ok(decision) => decision,
        Err(error) => return StreamRead { entries: Vec::new(), error: Some(error) },
    };
    let mut found = Vec::new();
    let Reply::Entries(range) = decision.reply else {
        return StreamRead { entries: found, error: None };
    };
    let visited = range.visit(|id, pairs| {
        let mut bytes = Vec::new();
        for (name, value) in pairs.into_iter().flatten() {
            for text in [name, value] {
                bytes.extend_from_slice(&text.len().to_le_bytes());
                bytes.extend_from_slice(text);
            }
        }
        found.push((id, bytes));
    });
    StreamRead { entries: found, error: visited.err() }
}
