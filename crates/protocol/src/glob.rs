//! Glob patterns for names of commands, without regard to case: `*`, `?`, `[a-z]`, `[^a-z]`, `\x`.

/// Whether all of `name` matches `pattern`. Takes at most as many steps as the product of the lengths.
pub(crate) fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    // Where the last star stands and how much of the name it has swallowed so far.
    let mut star: Option<(usize, usize)> = None;
    loop {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at, read));
            at += 1;
            continue;
        }
        if read == name.len() && at == pattern.len() {
            return true;
        }
        let step = name.get(read).and_then(|&byte| one(&pattern[at..], byte));
        match (step, &mut star) {
            (Some(len), _) => {
                at += len;
                read += 1;
            }
            (None, Some((place, swallowed))) if *swallowed < name.len() => {
                *swallowed += 1;
                (at, read) = (*place + 1, *swallowed);
            }
            (None, _) => return false,
        }
    }
}

/// The length of the pattern's first item if it matches `byte`.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    let byte = byte.to_ascii_lowercase();
    match *pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'[', ref class @ ..] => in_class(class, byte).map(|len| len + 1),
        [b'\\', escaped, ..] => (escaped.to_ascii_lowercase() == byte).then_some(2),
        [plain, ..] => (plain.to_ascii_lowercase() == byte).then_some(1),
    }
}

/// The length of a class behind its bracket if it holds `byte`. A class need not be closed.
fn in_class(class: &[u8], byte: u8) -> Option<usize> {
    let inverted = class.first() == Some(&b'^');
    let mut at = usize::from(inverted);
    let mut found = false;
    loop {
        match class[at.min(class.len())..] {
            [] => break,
            [b']', ..] => {
                at += 1;
                break;
            }
            [b'\\', escaped, ..] => {
                found |= escaped.to_ascii_lowercase() == byte;
                at += 2;
            }
            [first, b'-', last, ..] => {
                let (first, last) = (first.to_ascii_lowercase(), last.to_ascii_lowercase());
                found |= (first.min(last)..=first.max(last)).contains(&byte);
                at += 3;
            }
            [plain, ..] => {
                found |= plain.to_ascii_lowercase() == byte;
                at += 1;
            }
        }
    }
    (found != inverted).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_as_a_shell_does() {
        let check = |pattern: &str, name: &str, expected| {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        };
        check("*", "", true);
        check("XR*", "xrange", true);
        check("*a*e", "xrange", true);
        check("x?ead", "xread", true);
        check("x[a-r]ead", "xread", true);
        check("x[^r]ead", "xread", false);
        check("xrea", "xread", false);
        check("xread?", "xread", false);
        check("x[r", "xr", true);
        check("\\*", "x", false);
        check("**********b", "aaaaaaaaaaaaaaaaaaaaaaaa", false);
    }
}
