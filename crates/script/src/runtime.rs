//! A Lua state, and what it takes to run scripts in it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use engine::{CommandError, Reply};
use mlua::chunk::ChunkMode;
use mlua::state::{GcIncParams, GcMode};
use mlua::{Function, HookTriggers, Lua, LuaOptions, MultiValue, StdLib, Table, Value, VmState};
use parking_lot::Mutex;

use crate::failure::{Failure, Raised, words};
use crate::redis_table::{self, RunState};
use crate::sandbox::{self, Killed, Sandbox};
use crate::values::Replier;

/// Runs the commands of a script.
pub trait Host: Send {
    /// Runs one command and appends its encoded answer to `out`, in RESP3 if asked for.
    fn call(&mut self, args: &[&[u8]], is_resp3: bool, out: &mut Vec<u8>);

    /// Whether the caller of the script may run such a command; `None` if there is no such command.
    fn may_run(&mut self, args: &[&[u8]]) -> Option<bool>;
}

/// Level of a line that a script logs.
#[expect(missing_docs, reason = "the names say it")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    Debug = 0,
    Verbose = 1,
    Notice = 2,
    Warning = 3,
}

/// Whether a script goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    GoOn,
    /// It ends here: SCRIPT KILL.
    Kill,
    /// It ends here: FUNCTION KILL.
    KillFunction,
    /// It ends here: code that is loaded must not take long.
    LoadTimeout,
}

/// What a state asks its surroundings while scripts run in it.
pub trait Pulse: Send + Sync {
    /// Asked every few thousand instructions.
    fn beat(&self) -> Verdict;

    /// A script logs a line.
    fn log(&self, level: LogLevel, message: &[u8]);
}

/// How a Lua state is made.
#[derive(Clone)]
pub struct RuntimeOptions {
    /// Memory that it may take.
    pub memory_bytes_max: usize,
    /// What `redis.REDIS_VERSION` says.
    pub version: String,
    /// What to ask whether to go on.
    pub pulse: Arc<dyn Pulse>,
    /// For libraries of functions instead of scripts of EVAL.
    pub is_for_functions: bool,
}

impl std::fmt::Debug for RuntimeOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RuntimeOptions")
            .field("memory_bytes_max", &self.memory_bytes_max)
            .field("is_for_functions", &self.is_for_functions)
            .finish_non_exhaustive()
    }
}

/// Instructions between two questions whether to go on: a few hundred microseconds.
const BEAT_INSTRUCTIONS: u32 = 20_000;

/// A Lua state. Only ever used by one thread at a time, as whoever runs a script holds it.
#[derive(Debug)]
pub struct Runtime {
    pub(crate) lua: Lua,
    pub(crate) sandbox: Sandbox,
    /// The real table behind `redis`.
    redis: Table,
    pub(crate) loading: crate::library::Loading,
    state: RunState,
    killed: Killed,
    memory_bytes_max: usize,
}

/// A compiled script of EVAL.
#[derive(Debug, Clone)]
pub struct Script(Function);

impl Runtime {
    /// Makes a state.
    ///
    /// # Errors
    ///
    /// If the memory allowed is not enough even for that.
    pub fn new(options: &RuntimeOptions) -> Result<Self, Failure> {
        Self::build(options).map_err(|error| Failure::new(words(&error)))
    }

    fn build(options: &RuntimeOptions) -> mlua::Result<Self> {
        let libraries = StdLib::TABLE | StdLib::STRING | StdLib::MATH | StdLib::OS;
        let lua = Lua::new_with(libraries, LuaOptions::new())?;
        lua.set_memory_limit(options.memory_bytes_max)?;
        let killed = Killed::default();
        let state = RunState::default();
        let redis = redis_table::basics(&lua, &options.version, &options.pulse)?;
        redis_table::fill(&lua, &redis, &state)?;
        if !options.is_for_functions {
            redis_table::fill_for_eval(&lua, &redis)?;
        }
        let loading = crate::library::Loading::default();
        let while_loading = redis_table::basics(&lua, &options.version, &options.pulse)?;
        loading.fill(&lua, &while_loading)?;
        let sandbox = sandbox::build(&lua, &redis, &while_loading, &killed)?;
        set_hook(&lua, &killed, options)?;
        let memory_bytes_max = options.memory_bytes_max;
        Ok(Self { lua, sandbox, redis, loading, state, killed, memory_bytes_max })
    }

