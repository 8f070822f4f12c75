//! The `cmsgpack` library.

mod pack;
mod unpack;

use mlua::{Lua, MultiValue, Table, Value};

use crate::check;
use crate::structs::VALUES_MAX;

/// Fills the table.
pub(crate) fn fill(lua: &Lua, table: &Table) -> mlua::Result<()> {
    table.raw_set("_NAME", "cmsgpack")?;
    table.raw_set("_VERSION", "lua-cmsgpack 0.4.0")?;
    table.raw_set("_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo")?;
    table.raw_set("_DESCRIPTION", "MessagePack C implementation for Lua")?;
    table.raw_set("pack", lua.create_function(pack::pack)?)?;
    table.raw_set("unpack", lua.create_function(unpack_all)?)?;
    table.raw_set("unpack_one", lua.create_function(unpack_one)?)?;
    table.raw_set("unpack_limit", lua.create_function(unpack_limit)?)
}

fn unpack_all(lua: &Lua, args: MultiValue) -> mlua::Result<MultiValue> {
    let (values, _) = unpack(lua, &check::bytes(lua, &args, 1)?, 0, 0)?;
    Ok(values.into_iter().collect())
}

fn unpack_one(lua: &Lua, args: MultiValue) -> mlua::Result<MultiValue> {
    let text = check::bytes(lua, &args, 1)?;
    let offset = check::integer_or(lua, &args, 2, 0)?;
    with_offset(unpack(lua, &text, 1, offset)?)
}

fn unpack_limit(lua: &Lua, args: MultiValue) -> mlua::Result<MultiValue> {
    let text = check::bytes(lua, &args, 1)?;
    let limit = check::truncated(check::number(lua, &args, 2)?);
    let offset = check::integer_or(lua, &args, 3, 0)?;
    with_offset(unpack(lua, &text, limit, offset)?)
}

/// The values behind the offset to go on at, -1 at the end.
fn with_offset((values, offset): (Vec<Value>, i64)) -> mlua::Result<MultiValue> {
    let mut all: MultiValue = values.into_iter().collect();
    all.push_front(Value::Number(check::to_f64(offset)));
    Ok(all)
}

/// `limit` values, or all (0), from `offset` on.
fn unpack(lua: &Lua, text: &[u8], limit: i64, offset: i64) -> mlua::Result<(Vec<Value>, i64)> {
    let length = i64::try_from(text.len()).unwrap_or(i64::MAX);
    if limit < 0 || offset < 0 {
        let text =
            format!("Invalid request to unpack with offset of {offset} and limit of {length}.");
        return Err(check::fail(lua, text));
    }
    let start = match usize::try_from(offset) {
        Ok(start) if offset <= length => start,
        _ => {
            let text = format!("Start offset {offset} greater than input length {length}.");
            return Err(check::fail(lua, text));
        }
    };
    let mut reader = unpack::Reader::new(lua, &text[start..]);
    let mut values = Vec::new();
    while !reader.is_at_end() && (limit == 0 || (values.len() as u64) < limit.cast_unsigned()) {
        values.push(reader.value(0)?);
        if VALUES_MAX < values.len() {
            return Err(check::fail(lua, "too many results to unpack"));
        }
    }
    let next = match reader.is_at_end() {
        true => -1,
        false => i64::try_from(start + reader.position()).unwrap_or(-1),
    };
    Ok((values, next))
}
