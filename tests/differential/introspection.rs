//! What the servers tell about themselves: COMMAND INFO and DOCS, the fields of INFO, the names of
//! CONFIG GET. Headwater may know more; what Redis 7.0 knows must be there, and the same.

use std::collections::{BTreeMap, BTreeSet};

use support::{Client, Launch, Server, Value};

/// Arguments that came after 7.0, or that 7.0 leaves untold.
const NEWER_ARGUMENTS: [&str; 12] = [
    "client|kill",
    "command|getkeys",
    "command|getkeysandflags",
    "debug",
    "hscan",
    "replconf",
    "xadd",
    "xread",
    "xreadgroup",
    "xtrim",
    "zrank",
    "zrevrank",
];

/// Commands that take one argument more since 7.2: their arity was exact.
const NEWER_ARITIES: [&str; 2] = ["zrank", "zrevrank"];

/// What Redis can change while it runs, and Headwater takes at the start, or by SIGHUP.
const SET_AT_START: [&str; 9] = [
    "port",
    "bind",
    "tls-port",
    "tls-cert-file",
    "tls-key-file",
    "tls-ca-cert-file",
    "tls-ca-cert-dir",
    "tls-auth-clients",
    "tls-protocols",
];

pub(crate) struct Pair {
    pub(crate) redis: Client,
    pub(crate) ours: Client,
    pub(crate) _servers: [Server; 2],
}

pub(crate) fn pair() -> Pair {
    let servers = [
        Launch::reference("redis-server").start(),
        Launch::new(env!("CARGO_BIN_EXE_headwater")).start(),
    ];
    let [redis, ours] = servers.each_ref().map(|server| {
        let mut client = server.connect();
        client.ok(&["HELLO", "3"]);
        client
    });
    Pair { redis, ours, _servers: servers }
}

/// Without the order of sets and maps, and without the remarks about keys.
fn sorted(value: &Value) -> Value {
    let by_text = |values: &mut Vec<Value>| values.sort_by_key(|value| format!("{value:?}"));
    match value {
        Value::Simple(text) => Value::bulk(text),
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        Value::Set(items) => {
            let mut items: Vec<_> = items.iter().map(sorted).collect();
            by_text(&mut items);
            Value::Set(items)
        }
        Value::Map(pairs) => {
            let mut pairs: Vec<_> = pairs
                .iter()
                .filter(|(key, _)| *key != Value::bulk("notes"))
                .map(|(key, value)| (sorted(key), sorted(value)))
                .collect();
            pairs.sort_by_key(|pair| format!("{pair:?}"));
            Value::Map(pairs)
        }
        other => other.clone(),
    }
}

/// The rows of COMMAND INFO by name, subcommands beside their containers.
fn rows(commands: Value, into: &mut BTreeMap<String, Vec<Value>>) {
    for command in commands.array() {
        let mut row = command.array();
        rows(row.pop().expect("ten elements"), into);
        into.insert(row[0].text(), row);
    }
}

