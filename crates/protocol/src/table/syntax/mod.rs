//! The syntax of every command in a terse notation, from which COMMAND DOCS makes its arguments.
//!
//! ```text
//! NOMKSTREAM            a word as it is sent; equal!= is one that is called differently
//! name  name:i          a value: string, :i integer, :d double, :k key, :p pattern, :t Unix time
//! LIMIT=count:i         a value behind a word
//! trim@(a b)            several in a row, called trim; trim@LIMIT=(a b) behind a word
//! mode@<A|B>            one of several
//! [x]  x+  {W=x}        optional; repeated; repeated together with its word
//! x^6.2.0               since that version
//! key:k#1               the key's rule (the keys count from 0 by themselves); #- for none
//! ```

mod collections;
mod keys;
mod server;
mod streams;
mod values;

use engine::Reply;

/// The syntax of a command or subcommand; `None` if it has no arguments.
pub(super) fn of(name: &str) -> Option<&'static str> {
    let families =
        [keys::ROWS, values::ROWS, collections::ROWS, streams::ROWS, server::ROWS].into_iter();
    families.flatten().find(|(command, _)| *command == name).map(|(_, syntax)| *syntax)
}

/// The arguments as COMMAND DOCS tells them.
pub(super) fn arguments(syntax: &'static str) -> Reply {
    let mut reader = Reader { rest: syntax, keys: 0 };
    let arguments = reader.row(' ');
    debug_assert!(reader.rest.is_empty(), "{syntax:?} stops being syntax at {:?}", reader.rest);
    Reply::Array(arguments.into_iter().map(Argument::reply).collect())
}

/// One argument, or several that belong together.
#[derive(Debug, Default)]
struct Argument {
    name: String,
    kind: &'static str,
    key_spec: Option<usize>,
    token: Option<&'static str>,
    since: Option<&'static str>,
    flags: Vec<&'static str>,
    arguments: Vec<Argument>,
}

impl Argument {
    fn reply(self) -> Reply {
        let mut pairs = vec![
            (Reply::text("name"), Reply::bulk(self.name.as_bytes())),
            (Reply::text("type"), Reply::text(self.kind)),
        ];
        if let Some(key_spec) = self.key_spec {
            pairs.push((Reply::text("key_spec_index"), Reply::count(key_spec)));
        }
        if let Some(token) = self.token {
            pairs.push((Reply::text("token"), Reply::text(token)));
        }
        if let Some(since) = self.since {
            pairs.push((Reply::text("since"), Reply::text(since)));
        }
        if !self.flags.is_empty() {
            let flags = self.flags.into_iter().map(Reply::Simple).collect();
            pairs.push((Reply::text("flags"), Reply::Set(flags)));
        }
        if !self.arguments.is_empty() {
            let arguments = self.arguments.into_iter().map(Argument::reply).collect();
            pairs.push((Reply::text("arguments"), Reply::Array(arguments)));
        }
        Reply::Map(pairs)
    }
}

/// Reads the notation. The rows are our own and a test reads them all; what is no notation ends the
/// reading early.
struct Reader {
    rest: &'static str,
    /// Keys so far.
    keys: usize,
}

impl Reader {
    /// Arguments up to a closing bracket, with this character between them.
    fn row(&mut self, between: char) -> Vec<Argument> {
        let mut arguments = vec![self.argument()];
        while self.takes(between) {
            arguments.push(self.argument());
        }
        arguments
    }

    /// One argument with everything around it.
    fn argument(&mut self) -> Argument {
        if self.takes('[') {
            let mut argument = self.argument();
            self.takes(']');
            argument.flags.insert(0, "optional");
            return argument;
        }
        if self.takes('{') {
            let mut argument = self.argument();
            self.takes('}');
            argument.flags.extend(["multiple", "multiple_token"]);
            return argument;
        }
        let mut argument = self.plain();
        if self.takes('^') {
            argument.since = Some(self.word());
        }
        if self.takes('+') {
            argument.flags.push("multiple");
        }
        argument
    }

