//! The command line: `headwater [server] [FILE] [--directive value]...`, and the tools beside it.

mod archive;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::Styles;
use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches};

use crate::archive::{BackupRequest, RestoreRequest};
use crate::config::directives;
use crate::config::value::Kind;
use crate::config::{Directive, Effect, Sources};
use crate::log_show::LogShow;
use crate::repair;

/// What the command line asks for.
#[derive(Debug, Clone)]
pub enum Invocation {
    /// Run the server.
    Serve(Sources),
    /// Print the configuration that the server would run with.
    ShowConfig {
        /// Where it comes from.
        sources: Sources,
        /// Say for each value where it comes from.
        origin: bool,
    },
    /// Print a redis.conf as TOML, and what of it is left out.
    ImportConfig {
        /// The redis.conf.
        file: PathBuf,
    },
    /// Print a commented `headwater.toml`.
    ExampleConfig,
    /// Read every byte of a data directory.
    Check {
        /// The directory.
        dir: PathBuf,
        /// Answer in JSON.
        json: bool,
    },
    /// Build a sound directory from what can be read of a damaged one.
    Repair(repair::Request),
    /// Ask a running server whether it serves.
    Ping(Sources),
    /// Print the log.
    LogShow(LogShow),
    /// Break a server again and again, and check what it had promised.
    Drill(Box<drill::Options>),
    /// Back up a data directory.
    Backup(BackupRequest),
    /// Make a data directory of a backup.
    Restore(RestoreRequest),
}

impl Invocation {
    /// Whether a program reads what comes of it, as one object.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Self::Check { json, .. } => *json,
            Self::Repair(request) => request.json,
            Self::Backup(request) => request.json,
            Self::Restore(request) => request.json,
            _ => false,
        }
    }

    /// Reads the arguments, the program's name first.
    ///
    /// # Errors
    ///
    /// What is wrong with them, or the text of `--help` and `--version`.
    pub fn parse(
        arguments: impl IntoIterator<Item = OsString>,
        environment: Vec<(String, String)>,
    ) -> Result<Self, clap::Error> {
        let matches = command().try_get_matches_from(join_lists(arguments))?;
        Ok(match matches.subcommand() {
            Some(("check", matches)) => Self::Check {
                dir: matches.get_one::<PathBuf>("DIR").cloned().unwrap_or_else(|| "data".into()),
                json: matches.get_flag("json"),
            },
            Some(("log", matches)) => Self::LogShow(archive::log_show(matches)),
            Some(("backup", matches)) => {
                Self::Backup(archive::backup_request(matches, environment))
            }
            Some(("restore", matches)) => Self::Restore(archive::restore_request(matches)),
            Some(("repair", matches)) => Self::Repair(repair::Request {
                dir: matches.get_one::<PathBuf>("DIR").cloned().unwrap_or_default(),
                to: matches.get_one::<PathBuf>("to").cloned().unwrap_or_default(),
                yes: matches.get_flag("yes"),
                json: matches.get_flag("json"),
            }),
            Some(("ping", matches)) => Self::Ping(sources(matches, environment)),
            Some(("drill", matches)) => {
                Self::Drill(Box::new(drill::Options::from_arg_matches(matches)?))
            }
            Some(("config", matches)) => match matches.subcommand() {
                Some(("show", matches)) => Self::ShowConfig {
                    origin: matches.get_flag("origin"),
                    sources: sources(matches, environment),
                },
                Some(("import", matches)) => Self::ImportConfig {
                    file: matches.get_one::<PathBuf>("FILE").cloned().unwrap_or_default(),
                },
                _ => Self::ExampleConfig,
            },
            Some((_, matches)) => Self::Serve(sources(matches, environment)),
            None => {
                refuse_mistyped(&matches)?;
                Self::Serve(sources(&matches, environment))
            }
        })
    }
}

