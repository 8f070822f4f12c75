//! Any bytes are requests or a refusal, however they are cut into reads; the grammar takes every
//! request, and answers what it answers alone with one whole reply.
//!
//! Input: limits, cuts, then what a client sends.

use crate::{Script, wire};
use protocol::{Limits, Request, Version};

/// Bytes of replies that are looked at. COMMAND DOCS has half a megabyte, and 4 KiB of input have room for
/// hundreds of them.
const ANSWER_BYTES: usize = 16 << 10;

/// Runs one input.
pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let limits = limits(&mut script);
    let cuts: Vec<u16> = (0..script.byte() % 8).map(|_| script.u16()).collect();
    let input = script.rest();

    let whole = wire::decode(&[input], limits);
    let mut cuts: Vec<usize> =
        cuts.iter().map(|&cut| usize::from(cut) % (input.len() + 1)).collect();
    cuts.extend([0, input.len()]);
    cuts.sort_unstable();
    let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &input[cut[0]..cut[1]]).collect();
    assert_eq!(wire::decode(&pieces, limits), whole, "cut at {cuts:?}");
    if input.len() < 512 {
        let bytes: Vec<&[u8]> = input.chunks(1).collect();
        assert_eq!(wire::decode(&bytes, limits), whole, "byte by byte");
    }

    let (requests, end) = whole;
    let mut answered = 0;
    for request in &requests {
        within(request, limits);
        answered += answer(request, answered < ANSWER_BYTES);
    }
    // What came out goes in again.
    let again: Vec<u8> = requests.iter().flat_map(|request| wire::request(request)).collect();
    let taken =
        wire::decode(&[&again], Limits { bulk_bytes_max: usize::MAX >> 1, ..Limits::default() });
    assert!(taken.0 == requests || is_http(&requests), "{requests:?}");
    if let Err(error) = end {
        assert!(!error.to_string().contains(['\r', '\n']), "{error}");
    }
}

pub(super) fn limits(script: &mut Script) -> Limits {
    match script.byte() % 3 {
        0 => Limits::default(),
        1 => Limits::unauthenticated(),
        _ => Limits {
            bulk_bytes_max: 1 + usize::from(script.byte()),
            args_max: 1 + usize::from(script.byte() % 8),
            inline_bytes_max: 1 + usize::from(script.byte()),
            authenticated: script.byte().is_multiple_of(2),
        },
    }
}

/// A request never holds more than its client may send.
pub(super) fn within(request: &[Vec<u8>], limits: Limits) {
    let longest = request.iter().map(Vec::len).max().unwrap_or(0);
    assert!(longest <= limits.bulk_bytes_max.max(limits.inline_bytes_max), "{longest} bytes");
    let inline_args_max = limits.inline_bytes_max / 2 + 1;
    assert!(request.len() <= limits.args_max.max(inline_args_max), "{} arguments", request.len());
}

/// An inline request may begin with words that are refused in an array.
fn is_http(requests: &[Vec<Vec<u8>>]) -> bool {
    let is =
        |word: &[u8]| word.eq_ignore_ascii_case(b"post") || word.eq_ignore_ascii_case(b"host:");
    requests.iter().any(|request| is(&request[0]))
}

/// Reads a request, and looks at what it is answered with if that `is_wanted`; the bytes looked at.
fn answer(request: &[Vec<u8>], is_wanted: bool) -> usize {
    let args: Vec<&[u8]> = request.iter().map(Vec::as_slice).collect();
    let parsed = protocol::resolve(&args).and_then(|spec| protocol::parse(spec, &args, 7));
    if !is_wanted {
        return 0;
    }
    let mut out = Vec::new();
    match parsed {
        Ok(Request::Ready(reply)) => {
            for version in [Version::Resp2, Version::Resp3] {
                out.clear();
                protocol::encode(&reply, version, usize::MAX, &mut out)
                    .expect("a reply without a limit");
                wire::expect_one_reply(&out);
            }
        }
        Ok(_) => {}
        Err(error) => {
            protocol::encode_error(&error, &mut out);
            wire::expect_one_reply(&out);
        }
    }
    out.len()
}
