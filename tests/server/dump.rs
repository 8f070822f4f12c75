//! DUMP, RESTORE and LCS from outside: over a restart, and in a transaction.

use support::{Launch, Value};

use super::{block, connect, start};

fn payload(value: Value) -> Vec<u8> {
    match value {
        Value::Bulk(bytes) => bytes,
        other => panic!("no payload: {other:?}"),
    }
}

#[test]
fn a_restored_stream_survives_a_kill() {
    let launch = Launch::new(env!("CARGO_BIN_EXE_headwater"));
    let server = launch.start();
    let mut client = connect(&server);
    for id in 1..=250 {
        client.words(&format!("XADD s {id}-0 f value-{id}"));
    }
    for line in [
        "SAVE",
        "XGROUP CREATE s g 0",
        "XREADGROUP GROUP g ann COUNT 20 STREAMS s >",
        "XNACK s g FAIL IDS 2 7-0 3-0",
        "XDEL s 1-0 249-0",
    ] {
        client.words(line);
    }
    let dumped = payload(client.words("DUMP s"));
    let restore = [&b"RESTORE"[..], b"copy", b"0", &dumped];
    assert_eq!(client.command(&restore), Value::simple("OK"));
    assert!(client.command(&restore).is_error("BUSYKEY "));
    let seen = |client: &mut support::Client, key: &str| {
        let range = client.words(&format!("XRANGE {key} - +"));
        let pending = client.words(&format!("XPENDING {key} g"));
        (range, pending)
    };
    let before = seen(&mut client, "s");
    server.kill();
    let server = launch.start();
    let mut client = connect(&server);
    assert_eq!(seen(&mut client, "copy"), before);
    assert_eq!(payload(client.words("DUMP copy")), dumped);
    client.words("SAVE");
    assert_eq!(seen(&mut client, "copy"), before);
}

#[test]
fn a_restore_wakes_those_who_wait_and_counts_in_a_transaction() {
    let server = start();
    let [mut writer, mut reader] = [(); 2].map(|()| connect(&server));
    writer.words("SET text v");
    let text = payload(writer.words("DUMP text"));
    writer.words("XGROUP CREATE s g 0 MKSTREAM");
    block(&mut reader, &mut writer, "XREADGROUP GROUP g ann BLOCK 0 STREAMS s >", 1);
    writer.words("MULTI");
    writer.command(&[&b"RESTORE"[..], b"s", b"100000", &text, b"REPLACE", b"IDLETIME", b"50"]);
    writer.words("OBJECT IDLETIME s");
    writer.words("LCS s text IDX");
    let replies = writer.words("EXEC").array();
    assert_eq!(replies[0], Value::simple("OK"));
    assert_eq!(replies[1].int(), 50);
    assert_eq!(replies[2].field("len").int(), 1);
    assert!(reader.receive().expect("answered").is_error("WRONGTYPE "));
    writer.words("HELLO 3");
    let Value::Map(pairs) = writer.words("LCS s text IDX WITHMATCHLEN") else { panic!("a map") };
    assert_eq!(pairs[0].0.text(), "matches");
    assert_eq!(writer.words("DUMP none"), Value::Null);
}
