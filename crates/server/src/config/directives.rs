//! The one table of directives: everything that reads, checks, shows or documents a configuration
//! key goes through it.

use super::inert::INERT;
use super::value::Kind;

/// A configuration key and all that is to be known about it.
#[derive(Debug, Clone, Copy)]
pub struct Directive {
    /// Redis's name wherever the meaning is Redis's.
    pub name: &'static str,
    /// Default, in the form that CONFIG GET shows.
    pub default: &'static str,
    /// What values look like.
    pub kind: Kind,
    /// When it can change.
    pub change: Change,
    /// What it does here.
    pub effect: Effect,
    /// One or two sentences for `--help` and `headwater.toml`.
    pub doc: &'static str,
}

/// When a directive can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// By CONFIG SET and by SIGHUP, while running.
    Live,
    /// At start only.
    Restart,
    /// At start only, and CONFIG SET says that it is protected: it names files.
    Protected,
}

/// What a directive does in Headwater.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// What Redis does with it.
    Honoured,
    /// Nothing: it is accepted and shown, because existing files and tools name it.
    Inert,
    /// Only one value can be had. A start that asks for another goes on with this one and says so, as
    /// it does no harm; CONFIG SET is refused.
    Kept {
        /// The value.
        value: &'static str,
        /// Why no other.
        reason: &'static str,
    },
    /// Only one value can be had; any other is refused with the reason.
    Only {
        /// The value.
        value: &'static str,
        /// Why no other.
        reason: &'static str,
    },
}

const fn live(
    name: &'static str,
    default: &'static str,
    kind: Kind,
    doc: &'static str,
) -> Directive {
    Directive { name, default, kind, change: Change::Live, effect: Effect::Honoured, doc }
}

const fn at_start(
    name: &'static str,
    default: &'static str,
    kind: Kind,
    doc: &'static str,
) -> Directive {
    Directive { name, default, kind, change: Change::Restart, effect: Effect::Honoured, doc }
}

const fn path(name: &'static str, default: &'static str, doc: &'static str) -> Directive {
    let kind = Kind::Text;
    Directive { name, default, kind, change: Change::Protected, effect: Effect::Honoured, doc }
}

/// A directive whose other values would promise something that does not exist.
const fn only(
    name: &'static str,
    value: &'static str,
    kind: Kind,
    reason: &'static str,
) -> Directive {
    let effect = Effect::Only { value, reason };
    Directive { name, default: value, kind, change: Change::Live, effect, doc: reason }
}

/// The same of a directive that Redis takes at its start only.
const fn only_at_start(
    name: &'static str,
    value: &'static str,
    kind: Kind,
    reason: &'static str,
) -> Directive {
    Directive { change: Change::Restart, ..only(name, value, kind, reason) }
}

const fn integer(min: u64, max: u64) -> Kind {
    Kind::Integer { min, max }
}

const fn memory(min: u64) -> Kind {
    Kind::Memory { min, max: i64::MAX as u64 }
}

const I32_MAX: u64 = i32::MAX as u64;
const MIB: u64 = 1 << 20;

