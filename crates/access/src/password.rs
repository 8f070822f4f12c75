//! Passwords, of which only the hash is kept.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// SHA-256 of a password.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PasswordHash([u8; 32]);

impl PasswordHash {
    /// The hash of a password.
    #[must_use]
    pub fn of(password: &[u8]) -> Self {
        Self(Sha256::digest(password).into())
    }

    /// Reads 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &[u8]) -> Option<Self> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut hash = [0; 32];
        let (pairs, rest) = text.as_chunks::<2>();
        if pairs.len() != hash.len() || !rest.is_empty() {
            return None;
        }
        for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
            *byte = 16 * digit(*high)? + digit(*low)?;
        }
        Some(Self(hash))
    }

    /// The digits.
    #[must_use]
    pub fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether two are the same, in a time that does not depend on how much of them is.
    pub(crate) fn same(self, other: Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

/// Not even the hash belongs into a log.
impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_read_as_they_are_printed() {
        let hash = PasswordHash::of(b"abc");
        let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash.to_hex(), hex);
        assert_eq!(PasswordHash::from_hex(hex.as_bytes()), Some(hash));
        for bad in ["", "ba", &hex[1..], &hex.to_uppercase(), &format!("{hex}0"), &"g".repeat(64)] {
            assert_eq!(PasswordHash::from_hex(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(format!("{hash:?}"), "PasswordHash");
    }
}
