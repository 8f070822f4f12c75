//! ACL: commands about users.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use access::{Selector, User};
use engine::{CommandError, Reply};
use protocol::AclCommand;

use crate::core::Shared;
use crate::execute::{Answer, Executor, Outcome};
use crate::introspect::process::random_bytes;
use crate::users::{self, UsersError};

/// Entries of ACL LOG when nobody asks for another number.
const LOG_COUNT: u64 = 10;

/// Bytes of the longest password of ACL GENPASS.
const GENPASS_BYTES_MAX: usize = 512;

const NO_FILE: CommandError = CommandError::Fixed(
    "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via \
     the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis \
     configuration file set) in order to store users in the Redis configuration.",
);

impl Executor<'_> {
    pub(crate) fn acl(&mut self, command: &AclCommand<'_>) -> Outcome {
        match command {
            AclCommand::SetUser { name, rules } => self.set_user(name, rules).into(),
            AclCommand::GetUser { name } => {
                let found = self.core.users.find(name);
                Outcome::from(found.map_or(Reply::NilArray, |user| describe(user)))
            }
            AclCommand::DelUser { names } => self.delete_users(names).into(),
            AclCommand::List => {
                let lines = self.core.users.describe().map(|line| Reply::bulk(&line));
                Outcome::from(Reply::Array(lines.collect()))
            }
            AclCommand::Users => {
                let names = self.core.users.iter().map(|user| Reply::bulk(user.name()));
                Outcome::from(Reply::Array(names.collect()))
            }
            AclCommand::WhoAmI => Outcome::from(Reply::bulk(self.session.identity.name())),
            AclCommand::GenPass { bits } => Outcome::from(password(*bits)),
            AclCommand::DryRun { name, request } => self.dry_run(name, request).into(),
            AclCommand::Log { count } => {
                let count = count.unwrap_or(LOG_COUNT);
                Outcome::from(self.core.acl_log.reply(count, self.now))
            }
            AclCommand::LogReset => {
                self.core.acl_log.clear();
                Outcome::from(Reply::Ok)
            }
            AclCommand::Load => self.load_users().into(),
            AclCommand::Save => self.save_users(),
        }
    }

    fn set_user(&mut self, name: &[u8], rules: &[&[u8]]) -> Result<Reply, CommandError> {
        self.core
            .users
            .set_user(name, rules)
            .map_err(|error| CommandError::Text(error.text().into()))?;
        self.users_changed();
        Ok(Reply::Ok)
    }

    fn delete_users(&mut self, names: &[&[u8]]) -> Result<Reply, CommandError> {
        let mut count = 0;
        for name in names {
            if *name == access::DEFAULT_USER {
                // Those before it are gone.
                self.users_changed();
                return Err(CommandError::Fixed("ERR The 'default' user cannot be removed"));
            }
            count += u64::from(self.core.users.delete(name));
        }
        self.users_changed();
        Ok(Reply::count(count))
    }

    /// After a change of users. One's own connection ends after the reply if its user is gone.
    pub(crate) fn users_changed(&mut self) {
        let own = Some(self.client.id);
        if self.core.users_changed(self.shared, own, &mut self.deliveries) {
            self.session.closing = true;
        }
    }

    fn dry_run(&self, name: &[u8], request: &[&[u8]]) -> Result<Reply, CommandError> {
        let text = |parts: &[&[u8]]| CommandError::Text(parts.concat().into());
        let user = self.core.users.find(name);
        let user = user.ok_or_else(|| text(&[b"ERR User '", name, b"' not found"]))?;
        let spec = match protocol::resolve(request) {
            Ok(spec) => spec,
            Err(error @ CommandError::Arity(_)) => return Err(error),
            Err(_) => {
                let name = request.first().copied().unwrap_or_default();
                return Err(text(&[b"ERR Command '", name, b"' not found"]));
            }
        };
        Ok(match user.permits(spec, request) {
            Ok(()) => Reply::Ok,
            Err(denied) => Reply::bulk(&denied.verdict(request)),
        })
    }

    fn acl_file(&self) -> Result<PathBuf, CommandError> {
        self.shared.config.settings().acl_file.clone().ok_or(NO_FILE)
    }

    fn load_users(&mut self) -> Result<Reply, CommandError> {
        let path = self.acl_file()?;
        let users = users::read_file(&path, &self.core.users).map_err(|error| refusal(&error))?;
        self.core.users.replace(users);
        self.users_changed();
        Ok(Reply::Ok)
    }

    /// ACL SAVE. The disk may be slow, so it is not waited for under the lock, except within EXEC,
    /// which is answered at once.
    fn save_users(&mut self) -> Outcome {
        let path = match self.acl_file() {
            Ok(path) => path,
            Err(error) => return Outcome::from(error),
        };
        if self.in_exec {
            return Outcome::from(write(&path, &self.core.users.to_file()));
        }
        let shared = Arc::clone(self.shared);
        Outcome::Later(Box::pin(async move {
            let saved = tokio::task::spawn_blocking(move || save(&shared, &path)).await;
            Answer::new(saved.unwrap_or(Err(NOT_SAVED)), 0)
        }))
    }
}