    /// Memory that the state takes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.lua.used_memory()
    }

    /// Gives back the memory of what nobody refers to any more.
    pub fn collect(&self) {
        // Twice, as tables with finalizers go in the second round. An error of a finalizer cannot
        // be, as scripts have none.
        let _ = self.lua.gc_collect().and_then(|()| self.lua.gc_collect());
    }

    /// Compiles a script. `body` begins behind the shebang line.
    ///
    /// # Errors
    ///
    /// The text for the client.
    pub fn compile(&self, body: &[u8]) -> Result<Script, Vec<u8>> {
        self.load(body, "@user_script").map(Script).map_err(|error| {
            [b"ERR Error compiling script (new function): ", &*words(&error)].concat()
        })
    }

    pub(crate) fn load(&self, text: &[u8], name: &str) -> mlua::Result<Function> {
        self.lua
            .load(text)
            .set_name(name)
            .set_mode(ChunkMode::Text)
            .set_environment(self.sandbox.front.clone())
            .into_function()
    }

    /// Runs a script with `KEYS` and `ARGV`. A reply that would take more than `reply_bytes_max`
    /// holds [`Reply::TooLong`].
    pub fn run(
        &self,
        script: &Script,
        keys: &[&[u8]],
        args: &[&[u8]],
        reply_bytes_max: usize,
        host: &mut dyn Host,
    ) -> Result<Reply, Failure> {
        self.guarded(host, reply_bytes_max, |globals| {
            globals.raw_set("KEYS", self.strings(keys)?)?;
            globals.raw_set("ARGV", self.strings(args)?)?;
            self.sandbox.run.call::<(bool, Value)>(&script.0)
        })
    }

    /// Runs a function of a library.
    pub fn call(
        &self,
        function: &crate::library::FunctionInfo,
        keys: &[&[u8]],
        args: &[&[u8]],
        reply_bytes_max: usize,
        host: &mut dyn Host,
    ) -> Result<Reply, Failure> {
        self.guarded(host, reply_bytes_max, |_| {
            let arguments = (&function.callback, self.strings(keys)?, self.strings(args)?);
            self.sandbox.run_function.call::<(bool, Value)>(arguments)
        })
    }

    /// As each script begins.
    pub(crate) fn begin(&self) {
        // What the scripts before have left must not be what this one runs out of memory for.
        if self.memory_bytes_max / 4 < self.lua.used_memory() {
            self.collect();
        }
        collect_at(&self.lua, AT_EASE);
        self.state.reset();
        self.killed.store(false, Ordering::Relaxed);
    }

    fn strings(&self, strings: &[&[u8]]) -> mlua::Result<Table> {
        let table = self.lua.create_table_with_capacity(strings.len(), 0)?;
        for (at, string) in (1i64..).zip(strings) {
            table.raw_set(at, self.lua.create_string(string)?)?;
        }
        Ok(table)
    }

    /// Lends the host to the `redis` table while `run` runs, and turns what comes out into a reply.
    fn guarded(
        &self,
        host: &mut dyn Host,
        reply_bytes_max: usize,
        run: impl FnOnce(&Table) -> mlua::Result<(bool, Value)>,
    ) -> Result<Reply, Failure> {
        self.begin();
        let host = Mutex::new(host);
        let outcome = self.lua.scope(|scope| {
            let call = scope.create_function(|lua, args: MultiValue| {
                redis_table::told_or_raised(redis_table::call(lua, &args, &host, &self.state)?)
            })?;
            self.redis.raw_set("call", call)?;
            let pcall = scope.create_function(|lua, args: MultiValue| {
                redis_table::told_as_value(lua, redis_table::call(lua, &args, &host, &self.state)?)
            })?;
            self.redis.raw_set("pcall", pcall)?;
            let acl_check = scope
                .create_function(|_, args: MultiValue| redis_table::acl_check(&args, &host))?;
            self.redis.raw_set("acl_check_cmd", acl_check)?;
            run(&self.sandbox.globals)
        });
        let mut is_counted = false;
        let result = match outcome {
            Ok((true, value)) => {
                is_counted = redis_table::is_counted(&value);
                let is_resp3 = self.state.is_resp3();
                Replier { lua: &self.lua, is_resp3, bytes_left: reply_bytes_max, elements: 0 }
                    .reply(&value, 0)
                    .map_err(ended)
            }
            Ok((false, reported)) => Err(failure(&reported)),
            Err(error) => Err(ended(error)),
        };
        if self.sandbox.fronts.clean().is_err() {
            // No memory even for that: what is freed now makes room.
            self.collect();
        }
        match result {
            Ok(Reply::Error(CommandError::Text(text))) => {
                Err(Failure { is_counted, ..Failure::new(text.into_vec()) })
            }
            other => other,
        }
    }
}

