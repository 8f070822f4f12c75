//! What the generator found once, by name: lines that Headwater answered differently.

use crate::generate::line;
use crate::play::Player;
use crate::script::{Script, Step};

/// Each row is a script of its own; `|` parts its commands, `@` marks those of another connection.
const FOUND: &[&str] = &[
    // Options are read after the key was found.
    "HSCAN missing 0 MATCH|HSCAN missing 0 FOO BAR|SET k v|HSCAN k 0 MATCH|HSCAN k abc",
    "XINFO STREAM missing FOO|XINFO STREAM missing FULL COUNT abc|SET k v|XINFO STREAM k FOO",
    "GETEX missing EX abc|GETEX missing EX -1|SET k v|GETEX k EX abc|GETEX k EX 0|GETEX k EX",
    "HSET k f v|INCRBYFLOAT k abc|SET s v|INCRBYFLOAT s abc|HINCRBYFLOAT s f abc",
    // Increments have 64 significant bits.
    "INCRBYFLOAT k 9223372036854775807|INCRBYFLOAT k -18446744073709551615|GET k",
    "HINCRBYFLOAT h f -9223372036854775807|HINCRBYFLOAT h f 0.1|HGET h f",
    // A refused EXEC ends the transaction.
    "EXEC a|MULTI|SET k v|EXEC a|EXEC|MULTI|NOSUCH|exec a b|DISCARD",
    // A deleted entry at the end of a block keeps it from MINID ~.
    "XADD s 1-0 f v|XADD s 3-0 f v|XDEL s 3-0|XTRIM s MINID ~ 3-0|XTRIM s MINID ~ 3-1|XLEN s",
    // A key that became something else leaves XREAD waiting for the others.
    "@XREAD BLOCK 0 STREAMS a b $ $|SET b v|XADD a 1-0 f v|@PING",
    "@XREAD BLOCK 0 STREAMS a b $ $|MULTI|XADD b 1-0 f v|SET a v|EXEC|@PING",
    "EXPIRE k 1 a\r\n|EXPIRE k 1 \ra\nb|SCAN \0|SCAN 0\0x|SCAN",
    "COMMAND GETKEYS XREADGROUP GROUP g c STREAMS a|COMMAND GETKEYS XREAD STREAMS a b c",
    // A client's word is echoed up to its first zero byte.
    // In a script BLOCK is refused where it is read.
    "EVAL return(redis.call(unpack(ARGV))) 0 XREAD BLOCK 0 STREAMS s1\
     |EVAL return(redis.call(unpack(ARGV))) 0 XREAD BLOCK abc STREAMS s1 0\
     |EVAL return(redis.call(unpack(ARGV))) 0 XREAD COUNT x BLOCK 0 STREAMS s1 0\
     |EVAL return(redis.call(unpack(ARGV))) 0 XREAD FOO BLOCK 0 STREAMS s1 0\
     |EVAL return(redis.call(unpack(ARGV))) 0 XREAD COUNT 1 STREAMS BLOCK 0\
     |EVAL return(redis.call(unpack(ARGV))) 0 xreadgroup BLOCK 0 GROUP g c STREAMS s1 > 3",
    // Such a refusal counts among the errors.
    "CONFIG RESETSTAT|EVAL return(redis.pcall(unpack(ARGV))) 0 XREAD BLOCK 0 STREAMS s1 $\
     |INFO errorstats",
    // What a script answers with as an error or a status is read up to its first zero byte.
    "EVAL return{err=ARGV[1]} 0 a\0b|EVAL return{ok=ARGV[1]} 0 a\0b|EVAL error(ARGV[1]) 0 a\0b\
     |EVAL error({err=ARGV[1]}) 0 a\0b|EVAL return(redis.error_reply(ARGV[1])) 0 a\0b",
    "FUNCTION LOAD a\0b c|FUNCTION LOAD abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmn\
     opqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz c",
    // What is no command has failed none.
    "EVAL return(cjson.encode({redis.pcall()})) 0|EVAL return(cjson.encode(redis.pcall({}))) 0",
    "CONFIG RESETSTAT|EVAL redis.call() 0|EVAL return(redis.pcall()) 0|INFO errorstats",
    // Of an error of a script, line ends go at the end alone.
    "EVAL error({err=ARGV[1]}) 0 \r\n|EVAL error({err=ARGV[1]}) 0 \na\n|EVAL error(ARGV[1]) 0 \na\n\
     |EVAL return{err=ARGV[1]} 0 \r\na\r\n|EVAL return{err=ARGV[1]} 0 \r\n|EVAL return{{err=ARGV[1]}} 0 \na\n\
     |EVAL return(redis.error_reply(ARGV[1])) 0 \na\n|EVAL return(redis.error_reply(ARGV[1])) 0 \r\n\
     |EVAL return(redis.error_reply(ARGV[1]..string.char(32)..ARGV[2])) 0 \r\na \nb\r\n",
    "FCALL nothing -0|FCALL nothing +1|EVAL return 01|EVAL return -0",
    "SET k v|HELLO 2 a\0b|EXPIRE k 10 a\0b|XGROUP CREATE s g 0 MKSTREAM|XCLAIM s g c 0 1-1 a\0b",
];

/// Plays them.
pub(crate) fn check(player: &mut Player) {
    for text in FOUND {
        let step = |text: &str| match text.strip_prefix('@') {
            Some(text) => Step::Commands(1, vec![line(text)]),
            None => Step::Commands(0, vec![line(text)]),
        };
        let steps = text.split('|').map(step).collect();
        let script = Script { block_entries_max: 100, connections: 2, steps };
        if let Err(difference) = player.play(&script) {
            panic!("{script}{difference}");
        }
    }
}
