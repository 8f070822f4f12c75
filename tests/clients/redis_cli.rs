//! `redis-cli`: one command per call, commands through a pipe, RESP3, mass insertion.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use support::{Server, encode, require_tool};

/// `redis-cli -p PORT ARGUMENTS`, with `input` on its standard input; what it printed.
fn cli(server: &Server, arguments: &[&str], input: &[u8]) -> String {
    let mut child = Command::new(require_tool("timeout"))
        .arg(super::CLIENT_TIMEOUT)
        .arg(require_tool("redis-cli"))
        .args(["-p", &server.port().to_string()])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("redis-cli runs");
    child.stdin.take().expect("a pipe").write_all(input).expect("redis-cli reads its input");
    let output = child.wait_with_output().expect("redis-cli ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "redis-cli {arguments:?}: {} {stderr}", output.status);
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// One command, words separated by blanks.
fn check(server: &Server, command: &str, expected: &str) {
    let words: Vec<_> = command.split_whitespace().collect();
    assert_eq!(cli(server, &words, b""), expected, "{command}");
}

#[test]
fn a_tour_of_commands() {
    let server = super::start();
    check(&server, "PING", "PONG");
    check(&server, "XADD tour 1-1 city Lisbon", "1-1");
    check(&server, "XADD tour 1-* city Porto", "1-2");
    check(&server, "XADD tour 2-0 city Faro", "2-0");
    check(&server, "XLEN tour", "3");
    check(&server, "XRANGE tour - + COUNT 2", "1-1\ncity\nLisbon\n1-2\ncity\nPorto");
    check(&server, "XREVRANGE tour + - COUNT 1", "2-0\ncity\nFaro");
    check(&server, "XREAD COUNT 1 STREAMS tour 1-1", "tour\n1-2\ncity\nPorto");
    check(&server, "XGROUP CREATE tour guides 0", "OK");
    check(
        &server,
        "XREADGROUP GROUP guides ana COUNT 2 STREAMS tour >",
        "tour\n1-1\ncity\nLisbon\n1-2\ncity\nPorto",
    );
    check(&server, "XPENDING tour guides", "2\n1-1\n1-2\nana\n2");
    check(&server, "XACK tour guides 1-1 9-9", "1");
    check(&server, "XAUTOCLAIM tour guides rui 0 0 JUSTID", "0-0\n1-2");
    check(&server, "XDEL tour 1-1", "1");
    check(&server, "XTRIM tour MAXLEN = 1", "1");
    check(&server, "--json XRANGE tour - +", r#"[["2-0",["city","Faro"]]]"#);
    check(&server, "TYPE tour", "stream");
    check(&server, "-3 OBJECT ENCODING tour", "stream");
    check(&server, "SET lease mine NX PX 60000", "OK");
    check(&server, "HSET cart apple 2", "1");
    check(&server, "-3 --json HGETALL cart", r#"{"apple":"2"}"#);
    check(&server, "DBSIZE", "3");
    check(&server, "-n 5 DBSIZE", "0");
}

#[test]
fn errors_are_shown_in_the_words_of_redis() {
    let server = super::start();
    let wrong_type = "WRONGTYPE Operation against a key holding the wrong kind of value";
    check(&server, "SET word x", "OK");
    check(&server, "XADD word * a b", wrong_type);
    check(&server, "XADD s", "ERR wrong number of arguments for 'xadd' command");
    check(&server, "XADD s x a b", "ERR Invalid stream ID specified as stream command argument");
    check(&server, "XRANGE s - + COUNT x", "ERR value is not an integer or out of range");
    check(
        &server,
        "XREADGROUP GROUP g c STREAMS s >",
        "NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option",
    );
}

#[test]
fn commands_through_a_pipe() {
    let server = super::start();
    let script = b"MULTI\nXADD p 1-1 a 1\nINCR count\nEXEC\nXLEN p\n";
    assert_eq!(cli(&server, &[], script), "OK\nQUEUED\nQUEUED\n1-1\n1\n1");
}

#[test]
fn mass_insertion() {
    let server = super::start();
    let many: Vec<u8> =
        (0..10_000).flat_map(|n| encode(&["XADD", "mass", "*", "n", &format!("{n}")])).collect();
    let printed = cli(&server, &["--pipe"], &many);
    assert!(printed.ends_with("errors: 0, replies: 10000"), "{printed}");
    check(&server, "XLEN mass", "10000");
}

#[test]
fn key_scans() {
    let server = super::start();
    let script: String = (0..200).map(|n| format!("XADD scan:{n} 1-1 a b\n")).collect();
    assert_eq!(cli(&server, &[], script.as_bytes()), vec!["1-1"; 200].join("\n"));
    let keys = cli(&server, &["--scan", "--pattern", "scan:*"], b"");
    assert_eq!(keys.lines().count(), 200, "{keys}");
}

/// Runs until it has printed so many lines, then ends it: some of the tool's reports go on for ever.
fn first_lines(server: &Server, arguments: &[&str], count: usize) -> Vec<String> {
    let mut child = Command::new(require_tool("timeout"))
        .arg(super::CLIENT_TIMEOUT)
        // Otherwise what goes to a pipe comes in large pieces.
        .args([require_tool("stdbuf").as_os_str(), "-oL".as_ref()])
        .arg(require_tool("redis-cli"))
        .args(["-p", &server.port().to_string()])
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .expect("redis-cli runs");
    let output = BufReader::new(child.stdout.take().expect("a pipe"));
    let lines = output.lines().take(count).map(|line| line.expect("text")).collect();
    child.kill().expect("it can be ended");
    child.wait().expect("it ends");
    lines
}

#[test]
fn reports_about_the_server_and_its_keys() {
    let server = super::start();
    let mut client = server.connect();
    for line in ["XADD big 1-1 a b", "XADD big 2-1 a b", "XADD small 1-1 a b", "SET s abc"] {
        client.words(line);
    }
    client.words("HSET h a 1 b 2 c 3");
    let lines = first_lines(&server, &["--stat", "-i", "0.01"], 4);
    let figures: Vec<_> = lines[3].split_whitespace().collect();
    assert_eq!((figures[0], figures[2], figures[3]), ("4", "2", "0"), "{lines:?}");
    assert!(figures[1].ends_with('M'), "{lines:?}");
    let report = cli(&server, &["--bigkeys"], b"");
    for expected in [
        "Sampled 4 keys in the keyspace!",
        "Biggest stream found '\"big\"' has 2 entries",
        "Biggest   hash found '\"h\"' has 3 fields",
        "Biggest string found '\"s\"' has 3 bytes",
        "2 streams with 3 entries",
    ] {
        let has = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let wanted = has(expected);
        assert!(report.lines().any(|line| has(line).contains(&wanted)), "{expected}:\n{report}");
    }
    let report = cli(&server, &["--memkeys"], b"");
    assert!(report.contains("Biggest stream found '\"big\"' has "), "{report}");
}

#[test]
fn latencies_are_measured() {
    let server = super::start();
    let figures = cli(&server, &["--latency", "--raw"], b"");
    assert_eq!(figures.split_whitespace().count(), 4, "min, max, mean, samples: {figures}");
    // It begins again for ever, and writes over its line.
    let lines = first_lines(&server, &["--latency-history", "-i", "0.1", "--no-raw"], 1);
    assert!(lines[0].contains("min: ") && lines[0].contains(" samples)"), "{lines:?}");
}

#[test]
fn forms_of_replies() {
    let server = super::start();
    check(&server, "XADD s 1-1 a b", "1-1");
    check(&server, "--csv XRANGE s - +", r#""1-1","a","b""#);
    check(&server, "-3 --json XREAD STREAMS s 0", r#"{"s":[["1-1",["a","b"]]]}"#);
    check(&server, "--no-raw XLEN s", "(integer) 1");
    check(&server, "-3 --no-raw HGETALL nosuch", "(empty hash)");
    check(&server, "-x SET piped", "OK");
    let info = cli(&server, &["INFO", "server"], b"");
    assert!(info.starts_with("# Server\n") || info.starts_with("# Server\r\n"), "{info}");
    check(&server, "-3 --json COMMAND COUNT", &cli(&server, &["COMMAND", "COUNT"], b""));
    let docs = cli(&server, &["-3", "--json", "COMMAND", "DOCS", "xadd"], b"");
    for expected in [r#""token":"NOMKSTREAM""#, r#""name":"field_value""#, r#""group":"stream""#] {
        assert!(docs.contains(expected), "{expected} is missing in {docs}");
    }
}

#[test]
fn what_replicas_do_is_refused_clearly() {
    let server = super::start();
    let dir = support::temp_dir();
    let file = dir.path().join("dump.rdb").display().to_string();
    for arguments in [&["--rdb", file.as_str()][..], &["--replica"]] {
        let output = Command::new(require_tool("redis-cli"))
            .args(["-p", &server.port().to_string()])
            .args(arguments)
            .output()
            .expect("redis-cli runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("use 'headwater backup'"), "{said}");
    }
}

#[test]
fn redis_benchmark_runs_its_tests() {
    let server = super::start();
    let tests = "ping_inline,ping_mbulk,set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,\
                 zpopmin,lrange,mset";
    let output = Command::new(require_tool("timeout"))
        .arg(super::CLIENT_TIMEOUT)
        .arg(require_tool("redis-benchmark"))
        .args(["-p", &server.port().to_string()])
        .args(["-n", "200", "-c", "20", "-P", "4", "--csv", "-t", tests])
        .output()
        .expect("redis-benchmark runs");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    // One line for each, four for LRANGE, which first fills its list, and a heading.
    assert!(20 <= printed.lines().count(), "{printed}");
    assert!(!printed.contains("error"), "{printed}");
}
