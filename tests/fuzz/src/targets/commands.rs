//! Any lines of words are refused, or decided, recorded and applied; what is recorded makes the same
//! state again, a snapshot of it as well, and streams hold what a simple model holds.
//!
//! Input: lines, see [`crate::play::Play::run`].

use crate::play::Play;

/// Runs one input.
pub fn run(data: &[u8]) {
    Play::default().run(data);
}
