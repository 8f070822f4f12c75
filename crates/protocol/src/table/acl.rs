//! Users and what they may do.

use super::Group::Server;
use super::{ADMIN, CommandSpec, LOADING, NO_KEYS, NONE, NOSCRIPT, STALE, container, spec};
use crate::command::acl;

/// What all subcommands are like, those for administrators apart.
const OWN: u32 = NOSCRIPT | LOADING | STALE;

pub(super) static COMMANDS: &[CommandSpec] = &[spec("acl", -2, NONE, NO_KEYS, container)
    .about(Server, "6.0.0", "Depends on the subcommand.", "Commands about users.")
    .with(&[
        spec("acl|cat", -2, OWN, NO_KEYS, acl::cat).about(
            Server,
            "6.0.0",
            "O(N) in the number of commands",
            "The commands of a category, or all categories.",
        ),
        spec("acl|deluser", -3, ADMIN | OWN, NO_KEYS, acl::deluser).about(
            Server,
            "6.0.0",
            "O(N) in the number of connections",
            "Deletes users and ends their connections.",
        ),
        spec("acl|dryrun", -4, ADMIN | OWN, NO_KEYS, acl::dryrun).about(
            Server,
            "7.0.0",
            "O(N) in the number of keys and patterns",
            "Whether a user may run a request.",
        ),
        spec("acl|genpass", -2, OWN, NO_KEYS, acl::genpass).about(
            Server,
            "6.0.0",
            "O(1)",
            "Makes a password that nobody can guess.",
        ),
        spec("acl|getuser", 3, ADMIN | OWN, NO_KEYS, acl::getuser).about(
            Server,
            "6.0.0",
            "O(N) in the number of rules",
            "Describes a user.",
        ),
        spec("acl|help", 2, LOADING | STALE, NO_KEYS, acl::help).about(
            Server,
            "6.0.0",
            "O(1)",
            "Describes the subcommands.",
        ),
        spec("acl|list", 2, ADMIN | OWN, NO_KEYS, acl::list).about(
            Server,
            "6.0.0",
            "O(N) in the number of users",
            "The rules of all users.",
        ),
        spec("acl|load", 2, ADMIN | OWN, NO_KEYS, acl::load).about(
            Server,
            "6.0.0",
            "O(N) in the number of users",
            "Reads the users from the ACL file.",
        ),
        spec("acl|log", -2, ADMIN | OWN, NO_KEYS, acl::log).about(
            Server,
            "6.0.0",
            "O(N) in the number of entries",
            "Refused requests and failed authentications.",
        ),
        spec("acl|save", 2, ADMIN | OWN, NO_KEYS, acl::save).about(
            Server,
            "6.0.0",
            "O(N) in the number of users",
            "Writes the users to the ACL file.",
        ),
        spec("acl|setuser", -3, ADMIN | OWN, NO_KEYS, acl::setuser).about(
            Server,
            "6.0.0",
            "O(N) in the number of rules",
            "Creates a user, or changes its rules.",
        ),
        spec("acl|users", 2, ADMIN | OWN, NO_KEYS, acl::users).about(
            Server,
            "6.0.0",
            "O(N) in the number of users",
            "The names of all users.",
        ),
        spec("acl|whoami", 2, OWN, NO_KEYS, acl::whoami).about(
            Server,
            "6.0.0",
            "O(1)",
            "The user of the connection.",
        ),
    ])];
