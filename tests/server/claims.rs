//! XNACK and XREADGROUP CLAIM from outside: both protocols, readers that wait for pending entries to
//! grow old, and what a restart keeps.

use std::time::{Duration, Instant};

use support::{Client, Launch, Value};

use super::{block, connect, ids, start, until_blocked};

/// Three entries of `s`, read by `ann`.
fn owing(client: &mut Client) {
    client.words("XGROUP CREATE s g 0 MKSTREAM");
    for id in ["1-0", "2-0", "3-0"] {
        client.words(&format!("XADD s {id} f v"));
    }
    client.words("XREADGROUP GROUP g ann STREAMS s >");
}

/// Of each entry its ID, and the two numbers behind its fields.
fn claimed(reply: Value) -> Vec<(String, i64, i64)> {
    let stream = reply.array().into_iter().next().expect("a stream");
    let entries = match stream {
        Value::Array(stream) => stream.into_iter().nth(1).expect("its entries").array(),
        other => panic!("no stream: {other:?}"),
    };
    let entry = |entry: Value| {
        let parts = entry.array();
        assert_eq!(parts.len(), 4, "{parts:?}");
        (parts[0].text(), parts[2].int(), parts[3].int())
    };
    entries.into_iter().map(entry).collect()
}

fn pending(client: &mut Client) -> Vec<(String, String, i64, i64)> {
    let rows = client.words("XPENDING s g - + 100").array().into_iter().map(Value::array);
    rows.map(|row| (row[0].text(), row[1].text(), row[2].int(), row[3].int())).collect()
}

fn raw(client: &mut Client, line: &str, expected: &str) {
    let value = client.words(line);
    let (expected, _) = support::parse(expected.as_bytes()).expect("a whole reply");
    assert_eq!(value, expected, "{line}");
}

#[test]
fn replies_in_both_protocols() {
    let server = start();
    let mut client = connect(&server);
    owing(&mut client);
    raw(&mut client, "XNACK s g FAIL IDS 2 2-0 1-0", ":2\r\n");
    raw(
        &mut client,
        "XREADGROUP GROUP g bob COUNT 1 CLAIM 100000 STREAMS s >",
        "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*4\r\n$3\r\n2-0\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n:-1\r\n:1\r\n",
    );
    client.words("XADD s 4-0 f v");
    client.words("HELLO 3");
    raw(
        &mut client,
        "XREADGROUP GROUP g bob CLAIM 100000 STREAMS s >",
        "%1\r\n$1\r\ns\r\n*2\r\n*4\r\n$3\r\n1-0\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n:-1\r\n:1\r\n\
         *4\r\n$3\r\n4-0\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n:0\r\n:0\r\n",
    );
    raw(&mut client, "XREADGROUP GROUP g bob CLAIM 100000 STREAMS s >", "_\r\n");
    raw(&mut client, "XNACK s g SILENT IDS 1 4-0", ":1\r\n");
    raw(&mut client, "XPENDING s g 4-0 4-0 1", "*1\r\n*4\r\n$3\r\n4-0\r\n$0\r\n\r\n:-1\r\n:0\r\n");
    let group = client.words("XINFO STREAM s FULL").field("groups").array().remove(0);
    assert_eq!(group.field("nacked-count").int(), 1);
    assert_eq!(group.field("pel-count").int(), 4);
    let names: Vec<String> = group.array().iter().step_by(2).map(Value::text).collect();
    assert_eq!(
        names.join(" "),
        "name last-delivered-id entries-read lag pel-count nacked-count pending consumers"
    );
}

#[test]
fn a_release_survives_a_kill_in_its_order() {
    let launch = Launch::new(env!("CARGO_BIN_EXE_headwater"));
    let server = launch.start();
    let mut client = connect(&server);
    owing(&mut client);
    for line in ["XNACK s g FATAL IDS 1 3-0", "XNACK s g FAIL IDS 2 2-0 1-0 RETRYCOUNT 7"] {
        client.words(line);
    }
    // What a snapshot holds, and what the log does behind it.
    client.words("SAVE");
    client.words("XNACK s g SILENT IDS 1 2-0");
    server.kill();
    let server = launch.start();
    let mut client = connect(&server);
    let fatal = i64::MAX;
    let rows = [("1-0", 7), ("2-0", 6), ("3-0", fatal)];
    let rows = rows.map(|(id, count)| (id.to_owned(), String::new(), -1, count));
    assert_eq!(pending(&mut client), rows);
    let order = claimed(client.words("XREADGROUP GROUP g bob CLAIM 0 STREAMS s >"));
    let expected = [("3-0", fatal), ("1-0", 7), ("2-0", 6)];
    assert_eq!(order, expected.map(|(id, count)| (id.to_owned(), -1, count)));
}

