//! Every byte on disk, as `docs/on-disk-format.md` lays it down. That page is normative; here is no
//! second description of it.

pub mod codec;
pub mod header;
pub mod record;
pub(crate) mod search;
