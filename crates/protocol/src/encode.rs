//! Replies to RESP2 or RESP3 bytes.

use std::ops::{ControlFlow, Range};

use engine::{
    ClaimedEntries, CommandError, EntryRange, ID_TEXT_MAX, Nesting, PendingRow, Reply, Scored,
    Shape, StreamId, Strings, score_text,
};

/// The protocol a connection has chosen with HELLO.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Version {
    /// What every connection begins with.
    #[default]
    Resp2,
    /// After HELLO 3.
    Resp3,
}

/// Replies that seem to be longer than this are measured before they are encoded: what is too long is
/// never made, and what is not gets its memory at once instead of by doubling.
const MEASURED_BYTES_MIN: usize = 1024 * 1024;

/// A reply is longer than the client may be sent. What `out` holds of it is no reply: the caller cuts
/// the client off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

/// Appends `reply` to `out`.
///
/// Entries are decoded and checked here. If a block turns out to be damaged, the whole reply becomes
/// the error that names it: half a reply would be taken for the truth.
///
/// # Errors
///
/// If the reply is longer than `bytes_max`.
pub fn encode(
    reply: &Reply,
    version: Version,
    bytes_max: usize,
    out: &mut Vec<u8>,
) -> Result<(), TooLong> {
    let start = out.len();
    if MEASURED_BYTES_MIN <= reply.bytes_about() {
        let mut measure = Encoder::new(version, bytes_max, Count(0));
        // Damage is met again below.
        let _ = measure.reply(reply);
        if measure.is_over() {
            return Err(TooLong);
        }
        out.reserve_exact(measure.out.0);
    }
    let mut encoder = Encoder::new(version, start.saturating_add(bytes_max), &mut *out);
    let result = encoder.reply(reply);
    let is_over = encoder.is_over();
    if let Err(damage) = result {
        out.truncate(start);
        encode_error(&damage, out);
        return Ok(());
    }
    if is_over { Err(TooLong) } else { Ok(()) }
}

/// Appends an array of replies that stand for themselves (EXEC): damage turns only its own reply into
/// an error.
///
/// # Errors
///
/// As [`encode`].
pub fn encode_array<'r>(
    replies: impl ExactSizeIterator<Item = &'r Reply>,
    version: Version,
    bytes_max: usize,
    out: &mut Vec<u8>,
) -> Result<(), TooLong> {
    let end_max = out.len().saturating_add(bytes_max);
    Encoder::new(version, end_max, &mut *out).header(b'*', replies.len());
    for reply in replies {
        encode(reply, version, end_max.checked_sub(out.len()).ok_or(TooLong)?, out)?;
    }
    Ok(())
}

/// Appends a refusal to `out`.
pub fn encode_error(error: &CommandError, out: &mut Vec<u8>) {
    out.push(b'-');
    out.extend_from_slice(&error.text());
    out.extend_from_slice(b"\r\n");
}

/// Where encoded bytes go.
trait Sink {
    fn put(&mut self, bytes: &[u8]);
    fn len(&self) -> usize;
    /// Puts `number` into the header at `header`, written for another one.
    fn correct(&mut self, header: Range<usize>, number: u64);
}

impl Sink for &mut Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn len(&self) -> usize {
        Vec::len(self)
    }

    fn correct(&mut self, header: Range<usize>, number: u64) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(number).as_bytes();
        // Behind the kind, before the line's end. Equal numbers of digits move nothing.
        self.splice(header.start + 1..header.end - 2, digits.iter().copied());
    }
}

/// Only counts. A header that will be corrected counts as it was: hardly ever a byte more.
struct Count(usize);

impl Sink for Count {
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }

    fn len(&self) -> usize {
        self.0
    }

    fn correct(&mut self, _: Range<usize>, _: u64) {}
}

struct Encoder<S> {
    version: Version,
    /// Nothing is added to longer output.
    end_max: usize,
    /// Part of the reply was not even gathered.
    is_too_long: bool,
    out: S,
}

impl<S: Sink> Encoder<S> {
    fn new(version: Version, end_max: usize, out: S) -> Self {
        Self { version, end_max, is_too_long: false, out }
    }

