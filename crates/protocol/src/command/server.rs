//! Commands about the server: INFO, CONFIG, SHUTDOWN and their kin.

use engine::{Command, CommandError};

use super::acl::AclCommand;
use super::args::{clamped, integer, is, timeout};
use super::observe::{LatencyCommand, SlowLogCommand};
use super::scripting::ScriptCommand;
use super::{Arguments, Parsed, Request};
use crate::number::{parse_f64, parse_i64};

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
    /// ACL.
    Acl(AclCommand<'a>),
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
    /// HEADWATER SCRUB.
    Scrub,
    /// EVAL, SCRIPT, FCALL, FUNCTION.
    Script(ScriptCommand<'a>),
    /// LOLWUT.
    Lolwut,
    /// SLOWLOG.
    SlowLog(SlowLogCommand),
    /// LATENCY.
    Latency(LatencyCommand<'a>),
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

/// DEBUG's subcommands. Whether DEBUG is allowed at all is for the server to say, before it looks
/// at them.
#[expect(
    missing_docs,
    reason = "the fields of a variant carry the names of the command's arguments"
)]
#[derive(Debug, Clone, PartialEq)]
pub enum DebugCommand<'a> {
    /// DEBUG SLEEP, in seconds, at least 0 and finite.
    Sleep { seconds: f64 },
    /// DEBUG OBJECT.
    Object { key: &'a [u8] },
    /// DEBUG HELP.
    Help,
    /// DEBUG JMAP: an error is all there is to answer, but only where DEBUG is allowed at all.
    Jmap,
    /// A subcommand there is not.
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

pub(super) fn server(command: ServerCommand<'_>) -> Parsed<'_> {
    Ok(Request::Server(command))
}

pub(crate) fn info(args: Arguments<'_>) -> Parsed<'_> {
    server(ServerCommand::Info { sections: args.from(1) })
}

pub(crate) fn config_get(args: Arguments<'_>) -> Parsed<'_> {
    server(ServerCommand::Config(ConfigCommand::Get { patterns: args.from(2) }))
}

pub(crate) fn config_set(args: Arguments<'_>) -> Parsed<'_> {
    let pairs = args.from(2);
    if !pairs.len().is_multiple_of(2) {
        return Err(CommandError::Syntax);
    }
    server(ServerCommand::Config(ConfigCommand::Set { pairs }))
}

pub(crate) fn config_resetstat(_: Arguments<'_>) -> Parsed<'_> {
    server(ServerCommand::Config(ConfigCommand::ResetStat))
}

pub(crate) fn config_rewrite(_: Arguments<'_>) -> Parsed<'_> {
    server(ServerCommand::Config(ConfigCommand::Rewrite))
}

pub(crate) fn config_help(_: Arguments<'_>) -> Parsed<'_> {
    super::help(&[
        "CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "GET <pattern> [<pattern> ...]",
        "    Parameters that match one of the patterns, with their values.",
        "SET <parameter> <value> [<parameter> <value> ...]",
        "    Set parameters, all of them or none.",
        "RESETSTAT",
        "    Set the statistics of INFO back.",
        "REWRITE",
        "    Write the configuration to its file.",
    ])
}

pub(crate) fn debug(args: Arguments<'_>) -> Parsed<'_> {
    server(ServerCommand::Debug(match args.from(1) {
        [word, seconds] if is(word, "sleep") => {
            // What is no number counts as none, as in the reference.
            let seconds = parse_f64(seconds).filter(|seconds| seconds.is_finite()).unwrap_or(0.0);
            DebugCommand::Sleep { seconds: seconds.max(0.0) }
        }
        [word, key] if is(word, "object") => DebugCommand::Object { key },
        [word] if is(word, "help") => DebugCommand::Help,
        [word] if is(word, "jmap") => DebugCommand::Jmap,
        _ => DebugCommand::Unknown { subcommand: args.at(1) },
    }))
}

pub(crate) fn memory_usage(args: Arguments<'_>) -> Parsed<'_> {
    // Nothing is sampled, every value knows its size; the option is checked all the same.
    match args.from(3) {
        [] => {}
        [word, count] if is(word, "samples") && 0 <= integer(count)? => {}
        _ => return Err(CommandError::Syntax),
    }
    Ok(Request::Engine(Command::MemoryUsage { key: args.at(2) }))
}

pub(crate) fn memory_doctor(_: Arguments<'_>) -> Parsed<'_> {
    server(ServerCommand::Memory(MemoryCommand::Doctor))
}

pub(crate) fn memory_stats(_: Arguments<'_>) -> Parsed<'_> {
    server(ServerCommand::Memory(MemoryCommand::Stats))
}

pub(crate) fn memory_purge(_: Arguments<'_>) -> Parsed<'_> {
    server(ServerCommand::Memory(MemoryCommand::Purge))
}

pub(crate) fn memory_malloc_stats(_: Arguments<'_>) -> Parsed<'_> {
    server(ServerCommand::Memory(MemoryCommand::MallocStats))
}

pub(crate) fn memory_help(_: Arguments<'_>) -> Parsed<'_> {
    super::help(&[
        "MEMORY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "DOCTOR",
        "    Advice about memory.",
        "MALLOC-STATS",
        "    Statistics of the allocator.",
        "PURGE",
        "    Ask the allocator to give memory back.",
        "STATS",
        "    Statistics about memory.",
        "USAGE <key> [SAMPLES <count>]",
        "    Bytes that a key takes.",
    ])
}

pub(crate) fn time(_: Arguments<'_>) -> Parsed<'_> {
    server(ServerCommand::Time)
}

pub(crate) fn lastsave(_: Arguments<'_>) -> Parsed<'_> {
    server(ServerCommand::LastSave)
}

pub(crate) fn save(_: Arguments<'_>) -> Parsed<'_> {
    server(ServerCommand::Save(Save::Foreground))
}

pub(crate) fn bgsave(args: Arguments<'_>) -> Parsed<'_> {
    match args.from(1) {
        [] => server(ServerCommand::Save(Save::Background)),
        [word] if is(word, "schedule") => server(ServerCommand::Save(Save::BackgroundScheduled)),
        _ => Err(CommandError::Syntax),
    }
}

pub(crate) fn bgrewriteaof(_: Arguments<'_>) -> Parsed<'_> {
    server(ServerCommand::Save(Save::LogRewrite))
}

pub(crate) fn shutdown(args: Arguments<'_>) -> Parsed<'_> {
    let mut shutdown = Shutdown::default();
    for word in args.options(1) {
        if is(word, "save") && shutdown.save != Some(false) {
            shutdown.save = Some(true);
        } else if is(word, "nosave") && shutdown.save != Some(true) {
            shutdown.save = Some(false);
        } else if is(word, "now") {
            shutdown.now = true;
        } else if is(word, "force") {
            shutdown.force = true;
        } else if is(word, "abort") {
            shutdown.abort = true;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    if shutdown.abort && (shutdown.save.is_some() || shutdown.now || shutdown.force) {
        return Err(CommandError::Syntax);
    }
    server(ServerCommand::Shutdown(shutdown))
}

pub(crate) fn wait(args: Arguments<'_>) -> Parsed<'_> {
    let replicas = clamped(integer(args.at(1))?);
    server(ServerCommand::Wait { replicas, timeout_ms: timeout(args.at(2))? })
}

pub(crate) fn wait_aof(args: Arguments<'_>) -> Parsed<'_> {
    let local = match integer(args.at(1))? {
        0 => false,
        1 => true,
        _ => {
            return Err(CommandError::Fixed(
                "ERR value is out of range, value must between 0 and 1",
            ));
        }
    };
    let replicas = u64::try_from(integer(args.at(2))?)
        .map_err(|_| CommandError::Fixed("ERR value is out of range, must be positive"))?;
    server(ServerCommand::WaitAof(AofWait { local, replicas, timeout_ms: timeout(args.at(3))? }))
}

pub(crate) fn role(_: Arguments<'_>) -> Parsed<'_> {
    server(ServerCommand::Role)
}

pub(crate) fn replicaof(args: Arguments<'_>) -> Parsed<'_> {
    let (host, port) = (args.at(1), args.at(2));
    if is(host, "no") && is(port, "one") {
        return server(ServerCommand::ReplicaOf(ReplicaOf::NoOne));
    }
    let port = parse_i64(port)
        .and_then(|port| u16::try_from(port).ok())
        .ok_or(CommandError::Fixed("ERR Invalid master port"))?;
    server(ServerCommand::ReplicaOf(ReplicaOf::Host { host, port }))
}

pub(crate) fn scrub(_: Arguments<'_>) -> Parsed<'_> {
    server(ServerCommand::Scrub)
}

pub(crate) fn headwater_help(_: Arguments<'_>) -> Parsed<'_> {
    super::help(&[
        "HEADWATER <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "SCRUB",
        "    Start to read all data and compare the checksums. INFO headwater shows what comes of it.",
    ])
}

pub(crate) fn lolwut(args: Arguments<'_>) -> Parsed<'_> {
    match args.from(1) {
        [word, version, ..] if is(word, "version") => {
            integer(version)?;
        }
        _ => {}
    }
    server(ServerCommand::Lolwut)
}
