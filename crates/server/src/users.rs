//! The users of a running server: where they come from, where they are kept, and who hears of a
//! change.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use access::{Denied, DeniedFor, FileError, Users};
use engine::{Blocked, BlockedPop, CommandError, PopKind};
use protocol::KeyUse;
use thiserror::Error;

use crate::client::Client;
use crate::config::{Config, Origin};
use crate::core::{Core, Shared};
use crate::execute::Answer;
use crate::serve::{Delivery, deliver};

/// Why the users cannot be had.
#[derive(Debug, Error)]
pub enum UsersError {
    /// The ACL file cannot be read.
    #[error("cannot read the ACL file {}: {cause}", .path.display())]
    Unreadable {
        /// `aclfile`
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// Lines of the ACL file are wrong.
    #[error("{}", describe(.path, .errors))]
    BadFile {
        /// `aclfile`
        path: PathBuf,
        /// What is wrong, with the line.
        errors: Vec<(usize, FileError)>,
    },
    /// A `user` line of the configuration is wrong.
    #[error("{origin}: {error}")]
    BadLine {
        /// Where it stands.
        origin: Origin,
        /// What is wrong.
        error: FileError,
    },
}

fn describe(path: &Path, errors: &[(usize, FileError)]) -> String {
    let told = errors.iter().map(|(line, error)| format!("{}:{line}: {error}", path.display()));
    told.collect::<Vec<_>>().join(". ")
}

/// The users that a server starts with.
///
/// # Errors
///
/// What is wrong with the ACL file or the `user` lines, and where.
pub(crate) fn at_start(config: &Config) -> Result<Users, UsersError> {
    let settings = config.settings();
    let mut users = Users::new(settings.acl_all_channels);
    if let Some(password) = &settings.password {
        users.set_default_password(Some(password.as_bytes()));
    }
    if let Some(path) = &settings.acl_file {
        return read_file(path, &users);
    }
    let mut seen = BTreeSet::new();
    for line in config.values().users() {
        let rest = line.words.iter().map(String::as_bytes);
        let words: Vec<&[u8]> = std::iter::once(b"user".as_slice()).chain(rest).collect();
        users.add_line(&words, &mut seen).map_err(|error| {
            let origin = line.origin.clone();
            UsersError::BadLine { origin, error }
        })?;
    }
    Ok(users)
}

/// Name and rules of each user, for the configuration; `None` if it says so already, or if there is an
/// ACL file for it. Bytes that are no text cannot stand in a configuration.
pub(crate) fn lines_to_write(config: &Config, users: &Users) -> Option<Vec<Vec<String>>> {
    let settings = config.settings();
    let before = at_start(config).ok().filter(|_| settings.acl_file.is_none())?;
    if before.describe().eq(users.describe()) {
        return None;
    }
    // What `requirepass` says of the default user need not be said again.
    let mut plain = Users::new(settings.acl_all_channels);
    plain.set_default_password(settings.password.as_deref().map(str::as_bytes));
    let said = users.iter().filter(|user| *user != plain.default_user());
    let words = |line: Vec<u8>| -> Vec<String> {
        let text = String::from_utf8_lossy(&line).into_owned();
        text.split(' ').skip(1).map(str::to_owned).collect()
    };
    Some(said.map(|user| words(user.describe())).collect())
}

/// Reads an ACL file. What it does not say about the default user is as in `before`.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn read_file(path: &Path, before: &Users) -> Result<Users, UsersError> {
    let text =
        fs::read(path).map_err(|cause| UsersError::Unreadable { path: path.to_owned(), cause })?;
    Users::from_file(&text, before)
        .map_err(|errors| UsersError::BadFile { path: path.to_owned(), errors })
}

/// Writes an ACL file: aside, synced, then in place of the old one, so that there is a whole one at
/// any time. Nobody but the server's user may read it.
///
/// # Errors
///
/// What the file system says; the old file is as it was.
pub(crate) fn write_file(path: &Path, text: &[u8]) -> io::Result<()> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let aside = dir.join(format!(".{name}.new-{}", std::process::id()));
    let written = write_and_sync(&aside, text).and_then(|()| fs::rename(&aside, path));
    if let Err(error) = written {
        let _ = fs::remove_file(&aside);
        return Err(error);
    }
    // The name is not durable until its directory is.
    fs::File::open(dir)?.sync_all()
}

fn write_and_sync(path: &Path, text: &[u8]) -> io::Result<()> {
    // One that a crash has left behind may be anybody's to read.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

/// What must be known of the default user before a connection is made, and without the lock.
#[derive(Debug)]
pub(crate) struct Door {
    is_open: AtomicBool,
    takes_any_password: AtomicBool,
    is_unrestricted: AtomicBool,
}

impl Door {
    pub(crate) fn new(users: &Users) -> Self {
        let door = Self {
            is_open: false.into(),
            takes_any_password: false.into(),
            is_unrestricted: false.into(),
        };
        door.note(users);
        door
    }

    /// Whether a client is somebody without saying who.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Acquire)
    }

    /// Whether the default user has no password, be it on or off: protected mode asks for this.
    pub(crate) fn has_no_password(&self) -> bool {
        self.takes_any_password.load(Ordering::Acquire)
    }

    /// Whether the default user may do everything.
    pub(crate) fn is_unrestricted(&self) -> bool {
        self.is_unrestricted.load(Ordering::Acquire)
    }

    fn note(&self, users: &Users) {
        self.is_unrestricted.store(users.default_user().is_unrestricted(), Ordering::Release);
        self.is_open.store(users.is_open(), Ordering::Release);
        let any = users.default_user().takes_any_password();
        self.takes_any_password.store(any, Ordering::Release);
    }
}

