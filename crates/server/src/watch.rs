//! WATCH: who is to be told when a key changes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use engine::{Op, Touched};

use crate::client::Client;

/// Watched keys and their watchers. Lives beside the database, under the same lock, so that no
/// change slips between WATCH and EXEC.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    keys: BTreeMap<(u8, Box<[u8]>), Vec<Watcher>>,
}

#[derive(Debug)]
struct Watcher {
    client: Arc<Client>,
    /// Whether the key was there at WATCH. What removes a key that was missing all along, or whose time
    /// had passed by then, changes nothing for the watcher.
    existed: bool,
}

impl Watches {
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(crate) fn add(&mut self, client: &Arc<Client>, db: u8, key: &[u8], existed: bool) {
        let watchers = self.keys.entry((db, key.into())).or_default();
        if watchers.iter().all(|watcher| watcher.client.id != client.id) {
            watchers.push(Watcher { client: client.clone(), existed });
        }
    }

    /// Ends the watches of a client on the given keys.
    pub(crate) fn remove<'k>(
        &mut self,
        client: &Client,
        keys: impl Iterator<Item = &'k (u8, Box<[u8]>)>,
    ) {
        for key in keys {
            if let Some(watchers) = self.keys.get_mut(key) {
                watchers.retain(|watcher| watcher.client.id != client.id);
                if watchers.is_empty() {
                    self.keys.remove(key);
                }
            }
        }
    }

    /// Breaks the watches that a change concerns.
    pub(crate) fn note(&self, op: &Op<'_>) {
        match op.touched() {
            Touched::Nothing => {}
            Touched::Key(db, key) => {
                let removes = matches!(op, Op::Delete { .. });
                self.break_key(db, key, |watcher| watcher.existed || !removes);
            }
            Touched::Keys(first, second) => {
                self.break_key(first.0, first.1, |_| true);
                self.break_key(second.0, second.1, |_| true);
            }
            Touched::Db(db) => self.break_all(|watched| watched == db),
            Touched::Dbs(first, second) => {
                self.break_all(|watched| watched == first || watched == second);
            }
            Touched::Everything => self.break_all(|_| true),
        }
    }

    fn break_key(&self, db: u8, key: &[u8], concerns: impl Fn(&Watcher) -> bool) {
        // The map's key owns its bytes, so a lookup needs them owned too; only while somebody
        // watches.
        let watchers = self.keys.get(&(db, key.into())).into_iter().flatten();
        for watcher in watchers.filter(|watcher| concerns(watcher)) {
            watcher.client.watch_broken.store(true, Ordering::Relaxed);
        }
    }

    fn break_all(&self, concerned: impl Fn(u8) -> bool) {
        let watched = self.keys.iter().filter(|((db, _), _)| concerned(*db));
        for watcher in watched.flat_map(|(_, watchers)| watchers) {
            if watcher.existed {
                watcher.client.watch_broken.store(true, Ordering::Relaxed);
            }
        }
    }
}
