//! Places where a test can make a thread panic or hang, to see that the process does not go on half
//! dead. Only in builds with the feature `failpoints`; a release has none.
//!
//! `FAILPOINTS_DIR` names a directory. While it holds a file with the name of the place, the thread
//! that comes by does what the file says: `panic`, or `hang` for ever. A crate for this would know more
//! actions, but set them at the start only, and a server must have begun to serve before it fails.

/// A thread comes by.
#[cfg(feature = "failpoints")]
pub(crate) fn pass(place: &str) {
    use std::path::PathBuf;
    use std::sync::LazyLock;
    static DIR: LazyLock<Option<PathBuf>> =
        LazyLock::new(|| std::env::var_os("FAILPOINTS_DIR").map(PathBuf::from));
    let Some(dir) = &*DIR else { return };
    match std::fs::read_to_string(dir.join(place)).as_deref().map(str::trim) {
        Ok("panic") => panic!("failpoint {place}"),
        Ok("hang") => loop {
            std::thread::park();
        },
        _ => {}
    }
}

/// A thread comes by.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub(crate) fn pass(_: &str) {}
