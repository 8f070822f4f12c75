//! Every place of a request that takes a number, with the numbers at the edges: nothing panics,
//! hangs or takes memory, and what Redis 7.0 knows is answered as Redis does, byte for byte.

use std::io::{Read, Write};
use std::net::TcpStream;

use support::{Launch, Server, Value, anonymous_bytes, encode_into, skip};

use super::launch;

const NUMBERS: [&str; 22] = [
    "0",
    "-0",
    "1",
    "-1",
    "2147483647",
    "2147483648",
    "-2147483649",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999",
    "007",
    "+1",
    " 1",
    "1 ",
    "1.0",
    "",
];

/// Before each request. Nothing is idle for a time that depends on the machine: what is pending was
/// delivered in 1970, and so are the ages beside which 1 is small.
const SETUP: &str = "SELECT 0
CLIENT UNPAUSE
FLUSHALL
SET n 10
SET s hello
HSET h a 1 b 2 c 3
RPUSH l a b a c a
SADD z a 1 2
RPUSH ls a b c b a
SADD st 1 2 3
ZADD o 1 a 2 b 3 c
ZADD zs 1 a 2 b 3 c
XADD x 5-1 f v
XADD x 5-2 f v
XADD x 7-0 f v
XGROUP CREATE x g 0
XREADGROUP GROUP g c COUNT 2 STREAMS x >
XCLAIM x g c 0 5-1 5-2 TIME 0";

/// After each request, to see what it did.
const PROBES: &str = "SELECT 0
GET n
STRLEN s
HGETALL h
LRANGE l 0 -1
SCARD z
LRANGE ls 0 -1
SCARD st
ZRANGE o 0 -1 WITHSCORES
ZRANGE zs 0 -1 WITHSCORES
XRANGE x - +
XPENDING x g
EXISTS n s h l z o x k new t ls st zs
PING";

