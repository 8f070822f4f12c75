//! Bytes in, whole requests out: resumable, without recursion, without copying.
//!
//! A request is an array of bulk strings, or an inline command: one line, split as a shell would.
//! What counts as malformed, and the words for it, are Redis's. Unlike Redis, a line is judged by its
//! length alone and never by how it was cut into packets, so that every split of the same bytes
//! gives the same requests.

use std::ops::Range;

use memchr::memchr;
use smallvec::SmallVec;

use crate::error::ProtocolError;
use crate::inline;
use crate::number::parse_i64;

/// The arguments of one request; those of a common command fit without an allocation.
pub type Args<'b> = SmallVec<[&'b [u8]; 16]>;

/// Positions kept from one request to the next; what a larger request took is given back.
const POSITIONS_KEPT_MAX: usize = 1024;

/// What a client may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest argument in bytes (`proto-max-bulk-len`).
    pub bulk_bytes_max: usize,
    /// Most arguments of one request.
    pub args_max: usize,
    /// Longest inline request in bytes, and longest line with a length.
    pub inline_bytes_max: usize,
    /// Whether the client has authenticated, or need not. If not, a refusal says so.
    pub authenticated: bool,
}

impl Limits {
    /// Redis's limits, with the given `proto-max-bulk-len`.
    #[must_use]
    pub fn new(bulk_bytes_max: usize) -> Self {
        Self {
            bulk_bytes_max,
            args_max: 1024 * 1024,
            inline_bytes_max: 64 * 1024,
            authenticated: true,
        }
    }

    /// The little a client may send before it has authenticated.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self {
            bulk_bytes_max: 16 * 1024,
            args_max: 10,
            inline_bytes_max: 64 * 1024,
            authenticated: false,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new(512 * 1024 * 1024)
    }
}

/// Finds requests in a read buffer. All offsets are relative to the request's first byte, so the
/// buffer may move between calls.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    expected: Expected,
    /// Everything before this offset is understood.
    offset: usize,
    /// From here on the line at `offset` has not been searched for its end.
    searched: usize,
    /// Bytes of a bulk string that had not arrived at the last call.
    missing: usize,
    positions: Vec<Range<usize>>,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// The first byte of a request; what is left of the request before is forgotten then.
    Request,
    /// `*n`
    ArrayLength,
    /// `$n`, with so many arguments to come.
    BulkLength { args_left: usize },
    /// The bytes of an argument, with so many arguments to come after it.
    Bulk { len: usize, args_left: usize },
    /// The rest of a line.
    Inline,
}

