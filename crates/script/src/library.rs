//! Libraries of functions: loading one, and what it registers.

use std::sync::Arc;

use mlua::{Function, Lua, MultiValue, Table, Value};
use parking_lot::Mutex;

use crate::check;
use crate::failure::Raised;
use crate::runtime::{Runtime, failure};
use crate::shebang::{self, ScriptFlags};

/// Flags of a function.
pub type FunctionFlags = ScriptFlags;

/// A function of a library.
#[derive(Debug, Clone)]
pub struct FunctionInfo {
    /// As registered. Callers may write it in any case.
    pub name: Vec<u8>,
    /// What it is good for, in the author's words.
    pub description: Option<Vec<u8>>,
    /// What it says about itself.
    pub flags: FunctionFlags,
    pub(crate) callback: Function,
}

/// A loaded library.
#[derive(Debug, Clone)]
pub struct Library {
    /// From its first line.
    pub name: Vec<u8>,
    /// All of its text, the first line included.
    pub code: Vec<u8>,
    /// In the order in which they were registered.
    pub functions: Vec<FunctionInfo>,
}

/// Functions registered by the library that is being loaded.
#[derive(Debug, Clone, Default)]
pub(crate) struct Loading(Arc<Mutex<Vec<FunctionInfo>>>);

/// Functions that one library may have.
const FUNCTIONS_MAX: usize = 10_000;

impl Loading {
    /// Adds `register_function`.
    pub(crate) fn fill(&self, lua: &Lua, table: &Table) -> mlua::Result<()> {
        let own = self.clone();
        let register = lua.create_function(move |_, args: MultiValue| {
            own.register(&args).map_err(|text| {
                mlua::Error::from(Raised::Table([b"ERR ", text.as_bytes()].concat()))
            })
        })?;
        table.raw_set("register_function", register)
    }

    fn register(&self, args: &MultiValue) -> Result<(), &'static str> {
        let function = match (args.len(), args.front()) {
            (1, Some(Value::Table(named))) => named_arguments(named)?,
            (1, _) => {
                return Err("calling redis.register_function with a single argument is only \
                     applicable to Lua table (representing named arguments).");
            }
            (2, Some(name)) => {
                let name = check::text_of(name)
                    .ok_or("first argument to redis.register_function must be a string")?;
                let Some(Value::Function(callback)) = args.get(1) else {
                    return Err("second argument to redis.register_function must be a function");
                };
                let callback = callback.clone();
                FunctionInfo { name, description: None, flags: FunctionFlags::default(), callback }
            }
            _ => return Err("wrong number of arguments to redis.register_function"),
        };
        if !shebang::is_name(&function.name) {
            return Err("Library names can only contain letters, numbers, or underscores(_) and \
                 must be at least one character long");
        }
        let mut functions = self.0.lock();
        if functions.iter().any(|other| other.name == function.name) {
            return Err("Function already exists in the library");
        }
        if FUNCTIONS_MAX <= functions.len() {
            return Err("too many functions in the library");
        }
        functions.push(function);
        Ok(())
    }
}

fn named_arguments(named: &Table) -> Result<FunctionInfo, &'static str> {
    let (mut name, mut description, mut callback) = (None, None, None);
    let mut flags = FunctionFlags::default();
    for pair in named.pairs::<Value, Value>() {
        let (key, value) = pair.map_err(|_| "named arguments cannot be read")?;
        let key = check::text_of(&key)
            .ok_or("named argument key given to redis.register_function is not a string")?;
        match key.to_ascii_lowercase().as_slice() {
            b"function_name" => {
                name = Some(check::text_of(&value).ok_or(
                    "function_name argument given to redis.register_function must be a string",
                )?);
            }
            b"description" => {
                description = Some(check::text_of(&value).ok_or(
                    "description argument given to redis.register_function must be a string",
                )?);
            }
            b"callback" => {
                let Value::Function(function) = value else {
                    return Err("callback argument given to redis.register_function must be a \
                         function");
                };
                callback = Some(function);
            }
            b"flags" => {
                let Value::Table(list) = value else {
                    return Err("flags argument to redis.register_function must be a table \
                         representing function flags");
                };
                flags = read_flags(&list)?;
            }
            _ => return Err("unknown argument given to redis.register_function"),
        }
    }
    let name = name.ok_or("redis.register_function must get a function name argument")?;
    let callback = callback.ok_or("redis.register_function must get a callback argument")?;
    Ok(FunctionInfo { name, description, flags, callback })
}

fn read_flags(list: &Table) -> Result<FunctionFlags, &'static str> {
    let mut flags = FunctionFlags::default();
    for at in 1i64.. {
        let value: Value = list.raw_get(at).map_err(|_| "unknown flag given")?;
        if value.is_nil() {
            break;
        }
        let name = check::text_of(&value).ok_or("unknown flag given")?;
        flags = flags.with(FunctionFlags::named(&name).ok_or("unknown flag given")?);
    }
    Ok(flags)
}

impl Runtime {
    /// Runs the code of a library and takes what it registers. Nothing is kept by the state: the
    /// library lives as long as the caller holds it.
    ///
    /// # Errors
    ///
    /// The text for the client.
    pub fn load_library(&self, code: &[u8]) -> Result<Library, Vec<u8>> {
        let header = shebang::library_header(code)?;
        let chunk = self.load(&code[header.length..], "@user_function").map_err(|error| {
            [b"ERR Error compiling function: ", &*crate::failure::words(&error)].concat()
        })?;
        self.begin();
        let ran = self.sandbox.load_library.call::<(bool, Value)>(chunk);
        let functions = std::mem::take(&mut *self.loading.0.lock());
        let refused = |message: &[u8]| [b"ERR Error registering functions: ", message].concat();
        match ran {
            Ok((true, _)) => {}
            Ok((false, reported)) => return Err(refused(&failure(&reported).message)),
            Err(error) => {
                return Err(refused(&[b"ERR ", &*crate::failure::words(&error)].concat()));
            }
        }
        if functions.is_empty() {
            return Err(b"ERR No functions registered".to_vec());
        }
        Ok(Library { name: header.name, code: code.to_vec(), functions })
    }
}
