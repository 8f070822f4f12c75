//! The conversions: what a command answered to Lua values, and what a script returns to a reply.

use bytes::Bytes;
use engine::{CommandError, Reply};
use mlua::{Lua, LuaString, MultiValue, Table, Value};

use crate::check;
use crate::format;
use crate::runtime::walked;

/// Arguments of a command from Lua values; `None` if one is neither string nor number.
pub(crate) fn arguments(values: &MultiValue) -> Option<Vec<Vec<u8>>> {
    values.iter().map(argument).collect()
}

fn argument(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => Some(text.as_bytes().to_vec()),
        Value::Integer(number) if number.unsigned_abs() < 1 << 53 => {
            Some(itoa::Buffer::new().format(*number).as_bytes().to_vec())
        }
        Value::Integer(number) => Some(format::g(check::to_f64(*number), 17).into_bytes()),
        Value::Number(number) => Some(format::g(*number, 17).into_bytes()),
        _ => None,
    }
}

/// An answer of a command as a script sees it.
#[derive(Debug)]
pub(crate) enum Told {
    Value(Value),
    /// An error, without its `-`.
    Error(Vec<u8>),
    /// It was no command.
    Misuse(&'static str),
}

/// Reads one encoded reply. It comes from our own encoder: what it cannot be is taken for nil.
pub(crate) fn from_resp(lua: &Lua, bytes: &[u8]) -> mlua::Result<Told> {
    let mut reader = Reader { lua, bytes };
    if let Some(text) = bytes.strip_prefix(b"-") {
        return Ok(Told::Error(text.strip_suffix(b"\r\n").unwrap_or(text).to_vec()));
    }
    reader.value().map(Told::Value)
}

struct Reader<'r> {
    lua: &'r Lua,
    bytes: &'r [u8],
}

impl<'r> Reader<'r> {
    fn line(&mut self) -> &'r [u8] {
        let end = self.bytes.windows(2).position(|pair| pair == b"\r\n");
        let end = end.unwrap_or(self.bytes.len());
        let line = &self.bytes[..end];
        self.bytes = self.bytes.get(end + 2..).unwrap_or_default();
        line
    }

    fn number(&mut self) -> i64 {
        let line = self.line();
        std::str::from_utf8(line).ok().and_then(|text| text.parse().ok()).unwrap_or(-1)
    }

    fn bulk(&mut self) -> Option<&'r [u8]> {
        let length = usize::try_from(self.number()).ok()?;
        let bulk = self.bytes.get(..length)?;
        self.bytes = self.bytes.get(length + 2..).unwrap_or_default();
        Some(bulk)
    }

    fn string(&self, bytes: &[u8]) -> mlua::Result<LuaString> {
        self.lua.create_string(bytes)
    }

    fn single(&self, field: &str, value: impl mlua::IntoLua) -> mlua::Result<Value> {
        let table = self.lua.create_table_with_capacity(0, 1)?;
        table.raw_set(field, value)?;
        Ok(Value::Table(table))
    }

    /// Recursion goes as deep as replies of commands are nested.
    fn value(&mut self) -> mlua::Result<Value> {
        let Some((&kind, rest)) = self.bytes.split_first() else { return Ok(Value::Nil) };
        self.bytes = rest;
        match kind {
            b'+' => {
                let text = self.line();
                self.single("ok", self.string(text)?)
            }
            b'-' => {
                let text = self.line();
                let table = self.lua.create_table()?;
                table.raw_set("err", self.string(text)?)?;
                table.raw_set("ignore_error_stats_update", true)?;
                Ok(Value::Table(table))
            }
            b':' => Ok(Value::Number(check::to_f64(self.number()))),
            b'$' => match self.bulk() {
                Some(bulk) => Ok(Value::String(self.string(bulk)?)),
                None => Ok(Value::Boolean(false)),
            },
            b'*' | b'>' => self.array(),
            b'%' => self.map(),
            b'~' => self.set(),
            b'_' => {
                self.line();
                Ok(Value::Nil)
            }
            b'#' => Ok(Value::Boolean(self.line() == b"t")),
            b',' => {
                let text = std::str::from_utf8(self.line()).unwrap_or_default();
                self.single("double", text.parse().unwrap_or(f64::NAN))
            }
            b'(' => {
                let digits = self.line();
                self.single("big_number", self.string(digits)?)
            }
            b'=' => {
                let (format, text) =
                    self.bulk().unwrap_or_default().split_at_checked(4).unwrap_or_default();
                let inner = self.lua.create_table()?;
                inner
                    .raw_set("format", self.string(format.strip_suffix(b":").unwrap_or(format))?)?;
                inner.raw_set("string", self.string(text)?)?;
                self.single("verbatim_string", inner)
            }
            _ => Ok(Value::Nil),
        }
    }

    fn array(&mut self) -> mlua::Result<Value> {
        let count = self.number();
        if count < 0 {
            return Ok(Value::Boolean(false));
        }
        let room = usize::try_from(count).unwrap_or(0).min(self.bytes.len());
        let table = self.lua.create_table_with_capacity(room, 0)?;
        for at in 1..=count {
            table.raw_set(at, self.value()?)?;
        }
        Ok(Value::Table(table))
    }

    fn map(&mut self) -> mlua::Result<Value> {
        let inner = self.lua.create_table()?;
        for _ in 0..self.number() {
            let (key, value) = (self.value()?, self.value()?);
            if !key.is_nil() {
                inner.raw_set(key, value)?;
            }
        }
        self.single("map", inner)
    }

    fn set(&mut self) -> mlua::Result<Value> {
        let inner = self.lua.create_table()?;
        for _ in 0..self.number() {
            let member = self.value()?;
            if !member.is_nil() {
                inner.raw_set(member, true)?;
            }
        }
        self.single("set", inner)
    }
}

