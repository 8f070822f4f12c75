//! Whether a user may run a request, and if not, what stands in the way.

use protocol::CommandSpec;

use crate::selector::Selector;
use crate::user::User;

/// What a user lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeniedFor {
    /// The command.
    Command,
    /// The key at a position among the arguments.
    Key(usize),
    /// The channel at a position among the arguments.
    Channel(usize),
}

/// A request that its user may not run.
#[derive(Debug, Clone, Copy)]
pub struct Denied {
    /// The command.
    pub spec: &'static CommandSpec,
    /// What the user lacks.
    pub what: DeniedFor,
}

impl Denied {
    /// The refusal of a request.
    #[must_use]
    pub fn refusal(&self) -> String {
        match self.what {
            DeniedFor::Command => format!(
                "NOPERM this user has no permissions to run the '{}' command",
                self.spec.name
            ),
            DeniedFor::Key(_) => {
                "NOPERM this user has no permissions to access one of the keys used as arguments"
                    .to_owned()
            }
            DeniedFor::Channel(_) => {
                "NOPERM this user has no permissions to access one of the channels used as arguments"
                    .to_owned()
            }
        }
    }

    /// The refusal of a request that was queued when it was still allowed.
    #[must_use]
    pub fn refusal_in_exec(&self) -> String {
        let reason = match self.what {
            DeniedFor::Command => "no permission to execute the command or subcommand",
            DeniedFor::Key(_) => "no permission to touch the specified keys",
            DeniedFor::Channel(_) => {
                "no permission to access one of the channels used as arguments"
            }
        };
        format!(
            "NOPERM ACLs rules changed between the moment the transaction was accumulated and the \
             EXEC call. This command is no longer allowed for the following reason: {reason}"
        )
    }

    /// What ACL DRYRUN answers.
    #[must_use]
    pub fn verdict(&self, args: &[&[u8]]) -> Vec<u8> {
        let object = self.object(args);
        match self.what {
            DeniedFor::Command => {
                [b"This user has no permissions to run the '", object, b"' command"].concat()
            }
            DeniedFor::Key(_) => {
                [b"This user has no permissions to access the '", object, b"' key"].concat()
            }
            DeniedFor::Channel(_) => {
                [b"This user has no permissions to access the '", object, b"' channel"].concat()
            }
        }
    }

    /// The reason in ACL LOG.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self.what {
            DeniedFor::Command => "command",
            DeniedFor::Key(_) => "key",
            DeniedFor::Channel(_) => "channel",
        }
    }

    /// The command, key or channel, given the request's arguments.
    #[must_use]
    pub fn object<'a>(&self, args: &[&'a [u8]]) -> &'a [u8] {
        match self.what {
            DeniedFor::Command => self.spec.name.as_bytes(),
            DeniedFor::Key(position) | DeniedFor::Channel(position) => {
                args.get(position).copied().unwrap_or_default()
            }
        }
    }
}

impl User {
    /// Whether the user may run a request: one of the selectors must allow all of it.
    ///
    /// # Errors
    ///
    /// What stands in the way, as far as the most willing of the selectors went.
    pub fn permits(&self, spec: &'static CommandSpec, args: &[&[u8]]) -> Result<(), Denied> {
        if self.is_unrestricted() {
            return Ok(());
        }
        let mut furthest = DeniedFor::Command;
        for selector in self.all_selectors() {
            match selector.permits(spec, args) {
                Ok(()) => return Ok(()),
                Err(what) => furthest = furthest.max(what),
            }
        }
        Err(Denied { spec, what: furthest })
    }
}

impl Selector {
    fn permits(&self, spec: &'static CommandSpec, args: &[&[u8]]) -> Result<(), DeniedFor> {
        if !self.permits_command(spec, args) {
            return Err(DeniedFor::Command);
        }
        if !self.keys.is_all() {
            for used in spec.key_uses(args) {
                let key = args.get(used.position).copied().unwrap_or_default();
                if !self.keys.permit(key, used) {
                    return Err(DeniedFor::Key(used.position));
                }
            }
        }
        if !self.channels.is_all()
            && let Some(used) = spec.channel_use(args)
        {
            for position in used.positions {
                let channel = args.get(position).copied().unwrap_or_default();
                if !self.channels.permit(channel, used.are_patterns) {
                    return Err(DeniedFor::Channel(position));
                }
            }
        }
        Ok(())
    }
}