    /// Recursion goes as deep as replies are nested, which is fixed by the code that builds them.
    fn reply(&mut self, reply: &Reply) -> Result<(), CommandError> {
        match reply {
            Reply::Ok => self.raw(b"+OK\r\n"),
            Reply::Simple(text) => {
                self.raw(b"+");
                self.raw(text.as_bytes());
                self.raw(b"\r\n");
            }
            Reply::Nil => self.null(b"$-1\r\n"),
            Reply::NilArray => self.null(b"*-1\r\n"),
            Reply::Integer(number) => self.number(b':', *number),
            Reply::Double(number) => self.double(*number),
            Reply::Bulk(bytes) => self.bulk(bytes),
            Reply::Verbatim(text) => self.verbatim(*b"txt", text),
            Reply::Marked(format, text) => self.verbatim(*format, text),
            Reply::Status(text) => self.line(b'+', text),
            Reply::BigNumber(digits) if self.is_resp3() => self.line(b'(', digits),
            Reply::BigNumber(digits) => self.bulk(digits),
            Reply::Bool(value) if self.is_resp3() => {
                self.raw(if *value { b"#t\r\n" } else { b"#f\r\n" });
            }
            Reply::Bool(value) => self.number(b':', i64::from(*value)),
            Reply::Id(id) => self.id(*id),
            Reply::Array(items) => {
                self.header(b'*', items.len());
                self.all(items)?;
            }
            Reply::Set(items) => {
                self.header(if self.is_resp3() { b'~' } else { b'*' }, items.len());
                self.all(items)?;
            }
            Reply::Push(items) => {
                self.header(if self.is_resp3() { b'>' } else { b'*' }, items.len());
                self.all(items)?;
            }
            Reply::Several(replies) => self.all(replies)?,
            Reply::Map(pairs) => {
                self.map_header(pairs.len());
                for (key, value) in pairs {
                    if self.is_over() {
                        break;
                    }
                    self.reply(key)?;
                    self.reply(value)?;
                }
            }
            Reply::Pairs(pairs) => {
                let is_nested = self.is_resp3();
                self.header(b'*', if is_nested { pairs.len() } else { pairs.len() * 2 });
                for (first, second) in pairs {
                    if self.is_over() {
                        break;
                    }
                    if is_nested {
                        self.header(b'*', 2);
                    }
                    self.reply(first)?;
                    self.reply(second)?;
                }
            }
            Reply::Strings(strings, shape) => self.strings(strings, *shape),
            Reply::Scored(scored) => self.scored(scored),
            Reply::Streams(streams) => self.streams(streams)?,
            Reply::Entries(range) => self.entries(range)?,
            Reply::Claimed(entries) => self.claimed(entries)?,
            Reply::Pending(rows) => self.pending(rows),
            Reply::EntryOrNil(range) => self.entry_or_nil(range)?,
            Reply::TooLong => self.is_too_long = true,
            Reply::Error(error) => {
                let mut line = Vec::new();
                encode_error(error, &mut line);
                self.raw(&line);
            }
        }
        Ok(())
    }

    fn all(&mut self, items: &[Reply]) -> Result<(), CommandError> {
        for item in items {
            if self.is_over() {
                break;
            }
            self.reply(item)?;
        }
        Ok(())
    }

    fn strings(&mut self, strings: &Strings, shape: Shape) {
        let is_nested = shape == Shape::Pairs && self.is_resp3();
        match shape {
            Shape::Map => self.map_header(strings.len() / 2),
            Shape::Pairs if is_nested => self.header(b'*', strings.len() / 2),
            Shape::Set if self.is_resp3() => self.header(b'~', strings.len()),
            Shape::Pairs | Shape::List | Shape::Set => self.header(b'*', strings.len()),
        }
        for (at, string) in strings.iter().enumerate() {
            if self.is_over() {
                return;
            }
            if is_nested && at % 2 == 0 {
                self.header(b'*', 2);
            }
            self.bulk(string);
        }
    }