/// An error that came when the sandbox could not report it any more.
fn ended(error: mlua::Error) -> Failure {
    Failure::new(match Raised::find(&error) {
        Some(raised @ (Raised::Killed | Raised::Table(_) | Raised::Failed(_))) => {
            raised.text().to_vec()
        }
        _ => [b"ERR ", &*words(&error)].concat(),
    })
}

/// What the sandbox reported about an error; see `redis_table::report`.
pub(crate) fn failure(reported: &Value) -> Failure {
    let Value::Table(table) = reported else {
        // The reporter itself came to nothing: no memory, or no stack.
        let text = crate::check::text_of(reported).unwrap_or_else(|| match reported {
            Value::Error(error) => words(error),
            _ => b"unknown error".to_vec(),
        });
        return Failure::new([b"ERR ", &*text].concat());
    };
    let text = |field: &str| match table.raw_get::<Value>(field) {
        Ok(Value::String(text)) => Some(crate::check::up_to_zero(&text.as_bytes()).to_vec()),
        _ => None,
    };
    let line = table.raw_get::<Value>("line").ok().and_then(|line| crate::check::number_of(&line));
    let place = text("source").zip(line.map(crate::check::truncated));
    Failure {
        message: text("err").unwrap_or_else(|| b"ERR unknown error".to_vec()),
        place,
        is_counted: table.raw_get::<Option<bool>>("counted").ok().flatten().unwrap_or(false),
    }
}

/// Asks whether the script goes on.
pub(crate) struct Beat {
    pulse: Arc<dyn Pulse>,
    killed: Killed,
}

impl Beat {
    fn ask(&self) -> mlua::Result<()> {
        if self.killed.load(Ordering::Relaxed) {
            return Err(Raised::Killed.into());
        }
        let raised = match self.pulse.beat() {
            Verdict::GoOn => return Ok(()),
            Verdict::Kill => Raised::Killed,
            Verdict::KillFunction => {
                Raised::Table(b"ERR Script killed by user with FUNCTION KILL.".to_vec())
            }
            Verdict::LoadTimeout => Raised::Table(b"ERR FUNCTION LOAD timeout".to_vec()),
        };
        self.killed.store(true, Ordering::Relaxed);
        Err(raised.into())
    }
}

/// Elements of a table between two questions whether to go on.
const BEAT_ELEMENTS: usize = 4096;

/// For functions of ours that walk through tables, which may refer to themselves many times over:
/// `count` elements are done.
pub(crate) fn walked(lua: &Lua, count: usize) -> mlua::Result<()> {
    match lua.app_data_ref::<Beat>() {
        Some(beat) if count.is_multiple_of(BEAT_ELEMENTS) => beat.ask(),
        _ => Ok(()),
    }
}

/// Lets `pulse` end a script between any two of its instructions.
fn set_hook(lua: &Lua, killed: &Killed, options: &RuntimeOptions) -> mlua::Result<()> {
    let beat = || Beat { pulse: options.pulse.clone(), killed: killed.clone() };
    lua.set_app_data(beat());
    let (beat, memory_bytes_max) = (beat(), options.memory_bytes_max);
    let triggers = HookTriggers::new().every_nth_instruction(BEAT_INSTRUCTIONS);
    lua.set_global_hook(triggers, move |lua, _| {
        if memory_bytes_max / 2 < lua.used_memory() {
            collect_at(lua, IN_NEED);
        }
        beat.ask().map(|()| VmState::Continue)
    })
}

/// Per cent of the memory in use at which the collector begins again: as Lua has it, and where memory
/// is short. It must not wait for twice the memory then: at the limit an allocation fails at once,
/// whatever could be collected.
const AT_EASE: i32 = 200;
const IN_NEED: i32 = 110;

fn collect_at(lua: &Lua, percent: i32) {
    lua.gc_set_mode(GcMode::Incremental(GcIncParams::default().pause(percent)));
}
