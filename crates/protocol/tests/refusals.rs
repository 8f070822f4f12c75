//! What the grammar refuses, in the words of redis-server 7.0.15, or of the specification where
//! later versions say it differently. Every line was compared with the running reference.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use engine::{Command, CommandError};
use protocol::Request;

/// The refusal of `request`, wherever in the request it waits; empty if there is none.
fn refusal(request: &[&[u8]]) -> String {
    let result = protocol::resolve(request).and_then(|spec| protocol::parse(spec, request, 0));
    let deferred = match result {
        Ok(Request::Engine(command)) => deferred(command),
        Ok(_) => None,
        Err(error) => Some(error),
    };
    deferred.map_or(String::new(), |error| String::from_utf8_lossy(&error.text()).into_owned())
}

fn deferred(command: Command<'_>) -> Option<CommandError> {
    match command {
        Command::XDel { ids, .. } | Command::XAck { ids, .. } => ids.err(),
        Command::XDelEx { disposal, .. } | Command::XAckDel { disposal, .. } => {
            disposal.map_or_else(Some, |disposal| disposal.ids.err())
        }
        Command::XNack { release, .. } => release.map_or_else(Some, |release| release.ids.err()),
        Command::XClaim { claim, .. } => claim.err(),
        Command::XInfoStream { detail, .. } => detail.err(),
        Command::IncrByFloat { by, .. } => by.err(),
        Command::GetEx { expiry, .. } => expiry.err(),
        Command::ZCombine(combine) | Command::ZCombineStore { combine, .. } => {
            combine.options.err()
        }
        Command::ZInterCard { limit, .. } => limit.err(),
        Command::ZScan { filter, .. } => filter.err(),
        Command::HScan { filter, .. } | Command::SScan { filter, .. } => filter.err(),
        Command::LIndex { index, .. } | Command::LSet { index, .. } => index.err(),
        Command::XGroupCreate { from, .. } | Command::XGroupSetId { from, .. } => from.err(),
        Command::XRead(read) => read.streams.into_iter().find_map(|(_, from)| from.err()),
        Command::XReadGroup(read) => read.streams.into_iter().find_map(|(_, from)| from.err()),
        _ => None,
    }
}

/// Words are split at blanks; `''` stands for an empty one and `_` inside a word for a blank.
fn check(request: &str, expected: &str) {
    let words: Vec<Vec<u8>> = request
        .split(' ')
        .map(|word| if word == "''" { Vec::new() } else { word.replace('_', " ").into_bytes() })
        .collect();
    let args: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    assert_eq!(refusal(&args), expected, "{request}");
}

const SYNTAX: &str = "ERR syntax error";
const NOT_AN_INTEGER: &str = "ERR value is not an integer or out of range";
const INVALID_ID: &str = "ERR Invalid stream ID specified as stream command argument";
const STRATEGY: &str =
    "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy";
const TILDE: &str = "ERR syntax error, LIMIT cannot be used without the special ~ option";
const BOTH: &str = "ERR syntax error, MAXLEN and MINID options at the same time are not compatible";

fn arity(name: &str) -> String {
    format!("ERR wrong number of arguments for '{name}' command")
}

#[test]
fn unknown_commands_and_wrong_numbers() {
    check("foo a b", "ERR unknown command 'foo', with args beginning with: 'a' 'b' ");
    check("FOO", "ERR unknown command 'FOO', with args beginning with: ");
    let long = "a".repeat(110);
    let shown = format!(
        "ERR unknown command 'foo', with args beginning with: '{long}' '{}' ",
        "b".repeat(15)
    );
    check(&format!("foo {long} {} c", "b".repeat(26)), &shown);
    let shown =
        format!("ERR unknown command 'foo', with args beginning with: '{}' ", "a".repeat(128));
    check(&format!("foo {} b", "a".repeat(300)), &shown);
    check("xgroup foo", "ERR unknown subcommand 'foo'. Try XGROUP HELP.");
    check("Config Foo a", "ERR unknown subcommand 'Foo'. Try CONFIG HELP.");
    for (request, name) in [
        ("xgroup", "xgroup"),
        ("xgroup create k", "xgroup|create"),
        ("xgroup help x", "xgroup|help"),
        ("xinfo stream", "xinfo|stream"),
        ("config get", "config|get"),
        ("client kill", "client|kill"),
        ("object encoding", "object|encoding"),
        ("command getkeys", "command|getkeys"),
        ("get", "get"),
        ("GET a b", "get"),
        ("ping a b", "ping"),
        ("mset a b c", "mset"),
        ("hset k a b c", "hset"),
        ("hmset k a b c", "hmset"),
        ("xadd k * a", "xadd"),
        ("xadd k * a b c", "xadd"),
        ("xadd k maxlen 5 1-1", "xadd"),
        ("xadd k 0-0 a", "xadd"),
        ("xreadgroup group g c streams s", "xreadgroup"),
    ] {
        check(request, &arity(name));
    }
}

