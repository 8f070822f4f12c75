//! The words of ACL SETUSER.

use std::borrow::Cow;

use crate::error::{RuleError, SetUserError};
use crate::password::PasswordHash;
use crate::patterns::{ChannelPatterns, KeyPatterns, is_separator};
use crate::selector::Selector;
use crate::user::{PayloadChecks, User};

/// Puts a selector that was sent in pieces, `(+get`, `~x)`, together.
pub(crate) fn merge<'a>(words: &[&'a [u8]]) -> Result<Vec<Cow<'a, [u8]>>, SetUserError> {
    let mut merged = Vec::with_capacity(words.len());
    let mut open: Option<(&[u8], Vec<u8>)> = None;
    for word in words {
        let (begins, ends) = (word.starts_with(b"("), word.ends_with(b")"));
        if begins && !ends {
            // As in the reference, one that is open already is forgotten.
            open = Some((word, word.to_vec()));
        } else if let Some((_, selector)) = &mut open {
            selector.push(b' ');
            selector.extend_from_slice(word);
            if ends {
                merged.extend(open.take().map(|(_, selector)| Cow::Owned(selector)));
            }
        } else {
            merged.push(Cow::Borrowed(*word));
        }
    }
    match open {
        Some((start, _)) => Err(SetUserError::Unmatched(start.into())),
        None => Ok(merged),
    }
}

fn is(word: &[u8], keyword: &str) -> bool {
    word.eq_ignore_ascii_case(keyword.as_bytes())
}

impl User {
    /// Applies rules in turn. If one is refused, the user is no use any more.
    pub(crate) fn apply_all(
        &mut self,
        words: &[&[u8]],
        all_channels: bool,
    ) -> Result<(), SetUserError> {
        for rule in merge(words)? {
            self.apply(&rule, all_channels)
                .map_err(|error| SetUserError::Rule(rule.as_ref().into(), error))?;
        }
        Ok(())
    }

    fn apply(&mut self, rule: &[u8], all_channels: bool) -> Result<(), RuleError> {
        if self.apply_flag(rule, all_channels) {
            return Ok(());
        }
        match rule {
            [] => Ok(()),
            [b'>', password @ ..] => {
                self.add_password(PasswordHash::of(password));
                Ok(())
            }
            [b'#', hex @ ..] => {
                self.add_password(PasswordHash::from_hex(hex).ok_or(RuleError::BadHash)?);
                Ok(())
            }
            [b'<', password @ ..] => self.remove_password(PasswordHash::of(password)),
            [b'!', hex @ ..] => {
                self.remove_password(PasswordHash::from_hex(hex).ok_or(RuleError::BadHash)?)
            }
            [b'(', rules @ .., b')'] => {
                let mut selector = Selector::nothing(all_channels);
                for word in rules.split(is_separator).filter(|word| !word.is_empty()) {
                    // Read back from a file, it would end the selector too early.
                    if word.ends_with(b")") {
                        return Err(RuleError::Syntax);
                    }
                    selector.apply(word)?;
                }
                self.selectors.push(selector);
                Ok(())
            }
            rule => self.root.apply(rule),
        }
    }

    /// Applies a rule that is a word of its own and about the user; `false` if it is no such word.
    fn apply_flag(&mut self, rule: &[u8], all_channels: bool) -> bool {
        if is(rule, "on") {
            self.is_on = true;
        } else if is(rule, "off") {
            self.is_on = false;
        } else if is(rule, "nopass") {
            self.takes_any_password = true;
            self.passwords.clear();
        } else if is(rule, "resetpass") {
            self.takes_any_password = false;
            self.passwords.clear();
        } else if is(rule, "skip-sanitize-payload") {
            self.payload_checks = PayloadChecks::Skipped;
        } else if is(rule, "sanitize-payload") {
            self.payload_checks = PayloadChecks::Wanted;
        } else if is(rule, "clearselectors") {
            self.selectors.clear();
        } else if is(rule, "reset") {
            *self = Self::new(self.name(), all_channels);
            self.payload_checks = PayloadChecks::Wanted;
        } else {
            return false;
        }
        true
    }

    fn add_password(&mut self, hash: PasswordHash) {
        self.takes_any_password = false;
        if !self.passwords.contains(&hash) {
            self.passwords.push(hash);
        }
    }

    fn remove_password(&mut self, hash: PasswordHash) -> Result<(), RuleError> {
        let before = self.passwords.len();
        self.passwords.retain(|own| *own != hash);
        if self.passwords.len() == before { Err(RuleError::NoSuchPassword) } else { Ok(()) }
    }
}

impl Selector {
    fn apply(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        if is(rule, "allkeys") || rule == b"~*" {
            self.keys = KeyPatterns::all();
        } else if is(rule, "resetkeys") {
            self.keys = KeyPatterns::default();
        } else if is(rule, "allchannels") {
            self.channels = ChannelPatterns::new(true);
        } else if is(rule, "resetchannels") {
            self.channels = ChannelPatterns::new(false);
        } else if is(rule, "allcommands") || is(rule, "+@all") {
            self.set_all_commands(true);
        } else if is(rule, "nocommands") || is(rule, "-@all") {
            self.set_all_commands(false);
        } else {
            return match rule {
                [b'~' | b'%', ..] => self.keys.add(rule),
                [b'&', pattern @ ..] => self.channels.add(pattern),
                [sign @ (b'+' | b'-'), b'@', name @ ..] => self.set_category(name, *sign == b'+'),
                [b'+', name @ ..] => self.allow(name),
                [b'-', name @ ..] => self.forbid(name),
                _ => Err(RuleError::Syntax),
            };
        }
        Ok(())
    }
}
