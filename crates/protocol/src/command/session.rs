//! Commands about connections: HELLO, AUTH, MULTI, CLIENT and their kin.

use crate::encode::Version;

/// A command about the connection it came on, or about connections.
#[expect(
    missing_docs,
    reason = "the fields of a variant carry the names of the command's arguments"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionCommand<'a> {
    /// HELLO.
    Hello(Hello<'a>),
    /// AUTH; one argument means the user `default`.
    Auth { user: Option<&'a [u8]>, password: &'a [u8] },
    /// PING, answered `PONG` or with the message.
    Ping { message: Option<&'a [u8]> },
    /// ECHO.
    Echo { message: &'a [u8] },
    /// QUIT.
    Quit,
    /// RESET.
    Reset,
    /// SELECT, below [`engine::DATABASES`].
    Select { db: u8 },
    /// MULTI.
    Multi,
    /// EXEC.
    Exec,
    /// DISCARD.
    Discard,
    /// WATCH.
    Watch { keys: &'a [&'a [u8]] },
    /// UNWATCH.
    Unwatch,
    /// CLIENT.
    Client(ClientCommand<'a>),
}

/// HELLO after parsing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hello<'a> {
    /// The protocol asked for; `None` keeps the present one.
    pub version: Option<Version>,
    /// AUTH: user and password.
    pub auth: Option<(&'a [u8], &'a [u8])>,
    /// SETNAME; printable characters without blanks, empty to clear.
    pub name: Option<&'a [u8]>,
}

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
    /// CLIENT KILL with filters: the number of connections closed.
    Kill(KillFilter<'a>),
    /// CLIENT UNBLOCK.
    Unblock { id: u64, reason: WakeReason },
    /// CLIENT NO-EVICT.
    NoEvict { on: bool },
    /// CLIENT NO-TOUCH.
    NoTouch { on: bool },
    /// CLIENT REPLY.
    Reply(ReplyMode),
    /// CLIENT PAUSE; the timeout is in milliseconds from now.
    Pause { timeout_ms: u64, kind: PauseKind },
    /// CLIENT UNPAUSE.
    Unpause,
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
    /// USER. Whether there is such a user is for the server to say.
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

/// What CLIENT PAUSE holds up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseKind {
    /// Every command.
    All,
    /// Commands that may change data.
    Write,
}
