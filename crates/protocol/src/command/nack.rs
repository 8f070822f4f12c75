//! XNACK.

use engine::{Command, CommandError, Deferred, Release, ReleaseMode};

use super::args::is;
use super::dispose::{IdBlockRefusals, id_block};
use super::stream_id::parse_ids;
use super::{Arguments, Parsed, Request, echo, text};
use crate::number::parse_i64;

pub(crate) fn xnack(args: Arguments<'_>) -> Parsed<'_> {
    let (key, group) = (args.at(1), args.at(2));
    Ok(Request::Engine(Command::XNack { key, group, release: release(args) }))
}

const REFUSALS: IdBlockRefusals = IdBlockRefusals {
    number: "ERR numids must be a positive integer",
    too_few: "ERR number of IDs doesn't match numids",
};

/// `<SILENT | FAIL | FATAL>`, then `IDS numids id [id ...]`, RETRYCOUNT and FORCE in any order.
fn release(args: Arguments<'_>) -> Deferred<Release> {
    let modes = [
        ("silent", ReleaseMode::Silent),
        ("fail", ReleaseMode::Fail),
        ("fatal", ReleaseMode::Fatal),
    ];
    let mode = modes.into_iter().find(|(name, _)| is(args.at(3), name));
    let (_, mode) = mode.ok_or(CommandError::Fixed("ERR mode must be SILENT, FAIL, or FATAL"))?;
    let (mut count, mut force) = (None, false);
    let mut ids: Option<&[&[u8]]> = None;
    let mut options = args.options(4);
    while let Some(word) = options.next() {
        let has_value = !options.rest.is_empty();
        if is(word, "ids") && has_value && ids.is_none() {
            ids = Some(id_block(&mut options, &REFUSALS)?);
        } else if is(word, "retrycount") && has_value {
            let value = parse_i64(options.value()?).and_then(|count| u64::try_from(count).ok());
            let refusal = CommandError::Fixed("ERR Invalid RETRYCOUNT value, must be >= 0");
            count = Some(value.ok_or(refusal)?);
        } else if is(word, "force") {
            force = true;
        } else {
            return Err(text(&[b"ERR Unrecognized XNACK option '", echo(word, word.len()), b"'"]));
        }
    }
    let ids = ids.ok_or(CommandError::Fixed("ERR syntax error, expected IDS keyword"))?;
    Ok(Release { mode, count, force, ids: parse_ids(ids) })
}
