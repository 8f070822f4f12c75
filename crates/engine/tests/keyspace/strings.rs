//! Replies of the string commands, each looked up at redis-server 7.0.

use crate::harness::Run;

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
const NO_INTEGER: &str = "ERR value is not an integer or out of range";
const NO_FLOAT: &str = "ERR value is not a valid float";
const OVERFLOW: &str = "ERR increment or decrement would overflow";
const TOO_LONG: &str = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";

#[test]
fn set_and_its_options() {
    Run::table(&[
        ("SET a 1 NX GET", "nil"),
        ("SET a 2 NX GET", "1"),
        ("GET a", "1"),
        ("SET a 3 XX GET", "1"),
        ("SET none v XX GET", "nil"),
        ("SET none v XX", "nil"),
        ("EXISTS none", "0"),
        ("SET a v EX 100", "OK"),
        ("SET a v KEEPTTL", "OK"),
        ("TTL a", "100"),
        ("SET a v", "OK"),
        ("TTL a", "-1"),
        ("SET a v PXAT 1", "OK"),
        ("EXISTS a", "0"),
        ("SET a v PX 9223372036854775807", "ERR invalid expire time in 'set' command"),
        ("SETNX a 1", "1"),
        ("SETNX a 2", "0"),
        ("HSET h f v", "1"),
        ("SET h 1 GET", WRONG_TYPE),
        ("SET h 1 NX GET", WRONG_TYPE),
        ("SET h 1 NX", "nil"),
        ("SETNX h 1", "0"),
        ("SET h 1 XX", "OK"),
        ("TYPE h", "+string"),
    ]);
}

#[test]
fn get_and_its_kin() {
    Run::table(&[
        ("HSET h f v", "1"),
        ("GET h", WRONG_TYPE),
        ("GETSET h 1", WRONG_TYPE),
        ("GETDEL h", WRONG_TYPE),
        ("GETEX h EX 1", WRONG_TYPE),
        ("STRLEN h", WRONG_TYPE),
        ("GETSET a 1", "nil"),
        ("GETEX a EX 100", "1"),
        ("TTL a", "100"),
        ("GETEX a", "1"),
        ("TTL a", "100"),
        ("GETSET a 2", "1"),
        ("TTL a", "-1"),
        ("GETEX a EX 5", "2"),
        ("GETEX a PERSIST", "2"),
        ("TTL a", "-1"),
        ("GETEX a PXAT 1", "2"),
        ("EXISTS a", "0"),
        ("GETEX a EX 1", "nil"),
        ("GETDEL a", "nil"),
        ("MSET x 1 x 2 y 3", "OK"),
        ("MGET x y h none", "[2 3 nil nil]"),
        ("GETDEL x", "2"),
        ("MSETNX x 1 y 2", "0"),
        ("MSETNX x 1 z 2", "1"),
        ("STRLEN none", "0"),
    ]);
}

#[test]
fn counting() {
    Run::table(&[
        ("INCRBY n 5", "5"),
        ("SET n 9223372036854775807 EX 100", "OK"),
        ("INCRBY n 1", OVERFLOW),
        ("INCRBY n -1", "9223372036854775806"),
        ("TTL n", "100"),
        ("SET n -9223372036854775808", "OK"),
        ("INCRBY n -1", OVERFLOW),
        ("SET n 011", "OK"),
        ("INCRBY n 1", NO_INTEGER),
        ("SET n -0", "OK"),
        ("INCRBY n 1", NO_INTEGER),
        ("INCRBYFLOAT n 1", "1"),
        ("SET n _1", "OK"),
        ("INCRBY n 1", NO_INTEGER),
        ("INCRBYFLOAT n 1", NO_FLOAT),
        ("SET n ~", "OK"),
        ("INCRBY n 1", NO_INTEGER),
        ("INCRBYFLOAT n 1", NO_FLOAT),
        ("SET f 10.50 EX 100", "OK"),
        ("INCRBYFLOAT f 0.1", "10.6"),
        ("INCRBYFLOAT f 5000", "5010.60000000000000009"),
        ("TTL f", "100"),
        ("INCRBYFLOAT f inf", "ERR increment would produce NaN or Infinity"),
        ("HSET h f v", "1"),
        ("INCRBY h 1", WRONG_TYPE),
        ("INCRBYFLOAT h 1", WRONG_TYPE),
    ]);
}

#[test]
fn parts_of_strings() {
    Run::table(&[
        ("APPEND a x", "1"),
        ("APPEND a y", "2"),
        ("GETRANGE a 0 -1", "xy"),
        ("GETRANGE a -1 -3", ""),
        ("GETRANGE a -9 -5", "x"),
        ("GETRANGE a -100 100", "xy"),
        ("GETRANGE a 1 0", ""),
        ("GETRANGE a 5 10", ""),
        ("GETRANGE a -1 9223372036854775807", "y"),
        ("GETRANGE a -9223372036854775808 0", "x"),
        ("GETRANGE none 0 -1", ""),
        ("SETRANGE a 5 zz", "7"),
        ("GET a", "xy\\x00\\x00\\x00zz"),
        ("SETRANGE a 1 Y", "7"),
        ("GETRANGE a 0 1", "xY"),
        ("SETRANGE none 5 ~", "0"),
        ("EXISTS none", "0"),
        ("SETRANGE a 0 ~", "7"),
        ("SETRANGE none 536870912 x", TOO_LONG),
        ("SETRANGE none 18446744073709551615 x", TOO_LONG),
        ("SETRANGE none 536870912 ~", "0"),
        ("SET e v EX 100", "OK"),
        ("APPEND e w", "2"),
        ("TTL e", "100"),
        ("HSET h f v", "1"),
        ("APPEND h x", WRONG_TYPE),
        ("SETRANGE h 0 ~", WRONG_TYPE),
        ("GETRANGE h 0 1", WRONG_TYPE),
    ]);
}

#[test]
fn encodings() {
    let mut run = Run::new();
    run.check(&format!("SET a {}", "e".repeat(44)), "OK");
    run.check("ENCODING a", "embstr");
    run.check(&format!("SET a {}", "e".repeat(45)), "OK");
    run.check("ENCODING a", "raw");
    for (value, encoding, references) in [
        ("12", "int", "2147483647"),
        ("10000", "int", "1"),
        ("-1", "int", "1"),
        ("9223372036854775807", "int", "1"),
        ("9223372036854775808", "embstr", "1"),
    ] {
        run.check(&format!("SET a {value}"), "OK");
        run.check("ENCODING a", encoding);
        run.check("REFCOUNT a", references);
    }
    run.check("SET a 2", "OK");
    run.check("APPEND a 1", "2");
    run.check("ENCODING a", "raw");
    run.check("COPY a b", "1");
    run.check("ENCODING b", "raw");
    run.check("INCRBY a 1", "22");
    run.check("ENCODING a", "int");
    run.check("APPEND new 5", "1");
    run.check("ENCODING new", "int");
}
