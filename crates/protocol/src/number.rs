//! Numbers in arguments, as strict as Redis reads them.

/// A signed integer: optional `-`, digits without leading zeros, nothing else.
pub(crate) fn parse_i64(text: &[u8]) -> Option<i64> {
    match text {
        [b'0'] => Some(0),
        [b'-', digits @ ..] => {
            accumulate(digits, |value, digit| value.checked_mul(10)?.checked_sub(digit))
        }
        digits => accumulate(digits, |value, digit| value.checked_mul(10)?.checked_add(digit)),
    }
}

/// A cursor: an unsigned integer as C's `strtoul` takes it, which also means an empty one is 0 and
/// leading zeros, a sign and what follows a zero byte do not matter.
pub(crate) fn parse_cursor(text: &[u8]) -> Option<u64> {
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() && !text.is_empty() {
        return None;
    }
    let value = digits.iter().try_fold(0u64, |value, byte| {
        let digit = byte.checked_sub(b'0').filter(|&digit| digit < 10)?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })?;
    Some(if negative { value.wrapping_neg() } else { value })
}

/// Longest text that is looked at as a float.
const FLOAT_BYTES_MAX: usize = 256;

/// A float that is a number; infinities are for the caller to judge.
pub(crate) fn parse_f64(text: &[u8]) -> Option<f64> {
    if text.is_empty() || FLOAT_BYTES_MAX < text.len() {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    let value: f64 = text.parse().ok()?;
    // An overflow in the text is no infinity asked for.
    let asked_for = text.trim_start_matches(['+', '-']).starts_with(['i', 'I']);
    (!value.is_nan() && (value.is_finite() || asked_for)).then_some(value)
}

fn accumulate(digits: &[u8], add: impl Fn(i64, i64) -> Option<i64>) -> Option<i64> {
    if !matches!(digits.first(), Some(b'1'..=b'9')) {
        return None;
    }
    digits.iter().try_fold(0i64, |value, byte| {
        let digit = byte.checked_sub(b'0').filter(|&digit| digit < 10)?;
        add(value, i64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_strict_and_end_where_the_type_ends() {
        let check = |text: &str, expected| {
            assert_eq!(parse_i64(text.as_bytes()), expected, "{text:?}");
        };
        check("0", Some(0));
        check("-1", Some(-1));
        check("2147483648", Some(1 << 31));
        check("4294967296", Some(1 << 32));
        check("9223372036854775807", Some(i64::MAX));
        check("-9223372036854775808", Some(i64::MIN));
        for bad in [
            "",
            "-",
            "+1",
            "-0",
            "00",
            "01",
            "-01",
            " 1",
            "1 ",
            "1.0",
            "0x1",
            "a",
            "--1",
            "9223372036854775808",
            "-9223372036854775809",
            "18446744073709551615",
            "99999999999999999999",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn cursors_are_as_loose_as_the_reference_reads_them() {
        let check = |text: &str, expected| {
            assert_eq!(parse_cursor(text.as_bytes()), expected, "{text:?}");
        };
        check("", Some(0));
        check("01", Some(1));
        check("+1", Some(1));
        check("-1", Some(u64::MAX));
        check("18446744073709551615", Some(u64::MAX));
        for bad in ["18446744073709551616", " 1", "1 ", "a", "-", "+"] {
            check(bad, None);
        }
    }

    #[test]
    fn floats_are_numbers() {
        let check = |text: &str, expected| {
            assert_eq!(parse_f64(text.as_bytes()), expected, "{text:?}");
        };
        check("1.", Some(1.0));
        check(".5", Some(0.5));
        check("+1", Some(1.0));
        check("-3e2", Some(-300.0));
        check("inf", Some(f64::INFINITY));
        for bad in ["", " 1", "1 ", "nan", "1e5000", "a", "."] {
            check(bad, None);
        }
    }
}
