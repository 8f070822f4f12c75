//! The arithmetic of INCRBYFLOAT: 64-bit mantissas, as the reference's `long double` has.
//!
//! Clients see the digits of the result. With the 53 bits of an `f64`, `0.1 + 0.2` would come out as
//! `0.30000000000000004`, where Redis answers `0.3`.

/// A number of 64 significant bits: `mantissa * 2^exponent`, the top bit of the mantissa set unless
/// the number is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extended {
    is_negative: bool,
    mantissa: u64,
    exponent: i32,
    is_finite: bool,
}

/// Decimal exponents beyond these are infinite or zero in a `long double`.
const EXPONENT_10_MAX: i64 = 4932;
/// Digits of a text that count; more cannot change 64 bits other than by a sign that they are there.
const DIGITS_MAX: usize = 40;
/// Longest text that the reference takes for a float.
const TEXT_BYTES_MAX: usize = 5 * 1024;
/// Digits that the reference prints behind the point, before it drops zeros.
const FRACTION_DIGITS: u32 = 17;

/// The part behind the `e`; beyond six digits it only matters that it is huge.
fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (sign, digits) = match text {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] => (1, digits),
        digits => (1, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits
        .iter()
        .fold(0i64, |value, digit| (value * 10 + i64::from(digit - b'0')).min(1_000_000));
    Some(sign * value)
}

/// `digits * 10^exponent`, rounded to nearest, ties to even.
fn from_decimal(digits: &[u8], exponent: i64, is_more: bool) -> Extended {
    let mut number = Big::default();
    for digit in digits {
        number.multiply_add(10, u32::from(digit - b'0'));
    }
    let mut is_inexact = is_more;
    let mut shift = 0i32;
    if exponent < 0 {
        number.shift_left(128);
        shift -= 128;
    }
    for _ in 0..exponent.max(0) {
        number.multiply_add(10, 0);
    }
    for _ in 0..(-exponent).max(0) {
        // 4 bits more for each division: the quotient keeps more than 64 exact bits.
        number.shift_left(4);
        is_inexact |= number.divide(10) != 0;
        shift -= 4;
        // Bits far behind the 64th only tell that they are there.
        let spare = number.bits().saturating_sub(256) / 32;
        is_inexact |= number.drop_words(spare as usize);
        shift += i32::try_from(spare * 32).expect("a few words");
    }
    number.round(shift, is_inexact)
}

impl Extended {
    pub(crate) const ZERO: Self =
        Self { is_negative: false, mantissa: 0, exponent: 0, is_finite: true };
    const INFINITY: Self = Self { is_finite: false, ..Self::ZERO };

