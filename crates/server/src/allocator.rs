//! Memory that is free and not given back to the system yet.

use tikv_jemalloc_ctl::{Access, AsName, Result, arenas};

/// Gives all of it back at once, instead of within the seconds that the allocator is built to take.
///
/// # Errors
///
/// Those of `mallctl(3)`.
pub(crate) fn purge() -> Result<()> {
    for arena in 0..arenas::narenas::read()? {
        let initialized = format!("arena.{arena}.initialized\0");
        if !initialized.as_bytes().name().read()? {
            continue;
        }
        let decay = format!("arena.{arena}.dirty_decay_ms\0");
        let decay = decay.as_bytes().name();
        let usual: isize = decay.read()?;
        // With nothing to wait for, what is there goes now.
        decay.write(0_isize)?;
        decay.write(usual)?;
    }
    Ok(())
}