    fn scored(&mut self, scored: &Scored) {
        let is_nested = scored.nesting() == Nesting::Always || self.is_resp3();
        self.header(b'*', if is_nested { scored.len() } else { scored.len() * 2 });
        for (member, score) in scored.iter() {
            if self.is_over() {
                return;
            }
            if is_nested {
                self.header(b'*', 2);
            }
            self.bulk(member);
            self.double(score);
        }
    }

    fn streams(&mut self, streams: &[(bytes::Bytes, Reply)]) -> Result<(), CommandError> {
        self.header(if self.is_resp3() { b'%' } else { b'*' }, streams.len());
        for (key, entries) in streams {
            if self.is_over() {
                break;
            }
            if !self.is_resp3() {
                self.header(b'*', 2);
            }
            self.bulk(key);
            self.reply(entries)?;
        }
        Ok(())
    }

    /// One pass: the header is written for the most entries there can be, and put right afterwards,
    /// which moves bytes only if the number of digits differs.
    fn entries(&mut self, range: &EntryRange) -> Result<(), CommandError> {
        let start = self.out.len();
        self.number(b'*', range.count_max());
        let guess = start..self.out.len();
        let count = range.visit_while(|id, pairs| {
            self.entry(id, pairs);
            self.go_on()
        })?;
        if count != range.count_max() {
            self.out.correct(guess, count);
        }
        Ok(())
    }

    fn claimed(&mut self, entries: &ClaimedEntries) -> Result<(), CommandError> {
        let start = self.out.len();
        self.number(b'*', entries.count_max());
        let guess = start..self.out.len();
        let count = entries.visit(|id, pairs, before| {
            self.header(b'*', 4);
            self.id_and_fields(id, pairs);
            self.number(b':', before.idle_ms);
            self.number(b':', before.delivery_count);
            self.go_on()
        })?;
        if count != entries.count_max() {
            self.out.correct(guess, count);
        }
        Ok(())
    }

    fn pending(&mut self, rows: &[PendingRow]) {
        self.header(b'*', rows.len());
        for row in rows {
            if self.is_over() {
                return;
            }
            let PendingRow { id, owner, idle_ms, delivery_count } = row;
            self.header(b'*', 4);
            self.id(*id);
            self.bulk(owner.as_deref().unwrap_or_default());
            match owner {
                Some(_) => self.number(b':', *idle_ms),
                None => self.raw(b":-1\r\n"),
            }
            self.number(b':', *delivery_count);
        }
    }

    fn entry_or_nil(&mut self, range: &EntryRange) -> Result<(), CommandError> {
        let mut is_first = true;
        range.visit_while(|id, pairs| {
            is_first = false;
            self.entry(id, pairs);
            ControlFlow::Break(())
        })?;
        if is_first {
            self.null(b"$-1\r\n");
        }
        Ok(())
    }

    fn entry(&mut self, id: StreamId, pairs: Option<engine::Pairs<'_>>) {
        self.header(b'*', 2);
        self.id_and_fields(id, pairs);
    }

    fn id_and_fields(&mut self, id: StreamId, pairs: Option<engine::Pairs<'_>>) {
        self.id(id);
        let Some(pairs) = pairs else { return self.null(b"*-1\r\n") };
        self.header(b'*', pairs.pair_count() * 2);
        for (field, value) in pairs {
            self.bulk(field);
            self.bulk(value);
        }
    }

    fn id(&mut self, id: StreamId) {
        let mut buffer = [0; ID_TEXT_MAX];
        self.bulk(id.format(&mut buffer));
    }

    fn bulk(&mut self, bytes: &[u8]) {
        self.header(b'$', bytes.len());
        self.raw(bytes);
        self.raw(b"\r\n");
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.raw(&[kind]);
        self.raw(text);
        self.raw(b"\r\n");
    }

    fn verbatim(&mut self, format: [u8; 3], text: &[u8]) {
        if !self.is_resp3() {
            return self.bulk(text);
        }
        self.header(b'=', text.len() + 4);
        self.raw(&format);
        self.raw(b":");
        self.raw(text);
        self.raw(b"\r\n");
    }

    fn double(&mut self, number: f64) {
        let text = score_text(number);
        if !self.is_resp3() {
            return self.bulk(text.as_bytes());
        }
        self.raw(b",");
        self.raw(text.as_bytes());
        self.raw(b"\r\n");
    }

