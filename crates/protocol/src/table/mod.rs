//! The command table: what every command is called, how many arguments it takes, what the server
//! must know before it runs it, where its keys are, and what COMMAND says about it.
//!
//! One row per command or subcommand, by family. Names, arities, flags and key positions are
//! Redis's, as clients and proxies route by them.

mod access;
mod acl;
mod connections;
mod deprecated;
mod hashes;
mod history;
pub(crate) mod introspect;
mod keys;
mod keyspec;
mod lists;
mod observe;
mod pubsub;
mod scripting;
mod server;
mod sets;
mod sorted_sets;
mod standalone;
mod streams;
mod strings;
mod syntax;
mod tips;

use std::ptr;

use engine::CommandError;

use crate::command::{Arguments, Request};
pub use access::{CATEGORIES, ChannelUse, KeyUse};
pub use keyspec::{Begin, Extent, KeySpec};

/// What a command is like, as far as the server must know before it runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags(u32);

impl Flags {
    /// May change data.
    pub const WRITE: Self = Self(WRITE);
    /// Reads data.
    pub const READONLY: Self = Self(READONLY);
    /// May be refused when memory is short.
    pub const DENYOOM: Self = Self(DENYOOM);
    /// For administrators.
    pub const ADMIN: Self = Self(ADMIN);
    /// Not from scripts.
    pub const NOSCRIPT: Self = Self(NOSCRIPT);
    /// May wait.
    pub const BLOCKING: Self = Self(BLOCKING);
    /// Allowed while the data is being loaded.
    pub const LOADING: Self = Self(LOADING);
    /// Allowed on a replica that has lost its master.
    pub const STALE: Self = Self(STALE);
    /// Does its work in constant or logarithmic time.
    pub const FAST: Self = Self(FAST);
    /// Allowed before authentication.
    pub const NO_AUTH: Self = Self(NO_AUTH);
    /// Refused inside MULTI.
    pub const NO_MULTI: Self = Self(NO_MULTI);
    /// The positions of the keys depend on the arguments.
    pub const MOVABLEKEYS: Self = Self(MOVABLEKEYS);
    /// Allowed while a script hogs the server.
    pub const ALLOW_BUSY: Self = Self(ALLOW_BUSY);
    /// Not shown by MONITOR.
    pub const SKIP_MONITOR: Self = Self(SKIP_MONITOR);
    /// Not noted in the slow log.
    pub const SKIP_SLOWLOG: Self = Self(SKIP_SLOWLOG);
    /// Not while the data is being loaded in the background.
    pub const NO_ASYNC_LOADING: Self = Self(NO_ASYNC_LOADING);
    /// About channels and their subscribers.
    pub const PUBSUB: Self = Self(PUBSUB);
    /// Concerns others although it writes nothing, so a pause of writes holds it back.
    pub const MAY_REPLICATE: Self = Self(MAY_REPLICATE);

    /// It may be sent without any key.
    pub const NO_MANDATORY_KEYS: Self = Self(NO_MANDATORY_KEYS);

    /// Whether all of `flags` are set.
    #[must_use]
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// The names COMMAND INFO uses.
    fn names(self) -> impl Iterator<Item = &'static str> {
        FLAG_NAMES.iter().filter(move |(bit, _)| self.0 & bit != 0).map(|(_, name)| *name)
    }
}

const NONE: u32 = 0;
const WRITE: u32 = 1;
const READONLY: u32 = 1 << 1;
const DENYOOM: u32 = 1 << 2;
const ADMIN: u32 = 1 << 3;
const NOSCRIPT: u32 = 1 << 4;
const BLOCKING: u32 = 1 << 5;
const LOADING: u32 = 1 << 6;
const STALE: u32 = 1 << 7;
const FAST: u32 = 1 << 8;
const NO_AUTH: u32 = 1 << 9;
const NO_MULTI: u32 = 1 << 10;
const MOVABLEKEYS: u32 = 1 << 11;
const ALLOW_BUSY: u32 = 1 << 12;
const SKIP_MONITOR: u32 = 1 << 13;
const SKIP_SLOWLOG: u32 = 1 << 14;
const NO_ASYNC_LOADING: u32 = 1 << 15;
const PUBSUB: u32 = 1 << 16;
const MAY_REPLICATE: u32 = 1 << 17;
const NO_MANDATORY_KEYS: u32 = 1 << 18;