impl Decoder {
    /// A decoder at the start of a request.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            expected: Expected::Request,
            offset: 0,
            searched: 0,
            missing: 0,
            positions: Vec::new(),
        }
    }

    /// Other limits for what is not decoded yet (after AUTH, after CONFIG SET).
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Forgets a request that has half arrived: the next call is given its first byte again, or that
    /// of an earlier one. Not for inline requests that were found already, which are not what they
    /// were.
    pub fn rewind(&mut self) {
        self.expected = Expected::Request;
    }

    /// Looks for the end of the request that begins at the first byte of `buffer`.
    ///
    /// `Some(len)`: the first `len` bytes are done with. [`Decoder::args`] names the arguments, which
    /// may be none at all (an empty line, `*0`): then there is nothing to execute. Cut `len` bytes off
    /// the buffer before the next call. `None`: more bytes are needed; call again with the same
    /// bytes and more, and nothing is scanned twice.
    ///
    /// The quoted arguments of an inline request are unquoted in place, which is why `buffer` is
    /// mutable; no other byte is changed.
    ///
    /// # Errors
    /// The connection cannot go on: see [`ProtocolError`].
    pub fn decode(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, ProtocolError> {
        loop {
            let step = match self.expected {
                Expected::Request => self.start(buffer),
                Expected::ArrayLength => self.array_length(buffer)?,
                Expected::BulkLength { args_left } => self.bulk_length(buffer, args_left)?,
                Expected::Bulk { len, args_left } => self.bulk(buffer, len, args_left),
                Expected::Inline => self.inline(buffer)?,
            };
            match step {
                Step::Next(expected) => self.expected = expected,
                Step::Starved => return Ok(None),
                Step::Complete => {
                    self.expected = Expected::Request;
                    self.refuse_http(buffer)?;
                    return Ok(Some(self.offset));
                }
            }
        }
    }

    /// Where the arguments of the request that [`Decoder::decode`] has just found lie, relative to the
    /// request's first byte: for callers that collect several requests before they look at them.
    #[must_use]
    pub fn positions(&self) -> &[Range<usize>] {
        &self.positions
    }

    /// The arguments of the request that [`Decoder::decode`] has just found in `buffer`; replaces
    /// what is in `out`.
    pub fn args<'b>(&self, buffer: &'b [u8], out: &mut Args<'b>) {
        out.clear();
        out.extend(self.positions.iter().map(|position| &buffer[position.clone()]));
    }

    /// Bytes that are certainly still missing from a half-arrived request, so that the reader can
    /// reserve them at once; `None` when it is not known. The number is the client's word, up to
    /// [`Limits::bulk_bytes_max`]: reserve it in steps that the bytes arrived so far justify.
    #[must_use]
    pub fn needed(&self) -> Option<usize> {
        matches!(self.expected, Expected::Bulk { .. }).then_some(self.missing)
    }

    fn start(&mut self, buffer: &[u8]) -> Step {
        self.offset = 0;
        self.searched = 0;
        self.positions.clear();
        self.positions.shrink_to(POSITIONS_KEPT_MAX);
        match buffer.first() {
            None => Step::Starved,
            Some(b'*') => Step::Next(Expected::ArrayLength),
            Some(_) => Step::Next(Expected::Inline),
        }
    }

    fn array_length(&mut self, buffer: &[u8]) -> Result<Step, ProtocolError> {
        let Some(line) = self.line(buffer, ProtocolError::MultibulkCountTooLong)? else {
            return Ok(Step::Starved);
        };
        let count = parse_i64(&line[1..]).ok_or(ProtocolError::InvalidMultibulkLength)?;
        let Some(count) = usize::try_from(count).ok().filter(|&count| 0 < count) else {
            return Ok(Step::Complete);
        };
        if self.limits.args_max < count {
            return Err(self.too_many_args());
        }
        Ok(Step::Next(Expected::BulkLength { args_left: count }))
    }

    fn bulk_length(&mut self, buffer: &[u8], args_left: usize) -> Result<Step, ProtocolError> {
        let Some(args_left) = args_left.checked_sub(1) else {
            return Ok(Step::Complete);
        };
        let Some(line) = self.line(buffer, ProtocolError::BulkCountTooLong)? else {
            return Ok(Step::Starved);
        };
        match line.split_first() {
            Some((b'$', digits)) => {
                let len = parse_i64(digits).and_then(|len| usize::try_from(len).ok());
                let len = len.ok_or(ProtocolError::InvalidBulkLength)?;
                if self.limits.bulk_bytes_max < len {
                    return Err(if self.limits.authenticated {
                        ProtocolError::InvalidBulkLength
                    } else {
                        ProtocolError::UnauthenticatedBulkLength
                    });
                }
                Ok(Step::Next(Expected::Bulk { len, args_left }))
            }
            other => {
                let got = other.map_or(b'\r', |(&got, _)| got);
                Err(ProtocolError::ExpectedBulk { got })
            }
        }
    }

    fn bulk(&mut self, buffer: &[u8], len: usize, args_left: usize) -> Step {
        // Redis does not look at the two bytes behind a bulk string either.
        let end = self.offset + len + 2;
        if buffer.len() < end {
            self.missing = end - buffer.len();
            return Step::Starved;
        }
        self.positions.push(self.offset..self.offset + len);
        self.offset = end;
        self.searched = end;
        Step::Next(Expected::BulkLength { args_left })
    }

    fn inline(&mut self, buffer: &mut [u8]) -> Result<Step, ProtocolError> {
        let Some(feed) = self.find(buffer, b'\n', ProtocolError::InlineTooLong)? else {
            return Ok(Step::Starved);
        };
        self.offset = feed + 1;
        let line = buffer[..feed].strip_suffix(b"\r").map_or(feed, <[u8]>::len);
        inline::split(&mut buffer[..line], &mut self.positions)
            .map_err(|inline::UnbalancedQuotes| ProtocolError::UnbalancedQuotes)?;
        if self.limits.args_max < self.positions.len() {
            return Err(self.too_many_args());
        }
        if self.positions.iter().any(|position| self.limits.bulk_bytes_max < position.len()) {
            return Err(ProtocolError::InlineTooLong);
        }
        Ok(Step::Complete)
    }

    /// The line at `offset` without its CR, once the byte behind the CR has arrived too; moves
    /// behind it.
    fn line<'b>(
        &mut self,
        buffer: &'b [u8],
        too_long: ProtocolError,
    ) -> Result<Option<&'b [u8]>, ProtocolError> {
        let Some(end) = self.find(buffer, b'\r', too_long)? else { return Ok(None) };
        if buffer.len() < end + 2 {
            self.searched = end;
            return Ok(None);
        }
        let line = &buffer[self.offset..end];
        self.offset = end + 2;
        self.searched = self.offset;
        Ok(Some(line))
    }

    fn find(
        &mut self,
        buffer: &[u8],
        byte: u8,
        too_long: ProtocolError,
    ) -> Result<Option<usize>, ProtocolError> {
        let limit = self.offset + self.limits.inline_bytes_max;
        let window = &buffer[self.searched..buffer.len().min(limit + 1)];
        if let Some(found) = memchr(byte, window) {
            return Ok(Some(self.searched + found));
        }
        if limit < buffer.len() {
            return Err(too_long);
        }
        self.searched = buffer.len();
        Ok(None)
    }

    fn too_many_args(&self) -> ProtocolError {
        if self.limits.authenticated {
            ProtocolError::InvalidMultibulkLength
        } else {
            ProtocolError::UnauthenticatedMultibulkLength
        }
    }

    /// A browser that was talked into connecting sends these two words first.
    fn refuse_http(&self, buffer: &[u8]) -> Result<(), ProtocolError> {
        let Some(first) = self.positions.first() else { return Ok(()) };
        let word = &buffer[first.clone()];
        if word.eq_ignore_ascii_case(b"post") || word.eq_ignore_ascii_case(b"host:") {
            return Err(ProtocolError::Http);
        }
        Ok(())
    }
}

