//! `prometheus-redis-exporter` as Debian packages it: its metrics of streams, groups and the server.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::{free_port, require_tool};

/// How long the exporter may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Ended with the test.
struct Exporter {
    child: Child,
    port: u16,
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Exporter {
    fn start(redis_port: u16) -> Self {
        let port = free_port();
        let child = Command::new(require_tool("prometheus-redis-exporter"))
            .args(["--redis.addr", &format!("redis://127.0.0.1:{redis_port}")])
            .args(["--web.listen-address", &format!("127.0.0.1:{port}")])
            .args(["--check-streams", "db0=orders*", "--check-keys", "db0=*"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the exporter runs");
        Self { child, port }
    }

    /// A page of metrics, once there is one.
    fn metrics(&self) -> String {
        let began = Instant::now();
        loop {
            match self.try_metrics() {
                Ok(page) => return page,
                Err(error) => {
                    assert!(began.elapsed() < PATIENCE, "no metrics: {error}");
                    std::thread::yield_now();
                }
            }
        }
    }

    fn try_metrics(&self) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")?;
        let mut page = String::new();
        stream.read_to_string(&mut page)?;
        Ok(page)
    }
}

#[test]
fn redis_exporter_shows_streams_and_groups() {
    let server = super::start();
    let mut client = server.connect();
    for line in [
        "XADD orders 1-1 item 7",
        "XADD orders 2-1 item 8",
        "XADD orders:eu 1-1 item 9",
        "XGROUP CREATE orders billing 0",
        "XREADGROUP GROUP billing ann COUNT 1 STREAMS orders >",
        "SET lease mine PX 60000",
        "GET lease",
        "GET nosuch",
        "CONFIG SET slowlog-log-slower-than 0",
        "PING",
    ] {
        let reply = client.words(line);
        assert!(!matches!(reply, support::Value::Error(_)), "{line}: {reply:?}");
    }
    assert!(client.words("XADD lease * a b").is_error("WRONGTYPE"));
    let exporter = Exporter::start(server.port());
    let page = exporter.metrics();
    let lines: Vec<_> = page.lines().collect();
    for expected in [
        "redis_up 1",
        "redis_exporter_last_scrape_error{err=\"\"} 0",
        "redis_stream_length{db=\"db0\",stream=\"orders\"} 2",
        "redis_stream_length{db=\"db0\",stream=\"orders:eu\"} 1",
        "redis_stream_groups{db=\"db0\",stream=\"orders\"} 1",
        "redis_stream_last_generated_id{db=\"db0\",stream=\"orders\"} 2",
        "redis_stream_radix_tree_keys{db=\"db0\",stream=\"orders\"} 1",
        "redis_stream_group_consumers{db=\"db0\",group=\"billing\",stream=\"orders\"} 1",
        "redis_stream_group_messages_pending{db=\"db0\",group=\"billing\",stream=\"orders\"} 1",
        "redis_stream_group_last_delivered_id{db=\"db0\",group=\"billing\",stream=\"orders\"} 1",
        "redis_stream_group_consumer_messages_pending{consumer=\"ann\",db=\"db0\",group=\"billing\",stream=\"orders\"} 1",
        "redis_db_keys{db=\"db0\"} 3",
        "redis_db_keys_expiring{db=\"db0\"} 1",
        "redis_keyspace_misses_total 1",
        "redis_commands_total{cmd=\"xadd\"} 4",
        "redis_commands_failed_calls_total{cmd=\"xadd\"} 1",
        "redis_commands_total{cmd=\"xgroup|create\"} 1",
        "redis_latency_percentiles_usec_count{cmd=\"xadd\"} 4",
        "redis_errors_total{err=\"WRONGTYPE\"} 1",
        "redis_config_maxclients 10000",
        "redis_loading_dump_file 0",
        "redis_aof_enabled 1",
        "redis_cluster_enabled 0",
    ] {
        assert!(lines.contains(&expected), "{expected} is missing in\n{page}");
    }
    let value = |name: &str| {
        let line = lines.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|text| text.parse::<f64>().ok()).unwrap_or_else(|| panic!("no {name}"))
    };
    for (name, at_least) in [
        ("redis_keyspace_hits_total", 1.0),
        ("redis_slowlog_length", 1.0),
        ("redis_memory_used_bytes", 1.0),
        ("redis_connected_clients", 1.0),
        ("redis_start_time_seconds", 1.7e9),
    ] {
        assert!(at_least <= value(name), "{name} is {}", value(name));
    }
}