#[test]
fn xadd_and_xtrim() {
    for id in ["-", "+", "$", "1-x", "1-", "-1", "1-2-3", "+1-1", "*-1", "1-**", "-*", "(1", "''"] {
        check(&format!("xadd k {id} a b"), INVALID_ID);
    }
    check(&format!("xadd k {}1-1 a b", "0".repeat(125)), INVALID_ID);
    check("xadd k 1-* a b", "");
    check("xadd k 01-01 a b", "");
    check("xadd k 0 a b", "ERR The ID specified in XADD must be greater than 0-0");
    check("xadd k 0-* a b", "");
    check("xadd k maxlen 1 maxlen 2 * a b", BOTH);
    check("xadd k maxlen 1 minid 2 * a b", BOTH);
    check("xadd k maxlen ~ ~ 1 * a b", NOT_AN_INTEGER);
    check("xadd k maxlen 1 limit 5 * a b", TILDE);
    check("xadd k maxlen ~ 1 limit 0 nomkstream * a b", "");
    check("xadd k limit 5 * a b", STRATEGY);
    check("xadd k limit 0 * a b", TILDE);
    check("xadd k minid ~ nomkstream * a b", INVALID_ID);
    check("xadd k limit 5 nomkstream a a b", INVALID_ID);
    check("xtrim k foo 1", SYNTAX);
    check("xtrim k maxlen 1 foo", SYNTAX);
    check("xtrim k maxlen ~", NOT_AN_INTEGER);
    check("xtrim k maxlen ~ 5 limit", SYNTAX);
    check("xtrim k limit 5", STRATEGY);
    check(
        "xtrim k limit 0 limit 0",
        "ERR syntax error, XTRIM must be called with a trimming strategy",
    );
    check("xtrim k maxlen 5 limit 0", TILDE);
    check("xtrim k minid 5-*", INVALID_ID);
    check("xtrim k maxlen 5 maxlen 5", BOTH);
    check("xtrim k maxlen ~ 5 limit 0 limit 10", "");
}

#[test]
fn ranges() {
    check("xrange k - + count", SYNTAX);
    check("xrange k - + foo 1", SYNTAX);
    check("xrange k a b count x", INVALID_ID);
    for id in ["(", "(-", "(+", "((1", "(*"] {
        check(&format!("xrange k {id} +"), INVALID_ID);
    }
    let last = "(18446744073709551615-18446744073709551615";
    check(&format!("xrange k {last} +"), "ERR invalid start ID for the interval");
    check("xrange k - (0-0", "ERR invalid end ID for the interval");
    check("xrange k - (0", "");
    check("xrevrange k (0-0 -", "ERR invalid end ID for the interval");
    check("xdel k 1-1 -", INVALID_ID);
    check("xsetid s +", INVALID_ID);
    check("xsetid s 5-5 foo", SYNTAX);
    check("xsetid s 5-5 entriesadded", SYNTAX);
    check(
        "xsetid s 5-5 maxdeletedid 6-6 foo",
        "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
    );
}

#[test]
fn xread_and_xreadgroup() {
    check("xread count 1 streams", SYNTAX);
    check("xread foo 1 streams k 0", SYNTAX);
    check("xread block 5 count 3 foo", SYNTAX);
    let plain = "ERR Unbalanced 'xread' list of streams: for each stream key an ID, '+', or '$' must be specified.";
    check("xread streams a b c", plain);
    let group = "ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be specified.";
    check("xreadgroup group g c streams s > 0", group);
    check(
        "xread streams k >",
        "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
    );
    check("xread streams k -", INVALID_ID);
    check("xread streams k +", "");
    let only = "option is only supported by XREADGROUP. You called XREAD instead.";
    check("xread group g c streams k 0", &format!("ERR The GROUP {only}"));
    check("xread noack streams k", &format!("ERR The NOACK {only}"));
    check(
        "xreadgroup count 1 noack block 0 streams s >",
        "ERR Missing GROUP option for XREADGROUP",
    );
    check("xreadgroup group g streams s > 0 0 0", SYNTAX);
    for id in ["$", "+"] {
        let text = format!(
            "ERR The {id} ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The {id} ID would just return an empty result set."
        );
        check(&format!("xreadgroup group g c streams s {id}"), &text);
    }
}

#[test]
fn groups_and_claims() {
    let trailing = |word: &str, container: &str| {
        format!(
            "ERR unknown subcommand or wrong number of arguments for '{word}'. Try {container} HELP."
        )
    };
    check("xgroup CREATE k g 0 foo", &trailing("CREATE", "XGROUP"));
    check("xgroup create s g 0 entriesread", &trailing("create", "XGROUP"));
    check("xgroup create s g 0 mkstream mkstream entriesread 5", &trailing("create", "XGROUP"));
    check("xgroup SetID s g 0 mkstream", &trailing("SetID", "XGROUP"));
    check("xgroup create s g -", INVALID_ID);
    check("xgroup setid s g -", "");
    check("xinfo STream s foo", &trailing("STream", "XINFO"));
    check("xinfo stream s full count 1 x", &trailing("stream", "XINFO"));
    check("xpending s g - +", SYNTAX);
    check("xpending s g - a x", NOT_AN_INTEGER);
    check("xpending s g - a 10", INVALID_ID);
    check("xpending s g - (0-0 10", "ERR invalid end ID for the interval");
    check("xpending s g idle 5 - +", SYNTAX);
    check("xpending s g idle 5 - + 10 c d", SYNTAX);
    check("xpending s g - + 10 c d", "");
    check("xpending s g foo 5 - + 10", NOT_AN_INTEGER);
    for (request, word) in [
        ("xclaim s g c 0 a", "a"),
        ("xclaim s g c 0 -", "-"),
        ("xclaim s g c 0 1-1 idle", "idle"),
        ("xclaim s g c 0 1-1 force 1-2", "1-2"),
    ] {
        check(request, &format!("ERR Unrecognized XCLAIM option '{word}'"));
    }
    check("xclaim s g c 0 1-1 lastid a", INVALID_ID);
    check("xclaim s g c 0 force", "");
    check("xautoclaim s g c 0 a", INVALID_ID);
    check("xautoclaim s g c a a", "ERR Invalid min-idle-time argument for XAUTOCLAIM");
    check("xautoclaim s g c 0 0 count", SYNTAX);
    check("xautoclaim s g c 0 0 foo", SYNTAX);
}

