//! The text of a score.

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
