//! The value of FUNCTION DUMP, in the form that Redis 7 gives it: so that libraries move both ways.
//!
//! For each library a byte 245, the length of its code, the code; then the version of the form in two
//! bytes, and a CRC-64 of all before it in eight. Redis may have compressed the code (LZF).

use engine::CommandError;

/// A library follows.
const LIBRARY: u8 = 245;

/// Version of Redis's form that is written; those up to it and a few later ones are read.
const VERSION: u16 = 10;
const VERSION_MAX: u16 = 13;

const FOOTER_BYTES: usize = 10;

const WRONG: CommandError = CommandError::Fixed("ERR DUMP payload version or checksum are wrong");
const NO_FUNCTION: CommandError = CommandError::Fixed("ERR given type is not a function");
const UNREADABLE: CommandError = CommandError::Fixed("ERR failed loading functions payload");

/// Longest code that a compressed one may become.
const CODE_BYTES_MAX: usize = 64 << 20;

pub(super) fn dump<'c>(codes: impl Iterator<Item = &'c [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    for code in codes {
        out.push(LIBRARY);
        put_length(code.len(), &mut out);
        out.extend_from_slice(code);
    }
    out.extend_from_slice(&VERSION.to_le_bytes());
    let sum = crc64(&out);
    out.extend_from_slice(&sum.to_le_bytes());
    out
}

fn put_length(length: usize, out: &mut Vec<u8>) {
    let bytes = (length as u64).to_be_bytes();
    match length {
        0..0x40 => out.push(bytes[7]),
        0x40..0x4000 => out.extend_from_slice(&[0x40 | bytes[6], bytes[7]]),
        _ if length <= 0xffff_ffff => {
            out.push(0x80);
            out.extend_from_slice(&bytes[4..]);
        }
        _ => {
            out.push(0x81);
            out.extend_from_slice(&bytes);
        }
    }
}

pub(super) fn restore(payload: &[u8]) -> Result<Vec<Vec<u8>>, CommandError> {
    let body = payload.len().checked_sub(FOOTER_BYTES).ok_or(WRONG)?;
    let (body, footer) = payload.split_at(body);
    let version = u16::from_le_bytes([footer[0], footer[1]]);
    let sum = u64::from_le_bytes(footer[2..].try_into().expect("eight bytes"));
    if VERSION_MAX < version || crc64(&payload[..payload.len() - 8]) != sum {
        return Err(WRONG);
    }
    let mut reader = Reader { rest: body };
    let mut codes = Vec::new();
    while let Some((&kind, rest)) = reader.rest.split_first() {
        reader.rest = rest;
        if kind != LIBRARY {
            return Err(NO_FUNCTION);
        }
        codes.push(reader.string().ok_or(UNREADABLE)?);
    }
    Ok(codes)
}

struct Reader<'r> {
    rest: &'r [u8],
}

/// A length, or the mark of a compressed string.
enum Length {
    Plain(usize),
    Compressed,
}

impl<'r> Reader<'r> {
    fn take(&mut self, count: usize) -> Option<&'r [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn length(&mut self) -> Option<Length> {
        let first = self.take(1)?[0];
        let number =
            |bytes: &[u8]| bytes.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
        let length = match (first >> 6, first) {
            (0, _) => u64::from(first),
            (1, _) => u64::from(first & 0x3f) << 8 | u64::from(self.take(1)?[0]),
            (2, 0x80) => number(self.take(4)?),
            (2, 0x81) => number(self.take(8)?),
            (3, 0xc3) => return Some(Length::Compressed),
            _ => return None,
        };
        usize::try_from(length).ok().map(Length::Plain)
    }

    fn plain_length(&mut self) -> Option<usize> {
        match self.length()? {
            Length::Plain(length) => Some(length),
            Length::Compressed => None,
        }
    }

    fn string(&mut self) -> Option<Vec<u8>> {
        match self.length()? {
            Length::Plain(length) => self.take(length).map(<[u8]>::to_vec),
            Length::Compressed => {
                let (compressed, length) = (self.plain_length()?, self.plain_length()?);
                decompress(self.take(compressed)?, length)
            }
        }
    }
}

/// LZF: runs of plain bytes, and references to what stands before.
fn decompress(mut bytes: &[u8], length: usize) -> Option<Vec<u8>> {
    if CODE_BYTES_MAX < length {
        return None;
    }
    let mut out = Vec::new();
    while let Some((&control, rest)) = bytes.split_first() {
        bytes = rest;
        if control < 32 {
            let (run, rest) = bytes.split_at_checked(usize::from(control) + 1)?;
            out.extend_from_slice(run);
            bytes = rest;
        } else {
            let mut count = usize::from(control >> 5);
            if count == 7 {
                let (&more, rest) = bytes.split_first()?;
                count += usize::from(more);
                bytes = rest;
            }
            let (&low, rest) = bytes.split_first()?;
            bytes = rest;
            let back = (usize::from(control & 31) << 8 | usize::from(low)) + 1;
            let start = out.len().checked_sub(back)?;
            for at in start..start + count + 2 {
                out.push(out[at]);
            }
        }
        if length < out.len() {
            return None;
        }
    }
    (out.len() == length).then_some(out)
}

/// The CRC-64 of Jones, reflected, as Redis's values carry it.
fn crc64(bytes: &[u8]) -> u64 {
    const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;
    bytes.iter().fold(0, |mut sum, byte| {
        sum ^= u64::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ POLYNOMIAL } else { sum >> 1 };
        }
        sum
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_that_of_redis() {
        assert_eq!(crc64(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
    }

    #[test]
    fn what_redis_dumped_is_read_and_written() {
        let libraries: [&[u8]; 2] = [
            b"#!lua name=a\nredis.register_function(1,function() end)",
            b"#!lua name=b\nredis.register_function('f',function() end)",
        ];
        let mut recorded = Vec::new();
        for (length, library) in [(b"\xf56", libraries[0]), (b"\xf58", libraries[1])] {
            recorded.extend_from_slice(length);
            recorded.extend_from_slice(library);
        }
        recorded.extend_from_slice(b"\n\x00\xf1l\xc4\xf7\xff\xa0 \x8b");
        assert_eq!(dump(libraries.into_iter()), recorded);
        assert_eq!(restore(&recorded).unwrap(), libraries);
        for at in 0..recorded.len() {
            let mut damaged = recorded.clone();
            damaged[at] ^= 1;
            assert!(restore(&damaged).is_err(), "{at}");
        }
    }

    #[test]
    fn compressed_text_is_read() {
        // "aaaaaaaaaa": one plain byte, then nine copies of what stands one before.
        assert_eq!(decompress(&[0, b'a', 0xe0, 0, 0], 10).unwrap(), b"aaaaaaaaaa");
        assert_eq!(decompress(&[0, b'a', 0xe0, 0, 0], 9), None);
        assert_eq!(decompress(&[0x20, 0], 3), None);
    }
}
