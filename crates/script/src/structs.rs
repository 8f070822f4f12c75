//! The `struct` library: numbers and strings to bytes of a given layout, and back.

use mlua::{Lua, MultiValue, Table, Value};

use crate::check;

/// Widest integer of a format.
const INTEGER_BYTES_MAX: usize = 32;

/// What `!` without a number aligns to at most.
const ALIGNMENT_DEFAULT: usize = 8;

/// Longest byte string that a format makes.
const PACKED_BYTES_MAX: usize = 512 * 1024 * 1024;

/// Fills the table.
pub(crate) fn fill(lua: &Lua, table: &Table) -> mlua::Result<()> {
    table.raw_set("pack", lua.create_function(pack)?)?;
    table.raw_set("unpack", lua.create_function(unpack)?)?;
    table.raw_set("size", lua.create_function(size)?)
}

/// A format on its way through.
struct Format<'f> {
    rest: &'f [u8],
    is_little: bool,
    alignment: usize,
}

/// One element of a format.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Element {
    Integer {
        bytes: usize,
        is_signed: bool,
    },
    Float,
    Double,
    /// `c`: so many characters; 0 is what the value, or the number before it, says.
    Characters(usize),
    ZeroTerminated,
    Padding,
}

impl Element {
    /// Bytes, where the format alone says it.
    fn size(self) -> Option<usize> {
        match self {
            Element::Integer { bytes, .. } => Some(bytes),
            Element::Float => Some(4),
            Element::Double => Some(8),
            Element::Characters(0) | Element::ZeroTerminated => None,
            Element::Characters(count) => Some(count),
            Element::Padding => Some(1),
        }
    }

    fn is_aligned(self) -> bool {
        matches!(self, Element::Integer { .. } | Element::Float | Element::Double)
    }
}

impl<'f> Format<'f> {
    fn new(text: &'f [u8]) -> Self {
        Self { rest: text, is_little: true, alignment: 1 }
    }

    /// The number that stands next, or `default`.
    fn number(&mut self, lua: &Lua, default: usize) -> mlua::Result<usize> {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return Ok(default);
        }
        let (digits, rest) = self.rest.split_at(digits);
        self.rest = rest;
        digits
            .iter()
            .try_fold(0i32, |number, digit| {
                number.checked_mul(10)?.checked_add(i32::from(digit - b'0'))
            })
            .and_then(|number| usize::try_from(number).ok())
            .ok_or_else(|| check::fail(lua, "integral size overflow"))
    }

    fn integer(&mut self, lua: &Lua, is_signed: bool) -> mlua::Result<Element> {
        let bytes = self.number(lua, 4)?;
        if INTEGER_BYTES_MAX < bytes {
            let text = format!("integral size {bytes} is larger than limit of {INTEGER_BYTES_MAX}");
            return Err(check::fail(lua, text));
        }
        Ok(Element::Integer { bytes, is_signed })
    }

    /// The next element; `None` at the end.
    fn next(&mut self, lua: &Lua) -> mlua::Result<Option<Element>> {
        let fixed = |bytes, is_signed| Element::Integer { bytes, is_signed };
        while let Some((&letter, rest)) = self.rest.split_first() {
            self.rest = rest;
            let element = match letter {
                b'b' => fixed(1, true),
                b'B' => fixed(1, false),
                b'h' => fixed(2, true),
                b'H' => fixed(2, false),
                b'l' => fixed(8, true),
                b'L' | b'T' => fixed(8, false),
                b'i' => self.integer(lua, true)?,
                b'I' => self.integer(lua, false)?,
                b'f' => Element::Float,
                b'd' => Element::Double,
                b'x' => Element::Padding,
                b's' => Element::ZeroTerminated,
                b'c' => Element::Characters(self.number(lua, 1)?),
                b' ' => continue,
                b'>' => {
                    self.is_little = false;
                    continue;
                }
                b'<' => {
                    self.is_little = true;
                    continue;
                }
                b'!' => {
                    self.alignment = self.number(lua, ALIGNMENT_DEFAULT)?;
                    if !self.alignment.is_power_of_two() {
                        let text = format!("alignment {} is not a power of 2", self.alignment);
                        return Err(check::fail(lua, text));
                    }
                    continue;
                }
                other => {
                    let complaint = format!("invalid format option '{}'", char::from(other));
                    return Err(check::bad_argument(lua, 1, &complaint));
                }
            };
            return Ok(Some(element));
        }
        Ok(None)
    }

    /// Bytes of padding before `element` at `offset`.
    fn padding(&self, element: Element, offset: usize) -> usize {
        let size = element.size().unwrap_or(0).min(self.alignment);
        if !element.is_aligned() || size <= 1 || !size.is_power_of_two() {
            return 0;
        }
        (size - offset % size) % size
    }

    fn ordered(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        if !self.is_little {
            bytes.reverse();
        }
        bytes
    }
}

