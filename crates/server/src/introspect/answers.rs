//! The short answers: CONFIG, TIME, MEMORY, and who may call DEBUG.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use engine::{CommandError, Reply};

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

/// CONFIG REWRITE. The file belongs to the operator, comments and all; we do not write into it.
///
/// # Errors
///
/// Always.
pub fn config_rewrite(config: &Config) -> Result<Reply, CommandError> {
    Err(CommandError::Fixed(match config.file() {
        None => "ERR The server is running without a config file",
        Some(_) => {
            "ERR Rewriting config file: not supported, use 'headwater config show' and edit the file"
        }
    }))
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
    Reply::text("No memory issue was found. INFO memory has the numbers.\n")
}

/// MEMORY STATS, as far as it can be known here.
#[must_use]
pub fn memory_stats(memory: ProcessMemory, peak: u64, at_start: u64, keys: u64) -> Reply {
    let peak = peak.max(memory.anonymous);
    let dataset = memory.anonymous.saturating_sub(at_start);
    let per_key = dataset.checked_div(keys).unwrap_or(0);
    let percentage = 100.0 * memory.anonymous as f64 / peak.max(1) as f64;
    Reply::Map(vec![
        (Reply::text("peak.allocated"), Reply::count(peak)),
        (Reply::text("total.allocated"), Reply::count(memory.anonymous)),
        (Reply::text("startup.allocated"), Reply::count(at_start)),
        (Reply::text("keys.count"), Reply::count(keys)),
        (Reply::text("keys.bytes-per-key"), Reply::count(per_key)),
        (Reply::text("dataset.bytes"), Reply::count(dataset)),
        (Reply::text("peak.percentage"), Reply::Double(percentage)),
        (Reply::text("allocator.resident"), Reply::count(memory.resident)),
    ])
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
