//! Scripts that mean harm: they get an error, and the next one finds nothing of them.

use support::Value;

use super::{eval, launch, start_impatient, until_busy};

const HOSTILE: &[&str] = &[
    "local t = {} for i = 1, 1e9 do t[i] = i end",
    "local s = 'x' while true do s = s .. s end",
    "return string.rep('x', 1e9)",
    "return string.rep(string.rep('x', 1e4), 1e6)",
    "local t = {} for i = 1, 1e9 do t[i] = string.rep('x', 1e5) .. i end",
    "return table.concat({string.rep('x', 4e6), string.rep('y', 4e6), string.rep('z', 4e6)})",
    "local function f() return f() + 1 end return f()",
    "local function f() return pcall(f) end return f()",
    "local t = {} t[1] = t return t",
    "local t = {} t[1] = t return cjson.encode(t)",
    "return cjson.decode(string.rep('[', 1e6))",
    "return cmsgpack.unpack(string.rep('\\145', 1e6))",
    "return cmsgpack.unpack('\\221\\255\\255\\255\\255')",
    "return struct.pack('c2147483647', 'x')",
    "return struct.unpack('c2147483647', 'x')",
    "return struct.unpack('s', 'x', 9e15)",
    "return struct.pack(string.rep('s', 1e5), unpack({}, 1, 7000))",
    "return unpack({}, 1, 1e8)",
    "return select('#', unpack({}, 1, 7999))",
    "return string.format('%99999d', 1)",
    "return (string.gsub(string.rep('a', 1e6), 'a', string.rep('b', 1e3)))",
    "return loadstring(string.rep('(', 1e5))",
    "return loadstring(string.rep('return ', 1e5))",
    "return loadstring('return ' .. string.rep('{', 300) .. string.rep('}', 300))()",
    "return loadstring(string.dump(function() end))",
    "local s = string.rep('a', 1e4) return string.find(s, string.rep('(', 33))",
    "return coroutine.wrap(function() return coroutine.wrap(function() error({}) end)() end)()",
    "for i = 1, 300 do coroutine.wrap(function() coroutine.yield() end)() end error(setmetatable({}, {}))",
    "local c c = coroutine.create(function() coroutine.resume(c) end) return coroutine.resume(c)",
    "local f = function() end for i = 1, 190 do local g = f f = function() return pcall(g) end end return f()",
    "error({1, 2})",
    "error(function() end)",
    "error(setmetatable({}, {__tostring = function() error('x') end}))",
    "setmetatable(_G, {__index = 1})",
    "string.rep = nil",
    "getmetatable('').__index = function() end",
    "getmetatable(_G).__index = nil",
    "rawset(_G, 'redis', nil)",
    "table.insert(redis, 'x') table.insert(_G, 'y') return redis.call('PING')",
    "redis.call = nil",
    "KEYS = nil",
    "return redis.call('EVAL', 'return 1', 0)",
    "return redis.call('SHUTDOWN')",
    "return redis.call(unpack({}, 1, 5000))",
    "return collectgarbage('stop')",
    "return tostring(os.execute)",
    "return io.open('/etc/passwd')",
    "return require('os')",
    "return debug.getregistry()",
    "return getfenv(0)",
    "return newproxy(true)",
    "return redis.sha1hex(string.rep('x', 3e6))",
    "return bit.lshift(1, 0/0) + bit.tobit(1/0)",
    "return string.byte(string.rep('x', 1e4), 1, -1)",
    "table.sort({3, 2, 1, 5, 4}, function() return true end) return 1",
    "return math.random(0)",
    "return {err = string.rep('x', 1e5)}",
    "return redis.error_reply(string.rep('x\\n', 1e3))",
];

/// One after the other on one server, with little memory: each gets an answer, and after each the world
/// is as it was.
#[test]
fn none_of_them_harms_the_server_or_the_next_script() {
    // A reply of a thousand levels takes the client of the tests as many calls to read.
    let builder = std::thread::Builder::new().stack_size(64 << 20);
    builder.spawn(play_hostile).unwrap().join().unwrap();
}

/// Tables that refer to themselves so often that walking through them takes for ever.
#[test]
fn a_walk_through_a_table_without_end_is_ended() {
    let grow = "local t = {1} for i = 1, 60 do t = {t, t} end ";
    let grow_flat = "local t = {1} for i = 1, 15 do t = {t, t, t, t, t, t, t, t} end ";
    for (grow, rest) in [
        (grow, "return t"),
        (grow, "return cjson.encode(t)"),
        (grow_flat, "return cmsgpack.pack(t)"),
    ] {
        let server = start_impatient();
        let (mut hog, mut other) = (server.connect(), server.connect());
        hog.send_command(&["EVAL", &format!("{grow}{rest}"), "0"]).unwrap();
        until_busy(&mut other);
        assert_eq!(other.words("SCRIPT KILL"), Value::simple("OK"), "{rest}");
        let answer = hog.receive().unwrap();
        assert!(answer.is_error("ERR Script killed by user"), "{rest}: {answer:?}");
        assert_eq!(eval(&mut hog, "return 1"), Value::Int(1), "{rest}");
    }
}

fn play_hostile() {
    let server = launch().args(["--script-memory-limit", "16mb"]).start();
    let mut client = server.connect();
    for script in HOSTILE {
        let answer = client.try_command(&["EVAL", script, "0"]);
        assert!(answer.is_ok(), "{script}: {answer:?}");
        let check = "local n = 0 for k in pairs(redis) do n = n + 1 end \
             return {type(redis.call), ('x'):rep(3), #KEYS, n, table.getn(redis)}";
        let world = eval(&mut client, check);
        let expected = vec![
            Value::bulk("function"),
            Value::bulk("xxx"),
            Value::Int(0),
            Value::Int(23),
            Value::Int(0),
        ];
        assert_eq!(world, Value::Array(expected), "after {script}");
    }
}

/// Bytes that are no script, and scripts with bytes changed at random: each gets an answer.
#[test]
fn any_bytes_are_answered() {
    let mut rng = support::Rng::from_env("HEADWATER_TEST_SEED");
    let server =
        launch().args(["--script-memory-limit", "16mb", "--busy-reply-threshold", "0"]).start();
    let mut client = server.connect();
    for _ in 0..2_000 {
        let mut script = HOSTILE[10 + rng.index(HOSTILE.len() - 10)].as_bytes().to_vec();
        // Nothing that may run long.
        if script.windows(3).any(|part| part == b"for" || part == b"rep" || part == b"1e8") {
            script =
                b"return {redis.call('PING'), cjson.decode('[1,{\"a\":null}]'), #ARGV}".to_vec();
        }
        for _ in 0..1 + rng.index(4) {
            let at = rng.index(script.len());
            script[at] = u8::try_from(rng.below(1..256)).unwrap();
        }
        let command: [&[u8]; 3] = [b"EVAL", &script, b"0"];
        let answer = client.try_command(&command);
        assert!(answer.is_ok(), "{:?}: {answer:?}", String::from_utf8_lossy(&script));
    }
    assert_eq!(eval(&mut client, "return 1"), Value::Int(1));
}
