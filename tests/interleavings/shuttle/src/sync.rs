//! What `storage::sync` offers, by shuttle.

use std::cell::Cell;
use std::fmt;
use std::ops::{Deref, DerefMut};

pub use shuttle::sync::atomic::{AtomicBool, AtomicU64, Ordering};
pub use shuttle::thread;

thread_local! {
    static LOSES_WAKE_UPS: Cell<bool> = const { Cell::new(false) };
}

/// Lets the models of this thread lose every wake-up: the bug that the tests must find. (All threads
/// of a model run on the one that checks it.)
pub fn lose_wake_ups(lose: bool) {
    LOSES_WAKE_UPS.set(lose);
}

/// A mutex without poisoning, as `parking_lot` has it.
#[derive(Default)]
pub struct Mutex<T>(shuttle::sync::Mutex<T>);

pub struct MutexGuard<'a, T>(Option<shuttle::sync::MutexGuard<'a, T>>);

impl<T> Mutex<T> {
    pub fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(self.0.lock().expect("no thread of a model panics and goes on")))
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mutex")
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.0.as_ref().expect("only a wait takes it, and gives it back")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("only a wait takes it, and gives it back")
    }
}

#[derive(Default)]
pub struct Condvar(shuttle::sync::Condvar);

impl Condvar {
    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let held = guard.0.take().expect("only a wait takes it, and gives it back");
        guard.0 = Some(self.0.wait(held).expect("no thread of a model panics and goes on"));
    }

    pub fn notify_all(&self) {
        if !LOSES_WAKE_UPS.get() {
            self.0.notify_all();
        }
    }

    pub fn notify_one(&self) {
        if !LOSES_WAKE_UPS.get() {
            self.0.notify_one();
        }
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Condvar")
    }
}
