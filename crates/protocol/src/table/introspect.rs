//! COMMAND: the table as replies.

use engine::pattern::{Case, glob_matches};
use engine::{CommandError, Reply};

use super::keyspec::{Begin, Extent, KeySpec};
use super::{CommandSpec, Flags, commands, deprecated, find, history, syntax, tips};
use crate::command::{Arguments, Parsed, Request, is, resolve};

/// Longest pattern that COMMAND LIST looks for.
const PATTERN_BYTES_MAX: usize = 1024;

pub(crate) fn command(_: Arguments<'_>) -> Parsed<'_> {
    ready(Reply::Array(commands().map(describe).collect()))
}

pub(crate) fn count(_: Arguments<'_>) -> Parsed<'_> {
    ready(Reply::count(commands().count()))
}

pub(crate) fn info(args: Arguments<'_>) -> Parsed<'_> {
    let names = args.from(2);
    if names.is_empty() {
        return command(args);
    }
    let known = |name: &&[u8]| find(name).map_or(Reply::NilArray, describe);
    ready(Reply::Array(names.iter().map(known).collect()))
}

pub(crate) fn docs(args: Arguments<'_>) -> Parsed<'_> {
    let names = args.from(2);
    let docs = |spec: &'static CommandSpec| (Reply::text(spec.name), document(spec));
    ready(Reply::Map(if names.is_empty() {
        commands().map(docs).collect()
    } else {
        names.iter().filter_map(|name| find(name)).map(docs).collect()
    }))
}

pub(crate) fn list(args: Arguments<'_>) -> Parsed<'_> {
    let all = || commands().chain(commands().flat_map(|spec| spec.subcommands));
    let names: Vec<Reply> = match args.from(2) {
        [] => commands().map(|spec| Reply::text(spec.name)).collect(),
        [filter, kind, value] if is(filter, "filterby") => {
            if is(kind, "module") {
                // There are no modules.
                Vec::new()
            } else if is(kind, "aclcat") {
                let member = |spec: &&CommandSpec| {
                    spec.categories().any(|category| is(value, &category[1..]))
                };
                all().filter(member).map(|spec| Reply::text(spec.name)).collect()
            } else if is(kind, "pattern") {
                // Longer than any name by far; there is one match for each command.
                let is_sane = value.len() <= PATTERN_BYTES_MAX;
                let matches = |spec: &&CommandSpec| {
                    is_sane && glob_matches(value, spec.name.as_bytes(), Case::Insensitive)
                };
                all().filter(matches).map(|spec| Reply::text(spec.name)).collect()
            } else {
                return Err(CommandError::Syntax);
            }
        }
        _ => return Err(CommandError::Syntax),
    };
    ready(Reply::Array(names))
}

pub(crate) fn getkeys(args: Arguments<'_>) -> Parsed<'_> {
    let keys = keys_of(args.from(2))?.into_iter().map(|(key, _)| Reply::bulk(key)).collect();
    ready(Reply::Array(keys))
}

pub(crate) fn getkeys_and_flags(args: Arguments<'_>) -> Parsed<'_> {
    let keys = keys_of(args.from(2))?;
    let request = args.from(2);
    let flagged = |(key, spec): (&[u8], &'static KeySpec)| {
        Reply::Array(vec![Reply::bulk(key), words(access_now(spec, request))])
    };
    ready(Reply::Array(keys.into_iter().map(flagged).collect()))
}

pub(crate) fn help(_: Arguments<'_>) -> Parsed<'_> {
    crate::command::help(&[
        "COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "(no subcommand)",
        "    Describe all commands.",
        "COUNT",
        "    The number of commands.",
        "DOCS [<command> ...]",
        "    Document commands.",
        "GETKEYS <request>",
        "    The keys in a request.",
        "GETKEYSANDFLAGS <request>",
        "    The keys in a request, and what becomes of them.",
        "INFO [<command> ...]",
        "    Describe commands.",
        "LIST [FILTERBY MODULE|ACLCAT|PATTERN <value>]",
        "    The names of the commands.",
    ])
}

fn ready<'a>(reply: Reply) -> Parsed<'a> {
    Ok(Request::Ready(reply))
}

/// Keys found in a request, each with the rule that found it.
type Keys<'a> = Vec<(&'a [u8], &'static KeySpec)>;

fn keys_of<'a>(request: &'a [&'a [u8]]) -> Result<Keys<'a>, CommandError> {
    let spec = match resolve(request) {
        Ok(spec) => spec,
        Err(CommandError::Arity(_)) => {
            return Err(CommandError::Fixed(
                "ERR Invalid number of arguments specified for command",
            ));
        }
        Err(_) => return Err(CommandError::Fixed("ERR Invalid command specified")),
    };
    if spec.keys.iter().all(KeySpec::is_no_key) {
        return Err(CommandError::Fixed("ERR The command has no key arguments"));
    }
    let invalid = CommandError::Fixed("ERR Invalid arguments specified for command");
    let mut keys = Vec::new();
    for key_spec in spec.keys.iter().filter(|key_spec| !key_spec.is_no_key()) {
        let positions = match key_spec.positions(request) {
            Some(positions) => positions,
            None if spec.flags.contains(Flags::NO_MANDATORY_KEYS) => continue,
            None => return Err(invalid),
        };
        keys.extend(positions.map(|position| (request[position], key_spec)));
    }
    let may_be_empty = spec.flags.contains(Flags::NO_MANDATORY_KEYS);
    if keys.is_empty() && !may_be_empty { Err(invalid) } else { Ok(keys) }
}

/// The ten elements of COMMAND INFO.
fn describe(spec: &'static CommandSpec) -> Reply {
    let (first, last, step) = legacy_keys(spec.keys);
    Reply::Array(vec![
        Reply::text(spec.name),
        Reply::Integer(i64::from(spec.arity)),
        Reply::Set(spec.flags.names().map(Reply::Simple).collect()),
        Reply::Integer(first),
        Reply::Integer(last),
        Reply::Integer(step),
        Reply::Set(spec.categories().map(Reply::Simple).collect()),
        Reply::Set(tips::of(spec.name).iter().map(|tip| Reply::text(tip)).collect()),
        Reply::Set(spec.keys.iter().map(describe_keys).collect()),
        Reply::Set(spec.subcommands.iter().map(describe).collect()),
    ])
}

/// First key, last key and step over all rules that begin at a fixed place.
fn legacy_keys(keys: &[KeySpec]) -> (i64, i64, i64) {
    keys.iter()
        .filter_map(KeySpec::legacy)
        .reduce(|(first, last, step), (also, until, _)| {
            let is_open = last < 0 || until < 0;
            (first.min(also), if is_open { last.min(until) } else { last.max(until) }, step)
        })
        .unwrap_or((0, 0, 0))
}

fn describe_keys(spec: &'static KeySpec) -> Reply {
    let number = |number: usize| Reply::count(number);
    let (kind, begin) = match spec.begin {
        Begin::Index(index) => ("index", vec![(Reply::text("index"), number(index))]),
        Begin::AfterStreams(from) => (
            "keyword",
            vec![
                (Reply::text("keyword"), Reply::text("STREAMS")),
                (Reply::text("startfrom"), number(from)),
            ],
        ),
        Begin::AfterStore | Begin::Unknown => ("unknown", Vec::new()),
    };
    let range = |last, step, limit| {
        let range = vec![
            (Reply::text("lastkey"), Reply::Integer(last)),
            (Reply::text("keystep"), number(step)),
            (Reply::text("limit"), Reply::Integer(limit)),
        ];
        ("range", range)
    };
    let (find, extent) = match spec.extent {
        _ if kind == "unknown" => (kind, Vec::new()),
        Extent::One => range(0, 1, 0),
        Extent::Two => range(1, 1, 0),
        Extent::ToEnd(step) => range(-1, step, 0),
        Extent::ToLastButOne => range(-2, 1, 0),
        Extent::FirstHalf => range(-1, 1, 2),
        Extent::Counted => {
            let rule = [("keynumidx", 0), ("firstkey", 1), ("keystep", 1)];
            let rule = rule.map(|(name, value)| (Reply::text(name), Reply::Integer(value)));
            ("keynum", rule.into())
        }
    };
    let search = |kind, spec| {
        Reply::Map(vec![
            (Reply::text("type"), Reply::text(kind)),
            (Reply::text("spec"), Reply::Map(spec)),
        ])
    };
    Reply::Map(vec![
        (Reply::text("flags"), words(spec.access)),
        (Reply::text("begin_search"), search(kind, begin)),
        (Reply::text("find_keys"), search(find, extent)),
    ])
}

/// What this request does with the keys of a rule, which for some commands depends on an option.
fn access_now(spec: &'static KeySpec, request: &[&[u8]]) -> &'static [&'static str] {
    let reads = request.iter().skip(3).any(|word| is(word, "get"));
    match spec.access {
        access if !access.contains(&"variable_flags") => access,
        _ if reads => &["RW", "access", "update"],
        _ => &["OW", "update"],
    }
}

fn words(words: &'static [&'static str]) -> Reply {
    Reply::Set(words.iter().map(|word| Reply::Simple(word)).collect())
}

fn document(spec: &'static CommandSpec) -> Reply {
    let mut pairs = vec![
        (Reply::text("summary"), Reply::text(spec.summary)),
        (Reply::text("since"), Reply::text(spec.since)),
        (Reply::text("group"), Reply::text(spec.group.name())),
        (Reply::text("complexity"), Reply::text(spec.complexity)),
    ];
    if let Some((since, instead)) = deprecated::of(spec.name) {
        let flags = Reply::Set(vec![Reply::Simple("deprecated")]);
        pairs.push((Reply::text("doc_flags"), flags));
        pairs.push((Reply::text("deprecated_since"), Reply::text(since)));
        pairs.push((Reply::text("replaced_by"), Reply::text(instead)));
    } else if deprecated::is_internal(spec.name) {
        pairs.push((Reply::text("doc_flags"), Reply::Set(vec![Reply::Simple("syscmd")])));
    }
    let history = history::of(spec.name);
    if !history.is_empty() {
        let change = |(since, what): &(&'static str, &'static str)| {
            Reply::Array(vec![Reply::text(since), Reply::text(what)])
        };
        pairs.push((Reply::text("history"), Reply::Set(history.iter().map(change).collect())));
    }
    if let Some(syntax) = syntax::of(spec.name) {
        pairs.push((Reply::text("arguments"), syntax::arguments(syntax)));
    }
    if !spec.subcommands.is_empty() {
        let docs = spec.subcommands.iter().map(|sub| (Reply::text(sub.name), document(sub)));
        pairs.push((Reply::text("subcommands"), Reply::Map(docs.collect())));
    }
    Reply::Map(pairs)
}
