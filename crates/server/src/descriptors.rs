//! File descriptors: as many as `maxclients` asks for, or fewer clients.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;

/// Descriptors that are not clients': listeners, the log, files of a checkpoint, the runtimes' own.
const RESERVED: u64 = 100;

/// Beyond these, as many block files as can be expected: each is open as long as the server runs, and
/// once more while a checkpoint does.
const BLOCK_FILES: u64 = 20_000;

/// Raises the soft limit on open files to what `maxclients` and block files need. If the hard limit forbids that,
/// `maxclients` is lowered to what there is: a client that is refused with an error is better off
/// than one that is never accepted.
pub(crate) fn make_room(config: &Config) {
    let clients_max = u64::from(config.settings().clients_max);
    let limit = getrlimit(Resource::Nofile);
    let Some(clients) =
        room(limit, clients_max, |raised| setrlimit(Resource::Nofile, raised).is_ok())
    else {
        return;
    };
    tracing::warn!(
        asked = clients_max,
        possible = clients,
        "maxclients lowered: the limit on open files (ulimit -Hn, LimitNOFILE) allows no more"
    );
    if config.set(&[(b"maxclients", clients.to_string().as_bytes())]).is_err() {
        tracing::error!("maxclients stays as it was");
    }
}

/// Raises `limit` by `raise` if need be. `Some` if there is room for fewer than `clients_max`.
fn room(limit: Rlimit, clients_max: u64, raise: impl Fn(Rlimit) -> bool) -> Option<u64> {
    let wanted = clients_max + RESERVED;
    let all = wanted + BLOCK_FILES;
    // No limit at all is `None`.
    let soft = limit.current.filter(|soft| *soft < all)?;
    let possible = limit.maximum.map_or(all, |hard| hard.min(all));
    let raised = Rlimit { current: Some(possible), maximum: limit.maximum };
    let got = if soft < possible && raise(raised) { possible } else { soft };
    // Where descriptors are few, so are the files: half of them are left to clients.
    (got < wanted).then(|| (got - RESERVED.min(got / 2)).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_rises_and_then_clients_give_way() {
        let check = |soft, hard, may_raise: bool, raised: Option<u64>, clients| {
            let asked = std::cell::Cell::new(None);
            let limit = Rlimit { current: soft, maximum: hard };
            let lowered = room(limit, 10_000, |limit| {
                asked.set(limit.current);
                may_raise
            });
            assert_eq!((asked.get(), lowered), (raised, clients), "{soft:?} {hard:?}");
        };
        check(None, None, true, None, None);
        check(Some(40_000), None, true, None, None);
        check(Some(1024), None, true, Some(30_100), None);
        check(Some(1024), Some(500_000), true, Some(30_100), None);
        check(Some(10_100), Some(500_000), false, Some(30_100), None);
        check(Some(1024), Some(4096), true, Some(4096), Some(3996));
        check(Some(1024), Some(4096), false, Some(4096), Some(924));
        check(Some(1024), Some(1024), true, None, Some(924));
        check(Some(50), Some(50), true, None, Some(25));
    }
}
