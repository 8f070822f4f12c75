//! What a server answers that has no data yet.

use std::sync::Arc;
use std::time::SystemTime;

use access::DEFAULT_USER;
use bytes::Bytes;
use engine::pattern::{Case, glob_matches};
use engine::{CommandError, Reply};
use protocol::{
    ClientCommand, ConfigCommand, Flags, Request, ServerCommand, SessionCommand, Version,
};

use super::Loading;
use super::visitor::State;
use crate::introspect;
use crate::introspect::info::{self, InfoSnapshot, StorageFacts};
use crate::introspect::process::{ProcessMemory, ProcessorTime};
use crate::session::{self, greeting};

const LOADING: CommandError = CommandError::Fixed("LOADING Redis is loading the dataset in memory");

/// The answer to one request, by Redis's order of checks.
pub(super) fn answer(
    loading: &Loading,
    state: &mut State,
    args: &[&[u8]],
) -> Result<Reply, CommandError> {
    let answer = checked(loading, state, args);
    if let Err(error) = &answer {
        loading.stats.count_error(&error.text());
    }
    answer
}

fn checked(loading: &Loading, state: &mut State, args: &[&[u8]]) -> Result<Reply, CommandError> {
    let spec = protocol::resolve(args)?;
    if !state.authenticated && !spec.flags.contains(Flags::NO_AUTH) {
        return Err(CommandError::Fixed("NOAUTH Authentication required."));
    }
    if let Err(denied) = state.user.permits(spec, args) {
        return Err(CommandError::Text(denied.refusal().into_bytes().into()));
    }
    if !spec.flags.contains(Flags::LOADING) {
        return Err(LOADING);
    }
    match protocol::parse(spec, args, 0)? {
        Request::Ready(reply) => Ok(reply),
        Request::Session(command) => of_session(loading, state, &command),
        Request::Server(command) => of_server(loading, &command),
        Request::Engine(_) => Err(LOADING),
    }
}

fn of_session(
    loading: &Loading,
    state: &mut State,
    command: &SessionCommand<'_>,
) -> Result<Reply, CommandError> {
    match command {
        SessionCommand::Auth { user: None, .. }
            if loading.users.default_user().takes_any_password() =>
        {
            Err(session::NO_PASSWORD)
        }
        SessionCommand::Auth { user, password } => {
            authenticate(loading, state, user.unwrap_or(DEFAULT_USER), password)?;
            Ok(Reply::Ok)
        }
        SessionCommand::Hello(hello) => {
            if let Some((user, password)) = hello.auth {
                authenticate(loading, state, user, password)?;
            }
            if !state.authenticated {
                return Err(session::HELLO_NEEDS_AUTH);
            }
            if let Some(name) = hello.name {
                state.names.name = name.to_vec();
            }
            state.version = hello.version.unwrap_or(state.version);
            Ok(greeting(state.version, state.id, &loading.config.settings()))
        }
        SessionCommand::Echo { message } => Ok(Reply::bulk(message)),
        SessionCommand::Quit => {
            state.closing = true;
            Ok(Reply::Ok)
        }
        SessionCommand::Reset => {
            state.authenticated = loading.users.is_open();
            state.user = Arc::clone(loading.users.default_user());
            (state.version, state.db) = (Version::Resp2, 0);
            state.names = Default::default();
            Ok(Reply::Simple("RESET"))
        }
        SessionCommand::Select { db } => {
            state.db = *db;
            Ok(Reply::Ok)
        }
        SessionCommand::Client(command) => of_client(state, command),
        _ => Err(LOADING),
    }
}

fn authenticate(
    loading: &Loading,
    state: &mut State,
    user: &[u8],
    password: &[u8],
) -> Result<(), CommandError> {
    let user = loading.users.authenticate(user, password).ok_or(session::WRONG_PASS)?;
    state.authenticated = true;
    state.user = Arc::clone(user);
    Ok(())
}

fn of_client(state: &mut State, command: &ClientCommand<'_>) -> Result<Reply, CommandError> {
    match command {
        ClientCommand::Id => return Ok(Reply::count(state.id)),
        ClientCommand::GetName if state.names.name.is_empty() => return Ok(Reply::Nil),
        ClientCommand::GetName => return Ok(Reply::bulk(&state.names.name)),
        ClientCommand::SetName { name } => state.names.name = name.to_vec(),
        ClientCommand::SetLibName { name } => state.names.lib_name = name.to_vec(),
        ClientCommand::SetLibVersion { version } => state.names.lib_version = version.to_vec(),
        _ => return Err(LOADING),
    }
    Ok(Reply::Ok)
}

fn of_server(loading: &Loading, command: &ServerCommand<'_>) -> Result<Reply, CommandError> {
    match command {
        ServerCommand::Info { sections } => Ok(page(loading, sections)),
        ServerCommand::Config(ConfigCommand::Get { patterns }) => {
            let matches =
                |pattern: &[u8], name: &[u8]| glob_matches(pattern, name, Case::Sensitive);
            Ok(introspect::config_get(&loading.config, patterns, matches))
        }
        // The users are set up already.
        ServerCommand::Config(ConfigCommand::Set { pairs })
            if pairs.iter().any(|word| word.eq_ignore_ascii_case(b"requirepass")) =>
        {
            Err(LOADING)
        }
        ServerCommand::Config(ConfigCommand::Set { pairs }) => {
            introspect::config_set(&loading.config, pairs).map(|_| Reply::Ok)
        }
        ServerCommand::Config(ConfigCommand::ResetStat) => {
            loading.stats.reset();
            Ok(Reply::Ok)
        }
        ServerCommand::Time => Ok(introspect::time(SystemTime::now())),
        ServerCommand::LastSave => Ok(Reply::count(loading.started_at / 1000)),
        ServerCommand::Role => Ok(Reply::Array(vec![
            Reply::text("master"),
            Reply::Integer(0),
            Reply::Array(Vec::new()),
        ])),
        ServerCommand::Shutdown(how) if how.abort => {
            Err(CommandError::Fixed("ERR No shutdown in progress."))
        }
        ServerCommand::Shutdown(_) => end(loading),
        _ => Err(LOADING),
    }
}

/// SHUTDOWN: nothing has been changed, and the next start recovers again.
fn end(loading: &Loading) -> ! {
    tracing::info!("shutdown asked for by a client, while the data was being loaded");
    for file in &loading.files {
        let _ = std::fs::remove_file(file);
    }
    std::process::exit(0)
}

fn page(loading: &Loading, sections: &[&[u8]]) -> Reply {
    let settings = loading.config.settings();
    let memory = ProcessMemory::now();
    let snapshot = InfoSnapshot {
        settings: &settings,
        config_file: loading.config.file(),
        process: &loading.process,
        port: loading.port,
        now_ms: loading.clock.now(),
        uptime: loading.clock.uptime(),
        stats: &loading.stats,
        memory_peak: memory.anonymous,
        memory_at_start: 0,
        memory,
        processor: ProcessorTime::now(),
        pubsub_channels: 0,
        pubsub_patterns: 0,
        pubsubshard_channels: 0,
        pubsub_clients: 0,
        tracking: info::TrackingFacts::default(),
        storage: StorageFacts::default(),
        scripts: info::ScriptFacts::default(),
        keyspace: Vec::new(),
        loading: Some(loading.facts()),
    };
    Reply::Verbatim(Bytes::from(info::render(&info::sections(sections), &snapshot)))
}
