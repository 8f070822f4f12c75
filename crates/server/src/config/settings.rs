//! The typed view of the configuration.

use std::path::PathBuf;
use std::time::Duration;

use storage::retention::Retention;

use super::value::OutputLimits;
use super::{ConfigError, Values};
use crate::notify::EventClasses;

/// Every honoured directive as the type that its reader wants.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `port`
    pub port: u16,
    /// `bind`
    pub bind: Vec<BindAddress>,
    /// `protected-mode`
    pub protected_mode: bool,
    /// `unixsocket`
    pub unix_socket: Option<PathBuf>,
    /// `unixsocketperm`; `None` leaves it to the umask.
    pub unix_socket_mode: Option<u32>,
    /// `tcp-backlog`
    pub tcp_backlog: u32,
    /// `tcp-keepalive`; `None` for never.
    pub tcp_keepalive: Option<Duration>,
    /// `timeout`; `None` for never.
    pub idle_timeout: Option<Duration>,
    /// `maxclients`
    pub clients_max: u32,
    /// `io-threads`, with 0 resolved to half the number of processors, 1 to 4.
    pub worker_threads: usize,
    /// `requirepass`; `None` when clients need no password.
    pub password: Option<Box<str>>,
    /// `aclfile`; `None` without one.
    pub acl_file: Option<PathBuf>,
    /// `acl-pubsub-default` is `allchannels`.
    pub acl_all_channels: bool,
    /// `acllog-max-len`
    pub acl_log_max: usize,
    /// `tls-port` and what belongs to it; `None` when TLS is not spoken.
    pub tls: Option<TlsSettings>,
    /// `enable-debug-command`
    pub debug_command: DebugAccess,
    /// `dir`
    pub dir: PathBuf,
    /// `appendfsync`
    pub fsync: FsyncPolicy,
    /// `auto-aof-rewrite-min-size`: bytes of log between two checkpoints.
    pub checkpoint_log_bytes: u64,
    /// `scrub-rate`; 0 for no scrubs.
    pub scrub_rate: u64,
    /// `scrub-interval`; `None` for never by itself.
    pub scrub_interval: Option<Duration>,
    /// `log-retention-time`, `log-retention-size`
    pub retention: Retention,
    /// `log-segment-size`
    pub log_segment_bytes: u64,
    /// `stream-node-max-entries`, `stream-node-max-bytes`
    pub engine: engine::Settings,
    /// `stream-idmp-duration`, `stream-idmp-maxsize`
    pub idmp: engine::IdmpSettings,
    /// `maxmemory`; 0 for no limit.
    pub memory_bytes_max: u64,
    /// `checkpoint-memory` in bytes; 0 for no bound.
    pub checkpoint_memory: u64,
    /// `proto-max-bulk-len`
    pub bulk_bytes_max: u64,
    /// `client-query-buffer-limit`
    pub query_buffer_bytes_max: u64,
    /// `maxmemory-clients` in bytes; 0 for no limit.
    pub client_bytes_max: u64,
    /// `client-output-buffer-limit`
    pub output_limits: OutputLimits,
    /// `slowlog-log-slower-than` in microseconds; negative for never.
    pub slow_log_micros: i64,
    /// `slowlog-max-len`
    pub slow_log_entries_max: u64,
    /// `latency-monitor-threshold`; 0 for never.
    pub latency_threshold_ms: u64,
    /// `latency-tracking`
    pub tracks_times: bool,
    /// `latency-tracking-info-percentiles`, as written and as numbers.
    pub percentiles: Vec<(Box<str>, f64)>,
    /// `notify-keyspace-events`
    pub events: EventClasses,
    /// `tracking-table-max-keys`, with 0 resolved to no limit.
    pub tracked_keys_max: usize,
    /// `loglevel`
    pub log_level: LogLevel,
    /// `logfile`; `None` for standard error.
    pub log_file: Option<PathBuf>,
    /// `log-format`
    pub log_format: LogFormat,
    /// `pidfile`
    pub pid_file: Option<PathBuf>,
    /// `supervised`
    pub supervised: Supervision,
    /// `shutdown-timeout`
    pub shutdown_timeout: Duration,
    /// `scripting`, with auto resolved.
    pub scripting: bool,
    /// `script-memory-limit`
    pub script_bytes_max: u64,
    /// `busy-reply-threshold`; `None` for never.
    pub busy_reply_threshold: Option<Duration>,
    /// `compat-version`
    pub compat_version: Box<str>,
}

