//! Client-side caching: which client has read which key, and whom a change concerns.
//!
//! Lives beside the database, under the same lock: no change slips between a read and its being
//! remembered. What a client has read is remembered by key name alone, whatever the database, as in
//! Redis; who tracks prefixes (BCAST) has nothing remembered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use engine::{Op, Touched};
use indexmap::IndexMap;

use crate::client::Client;
use crate::push::{Message, Push};

/// Bytes of key names in the table, beside the limit of their number.
const TABLE_BYTES_MAX: usize = 256 << 20;

/// What RESP2 clients subscribe to that are told in others' place.
const CHANNEL: &str = "__redis__:invalidate";

/// A client that tracks keys.
#[derive(Debug)]
pub(crate) struct Tracker {
    client: Arc<Client>,
    /// Who is told in its place.
    pub(crate) redirect: Option<Arc<Client>>,
    pub(crate) mode: Mode,
    /// BCAST: the prefixes it is told about.
    pub(crate) prefixes: BTreeSet<Box<[u8]>>,
    /// Whoever was to be told in its place has gone.
    pub(crate) is_broken: bool,
}

/// The options of CLIENT TRACKING.
#[expect(clippy::struct_excessive_bools, reason = "independent options of a command")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Mode {
    pub(crate) broadcast: bool,
    /// Only what is read behind CLIENT CACHING YES is remembered.
    pub(crate) opt_in: bool,
    /// What is read behind CLIENT CACHING NO is not remembered.
    pub(crate) opt_out: bool,
    /// It is not told of its own changes.
    pub(crate) no_loop: bool,
}

/// Who caches what.
#[derive(Debug, Default)]
pub(crate) struct Tracking {
    clients: BTreeMap<u64, Tracker>,
    /// Who may have read a key since it last changed.
    table: IndexMap<Box<[u8]>, BTreeSet<u64>>,
    table_bytes: usize,
    items: usize,
    prefixes: BTreeMap<Box<[u8]>, Prefix>,
    /// What changed since it was last told.
    changed: Vec<Changed>,
}

/// Those who track a prefix, and what is to be told to them next.
#[derive(Debug, Default)]
struct Prefix {
    clients: BTreeSet<u64>,
    /// Changed keys, each with who changed it last.
    keys: BTreeMap<Box<[u8]>, u64>,
}

#[derive(Debug)]
enum Changed {
    Key(Box<[u8]>),
    Everything,
}

/// What has become invalid.
enum Invalid<'k> {
    Keys(Vec<&'k [u8]>),
    Everything,
}

/// Nobody in particular: time, or a reader that was served.
pub(crate) const NOBODY: u64 = 0;

impl Tracking {
    /// Whether anybody tracks anything.
    pub(crate) fn is_on(&self) -> bool {
        !self.clients.is_empty()
    }

    pub(crate) fn clients(&self) -> usize {
        self.clients.len()
    }

