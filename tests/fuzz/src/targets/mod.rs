//! One function per target: it takes the fuzzer's bytes, and panics if a promise is broken.

pub mod acl;
pub mod block;
pub mod commands;
pub mod database;
pub mod decode;
pub mod log;
pub mod resp;
pub mod snapshot;