/// The directives that do something, in the order of `headwater.toml`.
pub const HONOURED: &[Directive] = &[
    // ---- network ----
    at_start(
        "port",
        "6379",
        integer(0, 65535),
        "TCP port. 0 lets the system choose one, which the ready line names; with unixsocket or tls-port set, 0 means that no plain TCP is spoken.",
    ),
    at_start(
        "bind",
        "127.0.0.1 -::1",
        Kind::Addresses,
        "Addresses to listen on. One that starts with - may be missing on this machine; * means all.",
    ),
    live(
        "protected-mode",
        "yes",
        Kind::YesNo,
        "Without a password, serve loopback addresses and the Unix socket only, whatever bind says.",
    ),
    at_start(
        "unixsocket",
        "",
        Kind::Text,
        "Path of a Unix socket to listen on as well; empty for none.",
    ),
    at_start(
        "unixsocketperm",
        "0",
        Kind::FileMode,
        "File mode of the Unix socket in octal; 0 keeps it private to the server's user.",
    ),
    at_start(
        "tcp-backlog",
        "511",
        integer(0, I32_MAX),
        "Connections that may wait to be accepted.",
    ),
    live(
        "tcp-keepalive",
        "300",
        integer(0, I32_MAX),
        "Seconds after which a silent peer is probed; 0 never probes.",
    ),
    live(
        "timeout",
        "0",
        integer(0, I32_MAX),
        "Seconds after which an idle client is disconnected; 0 never. Blocked and subscribed clients are not idle.",
    ),
    live(
        "maxclients",
        "10000",
        integer(1, u32::MAX as u64),
        "Connections served at once; more are answered with an error and closed.",
    ),
    at_start(
        "io-threads",
        "0",
        integer(0, 128),
        "Threads that serve connections; 0 takes one for every two processors, at most 4.",
    ),
    // ---- security ----
    live(
        "requirepass",
        "",
        Kind::Text,
        "Password that clients must give by AUTH or HELLO; empty for none. It is the password of the user 'default'.",
    ),
    at_start(
        "aclfile",
        "",
        Kind::Text,
        "File that holds the users, one on a line, as ACL SAVE writes it and SIGHUP reads it again; empty for none. It goes without 'user' lines in this file.",
    ),
    live(
        "acl-pubsub-default",
        "resetchannels",
        Kind::Choice(&["allchannels", "resetchannels"]),
        "Whether new users may use all channels or none.",
    ),
    live(
        "acllog-max-len",
        "128",
        integer(0, i64::MAX as u64),
        "Entries that ACL LOG keeps at most.",
    ),
    at_start(
        "tls-port",
        "0",
        integer(0, 65535),
        "TCP port for TLS 1.2 and 1.3; 0 for none. With port = 0 beside it, TLS is all that is spoken.",
    ),
    path(
        "tls-cert-file",
        "",
        "The server's certificate and the intermediate ones behind it, in PEM. SIGHUP reads the files of TLS again.",
    ),
    path("tls-key-file", "", "The certificate's private key, in PEM."),
    path("tls-ca-cert-file", "", "Certificates that sign those of clients, in PEM."),
    path("tls-ca-cert-dir", "", "Directory of more such certificates: its files *.pem and *.crt."),
    at_start(
        "tls-auth-clients",
        "yes",
        Kind::Choice(&["no", "yes", "optional"]),
        "Whether clients must show a certificate: yes, no, or checked only if they show one.",
    ),
    at_start(
        "tls-protocols",
        "",
        Kind::Text,
        "TLSv1.2, TLSv1.3 or both, separated by a space; empty for both.",
    ),
    at_start(
        "enable-debug-command",
        "no",
        Kind::Choice(&["no", "yes", "local"]),
        "Who may call DEBUG: nobody, everybody, or clients on this machine.",
    ),
    at_start(
        "scripting",
        "auto",
        Kind::Choice(&["yes", "no", "auto"]),
        "Whether clients may send Lua scripts and functions: yes, no, or auto, which says yes if bind names nothing but loopback addresses.",
    ),
    // ---- data ----
    path(
        "dir",
        "./data",
        "Directory of the data. It is created if it is missing, and locked while the server runs.",
    ),
    live(
        "appendfsync",
        "always",
        Kind::Choice(&["everysec", "always", "no"]),
        "When a write is on disk: always = before its reply leaves; everysec = at most about a second later; no = when the system likes. The last two can lose acknowledged writes in a power cut.",
    ),
    live(
        "auto-aof-rewrite-min-size",
        "134217728",
        memory(MIB),
        "Bytes of log after which a checkpoint starts by itself. More means fewer checkpoints and a longer restart.",
    ),
    live(
        "checkpoint-memory",
        "20%",
        Kind::Share,
        "Most bytes of stream entries in memory that no checkpoint has put into block files yet. At half of it a checkpoint starts; above three quarters those who add entries are slowed down, and at the bound they wait. A percentage is of maxmemory, or without that of the memory that the machine or the control group has, and never less than 8 MiB. 0 for no bound.",
    ),
    live(
        "log-retention-time",
        "0",
        integer(0, I32_MAX),
        "Seconds of log to keep for going back, beyond what a restart needs; 0 for no such bound. With log-retention-size 0 as well, nothing is kept.",
    ),
    live(
        "log-retention-size",
        "0",
        Kind::Memory { min: 0, max: u64::MAX },
        "Most bytes of log to keep for going back; 0 for no such bound.",
    ),
    at_start(
        "log-segment-size",
        "67108864",
        Kind::Memory { min: MIB, max: 1024 * MIB },
        "Length of one file of the log. One more is laid out ahead, so less saves room on a small disk, and more saves work on a busy one.",
    ),
    live(
        "stream-node-max-entries",
        "100",
        integer(0, i64::MAX as u64),
        "Entries in one block of a stream; 0 for no limit.",
    ),
    live(
        "stream-node-max-bytes",
        "4096",
        Kind::Memory { min: 0, max: 256 * MIB },
        "Bytes in one block of a stream; 0 for no limit.",
    ),
    live(
        "stream-idmp-duration",
        "100",
        integer(1, engine::IDMP_DURATION_S_MAX),
        "Seconds for which a new stream remembers the messages of XADD IDMP; XCFGSET changes it for one stream.",
    ),
    live(
        "stream-idmp-maxsize",
        "100",
        integer(1, engine::IDMP_IIDS_MAX),
        "Messages of XADD IDMP that a new stream remembers of each producer; XCFGSET changes it for one stream.",
    ),
    live(
        "scrub-rate",
        "16777216",
        memory(0),
        "Bytes a second at which a scrub reads the data to find damage before a client does; 0 for no scrubs.",
    ),
    live(
        "scrub-interval",
        "86400",
        integer(0, I32_MAX),
        "Seconds from the beginning of a scrub to that of the next; 0 leaves it to the command HEADWATER SCRUB.",
    ),
    only_at_start("databases", "16", integer(1, I32_MAX), "there are always 16 databases"),
    // ---- limits ----
    live(
        "maxmemory",
        "0",
        Kind::Memory { min: 0, max: u64::MAX },
        "Memory for data in bytes. Above it writes are refused with an OOM error; nothing is ever evicted. 0 for no limit.",
    ),
    at_start(
        "script-memory-limit",
        "134217728",
        memory(MIB),
        "Memory that Lua may take for scripts, and again as much for functions. A script that needs more gets an error.",
    ),
    live(
        "busy-reply-threshold",
        "5000",
        integer(0, i64::MAX as u64),
        "Milliseconds after which a script that still runs lets other clients be answered BUSY instead of waiting; from then on SCRIPT KILL can end it. 0 for never.",
    ),
    live(
        "lua-time-limit",
        "5000",
        integer(0, i64::MAX as u64),
        "The older name of busy-reply-threshold: setting one sets both.",
    ),
    live(
        "proto-max-bulk-len",
        "536870912",
        memory(MIB),
        "Longest single argument that a client may send.",
    ),
    live(
        "client-query-buffer-limit",
        "1073741824",
        memory(MIB),
        "Most bytes of requests kept for one client.",
    ),
    live(
        "maxmemory-clients",
        "25%",
        Kind::Share,
        "Most bytes of requests and replies kept for all clients together; above it, the largest are disconnected. A percentage is of maxmemory, or without that of the memory that the machine or the control group has, and never less than 8 MiB. 0 for no limit.",
    ),
    live(
        "client-output-buffer-limit",
        "normal 268435456 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        Kind::OutputLimits,
        "Most bytes of replies kept for one client that does not read them, as class, hard limit, soft limit and seconds above the soft limit; then it is disconnected. 0 for no limit.",
    ),
    live(
        "notify-keyspace-events",
        "",
        Kind::Events,
        "Which events of keys are published: letters of K (to channels named by the key), E (by the event), and g$lshzxetd, A for all of these, m (missing keys) and n (new keys); empty for none.",
    ),
    live(
        "tracking-table-max-keys",
        "1000000",
        Kind::Integer { min: 0, max: u64::MAX },
        "Most keys of which it is remembered who has read them (CLIENT TRACKING); above it, some are forgotten and their readers told that they changed. 0 for no limit but 256 MiB of names.",
    ),
    // ---- what was slow ----
    live(
        "slowlog-log-slower-than",
        "10000",
        Kind::Signed { min: -1, max: i64::MAX },
        "Microseconds from which on a command is noted in the slow log; 0 notes all, -1 none.",
    ),
    live(
        "slowlog-max-len",
        "128",
        integer(0, i64::MAX as u64),
        "Commands that the slow log keeps.",
    ),
    live(
        "latency-monitor-threshold",
        "0",
        integer(0, i64::MAX as u64),
        "Milliseconds from which on LATENCY notes that a command or the disk was slow; 0 for never.",
    ),
    live(
        "latency-tracking",
        "yes",
        Kind::YesNo,
        "Count how long the calls of each command take, for INFO latencystats and LATENCY HISTOGRAM.",
    ),
    live(
        "latency-tracking-info-percentiles",
        "50 99 99.9",
        Kind::Percentiles,
        "Percentiles that INFO latencystats shows.",
    ),
    // ---- log and service ----
    live(
        "loglevel",
        "notice",
        Kind::Choice(&["debug", "verbose", "notice", "warning", "nothing"]),
        "How much is logged.",
    ),
    at_start(
        "logfile",
        "",
        Kind::Text,
        "File to log to, reopened on SIGHUP; empty for standard error.",
    ),
    at_start(
        "log-format",
        "text",
        Kind::Choice(&["text", "logfmt", "json", "redis"]),
        "Form of the log lines: text for people, logfmt or json for programs, redis as Redis writes them.",
    ),
    at_start(
        "pidfile",
        "",
        Kind::Text,
        "File that holds the process number while the server runs; empty for none.",
    ),
    at_start(
        "supervised",
        "auto",
        Kind::Choice(&["no", "auto", "systemd", "upstart"]),
        "Tell the service manager when the server is ready. auto does so if systemd asked for it.",
    ),
    live(
        "shutdown-timeout",
        "5",
        integer(0, I32_MAX),
        "Seconds that SIGTERM waits for clients to take their last replies.",
    ),
    at_start(
        "compat-version",
        "8.10.0",
        Kind::Text,
        "Redis version reported by INFO and HELLO; clients choose features by it.",
    ),
];