/// In the order in which Redis lists them. `MAY_REPLICATE` has no name there.
const FLAG_NAMES: [(u32, &str); 18] = [
    (WRITE, "write"),
    (READONLY, "readonly"),
    (DENYOOM, "denyoom"),
    (ADMIN, "admin"),
    (PUBSUB, "pubsub"),
    (NOSCRIPT, "noscript"),
    (BLOCKING, "blocking"),
    (LOADING, "loading"),
    (STALE, "stale"),
    (SKIP_MONITOR, "skip_monitor"),
    (SKIP_SLOWLOG, "skip_slowlog"),
    (FAST, "fast"),
    (NO_AUTH, "no_auth"),
    (NO_ASYNC_LOADING, "no_async_loading"),
    (NO_MULTI, "no_multi"),
    (NO_MANDATORY_KEYS, "no_mandatory_keys"),
    (MOVABLEKEYS, "movablekeys"),
    (ALLOW_BUSY, "allow_busy"),
];

/// ACL categories that a command has beside those that follow from its group and flags.
const KEYSPACE: u32 = 1;
const DANGEROUS: u32 = 1 << 1;
const CONNECTION: u32 = 1 << 2;
const ADMINISTRATION: u32 = 1 << 3;
const SET: u32 = 1 << 4;
const SORTED_SET: u32 = 1 << 5;
const LIST: u32 = 1 << 6;

/// The family a command is documented under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Generic,
    String,
    Hash,
    List,
    Set,
    SortedSet,
    Stream,
    Connection,
    Transactions,
    PubSub,
    Scripting,
    Server,
    Cluster,
}

impl Group {
    /// As in COMMAND DOCS.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Group::Generic => "generic",
            Group::String => "string",
            Group::Hash => "hash",
            Group::List => "list",
            Group::Set => "set",
            Group::SortedSet => "sorted-set",
            Group::Stream => "stream",
            Group::Connection => "connection",
            Group::Transactions => "transactions",
            Group::PubSub => "pubsub",
            Group::Scripting => "scripting",
            Group::Server => "server",
            Group::Cluster => "cluster",
        }
    }

    /// The ACL category of its commands.
    fn category(self) -> Option<&'static str> {
        match self {
            Group::Generic => Some("@keyspace"),
            Group::String => Some("@string"),
            Group::Hash => Some("@hash"),
            Group::List => Some("@list"),
            Group::Set => Some("@set"),
            Group::SortedSet => Some("@sortedset"),
            Group::Stream => Some("@stream"),
            Group::Connection => Some("@connection"),
            Group::Transactions => Some("@transaction"),
            Group::Scripting => Some("@scripting"),
            // The flag says it for channels, as HELP has none.
            Group::PubSub | Group::Server | Group::Cluster => None,
        }
    }
}

/// One command or subcommand of the table.
#[derive(Debug)]
pub struct CommandSpec {
    /// Lower case; a subcommand as `xgroup|create`.
    pub name: &'static str,
    /// Number of arguments with the name; negative for "at least".
    pub arity: i32,
    /// What the server must know before it runs it.
    pub flags: Flags,
    /// Where its keys are.
    pub keys: &'static [KeySpec],
    /// The commands of a container command.
    pub subcommands: &'static [CommandSpec],
    pub(crate) group: Group,
    pub(crate) since: &'static str,
    pub(crate) complexity: &'static str,
    pub(crate) summary: &'static str,
    categories: u32,
    /// Reads the arguments.
    pub(crate) parse: Parse,
}

/// Reads the arguments of one command, whose number has been checked.
pub(crate) type Parse = for<'a> fn(Arguments<'a>) -> Result<Request<'a>, CommandError>;

/// Commands without keys.
const NO_KEYS: &[KeySpec] = &[];