/// The grammar. Directives become flags, so that `redis-server`'s own style works:
/// `--port 6379 --save ''`.
#[must_use]
pub fn command() -> Command {
    let server = with_directives(Command::new("server").about("Run the server (the default)"));
    let check = Command::new("check")
        .about("Read every byte of a data directory and report damage; changes nothing")
        .arg(
            Arg::new("DIR")
                .help("Data directory")
                .value_parser(clap::value_parser!(PathBuf))
                .default_value("data"),
        )
        .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help("Report in JSON"));
    let path = |name: &'static str| {
        Arg::new(name).value_parser(clap::value_parser!(PathBuf)).required(true)
    };
    let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    let repair = Command::new("repair")
        .about("Build a sound directory from what can be read of a damaged one; shows what goes and asks first")
        .arg(path("DIR").help("Damaged data directory; it is only read"))
        .arg(path("to").long("to").value_name("NEWDIR").help("Where to write: missing or empty"))
        .arg(flag("yes").help("Do not ask"))
        .arg(flag("json").help("Report in JSON"));
    let ping = with_directives(
        Command::new("ping")
            .about("Ask the server that this configuration describes whether it serves"),
    );
    let show = with_directives(Command::new("show").about("Print every value in force")).arg(
        Arg::new("origin")
            .long("origin")
            .action(ArgAction::SetTrue)
            .help("And where it comes from"),
    );
    let example = Command::new("example").about("Print a commented configuration file");
    let import = Command::new("import")
        .about("Print a redis.conf as TOML, and what of it is left out and why")
        .arg(path("FILE").help("The redis.conf"));
    let config = Command::new("config")
        .about("Show the configuration")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([show, example, import]);
    with_directives(Command::new("headwater"))
        .version(env!("CARGO_PKG_VERSION"))
        .about("A durable server for Redis Streams: when the reply arrives, it is on disk")
        .styles(Styles::styled())
        .args_conflicts_with_subcommands(true)
        .subcommands([
            server,
            check,
            repair,
            ping,
            drill::command(),
            config,
            archive::log(),
            archive::backup(),
            archive::restore(),
        ])
}

/// A word in the place of a command is taken for a configuration file. One that looks like a command and
/// is no file was meant to be one.
fn refuse_mistyped(matches: &ArgMatches) -> Result<(), clap::Error> {
    let Some(word) = matches.get_one::<PathBuf>("FILE").and_then(|file| file.to_str()) else {
        return Ok(());
    };
    let is_word = word.bytes().all(|byte| byte.is_ascii_lowercase());
    if !is_word || PathBuf::from(word).exists() {
        return Ok(());
    }
    let mut command = command();
    let near = command.get_subcommands().map(Command::get_name);
    let near = near.min_by_key(|name| directives::edit_distance(word, name));
    let hint = near.filter(|name| directives::edit_distance(word, name) <= 2);
    let hint = hint.map_or_else(String::new, |name| format!(", did you mean '{name}'?"));
    let what = format!("there is no command and no file '{word}'{hint}");
    Err(command.error(clap::error::ErrorKind::InvalidSubcommand, what))
}

fn with_directives(command: Command) -> Command {
    let command = command
        .arg(
            Arg::new("FILE")
                .help("Configuration: TOML, or a redis.conf if its name ends in .conf; - for standard input")
                .value_parser(clap::value_parser!(PathBuf)),
        )
        .arg(
            Arg::new("config-file")
                .long("config")
                .value_name("FILE")
                .help("The same, as a flag [env: HEADWATER_CONFIG]")
                .value_parser(clap::value_parser!(PathBuf)),
        );
    command.args(directives::all().map(directive_flag))
}

fn directive_flag(directive: &'static Directive) -> Arg {
    let flag = Arg::new(directive.name)
        .long(directive.name)
        .value_name(value_name(directive.kind))
        .allow_hyphen_values(true)
        // The last one wins, as in redis-server.
        .overrides_with(directive.name)
        .num_args(1)
        .hide(directive.effect != Effect::Honoured)
        .help_heading("Directives (see `headwater config example`)");
    match directive.default {
        "" => flag.help(directive.doc),
        default => flag.help(format!("{} [default: {default}]", directive.doc)),
    }
}

/// Redis takes words up to the next flag: `--bind 127.0.0.1 -::1 --port 7`. Here that is so for the
/// directives that have several words; they become one argument, `--bind=127.0.0.1 -::1`.
fn join_lists(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let is_flag = |argument: &OsString| argument.as_encoded_bytes().starts_with(b"--");
    let is_list = |argument: &OsString| {
        let name = argument.to_str().and_then(|text| text.strip_prefix("--"));
        let kind =
            name.and_then(directives::find).map(|directive| (directive.name, directive.kind));
        matches!(
            kind,
            Some(
                ("save" | "oom-score-adj-values", _)
                    | (_, Kind::Addresses | Kind::OutputLimits | Kind::Percentiles)
            )
        )
    };
    let mut joined = Vec::new();
    let mut arguments = arguments.into_iter().peekable();
    while let Some(mut argument) = arguments.next() {
        if is_list(&argument) && arguments.peek().is_some_and(|next| !is_flag(next)) {
            let mut separator = "=";
            while let Some(word) = arguments.next_if(|next| !is_flag(next)) {
                argument.push(separator);
                argument.push(word);
                separator = " ";
            }
        }
        joined.push(argument);
    }
    joined
}

