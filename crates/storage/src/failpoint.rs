//! Places where a test can make a thread panic or hang, to see that the process does not go on half
//! dead. Only in builds with the feature `failpoints`; a release has none.
//!
//! `FAILPOINTS_DIR` names a directory. While it holds a file with the name of the place, the thread
//! that comes by does what the file says: `panic`, `hang` for ever, or `hold` while the file is there.
//! A crate for this would know more actions, but set them at the start only, and a server must have
//! begun to serve before it fails.

/// A thread comes by.
#[cfg(feature = "failpoints")]
pub fn pass(place: &str) {
    use std::path::PathBuf;
    use std::sync::LazyLock;
    static DIR: LazyLock<Option<PathBuf>> =
        LazyLock::new(|| std::env::var_os("FAILPOINTS_DIR").map(PathBuf::from));
    let Some(dir) = &*DIR else { return };
    let order = dir.join(place);
    match std::fs::read_to_string(&order).as_deref().map(str::trim) {
        Ok("panic") => panic!("failpoint {place}"),
        Ok("hang") => loop {
            std::thread::park();
        },
        Ok("hold") => {
            while order.exists() {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
        _ => {}
    }
}

/// A thread comes by.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub fn pass(_: &str) {}
