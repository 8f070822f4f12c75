//! Numbers as C's `%.*g` writes them, which is how Lua and Redis's libraries do.

/// `%.{precision}g`.
pub(crate) fn g(number: f64, precision: usize) -> String {
    if number.is_nan() {
        return if number.is_sign_negative() { "-nan" } else { "nan" }.to_owned();
    }
    if number.is_infinite() {
        return if number < 0.0 { "-inf" } else { "inf" }.to_owned();
    }
    let precision = precision.max(1);
    let scientific = format!("{:.*e}", precision - 1, number);
    let (mantissa, exponent) = scientific.split_once('e').expect("Rust writes an exponent");
    let exponent: i32 = exponent.parse().expect("an exponent of Rust's");
    let wanted = i32::try_from(precision).unwrap_or(i32::MAX);
    if exponent < -4 || wanted <= exponent {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trimmed(mantissa), exponent.abs());
    }
    let digits = usize::try_from(wanted - 1 - exponent).unwrap_or(0);
    trimmed(&format!("{number:.digits$}")).to_owned()
}

/// Without zeros behind the point, and without a point with nothing behind it.
fn trimmed(text: &str) -> &str {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => text,
    }
}

/// As Lua's `tostring` and its conversions to strings.
pub(crate) fn lua_number(number: f64) -> String {
    g(number, 14)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_as_in_c() {
        for (number, precision, text) in [
            (0.0, 14, "0"),
            (-0.0, 14, "-0"),
            (1.0, 14, "1"),
            (0.1, 17, "0.10000000000000001"),
            (0.1, 14, "0.1"),
            (1.5, 17, "1.5"),
            (1e15, 14, "1e+15"),
            (123_456_789_012_345_680.0, 14, "1.2345678901235e+17"),
            (1e100, 14, "1e+100"),
            (1e-5, 14, "1e-05"),
            (0.0001, 14, "0.0001"),
            (99_999_999_999_999.0, 14, "99999999999999"),
            (999_999_999_999_999.9, 14, "1e+15"),
            (100.0, 14, "100"),
            (f64::INFINITY, 14, "inf"),
            (f64::NEG_INFINITY, 14, "-inf"),
        ] {
            assert_eq!(g(number, precision), text, "{number}");
        }
    }
}
