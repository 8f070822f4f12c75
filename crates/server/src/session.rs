//! The state of one connection, and the commands about it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use access::DEFAULT_USER;
use engine::{CommandError, Reply};
use protocol::{Hello, ReplyMode, SessionCommand, Version};

use crate::blocking::Key;
use crate::client::Client;
use crate::config::Settings;
use crate::core::Shared;
use crate::execute::{Executor, Outcome};
use crate::permission::Identity;
use crate::pressure::Waited;
use crate::pubsub::Subscriptions;
use crate::transaction::Transaction;

/// What a connection has chosen and begun. Owned by its task; what others may see of it is mirrored
/// in [`Client::facts`].
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) db: u8,
    pub(crate) version: Version,
    pub(crate) authenticated: bool,
    /// Who the client is, once it is authenticated.
    pub(crate) identity: Identity,
    pub(crate) transaction: Option<Transaction>,
    /// Watched keys, each with whether it was there at WATCH.
    pub(crate) watched: Vec<(Key, bool)>,
    pub(crate) reply_mode: ReplyMode,
    /// `CLIENT REPLY SKIP` was the last command.
    pub(crate) skip_next: bool,
    /// Close once the replies are out.
    pub(crate) closing: bool,
    /// What it listens to.
    pub(crate) subscriptions: Subscriptions,
    /// It can be sent messages.
    pub(crate) receives: bool,
    /// It tracks the keys that it reads.
    pub(crate) remembers_reads: bool,
    /// CLIENT CACHING was called for what comes now.
    pub(crate) caching: bool,
    /// Messages are held back until the replies of the batch are encoded.
    pub(crate) is_holding: bool,
    /// How it waits while entries come faster than checkpoints.
    pub(crate) waited: Waited,
}

impl Session {
    pub(crate) fn new(authenticated: bool) -> Self {
        Self {
            db: 0,
            version: Version::Resp2,
            authenticated,
            identity: Identity::default(),
            transaction: None,
            watched: Vec::new(),
            reply_mode: ReplyMode::On,
            skip_next: false,
            closing: false,
            subscriptions: Subscriptions::default(),
            receives: false,
            remembers_reads: false,
            caching: false,
            is_holding: false,
            waited: Waited::default(),
        }
    }
}

impl Session {
    pub(crate) fn set_version(&mut self, version: Version, client: &Client) {
        self.version = version;
        let number = match version {
            Version::Resp2 => 2,
            Version::Resp3 => 3,
        };
        client.facts.version.store(number, Ordering::Relaxed);
    }
}

pub(crate) const WRONG_PASS: CommandError =
    CommandError::Fixed("WRONGPASS invalid username-password pair or user is disabled.");

/// What AUTH with a password alone says where there is none.
pub(crate) const NO_PASSWORD: CommandError = CommandError::Fixed(
    "ERR AUTH <password> called without any password configured for the default \
     user. Are you sure your configuration is correct?",
);

/// What HELLO says to a client that has still to authenticate.
pub(crate) const HELLO_NEEDS_AUTH: CommandError = CommandError::Fixed(
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the \
     HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client \
     and select the RESP protocol version at the same time",
);

/// What HELLO answers.
pub(crate) fn greeting(version: Version, client_id: u64, settings: &Settings) -> Reply {
    let version = match version {
        Version::Resp2 => 2,
        Version::Resp3 => 3,
    };
    Reply::Map(vec![
        (Reply::text("server"), Reply::text("redis")),
        (Reply::text("version"), Reply::bulk(settings.compat_version.as_bytes())),
        (Reply::text("proto"), Reply::Integer(version)),
        (Reply::text("id"), Reply::count(client_id)),
        (Reply::text("mode"), Reply::text("standalone")),
        (Reply::text("role"), Reply::text("master")),
        (Reply::text("modules"), Reply::Array(Vec::new())),
    ])
}

