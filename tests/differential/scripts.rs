//! EVAL: commands that go through Lua and come back, and what Lua makes of them.

use crate::generate::{Generator, bytes, words};
use crate::keys::filled;
use crate::script::Words;

/// What is done with a command: it stands in ARGV.
const BODIES: &[&str] = &[
    "return redis.call(unpack(ARGV))",
    "return redis.call(unpack(ARGV))",
    "return redis.pcall(unpack(ARGV))",
    "return {redis.pcall(unpack(ARGV)), 1.7, false, 'x'}",
    "redis.setresp(3) return redis.call(unpack(ARGV))",
    "redis.setresp(3) return {redis.pcall(unpack(ARGV)), true, false}",
    "local r = redis.pcall(unpack(ARGV)) return type(r)",
    "local r = redis.pcall(unpack(ARGV)) return type(r) == 'table' and (r.ok or r.err or #r) or r",
    "local ok, r = pcall(redis.call, unpack(ARGV)) return {tostring(ok), type(r)}",
    "local ok, r = pcall(redis.call, unpack(ARGV)) if ok then return r end error(r)",
    "return cjson.encode({redis.pcall(unpack(ARGV))})",
    "return cjson.decode(cjson.encode({redis.pcall(unpack(ARGV)), #ARGV}))",
    "return cmsgpack.unpack(cmsgpack.pack(redis.pcall(unpack(ARGV))))",
    "redis.call('APPEND', 'log', ARGV[1]) return redis.call(unpack(ARGV))",
    "return redis.sha1hex(table.concat(ARGV, ' '))",
    "return #ARGV",
    "return ARGV",
    "local t = {} for i, v in ipairs(ARGV) do t[i] = tonumber(v) or v end return t",
    "return tostring(tonumber(ARGV[#ARGV]))",
    "return tonumber(ARGV[#ARGV])",
    "return redis.status_reply(ARGV[1])",
    "return redis.error_reply(table.concat(ARGV, ' '))",
    "return {ok = ARGV[1]}",
    "return {err = ARGV[#ARGV]}",
    "error(ARGV[1])",
    // Without any text it ends Redis 7.0.
    "error({err = ARGV[1] or 'none'})",
    "return nothing",
    "x = ARGV[1]",
    "return redis.call('SELECT', ARGV[#ARGV])",
    "return struct.pack('>I4s', #ARGV, ARGV[1])",
    "return {bit.bxor(#ARGV, 5), bit.tohex(#ARGV)}",
    "#!lua flags=no-writes\nreturn redis.call(unpack(ARGV))",
    "#!lua flags=allow-oom\nreturn redis.call(unpack(ARGV))",
    "#!lua flags=nonsense\nreturn 1",
    "#!lua\nreturn redis.pcall(unpack(ARGV))",
    "return (",
    "return 1 return 2",
];

/// Commands for ARGV, in the notation of `keys`.
const INNER: &[&str] = &[
    "GET S",
    "GET K",
    "SET S V",
    "SET S n",
    "SET K V NX",
    "INCR S",
    "INCRBY S N",
    "APPEND S V",
    "STRLEN S",
    "GETRANGE S n N",
    "SETRANGE S n V",
    "GETSET S V",
    "GETDEL S",
    "MGET S S K",
    "MSET S V S V",
    "HSET H F V",
    "HSET H F V F V",
    "HGET H F",
    "HDEL H F",
    "HLEN H",
    "HMGET H F F",
    "HINCRBY H F N",
    "HEXISTS H F",
    "HSETNX H F V",
    "DEL K",
    "DEL K K",
    "EXISTS K K",
    "TYPE K",
    "RENAME K K",
    "EXPIRE K 1000",
    "PERSIST K",
    "TTL missing",
    "XLEN X",
    "XRANGE X - +",
    "XDEL X 1-1",
    "XTRIM X MAXLEN n",
    "XADD X 0-0 a 1",
    "XADD X 99999999999999-1 a",
    "XGROUP FOO",
    "XREAD COUNT n STREAMS X 0",
    "XREAD BLOCK 0 STREAMS X $",
    "PING",
    "PING V",
    "ECHO V",
    "FOO V",
    "GET",
    "SET S",
    "MULTI",
    "EXEC",
    "EVAL V 0",
    "BLPOP K 0",
    "SUBSCRIBE V",
    "CLIENT ID",
    "CONFIG GET port",
    "OBJECT FOO",
    "DBSIZE",
    "SELECT 0",
    "HGETALL missing",
    "SCRIPT FLUSH",
];

/// One command about scripts.
pub(crate) fn command(generator: &mut Generator) -> Words {
    let name = *generator.pick(&["EVAL", "EVAL", "EVAL", "EVAL", "EVAL_RO"]);
    if generator.one_in(12) {
        return odd(generator);
    }
    let body = *generator.pick(BODIES);
    let inner = *generator.pick(INNER);
    let mut command = vec![bytes(name), bytes(body), bytes("0")];
    command.extend(filled(generator, inner));
    command
}

fn odd(generator: &mut Generator) -> Words {
    let lines = [
        "EVAL return+1 N",
        "EVAL return+1 N K V",
        "EVALSHA 0123456789012345678901234567890123456789 0",
        "EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0",
        "EVALSHA E0E1F9FABFC9D4800C877A703B823AC0578FF8DB 1 K",
        "EVALSHA short N",
        "EVALSHA_RO e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0",
        "SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0",
        "SCRIPT LOAD V",
        "SCRIPT FLUSH",
        "SCRIPT FLUSH ASYNC",
        "SCRIPT FLUSH FOO",
        "SCRIPT KILL",
        "SCRIPT FOO",
        "FUNCTION FOO",
        "FUNCTION LOAD V",
        "FUNCTION DELETE V",
        "FUNCTION FLUSH",
        "FUNCTION LIST",
        "FUNCTION LIST FOO",
        "FUNCTION STATS",
        "FUNCTION KILL",
        "FUNCTION RESTORE V",
        "FCALL missing 0",
        "FCALL inc N",
        "FCALL inc 1 S",
        "FCALL inc 1 S N",
        "FCALL_RO inc 1 S",
        "FCALL_RO peek 1 K",
        "FCALL peek 1 K",
    ];
    if generator.one_in(4) {
        let replace = generator.one_in(2);
        let mut command = words(&["FUNCTION", "LOAD"]);
        if replace {
            command.push(bytes("REPLACE"));
        }
        command.push(bytes(*generator.pick(LIBRARIES)));
        return command;
    }
    if generator.one_in(6) {
        return vec![bytes("EVAL"), bytes("return 1"), bytes("0")];
    }
    let chosen = *generator.pick(&lines);
    filled(generator, chosen)
}

const LIBRARIES: &[&str] = &[
    "#!lua name=one\nredis.register_function('inc', function(k, a) return redis.call('INCRBY', k[1], a[1] or 1) end)",
    "#!lua name=two\nredis.register_function{function_name='peek', flags={'no-writes'}, callback=function(k) return redis.call('GET', k[1]) end}",
    "#!lua name=three\nredis.register_function('inc', function() end)",
    "#!lua name=one\nredis.register_function('bad', 5)",
    "#!lua name=one\nreturn 1",
    "#!lua name=o-ne\nreturn 1",
    "#!lua\nreturn 1",
    "return 1",
];
