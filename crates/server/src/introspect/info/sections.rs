//! The fields of each section. Names, order and meaning are Redis's; what cannot occur here is shown
//! with the value that it has on a Redis without it, as tools compute with it.

use std::sync::atomic::Ordering::Relaxed;

use super::{InfoSnapshot, Page, Section, human};
use crate::config::FsyncPolicy;
use crate::introspect::command_stats;

pub(super) fn write(section: Section, snapshot: &InfoSnapshot<'_>, page: &mut Page) {
    match section {
        Section::Server => server(snapshot, page),
        Section::Clients => clients(snapshot, page),
        Section::Memory => memory(snapshot, page),
        Section::Persistence => persistence(snapshot, page),
        Section::Stats => stats(snapshot, page),
        Section::Replication => replication(snapshot, page),
        Section::Cpu => cpu(snapshot, page),
        Section::Modules => page.heading("Modules"),
        Section::Commandstats => command_statistics(snapshot, page),
        Section::Errorstats => error_statistics(snapshot, page),
        Section::Latencystats => latency_statistics(snapshot, page),
        Section::Cluster => {
            page.heading("Cluster");
            page.field("cluster_enabled", 0);
        }
        Section::Keyspace => keyspace(snapshot, page),
        Section::Headwater => headwater(snapshot, page),
    }
}

fn server(snapshot: &InfoSnapshot<'_>, page: &mut Page) {
    let process = snapshot.process;
    let uptime = snapshot.uptime.as_secs();
    page.heading("Server");
    page.field("redis_version", &snapshot.settings.compat_version);
    page.field("redis_git_sha1", "00000000");
    page.field("redis_git_dirty", 0);
    page.field("redis_build_id", "0");
    page.field("redis_mode", "standalone");
    page.field("os", &process.os);
    page.field("arch_bits", usize::BITS);
    page.field("monotonic_clock", "POSIX clock_gettime");
    page.field("multiplexing_api", "epoll");
    // What stands in their place: the atomics of the language, and no C compiler.
    page.field("atomicvar_api", "rust-core");
    page.field("gcc_version", "0.0.0");
    page.field("process_id", process.pid);
    let supervised = if std::env::var_os("NOTIFY_SOCKET").is_some() { "systemd" } else { "no" };
    page.field("process_supervised", supervised);
    page.field("run_id", &process.run_id);
    page.field("tcp_port", snapshot.port);
    page.field("server_time_usec", snapshot.now_ms.saturating_mul(1000));
    page.field("uptime_in_seconds", uptime);
    page.field("uptime_in_days", uptime / 86_400);
    page.field("hz", 10);
    page.field("configured_hz", 10);
    // Redis's clock for idle times: seconds in 24 bits.
    page.field("lru_clock", (snapshot.now_ms / 1000) & 0xff_ffff);
    page.field("executable", &process.executable);
    page.field("config_file", snapshot.config_file.unwrap_or("".as_ref()).display());
    page.field("io_threads_active", 0);
    page.field("server_name", "headwater");
    page.field("headwater_version", env!("CARGO_PKG_VERSION"));
}

fn clients(snapshot: &InfoSnapshot<'_>, page: &mut Page) {
    let stats = snapshot.stats;
    page.heading("Clients");
    page.field("connected_clients", stats.clients.load(Relaxed));
    page.field("cluster_connections", 0);
    page.field("maxclients", snapshot.settings.clients_max);
    page.field("client_recent_max_input_buffer", stats.input_buffer_recent_max.load(Relaxed));
    page.field("client_recent_max_output_buffer", stats.output_buffer_recent_max.load(Relaxed));
    page.field("blocked_clients", stats.clients_blocked.load(Relaxed));
    page.field("tracking_clients", snapshot.tracking.clients);
    page.field("pubsub_clients", snapshot.pubsub_clients);
    page.field("clients_in_timeout_table", stats.clients_in_timeout_table.load(Relaxed));
}