fn pack(lua: &Lua, args: MultiValue) -> mlua::Result<mlua::LuaString> {
    let text = check::bytes(lua, &args, 1)?;
    let mut format = Format::new(&text);
    let mut out: Vec<u8> = Vec::new();
    let mut at = 2;
    // A missing value is taken for nil, as the format's own stack slots are.
    let values = with_nil(&args);
    while let Some(element) = format.next(lua)? {
        let padding = format.padding(element, out.len());
        out.resize(out.len() + padding, 0);
        match element {
            Element::Integer { bytes, .. } => {
                let number = check::number(lua, &values, at)?;
                let mut all = integer_bytes(number);
                all.resize(bytes.max(8), 0);
                all.truncate(bytes);
                out.extend(format.ordered(all));
            }
            Element::Float => {
                let number = single(check::number(lua, &values, at)?);
                out.extend(format.ordered(number.to_le_bytes().to_vec()));
            }
            Element::Double => {
                let number = check::number(lua, &values, at)?;
                out.extend(format.ordered(number.to_le_bytes().to_vec()));
            }
            Element::Characters(count) => {
                let string = check::bytes(lua, &values, at)?;
                let count = if count == 0 { string.len() } else { count };
                if string.len() < count {
                    return Err(check::bad_argument(lua, at + 1, "string too short"));
                }
                out.extend_from_slice(&string[..count]);
            }
            Element::ZeroTerminated => {
                out.extend(check::bytes(lua, &values, at)?);
                out.push(0);
            }
            Element::Padding => out.push(0),
        }
        if element != Element::Padding {
            at += 1;
        }
        if PACKED_BYTES_MAX < out.len() {
            return Err(check::fail(lua, "string too long"));
        }
    }
    lua.create_string(out)
}

/// The arguments with one nil more.
fn with_nil(args: &MultiValue) -> MultiValue {
    args.iter().cloned().chain([Value::Nil]).collect()
}

/// Eight bytes, the lowest first. Negative numbers go through the signed type, others through the
/// unsigned one.
fn integer_bytes(number: f64) -> Vec<u8> {
    const TOP: f64 = 9_223_372_036_854_775_808.0;
    if (TOP..2.0 * TOP).contains(&number) {
        let low = check::truncated(number - TOP).cast_unsigned();
        return (low | 1 << 63).to_le_bytes().to_vec();
    }
    check::truncated(number).to_le_bytes().to_vec()
}

#[expect(clippy::cast_possible_truncation, reason = "that is what a single float holds")]
fn single(number: f64) -> f32 {
    number as f32
}

