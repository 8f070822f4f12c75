//! SCAN, HSCAN, SSCAN and ZSCAN.

use engine::{Command, CommandError, ScanFilter};

use super::args::is;
use super::{Arguments, Parsed, Request};
use crate::number::parse_cursor;

pub(crate) fn scan(args: Arguments<'_>) -> Parsed<'_> {
    let cursor = cursor(args.at(1))?;
    let Scan { pattern, count, type_name } = Scan::parse(args, 2, true)?;
    Ok(Request::Engine(Command::Scan { cursor, pattern, count, type_name }))
}

pub(crate) fn hscan(args: Arguments<'_>) -> Parsed<'_> {
    let cursor = cursor(args.at(2))?;
    let filter = Scan::parse(args, 3, false)
        .map(|Scan { pattern, count, .. }| ScanFilter { pattern, count });
    Ok(Request::Engine(Command::HScan { key: args.at(1), cursor, filter }))
}

pub(crate) fn sscan(args: Arguments<'_>) -> Parsed<'_> {
    let cursor = cursor(args.at(2))?;
    let filter = Scan::parse(args, 3, false)
        .map(|Scan { pattern, count, .. }| ScanFilter { pattern, count });
    Ok(Request::Engine(Command::SScan { key: args.at(1), cursor, filter }))
}

pub(crate) fn zscan(args: Arguments<'_>) -> Parsed<'_> {
    let cursor = cursor(args.at(2))?;
    let filter = Scan::parse(args, 3, false)
        .map(|Scan { pattern, count, .. }| ScanFilter { pattern, count });
    Ok(Request::Engine(Command::ZScan { key: args.at(1), cursor, filter }))
}

fn cursor(text: &[u8]) -> Result<u64, CommandError> {
    parse_cursor(text).ok_or(CommandError::Fixed("ERR invalid cursor"))
}

struct Scan<'a> {
    pattern: Option<&'a [u8]>,
    count: u64,
    type_name: Option<&'a [u8]>,
}

impl<'a> Scan<'a> {
    fn parse(args: Arguments<'a>, from: usize, with_type: bool) -> Result<Self, CommandError> {
        let mut scan = Scan { pattern: None, count: 10, type_name: None };
        let mut options = args.options(from);
        while let Some(word) = options.next() {
            if is(word, "count") {
                let count = u64::try_from(options.integer()?).ok().filter(|&count| 0 < count);
                scan.count = count.ok_or(CommandError::Syntax)?;
            } else if is(word, "match") {
                scan.pattern = Some(options.value()?);
            } else if with_type && is(word, "type") {
                scan.type_name = Some(options.value()?);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(scan)
    }
}