fn value_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Integer { .. } | Kind::Signed { .. } => "N",
        Kind::Percentiles => "PERCENT",
        Kind::Memory { .. } => "BYTES",
        Kind::Share => "BYTES|N%",
        Kind::YesNo => "yes|no",
        Kind::Choice(_) => "WORD",
        Kind::FileMode => "MODE",
        Kind::Addresses => "ADDRESS",
        Kind::OutputLimits => "LIMITS",
        Kind::Events => "LETTERS",
        Kind::Text => "TEXT",
    }
}

fn sources(matches: &ArgMatches, environment: Vec<(String, String)>) -> Sources {
    let file = matches.get_one::<PathBuf>("FILE");
    let file = file.or_else(|| matches.get_one::<PathBuf>("config-file")).cloned();
    let named = environment.iter().find(|(variable, _)| variable == "HEADWATER_CONFIG");
    let file = file.or_else(|| named.map(|(_, path)| PathBuf::from(path)));
    let flags = directives::all().filter_map(|directive| {
        let words: Vec<&str> =
            matches.get_many::<String>(directive.name)?.map(String::as_str).collect();
        Some((directive.name.to_owned(), words.join(" ")))
    });
    Sources { file, environment, flags: flags.collect(), ..Sources::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Invocation, clap::Error> {
        let all = std::iter::once("headwater").chain(arguments.iter().copied());
        Invocation::parse(all.map(OsString::from), Vec::new())
    }

    #[test]
    fn the_grammar_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn servers_start_in_our_style_and_in_that_of_redis() {
        let check = |arguments: &[&str], file: Option<&str>, flags: &[(&str, &str)]| {
            let Ok(Invocation::Serve(sources)) = parse(arguments) else {
                panic!("{arguments:?} should start the server")
            };
            assert_eq!(sources.file, file.map(PathBuf::from), "{arguments:?}");
            let mut seen: Vec<_> =
                sources.flags.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            seen.sort_unstable();
            assert_eq!(seen, flags, "{arguments:?}");
        };
        check(&[], None, &[]);
        check(&["server"], None, &[]);
        check(&["-", "--port", "7"], Some("-"), &[("port", "7")]);
        check(&["h.toml"], Some("h.toml"), &[]);
        check(&["server", "redis.conf", "--port", "7"], Some("redis.conf"), &[("port", "7")]);
        check(&["server", "--config", "h.toml"], Some("h.toml"), &[]);
        check(
            &["--port", "7", "--appendonly", "yes", "--save", "", "--bind", "127.0.0.1", "-::1"],
            None,
            &[("appendonly", "yes"), ("bind", "127.0.0.1 -::1"), ("port", "7"), ("save", "")],
        );
        check(&["--port=7", "--port", "8"], None, &[("port", "8")]);
        check(&["--save", "900", "1"], None, &[("save", "900 1")]);
    }

    #[test]
    fn tools_are_told_apart_and_mistakes_are_usage_errors() {
        assert!(matches!(
            parse(&["check", "d", "--json"]),
            Ok(Invocation::Check { json: true, .. })
        ));
        assert!(matches!(
            parse(&["config", "show", "--origin"]),
            Ok(Invocation::ShowConfig { origin: true, .. })
        ));
        assert!(matches!(parse(&["config", "example"]), Ok(Invocation::ExampleConfig)));
        assert!(matches!(parse(&["ping", "--port", "7"]), Ok(Invocation::Ping(_))));
        for mistake in [&["--prot", "1"][..], &["--port"], &["a", "b"], &["config"]] {
            assert_eq!(parse(mistake).expect_err("a mistake").exit_code(), 2, "{mistake:?}");
        }
        let mistyped = parse(&["chekc"]).expect_err("a mistake");
        assert_eq!(mistyped.exit_code(), 2);
        let says = "there is no command and no file 'chekc', did you mean 'check'?";
        assert!(mistyped.to_string().contains(says), "{mistyped}");
        assert_eq!(parse(&["--version"]).expect_err("a text").exit_code(), 0);
    }
}
