//! ACL LOG: requests that their users may not make, and failed authentications.

use std::collections::VecDeque;

use engine::{Reply, UnixMillis};

/// Entries looked at for one that is the same: a client that tries again and again fills no more than
/// one.
const SAME_ENTRIES_MAX: usize = 10;

/// How long after an entry another counts as the same.
const SAME_WITHIN_MS: u64 = 60_000;

/// Most bytes of a key or of a name that are kept: both may be as long as any argument.
const OBJECT_BYTES_MAX: usize = 1024;

/// Where a request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogContext {
    TopLevel,
    Multi,
    #[allow(dead_code, reason = "scripts say it")]
    Lua,
}

impl LogContext {
    fn name(self) -> &'static str {
        match self {
            LogContext::TopLevel => "toplevel",
            LogContext::Multi => "multi",
            LogContext::Lua => "lua",
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Incident {
    /// `command`, `key`, `channel`, `auth`
    pub(crate) reason: &'static str,
    pub(crate) context: LogContext,
    /// The command, key or channel.
    pub(crate) object: Vec<u8>,
    /// Who may not, or who could not come in.
    pub(crate) username: Vec<u8>,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    count: u64,
    incident: Incident,
    client: String,
    created_at: UnixMillis,
    updated_at: UnixMillis,
}

/// The entries, the newest first.
#[derive(Debug, Default)]
pub(crate) struct AclLog {
    entries: VecDeque<Entry>,
    next_id: u64,
}

impl AclLog {
    /// Notes an incident. `client` is the client's line of CLIENT LIST.
    pub(crate) fn note(
        &mut self,
        mut incident: Incident,
        client: String,
        now: UnixMillis,
        entries_max: usize,
    ) {
        incident.object.truncate(OBJECT_BYTES_MAX);
        incident.username.truncate(OBJECT_BYTES_MAX);
        let is_same = |entry: &Entry| {
            entry.incident == incident && now.saturating_sub(entry.updated_at) <= SAME_WITHIN_MS
        };
        match self.entries.iter().take(SAME_ENTRIES_MAX).position(is_same) {
            Some(at) => {
                if let Some(mut entry) = self.entries.remove(at) {
                    entry.count += 1;
                    entry.client = client;
                    entry.updated_at = now;
                    self.entries.push_front(entry);
                }
            }
            None => {
                let id = self.next_id;
                self.next_id += 1;
                let (created_at, updated_at) = (now, now);
                let entry = Entry { id, count: 1, incident, client, created_at, updated_at };
                self.entries.push_front(entry);
            }
        }
        self.entries.truncate(entries_max);
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// The newest entries, as ACL LOG tells them.
    pub(crate) fn reply(&self, count: u64, now: UnixMillis) -> Reply {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        Reply::Array(self.entries.iter().take(count).map(|entry| entry.reply(now)).collect())
    }
}

impl Entry {
    fn reply(&self, now: UnixMillis) -> Reply {
        let age_ms = now.saturating_sub(self.updated_at);
        let fields = [
            ("count", Reply::count(self.count)),
            ("reason", Reply::text(self.incident.reason)),
            ("context", Reply::text(self.incident.context.name())),
            ("object", Reply::bulk(&self.incident.object)),
            ("username", Reply::bulk(&self.incident.username)),
            ("age-seconds", Reply::Double(age_ms as f64 / 1000.0)),
            ("client-info", Reply::bulk(self.client.as_bytes())),
            ("entry-id", Reply::count(self.id)),
            ("timestamp-created", Reply::count(self.created_at)),
            ("timestamp-last-updated", Reply::count(self.updated_at)),
        ];
        Reply::Map(fields.into_iter().map(|(name, value)| (Reply::text(name), value)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incident(object: &str) -> Incident {
        let (reason, context) = ("key", LogContext::TopLevel);
        Incident { reason, context, object: object.into(), username: b"a".to_vec() }
    }

    #[test]
    fn the_same_within_a_minute_is_one_entry() {
        let mut log = AclLog::default();
        log.note(incident("k"), "one".into(), 1000, 128);
        log.note(incident("j"), "one".into(), 2000, 128);
        log.note(incident("k"), "two".into(), 61_000, 128);
        let seen: Vec<_> = log.entries.iter().map(|e| (e.id, e.count, e.client.as_str())).collect();
        assert_eq!(seen, [(0, 2, "two"), (1, 1, "one")]);
        // A minute is counted from the last of them.
        log.note(incident("k"), "two".into(), 121_000, 128);
        log.note(incident("k"), "two".into(), 181_001, 128);
        let seen: Vec<_> = log.entries.iter().map(|e| (e.id, e.count)).collect();
        assert_eq!(seen, [(2, 1), (0, 3), (1, 1)]);
    }

    #[test]
    fn it_holds_as_much_as_it_may() {
        let mut log = AclLog::default();
        for number in 0..100 {
            log.note(incident(&number.to_string()), String::new(), 5, 3);
        }
        assert_eq!(log.entries.len(), 3);
        log.note(incident(&"x".repeat(5000)), String::new(), 5, 3);
        assert_eq!(log.entries[0].incident.object.len(), OBJECT_BYTES_MAX);
        log.note(incident("y"), String::new(), 5, 0);
        assert!(log.entries.is_empty());
        assert_eq!(log.reply(10, 5), Reply::Array(Vec::new()));
    }
}