enum Step {
    Next(Expected),
    Starved,
    Complete,
}

#[cfg(test)]
mod tests {
    use super::*;

    type Requests = Vec<Vec<Vec<u8>>>;

    /// Every request in `input`, empty ones left out, and how it ended.
    fn requests(input: &[u8], limits: Limits) -> (Requests, Result<(), ProtocolError>) {
        let mut buffer = input.to_vec();
        let mut decoder = Decoder::new(limits);
        let mut found = Vec::new();
        loop {
            match decoder.decode(&mut buffer) {
                Ok(None) => return (found, Ok(())),
                Err(error) => return (found, Err(error)),
                Ok(Some(len)) => {
                    let mut args = Args::new();
                    decoder.args(&buffer, &mut args);
                    if !args.is_empty() {
                        found.push(args.iter().map(|arg| arg.to_vec()).collect());
                    }
                    drop(args);
                    buffer.drain(..len);
                }
            }
        }
    }

    #[test]
    fn finds_requests_of_both_kinds() {
        let check = |input: &str, expected: &[&[&str]]| {
            let (found, end) = requests(input.as_bytes(), Limits::default());
            assert_eq!(end, Ok(()), "{input:?}");
            let expected: Requests = expected
                .iter()
                .map(|args| args.iter().map(|arg| arg.as_bytes().to_vec()).collect())
                .collect();
            assert_eq!(found, expected, "{input:?}");
        };
        check("*1\r\n$4\r\nPING\r\n", &[&["PING"]]);
        check("*2\r\n$4\r\nECHO\r\n$0\r\n\r\n*1\r\n$1\r\na\r\n", &[&["ECHO", ""], &["a"]]);
        check("PING\r\n  get  a\tb \nx", &[&["PING"], &["get", "a", "b"]]);
        check("*0\r\n*-1\r\n*-7\r\n\r\n\n  \r\nPING\n", &[&["PING"]]);
        check(
            "set k \"a\\x41\\n\\\"b\" 'c\\'d\\n' e\"f\"\r\n",
            &[&["set", "k", "aA\n\"b", "c'd\\n", "ef"]],
        );
        check("*1\r\n$5\r\na\r\nb\r\r\n", &[&["a\r\nb\r"]]);
    }

