//! The acceptance vectors of the stream commands, over the wire and in both protocols. Each is a list
//! of lines; what stands behind ` => ` is the reply, an OK or an ID is not shown.

use support::{Client, Launch, Value};

use super::{block, connect, start, until_blocked};

/// A reply as one word: `[..]` for arrays, `{..}` for maps, `nil` for a null of any kind.
fn word(value: &Value) -> String {
    let list = |items: &[Value]| items.iter().map(word).collect::<Vec<_>>().join(" ");
    match value {
        Value::Null => "nil".into(),
        Value::Int(number) => number.to_string(),
        Value::Array(items) => format!("[{}]", list(items)),
        Value::Map(pairs) => {
            let pairs = pairs.iter().map(|(key, value)| format!("{}={}", word(key), word(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(" "))
        }
        Value::Bulk(bytes) if bytes.is_empty() => "''".into(),
        other => other.text(),
    }
}

/// Runs lines on empty databases, with blocks of so many entries. `N *` before a line repeats it with
/// `#` as the number of the turn.
fn check(client: &mut Client, block_entries_max: u64, lines: &str) {
    client.words("FLUSHALL");
    client.words(&format!("CONFIG SET stream-node-max-entries {block_entries_max}"));
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (request, expected) = match line.split_once(" => ") {
            Some((request, expected)) => (request, Some(expected)),
            None => (line, None),
        };
        let (times, request) = match request.split_once(" * ") {
            Some((times, rest)) if times.bytes().all(|byte| byte.is_ascii_digit()) => {
                (times.parse().expect("a number"), rest)
            }
            _ => (1, request),
        };
        for turn in 1..=times {
            let request = request.replace('#', &turn.to_string());
            let reply = client.words(&request);
            match expected {
                Some(expected) => assert_eq!(word(&reply), expected, "{request}"),
                None => assert!(!matches!(reply, Value::Error(_)), "{request}: {reply:?}"),
            }
        }
    }
}

/// Runs the lines in RESP2 and in RESP3.
fn both(block_entries_max: u64, lines: &str) {
    let server = start();
    for protocol in ["2", "3"] {
        let mut client = connect(&server);
        client.words(&format!("HELLO {protocol}"));
        check(&mut client, block_entries_max, lines);
    }
}

#[test]
fn trimming() {
    both(100, "1000 * XADD s MAXLEN ~ 555 * f v\n XLEN s => 600");
    both(
        100,
        "1000 * XADD s * f v
         XTRIM s MAXLEN 666 => 334
         XTRIM s MAXLEN = 555 => 111
         XTRIM s MAXLEN ~ 444 => 55
         XLEN s => 500
         XTRIM s MAXLEN ~ 400 => 100
         XLEN s => 400",
    );
    both(
        10,
        "100 * XADD s #-0 f v
         XADD s MAXLEN ~ 55 LIMIT 30 * f v
         XLEN s => 71
         XADD s MAXLEN ~ 55 LIMIT 30 * f v
         XLEN s => 62",
    );
    both(10, "100 * XADD s #-0 f v\n XADD s MINID ~ 55 LIMIT 30 * f v\n XLEN s => 71");
    both(10, "100 * XADD s #-0 f v\n XTRIM s MAXLEN ~ 85 => 10\n XLEN s => 90");
    both(1, "102 * XADD s #-0 f v\n XTRIM s MAXLEN ~ 1 => 100\n XLEN s => 2");
    both(1, "102 * XADD s #-0 f v\n XTRIM s MAXLEN 1 => 101\n XLEN s => 1");
    both(
        2,
        "3 * XADD s #-0 f v\n XTRIM s MAXLEN ~ 0 LIMIT 1 => 0\n XTRIM s MAXLEN ~ 0 LIMIT 2 => 2",
    );
    both(
        2,
        "4 * XADD s #-0 f v
         XGROUP CREATE s g 0
         XREADGROUP GROUP g c STREAMS s >
         XTRIM s MINID ~ 5-0 DELREF => 4
         XLEN s => 0
         XPENDING s g => [0 nil nil nil]",
    );
    both(
        2,
        "5 * XADD s #-0 f v
         XGROUP CREATE s g 0
         XREADGROUP GROUP g c STREAMS s >
         XACK s g 1-0 2-0 4-0 => 3
         XTRIM s MINID ~ 6-0 ACKED => 3
         XRANGE s - + => [[3-0 [f v]] [5-0 [f v]]]",
    );
}

#[test]
fn the_length_after_an_approximate_trim_survives_a_restart_with_smaller_nodes() {
    let launch = Launch::new(env!("CARGO_BIN_EXE_headwater"));
    let server = launch.start();
    let mut client = connect(&server);
    check(&mut client, 10, "95 * XADD s #-0 f v\n XTRIM s MAXLEN ~ 42 => 50\n XLEN s => 45");
    assert!(server.terminate().success());
    let server = launch.args(["--stream-node-max-entries", "1"]).start();
    let mut client = connect(&server);
    client.words("XADD s 100-0 f v");
    assert_eq!(client.words("XLEN s").int(), 46);
}

#[test]
fn ids() {
    both(
        100,
        "XADD s 1-18446744073709551615 f v
         XADD s 1-* f v => ERR The ID specified in XADD is equal or smaller than the target stream top item
         XADD k MAXLEN 0 7-* a b => 7-0
         XLEN k => 0
         XADD t 1-0 f v
         XADD t 2-0 f v
         XADD t 3-0 f v
         XDEL t 2-0 => 1
         XDEL t 1-0 => 1",
    );
    let server = start();
    let mut client = connect(&server);
    let info =
        |client: &mut Client, field: &str| word(&client.words("XINFO STREAM s").field(field));
    check(&mut client, 100, "XADD s MAXLEN 0 * a b");
    assert_eq!(info(&mut client, "entries-added"), "1");
    check(&mut client, 100, "3 * XADD s #-0 f v\n XDEL s 2-0");
    assert_eq!(info(&mut client, "max-deleted-entry-id"), "2-0");
    check(&mut client, 100, "3 * XADD s #-0 f v\n XDEL s 2-0\n XDEL s 1-0");
    assert_eq!(info(&mut client, "max-deleted-entry-id"), "2-0");
    assert_eq!(info(&mut client, "recorded-first-entry-id"), "3-0");
    let first = |client: &mut Client, line: &str| {
        client.words(line);
        let first = word(&client.words("XINFO STREAM s").field("recorded-first-entry-id"));
        let deleted = word(&client.words("XINFO STREAM s").field("max-deleted-entry-id"));
        format!("{first} {deleted}")
    };
    check(&mut client, 100, "5 * XADD s #-0 f v");
    assert_eq!(first(&mut client, "XDEL s 2-0"), "1-0 2-0");
    assert_eq!(first(&mut client, "XDEL s 1-0"), "3-0 2-0");
    assert_eq!(first(&mut client, "XTRIM s MAXLEN 2"), "4-0 2-0");
}

const READ: &str = "3 * XADD s #-0 f v
    XGROUP CREATE s g 0
    XREADGROUP GROUP g Alice STREAMS s >";

#[test]
fn deleted_entries_in_groups() {
    let server = start();
    let mut client = connect(&server);
    let mut after = |lines: &str| check(&mut client, 100, &format!("{READ}\n{lines}"));
    after(
        "XDEL s 2-0
         XREADGROUP GROUP g Alice STREAMS s 0 => [[s [[1-0 [f v]] [2-0 nil] [3-0 [f v]]]]]",
    );
    after(
        "XDEL s 2-0
         XCLAIM s g Bob 0 1-0 2-0 3-0 => [[1-0 [f v]] [3-0 [f v]]]
         XPENDING s g - + 9 Alice => []",
    );
    after(
        "XDEL s 1-0 2-0
         XAUTOCLAIM s g Bob 0 0-0 COUNT 1 => [2-0 [] [1-0]]
         XAUTOCLAIM s g Bob 0 2-0 COUNT 1 => [3-0 [] [2-0]]
         XAUTOCLAIM s g Bob 0 3-0 COUNT 1 => [0-0 [[3-0 [f v]]] []]",
    );
    after("XTRIM s MAXLEN 1\n XAUTOCLAIM s g Bob 0 0-0 => [0-0 [[3-0 [f v]]] [1-0 2-0]]");
    client.words("HELLO 3");
    let history = "XDEL s 2-0
        XREADGROUP GROUP g Alice STREAMS s 0 => {s=[[1-0 [f v]] [2-0 nil] [3-0 [f v]]]}";
    check(&mut client, 100, &format!("{READ}\n{history}"));
}

const TWO: &str = "2 * XADD s #-0 f v
    XGROUP CREATE s g1 0
    XGROUP CREATE s g2 0
    XREADGROUP GROUP g1 c STREAMS s >
    XREADGROUP GROUP g2 c STREAMS s >";

#[test]
fn xackdel_and_xdelex() {
    let two = |lines: &str| both(100, &format!("{TWO}\n{lines}"));
    two("XACKDEL s g1 ACKED IDS 2 1-0 2-0 => [2 2]
         XLEN s => 2
         XACKDEL s g2 ACKED IDS 2 1-0 2-0 => [1 1]
         XLEN s => 0");
    two("XACKDEL s g1 KEEPREF IDS 2 1-0 2-0 => [1 1]
         XLEN s => 0
         XPENDING s g2 => [2 1-0 2-0 [[c 2]]]
         XACKDEL s g2 KEEPREF IDS 2 1-0 2-0 => [1 1]");
    two("XACKDEL s g1 DELREF IDS 2 1-0 2-0 => [1 1]
         XACKDEL s g2 DELREF IDS 2 1-0 2-0 => [-1 -1]");
    two("XACK s g1 1-0 2-0
         XACK s g2 1-0 2-0
         XGROUP CREATE s g3 0
         XDELEX s ACKED IDS 2 1-0 2-0 => [2 2]");
    both(
        100,
        "3 * XADD s #-0 f v
         XGROUP CREATE s g1 1-0
         XGROUP CREATE s g2 3-0
         XDELEX s ACKED IDS 1 1-0 => [1]
         XDELEX s ACKED IDS 1 2-0 => [2]
         XGROUP DESTROY s g1 => 1
         XDELEX s ACKED IDS 1 2-0 => [1]",
    );
}

#[test]
fn counters_and_lag() {
    let server = start();
    for protocol in ["2", "3"] {
        let mut client = connect(&server);
        client.words(&format!("HELLO {protocol}"));
        let lag = |client: &mut Client| {
            let group = client.words("XINFO GROUPS s").array().remove(0);
            format!("{} {}", word(&group.field("entries-read")), word(&group.field("lag")))
        };
        check(&mut client, 100, "XADD s 1-0 f v\n XGROUP CREATE s g $ ENTRIESREAD 9999");
        assert_eq!(lag(&mut client), "1 0");
        check(&mut client, 100, "5 * XADD s #-0 f v\n XGROUP CREATE s g 0");
        assert_eq!(lag(&mut client), "nil 5");
        client.words("XREADGROUP GROUP g c STREAMS s >");
        assert_eq!(lag(&mut client), "5 0");
        check(
            &mut client,
            100,
            "5 * XADD s #-0 f v
             XGROUP CREATE s g 0
             XREADGROUP GROUP g c COUNT 1 STREAMS s >
             XDEL s 3-0",
        );
        assert_eq!(lag(&mut client), "1 nil");
        client.words("XREADGROUP GROUP g c COUNT 1 STREAMS s >");
        assert_eq!(lag(&mut client).split(' ').nth(1), Some("nil"));
        client.words("XREADGROUP GROUP g c STREAMS s >");
        assert_eq!(lag(&mut client), "5 0");
        check(&mut client, 100, "5 * XADD s #-0 f v\n XGROUP CREATE s g 0\n XTRIM s MAXLEN 2");
        assert_eq!(lag(&mut client), "nil 2");
        client.words("XTRIM s MAXLEN 0");
        assert_eq!(lag(&mut client), "nil 0");
        check(
            &mut client,
            100,
            "XADD s 1-0 f v
             XGROUP CREATE s g $
             XADD s 2-0 f v
             XADD s 3-0 f v
             XREADGROUP GROUP g c STREAMS s >",
        );
        assert_eq!(lag(&mut client), "3 0");
    }
}

#[test]
fn idempotent_produce() {
    let server = start();
    let mut client = connect(&server);
    let counts = |client: &mut Client| {
        let info = client.words("XINFO STREAM s");
        let fields = ["pids-tracked", "iids-tracked", "iids-added", "iids-duplicates"];
        fields.map(|field| info.field(field).int())
    };
    check(
        &mut client,
        100,
        "XADD s 1-0 f v
         XCFGSET s IDMP-MAXSIZE 3 => OK
         4 * XADD s IDMP p # * f v",
    );
    assert_eq!(counts(&mut client), [1, 3, 4, 0]);
    let again: Vec<i64> = ["2", "3", "4", "1"]
        .map(|iid| {
            client.words(&format!("XADD s IDMP p {iid} * f v"));
            client.words("XLEN s").int()
        })
        .into();
    assert_eq!(again, [5, 5, 5, 6], "2, 3 and 4 were known, 1 was not");
    assert_eq!(client.words("XCFGSET s IDMP-DURATION 100").text(), "OK");
    assert_eq!(counts(&mut client)[..2], [1, 3], "the values in force change nothing");
    assert_eq!(client.words("XCFGSET s IDMP-DURATION 200").text(), "OK");
    assert_eq!(counts(&mut client), [0, 0, 5, 3]);
    let id = word(&client.words("XADD s IDMPAUTO p * a 1 b 2"));
    assert_eq!(word(&client.words("XADD s IDMPAUTO p * b 2 a 1")), id);
    assert_ne!(word(&client.words("XADD s IDMPAUTO p * a 2 b 1")), id);
}

#[test]
fn two_streams_made_ready_by_one_transaction_are_answered_together() {
    let server = start();
    let [mut writer, mut reader] = [(); 2].map(|()| connect(&server));
    reader.words("HELLO 3");
    block(&mut reader, &mut writer, "XREAD BLOCK 0 STREAMS q1 q2 $ $", 1);
    for line in ["MULTI", "XADD q1 1-0 f v", "XADD q2 2-0 f v", "EXEC"] {
        writer.words(line);
    }
    let reply = reader.receive().expect("served");
    assert_eq!(word(&reply), "{q1=[[1-0 [f v]]] q2=[[2-0 [f v]]]}");
}

#[test]
fn a_stream_renamed_over_the_key_serves_or_refuses_readers_of_a_group() {
    let check = |lines: &[&str], expected: &str| {
        let server = start();
        let [mut writer, mut reader] = [(); 2].map(|()| connect(&server));
        writer.words("XGROUP CREATE k g $ MKSTREAM");
        block(&mut reader, &mut writer, "XREADGROUP GROUP g a BLOCK 0 STREAMS k >", 1);
        for line in lines {
            writer.words(line);
        }
        if expected == "waits" {
            until_blocked(&mut writer, 1);
            writer.words("XADD k 9-0 f v");
            assert_eq!(super::ids(reader.receive().expect("served")), ["9-0"]);
        } else {
            assert_eq!(word(&reader.receive().expect("answered")), expected, "{lines:?}");
        }
    };
    check(&["XADD new 1-0 f v", "XGROUP CREATE new g 0", "RENAME new k"], "[[k [[1-0 [f v]]]]]");
    check(&["XADD new 1-0 f v", "XGROUP CREATE new g $", "RENAME new k"], "waits");
    check(
        &["XADD new 1-0 f v", "RENAME new k"],
        "NOGROUP No such key 'k' or consumer group 'g' in XREADGROUP with GROUP option",
    );
    check(
        &["MULTI", "DEL k", "XADD k 1-0 f v", "XGROUP CREATE k g 0", "EXEC"],
        "[[k [[1-0 [f v]]]]]",
    );
}

/// Section 6: what is null, empty or a map in each protocol.
#[test]
fn forms_of_replies() {
    both(
        100,
        "XADD s NOMKSTREAM * f v => nil
         XRANGE s - + COUNT 0 => []
         XADD s 1-0 f v f w
         XRANGE s - + => [[1-0 [f v f w]]]
         XRANGE s - + COUNT 0 => nil
         XREAD STREAMS s 1-0 => nil
         XGROUP CREATE s g 0
         XPENDING s g => [0 nil nil nil]
         XREADGROUP GROUP g c STREAMS s >
         XREADGROUP GROUP g c STREAMS s > => nil
         XPENDING s g => [1 1-0 1-0 [[c 1]]]
         XCLAIM s g d 0 1-0 => [[1-0 [f v f w]]]
         XCLAIM s g d 0 1-0 JUSTID => [1-0]
         XACKDEL s g KEEPREF IDS 2 1-0 9-0 => [1 -1]
         XDELEX s IDS 1 1-0 => [-1]
         XDELEX none IDS 1 x => [-1]",
    );
    let server = start();
    let mut client = connect(&server);
    check(
        &mut client,
        100,
        "XADD s 1-0 f v\n XREAD STREAMS s s 0 0 => [[s [[1-0 [f v]]]] [s [[1-0 [f v]]]]]",
    );
    client.words("HELLO 3");
    check(
        &mut client,
        100,
        "XADD s 1-0 f v\n XREAD STREAMS s s 0 0 => {s=[[1-0 [f v]]] s=[[1-0 [f v]]]}",
    );
    let pending = client.words("XPENDING s g");
    assert!(pending.is_error("NOGROUP No such key 's' or consumer group 'g'"));
    check(
        &mut client,
        100,
        "XADD s 1-0 f v\n XGROUP CREATE s g 0\n XREADGROUP GROUP g c STREAMS s >",
    );
    let row = client.words("XPENDING s g").array().remove(3).array().remove(0).array();
    assert_eq!(row[1], Value::bulk("1"), "the count of a consumer is text in both protocols");
    let names = |value: &Value| match value {
        Value::Map(pairs) => {
            pairs.iter().map(|(name, _)| name.text()).collect::<Vec<_>>().join(" ")
        }
        other => panic!("no map: {other:?}"),
    };
    let numbers = "length radix-tree-keys radix-tree-nodes last-generated-id max-deleted-entry-id \
        entries-added recorded-first-entry-id idmp-duration idmp-maxsize pids-tracked iids-tracked \
        iids-added iids-duplicates";
    let short = client.words("XINFO STREAM s");
    assert_eq!(names(&short), format!("{numbers} groups first-entry last-entry"));
    let full = client.words("XINFO STREAM s FULL");
    assert_eq!(names(&full), format!("{numbers} entries groups"));
    let group = full.field("groups").array().remove(0);
    assert_eq!(
        names(&group),
        "name last-delivered-id entries-read lag pel-count nacked-count pending consumers"
    );
    let consumer = group.field("consumers").array().remove(0);
    assert_eq!(names(&consumer), "name seen-time active-time pel-count pending");
    let group = client.words("XINFO GROUPS s").array().remove(0);
    assert_eq!(names(&group), "name consumers pending last-delivered-id entries-read lag");
    let consumer = client.words("XINFO CONSUMERS s g").array().remove(0);
    assert_eq!(names(&consumer), "name pending idle inactive");
}