#[test]
fn commands_are_described_as_redis_describes_them() {
    let Pair { mut redis, mut ours, _servers } = pair();
    let mut expected = BTreeMap::new();
    let mut seen = BTreeMap::new();
    rows(redis.words("COMMAND"), &mut expected);
    rows(ours.words("COMMAND"), &mut seen);
    let mut compared = 0;
    let mut wrong = Vec::new();
    for (name, row) in &expected {
        let Some(seen) = seen.get(name) else { continue };
        compared += 1;
        let mut row = row.clone();
        if NEWER_ARITIES.contains(&name.as_str()) {
            assert_eq!((&row[1], &seen[1]), (&Value::Int(3), &Value::Int(-3)), "{name}");
            row[1] = Value::Int(-3);
        }
        let (row, seen) = (sorted(&Value::Array(row)), sorted(&Value::Array(seen.clone())));
        if row != seen {
            wrong.push(format!("{name}\n  Redis {row:?}\n  ours  {seen:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(100 < compared, "only {compared} commands were compared");
}

/// Arguments, group, version and history by name.
fn documents(docs: Value, into: &mut BTreeMap<String, [Option<Value>; 4]>) {
    let Value::Map(docs) = docs else { panic!("a map") };
    for (name, doc) in docs {
        let Value::Map(facts) = doc else { panic!("a map") };
        let fact = |wanted: &str| {
            let found = facts.iter().find(|(fact, _)| fact.text() == wanted);
            found.map(|(_, value)| sorted(value))
        };
        into.insert(name.text(), ["arguments", "group", "since", "history"].map(fact));
        if let Some((_, subcommands)) = facts.iter().find(|(f, _)| f.text() == "subcommands") {
            documents(subcommands.clone(), into);
        }
    }
}

/// The versions that changed a command; what they changed is told in words of our own.
fn versions(history: &Option<Value>) -> Vec<String> {
    let Some(Value::Set(changes)) = history else { return Vec::new() };
    changes.iter().map(|change| change.clone().array()[0].text()).collect()
}

/// Whether one of the versions is not after 7.0, so that Redis 7.0 would tell it.
fn is_past(versions: &[String]) -> bool {
    versions.iter().any(|version| version.as_str() < "7.1")
}

#[test]
fn commands_are_documented_with_the_arguments_of_redis() {
    let Pair { mut redis, mut ours, _servers } = pair();
    let mut expected = BTreeMap::new();
    let mut seen = BTreeMap::new();
    documents(redis.words("COMMAND DOCS"), &mut expected);
    documents(ours.words("COMMAND DOCS"), &mut seen);
    let mut wrong = Vec::new();
    for (name, [arguments, group, since, history]) in &expected {
        let Some([our_arguments, our_group, our_since, our_history]) = seen.get(name) else {
            continue;
        };
        if (group, since) != (our_group, our_since) {
            wrong.push(format!("{name}: {group:?} {since:?}, ours {our_group:?} {our_since:?}"));
        }
        let (changed, ours_changed) = (versions(history), versions(our_history));
        if !ours_changed.starts_with(&changed) || is_past(&ours_changed[changed.len()..]) {
            wrong.push(format!("{name}: changed in {changed:?}, ours {ours_changed:?}"));
        }
        let is_newer = NEWER_ARGUMENTS.contains(&name.as_str());
        if is_newer == (arguments == our_arguments) {
            wrong.push(format!("{name}\n  Redis {arguments:?}\n  ours  {our_arguments:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The text of INFO, which both send as a verbatim string.
pub(crate) fn info(client: &mut Client) -> String {
    let Value::Verbatim(bytes) = client.words("INFO everything") else { panic!("verbatim") };
    let text = String::from_utf8(bytes).expect("UTF-8");
    text.strip_prefix("txt:").expect("its kind").to_owned()
}

/// Section and field of every line of INFO.
fn fields(info: &str) -> Vec<(String, String)> {
    let mut section = String::new();
    let mut fields = Vec::new();
    for line in info.lines() {
        if let Some(heading) = line.strip_prefix("# ") {
            section = heading.to_owned();
        } else if let Some((field, _)) = line.split_once(':') {
            fields.push((section.clone(), field.to_owned()));
        }
    }
    fields
}

#[test]
fn info_has_every_section_and_field_of_redis_in_its_order() {
    let Pair { mut redis, mut ours, _servers } = pair();
    for client in [&mut redis, &mut ours] {
        client.words("CONFIG RESETSTAT");
        client.words("SET k v");
        client.words("NOSUCH");
        client.words("CONFIG SET appendonly yes");
    }
    // What is counted by command comes in an order of its own.
    let is_fixed = |(section, _): &(String, String)| {
        !["Commandstats", "Latencystats"].contains(&section.as_str())
    };
    let listed = |client: &mut Client| {
        let info = fields(&info(client));
        info.into_iter().filter(is_fixed).collect::<Vec<_>>()
    };
    let expected = listed(&mut redis);
    let seen = listed(&mut ours);
    let known: BTreeSet<_> = expected.iter().collect();
    let shared: Vec<_> = seen.iter().filter(|field| known.contains(field)).collect();
    assert_eq!(shared, expected.iter().collect::<Vec<_>>(), "left: ours, right: Redis");
    let sections = |client: &mut Client| {
        let info = info(client);
        info.lines().filter(|line| line.starts_with("# ")).map(str::to_owned).collect::<Vec<_>>()
    };
    let mut expected = sections(&mut redis);
    expected.push("# Headwater".to_owned());
    assert_eq!(sections(&mut ours), expected);
}

#[test]
fn memory_stats_has_every_field_of_redis_in_its_order() {
    let Pair { mut redis, mut ours, _servers } = pair();
    let names = |client: &mut Client| {
        client.words("SET k v");
        let Value::Map(facts) = client.words("MEMORY STATS") else { panic!("a map") };
        facts.into_iter().map(|(name, _)| name.text()).collect::<Vec<_>>()
    };
    assert_eq!(names(&mut ours), names(&mut redis), "left: ours, right: Redis");
}

#[test]
fn config_get_knows_every_directive_of_redis() {
    let Pair { mut redis, mut ours, _servers } = pair();
    let names = |client: &mut Client| {
        let Value::Map(pairs) = client.words("CONFIG GET *") else { panic!("a map") };
        pairs.into_iter().map(|(name, _)| name.text()).collect::<BTreeSet<_>>()
    };
    let expected = names(&mut redis);
    let seen = names(&mut ours);
    let missing: Vec<_> = expected.difference(&seen).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Numbers at their edges, words that are none, and names that are none, set one by one.
#[test]
fn config_set_refuses_in_the_words_of_redis() {
    let Pair { mut redis, mut ours, _servers } = pair();
    let numbers = ["maxclients", "timeout", "tcp-keepalive", "slowlog-max-len"];
    let memory = ["proto-max-bulk-len", "client-query-buffer-limit", "maxmemory"];
    let values = ["-1", "0", "", "x", "1.5", "99999999999999999999", "1kb", "-5mb", "1tb"];
    let mut requests: Vec<Vec<&str>> = Vec::new();
    for name in numbers.into_iter().chain(memory).chain(["slowlog-log-slower-than"]) {
        // A limit of memory that small would cut us off.
        let values = values.iter().filter(|value| name != "maxmemory" || **value != "1kb");
        requests.extend(values.map(|value| vec!["CONFIG", "SET", name, value]));
    }
    requests.extend([
        vec!["CONFIG", "SET", "nosuch", "1"],
        vec!["CONFIG", "SET", "timeout", "1", "nosuch", "1"],
        vec!["CONFIG", "SET", "timeout", "1", "timeout", "2"],
        vec!["CONFIG", "SET", "timeout", "1", "maxclients"],
        vec!["CONFIG", "SET", "timeout"],
        vec!["CONFIG", "SET"],
        vec!["CONFIG", "SET", "port"],
        vec!["CONFIG", "SET", "daemonize", "yes"],
        vec!["CONFIG", "SET", "appendfsync", "sometimes"],
        vec!["CONFIG", "SET", "latency-tracking", "maybe"],
        vec!["CONFIG", "SET", "latency-tracking-info-percentiles", "50 101"],
        vec!["CONFIG", "SET", "latency-tracking-info-percentiles", "50 x"],
        vec!["CONFIG", "SET", "client-output-buffer-limit", "normal 1 1"],
        vec!["CONFIG", "SET", "client-output-buffer-limit", "other 1 1 1"],
        vec!["CONFIG", "GET"],
        vec!["CONFIG", "NOSUCH"],
        vec!["CONFIG", "RESETSTAT", "x"],
        vec!["CONFIG", "REWRITE"],
        vec!["CONFIG", "REWRITE", "x"],
    ]);
    let mut wrong = Vec::new();
    for request in requests {
        let (expected, seen) = (redis.command(&request), ours.command(&request));
        if expected != seen {
            wrong.push(format!("{}\n  Redis {expected:?}\n  ours  {seen:?}", request.join(" ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Which directives can be set while the server runs: each is set to the value that it has.
#[test]
fn config_set_knows_what_cannot_be_set_at_run_time() {
    let Pair { mut redis, mut ours, _servers } = pair();
    let Value::Map(values) = ours.words("CONFIG GET *") else { panic!("a map") };
    let mut wrong = Vec::new();
    for (name, value) in values {
        let request = [&b"CONFIG"[..], b"SET", name.text().as_bytes(), value.text().as_bytes()]
            .map(<[u8]>::to_vec);
        let (expected, seen) = (redis.command(&request), ours.command(&request));
        let is_newer = expected.is_error("ERR Unknown option");
        if expected != seen && !is_newer && !SET_AT_START.contains(&name.text().as_str()) {
            wrong.push(format!("{name:?} {value:?}\n  Redis {expected:?}\n  ours  {seen:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a standalone server answers to questions about clusters, replicas and modules.
#[test]
fn a_standalone_server_answers_as_redis_does() {
    let Pair { mut redis, mut ours, _servers } = pair();
    let lines = [
        "CLUSTER INFO",
        "CLUSTER NODES",
        "CLUSTER SLOTS",
        "CLUSTER SHARDS",
        "CLUSTER MYID",
        "CLUSTER KEYSLOT k",
        "CLUSTER KEYSLOT",
        "CLUSTER NOSUCH",
        "CLUSTER",
        "CLUSTER HELP",
        "CLUSTER RESET",
        "CLUSTER COUNTKEYSINSLOT x",
        "READONLY",
        "READWRITE",
        "ASKING",
        "READONLY x",
        "FAILOVER",
        "FAILOVER ABORT",
        "FAILOVER TIMEOUT 0",
        "FAILOVER x",
        "FAILOVER TO h 1 FORCE TIMEOUT 5",
        "FAILOVER TO h x",
        "FAILOVER TO h",
        "FAILOVER ABORT FORCE",
        "FAILOVER FORCE",
        "MODULE LIST",
        "MODULE LOAD x",
        "MODULE LOADEX x",
        "MODULE UNLOAD x",
        "MODULE LOAD",
        "MODULE NOSUCH",
        "REPLICAOF NO ONE",
        "SLAVEOF no one",
        "REPLICAOF h x",
        "WAIT 0 0",
        "WAIT x 0",
        "WAIT 0 x",
        "WAIT 0 -1",
        "WAIT 1 1",
        "SLOWLOG GET x",
        "SLOWLOG GET -2",
        "SLOWLOG GET 1 2",
        "SLOWLOG NOSUCH",
        "SLOWLOG LEN x",
        "SLOWLOG GET 99999999999999999999",
        "LATENCY LATEST",
        "LATENCY HISTORY command",
        "LATENCY GRAPH command",
        "LATENCY RESET x",
        "LATENCY NOSUCH",
        "LATENCY LATEST x",
        "LATENCY HISTOGRAM nosuch",
        "LATENCY HISTORY",
        "OBJECT FREQ nosuch",
        "OBJECT NOSUCH k",
        "OBJECT ENCODING",
        "MEMORY USAGE nosuch",
        "MEMORY USAGE k SAMPLES",
        "MEMORY USAGE k SAMPLES -1",
        "MEMORY USAGE k SAMPLES x",
        "MEMORY USAGE k x 1",
        "MEMORY NOSUCH",
        "MEMORY PURGE",
        "MEMORY STATS x",
        "COMMAND GETKEYS SET k v",
        "COMMAND GETKEYS GET",
        "COMMAND GETKEYS PING",
        "COMMAND GETKEYS NOSUCH x",
        "COMMAND GETKEYSANDFLAGS SET k v",
        "COMMAND GETKEYSANDFLAGS XREADGROUP GROUP g c STREAMS a b 1 2",
        "COMMAND GETKEYSANDFLAGS COPY a b",
        "COMMAND GETKEYSANDFLAGS GET",
        "COMMAND INFO nosuch",
        "COMMAND LIST FILTERBY MODULE x",
        "COMMAND LIST FILTERBY ACLCAT nosuch",
        "COMMAND LIST FILTERBY PATTERN xgr*",
        "COMMAND LIST FILTERBY x y",
        "COMMAND LIST x",
        "COMMAND NOSUCH",
        "COMMAND DOCS nosuch",
        "COMMAND COUNT x",
        "LOLWUT VERSION x",
        "DEBUG SLEEP 0",
        "PSYNC",
        "SYNC x",
    ];
    let mut wrong = Vec::new();
    for line in lines {
        let (mut expected, mut seen) = (redis.words(line), ours.words(line));
        if line.starts_with("COMMAND LIST") {
            // The order is that of a hash table in Redis.
            for reply in [&mut expected, &mut seen] {
                if let Value::Array(names) = reply {
                    *reply = Value::Set(std::mem::take(names));
                }
            }
        }
        if sorted(&expected) != sorted(&seen) {
            wrong.push(format!("{line}\n  Redis {expected:?}\n  ours  {seen:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
