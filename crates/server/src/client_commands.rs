//! CLIENT: commands about connections.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use engine::{CommandError, Deferred, Reply};
use protocol::{ClientCommand, ClientKind, ClientList, KillFilter, ReplyMode, WakeReason};

use crate::client::{Client, Socket};
use crate::execute::{Answer, Executor, Outcome};
use crate::introspect::{ClientFlags, ClientRow, client_list};
use crate::serve::Delivery;

impl Executor<'_> {
    pub(crate) fn client_command(&mut self, command: &ClientCommand<'_>) -> Outcome {
        match command {
            ClientCommand::Id => Outcome::from(Reply::count(self.client.id)),
            ClientCommand::Info => self.client_info().into(),
            ClientCommand::List(filter) => self.client_list(filter).into(),
            ClientCommand::SetName { name } => {
                self.client.facts.names.lock().name = name.to_vec();
                Outcome::from(Reply::Ok)
            }
            ClientCommand::GetName => self.client_name().into(),
            ClientCommand::SetLibName { name } => {
                self.client.facts.names.lock().lib_name = name.to_vec();
                Outcome::from(Reply::Ok)
            }
            ClientCommand::SetLibVersion { version } => {
                self.client.facts.names.lock().lib_version = version.to_vec();
                Outcome::from(Reply::Ok)
            }
            ClientCommand::KillAddress { address } => self.kill_address(address).into(),
            ClientCommand::Kill { users, filter } => self.kill(users, filter).into(),
            ClientCommand::Unblock { id, reason } => self.unblock(*id, *reason).into(),
            ClientCommand::NoEvict { on } => {
                self.client.facts.no_evict.store(*on, Ordering::Relaxed);
                Outcome::from(Reply::Ok)
            }
            ClientCommand::NoTouch { on } => {
                self.client.facts.no_touch.store(*on, Ordering::Relaxed);
                Outcome::from(Reply::Ok)
            }
            ClientCommand::Tracking { is_on, options } => self.tracking(*is_on, options).into(),
            ClientCommand::Caching { yes } => self.caching(*yes).into(),
            ClientCommand::Pause { timeout_ms, all } => {
                Outcome::from(self.pause(*timeout_ms, *all))
            }
            ClientCommand::Unpause => Outcome::from(self.unpause()),
            ClientCommand::GetRedir => Outcome::from(self.redirection()),
            ClientCommand::TrackingInfo => Outcome::from(self.tracking_info()),
            ClientCommand::Reply(mode) => {
                let is_silent = *mode == ReplyMode::Off;
                self.client.facts.silent.store(is_silent, Ordering::Relaxed);
                self.session.reply_mode = *mode;
                self.session.skip_next = false;
                Outcome::from(Reply::Ok)
            }
        }
    }

    fn client_name(&self) -> Reply {
        let names = self.client.facts.names.lock();
        if names.name.is_empty() { Reply::Nil } else { Reply::bulk(&names.name) }
    }

    fn client_info(&self) -> Reply {
        let row = self.row(self.client);
        Reply::Verbatim(Bytes::from(client_list([&row])))
    }

    fn client_list(&self, filter: &ClientList) -> Reply {
        let wanted = |client: &Arc<Client>| {
            filter.ids.as_ref().is_none_or(|ids| ids.contains(&client.id))
                && filter.kind.is_none_or(|kind| kind == kind_of(client))
        };
        let clients = self.shared.clients.all();
        let rows: Vec<_> =
            clients.iter().filter(|client| wanted(client)).map(|client| self.row(client)).collect();
        Reply::Verbatim(Bytes::from(client_list(&rows)))
    }

    pub(crate) fn row(&self, client: &Arc<Client>) -> ClientRow {
        let facts = &client.facts;
        let now_ms = self.shared.clock.uptime_ms();
        let names = facts.names.lock().clone();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let output_bytes = client.output_len() as u64;
        let multi = facts.multi.load(Ordering::Relaxed);
        let [sub, psub, ssub] =
            [0, 1, 2].map(|kind| facts.subscriptions[kind].load(Ordering::Relaxed) as u64);
        let tracking = facts.tracking.load(Ordering::Relaxed);
        ClientRow {
            id: client.id,
            addr: client.addr.clone(),
            laddr: client.local_addr.clone(),
            fd: client.socket.fd(),
            name: text(names.name),
            age_seconds: now_ms.saturating_sub(client.created_ms) / 1000,
            idle_seconds: now_ms.saturating_sub(facts.last_active_ms.load(Ordering::Relaxed))
                / 1000,
            flags: ClientFlags {
                blocked: facts.blocked.load(Ordering::Relaxed),
                in_multi: 0 <= multi,
                subscribed: client.is_subscriber(),
                monitor: facts.monitors.load(Ordering::Relaxed),
                tracking: tracking & 1 != 0,
                broken_redirect: tracking & 2 != 0,
                broadcast: tracking & 4 != 0,
                watch_broken: client.watch_broken.load(Ordering::Relaxed),
                unix_socket: matches!(client.socket, Socket::Unix(_)),
                closing_after_reply: client.is_killed(),
                no_evict: facts.no_evict.load(Ordering::Relaxed),
                no_touch: facts.no_touch.load(Ordering::Relaxed),
            },
            db: facts.db.load(Ordering::Relaxed),
            redirect: facts.redirect.load(Ordering::Relaxed),
            sub,
            psub,
            ssub,
            multi: u64::try_from(multi).ok(),
            query_bytes: facts.query_bytes.load(Ordering::Relaxed),
            output_bytes,
            output_buffer_bytes: client.output_capacity() as u64,
            command: facts.command().map_or("NULL", |spec| spec.name).to_owned(),
            user: text(facts.user.lock().to_vec()),
            protocol: facts.version.load(Ordering::Relaxed),
            lib_name: text(names.lib_name),
            lib_ver: text(names.lib_version),
            ..ClientRow::default()
        }
    }

    fn kill_address(&mut self, address: &[u8]) -> Result<Reply, CommandError> {
        let clients = self.shared.clients.all();
        let Some(client) = clients.iter().find(|client| client.addr.as_bytes() == address) else {
            return Err(CommandError::Fixed("ERR No such client"));
        };
        self.end(client);
        Ok(Reply::Ok)
    }

    fn kill(
        &mut self,
        users: &[&[u8]],
        filter: &Deferred<KillFilter<'_>>,
    ) -> Result<Reply, CommandError> {
        if let Some(user) = users.iter().find(|user| self.core.users.find(user).is_none()) {
            let text = [b"ERR No such user '", *user, b"'"].concat();
            return Err(CommandError::Text(text.into()));
        }
        let filter = filter.as_ref().map_err(Clone::clone)?;
        let now_ms = self.shared.clock.uptime_ms();
        let age_ms = |client: &Client| now_ms.saturating_sub(client.created_ms);
        let wanted = |client: &Arc<Client>| {
            filter.id.is_none_or(|id| id == client.id)
                && filter.user.is_none_or(|user| user == &**client.facts.user.lock())
                && filter.address.is_none_or(|addr| addr == client.addr.as_bytes())
                && filter.local_address.is_none_or(|addr| addr == client.local_addr.as_bytes())
                && filter.kind.is_none_or(|kind| kind == kind_of(client))
                && filter.age_min_secs.is_none_or(|age| age <= age_ms(client) / 1000)
                && !(filter.skip_me && client.id == self.client.id)
        };
        let doomed: Vec<_> = self.shared.clients.all().into_iter().filter(wanted).collect();
        for client in &doomed {
            self.end(client);
        }
        Ok(Reply::count(doomed.len()))
    }

    /// Ends a connection; one's own only after the reply.
    fn end(&mut self, client: &Arc<Client>) {
        if client.id == self.client.id {
            self.session.closing = true;
        } else {
            // At once: nothing may be delivered to it any more.
            self.core.blocking.remove_client(client.id);
            client.kill();
        }
    }

    fn unblock(&mut self, id: u64, reason: WakeReason) -> Reply {
        let Some(waiter) = self.core.blocking.remove_client(id) else {
            return Reply::Integer(0);
        };
        let reply = match reason {
            WakeReason::Timeout => Ok(Reply::NilArray),
            WakeReason::Error => {
                Err(CommandError::Fixed("UNBLOCKED client unblocked via CLIENT UNBLOCK"))
            }
        };
        let answer = Answer::new(reply, 0);
        self.deliveries.push(Delivery { client: waiter.client, answer });
        Reply::Integer(1)
    }
}

/// What kind a client is. There are no replicas and no master.
fn kind_of(client: &Client) -> ClientKind {
    if client.is_subscriber() { ClientKind::PubSub } else { ClientKind::Normal }
}
