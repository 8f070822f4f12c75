//! Commands about the server: INFO, CONFIG, SAVE, SHUTDOWN, WAIT and their kin.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use engine::pattern::Case;
use engine::{Command, CommandError, Context, ObjectField, Reply};
use protocol::{
    AofWait, ChannelKind, ConfigCommand, DebugCommand, MemoryCommand, ReplicaOf, Save,
    ServerCommand, Shutdown,
};

use crate::allocator;
use crate::client::Socket;
use crate::config::Config;
use crate::core::Shared;
use crate::descriptors;
use crate::execute::{Answer, Executor, Outcome};
use crate::introspect::process::{ProcessMemory, ProcessorTime};
use crate::introspect::{self, info};
use crate::users;

impl Executor<'_> {
    pub(crate) fn server(&mut self, command: &ServerCommand<'_>, args: &[&[u8]]) -> Outcome {
        match command {
            ServerCommand::Info { sections } => self.info(sections).into(),
            ServerCommand::Config(command) => self.config(command),
            ServerCommand::Acl(command) => self.acl(command),
            ServerCommand::Debug(command) => self.debug(command).into(),
            ServerCommand::Memory(command) => self.memory(*command).into(),
            ServerCommand::Time => Outcome::from(introspect::time(SystemTime::now())),
            ServerCommand::LastSave => {
                Outcome::from(Reply::count(self.shared.checkpoints.state().last_at))
            }
            ServerCommand::Save(how) => self.save(*how),
            ServerCommand::Shutdown(how) => self.shutdown(*how),
            ServerCommand::Wait { replicas, timeout_ms } => self.wait(*replicas, *timeout_ms),
            ServerCommand::WaitAof(wait) => self.wait_aof(*wait),
            ServerCommand::Role => Outcome::from(Reply::Array(vec![
                Reply::text("master"),
                Reply::count(self.shared.log.last()),
                Reply::Array(Vec::new()),
            ])),
            ServerCommand::ReplicaOf(ReplicaOf::NoOne) => Outcome::from(Reply::Ok),
            ServerCommand::ReplicaOf(ReplicaOf::Host { .. }) => {
                Outcome::from(CommandError::Fixed("ERR replication is not supported"))
            }
            ServerCommand::Scrub => self.scrub().into(),
            ServerCommand::SlowLog(command) => Outcome::from(self.slow_log(*command)),
            ServerCommand::Latency(command) => self.latency(command).into(),
            ServerCommand::Script(command) => self.script(command, args),
            ServerCommand::Lolwut => Outcome::from(Reply::Verbatim(Bytes::from(format!(
                "All the rivers run into the sea.\nHeadwater ver. {}\n",
                env!("CARGO_PKG_VERSION")
            )))),
        }
    }

    fn info(&self, sections: &[&[u8]]) -> Reply {
        let settings = self.shared.config.settings();
        let channels = &self.core.channels;
        let snapshot = info::InfoSnapshot {
            settings: &settings,
            config_file: self.shared.config.file(),
            process: &self.shared.process,
            port: self.shared.port,
            now_ms: self.now,
            uptime: self.shared.clock.uptime(),
            loading: None,
            stats: &self.shared.stats,
            memory: ProcessMemory::now(),
            memory_peak: self.shared.memory_peak(),
            memory_at_start: self.shared.memory_at_start,
            processor: ProcessorTime::now(),
            pubsub_channels: channels.len(ChannelKind::Channel) as u64,
            pubsub_patterns: channels.len(ChannelKind::Pattern) as u64,
            pubsubshard_channels: channels.len(ChannelKind::Shard) as u64,
            pubsub_clients: channels.clients() as u64,
            tracking: info::TrackingFacts {
                clients: self.core.tracking.clients(),
                keys: self.core.tracking.keys(),
                items: self.core.tracking.items(),
                prefixes: self.core.tracking.prefixes(),
            },
            storage: self.shared.storage_facts(),
            scripts: self.core.scripts.facts(),
            keyspace: self.keyspace(),
        };
        let page = info::render(&info::sections(sections), &snapshot);
        Reply::Verbatim(Bytes::from(page))
    }

    fn keyspace(&self) -> Vec<info::KeyspaceRow> {
        let rows = self.core.database.engine().db_sizes().map(|size| info::KeyspaceRow {
            db: size.db,
            keys: size.keys as u64,
            expires: size.expires as u64,
            avg_ttl_ms: 0,
        });
        rows.collect()
    }

    fn config(&mut self, command: &ConfigCommand<'_>) -> Outcome {
        let config = &self.shared.config;
        match command {
            ConfigCommand::Get { patterns } => {
                Outcome::from(introspect::config_get(config, patterns, |pattern, name| {
                    engine::pattern::glob_matches(pattern, name, Case::Sensitive)
                }))
            }
            ConfigCommand::Set { pairs } => {
                let changed = match introspect::config_set(config, pairs) {
                    Ok(changed) => changed,
                    Err(error) => return Outcome::from(error),
                };
                self.configured(&changed);
                Outcome::from(Reply::Ok)
            }
            ConfigCommand::ResetStat => {
                self.shared.stats.reset();
                Outcome::from(Reply::Ok)
            }
            ConfigCommand::Rewrite => self.config_rewrite(),
        }
    }

    /// CONFIG REWRITE. The disk may be slow: nobody else waits for it.
    fn config_rewrite(&self) -> Outcome {
        fn rewrite(config: &Config, users: Option<&[Vec<String>]>) -> Result<Reply, CommandError> {
            let done = config.rewrite(users).map(|()| Reply::Ok);
            match &done {
                Ok(_) => tracing::info!("CONFIG REWRITE: the configuration file is written"),
                Err(error) => tracing::warn!(%error, "CONFIG REWRITE"),
            }
            done.map_err(|error| CommandError::Text(error.to_string().into_bytes().into()))
        }
        let config = Arc::clone(&self.shared.config);
        let users = users::lines_to_write(&config, &self.core.users);
        if self.in_exec || config.file().is_none() {
            return rewrite(&config, users.as_deref()).into();
        }
        Outcome::Later(Box::pin(async move {
            let task = move || rewrite(&config, users.as_deref());
            let written = tokio::task::spawn_blocking(task).await;
            Answer::new(written.unwrap_or(Err(CommandError::Fixed("ERR"))), 0)
        }))
    }

    /// The engine's settings shape state, so they change by an operation. Everybody else reads the
    /// configuration when it matters.
    fn configured(&mut self, changed: &[&str]) {
        descriptors::make_room(&self.shared.config);
        let settings = self.shared.config.settings();
        self.shared.configured(&settings);
        self.core.notify_of(settings.events);
        self.core.users.set_all_channels(settings.acl_all_channels);
        if changed.contains(&"requirepass") {
            let password = settings.password.as_deref().map(str::as_bytes);
            self.core.users.set_default_password(password);
            self.users_changed();
        }
        self.core.database.limit_replies(settings.output_limits.normal.hard_limit());
        if let Err(error) = self.core.database.configure(settings.engine, settings.idmp, self.now) {
            tracing::warn!(%error, "the new block limits wait for the next start");
        }
    }

    fn debug(&self, command: &DebugCommand<'_>) -> Result<Reply, CommandError> {
        let peer = match &self.client.socket {
            Socket::Tcp(stream) => stream.peer_addr().ok().map(|addr| addr.ip()),
            Socket::Tls(stream) => stream.stream.peer_addr().ok().map(|addr| addr.ip()),
            Socket::Unix(_) => None::<IpAddr>,
        };
        introspect::debug_allowed(self.shared.config.settings().debug_command, peer)?;
        match command {
            DebugCommand::Sleep { seconds } => {
                // As the reference does it: everybody waits. A test's way to make a server slow.
                std::thread::sleep(Duration::try_from_secs_f64(*seconds).unwrap_or_default());
                Ok(Reply::Ok)
            }
            DebugCommand::Object { key } => self.debug_object(key),
            DebugCommand::Help => Ok(introspect::debug_help()),
            DebugCommand::Jmap => Err(CommandError::Fixed("ERR DEBUG JMAP is not supported")),
            DebugCommand::Unknown { subcommand } => {
                let name = String::from_utf8_lossy(subcommand);
                let text = format!(
                    "ERR unknown subcommand or wrong number of arguments for '{name}'. Try DEBUG HELP."
                );
                Err(CommandError::Text(text.into_bytes().into()))
            }
        }
    }

    /// DEBUG OBJECT: there is no address to tell, and the length is that in memory.
    fn debug_object(&self, key: &[u8]) -> Result<Reply, CommandError> {
        let ask = |command: &Command<'_>| {
            let context = Context { db: self.session.db, now: self.now };
            self.core.database.engine().decide(command, context).map(|decision| decision.reply)
        };
        let Reply::Bulk(encoding) = ask(&Command::Object { key, what: ObjectField::Encoding })?
        else {
            return Err(CommandError::Fixed("ERR no such key"));
        };
        let number = |reply| if let Reply::Integer(number) = reply { number } else { 0 };
        let length = number(ask(&Command::MemoryUsage { key })?);
        let idle = number(ask(&Command::Object { key, what: ObjectField::IdleTime })?);
        let encoding = String::from_utf8_lossy(&encoding);
        let clock = (self.now / 1000) & 0xff_ffff;
        Ok(Reply::Bulk(Bytes::from(format!(
            "Value at:0x0 refcount:1 encoding:{encoding} serializedlength:{length} lru:{clock} \
             lru_seconds_idle:{idle}"
        ))))
    }

    fn memory(&self, command: MemoryCommand) -> Result<Reply, CommandError> {
        match command {
            MemoryCommand::Doctor => Ok(introspect::memory_doctor()),
            MemoryCommand::Stats => Ok(introspect::memory_stats(&introspect::MemoryFacts {
                memory: ProcessMemory::now(),
                peak: self.shared.memory_peak(),
                at_start: self.shared.memory_at_start,
                clients: self.shared.stats.client_bytes(),
                log_buffer: self.shared.log.stats().bytes_buffered,
                keyspace: self.keyspace(),
            })),
            MemoryCommand::Purge => match allocator::purge() {
                Ok(()) => Ok(Reply::Ok),
                Err(error) => {
                    tracing::warn!(%error, "MEMORY PURGE");
                    Err(CommandError::Fixed("ERR Error purging dirty pages"))
                }
            },
            MemoryCommand::MallocStats => {
                Ok(Reply::text("Stats not supported for the current allocator"))
            }
        }
    }

    fn save(&mut self, how: Save) -> Outcome {
        let checkpoints = &self.shared.checkpoints;
        let running = checkpoints.state().is_running();
        match how {
            Save::Foreground => {
                let (done, hurry) = (checkpoints.wait(), checkpoints.hurry());
                checkpoints.request();
                Outcome::Later(Box::pin(async move {
                    let _hurry = hurry;
                    let reply =
                        if done.await { Ok(Reply::Ok) } else { Err(CommandError::Fixed("ERR")) };
                    Answer::new(reply, 0)
                }))
            }
            Save::Background if running => {
                Outcome::from(CommandError::Fixed("ERR Background save already in progress"))
            }
            Save::LogRewrite if running => Outcome::from(CommandError::Fixed(
                "ERR Background append only file rewriting already in progress",
            )),
            Save::Background => {
                checkpoints.request();
                Outcome::from(Reply::Simple("Background saving started"))
            }
            Save::BackgroundScheduled => {
                checkpoints.request();
                let answer = if running {
                    "Background saving scheduled"
                } else {
                    "Background saving started"
                };
                Outcome::from(Reply::Simple(answer))
            }
            Save::LogRewrite => {
                checkpoints.request();
                Outcome::from(Reply::Simple("Background append only file rewriting started"))
            }
        }
    }

    fn scrub(&self) -> Result<Reply, CommandError> {
        if self.shared.config.settings().scrub_rate == 0 {
            return Err(CommandError::Fixed("ERR scrub-rate is 0: set it first"));
        }
        match self.shared.scrubbing.request() {
            true => Ok(Reply::Simple("Scrub started")),
            false => Err(CommandError::Fixed("ERR Scrub already in progress")),
        }
    }

    /// SHUTDOWN: everything acknowledged is on disk already; SAVE and NOSAVE say whether the next start
    /// shall find a checkpoint of it. The answer is the end of the connection.
    fn shutdown(&mut self, how: Shutdown) -> Outcome {
        if how.abort {
            return Outcome::from(CommandError::Fixed("ERR No shutdown in progress."));
        }
        tracing::info!(client = self.client.id, "shutdown asked for by a client");
        if let Some(save) = how.save {
            // The first one counts.
            let _ = self.shared.shutdown_saves.set(save);
        }
        self.shared.shutdown.notify_one();
        self.session.closing = true;
        Outcome::Silent
    }

    /// WAIT: there are no replicas, so it waits out its time for any.
    fn wait(&self, replicas: u64, timeout_ms: u64) -> Outcome {
        if replicas == 0 || self.in_exec {
            return Outcome::from(Reply::Integer(0));
        }
        Outcome::Later(Box::pin(async move {
            sleep_for(timeout_ms).await;
            Answer::new(Ok(Reply::Integer(0)), 0)
        }))
    }

    /// WAITAOF: syncs the log where the policy has not, and answers for the local log truthfully.
    fn wait_aof(&self, wait: AofWait) -> Outcome {
        let shared = Arc::clone(self.shared);
        let target = shared.log.last();
        let answer = move |shared: &Shared| {
            let local = i64::from(target <= shared.log.durable());
            let reply = Reply::Array(vec![Reply::Integer(local), Reply::Integer(0)]);
            Answer::new(Ok(reply), 0)
        };
        if self.in_exec || (!wait.local && wait.replicas == 0) {
            return Outcome::Answer(answer(&shared));
        }
        Outcome::Later(Box::pin(async move {
            if wait.local && shared.log.durable() < target {
                let syncing = Arc::clone(&shared);
                // The runtime's thread serves other clients meanwhile.
                let synced = tokio::task::spawn_blocking(move || syncing.commit());
                let _ = synced.await;
            }
            if 0 < wait.replicas {
                sleep_for(wait.timeout_ms).await;
            }
            answer(&shared)
        }))
    }
}

/// Waits so long, or for ever if 0.
async fn sleep_for(timeout_ms: u64) {
    if timeout_ms == 0 {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(Duration::from_millis(timeout_ms)).await;
}