#[test]
fn keys_strings_and_hashes() {
    for options in ["foo", "ex", "ex 10 px 10", "ex 10 keepttl", "nx xx", "persist"] {
        check(&format!("set k v {options}"), SYNTAX);
    }
    for options in ["nx get", "nx nx", "ex 10 ex 20", "keepttl keepttl get get"] {
        check(&format!("set k v {options}"), "");
    }
    check("getex k persist ex 10", SYNTAX);
    check("getex k keepttl", SYNTAX);
    check("set k v ex a foo", SYNTAX);
    check("expire k a foo", "ERR Unsupported option foo");
    let nx = "ERR NX and XX, GT or LT options at the same time are not compatible";
    check("expire k 10 nx xx", nx);
    check("expire k 10 nx gt", nx);
    check("expire k 10 gt lt", "ERR GT and LT options at the same time are not compatible");
    check("expire k 10 xx gt", "");
    check("decrby k -9223372036854775808", "ERR decrement would overflow");
    for float in ["a", "nan", "1e5000", "_1", "1_", "''"] {
        check(&format!("incrbyfloat k {float}"), "ERR value is not a valid float");
    }
    check("hincrbyfloat k f inf", "ERR value is NaN or Infinity");
    check("scan a", "ERR invalid cursor");
    check("scan 0 foo", SYNTAX);
    check("hscan k 0 type foo", SYNTAX);
    check("copy a b db", SYNTAX);
    check("swapdb a 1", "ERR invalid first DB index");
    check("swapdb 1 99999999999", "ERR invalid second DB index");
    check("flushdb async sync", SYNTAX);
    check("hrandfield k 1 foo", SYNTAX);
    check("hrandfield k 4611686018427387904 withvalues", "ERR value is out of range");
    check("memory usage k samples", SYNTAX);
    check("memory usage k samples x", NOT_AN_INTEGER);
}

#[test]
fn lists() {
    let positive = "ERR value is out of range, must be positive";
    for count in ["x", "-1", "9223372036854775808"] {
        check(&format!("lpop l {count}"), positive);
        check(&format!("rpop l {count}"), positive);
    }
    check("lpop l 0", "");
    check("lpop l 1 2", &arity("lpop"));
    for request in ["lrange l x 0", "lrange l 0 x", "ltrim l 0 x", "lrem l x v", "lset l x v"] {
        check(request, NOT_AN_INTEGER);
    }
    check("lindex l x", NOT_AN_INTEGER);
    check("linsert l at p v", SYNTAX);
    check("lmove a b left top", SYNTAX);
    check("lmove a b up right", SYNTAX);
    check(
        "lpos l v rank 0",
        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
    );
    check("lpos l v rank x", NOT_AN_INTEGER);
    check("lpos l v rank -9223372036854775808", "");
    check("lpos l v count -1", "ERR COUNT can't be negative");
    check("lpos l v count x", "ERR COUNT can't be negative");
    check("lpos l v maxlen -1", "ERR MAXLEN can't be negative");
    check("lpos l v rank", SYNTAX);
    check("lpos l v foo 1", SYNTAX);
    for count in ["0", "-1", "x", "9223372036854775808"] {
        check(&format!("lmpop {count} a left"), "ERR numkeys should be greater than 0");
    }
    for request in [
        "lmpop 2 a left",
        "lmpop 9 a left",
        "lmpop 9223372036854775807 a left",
        "lmpop 1 a up",
        "lmpop 1 a left count",
        "lmpop 1 a left foo 1",
        "lmpop 1 a left count 1 count 1",
        "lmpop 1 a left count 1 x",
        "blmpop x 1 a up",
    ] {
        check(request, SYNTAX);
    }
    check("lmpop 1 a left count 0", "ERR count should be greater than 0");
    check("lmpop 1 a left count x", "ERR count should be greater than 0");
}

#[test]
fn timeouts_in_seconds() {
    let no_float = "ERR timeout is not a float or out of range";
    let negative = "ERR timeout is negative";
    for timeout in ["x", "nan", "_1", "1_", "''"] {
        check(&format!("blpop a b {timeout}"), no_float);
        check(&format!("brpop a {timeout}"), no_float);
        check(&format!("blmove a b left right {timeout}"), no_float);
        check(&format!("brpoplpush a b {timeout}"), no_float);
        check(&format!("blmpop {timeout} 1 a left"), no_float);
    }
    for timeout in ["-1", "-0.01", "inf", "-inf", "1e400", "1e30", "9223372036854775807"] {
        check(&format!("blpop a {timeout}"), negative);
    }
    for timeout in ["0", "-0.0001", "0.01", "1e3", "9223372036854774"] {
        check(&format!("blpop a {timeout}"), "");
    }
    check("blmove a b up right x", SYNTAX);
    check("blmpop x 0 a left", "ERR numkeys should be greater than 0");
}

