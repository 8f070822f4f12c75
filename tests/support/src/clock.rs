//! A wall clock that a test sets while the server runs, for the server alone.
//!
//! A library below the C library's `clock_gettime` adds a number of seconds, read from a mapped
//! file, to the wall clock; the monotonic clock stays true. The machine's own clock is never touched.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::server::{Launch, require_tool};

const SOURCE: &str = r#"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static volatile long long *offset;
__attribute__((constructor)) static void up(void) {
    const char *path = getenv("TEST_CLOCK_FILE");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *map = mmap(0, 8, PROT_READ, MAP_SHARED, fd, 0);
    if (map != MAP_FAILED) offset = map;
    close(fd);
}
int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = syscall(SYS_clock_gettime, clock, time);
    if (!result && offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        time->tv_sec += *offset;
    return result;
}
int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}
"#;

/// The clock, and the library behind it.
#[derive(Debug)]
pub struct Clock {
    dir: TempDir,
}

impl Clock {
    /// Compiles the library; the clock goes right.
    ///
    /// # Panics
    /// If there is no C compiler, or it does not take the source.
    pub fn new() -> Self {
        let clock = Self { dir: crate::dir::temp_dir() };
        let source = clock.dir.path().join("clock.c");
        fs::write(&source, SOURCE).expect("our own directory is writable");
        let output = Command::new(require_tool("cc"))
            .args(["-O2", "-shared", "-fPIC", "-o"])
            .args([&clock.library(), &source])
            .output()
            .expect("the compiler runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        clock.set(0);
        clock
    }

    /// From now on the clock is so many seconds ahead of the true time, or behind it.
    pub fn set(&self, seconds: i64) {
        // In place: the server has this very file mapped.
        let path = self.offset();
        let file = fs::OpenOptions::new().write(true).create(true).truncate(false).open(path);
        let file = file.expect("our own directory is writable");
        std::os::unix::fs::FileExt::write_all_at(&file, &seconds.to_ne_bytes(), 0)
            .expect("eight bytes fit");
    }

    /// Starts of this launch, and all that it starts, live by this clock.
    #[must_use]
    pub fn around(&self, launch: Launch) -> Launch {
        launch.env("LD_PRELOAD", self.library()).env("TEST_CLOCK_FILE", self.offset())
    }

    /// The environment of a process that shall live by this clock, started without [`Launch`].
    pub fn environment(&self) -> [(&'static str, PathBuf); 2] {
        [("LD_PRELOAD", self.library()), ("TEST_CLOCK_FILE", self.offset())]
    }

    fn library(&self) -> PathBuf {
        self.dir.path().join("clock.so")
    }

    fn offset(&self) -> PathBuf {
        self.dir.path().join("offset")
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}