impl Core {
    /// After every change of users: those who look at them without the lock hear of it, and
    /// connections end whose user is gone, or that listen to what they may not any more. `own` is the
    /// client that asks for the change, if one does; whether it has to end is the answer, as it ends
    /// after its reply.
    /// What those are told who wait for what they may not have any more goes to `deliveries`.
    pub(crate) fn users_changed(
        &mut self,
        shared: &Shared,
        own: Option<u64>,
        deliveries: &mut Vec<Delivery>,
    ) -> bool {
        shared.door.note(&self.users);
        let mut is_own_gone = false;
        let doomed = self.without_user(shared).into_iter().chain(self.trespassers());
        for client in doomed {
            if own == Some(client.id) {
                is_own_gone = true;
            } else {
                // At once: nothing may be delivered to it any more.
                self.blocking.remove_client(client.id);
                client.kill();
            }
        }
        self.end_forbidden_waits(deliveries);
        is_own_gone
    }

    /// Ends the waits that the rules would not let begin any more.
    fn end_forbidden_waits(&mut self, deliveries: &mut Vec<Delivery>) {
        let mut forbidden = Vec::new();
        for waiter in self.blocking.waiters() {
            let user = self.users.find(&waiter.client.facts.user.lock()).cloned();
            let spec = waiter.client.facts.command();
            let (Some(user), Some(spec)) = (user, spec) else { continue };
            if !user.is_unrestricted() && !user.permits_waiting(spec, waited_for(&waiter.blocked)) {
                forbidden.push((waiter.client.id, spec));
            }
        }
        for (id, spec) in forbidden {
            let Some(waiter) = self.blocking.remove_client(id) else { continue };
            let denied = Denied { spec, what: DeniedFor::Command };
            let refusal = CommandError::Text(denied.refusal().into_bytes().into());
            let answer = Answer::new(Err(refusal), 0);
            deliveries.push(Delivery { client: waiter.client, answer });
        }
    }

    /// Clients whose user is gone.
    fn without_user(&self, shared: &Shared) -> Vec<Arc<Client>> {
        let mut clients = shared.clients.all();
        clients.retain(|client| self.users.find(&client.facts.user.lock()).is_none());
        clients
    }

    /// Clients that listen to channels which their user may not use any more.
    fn trespassers(&self) -> Vec<Arc<Client>> {
        self.channels.trespassers(|client, name, is_pattern| {
            let user = self.users.find(&client.facts.user.lock());
            user.is_some_and(|user| user.permits_channel(name, is_pattern))
        })
    }
}

/// SIGHUP: the configuration has been read again, and the ACL file is. Bad users leave those who are
/// there as they are.
pub(crate) fn reload(shared: &Shared, changed: &[&str]) {
    let settings = shared.config.settings();
    let mut core = shared.core.lock();
    core.users.set_all_channels(settings.acl_all_channels);
    if changed.contains(&"requirepass") {
        core.users.set_default_password(settings.password.as_deref().map(str::as_bytes));
    }
    if let Some(path) = &settings.acl_file {
        match read_file(path, &core.users) {
            Ok(users) => {
                core.users.replace(users);
                tracing::info!(path = %path.display(), "ACL file read again");
            }
            Err(error) => tracing::error!(%error, "the users stay as they were"),
        }
    }
    let mut deliveries = Vec::new();
    core.users_changed(shared, None, &mut deliveries);
    drop(core);
    deliver(deliveries, shared);
}

/// The keys of a command that waits, and what becomes of them.
fn waited_for(blocked: &Blocked) -> impl Iterator<Item = (&[u8], KeyUse)> + Clone {
    let (reads, writes) = (true, matches!(blocked, Blocked::Pop(_)));
    let own = blocked.keys().map(move |key| (key, KeyUse { position: 0, reads, writes }));
    let new = match blocked {
        Blocked::Pop(BlockedPop { kind: PopKind::ListMove { new_key, .. }, .. }) => {
            Some((&**new_key, KeyUse { position: 0, reads: false, writes: true }))
        }
        _ => None,
    };
    own.chain(new)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_stays_private() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("users.acl");
        fs::write(&path, "old").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("set");
        write_file(&path, b"user a on\n").expect("written");
        assert_eq!(fs::read(&path).expect("read"), b"user a on\n");
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).expect("read").count(), 1, "nothing is left behind");

        let missing = dir.path().join("none/users.acl");
        write_file(&missing, b"x").expect_err("no such directory");
        assert!(matches!(
            read_file(&missing, &Users::new(false)),
            Err(UsersError::Unreadable { .. })
        ));
    }

    #[test]
    fn errors_name_file_and_line() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("users.acl");
        fs::write(&path, "# comment\nuser a on\n\nuser b +foo\nuser c >secret topsecret\n")
            .expect("written");
        let error = read_file(&path, &Users::new(false)).expect_err("two bad lines").to_string();
        let path = path.display();
        assert_eq!(
            error,
            format!(
                "{path}:4: Error in applying operation '+foo': Unknown command or category name in \
                 ACL. {path}:5: Syntax error"
            )
        );
    }
}
