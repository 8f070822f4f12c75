//! What ends a connection from outside: idleness, and replies that it leaves unread for too long.

use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use crate::client::Client;
use crate::config::{OutputLimit, Settings};
use crate::core::Shared;
use crate::stats::Stats;

/// Looks at every client; housekeeping calls it once a second. Times are of the
/// monotonic clock: a step of the wall clock makes nobody idle.
pub(crate) fn enforce(shared: &Shared, now_ms: u64) {
    let settings = shared.config.settings();
    let limits = &settings.output_limits;
    let is_limited = |limit: OutputLimit| limit.soft_bytes != 0 || limit.hard_bytes != 0;
    if settings.idle_timeout.is_none() && !is_limited(limits.normal) && !is_limited(limits.pubsub) {
        return;
    }
    for client in shared.clients.all() {
        if is_idle(&client, &settings, now_ms) {
            tracing::debug!(client = client.id, "idle for too long: closing");
            client.kill();
        } else if leaves_too_much(&client, client.output_limit(limits), now_ms) {
            cut_off(&client, client.output_len(), &shared.stats);
        }
    }
}

/// Ends the connection of a client whose replies take too much memory.
pub(crate) fn cut_off(client: &Client, bytes: usize, stats: &Stats) {
    tracing::warn!(client = client.id, bytes, "output buffer limit: closing");
    stats.output_limit_disconnections.fetch_add(1, Ordering::Relaxed);
    client.kill();
}

/// Ends the connections of the largest clients until the others fit into `maxmemory-clients`. Called by
/// whoever made a client larger.
pub(crate) fn make_room(shared: &Shared) {
    let limit = shared.config.settings().client_bytes_max;
    if limit == 0 || shared.stats.client_bytes() <= limit {
        return;
    }
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock();
    let mut clients = shared.clients.all();
    // The killed are on their way out and will give back what they hold.
    clients.retain(|client| !client.is_killed());
    let held: u64 = clients.iter().map(|client| client.bytes_held()).sum();
    let mut excess = held.saturating_sub(limit);
    clients.retain(|client| !client.facts.no_evict.load(Ordering::Relaxed));
    clients.sort_by_cached_key(|client| std::cmp::Reverse(client.bytes_held()));
    for client in clients {
        let bytes = client.bytes_held();
        if excess == 0 || bytes == 0 {
            return;
        }
        excess = excess.saturating_sub(bytes);
        tracing::warn!(client = client.id, bytes, "maxmemory-clients: closing the largest");
        shared.stats.evicted_clients.fetch_add(1, Ordering::Relaxed);
        client.kill();
    }
}

/// Who waits in a blocking command, or for messages, is not idle.
fn is_idle(client: &Client, settings: &Settings, now_ms: u64) -> bool {
    let Some(timeout) = settings.idle_timeout else { return false };
    let idle_ms = now_ms.saturating_sub(client.facts.last_active_ms.load(Ordering::Relaxed));
    timeout.as_millis() < u128::from(idle_ms)
        && !client.facts.blocked.load(Ordering::Acquire)
        && !client.is_subscriber()
}

fn leaves_too_much(client: &Client, limit: OutputLimit, now_ms: u64) -> bool {
    let unsent = client.output_len() as u64;
    if limit.hard_bytes != 0 && limit.hard_bytes < unsent {
        return true;
    }
    if limit.soft_bytes == 0 || unsent <= limit.soft_bytes {
        client.over_soft_limit_since.store(0, Ordering::Relaxed);
        return false;
    }
    let since = client.over_soft_limit_since.load(Ordering::Relaxed);
    if since == 0 {
        client.over_soft_limit_since.store(now_ms, Ordering::Relaxed);
        return false;
    }
    limit.soft_seconds.saturating_mul(1000) < now_ms.saturating_sub(since)
}
