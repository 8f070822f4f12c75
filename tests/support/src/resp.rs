//! RESP2 and RESP3 as test code needs them: whole values, no speed; and [`skip`], which only finds
//! where a reply ends, for the load generator.

use std::fmt;

/// One reply.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// `+OK`
    Simple(String),
    /// `-ERR ...`, without the dash
    Error(String),
    /// `:1`
    Int(i64),
    /// `$3 abc`
    Bulk(Vec<u8>),
    /// `$-1`, `*-1` and `_`
    Null,
    /// `*n`
    Array(Vec<Value>),
    /// `%n`, in the order of the wire
    Map(Vec<(Value, Value)>),
    /// `~n`
    Set(Vec<Value>),
    /// `>n`
    Push(Vec<Value>),
    /// `,1.5`, as text
    Double(String),
    /// `#t`
    Bool(bool),
    /// `(123`, as text
    Big(String),
    /// `=n txt:...`, with its three letters
    Verbatim(Vec<u8>),
}

impl Value {
    /// A simple string.
    pub fn simple(text: &str) -> Self {
        Self::Simple(text.into())
    }

    /// A bulk string.
    pub fn bulk(bytes: impl AsRef<[u8]>) -> Self {
        Self::Bulk(bytes.as_ref().to_vec())
    }

    /// The text of a simple, bulk or error reply.
    ///
    /// # Panics
    /// If it is something else: the test's expectation is wrong.
    pub fn text(&self) -> String {
        match self {
            Self::Simple(text) | Self::Error(text) | Self::Double(text) | Self::Big(text) => {
                text.clone()
            }
            Self::Bulk(bytes) | Self::Verbatim(bytes) => {
                String::from_utf8_lossy(bytes).into_owned()
            }
            other => panic!("expected a text, got {other:?}"),
        }
    }

    /// The number of an integer reply.
    ///
    /// # Panics
    /// If it is something else.
    pub fn int(&self) -> i64 {
        match self {
            Self::Int(number) => *number,
            other => panic!("expected an integer, got {other:?}"),
        }
    }

    /// The elements of an array, set or push; a null is an empty array.
    ///
    /// # Panics
    /// If it is something else.
    pub fn array(self) -> Vec<Self> {
        match self {
            Self::Array(items) | Self::Set(items) | Self::Push(items) => items,
            Self::Null => Vec::new(),
            Self::Map(pairs) => pairs.into_iter().flat_map(|(key, value)| [key, value]).collect(),
            other => panic!("expected an array, got {other:?}"),
        }
    }

    /// The value of a field in a map, or in RESP2's flat list of pairs.
    ///
    /// # Panics
    /// If there is no such field.
    pub fn field(&self, name: &str) -> Self {
        let items = self.clone().array();
        items
            .chunks_exact(2)
            .find(|pair| {
                matches!(&pair[0], Self::Bulk(_) | Self::Simple(_)) && pair[0].text() == name
            })
            .unwrap_or_else(|| panic!("no field {name} in {self:?}"))[1]
            .clone()
    }

    /// Whether it is an error that begins with this word or words.
    pub fn is_error(&self, prefix: &str) -> bool {
        matches!(self, Self::Error(text) if text.starts_with(prefix))
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simple(text) => write!(f, "+{text}"),
            Self::Error(text) => write!(f, "-{text}"),
            Self::Int(number) => write!(f, ":{number}"),
            Self::Bulk(bytes) | Self::Verbatim(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
            Self::Null => write!(f, "null"),
            Self::Array(items) | Self::Set(items) | Self::Push(items) => {
                f.debug_list().entries(items).finish()
            }
            Self::Map(pairs) => f.debug_map().entries(pairs.iter().map(|(k, v)| (k, v))).finish(),
            Self::Double(text) | Self::Big(text) => write!(f, "{text}"),
            Self::Bool(yes) => write!(f, "{yes}"),
        }
    }
}

/// A request as clients send it: an array of bulk strings.
pub fn encode<A: AsRef<[u8]>>(arguments: &[A]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_into(&mut out, arguments);
    out
}

/// [`encode`] behind what is already there.
pub fn encode_into<A: AsRef<[u8]>>(out: &mut Vec<u8>, arguments: &[A]) {
    out.extend_from_slice(format!("*{}\r\n", arguments.len()).as_bytes());
    for argument in arguments {
        let bytes = argument.as_ref();
        out.extend_from_slice(format!("${}\r\n", bytes.len()).as_bytes());
        out.extend_from_slice(bytes);
        out.extend_from_slice(b"\r\n");
    }
}

