//! What the grammar refuses, in the words of redis-server 7.0.15, or of the specification where
//! later versions say it differently. Every line was compared with the running reference.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod groups;
mod numbers;
mod server;
mod sorted_sets;
mod streams;
mod values;

use engine::{Command, CommandError};
use protocol::Request;

/// The refusal of `request`, wherever in the request it waits; empty if there is none.
fn refusal(request: &[&[u8]]) -> String {
    let result = protocol::resolve(request).and_then(|spec| protocol::parse(spec, request, 0));
    let deferred = match result {
        Ok(Request::Engine(command)) => deferred(command),
        Ok(_) => None,
        Err(error) => Some(error),
    };
    deferred.map_or(String::new(), |error| String::from_utf8_lossy(&error.text()).into_owned())
}

fn deferred(command: Command<'_>) -> Option<CommandError> {
    match command {
        Command::XDel { ids, .. } | Command::XAck { ids, .. } => ids.err(),
        Command::XDelEx { disposal, .. } | Command::XAckDel { disposal, .. } => {
            disposal.map_or_else(Some, |disposal| disposal.ids.err())
        }
        Command::XNack { release, .. } => release.map_or_else(Some, |release| release.ids.err()),
        Command::XClaim { claim, .. } => claim.err(),
        Command::XInfoStream { detail, .. } => detail.err(),
        Command::IncrByFloat { by, .. } => by.err(),
        Command::GetEx { expiry, .. } => expiry.err(),
        Command::ZCombine(combine) | Command::ZCombineStore { combine, .. } => {
            combine.options.err()
        }
        Command::ZInterCard { limit, .. } => limit.err(),
        Command::ZScan { filter, .. } => filter.err(),
        Command::HScan { filter, .. } | Command::SScan { filter, .. } => filter.err(),
        Command::LIndex { index, .. } | Command::LSet { index, .. } => index.err(),
        Command::XGroupCreate { from, .. } | Command::XGroupSetId { from, .. } => from.err(),
        Command::XRead(read) => read.streams.into_iter().find_map(|(_, from)| from.err()),
        Command::XReadGroup(read) => read.streams.into_iter().find_map(|(_, from)| from.err()),
        _ => None,
    }
}

/// Words are split at blanks; `''` stands for an empty one and `_` inside a word for a blank.
fn check(request: &str, expected: &str) {
    let words: Vec<Vec<u8>> = request
        .split(' ')
        .map(|word| if word == "''" { Vec::new() } else { word.replace('_', " ").into_bytes() })
        .collect();
    let args: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    assert_eq!(refusal(&args), expected, "{request}");
}

const SYNTAX: &str = "ERR syntax error";
const NOT_AN_INTEGER: &str = "ERR value is not an integer or out of range";
const INVALID_ID: &str = "ERR Invalid stream ID specified as stream command argument";

fn arity(name: &str) -> String {
    format!("ERR wrong number of arguments for '{name}' command")
}

#[test]
fn unknown_commands_and_wrong_numbers() {
    check("foo a b", "ERR unknown command 'foo', with args beginning with: 'a' 'b' ");
    check("FOO", "ERR unknown command 'FOO', with args beginning with: ");
    let long = "a".repeat(110);
    let shown = format!(
        "ERR unknown command 'foo', with args beginning with: '{long}' '{}' ",
        "b".repeat(15)
    );
    check(&format!("foo {long} {} c", "b".repeat(26)), &shown);
    let shown =
        format!("ERR unknown command 'foo', with args beginning with: '{}' ", "a".repeat(128));
    check(&format!("foo {} b", "a".repeat(300)), &shown);
    check("xgroup foo", "ERR unknown subcommand 'foo'. Try XGROUP HELP.");
    check("Config Foo a", "ERR unknown subcommand 'Foo'. Try CONFIG HELP.");
    for (request, name) in [
        ("xgroup", "xgroup"),
        ("xgroup create k", "xgroup|create"),
        ("xgroup help x", "xgroup|help"),
        ("xinfo stream", "xinfo|stream"),
        ("config get", "config|get"),
        ("client kill", "client|kill"),
        ("object encoding", "object|encoding"),
        ("command getkeys", "command|getkeys"),
        ("get", "get"),
        ("GET a b", "get"),
        ("ping a b", "ping"),
        ("mset a b c", "mset"),
        ("hset k a b c", "hset"),
        ("hmset k a b c", "hmset"),
        ("xadd k * a", "xadd"),
        ("xadd k * a b c", "xadd"),
        ("xadd k maxlen 5 1-1", "xadd"),
        ("xadd k 0-0 a", "xadd"),
        ("xreadgroup group g c streams s", "xreadgroup"),
    ] {
        check(request, &arity(name));
    }
}
