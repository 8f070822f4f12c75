//! A database driven by the fuzzer's bytes on a disk that fails, loses power and is killed: what is
//! found afterwards is the state after some prefix of the records, with everything acknowledged in it.
//!
//! Input: a byte for each step, and its arguments.

use std::collections::BTreeMap;

use crate::Script;
use crate::disk::{State, checkpoint, execute, open};
use crate::planted::is_planted;
use storage::fs::sim::{Fault, SimFs};
use storage::{Database, StorageError};

/// Runs one input.
pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let mut run = Run {
        fs: SimFs::new(u64::from(script.u16())),
        states: BTreeMap::new(),
        durable: 0,
        written: 0,
    };
    for _ in 0..6 {
        run.live(&mut script);
    }
}

struct Run {
    fs: SimFs,
    /// After each record that may be found.
    states: BTreeMap<u64, State>,
    durable: u64,
    written: u64,
}

impl Run {
    /// From a start to a crash, and what is found then.
    fn live(&mut self, script: &mut Script) {
        let fault = script.byte();
        if fault < 128 {
            let nth = self.fs.calls() + 1 + u64::from(script.u16() % 400);
            self.fs.fail_call(nth - self.fs.calls(), kind(fault));
        }
        if let Ok((mut database, _)) = open(&self.fs) {
            self.found(&database, self.durable);
            while !script.is_empty() {
                let step = script.byte();
                if step == 255 {
                    break;
                }
                let done = self.step(&mut database, step, script);
                self.note(&database);
                if done.is_err() {
                    break;
                }
            }
        }
        let floor = if script.byte().is_multiple_of(3) {
            self.fs.kill();
            self.written
        } else {
            self.fs.power_cut(u64::from(script.u16()));
            self.durable
        };
        let (database, _) = open(&self.fs).expect("a crash is no damage");
        self.found(&database, floor);
        drop(database);
        self.fs.kill();
    }

    fn step(
        &self,
        database: &mut Database,
        step: u8,
        script: &mut Script,
    ) -> Result<(), StorageError> {
        match step % 16 {
            0..9 => execute(database, &line(step % 16, script), 1_700_000_000_000),
            9 => {
                database.begin_transaction(9);
                for _ in 0..script.byte() % 4 {
                    execute(database, &line(script.byte() % 9, script), 1_700_000_000_000);
                }
                database.end_transaction()?;
            }
            10 | 11 => drop(database.log().commit()?),
            12 => drop(database.log().write()?),
            13 => drop(database.log().sync()?),
            14 => match database.log().prepare_segment() {
                Err(error) if !error.is_space() => return Err(error),
                _ => {}
            },
            _ => checkpoint(&self.fs, database)?,
        }
        Ok(())
    }

    fn note(&mut self, database: &Database) {
        self.states.insert(database.log().last(), self.look(database));
        self.durable = self.durable.max(database.log().durable());
        self.written = self.written.max(database.log().written());
        // Planted: an answer leaves before the sync.
        if is_planted() {
            self.durable = self.written;
        }
    }

    /// What a database holds, whatever fault waits for the next call: a refused read is no state.
    fn look(&self, database: &Database) -> State {
        self.fs.aside(|| State::of(database.engine()))
    }

    fn found(&mut self, database: &Database, floor: u64) {
        let last = database.log().last();
        assert!(floor <= last, "record {floor} was acknowledged, the log ends with {last}");
        if let Some((lsn, expected)) = self.states.range(..=last).next_back() {
            self.fs.aside(|| expected.expect(database.engine(), &format!("record {lsn}")));
        }
        self.states.split_off(&(last + 1));
        self.states.insert(last, self.look(database));
        (self.durable, self.written) = (last, last);
    }
}

fn kind(number: u8) -> Fault {
    [Fault::Eio, Fault::NoSpace, Fault::ShortWrite, Fault::PowerCut][usize::from(number % 4)]
}

fn line(number: u8, script: &mut Script) -> String {
    let (one, two) = (script.byte(), script.byte());
    match number {
        0..4 => format!("XADD s{} * field {}", one % 2, "x".repeat(usize::from(two))),
        4 => format!("XDEL s{} 1700000000000-{two}", one % 2),
        5 => format!("XTRIM s{} MAXLEN {two}", one % 2),
        6 => format!("XGROUP CREATE s{} g 0 MKSTREAM", one % 2),
        7 => format!("XREADGROUP GROUP g c COUNT {} STREAMS s{} >", two % 5 + 1, one % 2),
        _ => format!("SET k{} {}", one % 4, "y".repeat(usize::from(two) * 40)),
    }
}
