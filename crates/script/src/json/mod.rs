//! The `cjson` library.

mod decode;
mod encode;

use std::sync::Arc;

use mlua::{Function, IntoLuaMulti, Lua, MultiValue, Table, Value};
use parking_lot::Mutex;

use crate::check;

/// How to encode and decode; scripts may change it, for all that come after them.
#[derive(Debug, Clone, Copy)]
struct Settings {
    sparse_convert: bool,
    sparse_ratio: i64,
    sparse_safe: i64,
    encode_depth_max: usize,
    decode_depth_max: usize,
    precision: usize,
    keep_buffer: bool,
    encode_invalid: InvalidNumbers,
    decode_invalid: bool,
}

/// What becomes of numbers that JSON does not know.
#[derive(Debug, Clone, Copy, PartialEq)]
enum InvalidNumbers {
    Refuse,
    Allow,
    Null,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sparse_convert: false,
            sparse_ratio: 2,
            sparse_safe: 10,
            encode_depth_max: 1000,
            decode_depth_max: 1000,
            precision: 14,
            keep_buffer: true,
            encode_invalid: InvalidNumbers::Refuse,
            decode_invalid: true,
        }
    }
}

/// Deepest nesting that a script may ask for: each level takes some of the thread's stack.
const DEPTH_MAX: i64 = 1000;

type Shared = Arc<Mutex<Settings>>;

/// Fills the table.
pub(crate) fn fill(lua: &Lua, table: &Table) -> mlua::Result<()> {
    let settings = Shared::default();
    table.raw_set("_NAME", "cjson")?;
    table.raw_set("_VERSION", "2.1.0")?;
    table.raw_set("null", Value::NULL)?;
    let shared = settings.clone();
    let encode = move |lua: &Lua, args: MultiValue| {
        let value = one(lua, &args)?;
        let settings = *shared.lock();
        lua.create_string(encode::encode(lua, value, &settings)?)
    };
    table.raw_set("encode", lua.create_function(encode)?)?;
    let shared = settings.clone();
    let decode = move |lua: &Lua, args: MultiValue| {
        one(lua, &args)?;
        let text = check::bytes(lua, &args, 1)?;
        let settings = *shared.lock();
        decode::decode(lua, &text, &settings)
    };
    table.raw_set("decode", lua.create_function(decode)?)?;
    let new = |lua: &Lua, _: MultiValue| {
        let table = lua.create_table()?;
        fill(lua, &table)?;
        Ok(table)
    };
    table.raw_set("new", lua.create_function(new)?)?;
    fill_settings(lua, table, &settings)
}

fn fill_settings(lua: &Lua, table: &Table, shared: &Shared) -> mlua::Result<()> {
    let set = |name: &str, function: Function| table.raw_set(name, function);
    set("encode_sparse_array", setter(lua, shared, sparse_array)?)?;
    set(
        "encode_max_depth",
        setter(lua, shared, |lua, args, settings| {
            let depth = &mut settings.encode_depth_max;
            set_integer(lua, args, depth, i64::from(i32::MAX))?;
            *depth = (*depth).min(usize::try_from(DEPTH_MAX).unwrap_or(0));
            settings.encode_depth_max.into_lua_multi(lua)
        })?,
    )?;
    set(
        "decode_max_depth",
        setter(lua, shared, |lua, args, settings| {
            let depth = &mut settings.decode_depth_max;
            set_integer(lua, args, depth, i64::from(i32::MAX))?;
            *depth = (*depth).min(usize::try_from(DEPTH_MAX).unwrap_or(0));
            settings.decode_depth_max.into_lua_multi(lua)
        })?,
    )?;
    set(
        "encode_number_precision",
        setter(lua, shared, |lua, args, settings| {
            set_integer(lua, args, &mut settings.precision, 14)?;
            settings.precision.into_lua_multi(lua)
        })?,
    )?;
    set(
        "encode_keep_buffer",
        setter(lua, shared, |lua, args, settings| {
            if let Some(value) = args.front() {
                settings.keep_buffer = boolean(lua, value)?;
            }
            settings.keep_buffer.into_lua_multi(lua)
        })?,
    )?;
    set("encode_invalid_numbers", setter(lua, shared, encode_invalid)?)?;
    set(
        "decode_invalid_numbers",
        setter(lua, shared, |lua, args, settings| {
            if let Some(value) = args.front() {
                settings.decode_invalid = boolean(lua, value)?;
            }
            settings.decode_invalid.into_lua_multi(lua)
        })?,
    )
}

