//! Channels: who listens to what, and the commands about it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use engine::pattern::{Case, glob_matches};
use engine::{CommandError, Reply};
use protocol::{ChannelKind, PubSubCommand};

use crate::client::Client;
use crate::execute::Executor;
use crate::push::Message;

/// Memory of a subscription beside the two copies of its name, about.
const SUBSCRIPTION_BYTES: usize = 128;

/// Who listens to one channel, by ID.
type Listeners = BTreeMap<u64, Arc<Client>>;

/// All subscriptions of all clients. Lives beside the database, under the same lock, so that all
/// listeners of a channel get its messages in one order.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    by_name: [BTreeMap<Box<[u8]>, Listeners>; 3],
    /// Clients with a subscription of any kind.
    clients: usize,
}

impl Channels {
    fn of(&self, kind: ChannelKind) -> &BTreeMap<Box<[u8]>, Listeners> {
        &self.by_name[kind as usize]
    }

    /// How many names of this kind have listeners.
    pub(crate) fn len(&self, kind: ChannelKind) -> usize {
        self.of(kind).len()
    }

    /// Clients with a subscription of any kind.
    pub(crate) fn clients(&self) -> usize {
        self.clients
    }

    fn add(&mut self, kind: ChannelKind, name: &[u8], client: &Arc<Client>) {
        let listeners = self.by_name[kind as usize].entry(name.into()).or_default();
        listeners.insert(client.id, Arc::clone(client));
    }

    fn remove(&mut self, kind: ChannelKind, name: &[u8], client: &Client) {
        let names = &mut self.by_name[kind as usize];
        if let Some(listeners) = names.get_mut(name) {
            listeners.remove(&client.id);
            if listeners.is_empty() {
                names.remove(name);
            }
        }
    }

    /// Clients that listen to what they may not: `permits` says of client, name and whether that is a
    /// pattern.
    pub(crate) fn trespassers(
        &self,
        mut permits: impl FnMut(&Client, &[u8], bool) -> bool,
    ) -> Vec<Arc<Client>> {
        let mut trespassers = Vec::new();
        for kind in KINDS {
            for (name, listeners) in self.of(kind) {
                let is_pattern = kind == ChannelKind::Pattern;
                let found = listeners.values().filter(|client| !permits(client, name, is_pattern));
                trespassers.extend(found.cloned());
            }
        }
        trespassers
    }

    /// Ends all subscriptions of a client that leaves, or begins anew.
    pub(crate) fn leave(&mut self, client: &Client, subscriptions: &mut Subscriptions) {
        if subscriptions.is_empty() {
            return;
        }
        for kind in KINDS {
            for name in std::mem::take(&mut subscriptions.names[kind as usize]) {
                self.remove(kind, &name, client);
            }
        }
        subscriptions.bytes = 0;
        self.clients -= 1;
        subscriptions.tell(client);
    }

    /// Those who are to get a message, and what each is sent: first who named the channel, then who
    /// named a pattern that matches it.
    pub(crate) fn receivers(
        &self,
        kind: ChannelKind,
        channel: &[u8],
        message: &[u8],
    ) -> Vec<(Arc<Client>, Message)> {
        let mut receivers = Vec::new();
        let mut add = |listeners: &Listeners, message: Message| {
            let new = listeners.values().map(|client| (Arc::clone(client), message.clone()));
            receivers.extend(new);
        };
        if let Some(listeners) = self.of(kind).get(channel) {
            let word = if kind == ChannelKind::Shard { "smessage" } else { "message" };
            let parts = vec![Reply::text(word), Reply::bulk(channel), Reply::bulk(message)];
            add(listeners, Message::new(parts));
        }
        if kind == ChannelKind::Channel {
            for (pattern, listeners) in self.of(ChannelKind::Pattern) {
                if glob_matches(pattern, channel, Case::Sensitive) {
                    add(
                        listeners,
                        Message::new(vec![
                            Reply::text("pmessage"),
                            Reply::bulk(pattern),
                            Reply::bulk(channel),
                            Reply::bulk(message),
                        ]),
                    );
                }
            }
        }
        receivers
    }
}

const KINDS: [ChannelKind; 3] = [ChannelKind::Channel, ChannelKind::Pattern, ChannelKind::Shard];

/// What one client listens to.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    names: [BTreeSet<Box<[u8]>>; 3],
    bytes: usize,
}

impl Subscriptions {
    pub(crate) fn is_empty(&self) -> bool {
        self.names.iter().all(BTreeSet::is_empty)
    }

    /// Memory behind the names, here and in [`Channels`].
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn len(&self, kind: ChannelKind) -> usize {
        self.names[kind as usize].len()
    }

    /// The number that a confirmation shows. Shard channels are counted apart.
    fn count(&self, kind: ChannelKind) -> Reply {
        Reply::count(match kind {
            ChannelKind::Shard => self.len(kind),
            _ => self.len(ChannelKind::Channel) + self.len(ChannelKind::Pattern),
        })
    }

