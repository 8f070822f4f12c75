//! CLIENT and its subcommands.

use engine::{CommandError, Deferred};

use super::args::{clamped, integer, is, positive, timeout};
use super::session::SessionCommand;
use super::{Arguments, Parsed, Request, echo, subcommand_syntax, text};
use crate::number::parse_i64;

/// CLIENT's subcommands.
#[expect(
    missing_docs,
    reason = "the fields of a variant carry the names of the command's arguments"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientCommand<'a> {
    /// CLIENT ID.
    Id,
    /// CLIENT INFO.
    Info,
    /// CLIENT LIST.
    List(ClientList),
    /// CLIENT SETNAME; printable characters without blanks, empty to clear.
    SetName { name: &'a [u8] },
    /// CLIENT GETNAME.
    GetName,
    /// CLIENT SETINFO LIB-NAME.
    SetLibName { name: &'a [u8] },
    /// CLIENT SETINFO LIB-VER.
    SetLibVersion { version: &'a [u8] },
    /// CLIENT KILL addr: `OK`, or `ERR No such client`.
    KillAddress { address: &'a [u8] },
    /// CLIENT KILL with filters: the number of connections closed. `users` are those that it names ahead
    /// of a mistake: a user that does not exist is refused before it.
    Kill { users: Vec<&'a [u8]>, filter: Deferred<KillFilter<'a>> },
    /// CLIENT UNBLOCK.
    Unblock { id: u64, reason: WakeReason },
    /// CLIENT NO-EVICT.
    NoEvict { on: bool },
    /// CLIENT NO-TOUCH.
    NoTouch { on: bool },
    /// CLIENT REPLY.
    Reply(ReplyMode),
    /// CLIENT TRACKING ON or OFF; `None` is neither, which is refused after the options.
    Tracking { is_on: Option<bool>, options: TrackingOptions<'a> },
    /// CLIENT CACHING YES or NO; `None` is neither, which is refused after other things.
    Caching { yes: Option<bool> },
    /// CLIENT PAUSE; WRITE lets reads go on.
    Pause { timeout_ms: u64, all: bool },
    /// CLIENT UNPAUSE.
    Unpause,
    /// CLIENT GETREDIR.
    GetRedir,
    /// CLIENT TRACKINGINFO.
    TrackingInfo,
}

/// CLIENT TRACKING's options, as far as they can be read without knowing the clients.
#[expect(clippy::struct_excessive_bools, reason = "independent options of a command")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrackingOptions<'a> {
    /// REDIRECT, each that was given.
    pub redirects: Vec<Result<i64, CommandError>>,
    /// BCAST.
    pub broadcast: bool,
    /// OPTIN.
    pub opt_in: bool,
    /// OPTOUT.
    pub opt_out: bool,
    /// NOLOOP.
    pub no_loop: bool,
    /// PREFIX.
    pub prefixes: Vec<&'a [u8]>,
    /// Behind these comes what is no option.
    pub is_malformed: bool,
}

/// CLIENT LIST's filters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientList {
    /// TYPE.
    pub kind: Option<ClientKind>,
    /// ID: only these. Either TYPE or ID, never both.
    pub ids: Option<Vec<u64>>,
}

/// CLIENT KILL's filters: a connection goes if it meets all that are given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KillFilter<'a> {
    /// ID.
    pub id: Option<u64>,
    /// ADDR.
    pub address: Option<&'a [u8]>,
    /// LADDR.
    pub local_address: Option<&'a [u8]>,
    /// TYPE.
    pub kind: Option<ClientKind>,
    /// USER.
    pub user: Option<&'a [u8]>,
    /// SKIPME, yes unless told otherwise.
    pub skip_me: bool,
    /// MAXAGE, seconds.
    pub age_min_secs: Option<u64>,
}

/// Kinds of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientKind {
    /// Ordinary.
    Normal,
    /// A replica of ours.
    Replica,
    /// Our master.
    Master,
    /// Subscribed to channels.
    PubSub,
}

/// How CLIENT UNBLOCK ends the wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WakeReason {
    /// As if the time had run out.
    Timeout,
    /// With the UNBLOCKED error.
    Error,
}

/// CLIENT REPLY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyMode {
    /// Answer again; this command too.
    On,
    /// Answer nothing until `On`.
    Off,
    /// Do not answer the next command.
    Skip,
}

