//! What threads meet at: the locks and atomics of the log.
//!
//! Everything in this crate that several threads share takes them from here, so that
//! `tests/interleavings` can compile the same sources with a model checker's in their place.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

pub(crate) use parking_lot::{Condvar, Mutex};
