//! CLIENT TRACKING and its kin, and what a command has to do with it.

use std::sync::Arc;

use engine::{CommandError, Reply};
use protocol::{CommandSpec, Flags, TrackingOptions};

use crate::execute::Executor;
use crate::tracking::Mode;

impl Executor<'_> {
    /// CLIENT TRACKING.
    pub(crate) fn tracking(
        &mut self,
        is_on: Option<bool>,
        options: &TrackingOptions<'_>,
    ) -> Result<Reply, CommandError> {
        let mut redirect = None;
        for id in &options.redirects {
            if redirect.is_some() {
                return Err(CommandError::Fixed(
                    "ERR A client can only redirect to a single other client",
                ));
            }
            let target = u64::try_from(id.clone()?).ok().and_then(|id| self.shared.clients.get(id));
            redirect = Some(target.ok_or(CommandError::Fixed(
                "ERR The client ID you want redirect to does not exist",
            ))?);
        }
        if options.is_malformed {
            return Err(CommandError::Syntax);
        }
        match is_on {
            Some(true) => {
                let mode = self.checked_mode(options)?;
                self.receives();
                self.core.tracking.enable(self.client, mode, redirect, &options.prefixes);
                self.session.remembers_reads = !mode.broadcast;
            }
            Some(false) => self.track_no_more(),
            None => return Err(CommandError::Syntax),
        }
        self.core.audience_changed();
        Ok(Reply::Ok)
    }

    /// Ends what CLIENT TRACKING has begun.
    pub(crate) fn track_no_more(&mut self) {
        self.core.tracking.disable(self.client);
        self.session.remembers_reads = false;
        self.session.caching = false;
    }

    fn checked_mode(&self, options: &TrackingOptions<'_>) -> Result<Mode, CommandError> {
        let refuse = |text| Err(CommandError::Fixed(text));
        let mode = Mode {
            broadcast: options.broadcast,
            opt_in: options.opt_in,
            opt_out: options.opt_out,
            no_loop: options.no_loop,
        };
        if !mode.broadcast && !options.prefixes.is_empty() {
            return refuse("ERR PREFIX option requires BCAST mode to be enabled");
        }
        let present = self.core.tracking.tracker(self.client.id);
        let before = present.map_or(mode, |tracker| tracker.mode);
        if before.broadcast != mode.broadcast {
            return refuse(
                "ERR You can't switch BCAST mode on/off before disabling tracking for this client, \
                 and then re-enabling it with a different mode.",
            );
        }
        if mode.broadcast && (mode.opt_in || mode.opt_out) {
            return refuse("ERR OPTIN and OPTOUT are not compatible with BCAST");
        }
        if mode.opt_in && mode.opt_out {
            return refuse("ERR You can't specify both OPTIN mode and OPTOUT mode");
        }
        if mode.opt_in && before.opt_out || mode.opt_out && before.opt_in {
            return refuse(
                "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, \
                 and then re-enabling it with a different mode.",
            );
        }
        let existing = present.map(|tracker| &tracker.prefixes);
        for (at, prefix) in options.prefixes.iter().enumerate() {
            let overlaps = |other: &[u8]| other.starts_with(prefix) || prefix.starts_with(other);
            let taken = existing.into_iter().flatten().find(|other| overlaps(other));
            if let Some(other) = taken {
                return Err(overlap(prefix, b"an existing", other));
            }
            if let Some(other) = options.prefixes[at + 1..].iter().find(|other| overlaps(other)) {
                return Err(overlap(prefix, b"another provided", other));
            }
        }
        Ok(mode)
    }

    /// CLIENT CACHING.
    pub(crate) fn caching(&mut self, yes: Option<bool>) -> Result<Reply, CommandError> {
        let refuse = |text| Err(CommandError::Fixed(text));
        let Some(tracker) = self.core.tracking.tracker(self.client.id) else {
            return refuse(
                "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN \
                 or OPTOUT mode enabled",
            );
        };
        match yes {
            Some(true) if !tracker.mode.opt_in => refuse(
                "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.",
            ),
            Some(false) if !tracker.mode.opt_out => refuse(
                "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.",
            ),
            Some(_) => {
                self.session.caching = true;
                Ok(Reply::Ok)
            }
            None => Err(CommandError::Syntax),
        }
    }

    /// CLIENT GETREDIR: -1 without tracking, 0 without redirection.
    pub(crate) fn redirection(&self) -> Reply {
        match self.core.tracking.tracker(self.client.id) {
            None => Reply::Integer(-1),
            Some(tracker) => Reply::count(tracker.redirect.as_ref().map_or(0, |target| target.id)),
        }
    }

    /// CLIENT TRACKINGINFO.
    pub(crate) fn tracking_info(&self) -> Reply {
        let tracker = self.core.tracking.tracker(self.client.id);
        let mut flags = vec![if tracker.is_some() { "on" } else { "off" }];
        let mut prefixes = Vec::new();
        if let Some(tracker) = tracker {
            let mode = tracker.mode;
            let caching = self.session.caching;
            let all = [
                (mode.broadcast, "bcast"),
                (mode.opt_in, "optin"),
                (mode.opt_in && caching, "caching-yes"),
                (mode.opt_out, "optout"),
                (mode.opt_out && caching, "caching-no"),
                (mode.no_loop, "noloop"),
                (tracker.is_broken, "broken_redirect"),
            ];
            flags.extend(all.iter().filter(|(is_set, _)| *is_set).map(|(_, name)| *name));
            prefixes = tracker.prefixes.iter().map(|prefix| Reply::bulk(prefix)).collect();
        }
        Reply::Map(vec![
            (Reply::text("flags"), Reply::Set(flags.into_iter().map(Reply::text).collect())),
            (Reply::text("redirect"), self.redirection()),
            (Reply::text("prefixes"), Reply::Array(prefixes)),
        ])
    }

    /// Remembers what a command has read, if the client tracks it.
    pub(crate) fn remember_reads(&mut self, spec: &'static CommandSpec, args: &[&[u8]]) {
        if !spec.flags.contains(Flags::READONLY) {
            return;
        }
        let Some(tracker) = self.core.tracking.tracker(self.client.id) else { return };
        let (mode, caching) = (tracker.mode, self.session.caching);
        if mode.opt_in && !caching || mode.opt_out && caching {
            return;
        }
        let keys_max = self.shared.config.settings().tracked_keys_max;
        let shared = Arc::clone(self.shared);
        let keys = spec.keys_in(args);
        let mut pushes = std::mem::take(&mut self.pushes);
        self.core.tracking.remember(self.client.id, keys, keys_max, || shared.draw(), &mut pushes);
        self.pushes = pushes;
    }

    /// Gathers what the client's changes mean to those who have read the keys.
    pub(crate) fn invalidate(&mut self) {
        let by = self.client.id;
        self.core.tracking.invalidate(by, &mut self.pushes);
    }
}

fn overlap(prefix: &[u8], which: &[u8], other: &[u8]) -> CommandError {
    let text = [
        b"ERR Prefix '",
        prefix,
        b"' overlaps with ",
        which,
        b" prefix '",
        other,
        b"'. Prefixes for a single client must not overlap.",
    ];
    CommandError::Text(text.concat().into())
}