/// The place of the number is `$`. A line with `~` before it is not compared: newer than Redis 7.0,
/// or its reply tells of the server.
const PLACES: &str = "
XADD x MAXLEN $ 8-0 f v
XADD x MAXLEN ~ $ 8-0 f v
XADD x MAXLEN ~ 1 LIMIT $ 8-0 f v
XADD x MINID $ 8-0 f v
XADD x MINID $-1 8-0 f v
XADD x MINID 6-$ 8-0 f v
XADD x $ f v
XADD x $-1 f v
XADD x 8-$ f v
XADD x $-* f v
~XADD x IDMP p $ 8-0 f v
~XCFGSET x IDMP-DURATION $
~XCFGSET x IDMP-MAXSIZE $
~XIDMPRECORD x p i $
~XIDMPRECORD x p i 7-$
XTRIM x MAXLEN $
XTRIM x MAXLEN ~ 1 LIMIT $
XTRIM x MINID $
XTRIM x MINID 6-$
XDEL x $
XDEL x 5-$
XDEL x $-1
~XDELEX x IDS $ 5-1
~XDELEX x IDS 1 $
~XACKDEL x g IDS $ 5-1
~XACKDEL x g IDS 1 5-$
~XNACK x g FAIL IDS $ 5-1
~XNACK x g FAIL IDS 1 5-$
~XNACK x g FAIL IDS 1 5-1 RETRYCOUNT $
XACK x g $
XACK x g 5-$
XRANGE x $ +
XRANGE x ($ +
XRANGE x - $
XRANGE x - ($
XRANGE x 5-$ +
XRANGE x - 5-$
XRANGE x - + COUNT $
XREVRANGE x $ -
XREVRANGE x + ($-1
XREVRANGE x + - COUNT $
XREAD COUNT $ STREAMS x 0
XREAD BLOCK $ STREAMS x 0
XREAD STREAMS x $
XREAD STREAMS x 5-$
~XREAD MAXCOUNT $ STREAMS x 0
~XREAD MAXSIZE $ STREAMS x 0
XREADGROUP GROUP g c COUNT $ STREAMS x >
XREADGROUP GROUP g c BLOCK $ STREAMS x >
XREADGROUP GROUP g c STREAMS x $
~XREADGROUP GROUP g c MAXCOUNT $ STREAMS x >
~XREADGROUP GROUP g c MAXSIZE $ STREAMS x >
~XREADGROUP GROUP g c CLAIM $ STREAMS x >
XGROUP CREATE x new $
XGROUP CREATE x new 5-$
XGROUP CREATE x new 0 ENTRIESREAD $
XGROUP SETID x g $
XGROUP SETID x g 0 ENTRIESREAD $
XSETID x $
XSETID x 9-$
XSETID x 9-0 ENTRIESADDED $ MAXDELETEDID 0-0
XSETID x 9-0 ENTRIESADDED 5 MAXDELETEDID $
XPENDING x g $ + 10
XPENDING x g - $ 10
XPENDING x g - + $
XPENDING x g IDLE $ - + 0
XCLAIM x g d $ 5-1
XCLAIM x g d 0 $
XCLAIM x g d 0 5-$
XCLAIM x g d 0 5-1 IDLE $
XCLAIM x g d 0 5-1 TIME $
XCLAIM x g d 0 5-1 RETRYCOUNT $
XCLAIM x g d 0 5-1 LASTID $
XAUTOCLAIM x g d $ 0
XAUTOCLAIM x g d 0 $
XAUTOCLAIM x g d 0 5-$
XAUTOCLAIM x g d 0 0 COUNT $
~XINFO STREAM x FULL COUNT $
LCS s n IDX MINMATCHLEN $
INCRBY n $
DECRBY n $
INCRBY new $
~INCRBYFLOAT n $
SETRANGE s $ x
SETRANGE new $ x
GETRANGE s $ -1
GETRANGE s 0 $
SUBSTR s $ 3
SUBSTR s 1 $
SET k v EX $
SET k v PX $
SET k v EXAT $
SET k v PXAT $
SETEX k $ v
PSETEX k $ v
GETEX s EX $
GETEX s PX $
GETEX s EXAT $
GETEX s PXAT $
HINCRBY h a $
HINCRBY h new $
~HINCRBYFLOAT h a $
~HRANDFIELD h $
~HRANDFIELD h $ WITHVALUES
HRANDFIELD new $
HSCAN h $
HSCAN h 0 COUNT $
LPOP l $
RPOP l $
LRANGE l $ -1
LRANGE l 0 $
LINDEX l $
LSET l $ v
LREM l $ a
LTRIM l $ -1
LTRIM l 0 $
LPOS l a RANK $
LPOS l a COUNT $
LPOS l a MAXLEN $
LPOS l a COUNT 0 RANK $
LMPOP $ l LEFT
LMPOP 1 l LEFT COUNT $
BLPOP l $
BRPOP l $
BLMOVE l k LEFT LEFT $
BLMPOP $ 1 l LEFT
BLMPOP 0 $ l LEFT
BLMPOP 0 1 l LEFT COUNT $
EVAL return(#KEYS) $ k
EVAL_RO return(#KEYS) $ k
EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db $ k
EVALSHA_RO e0e1f9fabfc9d4800c877a703b823ac0578ff8db $ k
FCALL missing $ k
FCALL_RO missing $ k
~SPOP z $
SPOP new $
~SRANDMEMBER z $
SRANDMEMBER new $
SINTERCARD $ z
SINTERCARD 1 z LIMIT $
~SSCAN z $
~SSCAN z 0 COUNT $
ZADD o $ d
ZADD o GT CH $ b
ZINCRBY o $ a
ZCOUNT o $ inf
ZCOUNT o ($ 2
ZRANGE o $ -1
ZRANGE o 0 $ REV
ZRANGE o $ 2 BYSCORE
ZRANGE o 3 ($ BYSCORE REV
ZRANGE o - + BYLEX LIMIT $ 2
ZRANGE o 0 9 BYSCORE LIMIT 1 $
ZRANGESTORE k o $ 1
ZRANGEBYSCORE o -inf $ LIMIT 0 $
ZREMRANGEBYRANK o $ 1
ZREMRANGEBYSCORE o $ 2
ZPOPMIN o $
ZPOPMAX o $
ZMPOP $ o MIN
ZMPOP 1 o MAX COUNT $
BZPOPMIN o $
BZMPOP $ 1 o MIN
BZMPOP 0 $ o MIN
BZMPOP 0 1 o MIN COUNT $
ZUNION $ o z
ZUNIONSTORE k $ o
ZUNIONSTORE k 2 o z WEIGHTS $ 2
ZINTERCARD $ o
ZINTERCARD 1 o LIMIT $
~ZRANDMEMBER o $
ZRANDMEMBER new $ WITHSCORES
ZSCAN o $
ZSCAN o 0 COUNT $
BZPOPMAX o $
ZDIFF $ o z
ZDIFFSTORE k $ o
ZINTER $ o z
ZINTER 2 o z WEIGHTS $ 2
ZINTERSTORE k $ o
ZINTERSTORE k 2 o z WEIGHTS 2 $
ZUNION 2 o z WEIGHTS $ $
ZRANGEBYLEX o - + LIMIT $ 2
ZRANGEBYLEX o - + LIMIT 0 $
ZREVRANGEBYLEX o + - LIMIT $ 2
ZREVRANGEBYLEX o + - LIMIT 0 $
ZRANGEBYSCORE o $ 2
ZRANGEBYSCORE o 1 $ LIMIT 0 2
ZRANGEBYSCORE o 0 9 LIMIT $ 2
ZREVRANGEBYSCORE o $ 1
ZREVRANGEBYSCORE o 3 $
ZREVRANGEBYSCORE o 9 0 LIMIT $ 2
ZREVRANGEBYSCORE o 9 0 WITHSCORES LIMIT 0 $
ZRANGESTORE k o 0 9 BYSCORE LIMIT $ 2
ZRANGESTORE k o 0 9 BYSCORE LIMIT 0 $
ZREMRANGEBYRANK o 0 $
ZREMRANGEBYSCORE o 1 $
ZREVRANGE o $ -1
ZREVRANGE o 0 $
SORT l ALPHA LIMIT $ 2
SORT l ALPHA LIMIT 1 $
SORT l ALPHA LIMIT $ $ STORE k
EXPIRE s $
PEXPIRE s $
EXPIREAT s $
PEXPIREAT s $
~SCAN $
~SCAN 0 COUNT $
RESTORE k $ x
RESTORE k 0 x IDLETIME $
RESTORE k 0 x FREQ $
SORT ls ALPHA LIMIT $ 2
SORT ls ALPHA LIMIT 1 $
SORT_RO ls ALPHA LIMIT $ 2
SORT_RO ls ALPHA LIMIT 1 $
LPOP ls $
RPOP ls $
LPOP new $
LINDEX ls $
LSET ls $ x
LRANGE ls $ -1
LRANGE ls 0 $
LTRIM ls $ -1
LTRIM ls 0 $
LREM ls $ a
LPOS ls a RANK $
LPOS ls a COUNT $
LPOS ls a MAXLEN $
LMPOP $ ls LEFT
LMPOP 1 ls LEFT COUNT $
BLPOP ls $
BRPOP ls $
BLMOVE ls new LEFT RIGHT $
BRPOPLPUSH ls new $
BLMPOP $ 1 ls LEFT
BLMPOP 0 $ ls LEFT
BLMPOP 0 1 ls LEFT COUNT $
SINTERCARD $ st
SINTERCARD 1 st LIMIT $
~SPOP st $
~SRANDMEMBER st $
SRANDMEMBER new $
SSCAN st $
SSCAN st 0 COUNT $
ZADD zs $ m
ZADD zs INCR $ a
ZINCRBY zs $ a
ZCOUNT zs $ +inf
ZCOUNT zs -inf $
ZCOUNT zs ($ +inf
ZLEXCOUNT zs $ +
ZLEXCOUNT zs - $
ZPOPMIN zs $
ZPOPMAX zs $
ZMPOP $ zs MIN
ZMPOP 1 zs MIN COUNT $
BZPOPMIN zs $
BZPOPMAX zs $
BZMPOP $ 1 zs MIN
BZMPOP 0 $ zs MIN
BZMPOP 0 1 zs MIN COUNT $
~ZRANDMEMBER zs $
ZRANDMEMBER new $
ZRANGE zs $ -1
ZRANGE zs 0 $
ZRANGE zs 0 9 BYSCORE LIMIT $ 1
ZRANGE zs 0 9 BYSCORE LIMIT 0 $
ZRANGESTORE new zs $ -1
ZRANGESTORE new zs 0 $
ZRANGESTORE new zs 0 9 BYSCORE LIMIT $ 1
ZRANGESTORE new zs 0 9 BYSCORE LIMIT 0 $
ZRANGEBYSCORE zs $ +inf
ZRANGEBYSCORE zs -inf $
ZRANGEBYSCORE zs 0 9 LIMIT $ 1
ZRANGEBYSCORE zs 0 9 LIMIT 0 $
ZREVRANGEBYSCORE zs $ -inf
ZREVRANGEBYSCORE zs +inf $
ZREVRANGEBYSCORE zs 9 0 LIMIT $ 1
ZREVRANGEBYSCORE zs 9 0 LIMIT 0 $
ZRANGEBYLEX zs - + LIMIT $ 1
ZRANGEBYLEX zs - + LIMIT 0 $
ZREVRANGEBYLEX zs + - LIMIT $ 1
ZREVRANGEBYLEX zs + - LIMIT 0 $
ZREVRANGE zs $ -1
ZREVRANGE zs 0 $
ZREMRANGEBYRANK zs $ -1
ZREMRANGEBYRANK zs 0 $
ZREMRANGEBYSCORE zs $ +inf
ZREMRANGEBYSCORE zs -inf $
ZUNION $ zs
ZUNION 1 zs WEIGHTS $ WITHSCORES
ZINTER $ zs
ZINTER 1 zs WEIGHTS $ WITHSCORES
ZDIFF $ zs
ZUNIONSTORE new $ zs
ZUNIONSTORE new 1 zs WEIGHTS $
ZINTERSTORE new $ zs
ZINTERSTORE new 1 zs WEIGHTS $
ZDIFFSTORE new $ zs
ZINTERCARD $ zs
ZINTERCARD 1 zs LIMIT $
ZSCAN zs $
ZSCAN zs 0 COUNT $
~CLIENT PAUSE $ WRITE
~ACL GENPASS $
ACL LOG $
COPY s t DB $
MOVE s $
SELECT $
SWAPDB 0 $
SWAPDB $ 1
WAIT 0 $
WAIT $ 1
~WAITAOF $ 0 1
~WAITAOF 0 $ 1
~WAITAOF 0 0 $
CLIENT KILL ID $
~CLIENT KILL MAXAGE $
CLIENT UNBLOCK $
~CLIENT LIST ID $
~MEMORY USAGE x SAMPLES $
~LOLWUT VERSION $
~SLOWLOG GET $
~REPLICAOF localhost $
~SLAVEOF localhost $
~FAILOVER TO localhost $
~FAILOVER TIMEOUT $
~PSYNC ? $
CLUSTER ADDSLOTS $
CLUSTER ADDSLOTSRANGE $ 5
CLUSTER ADDSLOTSRANGE 5 $
CLUSTER COUNTKEYSINSLOT $
CLUSTER DELSLOTS $
CLUSTER DELSLOTSRANGE $ 5
CLUSTER DELSLOTSRANGE 5 $
CLUSTER GETKEYSINSLOT $ 5
CLUSTER GETKEYSINSLOT 5 $
CLUSTER MEET localhost $
CLUSTER MEET localhost 5 $
CLUSTER SET-CONFIG-EPOCH $
CLUSTER SETSLOT $ NODE x
~CLIENT TRACKING ON REDIRECT $
HELLO $
";

/// The one difference by design. An ID is made of digits here; Redis reads a part that it does not
/// understand with C's `strtoull`, which takes blanks and signs and makes a large number of a
/// negative one. XCLAIM takes what is no ID for an option.
fn is_by_design(number: &str, got: &str) -> bool {
    number.starts_with(['+', '-', ' '])
        && (got.starts_with("-ERR Invalid stream ID specified") || got.contains("XCLAIM option"))
}

/// Idle times since 1970 are times of today, and not the same for both.
fn without_times(reply: &str) -> String {
    let is_time = |line: &str| line.starts_with(":1") && line.len() == 14;
    let lines = reply.split("\\r\\n").map(|line| if is_time(line) { ":now" } else { line });
    lines.collect::<Vec<_>>().join("\\r\\n")
}

/// Bytes that the whole table may add: the caches of an allocator, and no more.
const GROWTH_MAX: u64 = 32 << 20;

struct Side {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Side {
    fn new(server: &Server) -> Self {
        // The smallest IDs of clients belong to nobody any more.
        let earlier: Vec<_> = (0..10).map(|_| server.connect()).collect();
        earlier.into_iter().for_each(|mut client| assert!(client.words("PING").text() == "PONG"));
        let stream = TcpStream::connect(server.address()).expect("it runs");
        stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).expect("a socket");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, received: Vec::new() }
    }

    /// One reply to each request, as it came.
    fn ask(&mut self, requests: &[Vec<u8>], what: &str) -> Vec<String> {
        self.stream.write_all(&requests.concat()).unwrap_or_else(|e| panic!("{what}: {e}"));
        let mut replies = Vec::new();
        let mut chunk = [0; 1 << 16];
        while replies.len() < requests.len() {
            if let Some(len) = skip(&self.received) {
                let reply: Vec<u8> = self.received.drain(..len).collect();
                replies.push(reply.escape_ascii().to_string());
                continue;
            }
            match self.stream.read(&mut chunk) {
                Ok(len @ 1..) => self.received.extend_from_slice(&chunk[..len]),
                end => panic!("{what}: {end:?} after {} replies", replies.len()),
            }
        }
        replies
    }
}

fn request(line: &str, number: &str) -> Vec<u8> {
    let words: Vec<String> = line.split(' ').map(|word| word.replace('$', number)).collect();
    let mut bytes = Vec::new();
    encode_into(&mut bytes, &words);
    bytes
}

fn script(line: &str, number: &str) -> Vec<Vec<u8>> {
    let fixed = |lines: &'static str| lines.lines().map(|line| request(line, ""));
    fixed(SETUP).chain([request(line, number)]).chain(fixed(PROBES)).collect()
}

/// Names of the arguments that are numbers, as COMMAND DOCS tells them.
fn numeric_arguments(arguments: &Value, names: &mut Vec<String>) {
    for argument in arguments.clone().array() {
        let parts = argument.array();
        let field = |name: &str| {
            let (pairs, _) = parts.as_chunks::<2>();
            pairs.iter().find(|[key, _]| key.text() == name).map(|[_, value]| value.clone())
        };
        let kind = field("type").map_or(String::new(), |kind| kind.text());
        if matches!(kind.as_str(), "integer" | "double" | "unix-time") {
            names.push(field("name").map_or(String::new(), |name| name.text()));
        }
        if let Some(arguments) = field("arguments") {
            numeric_arguments(&arguments, names);
        }
    }
}

/// Commands of COMMAND DOCS with more numeric arguments than lines in the table.
fn missing_places(docs: &Value, missing: &mut Vec<String>) {
    let docs = docs.clone().array();
    let (commands, _) = docs.as_chunks::<2>();
    for [name, doc] in commands {
        let name = name.text();
        let fields = doc.clone().array();
        let (fields, _) = fields.as_chunks::<2>();
        for [field, value] in fields {
            match field.text().as_str() {
                "subcommands" => missing_places(value, missing),
                "arguments" => {
                    let mut numbers = Vec::new();
                    numeric_arguments(value, &mut numbers);
                    let begin = format!("{} ", name.replace('|', " ").to_uppercase());
                    let lines = PLACES.lines().map(|line| line.trim_start_matches('~'));
                    let lines = lines.filter(|line| line.starts_with(&begin) && line.contains('$'));
                    let count = lines.count();
                    if count < numbers.len() {
                        missing.push(format!("{name}: {count} lines for {numbers:?}"));
                    }
                }
                _ => {}
            }
        }
    }
}

/// A new command with a number among its arguments is red here until it has its lines in the table.
#[test]
fn every_numeric_argument_of_the_command_table_has_a_place() {
    let server = launch().start();
    let mut missing = Vec::new();
    missing_places(&server.connect().words("COMMAND DOCS"), &mut missing);
    assert!(missing.is_empty(), "PLACES lacks lines:\n{}", missing.join("\n"));
}

#[test]
fn numbers_at_the_edges_are_answered_as_redis_does() {
    let headwater = launch().args(["--appendfsync", "no"]).start();
    let redis = Launch::reference("redis-server").args(["--appendonly", "no"]).start();
    let (mut ours, mut theirs) = (Side::new(&headwater), Side::new(&redis));
    let at = SETUP.lines().count();
    let before = anonymous_bytes(headwater.pid()).expect("it runs");
    let mut differences = Vec::new();
    let mut explained = 0;
    for line in PLACES.lines().filter(|line| !line.is_empty()) {
        let (line, is_compared) = line.strip_prefix('~').map_or((line, true), |rest| (rest, false));
        for number in NUMBERS {
            let what = format!("{line} with {number:?}");
            let requests = script(line, number);
            let got = ours.ask(&requests, &what);
            assert_eq!(got.last().map(String::as_str), Some("+PONG\\r\\n"), "{what}: {got:?}");
            if !is_compared {
                continue;
            }
            let expected = theirs.ask(&requests, &what);
            let differs = |at: &usize| without_times(&got[*at]) != without_times(&expected[*at]);
            let Some(first) = (0..got.len()).find(differs) else { continue };
            if first == at && is_by_design(number, &got[at]) {
                explained += 1;
                continue;
            }
            differences.push(format!(
                "{what}: reply {first} is {} where Redis says {}",
                got[first], expected[first]
            ));
        }
        let taken = anonymous_bytes(headwater.pid()).expect("it runs").saturating_sub(before);
        assert!(taken < GROWTH_MAX, "{line}: {} KiB", taken / 1024);
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(0 < explained, "nothing differs by design any more");
    assert!(headwater.terminate().success());
}
