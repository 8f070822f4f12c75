//! Commands about the server: INFO, CONFIG, SHUTDOWN and their kin.

/// A command about the server as a whole.
#[expect(
    missing_docs,
    reason = "the fields of a variant carry the names of the command's arguments"
)]
#[derive(Debug, Clone, PartialEq)]
pub enum ServerCommand<'a> {
    /// INFO; no section means the default ones.
    Info { sections: &'a [&'a [u8]] },
    /// CONFIG.
    Config(ConfigCommand<'a>),
    /// DEBUG.
    Debug(DebugCommand<'a>),
    /// MEMORY, except USAGE, which is the engine's.
    Memory(MemoryCommand),
    /// TIME.
    Time,
    /// LASTSAVE.
    LastSave,
    /// SAVE, BGSAVE, BGREWRITEAOF.
    Save(Save),
    /// SHUTDOWN.
    Shutdown(Shutdown),
    /// WAIT; a timeout of 0 waits without limit.
    Wait { replicas: u64, timeout_ms: u64 },
    /// WAITAOF.
    WaitAof(AofWait),
    /// ROLE.
    Role,
    /// REPLICAOF and SLAVEOF.
    ReplicaOf(ReplicaOf<'a>),
    /// LOLWUT.
    Lolwut,
}

/// CONFIG's subcommands.
#[expect(
    missing_docs,
    reason = "the fields of a variant carry the names of the command's arguments"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigCommand<'a> {
    /// CONFIG GET.
    Get { patterns: &'a [&'a [u8]] },
    /// CONFIG SET: `name, value, name, value, ...`, an even number.
    Set { pairs: &'a [&'a [u8]] },
    /// CONFIG RESETSTAT.
    ResetStat,
    /// CONFIG REWRITE.
    Rewrite,
}

/// DEBUG's subcommands.
#[expect(
    missing_docs,
    reason = "the fields of a variant carry the names of the command's arguments"
)]
#[derive(Debug, Clone, PartialEq)]
pub enum DebugCommand<'a> {
    /// DEBUG SLEEP, in seconds, at least 0 and finite.
    Sleep { seconds: f64 },
    /// DEBUG JMAP: an error is all there is to answer, but only where DEBUG is allowed at all.
    Jmap,
    /// Anything else that DEBUG knows nothing of.
    Unknown { subcommand: &'a [u8] },
}

/// MEMORY's subcommands about the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryCommand {
    /// MEMORY DOCTOR.
    Doctor,
    /// MEMORY STATS.
    Stats,
    /// MEMORY PURGE.
    Purge,
    /// MEMORY MALLOC-STATS.
    MallocStats,
}

/// Ways to ask for a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Save {
    /// SAVE: wait for it.
    Foreground,
    /// BGSAVE.
    Background,
    /// BGSAVE SCHEDULE: when one is running already, another after it.
    BackgroundScheduled,
    /// BGREWRITEAOF.
    LogRewrite,
}

/// SHUTDOWN's options.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shutdown {
    /// SAVE (`Some(true)`) or NOSAVE (`Some(false)`).
    pub save: Option<bool>,
    /// NOW: do not wait for replicas.
    pub now: bool,
    /// FORCE: whatever fails.
    pub force: bool,
    /// ABORT: call off a shutdown under way.
    pub abort: bool,
}

/// WAITAOF after parsing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AofWait {
    /// Whether to wait for the local log.
    pub local: bool,
    /// How many replicas must have it on disk.
    pub replicas: u64,
    /// 0 waits without limit.
    pub timeout_ms: u64,
}

/// REPLICAOF after parsing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplicaOf<'a> {
    /// NO ONE.
    NoOne,
    /// Another server.
    Host {
        /// Name or address.
        host: &'a [u8],
        /// Port.
        port: u16,
    },
}
