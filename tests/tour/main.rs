//! What the documents show is what the program does: the README's tour, the table of commands, the
//! table of configuration keys.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::{Launch, Value, require_tool};

/// Seconds after which a tour that hangs is a failure.
const TOUR_TIMEOUT: &str = "120";

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn document(path: &str) -> String {
    std::fs::read_to_string(root(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What stands between a heading of the second level and the next one.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let begin = text.find(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let rest = &text[begin + 1..];
    rest[1..].find("\n## ").map_or(rest, |end| &rest[..=end])
}

/// The lines inside the `console` blocks of a text.
fn console(text: &str) -> Vec<String> {
    let mut is_inside = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        match line {
            "```console" => is_inside = true,
            "```" => is_inside = false,
            _ if is_inside => lines.push(masked(line)),
            _ => {}
        }
    }
    lines
}

/// What a drill counts and measures. Of its other lines every number counts.
const DRILL_FIGURES: [&str; 6] =
    ["cycles  ", "ends  ", "acknowledged  ", "in flight  ", "read  ", "longest  "];

/// A line with what differs from run to run taken out: IDs, the idle time of a pending entry, and the
/// figures of a drill.
fn masked(line: &str) -> String {
    if DRILL_FIGURES.iter().any(|start| line.starts_with(start)) {
        let words = line
            .split(' ')
            .map(|word| if word.starts_with(|c: char| c.is_ascii_digit()) { "N" } else { word });
        return words.collect::<Vec<_>>().join(" ");
    }
    if let Some(digits) = line.strip_prefix("   3) (integer) ")
        && digits.bytes().all(|byte| byte.is_ascii_digit())
    {
        return "   3) (integer) IDLE".to_owned();
    }
    let mut parts: Vec<String> = line.split('"').map(str::to_owned).collect();
    for part in &mut parts {
        let is_id = part.split_once('-').is_some_and(|(ms, seq)| {
            ms.len() == 13 && [ms, seq].iter().all(|n| n.bytes().all(|b| b.is_ascii_digit()))
        });
        if is_id {
            *part = "ID".to_owned();
        }
    }
    parts.join("\"")
}

#[test]
fn only_ids_and_idle_times_are_masked() {
    let check = |line: &str, expected: &str| assert_eq!(masked(line), expected);
    check("1) 1) \"1795227395870-0\"", "1) 1) \"ID\"");
    check("1) 1) \"0-0\"", "1) 1) \"0-0\"");
    check("   3) (integer) 512", "   3) (integer) IDLE");
    check("   4) (integer) 2", "   4) (integer) 2");
    check("ends           4 kill -9, 0 cuts", "ends           N kill -9, N cuts");
    check("lost           1", "lost           1");
    check("$ printf 'XACK %s' \"$first\"", "$ printf 'XACK %s' \"$first\"");
}

/// The tour kills the server; we start it again, as the reader does.
#[test]
fn the_tour_of_the_readme_prints_what_the_readme_shows() {
    let expected = console(section(&document("README.md"), "A two-minute tour"));
    require_tool("redis-cli");
    let launch = Launch::new(env!("CARGO_BIN_EXE_headwater"));
    let server = launch.start();
    let launch = launch.port(server.port());
    let mut tour = Command::new(require_tool("timeout"))
        .arg(TOUR_TIMEOUT)
        .arg(root("scripts/tour"))
        .arg(server.port().to_string())
        .env("HEADWATER", env!("CARGO_BIN_EXE_headwater"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("timeout runs");
    let stderr = BufReader::new(tour.stderr.take().expect("a pipe"));
    let mut said = Vec::new();
    for line in stderr.lines().map_while(Result::ok) {
        let is_killed = line.contains("start it again");
        said.push(line);
        if is_killed {
            break;
        }
    }
    assert!(said.iter().any(|line| line.contains("start it again")), "no kill: {said:?}");
    server.wait();
    let server = launch.start();
    let output = tour.wait_with_output().expect("the tour ends");
    assert!(output.status.success(), "scripts/tour: {} {said:?}", output.status);
    let printed: Vec<_> = String::from_utf8_lossy(&output.stdout).lines().map(masked).collect();
    assert_eq!(printed.join("\n"), expected.join("\n"), "left: scripts/tour, right: README.md");
    drop(server);
}

/// One row of the table of commands.
#[derive(Debug, PartialEq, Eq)]
struct Listed {
    since: String,
    subcommands: BTreeSet<String>,
}

/// The rows of `docs/compatibility.md`: name, since, subcommands in capitals up to the first remark.
fn listed_commands() -> BTreeMap<String, Listed> {
    let text = document("docs/compatibility.md");
    let row = |line: &str| {
        let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
        let (name, since, remarks) = (cells.next()?, cells.next()?, cells.next()?);
        if !since.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let first = remarks.split(';').next().unwrap_or_default();
        let words: BTreeSet<_> = first.split(", ").map(str::to_ascii_lowercase).collect();
        let is_list = first.contains("HELP");
        let subcommands = if is_list { words } else { BTreeSet::new() };
        Some((name.to_ascii_lowercase(), Listed { since: since.to_owned(), subcommands }))
    };
    section(&text, "Commands").lines().filter_map(row).collect()
}

fn served_commands(docs: Value) -> BTreeMap<String, Listed> {
    let mut served = BTreeMap::new();
    for command in docs.array().chunks_exact(2) {
        let facts = command[1].clone().array();
        let fact = |name: &str| facts.chunks_exact(2).find(|fact| fact[0].text() == name);
        let since = fact("since").expect("every command has one")[1].text();
        let names = fact("subcommands").map_or_else(Vec::new, |fact| fact[1].clone().array());
        let subcommands = names.chunks_exact(2).map(|name| plain(&name[0].text())).collect();
        served.insert(command[0].text(), Listed { since, subcommands });
    }
    served
}

/// `create` of `xgroup|create`.
fn plain(name: &str) -> String {
    name.rsplit('|').next().unwrap_or(name).to_owned()
}

#[test]
fn the_table_of_commands_is_that_of_the_server() {
    let server = Launch::new(env!("CARGO_BIN_EXE_headwater")).start();
    let mut client = server.connect();
    let listed = listed_commands();
    let served = served_commands(client.ok(&["COMMAND", "DOCS"]));
    assert_eq!(listed, served, "left: docs/compatibility.md, right: COMMAND DOCS");
    let names: BTreeSet<_> =
        client.ok(&["COMMAND", "LIST"]).array().iter().map(Value::text).collect();
    assert_eq!(listed.into_keys().collect::<BTreeSet<_>>(), names, "right: COMMAND LIST");
}

/// Every command of Redis 8.10 that is none of a module, as far as its documentation names them.
const OF_REDIS: &str = "acl append asking auth bgrewriteaof bgsave bitcount bitfield bitfield_ro bitop bitpos \
    blmove blmpop blpop brpop brpoplpush bzmpop bzpopmax bzpopmin client cluster command \
    config copy dbsize debug decr decrby del delex digest discard dump echo eval eval_ro \
    evalsha evalsha_ro exec exists expire expireat expiretime failover fcall fcall_ro \
    flushall flushdb function geoadd geodist geohash geopos georadius georadius_ro \
    georadiusbymember georadiusbymember_ro geosearch geosearchstore get getbit getdel getex \
    getrange getset hdel hello hexists hexpire hexpireat hexpiretime hget hgetall hgetdel \
    hgetex hincrby hincrbyfloat hkeys hlen hmget hmset hotkeys hpersist hpexpire hpexpireat \
    hpexpiretime hpttl hrandfield hscan hset hsetex hsetnx hstrlen httl hvals incr incrby \
    incrbyfloat info keys lastsave latency lcs lindex linsert llen lmove lmpop lolwut lpop \
    lpos lpush lpushx lrange lrem lset ltrim memory mget migrate module monitor move mset \
    msetex msetnx multi object persist pexpire pexpireat pexpiretime pfadd pfcount pfdebug \
    pfmerge pfselftest ping psetex psubscribe psync pttl publish pubsub punsubscribe quit \
    randomkey readonly readwrite rename renamenx replconf replicaof reset restore \
    restore-asking role rpop rpoplpush rpush rpushx sadd save scan scard script sdiff \
    sdiffstore select set setbit setex setnx setrange shutdown sinter sintercard sinterstore \
    sismember slaveof slowlog smembers smismember smove sort sort_ro spop spublish \
    srandmember srem sscan ssubscribe strlen subscribe substr sunion sunionstore \
    sunsubscribe swapdb sync time touch ttl type unlink unsubscribe unwatch vadd vcard vdim \
    vemb vgetattr vinfo vismember vlinks vrandmember vrange vrem vsetattr vsim wait waitaof \
    watch xack xackdel xadd xautoclaim xcfgset xclaim xdel xdelex xgroup xidmprecord xinfo \
    xlen xnack xpending xrange xread xreadgroup xrevrange xsetid xtrim zadd zcard zcount \
    zdiff zdiffstore zincrby zinter zintercard zinterstore zlexcount zmpop zmscore zpopmax \
    zpopmin zrandmember zrange zrangebylex zrangebyscore zrangestore zrank zrem \
    zremrangebylex zremrangebyrank zremrangebyscore zrevrange zrevrangebylex \
    zrevrangebyscore zrevrank zscan zscore zunion zunionstore";

/// Words in capitals: the names of commands.
fn names_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "-_".contains(c)));
    let is_name = |word: &&str| {
        2 < word.len() && word.chars().all(|c| c.is_ascii_uppercase() || "-_".contains(c))
    };
    words.filter(is_name).map(str::to_ascii_lowercase).collect()
}

#[test]
fn what_is_not_there_is_named_and_nothing_else() {
    let server = Launch::new(env!("CARGO_BIN_EXE_headwater")).start();
    let mut client = server.connect();
    let served: BTreeSet<_> =
        client.ok(&["COMMAND", "LIST"]).array().iter().map(Value::text).collect();
    let text = document("docs/compatibility.md");
    let commands = section(&text, "Commands");
    let begin = commands.find("### Not there").expect("the section about what is missing");
    let listed = names_in(&commands[begin..]);
    let missing: BTreeSet<String> =
        OF_REDIS.split(' ').filter(|name| !served.contains(*name)).map(str::to_owned).collect();
    let unnamed: Vec<_> = missing.difference(&listed).collect();
    assert!(unnamed.is_empty(), "not served, and not under 'Not there': {unnamed:?}");
    // What stands there in capitals may also be an option, or a format.
    let there: Vec<_> = served.intersection(&listed).collect();
    assert!(there.is_empty(), "served, and under 'Not there': {there:?}");
}

#[test]
fn the_table_of_configuration_keys_is_that_of_the_program() {
    let output = Command::new(env!("CARGO_BIN_EXE_headwater"))
        .args(["config", "example"])
        .output()
        .expect("headwater runs");
    let example = String::from_utf8_lossy(&output.stdout);
    // A line that begins with # and no blank is a key with its default.
    let served: Vec<_> = example
        .lines()
        .filter_map(|line| line.strip_prefix('#')?.split_once(" = "))
        .filter(|(name, _)| !name.contains(' '))
        .map(|(name, default)| format!("| `{name}` | `{default}` |"))
        .collect();
    let text = document("docs/operations.md");
    let listed: Vec<_> = section(&text, "Configuration")
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let mut cells = line.split(" | ");
            format!("{} | {} |", cells.next().unwrap_or_default(), cells.next().unwrap_or_default())
        })
        .collect();
    assert_eq!(listed, served, "left: docs/operations.md, right: headwater config example");
}