/// How TLS is spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// `tls-port`
    pub port: u16,
    /// `tls-cert-file`
    pub cert_file: PathBuf,
    /// `tls-key-file`
    pub key_file: PathBuf,
    /// `tls-ca-cert-file`
    pub ca_cert_file: Option<PathBuf>,
    /// `tls-ca-cert-dir`
    pub ca_cert_dir: Option<PathBuf>,
    /// `tls-auth-clients`
    pub client_certificates: ClientCertificates,
    /// `tls-protocols` has 1.2.
    pub allows_1_2: bool,
    /// `tls-protocols` has 1.3.
    pub allows_1_3: bool,
}

/// Whether clients show who they are by a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificates {
    /// They are not asked.
    Ignored,
    /// They may; a bad one is refused.
    Optional,
    /// They must.
    Required,
}

/// One address of `bind`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindAddress {
    /// Address or host name; `*` and `::*` stand for all.
    pub host: String,
    /// It may be missing on this machine (written with a leading `-`).
    pub optional: bool,
}

/// Who may call DEBUG.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DebugAccess {
    /// Nobody.
    No,
    /// Everybody.
    Yes,
    /// Clients on this machine.
    Local,
}

/// When a write counts as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FsyncPolicy {
    /// Once it is on disk.
    Always,
    /// Once the system has it; on disk about a second later.
    EverySec,
    /// Once the system has it.
    No,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// More than usual.
    Verbose,
    /// What an operator wants to know.
    Notice,
    /// What an operator must know.
    Warning,
    /// Nothing at all.
    Nothing,
}

/// Form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// `key=value`
    Logfmt,
    /// One object per line.
    Json,
    /// As Redis writes them.
    Redis,
}

/// Whether a service manager hears of our state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Supervision {
    /// No.
    No,
    /// If it asked for it.
    Auto,
    /// It must have asked for it.
    Systemd,
}