fn memory(snapshot: &InfoSnapshot<'_>, page: &mut Page) {
    let used = snapshot.memory.anonymous;
    let resident = snapshot.memory.resident;
    let peak = snapshot.memory_peak.max(used);
    let at_start = snapshot.memory_at_start.min(used);
    let dataset = used - at_start;
    let percent = |part: u64, whole: u64| 100.0 * part as f64 / whole.max(1) as f64;
    page.heading("Memory");
    page.bytes("used_memory", used);
    page.bytes("used_memory_rss", resident);
    page.bytes("used_memory_peak", peak);
    page.field("used_memory_peak_perc", format_args!("{:.2}%", percent(used, peak)));
    page.field("used_memory_overhead", at_start);
    page.field("used_memory_startup", at_start);
    page.field("used_memory_dataset", dataset);
    page.field("used_memory_dataset_perc", format_args!("{:.2}%", percent(dataset, dataset)));
    // Anonymous memory is what the allocator has in use and resident.
    page.field("allocator_allocated", used);
    page.field("allocator_active", used);
    page.field("allocator_resident", used);
    page.bytes("total_system_memory", snapshot.process.system_memory_bytes);
    let scripts = &snapshot.scripts;
    page.field("used_memory_lua", scripts.lua_bytes);
    page.field("used_memory_vm_eval", scripts.lua_bytes);
    page.field("used_memory_lua_human", human(scripts.lua_bytes));
    page.field("used_memory_scripts_eval", scripts.script_bytes);
    page.field("number_of_cached_scripts", scripts.scripts);
    page.field("number_of_functions", scripts.functions);
    page.field("number_of_libraries", scripts.libraries);
    page.field("used_memory_vm_functions", scripts.functions_lua_bytes);
    page.bytes("used_memory_vm_total", scripts.lua_bytes + scripts.functions_lua_bytes);
    page.field("used_memory_functions", scripts.function_bytes);
    page.bytes("used_memory_scripts", scripts.script_bytes + scripts.function_bytes);
    page.bytes("maxmemory", snapshot.settings.memory_bytes_max);
    page.field("maxmemory_policy", "noeviction");
    page.field("maxmemory_clients", snapshot.settings.client_bytes_max);
    page.field("allocator_frag_ratio", "1.00");
    page.field("allocator_frag_bytes", 0);
    page.field("allocator_rss_ratio", "1.00");
    page.field("allocator_rss_bytes", 0);
    let overhead = resident as f64 / used.max(1) as f64;
    page.field("rss_overhead_ratio", format_args!("{overhead:.2}"));
    page.field("rss_overhead_bytes", resident.saturating_sub(used));
    // The program's own pages are resident without being used memory: the ratio would tell nothing
    // true.
    page.field("mem_fragmentation_ratio", "1.00");
    page.field("mem_fragmentation_bytes", 0);
    page.field("mem_not_counted_for_evict", 0);
    page.field("mem_replication_backlog", 0);
    page.field("mem_total_replication_buffers", 0);
    page.field("mem_clients_slaves", 0);
    page.field("mem_clients_normal", snapshot.stats.client_bytes());
    page.field("mem_cluster_links", 0);
    page.field("mem_aof_buffer", snapshot.storage.pending_bytes);
    page.field("mem_allocator", "jemalloc-5.3.0");
    page.field("active_defrag_running", 0);
    page.field("lazyfree_pending_objects", 0);
    page.field("lazyfreed_objects", 0);
}

fn persistence(snapshot: &InfoSnapshot<'_>, page: &mut Page) {
    let storage = &snapshot.storage;
    let status = |failed: bool| if failed { "err" } else { "ok" };
    let checkpoint_running = u8::from(storage.checkpoint_running);
    let checkpoint_status = status(storage.checkpoint_failed);
    let last_seconds = storage.last_checkpoint_time.map_or(-1, |time| time.as_secs().cast_signed());
    page.heading("Persistence");
    page.field("loading", u8::from(snapshot.loading.is_some()));
    page.field("async_loading", 0);
    for never in ["current_cow_peak", "current_cow_size", "current_cow_size_age"] {
        page.field(never, 0);
    }
    page.field("current_fork_perc", "0.00");
    page.field("current_save_keys_processed", 0);
    page.field("current_save_keys_total", 0);
    page.field(
        "rdb_changes_since_last_save",
        storage.last_lsn.saturating_sub(storage.snapshot_lsn),
    );
    page.field("rdb_bgsave_in_progress", checkpoint_running);
    page.field("rdb_last_save_time", storage.last_checkpoint_at);
    page.field("rdb_last_bgsave_status", checkpoint_status);
    page.field("rdb_last_bgsave_time_sec", last_seconds);
    page.field("rdb_current_bgsave_time_sec", -1);
    page.field("rdb_saves", storage.checkpoints);
    page.field("rdb_last_cow_size", 0);
    page.field("rdb_last_load_keys_expired", 0);
    page.field("rdb_last_load_keys_loaded", storage.recovery_keys);
    page.field("aof_enabled", 1);
    page.field("aof_rewrite_in_progress", checkpoint_running);
    page.field("aof_rewrite_scheduled", 0);
    page.field("aof_last_rewrite_time_sec", last_seconds);
    page.field("aof_current_rewrite_time_sec", -1);
    page.field("aof_last_bgrewrite_status", checkpoint_status);
    page.field("aof_rewrites", storage.checkpoints);
    page.field("aof_rewrites_consecutive_failures", u8::from(storage.checkpoint_failed));
    page.field("aof_last_write_status", status(storage.out_of_space));
    page.field("aof_last_cow_size", 0);
    page.field("module_fork_in_progress", 0);
    page.field("module_fork_last_cow_size", 0);
    page.field("aof_current_size", storage.log_bytes);
    page.field(
        "aof_base_size",
        storage.log_bytes.saturating_sub(storage.log_bytes_since_checkpoint),
    );
    page.field("aof_pending_rewrite", 0);
    page.field("aof_buffer_length", storage.pending_bytes);
    page.field("aof_pending_bio_fsync", u8::from(storage.sync_is_running));
    page.field("aof_delayed_fsync", storage.syncs_slow);
    if let Some(facts) = &snapshot.loading {
        facts.write(page);
    }
}