    pub(crate) fn keys(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn items(&self) -> usize {
        self.items
    }

    pub(crate) fn prefixes(&self) -> usize {
        self.prefixes.len()
    }

    pub(crate) fn tracker(&self, client: u64) -> Option<&Tracker> {
        self.clients.get(&client)
    }

    /// A client tracks, from here on as told.
    pub(crate) fn enable(
        &mut self,
        client: &Arc<Client>,
        mode: Mode,
        redirect: Option<Arc<Client>>,
        prefixes: &[&[u8]],
    ) {
        let tracker = self.clients.entry(client.id).or_insert_with(|| Tracker {
            client: Arc::clone(client),
            redirect: None,
            mode,
            prefixes: BTreeSet::new(),
            is_broken: false,
        });
        tracker.mode = mode;
        tracker.redirect = redirect;
        tracker.is_broken = false;
        if mode.broadcast {
            let everything: &[&[u8]] = &[b""];
            for &prefix in if prefixes.is_empty() { everything } else { prefixes } {
                tracker.prefixes.insert(prefix.into());
                self.prefixes.entry(prefix.into()).or_default().clients.insert(client.id);
            }
        }
        tracker.tell();
    }

    /// A client tracks no more. What it has read is forgotten by and by.
    pub(crate) fn disable(&mut self, client: &Client) {
        let Some(tracker) = self.clients.remove(&client.id) else { return };
        for prefix in &tracker.prefixes {
            if let Some(state) = self.prefixes.get_mut(prefix) {
                state.clients.remove(&client.id);
                if state.clients.is_empty() {
                    self.prefixes.remove(prefix);
                }
            }
        }
        if self.clients.is_empty() {
            *self = Self::default();
        }
        client.facts.tracking.store(0, Ordering::Relaxed);
        client.facts.redirect.store(-1, Ordering::Relaxed);
    }

    /// A client has read keys. `draw` chooses what makes room in a full table, which is told to those
    /// who have read it.
    pub(crate) fn remember<'k>(
        &mut self,
        client: u64,
        keys: impl Iterator<Item = &'k [u8]>,
        keys_max: usize,
        mut draw: impl FnMut() -> u64,
        pushes: &mut Vec<Push>,
    ) {
        let clients_max = 2 * self.clients.len() + 8;
        for key in keys {
            let readers = match self.table.get_mut(key) {
                Some(readers) => readers,
                None => {
                    self.table_bytes += key.len();
                    self.table.entry(key.into()).or_default()
                }
            };
            self.items += usize::from(readers.insert(client));
            if clients_max < readers.len() {
                // Those who have gone are found in no other way.
                let before = readers.len();
                readers.retain(|reader| self.clients.contains_key(reader));
                self.items -= before - readers.len();
            }
        }
        while keys_max < self.table.len() || TABLE_BYTES_MAX < self.table_bytes {
            let count = self.table.len() as u64;
            let Some(at) = draw().checked_rem(count).and_then(|at| usize::try_from(at).ok()) else {
                return;
            };
            if let Some((key, readers)) = self.table.swap_remove_index(at) {
                self.forget(&key, &readers);
                self.tell(&readers, NOBODY, &Invalid::Keys(vec![&key]), pushes);
            }
        }
    }

    fn forget(&mut self, key: &[u8], readers: &BTreeSet<u64>) {
        self.table_bytes -= key.len();
        self.items -= readers.len();
    }

    /// Notes what a change touches.
    pub(crate) fn note(&mut self, op: &Op<'_>) {
        if matches!(op, Op::ConsumerSeen { .. }) {
            return;
        }
        match op.touched() {
            Touched::Nothing => {}
            Touched::Key(_, key) => self.note_key(key),
            Touched::Keys((_, first), (_, second)) => {
                self.note_key(first);
                self.note_key(second);
            }
            Touched::Db(_) | Touched::Dbs(..) | Touched::Everything => self.note_everything(),
        }
    }

    fn note_key(&mut self, key: &[u8]) {
        let is_known = self.table.contains_key(key);
        if is_known || self.prefixes.keys().any(|prefix| key.starts_with(prefix)) {
            self.changed.push(Changed::Key(key.into()));
        }
    }

    /// Every key may have changed.
    pub(crate) fn note_everything(&mut self) {
        self.changed.push(Changed::Everything);
    }

    /// Tells those concerned of what `by` has changed; those who track prefixes are told by
    /// [`Tracking::broadcast`].
    pub(crate) fn invalidate(&mut self, by: u64, pushes: &mut Vec<Push>) {
        for changed in std::mem::take(&mut self.changed) {
            let Changed::Key(key) = changed else {
                self.table.clear();
                (self.table_bytes, self.items) = (0, 0);
                let all = self.clients.keys().copied().collect();
                self.tell(&all, NOBODY, &Invalid::Everything, pushes);
                continue;
            };
            if let Some(readers) = self.table.swap_remove(&key) {
                self.forget(&key, &readers);
                self.tell(&readers, by, &Invalid::Keys(vec![&key]), pushes);
            }
            for (prefix, state) in &mut self.prefixes {
                if key.starts_with(prefix) {
                    state.keys.insert(key.clone(), by);
                }
            }
        }
    }