/// Directives of which only one value can be had.
pub const FIXED: &[Directive] = &[
    Directive {
        effect: Effect::Kept { value: "yes", reason: APPEND_ONLY },
        ..only("appendonly", "yes", Kind::YesNo, APPEND_ONLY)
    },
    only(
        "maxmemory-policy",
        "noeviction",
        Kind::Choice(&[
            "volatile-lru",
            "volatile-lfu",
            "volatile-random",
            "volatile-ttl",
            "allkeys-lru",
            "allkeys-lfu",
            "allkeys-random",
            "noeviction",
        ]),
        "a durable log must not evict: set maxmemory and let writes be refused, or trim streams by MAXLEN or MINID",
    ),
    only_at_start(
        "daemonize",
        "no",
        Kind::YesNo,
        "the server stays in the foreground: run it under systemd (see config/headwater.service) or with & in a shell",
    ),
    only_at_start(
        "enable-module-command",
        "no",
        Kind::Choice(&["no", "yes", "local"]),
        "there are no modules",
    ),
    only_at_start("cluster-enabled", "no", Kind::YesNo, "cluster mode is not supported"),
    only_at_start("replicaof", "", Kind::Text, "replication is not supported"),
    only_at_start("slaveof", "", Kind::Text, "replication is not supported"),
    only(
        "tls-key-file-pass",
        "",
        Kind::Text,
        "encrypted private keys are not supported: leave the key readable to the server's user only",
    ),
    only_at_start(
        "syslog-enabled",
        "no",
        Kind::YesNo,
        "the log goes to standard error, which systemd takes to the journal, or to logfile",
    ),
];