const fn spec(
    name: &'static str,
    arity: i32,
    flags: u32,
    keys: &'static [KeySpec],
    parse: Parse,
) -> CommandSpec {
    CommandSpec {
        name,
        arity,
        flags: Flags(flags),
        keys,
        subcommands: &[],
        group: Group::Generic,
        since: "",
        complexity: "",
        summary: "",
        categories: 0,
        parse,
    }
}

/// The parser of a container command, which is never run: `resolve` finds the subcommand or refuses.
fn container<'a>(args: Arguments<'a>) -> Result<Request<'a>, CommandError> {
    Err(args.wrong_number())
}

impl CommandSpec {
    const fn about(
        mut self,
        group: Group,
        since: &'static str,
        complexity: &'static str,
        summary: &'static str,
    ) -> Self {
        self.group = group;
        self.since = since;
        self.complexity = complexity;
        self.summary = summary;
        self
    }

    const fn also(mut self, categories: u32) -> Self {
        self.categories = categories;
        self
    }

    const fn with(mut self, subcommands: &'static [CommandSpec]) -> Self {
        self.subcommands = subcommands;
        self
    }

    /// Whether a request of `count` arguments, the name included, has as many as the command takes.
    #[must_use]
    pub fn takes(&self, count: usize) -> bool {
        let arity = usize::try_from(self.arity.unsigned_abs()).unwrap_or(usize::MAX);
        if self.arity < 0 { arity <= count } else { arity == count }
    }

    /// The keys among the arguments of a request; none where the arguments do not allow to tell.
    pub fn keys_in<'a>(&'static self, args: &'a [&'a [u8]]) -> impl Iterator<Item = &'a [u8]> {
        let specs = self.keys.iter().filter(|spec| !spec.is_no_key());
        let positions = specs.filter_map(|spec| spec.positions(args)).flatten();
        positions.map(|position| args[position])
    }

    /// The subcommand of this name, in any case.
    #[must_use]
    pub fn subcommand(&self, name: &[u8]) -> Option<&'static CommandSpec> {
        self.subcommands.iter().find(|spec| {
            let own = spec.name.as_bytes();
            let start = self.name.len() + 1;
            own[start..].eq_ignore_ascii_case(name)
        })
    }

    /// ACL categories, in the order in which Redis lists them.
    pub(crate) fn categories(&self) -> impl Iterator<Item = &'static str> {
        let flag = |flag: u32| self.flags.0 & flag != 0;
        let extra = |bit: u32| self.categories & bit != 0;
        let own = self.group.category().filter(|_| self.subcommands.is_empty());
        let own = move |name: &str| own == Some(name);
        let admin = flag(ADMIN) || extra(ADMINISTRATION);
        [
            // WAIT and SORT are documented among the key commands, but belong elsewhere.
            ("@keyspace", own("@keyspace") && !extra(CONNECTION | LIST) || extra(KEYSPACE)),
            // What a script reads is for the script to say.
            ("@read", flag(READONLY) && self.group != Group::Scripting),
            ("@write", flag(WRITE)),
            ("@set", own("@set") || extra(SET)),
            ("@sortedset", own("@sortedset") || extra(SORTED_SET)),
            ("@list", own("@list") || extra(LIST)),
            ("@hash", own("@hash")),
            ("@string", own("@string")),
            ("@stream", own("@stream")),
            ("@pubsub", flag(PUBSUB)),
            ("@admin", admin),
            ("@fast", flag(FAST)),
            ("@slow", !flag(FAST)),
            ("@blocking", flag(BLOCKING)),
            ("@dangerous", admin || extra(DANGEROUS)),
            ("@connection", own("@connection") || extra(CONNECTION)),
            ("@transaction", own("@transaction")),
            ("@scripting", own("@scripting")),
        ]
        .into_iter()
        .filter_map(|(name, member)| member.then_some(name))
    }
}

/// Every command, by family.
static FAMILIES: [&[CommandSpec]; 14] = [
    streams::COMMANDS,
    strings::COMMANDS,
    hashes::COMMANDS,
    lists::COMMANDS,
    sets::COMMANDS,
    sorted_sets::COMMANDS,
    keys::COMMANDS,
    connections::COMMANDS,
    pubsub::COMMANDS,
    scripting::COMMANDS,
    server::COMMANDS,
    observe::COMMANDS,
    standalone::COMMANDS,
    acl::COMMANDS,
];

