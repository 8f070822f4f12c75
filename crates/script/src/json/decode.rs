//! JSON to Lua values.

use mlua::{Lua, Table, Value};

use super::Settings;
use crate::check;

pub(super) fn decode(lua: &Lua, text: &[u8], settings: &Settings) -> mlua::Result<Value> {
    // Text in wider characters has a zero among its first two bytes.
    if 2 <= text.len() && (text[0] == 0 || text[1] == 0) {
        return Err(check::fail(lua, "JSON parser does not support UTF-16 or UTF-32"));
    }
    let mut decoder = Decoder { lua, settings, text, at: 0, depth: 0 };
    let first = decoder.next();
    let value = decoder.value(first)?;
    match decoder.next() {
        (_, Token::End) => Ok(value),
        other => Err(decoder.unexpected("the end", &other)),
    }
}

#[derive(Debug, PartialEq)]
enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    String(Vec<u8>),
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Wrong(&'static str),
}

impl Token {
    fn name(&self) -> &'static str {
        match self {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::String(_) => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::End => "T_END",
            Token::Wrong(reason) => reason,
        }
    }
}

/// A token, and where it stands.
type Placed = (usize, Token);

struct Decoder<'d> {
    lua: &'d Lua,
    settings: &'d Settings,
    text: &'d [u8],
    at: usize,
    depth: usize,
}

impl Decoder<'_> {
    fn unexpected(&self, expected: &str, (at, token): &Placed) -> mlua::Error {
        let found = token.name();
        let text = format!("Expected {expected} but found {found} at character {}", at + 1);
        check::fail(self.lua, text)
    }

    /// Depth is limited by the settings, so recursion is.
    fn value(&mut self, token: Placed) -> mlua::Result<Value> {
        match token.1 {
            Token::String(text) => Ok(Value::String(self.lua.create_string(text)?)),
            Token::Number(number) => Ok(Value::Number(number)),
            Token::Boolean(value) => Ok(Value::Boolean(value)),
            Token::Null => Ok(Value::NULL),
            Token::ObjectBegin => self.nested(Self::object),
            Token::ArrayBegin => self.nested(Self::array),
            _ => Err(self.unexpected("value", &token)),
        }
    }

    fn nested(&mut self, read: fn(&mut Self, &Table) -> mlua::Result<()>) -> mlua::Result<Value> {
        self.depth += 1;
        if self.settings.decode_depth_max < self.depth {
            let text = format!(
                "Found too many nested data structures ({}) at character {}",
                self.depth, self.at
            );
            return Err(check::fail(self.lua, text));
        }
        let table = self.lua.create_table()?;
        read(self, &table)?;
        self.depth -= 1;
        Ok(Value::Table(table))
    }

    fn object(&mut self, table: &Table) -> mlua::Result<()> {
        let mut token = self.next();
        if token.1 == Token::ObjectEnd {
            return Ok(());
        }
        loop {
            let Token::String(key) = token.1 else {
                return Err(self.unexpected("object key string", &token));
            };
            let key = self.lua.create_string(key)?;
            let colon = self.next();
            if colon.1 != Token::Colon {
                return Err(self.unexpected("colon", &colon));
            }
            let first = self.next();
            let value = self.value(first)?;
            table.raw_set(key, value)?;
            let end = self.next();
            match end.1 {
                Token::ObjectEnd => return Ok(()),
                Token::Comma => token = self.next(),
                _ => return Err(self.unexpected("comma or object end", &end)),
            }
        }
    }

    fn array(&mut self, table: &Table) -> mlua::Result<()> {
        let mut token = self.next();
        if token.1 == Token::ArrayEnd {
            return Ok(());
        }
        for at in 1i64.. {
            let value = self.value(token)?;
            table.raw_set(at, value)?;
            let end = self.next();
            match end.1 {
                Token::ArrayEnd => return Ok(()),
                Token::Comma => token = self.next(),
                _ => return Err(self.unexpected("comma or array end", &end)),
            }
        }
        Ok(())
    }

    fn next(&mut self) -> Placed {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        let at = self.at;
        let simple = |token| (token, 1);
        let (token, length) = match self.text.get(at) {
            None | Some(0) => return (at, Token::End),
            Some(b'{') => simple(Token::ObjectBegin),
            Some(b'}') => simple(Token::ObjectEnd),
            Some(b'[') => simple(Token::ArrayBegin),
            Some(b']') => simple(Token::ArrayEnd),
            Some(b':') => simple(Token::Colon),
            Some(b',') => simple(Token::Comma),
            Some(b'"') => return self.string(at),
            Some(b'+' | b'-' | b'0'..=b'9') => self.number(),
            Some(b't' | b'f' | b'n' | b'N' | b'i' | b'I') => self.word(),
            Some(_) => (Token::Wrong("invalid token"), 0),
        };
        self.at += length;
        (at, token)
    }

    fn word(&self) -> (Token, usize) {
        let rest = &self.text[self.at..];
        if rest.starts_with(b"true") {
            (Token::Boolean(true), 4)
        } else if rest.starts_with(b"false") {
            (Token::Boolean(false), 5)
        } else if rest.starts_with(b"null") {
            (Token::Null, 4)
        } else if self.settings.decode_invalid && is_invalid_number(rest) {
            self.number()
        } else {
            (Token::Wrong("invalid token"), 0)
        }
    }

    fn number(&self) -> (Token, usize) {
        let rest = &self.text[self.at..];
        if !self.settings.decode_invalid && is_invalid_number(rest) {
            return (Token::Wrong("invalid number"), 0);
        }
        match leading_number(rest) {
            Some((number, length)) => (Token::Number(number), length),
            None => (Token::Wrong("invalid number"), 0),
        }
    }

    /// A string. What is wrong with it is reported where it is wrong.
    fn string(&mut self, start: usize) -> Placed {
        let mut out = Vec::new();
        self.at += 1;
        loop {
            match self.text.get(self.at) {
                // C's end of a string.
                None | Some(0) => return (self.at, Token::Wrong("unexpected end of string")),
                Some(b'"') => {
                    self.at += 1;
                    return (start, Token::String(out));
                }
                Some(b'\\') => match self.escape(&mut out) {
                    Ok(length) => self.at += length,
                    Err(reason) => return (self.at, Token::Wrong(reason)),
                },
                Some(&byte) => {
                    out.push(byte);
                    self.at += 1;
                }
            }
        }
    }

    fn escape(&self, out: &mut Vec<u8>) -> Result<usize, &'static str> {
        let rest = &self.text[self.at..];
        out.push(match rest.get(1) {
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(byte @ (b'"' | b'\\' | b'/')) => *byte,
            Some(b'u') => {
                let (letter, length) = unicode(rest).ok_or("invalid unicode escape code")?;
                let mut buffer = [0; 4];
                out.extend_from_slice(letter.encode_utf8(&mut buffer).as_bytes());
                return Ok(length);
            }
            _ => return Err("invalid escape code"),
        });
        Ok(2)
    }
}

