//! Entry IDs, and entries as the drill writes them.

use std::fmt;
use std::str::FromStr;

use crate::wire::{Failure, Value};

/// An entry ID.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id {
    pub(crate) ms: u64,
    pub(crate) seq: u64,
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

impl FromStr for Id {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let parts = text.split_once('-');
        let parts = parts.and_then(|(ms, seq)| Some((ms.parse().ok()?, seq.parse().ok()?)));
        let (ms, seq) = parts.ok_or_else(|| Failure::strange(format!("{text:?} is no ID")))?;
        Ok(Self { ms, seq })
    }
}

impl Id {
    pub(crate) fn of(value: &Value) -> Result<Self, Failure> {
        value.text()?.parse()
    }
}

/// The IDs and fields of a reply of XRANGE, XREADGROUP, XAUTOCLAIM. An entry that was deleted while
/// it was pending has no fields.
pub(crate) fn entries(reply: &Value) -> Result<Vec<(Id, &Value)>, Failure> {
    reply.items()?.iter().map(|entry| Ok((Id::of(entry.item(0)?)?, entry.item(1)?))).collect()
}

/// The entries of the one stream in a reply of XREAD or XREADGROUP.
pub(crate) fn entries_of_one(reply: &Value) -> Result<Vec<(Id, &Value)>, Failure> {
    match reply {
        Value::Null => Ok(Vec::new()),
        streams => entries(streams.item(0)?.item(1)?),
    }
}

/// The fields `names` and their texts, if these are the fields and nothing else is.
pub(crate) fn texts<const N: usize>(fields: &Value, names: [&str; N]) -> Option<[String; N]> {
    let items = fields.items().ok()?;
    if items.len() != 2 * N {
        return None;
    }
    let mut texts = [const { String::new() }; N];
    for (at, name) in names.iter().enumerate() {
        if items[2 * at].text().ok()? != *name {
            return None;
        }
        texts[at] = items[2 * at + 1].text().ok()?;
    }
    Some(texts)
}

/// What fills an entry with this number. Most are short; some are long enough to fill blocks and to
/// move the log on to its next segment.
pub(crate) fn padding(number: u64) -> String {
    let length = match number % 512 {
        17 => 48 * 1024,
        n if n % 64 == 5 => 6 * 1024,
        n => n % 160,
    };
    let letter = char::from(b'a' + u8::try_from(number % 26).unwrap_or_default());
    (0..length).map(|_| letter).collect()
}