fn client(command: ClientCommand<'_>) -> Parsed<'_> {
    Ok(Request::Session(SessionCommand::Client(command)))
}

pub(crate) fn id(_: Arguments<'_>) -> Parsed<'_> {
    client(ClientCommand::Id)
}

pub(crate) fn info(_: Arguments<'_>) -> Parsed<'_> {
    client(ClientCommand::Info)
}

pub(crate) fn list(args: Arguments<'_>) -> Parsed<'_> {
    let list = match args.from(2) {
        [] => ClientList::default(),
        [word, kind] if is(word, "type") => {
            ClientList { kind: Some(client_kind(kind)?), ids: None }
        }
        [word, first, more @ ..] if is(word, "id") => {
            let mut ids = Vec::new();
            for text in std::iter::once(first).chain(more) {
                let id = parse_i64(text).ok_or(CommandError::Fixed("ERR Invalid client ID"))?;
                // No connection has a negative ID.
                ids.extend(u64::try_from(id));
            }
            ClientList { kind: None, ids: Some(ids) }
        }
        _ => return Err(CommandError::Syntax),
    };
    client(ClientCommand::List(list))
}

fn client_kind(word: &[u8]) -> Result<ClientKind, CommandError> {
    let kinds = [
        ("normal", ClientKind::Normal),
        ("slave", ClientKind::Replica),
        ("replica", ClientKind::Replica),
        ("pubsub", ClientKind::PubSub),
        ("master", ClientKind::Master),
    ];
    let found = kinds.iter().find(|(name, _)| is(word, name)).map(|(_, kind)| *kind);
    found.ok_or_else(|| text(&[b"ERR Unknown client type '", word, b"'"]))
}

pub(crate) fn getname(_: Arguments<'_>) -> Parsed<'_> {
    client(ClientCommand::GetName)
}

pub(crate) fn setname(args: Arguments<'_>) -> Parsed<'_> {
    client(ClientCommand::SetName { name: check_name(args.at(2))? })
}

/// The lines of CLIENT LIST are split at blanks: a name must not bring its own.
pub(super) fn check_name(name: &[u8]) -> Result<&[u8], CommandError> {
    if name.iter().all(u8::is_ascii_graphic) {
        return Ok(name);
    }
    Err(CommandError::Fixed(
        "ERR Client names cannot contain spaces, newlines or special characters.",
    ))
}

pub(crate) fn set_info(args: Arguments<'_>) -> Parsed<'_> {
    let (attribute, value) = (args.at(2), args.at(3));
    let command = if is(attribute, "lib-name") {
        ClientCommand::SetLibName { name: value }
    } else if is(attribute, "lib-ver") {
        ClientCommand::SetLibVersion { version: value }
    } else {
        let attribute = echo(attribute, attribute.len());
        return Err(text(&[b"ERR Unrecognized option '", attribute, b"'"]));
    };
    if !value.iter().all(u8::is_ascii_graphic) {
        let refusal = b" cannot contain spaces, newlines or special characters.";
        return Err(text(&[b"ERR ", attribute, refusal]));
    }
    client(command)
}

pub(crate) fn kill(args: Arguments<'_>) -> Parsed<'_> {
    if let [address] = args.from(2) {
        return client(ClientCommand::KillAddress { address });
    }
    let mut users = Vec::new();
    let filter = kill_filter(args, &mut users);
    match filter {
        Err(error) if users.is_empty() => Err(error),
        filter => client(ClientCommand::Kill { users, filter }),
    }
}

fn kill_filter<'a>(
    args: Arguments<'a>,
    users: &mut Vec<&'a [u8]>,
) -> Result<KillFilter<'a>, CommandError> {
    let mut filter = KillFilter {
        id: None,
        address: None,
        local_address: None,
        kind: None,
        user: None,
        skip_me: true,
        age_min_secs: None,
    };
    let mut options = args.options(2);
    while let Some(word) = options.next() {
        let value = options.value()?;
        if is(word, "id") {
            let refusal = CommandError::Fixed("ERR client-id should be greater than 0");
            filter.id = Some(positive(value).ok_or(refusal)?);
        } else if is(word, "maxage") {
            let refusal = "ERR maxage is not an integer or out of range";
            parse_i64(value).ok_or(CommandError::Fixed(refusal))?;
            let refusal = CommandError::Fixed("ERR maxage should be greater than 0");
            filter.age_min_secs = Some(positive(value).ok_or(refusal)?);
        } else if is(word, "type") {
            filter.kind = Some(client_kind(value)?);
        } else if is(word, "addr") {
            filter.address = Some(value);
        } else if is(word, "laddr") {
            filter.local_address = Some(value);
        } else if is(word, "user") {
            users.push(value);
            filter.user = Some(value);
        } else if is(word, "skipme") {
            filter.skip_me = yes_or_no(value, "yes", "no")?;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    Ok(filter)
}

fn yes_or_no(word: &[u8], yes: &str, no: &str) -> Result<bool, CommandError> {
    if is(word, yes) {
        Ok(true)
    } else if is(word, no) {
        Ok(false)
    } else {
        Err(CommandError::Syntax)
    }
}

pub(crate) fn unblock(args: Arguments<'_>) -> Parsed<'_> {
    let reason = match args.from(3) {
        [] => WakeReason::Timeout,
        [word] if is(word, "timeout") => WakeReason::Timeout,
        [word] if is(word, "error") => WakeReason::Error,
        [_] => {
            return Err(CommandError::Fixed(
                "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR",
            ));
        }
        _ => return Err(subcommand_syntax(args.at(1), "CLIENT")),
    };
    // No connection has the ID 0, as none has a negative one.
    let id = clamped(integer(args.at(2))?);
    client(ClientCommand::Unblock { id, reason })
}

pub(crate) fn no_evict(args: Arguments<'_>) -> Parsed<'_> {
    client(ClientCommand::NoEvict { on: yes_or_no(args.at(2), "on", "off")? })
}

pub(crate) fn no_touch(args: Arguments<'_>) -> Parsed<'_> {
    client(ClientCommand::NoTouch { on: yes_or_no(args.at(2), "on", "off")? })
}

pub(crate) fn reply(args: Arguments<'_>) -> Parsed<'_> {
    let word = args.at(2);
    let mode = if is(word, "on") {
        ReplyMode::On
    } else if is(word, "off") {
        ReplyMode::Off
    } else if is(word, "skip") {
        ReplyMode::Skip
    } else {
        return Err(CommandError::Syntax);
    };
    client(ClientCommand::Reply(mode))
}

pub(crate) fn tracking(args: Arguments<'_>) -> Parsed<'_> {
    let mut options = TrackingOptions::default();
    let mut words = args.options(3);
    while let Some(word) = words.next() {
        let has_more = !words.rest.is_empty();
        if is(word, "redirect") && has_more {
            options.redirects.push(words.integer());
        } else if is(word, "prefix") && has_more {
            options.prefixes.push(words.value()?);
        } else if is(word, "bcast") {
            options.broadcast = true;
        } else if is(word, "optin") {
            options.opt_in = true;
        } else if is(word, "optout") {
            options.opt_out = true;
        } else if is(word, "noloop") {
            options.no_loop = true;
        } else {
            options.is_malformed = true;
            break;
        }
    }
    let is_on = yes_or_no(args.at(2), "on", "off").ok();
    client(ClientCommand::Tracking { is_on, options })
}

pub(crate) fn caching(args: Arguments<'_>) -> Parsed<'_> {
    client(ClientCommand::Caching { yes: yes_or_no(args.at(2), "yes", "no").ok() })
}

pub(crate) fn pause(args: Arguments<'_>) -> Parsed<'_> {
    let all = match args.from(3) {
        [] => true,
        [mode] if is(mode, "all") => true,
        [mode] if is(mode, "write") => false,
        [_] => return Err(CommandError::Fixed("ERR CLIENT PAUSE mode must be WRITE or ALL")),
        _ => return Err(subcommand_syntax(args.at(1), "CLIENT")),
    };
    client(ClientCommand::Pause { timeout_ms: timeout(args.at(2))?, all })
}

pub(crate) fn unpause(_: Arguments<'_>) -> Parsed<'_> {
    client(ClientCommand::Unpause)
}

pub(crate) fn get_redir(_: Arguments<'_>) -> Parsed<'_> {
    client(ClientCommand::GetRedir)
}

pub(crate) fn tracking_info(_: Arguments<'_>) -> Parsed<'_> {
    client(ClientCommand::TrackingInfo)
}

pub(crate) fn help(_: Arguments<'_>) -> Parsed<'_> {
    super::help(&[
        "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "CACHING YES|NO",
        "    Whether the keys of the next command are tracked, in the modes OPTIN and OPTOUT.",
        "GETNAME",
        "    The name of this connection.",
        "GETREDIR",
        "    The ID of the connection that is told of changed keys in the place of this one.",
        "ID",
        "    The ID of this connection.",
        "INFO",
        "    Describe this connection.",
        "KILL <ip:port>",
        "    Close the connection from this address.",
        "KILL <option> <value> [<option> <value> ...]",
        "    Close connections by ID, ADDR, LADDR, TYPE, USER, MAXAGE; SKIPME yes|no.",
        "LIST [TYPE <type> | ID <id> ...]",
        "    Describe connections.",
        "NO-EVICT ON|OFF",
        "    Exempt this connection from eviction.",
        "NO-TOUCH ON|OFF",
        "    Do not mark keys as used by this connection.",
        "PAUSE <timeout> [WRITE|ALL]",
        "    Let commands wait for so many milliseconds.",
        "REPLY ON|OFF|SKIP",
        "    Whether this connection is answered.",
        "SETINFO LIB-NAME|LIB-VER <value>",
        "    Tell the name or version of the client library.",
        "SETNAME <name>",
        "    Name this connection.",
        "TRACKING ON|OFF [REDIRECT <id>] [BCAST] [PREFIX <prefix> ...] [OPTIN] [OPTOUT] [NOLOOP]",
        "    Tell this connection when keys change that it has read.",
        "TRACKINGINFO",
        "    How this connection tracks keys.",
        "UNPAUSE",
        "    End a pause.",
        "UNBLOCK <id> [TIMEOUT|ERROR]",
        "    End the wait of a blocked connection.",
    ])
}
