//! Data to start from: one connection, deep pipelines.

use anyhow::{Result, ensure};
use support::encode_into;

use super::payload;
use super::xadd::stream_key;
use crate::load::{self, Load, Traffic};
use crate::target::Target;

/// Which IDs the entries get.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ids {
    /// `*`
    Auto,
    /// Those of [`id_of`], so that a reader knows them without asking.
    Known,
}

/// The ID of the n-th entry of a stream filled with [`Ids::Known`]: four to a millisecond.
pub(super) fn id_of(index: u64) -> String {
    format!("{}-{}", 1_700_000_000_000 + index / 4, index % 4)
}

/// Appends `entries` entries to `key`, and counts them.
pub(super) fn one_stream(target: &Target, key: &str, entries: u64, ids: Ids) -> Result<Load> {
    let before = target.connect()?.ok(&["XLEN", key]).int();
    let id = |index| match ids {
        Ids::Auto => "*".to_owned(),
        Ids::Known => id_of(index),
    };
    let mut fill = Fill { next: 0, entries, name: |_| key.to_owned(), id };
    let load = load::run(target.address, 1, None, &mut fill)?;
    let len = target.connect()?.ok(&["XLEN", key]).int();
    ensure!(u64::try_from(len - before)? == entries, "{entries} appended, {len} there");
    Ok(load)
}

/// Appends `entries` entries to `streams` streams by turns.
pub(super) fn many_streams(target: &Target, streams: u64, entries: u64) -> Result<()> {
    let name = |index| stream_key(index % streams);
    let mut fill = Fill { next: 0, entries, name, id: |_| "*".to_owned() };
    load::run(target.address, 1, None, &mut fill)?;
    Ok(())
}

struct Fill<N, I> {
    next: u64,
    entries: u64,
    name: N,
    id: I,
}

impl<N: Fn(u64) -> String, I: Fn(u64) -> String> Traffic for Fill<N, I> {
    fn batch(&mut self, _connection: usize, out: &mut Vec<u8>) -> u32 {
        let count = 2_000.min(self.entries - self.next);
        for index in self.next..self.next + count {
            let (name, id) = ((self.name)(index), (self.id)(index));
            encode_into(out, &[b"XADD", name.as_bytes(), id.as_bytes(), b"data", &payload(index)]);
        }
        self.next += count;
        u32::try_from(count).expect("at most 2,000")
    }
}
