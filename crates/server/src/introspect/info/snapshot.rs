//! Everything that INFO shows, gathered at one instant.

use std::path::Path;
use std::time::Duration;

use storage::retention::Kept;

use super::loading::LoadingFacts;
use crate::config::Settings;
use crate::introspect::process::{ProcessFacts, ProcessMemory, ProcessorTime};
use crate::pressure::PressureFacts;
use crate::scrubbing::ScrubFacts;
use crate::stats::Stats;

/// What INFO is rendered from.
#[derive(Debug, Clone)]
pub struct InfoSnapshot<'a> {
    /// The settings in force.
    pub settings: &'a Settings,
    /// The configuration file, if there is one.
    pub config_file: Option<&'a Path>,
    /// Facts about the process.
    pub process: &'a ProcessFacts,
    /// The port that is listened on.
    pub port: u16,
    /// Wall clock.
    pub now_ms: u64,
    /// Time since the start.
    pub uptime: Duration,
    /// Set while the data is being loaded.
    pub loading: Option<LoadingFacts>,
    /// Counters.
    pub stats: &'a Stats,
    /// Memory of the process.
    pub memory: ProcessMemory,
    /// Largest [`ProcessMemory::anonymous`] that was seen.
    pub memory_peak: u64,
    /// [`ProcessMemory::anonymous`] when the server was ready.
    pub memory_at_start: u64,
    /// Processor time.
    pub processor: ProcessorTime,
    /// Channels subscribed to.
    pub pubsub_channels: u64,
    /// Patterns subscribed to.
    pub pubsub_patterns: u64,
    /// Shard channels with subscribers.
    pub pubsubshard_channels: u64,
    /// Who caches what.
    pub tracking: TrackingFacts,
    /// Clients with subscriptions.
    pub pubsub_clients: u64,
    /// The log, the blocks and the snapshots.
    pub storage: StorageFacts,
    /// Databases that hold a key.
    pub keyspace: Vec<KeyspaceRow>,
    /// Scripts and functions.
    pub scripts: ScriptFacts,
}

/// One database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyspaceRow {
    /// Its number.
    pub db: u8,
    /// Keys in it.
    pub keys: u64,
    /// Keys with an expiry.
    pub expires: u64,
    /// Mean time to live of those, in milliseconds, as far as it is known.
    pub avg_ttl_ms: u64,
}

/// The state of the storage.
#[derive(Debug, Clone, Default)]
pub struct StorageFacts {
    /// Newest record.
    pub last_lsn: u64,
    /// Newest record on disk.
    pub durable_lsn: u64,
    /// Record up to which the newest snapshot reaches.
    pub snapshot_lsn: u64,
    /// Segments of the log.
    pub log_segments: u64,
    /// How far back the log goes.
    pub log_kept: Kept,
    /// Bytes of records in the log.
    pub log_bytes: u64,
    /// Bytes of records since the last checkpoint.
    pub log_bytes_since_checkpoint: u64,
    /// Bytes recorded, not yet written.
    pub pending_bytes: u64,
    /// Syncs of the log so far.
    pub syncs: u64,
    /// Time since the last sync of the log; `None` before the first.
    pub last_sync_age: Option<Duration>,
    /// How long the last sync took.
    pub last_sync_time: Duration,
    /// Whether a sync of the log is under way.
    pub sync_is_running: bool,
    /// Syncs that took a second or longer.
    pub syncs_slow: u64,
    /// Entries that wait for a checkpoint, and writers that wait for it.
    pub pressure: PressureFacts,
    /// Whether a checkpoint runs.
    pub checkpoint_running: bool,
    /// Checkpoints so far.
    pub checkpoints: u64,
    /// Whether the last checkpoint failed.
    pub checkpoint_failed: bool,
    /// When the last checkpoint was finished, Unix seconds; the start of the server before the first.
    pub last_checkpoint_at: u64,
    /// How long the last checkpoint took.
    pub last_checkpoint_time: Option<Duration>,
    /// Whether the last write was refused for want of space.
    pub out_of_space: bool,
    /// Scrubs and what they found.
    pub scrub: ScrubFacts,
    /// Keys that were there after the recovery at start.
    pub recovery_keys: u64,
    /// Records replayed by the recovery at start.
    pub recovery_records: u64,
    /// Bytes of the log read by it.
    pub recovery_bytes: u64,
    /// How long it took.
    pub recovery_time: Duration,
    /// Bytes of a torn tail that it cut.
    pub recovery_cut_bytes: u64,
}

/// Client-side caching in numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct TrackingFacts {
    /// Clients that track keys.
    pub clients: usize,
    /// Keys of which it is remembered who has read them.
    pub keys: usize,
    /// Readers of all of them together.
    pub items: usize,
    /// Prefixes that are tracked.
    pub prefixes: usize,
}

/// What INFO tells about scripts and functions.
#[derive(Debug, Clone, Copy, Default)]
pub struct ScriptFacts {
    /// Scripts in the cache.
    pub scripts: u64,
    /// Of their texts.
    pub script_bytes: u64,
    /// Of their Lua state.
    pub lua_bytes: u64,
    /// Functions of all libraries.
    pub functions: u64,
    /// Libraries.
    pub libraries: u64,
    /// Of the code of libraries.
    pub function_bytes: u64,
    /// Of the Lua state of functions.
    pub functions_lua_bytes: u64,
}
