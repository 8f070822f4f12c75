//! The grammar of the tools that look back: `log show`, `backup`, `restore`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};

use storage::archive::Target;

use crate::archive::{BackupRequest, RestoreRequest};
use crate::config::Sources;
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
                .help("Only what touched this key, FLUSHALL and its like included; also as it is printed here: 'k\\xff'")
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
        key: matches.get_one::<OsString>("key").cloned().map(|key| names(key.into_vec())),
        db: matches.get_one("db").copied(),
        from: matches.get_one("from").copied(),
        to: matches.get_one("to").copied(),
        json: matches.get_flag("json"),
        all: matches.get_flag("all"),
        full: matches.get_flag("full"),
    }
}

/// The names that a key may have been meant by: as it was typed, and as the log is printed, with
/// escapes and perhaps in quotes.
fn names(typed: Vec<u8>) -> Vec<Vec<u8>> {
    let inner = typed.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    let meant = unescaped(inner.unwrap_or(&typed));
    let other = meant.filter(|meant| *meant != typed);
    std::iter::once(typed).chain(other).collect()
}

/// The bytes that `escape_ascii` makes this of; `None` if it makes that of none.
fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, behind @ ..] = rest {
        let (byte, behind) = match (first, behind) {
            (b'\\', [b'n', behind @ ..]) => (b'\n', behind),
            (b'\\', [b'r', behind @ ..]) => (b'\r', behind),
            (b'\\', [b't', behind @ ..]) => (b'\t', behind),
            (b'\\', [quoted @ (b'\\' | b'\'' | b'"'), behind @ ..]) => (*quoted, behind),
            (b'\\', [b'x', high, low, behind @ ..]) => {
                let digit = |digit: &u8| char::from(*digit).to_digit(16);
                (u8::try_from(digit(high)? * 16 + digit(low)?).ok()?, behind)
            }
            (b'\\', _) => return None,
            (plain, behind) => (*plain, behind),
        };
        bytes.push(byte);
        rest = behind;
    }
    Some(bytes)
}

/// `headwater backup`.
pub(super) fn backup() -> Command {
    Command::new("backup")
        .about("Back up the data directory, beside its server or without one")
        .arg(required("DEST", "The backup: a new directory"))
        .arg(
            Arg::new("dir")
                .long("dir")
                .value_name("DIR")
                .help("Data directory [default: that of the configuration]"),
        )
        .arg(
            Arg::new("config-file")
                .long("config")
                .value_name("FILE")
                .help("Configuration of the server [env: HEADWATER_CONFIG]")
                .value_parser(clap::value_parser!(PathBuf)),
        )
        .arg(flag("copy", "Share no block with the original, also on one file system"))
        .arg(flag("no-verify", "Do not read everything back"))
        .arg(flag("json", "Report in JSON"))
}

/// `headwater restore`.
pub(super) fn restore() -> Command {
    Command::new("restore")
        .about("Make a data directory of a backup, as it was at its end or at any record")
        .arg(required("FROM", "A backup, or a data directory"))
        .arg(required("NEWDIR", "The result: a new directory"))
        .arg(
            Arg::new("log")
                .long("log")
                .value_name("DIR")
                .help("The directory that the backup was made of, or its log: to go beyond the backup")
                .value_parser(clap::value_parser!(PathBuf)),
        )
        .arg(
            Arg::new("to-lsn")
                .long("to-lsn")
                .value_name("LSN")
                .help("Up to this record, inclusive (see `headwater log show`)")
                .value_parser(clap::value_parser!(u64)),
        )
        .arg(
            Arg::new("to-time")
                .long("to-time")
                .value_name("TIME")
                .help("Up to the last record of this time: 2026-11-21T14:03:05Z, '2026-11-21 14:03' (local), 14:03, 'yesterday 14:03', '10m ago', Unix milliseconds")
                .conflicts_with("to-lsn")
                .value_parser(crate::times::parse),
        )
        .arg(flag("no-verify", "Do not read everything back"))
        .arg(flag("json", "Report in JSON"))
}

/// What `headwater backup ...` asks for.
pub(super) fn backup_request(
    matches: &ArgMatches,
    environment: Vec<(String, String)>,
) -> BackupRequest {
    let named = environment.iter().find(|(variable, _)| variable == "HEADWATER_CONFIG");
    let file = matches.get_one::<PathBuf>("config-file").cloned();
    let file = file.or_else(|| named.map(|(_, path)| PathBuf::from(path)));
    let dir = matches.get_one::<String>("dir").map(|dir| ("dir".to_owned(), dir.clone()));
    BackupRequest {
        sources: Sources {
            file,
            environment,
            flags: dir.into_iter().collect(),
            ..Sources::default()
        },
        dest: path(matches, "DEST"),
        copy: matches.get_flag("copy"),
        verify: !matches.get_flag("no-verify"),
        json: matches.get_flag("json"),
    }
}

/// What `headwater restore ...` asks for.
pub(super) fn restore_request(matches: &ArgMatches) -> RestoreRequest {
    let lsn = matches.get_one("to-lsn").copied().map(Target::Lsn);
    let time = matches.get_one("to-time").copied().map(Target::Time);
    RestoreRequest {
        from: path(matches, "FROM"),
        to: path(matches, "NEWDIR"),
        log: matches.get_one("log").cloned(),
        target: lsn.or(time).unwrap_or(Target::End),
        verify: !matches.get_flag("no-verify"),
        json: matches.get_flag("json"),
    }
}

fn required(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).help(help).required(true).value_parser(clap::value_parser!(PathBuf))
}

fn path(matches: &ArgMatches, name: &str) -> PathBuf {
    matches.get_one::<PathBuf>(name).cloned().unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_be_given_as_it_is_printed() {
        let check = |typed: &[u8], meant: &[&[u8]]| {
            assert_eq!(names(typed.to_vec()), meant, "{}", typed.escape_ascii());
        };
        check(b"orders", &[b"orders"]);
        check(b"k\\xff\\xfe", &[b"k\\xff\\xfe", b"k\xff\xfe"]);
        check(b"\"k\\xff \\\"\\n\"", &[b"\"k\\xff \\\"\\n\"", b"k\xff \"\n"]);
        check(b"\"plain\"", &[b"\"plain\"", b"plain"]);
        check(b"k\\y", &[b"k\\y"]);
        check(b"k\\xf", &[b"k\\xf"]);
        check(b"k\\", &[b"k\\"]);
        check(b"k\xff", &[b"k\xff"]);
    }

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(unescaped(all.escape_ascii().to_string().as_bytes()), Some(all));
    }
}
