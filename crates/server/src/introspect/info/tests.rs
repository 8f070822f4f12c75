//! Sections, order and the lines that tools read.

use super::*;
use crate::config::{Config, Sources};
use crate::introspect::process::{ProcessFacts, ProcessMemory, ProcessorTime};
use crate::stats::Stats;

fn info(names: &[&str]) -> String {
    let config = Config::load(Sources::default()).expect("defaults");
    let settings = config.settings();
    let stats = Stats::new(1, vec!["xadd".to_owned(), "xinfo|stream".to_owned(), "get".to_owned()]);
    let worker = stats.worker(0);
    worker.commands[0].executed(3_000);
    worker.commands[0].executed(4_000);
    worker.commands[1].rejected();
    stats.count_error(b"NOGROUP No such key");
    let process = ProcessFacts {
        pid: 7,
        run_id: "ab".repeat(20),
        os: "Linux 6.1 x86_64".to_owned(),
        executable: "/usr/bin/headwater".to_owned(),
        system_memory_bytes: 1 << 30,
    };
    let snapshot = InfoSnapshot {
        settings: &settings,
        config_file: None,
        process: &process,
        port: 6379,
        now_ms: 1_700_000_000_000,
        uptime: std::time::Duration::from_secs(90_000),
        loading: None,
        stats: &stats,
        memory: ProcessMemory { resident: 6 << 20, anonymous: 916_520 },
        memory_peak: 0,
        memory_at_start: 16_520,
        processor: ProcessorTime { system: 1.5, user: 2.25 },
        pubsub_channels: 0,
        pubsub_patterns: 0,
        pubsubshard_channels: 0,
        pubsub_clients: 0,
        tracking: TrackingFacts::default(),
        storage: StorageFacts { last_lsn: 12, snapshot_lsn: 5, ..StorageFacts::default() },
        scripts: ScriptFacts::default(),
        keyspace: vec![
            KeyspaceRow { db: 0, keys: 3, expires: 1, avg_ttl_ms: 500 },
            KeyspaceRow { db: 4, keys: 0, expires: 0, avg_ttl_ms: 0 },
        ],
    };
    let names: Vec<&[u8]> = names.iter().map(|name| name.as_bytes()).collect();
    render(&sections(&names), &snapshot)
}

#[test]
fn sections_come_in_the_order_of_redis() {
    let check = |names: &[&str], expected: &str| {
        let info = info(names);
        let headings: Vec<_> = info.lines().filter_map(|line| line.strip_prefix("# ")).collect();
        assert_eq!(headings.join(" "), expected, "{names:?}");
    };
    let default = "Server Clients Memory Persistence Stats Replication CPU Modules Errorstats Cluster Keyspace Headwater";
    let all = "Server Clients Memory Persistence Stats Replication CPU Modules Commandstats Errorstats Latencystats Cluster Keyspace Headwater";
    check(&[], default);
    check(&["default"], default);
    check(&["ALL"], all);
    check(&["everything"], all);
    check(&["keyspace", "Server", "server"], "Server Keyspace");
    check(&["nosuch"], "");
    check(&["default", "commandstats"], &all.replace("Latencystats ", ""));
}

#[test]
fn lines_are_what_tools_read() {
    let info = info(&["everything"]);
    let lines: Vec<_> = info.split("\r\n").collect();
    for expected in [
        "redis_version:8.10.0",
        "redis_mode:standalone",
        "uptime_in_days:1",
        "config_file:",
        "maxclients:10000",
        "used_memory_human:895.04K",
        "used_memory_dataset:900000",
        "maxmemory_human:0B",
        "loading:0",
        "rdb_changes_since_last_save:7",
        "role:master",
        "used_cpu_user:2.250000",
        "cmdstat_xadd:calls=2,usec=7,usec_per_call=3.50,rejected_calls=0,failed_calls=0",
        "cmdstat_xinfo|stream:calls=0,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=0",
        "errorstat_NOGROUP:count=1",
        "total_error_replies:1",
        "cluster_enabled:0",
        "db0:keys=3,expires=1,avg_ttl=500",
    ] {
        assert!(lines.contains(&expected), "{expected} is missing in\n{info}");
    }
    assert!(!info.contains("cmdstat_get") && !info.contains("db4"));
    assert!(info.ends_with("\r\n") && !info.replace("\r\n", "").contains('\n'));
}