    /// A word, a value, or a bracket, each with the word before it and its name.
    fn plain(&mut self) -> Argument {
        let mut word = self.word();
        let mut argument = Argument::default();
        if self.takes('@') {
            argument.name = word.to_owned();
            word = self.word();
        }
        // `word=` before a bracket or a value; `name!=` is a token that is the equals sign.
        if let Some((name, token)) = word.split_once('!') {
            argument.name = name.to_owned();
            argument.kind = "pure-token";
            argument.token = Some(if token == "\"\"" { "" } else { token });
            return argument;
        }
        if let Some((token, value)) = word.split_once('=') {
            argument.token = Some(token);
            word = value;
        }
        if self.takes('<') {
            argument.kind = "oneof";
            argument.arguments = self.row('|');
            self.takes('>');
        } else if self.takes('(') {
            argument.kind = "block";
            argument.arguments = self.row(' ');
            self.takes(')');
        } else if argument.token.is_none() && !word.contains(|c: char| c.is_ascii_lowercase()) {
            argument.name = word.to_ascii_lowercase();
            argument.kind = "pure-token";
            argument.token = Some(word);
        } else {
            self.value(word, &mut argument);
        }
        argument
    }

    /// `name:k#1`
    fn value(&mut self, word: &'static str, argument: &mut Argument) {
        let (word, rule) = word.split_once('#').map_or((word, None), |(a, b)| (a, Some(b)));
        let kinds = [
            (":i", "integer"),
            (":d", "double"),
            (":k", "key"),
            (":p", "pattern"),
            (":t", "unix-time"),
        ];
        let kind =
            kinds.iter().find_map(|(suffix, kind)| Some((word.strip_suffix(suffix)?, *kind)));
        let (name, kind) = kind.unwrap_or((word, "string"));
        argument.name = name.to_owned();
        argument.kind = kind;
        if kind == "key" {
            argument.key_spec = Some(self.keys);
            self.keys += 1;
        }
        if let Some(rule) = rule {
            argument.key_spec = rule.parse().ok();
        }
    }

    fn takes(&mut self, wanted: char) -> bool {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Everything up to what ends a word. The tokens `~`, `*` and `$` are words as well.
    fn word(&mut self) -> &'static str {
        let end = self.rest.find(|c| "[]{}<>()|@^+ ".contains(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::all;

    #[test]
    fn every_row_is_syntax() {
        let families = [keys::ROWS, values::ROWS, collections::ROWS, streams::ROWS, server::ROWS];
        for (name, syntax) in families.into_iter().flatten() {
            let mut reader = Reader { rest: syntax, keys: 0 };
            check(&reader.row(' '), name);
            assert_eq!(reader.rest, "", "{name}: {syntax}");
        }
    }

    /// No argument without a name, a kind, and what its kind needs.
    fn check(arguments: &[Argument], command: &str) {
        for argument in arguments {
            let Argument { name, kind, token, arguments, .. } = argument;
            assert!(!name.is_empty() && !kind.is_empty(), "{command}: {argument:?}");
            match *kind {
                "oneof" | "block" => assert!(!arguments.is_empty(), "{command}: {name}"),
                "pure-token" => assert!(token.is_some(), "{command}: {name}"),
                _ => assert!(arguments.is_empty(), "{command}: {name}"),
            }
            check(arguments, command);
        }
    }

    #[test]
    fn every_command_with_arguments_has_a_syntax() {
        for spec in all().filter(|spec| spec.subcommands.is_empty()) {
            let words = if spec.name.contains('|') { 2 } else { 1 };
            let has_arguments = spec.arity != words;
            let is_open = spec.arity == -words;
            let fits = is_open || has_arguments == of(spec.name).is_some();
            assert!(fits, "{}: its arguments want a row in table/syntax", spec.name);
        }
    }
}
