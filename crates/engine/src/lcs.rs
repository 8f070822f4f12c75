//! LCS: the longest common subsequence of two strings.

use crate::command::{Deferred, LcsAnswer, LcsOptions};
use crate::decide::View;
use crate::engine::Decision;
use crate::error::CommandError;
use crate::keyspace::Value;
use crate::reply::Reply;

/// Cells of the table at most. Redis takes four bytes for each, and no more than
/// `proto-max-bulk-len` for all; here they take two bits.
const CELLS_MAX: usize = (512 << 20) / 4;

/// LCS.
pub(crate) fn lcs<'a>(
    view: &View<'_>,
    keys: [&[u8]; 2],
    options: &Deferred<LcsOptions>,
) -> Result<Decision<'a>, CommandError> {
    let text = |key: &[u8]| match view.entry(key).map(|entry| &entry.value) {
        None => Ok(&[][..]),
        Some(Value::String(text)) => Ok(&text[..]),
        Some(_) => Err(CommandError::Fixed("ERR The specified keys must contain string values")),
    };
    let (first, second) = (text(keys[0])?, text(keys[1])?);
    let options = options.as_ref().map_err(Clone::clone)?;
    let cells = (first.len() + 1).checked_mul(second.len() + 1);
    if cells.is_none_or(|cells| CELLS_MAX < cells) {
        return Err(CommandError::Fixed(
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ));
    }
    let table = Table::of(first, second);
    Ok(Decision::reply(match options.answer {
        LcsAnswer::Length => Reply::count(table.len),
        LcsAnswer::Text => {
            let mut text = Vec::with_capacity(table.len);
            table.walk_back(|at, _| text.push(first[at]));
            text.reverse();
            Reply::Bulk(text.into())
        }
        LcsAnswer::Places => places(&table, *options),
    }))
}

/// Matches that follow each other in both strings, the last one first.
fn places(table: &Table, options: LcsOptions) -> Reply {
    let mut matches: Vec<Match> = Vec::new();
    table.walk_back(|first, second| match matches.last_mut() {
        Some(last) if last.first == first + 1 && last.second == second + 1 => {
            *last = Match { first, second, len: last.len + 1 };
        }
        _ => matches.push(Match { first, second, len: 1 }),
    });
    let long = matches.into_iter().filter(|one| options.match_len_min <= one.len as u64);
    let matches = long.map(|Match { first, second, len }| {
        let range =
            |from: usize| Reply::Array(vec![Reply::count(from), Reply::count(from + len - 1)]);
        let mut parts = vec![range(first), range(second)];
        if options.with_match_len {
            parts.push(Reply::count(len));
        }
        Reply::Array(parts)
    });
    Reply::Map(vec![
        (Reply::text("matches"), Reply::Array(matches.collect())),
        (Reply::text("len"), Reply::count(table.len)),
    ])
}

/// A stretch that both strings have in common, by where it begins.
struct Match {
    first: usize,
    second: usize,
    len: usize,
}

/// Which way the longest subsequence goes on from each pair of prefixes.
struct Table {
    first_len: usize,
    second_len: usize,
    /// Length of the subsequence.
    len: usize,
    /// Two bits for each pair of bytes, row by row.
    steps: Vec<u8>,
}

/// The last bytes are equal: they belong to it.
const BOTH: u8 = 0;
/// Without the last byte of the first string it is longer.
const FIRST: u8 = 1;
/// Without the last byte of the second string it is as long or longer.
const SECOND: u8 = 2;

impl Table {
    fn of(first: &[u8], second: &[u8]) -> Self {
        let mut steps = vec![0; (first.len() * second.len()).div_ceil(4)];
        // Lengths for the prefix of `first` so far, with each prefix of `second`.
        let mut lengths = vec![0u32; second.len() + 1];
        let mut cell = 0;
        for &one in first {
            let mut diagonal = 0;
            for (at, &other) in second.iter().enumerate() {
                let (above, left) = (lengths[at + 1], lengths[at]);
                let (length, step) = if one == other {
                    (diagonal + 1, BOTH)
                } else if left < above {
                    (above, FIRST)
                } else {
                    (left, SECOND)
                };
                diagonal = above;
                lengths[at + 1] = length;
                steps[cell / 4] |= step << (cell % 4 * 2);
                cell += 1;
            }
        }
        let len = lengths.last().map_or(0, |len| *len as usize);
        Self { first_len: first.len(), second_len: second.len(), len, steps }
    }

    /// Tells the places of each byte of the subsequence in both strings, the last one first.
    fn walk_back(&self, mut tell: impl FnMut(usize, usize)) {
        let (mut first, mut second) = (self.first_len, self.second_len);
        while 0 < first && 0 < second {
            let cell = (first - 1) * self.second_len + second - 1;
            match self.steps[cell / 4] >> (cell % 4 * 2) & 3 {
                BOTH => {
                    first -= 1;
                    second -= 1;
                    tell(first, second);
                }
                FIRST => first -= 1,
                _ => second -= 1,
            }
        }
    }
}