fn stats(snapshot: &InfoSnapshot<'_>, page: &mut Page) {
    let totals = snapshot.stats.totals();
    let now = snapshot.stats.instantaneous();
    let errors: u64 = snapshot.stats.errors().values().sum();
    page.heading("Stats");
    page.field("total_connections_received", totals.connections_received);
    page.field("total_commands_processed", totals.commands_processed);
    page.field("instantaneous_ops_per_sec", now.ops_per_second);
    page.field("total_net_input_bytes", totals.net_input_bytes);
    page.field("total_net_output_bytes", totals.net_output_bytes);
    page.field("total_net_repl_input_bytes", 0);
    page.field("total_net_repl_output_bytes", 0);
    let kilobytes = |bytes: f64| format!("{:.2}", bytes / 1024.0);
    page.field("instantaneous_input_kbps", kilobytes(now.input_bytes_per_second));
    page.field("instantaneous_output_kbps", kilobytes(now.output_bytes_per_second));
    page.field("instantaneous_input_repl_kbps", "0.00");
    page.field("instantaneous_output_repl_kbps", "0.00");
    page.field("rejected_connections", totals.rejected_connections);
    for never in ["sync_full", "sync_partial_ok", "sync_partial_err"] {
        page.field(never, 0);
    }
    page.field("expired_keys", totals.expired_keys);
    page.field("expired_stale_perc", "0.00");
    page.field("expired_time_cap_reached_count", 0);
    page.field("expire_cycle_cpu_milliseconds", totals.expiry_nanos / 1_000_000);
    page.field("evicted_keys", 0);
    page.field("evicted_clients", totals.evicted_clients);
    page.field("total_eviction_exceeded_time", 0);
    page.field("current_eviction_exceeded_time", 0);
    page.field("keyspace_hits", totals.keyspace_hits);
    page.field("keyspace_misses", totals.keyspace_misses);
    page.field("pubsub_channels", snapshot.pubsub_channels);
    page.field("pubsub_patterns", snapshot.pubsub_patterns);
    page.field("pubsubshard_channels", snapshot.pubsubshard_channels);
    for never in [
        "latest_fork_usec",
        "total_forks",
        "migrate_cached_sockets",
        "slave_expires_tracked_keys",
        "active_defrag_hits",
        "active_defrag_misses",
        "active_defrag_key_hits",
        "active_defrag_key_misses",
        "total_active_defrag_time",
        "current_active_defrag_time",
    ] {
        page.field(never, 0);
    }
    page.field("tracking_total_keys", snapshot.tracking.keys);
    page.field("tracking_total_items", snapshot.tracking.items);
    page.field("tracking_total_prefixes", snapshot.tracking.prefixes);
    page.field("unexpected_error_replies", 0);
    page.field("total_error_replies", errors);
    page.field("dump_payload_sanitizations", 0);
    page.field("total_reads_processed", totals.reads_processed);
    page.field("total_writes_processed", totals.writes_processed);
    page.field("io_threaded_reads_processed", 0);
    page.field("io_threaded_writes_processed", 0);
    page.field("reply_buffer_shrinks", 0);
    page.field("reply_buffer_expands", 0);
    page.field("client_output_buffer_limit_disconnections", totals.output_limit_disconnections);
}

fn replication(snapshot: &InfoSnapshot<'_>, page: &mut Page) {
    page.heading("Replication");
    page.field("role", "master");
    page.field("connected_slaves", 0);
    page.field("master_failover_state", "no-failover");
    page.field("master_replid", &snapshot.process.run_id);
    page.field("master_replid2", "0".repeat(40));
    page.field("master_repl_offset", snapshot.storage.last_lsn);
    page.field("second_repl_offset", -1);
    page.field("repl_backlog_active", 0);
    page.field("repl_backlog_size", 1_048_576);
    page.field("repl_backlog_first_byte_offset", 0);
    page.field("repl_backlog_histlen", 0);
}

