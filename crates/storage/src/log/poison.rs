//! What ends a log: the first failure of its disk.

use std::sync::Arc;

use crate::error::StorageError;
use crate::sync::{AtomicBool, Mutex, Ordering};

/// Set once, by the first write or sync that failed. Nothing is acknowledged after it.
#[derive(Debug)]
pub(super) struct Poison {
    is_set: AtomicBool,
    cause: Mutex<Option<Arc<StorageError>>>,
}

impl Poison {
    pub(super) fn new() -> Self {
        Self { is_set: AtomicBool::new(false), cause: Mutex::new(None) }
    }

    pub(super) fn set(&self, cause: &StorageError) {
        self.cause.lock().get_or_insert_with(|| Arc::new(cause.clone()));
        self.is_set.store(true, Ordering::Release);
    }

    pub(super) fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Acquire)
    }

    pub(super) fn cause(&self) -> Option<Arc<StorageError>> {
        self.cause.lock().clone()
    }

    /// An error if it is set.
    pub(super) fn check(&self) -> Result<(), StorageError> {
        if !self.is_set() {
            return Ok(());
        }
        let cause = self.cause().expect("the cause is set before the flag");
        Err(StorageError::Poisoned { cause })
    }
}
