//! What was done, what was promised about it, and what the state should be after any part of it.

use std::collections::BTreeMap;

use engine::{Engine, Op, Settings, StreamId};
use storage::format::codec;

use crate::state::{self, State, StreamRead};

/// The database and key of a stream to which entries are only ever added, each with the next ID.
pub const LEDGER: (u8, &[u8]) = (9, b"ledger");

/// Every record by its number.
#[derive(Debug, Default, Clone)]
pub struct History {
    records: BTreeMap<u64, Record>,
    /// Everything up to here was acknowledged as durable: it survives a power cut.
    pub durable: u64,
    /// Everything up to here was acknowledged as written: it survives the end of the process.
    pub written: u64,
    /// Entries of the ledger and their records.
    ledger: Vec<(u64, StreamId)>,
}

#[derive(Debug, Clone)]
struct Record {
    /// Operations as they were decided, encoded one behind the other.
    ops: Vec<u8>,
    /// What was durable when the record was made, which the record says on disk.
    durable: u64,
}

/// A second engine, which has applied a prefix of the history and never saw a disk.
pub struct Model {
    pub engine: Engine,
    pub lsn: u64,
}

impl Model {
    pub fn new() -> Self {
        Self { engine: Engine::new(Settings::default(), 1), lsn: 0 }
    }

    /// Applies what comes up to record `lsn`.
    pub fn advance(&mut self, history: &History, lsn: u64) {
        if lsn <= self.lsn {
            return;
        }
        for (&lsn, record) in history.records.range(self.lsn + 1..=lsn) {
            let mut rest = record.ops.as_slice();
            while !rest.is_empty() {
                let (op, taken) = codec::decode::<Op<'_>>(rest).expect("encoded by ourselves");
                self.engine.apply(&op, lsn);
                rest = &rest[taken..];
            }
        }
        self.lsn = lsn;
    }
}

impl History {
    pub fn note(&mut self, lsn: u64, durable: u64, ops: Vec<u8>) {
        let is_new = self.records.insert(lsn, Record { ops, durable }).is_none();
        assert!(is_new, "record {lsn} was made twice");
    }

    /// Notes an entry of the ledger, whose ID must be above all before it.
    pub fn note_ledger(&mut self, lsn: u64, id: StreamId) {
        if let Some((before, last)) = self.ledger.last() {
            assert!(*last < id, "record {lsn} gave ID {id}, record {before} gave {last}");
        }
        self.ledger.push((lsn, id));
    }

    pub fn promise(&mut self, durable: u64, written: u64) {
        assert!(self.durable <= durable, "durable went back to {durable} from {}", self.durable);
        self.durable = durable;
        self.written = self.written.max(written);
    }

    /// The disk holds the records up to here and nothing else: later ones never happened.
    pub fn cut(&mut self, last: u64) {
        self.records.split_off(&(last + 1));
        self.ledger.retain(|(lsn, _)| *lsn <= last);
        self.durable = last;
        self.written = last;
    }

    /// The least that must be left once a single record has been destroyed at rest: what a record
    /// that is still there says was durable.
    pub fn proven(&self) -> u64 {
        // The one destroyed may be the last or any before; the last but one says no more than any.
        let proofs = self.records.range(..self.durable).next_back();
        proofs.map_or(0, |(_, record)| record.durable)
    }

    /// Holds a recovered engine against the state after record `lsn`.
    pub fn check(&self, model: &mut Model, lsn: u64, found: &Engine, what: &dyn Fn() -> String) {
        model.advance(self, lsn);
        let expected = State::of(&model.engine);
        if State::of(found) != expected {
            let (found, expected) = (listing(found), listing(&model.engine));
            let differs = found.lines().zip(expected.lines()).find(|(a, b)| a != b);
            panic!("{}: not the state after record {lsn}; first difference: {differs:#?}", what());
        }
        let of_ledger = self.ledger.iter().filter(|(at, _)| *at <= lsn).map(|(_, id)| *id);
        let StreamRead { entries, error } = state::entries(found, LEDGER.0, LEDGER.1);
        assert!(error.is_none(), "{}: the ledger cannot be read: {error:?}", what());
        let found = entries.into_iter().map(|(id, _)| id);
        assert!(of_ledger.eq(found), "{}: the ledger is not what was added to it", what());
    }
}

/// An image as text, to see a difference.
fn listing(engine: &Engine) -> String {
    engine.image().map(|item| format!("{item:?}\n")).collect()
}
