//! What a drill can find: broken promises, by kind.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::wire::Failure;

/// How many findings of one kind are kept with their words; the others are only counted.
const WORDS_MAX: usize = 5;

/// The promise that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An acknowledged write is gone (an acknowledged deletion undone counts, too).
    Lost,
    /// A reader was shown something that is gone.
    Vanished,
    /// One request was stored twice.
    Duplicated,
    /// A transaction was stored in part.
    Partial,
    /// What is there does not have the order in which it was sent.
    Misordered,
    /// An ID was given out that is not above all earlier ones.
    IdWentBack,
    /// Something else (the state of a group, most often) is not what the acknowledgements say.
    StateDiffers,
    /// Something else is there than was sent.
    Damaged,
    /// A reply that contradicts the requests before it, or an error where none was due.
    WrongReply,
    /// SIGTERM was not followed by an orderly end in time.
    BadStop,
    /// The server did not start again.
    NoStart,
    /// The server ended or hung by itself.
    Ended,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lost => "lost",
            Self::Vanished => "vanished",
            Self::Duplicated => "duplicated",
            Self::Partial => "partial",
            Self::Misordered => "misordered",
            Self::IdWentBack => "ID went back",
            Self::StateDiffers => "state differs",
            Self::Damaged => "damaged",
            Self::WrongReply => "wrong reply",
            Self::BadStop => "bad stop",
            Self::NoStart => "no start",
            Self::Ended => "ended by itself",
        })
    }
}

/// One broken promise.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// Which promise.
    pub kind: Kind,
    /// What was expected, and what is there.
    pub what: String,
}

/// All that was found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    counts: BTreeMap<Kind, u64>,
    words: BTreeMap<Kind, Vec<String>>,
}

impl Findings {
    pub(crate) fn add(&mut self, kind: Kind, what: impl Into<String>) {
        *self.counts.entry(kind).or_default() += 1;
        let words = self.words.entry(kind).or_default();
        if words.len() < WORDS_MAX {
            words.push(what.into());
        }
    }

    /// What a failed request of the drill itself says about the server.
    pub(crate) fn add_failure(&mut self, who: &str, failure: Failure) {
        match failure {
            Failure::Gone => self.add(Kind::Ended, format!("{who}: the connection ended")),
            Failure::Hangs => self.add(Kind::Ended, format!("{who}: no reply in time")),
            Failure::Strange(what) => self.add(Kind::WrongReply, format!("{who}: {what}")),
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        for (kind, count) in other.counts {
            *self.counts.entry(kind).or_default() += count;
        }
        for (kind, more) in other.words {
            let words = self.words.entry(kind).or_default();
            let room = WORDS_MAX.saturating_sub(words.len());
            words.extend(more.into_iter().take(room));
        }
    }

    pub(crate) fn count(&self, kind: Kind) -> u64 {
        self.counts.get(&kind).copied().unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The first of each kind, in words.
    pub(crate) fn words(&self) -> Vec<Finding> {
        let all = self.words.iter();
        all.flat_map(|(kind, words)| {
            words.iter().map(|what| Finding { kind: *kind, what: what.clone() })
        })
        .collect()
    }
}
