//! The `redis` table, and how errors are reported.

use std::sync::Arc;

use mlua::{Lua, MultiValue, Table, Value};
use parking_lot::Mutex;

use crate::check::{self, SANDBOX};
use crate::failure::Raised;
use crate::format;
use crate::runtime::{Host, LogLevel, Pulse};
use crate::values::{self, Told};

/// Replication choices, which change nothing here: there is one log, and it takes every change.
const REPLICATION: [(&str, i64); 5] =
    [("REPL_NONE", 0), ("REPL_AOF", 1), ("REPL_SLAVE", 2), ("REPL_REPLICA", 2), ("REPL_ALL", 3)];

const LEVELS: [(&str, LogLevel); 4] = [
    ("LOG_DEBUG", LogLevel::Debug),
    ("LOG_VERBOSE", LogLevel::Verbose),
    ("LOG_NOTICE", LogLevel::Notice),
    ("LOG_WARNING", LogLevel::Warning),
];

/// What a run changes with the table's functions.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunState(Arc<Mutex<bool>>);

impl RunState {
    /// The script has chosen RESP3.
    pub(crate) fn is_resp3(&self) -> bool {
        *self.0.lock()
    }

    /// As each script begins.
    pub(crate) fn reset(&self) {
        *self.0.lock() = false;
    }
}

fn table_error(text: &str) -> mlua::Error {
    Raised::Table(text.as_bytes().to_vec()).into()
}

/// Constants and logging: what a library finds while it is loaded, beside `register_function`.
pub(crate) fn basics(lua: &Lua, version: &str, pulse: &Arc<dyn Pulse>) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    table.raw_set("REDIS_VERSION", version)?;
    table.raw_set("REDIS_VERSION_NUM", version_number(version))?;
    for (name, value) in REPLICATION {
        table.raw_set(name, value)?;
    }
    for (name, level) in LEVELS {
        table.raw_set(name, level as i64)?;
    }
    let pulse = pulse.clone();
    let log = lua.create_function(move |_, args: MultiValue| {
        if args.len() < 2 {
            return Err(table_error("ERR redis.log() requires two arguments or more."));
        }
        let Some(level) = check::number_of(&args[0]) else {
            return Err(table_error("ERR First argument must be a number (log level)."));
        };
        let level = check::truncated(level);
        let Some((_, level)) = LEVELS.iter().find(|(_, own)| *own as i64 == level) else {
            return Err(table_error("ERR Invalid debug level."));
        };
        let words = args.iter().skip(1).filter_map(check::text_of).collect::<Vec<_>>();
        pulse.log(*level, &words.join(&b' '));
        Ok(())
    })?;
    table.raw_set("log", log)?;
    Ok(table)
}

/// `7.0.15` as 0x0007000f.
fn version_number(version: &str) -> i64 {
    let parts = version.split('.').map(|part| part.parse::<i64>().unwrap_or(0) & 0xff);
    parts.take(3).chain([0, 0]).take(3).fold(0, |number, part| number << 8 | part)
}

/// Everything that needs no running script.
pub(crate) fn fill(lua: &Lua, table: &Table, state: &RunState) -> mlua::Result<()> {
    let sha1hex = lua.create_function(|lua, args: MultiValue| {
        if args.len() != 1 {
            return Err(table_error("ERR wrong number of arguments"));
        }
        let text = args.front().and_then(check::text_of).unwrap_or_default();
        lua.create_string(crate::sha1_hex(&text))
    })?;
    table.raw_set("sha1hex", sha1hex)?;
    table.raw_set("error_reply", lua.create_function(error_reply)?)?;
    let status = lua.create_function(|lua, args: MultiValue| match (args.front(), args.len()) {
        (Some(text @ Value::String(_)), 1) => single(lua, "ok", text.clone()),
        _ => wrong_arguments(lua),
    })?;
    table.raw_set("status_reply", status)?;
    let state = state.clone();
    let setresp = lua.create_function(move |_, args: MultiValue| {
        if args.len() != 1 {
            return Err(table_error("ERR redis.setresp() requires one argument."));
        }
        *state.0.lock() = match args.front().and_then(check::number_of).map(check::truncated) {
            Some(2) => false,
            Some(3) => true,
            _ => return Err(table_error("ERR RESP version must be 2 or 3.")),
        };
        Ok(())
    })?;
    table.raw_set("setresp", setresp)?;
    let set_repl = lua.create_function(|_, args: MultiValue| {
        if args.len() != 1 {
            return Err(table_error("ERR redis.set_repl() requires two arguments."));
        }
        let flags = args.front().and_then(check::number_of).map_or(0, check::truncated);
        if flags & !3 != 0 {
            return Err(table_error(
                "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.",
            ));
        }
        Ok(())
    })?;
    table.raw_set("set_repl", set_repl)
}