    /// Tells those who track prefixes what has changed below them.
    pub(crate) fn broadcast(&mut self, pushes: &mut Vec<Push>) {
        let mut all = Vec::new();
        for state in self.prefixes.values_mut().filter(|state| !state.keys.is_empty()) {
            all.push((state.clients.clone(), std::mem::take(&mut state.keys)));
        }
        for (clients, keys) in all {
            for client in clients {
                let skips = self.clients.get(&client).is_some_and(|tracker| tracker.mode.no_loop);
                let foreign = keys.iter().filter(|(_, by)| !skips || **by != client);
                let keys: Vec<&[u8]> = foreign.map(|(key, _)| &**key).collect();
                if !keys.is_empty() {
                    self.tell(&BTreeSet::from([client]), NOBODY, &Invalid::Keys(keys), pushes);
                }
            }
        }
    }

    /// Whether [`Tracking::broadcast`] has anything to tell.
    pub(crate) fn has_to_broadcast(&self) -> bool {
        self.prefixes.values().any(|state| !state.keys.is_empty())
    }

    fn tell(
        &mut self,
        readers: &BTreeSet<u64>,
        by: u64,
        invalid: &Invalid<'_>,
        pushes: &mut Vec<Push>,
    ) {
        for reader in readers {
            let Some(tracker) = self.clients.get_mut(reader) else { continue };
            if !(tracker.mode.no_loop && *reader == by) {
                pushes.extend(tracker.message(invalid));
            }
        }
    }
}

impl Tracker {
    /// The message for whoever is to be told.
    fn message(&mut self, invalid: &Invalid<'_>) -> Option<Push> {
        let Some(target) = self.redirect.clone() else {
            let message = Message::invalidation(&self.client, false, invalid)?;
            return Some(Push { client: Arc::clone(&self.client), message });
        };
        if target.has_left() {
            self.is_broken = true;
            self.tell();
            let message = Message::broken_redirection(target.id);
            let hears = self.client.version() == protocol::Version::Resp3;
            return hears.then(|| Push { client: Arc::clone(&self.client), message });
        }
        let message = Message::invalidation(&target, true, invalid)?;
        Some(Push { client: target, message })
    }

    /// Tells the rest of the server how the client tracks.
    fn tell(&self) {
        let flags = 1 | u8::from(self.is_broken) << 1 | u8::from(self.mode.broadcast) << 2;
        self.client.facts.tracking.store(flags, Ordering::Relaxed);
        let redirect = self.redirect.as_ref().map_or(0, |target| target.id);
        self.client.facts.redirect.store(redirect.cast_signed(), Ordering::Relaxed);
    }
}

impl Message {
    fn invalidation(target: &Client, is_redirected: bool, invalid: &Invalid<'_>) -> Option<Self> {
        use engine::Reply;
        let is_resp3 = target.version() == protocol::Version::Resp3;
        let mut parts = match is_resp3 {
            true => vec![Reply::text("invalidate")],
            // Whoever is told for others may listen to anything.
            false if is_redirected && target.is_subscriber() => {
                vec![Reply::text("message"), Reply::text(CHANNEL)]
            }
            false => return None,
        };
        parts.push(match invalid {
            Invalid::Everything => Reply::Nil,
            Invalid::Keys(keys) => Reply::Array(keys.iter().map(|key| Reply::bulk(key)).collect()),
        });
        Some(Self::of_version(parts, target.version()).behind_the_reply())
    }

    fn broken_redirection(target: u64) -> Self {
        use engine::Reply;
        let parts = vec![Reply::text("tracking-redir-broken"), Reply::count(target)];
        Self::new(parts).behind_the_reply()
    }
}
