//! Glob patterns as KEYS, SCAN, CONFIG GET and PSUBSCRIBE know them.

/// Bytes of a pattern that one match may look at. Only a pattern and a text of thousands of bytes each,
/// made for the purpose, need more; they count as not matching, and nobody waits for them.
const STEPS_MAX: usize = 1 << 20;

/// Longest class, of which each byte of each key may cost a look: every one of the 256 bytes, written
/// as a range, fits. A pattern with a longer one matches nothing.
const CLASS_BYTES_MAX: usize = 1024;

/// Whether upper and lower case of ASCII letters are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// They are: key names.
    Sensitive,
    /// They are not: names of directives.
    Insensitive,
}

/// Whether all of `text` matches `pattern`: `*` any bytes, `?` any one byte, `[abc]`, `[a-z]`,
/// `[^a]` one byte of a class, `\` takes the next byte literally.
///
/// Iterative: only the last star seen is ever tried again with more text, as what matched before it
/// leaves the most text to the rest already.
#[must_use]
pub fn glob_matches(pattern: &[u8], text: &[u8], case: Case) -> bool {
    matches_in(pattern, text, case, &mut 0)
}

/// The same, with the steps that it took added to `steps`.
fn matches_in(pattern: &[u8], text: &[u8], case: Case, steps: &mut usize) -> bool {
    let (mut p, mut t) = (0, 0);
    // Pattern after the last star, and the text from which its rest was tried.
    let mut star = None;
    while *steps < STEPS_MAX {
        *steps += 1;
        if pattern.get(p) == Some(&b'*') {
            p += pattern[p..].iter().take_while(|byte| **byte == b'*').count();
            if p == pattern.len() {
                return true;
            }
            star = Some((p, t));
        }
        match (p < pattern.len(), text.get(t)) {
            (false, None) => return true,
            // The rest wants more text; starting it later would leave even less.
            (true, None) => return false,
            (true, Some(&byte)) => {
                let (matches, len) = one_byte(&pattern[p..], byte, case);
                *steps += len;
                if CLASS_BYTES_MAX < len {
                    return false;
                }
                if matches {
                    p += len;
                    t += 1;
                    continue;
                }
            }
            (false, Some(_)) => {}
        }
        let Some((after_star, tried_from)) = star else { return false };
        star = Some((after_star, tried_from + 1));
        (p, t) = (after_star, tried_from + 1);
    }
    false
}

/// Whether the first element of a pattern (no star) matches `byte`, and the element's length.
fn one_byte(pattern: &[u8], byte: u8, case: Case) -> (bool, usize) {
    match pattern {
        [b'?', ..] => (true, 1),
        [b'[', class @ ..] => {
            let (matches, len) = in_class(class, byte, case);
            (matches, 1 + len)
        }
        [b'\\', literal, ..] => (same(*literal, byte, case), 2),
        [literal, ..] => (same(*literal, byte, case), 1),
        [] => (false, 0),
    }
}

/// Whether `byte` is in the class that begins behind its bracket, and the class's length. As in
/// Redis, a class that is never closed ends with the pattern, `[]` matches nothing, and a reversed
/// range is turned round.
fn in_class(class: &[u8], byte: u8, case: Case) -> (bool, usize) {
    let is_negated = class.first() == Some(&b'^');
    let mut at = usize::from(is_negated);
    let mut is_in = false;
    let fold = |byte: u8| if case == Case::Insensitive { byte.to_ascii_lowercase() } else { byte };
    while at <= CLASS_BYTES_MAX {
        match class[at..] {
            [] => break,
            [b']', ..] => {
                at += 1;
                break;
            }
            [b'\\', literal, ..] => {
                is_in |= same(literal, byte, case);
                at += 2;
            }
            [from, b'-', to, ..] => {
                let (low, high) = (from.min(to), from.max(to));
                is_in |= (fold(low)..=fold(high)).contains(&fold(byte));
                at += 3;
            }
            [literal, ..] => {
                is_in |= same(literal, byte, case);
                at += 1;
            }
        }
    }
    (is_in != is_negated, at)
}

fn same(left: u8, right: u8, case: Case) -> bool {
    match case {
        Case::Sensitive => left == right,
        Case::Insensitive => left.eq_ignore_ascii_case(&right),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, text: &str, expected: bool) {
        let matches = glob_matches(pattern.as_bytes(), text.as_bytes(), Case::Sensitive);
        assert_eq!(matches, expected, "{pattern:?} on {text:?}");
    }

    #[test]
    fn matches_as_redis_does() {
        for (pattern, text) in [
            ("*", ""),
            ("", ""),
            ("h?llo", "hallo"),
            ("h*llo", "hllo"),
            ("h*llo", "heeeello"),
            ("h[ae]llo", "hello"),
            ("h[^e]llo", "hallo"),
            ("h[a-b]llo", "hbllo"),
            ("h[b-a]llo", "hallo"),
            ("a\\*", "a*"),
            ("a\\", "a\\"),
            ("[\\]]", "]"),
            ("[a", "a"),
            ("[^]", "x"),
            ("**a**", "xxa"),
            ("*ab*ab", "abxabab"),
            ("[a-]x", "`"),
            ("*?", "x"),
        ] {
            check(pattern, text, true);
        }
        for (pattern, text) in [
            ("", "a"),
            ("?", ""),
            ("h[^e]llo", "hello"),
            ("[]", "a"),
            ("a\\*", "ab"),
            ("A", "a"),
            ("*ab*ab", "abxaba"),
            ("h*o", "hello!"),
            ("[^a-z]", "q"),
            ("*?", ""),
        ] {
            check(pattern, text, false);
        }
        assert!(glob_matches(b"MAX[a-f]\\?*", b"maxD?mem", Case::Insensitive));
    }

    #[test]
    fn a_hostile_pattern_ends_soon() {
        let stars = "*a".repeat(1 << 19);
        let class = "b".repeat(1 << 20);
        let steps = |pattern: &str, text: &str, expected: bool| {
            let mut steps = 0;
            let matches =
                matches_in(pattern.as_bytes(), text.as_bytes(), Case::Sensitive, &mut steps);
            assert_eq!(matches, expected);
            steps
        };
        let text = "a".repeat(1 << 20);
        assert!(steps(&stars[..1 << 18], &text[..1 << 18], true) <= STEPS_MAX);
        for pattern in [
            format!("{stars}b"),
            format!("*{}b", "?".repeat(1 << 19)),
            format!("*[{class}]"),
            format!("*[^{class}]b"),
            format!("*{}", "[^b]".repeat(1 << 18) + "b"),
        ] {
            assert!(steps(&pattern, &text, false) <= STEPS_MAX + CLASS_BYTES_MAX + 4);
            // There may be millions of keys: a short one does not pay for a long pattern.
            assert!(steps(&pattern, "a short key", false) < 4096, "{}", &pattern[..10]);
        }
        let all: String = ('!'..='Z').map(|c| format!("{c}-{c}")).collect();
        check(&format!("[{all}]*"), "KEY", true);
    }
}
