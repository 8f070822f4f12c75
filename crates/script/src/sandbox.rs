//! The world of a script: see `sandbox.lua`, which puts it together from what is made here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mlua::{Function, Lua, MultiValue, Table, Value};

use crate::check::{self, SANDBOX};
use crate::failure::Raised;
use crate::random::Random;
use crate::{bits, json, msgpack, redis_table, structs};

/// What was put together.
#[derive(Debug)]
pub(crate) struct Sandbox {
    /// The table of globals, as scripts see it.
    pub(crate) front: Table,
    /// The real one, behind it.
    pub(crate) globals: Table,
    /// Runs a function and reports an error as a table.
    pub(crate) run: Function,
    /// As `run`, with keys and arguments.
    pub(crate) run_function: Function,
    /// As `run`, for the code of a library.
    pub(crate) load_library: Function,
    /// The protected tables.
    pub(crate) fronts: Fronts,
}

/// The script was told to end.
pub(crate) type Killed = Arc<AtomicBool>;

/// The protected tables: a list of pairs of what scripts see and what is behind it.
#[derive(Debug, Clone)]
pub(crate) struct Fronts {
    /// From the front to the real table.
    behind: Table,
}

impl Fronts {
    fn real(&self, table: &Table) -> mlua::Result<Option<Table>> {
        self.behind.raw_get(table)
    }

    /// Takes away what a script has put into a front (with `table.insert`, say), so that the next
    /// one does not find it.
    pub(crate) fn clean(&self) -> mlua::Result<()> {
        for pair in self.behind.pairs::<Table, Table>() {
            let (front, _) = pair?;
            if !front.is_empty() {
                let keys: Vec<Value> = front
                    .pairs::<Value, Value>()
                    .map(|pair| pair.map(|(key, _)| key))
                    .collect::<mlua::Result<_>>()?;
                for key in keys {
                    front.raw_set(key, Value::Nil)?;
                }
            }
        }
        Ok(())
    }
}

/// Puts everything together.
pub(crate) fn build(
    lua: &Lua,
    redis: &Table,
    redis_while_loading: &Table,
    killed: &Killed,
) -> mlua::Result<Sandbox> {
    let native = lua.create_table()?;
    Random::default().fill(lua, &lua.globals().get("math")?)?;
    let fronts = Fronts { behind: lua.create_table()? };
    for (name, fill) in [
        ("bit", bits::fill as fn(&Lua, &Table) -> mlua::Result<()>),
        ("cjson", json::fill),
        ("cmsgpack", msgpack::fill),
        ("struct", structs::fill),
    ] {
        let table = lua.create_table()?;
        fill(lua, &table)?;
        native.raw_set(name, table)?;
    }
    native.raw_set("redis", redis)?;
    native.raw_set("redis_while_loading", redis_while_loading)?;
    fill_errors(lua, &native, killed)?;
    fill_tables(lua, &native, &fronts)?;
    native.raw_set("collectgarbage", lua.create_function(collect_garbage)?)?;
    let chunk = lua.load(include_str!("sandbox.lua")).set_name(SANDBOX).into_function()?;
    // The loaders need the table that is being made.
    let environment = lua.create_table()?;
    fill_loaders(lua, &native, &environment)?;
    let (front, globals, run, run_function, load_library) =
        chunk.call::<(Table, Table, Function, Function, Function)>(&native)?;
    environment.raw_set(1, &front)?;
    Ok(Sandbox { front, globals, run, run_function, load_library, fronts })
}

/// What scripts see of errors.
fn fill_errors(lua: &Lua, native: &Table, killed: &Killed) -> mlua::Result<()> {
    native.raw_set("report", lua.create_function(redis_table::report)?)?;
    let own = killed.clone();
    let caught = lua.create_function(move |lua, error: Value| {
        if own.load(Ordering::Relaxed) {
            return Err(Raised::Killed.into());
        }
        caught(lua, error)
    })?;
    native.raw_set("caught", caught)?;
    let own = killed.clone();
    let seen = lua.create_function(move |lua, error: Value| {
        if own.load(Ordering::Relaxed) {
            return Err(Raised::Killed.into());
        }
        seen(lua, error)
    })?;
    native.raw_set("seen", seen)?;
    let missing = lua.create_function(|lua, (_, name): (Value, Value)| {
        let name = check::text_of(&name).unwrap_or_default();
        let text = [b"Script attempted to access nonexistent global variable '", &*name, b"'"];
        Err::<(), _>(check::fail(lua, text.concat()))
    })?;
    native.raw_set("missing_global", missing)?;
    let refuse =
        lua.create_function(|lua, _: MultiValue| Err::<(), _>(check::fail(lua, READONLY)))?;
    native.raw_set("refuse_change", refuse)
}

const READONLY: &str = "Attempt to modify a readonly table";

/// What pcall gives back for an error: the text of ours, and of tables with an `err`.
fn caught(lua: &Lua, error: Value) -> mlua::Result<Value> {
    if let Value::Table(table) = &error
        && let text @ Value::String(_) = table.raw_get("err")?
    {
        return Ok(text);
    }
    let Value::Error(inner) = &error else { return Ok(error) };
    Ok(Value::String(lua.create_string(crate::failure::words(inner))?))
}

/// What a handler of xpcall is given.
fn seen(lua: &Lua, error: Value) -> mlua::Result<Value> {
    if let Value::Error(inner) = &error
        && let Some(Raised::Table(text)) = Raised::find(inner)
    {
        let table = lua.create_table()?;
        table.raw_set("err", lua.create_string(text)?)?;
        return Ok(Value::Table(table));
    }
    caught(lua, error)
}

