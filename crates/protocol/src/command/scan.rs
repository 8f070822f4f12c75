//! SCAN, HSCAN, SSCAN and ZSCAN.

use engine::{Command, CommandError, Deferred, ScanFilter};

use super::args::is;
use super::{Arguments, Parsed, Request};
use crate::number::parse_cursor;

pub(crate) fn scan(args: Arguments<'_>) -> Parsed<'_> {
    let cursor = cursor(args.at(1))?;
    let Scan { filter: ScanFilter { pattern, count, .. }, type_name } =
        Scan::parse(args, 2, Walk::Keys)?;
    Ok(Request::Engine(Command::Scan { cursor, pattern, count, type_name }))
}

pub(crate) fn hscan(args: Arguments<'_>) -> Parsed<'_> {
    let (key, cursor, filter) = of_a_value(args, Walk::Hash)?;
    Ok(Request::Engine(Command::HScan { key, cursor, filter }))
}

pub(crate) fn sscan(args: Arguments<'_>) -> Parsed<'_> {
    let (key, cursor, filter) = of_a_value(args, Walk::Members)?;
    Ok(Request::Engine(Command::SScan { key, cursor, filter }))
}

pub(crate) fn zscan(args: Arguments<'_>) -> Parsed<'_> {
    let (key, cursor, filter) = of_a_value(args, Walk::Members)?;
    Ok(Request::Engine(Command::ZScan { key, cursor, filter }))
}

/// `key cursor [option ...]`; the options are looked at after the key.
fn of_a_value(
    args: Arguments<'_>,
    walk: Walk,
) -> Result<(&[u8], u64, Deferred<ScanFilter<'_>>), CommandError> {
    let cursor = cursor(args.at(2))?;
    let filter = Scan::parse(args, 3, walk).map(|scan| scan.filter);
    Ok((args.at(1), cursor, filter))
}

fn cursor(text: &[u8]) -> Result<u64, CommandError> {
    parse_cursor(text).ok_or(CommandError::Fixed("ERR invalid cursor"))
}

/// What is walked over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Walk {
    Keys,
    Hash,
    Members,
}

struct Scan<'a> {
    filter: ScanFilter<'a>,
    type_name: Option<&'a [u8]>,
}

impl<'a> Scan<'a> {
    fn parse(args: Arguments<'a>, from: usize, walk: Walk) -> Result<Self, CommandError> {
        let mut filter = ScanFilter { pattern: None, count: 10, names_only: false };
        let mut type_name = None;
        let mut options = args.options(from);
        while let Some(word) = options.next() {
            if is(word, "count") {
                let count = u64::try_from(options.integer()?).ok().filter(|&count| 0 < count);
                filter.count = count.ok_or(CommandError::Syntax)?;
            } else if is(word, "match") {
                filter.pattern = Some(options.value()?);
            } else if walk == Walk::Keys && is(word, "type") {
                type_name = Some(options.value()?);
            } else if is(word, "novalues") {
                if walk != Walk::Hash {
                    const REFUSAL: &str = "ERR NOVALUES option can only be used in HSCAN";
                    return Err(CommandError::Fixed(REFUSAL));
                }
                filter.names_only = true;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(Self { filter, type_name })
    }
}
