//! MessagePack to Lua values.

use mlua::{Lua, Value};

use crate::check;
use crate::failure::Raised;

/// Deepest nesting that is read: each level takes some of the thread's stack.
const DEPTH_MAX: usize = 1000;

pub(super) struct Reader<'r> {
    lua: &'r Lua,
    bytes: &'r [u8],
    at: usize,
}

impl<'r> Reader<'r> {
    pub(super) fn new(lua: &'r Lua, bytes: &'r [u8]) -> Self {
        Self { lua, bytes, at: 0 }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    fn bad(&self) -> mlua::Error {
        check::fail(self.lua, "Bad data format in input.")
    }

    fn take(&mut self, count: usize) -> mlua::Result<&'r [u8]> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| check::fail(self.lua, "Missing bytes in input."))?;
        let piece = &self.bytes[self.at..end];
        self.at = end;
        Ok(piece)
    }

    /// An unsigned number of `count` bytes.
    fn number(&mut self, count: usize) -> mlua::Result<u64> {
        let bytes = self.take(count)?;
        Ok(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn length(&mut self, count: usize) -> mlua::Result<usize> {
        Ok(usize::try_from(self.number(count)?).unwrap_or(usize::MAX))
    }

    fn signed(&mut self, count: u32) -> mlua::Result<Value> {
        let shift = 64 - 8 * count;
        let number = self.number(usize::try_from(count).unwrap_or(8))?;
        Ok(Value::Number(check::to_f64((number << shift).cast_signed() >> shift)))
    }

    fn unsigned(&mut self, count: usize) -> mlua::Result<Value> {
        let number = self.number(count)?;
        let high = check::to_f64((number >> 1).cast_signed()) * 2.0;
        let number = match i64::try_from(number) {
            Ok(number) => check::to_f64(number),
            Err(_) => high + check::to_f64((number & 1).cast_signed()),
        };
        Ok(Value::Number(number))
    }

    pub(super) fn value(&mut self, depth: usize) -> mlua::Result<Value> {
        if DEPTH_MAX < depth {
            return Err(self.bad());
        }
        let kind = self.take(1)?[0];
        match kind {
            0x00..=0x7f => Ok(Value::Integer(i64::from(kind))),
            0xe0..=0xff => Ok(Value::Integer(i64::from(kind.cast_signed()))),
            0x80..=0x8f => self.map(usize::from(kind & 15), depth),
            0x90..=0x9f => self.array(usize::from(kind & 15), depth),
            0xa0..=0xbf => self.string(usize::from(kind & 31)),
            0xc0 => Ok(Value::Nil),
            0xc2 => Ok(Value::Boolean(false)),
            0xc3 => Ok(Value::Boolean(true)),
            0xca => {
                let bytes = self.take(4)?.try_into().expect("four bytes");
                Ok(Value::Number(f64::from(f32::from_be_bytes(bytes))))
            }
            0xcb => {
                let bytes = self.take(8)?.try_into().expect("eight bytes");
                Ok(Value::Number(f64::from_be_bytes(bytes)))
            }
            0xcc..=0xcf => self.unsigned(1 << (kind - 0xcc)),
            0xd0..=0xd3 => self.signed(1 << (kind - 0xd0)),
            0xd9..=0xdb => self.sized(usize::from(kind - 0xd9), depth, Self::string_of),
            0xdc..=0xdd => self.sized(usize::from(kind - 0xdc) + 1, depth, Self::array),
            0xde..=0xdf => self.sized(usize::from(kind - 0xde) + 1, depth, Self::map),
            _ => Err(self.bad()),
        }
    }

    /// What has its length in front, in `1 << power` bytes.
    fn sized(
        &mut self,
        power: usize,
        depth: usize,
        read: fn(&mut Self, usize, usize) -> mlua::Result<Value>,
    ) -> mlua::Result<Value> {
        let length = self.length(1 << power)?;
        read(self, length, depth)
    }

    fn string_of(&mut self, length: usize, _: usize) -> mlua::Result<Value> {
        self.string(length)
    }

    fn string(&mut self, length: usize) -> mlua::Result<Value> {
        let bytes = self.take(length)?;
        Ok(Value::String(self.lua.create_string(bytes)?))
    }

    fn array(&mut self, count: usize, depth: usize) -> mlua::Result<Value> {
        let table = self.lua.create_table()?;
        for at in 1..=count {
            let value = self.value(depth + 1)?;
            table.raw_set(at, value)?;
        }
        Ok(Value::Table(table))
    }

    fn map(&mut self, count: usize, depth: usize) -> mlua::Result<Value> {
        let table = self.lua.create_table()?;
        for _ in 0..count {
            let key = self.value(depth + 1)?;
            let value = self.value(depth + 1)?;
            match key {
                Value::Nil => return Err(Raised::Plain(b"table index is nil".to_vec()).into()),
                Value::Number(number) if number.is_nan() => {
                    return Err(Raised::Plain(b"table index is NaN".to_vec()).into());
                }
                key => table.raw_set(key, value)?,
            }
        }
        Ok(Value::Table(table))
    }
}
