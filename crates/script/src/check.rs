//! Arguments of library functions, and the words for wrong ones: Lua's own.

use mlua::{Lua, MultiValue, Value};

use crate::failure::Raised;
use crate::format;

/// Name of the chunk that the sandbox itself is made of.
pub(crate) const SANDBOX: &str = "=sandbox";

/// The place in the script that called the running function, as `chunk:line: `; empty if it was
/// called by no line of a script.
fn place(lua: &Lua) -> Vec<u8> {
    let found = lua.inspect_stack(1, |frame| {
        let line = frame.current_line()?;
        let source = frame.source();
        if line == 0 || source.source.as_deref() == Some(SANDBOX) {
            return None;
        }
        Some(format!("{}:{line}: ", source.short_src.as_deref().unwrap_or("?")))
    });
    found.flatten().unwrap_or_default().into_bytes()
}

/// An error of a library, with the place of the call in front.
pub(crate) fn fail(lua: &Lua, message: impl AsRef<[u8]>) -> mlua::Error {
    let mut text = place(lua);
    text.extend_from_slice(message.as_ref());
    Raised::Plain(text).into()
}

/// A complaint about argument `number`, counted from 1.
pub(crate) fn bad_argument(lua: &Lua, number: usize, complaint: &str) -> mlua::Error {
    let name = lua.inspect_stack(0, |frame| frame.names().name.map(|name| name.into_owned()));
    let name = name.flatten().unwrap_or_else(|| "?".to_owned());
    fail(lua, format!("bad argument #{number} to '{name}' ({complaint})"))
}

/// What Lua calls the type of a value.
pub(crate) fn type_name(value: Option<&Value>) -> &'static str {
    match value {
        None => "no value",
        Some(Value::Integer(_) | Value::Number(_)) => "number",
        Some(Value::LightUserData(_) | Value::UserData(_) | Value::Error(_)) => "userdata",
        Some(other) => other.type_name(),
    }
}

fn expected(lua: &Lua, args: &MultiValue, number: usize, kind: &str) -> mlua::Error {
    let got = type_name(args.get(number - 1));
    bad_argument(lua, number, &format!("{kind} expected, got {got}"))
}

/// Argument `number` as a number; strings that read as numbers are taken.
pub(crate) fn number(lua: &Lua, args: &MultiValue, number: usize) -> mlua::Result<f64> {
    match args.get(number - 1) {
        Some(Value::Number(value)) => Ok(*value),
        Some(Value::Integer(value)) => Ok(to_f64(*value)),
        Some(Value::String(text)) => match lua.coerce_number(Value::String(text.clone()))? {
            Some(value) => Ok(value),
            None => Err(expected(lua, args, number, "number")),
        },
        _ => Err(expected(lua, args, number, "number")),
    }
}

/// Argument `number` as an integer, or `default` if it is missing or nil.
pub(crate) fn integer_or(
    lua: &Lua,
    args: &MultiValue,
    number: usize,
    default: i64,
) -> mlua::Result<i64> {
    match args.get(number - 1) {
        None | Some(Value::Nil) => Ok(default),
        Some(_) => Ok(truncated(self::number(lua, args, number)?)),
    }
}

/// Argument `number` as bytes; numbers become their text.
pub(crate) fn bytes(lua: &Lua, args: &MultiValue, number: usize) -> mlua::Result<Vec<u8>> {
    args.get(number - 1).and_then(text_of).ok_or_else(|| expected(lua, args, number, "string"))
}

/// The text of a string or a number.
pub(crate) fn text_of(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => Some(text.as_bytes().to_vec()),
        Value::Integer(value) => Some(format::lua_number(to_f64(*value)).into_bytes()),
        Value::Number(value) => Some(format::lua_number(*value).into_bytes()),
        _ => None,
    }
}

/// The number that a value is.
pub(crate) fn number_of(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(value) => Some(to_f64(*value)),
        Value::Number(value) => Some(*value),
        _ => None,
    }
}

/// As a C compiler on x86-64 converts: toward zero, and the smallest number for what does not fit.
pub(crate) fn truncated(number: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&number) { to_i64(number) } else { i64::MIN }
}

#[expect(clippy::cast_possible_truncation, reason = "the caller has checked the range")]
fn to_i64(number: f64) -> i64 {
    number as i64
}

/// All numbers of Lua 5.1 are doubles.
#[expect(clippy::cast_precision_loss, reason = "that is how Lua holds it")]
pub(crate) fn to_f64(number: i64) -> f64 {
    number as f64
}

/// What C reads of a string: all up to its first zero byte. Redis answers with errors and status words
/// that way.
pub(crate) fn up_to_zero(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == 0).next().unwrap_or_default()
}

pub(crate) fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// A text without the line ends that it ends with.
pub(crate) fn trim_line_ends_behind(text: &[u8]) -> &[u8] {
    let last = text.iter().rposition(|byte| !is_line_end(*byte));
    &text[..last.map_or(0, |last| last + 1)]
}
