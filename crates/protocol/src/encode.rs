//! Replies to RESP2 or RESP3 bytes.

use std::ops::Range;

use engine::{CommandError, EntryRange, ID_TEXT_MAX, Reply, StreamId};

/// The protocol a connection has chosen with HELLO.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Version {
    /// What every connection begins with.
    #[default]
    Resp2,
    /// After HELLO 3.
    Resp3,
}

/// Appends `reply` to `out`.
///
/// Entries are decoded and checked here. If a block turns out to be damaged, the whole reply becomes
/// the error that names it: half a reply would be taken for the truth.
///
/// Once the reply is longer than `bytes_max`, the rest is left out. It is no reply then: the caller
/// cuts the client off.
pub fn encode(reply: &Reply, version: Version, bytes_max: usize, out: &mut Vec<u8>) {
    let start = out.len();
    let end_max = start.saturating_add(bytes_max);
    if let Err(damage) = (Encoder { version, end_max, out }).reply(reply) {
        out.truncate(start);
        encode_error(&damage, out);
    }
}

/// Appends an array of replies that stand for themselves (EXEC): damage turns only its own reply into
/// an error.
pub fn encode_array<'r>(
    replies: impl ExactSizeIterator<Item = &'r Reply>,
    version: Version,
    bytes_max: usize,
    out: &mut Vec<u8>,
) {
    let end_max = out.len().saturating_add(bytes_max);
    Encoder { version, end_max, out }.header(b'*', replies.len());
    for reply in replies {
        if end_max < out.len() {
            return;
        }
        encode(reply, version, end_max - out.len(), out);
    }
}

/// Appends a refusal to `out`.
pub fn encode_error(error: &CommandError, out: &mut Vec<u8>) {
    out.push(b'-');
    out.extend_from_slice(&error.text());
    out.extend_from_slice(b"\r\n");
}

struct Encoder<'o> {
    version: Version,
    /// Nothing is added to longer output.
    end_max: usize,
    out: &'o mut Vec<u8>,
}