const APPEND_ONLY: &str =
    "the log is the data: it cannot be switched off (appendfsync chooses when it reaches the disk)";

/// Whether the value of a directive is to be shown to nobody.
#[must_use]
pub fn is_secret(name: &str) -> bool {
    SECRET.iter().any(|secret| secret.eq_ignore_ascii_case(name))
}

/// Directives whose values are secrets.
const SECRET: [&str; 5] =
    ["requirepass", "masterauth", "tls-key-file-pass", "tls-client-key-file-pass", "user"];

/// Directives of redis.conf that are no configuration values there either, with the reason why they
/// are refused.
pub const REFUSED: &[(&str, &str)] = &[
    ("loadmodule", "modules are not supported"),
    ("rename-command", "commands cannot be renamed"),
    ("sentinel", "Sentinel is not supported"),
];

/// Every directive, those that do something first.
pub fn all() -> impl Iterator<Item = &'static Directive> {
    HONOURED.iter().chain(FIXED).chain(INERT)
}

/// The directive of a name, compared without regard to case.
#[must_use]
pub fn find(name: &str) -> Option<&'static Directive> {
    all().find(|directive| directive.name.eq_ignore_ascii_case(name))
}

/// The other name of a directive that has two.
#[must_use]
pub fn other_name(name: &str) -> Option<&'static str> {
    match name {
        "busy-reply-threshold" => Some("lua-time-limit"),
        "lua-time-limit" => Some("busy-reply-threshold"),
        _ => None,
    }
}