/// Deepest nesting of a table that becomes a reply: encoding it takes stack for each level.
const DEPTH_MAX: usize = 1000;

/// What an element of a reply is taken for when memory is counted.
const ELEMENT_BYTES: usize = 32;

/// Turns what a script returned into a reply.
pub(crate) struct Replier<'r> {
    pub(crate) lua: &'r Lua,
    /// The script has chosen RESP3 with `redis.setresp`.
    pub(crate) is_resp3: bool,
    /// Bytes that the reply may still have: a table may refer to itself many times over.
    pub(crate) bytes_left: usize,
    /// Elements so far.
    pub(crate) elements: usize,
}

impl Replier<'_> {
    /// A value as a reply; [`Reply::TooLong`] inside says that there would be more than is allowed.
    pub(crate) fn reply(&mut self, value: &Value, depth: usize) -> mlua::Result<Reply> {
        let Some(left) = self.bytes_left.checked_sub(ELEMENT_BYTES) else {
            return Ok(Reply::TooLong);
        };
        self.bytes_left = left;
        self.elements += 1;
        walked(self.lua, self.elements)?;
        Ok(match value {
            Value::String(text) => self.bulk(text),
            Value::Integer(number) => Reply::Integer(*number),
            Value::Number(number) => Reply::Integer(check::truncated(*number)),
            Value::Boolean(value) if self.is_resp3 => Reply::Bool(*value),
            Value::Boolean(true) => Reply::Integer(1),
            Value::Table(_) if DEPTH_MAX <= depth => {
                Reply::Error(CommandError::Fixed("ERR reached lua stack limit"))
            }
            Value::Table(table) => self.table(table, depth)?,
            _ => Reply::Nil,
        })
    }

    fn copied(&mut self, text: &LuaString) -> Option<Bytes> {
        let bytes = text.as_bytes();
        self.bytes_left = self.bytes_left.checked_sub(bytes.len())?;
        Some(Bytes::copy_from_slice(&bytes))
    }

    fn bulk(&mut self, text: &LuaString) -> Reply {
        self.copied(text).map_or(Reply::TooLong, Reply::Bulk)
    }

    fn table(&mut self, table: &Table, depth: usize) -> mlua::Result<Reply> {
        if let Value::String(text) = table.raw_get("err")? {
            let text = error_line(check::up_to_zero(&text.as_bytes()));
            return Ok(Reply::Error(CommandError::Text(text.into_boxed_slice())));
        }
        if let Value::String(text) = table.raw_get("ok")? {
            let text = one_line(check::up_to_zero(&text.as_bytes()));
            return Ok(Reply::Status(Bytes::from(text)));
        }
        if let Some(number) = check::number_of(&table.raw_get("double")?) {
            return Ok(Reply::Double(number));
        }
        if let Value::Table(map) = table.raw_get("map")? {
            return self.map(&map, depth);
        }
        if let Value::Table(set) = table.raw_get("set")? {
            return self.set(&set, depth);
        }
        if let Value::String(digits) = table.raw_get("big_number")? {
            return Ok(Reply::BigNumber(Bytes::from(one_line(&digits.as_bytes()))));
        }
        if let Value::Table(inner) = table.raw_get("verbatim_string")?
            && let (Value::String(text), Value::String(format)) =
                (inner.raw_get("string")?, inner.raw_get("format")?)
        {
            let mut mark = [b' '; 3];
            mark.iter_mut().zip(format.as_bytes().iter()).for_each(|(to, from)| *to = *from);
            return Ok(self.copied(&text).map_or(Reply::TooLong, |text| Reply::Marked(mark, text)));
        }
        self.array(table, depth)
    }

    fn array(&mut self, table: &Table, depth: usize) -> mlua::Result<Reply> {
        let mut items = Vec::new();
        for at in 1i64.. {
            let value: Value = table.raw_get(at)?;
            if value.is_nil() {
                break;
            }
            let item = self.reply(&value, depth + 1)?;
            let is_over = item == Reply::TooLong;
            items.push(item);
            if is_over {
                break;
            }
        }
        Ok(Reply::Array(items))
    }

    fn map(&mut self, table: &Table, depth: usize) -> mlua::Result<Reply> {
        let mut pairs = Vec::new();
        for pair in table.pairs::<Value, Value>() {
            let (key, value) = pair?;
            pairs.push((self.reply(&key, depth + 1)?, self.reply(&value, depth + 1)?));
            if self.bytes_left < ELEMENT_BYTES {
                return Ok(Reply::TooLong);
            }
        }
        Ok(Reply::Map(pairs))
    }

    fn set(&mut self, table: &Table, depth: usize) -> mlua::Result<Reply> {
        let mut members = Vec::new();
        for pair in table.pairs::<Value, Value>() {
            members.push(self.reply(&pair?.0, depth + 1)?);
            if self.bytes_left < ELEMENT_BYTES {
                return Ok(Reply::TooLong);
            }
        }
        Ok(Reply::Set(members))
    }
}

/// An error as it is told: in Redis line ends go from behind it alone, as a `-` stands in front.
pub(crate) fn error_line(text: &[u8]) -> Vec<u8> {
    one_line(check::trim_line_ends_behind(text))
}

/// Line ends become blanks, so that no text splits into two lines.
pub(crate) fn one_line(text: &[u8]) -> Vec<u8> {
    text.iter().map(|&byte| if check::is_line_end(byte) { b' ' } else { byte }).collect()
}