fn cpu(snapshot: &InfoSnapshot<'_>, page: &mut Page) {
    page.heading("CPU");
    page.field("used_cpu_sys", format_args!("{:.6}", snapshot.processor.system));
    page.field("used_cpu_user", format_args!("{:.6}", snapshot.processor.user));
    page.field("used_cpu_sys_children", "0.000000");
    page.field("used_cpu_user_children", "0.000000");
    // Every thread works for clients.
    page.field("used_cpu_sys_main_thread", format_args!("{:.6}", snapshot.processor.system));
    page.field("used_cpu_user_main_thread", format_args!("{:.6}", snapshot.processor.user));
}

fn command_statistics(snapshot: &InfoSnapshot<'_>, page: &mut Page) {
    page.heading("Commandstats");
    let totals = snapshot.stats.totals();
    for (name, totals) in snapshot.stats.command_names().iter().zip(&totals.commands) {
        if let Some(line) = command_stats(totals) {
            page.field(&format!("cmdstat_{name}"), line);
        }
    }
}

fn latency_statistics(snapshot: &InfoSnapshot<'_>, page: &mut Page) {
    page.heading("Latencystats");
    let percentiles = &snapshot.settings.percentiles;
    for (name, times) in snapshot.stats.command_names().iter().zip(snapshot.stats.histograms()) {
        if times.calls() == 0 || !snapshot.settings.tracks_times {
            continue;
        }
        let value = |(word, percent): &(Box<str>, f64)| {
            format!("p{word}={:.3}", times.percentile(*percent) as f64 / 1000.0)
        };
        let values: Vec<_> = percentiles.iter().map(value).collect();
        page.field(&format!("latency_percentiles_usec_{name}"), values.join(","));
    }
}

fn error_statistics(snapshot: &InfoSnapshot<'_>, page: &mut Page) {
    page.heading("Errorstats");
    for (code, count) in snapshot.stats.errors() {
        page.field(&format!("errorstat_{}", code.escape_default()), format_args!("count={count}"));
    }
}

fn keyspace(snapshot: &InfoSnapshot<'_>, page: &mut Page) {
    page.heading("Keyspace");
    for row in snapshot.keyspace.iter().filter(|row| 0 < row.keys) {
        let line = format!("keys={},expires={},avg_ttl={}", row.keys, row.expires, row.avg_ttl_ms);
        page.field(&format!("db{}", row.db), line);
    }
}

fn headwater(snapshot: &InfoSnapshot<'_>, page: &mut Page) {
    let storage = &snapshot.storage;
    let policy = match snapshot.settings.fsync {
        FsyncPolicy::Always => "always",
        FsyncPolicy::EverySec => "everysec",
        FsyncPolicy::No => "no",
    };
    page.heading("Headwater");
    page.field("headwater_version", env!("CARGO_PKG_VERSION"));
    page.field("fsync_policy", policy);
    page.field("last_lsn", storage.last_lsn);
    page.field("durable_lsn", storage.durable_lsn);
    page.field("snapshot_lsn", storage.snapshot_lsn);
    page.field("log_segments", storage.log_segments);
    page.field("log_bytes", storage.log_bytes);
    page.field("log_first_lsn", storage.log_kept.first);
    page.field("log_first_time_ms", storage.log_kept.first_ms);
    page.field("log_retained_bytes", storage.log_kept.bytes);
    page.field("log_bytes_since_checkpoint", storage.log_bytes_since_checkpoint);
    let pressure = &storage.pressure;
    page.field("unspilled_bytes", pressure.bytes);
    page.field("unspilled_bytes_max", pressure.bytes_max);
    page.field("writes_slowed", pressure.waits);
    page.field("writes_slowed_usec", pressure.waited.as_micros());
    page.field("log_syncs", storage.syncs);
    let age = storage.last_sync_age.map_or(-1, |age| i64::try_from(age.as_millis()).unwrap_or(-1));
    page.field("last_fsync_age_ms", age);
    page.field("last_fsync_usec", storage.last_sync_time.as_micros());
    page.field("out_of_space", u8::from(storage.out_of_space));
    let scrub = &storage.scrub;
    page.field("damaged_blocks", scrub.damaged_blocks);
    page.field("damaged_files", scrub.damaged_files);
    page.field("scrub_in_progress", u8::from(scrub.is_running));
    page.field("scrub_bytes_done", scrub.bytes_done);
    page.field("scrub_bytes_total", scrub.bytes_total);
    page.field("scrubs_completed", scrub.completed);
    page.field("scrub_last_time", scrub.last_at);
    page.field("scrub_last_seconds", format_args!("{:.3}", scrub.last_time.as_secs_f64()));
    page.field("scrub_last_bytes", scrub.last_bytes);
    page.field("recovery_records", storage.recovery_records);
    page.field("recovery_bytes", storage.recovery_bytes);
    page.field("recovery_seconds", format_args!("{:.3}", storage.recovery_time.as_secs_f64()));
    page.field("recovery_cut_bytes", storage.recovery_cut_bytes);
}
