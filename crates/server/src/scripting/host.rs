//! The commands of a script: each goes the way of every other command, after the checks that are for
//! scripts alone.

use access::DeniedFor;
use engine::{CommandError, Reply};
use protocol::{CommandSpec, Flags, Version};
use script::Host;

use crate::acl_log::LogContext;
use crate::execute::Executor;

/// What a script may do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// It changes nothing.
    pub(super) is_readonly: bool,
    /// Commands that need memory are allowed.
    pub(super) may_fill_memory: bool,
    /// It does not run if the log has no room.
    pub(super) needs_room: bool,
}

/// Longest answer of a command that a script is given: it needs several times the memory in Lua.
const ANSWER_BYTES_MAX: usize = 512 << 20;

pub(super) struct ScriptHost<'h, 'e> {
    executor: &'h mut Executor<'e>,
    rules: Rules,
    /// The record that what the script has seen depends on.
    pub(super) depends: u64,
}

impl<'h, 'e> ScriptHost<'h, 'e> {
    pub(super) fn new(executor: &'h mut Executor<'e>, rules: Rules) -> Self {
        Self { executor, rules, depends: 0 }
    }

    fn run(&mut self, args: &[&[u8]]) -> Result<Reply, CommandError> {
        let spec = match protocol::resolve(args) {
            Ok(spec) => spec,
            Err(error @ CommandError::Arity(_)) => {
                self.executor.count_wrong_number(&error);
                return Err(
                    self.refused("ERR Wrong number of args calling Redis command from script")
                );
            }
            Err(_) => return Err(self.refused("ERR Unknown Redis command called from script")),
        };
        if let Err(error) = self.admit(spec, args) {
            self.executor.counters(spec).rejected();
            return Err(error);
        }
        let request = match protocol::parse_in_script(spec, args, self.executor.draw()) {
            Ok(request) => request,
            Err(error) => {
                self.executor.misread(spec, &error);
                return Err(error);
            }
        };
        if spec.flags.contains(Flags::WRITE) && !self.executor.shared.script.note_write() {
            return Err(CommandError::Fixed("ERR Script killed by user with SCRIPT KILL."));
        }
        let answer = self.executor.run_request(spec, args, request).into_answer();
        self.depends = self.depends.max(answer.depends);
        answer.reply
    }

    fn refused(&self, text: &'static str) -> CommandError {
        self.executor.shared.stats.count_error(text.as_bytes());
        CommandError::Fixed(text)
    }

    /// In Redis's order.
    fn admit(&mut self, spec: &'static CommandSpec, args: &[&[u8]]) -> Result<(), CommandError> {
        if spec.flags.contains(Flags::NOSCRIPT) {
            return Err(self.refused("ERR This Redis command is not allowed from script"));
        }
        if let Err(denied) = self.executor.permit(spec, args) {
            self.executor.note_denied(&denied, args, LogContext::Lua);
            return Err(self.refused(match denied.what {
                DeniedFor::Command => {
                    "ERR The user executing the script can't run this command or subcommand"
                }
                DeniedFor::Channel(_) => {
                    "ERR The user executing the script can't publish to the channel mentioned in the \
                     command"
                }
                _ => {
                    "ERR The user executing the script can't access at least one of the keys mentioned \
                     in the command arguments"
                }
            }));
        }
        if spec.flags.contains(Flags::WRITE) && self.rules.is_readonly {
            return Err(self.refused("ERR Write commands are not allowed from read-only scripts."));
        }
        // What has begun shall end.
        let is_short = !self.rules.may_fill_memory && !self.executor.shared.script.has_written();
        if spec.flags.contains(Flags::DENYOOM) && is_short {
            return Err(self.refused("OOM command not allowed when used memory > 'maxmemory'."));
        }
        Ok(())
    }
}

impl Host for ScriptHost<'_, '_> {
    fn call(&mut self, args: &[&[u8]], is_resp3: bool, out: &mut Vec<u8>) {
        let version = if is_resp3 { Version::Resp3 } else { Version::Resp2 };
        match self.run(args) {
            Ok(reply) => {
                if protocol::encode(&reply, version, ANSWER_BYTES_MAX, out).is_err() {
                    out.clear();
                    let error = CommandError::Fixed("ERR the reply is too long for a script");
                    protocol::encode_error(&error, out);
                }
            }
            Err(error) => protocol::encode_error(&error, out),
        }
    }

    fn may_run(&mut self, args: &[&[u8]]) -> Option<bool> {
        let spec = protocol::resolve(args).ok()?;
        Some(self.executor.permit(spec, args).is_ok())
    }
}