    /// Reads a decimal number, `inf` or `infinity`; no blanks, nothing behind it, no NaN.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if TEXT_BYTES_MAX <= text.len() {
            return None;
        }
        let (is_negative, rest) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        if rest.eq_ignore_ascii_case(b"inf") || rest.eq_ignore_ascii_case(b"infinity") {
            return Some(Extended { is_negative, ..Extended::INFINITY });
        }
        let (digits, exponent) = match rest.iter().position(|byte| matches!(byte, b'e' | b'E')) {
            None => (rest, 0),
            Some(at) => (&rest[..at], parse_exponent(&rest[at + 1..])?),
        };
        let mut parts = digits.splitn(2, |byte| *byte == b'.');
        let (whole, fraction) =
            (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let mut significant = [whole, fraction].concat();
        if significant.is_empty() || !significant.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let zeros = significant.iter().take_while(|digit| **digit == b'0').count();
        significant.drain(..zeros);
        let dropped = significant.len().saturating_sub(DIGITS_MAX);
        let is_more = significant.iter().rev().take(dropped).any(|digit| *digit != b'0');
        significant.truncate(DIGITS_MAX);
        // All lengths are below TEXT_BYTES_MAX.
        let exponent =
            exponent + i64::try_from(dropped).ok()? - i64::try_from(fraction.len()).ok()?;
        let magnitude = exponent + i64::try_from(significant.len()).ok()?;
        if significant.is_empty() || magnitude < -EXPONENT_10_MAX {
            return Some(Extended { is_negative, ..Extended::ZERO });
        }
        if EXPONENT_10_MAX < magnitude {
            return None;
        }
        Some(Extended { is_negative, ..from_decimal(&significant, exponent, is_more) })
    }

    /// Whether it is neither infinity.
    pub const fn is_finite(self) -> bool {
        self.is_finite
    }

    /// The sum, rounded to 64 bits.
    pub(crate) fn plus(self, other: Self) -> Self {
        if !self.is_finite || !other.is_finite {
            return Self::INFINITY;
        }
        if self.mantissa == 0 {
            return other;
        }
        if other.mantissa == 0 {
            return self;
        }
        let (large, small) = if (self.exponent, self.mantissa) < (other.exponent, other.mantissa) {
            (other, self)
        } else {
            (self, other)
        };
        // 62 bits behind the mantissa; what falls off behind them is remembered in the last one.
        let high = u128::from(large.mantissa) << 62;
        let low = u128::from(small.mantissa) << 62;
        let distance = large.exponent.abs_diff(small.exponent).min(127);
        let aligned = low >> distance;
        let aligned = aligned | u128::from(aligned << distance != low);
        let sum =
            if large.is_negative == small.is_negative { high + aligned } else { high - aligned };
        let exponent = large.exponent - 62;
        Self { is_negative: large.is_negative && sum != 0, ..round(sum, exponent) }
    }

    /// The number with up to 17 digits behind the point; `None` if it is not finite.
    pub(crate) fn format(self) -> Option<Vec<u8>> {
        if !self.is_finite {
            return None;
        }
        let mut number = Big::from(u128::from(self.mantissa));
        for _ in 0..FRACTION_DIGITS {
            number.multiply_add(10, 0);
        }
        number.scale(self.exponent);
        let mut digits = number.into_digits();
        let point = FRACTION_DIGITS as usize;
        while digits.len() <= point {
            digits.insert(0, b'0');
        }
        digits.insert(digits.len() - point, b'.');
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        if digits.last() == Some(&b'.') {
            digits.pop();
        }
        if self.is_negative && digits != b"0" {
            digits.insert(0, b'-');
        }
        Some(digits)
    }
}

/// `value * 2^exponent` rounded to 64 bits, ties to even.
fn round(value: u128, exponent: i32) -> Extended {
    if value == 0 {
        return Extended::ZERO;
    }
    let zeros = value.leading_zeros();
    let value = value << zeros;
    let exponent = exponent - i32::try_from(zeros).expect("at most 127");
    // Truncation to the upper half is meant.
    let mantissa = u64::try_from(value >> 64).expect("64 bits are left");
    let rest = value & u128::from(u64::MAX);
    let half = 1u128 << 63;
    let up = half < rest || rest == half && mantissa & 1 == 1;
    match mantissa.checked_add(u64::from(up)) {
        Some(mantissa) => Extended { mantissa, exponent: exponent + 64, ..Extended::ZERO },
        None => Extended { mantissa: 1 << 63, exponent: exponent + 65, ..Extended::ZERO },
    }
}

/// A natural number of any size, least significant word first, without leading zero words.
#[derive(Debug, Clone, Default)]
struct Big(Vec<u32>);

impl From<u128> for Big {
    fn from(value: u128) -> Self {
        let words = value.to_le_bytes();
        let words = words.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes));
        let mut big = Self(words.collect());
        big.trim();
        big
    }
}

impl Big {
    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    fn bits(&self) -> u32 {
        let words = u32::try_from(self.0.len()).expect("thousands of digits at most");
        self.0.last().map_or(0, |word| words * 32 - word.leading_zeros())
    }

    fn multiply_add(&mut self, factor: u32, add: u32) {
        let mut carry = u64::from(add);
        for word in &mut self.0 {
            carry += u64::from(*word) * u64::from(factor);
            *word = low_word(carry);
            carry >>= 32;
        }
        if carry != 0 {
            self.0.push(low_word(carry));
        }
    }

    /// Divides, and returns the remainder.
    fn divide(&mut self, divisor: u32) -> u32 {
        let mut rest = 0;
        for word in self.0.iter_mut().rev() {
            let value = rest << 32 | u64::from(*word);
            *word = low_word(value / u64::from(divisor));
            rest = value % u64::from(divisor);
        }
        self.trim();
        low_word(rest)
    }

