//! A record in the middle of the log that cannot be read any more: the start is refused by all that an
//! operator needs, what `repair` says goes is what clients had been told, and what it writes is what
//! was there before.

use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
use support::{Client, Launch, Value};

use crate::known;
use crate::{DATA_DAMAGED, launch, tool};

/// What stands in the record that goes, and nowhere else.
const VICTIM: &[u8] = b"the record that will be unreadable";
/// The header of a record takes less, with what precedes the value in its payload.
const RECORD_HEAD_MAX: u64 = 256;

/// A directory with damage, and all that is known of it.
struct Damaged {
    launch: Launch,
    /// What a client saw right before the record that goes.
    before: Vec<Value>,
    /// What clients were told behind it, in the words of `log show`.
    told: Vec<String>,
    /// The log from that record on, by `log show --json`, before the damage.
    log: Vec<Json>,
    segment: PathBuf,
    /// The byte that was changed.
    at: u64,
}

impl Damaged {
    fn make() -> Self {
        let launch = launch().args(["--log-segment-size", "1mb"]);
        let server = launch.start();
        let mut client = server.connect();
        begin(&mut client);
        client.ok(&["SAVE"]);
        client.ok(&["XADD", "orders", "4-1", "item", "pen"]);
        let before = state(&mut client);
        client.ok(&[&b"XADD"[..], b"orders", b"5-1", b"item", VICTIM]);
        let told = go_on(&mut client);
        server.kill();
        let path = launch.path().to_str().unwrap();
        let (code, log, _) = tool(&["log", "show", path, "--json"]);
        assert_eq!(code, 0);
        let log = log.lines().map(|line| serde_json::from_str(line).unwrap());
        let is_victim = |line: &Json| line["args"][0] == "5-1" && line["op"] == "XADD";
        let log = log.skip_while(|line| !is_victim(line)).collect();
        let (segment, at) = damage(launch.path());
        Self { launch, before, told, log, segment, at }
    }

    fn path(&self) -> &str {
        self.launch.path().to_str().unwrap()
    }

    /// The number of the record that goes.
    fn lsn(&self) -> u64 {
        self.log[0]["lsn"].as_u64().unwrap()
    }

    /// The number of the last record.
    fn last(&self) -> u64 {
        self.log.last().unwrap()["lsn"].as_u64().unwrap()
    }
}

fn begin(client: &mut Client) {
    for n in 1..=3 {
        client.ok(&["XADD", "orders", &format!("{n}-1"), "item", "book"]);
    }
    for group in ["billing", "old"] {
        client.ok(&["XGROUP", "CREATE", "orders", group, "0"]);
    }
    client.ok(&["XREADGROUP", "GROUP", "billing", "alice", "STREAMS", "orders", ">"]);
    client.ok(&["XADD", "mail", "1-1", "to", "me"]);
    client.ok(&["SET", "kept", "yes"]);
}

/// All that a client can ask for, but for times.
fn state(client: &mut Client) -> Vec<Value> {
    let pending = client.ok(&["XPENDING", "orders", "billing", "-", "+", "10"]).array();
    let owners = pending.into_iter().flat_map(|entry| {
        let [id, consumer, _idle, count] = entry.array().try_into().unwrap();
        [id, consumer, count]
    });
    let mut state: Vec<_> = owners.collect();
    state.extend(["orders", "mail", "\x1b[2J"].map(|key| client.ok(&["XRANGE", key, "-", "+"])));
    state.push(client.ok(&["XINFO", "GROUPS", "orders"]));
    state.push(client.ok(&["XINFO", "STREAM", "orders"]).field("last-generated-id"));
    state.extend(["kept", "count"].map(|key| client.ok(&["GET", key])));
    state.push(client.ok(&["DBSIZE"]));
    state
}

