//! XADD and XTRIM, which share their trimming clause.

use engine::{
    Command, CommandError, Fields, IDMP_DURATION_S_MAX, IDMP_IIDS_MAX, NewId, References, StreamId,
    Trim, TrimKeep, TrimPrecision, XAdd,
};

use super::args::{integer, is};
use super::dispose::take_references;
use super::stream_id::parse_id;
use super::{Arguments, Options, Parsed, Request};

pub(crate) fn xadd(args: Arguments<'_>) -> Parsed<'_> {
    let mut options = args.options(2);
    let mut clause = Clause::default();
    let mut no_make_stream = false;
    let mut once = None;
    let mut id = None;
    while id.is_none() {
        let Some(word) = options.next() else { break };
        if word == b"*" {
            id = Some(NewId::Auto);
        } else if is(word, "nomkstream") {
            no_make_stream = true;
        } else if is(word, "idmp") || is(word, "idmpauto") {
            if once.is_some() {
                return Err(CommandError::Fixed("ERR IDMP/IDMPAUTO specified multiple times"));
            }
            let is_auto = is(word, "idmpauto");
            let pid = options.value()?;
            once = Some((pid, if is_auto { None } else { Some(options.value()?) }));
        } else if !clause.take(word, &mut options)? {
            id = Some(new_id(word)?);
        }
    }
    let trim = clause.finish()?;
    if let Some((pid, iid)) = once {
        check_once(pid, iid, id)?;
    }
    let fields = options.rest;
    let Some(id) = id.filter(|_| !fields.is_empty() && fields.len().is_multiple_of(2)) else {
        return Err(args.wrong_number());
    };
    if id == NewId::Explicit(StreamId::MIN) {
        return Err(CommandError::Fixed("ERR The ID specified in XADD must be greater than 0-0"));
    }
    let fields = Fields::Borrowed(fields);
    let xadd = XAdd { key: args.at(1), id, fields, no_make_stream, trim };
    Ok(Request::Engine(match once {
        None => Command::XAdd(xadd),
        Some((pid, iid)) => Command::XAddOnce { xadd, pid, iid },
    }))
}

/// What IDMP (with `iid`) and IDMPAUTO ask for. A missing ID is refused elsewhere.
fn check_once(pid: &[u8], iid: Option<&[u8]>, id: Option<NewId>) -> Result<(), CommandError> {
    let refuse = |text| Err(CommandError::Fixed(text));
    if id.is_some_and(|id| id != NewId::Auto) {
        return refuse("ERR IDMP/IDMPAUTO can be used only with auto-generated IDs");
    }
    match iid {
        None if pid.is_empty() => refuse("ERR IDMPAUTO requires a non-empty producer ID"),
        Some(_) if pid.is_empty() => refuse("ERR IDMP requires a non-empty producer ID"),
        Some([]) => refuse("ERR IDMP requires a non-empty idempotent ID"),
        _ => Ok(()),
    }
}

pub(crate) fn xcfgset(args: Arguments<'_>) -> Parsed<'_> {
    let mut options = args.options(2);
    let (mut duration_s, mut iids_max) = (None, None);
    while let Some(word) = options.next() {
        if is(word, "idmp-duration") {
            const REFUSAL: &str = "ERR IDMP-DURATION must be between 1 and 86400 seconds";
            duration_s = Some(between_1_and(IDMP_DURATION_S_MAX, &mut options, REFUSAL)?);
        } else if is(word, "idmp-maxsize") {
            const REFUSAL: &str = "ERR IDMP-MAXSIZE must be between 1 and 10000 entries";
            iids_max = Some(between_1_and(IDMP_IIDS_MAX, &mut options, REFUSAL)?);
        } else {
            return Err(CommandError::Syntax);
        }
    }
    if duration_s.is_none() && iids_max.is_none() {
        return Err(CommandError::Fixed("ERR At least one parameter must be specified"));
    }
    Ok(Request::Engine(Command::XCfgSet { key: args.at(1), duration_s, iids_max }))
}

fn between_1_and(
    max: u64,
    options: &mut Options<'_>,
    refusal: &'static str,
) -> Result<u64, CommandError> {
    let number = u64::try_from(options.integer()?).ok();
    number.filter(|number| (1..=max).contains(number)).ok_or(CommandError::Fixed(refusal))
}

pub(crate) fn xidmprecord(args: Arguments<'_>) -> Parsed<'_> {
    let (key, pid, iid) = (args.at(1), args.at(2), args.at(3));
    check_once(pid, Some(iid), None)?;
    let id = parse_id(args.at(4), 0)?;
    Ok(Request::Engine(Command::XIdmpRecord { key, pid, iid, id }))
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
