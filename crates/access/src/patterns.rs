//! Patterns of keys and of channels.

use engine::pattern::{Case, glob_matches};
use protocol::KeyUse;

use crate::error::RuleError;

/// Keys that a selector reaches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct KeyPatterns {
    is_all: bool,
    patterns: Vec<KeyPattern>,
}

/// A pattern, and what may become of the keys that match it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct KeyPattern {
    reads: bool,
    writes: bool,
    pattern: Box<[u8]>,
}

impl KeyPatterns {
    pub(crate) fn all() -> Self {
        Self { is_all: true, patterns: Vec::new() }
    }

    pub(crate) fn is_all(&self) -> bool {
        self.is_all
    }

    /// Adds the pattern of a rule `~...` or `%..~...`.
    pub(crate) fn add(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        // The reference complains of this first.
        if self.is_all {
            return Err(RuleError::KeysAreAll);
        }
        let added = parse(rule).ok_or(RuleError::Syntax)?;
        if has_blank(&added.pattern) {
            return Err(RuleError::Syntax);
        }
        match self.patterns.iter_mut().find(|present| present.pattern == added.pattern) {
            Some(present) => {
                present.reads |= added.reads;
                present.writes |= added.writes;
            }
            None => self.patterns.push(added),
        }
        Ok(())
    }

    /// Whether this may become of a key.
    pub(crate) fn permit(&self, key: &[u8], used: KeyUse) -> bool {
        self.is_all || self.patterns.iter().any(|pattern| pattern.permits(key, used))
    }

    /// Whether every key may be read.
    pub(crate) fn read_everything(&self) -> bool {
        let is_everything = |pattern: &KeyPattern| pattern.reads && *pattern.pattern == *b"*";
        self.is_all || self.patterns.iter().any(is_everything)
    }

    /// As rules, with a blank between.
    pub(crate) fn describe(&self) -> Vec<u8> {
        if self.is_all {
            return b"~*".to_vec();
        }
        let described = self.patterns.iter().map(|pattern| {
            let access: &[u8] = match (pattern.reads, pattern.writes) {
                (true, false) => b"%R~",
                (false, true) => b"%W~",
                // As `~*` it would be read back as the word for all keys, behind which no further
                // pattern may stand.
                _ if *pattern.pattern == *b"*" => b"%RW~",
                _ => b"~",
            };
            [access, &pattern.pattern].concat()
        });
        described.collect::<Vec<_>>().join(&b' ')
    }
}

impl KeyPattern {
    fn permits(&self, key: &[u8], used: KeyUse) -> bool {
        (self.reads || !used.reads)
            && (self.writes || !used.writes)
            && glob_matches(&self.pattern, key, Case::Sensitive)
    }
}

/// `~pattern`, or `%R~`, `%W~`, `%RW~` with a pattern.
fn parse(rule: &[u8]) -> Option<KeyPattern> {
    let access = match rule {
        [b'~', pattern @ ..] => {
            return Some(KeyPattern { reads: true, writes: true, pattern: pattern.into() });
        }
        [b'%', access @ ..] => access,
        _ => return None,
    };
    let end = access.iter().position(|&byte| byte == b'~').unwrap_or(access.len());
    let (mut reads, mut writes) = (false, false);
    for letter in &access[..end] {
        let named = match letter {
            b'R' | b'r' => &mut reads,
            b'W' | b'w' => &mut writes,
            _ => return None,
        };
        if std::mem::replace(named, true) {
            return None;
        }
    }
    // As in the reference, `%R` is `%R~`: the pattern of the empty key.
    let pattern = access.get(end + 1..).unwrap_or_default();
    (reads || writes).then(|| KeyPattern { reads, writes, pattern: pattern.into() })
}

/// Channels that a selector reaches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ChannelPatterns {
    is_all: bool,
    patterns: Vec<Box<[u8]>>,
}

impl ChannelPatterns {
    pub(crate) fn new(is_all: bool) -> Self {
        Self { is_all, patterns: Vec::new() }
    }

    pub(crate) fn is_all(&self) -> bool {
        self.is_all
    }

    pub(crate) fn add(&mut self, pattern: &[u8]) -> Result<(), RuleError> {
        if pattern == b"*" {
            *self = Self::new(true);
            return Ok(());
        }
        if self.is_all {
            return Err(RuleError::ChannelsAreAll);
        }
        if has_blank(pattern) {
            return Err(RuleError::Syntax);
        }
        if !self.patterns.iter().any(|present| **present == *pattern) {
            self.patterns.push(pattern.into());
        }
        Ok(())
    }

    /// Whether a channel may be used. A pattern of PSUBSCRIBE must be one of the patterns itself:
    /// whether one pattern lies within another is not asked.
    pub(crate) fn permit(&self, channel: &[u8], is_pattern: bool) -> bool {
        self.is_all
            || self.patterns.iter().any(|pattern| match is_pattern {
                true => **pattern == *channel,
                false => glob_matches(pattern, channel, Case::Sensitive),
            })
    }

    /// As rules, with a blank between; the reset before them is for the caller to say.
    pub(crate) fn describe(&self) -> Vec<u8> {
        if self.is_all {
            return b"&*".to_vec();
        }
        let described = self.patterns.iter().map(|pattern| [b"&", &**pattern].concat());
        described.collect::<Vec<_>>().join(&b' ')
    }
}

/// What separates words in a line of an ACL file and in a selector.
pub(crate) fn is_separator(byte: &u8) -> bool {
    *byte == 0x0b || byte.is_ascii_whitespace()
}

/// What separates words, or ends a text elsewhere, cannot stand in a word.
pub(crate) fn has_blank(word: &[u8]) -> bool {
    word.iter().any(|byte| *byte == 0 || is_separator(byte))
}