impl Settings {
    /// Reads the values, each of which has been checked.
    pub(super) fn of(values: &Values) -> Result<Self, ConfigError> {
        let seconds = |name| Duration::from_secs(number(values, name));
        let path =
            |name| Some(values.text(name)).filter(|text| !text.is_empty()).map(PathBuf::from);
        let settings = Self {
            port: number(values, "port"),
            bind: addresses(values.text("bind")),
            protected_mode: values.text("protected-mode") == "yes",
            unix_socket: path("unixsocket"),
            unix_socket_mode: u32::from_str_radix(values.text("unixsocketperm"), 8)
                .ok()
                .filter(|mode| *mode != 0),
            tcp_backlog: number(values, "tcp-backlog"),
            tcp_keepalive: Some(seconds("tcp-keepalive")).filter(|time| !time.is_zero()),
            idle_timeout: Some(seconds("timeout")).filter(|time| !time.is_zero()),
            clients_max: number(values, "maxclients"),
            worker_threads: worker_threads(number(values, "io-threads")),
            password: Some(values.text("requirepass"))
                .filter(|text| !text.is_empty())
                .map(Box::from),
            acl_file: path("aclfile"),
            acl_all_channels: values.text("acl-pubsub-default") == "allchannels",
            acl_log_max: number(values, "acllog-max-len"),
            tls: tls(values)?,
            debug_command: match values.text("enable-debug-command") {
                "yes" => DebugAccess::Yes,
                "local" => DebugAccess::Local,
                _ => DebugAccess::No,
            },
            dir: PathBuf::from(values.text("dir")),
            fsync: match values.text("appendfsync") {
                "no" => FsyncPolicy::No,
                "everysec" => FsyncPolicy::EverySec,
                _ => FsyncPolicy::Always,
            },
            checkpoint_log_bytes: number(values, "auto-aof-rewrite-min-size"),
            scrub_rate: number(values, "scrub-rate"),
            scrub_interval: Some(seconds("scrub-interval")).filter(|time| !time.is_zero()),
            retention: Retention {
                time_ms: 1000 * number::<u64>(values, "log-retention-time"),
                bytes_max: number(values, "log-retention-size"),
            },
            log_segment_bytes: number(values, "log-segment-size"),
            engine: engine::Settings {
                block_entries_max: number(values, "stream-node-max-entries"),
                block_bytes_max: number(values, "stream-node-max-bytes"),
            },
            idmp: engine::IdmpSettings {
                duration_s: number(values, "stream-idmp-duration"),
                iids_max: number(values, "stream-idmp-maxsize"),
            },
            memory_bytes_max: number(values, "maxmemory"),
            checkpoint_memory: share(values.text("checkpoint-memory"), number(values, "maxmemory")),
            bulk_bytes_max: number(values, "proto-max-bulk-len"),
            query_buffer_bytes_max: number(values, "client-query-buffer-limit"),
            client_bytes_max: share(values.text("maxmemory-clients"), number(values, "maxmemory")),
            output_limits: OutputLimits::default()
                .changed_by(values.text("client-output-buffer-limit"))
                .expect("every value was checked when it was assigned"),
            slow_log_micros: number(values, "slowlog-log-slower-than"),
            slow_log_entries_max: number(values, "slowlog-max-len"),
            latency_threshold_ms: number(values, "latency-monitor-threshold"),
            tracks_times: values.text("latency-tracking") == "yes",
            percentiles: percentiles(values.text("latency-tracking-info-percentiles")),
            events: EventClasses::parse(values.text("notify-keyspace-events")).unwrap_or_default(),
            tracked_keys_max: match number::<u64>(values, "tracking-table-max-keys") {
                0 => usize::MAX,
                keys => usize::try_from(keys).unwrap_or(usize::MAX),
            },
            log_level: match values.text("loglevel") {
                "debug" => LogLevel::Debug,
                "verbose" => LogLevel::Verbose,
                "warning" => LogLevel::Warning,
                "nothing" => LogLevel::Nothing,
                _ => LogLevel::Notice,
            },
            log_file: path("logfile"),
            log_format: match values.text("log-format") {
                "logfmt" => LogFormat::Logfmt,
                "json" => LogFormat::Json,
                "redis" => LogFormat::Redis,
                _ => LogFormat::Text,
            },
            pid_file: path("pidfile"),
            supervised: match values.text("supervised") {
                "no" | "upstart" => Supervision::No,
                "systemd" => Supervision::Systemd,
                _ => Supervision::Auto,
            },
            shutdown_timeout: seconds("shutdown-timeout"),
            scripting: match values.text("scripting") {
                "yes" => true,
                "no" => false,
                _ => {
                    addresses(values.text("bind")).iter().all(|address| is_loopback(&address.host))
                }
            },
            script_bytes_max: number(values, "script-memory-limit"),
            busy_reply_threshold: Some(number(values, "busy-reply-threshold"))
                .filter(|ms| *ms != 0)
                .map(Duration::from_millis),
            compat_version: Box::from(values.text("compat-version")),
        };
        if settings.acl_file.is_some()
            && let Some(line) = values.users().first()
        {
            let reason = "users stand either in 'aclfile' or in 'user' lines, not in both";
            return Err(ConfigError::Conflict(format!("{}: {reason}", line.origin)));
        }
        if settings.dir.as_os_str().is_empty() {
            return Err(ConfigError::Conflict("'dir' must name a directory".to_owned()));
        }
        Ok(settings)
    }
}

/// A number that was checked against bounds which fit its type.
fn number<T: std::str::FromStr>(values: &Values, name: &str) -> T {
    let number = values.text(name).parse().ok();
    number.expect("the table's bounds fit the type of the setting")
}

