//! The grammar of the tools that look back: `log show`, `backup`, `restore`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::log_show::{Bound, LogShow};

/// `headwater log ...`.
pub(super) fn log() -> Command {
    let show = Command::new("show")
        .about("Print the log as readable operations; changes nothing, also beside a server")
        .arg(place("DIR", "Data directory, backup, directory of segments, or one segment"))
        .arg(
            Arg::new("key")
                .long("key")
                .value_name("KEY")
                .help("Only what touched this key, FLUSHALL and its like included")
                .value_parser(clap::value_parser!(OsString)),
        )
        .arg(
            Arg::new("db")
                .long("db")
                .value_name("N")
                .help("Only what touched this database")
                .value_parser(clap::value_parser!(u8)),
        )
        .arg(bound("from", "From this record, or this time, on"))
        .arg(bound("to", "Up to this record, or this time, inclusive"))
        .arg(flag("json", "One JSON object per line"))
        .arg(flag("all", "Marks of the durable LSN as well"))
        .arg(flag("full", "Long values whole (they are cut at 256 bytes otherwise)"));
    Command::new("log")
        .about("Look into the log")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(show)
}

/// What `headwater log ...` asks for.
pub(super) fn log_show(matches: &ArgMatches) -> LogShow {
    let matches = matches.subcommand().map_or(matches, |(_, matches)| matches);
    LogShow {
        place: matches.get_one::<PathBuf>("DIR").cloned().unwrap_or_else(|| "data".into()),
        key: matches.get_one::<OsString>("key").cloned().map(OsString::into_vec),
        db: matches.get_one("db").copied(),
        from: matches.get_one("from").copied(),
        to: matches.get_one("to").copied(),
        json: matches.get_flag("json"),
        all: matches.get_flag("all"),
        full: matches.get_flag("full"),
    }
}

fn place(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).help(help).value_parser(clap::value_parser!(PathBuf)).default_value("data")
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn bound(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name("LSN|TIME")
        .help(help)
        .allow_hyphen_values(true)
        .value_parser(Bound::parse)
}
