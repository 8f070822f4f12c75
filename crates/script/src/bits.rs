//! The `bit` library: operations on the 32 bits of a number.

use mlua::{Lua, MultiValue, Table, Value};

use crate::HEX;
use crate::check;

type Unary = fn(u32) -> u32;
type Binary = fn(u32, u32) -> u32;

/// Fills the table.
pub(crate) fn fill(lua: &Lua, table: &Table) -> mlua::Result<()> {
    let unary: [(&str, Unary); 3] =
        [("tobit", |a| a), ("bnot", |a| !a), ("bswap", u32::swap_bytes)];
    for (name, apply) in unary {
        let run = move |lua: &Lua, args: MultiValue| Ok(signed(apply(bits(lua, &args, 1)?)));
        table.raw_set(name, lua.create_function(run)?)?;
    }
    let folds: [(&str, Binary); 3] =
        [("band", |a, b| a & b), ("bor", |a, b| a | b), ("bxor", |a, b| a ^ b)];
    for (name, apply) in folds {
        let run = move |lua: &Lua, args: MultiValue| {
            let mut result = bits(lua, &args, 1)?;
            for at in 2..=args.len() {
                result = apply(result, bits(lua, &args, at)?);
            }
            Ok(signed(result))
        };
        table.raw_set(name, lua.create_function(run)?)?;
    }
    let shifts: [(&str, Binary); 5] = [
        ("lshift", |a, by| a << by),
        ("rshift", |a, by| a >> by),
        ("arshift", |a, by| (a.cast_signed() >> by).cast_unsigned()),
        ("rol", u32::rotate_left),
        ("ror", u32::rotate_right),
    ];
    for (name, apply) in shifts {
        let run = move |lua: &Lua, args: MultiValue| {
            let number = bits(lua, &args, 1)?;
            // Only the five lowest bits count.
            Ok(signed(apply(number, bits(lua, &args, 2)? & 31)))
        };
        table.raw_set(name, lua.create_function(run)?)?;
    }
    table.raw_set("tohex", lua.create_function(tohex)?)
}

fn tohex(lua: &Lua, args: MultiValue) -> mlua::Result<Value> {
    let mut number = bits(lua, &args, 1)?;
    let digits = match args.len() {
        1 => 8,
        _ => bits(lua, &args, 2)?.cast_signed(),
    };
    let is_upper = digits < 0;
    let mut text = vec![b'0'; usize::try_from(digits.unsigned_abs().min(8)).unwrap_or(8)];
    for digit in text.iter_mut().rev() {
        *digit = HEX[usize::try_from(number & 15).unwrap_or(0)];
        if is_upper {
            digit.make_ascii_uppercase();
        }
        number >>= 4;
    }
    Ok(Value::String(lua.create_string(text)?))
}

/// The lowest 32 bits of argument `number`, rounded to the nearest integer first.
fn bits(lua: &Lua, args: &MultiValue, number: usize) -> mlua::Result<u32> {
    /// Adding it moves the integer part into the lowest bits of the representation.
    const MOVER: f64 = 6_755_399_441_055_744.0;
    let moved = (check::number(lua, args, number)? + MOVER).to_bits();
    Ok(u32::try_from(moved & 0xffff_ffff).expect("32 bits"))
}

fn signed(number: u32) -> f64 {
    f64::from(number.cast_signed())
}