/// All commands, subcommands apart.
pub(crate) fn commands() -> impl Iterator<Item = &'static CommandSpec> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// Every command and subcommand, in the order of [`CommandSpec::index`].
pub fn all() -> impl Iterator<Item = &'static CommandSpec> {
    commands().chain(commands().flat_map(|spec| spec.subcommands))
}

impl CommandSpec {
    /// Place of the command in [`all`], for tables of counters. A few comparisons for a command of a
    /// large family, a search for a subcommand.
    #[must_use]
    pub fn index(&'static self) -> usize {
        let mut before = 0;
        for family in FAMILIES {
            if family.as_ptr_range().contains(&ptr::from_ref(self)) {
                let bytes = ptr::from_ref(self).addr() - family.as_ptr().addr();
                return before + bytes / size_of::<Self>();
            }
            before += family.len();
        }
        let place = all().skip(before).position(|spec| ptr::eq(spec, self));
        before + place.expect("a command that is in no family is a subcommand of one")
    }
}

/// Slots of the index; a power of two, several times the number of commands.
const SLOTS: usize = 512;

/// Hash table with linear probing, built at compile time.
static INDEX: [Option<&'static CommandSpec>; SLOTS] = build_index();

const fn build_index() -> [Option<&'static CommandSpec>; SLOTS] {
    let mut slots = [None; SLOTS];
    let mut family = 0;
    while family < FAMILIES.len() {
        let mut row = 0;
        while row < FAMILIES[family].len() {
            let spec = &FAMILIES[family][row];
            let mut slot = slot_of(spec.name.as_bytes());
            while slots[slot].is_some() {
                slot = (slot + 1) % SLOTS;
            }
            slots[slot] = Some(spec);
            row += 1;
        }
        family += 1;
    }
    slots
}

/// FNV-1a over the lower-cased name.
const fn slot_of(name: &[u8]) -> usize {
    let mut hash: u32 = 0x811c_9dc5;
    let mut at = 0;
    while at < name.len() {
        hash = (hash ^ name[at].to_ascii_lowercase() as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    (hash ^ (hash >> 16)) as usize % SLOTS
}

/// Longest name of a command.
const NAME_BYTES_MAX: usize = 32;

/// The command or container command of this name, in any case.
#[must_use]
pub fn lookup(name: &[u8]) -> Option<&'static CommandSpec> {
    if NAME_BYTES_MAX < name.len() {
        return None;
    }
    let mut slot = slot_of(name);
    while let Some(spec) = INDEX[slot] {
        if spec.name.as_bytes().eq_ignore_ascii_case(name) {
            return Some(spec);
        }
        slot = (slot + 1) % SLOTS;
    }
    None
}

/// A command, or a subcommand by its full name (`xgroup|create`), in any case.
#[must_use]
pub fn find(name: &[u8]) -> Option<&'static CommandSpec> {
    match name.iter().position(|&byte| byte == b'|') {
        None => lookup(name),
        Some(bar) => lookup(&name[..bar])?.subcommand(&name[bar + 1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_knows_its_place() {
        for (place, spec) in all().enumerate() {
            assert_eq!(spec.index(), place, "{}", spec.name);
        }
    }

    #[test]
    fn every_name_is_found_once_in_any_case() {
        let mut count = 0;
        for spec in commands() {
            let found = lookup(spec.name.to_ascii_uppercase().as_bytes()).expect("in the table");
            assert!(std::ptr::eq(found, spec), "{}", spec.name);
            assert!(spec.name.len() <= NAME_BYTES_MAX);
            for sub in spec.subcommands {
                let (parent, name) = sub.name.split_once('|').expect("a subcommand's name");
                assert_eq!(parent, spec.name);
                let found = spec.subcommand(name.as_bytes()).expect("in the table");
                assert!(std::ptr::eq(found, sub), "{}", sub.name);
            }
            count += 1;
        }
        assert!(100 < count, "{count}");
        for unknown in ["", "foo", "xad", "xaddd", "zad", "xgroup|create"] {
            assert!(lookup(unknown.as_bytes()).is_none(), "{unknown}");
        }
    }
}
