//! EVAL and its kin, SCRIPT, FCALL, FUNCTION.

use engine::CommandError;

use super::args::is;
use super::server::{ServerCommand, server};
use super::{Arguments, Parsed, subcommand_syntax, text};
use crate::number::parse_i64;

/// A command about scripts or functions.
#[expect(
    missing_docs,
    reason = "the fields of a variant carry the names of the command's arguments"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScriptCommand<'a> {
    /// EVAL and EVAL_RO.
    Eval { script: &'a [u8], given: Given<'a>, access: ScriptAccess },
    /// EVALSHA and EVALSHA_RO.
    EvalSha { sha1: &'a [u8], given: Given<'a>, access: ScriptAccess },
    /// SCRIPT LOAD.
    Load { script: &'a [u8] },
    /// SCRIPT EXISTS.
    Exists { sha1s: &'a [&'a [u8]] },
    /// SCRIPT FLUSH.
    Flush,
    /// SCRIPT KILL.
    Kill,
    /// FCALL and FCALL_RO. How many keys there are is only looked at once the function is found.
    Call { function: &'a [u8], numkeys: Option<i64>, rest: &'a [&'a [u8]], access: ScriptAccess },
    /// FUNCTION LOAD.
    FunctionLoad { code: &'a [u8], replaces: bool },
    /// FUNCTION DELETE.
    FunctionDelete { library: &'a [u8] },
    /// FUNCTION FLUSH.
    FunctionFlush,
    /// FUNCTION LIST.
    FunctionList { pattern: Option<&'a [u8]>, with_code: bool },
    /// FUNCTION DUMP.
    FunctionDump,
    /// FUNCTION RESTORE.
    FunctionRestore { payload: &'a [u8], policy: RestorePolicy },
    /// FUNCTION STATS.
    FunctionStats,
    /// FUNCTION KILL.
    FunctionKill,
}

/// Keys and arguments of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Given<'a> {
    /// `KEYS`
    pub keys: &'a [&'a [u8]],
    /// `ARGV`
    pub args: &'a [&'a [u8]],
}

/// Whether a script may change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptAccess {
    /// It may.
    ReadWrite,
    /// It was sent by a command that ends in `_RO`.
    ReadOnly,
}

/// What FUNCTION RESTORE does with the libraries that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestorePolicy {
    /// All of them go first.
    Flush,
    /// They stay; one of the same name is in the way.
    Append,
    /// They stay, unless one of the same name comes.
    Replace,
}

impl<'a> Given<'a> {
    /// Splits what follows the number of keys.
    ///
    /// # Errors
    /// If there are not so many.
    pub fn split(count: i64, rest: &'a [&'a [u8]]) -> Result<Self, CommandError> {
        let is_negative = count < 0;
        match usize::try_from(count).ok().and_then(|count| rest.split_at_checked(count)) {
            Some((keys, args)) => Ok(Self { keys, args }),
            None if is_negative => Err(CommandError::Fixed("ERR Number of keys can't be negative")),
            None => {
                Err(CommandError::Fixed("ERR Number of keys can't be greater than number of args"))
            }
        }
    }
}

