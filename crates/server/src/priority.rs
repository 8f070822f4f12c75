//! Threads that leave the processors to those that serve.

/// The lowest priority that an ordinary thread can have.
const NICEST: i32 = 19;

/// Gives the calling thread the lowest priority for processors, and by that for the disk
/// (`setpriority(2)`, `ioprio_set(2)`).
///
/// Not SCHED_IDLE: requests to the disk are of the idle class then, and mq-deadline held back one that
/// wrote an inode's block for 11 ms, while the log's sync waited for the same block. And where others
/// keep all processors busy, such a thread would hardly ever get one, not even to give back a lock.
pub(crate) fn step_back(who: &str) {
    if let Err(error) = rustix::process::setpriority_process(None, NICEST) {
        tracing::debug!(%error, "{who} runs at normal priority");
    }
}
