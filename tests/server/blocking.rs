//! Blocking reads: the specification's section 9, and its acceptance vectors.

use super::{block, connect, ids, start, until_blocked};

#[test]
fn the_first_reader_of_a_group_takes_all_that_one_transaction_added() {
    let server = start();
    let [mut writer, mut first, mut second] = [(); 3].map(|()| connect(&server));
    writer.words("XGROUP CREATE k g $ MKSTREAM");
    block(&mut first, &mut writer, "XREADGROUP GROUP g a BLOCK 0 STREAMS k >", 1);
    block(&mut second, &mut writer, "XREADGROUP GROUP g b BLOCK 0 STREAMS k >", 2);
    for line in ["MULTI", "XADD k 1-1 f v", "XADD k 1-2 f v", "EXEC"] {
        writer.words(line);
    }
    assert_eq!(ids(first.receive().expect("served")), ["1-1", "1-2"]);
    until_blocked(&mut writer, 1);
    writer.words("XADD k 1-3 f v");
    assert_eq!(ids(second.receive().expect("served")), ["1-3"]);
}

#[test]
fn readers_of_a_group_are_served_in_the_order_of_their_arrival() {
    let server = start();
    let mut writer = connect(&server);
    writer.words("XGROUP CREATE k g $ MKSTREAM");
    let mut readers: Vec<_> = (0..5).map(|_| connect(&server)).collect();
    for (at, reader) in readers.iter_mut().enumerate() {
        let line = format!("XREADGROUP GROUP g c{at} COUNT 1 BLOCK 0 STREAMS k >");
        block(reader, &mut writer, &line, at + 1);
    }
    for at in 0..5 {
        writer.words(&format!("XADD k 1-{} f v", at + 1));
    }
    for (at, reader) in readers.iter_mut().enumerate() {
        assert_eq!(ids(reader.receive().expect("served")), [format!("1-{}", at + 1)]);
    }
}

#[test]
fn every_plain_reader_gets_the_entry() {
    let server = start();
    let [mut writer, mut first, mut second] = [(); 3].map(|()| connect(&server));
    block(&mut first, &mut writer, "XREAD BLOCK 0 STREAMS k $", 1);
    block(&mut second, &mut writer, "XREAD BLOCK 0 STREAMS other k $ $", 2);
    writer.words("XADD k 1-1 f v");
    assert_eq!(ids(first.receive().expect("served")), ["1-1"]);
    assert_eq!(ids(second.receive().expect("served")), ["1-1"]);
}

#[test]
fn nobody_is_served_from_the_middle_of_a_transaction() {
    let server = start();
    let [mut writer, mut plain, mut grouped] = [(); 3].map(|()| connect(&server));
    writer.words("XGROUP CREATE k g $ MKSTREAM");
    block(&mut plain, &mut writer, "XREAD BLOCK 0 STREAMS k $", 1);
    block(&mut grouped, &mut writer, "XREADGROUP GROUP g a BLOCK 0 STREAMS k >", 2);
    for line in ["MULTI", "XADD k 1-1 f v", "DEL k", "EXEC"] {
        writer.words(line);
    }
    let lost = grouped.receive().expect("answered");
    assert!(
        lost.is_error(
            "NOGROUP No such key 'k' or consumer group 'g' in XREADGROUP with GROUP option"
        ),
        "{lost:?}"
    );
    until_blocked(&mut writer, 1);
    writer.words("XADD k 1-2 f v");
    assert_eq!(ids(plain.receive().expect("served")), ["1-2"]);
}

#[test]
fn losing_the_group_or_the_type_wakes_with_an_error() {
    let check = |lines: &[&str], expected: &str| {
        let server = start();
        let [mut writer, mut reader] = [(); 2].map(|()| connect(&server));
        writer.words("XGROUP CREATE k g $ MKSTREAM");
        block(&mut reader, &mut writer, "XREADGROUP GROUP g a BLOCK 0 STREAMS k >", 1);
        for line in lines {
            writer.words(line);
        }
        let answer = reader.receive().expect("answered");
        assert!(answer.is_error(expected), "{lines:?} gave {answer:?}");
    };
    check(&["XGROUP DESTROY k g"], "NOGROUP ");
    check(&["DEL k"], "NOGROUP ");
    check(&["FLUSHALL"], "NOGROUP ");
    check(&["SET k v"], "WRONGTYPE ");
    check(&["SET other v", "RENAME other k"], "WRONGTYPE ");
    check(&["PEXPIRE k 1"], "NOGROUP ");
}

#[test]
fn a_wait_ends_by_time_by_client_unblock_and_by_disconnecting() {
    let server = start();
    let [mut writer, mut reader] = [(); 2].map(|()| connect(&server));
    let id = reader.words("CLIENT ID").int();
    assert_eq!(ids(reader.words("XREAD BLOCK 5 STREAMS k $")), Vec::<String>::new());
    block(&mut reader, &mut writer, "XREAD BLOCK 0 STREAMS k $", 1);
    assert_eq!(writer.words(&format!("CLIENT UNBLOCK {id}")).int(), 1);
    assert_eq!(ids(reader.receive().expect("answered")), Vec::<String>::new());
    block(&mut reader, &mut writer, "XREAD BLOCK 0 STREAMS k $", 1);
    assert_eq!(writer.words(&format!("CLIENT UNBLOCK {id} ERROR")).int(), 1);
    assert!(reader.receive().expect("answered").is_error("UNBLOCKED client unblocked via"));
    assert_eq!(writer.words(&format!("CLIENT UNBLOCK {id}")).int(), 0);
    block(&mut reader, &mut writer, "XREAD BLOCK 0 STREAMS k $", 1);
    drop(reader);
    until_blocked(&mut writer, 0);
}

#[test]
fn commands_behind_a_blocking_one_wait_for_it() {
    let server = start();
    let [mut writer, mut reader] = [(); 2].map(|()| connect(&server));
    reader.send(b"XREAD BLOCK 0 STREAMS k $\r\nPING behind\r\n").expect("open");
    until_blocked(&mut writer, 1);
    writer.words("XADD k 1-1 f v");
    assert_eq!(ids(reader.receive().expect("served")), ["1-1"]);
    assert_eq!(reader.receive().expect("answered").text(), "behind");
}

#[test]
fn many_idle_readers_of_one_group_are_served_one_by_one() {
    let server = start();
    let mut writer = connect(&server);
    writer.words("XGROUP CREATE k g $ MKSTREAM");
    let mut readers: Vec<_> = (0..200).map(|_| connect(&server)).collect();
    for (at, reader) in readers.iter_mut().enumerate() {
        let line = format!("XREADGROUP GROUP g c{at} COUNT 1 BLOCK 0 STREAMS k >");
        reader.send_command(&line.split(' ').collect::<Vec<_>>()).expect("open");
    }
    until_blocked(&mut writer, readers.len());
    let adds: String = (1..=readers.len()).map(|at| format!("XADD k 1-{at} f v\r\n")).collect();
    writer.send(adds.as_bytes()).expect("open");
    let mut served: Vec<String> =
        readers.iter_mut().flat_map(|reader| ids(reader.receive().expect("served"))).collect();
    served.sort();
    served.dedup();
    assert_eq!(served.len(), 200, "every reader got an entry of its own");
}
