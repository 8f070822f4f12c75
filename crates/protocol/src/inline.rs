//! Inline requests: one line, split into words as `redis-cli` and Redis split it.

use std::ops::Range;

/// A quote that is never closed, or that closes in the middle of a word.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnbalancedQuotes;

/// Splits `line` and appends where its words lie. Quotes and escapes are resolved in place: a word
/// never grows by that.
///
/// Double quotes know `\n \r \t \b \a`, `\xHH` and a backslash before any other byte; single quotes
/// know only `\'`. A closing quote must be followed by a blank or the end.
pub(crate) fn split(
    line: &mut [u8],
    words: &mut Vec<Range<usize>>,
) -> Result<(), UnbalancedQuotes> {
    let mut at = 0;
    loop {
        while line.get(at).copied().is_some_and(is_blank) {
            at += 1;
        }
        // A zero byte ends the line, as it does in the reference.
        if line.get(at).copied().unwrap_or(0) == 0 {
            return Ok(());
        }
        let mut word = Word { line, read: at, start: at, end: at };
        word.scan()?;
        words.push(word.start..word.end);
        at = word.read;
    }
}

struct Word<'l> {
    line: &'l mut [u8],
    read: usize,
    start: usize,
    end: usize,
}

impl Word<'_> {
    fn scan(&mut self) -> Result<(), UnbalancedQuotes> {
        while let Some(byte) = self.peek(0) {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' | 0 => return Ok(()),
                b'"' => return self.double_quoted(),
                b'\'' => return self.single_quoted(),
                other => self.keep(other, 1),
            }
        }
        Ok(())
    }

    fn double_quoted(&mut self) -> Result<(), UnbalancedQuotes> {
        self.read += 1;
        loop {
            match self.peek(0).ok_or(UnbalancedQuotes)? {
                b'"' => return self.close(),
                b'\\' => match self.peek(1).ok_or(UnbalancedQuotes)? {
                    b'x' => match (self.hex(2), self.hex(3)) {
                        (Some(high), Some(low)) => self.keep(high << 4 | low, 4),
                        _ => self.keep(b'x', 2),
                    },
                    b'n' => self.keep(b'\n', 2),
                    b'r' => self.keep(b'\r', 2),
                    b't' => self.keep(b'\t', 2),
                    b'b' => self.keep(0x08, 2),
                    b'a' => self.keep(0x07, 2),
                    other => self.keep(other, 2),
                },
                other => self.keep(other, 1),
            }
        }
    }

    fn single_quoted(&mut self) -> Result<(), UnbalancedQuotes> {
        self.read += 1;
        loop {
            match self.peek(0).ok_or(UnbalancedQuotes)? {
                b'\'' => return self.close(),
                b'\\' if self.peek(1) == Some(b'\'') => self.keep(b'\'', 2),
                other => self.keep(other, 1),
            }
        }
    }

    fn close(&mut self) -> Result<(), UnbalancedQuotes> {
        self.read += 1;
        match self.peek(0) {
            Some(byte) if byte != 0 && !is_blank(byte) => Err(UnbalancedQuotes),
            _ => Ok(()),
        }
    }

    fn keep(&mut self, byte: u8, consumed: usize) {
        self.line[self.end] = byte;
        self.end += 1;
        self.read += consumed;
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.line.get(self.read + ahead).copied()
    }

    fn hex(&self, ahead: usize) -> Option<u8> {
        let digit = char::from(self.peek(ahead)?).to_digit(16)?;
        u8::try_from(digit).ok()
    }
}

/// C's `isspace`.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}
