//! Keys, strings and hashes from outside: commands in, replies and recorded operations out.

mod harness;
mod hashes;
mod keys;
mod model;
mod scan;
mod strings;
