//! Node: ioredis, node-redis and what is built on them.

use support::Certificates;

use crate::scripts::Script;
use crate::start_tls;

#[test]
fn ioredis() {
    Script::node("ioredis.mjs").run(&[]);
}

/// The next major version.
#[test]
fn ioredis_6() {
    Script::node("ioredis.mjs").env("IOREDIS", "ioredis-6").run(&[]);
}

#[test]
fn ioredis_over_tls() {
    let certificates = Certificates::new();
    let (server, port, ca) = start_tls(&certificates);
    Script::node("ioredis.mjs").run_on_port(server, port, &[&ca]);
}

#[test]
fn node_redis_resp2() {
    Script::node("node-redis.mjs").run(&["2"]);
}

#[test]
fn node_redis_resp3() {
    Script::node("node-redis.mjs").run(&["3"]);
}

#[test]
fn socket_io() {
    Script::node("socket-io.mjs").run(&[]);
}

#[test]
fn moleculer() {
    Script::node("moleculer.mjs").run(&[]);
}

#[test]
fn bullmq() {
    Script::node("bullmq.mjs").run(&[]);
}
