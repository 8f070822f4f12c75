//! Compiled scripts by their SHA-1.

use std::collections::{BTreeMap, HashMap};

use script::{Script, ScriptFlags};

/// Scripts that came by EVAL and are kept for EVALSHA, at most: programs that put values into the
/// text of their scripts would fill all memory. Those loaded by SCRIPT LOAD stay.
const EVALUATED_MAX: usize = 500;

/// A script that is ready to run.
#[derive(Debug, Clone)]
pub(super) struct Cached {
    pub(super) script: Script,
    pub(super) flags: ScriptFlags,
    /// Length of its text.
    pub(super) bytes: usize,
}

type Sha1 = [u8; 40];

#[derive(Debug, Default)]
pub(super) struct Cache {
    scripts: HashMap<Sha1, Entry>,
    /// Those that may go, the least recently used first.
    by_use: BTreeMap<u64, Sha1>,
    uses: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    cached: Cached,
    /// Its key in `by_use`; `None` for one that stays.
    used: Option<u64>,
}

impl Cache {
    /// A script, which counts as used.
    pub(super) fn find(&mut self, sha1: &Sha1) -> Option<Cached> {
        let entry = self.scripts.get_mut(sha1)?;
        if let Some(used) = &mut entry.used {
            self.by_use.remove(used);
            self.uses += 1;
            *used = self.uses;
            self.by_use.insert(self.uses, *sha1);
        }
        Some(entry.cached.clone())
    }

    pub(super) fn contains(&self, sha1: &[u8]) -> bool {
        Sha1::try_from(sha1)
            .is_ok_and(|sha1| self.scripts.contains_key(&sha1.to_ascii_lowercase()[..]))
    }

    /// Adds a script that may go when others come.
    pub(super) fn add(&mut self, sha1: Sha1, cached: Cached) {
        while EVALUATED_MAX <= self.by_use.len() {
            let Some((_, oldest)) = self.by_use.pop_first() else { break };
            if let Some(entry) = self.scripts.remove(&oldest) {
                self.bytes -= entry.cached.bytes;
            }
        }
        self.uses += 1;
        self.bytes += cached.bytes;
        self.by_use.insert(self.uses, sha1);
        self.scripts.insert(sha1, Entry { cached, used: Some(self.uses) });
    }

    /// From here on a script stays.
    pub(super) fn keep(&mut self, sha1: &Sha1) {
        if let Some(used) = self.scripts.get_mut(sha1).and_then(|entry| entry.used.take()) {
            self.by_use.remove(&used);
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn len(&self) -> usize {
        self.scripts.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}
