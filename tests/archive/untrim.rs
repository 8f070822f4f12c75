//! The way back from a mistaken XTRIM that `docs/operations.md` shows: its program is run.

use std::process::Command;

use support::{Client, Value, require_tool};

use crate::undo::{document, python};

/// What there is to lose of a stream.
fn state(client: &mut Client) -> Vec<Value> {
    let info = client.ok(&["XINFO", "STREAM", "orders"]);
    let fields = ["length", "last-generated-id", "entries-added", "max-deleted-entry-id"];
    let mut state: Vec<_> = fields.map(|field| info.field(field)).into();
    state.push(client.ok(&["XRANGE", "orders", "-", "+"]));
    state.push(client.ok(&["XINFO", "GROUPS", "orders"]));
    for group in ["billing", "audit"] {
        for entry in client.ok(&["XPENDING", "orders", group, "-", "+", "100"]).array() {
            let [id, consumer, _idle, count] = <[Value; 4]>::try_from(entry.array()).expect("four");
            state.extend([id, consumer, count]);
        }
        for consumer in client.ok(&["XINFO", "CONSUMERS", "orders", group]).array() {
            state.extend([consumer.field("name"), consumer.field("pending")]);
        }
    }
    state
}

#[test]
fn the_untrim_of_the_page_brings_entries_back_and_keeps_the_groups() {
    require_tool("redis-cli");
    let page = document();
    let (_, rest) = page.split_once("<!-- untrim: begin -->").expect("the mark");
    let (text, _) = rest.split_once("<!-- untrim: end -->").expect("the mark");
    let (_, rest) = text.split_once("\n```python\n").expect("the program");
    let (program, _) = rest.split_once("\n```").expect("its end");

    let home = support::temp_dir();
    let server = crate::launch().dir(home.path().join("data")).start();
    let mut client = server.connect();
    let add = |client: &mut Client, from: u32, to: u32| {
        for n in from..=to {
            let (id, item) = (format!("{n}-1"), format!("item {n}"));
            client.ok(&["XADD", "orders", &id, "item", &item, "item", "twice"]);
        }
    };
    add(&mut client, 1, 6);
    client.ok(&["XDEL", "orders", "2-1"]);
    client.words("XGROUP CREATE orders billing 0");
    client.words("XGROUP CREATE orders audit 0");
    client.words("XREADGROUP GROUP billing ann COUNT 3 STREAMS orders >");
    client.words("XREADGROUP GROUP billing ann STREAMS orders 0");
    client.words("XACK orders billing 1-1");
    let before: u64 = client.info("last_lsn").parse().expect("a number");
    client.words("XTRIM orders MINID 5-1");
    // Life goes on.
    add(&mut client, 7, 9);
    client.words("XREADGROUP GROUP billing bob COUNT 2 STREAMS orders >");
    client.words("XREADGROUP GROUP audit eve COUNT 1 STREAMS orders >");
    client.words("XACK orders billing 3-1");
    let trimmed = state(&mut client);

    let to = home.path().join("before");
    crate::done(&["restore", "--to-lsn", &before.to_string()], &[server.dir(), &to]);
    let second = crate::launch().dir(&to).start();
    let program = program
        .replace("6379", &server.port().to_string())
        .replace("6380", &second.port().to_string());
    let output = Command::new(python()).args(["-c", &program]).output().expect("python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let mut mended = state(&mut client);
    let ids: Vec<_> = client.ok(&["XRANGE", "orders", "-", "+"]).array();
    let ids: Vec<_> = ids.into_iter().map(|entry| entry.array()[0].text()).collect();
    assert_eq!(ids, ["1-1", "3-1", "4-1", "5-1", "6-1", "7-1", "8-1", "9-1"]);
    let entry = client.ok(&["XRANGE", "orders", "3-1", "3-1"]).array().remove(0).array();
    let fields: Vec<_> = entry[1].clone().array().iter().map(Value::text).collect();
    assert_eq!(fields, ["item", "item 3", "item", "twice"]);
    // All else is as it was, but that there are more entries.
    mended[0] = trimmed[0].clone();
    mended[4] = trimmed[4].clone();
    let lags = |groups: &Value| -> Vec<_> {
        let groups = groups.clone().array();
        groups.iter().map(|group| [group.field("lag"), group.field("entries-read")]).collect()
    };
    eprintln!("lag and entries-read: {:?}, were {:?}", lags(&mended[5]), lags(&trimmed[5]));
    assert_eq!(mended, trimmed);
    assert_eq!(client.ok(&["EXISTS", "mended"]).int(), 0);
}
