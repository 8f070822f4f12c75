//! Scores and their texts.

use std::fmt::Write as _;

/// Digits that tell any two doubles apart. Redis prints all of them, so that 0.1 reads
/// `0.10000000000000001`.
const DIGITS: i32 = 17;

/// As C's `printf` writes a double for `%.17g`, which is what Redis sends: 17 significant digits
/// without the zeros at their end, with an exponent where the number is very large or very small.
#[must_use]
pub fn score_text(score: f64) -> String {
    if score.is_nan() {
        return "nan".to_owned();
    }
    if score.is_infinite() {
        return if 0.0 < score { "inf" } else { "-inf" }.to_owned();
    }
    // Small whole numbers are nearly all that there is. Minus zero keeps its sign.
    if score.abs() < EXACT_MAX && score.fract() == 0.0 && (score != 0.0 || score.is_sign_positive())
    {
        return format!("{score:.0}");
    }
    let scientific = format!("{score:.16e}");
    let (mantissa, exponent) = scientific.split_once('e').expect("the form asked for");
    let exponent: i32 = exponent.parse().expect("the form asked for");
    if !(-4..DIGITS).contains(&exponent) {
        let mut text = without_zeros(mantissa).to_owned();
        let sign = if exponent < 0 { '-' } else { '+' };
        write!(text, "e{sign}{:02}", exponent.unsigned_abs()).expect("memory takes any text");
        return text;
    }
    let decimals = usize::try_from(DIGITS - 1 - exponent).expect("in the range just checked");
    without_zeros(&format!("{score:.decimals$}")).to_owned()
}

/// Whole numbers below are printed digit by digit, and have less than 17.
const EXACT_MAX: f64 = 1e15;

/// The zeros behind a point, and the point if nothing else is behind it, say nothing.
fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// A score in an argument: a number as C's `strtod` reads it, hexadecimal digits and infinities among
/// them, with nothing before or behind it. `None` too for what is too large or too small for a double.
#[must_use]
pub fn parse_score(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let value = parse_number(text, unsigned)?;
    let fits = match hexadecimal(unsigned) {
        _ if value.is_infinite() => unsigned.starts_with(['i', 'I']),
        _ if value != 0.0 => true,
        Some(digits) => !has_digit(digits, ['p', 'P']),
        None => !has_digit(unsigned, ['e', 'E']),
    };
    fits.then_some(value)
}

/// A score at the end of a range, which is read less strictly: blanks may stand before it, nothing at
/// all is 0, a zero byte ends it, and what is too large is infinite.
#[must_use]
pub fn parse_score_bound(text: &[u8]) -> Option<f64> {
    as_c_reads(text, |text| parse_number(text, text.strip_prefix(['+', '-']).unwrap_or(text)))
}

/// A weight of SORT: a number as C's `strtod` reads it, blanks before it and all, that fits a double.
pub(crate) fn parse_weight(text: &[u8]) -> Option<f64> {
    as_c_reads(text, |text| {
        let value = parse_score(text.as_bytes())?;
        // A decimal number that small is never exact, and that is what the C library tells.
        let is_exact = !value.is_subnormal() || text.contains(['x', 'X']);
        is_exact.then_some(value)
    })
}

/// What `parse` makes of a number where C's `strtod` would look for it: behind blanks, and before a zero
/// byte. Nothing at all is 0.
fn as_c_reads(text: &[u8], parse: impl FnOnce(&str) -> Option<f64>) -> Option<f64> {
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Some(0.0);
    }
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let blanks = text.iter().take_while(|byte| is_blank(byte)).count();
    let text = std::str::from_utf8(&text[blanks..]).ok()?;
    parse(text)
}

/// A number and nothing else, never NaN; infinite or zero if it does not fit.
fn parse_number(text: &str, unsigned: &str) -> Option<f64> {
    let Some(digits) = hexadecimal(unsigned) else {
        return text.parse().ok().filter(|value: &f64| !value.is_nan());
    };
    let value = parse_hexadecimal(digits)?;
    Some(if text.starts_with('-') { -value } else { value })
}