/// The first whole reply in `bytes` and its length, or `None` while it is not all there.
///
/// # Panics
/// On bytes that no server should send.
pub fn parse(bytes: &[u8]) -> Option<(Value, usize)> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    let line = String::from_utf8_lossy(&bytes[1..end]).into_owned();
    let at = end + 2;
    let length = || -> i64 {
        line.parse().unwrap_or_else(|_| panic!("bad length in {:?}", bytes[..end].escape_ascii()))
    };
    let value = match bytes[0] {
        b'+' => Value::Simple(line),
        b'-' => Value::Error(line),
        b':' => Value::Int(length()),
        b',' => Value::Double(line),
        b'(' => Value::Big(line),
        b'#' => Value::Bool(line == "t"),
        b'_' => Value::Null,
        kind @ (b'$' | b'=') => {
            let Ok(len) = usize::try_from(length()) else { return Some((Value::Null, at)) };
            let body = bytes.get(at..at + len + 2)?;
            assert_eq!(&body[len..], b"\r\n", "a bulk string ends with CRLF");
            let body = body[..len].to_vec();
            let value = if kind == b'$' { Value::Bulk(body) } else { Value::Verbatim(body) };
            return Some((value, at + len + 2));
        }
        kind @ (b'*' | b'~' | b'>' | b'%') => {
            let Ok(len) = usize::try_from(length()) else { return Some((Value::Null, at)) };
            let elements = if kind == b'%' { len * 2 } else { len };
            let (items, end) = parse_many(bytes, at, elements)?;
            let value = match kind {
                b'*' => Value::Array(items),
                b'~' => Value::Set(items),
                b'>' => Value::Push(items),
                _ => Value::Map(
                    items.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect(),
                ),
            };
            return Some((value, end));
        }
        other => panic!("no RESP type {:?} in {:?}", char::from(other), bytes.escape_ascii()),
    };
    Some((value, at))
}

fn parse_many(bytes: &[u8], mut at: usize, count: usize) -> Option<(Vec<Value>, usize)> {
    let mut items = Vec::new();
    for _ in 0..count {
        let (item, len) = parse(&bytes[at..])?;
        items.push(item);
        at += len;
    }
    Some((items, at))
}

/// The length of the first whole reply in `bytes`, or `None` while it is not all there: [`parse`]
/// without building anything.
pub fn skip(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    let mut outstanding = 1_u64;
    while outstanding > 0 {
        outstanding -= 1;
        let kind = *bytes.get(at)?;
        at += 1;
        // Lengths are read while their line is walked: one pass over the bytes.
        let mut number = 0_u64;
        let mut negative = false;
        loop {
            match *bytes.get(at)? {
                b'\r' => break,
                b'-' => negative = true,
                digit => {
                    number =
                        number.wrapping_mul(10).wrapping_add(u64::from(digit.wrapping_sub(b'0')));
                }
            }
            at += 1;
        }
        at += 2;
        match kind {
            b'$' | b'=' if !negative => at += usize::try_from(number).ok()? + 2,
            b'*' | b'~' | b'>' if !negative => outstanding += number,
            b'%' => outstanding += 2 * number,
            _ => {}
        }
        if at > bytes.len() {
            return None;
        }
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &str, expected: Value) {
        let bytes = bytes.as_bytes();
        assert_eq!(parse(bytes), Some((expected, bytes.len())));
        assert_eq!(skip(bytes), Some(bytes.len()));
        for end in 0..bytes.len() {
            assert_eq!(parse(&bytes[..end]), None, "{end} bytes are not the whole");
            assert_eq!(skip(&bytes[..end]), None, "{end} bytes are not the whole");
        }
    }

    #[test]
    fn scalars() {
        check("+OK\r\n", Value::simple("OK"));
        check("-ERR no\r\n", Value::Error("ERR no".into()));
        check(":-12\r\n", Value::Int(-12));
        check("$3\r\na\r\n\r\n", Value::bulk("a\r\n"));
        check("$-1\r\n", Value::Null);
        check("_\r\n", Value::Null);
        check("#t\r\n", Value::Bool(true));
        check(",1.5\r\n", Value::Double("1.5".into()));
    }

    #[test]
    fn nested() {
        check(
            "*3\r\n*0\r\n%1\r\n+a\r\n$1\r\nb\r\n*-1\r\n",
            Value::Array(vec![
                Value::Array(vec![]),
                Value::Map(vec![(Value::simple("a"), Value::bulk("b"))]),
                Value::Null,
            ]),
        );
    }

    #[test]
    fn requests() {
        assert_eq!(encode(&["XLEN", ""]), b"*2\r\n$4\r\nXLEN\r\n$0\r\n\r\n");
    }
}
