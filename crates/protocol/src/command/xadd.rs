//! XADD and XTRIM, which share their trimming clause.

use engine::{
    Command, CommandError, Fields, NewId, References, StreamId, Trim, TrimKeep, TrimPrecision, XAdd,
};

use super::args::{integer, is};
use super::dispose::take_references;
use super::stream_id::parse_id;
use super::{Arguments, Options, Parsed, Request};

pub(crate) fn xadd(args: Arguments<'_>) -> Parsed<'_> {
    let mut options = args.options(2);
    let mut clause = Clause::default();
    let mut no_make_stream = false;
    let mut id = None;
    while id.is_none() {
        let Some(word) = options.next() else { break };
        if word == b"*" {
            id = Some(NewId::Auto);
        } else if is(word, "nomkstream") {
            no_make_stream = true;
        } else if !clause.take(word, &mut options)? {
            id = Some(new_id(word)?);
        }
    }
    let trim = clause.finish()?;
    let fields = options.rest;
    let Some(id) = id.filter(|_| !fields.is_empty() && fields.len().is_multiple_of(2)) else {
        return Err(args.wrong_number());
    };
    if id == NewId::Explicit(StreamId::MIN) {
        return Err(CommandError::Fixed("ERR The ID specified in XADD must be greater than 0-0"));
    }
    let fields = Fields::Borrowed(fields);
    Ok(Request::Engine(Command::XAdd(XAdd { key: args.at(1), id, fields, no_make_stream, trim })))
}

pub(crate) fn xtrim(args: Arguments<'_>) -> Parsed<'_> {
    let mut options = args.options(2);
    let mut clause = Clause::default();
    while let Some(word) = options.next() {
        if !clause.take(word, &mut options)? {
            return Err(CommandError::Syntax);
        }
    }
    // LIMIT 0 is no reason to complain about LIMIT, only a larger one is.
    if clause.keep.is_none() && clause.limit.is_none_or(|limit| limit == 0) {
        return Err(NO_STRATEGY);
    }
    let trim = clause.finish()?.ok_or(NO_STRATEGY)?;
    Ok(Request::Engine(Command::XTrim { key: args.at(1), trim }))
}

const NO_STRATEGY: CommandError =
    CommandError::Fixed("ERR syntax error, XTRIM must be called with a trimming strategy");

fn new_id(text: &[u8]) -> Result<NewId, CommandError> {
    match text.strip_suffix(b"-*") {
        // What stands before the star is a number, not an ID of its own.
        Some(ms) if !ms.contains(&b'-') => Ok(NewId::AutoSeq(parse_id(ms, 0)?.ms)),
        _ => Ok(NewId::Explicit(parse_id(text, 0)?)),
    }
}

/// `MAXLEN | MINID [= | ~] threshold [LIMIT n] [KEEPREF | DELREF | ACKED]`, its parts in any order.
#[derive(Debug, Default)]
struct Clause {
    keep: Option<TrimKeep>,
    references: Option<References>,
    approximate: bool,
    limit: Option<u64>,
}

impl Clause {
    /// Takes `word` if it belongs to the clause, with its value. A keyword without a value does not.
    fn take(&mut self, word: &[u8], options: &mut Options<'_>) -> Result<bool, CommandError> {
        if take_references(word, &mut self.references)? {
            return Ok(true);
        }
        if options.rest.is_empty() {
            return Ok(false);
        }
        if is(word, "maxlen") {
            let threshold = self.threshold(options)?;
            let len = not_negative(threshold, "ERR The MAXLEN argument must be >= 0.")?;
            self.keep = Some(TrimKeep::MaxLen(len));
        } else if is(word, "minid") {
            let threshold = self.threshold(options)?;
            self.keep = Some(TrimKeep::MinId(parse_id(threshold, 0)?));
        } else if is(word, "limit") {
            let limit = options.value()?;
            self.limit = Some(not_negative(limit, "ERR The LIMIT argument must be >= 0.")?);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn threshold<'a>(&mut self, options: &mut Options<'a>) -> Result<&'a [u8], CommandError> {
        if self.keep.is_some() {
            return Err(CommandError::Fixed(
                "ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
            ));
        }
        let value = options.value()?;
        // A sign at the very end is read as the threshold, and refused as such.
        if options.rest.is_empty() || !matches!(value, b"~" | b"=") {
            return Ok(value);
        }
        self.approximate = value == b"~";
        options.value()
    }

    fn finish(self) -> Result<Option<Trim>, CommandError> {
        if self.keep.is_none() && self.limit.is_some_and(|limit| 0 < limit) {
            return Err(CommandError::Fixed(
                "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
            ));
        }
        if self.limit.is_some() && !self.approximate {
            return Err(CommandError::Fixed(
                "ERR syntax error, LIMIT cannot be used without the special ~ option",
            ));
        }
        let precision = if self.approximate {
            TrimPrecision::Approximate { limit: self.limit }
        } else {
            TrimPrecision::Exact
        };
        let references = self.references.unwrap_or_default();
        Ok(self.keep.map(|keep| Trim { keep, precision, references }))
    }
}

fn not_negative(text: &[u8], refusal: &'static str) -> Result<u64, CommandError> {
    u64::try_from(integer(text)?).map_err(|_| CommandError::Fixed(refusal))
}
