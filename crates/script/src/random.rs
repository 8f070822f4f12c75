//! `math.random`: the 48-bit generator of POSIX's `lrand48`, with one sequence for all scripts of a
//! server, as in Redis 7. A script that wants numbers of its own sows them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mlua::{Lua, MultiValue, Table, Value};

use crate::check;

/// State of the generator.
#[derive(Debug, Clone)]
pub(crate) struct Random(Arc<AtomicU64>);

/// State before the first seed, as POSIX has it.
const UNSEEDED: u64 = 0x1234_abcd_330e;

impl Default for Random {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(UNSEEDED)))
    }
}

/// Numbers are drawn from 0 to this.
const LARGEST: u64 = 0x7fff_ffff;

impl Random {
    /// Begins the sequence of `seed`.
    fn sow(&self, seed: u32) {
        self.0.store((u64::from(seed) << 16) | 0x330e, Ordering::Relaxed);
    }

    /// A number from 0 to less than 1.
    fn draw(&self) -> f64 {
        let state = self.0.load(Ordering::Relaxed);
        let next = state.wrapping_mul(0x5_deec_e66d).wrapping_add(0xb) & 0xffff_ffff_ffff;
        self.0.store(next, Ordering::Relaxed);
        let number = (next >> 17) % LARGEST;
        let as_f64 = |number: u64| check::to_f64(i64::try_from(number).unwrap_or(0));
        as_f64(number) / as_f64(LARGEST)
    }

    /// Puts `random` and `randomseed` into the table of mathematics.
    pub(crate) fn fill(&self, lua: &Lua, math: &Table) -> mlua::Result<()> {
        let random = self.clone();
        let draw = lua.create_function(move |lua, args: MultiValue| random.number(lua, &args))?;
        math.raw_set("random", draw)?;
        let random = self.clone();
        let sow = lua.create_function(move |lua, args: MultiValue| {
            let seed = check::truncated(check::number(lua, &args, 1)?);
            random.sow(u32::try_from(seed & 0xffff_ffff).expect("32 bits"));
            Ok(())
        })?;
        math.raw_set("randomseed", sow)
    }

    fn number(&self, lua: &Lua, args: &MultiValue) -> mlua::Result<Value> {
        let drawn = self.draw();
        let bound = |at| Ok::<f64, mlua::Error>(check::to_f64(integer(lua, args, at)?));
        match args.len() {
            0 => Ok(Value::Number(drawn)),
            1 => {
                let upper = bound(1)?;
                if upper < 1.0 {
                    return Err(check::bad_argument(lua, 1, "interval is empty"));
                }
                Ok(Value::Number((drawn * upper).floor() + 1.0))
            }
            2 => {
                let (lower, upper) = (bound(1)?, bound(2)?);
                if upper < lower {
                    return Err(check::bad_argument(lua, 2, "interval is empty"));
                }
                Ok(Value::Number((drawn * (upper - lower + 1.0)).floor() + lower))
            }
            _ => Err(check::fail(lua, "wrong number of arguments")),
        }
    }
}

/// As `luaL_checkint`: 32 bits.
fn integer(lua: &Lua, args: &MultiValue, at: usize) -> mlua::Result<i64> {
    let number = check::truncated(check::number(lua, args, at)?);
    let low = u32::try_from(number & 0xffff_ffff).expect("32 bits");
    Ok(i64::from(low.cast_signed()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_posix() {
        let random = Random::default();
        assert!((random.draw() - 0.396_464_773_638_39).abs() < 1e-9);
        assert!((random.draw() - 0.840_485_369_712_34).abs() < 1e-9);
        random.sow(0);
        assert!((random.draw() - 0.170_828_036_112_17).abs() < 1e-9);
        random.sow(42);
        assert!((random.draw() - 0.744_525_000_334_03).abs() < 1e-9);
    }
}