#[test]
fn sets() {
    let positive = "ERR value is out of range, must be positive";
    check("spop s -1", positive);
    check("spop s x", positive);
    check("spop s 1 2", SYNTAX);
    check("srandmember s x", NOT_AN_INTEGER);
    check("srandmember s 1 2", SYNTAX);
    check(
        "srandmember s -9223372036854775808",
        "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
    );
    for count in ["0", "-1", "x"] {
        check(&format!("sintercard {count} a"), "ERR numkeys should be greater than 0");
    }
    check("sintercard 2 a", "ERR Number of keys can't be greater than number of args");
    check("sintercard 1 a limit", SYNTAX);
    check("sintercard 1 a foo 1", SYNTAX);
    check("sintercard 1 a b", SYNTAX);
    check("sintercard 1 a limit -1", "ERR LIMIT can't be negative");
    check("sintercard 1 a limit x", "ERR LIMIT can't be negative");
    check("sintercard 1 a limit 1 limit 2", "");
    check("sscan s x", "ERR invalid cursor");
    check("sscan s 0 count 0", SYNTAX);
    check("sscan s 0 count x", NOT_AN_INTEGER);
    check("sscan s 0 match", SYNTAX);
    check("sscan s 0 type x", SYNTAX);
}

#[test]
fn sorted_sets() {
    const NOT_A_FLOAT: &str = "ERR value is not a valid float";
    const SCORE: &str = "ERR min or max is not a float";
    const LEX: &str = "ERR min or max not valid string range item";
    const POSITIVE: &str = "ERR value is out of range, must be positive";
    check("zadd z nx xx 1 a", "ERR XX and NX options at the same time are not compatible");
    for pair in ["nx gt", "nx lt", "gt lt", "lt gt xx"] {
        let refusal = "ERR GT, LT, and/or NX options at the same time are not compatible";
        check(&format!("zadd z {pair} 1 a"), refusal);
    }
    check("zadd z incr 1 a 2 b", "ERR INCR option supports a single increment-element pair");
    for request in
        ["zadd z nx 1", "zadd z 1 a 2", "zadd z nx xx", "zincrby z nx m", "zadd z nx xx 1 a b"]
    {
        check(request, SYNTAX);
    }
    for score in ["''", "x", "nan", "_1", "1_", "1e400", "1e-400", "0x", "(1"] {
        check(&format!("zadd z {score} a"), NOT_A_FLOAT);
        check(&format!("zadd z 1 a {score} b"), NOT_A_FLOAT);
        check(&format!("zincrby z {score} a"), NOT_A_FLOAT);
    }
    for bound in ["x", "nan", "1_", "((1", "[1", "+"] {
        check(&format!("zcount z {bound} 1"), SCORE);
        check(&format!("zcount z 1 {bound}"), SCORE);
        check(&format!("zremrangebyscore z {bound} 1"), SCORE);
        check(&format!("zrangebyscore z {bound} 1"), SCORE);
        check(&format!("zrange z 1 {bound} byscore rev"), SCORE);
    }
    check("zcount z '' (", "");
    check("zcount z _1 1e400", "");
    for bound in ["a", "''", "-a", "+a", "1"] {
        check(&format!("zlexcount z {bound} +"), LEX);
        check(&format!("zremrangebylex z - {bound}"), LEX);
        check(&format!("zrange z {bound} + bylex"), LEX);
    }
    check("zlexcount z [ (", "");
    let limit =
        "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX";
    check("zrange z 0 1 limit 0 1", limit);
    check("zrange z x 1 limit 0 1", limit);
    check("zrange z 0 1 limit 0 -1", "");
    check("zrange z a 1", NOT_AN_INTEGER);
    check(
        "zrange z a b bylex withscores",
        "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
    );
    for request in [
        "zrange z 0 1 byscore bylex",
        "zrange z 0 1 limit 1",
        "zrange z 0 1 foo",
        "zrevrange z 0 1 rev",
        "zrangebyscore z 0 1 byscore",
        "zrangebylex z - + rev",
        "zrangestore d z 0 1 withscores",
        "zrank z a foo",
        "zpopmin z 1 2",
        "zmpop 2 z min",
        "zmpop 9223372036854775807 z min",
        "zmpop 1 z mid",
        "zmpop 1 z min count 1 count 1",
        "zmpop 1 z min count",
        "zrandmember z 1 foo",
        "zrandmember z 1 withscores foo",
        "zunion 2 a",
        "zunion 1 a weights",
        "zunion 1 a aggregate",
        "zunion 1 a aggregate foo",
        "zunionstore d 1 a withscores",
        "zdiff 1 a weights 1",
        "zdiff 1 a aggregate sum",
        "zintercard 1 a withscores",
        "zintercard 1 a limit",
        "zscan z 0 foo",
    ] {
        check(request, SYNTAX);
    }
    check("zrange z 0 1 byscore limit x 1", NOT_AN_INTEGER);
    check("zremrangebyrank z x 1", NOT_AN_INTEGER);
    check("zrank z a withscore x", &arity("zrank"));
    check("zrevrank z a WITHSCORE", "");
    for count in ["-1", "x", "99999999999999999999"] {
        check(&format!("zpopmin z {count}"), POSITIVE);
    }
    for count in ["0", "-1", "x"] {
        check(&format!("zmpop {count} z min"), "ERR numkeys should be greater than 0");
        check(&format!("bzmpop x {count} z min"), "ERR numkeys should be greater than 0");
        check(&format!("zmpop 1 z min count {count}"), "ERR count should be greater than 0");
    }
    check("bzpopmin z x", "ERR timeout is not a float or out of range");
    check("bzpopmax z -1", "ERR timeout is negative");
    check("bzmpop x 1 z min", "ERR timeout is not a float or out of range");
    for name in ["zunion", "zinter", "zdiff", "zintercard"] {
        let refusal = format!("ERR at least 1 input key is needed for '{name}' command");
        check(&format!("{name} 0 a"), &refusal);
        check(&format!("{name} -1 a"), &refusal);
        check(&format!("{name} x a"), NOT_AN_INTEGER);
    }
    let refusal = "ERR at least 1 input key is needed for 'zunionstore' command";
    check("zunionstore d 0 a", refusal);
    check("zunion 1 a weights x", "ERR weight value is not a float");
    check("zintercard 1 a limit -1", "ERR LIMIT can't be negative");
    check("zintercard 1 a limit x", "ERR LIMIT can't be negative");
    check("zrandmember z x", NOT_AN_INTEGER);
    check("zrandmember z 4611686018427387904 withscores", "ERR value is out of range");
    check("zrandmember z -4611686018427387904 withscores", "ERR value is out of range");
    check("zrandmember z 4611686018427387903 withscores", "");
    check("zscan z x", "ERR invalid cursor");
}

