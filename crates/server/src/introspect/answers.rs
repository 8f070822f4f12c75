//! The short answers: CONFIG, TIME, MEMORY, and who may call DEBUG.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use engine::{CommandError, Reply};

use super::info::KeyspaceRow;
use super::process::ProcessMemory;
use crate::config::{Config, DebugAccess};
use crate::logging;

/// CONFIG GET: a map from name to value of every directive that matches a pattern, each once.
/// `matches(pattern, name)` is the glob of KEYS.
#[must_use]
pub fn config_get(
    config: &Config,
    patterns: &[&[u8]],
    matches: impl Fn(&[u8], &[u8]) -> bool,
) -> Reply {
    let patterns: Vec<_> = patterns.iter().map(|pattern| pattern.to_ascii_lowercase()).collect();
    let values = config.values();
    let wanted = values.iter().filter(|value| {
        patterns.iter().any(|pattern| matches(pattern, value.directive.name.as_bytes()))
    });
    let pair = |value: &crate::config::Value| {
        (Reply::text(value.directive.name), Reply::bulk(value.text.as_bytes()))
    };
    Reply::Map(wanted.map(pair).collect())
}

/// CONFIG SET: `name, value, ...`. Returns the names whose value changed, for those who must hear of
/// it at once (the engine's settings; the log hears of its level here).
///
/// # Errors
///
/// Redis's refusal.
pub fn config_set(config: &Config, pairs: &[&[u8]]) -> Result<Vec<&'static str>, CommandError> {
    let (pairs, rest) = pairs.as_chunks::<2>();
    if !rest.is_empty() || pairs.is_empty() {
        return Err(CommandError::Arity("config|set".into()));
    }
    let pairs: Vec<_> = pairs.iter().map(|[name, value]| (*name, *value)).collect();
    let changed = config.set(&pairs).map_err(CommandError::from)?;
    if changed.contains(&"loglevel") {
        logging::set_level(config.settings().log_level);
    }
    Ok(changed)
}

/// TIME: seconds and microseconds.
#[must_use]
pub fn time(now: SystemTime) -> Reply {
    let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let text = |number: u64| Reply::bulk(number.to_string().as_bytes());
    Reply::Array(vec![text(since_epoch.as_secs()), text(since_epoch.subsec_micros().into())])
}

/// MEMORY DOCTOR.
#[must_use]
pub fn memory_doctor() -> Reply {
    Reply::Verbatim("No memory issue was found. INFO memory has the numbers.\n".into())
}

/// What MEMORY STATS tells.
#[derive(Debug, Clone)]
pub struct MemoryFacts {
    /// Memory of the process.
    pub memory: ProcessMemory,
    /// The most anonymous memory that was measured.
    pub peak: u64,
    /// Anonymous memory when the server began to serve.
    pub at_start: u64,
    /// Bytes of requests and replies that clients hold.
    pub clients: u64,
    /// Bytes recorded, not yet written.
    pub log_buffer: u64,
    /// Databases that hold a key.
    pub keyspace: Vec<KeyspaceRow>,
}

/// MEMORY STATS, in Redis's order. What cannot occur here is 0; the tables of keys are counted among
/// the data.
#[must_use]
pub fn memory_stats(facts: &MemoryFacts) -> Reply {
    let used = facts.memory.anonymous;
    let resident = facts.memory.resident;
    let peak = facts.peak.max(used);
    let at_start = facts.at_start.min(used);
    let overhead = (at_start + facts.clients + facts.log_buffer).min(used);
    let dataset = used - overhead;
    let keys: u64 = facts.keyspace.iter().map(|row| row.keys).sum();
    let percent = |part: u64, whole: u64| Reply::Double(100.0 * part as f64 / whole.max(1) as f64);
    let ratio = |part: u64, whole: u64| Reply::Double(part as f64 / whole.max(1) as f64);
    let above = |part: u64, whole: u64| Reply::Integer(part.cast_signed() - whole.cast_signed());
    let mut pairs = vec![
        ("peak.allocated", Reply::count(peak)),
        ("total.allocated", Reply::count(used)),
        ("startup.allocated", Reply::count(at_start)),
        ("replication.backlog", Reply::Integer(0)),
        ("clients.slaves", Reply::Integer(0)),
        ("clients.normal", Reply::count(facts.clients)),
        ("cluster.links", Reply::Integer(0)),
        ("aof.buffer", Reply::count(facts.log_buffer)),
        ("lua.caches", Reply::Integer(0)),
        ("functions.caches", Reply::Integer(0)),
    ]
    .into_iter()
    .map(|(name, value)| (Reply::text(name), value))
    .collect::<Vec<_>>();
    for row in facts.keyspace.iter().filter(|row| 0 < row.keys) {
        let tables = [
            "overhead.hashtable.main",
            "overhead.hashtable.expires",
            "overhead.hashtable.slot-to-keys",
        ];
        let tables = tables.map(|name| (Reply::text(name), Reply::Integer(0)));
        pairs.push((Reply::bulk(format!("db.{}", row.db).as_bytes()), Reply::Map(tables.into())));
    }
    let rest = [
        ("overhead.total", Reply::count(overhead)),
        ("keys.count", Reply::count(keys)),
        ("keys.bytes-per-key", Reply::count(dataset.checked_div(keys).unwrap_or(0))),
        ("dataset.bytes", Reply::count(dataset)),
        ("dataset.percentage", percent(dataset, used - at_start)),
        ("peak.percentage", percent(used, peak)),
        ("allocator.allocated", Reply::count(used)),
        ("allocator.active", Reply::count(used)),
        ("allocator.resident", Reply::count(used)),
        ("allocator-fragmentation.ratio", Reply::Double(1.0)),
        ("allocator-fragmentation.bytes", Reply::Integer(0)),
        ("allocator-rss.ratio", Reply::Double(1.0)),
        ("allocator-rss.bytes", Reply::Integer(0)),
        ("rss-overhead.ratio", ratio(resident, used)),
        ("rss-overhead.bytes", above(resident, used)),
        ("fragmentation", Reply::Double(1.0)),
        ("fragmentation.bytes", Reply::Integer(0)),
    ];
    pairs.extend(rest.into_iter().map(|(name, value)| (Reply::text(name), value)));
    Reply::Map(pairs)
}