fn script(command: ScriptCommand<'_>) -> Parsed<'_> {
    server(ServerCommand::Script(command))
}

fn given(args: Arguments<'_>) -> Result<Given<'_>, CommandError> {
    let count = parse_i64(args.at(2)).ok_or(CommandError::NotAnInteger)?;
    // In this order: too many, then negative.
    Given::split(count, args.from(3))
}

fn access(args: Arguments<'_>) -> ScriptAccess {
    match args.spec.name.ends_with("_ro") {
        true => ScriptAccess::ReadOnly,
        false => ScriptAccess::ReadWrite,
    }
}

pub(crate) fn eval(args: Arguments<'_>) -> Parsed<'_> {
    let (given, access) = (given(args)?, access(args));
    script(ScriptCommand::Eval { script: args.at(1), given, access })
}

pub(crate) fn evalsha(args: Arguments<'_>) -> Parsed<'_> {
    if args.at(1).len() != SHA1_HEX_BYTES {
        return Err(NO_SCRIPT);
    }
    let (given, access) = (given(args)?, access(args));
    script(ScriptCommand::EvalSha { sha1: args.at(1), given, access })
}

/// Length of a script's name.
const SHA1_HEX_BYTES: usize = 40;

/// What EVALSHA answers where there is no such script; clients match it, and send EVAL then.
pub const NO_SCRIPT: CommandError =
    CommandError::Fixed("NOSCRIPT No matching script. Please use EVAL.");

pub(crate) fn fcall(args: Arguments<'_>) -> Parsed<'_> {
    let (function, numkeys) = (args.at(1), parse_i64(args.at(2)));
    script(ScriptCommand::Call { function, numkeys, rest: args.from(3), access: access(args) })
}

pub(crate) fn load(args: Arguments<'_>) -> Parsed<'_> {
    script(ScriptCommand::Load { script: args.at(2) })
}

pub(crate) fn exists(args: Arguments<'_>) -> Parsed<'_> {
    script(ScriptCommand::Exists { sha1s: args.from(2) })
}

pub(crate) fn flush(args: Arguments<'_>) -> Parsed<'_> {
    match args.from(2) {
        [] => script(ScriptCommand::Flush),
        [mode] if is(mode, "sync") || is(mode, "async") => script(ScriptCommand::Flush),
        _ => Err(CommandError::Fixed("ERR SCRIPT FLUSH only support SYNC|ASYNC option")),
    }
}

pub(crate) fn kill(_: Arguments<'_>) -> Parsed<'_> {
    script(ScriptCommand::Kill)
}

pub(crate) fn debug(args: Arguments<'_>) -> Parsed<'_> {
    let mode = args.at(2);
    if is(mode, "no") {
        return Ok(super::Request::Ready(engine::Reply::Ok));
    }
    if is(mode, "yes") || is(mode, "sync") {
        return Err(CommandError::Fixed("ERR the script debugger is not supported"));
    }
    Err(CommandError::Fixed("ERR Use SCRIPT DEBUG YES/SYNC/NO"))
}

pub(crate) fn help(_: Arguments<'_>) -> Parsed<'_> {
    super::help(&[
        "SCRIPT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "DEBUG (YES|SYNC|NO)",
        "    NO is accepted; there is no debugger.",
        "EXISTS <sha1> [<sha1> ...]",
        "    Whether these scripts are in the cache.",
        "FLUSH [ASYNC|SYNC]",
        "    Empty the cache of scripts.",
        "KILL",
        "    End the running script, if it has not written anything.",
        "LOAD <script>",
        "    Put a script into the cache without running it.",
    ])
}

pub(crate) fn function_load(args: Arguments<'_>) -> Parsed<'_> {
    let words = args.from(2);
    let (code, options) = words.split_last().ok_or_else(|| args.wrong_number())?;
    let mut replaces = false;
    for option in options {
        if !is(option, "replace") {
            return Err(text(&[b"ERR Unknown option given: ", super::echo(option, usize::MAX)]));
        }
        replaces = true;
    }
    script(ScriptCommand::FunctionLoad { code, replaces })
}

pub(crate) fn function_delete(args: Arguments<'_>) -> Parsed<'_> {
    script(ScriptCommand::FunctionDelete { library: args.at(2) })
}

pub(crate) fn function_flush(args: Arguments<'_>) -> Parsed<'_> {
    match args.from(2) {
        [] => script(ScriptCommand::FunctionFlush),
        [mode] if is(mode, "sync") || is(mode, "async") => script(ScriptCommand::FunctionFlush),
        [_] => Err(CommandError::Fixed("ERR FUNCTION FLUSH only supports SYNC|ASYNC option")),
        _ => Err(subcommand_syntax(args.at(1), "FUNCTION")),
    }
}

pub(crate) fn function_list(args: Arguments<'_>) -> Parsed<'_> {
    let (mut pattern, mut with_code) = (None, false);
    let mut words = args.options(2);
    while let Some(word) = words.next() {
        if !with_code && is(word, "withcode") {
            with_code = true;
        } else if pattern.is_none() && is(word, "libraryname") {
            pattern = Some(
                words
                    .next()
                    .ok_or(CommandError::Fixed("ERR library name argument was not given"))?,
            );
        } else {
            return Err(text(&[b"ERR Unknown argument ", super::echo(word, 128)]));
        }
    }
    script(ScriptCommand::FunctionList { pattern, with_code })
}

pub(crate) fn function_dump(_: Arguments<'_>) -> Parsed<'_> {
    script(ScriptCommand::FunctionDump)
}

pub(crate) fn function_restore(args: Arguments<'_>) -> Parsed<'_> {
    let policy = match args.from(3) {
        [] => RestorePolicy::Append,
        [word] if is(word, "append") => RestorePolicy::Append,
        [word] if is(word, "replace") => RestorePolicy::Replace,
        [word] if is(word, "flush") => RestorePolicy::Flush,
        [_] => {
            return Err(CommandError::Fixed(
                "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.",
            ));
        }
        _ => return Err(subcommand_syntax(args.at(1), "FUNCTION")),
    };
    script(ScriptCommand::FunctionRestore { payload: args.at(2), policy })
}

pub(crate) fn function_stats(_: Arguments<'_>) -> Parsed<'_> {
    script(ScriptCommand::FunctionStats)
}

pub(crate) fn function_kill(_: Arguments<'_>) -> Parsed<'_> {
    script(ScriptCommand::FunctionKill)
}

pub(crate) fn function_help(_: Arguments<'_>) -> Parsed<'_> {
    super::help(&[
        "FUNCTION <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "LOAD [REPLACE] <FUNCTION CODE>",
        "    Add a library, named in the first line of its code.",
        "DELETE <LIBRARY NAME>",
        "    Delete a library.",
        "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
        "    The libraries, with their functions and, if asked for, their code.",
        "STATS",
        "    What is running, and how many libraries and functions there are.",
        "KILL",
        "    End the running function, if it has not written anything.",
        "FLUSH [ASYNC|SYNC]",
        "    Delete all libraries.",
        "DUMP",
        "    All libraries as one value, for RESTORE.",
        "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
        "    Add libraries from a value that DUMP gave:",
        "    * FLUSH: delete all others first.",
        "    * APPEND: refuse if a library of that name is there (the default).",
        "    * REPLACE: delete libraries of those names first.",
    ])
}