#[test]
fn a_release_wakes_a_reader_that_claims_and_no_other() {
    let server = start();
    let [mut writer, mut plain, mut claiming] = [(); 3].map(|()| connect(&server));
    owing(&mut writer);
    block(&mut plain, &mut writer, "XREADGROUP GROUP g bob BLOCK 0 STREAMS s >", 1);
    let line = "XREADGROUP GROUP g carl BLOCK 0 CLAIM 10000000 STREAMS s >";
    block(&mut claiming, &mut writer, line, 2);
    writer.words("XNACK s g FAIL IDS 1 2-0");
    assert_eq!(claimed(claiming.receive().expect("served")), [("2-0".to_owned(), -1, 1)]);
    until_blocked(&mut writer, 1);
    writer.words("XADD s 4-0 f v");
    assert_eq!(ids(plain.receive().expect("served")), ["4-0"]);
}

#[test]
fn a_waiting_reader_gets_an_entry_when_it_is_old_enough() {
    let server = start();
    let [mut writer, mut reader] = [(); 2].map(|()| connect(&server));
    owing(&mut writer);
    let began = Instant::now();
    let line = "XREADGROUP GROUP g bob COUNT 2 BLOCK 0 CLAIM 400 STREAMS s >";
    block(&mut reader, &mut writer, line, 1);
    let entries = claimed(reader.receive().expect("served"));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(entries.len(), 2);
    for (_, idle, count) in entries {
        assert!((400..5000).contains(&idle), "{idle}");
        assert_eq!(count, 1);
    }
}

#[test]
fn what_others_read_while_it_waits_grows_old_for_it() {
    let server = start();
    let [mut writer, mut reader] = [(); 2].map(|()| connect(&server));
    writer.words("XGROUP CREATE s g 0 MKSTREAM");
    block(&mut reader, &mut writer, "XREADGROUP GROUP g bob BLOCK 0 CLAIM 100 STREAMS s >", 1);
    // Nobody waits for it between the two: the reader would be served first otherwise.
    for line in ["MULTI", "XADD s 1-0 f v", "XREADGROUP GROUP g ann STREAMS s >", "EXEC"] {
        writer.words(line);
    }
    let entries = claimed(reader.receive().expect("served"));
    assert!(100 <= entries[0].1, "{entries:?}");
    // A shorter wait behind a longer one has its own time; so does an entry made older by hand.
    let mut other = connect(&server);
    block(&mut reader, &mut writer, "XREADGROUP GROUP g x BLOCK 0 CLAIM 900000 STREAMS s >", 1);
    block(&mut other, &mut writer, "XREADGROUP GROUP g y BLOCK 0 CLAIM 50 STREAMS s >", 2);
    assert!(50 <= claimed(other.receive().expect("served"))[0].1);
    until_blocked(&mut writer, 1);
    writer.words("XCLAIM s g ann 0 1-0 IDLE 950000 JUSTID");
    assert!(950_000 <= claimed(reader.receive().expect("served"))[0].1);
}

#[test]
fn one_entry_serves_one_of_many_and_the_timeout_holds() {
    let server = start();
    let mut writer = connect(&server);
    owing(&mut writer);
    writer.words("XACK s g 2-0 3-0");
    let mut readers: Vec<Client> = (0..20).map(|_| connect(&server)).collect();
    for (at, reader) in readers.iter_mut().enumerate() {
        let line = format!("XREADGROUP GROUP g c{at} BLOCK 1500 CLAIM 1000 STREAMS s >");
        reader.send_command(&line.split(' ').collect::<Vec<_>>()).expect("open");
    }
    let answers: Vec<Value> =
        readers.iter_mut().map(|it| it.receive().expect("answered")).collect();
    assert_eq!(answers.iter().filter(|answer| **answer != Value::Null).count(), 1);
    assert_eq!(pending(&mut writer)[0].3, 2);
}

#[test]
fn a_reader_that_waits_to_claim_loses_its_group_like_others() {
    let server = start();
    let [mut writer, mut reader] = [(); 2].map(|()| connect(&server));
    owing(&mut writer);
    block(&mut reader, &mut writer, "XREADGROUP GROUP g bob BLOCK 0 CLAIM 900000 STREAMS s >", 1);
    writer.words("XGROUP DESTROY s g");
    assert!(reader.receive().expect("answered").is_error("NOGROUP "));
    let line = "XREADGROUP GROUP g bob BLOCK 0 CLAIM 900000 STREAMS s >";
    assert!(reader.words(line).is_error("NOGROUP "));
}

#[test]
fn a_transaction_releases_and_claims_and_never_waits() {
    let server = start();
    let mut client = connect(&server);
    owing(&mut client);
    for line in [
        "MULTI",
        "XNACK s g FAIL IDS 1 2-0",
        "XREADGROUP GROUP g bob BLOCK 0 CLAIM 900000 STREAMS s >",
        "XREADGROUP GROUP g bob BLOCK 0 CLAIM 900000 STREAMS s >",
    ] {
        client.words(line);
    }
    let replies = client.words("EXEC").array();
    assert_eq!(replies[0].int(), 1);
    assert_eq!(claimed(replies[1].clone()), [("2-0".to_owned(), -1, 1)]);
    assert_eq!(replies[2], Value::Null);
}
