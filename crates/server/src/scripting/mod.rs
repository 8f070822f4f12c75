//! Scripts: EVAL and its kin on the Lua states of the `script` crate.
//!
//! A script runs while the core is locked, like EXEC: what it changes is one record, it sees its own
//! writes, and nobody is served in between. Its commands go the way of every other command
//! ([`host`]). What happens when it takes long is in [`running`].

mod cache;
mod dump;
mod functions;
mod host;
mod running;

use std::sync::Arc;

use engine::{CommandError, Reply};
use protocol::{Given, NO_SCRIPT, ScriptAccess, ScriptCommand};
use script::{Failure, Runtime, RuntimeOptions, ScriptFlags};

use crate::core::Shared;
use crate::execute::{Answer, Executor, Outcome};
use crate::introspect::info::ScriptFacts;
use cache::{Cache, Cached};
use functions::Functions;
use host::{Rules, ScriptHost};
pub(crate) use running::{Kind, RunningScript};

/// Compiled scripts, and the Lua state that they are in.
#[derive(Debug, Default)]
pub(crate) struct Scripts {
    /// Made when the first script comes: without scripts there is no Lua.
    runtime: Option<Arc<Runtime>>,
    cache: Cache,
    functions: Functions,
}

impl Scripts {
    fn runtime(&mut self, shared: &Shared) -> Result<Arc<Runtime>, CommandError> {
        match &self.runtime {
            Some(runtime) => Ok(Arc::clone(runtime)),
            None => {
                let runtime = Arc::new(new_runtime(shared, false)?);
                self.runtime = Some(Arc::clone(&runtime));
                Ok(runtime)
            }
        }
    }

    /// Finds a script by its text, compiling it if it is new.
    fn compiled(
        &mut self,
        body: &[u8],
        shared: &Shared,
    ) -> Result<([u8; 40], Cached), CommandError> {
        let sha1 = script::sha1_hex(body);
        if let Some(cached) = self.cache.find(&sha1) {
            return Ok((sha1, cached));
        }
        let runtime = self.runtime(shared)?;
        let header = script::script_header(body).map_err(text)?;
        let script = runtime.compile(&body[header.length..]).map_err(text)?;
        let cached = Cached { script, flags: header.flags, bytes: body.len() };
        self.cache.add(sha1, cached.clone());
        Ok((sha1, cached))
    }

    /// What INFO tells.
    pub(crate) fn facts(&self) -> ScriptFacts {
        let (libraries, functions, function_bytes, functions_lua_bytes) = self.functions.facts();
        ScriptFacts {
            scripts: self.cache.len() as u64,
            script_bytes: self.cache.bytes() as u64,
            lua_bytes: self.runtime.as_ref().map_or(0, |runtime| runtime.memory()) as u64,
            functions,
            libraries,
            function_bytes,
            functions_lua_bytes,
        }
    }
}

fn new_runtime(shared: &Shared, is_for_functions: bool) -> Result<Runtime, CommandError> {
    let settings = shared.config.settings();
    let options = RuntimeOptions {
        memory_bytes_max: usize::try_from(settings.script_bytes_max).unwrap_or(usize::MAX),
        version: settings.compat_version.to_string(),
        pulse: Arc::clone(&shared.script) as Arc<dyn script::Pulse>,
        is_for_functions,
    };
    Runtime::new(&options).map_err(|failure| text(failure.message))
}

fn text(text: Vec<u8>) -> CommandError {
    CommandError::Text(text.into_boxed_slice())
}

/// Longest reply that a script builds, whatever the client's own limit.
const REPLY_BYTES_MAX: usize = 512 << 20;