/// The name that was probably meant, if one is near enough.
#[must_use]
pub fn suggestion(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let edits_max = (name.len() / 3).max(1);
    all()
        .map(|directive| (edit_distance(&name, directive.name), directive.name))
        .filter(|(edits, _)| *edits <= edits_max)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, name)| name)
}

/// Letters to add, drop, replace, or swap with their neighbour between two names. Names are short,
/// so that the square costs nothing; a longer one is cut.
pub(crate) fn edit_distance(a: &str, b: &str) -> usize {
    let a = &a.as_bytes()[..a.len().min(64)];
    let b = b.as_bytes();
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let replaced = rows[i][j] + usize::from(x != y);
            let mut edits = replaced.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if 0 < i && 0 < j && *x == b[j - 1] && a[i - 1] == *y {
                edits = edits.min(rows[i - 1][j - 1] + 1);
            }
            row.push(edits);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_name_stands_once_and_each_default_is_valid() {
        let mut names = BTreeSet::new();
        for directive in all() {
            assert!(names.insert(directive.name), "{} stands twice", directive.name);
            assert_eq!(
                directive.kind.canonical(directive.default).as_deref(),
                Ok(directive.default),
                "{}",
                directive.name
            );
            assert!(directive.effect == Effect::Inert || !directive.doc.is_empty());
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_recognised() {
        let check = |name, expected| assert_eq!(suggestion(name), expected, "{name:?}");
        check("prot", Some("port"));
        check("appendfsnyc", Some("appendfsync"));
        check("max_clients", Some("maxclients"));
        check("MAXMEMORY_POLICY", Some("maxmemory-policy"));
        check("colour", None);
    }
}
