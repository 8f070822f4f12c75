//! Lua values to MessagePack.

use mlua::{Lua, LuaString, MultiValue, Table, Value};

use crate::check;
use crate::runtime::walked;

/// Tables nested deeper than this become nil.
const DEPTH_MAX: usize = 16;

/// Longest result. A table may refer to itself many times over.
const PACKED_BYTES_MAX: usize = 256 * 1024 * 1024;

pub(super) fn pack(lua: &Lua, args: MultiValue) -> mlua::Result<LuaString> {
    if args.is_empty() {
        return Err(check::bad_argument(lua, 0, "MessagePack pack needs input."));
    }
    let mut out = Vec::new();
    for value in &args {
        put(lua, value, 0, &mut out)?;
    }
    lua.create_string(out)
}

fn put(lua: &Lua, value: &Value, depth: usize, out: &mut Vec<u8>) -> mlua::Result<()> {
    if PACKED_BYTES_MAX < out.len() {
        return Err(check::fail(lua, "not enough memory"));
    }
    walked(lua, out.len())?;
    match value {
        Value::String(text) => put_string(&text.as_bytes(), out),
        Value::Boolean(true) => out.push(0xc3),
        Value::Boolean(false) => out.push(0xc2),
        Value::Integer(number) => put_integer(*number, out),
        Value::Number(number) => put_number(*number, out),
        Value::Table(table) if depth < DEPTH_MAX => put_table(lua, table, depth, out)?,
        // What has no form of its own.
        _ => out.push(0xc0),
    }
    Ok(())
}

fn put_number(number: f64, out: &mut Vec<u8>) {
    let whole = check::truncated(number);
    let has_range = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number);
    if has_range && check::to_f64(whole) == number {
        return put_integer(whole, out);
    }
    #[expect(clippy::cast_possible_truncation, reason = "what is lost is looked at")]
    let single = number as f32;
    if f64::from(single) == number {
        out.push(0xca);
        out.extend_from_slice(&single.to_be_bytes());
    } else {
        out.push(0xcb);
        out.extend_from_slice(&number.to_be_bytes());
    }
}

/// The shortest form; numbers from 0 on have unsigned ones.
fn put_integer(number: i64, out: &mut Vec<u8>) {
    let bytes = number.to_be_bytes();
    match number {
        -32..128 => out.push(bytes[7]),
        128..0x100 => out.extend_from_slice(&[0xcc, bytes[7]]),
        0x100..0x1_0000 => put_tail(0xcd, &bytes[6..], out),
        0x1_0000..0x1_0000_0000 => put_tail(0xce, &bytes[4..], out),
        0x1_0000_0000.. => put_tail(0xcf, &bytes, out),
        -0x80..-32 => out.extend_from_slice(&[0xd0, bytes[7]]),
        -0x8000..-0x80 => put_tail(0xd1, &bytes[6..], out),
        -0x8000_0000..-0x8000 => put_tail(0xd2, &bytes[4..], out),
        ..-0x8000_0000 => put_tail(0xd3, &bytes, out),
    }
}

fn put_tail(kind: u8, tail: &[u8], out: &mut Vec<u8>) {
    out.push(kind);
    out.extend_from_slice(tail);
}

fn put_string(text: &[u8], out: &mut Vec<u8>) {
    let length = (text.len() as u64).to_be_bytes();
    match text.len() {
        0..32 => out.push(0xa0 | length[7]),
        32..0x100 => out.extend_from_slice(&[0xd9, length[7]]),
        0x100..0x1_0000 => put_tail(0xda, &length[6..], out),
        _ => put_tail(0xdb, &length[4..], out),
    }
    out.extend_from_slice(text);
}

fn put_table(lua: &Lua, table: &Table, depth: usize, out: &mut Vec<u8>) -> mlua::Result<()> {
    let mut pairs = Vec::new();
    let (mut max, mut is_array) = (0.0, true);
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair?;
        match check::number_of(&key) {
            Some(number) if 0.0 < number && number.floor() == number => {
                max = f64::max(max, number);
            }
            _ => is_array = false,
        }
        pairs.push((key, value));
    }
    let count = (pairs.len() as u64).to_be_bytes();
    let header = |short: u8, long: u8, out: &mut Vec<u8>| match pairs.len() {
        0..16 => out.push(short | count[7]),
        16..0x1_0000 => put_tail(long, &count[6..], out),
        _ => put_tail(long + 1, &count[4..], out),
    };
    if is_array && max == check::to_f64(i64::try_from(pairs.len()).unwrap_or(-1)) {
        header(0x90, 0xdc, out);
        for at in 1..=pairs.len() {
            let value: Value = table.raw_get(at)?;
            put(lua, &value, depth + 1, out)?;
        }
    } else {
        header(0x80, 0xde, out);
        for (key, value) in &pairs {
            put(lua, key, depth + 1, out)?;
            put(lua, value, depth + 1, out)?;
        }
    }
    Ok(())
}
