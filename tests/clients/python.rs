//! Python: redis-py and what is built on it.

use support::Certificates;

use crate::scripts::{Script, root};
use crate::start_tls;

#[test]
fn redis_py_resp2() {
    Script::python("streams.py").run(&["2"]);
}

#[test]
fn redis_py_resp3() {
    Script::python("streams.py").run(&["3"]);
}

#[test]
fn redis_py_over_tls() {
    let certificates = Certificates::new();
    let (server, port, ca) = start_tls(&certificates);
    Script::python("streams.py").run_on_port(server, port, &["3", &ca]);
}

/// What older applications pin.
#[test]
fn redis_py_4() {
    let old = root("target/test-venv/old");
    assert!(old.is_dir(), "{} is missing; scripts/test installs it", old.display());
    Script::python("streams.py").env("PYTHONPATH", old).run(&["old"]);
}

#[test]
fn valkey_py() {
    for protocol in ["2", "3"] {
        Script::python("streams.py").env("CLIENT", "valkey").run(&[protocol]);
    }
}

/// An application for the streams of Redis 8.10, which 7.0 cannot run.
#[test]
fn redis_py_with_the_streams_of_redis_8() {
    if !Script::is_against_redis() {
        Script::python("redis8.py").run(&["2"]);
        Script::python("redis8.py").run(&["3"]);
    }
}

#[test]
fn redis_py_beyond_streams() {
    Script::python("redis_py.py").run(&["2"]);
    Script::python("redis_py.py").run(&["3"]);
}

/// Those tests of redis-py's own that ask for what Redis 7.0 and Headwater have.
#[test]
fn redis_py_by_its_own_tests() {
    Script::python("own_tests.py").answering_as("7.0.15").in_a_hurry().run(&["redis-py"]);
}

/// Those of them that are about streams, with what came after 7.0.
#[test]
fn redis_py_by_its_own_tests_of_streams() {
    if !Script::is_against_redis() {
        Script::python("own_tests.py")
            .answering_as("8.10.0")
            .in_a_hurry()
            .run(&["redis-py-streams"]);
    }
}

#[test]
fn valkey_glide() {
    Script::python("with_glide.py").run(&["2"]);
    Script::python("with_glide.py").run(&["3"]);
}

#[test]
fn walrus_by_its_own_tests() {
    Script::python("own_tests.py").in_a_hurry().run(&["walrus"]);
}

#[test]
fn coredis() {
    Script::python("with_coredis.py").run(&[]);
}

#[test]
fn faststream() {
    Script::python("with_faststream.py").run(&[]);
}

#[test]
fn taskiq() {
    Script::python("with_taskiq.py").run(&[]);
}

#[test]
fn rq() {
    Script::python("with_rq.py").run(&[]);
}

#[test]
fn docket() {
    Script::python("with_docket.py").run(&[]);
}

#[test]
fn streaq() {
    Script::python("with_streaq.py").run(&[]);
}
