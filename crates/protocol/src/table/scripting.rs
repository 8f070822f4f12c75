//! Scripts and functions.

use super::Group::Scripting;
use super::{
    ALLOW_BUSY, CommandSpec, DENYOOM, KeySpec, LOADING, MAY_REPLICATE, MOVABLEKEYS, NO_KEYS,
    NO_MANDATORY_KEYS, NONE, NOSCRIPT, READONLY, SKIP_MONITOR, STALE, WRITE, container, spec,
};
use crate::command::scripting as parse;

const RUNS: u32 = NOSCRIPT | STALE | SKIP_MONITOR | NO_MANDATORY_KEYS | MOVABLEKEYS | MAY_REPLICATE;
const RUNS_RO: u32 = READONLY | NOSCRIPT | STALE | SKIP_MONITOR | NO_MANDATORY_KEYS | MOVABLEKEYS;

static ANY: &[KeySpec] = &[KeySpec::counted(&["RW", "access", "update"], 2)];
static READ: &[KeySpec] = &[KeySpec::counted(&["RO", "access"], 2)];

const SCRIPT: &str = "Depends on the script.";
const FUNCTION: &str = "Depends on the function.";
const LENGTH: &str = "O(N) in the length of the script";

pub(super) static COMMANDS: &[CommandSpec] = &[
    spec("eval", -3, RUNS, ANY, parse::eval).about(
        Scripting,
        "2.6.0",
        SCRIPT,
        "Runs a Lua script.",
    ),
    spec("evalsha", -3, RUNS, ANY, parse::evalsha).about(
        Scripting,
        "2.6.0",
        SCRIPT,
        "Runs a script that was sent before, by its SHA-1.",
    ),
    spec("eval_ro", -3, RUNS_RO, READ, parse::eval).about(
        Scripting,
        "7.0.0",
        SCRIPT,
        "Runs a Lua script that changes nothing.",
    ),
    spec("evalsha_ro", -3, RUNS_RO, READ, parse::evalsha).about(
        Scripting,
        "7.0.0",
        SCRIPT,
        "Runs a script that was sent before and changes nothing, by its SHA-1.",
    ),
    spec("fcall", -3, RUNS, ANY, parse::fcall).about(
        Scripting,
        "7.0.0",
        FUNCTION,
        "Runs a function.",
    ),
    spec("fcall_ro", -3, RUNS_RO, READ, parse::fcall).about(
        Scripting,
        "7.0.0",
        FUNCTION,
        "Runs a function that changes nothing.",
    ),
    spec("function", -2, NONE, NO_KEYS, container)
        .about(Scripting, "7.0.0", "Depends on the subcommand.", "Commands about functions.")
        .with(FUNCTIONS),
    spec("script", -2, NONE, NO_KEYS, container)
        .about(Scripting, "2.6.0", "Depends on the subcommand.", "Commands about scripts.")
        .with(SCRIPTS),
];

impl CommandSpec {
    /// Whether the command runs Lua code of a client.
    #[must_use]
    pub fn runs_script(&self) -> bool {
        self.group == Scripting
            && (self.flags.contains(super::Flags::SKIP_MONITOR)
                || self.flags.contains(super::Flags::DENYOOM))
    }
}

static SCRIPTS: &[CommandSpec] = &[
    spec("script|debug", 3, NOSCRIPT, NO_KEYS, parse::debug).about(
        Scripting,
        "3.2.0",
        "O(1)",
        "Would set the mode of the debugger, if there was one.",
    ),
    spec("script|exists", -3, NOSCRIPT, NO_KEYS, parse::exists).about(
        Scripting,
        "2.6.0",
        "O(N) in the number of scripts",
        "Whether scripts are in the cache.",
    ),
    spec("script|flush", -2, NOSCRIPT, NO_KEYS, parse::flush).about(
        Scripting,
        "2.6.0",
        "O(N) in the number of scripts",
        "Empties the cache of scripts.",
    ),
    spec("script|help", 2, LOADING | STALE, NO_KEYS, parse::help).about(
        Scripting,
        "5.0.0",
        "O(1)",
        "Describes the subcommands.",
    ),
    spec("script|kill", 2, NOSCRIPT | ALLOW_BUSY, NO_KEYS, parse::kill).about(
        Scripting,
        "2.6.0",
        "O(1)",
        "Ends the running script.",
    ),
    spec("script|load", 3, NOSCRIPT | STALE, NO_KEYS, parse::load).about(
        Scripting,
        "2.6.0",
        LENGTH,
        "Puts a script into the cache.",
    ),
];

static FUNCTIONS: &[CommandSpec] = &[
    spec("function|delete", 3, WRITE | NOSCRIPT, NO_KEYS, parse::function_delete).about(
        Scripting,
        "7.0.0",
        "O(1)",
        "Deletes a library.",
    ),
    spec("function|dump", 2, NOSCRIPT, NO_KEYS, parse::function_dump).about(
        Scripting,
        "7.0.0",
        "O(N) in the number of libraries",
        "All libraries as one value.",
    ),
    spec("function|flush", -2, WRITE | NOSCRIPT, NO_KEYS, parse::function_flush).about(
        Scripting,
        "7.0.0",
        "O(N) in the number of libraries",
        "Deletes all libraries.",
    ),
    spec("function|help", 2, LOADING | STALE, NO_KEYS, parse::function_help).about(
        Scripting,
        "7.0.0",
        "O(1)",
        "Describes the subcommands.",
    ),
    spec("function|kill", 2, NOSCRIPT | ALLOW_BUSY, NO_KEYS, parse::function_kill).about(
        Scripting,
        "7.0.0",
        "O(1)",
        "Ends the running function.",
    ),
    spec("function|list", -2, NOSCRIPT, NO_KEYS, parse::function_list).about(
        Scripting,
        "7.0.0",
        "O(N) in the number of functions",
        "Describes the libraries.",
    ),
    spec("function|load", -3, WRITE | DENYOOM | NOSCRIPT, NO_KEYS, parse::function_load).about(
        Scripting,
        "7.0.0",
        LENGTH,
        "Adds a library.",
    ),
    spec("function|restore", -3, WRITE | DENYOOM | NOSCRIPT, NO_KEYS, parse::function_restore)
        .about(
            Scripting,
            "7.0.0",
            "O(N) in the number of libraries",
            "Adds libraries from a dumped value.",
        ),
    spec("function|stats", 2, NOSCRIPT | ALLOW_BUSY, NO_KEYS, parse::function_stats).about(
        Scripting,
        "7.0.0",
        "O(1)",
        "What is running, and how many libraries there are.",
    ),
];