    /// Tells the rest of the server how many there are.
    fn tell(&self, client: &Client) {
        for (shown, kind) in client.facts.subscriptions.iter().zip(KINDS) {
            shown.store(self.len(kind), Ordering::Relaxed);
        }
    }
}

impl Executor<'_> {
    /// Runs a command about channels.
    pub(crate) fn pubsub(&mut self, command: PubSubCommand<'_>) -> Result<Reply, CommandError> {
        match command {
            PubSubCommand::Subscribe { kind, names } => self.subscribe(kind, names),
            PubSubCommand::Unsubscribe { kind, names } => Ok(self.unsubscribe(kind, names)),
            PubSubCommand::Publish { kind, channel, message } => {
                Ok(Reply::count(self.publish(kind, channel, message)))
            }
            PubSubCommand::Channels { kind, pattern } => Ok(self.channels(kind, pattern)),
            PubSubCommand::NumSub { kind, channels } => {
                let listeners = self.core.channels.of(kind);
                let count =
                    |name: &[u8]| Reply::count(listeners.get(name).map_or(0, BTreeMap::len));
                let pairs = channels.iter().flat_map(|name| [Reply::bulk(name), count(name)]);
                Ok(Reply::Array(pairs.collect()))
            }
            PubSubCommand::NumPat => Ok(Reply::count(self.core.channels.len(ChannelKind::Pattern))),
        }
    }

    fn subscribe(&mut self, kind: ChannelKind, names: &[&[u8]]) -> Result<Reply, CommandError> {
        self.receives();
        let verb = match kind {
            ChannelKind::Channel => "subscribe",
            ChannelKind::Pattern => "psubscribe",
            ChannelKind::Shard => "ssubscribe",
        };
        let mut replies = Vec::with_capacity(names.len());
        for &name in names {
            let subscriptions = &mut self.session.subscriptions;
            if subscriptions.is_empty() {
                self.core.channels.clients += 1;
            }
            if subscriptions.names[kind as usize].insert(name.into()) {
                subscriptions.bytes += SUBSCRIPTION_BYTES + 2 * name.len();
                self.core.channels.add(kind, name, self.client);
            }
            let count = subscriptions.count(kind);
            replies.push(Reply::Push(vec![Reply::text(verb), Reply::bulk(name), count]));
        }
        self.session.subscriptions.tell(self.client);
        Ok(Reply::Several(replies))
    }

    fn unsubscribe(&mut self, kind: ChannelKind, names: &[&[u8]]) -> Reply {
        let verb = match kind {
            ChannelKind::Channel => "unsubscribe",
            ChannelKind::Pattern => "punsubscribe",
            ChannelKind::Shard => "sunsubscribe",
        };
        let confirm = |name, count| Reply::Push(vec![Reply::text(verb), name, count]);
        let subscriptions = &mut self.session.subscriptions;
        let was_subscribed = !subscriptions.is_empty();
        let all: Vec<_>;
        let names = if names.is_empty() {
            all = subscriptions.names[kind as usize].iter().cloned().collect();
            all.iter().map(|name| &**name).collect()
        } else {
            names.to_vec()
        };
        let mut replies = Vec::with_capacity(names.len());
        for name in names {
            if subscriptions.names[kind as usize].remove(name) {
                subscriptions.bytes -= SUBSCRIPTION_BYTES + 2 * name.len();
                self.core.channels.remove(kind, name, self.client);
            }
            replies.push(confirm(Reply::bulk(name), subscriptions.count(kind)));
        }
        if replies.is_empty() {
            replies.push(confirm(Reply::Nil, subscriptions.count(kind)));
        }
        if was_subscribed && subscriptions.is_empty() {
            self.core.channels.clients -= 1;
        }
        subscriptions.tell(self.client);
        Reply::Several(replies)
    }

    /// Sends a message to all who listen, once the command is done, and returns how many they are. Who
    /// listens in several ways gets it as often.
    pub(crate) fn publish(&mut self, kind: ChannelKind, channel: &[u8], message: &[u8]) -> usize {
        let receivers = self.core.channels.receivers(kind, channel, message);
        for (client, message) in &receivers {
            self.push(client, message);
        }
        receivers.len()
    }

    fn channels(&self, kind: ChannelKind, pattern: Option<&[u8]>) -> Reply {
        let limit = self.shared.config.settings().output_limits.normal.hard_limit();
        let matches = |name: &[u8]| {
            pattern.is_none_or(|pattern| glob_matches(pattern, name, Case::Sensitive))
        };
        let mut bytes: usize = 0;
        let mut found = Vec::new();
        for name in self.core.channels.of(kind).keys() {
            if matches(name) {
                bytes += name.len() + size_of::<Reply>();
                if limit < bytes {
                    return Reply::TooLong;
                }
                found.push(Reply::bulk(name));
            }
        }
        Reply::Array(found)
    }
}