fn hexadecimal(unsigned: &str) -> Option<&str> {
    unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X"))
}

/// Whether there is another digit than zero before the exponent.
fn has_digit(digits: &str, exponent: [char; 2]) -> bool {
    let digits = digits.split(exponent).next().unwrap_or_default();
    digits.contains(|c: char| c != '0' && c.is_ascii_hexdigit())
}

/// Bits of digits that are kept: many more than a double has. Of those behind, it matters only whether
/// one is set.
const HEXADECIMAL_BITS: u32 = 60;

/// Exponents beyond are as good as this one, whatever the digits.
const EXPONENT_MAX: i64 = 1 << 40;

/// Hexadecimal digits with an optional point and an optional exponent of two.
fn parse_hexadecimal(text: &str) -> Option<f64> {
    let (digits, exponent) = match text.find(['p', 'P']) {
        None => (text, 0),
        Some(at) => (&text[..at], parse_exponent(&text[at + 1..])?),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    // A string is far shorter than the exponent can be large.
    let mut exponent = exponent - 4 * i64::try_from(fraction.len()).ok()?;
    let (mut mantissa, mut is_more) = (0u64, false);
    for digit in whole.chars().chain(fraction.chars()) {
        let digit = u64::from(digit.to_digit(16)?);
        if mantissa >> (HEXADECIMAL_BITS - 4) == 0 {
            mantissa = mantissa << 4 | digit;
        } else {
            is_more |= digit != 0;
            exponent += 4;
        }
    }
    Some(scale(mantissa | u64::from(is_more), exponent))
}

fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value = digits
        .bytes()
        .fold(0, |value: i64, digit| (value * 10 + i64::from(digit - b'0')).min(EXPONENT_MAX));
    Some(if text.starts_with('-') { -value } else { value })
}

/// Exponent of the last bit of the smallest double.
const LAST_BIT_MIN: i64 = -1074;
/// Bits of a double.
const BITS: i64 = 53;

/// `mantissa * 2^exponent`, rounded to nearest, ties to even.
fn scale(mantissa: u64, exponent: i64) -> f64 {
    let bits = i64::from(u64::BITS - mantissa.leading_zeros());
    if mantissa == 0 || exponent + bits < LAST_BIT_MIN {
        return 0.0;
    }
    if 1024 < exponent + bits {
        return f64::INFINITY;
    }
    let last_bit = (exponent + bits - BITS).max(LAST_BIT_MIN);
    // What is cut off; negative if there is room for more.
    let cut = last_bit - exponent;
    if cut <= 0 {
        return exact(mantissa) * power_of_two(exponent);
    }
    // At most all bits are cut, as the first one stands at the last bit's place or just before it.
    let cut = u32::try_from(cut).expect("at most one more than a mantissa has");
    let kept = mantissa.checked_shr(cut).unwrap_or(0);
    let rest = mantissa - kept.checked_shl(cut).unwrap_or(0);
    let half = 1u64 << (cut - 1);
    let up = half < rest || rest == half && kept & 1 == 1;
    exact(kept + u64::from(up)) * power_of_two(last_bit)
}

/// A whole number of no more bits than a double has.
#[expect(clippy::cast_precision_loss, reason = "it has no more bits than a double")]
fn exact(number: u64) -> f64 {
    number as f64
}

