//! A user: whether it may come in, by which passwords, and what it may do then.

use subtle::Choice;

use crate::password::PasswordHash;
use crate::selector::Selector;

/// One user. It does not change: see [`crate::Users`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    name: Box<[u8]>,
    pub(crate) is_on: bool,
    pub(crate) takes_any_password: bool,
    /// Payloads of RESTORE are always checked here; kept because clients ask for it.
    pub(crate) payload_checks: PayloadChecks,
    pub(crate) passwords: Vec<PasswordHash>,
    pub(crate) root: Selector,
    pub(crate) selectors: Vec<Selector>,
}

/// What was said about the payloads of RESTORE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PayloadChecks {
    Unsaid,
    Skipped,
    Wanted,
}

impl User {
    /// A user as ACL SETUSER creates it: off, with no rights.
    #[must_use]
    pub fn new(name: &[u8], all_channels: bool) -> Self {
        Self {
            name: name.into(),
            is_on: false,
            takes_any_password: false,
            payload_checks: PayloadChecks::Unsaid,
            passwords: Vec::new(),
            root: Selector::nothing(all_channels),
            selectors: Vec::new(),
        }
    }

    /// The user of everybody who has not said who they are, before anybody changed it.
    #[must_use]
    pub fn unrestricted(name: &[u8]) -> Self {
        Self {
            is_on: true,
            takes_any_password: true,
            root: Selector::everything(),
            ..Self::new(name, true)
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Whether somebody may come in as this user.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// Whether every password is right (`nopass`).
    #[must_use]
    pub fn takes_any_password(&self) -> bool {
        self.takes_any_password
    }

    /// Whether the user may do everything.
    #[must_use]
    pub fn is_unrestricted(&self) -> bool {
        self.root.is_everything()
    }

    /// Whether a channel may be used. `is_pattern` asks for a pattern of PSUBSCRIBE.
    #[must_use]
    pub fn permits_channel(&self, channel: &[u8], is_pattern: bool) -> bool {
        self.all_selectors().any(|selector| selector.channels.permit(channel, is_pattern))
    }

    /// Whether this is the password, in a time that does not depend on how much of it is right.
    #[must_use]
    pub fn has_password(&self, hash: PasswordHash) -> bool {
        let found =
            self.passwords.iter().fold(Choice::from(0), |found, own| found | own.same(hash));
        bool::from(found) || self.takes_any_password
    }

    /// The selector that every user has.
    #[must_use]
    pub fn root(&self) -> &Selector {
        &self.root
    }

    /// Those besides.
    #[must_use]
    pub fn selectors(&self) -> &[Selector] {
        &self.selectors
    }

    pub(crate) fn all_selectors(&self) -> impl Iterator<Item = &Selector> {
        std::iter::once(&self.root).chain(&self.selectors)
    }

    /// The hashes of its passwords.
    #[must_use]
    pub fn passwords(&self) -> &[PasswordHash] {
        &self.passwords
    }

    /// The flags, in the words of ACL GETUSER.
    pub fn flags(&self) -> impl Iterator<Item = &'static str> {
        [
            (self.is_on, "on"),
            (!self.is_on, "off"),
            (self.takes_any_password, "nopass"),
            (self.payload_checks == PayloadChecks::Skipped, "skip-sanitize-payload"),
            (self.payload_checks == PayloadChecks::Wanted, "sanitize-payload"),
        ]
        .into_iter()
        .filter_map(|(is_set, name)| is_set.then_some(name))
    }

    /// The line of ACL LIST and of an ACL file.
    #[must_use]
    pub fn describe(&self) -> Vec<u8> {
        let mut words = vec![b"user".to_vec(), self.name.to_vec()];
        words.extend(self.flags().map(|flag| flag.as_bytes().to_vec()));
        words.extend(self.passwords.iter().map(|hash| format!("#{}", hash.to_hex()).into_bytes()));
        words.push(self.root.describe());
        let more = self
            .selectors
            .iter()
            .map(|selector| [b"(", selector.describe().as_slice(), b")"].concat());
        words.extend(more);
        words.join(&b' ')
    }
}