/// What only scripts of EVAL find.
pub(crate) fn fill_for_eval(lua: &Lua, table: &Table) -> mlua::Result<()> {
    table.raw_set("replicate_commands", lua.create_function(|_, _: MultiValue| Ok(true))?)?;
    table.raw_set("breakpoint", lua.create_function(|_, _: MultiValue| Ok(false))?)?;
    table.raw_set("debug", lua.create_function(|_, _: MultiValue| Ok(()))?)
}

fn single(lua: &Lua, field: &str, value: Value) -> mlua::Result<Table> {
    let table = lua.create_table_with_capacity(0, 1)?;
    table.raw_set(field, value)?;
    Ok(table)
}

fn wrong_arguments(lua: &Lua) -> mlua::Result<Table> {
    let text = lua.create_string("ERR wrong number or type of arguments")?;
    single(lua, "err", Value::String(text))
}

/// The first word is the code; a single word has `ERR` put in front.
fn error_reply(lua: &Lua, args: MultiValue) -> mlua::Result<Table> {
    let (Some(Value::String(text)), 1) = (args.front(), args.len()) else {
        return wrong_arguments(lua);
    };
    let text = text.as_bytes();
    let text = crate::check::up_to_zero(&text);
    let text = text.strip_prefix(b"-").unwrap_or(text);
    // Line ends go at both ends of what follows the code.
    let (code, words) = match text.iter().position(|byte| *byte == b' ') {
        Some(blank) => (&text[..blank], &text[blank + 1..]),
        None => (&b"ERR"[..], text),
    };
    let words = crate::check::trim_line_ends_behind(words);
    let begin = words.iter().take_while(|byte| crate::check::is_line_end(**byte)).count();
    let text = [code, b" ", &words[begin..]].concat();
    single(lua, "err", Value::String(lua.create_string(text)?))
}

/// Runs one command of the script.
pub(crate) fn call(
    lua: &Lua,
    args: &MultiValue,
    host: &Mutex<&mut dyn Host>,
    state: &RunState,
) -> mlua::Result<Told> {
    let refuse = |text| Ok(Told::Misuse(text));
    if args.is_empty() {
        return refuse("ERR Please specify at least one argument for this redis lib call");
    }
    let Some(owned) = values::arguments(args) else {
        return refuse("ERR Lua redis lib command arguments must be strings or integers");
    };
    let borrowed: Vec<&[u8]> = owned.iter().map(Vec::as_slice).collect();
    let mut answer = Vec::new();
    host.lock().call(&borrowed, state.is_resp3(), &mut answer);
    values::from_resp(lua, &answer)
}

/// `redis.call`: an error ends the script, unless it is caught.
pub(crate) fn told_or_raised(told: Told) -> mlua::Result<Value> {
    match told {
        Told::Value(value) => Ok(value),
        Told::Error(text) => Err(Raised::Failed(text).into()),
        Told::Misuse(text) => Err(table_error(text)),
    }
}