/// The character of `\uXXXX`, or of two of them, and their length.
fn unicode(text: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let start = text.get(at..at + 2)?;
        let digits = text.get(at + 2..at + 6)?;
        if start != b"\\u" || !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let first = unit(0)?;
    match first {
        0xd800..0xdc00 => {
            let second = unit(6).filter(|unit| (0xdc00..0xe000).contains(unit))?;
            let code = 0x1_0000 + ((first & 0x3ff) << 10 | (second & 0x3ff));
            Some((char::from_u32(code)?, 12))
        }
        _ => Some((char::from_u32(first)?, 6)),
    }
}

/// Numbers that C reads and JSON does not know.
fn is_invalid_number(text: &[u8]) -> bool {
    let (is_plus, text) = match text.split_first() {
        Some((b'+', _)) => (true, text),
        Some((b'-', rest)) => (false, rest),
        _ => (false, text),
    };
    let starts =
        |word: &[u8]| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let leading_zero =
        text.first() == Some(&b'0') && matches!(text.get(1), Some(b'0'..=b'9' | b'x' | b'X'));
    is_plus || leading_zero || starts(b"inf") || starts(b"nan")
}

/// The number that the text begins with, as C reads one, and its length.
fn leading_number(text: &[u8]) -> Option<(f64, usize)> {
    let sign_length = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let sign = if text.first() == Some(&b'-') { -1.0 } else { 1.0 };
    let rest = &text[sign_length..];
    let starts =
        |word: &[u8]| rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let signed = |number: f64, length: usize| Some((sign * number, sign_length + length));
    if starts(b"infinity") {
        return signed(f64::INFINITY, 8);
    }
    if starts(b"inf") {
        return signed(f64::INFINITY, 3);
    }
    if starts(b"nan") {
        return signed(f64::NAN, 3);
    }
    if starts(b"0x") && rest.get(2).is_some_and(u8::is_ascii_hexdigit) {
        let digits = rest[2..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let number = rest[2..2 + digits].iter().fold(0.0, |number, digit| {
            let digit = char::from(*digit).to_digit(16).unwrap_or(0);
            number * 16.0 + f64::from(digit)
        });
        return signed(number, 2 + digits);
    }
    let count = |from: usize| rest[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let whole = count(0);
    let mut length = whole;
    let mut fraction = 0;
    if rest.get(length) == Some(&b'.') {
        fraction = count(length + 1);
        length += 1 + fraction;
    }
    if whole + fraction == 0 {
        return None;
    }
    if matches!(rest.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(rest.get(length + 1), Some(b'+' | b'-')));
        let digits = rest.get(length + 1 + sign..).map_or(0, |_| count(length + 1 + sign));
        if 0 < digits {
            length += 1 + sign + digits;
        }
    }
    let number = std::str::from_utf8(&rest[..length]).ok()?.parse::<f64>().ok()?;
    signed(number, length)
}
