//! Users: their rules, their passwords, and what they may do.
//!
//! [`Users`] is everybody, as ACL SETUSER, DELUSER and the ACL file make them. [`User::permits`] says
//! whether a user may run a request; it looks at the command, at each key and at each channel, in the
//! way [`protocol::CommandSpec::key_uses`] finds them.
//!
//! A user never changes: a new rule makes a new [`User`], so that whoever holds the old one can see
//! by a number ([`Users::generation`]) that it is old, and nobody needs a lock to ask.
//!
//! # What is absent
//!
//! No socket, no file, no clock, no random number. Passwords are hashed on arrival; the plain text is
//! kept nowhere.
//!
//! # Reading order
//!
//! [`Users`], [`User`], [`Selector`], `rules` (the words of ACL SETUSER), `file` (the ACL file).

mod commands;
mod error;
mod file;
mod password;
mod patterns;
mod permit;
mod rules;
mod selector;
mod user;
mod users;

pub use error::{FileError, RuleError, SetUserError};
pub use password::PasswordHash;
pub use permit::{Denied, DeniedFor};
pub use selector::Selector;
pub use user::User;
pub use users::{DEFAULT_USER, Users};