    fn null(&mut self, resp2: &[u8]) {
        self.raw(if self.is_resp3() { b"_\r\n" } else { resp2 });
    }

    fn map_header(&mut self, pairs: usize) {
        if self.is_resp3() {
            self.header(b'%', pairs);
        } else {
            self.header(b'*', pairs * 2);
        }
    }

    fn header(&mut self, kind: u8, len: usize) {
        // Most lengths have one digit; two divisions saved per string add up.
        if let Ok(digit @ 0..=9) = u8::try_from(len) {
            return self.raw(&[kind, b'0' + digit, b'\r', b'\n']);
        }
        self.number(kind, len);
    }

    fn number(&mut self, kind: u8, number: impl itoa::Integer) {
        let mut digits = itoa::Buffer::new();
        self.raw(&[kind]);
        self.raw(digits.format(number).as_bytes());
        self.raw(b"\r\n");
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.out.put(bytes);
    }

    fn go_on(&self) -> ControlFlow<()> {
        if self.is_over() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn is_over(&self) -> bool {
        self.is_too_long || self.end_max < self.out.len()
    }

    fn is_resp3(&self) -> bool {
        self.version == Version::Resp3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reply_has_both_forms() {
        let check = |reply: Reply, resp2: &str, resp3: &str| {
            for (version, expected) in [(Version::Resp2, resp2), (Version::Resp3, resp3)] {
                let mut out = b"before".to_vec();
                encode(&reply, version, usize::MAX, &mut out).expect("no limit");
                let text = String::from_utf8_lossy(&out[6..]).replace("\r\n", "|");
                assert_eq!(text, expected, "{reply:?} {version:?}");
            }
        };
        let same = |reply: Reply, expected: &str| check(reply, expected, expected);
        same(Reply::Ok, "+OK|");
        same(Reply::Simple("PONG"), "+PONG|");
        check(Reply::Nil, "$-1|", "_|");
        check(Reply::NilArray, "*-1|", "_|");
        same(Reply::Integer(i64::MIN), ":-9223372036854775808|");
        check(Reply::Double(1.5), "$3|1.5|", ",1.5|");
        check(Reply::Double(f64::NEG_INFINITY), "$4|-inf|", ",-inf|");
        check(Reply::Double(1e17), "$5|1e+17|", ",1e+17|");
        same(Reply::bulk(b""), "$0||");
        same(Reply::bulk(b"0123456789"), "$10|0123456789|");
        check(Reply::Verbatim("ab".into()), "$2|ab|", "=6|txt:ab|");
        same(Reply::Id(StreamId::new(5, 3)), "$3|5-3|");
        same(Reply::Id(StreamId::MAX), "$41|18446744073709551615-18446744073709551615|");
        let message = || Reply::Push(vec![Reply::text("pong"), Reply::Nil]);
        check(message(), "*2|$4|pong|$-1|", ">2|$4|pong|_|");
        let two = Reply::Several(vec![message(), Reply::Ok]);
        check(two, "*2|$4|pong|$-1|+OK|", ">2|$4|pong|_|+OK|");
        check(Reply::Set(vec![Reply::Simple("a")]), "*1|+a|", "~1|+a|");
        let pair = (Reply::text("lag"), Reply::Nil);
        check(Reply::Map(vec![pair]), "*2|$3|lag|$-1|", "%1|$3|lag|_|");
        let pair = (Reply::text("f"), Reply::text("v"));
        check(Reply::Pairs(vec![pair]), "*2|$1|f|$1|v|", "*1|*2|$1|f|$1|v|");
        let strings = || [&b"f"[..], b"v"].into_iter().collect::<Strings>();
        same(Reply::Strings(strings(), Shape::List), "*2|$1|f|$1|v|");
        check(Reply::Strings(strings(), Shape::Map), "*2|$1|f|$1|v|", "%1|$1|f|$1|v|");
        check(Reply::Strings(strings(), Shape::Set), "*2|$1|f|$1|v|", "~2|$1|f|$1|v|");
        check(Reply::Strings(strings(), Shape::Pairs), "*2|$1|f|$1|v|", "*1|*2|$1|f|$1|v|");
        let scored = |nesting| Reply::Scored(Scored::of(nesting, &[(b"m", 0.5)]));
        check(scored(Nesting::ByProtocol), "*2|$1|m|$3|0.5|", "*1|*2|$1|m|,0.5|");
        check(scored(Nesting::Always), "*1|*2|$1|m|$3|0.5|", "*1|*2|$1|m|,0.5|");
        // XPENDING of nothing.
        let empty = vec![Reply::Integer(0), Reply::Nil, Reply::Nil, Reply::NilArray];
        check(Reply::Array(empty), "*4|:0|$-1|$-1|*-1|", "*4|:0|_|_|_|");
        // XREAD names a key twice: twice in the map.
        let streams = vec![("k".into(), Reply::Array(vec![])), ("k".into(), Reply::Array(vec![]))];
        check(Reply::Streams(streams), "*2|*2|$1|k|*0|*2|$1|k|*0|", "%2|$1|k|*0|$1|k|*0|");
        // A deleted entry in a consumer's history.
        let gone = vec![Reply::Id(StreamId::new(1, 0)), Reply::NilArray];
        check(Reply::Array(gone), "*2|$3|1-0|*-1|", "*2|$3|1-0|_|");
        same(Reply::Error(CommandError::Syntax), "-ERR syntax error|");
        let broken = CommandError::Text((*b"ERR a\r\nb").into());
        same(Reply::Error(broken), "-ERR a  b|");
    }

    #[test]
    fn an_array_of_replies_is_as_long_as_it_says() {
        let mut out = Vec::new();
        encode_array([Reply::Ok, Reply::Nil].iter(), Version::Resp2, usize::MAX, &mut out)
            .expect("no limit");
        assert_eq!(out, b"*2\r\n+OK\r\n$-1\r\n");
    }

    #[test]
    fn a_reply_that_is_too_long_breaks_off() {
        let line = || Reply::bulk(&[b'x'; 100]);
        let check = |reply: Reply, is_transaction: bool| {
            let mut out = b"before".to_vec();
            let encoded = match &reply {
                Reply::Array(items) if is_transaction => {
                    encode_array(items.iter(), Version::Resp2, 250, &mut out)
                }
                _ => encode(&reply, Version::Resp2, 250, &mut out),
            };
            assert_eq!(encoded, Err(TooLong));
            assert!((251..500).contains(&(out.len() - 6)), "{} bytes", out.len());
        };
        let flat = || Reply::Array((0..1000).map(|_| line()).collect());
        check(flat(), false);
        check(flat(), true);
        check(Reply::Array(vec![flat(), flat()]), false);
    }

    #[test]
    fn a_large_reply_is_made_at_once_or_not_at_all() {
        let large = Reply::Array((0..200).map(|_| Reply::bulk(&[b'x'; 10_000])).collect());
        let len = 6 + 200 * (8 + 10_000 + 2);
        let mut out = Vec::new();
        assert_eq!(encode(&large, Version::Resp2, len, &mut out), Ok(()));
        assert_eq!((out.len(), out.capacity()), (len, len));
        let mut out = Vec::new();
        assert_eq!(encode(&large, Version::Resp2, len - 1, &mut out), Err(TooLong));
        assert_eq!(out.capacity(), 0);
        let cut_short = Reply::Array(vec![Reply::Ok, Reply::TooLong]);
        assert_eq!(encode(&cut_short, Version::Resp2, usize::MAX, &mut out), Err(TooLong));
    }

    #[test]
    fn a_guessed_length_is_put_right() {
        let check = |header: &str, count, expected: &str| {
            let mut out = format!("+OK\r\n{header}body").into_bytes();
            (&mut out).correct(5..5 + header.len(), count);
            assert_eq!(String::from_utf8_lossy(&out[5..]), expected);
        };
        check("*10\r\n", 9, "*9\r\nbody");
        check("*10\r\n", 11, "*11\r\nbody");
        check("*1000\r\n", 0, "*0\r\nbody");
        check("*18446744073709551615\r\n", 1, "*1\r\nbody");
    }
}