/// Functions on tables that must know the protected ones.
fn fill_tables(lua: &Lua, native: &Table, fronts: &Fronts) -> mlua::Result<()> {
    let behind = fronts.behind.clone();
    let note =
        lua.create_function(move |_, (front, real): (Table, Table)| behind.raw_set(front, real))?;
    native.raw_set("note_front", note)?;
    native.raw_set("front_metatable", lua.create_table()?)?;
    let next: Function = lua.globals().get("next")?;
    let own = fronts.clone();
    let pairs = lua.create_function(move |lua, args: MultiValue| {
        let Some(Value::Table(table)) = args.front() else {
            let got = check::type_name(args.front());
            return Err(check::bad_argument(lua, 1, &format!("table expected, got {got}")));
        };
        let shown = own.real(table)?.unwrap_or_else(|| table.clone());
        Ok((next.clone(), shown, Value::Nil))
    })?;
    native.raw_set("pairs", pairs)?;
    let own = fronts.clone();
    let set: Function = lua.globals().get("rawset")?;
    let rawset = lua.create_function(move |_, args: MultiValue| {
        refuse_front(&own, &args)?;
        set.call::<MultiValue>(args)
    })?;
    native.raw_set("rawset", rawset)?;
    let own = fronts.clone();
    let get: Function = lua.globals().get("rawget")?;
    let rawget = lua.create_function(move |_, mut args: MultiValue| {
        if let Some(Value::Table(table)) = args.front()
            && let Some(real) = own.real(table)?
        {
            args.pop_front();
            args.push_front(Value::Table(real));
        }
        get.call::<MultiValue>(args)
    })?;
    native.raw_set("rawget", rawget)?;
    let own = fronts.clone();
    let set: Function = lua.globals().get("setmetatable")?;
    let setmetatable = lua.create_function(move |_, args: MultiValue| {
        refuse_front(&own, &args)?;
        set.call::<MultiValue>(args)
    })?;
    native.raw_set("setmetatable", setmetatable)
}

fn refuse_front(fronts: &Fronts, args: &MultiValue) -> mlua::Result<()> {
    if let Some(Value::Table(table)) = args.front()
        && fronts.real(table)?.is_some()
    {
        return Err(Raised::Plain(READONLY.into()).into());
    }
    Ok(())
}

/// `loadstring` and `load`: text only, in the world of scripts.
fn fill_loaders(lua: &Lua, native: &Table, environment: &Table) -> mlua::Result<()> {
    let own = environment.clone();
    let loadstring = lua.create_function(move |lua, args: MultiValue| {
        let text = check::bytes(lua, &args, 1)?;
        let name = args.get(1).and_then(check::text_of).unwrap_or_else(|| text.clone());
        compile(lua, &text, &name, &own)
    })?;
    native.raw_set("loadstring", loadstring)?;
    let own = environment.clone();
    let load = lua.create_function(move |lua, args: MultiValue| {
        let Some(Value::Function(read)) = args.front() else {
            let got = check::type_name(args.front());
            return Err(check::bad_argument(lua, 1, &format!("function expected, got {got}")));
        };
        let mut text = Vec::new();
        loop {
            match read.call::<Value>(())? {
                Value::String(piece) if !piece.as_bytes().is_empty() => {
                    text.extend_from_slice(&piece.as_bytes());
                    if CHUNK_BYTES_MAX < text.len() {
                        return Err(check::fail(lua, "not enough memory"));
                    }
                }
                Value::Nil | Value::String(_) => break,
                _ => return Err(check::fail(lua, "reader function must return a string")),
            }
        }
        let name = args.get(1).and_then(check::text_of).unwrap_or_else(|| b"=(load)".to_vec());
        compile(lua, &text, &name, &own)
    })?;
    native.raw_set("load", load)
}

/// Longest text that `load` puts together.
const CHUNK_BYTES_MAX: usize = 64 * 1024 * 1024;

fn compile(lua: &Lua, text: &[u8], name: &[u8], environment: &Table) -> mlua::Result<MultiValue> {
    let front: Table = environment.raw_get(1)?;
    let name = String::from_utf8_lossy(name).replace('\0', " ");
    let chunk = lua.load(text).set_name(name).set_mode(mlua::chunk::ChunkMode::Text);
    Ok(match chunk.set_environment(front).into_function() {
        Ok(function) => MultiValue::from_iter([Value::Function(function)]),
        Err(error) => {
            let words = lua.create_string(crate::failure::words(&error))?;
            MultiValue::from_iter([Value::Nil, Value::String(words)])
        }
    })
}

/// `collectgarbage`: what tells and what frees. Scripts do not stop or tune the collector, which all
/// of them share.
fn collect_garbage(lua: &Lua, args: MultiValue) -> mlua::Result<Value> {
    let option = match args.front() {
        None | Some(Value::Nil) => b"collect".to_vec(),
        Some(_) => check::bytes(lua, &args, 1)?,
    };
    match &*option {
        b"collect" => {
            lua.gc_collect()?;
            Ok(Value::Number(0.0))
        }
        b"count" => {
            let bytes = i64::try_from(lua.used_memory()).unwrap_or(i64::MAX);
            Ok(Value::Number(check::to_f64(bytes) / 1024.0))
        }
        b"step" => Ok(Value::Boolean(lua.gc_step()?)),
        b"stop" | b"restart" | b"setpause" | b"setstepmul" => Ok(Value::Number(0.0)),
        other => {
            let complaint = format!("invalid option '{}'", String::from_utf8_lossy(other));
            Err(check::bad_argument(lua, 1, &complaint))
        }
    }
}