/// For exponents that a double can have, those of the subnormal ones among them.
fn power_of_two(exponent: i64) -> f64 {
    let bits = match u64::try_from(exponent + 1023) {
        Ok(biased @ 1..) => biased << 52,
        _ => 1 << (exponent - LAST_BIT_MIN),
    };
    f64::from_bits(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected texts are those of redis-server 7.0.15.
    #[test]
    #[expect(clippy::excessive_precision, reason = "as sent to the reference")]
    fn scores_read_as_the_reference_writes_them() {
        let check = |score: f64, expected: &str| assert_eq!(score_text(score), expected);
        check(0.0, "0");
        check(-0.0, "-0");
        check(3.0, "3");
        check(-17.0, "-17");
        check(0.1, "0.10000000000000001");
        check(0.5, "0.5");
        check(123_456.7, "123456.7");
        check(1e15, "1000000000000000");
        check(1e16, "10000000000000000");
        check(1e17, "1e+17");
        check(-1e17, "-1e+17");
        check(12_345_678_901_234_567_890.0, "1.2345678901234567e+19");
        check(1e-5, "1.0000000000000001e-05");
        check(0.0001, "0.0001");
        check(5e-324, "4.9406564584124654e-324");
        check(-1e-310, "-9.9999999999999694e-311");
        check(f64::MAX, "1.7976931348623157e+308");
        // Half of the last digit: to the even one.
        check(562_949_953_421_312.125, "562949953421312.12");
        check(1_125_899_906_842_624.25, "1125899906842624.2");
        check(1_125_899_906_842_624.75, "1125899906842624.8");
        check(9_007_199_254_740_992.0, "9007199254740992");
        check(f64::INFINITY, "inf");
        check(f64::NEG_INFINITY, "-inf");
    }

    /// Compared with redis-server 7.0.15.
    #[test]
    fn scores_are_read_as_the_reference_reads_them() {
        let check = |text: &str, strict: Option<f64>, bound: Option<f64>| {
            assert_eq!(parse_score(text.as_bytes()), strict, "{text:?}");
            assert_eq!(parse_score_bound(text.as_bytes()), bound, "{text:?} as a bound");
        };
        let both = |text: &str, value: f64| check(text, Some(value), Some(value));
        both("1.", 1.0);
        both(".5", 0.5);
        both("+1", 1.0);
        both("-3e2", -300.0);
        both("1e-310", 1e-310);
        both("0e999", 0.0);
        both("iNf", f64::INFINITY);
        both("+Infinity", f64::INFINITY);
        both("-inf", f64::NEG_INFINITY);
        both("0x10", 16.0);
        both("-0X1f", -31.0);
        both("0x1p-3", 0.125);
        both("0x.8", 0.5);
        both("0x8.", 8.0);
        both("0x0p99999", 0.0);
        both("0x1p-1074", f64::from_bits(1));
        both("0x1.8p-1074", f64::from_bits(2));
        both("0x1.fffffffffffff7p0", 2.0f64.next_down());
        both("0x1.fffffffffffff8p0", 2.0);
        both("0x1.00000000000008p0", 1.0);
        both("0x1.000000000000080000000000001p0", 1.0f64.next_up());
        both(&format!("0x{}p-4000", "1".repeat(1000)), 16.0 / 15.0 / 16.0);
        both("0x1.fffffffffffffp1023", f64::MAX);
        for nothing in [
            "nan", "-nan", "nan(1)", "1 ", "a", ".", "e5", "1e", "0x", "0x1p", "0x1g", "--1",
            "1_0", "infin",
        ] {
            check(nothing, None, None);
        }
        check("", None, Some(0.0));
        check(" ", None, None);
        check(" 1", None, Some(1.0));
        check("\t\n1", None, Some(1.0));
        check("1\0x", None, Some(1.0));
        check("1e400", None, Some(f64::INFINITY));
        check("-0x1p1024", None, Some(f64::NEG_INFINITY));
        check("0x1.fffffffffffff8p1023", None, Some(f64::INFINITY));
        check("1e-400", None, Some(0.0));
        check("0x1p-1076", None, Some(0.0));
        check("0x0.8p-1074", None, Some(0.0));
        assert_eq!(parse_score(b"1\xff"), None);
    }

    #[test]
    fn every_text_reads_as_the_same_number() {
        let mut bits = 1u64;
        for _ in 0..20_000 {
            bits = bits
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let score = f64::from_bits(bits);
            if !score.is_nan() {
                let text = score_text(score);
                assert_eq!(text.parse::<f64>().map(f64::to_bits), Ok(bits), "{text}");
            }
        }
    }
}