const NOT_SAVED: CommandError = CommandError::Fixed(
    "ERR There was an error trying to save the ACLs. Please check the server logs for more information",
);

/// One at a time, and each what is there when its turn comes: the last one to write writes the last
/// state.
fn save(shared: &Shared, path: &Path) -> Result<Reply, CommandError> {
    let _turn = shared.acl_file_turn.lock();
    let text = shared.core.lock().users.to_file();
    write(path, &text)
}

fn write(path: &Path, text: &[u8]) -> Result<Reply, CommandError> {
    match users::write_file(path, text) {
        Ok(()) => Ok(Reply::Ok),
        Err(error) => {
            tracing::error!(%error, path = %path.display(), "cannot write the ACL file");
            Err(NOT_SAVED)
        }
    }
}

/// Why ACL LOAD is refused, in the reference's words.
fn refusal(error: &UsersError) -> CommandError {
    const UNCHANGED: &str = "WARNING: ACL errors detected, no change to the previously active ACL \
                             rules was performed";
    let text = match error {
        UsersError::Unreadable { path, cause } => {
            let cause = cause.to_string();
            let cause = cause.split(" (os error").next().unwrap_or_default();
            format!("ERR Error loading ACLs, opening file '{}': {cause}", path.display())
        }
        UsersError::BadFile { .. } | UsersError::BadLine { .. } => {
            format!("ERR {error}. {UNCHANGED}")
        }
    };
    CommandError::Text(text.into_bytes().into())
}

/// Hexadecimal digits of so many bits, of which the last digit may have some to spare.
fn password(bits: u16) -> Reply {
    let digits = usize::from(bits).div_ceil(4);
    let random = random_bytes::<GENPASS_BYTES_MAX>();
    let text: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    Reply::bulk(&text.as_bytes()[..digits.min(text.len())])
}

/// ACL GETUSER.
fn describe(user: &User) -> Reply {
    let mut pairs = vec![
        (Reply::text("flags"), Reply::Set(user.flags().map(Reply::text).collect())),
        (
            Reply::text("passwords"),
            Reply::Array(
                user.passwords().iter().map(|hash| Reply::bulk(hash.to_hex().as_bytes())).collect(),
            ),
        ),
    ];
    pairs.extend(describe_selector(user.root()));
    let more = user.selectors().iter().map(|selector| Reply::Map(describe_selector(selector)));
    pairs.push((Reply::text("selectors"), Reply::Array(more.collect())));
    Reply::Map(pairs)
}

fn describe_selector(selector: &Selector) -> Vec<(Reply, Reply)> {
    vec![
        (Reply::text("commands"), Reply::bulk(&selector.describe_commands())),
        (Reply::text("keys"), Reply::bulk(&selector.describe_keys())),
        (Reply::text("channels"), Reply::bulk(&selector.describe_channels())),
    ]
}