impl Executor<'_> {
    /// Runs a command about scripts.
    pub(crate) fn script(&mut self, command: &ScriptCommand<'_>, args: &[&[u8]]) -> Outcome {
        if !self.shared.config.settings().scripting {
            return Outcome::from(CommandError::Fixed(
                "ERR scripting is disabled, see the setting 'scripting'",
            ));
        }
        match command {
            ScriptCommand::Eval { script, given, access } => {
                match self.core.scripts.compiled(script, self.shared) {
                    Ok((sha1, cached)) => self.eval(&sha1, &cached, *given, *access, args),
                    Err(error) => Outcome::from(error),
                }
            }
            ScriptCommand::EvalSha { sha1, given, access } => {
                let mut name = [0; 40];
                name.copy_from_slice(sha1);
                name.make_ascii_lowercase();
                match self.core.scripts.cache.find(&name) {
                    Some(cached) => self.eval(&name, &cached, *given, *access, args),
                    None => Outcome::from(NO_SCRIPT),
                }
            }
            ScriptCommand::Load { script } => self.load_script(script).into(),
            ScriptCommand::Exists { sha1s } => {
                let is_known = |sha1: &&[u8]| self.core.scripts.cache.contains(sha1);
                let found = sha1s.iter().map(|sha1| Reply::Integer(i64::from(is_known(sha1))));
                Outcome::from(Reply::Array(found.collect()))
            }
            ScriptCommand::Flush => {
                self.core.scripts.cache.clear();
                if let Some(runtime) = &self.core.scripts.runtime {
                    runtime.collect();
                }
                Outcome::from(Reply::Ok)
            }
            // Whoever gets here holds the core, so that nothing can be running.
            ScriptCommand::Kill | ScriptCommand::FunctionKill => Outcome::from(running::NOT_BUSY),
            ScriptCommand::Call { function, numkeys, rest, access } => {
                self.call_function(function, *numkeys, rest, *access, args)
            }
            ScriptCommand::FunctionLoad { code, replaces } => {
                self.function_load(code, *replaces).unwrap_or_else(Outcome::from)
            }
            ScriptCommand::FunctionDelete { library } => {
                self.function_delete(library).unwrap_or_else(Outcome::from)
            }
            ScriptCommand::FunctionFlush => self.function_flush().unwrap_or_else(Outcome::from),
            ScriptCommand::FunctionList { pattern, with_code } => {
                Outcome::answer(self.function_list(*pattern, *with_code), self.shared.log.last())
            }
            ScriptCommand::FunctionDump => {
                Outcome::answer(self.function_dump(), self.shared.log.last())
            }
            ScriptCommand::FunctionRestore { payload, policy } => {
                self.function_restore(payload, *policy).unwrap_or_else(Outcome::from)
            }
            ScriptCommand::FunctionStats => Outcome::from(self.function_stats()),
        }
    }

    fn load_script(&mut self, body: &[u8]) -> Result<Reply, CommandError> {
        let (sha1, _) = self.core.scripts.compiled(body, self.shared)?;
        self.core.scripts.cache.keep(&sha1);
        Ok(Reply::bulk(&sha1))
    }

    fn eval(
        &mut self,
        sha1: &[u8; 40],
        cached: &Cached,
        given: Given<'_>,
        access: ScriptAccess,
        command: &[&[u8]],
    ) -> Outcome {
        let rules = match self.rules(cached.flags, access) {
            Ok(rules) => rules,
            Err(error) => return Outcome::from(error),
        };
        let runtime = match self.core.scripts.runtime(self.shared) {
            Ok(runtime) => runtime,
            Err(error) => return Outcome::from(error),
        };
        let limit = self.reply_limit();
        self.run_script(Kind::Script, sha1, command, rules, |host| {
            runtime.run(&cached.script, given.keys, given.args, limit, host)
        })
    }

    /// What a script may do, or why it may not run.
    fn rules(&self, flags: ScriptFlags, access: ScriptAccess) -> Result<Rules, CommandError> {
        let is_over_memory = self.shared.is_over_memory_limit();
        let writes_nothing = flags.contains(ScriptFlags::NO_WRITES);
        let is_readonly = writes_nothing || access == ScriptAccess::ReadOnly;
        let has_said = !flags.contains(ScriptFlags::UNSAID);
        if has_said && !writes_nothing {
            if access == ScriptAccess::ReadOnly {
                return Err(CommandError::Fixed(
                    "ERR Can not execute a script with write flag using *_ro command.",
                ));
            }
            if is_over_memory && !flags.contains(ScriptFlags::ALLOW_OOM) {
                return Err(CommandError::Fixed(
                    "OOM allow-oom flag is not set on the script, can not run it when used memory > \
                     'maxmemory'",
                ));
            }
        }
        let may_fill_memory = !is_over_memory || flags.contains(ScriptFlags::ALLOW_OOM);
        Ok(Rules { is_readonly, may_fill_memory, needs_room: has_said && !is_readonly })
    }

    fn reply_limit(&self) -> usize {
        let limits = &self.shared.config.settings().output_limits;
        self.client.output_limit(limits).hard_limit().min(REPLY_BYTES_MAX)
    }

    /// Runs a script around which everything is prepared: its changes become one record, unless it
    /// stands in a transaction, whose record takes them.
    fn run_script(
        &mut self,
        kind: Kind,
        name: &[u8],
        command: &[&[u8]],
        rules: Rules,
        run: impl FnOnce(&mut ScriptHost<'_, '_>) -> Result<Reply, Failure>,
    ) -> Outcome {
        let is_alone = !self.in_exec;
        if is_alone && let Err(error) = self.begin_script(rules) {
            return Outcome::from(error);
        }
        if self.core.has_audience {
            self.show_script(command);
        }
        let db = self.session.db;
        self.in_exec = true;
        self.in_script = true;
        let patience = self.shared.config.settings().busy_reply_threshold;
        let worker = Some(&self.client.worker);
        self.shared.script.begin(kind, name, command, patience, worker);
        let mut host = ScriptHost::new(self, rules);
        let result = run(&mut host);
        let mut depends = host.depends;
        self.shared.script.end();
        self.in_script = false;
        self.select(db);
        if is_alone {
            self.in_exec = false;
            let recorded = self.core.database.end_transaction();
            depends = depends.max(self.shared.check(recorded));
            self.serve_blocked();
        }
        self.is_error_counted = result.as_ref().is_err_and(|failure| failure.is_counted);
        let reply = result.map_err(|failure| text(failure.text(name)));
        Outcome::Answer(Answer::new(reply, depends))
    }

    /// Begins the record of a script. What it will write is not known: there must be some room if it
    /// has said that it writes. One that has said nothing may only want to read, or to take something
    /// away: it is judged command by command where there is no room.
    fn begin_script(&mut self, rules: Rules) -> Result<(), CommandError> {
        match self.core.database.begin_transaction_with_room(self.now, ROOM_BYTES) {
            Err(error) if rules.needs_room => return Err(error),
            Err(_) => self.core.database.begin_transaction(self.now),
            Ok(()) => {}
        }
        Ok(())
    }
}

/// Room in the log that a script which writes must find.
const ROOM_BYTES: usize = 64 * 1024;