#[test]
fn sorting() {
    for options in ["foo", "limit 1", "get", "by", "store", "limit 1 2 3"] {
        check(&format!("sort l {options}"), SYNTAX);
    }
    check("sort l limit x 1", NOT_AN_INTEGER);
    check("sort l limit 1 x", NOT_AN_INTEGER);
    check("sort l asc desc alpha limit 1 2 by w_* get # get x store d store e", "");
    assert_eq!(refusal(&[b"sort_ro", b"l", b"store", b"d"]), SYNTAX);
    assert_eq!(refusal(&[b"sort_ro", b"l", b"by", b"w_*"]), "");
}

#[test]
fn users() {
    let form = |word| {
        format!("ERR unknown subcommand or wrong number of arguments for '{word}'. Try ACL HELP.")
    };
    let bits = "ERR ACL GENPASS argument must be the number of bits for the output password, a positive \
                number up to 4096";
    check("acl", &arity("acl"));
    check("acl foo", "ERR unknown subcommand 'foo'. Try ACL HELP.");
    check("acl setuser", &arity("acl|setuser"));
    check("acl setuser a", "");
    check("acl deluser", &arity("acl|deluser"));
    check("acl getuser", &arity("acl|getuser"));
    check("acl getuser a b", &arity("acl|getuser"));
    check("acl whoami x", &arity("acl|whoami"));
    check("acl list x", &arity("acl|list"));
    check("acl dryrun a", &arity("acl|dryrun"));
    check("acl cat foo", "ERR Unknown category 'foo'");
    check("acl cat a b", &form("cat"));
    check("acl genpass 1 2", &form("genpass"));
    check("acl log 1 2", &form("log"));
    check("acl log x", NOT_AN_INTEGER);
    check("acl log -1", "");
    check("acl genpass 01", NOT_AN_INTEGER);
    for number in ["0", "-1", "4097", "9223372036854775807"] {
        check(&format!("acl genpass {number}"), bits);
    }
    check("acl genpass 9223372036854775808", NOT_AN_INTEGER);
    check("acl genpass 4096", "");
}

