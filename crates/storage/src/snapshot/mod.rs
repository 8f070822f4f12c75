//! Snapshots: the whole state at one LSN, except the bytes of sealed blocks.
//!
//! `docs/on-disk-format.md`, section "Snapshots".

mod keep;
mod load;
mod reader;
mod section;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use keep::{Keep, remove_leftovers};
pub use load::{Loaded, load_newest};
pub(crate) use load::{block_files, load_newest_telling};
pub(crate) use reader::SnapshotReader;
pub(crate) use section::SectionKind;
pub(crate) use writer::SnapshotWriter;