fn percentiles(text: &str) -> Vec<(Box<str>, f64)> {
    let words = text.split_ascii_whitespace();
    words.filter_map(|word| Some((Box::from(word), word.parse().ok()?))).collect()
}

/// Whether only this machine can reach an address.
fn is_loopback(host: &str) -> bool {
    match host.parse::<std::net::IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

fn addresses(text: &str) -> Vec<BindAddress> {
    let address = |word: &str| match word.strip_prefix('-') {
        Some(host) => BindAddress { host: host.to_owned(), optional: true },
        None => BindAddress { host: word.to_owned(), optional: false },
    };
    text.split(' ').filter(|word| !word.is_empty()).map(address).collect()
}

/// The settings of TLS, or why they make no sense together.
fn tls(values: &Values) -> Result<Option<TlsSettings>, ConfigError> {
    let port = number(values, "tls-port");
    if port == 0 {
        return Ok(None);
    }
    let conflict = |reason: String| Err(ConfigError::Conflict(reason));
    let path = |name| Some(values.text(name)).filter(|text| !text.is_empty()).map(PathBuf::from);
    let (Some(cert_file), Some(key_file)) = (path("tls-cert-file"), path("tls-key-file")) else {
        return conflict("'tls-port' needs 'tls-cert-file' and 'tls-key-file'".to_owned());
    };
    let (ca_cert_file, ca_cert_dir) = (path("tls-ca-cert-file"), path("tls-ca-cert-dir"));
    let client_certificates = match values.text("tls-auth-clients") {
        "no" => ClientCertificates::Ignored,
        "optional" => ClientCertificates::Optional,
        _ => ClientCertificates::Required,
    };
    if client_certificates != ClientCertificates::Ignored
        && ca_cert_file.is_none()
        && ca_cert_dir.is_none()
    {
        return conflict(
            "'tls-auth-clients' needs 'tls-ca-cert-file' or 'tls-ca-cert-dir', or set it to 'no'"
                .to_owned(),
        );
    }
    let (mut allows_1_2, mut allows_1_3) = (false, false);
    for word in values.text("tls-protocols").split_ascii_whitespace() {
        match word.to_ascii_lowercase().as_str() {
            "tlsv1.2" => allows_1_2 = true,
            "tlsv1.3" => allows_1_3 = true,
            _ => {
                return conflict(format!(
                    "'tls-protocols' knows TLSv1.2 and TLSv1.3, not '{word}'"
                ));
            }
        }
    }
    let allows_both = !allows_1_2 && !allows_1_3;
    Ok(Some(TlsSettings {
        port,
        cert_file,
        key_file,
        ca_cert_file,
        ca_cert_dir,
        client_certificates,
        allows_1_2: allows_1_2 || allows_both,
        allows_1_3: allows_1_3 || allows_both,
    }))
}

/// Half of the processors, as the log, checkpoints and the clients want some too; more than a few
/// workers only wait for the engine's lock.
fn worker_threads(asked: usize) -> usize {
    match asked {
        0 => std::thread::available_parallelism().map_or(1, |n| (n.get() / 2).clamp(1, 4)),
        asked => asked,
    }
}

/// Least that a percentage stands for. Below the size of a connection's first buffer nobody could stay
/// connected, not even to set a small `maxmemory` back.
const SHARE_BYTES_MIN: u64 = 8 * 1024 * 1024;

/// A number of bytes, or a percentage of `maxmemory`, or of all memory if that has no limit.
fn share(text: &str, memory_bytes_max: u64) -> u64 {
    let Some(percent) = text.strip_suffix('%') else { return text.parse().unwrap_or(0) };
    let whole = match memory_bytes_max {
        0 => crate::introspect::process::usable_memory_bytes(),
        bytes => bytes,
    };
    match percent.parse().unwrap_or(0) {
        0 => 0,
        percent => (whole / 100).saturating_mul(percent).max(SHARE_BYTES_MIN),
    }
}