/// Changes of every kind; what was told of each, in the words of `log show`.
fn go_on(client: &mut Client) -> Vec<String> {
    let me = client.ok(&["CLIENT", "INFO"]).text();
    let mut fields = me.split(' ').filter_map(|field| field.split_once('='));
    let mut mine = |name| fields.find(|field| field.0 == name).unwrap().1.to_owned();
    let (id, address) = (mine("id"), mine("addr"));
    let by = format!(" (by {address} id={id})");

    let mut told = Vec::new();
    let new = client.ok(&["XADD", "orders", "*", "item", "lamp"]).text();
    told.push(format!("XADD orders {new} item lamp"));
    assert_eq!(client.ok(&["XACK", "orders", "billing", "1-1", "2-1"]), Value::Int(2));
    told.push("XACK orders billing 1-1 2-1".to_owned());
    client.ok(&["XGROUP", "CREATE", "orders", "shipping", "3-1", "ENTRIESREAD", "3"]);
    told.push("XGROUP CREATE orders shipping 3-1 ENTRIESREAD 3".to_owned());
    client.ok(&["XGROUP", "SETID", "orders", "old", "2-1"]);
    told.push(format!("XGROUP SETID orders old 2-1{by}"));
    client.ok(&["XGROUP", "CREATECONSUMER", "orders", "billing", "bob"]);
    told.push("XGROUP CREATECONSUMER orders billing bob".to_owned());
    client.ok(&["XCLAIM", "orders", "billing", "bob", "0", "3-1"]);
    told.push("XCLAIM orders billing bob 3-1".to_owned());
    client.ok(&["XGROUP", "DELCONSUMER", "orders", "billing", "alice"]);
    told.push(format!("XGROUP DELCONSUMER orders billing alice{by}"));
    let shown = client.ok(&["XREADGROUP", "GROUP", "old", "eve", "STREAMS", "orders", ">"]);
    assert_eq!(shown.array().remove(0).array().remove(1).array().len(), 4);
    told.push("XGROUP CREATECONSUMER orders old eve".to_owned());
    told.push(format!("XREADGROUP orders old eve delivered 3-1 4-1 5-1 {new}"));
    client.ok(&["XREADGROUP", "GROUP", "old", "eve", "COUNT", "1", "STREAMS", "orders", "0"]);
    told.push("XREADGROUP orders old delivered again 3-1".to_owned());
    assert_eq!(client.ok(&["XDEL", "orders", "4-1"]), Value::Int(1));
    told.push(format!("XDEL orders 4-1{by}"));
    client.ok(&["XGROUP", "DESTROY", "orders", "old"]);
    told.push(format!("XGROUP DESTROY orders old{by}"));
    assert_eq!(client.ok(&["XTRIM", "orders", "MINID", "3"]), Value::Int(2));
    told.push(format!("XTRIM orders MINID 3-1 (first entry now 3-1){by}"));
    client.ok(&["MULTI"]);
    client.ok(&["SET", "count", "1"]);
    client.ok(&["XADD", "mail", "2-1", "to", "you and me"]);
    client.ok(&["DEL", "kept"]);
    assert_eq!(client.ok(&["EXEC"]).array().len(), 3);
    told.push("SET count 1".to_owned());
    told.push(r#"XADD mail 2-1 to "you and me""#.to_owned());
    told.push(format!("DEL kept{by}"));
    client.ok(&["XADD", "\x1b[2J", "1-1", "a", ""]);
    told.push(r#"XADD "\x1b[2J" 1-1 a """#.to_owned());
    told
}

/// Changes one bit in the middle of the record that goes.
fn damage(dir: &Path) -> (PathBuf, u64) {
    let find = |segment: &PathBuf| {
        let bytes = std::fs::read(segment).unwrap();
        bytes.windows(VICTIM.len()).position(|window| window == VICTIM)
    };
    let segments = known::files(&dir.join("log"));
    let (segment, at) = segments
        .into_iter()
        .find_map(|segment| Some((find(&segment)?, segment)))
        .map(|(at, segment)| (segment, at + 5))
        .unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[at] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    (segment, at as u64)
}

#[test]
fn a_refused_start_says_where_and_what_is_good_and_what_to_do() {
    let damaged = Damaged::make();
    let name = damaged.segment.display().to_string();
    let (code, out, _) = tool(&["check", damaged.path(), "--json"]);
    let report: Json = serde_json::from_str(&out).unwrap();
    assert_eq!(code, DATA_DAMAGED, "{out}");
    let files = report["files"].as_array().unwrap();
    let problems: Vec<_> = files
        .iter()
        .flat_map(|file| {
            file["problems"].as_array().unwrap().iter().map(|problem| (&file["file"], problem))
        })
        .collect();
    let [(file, problem)] = problems[..] else { panic!("{out}") };
    let offset = problem["offset"].as_u64().unwrap();
    assert_eq!(*file, json!(name));
    assert!((1..RECORD_HEAD_MAX).contains(&(damaged.at - offset)), "{offset}: {}", damaged.at);

    let refusal = damaged.launch.try_start().expect_err("a record is missing in the middle");
    assert_eq!(refusal.status.code(), Some(DATA_DAMAGED), "{}", refusal.text());
    let (dir, lsn) = (damaged.path(), damaged.lsn());
    for words in [
        name,
        format!("offset {offset}"),
        format!("record {lsn} is not readable"),
        format!("record {} is the last good one", lsn - 1),
        format!("`headwater check {dir}`"),
        format!("`headwater repair {dir} --to NEWDIR`"),
    ] {
        assert!(refusal.text().contains(&words), "{words:?} is not in {}", refusal.text());
    }
}

#[test]
fn a_repair_lists_what_clients_were_told_and_keeps_what_was_before() {
    let damaged = Damaged::make();
    let home = support::temp_dir();
    let to = home.path().join("repaired");
    let words = ["repair", damaged.path(), "--to", to.to_str().unwrap()];
    let (lsn, last) = (damaged.lsn(), damaged.last());

    let (code, out, _) = tool(&words);
    assert_eq!(code, DATA_DAMAGED, "{out}");
    let expected = [
        format!("What is kept: everything up to record {}, ", lsn - 1),
        format!("  goes: records {lsn} to {lsn}, not readable"),
        format!("  goes: records {} to {last}, readable, but behind one that is not", lsn + 1),
    ];
    for line in &expected {
        assert!(out.contains(line.as_str()), "{line:?} is not in {out}");
    }
    // Number, time, database, words.
    let listed = out.lines().filter_map(|line| line.strip_prefix("    "));
    let listed: Vec<_> = listed.filter_map(|line| line.split_once(" db0 ")).collect();
    let listed_words: Vec<_> = listed.iter().map(|(_, words)| *words).collect();
    assert_eq!(listed_words, damaged.told, "left: listed, right: told");
    let stamps: Vec<_> = listed.iter().map(|(stamp, _)| (*stamp).to_owned()).collect();
    let stamp = |line: &Json| format!("{} {}", line["lsn"], line["time"].as_str().unwrap());
    let logged: Vec<_> = damaged.log[1..].iter().map(stamp).collect();
    assert_eq!(stamps, logged, "left: listed, right: in the log before the damage");

    let (code, out, _) = tool(&[&words[..], &["--json"]].concat());
    assert_eq!(code, DATA_DAMAGED, "{out}");
    let plan: Json = serde_json::from_str(&out).unwrap();
    let records = json!([
        {"from": lsn, "to": lsn, "readable": false},
        {"from": lsn + 1, "to": last, "readable": true},
    ]);
    assert_eq!(plan["lost_records"], records, "{out}");
    assert_eq!(plan["lost_entries"], json!([]), "{out}");
    let numbers = [&plan["last_lsn"], &plan["promised_lsn"]];
    assert_eq!(numbers, [&json!(lsn - 1), &json!(last)], "{out}");
    let bare = |line: &Json| {
        let mut line = line.as_object().unwrap().clone();
        line.retain(|name, _| !["ms", "part", "parts"].contains(&name.as_str()));
        Json::Object(line)
    };
    let logged: Vec<_> = damaged.log[1..].iter().map(bare).collect();
    assert_eq!(plan["lost_changes"], json!(logged), "left: listed, right: in the log before");
    assert!(!to.exists(), "nothing is written without --yes");

    let (code, out, error) = tool(&[&words[..], &["--yes"]].concat());
    assert_eq!(code, 0, "{out}{error}");
    let launch = launch().dir(&to);
    let server = launch.start();
    let mut client = server.connect();
    assert_eq!(state(&mut client), damaged.before, "left: repaired, right: before the record");
    client.ok(&["XADD", "orders", "5-1", "item", "again"]);
    let after = state(&mut client);
    server.kill();
    assert_eq!(state(&mut launch.start().connect()), after);
}