impl Executor<'_> {
    /// Runs a command about the connection.
    pub(crate) fn session(&mut self, command: &SessionCommand<'_>) -> Outcome {
        match command {
            SessionCommand::Hello(hello) => self.hello(hello).into(),
            SessionCommand::Auth { user, password } => self.auth(*user, password).into(),
            SessionCommand::Ping { message } if self.is_subscriber_of_resp2() => {
                let message = message.unwrap_or_default();
                Outcome::from(Reply::Array(vec![Reply::text("pong"), Reply::bulk(message)]))
            }
            SessionCommand::Ping { message: None } => Outcome::from(Reply::Simple("PONG")),
            SessionCommand::Ping { message: Some(message) } | SessionCommand::Echo { message } => {
                Outcome::from(Reply::bulk(message))
            }
            SessionCommand::Quit => {
                self.session.closing = true;
                Outcome::from(Reply::Ok)
            }
            SessionCommand::Reset => self.reset().into(),
            SessionCommand::Select { db } => {
                self.select(*db);
                Outcome::from(Reply::Ok)
            }
            SessionCommand::Multi => self.multi().into(),
            SessionCommand::Exec => self.exec(),
            SessionCommand::Discard => self.discard().into(),
            SessionCommand::Watch { keys } => self.watch(keys).into(),
            SessionCommand::Unwatch => {
                self.unwatch();
                Outcome::from(Reply::Ok)
            }
            SessionCommand::Client(command) => self.client_command(command),
            SessionCommand::Monitor => self.monitor(),
            SessionCommand::PubSub(command) => self.pubsub(*command).into(),
        }
    }

    /// In RESP2 a subscriber could not tell some replies from messages.
    pub(crate) fn is_subscriber_of_resp2(&self) -> bool {
        self.session.version == Version::Resp2 && !self.session.subscriptions.is_empty()
    }

    pub(crate) fn select(&mut self, db: u8) {
        self.session.db = db;
        self.client.facts.db.store(db, Ordering::Relaxed);
    }

    fn auth(&mut self, user: Option<&[u8]>, password: &[u8]) -> Result<Reply, CommandError> {
        if user.is_none() && self.core.users.default_user().takes_any_password() {
            return Err(NO_PASSWORD);
        }
        self.authenticate(user.unwrap_or(DEFAULT_USER), password, "AUTH")?;
        Ok(Reply::Ok)
    }

    fn authenticate(
        &mut self,
        user: &[u8],
        password: &[u8],
        command: &'static str,
    ) -> Result<(), CommandError> {
        match self.core.users.authenticate(user, password).cloned() {
            Some(user) => {
                self.become_user(&user);
                Ok(())
            }
            None => {
                self.note_failed_auth(user, command);
                Err(WRONG_PASS)
            }
        }
    }

    fn hello(&mut self, hello: &Hello<'_>) -> Result<Reply, CommandError> {
        if let Some((user, password)) = hello.auth {
            self.authenticate(user, password, "HELLO")?;
        }
        greet(self.shared, self.client, self.session, hello)
    }

    /// RESET: the connection as it was when it arrived.
    fn reset(&mut self) -> Reply {
        self.end_transaction_state();
        self.core.channels.leave(self.client, &mut self.session.subscriptions);
        self.track_no_more();
        self.core.stop_monitoring(self.client);
        self.select(0);
        self.session.set_version(Version::Resp2, self.client);
        self.session.reply_mode = ReplyMode::On;
        self.client.facts.silent.store(false, Ordering::Relaxed);
        self.become_nobody();
        *self.client.facts.names.lock() = Default::default();
        self.client.facts.no_evict.store(false, Ordering::Relaxed);
        self.client.facts.no_touch.store(false, Ordering::Relaxed);
        Reply::Simple("RESET")
    }
}

/// HELLO without AUTH, which concerns nobody but the connection.
pub(crate) fn greet(
    shared: &Shared,
    client: &Client,
    session: &mut Session,
    hello: &Hello<'_>,
) -> Result<Reply, CommandError> {
    if !session.authenticated {
        return Err(HELLO_NEEDS_AUTH);
    }
    if let Some(name) = hello.name {
        client.facts.names.lock().name = name.to_vec();
    }
    if let Some(version) = hello.version {
        session.set_version(version, client);
    }
    Ok(greeting(session.version, client.id, &shared.config.settings()))
}

/// Ends what a connection has left with others: watches and its place in queues.
pub(crate) fn leave(core: &mut crate::core::Core, client: &Arc<Client>, session: &mut Session) {
    core.blocking.remove_client(client.id);
    core.watches.remove(client, session.watched.iter().map(|(key, _)| key));
    session.watched.clear();
    core.channels.leave(client, &mut session.subscriptions);
    core.tracking.disable(client);
    core.pause.remove(client);
    core.stop_monitoring(client);
    client.facts.has_left.store(true, Ordering::Relaxed);
}