/// DEBUG HELP.
#[must_use]
pub fn debug_help() -> Reply {
    let lines = [
        "DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "OBJECT <key>",
        "    How a value is kept.",
        "SLEEP <seconds>",
        "    Let everybody wait.",
        "HELP",
        "    Print this text.",
    ];
    Reply::Array(lines.into_iter().map(Reply::Simple).collect())
}

/// Whether a client may call DEBUG. `peer` is `None` on the Unix socket.
///
/// # Errors
///
/// Redis's refusal.
pub fn debug_allowed(access: DebugAccess, peer: Option<IpAddr>) -> Result<(), CommandError> {
    let local = peer.is_none_or(|ip| ip.to_canonical().is_loopback());
    match access {
        DebugAccess::Yes => Ok(()),
        DebugAccess::Local if local => Ok(()),
        DebugAccess::Local | DebugAccess::No => Err(CommandError::Fixed(
            "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Sources;

    #[test]
    fn config_get_matches_without_regard_to_case_and_answers_each_name_once() {
        let config = Config::load(Sources::default()).expect("defaults");
        let check = |patterns: &[&str], expected: &[(&str, &str)]| {
            let patterns: Vec<_> = patterns.iter().map(|pattern| pattern.as_bytes()).collect();
            let prefix = |pattern: &[u8], name: &[u8]| match pattern {
                [prefix @ .., b'*'] => name.starts_with(prefix),
                exact => exact == name,
            };
            let pair = |(name, value): &(&'static str, &'static str)| {
                (Reply::text(name), Reply::text(value))
            };
            let expected: Vec<(&'static str, &'static str)> = expected
                .iter()
                .map(|(a, b)| (&*a.to_string().leak(), &*b.to_string().leak()))
                .collect();
            assert_eq!(
                config_get(&config, &patterns, prefix),
                Reply::Map(expected.iter().map(pair).collect())
            );
        };
        check(&["MaxClients"], &[("maxclients", "10000")]);
        check(&["save", "appendonly", "save"], &[("appendonly", "yes"), ("save", "")]);
        check(&["unixsocketp*"], &[("unixsocketperm", "0")]);
        check(&["nosuch"], &[]);
    }

    #[test]
    fn time_is_seconds_and_microseconds() {
        let instant = UNIX_EPOCH + Duration::new(5, 6_007_000);
        assert_eq!(time(instant), Reply::Array(vec![Reply::text("5"), Reply::text("6007")]));
    }

    #[test]
    fn debug_is_for_whom_the_operator_says() {
        let far = Some("10.0.0.1".parse().expect("an address"));
        let near = Some("::ffff:127.0.0.1".parse().expect("an address"));
        let check = |access, peer, allowed| {
            assert_eq!(debug_allowed(access, peer).is_ok(), allowed, "{access:?} {peer:?}");
        };
        check(DebugAccess::No, None, false);
        check(DebugAccess::No, near, false);
        check(DebugAccess::Local, near, true);
        check(DebugAccess::Local, None, true);
        check(DebugAccess::Local, far, false);
        check(DebugAccess::Yes, far, true);
    }
}