type Setter = fn(&Lua, &MultiValue, &mut Settings) -> mlua::Result<MultiValue>;

fn setter(lua: &Lua, shared: &Shared, set: Setter) -> mlua::Result<Function> {
    let shared = shared.clone();
    lua.create_function(move |lua, args: MultiValue| {
        // A copy: a complaint must leave the settings as they were.
        let mut settings = *shared.lock();
        let answer = set(lua, &args, &mut settings)?;
        *shared.lock() = settings;
        Ok(answer)
    })
}

/// The only argument.
fn one<'a>(lua: &Lua, args: &'a MultiValue) -> mlua::Result<&'a Value> {
    match args.front() {
        Some(value) if args.len() == 1 => Ok(value),
        _ => Err(check::bad_argument(lua, 1, "expected 1 argument")),
    }
}

fn set_integer(lua: &Lua, args: &MultiValue, to: &mut usize, max: i64) -> mlua::Result<()> {
    if args.is_empty() || args.front() == Some(&Value::Nil) {
        return Ok(());
    }
    let number = check::truncated(check::number(lua, args, 1)?);
    if !(1..=max).contains(&number) {
        let complaint = format!("expected integer between 1 and {max}");
        return Err(check::bad_argument(lua, 1, &complaint));
    }
    *to = usize::try_from(number).unwrap_or(*to);
    Ok(())
}

fn boolean(lua: &Lua, value: &Value) -> mlua::Result<bool> {
    match value {
        Value::Boolean(value) => Ok(*value),
        Value::String(text) if *text.as_bytes() == *b"on" => Ok(true),
        Value::String(text) if *text.as_bytes() == *b"off" => Ok(false),
        Value::String(text) => {
            let complaint = format!("invalid option '{}'", text.to_string_lossy());
            Err(check::bad_argument(lua, 1, &complaint))
        }
        other => {
            let got = check::type_name(Some(other));
            Err(check::bad_argument(lua, 1, &format!("string expected, got {got}")))
        }
    }
}

fn encode_invalid(
    lua: &Lua,
    args: &MultiValue,
    settings: &mut Settings,
) -> mlua::Result<MultiValue> {
    if let Some(value) = args.front() {
        settings.encode_invalid = match value {
            Value::String(text) if *text.as_bytes() == *b"null" => InvalidNumbers::Null,
            value if boolean(lua, value)? => InvalidNumbers::Allow,
            _ => InvalidNumbers::Refuse,
        };
    }
    match settings.encode_invalid {
        InvalidNumbers::Null => "null".into_lua_multi(lua),
        InvalidNumbers::Allow => true.into_lua_multi(lua),
        InvalidNumbers::Refuse => false.into_lua_multi(lua),
    }
}

fn sparse_array(lua: &Lua, args: &MultiValue, settings: &mut Settings) -> mlua::Result<MultiValue> {
    if let Some(value) = args.front() {
        settings.sparse_convert = boolean(lua, value)?;
    }
    for (at, number) in [(2, &mut settings.sparse_ratio), (3, &mut settings.sparse_safe)] {
        if at <= args.len() {
            let given = check::truncated(check::number(lua, args, at)?);
            let max = i64::from(i32::MAX);
            if !(0..=max).contains(&given) {
                let complaint = format!("expected integer between 0 and {max}");
                return Err(check::bad_argument(lua, at, &complaint));
            }
            *number = given;
        }
    }
    (settings.sparse_convert, settings.sparse_ratio, settings.sparse_safe).into_lua_multi(lua)
}
