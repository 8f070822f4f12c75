//! The command table.

use crate::command::{Arguments, Request};
use engine::CommandError;

/// What a command is like, as far as the server must know before it runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags(pub(crate) u32);

impl Flags {
    /// May change data.
    pub const WRITE: Self = Self(1);
    /// Reads data.
    pub const READONLY: Self = Self(1 << 1);
    /// May be refused when memory is short.
    pub const DENYOOM: Self = Self(1 << 2);
    /// For administrators.
    pub const ADMIN: Self = Self(1 << 3);
    /// Not from scripts.
    pub const NOSCRIPT: Self = Self(1 << 4);
    /// May wait.
    pub const BLOCKING: Self = Self(1 << 5);
    /// Allowed while the data is being loaded.
    pub const LOADING: Self = Self(1 << 6);
    /// Allowed on a replica that has lost its master.
    pub const STALE: Self = Self(1 << 7);
    /// Does its work in constant or logarithmic time.
    pub const FAST: Self = Self(1 << 8);
    /// Allowed before authentication.
    pub const NO_AUTH: Self = Self(1 << 9);
    /// Refused inside MULTI.
    pub const NO_MULTI: Self = Self(1 << 10);
    /// The positions of the keys depend on the arguments.
    pub const MOVABLEKEYS: Self = Self(1 << 11);
    /// Allowed while a script hogs the server.
    pub const ALLOW_BUSY: Self = Self(1 << 12);
    /// Not shown by MONITOR.
    pub const SKIP_MONITOR: Self = Self(1 << 13);
    /// Not noted in the slow log.
    pub const SKIP_SLOWLOG: Self = Self(1 << 14);
    /// Not while the data is being loaded in the background.
    pub const NO_ASYNC_LOADING: Self = Self(1 << 15);

    /// Whether all of `flags` are set.
    #[must_use]
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }
}

/// One command or subcommand of the table.
#[derive(Debug)]
pub struct CommandSpec {
    /// Lower case; a subcommand as `xgroup|create`.
    pub name: &'static str,
    /// Number of arguments with the name; negative for "at least".
    pub arity: i32,
    /// What the server must know before it runs it.
    pub flags: Flags,
    /// Reads the arguments.
    pub(crate) parse: for<'a> fn(Arguments<'a>) -> Result<Request<'a>, CommandError>,
}

/// The command or container command of this name, in any case.
#[must_use]
pub fn lookup(name: &[u8]) -> Option<&'static CommandSpec> {
    let _ = name;
    None
}
