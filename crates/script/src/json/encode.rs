//! Lua values to JSON.

use mlua::{Lua, Table, Value};

use super::{InvalidNumbers, Settings};
use crate::HEX;
use crate::check;
use crate::format;
use crate::runtime::walked;

/// Longest text that is made. A table may refer to itself many times over.
const TEXT_BYTES_MAX: usize = 256 * 1024 * 1024;

pub(super) fn encode(lua: &Lua, value: &Value, settings: &Settings) -> mlua::Result<Vec<u8>> {
    let mut encoder = Encoder { lua, settings, out: Vec::new(), elements: 0 };
    encoder.value(value, 0)?;
    Ok(encoder.out)
}

struct Encoder<'e> {
    lua: &'e Lua,
    settings: &'e Settings,
    out: Vec<u8>,
    /// Elements so far.
    elements: usize,
}

impl Encoder<'_> {
    fn fail(&self, value: &Value, reason: &str) -> mlua::Error {
        let kind = check::type_name(Some(value));
        check::fail(self.lua, format!("Cannot serialise {kind}: {reason}"))
    }

    fn value(&mut self, value: &Value, depth: usize) -> mlua::Result<()> {
        if TEXT_BYTES_MAX < self.out.len() {
            return Err(check::fail(self.lua, "not enough memory"));
        }
        self.elements += 1;
        walked(self.lua, self.elements)?;
        match value {
            Value::String(text) => self.string(&text.as_bytes()),
            Value::Integer(_) | Value::Number(_) => self.number(value)?,
            Value::Boolean(true) => self.out.extend_from_slice(b"true"),
            Value::Boolean(false) => self.out.extend_from_slice(b"false"),
            Value::Nil => self.out.extend_from_slice(b"null"),
            value if *value == Value::NULL => self.out.extend_from_slice(b"null"),
            Value::Table(table) => self.table(table, depth + 1)?,
            other => return Err(self.fail(other, "type not supported")),
        }
        Ok(())
    }

    fn number(&mut self, value: &Value) -> mlua::Result<()> {
        let number = check::number_of(value).unwrap_or_default();
        if !number.is_finite() {
            match self.settings.encode_invalid {
                InvalidNumbers::Refuse => {
                    return Err(self.fail(value, "must not be NaN or Inf"));
                }
                InvalidNumbers::Null => {
                    self.out.extend_from_slice(b"null");
                    return Ok(());
                }
                InvalidNumbers::Allow if number.is_nan() => {
                    self.out.extend_from_slice(b"nan");
                    return Ok(());
                }
                InvalidNumbers::Allow => {}
            }
        }
        if let Value::Integer(whole) = value
            && whole.unsigned_abs() < 10u64.pow(9)
            && self.settings.precision == 14
        {
            self.out.extend_from_slice(itoa::Buffer::new().format(*whole).as_bytes());
        } else {
            let text = format::g(number, self.settings.precision);
            self.out.extend_from_slice(text.as_bytes());
        }
        Ok(())
    }

    fn string(&mut self, text: &[u8]) {
        self.out.reserve(text.len() + 2);
        self.out.push(b'"');
        for &byte in text {
            let letter = match byte {
                b'"' | b'\\' | b'/' => byte,
                8 => b'b',
                9 => b't',
                10 => b'n',
                12 => b'f',
                13 => b'r',
                0..32 | 127 => {
                    self.out.extend_from_slice(b"\\u00");
                    self.out.push(HEX[usize::from(byte >> 4)]);
                    self.out.push(HEX[usize::from(byte & 15)]);
                    continue;
                }
                _ => {
                    self.out.push(byte);
                    continue;
                }
            };
            self.out.extend_from_slice(&[b'\\', letter]);
        }
        self.out.push(b'"');
    }

    fn table(&mut self, table: &Table, depth: usize) -> mlua::Result<()> {
        if self.settings.encode_depth_max < depth {
            let text = format!("Cannot serialise, excessive nesting ({depth})");
            return Err(check::fail(self.lua, text));
        }
        match self.array_length(table)? {
            Some(length) if 0 < length => self.array(table, length, depth),
            _ => self.object(table, depth),
        }
    }

    /// The highest index, if all keys are indexes and not too many are missing.
    fn array_length(&self, table: &Table) -> mlua::Result<Option<i64>> {
        let (mut max, mut count) = (0, 0i64);
        let mut is_array = true;
        for pair in table.pairs::<Value, Value>() {
            let (key, _) = pair?;
            match check::number_of(&key) {
                Some(number) if 1.0 <= number && number.floor() == number => {
                    max = max.max(check::truncated(number));
                    count += 1;
                }
                _ => {
                    is_array = false;
                    break;
                }
            }
        }
        if !is_array {
            return Ok(None);
        }
        let Settings { sparse_convert, sparse_ratio, sparse_safe, .. } = *self.settings;
        let is_sparse =
            0 < sparse_ratio && count.saturating_mul(sparse_ratio) < max && sparse_safe < max;
        if is_sparse && !sparse_convert {
            let table = Value::Table(table.clone());
            return Err(self.fail(&table, "excessively sparse array"));
        }
        Ok((!is_sparse).then_some(max))
    }

    fn array(&mut self, table: &Table, length: i64, depth: usize) -> mlua::Result<()> {
        self.out.push(b'[');
        for at in 1..=length {
            if 1 < at {
                self.out.push(b',');
            }
            let value: Value = table.raw_get(at)?;
            self.value(&value, depth)?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn object(&mut self, table: &Table, depth: usize) -> mlua::Result<()> {
        self.out.push(b'{');
        let mut is_first = true;
        for pair in table.pairs::<Value, Value>() {
            let (key, value) = pair?;
            if !is_first {
                self.out.push(b',');
            }
            is_first = false;
            match &key {
                Value::String(text) => self.string(&text.as_bytes()),
                Value::Integer(_) | Value::Number(_) => {
                    self.out.push(b'"');
                    self.number(&key)?;
                    self.out.push(b'"');
                }
                other => {
                    return Err(self.fail(other, "table key must be a number or string"));
                }
            }
            self.out.push(b':');
            self.value(&value, depth)?;
        }
        self.out.push(b'}');
        Ok(())
    }
}