fn unpack(lua: &Lua, args: MultiValue) -> mlua::Result<MultiValue> {
    let text = check::bytes(lua, &args, 1)?;
    let data = check::bytes(lua, &args, 2)?;
    let start = check::integer_or(lua, &args, 3, 1)?;
    let Some(mut at) = start.checked_sub(1).and_then(|at| usize::try_from(at).ok()) else {
        return Err(check::bad_argument(lua, 3, "offset must be 1 or greater"));
    };
    let mut format = Format::new(&text);
    let mut values: Vec<Value> = Vec::new();
    let too_short = || check::bad_argument(lua, 2, "data string too short");
    while let Some(element) = format.next(lua)? {
        at = at.saturating_add(format.padding(element, at));
        let size = element.size().unwrap_or(0);
        let end = at.checked_add(size).filter(|end| *end <= data.len()).ok_or_else(too_short)?;
        let piece = &data[at..end];
        at = end;
        let value = match element {
            Element::Integer { is_signed, .. } => {
                Value::Number(integer(format.ordered(piece.to_vec()), is_signed))
            }
            Element::Float => {
                let bytes = format.ordered(piece.to_vec());
                let bytes: [u8; 4] = bytes.try_into().expect("four bytes");
                Value::Number(f64::from(f32::from_le_bytes(bytes)))
            }
            Element::Double => {
                let bytes = format.ordered(piece.to_vec());
                Value::Number(f64::from_le_bytes(bytes.try_into().expect("eight bytes")))
            }
            Element::Padding => continue,
            Element::Characters(0) => {
                let Some(Value::Number(count)) = values.last() else {
                    return Err(check::fail(lua, "format 'c0' needs a previous size"));
                };
                let count = usize::try_from(check::truncated(*count)).map_err(|_| too_short())?;
                values.pop();
                let end = at.checked_add(count).filter(|end| *end <= data.len());
                let end = end.ok_or_else(too_short)?;
                let piece = &data[at..end];
                at = end;
                Value::String(lua.create_string(piece)?)
            }
            Element::Characters(_) => Value::String(lua.create_string(piece)?),
            Element::ZeroTerminated => {
                let length = data[at..].iter().position(|&byte| byte == 0);
                let length = length.ok_or_else(|| check::fail(lua, "unfinished string in data"))?;
                let piece = &data[at..at + length];
                at += length + 1;
                Value::String(lua.create_string(piece)?)
            }
        };
        values.push(value);
        if VALUES_MAX < values.len() {
            return Err(check::fail(lua, "too many results to unpack"));
        }
    }
    values.push(Value::Number(check::to_f64(i64::try_from(at + 1).unwrap_or(i64::MAX))));
    Ok(values.into_iter().collect())
}

/// Values that one call may return: as many as fit on Lua's stack.
pub(crate) const VALUES_MAX: usize = 7900;

/// An integer from its bytes, the lowest first.
fn integer(bytes: Vec<u8>, is_signed: bool) -> f64 {
    let count = bytes.len();
    let low = bytes.iter().take(8).rev().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte));
    if !is_signed {
        let half = check::to_f64((low >> 1).cast_signed());
        let odd = check::to_f64((low & 1).cast_signed());
        // Exact for what a double can hold; rounded once for the rest.
        return if low >> 63 == 0 { check::to_f64(low.cast_signed()) } else { half * 2.0 + odd };
    }
    let shift = 64 - 8 * u32::try_from(count.clamp(1, 8)).unwrap_or(8);
    check::to_f64((low << shift).cast_signed() >> shift)
}

fn size(lua: &Lua, args: MultiValue) -> mlua::Result<f64> {
    let text = check::bytes(lua, &args, 1)?;
    let mut format = Format::new(&text);
    let mut total: usize = 0;
    while let Some(element) = format.next(lua)? {
        let Some(size) = element.size() else {
            let name = if element == Element::ZeroTerminated { "s" } else { "c0" };
            let complaint = format!("option '{name}' has no fixed size");
            return Err(check::bad_argument(lua, 1, &complaint));
        };
        total = total.saturating_add(format.padding(element, total)).saturating_add(size);
    }
    Ok(check::to_f64(i64::try_from(total).unwrap_or(i64::MAX)))
}