    fn shift_left(&mut self, bits: u32) {
        let (words, bits) = ((bits / 32) as usize, bits % 32);
        self.multiply_add(1 << bits, 0);
        if !self.0.is_empty() {
            self.0.splice(0..0, std::iter::repeat_n(0, words));
        }
    }

    /// Drops the lowest words; true if that lost anything.
    fn drop_words(&mut self, words: usize) -> bool {
        self.0.drain(..words.min(self.0.len())).any(|word| word != 0)
    }

    /// Multiplies with `2^exponent` and rounds to a whole number, ties to even.
    fn scale(&mut self, exponent: i32) {
        let distance = exponent.unsigned_abs();
        if 0 <= exponent {
            self.shift_left(distance);
            return;
        }
        // One bit stays behind the point; what is lost beyond it only breaks a tie.
        let (words, bits) = ((distance - 1) / 32, (distance - 1) % 32);
        let mut is_more = self.drop_words(words as usize);
        is_more |= self.divide(1 << bits) != 0;
        let is_half = self.divide(2) != 0;
        let is_odd = self.0.first().is_some_and(|word| word & 1 == 1);
        if is_half && (is_more || is_odd) {
            self.multiply_add(1, 1);
        }
    }

    /// The number times `2^exponent`, rounded to 64 bits.
    fn round(&mut self, exponent: i32, is_more: bool) -> Extended {
        let words = self.0.len().saturating_sub(4);
        let is_more = self.drop_words(words) || is_more;
        let mut value =
            self.0.iter().rev().fold(0u128, |value, word| value << 32 | u128::from(*word));
        let exponent = exponent + i32::try_from(words * 32).expect("thousands of digits at most");
        // More than 96 bits are left then: the last one only says that something is missing.
        value |= u128::from(is_more);
        round(value, exponent)
    }

    fn into_digits(mut self) -> Vec<u8> {
        let mut digits = Vec::new();
        while !self.0.is_empty() {
            let mut group = self.divide(1_000_000_000);
            for _ in 0..9 {
                digits.push(b'0' + u8::try_from(group % 10).expect("a digit"));
                group /= 10;
            }
        }
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        digits.reverse();
        digits
    }
}

/// The lower 32 bits.
fn low_word(value: u64) -> u32 {
    u32::try_from(value & u64::from(u32::MAX)).expect("masked")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected texts are Redis 7.0's own (x86-64).
    #[test]
    fn sums_have_the_digits_of_a_long_double() {
        let read = |text: &str| Extended::parse(text.as_bytes()).unwrap();
        let check = |value: &str, by: &str, expected: &str| {
            let sum = read(value).plus(read(by));
            assert_eq!(String::from_utf8(sum.format().unwrap()).unwrap(), expected, "{value} {by}");
        };
        check("10.50", "0.1", "10.6");
        check("10.6", "5000", "5010.60000000000000009");
        check("0.1", "0.2", "0.3");
        check("3", "1.1e-10", "3.00000000011");
        check("3.00000000011", "1.1e-20", "3.00000000011");
        check("-0", "1", "1");
        check("-0", "-0.0", "0");
        check("1", "-1", "0");
        check("-1e-30", "0", "0");
        check("0", "9223372036854775807", "9223372036854775807");
        check("1.5", "-3", "-1.5");
        check(
            "1e308",
            "0",
            "99999999999999999996685879655845645660560099847415567207797047994921734868838061872100126921888539320446747225054013223152134749593960583597420814430196418767959100019603190778663109604507106667939153395788938914560543563061268364901618630217086589253444881623791300855757318142424510452728255046343928578048",
        );
    }

    #[test]
    fn reads_what_the_reference_reads() {
        for bad in ["", " 3", "3 ", "abc", "nan", "1e", ".", "--1", "1e5000", "1.2.3", "e5"] {
            assert_eq!(Extended::parse(bad.as_bytes()), None, "{bad:?}");
        }
        for zero in ["0", "-0.0", "+.0", "0.e10", "1e-6000"] {
            assert_eq!(Extended::parse(zero.as_bytes()).unwrap().mantissa, 0, "{zero:?}");
        }
        for infinite in ["inf", "-Infinity"] {
            assert_eq!(
                Extended::parse(infinite.as_bytes()).unwrap().format(),
                None,
                "{infinite:?}"
            );
        }
    }
}