    #[test]
    fn refuses_what_redis_refuses_in_its_words() {
        let check = |input: &[u8], limits: Limits, expected: &str| {
            let (_, end) = requests(input, limits);
            let reply = end.expect_err("must be refused").reply().unwrap_or_default();
            let expected = match expected {
                "" => String::new(),
                text => format!("-ERR Protocol error: {text}\r\n"),
            };
            assert_eq!(String::from_utf8_lossy(&reply), expected, "{}", input.escape_ascii());
        };
        let usual = Limits::default();
        let early = Limits::unauthenticated();
        for bad in ["*a\r\n", "*\r\n", "*01\r\n", "*+1\r\n", "* 1\r\n", "*1048577\r\n", "*3 \r\n"] {
            check(bad.as_bytes(), usual, "invalid multibulk length");
        }
        check(b"*9223372036854775808\r\n", usual, "invalid multibulk length");
        check(b"*11\r\n", early, "unauthenticated multibulk length");
        check(b"a b c d e f g h i j k\r\n", early, "unauthenticated multibulk length");
        for bad in ["$-1\r\n", "$a\r\n", "$\r\n", "$536870913\r\n", "$18446744073709551616\r\n"] {
            check(format!("*1\r\n{bad}").as_bytes(), usual, "invalid bulk length");
        }
        check(b"*1\r\n$16385\r\n", early, "unauthenticated bulk length");
        check(b"*1\r\n:5\r\n", usual, "expected '$', got ':'");
        check(b"*1\r\n\r\n", usual, "expected '$', got ' '");
        let long = vec![b'1'; 64 * 1024 + 1];
        check(&[b"*", &long[..]].concat(), usual, "too big mbulk count string");
        check(&[b"*1\r\n$", &long[..]].concat(), usual, "too big bulk count string");
        check(&long, usual, "too big inline request");
        for bad in ["\"a", "'a", "\"a\"b", "'a'b", "\"\\"] {
            check(format!("{bad}\r\n").as_bytes(), usual, "unbalanced quotes in request");
        }
        check(b"POST / HTTP/1.1\r\n", usual, "");
        check(b"host: localhost\r\n", usual, "");
    }

    #[test]
    fn says_how_much_is_missing_of_an_argument() {
        let mut decoder = Decoder::new(Limits::default());
        let mut buffer = b"*2\r\n$4\r\nECHO\r\n$1000\r\nab".to_vec();
        assert_eq!(decoder.decode(&mut buffer), Ok(None));
        assert_eq!(decoder.needed(), Some(1000));
        buffer.resize(buffer.len() + 999, b'x');
        assert_eq!(decoder.decode(&mut buffer), Ok(None));
        assert_eq!(decoder.needed(), Some(1));
        buffer.push(b'\n');
        assert_eq!(decoder.decode(&mut buffer), Ok(Some(buffer.len())));
        assert_eq!(decoder.needed(), None);
    }
}
