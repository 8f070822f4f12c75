//! ACL and its subcommands.

use engine::{CommandError, Reply};

use super::args::{integer, is};
use super::server::ServerCommand;
use super::{Arguments, Parsed, Request, subcommand_syntax, text};
use crate::table::{self, CATEGORIES};

/// ACL's subcommands that need to know the users.
#[expect(
    missing_docs,
    reason = "the fields of a variant carry the names of the command's arguments"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AclCommand<'a> {
    /// ACL SETUSER.
    SetUser { name: &'a [u8], rules: &'a [&'a [u8]] },
    /// ACL GETUSER.
    GetUser { name: &'a [u8] },
    /// ACL DELUSER.
    DelUser { names: &'a [&'a [u8]] },
    /// ACL LIST.
    List,
    /// ACL USERS.
    Users,
    /// ACL WHOAMI.
    WhoAmI,
    /// ACL GENPASS: so many bits, from 1 to 4096.
    GenPass { bits: u16 },
    /// ACL DRYRUN: a request of at least its name.
    DryRun { name: &'a [u8], request: &'a [&'a [u8]] },
    /// ACL LOG.
    Log { count: Option<u64> },
    /// ACL LOG RESET.
    LogReset,
    /// ACL LOAD.
    Load,
    /// ACL SAVE.
    Save,
}

/// Bits of a password when nobody asks for another number.
const GENPASS_BITS: u16 = 256;

fn acl(command: AclCommand<'_>) -> Parsed<'_> {
    Ok(Request::Server(ServerCommand::Acl(command)))
}

pub(crate) fn setuser(args: Arguments<'_>) -> Parsed<'_> {
    acl(AclCommand::SetUser { name: args.at(2), rules: args.from(3) })
}

pub(crate) fn getuser(args: Arguments<'_>) -> Parsed<'_> {
    acl(AclCommand::GetUser { name: args.at(2) })
}

pub(crate) fn deluser(args: Arguments<'_>) -> Parsed<'_> {
    acl(AclCommand::DelUser { names: args.from(2) })
}

pub(crate) fn list(_: Arguments<'_>) -> Parsed<'_> {
    acl(AclCommand::List)
}

pub(crate) fn users(_: Arguments<'_>) -> Parsed<'_> {
    acl(AclCommand::Users)
}

pub(crate) fn whoami(_: Arguments<'_>) -> Parsed<'_> {
    acl(AclCommand::WhoAmI)
}

pub(crate) fn genpass(args: Arguments<'_>) -> Parsed<'_> {
    let bits = match args.from(2) {
        [] => GENPASS_BITS,
        [bits] => u16::try_from(integer(bits)?)
            .ok()
            .filter(|bits| (1..=4096).contains(bits))
            .ok_or(CommandError::Fixed(
                "ERR ACL GENPASS argument must be the number of bits for the output password, a \
                 positive number up to 4096",
            ))?,
        _ => return Err(subcommand_syntax(args.at(1), "ACL")),
    };
    acl(AclCommand::GenPass { bits })
}

pub(crate) fn dryrun(args: Arguments<'_>) -> Parsed<'_> {
    acl(AclCommand::DryRun { name: args.at(2), request: args.from(3) })
}

pub(crate) fn log(args: Arguments<'_>) -> Parsed<'_> {
    match args.from(2) {
        [] => acl(AclCommand::Log { count: None }),
        [word] if is(word, "reset") => acl(AclCommand::LogReset),
        [count] => {
            let count = u64::try_from(integer(count)?).unwrap_or(0);
            acl(AclCommand::Log { count: Some(count) })
        }
        _ => Err(subcommand_syntax(args.at(1), "ACL")),
    }
}

pub(crate) fn load(_: Arguments<'_>) -> Parsed<'_> {
    acl(AclCommand::Load)
}

pub(crate) fn save(_: Arguments<'_>) -> Parsed<'_> {
    acl(AclCommand::Save)
}

/// ACL CAT: answered from the table alone.
pub(crate) fn cat(args: Arguments<'_>) -> Parsed<'_> {
    let names: Vec<Reply> = match args.from(2) {
        [] => CATEGORIES.iter().map(|name| Reply::text(name)).collect(),
        [name] => {
            let category = CATEGORIES
                .into_iter()
                .find(|category| is(name, category))
                .ok_or_else(|| text(&[b"ERR Unknown category '", name, b"'"]))?;
            let members = table::all().filter(|spec| spec.is_in_category(category));
            members.map(|spec| Reply::text(spec.name)).collect()
        }
        _ => return Err(subcommand_syntax(args.at(1), "ACL")),
    };
    Ok(Request::Ready(Reply::Array(names)))
}

pub(crate) fn help(_: Arguments<'_>) -> Parsed<'_> {
    super::help(&[
        "ACL <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "CAT [<category>]",
        "    The commands of a category, or all categories.",
        "DELUSER <username> [<username> ...]",
        "    Delete users and end their connections.",
        "DRYRUN <username> <command> [<arg> ...]",
        "    Whether the user may run a request, without running it.",
        "GENPASS [<bits>]",
        "    A password that nobody can guess.",
        "GETUSER <username>",
        "    Describe a user.",
        "LIST",
        "    The rules of all users, as in an ACL file.",
        "LOAD",
        "    Read the users from the ACL file.",
        "LOG [<count> | RESET]",
        "    Requests that their users may not make, and failed authentications.",
        "SAVE",
        "    Write the users to the ACL file.",
        "SETUSER <username> [<rule> ...]",
        "    Create a user, or change its rules.",
        "USERS",
        "    The names of all users.",
        "WHOAMI",
        "    The user of this connection.",
    ])
}
