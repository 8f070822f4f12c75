//! Replies as trees that keep every byte that matters: the three spellings of null stay apart, and
//! so do simple strings and bulk strings.

use std::fmt;

/// One reply, or that there is none.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Node {
    /// `+`, `-`, `:`, `,`, `#`, `(`, `$` and `=`: the type and the bytes.
    Text(u8, Vec<u8>),
    /// `$-1`, `*-1` or `_`, by its first byte.
    Null(u8),
    /// `*`, `~`, `>` and `%`; a map is its keys and values in turn.
    List(u8, Vec<Node>),
    /// The client still waits.
    Waiting,
    /// The server closed the connection.
    Closed,
}

impl Node {
    /// Reads one whole reply, as `support::skip` measured it.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let (node, len) = parse_at(bytes, 0);
        assert_eq!(len, bytes.len(), "one reply: {}", bytes.escape_ascii());
        node
    }

    /// The bytes of a text, empty for anything else.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(_, bytes) => bytes,
            _ => &[],
        }
    }

    /// The number of an integer reply.
    pub(crate) fn number(&self) -> Option<i64> {
        match self {
            Self::Text(b':', digits) => std::str::from_utf8(digits).ok()?.parse().ok(),
            _ => None,
        }
    }

    /// The elements of a list.
    pub(crate) fn items(&self) -> &[Self] {
        match self {
            Self::List(_, items) => items,
            _ => &[],
        }
    }

    /// The elements of a list, to change them.
    pub(crate) fn items_mut(&mut self) -> &mut [Self] {
        match self {
            Self::List(_, items) => items,
            _ => &mut [],
        }
    }

    /// Whether it is an error that begins with these words.
    pub(crate) fn is_error(&self, prefix: &str) -> bool {
        matches!(self, Self::Text(b'-', text) if text.starts_with(prefix.as_bytes()))
    }

    /// The value behind a field's name in a map, or in RESP2's list of pairs.
    pub(crate) fn field_mut(&mut self, name: &str) -> Option<&mut Self> {
        let at = self.position(name)?;
        self.items_mut().get_mut(at + 1)
    }

    /// Takes a field out.
    pub(crate) fn remove_field(&mut self, name: &str) -> Option<Self> {
        let at = self.position(name)?;
        let Self::List(_, items) = self else { return None };
        items.remove(at);
        (at < items.len()).then(|| items.remove(at))
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.items().iter().step_by(2).position(|key| key.bytes() == name.as_bytes()).map(|n| n * 2)
    }
}

fn parse_at(bytes: &[u8], at: usize) -> (Node, usize) {
    let kind = bytes[at];
    let line = bytes[at..].windows(2).position(|pair| pair == b"\r\n").expect("a whole reply") + at;
    let (text, end) = (&bytes[at + 1..line], line + 2);
    if kind == b'_' || (text == b"-1" && matches!(kind, b'$' | b'*')) {
        return (Node::Null(kind), end);
    }
    let len =
        || std::str::from_utf8(text).ok().and_then(|t| t.parse::<usize>().ok()).expect("a length");
    match kind {
        b'$' | b'=' => {
            let len = len();
            (Node::Text(kind, bytes[end..end + len].to_vec()), end + len + 2)
        }
        b'*' | b'~' | b'>' | b'%' => {
            let count = if kind == b'%' { len() * 2 } else { len() };
            let (mut items, mut at) = (Vec::new(), end);
            for _ in 0..count {
                let (item, next) = parse_at(bytes, at);
                items.push(item);
                at = next;
            }
            (Node::List(kind, items), at)
        }
        _ => (Node::Text(kind, text.to_vec()), end),
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(b'$', bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
            Self::Text(kind, bytes) => write!(f, "{}{}", char::from(*kind), bytes.escape_ascii()),
            Self::Null(kind) => write!(f, "null({})", char::from(*kind)),
            Self::List(kind, items) => {
                write!(f, "{}", char::from(*kind))?;
                f.debug_list().entries(items).finish()
            }
            Self::Waiting => write!(f, "(still waiting)"),
            Self::Closed => write!(f, "(connection closed)"),
        }
    }
}

#[test]
fn nulls_and_kinds_stay_apart() {
    let check = |bytes: &[u8], shown: &str| assert_eq!(format!("{:?}", Node::parse(bytes)), shown);
    check(b"$-1\r\n", "null($)");
    check(b"*-1\r\n", "null(*)");
    check(b"_\r\n", "null(_)");
    check(b"%1\r\n+a\r\n*1\r\n$1\r\nb\r\n", "%[+a, *[\"b\"]]");
    check(b"-ERR no\r\n", "-ERR no");
}