impl Encoder<'_> {
    /// Recursion goes as deep as replies are nested, which is fixed by the code that builds them.
    fn reply(&mut self, reply: &Reply) -> Result<(), CommandError> {
        match reply {
            Reply::Ok => self.raw(b"+OK\r\n"),
            Reply::Simple(text) => {
                self.out.push(b'+');
                self.raw(text.as_bytes());
                self.raw(b"\r\n");
            }
            Reply::Nil => self.null(b"$-1\r\n"),
            Reply::NilArray => self.null(b"*-1\r\n"),
            Reply::Integer(number) => self.number(b':', *number),
            Reply::Double(number) => self.double(*number),
            Reply::Bulk(bytes) => self.bulk(bytes),
            Reply::Verbatim(text) => self.verbatim(text),
            Reply::Id(id) => self.id(*id),
            Reply::Array(items) => {
                self.header(b'*', items.len());
                self.all(items)?;
            }
            Reply::Set(items) => {
                self.header(if self.is_resp3() { b'~' } else { b'*' }, items.len());
                self.all(items)?;
            }
            Reply::Map(pairs) => {
                self.map_header(pairs.len());
                for (key, value) in pairs {
                    self.reply(key)?;
                    self.reply(value)?;
                }
            }
            Reply::Pairs(pairs) => {
                let is_nested = self.is_resp3();
                self.header(b'*', if is_nested { pairs.len() } else { pairs.len() * 2 });
                for (first, second) in pairs {
                    if is_nested {
                        self.header(b'*', 2);
                    }
                    self.reply(first)?;
                    self.reply(second)?;
                }
            }
            Reply::Streams(streams) => self.streams(streams)?,
            Reply::Entries(range) => self.entries(range)?,
            Reply::EntryOrNil(range) => self.entry_or_nil(range)?,
            Reply::Error(error) => encode_error(error, self.out),
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

    fn streams(&mut self, streams: &[(bytes::Bytes, Reply)]) -> Result<(), CommandError> {
        self.header(if self.is_resp3() { b'%' } else { b'*' }, streams.len());
        for (key, entries) in streams {
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
        let count = range.visit(|id, pairs| self.entry(id, pairs))?;
        if count != range.count_max() {
            correct_length(self.out, guess, count);
        }
        Ok(())
    }

    fn entry_or_nil(&mut self, range: &EntryRange) -> Result<(), CommandError> {
        let mut is_first = true;
        range.visit(|id, pairs| {
            if std::mem::take(&mut is_first) {
                self.entry(id, pairs);
            }
        })?;
        if is_first {
            self.null(b"$-1\r\n");
        }
        Ok(())
    }

    fn entry(&mut self, id: StreamId, pairs: Option<engine::Pairs<'_>>) {
        if self.is_over() {
            return;
        }
        self.header(b'*', 2);
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

    fn verbatim(&mut self, text: &[u8]) {
        if !self.is_resp3() {
            return self.bulk(text);
        }
        self.header(b'=', text.len() + 4);
        self.raw(b"txt:");
        self.raw(text);
        self.raw(b"\r\n");
    }

    fn double(&mut self, number: f64) {
        let text = if number.is_nan() { "nan".to_owned() } else { number.to_string() };
        if !self.is_resp3() {
            return self.bulk(text.as_bytes());
        }
        self.out.push(b',');
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
        self.out.push(kind);
        self.raw(digits.format(number).as_bytes());
        self.raw(b"\r\n");
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    fn is_over(&self) -> bool {
        self.end_max < self.out.len()
    }

    fn is_resp3(&self) -> bool {
        self.version == Version::Resp3
    }
}

/// Puts `count` into the header at `header`, written for another number.
fn correct_length(out: &mut Vec<u8>, header: Range<usize>, count: u64) {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(count).as_bytes();
    // Behind the kind, before the line's end. Equal numbers of digits move nothing.
    out.splice(header.start + 1..header.end - 2, digits.iter().copied());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reply_has_both_forms() {
        let check = |reply: Reply, resp2: &str, resp3: &str| {
            for (version, expected) in [(Version::Resp2, resp2), (Version::Resp3, resp3)] {
                let mut out = b"before".to_vec();
                encode(&reply, version, usize::MAX, &mut out);
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
        same(Reply::bulk(b""), "$0||");
        same(Reply::bulk(b"0123456789"), "$10|0123456789|");
        check(Reply::Verbatim("ab".into()), "$2|ab|", "=6|txt:ab|");
        same(Reply::Id(StreamId::new(5, 3)), "$3|5-3|");
        same(Reply::Id(StreamId::MAX), "$41|18446744073709551615-18446744073709551615|");
        check(Reply::Set(vec![Reply::Simple("a")]), "*1|+a|", "~1|+a|");
        let pair = (Reply::text("lag"), Reply::Nil);
        check(Reply::Map(vec![pair]), "*2|$3|lag|$-1|", "%1|$3|lag|_|");
        let pair = (Reply::text("f"), Reply::text("v"));
        check(Reply::Pairs(vec![pair]), "*2|$1|f|$1|v|", "*1|*2|$1|f|$1|v|");
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
        encode_array([Reply::Ok, Reply::Nil].iter(), Version::Resp2, usize::MAX, &mut out);
        assert_eq!(out, b"*2\r\n+OK\r\n$-1\r\n");
    }

    #[test]
    fn a_reply_that_is_too_long_breaks_off() {
        let line = || Reply::bulk(&[b'x'; 100]);
        let check = |reply: Reply, is_transaction: bool| {
            let mut out = b"before".to_vec();
            match &reply {
                Reply::Array(items) if is_transaction => {
                    encode_array(items.iter(), Version::Resp2, 250, &mut out);
                }
                _ => encode(&reply, Version::Resp2, 250, &mut out),
            }
            assert!((251..500).contains(&(out.len() - 6)), "{} bytes", out.len());
        };
        let flat = || Reply::Array((0..1000).map(|_| line()).collect());
        check(flat(), false);
        check(flat(), true);
        check(Reply::Array(vec![flat(), flat()]), false);
    }

    #[test]
    fn a_guessed_length_is_put_right() {
        let check = |header: &str, count, expected: &str| {
            let mut out = format!("+OK\r\n{header}body").into_bytes();
            correct_length(&mut out, 5..5 + header.len(), count);
            assert_eq!(String::from_utf8_lossy(&out[5..]), expected);
        };
        check("*10\r\n", 9, "*9\r\nbody");
        check("*10\r\n", 11, "*11\r\nbody");
        check("*1000\r\n", 0, "*0\r\nbody");
        check("*18446744073709551615\r\n", 1, "*1\r\nbody");
    }
}
