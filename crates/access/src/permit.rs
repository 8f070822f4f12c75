//! Whether a user may run a request, and if not, what stands in the way.

use protocol::{CommandSpec, KeyUse};

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
    /// All keys, which an option of SORT asks for: it makes names of keys from what it sorts.
    AllKeys(&'static str),
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
            DeniedFor::AllKeys(option) => {
                format!("ERR {option} option of SORT denied due to insufficient ACL permissions.")
            }
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
            DeniedFor::AllKeys(_) => return self.refusal(),
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
            DeniedFor::AllKeys(_) => self.refusal().into_bytes(),
        }
    }

    /// The reason in ACL LOG.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self.what {
            DeniedFor::Command => "command",
            DeniedFor::Key(_) | DeniedFor::AllKeys(_) => "key",
            DeniedFor::Channel(_) => "channel",
        }
    }

    /// The command, key or channel, given the request's arguments.
    #[must_use]
    pub fn object<'a>(&self, args: &[&'a [u8]]) -> &'a [u8] {
        match self.what {
            DeniedFor::Command | DeniedFor::AllKeys(_) => self.spec.name.as_bytes(),
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

    /// Whether a command that waits may go on waiting: `keys` are those that it waits on, or writes to
    /// once it is served.
    #[must_use]
    pub fn permits_waiting<'a>(
        &self,
        spec: &'static CommandSpec,
        keys: impl Iterator<Item = (&'a [u8], KeyUse)> + Clone,
    ) -> bool {
        self.all_selectors().any(|selector| {
            selector.permits_somehow(spec)
                && keys.clone().all(|(key, used)| selector.keys.permit(key, used))
        })
    }

    /// Whether the options of a SORT that [`Self::permits`] has let pass are allowed: those that make
    /// names of keys ask for the right to read all.
    ///
    /// # Errors
    ///
    /// The first option that is not.
    pub fn permits_options(
        &self,
        spec: &'static CommandSpec,
        args: &[&[u8]],
    ) -> Result<(), Denied> {
        if !matches!(spec.name, "sort" | "sort_ro") {
            return Ok(());
        }
        let reads_all = |selector: &Selector| {
            selector.permits_command(spec, args) && selector.keys.read_everything()
        };
        match sort_option(args) {
            Some(option) if !self.all_selectors().any(reads_all) => {
                Err(Denied { spec, what: DeniedFor::AllKeys(option) })
            }
            _ => Ok(()),
        }
    }
}

/// The first option of a SORT that makes names of keys. `None` also where the grammar will refuse.
fn sort_option(args: &[&[u8]]) -> Option<&'static str> {
    let mut words = args.iter().skip(2);
    while let Some(word) = words.next() {
        let is = |keyword: &str| word.eq_ignore_ascii_case(keyword.as_bytes());
        if is("by") {
            if words.next()?.contains(&b'*') {
                return Some("BY");
            }
        } else if is("get") {
            words.next()?;
            return Some("GET");
        } else if is("limit") {
            words.nth(1)?;
        } else if is("store") {
            words.next()?;
        } else if !is("asc") && !is("desc") && !is("alpha") {
            return None;
        }
    }
    None
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
