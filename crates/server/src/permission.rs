//! Who a connection is, and what it may do.
//!
//! Nobody pays for users that there are not: a connection whose user may do everything compares one
//! number for each command ([`Executor::is_free`]). It is the generation of the users at which that
//! was so; when somebody changes a user, every connection looks once.

use std::sync::Arc;

use access::{DEFAULT_USER, Denied, DeniedFor, User};
use engine::CommandError;
use protocol::{CommandSpec, Flags};

use crate::acl_log::{Incident, LogContext};
use crate::execute::Executor;
use crate::introspect::client_list;

/// What a connection knows of its user.
#[derive(Debug)]
pub(crate) struct Identity {
    name: Arc<[u8]>,
    /// The user as it was at generation `seen`.
    user: Option<Arc<User>>,
    seen: u64,
    /// The generation at which the client is authenticated and may do everything; 0 if it may not.
    free_at: u64,
}

impl Default for Identity {
    fn default() -> Self {
        Self { name: DEFAULT_USER.into(), user: None, seen: 0, free_at: 0 }
    }
}

impl Identity {
    /// Somebody else, or the same once more.
    pub(crate) fn new(user: &User) -> Self {
        Self { name: user.name().into(), ..Self::default() }
    }

    /// The user as it was when somebody last looked.
    pub(crate) fn user(&self) -> Option<&Arc<User>> {
        self.user.as_ref()
    }

    pub(crate) fn name(&self) -> &Arc<[u8]> {
        &self.name
    }
}

const NO_AUTH: CommandError = CommandError::Fixed("NOAUTH Authentication required.");

impl Executor<'_> {
    /// Whether there is nothing to ask about the client's user.
    pub(crate) fn is_free(&self) -> bool {
        self.session.identity.free_at == self.core.users.generation()
    }

    /// Finds out who the client is, where [`Self::is_free`] has not said so already.
    pub(crate) fn identify(&mut self, spec: &CommandSpec) -> Result<(), CommandError> {
        let generation = self.core.users.generation();
        // Somebody may have let everybody in since it came.
        if !self.session.authenticated && self.core.users.is_open() {
            self.session.authenticated = true;
        }
        if !self.session.authenticated && !spec.flags.contains(Flags::NO_AUTH) {
            return Err(NO_AUTH);
        }
        if self.session.identity.seen == generation {
            return Ok(());
        }
        // Deleted while this request was on its way: nothing is done in its name any more, not even if
        // there is a new user of that name.
        let user = match self.core.users.find(&self.session.identity.name) {
            Some(user) if !self.client.is_killed() => user,
            _ => {
                self.session.closing = true;
                return Err(NO_AUTH);
            }
        };
        let is_free = self.session.authenticated && user.is_unrestricted();
        self.session.identity.user = Some(Arc::clone(user));
        self.session.identity.seen = generation;
        self.session.identity.free_at = if is_free { generation } else { 0 };
        Ok(())
    }

    /// Whether the client's user may run a request: its command, its keys and its channels. Scripts
    /// ask this for every command that they call.
    pub(crate) fn permit(
        &mut self,
        spec: &'static CommandSpec,
        args: &[&[u8]],
    ) -> Result<(), Denied> {
        if self.is_free() {
            return Ok(());
        }
        let nobody = Denied { spec, what: DeniedFor::Command };
        if self.identify(spec).is_err() {
            return Err(nobody);
        }
        match &self.session.identity.user {
            Some(user) => {
                let user = Arc::clone(user);
                user.permits(spec, args)?;
                // What is only queued is looked at by EXEC.
                match self.session.transaction.is_some() && !self.in_exec {
                    true => Ok(()),
                    false => user.permits_options(spec, args),
                }
            }
            None => Err(nobody),
        }
    }

    /// As [`Self::permit`] for a request of the client's own: a refusal is noted, and told in the
    /// words for it.
    pub(crate) fn permit_or_refuse(
        &mut self,
        spec: &'static CommandSpec,
        args: &[&[u8]],
    ) -> Result<(), CommandError> {
        let Err(denied) = self.permit(spec, args) else { return Ok(()) };
        let is_multi = self.in_exec || self.session.transaction.is_some();
        let context = if is_multi { LogContext::Multi } else { LogContext::TopLevel };
        if !matches!(denied.what, DeniedFor::AllKeys(_)) {
            self.note_denied(&denied, args, context);
        }
        let text = if self.in_exec { denied.refusal_in_exec() } else { denied.refusal() };
        Err(CommandError::Text(text.into_bytes().into()))
    }

    /// Notes in ACL LOG that a request was refused.
    pub(crate) fn note_denied(&mut self, denied: &Denied, args: &[&[u8]], context: LogContext) {
        let username = self.session.identity.name.to_vec();
        let object = denied.object(args).to_vec();
        self.note_incident(Incident { reason: denied.reason(), context, object, username });
    }

    /// Notes that somebody gave a wrong password.
    pub(crate) fn note_failed_auth(&mut self, user: &[u8], command: &'static str) {
        let context = if self.in_exec { LogContext::Multi } else { LogContext::TopLevel };
        let (object, username) = (command.as_bytes().to_vec(), user.to_vec());
        self.note_incident(Incident { reason: "auth", context, object, username });
    }

    fn note_incident(&mut self, incident: Incident) {
        let line = client_list([&self.row(self.client)]);
        let entries_max = self.shared.config.settings().acl_log_max;
        self.core.acl_log.note(incident, line.trim_end().to_owned(), self.now, entries_max);
    }

    /// From now on the client is this user.
    pub(crate) fn become_user(&mut self, user: &User) {
        self.session.authenticated = true;
        self.session.identity = Identity::new(user);
        *self.client.facts.user.lock() = Arc::clone(self.session.identity.name());
    }

    /// The client is nobody in particular again.
    pub(crate) fn become_nobody(&mut self) {
        self.session.authenticated = self.core.users.is_open();
        self.session.identity = Identity::default();
        *self.client.facts.user.lock() = Arc::clone(self.session.identity.name());
    }
}