#[test]
fn connections_and_server() {
    check("hello a", "ERR Protocol version is not an integer or out of range");
    check("hello 1", "NOPROTO unsupported protocol version");
    check("hello 4", "NOPROTO unsupported protocol version");
    check("hello 2 foo", "ERR Syntax error in HELLO option 'foo'");
    check("hello 2 auth a", "ERR Syntax error in HELLO option 'auth'");
    let name = "ERR Client names cannot contain spaces, newlines or special characters.";
    check("hello 2 setname a_b", name);
    check("client setname a_b", name);
    check("client setname ''", "");
    check("auth a b c", SYNTAX);
    check("client kill type foo", "ERR Unknown client type 'foo'");
    check("client kill skipme maybe", SYNTAX);
    check("client kill id 5 foo", SYNTAX);
    check("client list type normal id 1", SYNTAX);
    check("client list id", SYNTAX);
    check("client list id x", "ERR Invalid client ID");
    check("client unblock 99 foo", "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
    check("client setinfo foo bar", "ERR Unrecognized option 'foo'");
    check(
        "client setinfo lib-name a_b",
        "ERR lib-name cannot contain spaces, newlines or special characters.",
    );
    check("config set a b c", SYNTAX);
    check("shutdown save nosave", SYNTAX);
    check("shutdown abort now", SYNTAX);
    check("shutdown abort abort", "");
    check("bgsave foo", SYNTAX);
    check("replicaof a b", "ERR Invalid master port");
    check("replicaof NO one", "");
    check("command list filterby foo x", SYNTAX);
    check("command getkeys xgroup help", "ERR The command has no key arguments");
    check("command getkeys set a", "ERR Invalid number of arguments specified for command");
    check("command getkeys foo a", "ERR Invalid command specified");
    check("command getkeys xread count 5 a b c", "ERR Invalid arguments specified for command");
}

/// 2^31, 2^32, 2^63-1, 0 and -1 each have an answer of their own; what is no 64-bit number in
/// strict decimal always has the same.
struct Number {
    /// `N` stands for the number.
    request: &'static str,
    zero: &'static str,
    negative: &'static str,
    above_32_bits: &'static str,
    largest: &'static str,
    malformed: &'static str,
}

/// Accepted whatever the number.
const ANY: Number = Number {
    request: "",
    zero: "",
    negative: "",
    above_32_bits: "",
    largest: "",
    malformed: NOT_AN_INTEGER,
};

#[test]
fn every_number_at_its_limits() {
    let maxlen = "ERR The MAXLEN argument must be >= 0.";
    let limit = "ERR The LIMIT argument must be >= 0.";
    let count = "ERR COUNT must be > 0";
    let set = "ERR invalid expire time in 'set' command";
    let getex = "ERR invalid expire time in 'getex' command";
    let expire = "ERR invalid expire time in 'expire' command";
    let pexpire = "ERR invalid expire time in 'pexpire' command";
    let db = "ERR DB index is out of range";
    let int = "ERR value is out of range, value must between -2147483648 and 2147483647";
    let timeout = "ERR timeout is not an integer or out of range";
    let negative_timeout = "ERR timeout is negative";
    let client_id = "ERR client-id should be greater than 0";
    let added = "ERR entries_added must be positive";
    let table = [
        Number { request: "xadd k maxlen N * a b", negative: maxlen, ..ANY },
        Number { request: "xadd k maxlen ~ N * a b", negative: maxlen, ..ANY },
        Number { request: "xadd k maxlen ~ 1 limit N * a b", negative: limit, ..ANY },
        Number { request: "xtrim k maxlen = N", negative: maxlen, ..ANY },
        Number { request: "xtrim k minid ~ 1 limit N", negative: limit, ..ANY },
        Number { request: "xrange k - + count N", ..ANY },
        Number { request: "xrevrange k + - count N", ..ANY },
        Number { request: "xread count N streams k 0", ..ANY },
        Number {
            request: "xread block N streams k 0",
            negative: negative_timeout,
            malformed: timeout,
            ..ANY
        },
        Number { request: "xreadgroup group g c count N streams k >", ..ANY },
        Number { request: "xpending k g - + N", ..ANY },
        Number { request: "xpending k g idle N - + 1", ..ANY },
        Number {
            request: "xclaim k g c N 1-1",
            malformed: "ERR Invalid min-idle-time argument for XCLAIM",
            ..ANY
        },
        Number {
            request: "xclaim k g c 0 1-1 idle N",
            malformed: "ERR Invalid IDLE option argument for XCLAIM",
            ..ANY
        },
        Number {
            request: "xclaim k g c 0 1-1 time N",
            malformed: "ERR Invalid TIME option argument for XCLAIM",
            ..ANY
        },
        Number {
            request: "xclaim k g c 0 1-1 retrycount N",
            malformed: "ERR Invalid RETRYCOUNT option argument for XCLAIM",
            ..ANY
        },
        Number {
            request: "xautoclaim k g c N 0",
            malformed: "ERR Invalid min-idle-time argument for XAUTOCLAIM",
            ..ANY
        },
        Number {
            request: "xautoclaim k g c 0 0 count N",
            zero: count,
            negative: count,
            largest: count,
            malformed: count,
            ..ANY
        },
        Number { request: "xgroup create k g 0 entriesread N", ..ANY },
        Number { request: "xgroup setid k g 0 entriesread N", ..ANY },
        Number { request: "xinfo stream k full count N", ..ANY },
        Number { request: "xsetid k 1-1 entriesadded N", negative: added, ..ANY },
        Number { request: "set k v ex N", zero: set, negative: set, largest: set, ..ANY },
        Number { request: "set k v px N", zero: set, negative: set, largest: set, ..ANY },
        Number { request: "set k v pxat N", zero: set, negative: set, ..ANY },
        Number { request: "getex k exat N", zero: getex, negative: getex, largest: getex, ..ANY },
        Number { request: "expire k N", largest: expire, ..ANY },
        Number { request: "pexpire k N", largest: pexpire, ..ANY },
        Number { request: "pexpireat k N", ..ANY },
        Number { request: "incrby k N", ..ANY },
        Number { request: "decrby k N", ..ANY },
        Number { request: "getrange k 0 N", ..ANY },
        Number { request: "setrange k N v", negative: "ERR offset is out of range", ..ANY },
        Number { request: "scan 0 count N", zero: SYNTAX, negative: SYNTAX, ..ANY },
        Number { request: "hscan k 0 count N", zero: SYNTAX, negative: SYNTAX, ..ANY },
        Number { request: "hincrby k f N", ..ANY },
        Number { request: "hrandfield k N", ..ANY },
        Number { request: "select N", negative: db, above_32_bits: int, largest: int, ..ANY },
        Number { request: "move k N", negative: db, above_32_bits: int, largest: int, ..ANY },
        Number { request: "copy a b db N", negative: db, above_32_bits: int, largest: int, ..ANY },
        Number { request: "memory usage k samples N", negative: SYNTAX, ..ANY },
        Number {
            request: "client kill id N",
            zero: client_id,
            negative: client_id,
            malformed: client_id,
            ..ANY
        },
        Number { request: "client list id N", malformed: "ERR Invalid client ID", ..ANY },
        Number { request: "client unblock N", ..ANY },
        Number { request: "wait N 0", ..ANY },
        Number { request: "wait 0 N", negative: negative_timeout, malformed: timeout, ..ANY },
    ];
    for row in table {
        let check = |number: &str, expected| check(&row.request.replace('N', number), expected);
        // An integer of the reference's C code has 32 bits in some places.
        check("2147483648", row.above_32_bits);
        check("4294967296", row.above_32_bits);
        check("0", row.zero);
        check("-1", row.negative);
        check("9223372036854775807", row.largest);
        for malformed in [
            "9223372036854775808",
            "18446744073709551615",
            "99999999999999999999",
            "00",
            "01",
            "-01",
            "-0",
            "+1",
            "_1",
            "1_",
            "''",
            "1.0",
            "x",
        ] {
            check(malformed, row.malformed);
        }
    }
}

#[test]
fn parts_of_an_id_at_their_limits() {
    let check = |id: &str, expected: &str| {
        for request in ["xadd k N a b", "xrange k N +", "xdel k N", "xsetid k N", "xtrim k minid N"]
        {
            check(&request.replace('N', id), expected);
        }
    };
    for id in [
        "2147483648",
        "4294967296-1",
        "9223372036854775808",
        "18446744073709551615-18446744073709551615",
    ] {
        check(id, "");
    }
    check("007-0001", "");
    for id in ["18446744073709551616", "1-18446744073709551616", "99999999999999999999", "+1", "_1"]
    {
        check(id, INVALID_ID);
    }
}

#[test]
fn ids_block_of_xdelex_and_xackdel() {
    const NUMBER: &str = "ERR Number of IDs must be a positive integer";
    const MATCH: &str = "ERR The `numids` parameter must match the number of arguments";
    const ID: &str = "ERR Invalid stream ID specified as stream command argument";
    for start in ["XDELEX k", "XACKDEL k g"] {
        let check = |rest: &str, expected| check(&format!("{start} {rest}"), expected);
        check("IDS 1 1-1", "");
        check("DELREF IDS 2 1-1 2", "");
        check("ids 1 1-1 acked", "");
        for count in ["0", "-1", "x", "01", "18446744073709551616"] {
            check(&format!("IDS {count} 1-1"), NUMBER);
        }
        check("IDS 2 1-1", MATCH);
        check("IDS 9223372036854775807 1-1", MATCH);
        check("IDS 1 1-1 2-1", "ERR syntax error");
        check("IDS 1 1-1 IDS 1 2-1", "ERR syntax error");
        check("KEEPREF DELREF IDS 1 1-1", "ERR syntax error");
        check("KEEPREF 1 1-1", "ERR syntax error");
        check("IDS 2 1-1 x", ID);
        check("IDS 1 *", ID);
    }
}

#[test]
fn xnack() {
    const MODE: &str = "ERR mode must be SILENT, FAIL, or FATAL";
    const RETRYCOUNT: &str = "ERR Invalid RETRYCOUNT value, must be >= 0";
    let check = |rest: &str, expected: &str| check(&format!("XNACK k g {rest}"), expected);
    let unknown = |word: &str| format!("ERR Unrecognized XNACK option '{word}'");
    check("SILENT IDS 1 1-1", "");
    check("fail RETRYCOUNT 9 force IDS 2 1-1 2", "");
    check("FATAL IDS 2 1-1 1-1 RETRYCOUNT 9223372036854775807 RETRYCOUNT 0", "");
    check("FAIL FORCE IDS 1", "ERR number of IDs doesn't match numids");
    check("FAIL IDS 1", &arity("xnack"));
    check("HARD IDS 1 1-1", MODE);
    check("IDS 1 1-1 FAIL", MODE);
    check("FAIL RETRYCOUNT 1 FORCE", "ERR syntax error, expected IDS keyword");
    for count in ["0", "-1", "x", "01", "18446744073709551616"] {
        check(&format!("FAIL IDS {count} 1-1"), "ERR numids must be a positive integer");
    }
    check("FAIL IDS 2 1-1", "ERR number of IDs doesn't match numids");
    check("FAIL IDS 9223372036854775807 1-1", "ERR number of IDs doesn't match numids");
    check("FAIL IDS 1 1-1 2-1", &unknown("2-1"));
    check("FAIL SILENT IDS 1 1-1", &unknown("SILENT"));
    check("FAIL IDS 1 1-1 RETRYCOUNT", &unknown("RETRYCOUNT"));
    check("FAIL IDS 1 1-1 IDS 1 1-1", &unknown("IDS"));
    for count in ["-1", "x", "1.0", "9223372036854775808"] {
        check(&format!("FAIL RETRYCOUNT {count} IDS 1 1-1"), RETRYCOUNT);
    }
    check("FAIL IDS 2 1-1 x", INVALID_ID);
    check("FAIL IDS 1 *", INVALID_ID);
}

#[test]
fn claim_of_xreadgroup() {
    let check = |rest: &str, expected: &str| {
        check(&format!("XREADGROUP GROUP g c {rest} STREAMS k >"), expected);
    };
    check("CLAIM 0", "");
    check("claim 9223372036854775807 CLAIM 1", "");
    for idle in ["x", "-0", "+10", "5.5", "01", "9223372036854775808"] {
        check(&format!("CLAIM {idle}"), "ERR min-idle-time is not an integer");
    }
    check("CLAIM -1", "ERR min-idle-time must be a positive integer");
    check("CLAIM", "ERR min-idle-time is not an integer");
}

#[test]
fn claim_is_for_groups() {
    check(
        "XREAD CLAIM 5 STREAMS k 0",
        "ERR The CLAIM option is only supported by XREADGROUP. You called XREAD instead.",
    );
}

#[test]
fn what_becomes_of_references_is_said_once() {
    check("XADD k ACKED * f v", "");
    check("XADD k MAXLEN 5 delref * f v", "");
    check("XADD k KEEPREF KEEPREF * f v", "ERR syntax error");
    check("XTRIM k MAXLEN 5 ACKED", "");
    check("XTRIM k DELREF MINID ~ 5 LIMIT 3", "");
    check("XTRIM k MAXLEN 5 ACKED KEEPREF", "ERR syntax error");
    check("XTRIM k ACKED ACKED", "ERR syntax error");
    check("XTRIM k ACKED x", "ERR syntax error");
}

#[test]
fn bounds_of_a_whole_read() {
    for start in ["XREAD", "XREADGROUP GROUP g c"] {
        let check = |rest: &str, expected: &str| {
            check(&format!("{start} {rest} STREAMS k 0"), expected);
        };
        check("MAXCOUNT 5 MAXSIZE 1", "");
        check("COUNT 5 MAXCOUNT 5", "");
        check("MAXCOUNT 1 COUNT 0", "");
        check("MAXCOUNT 4 COUNT 5", "ERR MAXCOUNT must be greater than or equal to COUNT");
        for number in ["0", "-1", "x", "01", "9223372036854775808"] {
            let refusal = |name| format!("ERR {name} must be a positive integer");
            check(&format!("MAXCOUNT {number}"), &refusal("MAXCOUNT"));
            check(&format!("MAXSIZE {number}"), &refusal("MAXSIZE"));
        }
    }
}

#[test]
fn idempotent_produce() {
    const ID: &str = "ERR Invalid stream ID specified as stream command argument";
    const GENERATED: &str = "ERR IDMP/IDMPAUTO can be used only with auto-generated IDs";
    check("XADD k IDMP p i * f v", "");
    check("XADD k NOMKSTREAM idmpauto p MAXLEN 5 * f v", "");
    check("XADD k IDMP p 1-1 * f v", "");
    check("XADD k IDMP p * * f v", "");
    check("XADD k IDMP p1 * f v", ID);
    check("XADD k IDMP p i IDMPAUTO p * f v", "ERR IDMP/IDMPAUTO specified multiple times");
    check("XADD k IDMP p i 5-1 f v", GENERATED);
    check("XADD k IDMP p i 5-* f v", GENERATED);
    check("XADD k IDMP '' i * f v", "ERR IDMP requires a non-empty producer ID");
    check("XADD k IDMP p '' * f v", "ERR IDMP requires a non-empty idempotent ID");
    check("XADD k IDMPAUTO '' * f v", "ERR IDMPAUTO requires a non-empty producer ID");
    check("XADD k IDMP p i * f", "ERR wrong number of arguments for 'xadd' command");
    check("XCFGSET k IDMP-DURATION 1 idmp-maxsize 10000", "");
    check("XCFGSET k", "ERR At least one parameter must be specified");
    for number in ["0", "-1", "86401"] {
        let refusal = "ERR IDMP-DURATION must be between 1 and 86400 seconds";
        check(&format!("XCFGSET k IDMP-DURATION {number}"), refusal);
    }
    for number in ["0", "-1", "10001"] {
        let refusal = "ERR IDMP-MAXSIZE must be between 1 and 10000 entries";
        check(&format!("XCFGSET k IDMP-MAXSIZE {number}"), refusal);
    }
    check("XCFGSET k IDMP-MAXSIZE x", "ERR value is not an integer or out of range");
    check("XCFGSET k IDMP-MAXSIZE", "ERR syntax error");
    check("XCFGSET k MAXSIZE 5", "ERR syntax error");
    check("XIDMPRECORD k p i 5-1", "");
    check("XIDMPRECORD k p i x", ID);
    check("XIDMPRECORD k '' i 5-1", "ERR IDMP requires a non-empty producer ID");
}