/// `redis.pcall`: an error is a value.
pub(crate) fn told_as_value(lua: &Lua, told: Told) -> mlua::Result<Value> {
    match told {
        Told::Value(value) => Ok(value),
        Told::Error(text) => {
            let table = lua.create_table_with_capacity(0, 2)?;
            table.raw_set("err", lua.create_string(text)?)?;
            table.raw_set("ignore_error_stats_update", true)?;
            Ok(Value::Table(table))
        }
        Told::Misuse(text) => {
            let table = lua.create_table_with_capacity(0, 1)?;
            table.raw_set("err", text)?;
            Ok(Value::Table(table))
        }
    }
}

/// `redis.acl_check_cmd`.
pub(crate) fn acl_check(args: &MultiValue, host: &Mutex<&mut dyn Host>) -> mlua::Result<bool> {
    if args.is_empty() {
        return Err(table_error(
            "ERR Please specify at least one argument for this redis lib call",
        ));
    }
    let Some(owned) = values::arguments(args) else {
        return Err(table_error(
            "ERR redis.acl_check_cmd() command arguments must be strings or integers",
        ));
    };
    let borrowed: Vec<&[u8]> = owned.iter().map(Vec::as_slice).collect();
    host.lock()
        .may_run(&borrowed)
        .ok_or_else(|| table_error("ERR Invalid command passed to redis.acl_check_cmd()"))
}

/// Whether a value is the error of a command, which counted when the command failed.
pub(crate) fn is_counted(value: &Value) -> bool {
    let Value::Table(table) = value else { return false };
    let mark = table.raw_get::<Value>("ignore_error_stats_update");
    mark.is_ok_and(|mark| mark == Value::Boolean(true))
}

/// Makes a table of whatever was raised: its text and where it was raised. Runs where the error is,
/// before the stack is gone.
pub(crate) fn report(lua: &Lua, error: Value) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    let mut is_counted = false;
    let text = match &error {
        Value::Table(raised) => {
            is_counted = self::is_counted(&error);
            match raised.raw_get::<Value>("err")? {
                Value::String(text) => text.as_bytes().to_vec(),
                _ => b"ERR unknown error".to_vec(),
            }
        }
        Value::Error(inner) => match Raised::find(inner) {
            Some(raised @ (Raised::Table(_) | Raised::Failed(_) | Raised::Killed)) => {
                is_counted = matches!(raised, Raised::Failed(_));
                raised.text().to_vec()
            }
            _ => [b"ERR ", &*crate::failure::words(inner)].concat(),
        },
        other => [b"ERR ", &*shown(other)].concat(),
    };
    table.raw_set("err", lua.create_string(text)?)?;
    table.raw_set("counted", is_counted)?;
    if let Some((source, line)) = raised_at(lua) {
        table.raw_set("source", source)?;
        table.raw_set("line", line)?;
    }
    Ok(table)
}

fn shown(value: &Value) -> Vec<u8> {
    match value {
        Value::Nil => b"nil".to_vec(),
        Value::Boolean(value) => value.to_string().into_bytes(),
        Value::Number(number) => format::lua_number(*number).into_bytes(),
        other => check::text_of(other)
            .unwrap_or_else(|| check::type_name(Some(other)).as_bytes().to_vec()),
    }
}

/// The innermost line of a script: where a function of the server's or of Lua's raised something,
/// the line that called it.
fn raised_at(lua: &Lua) -> Option<(String, i64)> {
    let mut may_skip = true;
    for level in 1..8 {
        let frame = lua.inspect_stack(level, |frame| {
            let source = frame.source();
            let line = frame.current_line().and_then(|line| i64::try_from(line).ok());
            (source.what == "C", source.source.map(std::borrow::Cow::into_owned), line)
        })?;
        let (is_native, source, line) = frame;
        let source = source.unwrap_or_default();
        if source == SANDBOX {
            continue;
        }
        if is_native && may_skip {
            may_skip = false;
            continue;
        }
        return Some((source, line.unwrap_or(-1)));
    }
    None
}
