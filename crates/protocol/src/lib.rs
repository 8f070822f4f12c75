//! The wire: RESP2 and RESP3 bytes to requests, the grammar of every command, and replies back to
//! bytes.
//!
//! # One request
//!
//! [`Decoder::decode`] finds the end of a request in the read buffer and [`Decoder::args`] names its
//! arguments without copying them. [`resolve`] looks the command up in the static table and checks
//! its argument count; the flags of the [`CommandSpec`] it returns tell the server what it must ask
//! first (authentication, MULTI, memory). [`parse`] then reads the arguments into a [`Request`],
//! which borrows from the buffer. A reply goes out through [`encode`].
//!
//! # What is absent
//!
//! No socket, no clock, no state of a connection beyond the position inside a half-arrived request,
//! no random number (the caller draws it) and no knowledge of any key.
//!
//! # Reading order
//!
//! [`decode`](Decoder), [`command`](Request), `table`, [`encode`](encode()).

mod command;
mod decode;
mod encode;
mod error;
mod inline;
mod number;
mod table;

pub use command::{
    AclCommand, AofWait, ChannelKind, ClientCommand, ClientKind, ClientList, ConfigCommand,
    DebugCommand, Given, Hello, KillFilter, LatencyCommand, MemoryCommand, NO_SCRIPT,
    PubSubCommand, ReplicaOf, ReplyMode, Request, RestorePolicy, Save, ScriptAccess, ScriptCommand,
    ServerCommand, SessionCommand, Shutdown, SlowLogCommand, TrackingOptions, WakeReason, parse,
    parse_in_script, resolve,
};
pub use decode::{Args, Decoder, Limits};
pub use encode::{TooLong, Version, encode, encode_array, encode_error};
pub use error::ProtocolError;
pub use table::{
    Begin, CATEGORIES, ChannelUse, CommandSpec, Extent, Flags, KeySpec, KeyUse, all as commands,
    find, lookup,
};
