//! Commands of clusters, replicas and modules, as a server answers them that has neither.

use engine::{CommandError, Reply};

use super::{Arguments, Parsed, Request, is};

/// CLUSTER with any subcommand, READONLY, READWRITE, ASKING.
pub(crate) fn no_cluster(_: Arguments<'_>) -> Parsed<'_> {
    Err(CommandError::Fixed("ERR This instance has cluster support disabled"))
}

/// SYNC, PSYNC and REPLCONF: nobody can copy the data by replication (`headwater backup` can).
pub(crate) fn no_replicas(_: Arguments<'_>) -> Parsed<'_> {
    Err(CommandError::Fixed("ERR replication is not supported, use 'headwater backup'"))
}

pub(crate) fn failover(args: Arguments<'_>) -> Parsed<'_> {
    let words = args.from(1);
    let Some(first) = words.first() else { return Err(no_failover_target()) };
    if is(first, "abort") && words.len() == 1 {
        return Err(CommandError::Fixed("ERR No failover in progress."));
    }
    let mut options = args.options(1);
    let (mut has_host, mut has_timeout, mut is_forced) = (false, false, false);
    while let Some(word) = options.next() {
        if is(word, "timeout") && !has_timeout && !options.rest.is_empty() {
            if options.integer()? <= 0 {
                return Err(CommandError::Fixed("ERR FAILOVER timeout must be greater than 0"));
            }
            has_timeout = true;
        } else if is(word, "to") && !has_host && 2 <= options.rest.len() {
            options.value()?;
            options.integer()?;
            has_host = true;
        } else if is(word, "force") && !is_forced {
            is_forced = true;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    Err(no_failover_target())
}

fn no_failover_target() -> CommandError {
    CommandError::Fixed("ERR FAILOVER requires connected replicas.")
}

pub(crate) fn module_list(_: Arguments<'_>) -> Parsed<'_> {
    Ok(Request::Ready(Reply::Array(Vec::new())))
}

/// MODULE LOAD, LOADEX and UNLOAD, which `enable-module-command` never allows here.
pub(crate) fn no_modules(_: Arguments<'_>) -> Parsed<'_> {
    Err(CommandError::Fixed(
        "ERR MODULE command not allowed. If the enable-module-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.",
    ))
}

pub(crate) fn module_help(_: Arguments<'_>) -> Parsed<'_> {
    super::help(&[
        "MODULE <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "LIST",
        "    The loaded modules: none, ever.",
        "LOAD <path> [<arg> ...]",
        "LOADEX <path> [CONFIG <name> <value> ...] [ARGS <arg> ...]",
        "UNLOAD <name>",
        "    Refused: Headwater has no modules.",
    ])
}
